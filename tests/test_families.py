"""Ten model families through the same stages: a cycle each, with tiny random models of the real classes on
real mp4 files (pytest -k families).

The scripts run as users run them, but in this process, where parts of them can be replaced.
"""

import json
import logging
import re
import runpy
import signal
import sys
import warnings

import numpy as np
import pytest
import transformers
from conftest import ROOT, lines
from families import FAMILIES, build

# what a vision tower made can be given to a model
TAKES_FEATURES = tuple(map(int, transformers.__version__.split(".")[:2])) >= (5, 20)
# the others are like one of these
FIRST = ("video_llava", "qwen3_vl", "qwen3_5", "internvl")
QUESTIONS = [  # of different lengths, so that batches are padded
    ("red", "What colour is it?", {"kind": "class", "value": "red"}),
    (
        "red",
        "How many shapes are to be seen in this clip, counting each of them once, from beginning to end?",
        {"kind": "number", "value": 1},
    ),
    ("green", "Is it red?", {"kind": "boolean", "value": False}),
    (
        "blue",
        "Which of these is its colour, looking at the whole of the clip?",
        {"kind": "choice", "value": "B", "options": ["red", "blue"]},
    ),
    ("blue", "When does the shape move?", {"kind": "interval", "value": [0.5, 2.5]}),
]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """A file of five questions on three clips: a coloured square that moves, 3 s each."""
    import cv2

    folder = tmp_path_factory.mktemp("data")
    for name, colour in (("red", (0, 0, 255)), ("green", (0, 255, 0)), ("blue", (255, 0, 0))):
        film = cv2.VideoWriter(str(folder / f"{name}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 8, (80, 64))
        for i in range(24):
            film.write(
                cv2.rectangle(np.full((64, 80, 3), 40, np.uint8), (2 * i, 10), (2 * i + 30, 50), colour, -1)
            )
        film.release()
    path = folder / "train.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "id": f"q{i}",
                    "video": f"{film}.mp4",
                    "duration": 3.0,
                    "question": question,
                    "labels": [{"name": "it", **label}],
                }
            )
            + "\n"
            for i, (film, question, label) in enumerate(QUESTIONS)
        )
    )
    return path


def stage(script, *words):
    """Run a stage script in this process as `python script words`; returns its exit code."""
    argv, handler = sys.argv, signal.getsignal(signal.SIGTERM)
    sys.argv = [str(ROOT / script), *map(str, words)]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        return end.code
    finally:
        sys.argv = argv
        signal.signal(signal.SIGTERM, handler)
    return 0


def generate(model, questions, output, *words):
    return stage(
        "02_generate.py",
        questions,
        "-o",
        output,
        "--model",
        model,
        "--samples",
        "2",
        "--temperature",
        "1",
        "--max-new-tokens",
        "10",
        "--batch-size",
        "3",
        *words,
    )


@pytest.fixture(scope="module")
def kept(questions):
    """A verified file of kept answers, made by hand: a random model's are rubbish."""
    said = [
        "The square has one colour.\nAnswer: red",
        "I counted.\nAnswer: 1",
        "It is green.\nAnswer: no",
        "It is blue.\nAnswer: B. blue",
        "It moves in the middle.\nAnswer: 0.5 to 2.5 seconds",
    ]
    path = questions.with_name("kept.jsonl")
    path.write_text(
        "".join(
            json.dumps({**record, "origin": "direct", "sample": 0, "answer": answer, "keep": True}) + "\n"
            for record, answer in zip(lines(questions), said)
        )
    )
    return path


def finetune(model, kept, output, *words):
    return stage(
        "05_finetune.py",
        kept,
        "-o",
        output,
        "--model",
        model,
        "--lora-rank",
        "4",
        "--learning-rate",
        "1e-2",
        "--epochs",
        "2",
        "--batch-size",
        "3",
        *words,
    )


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=() if name in FIRST else pytest.mark.slow) for name in FAMILIES],
)
def cycle(request, questions, kept, tmp_path_factory):
    """(folder of a family's finished cycle: base, generated, rationalized, verified, model, eval; what the
    libraries complained of meanwhile).
    """
    run, complaints = tmp_path_factory.mktemp(request.param), []
    build(request.param, run / "base")
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: complaints.append(record.getMessage())
    # of linear attention on a CPU the library says what would make it faster on a GPU
    handler.addFilter(lambda record: "falling back to its reference" not in record.getMessage())
    logging.getLogger("transformers").addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning), warnings.simplefilter("always", FutureWarning)
            assert generate(run / "base", questions, run / "generated.jsonl") == 0
            assert (
                stage(
                    "03_rationalize.py",
                    run / "generated.jsonl",
                    "-o",
                    run / "rationalized.jsonl",
                    "--model",
                    run / "base",
                    "--temperature",
                    "1",
                    "--max-new-tokens",
                    "10",
                )
                == 0
            )
            assert (
                stage(
                    "04_verify.py",
                    run / "generated.jsonl",
                    run / "rationalized.jsonl",
                    "-o",
                    run / "verified.jsonl",
                )
                == 0
            )
            assert finetune(run / "base", kept, run / "model") == 0
            assert (
                stage(
                    "06_eval.py",
                    questions,
                    "-o",
                    run / "eval.json",
                    "--model",
                    run / "model",
                    "--max-new-tokens",
                    "10",
                )
                == 0
            )
    finally:
        logging.getLogger("transformers").removeHandler(handler)
    return run, complaints + [str(warning.message) for warning in caught]


