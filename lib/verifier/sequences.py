"""Sequences: the steps that a text names, in the order of time, by words or by meaning."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from lib.verifier.classes import member
from lib.verifier.denials import words_of
from lib.verifier.meaning import against, exchanged, other_word, paired, sentence_of
from lib.verifier.mentions import mentions
from lib.verifier.order import clauses, in_time
from lib.verifier.spelled import digits
from lib.verifier.vocabulary import index, vocabulary_of
from lib.verifier.words import Found, words_in

# A clause is a step from here on; the order given may be this much less likely than the likeliest one;
# and from SURE on a clause is the step whatever word it has for another
LIKE, SLACK, SURE = 0.4, 0.1, 0.85


def read_sequence(text, query):
    """Sequence: the members of the vocabulary (or the label's own steps) in the order of time; steps not
    named word for word by embedding.
    """
    label, goal = query.label, query.label["value"]
    low = digits(text.lower())
    names = vocabulary_of(label, query.vocabulary)
    named = steps(low, names)
    if named is None:
        return Found(None, "hedges")
    found = Found(named) if named else Found(None, "no step named", True)
    if set(named) >= set(goal) or query.embed is None:
        return found
    return aligned(low, goal, names, query.embed) or found


def steps(text, names):
    """The members of a vocabulary that a lower-case text asserts, from earliest to latest, immediate
    repetitions once; None where it says "or".
    """
    tokens = words_of(text)
    found = [m for m in mentions(tokens, index(names)) if m.stance != "denied"]
    if any(m.stance == "hedged" for m in found) or found and "or" in tokens[found[0].first : found[-1].last]:
        return None
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    order = in_time(" ".join(tokens), [(starts[m.first], starts[m.last + 1] - 1) for m in found])
    return without_repetitions([found[i].name for i in order])


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


# ---------------------------------------------------------------- in other words


def aligned(text, goal, names, embed):
    """Steps in other words: of each wanted step the clause that is likest to it, no clause for two; None
    where no clause is like any.
    """
    parts = clauses(text)
    if not parts:
        return None
    likes = likenesses(parts, names, embed)
    columns = [names.index(step) for step in goal]
    own = likes[:, columns]
    # a clause that says another known step says none of these
    others = [n for n in range(len(names)) if n not in columns]
    says_other = (likes[:, others] == 1).any(axis=1) & (own < 1).all(axis=1)
    own[says_other] = 0
    rows, steps = linear_sum_assignment(-own)
    taken = {int(step): int(row) for row, step in zip(rows, steps) if own[row, step] >= LIKE}
    if not taken:
        return None
    taken |= {-1 - int(row): int(row) for row in np.flatnonzero(says_other)}
    if len(taken) == len(goal) and min(taken) >= 0:
        best = sum(own[row, step] for step, row in taken.items())
        if in_order_total(own) >= best - SLACK:
            return Found(list(goal))
    order = sorted(taken, key=taken.get)
    sequence = [goal[n] if n >= 0 else names[others[int(np.argmax(likes[-1 - n, others]))]] for n in order]
    return Found(without_repetitions(sequence))


def likenesses(parts, names, embed):
    """How surely each clause is each step, by name, by its words, by cosine: (clauses, steps)."""
    statements, goals = [sentence_of(part) for part in parts], [sentence_of(name) for name in names]
    words = list(dict.fromkeys(w for sentence in (*statements, *goals) for w in sentence.words))
    vectors = embed([*parts, *names, *words])
    single = dict(zip(words, vectors[len(parts) + len(names) :]))
    cosines = vectors[: len(parts)] @ vectors[len(parts) : len(parts) + len(names)].T
    every = frozenset().union(*(sentence.every for sentence in statements))
    others = frozenset().union(*(sentence.every for sentence in goals))

    def near(x, y):
        return float(single[x] @ single[y])

    likes = np.zeros(cosines.shape)
    for i, part in enumerate(parts):
        # "it", or no word at all, is something that is named elsewhere
        elliptic = len(statements[i].words) == 1 or {"it", "them", "item"} & set(words_in(part))
        for j, name in enumerate(names):
            named = member(part, (name,))
            # "2.5 somersaults pike" is said by its words alone
            if not named.missing or name[0].isdigit():
                likes[i, j] = float(bool(named.value))
            elif not against(statements[i], goals[j]):
                match = paired(statements[i], goals[j], every if elliptic else (), near)
                likes[i, j] = likeness(statements[i], goals[j], match, float(cosines[i, j]), near, others)
    return likes


def likeness(statement, goal, match, cosine, near, others):
    """How surely one clause is one step. Another verb may say the same step, another thing does not, least of
    all one of another step: "the cat barks" where the dog barks and a cat runs away. `others`: all stems of
    all steps.
    """
    first = 0 if goal.text.startswith(("the ", "a ", "an ")) else 1  # where its things begin
    if cosine < SURE and other_word(statement, goal, match, near, first=first):
        return 0.0
    other_things = {statement.stems[y] for x, y in match.pairs.items() if x >= first} - {*goal.stems}
    if other_things & others or exchanged(statement, goal, match):
        return 0.0
    same = all(statement.stems[y] == goal.stems[x] for x, y in match.pairs.items())
    # all of it is said or known, its verb at least is said
    return 0.98 if same and match.covered == 1 and 1 - first in match.pairs else cosine


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


def share_in_order(sequence, goal):
    """The share of the wanted steps that are said in their order, 0 to 1 (longest common subsequence)."""
    best = [0] * (len(goal) + 1)
    for step in sequence:
        row = [0]
        for j, other in enumerate(goal):
            row.append(best[j] + 1 if step == other else max(row[j], best[j + 1]))
        best = row
    return best[-1] / max(len(goal), len(sequence), 1)
