"""Where the frames of a video file lie, and when each of them is on screen, by PyAV (FFmpeg).

Frame n is the n-th in order of presentation. Where it lies, and the key frame before it, is known before
anything is decoded: from the table of an mp4 or mov, else from one pass over the packets. What a container
says about itself is not trusted, though: `by_container`, `by_packets` and `by_decoding` each trust it less
than the one before, and who reads frames tries them in turn. Each returns (number of frames, place, Clock);
place(index) is (pts, number of the key frame before it), or place is None where the order is not known.

Seconds count from the first frame that is shown. A clock of so many ticks a second (Clock) tells which frame
is on screen: at a constant rate tick n shows frame n, else the last frame whose time stamp is not later.
"""

import os
from bisect import bisect_left, bisect_right
from typing import NamedTuple

import av
import numpy as np
from av.stream import Discard, Disposition

REORDER = 16  # frames; the most that H.264 and HEVC bring forward or put off
# A rate is no other one where it is off by this share, as 29.97 and 19001 / 634 for 30000 / 1001
DRIFT = 2e-6


class VideoError(Exception):
    """A video that cannot be used; the message names the file and the reason."""


def open_stream(path):
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


def rate_of(stream):
    """Frames a second as FFmpeg guesses, 25 where it cannot."""
    rate = float(stream.guessed_rate or 0)
    return rate if 0 < rate <= 1000 else 25.0


def period_of(stream):
    """From one frame to the next, in units of the time base."""
    return 1 / (rate_of(stream) * float(stream.time_base))


def rounding(period):
    """By how much rounding to units moves time stamps against each other; a frame left out does by more."""
    return min(0.995, period / 2)


class Clock(NamedTuple):
    """Which frame is on screen when: the n-th from tick times[n] on, counted from the first frame."""

    ticks: int  # up to the end of the last frame
    rate: float  # ticks a second
    times: list | range  # ascending


def constant(frames, stream):
    """The Clock of frames whose time stamps are not known: one frame a tick."""
    return Clock(frames, rate_of(stream), range(frames))


def clock_of(stream, times, last):
    """The Clock of frames with these time stamps, ascending, the last of which is shown for `last` (None or
    0: not known), all in units of the time base.

    At a constant rate, but for rounding and for some frames left out, a tick is a frame of that rate; else it
    is a unit of the time base, so that no time stamp is rounded.
    """
    rate, period, times = rate_of(stream), period_of(stream), np.array(times) - times[0]
    span, last = int(times[-1]), last or max(round(period), 1)
    ticks = np.rint(times / period).astype(int)
    centred = ticks - ticks.mean()
    slope = centred @ times / (centred @ centred or 1)
    step = np.clip(slope, period * (1 - DRIFT), period * (1 + DRIFT))
    keeps = np.ptp(times - ticks * step) < rounding(period) and (np.diff(ticks) > 0).all()
    if keeps and 2 * len(ticks) > ticks[-1]:
        return Clock(max(round((span + last) / step), int(ticks[-1]) + 1), rate, ticks.tolist())
    if len(times) > 1 and abs(last - period) <= 1:  # what FFmpeg says where the file says nothing
        last = min(last, int(times[-1] - times[-2]))
    return Clock(span + max(last, 1), float(1 / stream.time_base), times.tolist())


def packets_of(container, stream):
    """Packets up to the end, or as far as the file can be read; the last one is empty and makes the decoder
    hand out what it holds.
    """
    try:
        yield from container.demux(stream)
    except (av.error.InvalidDataError, av.error.EOFError):
        return
    except av.FFmpegError as error:
        raise VideoError(f"{container.name}: cannot be read: {error.strerror}") from None


def reorders(container, stream):
    """Whether frames are presented in another order than stored, in a container that does not say which
    (AVI).
    """
    return container.format.name == "avi" and (
        stream.codec_context.has_b_frames or stream.codec_context.name in ("h264", "hevc")
    )


