"""How much of a video a model sees: --fps, --max-frames, --max-pixels and --min-pixels (test_sampling.py is
about the drawing of answers).
"""

import json

import cv2
import numpy as np
import pytest
import torch
from conftest import lines
from families import FAMILIES, build
from more_families import BY_PLACE, MORE, PACKAGES, REASONS
from test_families import stage
from test_plan import planned
from test_video import coded_clip, encoded_clip, number_of

from lib.model import open_model, question_on
from lib.model.clips import frames_of
from lib.model.frames import Sampling, fitted
from lib.model.inputs import encode
from lib.model.questions import FRAME, Questions, plan_batches
from lib.prompts import render
from lib.records import StageError
from lib.video import centres, read_frames

LABEL = {"name": "it", "kind": "class", "value": "red"}
LENGTHS = {"short": 0.5, "middle": 1.5, "long": 3.0}  # seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three clips of a moving square, 8 frames a second of 96 x 64, and questions on them."""
    folder = tmp_path_factory.mktemp("clips")
    for shade, (name, seconds) in enumerate(LENGTHS.items()):
        film = cv2.VideoWriter(str(folder / f"{name}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 8, (96, 64))
        for i in range(round(8 * seconds)):
            picture = np.full((64, 96, 3), 40 + 60 * shade, np.uint8)
            film.write(cv2.rectangle(picture, (2 * i, 10), (2 * i + 30, 50), (200, 80 * shade, 9), -1))
        film.release()
    rows = [
        {
            "id": name,
            "video": f"{name}.mp4",
            "duration": seconds,
            "question": "What is it?" + " Look." * number,
            "labels": [LABEL],
        }
        for number, (name, seconds) in enumerate(LENGTHS.items())
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


# ---------------------------------------------------------------- how many


@pytest.mark.parametrize(
    "seconds, asked, count",
    [
        (10, Sampling(8), 8),
        (10, Sampling(None, 2.0), 20),
        (100, Sampling(None, 2.0), 64),  # --max-frames
        (100, Sampling(None, 2.0, 200), 200),
        (0.1, Sampling(None, 1.0), 1),
        (0.1, Sampling(None, 1.0, together=2), 2),  # frames in pairs
        (2.4, Sampling(None, 2.0, together=2), 4),
        (100, Sampling(None, 2.0, 7, together=2), 6),
        (100, Sampling(None, 2.0, 1, together=2), 2),
    ],
)
def test_how_many_frames(seconds, asked, count):
    assert asked.count(seconds) == count


def test_frames_are_those_of_before(tmp_path):
    """--frames 8: the centres of eight equal parts, every byte as it was decoded."""
    path = encoded_clip(tmp_path / "x.mp4", "libx264", 100, preset="veryfast", threads=1, g=12, bf=3)
    every, _ = read_frames(path, 100)
    frames, about = frames_of((str(path), None, None), 8)
    assert [number_of(frame) for frame in frames] == centres(0, 100, 8) == about["frames_indices"]
    assert (frames == every[centres(0, 100, 8)]).all() and "sized" not in about
    again, same = frames_of((str(path), None, None), Sampling())
    assert (again == frames).all() and same == about


def test_frames_a_second_of_the_clip(tmp_path):
    """30 frames a second for 4 s: whole, and cut."""
    path = str(coded_clip(tmp_path / "x.mp4", 120))
    whole, about = frames_of((path, None, None), Sampling(None, 2.0))
    assert [number_of(frame) for frame in whole] == centres(0, 120, 8) == about["frames_indices"]
    cut, about = frames_of((path, 1.0, 2.5), Sampling(None, 2.0))
    assert [number_of(frame) for frame in cut] == centres(30, 75, 3) and about["duration"] == 1.5


@pytest.mark.parametrize("together", [1, 2])
def test_caches_keep_them_apart(tmp_path, together):
    path, cache = str(coded_clip(tmp_path / "x.mp4", 120)), str(tmp_path / "cache")
    asked = [Sampling(8), Sampling(None, 2.0), Sampling(None, 2.0, 4), Sampling(8, max_pixels=1024)]
    asked = [sampling._replace(together=together) for sampling in asked]
    assert asked[0].key() == 8  # as before there was anything else
    shapes = [frames_of((path, None, None), sampling, cache)[0].shape for sampling in asked]
    assert shapes == [(8, 64, 64, 3), (8, 64, 64, 3), (4, 64, 64, 3), (8, 32, 32, 3)]
    for sampling, shape in zip(asked, shapes):
        frames, about = frames_of((path, None, None), sampling, cache)
        assert frames.shape == shape and about.get("sized") == (True if sampling.bounded else None)
    assert len([*(tmp_path / "cache").glob("*.npz")]) == 4


# ---------------------------------------------------------------- of which size


@pytest.mark.parametrize(
    "height, width, most, least, grid, size",
    [
        (480, 640, None, None, 28, (480, 640)),  # no bound: the processor's matter
        (480, 640, 50176, None, 28, (168, 252)),
        (480, 640, 50176, None, 1, (193, 258)),
        (64, 80, 50176, None, 28, (56, 84)),  # small already: to the grid only
        (64, 80, 50176, 12544, 28, (112, 140)),
        (72, 72, 5000, None, 28, (56, 56)),  # the nearest multiple would be too large
        (64, 80, None, 12544, 28, (112, 140)),
        (2160, 3840, None, 12544, 28, (560, 1008)),  # as large as qwen-vl-utils allows
        (10, 2000, 3136, None, 28, (28, 112)),
        (480, 640, 784, None, 28, (28, 28)),
    ],
)
def test_the_size_of_a_frame(height, width, most, least, grid, size):
    sampling = Sampling(max_pixels=most, min_pixels=least, grid=grid)
    assert sampling.size(height, width) == size
    assert most is None or size[0] * size[1] <= most


GRIDS = {"qwen2_vl": 28, "qwen2_5_vl": 28, "qwen3_vl": 32, "qwen3_5": 32, "video_llama_3": 28}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_obeys_bounds_of_pixels_or_refuses_them(family, folder):
    _, processor = FAMILIES[family][0]()
    asked = Sampling(4, max_pixels=2 * 32 * 32)
    if family not in GRIDS:
        with pytest.raises(StageError, match=r"--max-pixels: .*(28x28|sizes)") as refused:
            fitted(asked, processor, "it")
        assert refused.value.code == 2
        return
    sampling = fitted(asked, processor, "it")
    assert sampling.grid == GRIDS[family]
    pad = processor.video_token if hasattr(processor, "video_token") else "<|video_pad|>"
    for asked, least, most in (
        (sampling, 1, 2048),
        (sampling._replace(max_pixels=None, min_pixels=9999), 9999, 10**9),
    ):
        clip = frames_of((str(folder / "long.mp4"), None, None), asked)
        grid = encode(processor, [pad], [clip])["video_grid_thw"][0].tolist()
        pixels = grid[1] * grid[2] * processor.video_processor.patch_size**2
        assert least <= pixels <= most and pixels == clip[0].shape[1] * clip[0].shape[2]
    with pytest.raises(StageError, match="--max-pixels 100: expected at least"):
        fitted(Sampling(4, max_pixels=100), processor, "it")


# ---------------------------------------------------------------- through the models


OTHERS = [family for family in MORE if family not in (*REASONS, *PACKAGES, *BY_PLACE)]


@pytest.mark.parametrize(
    "family", [*FAMILIES, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_clips_of_different_lengths_share_a_batch(family, folder):
    """The tokens of an answer are those of its question alone, in all families."""
    torch.manual_seed(0)
    make, template = {**FAMILIES, **MORE}[family]
    model, processor = make()
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.2)
    processor.chat_template, processor.tokenizer.padding_side = template, "left"
    path = folder / "train.jsonl"
    questions = [
        question_on(record, render(record, "direct"), path, sample=sample)
        for record in lines(path)
        for sample in range(2)
    ]
    answers = []
    for size in (1, 6):
        asked = open_model(model.eval(), processor, frames=Sampling(None, 2.0, 4), batch_size=size)
        drawn = asked.answers(questions, temperature=1.0, max_new_tokens=8)
        found = {(r["id"], r["sample"]): r["answer"] for batch in drawn for r in batch}
        answers.append(found)
    assert answers[0] == answers[1] and len(answers[0]) == 6 and len(set(answers[0].values())) > 3


def test_batches_hold_clips_of_like_length(folder):
    """The longest first: where memory does not suffice, that shows at once. Not with --frames, all alike."""
    questions = [question_on(record, "What?", folder / "x") for record in lines(folder / "train.jsonl")]
    order = lambda *asked: [int(n) for batch in plan_batches(questions, 1, (), *asked) for n in batch]
    assert order(Sampling(None, 2.0)) == [2, 1, 0] and order(Sampling(8)) == order() == [0, 1, 2]
    numbered = Questions(folder / "train.jsonl", None, "direct", 1, Sampling(None, 2.0))
    for record in lines(folder / "train.jsonl"):
        numbered.add(0, 1, record)
    assert numbered.lengths[2] - numbered.lengths[0] > FRAME


@pytest.mark.parametrize("family", ["llava_next_video", "qwen3_vl"])
@pytest.mark.parametrize("method", [["--full"], ["--lora-rank", "2"]])
def test_training_on_clips_of_different_lengths(family, method, folder, tmp_path):
    """The same losses whether rows are computed one by one or together; a family that stacks frames, and one
    that does not.
    """
    build(family, tmp_path / "model", dtype=torch.float32)
    rows = [
        {**row, "video": str(folder / row["video"]), "origin": "direct", "sample": 0, "keep": True}
        | {"answer": "It is red.\nAnswer: red"}
        for row in lines(folder / "train.jsonl")
    ]
    (tmp_path / "kept.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    losses = []
    for batch in (1, 6):
        words = [tmp_path / "kept.jsonl", "-o", tmp_path / f"{batch}", "--model", tmp_path / "model"]
        words += ["--batch-size", batch, "--accumulate", 6 // batch, "--steps", 2, "--fps", 2, *method]
        assert stage("05_finetune.py", *words) == 0
        losses.append(json.loads((tmp_path / f"{batch}.meta.json").read_text())["losses"])
    assert losses[0] == pytest.approx(losses[1], abs=2e-3) and losses[0][0] > 1


# ---------------------------------------------------------------- the flags

REFUSED = {
    "--frames 4 --fps 2": "--fps says how many frames",
    "--max-frames 4": "--max-frames is for --fps",
    "--fps 0": "--fps 0: expected above 0",
    "--max-pixels 10 --min-pixels 20": "--min-pixels 20: expected at most --max-pixels 10",
    "--max-pixels 0": "--max-pixels 0: expected at least 1",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_does_not_go_together_is_refused(words, tmp_path, capsys):
    command = ["none.jsonl", "-o", tmp_path / "out.jsonl", "--model", "none"]
    assert stage("02_generate.py", *command, *words.split()) == 2
    assert REFUSED[words] in capsys.readouterr().err


def test_a_fixed_size_is_refused_before_any_work(folder, tmp_path, capsys):
    build("video_llava", tmp_path / "model")
    kept = tmp_path / "kept.jsonl"
    row = lines(folder / "train.jsonl")[0] | {"origin": "direct", "sample": 0, "keep": True, "answer": "red"}
    kept.write_text(json.dumps({**row, "video": str(folder / row["video"])}) + "\n")
    for script, source in (("02_generate.py", folder / "train.jsonl"), ("05_finetune.py", kept)):
        out = tmp_path / "out"
        words = [source, "-o", out, "--model", tmp_path / "model", "--max-pixels", 50176]
        assert stage(script, *words) == 2 and not [*tmp_path.glob("out*")]
        assert "28x28 pixels, whatever it is given" in capsys.readouterr().err


def test_the_plan_counts_by_the_durations(folder, tmp_path, monkeypatch, capsys):
    build("qwen2_vl", tmp_path / "model")
    train, model = folder / "train.jsonl", tmp_path / "model"
    words = [train, "--test", train, "--run", tmp_path, "--model", model, "--trial", 0, "--evaluate=--fps 8"]
    words += [f"--finetune=--model {model} --fps 8", "--generate=--fps 8 --max-frames 16"]
    said = planned(monkeypatch, capsys, *words)
    assert "--fps 8: 4 to 16 frames a clip (at most --max-frames 16)" in said
    assert "; 10.7 frames are" in said  # 4, 12 and 16
