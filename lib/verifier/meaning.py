"""Meaning: whether two sentences say the same thing, and what one says against the other.

A sentence embedding hardly sees one word exchanged, a "not", or who does what to whom. So the words of two
sentences are paired (the same word, one meaning in WordNet, vectors of single words that are near), and what
is left over is looked at: a denial in one alone, opposites, another number, a word in the place of
another, the roles of a verb exchanged.
"""

import re
from itertools import product
from typing import NamedTuple

from lib.verifier.denials import words_of
from lib.verifier.spelled import digits
from lib.verifier.wordlists import SUPPORTING
from lib.verifier.wordnet import is_verb, meanings, relation
from lib.verifier.words import (
    ANTONYMS,
    BEING,
    OPPOSITES,
    OPTIONAL,
    PRONOUNS,
    SAME,
    SYNONYMS,
    base,
    stem,
    words_in,
)

# Cosine of single words that mean the same, and below which two words left over are two things
NEAR, FAR = 0.57, 0.42
# Words that are no content of their own
NOTHING = OPTIONAL | PRONOUNS | BEING | frozenset(SUPPORTING.split())
PARTICLES = frozenset("up down on off out in away over back".split())
PASSIVE = re.compile(r"\b(?:is|are|was|were|been|being|gets?|got) (?:\w+ly )?\w+(?: [^.;,]{0,30}?)? by\b")
# What both do or are: "next to", "talks with", "each other"
SYMMETRIC = re.compile(r"\b(?:next|beside|near|and|with|together|each other|same|meets?|hug\w*|kiss\w*)\b")
FRAMING = re.compile(
    r"\b(?:in|of|from|throughout|during) (?:the|this) (?:video|clip|footage|scene)\b"
    r"|^\W*(?:the|this) (?:video|clip|footage|scene) (?:shows|depicts|is about|features) (?:that |how )?"
)


class Word(NamedTuple):
    """A content word of a sentence."""

    text: str
    base: str
    stem: str
    verb: bool
    phrase: str  # with its particle: "put_down"


class Sentence(NamedTuple):
    """A sentence made ready to compare."""

    text: str
    words: tuple
    every: frozenset  # the stems of all its words
    denied: bool


def sentence_of(text):
    """The Sentence of a text."""
    text = FRAMING.sub(" ", digits(text))
    tokens = words_of(text)
    plain = [t for t in tokens if t[0].isalnum()]
    words = []
    for at, token in enumerate(plain):
        if token in NOTHING or token == "no":
            continue
        root = SAME.get(token, base(SAME.get(token, token)))
        particle = next((p for p in plain[at + 1 : at + 5] if p in PARTICLES), "")
        phrase = f"{root}_{particle}" if particle and meanings(f"{root}_{particle}", "verb") else ""
        words.append(Word(token, root, stem(token), is_verb(root), phrase))
    denied = sum(t in ("not", "no") for t in tokens) % 2 == 1
    return Sentence(text, tuple(words), frozenset(map(stem, words_in(text))), denied)


def alike(a, b):
    """True where two Words mean the same, False where they are known to be two things, None where nothing is
    known.
    """
    if a.stem == b.stem or b.stem in SYNONYMS.get(a.stem, ()):
        return True
    if b.stem in OPPOSITES.get(a.stem, ()):
        return False
    forms = [(x, y) for x in (a.base, a.phrase) for y in (b.base, b.phrase) if x and y]
    known = {relation(x, y) for x, y in forms}
    if "same" in known:
        return True
    return False if known & {"opposite", "other"} else None


class Paired(NamedTuple):
    """Two sentences word by word."""

    pairs: dict  # place in the wanted sentence -> place in the said one
    unsaid: tuple  # places of wanted words that are not said, and not known from the question
    added: tuple  # places of said words that answer none
    covered: float  # the share of wanted words that are said or known


