"""05 --train: one part of a model is trained and the others stay bit-equal, in every family; rows of all
kinds of files, and their shares.
"""

import json
from collections import Counter
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT, lines, sh
from families import FAMILIES, build
from more_families import MORE, PACKAGES, REASONS
from safetensors.torch import load_file
from test_families import kept, questions, stage

from lib.prompts import CAPTION
from lib.training.shares import in_turn, kinds_in_turn, steps_of

__all__ = ["kept", "questions"]  # fixtures

FEW = ["--batch-size", "2", "--learning-rate", "1e-2"]


def written(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture(scope="module")
def captions(questions):
    """A file of the three clips with captions, five in all; one clip has none."""
    said = {"red": ["a red square", "red goes right"], "green": ["a green one", "it is green", "it moves"]}
    records = [
        {
            "id": name,
            "video": f"{name}.mp4",
            "question": CAPTION,
            "labels": [],
            "captions": said.get(name, []),
        }
        for name in ("red", "green", "blue")
    ]
    return written(questions.with_name("captions.jsonl"), records)


@pytest.fixture(scope="module")
def captioned(captions):
    """The same clips as 02 --style caption leaves them: one failed, one was not kept."""
    answers = [{"answer": "a shape"}, {"answer": "", "error": "empty"}, {"answer": "bad", "keep": False}]
    more = [
        {**record, **answer, "origin": "caption", "sample": 0}
        for record, answer in zip(lines(captions), answers)
    ]
    more += [{**more[0], "sample": 1, "answer": "a square"}]
    return written(captions.with_name("captioned.jsonl"), more)


@pytest.fixture(scope="module")
def instructions(captions):
    """Instruction rows of three kinds, one of which is not kept."""
    kinds = ["temporal", "temporal", "causal", "short", "short", "short"]
    rows = [
        {
            "id": f"i{n}",
            "video": "blue.mp4",
            "question": f"What happens {n}?",
            "answer": f"It moves {n}.",
            "kind": kind,
            "keep": n != 5,
        }
        for n, kind in enumerate(kinds)
    ]
    return written(captions.with_name("instructions.jsonl"), rows)


def tuned(base, source, output, *words):
    return stage("05_finetune.py", source, "-o", output, "--model", base, *FEW, *words)


def changed(base, output):
    """(names of parameters that differ between two checkpoints as they are loaded, the model of the first).
    The files have tensors of the same types, and as many of them differ.
    """
    from transformers import AutoModelForImageTextToText

    before, after = (load_file(folder / "model.safetensors") for folder in (base, output))
    assert {name: t.dtype for name, t in before.items()} == {name: t.dtype for name, t in after.items()}
    models = [AutoModelForImageTextToText.from_pretrained(path, dtype="auto") for path in (base, output)]
    there = dict(models[1].named_parameters())
    differ = {name for name, part in models[0].named_parameters() if not part.equal(there[name])}
    assert len(differ) == sum(not before[name].equal(after[name]) for name in before)
    return differ, models[0]


def parts(model):
    """({part: names of its parameters}) of a model by its structure."""
    from lib.model.layers import outside_towers, projectors, towers

    between = projectors(model)
    return {
        "vision": towers(model),
        "projector": between,
        "language": outside_towers(model) - between,
        "both": towers(model) | outside_towers(model) - between,
    }


# ---------------------------------------------------------------- one part, the other bit-equal

THREE = ("video_llava", "qwen3_vl", "internvl")


def check_part(family, part, words, captions, folder, capsys):
    """Train a part by the script: all of it that is called trained changes on disk, and nothing else does."""
    build(family, folder / "base")
    assert tuned(folder / "base", captions, folder / "out", "--train", part, *words) == 0
    said, (differ, model) = capsys.readouterr().out, changed(folder / "base", folder / "out")
    of, sizes = parts(model), {name: weight.numel() for name, weight in model.named_parameters()}
    between = "--projector" in words
    wanted = of[part] | (of["projector"] if between else set())
    assert differ and differ <= wanted and bool(differ & of["projector"]) == between
    trained = json.loads((folder / "out.meta.json").read_text())["speed"]["trainable"]
    if "--lora-rank" not in words:
        # what the last of two layers is given of the tower, as Qwen3-VL's, has no effect on any answer
        idle = {name for name in of["projector"] if between and "deepstack_merger_list.1." in name}
        assert sum(sizes[name] for name in differ | idle) == trained
        name = part.replace("both", "vision and language")
        assert f"{name}{' and projector' if between else ''} whole: {trained:,} of " in said
    return differ, wanted


@pytest.mark.parametrize("part", ["vision", "language"])
@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=() if name in THREE else pytest.mark.slow) for name in FAMILIES]
)
def test_a_part_is_trained_and_the_others_stay_bit_equal(family, part, captions, tmp_path, capsys):
    differ, wanted = check_part(family, part, [], captions, tmp_path, capsys)
    if part == "language":
        assert differ == wanted
    if (family, part) == ("video_llava", "vision"):  # a clip goes through one of its two towers
        assert not any("image_tower" in name for name in differ) and any("video_tower" in n for n in differ)


