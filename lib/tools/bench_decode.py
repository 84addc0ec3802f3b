"""make bench, decoding: short and long clips of every common codec, read by lib.video and by other readers.

    python -m lib.tools.bench_decode     # torchcodec, decord and OpenCV are compared where they are installed

Processor time is compared, not the clock's: each reader has one decoder thread, and other programs must not
decide. Every frame shows its number: a reader that returns another one is marked wrong, and not compared.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from lib.command import checked_parser
from lib.tools.bench_inputs import heading, row
from lib.video import read_frames

# encoder settings, line by line; what OpenCV cannot read
os.environ |= {"SVT_LOG": "1", "OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "OFF"}
WIDTH, HEIGHT, FPS = 640, 360, 30
PERIOD = 50  # seconds of a long clip; its packets are then repeated, which cuts the encoding to a sixth
RUNS = 5
X264 = "preset=veryfast crf=28 threads=2"
X265 = "log-level=none:keyint=250:bframes=3:pools=none:frame-threads=2"
CODECS = {  # what: (suffix, encoder, its options)
    "H.264 GOP 250": ("mp4", "libx264", f"{X264} g=250 bf=3"),
    "H.264 GOP 30": ("mp4", "libx264", f"{X264} g=30 bf=3"),
    "H.264 GOP 12": ("mp4", "libx264", f"{X264} g=12 bf=2"),
    "HEVC": ("mp4", "libx265", f"preset=ultrafast x265-params={X265}"),
    "VP9": ("webm", "libvpx-vp9", "deadline=realtime cpu-used=8 b=800k g=125 row-mt=1 threads=2"),
    "MPEG-4": ("mp4", "mpeg4", "b=1500k g=12 bf=0"),
    "AV1": ("mp4", "libsvtav1", "preset=10 crf=18 g=125 svtav1-params=lp=2:enable-tf=0"),
}


def texture(seed=0):
    """A smooth random picture of twice the size, grey values in uint8, with a little noise."""
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.integers(16, 236, (31, 55)).astype(np.float32)
    smooth = cv2.resize(coarse, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_LINEAR)
    return np.clip(smooth + rng.integers(-3, 4, smooth.shape), 16, 235).astype(np.uint8)


def pictures(count):
    """`count` pictures that move, (HEIGHT * 3 / 2, WIDTH) yuv420p, with their number as 16 squares."""
    ground = texture()
    for n in range(count):
        x, y = int(WIDTH / 2 * (1 + np.sin(n / 97) * 0.9)), int(HEIGHT / 2 * (1 + np.cos(n / 61) * 0.9))
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        picture[:HEIGHT] = ground[y : y + HEIGHT, x : x + WIDTH]
        for k in range(3):  # and parts that move by themselves
            u, v = n * (6 + 2 * k) % (WIDTH - 80), n * (2 + k) % (HEIGHT - 60)
            picture[v : v + 60, u : u + 80] = ground[100 * k : 100 * k + 60, 50 * k : 50 * k + 80]
        picture[HEIGHT:] = ground[y // 2 : y // 2 + HEIGHT // 2, x // 2 : x // 2 + WIDTH] // 2 + 64
        for bit in range(16):
            down, across = (24 * part + 8 for part in divmod(bit, 4))
            picture[down : down + 24, across : across + 24] = 235 if n >> bit & 1 else 16
        yield picture


def number_of(frame):
    """The number drawn into an RGB frame."""
    return sum(int(frame[bit // 4 * 24 + 20, bit % 4 * 24 + 20].mean() > 127) << bit for bit in range(16))


def encode(path, encoder, options, count):
    """Write `count` numbered pictures."""
    options = dict(option.split("=", 1) for option in options.split())
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, FPS, options, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p")
        for n, picture in enumerate(pictures(count)):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def repeat(source, path, times):
    """The packets of `source`, `times` times in a row."""
    with av.open(str(path), "w") as target:
        stream = None
        for turn in range(times):
            with av.open(str(source)) as container:
                video = container.streams.video[0]
                stream = stream or target.add_stream_from_template(video, opaque=True)
                for packet in container.demux(video):
                    if packet.size:
                        shift = round(turn * PERIOD / packet.time_base)
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        target.mux(packet)


def make_set(folder):
    """Yields (name, seconds, path) of the clips of every codec that this PyAV can encode."""
    for name, (suffix, encoder, options) in CODECS.items():
        if encoder not in av.codecs_available:
            print(f"{name}: this PyAV has no encoder {encoder}", file=sys.stderr)
            continue
        short, part, long = (folder / f"{name} {what}.{suffix}" for what in (10, "part", 300))
        encode(short, encoder, options, 10 * FPS)
        yield name, 10, short
        encode(part, encoder, options, PERIOD * FPS)
        repeat(part, long, 300 // PERIOD)
        yield name, 300, long


def ours(path, indices):
    return read_frames(path, len(indices))[0]


def pyav_walk(path, indices):
    """Every frame up to the last wanted one, in one go."""
    found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count, stream.thread_type = 1, "NONE"
        for index, frame in enumerate(container.decode(stream)):
            if index in indices:
                found[index] = frame.to_ndarray(format="rgb24")
            if index == max(indices):
                break
    return np.stack([found[index] for index in indices])


def pyav_seek(path, indices):
    """Of a clip of even spacing each frame by its time, from the key frame before it."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count, stream.thread_type = 1, "NONE"
        for index in indices:
            time_stamp = round(index / (FPS * stream.time_base))
            container.seek(time_stamp, stream=stream)
            frame = next(frame for frame in container.decode(stream) if frame.pts >= time_stamp)
            found.append(frame.to_ndarray(format="rgb24"))
    return np.stack(found)