def test_every_stage_gives_its_records(cycle):
    run, complaints = cycle
    generated, rationalized, verified, predictions = (
        lines(run / f"{name}.jsonl") for name in ("generated", "rationalized", "verified", "predictions")
    )
    assert [(r["id"], r["sample"]) for r in generated] == [
        (f"q{i}", sample) for i in range(5) for sample in range(2)
    ]
    assert len({r["answer"] for r in generated}) > 5 and all(r["tokens"] > 0 for r in generated)
    solved = {r["id"] for r in verified if r["origin"] == "direct" and r["verdict"] == "correct"}
    assert [r["id"] for r in rationalized] == [f"q{i}" for i in range(5) if f"q{i}" not in solved] and [
        r["answer"] for r in verified
    ] == [r["answer"] for r in generated + rationalized]
    losses = json.loads((run / "model.meta.json").read_text())["losses"]
    assert len(losses) == 8 and sum(losses[4:]) < sum(losses[:4])  # two epochs of ten rows, three a step
    assert json.loads((run / "eval.json").read_text())["all"]["count"] == 5 and len(predictions) == 5
    assert not complaints


def test_batches_give_the_answers_of_single_questions(cycle, questions, tmp_path):
    run, _ = cycle
    assert generate(run / "base", questions, tmp_path / "one.jsonl", "--batch-size", "1") == 0
    assert [(r["answer"], r["tokens"]) for r in lines(tmp_path / "one.jsonl")] == [
        (r["answer"], r["tokens"]) for r in lines(run / "generated.jsonl")
    ]


def test_clips_and_prompts_read_once_give_the_answers_of_single_questions(
    cycle, questions, tmp_path, monkeypatch
):
    from lib.model import generate as module

    run, (real, seen) = cycle[0], (module.prepare, [])
    monkeypatch.setattr(module, "prepare", lambda *words: seen.append(real(*words)) or seen[-1])
    assert generate(run / "base", questions, tmp_path / "all.jsonl", "--batch-size", "10") == 0
    assert (
        len(seen) == 1
        and len(seen[0]["encodings"]) == 3
        and len(seen[0]["rest"]) == 5
        and len(seen[0]["prompt_of"]) == 10
    )  # clips, questions, answers
    assert [(r["answer"], r["tokens"]) for r in lines(tmp_path / "all.jsonl")] == [
        (r["answer"], r["tokens"]) for r in lines(run / "generated.jsonl")
    ]


def test_positions_after_a_long_video_are_those_of_single_questions(cycle):
    """Where frames lie far apart, Qwen2.5's largest position is that of the last frame, not of the last
    word: what goes on from a cache must not count from it.
    """
    import torch

    from lib.model.generate import generate
    from lib.model.inputs import chat, encode
    from lib.model.load import load

    model, processor = load(str(cycle[0] / "base"), torch.device("cpu"), torch.float32)
    clips = [
        (
            np.random.default_rng(n).integers(0, 255, (8, 56, 80, 3), dtype=np.uint8),
            dict(
                total_num_frames=3200,
                fps=4.0,
                frames_indices=list(range(200, 3200, 400)),
                duration=800.0,
                height=56,
                width=80,
            ),
        )
        for n in range(2)
    ]
    texts = [
        chat(processor, question)
        for question in (
            "Question: What is it?",
            "Question: When does it move, from its beginning to its end?",
            "Question: Where?",
        )
    ]
    rows = [
        (text, clip, 10 * seed + sample)
        for seed, (text, clip) in enumerate((text, clip) for clip in clips for text in texts)
        for sample in range(2)
    ]
    inputs = encode(processor, texts[:1], clips[:1])
    plain = processor.tokenizer.decode(
        model.generate(**inputs, do_sample=False, max_new_tokens=20)[0, inputs["input_ids"].shape[1] :],
        skip_special_tokens=True,
    ).strip()
    assert (
        generate(model, processor, texts[:1], clips[:1], [0], max_new_tokens=20)[0][0] == plain
    )  # as transformers' own generate()
    together = generate(model, processor, *zip(*rows), temperature=1.0, max_new_tokens=20)
    assert together == [
        generate(model, processor, *zip(row), temperature=1.0, max_new_tokens=20)[0] for row in rows
    ]


