"""An answer as the report shows it: its grouped reason, where it says what was read, its frames."""

import base64
import re

import cv2
import numpy as np

from lib.prompts import WHOLE, frame_of, label_text, options_of
from lib.verifier import MARKER, clean, cut, final, find_numbers, parts_of, split_thought
from lib.video import VideoError, read_frames

FRAMES, HEIGHT, QUALITY = 6, 96, 70  # of a clip's strip: frames, pixels, JPEG quality
# a reason without its particulars, so that like reasons are counted together
GROUPS = [
    (re.compile(r"^said .*, label .*", re.S), "said another value than the label"),
    (re.compile(r"^(several\b[^:]*): .*", re.S), r"\1"),
    (re.compile(r"^.+ is (denied|hedged)$", re.S), r"names it, but \1"),
    (re.compile(r"^[^:\n]*[/\\][^:\n]*(?=: )"), "file"),
    (re.compile(r"\[[^\]]*\]"), "[…]"),
    (re.compile(r"-?\d+(?:[.,]\d+)*"), "#"),
]


def grouped(why):
    """'said 3.5, label 4.0' -> 'said another value than the label'."""
    for pattern, name in GROUPS:
        why = pattern.sub(name, why)
    return why.lower()


def reason_of(record):
    """The grouped reasons of the labels that do not hold, each once; of a right answer not kept, why not."""
    if record["verdict"] != "correct":
        failed = [grouped(check["why"]) for check in record["checks"] if not check["holds"]]
        return "; ".join(dict.fromkeys(failed))
    if record.get("keep", True):
        return ""
    return "not kept: " + grouped(record["why"].rpartition("; not kept: ")[2])


def kinds_of(record):
    return " + ".join(dict.fromkeys(label["kind"] for label in record["labels"]))


def phrase(words):
    """A regular expression for words however they are spaced, with or without articles between them."""
    return r"[\W_]+(?:(?:an?|the) )?".join(re.findall(r"[^\W_]+", words))


def wordings(label, value):
    """Regular expressions that find a parsed value of words in a text, one for each of its parts."""
    if label["kind"] == "boolean":
        return ["yes|true" if value else "no|not|false"]
    if label["kind"] == "choice":
        option = phrase(options_of(label)[ord(value) - ord("A")]) or value
        return [rf"(?-i:{value})(?=[.):\]]|\s*(?:\n|$))|{option}"]
    return [phrase(words) for words in (value if isinstance(value, list) else [value])]


def is_value(figure, value):
    """Whether a figure of a text is a parsed value, which may be the fraction of its percentage."""
    written = figure.value / (100 if figure.percent and abs(value) <= 1 else 1)
    return abs(written - value) < 1e-6 * max(1, abs(value))


def find_value(text, label, value):
    """Spans of a text that say a parsed value, in figures or word for word; [] where it is said otherwise."""
    if label["kind"] in ("number", "time", "interval", "box"):
        values, figures = value if isinstance(value, list) else [value], find_numbers(text)
        if isinstance(values[0], list):  # several intervals
            values = [end for pair in values for end in pair]
        for start in range(len(figures) - len(values) + 1):
            row = figures[start : start + len(values)]
            if all(map(is_value, row, values)):
                return [(row[0].start, row[-1].end)]
        return []
    spans, at = [], 0
    for wording in wordings(label, value):
        found = re.compile(rf"(?<![^\W_])(?:{wording})(?![^\W_])", re.I).search(text, at) if wording else None
        if not found:
            return []
        spans.append(found.span())
        at = found.end()
    return spans


def find_in_answer(answer, start, texts, label, value):
    """Spans of an answer, from `start` on, that say a parsed value: in the first text that says it."""
    for text in texts if value is not None else ():
        places = re.finditer(rf"(?<!\w){re.escape(text)}(?!\w)", answer[start:])
        places = [start + place.start() for place in places]
        if places and (spans := find_value(text, label, value)):
            # behind a marker the first place, else the last
            at = places[0 if start else -1]
            return [(at + a, at + b) for a, b in spans]
    return []


def marked(answer, labels, checks, frame=WHOLE):
    """(pieces, found): the answer cut so that every second piece is a parsed value; per label if it is.

    Looked for in the texts that decide (lib/verifier/conclusion.py), where these stand in the answer word for
    word; else behind the last answer marker. `frame`: prompts.frame_of the record.
    """
    several = len(labels) > 1
    text = clean(split_thought(answer).answer)
    texts = final(text, several or labels[0]["kind"] == "sequence").texts
    start = max((marker.end() for marker in MARKER.finditer(answer)), default=0)
    spans, found = [], []
    for label, check, own in zip(labels, checks, parts_of(texts[-1], labels, {}) if several else [None]):
        value = check["parsed"]
        if label["kind"] == "box" and value and frame:
            value = [part * side for part, side in zip(value, 2 * frame)]
        here = find_in_answer(answer, start, [own] if own else [*texts, answer[start:]], label, value)
        spans += here
        found.append(bool(here))
    pieces, at = [], 0
    for a, b in sorted(spans):
        if a >= at:
            pieces += [answer[at:a], answer[a:b]]
            at = b
    return [*pieces, answer[at:]], found


def value_text(label, value):
    """A value of the label's kind as an answer would say it; of a range, both ends; of nothing, nothing."""
    ends = value if isinstance(value, list) and label["kind"] in ("number", "time") else [value]
    return " to ".join(label_text([{**label, "value": end}]) for end in ends if end is not None)


def label_row(label, check, found):
    """A label of an answer and what was read of it, as the page needs them."""
    return {
        "name": label["name"],
        "kind": label["kind"],
        "unit": label.get("unit") or "seconds",
        "value": label["value"],
        "text": value_text(label, label["value"]),
        "parsed": check["parsed"],
        "read": value_text(label, check["parsed"]),
        "found": found,
        "holds": check["holds"],
        "why": check["why"],
    }


def row_of(title, record):
    """An answer as the page needs it."""
    labels, answer = record["labels"], record.get("answer")
    pieces, found = [], [False] * len(labels)
    if isinstance(answer, str):
        pieces, found = marked(cut(answer), labels, record["checks"], frame_of(record))
    return {
        "cycle": title,
        **{key: record.get(key) for key in ("id", "origin", "sample", "verdict", "keep", "question", "why")},
        "kind": kinds_of(record),
        "reason": reason_of(record),
        "labels": [label_row(*parts) for parts in zip(labels, record["checks"], found)],
        "options": next((label["options"] for label in labels if label["kind"] == "choice"), []),
        "answer": pieces,
        "cut": len(answer or "") > len("".join(pieces)),
    }


def strip_of(clip):
    """Frames of a clip side by side as one JPEG data URI, with size and seconds, or why there are none."""
    try:
        frames, meta = read_frames(clip[0], FRAMES, *clip[1:])
    except VideoError as error:
        return {"problem": str(error)}
    height = min(HEIGHT, frames.shape[1])
    width = max(1, round(frames.shape[2] * height / frames.shape[1]))
    small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)[..., ::-1] for frame in frames]
    _, jpeg = cv2.imencode(".jpg", np.hstack(small), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return {
        "src": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(),
        "width": width,
        "height": height,
        "seconds": [round(i / meta["fps"], 2) for i in meta["frames_indices"]],
        "duration": round(meta["duration"], 3),
    }
