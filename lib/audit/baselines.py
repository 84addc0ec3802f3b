"""What the verifier is held against: the paper's official rules, and plain substring matching.

The official rules are written from their description (arXiv 2407.06189 and its code's thresholds: 85 of 100
in spelling for words, any number within 10 %, IoU over 0.5, cosine of 0.6, of 0.25 for steps), defects
included: any number of the text counts, the last pair of numbers is the interval, a box needs four decimals
and is read as centre, width and height, no negation is seen.
"""

import re

import numpy as np
from rapidfuzz import fuzz

from lib.prompts import options_of, value_text
from lib.verifier import iou

STOP = frozenset("the and for with from into onto his her its are was has that this".split())
NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
BOX = re.compile(r"\[ ?(\d\.\d+), ?(\d\.\d+), ?(\d\.\d+), ?(\d\.\d+) ?\]")


def substring(case, embed=None):
    """Whether the answer contains every label's value as it is written."""
    answer = case["answer"].lower()
    return all(wording.lower() in answer for label in case["labels"] for wording in wordings(label))


def wordings(label):
    """A label's value as the texts that an answer must contain."""
    return label["value"] if label["kind"] == "sequence" else [value_text(label)]


def official(case, embed):
    """Whether the answer passes the official rule of every label's kind."""
    return all(RULES[label["kind"]](case["answer"], label, case, embed) for label in case["labels"])


def by_words(answer, label, case, embed):
    """Every longer word of the label is like some word of the answer."""
    value = options_of(label)[ord(label["value"]) - ord("A")] if label["kind"] == "choice" else label["value"]
    words = [w for w in re.findall(r"\w+", value.lower()) if len(w) > 2 and w not in STOP]
    answer_words = re.findall(r"\w+", answer.lower())
    return all(any(fuzz.ratio(w, other) > 85 for other in answer_words) for w in words)


def by_any_number(answer, label, case, embed):
    """Any number of the answer is within 10 %."""
    gold = label["value"]
    errors = [abs(float(n) - gold) / max(abs(gold), 1e-9) for n in NUMBERS.findall(answer)]
    return bool(errors) and min(errors) <= 0.1


def parts_of_video(answer, label, case):
    """The numbers of an answer as parts of the video."""
    whole = 1.0 if label.get("unit") == "fraction" else case.get("duration") or 1.0
    return [float(n) / whole for n in NUMBERS.findall(answer)], whole


def by_last_number(answer, label, case, embed):
    """The last number of the answer is a time within 10 % of the video."""
    numbers, whole = parts_of_video(answer, label, case)
    return bool(numbers) and abs(numbers[-1] - label["value"] / whole) <= 0.1


def by_last_pair(answer, label, case, embed):
    """The last two neighbouring numbers that can be an interval have an IoU over 0.5."""
    numbers, whole = parts_of_video(answer, label, case)
    pairs = [(a, b) for a, b in zip(numbers, numbers[1:]) if 0 <= a < b <= 1]
    gold = label["value"] if isinstance(label["value"][0], list) else [label["value"]]
    return bool(pairs) and iou([list(pairs[-1])], [[v / whole for v in pair] for pair in gold]) > 0.5


def by_centred_box(answer, label, case, embed):
    """The last box of four decimals, read as centre, width and height, has an IoU over 0.5."""
    found = BOX.findall(answer)
    boxes = [
        [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
        for x, y, w, h in ([*map(float, found[-1])] if found else [0.0] * 4, label["value"])
    ]
    return bool(found) and iou(*boxes) > 0.5


def sentences(text):
    """The sentences of a text."""
    return [s for s in re.split(r"(?<=[.!?])\s+|\n", text) if s.strip()] or [" "]


def by_sentence(answer, label, case, embed):
    """Some sentence of the answer has a cosine of 0.6 with the label."""
    parts = sentences(answer)
    vectors = embed([value_text(label), *parts])
    return float((vectors[1:] @ vectors[0]).max()) >= 0.6


def by_sentences_in_order(answer, label, case, embed):
    """The likeliest sentences of the steps have a cosine of 0.25 and do not go back."""
    parts, steps = sentences(answer), label["value"]
    vectors = embed([*steps, *parts])
    cosines = vectors[: len(steps)] @ vectors[len(steps) :].T
    return bool((cosines.max(1) >= 0.25).all() and (np.diff(cosines.argmax(1)) >= 0).all())


RULES = {
    "class": by_words,
    "choice": by_words,
    "text": by_sentence,
    "boolean": by_sentence,
    "sequence": by_sentences_in_order,
    "number": by_any_number,
    "time": by_last_number,
    "interval": by_last_pair,
    "box": by_centred_box,
}
