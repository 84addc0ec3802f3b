"""Prompts, rows to train on, and sampling, with the smoke run's tiny Video-LLaVA."""

import json
import os
import sys

import numpy as np
import pytest
from conftest import free_port, sh

from lib.prompts import form_text, label_text, render, strip_placeholders

QUESTION = {
    "id": "q",
    "video": "v.mp4",
    "question": "When is it red?",
    "labels": [{"name": "when", "kind": "interval", "value": [2.0, 5.5]}],
}


EXPLAIN_AND_CONCLUDE = (
    "Can you explain step-by-step how one can arrive at this conclusion? "
    "End with a line 'Answer: START to END seconds'."
)


def test_the_prompts_word_for_word():
    assert render(QUESTION, "direct") == f"Question: When is it red?\n{EXPLAIN_AND_CONCLUDE}"
    assert (
        render(QUESTION, "rationalized")
        == f"Question: When is it red?\nAnswer: 2 to 5.5 seconds.\n{EXPLAIN_AND_CONCLUDE}"
    )
    assert render(QUESTION, "short") == (
        "Question: When is it red?\nGive only the answer. Its form is 'START to END seconds'."
    )


@pytest.mark.parametrize(
    "labels, form",
    [
        ([{"kind": "class", "name": "hand_shape"}], "HAND SHAPE"),
        ([{"kind": "interval", "unit": "fraction"}], "START% to END% of the video"),
        ([{"kind": "sequence"}], "STEP, then STEP, and so on"),
        (
            [{"kind": "sequence", "name": "action_sequence"}, {"kind": "number", "name": "score"}],
            "action sequence: STEP, then STEP, and so on; score: NUMBER",
        ),
    ],
)
def test_the_last_line_is_asked_in_the_form_of_the_labels(labels, form):
    assert form_text([{"name": "thing", **label} for label in labels]) == form


@pytest.mark.parametrize(
    "label,text",
    [
        ({"kind": "class", "value": "high jump"}, "high jump"),
        ({"kind": "text", "value": "He sits down."}, "He sits down"),
        ({"kind": "number", "value": 63.0}, "63"),
        ({"kind": "number", "value": 3.25}, "3.25"),
        ({"kind": "interval", "value": [0.1, 0.45], "unit": "fraction"}, "10% to 45% of the video"),
        ({"kind": "time", "value": 3.0}, "3 seconds"),
        ({"kind": "box", "value": [0.5, 0.25, 0.9, 0.7]}, "[0.5, 0.25, 0.9, 0.7]"),
        ({"kind": "sequence", "value": ["Back", "2.5 Twists", "Entry"]}, "Back, then 2.5 Twists, then Entry"),
        ({"kind": "choice", "value": "B", "options": ["the box", "the cup"]}, "B. the cup"),
        ({"kind": "choice", "value": "B", "options": ["A. the box", "B. the cup"]}, "B. the cup"),
        ({"kind": "interval", "value": [[2, 5], [9.5, 12]]}, "2 to 5 seconds and 9.5 to 12 seconds"),
        ({"kind": "boolean", "value": False}, "no"),
    ],
)
def test_a_label_is_written_as_an_answer_would_say_it_and_the_verifier_agrees(label, text):
    from lib.verifier import verify

    label = {"name": "thing", **label}
    assert label_text([label]) == text
    record = {
        "id": "q",
        "question": "What is it?",
        "labels": [label],
        "duration": 12.0,
        "origin": "direct",
        "answer": f"I looked at all of the frames closely.\nAnswer: {text}",
    }
    assert verify(record, {})["verdict"] == "correct"


def test_several_labels_and_options():
    labels = [
        {"name": "final_score", "kind": "number", "value": 63.0},
        {"name": "difficulty", "kind": "number", "value": 3.2},
    ]
    assert label_text(labels) == "final score: 63; difficulty: 3.2"
    assert "\nA. one\nB. two\n" in render(
        {**QUESTION, "labels": [{"name": "c", "kind": "choice", "value": "A", "options": ["one", "two"]}]},
        "direct",
    )


def test_placeholders_never_survive():
    assert strip_placeholders("a <video> b<|video_pad|>c<|im_end|><image>") == "a  bc"
    assert strip_placeholders("2 < 3 and <b>bold</b> stay") == "2 < 3 and <b>bold</b> stay"


@pytest.fixture(scope="module")
def loaded(smoke):
    import torch

    from lib.model.load import load

    return load(str(smoke / "base"), torch.device("cpu"), torch.float32)


def clip(seed):
    frames = np.random.default_rng(seed).integers(0, 255, (8, 64, 64, 3), dtype=np.uint8)
    return frames, dict(
        total_num_frames=32, fps=4.0, frames_indices=list(range(2, 32, 4)), duration=8.0, height=64, width=64
    )


