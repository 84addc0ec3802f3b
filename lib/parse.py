"""Text to values: what an answer finally says, and one parser for each kind of label.

A parser takes the deciding text and returns Found(value, why, missing): value None comes with a reason, and `missing` tells "nothing of that
kind is there" from "it is there but not asserted" (denied, hedged, several). Regular expressions and word stems only (lib/words.py): no model,
no exception for any string, and no long search, because of a long answer only head and tail are read.
"""
import re
import unicodedata
from typing import NamedTuple

from lib.words import Found, affirmed, digits, member, stem

HEAD, TAIL, LINE = 800, 2000, 1000  # characters read of an answer, which concludes at its end, and after an answer marker
MOST = 80  # numbers or times looked at in one text


# ---------------------------------------------------------------- the deciding text

TYPOGRAPHY = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": " - ", "\u2212": "-", "\u2010": "-", "\u2011": "-",
                            "\u2192": "->", "\u21d2": "->", "\u2026": "...", "\u2044": "/", "\u2022": "-", "\u00b0": " "})
BOXED = re.compile(r"\\boxed ?\{((?:[^{}\n]|\{[^{}\n]{0,80}\}){0,200})\}|<answer>([^<]{0,300})</answer>", re.I)
MARKUP = re.compile(r"\*+|^#+ ?|^> ?|</?[a-z]{1,12}>|\\(?:text|mathrm|mathbf)\{([^{}\n]{0,100})\}|\\[()\[\]]|\$|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)", re.I | re.M)
SPACES, LINES = re.compile(r"[^\S\n]+"), re.compile(r" ?\n[ \n]*")
SENTENCE = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b\d\.) (?=[^a-z])|\n")
MARKER = re.compile(
    r"\b(?:answer|ans)(?: choice| option| line| here)?(?: to (?:the|this|your) question)?['\"]?"
    r"(?: ?[:=]| ?->| - | is(?: as follows)?\b(?! (?:based|derived|determined|given|provided|supported|found|clear|obvious|correct|wrong|in the|not (?:given|clear|provided)))"
    r"| (?:would|should|must|will|has to|seems to|appears to) be\b|$(?=\n))[ :=>]*(?:- )?|\b(?:correct|best|right) (?:choice|option)(?: is\b|:)[ :]*", re.I | re.M)
CONCLUDING = re.compile(r"\b(?:therefore|thus|hence|consequently|in conclusion|to conclude|in summary|to sum up|overall|accordingly|ultimately|in short|all in all"
                        r"|(?:i|we|one) (?:would |can |could |may |must )?(?:conclude|say|answer|infer|deduce)|this (?:means|suggests|indicates|implies|confirms)|^so)\b[,:]?", re.I)
CORRECTION = re.compile(r"(?:\b(?:wait(?=[,.!:;-]| no\b| actually\b)|hold on(?=[,.!:;-])|correction(?=[:,])|scratch that|i meant?|on second thoughts?|let me (?:correct|rephrase"
                        r"|reconsider|revise)|my mistake)|(?:^|[.,;\n] ?|\bbut )(?:actually|in fact|sorry)|\bbut (?:it|that|there|this|he|she)(?: is| are| was| were|'s) (?:actually"
                        r"|really|in fact))\b[ ,:;.!-]*(?:no[,.] )?(?:actually,? )?", re.I)
REFUTED = re.compile(r"[.,;?\n] ?no, (?=it|that|sorry|the|actually|i\b|he|she|they|\d|[\[(])|\?+ ?no[,.:]? ", re.I)
BECAUSE = re.compile(r",? (?:because|since|due to|given (?:that|the)|based on|considering|as (?:the|it|he|she|they|we|this|there|shown|seen|evidenced|indicated)"
                     r"|although|though|even though|which (?:is|can be) (?:seen|shown|evident|supported|indicated)) ", re.I)
ASKING = re.compile(r"\b(?:the|this|your) question (?:asks|is (?:asking|about|whether|what|which|if|when|where|how)|wants|concerns)\b|\b(?:we|i)(?: are|'m| am) (?:asked|being asked)\b|\b(?:i|we|one) (?:would|will|should) (?:need to |have to )?(?:look|watch|check|examine|consider)\b", re.I)
GOES_ON = re.compile(r"(?:start|begin|from|x_?(?:1|min)|first|top|left|[-*] |\(?1[.):])", re.I)  # a final line that is the first of several


