"""Order in time: the parts of a text from earliest to latest, by "after", "before" and "before that"."""

import re

# "after a few minutes" tells no order
NO_PAUSE = r"(?! (?:an?|some|several|\d+) (?:\w+ )?(?:seconds?|minutes?|moments?|while|time|pause|break)\b)"
# "B after A", "B, preceded by A"
REVERSING = re.compile(
    rf"\b(?:after(?!wards?\b)(?! (?:that|this|which)\b){NO_PAUSE}|preceded by"
    r"|follow(?:s|ing)(?! (?:up|with)\b)|once)\b[^,;.\n]{0,20}$"
)
EARLIER = re.compile(
    r"\b(?:before (?:that|this|these|those|which)|prior to (?:that|this)|earlier|beforehand)\b"
)
# "Just before turning ...", at the head of a clause
LEADING_BEFORE = re.compile(
    r"(?:^|[.;\n,]) ?(?:and )?(?:right |just |shortly )?(?:before|prior to)\b"
    r"(?! (?:that|this|which)\b)[^,.;\n]{0,30}$"
)
INVERTED, CONNECTED = re.compile(r",|\b(?:it|he|she|they|comes?)\b"), re.compile(r"\b(?:then|and)\b")
PAUSE = re.compile(r"[.;\n]")


def in_time(text, spans):
    """Indices of `spans` (start, end) of a text, from earliest to latest: "B after A", "before A, B" and
    "before that" are understood.
    """
    order, led = [], None
    for i, (start, _) in enumerate(spans):
        gap = text[spans[i - 1][1] if i else 0 : start]
        fresh = i == 0 or bool(PAUSE.search(gap))  # a new sentence
        at = len(order)
        if i and (EARLIER.search(gap) or not fresh and REVERSING.search(gap)):
            at = order.index(i - 1) if i - 1 in order else at
        elif led is not None and not fresh and INVERTED.search(gap) and not CONNECTED.search(gap):
            at, led = order.index(led), None
        order.insert(at, i)
        if fresh:
            led = i if LEADING_BEFORE.search(gap) else None
    return with_ends(text, spans, order)


# "the gear goes on; the very first part is the axle", "the yellow one comes last"
AT = (
    r"(?= ?(?:[,:;.]|$|(?:the|an?|he|she|it|they|is|are|was|were|there"
    r"|thing|step|part|action|move|event|ones|[a-z]+ is)\b))"
)
FIRST = re.compile(
    rf"\b(?:first(?:ly)?{AT}|initially|at the (?:very )?(?:start|beginning)|to (?:begin|start) with"
    r"|(?:begin|start|open)(?:s|ning|ing|ed)? (?:off )?(?:with|by))\b"
)
LAST = re.compile(
    rf"\b(?:last(?:ly)?{AT}|finally|(?:at|in) the (?:very )?end|to finish"
    r"|(?:end|finish|clos|conclud)(?:s|es|ing|ed)? (?:with|by))\b"
)
PART = re.compile(r"[.;,\n]|\band\b|\bbut\b")


def with_ends(text, spans, order):
    """Indices in an order, the one that a text says to be the first put first, and the last one last."""
    edges = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(text)]
    gaps = [text[a:b] for a, b in zip(*edges)]
    for sign, place in ((FIRST, 0), (LAST, len(order))):
        # what stands in its own part of a sentence, before it or behind
        said = [
            i
            for i in order
            if sign.search(PART.split(gaps[i])[-1])
            or sign.search(PART.split(gaps[i + 1])[0] if PART.search(gaps[i + 1]) else "")
        ]
        if len(said) == 1:
            order.remove(said[0])
            order.insert(place, said[0])
    return order


# Where a step ends and another begins: punctuation, "2. ", "and then", "before"; but not "after a while"
CLAUSE = re.compile(
    r"\.(?!\d)|[;\n,]|->| - |\(?(?<![\d.])\b\d{1,2}[.)] |\bstep \d+\b:?"
    # but "milk is then added", "she then peels it"
    r"|(?<!\b(?:is|he|it) )(?<!\b(?:are|was|she) )(?<!\b(?:were|they) )"
    r"\b(?:and )?(?:then|next|finally|afterwards?|followed by)\b"
    # "in the end dried with a towel"
    r"|(?:^|(?<=[.,;:\n] )|(?<=and )|(?<=\n))(?:(?:in|at) the (?:very )?(?:end|start|beginning)"
    r"|to (?:begin|start|finish) with|at first|first|last|firstly|lastly|eventually)\b"
    r"|\b(?:and )?(?:even |just )?(?:after|before) (?:that|this|which)\b"
    rf"|\b(?:and|before|until|after{NO_PAUSE})\b"
)


def clauses(text):
    """A lower-case text cut where one step ends and another begins, from earliest to latest."""
    # "To change the bulb, he does the following:" is no step
    text = re.sub(r"(?m)^[^\n]*[^:\n]{12}:\n", "\n", text)
    spans, at = [], 0
    for m in [*CLAUSE.finditer(text), None]:
        end = m.start() if m else len(text)
        if len(text[at:end].strip()) > 2:
            spans.append((at, end))
        at = m.end() if m else end
    return [text[spans[i][0] : spans[i][1]].strip(" -:()") for i in in_time(text, spans[:40])]
