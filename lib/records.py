"""Records, the contract between all stages: one JSON object a line, checked (labels.py), joined by id, never
by position.
"""

import json
import os
from array import array
from codecs import BOM_UTF8 as BOM
from codecs import BOM_UTF16_BE, BOM_UTF16_LE

import numpy as np

from lib.labels import answer_problem, record_problem


class StageError(Exception):
    """Ends the stage with exit code 1 (or `code`); says path:line, what was found, expected, to do."""

    def __init__(self, message, code=1):
        super().__init__(message)
        self.code = code


def not_json(error):
    """What is wrong with a text that json did not read, by its error."""
    return str(error) if str(error).startswith(TWICE) else f"not JSON ({error})"


TWICE = "duplicate key"


def with_unique_keys(pairs):
    """A JSON object from its (key, value) pairs. Raises ValueError where a key stands twice: json alone would
    keep the last one silently.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{TWICE} {twice!r} in one object, expected each once; remove one of them")
    return found


def read_jsonl(path, foreign=False, lenient=False):
    """Yields (line number, object) of a JSONL file, as jsonl_lines."""
    return ((number, value) for number, value, _ in jsonl_lines(path, foreign, lenient))


def jsonl_lines(path, foreign=False, lenient=False):
    """Yields (line number, object, line) of a JSONL file, split on \\n only.

    `foreign`: no stage of ours wrote it; then blank lines, and a last line without its end, are no sign of a
    torn file. Raises StageError with path:line for a line that is not JSON; `lenient`: such a line has the
    StageError in place of its object, unless the file as a whole is something else.
    """
    if os.path.isdir(path):
        raise StageError(f"{path}: a folder, expected a file of one JSON object a line")
    if not os.path.isfile(path):
        begun = os.path.exists(f"{path}.part")
        hint = f"; the stage that writes it is not finished ({path}.part exists)" if begun else ""
        raise StageError(f"{path}: no such file{hint}")
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            if foreign and not line.removeprefix(BOM).strip():
                continue
            if not line.endswith(b"\n") and not foreign:
                cut = "the last line has no line end: the file is cut off"
                raise StageError(f"{where}: {cut}; remove it and write it again")
            try:
                text = line.decode("utf-8-sig") if foreign else line.decode("utf-8", "surrogatepass")
                value = json.loads(text, object_pairs_hook=with_unique_keys if foreign else None)
            # a number of thousands of digits, lists in thousands of lists
            except (ValueError, RecursionError) as error:
                advice = "; save the file as UTF-8" if isinstance(error, UnicodeDecodeError) else ""
                value = StageError(f"{where}: {not_json(error)}; found {line[:60]!r}{advice}")
                if number == 1 and (other := other_form(path, line, error)):
                    value, lenient = StageError(f"{where}: {other}"), False
                if not lenient:
                    raise value from None
            yield number, value, line


def other_form(path, line, error):
    """What a file is instead of JSON lines, and what to do, or None: by its first line and the error that
    reading it gave."""
    if line.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return "UTF-16, expected UTF-8: iconv -f UTF-16 -t UTF-8 IN > OUT"
    # a value that the line does not end
    if not (isinstance(error, json.JSONDecodeError) and error.pos >= len(error.doc.rstrip())):
        return None
    try:
        with open(path, encoding="utf-8-sig") as file:
            value, _ = json.JSONDecoder().raw_decode(file.read())
    except (ValueError, RecursionError):
        return None
    each = ".[]" if isinstance(value, list) else "."
    return f"JSON over several lines, expected one object a line: jq -c '{each}' IN > OUT"


def line_of(record):
    """A record as its line of a JSONL file, in bytes."""
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def key_of(record):
    """What identifies a line among the answers: (id, origin, sample)."""
    return record["id"], record.get("origin", ""), record.get("sample", 0)


def placed_records(path, answers=False, limit=None, unlabelled=False):
    """Yields (place, size, record) of a JSONL file (of the first `limit` ids), checked: ids are unique. Place
    and size of the line in bytes are what must be kept to read the record again; of each a hash is held here.

    `answers`: a file of 02, 03 or 04, where an id may stand once per origin and sample; `unlabelled`: as
    record_problem(). Raises StageError with path:line.
    """
    keys, ids, place = array("q"), set(), 0
    problem_of = answer_problem if answers else record_problem
    for number, record, line in jsonl_lines(path):
        # half characters, and numbers that are none, are written so
        plain = not (b"\\u" in line or b"\xed" in line or b"NaN" in line or b"Infinity" in line)
        if problem := problem_of(record, plain, unlabelled):
            raise StageError(f"{path}:{number}: {problem}")
        if limit is not None:
            if record["id"] not in ids and len(ids) >= limit:
                break
            ids.add(record["id"])
        keys.append(hash(key_of(record) if answers else record["id"]))
        yield place, len(line), record
        place += len(line)
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


def read_records(path, answers=False, limit=None, unlabelled=False):
    """The records of placed_records, as a list."""
    return [record for _, _, record in placed_records(path, answers, limit, unlabelled)]


def video_path(record, jsonl):
    """The record's video file: relative to the folder of its JSONL unless absolute."""
    return os.path.join(os.path.dirname(os.path.abspath(jsonl)), record["video"])


def rebase(record, source, target):
    """The record of a JSONL `source` as it stands in `target`: a video is named from its file's folder."""
    here, there = (os.path.dirname(os.path.abspath(path)) for path in (source, target))
    if here == there or os.path.isabs(record["video"]):
        return record
    return {**record, "video": os.path.relpath(os.path.join(here, record["video"]), there)}