def clean(answer):
    """`answer` with plain quotes, dashes and spaces and without its markdown, HTML and LaTeX; at most HEAD + TAIL characters."""
    text = cut(answer)
    if not text.isascii():
        text = cut(unicodedata.normalize("NFKC", text.translate(TYPOGRAPHY)).translate(TYPOGRAPHY))
    text = SPACES.sub(" ", text.replace("`", ""))
    if "\\" in text or "<" in text:
        text = BOXED.sub(lambda m: f"\nAnswer: {m[1] or m[2] or ''}\n", text)
    return LINES.sub("\n", MARKUP.sub(lambda m: m[1] or "", text)).strip()


def cut(text):
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"


def sentences(text):
    return [s.strip() for s in SENTENCE.split(text) if s.strip()]


class Final(NamedTuple):
    """The texts that may decide, in the order to try them; `marked`: there is a final answer line, and it alone decides."""
    texts: tuple
    marked: bool


def final(text, several=False):
    """What a cleaned answer concludes: its last `Answer:` (or "the answer is", boxed, ...), else its concluding sentence, its last one, all of it.

    `several`: take all lines after the marker (a list, several labels), not the first alone.
    """
    marker = None
    for marker in MARKER.finditer(text):
        pass
    if marker:
        rest = text[marker.end():][:LINE].lstrip("\n ")
        line, _, after = rest.partition("\n")
        return Final((rest if several or line.endswith(":") or CORRECTION.match(after) or REFUTED.match("\n" + after) or GOES_ON.match(line) else line,), True)
    said = sentences(text)
    if ASKING.search(text):  # what is asked, or would have to be looked at, is not what is said
        said = [s for s in said if not ASKING.search(s)]
        text = " ".join(said)
    return Final((*[s for s in said if CONCLUDING.search(s)][-1:], *said[-1:], text), False)


def corrected(text, *patterns):
    """What is said after the last correction ("3. Wait, it is 4" -> "it is 4"), if there is one."""
    for pattern in patterns or (CORRECTION, REFUTED):
        last = None
        for last in pattern.finditer(text):
            pass
        if last and last.start() and last.end() < len(text):
            text = text[last.end():]
    return text


def core(text):
    """A final line without its reasons: "3, because ..." -> "3"."""
    reason = BECAUSE.search(text, 1)
    return text[: reason.start()] if reason else text


# ---------------------------------------------------------------- numbers

NUMBER = re.compile(r"(?<![\w.])(?=[-+]?\.?\d)(?P<sign>[-+](?=[\d.]))?(?P<int>\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,15}(?!\d))?(?P<frac>\.\d{1,15}(?!\d))?(?P<percent> ?(?:%|percent|per cent))?")
PLAIN = re.compile(NUMBER.pattern.replace(r"\d{1,3}(?:,\d{3})+(?![\d,])|", ""))
UNIT_AFTER = re.compile(r" ?(?:(?P<ordinal>st|nd|rd|th)\b|-?(?P<unit>frame|fps|hz|px|pixel|second|sec|minute|min|millisecond|ms|s)s?\b|:\d)")
SCALE = re.compile(r"(?:\bout of(?: a (?:total|possible|maximum)(?: of)?)?|\d ?/|\d of(?: the| a)?|\b(?:on|to) a scale(?: of| from)?|\bscale(?: of| from)?|\brang(?:e|es|ing)(?: of| from"
                   r"| is)?|\bmax(?:imum)?(?: of| is)?"
                   r"|\bscale (?:of|from) -?[\d.]{1,9} ?(?:to|-)|\brang(?:e|es|ing)(?: is| was)?(?: of| from)?:? -?[\d.]{1,9} ?(?:to|-|and)"
                   r"|\b(?:range|limits?|allowed|permitted|tolerance|bounds)(?: is| are| was| from| of| between)*:?(?: -?[\d.]{1,9} ?(?:to|-|and))?|\bstep|\bframes?|\boption|\bfigure|\bscene|\bpart|\bquestion"
                   r"|\btop|#|\bplayer|\bversion) ?$")
