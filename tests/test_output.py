"""Outputs: nothing of the user's is replaced, edited prompts and code are noticed, shards merge."""

import json
import os
import shutil
import signal
import sys
from operator import attrgetter

import pytest
from conftest import ROOT, Fork, lines, sh, wait_for

from lib import prompts, provenance
from lib.output import Output
from lib.parts import merge, parts_of
from lib.records import StageError, key_of, line_of


def content(path):
    """All that lies at a path, as bytes by name."""
    if path.is_file():
        return path.read_bytes()
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.fixture
def cycle(smoke, tmp_path):
    """A folder with a base and the files of a cycle, of which `own` is no stage's."""
    shutil.copytree(smoke / "base", tmp_path / "base")
    shutil.copytree(smoke / "cycle1", tmp_path / "cycle1")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/thesis.txt").write_text("years of work")
    (tmp_path / "own.jsonl").write_text('{"mine": 1}\n')
    (tmp_path / "own.json").write_text('{"mine": 1}\n')
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "cycle1/generated.jsonl")
    (tmp_path / "link").symlink_to(tmp_path / "base")
    (tmp_path / "cycle1/model/kept.jsonl").write_bytes((tmp_path / "cycle1/verified.jsonl").read_bytes())
    return tmp_path


REPLACES = [
    "03_rationalize.py cycle1/generated.jsonl -o cycle1/generated.jsonl --model base",
    "03_rationalize.py cycle1/generated.jsonl -o link.jsonl --model base",
    "03_rationalize.py cycle1/generated.jsonl -o cycle1/../cycle1/generated.jsonl --model base",
    "04_verify.py cycle1/generated.jsonl cycle1/rationalized.jsonl -o cycle1/rationalized.jsonl",
    "04_verify.py cycle1/generated.jsonl --drop-answered cycle1/rationalized.jsonl -o "
    "cycle1/rationalized.jsonl",
    "04_verify.py cycle1/generated.jsonl -o own.jsonl",
    "04_verify.py cycle1/generated.jsonl -o own",
    "02_generate.py cycle1/generated.jsonl -o cycle1/generated.jsonl --model base",
    "05_finetune.py cycle1/verified.jsonl -o base --model base",
    "05_finetune.py cycle1/verified.jsonl -o base/ --model base",
    "05_finetune.py cycle1/verified.jsonl -o link --model base",
    "05_finetune.py cycle1/verified.jsonl -o own --model base",
    "05_finetune.py cycle1/verified.jsonl -o . --model base",
    "05_finetune.py cycle1/model/kept.jsonl -o cycle1/model --model base",
    "05_finetune.py cycle1/verified.jsonl -o cycle1/model --model base --mix cycle1/model/kept.jsonl",
    "05_finetune.py cycle1/verified.jsonl -o own.jsonl --model base",
    "06_eval.py cycle1/generated.jsonl -o cycle1/generated.jsonl --predictions cycle1/predictions.jsonl",
    "06_eval.py cycle1/generated.jsonl -o own.json --predictions cycle1/predictions.jsonl",
    "06_eval.py cycle1/generated.jsonl -o own.jsonl --predictions cycle1/predictions.jsonl",
    "06_eval.py cycle1/generated.jsonl -o cycle1/predictions.jsonl --predictions cycle1/predictions.jsonl",
    "06_eval.py cycle1/generated.jsonl -o own/new.json --predictions cycle1/predictions.jsonl",
    "01_prepare.py --dataset jsonl --annotations own.jsonl -o own",
]


@pytest.mark.parametrize("command", REPLACES)
def test_overwrite_replaces_no_input_no_model_and_nothing_that_no_stage_made(cycle, command):
    if command.startswith("01"):
        (cycle / "own/test.jsonl").write_text("my own test set\n")
    if "own/new.json" in command:
        (cycle / "own/new.verdicts.jsonl").write_text("my own verdicts\n")
    before = content(cycle)
    script, *words = command.split()
    names = [str(cycle / word) if (cycle / word).exists() or "own/" in word else word for word in words]
    names = [
        f"{cycle}/base/" if word == "base/" else str(cycle) if word == str(cycle / ".") else word
        for word in names
    ]
    done = sh(script, *names, *([] if script.startswith("06") else ["--overwrite"]), check=False)
    assert done.returncode == 2 and "error: " in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert content(cycle) == before