@pytest.mark.parametrize("family", ["qwen3_vl", "video_llava"])
@pytest.mark.parametrize(
    "part, words",
    [
        ("vision", ["--projector"]),
        ("language", ["--projector"]),
        ("vision", ["--dtype", "bfloat16"]),  # as the base is stored: its language model lies so
        ("vision", ["--dtype", "float16"]),  # which would round it
        ("vision", ["--lora-rank", "2"]),
        ("language", ["--lora-rank", "2", "--projector"]),
        ("both", []),
        ("both", ["--lora-rank", "2"]),
    ],
)
def test_the_same_with_the_projector_in_other_types_and_by_lora(
    family, part, words, captions, tmp_path, capsys
):
    check_part(family, part, words, captions, tmp_path, capsys)


@pytest.mark.parametrize("family", sorted(MORE.keys() - REASONS.keys() - {"gemma4_unified"}))
@pytest.mark.slow
def test_a_part_of_more_families(family, captions, tmp_path, capsys):
    for package in PACKAGES.get(family, ()):
        pytest.importorskip(package)
    check_part(family, "vision", [], captions, tmp_path, capsys)


def test_a_model_without_a_tower_is_an_error(captions, tmp_path, capsys):
    build("gemma4_unified", tmp_path / "base")
    assert tuned(tmp_path / "base", captions, tmp_path / "out", "--train", "vision") == 1
    assert "has no tower; expected --train language" in capsys.readouterr().err


def test_a_model_that_is_none_is_said_in_a_line(captions, tmp_path, capsys):
    for model in ("me/typo", tmp_path):
        assert tuned(model, captions, tmp_path / "out", "--train", "vision") == 1
        assert f"{model}: no model can be loaded from it: " in capsys.readouterr().err


def test_lora_on_the_language_model_is_the_default(captions, tmp_path, capsys):
    build("qwen3_vl", tmp_path / "base")
    for name, words in (("a", ["--lora-rank", 4]), ("b", ["--lora-rank", 4, "--train", "language"])):
        assert tuned(tmp_path / "base", captions, tmp_path / name, *words) == 0
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert files[0] == files[1]


def test_features_of_the_base_are_not_those_of_the_tuned_tower(captions, questions, tmp_path):
    """A cache that the base filled serves a model with another language model, and not one with another tower
    or projector.
    """
    from lib.model.feature_cache import encoder_digest
    from lib.model.load import load

    for family in ("qwen3_vl", "video_llava", "smolvlm", "internvl"):
        build(family, tmp_path / family)
        model, processor = load(tmp_path / family, "cpu", torch.float32)
        of, weights, base = parts(model), dict(model.named_parameters()), encoder_digest(model, processor)
        for part in ("vision", "projector", "language"):
            for name in of[part]:
                before = weights[name].detach().clone()
                with torch.no_grad():
                    weights[name].view(-1)[0] += 1
                    same = encoder_digest(model, processor) == base
                    weights[name].copy_(before)
                assert same == (part == "language"), name


def test_training_the_tower_keeps_no_features(captions, tmp_path, capsys):
    build("qwen3_vl", tmp_path / "base")
    cache = ["--feature-cache", tmp_path / "cache"]
    assert tuned(tmp_path / "base", captions, tmp_path / "out", "--train", "vision", *cache) == 2
    assert "--feature-cache: tower or projector are trained" in capsys.readouterr().err
    words = ["--epochs", "3", "--train"]
    assert tuned(tmp_path / "base", captions, tmp_path / "out", *words, "vision") == 0
    assert tuned(tmp_path / "base", captions, tmp_path / "other", *words, "language", *cache) == 0
    encoded = [
        json.loads((tmp_path / f"{name}.meta.json").read_text())["speed"]["clips_encoded_once"]
        for name in ("out", "other")
    ]
    assert encoded == [0, 2] and not (tmp_path / "out/features").exists()


# ---------------------------------------------------------------- rows of all kinds, and their shares


def data(*words, **given):
    """data_of() a command line's input and flags."""
    from lib.training.mix import data_of

    flags = dict(
        input=str(words[0]),
        mix=[str(word) for word in words[1:]],
        preferences=None,
        pairs=None,
        limit=None,
        shares=None,
        self_train=None,
        self_share=None,
    )
    return data_of(SimpleNamespace(**{**flags, **given}))


