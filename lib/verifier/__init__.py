"""The verifier: does an answer assert its labels? Every stage asks it through this door.

An answer is judged by what it finally says, never by what it merely contains. A thought is taken off
(thoughts.py), JSON and tables become lines (layout.py), the text that decides is found (conclusion.py) and
shared out among several labels (several.py); a parser for the label's kind reads a value from it (parse.py
and a file for each kind), and a rule holds the value against the label (rules.py, texts.py); verdicts.py
makes the result. Answers that say nothing, and rationalizations that show they were told the answer, are not
looked at (rejections.py).

No exception for any string. A sentence embedder (embedding.py) is loaded where words do not decide: for
sentences, steps and synonyms.
"""

from lib.thoughts import split_thought
from lib.verifier.conclusion import MARKER, final
from lib.verifier.embedding import Embedder
from lib.verifier.judged import judge_prompts, with_judgements
from lib.verifier.layout import clean, cut
from lib.verifier.numbers import find_numbers
from lib.verifier.rules import iou, tolerance_of
from lib.verifier.several import parts_of
from lib.verifier.verdicts import verify, verify_all, vocabularies
from lib.verifier.words import content, stem, words_in

__all__ = [
    "MARKER",
    "Embedder",
    "clean",
    "content",
    "cut",
    "final",
    "find_numbers",
    "iou",
    "judge_prompts",
    "parts_of",
    "split_thought",
    "stem",
    "tolerance_of",
    "verify",
    "verify_all",
    "vocabularies",
    "with_judgements",
    "words_in",
]
