"""Choices: the option that a text asserts, by its letter or its words."""

import re

from lib.verifier.classes import nearest
from lib.verifier.conclusion import core
from lib.verifier.denials import affirmed
from lib.verifier.members import member
from lib.verifier.numbers import HEDGED
from lib.verifier.spelled import digits
from lib.verifier.words import Found

LETTER_ALONE = re.compile(r"^\W*([a-zA-Z])\W*$")
# "B. moving right", "(b)"
LETTER_FIRST = re.compile(
    r"^[^\w\n]{0,20}(?:option |choice )?\(?([A-Z])(?:[.):,]|\)? - |$)(?!\w)|^[^\w\n]{0,20}\(?([a-z])\)", re.M
)
# "option B", "(B)", "B"
LETTERS = re.compile(
    r"\b(?:option|choice|answer|letter)s? \(?([A-Z]|[b-z](?=\W|$))\b\)?|\(([A-Za-z])\)"
    r"|(?<![\w'])([A-Z])(?![\w'])"
)


def read_choice(text, options, marked=True):
    """The letter of the option a text asserts, by letter or by the option's words; both must agree."""
    text = affirmed(core(text) if marked else text)
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(options)]
    letters = letters_of(text, allowed)
    bare = re.sub(r"^\W*\(?[A-Za-z][.):] ", "", text)
    words = member(bare, tuple(options))
    if words.missing and any(option.strip(" .").isdigit() for option in options):
        words = member(digits(bare), tuple(options))
    if len(letters) > 1:
        return Found(None, "several options: " + ", ".join(sorted(letters)))
    meant = {letter for letter, option in zip(allowed, options) if words.value and option == words.value}
    if letters and meant and not letters & meant:
        return Found(None, f"letter {min(letters)} but the words of {min(meant)}")
    if letters or meant:
        return Found(min(letters or meant))
    return Found(None, "no option" if words.missing else words.why, words.missing)


def letters_of(text, allowed):
    """The letters of options that a text names: the one it begins with, else all of them."""
    lead = LETTER_ALONE.match(text) or LETTER_FIRST.match(text)
    letter = lead and lead[lead.lastindex].upper()
    if letter and letter in allowed and not re.match(r" ?(?:or|and|/|,) ?\(?[A-Z]\b", text[lead.end() :]):
        return {letter}
    found = set()
    for m in LETTERS.finditer(text):
        letter = (m[1] or m[2] or m[3]).upper()
        article = m[3] in ("A", "I") and not re.match(r"\W*$|[.),:;]| (?:is|and|or)\b", text[m.end() :])
        hedged = HEDGED.search(text[max(0, m.start() - 25) : m.start()])
        if letter in allowed and not article and not hedged:
            found.add(letter)
    return found


def nearest_choice(text, marked, asked):
    """Choice: by letter or words; where neither is there, the option clearly nearest in meaning."""
    options = asked.label["options"]
    found = read_choice(text, options, marked)
    close = nearest(text, tuple(options), asked.embed) if found.missing and asked.embed and marked else None
    return Found(chr(ord("A") + options.index(close.value))) if close else found