@pytest.mark.skipif(TAKES_FEATURES, reason="for transformers before 5.20")
def test_encodings_that_an_older_library_cannot_take_are_an_error(base, questions, kept, tmp_path, capsys):
    assert (
        generate(base, questions, tmp_path / "out.jsonl", "--feature-cache", tmp_path) == 2
        and "needs transformers 5.20" in capsys.readouterr().err
    )
    assert (
        finetune(base, kept, tmp_path / "model", "--feature-cache", tmp_path) == 2
        and "needs transformers 5.20" in capsys.readouterr().err
    )


@pytest.mark.skipif(not TAKES_FEATURES, reason="transformers 5.20 or newer is needed")
def test_encodings_kept_on_disk_serve_every_stage_without_decoding(
    cycle, questions, kept, tmp_path, monkeypatch
):
    """Direct and rationalized prompts, training rows and the next cycle's model (LoRA leaves the tower as it
    is) from one encoding of each clip.
    """
    run, cache = cycle[0], ["--feature-cache", tmp_path / "cache"]
    same = lambda name, other: (
        [(r["answer"], r["tokens"]) for r in lines(name)]
        == [(r["answer"], r["tokens"]) for r in lines(other)]
    )
    assert generate(run / "base", questions, tmp_path / "first.jsonl", *cache) == 0 and same(
        tmp_path / "first.jsonl", run / "generated.jsonl"
    )
    rationalize = [
        "03_rationalize.py",
        tmp_path / "first.jsonl",
        "--model",
        run / "base",
        "--temperature",
        "1",
        "--max-new-tokens",
        "10",
    ]
    evaluate = ["06_eval.py", questions, "--model", run / "model", "--max-new-tokens", "10"]
    assert stage(*rationalize, "--conclude-unaided", "-o", tmp_path / "unaided.jsonl") == 0
    assert len(list((tmp_path / "cache").glob("*.features.pt"))) == 3
    monkeypatch.setattr("lib.video.read_frames", lambda *clip: pytest.fail("decoded"))
    assert generate(run / "base", questions, tmp_path / "again.jsonl", *cache) == 0 and same(
        tmp_path / "again.jsonl", run / "generated.jsonl"
    )
    assert stage(*rationalize, "-o", tmp_path / "told.jsonl", *cache) == 0 and same(
        tmp_path / "told.jsonl", run / "rationalized.jsonl"
    )
    assert stage(*rationalize, "--conclude-unaided", "-o", tmp_path / "unaided2.jsonl", *cache) == 0 and same(
        tmp_path / "unaided2.jsonl", tmp_path / "unaided.jsonl"
    )
    assert stage(*evaluate, "-o", tmp_path / "eval.json", *cache) == 0 and same(
        tmp_path / "predictions.jsonl", run / "predictions.jsonl"
    )
    assert finetune(run / "base", kept, tmp_path / "model", *cache) == 0
    losses = [json.loads((folder / "model.meta.json").read_text())["losses"] for folder in (tmp_path, run)]
    # where tensors lie in memory decides a kernel's order of sums: a last digit, never a batch
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    with pytest.raises(pytest.fail.Exception):
        generate(run / "base", questions, tmp_path / "blind.jsonl", "--view", "blind", *cache)


def test_a_tower_run_once_over_each_clip_gives_the_losses_of_one_run_every_time(
    cycle, kept, tmp_path, monkeypatch
):
    monkeypatch.setattr("lib.training.batches.takes_features", lambda model: False)
    assert finetune(cycle[0] / "base", kept, tmp_path / "again") == 0
    once, always = (
        json.loads(path.read_text()) for path in (cycle[0] / "model.meta.json", tmp_path / "again.meta.json")
    )
    assert (
        once["losses"] == pytest.approx(always["losses"], abs=1e-5)
        and once["speed"]["tokens"] == always["speed"]["tokens"]
    )
    assert always["speed"]["clips_encoded_once"] == 0 and once["speed"]["clips_encoded_once"] == (
        3 if TAKES_FEATURES else 0
    )
    assert not (cycle[0] / "model/features").exists()


