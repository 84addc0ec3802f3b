"""Intervals: two times of a text that are the start and the end of one."""

import re

from lib.verifier.conclusion import core
from lib.verifier.times import find_times, fitted, timed
from lib.verifier.words import Found

# What stands between the ends. "2 s mark to about 5 s"
PAIR = re.compile(
    r"^(?: ?(?:mark|point|in|into the (?:video|clip)|of the (?:video|clip)|timestamp))* ?"
    r"(?:-|->|to|until|till|through|up to|~)"
    r"(?: (?:about|around|approximately|roughly|the|at|time|seconds?|timestamp|t ?=|end(?: time)?:"
    r"|stop:))* ?$"
)
# "2 s, and it stays blue until 5 s"
UNTIL = re.compile(
    r"^[^.;\n\d]{0,80}\b(?:until|till|up to)(?: (?:about|around|approximately|roughly|the))* ?$"
)
# "between 2 and 5", "starts at 2 s and disappears at 5 s", "[2, 5]"
LOOSE_PAIR = re.compile(
    r"^[^.\d]{0,60}\b(?:and|end|until|finish|stop|to|disappear|conclud)\w*[^.;\n\d]{0,25}$|^[^\d\w]{1,6}$"
)
# "2 s is when it starts, and it ends at 5 s"
FROM_TO = re.compile(
    r"^[^\d]{0,60}\b(?:start|begin)[^\d]{0,40}\b(?:stop|end|finish|conclud|leave)\w*[^.\d]{0,25}$"
)
STARTING = re.compile(r"(?:\b(?:between|start|begin|began|from|appear|onset)\w*[^.;\n\d]{0,40}|[\[(] ?)$")
# "for 3 seconds"
LASTING = re.compile(r"^[^.;\n\d]{0,40}\b(?:for|lasts?|lasting|duration)\b(?! from)[^.;\n\d]{0,15}$")
# "picks it up at 3 seconds and puts it down at 8"
TWO_EVENTS = re.compile(r"^[^.;\n\d]{0,40}\b(?:and|then)\b[^.;\n\d]{0,40}\bat (?:about |around |the )*$")
END_BEFORE = re.compile(r"\b(?:end|stop|finish|conclud)\w*[^.;\n\d]{0,25}$")
START_BETWEEN = re.compile(r"^[^\d.\n]{0,40}\b(?:start|begin|began|begun)\w*[^.;\n\d]{0,25}$")
# "until about 4 s", with no other time
UP_TO = re.compile(r"\b(?:until|till|up to) (?:about |around |the )*$")
# "2 to 5 s or 6 to 8 s", "2 to 5 s and 6 to 8 s"
OTHERWISE = re.compile(r"^[^.(]{0,12}\bor\b")
ANOTHER = re.compile(r"^[^.(\d]{0,12}\band\b|^ ?[\])]? ?s? ?[,;\n]+ ?[\[(-]?$")
MINUTES = re.compile(r"\d ?m(?!s|i?l)")


def read_interval(text, unit="seconds", duration=None, marked=True, several=False):
    """[start, end] in the label's unit: the one interval of a final line, the last of a free text; reversed
    ends are put right. A list of them where the label is one (`several`), or where the line lists them.
    """
    text = timed(core(text) if marked else text, duration)
    found = find_times(text)
    pairs = pairs_of(text, found, unit, duration) or lone_pair(text, found, unit, duration)
    if not pairs:
        return Found(None, "no two times that make an interval" if found else "no interval", True)
    gaps = [text[p[2] : q[1]] for p, q in zip(pairs, pairs[1:]) if p[0] != q[0]]
    if marked and any(OTHERWISE.match(gap) for gap in gaps):
        return Found(None, "several intervals")
    if several or marked and any(ANOTHER.match(gap) for gap in gaps):
        values = [pair for pair, *_ in pairs if pair[1] > pair[0]]
        return Found(values) if values else Found(None, "an interval without length")
    start, end = pairs[0 if marked else -1][0]
    return Found([start, end]) if end > start else Found(None, "an interval without length")


def find_intervals(text, unit="seconds", duration=None):
    """Every interval of a text that `timed` made ready: ([start, end], first place, last place)."""
    return pairs_of(text, find_times(text), unit, duration)


def pairs_of(text, found, unit, duration):
    """Every two neighbouring times that make an interval: ([start, end], first place, last place)."""
    pairs = []
    for a, b in zip(found, found[1:]):
        if pairs and pairs[-1][2] == a.end or not (ends := ends_of(text, a, b)):
            continue
        ends = [fitted(end, unit, duration) for end in ends]
        if None not in ends:
            pairs.append((sorted(ends), a.start, b.end))
    return pairs


def ends_of(text, a, b):
    """Two neighbouring times as the ends of an interval, by the words around them, or None."""
    gap, before = text[a.end : b.start], text[max(0, a.start - 50) : a.start]
    first, second = a, b
    # "2 to 5 minutes", "20-50%"
    if a.unit == "" and b.unit:
        scale = 60 if MINUTES.search(text[b.start : b.end]) else 0.01 if b.unit == "%" else 1
        first = a._replace(unit=b.unit, value=a.value * scale)
    if LASTING.match(gap):
        return first, b._replace(value=first.value + b.value)
    if LASTING.match(text[max(0, a.start - 15) : a.start]) and STARTING.search(gap):
        return b, a._replace(value=a.value + b.value)
    if PAIR.match(gap) or UNTIL.match(gap) or FROM_TO.match(gap):
        return first, second
    if LOOSE_PAIR.match(gap) and STARTING.search(before):
        return first, second
    if START_BETWEEN.match(gap) and END_BEFORE.search(before):
        return first, second
    return None


def lone_pair(text, found, unit, duration):
    """The interval of a text that says "until 4 s" alone, or two events with a time each: a list of one, or
    an empty one.
    """
    if len(found) == 1 and UP_TO.search(text[: found[0].start]):
        end = fitted(found[0], unit, duration)
        return [([0.0, end], 0, 0)] if end else []
    if len(found) == 2 and TWO_EVENTS.match(text[found[0].end : found[1].start]):
        ends = [fitted(t, unit, duration, found[1].unit) for t in found]
        return [(sorted(ends), 0, 0)] if None not in ends else []
    return []
