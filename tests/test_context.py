"""A prompt or a row that exceeds the model's context is said in one line, before anything is generated."""

import json
import re
import shutil
import sys

import pytest
import torch
from conftest import lines, sh
from families import build
from test_video import coded_clip
from transformers import BloomConfig, LlamaConfig, LlavaConfig

from lib.model import generate, open_model, question_on
from lib.model.context import context_of, too_long
from lib.model.inputs import chat, encode, training_text
from lib.model.load import load
from lib.model.processor import processor_of
from lib.prompts import render
from lib.video import read_frames

LABEL = {"name": "it", "kind": "class", "value": "red"}
LONG = "and look at every single moment of it carefully " * 12


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with questions on two clips, the same as kept answers, and a Qwen3-VL with a context of 200
    tokens, `small`, and its like of 4,096, `plain`.
    """
    folder = tmp_path_factory.mktemp("context")
    build("qwen3_vl", folder / "plain")
    with_context(folder / "plain", folder / "small", 200)
    for name in "ab":
        coded_clip(folder / f"{name}.mp4", 30)
    rows = [
        {
            "id": f"q{i}",
            "video": f"{'ab'[i % 2]}.mp4",
            "question": f"What is {'now ' * i}it?",
            "labels": [LABEL],
        }
        for i in range(4)
    ]
    write(folder / "train.jsonl", rows)
    return folder


def with_context(source, folder, tokens):
    """A copy of a checkpoint whose context is `tokens` long."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = tokens
    (folder / "config.json").write_text(json.dumps(config))


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def kept(made, name, long=()):
    """A file of kept answers to the questions; those of the ids in `long` are long."""
    rows = [
        {**row, "origin": "direct", "sample": 0, "keep": True}
        | {"answer": f"It is red{', ' + LONG if row['id'] in long else ''}.\nAnswer: red"}
        for row in lines(made / "train.jsonl")
    ]
    return write(made / name, rows)


def complaint(done):
    """The one line in which a stage says why it failed."""
    assert done.returncode == 1 and "Traceback" not in done.stderr
    (said,) = (line for line in done.stderr.split("\n") if "error: " in line)
    assert "answers in" not in done.stdout and "step 1/" not in done.stdout
    return said


def prompt_length(made, record, frames, model="plain"):
    """Tokens of a record's prompt, visual ones included."""
    processor = processor_of(made / model)
    clip = read_frames(str(made / record["video"]), frames)
    return encode(processor, [chat(processor, render(record, "direct"))], [clip])["input_ids"].shape[1]


@pytest.mark.parametrize("script", ["02_generate.py", "03_rationalize.py", "06_eval.py"])
def test_where_no_prompt_fits_a_stage_ends_before_it_generates(script, made, tmp_path):
    words = [made / "train.jsonl", "-o", tmp_path / "out.json", "--model", made / "small"]
    said = complaint(sh(script, *words, "--frames", 64, "--max-failures", 4, check=False))
    assert f"{made / 'small'}: no prompt tried fits: the prompt has " in said
    assert re.search(
        r"has \d\d\d tokens, [45]\d\d of them visual, and the answer up to 1,024 new ones, "
        r"but the model's context is 200 tokens: lower --frames$",
        said,
    )
    assert not (tmp_path / "out.json").exists()


def test_an_answer_ends_where_the_context_does_whatever_its_batch(made, tmp_path):
    outputs = []
    for name, batch in (("small", 1), ("small", 4), ("plain", 4)):
        outputs.append(tmp_path / f"{name}{batch}.jsonl")
        words = ["-o", outputs[-1], "--model", made / name, "--frames", 2, "--batch-size", batch]
        done = sh("02_generate.py", made / "train.jsonl", *words, "--max-new-tokens", 150)
        assert ("has room for" in done.stdout) == (name == "small")
    one, four, plain = map(lines, outputs)
    assert one == four and not any("error" in row for row in one)
    rooms = [200 - prompt_length(made, row, 2) for row in lines(made / "train.jsonl")]
    assert len(set(rooms)) > 1 and max(rooms) < 150
    assert [row["tokens"] for row in one] == [min(r["tokens"], room) for r, room in zip(plain, rooms)]
    assert any(row.get("truncated") for row in one)