def test_lora_touches_the_language_model_alone_and_the_merged_model_loads_whole(cycle):
    from safetensors.torch import load_file
    from transformers import AutoModelForImageTextToText

    from lib.training.lora import targets_of

    run, _ = cycle
    base, tuned = (load_file(run / name / "model.safetensors") for name in ("base", "model"))
    assert {name: tensor.dtype for name, tensor in base.items()} == {
        name: tensor.dtype for name, tensor in tuned.items()
    }
    changed = {name for name in base if not base[name].equal(tuned[name])}
    model, loading = AutoModelForImageTextToText.from_pretrained(run / "model", output_loading_info=True)
    linear, experts, _ = targets_of(model)
    assert len(changed) == len(linear) >= 14 and not experts
    assert all(
        re.search(r"(language_model|text_model|^model\.layers).*_proj(_[a-z]+)?\.weight$", name)
        and "vision" not in name
        and "visual" not in name
        for name in changed
    ), changed
    assert not any(loading.values()), loading


def test_labels_are_the_answer_and_the_end_token_and_another_video_changes_the_logits(cycle, questions):
    import torch

    from lib.model.inputs import chat, encode, training_batch
    from lib.model.load import load
    from lib.video import read_frames

    model, processor = load(str(cycle[0] / "model"), torch.device("cpu"), torch.float32)
    red, blue = (read_frames(str(questions.with_name(name)), 8) for name in ("red.mp4", "blue.mp4"))
    short, long = (
        "It is red.\nAnswer: red",
        "It stays as it is from its beginning to its end.\nAnswer: 0.5 to 2.5 seconds",
    )
    prompts = [
        chat(processor, question)
        for question in ("What is it?", "When does the shape that is to be seen in this clip move?")
    ]
    batch = training_batch(processor, [(prompts[0], short), (prompts[1], long)], [red, blue])
    for answer, labels in zip((short, long), batch["labels"]):
        assert (
            processor.tokenizer.decode(labels[labels != -100]).strip()
            == answer + processor.tokenizer.eos_token
        )
    with torch.inference_mode():
        same, other, again = model(**encode(processor, [prompts[0]] * 3, [red, blue, red])).logits[:, -1]
    assert (same - other).abs().max() > 1e-2 and torch.allclose(same, again, atol=1e-5)


