"""Thinking models through the whole loop: a tiny one whose template begins a thought, its records, the rows
it is trained on, served ones, and what the verifier makes of a thought.
"""

import json
import re

import pytest
from conftest import lines
from families import THINKING, build
from test_families import generate, kept, questions, stage  # noqa: F401 (fixtures)
from test_served import fake, says  # noqa: F401
from test_served import generate as ask_server
from test_served import questions as of_server  # noqa: F401
from thinking_cases import CASES, record_of

from lib.thoughts import said_in, split_thought, with_thought
from lib.verifier import verify_all

LIMITED = ["--max-thought-tokens", "6", "--max-new-tokens", "8", "--samples", "6"]
THOUGHT = "It is big and red.\nOr blue?"


@pytest.fixture(scope="module", params=list(THINKING))
def base(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "base"
    build(request.param, folder)
    return folder


@pytest.fixture(scope="module")
def processor(base):
    from lib.model.processor import processor_of

    return processor_of(str(base))


@pytest.fixture(scope="module")
def generated(base, questions):  # noqa: F811
    """Answers of 02, whose thoughts have 6 tokens at most."""
    path = base.parent / "generated.jsonl"
    assert generate(base, questions, path, *LIMITED) == 0
    return path


# ---------------------------------------------------------------- what was written


def test_answers_of_thinking_models_that_were_held_out():
    records = [record_of(*case[:4]) for case in CASES]
    results = verify_all(records, vocabulary={})
    right = sum(result["verdict"] in case[4] for case, result in zip(CASES, results))
    assert len(CASES) == 40 and right >= 38


def test_thought_and_answer_are_apart_in_the_records(generated):
    rows = lines(generated)
    assert len(rows) == 30 and all(row.get("thought") or row["answer"] for row in rows)
    assert not any(re.search("</?think>", row["answer"] + row.get("thought", "")) for row in rows)
    cut = [row for row in rows if row.get("thought_truncated")]
    whole = [row for row in rows if row.get("thought") and row not in cut]
    assert cut and whole  # the closing tag was written for some, by others themselves
    # six of the thought, four of the tag and its lines, and the whole of --max-new-tokens behind them
    assert max(row["tokens"] for row in rows if row.get("truncated")) == 6 + 4 + 8 + 1
    assert max(row["tokens"] for row in rows) == 6 + 4 + 8 + 1
    meta = json.loads(generated.with_name("generated.jsonl.meta.json").read_text())
    assert meta["settings"]["max_thought_tokens"] == 6 and meta["sampling"]["max_thought_tokens"] == 6


def test_limits_of_thoughts_do_not_depend_on_the_batch(base, questions, generated, tmp_path):  # noqa: F811
    for size in ("1", "10"):
        path = tmp_path / f"{size}.jsonl"
        assert generate(base, questions, path, *LIMITED, "--batch-size", size) == 0
        assert lines(path) == lines(generated)


def test_without_a_limit_of_its_own_a_thought_may_use_up_the_answer(base, questions, tmp_path):  # noqa: F811
    assert generate(base, questions, tmp_path / "out.jsonl", "--max-new-tokens", "4") == 0
    rows = lines(tmp_path / "out.jsonl")
    unfinished = [row for row in rows if not row["answer"]]
    assert unfinished and all(row["thought"] and row["truncated"] for row in unfinished)
    assert {r["verdict"] for r in verify_all(unfinished, vocabulary={})} == {"unfinished"}


def test_think_no_asks_for_no_thought_and_concluding_keeps_it(base, questions, tmp_path, capsys):  # noqa: F811
    words = ["--model", base, "--think", "no", "--max-new-tokens", "6"]
    assert stage("06_eval.py", questions, "-o", tmp_path / "eval.json", *words) == 0
    assert "<think>\n\n  </think>" in capsys.readouterr().out.replace("  \n", "\n")  # the first prompt
    words = ["--model", base, "--max-thought-tokens", "3", "--max-new-tokens", "6", "--conclude-unaided"]
    assert stage("03_rationalize.py", questions, "-o", tmp_path / "why.jsonl", *words) == 0
    rows = lines(tmp_path / "why.jsonl")
    assert len(rows) == 5 and any(row.get("thought") for row in rows)


def test_a_template_that_cannot_be_told_is_bad_usage(questions, kept, tmp_path, capsys):  # noqa: F811
    build("video_llava", tmp_path / "model")
    out = tmp_path / "out.jsonl"
    assert generate(tmp_path / "model", questions, out, "--think", "no") == 2
    assert "takes no enable_thinking" in capsys.readouterr().err
    assert generate(tmp_path / "model", questions, out, "--max-thought-tokens", "5") == 2
    assert "knows no tags of a thought" in capsys.readouterr().err
    words = ["-o", tmp_path / "new", "--model", tmp_path / "model", "--think", "yes"]
    assert stage("05_finetune.py", kept, *words) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]  # before any work


