"""The videos of a benchmark in a user's folder, and its items as records to ask a model."""

import os

from lib.captions import clip_of, find_videos
from lib.process import world
from lib.records import StageError


def check_there(items, clips, folder, allowed, what="questions"):
    """Say which videos are not there; a StageError where they are more than --max-failures, before a model is
    loaded. `clips`: (path, start, end) of each item.
    """
    there = {path for path, _, _ in clips if os.path.isfile(path)}
    missing = [item["video"] for item, (path, _, _) in zip(items, clips) if path not in there]
    if not missing:
        return
    said = f"the videos of {len(missing)} of {len(items)} {what} are not there, the first {missing[0]!r}"
    said = f"{folder}: {said}, in it or below" if folder else said
    if len(missing) > (allowed * len(items) if allowed < 1 else allowed):
        raise StageError(f"{said}; more than --max-failures {allowed:g} allows")
    if world()[0] == 0:
        print(f"{said}; these fail", flush=True)


def record_of(item, clip, predictions):
    """An item as a record to ask, its video (`clip`: path, start, end) relative to the predictions file.

    One that is not there fails when it is read.
    """
    path, start, end = clip
    times = {key: value for key, value in (("start", start), ("end", end)) if value is not None}
    labels = item["labels"] or [{"name": "answer", "kind": "text", "value": str(item["gold"])}]
    return {
        "id": item["id"],
        "video": os.path.relpath(path, os.path.dirname(os.path.abspath(predictions))),
        "question": item["prompt"],
        "labels": labels,
        **times,
    }


def records_to_ask(items, folder, predictions, allowed):
    """Yields the records of the items; nothing is looked for before the first. `allowed`: --max-failures."""
    found = find_videos(folder) if folder else {}
    clips = [clip_of(item, found, folder) for item in items]
    check_there(items, clips, folder, allowed)
    for item, clip in zip(items, clips):
        yield record_of(item, clip, predictions)
