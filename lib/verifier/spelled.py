"""Numbers in words, as digits: "twenty-five", "two point five", "twice", "the third second".

Number words are read by text2num; what is ours are the idioms.
"""

import re

from text_to_num import alpha2digit

from lib.verifier.languages import with_digits

SMALL = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
""".split()
WORD = "|".join([*SMALL, "hundred", "thousand", "million"])
# "a hundred and five", "two point five"
SPELLED = re.compile(
    rf"\b(?:a (?=hundred|thousand|million))?(?:{WORD})\b(?:[ -](?:and )?(?:{WORD})\b){{0,8}}"
    rf"(?: point(?: (?:{'|'.join(SMALL[:10])})\b){{1,6}})?"
)
# "no one", "the one", "a new one"; but "the last one minute", "the number one"
PRONOUN = re.compile(
    r"\b(no|the|this|that|each|every|any|which|other|another"
    r"|(?:an?|the|this|that) (?!(?:number|option|step|phase|part|count|total|answer|about|around)\b)[a-z]+)"
    r" one\b"
    r"(?! (?:seconds?|minutes?|hours?|hundred|thousand|million|point)\b)"
)
IDIOMS = {
    "once": "1 times",
    "twice": "2 times",
    "thrice": "3 times",
    "half a dozen": "6",
    "a dozen": "12",
    "a pair": "2",
    "a couple": "2",
    "a single": "1",
    "minus": "-",
    "negative": "-",
    "three quarters": "0.75",
    "a quarter": "0.25",
    "half a": "0.5",
    "half an": "0.5",
    "one third": "0.333",
    "a third": "0.333",
    "two thirds": "0.667",
}
IDIOM = re.compile(
    r"\b(?:once(?! (?:the|he|she|it|they))|twice|thrice|half a dozen"
    r"|(?:a )?(?:full |whole )?dozen|a (?:pair|couple)(?: of)?|a single"
    r"|(?:minus|negative) (?=\d|[a-z]+(?: point| degrees|$))|(?:one|two) thirds?|three quarters"
    r"|half an?(?= [a-z])|(?<!and )a quarter|a third(?= of|$))\b ?"
)
# "the third second", "the fifth to the sixth minute"
ORDINAL = re.compile(r"\b[a-z-]+(?= (?:(?:and|to|through|until) (?:the )?[a-z-]+ )?(?:seconds?|minutes?)\b)")
# "2 and a half", "a minute and a half"
HALF = re.compile(
    r"(?<![\d.])(\d{1,9}|\ban?)( (?:hour|minute|second)s?)?[ -]and[ -](?:a[ -]|1 )?(half|quarter)\b"
)
MANY = re.compile(r"(?<![\d.])(\d{1,9}(?:\.\d{1,9})?) ?(thousand|million|k)\b")


# "8,5" outside brackets; but "63,000", "1,2,3"
DECIMAL_COMMA = re.compile(r"\[[^\]\n]*\]|\([^)\n]*\)|(?<![\w.,])(\d{1,6}),(\d{1,2})(?!\d|[.,]\d)")


def with_points(text):
    """A text with its decimal commas as points: "8,5" -> "8.5"."""
    return DECIMAL_COMMA.sub(lambda m: f"{m[1]}.{m[2]}" if m[1] else m[0], text)


def digits(text):
    """Lower-case text with its number words as digits: "twenty-five" -> 25, "two point five" -> 2.5, "twice"
    -> 2 times.
    """
    text = ORDINAL.sub(figure, text.lower())
    text = IDIOM.sub(idiom, PRONOUN.sub(r"\1 ones", text))
    text = MANY.sub(lambda m: f"{float(m[1]) * (1e6 if m[2] == 'million' else 1000):.0f}", text)
    text = HALF.sub(half, SPELLED.sub(figure, text))
    return with_digits(text)


def half(match):
    """ "2 and a half" as "2.5", "a minute and a half" as "1.5 minute"."""
    whole = match[1] if match[1].isdigit() else "1"
    return f"{whole}.{'5' if match[3] == 'half' else '25'}{match[2] or ''}"


def idiom(match):
    """The digits of an idiom, a sign without a space behind it."""
    words = match[0].strip().removesuffix(" of")
    words = "a dozen" if words.endswith("dozen") and "half" not in words else words
    return IDIOMS[words] if words in ("minus", "negative") else IDIOMS[words] + " "


def figure(match):
    """The digits of a number in words."""
    words = match[0].removeprefix("a ")
    return alpha2digit(words, "en", 0)
