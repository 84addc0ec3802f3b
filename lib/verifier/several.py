"""Several labels in one answer: which part of the text says each of them.

A label is found by its name as whole words: in fields ("score: 63; difficulty: 3.2", lines, bullets, what
layout.py makes of JSON and tables), else by the value that stands nearest to its name in a sentence ("a score
of 63 at 3.2 difficulty"). What has no name goes by kind: boxes, intervals, times and numbers in the order of
their labels, if there are as many of them as labels; a sequence takes what the others leave. A part of the
text that one label took no other label gets: one value never holds for two.
"""

import re
from typing import NamedTuple

from lib.verifier.boxes import find_boxes
from lib.verifier.denials import affirmed
from lib.verifier.intervals import find_intervals
from lib.verifier.numbers import as_asked, find_numbers
from lib.verifier.sequences import mentions_of_steps
from lib.verifier.spelled import digits
from lib.verifier.times import find_times, timed
from lib.verifier.vocabulary import vocabulary_of

# Words by which a kind is named where the label's own name is not said
KIND_NAMES = {
    "sequence": "action sequence|sequence|sub-actions|sub actions|actions|steps|order|phases|stages",
    "box": "bounding box|bbox 2d|bbox|box|location|position|coordinates|located",
    "interval": "interval|time span|timespan|time range|timestamps|time",
    "time": "timestamp|time|moment",
    "class": "class|category|label|action|activity|event",
    "choice": "option|choice|letter",
    "text": "description|caption|sentence",
}
# Names that mean the same
ALSO = {"difficulty": "degree of difficulty|difficulty degree|dd|difficulty level", "score": "points"}
# A field's sign behind its name: "score:", "score (final):", "score ="
SIGN = r"(?: [a-z]+)?(?: ?\([^()\n]{0,40}\))?['\"]? ?(?::|=(?!=)|->|\|| - )"
# What begins a field: a line, a bullet, ";", ",", "and"
START = re.compile(
    r"(?:^|[\n;,.(]|\band|\bwith|\bto)[ ]?(?:[-*#>\d.()]+ ?)*(?:(?:the|its|and|overall|final|estimated) )*$"
)
LINKED = re.compile(
    r"^(?: ?\([^()]{0,30}\))?,? ?(?:is|was|of|at|=|:|as|are|were|comes to|about|around|approximately)\b"
)


# A field of something else: "; start: 3"
STRANGER = re.compile(r";\s*[a-z][a-z0-9 ]{1,30}:(?=\s)")


class Cue(NamedTuple):
    """Where the name of a label stands."""

    label: int
    start: int
    end: int
    field: bool  # it heads a field: "score: ..."


def names_of(label, labels):
    """The names by which a label may be called, as alternatives of a regular expression, longest first: its
    own, words of it that no other label has, names of its kind where no other label is of that kind.
    """
    own = label["name"].lower().replace("_", " ").strip()
    others = [other for other in labels if other is not label]
    taken = {word for other in others for word in re.findall(r"\w+", other["name"].lower().replace("_", " "))}
    names = [own, *numbers_of(own), *(w for w in re.findall(r"\w+", own) if len(w) > 2 and w not in taken)]
    names += [n for key, more in ALSO.items() if key in own.split() for n in more.split("|")]
    if label["kind"] not in [other["kind"] for other in others]:
        names += [n for n in KIND_NAMES.get(label["kind"], "").split("|") if n and n not in taken]
    return [re.escape(n) for n in dict.fromkeys(names) if n]


def numbers_of(name):
    """A name in its other number: "cars" and "car"."""
    singular = [name[:-1]] if name.endswith("s") else []
    return [*singular, *([name[:-2]] if name.endswith("es") else []), name + "s"]


def cues_in(text, labels):
    """Where a lower-case text names the labels, in order; a longer name hides the shorter ones in it."""
    found = []
    for at, label in enumerate(labels):
        for rank, name in enumerate(names_of(label, labels)):
            for m in re.finditer(rf"(?<![\w.]){name}(?!\w)", text):
                sign = re.compile(SIGN).match(text, m.end())
                field = bool(sign) and bool(START.search(text[max(0, m.start() - 30) : m.start()]))
                found.append(
                    (rank, m.end() - m.start(), Cue(at, m.start(), sign.end() if field else m.end(), field))
                )
    kept = []
    for _, _, cue in sorted(found, key=lambda f: (-f[2].field, -f[1], f[0])):
        if all(cue.end <= other.start or cue.start >= other.end for other in kept):
            kept.append(cue)
    return sorted(kept, key=lambda cue: cue.start)


