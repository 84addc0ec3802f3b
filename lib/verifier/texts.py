"""Texts: whether a sentence says what the label says, by embedding, and by what its words say against it."""

from math import exp

from lib.verifier.conclusion import sentences
from lib.verifier.embedding import in_context
from lib.verifier.meaning import against, exchanged, paired, sentence_of
from lib.verifier.rules import LIKELIHOOD, tolerance_of
from lib.verifier.words import stem, words_in

# Of a sentence as many as this of an answer are looked at
SENTENCES = 8
# From a cosine to the logit of its likelihood, as lib/audit/adapter.py learned them with the adapter
SLOPE, SHIFT = 12.05, -7.97
# What a denial, "or", an opposite, another number, or exchanged roles take from the logit of a sentence that
# says all words of the label; of one that says a part of them, the square of it
AGAINST = 7.0


def text_near(statement, label, question, embed):
    """(holds, score, why): the answer, or a sentence of it, says what the label says.

    The cosine is that of both behind their question, by an encoder that was taught what differs in a word
    (lib/verifier/adapter). The score is the likelihood, 0.6 where it just holds.
    """
    goal = label["value"]
    if words_in(statement.lower()) == words_in(goal.lower()) != []:
        return True, 1.0, "said word for word"
    parts = list(dict.fromkeys([statement, *sentences(statement)]))[:SENTENCES]
    target, *vectors = embed([in_context(text, question) for text in (goal, *parts)], adapted=True)
    cosines = [float(vector @ target) for vector in vectors]
    signs = signs_against(parts, goal, question, embed)
    logits = [SLOPE * cosine + SHIFT - cost for cosine, (cost, _) in zip(cosines, signs)]
    best = logits.index(max(logits))
    score = 1 / (1 + exp(-logits[best]) * (1 / LIKELIHOOD - 1))
    reason = signs[best][1]
    why = f"likelihood {score:.2f} (cosine {cosines[best]:.2f})" + (reason and f", {reason}")
    return score >= tolerance_of(label, LIKELIHOOD), score, why


def signs_against(parts, goal, question, embed):
    """[(what it takes from the logit, reason)] of what the words of each sentence say against the label."""
    goal, statements = sentence_of(goal), [sentence_of(part) for part in parts]
    words = list(dict.fromkeys(w for sentence in (goal, *statements) for w in sentence.words))
    vectors, known = dict(zip(words, embed(words))), frozenset(map(stem, words_in(question.lower())))

    def near(x, y):
        return float(vectors[x] @ vectors[y])

    found = []
    for each in statements:
        match = paired(each, goal, known, near)
        turned = "the roles are exchanged" if exchanged(each, goal, match) else ""
        reason = against(each, goal) or turned
        found.append((AGAINST * match.covered**2 if reason else 0.0, reason))
    return found
