"""What an answer finally says: the text that decides, without markup, reasons and what it takes back.

No long search and no exception for any string: of a long answer only head and tail are read.
"""

import re
import unicodedata
from typing import NamedTuple

# Characters read of an answer, which concludes at its end, and after an answer marker
HEAD, TAIL, LINE = 800, 2000, 1000
TYPOGRAPHY = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": " - ",
        "\u2212": "-",
        "\u2010": "-",
        "\u2011": "-",
        "\u2192": "->",
        "\u21d2": "->",
        "\u2026": "...",
        "\u2044": "/",
        "\u2022": "-",
        "\u00b0": " ",
    }
)
# "\boxed{63}", "<answer>63</answer>"
BOXED = re.compile(
    r"\\boxed ?\{((?:[^{}\n]|\{[^{}\n]{0,80}\}){0,200})\}|<answer>([^<]{0,300})</answer>", re.I
)
# "**bold**", "# heading", "<b>", "\text{x}", "\(", "$", "_italic_"
MARKUP = re.compile(
    r"\*+|^#+ ?|^> ?|</?[a-z]{1,12}>|\\(?:text|mathrm|mathbf)\{([^{}\n]{0,100})\}|\\[()\[\]]|\$"
    r"|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)",
    re.I | re.M,
)
SPACES, LINES = re.compile(r"[^\S\n]+"), re.compile(r" ?\n[ \n]*")
SENTENCE = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b\d\.) (?=[^a-z])|\n")
# "Answer:", "the answer to the question is as follows", "the answer would be", "the correct option is"
MARKER = re.compile(
    r"\b(?:answer|ans)(?: choice| option| line| here)?(?: to (?:the|this|your) question)?['\"]?"
    r"(?: ?[:=]| ?->| - "
    # but not "the answer is based on"
    r"| is(?: as follows)?\b(?! (?:based|derived|determined|given|provided|supported|found|clear|obvious"
    r"|correct|wrong|in the|not (?:given|clear|provided)))"
    r"| (?:would|should|must|will|has to|seems to|appears to) be\b|$(?=\n))[ :=>]*(?:- )?"
    r"|\b(?:correct|best|right) (?:choice|option)(?: is\b|:)[ :]*",
    re.I | re.M,
)
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


def clean(answer):
    """`answer` with plain quotes, dashes and spaces and without its markdown, HTML and LaTeX; at most HEAD +
    TAIL characters.
    """
    text = cut(answer)
    if not text.isascii():
        text = cut(unicodedata.normalize("NFKC", text.translate(TYPOGRAPHY)).translate(TYPOGRAPHY))
    text = SPACES.sub(" ", text.replace("`", ""))
    if "\\" in text or "<" in text:
        text = BOXED.sub(lambda m: f"\nAnswer: {m[1] or m[2] or ''}\n", text)
    return LINES.sub("\n", MARKUP.sub(lambda m: m[1] or "", text)).strip()


def cut(text):
    """Head and tail of a long text."""
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"


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
    marker = last_match(MARKER, text)
    if marker:
        rest = text[marker.end() :][:LINE].lstrip("\n ")
        line, _, after = rest.partition("\n")
        goes_on = (
            line.endswith(":")
            or CORRECTION.match(after)
            or REFUTED.match("\n" + after)
            or FIRST_OF_SEVERAL.match(line)
        )
        return Final((rest if several or goes_on else line,), True)
    parts = sentences(text)
    # What is asked, or would have to be looked at, is not what is said
    if ASKING.search(text):
        parts = [s for s in parts if not ASKING.search(s)]
        text = " ".join(parts)
    return Final((*[s for s in parts if CONCLUDING.search(s)][-1:], *parts[-1:], text), False)


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