@pytest.mark.parametrize(
    "answer", ["It is red.\nAnswer: 2 to 5 seconds", "yes", " no ", "[0.1, 0.2, 0.3, 0.4]", "日本 ünï"]
)
def test_labels_are_the_answer_and_the_end_token_and_nothing_else(loaded, answer):
    from lib.model.inputs import chat, encode, training_batch

    _, processor = loaded
    prompt = chat(processor, render(QUESTION, "direct"))
    batch = training_batch(
        processor,
        [
            (prompt, answer),
            (prompt, "a much longer answer than the other one, so that rows are padded. Answer: 3"),
        ],
        [clip(0), clip(1)],
    )
    for ids, labels, text in zip(batch["input_ids"], batch["labels"], (answer, "a much longer")):
        trained = labels != -100
        assert (
            (labels[trained] == ids[trained]).all()
            and trained[-1]
            and not trained[: -int(trained.sum())].any()
        )
        said = processor.tokenizer.decode(ids[trained])
        assert (
            said.strip().startswith(text.strip()[:10])
            and said.endswith(processor.tokenizer.eos_token)
            and "Question" not in said
        )
    # the question as asked is a token prefix of the row as trained: asking and training differ in nothing
    asked = encode(processor, [prompt], [clip(0)])["input_ids"][0].tolist()
    row = training_batch(processor, [(prompt, answer)], [clip(0)])["input_ids"][0].tolist()
    assert row[: len(asked)] == asked


def test_rows_made_by_several_threads_are_those_of_one(loaded):
    """A fast tokenizer's padding is shared state: without a lock some batches come out ragged."""
    from lib.model.inputs import chat, training_batch
    from lib.video import prefetch

    _, processor = loaded
    prompt = chat(processor, render(QUESTION, "direct"))

    def rows(n):
        return training_batch(
            processor, [(prompt, "red " * (n % 7 + 1)), (prompt, "blue " * (n % 5 + 1))], [clip(0), clip(1)]
        )["input_ids"].tolist()

    assert list(prefetch(rows, range(120), workers=4, ahead=16)) == [rows(n) for n in range(120)]


def test_a_draw_depends_on_its_seed_alone(loaded):
    from lib.model.generate import generate
    from lib.model.inputs import chat

    model, processor = loaded
    prompts = [
        chat(processor, render({**QUESTION, "question": q}, "direct"))
        for q in (
            "When is it red?",
            "What is the shape doing?",
            "Where is the shape at the end, and how large?",
        )
    ]
    clips = [clip(n) for n in range(3)]

    def answers(order, seeds):
        said = generate(
            model,
            processor,
            [prompts[i] for i in order],
            [clips[i] for i in order],
            [seeds[i] for i in order],
            temperature=1.0,
            max_new_tokens=12,
        )
        return {i: a for i, (a, *_) in zip(order, said)}

    together = answers([0, 1, 2], [11, 12, 13])
    assert answers([2, 0, 1], [11, 12, 13]) == together
    assert {i: answers([i], [11, 12, 13])[i] for i in range(3)} == together
    assert answers([0, 1, 2], [21, 22, 23]) != together


def test_sampling_follows_the_distribution():
    import torch

    from lib.model.sampling import SampleByRow

    scores = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(4000, 1)
    for top_p, expected in ((1.0, [0.5, 0.3, 0.15, 0.05]), (0.75, [0.625, 0.375, 0, 0])):
        sampler = SampleByRow(list(range(4000)), 1.0, top_p, 5, 3, "cpu")
        drawn = sampler(torch.zeros(4000, 5, dtype=torch.long), scores).argmax(-1)
        shares = torch.bincount(drawn, minlength=4) / 4000
        assert torch.allclose(shares, torch.tensor(expected), atol=0.03), shares
    cold = SampleByRow([1, 2], 0.01, 1.0, 5, 3, "cpu")
    assert cold(torch.zeros(2, 5, dtype=torch.long), scores[:2]).argmax(-1).tolist() == [0, 0]


def test_models_that_cannot_chat_about_videos_say_so(smoke, tmp_path):
    import shutil

    from lib.model.load import load
    from lib.records import StageError

    shutil.copytree(smoke / "base", tmp_path / "mute")
    (tmp_path / "mute/chat_template.jinja").unlink()
    trained = tmp_path / "mute"
    for adapter in (tmp_path / "peft", trained / "adapter"):
        adapter.mkdir()
        (adapter / "adapter_config.json").write_text("{}")
    for name, reason in {
        trained: "no chat template",
        tmp_path / "none": "no such folder, and it has not the form OWNER/NAME of a hub id",
        "no/such": "no such folder, and of the hub: .*[^.]; expected",
        trained / "adapter": f"a LoRA adapter alone; name the merged checkpoint, {trained};",
        tmp_path / "peft": "a LoRA adapter alone; name the merged checkpoint;",
    }.items():
        with pytest.raises(StageError, match=reason):
            load(str(name), "cpu", "auto")