def test_tags_that_are_special_tokens_survive_and_others_do_not(processor):
    """Gemma's: what skips special tokens would leave the thought in the answer."""
    from copy import deepcopy

    from lib.model.thinking import decoded, reply_of

    tokenizer = deepcopy(processor.tokenizer)
    tokenizer.add_tokens(["<|channel>", "<channel|>"], special_tokens=True)
    written = f"<|channel>thought\n{THOUGHT}<channel|>Answer: red<|im_end|><|video_pad|>"
    text = decoded(tokenizer, tokenizer(written)["input_ids"])
    assert text == f"<|channel>thought\n{THOUGHT}<channel|>Answer: red"
    assert reply_of(text, True) == {"answer": "Answer: red", "thought": THOUGHT}


def test_a_thought_that_the_answer_begins_itself_has_its_limit_too(processor):
    import torch

    from lib.model.budget import Budget
    from lib.model.thinking import TAGS

    tokenizer = processor.tokenizer
    budget = Budget(tokenizer, TAGS[0], False, 5, 4, tokenizer.eos_token_id, 2).behind(0)
    rows = [tokenizer("<think>")["input_ids"], tokenizer("a")["input_ids"]]
    for _ in range(20):
        scores = torch.zeros(2, len(tokenizer))
        scores[:, tokenizer("b")["input_ids"][0]] = 1
        chosen = budget(torch.tensor(rows), scores).argmax(-1).tolist()
        rows = [[*row, token] for row, token in zip(rows, chosen)]
    first, second = map(tokenizer.decode, rows)
    assert first.startswith("<think>bbbbb\n</think>\n\nbbbb<|im_end|>")
    assert budget.of(0, len(tokenizer(first.split("<|im_end|>")[0])["input_ids"])) == (False, False)
    assert budget.of(1, 3) == (True, True) and second.startswith("abbb<|im_end|>"), second


def test_a_judge_that_thinks_is_asked_not_to_and_a_thought_alone_is_no_reply(base):
    from lib.model.judge import reply_or_reason
    from lib.model.text import ask

    ((key, reply),) = ask(str(base), [("k", "Reply with yes or no.")], max_new_tokens=6)
    assert key == "k" and isinstance(reply["answer"], str)
    cut_off = {"answer": "", "thought": THOUGHT, "truncated": True}
    assert "128 tokens of thought and no reply" in reply_or_reason(cut_off, 128)["error"]
    assert reply_or_reason({"answer": "yes", "thought": THOUGHT}, 128) == {"reply": "yes"}


# ---------------------------------------------------------------- what is trained on


