"""Sequences: the steps that a text names, in the order of time, by words or by meaning."""

import re
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from lib.verifier.classes import member
from lib.verifier.denials import words_of
from lib.verifier.embedding import in_context
from lib.verifier.meaning import Sentence, likelihood, other_thing, sentence_of
from lib.verifier.mentions import mentions, steps, without_repetitions
from lib.verifier.order import clauses
from lib.verifier.spelled import digits
from lib.verifier.vocabulary import index, vocabulary_of
from lib.verifier.words import Found, base, content, stem, words_in

# From this likelihood on a clause is a step
LIKE = 0.4
# "dry the dog", "take out the old battery": what is acted upon, up to a preposition
THING = re.compile(
    r"[a-z]+ (?:(?:up|down|on|off|out|in|away|over) )?"
    r"((?:(?!(?:in|into|on|onto|to|from|with|at|over|for|back|up|down|off|out|away)\b)[a-z-]+(?: |$)){1,4})"
)
ARTICLES = frozenset(("the", "a", "an"))
PRONOUN = re.compile(r"\b(?:it|them|they(?='re| are| were)|(?:an? |the )?(?:[a-z]+ )?ones)\b")


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
    if named != goal:
        named = restated(low, named, names)
    found = Found(named) if named else Found(None, "no step named", True)
    if set(named) >= set(goal) or query.embed is None:
        return found
    return aligned(low, goal, names, query.embed) or found


def restated(text, named, names):
    """Of three steps or more that are all said again behind a sentence or ":", the last: "First a, c, b. No:
    a, b, c".
    """
    if not 3 <= len({*named}) < len(named):
        return named
    for end in reversed([*re.finditer(r"(?<!\d)[.:!?](?=\s)", text)]):
        again = steps(text[end.end() :], names) or []
        if {*again} == {*named}:
            return again
    return named


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
    # a step's own name before what is only like it
    rows, steps = linear_sum_assignment(-own - 0.2 * (own == 1))
    taken = {int(step): int(row) for row, step in zip(rows, steps) if own[row, step] >= LIKE}
    if not taken:
        return None
    taken |= {-1 - int(row): int(row) for row in np.flatnonzero(says_other)}
    order = sorted(taken, key=taken.get)
    sequence = [goal[n] if n >= 0 else names[others[int(np.argmax(likes[-1 - n, others]))]] for n in order]
    return Found(without_repetitions(sequence))


class Step(NamedTuple):
    """A step made ready to compare."""

    name: str
    sentence: Sentence
    things: frozenset  # the stems of its things: of "dry the dog" the dog, of "the dog barks" all
    others: frozenset  # those of other steps' things that are none of its words


def steps_of(names):
    """The Steps of a vocabulary."""
    sentences = [sentence_of(name) for name in names]
    every = [frozenset(sentence.stems) for sentence in sentences]
    verbs = [name.lower().split()[0] not in ARTICLES for name in names]
    things = [frozenset(sentence.stems[verb:]) or own for sentence, own, verb in zip(sentences, every, verbs)]
    made = []
    for j, own in enumerate(every):
        others = frozenset().union(*things[:j], *things[j + 1 :]) - own
        made.append(Step(names[j], sentences[j], things[j], others))
    return made


def likenesses(parts, names, embed):
    """How surely each clause is each step, by name, else by what its words say: (clauses, steps)."""
    said = [[with_thing(parts, i, name) for name in names] for i in range(len(parts))]
    texts = list(dict.fromkeys([*names, *(text for row in said for text in row)]))
    vectors = dict(zip(texts, embed([in_context(text, "") for text in texts], adapted=True)))
    sentence = {text: sentence_of(text) for row in said for text in row}
    likes, known = np.zeros((len(parts), len(names))), steps_of(names)
    for i, j in np.ndindex(likes.shape):
        text, step = said[i][j], known[j]
        cosine = float(vectors[text] @ vectors[step.name])
        likes[i, j] = likeness(text, sentence[text], step, cosine, embed)
    return likes


def likeness(text, sentence, step, cosine, embed):
    """How surely a clause is a Step, from 0 to 1."""
    figured = step.name[0].isdigit()
    named = member(text, (step.name,))
    # "2.5 somersaults pike" is said by its words alone
    if not named.missing or figured:
        return float(bool(named.value))
    like, reason = likelihood(cosine, sentence, step.sentence, embed)
    # "the cat barks", where the dog barks and a cat runs away
    mistaken = step.others & sentence.every and step.things - sentence.every
    return 0.0 if reason or mistaken or other_thing(sentence, step.sentence, embed) else like


def with_thing(parts, i, name):
    """A clause with the thing of a step in place of its "it", where the clause before says that thing: "dries
    it with a towel" as "dries the dog with a towel", and before a participle alone: "hung on a line".
    """
    thing, words = THING.match(name), words_in(parts[i])
    bare = bool(words) and base(words[0]) != words[0] and not words[0].endswith(("s", "ing"))
    if thing and (bare or PRONOUN.search(parts[i])):
        needed = {*content(words_in(thing[1]))} - {*map(stem, words)}
        for part in reversed(parts[:i]):
            words = words_in(part)
            if needed <= {*map(stem, words)}:
                said = PRONOUN.sub(thing[1].strip(), parts[i], count=1)
                return f"{thing[1]} {said}" if bare and said == parts[i] else said
            # a clause that says something else in between: "rinses the knife and dries it"
            if len(words) > 2 and not PRONOUN.search(part):
                break
    return parts[i]


def share_in_order(sequence, goal):
    """The share of the wanted steps that are said in their order, 0 to 1 (longest common subsequence)."""
    best = [0] * (len(goal) + 1)
    for step in sequence:
        row = [0]
        for j, other in enumerate(goal):
            row.append(best[j] + 1 if step == other else max(row[j], best[j + 1]))
        best = row
    return best[-1] / max(len(goal), len(sequence), 1)
