"""The videos of captions files, by their names."""

import os
import re
from collections import defaultdict

from lib.records import StageError

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


def fields_of(place, folder):
    """A clip's place (path, start, end) as the fields of a record in a file of `folder`."""
    path, start, end = place
    inside = os.path.relpath(path, folder)
    times = {key: value for key, value in (("start", start), ("end", end)) if value is not None}
    return {"video": path if inside.startswith("..") else inside, **times}


def clips_of(places, folder):
    """[(path, start, end)] of clips {"video", "start", "end"}; one that is missing fails when it is read."""
    found = {} if all("file" in place for place in places) else find_videos(folder)
    return [clip_of(place, found, folder) for place in places]
