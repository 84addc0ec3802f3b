"""The card of a checkpoint, and what make push would send to the hub: a stub takes it."""

import json
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT
from huggingface_hub import ModelCard
from huggingface_hub.errors import LocalTokenNotFoundError
from test_run import Make

from lib.records import StageError
from lib.tools.push import main, push
from lib.training.card import write_card

SETTINGS = {
    "model": "hub/base",
    "learning_rate": 2e-4,
    "full": False,
    "lora_rank": 16,
    "mix": None,
    "seed": 0,
}
ROW = {"accuracy": 0.5, "low": 0.15, "high": 0.85, "count": 4, "correct": 2}


class Hub:
    """What of HfApi a push calls, and what it was told."""

    endpoint = "https://hub.example"

    def __init__(self, **files):
        self.made, self.sent = [], {}
        self.repositories = files  # name: (private, names of files)

    def whoami(self):
        return {"name": "me"}

    def repo_exists(self, name):
        return name.replace("/", "_") in self.repositories

    def repo_info(self, name):
        return SimpleNamespace(private=self.repositories[name.replace("/", "_")][0])

    def list_repo_files(self, name):
        return self.repositories[name.replace("/", "_")][1]

    def create_repo(self, name, private):
        self.made.append((name, private))

    def create_commit(self, name, operations, commit_message):
        for operation in operations:
            with operation.as_file() as file:
                self.sent[operation.path_in_repo] = file.read()
        self.message = (name, commit_message)
        return SimpleNamespace(commit_url=f"{self.endpoint}/{name}/commit/1")


@pytest.fixture
def run(tmp_path):
    """A run with one finished cycle."""
    run, cycle = tmp_path / "run", tmp_path / "run/cycle1"
    for folder in ("cycle0", "cycle1/model/sub", "cycle1/model/adapter"):
        (run / folder).mkdir(parents=True)
    label = {"name": "action", "kind": "class", "value": "running"}
    record = {"id": "a", "video": "/home/me/videos/a.mp4", "start": 1.0, "end": 2.0, "question": "What?"}
    record |= {"labels": [label], "answer": "Answer: running", "keep": True, "origin": "direct", "sample": 0}
    rows = [record, {**record, "sample": 1, "keep": False, "answer": "Answer: walking"}]
    (cycle / "verified.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    verified = {
        "settings": {},
        "kept": {"direct": 1, "rationalized": 0},
        "questions": 1,
        "output_sha256": "0f",
    }
    (cycle / "verified.jsonl.meta.json").write_text(json.dumps(verified))
    (cycle / "generated.jsonl.meta.json").write_text(json.dumps({"settings": {"cycle": 1}}))
    settings = {**SETTINGS, "input": str(cycle / "verified.jsonl")}
    write_card(cycle / "model", settings, 2, [1.5, 0.25])
    for name in ("config.json", "model.safetensors", "sub/x.json"):
        (cycle / "model" / name).write_text(name)
    (cycle / "model/DONE").write_text("identity\n")
    based = {"base_model_name_or_path": str(run), "r": 16}
    (cycle / "model/adapter/adapter_config.json").write_text(json.dumps(based))
    (cycle / "model/adapter/README.md").write_text(f"base_model: {run}")
    about = {
        "settings": {"input": "test.jsonl", "model_identity": "identity"},
        "inputs": {"test.jsonl": "ab"},
    }
    evaluation = {"all": ROW, "kinds": {"class": ROW}, "questions": {"answered": 4}, **about}
    (cycle / "eval.json").write_text(json.dumps(evaluation))
    before = {**evaluation, "all": {**ROW, "accuracy": 0.25, "correct": 1}}
    (run / "cycle0/eval.json").write_text(json.dumps(before))
    return run


def test_a_card_says_what_05_knows(run):
    card = ModelCard.load(run / "cycle1/model/README.md")
    about = card.data.to_dict()
    assert about["base_model"] == "hub/base" and about["pipeline_tag"] == "video-text-to-text"
    assert about["library_name"] == "transformers" and "video-star" in about["tags"]
    for words in (
        "Cycle 1 of [Video-STaR]",
        "2 training rows, of the answers to 1 questions",
        "1 direct, 0 rationalized",
        "sha256 of verified.jsonl: `0f`",
        "2 optimiser steps, loss 1.500 in the first and 0.250 in the last",
        "| lora-rank | 16 |",
        "| transformers | 5.",
    ):
        assert words in card.text, card.text
    assert str(run) not in card.text and "| full" not in card.text


def test_a_base_that_is_a_folder_is_none_of_the_hubs(tmp_path):
    (tmp_path / "base").mkdir()
    write_card(tmp_path, {**SETTINGS, "model": str(tmp_path / "base"), "input": "v.jsonl"}, 0, [])
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.base_model is None and "From base, 0 optimiser steps.\n" in card.text
    assert str(tmp_path) not in card.text