POINT_SCALE = re.compile(r"(?: ?(?:-|to) ?\d{1,4})?[ -]?(?:point )?scale\b")  # "on a 1-10 scale", "on a 5-point scale"
SETTLED = re.compile(r"(?:[=:]|\b(?:is|are|was|were|be|equals?|total|gives?|get|exactly|scores?))(?: (?:of|a|an|about|around|approximately|roughly|exactly|equal to|only|just|at))* ?$")
JOINED = re.compile(r"^ ?(?:-|to|or|or (?:maybe|perhaps|possibly)) ?$")
HEDGED = re.compile(r"\b(?:maybe|perhaps|possibly|might|could be|may be|not sure|unsure|either)\b", re.I)
BOUND = re.compile(r"(?:[<>\u2264\u2265]|\bmore than|less than|fewer than|at least|at most|over|under|above|below)(?: (?:a|an|just|about|exactly|be))* ?$")
NONE = re.compile(r"\b(?:none|never|nobody|not any|no one|no (?!doubt|question|more|less|longer|idea|need)[a-z]+)\b")
UNITS = {"s": "second", "sec": "second", "min": "minute", "ms": "millisecond", "px": "pixel"}


ARITHMETIC = re.compile(r"=|\b(?:times|multiplied|divided|plus|minus|sum)\b")
RESULT = re.compile(r"(?:=|\b(?:equals|(?:gives?|giving|yields?|yielding|makes?|making|results? in|resulting in|comes? to|amounts? to|adds? up to)(?: (?:us|a|the|total|score|of|final|about))*)) ?$")
OPERATOR = re.compile(r" ?(?:[x*/\u00d7\u00f7+]|-(?= )|times\b|multiplied\b|divided\b|plus\b|minus\b)")


class Number(NamedTuple):
    value: float
    start: int
    end: int
    percent: bool


def numbers(text, pattern=NUMBER):
    """Every number of a lower-case text: signs, decimals, thousands separators; "1-100" is 1 and 100."""
    return [Number(float((m["int"] or "0").replace(",", "") + (m["frac"] or "")) * (-1 if m["sign"] == "-" else 1), m.start(), m.end(), bool(m["percent"]))
            for m in pattern.finditer(text) if m["int"] or m["frac"]][-MOST:]


def number(text, question="", name="", marked=True, share=False):
    """The number a text concludes, or the two ends of a range; never a scale ("out of 100"), an ordinal, or a frame or time unless asked for.

    `share`: the label is a part of one, so that "75%" and "3/4" are 0.75.
    """
    whole, text = text, digits(affirmed(core(text) if marked else text))
    asked = f"{question} {name.replace('_', ' ')}".lower()
    ratio = share and re.search(r"(?<![\d.])(\d{1,4}) ?(?:/|out of|of) ?(\d{1,4})(?![\d.])", text)
    if ratio and float(ratio[2]):
        return Found(float(ratio[1]) / float(ratio[2]))
    every, usable = numbers(text), []
    for m in every:
        tail, before = UNIT_AFTER.match(text, m.end), text[max(0, m.start - 40): m.start]
        if POINT_SCALE.match(text, m.end):
            continue
        if tail and UNITS.get(tail["unit"], tail["unit"] or "nothing") not in asked or SCALE.search(before) or BOUND.search(before):
            continue
        if re.match(r"[.)] [a-z]", text[m.end: m.end + 3]) and (text[: m.start].endswith("\n") or not m.start and len(every) > 1):
            continue  # a list's numbering
        usable.append(Number(m.value / 100 if share and m.percent else m.value, *m[1:]))
    if not usable:
        return Found(0.0) if not every and "how many" in asked and NONE.search(whole.lower()) else Found(None, "no number that answers" if every else "no number", True)
    if HEDGED.search(text):
        return Found(None, "hedges")
    if len({m.value for m in usable}) > 1 and re.fullmatch(r"[\[(][^\[\]()a-z]*[\])]", text.strip(" .,;!")):
        return Found(None, "several numbers")
    for a, b in zip(usable, usable[1:]):
        gap = text[a.end: b.start]
        if a.value != b.value and (JOINED.match(gap) or gap == " and " and "between" in text[max(0, a.start - 20): a.start]):
            return Found((a.value, b.value), "a range")
    return Found(settled(text, usable, asked, marked).value)


