"""Ego-Exo4D: what happens when, what experts say of it, and how skilled the person is."""

import ast
import os
import re
from pathlib import Path

from lib.datasets.common import beside, load, number, record, split_of, whole
from lib.datasets.questions import ask, draw

WINDOW = 16.0  # seconds shown around a moment of a long video
PROFICIENCY = ["Novice", "Early Expert", "Intermediate Expert", "Late Expert"]


def read(path, seed, durations=None):
    """An annotation file or the folder of them: atomic descriptions (time, text), expert commentary, good
    executions and tips (text), proficiency (class). Moments are shown in a clip around them, for which
    takes.json, beside the file or one folder up, gives durations and cameras."""
    takes = beside(path, "takes.json", "../takes.json")
    takes = {take["take_uid"]: take for take in load(takes, list)} if takes else {}
    files = [Path(path)]
    if os.path.isdir(path):
        files = [file for file in sorted(Path(path).glob("*.json")) if file.name != "takes.json"]
    for file in files:
        for n, (uid, annotation) in enumerate(annotations(file)):
            kind = next((key for key in READERS if key in annotation), None)
            if kind is None:
                yield f"{file}: {uid}", None, "dropped: an annotation of another kind"
                continue
            for found, note in READERS[kind](f"{uid}#{file.stem}-{n}", annotation, takes.get(uid), seed):
                yield f"{file}: {uid}", found and {**found, **split_of(file), "source_video": uid}, note


def annotations(file):
    """Yields (take, annotation) of a file, in which they stand by take or in a list. What is not an object is
    given as an empty one."""
    found = load(file, object)
    found = found.get("annotations") if isinstance(found, dict) else found
    if isinstance(found, dict):
        pairs = ((uid, annotation) for uid, listed in found.items() for annotation in listed)
    else:
        pairs = ((None, annotation) for annotation in found or [{}])
    for uid, annotation in pairs:
        annotation = annotation if isinstance(annotation, dict) else {}
        yield uid or annotation.get("take_uid"), annotation


# ---------------------------------------------------------------- kinds of annotation


def descriptions(id, annotation, take, seed):
    """Time and text of atomic descriptions, in which C is the camera wearer and O another person."""
    for n, description in enumerate(annotation["descriptions"]):
        key, best = f"{id}.{n}", (description.get("best_exo") or {}).get("cam_id")
        cameras = ["ego"] if description.get("ego_visible") else []
        cameras += [best] if best else []
        clip, at = clip_around(key, description["timestamp"], take, camera_stems(take, *cameras), seed)
        if annotation.get("rejected") or description.get("unsure"):
            yield None, "dropped: rejected or unsure"
        elif clip is None:
            yield None, at
        else:
            text = re.sub(r"\bC\b", "the camera wearer", description["text"].strip())
            text = re.sub(r"\b[O0]\b", "someone else", text)
            text = text[:1].upper() + text[1:]
            when = ask("time", seed, key, sentence=text.rstrip("."))
            yield record(f"{key}#time", clip, when, "time", "time", at), None
            what = ask("moment", seed, key, at=at)
            yield record(f"{key}#text", clip, what, "sentence", "text", text), None


def commentary(id, annotation, take, seed):
    """Text of what experts say at a moment."""
    for n, comment in enumerate(annotation["commentary_data"]):
        key = f"{id}.{n}"
        clip, at = clip_around(key, comment["video_time"], take, camera_stems(take, "exo", "ego"), seed)
        if comment.get("error"):
            yield None, "dropped: marked as an error"
        elif clip is None or not comment["text"].strip():
            yield None, at if clip is None else "dropped: no words"
        else:
            question = ask("commentary", seed, key, task=annotation["task_name"], at=at)
            yield record(key, clip, question, "commentary", "text", comment["text"].strip()), None


def demonstration(id, annotation, take, seed):
    """Text of feedback at a moment."""
    for task, kind in (("good", "good_executions"), ("tips", "tips_for_improvement")):
        for n, feedback in enumerate(annotation.get(kind) or ()):
            key, text = f"{id}.{kind}.{n}", sentences(feedback["list"])
            clip, at = clip_around(key, feedback["video_time"], take, view_stems(annotation, take), seed)
            if clip is None or not text:
                yield None, at if clip is None else "dropped: no words"
            else:
                question = ask(task, seed, key, task=annotation["task_name"], at=at)
                yield record(key, clip, question, kind, "text", text), None


def sentences(listed):
    """The text of a list of sentences, in the older export a string that holds one, or plain words."""
    if isinstance(listed, str):
        try:
            listed = ast.literal_eval(listed)
        except (ValueError, SyntaxError):
            listed = [listed]
    return " ".join(f"{sentence.strip().rstrip('.')}." for sentence in listed if sentence.strip())


def demonstrator(id, annotation, take, seed):
    """Class of a whole take: how skilled the person is."""
    level = annotation["proficiency_score"]
    if level not in PROFICIENCY:
        yield None, "dropped: no such level of proficiency"
        return
    task = annotation.get("task_name") or annotation["scenario_name"]
    question = ask("proficiency", seed, id, task=task, options=", ".join(PROFICIENCY))
    stems = whole(*view_stems(annotation, take))
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
    moment, duration = number(moment), number((take or {}).get("duration_sec"))
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
    aligned = (take or {}).get("frame_aligned_videos") or {}
    names = {
        "ego": next((camera for camera in aligned if "aria" in camera.lower()), None),
        "exo": (take or {}).get("best_exo"),
    }
    streams = [aligned.get(names.get(camera, camera)) or {} for camera in cameras]
    videos = [stream.get("rgb") or stream.get("0") for stream in streams]
    return stems_of(f"{take['root_dir']}/{video['relative_path']}" for video in videos if video)


def view_stems(annotation, take):
    """Stems of a proficiency annotation's videos: the best outside view, the others, the camera wearer's."""
    best, paths = (take or {}).get("best_exo") or "no best", annotation["video_paths"]
    return stems_of(sorted(paths.values(), key=lambda path: (path == paths.get("ego"), best not in path)))


def stems_of(paths):
    """Stems of aligned videos from the take's folder on, each in full size, then downscaled."""
    stems = []
    for path in paths:
        stem = os.path.splitext(path)[0].removeprefix("takes/")
        small = stem.replace("frame_aligned_videos/", "frame_aligned_videos/downscaled/448/")
        stems += [stem, small]
    return stems
