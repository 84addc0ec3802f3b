"""The videos of a benchmark in a user's folder, and its items as records to ask a model."""

import os

from lib.captions import clip_of, find_videos


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
