"""Following a run: what 05 and the cycles say to a tracker, through accelerate's own class for it: once, and
in one run of the tracker however often it is killed.
"""

import json
import shutil
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import pytest
from conftest import ROOT, lines, sh

from lib import trackers
from lib.tools import follow

# in place of the package: what it is told goes to a file
TRACKIO = """
import json, os
class config:
    update = staticmethod(lambda values, allow_val_change: say(config=values))
def say(**what):
    open(os.environ["TOLD"], "a").write(json.dumps(what) + "\\n")
class init:
    def __init__(self, project, name, resume):
        say(project=project, name=name, resume=resume)
    def log(self, values, step):
        if str(step) == os.environ.get("DIES"):
            raise KeyboardInterrupt
        say(step=step, **values)
    def finish(self):
        say(finished=True)
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    """A function that gives what the tracker was told so far."""
    import accelerate.tracking
    from accelerate.utils import LoggerType

    (tmp_path / "packages").mkdir()
    (tmp_path / "packages/trackio.py").write_text(TRACKIO)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    # accelerate looks for packages once, when it is imported
    monkeypatch.setattr(accelerate.tracking, "_available_trackers", [LoggerType.TRACKIO])
    yield lambda: lines(tmp_path / "told") if (tmp_path / "told").exists() else []
    sys.modules.pop("trackio", None)


def finetune(monkeypatch, *words):
    """05 in this process."""
    spec = spec_from_file_location("finetuning", ROOT / "05_finetune.py")
    stage = module_from_spec(spec)
    spec.loader.exec_module(stage)
    monkeypatch.setattr(sys, "argv", ["05_finetune.py", *map(str, words)])
    stage.main()


def test_a_training_is_followed_step_by_step_and_after_a_kill_in_the_same_run(
    smoke, kept, tmp_path, monkeypatch, told
):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.mk").write_text("")
    out = tmp_path / "run/cycle1/model"
    words = [kept, "-o", out, "--model", smoke / "base", "--steps", "6", "--batch-size", "4"]
    words += ["--save-every", "2", "--report-to", "trackio"]
    monkeypatch.setenv("DIES", "4")
    with pytest.raises(KeyboardInterrupt):
        finetune(monkeypatch, *words)
    first, *said = told()
    assert first["project"] == "run" and first["name"].startswith("cycle1-model-")
    assert said[0]["config"]["steps"] == 6 and [row["step"] for row in said[1:]] == [1, 2, 3]
    monkeypatch.delenv("DIES")
    finetune(monkeypatch, *words)
    again = told()[len(said) + 1 :]
    assert again[0] == {**first, "resume": "allow"} and again[-1] == {"finished": True}
    assert [row["step"] for row in again[1:-1]] == [3, 4, 5, 6]  # of the saved state on; no settings anew
    losses = json.loads((tmp_path / "run/cycle1/model.meta.json").read_text())["losses"]
    rows = {row["step"]: row for row in [*said[1:], *again[1:-1]]}
    assert [rows[step]["loss"] for step in range(1, 7)] == losses
    assert rows[1]["learning_rate"] > rows[6]["learning_rate"] and rows[6]["tokens_per_second"] > 0
    assert not (out / "tracker.json").exists()
    words[words.index("trackio")] = "none"  # does not decide what the checkpoint is
    finetune(monkeypatch, *words)
    assert len(told()) == len(said) + 1 + len(again)


def test_the_figures_of_each_cycle_are_said_once(smoke, tmp_path, told):
    run = tmp_path / "run"
    shutil.copytree(smoke, run, ignore=shutil.ignore_patterns("model", "base", "videos"))
    shutil.move(run / "cycle2", tmp_path / "later")
    follow.follow(run, "trackio")
    began, base, one, end = told()
    assert began["project"] == "run" and began["name"].startswith("cycles-") and end["finished"]
    evaluation = json.loads((run / "cycle1/eval.json").read_text())
    counts = json.loads((run / "cycle1/verified.jsonl.meta.json").read_text())
    assert base["step"] == 0 and not {"gain", "yield/direct"} & base.keys()
    assert one["step"] == 1 and one["accuracy/all"] == evaluation["all"]["accuracy"]
    assert {f"accuracy/{kind}" for kind in evaluation["kinds"]} < one.keys() and "gain" in one
    assert one["yield/direct"] == counts["solved_direct"] / counts["questions"]
    follow.follow(run, "trackio")
    assert len(told()) == 4  # nothing new
    shutil.move(tmp_path / "later", run / "cycle2")
    follow.follow(run, "trackio")
    again = told()[4:]
    assert again[0] == began and [row.get("step") for row in again[1:]] == [2, None]
    evaluation["all"]["accuracy"] = 2
    (run / "cycle1/eval.json").write_text(json.dumps(evaluation))
    follow.follow(run, "trackio")  # a figure is another: all of them, to a new run
    anew = told()[7:]
    assert anew[0]["name"] != began["name"] and [row.get("step") for row in anew[1:-1]] == [0, 1, 2]


@pytest.mark.skipif(bool(find_spec("wandb")), reason="wandb is installed here")
def test_a_tracker_that_is_not_there_is_refused_before_any_work(smoke, kept, tmp_path):
    words = [kept, "-o", tmp_path / "model", "--model", smoke / "base", "--report-to", "wandb"]
    done = sh("05_finetune.py", *words, check=False)
    assert done.returncode == 2 and "pip install wandb" in done.stderr and not list(tmp_path.glob("model*"))


def test_make_follows_where_it_is_told_to(tmp_path):
    words = ["make", "-n", "cycle", "N=1", f"RUN={tmp_path / 'run'}", f"PY={sys.executable}"]
    said = sh(*words, "REPORT_TO=wandb").stdout
    assert said.count("lib.tools.follow") == 2 and said.count("--report-to wandb") == 3
    for tracker, why in (("wandb", "pip install wandb"), ("wand", "expected one of none, tensorboard")):
        if not find_spec(tracker):  # refused before any work
            done = sh("make", *words[2:], f"REPORT_TO={tracker}", check=False)
            assert done.returncode == 2 and why in done.stderr and not (tmp_path / "run/data").exists()
    for none in ([], ["REPORT_TO=none"]):
        said = sh(*words, *none).stdout
        assert "lib.tools.follow" not in said and "--report-to" not in said


@pytest.mark.slow
@pytest.mark.skipif(not any(map(find_spec, trackers.PACKAGES["tensorboard"])), reason="no tensorboard here")
def test_tensorboard_reads_what_is_said(smoke, kept, tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    words = [kept, "-o", tmp_path / "model", "--model", smoke / "base", "--steps", "3", "--batch-size", "4"]
    finetune(monkeypatch, *words, "--report-to", "tensorboard")
    (folder,) = (tmp_path / "tensorboard").glob("model-*")
    events = EventAccumulator(str(folder)).Reload()
    losses = json.loads((tmp_path / "model.meta.json").read_text())["losses"]
    assert [event.value for event in events.Scalars("loss")] == pytest.approx(losses)