def settled(text, usable, asked, marked):
    """Of several numbers the one concluded: after "=", next to what the question counts, at the start of the line, after "is"; else first or last."""
    if ARITHMETIC.search(text):
        for at in reversed(range(len(usable))):
            m = usable[at]
            if RESULT.search(text[max(0, m.start - 25): m.start]):
                if not OPERATOR.match(text[m.end: m.end + 12]):
                    return m
                if at and text[usable[at - 1].end: m.start].strip() == "=":
                    return usable[at - 1]  # "84.15 = 25.5 x 3.3"
    counted = {stem(w) for phrase in re.findall(r"how many ((?:[a-z]+ )?[a-z]+)", asked) for w in phrase.split()} | {stem(w) for w in asked.split()[-1:]}
    total = [m for m in usable if re.search(r"\b(?:total|altogether|in all|so)\b[^.\d]{0,25}$", text[max(0, m.start - 40): m.start]) or re.match(r"[^.,;\d]{0,20}\b(?:in total|altogether"
        r"|in all)\b", text[m.end: m.end + 40])]
    near = [m for m in usable if counted & {stem(w) for w in re.findall(r"[a-z]+", re.split("[.,;]", text[m.end: m.end + 30])[0])[:2]}]
    if total or near:
        return (total or near)[-1 if total or not marked else 0]
    if marked and text.lstrip(" (").startswith(text[usable[0].start: usable[0].end]):
        return usable[0]
    concluding = [m for m in usable if SETTLED.search(text[max(0, m.start - 40): m.start])]
    return concluding[-1] if concluding else usable[0 if marked else -1]


# ---------------------------------------------------------------- times and intervals

SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
TIME = re.compile(r"(?<![\w.:/])(?:(?P<clock>\d{1,2}:\d{2}(?::\d{2})?(?:\.\d{1,6})?)(?![\d:])|(?P<minutes>\d{1,3}) ?(?:minutes?|mins?"
                  r"|m),? ?(?:and )?(?P<rest>\d{1,2}(?:\.\d{1,6})?) ?(?:seconds?|secs?|s)\b"
                  r"|(?P<number>\d{0,6}\.\d{1,9}|\d{1,6})(?: ?-?(?P<unit>%|percent|per cent|(?:hours?|hrs?|minutes?|mins?|milliseconds?|seconds?|secs?|ms|[hms])\b))?(?![\w:]))")
POSITIONS = [(re.compile(pattern), said) for pattern, said in (
    (r"(?<!\d )\bminutes? (\d{1,3}(?:\.\d)?)(?![\d:.]) ?(?:to|-|and|until|till|through) (?:minute )?(\d{1,3}(?:\.\d)?)(?![\d:.])", r"\1 min to \2 min"), (r"(?<!\d )\bminute (\d{1,3})(?![\d:])", r"\1 min"),
    (r"(\d)(?:st|nd|rd|th)? (and|to|through|until|till|-) (?:the )?(\d{1,3})(?:st|nd|rd|th) seconds?\b", r"\1 s \2 \3 s"),
    (r"(\d) ?\.\.+ ?(\d)", r"\1 to \2"), (r"\b(\d{1,3})(?:st|nd|rd|th)[ -]second\b", r"\1 s"), (r"\bhalf a minute\b", "30 s"), (r"\bthe \d{1,3} clips?\b", ""),
    (r"\b(?:throughout|(?:the )?(?:whole|entire|full)(?: length of| duration of)?)(?: the)?(?: whole| entire| full)? (?:video|clip|duration|footage|time)\b|\bfrom (?:the )?(?:start"
     r"|beginning) to (?:the )?(?:end|finish)\b", " 0% to 100% "),
    (r"\bfirst half\b", "0% to 50%"), (r"\b(?:second|last|latter) half\b", "50% to 100%"), (r"\bfirst third\b", "0% to 33.3%"), (r"\b(?:last|final) third\b", "66.7% to 100%"),
    (r"\bfirst quarter\b", "0% to 25%"), (r"\b(?:last|final) quarter\b", "75% to 100%"), (r"\b0\.75 (?:of )?the way", "75%"), (r"\b0\.25 (?:of )?the way", "25%"), (r"\b0\.333 of the way",
     "33.3%"),
    (r"\bfirst (?=\d[\d.]* ?s)", "0% to "), (r"\b(?:last|final) (\d+(?:\.\d+)?) ?(?:seconds?|secs?|s)\b", r"minus \1 to 100%"),
     (r"(\d+(?:\.\d+)?) ?(?:seconds?|secs?|s) before the (?:very )?end\b", r"minus \1"),
    (r"(?<![\d.:])(\d[\d.:]{0,12}) ?(?:seconds?|secs?|s)?(?: mark)?(?: and)? (?:onwards?|on\b(?! )|to the (?:very )?end|(?:un)?til+ the (?:very )?end|through the end)", r"\1 s to 100%"),
    (r"\b(?:un)?til+ the (?:very )?end\b|\bto the (?:very )?end\b", "to 100%"), (r"\bat the (?:very )?end\b", "at 100%"),
    (r"\b(from|at|in) (?:the )?(?:very )?(?:beginning|start)\b(?: of the (?:video|clip))?(?: \(0?0:00(?:\.0+)?\)| \(0(?:\.0+)? ?s(?:econds?)?\))?", r"\1 0%"), (r"\b(?:halfway|midway|the middle|the midpoint|the halfway point"
     r"|half of the video)\b", "50%"))]
