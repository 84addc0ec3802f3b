"""Similarities of texts and clips by a dual encoder, kept in a file that is scored again without it."""

import json
import os
from zipfile import BadZipFile

import numpy as np

from lib.model import identity
from lib.model.clips import frames_of
from lib.model.load import device_of, dtype_of
from lib.process import progress
from lib.records import StageError
from lib.video import VideoError, prefetch
from lib.viit.dual import load, similarities


def search(args, path, gallery, clips):
    """Write `similarities` (texts, videos), `videos` (ids) and `model` into the .npz file `path`; returns why
    videos are lost. `clips`: (path, start, end) of each video. Raises StageError where more than
    --max-failures cannot be read, and for a file at `path` that was not made here.
    """
    questions = {"questions": os.path.abspath(args.questions), "task": args.task}
    made_with = json.dumps({**identity(args.model), **questions})
    check_place(path, made_with, args.overwrite)
    device = device_of()
    model, processor = load(args.model, device=device, dtype=dtype_of(args.dtype, device))
    count, lost = model.config.vision_config.num_frames, []

    def frames(clip):
        try:
            return frames_of(clip, count, args.frame_cache)[0]
        except VideoError as error:
            return error

    def good(found):
        for place, frames in enumerate(found):
            if isinstance(frames, VideoError):
                lost.append(f"{gallery.videos[place]}: {frames}")
                check(lost, len(clips), args.max_failures)
                frames = None
            yield frames

    found = progress(prefetch(frames, clips, args.workers, 2 * args.workers), len(clips), "encode clips")
    texts, batch = gallery.texts, args.batch_size
    values = similarities(model, processor, good(found), texts, batch, gallery.wordings)
    part = f"{path}.part"
    with open(part, "wb") as file:
        names = np.array(gallery.videos)
        np.savez(file, similarities=values, videos=names, model=str(args.model), made_with=made_with)
    os.replace(part, path)
    for reason in lost:
        print(f"lost: {reason}; it is found by no text", flush=True)
    return lost


def check_place(path, made_with, overwrite):
    """Raise StageError (exit code 2) where similarities at `path` are others', or of another search."""
    if not os.path.exists(path):
        return
    there = made_here(path)
    if not there:
        raise StageError(f"{path}: exists, and no search made it; write elsewhere with -o", code=2)
    if there != made_with and not overwrite:
        raise StageError(
            f"{path}: exists already, made with another model or questions; write elsewhere with -o, or "
            "replace it with --overwrite",
            code=2,
        )


def made_here(path):
    """What a file that search() wrote was made with, as it says; None of any other, which names no model."""
    try:
        with np.load(path, allow_pickle=False) as found:
            key = next((key for key in ("made_with", "model") if key in getattr(found, "files", ())), None)
            return key and str(found[key])
    except (OSError, EOFError, ValueError, AttributeError, TypeError, BadZipFile):
        return None


def check(lost, count, allowed):
    """Raise StageError where more clips are lost than --max-failures allows."""
    if len(lost) > (allowed * count if allowed < 1 else allowed):
        raise StageError(
            f"{len(lost)} of {count} videos cannot be read, more than --max-failures {allowed:g} allows; "
            f"the first: {lost[0]}"
        )
