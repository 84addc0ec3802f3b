"""The whole chain as `make smoke` runs it, and what make says of it.

Mechanics, not accuracy: the smoke's base knows next to nothing.
"""

import json
import re
import shlex
import shutil
import sys
from collections import Counter
from types import SimpleNamespace

import pytest
from conftest import ROOT, lines, sh

from lib.command import FLAGS, announce, course_of, model_options, parser_of
from lib.tools.smoke import FLAGS as SMOKE


def make(run, *words, **options):
    return sh("make", "--no-print-directory", *words, f"RUN={run}", f"PY={sys.executable}", **options)


def test_every_question_gets_its_answers_and_nothing_disappears(smoke):
    questions = lines(smoke / "data/train.jsonl")
    assert len({q["video"] for q in questions}) == 12 and len(questions) >= 16
    assert {label["kind"] for q in questions for label in q["labels"]} == {
        "class",
        "box",
        "sequence",
        "interval",
        "number",
        "time",
    }
    assert any(len(q["labels"]) == 2 for q in questions)  # several labels, all must hold
    for cycle in (1, 2):
        generated, rationalized, verified = (
            lines(smoke / f"cycle{cycle}/{name}.jsonl") for name in ("generated", "rationalized", "verified")
        )
        assert [(r["id"], r["sample"]) for r in generated] == [
            (q["id"], s) for q in questions for s in range(2)
        ]
        for before, after in zip([q for q in questions for _ in range(2)], generated):
            assert {k: v for k, v in after.items() if k in before and k != "video"} == {
                k: v for k, v in before.items() if k != "video"
            }
            assert (
                after["origin"] == "direct"
                and isinstance(after["answer"], str)
                and "<video>" not in after["answer"]
            )
        assert [r["answer"] for r in verified] == [r["answer"] for r in generated + rationalized]
        solved = {r["id"] for r in verified if r["origin"] == "direct" and r["verdict"] == "correct"}
        assert {r["id"] for r in rationalized} == {q["id"] for q in questions} - solved
        for record in verified:
            assert (
                record["verdict"] in ("correct", "wrong", "unparsed", "unfinished", "degenerate", "leaked")
                and record["why"]
            )
            assert len(record["checks"]) == len(record["labels"]) and all(
                {"holds", "parsed", "why"} <= c.keys() for c in record["checks"]
            )
            assert not record["keep"] or record["verdict"] == "correct"
    seeds = [
        r["seed"]
        for cycle in (1, 2)
        for name in ("generated", "rationalized")
        for r in lines(smoke / f"cycle{cycle}/{name}.jsonl")
    ]
    assert len(set(seeds)) == len(seeds)  # no draw is used twice: not between samples, origins or cycles


def test_training_is_from_the_base_without_the_hint(smoke):
    for cycle in (1, 2):
        meta = json.loads((smoke / f"cycle{cycle}/model.meta.json").read_text())
        assert meta["settings"]["model"] == str(smoke / "base") and len(meta["losses"]) == meta["steps"]
        kept = [r for r in lines(smoke / f"cycle{cycle}/verified.jsonl") if r["keep"]]
        assert meta["rows"] == 2 * len(kept)  # the reasoning pair and the short pair
        assert (smoke / f"cycle{cycle}/model/DONE").exists() and not list(
            (smoke / f"cycle{cycle}").glob("*.part*")
        )


def test_the_example_shown_has_its_trained_tokens_in_brackets(smoke, kept, tmp_path):
    done = sh("05_finetune.py", kept, "--model", smoke / "base", "--lora-rank", "4", "-o", tmp_path / "model")
    shown = re.search(r"trained tokens in \[brackets\]:\n((?:  .*\n)+)", done.stdout)[1]
    prompt, trained = shown.split("[", 1)
    assert (
        "Question:" in prompt
        and "Answer:" not in prompt.split("End with a line")[0]
        and trained.rstrip().endswith("</s>]")
    )
    assert "LoRA" in done.stdout and (tmp_path / "model/DONE").exists()
    card = (tmp_path / "model/README.md").read_text()
    assert card.startswith("---\npipeline_tag: video-text-to-text") and "| lora-rank | 4 |" in card
    assert "| seed | 0 |" in card
    losses = json.loads((tmp_path / "model.meta.json").read_text())["losses"]
    assert done.stdout.endswith(f"{len(losses)} steps on 32 rows{course_of(losses)}\n") and len(losses) < 6
    empty = [{**r, "answer": "  "} for r in lines(kept)]
    kept.write_text("".join(json.dumps(r) + "\n" for r in empty))
    refused = sh("05_finetune.py", kept, "--model", smoke / "base", "-o", tmp_path / "none", check=False)
    assert refused.returncode == 1 and "no token to train on" in refused.stderr


