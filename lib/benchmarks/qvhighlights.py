"""QVHighlights (Lei et al., NeurIPS 2021): moment retrieval, where a query may have several windows."""

import numpy as np

from lib.benchmarks.charades import PROMPT, cross_iou, score_windows, windows_of
from lib.benchmarks.common import fields, item_of
from lib.records import StageError
from lib.table import read_rows

NOTE = (
    "R1 and mAP of the official standalone_eval; a query without predictions counts as IoU 0 and AP 0, "
    "officially it is refused or left out of the mAP"
)
THRESHOLDS = [float(f"{t:.2f}") for t in np.linspace(0.5, 0.95, 10)]
LENGTHS = ("full", -1, float("inf")), ("short", 0, 10), ("middle", 10, 30), ("long", 30, 150)


def load(path, task=None, meta=None):
    """Items of its JSONL. It has no prompt for chat models: Charades-STA's is asked."""
    items = []
    for where, row in read_rows(path):
        qid, video, query, windows, duration = fields(
            where, row, "qid", "vid", "query", "relevant_windows", "duration"
        )
        if not windows:
            raise StageError(
                f"{where}: no relevant_windows; the test split without them cannot be scored here"
            )
        prompt, label = PROMPT.format(query.rstrip(".")), ("interval", windows[0], {})
        items.append(item_of(qid, video, query, prompt, windows, label, {}, [], duration=duration))
    return items


def average_precision(windows, golds):
    """AP at each of THRESHOLDS of a query's first ten windows, by falling score.

    compute_mr_ap, which is ActivityNet's, interpolated.
    """
    windows = sorted(windows[:10], key=lambda window: -window[2])
    hits, taken = np.zeros((len(THRESHOLDS), len(windows))), [set() for _ in THRESHOLDS]
    for n, window in enumerate(windows):
        overlaps = cross_iou(window[:2], golds)
        order = overlaps.argsort()[::-1]
        for t, threshold in enumerate(THRESHOLDS):
            best = next((g for g in order if overlaps[g] < threshold or g not in taken[t]), None)
            if best is not None and overlaps[best] >= threshold:
                hits[t, n] = 1
                taken[t].add(best)
    found = hits.cumsum(1)
    recall, precision = found / len(golds), found / np.arange(1, len(windows) + 1)
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    return (np.diff(recall, prepend=0) * precision).sum(1)


def mean_average_precision(predicted, items):
    """Percent, by length of the gold windows as officially: {"full": {"average", "0.5", ...}, "short", ...}.

    None for windows without scores.
    """
    if any(len(window) < 3 for windows in predicted for window in windows):
        return None
    table = {}
    for name, low, high in LENGTHS:
        rows = []
        for item, windows in zip(items, predicted):
            golds = [window for window in item["gold"] if low < window[1] - window[0] <= high]
            if golds:
                rows.append(average_precision(windows, golds) if windows else np.zeros(len(THRESHOLDS)))
        if rows:
            at = np.mean(rows, 0)
            values = {"average": at.mean(), **dict(zip(map(str, THRESHOLDS), at))}
            percent = {key: round(100 * float(value), 2) for key, value in values.items()}
            table[name] = {"queries": len(rows), **percent}
    return table


def score(items, replies, embedder):
    """(tables, IoU of every item): recall of the first window as for Charades-STA, and the mAP of all."""
    tables, ious = score_windows(items, replies, embedder, THRESHOLDS)
    predicted = [windows_of(item, replies[item["id"]]) for item in items]
    tables["official"]["mAP"] = mean_average_precision(predicted, items)
    return tables, ious
