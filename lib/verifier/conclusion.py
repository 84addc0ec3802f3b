"""What an answer finally says: the text that decides, without markup, reasons and what it takes back."""

import re
from typing import NamedTuple

# Characters read after an answer marker
LINE = 1000
SENTENCE = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b\d\.) (?=[^a-z])|\n")
# "Answer:", "the answer to the question is as follows", "the answer would be", but not "is based on"
ANSWER = r"""
    \b(?:answer|ans)(?:[ ](?:choice|option|line|here))?(?:[ ]to[ ](?:the|this|your)[ ]question)?['"]?
    (?: [ ]?[:=] | [ ]?-> | [ ]-[ ] | $(?=\n) | [ ](?:would|should|must|will)[ ]be\b
      | [ ]is(?:[ ]as[ ]follows)?\b
        (?![ ](?:based|given|provided|supported|clear|obvious|correct|wrong|in[ ]the|not)\b)
    )
    """
# "the correct option is", "Final verdict:", "Conclusion:", Chinese "the answer is"
CHOSEN = r"""
    \b(?:(?:correct|best|right)[ ](?:choice|option|one|order|sequence)
      | final[ ](?:verdict|decision|prediction|choice|classification|estimate|count|result|sequence|order)
      | best[ ](?:guess|estimate|bet))(?:[ ]is\b|:)
    | \bwhat[ ]i[ ]can[ ](?:say|tell)[ ]is(?:[ ]that)?\b
    | ^(?:conclusion|verdict|prediction): | (?:^|[.!?;][ ])final:
    | \u7b54\u6848[ ]?(?:[:\u662f\u4e3a]){1,2}
    """
MARKER = re.compile(rf"(?:{ANSWER}|{CHOSEN})[ :=>]*(?:-[ ])?", re.I | re.M | re.X)
# "therefore", "I would say", "this suggests"
CONCLUDING = re.compile(
    r"\b(?:therefore|thus|hence|in conclusion|to conclude|in summary|to sum up|overall|ultimately|in short"
    r"|all in all"
    r"|(?:i|we|one) (?:would |can |could |may |must )?(?:conclude|say|answer|infer|deduce|call|classify)"
    r"|i'd (?:say|call|label)"
    r"|this (?:means|suggests|indicates|implies|confirms)|^so)\b[,:]?",
    re.I,
)
# "wait, no,", "correction:", "let me rephrase", "actually", "but it is actually", "3? No, 4"
CORRECTION = re.compile(
    r"(?:\b(?:wait(?=[,.!:;-]| no\b| actually\b)|hold on(?=[,.!:;-])|correction(?=[:,])"
    r"|correction\b[^.\n:]{1,50}(?=:)"
    r"|scratch that|i meant?|on second thoughts?|let me (?:correct|rephrase|reconsider|revise)|my mistake)"
    r"|(?:^|[.,;\n] ?|\bbut )(?:actually|in fact|sorry)"
    r"|[.,;?\n] ?no,(?= (?:it|that|sorry|the|actually|i\b|he|she|they|\d|[\[(]))|\?+ ?no\b)"
    r"[ ,:;.!-]*(?:no[,.] )?(?:actually,? )?",
    re.I,
)


def sentences(text):
    """The sentences and lines of a text, stripped, without empty ones."""
    return [s.strip() for s in SENTENCE.split(text) if s.strip()]


class Final(NamedTuple):
    """The texts that may decide, in the order to try them; `marked`: there is a final answer line, and it
    alone decides.
    """

    texts: tuple
    marked: bool


def final(text, several=False):
    """What a cleaned answer concludes: its last `Answer:` (or "the answer is", boxed, ...), else its
    concluding sentence, its last one, all of it.

    `several`: take all lines after the marker (a list, several labels), not the first alone.
    """
    markers = [m for m in MARKER.finditer(text) if text[m.end() :].strip(" .*\n")]
    if markers:
        return Final((behind(text, markers, several),), True)
    parts = sentences(text)
    return Final((*[s for s in parts if CONCLUDING.search(s)][-1:], *parts[-1:], text), False)


def behind(text, markers, several):
    """What stands behind the last marker: its line, or all of it."""
    marker = markers[-1]
    if several:
        # "Answer: count: 3; answer: B": the second is the name of a label
        line = text.rfind("\n", 0, marker.start())
        first = next(m for m in markers if m.start() > line)
        marker = first if re.match(r"[^\w\n]*$", text[line + 1 : first.start()]) else marker
    rest = text[marker.end() :][:LINE].lstrip("\n ")
    line, _, after = rest.partition("\n")
    return rest if several or line.endswith(":") or CORRECTION.match(after) else line


def corrected(text):
    """What is said after the last correction ("3. Wait, it is 4" -> "it is 4"), if there is one."""
    *_, last = (None, *CORRECTION.finditer(text))
    return text[last.end() :] if last and last.start() and last.end() < len(text) else text
