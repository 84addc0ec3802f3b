"""Clips as files of their own, for trainers that know no start and end: a video of every frame that is on
screen in the clip, or pictures of some of them.

Each is made once, in a folder beside the rows that name it, under a name that says of what file (path, size,
time of change) and of which seconds it was made; it is there whole or not at all.
"""

import hashlib
import json
import os
import shutil
import threading
from fractions import Fraction

import av
import numpy as np

from lib.video import VideoError, clip_frames, read_frames

TICK = Fraction(1, 90_000)  # of the time stamps: all usual rates are whole multiples, or off by microseconds
# sharp, with key frames near each other, and no frame stored before one that is shown earlier
OPTIONS = {"crf": "18", "preset": "veryfast", "bf": "0", "g": "30", "threads": "1"}
LOCKS = [threading.Lock() for _ in range(64)]  # one clip is not made by two threads


def name_of(path, *request):
    """The name of what is made of a file: a hash of what it is and of what is asked of it."""
    about = os.stat(path)
    described = [os.path.realpath(path), about.st_size, about.st_mtime_ns, *request]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:20]


def made(path, ending, make):
    """`path`, made by make(temporary path) if it is not there yet."""
    with LOCKS[hash(path) % len(LOCKS)]:
        if os.path.exists(path):
            return path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part = f"{path}.{os.getpid()}.tmp{ending}"
        try:
            make(part)
            os.replace(part, path)
        finally:
            if os.path.isdir(part):
                shutil.rmtree(part)
            elif os.path.exists(part):
                os.unlink(part)
    return path


def clip_file(path, start, end, folder):
    """The path of an H.264 mp4 in `folder` that shows what the video shows from `start` to `end`, in seconds,
    each frame when and for as long as there, without sound; the video itself where it is not cut. Raises
    VideoError.
    """
    path = os.path.abspath(path)
    if not os.path.isfile(path):
        raise VideoError(f"{path}: no such file")
    if not start and end is None:
        return path
    file = os.path.join(os.path.abspath(folder), f"{name_of(path, start, end)}.mp4")
    return made(file, ".mp4", lambda part: write_clip(clip_frames(path, start, end), part, path))


def write_clip(frames, part, path):
    """Encode (second, seconds shown, picture) to an mp4."""
    shown, size = {}, None
    with av.open(part, "w", format="mp4") as container:
        for second, length, picture in frames:
            if size is None:
                size = picture.shape
                stream = container.add_stream("libx264", rate=30, options=OPTIONS)
                # H.264 halves the colours' resolution: sides must be even
                stream.height, stream.width = (max(side // 2 * 2, 2) for side in size[:2])
                stream.pix_fmt, stream.codec_context.time_base = "yuv420p", TICK
            if picture.shape != size:
                raise VideoError(f"{path}: the picture changes its size; re-encode it: ffmpeg -i IN OUT.mp4")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(stream.width, stream.height, "yuv420p", interpolation="BICUBIC")
            frame.pts, frame.time_base = round(second / TICK), TICK
            shown[frame.pts] = round(length / TICK)
            mux(container, stream.encode(frame), shown)
        mux(container, stream.encode(None), shown)


def mux(container, packets, shown):
    """Write packets, each for as long as its frame is shown: of the last one nothing else tells."""
    for packet in packets:
        packet.duration = shown[packet.pts]
        container.mux(packet)


def frame_files(path, start, end, count, folder):
    """The paths of `count` JPEG files in `folder`: frames evenly spread over the clip, those that the stages
    show to a model. Raises VideoError.
    """
    path = os.path.abspath(path)
    if not os.path.isfile(path):
        raise VideoError(f"{path}: no such file")
    place = os.path.join(os.path.abspath(folder), name_of(path, start, end, count))
    made(place, "", lambda part: write_pictures(read_frames(path, count, start, end)[0], part))
    return [os.path.join(place, f"{n:03d}.jpg") for n in range(count)]


def write_pictures(frames, folder):
    """Frames (count, H, W, 3) as JPEG files of a new folder."""
    import cv2

    os.makedirs(folder)
    for n, frame in enumerate(frames):
        written = cv2.imwrite(os.path.join(folder, f"{n:03d}.jpg"), np.ascontiguousarray(frame[..., ::-1]))
        if not written:
            raise OSError(f"{folder}: cannot write a picture")
