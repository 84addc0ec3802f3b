"""Boxes in the coordinates of a model's family: asked, hinted, read, trained and tested alike."""

import json

import cv2
import numpy as np
import pytest
import torch
from conftest import lines
from families import build
from test_families import stage

from lib.audit import try_one
from lib.benchmarks import labels
from lib.labels import COORDINATES, record_problem
from lib.model import open_model
from lib.model.coordinates import OF_FAMILIES, Coordinates
from lib.model.frames import Sampling
from lib.prompts import BOX_FORMS, frame_of, label_text, render
from lib.records import StageError
from lib.training.boxes import trained_boxes
from lib.training.rows import rows_of
from lib.verifier import verify

BOX = {"name": "teacher", "kind": "box", "value": [0.1, 0.2, 0.3, 0.9]}
RECORD = {"id": "x", "video": "a.mp4", "question": "Where is the teacher?", "labels": [BOX]}
PIXELS = {"boxes": "pixels", "frame_size": [640, 480]}


def judged(answer, **more):
    return verify({**RECORD, **more, "answer": answer}, {})


# ---------------------------------------------------------------- words


def test_every_system_has_its_form():
    assert tuple(BOX_FORMS) == COORDINATES and set(OF_FAMILIES.values()) <= set(COORDINATES)
    asked = {system: render({**RECORD, **PIXELS, "boxes": system}, "rationalized") for system in BOX_FORMS}
    assert "Answer: [0.1, 0.2, 0.3, 0.9].\n" in asked["fraction"]
    assert "Answer: [100, 200, 300, 900].\n" in asked["1000"] and "from 0 to 1000'" in asked["1000"]
    assert "Answer: [64, 96, 192, 432].\n" in asked["pixels"] and "in pixels of the frame'" in asked["pixels"]
    assert render(RECORD, "rationalized") == asked["fraction"]


@pytest.mark.parametrize("more", [{}, {"boxes": "fraction"}, {"boxes": "1000"}, PIXELS])
def test_what_a_hint_says_is_what_the_verifier_reads(more):
    said = label_text([BOX], frame_of({**RECORD, **more}))
    assert judged(f"Answer: {said}", **more)["verdict"] == "correct"
    for other in ({"boxes": "fraction"}, {"boxes": "1000"}, PIXELS):
        if frame_of(other) != frame_of(more):  # never guessed from the numbers
            assert judged(f"Answer: {said}", **other)["verdict"] != "correct", other


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    "answer",
    [
        '[{"bbox_2d": [100, 220, 310, 900], "label": "teacher"}]',
        '```json\n[\n  {"bbox_2d": [100, 220, 310, 900], "label": "teacher"}\n]\n```',
        '{"bbox": [100, 220, 310, 900]}',
        "<ref>teacher</ref><box>(100,220),(310,900)</box>",
        "<ref>teacher</ref><box>[[100, 220, 310, 900]]</box>",
        "<|object_ref_start|>teacher<|object_ref_end|><|box_start|>(100,220),(310,900)<|box_end|>",
        "<|begin_of_box|>[[100, 220, 310, 900]]<|end_of_box|>",
        "The teacher stands on the left.\nAnswer: [100, 220, 310, 900]",
        "He is at x1=100, y1=220, x2=310, y2=900.",
        "The teacher is at [100, 220, 310, 900].",
    ],
)
def test_families_write_boxes_in_their_own_ways(answer):
    found = judged(answer, boxes="1000")
    assert found["verdict"] == "correct", found
    assert found["checks"][0]["parsed"] == pytest.approx([0.1, 0.22, 0.31, 0.9])
    assert judged(answer, boxes="fraction")["verdict"] != "correct"


