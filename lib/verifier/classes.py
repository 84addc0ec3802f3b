"""Classes: the member of a vocabulary that a text names, or else is clearly nearest to in meaning."""

import re

import numpy as np

from lib.verifier.conclusion import core, sentences
from lib.verifier.denials import words_of
from lib.verifier.families import FAMILIES
from lib.verifier.members import member
from lib.verifier.numbers import HEDGED
from lib.verifier.vocabulary import index
from lib.verifier.words import ANTONYMS, IDLE, LIGHT, OPPOSITES, OPTIONAL, PRONOUNS, Found, stem, words_in

# Cosine of a synonym, its lead over the rest of the vocabulary, what is needed where there is no rest, of
# words exchanged beside a shared one, and of a phrase that says less than the name
SYNONYM, MARGIN, ALONE, EXCHANGED, WHOLE = 0.58, 0.12, 0.75, 0.5, 0.8
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
    names, aliases = closed(asked.label, asked.vocabulary)
    if OPEN.search(text):
        return Found(None, "hedges")
    found = member(core(text) if marked else text, names, aliases)
    if found.why.startswith("several"):
        concluded = member(SO.split(text.lower())[-1], names, aliases)
        if concluded.value:
            return concluded
    if not found.missing or asked.embed is None or not marked and len(sentences(text)) > 1:
        return found
    return nearest(text, names, asked.embed) or found


def closed(label, vocabulary):
    """The vocabulary of a class label (its options, else every value of its name, with its own) and the
    aliases of its value.
    """
    names = tuple(label.get("options") or vocabulary or ())
    if label["value"] not in names:
        names = (*names, label["value"])
    return names, tuple((alias, label["value"]) for alias in label.get("aliases", ()))


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
    r"|game|exercise|action|food|meal|drink|beverage|fruit|vegetable|plant|garment|toy|machine|utensil"
    r"|appliance|person|place|room))[ .!]*$",
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
    if not phrase or len(tokens) > 25 or {"not", "no", "or"} & set(tokens) or HEDGED.search(phrase):
        return None
    stems = {stem(t) for t in tokens}
    similar = similarities(phrase, stems, names, embed)
    best = int(np.argmax(similar))
    if says_otherwise(stems, names[best], similar[best], index(names).frequency):
        return None
    rest = float(np.partition(similar, -2)[-2]) if len(names) > 1 else ALONE - MARGIN
    return Found(names[best]) if similar[best] >= SYNONYM and similar[best] - rest >= MARGIN else None


def similarities(phrase, stems, names, embed):
    """Cosines of a phrase and each name, (n,), lowered where a word of one excludes a word of the other."""
    exchanged = {i: pair for i, name in enumerate(names) if (pair := exchange(phrase, name))}
    vectors = embed([phrase, *names, *(words for pair in exchanged.values() for words in pair)])
    similar = vectors[1 : len(names) + 1] @ vectors[0]
    for i, name in enumerate(names):
        own = {stem(w) for w in words_in(name.lower())}
        # "switching on the light" is not "turning off light", however near
        if any(OPPOSITES.get(s, set()) & (stems - own) for s in own - stems):
            similar[i] = -1.0
    for i, at in zip(exchanged, range(len(names) + 1, len(vectors), 2)):
        # "stacking wood" is not "chopping wood"
        if vectors[at] @ vectors[at + 1] < EXCHANGED:
            similar[i] = min(similar[i], SYNONYM - 0.01)
    return similar


def says_otherwise(stems, name, cosine, known):
    """Whether a phrase of these stems says less than a name, or another thing; `known`: the vocabulary's
    stems.
    """
    own = {stem(w) for w in words_in(name.lower())}
    unsaid, added = own - stems - OPTIONAL - LIGHT, stems - own - OPTIONAL
    # "walking" says less than "walking the dog", "mopping" hardly less than "mopping floor"
    if not added and unsaid and (unsaid & ANTONYMS.keys() or cosine < WHOLE):
        return True
    # It says a word of another member ("eating pizza", "making pizza"), or what one does with a thing
    # besides ("holding a guitar")
    mates = {n for s in unsaid for n in FAMILIES.get((s,), ())}
    return any(
        s in IDLE or s in known and not FAMILIES.get((s,), frozenset()) & mates or s == "els" for s in added
    )


def exchange(said, name):
    """Where two phrases share a word: the other words of each, which must then mean the same; None where
    they share none or a verb says nothing.
    """
    a, b = (
        {stem(w): w for w in words_in(text.lower()) if w not in OPTIONAL and w not in PRONOUNS}
        for text in (said, name)
    )
    if (
        not a.keys() & b.keys()
        or not a.keys() - b.keys()
        or not b.keys() - a.keys()
        or (a.keys() ^ b.keys()) & LIGHT
    ):
        return None
    return " ".join(w for s, w in a.items() if s not in b), " ".join(w for s, w in b.items() if s not in a)
