"""Intervals: two times of a text that are the start and the end of one."""

import re

from lib.verifier.times import find_times, fitted, timed
from lib.verifier.words import Found

# What stands between the ends: "2 s mark to about 5 s"; "2 s, and it stays blue until 5 s"
NEARLY = (
    r"(?: (?:about|around|approximately|roughly|the|at|time|seconds?|timestamp|t ?=|end(?: time)?:?|stop:))*"
)
PAIR = re.compile(
    rf"^(?: ?(?:mark|point|in|into the (?:video|clip)|of the (?:video|clip)|timestamp))* ?"
    rf"(?:-|->|to|until|till|through|up to|~){NEARLY} ?$|^[^.;\n\d]{{0,80}}\b(?:until|till|up to){NEARLY} ?$"
)
# "between 2 and 5", "starts at 2 s and disappears at 5 s", "[2, 5]"
LOOSE_PAIR = re.compile(
    r"^[^.\d]{0,60}\b(?:and|end|until|finish|stop|to|disappear|conclud|leav|offset)\w*[^.;\n\d]{0,25}$|^[^\d\w]{1,6}$"
)
STARTING = re.compile(r"(?:\b(?:between|start|begin|began|from|appear|onset)\w*[^.;\n\d]{0,40}|[\[(:] ?)\Z")
STARTS = re.compile(r"\b(?:start|begin|began|begun)")
# "for 3 seconds"
LASTING = re.compile(
    r"^[^.;\n\d]{0,40}\b(?:for|lasts?|lasting|duration|needs|takes)\b(?! (?:from|until|till|to)\b)"
    r"[^.;\n\d]{0,15}$"
)
# "starts at 3 s and ends 5 s later"; with no other time "opens it at 3 s; it is shut by 8 s"
LATER = re.compile(r" ?later\b(?! (?:in|on)\b)")
TWO_EVENTS = re.compile(r"^[^.\n\d]{0,120}\b(?:at|by|around|about|near) (?:about |around |the )*$")
MINUTES = re.compile(r"\d ?m(?!s|i?l)")


def read_interval(text, query):
    """[start, end] in the label's unit: that of a final line, the last of a free text; reversed ends are put
    right. A list of them where the label is one, or where the line names several.
    """
    several = isinstance(query.label["value"][0], list)
    # two numbers alone are the ends: "2,5"
    text = timed(re.sub(r"(?a)^(\W*\d+),(\d+\W*)$", r"\1 to \2", text), query.duration)
    found = find_times(text)
    pairs = pairs_of(text, found, query.unit, query.duration)
    if not pairs:
        unknown = not query.duration and query.unit != "fraction" and any(time.unit == "%" for time in found)
        why = "times that need the clip's duration" if unknown else "no two times that make an interval"
        return Found(None, why if found else "no interval", True)
    between = [text[p[2] : q[1]] for p, q in zip(pairs, pairs[1:])]
    if query.marked and any(re.match(r"[^.(]{0,12}\bor\b", gap) for gap in between):
        return Found(None, "several intervals")
    values = [ends for ends, *_ in pairs if ends[1] > ends[0]]
    if not values:
        return Found(None, "an interval without length")
    return Found(values if several or query.marked and len(values) > 1 else values[-1])


def find_intervals(text, unit="seconds", duration=None):
    """Every interval of a text that `timed` made ready: ([start, end], first place, last place)."""
    return pairs_of(text, find_times(text), unit, duration)


def pairs_of(text, found, unit, duration):
    """Every two neighbouring times that make an interval: ([start, end], first place, last place)."""
    pairs = []
    for a, b in zip(found, found[1:]):
        if pairs and pairs[-1][2] == a.end or not (ends := ends_of(text, a, b, len(found) == 2)):
            continue
        ends = [fitted(end, unit, duration) for end in ends]
        if None not in ends:
            pairs.append((sorted(ends), a.start, b.end))
    return pairs


def ends_of(text, a, b, alone=False):
    """Two neighbouring times as the ends of an interval, by the words around them, or None; `alone`: there is
    no other time.
    """
    gap, before = text[a.end : b.start], text[max(0, a.start - 50) : a.start]
    first = a
    # "2 to 5 minutes", "20-50%"
    if a.unit == "" and b.unit:
        scale = 60 if MINUTES.search(text[b.start : b.end]) else 0.01 if b.unit == "%" else 1
        first = a._replace(unit=b.unit, value=a.value * scale)
    # "3 s, for 0:27" names no length
    length = ":" not in text[b.start : b.end]
    if length and (LASTING.match(gap) or LATER.match(text, b.end)):
        return first, b._replace(value=first.value + b.value)
    loose = LOOSE_PAIR.match(gap) and (STARTING.search(before) or STARTS.search(gap))
    return (first, b) if loose or PAIR.match(gap) or alone and TWO_EVENTS.match(gap) else None
