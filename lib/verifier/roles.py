"""Roles: who does what to whom in a simple sentence."""

import re
from typing import NamedTuple

from lib.verifier.denials import words_of
from lib.verifier.families import BE, EXCHANGED, FAMILIES, VERBAL
from lib.verifier.order import PAUSE
from lib.verifier.words import BEING, IRREGULAR, PRONOUNS, content, stem

NOT_BEFORE_VERB = frozenset(
    """
    a an the his her their its my your our this that these those of in on at to with into onto from for by
    and or as some any no two three four five because
    """.split()
)
# What both do or are: "next to", "talks with", "each other"
SYMMETRIC = re.compile(
    r"\b(?:next|beside|near|and"
    r"|(?:danc|play|talk|speak|fight|chat|argu|walk|sit|stand|compet)\w* (?:\w+ ){0,2}with"
    r"|meets?|hug|kiss|each other|together|same|shak\w+|talk\w*|speak\w*|fight\w*|opposite)\b"
)
EXISTS = re.compile(r"^(?:\w+, )?there (?:is|are|was|were)\b")
UNNAMED = frozenset(map(stem, BEING)) | frozenset(map(stem, PRONOUNS))
LEADING_CLAUSE = re.compile(r"^(because|since|when|as|while|after|before|if|once) ([^,.;]+), (.+)$")
# "behind the door stands a man"
INVERTED = re.compile(
    r"^((?:under|behind|on|in|at|beside|next to|above|below|near|inside|between|across)\b[^,.;]*? )"
    r"((?:lies|sits|stands|hides|hangs|sleeps|waits|runs|flies|swims|rests|is|are|comes|goes)\b)"
    r"(?! (?:a |the )?\w+ing\b) ([^,.;]+)"
)
# What follows "gets" where it is no passive: "gets up"
AFTER_GET = frozenset("up going down off on in out from through".split())
# Where an agent ends: "by the man to the woman"
AFTER_AGENT = frozenset("to into onto from out on at".split())


class Clause(NamedTuple):
    """Who does what to whom."""

    before: frozenset  # the stems of who does it
    verb: str
    after: frozenset  # the stems of whom or what it is done to
    symmetric: bool


def clause(sentence):
    """Who does what to whom in a simple lower-case sentence, passives and "behind it stands a man" turned
    round; empty where no verb is recognised.
    """
    sentence = INVERTED.sub(r"\3 \2 \1", LEADING_CLAUSE.sub(r"\3 \1 \2", sentence))
    tokens = [t for t in words_of(PAUSE.split(sentence.replace("because ", ""))[0]) if t.isalpha()]
    at, passive = main_verb(tokens)
    if at is None or EXISTS.match(sentence):
        return Clause(frozenset(), "", frozenset(), True)
    start = next((i for i in range(at, -1, -1) if tokens[i] in BEING), at) if passive else at
    before, after, agent = tokens[:start], tokens[at + 1 :], []
    # "gets a coat of paint from the man" is done by him
    particle = {"up", "down", "off", "on", "out", "away"} & set(after[:1])
    if stem(tokens[at]) in ("receiv", "get") and "from" in after and not particle:
        passive, after = True, ["by" if t == "from" else t for t in after]
    if passive and "by" in after:
        by = after.index("by")
        end = next((i for i in range(by + 2, len(after)) if after[i] in AFTER_AGENT), len(after))
        after, agent = after[:by] + after[end:], after[by + 1 : end]
    doer, object_ = (agent, before + after) if passive else (before, after)
    return Clause(named(doer), stem(tokens[at]), named(object_), bool(SYMMETRIC.search(sentence)))


def named(words):
    """The stems of what words name."""
    return frozenset(s for s in content(words) if s not in UNNAMED) if words else frozenset()


def main_verb(tokens):
    """(index, passive) of the main verb: after "is" or "gets", else the first word with a verb's ending that
    no article, number or preposition leads.
    """
    for i, token in enumerate(tokens):
        if token in BEING and not (token.startswith("get") and AFTER_GET & set(tokens[i + 1 : i + 5])):
            return after_being(tokens, i)
        if i and has_verb_form(tokens, i):
            return i, False
    # "children build a house"
    for i in range(1, len(tokens)):
        families = FAMILIES.get((stem(tokens[i]),), ())
        if tokens[i - 1] not in NOT_BEFORE_VERB and any(n < VERBAL for n in families):
            return i, False
    return None, False


def after_being(tokens, i):
    """(index, passive) of the main verb where "is" or "gets" is at i; of no verb behind it, (None, False)."""
    for at in range(i + 1, min(i + 5, len(tokens))):
        token = tokens[at]
        if token in BEING or token.endswith("ly") or token == "not":
            continue
        if token.endswith("ing"):
            return at, False
        passive = "by" in tokens[at:] or token.endswith(("ed", "en"))
        return (at, True) if passive else (i, False)
    return None, False


def has_verb_form(tokens, i):
    """Whether the word at i ends as a verb does and stands where one can."""
    token = tokens[i]
    if token in NOT_BEFORE_VERB or tokens[i - 1] in NOT_BEFORE_VERB or BEING & set(tokens[i + 1 : i + 2]):
        return False
    ending = token.endswith("ed") or token.endswith("s") and not token.endswith("ss")
    return ending or token in IRREGULAR or token in ("hit", "put", "cut")


def swapped(a, b):
    """Whether what one clause says of the doer the other says of the one it is done to, and the other way
    round.
    """
    if a.symmetric and b.symmetric or (a.verb == BE) != (b.verb == BE):
        return False
    if (
        a.verb == b.verb
        and a.before
        and b.before
        and not a.before & b.before
        and b.before <= a.after
        and b.after
        and a.verb != BE
    ):
        return True  # "the man catches the dog's frisbee" is not "the dog catches the frisbee"
    known = [FAMILIES.get((verb,), frozenset()) for verb in (a.verb, b.verb)]
    if (
        a.verb != b.verb
        and all(known)
        and not known[0] & known[1]
        and b.verb not in EXCHANGED.get(a.verb, ())
    ):
        return False  # other actions, which need not have roles in common
    return bool((b.before & a.after) - a.before - b.after and (b.after & a.before) - b.before - a.after)