def parts_of(text, labels, vocabulary, question=""):
    """Of each label the part of a cleaned text that says it, or None."""
    low = text.lower()
    if len(low) != len(text):  # a letter that is two in lower case
        text = low
    cues = cues_in(low, labels)
    parts, taken = [None] * len(labels), []
    fields = {cue.label for cue in cues if cue.field}
    for at in fields:
        span = field_of(at, low, cues, labels)
        if span:
            parts[at] = text[slice(*span)]
            taken.append((min(c.start for c in cues if c.field and c.end == span[0]), span[1]))
    left = blanked(text, taken)
    rest = [at for at in range(len(labels)) if parts[at] is None]
    if rest:
        loose = [cue for cue in cues if cue.label in rest and left[cue.start : cue.end].strip()]
        for at, part in linked(left, labels, rest, loose, vocabulary, question).items():
            parts[at] = part
    return parts


def blanked(text, spans):
    """A text with spans of it as line ends, so that nothing reads across them."""
    for start, end in spans:
        text = text[:start] + "\n" * (end - start) + text[end:]
    return text


def field_of(at, text, cues, labels):
    """(start, end) of the last field of a label that is not empty, or None."""
    heads = [cue for cue in cues if cue.field]
    spans = []
    for cue in (cue for cue in heads if cue.label == at):
        ends = [other.start for other in heads if other.start >= cue.end and other.label != at]
        end = min(ends, default=len(text))
        # a value of one line ends with it, a list goes on
        line = text.find("\n", cue.end)
        if labels[at]["kind"] != "sequence":
            stranger = STRANGER.search(text, cue.end, end)
            end = min(end, stranger.start() if stranger else end)
            if line > 0 and text[cue.end : line].strip(" *-"):
                end = min(end, line)
        spans.append((cue.end, end - trailing(text[cue.end : end])))
    spans = [span for span in spans if text[slice(*span)].strip(" \n.,;-*")]
    return spans[-1] if spans else None


def trailing(value):
    """The length of what stands at the end of a field and belongs to the next: "; and the "."""
    return len(re.search(r"(?:[\s;,(*#>-]|\band|\bwith|\bthe|\bits|\bfinal|\boverall|\n\d\.)*$", value)[0])


# ---------------------------------------------------------------- sentences and lists


class Value(NamedTuple):
    """A value of a measured kind in a text."""

    kind: str
    start: int
    end: int


def linked(text, labels, rest, cues, vocabulary, question):
    """{label: its part} of the labels in `rest`, by the nearest name, by kind, by what is left."""
    timely = any(labels[at]["kind"] in ("interval", "time") for at in rest)
    plain = timed(text, None) if timely else digits(affirmed(text))
    parts, steps = {}, {}
    for at in rest:
        if labels[at]["kind"] == "sequence":
            steps[at] = mentions_of_steps(plain, labels[at], vocabulary)
    claimed = [span for spans in steps.values() for span in spans]
    named = [cue for cue in cues_in(plain, labels) if cue.label in rest and not inside(cue, claimed)]
    for kind in MEASURED:
        wanted = [at for at in rest if labels[at]["kind"] == kind]
        values = values_in(plain, kind, labels[wanted[0]], claimed, question) if wanted else []
        for at, value in assign(plain, values, wanted, named).items():
            parts[at] = around(plain, value, values)
            claimed.append((value.start, value.end))
        # one of several values of its kind: which, its parser decides
        alone = [at for at in wanted if at not in parts]
        if len(alone) == 1 and len(values) > len(wanted) and alone[0] not in {cue.label for cue in named}:
            parts[alone[0]] = blanked(plain, claimed)
    for at in rest:
        if labels[at]["kind"] == "sequence":
            parts[at] = blanked(plain, [span for span in claimed if span not in steps[at]])
        elif labels[at]["kind"] not in MEASURED:
            parts[at] = worded(text, at, labels, cues, vocabulary)
    return parts


def inside(cue, spans):
    """Whether a cue lies in one of the spans."""
    return any(start <= cue.start < end for start, end in spans)


