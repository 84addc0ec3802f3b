"""Closed vocabularies, made ready to search: by which words each member may be said, and which it needs."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from lib.verifier.denials import words_of
from lib.verifier.words import PLACEHOLDERS, content, spaced, stem


def vocabulary_of(label, vocabulary):
    """The names that a class or sequence label is told from: its options, else every value of its name, with
    its own.
    """
    own = label["value"] if isinstance(label["value"], list) else [label["value"]]
    known = distinct(tuple(label.get("options") or vocabulary.get(label["name"]) or ()))
    # each in the place of one like it, so that the index of the names is made once
    return tuple(dict.fromkeys([*(known | {plain(name): name for name in own}).values(), *own]))


@lru_cache(maxsize=512)
def distinct(names):
    """{plain(name): name}: of names that no answer could tell apart ("Diving", "diving", "DIVING_") one."""
    return {plain(name): name for name in names}


def plain(name):
    """A name without case, "_" and the ways in which Unicode writes one letter."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())


class Index(NamedTuple):
    """A vocabulary made ready to search."""

    anchors: dict  # stem -> the forms that need it
    frequency: dict  # stem -> in how many forms it is


class Form(NamedTuple):
    """One way to say a member."""

    name: str
    needed: tuple  # the stems that must be said
    words: tuple  # the stems of all its words
    ordered: bool  # another member has the same stems in another order, or it is a sentence
    reach: int  # how far apart its words may be
    figured: bool  # it begins with a number: "2.5 somersaults pike"


PARENTHESES = re.compile(r" ?\([^()]{0,200}\)")
# "catching or throwing frisbee"
EITHER = re.compile(r"(\w+ing) or (\w+ing)( .*)?$")


def spoken(name, whole=False):
    """The word lists by which a class name may be said: without its parentheses (unless `whole`), either
    side of a slash or "or", several words as one.
    """
    # as answers are read: macOS writes names decomposed
    name = spaced(unicodedata.normalize("NFKC", name)).replace(" & ", " and ")
    name = name.lower() if whole or name.startswith("(") else re.sub(r"\([^()]{0,200}\)", " ", name.lower())
    parts = [[side for side in part.split("/") if len(side) > 1] or [part] for part in name.split()[:40]]
    forms = [" ".join(choice) for choice, _ in zip(product(*parts), range(8))]
    for m in [m for form in forms if (m := EITHER.match(form))]:
        forms += [m[1] + (m[3] or ""), m[2] + (m[3] or "")]
    lists = [[t for t in words_of(form) if t[0].isalnum()] for form in forms]
    return [*lists, ["".join(lists[0])]] if len(lists) == 1 and 1 < len(lists[0]) < 5 else lists


@lru_cache(maxsize=512)
def index(names, aliases=()):
    """A vocabulary made ready to search; `aliases` are pairs (other name, name). Small words count only
    where they tell two members apart.
    """
    bare = Counter(PARENTHESES.sub("", name) for name in names)
    forms = [
        (name, words)
        for form, name in [*((n, n) for n in names), *aliases]
        for words in spoken(form, bare[PARENTHESES.sub("", form)] > 1)
    ]
    owners, frequency = {}, {}
    for name, words in forms:
        for key in {tuple(content(words)), tuple(sorted(content(words)))}:
            owners.setdefault(key, set()).add(name)
        for s in set(content(words)):
            frequency[s] = frequency.get(s, 0) + 1
    anchors = {}
    for form in [made for name, words in forms if (made := form_of(name, words, owners))]:
        rarest = min(form.needed, key=lambda s: (frequency.get(s, 9999), -len(s)))
        known = anchors.setdefault(rarest, [])
        if form not in known:
            known.append(form)
    return Index(
        anchors,
        frequency,
    )


def form_of(name, words, owners):
    """The Form of a name said by `words`, or None without a word; `owners`: stems -> the names they say."""
    needed = stems = content(words)
    if not needed:
        return None
    figured = words[0][0].isdigit()
    reach = len(words) - 1
    if not figured:
        reach = len(words) + 5 * sum(w in PLACEHOLDERS for w in words) + (2 if len(needed) > 1 else 0)
    # "the bus overtakes the van" is a sentence
    ordered = figured or words[0] in ("the", "a", "an") or len(owners[tuple(sorted(stems))]) > 1
    return Form(name, tuple(dict.fromkeys(needed)), tuple(map(stem, words)), ordered, reach, figured)