def test_a_context_that_is_not_reached_changes_nothing(made, tmp_path):
    for name in ("small", "plain"):
        words = ["-o", tmp_path / f"{name}.jsonl", "--model", made / name, "--frames", 2]
        said = sh("02_generate.py", made / "train.jsonl", *words, "--max-new-tokens", 20).stdout
        assert "has room for" not in said
    assert lines(tmp_path / "small.jsonl") == lines(tmp_path / "plain.jsonl")


def test_a_prompt_that_alone_does_not_fit_costs_its_own_records(made, tmp_path):
    first, *others = lines(made / "train.jsonl")
    rows = [*others, {**first, "question": LONG, "video": str(made / "a.mp4")}]
    rows = [{**row, "video": str(made / row["video"])} for row in rows]
    questions = write(tmp_path / "train.jsonl", rows)
    command = ["02_generate.py", questions, "--model", made / "small", "--max-new-tokens", 20]
    command += ["-o", tmp_path / "out.jsonl", "--batch-size", 1]
    refused = sh(*command, check=False)
    assert (
        refused.returncode == 1 and "more than --max-failures 0.02 allows; the last: q0: " in refused.stderr
    )
    sh(*command, "--max-failures", 1)  # goes on, although what is left to do begins with the long one
    answered = lines(tmp_path / "out.jsonl")
    assert [row["id"] for row in answered if "error" in row] == ["q0"]
    assert re.match(r"the prompt has \d+ tokens, \d+ of them visual", answered[-1]["error"])
    assert [row["tokens"] for row in answered[:-1]] == [20] * 3


def test_an_explanation_too_long_to_be_concluded_is_an_error_with_the_numbers(made, monkeypatch):
    model, processor = load(str(made / "small"), torch.device("cpu"), torch.float32)
    said = ["red " * 200 + "\nAnswer: red", "red\nAnswer: red"]
    real = generate.generate

    def answer(model, processor, texts, *inputs, **how):
        if any("\nAnswer:" in text for text in texts):  # the conclusion
            return real(model, processor, texts, *inputs, **how)
        return [generate.Answer(text, 50, True) for text in said]

    monkeypatch.setattr(generate, "generate", answer)
    rows = lines(made / "train.jsonl")[:3:2]
    prompt = [render(row, "direct") for row in rows]
    asked = [
        question_on(row, text, str(made / "train.jsonl"), conclude=text) for row, text in zip(rows, prompt)
    ]
    (answers,) = open_model(model, processor, frames=2).answers(asked)
    assert "the model's context is 200" in answers[0]["error"] and "answer" in answers[1]


@pytest.mark.parametrize("how", [["--lora-rank", 4], ["--full"]])
def test_rows_that_do_not_fit_end_training_before_its_first_step(how, made, tmp_path):
    command = ["05_finetune.py", kept(made, "kept.jsonl", ["q1"]), "--model", made / "small", *how]
    command += ["-o", tmp_path / "model", "--batch-size", 2]
    said = complaint(sh(*command, check=False))
    assert re.search(
        r"kept.jsonl: q1: the row has \d+ tokens, \d+ of them visual, but the model's context is 200 tokens: "
        r"lower --frames; at least 1 of 8 rows are too long, more than --max-failures 0.02 allows",
        said,
    )
    done = sh(*command, "--max-failures", 1)
    assert done.stdout.count("left out: q1: the row has") == 1 and (tmp_path / "model/DONE").exists()
    assert (
        "left out"
        not in sh(*command[:1], kept(made, "short.jsonl"), *command[2:-4], "-o", tmp_path / "2").stdout
    )


