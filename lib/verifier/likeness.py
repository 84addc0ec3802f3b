"""Likeness of single words: whether two can say the same, cannot, or no table knows."""

from lib.verifier.denials import words_of
from lib.verifier.families import EXCLUDING, STRICT, meaningful, stems_of
from lib.verifier.words import LIGHT, OPPOSITES, stem

ENDINGS = frozenset(" ion at ation ition ment anc enc al ur er or ist i ful li ing th en eer".split(" "))
# Verbs that say their object's action: "puts a bandage on"
SUPPORTING = (LIGHT | stems_of("put give use apply add wrap come let have be cause")) - stems_of("ride play")


def same_root(a, b):
    """Whether two stems are one word with the endings of a noun, verb or adjective: dissect, dissection;
    clear, clearance.
    """
    shared = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return shared >= 4 and a[shared:] in ENDINGS and b[shared:] in ENDINGS


def same_verb(a, b):
    """Whether one of two stems is the other with a particle: "hangs" and "hangs up"."""
    short, long = sorted((a.split("_"), b.split("_")), key=len)
    return len(short) == 1 and short[0] == long[0] and long[-1] not in ("for", "after")


def strict(word):
    """Whether the families of a verb are all that it means, as far as rules can tell."""
    return any(n < STRICT for n in word.families)


def alike(a, b):
    """Whether two words can say the same: True or False by the tables, None where no table knows."""
    if a.stem == b.stem or a.families & b.families or same_root(a.stem, b.stem):
        return True
    if b.stem in OPPOSITES.get(a.stem, ()) or any(a.stem in group and b.stem in group for group in EXCLUDING):
        return False
    if (
        a.verb
        and b.verb
        and strict(a)
        and strict(b)
        and not {a.stem, b.stem} & SUPPORTING
        and not same_verb(a.stem, b.stem)
    ):
        return False  # two verbs of no common family
    return None


def same_verbs(said, name):
    """Whether two phrases hold verbs of one family."""
    a, b = ({n for w in meaningful(text.lower()) for n in w.families} for text in (said, name))
    return bool(a & b)


def opposites_in(said, wanted):
    """Whether a word of one sentence is the opposite of a word of the other: "taller than her" and "shorter
    than him".
    """
    a, b = ({stem(t) for t in words_of(text)} for text in (said, wanted))
    return any(OPPOSITES.get(s, set()) & (a - b) for s in b - a)
