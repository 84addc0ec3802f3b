"""Texts: whether a sentence says what the label says, by its words and by embedding."""

import numpy as np

from lib.verifier.conclusion import sentences
from lib.verifier.meaning import against, exchanged, other_word, paired, sentence_of
from lib.verifier.members import member
from lib.verifier.rules import COSINE, tolerance_of
from lib.verifier.words import BEING, content, stem, words_in

# Cosine of two sentences that are surely one; both behind the question, less SHARED times the words they
# share; the share of words that is most of them, with the cosine that then is enough
SURE, AGREEMENT, SHARED, COVERED, ROUGHLY = 0.9, 0.93, 0.12, 0.8, 0.45


def text_near(said, label, question, embed):
    """(holds, score, why): the answer, or a sentence of it, says what the label says, and nothing against it.

    It does where it says most of the label's words, or ones like them, at a cosine of ROUGHLY; else at a
    cosine of 0.6 of both sentences, or of what each adds to the question ((question + sentence) - question),
    if (question + sentence) is the nearer the fewer words both share, because an embedding hardly sees one
    word exchanged.
    """
    wanted, asked = label["value"], question.strip() or "What happens in the video?"
    parts = list(dict.fromkeys([said, *sentences(said)]))[:8]
    if any(within(part, wanted) for part in parts):
        return True, 1.0, "said word for word"
    goal, told = sentence_of(wanted), [sentence_of(part) for part in parts]
    words = list(dict.fromkeys(w.text for sentence in (goal, *told) for w in sentence.words))
    whole = [asked, wanted, f"{asked} {wanted}", *parts, *(f"{asked} {part}" for part in parts)]
    vectors = embed([*whole, *words])
    single = dict(zip(words, vectors[len(whole) :]))
    known = frozenset(map(stem, words_in(asked.lower())))
    reasons, best = [], 0.0
    for n, sentence in enumerate(told):
        cosines = cosines_of(vectors, n, len(parts))
        reason, score = compared(sentence, goal, known, cosines, single)
        reasons.append(reason)
        best = max(best, score)
    why = f"cosine {best:.2f}" if best or not any(reasons) else next(filter(None, reasons))
    return best >= tolerance_of(label, COSINE), min(best, 1.0), why


def cosines_of(vectors, n, count):
    """Of the n-th of `count` sentences and the label: the cosine, that behind the question, and that of what
    both add to the question.
    """
    alone, context = vectors[3 + n], vectors[3 + count + n]
    added = unit(context - vectors[0]) @ unit(vectors[2] - vectors[0])
    return float(alone @ vectors[1]), float(context @ vectors[2]), float(added)


def compared(said, wanted, known, cosines, single):
    """(what one Sentence says against the wanted one, or an empty string; how surely it says it, 0 to 1)."""

    def near(x, y):
        return float(single[x] @ single[y])

    cosine, joint, added = cosines
    match = paired(said, wanted, known, near)
    reason = against(said, wanted) or (exchanged(said, wanted, match) and "the roles are exchanged")
    if reason := reason or (cosine < SURE and other_word(said, wanted, match, near)):
        return reason, 0.0
    agree = cosine >= SURE or joint >= AGREEMENT - SHARED * len(match.pairs) / max(len(wanted.words), 1)
    score = max(cosine, added) if agree and match.covered >= 0.3 else min(cosine, COSINE - 0.01)
    return "", max(score, COSINE if match.covered >= COVERED and cosine >= ROUGHLY else 0.0)


def unit(vector):
    """A vector at length 1."""
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def within(said, wanted):
    """Whether a short label (a name, an object) is said word for word, with no other beside it."""
    return (
        len(content(words_in(wanted.lower()))) <= 3
        and not BEING & set(words_in(wanted.lower()))
        and member(said, (wanted,)).value is not None
        and not {"or", "and", "but"} & set(words_in(said.lower()))
    )
