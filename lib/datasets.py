"""Readers of official annotation files, and conversation JSON in and out.

    python -m lib.datasets runs/mine/cycle3/verified.jsonl kept.json      # what was kept, as conversations that other tools train on

A reader is called with one annotation file or folder and yields (where, record or None, note): `where` is "path:line" or "path: key"; `note` is None
or one of few reasons, to be counted: "dropped: ..." (an annotation is lost; record is None), "clamped: ..." (the record was mended), "not asked: ..."
(the annotation has other records, but this kind of question cannot be asked of it; record is None).

A record's `video` is a list of candidates (stem, start, end), the best first, which all show the same clip: the file whose path without its ending
ends with `stem` (or which is `stem`, if that is absolute), cut from start to end, None for the whole file. Times in labels count from the clip's
start. What official converters get wrong is done right here: steps in the order of time with their repeats, boxes as corners, gold values not rounded.
"""
import argparse
import ast
import csv
import json
import os
import pickle
import re
from collections import Counter
from itertools import groupby, pairwise
from math import isfinite
from pathlib import Path

import numpy as np

from lib.prompts import strip_placeholders
from lib.questions import ask, draw
from lib.records import StageError, label_problem, read_jsonl, rebase
from lib.stage import run

VIDEO_ENDINGS = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".gif"}
SPLITS = {"train": "train", "training": "train", "val": "test", "validate": "test", "validation": "test", "test": "test", "testing": "test"}
ROUNDING = 0.01  # seconds; listed times are rounded, so an end this little after the video is no defect
WINDOW = 16.0  # seconds shown around a moment of a long video
OVERLAP = 0.25  # of the shorter; sentences that share more time are not one after the other


# ---------------------------------------------------------------- videos

def index_videos(folder):
    """{file name without ending: paths} of the videos below `folder`, for find_video. Of a.mp4 and a.webm in one folder the first counts."""
    index = {}
    for root, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            stem, ending = os.path.splitext(name)
            if ending.lower() in VIDEO_ENDINGS and not name.startswith("."):
                paths = index.setdefault(stem, [])
                if not paths or os.path.splitext(paths[-1])[0] != os.path.join(root, stem):
                    paths.append(os.path.join(root, name))
    return index


def find_video(index, candidates):
    """(path, start, end) of the first candidate that is there, or None. Of several files that fit, the least deep; of several as deep, none."""
    for stem, start, end in candidates:
        if os.path.isabs(stem):
            paths = [stem] * os.path.isfile(stem)
        else:
            paths = [path for path in index.get(os.path.basename(stem), ()) if f"/{os.path.splitext(path)[0]}".endswith(f"/{stem}")]
        depths = [path.count("/") for path in paths]
        if paths and depths.count(min(depths)) == 1:
            return paths[depths.index(min(depths))], start, end
    return None


# ---------------------------------------------------------------- files

def rows(path, *columns):
    """Yields ("path:line", row as a dict) of a CSV that must have `columns`, one at a time."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        try:
            if not set(columns) <= set(reader.fieldnames or ()):
                raise StageError(f"{path}:1: columns {reader.fieldnames}, expected {', '.join(columns)}; a file published without labels (test) cannot be used")
            for row in reader:
                if None in row or None in row.values():
                    raise StageError(f"{path}:{reader.line_num}: expected {len(reader.fieldnames)} fields, found more or fewer; download it again")
                yield f"{path}:{reader.line_num}", row
        except (csv.Error, UnicodeDecodeError) as error:
            raise StageError(f"{path}:{reader.line_num + 1}: not CSV in UTF-8 ({error})") from None


BETWEEN = re.compile(r"[\s,\[\]]*")


def items(path):
    """Yields ("path:line", object) of a JSON list of objects or of JSON lines, one at a time: some annotation files are larger than memory."""
    decoder, text, at, line, size, opened = json.JSONDecoder(), "", 0, 1, 1 << 16, 0
    with open(path, encoding="utf-8-sig") as file:
        while True:
            start, at = at, BETWEEN.match(text, at).end()
            line, opened = line + text.count("\n", start, at), opened + text.count("[", start, at) - text.count("]", start, at)
            try:
                item, end = decoder.raw_decode(text, at)
            except json.JSONDecodeError as error:
                try:
                    more = file.read(size)
                except UnicodeDecodeError as wrong:
                    raise StageError(f"{path}:{line}: not UTF-8 ({wrong})") from None
                if not more and (at < len(text) or opened):
                    raise StageError(f"{path}:{line}: not JSON, or cut off ({error.msg}); found {text[at:at + 60]!r}; download it again") from None
                if not more:
                    return
                text, at, size = text[at:] + more, 0, 2 * size
                continue
            if not isinstance(item, dict):
                raise StageError(f"{path}:{line}: found {item!r:.60}, expected a list of objects, or one object a line")
            yield f"{path}:{line}", item
            line, at, size = line + text.count("\n", at, end), end, 1 << 16


def load(path, kind=dict):
    """A whole JSON file, which must hold a `kind`."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise StageError(f"{path}: not JSON ({error})") from None
    if not isinstance(value, kind):
        raise StageError(f"{path}: found a {type(value).__name__}, expected another file: a {kind.__name__} at the top")
    return value


