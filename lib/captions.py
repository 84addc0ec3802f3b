"""Files of clips with captions, of one's own or of a dataset, as clips: read by 01 (to train on, to caption
anew) and by 06 (to score captions and retrieval).

    JSONL, CSV    video, caption (JSONL: or captions, a list); optional id, start, end, split
    MSR-VTT       its JSON of videos and sentences, or MSRVTT_JSFUSION_test.csv (1k-A)
    VATEX         its JSON list of videoID and enCap
    MSVD          lines "id caption", or its video corpus CSV
    ActivityNet   its JSON of timestamps and sentences
    COCO          images and annotations
    ours          records of 01 --dataset captions; captions that 02 wrote, but for those that failed, and
                  those that another step did not keep
"""

import os
import re
from collections import defaultdict
from typing import NamedTuple

from lib.records import StageError, is_number, is_text, is_time, video_path
from lib.table import read_rows, text_lines

VIDEO = "video|video_id|vid|VideoID|image_id"
CAPTION = "caption|captions|sentence|sentences|enCap|Description"
EXPECTED = "expected video and caption (or those of MSR-VTT, VATEX, MSVD, ActivityNet Captions or COCO)"
INSTANT = 0.01  # seconds


class Clip(NamedTuple):
    """A clip and what is said of it."""

    where: str  # "path:line" or "path[n]" of the first caption
    id: str
    video: str  # as the file names it
    captions: list
    start: float | None = None
    end: float | None = None
    split: str | None = None
    file: str | None = None  # its path, where one of our records says it

    @property
    def place(self):
        """What clips_of() finds its video by."""
        ours = {"file": self.file} if self.file else {}
        return {"video": self.video, "start": self.start, "end": self.end, **ours}


def is_ours(row):
    """Whether a row is a record of our stages: its video is named from the folder of its file."""
    return isinstance(row.get("labels"), list) and "question" in row


def our_rows(path, rows):
    """Of rows (where, row) our records as rows of a captions file: a caption that failed (`error`), or that
    was not kept (`keep` false), is none.
    """
    for where, row in rows:
        if not (isinstance(row, dict) and is_ours(row)):
            yield where, row
            continue
        said = row.get("captions") or []
        if {"answer", "error"} & row.keys():
            said = [] if "error" in row or row.get("keep") is False else [row.get("answer")]
        if said and is_text(row.get("video")):
            yield where, {**row, "captions": said, "caption": None, "file": video_path(row, path)}


def first(row, names):
    """The value of the first of `names` ("a|b") that a row has, or None."""
    return next((row[name] for name in names.split("|") if row.get(name) not in (None, "")), None)


def seconds(row, key, where):
    """A time of a row, or None. Raises StageError where it is no number."""
    value = row.get(key)
    if value in (None, ""):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = -1.0
    if not (is_number(found) and found >= 0):
        raise StageError(f"{where}: {key} is {value!r:.60}, expected seconds, a number of at least 0")
    return found


def read_captions(path):
    """The Clips of a file, in its order, all captions of a clip together. Raises StageError with the line."""
    clips = {}
    for where, row in rows_of(path):
        video, said = first(row, VIDEO), first(row, CAPTION)
        if video is None or said is None:
            raise StageError(f"{where}: no {'caption' if video is not None else 'video'}; {EXPECTED}")
        said = said if isinstance(said, list) else [said]
        if not all(map(is_text, said)):
            raise StageError(f"{where}: captions {said!r:.120}, expected texts that are not blank")
        start, end = seconds(row, "start", where), seconds(row, "end", where)
        if None not in (start, end) and end <= start:
            raise StageError(f"{where}: end {end:g} is not after start {start:g}")
        cut = (
            "" if start is None and end is None else f"_{start or 0:g}_{'end' if end is None else f'{end:g}'}"
        )
        key = str(row["id"]) if row.get("id") not in (None, "") else f"{video}{cut}"
        words = [" ".join(text.split()) for text in said]
        known = clips.get(key)
        if known is None:
            split, file = row.get("split") or None, row.get("file") if is_ours(row) else None
            clips[key] = Clip(where, key, str(video), words, start, end, split, file)
        elif (known.video, known.start, known.end) != (str(video), start, end):
            raise StageError(f"{where}: id {key!r} is another clip, first at {known.where}; ids are of clips")
        else:
            known.captions.extend(words)
    if not clips:
        raise StageError(f"{path}: no captions")
    return list(clips.values())


