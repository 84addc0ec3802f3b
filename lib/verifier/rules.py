"""Whether a value that an answer asserts holds against its label, and how near it is, from 0 to 1, for the
kinds that are measured.
"""

# The default thresholds; a label's "tolerance" overrides its own
IOU, TIME, NUMBER, LIKELIHOOD = 0.5, 0.10, 0.05, 0.6


def tolerance_of(label, usual):
    """A label's own threshold, else the usual one."""
    own = label.get("tolerance")
    return usual if own is None else own


def iou(a, b):
    """Intersection over union of two intervals [start, end], two boxes [x1, y1, x2, y2], or two lists of
    intervals, of whose unions.
    """
    if isinstance(a[0], (list, tuple)) or isinstance(b[0], (list, tuple)):
        return iou_of_unions(merged(a), merged(b))
    half = len(a) // 2
    shared = size_a = size_b = 1.0
    for i in range(half):
        shared *= max(0.0, min(a[i + half], b[i + half]) - max(a[i], b[i]))
        size_a *= a[i + half] - a[i]
        size_b *= b[i + half] - b[i]
    union = size_a + size_b - shared
    return shared / union if union > 0 else 0.0


def merged(intervals):
    """One interval or a list of them as disjoint intervals, in order."""
    found = []
    for start, end in sorted(intervals if isinstance(intervals[0], (list, tuple)) else [intervals]):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return found


def iou_of_unions(a, b):
    """Intersection over union of two lists of disjoint intervals."""
    shared = sum(max(0.0, min(p[1], q[1]) - max(p[0], q[0])) for p in a for q in b)
    union = sum(end - start for start, end in (*a, *b)) - shared
    return shared / union if union > 0 else 0.0


def overlap(value, label):
    """(holds, score) of an interval or a box: IoU strictly over 0.5 (the official code's figure)."""
    score = iou(value, label["value"])
    return score > tolerance_of(label, IOU), score


def time_near(value, label, duration):
    """(holds, score) of a time: within 10 % of the clip's duration; without one, of the label's value, half a
    second at least. Both ends of a range must hold.
    """
    whole = 1.0 if label.get("unit") == "fraction" else duration or max(abs(label["value"]), 5.0)
    error = max(abs(end - label["value"]) for end in ends_of(value))
    return error <= tolerance_of(label, TIME) * whole + 1e-9, max(0.0, 1 - error / whole)


def number_near(value, label):
    """(holds, score) of a number: within 5 % of the label (the paper's margin), 0 only by 0. Both ends of a
    range must hold.
    """
    gold = abs(float(label["value"]))
    error = max(abs(end - label["value"]) for end in ends_of(value))
    score = max(0.0, 1 - error / gold) if gold else float(error == 0)
    return error <= tolerance_of(label, NUMBER) * gold + 1e-9, score


def ends_of(value):
    """The ends of a range, or one value alone."""
    return value if isinstance(value, tuple) else (value,)
