"""make bench, decoding: a set of short and long clips of every common codec, read by lib.video and by whichever other readers are installed.

    python -m lib.bench_decode     # needs nothing else; torchcodec, decord and OpenCV are compared where they can be imported

Processor time is what is compared, not the clock's: each reader has one decoder thread, and other programs on the machine must not decide.
Every frame shows its number, so that a reader which returns another frame than it was asked for is marked wrong, and not compared.
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

from lib.video import read_frames

os.environ |= {"SVT_LOG": "1", "OPENCV_FFMPEG_LOGLEVEL": "-8", "OPENCV_LOG_LEVEL": "OFF"}  # encoder settings, line by line; what OpenCV cannot read
WIDTH, HEIGHT, FPS = 640, 360, 30
PERIOD = 50  # seconds of a long clip; its packets are then repeated, which cuts the encoding to a sixth
RUNS = 5
X264 = {"preset": "veryfast", "crf": "28", "threads": "2"}
CODECS = {  # what: (suffix, encoder, its options)
    "H.264 GOP 250": ("mp4", "libx264", X264 | {"g": "250", "bf": "3"}),
    "H.264 GOP 30": ("mp4", "libx264", X264 | {"g": "30", "bf": "3"}),
    "H.264 GOP 12": ("mp4", "libx264", X264 | {"g": "12", "bf": "2"}),
    "HEVC": ("mp4", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none:keyint=250:bframes=3:pools=none:frame-threads=2"}),
    "VP9": ("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "b": "800k", "g": "125", "row-mt": "1", "threads": "2"}),
    "MPEG-4": ("mp4", "mpeg4", {"b": "1500k", "g": "12", "bf": "0"}),
    "AV1": ("mp4", "libsvtav1", {"preset": "10", "crf": "18", "g": "125", "svtav1-params": "lp=2:enable-tf=0"}),
}


def pictures(count, seed=0):
    """`count` textured pictures that move, (HEIGHT * 3 / 2, WIDTH) yuv420p, with their number as 16 black or white squares in the corner."""
    rng = np.random.default_rng(seed)
    coarse, across, down = rng.integers(16, 236, (31, 55)), np.linspace(0, 53.99, 2 * WIDTH), np.linspace(0, 29.99, 2 * HEIGHT)
    left, top, x, y = across.astype(int), down.astype(int)[:, None], across % 1, (down % 1)[:, None]
    smooth = (coarse[top, left] * (1 - x) + coarse[top, left + 1] * x) * (1 - y) + (coarse[top + 1, left] * (1 - x) + coarse[top + 1, left + 1] * x) * y
    texture = np.clip(smooth + rng.integers(-3, 4, smooth.shape), 16, 235).astype(np.uint8)
    for n in range(count):
        x, y = int(WIDTH / 2 * (1 + np.sin(n / 97) * 0.9)), int(HEIGHT / 2 * (1 + np.cos(n / 61) * 0.9))
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        picture[:HEIGHT] = texture[y : y + HEIGHT, x : x + WIDTH]
        for k in range(3):  # and parts that move by themselves
            u, v = n * (6 + 2 * k) % (WIDTH - 80), n * (2 + k) % (HEIGHT - 60)
            picture[v : v + 60, u : u + 80] = texture[100 * k : 100 * k + 60, 50 * k : 50 * k + 80]
        picture[HEIGHT:] = texture[y // 2 : y // 2 + HEIGHT // 2, x // 2 : x // 2 + WIDTH] // 2 + 64
        for bit in range(16):
            row, column = divmod(bit, 4)
            picture[row * 24 + 8 : row * 24 + 32, column * 24 + 8 : column * 24 + 32] = 235 if n >> bit & 1 else 16
        yield picture


def number_of(frame):
    """The number drawn into an RGB frame."""
    return sum(int(frame[bit // 4 * 24 + 20, bit % 4 * 24 + 20].mean() > 127) << bit for bit in range(16))


def encode(path, encoder, options, count):
    """Write `count` numbered pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=FPS, width=WIDTH, height=HEIGHT, pix_fmt="yuv420p", options=options)
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
        for seconds in (10, 300):
            path, part = (folder / f"{name} {what}.{suffix}" for what in (seconds, "part"))
            encode(path if seconds == 10 else part, encoder, options, min(seconds, PERIOD) * FPS)
            if seconds > 10:
                repeat(part, path, seconds // PERIOD)
            yield name, seconds, path


def ours(path, indices):
    return read_frames(path, len(indices))[0]


def _pyav(path, wanted, seek):
    """Every frame of a clip of even spacing by its time; with seek from the key frame before each wanted frame, else in one go."""
    found = {}
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count, stream.thread_type = 1, "NONE"
        step = 1 / (FPS * stream.time_base)
        if not seek:
            for index, frame in enumerate(container.decode(stream)):
                if index in wanted:
                    found[index] = frame.to_ndarray(format="rgb24")
                if index == max(wanted):
                    break
        for index in wanted if seek else ():
            container.seek(round(index * step), stream=stream)
            frame = next(frame for frame in container.decode(stream) if frame.pts >= round(index * step))
            found[index] = frame.to_ndarray(format="rgb24")
    return np.stack([found[index] for index in wanted])


def pyav_walk(path, indices):
    return _pyav(path, indices, seek=False)


def pyav_seek(path, indices):
    return _pyav(path, indices, seek=True)


def torchcodec_exact(path, indices, mode="exact"):
    from torchcodec.decoders import VideoDecoder
    return VideoDecoder(str(path), num_ffmpeg_threads=1, dimension_order="NHWC", seek_mode=mode).get_frames_at(indices).data.numpy()


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


READERS = {"ours": [ours], "PyAV": [pyav_walk, pyav_seek], "torchcodec": [torchcodec_exact, torchcodec_approximate], "decord": [decord], "OpenCV": [opencv]}


def works(reader, path, indices):
    """"" if the reader returns the frames asked for, else "-" (not installed), "fails" or "wrong"."""
    try:
        frames = reader(path, indices)
    except ImportError:
        return "-"
    except Exception as error:  # other people's readers raise what they like; the table shows it
        return "-" if "libtorchcodec" in str(error) else "fails"
    return "" if [number_of(frame) for frame in frames] == [index % (PERIOD * FPS) for index in indices] else "wrong"


def clips_per_second(reader, path, indices, clips=4):
    with ThreadPoolExecutor(2) as pool:
        began = time.perf_counter()
        list(pool.map(lambda _: reader(path, indices), range(clips)))
        return clips / (time.perf_counter() - began)


def timed(path, indices):
    """{reader's name: (ms, function)} or {name: why not}: the least of at least RUNS, interleaved; of two ways of one library the better one."""
    said = {reader: works(reader, path, indices) for readers in READERS.values() for reader in readers if not (reader is pyav_walk and indices[-1] > PERIOD * FPS)}
    least = {reader: float("inf") for reader, problem in said.items() if not problem}
    runs, began = 0, time.perf_counter()
    while runs < RUNS or (runs < 10 * RUNS and time.perf_counter() - began < 3):  # short clips more often
        for reader in least:
            start = time.process_time()
            reader(path, indices)
            least[reader] = min(least[reader], 1000 * (time.process_time() - start))
        runs += 1
    row = {}
    for name, readers in READERS.items():
        right = [(least[reader], reader) for reader in readers if reader in least]
        row[name] = min(right, key=lambda pair: pair[0]) if right else next(said[reader] for reader in readers if reader in said)
    return row


def bench_decode(folder):
    """Prints ms per clip of every reader on one decoder thread, and clips per second of ours and of the best other reader on two Python threads."""
    print(f"\nlib/video.py, {WIDTH}x{HEIGHT}, {FPS} fps, one decoder thread: ms of processor time a clip (the least of {RUNS} to {10 * RUNS}); clips/s of two Python threads\n")
    print("| codec | s | frames | " + " | ".join(READERS) + " | ours / best | clips/s, ours | the best |\n|" + "---|" * (len(READERS) + 6))
    for name, seconds, path in make_set(Path(folder)):
        for count in (8, 16):
            indices = [int((k + 0.5) * seconds * FPS / count) for k in range(count)]
            row = timed(path, indices)
            cells = [value if isinstance(value, str) else f"{value[0]:.1f}" for value in row.values()]
            peers = sorted((value for other, value in row.items() if other != "ours" and not isinstance(value, str)), key=lambda pair: pair[0])
            if peers and not isinstance(row["ours"], str):
                cells += [f"{row['ours'][0] / peers[0][0]:.2f}", *(f"{clips_per_second(reader, path, indices):.1f}" for reader in (ours, peers[0][1]))]
            print(f"| {name} | {seconds} | {count} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        bench_decode(folder)
