"""Ego-Exo4D: what happens when, what experts say of it, and how skilled the person is."""

import ast
import os
import re
from pathlib import Path
from typing import NamedTuple

from lib.datasets.common import beside, load, need, number, record, split_of, typed, whole
from lib.datasets.questions import ask, draw

WINDOW = 16.0  # seconds shown around a moment of a long video
PROFICIENCY = ["Novice", "Early Expert", "Intermediate Expert", "Late Expert"]


class Take(NamedTuple):
    """What takes.json says of a take."""

    seconds: float | None = None
    best: str | None = None  # of its cameras outside
    videos: dict = {}  # {camera: path of its aligned video}


def read(path, seed, durations=None):
    """An annotation file or the folder of them: atomic descriptions (time, text), expert commentary, good
    executions and tips (text), proficiency (class). Moments are shown in a clip around them, for which
    takes.json, beside the file or one folder up, gives durations and cameras."""
    takes = takes_of(beside(path, "takes.json", "../takes.json"))
    files = [Path(path)]
    if os.path.isdir(path):
        files = [file for file in sorted(Path(path).glob("*.json")) if file.name != "takes.json"]
    for file in files:
        for n, (where, uid, annotation) in enumerate(annotations(file)):
            kind = next((key for key in READERS if key in annotation), None)
            if kind is None:
                yield where, None, "dropped: an annotation of another kind"
                continue
            if uid is None:
                (uid,) = need(where, annotation, take_uid=str)
            take, id = takes.get(uid, Take()), f"{uid}#{file.stem}-{n}"
            for found, note in READERS[kind](where, id, annotation, take, seed):
                yield where, found and {**found, **split_of(file), "source_video": uid}, note


def annotations(file):
    """Yields (where, take, annotation) of a file, in which they stand by take or in a list. What is not an
    object is given as an empty one."""
    found = load(file, object)
    found = found.get("annotations") if isinstance(found, dict) else found
    if isinstance(found, dict):
        pairs = ((uid, each) for uid, listed in found.items() for each in as_list(listed))
    else:
        pairs = ((None, each) for each in as_list(found))
    for n, (uid, annotation) in enumerate(pairs):
        annotation = annotation if isinstance(annotation, dict) else {}
        name = uid or annotation.get("take_uid")
        # a file of another kind has neither takes nor a list
        where = f"{file}: {name}" if name else f"{file}: annotations[{n}]" if found else str(file)
        yield where, uid, annotation


def as_list(found):
    """A list as it is; in its place anything else, which is then an annotation of another kind."""
    return found if isinstance(found, list) else [found]


def takes_of(path):
    """{take: Take} of takes.json, if it is there."""
    takes = {}
    for n, take in enumerate(load(path, list) if path else ()):
        where, keys = f"{path}[{n}]", {"take_uid": str, "root_dir": str | None, "best_exo": str | None}
        uid, folder, best, aligned = need(where, take, **keys, frame_aligned_videos=dict | None)
        videos = {}
        for camera, streams in (aligned or {}).items():
            stream = isinstance(streams, dict) and (streams.get("rgb") or streams.get("0"))
            (inside,) = need(f"{where}: {camera}", stream or {}, relative_path=str | None)
            if folder and inside:
                videos[camera] = f"{folder}/{inside}"
        takes[uid] = Take(number(take.get("duration_sec")), best, videos)
    return takes


# ---------------------------------------------------------------- kinds of annotation


def descriptions(where, id, annotation, take, seed):
    """Time and text of atomic descriptions, in which C is the camera wearer and O another person."""
    for n, description in enumerate(*need(where, annotation, descriptions=list)):
        key, keys = f"{id}.{n}", {"timestamp": object, "text": str | None, "best_exo": dict | None}
        moment, text, best = need(f"{where}: descriptions[{n}]", description, **keys)
        (best,) = need(f"{where}: descriptions[{n}]: best_exo", best or {}, cam_id=str | None)
        cameras = ["ego"] if description.get("ego_visible") else []
        cameras += [best] if best else []
        clip, at = clip_around(key, moment, take, camera_stems(take, *cameras), seed)
        if annotation.get("rejected") or description.get("unsure"):
            yield None, "dropped: rejected or unsure"
        elif clip is None or not (text or "").strip():
            yield None, at if clip is None else "dropped: no words"
        else:
            text = re.sub(r"\bC\b", "the camera wearer", text.strip())
            text = re.sub(r"\b[O0]\b", "someone else", text)
            text = text[:1].upper() + text[1:]
            when = ask("time", seed, key, sentence=text.rstrip("."))
            yield record(f"{key}#time", clip, when, "time", "time", at), None
            what = ask("moment", seed, key, at=at)
            yield record(f"{key}#text", clip, what, "sentence", "text", text), None


