"""Sentences in plainer words before they are compared: "dislikes" -> "not like", "deaf" -> "not hear"."""

import re
from functools import lru_cache

from lib.verifier.denials import words_of
from lib.verifier.spelled import digits
from lib.verifier.words import ANTONYMS, OPPOSITES, stem

REWRITTEN = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\b(?:in|of|from|throughout|during) (?:the|this) (?:video|clip|footage|scene|camera)\b", ""),
        (
            r"^\W*(?:the|this) (?:video|clip|footage|scene) (?:shows|depicts|is about|features) "
            r"(?:that |how )?",
            "",
        ),
        (r"\bdislik(?:e|es|ed|ing)\b", "not like"),
        (r"\bdeaf\b", "not hear"),
        (r"\bblind\b", "not see"),
        (r"\b(?:can(?: ?not|'t)|(?:does|do|did|could)(?: not|n't)) (?:remember|recall)\b", "forget"),
        (r"\bleav(?:es|ing) (\w+ ){1,3}?un(?=\w+ed\b)", r"not \1"),
        (r"\b(is|are|was|were|been|being|has|have|had) left\b(?! (?:hand|foot|arm|side)\b)", r"\1 leaving"),
        (r"\b(?:pull|push|slid|slide|swing|force|throw)\w* ((?:\w+ ){1,3}?)(open|shut)\b", r"\2s \1"),
        (r"\b(?:stop|keep|prevent|hinder)\w* (?:\w+ ){1,4}from (?=\w+ing)", "not "),
        (r"\b(?:that|which|who) (?:is|are|was|were) not [a-z]+", ""),
        (r"\b(?:makes|made|making|make) (?:an? )?(?=(?:left|right|u-?) ?turn\b)", ""),
        (r"\bping[ -]pong\b", "table tennis"),
        (r"\bx[ -]rays?\b", "xray"),
        (r"\bt[ -]shirts?\b", "shirt"),
    )
]


@lru_cache(maxsize=8192)
def rewritten(text):
    """A lower-case text with its number words as digits and some words and phrases in plainer ones:
    "dislikes" -> "not like".
    """
    text = digits(text.lower())
    for pattern, plain in REWRITTEN:
        text = pattern.sub(plain, text)
    return text


DENIED_WORD = re.compile(r"(?:\bnot|n't) (?:(very|really|at all|yet|even) )?([a-z]+)\b")


def turned_round(said, wanted):
    """`said` with what is denied as its opposite where the other sentence names that: "is not open" -> "is
    close" for "is closed".
    """
    words = {stem(t) for t in words_of(wanted)}
    for m in DENIED_WORD.finditer(said):
        s = stem(m[2])
        opposite = OPPOSITES.get(s, set()) & words - ANTONYMS.keys()
        if opposite and s not in words:
            first = next(t for t in words_of(wanted) if stem(t) in opposite)
            return f"{said[: m.start()]} {first}{said[m.end() :]}"
    return said
