"""Every prompt of the project, how a label is written the way an answer would say it, and in which form the
last line of an answer is asked for.

The wording is the paper's (appendix A.1 and the official data_generation.py), plus one sentence that asks for
a final line in the form of the record's labels, so that the verifier reads what the answer concludes instead
of searching it for the label. The same form asks, hints, trains and tests.
"""

import re

EXPLAIN = (
    "Can you explain step-by-step how one can arrive at this conclusion? End with a line 'Answer: {form}'."
)
DIRECT = "Question: {question}\n" + EXPLAIN
HINT = "Question: {question}\nAnswer: {label}.\n" + EXPLAIN
ONLY_ANSWER = "Give only the answer."
SHORT = "Question: {question}\n" + ONLY_ANSWER + " Its form is '{form}'."
BARE = "{question}"  # a benchmark's own prompt, options and all
CAPTION = "Generate the alt-text:"  # in training and when clips are captioned (VIIT, section 4.2)
STYLES = {"direct": DIRECT, "rationalized": HINT, "short": SHORT, "bare": BARE, "caption": CAPTION}

# For a model that decides whether an answer says what a label says; it replies yes or no
JUDGE = (
    "Question about a video: {question}\nReference answer: {label}\nAnswer to judge: {answer}\n"
    "Does the answer to judge say what the reference answer says (the same thing done by the same one to the "
    "same one, nothing denied, nothing exchanged; other words and more detail are fine)? "
    "Reply with yes or no only."
)

# For a model that writes the questions (paper section 2): the task and the label, which the reply must
# contain and the question must not
WRITE = (
    'A video is labeled "{label}" for the task of {task}. What question could one ask about this video whose '
    "answer should contain the label?\n"
    "Write one question. It must not contain the label or give it away. Reply with the question only."
)

# what a tokenizer may read as a visual placeholder or a control token: never let through into training data
PLACEHOLDER = re.compile(
    r"""
    <\|?/?(?:video|image|vision|img)[\w\ ]*\|?>   # <video>, <image>, <|vision_start|>, </img>
    | <\|[\w\ ]{1,40}\|?> | <[\w\ ]{1,40}\|>     # <|im_end|>, Gemma's <|turn>, <turn|>
    | <(?:IMG_CONTEXT|fake_token_around_image|global-img|row_\d+_col_\d+)>   # InternVL, SmolVLM
    """,
    re.IGNORECASE | re.VERBOSE,
)


def strip_placeholders(text):
    """`text` without visual placeholders and chat control tokens such as <video> or <|im_end|>."""
    return PLACEHOLDER.sub("", text)


def number_text(value):
    """A number as one writes it: 63.0 -> '63', 3.20 -> '3.2'."""
    return f"{round(float(value), 4):g}" if abs(value) < 1e6 else f"{value}"


def times_text(value, label):
    """A time, an interval or a list of intervals as one says it: "2 to 5.5 seconds", "10% to 50% of the
    video".
    """
    if isinstance(value, list) and isinstance(value[0], list):
        return " and ".join(times_text(pair, label) for pair in value)
    values = value if isinstance(value, list) else [value]
    if label.get("unit") == "fraction":
        return " to ".join(number_text(100 * v) + "%" for v in values) + " of the video"
    return " to ".join(number_text(v) for v in values) + " seconds"


def options_of(label):
    """The options of a choice without letters of their own: "A. cat" -> "cat"."""
    options = [str(option) for option in label["options"]]
    leads = [re.match(rf"\(?{chr(ord('A') + n)}[.):] ?(?=\S)", option) for n, option in enumerate(options)]
    return [option[lead.end() :] for option, lead in zip(options, leads)] if all(leads) else options


WHOLE = (1.0, 1.0)  # the frame's width and height in fractions


def frame_of(record):
    """(width, height) of the frame in the coordinates in which boxes of a record are asked for and answered;
    None where they are pixels of a frame whose size is not known.
    """
    system = record.get("boxes") or "fraction"
    if system == "pixels":
        size = record.get("frame_size")
        return tuple(size) if size else None
    return WHOLE if system == "fraction" else (1000.0, 1000.0)


def box_text(value, frame):
    """A box, in fractions, as it is said of a frame of (width, height): "[100, 220, 310, 900]"."""
    if frame not in (WHOLE, None):  # None: a video that cannot be read, so that nobody is asked
        value = [round(part * side) for part, side in zip(value, 2 * frame)]
    return "[" + ", ".join(map(number_text, value)) + "]"


def value_text(label, frame=WHOLE):
    """A label's value as an answer would say it; `frame`: as frame_of gives it, of boxes."""
    kind, value = label["kind"], label["value"]
    if kind in ("interval", "time"):
        return times_text(value, label)
    if kind == "sequence":
        return ", then ".join(value)
    if kind == "box":
        return box_text(value, frame)
    if kind == "number":
        return number_text(value)
    if kind == "choice":
        return f"{value}. {options_of(label)[ord(value) - ord('A')]}"
    if kind == "boolean":
        return "yes" if value else "no"
    return str(value).strip().rstrip(".")


def name_text(label):
    """A label's name as an answer says it before its value."""
    return label["name"].replace("_", " ")


def label_text(labels, frame=WHOLE):
    """The labels of a record as an answer would say them: 'moving left'; of several 'score: 63; difficulty:
    3.2'. `frame`: frame_of the record.
    """
    if len(labels) == 1:
        return value_text(labels[0], frame)
    return "; ".join(f"{name_text(label)}: {value_text(label, frame)}" for label in labels)


FORMS = {
    "text": "WORDS",
    "sequence": "STEP, then STEP, and so on",
    "interval": "START to END seconds",
    "time": "TIME seconds",
    "number": "NUMBER",
    "choice": "LETTER",
    "boolean": "yes or no",
}
BOX_FORMS = {  # by the coordinates; the key `boxes` of a record
    "fraction": "[X1, Y1, X2, Y2] as fractions of the frame",
    "1000": "[X1, Y1, X2, Y2] from 0 to 1000",
    "pixels": "[X1, Y1, X2, Y2] in pixels of the frame",
}
FRACTION_FORMS = {"interval": "START% to END% of the video", "time": "TIME% of the video"}


def form_text(labels, boxes=None):
    """The form in which an answer is asked to say labels of these kinds: 'START to END seconds'; of several
    'score: NUMBER; action: ACTION'. `boxes`: a key of BOX_FORMS.
    """
    usual, forms = {**FORMS, "box": BOX_FORMS[boxes or "fraction"]}, []
    for label in labels:
        fraction = label.get("unit") == "fraction"
        form = (fraction and FRACTION_FORMS.get(label["kind"])) or usual.get(label["kind"])
        forms.append(form or name_text(label).upper())
    if len(labels) == 1:
        return forms[0]
    return "; ".join(f"{name_text(label)}: {form}" for label, form in zip(labels, forms))


def asked(record):
    """The question of a record as it is asked, with the options of a choice."""
    question = strip_placeholders(record["question"]).strip()
    choices = [label for label in record["labels"] if label["kind"] == "choice"]
    lettered = (pair for label in choices for pair in enumerate(options_of(label)))
    return question + "".join(f"\n{chr(ord('A') + number)}. {option}" for number, option in lettered)


def render(record, style):
    """The user's turn, as text, for a record in one of STYLES; the same function asks, trains and tests."""
    if style == "bare":
        return strip_placeholders(record["question"]).strip()
    label, form = (
        label_text(record["labels"], frame_of(record)),
        form_text(record["labels"], record.get("boxes")),
    )
    return STYLES[style].format(question=asked(record), label=label, form=form)
