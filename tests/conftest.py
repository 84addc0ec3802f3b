"""Shared by all tests: run the scripts as a user does, and one small finished run of the loop (make smoke) to look at."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"  # real clips and annotation files, where there are any
SMOKE_FLAGS = ["--max-new-tokens", "48", "--batch-size", "16"]
sys.path.insert(0, str(ROOT))
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # so small models gain nothing from a second thread, and wait long for it where another program has the core
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored, and what tests start would inherit that
os.environ.pop("MAKEFLAGS", None)  # under `make test` the options of that make must not reach the ones started here


def sh(*command, check=True, **options):
    """Run a command in the repository; returns the finished process with its text. Stage scripts run under this Python."""
    command = [str(c) for c in command]
    if command[0].endswith(".py"):
        command = [sys.executable, *command]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=600, **options)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done


def lines(path):
    """The records of a JSONL file."""
    return [json.loads(line) for line in Path(path).read_bytes().split(b"\n") if line]


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The folder of a finished `make smoke`."""
    run = tmp_path_factory.mktemp("smoke") / "run"
    done = sh("make", "smoke", f"RUN={run}", f"PY={sys.executable}")
    (run / "output.txt").write_text(done.stdout)
    return run


@pytest.fixture
def kept(smoke, tmp_path):
    """A verified file of sixteen kept answers: the smoke's first answers, whatever they say (so brief a base may get none right)."""
    rows = [r for r in lines(smoke / "cycle1/generated.jsonl") if r["sample"] == 0][:16]
    for record in rows:
        record.update(video=str((smoke / "cycle1" / record["video"]).resolve()), keep=True, answer=record["answer"] or "It is red.")
    path = tmp_path / "kept.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture(scope="session")
def clips():
    """The folder of real clips; skips where the checkout has none beside it."""
    if not (SHARED / "videos").is_dir():
        pytest.skip(f"no real clips at {SHARED / 'videos'}")
    return SHARED / "videos"
