"""Order in time: the parts of a text from earliest to latest, by "then", "after", "before that", "second"."""

import re

# "after a few minutes" tells no order
NO_PAUSE = r"(?! (?:an?|some|several|\d+) (?:\w+ )?(?:seconds?|minutes?|moments?|while|time|pause|break)\b)"
# "B after A", "B, preceded by A"
REVERSING = re.compile(
    rf"\b(?:after(?!wards?\b)(?! (?:that|this|which)\b){NO_PAUSE}|preceded by|follow(?:s|ing)|once)\b"
    r"[^,;.\n]{0,20}$"
)
EARLIER = re.compile(r"\b(?:before (?:that|this|which)|prior to (?:that|this)|earlier|beforehand)\b")
OPENING = re.compile(
    r"\b(?:first(?:ly)?|initially|to begin with|at the (?:start|beginning)|starts?|starting|begins?"
    r"|beginning)\b"
)
CLOSING = re.compile(r"\b(?:finally|lastly|last|at the end|in the end|ends?|ending|concludes?)\b")
# "B comes last", "B at the very end"
CLOSED = re.compile(r"[^,;.\n]{0,80}\b(?:comes? last|at the (?:very )?end|in the end) ?[,;.\n]")
# "Just before turning ...", at the head of a clause
LEADING_BEFORE = re.compile(
    r"(?:^|[.;\n,]) ?(?:and )?(?:right |just |shortly )?(?:before|prior to)\b"
    r"(?! (?:that|this|which)\b)[^,.;\n]{0,30}$"
)
TOGETHER = re.compile(r"^(?: (?:the|a|an|his|her) \w+)?,? ?and(?: (?!then|next|finally|lastly)\w+){0,3} ?$")
INVERTED = re.compile(r",|\b(?:it|he|she|they)\b")
PAUSE = re.compile(r"[.;\n]")
# "1. ... 2. ..." stands in its order
NUMBERED = re.compile(r"(?:^|\n) ?1 ?[.)] .*\n ?2 ?[.)] ", re.S)


def in_time(text, spans):
    """Indices of `spans` (start, end) of a text, from earliest to latest: "B after A", "before A, B",
    "before that" and "finally" are understood.
    """
    if NUMBERED.search(text):
        return list(range(len(spans)))
    order, closed, led, after = [], False, None, False
    for i, (start, _) in enumerate(spans):
        gap = text[spans[i - 1][1] if i else 0 : start]
        tail = PAUSE.split(gap)[-1]
        closed = closed or i > 0 and order[-1] == i - 1 and bool(CLOSED.match(text[spans[i - 1][0] : start]))
        fresh = i == 0 or len(tail) < len(gap)  # a new sentence
        at = len(order) - closed  # what is said to be last stays last
        if i and (EARLIER.search(gap) or not fresh and REVERSING.search(gap)):
            at, after = order.index(i - 1), not fresh
        elif after and TOGETHER.match(gap):  # "C after A and B"
            at = order.index(i - 1) + 1
        elif (
            led is not None and not fresh and INVERTED.search(gap) and not re.search(r"\b(?:then|and)\b", gap)
        ):
            at, led = order.index(led), None
        elif i and (fresh or closed) and OPENING.search(tail):
            at = 0
        order.insert(at, i)
        after = after and not fresh
        if fresh:
            led = i if LEADING_BEFORE.search(gap) else None
        closed = closed or i == 0 and bool(CLOSING.search(tail))
    return order


# Where a step ends and another begins: punctuation, "2. ", "and then", "before"; but not "after a while"
CLAUSE = re.compile(
    r"\.(?!\d)|[;\n,]|->|\(?(?<![\d.])\b\d{1,2}[.)] |\bstep \d+\b:?"
    r"|\b(?:and )?(?:then|next|finally|afterwards?|followed by)\b"
    r"|\b(?:and )?(?:even |just )?(?:after|before) (?:that|this)\b"
    rf"|\b(?:and|before|until|after{NO_PAUSE})\b"
)


def clauses(text):
    """A lower-case text cut where one step ends and another begins, from earliest to latest."""
    spans, at = [], 0
    for m in [*CLAUSE.finditer(text), None]:
        end = m.start() if m else len(text)
        if len(text[at:end].strip()) > 2:
            spans.append((at, end))
        at = m.end() if m else end
    return [text[spans[i][0] : spans[i][1]].strip(" -:()") for i in in_time(text, spans[:40])]
