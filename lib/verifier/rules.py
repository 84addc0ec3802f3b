"""Whether a value that an answer asserts holds against its label, for the kinds that are measured."""

# The default thresholds; a label's "tolerance" overrides its own
IOU, TIME, NUMBER, COSINE = 0.5, 0.10, 0.05, 0.6


def iou(a, b):
    """Intersection over union of two intervals [start, end] or two boxes [x1, y1, x2, y2]."""
    half = len(a) // 2
    shared = size_a = size_b = 1.0
    for i in range(half):
        shared *= max(0.0, min(a[i + half], b[i + half]) - max(a[i], b[i]))
        size_a *= a[i + half] - a[i]
        size_b *= b[i + half] - b[i]
    union = size_a + size_b - shared
    return shared / union if union > 0 else 0.0


def overlap_holds(value, label):
    """Interval or box: IoU strictly over 0.5 (the official code's figure)."""
    return iou(value, label["value"]) > label.get("tolerance", IOU)


def time_holds(value, label, duration):
    """Time: within 10 % of the clip's duration; without one, of the label's value, half a second at least.
    Both ends of a range must hold.
    """
    whole = 1.0 if label.get("unit") == "fraction" else duration or max(abs(label["value"]), 5.0)
    ends = value if isinstance(value, tuple) else (value,)
    return all(abs(end - label["value"]) <= label.get("tolerance", TIME) * whole + 1e-9 for end in ends)


def number_holds(value, label):
    """Number: within 5 % of the label (the paper's margin), 0 only by 0. Both ends of a range must hold."""
    gold = float(label["value"])
    ends = value if isinstance(value, tuple) else (value,)
    return all(abs(end - gold) <= label.get("tolerance", NUMBER) * abs(gold) + 1e-9 for end in ends)
