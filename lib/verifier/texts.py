"""Texts: whether a sentence says what the label says."""

import re

from lib.verifier.conclusion import sentences
from lib.verifier.embedding import in_context
from lib.verifier.meaning import likelihood, sentence_of
from lib.verifier.rules import LIKELIHOOD, tolerance_of
from lib.verifier.words import words_in

# "not a but b", "b, not a", "b rather than a"
CONTRAST = re.compile(
    r"\bnot [^.;]{1,60}?,? but (?:rather |instead )?"
    r"|,? (?:(?<=, )not|rather than|instead of|as opposed to|unlike) [^.;,]{1,60}(?=[.;,]|$)",
    re.I,
)
# Of a sentence as many as this of an answer are looked at
SENTENCES = 8


def text_near(statement, label, question, embed):
    """(holds, score, why): the answer, or a sentence of it, says what the label says. The score is the
    likelihood of it.
    """
    goal = label["value"]
    if words_in(statement.lower()) == words_in(goal.lower()) != []:
        return True, 1.0, "said word for word"
    parts = [statement, *sentences(statement)]
    # "not the bouquet but her shoe" says her shoe
    parts += [left for part in parts if CONTRAST.search(part) and words_in(left := CONTRAST.sub("", part))]
    parts = list(dict.fromkeys(parts))[:SENTENCES]
    target, *vectors = embed([in_context(text, question) for text in (goal, *parts)], adapted=True)
    cosines = [float(vector @ target) for vector in vectors]
    found = [
        (*likelihood(cosine, sentence_of(part), sentence_of(goal), embed), cosine)
        for cosine, part in zip(cosines, parts)
    ]
    score, reason, cosine = max(found, key=lambda each: each[0])
    why = f"likelihood {score:.2f} (cosine {cosine:.2f})" + (reason and f", {reason}")
    return score >= tolerance_of(label, LIKELIHOOD), score, why
