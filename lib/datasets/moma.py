"""MOMA-LRG: the sub-activities of an activity, when each is, and where its actors and objects are."""

import os
from collections import Counter
from itertools import groupby

from lib.datasets.common import (
    NUMBER,
    SPLITS,
    beside,
    chosen,
    corners,
    items,
    load,
    need,
    record,
    span,
    typed,
    whole,
)
from lib.datasets.questions import ask
from lib.records import StageError

UNSURE = {"unsure", "unclassified"}  # what its annotators call what they cannot tell


def read(path, seed, durations=None):
    """anns.json: the sequence of an activity's sub-activities, the interval of each that happens once, one
    box per sub-activity. Videos: raw/ by file_name, activity_fr/, activity/, sub_activity_fr/, sub_activity/
    by id. Split: splits/standard.json."""
    sides = sides_of(beside(path, "splits/standard.json"))
    for where, item in items(path):
        for found, note in records_of(where, item, seed, sides):
            yield where, found, note


def sides_of(path):
    """{activity: its split}, as splits/standard.json has it; none without that file."""
    sides = {}
    for split, ids in load(path).items() if path else ():
        if split not in SPLITS:
            raise StageError(f"{path}: split {split!r:.60}, expected one of {', '.join(SPLITS)}")
        sides |= {str(id): {"split": SPLITS[split]} for id in typed(path, split, ids, list)}
    return sides


def records_of(where, item, seed, sides):
    """Yields (record, note) of one activity: its sequence, then interval and box of each sub-activity."""
    keys = {"file_name": str, "width": NUMBER, "height": NUMBER, "duration": NUMBER, "activity": dict}
    name, width, height, duration, activity = need(where, item, **keys)
    keys = {"id": str, "start_time": object, "end_time": object, "sub_activities": list}
    id, start, end, parts = need(f"{where}: activity", activity, **keys)
    clip, note = span(start, end, duration)
    if clip is None:
        yield None, note
        return
    (start, end), raw = clip, f"raw/{os.path.splitext(name)[0]}"
    video = [*whole(f"activity_fr/{id}", f"activity/{id}"), (raw, start, end)]
    more = {"source_video": raw, **sides.get(id, {})}
    keys = {"id": str, "class_name": str, "start_time": NUMBER, "end_time": NUMBER}
    keys["higher_order_interactions"] = list
    for n, part in enumerate(parts):
        need(f"{where}: sub_activities[{n}]", part, **keys)
    parts = sorted(parts, key=lambda part: part["start_time"])
    spans = [span(part["start_time"] - start, part["end_time"] - start, end - start) for part in parts]
    # again at once is one step, as an answer would say it
    steps = [step for step, _ in groupby(part["class_name"] for part in parts)]
    if len(steps) < 2 or UNSURE & set(steps) or any(interval is None for interval, _ in spans):
        yield None, "not asked: sequence, fewer than two steps, or one unsure or dropped"
    else:
        question = ask("sequence", seed, id)
        yield record(f"{id}#sequence", video, question, "steps", "sequence", steps, **more), note
    times = Counter(part["class_name"] for part in parts)
    for part, (interval, note) in zip(parts, spans):
        id, name = part["id"], part["class_name"]
        if interval is None or name in UNSURE:
            yield None, note if interval is None else "dropped: class unsure"
            continue
        if times[name] > 1:
            yield None, "not asked: interval of what happens more than once"
        else:
            question = ask("interval", seed, id, sentence=name)
            yield record(f"{id}#interval", video, question, "interval", "interval", interval, **more), note
        yield box_record(where, part, raw, width, height, seed, more)


def box_record(where, part, raw, width, height, seed, more):
    """(record, note) of one box of a sub-activity: of an actor or object alone of its class at that time."""
    id, start, end = part["id"], part["start_time"], part["end_time"]
    boxes = []
    for scene in part["higher_order_interactions"]:
        time, actors, objects = need(f"{where}: {id}", scene, time=NUMBER, actors=list, objects=list)
        entities = [need(f"{where}: {id}", each, class_name=str, bbox=list) for each in [*actors, *objects]]
        times = Counter(name for name, _ in entities)
        for name, box in entities if start <= time <= end else ():
            if times[name] == 1 and name not in UNSURE:
                boxes.append((time - start, name, box))
    if not boxes:
        return None, "not asked: box, none alone of its class"
    at, name, box = chosen(boxes, seed, id, "box")
    for side in typed(f"{where}: {id}", "bbox", box, list, length=4):
        typed(f"{where}: {id}", "bbox", side, NUMBER)
    box, note = corners(box, width, height)
    if box is None:
        return None, note
    clip = [*whole(f"sub_activity_fr/{id}", f"sub_activity/{id}"), (raw, start, end)]
    question = ask("box at", seed, id, object=name, at=at)
    return record(f"{id}#box", clip, question, "box", "box", box, **more), note
