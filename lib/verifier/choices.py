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
# "so B is right", "that leaves B"
DECIDED = re.compile(
    r"(?<![Ii]f )(?<!whether )\b([A-Z]) (?:is|must be) (?:the )?(?:right|correct|best|only)\b"
    r"|(?<=\bleaves )(?:only |just |us with )?(?:[Oo]ption |[Cc]hoice )?\(?([A-Z])\b(?!,? (?:and|or)\b)"
)
# "option B", "(B)", "B"
LETTERS = re.compile(
    r"\b(?:option|choice|answer|letter)s? \(?([A-Z]|[b-z](?=\W|$))\b\)?|\(([A-Za-z])\)"
    r"|(?<![\w'])([A-Z])(?![\w'])"
)
NUMERAL = re.compile(r"\d+(?:\.\d+)?")
# "the first statement", "the last option"
RANKS = ["first", "second", "third", "fourth", "fifth"]
RANKED = re.compile(rf"\b({'|'.join(RANKS)}|last) (?:option|choice|statement|caption|answer)\b")
# A line of a list of options: "B. moving right", and the sign of the one that is chosen
LISTED = re.compile(r"^\W*([A-Z])[.):] ?(.*)$", re.M)
CHECKED = re.compile(
    r"<-|\u2713|\u2714|\u2705|\[x\]|\bthis one\b|\((?:correct|right|chosen|selected)\)"
    r"|(?:^|[:,|-]|\bis) ?(?:yes|correct|right|true|fits|matches)\b[^,;]{0,30}$",
    re.I,
)
ANOTHER = re.compile(r" ?(?:or|and|/|,) ?\(?[A-Z]\b", re.I)
ARTICLE_ENDS = re.compile(r"\W*$|[.),:;]| (?:is|and|or)\b")


def read_choice(text, query):
    """The letter of the option a text asserts, by letter or by the option's words; both must agree. Where
    neither is there, the option clearly nearest in meaning.
    """
    options = tuple(options_of(query.label))
    if options_listed(text):
        return chosen_of(text)
    text = affirmed(text)
    letters = letters_of(text, ascii_uppercase[: len(options)])
    bare = re.sub(r"^\W*\(?[A-Za-z][.):] ?", "", text)
    counts = [digits(option).strip(" .") for option in options]
    words = (
        by_count(bare, options, counts, query)
        if all(map(NUMERAL.fullmatch, counts))
        else Found(None, "", True)
    )
    words = member(bare, options) if words.missing else words
    if len(letters) > 1:
        return Found(None, "several options: " + ", ".join(sorted(letters)))
    meant = {
        letter for letter, option in zip(ascii_uppercase, options) if words.value and option == words.value
    }
    if letters and meant and not letters & meant:
        return Found(None, f"letter {min(letters)} but the words of {min(meant)}")
    if letters or meant:
        return Found(min(letters or meant))
    near = nearest(text, options, query.embed) if words.missing and query.embed else None
    if near:
        return Found(ascii_uppercase[options.index(near.value)])
    return Found(None, "no option" if words.missing else words.why, words.missing)


def by_count(text, options, counts, query):
    """The option that is the number which a text concludes; `counts`: the options as digits."""
    found = read_number(text, query._replace(label={**query.label, "value": 1}))
    if found.value is None or isinstance(found.value, tuple) or f"{found.value:g}" not in counts:
        return Found(None, "no number among the options", True)
    return Found(options[counts.index(f"{found.value:g}")])


def letters_of(text, allowed):
    """The letters of options that a text names: the one it begins with, else all of them."""
    lead = LEADING.match(text)
    letter = lead and lead[lead.lastindex].upper()
    if letter and letter in allowed and not ANOTHER.match(text, lead.end()):
        return {letter}
    decided = {m[1] or m[2] for m in DECIDED.finditer(text)} & {*allowed}
    if len(decided) == 1:
        return decided
    found = set()
    for m in RANKED.finditer(text.lower()):
        found |= set(allowed[-1:] if m[1] == "last" else allowed[RANKS.index(m[1]) :][:1])
    for m in LETTERS.finditer(text):
        letter = (m[1] or m[2] or m[3]).upper()
        article = m[3] in ("A", "I") and not ARTICLE_ENDS.match(text, m.end())
        if letter in allowed and not article and not HEDGED.search(text, max(0, m.start() - 25), m.start()):
            found.add(letter)
    return found


def options_listed(text):
    """Whether a text is a list of options, three or more, with nothing behind it."""
    lines = [*LISTED.finditer(text)]
    return len({m[1] for m in lines}) == len(lines) > 2 and not text[lines[-1].end() :].strip()


def chosen_of(text):
    """The one of a list of options that has a sign of choice."""
    checked = [m[1] for m in LISTED.finditer(text) if CHECKED.search(m[2])]
    return Found(checked[0]) if len(checked) == 1 else Found(None, "a list of options")
