"""Baselines, ablations, the stop rule and the table over seeds."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, lines, sh

from lib.tools import plateau


def scored(*right, videos=40):
    """Scores of a cycle in which the first `right` of 40 questions, each on a video of its own, are right."""
    return {f"q{i}": (f"v{i % videos}", i < right[0]) for i in range(40)}


def test_it_goes_on_while_accuracy_grows_and_stops_where_it_does_not():
    assert plateau.decide([scored(10)]) == (True, 0, None)
    go_on, best, gain = plateau.decide([scored(10), scored(25)])
    assert go_on and best == 1 and gain[0] == pytest.approx(15 / 40) and gain[1] > 0
    go_on, best, _ = plateau.decide([scored(10), scored(25), scored(26)])
    assert (
        not go_on and best == 2
    )  # one question more is within the interval; the more accurate cycle is kept
    go_on, best, _ = plateau.decide([scored(10), scored(25), scored(12)])
    assert not go_on and best == 1
    assert plateau.decide([scored(10), scored(10)])[:2] == (False, 0)  # the earlier one on ties


def test_a_gain_on_one_video_alone_is_no_gain():
    one = {f"q{i}": ("v0" if i < 20 else f"v{i}", False) for i in range(40)}
    assert not plateau.decide([one, {key: (video, video == "v0") for key, (video, _) in one.items()}])[0]


def make(*words):
    return subprocess.run(["make", *map(str, words)], cwd=ROOT, text=True, capture_output=True, timeout=600)


def test_make_n_prints_the_arms_and_starts_nothing(tmp_path):
    for goal in (
        "cycle N=auto",
        "compare",
        "arms",
        "baseline-template",
        "baseline-teacher",
        "final",
        "preferences",
        "ablation-direct-only",
        "ablation-one-sample",
        "ablation-two-samples",
    ):
        done = make("-n", *goal.split(), f"RUN={tmp_path / 'run'}", f"PY={sys.executable}")
        assert done.returncode == 0, (goal, done.stderr)
    assert not (tmp_path / "run").exists()


def test_the_ablations_leave_out_what_they_say(tmp_path):
    said = make(
        "-n", "cycle", "N=2", "ORIGINS=direct", f"RUN={tmp_path / 'run'}", f"PY={sys.executable}"
    ).stdout
    assert "03_rationalize" not in said and said.count("02_generate.py") == 2
    said = make(
        "-n", "cycle", "N=2", "ORIGINS=rationalized", f"RUN={tmp_path / 'run'}", f"PY={sys.executable}"
    ).stdout
    assert (
        "02_generate" not in said
        and said.count("03_rationalize.py") == 2
        and said.count("data/train.jsonl -o") == 2
    )


def test_arms_share_data_and_base(tmp_path):
    said = make("-n", "ablation-direct-only", f"RUN={tmp_path / 'run'}", f"PY={sys.executable}").stdout
    assert f"DATA={tmp_path}/run/data MODEL={tmp_path}/run/base BASE={tmp_path}/run/base" in said


def test_a_loop_under_way_is_no_arm_yet(smoke, tmp_path):
    for place in ("seed0", "seed0/direct-only"):
        shutil.copytree(smoke / "cycle0", tmp_path / place / "cycle0")
    said = sh(sys.executable, "-m", "lib.tools.compare", tmp_path, "seed0", "seed0", "seed1").stdout
    assert "| before any cycle |" in said and "direct only" not in said
    assert "not finished, and left out: seed1" in said


def test_every_label_rationalized_template_answers_and_truth(smoke, tmp_path):
    train = smoke / "data/train.jsonl"
    sh(
        "03_rationalize.py",
        train,
        "-o",
        tmp_path / "r.jsonl",
        "--model",
        smoke / "base",
        "--max-new-tokens",
        "16",
        "--batch-size",
        "48",
    )
    rows, questions = lines(tmp_path / "r.jsonl"), lines(train)
    assert [r["id"] for r in rows] == [q["id"] for q in questions] and {r["origin"] for r in rows} == {
        "rationalized"
    }
    for what in ("template", "truth"):
        done = sh(sys.executable, "-m", "lib.tools.baselines", what, train, tmp_path / f"{what}.jsonl")
        assert f"{len(questions)} {what} answers" in done.stdout
        made = lines(tmp_path / f"{what}.jsonl")
        assert [r["id"] for r in made] == [q["id"] for q in questions] and all(r["keep"] for r in made)
        sh(
            "04_verify.py",
            tmp_path / f"{what}.jsonl",
            "-o",
            tmp_path / f"{what}.verified.jsonl",
            "--per-question",
            "9",
        )
        assert {r["verdict"] for r in lines(tmp_path / f"{what}.verified.jsonl")} == {"correct"}
    more = ["--share", "0.5", "--add", tmp_path / "truth.verified.jsonl"]
    sh(sys.executable, "-m", "lib.tools.baselines", "template", train, tmp_path / "half.jsonl", *more)
    assert len(questions) < len(lines(tmp_path / "half.jsonl")) < 2 * len(questions)


def test_equal_steps_whatever_the_rows(smoke, kept, tmp_path):
    for limit in ("4", "16"):
        sh(
            "05_finetune.py",
            kept,
            "-o",
            tmp_path / limit,
            "--model",
            smoke / "base",
            "--full",
            "--steps",
            "3",
            "--batch-size",
            "8",
            "--limit",
            limit,
        )
        meta = json.loads((tmp_path / f"{limit}.meta.json").read_text())
        assert meta["steps"] == 3


def test_what_is_answered_blind_or_shuffled_is_not_kept(smoke, tmp_path):
    import numpy as np

    from lib.video import viewed

    frames = np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1) * np.ones((8, 2, 2, 3), np.uint8)
    shuffled = viewed(frames, "shuffled", 0)
    assert (
        (viewed(frames, "video", 0) == frames).all()
        and (shuffled != frames).any()
        and sorted(shuffled[:, 0, 0, 0]) == list(range(8))
        and (viewed(frames, "blind", 0) == 128).all()
    )
    command = [
        "02_generate.py",
        smoke / "data/train.jsonl",
        "--model",
        smoke / "base",
        "--max-new-tokens",
        "12",
        "--temperature",
        "0",
        "--limit",
        "4",
    ]
    sh(*command, "-o", tmp_path / "video.jsonl")
    sh(*command, "-o", tmp_path / "blind.jsonl", "--view", "blind")
    rows = lines(tmp_path / "blind.jsonl")
    assert [r["answer"] for r in rows] != [r["answer"] for r in lines(tmp_path / "video.jsonl")]
    from lib.prompts import label_text

    right = [{**r, "answer": f"Answer: {label_text(r['labels'])}", "truncated": False} for r in rows]
    (tmp_path / "right.jsonl").write_text("".join(json.dumps(r) + "\n" for r in right))
    (tmp_path / "blind.jsonl").write_text(
        "".join(json.dumps(r) + "\n" for r in [right[0], {**right[1], "answer": "Answer: nothing of it"}])
    )
    sh(
        "04_verify.py",
        tmp_path / "right.jsonl",
        "-o",
        tmp_path / "v.jsonl",
        "--drop-answered",
        tmp_path / "blind.jsonl",
    )
    made = lines(tmp_path / "v.jsonl")
    assert (
        [r["keep"] for r in made] == [False, True, True, True]
        and "answered without the video" in made[0]["why"]
        and made[0]["verdict"] == "correct"
    )


@pytest.mark.parametrize("how", [["--full"], ["--lora-rank", "8"]])
def test_preferences_raise_kept_answers_above_wrong_ones(smoke, tmp_path, how):
    rows = [r for r in lines(smoke / "cycle1/generated.jsonl") if r["sample"] == 0][:8]
    from lib.prompts import label_text

    pairs = [
        {
            **r,
            "video": str((smoke / "cycle1" / r["video"]).resolve()),
            "sample": n,
            "truncated": False,
            "keep": n == 0,
            "verdict": ("correct", "wrong", "unparsed")[n],
            "answer": (
                f"It is seen.\nAnswer: {label_text(r['labels'])}",
                "It is not seen.\nAnswer: something else",
                "Mumble.",
            )[n],
        }
        for r in rows
        for n in range(3)
    ]
    path = tmp_path / "verified.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in pairs))
    command = [
        "05_finetune.py",
        path,
        "--model",
        smoke / "base",
        "--preferences",
        "0.1",
        "--learning-rate",
        "1e-3",
        "--steps",
        "6",
        *how,
    ]
    sh(*command, "-o", tmp_path / "model", "--batch-size", "4")
    meta = json.loads((tmp_path / "model.meta.json").read_text())
    assert meta["rows"] == 8 and meta["losses"][0] == pytest.approx(
        0.6931, abs=1e-3
    )  # at the start both are as the reference: log 2
    assert meta["losses"][-1] < 0.6
    sh(*command, "-o", tmp_path / "again", "--batch-size", "2", "--accumulate", "2")
    assert json.loads((tmp_path / "again.meta.json").read_text())["losses"] == pytest.approx(
        meta["losses"], abs=1e-3
    )


@pytest.mark.parametrize(
    "words, says",
    [
        (["report", ""], "argument run: is empty"),
        (["report", "RUN", "--megabytes", "nan"], "nan: expected a finite number"),
        (["report", "RUN", "-o", "RUN/data/train.jsonl"], "exists, and is no report"),
        (["report", "RUN", "-o", "PAGE"], "exists, and is no report"),
        (["report", "RUN", "--cycles", "-1"], "argument --cycles: -1: expected the number of a cycle"),
        (["report", "RUN", "-o", "RUN"], "a folder, expected the name of a file"),
        (["plateau", "RUN", "nan"], "argument cycle: nan: expected the number of a cycle"),
        (["plateau", "RUN", "-1"], "argument cycle: -1: expected the number of a cycle"),
        (["plateau"], "required: run, cycle"),
        (["viit"], "required: run"),
        (["viit_compare", "RUN"], "required: seeds"),
        (["baselines", "template", "TRAIN", "TRAIN"], "would replace"),
        (
            ["baselines", "template", "TRAIN", "RUN/data/test.jsonl"],
            "does not begin with an answer of this tool",
        ),
        (["baselines", "template", "TRAIN", "RUN/cycle1/generated.jsonl"], "does not begin with an answer"),
        (["baselines", "template", "TRAIN", "OUT", "--share", "1e-9"], "takes none of its questions"),
        (["bench_plan", "05", "10"], "invalid choice: '05'"),
        (["bench_plan", "02", "-1"], "-1 questions: expected at least 1"),
        (["bench", "nothing"], "no such part: nothing; expected some of"),
        (["baselines", "template", "TRAIN", "OUT", "--share", "nan"], "nan: expected a finite number"),
        (["baselines", "template", "TRAIN", "OUT", "--share", "0"], "expected above 0 and at most 1"),
        (["baselines", "template", "TRAIN", "OUT", "--add", "RUN/cycle1/generated.jsonl"], "no `keep` in it"),
        (["baselines", "template", "TRAIN", "RUN"], "a folder, expected the name of a file"),
    ],
)
def test_tools_refuse_what_nothing_obeys_and_replace_nothing(words, says, smoke, tmp_path):
    places = {"RUN": str(smoke), "TRAIN": f"{smoke}/data/train.jsonl", "OUT": str(tmp_path / "out.jsonl")}
    (tmp_path / "page.html").write_text("<!doctype html><title>Of somebody else</title>")
    places["PAGE"] = str(tmp_path / "page.html")
    words = [places.get(word, word.replace("RUN/", f"{smoke}/")) for word in words]
    files = [*smoke.glob("*/*.jsonl"), tmp_path / "page.html"]
    before = {path: path.read_bytes() for path in files}
    done = sh(sys.executable, "-m", f"lib.tools.{words[0]}", *words[1:], check=False)
    assert done.returncode in (1, 2) and says in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert before == {path: path.read_bytes() for path in files}
    assert not list(smoke.parent.glob("*.tmp"))


TOOLS = "smoke bench bench_decode bench_plan follow plan report viit viit_compare plateau".split()


@pytest.mark.parametrize(
    "module", [*(f"lib.tools.{name}" for name in TOOLS), "lib.trackers", "lib.demo.picture"]
)
def test_help_answers_at_once_with_what_can_be_typed(module):
    assert sh(sys.executable, "-m", module, "--help").stdout.startswith(f"usage: python -m {module} ")