PLACE_WORDS = re.compile(r"half|third|quarter|first|last|final|end|start|begin|way|middle|mid|onward|on\b|whole|entire|full|during|throughout|\.\.|\d(?:st|nd|rd|th)|clip|til|minute")
PAIR = re.compile(r"^(?: ?(?:mark|point|in|into the (?:video|clip)|of the (?:video|clip)|timestamp))* ?(?:-|->|to|until|till|through|up to|~)(?: (?:about|around|approximately|roughly"
                  r"|the|at|time|seconds?|timestamp|t ?=))* ?$")
UNTIL = re.compile(r"^[^.;\n\d]{0,80}\b(?:until|till|up to)(?: (?:about|around|approximately|roughly|the))* ?$")
LOOSE_PAIR = re.compile(r"^[^.\d]{0,60}\b(?:and|end|until|finish|stop|to|disappear|conclud)\w*[^.;\n\d]{0,25}$|^[^\d\w]{1,6}$")
FROM_TO = re.compile(r"^[^\d]{0,60}\b(?:start|begin)[^\d]{0,40}\b(?:stop|end|finish|conclud|leave)\w*[^.\d]{0,25}$")
STARTING = re.compile(r"(?:\b(?:between|start|begin|began|from|appear|onset)\w*[^.;\n\d]{0,40}|[\[(] ?)$")
LASTING = re.compile(r"^[^.;\n\d]{0,40}\b(?:for|lasts?|lasting|duration)\b(?! from)[^.;\n\d]{0,15}$")
CUE = re.compile(r"(?:^|[:=~\[(,]|->|\b(?:at|from|to|until|till|between|about|around|approximately|roughly|is|and|or|near|time|after|t|seconds?|timestamp|mark|through|up))[ \"'(]*$"
                 r"|\d(?: ?-| ?,) ?$")
NOUN = re.compile(r" (?!(?:to|and|until|till|or|through|in|into|mark|when|where|is|as|which|then|with|seconds|up|onwards|of the (?:video|clip)|\()\b)[a-z]{2,}")


ARROW, MILLIS = re.compile(r" ?(?:[-=~]+>|(?<=[\ds ])--+(?=[\d ])) ?"), re.compile(r"(?<=:\d\d),(?=\d{3}\b)")
NTH_MINUTE = re.compile(r"\b(\d{1,3})(?:st|nd|rd|th) minute\b")
AHEAD = re.compile(r" ?(?:-|->|to|through|until|till|up to) ?\d[\d.]{0,8} ?(?:s|secs?|seconds?|%|percent|min\w*)\b")
TWO_EVENTS = re.compile(r"^[^.;\n\d]{0,40}\b(?:and|then)\b[^.;\n\d]{0,40}\bat (?:about |around |the )*$")  # "picks it up at 3 seconds and puts it down at 8"
END_BEFORE = re.compile(r"\b(?:end|stop|finish|conclud)\w*[^.;\n\d]{0,25}$")
START_BETWEEN = re.compile(r"^[^\d.\n]{0,40}\b(?:start|begin|began|begun)\w*[^.;\n\d]{0,25}$")
QUOTES = re.compile(r"[<>\"' ]+")