def test_what_is_pushed_is_model_card_rows_and_adapter(run, capsys):
    hub = Hub()
    push(run, run / "cycle1", "my-model", False, hub)
    said = capsys.readouterr().out
    assert "1 kept answers, goes to the private repository me/my-model of https://hub.example:" in said
    assert "  model.safetensors  0.0 MB" in said and said.rstrip().endswith("me/my-model/commit/1")
    assert hub.made == [("me/my-model", True)] and hub.message == ("me/my-model", "cycle1 of Video-STaR")
    assert set(hub.sent) == {
        "README.md",
        "config.json",
        "model.safetensors",
        "sub/x.json",
        "adapter/adapter_config.json",
        "video-star/kept.jsonl",
        "video-star/eval.json",
    }
    card = hub.sent["README.md"].decode()
    assert card.startswith("---\nbase_model: hub/base") and "## Accuracy on 4 held-out questions" in card
    assert "| | before any cycle | this model |" in card
    assert "| all (n = 4) | 25.0 [4.6, 69.9] | 50.0 [15.0, 85.0] |" in card
    [row] = map(json.loads, hub.sent["video-star/kept.jsonl"].splitlines())
    assert row["videos"] == ["a.mp4"] and (row["start"], row["end"]) == (1.0, 2.0)
    assert row["messages"][1]["content"] == "Answer: running"
    assert json.loads(hub.sent["adapter/adapter_config.json"])["base_model_name_or_path"] == "run"
    assert b"/home/me" not in b"".join(hub.sent.values()) and str(run).encode() not in b"".join(
        hub.sent.values()
    )


def test_a_repository_of_others_is_not_written_to(run):
    ours, theirs = [".gitattributes", "video-star/kept.jsonl"], ["pytorch_model.bin"]
    push(run, run / "cycle1", "me/x", False, Hub(me_x=(True, ours)))  # ours is written again
    push(run, run / "cycle1", "me/x", True, Hub(me_x=(False, ours)))
    push(run, run / "cycle1", "me/x", False, Hub(me_x=(True, [".gitattributes"])))
    for held, public, said in (((True, theirs), False, "did not send"), ((False, ours), False, "and public")):
        hub = Hub(me_x=held)
        with pytest.raises(StageError, match=f"me/x: is there already, .*{said}") as error:
            push(run, run / "cycle1", "me/x", public, hub)
        assert error.value.code == 2 and not hub.sent


def test_without_a_token_it_is_said(run):
    hub = Hub()

    def whoami():
        raise LocalTokenNotFoundError("none")

    hub.whoami = whoami
    with pytest.raises(StageError, match="no token of the hub: hf auth login"):
        push(run, run / "cycle1", "x", False, hub)
    hub.whoami = lambda: (_ for _ in ()).throw(ConnectionError("no route"))
    with pytest.raises(StageError, match="x: the hub cannot be reached: no route"):
        push(run, run / "cycle1", "x", False, hub)


@pytest.mark.parametrize("gone", ["model/DONE", "eval.json", "verified.jsonl"])
def test_a_cycle_that_is_not_finished_is_not_sent(run, monkeypatch, gone):
    (run / "cycle1" / gone).unlink()
    monkeypatch.setattr(sys, "argv", ["push.py", str(run), str(run / "cycle1"), "--hub", "me/x"])
    with pytest.raises(StageError, match=f"{gone}: no such file: the cycle is not finished") as error:
        main()
    assert error.value.code == 2


def test_a_run_whose_cycles_made_nothing_better_has_nothing_to_send(run, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["push.py", str(run), str(run / "cycle0"), "--hub", "me/x"])
    with pytest.raises(
        StageError, match="verified.jsonl: no such file: cycle 0 is the model before any cycle"
    ):
        main()


def test_the_accuracy_of_another_model_is_not_sent(run):
    (run / "cycle1/model/DONE").write_text("another\n")
    with pytest.raises(StageError, match="eval.json: is of another model than"):
        push(run, run / "cycle1", "me/x", False, Hub())


@pytest.mark.parametrize("words", [[], ["--hub", "a/b/c"], ["--hub", "x y"]])
def test_a_name_is_needed(run, monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", ["push.py", str(run), str(run / "cycle1"), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and "make push HUB=me/my-model" in capsys.readouterr().err


def test_make_knows_what_to_export_and_push(tmp_path):
    make = Make(tmp_path)
    for words, command in (
        (["export"], "verified.jsonl RUN/cycle3/conversations.json --to llava"),
        (["export", "TO=swift", "WHAT=kto"], "RUN/cycle3/swift-kto.jsonl --to swift --what kto"),
        (["export", "TO=verl", "N=2"], "RUN/cycle2/verl.parquet --to verl"),
        (["push", "HUB=me/x"], "-m lib.tools.push RUN RUN/cycle3 --hub me/x"),
        (["push", "HUB=me/x", "PUBLIC=yes"], "--hub me/x --public"),
    ):
        said = make("-n", *words, *make.named).stdout
        assert command.replace("RUN", str(make.run)) in " ".join(said.split()), said
    assert (ROOT / "lib/tools/share.mk").exists()
