"""Booleans: yes or no, or what was asked affirmed or denied in a statement."""

import re

from lib.verifier.denials import words_of
from lib.verifier.words import OPPOSITES, OPTIONAL, Found, stem

# "Yes, ...", "Of course", "Right."
YES = re.compile(
    r"^\W*(?:(?:yes|yeah|yep|true|affirmative|indeed|certainly|absolutely|definitely|of course|correct)\b"
    r"(?! not)|right\W*$)"
)
# "Definitely not", "No, ...", "No he is", "Not true"; but not "No man is there"
NO = re.compile(
    r"^\W*(?:(?:certainly|definitely|absolutely|of course) not\b"
    r"|no(?=\W*$| ?[.,;:!()]| -| (?:he|she|it|they|the|this|that|there|i)\b)"
    r"|nope\b|false\b|incorrect\b|negative\b|not (?:true|correct|really|at all)\b)"
)
INSIDE = re.compile(r"\b(?P<not>not |n't )?(?P<word>yes|no(?=\W*$|[.,;])|true|false|correct|incorrect)\b")
QUOTED = re.compile(r"\"|(?<!\w)'|'(?!\w)")
# "It is.", "They don't."
ELLIPSIS = re.compile(
    r"^\W*(?:it|he|she|they|there|this|that) (?:is|are|does|do|did|was|were|has|have|can|will)( ?n[o']t)?\W*$"
)
UNDECIDED = re.compile(
    r"\byes (?:and|or) no\b|\byes/no\b|\bnot sure\b|\bunsure\b"
    r"|\b(?:maybe|perhaps|possibly|might|cannot|can't)\b(?! be true)"
)
NEITHER = Found(None, "neither yes nor no", True)
# "at the end of the video"
WHERE = re.compile(
    r"\b(?:at|in|by|during|of) the (?:very )?(?:end|start|beginning|middle|video|clip)"
    r"(?: of the (?:video|clip))?",
    re.I,
)
CIRCUMSTANCE = re.compile(r"\b(?:during|while|throughout)\b.*")
PLACE = re.compile(r"(?<=\w) \b(?:on|in|at|onto|into|inside|behind|near|by) (?:the|a|an|his|her|their)\b.*")
# Where a statement ends and another begins
PART = re.compile(
    r"[;:,.!\n]+| - "
    r"|\b(?:but|so|while|although|though|because|since|who|which|whose|hence|thus|therefore)\b"
    r"|\band (?=(?:he|she|it|they|then|does|do|did|is|are|no|nobody|nothing|never)\b)"
)
# Words that a statement need not repeat
SMALL = frozenset(
    map(
        stem,
        """
        is do has can will there any you see video clip happen it them that two both execute perform
        position still anyone anybody someone somebody indeed clearly really certainly definitely
        """.split(),
    )
) | frozenset(map(stem, OPTIONAL)) - {"on", "in"}
# "has a red hat on"
WORN = re.compile(r"\b(?:has|have|had) ((?:[a-z]+ ){1,3})on(?= (?:his|her|their)\b|\W|$)(?! (?:the|a)\b)")
ANAPHORA = frozenset("it he she they this that these those".split())
NEGATIONS = frozenset(("not", "no", "none"))


def read_boolean(text, question=""):
    """True or False: a leading yes or no, one inside, or the question's own statement affirmed or denied.
    "Nothing" and "not sure" are neither.
    """
    low = QUOTED.sub(" ", text.lower()).strip()
    if UNDECIDED.search(low):
        return Found(None, "hedges")
    if YES.match(low) or NO.match(low):
        return Found(bool(YES.match(low)))
    inside = {(m["word"] in ("yes", "true", "correct")) != bool(m["not"]) for m in INSIDE.finditer(low)}
    if inside:
        return agreed(inside)
    brief = ELLIPSIS.match(low)
    return Found(not brief[1]) if brief else stated(low, question)


def agreed(values):
    """The one truth value of a set, or that both are in it."""
    return Found(values.pop()) if len(values) == 1 else Found(None, "says both")


def needed_of(asked):
    """The stems of a lower-case question that a statement must name."""
    return [s for s in map(stem, re.findall("[a-z]+", asked)) if s not in SMALL]


def stated(text, question):
    """A boolean from a statement of what was asked: "Is the door open?" with "the door is open", "it is not
    open", "closed", "no door is open".

    Each part of the text that names it counts; where none does, the whole text. Parts that disagree say
    nothing.
    """
    asked, text = question.lower(), WORN.sub(r"wears \1", text)
    if text.rstrip().endswith("?") or re.search(r"\b(?:what|which|who|how|when|where|why)\b", asked):
        return NEITHER
    asked = CIRCUMSTANCE.sub("", WHERE.sub("", asked))
    full, brief = needed_of(asked), needed_of(PLACE.sub("", asked))
    for parts in (PART.split(text), [text]):
        values = {value for part in parts if (value := part_holds(part, full, brief)) is not None}
        if values:
            return agreed(values)
    return NEITHER


def part_holds(part, full, brief):
    """Whether one part of a statement affirms or denies the stems asked for (`full`; `brief` without the
    place), or None if it is about something else.
    """
    tokens = words_of(part)
    stems = [stem(t) for t in tokens]
    if not full or not stems:
        return None
    said = set(stems)
    opposed = {s for s in full if s not in said and OPPOSITES.get(s, set()) & said}
    missing = unnamed(tokens, said, opposed, full, brief)
    if missing and not (len(tokens) <= 3 and (opposed or full[-1] in said & OPPOSITES.keys())):
        return None
    if not (said | opposed) & set(full) and not opposed:
        return None
    named = [i for i, s in enumerate(stems) if s in full or any(s in OPPOSITES.get(o, ()) for o in opposed)]
    denied = any(t in NEGATIONS for t in tokens[: max(named) + 1])
    return denied == bool(opposed)


def unnamed(tokens, said, opposed, full, brief):
    """The stems asked for that a part of a statement lacks, neither said, nor opposed, nor meant by "it"."""
    missing = [s for s in full if s not in said and s not in opposed and s not in OPTIONAL]
    # "nobody falls" need not repeat where, "he didn't score" not what
    if not said - set(full) - SMALL - NEGATIONS - ANAPHORA and (
        set(missing) <= set(full) - set(brief) or not opposed and set(full[1:]) & said - {"in", "on"}
    ):
        return []
    if not missing or not ANAPHORA & set(tokens[:3]):
        return missing
    # "it" is what was asked about
    if full[-1] in said or full[-1] in opposed:
        return [s for s in missing if s not in full[:-1] or len(tokens) > 8 and s != full[0]]
    # "he is wearing one"
    if "on" in said and full[-1] == missing[-1]:
        return [s for s in missing[:-1] if s != full[0]]
    return missing
