"""Texts: whether a sentence says what the label says, by embedding, and by what its words say against it."""

from math import exp
from typing import NamedTuple

from lib.verifier.conclusion import sentences
from lib.verifier.embedding import in_context
from lib.verifier.meaning import against, exchanged, paired, sentence_of
from lib.verifier.rules import LIKELIHOOD, tolerance_of
from lib.verifier.words import stem, words_in

# Of a sentence as many as this of an answer are looked at
SENTENCES = 8


class Signs(NamedTuple):
    """By what a sentence is known to say what a label says, or not to."""

    cosine: float  # of sentence and label, both behind their question
    covered: float  # the share of the label's words that it says, or ones like them
    against: float  # the square of that where it denies, hedges, says an opposite, exchanges roles; else 0


# What the signs weigh in the logit, and its shift: of the encoder with its adapter, and of another one, which
# hardly sees what differs in a word. Fitted by lib/audit/adapter.py, but for what counts against the former
ADAPTED = Signs(12.05, 0.0, -7.0), -7.97
PLAIN = Signs(6.4, 3.1, -4.4), -7.0


def text_near(statement, label, question, embed):
    """(holds, score, why): the answer, or a sentence of it, says what the label says. The score is the
    likelihood of it, 0.6 where it just holds.
    """
    goal = label["value"]
    if words_in(statement.lower()) == words_in(goal.lower()) != []:
        return True, 1.0, "said word for word"
    weights, shift = ADAPTED if getattr(embed, "adapts", True) else PLAIN
    found = signs_of(statement, goal, question, embed)
    logits = [sum(w * sign for w, sign in zip(weights, signs)) + shift for signs, _ in found]
    best = logits.index(max(logits))
    score = 1 / (1 + exp(-logits[best]) * (1 / LIKELIHOOD - 1))
    signs, reason = found[best]
    why = f"likelihood {score:.2f} (cosine {signs.cosine:.2f})" + (reason and f", {reason}")
    return score >= tolerance_of(label, LIKELIHOOD), score, why


def signs_of(statement, goal, question, embed):
    """[(Signs, reason)] of an answer and of each of its sentences; the reason is what it says against the
    label.
    """
    parts = list(dict.fromkeys([statement, *sentences(statement)]))[:SENTENCES]
    target, *vectors = embed([in_context(text, question) for text in (goal, *parts)], adapted=True)
    goal, statements = sentence_of(goal), [sentence_of(part) for part in parts]
    words = list(dict.fromkeys(w for sentence in (goal, *statements) for w in sentence.words))
    single, known = dict(zip(words, embed(words))), frozenset(map(stem, words_in(question.lower())))

    def near(x, y):
        return float(single[x] @ single[y])

    found = []
    for each, vector in zip(statements, vectors):
        match = paired(each, goal, known, near)
        turned = "the roles are exchanged" if exchanged(each, goal, match) else ""
        reason = against(each, goal) or turned
        signs = Signs(float(vector @ target), match.covered, match.covered**2 if reason else 0.0)
        found.append((signs, reason))
    return found
