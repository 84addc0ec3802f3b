"""Booleans: yes or no, or what was asked affirmed or denied in a statement."""

import re

from lib.verifier.denials import words_of
from lib.verifier.words import OPTIONAL, Found, opposed, stem

# "it does", "they are not"
BRIEFLY = r"(?:it|he|she|they|there) (?:do|does|did|is|are|was|were|has|have|can)"
# "Yes, ...", "Of course", "Right."
YES = re.compile(
    r"^\W*(?:(?:yes|yeah|yep|true|affirmative|indeed|totally|certainly|absolutely|definitely|of course"
    rf"|correct)\b(?! not)|right\W*$|{BRIEFLY}(?=\W*$|[.;!]))"
)
# "Definitely not", "No, ...", "No he is", "Not true"; but not "No man is there"
NO = re.compile(
    r"^\W*(?:(?:certainly|definitely|absolutely|of course) not\b"
    r"|no(?!\. ?\d)(?=\W*$| ?[.,;:!()]| -| (?:he|she|it|they|the|this|that|there|i)\b)"
    r"|nope\b|false\b|incorrect\b|negative\b"
    r"|not (?:true|correct|really|at all|in|on|yet|quite|fully|here|visible|seen|shown)\b"
    rf"|{BRIEFLY}(?: not|n't|not)(?=\W*$|[.,;:!]))"
)
# "nearly, but it does not"
AT_LAST = re.compile(rf"(?:[.,;:] |\b(?:but|so|and) ){BRIEFLY}(?P<not> not|n't|not)?\W*$")
INSIDE = re.compile(r"\b(?P<not>not |n't )?(?P<word>yes|no(?=\W*$|[.,;])|true|false|correct|incorrect)\b")
UNDECIDED = re.compile(
    r"\byes (?:and|or) no\b|\byes/no\b|\bnot sure\b|\bunsure\b|\bunclear\b"
    r"|\b(?:maybe|perhaps|possibly|might)\b"
    r"|\b(?:cannot|can't)\b(?! be (?!\w*(?:ed|en|sure|certain|told|known)\b))"
)
NEITHER = Found(None, "neither yes nor no", True)
# Where a statement ends and another begins
PART = re.compile(
    r"[;:,.!\n]+| - "
    r"|\b(?:but|so|while|although|though|because|since|who|which|whose|hence|thus|therefore)\b"
    r"|\band (?=(?:he|she|it|they|then|does|do|did|is|are|no|nobody|nothing|never)\b)"
)
# Words that a statement need not repeat
SMALL = OPTIONAL - {"on", "in"} | set(
    "do does did has have had can will there any you see video clip happen happens them that two both perform"
    " position still anyone anybody someone somebody was were during end start who one".split()
)
# What a question is about anyway
HERE = re.compile(r"\b(?:in|during|of) (?:the|this) (?:video|clip|scene|footage)\b")
WHILE = re.compile(r" (?:at the (?:end|start)|when|while|before|after|by the time)\b")
# "there is no phone", "nobody is hurt"
ABSENT = re.compile(r"\b(?:no|without(?: an?| any)?) (?:sign of )?([a-z]+)(?: ([a-z]+))?")
ANYBODY, NOBODY = re.compile(r"\b(?:any|some)(?:body|one)\b"), re.compile(r"\b(?:nobody|no one|none)\b")
# The share of the words asked for that a statement of it says
NAMED = 0.75
ANAPHORA = frozenset("it he she they them him her this that these those".split())
NEGATIONS = frozenset(("not", "no", "none"))


def read_boolean(text, query):
    """True or False: a leading yes or no, one inside, or the question's own statement affirmed or denied.
    "Nothing" and "not sure" are neither.
    """
    low = text.lower().strip()
    if UNDECIDED.search(low):
        return Found(None, "hedges")
    if led(low):
        return Found(bool(YES.match(low)))
    if last := AT_LAST.search(low):
        return Found(not last["not"])
    inside = {(m["word"] in ("yes", "true", "correct")) != bool(m["not"]) for m in INSIDE.finditer(low)}
    return agreed(inside) if inside else stated(low, query.question.lower())


def led(text):
    """Whether a text begins with yes or no."""
    return bool(YES.match(text.lower()) or NO.match(text.lower()))


def agreed(values):
    """The one truth value of a set, or that both are in it."""
    return Found(values.pop()) if len(values) == 1 else Found(None, "says both")


def stated(text, question):
    """A boolean from a statement of what was asked: "Is the door open?" with "the door is open", "it is not
    open", "closed", "no door is open".

    Each part of the text that names it counts; where none does, the whole text. Parts that disagree say
    nothing.
    """
    asked = HERE.sub("", question.replace("'s ", " "))
    # when it is asked for need not be said again
    asked = WHILE.split(asked)[0] if len(WHILE.split(asked)[0].split()) > 3 else asked
    subject = [stem(w) for w in re.findall("[a-z]+", asked) if w not in SMALL]
    for parts in (PART.split(text), [text]):
        values = {value for part in parts if (value := part_holds(part, subject)) is not None}
        if values:
            return agreed(values)
    things = {stem(word) for pair in ABSENT.findall(text) for word in pair if word}
    if (
        things & {*subject}
        and not ABSENT.search(question)
        or ANYBODY.search(question)
        and NOBODY.search(text)
    ):
        return Found(False)
    return NEITHER


def part_holds(part, subject):
    """Whether one part of a statement affirms or denies the stems asked for, or None if it is about something
    else: most of them are said, or meant by "it".
    """
    tokens = words_of(part)
    stems = [stem(t) for t in tokens]
    opposites = {s: {t for t in stems if opposed(s, t)} for s in subject if s not in stems}
    opposites = {s: words for s, words in opposites.items() if words}
    named = [s for s in subject if s in stems or s in opposites]
    # "he" and "it" stand for one of them each
    meant = len(named) + sum(token in ANAPHORA for token in tokens[:10])
    if not named or len(tokens) > 3 and meant < NAMED * len(subject):
        return None
    last = max(
        i for i, s in enumerate(stems) if s in named or any(s in words for words in opposites.values())
    )
    denied = any(t in NEGATIONS for t in tokens[: last + 1])
    return denied == bool(opposites)
