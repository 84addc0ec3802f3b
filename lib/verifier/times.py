"""Times: every time of a text, in seconds or as a part of the clip, and the one the text concludes."""

import re
from typing import NamedTuple

from lib.verifier.denials import affirmed
from lib.verifier.numbers import HEDGED, MOST
from lib.verifier.spelled import digits, with_points
from lib.verifier.words import Found

SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
TIME = re.compile(
    # "0:03", "00:00:03.5"
    r"(?<![\w.:/])(?:(?P<clock>\d{1,2}:\d{2}(?::\d{2})?(?:\.\d{1,6})?)(?!\d|:\d)"
    # "2 minutes and 5.5 seconds"
    r"|(?P<minutes>\d{1,3}) ?(?:minutes?|mins?|m),? ?(?:and )?"
    r"(?P<rest>\d{1,2}(?:\.\d{1,6})?)"
    # and "one minute forty"
    r"(?: ?(?:seconds?|secs?|s)\b|(?= (?:and|to|until|till|in)\b|[.,;)]? ?$|[.,;)] ))"
    # "3.2 seconds", "50%", "3"
    r"|(?P<number>\d{0,6}\.\d{1,9}|\d{1,6})(?:(?: ?-?(?P<unit>%|percent|per cent"
    r"|(?:hours?|hrs?|minutes?|mins?|milliseconds?|seconds?|secs?|ms|[hms])\b))(?!\w|:\d)|(?![\w:]|\.\d)))"
)
CLIP = r"(?:video|clip|footage|recording)"
END = (
    r"the (?:very )?(?:end|finish|(?:last|final) frame)\b(?! line)"
    rf"(?! of (?!(?:the|this) {CLIP}))(?: of th\w+ {CLIP})?"
    rf"|th(?:e|is) {CLIP} (?:ends|is over|finishes)(?! at \d)"
)
# Places in a clip in words, and as times; in this order, because the later ones read what the earlier wrote
POSITIONS = [
    (re.compile(pattern), written)
    for pattern, written in (
        (r"\bsecond (\d{1,4}(?:\.\d)?)\b(?! ?(?:s|seconds?)\b)", r"\1 s"),
        (r"(?<!\d )\bminute (\d{1,3}(?:\.\d)?)\b(?! ?(?:s|seconds?|min\w*)\b|:)", r"\1 min"),
        # "from the 20th to the 31st second"
        (r"\b(\d{1,3})(?:st|nd|rd|th)[ -]second\b", r"\1 s"),
        (r"\b(\d{1,3})(?:st|nd|rd|th)(?= (?:to|until|and|through) (?:the )?\d{1,4} s\b)", r"\1 s"),
        # a clip's own length
        (rf"\b\d[\d.]*[- ](?:seconds?|minutes?|s|min)[- ](?:long )?{CLIP}\b", "clip"),
        (rf"(\d+(?:\.\d+)?) ?(?:seconds?|secs?|s) before (?:{END})", r"minus \1"),
        (r"(?<!for the )\bfirst (?=\d[\d.]* ?s)", "0% to "),
        (r"\b(?:last|final) (\d+(?:\.\d+)?) ?(?:seconds?|secs?|s)\b", r"minus \1 to 100%"),
        (rf"(?<!near )(?<!towards )(?<!toward )(?<!before )\b(?:{END})", "100%"),
        # "from the beginning of the video (0 s)"
        (
            rf"\b(from|at|in) (?:the )?(?:very )?(?:beginning|start|first frame)\b(?: of the {CLIP})?"
            r"(?: \(0?0:00(?:\.0+)?\)| \(0(?:\.0+)? ?s(?:econds?)?\))?",
            r"\1 0%",
        ),
        (r"\b(?:halfway|midway|the middle|the midpoint|the halfway point|half of the video)\b", "50%"),
    )
]
PLACE_WORDS = re.compile(
    rf"half|mid|first|last|final|end|finish|start|begin|over|\d(?:st|nd|rd|th)|{CLIP}|(?:second|minute) \d"
)
# What a bare number that is a time stands behind: "at 3", "[2", "from about 3", "2 - "
CUE = re.compile(
    r"(?:^|[:=~\[(,]|->"
    r"|\b(?:at|from|to|until|till|between|about|around|approximately|roughly|is|and|or|near|time"
    r"|after|t|start|end|seconds?|timestamp|mark|through|up))[ \"'(]*$"
    r"|\d(?: ?-| ?,) ?$"
)
# "3 people", but not "3 to", "3 mark"
NOUN = re.compile(
    r" (?!(?:to|end|stop|and|until|till|or|through|in|into|mark|when|where|is|as|which|then|with|seconds|up"
    r"|onwards|of the (?:video|clip)|\()\b)[a-z]{2,}"
)
ARROW = re.compile(r" ?(?:[-=~]+>|(?<=[\ds ])--+(?=[\d ])) ?")
# "2 to 5 seconds", read at the 2
AHEAD = re.compile(
    r" ?(?:-|->|to|through|until|till|up to) ?\d[\d.]{0,8} ?(?:s|secs?|seconds?|%|percent|min\w*)\b"
)
QUOTES = re.compile(r"[<>\"' ]+")
# between the ends of a range
TO = re.compile(r"^ ?(?:-|to|or|and) ?$")
MINUS = re.compile(r"minus (\d+(?:\.\d+)?)")


