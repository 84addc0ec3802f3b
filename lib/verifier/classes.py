"""Classes: the one member of a vocabulary that a text asserts by its own words, in any inflection or one
letter off, or else is clearly nearest to in meaning.
"""

import re

import numpy as np
from rapidfuzz.distance import DamerauLevenshtein

from lib.verifier.conclusion import CONCLUDING, sentences
from lib.verifier.denials import words_of
from lib.verifier.languages import by_characters
from lib.verifier.mentions import mentions, steps
from lib.verifier.numbers import HEDGED
from lib.verifier.vocabulary import PARENTHESES, index, vocabulary_of
from lib.verifier.words import OPTIONAL, Found, content, opposed, spaced, stem, words_in

# Cosine of a text and the name that it means, its lead over the rest of the vocabulary, and what is needed
# where there is no rest
LEAST, MARGIN, ALONE = 0.3, 0.05, 0.75
# Words of a brief phrase, its least cosine, and those of what it says in place of a word of a name: of what
# is done ("chopping" for "cutting"), and of what it is done to, where a dog is near to a cat
BRIEF, LEAST_BRIEF, DEED, THING = 5, 0.55, 0.5, 0.7
# "doing the dishes" for "washing dishes"
LIGHT = frozenset(map(stem, "do make perform practice have take".split()))
# "legs straight, hips bent: this is a pike", "which makes it a pike"
SO = re.compile(
    r"[:;,.] ?(?:so|therefore|thus|hence) |: |\b(?:this|that|which) makes (?:it|this|that) "
    r"|[.;,] (?=(?:(?:this|that|it)(?: \w+)?|the (?:action|activity|class|event|group|sport|stroke)) is "
    r"|it's )"
    # "he hovers over A, but the click goes to B", "turns from red to blue"
    r"|, but (?=(?:the|it|he|she|they) )|\bturn(?:s|ed) from [^.;,]{1,30} to "
)
# "with a hoe, while a rake leans there"
BESIDE = re.compile(r"[.;\n]|, (?:while|whereas|and|with|but)\b|\bwhile\b")
# "rowing, or perhaps canoeing"
OPEN = re.compile(r"\bor (?:perhaps|maybe|possibly|even)\b", re.I)
# "some kind of sport", "something"
VAGUE = re.compile(r"\b(?:some|any|certain) (?:kind|sort|type) of\b|\bsome(?:thing|how|where)[ .!]*$", re.I)
FIRST_ASKED = re.compile(r"\b(?:first|at the (?:start|beginning))\b", re.I)
LAST_ASKED = re.compile(r"\b(?:last|finally|at the (?:very )?end)\b", re.I)
SMALL = frozenset(map(stem, OPTIONAL))


def read_class(text, query):
    """Class: the one member of the vocabulary asserted; where none is named, the member the text is clearly
    nearest to in meaning.
    """
    label = query.label
    names = vocabulary_of(label, query.vocabulary)
    aliases = tuple((alias, label["value"]) for alias in label.get("aliases") or ())
    if OPEN.search(text):
        return Found(None, "hedges")
    found = member(text, names, aliases, query.question)
    if not found.missing or query.embed is None:
        return found
    return nearest(text, names, query.embed) or found


def member(text, vocabulary, aliases=(), question=""):
    """The one member of a vocabulary that a text asserts by words: of several the one that it concludes, or
    the first or last where the question asks for that.
    """
    found = asserted(text, vocabulary, aliases)
    if found.value is None and not found.missing:
        concluded = asserted(SO.split(CONCLUDING.split(text.lower())[-1])[-1], vocabulary, aliases)
        found = concluded if concluded.value else found
    if found.why.startswith("several") and (clause := clause_asked(text, question, vocabulary)):
        told = asserted(clause, vocabulary, aliases)
        found = told if told.value else found
    ends = {FIRST_ASKED: 0, LAST_ASKED: -1}
    asked = [place for sign, place in ends.items() if sign.search(question)]
    if found.why.startswith("several") and len(asked) == 1 and (named := steps(text.lower(), vocabulary)):
        return Found(named[asked[0]])
    return found


def clause_asked(text, question, vocabulary):
    """The one clause of a text that says most of what is asked for besides the vocabulary, or None."""
    names = {stem(w) for name in vocabulary for w in words_in(name.lower())}
    words = {*content(words_in(question.lower()))} - names
    clauses = [clause for clause in BESIDE.split(text) if clause.strip()]
    shared = [len(words & {*map(stem, words_in(clause.lower()))}) for clause in clauses]
    best = max(shared, default=0)
    return clauses[shared.index(best)] if best > 1 and shared.count(best) == 1 else None


