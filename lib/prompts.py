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

# For a text model that writes questions and answers on a clip from what people said of it (VIIT, section 4.2
# and appendix A, in our words): the task, what each kind of question is, and two worked examples of three
INSTRUCT = (
    "You are shown one video and write one question about it with its answer. What happens in the video you "
    "are told in sentences. Ask and answer as somebody who watches it: never speak of sentences, captions or "
    "descriptions, ask only what they tell, and leave out of the question what only the answer shall say.\n"
    "{kind}\nReply with two lines, 'Question: ...' and 'Answer: ...'.\n\n{examples}\n\n"
    "Sentences: {text}\n{part}"
)
PART = "Ask about this part of them: {sentence}\n"
INSTRUCTION_KINDS = {
    "temporal": (
        "The question is about the order in which things happen: what one does before, while or after "
        "another thing happens. The answer is a full sentence."
    ),
    "causal": (
        "The question asks why or how: what somebody does something for, or what made something happen. The "
        "answer is a full sentence."
    ),
    "short": "The answer has at most three words: who, what, where, of which kind, how many, or yes or no.",
}
INSTRUCTION_EXAMPLES = {
    "temporal": (
        (
            "<Girl> A girl in a yellow coat feeds ducks from a bench, then runs to a swing. <Ducks> The "
            "ducks swim away when a dog barks.",
            "What does the girl do after feeding the animals on the water?",
            "She gets up from the bench and runs to a swing.",
        ),
        (
            "<Cook> A cook chops two onions, heats oil in a pan and puts the onions in. <Helper> A helper "
            "washes the plates meanwhile.",
            "What does the helper do while the cook prepares the food?",
            "The helper washes the plates while the cook chops and fries the onions.",
        ),
        (
            "A truck stops at a red light. Two cyclists pass it on the left before the light turns green.",
            "Who moves on first, the truck or the people on bicycles?",
            "The two cyclists pass the truck while it still waits for the green light.",
        ),
    ),
    "causal": (
        (
            "<Man> A man climbs a ladder to reach a kite in a tree. The ladder slips on the wet grass and he "
            "holds on to a branch.",
            "Why does the man have to hold on to a branch?",
            "The ladder on which he stands slips on the wet grass.",
        ),
        (
            "<Woman> A woman puts on an apron and gloves and takes a brush next to a bucket of white paint.",
            "Why does the woman put on an apron and gloves?",
            "She is about to paint, and does not want to get paint on her clothes and hands.",
        ),
        (
            "<Goalkeeper> The goalkeeper jumps to the right and pushes the ball over the bar.",
            "How does the goalkeeper keep the ball out?",
            "He jumps to the right and pushes it over the bar.",
        ),
    ),
    "short": (
        (
            "<Boy> A boy in a blue cap pulls a sledge with two dogs on it through the snow.",
            "Which animals sit on the sledge?",
            "two dogs",
        ),
        (
            "<Dancer> A dancer turns twice on a wooden stage and bows to the audience.",
            "What does the person do after turning?",
            "bow",
        ),
        (
            "A waiter carries a tray of glasses through a garden and drops it at a fountain.",
            "Where are the glasses dropped?",
            "at a fountain",
        ),
    ),
}

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
