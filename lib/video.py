"""Exact frames from video files with PyAV (FFmpeg), decoded ahead of the model by a pool of threads.

Frame n is the n-th in order of presentation. Where it lies, and the key frame before it, is known before
anything is decoded: from the table of an mp4 or mov, else from one pass over the packets. So decoding starts
at the nearest key frame, and what no other frame needs is not decoded on the way. What a container says about
itself is not trusted, though: where a frame that it promises does not come out of the decoder (truncated or
damaged files), the file is decoded from its start and the frames that decode are counted.
"""

import os
from bisect import bisect_right
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import av
import numpy as np
from av.stream import Discard, Disposition
from av.video.reformatter import VideoReformatter

SEEK_GAP = 2  # frames; decoding on over fewer costs less than starting anew at a key frame
REORDER = 16  # frames; the most that H.264 and HEVC bring forward or put off
NO_FRAME = (
    "0 frames decode (an encrypted or cut off stream?); re-encode it: ffmpeg -i IN -c:v libx264 OUT.mp4"
)


class VideoError(Exception):
    """A video that cannot be used; the message names the file and the reason."""


def _open(path):
    """(container, its first video stream that is no cover picture)."""
    if not os.path.exists(path):
        raise VideoError(f"{path}: no such file")
    if os.path.getsize(path) == 0:
        raise VideoError(f"{path}: the file is empty (0 bytes)")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise VideoError(
            f"{path}: not a video that FFmpeg can open (a damaged or unfinished download?): {error.strerror}"
        ) from None
    stream = next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)
    if stream is None or stream.codec_context is None:
        container.close()
        raise VideoError(
            f"{path}: not a video that FFmpeg can open: "
            f"{'no video stream' if stream is None else 'its codec is unknown'}"
        )
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all  # sound need not even be read
    # one decoder thread per file: the parallelism is across files (prefetch), which is faster than threads
    # under threads
    stream.thread_count, stream.thread_type = 1, "NONE"
    try:
        stream.codec_context.open(
            strict=False
        )  # before skip_frame is first set: dav1d obeys only what it finds at opening
    except av.FFmpegError as error:
        container.close()
        raise VideoError(
            f"{path}: not a video that FFmpeg can open: the {stream.codec_context.name} decoder says "
            f"{error.strerror}"
        ) from None
    return container, stream


def _rate(stream):
    rate = float(stream.guessed_rate or 0)
    return rate if 0 < rate <= 1000 else 25.0


def _packets(container, stream):
    """Packets up to the end, or as far as the file can be read; the last one is empty and makes the decoder
    hand out what it holds.
    """
    try:
        yield from container.demux(stream)
    except (av.error.InvalidDataError, av.error.EOFError):
        return
    except av.FFmpegError as error:
        raise VideoError(f"{container.name}: cannot be read: {error.strerror}") from None


def _reorders(container, stream):
    """Whether frames are presented in another order than stored, in a container that does not say which
    (AVI).
    """
    return container.format.name == "avi" and (
        stream.codec_context.has_b_frames or stream.codec_context.name in ("h264", "hevc")
    )


def _by_table(container, stream):
    """(number of frames, place) from the table of an mp4, mov or avi, or None.

    place(index) is (pts, number of the key frame before it), or None where the frames about it are unevenly
    spaced: the table is in order of decoding, and only even spacing tells the times of presentation.
    """
    table = stream.index_entries
    total = len(table)
    if (
        not total
        or total != stream.frames
        or table[0].is_discard
        or table[total - 1].is_discard
        or stream.start_time is None
        or _reorders(container, stream)
    ):
        return None
    first, step = table[0].timestamp, table[1].timestamp - table[0].timestamp if total > 1 else 1

    def place(index):
        begin = max(index - REORDER, 0)
        near = table[begin : min(index + REORDER, total)]
        if all(entry.timestamp == first + (begin + k) * step for k, entry in enumerate(near)):
            return stream.start_time + index * step, table.search_timestamp(first + index * step)
        return None

    return total, place


def _by_packets(container, stream):
    """The same from one pass over the packets (Matroska, WebM, MPEG-TS, variable frame rate); place is None
    where they do not tell the order.
    """
    hides = (
        stream.codec_context.name == "vp8"
    )  # which keeps pictures that are never shown in packets of their own
    packets = [
        (p.pts, p.dts, p.is_keyframe)
        for p in _packets(container, stream)
        if p.size and not p.is_discard and not (hides and not bytes(p)[0] & 16)
    ]
    times = sorted({pts for pts, _, _ in packets if pts is not None})
    keys = sorted(pts for pts, _, key in packets if key and pts is not None)
    stored = [dts for _, dts, _ in packets if dts is not None]
    if not keys or len(times) < len(packets) or stored != sorted(stored) or _reorders(container, stream):
        return len(packets), None
    times = times[times.index(keys[0]) :]  # what comes before the first key frame cannot be decoded
    numbers = [bisect_right(times, key) - 1 for key in keys]
    return len(times), lambda index: (times[index], numbers[bisect_right(numbers, index) - 1])


def _by_container(container, stream):
    """The table, or where there is none the packets."""
    return _by_table(container, stream) or _by_packets(container, stream)


def _by_decoding(container, stream):
    """The same with nothing taken on trust: the frames that decode are counted."""
    return sum(1 for _ in _frames(container.name)), None


def _frames(path):
    """Every frame from the start of the file up to the first damage."""
    container, stream = _open(path)
    with container:
        begun = False
        for packet in _packets(container, stream):
            try:
                for frame in packet.decode():
                    begun = True
                    if not frame.is_corrupt:
                        yield frame
            except av.FFmpegError:
                if begun:  # what follows would be built on what is missing
                    return


