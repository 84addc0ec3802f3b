"""Choices: the option that a text asserts, by its letter or its words."""

import re
from string import ascii_uppercase

from lib.prompts import options_of
from lib.verifier.classes import member, nearest
from lib.verifier.denials import affirmed
from lib.verifier.numbers import HEDGED, read_number
from lib.verifier.spelled import digits
from lib.verifier.words import Found

# A text that is "B" or begins with "B. moving right", "(b)", "Option B: moving right"
LEADING = re.compile(
    r"^\W{0,20}(?:(?:option |choice )?\(?([a-z])\W*$"
    r"|(?:[Oo]ption |[Cc]hoice )?\(?([A-Z])(?:[.):,]|\)? - )|\(?([a-z])\))"
)
# "so B is right", "B it is", "so option B", "that leaves B"
DECIDED = re.compile(
    r"(?<![Ii]f )(?<!whether )\b([A-Z]) (?:is|must be) (?:the )?(?:right|correct|best|only)\b"
    r"|\b([A-Z]) it is\b|\b(?:so|hence|thus|therefore),? (?:it is |it's )?(?:option|choice) \(?([A-Z])\b"
    r"|(?<=\bleaves )(?:only |just |us with )?(?:[Oo]ption |[Cc]hoice )?\(?([A-Z])\b(?!,? (?:and|or)\b)"
)
# "A and C are out"
OUT = re.compile(
    r"\b[A-Z](?:(?:,|,? and) [A-Z]\b)* (?:is|are|can be)(?: \w+)? "
    r"(?:out|excluded|eliminated|impossible)\b"
)
# "option B", "(B)", "B"
LETTERS = re.compile(
    r"\b(?:option|choice|answer|letter|caption|statement)s? \(?([A-Z]|[b-z](?=\W|$))\b\)?|\(([A-Za-z])\)"
    r"|(?<![\w'])([A-Z])(?![\w'])"
)
# "the first statement", "the last option"
RANKS = ["first", "second", "third", "fourth", "fifth"]
RANKED = re.compile(rf"\b({'|'.join(RANKS)}|last) (?:option|choice|statement|caption|answer)\b")
NUMERAL = re.compile(r"\d+(?:\.\d+)?")
# A line of a list of options: "B. moving right"
LISTED = re.compile(r"^\W*([A-Z])[.):] ?.*$", re.M)
# "What does C do?"
PERSON = re.compile(r"(?<![\w'.(])([A-Z])(?= [a-z])")
ANOTHER = re.compile(r" ?(?:or|and|/|,) ?\(?[A-Z]\b", re.I)
ARTICLE_ENDS = re.compile(r"\W*$|[.),:;]| (?:is|and|n?or)\b")


def read_choice(text, query):
    """The letter of the option a text asserts, by letter, else by the option's words, else the option
    clearly nearest in meaning.
    """
    options = tuple(options_of(query.label))
    lines = LISTED.findall(text)
    if len(set(lines)) == len(lines) > 2 and not LISTED.sub("", text).strip():
        return Found(None, "a list of options")
    whole, text = text, affirmed(text)
    letters = letters_of(OUT.sub(" ", text), ascii_uppercase[: len(options)], query.question)
    bare = re.sub(r"^\W*\(?[A-Za-z][.):] ?", "", text)
    words = by_count(bare, options, query)
    words = member(bare, options, question=query.question) if words.missing else words
    if len(letters) > 1:
        return Found(None, "several options: " + ", ".join(sorted(letters)))
    meant = {
        letter for letter, option in zip(ascii_uppercase, options) if words.value and option == words.value
    }
    if letters and meant and not letters & meant:
        return Found(None, f"letter {min(letters)} but the words of {min(meant)}")
    if letters or meant:
        return Found(min(letters or meant))
    # "Not A" leaves B of two
    denied = letters_of(whole, ascii_uppercase[: len(options)]) - letters
    if words.missing and len(denied) == len(options) - 1:
        return Found(min({*ascii_uppercase[: len(options)]} - denied))
    near = nearest(text, options, query.embed) if words.missing and query.embed else None
    if near:
        return Found(ascii_uppercase[options.index(near.value)])
    return Found(None, "no option" if words.missing else words.why, words.missing)


def by_count(text, options, query):
    """The option that is the number which a text concludes, where all options are numbers."""
    counts = [digits(option).strip(" .") for option in options]
    if not all(map(NUMERAL.fullmatch, counts)):
        return Found(None, "", True)
    found = read_number(text, query._replace(label={**query.label, "value": 1}))
    said = f"{found.value:g}" if isinstance(found.value, float) else ""
    return Found(options[counts.index(said)]) if said in counts else Found(None, "no such number", True)


def letters_of(text, allowed, question=""):
    """The letters of options that a text names: the one it decides for or begins with, else all of them."""
    decided = {m[m.lastindex] for m in DECIDED.finditer(text)} & {*allowed}
    if len(decided) == 1:
        return decided
    lead = LEADING.match(text)
    letter = lead and lead[lead.lastindex].upper()
    if letter and letter in allowed and not ANOTHER.match(text, lead.end()):
        return {letter}
    ranks = RANKED.findall(text.lower())
    found = {allowed[-1] if rank == "last" else allowed[RANKS.index(rank) :][:1] for rank in ranks} - {""}
    # "C picks up the lever", where the question calls the wearer of the camera C
    people = {*PERSON.findall(question)} - {"A", "I"}
    people = people if len(people) == 1 else ()  # else they are options in a line
    for m in LETTERS.finditer(text):
        letter = (m[1] or m[2] or m[3]).upper()
        article = (m[3] in ("A", "I") or m[3] in people) and not ARTICLE_ENDS.match(text, m.end())
        if letter in allowed and not article and not HEDGED.search(text, max(0, m.start() - 25), m.start()):
            found.add(letter)
    return found
