"""Texts: whether a sentence says what the label says, by its words and by embedding."""

import re

import numpy as np

from lib.verifier.conclusion import sentences
from lib.verifier.contradictions import contradicts
from lib.verifier.members import member
from lib.verifier.pairing import Similarity, compared, paired
from lib.verifier.rules import COSINE
from lib.verifier.words import BEING, content, words_in

# Cosine of sentences that are surely one, and of both behind the question, less SHARED times the words they
# share; the share of words that is most of them, with the cosine that then is enough; and the cosine beside
# which another verb is no evidence
SURE, AGREEMENT, SHARED, COVERED, ROUGHLY, NEAR = 0.92, 0.93, 0.12, 0.8, 0.45, 0.95


def text_holds(said, label, question, embed):
    """Text: the answer says what the label says, and by no word the contrary or another thing in a word's
    place: (holds, why).

    It does where it says most of the label's words, or ones like them, at a cosine of ROUGHLY; else at a
    cosine of 0.6 of both sentences, or of what each adds to the question ((question + sentence) - question),
    if (question + sentence) is the nearer the fewer words both share, because an embedding hardly sees one
    word exchanged. Tuned on development sentences.
    """
    wanted, asked = label["value"], question.strip() or "What happens in the video?"
    parts = list(dict.fromkeys([said, *sentences(said)]))[:8]
    sides = (side for part in parts for side in compared(part, wanted))
    words = list(dict.fromkeys(w.text for side in sides for w in side))
    vectors = embed([asked, wanted, f"{asked} {wanted}", *parts, *(f"{asked} {s}" for s in parts), *words])
    alone, contexts = vectors[3 : 3 + len(parts)], vectors[3 + len(parts) :]
    similarity = Similarity(words, vectors[3 + 2 * len(parts) :])
    best, against = 0.0, []
    for part, vector, context in zip(parts, alone, contexts):
        cosine = float(vector @ vectors[1])
        near = cosine >= NEAR
        pairs = paired(part, wanted, similarity, question, near)
        against.append(contradicts(part, wanted, near) or pairs.exchanged)
        if against[-1]:
            continue
        added = float(unit(context - vectors[0]) @ unit(vectors[2] - vectors[0]))
        joint = float(context @ vectors[2])
        best = max(best, closeness(part, wanted, pairs.covered, cosine, added, joint))
    why = f"cosine {best:.2f}" if best or not any(against) else against[-1]
    return best >= label.get("tolerance", COSINE), why


def closeness(said, wanted, covered, cosine, added, joint):
    """How surely a sentence that contradicts nothing says the wanted one, on the scale of cosines."""
    if within(said, wanted):
        return 1.0
    agree = cosine >= SURE or joint >= AGREEMENT - SHARED * overlap(said, wanted)
    whole = max(cosine, added) if agree and covered >= 0.5 else min(cosine, COSINE - 0.01)
    return max(whole, cosine, COSINE) if covered >= COVERED and cosine >= ROUGHLY else whole


def unit(vector):
    """A vector at length 1."""
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def overlap(said, wanted):
    """Dice coefficient of the content words of two sentences."""
    a, b = (set(content(words_in(text.lower()))) for text in (said, wanted))
    return 2 * len(a & b) / max(1, len(a) + len(b))


def within(said, wanted):
    """Whether a short label (a name, an object) is said word for word, with no other beside it."""
    return (
        len(content(words_in(wanted.lower()))) <= 3
        and not BEING & set(words_in(wanted.lower()))
        and member(said, (wanted,)).value is not None
        and not re.search(r"\b(?:or|and)\b", said)
    )