def test_the_table_has_what_it_promises(smoke):
    table = (smoke / "results.md").read_text()
    for row in (
        "direct yield",
        "rationalized yield",
        "answers kept",
        "stated facts are true",
        "held-out accuracy, class",
        "held-out accuracy, all",
        "gain, points",
        "seconds, generate",
        "seconds, rationalize",
        "seconds, verify",
        "seconds, finetune",
        "seconds, evaluate",
    ):
        assert row in table, row
    assert re.search(r"\| +\| before +\| cycle 1 +\| cycle 2 +\|", table)
    evaluation = json.loads((smoke / "cycle2/eval.json").read_text())
    asked = lines(smoke / "data/test.jsonl")
    assert evaluation["all"]["count"] == len(asked) >= 8
    kinds = Counter(label["kind"] for record in asked for label in record["labels"])
    assert {kind: row["count"] for kind, row in evaluation["kinds"].items()} == kinds
    assert all(
        row["low"] <= row["accuracy"] <= row["high"] and "parse_rate" in row
        for row in evaluation["kinds"].values()
    )
    assert all("mean_iou" in row for kind, row in evaluation["kinds"].items() if kind in ("box", "interval"))


def test_the_sidecars_say_how(smoke):
    meta = json.loads((smoke / "cycle1/generated.jsonl.meta.json").read_text())
    assert {
        "command",
        "settings",
        "inputs",
        "prompts",
        "code",
        "versions",
        "seconds",
        "records",
        "failed",
        "output_sha256",
    } <= meta.keys()
    assert meta["settings"]["temperature"] == 0.7 and meta["records"] == 2 * len(
        lines(smoke / "data/train.jsonl")
    )


def test_make_is_silent_about_what_is_current(smoke):
    out = make(smoke, "-n", "cycle", *SMOKE).stdout
    assert re.fullmatch(r"make(\[\d\])?: Nothing to be done for 'cycle'\.\n", out), out


def test_one_more_cycle_runs_only_that_cycle(smoke):
    scripts = re.findall(
        r"(0\d_\w+)\.py \S+ .*?-o \S+/(\w+)/", make(smoke, "-n", "cycle", *SMOKE, "N=3").stdout
    )
    assert [name for name, _ in scripts] == [
        "02_generate",
        "03_rationalize",
        "04_verify",
        "05_finetune",
        "06_eval",
    ]
    assert {folder for _, folder in scripts} == {"cycle3"}


def test_a_changed_flag_reruns_exactly_the_stale_stages(smoke):
    # of two values on a command line make takes the second
    finetune = "FINETUNE=--full --learning-rate 1e-3 --batch-size 16"
    stale = make(smoke, "-n", "cycle", *SMOKE, finetune).stdout
    names = re.findall(r"(0\d_\w+)\.py", stale)
    assert names == [
        "05_finetune",
        "06_eval",
        "02_generate",
        "03_rationalize",
        "04_verify",
        "05_finetune",
        "06_eval",
    ]
    evaluate = "EVALUATE=--max-new-tokens 40 --batch-size 48"
    evaluation = make(smoke, "-n", "cycle", *SMOKE, evaluate).stdout
    assert re.findall(r"(0\d_\w+)\.py", evaluation) == ["06_eval"] * 3
    assert "Nothing to be done" in make(smoke, "-n", "cycle", *SMOKE).stdout  # asking changed nothing


