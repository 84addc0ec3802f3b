"""Other languages: the signs by which a Chinese or Spanish answer concludes, denies, hedges, says yes or no
and names times, as the English ones that the parsers read. Words are not translated: labels of other
languages are matched by their characters and by embedding.
"""

import re
import unicodedata

from text_to_num import alpha2digit

from lib.verifier.words import Found

CHINESE = [
    (re.compile(pattern, re.M), written)
    for pattern, written in (
        # a line or an answer that is yes or no: "是的,", "答案:否"
        (
            r"((?:^|答案 ?[:是为]+) ?)(?:是的?|对的?|没错|正确|有的?|会的?|能|可以)(?= ?(?:[,.!;]|$))",
            r"\1Yes ",
        ),
        (
            r"((?:^|答案 ?[:是为]+) ?)(?:不是的?|不对|不正确|否|没有|错误?|不会?|不能)(?= ?(?:[,.!;]|$))",
            r"\1No ",
        ),
        (r"而不是|而非|并不是|并非|并没有|并未|不是|不在|不会|没有|没在|并不", " not "),
        (r"(?<=[他她它人们])[没未](?=\w)", " not "),
        (r"而是|但是|但", " but "),
        (r"还是|或者|或", " or "),
        (r"可能|也许|大概|或许|好像|似乎", " maybe "),
        (r"选项|(?<=应)选(?= ?[A-Z])|^选(?= ?[A-Z])", " option "),
        (r"(?<=\d) ?分钟?(?= ?\d)|(?<=\d) ?分钟", " min "),
        (r"从 ?(?=第? ?[\d零一二两三四五六七八九十])", "from "),
        (r" s 之?(?:间|内|处|时)", " s "),
        (r"(?<= s) *(?:左右)?(?:开始|起)[, ]*(?=(?:持续)? ?to\b)", " "),
    )
]
SPANISH_SIGN = re.compile(
    r"\b(?:segundos?|minutos?|respuesta|opci[oó]n|hasta|desde|hay|s[ií](?=\W|$)|está|personas?|ningun[oa]?)\b",
    re.I,
)
SPANISH = [
    (re.compile(pattern, re.I), written)
    for pattern, written in (
        (r"\bla respuesta(?: correcta| final)? es\b(?: la)?", "the answer is"),
        (r"\brespuesta(?: correcta| final)?(?=:)", "Answer"),
        (r"\bsí\b|(?<=: )si\b|^si(?=\W*$)", "yes"),
        (r"\bopci[oó]n\b", "option"),
        (r"\bno es (?:la )?", "not "),
        (r"\bsino\b", "but"),
        (r"(?<=\b[A-Z]) o (?=[A-Z]\b)", " or "),
        (r"\b(?:quiz[aá]s?|tal vez|posiblemente|puede que)\b", "maybe"),
        (r"\bentre (?:el |los |las )?(?=(?:segundos? )?\d)", "between "),
        (r"(?<=\d) (?:y|e) (?:el |los |las )?(?=(?:segundos? )?\d)", " and "),
        (r"\b(?:desde|del?) (?:el |los )?(?=(?:(?:segundo|minuto)s? )?\d)", "from "),
        (r"\b(?:hasta|al?) (?:el |los )?(?=(?:(?:segundo|minuto)s? )?\d)", "to "),
        (r"\bsegundo(s?)\b", r"second\1"),
        (r"\bminuto(s?)\b", r"minute\1"),
    )
]


def with_english_signs(text):
    """A text in its typography cleaned, with the signs of Chinese and Spanish as English ones."""
    if HAN.search(text):
        for pattern, written in CHINESE:
            text = pattern.sub(written, text)
    elif SPANISH_SIGN.search(text):
        for pattern, written in SPANISH:
            text = pattern.sub(written, text)
    return text


# ---------------------------------------------------------------- numbers

HAN = re.compile("[\u4e00-\u9fff]")
DIGITS = {**dict(zip("零一二三四五六七八九", range(10))), "两": 2}
TENS = {"十": 10, "百": 100, "千": 1000}
NUMERAL = f"[{''.join(DIGITS)}{''.join(TENS)}]"
MEASURES = "个人次只台辆位颗名条件张把本头匹组遍圈下步分秒岁米块"
# before a measure word or a unit, behind an ordinal's sign, or alone; a single one stands in many words
NUMERALS = re.compile(
    rf"第 ?(?={NUMERAL}|\d)"
    rf"|(?P<counting>{NUMERAL}{{1,7}})(?= ?(?:[{MEASURES}]|s\b|min\b))"
    rf"|(?P<alone>(?:^|(?<=[:是为]))[ ]?{NUMERAL}{{1,7}})(?= ?(?:[.,;!]|$))"
)


