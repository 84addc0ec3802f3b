"""Data of one's own: a class per folder, a CSV, or records as they are."""

import json
import os
import unicodedata
from collections import Counter
from pathlib import Path

from lib.datasets.common import SPLITS, several
from lib.datasets.videos import ENDINGS, files_below
from lib.labels import KINDS, is_number, is_words
from lib.records import StageError, read_jsonl
from lib.table import read_csv

CLASS_QUESTION = "What is happening in the video?"
NEEDED = ("video", "label")  # columns of a CSV
OPTIONAL = ("id", "question", "kind", "options", "start", "end", "split", "source_video")


def videos_of(root):
    """The paths of the videos below a folder, in order."""
    return videos_and_others(root)[0]


def videos_and_others(root):
    """(the paths of the videos below a folder, in order; those of its other files)."""
    if not os.path.isdir(root):
        raise StageError(f"{root}: expected a folder of videos")
    files = list(files_below(root))
    videos = [path for path in files if ending_of(path) in ENDINGS and os.path.isfile(path)]
    if not videos:
        raise StageError(
            f"{Path(root)}: no video among {len(files)} files; expected endings {' '.join(sorted(ENDINGS))}"
        )
    return sorted(videos, key=Path), sorted(set(files).difference(videos))


def ending_of(path):
    """The ending of a file's name, in small letters."""
    return os.path.splitext(path)[1].lower() or "no ending"


def are_splits(places):
    """Whether the folders at the top are those of a split (train, val, test), where videos lie at these
    `places` (relative paths) and classes may lie one folder deeper."""
    tops = {place.parts[0].lower() for place in places if len(place.parts) > 1}
    return bool(tops) and tops <= SPLITS.keys()


def folder(root, question=None):
    """Yields (where, record or problem): a class per sub-folder, or for videos that lie directly in `root`
    one label per file name. Where all folders at the top are named as splits, each is read as a `root`.

    In a file name the label is what follows the last "__" ("asl__thanks.mkv": thanks), without a trailing
    number ("wave_03.mp4": wave).
    """
    videos = videos_of(root)
    places = [Path(path).relative_to(root) for path in videos]
    splits = are_splits(places)
    for path, place in zip(videos, places):
        split = {}
        parts = place.parts
        if splits and len(parts) > 1:
            split, parts = {"split": SPLITS[parts[0].lower()]}, parts[1:]
        name = parts[0]
        if len(parts) == 1:
            name = place.stem.split("__")[-1].rstrip("0123456789").rstrip("_- ") or place.stem
        # of one name file systems have several spellings, composed and not
        name = unicodedata.normalize("NFC", name.replace("_", " ").strip())
        label = {"name": "class", "kind": "class", "value": name}
        yield (
            path,
            {
                "id": str(place.with_suffix("")),
                "video": path,
                "question": question or CLASS_QUESTION,
                "labels": [label],
                **split,
            },
        )


def path_problem(video):
    """What is wrong with the path that a record gives its video, or None."""
    if "://" in video:
        return f"video {video!r:.200} is a URL; download it first, and name the file"
    return f"video {video!r:.200}: ~ is not read here; write the path whole" if video[:2] == "~/" else None


def understood(root):
    """One line on how folder() reads a folder: "val is the test split; 3 classes, a folder each"."""
    videos, others = videos_and_others(root)
    places = [Path(path).relative_to(root) for path in videos]
    tops = Counter(place.parts[0] for place in places if len(place.parts) > 1)
    found, depth = [], 1
    if are_splits(places):
        found, depth = [f"{top} is the {SPLITS[top.lower()]} split" for top in sorted(tops)], 2
    elif names := sorted(top for top in tops if top.lower() in SPLITS):
        others = f"as {len(tops) - len(names)} other folders stand beside"
        found = [f"{', '.join(names)}: classes, not splits, {others}"]
    classes = {place.parts[depth - 1] for place in places if len(place.parts) > depth}
    if classes:
        found.append(f"{several(len(classes), 'class', 'classes')}, a folder each")
    if bare := sum(len(place.parts) <= depth for place in places):
        found.append(f"{several(bare, 'video')} with the label in the file name")
    if others:
        endings = Counter(map(ending_of, others)).most_common()
        named = ", ".join(f"{n} {ending}" for ending, n in endings[:8]) + ", ..." * (len(endings) > 8)
        found.append(f"{several(len(others), 'file')} left out: {named}")
    return f"{root}: {'; '.join(found)}"


