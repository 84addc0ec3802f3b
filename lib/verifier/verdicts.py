"""Verdicts: an answer judged by its labels, one record or many of them."""

import re
from itertools import islice

import numpy as np

from lib.prompts import frame_of, label_text
from lib.thoughts import said_in, split_thought
from lib.verifier.conclusion import Final, final
from lib.verifier.embedding import Embedder
from lib.verifier.layout import SURE, clean, stressed
from lib.verifier.parse import parsed
from lib.verifier.rejections import HINT, degenerate, leaks, leaks_in, repeats
from lib.verifier.rules import number_near, overlap, time_near
from lib.verifier.sequences import share_in_order
from lib.verifier.several import parts_of
from lib.verifier.texts import text_near
from lib.verifier.words import Query


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


# ---------------------------------------------------------------- one label


def check(label, conclusion, record, vocabulary, embed):
    """One label against what the answer finally says: {"holds", "score", "parsed", "why"} and whether nothing
    of its kind was found.
    """
    duration, question = record.get("duration"), record.get("question", "")
    found = parsed(conclusion, Query(label, duration, question, vocabulary, embed, frame_of(record)))
    if found.value is None:
        return result_of(False, 0.0, None, found.why), found.missing
    if label["kind"] == "text":
        by_judge = (record.get("judgements") or {}).get(label["name"])
        if by_judge is not None:
            return result_of(
                by_judge, float(by_judge), found.value, f"the judge says {'yes' if by_judge else 'no'}"
            ), False
        holds, score, why = text_near(found.value, label, question, embed)
        return result_of(holds, score, found.value, why), False
    holds, score, why = compared(found.value, label, duration)
    shown = list(found.value) if isinstance(found.value, tuple) else found.value
    why = f"said {written(shown)}, label {written(label['value'])}{why}"
    return result_of(holds, score, shown, why), False


def result_of(holds, score, value, why):
    """A check as it stands in the file; the score in [0, 1]."""
    return {"holds": bool(holds), "score": round(float(score), 4), "parsed": value, "why": why}


def compared(value, label, duration):
    """(holds, score, what the reason adds) of a value that is not a text."""
    kind, gold = label["kind"], label["value"]
    if kind in ("interval", "box"):
        holds, score = overlap(value, label)
        return holds, score, f" (IoU {score:.2f})"
    if kind == "time":
        return *time_near(value, label, duration), ""
    if kind == "number":
        return *number_near(value, label), ""
    if kind == "sequence":
        return value == gold, share_in_order(value, gold), ""
    return value == gold, float(value == gold), ""


def written(value):
    """A value as a reason shows it."""
    if isinstance(value, list):
        return "[" + ", ".join(written(v) for v in value) + "]"
    short = isinstance(value, float) and abs(value) < 1e4 and value != int(value)
    return f"{value:.4g}" if short else str(value)


# ---------------------------------------------------------------- one record

# Loads its model when a record first needs one
DEFAULT = Embedder()


def verify(record, vocabulary, embed=None):
    """{"checks": one per label, "verdict": correct | wrong | unparsed | unfinished | degenerate | leaked |
    error, "why"}; for any answer string.
    """
    return judge(record, vocabulary, embed or DEFAULT)


def judge(record, vocabulary, embed):
    """`verify`'s result, with the embedder given."""
    labels, answer = record["labels"], record.get("answer")
    if not isinstance(answer, str):
        return unheard(labels, "error", str(record.get("error") or "no answer"))
    open_thought = split_thought(answer).open
    thought, answer = said_in(record)
    # kept apart, a thought with nothing behind it is one that did not end
    open_thought = open_thought or bool(record.get("thought") and not answer.strip())
    if open_thought or record.get("truncated"):
        why = "the thought never ended" if open_thought else "the answer was cut off"
        return unheard(labels, "unfinished", why)
    text = clean(answer, [label["name"] for label in labels])
    if record.get("origin") == "rationalized":
        if why := leaks(text) or leaks_in(thought):
            return unheard(labels, "leaked", why)
    # an answer that makes a hint up is nothing to learn from
    elif (hint := HINT.search(text)) and (hint[1] or hint[2]).lower() not in record.get(
        "question", ""
    ).lower():
        return unheard(labels, "leaked", hint[0])
    if thought and (why := repeats(thought)):
        return unheard(labels, "degenerate", f"the thought {why}")
    why, exact = degenerate(answer, text, record.get("question", "")), word_for_word(answer, record)
    # a label may itself read like a refusal: "unknown"
    if why and not (exact and "over" not in why and "few" not in why):
        return unheard(labels, "degenerate", why)
    if exact:
        checks = [result_of(True, 1.0, label["value"], "said word for word") for label in labels]
        return {"checks": checks, "verdict": "correct", "why": "said word for word"}
    return summed_up(checks_of(text, record, vocabulary, embed))


