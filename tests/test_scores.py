"""Scores of free text: WUPS and the caption scores as the official code gives them, and retrieval's ranks."""

import importlib.util
import json
import sys

import pytest
from conftest import ROOT, SHARED

from lib.benchmarks.nextqa_oe import STOPWORDS
from lib.benchmarks.wups import content_words, similarity, tagger, wups

SPEC = importlib.util.spec_from_file_location("evaluation", ROOT / "06_eval.py")
evaluation = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(evaluation)


def evaluate(monkeypatch, *arguments):
    """eval.json of `06_eval.py ARGUMENTS -o OUT`, run in this process."""
    out = next(str(b) for a, b in zip(arguments, arguments[1:]) if a == "-o")
    monkeypatch.setattr(sys, "argv", ["06_eval.py", *map(str, arguments)])
    evaluation.main()
    return json.loads(open(out).read())


def real(name):
    path = SHARED / "annotations" / name
    if not path.exists():
        pytest.skip(f"no real annotations at {path}")
    return path


# ---------------------------------------------------------------- WUPS


@pytest.mark.parametrize(
    "one,other,expected",
    [  # wordnet.synsets(one)[0].wup_similarity(wordnet.synsets(other)[0]) of NLTK 3.5
        ("baby", "dog", 0.6),
        ("walk", "run", 0.571429),
        ("clean", "get", 0.384615),
        ("play", "present", 0.333333),
        ("eat", "prevent", 0.4),
        ("heavy", "police", 0.133333),
        ("attract", "get", 0.111111),
        ("lean", "move", 0.285714),
        ("sit", "below", 0.5),  # a verb first: a root above both
        ("below", "sit", 0.0),  # an adverb first: none
        ("happy", "curious", 0.0),
        ("sit", "toy", 0.222222),
        ("toy", "sit", 0.0),
        ("qqq", "baby", 0.0),
        ("qqq", "qqq", 1.0),
    ],
)
def test_similarity_is_that_of_nltk_3_5(one, other, expected):
    assert similarity(one, other) == pytest.approx(expected, abs=1e-6)


def test_wups_skips_words_without_any_likeness_and_takes_the_worse_direction():
    assert wups(("baby", "qqq"), ("baby",)) == 1.0  # qqq is passed over
    assert wups(("baby",), ("dog",), 0.9) == pytest.approx(0.06)
    assert wups(("baby", "dog"), ("dog",)) == pytest.approx(0.6)
    assert wups((), ("dog",)) == 0.0


def test_an_irregular_form_and_a_stem_are_found():
    assert content_words("the geese were walking", STOPWORDS) == ("goose", "walk")


def test_nextqa_open_answers_published(tmp_path, monkeypatch):
    arguments = ["--benchmark", "nextqa-oe", "--questions", real("nextoe_val.csv"), "-o", tmp_path / "e.json"]
    predictions = real("nextoe_val_hga_predictions.json")
    result = evaluate(monkeypatch, *arguments, "--predictions", predictions)
    means = {name: row["mean"] for name, row in result["official"]["means"].items()}
    names = ("causal", "temporal", "descriptive")
    found = [means["WUPS"], *(means[f"WUPS, group: {name}"] for name in names), means["WUPS@0.9"]]
    official = [21.48, 14.76, 14.90, 46.60, 12.43]
    if tagger():
        assert found == official
    else:
        assert found == pytest.approx(official, abs=0.2) and "downloader" in result["official"]["tagger"]


def test_of_two_references_the_better_counts(tmp_path, monkeypatch):
    questions, more = tmp_path / "q.csv", tmp_path / "more.json"
    head = "video,frame_count,width,height,question,answer,qid,type\n"
    questions.write_text(head + "7,9,9,9,what is it,a dog,0,DO\n7,9,9,9,how many,two,1,DC\n")
    (tmp_path / "p.json").write_text(json.dumps({"7": {"0": "a baby", "1": "2"}}))
    more.write_text(json.dumps({"7": {"0": "baby", "1": "2"}}))
    arguments = ["--benchmark", "nextqa-oe", "--questions", questions, "--predictions", tmp_path / "p.json"]
    alone = evaluate(monkeypatch, *arguments, "-o", tmp_path / "e.json")["official"]["means"]
    both = evaluate(monkeypatch, *arguments, "--meta", more, "-o", tmp_path / "f.json")["official"]["means"]
    assert (alone["WUPS"]["mean"], both["WUPS"]["mean"]) == (30.0, 100.0)