def table(path, question=None):
    """Yields (where, record or problem) of a CSV with the columns NEEDED and perhaps some of OPTIONAL (kind:
    class where it is not given)."""
    for where, row in read_csv(path, NEEDED, OPTIONAL, lenient=True):
        yield where, row if isinstance(row, str) else row_record(row, where.rpartition(":")[2], question)


def unread(path):
    """A line on the columns of a CSV that table() does not read, or None."""
    rows = (row for _, row in read_csv(path, NEEDED, OPTIONAL, lenient=True) if isinstance(row, dict))
    names = [name for name in next(rows, {}) if name and name not in NEEDED + OPTIONAL]
    known = ", ".join(NEEDED + OPTIONAL)
    return f"{path}: columns not used: {', '.join(names)}; known are {known}" if names else None


def row_record(row, line, question):
    """The record of a row, or what is wrong with it."""
    row = {key: value.strip() for key, value in row.items()}
    kind, value = row.get("kind") or "class", row["label"]
    if kind not in KINDS:
        return f"kind {kind!r:.60}, expected one of {', '.join(KINDS)}"
    if kind not in ("class", "text", "choice"):
        try:
            value = json.loads(value.lower() if kind == "boolean" else value)
        except (ValueError, RecursionError):
            return (
                f"label {row['label']!r} of kind {kind}: "
                'expected JSON, e.g. 3.5, [1, 4.2], true or ["first", "then"]'
            )
    question = row.get("question") or question or (CLASS_QUESTION if kind == "class" else None)
    if not question:
        return f"no question for a label of kind {kind}: give the column question, or --question for all"
    label = {"name": kind, "kind": kind, "value": value}
    if row.get("options"):
        try:
            label["options"] = json.loads(row["options"])
        except (ValueError, RecursionError):
            return f'options {row["options"]!r:.120}: expected a JSON list of texts, e.g. ["a dog", "a cat"]'
    record = {
        "id": row.get("id") or f"{os.path.splitext(row['video'])[0]}#{line}",
        "video": row["video"],
        "question": question,
        "labels": [label],
    }
    try:
        record |= {key: float(row[key]) for key in ("start", "end") if row.get(key)}
    except ValueError:
        return f"start {row.get('start')!r}, end {row.get('end')!r}: expected seconds"
    record |= {key: row[key] for key in ("split", "source_video") if row.get(key)}
    return record


def lines(path):
    """Yields (where, record or problem) of a JSONL file of records; optional are `split` ("train" or "test")
    and `source_video`, the name of the video that a clip was cut from."""
    number = 0
    for number, record in read_jsonl(path, foreign=True, lenient=True):
        source = record.get("source_video") if isinstance(record, dict) else None
        if isinstance(record, StageError):
            yield f"{path}:{number}", str(record)
        elif isinstance(record, str):  # which would pass for a problem
            yield f"{path}:{number}", f"found the text {record!r:.60}, expected an object"
        elif isinstance(record, list):
            yield f"{path}:{number}", "found a list, expected one object a line: jq -c '.[]' IN > OUT"
        elif source in (None, "") or is_words(source) or is_number(source):
            yield f"{path}:{number}", record
        else:
            problem = f"source_video is {source!r:.60}, expected the name of the video it was cut from"
            yield f"{path}:{number}", problem
    if not number:
        raise StageError(f"{path}: no records")
