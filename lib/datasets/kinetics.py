"""Kinetics-400, -600, -700: the action of a clip."""

from lib.datasets.common import SPLITS, record, rows, span, whole
from lib.datasets.questions import ask
from lib.records import StageError


def read(path, seed, durations=None):
    """CSV: class. Clips are LABEL/ID_START_END (six digits each), or cut from the untrimmed video ID."""
    for where, row in rows(path, "label", "youtube_id", "time_start", "time_end", "split"):
        video, name, split = (row[key].strip() for key in ("youtube_id", "label", "split"))
        clip, note = span(row["time_start"], row["time_end"])
        if split not in SPLITS:
            raise StageError(f"{where}: split {split!r}, expected one of {', '.join(SPLITS)}")
        if not video or not name or clip is None:
            yield where, None, note or ("dropped: label missing" if video else "dropped: video id missing")
            continue
        id = f"{video}_{int(clip[0]):06d}_{int(clip[1]):06d}"
        stems, question = [*whole(f"{name}/{id}", id), (video, *clip)], ask("action", seed, id)
        more = {"split": SPLITS[split], "source_video": video}
        yield where, record(id, stems, question, "action", "class", name, **more), None