@pytest.mark.parametrize(
    "answer, more, verdict, why",
    [
        ("Answer: [64, 96, 192, 432]", PIXELS, "correct", "IoU"),
        ('[{"bbox_2d": [64, 96, 192, 432], "label": "teacher"}]', PIXELS, "correct", "IoU"),
        ("Answer: [64, 96, 192, 500]", PIXELS, "wrong", "outside the frame (640 x 480)"),
        ("Answer: [100, 200, 300, 1001]", {"boxes": "1000"}, "wrong", "outside the frame (1000 x 1000)"),
        ("Answer: [100, 200, 300, 900]", {}, "wrong", "outside the frame (1 x 1)"),
        ("Answer: [0.1, 0.2, 0.3, 0.9]", {"boxes": "1000"}, "wrong", "IoU 0.00"),
        ("Answer: [0.1, 0.2, 0.3, 0.9]", {"boxes": "pixels"}, "wrong", "has no frame_size"),
    ],
)
def test_the_record_says_in_what_an_answer_is(answer, more, verdict, why):
    found = judged(answer, **more)
    assert found["verdict"] == verdict and (why in found["why"] or found["why"] == "said word for word")


def test_an_answer_is_read_aloud_in_its_coordinates(capsys):
    try_one(json.dumps({"labels": [BOX], "answer": "Answer: [64, 96, 190, 430]", **PIXELS}), None)
    assert "verdict   correct" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more, problem",
    [
        ({"boxes": "percent"}, "boxes is 'percent', expected one of fraction, 1000, pixels"),
        ({"boxes": [[1, 2, 3, 4]]}, "stages use that key"),
        ({"frame_size": [640]}, r"frame_size is [640], expected [width, height]"),
        ({"frame_size": [0, 480]}, "expected [width, height]"),
    ],
)
def test_a_record_of_other_coordinates_is_refused(more, problem):
    assert problem in record_problem({**RECORD, **more})


def test_predictions_bring_their_coordinates(tmp_path):
    """06: those of the answer count, not those of the question."""
    path = tmp_path / "predictions.jsonl"
    line = {"id": "x", "answer": "Answer: [64, 96, 192, 432]"}
    questions = [{**RECORD, "boxes": "1000", "frame_size": [9, 9]}]
    for more, verdict in ((PIXELS, "correct"), ({}, "wrong")):
        path.write_text(json.dumps({**line, **more}) + "\n")
        (joined,), _ = labels.join_answers(path, questions)
        assert verify(joined, {})["verdict"] == verdict
    path.write_text(json.dumps({**line, "boxes": "mm"}) + "\n")
    with pytest.raises(StageError, match="predictions.jsonl:1: id 'x': boxes is 'mm', expected one of"):
        labels.join_answers(path, questions)


# ---------------------------------------------------------------- models


class Named:
    """A model of a family, which sees frames of a size."""

    def __init__(self, family, size=None, reason=None):
        self.identity = {"model": "none"}
        self.family, self.frame_size, self.no_pixels = lambda: family, lambda clip: size, lambda: reason


@pytest.mark.parametrize(
    "family, asked, system",
    [
        ("qwen2_vl", None, "1000"),
        ("qwen2_5_vl", "auto", "pixels"),
        ("qwen3_vl", None, "1000"),
        ("internvl", None, "1000"),
        ("video_llava", None, "fraction"),
        (None, None, "fraction"),  # a server
        (None, "1000", "1000"),
        ("qwen3_vl", "fraction", "fraction"),
    ],
)
def test_auto_is_what_the_family_says(family, asked, system, capsys):
    boxes = Coordinates(Named(family), asked)
    other = {**RECORD, "labels": [{"name": "n", "kind": "number", "value": 3}]}
    assert boxes.of(other) == other and not capsys.readouterr().out  # only where a label is a box
    assert boxes.of(RECORD) == {**RECORD, "boxes": system} and boxes.of(RECORD)["boxes"] == system
    said = capsys.readouterr().out
    assert said.count("boxes: ") == 1 and BOX_FORMS[system] in said
    assert ("a server does not say its family" in said) == (family is None and asked is None)