def values_in(text, kind, label, claimed, question):
    """The values of a measured kind in a lower-case text that no other label has taken."""
    if kind == "box":
        found = [(start, end) for _, start, end in find_boxes(text)]
    elif kind == "interval":
        found = [(start, end) for _, start, end in find_intervals(text, label.get("unit") or "seconds")]
    elif kind == "time":
        found = [(t.start, t.end) for t in find_times(text)]
    else:
        asked = f"{question} {label['name'].replace('_', ' ')}".lower()
        every = find_numbers(text)
        found = [(n.start, n.end) for n in every if as_asked(n, text, asked, len(every))]
    free = [(a, b) for a, b in found if all(b <= start or a >= end for start, end in claimed)]
    return [Value(kind, *span) for span in free]


def assign(text, values, wanted, cues):
    """{label: Value}: to each label the value nearest to its name, each value once; those without a name get
    what is left, in order, if there are as many of both.
    """
    links = [
        (distance(text, cue, value), -cue.start, cue.label, value)
        for cue in cues
        for value in values
        if cue.label in wanted
    ]
    found, used = {}, set()
    for cost, _, at, value in sorted(links, key=lambda link: link[:3]):
        if cost < FAR and at not in found and value not in used:
            found[at] = value
            used.add(value)
    unnamed = [at for at in wanted if at not in found]
    left = [value for value in values if value not in used]
    said = [text[value.start : value.end] for value in left]
    if unnamed and len(left) > len(unnamed) and said == said[: len(unnamed)] * (len(said) // len(unnamed)):
        left = left[: len(unnamed)]  # the same row of values again and again
    if len(unnamed) == len(left):
        found |= dict(zip(unnamed, left))
    return found


# in the order in which they claim their values
MEASURED = ("box", "interval", "time", "number")
# further than this from a name a value is not its own
FAR = 40


def distance(text, cue, value):
    """How far a value stands from a name: words between, more across a comma or "and", most across the end of
    a sentence; nothing where "is" or ":" links them.
    """
    if value.start >= cue.end:
        gap = text[cue.end : value.start]
        cost = len(gap.split()) - (4 if LINKED.match(gap) or not gap.strip(" (:=*'\"") else 0)
    else:
        gap = text[value.end : cue.start]
        cost = len(gap.split()) - (3 if re.fullmatch(r"[ -]?(?:[a-z-]+ )?", gap) else 0) + 0.5
    cost += 6 * len(re.findall(r"[,(]|\band\b|\bwith\b|\bwhile\b|\bbut\b", gap))
    return cost + FAR * bool(re.search(r"[.;!?](?!\d)|\n", gap))


def around(text, value, others):
    """The clause around a value, without other values of its kind: "about 63 points"."""
    start = max([0, *(v.end for v in others if v.end <= value.start)])
    end = min([len(text), *(v.start for v in others if v.start >= value.end)])
    before = re.split(r"[;\n,]|[.!?] |\band\b", text[start : value.start])[-1]
    after = re.split(r"[;\n,]|[.!?] |[.!?]$|\band\b|\bwith\b", text[value.end : end])[0]
    return before[-60:] + text[value.start : value.end] + after[:40]


def worded(text, at, labels, cues, vocabulary):
    """The part of a text that says a label of words: all of it, unless another label of its kind could be
    meant; then what stands by its name, or its place in a list that has as many.
    """
    alike = [n for n, other in enumerate(labels) if rivals(labels[at], other, vocabulary)]
    if alike == [at]:
        return text
    own = [cue for cue in cues if cue.label == at]
    if not own:
        listed = [part for part in re.split(r"[,;\n]|\band\b", text) if part.strip(" .")]
        return listed[alike.index(at)] if len(listed) == len(alike) and not cues else None
    cue = own[-1]
    end = min((c.start for c in cues if c.start >= cue.end and c.label != at), default=len(text))
    start = max((c.end for c in cues if c.end <= cue.start and c.label != at), default=0)
    clause = max(text.rfind(mark, 0, cue.start) for mark in (". ", "\n", "; ", ", ", " but ", " and "))
    return text[max(start, clause + 1) : end]


def rivals(label, other, vocabulary):
    """Whether the same words could say two labels: of one kind, and of no vocabularies that share nothing."""
    if label is other:
        return True
    if label["kind"] != other["kind"]:
        return False
    return label["kind"] != "class" or bool(
        {*vocabulary_of(label, vocabulary)} & {*vocabulary_of(other, vocabulary)}
    )
