"""Classes: the member of a vocabulary that a text names, or else is clearly nearest to in meaning."""

import re

import numpy as np

from lib.verifier.conclusion import core, sentences
from lib.verifier.denials import words_of
from lib.verifier.members import member
from lib.verifier.numbers import HEDGED
from lib.verifier.vocabulary import index, vocabulary_of
from lib.verifier.words import OPTIONAL, PRONOUNS, Found, opposed, stem, words_in

# Cosine of a text and the name that it means, its lead over the rest of the vocabulary, what is needed where
# there is no rest, and of words exchanged beside a shared one
LEAST, MARGIN, ALONE, EXCHANGED = 0.3, 0.05, 0.75, 0.5
# "legs straight, hips bent: this is a pike"
SO = re.compile(r"[:;,.] ?(?:so|therefore|thus|hence) |: |[.;,] (?=(?:this|the|it)(?: \w+)? is )")
# "or maybe", "any of these is possible"
OPEN = re.compile(
    r"\bor (?:perhaps|maybe|possibly|even|else)\b|\bany of (?:the|these|them)\b[^.;]{0,20}\bpossible\b", re.I
)


def read_class(text, marked, asked):
    """Class: the one member of the vocabulary asserted; where none is named, the member the text is clearly
    nearest to in meaning.
    """
    label = asked.label
    names = vocabulary_of(label, asked.vocabulary)
    aliases = tuple((alias, label["value"]) for alias in label.get("aliases") or ())
    if OPEN.search(text):
        return Found(None, "hedges")
    found = member(core(text) if marked else text, names, aliases)
    if found.why.startswith("several"):
        concluded = member(SO.split(text.lower())[-1], names, aliases)
        if concluded.value:
            return concluded
    if not found.missing or asked.embed is None:
        return found
    return nearest(text, names, asked.embed) or found


SMALL = frozenset(map(stem, OPTIONAL))
# "In the video, the man is ..."
PREAMBLE = re.compile(
    r"^\W*(?:(?:in|from) (?:the|this) (?:video|clip),? |(?:the|this) (?:video|clip) (?:shows|depicts) "
    r"|(?:we|i|you) (?:can |could )?(?:see|observe) "
    r"|(?:the|a|an|this) (?:person|man|woman|people|shape|object|boy|girl|subject|individual) "
    r"|(?:he|she|it|they) |(?:is|are|was|were) |there (?:is|are) )+",
    re.I,
)
# "some kind of sport", "... an animal"
VAGUER = re.compile(
    r"\b(?:some|a|any|certain) (?:kind|sort|type|form|piece) of\b|\b(?:something|somehow|somewhere"
    r"|an? (?:\w+ )?(?:animal|creature|pet|thing|object|item|tool|device|instrument|vehicle|activity|sport"
    r"|game|exercise|action|food|meal|drink|fruit|vegetable|plant|garment|toy|machine|person|place|room))"
    r"[ .!]*$",
    re.I,
)


def nearest(text, names, embed):
    """The member of a vocabulary clearly nearest to a text by embedding (a synonym), or None; denied, hedged
    and contradicted ones are none.
    """
    phrase = PREAMBLE.sub("", core(text)).strip(" .!\n")
    tokens = words_of(phrase.lower())
    if VAGUER.search(phrase) and not any(VAGUER.search(name.lower()) for name in names):
        return None
    described = len(tokens) > 25 or len(sentences(phrase)) > 1
    if not phrase or not described and {"not", "no", "or"} & set(tokens) or HEDGED.search(phrase):
        return None
    stems = {stem(t) for t in tokens}
    exchanged = {} if described else exchanges(phrase, names)
    vectors = embed([phrase, *names, *(words for pair in exchanged.values() for words in pair)])
    similar = vectors[1 : len(names) + 1] @ vectors[0]
    for at, i in enumerate(exchanged):
        # "fixing a bike" is not "riding a bike"
        a, b = vectors[len(names) + 1 + 2 * at], vectors[len(names) + 2 + 2 * at]
        similar[i] = min(similar[i], 0.0) if a @ b < EXCHANGED else similar[i]
    for i, name in enumerate(names):
        own = {stem(w) for w in words_in(name.lower())}
        # "switching on the light" is not "turning off light", however near
        if any(opposed(a, b) for a in own - stems for b in stems - own):
            similar[i] = -1.0
    best = int(np.argmax(similar))
    # it says a word of another member: "eating pizza" where there is "making pizza"
    own = {stem(w) for w in words_in(names[best].lower())}
    if not described and (stems - own - SMALL) & index(names).frequency.keys():
        return None
    rest = float(np.partition(similar, -2)[-2]) if len(names) > 1 else ALONE - MARGIN
    return Found(names[best]) if similar[best] >= LEAST and similar[best] - rest >= MARGIN else None


def exchanges(phrase, names):
    """{place of a name: (other words of the phrase, other words of the name)} where both share a word and
    each has another of its own.
    """
    found, said = {}, content_words(phrase)
    for i, name in enumerate(names):
        own = content_words(name)
        if said.keys() & own.keys() and said.keys() - own.keys() and own.keys() - said.keys():
            left = [w for s, w in said.items() if s not in own]
            found[i] = " ".join(left), " ".join(w for s, w in own.items() if s not in said)
    return found


def content_words(text):
    """{stem: word} of the words that carry a text's meaning."""
    return {stem(w): w for w in words_in(text.lower()) if w not in OPTIONAL and w not in PRONOUNS}