def test_the_size_of_a_hint(tmp_path):
    """That of the answer which failed; without one that of the model; never one of other coordinates."""
    boxes = Coordinates(Named("qwen2_5_vl", [84, 56]))
    asked = lambda **more: boxes.of({**RECORD, **more}, tmp_path / "x.jsonl")["frame_size"]
    assert asked(**PIXELS) == [640, 480] and asked(boxes="1000", frame_size=[1, 1]) == asked() == [84, 56]
    assert "frame_size" not in boxes.of({**RECORD, **PIXELS})  # of an answer to come it is not known
    with pytest.raises(StageError, match="--boxes pixels: it cuts; use --boxes fraction or 1000"):
        Coordinates(Named("video_llava", None, "it cuts"), "pixels").of(RECORD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clip of 96 x 64 pixels, two questions on it, and models of three families."""
    folder = tmp_path_factory.mktemp("boxes")
    film = cv2.VideoWriter(str(folder / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 8, (96, 64))
    for i in range(16):
        film.write(cv2.rectangle(np.full((64, 96, 3), 40, np.uint8), (2 * i, 9), (2 * i + 30, 50), 200, -1))
    film.release()
    number = {"name": "n", "kind": "number", "value": 3}
    rows = [RECORD, {**RECORD, "id": "y", "question": "How many?", "labels": [number]}]
    (folder / "train.jsonl").write_text("".join(json.dumps({**row, "duration": 2}) + "\n" for row in rows))
    for family in ("qwen2_5_vl", "qwen3_vl", "video_llava"):
        build(family, folder / family, dtype=torch.float32)
    return folder


def ran(script, source, output, model, *more):
    """The records that a stage writes."""
    few = [] if script == "05_finetune.py" else ["--max-new-tokens", "4"]
    assert stage(script, source, "-o", output, "--model", model, *few, *more) == 0
    return lines(output) if output.suffix == ".jsonl" else None


@pytest.mark.parametrize("family, system", [("qwen2_5_vl", "pixels"), ("qwen3_vl", "1000")])
def test_one_system_from_the_question_to_the_result(family, system, folder, tmp_path, capsys):
    """02, 03, 04, 05 and 06 of a family: asked, hinted, verified, trained and tested in its coordinates."""
    model, train = folder / family, folder / "train.jsonl"
    box, number = ran("02_generate.py", train, tmp_path / "generated.jsonl", model)
    said = capsys.readouterr().out
    assert f"boxes: {BOX_FORMS[system]}, as {family} says them" in said and BOX_FORMS[system] + "'" in said
    assert box["boxes"] == system and "boxes" not in number and "frame_size" not in number
    size = box.get("frame_size")
    assert size == ([84, 56] if system == "pixels" else None)

    hint = "[8, 11, 25, 50]" if system == "pixels" else "[100, 200, 300, 900]"
    for source in (tmp_path / "generated.jsonl", train):  # after 02, and without it
        again, _ = ran("03_rationalize.py", source, tmp_path / f"{source.stem}_r.jsonl", model)
        assert f"Answer: {hint}.\n" in capsys.readouterr().out
        assert again["boxes"] == system and again.get("frame_size") == size

    # what a good model would have said
    box, number = ({**row, "truncated": False} for row in (box, number))
    answers = [{**box, "answer": f"He stands there.\nAnswer: {hint}"}, {**number, "answer": "Answer: 3"}]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    assert stage("04_verify.py", tmp_path / "said.jsonl", "-o", tmp_path / "verified.jsonl") == 0
    assert [row["keep"] for row in lines(tmp_path / "verified.jsonl")] == [True, True]
    rows = rows_of(tmp_path / "verified.jsonl", "both", None)
    assert all(BOX_FORMS[system] in turn and answer.endswith(hint) for _, turn, (answer,), *_ in rows[:2])

    (tmp_path / "e").mkdir()
    ran("06_eval.py", train, tmp_path / "e/eval.json", model)
    predicted = next(row for row in lines(tmp_path / "e/predictions.jsonl") if row["id"] == "x")
    assert predicted["boxes"] == system and predicted.get("frame_size") == size
    predicted |= {"answer": f"Answer: {hint}", "truncated": False}
    (tmp_path / "good.jsonl").write_text(json.dumps(predicted) + "\n")
    words = [train, "-o", tmp_path / "again.json", "--predictions", tmp_path / "good.jsonl"]
    assert stage("06_eval.py", *words) == 0
    assert json.loads((tmp_path / "again.json").read_text())["kinds"]["box"]["correct"] == 1


def test_a_hint_in_pixels_of_another_frame_costs_its_record(folder, tmp_path):
    record = {
        **RECORD,
        **PIXELS,
        "video": str(folder / "a.mp4"),
        "origin": "direct",
        "sample": 0,
        "answer": "no",
    }
    (tmp_path / "generated.jsonl").write_text(json.dumps(record) + "\n")
    words = ["--max-failures", "1"]
    made = ran(
        "03_rationalize.py", tmp_path / "generated.jsonl", tmp_path / "r.jsonl", folder / "qwen2_5_vl", *words
    )
    assert "hinted in pixels of a 640x480 frame, but the model sees 84x56" in made[0]["error"]


def test_training_on_pixels_of_another_frame_is_refused(folder, tmp_path, capsys):
    """05 sees frames of 84 x 56 pixels, and with --max-pixels smaller ones."""
    row = {**RECORD, "video": str(folder / "a.mp4"), "origin": "direct", "sample": 0, "keep": True}
    row |= {"boxes": "pixels", "frame_size": [84, 56], "answer": "Answer: [8, 11, 25, 50]"}
    (tmp_path / "kept.jsonl").write_text(json.dumps(row) + "\n")
    words = [
        tmp_path / "kept.jsonl",
        "-o",
        tmp_path / "out",
        "--model",
        folder / "qwen2_5_vl",
        "--steps",
        "1",
    ]
    assert stage("05_finetune.py", *words, "--max-pixels", 2000) == 2
    assert "pixels of a 84x56 frame, but here the model sees 28x28" in capsys.readouterr().err
    assert stage("05_finetune.py", *words, "--overwrite") == 0
    assert "[8, 11, 25, 50]<|im_end|>]" in capsys.readouterr().out


def test_a_model_is_asked_as_it_was_trained(folder, tmp_path, capsys):
    """On answers of a server, say, in fractions: a Qwen3-VL then says fractions."""
    row = {**RECORD, "video": str(folder / "a.mp4"), "origin": "direct", "sample": 0, "keep": True}
    rows = [{**row, "id": str(n), "answer": "Answer: [0.1, 0.2, 0.3, 0.9]"} for n in range(2)]
    kept, words = tmp_path / "kept.jsonl", ["--model", folder / "qwen3_vl", "--steps", "1"]
    kept.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert stage("05_finetune.py", kept, "-o", tmp_path / "model", *words) == 0
    assert json.loads((tmp_path / "model.meta.json").read_text())["boxes"] == "fraction"
    capsys.readouterr()
    (asked, _) = ran("02_generate.py", folder / "train.jsonl", tmp_path / "g.jsonl", tmp_path / "model")
    assert asked["boxes"] == "fraction" and "frame, as this model was trained\n" in capsys.readouterr().out
    kept.write_text(json.dumps(rows[0]) + "\n" + json.dumps({**rows[1], "boxes": "1000"}) + "\n")
    assert trained_boxes(kept) is None
    assert "boxes in 1000 and in fraction: a model learns one of them" in capsys.readouterr().out


def test_pixels_are_those_of_the_scaled_frame(folder):
    model = open_model(str(folder / "qwen2_5_vl"), frames=Sampling(4, max_pixels=2 * 28 * 28))
    assert model.frame_size((str(folder / "a.mp4"), None, None)) == [28, 28]
    assert model.family() == "qwen2_5_vl" and model.no_pixels() is None
    assert "cuts off the edges" in open_model(str(folder / "video_llava")).no_pixels()


def test_boxes_that_nothing_would_obey_are_refused(folder, tmp_path, capsys):
    words = [folder / "train.jsonl", "-o", tmp_path / "out.json", "--boxes", "1000"]
    assert stage("06_eval.py", *words, "--predictions", "none") == 2
    assert "--boxes: it is for --model" in capsys.readouterr().err
    words = [folder / "train.jsonl", "-o", tmp_path / "out.jsonl", "--boxes", "pixels"]
    assert stage("02_generate.py", *words, "--model", folder / "video_llava") == 2
    assert "--boxes pixels: the processor of" in capsys.readouterr().err
    served = ["--model", "http://127.0.0.1:9/v1#some-model,video=data"]
    assert stage("02_generate.py", *words, *served) == 2
    assert "video=data sends whole files" in capsys.readouterr().err
