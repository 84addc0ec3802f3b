"""Exact frames from video files with PyAV (FFmpeg), decoded ahead of the model by a pool of threads.

Frame n is the n-th in order of presentation. Where it lies, and the key frame before it, is known before
anything is decoded: from the table of an mp4 or mov, else from one pass over the packets. So decoding starts
at the nearest key frame, and what no other frame needs is not decoded on the way. What a container says about
itself is not trusted, though: where a frame that it promises does not come out of the decoder (truncated or
damaged files), the file is decoded from its start and the frames that decode are counted.

Seconds count from the first frame that is shown. A clock of so many ticks a second (Clock) tells which frame
is on screen: at a constant rate tick n shows frame n, else the last frame whose time stamp is not later.
"""

import os
from bisect import bisect_left, bisect_right
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import av
import numpy as np
from av.stream import Discard, Disposition
from av.video.reformatter import VideoReformatter

SEEK_GAP = 2  # frames; decoding on over fewer costs less than starting anew at a key frame
REORDER = 16  # frames; the most that H.264 and HEVC bring forward or put off
DRIFT = (
    2e-6  # a rate is no other one where it is off by this share, as 29.97 and 19001 / 634 for 30000 / 1001
)
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


def _period(stream):
    """From one frame to the next, in units of the time base."""
    return 1 / (_rate(stream) * float(stream.time_base))


def _rounding(period):
    """By how much rounding to units moves time stamps against each other; a frame left out does by more."""
    return min(0.995, period / 2)


class Clock(NamedTuple):
    """Which frame is on screen when: the n-th from tick times[n] on, counted from the first frame."""

    ticks: int  # up to the end of the last frame
    rate: float  # ticks a second
    times: list | range  # ascending


def _constant(frames, stream):
    """The Clock of frames whose time stamps are not known: one frame a tick."""
    return Clock(frames, _rate(stream), range(frames))