def commentary(where, id, annotation, take, seed):
    """Text of what experts say at a moment."""
    for n, comment in enumerate(*need(where, annotation, commentary_data=list)):
        key, keys = f"{id}.{n}", {"video_time": object, "text": str | None}
        moment, text = need(f"{where}: commentary_data[{n}]", comment, **keys)
        clip, at = clip_around(key, moment, take, camera_stems(take, "exo", "ego"), seed)
        if comment.get("error"):
            yield None, "dropped: marked as an error"
        elif clip is None or not (text or "").strip():
            yield None, at if clip is None else "dropped: no words"
        else:
            question = ask("commentary", seed, key, task=task_of(where, annotation), at=at)
            yield record(key, clip, question, "commentary", "text", text.strip()), None


def demonstration(where, id, annotation, take, seed):
    """Text of feedback at a moment."""
    for task, kind in (("good", "good_executions"), ("tips", "tips_for_improvement")):
        (listed,) = need(where, annotation, **{kind: list | None})
        for n, feedback in enumerate(listed or ()):
            key, here = f"{id}.{kind}.{n}", f"{where}: {kind}[{n}]"
            moment, said = need(here, feedback, video_time=object, list=str | list)
            text, stems = sentences(here, said), view_stems(where, annotation, take)
            clip, at = clip_around(key, moment, take, stems, seed)
            if clip is None or not text:
                yield None, at if clip is None else "dropped: no words"
            else:
                question = ask(task, seed, key, task=task_of(where, annotation), at=at)
                yield record(key, clip, question, kind, "text", text), None


def sentences(where, listed):
    """The text of a list of sentences, in the older export a string that holds one, or plain words."""
    if isinstance(listed, str):
        plain = [listed]
        try:
            listed = ast.literal_eval(listed)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            listed = plain
        listed = listed if isinstance(listed, list) else plain
    listed = [typed(where, "a sentence", sentence, str).strip() for sentence in listed]
    return " ".join(f"{sentence.rstrip('.')}." for sentence in listed if sentence)


def task_of(where, annotation):
    """What the person does."""
    (task,) = need(where, annotation, task_name=str | None)
    return task or need(where, annotation, scenario_name=str)[0]


def demonstrator(where, id, annotation, take, seed):
    """Class of a whole take: how skilled the person is."""
    level = annotation["proficiency_score"]
    if level not in PROFICIENCY:
        yield None, "dropped: no such level of proficiency"
        return
    task = task_of(where, annotation)
    question = ask("proficiency", seed, id, task=task, options=", ".join(PROFICIENCY))
    stems = whole(*view_stems(where, annotation, take))
    yield record(id, stems, question, "proficiency", "class", level, PROFICIENCY), None


# by the key that only its annotations have
READERS = {
    "descriptions": descriptions,
    "commentary_data": commentary,
    "good_executions": demonstration,
    "proficiency_score": demonstrator,
}


# ---------------------------------------------------------------- clips and cameras


def clip_around(id, moment, take, stems, seed):
    """(candidates, time of the moment in the clip), or (None, why not): WINDOW seconds of a take, with the
    moment anywhere but at their edges."""
    moment, duration = number(moment), take.seconds
    if moment is None:
        return None, "dropped: no time"
    if duration is None:
        return None, "dropped: take or its duration not in takes.json"
    if not stems:
        return None, "dropped: no camera shows it"
    if not 0 <= moment <= duration:
        return None, "dropped: moment outside the take"
    length = min(WINDOW, duration)
    before = (0.125 + 0.75 * draw(seed, id, "window")) * length
    start = round(max(0.0, min(moment - before, duration - length)), 2)
    return [(stem, start, start + length) for stem in stems], round(moment - start, 3)


def camera_stems(take, *cameras):
    """Stems of a take's aligned videos: of "ego", of "exo" (the best), or of a camera by its name."""
    ego = next((camera for camera in take.videos if "aria" in camera.lower()), None)
    names = [{"ego": ego, "exo": take.best}.get(camera, camera) for camera in cameras]
    return stems_of(take.videos[name] for name in names if name in take.videos)


def view_stems(where, annotation, take):
    """Stems of a proficiency annotation's videos: the best outside view, the others, the camera wearer's."""
    (views,) = need(where, annotation, video_paths=dict)
    paths = filter(None, need(where, views, **dict.fromkeys(views, str | None)))
    best = take.best or "no best"
    return stems_of(sorted(paths, key=lambda path: (path == views.get("ego"), best not in path)))


def stems_of(paths):
    """Stems of aligned videos from the take's folder on, each in full size, then downscaled."""
    stems = []
    for path in paths:
        stem = os.path.splitext(path)[0].removeprefix("takes/")
        small = stem.replace("frame_aligned_videos/", "frame_aligned_videos/downscaled/448/")
        stems += [stem, small]
    return stems
