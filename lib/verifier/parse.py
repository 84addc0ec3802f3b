"""From a final text to a value: the parser of each kind of label, tried on the texts that may decide.

A parser takes the deciding text and returns Found(value, why, missing): value None comes with a reason, and
`missing` tells "nothing of that kind is there" from "it is there but not asserted" (denied, hedged, several).
Rules only, but that a class, a choice or a step in other words may be found by a sentence embedder.
"""

import re
from typing import Callable, NamedTuple

from lib.verifier.booleans import read_boolean
from lib.verifier.boxes import read_box
from lib.verifier.choices import nearest_choice
from lib.verifier.classes import read_class
from lib.verifier.conclusion import CONCLUDING, CORRECTION, corrected, sentences
from lib.verifier.intervals import read_interval
from lib.verifier.numbers import read_number
from lib.verifier.sequences import read_sequence
from lib.verifier.times import read_time
from lib.verifier.words import Found


class Asked(NamedTuple):
    """What a parser may know besides the text."""

    label: dict
    duration: float | None
    question: str
    vocabulary: tuple
    embed: Callable | None


# Kinds whose final line may go on with remarks after the sentence that decides
REMARKS = ("class", "choice", "boolean", "number", "time", "box")
GOES_ON = re.compile(
    r"^\W*(?:or|alternatively|possibly|maybe|perhaps|but|though|however|it (?:could|might|may))\b", re.I
)


def parsed(conclusion, asked):
    """Found(value) of the first deciding text that says anything of the label's kind."""
    kind, found = asked.label["kind"], Found(None, "nothing said", True)
    # Without an answer line a class or sequence is what the conclusion or the whole text asserts, not what
    # the last sentence happens to mention
    whole = not conclusion.marked and (
        kind in ("class", "sequence") or kind == "text" and len(sentences(conclusion.texts[-1])) <= 3
    )
    for at, text in enumerate(conclusion.texts):
        if whole and at < len(conclusion.texts) - 1 and not CONCLUDING.search(text):
            continue
        text = corrected(text, CORRECTION) if kind == "boolean" else corrected(text)
        for statement in remarks(text) if conclusion.marked and kind in REMARKS else (text,):
            found = PARSERS[kind](statement, conclusion.marked, asked)
            if not found.missing and not found.why.endswith(" denied"):
                return found
        if not found.missing:
            break
    return found


def remarks(text):
    """A final line's sentences, each with those that take it back or hedge it ("B. Or maybe C."), and then
    all of it.
    """
    parts = []
    for sentence in sentences(text)[:8]:
        if parts and (GOES_ON.match(sentence) or parts[-1].endswith("?")):
            parts[-1] += " " + sentence
        else:
            parts.append(sentence)
    return parts if parts[-1:] == [text] else [*parts, text]


PARSERS = {
    "class": read_class,
    "sequence": read_sequence,
    "choice": nearest_choice,
    "text": lambda text, marked, asked: Found(text, "no words", not text.strip()),
    "interval": lambda text, marked, asked: read_interval(
        text, asked.label.get("unit", "seconds"), asked.duration, marked
    ),
    "time": lambda text, marked, asked: read_time(
        text, asked.label.get("unit", "seconds"), asked.duration, marked
    ),
    "box": lambda text, marked, asked: read_box(text, marked),
    "number": lambda text, marked, asked: read_number(
        text, asked.question, asked.label["name"], marked, 0 < abs(asked.label["value"]) < 1
    ),
    "boolean": lambda text, marked, asked: read_boolean(text, asked.question),
}


def share(text, labels):
    """Each label's part of a text, by its name as a cue: "score: 63; difficulty: 3.2", "a score of 63 with
    difficulty 3.2", "63 for the score"; None where there is none.
    """
    low = text.lower()
    cues = [cue_of(label["name"].lower().replace("_", " "), low) for label in labels]
    known = sorted(cue for cue in cues if cue)
    # Values alone, in the labels' order
    if not known:
        rows = (text.split(mark) for mark in ";,")
        return next((parts for parts in rows if len(parts) == len(labels)), [None] * len(labels))
    value_first = re.search(r"\d", low[: known[0][0]]) and not re.search(r"\d", low[known[-1][1] :])
    parts = []
    for cue in cues:
        if cue is None:
            parts.append(None)
        elif value_first:
            start = max((end for _, end in known if end <= cue[0]), default=0)
            parts.append(text[start : cue[0]].strip(" ;,()\n"))
        else:
            end = min((start for start, _ in known if start > cue[0]), default=len(text))
            parts.append(text[cue[0] : end].strip(" ;,\n"))
    return parts


def cue_of(name, text):
    """(start, end) of a label's name in a text, or of the first of its longer words there; None without."""
    for word in (name, *(w for w in name.split() if len(w) > 3)):
        at = text.find(word)
        if at >= 0:
            return at, at + len(name)
    return None
