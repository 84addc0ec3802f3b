"""Written instructions: what a text model replies becomes questions and answers, or is rejected with its
reason; and captions that agree least with their clips are left out.
"""

import json
import signal
import sys

import numpy as np
import pytest
from conftest import Fork, lines, sh, wait_for
from test_served import Fake, asked_text, says
from test_video import coded_clip
from test_viit import build as build_dual

from lib.captions import read_captions
from lib.prompts import INSTRUCTION_EXAMPLES, ONLY_ANSWER
from lib.training.rows import mixed_rows
from lib.viit.checks import problem_of, read_reply
from lib.viit.filter import verdicts

TEXT = (
    "<Man> A man wearing a clown costume throws three eggs at a boy. <Boy> The boy laughs and falls "
    "backwards into a blue pool. <Background> Trees and a wooden house."
)


def reply(question, answer):
    return f"Question: {question}\nAnswer: {answer}"


GOOD = [
    ("short", "What does the man throw?", "eggs"),
    ("short", "What does the man throw?", "three eggs."),
    ("short", "How many eggs are thrown?", "3"),
    ("short", "How many eggs are thrown?", "Three"),
    ("short", "Who throws eggs?", "the clown"),
    ("short", "Who throws eggs?", "A man"),
    ("short", "Is the pool blue?", "Yes"),
    ("short", "Which colour does the pool have?", "blue"),
    ("short", "Is the pool blue or green?", "blue"),
    ("short", "What is in the background?", "trees"),
    ("short", "What does the boy do first?", "laughing"),
    ("temporal", "What does the boy do after the eggs are thrown?", "He laughs and falls into the pool."),
    ("temporal", "Which comes first, the throw or the fall?", "The throw comes first, then the fall."),
    ("temporal", "What happens while the man throws eggs?", "A boy laughs at him and falls down."),
    ("causal", "Why does the boy laugh?", "Because a clown throws eggs at him."),
    ("causal", "What makes the boy fall?", "He laughs so much that he loses his balance."),
    ("causal", "How does the boy get wet?", "He falls backwards into a pool."),
]
BAD = [
    ("short", "What does the man throw?", "three brown hen eggs", "more than 3 words"),
    ("short", "How many eggs are thrown?", "four", "does not follow from the text"),
    ("short", "Who throws eggs?", "a woman", "does not follow from the text"),
    ("short", "Which colour does the pool have?", "green", "does not follow from the text"),
    ("short", "Where does the boy fall?", "into it", "without a word that means something"),
    ("short", "Which colour does the pool have?", "Yes", "yes or no to another question"),
    ("short", "Who is the man in the clown costume?", "clown", "gives the answer away"),
    ("short", "What do the three eggs that are thrown look like?", "eggs", "gives the answer away"),
    ("short", "What colour is the ball?", "unknown", "does not answer"),
    ("short", "What colour is the hat?", "Not specified", "does not answer"),
    ("short", "Tell me who throws eggs.", "the man", "no question"),
    ("short", "?", "the man", "without words"),
    ("short", "Who throws eggs?", "...", "without words"),
    ("short", "Who throws eggs?", "<Man>", "placeholder"),
    ("short", "Who throws eggs in <video>?", "man", "placeholder"),
    ("short", "Who throws eggs according to the caption?", "man", "speaks of the text"),
    ("temporal", "What is described first?", "The man throws three eggs.", "speaks of the text"),
    ("temporal", "What comes after the first sentence?", "The boy laughs and falls.", "speaks"),
    ("temporal", "What colour is the pool?", "It is a blue pool there.", "asks for no order"),
    ("temporal", "What does the boy do after that?", "He laughs.", "fewer than 4 words"),
    ("causal", "What is the man wearing?", "He is wearing a clown costume.", "asks for no cause"),
    ("causal", "Why does he laugh?", "The narrative does not say why.", "speaks of the text"),
    ("causal", "Why does he laugh?", "It is unclear why he laughs.", "does not answer"),
    ("causal", "Why does he laugh?", "I'm sorry, as an AI I cannot say.", "does not answer"),
]
WHOLE = {
    "**Question:** Who throws eggs?\n**Answer:** the man": ("Who throws eggs?", "the man"),
    "Sure! Here it is:\n\nQuestion: Who throws eggs?\nAnswer: the man": ("Who throws eggs?", "the man"),
    "question: Who throws eggs?\n\nanswer: the man\n\nI hope this helps!": ("Who throws eggs?", "the man"),
    "Question: Who throws?\nAnswer: the man\n\nQuestion: Who falls?\nAnswer: boy": ("Who throws?", "the man"),
    "Question: Who throws?\nAnswer: the man\nQuestion: Who falls?\nAnswer: boy": ("Who throws?", "the man"),
    "Who throws eggs?\nThe man.": None,
    "Question: Who throws eggs? Answer: the man": None,
    "Question:\nAnswer:": None,
    "": None,
}


