"""Texts: whether a sentence says what the label says, by its words and by embedding."""

from typing import NamedTuple

import numpy as np

from lib.verifier.conclusion import sentences
from lib.verifier.meaning import against, exchanged, other_word, paired, sentence_of
from lib.verifier.rules import LIKELIHOOD, tolerance_of
from lib.verifier.words import stem, synonyms, words_in

# Of a sentence as many as this of an answer are looked at
SENTENCES = 8


class Signs(NamedTuple):
    """By what a sentence is known to say what a label says, or not to."""

    joint: float  # cosine of (question + sentence) and (question + label)
    added: float  # cosine of what sentence and label add to the question
    covered: float  # the share of the label's words that it says, or ones like them
    against: bool  # a denial, "or", an opposite, another number
    other_word: bool  # a word in the place of one of the label
    exchanged: bool  # who does what to whom


# What each sign weighs, fitted by logistic regression: python -m lib.audit.weights tests/audit/written.jsonl
WEIGHTS, BIAS = Signs(3.3, 3.1, 1.9, -3.6, -1.2, -3.1), -5.4


def text_near(statement, label, question, embed):
    """(holds, score, why): the answer, or a sentence of it, says what the label says, and nothing against it.

    An embedding hardly sees one word exchanged, a "not", or who does what to whom; so its cosines are weighed
    with what the words of both say. The score is the likelihood of it, 0.6 where it just holds.
    """
    goal = label["value"]
    if words_in(statement.lower()) == words_in(goal.lower()) != []:
        return True, 1.0, "said word for word"
    sentence_signs = signs_of(statement, goal, question, embed)
    score, signs = max((float(likelihood(signs)), signs) for signs, _ in sentence_signs)
    reason = next((reason for other, reason in sentence_signs if other == signs), "")
    why = f"likelihood {score:.2f} (cosines {signs.joint:.2f}, {signs.added:.2f})" + (
        reason and f", {reason}"
    )
    return score >= tolerance_of(label, LIKELIHOOD), score, why


def likelihood(signs):
    """How likely it is that a sentence of these signs says what the label says, 0.6 where it just holds."""
    return 1 / (1 + np.exp(-(np.dot(WEIGHTS, signs) + BIAS)) * (1 / LIKELIHOOD - 1))


def signs_of(statement, goal_text, question, embed):
    """[(Signs, reason)] of an answer and of each of its sentences; the reason is what it says against the
    label.
    """
    context = question.strip() or "What happens in the video?"
    parts = list(dict.fromkeys([statement, *sentences(statement)]))[:SENTENCES]
    goal, statements = sentence_of(goal_text), [sentence_of(part) for part in parts]
    words = list(dict.fromkeys(w for sentence in (goal, *statements) for w in sentence.words))
    whole = [context, f"{context} {goal_text}", *(f"{context} {part}" for part in parts)]
    vectors = embed([*whole, *words])
    single, known = dict(zip(words, vectors[len(whole) :])), frozenset(map(stem, words_in(context.lower())))

    def near(x, y):
        return 1.0 if synonyms(x, y) else float(single[x] @ single[y])

    found = []
    for sentence, vector in zip(statements, vectors[2:]):
        match = paired(sentence, goal, known, near)
        reasons = (
            against(sentence, goal),
            other_word(sentence, goal, match, near),
            "the roles are exchanged" if exchanged(sentence, goal, match) else "",
        )
        added = unit(vector - vectors[0]) @ unit(vectors[1] - vectors[0])
        signs = Signs(float(vector @ vectors[1]), float(added), match.covered, *map(bool, reasons))
        found.append((signs, next(filter(None, reasons), "")))
    return found


def unit(vector):
    """A vector at length 1."""
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
