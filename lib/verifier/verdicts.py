"""Verdicts: an answer judged by its labels, one record or many of them."""

from itertools import islice

import numpy as np

from lib.verifier.conclusion import Final, clean, final
from lib.verifier.embedding import Embedder
from lib.verifier.parse import Asked, parsed, share
from lib.verifier.rejections import degenerate, leaks
from lib.verifier.rules import iou, number_holds, overlap_holds, time_holds
from lib.verifier.texts import text_holds


def vocabularies(records):
    """Label name -> every value that class labels of this name take in `records` (an iterable), sorted; for
    labels without own options.
    """
    found = {}
    for record in records:
        for label in record["labels"]:
            if label["kind"] == "class":
                found.setdefault(label["name"], set()).add(label["value"])
    return {name: tuple(sorted(values)) for name, values in found.items()}


def check(label, conclusion, record, vocabulary, embed):
    """One label against what the answer finally says: {"holds", "parsed", "why"} and whether nothing of its
    kind was found.
    """
    kind, duration, question = label["kind"], record.get("duration"), record.get("question", "")
    asked = Asked(label, duration, question, vocabulary.get(label["name"], ()), embed)
    found = parsed(conclusion, asked)
    value, gold = found.value, label["value"]
    if value is None:
        return {"holds": False, "parsed": None, "why": found.why}, found.missing
    if kind == "text":
        holds, why = text_holds(value, label, question, embed)
        return {"holds": holds, "parsed": value, "why": why}, False
    why = ""
    if kind in ("interval", "box"):
        holds = overlap_holds(value, label)
        why = f" (IoU {iou(value, gold):.2f})"
    elif kind == "time":
        holds = time_holds(value, label, duration)
    elif kind == "number":
        holds = number_holds(value, label)
    else:
        holds = value == gold
    shown = list(value) if isinstance(value, tuple) else value
    why = f"said {written(shown)}, label {written(gold)}{why}"
    return {"holds": bool(holds), "parsed": shown, "why": why}, False


def written(value):
    """A value as a reason shows it."""
    if isinstance(value, list):
        return "[" + ", ".join(written(v) for v in value) + "]"
    short = isinstance(value, float) and abs(value) < 1e4 and value != int(value)
    return f"{value:.4g}" if short else str(value)


# Loads its model when a record first needs one
DEFAULT = Embedder()


def verify(record, vocabulary, embed=None):
    """{"checks": one per label, "verdict": correct | wrong | unparsed | degenerate | leaked | error, "why"};
    for any answer string.
    """
    return judge(record, vocabulary, embed or DEFAULT)


class Notes:
    """An embedder that only notes which strings it is to embed; all its vectors are zero."""

    def __init__(self):
        self.strings = []

    def __call__(self, strings):
        self.strings.extend(strings)
        return np.zeros((len(strings), 1), np.float32)


def attempt(record, vocabulary):
    """(result, texts): `verify`'s result where words decide, with no texts; else the strings to embed before
    it can be known.
    """
    notes = Notes()
    result = judge(record, vocabulary, notes)
    return (None, list(dict.fromkeys(notes.strings))) if notes.strings else (result, [])


def judge(record, vocabulary, embed):
    """`verify`'s result, with the embedder given."""
    labels, answer = record["labels"], record.get("answer")
    if not isinstance(answer, str):
        return unheard(labels, "error", str(record.get("error") or "no answer"))
    text = clean(answer)
    if why := degenerate(answer, text, record.get("question", "")):
        return unheard(labels, "degenerate", why)
    if record.get("origin") == "rationalized" and (why := leaks(text)):
        return unheard(labels, "leaked", why)
    checks, missing = [], []
    conclusion = final(text, len(labels) > 1 or labels[0]["kind"] == "sequence")
    parts = share(conclusion.texts[0], labels) if len(labels) > 1 else [None]
    for label, part in zip(labels, parts):
        own = Final((part,), conclusion.marked) if part else conclusion
        result, absent = check(label, own, record, vocabulary, embed)
        checks.append(result)
        missing.append(absent)
    failed = [c for c in checks if not c["holds"]]
    if not failed:
        return {"checks": checks, "verdict": "correct", "why": "; ".join(c["why"] for c in checks)}
    only_missing = all(m for c, m in zip(checks, missing) if not c["holds"])
    return {
        "checks": checks,
        "verdict": "unparsed" if only_missing else "wrong",
        "why": "; ".join(c["why"] for c in failed),
    }


def unheard(labels, verdict, why):
    """The result of an answer that is not looked at."""
    checks = [{"holds": False, "parsed": None, "why": why} for _ in labels]
    return {"checks": checks, "verdict": verdict, "why": why}


# Records in memory at once; their sentences are embedded in one batch
CHUNK = 512


def verify_all(records, embedder=None, vocabulary=None):
    """Yields `verify`'s result for each of `records` (a list, or an iterator with `vocabulary` given), in
    order. `embedder`: folder or hub id of a sentence embedder.
    """
    if vocabulary is None:
        vocabulary = vocabularies(records)
    records, embed = iter(records), Embedder(embedder)
    while chunk := list(islice(records, CHUNK)):
        attempts = [attempt(record, vocabulary) for record in chunk]
        texts = [text for _, wanted in attempts for text in wanted]
        if texts:
            embed(texts)
        for record, (result, _) in zip(chunk, attempts):
            yield result or verify(record, vocabulary, embed)
