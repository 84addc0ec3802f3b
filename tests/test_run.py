"""A run remembers what it was made with (run.mk): make alone, with a stand-in for Python."""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from conftest import LIMIT, ROOT, wait_for

STAND_IN = """#!/bin/bash
echo "$@" >> "$RAN"
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
[ -n "${out:-}" ] || exit 0
case $out in
  */data) mkdir -p "$out"; touch "$out/train.jsonl" "$out/test.jsonl";;
  */model|*/base) mkdir -p "$out"; touch "$out/DONE";;
  *) mkdir -p "$(dirname "$out")"; touch "$out";;
esac
while [ -e "$RAN.hold" ]; do sleep 0.05; done
"""


class Make:
    """Runs `make` on one run, in the project or in a copy of it."""

    def __init__(self, folder, where=ROOT):
        self.run, self.where, self.ran = folder / "run", where, folder / "ran"
        self.python = folder / "python"
        self.python.write_text(STAND_IN)
        self.python.chmod(0o755)
        (folder / "labels.csv").write_text("video,label\n")
        self.named = [
            f"PY={self.python}",
            "DATASET=csv",
            f"ANNOTATIONS={folder}/labels.csv",
            "MODEL=hub/model",
        ]

    def start(self, *words):
        environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "RAN": str(self.ran)}
        command = ["make", *words, f"RUN={self.run}"]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.where, env=environment, **streams)

    def __call__(self, *words):
        process = self.start(*words)
        said, errors = process.communicate(timeout=LIMIT)
        return subprocess.CompletedProcess(words, process.returncode, said, errors)

    def scripts(self, *words):
        """The numbered scripts that these words would start."""
        done = self("-n", *words)
        assert done.returncode == 0, done.stderr
        return re.findall(r" (0\d_\w+)\.py", done.stdout)


@pytest.fixture
def make(tmp_path):
    return Make(tmp_path)


@pytest.fixture
def finished(make):
    done = make("cycle", "N=2", "GENERATE=--samples 3", "VERIFY=--per-question 2", *make.named)
    assert done.returncode == 0, done.stderr
    return make


CYCLE = ["02_generate", "03_rationalize", "04_verify", "05_finetune", "06_eval"]


@pytest.mark.parametrize("goal", ["plan", "export", "results", "report"])
def test_targets_that_read_make_nothing(finished, goal):
    said = finished("-n", goal).stdout
    assert str(finished.run) in said and "cycle2" in said or goal != "export"
    for word in ("01_prepare", "demo.base", "--overwrite", "--dataset"):
        assert word not in said
    before = sorted(finished.run.rglob("*"))
    assert finished(goal).returncode == 0 and sorted(finished.run.rglob("*")) == before


def test_a_run_is_named_by_its_folder_alone(finished):
    assert finished.scripts("cycle") == []
    assert finished.scripts("cycle", "N=3") == CYCLE
    said = finished("-n", "cycle", "N=3").stdout
    assert "--samples 3" in said and "--per-question 2" in said and "--model hub/model" in said
    for goal, stages in {
        "bound": ["05_finetune", "06_eval"],
        "final": ["04_verify", "05_finetune", "06_eval"],
        "preferences": ["05_finetune", "06_eval"],
    }.items():
        assert finished.scripts(goal) == stages, goal


@pytest.mark.parametrize(
    "other",
    [
        "DATASET=demo",
        "DATASET=jsonl",
        "MODEL=hub/other",
        "SEED=1",
        "ANNOTATIONS=x.csv",
        "VIDEOS=clips",
        "BASE=hub/other",
        "ORIGINS=direct",
    ],
)
def test_other_data_model_or_seed_are_refused_with_both_shown(finished, other):
    finished.ran.unlink()
    name, value = other.split("=")
    for goal in ("cycle", "plan", "export", "final"):
        done = finished(goal, other)
        assert done.returncode == 2 and f"now {name}={value}" in done.stderr, done.stderr
        assert f"was made with {name}=" in done.stderr and "another RUN" in done.stderr
    assert not finished.ran.exists()


def test_what_nothing_was_made_with_yet_may_be_mended(make):
    make.python.write_text("#!/bin/bash\nexit 1\n")
    assert make("cycle", "MODEL=hub/typo", *make.named[:3]).returncode == 2
    make.python.write_text(STAND_IN)
    assert make("cycle", "N=1", *make.named).returncode == 0
    assert "--model hub/typo" not in make.ran.read_text()


def test_another_flag_remakes_what_it_concerns_and_is_remembered(finished):
    evaluations = ["06_eval"] * 3
    assert finished.scripts("cycle", "EVALUATE=--frames 4") == evaluations
    assert finished.scripts("cycle") == []  # asking changed nothing
    finished("cycle", "EVALUATE=--frames 4")
    assert finished.scripts("cycle") == []
    assert "--frames 4" in finished("-n", "cycle", "N=3").stdout
    assert finished.scripts("cycle", "EVALUATE=") == evaluations