# What follows holds of any family; one is enough


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny Qwen3-VL."""
    folder = tmp_path_factory.mktemp("qwen") / "base"
    build("qwen3_vl", folder)
    return folder


def scarce(monkeypatch, allows):
    """From now on generating raises as a full GPU does wherever not allows(texts); returns the list of the
    numbers of texts asked for.
    """
    import torch

    from lib.model import generate as module

    real, asked = module.generate, []

    def generate(loaded, processor, texts, *rest, **how):
        asked.append(len(texts))
        if not allows(texts):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(loaded, processor, texts, *rest, **how)

    monkeypatch.setattr(module, "generate", generate)
    return asked


def test_where_memory_runs_out_batches_are_halved_to_the_same_answers(
    base, questions, tmp_path, monkeypatch, capsys
):
    plenty, little = tmp_path / "plenty.jsonl", tmp_path / "little.jsonl"
    asked = scarce(monkeypatch, lambda texts: True)
    assert generate(base, questions, plenty, "--batch-size", "5") == 0 and asked == [5, 5]
    asked = scarce(monkeypatch, lambda texts: len(texts) <= 2)
    assert generate(base, questions, little, "--batch-size", "5") == 0
    # the second batch begins where the first was halved to, not with what its worst part needed
    assert asked == [5, 3, 2, 1, 2, 3, 2, 1, 2]
    assert lines(little) == lines(plenty)
    counts = [
        json.loads((tmp_path / f"{name}.jsonl.meta.json").read_text())["out_of_memory"]
        for name in ("plenty", "little")
    ]
    assert counts == [0, 3] and capsys.readouterr().out.count("out of memory with") == 3


def test_a_question_too_large_for_memory_costs_its_own_record(base, questions, tmp_path, monkeypatch, capsys):
    scarce(monkeypatch, lambda texts: not any("Is it red?" in text for text in texts))
    assert (
        generate(base, questions, tmp_path / "out.jsonl") == 1
        and "more than --max-failures 0.02 allows; the last: q2: out of memory with this question alone"
        in capsys.readouterr().err
    )
    assert generate(base, questions, tmp_path / "out.jsonl", "--max-failures", "2") == 0
    assert [r["id"] for r in lines(tmp_path / "out.jsonl") if "error" in r] == ["q2", "q2"] and sum(
        "answer" in r for r in lines(tmp_path / "out.jsonl")
    ) == 8


def test_the_longest_questions_are_asked_first(base, questions, tmp_path, monkeypatch):
    from lib.model import generate as module

    real, asked = module.generate, []
    monkeypatch.setattr(
        module,
        "generate",
        lambda loaded, processor, texts, *rest, **how: (
            asked.append(texts[0]) or real(loaded, processor, texts, *rest, **how)
        ),
    )
    assert generate(base, questions, tmp_path / "out.jsonl", "--samples", "1", "--batch-size", "1") == 0
    assert (
        len(asked) == 5
        and sorted(asked, key=len, reverse=True) == asked
        and "counting each of them" in asked[0]
    )
    assert [r["id"] for r in lines(tmp_path / "out.jsonl")] == [f"q{i}" for i in range(5)]


def test_training_halves_its_batches_to_the_same_steps(base, kept, tmp_path, monkeypatch, capsys):
    import torch

    from lib.model import load as model

    real, seen, room = model.load, [], 2

    def load(*how):
        loaded, processor = real(*how)

        def full(module, _, inputs):
            seen.append(len(inputs["input_ids"]))
            if (
                len(seen) > 5 and seen[-1] > room
            ):  # in the middle of a step: half of its gradients are there already
                raise torch.OutOfMemoryError("CUDA out of memory")

        loaded.register_forward_pre_hook(full, with_kwargs=True)
        return loaded, processor

    assert finetune(base, kept, tmp_path / "plenty", "--batch-size", "6") == 0
    monkeypatch.setattr(model, "load", load)
    assert (
        finetune(base, kept, tmp_path / "little", "--batch-size", "3", "--accumulate", "2", "--checkpointing")
        == 0
    )
    plenty, little = (
        json.loads((tmp_path / f"{name}.meta.json").read_text()) for name in ("plenty", "little")
    )
    assert seen[:9] == [3, 3, 3, 1, 3, 3, 2, 2, 2] and plenty["losses"] == pytest.approx(
        little["losses"], abs=2e-4
    )
    assert (plenty["out_of_memory"], little["out_of_memory"]) == (
        0,
        1,
    ) and "out of memory with 3 rows at once: trying 2" in capsys.readouterr().out
    room = 0
    assert (
        finetune(base, kept, tmp_path / "none") == 1
        and "out of memory with one row at a time (step 1)" in capsys.readouterr().err
    )


def test_a_model_spread_over_devices_gives_the_same_answers(
    base, questions, kept, tmp_path, monkeypatch, capsys
):
    for name, words in (("one", []), ("spread", ["--device-map", "auto"])):
        assert (
            generate(base, questions, tmp_path / f"{name}.jsonl", *words) == 0
            and finetune(base, kept, tmp_path / name, *words) == 0
        )
    assert lines(tmp_path / "one.jsonl") == lines(tmp_path / "spread.jsonl")
    one, spread = (
        json.loads((tmp_path / f"{name}.meta.json").read_text())["losses"] for name in ("one", "spread")
    )
    assert one == pytest.approx(spread, abs=1e-5)


def test_four_bits_without_their_package_are_an_error(base, questions, kept, tmp_path, monkeypatch, capsys):
    from lib.model import load as model

    monkeypatch.setattr(model, "is_bitsandbytes_available", lambda: False)
    assert (
        generate(base, questions, tmp_path / "out.jsonl", "--load-in-4bit") == 1
        and "pip install bitsandbytes" in capsys.readouterr().err
    )
    assert (
        finetune(base, kept, tmp_path / "out", "--load-in-4bit", "--full") == 2
        and "--full" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "family,reason",
    [
        ("llava", "this model has no video processor (LlavaProcessor); choose a video model"),
        ("qwen3_vl", "this model has no chat template; add a chat_template.jinja"),
        (None, "no processor can be loaded from it"),
    ],
)
def test_a_model_that_cannot_chat_about_videos_is_an_error(questions, kept, tmp_path, capsys, family, reason):
    folder = tmp_path / "model"
    if family:
        build(family, folder)
    if family == "qwen3_vl":
        (folder / "chat_template.jinja").unlink()
    for script, source in (
        ("02_generate.py", questions),
        ("05_finetune.py", kept),
        ("06_eval.py", questions),
    ):
        assert stage(script, source, "-o", tmp_path / script[:2], "--model", folder) == 1
        assert f"{script}: error: {folder}: {reason}" in capsys.readouterr().err