@pytest.mark.parametrize(
    "think, text, tail",
    [
        (None, "walking", "<think>\n\n</think>\n\nwalking"),
        (None, with_thought(" ", "walking"), "<think>\n\n</think>\n\nwalking"),
        (None, with_thought(THOUGHT, "walking"), f"<think>\n{THOUGHT}\n</think>\n\nwalking"),
        # tags of the answer's own, and those of another family
        (None, f"<think>{THOUGHT}</think>walking", f"<think>\n{THOUGHT}\n</think>\n\nwalking"),
        (
            None,
            f"\u25c1think\u25b7{THOUGHT}\u25c1/think\u25b7walking",
            f"<think>\n{THOUGHT}\n</think>\n\nwalking",
        ),
        ("no", with_thought(THOUGHT, "walking"), "<think>\n\n</think>\n\nwalking"),
        ("no", "walking", "<think>\n\n</think>\n\nwalking"),
    ],
)
def test_rows_are_in_the_form_that_the_template_asks_for(processor, think, text, tail):
    from lib.model.inputs import chat, training_text

    prompt = chat(processor, "What?", think)
    full, trained = training_text(processor, prompt, text)
    assert full == prompt[: prompt.index("<think>")] + tail + "<|im_end|>"
    ids = processor.tokenizer(full, add_special_tokens=False)["input_ids"]
    assert prompt + processor.tokenizer.decode(ids[-trained:]) == full


def test_a_template_that_leaves_it_to_the_model(processor):
    """Qwen3's: nothing stands behind the prompt, and the model writes both tags."""
    from copy import copy

    from lib.model.inputs import chat, training_text

    leaving = copy(processor)
    leaving.chat_template = processor.chat_template.replace("{{ '<think>\n' }}", "")
    prompt = chat(leaving, "What?")
    for text in ("walking", with_thought(THOUGHT, "walking"), with_thought(" ", "walking")):
        assert training_text(leaving, prompt, text)[0] == prompt + text + "<|im_end|>"


def test_rows_of_both_kinds_are_shown_and_trained_on(base, kept, tmp_path, capsys):  # noqa: F811
    verified = kept.with_name("thinking.jsonl")
    rows = [{**row, "thought": THOUGHT} for row in lines(kept)]
    rows[1]["answer"] = f"<think>{rows[1].pop('thought')}</think>{rows[1]['answer']}"
    rows[2]["thought_truncated"] = True  # no reasoning row
    verified.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = [
        "-o",
        tmp_path / "model",
        "--model",
        base,
        "--lora-rank",
        "4",
        "--epochs",
        "1",
        "--batch-size",
        "9",
    ]
    assert stage("05_finetune.py", verified, *words) == 0
    said = capsys.readouterr().out.replace("\n  ", "\n")
    first, second = said.split("trained tokens in [brackets]:\n")[1:]
    assert f"<think>\n[{THOUGHT}\n</think>\n\nThe square has one colour.\nAnswer: red<|im_end|>]" in first
    assert re.search(r"<think>\n+\[\n*</think>\n\nred<\|im_end\|>\]|<think>\[\n\n</think>", second), second
    assert json.loads((tmp_path / "model.meta.json").read_text())["rows"] == 9


def test_thoughts_that_no_prompt_asks_for_are_left_out_aloud(kept, tmp_path, capsys):  # noqa: F811
    build("video_llava", tmp_path / "base")
    verified = kept.with_name("thoughts.jsonl")
    verified.write_text("".join(json.dumps({**row, "thought": THOUGHT}) + "\n" for row in lines(kept)))
    words = ["-o", tmp_path / "model", "--model", tmp_path / "base", "--lora-rank", "4", "--steps", "1"]
    assert stage("05_finetune.py", verified, *words) == 0
    said = capsys.readouterr().out
    assert f"5 thoughts are left out: the prompt of {tmp_path / 'base'} asks for none" in said
    assert THOUGHT.split()[0] not in said.split("ASSISTANT:")[1].split("]")[0]


# ---------------------------------------------------------------- served


