"""Predictions in the formats in which they are published, joined to the items: by id, else by place and text.

What does not fit is a StageError that names file and key: unknown, duplicate and differing questions. A
missing prediction is counted.
"""

import re
from collections import Counter, defaultdict
from typing import NamedTuple

from lib.benchmarks.common import plain, shown, stem
from lib.labels import is_number
from lib.records import StageError
from lib.table import read_rows


class Reply(NamedTuple):
    """What a predictions file holds for an item: the text, index, number or windows, or why there is none.

    `judgement`: an official judge's words on it, where the file keeps them.
    """

    value: object
    state: str  # answered, missing (no line), null, empty, failed (an error instead of an answer)
    judgement: str | None = None
    where: str = ""  # the place in the file
    about: dict = {}  # what our own format says of an answer: that it was cut off, its thought


ABOUT = {"truncated": bool, "thought": str}
STATES = "answered", "missing", "null", "empty", "failed"
# in this order: TempCompass takes "response" where "prediction" is not there
REPLY_KEYS = ("prediction", "response", "pred", "pred_relevant_windows", "text", "video-llm-prediction")


IDS, VIDEOS = ("id", "question_id", "qid"), ("video", "video_name")
EXPECTED = f"expected {', '.join(IDS)} or video, and one of {', '.join(REPLY_KEYS)}, or id and answer"


def gold_apart(row):
    """A row of a benchmark's own format, its "answer" as "gt-answer", for it is the gold one and no reply."""
    return {"gt-answer" if key == "answer" else key: value for key, value in row.items()}


def common_rows(path):
    """(where, None, row) of JSONL, CSV, a list of objects, {id: prediction} or {id: {"prediction", ...}}.

    In place of None a benchmark's own `prediction_rows` may give the "place" of the item.
    """
    for where, row in read_rows(path, (*IDS, *VIDEOS, *REPLY_KEYS, "answer", "question", "prompt")):
        if isinstance(row, tuple):
            id, value = row
            row = {"id": id, **(gold_apart(value) if isinstance(value, dict) else {"prediction": value})}
        if not isinstance(row, dict):
            raise StageError(f"{where}: found {shown(row)}, expected an object")
        yield where, None, row


def reply_key(row):
    """The key of a row that holds its reply, or None."""
    key = next((k for k in REPLY_KEYS if k in row), None)
    # our own format; beside a question alone it might be the gold answer
    return "answer" if key is None and "answer" in row and ("origin" in row or "question" not in row) else key


def reply_of(where, row):
    """The Reply of a row. Raises StageError for a type that no reply has."""
    key = reply_key(row)
    if key is None:
        return Reply(None, "failed" if "error" in row else "missing", where=where)
    value, judgement = row[key], row.get("chatgpt-response", row.get("chatgpt-answer"))
    if not isinstance(judgement, (str, type(None))):
        raise StageError(f"{where}: the judge's reply is {judgement!r:.120}, expected a text or null")
    if value is None:
        return Reply(value, "null", judgement, where)
    if not (isinstance(value, str) or is_number(value) or are_times(value)):
        raise StageError(
            f"{where}: {key} is {value!r:.120}, "
            "expected a text, a number, [start, end], a list of such, or null"
        )
    nothing = value == [] or isinstance(value, str) and not value.replace("</s>", "").strip()
    about = {key: row[key] for key, kind in ABOUT.items() if isinstance(row.get(key), kind)}
    return Reply(value, "empty" if nothing else "answered", judgement, where, about)


def are_times(value):
    """Whether a value is a list of numbers, or of lists of two or more (a window, and its score)."""
    if not isinstance(value, list):
        return False
    windows = value and all(isinstance(window, list) and len(window) > 1 for window in value)
    return all(map(is_number, (number for window in value for number in window) if windows else value))


# ---------------------------------------------------------------- the join

APPENDED = re.compile(r" (?:please|best option|answer|only give|select|respond|give)\b.{0,100}", re.I)


