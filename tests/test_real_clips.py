"""Real input: the six stages on the twenty sign clips, with the demo's tiny model. It knows nothing of
signs, and must run all the same.
"""

import json
import re

from conftest import lines, made, sh


def test_the_six_stages_on_real_clips(smoke, clips, tmp_path):
    signs = tmp_path / "signs"
    signs.mkdir()
    for path in clips.glob("asl__*.mkv"):
        (signs / path.name).symlink_to(path)
    run = tmp_path / "run"
    printed = made(
        "cycle",
        "N=1",
        f"RUN={run}",
        f"MODEL={smoke / 'base'}",
        "DATASET=folder",
        f"VIDEOS={signs}",
        "PREPARE=--test-share 0.3",
        "GENERATE=--max-new-tokens 24 --samples 2 --temperature 1.0",
        "FINETUNE=--batch-size 4",
        "EVALUATE=--max-new-tokens 24",
    )
    train, test = (lines(run / f"data/{name}.jsonl") for name in ("train", "test"))
    assert len(train) + len(test) == 20 and {r["labels"][0]["value"] for r in train + test} >= {
        "thanks",
        "book",
        "hungry",
    }
    generated = lines(run / "cycle1/generated.jsonl")
    assert len(generated) == 2 * len(train) and all("error" not in r for r in generated)
    verified = lines(run / "cycle1/verified.jsonl")
    assert {r["id"] for r in verified} == {r["id"] for r in train}
    base = json.loads((run / "cycle0/eval.json").read_text())
    assert base["all"]["count"] == len(test) and base["all"]["correct"] == 0  # said honestly
    assert (run / "cycle1/model/DONE").exists()
    assert "gain, points" in (run / "results.md").read_text()
    if not any(r["keep"] for r in verified):  # nothing learned is said, too
        assert "unchanged" in printed


def test_trained_and_evaluated_on_what_a_real_run_keeps(smoke, clips, tmp_path):
    """Where the tiny model keeps nothing of its own, kept answers written by hand show that 05 and 06 take
    real clips.
    """

    videos = sorted(clips.glob("asl__*.mkv"))[:6]
    rows = [
        {
            "id": p.stem,
            "video": str(p),
            "question": "Which sign is shown?",
            "labels": [{"name": "class", "kind": "class", "value": p.stem[5:]}],
            "origin": "direct",
            "sample": 0,
            "answer": f"The hand moves.\nAnswer: {p.stem[5:]}",
            "keep": True,
        }
        for p in videos
    ]
    path = tmp_path / "verified.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    sh(
        "05_finetune.py",
        path,
        "-o",
        tmp_path / "model",
        "--model",
        smoke / "base",
        "--batch-size",
        "4",
        "--epochs",
        "2",
        "--learning-rate",
        "1e-3",
    )
    losses = json.loads((tmp_path / "model.meta.json").read_text())["losses"]
    assert len(losses) == 6 and losses[-1] < losses[0]
    sh(
        "06_eval.py",
        path,
        "-o",
        tmp_path / "eval.json",
        "--model",
        tmp_path / "model",
        "--max-new-tokens",
        "24",
    )
    assert (
        json.loads((tmp_path / "eval.json").read_text())["questions"]["answered"]
        + json.loads((tmp_path / "eval.json").read_text())["questions"]["empty"]
        == 6
    )


def test_odd_clips_each_cost_one_record_with_a_reason_or_decode(smoke, clips, tmp_path):
    done = sh(
        "01_prepare.py",
        "--dataset",
        "folder",
        "--videos",
        clips,
        "-o",
        tmp_path / "data",
        "--max-failures",
        "0.5",
    )
    bad = re.findall(r"^bad: (.*)$", done.stdout, re.M)
    train, test = (lines(tmp_path / f"data/{name}.jsonl") for name in ("train", "test"))
    videos = [p for p in clips.iterdir() if p.suffix in (".mp4", ".mkv", ".webm", ".mov", ".avi")]
    assert len(train) + len(test) + len(bad) == len(videos) and len(bad) >= 5
    assert all(
        any(word in reason for word in ("0 frames decode", "empty", "not a video")) for reason in bad
    ), bad
    command = [
        "02_generate.py",
        tmp_path / "data/test.jsonl",
        "-o",
        tmp_path / "generated.jsonl",
        "--model",
        smoke / "base",
        "--max-new-tokens",
        "8",
    ]
    sh(*command)
    assert all("answer" in r for r in lines(tmp_path / "generated.jsonl"))
