"""Exact frames from video files with OpenCV, decoded ahead of the model by a pool of threads.

What a container says about itself is not trusted: frame counts are estimates (Matroska often reports one too many, WebM anything),
truncated files keep "succeeding" at their last good frame, and some codecs open without ever decoding. So frames are walked with
`grab()`, a seek is checked by where it landed, and what cannot be reached is re-counted from the start.
"""
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg writes dozens of lines for one damaged file; our error names it once
import cv2
import numpy as np

SEEK_GAP = 128  # frames; walking over fewer is as fast as a seek that must decode from the key frame before
MAX_FRAMES = 10_000_000  # a count above this (or below 1) is a container's mistake, not a video


NO_FRAME = "0 frames decode (an encrypted, empty or AV1 stream?); re-encode it: ffmpeg -i IN -c:v libx264 OUT.mp4"


class VideoError(Exception):
    """A video that cannot be used; the message names the file and the reason."""


def _open(path):
    if not os.path.exists(path):
        raise VideoError(f"{path}: no such file")
    if os.path.getsize(path) == 0:
        raise VideoError(f"{path}: the file is empty (0 bytes)")
    # one decoder thread per file: the parallelism is across files (prefetch), which is faster than threads under threads
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    if not capture.isOpened():
        raise VideoError(f"{path}: not a video that FFmpeg can open (no video stream, or a damaged or unfinished download)")
    return capture


def _count(path):
    """Number of frames that really decode: the whole file is walked."""
    capture, n = _open(path), 0
    while capture.grab():
        n += 1
    capture.release()
    return n


def _walk(path, wanted, seek=True):
    """Frames at the indices `wanted`, as {index: (H, W, 3) uint8 RGB}; stops early where the file does."""
    capture, at, found = _open(path), -1, {}
    fps = capture.get(cv2.CAP_PROP_FPS)
    for index in sorted(set(wanted)):
        if seek and index - at > SEEK_GAP and fps > 0:
            capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            if not capture.grab():
                break
            if abs(capture.get(cv2.CAP_PROP_POS_MSEC) * fps / 1000 - index) > 0.5:  # variable frame rate, or a seek into damage
                capture.release()
                return _walk(path, wanted, seek=False)
            at = index
        while at < index and capture.grab():
            at += 1
        if at < index:
            break
        ok, frame = capture.retrieve()
        if not ok or frame is None:
            break
        found[index] = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    capture.release()
    return found


def _centres(first, last, count):
    """Indices of the centres of `count` equal segments of [first, last): repeats frames where there are fewer than asked."""
    return [first + int((k + 0.5) * (last - first) / count) for k in range(count)]


def _measure(path):
    """(frames, frames per second, whether every frame was counted). The count of an mp4 or mov is a table; elsewhere its last frame is tried."""
    capture = _open(path)
    total, fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    fps = fps if 0 < fps <= 1000 else 25.0
    if 1 <= total <= MAX_FRAMES and (str(path).lower().endswith((".mp4", ".mov", ".m4v")) or _walk(path, [int(total) - 1])):
        return int(total), fps, False
    return _count(path), fps, True


def read_frames(path, count, start=None, end=None):
    """`count` frames, evenly spread over the clip [start, end] (seconds; None: the whole file).

    Returns (frames, metadata): frames (count, H, W, 3) uint8 RGB; metadata the keyword arguments of transformers' VideoMetadata, with
    frames_indices counted from the clip's start. Rotation flags are applied. A clip shorter than `count` frames repeats frames.
    Raises VideoError, naming the file, where nothing decodes or the clip lies outside the file.
    """
    total, fps, counted = _measure(path)
    while True:
        if total < 1:
            raise VideoError(f"{path}: {NO_FRAME}")
        first = min(int((start or 0) * fps), total)
        last = min(round(end * fps), total) if end is not None else total
        if first >= total:
            raise VideoError(f"{path}: the clip starts at {start} s, the video ends at {total / fps:.2f} s")
        wanted = _centres(first, max(last, first + 1), count)
        found = _walk(path, wanted)
        if len(found) == len(set(wanted)):
            break
        if counted:  # even the frames that grab() counted do not retrieve: keep to those before the damage
            total = max(found, default=-1) + 1
            continue
        total, counted = _count(path), True
    frames = np.stack([found[index] for index in wanted])
    meta = dict(total_num_frames=max(last - first, 1), fps=fps, frames_indices=[index - first for index in wanted],
                duration=max(last - first, 1) / fps, height=frames.shape[1], width=frames.shape[2])
    return frames, meta


def viewed(frames, view, seed):
    """Frames (count, H, W, 3) as they are, in an order drawn from `seed`, or all grey: what can be answered without seeing, or without order?"""
    if view == "blind":
        return np.full_like(frames, 128)
    return frames[np.random.default_rng(seed).permutation(len(frames))] if view == "shuffled" else frames


def probe(path):
    """Open a video and decode its first frame: {"duration": seconds, "frames", "fps", "width", "height"}. Raises VideoError as read_frames."""
    capture = _open(path)
    ok, frame = capture.read()
    capture.release()
    if not ok or frame is None:
        raise VideoError(f"{path}: {NO_FRAME}")
    frames, fps, _ = _measure(path)
    return {"duration": round(frames / fps, 3), "frames": frames, "fps": fps, "width": frame.shape[1], "height": frame.shape[0]}


def prefetch(function, items, workers=2, ahead=8):
    """Yields function(item) in the order of `items`, computed up to `ahead` items early by `workers` threads.

    An exception of `function` is raised where its result would have been yielded. The generator may be abandoned at any time.
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
