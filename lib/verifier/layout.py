"""Layout: JSON, tables, headings and typography as plain lines of "name: value"."""

import json
import re
import unicodedata

from lib.verifier.languages import with_english_signs
from lib.verifier.words import spaced

# Characters read of an answer, which concludes at its end
HEAD, TAIL = 800, 2000
TYPOGRAPHY = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": " - ",
        "\u2212": "-",
    }
    | {"\u2010": "-", "\u2011": "-", "\u2192": "->", "\u21d2": "->", "\u2026": "...", "\u2044": "/"}
    | {"\u2022": "-", "\u00b0": " ", "\u00d7": "x", "\u2190": "<-", "\u00bd": ".5", "\u00bc": ".25"}
    | {
        "\u3001": ", ",
        "\u3002": ". ",
        "\u5230": " to ",
        "\u81f3": " to ",
        "\u79d2": " s ",
        "\u2248": "about ",
    }
)
# "\boxed{63}", "<answer>63</answer>", "<|begin_of_box|>63<|end_of_box|>" (GLM)
BOXED = re.compile(
    r"\\boxed ?\{((?:[^{}\n]|\{[^{}\n]{0,80}\}){0,200})\}|<answer>([^<]{0,600})(?:</answer>|$)"
    r"|<\|begin_of_box\|>([^<]{0,600})<\|end_of_box\|>",
    re.I,
)
# "<weight unit="g">348</weight>"
HTML = "answer|think|strong|em|code|li|ul|ol|span|mark|div|su[bp]|t[dhr]|table|start|end|from|to"
TAGGED = re.compile(rf"<(?!(?:{HTML})\b)([a-z]\w{{1,30}})(?: [^<>]*)?>([^<>]*)</\1>", re.I)
# "Answer: <walking>", as a prompt's own form was shown
ANGLED = re.compile(r"(\banswer[^\w\n<]{0,6}:[^\w\n<]{0,6})<([^<>/\n]{1,80})>", re.I)
# A line that is a heading: "## Steps", "**Steps**"
HEADING = re.compile(r"^ ?(?:#+ ?\**|\*\*)([^*\n:]{1,60}?)(?:\*\*)? ?$", re.M)
# "**bold**", "> quoted", "<b>", "\text{x}", "\(", "$", "_italic_"
MARKUP = re.compile(
    r"\*+|^#+ ?|^> ?|</?[a-z]{1,12}>|<\|\w{1,30}\|>|\\(?:text|math)[a-z]*\{([^{}\n]{0,100})\}"
    r"|\\[()\[\]]|\$"
    r"|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)",
    re.I | re.M,
)
# where Chinese meets a number or a letter
HAN_EDGE = re.compile(r"(?<=[\u4e00-\u9fff])(?=[\dA-Za-z])|(?<=[\dA-Za-z])(?=[\u4e00-\u9fff])")
# the lines that are crossed out where others are ticked
TICKED, CROSSED = re.compile("[\u2705\u2714\u2713]"), re.compile("^.*[\u274c\u2717\u2718\u2716].*$", re.M)
DOUBTED = re.compile(
    r"\b(?:not?|never|neither|nor|or|if|unless|whether|cannot|without|rather|instead|unlike|maybe|perhaps"
    r"|possibly|might|could|may|seem(?:s|ed)?|first|initially|thought|but|wait)\b|n['\u2019]t\b",
    re.I,
)
BOLD = re.compile(r"(?<=[\w,:=] )\*\*([^*:\n]{1,60})\*\*(?! ?:)")
RANGE = re.compile(r"(?<=\d)( ?s)? ?\.\. ?(?=\d)")  # "11s..16s"
SURE = re.compile(r"^[^\w\n]*(confidence|probability|certainty)\b[^:\n]{0,20}: ?[\d.]+ ?%?$", re.I | re.M)
SPACES, LINES = re.compile(r"[^\S\n]+"), re.compile(r" ?\n[ \n]*")


def clean(answer, names=()):
    """`answer` in plain lines: without markdown, HTML and LaTeX, JSON and tables as "name: value"; at most
    HEAD + TAIL characters and what JSON adds. `names`: of the labels, which JSON may have as keys.
    """
    text = cut(answer)
    if not text.isascii():
        # half a character, which JSON can hold and no embedder can read
        text = text.encode("utf-8", "replace").decode()
        text = re.sub(r"(?<=\d)(?=[\u00bd\u00bc])", "", text)
        text = cut(unicodedata.normalize("NFKC", text.translate(TYPOGRAPHY)).translate(TYPOGRAPHY))
        text = HAN_EDGE.sub(" ", text)
    text = with_english_signs(text)
    text = SPACES.sub(" ", text).replace(" & ", " and ")
    if TICKED.search(text):
        text = CROSSED.sub("", text)
    if "\\" in text or "<" in text:
        text = re.sub(r"\\(?:[ ,;:!]|approx\b|sim\b)", " ", text)
        text = TAGGED.sub(r" \1: \2; ", text)
        text = ANGLED.sub(r"\1\2", text)
        text = BOXED.sub(lambda m: f"\nAnswer: {(m[1] or m[2] or m[3] or '').strip()}\n", text)
    if "{" in text or "[" in text:
        text = with_objects_told(text, {name.lower() for name in names})
    if "|" in text:
        text = with_tables_told(text)
    text = RANGE.sub(r"\1 to ", text.replace("`", ""))
    if "**" in text or "#" in text:
        text = HEADING.sub(r"\1:", text)
    return LINES.sub("\n", MARKUP.sub(lambda m: m[1] or "", text)).strip()


