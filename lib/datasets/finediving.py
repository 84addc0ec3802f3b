"""FineDiving: the dive's number, its score and its steps."""

import os
from itertools import groupby
from pathlib import Path

import numpy as np

from lib.datasets.common import need, number, record, typed, whole
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
    splits = {}
    for split in ("train", "test"):
        listed = files.get(f"{split}_split.pkl")
        for key in unpickle(listed, list | tuple | set | np.ndarray) if listed else ():
            splits[dive_of(listed, key)] = {"split": split}
    table = unpickle(files["Sub_action_Types_Table.pkl"]) if "Sub_action_Types_Table.pkl" in files else {}
    for key, dive in unpickle(files[ANNOTATION]).items():
        competition, n = dive_of(files[ANNOTATION], key)
        where, split = f"{files[ANNOTATION]}: {competition}, {n}", splits.get((competition, n), {})
        for found, note in records_of(where, competition, n, dive, table, seed, split):
            yield where, found, note


def dive_of(where, key):
    """(competition, number) of a dive."""
    competition, n = typed(where, "a dive", key, tuple | list | np.ndarray, length=2)
    if number(n) is None:
        raise StageError(f"{where}: a dive is {key!r:.60}, expected its competition and number")
    return str(competition), int(number(n))


def records_of(where, competition, n, dive, table, seed, split):
    """Yields (record, note) of one dive."""
    keys = {"action_type": object, "dive_score": object, "frames_labels": list | np.ndarray}
    kind, score, frames, types = need(where, dive, **keys, **{"sub-action_types": dict})
    id = f"{competition}_{n}"
    video, more = whole(f"{competition}/{n}", id), {**split, "source_video": id}
    yield record(f"{id}#dive", video, ask("dive", seed, id), "dive", "class", str(kind), **more), None
    if number(score) is None:
        yield None, "dropped: score not a number"
    else:
        question = ask("score", seed, id)
        yield record(f"{id}#score", video, question, "score", "number", float(score), **more), None
    names = {number(key): str(name).strip() for key, name in {**table, **types}.items()}
    steps = [
        step for step, _ in groupby(map(number, frames.ravel() if isinstance(frames, np.ndarray) else frames))
    ]
    if not steps or None in steps or not set(steps) <= names.keys():
        yield None, "dropped: a step without a name"
    else:
        steps, question = [names[step] for step in steps], ask("dive steps", seed, id)
        yield record(f"{id}#steps", video, question, "steps", "sequence", steps, **more), None