def torchcodec_exact(path, indices, mode="exact"):
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(path), num_ffmpeg_threads=1, dimension_order="NHWC", seek_mode=mode)
    return decoder.get_frames_at(indices).data.numpy()


def torchcodec_approximate(path, indices):
    return torchcodec_exact(path, indices, "approximate")


def decord(path, indices):
    from decord import VideoReader

    return VideoReader(str(path), num_threads=1).get_batch(indices).asnumpy()


def opencv(path, indices):
    import cv2

    capture, at, found = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]), -1, []
    for index in indices:
        if index - at > 128:
            capture.set(cv2.CAP_PROP_POS_FRAMES, index)
            at = index - 1
        while at < index and capture.grab():
            at += 1
        found.append(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
    return np.stack(found)


READERS = {
    "ours": [ours],
    "PyAV": [pyav_walk, pyav_seek],
    "torchcodec": [torchcodec_exact, torchcodec_approximate],
    "decord": [decord],
    "OpenCV": [opencv],
}


def problem_of(reader, path, indices):
    """ "" if the reader returns the frames asked for, else "-" (not installed), "fails" or "wrong"."""
    try:
        frames = reader(path, indices)
    except ImportError:
        return "-"
    except Exception as error:  # other people's readers raise what they like; the table shows it
        return "-" if "libtorchcodec" in str(error) else "fails"
    right = [number_of(frame) for frame in frames] == [index % (PERIOD * FPS) for index in indices]
    return "" if right else "wrong"


def clips_per_second(reader, path, indices, clips=4):
    """By two Python threads."""
    with ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        list(pool.map(reader, [path] * clips, [indices] * clips))
        return clips / (time.perf_counter() - began)


def times_of(path, indices):
    """{reader's name: (ms, function)} or {name: why not}: the least of some runs, interleaved.

    Of two ways of one library the better one; one that decodes all is not tried on a long clip.
    """
    readers = [reader for ways in READERS.values() for reader in ways]
    if indices[-1] > PERIOD * FPS:
        readers.remove(pyav_walk)
    problems = {reader: problem_of(reader, path, indices) for reader in readers}
    least = {reader: float("inf") for reader, problem in problems.items() if not problem}
    runs, began = 0, time.perf_counter()
    while runs < RUNS or (runs < 10 * RUNS and time.perf_counter() - began < 3):  # short clips more often
        for reader in least:
            start = time.process_time()
            reader(path, indices)
            least[reader] = min(least[reader], 1000 * (time.process_time() - start))
        runs += 1
    found = {}
    for name, ways in READERS.items():
        ways = [reader for reader in ways if reader in problems]
        best = min((reader for reader in ways if reader in least), key=least.get, default=None)
        found[name] = (least[best], best) if best else problems[ways[0]]
    return found


def bench_decode(folder):
    """ms a clip of every reader on one decoder thread; clips a second of ours and the best other on two."""
    heading(
        f"lib/video.py, {WIDTH}x{HEIGHT}, {FPS} fps, one decoder thread: ms of processor time a clip "
        f"(the least of {RUNS} to {10 * RUNS}); clips/s of two Python threads",
        f" codec | s | frames | {' | '.join(READERS)} | ours / best | clips/s, ours | the best ",
    )
    for name, seconds, path in make_set(Path(folder)):
        for count in (8, 16):
            indices = [int((k + 0.5) * seconds * FPS / count) for k in range(count)]
            times = times_of(path, indices)
            cells = [value if isinstance(value, str) else f"{value[0]:.1f}" for value in times.values()]
            right = {reader: value for reader, value in times.items() if not isinstance(value, str)}
            mine = right.pop("ours", None)
            if mine and right:
                best = min(right.values(), key=lambda value: value[0])
                speeds = (clips_per_second(reader, path, indices) for reader in (ours, best[1]))
                cells += [f"{mine[0] / best[0]:.2f}", *(f"{speed:.1f}" for speed in speeds)]
            row(name, seconds, count, *cells)


if __name__ == "__main__":
    checked_parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench_decode(folder)
