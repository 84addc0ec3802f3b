"""Data of one's own: a class per folder, a CSV, or records as they are."""

import csv
import json
from pathlib import Path

from lib.datasets.videos import ENDINGS
from lib.records import StageError, is_number, is_words, read_jsonl

CLASS_QUESTION = "What is happening in the video?"


def folder(root, question=None):
    """Yields (where, record): a class per sub-folder, or for videos that lie directly in `root` one label per
    file name.

    In a file name the label is what follows the last "__" ("asl__thanks.mkv": thanks), without a trailing
    number ("wave_03.mp4": wave).
    """
    files = sorted(p for p in Path(root).rglob("*") if p.is_file() and not p.name.startswith("."))
    videos = [p for p in files if p.suffix.lower() in ENDINGS]
    if not videos:
        raise StageError(
            f"{Path(root)}: no video among {len(files)} files; expected endings {' '.join(sorted(ENDINGS))}"
        )
    for path in videos:
        inside = path.relative_to(root)
        if len(inside.parts) > 1:
            name = inside.parts[0]
        else:
            name = path.stem.split("__")[-1].rstrip("0123456789").rstrip("_- ") or path.stem
        label = {"name": "class", "kind": "class", "value": name.replace("_", " ").strip()}
        yield (
            str(path),
            {
                "id": str(inside.with_suffix("")),
                "video": str(path),
                "question": question or CLASS_QUESTION,
                "labels": [label],
            },
        )


def table(path, question=None):
    """Yields (where, record or problem) of a CSV with columns video and label; optional id, question, start,
    end, split, source_video, kind (default class)."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not reader.fieldnames or not {"video", "label"} <= set(reader.fieldnames):
            raise StageError(f"{path}:1: columns {reader.fieldnames}, expected at least video,label")
        for row in reader:
            yield f"{path}:{reader.line_num}", row_record(row, reader.line_num, question)


def row_record(row, line, question):
    """The record of a row, or what is wrong with it."""
    row = {key: (value or "").strip() for key, value in row.items() if isinstance(key, str)}
    kind, value = row.get("kind") or "class", row["label"]
    if kind not in ("class", "text", "choice"):
        try:
            value = json.loads(value.lower() if kind == "boolean" else value)
        except json.JSONDecodeError:
            return (
                f"label {row['label']!r} of kind {kind}: "
                'expected JSON, e.g. 3.5, [1, 4.2], true or ["first", "then"]'
            )
    record = {
        "id": row.get("id") or f"{Path(row['video']).with_suffix('')}#{line}",
        "video": row["video"],
        "question": row.get("question") or question or (CLASS_QUESTION if kind == "class" else ""),
        "labels": [{"name": kind, "kind": kind, "value": value}],
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
    for number, record in read_jsonl(path):
        source = record.get("source_video") if isinstance(record, dict) else None
        if source in (None, "") or is_words(source) or is_number(source):
            yield f"{path}:{number}", record
        else:
            expected = "expected the name of the video it was cut from; else give the key another name"
            yield f"{path}:{number}", f"source is {source!r:.60}, {expected}"