@pytest.mark.parametrize("kind, question, answer", GOOD)
def test_a_good_instruction_is_kept(kind, question, answer):
    assert problem_of(kind, read_reply(reply(question, answer)), TEXT) is None


@pytest.mark.parametrize("kind, question, answer, reason", BAD)
def test_a_bad_one_is_rejected_with_its_reason(kind, question, answer, reason):
    assert reason in problem_of(kind, read_reply(reply(question, answer)), TEXT)


@pytest.mark.parametrize("text", WHOLE)
def test_a_reply_is_read_in_its_two_lines(text):
    assert (read_reply(text) or (None,) * 3)[:2] == (WHOLE[text] or (None, None))
    if WHOLE[text] is None:
        assert "no lines" in problem_of("short", None, TEXT)


@pytest.mark.parametrize("kind", INSTRUCTION_EXAMPLES)
def test_our_own_examples_pass_but_for_being_examples(kind):
    for text, question, answer in INSTRUCTION_EXAMPLES[kind]:
        assert problem_of(kind, read_reply(reply(question, answer)), text) == "an example again"
        other = reply(f"Tell me, would you: {question.lower()}", answer) if kind == "short" else None
        assert other is None or problem_of(kind, read_reply(other), text) is None


def test_what_is_nearly_an_example_is_one_again_and_a_reply_may_be_cut_off_behind_it():
    nearly = reply("What does the man do after feeding the animals on the water?", "He eats three eggs.")
    assert problem_of("temporal", read_reply(nearly), TEXT) == "an example again"
    copied = reply("What does the boy do after that?", "He gets up from the bench and runs to a swing.")
    assert problem_of("temporal", read_reply(copied), TEXT) == "an example again"
    foreign = reply("What does the boy do after that?", "She opens her umbrella and walks home.")
    assert "nothing of the answer" in problem_of("temporal", read_reply(foreign), TEXT)
    good = reply("Who throws eggs?", "the man")
    assert problem_of("short", read_reply(good, True), TEXT) == "cut off"
    assert problem_of("short", read_reply(good + "\n\nQuestion: Who fal", True), TEXT) is None


# ---------------------------------------------------------------- the command

SAID = ["A dog catches a red ball in a garden.", "A boy paints a wall, then he cleans his brush."]


@pytest.fixture
def narrated(tmp_path):
    """Two clips with texts, one of them with two, as a user has them."""
    for n in range(2):
        coded_clip(tmp_path / f"{n}.mp4", 8)
    rows = [{"video": "0.mp4", "caption": SAID[0]}, {"video": "0.mp4", "caption": "the garden is large"}]
    rows.append({"video": "1.mp4", "caption": SAID[1], "start": 0, "end": 0.2})
    path = tmp_path / "narratives.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def wrote(body, nth):
    """A server's reply to a request for an instruction."""
    text = asked_text(body)
    ball = "red ball" in text.rpartition("Sentences:")[2]
    if "at most three words" in text:
        return says(reply("What does the dog catch?", "ball") if ball else reply("Who paints?", "a girl"))
    if "asks why or how" in text:
        return says("I would rather not.")
    if ball:
        return says(reply("What does the dog do at last?", "It catches the red ball."))
    return says(reply("What does the boy do after painting the wall?", "He cleans the brush."))


def instruct(source, output, url, *words, check=True):
    model = f"{url}#tiny"
    command = [sys.executable, "-m", "lib.viit.instructions", source, "-o", output, "--model", model]
    return sh(*command, *words, check=check)


def test_a_server_writes_instructions_that_05_reads(narrated, tmp_path, capsys):
    server, out = Fake(wrote), tmp_path / "out" / "instructions.jsonl"
    printed = instruct(narrated, out, server.url).stdout
    rows = {row["id"]: row for row in lines(out)}
    assert len(rows) == 6 and list(rows)[0] == "0.mp4#temporal#0"
    kept = {id for id, row in rows.items() if row["keep"]}
    assert kept == {"0.mp4#temporal#0", "0.mp4#short#0", "1.mp4_0_0.2#temporal#0"}
    short = rows["0.mp4#short#0"]
    assert short["question"] == f"What does the dog catch?\n{ONLY_ANSWER}" and short["answer"] == "ball"
    assert short["captions"] == [SAID[0], "the garden is large"]
    assert "does not follow from the text: girl" in rows["1.mp4_0_0.2#short#0"]["why"]
    assert (
        rows["1.mp4_0_0.2#causal#0"]["why"].startswith("no lines") and rows["1.mp4_0_0.2#causal#0"]["reply"]
    )
    assert (rows["1.mp4_0_0.2#temporal#0"]["start"], rows["1.mp4_0_0.2#temporal#0"]["end"]) == (0, 0.2)
    assert "short: 1 of 2 kept" in printed and "causal: 0 of 2 kept" in printed
    assert "2 not kept: no lines of a question and its answer" in printed
    trained = mixed_rows(str(out))
    assert {row.id for row in trained} == kept and {row.kind for row in trained} == {"temporal", "short"}
    # the garden's sentences are shown whole, with two worked examples and the clip's own text last
    prompt = asked_text(server.asked[0][0])
    assert prompt.count("Sentences: ") == 3 and "the garden is large." in " ".join(
        asked_text(body) for body, *_ in server.asked
    )
    assert "complete already" in instruct(narrated, out, server.url).stdout
    server.stop()


