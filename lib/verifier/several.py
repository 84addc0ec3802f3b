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
from lib.verifier.sequences import mentions_in
from lib.verifier.spelled import digits, with_points
from lib.verifier.times import find_times, timed
from lib.verifier.vocabulary import vocabulary_of

# Names that mean the same
ALSO = {
    "difficulty": "degree of difficulty|difficulty degree|dd|difficulty level|tariff|rated",
    "score": "points|scored|scores",
}
# A field's sign behind its name: "score:", "score (final):", "score ="
SIGN = re.compile(r"(?: [a-z]+)?(?: ?\([^()\n]{0,40}\))?['\"]? ?(?::\n?|=(?!=)|->|\|| - )")
# What begins a field: a line, a bullet, ";", ",", "and"
START = re.compile(
    r"(?:^|[\n;,.(]|\band|\bwith|\bto)[ ]?(?:[-*#>\d.()]+ ?)*"
    r"(?:(?:the|its|and|overall|final|estimated|number of|total) )*(?:(?!start|end|begin)[a-z]+ )?$"
)
# Where a field of one value ends: a line, a field of something else ("; start: 3")
FIELD_END = re.compile(r"(?<=[^\s*-])[ *-]*\n|;\s*[a-z][a-z0-9 ]{1,30}:(?=\s)")
# A line that answers one of several counted questions: "2. Yes"
COUNTED = re.compile(r"(?:^|[\n;,.] ?)\W*([1-9])[.):] +(.+?)(?=[\n;,.] ?\W*[1-9][.):] |$)", re.S)
# What stands at the end of a field and belongs to the next: "; and the "
TRAILING = re.compile(r"(?:[\s;,(*#>-]|\band|\bwith|\bthe|\bits|\bfinal|\boverall|\n\d\.)*$")
# The measured kinds, as they claim their values; further than FAR from a name none is its own
MEASURED, FAR = ("box", "interval", "time", "number"), 40
# Where a clause ends that a value stands in
CLAUSE = re.compile(r"[;\n,]|[.!?](?: |$)|\band\b|\bwith\b")


class Cue(NamedTuple):
    """Where the name of a label stands."""

    label: int
    start: int
    end: int
    field: bool  # it heads a field: "score: ..."


def parts_of(text, labels, vocabulary, question=""):
    """Of each label the part of a cleaned text that says it, or None."""
    low = text.lower()
    if len(low) != len(text):  # a letter that is two in lower case
        text = low
    cues = cues_in(low, labels)
    fields = [cue for cue in cues if cue.field]
    lines = COUNTED.findall(text)
    if not fields and [int(n) for n, _ in lines] == [*range(1, len(labels) + 1)]:
        return [part for _, part in lines]
    # a field ends where another label begins: at its field, or at its name where it has none
    heads = [cue for cue in cues if cue.field or cue.label not in {field.label for field in fields}]
    parts, taken = {}, []
    for cue in fields:
        end = TRAILING.search(low, cue.end, end_of(cue, cues, heads, low, labels[cue.label]["kind"])).start()
        if text[cue.end : end].strip(" \n.,;-*"):
            parts[cue.label] = text[cue.end : end]
            taken.append((cue.start, end))
    rest = [at for at in range(len(labels)) if at not in parts]
    parts |= linked(blanked(text, taken), labels, rest, vocabulary, question) if rest else {}
    return [parts.get(at) for at in range(len(labels))]


def end_of(cue, cues, heads, text, kind):
    """Where the field of a Cue ends: at the next of the `heads` of other labels; if it has one value, at the
    end of its line or at ";".
    """
    others = [head for head in heads if head.start >= cue.end and head.label != cue.label]
    if kind == "sequence":  # a list goes on over its lines
        starts = (h.start if h.field else max(cue.end, text.rfind("\n", 0, h.start)) for h in others)
        return min([len(text), *starts])
    end = min([len(text), *(head.start for head in others)])
    ending = FIELD_END.search(text, cue.end, end)
    end = ending.start() if ending else end
    semicolon = text.find("; ", cue.end, end)
    # "57 at first; my final score is 65" goes on
    again = any(other.label == cue.label and other.start > semicolon for other in cues)
    return end if semicolon < 0 or kind == "text" or again else semicolon


def cues_in(text, labels):
    """Where a lower-case text names the labels, in order; a longer name hides the shorter ones in it."""
    found = []
    for at, label in enumerate(labels):
        for rank, name in enumerate(names_of(label, labels)):
            for m in re.finditer(rf"(?<![\w.]){name}(?!\w)", text):
                sign = START.search(text, max(0, m.start() - 30), m.start()) and SIGN.match(text, m.end())
                cue = Cue(at, m.start(), sign.end() if sign else m.end(), bool(sign))
                found.append((not sign, m.start() - m.end(), rank, cue))
    longest = []
    for *_, cue in sorted(found, key=lambda f: f[:3]):
        if all(cue.end <= other.start or cue.start >= other.end for other in longest):
            longest.append(cue)
    return sorted(longest, key=lambda cue: cue.start)


def names_of(label, labels):
    """The names by which a label may be called, as regular expressions, longest first: its own, words of it
    that no other label has.
    """
    own = label["name"].lower().replace("_", " ").strip()
    others = [other for other in labels if other is not label]
    taken = {word for other in others for word in re.findall(r"\w+", other["name"].lower().replace("_", " "))}
    names = [own, own + "s", own.removesuffix("s")]
    names += [w for w in re.findall(r"\w+", own) if len(w) > 2 and w not in taken]
    names += [n for key, more in ALSO.items() if key in own.split() for n in more.split("|")]
    return list(dict.fromkeys(re.escape(n) for n in names if n))


