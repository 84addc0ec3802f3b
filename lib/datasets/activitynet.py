"""ActivityNet Captions: interval and text of a sentence, and the sentences of a video in their order."""

from itertools import pairwise
from pathlib import Path

from lib.datasets.common import NUMBER, load, need, record, span, split_of, typed, whole
from lib.datasets.questions import ask

OVERLAP = 0.25  # of the shorter; sentences that share more time are not one after the other


def read(path, seed, durations=None):
    """{"v_ID": {"duration", "timestamps", "sentences"}}: interval and text per sentence, sequence per video.
    Videos: v_ID or ID."""
    for video, entry in load(path).items():
        where = f"{path}: {video}"
        for found, note in records_of(where, path, video, entry, seed):
            yield where, found, note


def records_of(where, path, video, entry, seed):
    """Yields (record, note) of one video."""
    keys = {"duration": NUMBER, "timestamps": list, "sentences": list}
    duration, times, sentences = need(where, entry, **keys)
    if len(times) != len(sentences):
        yield None, "dropped: timestamps and sentences differ in number"
        return
    stems, events = (video, video.removeprefix("v_")), []
    more = {**split_of(path), "source_video": stems[1]}
    for n, (pair, sentence) in enumerate(zip(times, sentences)):
        start, end = typed(where, f"timestamps[{n}]", pair, list, length=2)
        sentence = typed(where, f"sentences[{n}]", sentence, str).strip()
        id, (interval, note) = f"{video}#{Path(path).stem}-{n}", span(start, end, duration)
        if interval is None or not sentence:
            yield None, note if interval is None else "dropped: no words"
            continue
        events.append((interval, sentence))
        when = ask("interval", seed, id, sentence=sentence.rstrip("."))
        yield record(f"{id}#interval", whole(*stems), when, "interval", "interval", interval, **more), note
        clip, what = [(stem, *interval) for stem in stems], ask("text", seed, id)
        yield record(f"{id}#text", clip, what, "sentence", "text", sentence, **more), None
    events.sort(key=lambda event: event[0])
    if len(events) < max(2, len(sentences)):
        yield None, "not asked: sequence, fewer than two sentences or one dropped"
    elif any(overlap(event, later) for event, later in pairwise(events)):
        yield None, "not asked: sequence, sentences overlap"
    else:
        id, steps = f"{video}#{Path(path).stem}-sequence", [sentence for _, sentence in events]
        question = ask("sequence", seed, id)
        yield record(id, whole(*stems), question, "sentences", "sequence", steps, **more), None


def overlap(event, later):
    """Whether two (interval, sentence) share too much time to come one after the other."""
    (start, end), (other_start, other_end) = event[0], later[0]
    return end - other_start > OVERLAP * min(end - start, other_end - other_start)
