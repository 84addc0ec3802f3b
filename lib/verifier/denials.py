"""Denial: tokens of a text with its ways of denying written as one, and a text without what it denies."""

import re

# What was thought before looking again; the rest of that sentence up to its "but" is not asserted
IMPRESSION = re.compile(
    # "at first glance it looks like", "initially he seemed"
    r"\b(?:(?:at first(?: glance| sight)?|initially)\b,? ?(?:[a-z]+ ){0,2}?"
    r"(?:thought|think|thinks|look(?:s|ed)|seem(?:s|ed)?|appear(?:s|ed)|expect(?:s|ed)?|assumed"
    r"|guess(?:ed)?|believed|suspected|took)"
    # "I first thought", "one might think"
    r"|(?:i|we) (?:first|initially|originally) (?:thought|expected|assumed|guessed|believed|suspected)"
    r"|(?:one|you) (?:might|may|could) (?:first |at first |initially )?"
    r"(?:think|assume|expect|guess|believe|suspect))\b"
    r"[^.;\n]*?(?=,? (?:but|yet|however)\b|[.;\n]|$)(?:; (?:that|this) (?:is|was) ruled out[^.;\n]*)?",
    re.I,
)
IMPRESSED = re.compile(r"\b(?:first|initially|originally|might|may|could)\b", re.I)
# "not only", "no doubt", "not ... until", "can be seen"
NOT_DENYING = re.compile(
    r"\b(?:not (?:only|just|merely|simply)|no (?:doubt|question)|without (?:a |any )?doubt"
    r"|nothing (?:but|other than)|none other than|not (?:\w+ ){0,5}?(?:until|till|before)"
    r"|(?:can|could|may) (?:clearly |also )?be (?:seen|observed|heard)|not to mention)\b",
    re.I,
)
# "rather than", "fails to", "hardly", "doesn't"
DENYING = re.compile(
    r"\b(?:rather than|instead of|(?:as )?opposed to|other than|different from|far from"
    r"|rul(?:e|es|ed|ing) out|absence of|lack of|no sign of|fail(?:s|ed)? to"
    r"|(?:refus|declin|hesitat)(?:es?|ed|ing) to"
    r"|unlike|unable to|unwilling to|except|cannot|excluding|neither|nor|never|without|nobody"
    r"|no one|about to|hardly|barely|scarcely|rarely|seldom)\b|n't\b"
)
TOKEN = re.compile(r"\d+(?:\.\d+)?[a-z]*|[a-z]+|[;:!?,()\n]|\.(?=\W|$)|->|(?<= )-(?= )")
OVERHEAD = re.compile(r"\b(?:over|above) (?:the|his|her|their) heads?\b")
PHONE = re.compile(r"\b(?:cell|mobile|smart)[ -]?phone")


def words_of(text):
    """Word and boundary tokens of a lower-case text, its ways of denying all written as "not"."""
    if "phone" in text:
        text = PHONE.sub("phone", text)
    if " head" in text:
        text = OVERHEAD.sub("overhead", text)
    if IMPRESSED.search(text):
        text = IMPRESSION.sub(" ", text)
    return TOKEN.findall(DENYING.sub(" not ", NOT_DENYING.sub(" ", text.replace("'s ", " "))))


# "neither 3 nor 4", "not at 3 s but", "rather than A", "no red ball"
DENIED_PART = re.compile(
    r"\bneither\b[^;.\n]*|(?:\b(?:not|never|fail(?:s|ed)? to)"
    r"|(?<!with )\bno(?= (?!doubt|question|more|less|fewer|later|earlier|longer|idea|one\b|need)"
    r"[a-z\d]+ [a-z\d])"
    r"|\b(?:wrong|incorrect|false|untrue) to (?:say|claim) that|\brather than|\binstead of|\bas opposed to"
    r"|\bunlike)\b "
    # up to its "but", else the one value or the rest of the clause
    r"(?:[^;\n]{1,80}?,? but (?:rather |instead )?|(?:at |from |in |the |option |between )*"
    r"(?:\[[^\]\n]*\]|\([^)\n]{3,60}\)|(?:(?! (?:while|because|so|until|though|although) "
    r"| and (?!\d|[a-z]\b|at |from |to |in |\[|\())(?:[^,;:.)\n]|[.:](?=\d)))*))",
    re.I,
)
CONTRACTED = re.compile(r"(?:(?<=ca)n|n)'t\b", re.I)
DENIAL = re.compile(
    r"\b(?:not|no|never|fail\w*|wrong|incorrect|false|untrue|than|instead|opposed|unlike|neither"
    r"|cannot)\b|n't\b",
    re.I,
)


def affirmed(text):
    """A text without what it denies: "not at 3 s but at 6 s" -> "at 6 s", "B, not A" -> "B"."""
    if IMPRESSED.search(text):
        text = IMPRESSION.sub(" ", text)
    if not DENIAL.search(text):
        return text
    plain = CONTRACTED.sub(" not", text).replace("cannot", "can not")
    return DENIED_PART.sub(" ", NOT_DENYING.sub(" ", plain))