def stressed(answer):
    """The phrases that an answer asserts in bold, without headings: "not **A**" and "**A** or B" do not."""
    found = []
    for sentence in re.split(r"[.;!?](?=\s)|\n", answer):
        doubted = DOUBTED.search(BOLD.sub("", sentence))
        found += [phrase.strip(" .") for phrase in BOLD.findall(sentence) if not doubted]
    return list(dict.fromkeys(found))


def cut(text):
    """Head and tail of a long text."""
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"


# ---------------------------------------------------------------- JSON

FENCE = re.compile(r"```[a-z]*|~~~")
OBJECT = re.compile(r"\{|\[(?=\s*[\[{\"'])")
# Keys of what is not the answer
ASIDE = re.compile(
    r"^not(?:_|$)|reason|explanation|rationale|evidence|thought|thinking|analysis|justification|note|comment|confidence"
    r"|probability|consider|second_?(?:choice|best|guess|option)|runner_?up|other|alternative|candidate|reject|eliminat|excluded|distractor|^(?:id|idx|index|no|rank|#)$",
    re.I,
)
SECONDS = ("t (s)", "time (s)", "seconds")
PLACES = ("order", "rank", "step", "position")  # of a list of objects, a column of a table
SIGNS = {True: "yes", False: "no", None: "not given"}


def with_objects_told(text, names):
    """A text with its first JSON objects (and lists of objects or words) written as lines."""
    text, at = FENCE.sub("\n", text), 0
    for _ in range(4):
        found = OBJECT.search(text, at)
        if not found:
            break
        value, end = parse_object(text, found.start())
        at = found.end()
        if value is not None:
            line = tell(value, names)
            text = f"{text[: found.start()]}\n{line}\n{text[end:]}"
            at = found.start() + len(line) + 2
    return text


def parse_object(text, at):
    """(value, end) of the JSON object or list that begins at a place of a text, or (None, at)."""
    try:
        return json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at


def tell(value, names=()):
    """A JSON value as lines: "name: value; name: value", steps with arrows between; what is beside the point
    ("reason") only where a label has its name.
    """
    if isinstance(value, dict):
        return tell_object(value, names)
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        place = next((key for key in PLACES if key in value[0]), None)
        if place and all(isinstance(v.get(place), int) for v in value):
            value = sorted(value, key=lambda v: v[place])
        return "\n".join(tell_object(v, names) for v in value)
    if isinstance(value, list):
        lines = [tell(v, names) for v in value]
        words = any(isinstance(v, str) and not re.match(r"[\d.:]+ ?\w?$", v) for v in value)
        return " -> ".join(lines) if words else f"[{', '.join(lines)}]"
    return SIGNS[value] if value is None or isinstance(value, bool) else str(value)


def tell_object(value, names=()):
    """A JSON object as "name: value; ..."."""
    chosen = [key for key, v in value.items() if v is True or re.match(r"(?i)(?:yes|true|correct)\b", str(v))]
    if len(value) > 1 and chosen and all(len(str(key)) == 1 for key in value):
        return f"Answer: {' or '.join(map(str, chosen))}"  # {"A": false, "B": true}
    fields = {str(k): v for k, v in value.items() if str(k).lower() in names or not ASIDE.search(str(k))}
    parts = [(spaced(key), field(v, names)) for key, v in fields.items()]
    # a list of objects has lines of its own
    return "; ".join(name + (":\n" if "\n" in value else ": ") + value for name, value in parts)


def field(value, names):
    """A value of an object as it stands behind its key: an object in it with commas."""
    line = tell(value, names)
    return line.replace("; ", ", ") if isinstance(value, dict) else line


# ---------------------------------------------------------------- tables

ROW = re.compile(r"^ ?\|?(.*?\|.*?)\|? ?$")
RULE = re.compile(r"^[ |:+-]*-[ |:+-]*$")
YES_OR_NO = re.compile(r"(?:yes|no)\b", re.I)


def with_tables_told(text):
    """A text with its markdown tables as lines: a row of names above one of values as "name: value", rows of
    two cells alike, others with commas.
    """
    lines, rows = [], []
    for line in [*text.split("\n"), ""]:
        cells = ROW.match(line)
        if cells and "||" not in line:
            rows.append([cell.strip(" *`") for cell in cells[1].split("|")])
            continue
        lines += [*(tell_table(rows) if len(rows) > 1 else ["|".join(row) for row in rows]), line]
        rows = []
    return "\n".join(lines[:-1])


def in_place(head, rows):
    """The rows of a table as a column orders them, seconds as such, yes or no behind what it is of."""
    for at, name in enumerate(head[: min(map(len, rows))]):
        if name.lower() in PLACES and all(row[at].isdecimal() for row in rows):
            rows = sorted(rows, key=lambda row, at=at: int(row[at]))
        elif name.lower() in SECONDS:
            rows = [[*row[:at], f"{row[at]} s", *row[at + 1 :]] for row in rows]
        elif at and all(YES_OR_NO.match(row[at]) for row in rows):
            return [[row[0], row[at], *row[1:]] for row in rows]
    return rows


def tell_table(rows):
    """The lines of a table given by its rows of cells."""
    body = [row for row in rows if not RULE.match("|".join(row))]
    if len(body) < len(rows) and len(body) > 1:
        head, *body = body
        if len(body) == 1 and len(head) > 2:
            return [tell_object(dict(zip(head, body[0])))]
        body = in_place(head, body)
    return [f"{row[0].strip('.')}: {', '.join(row[1:])}" for row in body]
