"""One sentence that answers a record with its labels: the template baseline of the paper (section 4,
"Video-LLaVA+"), in which labels become question-answer pairs by simple templates."""

import hashlib

from lib.prompts import label_text

ANSWERS = {
    "class": [
        "The video shows {value}.",
        "This is {value}.",
        "What one sees here is {value}.",
        "It is a video of {value}.",
        "The {name} is {value}.",
    ],
    "text": ["{value}", "In the video one sees this: {value}", "What happens is this: {value}"],
    "sequence": [
        "The steps are: {value}.",
        "In order, one sees {value}.",
        "The video shows {value}.",
        "It goes like this: {value}.",
    ],
    "interval": [
        "It happens from {value}.",
        "It lasts from {value}.",
        "One sees it from {value}.",
        "The segment from {value} shows it.",
    ],
    "time": [
        "It happens at {value}.",
        "It takes place at {value}.",
        "One sees it at {value}.",
        "The moment is at {value}.",
    ],
    "box": [
        "It is at {value}.",
        "Its bounding box is {value}.",
        "One finds it at {value}.",
        "The box {value} encloses it.",
    ],
    "number": [
        "The {name} is {value}.",
        "The {name} comes to {value}.",
        "It has a {name} of {value}.",
        "I estimate the {name} at {value}.",
    ],
    "choice": [
        "The answer is {value}.",
        "The right option is {value}.",
        "It is {value}.",
        "I choose {value}.",
    ],
    "boolean": ["The answer is {value}.", "My answer is {value}.", "To this the video says {value}."],
}


def template_answer(record, seed):
    """The sentence, of the bank's by a hash of seed and id."""
    labels = record["labels"]
    # each of several is stated by its name, which is how the verifier finds it
    if len(labels) > 1:
        text = "; ".join(f"the {spoken(label)} is {label_text([label])}" for label in labels)
        return f"{text[0].upper()}{text[1:]}."
    kind, value = labels[0]["kind"], labels[0]["value"]
    # steps that are whole sentences have commas of their own
    if kind == "sequence" and any(step.rstrip().endswith(".") for step in value):
        text = " ".join(f"{n}. {step.strip().rstrip('.')}." for n, step in enumerate(value, 1)).rstrip(".")
    elif kind == "text":
        text = value.strip()
    else:
        text = label_text(labels).rstrip(".")
    digest = hashlib.sha256(repr((seed, record["id"], "answer")).encode()).digest()
    drawn = int.from_bytes(digest[:6], "big") / 2**48
    bank = ANSWERS[kind]
    return bank[int(drawn * len(bank))].format(name=spoken(labels[0]), value=text)


def spoken(label):
    """A label's name in words."""
    return label["name"].replace("_", " ")
