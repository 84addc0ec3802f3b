"""The clips and captions of a dual encoder's steps, read in threads ahead of the model."""

import math
import os

import numpy as np

from lib.captions import clips_of
from lib.model import record_seed
from lib.model.clips import frames_of
from lib.process import world
from lib.records import StageError
from lib.video import VideoError

HELD = 1 << 30  # bytes of pixels in memory


def caption_in(clip, epoch, seed):
    """The caption that an epoch sees of a clip."""
    return clip.captions[record_seed(seed, epoch, clip.id) % len(clip.captions)]


def places_of(clips, videos, path):
    """clips_of() the clips of the file `path`, by default from beside it."""
    return clips_of([clip.place for clip in clips], videos or os.path.dirname(path) or ".")


def videos_of(clips, videos, path):
    """The real paths of their videos."""
    return [os.path.realpath(video) for video, *_ in places_of(clips, videos, path)]


def steps_of(count, batch, epochs, seed, most=None):
    """[(epoch, numbers of the clips)] of every step; `most`: that many, of as many epochs as they need. The
    clips left over at an epoch's end go on in the next: a smaller batch would have fewer wrong answers.
    """
    batch, steps = min(batch, count), []
    total = most or max(1, count * epochs // batch)
    left, epoch = [], 0
    while len(steps) < total:
        order = np.random.default_rng([seed, epoch]).permutation(count).tolist()
        left += [(epoch, n) for n in order]
        while len(left) >= batch and len(steps) < total:
            steps.append(left[:batch])
            left = left[batch:]
        epoch += 1
    return steps


class Pairs:
    """The steps' clips as pixels, with their captions, read in threads; what cannot be read is lost."""

    def __init__(self, args, clips, processor):
        self.args, self.clips, self.processor, self.lost, self.held = args, clips, processor, {}, {}
        self.places = places_of(clips, args.videos, args.input)
        self.steps = steps_of(len(clips), args.batch_size, args.epochs, args.seed, args.steps)

    def read(self, step):
        """(pixels, captions, which of them are there) of this process's clips of a step. All processes have
        as many: what is lost, or missing to that, is grey and counts nothing.
        """
        rank, processes = world()
        rows = self.steps[step]
        share = math.ceil(len(rows) / processes)
        mine = rows[rank * share : (rank + 1) * share]
        pixels, captions, there = [], [], []
        for epoch, number in mine:
            clip = self.clips[number]
            try:
                pixels.append(self._pixels(number))
                there.append(True)
            except VideoError as error:
                self.lost[clip.id] = str(error)
                pixels.append(None)
                there.append(False)
            captions.append(caption_in(clip, epoch, self.args.seed))
        short = share - len(mine)
        return self._stacked(pixels + [None] * short), captions + [""] * short, there + [False] * short

    def _pixels(self, number):
        """Pixels (frames, 3, height, width) of a clip, held in memory for later epochs as far as they have
        room. Raises VideoError.
        """
        from lib.viit.dual import pixels_of

        if number in self.held:
            return self.held[number]
        frames, _ = frames_of(self.places[number], self.args.frames, self.args.frame_cache)
        pixels = pixels_of(self.processor, frames)
        if (len(self.held) + 1) * pixels.nbytes <= HELD:
            self.held[number] = pixels
        return pixels

    def _stacked(self, pixels):
        """Pixels (clips, frames, 3, height, width), zeros for None."""
        import torch

        from lib.viit.dual import pixels_of

        shape = next((each.shape for each in pixels if each is not None), None)
        if shape is None:
            grey = np.full((self.args.frames, 32, 32, 3), 128, np.uint8)
            shape = pixels_of(self.processor, grey).shape
        return torch.stack([torch.zeros(shape) if each is None else each for each in pixels])

    def check(self):
        """Note what other processes lost. Raises StageError on all of them at once where more clips are lost
        than --max-failures allows.
        """
        lost = {}
        for share in of_all(dict(list(self.lost.items()))):
            lost |= share
        self.lost.update(lost)
        allowed = self.args.max_failures
        if len(lost) > (allowed * len(self.clips) if allowed < 1 else allowed):
            id, why = next(iter(lost.items()))
            raise StageError(
                f"{len(lost)} of {len(self.clips)} clips cannot be used, more than --max-failures "
                f"{allowed:g} allows; the first: {id}: {why}"
            )


def of_all(value):
    """[value of every process], in their order."""
    if world()[1] == 1:
        return [value]
    import torch

    values = [None] * world()[1]
    torch.distributed.all_gather_object(values, value)
    return values
