"""Recognition without training for it: the class whose prompts are nearest to a clip, by a dual encoder;
top-1 and top-5 accuracy, as Kinetics is scored.
"""

from typing import NamedTuple

import numpy as np

from lib.benchmarks.common import shown
from lib.benchmarks.retrieval import interval, keep_ranks, ranks_of, read_values
from lib.benchmarks.tables import counted
from lib.captions import VIDEO, first, seconds
from lib.confidence import mcnemar, paired_gain
from lib.labels import is_words
from lib.records import StageError
from lib.table import read_rows

NOTE = "top-1 and top-5 of all classes of the file; of equal similarities half count as nearer"
DEPTHS = 1, 5
# in our words; the lists of CLIP and ActionCLIP are others, and so are figures by them
TEMPLATES = (
    "{}",
    "a video of {}",
    "a video of a person {}",
    "a person is {}",
    "someone {} in a short clip",
    "footage that shows {}",
)


class Gallery(NamedTuple):
    """Clips and the classes among which each is looked for."""

    videos: list  # ids of the clips
    clips: list  # of each {"video", "start", "end"}
    classes: list
    texts: list  # the prompts of all classes, those of a class together
    class_of: np.ndarray  # of every clip the number of its class
    wordings: int = len(TEMPLATES)  # prompts of a class

    def right(self):
        """(clips, classes): whether a class is the clip's."""
        return self.class_of[:, None] == np.arange(len(self.classes))


def load(path, task=None):
    """The Gallery of a CSV, JSONL or JSON of clips with `video` and `label`, or of Kinetics' own CSV."""
    videos, clips, labels = [], [], []
    for where, row in read_rows(path):
        if not isinstance(row, dict):
            raise StageError(f"{where}: found {shown(row)}, expected a list of clips with video and label")
        video, label = first(row, f"{VIDEO}|youtube_id"), first(row, "label|class|action")
        if not is_words(label) or video is None:
            raise StageError(f"{where}: found {row!r:.120}, expected a video and its label")
        start, end = (seconds(row, key, where) for key in ("start", "end"))
        id = str(first(row, "id") or video)
        times = [seconds(row, f"time_{key}", where) for key in ("start", "end")]
        if "youtube_id" in row and None not in times:  # Kinetics' files bear their times in six digits
            video = id = "{}_{:06d}_{:06d}".format(video, *map(int, times))
        videos.append(id)
        clips.append({"video": str(video), "start": start, "end": end})
        labels.append(label.strip())
    if len(set(videos)) < len(videos):
        twice = next(id for n, id in enumerate(videos) if id in videos[:n])
        raise StageError(f"{path}: the clip {twice!r} stands twice; give each an id of its own")
    classes = sorted(set(labels))
    texts = [template.format(name) for name in classes for template in TEMPLATES]
    return Gallery(videos, clips, classes, texts, np.array([classes.index(label) for label in labels]))


def ranks(path, gallery):
    """(rank of every clip's class, ties), of similarities (classes, videos) in the file `path`."""
    return ranks_of(read_values(path, gallery.videos, len(gallery.classes), "classes").T, gallery.right())


def evaluate(args, path):
    """eval.json's tables for the similarities of `path`; the rank of every clip's class is kept beside it."""
    gallery = load(args.questions)
    found, ties = ranks(path, gallery)
    table = {f"top-{n}": counted(int((found <= n).sum()), len(found)) for n in DEPTHS}
    result = {**table, "classes": len(gallery.classes), "clips_with_ties": int((ties > 0).sum())}
    result["templates"] = list(TEMPLATES)
    cells = [f"top-{n} {table[f'top-{n}']['percent']:.2f} {interval(table[f'top-{n}'])}" for n in DEPTHS]
    print(f"{len(found)} clips, {len(gallery.classes)} classes: {', '.join(cells)}")
    if args.against:
        other, _ = ranks(args.against, gallery)
        hits = [(values <= 1).astype(int) for values in (other, found)]
        gain = [round(100 * value, 2) for value in paired_gain(*hits, gallery.videos)]
        test = dict(zip(("gain", "low", "high"), gain)) | {"p": mcnemar(*hits)["p"]}
        result["against"] = {"predictions": args.against, **test}
        print(f"top-1 against {args.against}: {gain[0]:+.2f} [{gain[1]:+.2f}, {gain[2]:+.2f}]")
    rows = ({"id": id, "rank": float(rank)} for id, rank in zip(gallery.videos, found))
    keep_ranks(args, path, rows)
    return result
