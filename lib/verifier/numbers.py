"""Numbers: every number of a text, and which of them the text concludes."""

import re
from typing import NamedTuple

from lib.verifier.conclusion import core
from lib.verifier.denials import affirmed
from lib.verifier.spelled import digits
from lib.verifier.units import NAMES, factor, unit_asked, unit_behind
from lib.verifier.words import Found, stem

# Numbers or times looked at in one text
MOST = 80
NUMBER = re.compile(
    r"(?<![\w.])(?=[-+]?\.?\d)(?P<sign>[-+](?=[\d.]))?"
    # "63,000" and "63"
    r"(?P<int>\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,15}(?!\d))?"
    r"(?P<frac>\.\d{1,15}(?!\d))?(?P<percent> ?(?:%|percent|per cent))?"
)
# Without thousands separators, for lists of numbers
PLAIN = re.compile(NUMBER.pattern.replace(r"\d{1,3}(?:,\d{3})+(?![\d,])|", ""))
# "3rd", "3:20", "307c"
NO_AMOUNT = re.compile(rf"(?: ?(?:st|nd|rd|th)\b| ?:\d|(?!(?:{NAMES}|x|k|m)s?\b)[a-z])")
# What a scale, range or name leads: "out of a possible 100", "from 1 to 10", "range from 5 to 9", "frame 3"
SCALE = re.compile(
    r"(?:\bout of(?: a (?:total|possible|maximum)(?: of)?)?|\d ?/|\d of(?: the| a)?"
    r"|\b(?:on|to) a scale(?: of| from)?|\bscale(?: of| from)?|\brang(?:e|es|ing)(?: of| from| is)?"
    r"|\bmax(?:imum)?(?: of| is)?"
    r"|\bscale (?:of|from) -?[\d.]{1,9} ?(?:to|-)"
    r"|\brang(?:e|es|ing)(?: is| was)?(?: of| from)?:? -?[\d.]{1,9} ?(?:to|-|and)"
    r"|\b(?:range|limits?|allowed|permitted|tolerance|bounds)(?: is| are| was| from| of| between)*:?"
    r"(?: -?[\d.]{1,9} ?(?:to|-|and))?"
    r"|\bstep|\bframes?|\boption|\bfigure|\bscene|\bpart|\bquestion|\btop|#|\bplayer|\bversion) ?$"
)
# "on a 1-10 scale", "on a 5-point scale"
POINT_SCALE = re.compile(r"(?: ?(?:-|to) ?\d{1,4})?[ -]?(?:point )?scale\b")
# "= 63", "is about 63", "scores exactly 63"
SETTLED = re.compile(
    r"(?:[=:]|\b(?:is|are|was|were|be|equals?|total|gives?|get|exactly|scores?))"
    r"(?: (?:of|a|an|about|around|approximately|roughly|exactly|equal to|only|just|at))* ?$"
)
JOINED = re.compile(r"^ ?(?:-|to|or|or (?:maybe|perhaps|possibly)) ?$")
HEDGED = re.compile(r"\b(?:maybe|perhaps|possibly|might|could be|may be|not sure|unsure|either)\b", re.I)
# "> 63", "more than 63", "at least 63"
BOUND = re.compile(
    r"(?:[<>\u2264\u2265]|\bmore than|less than|fewer than|at least|at most|over|under|above|below)"
    r"(?: (?:a|an|just|about|exactly|be))* ?$"
)
# "none", "no cars", but not "no doubt"
NONE = re.compile(
    r"\b(?:none|never|nobody|not any|no one|no (?!doubt|question|more|less|longer|idea|need)[a-z]+)\b"
    "|not (?=[\u4e00-\u9fff])"
)
# a question that counts
COUNTS = re.compile("how many|\u51e0|\u591a\u5c11|cu[a\u00e1]nt")
ARITHMETIC = re.compile(r"=|\b(?:times|multiplied|divided|plus|minus|sum)\b")
# "= 63", "equals 63", "times 3.15 gives us 63", "adds up to 63"
RESULT = re.compile(
    r"(?:=|\b(?:equals|(?:gives?|giving|yields?|yielding|makes?|making|results? in|resulting in|comes? to"
    r"|amounts? to|adds? up to)(?: (?:us|a|the|total|score|of|final|about))*)) ?$"
)
OPERATOR = re.compile(r" ?(?:[x*/\u00d7\u00f7+]|-(?= )|times\b|multiplied\b|divided\b|plus\b|minus\b)")
# "3/4", "3 out of 4"
RATIO = re.compile(r"(?<![\d.])(\d{1,4}) ?(?:/|out of|of) ?(\d{1,4})(?![\d.])")
# "[3, 4, 5]" and nothing else
LISTED = re.compile(r"[\[(][^\[\]()a-z]*[\])]")
# "a total of 3", "3 people in total"
TOTAL_BEFORE = re.compile(r"\b(?:total|altogether|in all|so)\b[^.\d]{0,25}$")
TOTAL_AFTER = re.compile(r"[^.,;\d]{0,20}\b(?:in total|altogether|in all)\b")


