"""Numbers in words, as digits: "twenty-five", "two point five", "twice", "the third second"."""

import re

SMALL = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
""".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ONES = {w: i for i, w in enumerate(SMALL)} | {w: 10 * i for i, w in enumerate(TENS, 2)}
WORD = "|".join([*ONES, "hundred", "thousand"])
# "a hundred and five", "two point five"
SPELLED = re.compile(
    rf"\b(?:a )?(?:{WORD})\b(?:[ -](?:and )?(?:{WORD})\b){{0,8}}"
    rf"(?: point((?: (?:{'|'.join(SMALL[:10])})\b){{1,6}}))?"
)
# "no one", "the one", "one of them"
PRONOUN = re.compile(
    r"\b(?:no|the|this|that|each|every|any|which|other|another) one\b"
    r"|\bone (?:of|can|could|another|by|side|hand|end|would|may|might|must|sees?)\b"
)
IDIOMS = {
    "once": "1 times",
    "twice": "2 times",
    "thrice": "3 times",
    "half a dozen": "6",
    "a dozen": "12",
    "a pair of": "2",
    "a couple of": "2",
    "a single": "1",
    "minus": "-",
    "negative": "-",
    "three quarters": "0.75",
    "a quarter": "0.25",
    "one third": "0.333",
    "a third": "0.333",
    "two thirds": "0.667",
}
IDIOM = re.compile(
    r"\b(?:once(?! (?:the|he|she|it|they))|twice|thrice|half a dozen|a dozen|a pair of|a couple of"
    r"|a single|(?:minus|negative) (?=\d|[a-z]+(?: point| degrees|$))|(?:one|two) thirds?|three quarters"
    r"|a quarter|a third(?= of|$))\b ?"
)
ORDINALS = {"first": 1, "second": 2, "third": 3, "fifth": 5, "eighth": 8, "ninth": 9, "twelfth": 12} | {
    re.sub("y$", "ie", w) + "th": i
    for w, i in ONES.items()
    if w not in ("one", "two", "three", "five", "eight", "nine", "twelve")
}
ORDINALS |= {
    f"{ten}-{one}": 10 * i + ORDINALS[one]
    for i, ten in enumerate(TENS[:4], 2)
    for one in "first second third fourth fifth sixth seventh eighth ninth".split()
}
# "the third second", "the fifth to the sixth minute"
ORDINAL = re.compile(
    rf"\b({'|'.join(sorted(ORDINALS, key=len, reverse=True))})"
    r"(?= (?:(?:and|to|through|until) (?:the )?[a-z-]+ )?(?:seconds?|minutes?)\b)"
)
# "2 and a half"
HALF = re.compile(r"(?<![\d.])(\d{1,9}) and a (half|quarter)\b")
MANY = re.compile(r"(?<![\d.])(\d{1,9}(?:\.\d{1,9})?) ?(thousand|million|k)\b")


def digits(text):
    """Lower-case text with its number words as digits: "twenty-five" -> 25, "two point five" -> 2.5, "twice"
    -> 2 times; "one" the pronoun stays.
    """
    text = ORDINAL.sub(lambda m: f"{ORDINALS[m[1]]}th", text.lower())
    text = PRONOUN.sub(lambda m: m[0].replace("one", "single-item"), text)
    text = IDIOM.sub(idiom, text)
    text = MANY.sub(lambda m: f"{float(m[1]) * (1e6 if m[2] == 'million' else 1000):.0f}", text)
    return HALF.sub(lambda m: f"{m[1]}.{'5' if m[2] == 'half' else '25'}", SPELLED.sub(figure, text))


def idiom(match):
    """The digits of an idiom, a sign without a space behind it."""
    words = match[0].strip()
    return IDIOMS[words] if words in ("minus", "negative") else IDIOMS[words] + " "


def figure(match):
    """The digits of a number in words."""
    whole, _, fraction = match[0].partition(" point")
    total = part = 0
    for word in re.findall("[a-z]+", whole):
        if word == "hundred":
            part = max(part, 1) * 100
        elif word == "thousand":
            total, part = total + max(part, 1) * 1000, 0
        else:
            part += ONES.get(word, 0)
    decimals = "".join(str(ONES[w]) for w in fraction.split())
    return f"{total + part}.{decimals}" if fraction else str(total + part)
