"""Captions of the demo's clips: written from the renderer's facts, and read again against them.

A caption says what happens, in which colours and where: "a red shape moving left along the top", "a shape
turning from red to blue at the left", "a blue shape blinking twice at the right". Of shapes nothing is said:
at 32 pixels the demo's model cannot tell a circle from a square.
"""

import re

from lib.demo.world import COLORS, SECONDS, questions
from lib.prompts import label_text, render

TIMES = ("once", "twice", "three times")
ACROSS, DOWN = ("left", "middle", "right"), ("top", "middle", "bottom")
EVENTS = {"motion": "motion", "change": "order", "blink": "times"}
COLOR = "|".join(COLORS)
CAPTION = re.compile(
    rf"""
    an?[ ](?:(?P<color>{COLOR})[ ])?shape
    (?: [ ](?P<motion>moving[ ](?:left|right|up|down)|growing|shrinking)
      | [ ]turning[ ]from[ ](?P<colors>(?:{COLOR})(?:[ ]to[ ](?:{COLOR}))+)
      | [ ]blinking[ ](?P<times>once|twice|three[ ]times)
    )?
    (?: [ ](?:at|along)[ ]the[ ](?P<place>left|right|top|bottom|middle) )?
    \.?
    """,
    re.X,
)


def third(value, names):
    """In which third of the frame a place in tenths lies: one of three names."""
    return names[0] if value < 4 else names[2] if value > 6 else names[1]


def place(facts):
    """Where the shape is: of a motion from side to side its height, of all others where between the sides."""
    x, y, _ = facts["first"]
    if facts.get("motion") in ("moving left", "moving right"):
        return third(y, DOWN)
    return third(x, ACROSS)


def color_of(facts):
    """The shape's first colour; it is there in the first second."""
    return facts["seconds"][0]


def caption(facts):
    """The caption that says all of a clip that captions say."""
    if facts["event"] == "motion":
        way = "along" if facts["motion"].startswith("moving") else "at"
        return f"a {color_of(facts)} shape {facts['motion']} {way} the {place(facts)}"
    if facts["event"] == "change":
        return f"a shape turning from {' to '.join(facts['colors'])} at the {place(facts)}"
    times = TIMES[len(facts["gone"]) - 1]
    return f"a {color_of(facts)} shape blinking {times} at the {place(facts)}"


def still_caption(facts, second=SECONDS // 2):
    """What the frame in the middle of a clip shows."""
    color = facts["seconds"][second]
    if color == "gone":
        return "nothing"
    share = (second + 0.5) / SECONDS
    x = (1 - share) * facts["first"][0] + share * facts["last"][0]
    return f"a {color} shape at the {third(x, ACROSS)}"


def narrative(facts):
    """A longer text on a clip, sentence by sentence, from which questions can be written."""
    where, first = place(facts), color_of(facts)
    if facts["event"] == "motion":
        x, y, reach = facts["last"]
        return (
            f"A {first} shape is seen in the {where} part of the picture. It is {facts['motion']}. "
            f"At last it is at x {x} y {y} reach {reach}."
        )
    if facts["event"] == "change":
        cuts = facts["cuts"]
        later = (f"At {cut} seconds it turns {c}." for cut, c in zip(cuts[1:], facts["colors"][1:]))
        return f"A shape stands in the {where} part of the picture. At first it is {first}. {' '.join(later)}"
    gone = " and ".join(f"at {second} seconds" for second in facts["gone"])
    return (
        f"A {first} shape stands in the {where} part of the picture. It vanishes {gone} and comes back. "
        f"It blinks {TIMES[len(facts['gone']) - 1]}."
    )


def stated(text):
    """What a caption states, {"color", "colors", "motion", "times", "place"}; None where it is no caption of
    this world, or says nothing of what happens.
    """
    match = CAPTION.fullmatch(" ".join(text.split()))
    if not match or not any(match[part] for part in ("motion", "colors", "times")):
        return None
    found = {name: value for name, value in match.groupdict().items() if value}
    if "colors" in found:
        found["colors"] = found["colors"].split(" to ")
    return found


def is_true_caption(text, facts):
    """Whether a caption says what happens in a clip, and every fact that it states is so."""
    facts_stated = stated(text)
    if facts_stated is None:
        return False
    true = {
        "color": None if facts["event"] == "change" else color_of(facts),
        "colors": facts.get("colors"),
        "motion": facts.get("motion"),
        "times": TIMES[len(facts["gone"]) - 1] if facts["event"] == "blink" else None,
        "place": place(facts),
    }
    return all(true[name] == value for name, value in facts_stated.items())


def same_colours(one, other):
    """Whether two clips show the same colours, in any order."""
    seen = ({color for color in facts["seconds"] if color != "gone"} for facts in (one, other))
    return next(seen) == next(seen)


def same_event(one, other):
    """Whether the same happens in two clips: the same motion, as many colours in the same order where they
    are the same, as often gone.
    """
    if one["event"] != other["event"]:
        return False
    if one["event"] == "motion":
        return one["motion"] == other["motion"]
    if one["event"] == "blink":
        return len(one["gone"]) == len(other["gone"])
    if not same_colours(one, other):
        return len(one["colors"]) == len(other["colors"])
    return one["colors"] == other["colors"]


def instructions(facts):
    """[(kind, user's turn, answer)] on a clip: every question with its reasoning ("temporal") and short."""
    rows = []
    for _, question, labels, reasoning in questions(facts):
        record, answer = {"question": question, "labels": labels}, label_text(labels)
        rows.append(("temporal", render(record, "direct"), f"{reasoning}\nAnswer: {answer}"))
        rows.append(("short", render(record, "short"), answer))
    return rows