def test_a_row_too_long_by_its_video_alone_is_left_out(made, tmp_path):
    first = lines(kept(made, "kept.jsonl"))[0]
    coded_clip(made / "large.mp4", 30, side=320)
    rows = [
        {**first, "answer": "It is red, and so it is.\nAnswer: red"},
        {**first, "id": "large", "video": "large.mp4", "answer": "It is red.\nAnswer: red"},
    ]
    processor = processor_of(made / "plain")
    prompt = chat(processor, render(first, "direct"))
    tail = training_text(processor, prompt, rows[0]["answer"])[1]
    with_context(made / "plain", tmp_path / "model", prompt_length(made, rows[0], 2) + tail)
    command = ["05_finetune.py", write(made / "videos.jsonl", rows), "--model", tmp_path / "model"]
    command += ["--frames", 2, "--pairs", "reasoning", "--max-failures", 1]
    for name, how in (("encoded ahead", ["--epochs", 2]), ("in full", ["--full"])):
        said = sh(*command, "-o", tmp_path / name, *how).stdout
        assert said.count("left out: large: the row has") == said.count("left out") == 1


def plan(made, model, frames):
    shared = f"--frames {frames} --max-new-tokens 20"
    words = [made / "train.jsonl", "--test", made / "train.jsonl", "--model", made / model, "--trial", 0]
    words += [f"--{stage}={shared}" for stage in ("generate", "rationalize", "evaluate")]
    words += [f"--finetune=--model {made / model} --frames {frames}"]
    return sh(sys.executable, "-m", "lib.tools.plan", *words, check=False)


def test_a_plan_says_that_no_prompt_fits(made, tmp_path):
    said = complaint(plan(made, "small", 64))
    assert f"02_generate.py with {made / 'small'}: the prompt has " in said
    assert "the model's context is 200 tokens: lower --frames" in said
    fits = plan(made, "small", 2)
    assert fits.returncode == 0 and "context" not in fits.stdout + fits.stderr


def test_a_plan_warns_of_the_longest_prompts(made, tmp_path):
    first, *others = lines(made / "train.jsonl")
    rows = [{**first, "question": LONG}, *others]
    shutil.copytree(made, tmp_path / "made")
    write(tmp_path / "made/train.jsonl", rows)
    done = plan(tmp_path / "made", "small", 2)
    assert done.returncode == 0 and done.stdout.count("WARNING: 02_generate.py with") == 1
    assert "will leave out its longest prompts: the prompt has " in done.stdout


def test_a_context_is_what_the_configuration_says():
    def context(**text):
        return context_of(LlavaConfig(text_config=LlamaConfig(**text)))

    rope = {"rope_theta": 1e4, "factor": 4.0}
    assert context(max_position_embeddings=2048) == 2048
    assert context(max_position_embeddings=4096, rope_parameters={**rope, "rope_type": "linear"}) == 16384
    yarn = {**rope, "rope_type": "yarn", "original_max_position_embeddings": 4096}
    assert context(max_position_embeddings=4096, rope_parameters=yarn) == 16384
    assert context(max_position_embeddings=16384, rope_parameters=yarn) == 16384
    long = {**rope, "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    long["original_max_position_embeddings"] = 8192
    assert context(max_position_embeddings=32768, rope_parameters=long) == 32768
    assert context_of(BloomConfig()) is None
    assert too_long(10**6, 0, 10, None) is None


@pytest.mark.parametrize(
    "tokens,new,fits",
    [(30, 1000, True), (36, 1000, True), (37, 1000, False), (90, 10, True), (91, 10, False), (100, 1, False)],
)
def test_a_prompt_fits_if_it_leaves_room_for_a_last_line_or_for_all_that_is_asked(tokens, new, fits):
    assert (too_long(tokens, 5, new, 100) is None) == fits
