"""Which written questions and answers are good enough to be learnt from: every rule a reason.

The paper reports no check of what its text model wrote. These ask what can be asked without the video: that
an answer follows from what people said of the clip, and that the question does not give it away.
"""

import re
from typing import NamedTuple

from rapidfuzz.fuzz import ratio

from lib.prompts import INSTRUCTION_EXAMPLES, PLACEHOLDER
from lib.verifier.spelled import digits
from lib.verifier.words import stem, words_in

MOST = 3  # words of a short answer
LEAST = 4  # of any other
ALIKE = 85  # rapidfuzz's ratio of two texts that are one but for a word or two

REPLY = re.compile(
    r"""
    .*? \**_* Question \**_*\s*:\s*\**_*\s* (?P<question> .+? ) \s*
    \n \s* \**_* Answer \**_*\s*:\s*\**_*\s* (?P<answer> .+? ) \s*
    (?: \n\s*\n .* | \n \s* \**_* Question .* )?
    """,
    re.S | re.I | re.X,
)
# "according to the caption", "as described": whoever watches a video has read nothing
TEXT_NAMED = re.compile(
    r"""
    \b(?:captions?|descriptions?|narratives?|narrations?|transcripts?|passages?)\b
    | \b(?:the|given|first|second|third|next|last|previous)\ (?:sentences?|paragraph)\b
    | \bthe\ text\ (?:says|states|mentions|describes|tells)\b
    | \b(?:according\ to|based\ on|from|in)\ the\ (?:given\ |provided\ |above\ )?
      (?:text|sentences?|story|information)\b
    | \bas\ (?:described|mentioned|stated|told)\b
    | \b(?:is|are|was|were|been)\ (?:not\ )?(?:described|mentioned|stated|specified)\b
    """,
    re.I | re.X,
)
UNKNOWN = re.compile(
    r"\b(?:unknown|unclear|not (?:clear|sure|known|specified|given|shown)|n/?a|no information|"
    r"cannot (?:be|tell|say|determine)|i don't know|(?:i'm|i am) sorry|as an ai)\b",
    re.I,
)
ASKS_CAUSE = re.compile(
    r"\b(?:why|how|what (?:\w+ )?(?:made|makes|caused?s?|led|leads|brought|for|happens because)|"
    r"for what|(?:what|which) (?:\w+ )?(?:reason|purpose|intention|cause|goal)|in order to|trying to)\b",
    re.I,
)
ASKS_ORDER = re.compile(
    r"\b(?:before|after(?:wards)?|while|when|during|until|once|as|meanwhile|first|then|next|last|later|"
    r"finally|begin\w*|start\w*|end\w*|finish\w*|order|sequence|same time|following|followed|prior|initially|"
    r"eventually|subsequently)\b",
    re.I,
)
YES_NO = re.compile(r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would)\b", re.I)
# that carry nothing a text could confirm
SMALL = frozenset(
    """a an the of in on at to into onto from by with and or is are was were be being it its he she they his
    her their them him this that there then very some one as for up down out off over under""".split()
)
NAMES = re.compile(r"<[^<>]{1,40}>")  # of the actors of a narrative


class Written(NamedTuple):
    """What a text model wrote."""

    question: str
    answer: str
    whole: bool = True  # whether the answer ends, where the reply was cut off


def read_reply(reply, cut_off=False):
    """The Written of a reply of two lines, or None; small models go on with further questions."""
    match = REPLY.fullmatch(reply.strip())
    if not match:
        return None
    parts = (" ".join(match[part].strip().strip("*_").split()) for part in ("question", "answer"))
    return Written(*parts, not cut_off or match.end("answer") < len(reply.strip()))


def content_of(text):
    """The stems of the words of a text that mean something, numbers as digits."""
    words = words_in(digits(NAMES.sub(lambda name: name[0][1:-1] + " ", text)))
    return [stem(word) for word in words if word not in SMALL]


def problem_of(kind, written, text):
    """Why a question and its answer, written from the text, are not to be learnt from, or None."""
    if written is None:
        return "no lines of a question and its answer"
    both = f"{written.question}\n{written.answer}"
    if not written.whole:
        return "cut off"
    if not (words_in(written.question.lower()) and words_in(written.answer.lower())):
        return "a question or an answer without words"
    if PLACEHOLDER.search(both) or NAMES.search(both):
        return "a placeholder, or a name in angle brackets"
    if not written.question.endswith("?"):
        return "no question"
    if TEXT_NAMED.search(both):
        return "speaks of the text, not of the video"
    if UNKNOWN.search(written.answer):
        return "does not answer"
    if copies(written, kind):
        return "an example again"
    if gives_away(written):
        return "the question gives the answer away"
    if kind == "short":
        return short_problem(written, text)
    if len(written.answer.split()) < LEAST:
        return f"an answer of fewer than {LEAST} words"
    if not set(content_of(written.answer)) & set(content_of(text)):
        return "nothing of the answer stands in the text"
    asks, what = (ASKS_CAUSE, "cause") if kind == "causal" else (ASKS_ORDER, "order")
    return None if asks.search(written.question) else f"asks for no {what}"


def copies(written, kind):
    """Whether a question, or an answer of a sentence, is that of a worked example but for a word or two."""
    for _, question, answer in INSTRUCTION_EXAMPLES.get(kind, ()):
        pairs = [(written.question, question), *([(written.answer, answer)] if kind != "short" else [])]
        if any(ratio(*pair, processor=str.lower) >= ALIKE for pair in pairs):
            return True
    return False


def gives_away(written):
    """Whether the question says all that the answer does; one that leaves a choice may."""
    if re.search(r"\bor\b", written.question, re.I):
        return False
    words = content_of(written.answer)
    return bool(words) and set(words) <= set(content_of(written.question))


def short_problem(written, text):
    """The same of a short answer."""
    if len(written.answer.split()) > MOST:
        return f"a short answer of more than {MOST} words"
    answer = written.answer.lower().strip(" .")
    if answer in ("yes", "no"):
        return None if YES_NO.match(written.question) else "yes or no to another question"
    words = content_of(written.answer)
    if not words:
        return "a short answer without a word that means something"
    if unknown := [word for word in words if word not in set(content_of(text))]:
        return f"does not follow from the text: {unknown[0]}"
    return None