class Number(NamedTuple):
    value: float
    start: int
    end: int
    percent: bool


def find_numbers(text, pattern=NUMBER):
    """Every number of a lower-case text: signs, decimals, thousands separators; "1-100" is 1 and 100."""
    return [
        Number(
            float((m["int"] or "0").replace(",", "") + (m["frac"] or "")) * (-1 if m["sign"] == "-" else 1),
            m.start(),
            m.end(),
            bool(m["percent"]),
        )
        for m in pattern.finditer(text)
        if m["int"] or m["frac"]
    ][-MOST:]


def read_number(text, question="", name="", marked=True, share=False):
    """The number a text concludes, or the two ends of a range; never a scale ("out of 100"), an ordinal, or
    a frame or time unless asked for.

    `share`: the label is a part of one, so that "75%" and "3/4" are 0.75.
    """
    whole, text = text, digits(affirmed(core(text) if marked else text))
    asked = f"{question} {name.replace('_', ' ')}".lower()
    ratio = share and RATIO.search(text)
    if ratio and float(ratio[2]):
        return Found(float(ratio[1]) / float(ratio[2]))
    every = find_numbers(text)
    usable = [used for m in every if (used := as_asked(m, text, asked, len(every), share))]
    if not every and COUNTS.search(asked) and NONE.search(whole.lower()):
        return Found(0.0)
    if not usable:
        return Found(None, "no number that answers" if every else "no number", True)
    if HEDGED.search(text):
        return Found(None, "hedges")
    if len({m.value for m in usable}) > 1 and LISTED.fullmatch(text.strip(" .,;!")):
        return Found(None, "several numbers")
    for a, b in zip(usable, usable[1:]):
        gap = text[a.end : b.start]
        between = gap == " and " and "between" in text[max(0, a.start - 20) : a.start]
        if a.value != b.value and (JOINED.match(gap) or between):
            return Found((a.value, b.value), "a range")
    return Found(settled(text, usable, asked, marked).value)


def as_asked(number, text, asked, count, share=False):
    """One of `count` numbers of a text as an answer, in the unit asked for; None for a scale, a bound, a unit
    of another kind, the numbering of a list.
    """
    before = text[max(0, number.start - 40) : number.start]
    if NO_AMOUNT.match(text, number.end) or POINT_SCALE.match(text, number.end):
        return None
    if SCALE.search(before) or BOUND.search(before):
        return None
    first = text[: number.start].endswith("\n") or not number.start and count > 1
    if first and re.match(r"[.)] [a-z]", text[number.end : number.end + 3]):
        return None
    scale = 0.01 if share and number.percent else 1.0
    if unit := unit_behind(text, number.end):
        scale = factor(unit, unit_asked(asked))
    return None if scale is None else number._replace(value=number.value * scale)


def settled(text, usable, asked, marked):
    """Of several numbers the one concluded: after "=", next to what the question counts, at the start of the
    line, after "is"; else first or last.
    """
    if ARITHMETIC.search(text) and (result := computed(text, usable)):
        return result
    total = [
        m
        for m in usable
        if TOTAL_BEFORE.search(text[max(0, m.start - 40) : m.start])
        or TOTAL_AFTER.match(text[m.end : m.end + 40])
    ]
    things = counted(asked)
    if headed := [m for m in usable if things & set(map(stem, words_before(text, m.start)))]:
        return headed[0 if marked else -1]
    near = [m for m in usable if things & set(map(stem, words_behind(text, m.end)))]
    if total or near:
        return (total or near)[-1 if total or not marked else 0]
    if marked and text.lstrip(" (").startswith(text[usable[0].start : usable[0].end]):
        return usable[0]
    concluding = [m for m in usable if SETTLED.search(text[max(0, m.start - 40) : m.start])]
    return concluding[-1] if concluding else usable[0 if marked else -1]


def computed(text, usable):
    """The last number that is the result of a calculation, or None."""
    for at in reversed(range(len(usable))):
        m = usable[at]
        if not RESULT.search(text[max(0, m.start - 25) : m.start]):
            continue
        if not OPERATOR.match(text[m.end : m.end + 12]):
            return m
        # "84.15 = 25.5 x 3.3"
        if at and text[usable[at - 1].end : m.start].strip() == "=":
            return usable[at - 1]
    return None


def counted(asked):
    """The stems of what a lower-case question counts ("how many people") and of its last word."""
    phrases = re.findall(r"how many ((?:[a-z]+ )?[a-z]+)", asked)
    return {stem(w) for phrase in phrases for w in phrase.split()} | {stem(w) for w in asked.split()[-1:]}


def words_before(text, start):
    """The words of the field that a number stands in: "num wheels: 3"."""
    head = re.search(r"([a-z][a-z _-]{0,40})[:=|] ?(?:about |~)?$", text[max(0, start - 50) : start])
    return re.findall(r"[a-z]+", head[1]) if head else []


def words_behind(text, end):
    """The first two words behind a place of a text, in its clause."""
    return re.findall(r"[a-z]+", re.split("[.,;]", text[end : end + 30])[0])[:2]
