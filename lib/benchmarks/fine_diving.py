"""FineDiving (Xu et al., CVPR 2022): the score of a dive, from records of 01_prepare.py."""

import os

import numpy as np

from lib.benchmarks.common import item_of, not_expected
from lib.benchmarks.tables import counted, verified
from lib.confidence import spearman
from lib.records import StageError, read_records, video_path
from lib.verifier import tolerance_of

NOTE = (
    "Spearman's rho and relative L2 (x100) over the replies in which a number could be read; "
    "within_tolerance counts all"
)
OWN_VIDEOS = True  # by path, so --videos is not for it
TOLERANCE = 0.05  # of the gold number, where its label has none


def load(path, task=None, meta=None):
    """Items of records; scored is the number label, of several the one whose name holds "score"."""
    items = []
    for record in read_records(path):
        numbers = [label for label in record["labels"] if label["kind"] == "number"]
        label = next((x for x in numbers if "score" in x["name"]), numbers[0] if numbers else None)
        gold, question = label and float(label["value"]), record["question"]
        more = {key: record[key] for key in ("start", "end", "duration") if key in record}
        more |= {
            "file": os.path.abspath(video_path(record, path)),
            "labels": record["labels"],
            "which": record["labels"].index(label) if label else None,
        }
        items.append(
            {**item_of(record["id"], record["video"], question, question, gold, None, {}, []), **more}
        )
    if all(item["gold"] is None for item in items):
        raise StageError(f"{path}: no record has a number label, expected the scores of dives")
    return items


def value_of(text):
    """A number as it is, of a range its middle; None of anything else."""
    return float(np.mean(text)) if isinstance(text, (int, float, list)) and text != [] else None


def given(item, reply):
    """The number, or the two ends of a range, that a reply without words is."""
    value = reply.value if reply.state == "answered" else None
    if isinstance(value, list) and (len(value) != 2 or isinstance(value[0], list)):
        raise not_expected(reply, item, "a number or a text")
    return value


def score(items, replies, embedder):
    """(tables, within the tolerance or not) of numbers as given, or read from texts by our verifier."""
    worded = [item for item in items if isinstance(replies[item["id"]].value, str)]
    results = verified(worded, {item["id"]: replies[item["id"]] for item in worded}, embedder)
    read = {item["id"]: result["checks"][item["which"]]["parsed"] for item, result in zip(worded, results)}
    read |= {item["id"]: given(item, replies[item["id"]]) for item in items if item["id"] not in read}
    values, golds = [value_of(read[item["id"]]) for item in items], [item["gold"] for item in items]
    labels = [item["labels"][item["which"]] for item in items]
    right = [
        value is not None and abs(value - gold) <= tolerance_of(label, TOLERANCE) * abs(gold) + 1e-9
        for value, gold, label in zip(values, golds, labels)
    ]
    pairs = [(value, gold) for value, gold in zip(values, golds) if value is not None]
    rho = spearman(*zip(*pairs)) if len(pairs) > 1 else None
    span = max(golds) - min(golds)
    errors = [((value - gold) / span) ** 2 for value, gold in pairs] if span > 1e-9 else []
    table = {
        "count": len(items),
        "matched": len(pairs),
        "unmatched": len(items) - len(pairs),
        "spearman": None if rho is None else round(rho, 4),
        "relative_l2": round(100 * float(np.mean(errors)), 4) if errors else None,
        "by": {"tolerance": {"within tolerance": counted(sum(right), len(items))}},
    }
    return {"official": table, "robust": None}, right
