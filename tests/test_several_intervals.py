"""A label that is a list of intervals, from the user's file to the result: 01 to 06."""

import json

import torch
from conftest import lines
from families import build
from test_families import stage
from test_video import coded_clip

from lib.training.rows import rows_of

LABEL = {"name": "when", "kind": "interval", "value": [[0.5, 1.5], [2.0, 2.8]]}
SAID = "0.5 to 1.5 seconds and 2 to 2.8 seconds"


def test_several_intervals_from_the_file_to_the_result(tmp_path, capsys):
    data, model = tmp_path / "data", tmp_path / "model"
    build("qwen3_vl", model, dtype=torch.float32)
    rows = [
        {
            "id": name,
            "video": f"{name}.mp4",
            "question": "When does it blink?",
            "labels": [LABEL],
            "split": split,
        }
        for name, split in (("a", "train"), ("b", "train"), ("c", "test"))
    ]
    for row in rows:
        coded_clip(tmp_path / row["video"], 90)
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["--dataset", "jsonl", "--annotations", tmp_path / "mine.jsonl", "--videos", tmp_path]
    assert stage("01_prepare.py", *words, "-o", data) == 0
    assert [row["labels"] for row in lines(data / "train.jsonl")] == [[LABEL], [LABEL]]

    asked = ["--model", model, "--max-new-tokens", 4]
    assert stage("02_generate.py", data / "train.jsonl", "-o", tmp_path / "g.jsonl", *asked) == 0
    capsys.readouterr()
    assert stage("03_rationalize.py", tmp_path / "g.jsonl", "-o", tmp_path / "r.jsonl", *asked) == 0
    assert f"Answer: {SAID}.\n" in capsys.readouterr().out  # the hint

    said = [f"It blinks twice.\nAnswer: {SAID}", "It blinks late.\nAnswer: 2 to 2.8 seconds"]  # IoU 0.8 / 1.8
    answers = [
        {**row, "answer": answer, "truncated": False}
        for row, answer in zip(lines(tmp_path / "g.jsonl"), said)
    ]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    assert stage("04_verify.py", tmp_path / "said.jsonl", "-o", tmp_path / "v.jsonl") == 0
    twice, once = lines(tmp_path / "v.jsonl")
    assert (
        twice["keep"] and twice["checks"][0]["parsed"] == LABEL["value"] and twice["checks"][0]["score"] == 1
    )
    assert not once["keep"] and once["checks"][0]["score"] == round(0.8 / 1.8, 4)
    trained = rows_of(tmp_path / "v.jsonl", "both", None)
    assert len(trained) == 2 and all(row.answers[0].endswith(SAID) for row in trained)
    words = ["-o", tmp_path / "trained", "--model", model, "--steps", 1]
    assert stage("05_finetune.py", tmp_path / "v.jsonl", *words) == 0

    (tmp_path / "e").mkdir()
    words = ["--model", tmp_path / "trained", "--max-new-tokens", 4]
    assert stage("06_eval.py", data / "test.jsonl", "-o", tmp_path / "e/eval.json", *words) == 0
    (line,) = lines(tmp_path / "e/predictions.jsonl")
    (tmp_path / "good.jsonl").write_text(json.dumps({**line, "answer": said[0], "truncated": False}) + "\n")
    words = ["-o", tmp_path / "again.json", "--predictions", tmp_path / "good.jsonl"]
    assert stage("06_eval.py", data / "test.jsonl", *words) == 0
    assert json.loads((tmp_path / "again.json").read_text())["kinds"]["interval"]["mean_iou"] == 1
