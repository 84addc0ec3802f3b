"""The house (README, How it is built): a stage runs with the hall alone, arrows run one way, nothing is
circular.
"""

import ast
import json
import shutil
from graphlib import CycleError, TopologicalSorter

import pytest
from conftest import ROOT, Fork, lines
from families import build
from test_video import coded_clip

HALL = {
    "labels",
    "records",
    "table",
    "captions",
    "prompts",
    "thoughts",
    "output",
    "files",
    "parts",
    "provenance",
    "command",
    "process",
    "video",
    "streams",
    "confidence",
    "trackers",
    "muon",
}
HALL |= {"verifier", "model"}
WINGS = {"datasets", "audit", "benchmarks", "training", "viit", "demo", "tools"}
# the rooms that a stage opens beside the hall
OPENS = {
    "01_prepare": {"datasets", "demo"},
    "04_verify": {"audit"},
    "05_finetune": {"training"},
    "06_eval": {"benchmarks", "viit"},
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "lib").rglob("*.py")
}


def imports(path, nodes=None):
    """Names of modules of lib/ that a file imports; `nodes`: those of its syntax tree to look at."""
    names = set()
    for node in nodes or ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: an import by dots"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names & MODULES.keys()


def rooms(names):
    return {name.split(".")[1] for name in names if "." in name}


def when_imported(tree):
    """The statements that run when a module is imported: not those inside functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from when_imported(node)


@pytest.mark.parametrize("name", sorted(name for name in MODULES if "." in name))
def test_no_import_runs_against_the_arrows(name):
    room, others = name.split(".")[1], rooms(imports(MODULES[name]))
    assert room in HALL | WINGS, f"{name}: in no room of the house"
    if room in HALL:
        assert others <= HALL
    else:
        assert others <= HALL | {room} | ({"demo"} if room == "tools" else set())


@pytest.mark.parametrize("path", sorted(ROOT.glob("0?_*.py")), ids=lambda path: path.name)
def test_a_stage_opens_its_own_wing_alone(path):
    assert rooms(imports(path)) <= HALL | OPENS.get(path.stem, set())


def test_no_circle():
    needs = {}
    for name, path in MODULES.items():
        needs[name] = imports(path, list(when_imported(ast.parse(path.read_text())))) - {name, "lib"}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_a_stage_copied_with_what_it_names_runs_elsewhere(tmp_path):
    place = tmp_path / "elsewhere"
    (place / "lib").mkdir(parents=True)
    for name in (
        "02_generate.py",
        "lib/labels.py",
        "lib/records.py",
        "lib/prompts.py",
        "lib/thoughts.py",
        "lib/output.py",
        "lib/files.py",
        "lib/parts.py",
        "lib/provenance.py",
        "lib/command.py",
        "lib/process.py",
        "lib/video.py",
        "lib/streams.py",
    ):
        shutil.copy(ROOT / name, place / name)
    shutil.copytree(ROOT / "lib/model", place / "lib/model", ignore=shutil.ignore_patterns("__pycache__"))
    build("video_llava", tmp_path / "model")
    label = {"name": "it", "kind": "class", "value": "red"}
    rows = [{"id": name, "video": f"{name}.mp4", "question": "What?", "labels": [label]} for name in "ab"]
    for row in rows:
        coded_clip(tmp_path / row["video"], 30)
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "generated.jsonl"
    words = [tmp_path / "train.jsonl", "-o", out, "--model", tmp_path / "model", "--max-new-tokens", "4"]
    done = Fork(["python", place / "02_generate.py", *words]).finish()
    assert done.returncode == 0, done.stderr
    assert [(row["id"], type(row["answer"])) for row in lines(out)] == [("a", str), ("b", str)]