def by_table(container, stream):
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
        or reorders(container, stream)
    ):
        return None
    first, span = table[0].timestamp, table[total - 1].timestamp - table[0].timestamp
    step = table[1].timestamp - first if total > 1 else 1
    period = period_of(stream)
    # between the ends only what is wanted is looked at: to go through the table of hours costs more than that
    if (
        span != (total - 1) * step
        or abs(span - (total - 1) * period) > rounding(period) + DRIFT * span
        or (stream.duration or 0) >= (total + 0.5) * period  # the last frame is shown for longer
    ):
        return None

    def place(index):
        begin = max(index - REORDER, 0)
        near = table[begin : min(index + REORDER, total)]
        if all(entry.timestamp == first + (begin + k) * step for k, entry in enumerate(near)):
            return stream.start_time + index * step, table.search_timestamp(first + index * step)
        return None

    return total, place, constant(total, stream)


def by_packets(container, stream):
    """The same from one pass over the packets (Matroska, WebM, MPEG-TS, variable frame rate); place is None
    where they do not tell the order.
    """
    hides = (
        stream.codec_context.name == "vp8"
    )  # which keeps pictures that are never shown in packets of their own
    packets = [
        (p.pts, p.dts, p.is_keyframe, p.is_discard, p.duration)
        for p in packets_of(container, stream)
        if p.size and not (hides and not bytes(p)[0] & 16)
    ]
    # what an edit list cuts off is not shown, but decoding may begin at it
    keys = sorted(pts for pts, _, key, _, _ in packets if key and pts is not None)
    packets = [packet for packet in packets if not packet[3]]
    if any(pts is None for pts, *_ in packets):  # a raw stream
        return len(packets), None, constant(len(packets), stream)
    durations = {pts: duration or 0 for pts, *_, duration in packets}
    times = sorted(durations)
    stored = [dts for _, dts, *_ in packets if dts is not None]
    if not keys or len(times) < len(packets) or stored != sorted(stored):
        return by_decoding(container, stream)
    last = durations[times[-1]]
    if packets[-1][0] != times[-1]:  # an mp4's packet lasts up to the next one stored, not shown
        last = min(last, times[-1] - times[-2])
    if reorders(container, stream):
        return len(times), None, clock_of(stream, times, last)
    times = times[bisect_left(times, keys[0]) :]  # what comes before the first key frame cannot be decoded
    if not times:
        return 0, None, constant(0, stream)
    numbers = [bisect_right(times, key) - 1 for key in keys]
    clock = clock_of(stream, times, last)
    return len(times), lambda index: (times[index], numbers[bisect_right(numbers, index) - 1]), clock


def is_cut_off(container, stream):
    """Whether the table of an mp4 or mov has its last frame behind the end of the file, as of a download that
    broke off. The table may stand at the head: then all else is as of the whole file.
    """
    table = stream.index_entries
    last = table[len(table) - 1] if len(table) else None
    return last is not None and last.pos + last.size > os.path.getsize(container.name)


def by_container(container, stream):
    """The table, or where there is none the packets."""
    return by_table(container, stream) or by_packets(container, stream)


def by_decoding(container, stream):
    """The same with nothing taken on trust: the frames that decode are counted, and their time stamps used
    where they have any that are in order.
    """
    frames = [(frame.pts, frame.duration) for frame in frames_of(container.name)]
    times = [pts for pts, _ in frames if pts is not None]
    if reorders(container, stream):
        times.sort()  # AVI's are in order of decoding
    if times and len(times) == len(frames) and times == sorted(times):
        return len(frames), None, clock_of(stream, times, frames[-1][1])
    return len(frames), None, constant(len(frames), stream)


def frames_of(path):
    """Every frame from the start of the file up to the first damage."""
    container, stream = open_stream(path)
    with container:
        begun = False
        for packet in packets_of(container, stream):
            try:
                for frame in packet.decode():
                    begun = True
                    if not frame.is_corrupt:
                        yield frame
            except av.FFmpegError:
                if begun:  # what follows would be built on what is missing
                    return