def test_the_same_inputs_made_newer_are_not_paid_for_again(smoke, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(smoke, run)
    before = (run / "cycle2/generated.jsonl").read_bytes()
    # the copy's paths differ, so nothing there is current by its settings; in place it is: touch an input and
    # run the stage by hand
    generated = smoke / "cycle2/generated.jsonl"
    command = json.loads((smoke / "cycle2/generated.jsonl.meta.json").read_text())["command"].split()
    (smoke / "data/train.jsonl").touch()
    done = sh(*command)
    assert "complete already" in done.stdout and generated.read_bytes() == before
    assert generated.stat().st_mtime >= (smoke / "data/train.jsonl").stat().st_mtime
    for name in ("cycle1/generated.jsonl", "cycle1/rationalized.jsonl", "cycle1/verified.jsonl"):
        (smoke / name).touch()


def test_scoring_again_needs_no_model(smoke, tmp_path):
    out = tmp_path / "eval.json"
    sh(
        "06_eval.py",
        smoke / "data/test.jsonl",
        "-o",
        out,
        "--predictions",
        smoke / "cycle2/predictions.jsonl",
    )
    again, first = (json.loads(p.read_text()) for p in (out, smoke / "cycle2/eval.json"))
    assert again["kinds"] == first["kinds"] and again["all"] == first["all"]


def test_predictions_are_joined_by_id(smoke, tmp_path):
    predictions, out = lines(smoke / "cycle2/predictions.jsonl"), tmp_path / "eval.json"

    def score(rows, check=True):
        path = tmp_path / "p.jsonl"
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
        return sh("06_eval.py", smoke / "data/test.jsonl", "-o", out, "--predictions", path, check=check)

    score(predictions[::-1])  # any order
    assert json.loads(out.read_text())["all"] == json.loads((smoke / "cycle2/eval.json").read_text())["all"]
    score([{"id": predictions[0]["id"], "answer": None}, {"id": predictions[1]["id"], "answer": " "}])
    counted = json.loads(out.read_text())
    assert (
        counted["questions"] == {"answered": 0, "missing": len(predictions) - 2, "empty": 2, "failed": 0}
        and counted["all"]["correct"] == 0
    )
    for rows, word in (
        ([*predictions, predictions[3]], "second answer"),
        ([*predictions, {"id": "nobody", "answer": "x"}], "not among the questions"),
    ):
        done = score(rows, check=False)
        assert done.returncode == 1 and word in done.stderr and f"p.jsonl:{len(rows)}" in done.stderr


def test_only_direct_answers_for_the_final_model(smoke, tmp_path):
    out = tmp_path / "verified.jsonl"
    sh(
        "04_verify.py",
        smoke / "cycle2/generated.jsonl",
        smoke / "cycle2/rationalized.jsonl",
        "-o",
        out,
        "--direct-only",
    )
    rows = lines(out)
    assert any(r["origin"] == "rationalized" for r in rows) and all(
        r["origin"] == "direct" for r in rows if r["keep"]
    )


@pytest.mark.parametrize("script", sorted(p.name for p in ROOT.glob("0?_*.py")))
def test_every_flag_has_help_and_is_obeyed(script):
    wings = {"01_prepare.py": "datasets", "05_finetune.py": "training", "06_eval.py": "benchmarks"}
    wing = (ROOT / "lib" / wings[script]).glob("*.py") if script in wings else ()
    files = [ROOT / script, ROOT / "lib/command.py", *wing]
    source = "".join(path.read_text() for path in files)
    text = sh(script, "--help").stdout
    flags = set(re.findall(r"^  (?:-\w(?: \w+)?, )?--([a-z][\w-]+)", text, re.M)) - {"help"}
    shared = {flag.removeprefix("--") for group in FLAGS.values() for flag in group}
    own = flags - shared - {"output", "overwrite"}
    assert 5 <= len(flags) and len(own) <= 16, sorted(own)
    for flag in flags:
        name = {"try": "tried"}.get(flag, flag.replace("-", "_"))  # try is a word of Python
        asked = dict.fromkeys(("fps", "frames", "max_frames", "max_pixels", "min_pixels"))
        read = f"args.{name}" in source or name in model_options(SimpleNamespace(**{**asked, name: 1}))
        assert read, f"--{flag} is accepted but nothing reads it"


def test_make_help_lists_targets_and_variables_as_they_are(tmp_path):
    text = sh("make", "RUN=runs/mine", "N=7").stdout
    for word in (
        "make cycle",
        "make test",
        "make smoke",
        "make bound",
        "RUN          runs/mine",
        "N            7",
        "PY ",
    ):
        assert word in text
    for words in (["RUN="], ["RUN=a b"], ["cycle", "DATASET=folder", "VIDEOS=x"]):
        done = sh("make", *words, check=False)
        assert done.returncode == 2 and "expected one path" in done.stderr or "MODEL is empty" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "01_prepare.py --dataset demo -o d --videos v",
        "01_prepare.py --dataset demo -o d --test-share 0.5",
        "01_prepare.py --dataset folder --videos v -o d --clips 3",
        "01_prepare.py --dataset csv --annotations a.csv -o d --durations x.json",
        "01_prepare.py --dataset nextqa --annotations a.csv --videos v -o d --question Q",
        "02_generate.py q.jsonl -o d --model m --temperature 0 --top-p 0.5",
        "04_verify.py g.jsonl -o d --cases",
        "05_finetune.py v.jsonl -o d --model m --full --lora-rank 8",
        "05_finetune.py v.jsonl -o d --model m --steps 3 --epochs 2",
        "06_eval.py t.jsonl -o d --predictions p.jsonl --frames 4",
        "06_eval.py t.jsonl -o d --predictions p.jsonl --style short",
    ],
)
def test_a_flag_that_nothing_would_obey_is_bad_usage(words, tmp_path, monkeypatch):
    done = sh(*words.replace("-o d", f"-o {tmp_path}/d").split(), check=False)
    assert done.returncode == 2 and "leave" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "words, reason",
    [
        ("02_generate.py '' -o d --model m", "input: is empty"),
        ("02_generate.py q.jsonl -o '' --model m", "--output: is empty"),
        ("02_generate.py q.jsonl -o d --model m --frame-cache c,inf", "expected DIR or DIR,GIB"),
        (
            "02_generate.py q.jsonl -o d --model m --frame-cache c,20G",
            "cache 'c,20G': expected DIR or DIR,GIB",
        ),
        ("02_generate.py q.jsonl -o d --model m --cycle -1", "--cycle -1: expected at least 0"),
        ("04_verify.py g.jsonl -o d --per-question 0", "--per-question 0: expected at least 1"),
        ("04_verify.py g.jsonl", "error: expected one or more input files and -o OUTPUT"),
        ("03_rationalize.py g.jsonl -o d --model m --max-failures nan", "nan: expected a finite number"),
        ("04_verify.py g.jsonl -o d --judge ' '", "--judge: is empty"),
        (
            '04_verify.py --try \'{"labels": [{"name": "n", "kind": "number", "value": 3}]}\'',
            "--try: no answer, exp",
        ),
        ("05_finetune.py v.jsonl -o d --model ''", "--model: is empty"),
        (
            "05_finetune.py v.jsonl -o d --model m --learning-rate -1",
            "--learning-rate -1.0: expected at least",
        ),
        ("05_finetune.py v.jsonl -o d --model m --self-train ,0.5", "--self-train: names no file"),
        ("05_finetune.py v.jsonl -o d --model m --seed -1", "--seed -1: expected at least 0"),
        ("05_finetune.py v.jsonl -o d --model m --seed 9223372036854775808", "expected below 2**63"),
        ("06_eval.py t.jsonl -o d --model ''", "--model: is empty"),
    ],
)
def test_what_no_stage_can_obey_is_bad_usage_before_any_work(words, reason, tmp_path):
    """predictions.jsonl: what 06 would score in place of a model's answers."""
    (tmp_path / "predictions.jsonl").write_text("{}\n")
    done = sh(*shlex.split(words.replace("-o d", f"-o {tmp_path}/d")), check=False)
    assert done.returncode == 2 and reason in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.jsonl"]


