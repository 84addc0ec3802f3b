"""Families: which words and phrases may say the same, by the tables of the thesaurus; pure look-up."""

from functools import lru_cache
from typing import NamedTuple

from lib.verifier.denials import words_of
from lib.verifier.rewriting import rewritten
from lib.verifier.thesaurus import CONVERSE, EXCLUSIVE, MORE_VERBS, NAMES, VERBS
from lib.verifier.words import IRREGULAR, OPTIONAL, PRONOUNS, opposites, stem


def stems_of(words):
    """The stems of the words of a text."""
    return frozenset(map(stem, words.split()))


def read_families():
    """{stems of a word or phrase: the numbers of its families}, and up to which number families are of verbs
    that exclude others, and of verbs.
    """
    tables = [table.split("|") for table in (VERBS, MORE_VERBS, NAMES)]
    found = {}
    for number, family in enumerate(family for table in tables for family in table):
        for word in family.split():
            found.setdefault(tuple(map(stem, word.split("_"))), set()).add(number)
    numbers = {key: frozenset(numbers) for key, numbers in found.items()}
    return numbers, len(tables[0]), len(tables[0]) + len(tables[1])


FAMILIES, STRICT, VERBAL = read_families()
PHRASES = {}
for _key in sorted(FAMILIES, key=len, reverse=True):
    if len(_key) > 1:
        PHRASES.setdefault(_key[0], []).append(_key)
EXCLUDING = [stems_of(group) for group in EXCLUSIVE.split("|")]
EXCHANGED = opposites(CONVERSE)
# Words that carry no thing, quality or action of their own; particles are compared by OPPOSITES
MINOR = (
    OPTIONAL
    | PRONOUNS
    | stems_of("""
    up down off out away over under through back along around across past toward towards near between
    behind front together also then there here just still really both each other another own about like as
    so that when while until till before after during because since who what where how not no do have can
    will would shall should must may might could if than too more very against ahead way see show visible
    seen clearly whole his her hers us me himself herself itself themselves everyone someone somebody
    person people one almost nearly narrowly now again only be go come get make let start begin simply
    conclusion re ll m ve d wo don doesn didn isn aren wasn translation answer signer say piece side kind
    amount lot first finally
    """)
    - stems_of("start begin")
)
BREAKS = frozenset((".", ",", ";", ":", "!", "?", "\n", "and", "->", "("))
LEADING = frozenset(
    """
a an the his her their its my your our this that these those some two three four five of in on at
with into onto from for by
""".split()
)


# Words looked at in one text
MOST = 80
BE = stem("be")
ARTICLES = frozenset("a an the his her their its my your our some this that".split())
# What one does is the same up, out or away
MOVING = stems_of(
    "pull push lift drag walk run drive ride climb jump step slide cut tear rip carry go come hang wipe sweep"
)
# Verbs without an object before their particle
BESIDE = stems_of("go come walk run fall step climb drive ride jump")


class Word(NamedTuple):
    """A word or phrase that carries meaning."""

    text: str  # as it is written, to be embedded
    stem: str  # of a phrase: its stems joined by "_"
    families: frozenset
    verb: bool  # said as a verb, as far as rules can tell


@lru_cache(maxsize=8192)
def meaningful(text):
    """The words and known phrases of a text that carry its meaning, in their order."""
    tokens = words_of(rewritten(text))
    stems, found, used = [stem(t) for t in tokens], [], set()
    for i, s in enumerate(stems):
        if i in used or not tokens[i][0].isalnum():
            continue
        key, places, known = phrase(stems, i)
        used.update(places)
        if not places and (s in MINOR or tokens[i] in MINOR):
            continue
        # A phrase of motion, or of things, is also what its first word is
        if places and (key[0] in MOVING or min(known) >= STRICT):
            known |= FAMILIES.get(key[:1], frozenset())
        verb = any(n < VERBAL for n in known) if places else verbal(tokens, i, known)
        whole = " ".join([tokens[i], *(tokens[j] for j in places)])
        found.append(Word(whole, "_".join(key), known, verb))
    return tuple(found[:MOST])


def verbal(tokens, i, known):
    """Whether a word is said as a verb: by its ending, or a known verb in no noun's place ("the old white
    paint", "in a red coat").
    """
    token = tokens[i]
    if i and tokens[i - 1] in LEADING:
        return False
    known_verb = any(n < VERBAL for n in known)
    if token.endswith(("ing", "ed")) or token in IRREGULAR and known_verb:
        return True
    # "consoles his son"
    if i and token.endswith("s") and not token.endswith("ss") and LEADING & set(tokens[i + 1 : i + 2]):
        return True
    noun = (
        not token.endswith("s")
        and ARTICLES & set(tokens[max(0, i - 3) : i])
        and not ARTICLES & set(tokens[i + 1 : i + 2])
    )
    return not noun and known_verb


def phrase(stems, i):
    """The longest and nearest known phrase that begins at i, its words at most three apart: its stems, the
    places of its other words, and its families.

    Where several of one length begin there ("runs over the grass after a ball"), the families are those of
    all.
    """
    found = []
    for key in PHRASES.get(stems[i], ()):
        places = places_of(key, stems, i)
        if places and not BREAKS & set(stems[i : places[-1]]):
            found.append((key, places))
    if not found:
        return (stems[i],), [], FAMILIES.get((stems[i],), frozenset())
    key, places = min(found, key=lambda match: (-len(match[0]), match[1]))
    return key, places, frozenset().union(*(FAMILIES[other] for other, _ in found if len(other) == len(key)))


def places_of(key, stems, i):
    """Where the words of a phrase that begins at i are, but for its first; empty where one is missing."""
    at, places = i, []
    for part in key[1:]:
        reach = 5
        if not places and is_close(key[0], part):
            # "walks slowly across"
            reach = 3 if stems[at + 1 : at + 2] and stems[at + 1].endswith("li") else 2
        if part not in stems[at + 1 : at + reach]:
            return []
        at = stems.index(part, at + 1)
        places.append(at)
    return places


def is_close(verb, particle):
    """Whether a particle stands right behind its verb."""
    if verb in BESIDE:
        return particle != "after"
    return verb == "get" and particle in ("in", "on", "to", "up", "off")
