"""Words: stems of words, small words that carry no meaning of their own, and words of one meaning.

The base form of an irregular word is lemminflect's ("rode" -> "ride"), its stem snowballstemmer's; both sides
of a comparison are stemmed, so a stem need not be a word.
"""

import re
from functools import lru_cache
from itertools import permutations
from typing import Any, Callable, NamedTuple

import snowballstemmer

from lib.verifier.wordlists import (
    OPPOSITE_WORDS,
    OPTIONAL_WORDS,
    PARTICLES,
    SPELLINGS,
)


class Found(NamedTuple):
    """What a parser found: `value` None comes with a reason; `missing`: nothing of the kind is there."""

    value: Any
    why: str = ""
    missing: bool = False


class Query(NamedTuple):
    """What a parser may know besides the text."""

    label: dict
    duration: float | None = None
    question: str = ""
    vocabulary: dict = {}
    embed: Callable | None = None
    frame: tuple | None = None  # width and height of the frame in the coordinates of boxes
    marked: bool = True  # the text is a final answer line, not a free one

    @property
    def unit(self):
        return self.label.get("unit") or "seconds"


# the base forms of some 300 irregular verbs and nouns are read from lemminflect when a word is first stemmed
STEMMER = snowballstemmer.stemmer("english")
# What snowballstemmer takes for one word though it is two, or for two though it is one
SAME = {form: family.split()[0] for family in SPELLINGS.split("|") for form in family.split()[1:]}


@lru_cache(maxsize=50_000)
def base(word):
    """The base form of a lower-case word: "rode" -> "ride", "knives" -> "knife"; of an unknown one itself."""
    from lemminflect import getLemma  # a third of a second

    for part in ("VERB", "NOUN", "ADJ"):
        for form in getLemma(word, part, lemmatize_oov=False):
            if form != word and len(form) > 1:
                return form
    # "slowly" -> "slow"
    if word.endswith("ly") and getLemma(word[:-2], "ADJ", lemmatize_oov=False):
        return word[:-2]
    return word


@lru_cache(maxsize=50_000)
def stem(word):
    """A word's stem: riding, rides, rode -> ride; running, ran -> run; tries -> tri."""
    word = SAME.get(word, word)
    if not word.isalpha():
        return word
    word = base(word)
    return STEMMER.stemWord(SAME.get(word, word))


def stems(words):
    """The stems of a text's words, as a set."""
    return frozenset(map(stem, words.split()))


# Words that a name may be said without
OPTIONAL = frozenset(OPTIONAL_WORDS.split())
PRONOUNS = frozenset("it them they he she him i we you who which".split())
BEING = frozenset(
    "is are was were be been being am get gets got gotten getting becomes became having".split()
)
PLACEHOLDERS = frozenset(("something", "someone", "somewhere"))


def opposites_of(families):
    """{stem: the stems that say its opposite} of "a b|c d e"."""
    found = {}
    for family in families.split("|"):
        for a, b in permutations(map(stem, family.split()), 2):
            found.setdefault(a, set()).add(b)
    return found


# Particles and directions: what one of them says of an action the other denies. OPPOSITES adds verbs and
# qualities
ANTONYMS = opposites_of(PARTICLES)
OPPOSITES = opposites_of(PARTICLES + "|" + OPPOSITE_WORDS)


def opposed(a, b):
    """Whether two stems say opposites: by the list, or by a prefix ("tie" and "untie")."""
    return b in OPPOSITES.get(a, ()) or any(
        {a, b} == {s, prefix + s} for s in (a, b) for prefix in ("un", "dis") if len(s) > 2
    )


def content(words):
    """The stems that carry a name's meaning: all but articles, pronouns and the prepositions one may change
    ("on a chair", "in a chair").
    """
    return [stem(w) for w in words if w not in OPTIONAL] or [stem(w) for w in words]


def spaced(name):
    """A name that is written as one word in several: "ApplyEyeMakeup", "finalScore", "brush_hair"."""
    return re.sub(r"_+|(?<=[a-z])(?=[A-Z])", " ", name)


def words_in(text):
    """The words and numbers of a lower-case text."""
    return re.findall(r"\d+(?:\.\d+)?[a-z]*|[a-z]+", text)
