"""Questions that a model writes from task and label: fit or not, counted, remembered."""

import sqlite3
from collections import Counter

import pytest

from lib.datasets.questions import rewritten, unfit


@pytest.mark.parametrize(
    "question, kind, value, fits",
    [
        ("What is the person doing on the court?", "class", "playing basketball", True),
        ("Is the person playing basketball?", "class", "playing basketball", False),
        ("Why does he play with a basketball?", "class", "playing basketball", False),  # inflected
        ("What is happening", "class", "playing basketball", False),  # no question
        ("Here is one:\nWhat is happening?", "class", "playing basketball", False),
        ("What?", "class", "playing basketball", False),
        ("What score did the judges give?", "number", 63.5, True),
        ("Is the score 63.5?", "number", 63.5, False),
        ("Which of the 5 dives is this?", "number", 63.5, True),
        ("In which order does the diver move?", "sequence", ["Back", "Entry"], True),
        ("What comes before the entry?", "sequence", ["Back", "Entry"], False),
    ],
)
def test_a_question_must_not_give_its_label_away(question, kind, value, fits):
    assert (unfit(question, [{"name": "it", "kind": kind, "value": value}]) is None) == fits


def record(name, kind, value):
    return {
        "id": name,
        "video": "v.mp4",
        "question": "Own?",
        "labels": [{"name": "action", "kind": kind, "value": value}],
    }


def test_equal_labels_are_asked_about_once_and_remembered(monkeypatch):
    asked = []

    def ask_text(model, prompts, *how):
        asked.extend(prompts)
        return [
            (
                key,
                {"error": "busy"}
                if "diving" in key
                else {"answer": '"What does the athlete do?" ' if "jump" in key else "Is it rowing?"},
            )
            for key, _ in prompts
        ]

    monkeypatch.setattr("lib.model.ask_text", ask_text)
    records = [
        record("a", "class", "high jump"),
        record("b", "class", "high jump"),
        record("c", "class", "rowing"),
        record("d", "interval", [1, 2]),
        record("e", "class", "diving"),
    ]
    memory, tally = sqlite3.connect(":memory:"), {"questions": Counter()}
    made = list(rewritten(iter(records), "m", memory, tally))
    assert [r["question"] for r in made] == ["What does the athlete do?"] * 2 + ["Own?"] * 3
    assert len(asked) == 3 and all(
        'labeled "' in text and "for the task of action" in text for _, text in asked
    )
    assert tally["questions"] == {
        "written": 2,
        "kept, gives the label away": 1,
        "kept, its kind needs its own": 1,
        "kept, no single question": 1,
    }
    list(rewritten(iter(records), "m", memory, tally))
    assert len(asked) == 4 and "diving" in asked[-1][0]  # only what failed is asked again
