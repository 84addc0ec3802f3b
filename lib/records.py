"""The record, the contract between all stages: one JSON object a line, checked, joined by id and never by position."""
import json
import os


class StageError(Exception):
    """Ends the stage with exit code 1 (or `code`); the message says path:line, what was found, what was expected, what to do."""

    def __init__(self, message, code=1):
        super().__init__(message)
        self.code = code


KINDS = ("class", "text", "sequence", "interval", "time", "box", "number", "choice", "boolean")


def _numbers(value, count):
    return isinstance(value, list) and len(value) == count and all(isinstance(v, (int, float)) and not isinstance(v, bool) and v == v and abs(v) != float("inf") for v in value)


def label_problem(label):
    """What is wrong with a label, or None."""
    if not isinstance(label, dict) or not {"name", "kind", "value"} <= label.keys():
        return f"label {label!r}: expected an object with name, kind and value"
    kind, value, where = label["kind"], label["value"], f"label {label['name']!r}: value {label['value']!r}"
    if kind not in KINDS:
        return f"label {label['name']!r}: kind {kind!r}, expected one of {', '.join(KINDS)}"
    if kind in ("class", "text") and not (isinstance(value, str) and value.strip()):
        return f"{where}, expected words"
    if kind == "class" and "options" in label and value not in label["options"]:
        return f"{where} is not among its options"
    if kind == "sequence" and not (isinstance(value, list) and value and all(isinstance(v, str) and v.strip() for v in value)):
        return f"{where}, expected a list of words"
    if kind in ("interval", "time") and label.get("unit", "seconds") not in ("seconds", "fraction"):
        return f"label {label['name']!r}: unit {label['unit']!r}, expected seconds or fraction"
    if kind == "interval" and not (_numbers(value, 2) and 0 <= value[0] < value[1]):
        return f"{where}, expected [start, end] with 0 <= start < end"
    if kind in ("time", "number") and not _numbers([value], 1):
        return f"{where}, expected a number"
    if kind == "box" and not (_numbers(value, 4) and 0 <= value[0] < value[2] <= 1 and 0 <= value[1] < value[3] <= 1):
        return f"{where}, expected [x1, y1, x2, y2] as fractions with 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1"
    if kind == "boolean" and not isinstance(value, bool):
        return f"{where}, expected true or false"
    if kind == "choice":
        options = label.get("options")
        if not (isinstance(options, list) and 2 <= len(options) <= 26):
            return f"label {label['name']!r}: a choice needs options, a list of 2 to 26 texts"
        if not (isinstance(value, str) and len(value) == 1 and 0 <= ord(value) - ord("A") < len(options)):
            return f"{where}, expected a letter from A to {chr(ord('A') + len(options) - 1)}"
    return None


def record_problem(record):
    """What is wrong with a record, or None: the contract of DESIGN section 3."""
    if not isinstance(record, dict):
        return f"found {type(record).__name__}, expected an object"
    for key in ("id", "video", "question"):
        if not (isinstance(record.get(key), str) and record[key].strip()):
            return f"{key} is {record.get(key)!r}, expected words"
    if not (isinstance(record.get("labels"), list) and record["labels"]):
        return f"labels is {record.get('labels')!r}, expected a list of at least one label"
    times = [record.get("start") or 0, record["end"] if record.get("end") is not None else float("inf")]
    if not all(isinstance(t, (int, float)) for t in times) or not 0 <= times[0] < times[1]:
        return f"start {record.get('start')!r} and end {record.get('end')!r}, expected seconds with 0 <= start < end"
    return next(filter(None, map(label_problem, record["labels"])), None)


def read_jsonl(path):
    """Yields (line number, object) of a JSONL file, split on \\n only. Raises StageError with path:line for anything that is not one object a line."""
    if not os.path.isfile(path):
        raise StageError(f"{path}: no such file" + (f"; the stage that writes it is not finished ({path}.part exists)" if os.path.exists(f"{path}.part") else ""))
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                raise StageError(f"{path}:{number}: the last line has no line end: the file is cut off; write it again")
            try:
                value = json.loads(line)
            except (UnicodeDecodeError, json.JSONDecodeError) as error:
                raise StageError(f"{path}:{number}: not JSON ({error}); found {line[:60]!r}") from None
            yield number, value


def line_of(record):
    """A record as its line of a JSONL file, in bytes."""
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def key_of(record):
    """What identifies a line among the answers: (id, origin, sample)."""
    return record["id"], record.get("origin", ""), record.get("sample", 0)


def read_records(path, answers=False, limit=None):
    """All records of a JSONL file, checked; `answers`: lines of 02 and 03, where an id may stand once per origin and sample."""
    records, seen, ids = [], {}, set()
    for number, record in read_jsonl(path):
        problem = record_problem(record)
        if problem is None and answers and "answer" not in record and "error" not in record:
            problem = "neither answer nor error: this is not a file of 02_generate.py or 03_rationalize.py"
        if problem:
            raise StageError(f"{path}:{number}: {problem}")
        key = key_of(record) if answers else record["id"]
        if key in seen:
            raise StageError(f"{path}:{number}: duplicate id {key!r}, first on line {seen[key]}; ids must be unique")
        seen[key] = number
        if limit is not None and record["id"] not in ids and len(ids) >= limit:
            break
        ids.add(record["id"])
        records.append(record)
    if not records:
        raise StageError(f"{path}: no records")
    return records


def video_path(record, jsonl):
    """The record's video file: relative to the folder of its JSONL unless absolute."""
    return os.path.join(os.path.dirname(os.path.abspath(jsonl)), record["video"])


def rebase(record, source, target):
    """The record as it must stand in `target`: a relative video path is from the folder of the JSONL that holds it."""
    here, there = (os.path.dirname(os.path.abspath(p)) for p in (source, target))
    if here == there or os.path.isabs(record["video"]):
        return record
    return {**record, "video": os.path.relpath(os.path.join(here, record["video"]), there)}
