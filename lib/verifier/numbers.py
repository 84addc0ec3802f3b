"""Numbers: every number of a text, and which of them the text concludes."""

import re
from typing import NamedTuple

from lib.verifier.denials import affirmed
from lib.verifier.spelled import digits, with_points
from lib.verifier.units import NAMES, factor, unit_asked, unit_behind
from lib.verifier.words import Found, stem

# Numbers or times looked at in one text
MOST = 80
NUMBER = re.compile(
    r"(?<![\w.])(?<!\d:)(?=[-+]?\.?\d)(?P<sign>[-+](?=[\d.]))?"
    # "63,000" and "63"
    r"(?P<int>\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,15}(?!\d))?"
    r"(?P<frac>\.\d{1,15}(?!\d))?(?P<percent> ?(?:%|percent|per cent))?"
)
# Without thousands separators, for lists of numbers
PLAIN = re.compile(NUMBER.pattern.replace(r"\d{1,3}(?:,\d{3})+(?![\d,])|", ""))
# "3rd", "3:20", "307c", "5-point scale"
NO_AMOUNT = re.compile(
    rf" ?(?:st|nd|rd|th)\b| ?:\d|(?!(?:{NAMES}|x|k|m)s?\b)[a-z]|(?: ?(?:-|to) ?\d+)?[ -]?(?:point )?scale\b"
)
# What a scale, bound or name leads: "out of a possible 100", "range from 5 to 9", "more than 3", "frame 3"
SCALE = re.compile(
    r"(?:\bout of(?: a)?(?: total| possible| maximum)?(?: of)?|\d ?/|\d of(?: the| a)?"
    r"|\b(?:scale|rang(?:e|es|ing)|max(?:imum)?|limits?|allowed|tolerance)\b[^.;\d]{0,12}"
    r"(?:-?[\d.]+ ?(?:to|-|and))?"
    r"|(?<![-=])[<>\u2264\u2265]|\b(?:more|less|fewer) than|\bat (?:least|most)|\b(?:over|under|above|below)"
    r"|#|\b(?:step|frames?|option|figure|scene|part|question|top|player|version)) ?$"
)
JOINED = re.compile(r"^ ?(?:-|to|or|or (?:maybe|perhaps|possibly)) ?$")
HEDGED = re.compile(r"\b(?:maybe|perhaps|possibly|might|could be|may be|not sure|unsure|either)\b", re.I)
# "none", "no cars"
NONE = re.compile(
    r"\b(?:none|never|nobody|not (?:any|one|a single)|no one|no ([a-z]+))\b"
    "|not (?=[\u4e00-\u9fff])"
)
# a question that counts
COUNTS = re.compile("how (?:many|often|much)|\u51e0|\u591a\u5c11|cu[a\u00e1]nt")
# "a total of 3", "so there are 3", "= 63", "gives us 63"
TOTAL = re.compile(
    r"\b(?:total|altogether|in all|so|sum)\b[^.\d]{0,25}$|(?:=|\b(?:equals|gives?|gets?|makes?))[^.\d]{0,12}$"
)


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


def read_number(text, query):
    """The number a text concludes, or the two ends of a range; never a scale ("out of 100"), an ordinal, or
    a frame or time unless asked for. Of a label that is a part of one, "75%" is 0.75.
    """
    whole, text = text, with_points(digits(affirmed(text)))
    question = f"{query.question} of {query.label['name'].replace('_', ' ')}".lower()
    share = 0 < abs(query.label["value"]) < 1
    every = find_numbers(text)
    usable = [used for m in every if (used := as_asked(m, text, question, share))]
    if not usable and COUNTS.search(question) and none_of(whole.lower(), counted(question)):
        return Found(0.0)
    if not usable:
        return Found(None, "no number that answers" if every else "no number", True)
    if HEDGED.search(text):
        return Found(None, "hedges")
    if unit_asked(question):
        usable = [m for m in usable if unit_behind(text, m.end)] or usable
    chosen = settled(text, usable, question, query.marked)
    for a, b in zip(usable, usable[1:]):
        gap = text[a.end : b.start]
        between = gap == " and " and "between" in text[max(0, a.start - 20) : a.start]
        if chosen in (a, b) and a.value != b.value and (JOINED.match(gap) or between):
            return Found((a.value, b.value), "a range")
    return Found(chosen.value)


def none_of(text, things):
    """Whether a lower-case text says that there is none of the things: "none", "no cars", not "no view"."""
    return any(
        not m[1] or things & set(map(stem, [m[1], *words_behind(text, m.end())])) for m in NONE.finditer(text)
    )


def as_asked(number, text, question, share=False):
    """A number of a text as an answer, in the unit asked for; None for a scale, a bound, a unit
    of another kind.
    """
    if NO_AMOUNT.match(text, number.end) or SCALE.search(text, max(0, number.start - 40), number.start):
        return None
    scale = 0.01 if share and number.percent else 1.0
    if unit := unit_behind(text, number.end):
        scale = factor(unit, unit_asked(question))
    return None if scale is None else number._replace(value=number.value * scale)


def settled(text, usable, question, marked):
    """Of several numbers the one concluded: in the field of what the question counts, the result of a sum,
    next to what is counted; else first or last.
    """
    things = counted(question)
    results = [m for m in usable if TOTAL.search(text, max(0, m.start - 40), m.start)]
    headed = [m for m in usable if things & set(map(stem, words_before(text, m.start)))]
    if headed and not results:
        return headed[0 if marked else -1]
    near = [m for m in usable if things & set(map(stem, words_behind(text, m.end)))]
    if results or near:
        return (results or near)[-1 if results or not marked else 0]
    return usable[0 if marked else -1]


def counted(question):
    """The stems of what a lower-case question counts ("how many people") and of its last word."""
    phrases = re.findall(r"how many ((?:[a-z]+ )?[a-z]+)", question)
    return {stem(w) for phrase in phrases for w in phrase.split()} | {stem(w) for w in question.split()[-1:]}


def words_before(text, start):
    """The words of the field that a number stands in: "num wheels: 3"; but not "3 goals: 1 early, 2 late"."""
    head = re.search(r"(\d |)([a-z][a-z _-]{0,40})[:=|] ?(?:about |~)?$", text[max(0, start - 50) : start])
    return re.findall(r"[a-z]+", head[2]) if head and not head[1] else []


def words_behind(text, end):
    """The first two words behind a place of a text, in its clause."""
    return re.findall(r"[a-z]+", re.split("[.,;]", text[end : end + 30])[0])[:2]
