"""Denial: tokens of a text with its ways of denying written as one, and a text without what it denies."""

import re

# "rather than", "fails to", "hardly", "doesn't"
DENYING = re.compile(
    r"\b(?:rather than|instead of|(?:as )?opposed to|other than|different from|far from"
    r"|rul(?:e|es|ed|ing) out"
    r"|(?:briefly|first|initially|also) considered|mistaken for|confused with"
    r"|(?:absence|lack|no sign) of|(?:fail|refus|declin|hesitat)(?:s|es?|ed|ing)? to"
    r"|unlike|unable to|except|cannot|excluding|neither|nor|never|without|nobody|nothing"
    r"|no one|about to|rarely|seldom"
    # but "barely a minute later"
    r"|(?:hardly|barely|nearly)(?! (?:an?|one|\d+) (?:seconds?|minutes?|moment)))\b|n't\b"
)
TOKEN = re.compile(r"\d+(?:\.\d+)?[a-z]*|[a-z]+|[;:!?,()\n]|\.(?=\W|$)|->|(?<= )-(?= )")


def words_of(text):
    """Word and boundary tokens of a lower-case text, its ways of denying all written as "not"."""
    return TOKEN.findall(DENYING.sub(" not ", text.replace("'s ", " ").replace("but not least", " ")))


# "neither 3 nor 4", "not at 3 s but", "rather than A", "no red ball"
DENIED_PART = re.compile(
    r"\bneither\b(?:(?!, (?:and|so|but)\b)[^;.\n])*|(?:\b(?:not|never|fail(?:s|ed)? to)"
    r"|(?<!with )\bno(?= (?!doubt|question|more|less|fewer|later|earlier|longer|idea|one\b|need)"
    r"[a-z\d]+ [a-z\d])|\brather than|\binstead of|\bas opposed to|\bunlike)\b "
    # up to its "but", else the one value or the rest of the clause
    r"(?:[^;\n]{1,80}?,? but (?:rather |instead )?|(?:at |from |in |the |option |between )*"
    r"(?:\[[^\]\n]*\]|\([^)\n]{3,60}\)|(?:(?! (?:while|because|so|until|though|although) "
    r"| - | and (?!\d|[a-z]\b|at |from |to |in |\[|\())(?:[^,;:.)\n]|[.:](?=\d)))*))",
    re.I,
)
CONTRACTED = re.compile(r"(?:(?<=ca)n|n)'t\b", re.I)


def affirmed(text):
    """A text without what it denies: "not at 3 s but at 6 s" -> "at 6 s", "B, not A" -> "B"."""
    return DENIED_PART.sub(" ", CONTRACTED.sub(" not", text).replace("cannot", "can not"))
