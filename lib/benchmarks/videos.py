"""The videos of a benchmark in a user's folder, and its items as records to ask a model."""

import os
import re
from collections import defaultdict

from lib.benchmarks.common import stem
from lib.records import StageError

SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".gif")


def find_videos(folder):
    """{name without suffix: [path, ...]} of the videos in a folder and below, by file name and by path.

    Raises StageError where there is none.
    """
    found = defaultdict(list)
    for root, _, names in os.walk(folder, followlinks=True):
        for name in sorted(n for n in names if n.lower().endswith(SUFFIXES)):
            path = os.path.join(root, name)
            for key in {stem(name), stem(os.path.relpath(path, folder))}:
                found[key].append(os.path.abspath(path))
    if not found:
        raise StageError(
            f"{folder}: no videos in it or below, expected files such as NAME.mp4, "
            "NAME as the question file has it"
        )
    return found


def clip_of(item, found, folder):
    """(path, start, end) of an item's video: by its own name, or (video_start_end) as a clip of the whole."""
    name, start, end = stem(item["video"]), item.get("start"), item.get("end")
    if "file" in item:
        return item["file"], start, end
    tries = [(name, start, end), (os.path.basename(name), start, end), (f"v_{name}", start, end)]
    if clip := re.fullmatch(r"(.+)_(\d+\.\d+)_(\d+\.\d+)", name):
        tries.append((clip[1], float(clip[2]), float(clip[3])))
    for key, *bounds in tries:
        paths = found.get(key, [])
        if len(paths) > 1:
            raise StageError(
                f"{folder}: several files for the video {item['video']!r}: {paths[0]} and {paths[1]}; "
                "leave one"
            )
        if paths:
            return paths[0], *bounds
    return os.path.join(os.path.abspath(folder or ""), f"{name}.mp4"), start, end


def record_of(item, found, folder, predictions):
    """An item as a record to ask, its video relative to the predictions file.

    One that is not there fails when it is read.
    """
    path, start, end = clip_of(item, found, folder)
    times = {key: value for key, value in (("start", start), ("end", end)) if value is not None}
    labels = item["labels"] or [{"name": "answer", "kind": "text", "value": str(item["gold"])}]
    return {
        "id": item["id"],
        "video": os.path.relpath(path, os.path.dirname(os.path.abspath(predictions))),
        "question": item["prompt"],
        "labels": labels,
        **times,
    }


def records_to_ask(items, folder, predictions):
    """Yields the records of the items; nothing is looked for before the first."""
    found = find_videos(folder) if folder else {}
    for item in items:
        yield record_of(item, found, folder, predictions)


def clips_of(places, folder):
    """[(path, start, end)] of clips {"video", "start", "end"}; one that is missing fails when it is read."""
    found = find_videos(folder)
    return [clip_of(place, found, folder) for place in places]