def test_fewer_cycles_are_all_that_is_shown(finished):
    assert (
        finished("cycle", "N=1", "VERIFY=").returncode == 0
    )  # leaves cycle 2 as it was, made with other flags
    for goal in ("results", "report"):
        assert f"lib.tools.{goal} {finished.run} --cycles 1" in finished("-n", goal).stdout
    assert finished.scripts("cycle") == []
    assert finished("cycle", "N=2").returncode == 0
    assert finished.ran.read_text().endswith(f"lib.tools.results {finished.run} --cycles 2\n")
    assert f"lib.tools.results {finished.run} --cycles 1" in finished("-n", "cycle", "N=1").stdout
    assert "--cycles" not in finished("-n", "results", "N=auto").stdout


def test_flags_are_remembered_to_the_letter(make):
    flags = """PREPARE=--question 'What "is" it, $$5 or #6?'"""
    make("cycle", "N=1", flags, *make.named)
    ran = make.ran.read_text()
    assert """--question What "is" it, $5 or #6?""" in ran
    assert make.scripts("cycle") == []


def test_makes_beside_the_run_are_told_its_flags_to_the_letter(make):
    flags = ["""GENERATE=--note 'a "b" $$5 #6'""", """FINETUNE=--mix 'my "$$5".jsonl'"""]
    assert make("cycle", "N=1", *flags, *make.named).returncode == 0
    for goal, folder in {"ablation-two-samples": "two-samples", "compare": "seed1"}.items():
        make.ran.unlink()
        done = make(goal, "SEEDS=1")
        assert done.returncode == 0, done.stderr
        ran = [line for line in make.ran.read_text().splitlines() if f"/{folder}/cycle1/" in line]
        assert any("02_gen" in line and """--note a "b" $5 #6""" in line for line in ran), ran
        assert any("05_fine" in line and """--mix my "$5".jsonl""" in line for line in ran), ran
    make.ran.unlink()
    assert make("compare", "SEEDS=2", flags[1]).returncode == 0
    assert """--mix my "$5".jsonl""" in make.ran.read_text()


def test_a_make_that_ended_on_another_machine_is_in_nobodys_way(finished):
    name = finished.run / "making/elsewhere.123"
    name.write_text("1")
    assert "another make is at work" in finished("cycle", "N=3").stderr
    long_ago = time.time() - 3600
    os.utime(name, (long_ago, long_ago))
    assert finished("cycle", "N=3").returncode == 0 and not name.exists()


def test_the_same_run_elsewhere_is_the_same_run(finished, tmp_path):
    moved = tmp_path / "moved"
    finished.run.rename(moved)
    finished.run = moved
    assert finished.scripts("cycle") == [] and finished.scripts("cycle", "N=3") == CYCLE


def test_a_second_make_with_other_flags_is_refused_before_it_writes(make):
    hold = make.ran.with_name("ran.hold")
    hold.touch()
    first = make.start("cycle", "N=1", "GENERATE=--samples 2", *make.named)
    wait_for(lambda: make.ran.exists() and "01_prepare.py" in make.ran.read_text(), first)
    before, files = (make.run / "run.mk").read_text(), sorted((make.run / "flags").iterdir())
    second = make("cycle", "N=1", "GENERATE=--samples 4")
    assert second.returncode == 2 and "another make is at work on it" in second.stderr, second.stderr
    assert (make.run / "run.mk").read_text() == before and sorted((make.run / "flags").iterdir()) == files
    assert make("results").returncode == 0  # reading is not refused
    hold.unlink()
    assert first.wait(LIMIT) == 0
    first.communicate()
    assert "--samples 4" not in make.ran.read_text()
    assert make("cycle", "N=1", "GENERATE=--samples 4").returncode == 0  # one that ended is in nobody's way


