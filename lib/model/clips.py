"""Frames of clips, kept on disk from one stage to the next where a cache folder is named."""

import json
import os

import av
import numpy as np

from lib import video
from lib.model import cache

VERSION = 2  # of what read_frames returns: a changed reader decodes anew


def frames_of(clip, count, folder=None):
    """`count` frames of a clip (path, start, end) and their metadata, as video.read_frames gives them.

    `folder`, "DIR" or "DIR,GIB": a cache (see cache.py). Raises VideoError, and StageError for a cache that
    cannot be written.
    """
    path, start, end = clip
    if folder is None or not os.path.isfile(path):
        return video.read_frames(path, count, start, end)
    folder, bound = cache.open_cache(folder)
    file = cache.clip_file(folder, cache.FRAMES, path, count, start, end, VERSION, av.__version__)
    stored = cache.load(file, _stored)
    if stored is None:
        stored = frames, metadata = video.read_frames(path, count, start, end)
        cache.add(folder, bound, file, frames.nbytes + 2000, lambda part: _store(part, frames, metadata))
    return stored


def _store(path, frames, metadata):
    """Frames as .npz: not compressed, and zip's checksums make damage known."""
    with open(path, "wb") as file:
        np.savez(file, frames=frames, meta=json.dumps(metadata))


def _stored(path):
    with np.load(path) as stored:
        return stored["frames"], json.loads(str(stored["meta"]))