FRAMED = re.compile(r"\b(?:frames?|step|#)(?: \d+ (?:to|and|-))? ?$")


class Time(NamedTuple):
    value: float
    unit: str  # s, % or nothing
    start: int
    end: int


def times(text):
    """Every time of a lower-case text: seconds, mm:ss, hh:mm:ss, minutes and seconds, per cent; bare numbers only where a time is meant."""
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
            value, unit = float(m["number"]) * SECONDS["ms" if unit.startswith(("ms", "milli")) else unit[0]], "s"
        elif AHEAD.match(text, m.end()) and not FRAMED.search(text[max(0, m.start() - 20): m.start()]) or not NOUN.match(text, m.end()) and CUE.search(text[max(0, m.start() - 20): m.start()]) and not FRAMED.search(text[max(0, m.start() - 20): m.start()]):
            value = float(m["number"])
        else:
            continue
        found.append(Time(value, unit, m.start(), m.end()))
    return found


def timed(text, duration):
    """Lower-case text with words for places in a clip ("first half", "until the end") as per cent and number words as digits, without what it denies."""
    text = digits(QUOTES.sub(" ", MILLIS.sub(".", ARROW.sub(" to ", affirmed(text)))))
    if PLACE_WORDS.search(text):
        text = NTH_MINUTE.sub(lambda m: f"{60 * int(m[1]) - 60} s to {60 * int(m[1])} s", text)
        for pattern, said in POSITIONS:
            text = pattern.sub(said, text)
        text = re.sub(r"minus (\d+(?:\.\d+)?)", lambda m: f"{max(0.0, duration - float(m[1])):.6f} s" if duration else m[0], text)
    return text


def fitted(value, unit, wanted, duration):
    """A time in the label's unit, inside the clip; None where that needs a duration nobody gave."""
    if wanted == "fraction":
        value = value if unit != "s" else value / duration if duration else None
        return None if value is None or value > 1.05 and unit == "" else min(max(value, 0.0), 1.0)
    if unit == "%":
        value = value * duration if duration else 0.0 if value == 0 else None
    return value if value is None or not duration else min(max(value, 0.0), float(duration))


def interval(text, unit="seconds", duration=None, marked=True):
    """[start, end] in the label's unit: the one interval of a final line, the last of a free text; reversed ends are put right."""
    text = timed(core(text) if marked else text, duration)
    found, pairs = times(text), []
    for a, b in zip(found, found[1:]):
        gap, before = text[a.end: b.start], text[max(0, a.start - 50): a.start]
        if pairs and pairs[-1][2] == a.end:
            continue
        first, second = a, b
        if a.unit == "" and b.unit:  # "2 to 5 minutes", "20-50%"
            minutes = re.search(r"\d ?m(?!s|i?l)", text[b.start: b.end])
            first = a._replace(unit=b.unit, value=a.value * (60 if minutes else 0.01 if b.unit == "%" else 1))
        if LASTING.match(gap):
            second = b._replace(value=first.value + b.value)
        elif LASTING.match(text[max(0, a.start - 15): a.start]) and STARTING.search(gap):
            first, second = b, a._replace(value=a.value + b.value)
        elif not (PAIR.match(gap) or UNTIL.match(gap) or LOOSE_PAIR.match(gap) and STARTING.search(before) or FROM_TO.match(gap) or START_BETWEEN.match(gap) and END_BEFORE.search(before)):
            continue
        ends = fitted(first.value, first.unit, unit, duration), fitted(second.value, second.unit, unit, duration)
        if None not in ends:
            pairs.append((sorted(ends), a.start, b.end))
    if not pairs and len(found) == 1 and re.search(r"\b(?:until|till|up to) (?:about |around |the )*$", text[: found[0].start]):
        end = fitted(found[0].value, found[0].unit, unit, duration)
        pairs = [([0.0, end], 0, 0)] if end else []
    if not pairs and len(found) == 2 and TWO_EVENTS.match(text[found[0].end: found[1].start]):
        ends = [fitted(t.value, t.unit or found[1].unit, unit, duration) for t in found]
        pairs = [(sorted(ends), 0, 0)] if None not in ends else []
    if not pairs:
        return Found(None, "no two times that make an interval" if found else "no interval", True)
    if marked and any(p[0] != q[0] and re.match(r"^[^.(]{0,12}\b(?:or|and)\b|^ ?s? ?, ?$", text[p[2]: q[1]]) for p, q in zip(pairs, pairs[1:])):
        return Found(None, "several intervals")
    start, end = pairs[0 if marked else -1][0]
    return Found([start, end]) if end > start else Found(None, "an interval without length")


