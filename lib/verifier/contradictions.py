"""Contradiction: why two sentences cannot both be true, by one rule for each way of excluding.

No model, and no sentence is understood: negation, persons, times, opposites, order, roles and main verbs.
"""

import re

from lib.verifier.denials import words_of
from lib.verifier.families import EXCHANGED, FAMILIES, meaningful, stems_of
from lib.verifier.likeness import alike, opposites_in
from lib.verifier.opposition import in_order, opposed
from lib.verifier.rewriting import rewritten, turned_round
from lib.verifier.roles import clause, swapped
from lib.verifier.thesaurus import FEMALE, MALE
from lib.verifier.words import stem

NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+\b")
WITHOUT = re.compile(r"\bwithout (\w+ing)\b")
# "pretends to", "acts as if"
PRETENCE = re.compile(
    r"\b(?:pretend\w*|fak(?:e|es|ed|ing)|feign\w*|mim(?:es?|ed|ing)|act(?:s|ed|ing)? as (?:if|though)"
    r"|make[s-]? believe)\b"
)
# "almost", "on the verge of", "narrowly misses"
NEARLY = re.compile(
    r"\b(?:almost|nearly|all but|on the (?:verge|point|brink) of|close to (?=\w+ing)|comes? close"
    r"|narrowly (?:avoid|miss|escap)\w*)\b"
)
# "does something"
VAGUE = re.compile(r"\b(?:do(?:es|ing)?|perform(?:s|ing)?) (?:something|an? (?:action|activity|task))\b")
PERSONS = {
    word: person
    for person, words in (("i", "i me my we us our mine"), ("you", "you your yours"))
    for word in words.split()
}
MEN, WOMEN = stems_of(MALE), stems_of(FEMALE)
FUTURE = re.compile(
    r"\b(?:will|'ll|going to|tomorrow|next (?:day|week|month|year|summer|winter|spring|autumn|\w+day)"
    r"|expected|forecast)\b|'ll\b"
)
PAST = re.compile(
    r"\b(?:was|were|did|had|yesterday|ago"
    r"|last (?:night|week|month|year|summer|winter|spring|autumn|\w+day)|snowed|rained|went|saw)\b"
)
# "tomorrow", "next week", "Monday"
DAY = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday"
    r"|(?:next|last) (?:week|month|year|night|\w+day|summer|winter|spring|autumn)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b"
)


def contradicts(said, wanted, near=False):
    """Why two sentences cannot mean the same: a negation, a word that excludes the other's, who does it to
    whom, or (unless they are `near`) another verb. An empty string where nothing excludes.
    """
    names, other_names = ({stem(name.lower()) for name in NAME.findall(text)} for text in (said, wanted))
    if names and other_names and not names & other_names:
        return f"{min(names)} against {min(other_names)}"
    said, wanted = rewritten(said), rewritten(wanted)
    said = turned_round(said, wanted)
    for rule in RULES:
        if not (near and rule is other_verb) and (why := rule(said, wanted)):
            return why
    return ""


def unlike_denials(said, wanted):
    """One denies, nearly does or only pretends what the other does."""
    a, b = (words_of(without_remarks(text, other)) for text, other in ((said, wanted), (wanted, said)))
    if bool({"not", "no"} & set(a)) != bool({"not", "no"} & set(b)):
        return "one denies what the other says"
    if any(bool(pattern.search(said)) != bool(pattern.search(wanted)) for pattern in (PRETENCE, NEARLY)):
        return "only nearly or in pretence"
    if "or" in a and "or" not in b:
        return "hedges"
    return "does not say what" if VAGUE.search(said) and not VAGUE.search(wanted) else ""


def without_remarks(text, other):
    """A text without "without smiling", which denies nothing that matters, but with "without locking" where
    locking is what the other says.
    """
    named = {n for w in meaningful(other) for n in (w.stem, *w.families)}
    for m in reversed([*WITHOUT.finditer(text)]):
        s = stem(m[1])
        if not {s, s[:-1], *FAMILIES.get((s,), ())} & named:
            text = text[: m.start()] + text[m.end() :]
    return text


def unlike_people(said, wanted):
    """I against you, he against she, or the two persons of a sentence in the other order."""
    a, b = (
        list(dict.fromkeys(PERSONS[t] for t in words_of(text) if t in PERSONS)) for text in (said, wanted)
    )
    if a and b and a != b and (len(a) > 1) == (len(b) > 1):
        return "I and you are swapped"
    man, men = ({t for t in words_of(text) if stem(t) in MEN} for text in (said, wanted))
    woman, women = ({t for t in words_of(text) if stem(t) in WOMEN} for text in (said, wanted))
    if man and not woman and women and not men or woman and not man and men and not women:
        return f"{min(man or woman)} against {min(men or women)}"
    return ""


def unlike_times(said, wanted):
    """The future against the past, or another day."""
    future, future_too = (bool(FUTURE.search(text)) for text in (said, wanted))
    past, past_too = (bool(PAST.search(text)) for text in (said, wanted))
    days, other_days = (
        {word for day in DAY.findall(text) for word in day.split()} for text in (said, wanted)
    )
    if days and other_days and not days & other_days:
        return "another time"
    if (
        future
        and not past
        and past_too
        and not future_too
        or future_too
        and not past_too
        and past
        and not future
    ):
        return "the future against the past"
    return ""


def other_order(said, wanted):
    """The same actions in another order."""
    return "in another order" if in_order(said, wanted) is False else ""


def other_roles(said, wanted):
    """The one who does it is the one to whom it is done; for "buys" and "sells" the other way round."""
    a, b = clause(said), clause(wanted)
    converse = b.verb in EXCHANGED.get(a.verb, ())
    if converse or swapped(a, b) and "than" in said and "than" in wanted and opposites_in(said, wanted):
        return ""
    return "the roles are swapped" if swapped(a, b) else ""


def other_verb(said, wanted):
    """A main verb of another family than that of the other sentence, where neither says the other's
    anywhere.
    """
    doing, meant = clause(said).verb, clause(wanted).verb
    a, b = meaningful(said), meaningful(wanted)
    x = next((w for w in a if w.stem.split("_")[0] == doing), None)
    y = next((w for w in b if w.stem.split("_")[0] == meant), None)
    if not x or not y or not x.verb or not y.verb or alike(x, y) is not False:
        return ""
    if doing in EXCHANGED.get(meant, ()):
        return ""
    others = [w for w in a if w.verb or w.stem != y.stem]
    anyway = any(alike(w, y) for w in others) or any(alike(w, x) and w.stem == x.stem for w in b)
    return "" if anyway else f"{x.text} is not {y.text}"


RULES = (unlike_denials, unlike_people, unlike_times, opposed, other_order, other_roles, other_verb)
