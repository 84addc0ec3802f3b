"""Sequences: the steps that a text names, in the order of time, by words or by meaning."""

import re

import numpy as np

from lib.verifier.classes import ALONE
from lib.verifier.conclusion import core
from lib.verifier.contradictions import contradicts
from lib.verifier.denials import words_of
from lib.verifier.families import meaningful
from lib.verifier.likeness import alike, same_verbs
from lib.verifier.members import member
from lib.verifier.mentions import mentions
from lib.verifier.order import clauses, in_time, plainer
from lib.verifier.pairing import Similarity, compared, paired
from lib.verifier.rules import COSINE
from lib.verifier.vocabulary import index
from lib.verifier.words import BEING, Found, content, stem, words_in


def steps(text, names):
    """The members of a vocabulary that a lower-case text asserts, from earliest to latest, immediate
    repetitions once; None where it says "or".
    """
    tokens = with_things(words_of(plainer(text)), names)
    found = [m for m in mentions(tokens, index(names)) if m.stance != "denied"]
    if any(m.stance == "hedged" for m in found) or found and "or" in tokens[found[0].first : found[-1].last]:
        return None
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    order = in_time(" ".join(tokens), [(starts[m.first], starts[m.last + 1] - 1) for m in found])
    return without_repetitions([found[i].name for i in order])


def without_repetitions(names):
    """Names with immediate repetitions once."""
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def with_things(tokens, names):
    """Tokens with the thing that several steps are about in place of "it", and after verbs that share it:
    "washes, dries and irons the shirt".
    """
    if len(names) < 2:
        return tokens
    verbs = {content(words_in(name.lower()))[0] for name in names if len(name.split()) > 1}
    things = shared_things(names)
    known = [t for t in tokens if stem(t) in things]
    if not known:
        return tokens
    ahead = iter(known)
    coming = next(ahead)
    filled, latest = [], known[0]
    for i, token in enumerate(tokens):
        if stem(token) in things:
            latest, coming = token, next(ahead, token)
        pronoun = token in ("it", "them")
        if pronoun and tokens[i - 1] not in ("after", "before", "once", "when", "until"):
            filled.append(latest)
        else:
            filled.append(token)
        if (
            stem(token) in verbs
            and tokens[i + 1 : i + 2] in ([","], ["and"])
            and tokens[i - 1] not in BEING
            and not token.endswith("ed")
        ):
            filled.append(coming)
    return filled


def shared_things(names):
    """The stems that two or more steps name, but for their verbs."""
    things = [set(content(words_in(name.lower()))[1:]) for name in names]
    return {s for own in things for s in own if sum(s in other for other in things) > 1}


def read_sequence(text, marked, asked):
    """Sequence: the members of the vocabulary (or the label's own steps) in the order of time; free steps
    not named word for word by embedding.
    """
    label, wanted = asked.label, asked.label["value"]
    low = (core(text) if marked else text).lower()
    named = steps(low, tuple(dict.fromkeys([*(label.get("options") or asked.vocabulary or ()), *wanted])))
    if named is None:
        return Found(None, "hedges")
    found = Found(named) if named else Found(None, "no step named", True)
    if set(named) >= set(wanted) or "options" in label or asked.embed is None:
        return found
    return aligned(low, wanted, asked.embed) or found


FIGURES = re.compile(r"\d+(?:\.\d+)?")


def aligned(text, wanted, embed):
    """Steps in other words: each clause, in the order of time, is the step whose words it says, or else is
    nearest to if not contradicted.
    """
    parts = clauses(text)
    if not parts:
        return None
    # None of the things the steps are about is named
    things = shared_things(wanted)
    strict = bool(things) and not things & {stem(w) for w in words_in(text)}
    sides = (side for part in parts for step in wanted for side in compared(part, step))
    words = list(dict.fromkeys(w.text for side in sides for w in side))
    vectors = embed([*parts, *wanted, *words])
    similarity = Similarity(words, vectors[len(parts) + len(wanted) :])
    similar = vectors[: len(parts)] @ vectors[len(parts) : len(parts) + len(wanted)].T
    for i, part in enumerate(parts):
        for j, step in enumerate(wanted):
            cosine = float(similar[i, j])
            similar[i, j] = step_likeness(part, step, cosine, similarity, wanted, strict, text)
    order = [wanted[int(np.argmax(row))] for row in similar if row.max() >= COSINE]
    return Found(without_repetitions(order)) if order else None


def step_likeness(part, step, cosine, similarity, wanted, strict, text):
    """How surely a clause is a step, -1 where it is not: by name, by all its words, by its verb alone, else
    by cosine of the whole if no word is exchanged.
    """
    named = member(part, (step,))
    if named.value or not named.missing:
        return 1.0 if named.value else -1.0
    # "it" is something named elsewhere
    pairs = paired(part, step, similarity, text if {"it", "them", "they"} & set(words_in(part)) else "")
    if contradicts(part, step) or pairs.exchanged or FIGURES.findall(part) != FIGURES.findall(step):
        return -1.0
    if pairs.covered >= 1:
        return 0.98
    # "parks" for "park the car"
    if verb_alone(meaningful(part), meaningful(step.lower()), wanted):
        return 0.9
    if strict or pairs.unsaid and pairs.added:
        return min(cosine, ALONE) if not strict and cosine >= ALONE and same_verbs(part, step) else -1.0
    return cosine


def verb_alone(words, meant, wanted):
    """Whether the words of a clause are one verb, which begins this step (`meant`) and no other of them."""
    if len(words) != 1 or not words[0].verb or not meant:
        return False
    firsts = [w for step in wanted for w in meaningful(step.lower())[:1]]
    return bool(sum(bool(alike(words[0], w)) for w in firsts) == 1 and alike(words[0], meant[0]))
