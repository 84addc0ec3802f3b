"""Charades-STA: the interval of a sentence."""

from pathlib import Path

from lib.datasets.common import load, need, number, record, span, split_of, whole
from lib.datasets.questions import ask
from lib.records import StageError


def read(path, seed, durations=None):
    """Interval. Lines "ID START END##sentence"; durations from `durations`, or charades*.json beside it:
    {"ID": {"duration": seconds}}."""
    durations = durations or next(iter(sorted(Path(path).parent.glob("charades*.json"))), None)
    lengths, known = {}, False
    for video, entry in load(durations).items() if durations else ():
        lengths[video] = number(*need(f"{durations}: {video}", entry, duration=object))
    with open(path, encoding="utf-8", errors="replace") as file:
        for line, text in enumerate(file, 1):
            times, _, sentence = text.strip().partition("##")
            if not text.strip():
                continue
            if len(times.split()) != 3 or not sentence.strip():
                yield f"{path}:{line}", None, "dropped: not 'ID START END##sentence'"
                continue
            video, start, end = times.split()
            known = known or video in lengths
            interval, note = span(start, end, lengths.get(video))
            if lengths and interval and video not in lengths:
                note = f"not clamped: no duration of its video in {durations}"
            found = None
            if interval:
                id = f"{video}#{Path(path).stem}-{line}"
                question = ask("interval", seed, id, sentence=sentence.strip().rstrip("."))
                more = {**split_of(path), "source_video": video}
                found = record(id, whole(video), question, "interval", "interval", interval, **more)
            yield f"{path}:{line}", found, note
    if lengths and not known:
        raise StageError(
            f"{durations}: durations of other videos: it has none of those in {path}; "
            "name another file by --durations"
        )
