"""FineDiving: the dive's number, its score and its steps."""

import os
from itertools import groupby
from pathlib import Path

from lib.datasets.common import need, number, record, whole
from lib.datasets.pickles import unpickle
from lib.datasets.questions import ask
from lib.records import StageError

ANNOTATION = "FineDiving_fine-grained_annotation.pkl"


def read(path, seed, durations=None):
    """The folder of its pickles: class (the dive's number), number (score), sequence (steps). A video is
    COMPETITION/NUMBER or COMPETITION_NUMBER, made from the published frames. Steps are the runs of the
    frames' labels; sorted ids, as in the official code, mix up a third."""
    folder = Path(path) if os.path.isdir(path) else Path(path).parent
    files = {file.name: file for file in sorted(folder.rglob("*.pkl"))}
    if ANNOTATION not in files:
        raise StageError(
            f"{path}: no {ANNOTATION} among {', '.join(files) or 'no pickles'}; "
            "give the folder of the annotations"
        )
    splits = {
        (key[0], int(key[1])): {"split": split}
        for split in ("train", "test")
        if f"{split}_split.pkl" in files
        for key in unpickle(files[f"{split}_split.pkl"])
    }
    table = unpickle(files["Sub_action_Types_Table.pkl"]) if "Sub_action_Types_Table.pkl" in files else {}
    for (competition, n), dive in unpickle(files[ANNOTATION]).items():
        where, split = f"{files[ANNOTATION]}: {competition}, {n}", splits.get((competition, int(n)), {})
        for found, note in records_of(where, competition, n, dive, table, seed, split):
            yield where, found, note


def records_of(where, competition, n, dive, table, seed, split):
    """Yields (record, note) of one dive."""
    keys = ("action_type", "dive_score", "frames_labels", "sub-action_types")
    kind, score, frames, types = need(where, dive, *keys)
    id = f"{competition}_{n}"
    video, more = whole(f"{competition}/{n}", id), {**split, "source_video": id}
    yield record(f"{id}#dive", video, ask("dive", seed, id), "dive", "class", str(kind), **more), None
    if number(score) is None:
        yield None, "dropped: score not a number"
    else:
        question = ask("score", seed, id)
        yield record(f"{id}#score", video, question, "score", "number", float(score), **more), None
    names = {int(key): str(name).strip() for key, name in {**table, **types}.items()}
    steps = [step for step, _ in groupby(int(frame) for frame in frames)]
    if not steps or not set(steps) <= names.keys():
        yield None, "dropped: a step without a name"
    else:
        steps, question = [names[step] for step in steps], ask("dive steps", seed, id)
        yield record(f"{id}#steps", video, question, "steps", "sequence", steps, **more), None
