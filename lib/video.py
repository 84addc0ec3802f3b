"""Exact frames from video files with PyAV (FFmpeg), decoded ahead of the model by a pool of threads.

Decoding starts at the key frame before the frame wanted (streams.py knows where that is), and what no other
frame needs is not decoded on the way. Where a frame that a container promises does not come out of the
decoder (truncated or damaged files), the file is decoded from its start and the frames that decode are
counted.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from lib.streams import (
    VideoError,
    by_container,
    by_decoding,
    by_packets,
    frames_of,
    is_cut_off,
    open_stream,
    packets_of,
    rate_of,
)

SEEK_GAP = 2  # frames; decoding on over fewer costs less than starting anew at a key frame
# How to look where frames lie, each trusting the container less than the one before
LOOKS = (by_container, by_packets, by_decoding)
NO_FRAME = (
    "0 frames decode (an encrypted or cut off stream?); re-encode it: ffmpeg -i IN -c:v libx264 OUT.mp4"
)


def picture_of(frame, reformatter):
    """(H, W, 3) uint8 RGB, turned upright; a view of memory that FFmpeg filled."""
    rgb = reformatter.reformat(frame, format="rgb24", interpolation="BICUBIC", threads=1)
    rows = np.frombuffer(rgb.planes[0], np.uint8).reshape(rgb.height, rgb.planes[0].line_size)
    picture = rows[:, : rgb.width * 3].reshape(rgb.height, rgb.width, 3)
    return np.rot90(picture, frame.rotation // 90) if frame.rotation else picture


def walk(container, stream, places):
    """Yields (index, picture) for `places`, {index: (pts, number of its key frame)} in ascending order, until
    a frame does not come out.
    """
    codec, reformatter, at = stream.codec_context, VideoReformatter(), -float("inf")
    index_of, missing = {pts: index for index, (pts, _) in places.items()}, set(places)
    keys = [key for _, key in places.values()] + [float("inf")]
    for (index, (goal, key)), following in zip(places.items(), keys[1:]):
        begun = key <= at + SEEK_GAP
        if not begun:
            container.seek(goal, stream=stream)
            packets = packets_of(container, stream)
        for packet in packets if index in missing else ():
            if not begun and not packet.is_keyframe:
                continue
            if not begun and packet.pts is not None and packet.pts > goal:  # the container led us too far
                return
            begun = True
            codec.skip_frame = (
                "DEFAULT" if packet.pts in index_of else "NONREF"
            )  # a frame that no other refers to is decoded only if it is wanted
            frames = packet.decode()
            if (
                packet.pts == goal and following > index + SEEK_GAP
            ):  # nothing more from here: have it now, without the packets up to its turn
                frames += codec.decode(None)
            for frame in frames:
                if frame.pts in index_of and not frame.is_corrupt:
                    missing.discard(index_of[frame.pts])
                    yield index_of[frame.pts], picture_of(frame, reformatter)
            if index not in missing:
                break
        if index in missing:
            return
        at = index


def counted(path, indices):
    """Yields (index, picture) as walk, by decoding and counting every frame from the start."""
    reformatter = VideoReformatter()
    for index, frame in enumerate(islice(frames_of(path), max(indices) + 1)):
        if index in indices:
            yield index, picture_of(frame, reformatter)


def gather(container, stream, place, indices, scale):
    """(len(wanted), H, W, 3) uint8, each as `scale` makes it, or None where not all of them decode."""
    places = {index: place(index) for index in indices} if place else {}
    if None in places.values():
        return None
    frames, shape, missing = None, None, set(indices)
    try:
        for index, picture in walk(container, stream, places) if place else counted(container.name, indices):
            shape = shape or picture.shape
            if picture.shape != shape:
                raise VideoError(
                    f"{container.name}: the picture changes its size; re-encode it: ffmpeg -i IN -c:v "
                    "libx264 OUT.mp4"
                )
            picture = scale(picture) if scale else picture
            if frames is None:
                frames = np.empty((len(indices), *picture.shape), np.uint8)
            for k in (k for k, other in enumerate(indices) if other == index):
                frames[k] = picture
            missing.discard(index)
    except av.FFmpegError:  # damage, or a container that cannot seek
        return None
    return None if missing else frames


def centres(first, last, count):
    """Centres of `count` equal segments of the ticks [first, last): repeats them where there are fewer than
    asked.
    """
    return [first + int((k + 0.5) * (last - first) / count) for k in range(count)]


def read_frames(path, count, start=None, end=None, scale=None):
    """`count` frames, evenly spread over the clip [start, end] (seconds; None: the whole file). `count`: a
    number, or a function that gives it for the seconds that the clip lasts. `scale`: a function that makes of
    a picture (H, W, 3) one of another size, so that large ones are never held together.

    Returns (frames, metadata): frames (number, H, W, 3) uint8 RGB; metadata the keyword arguments of
    transformers' VideoMetadata, with frames_indices counted from the clip's start. What it counts are ticks
    of the Clock: index / fps is the second at which a frame was on screen. Rotation flags are applied. A clip
    that has fewer frames repeats some. Raises VideoError, naming the file, where nothing decodes or
    the clip lies outside the file.
    """
    for look in LOOKS:
        container, stream = open_stream(path)
        with container:
            total, place, clock = look(container, stream)
            if total < 1:
                continue
            ticks, fps = clock.ticks, clock.rate
            first = min(int((start or 0) * fps), ticks)
            last = min(round(end * fps), ticks) if end is not None else ticks
            if first >= ticks:
                raise VideoError(
                    f"{path}: the clip starts at {start} s, the video ends at {ticks / fps:.2f} s"
                )
            number = count(max(last - first, 1) / fps) if callable(count) else count
            moments = centres(first, max(last, first + 1), number)
            shown = [bisect_right(clock.times, tick) - 1 for tick in moments]
            frames = gather(container, stream, place, shown, scale)
            if frames is not None:
                break
    else:
        raise VideoError(f"{path}: {NO_FRAME}")
    length = max(last - first, 1)
    metadata = dict(
        total_num_frames=length,
        fps=fps,
        frames_indices=[tick - first for tick in moments],
        duration=length / fps,
        height=frames.shape[1],
        width=frames.shape[2],
    )
    return frames, metadata


def viewed(frames, view, seed):
    """Frames (count, H, W, 3) as they are, in an order drawn from `seed`, all the middle one, or all grey:
    what can be answered without seeing, without motion, or without order?
    """
    if view == "blind":
        return np.full_like(frames, 128)
    if view == "still":
        return np.repeat(frames[len(frames) // 2][None], len(frames), axis=0)
    return frames[np.random.default_rng(seed).permutation(len(frames))] if view == "shuffled" else frames


def probe(path):
    """Open a video and decode its first frame: {"duration": seconds, "frames", "fps", "width", "height"}.
    Raises VideoError as read_frames.
    """
    frame = next(frames_of(path), None)
    if frame is None:
        raise VideoError(f"{path}: {NO_FRAME}")
    height, width = (frame.width, frame.height) if frame.rotation % 180 else (frame.height, frame.width)
    container, stream = open_stream(path)
    with container:
        if is_cut_off(container, stream):
            raise VideoError(f"{path}: the file is cut off: its last frames are missing; download it again")
        frames, _, clock = by_container(container, stream)
        fps = rate_of(stream)
    return {
        "duration": round(clock.ticks / clock.rate, 3),
        "frames": frames,
        "fps": fps,
        "width": width,
        "height": height,
    }


def prefetch(function, items, workers=2, ahead=8):
    """Yields function(item) in the order of `items`, computed up to `ahead` items early by `workers` threads.

    An exception of `function` is raised where its result would have been yielded. The generator may be
    abandoned at any time.
    """
    with ThreadPoolExecutor(workers) as pool:
        items, pending = iter(items), deque()
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > ahead:
                break
        try:
            while pending:
                result = pending.popleft().result()
                for item in items:
                    pending.append(pool.submit(function, item))
                    break
                yield result
        finally:
            for future in pending:
                future.cancel()


def clip_frames(path, start=None, end=None):
    """Yields (second, seconds shown, picture (H, W, 3) uint8 RGB) of every frame that is on screen in the
    clip [start, end] of a video, in order; seconds count from the clip's start. Raises VideoError as
    read_frames.
    """
    count = 0
    for look in LOOKS:
        container, stream = open_stream(path)
        with container:
            total, place, (ticks, rate, times) = look(container, stream)
            if total < 1:
                continue
            first = int((start or 0) * rate)
            last = min(round(end * rate), ticks) if end is not None else ticks
            if first >= ticks:
                raise VideoError(
                    f"{path}: the clip starts at {start} s, the video ends at {ticks / rate:.2f} s"
                )
            last = max(last, first + 1)
            shown = range(bisect_right(times, first) - 1, bisect_left(times, last))
            for index, picture in in_turn(container, stream, place, shown[count:]):
                begin = max(times[index], first)
                until = min(times[index + 1], last) if index + 1 < total else last
                yield (begin - first) / rate, (until - begin) / rate, picture
                count += 1
            if count >= len(shown):
                return
    raise VideoError(f"{path}: {NO_FRAME}")


def in_turn(container, stream, place, indices):
    """Yields (index, picture) of the frames of a range, up to the first that does not decode."""
    places = {index: place(index) for index in indices} if place else {}
    if None in places.values() or not indices:
        return
    try:
        found = walk(container, stream, places) if place else counted(container.name, indices)
        for expected, (index, picture) in zip(indices, found):
            if index != expected:  # before damage a later frame may come out
                return
            yield index, picture
    except av.FFmpegError:
        return
