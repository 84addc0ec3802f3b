"""`make viit` as a whole, small: killed in the middle and run again, and what it remembers and refuses."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import LIMIT, ROOT, lines, wait_for

from lib.tools.viit import SOURCES

SMALL = [
    "WORLD=--captioned 8 --narrated 4 --unlabelled 12 --gallery 6 --test 3",
    "LEARN=--steps 80 --clips 8",
    "VISION=--steps 2 --batch-size 4",
    "LANGUAGE=--steps 2 --batch-size 4",
    "CAPTION=--temperature 0 --max-new-tokens 32 --batch-size 12 --max-failures 99",
    "DUAL=--steps 2 --batch-size 4 --frames 8",
    "SCORE=--batch-size 8 --max-new-tokens 16",
]


def make(*words, code=0):
    done = subprocess.run(["make", *words], cwd=ROOT, text=True, capture_output=True, timeout=LIMIT)
    assert done.returncode == code, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


@pytest.mark.slow
def test_killed_and_run_again_it_is_whole(python, tmp_path):
    run, by = tmp_path / "run", f"PY={python}"
    command = ["make", "viit", f"RUN={run}", by, *SMALL]
    job = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_for(lambda: (run / "viit" / "captioned" / "base.jsonl").exists(), job)
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    assert python.settled()
    folder = run / "viit"
    assert not (folder / "results.md").exists()
    # RUN alone is enough: the rest is remembered
    printed = make("viit", f"RUN={run}", by).stdout
    for source in ("base", "vision", "model", "true", "alt-text"):
        assert SOURCES[source] in printed
        assert (folder / "retrieval" / source / "ranks.jsonl").exists()
    assert len(lines(folder / "captioned" / "model.jsonl")) == 12
    table = (folder / "results.md").read_text()
    made_at = {path: path.stat().st_mtime_ns for path in folder.rglob("DONE")}
    again = make("viit", f"RUN={run}", by).stdout
    assert "python" not in again and made_at == {path: path.stat().st_mtime_ns for path in made_at}
    assert table.strip() in make("results", f"RUN={run}", by).stdout
    # another flag of a stage re-makes what comes after it, and nothing before
    planned = make("-n", "viit-all", f"RUN={run}", "DUAL=--steps 3 --batch-size 4 --frames 8").stdout
    assert planned.count("lib.viit.train") == 5 and "05_finetune" not in planned
    refused = make("viit", f"RUN={run}", "CAPTIONS=mine.csv", "CLIPS=clips", "MODEL=m", code=2)
    assert "was made with CAPTIONS=" in refused.stderr


def test_no_training_is_given_the_same_rows_twice(tmp_path):
    planned = make("-n", "viit-arms", "viit-star-arms", f"RUN={tmp_path / 'run'}", "N=1").stdout
    trained = [line.split() for line in planned.replace("\\\n", " ").splitlines() if "05_finetune.py" in line]
    assert len(trained) > 6
    for words in trained:
        files = [word for word in words if word.endswith(".jsonl")]
        assert len(files) == len(set(files)), words


def test_on_clips_of_ones_own_the_steps_are_these(tmp_path):
    run, clips = tmp_path / "run", tmp_path / "clips"
    clips.mkdir()
    captions = tmp_path / "caps.csv"
    captions.write_text("video,caption\na.mp4,a dog runs\n")
    words = [f"RUN={run}", "MODEL=some/model", f"CAPTIONS={captions}", f"CLIPS={clips}", "WRITER=some/text"]
    planned = make("-n", "viit-all", *words).stdout
    steps = [line for line in planned.splitlines() if "python" in line]
    for part in (
        "01_prepare.py --dataset captions",
        f"--videos {clips}",
        "lib.viit.instructions",
        "--model some/text",
        "--train vision --model some/model",
        "--train language",
        "--style caption --model some/model",
        "--model openai/clip-vit-base-patch16",
        f"--questions {run}/viit/captions/test.jsonl",
        f"--unseen {run}/viit/captions/test.jsonl",  # which CLIPS may hold
    ):
        assert any(part in step for step in steps), part
    assert "lib.demo" not in planned
    for missing in ("MODEL=", "CLIPS="):
        left = [word for word in words if not word.startswith(missing)]
        assert "is empty" in make("-n", "viit", *left, code=2).stderr
    # what is not there is told before any work, and is not remembered
    for name in ("CAPTIONS", "CLIPS", "GALLERY", "VIDEOS"):
        more = [word for word in words if not word.startswith(name)]
        said = make("viit", *more, f"{name}=nosuch.csv", code=2).stderr
        assert f"{name} is 'nosuch.csv': no such file or folder" in said and not (run / "run.mk").exists()
    ended = make("viit", *words, f"ENCODER={clips}", f"PY={sys.executable}", code=2)
    assert f"{clips}: no dual encoder can be loaded" in ended.stderr and "01_prepare.py" not in ended.stdout