@pytest.mark.parametrize("words", ["--temperature nan", "--temperature=-inf", "--least inf", "--drop ''"])
def test_every_flag_refuses_what_is_empty_or_not_finite(words, capsys):
    parser = parser_of(None, "sample")
    parser.add_argument("--least", type=float)
    parser.add_argument("--drop", nargs="+")
    with pytest.raises(SystemExit) as end:
        parser.parse_args(["-o", "d", *shlex.split(words)])
    assert end.value.code == 2
    assert re.search("is empty|expected a finite number", capsys.readouterr().err)


def test_a_setting_of_zero_is_shown(capsys):
    announce({"temperature": 0.0, "seed": 0, "limit": None, "load_in_4bit": False})
    assert capsys.readouterr().out.endswith(": temperature 0.0, seed 0\n")


@pytest.mark.parametrize(
    "losses, text",
    [
        ([], ""),
        ([6.5], ", loss 6.500"),
        ([6.481, 6.631], ", loss 6.481 -> 6.631"),
        ([7.0, 1.0, 6.0], ", loss 7.000 -> 6.000"),
        ([1.0, 3.0, 5.0, 7.0], ", loss 2.000 -> 6.000"),
        ([9.0] * 5 + [100.0] * 90 + [1.0] * 5, ", loss 9.000 -> 1.000"),
    ],
)
def test_how_a_loss_went_is_of_different_steps(losses, text):
    assert course_of(losses) == text
