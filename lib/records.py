"""The record, the contract between all stages: one JSON object a line, checked, joined by id, never by
position.
"""

import json
import math
import os
from array import array

import numpy as np


class StageError(Exception):
    """Ends the stage with exit code 1 (or `code`); says path:line, what was found, expected, to do."""

    def __init__(self, message, code=1):
        super().__init__(message)
        self.code = code


def is_number(value):
    """Whether a value is a finite number, and no boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -math.inf < value < math.inf


def is_words(value):
    """Whether a value is a text that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def is_interval(value):
    """Whether a value is [start, end] with 0 <= start < end, or a list of at least one such pair."""
    if isinstance(value, list) and value and all(isinstance(pair, list) for pair in value):
        return all(pair and not isinstance(pair[0], list) and is_interval(pair) for pair in value)
    pair = isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
    return pair and 0 <= value[0] < value[1]


def is_box(value):
    """Whether a value is [x1, y1, x2, y2] as fractions of the frame, with an area."""
    if not (isinstance(value, list) and len(value) == 4 and all(map(is_number, value))):
        return False
    return 0 <= value[0] < value[2] <= 1 and 0 <= value[1] < value[3] <= 1


def is_sequence(value):
    """Whether a value is a list of at least one text."""
    return isinstance(value, list) and bool(value) and all(map(is_words, value))


# of every kind: the check of its value, and what that expects
KINDS = {
    "class": (is_words, "expected words"),
    "text": (is_words, "expected words"),
    "sequence": (is_sequence, "expected a list of words"),
    "interval": (is_interval, "expected [start, end] with 0 <= start < end, or a list of them"),
    "time": (is_number, "expected a number"),
    "box": (is_box, "expected [x1, y1, x2, y2] as fractions with 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1"),
    "number": (is_number, "expected a number"),
    "choice": (is_words, "expected a letter"),
    "boolean": (lambda value: isinstance(value, bool), "expected true or false"),
}


def choice_problem(label):
    """What is wrong with the options of a choice, or with its letter, or None."""
    options, value = label.get("options"), label["value"]
    if not (isinstance(options, list) and 2 <= len(options) <= 26):
        return f"label {label['name']!r}: a choice needs options, a list of 2 to 26 texts"
    if not (isinstance(value, str) and len(value) == 1 and 0 <= ord(value) - ord("A") < len(options)):
        last = chr(ord("A") + len(options) - 1)
        return f"label {label['name']!r}: value {value!r}, expected a letter from A to {last}"
    return None


def label_problem(label):
    """What is wrong with a label, or None."""
    if not isinstance(label, dict) or not {"name", "kind", "value"} <= label.keys():
        return f"label {label!r}: expected an object with name, kind and value"
    name, kind, value = label["name"], label["kind"], label["value"]
    if not is_words(name):
        return f"label {label!r}: name {name!r}, expected words"
    if not isinstance(kind, str) or kind not in KINDS:
        return f"label {name!r}: kind {kind!r}, expected one of {', '.join(KINDS)}"
    if kind == "choice":
        return choice_problem(label)
    if kind in ("interval", "time") and label.get("unit", "seconds") not in ("seconds", "fraction"):
        return f"label {name!r}: unit {label['unit']!r}, expected seconds or fraction"
    check, expected = KINDS[kind]
    if not check(value):
        return f"label {name!r}: value {value!r}, {expected}"
    if kind == "class" and "options" in label and value not in label["options"]:
        return f"label {name!r}: value {value!r} is not among its options"
    return None


