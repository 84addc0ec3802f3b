"""Order in time: the parts of a text from earliest to latest, by "then", "after", "before that", "second"."""

import re

# "B after A", "B, preceded by A"
REVERSING = re.compile(
    r"\b(?:after(?!wards?\b)(?! (?:that|this|which)\b)|preceded by|follow(?:s|ing)|once)\b[^,;.\n]{0,20}$"
)
EARLIER = re.compile(r"\b(?:before (?:that|this|which)|prior to (?:that|this)|earlier|beforehand)\b")
OPENING = re.compile(
    r"\b(?:first(?:ly)?|initially|to begin with|at the (?:start|beginning)|starts?|starting|begins?"
    r"|beginning)\b"
)
# "; right at the start it was ..."
AT_START = re.compile(
    r"[.;\n,] ?(?:and |but )?(?:right )?at the (?:start|beginning)\b(?! (?:and|then)\b)[^.;\n,]*$"
)
CLOSING = re.compile(r"\b(?:finally|lastly|last|at the end|in the end|ends?|ending|concludes?)\b")
# "Just before turning ...", at the head of a clause
LEADING_BEFORE = re.compile(
    r"(?:^|[.;\n,]) ?(?:and )?(?:right |just |shortly )?(?:before|prior to)\b"
    r"(?! (?:that|this|which)\b)[^,.;\n]{0,30}$"
)
PAUSE = re.compile(r"[.;\n]")
TOGETHER = re.compile(r"^(?: (?:the|a|an|his|her) \w+)?,? ?and(?: (?!then|next|finally|lastly)\w+){0,3} ?$")
# "A, but not before B", "does not A until B" and "only after" in plainer words, and remarks that name no step
PLAINER = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\bthe very (?=end|start|beginning|first|last)", "the "),
        (
            r"\b(?:do|does|did|is|are|was|were|has|have)(?: not|n't) ([^.;,\n]{1,60}?) "
            r"(?:until|till|before)\b",
            r"\1 after",
        ),
        (r",? ?\b(?:but |and |though )?(?:not|only|never) (?:before|until|till|after)\b", " after"),
        (r"\bno sooner\b", ""),
        (r"(?<=\w) \((?:[^()\s]+ ){2,12}[^()\s]+\)", ""),
    )
]


def plainer(text):
    """A lower-case text whose order in time is told by "before" and "after" alone, where it was told by "not
    before" or "not until".
    """
    for pattern, plain in PLAINER:
        text = pattern.sub(plain, text)
    return text


def in_time(text, spans):
    """Indices of `spans` (start, end) of a text, from earliest to latest: "B after A", "before A, B",
    "before that" and "finally" are understood.
    """
    order, last, led_by_before, led_by_after = [], False, None, False
    for i, (start, _) in enumerate(spans):
        gap = text[spans[i - 1][1] if i else 0 : start]
        tail = PAUSE.split(gap)[-1]
        # A new sentence
        fresh = i == 0 or len(tail) < len(gap)
        # What is said to be last stays last
        at = len(order) - last
        together = led_by_after and (TOGETHER.match(gap) or start < spans[i - 1][1])
        led_by_after = False
        if i and (EARLIER.search(gap) or not fresh and REVERSING.search(gap)):
            at, led_by_after = order.index(i - 1), not fresh
        # "C after A and B"
        elif together:
            at, led_by_after = order.index(i - 1) + 1, True
        elif (
            led_by_before is not None
            and not fresh
            and re.search(r",|\b(?:it|he|she|they)\b", gap)
            and not re.search(r"\b(?:then|and)\b", gap)
        ):
            at, led_by_before = order.index(led_by_before), None
        elif i and ((fresh or last) and OPENING.search(tail) or AT_START.search(gap)):
            at = 0
        order.insert(at, i)
        if fresh:
            led_by_before = i if LEADING_BEFORE.search(gap) else None
        last = last or i == 0 and bool(CLOSING.search(tail))
    return order


# Where a step ends and another begins: punctuation, "2. ", "and then", "before"
CLAUSE = re.compile(
    r"\.(?!\d)|[;\n,]|->|\(?(?<![\d.])\b\d{1,2}[.)] |\bstep \d+\b:?"
    r"|\b(?:and )?(?:then|next|finally|afterwards?|after that|followed by)\b"
    r"|\b(?:before|after|until)\b|\band\b"
)


def clauses(text):
    """A lower-case text cut where one step ends and another begins, from earliest to latest."""
    text, spans, at = plainer(text), [], 0
    for m in [*CLAUSE.finditer(text), None]:
        end = m.start() if m else len(text)
        if len(text[at:end].strip()) > 2:
            spans.append((at, end))
        at = m.end() if m else end
    return [text[spans[i][0] : spans[i][1]].strip(" -:()") for i in in_time(text, spans[:40])]