def test_a_users_folder_beside_the_output_stays(tmp_path):
    for name in ("model.old", "model.before"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("x")
    for steps in (1, 2):
        with Output(tmp_path / "model/", {"steps": steps}, [], overwrite=True, folder=True) as output:
            (tmp_path / "model.part/weights").write_text(str(steps))
            output.finish()
    assert content(tmp_path / "model") == {"weights": b"2", "DONE": (tmp_path / "model/DONE").read_bytes()}
    assert (tmp_path / "model.old/mine").exists() and (tmp_path / "model.before/mine").exists()


def test_what_is_written_beside_an_output_replaces_no_input(tmp_path):
    for name in ("x.jsonl.part", "x.jsonl.part.json", "x.jsonl.meta.json"):
        (tmp_path / name).write_text('{"id": "mine"}\n')
        with pytest.raises(StageError, match="would replace") as refused:
            Output(tmp_path / "x.jsonl", {}, [tmp_path / name], resume=False)
        assert refused.value.code == 2


@pytest.mark.parametrize("source, output", [("x.verdicts.jsonl", "x.json"), ("x.jsonl", "predictions.jsonl")])
def test_an_evaluation_replaces_neither_its_questions_nor_its_predictions(tmp_path, source, output):
    (tmp_path / source).write_text("{}\n")
    words = [tmp_path / source, "-o", tmp_path / output, "--model", tmp_path / "m"]
    done = sh("06_eval.py", *words, check=False)
    assert done.returncode == 2 and "would replace" in done.stderr, done.stderr
    assert os.listdir(tmp_path) == [source]


@pytest.mark.parametrize("name", ["a[1].jsonl", "[!a]*.jsonl", "**", "-a b%.jsonl", "{a}\n?.jsonl"])
def test_a_name_may_hold_what_shells_read_otherwise(tmp_path, name):
    for seed in (0, 1):
        with Output(tmp_path / name, {"seed": seed}, [], overwrite=True) as output:
            output.write({"id": "x", "seed": seed})
            output.finish([("x", "", 0)])
        assert lines(tmp_path / name) == [{"id": "x", "seed": seed}]
        assert sorted(os.listdir(tmp_path)) == sorted([name, f"{name}.meta.json"])


def test_a_part_that_no_stage_began_is_not_gone_on_with(tmp_path):
    (tmp_path / "x.jsonl.part").write_text('{"id": "mine"}\n')
    (tmp_path / "model.part").mkdir()
    for path, folder in ((tmp_path / "x.jsonl", False), (tmp_path / "model", True)):
        with (
            pytest.raises(StageError, match="not known|no stage began it"),
            Output(path, {}, [], folder=folder),
        ):
            pass
    assert (tmp_path / "x.jsonl.part").read_text() == '{"id": "mine"}\n'


def test_a_users_file_where_the_sidecar_would_stand_stays(tmp_path):
    (tmp_path / "x.jsonl.meta.json").write_text('{"mine": 1}')
    with pytest.raises(StageError, match="no stage made it"), Output(tmp_path / "x.jsonl", {}, []):
        pass
    assert (tmp_path / "x.jsonl.meta.json").read_text() == '{"mine": 1}'


def test_a_kill_while_the_note_is_written_costs_nothing(tmp_path):
    (tmp_path / "x.jsonl.part.json").write_text('{"settings": {"a"')
    with Output(tmp_path / "x.jsonl", {"a": 1}, []) as output:
        output.write({"id": "x"})
    with Output(tmp_path / "x.jsonl", {"a": 1}, []) as output:
        assert len(output.done) == 1


# ---------------------------------------------------------------- prompts and code


def made(path, monkeypatch, styles=("direct",), trust=False, settings=None):
    """Whether the output was complete; where not, it is made."""
    with Output(path, settings or {"a": 1}, [], styles=styles, trust=trust, overwrite=True) as output:
        if output.complete:
            return "complete"
        output.write({"id": "x"})
        output.finish([("x", "", 0)])
        return "made"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script of the user's, which is what runs."""
    path = tmp_path / "stage.py"
    path.write_text('"""What it does."""\nimport lib.video\nLIMIT = 3\n')
    monkeypatch.setattr(sys, "argv", [str(path)])
    provenance.code_of.cache_clear()
    provenance.prompts_digest.cache_clear()
    yield path
    provenance.code_of.cache_clear()
    provenance.prompts_digest.cache_clear()


def edit(change):
    change()
    provenance.code_of.cache_clear()
    provenance.prompts_digest.cache_clear()


def test_an_edited_prompt_concerns_the_stages_that_use_it(script, tmp_path, monkeypatch):
    out, hinted = tmp_path / "x.jsonl", tmp_path / "y.jsonl"
    assert made(out, monkeypatch) == "made" and made(hinted, monkeypatch, ("rationalized",)) == "made"
    edit(
        lambda: monkeypatch.setitem(prompts.STYLES, "rationalized", "Other words: {question} {label} {form}")
    )
    assert made(out, monkeypatch) == "complete" and made(hinted, monkeypatch, ("rationalized",)) == "made"
    edit(lambda: monkeypatch.setitem(prompts.FORMS, "interval", "FROM, UNTIL"))
    assert made(out, monkeypatch) == "made"


def test_edited_code_is_other_code_and_a_comment_is_not(script, tmp_path, monkeypatch):
    out = tmp_path / "x.jsonl"
    assert made(out, monkeypatch) == "made"
    edit(lambda: script.write_text('"""Other words."""\nimport lib.video\n\n# why three\nLIMIT = (3)\n'))
    assert made(out, monkeypatch) == "complete"
    edit(lambda: script.write_text('"""Other words."""\nimport lib.video\nLIMIT = 4\n'))
    assert made(out, monkeypatch) == "made"


@pytest.mark.parametrize("source", [b"\xef\xbb\xbfx = 1\r\n", b"# coding: latin-1\nx = '\xe9'\n"])
def test_a_script_is_read_as_python_reads_it(script, source):
    script.write_bytes(source)
    assert list(provenance.code_of(script)) == ["stage.py"]


@pytest.mark.parametrize("trust", [False, True])
def test_what_was_edited_since_is_said_to_be(script, tmp_path, trust):
    def again(overwrite=False):
        with Output(tmp_path / "x.jsonl", {"a": 1}, [], overwrite, trust=trust) as output:
            output.write({"id": "x", "answer": "a red ball"})
            output.finish([("x", "", 0)])

    again()
    for content in (b"", b'{"id": "x", "answer": "a red', b'{"id": "x", "answer": "blue"}\n'):
        (tmp_path / "x.jsonl").write_bytes(content)
        with pytest.raises(StageError, match="edited or cut off; (.|\n)*--overwrite") as refused:
            again()
        assert "other settings" not in str(refused.value) and "--trust-code" not in str(refused.value)
    again(overwrite=True)
    assert lines(tmp_path / "x.jsonl")[0]["answer"] == "a red ball"


def test_trusted_code_is_taken_and_noted(script, tmp_path, monkeypatch):
    out = tmp_path / "x.jsonl"
    made(out, monkeypatch)
    edit(lambda: script.write_text("import lib.video\nLIMIT = 4\n"))
    assert made(out, monkeypatch, trust=True) == "complete"
    meta = json.loads((tmp_path / "x.jsonl.meta.json").read_text())
    assert list(meta["trusted"]) == ["code stage.py"] and len(set(meta["trusted"]["code stage.py"])) == 2
    assert made(out, monkeypatch) == "complete"  # from then on it is as if today's code had made it
    assert made(out, monkeypatch, trust=True, settings={"a": 2}) == "made"  # settings are never trusted


def test_a_part_of_other_code_is_refused_with_the_way_out(script, tmp_path, monkeypatch):
    out = tmp_path / "x.jsonl"
    with Output(out, {}, [], styles=("direct",)) as output:
        output.write({"id": "x"})
    edit(lambda: script.write_text("import lib.video\nLIMIT = 4\n"))
    with (
        pytest.raises(StageError, match=r"code stage.py: then .*, now (.|\n)*--trust-code"),
        Output(out, {}, []),
    ):
        pass
    with Output(out, {}, [], trust=True) as output:
        assert len(output.done) == 1
        output.finish([("x", "", 0)])
    assert "trusted" in json.loads((tmp_path / "x.jsonl.meta.json").read_text())


def test_what_was_made_before_code_was_noted_is_complete(script, tmp_path, monkeypatch):
    out, sidecar = tmp_path / "x.jsonl", tmp_path / "x.jsonl.meta.json"
    made(out, monkeypatch)
    meta = json.loads(sidecar.read_text())
    sidecar.write_text(
        json.dumps({k: v for k, v in meta.items() if k != "code"} | {"prompts": "a file's hash"})
    )
    assert made(out, monkeypatch) == "complete"


def test_every_stage_is_known_by_its_code_and_what_it_runs():
    for stage, modules in {
        "02_generate.py": ["lib/model/generate.py", "lib/model/served.py", "lib/video.py"],
        "03_rationalize.py": ["lib/verifier/verdicts.py", "lib/model/generate.py"],
        "04_verify.py": ["lib/verifier/texts.py"],
        "05_finetune.py": ["lib/training/loss.py"],
        "06_eval.py": ["lib/benchmarks/labels.py"],
        "01_prepare.py": ["lib/datasets/own.py", "lib/demo/world.py"],
    }.items():
        code = provenance.code_of(ROOT / stage)
        assert {stage, *modules} <= code.keys(), stage
        assert not {"lib/tools/report.py", "lib/output.py"} & code.keys()


# ---------------------------------------------------------------- shards


def generate(smoke, out, *more):
    words = ["--samples", "2", "--temperature", "0.7", "--max-new-tokens", "24"]
    words += ["--batch-size", "1", "--limit", "8"]  # alone, so that arithmetic is the same in any share
    return ["02_generate.py", smoke / "data/train.jsonl", "-o", out, "--model", smoke / "base", *words, *more]


def test_five_shards_of_which_two_are_killed_and_one_never_starts(smoke, tmp_path):
    whole, out = tmp_path / "whole/x.jsonl", tmp_path / "shards/x.jsonl"
    sh(*generate(smoke, whole))
    killed = [Fork([sys.executable, *map(str, generate(smoke, out, "--shard", f"{n}/5"))]) for n in (1, 3)]
    parts = [out.with_name(f"x.jsonl.part.{n}of5") for n in (1, 3)]
    for process, part in zip(killed, parts):
        wait_for(part.exists, process)
        process.send_signal(9)
        process.wait()
    for n in (0, 2):
        assert "not yet: " in sh(*generate(smoke, out, "--shard", f"{n}/5")).stdout and not out.exists()
    missing = sh(*generate(smoke, out, "--merge"), check=False)
    assert missing.returncode == 1 and "records are missing" in missing.stderr and not out.exists()
    for n in (3, 1, 4):
        assert not out.exists()
        said = sh(*generate(smoke, out, "--shard", f"{n}/5")).stdout
    assert "answers to" in said and lines(out) == lines(whole)
    assert sorted(os.listdir(out.parent)) == ["x.jsonl", "x.jsonl.meta.json"]
    assert "complete already" in sh(*generate(smoke, out, "--shard", "2/5")).stdout


def test_shards_of_rationalization_verify_their_own_share_and_give_the_same(smoke, tmp_path):
    generated, base = smoke / "cycle1/generated.jsonl", smoke / "base"
    words = ["--model", base, "--max-new-tokens", "24", "--batch-size", "1", "--limit", "8"]
    whole, out = tmp_path / "whole/x.jsonl", tmp_path / "shards/x.jsonl"
    said = sh("03_rationalize.py", generated, "-o", whole, *words).stdout
    for n in (1, 0, 2):
        last = sh("03_rationalize.py", generated, "-o", out, *words, "--shard", f"{n}/3").stdout
    assert lines(out) == lines(whole)
    totals = [line for line in said.splitlines() if "questions were answered rightly" in line]
    assert totals and totals[0] in last
    assert sorted(os.listdir(out.parent)) == ["x.jsonl", "x.jsonl.meta.json"]


def test_two_jobs_of_one_shard_and_other_settings_are_turned_away(smoke, tmp_path):
    out = tmp_path / "x.jsonl"
    first = Fork([sys.executable, *map(str, generate(smoke, out, "--shard", "0/2"))])
    wait_for((tmp_path / "x.jsonl.part.0of2").exists, first)
    first.send_signal(19)
    same = sh(*generate(smoke, out, "--shard", "0/2"), check=False)
    assert same.returncode == 1 and "another process is writing it" in same.stderr
    other = sh(*generate(smoke, out, "--shard", "1/2", "--seed", "5"), check=False)
    assert other.returncode == 1 and "seed: then 0, now 5" in other.stderr
    alone = sh(*generate(smoke, out), check=False)
    assert alone.returncode == 1 and "another process is writing it" in alone.stderr
    first.send_signal(18)
    assert first.wait() == 0
    # fewer jobs go on with what others finished
    done = sh(*generate(smoke, out))
    assert "resuming: " in done.stdout and len(lines(out)) == 16


def test_a_shard_with_other_settings_is_refused_before_anything_is_answered(tmp_path):
    with Output(tmp_path / "x.jsonl", {"seed": 0}, [], shard=(0, 2)) as first:  # its model is being loaded
        with (
            pytest.raises(StageError, match="seed: then 0, now 5"),
            Output(tmp_path / "x.jsonl", {"seed": 5}, [], shard=(1, 2)),
        ):
            pass
        with Output(tmp_path / "x.jsonl", {"seed": 0}, [], shard=(1, 2)) as second:
            assert not second.complete and not first.complete


@pytest.mark.parametrize(
    "words",
    [
        ["--shard", "2/2"],
        ["--shard", "1"],
        ["--shard", "1/0"],
        ["--shard", "-1/2"],
        ["--shard", "0/2", "--merge"],
        ["--merge"],
    ],
)
def test_shards_that_there_are_not(tmp_path, words):
    command = ["02_generate.py", "x.jsonl", "-o", tmp_path / "y.jsonl", "--model", "m", *words]
    done = sh(*command, check=False)
    assert done.returncode == 2 and "expected" in done.stderr and not any(tmp_path.iterdir())
    launch = {**os.environ, "WORLD_SIZE": "2", "RANK": "0"}
    assert "independent jobs" in sh(*command[:6], "--shard", "0/2", check=False, env=launch).stderr


def test_merging_takes_an_answer_before_an_error_and_keeps_the_order(tmp_path):
    for name, records in {
        "x.jsonl.part": [{"id": "a", "error": "e"}, {"id": "c", "answer": "1"}, {"id": "b", "error": "e"}],
        "x.jsonl.part.0of2": [{"id": "a", "answer": "2"}, {"id": "c", "answer": "again"}],
        "x.jsonl.part.json": [{}],
        "x.jsonl.part.notes": [{"id": "mine"}],
    }.items():
        (tmp_path / name).write_bytes(b"".join(map(line_of, records)))
    parts = parts_of(tmp_path / "x.jsonl")
    assert list(parts.values()) == [(0, 1), (0, 2)]
    keys = [(name, "", 0) for name in "abcd"]
    assert merge(list(parts), keys, tmp_path / "all") == (3, 1, 0, 1, ("d", "", 0))
    assert [record.get("answer") for record in lines(tmp_path / "all")] == ["2", None, "1"]


# ---------------------------------------------------------------- where a run lies


def test_a_run_that_was_moved_and_a_path_written_otherwise_are_the_same(smoke, tmp_path, monkeypatch):
    run = tmp_path / "moved"
    shutil.copytree(smoke, run)
    relative = os.path.relpath(run, ROOT)
    for command in (
        f"04_verify.py {run}/cycle1/generated.jsonl {relative}/cycle1/rationalized.jsonl "
        f"-o {relative}/cycle1/verified.jsonl --per-question 2",
        f"02_generate.py {relative}/data/train.jsonl -o {run}/cycle1/generated.jsonl --model {relative}/base "
        "--seed 0 --samples 2 --temperature 0.7 --max-new-tokens 32 --batch-size 48 --cycle 1",
    ):
        assert "complete already" in sh(*command.split()).stdout, command


def test_two_inputs_of_one_name_are_two():
    meta = {"settings": {"inputs": ["a/x", "b/x"], "seed": 0}, "inputs": {"a/x": "1", "b/x": "2"}}
    other = {"settings": {"inputs": ["b/x", "a/x"], "seed": 0}, "inputs": {"b/x": "2", "a/x": "1"}}
    assert provenance.differing(provenance.content_of(meta), provenance.content_of(other))
    elsewhere = {"settings": {"inputs": ["c/x", "d/x"], "seed": 0}, "inputs": {"c/x": "1", "d/x": "2"}}
    assert not provenance.differing(provenance.content_of(meta), provenance.content_of(elsewhere))


STEPS = ("os.replace", "os.rename", "os.unlink", "os.fsync", "shutil.rmtree", "pathlib.Path.unlink")


def dying(do, left):
    """The function `do`, which kills its process instead when it comes to the last of the calls `left`."""

    def call(*args, **options):
        left.pop()
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return do(*args, **options)

    return call


def killed_before(step, work, path):
    """Whether a process of its own was killed just before the step-th thing work(path) did to the disk."""
    if not (pid := os.fork()):
        left = [None] * step
        with pytest.MonkeyPatch.context() as patch:
            for name in STEPS:
                module, _, rest = name.partition(".")
                patch.setattr(name, dying(attrgetter(rest)(sys.modules[module]), left))
            try:
                work(path)
            finally:
                os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def answer(path):
    """Three records; returns how many were still to do."""
    records = [{"id": f"{number}", "answer": "It is red."} for number in range(3)]
    with Output(path, {"seed": 0}, []) as output:
        if output.complete:
            return 0
        left = [record for record in records if hash(key_of(record)) not in output.done]
        output.write(*left)
        output.finish([key_of(record) for record in records])
    return len(left)


def train(path):
    """A folder that is trained in one step, with a state; returns how many steps were still to do."""
    with Output(path, {"seed": 0}, [], folder=True, scraps=["state.pt*", "features"]) as output:
        if output.complete:
            return 0
        folder = path.with_name(f"{path.name}.part")
        left = not (folder / "state.pt").exists()
        (folder / "features").mkdir(exist_ok=True)
        (folder / "state.pt").write_text("1")
        (folder / ".tmpAbCdEf").write_text("a half of")
        (folder / ".tmpAbCdEf").replace(folder / "weights")
        output.finish()
    return int(left)


@pytest.mark.parametrize("work, names", [(answer, ["x", "x.meta.json"]), (train, ["x", "x.meta.json"])])
def test_a_kill_between_any_two_steps_of_the_end_loses_and_leaves_nothing(tmp_path, monkeypatch, work, names):
    monkeypatch.setattr(sys, "argv", ["02_generate.py"])
    undisturbed, step = tmp_path / "undisturbed/x", 1
    work(undisturbed)
    while killed_before(step, work, tmp_path / f"{step}/x"):
        again = work(tmp_path / f"{step}/x")
        assert again == 0, f"killed before step {step}"
        assert content(tmp_path / f"{step}/x") == content(undisturbed), f"killed before step {step}"
        assert sorted(path.name for path in (tmp_path / f"{step}").iterdir()) == names
        step += 1
    assert step > 5


def test_a_restart_does_not_write_the_note_of_its_part_anew(tmp_path, monkeypatch):
    """A kill between emptying and writing it would leave a part of which nothing is known."""
    monkeypatch.setattr(sys, "argv", ["02_generate.py"])
    written = []
    for _ in range(2):
        with Output(tmp_path / "x", {"seed": 0}, []) as output:
            output.write({"id": "0"})
        written.append((tmp_path / "x.part.json").stat().st_mtime_ns)
    assert written[0] == written[1]


def test_what_another_command_has_begun_stays_beside_a_complete_output(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["02_generate.py"])
    answer(tmp_path / "x")
    with Output(tmp_path / "x", {"seed": 1}, [], overwrite=True) as output:
        output.write({"id": "0"})
    assert answer(tmp_path / "x") == 0
    with Output(tmp_path / "x", {"seed": 1}, [], overwrite=True) as output:
        assert len(output.done) == 1


def test_data_whose_files_were_half_named_when_it_was_killed_are_gone_on_with(tmp_path):
    source = (ROOT / "lib/output.py").read_text().split("\n")
    number = next(number for number, text in enumerate(source, 1) if "os.replace(made, path)" in text)
    plan = json.dumps({"line": f"lib/output.py:{number}", "times": 2})
    command = ["01_prepare.py", "-o", str(tmp_path / "data"), "--dataset", "demo", "--clips", "4"]
    assert Fork([sys.executable, "tests/die_at.py", plan, *command]).wait() == -signal.SIGKILL
    assert (tmp_path / "data/test.jsonl").exists() and not (tmp_path / "data/train.jsonl").exists()
    sh(*command)
    assert lines(tmp_path / "data/train.jsonl") and lines(tmp_path / "data/test.jsonl")


def test_verdicts_of_an_evaluation_that_was_killed_are_replaced(smoke, tmp_path):
    command = ["06_eval.py", smoke / "data/test.jsonl", "-o", tmp_path / "eval.json", "--predictions"]
    sh(*command, smoke / "cycle1/predictions.jsonl")
    whole = (tmp_path / "eval.verdicts.jsonl").read_bytes()
    (tmp_path / "eval.json").unlink()
    sh(*command, smoke / "cycle1/predictions.jsonl")
    assert (tmp_path / "eval.json").exists() and (tmp_path / "eval.verdicts.jsonl").read_bytes() == whole