def time(text, unit="seconds", duration=None, marked=True):
    """The time a text concludes, or both ends where it names a range."""
    text = timed(core(text) if marked else text, duration)
    found = times(text)
    if not found or HEDGED.search(text):
        return Found(None, "hedges" if found else "no time", not found)
    at = [t for t in found if re.search(r"\bat (?:the |about |around |approximately |roughly )*$", text[: t.start][-30:])]
    chosen = (at or found)[0 if marked else -1]
    values = [fitted(chosen.value, chosen.unit, unit, duration)]
    for a, b in zip(found, found[1:]):
        if re.match(r"^ ?(?:-|to|or|and) ?$", text[a.end: b.start]):
            values = [fitted(a.value, a.unit or b.unit, unit, duration), fitted(b.value, b.unit or a.unit, unit, duration)]
            break
    if None in values:
        return Found(None, "a time that needs the clip's duration", True)
    return Found(values[0] if len(values) == 1 else tuple(values))


# ---------------------------------------------------------------- boxes

CORNERS = re.compile(r"\b(x_?(?:1|2|min|max|left)?|y_?(?:1|2|min|max|top)?|w|h|width|height|left|top|right|bottom)\b(?: (?:edge|side|border|end))?['\"]? ?(?:=|:|is|at)? ?(-?(?:\d{1,6}(?:\.\d{1,9})?|\.\d{1,9}))( ?%)?")
VALUE = r"(-?(?:\d{1,4}(?:\.\d{1,9})?|\.\d{1,9}))"
AXIS = re.compile(r"\b(?:(x|horizontal(?:ly)?|width|wide|across)|(y|vertical(?:ly)?|height|high|down))\b")
SPAN = re.compile(rf"{VALUE} ?(%?) ?(?:to|-|and|through|until|,) ?{VALUE} ?(%?)")
CENTER = re.compile(rf"\bcent(?:er|re)\b[^\d\n.]{{0,25}}{VALUE}[, and]{{1,6}}{VALUE}[^\d\n.]{{0,25}}\b(?:width|w)\b[^\d\n.]{{0,8}}{VALUE}[^\d\n.]{{0,20}}\b(?:height"
                    rf"|h)\b[^\d\n.]{{0,8}}{VALUE}")
NAMES = {"xmin": "x1", "xleft": "x1", "x": "x1", "left": "x1", "ymin": "y1", "ytop": "y1", "y": "y1", "top": "y1", "xmax": "x2", "right": "x2", "ymax": "y2", "bottom": "y2",
    "width": "w", "height": "h"}
BETWEEN = frozenset("to and bottom top left right lower upper corner corners at is the with its lies point reaching".split())


def boxes(text):
    """Every box of a lower-case text as ([x1, y1, x2, y2], start, end): four numbers in a row, named corners, width and height, two points."""
    named, found = {}, []
    for m in CORNERS.finditer(text):
        key = m[1].replace("_", "")
        key = {"x1": "x2", "y1": "y2"}.get(NAMES[key], "") if key in ("x", "y") and NAMES[key] in named else NAMES.get(key, key)  # "x from 0.2 to x 0.6"
        named[key] = float(m[2]) / (100 if m[3] else 1)
        if named.keys() >= {"x1", "y1", "x2", "y2"} or named.keys() >= {"x1", "y1", "w", "h"}:
            x, y = named["x1"], named["y1"]
            found.append(([x, y, named["x2"], named["y2"]] if "x2" in named else [x, y, x + named["w"], y + named["h"]], m.start(), m.end()))
            named = {}
    for m in CENTER.finditer(text) if "cent" in text else ():
        x, y, w, h = map(float, m.groups())
        found.append(([x - w / 2, y - h / 2, x + w / 2, y + h / 2], m.start(), m.end()))
    found = found or by_axes(text)
    if found:
        return found
    groups = []
    for n in numbers(text, PLAIN):
        gap = text[groups[-1][-1].end: n.start] if groups else ""
        if groups and len(gap) <= 45 and not re.search(r"[\[({<.\n]", gap) and set(re.findall("[a-z]+", gap)) <= BETWEEN:
            groups[-1].append(n)
        else:
            groups.append([n])
    at = 0
    while at < len(groups):
        group = groups[at]
        if len(group) == 2 and at + 1 < len(groups) and len(groups[at + 1]) == 2 and set(re.findall("[a-z]+", text[group[-1].end: groups[at + 1][0].start])) <= BETWEEN:
            group, at = group + groups[at + 1], at + 1
        if len(group) == 4:
            found.append(([n.value / (100 if n.percent else 1) for n in group], group[0].start, group[-1].end))
        at += 1
    return found


