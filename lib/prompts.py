"""Every prompt of the project, and how a label is written the way an answer would say it.

The wording is the paper's (appendix A.1 and the official data_generation.py), plus one sentence that asks for
a final line, so that the verifier reads what the answer concludes instead of searching it for the label.
"""

import re

EXPLAIN = "Can you explain step-by-step how one can arrive at this conclusion? End with a line 'Answer: ...'."
DIRECT = "Question: {question}\n" + EXPLAIN
HINT = "Question: {question}\nAnswer: {label}.\n" + EXPLAIN
ONLY_ANSWER = "Give only the answer."
SHORT = "Question: {question}\n" + ONLY_ANSWER
BARE = "{question}"  # a benchmark's own prompt, options and all
STYLES = {"direct": DIRECT, "rationalized": HINT, "short": SHORT, "bare": BARE}

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
    | <\|[\w\ ]{1,40}\|>                         # <|im_end|>
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


def _one(label):
    kind, value = label["kind"], label["value"]
    if kind in ("interval", "time"):
        values = value if kind == "interval" else [value]
        if label.get("unit") == "fraction":
            return " to ".join(number_text(100 * v) + "%" for v in values) + " of the video"
        return " to ".join(number_text(v) for v in values) + " seconds"
    if kind == "sequence":
        return ", then ".join(value)
    if kind == "box":
        return "[" + ", ".join(number_text(v) for v in value) + "]"
    if kind == "number":
        return number_text(value)
    if kind == "choice":
        return f"{value}. {label['options'][ord(value) - ord('A')]}"
    if kind == "boolean":
        return "yes" if value else "no"
    return str(value).strip().rstrip(".")


def label_text(labels):
    """The labels of a record as an answer would say them: 'moving left'; of several 'score: 63; difficulty:
    3.2'.
    """
    if len(labels) == 1:
        return _one(labels[0])
    return "; ".join(f"{label['name'].replace('_', ' ')}: {_one(label)}" for label in labels)


def render(record, style):
    """The user's turn, as text, for a record in one of STYLES; the same function asks, trains and tests."""
    question = strip_placeholders(record["question"]).strip()
    for label in record["labels"]:
        if label["kind"] == "choice" and style != "bare":
            for number, option in enumerate(label["options"]):
                question += f"\n{chr(ord('A') + number)}. {option}"
    return STYLES[style].format(question=question, label=label_text(record["labels"]))
