"""Frames of clips as a model shall see them, kept on disk from one stage to the next where a cache folder is
named.
"""

import json
import os

import av
import numpy as np

from lib import video
from lib.model import cache
from lib.model.frames import sampling_of

VERSION = 2  # of what read_frames returns: a changed reader decodes anew


def frames_of(clip, sampling, folder=None):
    """The frames of a clip (path, start, end) that a Sampling, or a number of frames, asks for, and their
    metadata, as video.read_frames gives them; with bounds of pixels scaled, and then `sized` in the metadata.

    `folder`, "DIR" or "DIR,GIB": a cache (see cache.py). Raises VideoError, and StageError for a cache that
    cannot be written.
    """
    (path, start, end), sampling = clip, sampling_of(sampling)
    if folder is None or not os.path.isfile(path):
        return _read(path, sampling, start, end)
    folder, bound = cache.open_cache(folder)
    request = (sampling.key(), start, end, VERSION, av.__version__)
    file = cache.clip_file(folder, cache.FRAMES, path, *request)
    stored = cache.load(file, _stored)
    if stored is None:
        stored = frames, metadata = _read(path, sampling, start, end)
        cache.add(folder, bound, file, frames.nbytes + 2000, lambda part: _store(part, frames, metadata))
    return stored


def _read(path, sampling, start, end):
    """frames_of() without a cache."""
    count = sampling.frames if sampling.fps is None else sampling.count
    if not sampling.bounded:
        return video.read_frames(path, count, start, end)
    frames, metadata = video.read_frames(path, count, start, end, lambda picture: scaled(picture, sampling))
    return frames, {**metadata, "sized": True}


def scaled(picture, sampling):
    """A picture (H, W, 3) uint8 within the bounds of a Sampling: averaged where it shrinks, by cubic splines
    where it grows.
    """
    import cv2

    before, (height, width) = picture.shape[:2], sampling.size(*picture.shape[:2])
    if before == (height, width):
        return picture
    how = cv2.INTER_AREA if height * width < before[0] * before[1] else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=how)


def _store(path, frames, metadata):
    """Frames as .npz: not compressed, and zip's checksums make damage known."""
    with open(path, "wb") as file:
        np.savez(file, frames=frames, meta=json.dumps(metadata))


def _stored(path):
    with np.load(path) as stored:
        return stored["frames"], json.loads(str(stored["meta"]))