def blanked(text, spans):
    """A text with spans of it as line ends, so that nothing reads across them."""
    for start, end in spans:
        text = text[:start] + "\n" * (end - start) + text[end:]
    return text


# ---------------------------------------------------------------- sentences and lists


def linked(text, labels, rest, vocabulary, question):
    """{label: its part} of the labels in `rest`, by the nearest name, by kind, by what is left."""
    timely = any(labels[at]["kind"] in ("interval", "time") for at in rest)
    plain = timed(text, None) if timely else with_points(digits(affirmed(text)))
    lists = [at for at in rest if labels[at]["kind"] == "sequence"]
    steps = {at: mentions_in(plain, vocabulary_of(labels[at], vocabulary)) for at in lists}
    parts, claimed = {}, [span for spans in steps.values() for span in spans]
    named = [cue for cue in cues_in(plain, labels) if cue.label in rest]
    for kind in MEASURED:
        alike = [at for at in rest if labels[at]["kind"] == kind]
        values = values_in(plain, kind, labels[alike[0]], question) if alike else []
        values = [span for span in values if not overlaps(span, claimed)]
        for at, value in assigned(plain, values, alike, named).items():
            parts[at] = around(plain, value, values)
            claimed.append(value)
        # one of several values of its kind: which, its parser decides
        alone = [at for at in alike if at not in parts]
        if len(alone) == 1 and len(values) > len(alike):
            parts[alone[0]] = blanked(plain, claimed)
    for at in rest:
        if at in steps:
            parts[at] = plain
        elif labels[at]["kind"] not in MEASURED:
            cues = [cue for cue in cues_in(text.lower(), labels) if cue.label in rest]
            parts[at] = worded(text, at, labels, cues, vocabulary)
    return parts


def overlaps(span, others):
    """Whether a span has a place in common with one of the others."""
    return any(span[0] < end and start < span[1] for start, end in others)


def values_in(text, kind, label, question):
    """The (start, end) of the values of a measured kind in a lower-case text."""
    if kind == "box":
        return [(start, end) for _, start, end in find_boxes(text)]
    if kind == "interval":
        return [(start, end) for _, start, end in find_intervals(text, label.get("unit") or "seconds")]
    if kind == "time":
        return [(t.start, t.end) for t in find_times(text)]
    subject = f"{question} of {label['name'].replace('_', ' ')}".lower()
    return [(n.start, n.end) for n in find_numbers(text) if as_asked(n, text, subject)]


def assigned(text, values, alike, cues):
    """{label: its value}: to each label the value nearest to its name, each value once; those without a name
    get what is left, in order, if there are as many of both.
    """
    links = [(distance(text, c, v), -c.start, c.label, v) for c in cues for v in values if c.label in alike]
    found = {}
    for cost, _, at, value in sorted(links):
        if cost < FAR and at not in found and value not in found.values():
            found[at] = value
    unnamed = [at for at in alike if at not in found]
    left = [value for value in values if value not in found.values()]
    return found | (dict(zip(unnamed, left)) if len(unnamed) == len(left) else {})


def distance(text, cue, value):
    """How far a value stands from a name: words between, more across a comma or "and", most across the end of
    a sentence.
    """
    behind = value[0] >= cue.end
    gap = text[cue.end : value[0]] if behind else text[value[1] : cue.start]
    across = 6 * len(re.findall(r"[,(]|\band\b|\bwith\b|\bwhile\b|\bbut\b", gap))
    return len(gap.split()) + 0.5 * (not behind) + across + FAR * bool(re.search(r"[.;!?](?!\d)|\n", gap))


def around(text, value, others):
    """The clause around a value, without other values of its kind: "about 63 points"."""
    start = max([0, *(end for _, end in others if end <= value[0])])
    end = min([len(text), *(start for start, _ in others if start >= value[1])])
    before, behind = CLAUSE.split(text[start : value[0]])[-1], CLAUSE.split(text[value[1] : end])[0]
    return before[-60:] + text[slice(*value)] + behind[:40]


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
        if len(listed) == len(alike) and not cues:
            return listed[alike.index(at)]
        # "the boy falls because he hits a stone" says who and why
        return text if labels[at]["kind"] == "text" and not listed[1:] and not cues else None
    cue = own[-1]
    end = min((c.start for c in cues if c.start >= cue.end and c.label != at), default=len(text))
    # the next name's own sentence is not this one's
    fresh = max(text.rfind(mark, cue.end, end) for mark in (". ", "; ", "\n"))
    end = fresh if 0 < fresh < end < len(text) else end
    start = max((c.end for c in cues if c.end <= cue.start and c.label != at), default=0)
    clause = max(text.rfind(mark, 0, cue.start) for mark in (". ", "\n", "; ", ", ", " but ", " and "))
    return text[max(start, clause + 1) : end]


def rivals(label, other, vocabulary):
    """Whether the same words could say two labels: of one kind, and of no vocabularies that share nothing."""
    if label is other or label["kind"] != other["kind"]:
        return label is other
    return label["kind"] != "class" or bool(
        {*vocabulary_of(label, vocabulary)} & {*vocabulary_of(other, vocabulary)}
    )
