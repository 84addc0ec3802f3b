"""The encoder's adapter: how it is trained, and what a text is worth by an encoder that has none."""

import json
import sys

import numpy as np
import pytest
from conftest import ROOT, lines

from lib.audit import adapter
from lib.records import StageError
from lib.verifier import embedding, verify_all

WRITTEN = ROOT / "tests/audit/written.jsonl"


@pytest.fixture(scope="module")
def texts():
    """Text cases of written.jsonl, of all its sets."""
    cases = [case for case in lines(WRITTEN) if [label["kind"] for label in case["labels"]] == ["text"]]
    return cases[::6]


def train(monkeypatch, *arguments):
    """Train for one epoch of small batches, in this process."""
    monkeypatch.setattr(adapter, "EPOCHS", 1)
    monkeypatch.setattr(adapter, "BATCH", 2)
    monkeypatch.setattr(sys, "argv", ["adapter", *map(str, arguments)])
    adapter.main()


def test_an_adapter_is_trained_and_loads_in_place_of_ours(texts, tmp_path, monkeypatch, capsys):
    cases, folder = tmp_path / "cases.jsonl", tmp_path / "adapter"
    cases.write_text("".join(json.dumps(case) + "\n" for case in texts[:30]))
    train(monkeypatch, cases, "-o", folder)
    printed = capsys.readouterr().out
    assert "ADAPTED:" in printed and "PLAIN:" in printed
    sha = printed.split("sha256 is ")[1].split()[0]
    monkeypatch.setattr(embedding, "ADAPTER", folder)
    monkeypatch.setattr(embedding, "ADAPTER_SHA256", sha)
    own, text = embedding.Embedder(device="cpu"), ["The man opens the door."]
    assert not np.allclose(own(text, adapted=True), own(text), atol=1e-3)
    with pytest.raises(StageError, match="adapter: exists, and nothing is replaced"):
        train(monkeypatch, cases, "-o", folder)


def test_an_adapter_is_not_trained_on_nothing(tmp_path, monkeypatch):
    case = {
        "id": "n-1",
        "question": "?",
        "labels": [{"name": "n", "kind": "number", "value": 3}],
        "answer": "3",
    }
    (tmp_path / "cases.jsonl").write_text(json.dumps(case | {"human": True}) + "\n")
    with pytest.raises(StageError, match="no case has a text as its one label; expected some to train with"):
        train(monkeypatch, tmp_path / "cases.jsonl", "-o", tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


def test_by_another_encoder_texts_are_weighed_as_it_needs_it(texts):
    """Its cosines are not those of the adapter: by the adapter's line, six of ten would be judged rightly."""
    results = verify_all(texts, str(embedding.default_folder()))
    right = [result["verdict"] == "correct" for result in results]
    assert np.mean([r == case["human"] for r, case in zip(right, texts)]) > 0.75