def asks(text, question):
    """Whether a predictions file's question is this one, as it is or with a prompt appended."""
    if text == question:
        return True
    return text.startswith(question) and APPENDED.fullmatch(text[len(question) :]) is not None


def question_text(row):
    return plain(row.get("question", row.get("prompt", "")))


def find_by_id(where, row, id, by_id):
    """The item with this id. Raises StageError for one that is not there, or whose question differs."""
    item = by_id.get(str(id))
    if item is None:
        raise StageError(
            f"{where}: id {id!r} is not among the questions; are these predictions of another file?"
        )
    text = question_text(row)
    if "question" in row and not any(asks(text, question) for question in item["texts"]):
        raise StageError(
            f"{where}: question differs for id {id!r}: found {text!r}, expected {plain(item['question'])!r}"
        )
    return item


def find_by_text(where, row, place, by_text, used):
    """The item of a place with the row's question, of equal ones the next whose id is not in `used`."""
    name = "/".join(map(str, place))
    if place not in by_text:
        raise StageError(
            f"{where}: {name!r} is not among the questions; are these predictions of another file?"
        )
    text, questions = question_text(row), by_text[place]
    found = questions.get(text) or next((items for q, items in questions.items() if asks(text, q)), None)
    # TempCompass's evaluated captions have no question: all of one place have the same gold
    if found is None and "question" not in row and "chatgpt-answer" in row:
        found = list({item["id"]: item for items in questions.values() for item in items}.values())
    if found is None:
        raise StageError(
            f"{where}: question differs: {text!r} is none of the questions on {name!r}; "
            "use the question file these predictions were made with"
        )
    return next((item for item in found if item["id"] not in used), found[-1])


def place_of(where, row):
    """By what a row without an id is found: its video. Raises StageError where it names none."""
    video = next((row[k] for k in VIDEOS if k in row), None)
    if video is None:
        commas = "; columns of a CSV have commas between" if len(row) == 1 else ""
        raise StageError(f"{where}: found {', '.join(map(str, row))}, {EXPECTED}{commas}")
    return (stem(video),)


def join_replies(path, items, rows):
    """({id: Reply} for all items, without a row "missing"; where the file states another gold answer).

    The gold answers of the questions alone decide. Raises StageError for an unknown, duplicate or differing
    question.
    """
    by_id, by_text = {item["id"]: item for item in items}, defaultdict(lambda: defaultdict(list))
    for item in items:
        for text in item["texts"]:
            by_text[item["place"]][text].append(item)
    replies, conflicts = {}, []
    for where, place, row in rows:
        ids = [] if place else [row[k] for k in IDS if row.get(k) is not None]
        if ids:
            item = find_by_id(where, row, ids[0], by_id)
        else:
            place = place or place_of(where, row)
            item = find_by_text(where, row, place, by_text, replies)
        if item["id"] in replies:
            raise StageError(f"{where}: second answer to {item['id']!r}; one answer per question")
        replies[item["id"]] = reply_of(where, row)
        gold = row.get("gt-answer", row.get("answer") if any(k in row for k in REPLY_KEYS) else None)
        if gold is not None and item["stated"] and plain(gold) not in item["stated"]:
            conflicts.append(where)
    if not replies:
        raise StageError(f"{path}: no predictions in it")
    if all(reply.state == "missing" for reply in replies.values()):
        beside = "; an answer beside a question may be the right one: " if "answer" in row else ""
        rename = "rename it prediction, or leave question out" if beside else ""
        raise StageError(f"{where}: no row holds a reply: found {', '.join(row)}, {EXPECTED}{beside}{rename}")
    return {item["id"]: replies.get(item["id"], Reply(None, "missing")) for item in items}, conflicts


def states(items, replies):
    """How many items were answered, and how many not for which reason."""
    found = Counter(replies[item["id"]].state for item in items)
    return {state: found[state] for state in STATES}