def with_digits(text):
    """Lower-case text with its Chinese or Spanish number words as digits: "二十五个" -> "25个"."""
    if HAN.search(text):
        return re.sub("  +", " ", NUMERALS.sub(figure, text))
    if SPANISH_SIGN.search(text):
        return alpha2digit(text, "es", 0)
    return text


def figure(match):
    """The digits of a numeral, a space in place of the sign of an ordinal."""
    numeral = match["counting"] or match["alone"]
    return f" {number_of(numeral.strip())} " if numeral else " "


def number_of(numeral):
    """A Chinese numeral as a number: "二十五" -> 25, "一百零五" -> 105."""
    whole, digit = 0, 0
    for sign in numeral:
        if sign in TENS:
            whole, digit = whole + (digit or 1) * TENS[sign], 0
        else:
            digit = DIGITS[sign]
    return whole + digit


# ---------------------------------------------------------------- rejections

# "无法确定", "我不知道", "看不清"
REFUSAL = re.compile(
    r"""
    无法(?:从.{0,10}?)?(?:确定|判断|回答|得知|识别|看出|看清|辨认|观看|访问|提供)
    | (?:不能|没法|难以|没办法)(?:确定|判断|回答|得知|识别|看出)
    | 我?不(?:知道|确定|清楚|太清楚)(?:他|她|它|是|视频|答案|$|[.,!])
    | 看不(?:[ ]to[ ]|清|见|出)(?:视频|画面|图像|内容)?
    | 信息不足 | (?:没有|not[ ]|缺乏)足够的?信息
    """,
    re.X,
)
ANSWER = "(?:正确的?|参考|标准|最终)?(?:答案|标签|提示|标注|结论)"
# by what a Chinese rationalization shows that it was told the answer
LEAK = re.compile(
    rf"""
    # "给定的答案", "已知答案", "根据标签"
    (?:给定|给出|所给|提供|已知|已给|预设|既定|告知)的?{ANSWER}
    | (?:根据|按照|依据|鉴于|基于|符合|既然|因为|由于|正如|如)(?:题目|题干|用户|这个|该|所|中|里|的)*
      (?:给定|给出|提供|已知)?的?{ANSWER}(?!可能|应该|应为)
    # "答案已经给出", "标签是"
    | (?:答案|标签|标注)(?:已经|已|就)(?:给出|给定|告诉|告知|提供|知道|说明)
    | (?:标签|标注)(?:是|为|显示|写着|说|表明)
    # "题目告诉我们答案", "用户说答案是"
    | (?:题目|题干|问题|用户|提示|标签)(?:已经|已|中|里|也|还)*(?:告诉|给出|给了|说了?|提供|指出|告知)
      (?:了|我们|我|的|正确)*(?:答案|标签|结果|结论|是)
    | 我们?(?:已经|已|被)+(?:知道|告知|告诉)(?:了|正确|最终)*(?:答案|标签|结果)
    | 提示(?:说|中|里|表明|指出|告诉)
    """,
    re.X,
)

# ---------------------------------------------------------------- names

CLAUSE = re.compile(r"[,.;!?\n]|\bbut\b")
DENIED, HEDGED = re.compile(r"\b(?:not|no)\b|n't\b"), re.compile(r"\b(?:maybe|or|might)\b")


def by_characters(text, names):
    """The one of these names that a lower-case text asserts by its characters, where one of them is not
    written in plain Latin letters: Found, or None where it says none.
    """
    if all(name.isascii() for name in names):
        return None
    text, found = unicodedata.normalize("NFKC", text), {}
    for name in sorted(names, key=len, reverse=True):
        # in an alphabet a name stands between words
        word = re.escape(unicodedata.normalize("NFKC", name).lower())
        pattern = word if HAN.search(name) else rf"(?<!\w){word}(?!\w)"
        for match in re.finditer(pattern, text):
            before = CLAUSE.split(text[: match.start()])[-1]
            behind = CLAUSE.split(text[match.end() :])[0]
            hedged = HEDGED.search(before) or re.match(r" ?or\b", behind)
            stance = "denied" if DENIED.search(before) else "hedged" if hedged else "asserted"
            found.setdefault(name, stance)
            if stance == "asserted":
                found[name] = stance
        text = re.sub(pattern, " ", text)  # a shorter name within a longer one is not said
    asserted = sorted(name for name, stance in found.items() if stance == "asserted")
    if len(asserted) == 1:
        return Found(asserted[0])
    if asserted:
        return Found(None, "several: " + ", ".join(asserted[:5]))
    return Found(None, "{} is {}".format(*list(found.items())[-1])) if found else None
