"""Boxes: four numbers in a row, named corners, width and height, two points, or two spans."""

import re

from lib.prompts import WHOLE
from lib.verifier.denials import affirmed
from lib.verifier.numbers import PLAIN, find_numbers
from lib.verifier.spelled import digits
from lib.verifier.words import Found

# "x1=0.5", "left edge: 10%", "width is 0.4"
CORNERS = re.compile(
    r"\b(x_?(?:1|2|min|max|left)?|y_?(?:1|2|min|max|top)?|w|h|width|height|left|top|right|bottom)\b"
    r"(?: (?:edge|side|border|end))?['\"]? ?(?:=|:|is|at)? ?"
    r"(-?(?:\d{1,6}(?:\.\d{1,9})?|\.\d{1,9}))( ?%)?"
)
VALUE = r"(-?(?:\d{1,4}(?:\.\d{1,9})?|\.\d{1,9}))"
AXIS = re.compile(r"\b(?:(x|horizontal(?:ly)?|width|wide|across)|(y|vertical(?:ly)?|height|high|down))\b")
# "0.2 to 0.6", "5% - 45%"
SPAN = re.compile(rf"{VALUE} ?(%?) ?(?:to|-|and|through|until|,) ?{VALUE} ?(%?)")
# "[00:05]" before a box, "a frame of 1280x720 pixels" in a question
CLOCK = re.compile(r"\[?\b\d{1,2}:\d{2}(?::\d{2})?\b\]?")
SIZE = re.compile(r"(?<!\d)(\d{2,4}) ?(?:x|\u00d7|by) ?(\d{2,4})(?!\d)")
NAMES = {
    name: corner
    for corner, names in (
        ("x1", "xmin xleft x left"),
        ("y1", "ymin ytop y top"),
        ("x2", "xmax right"),
        ("y2", "ymax bottom"),
        ("w", "width"),
        ("h", "height"),
    )
    for name in names.split()
}
# The words that may stand between the numbers of a box
BETWEEN = frozenset(
    "to and bottom top left right lower upper corner corners at is the with its lies point reaching from"
    " starts starting ends ending extends spans".split()
)


def find_boxes(text):
    """Every box of a lower-case text as ([x1, y1, x2, y2], start, end): four numbers in a row, named
    corners, width and height, two points.
    """
    return by_corners(text) or by_axes(text) or by_rows(text)


def by_corners(text):
    """Boxes told by named sides: "x1=0.5, y1=0.3, x2=0.9, y2=0.7", "left 0.5, top 0.3, width 0.4, ..."."""
    named, found = {}, []
    for m in CORNERS.finditer(text):
        key = m[1].replace("_", "")
        # "x from 0.2 to x 0.6"
        if key in ("x", "y") and NAMES[key] in named:
            key = {"x1": "x2", "y1": "y2"}.get(NAMES[key], "")
        else:
            key = NAMES.get(key, key)
        named[key] = float(m[2]) / (100 if m[3] else 1)
        if named.keys() >= {"x1", "y1", "x2", "y2"} or named.keys() >= {"x1", "y1", "w", "h"}:
            x, y = named["x1"], named["y1"]
            opposite = [named["x2"], named["y2"]] if "x2" in named else [x + named["w"], y + named["h"]]
            found.append(([x, y, *opposite], m.start(), m.end()))
            named = {}
    return found


def by_rows(text):
    """Boxes told by four numbers in a row, or by two points of two numbers each."""
    groups, found = rows(text), []
    at = 0
    while at < len(groups):
        group = groups[at]
        if (
            len(group) == 2
            and at + 1 < len(groups)
            and len(groups[at + 1]) == 2
            and set(re.findall("[a-z]+", text[group[-1].end : groups[at + 1][0].start])) <= BETWEEN
        ):
            group, at = group + groups[at + 1], at + 1
        if len(group) == 4:
            values = [n.value / (100 if n.percent else 1) for n in group]
            found.append((values, group[0].start, group[-1].end))
        at += 1
    return found


def rows(text):
    """The numbers of a text in groups with nothing of weight between their members."""
    groups = []
    for n in find_numbers(text, PLAIN):
        gap = text[groups[-1][-1].end : n.start] if groups else ""
        if (
            groups
            and len(gap) <= 45
            and not re.search(r"[\[({<.\n]", gap)
            and set(re.findall("[a-z]+", gap)) <= BETWEEN
        ):
            groups[-1].append(n)
        else:
            groups.append([n])
    return groups


def by_axes(text):
    """A box told as two spans with their axes, in either order: "x from 0.2 to 0.6, y from ...", "5% to 45%
    of the width and ...", "vertically ...".
    """
    spans, axes = [*SPAN.finditer(text)], [bool(m[1]) for m in AXIS.finditer(text)]
    if len(spans) != 2 or len(axes) != 2:
        return []
    ends = [[float(m[k]) / (100 if m[2] or m[4] else 1) for k in (1, 3)] for m in spans]
    (x1, x2), (y1, y2) = ends if axes[0] else ends[::-1]
    return [([x1, y1, x2, y2], spans[0].start(), spans[1].end())]


def read_box(text, query):
    """[x1, y1, x2, y2] in fractions of the frame: the last box a text asserts, with a reason where it is
    none. In which coordinates an answer is, is never guessed from its numbers: it was asked for in a frame
    of `query.frame` (width, height), prompts.frame_of, or in the pixels that the question names.
    """
    if query.frame is None:
        return Found(None, "asked for in pixels, but the record has no frame_size")
    text, frame = CLOCK.sub(" ", digits(affirmed(text))), query.frame
    found = find_boxes(text)
    if not found:
        return Found(None, "no box", True)
    between = text[found[-2][2] : found[-1][1]] if len(found) > 1 else ""
    if query.marked and re.search(r"\b(?:or|either)\b", between) and found[-2][0] != found[-1][0]:
        return Found(None, "several boxes")
    box = found[-1][0]
    if frame == WHOLE and max(box) > 1 and (size := SIZE.search(query.question)):
        frame = (float(size[1]), float(size[2]))
    x1, y1, x2, y2 = value = [v / side for v, side in zip(box, 2 * frame)]
    if min(value) < 0 or max(value) > 1:
        return Found(None, f"box {box} is outside the frame ({frame[0]:g} x {frame[1]:g})")
    return Found(value) if x1 < x2 and y1 < y2 else Found(None, f"box {box} has no area")
