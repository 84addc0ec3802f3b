"""The videos on disk: which file a record means, what probing found of it, and labels fitted to that."""

import json
import os
import sqlite3
from contextlib import closing, contextmanager

from lib.datasets.common import ROUNDING
from lib.labels import record_problem
from lib.records import StageError
from lib.video import VideoError, prefetch, probe

NO_VIDEO = "dropped: video not found"
SEVERAL = "dropped: several videos of its name, as deep in the folder"
VERSION = 3  # of what lib.video.probe finds: a changed one looks anew
ENDINGS = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".gif"}


def files_below(folder, above=()):
    """Yields the path of every file below a folder, its own first, in order. Hidden files and folders are
    left out; links are followed, but into none of the folders on the way (`above`, real paths)."""
    here, inner = os.path.realpath(folder), []
    if here in above:
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            # os.path: a link to itself is a file that is not there, where the entry raises
            if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():
                inner.append(entry.path)
            else:
                yield entry.path
    for path in inner:
        yield from files_below(path, (*above, here))


def index_videos(folder):
    """{file name without ending: paths} of the videos below `folder`, for find_video. Of a.mp4 and a.webm in
    one folder the first counts."""
    index = {}
    for path in files_below(folder):
        stem, ending = os.path.splitext(path)
        if ending.lower() in ENDINGS:
            paths = index.setdefault(os.path.basename(stem), [])
            if not paths or os.path.splitext(paths[-1])[0] != stem:
                paths.append(path)
    return index


def find_video(index, candidates):
    """(path, start, end) of the first candidate that is there, or None. Of several files that fit, the least
    deep; of several as deep, none."""
    for stem, start, end in candidates:
        paths = least_deep(index, stem)
        if len(paths) == 1:
            return paths[0], start, end
    return None


def rivals(index, candidates):
    """The paths of which find_video() takes none, as several fit and are as deep; none where none fits."""
    return next(filter(None, (least_deep(index, stem) for stem, *_ in candidates)), [])


def least_deep(index, stem):
    """Of the files that fit a candidate's stem those that are least deep."""
    if os.path.isabs(stem):
        return [stem] if os.path.isfile(stem) else []
    paths = index.get(os.path.basename(stem), ())
    paths = [path for path in paths if f"/{os.path.splitext(path)[0]}".endswith(f"/{stem}")]
    depth = min((path.count("/") for path in paths), default=0)
    return [path for path in paths if path.count("/") == depth]


def located(rows, folder):
    """Yields what readers do, (where, record, note), with the path of the first candidate that lies below
    `folder` as the record's video, and its times as start and end; None for a record whose video is gone."""
    index = index_videos(folder)
    for where, record, note in rows:
        found = record and find_video(index, record["video"])
        if record is None:
            yield where, None, note
        elif found is None:
            yield where, None, SEVERAL if rivals(index, record["video"]) else NO_VIDEO
        else:
            times = {key: time for key, time in zip(("start", "end"), found[1:]) if time is not None}
            yield where, {**record, "video": os.path.abspath(found[0]), **times}, note


@contextmanager
def remembering(path):
    """The SQLite database at a path, in which is remembered what would cost time to find again. Raises
    StageError where it cannot be used."""
    try:
        with closing(sqlite3.connect(path)) as memory:
            yield memory
    except sqlite3.DatabaseError as error:
        if "full" in str(error):  # of the disk: lib.process says what to do
            raise
        problem = f"{error}, expected an SQLite database that can be written; it only saves time"
        raise StageError(f"{path}: {problem}: remove it, and run the same command again") from None