def test_several_of_a_kind_differ_and_the_same_question_is_kept_once(narrated, tmp_path):
    server, out = Fake(wrote), tmp_path / "instructions.jsonl"
    instruct(narrated, out, server.url, "--kinds", "temporal", "--per-clip", "3")
    rows = [row for row in lines(out) if row["id"].startswith("1.mp4")]
    assert [row["keep"] for row in rows].count(True) == 1
    assert sum("the same question" in row.get("why", "") for row in rows) == 2
    assert len({asked_text(body) for body, *_ in server.asked}) == 6
    server.stop()


def test_what_the_server_failed_to_write_is_tried_again(narrated, tmp_path):
    def half(body, nth):
        return (400, {}, b"no") if "asks why or how" in asked_text(body) else wrote(body, nth)

    server, out = Fake(half), tmp_path / "instructions.jsonl"
    failed = instruct(narrated, out, server.url, check=False)
    assert failed.returncode == 1 and "more than --max-failures" in failed.stderr and not out.exists()
    server.reply = wrote
    instruct(narrated, out, server.url)
    rows = lines(out)
    assert len(rows) == 6 and not any("error" in row for row in rows)
    server.stop()


@pytest.mark.slow
def test_killed_and_started_again_nothing_is_written_twice(narrated, tmp_path):
    import time

    def slow(body, nth):
        time.sleep(0.3)
        return wrote(body, nth)

    server, out = Fake(slow), tmp_path / "instructions.jsonl"
    words = ["--per-clip", "4", "--batch-size", "1"]
    command = [sys.executable, "-m", "lib.viit.instructions", str(narrated), "-o", str(out)]
    job = Fork([*command, "--model", f"{server.url}#tiny", *words])
    part = tmp_path / "instructions.jsonl.part"
    wait_for(lambda: part.exists() and part.read_bytes().count(b"\n") > 4, job)
    job.send_signal(signal.SIGKILL)
    job.finish()
    there = part.read_bytes().count(b"\n")
    before = len(server.asked)
    server.reply = wrote
    instruct(narrated, out, server.url, *words)
    rows = lines(out)
    assert len(rows) == len({row["id"] for row in rows}) == 24
    assert len(server.asked) - before == 24 - there
    server.stop()


@pytest.mark.parametrize(
    "words, code, found",
    [
        (["--per-clip", "0"], 2, "--per-clip"),
        (["--kinds", "odd"], 2, "invalid choice"),
        (["--dtype", "float32"], 2, "server's matter"),
    ],
)
def test_flags_that_nothing_obeys_are_refused(narrated, tmp_path, words, code, found):
    refused = instruct(narrated, tmp_path / "x.jsonl", "http://127.0.0.1:9/v1", *words, check=False)
    assert refused.returncode == code and found in refused.stderr


# ---------------------------------------------------------------- agreement


def test_captions_are_left_out_by_share_by_cosine_and_by_rank():
    cosines = [np.array([0.9, 0.1]), None, np.array([0.5, 0.5, 0.4])]
    assert verdicts(cosines) == {}
    assert set(verdicts(cosines, least=0.45)) == {(0, 1), (2, 2)}
    assert set(verdicts(cosines, best=1)) == {(0, 1), (2, 1), (2, 2)}
    assert set(verdicts(cosines, drop=0.2)) == {(0, 1)}
    assert verdicts([None, None], drop=0.2, best=1) == {}


def test_a_dual_encoder_filters_captions(narrated, tmp_path):
    dual = build_dual("clip", tmp_path / "dual")
    out = tmp_path / "out" / "filtered.jsonl"
    command = [sys.executable, "-m", "lib.viit.filter", narrated, "-o", out, "--model", dual]
    printed = sh(*command, "--best", "1").stdout
    rows = lines(out)
    assert len(rows) == 3 and "2 of 3 captions kept, 0 clips lost" in printed
    first = [row for row in rows if row["id"] == "0.mp4"]
    assert [row["keep"] for row in first].count(True) == 1
    best = max(first, key=lambda row: row["agreement"])
    kept = next(row for row in first if row["keep"])  # of two that agree alike one
    assert kept["agreement"] == best["agreement"] and all(-1 <= row["agreement"] <= 1 for row in rows)
    clips = read_captions(out)
    assert [clip.captions for clip in clips] == [[kept["answer"]], [SAID[1]]]
    assert clips[0].file == str(tmp_path / "0.mp4")
    (tmp_path / "1.mp4").unlink()
    lost = sh(*command, "--best", "1", "--overwrite", "--seed", "1", check=False)
    assert lost.returncode == 1 and "1.mp4" in lost.stderr
    assert sh(*command, check=False).returncode == 2