def by_axes(text):
    """A box told as two spans with their axes, in either order: "x from 0.2 to 0.6, y from ...", "5% to 45% of the width and ...", "vertically ..."."""
    spans, axes = [*SPAN.finditer(text)], [bool(m[1]) for m in AXIS.finditer(text)]
    axes = [a for i, a in enumerate(axes) if i == 0 or axes[i - 1] != a]
    if len(spans) != 2 or len(axes) != 2 or re.search(r"\bcent(?:er|re)\b", text):
        return []
    ends = [[float(m[k]) / (100 if m[2] or m[4] else 1) for k in (1, 3)] for m in spans]
    (x1, x2), (y1, y2) = ends if axes[0] else ends[::-1]
    return [([x1, y1, x2, y2], spans[0].start(), spans[1].end())]


def box(text, marked=True):
    """[x1, y1, x2, y2] in fractions of the frame: the last box a text asserts, with a reason where it is none."""
    text = digits(affirmed(text))
    found = boxes(text)
    if not found:
        return Found(None, "no box", True)
    if marked and len(found) > 1 and re.search(r"\b(?:or|either)\b", text[found[-2][2]: found[-1][1]]) and found[-2][0] != found[-1][0]:
        return Found(None, "several boxes")
    x1, y1, x2, y2 = value = found[-1][0]
    if min(value) < 0 or max(value) > 1:
        return Found(None, f"box {value} is outside the frame (fractions from 0 to 1)")
    return Found(value) if x1 < x2 and y1 < y2 else Found(None, f"box {value} has no area")


# ---------------------------------------------------------------- choices

ALONE = re.compile(r"^\W*([a-zA-Z])\W*$")
LEADING = re.compile(r"^[^\w\n]{0,20}(?:option |choice )?\(?([A-Z])(?:[.):,]|\)? - |$)(?!\w)|^[^\w\n]{0,20}\(?([a-z])\)", re.M)
LETTERS = re.compile(r"\b(?:option|choice|answer|letter)s? \(?([A-Z]|[b-z](?=\W|$))\b\)?|\(([A-Za-z])\)|(?<![\w'])([A-Z])(?![\w'])")


def choice(text, options, marked=True):
    """The letter of the option a text asserts, by letter or by the option's words; both must agree."""
    text = affirmed(core(text) if marked else text)
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(options)]
    lead = ALONE.match(text) or LEADING.match(text)
    letter = lead and lead[lead.lastindex].upper()
    if letter and letter in allowed and not re.match(r" ?(?:or|and|/|,) ?\(?[A-Z]\b", text[lead.end():]):
        said = {letter}
    else:
        said = set()
        for m in LETTERS.finditer(text):
            letter = (m[1] or m[2] or m[3]).upper()
            article = m[3] in ("A", "I") and not re.match(r"\W*$|[.),:;]| (?:is|and|or)\b", text[m.end():])
            if letter in allowed and not article and not HEDGED.search(text[max(0, m.start() - 25): m.start()]):
                said.add(letter)
    bare = re.sub(r"^\W*\(?[A-Za-z][.):] ", "", text)
    words = member(bare, tuple(options))
    if words.missing and any(option.strip(" .").isdigit() for option in options):
        words = member(digits(bare), tuple(options))
    if len(said) > 1:
        return Found(None, "several options: " + ", ".join(sorted(said)))
    meant = {letter for letter, option in zip(allowed, options) if option == words.value} if words.value else set()
    if said and meant and not said & meant:
        return Found(None, f"letter {min(said)} but the words of {min(meant)}")
    return Found(min(said or meant)) if said or meant else Found(None, "no option" if words.missing else words.why, words.missing)