def _picture(frame, reformatter):
    """(H, W, 3) uint8 RGB, turned upright; a view of memory that FFmpeg filled."""
    rgb = reformatter.reformat(frame, format="rgb24", interpolation="BICUBIC", threads=1)
    rows = np.frombuffer(rgb.planes[0], np.uint8).reshape(rgb.height, rgb.planes[0].line_size)
    picture = rows[:, : rgb.width * 3].reshape(rgb.height, rgb.width, 3)
    return np.rot90(picture, frame.rotation // 90) if frame.rotation else picture


def _walk(container, stream, places):
    """Yields (index, picture) for `places`, {index: (pts, number of its key frame)} in ascending order, until
    a frame does not come out.
    """
    codec, reformatter, at = stream.codec_context, VideoReformatter(), -float("inf")
    index_of, missing = {pts: index for index, (pts, _) in places.items()}, set(places)
    keys = [key for _, key in places.values()] + [float("inf")]
    for (index, (wanted, key)), following in zip(places.items(), keys[1:]):
        begun = key <= at + SEEK_GAP
        if not begun:
            container.seek(wanted, stream=stream)
            packets = _packets(container, stream)
        for packet in packets if index in missing else ():
            if not begun and not packet.is_keyframe:
                continue
            if not begun and packet.pts is not None and packet.pts > wanted:  # the container led us too far
                return
            begun = True
            codec.skip_frame = (
                "DEFAULT" if packet.pts in index_of else "NONREF"
            )  # a frame that no other refers to is decoded only if it is wanted
            frames = packet.decode()
            if (
                packet.pts == wanted and following > index + SEEK_GAP
            ):  # nothing more from here: have it now, without the packets up to its turn
                frames += codec.decode(None)
            for frame in frames:
                if frame.pts in index_of and not frame.is_corrupt:
                    missing.discard(index_of[frame.pts])
                    yield index_of[frame.pts], _picture(frame, reformatter)
            if index not in missing:
                break
        if index in missing:
            return
        at = index


def _counted(path, wanted):
    """Yields (index, picture) as _walk, by decoding and counting every frame from the start."""
    reformatter = VideoReformatter()
    for index, frame in enumerate(islice(_frames(path), max(wanted) + 1)):
        if index in wanted:
            yield index, _picture(frame, reformatter)


def _gather(container, stream, place, wanted):
    """(len(wanted), H, W, 3) uint8, or None where not all of them decode."""
    places = {index: place(index) for index in wanted} if place else {}
    if None in places.values():
        return None
    frames, missing = None, set(wanted)
    try:
        for index, picture in _walk(container, stream, places) if place else _counted(container.name, wanted):
            if frames is None:
                frames = np.empty((len(wanted), *picture.shape), np.uint8)
            if picture.shape != frames.shape[1:]:
                raise VideoError(
                    f"{container.name}: the picture changes its size; re-encode it: ffmpeg -i IN -c:v "
                    "libx264 OUT.mp4"
                )
            for k in (k for k, other in enumerate(wanted) if other == index):
                frames[k] = picture
            missing.discard(index)
    except av.FFmpegError:  # damage, or a container that cannot seek
        return None
    return None if missing else frames


def _centres(first, last, count):
    """Indices of the centres of `count` equal segments of [first, last): repeats frames where there are fewer
    than asked.
    """
    return [first + int((k + 0.5) * (last - first) / count) for k in range(count)]


def read_frames(path, count, start=None, end=None):
    """`count` frames, evenly spread over the clip [start, end] (seconds; None: the whole file).

    Returns (frames, metadata): frames (count, H, W, 3) uint8 RGB; metadata the keyword arguments of
    transformers' VideoMetadata, with frames_indices counted from the clip's start. Rotation flags are
    applied. A clip shorter than `count` frames repeats frames. Raises VideoError, naming the file, where
    nothing decodes or the clip lies outside the file.
    """
    for look in (
        _by_container,
        _by_packets,
        _by_decoding,
    ):  # each trusts the container less than the one before
        container, stream = _open(path)
        with container:
            (total, place), fps = look(container, stream), _rate(stream)
            if total < 1:
                continue
            first = min(int((start or 0) * fps), total)
            last = min(round(end * fps), total) if end is not None else total
            if first >= total:
                raise VideoError(
                    f"{path}: the clip starts at {start} s, the video ends at {total / fps:.2f} s"
                )
            wanted = _centres(first, max(last, first + 1), count)
            frames = _gather(container, stream, place, wanted)
            if frames is not None:
                break
    else:
        raise VideoError(f"{path}: {NO_FRAME}")
    length = max(last - first, 1)
    metadata = dict(
        total_num_frames=length,
        fps=fps,
        frames_indices=[index - first for index in wanted],
        duration=length / fps,
        height=frames.shape[1],
        width=frames.shape[2],
    )
    return frames, metadata


def viewed(frames, view, seed):
    """Frames (count, H, W, 3) as they are, in an order drawn from `seed`, or all grey: what can be answered
    without seeing, or without order?
    """
    if view == "blind":
        return np.full_like(frames, 128)
    return frames[np.random.default_rng(seed).permutation(len(frames))] if view == "shuffled" else frames


def probe(path):
    """Open a video and decode its first frame: {"duration": seconds, "frames", "fps", "width", "height"}.
    Raises VideoError as read_frames.
    """
    frame = next(_frames(path), None)
    if frame is None:
        raise VideoError(f"{path}: {NO_FRAME}")
    height, width = (frame.width, frame.height) if frame.rotation % 180 else (frame.height, frame.width)
    container, stream = _open(path)
    with container:
        frames, fps = _by_container(container, stream)[0], _rate(stream)
    return {
        "duration": round(frames / fps, 3),
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
