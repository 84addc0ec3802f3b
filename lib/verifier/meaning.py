"""Meaning: whether two sentences say the same thing, and what one says against the other.

A sentence embedding hardly sees one word exchanged, a "not", or who does what to whom. So the words of two
sentences are paired (one stem, or vectors of single words that are near), and what is left over is looked at:
a denial in one alone, opposites, another number, a word in the place of another, two roles exchanged.
"""

import re
from itertools import product
from typing import NamedTuple

from lib.verifier.denials import words_of
from lib.verifier.spelled import digits
from lib.verifier.words import ANTONYMS, BEING, OPTIONAL, PRONOUNS, opposed, stem, words_in

# Cosine of single words that mean the same
NEAR = 0.57
# Words that are no content of their own
NOTHING = OPTIONAL | PRONOUNS | BEING | {"no"}
PASSIVE = re.compile(r"\b(?:is|are|was|were|been|being|gets?|got) (?:\w+ly )?\w+(?: [^.;,]{0,30}?)? by\b")
# "from green to yellow", "from left to right"
CHANGE = re.compile(r"\bfrom (?:the |an? )?(\w+) (?:side )?to (?:the |an? )?(\w+)")


# "to protect her hands" and "so that she does not burn her hands" say the same
AVOIDING = frozenset(map(stem, ("avoid", "prevent", "protect", "escape")))


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
    words = tuple(t for t in tokens if t[0].isalnum() and t not in NOTHING and t != "not")
    denied = any(t in ("not", "no") for t in tokens)
    return Sentence(text, words, tuple(map(stem, words)), frozenset(map(stem, words_in(text))), denied)


class Paired(NamedTuple):
    """Two sentences word by word."""

    pairs: dict  # place in the wanted sentence -> place in the said one
    unsaid: tuple  # places of wanted words that are not said, and not known from the question
    added: tuple  # places of said words that answer none
    covered: float  # the share of wanted words that are said or known


def paired(statement, goal, known, similarity):
    """Pairs the words of two Sentences; `known`: stems that need no saying; `similarity(word, word)`."""
    pairs = {}
    for by_stem in (True, False):
        for j, (word, own) in enumerate(zip(goal.words, goal.stems)):
            for i, (other, its) in enumerate(zip(statement.words, statement.stems)):
                free = j not in pairs and i not in pairs.values()
                if free and (
                    own == its if by_stem else similarity(word, other) >= NEAR and not opposed(own, its)
                ):
                    pairs[j] = i
    unsaid = [
        j for j, s in enumerate(goal.stems) if j not in pairs and s not in known and s not in statement.stems
    ]
    added = [i for i, s in enumerate(statement.stems) if i not in pairs.values() and s not in known]
    return Paired(pairs, tuple(unsaid), tuple(added), 1 - len(unsaid) / max(len(goal.words), 1))


def against(statement, goal):
    """What one Sentence says against another, as a reason, or an empty string: a denial, "or", opposites,
    another number.
    """
    if statement.denied != goal.denied:
        denying, other = (statement, goal) if statement.denied else (goal, statement)
        if not AVOIDING & (other.every - denying.every):
            return "one denies what the other says"
    if re.search(r"\bor\b", statement.text) and not re.search(r"\bor\b", goal.text):
        return "hedges"
    # one more particle of a sentence that says much else is no evidence
    much = len(statement.words) > len(goal.words) + 2
    for s, other in product(sorted(goal.every - statement.every), sorted(statement.every - goal.every)):
        if opposed(s, other) and not (much and other in ANTONYMS.get(s, ())):
            return f"{other} against {s}"
    changes = [[(stem(a), stem(b)) for a, b in CHANGE.findall(x.text)] for x in (statement, goal)]
    if any((b, a) in changes[0] for a, b in changes[1]):
        return "the change is turned round"
    figures, others = ({w for w in x.words if w[0].isdigit()} for x in (goal, statement))
    return "another number" if figures and others and not figures & others else ""


def other_word(statement, goal, match, similarity, first=0):
    """A word said in the place of a wanted one, from the `first` on, between the same neighbours."""
    places = {-1: -1, **match.pairs, len(goal.words): len(statement.words)}
    for j, i in product([j for j in match.unsaid if j >= first], match.added):
        slot = places.get(j - 1) == i - 1 and places.get(j + 1) == i + 1
        other = slot and similarity(statement.words[i], goal.words[j]) < NEAR
        if other or opposed(statement.stems[i], goal.stems[j]):
            return f"{statement.words[i]} for {goal.words[j]}"
    return ""


def exchanged(statement, goal, match):
    """Whether what stands before a word in one sentence stands behind it in the other, and the other way
    round; a passive turned.
    """
    turned = bool(PASSIVE.search(statement.text)) != bool(PASSIVE.search(goal.text))
    for j, i in match.pairs.items():
        before = [match.pairs[k] for k in range(j) if k in match.pairs]
        behind = [match.pairs[k] for k in range(j + 1, len(goal.words)) if k in match.pairs]
        if before and behind:
            crossed = any(k > i for k in before) and any(k < i for k in behind)
            straight = all(k < i for k in before) and all(k > i for k in behind)
            if straight if turned else crossed:
                return True
    return False
