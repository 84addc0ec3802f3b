"""The README's commands are run, and nothing is described that is not there."""

import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT, sh
from test_video import coded_clip

README = (ROOT / "README.md").read_text(encoding="utf-8")
OTHERS = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("lib/*/README.md"))]
BLOCKS = re.findall(r"```bash\n(.*?)```", "\n".join([README, *OTHERS]), re.S)


def commands():
    return [
        line.split("  #")[0].strip()
        for block in BLOCKS
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip() and not line.startswith("#")
    ]


def test_every_make_command_is_one_make_knows(tmp_path):
    seen = 0
    (tmp_path / "labels").write_text("")
    for command in commands():
        if command.startswith("make "):
            words = shlex.split(re.sub(r"ANNOTATIONS=\S+", f"ANNOTATIONS={tmp_path / 'labels'}", command))
            if not any(word.startswith("RUN=") for word in words):
                words.append(f"RUN={tmp_path / 'run'}")
            done = sh(*words, "-n", f"PY={sys.executable}")
            assert "No rule" not in done.stderr, command
            seen += 1
    assert seen >= 5


def test_every_script_line_has_flags_that_exist():
    seen, helps = 0, {}
    for command in commands():
        script = re.search(r"\b(0\d_\w+\.py)\b(.*)", command)
        if script:
            known = helps[script[1]] = helps.get(script[1]) or sh(script[1], "--help").stdout
            for flag in re.findall(r"--[a-z][\w-]+", script[2]):
                assert flag in known, f"{command}: {script[1]} has no {flag}"
            seen += 1
    assert seen >= 6


def test_the_stages_by_hand_as_the_readme_shows_them(smoke, tmp_path):
    """The block of single stages, word for word, on the smoke run's data and base."""
    block = next(block for block in BLOCKS if "02_generate.py" in block and "06_eval.py" in block)
    for line in block.replace("\\\n", " ").splitlines():
        line = line.split("  #")[0].strip().replace("python ", f"{sys.executable} ", 1)
        if not line or "--dataset demo" in line or "torchrun" in line:
            continue
        line = (
            line.replace("runs/demo/data", str(smoke / "data"))
            .replace("runs/demo/base", str(smoke / "base"))
            .replace("runs/hand", str(tmp_path))
        )
        sh(
            *shlex.split(line),
            *(
                ["--max-new-tokens", "24"]
                if re.search(r"0[236]_", line) and "--predictions" not in line
                else []
            ),
        )
    assert (tmp_path / "model/DONE").exists() and (tmp_path / "eval.json").exists()


def test_the_readme_example_of_own_data_is_valid(tmp_path):
    example = re.search(r"```json\n(\{.*?\})\n```", README, re.S)[1]
    import json

    record = json.loads(example)
    assert {"id", "video", "question", "labels"} <= record.keys()
    (tmp_path / record["video"]).parent.mkdir(parents=True, exist_ok=True)
    coded_clip(tmp_path / record["video"], 300)
    (tmp_path / "mine.jsonl").write_text(json.dumps(record) + "\n")
    assert (
        "1 good record, 0 bad"
        in sh(
            "01_prepare.py", "--dataset", "jsonl", "--annotations", tmp_path / "mine.jsonl", "--check"
        ).stdout
    )


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:lib|tests|\d\d_)[\w/]*\.(?:py|jsonl))`", README)))
)
def test_every_file_named_exists(name):
    assert (ROOT / name).exists()


def test_requirements_are_explained():
    packages = [
        re.split(r"[=<>]", line)[0]
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    for package in packages:
        assert f"| {package} |" in README or f"{package}" in README.split("## Dependencies")[1], package


def test_only_what_the_layout_allows_is_tracked():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    tracked = {
        name.split("/")[0]
        for name in subprocess.run(
            ["git", "ls-files"], cwd=ROOT, text=True, capture_output=True, check=True
        ).stdout.splitlines()
    }
    stages = {p.name for p in ROOT.glob("0?_*.py")}
    assert len(stages) == 6 and tracked <= stages | {
        "Makefile",
        "README.md",
        "requirements.txt",
        "LICENSE",
        ".gitignore",
        ".ruff.toml",
        ".ci",
        "lib",
        "tests",
    }
