"""Two sentences aligned: which words of one the other says, and which word is said in another's place.

Words that no table knows are left to the embedder, by the cosine of the single words.
"""

from functools import partial
from itertools import product
from typing import NamedTuple

from lib.verifier.denials import words_of
from lib.verifier.families import meaningful, stems_of
from lib.verifier.likeness import SUPPORTING, alike, opposites_in
from lib.verifier.rewriting import rewritten, turned_round
from lib.verifier.words import PRONOUNS

# Cosine of single words that mean the same, and below which a verb or a word elsewhere in the sentence does
# not
SYNONYM, PERHAPS = 0.57, 0.42


class Paired(NamedTuple):
    covered: float  # the share of the wanted words that are said
    unsaid: tuple  # wanted words that are not
    added: tuple  # said words that answer no wanted one
    exchanged: str  # "thumb for nail": the sentences are alike but for these


# A thing that is done in one sentence is not done in the other
UNDONE = stems_of("miss fail forget prevent cancel refuse interrupt abandon") | {"giv_up"}


def compared(said, wanted):
    """The meaningful words of both sentences as they are paired."""
    return meaningful(turned_round(rewritten(said), rewritten(wanted))), meaningful(wanted.lower())


class Similarity:
    """Cosine of two Words by their texts' unit vectors, (n, d) for n texts."""

    def __init__(self, texts, vectors):
        self.vectors = dict(zip(texts, vectors))

    def __call__(self, a, b):
        return float(self.vectors[a.text] @ self.vectors[b.text])


def paired(said, wanted, similarity, known="", near=False):
    """Pairs the meaningful words of two sentences: the same word, one family, then by `similarity` of two
    Words.

    `known`: what needs no saying; `near`: whole sentences so alike that two verbs are no evidence against
    them.
    """
    a, b = compared(said, wanted)
    pairs = pairs_of(a, b, similarity)
    heard = {w.stem for w in meaningful(known.lower())}
    pronoun = bool(PRONOUNS & set(words_of(said.lower()))) or bool(a) and a[0].verb
    unsaid = [
        j
        for j, w in enumerate(b)
        if j not in pairs and (w.verb or w.stem not in heard) and not (j == 0 and pronoun and not w.verb)
    ]
    added = [
        i
        for i, w in enumerate(a)
        if i not in pairs.values() and w.stem not in heard and w.stem not in SUPPORTING
    ]
    # Left to `opposed`
    relative = " than " in said and " than " in wanted and opposites_in(said.lower(), wanted.lower())
    exchange = ""
    if not relative:
        exchange = exchanged(a, b, pairs, weighty(b, unsaid, near), weighty(a, added, near), similarity)
    # "saws through" says "cuts with a saw"
    unsaid = [j for j in unsaid if not any(alike(x, b[j]) for x in a)]
    covered = 1 - len(unsaid) / max(len(b), 1)
    return Paired(covered, tuple(b[j] for j in unsaid), tuple(a[i] for i in added), exchange)


def pairs_of(a, b, similarity):
    """{place in b: place in a} of the words that say the same: equal ones first, then of one family, then
    near ones.
    """
    pairs = {}
    for test in (same_stem, alike, partial(close, similarity)):
        for j, y in enumerate(b):
            if j in pairs:
                continue
            free = (i for i, x in enumerate(a) if i not in pairs.values() and test(x, y))
            i = next(free, None)
            if i is not None:
                pairs[j] = i
    return pairs


def same_stem(a, b):
    """Whether two Words are one."""
    return a.stem == b.stem


def close(similarity, a, b):
    """Whether two Words that no table knows are near enough to mean the same."""
    return alike(a, b) is None and similarity(a, b) >= SYNONYM


def weighty(words, places, near):
    """The places of words that are evidence against two sentences: no verbs where the whole is `near`."""
    return [n for n in places if not (near and words[n].verb)]


def exchanged(a, b, pairs, unsaid, added, similarity):
    """The word said for another: in the same place of otherwise equal sentences, or the only one left over
    on either side.
    """
    undone = [a[i] for i in added if a[i].stem in UNDONE and a[i].verb] or [
        b[j] for j in unsaid if b[j].stem in UNDONE and b[j].verb and not any(alike(x, b[j]) for x in a)
    ]
    if undone:
        return f"{undone[0].text} in one alone"
    if not 1 <= len(unsaid) <= 3 or not 1 <= len(added) <= 3 or not pairs:
        return ""
    # The places before the first and behind the last words answer each other too
    places = {-1: -1, **pairs, len(b): len(a)}
    lonely = len(unsaid) == len(added) == 1
    for (j, last), (i, end) in product(runs(unsaid), runs(added)):
        slot = places.get(j - 1) == i - 1 and places.get(last + 1) == end + 1
        if slot and in_place(a[i : end + 1], b[j : last + 1], similarity):
            return f"{a[i].text} for {b[j].text}"
        if last == j and end == i and left_over(a, a[i], b[j], lonely, similarity):
            return f"{a[i].text} for {b[j].text}"
    return ""


def in_place(said, wanted, similarity):
    """Whether the words in the same place of two sentences say different things."""
    single = len(said) == len(wanted) == 1
    couples = [*product(said, wanted)]
    apart = [alike(x, y) for x, y in couples if x.verb and y.verb or single]
    if False in apart and True not in apart:
        return True
    limit = SYNONYM if single and not (said[0].verb and wanted[0].verb) else PERHAPS
    return max(similarity(x, y) for x, y in couples) < limit


def left_over(a, x, y, lonely, similarity):
    """Whether word x of sentence a is said for y, which no word of a says; `lonely`: no other is left."""
    if any(alike(w, y) for w in a):
        return False
    return alike(x, y) is False or lonely and x.verb == y.verb and similarity(x, y) < PERHAPS


def runs(places):
    """Ascending numbers as (first, last) of their unbroken runs."""
    found = []
    for n in places:
        if found and found[-1][1] == n - 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return found
