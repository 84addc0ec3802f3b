"""Opposition: a word of one sentence that excludes one of the other, and actions in another order."""

import re

from lib.verifier.denials import words_of
from lib.verifier.families import EXCHANGED, EXCLUDING, FAMILIES, meaningful, stems_of
from lib.verifier.order import clauses
from lib.verifier.roles import clause, swapped
from lib.verifier.words import ANTONYMS, OPPOSITES, stem

INWARD = stems_of("in into on onto inside")
# "to the house", "out of the house"
WAY = re.compile(
    r"\b(?:(to|into|onto|towards?)|(from|off|out of|away from)) (?:(?:the|a|an|his|her|its|their) )?([a-z]+)"
)
ORDERED = re.compile(r"\b(?:before|after|until|then|first|once|finally)\b")


def opposed(said, wanted):
    """A word against its opposite, or against another of a set of which only one can hold, unless the other
    sentence says it in another way.
    """
    words = meaningful(said), meaningful(wanted)
    a, b = ([stem(t) for t in words_of(text)] for text in (said, wanted))
    only_a, only_b = set(a) - set(b), set(b) - set(a)
    turned = swapped(clause(said), clause(wanted))
    for s in sorted(only_b):
        if negated(s, only_a):
            return f"{s} against its opposite"
        for other in sorted(OPPOSITES.get(s, set()) & only_a):
            if (
                turned
                and "than" in a
                and "than" in b
                or same_event(s, other, said, wanted, turned)
                or other in ANTONYMS.get(s, ())
                and beside(s, a, *words)
            ):
                continue
            if not has_mate(s, *words, verbs=True):
                return f"{s} against its opposite"
    if thing := other_way(said, wanted):
        return f"to and from the {thing}"
    for group in EXCLUDING:
        in_a, in_b = ({s for s in stems if s in group} for stems in (a, b))
        if not in_a or not in_b or in_a >= in_b or in_b >= in_a:
            continue
        if not all(has_mate(s, *words) for s in in_b - in_a):
            return f"{min(in_a - in_b)} against {min(in_b - in_a)}"
    return ""


def negated(s, stems):
    """Whether one of `stems` is the stem s with "un" or "dis" before it, or without."""
    return bool({"un" + s, "dis" + s} & stems) or any(
        s.startswith(prefix) and s.removeprefix(prefix) in stems for prefix in ("un", "dis")
    )


def same_event(s, other, said, wanted, turned):
    """Whether two opposites tell one event from its two sides: before and after in one order, gives and
    receives; `turned`: the roles of the sentences are swapped.
    """
    if {s, other} <= {"befor", "after"} and in_order(said, wanted):
        return True
    # "receives ... from" is already turned round
    received = "from" in said + wanted and bool({"receiv", "get"} & {s, other})
    return turned != received and other in EXCHANGED.get(s, ())


def beside(s, stems, words, wanted):
    """Whether a particle is only one more of a sentence of `stems` and `words` that says much else: "walks
    off the curb and into the street" steps onto the road.
    """
    return len(words) > len(wanted) + 2 or s in INWARD and bool(INWARD & set(stems))


def has_mate(s, words, wanted, verbs=False):
    """Whether a word of the first sentence is of a family of the wanted word with stem s; `verbs`: a verb."""
    for w in wanted:
        parts = tuple(w.stem.split("_"))
        own = FAMILIES.get(parts, frozenset()) if s in parts else ()
        if own and any((other.verb or not verbs) and own & other.families for other in words):
            return True
    return False


def other_way(said, wanted):
    """The thing to which one sentence goes and from which the other comes, or an empty string."""
    a, b = ({stem(m[3]): bool(m[1]) for m in WAY.finditer(text)} for text in (said, wanted))
    return next((thing for thing in a.keys() & b.keys() if a[thing] != b[thing]), "")


def in_order(said, wanted):
    """True or False where both sentences tell the same two actions or more, in the same order or not; None
    where they do not.
    """
    if not ORDERED.search(said) or not ORDERED.search(wanted):
        return None
    parts = actions(said)
    places = [place_of(action, parts) for other in actions(wanted) for action in other]
    places = [at for at in places if at is not None]
    return None if len(set(places)) < 2 else places == sorted(places)


def actions(text):
    """For each clause of a text, from earliest to latest: the families and stem of each of its verbs."""
    return [[w.families | {w.stem} for w in meaningful(part) if w.verb] for part in clauses(text)]


def place_of(action, parts):
    """The first of the clauses that tells an action, or None."""
    return next((i for i, part in enumerate(parts) if any(action & other for other in part)), None)