def paired(said, wanted, known, similarity):
    """Pairs the words of two Sentences; `known`: stems that need no saying; `similarity(word, word)`."""
    a, b, pairs = said.words, wanted.words, {}
    tests = (
        lambda x, y: x.stem == y.stem,
        alike,
        lambda x, y: alike(x, y) is None and similarity(x.text, y.text) >= NEAR,
    )
    for test in tests:
        for j, y in enumerate(b):
            if j not in pairs:
                free = (i for i, x in enumerate(a) if i not in pairs.values() and test(x, y))
                i = next(free, None)
                if i is not None:
                    pairs[j] = i
    unsaid = [j for j, w in enumerate(b) if j not in pairs and (w.verb or w.stem not in known)]
    unsaid = [j for j in unsaid if not any(alike(x, b[j]) for x in a)]
    added = [i for i, w in enumerate(a) if i not in pairs.values() and w.stem not in known]
    return Paired(pairs, tuple(unsaid), tuple(added), 1 - len(unsaid) / max(len(b), 1))


def against(said, wanted):
    """What one Sentence says against another, as a reason, or an empty string: a denial, opposites, another
    number.
    """
    if said.denied != wanted.denied:
        return "one denies what the other says"
    if re.search(r"\bor\b", said.text) and not re.search(r"\bor\b", wanted.text):
        return "hedges"
    return opposite(said, wanted)


def opposite(said, wanted):
    """A word of one sentence against its opposite in the other, or another number."""
    only = said.every - wanted.every
    for s in sorted(wanted.every - said.every):
        for other in sorted(only):
            negated = {s, other} in (
                {s, "un" + s},
                {s, "dis" + s},
                {other, "un" + other},
                {other, "dis" + other},
            )
            particle = other in ANTONYMS.get(s, ())
            # one more particle of a sentence that says much else is no evidence
            if (
                negated
                or other in OPPOSITES.get(s, ())
                and not (particle and len(said.words) > len(wanted.words) + 2)
            ):
                return f"{other} against {s}"
    figures = [w.text for w in wanted.words if w.text[0].isdigit()]
    told = [w.text for w in said.words if w.text[0].isdigit()]
    return "another number" if figures and told and not set(figures) & set(told) else ""


def other_word(said, wanted, match, similarity, verbs=True):
    """A word said in the place of a wanted one: between the same neighbours, or the only one left over. Two
    verbs count only where they are known to be two things, since many say one action; or not at all.
    """
    a, b = said.words, wanted.words
    lonely = len(match.unsaid) == len(match.added) == 1
    places = {-1: -1, **match.pairs, len(b): len(a)}
    for j, i in product(match.unsaid, match.added):
        x, y = a[i], b[j]
        slot = places.get(j - 1) == i - 1 and places.get(j + 1) == i + 1
        known, near, kind = alike(x, y), similarity(x.text, y.text), x.verb == y.verb
        if x.verb and y.verb:
            other = verbs and known is False and slot
        elif known is None:
            other = slot and near < NEAR or lonely and kind and near < FAR
        else:
            other = not known and (slot or kind)
        if other:
            return f"{x.text} for {y.text}"
    return ""


def exchanged(said, wanted, match):
    """Whether what stands before a verb in one sentence stands behind it in the other, and the other way
    round; a passive turned.
    """
    if SYMMETRIC.search(said.text) and SYMMETRIC.search(wanted.text):
        return False
    turned = bool(PASSIVE.search(said.text)) != bool(PASSIVE.search(wanted.text))
    for j, i in match.pairs.items():
        if not wanted.words[j].verb:
            continue
        before = [match.pairs[k] for k in range(j) if k in match.pairs]
        behind = [match.pairs[k] for k in range(j + 1, len(wanted.words)) if k in match.pairs]
        if before and behind:
            crossed = any(k > i for k in before) and any(k < i for k in behind)
            straight = all(k < i for k in before) and all(k > i for k in behind)
            if straight if turned else crossed:
                return True
    return False