def test_each_kind_of_file_gives_its_rows(kept, captions, captioned, instructions, capsys):
    rows = data(captions, captioned, instructions, kept).rows
    assert Counter(row.kind for row in rows) == {
        "caption": 7,
        "temporal": 2,
        "causal": 1,
        "short": 2 + 5,
        "reasoning": 5,
    }
    said = [(row.id, row.turn, row.answers) for row in rows[:7]]
    assert said[:2] == [("red", CAPTION, ("a red square",)), ("red", CAPTION, ("red goes right",))]
    assert said[5:] == [("red", CAPTION, ("a shape",)), ("red", CAPTION, ("a square",))]
    assert rows[7].turn == "What happens 0?" and rows[7].answers == ("It moves 0.",)
    assert all(row.clip[0].endswith(".mp4") for row in rows)
    out = capsys.readouterr().out
    assert f"{captions}: 1 clips without a caption: not trained on" in out
    assert f"{captioned}: 2 captions failed or were not kept: not trained on" in out
    assert f"{instructions}: 1 instructions were not kept" in out


def test_other_rows_are_mixed(captions, tmp_path):
    plain = [{"video": "a.mp4", "question": "What?", "answer": "That."}]
    path = written(tmp_path / "plain.jsonl", plain * 2)
    rows = data(captions, path).rows
    assert [(row.id, row.kind) for row in rows[-2:]] == [(f"{path}:1", "mixed"), (f"{path}:2", "mixed")]


@pytest.mark.parametrize(
    "records, reason",
    [
        (
            [{"video": "a.mp4", "caption": "words"}],
            ":1: found the keys caption, video; expected answers of 04",
        ),
        ([[1]], ":1: found [1]; expected"),
        ([], ": no records; expected"),
        ([{"video": "a.mp4", "question": "Q?", "answer": "A", "kind": 3}], ":1: kind is 3, expected a word"),
    ],
)
def test_what_is_no_row_is_an_error(captions, tmp_path, capsys, records, reason):
    path = written(tmp_path / "rows.jsonl", records)
    assert tuned(tmp_path, captions, tmp_path / "out", "--mix", path) in (1, 2)
    assert f"{path}{reason}" in capsys.readouterr().err


def test_answers_that_nobody_verified_are_no_input(captions, tmp_path, capsys):
    label = {"name": "it", "kind": "class", "value": "x"}
    answer = {
        "id": "a",
        "video": "a.mp4",
        "question": "Q?",
        "labels": [label],
        "answer": "x",
        "origin": "direct",
    }
    for number, records in enumerate(([answer], [{**answer, "keep": False}, {**answer, "sample": 1}]), 1):
        path = written(tmp_path / "generated.jsonl", records)
        for words in ([], ["--preferences", "0.1"]):
            assert tuned(tmp_path, path, tmp_path / "out", *words) == 1
            assert f"{path}:{number}: no `keep`: not a file of 04_verify.py" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_kind_a_file(captions, captioned, tmp_path, capsys):
    path = written(tmp_path / "two.jsonl", [lines(captioned)[0], {**lines(captions)[1], "answer": "x"}])
    assert tuned(tmp_path, captions, tmp_path / "out", "--mix", path) == 1
    said = capsys.readouterr().err
    assert f"{path}:2: green: found a record of another kind than the first" in said


@pytest.mark.parametrize(
    "words, reason",
    [
        (["--full", "--train", "vision"], "--train: --full trains language model and projector"),
        (["--projector"], "--projector: it goes with --train"),
        (["--train", "vision", "--load-in-4bit"], "--load-in-4bit rounds what --train trains"),
        (["--pairs", "short"], "--pairs is for answers of 04_verify.py"),
        (["--preferences", "0.1"], "--preferences is for answers of 04_verify.py"),
        (
            ["--shares", "caption=-1"],
            "--shares: caption=-1: expected KIND=WEIGHT with a weight of at least 0",
        ),
        (["--shares", "short=0"], "--shares short=0: the kinds of rows are: caption"),
        (["--shares", "caption"], "--shares: caption: expected KIND=WEIGHT"),
        (["--shares", "caption=1", "caption=2"], "expected each kind once"),
        (["--self-train", "x,1"], "the share 1, expected above 0 and below 1"),
        (["--shares", "caption=1", "temporal=1"], "the kinds of rows are: caption 5"),
    ],
)
def test_flags_that_mean_nothing_are_refused(captions, tmp_path, capsys, words, reason):
    build("qwen3_vl", tmp_path / "base")
    assert tuned(tmp_path / "base", captions, tmp_path / "out", *words) in (1, 2)
    assert reason in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_every_kind_comes_as_often_as_its_share_says():
    """After any number of rows less than one from its share."""
    for weights in ({"a": 1.0}, {"a": 0.5, "b": 0.5}, {"a": 0.61, "b": 0.3, "c": 0.08, "d": 0.01}):
        given = Counter()
        for number, kind in enumerate(islice(in_turn(weights), 3000), 1):
            given[kind] += 1
            assert all(abs(given[kind] - weight * number) < 1 for kind, weight in weights.items())
    weights = {"self": 0.3, "a": 0.5, "b": 0.2}
    kinds = list(islice(kinds_in_turn(weights), 4000))
    assert Counter(kinds) == {"self": 1200, "a": 2000, "b": 800}
    assert all("self" in kinds[n : n + 4] for n in range(0, 4000, 4))