def asserted(text, vocabulary, aliases=()):
    """The one member of a vocabulary of which the words are asserted in a text."""
    known, text = index(vocabulary, aliases), text.lower()
    if found := by_characters(text, vocabulary):
        return found
    for name in vocabulary:
        # "opening bottle (not wine)", as it is written, denies no wine bottle
        if "(not " in name:
            text = text.replace(name.lower(), PARENTHESES.sub("", name.lower()))
    tokens = words_of(text)
    found = mentions(tokens, known) or mentions(respelled(tokens, known), known)
    said = sorted({m.name for m in found if m.stance == "asserted"})
    if len(said) == 1:
        return Found(said[0])
    if said:
        return Found(None, "several: " + ", ".join(said[:5]))
    if found:
        return Found(None, f"{found[-1].name} is {found[-1].stance}")
    return Found(None, "nothing of the vocabulary", True)


def respelled(tokens, known):
    """Tokens of six letters or more that are one slip away from a word of the vocabulary replaced by it, and
    two that are a word of it together ("hair cut").
    """
    words, tokens = [], list(tokens[:40])
    for at, token in enumerate(tokens):
        joined = token + "".join(tokens[at + 1 : at + 2])
        if joined.isalpha() and joined != token and stem(joined) in known.frequency:
            token, tokens[at + 1] = joined, "a"
        near = () if stem(token) in known.frequency else (s for s in known.frequency if slip(stem(token), s))
        words.append(next(iter(near), token))
    return words


def slip(a, b):
    """Whether two stems of six letters or more with the same first letter differ in one letter more, less,
    other, or two swapped.
    """
    same = min(len(a), len(b)) > 5 and a[0] == b[0] and (a + b).isalpha()
    return same and DamerauLevenshtein.distance(a, b, score_cutoff=1) == 1


def nearest(text, names, embed):
    """The member of a vocabulary clearly nearest to a text by embedding (a synonym), or None; denied, hedged
    and contradicted ones are none.
    """
    phrase = text.strip(" .!\n")
    tokens = words_of(phrase.lower())
    described = len(tokens) > 25 or len(sentences(phrase)) > 1
    if not phrase or not described and {"not", "no", "or"} & set(tokens) or HEDGED.search(phrase):
        return None
    if VAGUE.search(phrase):
        return None
    stems = {stem(t) for t in tokens}
    plain = [spaced(name) for name in names]
    vectors, owns = embed([phrase, *plain]), [{stem(w) for w in words_in(name.lower())} for name in plain]
    # "switching on the light" is not "turning off light", however near
    contrary = [any(opposed(a, b) for a in own - stems for b in stems - own) for own in owns]
    # nor is "5235B" the dive 5253B
    contrary = [
        bad or len(own) == 1 and any(s[0].isdigit() for s in own - stems) for bad, own in zip(contrary, owns)
    ]
    similar = np.where(contrary, -1.0, vectors[1:] @ vectors[0])
    best = int(np.argmax(similar))
    # it says a word of another member: "eating pizza" where there is "making pizza"
    if not described and (stems - owns[best] - SMALL) & index(names).frequency.keys():
        return None
    if len(tokens) <= BRIEF and exchanged(tokens, words_in(plain[best].lower()), embed):
        return None
    rest = float(np.partition(similar, -2)[-2]) if len(names) > 1 else ALONE - MARGIN
    least = LEAST_BRIEF if len(tokens) <= BRIEF else LEAST
    return Found(names[best]) if similar[best] >= least and similar[best] - rest >= MARGIN else None


def exchanged(tokens, words, embed):
    """Whether a phrase shares a word with a name and says something else in place of the others: "fixing a
    bike" for "riding a bike".
    """
    phrase, own = ({stem(w): w for w in text if w not in OPTIONAL} for text in (tokens, words))
    only = [{s: w for s, w in a.items() if s not in b} for a, b in ((phrase, own), (own, phrase))]
    if not (phrase.keys() & own.keys() and all(only)) or only[0].keys() <= LIGHT:
        return False
    least = DEED if next(iter(phrase)) in only[0] else THING
    return float(np.dot(*embed([" ".join(words.values()) for words in only]))) < least