class Time(NamedTuple):
    value: float
    unit: str  # s, % or nothing
    start: int
    end: int


def find_times(text):
    """Every time of a lower-case text: seconds, mm:ss, hh:mm:ss, minutes and seconds, per cent; bare numbers
    only where a time is meant.
    """
    found = []
    for m in [*TIME.finditer(text)][-MOST:]:
        value, unit = 0.0, m["unit"] or ""
        if m["clock"]:
            for part in m["clock"].split(":"):
                value, unit = 60 * value + float(part), "s"
        elif m["minutes"]:
            value, unit = 60 * float(m["minutes"]) + float(m["rest"]), "s"
        elif unit in ("%", "percent", "per cent"):
            value, unit = float(m["number"]) / 100, "%"
        elif unit:
            scale = "ms" if unit.startswith(("ms", "milli")) else unit[0]
            value, unit = float(m["number"]) * SECONDS[scale], "s"
        elif means_time(text, m):
            value = float(m["number"])
        else:
            continue
        found.append(Time(value, unit, m.start(), m.end()))
    return found


def means_time(text, number):
    """Whether a number without a unit is a time, by what stands around it."""
    before = text[max(0, number.start() - 20) : number.start()]
    return bool(AHEAD.match(text, number.end()) or CUE.search(before) and not NOUN.match(text, number.end()))


def timed(text, duration):
    """Lower-case text with words for places in a clip ("halfway", "until the end") as per cent and number
    words as digits, without what it denies.
    """
    text = with_points(digits(QUOTES.sub(" ", ARROW.sub(" to ", affirmed(text)))))
    if not PLACE_WORDS.search(text):
        return text
    for pattern, written in POSITIONS:
        text = pattern.sub(written, text)
    if not duration:
        return text
    return MINUS.sub(lambda m: f"{max(0.0, duration - float(m[1])):.6f} s", text)


def fitted(time, unit, duration, other=""):
    """A Time in the label's unit, inside the clip, where it has no unit in the `other`; None where that
    needs a duration nobody gave.
    """
    value, own = time.value, time.unit or other
    if unit == "fraction":
        if own == "s":
            value = value / duration if duration else None
        return None if value is None or value > 1.05 and own == "" else min(max(value, 0.0), 1.0)
    if own == "%" and not duration:
        return 0.0 if value == 0 else None
    if own == "%":
        value = value * duration
    return min(max(value, 0.0), float(duration)) if duration else value


def read_time(text, query):
    """The time a text concludes, or both ends where it names a range."""
    text = timed(text, query.duration)
    found = find_times(text)
    if not found or HEDGED.search(text):
        return Found(None, "hedges" if found else "no time", not found)
    chosen = found[0 if query.marked else -1]
    ranges = [(a, b) for a, b in zip(found, found[1:]) if TO.match(text[a.end : b.start])]
    a, b = ranges[0] if ranges else (chosen, chosen)
    values = [fitted(a, query.unit, query.duration, b.unit), fitted(b, query.unit, query.duration, a.unit)]
    if None in values:
        return Found(None, "a time that needs the clip's duration", True)
    return Found(tuple(values) if ranges else values[0])