def test_what_a_server_tells_apart(fake, of_server, tmp_path):  # noqa: F811
    """Its own fields, both of them at once, tags left in the content, and an answer that never began."""
    replies = {
        "0": ({"content": "Answer: red", "reasoning": THOUGHT}, "stop"),
        "1": ({"content": "Answer: red", "reasoning": THOUGHT, "reasoning_content": THOUGHT}, "stop"),
        "2": ({"content": f"{THOUGHT}</think>\n\nAnswer: red"}, "stop"),
        "3": ({"content": None, "reasoning": THOUGHT}, "length"),
        "4": ({"content": "Answer: red", "reasoning_content": THOUGHT}, "stop"),
        "5": ({"content": f"<think>{THOUGHT}"}, "length"),
        "6": ({"content": None, "reasoning_content": THOUGHT}, "stop"),
    }

    def reply(body, nth):
        number = re.search(r"number (\d+)", json.dumps(body))[1]
        message, reason = replies.get(number, ({"content": "Answer: red"}, "stop"))
        status, headers, content = says("", reason)
        content["choices"][0]["message"] = {"role": "assistant", **message}
        return status, headers, content

    server, out = fake(reply), tmp_path / "out.jsonl"
    ask_server(of_server, out, f"{server.url}#tiny", "--think", "yes")
    assert all(body["chat_template_kwargs"] == {"enable_thinking": True} for body, *_ in server.asked)
    rows = lines(out)
    verdicts = [result["verdict"] for result in verify_all(rows, vocabulary={})]
    for number, (row, verdict) in enumerate(zip(rows, verdicts)):
        assert row.get("thought") == (THOUGHT if number < 7 else None), row
        unfinished = number in (3, 5, 6)
        assert (row["answer"], verdict) == (("", "unfinished") if unfinished else ("Answer: red", "correct"))
        assert row.get("truncated", False) == (number in (3, 5))


def test_a_limit_for_thoughts_where_the_server_takes_one(fake, of_server, tmp_path):  # noqa: F811
    server, words = fake(lambda body, nth: says()), ["--max-thought-tokens", "50", "--max-new-tokens", "9"]
    refused = ask_server(of_server, tmp_path / "out.jsonl", f"{server.url}#tiny", *words, check=False)
    assert refused.returncode == 2 and "takes thinking_token_budget" in refused.stderr and not server.asked
    server.interface = json.dumps({"properties": {"thinking_token_budget": {}}})
    ask_server(of_server, tmp_path / "out.jsonl", f"{server.url}#tiny", *words)
    asked = {(body["thinking_token_budget"], body["max_tokens"]) for body, *_ in server.asked}
    assert asked == {(50, 59)}


# ---------------------------------------------------------------- verified


def test_what_a_thought_says_counts_against_an_answer_and_never_for_it():
    label = {"name": "it", "kind": "class", "value": "walking", "options": ["walking", "running"]}
    record = {"id": "x", "question": "What?", "labels": [label], "answer": "Answer: walking"}
    long = "He moves a leg, then the other one, at step {}. " * 400
    told = long.format(*range(400)) + "The given answer is walking. " + long.format(*range(400, 800))
    for thought, origin, verdict in (
        ("He may run.", "rationalized", "correct"),
        (told, "rationalized", "leaked"),
        (told, "direct", "correct"),
        ("He walks and walks and walks again. " * 30, "direct", "degenerate"),
        ("I cannot see his feet. What does he do?", "direct", "correct"),
    ):
        apart = {**record, "thought": thought, "origin": origin}
        inside = {**record, "answer": f"<think>{thought}</think>{record['answer']}", "origin": origin}
        assert [r["verdict"] for r in verify_all([apart, inside], vocabulary={})] == [verdict] * 2, thought[
            :50
        ]


def test_a_record_says_the_same_with_its_thought_apart_or_in_tags():
    for record in (
        {"answer": "b", "thought": "a"},
        {"answer": "<think>a</think>b"},
        {"answer": "a</think>b"},
    ):
        assert said_in(record) == ("a", "b")
    assert split_thought(with_thought("<think>a", "b")) == ("<think>\na\n", "\n\nb", False)
