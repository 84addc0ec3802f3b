"""Classes: the member of a vocabulary that a text names, or else is clearly nearest to in meaning."""

import re

import numpy as np

from lib.verifier.conclusion import core, sentences
from lib.verifier.denials import words_of
from lib.verifier.members import member
from lib.verifier.numbers import HEDGED
from lib.verifier.vocabulary import index, vocabulary_of
from lib.verifier.words import ANTONYMS, IDLE, LIGHT, OPTIONAL, Found, opposed, stem, words_in

# Cosine of a synonym, its lead over the rest of the vocabulary, what is needed where there is no rest, and of
# a phrase that says less than the name
SYNONYM, MARGIN, ALONE, WHOLE = 0.3, 0.05, 0.75, 0.8
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
    vectors = embed([phrase, *names])
    similar = vectors[1:] @ vectors[0]
    for i, name in enumerate(names):
        own = {stem(w) for w in words_in(name.lower())}
        # "switching on the light" is not "turning off light", however near
        if any(opposed(a, b) for a in own - stems for b in stems - own):
            similar[i] = -1.0
    best = int(np.argmax(similar))
    if not described and says_otherwise(stems, names[best], similar[best], index(names).frequency):
        return None
    rest = float(np.partition(similar, -2)[-2]) if len(names) > 1 else ALONE - MARGIN
    return Found(names[best]) if similar[best] >= SYNONYM and similar[best] - rest >= MARGIN else None


def says_otherwise(stems, name, cosine, known):
    """Whether a phrase of these stems says less than a name, or another thing; `known`: the vocabulary's
    stems.
    """
    own = {stem(w) for w in words_in(name.lower())}
    optional = {stem(w) for w in OPTIONAL}
    unsaid, added = own - stems - optional - LIGHT, stems - own - optional
    # "walking" says less than "walking the dog", "mopping" hardly less than "mopping floor"
    if not added and unsaid and (unsaid & ANTONYMS.keys() or cosine < WHOLE):
        return True
    # It says a word of another member ("eating pizza", "making pizza"), or what one does with a thing
    # besides ("holding a guitar")
    return any(s in IDLE or s in known or s == "els" for s in added)