def rows_of(path):
    """Yields (where, row with a video and a caption) of any of the formats."""
    if str(path).endswith(".txt"):
        for number, line in enumerate(text_lines(path), 1):
            video, _, caption = line.strip().partition(" ")
            if video and not video.startswith("#"):  # MSVD's file has a licence above
                yield f"{path}:{number}", {"video": video, "caption": caption}
        return
    rows = read_rows(path)
    parts = dict(row for _, row in rows if isinstance(row, tuple))
    if parts:
        yield from of_object(path, parts)
        return
    for where, row in our_rows(path, rows):
        if not isinstance(row, dict):
            raise StageError(f"{where}: found {row!r:.60}; {EXPECTED}")
        if "VideoID" in row and row.get("Language", "English") != "English":  # MSVD's corpus has many
            continue
        if "VideoID" in row:  # its videos are clips of others, named so
            row = {**row, "video": f"{row['VideoID']}_{row.get('Start')}_{row.get('End')}"}
        if "videoID" in row:  # VATEX
            row = {**row, "video": row["videoID"]}
        yield where, row


def of_object(path, parts):
    """rows_of() where the file is one JSON object."""
    if {"videos", "sentences"} <= parts.keys():  # MSR-VTT
        splits = {video.get("video_id"): video.get("split") for _, video in listed(path, parts, "videos")}
        for where, row in listed(path, parts, "sentences"):
            yield where, {**row, "split": splits.get(row.get("video_id"))}
    elif {"images", "annotations"} <= parts.keys():  # COCO
        names = {image.get("id"): image.get("file_name") for _, image in listed(path, parts, "images")}
        for where, row in listed(path, parts, "annotations"):
            image = row.get("image_id")
            yield where, {"video": names.get(image) or image, "caption": row.get("caption")}
    else:  # ActivityNet: a row a sentence, with its times
        for video, entry in parts.items():
            where = f"{path}: {video}"
            for (start, end), sentence in sentences_of(where, entry):
                yield where, {"video": video, "caption": sentence, "start": start, "end": end}


def listed(path, parts, key):
    """Yields (where, object) of a list of objects in a file. Raises StageError for anything else."""
    rows = parts[key] if isinstance(parts[key], list) else [parts[key]]
    for n, row in enumerate(rows):
        if not isinstance(row, dict):
            raise StageError(f"{path}: {key}[{n}]: found {row!r:.60}, expected an object")
        yield f"{path}: {key}[{n}]", row


def sentences_of(where, entry):
    """[((start, end), sentence)] of a video of ActivityNet Captions, whose official files have some times the
    wrong way round, or one instant in place of two: there the picture of that instant is meant.
    """
    entry = entry if isinstance(entry, dict) else {"found": entry}
    times, sentences = entry.get("timestamps"), entry.get("sentences")
    if not (isinstance(times, list) and isinstance(sentences, list) and len(times) == len(sentences)):
        raise StageError(f"{where}: found {entry!r:.60}; {EXPECTED}")
    if wrong := [pair for pair in times if not is_pair(pair)]:
        raise StageError(f"{where}: the times {wrong[0]!r:.60}, expected [start, end] in seconds")
    pairs = [sorted(pair) for pair in times]
    return [((s, e if e > s else s + INSTANT), sentence) for (s, e), sentence in zip(pairs, sentences)]


def is_pair(value):
    """Whether a value is two times in seconds."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_time, value))


# ---------------------------------------------------------------- their videos

SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".gif")


def stem(video):
    """A video's name without the suffix of a video or image file."""
    return re.sub(r"\.(?:mp4|mkv|webm|avi|mov|m4v|gif|jpg)$", "", str(video), flags=re.I)


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
    """(path, start, end) of the video of an item {"video", ...}: by its own name, or (video_start_end) as a
    clip of the whole.
    """
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


def clips_of(places, folder):
    """[(path, start, end)] of clips {"video", "start", "end"}; one that is missing fails when it is read."""
    found = {} if all("file" in place for place in places) else find_videos(folder)
    return [clip_of(place, found, folder) for place in places]
