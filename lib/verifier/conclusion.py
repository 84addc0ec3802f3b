"""What an answer finally says: the text that decides, without markup, reasons and what it takes back.

No long search and no exception for any string: of a long answer only head and tail are read.
"""

import re
from typing import NamedTuple

# Characters read after an answer marker
LINE = 1000
SENTENCE = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b\d\.) (?=[^a-z])|\n")
# "Answer:", "the answer to the question is as follows", "the answer would be"
ANSWER = r"""
    \b(?:answer|ans)(?:[ ](?:choice|option|line|here))?(?:[ ]to[ ](?:the|this|your)[ ]question)?['"]?
    (?: [ ]?[:=] | [ ]?-> | [ ]-[ ] | $(?=\n)
      # but not "the answer is based on"
      | [ ]is(?:[ ]as[ ]follows)?\b(?![ ](?:based|derived|determined|given|provided|supported|found|clear
        |obvious|correct|wrong|in[ ]the|not[ ](?:given|clear|provided)))
      | [ ](?:would|should|must|will|has[ ]to|seems[ ]to|appears[ ]to)[ ]be\b)
    """
# "the correct option is", "Final verdict:", "Conclusion:", Chinese "the answer is"
CHOSEN = r"""
    \b(?:correct|best|right)[ ](?:choice|option|one)(?:[ ]is\b|:)
    | \bfinal[ ](?:verdict|decision|prediction|choice|classification|estimate|count|result)(?:[ ]is\b|:)
    | \bbest[ ](?:guess|estimate|bet)(?:[ ](?:is|would[ ]be)\b|:)
    | ^(?:conclusion|verdict|prediction):
    | \u7b54\u6848[ ]?(?:[:\u662f\u4e3a]){1,2}
    """
MARKER = re.compile(rf"(?:{ANSWER}|{CHOSEN})[ :=>]*(?:-[ ])?", re.I | re.M | re.X)
# "therefore", "I would say", "this suggests"
CONCLUDING = re.compile(
    r"\b(?:therefore|thus|hence|consequently|in conclusion|to conclude|in summary|to sum up"
    r"|overall|accordingly|ultimately|in short|all in all"
    r"|(?:i|we|one) (?:would |can |could |may |must )?(?:conclude|say|answer|infer|deduce)"
    r"|this (?:means|suggests|indicates|implies|confirms)|^so)\b[,:]?",
    re.I,
)
# "wait, no,", "correction:", "let me rephrase", "actually", "but it is actually"
CORRECTION = re.compile(
    r"(?:\b(?:wait(?=[,.!:;-]| no\b| actually\b)|hold on(?=[,.!:;-])|correction(?=[:,])"
    r"|scratch that|i meant?|on second thoughts?|let me (?:correct|rephrase|reconsider|revise)"
    r"|my mistake)|(?:^|[.,;\n] ?|\bbut )(?:actually|in fact|sorry)"
    r"|\bbut (?:it|that|there|this|he|she)(?: is| are| was| were|'s) (?:actually|really|in fact))\b"
    r"[ ,:;.!-]*(?:no[,.] )?(?:actually,? )?",
    re.I,
)
# "3. No, it is 4", "3? No, 4"
REFUTED = re.compile(
    r"[.,;?\n] ?no, (?=it|that|sorry|the|actually|i\b|he|she|they|\d|[\[(])|\?+ ?no[,.:]? ", re.I
)
# "3, because ...", "3, as shown ...", "3, which can be seen ..."
BECAUSE = re.compile(
    r",? (?:because|since|due to|given (?:that|the)|based on|considering"
    r"|as (?:the|it|he|she|they|we|this|there|shown|seen|evidenced|indicated)"
    r"|although|though|even though|which (?:is|can be) (?:seen|shown|evident|supported|indicated)) ",
    re.I,
)
# "the question asks", "we are asked", "one would need to look"
ASKING = re.compile(
    r"\b(?:the|this|your) question "
    r"(?:asks|is (?:asking|about|whether|what|which|if|when|where|how)|wants|concerns)\b"
    r"|\b(?:we|i)(?: are|'m| am) (?:asked|being asked)\b"
    r"|\b(?:i|we|one) (?:would|will|should) (?:need to |have to )?(?:look|watch|check|examine|consider)\b",
    re.I,
)
# A final line that is the first of several: "start: 2", "- red", "1. red"
FIRST_OF_SEVERAL = re.compile(r"(?:start|begin|from|x_?(?:1|min)|first|top|left|[-*] |\(?1[.):])", re.I)


def sentences(text):
    """The sentences and lines of a text, stripped, without empty ones."""
    return [s.strip() for s in SENTENCE.split(text) if s.strip()]


def last_match(pattern, text):
    """The last match of a pattern in a text, or None."""
    return next(reversed([*pattern.finditer(text)]), None)


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
    # What is asked, or would have to be looked at, is not what is said
    if ASKING.search(text):
        parts = [s for s in parts if not ASKING.search(s)]
        text = " ".join(parts)
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
    goes_on = line.endswith(":") or CORRECTION.match(after) or REFUTED.match("\n" + after)
    return rest if several or goes_on or FIRST_OF_SEVERAL.match(line) else line


def corrected(text, *patterns):
    """What is said after the last correction ("3. Wait, it is 4" -> "it is 4"), if there is one."""
    for pattern in patterns or (CORRECTION, REFUTED):
        last = last_match(pattern, text)
        if last and last.start() and last.end() < len(text):
            text = text[last.end() :]
    return text


def core(text):
    """A final line without its reasons: "3, because ..." -> "3"."""
    reason = BECAUSE.search(text, 1)
    return text[: reason.start()] if reason else text
