"""Sequences: the steps that a text names, in the order of time, by words or by meaning."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from lib.verifier.conclusion import core
from lib.verifier.denials import words_of
from lib.verifier.meaning import against, other_word, paired, sentence_of
from lib.verifier.members import member
from lib.verifier.mentions import mentions
from lib.verifier.order import clauses, in_time, plainer
from lib.verifier.spelled import digits
from lib.verifier.vocabulary import index, vocabulary_of
from lib.verifier.words import BEING, Found, content, stem, words_in

# A clause is a step from here on; the order given may be this much less likely than the likeliest one;
# and from SURE on a clause is the step whatever word it has for another
LIKE, SLACK, SURE = 0.4, 0.1, 0.85


def read_sequence(text, marked, asked):
    """Sequence: the members of the vocabulary (or the label's own steps) in the order of time; steps not
    named word for word by embedding.
    """
    label, wanted = asked.label, asked.label["value"]
    low = digits((core(text) if marked else text).lower())
    names = vocabulary_of(label, asked.vocabulary)
    named = steps(low, names)
    if named is None:
        return Found(None, "hedges")
    found = Found(named) if named else Found(None, "no step named", True)
    if set(named) >= set(wanted) or asked.embed is None:
        return found
    return aligned(low, wanted, names, asked.embed) or found


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


def mentions_of_steps(text, label, vocabulary):
    """The (start, end) of every place where a lower-case text names a step of a label."""
    return mentions_in(text, vocabulary_of(label, vocabulary))


def mentions_in(text, names):
    """The (start, end) of every place where a lower-case text says one of the names, in order."""
    spans, at = [], 0
    tokens = words_of(text)
    places = []
    for token in tokens:
        at = max(text.find(token, at), at)
        places.append((at, at + len(token)))
        at += len(token)
    for m in mentions(tokens, index(names)):
        spans.append((places[m.first][0], places[m.last][1]))
    return sorted(spans)


def without_repetitions(names):
    """Names with immediate repetitions once."""
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def with_things(tokens, names):
    """Tokens with the thing that several steps are about in place of "it", and after verbs that share it:
    "washes, dries and irons the shirt".
    """
    if len(names) < 2:
        return tokens
    # of a name in other letters than a to z no words are known
    verbs = {verb for name in names if len(name.split()) > 1 for verb in content(words_in(name.lower()))[:1]}
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


# ---------------------------------------------------------------- in other words


def aligned(text, wanted, names, embed):
    """Steps in other words: of each wanted step the clause that is likest to it, no clause for two; None
    where no clause is like any.
    """
    parts = [piece for part in clauses(text) for piece in by_mention(part, names)]
    if not parts:
        return None
    likes = likenesses(parts, names, embed)
    columns = [names.index(step) for step in wanted]
    own = likes[:, columns]
    rows, steps = linear_sum_assignment(-own)
    taken = {int(step): int(row) for row, step in zip(rows, steps) if own[row, step] >= LIKE}
    if not taken:
        return None
    # a clause that names another known step
    others = [n for n in range(len(names)) if n not in columns]
    for row in range(len(parts)):
        if others and likes[row, others].max() == 1 > own[row].max() and row not in taken.values():
            taken[-1 - row] = row
    if len(taken) == len(wanted) and min(taken) >= 0:
        best = sum(own[row, step] for step, row in taken.items())
        if in_order_total(own) >= best - SLACK:
            return Found(list(wanted))
    order = sorted(taken, key=taken.get)
    told = [wanted[n] if n >= 0 else names[others[int(np.argmax(likes[-1 - n, others]))]] for n in order]
    return Found(without_repetitions(told))


def by_mention(part, names):
    """A clause cut before the second step and the later ones that it names: "an inward dive with 2.5
    somersaults".
    """
    spans = mentions_in(part, names)
    cuts = [0, *(b[0] for a, b in zip(spans, spans[1:]) if b[0] >= a[1]), len(part)]
    return [part[a:b] for a, b in zip(cuts, cuts[1:]) if part[a:b].strip()]


def likenesses(parts, names, embed):
    """How surely each clause is each step, by name, by its words, by cosine: (clauses, steps)."""
    said, wanted = [sentence_of(part) for part in parts], [sentence_of(name) for name in names]
    words = list(dict.fromkeys(w.text for sentence in (*said, *wanted) for w in sentence.words))
    vectors = embed([*parts, *names, *words])
    single = dict(zip(words, vectors[len(parts) + len(names) :]))
    cosines = vectors[: len(parts)] @ vectors[len(parts) : len(parts) + len(names)].T
    likes, every = np.zeros(cosines.shape), frozenset().union(*(sentence.every for sentence in said))

    def near(x, y):
        return float(single[x] @ single[y])

    for i, part in enumerate(parts):
        for j, name in enumerate(names):
            named = member(part, (name,))
            if not named.missing:
                likes[i, j] = 1.0 if named.value else 0.0
                continue
            # "it" is something that is named elsewhere
            known = every if {"it", "them", "one"} & set(words_in(part)) else ()
            match = paired(said[i], wanted[j], known, near)
            # another verb may say the same step; "2.5 somersaults pike" is said by its words alone
            if name[0].isdigit() or against(said[i], wanted[j]):
                continue
            if cosines[i, j] >= SURE or not other_word(said[i], wanted[j], match, near, verbs=False):
                likes[i, j] = max(float(cosines[i, j]), 0.98 * (match.covered == 1))
    return likes


def in_order_total(likes):
    """The largest total likeness of an assignment of all steps to clauses in the steps' own order."""
    best = np.zeros(len(likes) + 1)
    for j in range(likes.shape[1]):
        reached = np.full(len(likes) + 1, -np.inf)
        for i in range(j + 1, len(likes) + 1):
            own = best[i - 1] + likes[i - 1, j] if likes[i - 1, j] >= LIKE else -np.inf
            reached[i] = max(reached[i - 1], own)
        best = reached
    return best[-1]


def share_in_order(said, wanted):
    """The share of the wanted steps that are said in their order, 0 to 1 (longest common subsequence)."""
    best = [0] * (len(wanted) + 1)
    for step in said:
        row = [0]
        for j, other in enumerate(wanted):
            row.append(best[j] + 1 if step == other else max(row[j], best[j + 1]))
        best = row
    return best[-1] / max(len(wanted), len(said), 1)