# A line that begins "Answer:"
LAST_LINE = re.compile(r"^[^\w\n]*(?:answer|\u7b54\u6848|respuesta)[^\w:\uff1a\n]*[:\uff1a]", re.I | re.M)


def word_for_word(answer, record):
    """Whether an answer ends with "Answer:" and the labels of a record as the prompt's form has them."""
    labels, frame = record["labels"], frame_of(record)
    if frame is None and any(label["kind"] == "box" for label in labels):
        return False
    text = label_text(labels, frame)
    end, text = answer[-(len(text) + 200) :], plain(text)
    return any(plain(end[line.end() :]) == text for line in LAST_LINE.finditer(end))


def plain(text):
    """A text without the spaces, case, stars and final dots that say nothing."""
    return " ".join(text.lower().replace("*", " ").split()).strip(" .\u3002")


# A question of what did not happen yet: there "about to open" asserts, elsewhere it denies
FUTURE = re.compile(r"^(?!.*\bdid\b).*\b(?:will|next|going to|about to)\b", re.I | re.S)


# Kinds whose values are short enough to stand in bold
STRESSED = ("class", "number", "choice", "time", "interval", "boolean", "box")


def checks_of(text, record, vocabulary, embed):
    """[(check, whether nothing of its kind was found)] of the labels of a record, from a cleaned answer."""
    labels = record["labels"]
    several = len(labels) > 1
    if FUTURE.search(record.get("question", "")):
        text = text.replace("about to", "going to")
    asked = " ".join([record.get("question", ""), *(label["name"] for label in labels)]).lower()
    # how sure a model is says nothing, unless that is asked for
    text = SURE.sub(lambda m: m[0] if m[1].lower() in asked else "", text).strip()
    conclusion = final(text, several or labels[0]["kind"] == "sequence")
    if not several:
        # without an answer line the one value in bold is the answer
        bold = stressed(record["answer"]) if not conclusion.marked and labels[0]["kind"] in STRESSED else []
        said = [check(labels[0], Final((phrase,), True), record, vocabulary, embed) for phrase in bold]
        said = [result for result in said if not result[1]]
        return said if len(said) == 1 else [check(labels[0], conclusion, record, vocabulary, embed)]
    text, checks = conclusion.texts[-1], []
    for label, part in zip(labels, parts_of(text, labels, vocabulary, record.get("question", ""))):
        if part is None:
            missing = result_of(False, 0.0, None, f"nothing says {label['name']} by its own words")
            checks.append((missing, True))
        else:
            own = Final((part,), True)
            if label["kind"] == "boolean":  # "valid" is asked for by its name, else by the question
                named = check(label, own, {**record, "question": label["name"]}, vocabulary, embed)
                checks.append(check(label, own, record, vocabulary, embed) if named[1] else named)
            else:
                checks.append(check(label, own, record, vocabulary, embed))
    return checks


def summed_up(checks):
    """The result of a record from its checks."""
    failed = [(c, missing) for c, missing in checks if not c["holds"]]
    verdict = "correct" if not failed else "unparsed" if all(missing for _, missing in failed) else "wrong"
    shown = [c for c, _ in failed] or [c for c, _ in checks]
    return {"checks": [c for c, _ in checks], "verdict": verdict, "why": "; ".join(c["why"] for c in shown)}


def unheard(labels, verdict, why):
    """The result of an answer that is not looked at."""
    return {"checks": [result_of(False, 0.0, None, why) for _ in labels], "verdict": verdict, "why": why}


# ---------------------------------------------------------------- many records


class Notes:
    """An embedder that only notes which strings it is to embed, adapted or not; all its vectors are zero."""

    def __init__(self):
        self.strings = []

    def __call__(self, strings, adapted=False):
        self.strings.extend((string, adapted) for string in strings)
        return np.zeros((len(strings), 1), np.float32)


def attempt(record, vocabulary):
    """(result, texts): `verify`'s result where words decide, with no texts; else the strings to embed before
    it can be known.
    """
    notes = Notes()
    result = judge(record, vocabulary, notes)
    return (None, list(dict.fromkeys(notes.strings))) if notes.strings else (result, [])


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
        for adapted in (False, True):
            embed(text for _, strings in attempts for text, how in strings if how == adapted)
        for record, (result, _) in zip(chunk, attempts):
            yield result or verify(record, vocabulary, embed)