def test_a_kind_without_weight_is_left_out(captions, instructions):
    found = data(captions, instructions, shares={"short": 0.0})
    assert {row.kind for row in found.rows} == {"caption", "temporal", "causal"} and found.weights is None
    weighed = data(captions, instructions, shares={"short": 0.0, "caption": 1, "temporal": 2, "causal": 1})
    assert weighed.weights == {"caption": 0.25, "temporal": 0.5, "causal": 0.25}


def test_steps_by_shares_go_through_each_kind_in_turn(captions, captioned, instructions):
    shares = {"caption": 2, "temporal": 1, "causal": 1, "short": 0.5}
    given = data(captions, instructions, shares=shares, self_train=captioned, self_share=0.25)
    args = SimpleNamespace(steps=90, epochs=None, seed=3)
    steps = steps_of(given, [0] * len(given.rows), 4, args)
    kinds = [[given.rows[n].kind for n in step] for step in steps]
    assert all(step.count("self") == 1 for step in kinds)
    counts = Counter(kind for step in kinds for kind in step)
    assert counts == {"self": 90, "caption": 120, "temporal": 60, "causal": 60, "short": 30}
    taken = Counter(n for step in steps for n in step)
    for kind in counts:  # permutation after permutation
        times = [taken[n] for n, row in enumerate(given.rows) if row.kind == kind]
        assert max(times) - min(times) <= 1
    assert steps == steps_of(given, [0] * len(given.rows), 4, args)
    args = SimpleNamespace(steps=None, epochs=2, seed=3)
    assert len(steps_of(given, [0] * len(given.rows), 4, args)) == 2 * 3  # 12 rows


def test_self_train_is_in_every_step_of_a_run(captions, captioned, tmp_path, capsys):
    build("qwen3_vl", tmp_path / "base")
    words = ["--train", "vision", "--self-train", captioned]
    assert tuned(tmp_path / "base", captions, tmp_path / "out", *words) == 0
    said = capsys.readouterr().out
    assert "  caption: 5 rows, 50.0% of the steps, each 0.80 times" in said
    assert "  self: 2 rows, 50.0% of the steps, each 2.00 times" in said
    assert "caption" in (tmp_path / "out/README.md").read_text()
    assert (
        tuned(tmp_path / "base", captions, tmp_path / "few", *words, "--self-train", f"{captioned},0.1") == 1
    )
    assert "the share 0.1 of steps of 2 rows is less than a row" in capsys.readouterr().err
    assert tuned(tmp_path / "base", captioned, tmp_path / "few", "--self-train", captions) == 1
    assert "--self-train expects answers of 02" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--shares", "caption=1", "temporal=1", "causal=1", "short=2"]])
def test_killed_and_resumed_gives_the_same_weights(captions, captioned, instructions, tmp_path, words):
    build("video_llava", tmp_path / "base")
    command = ["05_finetune.py", captions, "--model", tmp_path / "base", *FEW, "--steps", "6"]
    command += ["--train", "vision", "--projector", "--save-every", "2", "--self-train", captioned, *words]
    command += ["--mix", instructions]
    sh(*command, "-o", tmp_path / "whole")
    script = (ROOT / "05_finetune.py").read_text().split("\n")
    plan = {"line": f"05_finetune.py:{script.index('        optimizer.step()') + 1}", "times": 4}
    dead = sh("tests/die_at.py", json.dumps(plan), *command, "-o", tmp_path / "killed", check=False)
    assert dead.returncode != 0 and not (tmp_path / "killed").exists()
    said = sh(*command, "-o", tmp_path / "killed").stdout
    assert "resuming after step 2 of 6" in said
    whole, killed = (tmp_path / name / "model.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()