def record_problem(record):
    """What is wrong with a record, or None."""
    if not isinstance(record, dict):
        return f"found {type(record).__name__}, expected an object"
    for key in ("id", "video", "question"):
        if not is_words(record.get(key)):
            return f"{key} is {record.get(key)!r}, expected words"
    if not (isinstance(record.get("labels"), list) and record["labels"]):
        return f"labels is {record.get('labels')!r}, expected a list of at least one label"
    start, end = record.get("start") or 0, record.get("end")
    end = math.inf if end is None else end
    if not (isinstance(start, (int, float)) and isinstance(end, (int, float)) and 0 <= start < end):
        given = f"start {record.get('start')!r} and end {record.get('end')!r}"
        return f"{given}, expected seconds with 0 <= start < end"
    problem = next(filter(None, map(label_problem, record["labels"])), None)
    names = [label["name"].lower() for label in record["labels"]] if problem is None else []
    # an answer says each label by its name, and a judge's replies are kept by it
    if len(set(names)) < len(names):
        return f"labels: names {names}, expected a different one for each label"
    return problem


def read_jsonl(path):
    """Yields (line number, object) of a JSONL file, as sized_lines."""
    return ((number, value) for number, value, _ in sized_lines(path))


def sized_lines(path):
    """Yields (line number, object, size of the line in bytes) of a JSONL file, split on \\n only.

    Raises StageError with path:line for anything that is not one object a line.
    """
    if not os.path.isfile(path):
        begun = os.path.exists(f"{path}.part")
        hint = f"; the stage that writes it is not finished ({path}.part exists)" if begun else ""
        raise StageError(f"{path}: no such file{hint}")
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            if not line.endswith(b"\n"):
                raise StageError(
                    f"{where}: the last line has no line end: the file is cut off; write it again"
                )
            try:
                value = json.loads(line)
            except (UnicodeDecodeError, json.JSONDecodeError) as error:
                raise StageError(f"{where}: not JSON ({error}); found {line[:60]!r}") from None
            yield number, value, len(line)


def line_of(record):
    """A record as its line of a JSONL file, in bytes."""
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def key_of(record):
    """What identifies a line among the answers: (id, origin, sample)."""
    return record["id"], record.get("origin", ""), record.get("sample", 0)


def placed_records(path, answers=False, limit=None):
    """Yields (place, size, record) of a JSONL file (of the first `limit` ids), checked: ids are unique. Place
    and size of the line in bytes are what must be kept to read the record again; of each a hash is held here.

    `answers`: a file of 02, 03 or 04, where an id may stand once per origin and sample. Raises StageError
    with path:line.
    """
    keys, ids, place = array("q"), set(), 0
    for number, record, size in sized_lines(path):
        problem = record_problem(record)
        if problem is None and answers and not {"answer", "error"} & record.keys():
            problem = "neither answer nor error: this is not a file of 02_generate.py or 03_rationalize.py"
        if problem:
            raise StageError(f"{path}:{number}: {problem}")
        if limit is not None:
            if record["id"] not in ids and len(ids) >= limit:
                break
            ids.add(record["id"])
        keys.append(hash(key_of(record) if answers else record["id"]))
        yield place, size, record
        place += size
    if not keys:
        raise StageError(f"{path}: no records")
    if len(np.unique(np.frombuffer(keys, np.int64))) < len(keys):
        raise duplicate(path, answers)


def duplicate(path, answers):
    """The StageError that names the first key that stands twice in a JSONL file, and both places."""
    lines = {}
    for number, record in read_jsonl(path):
        key = key_of(record) if answers else record["id"]
        if key in lines:
            first = f"first on line {lines[key]}; ids must be unique"
            return StageError(f"{path}:{number}: duplicate id {key!r}, {first}")
        lines[key] = number


def read_records(path, answers=False, limit=None):
    """The records of placed_records, as a list."""
    return [record for _, _, record in placed_records(path, answers, limit)]


def video_path(record, jsonl):
    """The record's video file: relative to the folder of its JSONL unless absolute."""
    return os.path.join(os.path.dirname(os.path.abspath(jsonl)), record["video"])


def rebase(record, source, target):
    """The record of a JSONL `source` as it stands in `target`: a video is named from its file's folder."""
    here, there = (os.path.dirname(os.path.abspath(path)) for path in (source, target))
    if here == there or os.path.isabs(record["video"]):
        return record
    return {**record, "video": os.path.relpath(os.path.join(here, record["video"]), there)}
