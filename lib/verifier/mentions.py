"""Mentions: where a text says members of a vocabulary, and whether it asserts, denies or hedges each."""

import re
from itertools import accumulate
from typing import NamedTuple

from lib.verifier.denials import words_of
from lib.verifier.order import in_time
from lib.verifier.vocabulary import index
from lib.verifier.wordlists import HEDGE_WORDS, UNREAL_WORDS
from lib.verifier.words import ANTONYMS, OPPOSITES, OPTIONAL, stem
from lib.verifier.words import stems as stems_of


class Mention(NamedTuple):
    """A member said at the tokens first..last."""

    name: str
    stance: str  # asserted, denied, hedged
    first: int
    last: int


FILLERS = OPTIONAL | {"position", "tight", "full", ",", "completed", "performed", "executed", "done"}
HARD = frozenset((".", ";", "!", "?", "\n", "->"))
SOFT = frozenset((",", "(", ")", ":", "-"))
CONTRAST = frozenset(("but", "however", "yet", "rather", "instead"))
# "... can be ruled out", "... is not shown"
DENIED_AFTER = re.compile(
    r"(?:(?:is|are|was|were|can|be) )+(?:excluded|incorrect|wrong"
    r"|not(?= (?:shown|seen|visible|correct)\b| ?[.,;\n]| ?$))"
)
HEDGES, UNREAL = frozenset(HEDGE_WORDS.split()), stems_of(UNREAL_WORDS)


def mentions(tokens, vocabulary):
    """Where tokens say members of an index, longest first: "skiing" is not said by "water skiing" if that is
    a member too.
    """
    stems = [stem(t) for t in tokens]
    places = {}
    for i, s in enumerate(stems):
        places.setdefault(s, []).append(i)
    sentence = list(accumulate(t in HARD for t in tokens))
    hits = set()
    for anchor in places.keys() & vocabulary.anchors.keys():
        for form in vocabulary.anchors[anchor]:
            if len(form.needed) == 1 and len(form.words) == 1:
                hits.update((form, (i,)) for i in places[anchor])
            elif all(s in places for s in form.needed):
                found = (placed(form, i, tokens, stems, places, sentence) for i in places[anchor][:20])
                hits.update((form, at) for at in found if at)
    sets = {at: frozenset(at) for _, at in hits}
    longest = [
        (form, min(at), max(at)) for form, at in hits if not any(sets[at] < other for other in sets.values())
    ]
    found = {
        Mention(form.name, stance(tokens, stems, first, last, form.words), first, last)
        for form, first, last in longest
    }
    return sorted(found, key=lambda m: (m.last, m.first, m.name, m.stance))


def placed(form, i, tokens, stems, places, sentence):
    """Where a form's stems are around its anchor at i: near enough, in one sentence, nothing there that says
    the opposite; or None.
    """
    here = [[j for j in places[s] if sentence[j] == sentence[i]] for s in form.needed]
    if not all(here):
        return None
    at = [min(js, key=lambda j: abs(j - i)) for js in here]
    # Each next stem is looked for after the one before, behind a number after it
    if form.ordered:
        for k in range(1, len(at)):
            at[k] = next((j for j in here[k] if j > at[0 if form.figured else k - 1]), -1)
    first, last = min(at), max(at)
    # "2.5 somersaults in the pike position" says "2.5 somersaults pike"
    between = sum(t not in FILLERS for t in tokens[first:last]) if form.figured else last - first
    if first < 0 or between > form.reach or len(set(at)) < len(set(form.needed)):
        return None
    if "and" in tokens[first:last] and list(at) != sorted(at) and "and" not in form.words:
        return None  # "the cat barks and the dog runs" is not "the dog barks"
    if form.ordered and "by" in tokens[first:last] and "by" not in form.words:
        return None  # "the bus is overtaken by the van"
    # but "from right to left" goes left
    around = {s for k, s in enumerate(stems[: last + 2]) if k >= first and tokens[k - 1] != "from"}
    excluding = {opposite for w in form.words for opposite in OPPOSITES.get(w, ())} - {*form.words}
    if excluding & around and not {"not", "from"} & {*tokens[last : last + 2]}:
        return None
    return tuple(at)


def stance(tokens, stems, first, last, own=()):
    """Whether the words first..last are asserted, denied ("not running", "instead of running", "if he runs")
    or hedged; `own`: the words that make the mention.
    """
    for i in range(last - 1, max(-1, first - 10), -1):
        token = tokens[i]
        if token in HARD or token in CONTRAST:
            break
        if token not in own and (token == "not" or token == "no" and i < first):
            return "denied"
        leaving = token == "from" and tokens[i + 1 : last] in ([], ["the"]) and "from" not in own
        if leaving and stems[last] in ANTONYMS and {"to", "towards", "into"} & {*tokens[last + 1 : last + 8]}:
            return "denied"  # "from left to right" goes right
        if token in HEDGES:
            return "hedged"
        if stems[i] not in own and (token in ("if", "unless", "would") or stems[i] in UNREAL):
            return "denied"
        either = "or" in tokens[i:first] or "or" in tokens[last : last + 3]
        if token in SOFT and i < first and not either:
            break
    return "denied" if DENIED_AFTER.match(" ".join(tokens[last + 1 : last + 5])) else "asserted"


def steps(text, names):
    """The members of a vocabulary that a lower-case text asserts, from earliest to latest, immediate
    repetitions once; None where it says "or".
    """
    tokens = words_of(text)
    found = [m for m in mentions(tokens, index(names)) if m.stance != "denied"]
    if any(m.stance == "hedged" for m in found) or found and "or" in tokens[found[0].first : found[-1].last]:
        return None
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    spans, end = [], -1
    for m in found:
        # "hangs up the shirt after ironing it": the second begins behind the first
        spans.append((starts[m.first if m.first > end else m.last], starts[m.last + 1] - 1))
        end = m.last
    order = in_time(" ".join(tokens), spans)
    return without_repetitions([found[i].name for i in order])


def without_repetitions(names):
    """Names with immediate repetitions once."""
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]