@pytest.mark.parametrize(
    "word,said",
    [
        ("RUN=", "RUN is ''"),
        ("RUN=a b", "RUN is 'a b'"),
        ("RUN=it's", "RUN is 'it's'"),
        ("RUN=runs/5%", "RUN is 'runs/5%'"),
        ("RUN=runs/12:30", "RUN is 'runs/12:30'"),
        ("RUN=~/run", "RUN is '~/run'"),
        ("RUN=-run", "RUN is '-run'"),
        ("DATA=5%/data", "DATA is '5%/data'"),
        ("VIDEOS=my clips", "VIDEOS is 'my clips'"),
        ("ANNOTATIONS=it's.csv", "ANNOTATIONS is 'it's.csv'"),
        ('MODEL=a"b', "MODEL is 'a\"b'"),
        ("MODEL=a;rm -r b", "MODEL is 'a;rm -r b'"),
        ("DATA=$$(id)", "DATA is"),
        ("N=abc", "N is 'abc'"),
        ("N=-1", "N is '-1'"),
        ("N=", "N is ''"),
        ("N=1 2", "N is '1 2'"),
        ("N=1.5", "N is '1.5'"),
        ("ORIGINS=direct rationalised", "ORIGINS is 'direct rationalised': expected direct or rationalized"),
        ("ORIGINS=", "ORIGINS is empty"),
        ("DROP=blnd", "DROP is 'blnd': expected blind or shuffled"),
        ("TRUST=true", "TRUST is 'true': expected yes or no"),
        ("PUBLIC=1", "PUBLIC is '1': expected yes or no"),
        ("model=a", "model=... is no variable of this Makefile: did you mean MODEL=?"),
        ("GENERATES=--samples 4", "did you mean GENERATE=?"),
        ("SHARE=1 1 1", "did you mean SHARES=?"),
        ("cyle", "no target 'cyle': make help lists them"),
        ("DATA=runs/nix/data", "DATA is 'runs/nix/data': it has no "),
    ],
)
def test_what_make_cannot_take_is_named(make, word, said):
    words = [each for each in make.named if not each.startswith(word.split("=")[0] + "=")]
    if word.startswith("RUN"):
        done = subprocess.run(["make", "cycle", word, *words], cwd=ROOT, capture_output=True, text=True)
    else:
        done = make("cycle", word, *words)
    errors = done.stderr.strip().splitlines()
    assert done.returncode == 2 and len(errors) == 1 and said in errors[0], done.stderr
    assert not make.ran.exists() and (not make.run.exists() or word.startswith("DATA=runs"))


def test_a_run_from_before_is_not_taken_for_the_demo(make):
    (make.run / "data").mkdir(parents=True)
    (make.run / "data/train.jsonl").touch()
    done = make("cycle", make.named[0])
    assert done.returncode == 2 and "DATASET" in done.stderr and not make.ran.exists()


def test_edited_prompts_and_code_are_seen(finished, tmp_path):
    copy = tmp_path / "project"
    shutil.copytree(ROOT / "lib", copy / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*ROOT.glob("0?_*.py"), ROOT / "Makefile", ROOT / "requirements.txt"]:
        shutil.copy(path, copy)
    finished.where = copy
    assert finished.scripts("cycle") == []
    training = copy / "lib/training/loss.py"
    training.write_text(training.read_text() + "\nX = 1\n")
    assert finished.scripts("cycle")[:2] == ["05_finetune", "06_eval"]
    prompts = copy / "lib/prompts.py"
    prompts.write_text(prompts.read_text().replace("explain step-by-step", "explain"))
    assert {"02_generate", "03_rationalize"} <= set(finished.scripts("cycle"))
    assert "--trust-code" in finished("-n", "cycle", "TRUST=yes").stdout
    assert "--trust-code" not in finished("-n", "cycle", "TRUST=no").stdout


def test_flags_of_later_stages_are_asked_about_before_the_first(make):
    good = [f"{name}=" for name in ("FINETUNE", "VERIFY", "EVALUATE")]  # the last one named counts
    make.python.write_text(f'#!/bin/bash\nexec {sys.executable} "$@"\n')
    for word, said in (
        ("FINETUNE=--batchsize 4", "05_finetune.py: error: unrecognized arguments: --batchsize 4"),
        ("VERIFY=--per-question x", "04_verify.py: error: argument --per-question: invalid int value"),
        ("EVALUATE=--note 'x", "EVALUATE: No closing quotation"),
    ):
        done = make("cycle", *good, word, *make.named)
        assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr
        assert "01_prepare" not in done.stdout
    # asked again until all are good; then the labels are looked for, which are not there
    (make.python.parent / "labels.csv").unlink()
    done = make("cycle", *good, *make.named)
    assert "01_prepare.py: error: " in done.stderr and "labels.csv: No such file" in done.stderr
    assert "No rule" not in done.stderr


def test_a_folder_of_videos_that_is_not_there_is_said_once(make):
    done = make("-n", "cycle", "DATASET=folder", "VIDEOS=nix", "MODEL=m", make.named[0])
    assert done.returncode == 0 and not done.stderr


def test_smoke_is_not_tried_in_the_demo_run():
    said = subprocess.run(["make", "-n", "smoke"], cwd=ROOT, capture_output=True, text=True).stdout
    assert "runs/smoke" in said and "runs/demo" not in said


def test_a_new_video_in_a_folder_of_classes_is_seen(make, tmp_path):
    (tmp_path / "clips/dive").mkdir(parents=True)
    (tmp_path / "clips/dive/a.mp4").touch()
    named = [make.named[0], "DATASET=folder", f"VIDEOS={tmp_path}/clips", "MODEL=hub/model"]
    make("cycle", "N=1", *named)
    assert make.scripts("cycle") == []
    (tmp_path / "clips/dive/b.mp4").touch()
    assert make.scripts("cycle")[0] == "01_prepare"
