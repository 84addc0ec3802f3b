"""Choices: the option that a text asserts, by its letter or its words."""

import re

from lib.prompts import options_of
from lib.verifier.classes import nearest
from lib.verifier.conclusion import core
from lib.verifier.denials import affirmed
from lib.verifier.members import member
from lib.verifier.numbers import HEDGED
from lib.verifier.spelled import digits
from lib.verifier.words import Found

LETTER_ALONE = re.compile(r"^\W*(?:option |choice )?\(?([a-zA-Z])\W*$", re.I)
# "B. moving right", "(b)", "B: moving right"
LETTER_FIRST = re.compile(
    r"^[^\w\n]{0,20}(?:[Oo]ption |[Cc]hoice )?\(?([A-Z])(?:[.):,]|\)? - |$)(?!\w)|^[^\w\n]{0,20}\(?([a-z])\)",
    re.M,
)
# "option B", "(B)", "B"
LETTERS = re.compile(
    r"\b(?:option|choice|answer|letter)s? \(?([A-Z]|[b-z](?=\W|$))\b\)?|\(([A-Za-z])\)"
    r"|(?<![\w'])([A-Z])(?![\w'])"
)
# A line of a list of options: "B. moving right", and the sign of the one that is chosen
LISTED = re.compile(r"^[\W_]*\(?([A-Z])[.):] ?(.*)$", re.M)
CHECKED = re.compile(
    r"<-|\u2713|\u2714|\u2705|\[x\]|\bthis one\b|\((?:correct|right|chosen|selected)\)"
    r"|(?:[:,|-]|\bis) ?(?:yes|correct|right|true|fits|matches)\b[^,;]{0,30}$",
    re.I,
)
OPTION_LEAD = re.compile(r"^\W*\(?[A-Za-z][.):] ?")


def read_choice(text, marked, asked):
    """The letter of the option a text asserts, by letter or by the option's words; both must agree. Where
    neither is there, the option clearly nearest in meaning.
    """
    options = tuple(options_of(asked.label))
    if listed := listing(text, options):
        return listed
    text = affirmed(core(text) if marked else text)
    found = by_letter_or_words(text, options)
    if not found.missing or not asked.embed:
        return found
    near = nearest(text, options, asked.embed)
    return Found(chr(ord("A") + options.index(near.value))) if near else found


def listing(text, options):
    """Where a text is a list of all options: the one with a sign of choice, or that nothing is chosen; None
    where it is no such list, or something follows it.
    """
    lines = {m[1]: m for m in LISTED.finditer(text)}
    if len(lines) < min(len(options), 3) or len(lines) != len({*lines} & {*letters_upto(len(options))}):
        return None
    checked = [letter for letter, m in lines.items() if CHECKED.search(m[2])]
    if len(checked) == 1:
        return Found(checked[0])
    last = max(m.end() for m in lines.values())
    return (
        Found(None, "a list of all options")
        if len(lines) == len(options) and not text[last:].strip()
        else None
    )


def letters_upto(count):
    """The letters of `count` options."""
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:count]


def by_letter_or_words(text, options):
    """The option that a text names by letter or by words."""
    letters = letters_of(text, letters_upto(len(options)))
    bare = OPTION_LEAD.sub("", text)
    words = member(bare, options)
    if words.missing and any(option.strip(" .").isdigit() for option in options):
        words = member(digits(bare), options)
    if len(letters) > 1:
        return Found(None, "several options: " + ", ".join(sorted(letters)))
    meant = {
        letter for letter, option in zip(letters_upto(26), options) if words.value and option == words.value
    }
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
