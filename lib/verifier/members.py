"""Members: the one member of a vocabulary that a text asserts, by its own words or by near ones."""

from rapidfuzz.distance import DamerauLevenshtein

from lib.verifier.denials import words_of
from lib.verifier.languages import by_characters
from lib.verifier.mentions import mentions
from lib.verifier.vocabulary import index, keywords
from lib.verifier.words import OPTIONAL, SYNONYMS, Found, stem, stems


def member(text, vocabulary, aliases=()):
    """The one member of a vocabulary that a text asserts: by its words in any inflection, by a word it alone
    has, one letter off, or by a word of one meaning.
    """
    known, text = index(vocabulary, aliases), text.lower()
    if found := by_characters(text, vocabulary):
        return found
    for full, bare in known.dressed:
        text = text.replace(full, bare)
    tokens = words_of(text)
    found = (
        mentions(tokens, known)
        or by_keyword(tokens, vocabulary)
        or mentions(respelled(tokens, known), known)
        or mentions(in_other_words(tokens, known), known)
    )
    asserted = sorted({m.name for m in found if m.stance == "asserted"})
    if len(asserted) == 1:
        return Found(asserted[0])
    if asserted:
        return Found(None, "several: " + ", ".join(asserted[:5]))
    if found:
        return Found(None, f"{found[-1].name} is {found[-1].stance}")
    return Found(None, "nothing of the vocabulary", True)


# Words that may stand beside a keyword
GENERIC = stems(
    "go move head shift travel drift slide come pass turn it he she they person man woman object shape thing"
    " ball circle square triangle car side frame screen direction video clip toward towards across while"
    " through just clearly slowly quickly gradually answer there which not from"
) | frozenset(map(stem, OPTIONAL))


def by_keyword(tokens, vocabulary):
    """Mentions of words that a single member has, in a text of nothing else but general words: "it goes
    left" for "moving left".
    """
    known = keywords(vocabulary)
    if all(stem(t) in GENERIC or stem(t) in known.anchors or not t.isalpha() for t in tokens):
        return mentions(tokens, known)
    return []


def respelled(tokens, known):
    """Tokens of six letters or more that are one slip away from a word of the vocabulary replaced by it, and
    two joined: "skate boarding".
    """
    joined = [a + b if stem(a + b) in known.joined else a for a, b in zip(tokens, [*tokens[1:], ""])]
    words = []
    for token in joined[:40]:
        s = stem(token)
        if len(token) < 6 or s in known.frequency:
            words.append(token)
        else:
            words.append(next((other for other in known.frequency if slip(s, other)), token))
    return words


def slip(a, b):
    """Whether two stems of six letters or more with the same first letter differ in one letter more, less,
    other, or two swapped.
    """
    return min(len(a), len(b)) > 5 and a[0] == b[0] and DamerauLevenshtein.distance(a, b, score_cutoff=1) == 1


def in_other_words(tokens, known):
    """Tokens with each word the vocabulary lacks replaced by the one of its family that it has: "repairing"
    by "fix", "cycling" by "bike".
    """
    words = []
    for token in tokens[:60]:
        s = stem(token)
        mates = SYNONYMS.get(s, frozenset()) & known.frequency.keys() if s not in known.frequency else ()
        words.append(min(mates) if len(mates) == 1 else token)
    return words
