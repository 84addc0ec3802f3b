"""What each word list and library of the verifier gains: how many answers of an audit file are judged
otherwise without it, rightly or wrongly.

    python -m lib.audit.gains tests/audit/scored.jsonl
"""

import importlib
import pkgutil

from lib import verifier
from lib.audit.audit import read_cases
from lib.command import checked_parser
from lib.process import run
from lib.verifier import Embedder, vocabularies, wordlists, words
from lib.verifier.vocabulary import index

MODULES = [importlib.import_module(f"lib.verifier.{m.name}") for m in pkgutil.iter_modules(verifier.__path__)]
# What is taken away, the name of what holds it, and what stands in its place
WITHOUT = {
    "SPELLINGS": ("SAME", {}),
    "OPPOSITE_WORDS": ("OPPOSITES", words.opposites_of(wordlists.PARTICLES)),
    "PARTICLES": ("ANTONYMS", {}),
    "HEDGE_WORDS": ("HEDGES", frozenset()),
    "UNREAL_WORDS": ("UNREAL", frozenset()),
    "base forms (lemminflect)": ("base", lambda word: word),
    "one slip of spelling (rapidfuzz)": ("slip", lambda a, b: False),
    "what counts against a text or step": ("against", lambda statement, goal: ""),
    "units": ("unit_behind", lambda text, end: None),
}


class Without:
    """A context in which every module has something else in the place of a name."""

    def __init__(self, name, other):
        self.name, self.other, self.kept = name, other, []

    def __enter__(self):
        self.kept = [(m, vars(m)[self.name]) for m in MODULES if self.name in vars(m)]
        for module, _ in self.kept:
            setattr(module, self.name, self.other)
        forget()

    def __exit__(self, *error):
        for module, own in self.kept:
            setattr(module, self.name, own)
        forget()


def forget():
    """Empty what is remembered of words and vocabularies."""
    for remembered in (words.stem, index):
        remembered.cache_clear()


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("path", help="an audit file, such as tests/audit/scored.jsonl")
    cases, embed = read_cases(parser.parse_args().path), Embedder()
    vocabulary = vocabularies(cases)

    def right():
        verdicts = (verifier.verify(case, vocabulary, embed)["verdict"] for case in cases)
        return [(verdict == "correct") == case["human"] for verdict, case in zip(verdicts, cases)]

    with_all = right()
    print(f"{len(cases)} answers, {sum(with_all)} judged right; without")
    for what, (name, other) in WITHOUT.items():
        with Without(name, other):
            now = right()
        lost = sum(before and not after for before, after in zip(with_all, now))
        won = sum(after and not before for before, after in zip(with_all, now))
        print(f"{what:34} -{lost} +{won}")


if __name__ == "__main__":
    run(main)
