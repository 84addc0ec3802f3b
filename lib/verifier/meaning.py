"""Meaning: how surely a sentence says what another says, by the cosine of their embeddings, and by what its
words say against the other, which no embedding shows surely: a denial, "or", an opposite, another number,
exchanged roles.
"""

import re
from itertools import product
from math import exp
from typing import NamedTuple

import numpy as np

from lib.verifier.denials import words_of
from lib.verifier.spelled import digits
from lib.verifier.words import ANTONYMS, BEING, OPTIONAL, PRONOUNS, opposed, stem, words_in

# Words that are no content of their own
NOTHING = OPTIONAL | PRONOUNS | BEING | {"no", "not"}
PASSIVE = re.compile(r"\b(?:is|are|was|were|been|being|gets?|got) (?:\w+ly )?\w+(?: [^.;,]{0,30}?)? by\b")
# Cosine of two words below which they are two things
OTHER = 0.5
# "from green to yellow"
CHANGE = re.compile(r"\bfrom (?:the |an? )?(\w+) (?:side )?to (?:the |an? )?(\w+)")
# "to protect her hands" and "so that she does not burn her hands" say the same
AVOIDING = frozenset(map(stem, ("avoid", "prevent", "protect", "escape")))


# What weighs in the logit of the likelihood: a cosine; where something is said against it the square of the
# share of the words that are said or opposed; and 1. Of the encoder with its adapter, and of another one.
# Fitted by lib/audit/adapter.py, but for the -7
ADAPTED, PLAIN = (12.17, -7.0, -7.53), (9.0, -2.6, -7.5)


class Sentence(NamedTuple):
    """A sentence made ready to compare."""

    text: str
    words: tuple  # its words of content
    stems: tuple  # their stems
    every: frozenset  # the stems of all its words
    denied: bool


def sentence_of(text):
    """The Sentence of a text."""
    text = digits(text)
    tokens = words_of(text)
    words = tuple(t for t in tokens if t[0].isalnum() and t not in NOTHING)
    denied = any(t in ("not", "no") for t in tokens)
    return Sentence(text, words, tuple(map(stem, words)), frozenset(map(stem, words_in(text))), denied)


def likelihood(cosine, statement, goal, embed):
    """(how surely one Sentence says what another says, what it says against it)."""
    signs, reason = signs_of(cosine, statement, goal)
    weights = ADAPTED if getattr(embed, "adapts", True) else PLAIN
    return 1 / (1 + exp(-sum(w * sign for w, sign in zip(weights, signs)))), reason


def signs_of(cosine, statement, goal):
    """What is weighed of two Sentences, and what one says against the other."""
    reason = against(statement, goal)
    if not reason:
        return (cosine, 0.0, 1.0), reason
    same = sum(any(s == other or opposed(s, other) for other in statement.every) for s in goal.stems)
    return (cosine, (same / max(len(goal.stems), 1)) ** 2, 1.0), reason


def against(statement, goal):
    """What one Sentence says against another, as a reason, or an empty string."""
    if statement.denied != goal.denied:
        denying, other = (statement, goal) if statement.denied else (goal, statement)
        if not AVOIDING & (other.every - denying.every):
            return "one denies what the other says"
    if re.search(r"\bor\b", statement.text) and not re.search(r"\bor\b", goal.text):
        return "hedges"
    # one more particle of a sentence that says much else is no evidence
    much = len(statement.stems) > len(goal.stems) + 2
    for s, other in product(sorted(goal.every - statement.every), sorted(statement.every - goal.every)):
        if opposed(s, other) and not (much and other in ANTONYMS.get(s, ())):
            return f"{other} against {s}"
    changes = [{(stem(a), stem(b)) for a, b in CHANGE.findall(x.text)} for x in (statement, goal)]
    if any((b, a) in changes[0] for a, b in changes[1]):
        return "the change is turned round"
    figures, others = ({w for w in x.stems if w[0].isdigit()} for x in (goal, statement))
    if figures and others and not figures & others:
        return "another number"
    return "the roles are exchanged" if exchanged(statement, goal) else ""


def other_thing(statement, goal, embed):
    """Whether two Sentences begin alike and differ in one word, which is another thing: "wash dishes" for
    "wash hands".
    """
    only = [
        [word for word, s in zip(a.words, a.stems) if s not in b.every]
        for a, b in ((statement, goal), (goal, statement))
    ]
    alike = statement.stems[:1] == goal.stems[:1] and [*map(len, only)] == [1, 1]
    alike = alike and only[1][0] == goal.words[-1]
    return alike and float(np.dot(*embed([*only[0], *only[1]]))) < OTHER


def exchanged(statement, goal):
    """Whether what stands before a word in one sentence stands behind it in the other, and the other way
    round; a passive turned.
    """
    turned = bool(PASSIVE.search(statement.text)) != bool(PASSIVE.search(goal.text))
    places = [statement.stems.index(s) for s in dict.fromkeys(goal.stems) if s in statement.stems]
    for n, i in enumerate(places):
        before, behind = places[:n], places[n + 1 :]
        if before and behind:
            crossed = any(k > i for k in before) and any(k < i for k in behind)
            straight = all(k < i for k in before) and all(k > i for k in behind)
            if straight if turned else crossed:
                return True
    return False
