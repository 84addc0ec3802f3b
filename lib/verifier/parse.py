"""From a final text to a value: the parser of each kind of label, tried on the texts that may decide.

A parser takes the deciding text and what is asked, and returns Found(value, why, missing): value None comes
with a reason, and `missing` tells "nothing of that kind is there" from "there, but not asserted" (denied,
hedged, several).
"""

import re

from lib.verifier.booleans import led, read_boolean
from lib.verifier.boxes import read_box
from lib.verifier.choices import LISTED, read_choice
from lib.verifier.classes import read_class
from lib.verifier.conclusion import CONCLUDING, corrected
from lib.verifier.intervals import read_interval
from lib.verifier.numbers import read_number
from lib.verifier.sequences import read_sequence
from lib.verifier.times import read_time
from lib.verifier.words import Found, content, stem, words_in

# Where the clause of one event ends and that of another begins
CLAUSE = re.compile(
    r"[;\n]|\. (?=[A-Z\[])|(?<!\d)\. (?=\d)"
    r"|, (?:but|while|whereas|after|before|and)\b| after (?=(?:he|she|it|they) )"
    r"|,? and (?=the\b)|, (?=the \w+ one\b)"
)
# "seems to enter at 3 s ... is in fact seen at 13 s"
REVISED = re.compile(r"\b(?:seems?|appears? to|in fact|actually)\b")
ASIDE = re.compile(
    r"(?<=[a-z\d.!?] )\((?!0?\.\d+\)|\d+ ?%\)|[^()]*\b(?:or|maybe|perhaps|possibly|not?|wait)\b)[^()?\n]*\)"
)
DIGIT = re.compile(r"\d")
# "at 9 seconds" says nothing of "the second runner"
UNIT = re.compile(r"(?<=\d)[ -](?:second|minute)s?\b")
# A line of a table: "sawing wood: no", "B push the door: yes, at 3 s"
VERDICT = re.compile(r"^[^\w\n]*(.{1,80}?)(?::| -) ?(yes|no)\b", re.M | re.I)
# Kinds of which an answer may name many places, each with what is there
LOCATED = ("interval", "time", "box", "number")
PARSERS = {
    "class": read_class,
    "sequence": read_sequence,
    "choice": read_choice,
    "text": lambda text, query: Found(text, "no words", not text.strip()),
    "interval": read_interval,
    "time": read_time,
    "box": read_box,
    "number": read_number,
    "boolean": read_boolean,
}


def parsed(conclusion, query):
    """Found(value) of the first deciding text that says anything of the label's kind."""
    kind, found = query.label["kind"], Found(None, "nothing said", True)
    query = query._replace(marked=conclusion.marked)
    # Without an answer line a class or sequence is what the conclusion or the whole text asserts, not what
    # the last sentence happens to mention
    whole = not conclusion.marked and kind in ("class", "sequence", "text")
    whole = whole or kind == "choice" and len(LISTED.findall(conclusion.texts[-1])) > 2
    whole = whole or kind == "boolean" and led(conclusion.texts[-1])
    whole = whole or kind == "interval" and isinstance(query.label["value"][0], list)
    every = conclusion.texts[-1]
    texts = [text for text in conclusion.texts[:-1] if not whole or CONCLUDING.search(text)]
    if kind in LOCATED and (line := line_asked(every, query)):
        texts = [line, *texts]
    if kind in ("class", "choice") and (row := row_chosen(every)):
        texts = [row]
    texts = [*texts, every]
    if kind in ("number", "time", "class"):
        # "at 0:50, right after the flower girl (0:38)"
        texts = [form for text in texts for form in dict.fromkeys((ASIDE.sub(" ", text), text))]
    for text in texts:
        found = PARSERS[kind](corrected(text), query)
        if not found.missing:
            return found
    return found


def row_chosen(text):
    """Of lines that say yes or no of one thing each, what the only yes is of; or None."""
    rows = VERDICT.findall(text)
    chosen = [thing for thing, verdict in rows if verdict.lower() == "yes"]
    return chosen[0] if len(chosen) == 1 < len(rows) else None


def line_asked(text, query):
    """Of a timeline or a list of boxes the one line, or of times in sentences the one clause, that says most
    of what is asked for; or None.
    """
    words = set(content(words_in(f"{query.label['name']} {query.question}".lower())))
    lines = [line for line in text.split("\n") if DIGIT.search(line)]
    if query.label["kind"] in ("interval", "time") and REVISED.search(text):
        return None
    if query.label["kind"] in ("interval", "time") and len(lines) < 2:
        lines = [clause for clause in CLAUSE.split(text) if DIGIT.search(clause)]
    shared = [len(words & set(map(stem, words_in(UNIT.sub("", line.lower()))))) for line in lines]
    return lines[shared.index(max(shared))] if len(lines) > 1 and shared.count(max(shared)) == 1 else None