def probed(paths, memory, workers):
    """{path: what lib.video.probe finds, or why the video cannot be used}; `memory` (SQLite) remembers it by
    path, size, time of change and VERSION."""
    memory.execute("CREATE TABLE IF NOT EXISTS probes (video TEXT PRIMARY KEY, stamp TEXT, found TEXT)")
    stats = {path: os.stat(path) for path in paths if os.path.exists(path)}
    stamps = {path: f"{stat.st_size} {stat.st_mtime_ns} {VERSION}" for path, stat in stats.items()}
    query, known = "SELECT found FROM probes WHERE video = ? AND stamp = ?", {}
    for path in paths:
        if row := memory.execute(query, (path, stamps.get(path))).fetchone():
            known[path] = json.loads(row[0])
    unknown = [path for path in paths if path not in known]
    fresh = dict(zip(unknown, prefetch(probe_or_reason, unknown, workers, ahead=4 * workers)))
    memory.executemany(
        "INSERT OR REPLACE INTO probes VALUES (?, ?, ?)",
        [(path, stamps[path], json.dumps(fresh[path])) for path in unknown if path in stamps],
    )
    memory.commit()
    return known | fresh


def probe_or_reason(path):
    """What lib.video.probe finds, or as text why it finds nothing."""
    try:
        return probe(path)
    except VideoError as error:
        return str(error)


def fitted(record, video):
    """(record with `duration`, note, problem): clip and labels against what the video really is. Boxes in
    pixels become fractions.

    `video` is as probed() has it, or None where it was not opened: then the record stays as it is.
    """
    if video is None:
        # pixels can only be checked against a frame
        in_pixels = any(label.get("unit") == "pixels" for label in record["labels"])
        return record, None, None if in_pixels else problem_of({**record, "video": "not opened"})
    if isinstance(video, str):
        return None, None, video
    start, end = record.get("start") or 0.0, video["duration"]
    note = None
    if record.get("end") is not None:
        if record["end"] > end + ROUNDING:
            note = "clamped: clip ends after the video"
        end = min(record["end"], end)
    if start >= video["duration"]:
        problem = (
            f"{record['video']}: the clip starts at {start} s, the video ends at {video['duration']} s; "
            "mend start and end"
        )
        return None, None, problem
    labels, length = [], round(end - start, 3)  # as times are written: 1.4 - 1.1 is a little less than 0.3
    if length <= 0:
        return None, None, f"{record['video']}: from start {start} to end {end} s no frame is shown"
    for label in record["labels"]:
        label, mended, problem = fitted_label(label, length, video)
        if problem:
            return None, None, f"{record['video']}: {problem}"
        labels.append(label)
        note = mended or note
    record = {**record, "labels": labels, "duration": length}
    return record, note, problem_of(record)


def problem_of(record):
    """record_problem(), where clips with captions have no labels."""
    return record_problem(record, unlabelled=True)


def fitted_label(label, length, video):
    """(label, note, problem) of a label on a clip of `length` seconds."""
    kind, value = label["kind"], label["value"]
    if kind in ("interval", "time") and label.get("unit") != "fraction":
        pairs = value if kind == "interval" and isinstance(value[0], list) else [value]
        latest = length + ROUNDING
        late = [pair for pair in pairs if (pair[0] >= length if kind == "interval" else pair > latest)]
        if late:
            problem = (
                f"label {label['name']!r} {late[0]} lies after the clip's end ({length:g} s); "
                "times count from the clip's start"
            )
            return None, None, problem
        if kind == "time":
            return {**label, "value": min(value, length)}, None, None
        fit = [[pair[0], min(pair[1], length)] for pair in pairs]
        clamped = any(pair[1] > latest for pair in pairs)
        label = {**label, "value": fit if pairs is value else fit[0]}
        return label, "clamped: interval ends after the video" if clamped else None, None
    if label.get("unit") == "pixels":
        exact = [v / side for v, side in zip(value, (video["width"], video["height"]) * 2)]
        inside = [min(max(v, 0.0), 1.0) for v in exact]
        label = {**{k: v for k, v in label.items() if k != "unit"}, "value": inside}
        return label, None if inside == exact else "clamped: box beyond the frame", None
    return label, None, None
