"""What the readers share: annotation files item by item, times and boxes as they must be, and records."""

import json
import os
import re
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import get_args

from lib.datasets.questions import draw
from lib.labels import is_number
from lib.records import StageError
from lib.table import read_csv

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "test",
    "valid": "test",
    "validate": "test",
    "validation": "test",
    "dev": "test",
    "test": "test",
    "testing": "test",
}
UNLABELLED = "; a file published without labels (test) cannot be used"
MEND = "mend it, or download the file again"
ROUNDING = 0.01  # seconds; listed times are rounded, so an end this little after the video is no defect
BETWEEN = re.compile(r"[\s,\[\]]*")  # what stands between two objects of a JSON list, or of JSON lines
BLOCK = 1 << 16  # characters of a JSON file read at once
NUMBER = int | float
NAMES = {
    str: "a text",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    NoneType: "null",
}


def several(number, thing, things=None):
    """A number of things in words: "1 video", "2 videos"."""
    return f"{number} {thing if number == 1 else things or thing + 's'}"


# ---------------------------------------------------------------- files


def rows(path, *columns):
    """Yields ("path:line", row as a dict) of a CSV that must have `columns`, one at a time."""
    for where, row in read_csv(path, columns, advice=UNLABELLED):
        if isinstance(row, str):
            raise StageError(f"{where}: {row}; download it again")
        yield where, row


def items(path):
    """Yields ("path:line", object) of a JSON list of objects or of JSON lines, one at a time: some annotation
    files are larger than memory."""
    decoder, text, at, line, depth, size = json.JSONDecoder(), "", 0, 1, 0, BLOCK
    with open(path, encoding="utf-8-sig") as file:
        while True:
            start, at = at, BETWEEN.match(text, at).end()
            line += text.count("\n", start, at)
            depth += text.count("[", start, at) - text.count("]", start, at)
            try:
                item, end = decoder.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                more = block(file, size, f"{path}:{line}")
                if not more and (at < len(text) or depth):
                    raise StageError(
                        f"{path}:{line}: not JSON, or cut off ({getattr(error, 'msg', error)}); "
                        f"found {text[at : at + 60]!r}; download it again"
                    ) from None
                if not more:
                    return
                # twice as much each time: an object is parsed again from its start
                text, at, size = text[at:] + more, 0, 2 * size
                continue
            if not isinstance(item, dict):
                raise StageError(
                    f"{path}:{line}: found {item!r:.60}, expected a list of objects, or one object a line"
                )
            yield f"{path}:{line}", item
            line += text.count("\n", at, end)
            at, size = end, BLOCK


def block(file, size, where):
    """The next `size` characters of a text file."""
    try:
        return file.read(size)
    except UnicodeDecodeError as error:
        raise StageError(f"{where}: not UTF-8 ({error})") from None


def load(path, kind=dict):
    """A whole JSON file, which must hold a `kind`."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        where, problem = f"{path}:{getattr(error, 'lineno', 1)}", getattr(error, "msg", error)
        raise StageError(
            f"{where}: not JSON, or cut off ({problem}); expected another file, or download it again"
        ) from None
    if not isinstance(value, kind):
        raise StageError(
            f"{path}: found a {type(value).__name__}, expected another file: a {kind.__name__} at the top"
        )
    return value


def need(where, item, /, **types):
    """The values of the keys of `types` in an annotation, each of its type, which typed() knows: one with
    `| None` may be null or left out.

    Raises StageError for an annotation that is not so.
    """
    if not isinstance(item, dict):
        raise StageError(f"{where}: found {item!r:.60}, expected an object with {', '.join(types)}; {MEND}")
    optional = {key for key, kind in types.items() if NoneType in get_args(kind)}
    missing = [key for key in types if key not in item and key not in optional]
    if missing:
        raise StageError(
            f"{where}: {', '.join(missing)} not among {', '.join(map(str, item)) or 'no keys'}{UNLABELLED}"
        )
    return [typed(where, key, item.get(key), kind) for key, kind in types.items()]


def typed(where, name, value, kind, length=None):
    """A value of an annotation. Raises StageError where it is not of its type `kind` (object: any), a number
    that is not finite, or a list of another `length`.
    """
    fits = isinstance(value, kind)
    if fits and kind is not object and isinstance(value, NUMBER):
        fits = is_number(value)
    if not fits or length and len(value) != length:
        names = dict.fromkeys(NAMES.get(one, one.__name__) for one in get_args(kind) or [kind])
        expected = " or ".join(names) + (f" of {length}" if length else "")
        raise StageError(f"{where}: {name} is {value!r:.60}, expected {expected}; {MEND}")
    return value


def beside(path, *names):
    """The first of `names` that lies beside an annotation file (or in the folder), or None."""
    folder = Path(path) if os.path.isdir(path) else Path(path).parent
    return next((folder / name for name in names if (folder / name).is_file()), None)


def split_of(path):
    """{"split": "train" or "test"} where a file name says so (charades_sta_test.txt, val_1.json), else {}."""
    words = re.split(r"[^a-z]+", Path(path).stem.lower())
    return next(({"split": SPLITS[word]} for word in words if word in SPLITS), {})


# ---------------------------------------------------------------- times, boxes, records


def number(value):
    """A finite float, or None."""
    try:
        value = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if isfinite(value) else None


def span(start, end, duration=None):
    """([start, end] or None, note) of an annotated interval in seconds, within a video of `duration`."""
    start, end = number(start), number(end)
    if start is None or end is None:
        return None, "dropped: time not a number"
    if end <= start:
        return None, "dropped: end <= start"
    if start < -ROUNDING or duration is not None and start >= duration:
        return None, "dropped: starts outside the video"
    if duration is not None and end > duration + ROUNDING:
        return [max(start, 0.0), duration], "clamped: interval ends after the video"
    return [max(start, 0.0), end], None


def corners(box, width, height):
    """([x1, y1, x2, y2] as fractions or None, note) of a box [x, y, width, height] in pixels."""
    if not (width > 0 and height > 0):
        return None, "dropped: frame without a size"
    x, y, w, h = box
    exact = [x / width, y / height, (x + w) / width, (y + h) / height]
    value = [min(max(v, 0.0), 1.0) for v in exact]
    if value[0] >= value[2] or value[1] >= value[3]:
        return None, "dropped: box without area"
    return value, None if value == exact else "clamped: box beyond the frame"


def record(id, video, question, name, kind, value, options=None, **more):
    """A record of one label."""
    label = {"name": name, "kind": kind, "value": value}
    if options:
        label["options"] = options
    return {"id": id, "video": video, "question": question, "labels": [label], **more}


def whole(*stems):
    """Candidates that are the clip as they are."""
    return [(stem, None, None) for stem in dict.fromkeys(stems)]


def chosen(things, *parts):
    """One of `things`, by a hash of `parts`."""
    return things[int(draw(*parts) * len(things))]