def test_a_checkpoint_may_be_the_folder_one_is_in(tmp_path, monkeypatch):
    from lib.model import checkpoint_id
    from lib.records import StageError

    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "model")
    assert checkpoint_id(".") == checkpoint_id(tmp_path / "model")
    (tmp_path / "model.part").mkdir()
    with pytest.raises(StageError, match="not finished"):
        checkpoint_id(".")


def test_an_epoch_has_every_row_once_and_its_last_step_what_is_left():
    from lib.training.rows import plan_steps

    lengths = [5 * (i % 7) for i in range(45)]
    steps = plan_steps(lengths, 2, 2, 0)
    for epoch in (steps[:23], steps[23:]):
        assert [len(step) for step in epoch] == [2] * 22 + [1]
        assert sorted(i for step in epoch for i in step) == list(range(45))
    assert steps[:23] != steps[23:] and plan_steps(lengths, 2, None, 0, most=30) == steps[:30]
    assert plan_steps([3], 128, 1, 0) == [[0]] and plan_steps([3], 128, None, 0, most=3) == [[0]] * 3
    assert [len(step) for step in plan_steps([1] * 129, 128, 1, 0)] == [128, 1]
    assert plan_steps([], 8, 1, 0) == plan_steps([], 8, None, 0, most=5) == []


def test_an_answer_that_was_cut_off_is_no_row(tmp_path, capsys):
    import json

    from lib.training.rows import mixed_rows, preference_rows, rows_of

    path, mixed = tmp_path / "verified.jsonl", tmp_path / "mixed.jsonl"
    said = [
        ("cut while kept", True, "correct", True),
        ("whole and kept", True, "correct", False),
        ("cut while wrong", False, "wrong", True),
        ("whole and wrong", False, "wrong", False),
        ("cut and not judged so", False, "unfinished", True),
    ]
    rows = [
        {**QUESTION, "sample": n, "answer": answer, "keep": keep, "verdict": verdict, "truncated": cut}
        for n, (answer, keep, verdict, cut) in enumerate(said)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row.answers for row in rows_of(path, "reasoning", None)] == [("whole and kept",)]
    assert f"{path}: 1 answers were cut off (truncated): not trained on" in capsys.readouterr().out
    assert [row.answers for row in preference_rows(path, None)] == [("whole and kept", "whole and wrong")]
    assert f"{path}: 2 answers were cut off" in capsys.readouterr().out
    mixed.write_text("".join(json.dumps({**row, "id": str(n)}) + "\n" for n, row in enumerate(rows[:2])))
    assert [row.answers for row in mixed_rows(mixed)] == [("whole and kept",)]
    assert f"{mixed}: 1 answers were cut off" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, said",
    [
        (["--full", "--lora-rank", "16"], "--lora-rank: --full trains without LoRA"),
        (["--full", "--feature-cache", "cache"], "--feature-cache: --full trains the projector"),
        (["--epochs", "1", "--steps", "5"], "--epochs: --steps says how long to train"),
        (["--preferences", "0.1", "--pairs", "short"], "--pairs: --preferences trains on whole answers"),
        (["--epochs", "0"], "--epochs 0: expected at least 1"),
        (["--lora-rank", "0"], "--lora-rank 0: expected at least 1"),
        (["--accumulate", "0"], "--accumulate 0: expected at least 1"),
        (["--save-every", "0"], "--save-every 0: expected at least 1"),
    ],
)
def test_a_flag_of_finetuning_that_would_be_ignored_is_bad_usage(tmp_path, words, said):
    from conftest import sh

    done = sh("05_finetune.py", "in.jsonl", "-o", tmp_path / "m", "--model", "m", *words, check=False)
    assert done.returncode == 2 and said in done.stderr and not list(tmp_path.iterdir())


def test_a_hub_that_cannot_be_reached_costs_no_retries(tmp_path):
    """The library alone tries every file six times, two minutes and a half a stage."""
    environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE" and "proxy" not in k.lower()}
    environment |= {"HF_ENDPOINT": f"http://127.0.0.1:{free_port()}", "HF_HOME": str(tmp_path)}
    label = {"name": "it", "kind": "class", "value": "red"}
    question = {"id": "a", "video": "a.mp4", "question": "What?", "labels": [label]}
    (tmp_path / "train.jsonl").write_text(json.dumps(question) + "\n")
    command = ["02_generate.py", tmp_path / "train.jsonl", "-o", tmp_path / "x.jsonl", "--model", "no/such"]
    done = sh(sys.executable, *command, fresh=True, check=False, env=environment)
    assert done.returncode == 1 and "cannot be reached" in done.stderr and "Traceback" not in done.stderr
    assert "Retrying" not in done.stderr + done.stdout
    # with the right name the same command begins anew: nothing was answered
    done = sh(*command[:-1], tmp_path / "none", check=False)
    assert "then 'no/such'" not in done.stderr
