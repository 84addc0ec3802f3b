"""Charades-STA (Gao et al., ICCV 2017): when does what a sentence says happen?"""

import re
from collections import Counter

import numpy as np

from lib.benchmarks.common import fields, item_of, not_expected, stem
from lib.benchmarks.predictions import common_rows
from lib.benchmarks.tables import counted, verified, verifier_readings
from lib.records import StageError
from lib.table import contents, read_json

NOTE = (
    "extract_time of lmms-eval's eval_tvg.py; unread replies have IoU 0; "
    "the test's duplicate sentences count each"
)
# lmms-eval's, its spelling included
PROMPT = (
    "Please find the visual event described by a sentence in the video, determining its starting and "
    "ending times. The format should be: 'The event happens in the start time - end time'. For example, "
    "The event 'person turn a light on' happens in the 24.3 - 30.4 seonds. Now I will give you the textual "
    "sentence: {}. Please return its start time and end time."
)
META = True  # durations, without which our verifier cannot read a share of the video
THRESHOLDS = 0.3, 0.5, 0.7


def load(path, task=None, meta=None):
    """Items of "video start end##sentence" lines; id video#n, so that no two lines collapse."""
    durations, seen, items = read_json(meta) if meta else {}, Counter(), []
    for number, line in enumerate(contents(path).decode(errors="replace").split("\n"), 1):
        match = re.fullmatch(r"(\S+) (\d+\.?\d*) (\d+\.?\d*)##(.+)", line.strip())
        if match is None and line.strip():
            raise StageError(f"{path}:{number}: found {line[:60]!r}, expected 'video start end##sentence'")
        if match is None:
            continue
        video, window, sentence = match[1], [float(match[2]), float(match[3])], match[4].strip()
        more = {"place": (video, *window)}
        if video in durations:
            more["duration"] = float(*fields(f"{meta}: {video}", durations[video], "duration"))
        prompt, label = PROMPT.format(sentence.rstrip(".")), ("interval", window, {})
        id = f"{video}#{seen[video]}"
        items.append(item_of(id, video, sentence, prompt, [window], label, {}, [], **more))
        seen[video] += 1
    return items


def prediction_rows(path):
    """Rows of a predictions file; lmms-eval's ids are "video>>>sentence>>>[start, end]"."""
    for where, place, row in common_rows(path):
        if str(row.get("id", "")).count(">>>") == 2:
            video, sentence, window = str(row["id"]).split(">>>")
            place = (stem(video), *map(float, re.findall(r"\d+\.?\d*", window)))
            row = {**row, "question": sentence}
        yield where, place, row


# ---------------------------------------------------------------- the rule


def spoken_times(text):
    """[start, end] as lmms-eval's extract_time has it, or None.

    The first "a - b" ("to" is "-"), else the first numbers of the first two sentences on a start or end.
    """
    text = text.lower().replace("a specific example is : 20.8 - 30.0 seconds", "").replace("to", "-")
    pairs = re.findall(r"(\d+\.*\d*)\s*-\s*(\d+\.*\d*)", text)
    if not pairs:
        sentences = [s for s in re.split(r"[!?\n]", text) if re.search("start|end|happen", s)]
        numbers = [re.findall(r"\b(\d+\.\d+\b|\b\d+)\b", sentence) for sentence in sentences]
        first = [found[0] for found in numbers if found]
        pairs = list(zip(first[::2], first[1::2]))
    try:
        return sorted(map(float, pairs[0])) if pairs else None
    except ValueError:  # "1..5", on which the official code ends
        return None


def hull_iou(a, b):
    """Overlap over hull, as the official scorers have it: the IoU of windows that overlap, else 0."""
    hull = max(a[1], b[1]) - min(a[0], b[0])
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / hull if hull > 0 else 0.0


def cross_iou(window, windows):
    """IoU of one window with several, as an array."""
    window, windows = np.asarray(window, float), np.asarray(windows, float)
    shared = np.clip(np.minimum(window[1], windows[:, 1]) - np.maximum(window[0], windows[:, 0]), 0, None)
    union = window[1] - window[0] + windows[:, 1] - windows[:, 0] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union != 0)


def windows_of(item, reply):
    """The windows [[start, end, score?], ...] of a reply, best first: as given, or the one of a text."""
    if reply.state != "answered":
        return []
    if isinstance(reply.value, str):
        window = spoken_times(reply.value)
        return [window] if window else []
    windows = (
        reply.value if isinstance(reply.value, list) and isinstance(reply.value[0], list) else [reply.value]
    )
    for window in windows:
        numbers = isinstance(window, list) and all(isinstance(t, (int, float)) for t in window)
        if not numbers or len(window) < 2:
            raise not_expected(reply, item, "[start, end] or a list of [start, end, score]")
    return windows


def first_iou(windows, golds):
    """R1's IoU: the first window with the gold window it overlaps most (QVHighlights compute_mr_r1)."""
    if not windows:
        return 0.0
    window = windows[0][:2]
    return hull_iou(window, golds[int(np.argmax(cross_iou(window, golds)))])


def window_summary(items, predicted, thresholds):
    """(table, IoU per item): recall of the first window at each threshold, mean IoU."""
    ious = [first_iou(windows, item["gold"]) for item, windows in zip(items, predicted, strict=True)]
    recall = {f"R1@{t:g}": counted(sum(iou >= t for iou in ious), len(ious)) for t in thresholds}
    matched = sum(bool(windows) for windows in predicted)
    table = {
        "count": len(items),
        "matched": matched,
        "unmatched": len(items) - matched,
        "by": {"recall": recall},
        "mean_iou": round(100 * float(np.mean(ious)), 2),
    }
    return table, ious


def score_windows(items, replies, embedder, thresholds):
    """(tables, IoU of every item) of windows as given, or told by texts."""
    table, ious = window_summary(items, [windows_of(i, replies[i["id"]]) for i in items], thresholds)
    results, robust = verified(items, replies, embedder), None
    if results:
        read = [[list(window)] if window else [] for window, _ in verifier_readings(results)]
        robust, _ = window_summary(items, read, thresholds)
    return {"official": table, "robust": robust}, ious


def score(items, replies, embedder):
    return score_windows(items, replies, embedder, THRESHOLDS)