def _clock(stream, times, last):
    """The Clock of frames with these time stamps, ascending, the last of which is shown for `last` (None or
    0: not known), all in units of the time base.

    At a constant rate, but for rounding and for some frames left out, a tick is a frame of that rate; else it
    is a unit of the time base, so that no time stamp is rounded.
    """
    rate, period, times = _rate(stream), _period(stream), np.array(times) - times[0]
    span, last = int(times[-1]), last or max(round(period), 1)
    ticks = np.rint(times / period).astype(int)
    centred = ticks - ticks.mean()
    slope = centred @ times / (centred @ centred or 1)
    step = np.clip(slope, period * (1 - DRIFT), period * (1 + DRIFT))
    keeps = np.ptp(times - ticks * step) < _rounding(period) and (np.diff(ticks) > 0).all()
    if keeps and 2 * len(ticks) > ticks[-1]:
        return Clock(max(round((span + last) / step), int(ticks[-1]) + 1), rate, ticks.tolist())
    if len(times) > 1 and abs(last - period) <= 1:  # what FFmpeg says where the file says nothing
        last = min(last, int(times[-1] - times[-2]))
    return Clock(span + max(last, 1), float(1 / stream.time_base), times.tolist())


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
    """(number of frames, place, Clock) from the table of an mp4, mov or avi, or None where it does not tell.

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
    first, span = table[0].timestamp, table[total - 1].timestamp - table[0].timestamp
    step = table[1].timestamp - first if total > 1 else 1
    period = _period(stream)
    # between the ends only what is wanted is looked at: to go through the table of hours costs more than that
    if (
        span != (total - 1) * step
        or abs(span - (total - 1) * period) > _rounding(period) + DRIFT * span
        or (stream.duration or 0) >= (total + 0.5) * period  # the last frame is shown for longer
    ):
        return None

    def place(index):
        begin = max(index - REORDER, 0)
        near = table[begin : min(index + REORDER, total)]
        if all(entry.timestamp == first + (begin + k) * step for k, entry in enumerate(near)):
            return stream.start_time + index * step, table.search_timestamp(first + index * step)
        return None

    return total, place, _constant(total, stream)


def _by_packets(container, stream):
    """The same from one pass over the packets (Matroska, WebM, MPEG-TS, variable frame rate); place is None
    where they do not tell the order.
    """
    hides = (
        stream.codec_context.name == "vp8"
    )  # which keeps pictures that are never shown in packets of their own
    packets = [
        (p.pts, p.dts, p.is_keyframe, p.is_discard, p.duration)
        for p in _packets(container, stream)
        if p.size and not (hides and not bytes(p)[0] & 16)
    ]
    # what an edit list cuts off is not shown, but decoding may begin at it
    keys = sorted(pts for pts, _, key, _, _ in packets if key and pts is not None)
    packets = [packet for packet in packets if not packet[3]]
    if any(pts is None for pts, *_ in packets):  # a raw stream
        return len(packets), None, _constant(len(packets), stream)
    durations = {pts: duration or 0 for pts, *_, duration in packets}
    times = sorted(durations)
    stored = [dts for _, dts, *_ in packets if dts is not None]
    if not keys or len(times) < len(packets) or stored != sorted(stored):
        return _by_decoding(container, stream)
    last = durations[times[-1]]
    if packets[-1][0] != times[-1]:  # an mp4's packet lasts up to the next one stored, not shown
        last = min(last, times[-1] - times[-2])
    if _reorders(container, stream):
        return len(times), None, _clock(stream, times, last)
    times = times[bisect_left(times, keys[0]) :]  # what comes before the first key frame cannot be decoded
    if not times:
        return 0, None, _constant(0, stream)
    numbers = [bisect_right(times, key) - 1 for key in keys]
    clock = _clock(stream, times, last)
    return len(times), lambda index: (times[index], numbers[bisect_right(numbers, index) - 1]), clock


def _by_container(container, stream):
    """The table, or where there is none the packets."""
    return _by_table(container, stream) or _by_packets(container, stream)


def _by_decoding(container, stream):
    """The same with nothing taken on trust: the frames that decode are counted, and their time stamps used
    where they have any that are in order.
    """
    frames = [(frame.pts, frame.duration) for frame in _frames(container.name)]
    times = [pts for pts, _ in frames if pts is not None]
    if _reorders(container, stream):
        times.sort()  # AVI's are in order of decoding
    if times and len(times) == len(frames) and times == sorted(times):
        return len(frames), None, _clock(stream, times, frames[-1][1])
    return len(frames), None, _constant(len(frames), stream)


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


def _gather(container, stream, place, wanted, scale):
    """(len(wanted), H, W, 3) uint8, each as `scale` makes it, or None where not all of them decode."""
    places = {index: place(index) for index in wanted} if place else {}
    if None in places.values():
        return None
    frames, shape, missing = None, None, set(wanted)
    try:
        for index, picture in _walk(container, stream, places) if place else _counted(container.name, wanted):
            shape = shape or picture.shape
            if picture.shape != shape:
                raise VideoError(
                    f"{container.name}: the picture changes its size; re-encode it: ffmpeg -i IN -c:v "
                    "libx264 OUT.mp4"
                )
            picture = scale(picture) if scale else picture
            if frames is None:
                frames = np.empty((len(wanted), *picture.shape), np.uint8)
            for k in (k for k, other in enumerate(wanted) if other == index):
                frames[k] = picture
            missing.discard(index)
    except av.FFmpegError:  # damage, or a container that cannot seek
        return None
    return None if missing else frames


def _centres(first, last, count):
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
    for look in (
        _by_container,
        _by_packets,
        _by_decoding,
    ):  # each trusts the container less than the one before
        container, stream = _open(path)
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
            wanted = _centres(first, max(last, first + 1), number)
            shown = [bisect_right(clock.times, tick) - 1 for tick in wanted]
            frames = _gather(container, stream, place, shown, scale)
            if frames is not None:
                break
    else:
        raise VideoError(f"{path}: {NO_FRAME}")
    length = max(last - first, 1)
    metadata = dict(
        total_num_frames=length,
        fps=fps,
        frames_indices=[tick - first for tick in wanted],
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
    frame = next(_frames(path), None)
    if frame is None:
        raise VideoError(f"{path}: {NO_FRAME}")
    height, width = (frame.width, frame.height) if frame.rotation % 180 else (frame.height, frame.width)
    container, stream = _open(path)
    with container:
        frames, _, clock = _by_container(container, stream)
        fps = _rate(stream)
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
    for look in (_by_container, _by_packets, _by_decoding):
        container, stream = _open(path)
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
            for index, picture in _in_turn(container, stream, place, shown[count:]):
                begin = max(times[index], first)
                until = min(times[index + 1], last) if index + 1 < total else last
                yield (begin - first) / rate, (until - begin) / rate, picture
                count += 1
            if count >= len(shown):
                return
    raise VideoError(f"{path}: {NO_FRAME}")


def _in_turn(container, stream, place, wanted):
    """Yields (index, picture) of the frames of a range, up to the first that does not decode."""
    places = {index: place(index) for index in wanted} if place else {}
    if None in places.values() or not wanted:
        return
    try:
        found = _walk(container, stream, places) if place else _counted(container.name, wanted)
        for expected, (index, picture) in zip(wanted, found):
            if index != expected:  # before damage a later frame may come out
                return
            yield index, picture
    except av.FFmpegError:
        return
