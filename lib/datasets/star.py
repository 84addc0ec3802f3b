"""STAR situated reasoning: choice, text and interval; box and sequence where there are situations."""

from collections import Counter
from itertools import zip_longest

from lib.datasets.common import (
    NUMBER,
    beside,
    chosen,
    items,
    need,
    number,
    record,
    rows,
    span,
    split_of,
    typed,
    whole,
)
from lib.datasets.pickles import unpickle
from lib.datasets.questions import ask
from lib.records import StageError
from lib.table import text_lines

# the clips of the other types end before what is asked for
SEEN_WHOLE = ("Interaction", "Sequence")


def read(path, seed, durations=None):
    """STAR_{split}.json or the CSV of its multiple-choice questions. Text are the answers that are sentences:
    "Put down the towel.", not "The towel.". Boxes are in pixels of the frame: "unit": "pixels"."""
    names = class_names(path)
    rates = beside(path, "video_fps", "STAR_classes/video_fps")
    rates = unpickle(rates) if rates and names else {}
    for where, item in multiple_choice(path) if str(path).endswith(".csv") else items(path):
        for found, note in records_of(where, item, names, rates, seed, split_of(path)):
            yield where, found, note


def class_names(path):
    """{id: name} of actions and objects, where their lists lie beside the annotations."""
    names = {}
    for name in ("action_classes.txt", "object_classes.txt"):
        if listed := beside(path, name, f"STAR_classes/{name}"):
            names |= {line[:4]: line[5:].strip() for line in text_lines(listed)}
    return names


def multiple_choice(path):
    """Yields (where, question as in the official JSON) of the CSV, whose clip is VIDEO_START_END."""
    for where, row in rows(path, "video_name", "question", "question_id", "a0", "a1", "a2", "a3", "answer"):
        clip = dict(zip(("video_id", "start", "end"), row["video_name"].rsplit("_", 2)))
        yield where, {**row, **clip, "choices": [{"choice_id": i, "choice": row[f"a{i}"]} for i in range(4)]}


def records_of(where, item, names, rates, seed, split):
    """Yields (record, note) of one question."""
    keys = {"video_id": str, "start": object, "end": object, "question_id": str, "question": str}
    keys |= {"choices": list, "answer": str}
    video, start, end, name, question, choices, answer = need(where, item, **keys)
    interval, note = span(start, end)
    keys = {"choice_id": NUMBER, "choice": str}
    choices = [need(f"{where}: choices[{n}]", choice, **keys) for n, choice in enumerate(choices)]
    options = [choice for _, choice in sorted(choices)]
    if interval is None or answer not in options:
        yield None, note or "dropped: answer is none of the options"
        return
    id, more = f"{video}#{name}", {**split, "source_video": video, "type": name.split("_")[0]}
    clip, letter = [*whole(f"{video}_{start}_{end}"), (video, *interval)], chr(65 + options.index(answer))
    yield record(id, clip, question, "answer", "choice", letter, options, **more), None
    if len(answer.split()) > 2:
        yield record(f"{id}#text", clip, question, "answer", "text", answer, **more), None
    if more["type"] in SEEN_WHOLE:
        when = ask("answered", seed, id, question=question, answer=answer)
        yield record(f"{id}#interval", whole(video), when, "interval", "interval", interval, **more), None
    if "situations" not in item:
        return
    frames = annotated_frames(where, item, number(rates.get(f"{video}.mp4")), interval)
    if frames is None:
        reason = "frame rate (STAR_classes/video_fps) or class lists missing"
        yield None, f"not asked: box and sequence, {reason}"
        return
    yield box_record(id, clip, frames, names, seed, more)
    yield sequence_record(id, clip, frames, names, seed, more)


def annotated_frames(where, item, rate, interval):
    """[(seconds from the clip's start, actions, [(object, box or None)])] of the frames in the clip, in
    order, or None without a frame rate. Frames are numbered from 1, at the video's rate."""
    if not rate:
        return None
    frames, (situations,) = [], need(where, item, situations=dict)
    for name, found in situations.items():
        if (frame := number(name)) is None:
            raise StageError(f"{where}: situations {name!r:.60}, expected the number of a frame")
        at = (frame - 1) / rate
        if interval[0] <= at < interval[1]:
            frames.append((at - interval[0], *situation(f"{where}: situations {name}", found)))
    return sorted(frames, key=lambda frame: frame[0])


def situation(where, found):
    """(actions, [(object, box or None)]) of a frame."""
    keys = {"actions": list, "bbox_labels": list, "bbox": list}
    actions, labels, boxes = need(where, found, **keys)
    for name in (*actions, *labels):
        typed(where, "the class of an action or object", name, str)
    for box in filter(None, boxes):
        for side in typed(where, "bbox", box, list, length=4):
            typed(where, "bbox", side, NUMBER)
    return actions, list(zip_longest(labels, boxes))


def box_record(id, clip, frames, names, seed, more):
    """(record, note) of one box: of an object that stands once in its frame."""
    boxes = []
    for at, _, found in frames:
        times = Counter(name for name, _ in found)
        for name, box in found:
            if box and name in names and times[name] == 1 and box[0] < box[2] and box[1] < box[3]:
                boxes.append((at, names[name], box))
    if not boxes:
        return None, "not asked: box, none in the clip"
    at, name, box = chosen(boxes, seed, id, "box")
    question = ask("box at", seed, id, object=name, at=at)
    found = record(f"{id}#box", clip, question, "box", "box", box, **more)
    found["labels"][0]["unit"] = "pixels"
    return found, None


def sequence_record(id, clip, frames, names, seed, more):
    """(record, note) of the actions in the order of their first frames; those of one frame have no order."""
    first = {}
    for at, actions, _ in frames:
        for action in actions:
            first.setdefault(action, at)
    if len(first) < 2 or len(set(first.values())) < len(first) or not first.keys() <= names.keys():
        return None, "not asked: sequence, the actions do not begin one after the other"
    steps, question = [names[action] for action in first], ask("sequence", seed, id)
    return record(f"{id}#sequence", clip, question, "steps", "sequence", steps, **more), None
