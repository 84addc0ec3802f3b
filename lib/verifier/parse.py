"""From a final text to a value: the parser of each kind of label, tried on the texts that may decide.

A parser takes the deciding text and returns Found(value, why, missing): value None comes with a reason, and
`missing` tells "nothing of that kind is there" from "it is there but not asserted" (denied, hedged, several).
"""

import re
from typing import Callable, NamedTuple

from lib.prompts import WHOLE
from lib.verifier.booleans import read_boolean
from lib.verifier.boxes import read_box
from lib.verifier.choices import read_choice
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
    vocabulary: dict
    embed: Callable | None
    frame: tuple | None = WHOLE  # width and height of the frame in the coordinates of boxes

    @property
    def unit(self):
        return self.label.get("unit") or "seconds"


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


def interval(text, marked, asked):
    """An interval, or a list where the label is one."""
    listed = isinstance(asked.label["value"][0], list)
    return read_interval(text, asked.unit, asked.duration, marked, listed)


def number(text, marked, asked):
    """A number; of a label that is a part of one, "75%" is 0.75."""
    share = 0 < abs(asked.label["value"]) < 1
    return read_number(text, asked.question, asked.label["name"], marked, share)


def box(text, marked, asked):
    """A box, of several the one of what is asked for."""
    words = re.findall("[a-z]{3,}", f"{asked.label['name']} {asked.question}".lower())
    return read_box(text, marked, asked.frame, frozenset(words) - {"where", "the", "box", "video", "frame"})


PARSERS = {
    "class": read_class,
    "sequence": read_sequence,
    "choice": read_choice,
    "text": lambda text, marked, asked: Found(text, "no words", not text.strip()),
    "interval": interval,
    "time": lambda text, marked, asked: read_time(text, asked.unit, asked.duration, marked),
    "box": box,
    "number": number,
    "boolean": lambda text, marked, asked: read_boolean(text, asked.question),
}