def need(where, item, *keys):
    """The values of `keys` in an annotation."""
    missing = [key for key in keys if key not in item]
    if missing:
        raise StageError(f"{where}: {', '.join(missing)} not among {', '.join(map(str, item))}; a file published without labels (test) cannot be used")
    return [item[key] for key in keys]


def beside(path, *names):
    """The first of `names` that lies beside an annotation file (or in the folder), or None."""
    folder = Path(path) if os.path.isdir(path) else Path(path).parent
    return next((folder / name for name in names if (folder / name).is_file()), None)


def split_of(path):
    """{"split": "train" or "test"} where an official file name says so (charades_sta_test.txt, STAR_val.json, val_1.json), else {}."""
    words = re.split(r"[^a-z]+", Path(path).stem.lower())
    return next(({"split": SPLITS[word]} for word in words if word in SPLITS), {})


def plain_dtype(*args):
    """np.dtype, but not of arrays that hold Python objects."""
    dtype = np.dtype(*args)
    if dtype.hasobject:
        raise pickle.UnpicklingError("it holds an array of objects")
    return dtype


ADMITTED = {  # what rebuilds arrays and their numbers, and nothing else
    ("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): plain_dtype, ("_codecs", "encode"): lambda text, encoding: text.encode("latin1"),
    **{(f"numpy.{core}.multiarray", name): maker for core in ("core", "_core")
       for name, maker in (("_reconstruct", np.empty(0).__reduce__()[0]), ("scalar", np.int64(0).__reduce__()[0]))}}


class NumpyOnly(pickle.Unpickler):
    """Reads plain values and numpy arrays. A pickle that names anything else could run any code, and is refused."""

    def find_class(self, module, name):
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return ADMITTED[module, name]


def unpickle(path):
    """The content of a pickle, of Python 2 or 3, that holds plain values and numpy arrays only. Raises StageError for any other."""
    with open(path, "rb") as file:
        try:
            return NumpyOnly(file, encoding="latin1").load()
        except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise StageError(f"{path}: refused: {error}; expected a pickle of plain values and numpy arrays only") from None


# ---------------------------------------------------------------- records

def record(id, video, question, name, kind, value, options=None, **more):
    """A record of one label."""
    return {"id": id, "video": video, "question": question, "labels": [{"name": name, "kind": kind, "value": value, **({"options": options} if options else {})}], **more}


def whole(*stems):
    """Candidates that are the clip as they are."""
    return [(stem, None, None) for stem in dict.fromkeys(stems)]


def number(value):
    """A finite float, or None."""
    try:
        value = float(value)
    except (TypeError, ValueError):
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
    x, y, w, h = box
    exact = [x / width, y / height, (x + w) / width, (y + h) / height]
    value = [min(max(v, 0.0), 1.0) for v in exact]
    if value[0] >= value[2] or value[1] >= value[3]:
        return None, "dropped: box without area"
    return value, None if value == exact else "clamped: box beyond the frame"


def chosen(things, *parts):
    """One of `things`, by a hash of `parts`."""
    return things[int(draw(*parts) * len(things))]


# ---------------------------------------------------------------- readers

def kinetics(path, seed, durations=None):
    """Kinetics-400, -600, -700 CSV: class. Clips are LABEL/ID_START_END (six digits each), or cut from the untrimmed video ID."""
    for where, row in rows(path, "label", "youtube_id", "time_start", "time_end", "split"):
        video, name, split = (row[key].strip() for key in ("youtube_id", "label", "split"))
        clip, note = span(row["time_start"], row["time_end"])
        if split not in SPLITS:
            raise StageError(f"{where}: split {split!r}, expected one of {', '.join(SPLITS)}")
        if not video or not name or clip is None:
            yield where, None, note or ("dropped: label missing" if video else "dropped: video id missing")
            continue
        id = f"{video}_{int(clip[0]):06d}_{int(clip[1]):06d}"
        yield where, record(id, [*whole(f"{name}/{id}", id), (video, *clip)], ask("action", seed, id), "action", "class", name, split=SPLITS[split]), None


def star(path, seed, durations=None):
    """STAR situated reasoning, STAR_{split}.json or the CSV of its multiple-choice questions: choice, text (answers that are sentences: "Put down the
    towel.", not "The towel."), interval; box and sequence where there are situations. Boxes are in pixels of the frame: "unit": "pixels"."""
    lists = {kind: beside(path, name, f"STAR_classes/{name}") for kind, name in (("a", "action_classes.txt"), ("o", "object_classes.txt"), ("fps", "video_fps"))}
    names = {line[:4]: line[5:].strip() for kind in "ao" if lists[kind] for line in lists[kind].read_text().splitlines()}
    fps = unpickle(lists["fps"]) if lists["fps"] and names else {}
    for where, q in star_csv(path) if str(path).endswith(".csv") else items(path):
        video, start, end, id, question, choices, answer = need(where, q, "video_id", "start", "end", "question_id", "question", "choices", "answer")
        interval, note = span(start, end)
        options, id, more = [c["choice"] for c in sorted(choices, key=lambda c: c["choice_id"])], f"{video}#{id}", {**split_of(path), "type": id.split("_")[0]}
        if interval is None or answer not in options:
            yield where, None, note or "dropped: answer is none of the options"
            continue
        clip = [*whole(f"{video}_{start}_{end}"), (video, *interval)]
        yield where, record(id, clip, question, "answer", "choice", chr(65 + options.index(answer)), options, **more), None
        if len(answer.split()) > 2:
            yield where, record(f"{id}#text", clip, question, "answer", "text", answer, **more), None
        if more["type"] in ("Interaction", "Sequence"):  # the clips of the others end before what is asked for
            yield where, record(f"{id}#interval", whole(video), ask("answered", seed, id, question=question, answer=answer), "interval", "interval", interval, **more), None
        if "situations" in q:
            yield from star_situations(where, id, clip, interval, q["situations"], names, fps.get(f"{video}.mp4"), seed, more)


def star_csv(path):
    """Yields (where, question as in the official JSON) of the CSV of multiple-choice questions, whose clip is VIDEO_START_END."""
    for where, row in rows(path, "video_name", "question", "question_id", "a0", "a1", "a2", "a3", "answer"):
        clip = dict(zip(("video_id", "start", "end"), row["video_name"].rsplit("_", 2)))
        yield where, {**row, **clip, "choices": [{"choice_id": i, "choice": row[f"a{i}"]} for i in range(4)]}


def star_situations(where, id, clip, interval, situations, names, fps, seed, more):
    """One box, and the actions in the order of their first appearance, from a clip's annotated frames, whose ids count from 1 at the video's rate."""
    if not fps:
        yield where, None, "not asked: box and sequence, frame rate (STAR_classes/video_fps) or class lists missing"
        return
    times = {frame: (int(frame) - 1) / fps for frame in sorted(situations, key=int)}
    frames = [(at - interval[0], situations[frame]) for frame, at in times.items() if interval[0] <= at < interval[1]]
    boxes = [(at, names[name], box) for at, s in frames for name, box in zip(s["bbox_labels"], s["bbox"])
             if box and name in names and s["bbox_labels"].count(name) == 1 and box[0] < box[2] and box[1] < box[3]]
    if boxes:
        at, name, box = chosen(boxes, seed, id, "box")
        found = record(f"{id}#box", clip, ask("box at", seed, id, object=name, at=at), "box", "box", box, **more)
        found["labels"][0]["unit"] = "pixels"
    yield (where, found, None) if boxes else (where, None, "not asked: box, none in the clip")
    first = {}  # action -> time of its first frame; actions of one frame have no order
    for at, s in frames:
        for action in s["actions"]:
            first.setdefault(action, at)
    if len(first) < 2 or len(set(first.values())) < len(first) or not first.keys() <= names.keys():
        yield where, None, "not asked: sequence, the actions do not begin one after the other"
    else:
        yield where, record(f"{id}#sequence", clip, ask("sequence", seed, id), "steps", "sequence", [names[action] for action in first], **more), None


def finediving(path, seed, durations=None):
    """FineDiving, the folder of its pickles: class (the dive's number), number (score), sequence (steps). A video is COMPETITION/NUMBER or
    COMPETITION_NUMBER, made from the published frames. Steps are the runs of the frames' labels; sorted ids, as in the official code, mix up a third."""
    files = {file.name: file for file in sorted((Path(path) if os.path.isdir(path) else Path(path).parent).rglob("*.pkl"))}
    if "FineDiving_fine-grained_annotation.pkl" not in files:
        raise StageError(f"{path}: no FineDiving_fine-grained_annotation.pkl among {', '.join(files) or 'no pickles'}; give the folder of the annotations")
    splits = {(key[0], int(key[1])): {"split": split} for split in ("train", "test") if f"{split}_split.pkl" in files for key in unpickle(files[f"{split}_split.pkl"])}
    table = unpickle(files["Sub_action_Types_Table.pkl"]) if "Sub_action_Types_Table.pkl" in files else {}
    for (competition, n), dive in unpickle(files["FineDiving_fine-grained_annotation.pkl"]).items():
        where, id, more = f"{files['FineDiving_fine-grained_annotation.pkl']}: {competition}, {n}", f"{competition}_{n}", splits.get((competition, int(n)), {})
        kind, score, frames, types = need(where, dive, "action_type", "dive_score", "frames_labels", "sub-action_types")
        video, names = whole(f"{competition}/{n}", id), {int(key): str(name).strip() for key, name in {**table, **types}.items()}
        yield where, record(f"{id}#dive", video, ask("dive", seed, id), "dive", "class", str(kind), **more), None
        if number(score) is None:
            yield where, None, "dropped: score not a number"
        else:
            yield where, record(f"{id}#score", video, ask("score", seed, id), "score", "number", float(score), **more), None
        steps = [step for step, _ in groupby(int(frame) for frame in frames)]
        if not steps or not set(steps) <= names.keys():
            yield where, None, "dropped: a step without a name"
        else:
            yield where, record(f"{id}#steps", video, ask("dive steps", seed, id), "steps", "sequence", [names[step] for step in steps], **more), None


def charades_sta(path, seed, durations=None):
    """Charades-STA: interval. Lines "ID START END##sentence"; durations from `durations`, or charades*.json beside: {"ID": {"duration": seconds}}."""
    durations = durations or next(iter(sorted(Path(path).parent.glob("charades*.json"))), None)
    listed = {video: number(*need(f"{durations}: {video}", entry, "duration")) for video, entry in load(durations).items()} if durations else {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line, text in enumerate(file, 1):
            where, (times, _, sentence) = f"{path}:{line}", text.strip().partition("##")
            if len(times.split()) != 3 or not sentence.strip():
                if text.strip():
                    yield where, None, "dropped: not 'ID START END##sentence'"
                continue
            video, start, end = times.split()
            (interval, note), id = span(start, end, listed.get(video)), f"{video}#{Path(path).stem}-{line}"
            asked = ask("interval", seed, id, sentence=sentence.strip().rstrip("."))
            yield where, interval and record(id, whole(video), asked, "interval", "interval", interval, **split_of(path)), note


def activitynet(path, seed, durations=None):
    """ActivityNet Captions {"v_ID": {"duration", "timestamps", "sentences"}}: interval and text per sentence, sequence per video. Videos: v_ID or ID."""
    for video, entry in load(path).items():
        where, kept, stems, more = f"{path}: {video}", [], (video, video.removeprefix("v_")), split_of(path)
        duration, times, sentences = need(where, entry, "duration", "timestamps", "sentences")
        if len(times) != len(sentences):
            yield where, None, "dropped: timestamps and sentences differ in number"
            continue
        for n, ((start, end), sentence) in enumerate(zip(times, map(str.strip, sentences))):
            (interval, note), id = span(start, end, duration), f"{video}#{Path(path).stem}-{n}"
            if interval is None or not sentence:
                yield where, None, note if interval is None else "dropped: no words"
                continue
            kept.append((interval, sentence))
            yield where, record(f"{id}#interval", whole(*stems), ask("interval", seed, id, sentence=sentence.rstrip(".")), "interval", "interval", interval, **more), note
            yield where, record(f"{id}#text", [(stem, *interval) for stem in stems], ask("text", seed, id), "sentence", "text", sentence, **more), None
        kept.sort(key=lambda pair: pair[0])
        if len(kept) < max(2, len(sentences)):
            yield where, None, "not asked: sequence, fewer than two sentences or one dropped"
        elif any(a[1] - b[0] > OVERLAP * min(a[1] - a[0], b[1] - b[0]) for (a, _), (b, _) in pairwise(kept)):
            yield where, None, "not asked: sequence, sentences overlap"
        else:
            id = f"{video}#{Path(path).stem}-sequence"
            yield where, record(id, whole(*stems), ask("sequence", seed, id), "sentences", "sequence", [sentence for _, sentence in kept], **more), None


def nextqa(path, seed, durations=None):
    """NExT-QA CSV: choice, or text for the open-ended variant without a0 to a4. Videos: ID, or in VidOR's folders by map_vid_vidorID.json beside it."""
    mapping = beside(path, "map_vid_vidorID.json")
    mapping = load(mapping) if mapping else {}
    for where, row in rows(path, "video", "question", "answer", "qid", "type"):
        video, question, answer = row["video"], row["question"].strip(), row["answer"].strip()
        options = [row[f"a{i}"] for i in range(5)] if "a0" in row else None
        if not answer or options and answer not in [*"01234"]:
            yield where, None, "dropped: answer is none of the options" if answer else "dropped: answer missing"
            continue
        kind, value = ("choice", "ABCDE"[int(answer)]) if options else ("text", answer)
        yield where, record(f"{video}#{Path(path).stem}-{row['qid']}", whole(mapping.get(video, video), video), question if question.endswith(("?", ".")) else f"{question}?",
                            "answer", kind, value, options, **split_of(path), type=row["type"]), None


def ssv2(path, seed, durations=None):
    """Something-Something v2 train.json, validation.json: class (the template without brackets, one of labels.json where that is beside it) and text."""
    listed = beside(path, "labels.json")
    options = list(load(listed)) if listed else None
    for where, item in items(path):
        id, text, template = need(where, item, "id", "label", "template")
        name = template.replace("[", "").replace("]", "")
        if options and name not in options:
            yield where, None, "dropped: template not in labels.json"
        else:
            yield where, record(f"{id}#class", whole(str(id)), ask("action", seed, id), "action", "class", name, **split_of(path)), None
        yield where, record(f"{id}#text", whole(str(id)), ask("text", seed, id), "sentence", "text", text, **split_of(path)), None


UNSURE = {"unsure", "unclassified"}  # what MOMA's annotators call what they cannot tell


def moma(path, seed, durations=None):
    """MOMA-LRG anns.json: the sequence of an activity's sub-activities, the interval of each that happens once, one box per sub-activity. Videos: raw/ by
    file_name, activity_fr/, activity/, sub_activity_fr/, sub_activity/ by id. Split: splits/standard.json."""
    splits = beside(path, "splits/standard.json")
    splits = {id: {"split": SPLITS[split]} for split, ids in load(splits).items() for id in ids} if splits else {}
    for where, item in items(path):
        name, width, height, duration, activity = need(where, item, "file_name", "width", "height", "duration", "activity")
        id, raw = activity["id"], f"raw/{os.path.splitext(name)[0]}"
        (clip, note), more = span(activity["start_time"], activity["end_time"], duration), splits.get(id, {})
        if clip is None:
            yield where, None, note
            continue
        video, parts = [*whole(f"activity_fr/{id}", f"activity/{id}"), (raw, *clip)], sorted(activity["sub_activities"], key=lambda part: part["start_time"])
        spans = [span(part["start_time"] - clip[0], part["end_time"] - clip[0], clip[1] - clip[0]) for part in parts]
        steps = [step for step, _ in groupby(part["class_name"] for part in parts)]  # again at once is one step, as an answer would say it
        if len(steps) < 2 or UNSURE & set(steps) or any(interval is None for interval, _ in spans):
            yield where, None, "not asked: sequence, fewer than two steps, or one unsure or dropped"
        else:
            yield where, record(f"{id}#sequence", video, ask("sequence", seed, id), "steps", "sequence", steps, **more), note
        times = Counter(part["class_name"] for part in parts)
        for part, (interval, note) in zip(parts, spans):
            if interval is None or part["class_name"] in UNSURE:
                yield where, None, note if interval is None else "dropped: class unsure"
                continue
            if times[part["class_name"]] > 1:
                yield where, None, "not asked: interval of what happens more than once"
            else:
                asked = ask("interval", seed, part["id"], sentence=part["class_name"])
                yield where, record(f"{part['id']}#interval", video, asked, "interval", "interval", interval, **more), note
            yield where, *moma_box(part, raw, width, height, seed, more)


def moma_box(part, raw, width, height, seed, more):
    """(record, note) of one box of a sub-activity: of an actor or object that is alone of its class at that time."""
    id, start, end, found = part["id"], part["start_time"], part["end_time"], []
    for scene in part["higher_order_interactions"]:
        there = [*scene["actors"], *scene["objects"]]
        times = Counter(entity["class_name"] for entity in there)
        alone = [entity for entity in there if times[entity["class_name"]] == 1 and entity["class_name"] not in UNSURE]
        found += [(scene["time"] - start, entity["class_name"], entity["bbox"]) for entity in alone if start <= scene["time"] <= end]
    if not found:
        return None, "not asked: box, none alone of its class"
    at, name, box = chosen(found, seed, id, "box")
    box, note = corners(box, width, height)
    clip = [*whole(f"sub_activity_fr/{id}", f"sub_activity/{id}"), (raw, start, end)]
    return box and record(f"{id}#box", clip, ask("box at", seed, id, object=name, at=at), "box", "box", box, **more), note


# ---------------------------------------------------------------- Ego-Exo4D

def egoexo4d(path, seed, durations=None):
    """Ego-Exo4D, an annotation file or the folder of them: atomic descriptions (time, text), expert commentary, good executions and tips (text),
    proficiency (class). Moments are shown in a clip around them, for which takes.json, beside the file or one folder up, gives durations and cameras."""
    takes = beside(path, "takes.json", "../takes.json")
    takes = {take["take_uid"]: take for take in load(takes, list)} if takes else {}
    for file in [file for file in sorted(Path(path).glob("*.json")) if file.name != "takes.json"] if os.path.isdir(path) else [Path(path)]:
        found = load(file, object)
        found = found.get("annotations") if isinstance(found, dict) else found
        pairs = ((uid, note) for uid, notes in found.items() for note in notes) if isinstance(found, dict) else ((None, note) for note in found or [{}])
        for n, (uid, note) in enumerate(pairs):
            note = note if isinstance(note, dict) else {}
            uid, reader = uid or note.get("take_uid"), next((read for key, read in EGOEXO.items() if key in note), ego_other)
            for found, reason in reader(f"{uid}#{file.stem}-{n}", note, takes.get(uid), seed):
                yield f"{file}: {uid}", found and {**found, **split_of(file)}, reason


def ego_other(id, note, take, seed):
    yield None, "dropped: an annotation of another kind"


def ego_descriptions(id, note, take, seed):
    """Time and text of atomic descriptions, in which C is the camera wearer and O another person."""
    for n, said in enumerate(note["descriptions"]):
        key, best = f"{id}.{n}", (said.get("best_exo") or {}).get("cam_id")
        clip, at = ego_clip(key, said["timestamp"], take, ego_cameras(take, *["ego"] * bool(said.get("ego_visible")), *[best] * bool(best)), seed)
        if note.get("rejected") or said.get("unsure") or clip is None:
            yield None, "dropped: rejected or unsure" if note.get("rejected") or said.get("unsure") else at
            continue
        text = re.sub(r"\bC\b", "the camera wearer", re.sub(r"\b[O0]\b", "someone else", said["text"].strip()))
        text = text[:1].upper() + text[1:]
        yield record(f"{key}#time", clip, ask("time", seed, key, sentence=text.rstrip(".")), "time", "time", at), None
        yield record(f"{key}#text", clip, ask("moment", seed, key, at=at), "sentence", "text", text), None


def ego_commentary(id, note, take, seed):
    """Text of what experts say at a moment."""
    for n, said in enumerate(note["commentary_data"]):
        clip, at = ego_clip(f"{id}.{n}", said["video_time"], take, ego_cameras(take, "exo", "ego"), seed)
        if said.get("error") or clip is None or not said["text"].strip():
            yield None, "dropped: marked as an error" if said.get("error") else at if clip is None else "dropped: no words"
        else:
            yield record(f"{id}.{n}", clip, ask("commentary", seed, f"{id}.{n}", task=note["task_name"], at=at), "commentary", "text", said["text"].strip()), None


def ego_demonstration(id, note, take, seed):
    """Text of feedback at a moment; "list" is a list of sentences, or in the older export a string that holds one."""
    for task, key in (("good", "good_executions"), ("tips", "tips_for_improvement")):
        for n, said in enumerate(note.get(key) or ()):
            try:
                sentences = ast.literal_eval(said["list"]) if isinstance(said["list"], str) else said["list"]
            except (ValueError, SyntaxError):
                sentences = [said["list"]]  # plain words
            text = " ".join(f"{sentence.strip().rstrip('.')}." for sentence in sentences if sentence.strip())
            clip, at = ego_clip(f"{id}.{key}.{n}", said["video_time"], take, ego_views(note, take), seed)
            if clip is None or not text:
                yield None, at if clip is None else "dropped: no words"
            else:
                yield record(f"{id}.{key}.{n}", clip, ask(task, seed, f"{id}.{key}.{n}", task=note["task_name"], at=at), key, "text", text), None


PROFICIENCY = ["Novice", "Early Expert", "Intermediate Expert", "Late Expert"]


def ego_demonstrator(id, note, take, seed):
    """Class of a whole take: how skilled the person is."""
    if note["proficiency_score"] not in PROFICIENCY:
        yield None, "dropped: no such level of proficiency"
        return
    asked = ask("proficiency", seed, id, task=note.get("task_name") or note["scenario_name"], options=", ".join(PROFICIENCY))
    yield record(id, whole(*ego_views(note, take)), asked, "proficiency", "class", note["proficiency_score"], PROFICIENCY), None


EGOEXO = {"descriptions": ego_descriptions, "commentary_data": ego_commentary, "good_executions": ego_demonstration, "proficiency_score": ego_demonstrator}


def ego_clip(id, moment, take, stems, seed):
    """(candidates, time of the moment in the clip), or (None, why not): WINDOW seconds of a take, with the moment anywhere but at their edges."""
    moment, duration = number(moment), number((take or {}).get("duration_sec"))
    if moment is None or duration is None:
        return None, "dropped: no time" if moment is None else "dropped: take or its duration not in takes.json"
    if not stems or not 0 <= moment <= duration:
        return None, "dropped: moment outside the take" if stems else "dropped: no camera shows it"
    length = min(WINDOW, duration)
    start = round(max(0.0, min(moment - (0.125 + 0.75 * draw(seed, id, "window")) * length, duration - length)), 2)
    return [(stem, start, start + length) for stem in stems], round(moment - start, 3)


def ego_cameras(take, *cameras):
    """Stems of a take's aligned videos: of "ego", of "exo" (the best), or of a camera by its name."""
    aligned = (take or {}).get("frame_aligned_videos") or {}
    named = {"ego": next((camera for camera in aligned if "aria" in camera.lower()), None), "exo": (take or {}).get("best_exo")}
    streams = [aligned.get(named.get(camera, camera)) or {} for camera in cameras]
    return ego_stems(f"{take['root_dir']}/{found['relative_path']}" for stream in streams if (found := stream.get("rgb") or stream.get("0")))


def ego_views(note, take):
    """Stems of the videos of a proficiency annotation: the best outside view, the others, the camera wearer's."""
    best, paths = (take or {}).get("best_exo") or "no best", note["video_paths"]
    return ego_stems(sorted(paths.values(), key=lambda path: (path == paths.get("ego"), best not in path)))


def ego_stems(paths):
    """Stems of aligned videos from the take's folder on, each in full size, then downscaled."""
    full = [os.path.splitext(path)[0].removeprefix("takes/") for path in paths]
    return [stem for path in full for stem in (path, path.replace("frame_aligned_videos/", "frame_aligned_videos/downscaled/448/"))]


# ---------------------------------------------------------------- conversations, in and out

def options_text(labels):
    """The options of a choice, as they follow its question."""
    return "".join(f"\n{chr(65 + i)}. {option}" for label in labels if label["kind"] == "choice" for i, option in enumerate(label["options"]))


def conversations(path, seed, durations=None):
    """VSTaR-1M and other LLaVA-style JSON, a list or lines of {"id", "video", "conversations": [{"from": "human", "value"}, {"from": "gpt", "value"}, ...]}:
    a record per question and answer, with the answer as `answer` and as its text label. What export() wrote comes back with its own labels."""
    for n, (where, item) in enumerate(items(path)):
        video, turns, labels, cut = item.get("video"), item.get("conversations") or (), item.get("labels") or [], (item.get("start"), item.get("end"))
        if not isinstance(video, str) or any(map(label_problem, labels)) or not turns or len(turns) % 2:
            yield where, None, "dropped: turns not in pairs" if isinstance(video, str) and not any(map(label_problem, labels)) else "dropped: no video, several, or malformed labels"
            continue
        inside = os.path.splitext(os.path.normpath(video))[0].lstrip("./")
        candidates = [(stem, *cut) for stem in (os.path.abspath(os.path.join(os.path.dirname(path), video)), inside, os.path.basename(inside))]
        for turn, (human, gpt) in enumerate(zip(turns[::2], turns[1::2])):
            question, answer = strip_placeholders(human["value"]).strip(), strip_placeholders(gpt["value"])
            if human.get("from") not in ("human", "user") or gpt.get("from") not in ("gpt", "assistant") or not question or not answer.strip():
                yield where, None, "dropped: not a question and its answer"
                continue
            found = record(f"{item.get('id', Path(path).stem)}#{n}.{turn}", candidates, question, "answer", "text", answer.strip(), answer=answer)
            if labels and len(turns) == 2:
                found.update(id=item.get("id", found["id"]), question=question.removesuffix(options_text(labels).rstrip()), labels=labels)
            yield where, found, None


def export(records, path):
    """Write the kept ones of verified records (lines of 04_verify.py) as a JSON list of conversations, whole or not at all; returns how many.

    Videos stay as the records have them, absolute or relative to `path`. An id that comes again (another answer) gets a number.
    """
    ids = Counter()
    Path(path).absolute().parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        for kept in records:
            if not kept.get("keep"):
                continue
            id = kept["id"] + (f"~{ids[kept['id']] + 1}" if ids[kept["id"]] else "")
            question = f"<video>\n{strip_placeholders(kept['question']).strip()}{options_text(kept['labels'])}"
            item = {"id": id, "video": kept["video"], **{key: kept[key] for key in ("start", "end") if kept.get(key) is not None},
                    "conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": kept["answer"]}], "labels": kept["labels"]}
            file.write((",\n" if ids else "[\n") + json.dumps(item, ensure_ascii=False))
            ids[kept["id"]] += 1
        file.write("\n]\n")
        file.flush()
        os.fsync(file.fileno())
    if not ids:
        os.unlink(f"{path}.tmp")
        raise StageError(f"{path}: nothing to export: no record says \"keep\": true; expected a verified.jsonl of 04_verify.py")
    os.replace(f"{path}.tmp", path)
    return ids.total()


READERS = {"kinetics": kinetics, "star": star, "finediving": finediving, "charades-sta": charades_sta, "activitynet": activitynet, "nextqa": nextqa,
           "ssv2": ssv2, "moma": moma, "egoexo4d": egoexo4d, "conversations": conversations}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\nA reader")[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verified", help="lines of 04_verify.py")
    parser.add_argument("output", help="JSON file to write")
    args = parser.parse_args()
    count = export((rebase(found, args.verified, args.output) for _, found in read_jsonl(args.verified)), args.output)
    print(f"{args.output}: {count} conversations")


if __name__ == "__main__":
    run(main)
