"""How many frames of a clip a model sees, and of how many pixels: what --frames, --fps and the like say."""

import math
from typing import NamedTuple

from lib.records import StageError

FRAMES, MAX_FRAMES = 8, 64  # where neither --frames nor --fps, or with --fps no --max-frames is given
TRIED = 10.0  # seconds of the blank clip on which a model is tried
MAX_TOKENS = 768  # of a frame where only --min-pixels is given; as qwen-vl-utils (VIDEO_MAX_TOKEN_NUM)


class Sampling(NamedTuple):
    """Which frames of a clip are read, evenly spread, and the bounds of their size."""

    frames: int | None = FRAMES  # of every clip; None: as many as `fps` says
    fps: float | None = None  # frames for each second of the clip
    max_frames: int = MAX_FRAMES  # of a clip, with `fps`
    max_pixels: int | None = None  # of one frame
    min_pixels: int | None = None
    together: int = 1  # frames that the model's tower takes at a time
    grid: int = 1  # pixels; height and width of a frame within bounds are multiples of it

    @property
    def bounded(self):
        """Whether frames are scaled before the processor, whose own bounds then do not apply."""
        return bool(self.max_pixels or self.min_pixels)

    def count(self, seconds):
        """How many frames of a clip that is `seconds` long."""
        if self.fps is None:
            return self.frames
        most = max(self.max_frames // self.together, 1)
        return self.together * min(max(round(seconds * self.fps / self.together), 1), most)

    def size(self, height, width):
        """(height, width) of a frame within the bounds, its aspect ratio kept as far as the grid allows.
        Where no multiple of the grid lies between them, the upper bound is kept.
        """
        if not self.bounded:
            return height, width
        most = self.max_pixels or max(self.min_pixels, MAX_TOKENS * self.grid**2)

        def multiples(rounded, pixels):
            scale = math.sqrt(pixels / (height * width)) / self.grid
            return [max(1, rounded(side * scale)) * self.grid for side in (height, width)]

        sides = multiples(round, height * width)
        if math.prod(sides) < (self.min_pixels or 0):
            sides = multiples(math.ceil, self.min_pixels)
        if math.prod(sides) > most:
            sides = multiples(math.floor, most)
            longest = sides.index(
                max(sides)
            )  # of a narrow frame whose other side cannot be less than the grid
            room = most // min(sides) // self.grid * self.grid
            sides[longest] = max(min(sides[longest], room), self.grid)
        return tuple(sides)

    def key(self):
        """What tells these frames from others, for a cache: of a plain number of frames that number."""
        return self.frames if self == Sampling(self.frames, together=self.together) else list(self)

    def lower(self):
        """The flags of which a lower value gives fewer visual tokens."""
        flags = "--frames" if self.fps is None else "--max-frames, --fps"
        return f"{flags} or --max-pixels" if self.bounded else flags


def sampling_of(frames):
    """A Sampling as it is, a number of frames as the Sampling of so many."""
    return frames if isinstance(frames, Sampling) else Sampling(frames)


def fitted(sampling, processor, name):
    """The Sampling in the units of a processor: frames that the model `name` takes together, pixels of its
    grid.

    Raises StageError (exit code 2) for bounds of pixels that its family cannot obey.
    """
    frames, of_video = sampling_of(sampling), processor.video_processor
    frames = frames._replace(together=getattr(of_video, "temporal_patch_size", None) or 1)
    if not frames.bounded:
        return frames
    grid = grid_of(processor)
    flag = "--max-pixels" if frames.max_pixels else "--min-pixels"
    if grid is None:
        fixed = fixed_size(processor)
        made = f"every frame {fixed[0]}x{fixed[1]} pixels" if fixed else "frames of its own sizes"
        raise StageError(
            f"{flag}: the processor of {name} ({type(processor).__name__}) makes {made}, whatever it is "
            "given; leave the flag out",
            code=2,
        )
    if (frames.max_pixels or grid**2) < grid**2:
        raise StageError(
            f"--max-pixels {frames.max_pixels}: expected at least {grid**2}, the {grid}x{grid} pixels of one "
            f"visual token of {name}",
            code=2,
        )
    return frames._replace(grid=grid)


def grid_of(processor):
    """Of what number of pixels the sides of a frame are multiples, where a processor takes frames of any size
    as they are; else None. It is asked, by a blank clip: no table of families.
    """
    import torch

    from lib.model.inputs import undecided

    of_video = processor.video_processor
    if "video_grid_thw" not in of_video.model_input_names:
        return None
    patch, together = of_video.patch_size, getattr(of_video, "temporal_patch_size", None) or 1
    grid = patch * (getattr(of_video, "merge_size", None) or 1)
    blank = torch.zeros(together, 3, 2 * grid, 6 * grid, dtype=torch.uint8)
    as_it_is = {"do_resize": False, "do_sample_frames": False, "return_tensors": "pt"}
    made = of_video(videos=[blank], **as_it_is, **undecided(processor))
    return grid if made["video_grid_thw"][0, 1:].tolist() == [2 * grid // patch, 6 * grid // patch] else None


def fixed_size(processor):
    """(width, height) to which a processor brings every frame, or None where it follows the video's."""
    for name in ("crop_size", "size"):
        size = getattr(processor.video_processor, name, None) or {}
        if size.get("height") and size.get("width"):
            return size["width"], size["height"]
    return None
