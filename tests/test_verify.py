"""The verifier: tables of answers by kind, the official verifier's defects by name, degenerate and leaking
answers, and 20,000 nasty strings.
"""

import json
import random
import re
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, lines, sh

from lib.labels import KINDS, record_problem
from lib.prompts import label_text
from lib.records import StageError, line_of
from lib.verifier import Embedder, clean, embedding, final, iou, stem, verify, vocabularies
from lib.verifier.spelled import digits
from lib.verifier.verdicts import attempt

AUDIT = Path(__file__).parent / "audit"
ACTIONS = [
    "riding a bike",
    "riding mountain bike",
    "water skiing",
    "skiing",
    "running",
    "running on treadmill",
    "jogging",
    "playing guitar",
    "playing drums",
    "washing hands",
    "washing dishes",
    "turning on light",
    "turning off light",
    "catching or throwing frisbee",
    "throwing ball",
    "sitting down",
    "standing up",
    "push up",
    "skateboarding",
    "eating cake",
    "making pizza",
    "mopping floor",
]
MOTIONS = ["moving left", "moving right", "moving up", "moving down", "growing", "shrinking"]
PUSHES = [
    "Pushing something from left to right",
    "Pushing something from right to left",
    "Pulling something from left to right",
    "Moving something up",
]
COLORS = ["red", "green", "blue", "yellow", "white"]


def no_embedding(strings):
    raise AssertionError(f"words should have decided, but {strings} were to be embedded")


def judged(
    answer,
    kind,
    value,
    question="What is happening?",
    duration=None,
    embed=no_embedding,
    origin="direct",
    **label,
):
    record = {
        "id": "x",
        "question": question,
        "labels": [{"name": "it", "kind": kind, "value": value, **label}],
        "answer": answer,
        "origin": origin,
        "duration": duration,
    }
    return verify(record, {}, embed)


@pytest.fixture(scope="session")
def embed():
    pytest.importorskip("torch")
    return Embedder()


def table(rows):
    """(kind, value, other settings, right answers, wrong answers) as single test cases."""
    return [
        pytest.param(answer, ok, kind, value, settings, id=f"{kind}-{ok}-{answer[-40:]}")
        for kind, value, settings, right, wrong in rows
        for ok, answers in ((True, right), (False, wrong))
        for answer in answers
    ]


DECIDED_BY_WORDS = table(
    [
        (
            "class",
            "riding a bike",
            {"options": ACTIONS},
            [
                "Two wheels, a saddle.\nAnswer: riding a bike",
                "Answer: The person is riding a bike.",
                "**Answer:** rides his bicycle down the street",
                "Answer: A man rode a blue bike.",
                "Pedals turn. Therefore, the action is bike riding.",
                "\\boxed{\\text{riding a bike}}",
                "<answer>Riding a Bike</answer>",
                "### Answer\nriding a bike",
                "The final answer is **riding a bike**.",
                "Answer: riding a bike, because his feet are on the pedals",
                "Answer: not running but riding a bike",
            ],
            [
                "He is riding a bike.\nAnswer: running",
                "Answer: riding a mountain bike",
                "Answer: not riding a bike",
                "Answer: riding a bike or running",
                "Answer: It could be riding a bike.",
                "Answer: running instead of riding a bike",
                "Answer: riding a bike. Wait, no, it is running.",
                "Possible actions are riding a bike, running and skiing.",
                "Answer: Riding a bike can be ruled out.",
            ],
        ),
        (
            "class",
            "running",
            {"options": ACTIONS},
            [
                "Answer: He ran across the field.",
                "Answer: rather than jogging, she is running",
                "It isn't skiing. It's running.",
                "Answer: running, not jogging",
            ],
            [
                "Answer: running on a treadmill",
                "Answer: no one is running",
                "Answer: neither running nor jogging",
                "Answer: jogging, running, skiing",
                "Answer: maybe running",
            ],
        ),
        (
            "class",
            "skiing",
            {"options": ACTIONS},
            ["Answer: The man skis down a slope.", "Answer: not water skiing but skiing"],
            ["Answer: water skiing", "Answer: waterskiing", "Answer: not skiing but water skiing"],
        ),
        (
            "class",
            "turning on light",
            {"options": ACTIONS},
            ["Answer: turning the light on"],
            ["Answer: He turns the light off.", "Answer: turning off the lights"],
        ),
        (
            "class",
            "catching or throwing frisbee",
            {"options": ACTIONS},
            ["Answer: throwing a frisbee", "Answer: throwing and catching a frisbee"],
            ["Answer: throwing a ball"],
        ),
        (
            "class",
            "skateboarding",
            {"options": ACTIONS},
            ["Answer: skatebording", "Answer: A boy skateboards."],
            [],
        ),
        ("class", "push up", {"options": ACTIONS}, ["Answer: doing push-ups", "Answer: pushups"], []),
        (
            "class",
            "HandstandPushups",
            {"options": ["PushUps", "HandstandPushups", "ApplyEyeMakeup"]},
            ["Answer: Handstand Pushups", "Answer: handstandpushups"],
            ["Answer: push ups", "Answer: applying eye makeup"],
        ),
        (
            "class",
            "sitting down",
            {"options": ACTIONS, "aliases": ["taking a seat"]},
            ["Answer: She takes a seat.", "Answer: He sat down."],
            ["Answer: standing up", "Answer: sitting down and standing up"],
        ),
        (
            "class",
            "moving left",
            {"options": MOTIONS},
            [
                "Answer: It moves to the left.",
                "Answer: It moves from right to left.",
                "Answer: moving left, not right",
            ],
            [
                "Answer: moving from left to right",
                "Answer: it does not move left but right",
                "Answer: moving left and up",
                "Answer: It starts on the left and moves right.",
            ],
        ),
        (
            "class",
            PUSHES[0],
            {"options": PUSHES},
            [
                "Answer: pushing a cup from left to right",
                "Answer: The hand pushes the box from the left to the right",
            ],
            ["Answer: pushing a cup from right to left", "Answer: pulling a cup from left to right"],
        ),
        (
            "number",
            63.0,
            {"question": "How would the judges score this dive?"},
            [
                "Answer: 63",
                "Answer: 62.5",
                "Answer: 63/100",
                "Answer: The judges would score it 63 out of 100.",
                "Answer: sixty-three",
                "Answer: 20 x 3.15 = 63",
                "Answer: On a scale from 0 to 100, I would give it 63.",
                "Answer: The score is 63, given the difficulty of 3.2.",
                "Answer: between 62 and 64",
                "Answer: 6.5 + 6.5 + 7 = 20, times 3.15 gives 63",
            ],
            [
                "Answer: 53",
                "Answer: 6.3",
                "Answer: -63",
                "It is worth 63.\nAnswer: 75",
                "Answer: between 50 and 76",
                "Answer: 1-100",
                "Answer: 63 or 80",
                "Answer: not 63",
                "Answer: more than 63",
                "Answer: 63. Correction: 75.",
                "Answer: 63 frames",
                "Answer: It isn't 63.",
                "Answer: It never reaches 63.",
                "Answer: 75; the range is 40 to 63.",
                "Answer: = 63, times 3.2 gives 201.6",
                "Answer: It took 63 seconds.",
                "Answer: 63,000",
            ],
        ),
        (
            "number",
            3,
            {"question": "How many people are in the video?"},
            [
                "Answer: three",
                "Answer: There are three people and two dogs.",
                "Answer: There are 2 men and 1 woman, so 3 people in total.",
                "Answer: 3 people (2 men and 1 woman)",
                "Across the 8 frames I see 3 people.",
            ],
            [
                "Answer: 3 dogs and 4 people",
                "Answer: three or four",
                "Answer: the third person",
                "Answer: the video lasts 3 seconds",
                "Answer: 3? No, 4.",
            ],
        ),
        (
            "number",
            2,
            {"question": "How many times does it vanish?"},
            ["Answer: twice", "Answer: It vanishes 2 times, at 3 s and at 5 s."],
            ["Answer: once", "Answer: at 2 seconds"],
        ),
        (
            "number",
            0,
            {"question": "How many cars pass?"},
            ["Answer: zero", "Answer: none", "Answer: No cars pass."],
            ["Answer: 0.1", "Answer: 1"],
        ),
        (
            "number",
            -4.5,
            {},
            ["Answer: -4.5", "Answer: \u22124.5 degrees", "Answer: minus 4.5 degrees"],
            ["Answer: 4.5", "Answer: 0-4.5"],
        ),
        ("number", 12500, {}, ["Answer: 12,500", "Answer: about 12.5 thousand"], ["Answer: 12"]),
        ("number", 0.75, {}, ["Answer: 75%", "Answer: .75"], ["Answer: 7.5"]),
        (
            "time",
            3.2,
            {"duration": 10},
            [
                "Answer: 3.2 seconds",
                "Answer: 0:03",
                "Answer: at the 3 second mark",
                "Answer: three seconds into the video",
                "Answer: 00:00:03",
                "Answer: 32% of the way through",
                "Answer: 3",
                "Answer: the 3rd second",
                "Answer: in the third second",
                "Answer: It does not hit until 3 s.",
                "Answer: between 3 and 4 seconds",
            ],
            [
                "Answer: 5 seconds",
                "Answer: 0:32",
                "Answer: frame 3",
                "Answer: 3 minutes",
                "Answer: 3 s or 7 s",
                "Answer: not at 3 s but at 6 s",
                "Answer: 3 people",
                "Answer: at the end",
                "Answer: It doesn't hit at 3 s.",
                "It hits at 3.2 s.\nAnswer: 8 s",
            ],
        ),
        (
            "time",
            0.5,
            {"duration": 20, "unit": "fraction"},
            ["Answer: 0.5", "Answer: 50%", "Answer: halfway through the video", "Answer: at 10 seconds"],
            ["Answer: 0.9", "Answer: 5"],
        ),
        (
            "interval",
            [2, 5],
            {"duration": 8},
            [
                "Answer: 2 to 5 seconds",
                "Answer: 2-5 s",
                "Answer: between 2 and 5 seconds",
                "Answer: [2, 5]",
                "Answer: 00:02\u201300:05",
                "Answer: It starts at 2 seconds and ends at 5 seconds.",
                "Answer: start: 2.0, end: 5.0",
                "Answer: 5 to 2 seconds",
                "Answer: two to five seconds",
                "Answer: 25% to 62% of the video",
                "Answer: 00:02.0 --> 00:05.0",
                "Answer: the end is 5 and the start is 2",
                "Answer: the period spanning 2 through 5 seconds",
                "It has 8 frames and 2 people. The shape is blue between 2 and 5 seconds.",
            ],
            [
                "Answer: 6 to 8 seconds",
                "Answer: 2 seconds",
                "Answer: frames 2 to 5",
                "Answer: 2 to 5 people",
                "Answer: not from 2 to 5 s but from 6 to 8 s",
                "Answer: 2 to 5 s or 6 to 8 s",
                "Answer: 2 to 5 minutes",
                "Answer: 2 to 2 seconds",
                "Answer: throughout the whole video",
            ],
        ),
        (
            "interval",
            [0, 4],
            {"duration": 8},
            [
                "Answer: the first 4 seconds",
                "Answer: from the beginning until 4 s",
            ],
            ["Answer: the last 4 seconds", "Answer: from 4 s to the end"],
        ),
        (
            "interval",
            [24.3, 30.4],
            {"duration": 30.4},
            ["Answer: 24 to 99 seconds"],
            [],
        ),
        (
            "interval",
            [0.2, 0.5],
            {"duration": 20, "unit": "fraction"},
            ["Answer: 0.2 to 0.5", "Answer: 20-50%", "Answer: 4 s to 10 s"],
            ["Answer: 2 to 5"],
        ),
        (
            "box",
            [0.5, 0.3, 0.9, 0.7],
            {},
            [
                "Answer: [0.5, 0.3, 0.9, 0.7]",
                "Answer: (.5,.3,.9,.7)",
                "Answer: x1=0.5, y1=0.3, x2=0.9, y2=0.7",
                "Answer: (0.5, 0.3) to (0.9, 0.7)",
                "Answer: [50%, 30%, 90%, 70%]",
                "Answer: x from 0.5 to 0.9, y from 0.3 to 0.7",
                "Answer: x=0.5, y=0.3, width=0.4, height=0.4",
                "Answer: 50% to 90% of the width and 30% to 70% of the height",
                "Answer: vertically 0.3 to 0.7, horizontally 0.5 to 0.9",
                "First [0.1, 0.3, 0.5, 0.7]. At last it is at [0.5, 0.3, 0.9, 0.7].",
            ],
            [
                "Answer: [0.5, 0.3, 0.9]",
                "Answer: [0.9, 0.7, 0.5, 0.3]",
                "Answer: [500, 300, 900, 700]",
                "Answer: [0.5, 0.3, 0.5, 0.3]",
                "Answer: [0.5, 0.3, 0.9, 0.7] or [0.1, 0.1, 0.3, 0.3]",
                "Answer: not [0.5, 0.3, 0.9, 0.7]",
                "Answer: lower right",
            ],
        ),
        (
            "choice",
            "B",
            {"options": ["moving left", "moving right", "moving up", "staying still"]},
            [
                "Answer: B",
                "Answer: (b)",
                "Answer: B) moving right",
                "Answer: moving right",
                "The correct option is B.",
                "A is wrong and so is C. So the answer is B.",
                "Answer: not A but B",
                "Answer: A? No, it is B.",
            ],
            [
                "Answer: A",
                "Answer: A or B",
                "Answer: B. moving left",
                "Answer: A ball is visible",
                "Answer: not B",
                "A. moving left\nB. moving right\nC. moving up\nD. staying still",
                "Answer: none of the above",
                "Answer: Be careful",
                "",
            ],
        ),
        (
            "choice",
            "A",
            {"options": ["The closet/cabinet.", "The blanket.", "The clothes."]},
            ["Answer: the cabinet", "Answer: The person tidied up the closet."],
            ["Answer: A man is in the video", "Answer: A person tidied the blanket."],
        ),
        (
            "boolean",
            True,
            {"question": "Is the door open?"},
            [
                "Answer: yes",
                "Answer: The door is open.",
                "Answer: No doubt, yes",
                "Answer: The door is not closed.",
                "Answer: No. Wait, actually yes.",
            ],
            [
                "Answer: no",
                "Answer: The door is closed.",
                "Answer: not sure",
                "Answer: yes and no",
                "Answer: nothing",
                "Answer: Is the door open?",
                "",
            ],
        ),
        (
            "boolean",
            False,
            {"question": "Is there a person running?"},
            [
                "Answer: No, nobody is.",
                "Answer: There is no person running.",
                "Answer: Definitely not.",
                "Answer: It is not true that a person is running.",
                "Nobody is running.",
            ],
            [
                "Answer: nothing",
                "Answer: not sure",
                "Answer: There is a person running.",
                "Answer: Normal",
                "Answer: none",
            ],
        ),
        (
            "sequence",
            ["red", "blue", "green"],
            {"options": COLORS},
            [
                "Answer: red, then blue, then green",
                "Answer: red \u2192 blue \u2192 green",
                "Answer: green after blue after red",
                "Answer:\n1. red\n2. blue\n3. green",
                "Answer: It ends green. Before that it is blue, and before that red.",
                "Answer: Before turning blue and then green, it was red.",
            ],
            [
                "Answer: red, green, blue",
                "Answer: red, blue",
                "Answer: red, then blue, then yellow, then green",
                "Answer: red after blue, then green",
                "Answer: red, then blue, but never green",
                "Answer: red, blue or green",
                "Answer: green. Before that red, and before that blue.",
            ],
        ),
        (
            "sequence",
            ["Inward", "3.5 Soms.Tuck", "Entry"],
            {"options": ["Forward", "Inward", "Entry", "3.5 Soms.Tuck", "2.5 Soms.Tuck"]},
            ["Answer: Inward, then 3.5 Soms.Tuck, then Entry"],
            ["Answer: Inward, then 2.5 Soms.Tuck, then Entry", "Answer: Entry, 3.5 Soms.Tuck, Inward"],
        ),
    ]
)


@pytest.mark.parametrize("answer, ok, kind, value, settings", DECIDED_BY_WORDS)
def test_words_decide(answer, ok, kind, value, settings):
    # Nothing is like anything: what is accepted is accepted by its words
    vectors = lambda strings, adapted=False: np.zeros((len(strings), 1), np.float32)
    result = judged(answer, kind, value, embed=vectors, **settings)
    assert (result["verdict"] == "correct") == ok, result
    json.dumps(result)


DECIDED_BY_MEANING = table(
    [
        (
            "text",
            "The banana turns from green to yellow.",
            {},
            ["Answer: The banana goes from green to yellow."],
            ["Answer: The colour of the banana changes from yellow to green."],
        ),
        (
            "class",
            "moving left",
            {"options": MOTIONS},
            ["Answer: leftwards", "Answer: drifting to the left side"],
            ["Answer: It goes up", "Answer: rightwards"],
        ),
        (
            "class",
            "turning on light",
            {"options": ["turning on light", "turning off light"]},
            ["Answer: switching on the light"],
            ["Answer: switching off the light"],
        ),
        (
            "class",
            "riding a bike",
            {"options": ACTIONS},
            ["Answer: cycling", "Answer: pedaling a bicycle"],
            ["Answer: fixing a bike", "Answer: driving a car"],
        ),
        (
            "class",
            "playing guitar",
            {"options": ACTIONS},
            [],
            ["Answer: holding a guitar", "Answer: tuning a guitar"],
        ),
        ("class", "eating cake", {"options": ACTIONS}, [], ["Answer: eating pizza", "Answer: baking bread"]),
        (
            "class",
            "mopping floor",
            {"options": ACTIONS},
            ["Answer: mopping"],
            ["Answer: standing on the floor"],
        ),
        (
            "choice",
            "B",
            {"options": ["He is hungry", "To help the child stand up", "He is tired"]},
            ["Answer: helping the child stand up"],
            ["Answer: to look at the child"],
        ),
        (
            "sequence",
            ["open the fridge", "take out the milk", "pour the milk into a glass"],
            {},
            [
                "Answer: opens the refrigerator door, grabs the milk, pours some milk into a cup",
                "Answer: He pours the milk into a glass after taking out the milk. "
                "Before that, he opens the fridge.",
            ],
            [
                "Answer: takes out the milk, opens the fridge, pours the milk into a glass",
                "Answer: closes the fridge, takes out the milk, pours the milk into a glass",
                "Answer: He makes breakfast.",
            ],
        ),
        (
            "sequence",
            ["take out the old bulb", "install the new bulb", "put back the lampshade"],
            {
                "options": [
                    "take out the old bulb",
                    "install the new bulb",
                    "put back the lampshade",
                    "light up",
                ]
            },
            [],
            ["1) take out the old bulb 2) install the new bulb 3) light up"],
        ),
        (
            "sequence",
            ["put steak on grill", "check temperature", "flip steak"],
            {},
            ["He lays it on the hot grill, checks its temperature after a while and flips the steak."],
            ["He lays it on the hot grill, flips it after a few minutes, and checks its temperature."],
        ),
        (
            "sequence",
            ["the van overtakes the bus", "the bus honks"],
            {},
            ["The van overtakes the bus, then the bus honks."],
            ["The bus overtakes the van, then the van honks."],
        ),
        (
            "sequence",
            ["pour the milk", "drink the milk"],
            {},
            [],
            ["The milk is poured into a glass and then frozen."],
        ),
        (
            "text",
            "Close the book.",
            {"question": "What will the person do next?"},
            ["The person is about to shut the book."],
            ["The person is about to open the book.", "The person will not shut the book."],
        ),
        (
            "text",
            "to protect her hands from the heat",
            {"question": "Why does she put on gloves?"},
            ["So that the heat does not burn her hands."],
            ["Because it is snowing."],
        ),
        (
            "text",
            "The girl runs faster than the boy.",
            {},
            ["The girl is running faster than the boy."],
            ["The girl runs slower than the boy."],
        ),
        (
            "text",
            "The man gives the woman a red ball.",
            {},
            ["Answer: A man hands a red ball to a woman.", "Answer: a woman is given a red ball by a man"],
            [
                "Answer: The woman gives the man a red ball.",
                "Answer: The man gives the woman a blue ball.",
                "Answer: The man does not give the woman a red ball.",
                "Answer: The man is given a red ball by the woman.",
                "Answer: A dog runs in the park.",
            ],
        ),
        (
            "text",
            "The clothes.",
            {"question": "Which object was tidied up by the person?"},
            ["Answer: some clothing", "Answer: The person tidied up the clothes."],
            ["Answer: The blanket.", "Answer: not the clothes", "Answer: The clothes or the blanket"],
        ),
        (
            "text",
            "to comfort the crying baby",
            {"question": "Why did the woman pick up the baby?"},
            ["Answer: She wanted to calm the baby because it was crying."],
            ["Answer: to feed the baby", "Answer: to leave the room"],
        ),
    ]
)


@pytest.mark.parametrize("answer, ok, kind, value, settings", DECIDED_BY_MEANING)
def test_meaning_decides(answer, ok, kind, value, settings, embed):
    result = judged(answer, kind, value, embed=embed, **settings)
    assert (result["verdict"] == "correct") == ok, result


# ---------------------------------------------------------------- the official defects, one name each


def test_answer_without_a_number_is_a_rejection_not_an_exception():
    result = judged("Answer: a very good dive", "number", 63.0)
    assert result["verdict"] == "unparsed" and result["checks"] == [
        {"holds": False, "score": 0.0, "parsed": None, "why": "no number"}
    ]


def test_answer_without_words_is_a_rejection_not_an_exception():
    assert judged("\u3002\u3002", "class", "running", options=ACTIONS)["verdict"] == "degenerate"


@pytest.mark.parametrize("score", [91, 95, 99, 100])
def test_out_of_100_does_not_pass_every_high_score(score):
    assert judged("Answer: 40 out of 100", "number", score)["why"].startswith("said 40.0")


def test_any_number_of_the_text_is_not_the_answer():
    assert judged("There are 8 frames and 63 people.\nAnswer: 12", "number", 63)["verdict"] == "wrong"


@pytest.mark.parametrize(
    "answer, value",
    [
        ("Three goals: one in the 12th minute, two in the 80th.", 3),
        ("I first counted six, but looking again there are seven.", 7),
        ("The final score is 21-19, so the winner has 21 goals.", 21),
    ],
)
def test_of_several_numbers_the_whole_is_the_answer(answer, value):
    assert judged(answer, "number", value, "How many goals are there?")["verdict"] == "correct"


@pytest.mark.parametrize(
    "answer, ok",
    [
        ("A: no\nB: yes\nC: no\nD: no", True),
        ("A. a cup\nB. a plate\nC. a knife\nD. a fork", False),
        ("Option A is wrong, so is C, and there is no fork. Hence option B.", True),
    ],
)
@pytest.mark.parametrize("letter", ["B", "D"])
def test_a_list_of_all_options_chooses_the_one_with_a_sign(answer, ok, letter):
    options = ["a cup", "a plate", "a knife", "a fork"]
    assert (judged(answer, "choice", letter, options=options)["verdict"] == "correct") == (
        ok and letter == "B"
    )


@pytest.mark.parametrize(
    "answer, ok",
    [
        (
            '[{"label": "fork", "box": [0.1, 0.6, 0.3, 0.9]}, {"label": "cup", "box": [0.3, 0.6, 0.5, 0.9]}]',
            True,
        ),
        (
            '[{"label": "cup", "box": [0.3, 0.6, 0.5, 0.9]}, {"label": "fork", "box": [0.1, 0.6, 0.3, 0.9]}]',
            True,
        ),
        (
            '[{"label": "cup", "box": [0.1, 0.6, 0.3, 0.9]}, {"label": "fork", "box": [0.3, 0.6, 0.5, 0.9]}]',
            False,
        ),
    ],
)
def test_of_many_boxes_the_one_of_what_is_asked_for_counts(answer, ok):
    result = judged(answer, "box", [0.3, 0.6, 0.5, 0.9], "Where is the cup?")
    assert (result["verdict"] == "correct") == ok, result


@pytest.mark.parametrize(
    "answer",
    [
        "0:00-0:10 The speaker talks.\n0:10-0:20 He writes on the board.\n0:20-0:40 He answers questions.",
        '{"segments": [{"event": "writes on the board", "start": 10, "end": 20}, '
        '{"event": "answers questions", "start": 20, "end": 40}]}',
    ],
)
def test_of_a_timeline_the_line_of_what_is_asked_for_counts(answer):
    question = "When does the speaker write on the board?"
    assert judged(answer, "interval", [10, 20], question, duration=40.0)["verdict"] == "correct"
    assert judged(answer, "interval", [20, 40], question, duration=40.0)["verdict"] == "wrong"


@pytest.mark.parametrize(
    "answer",
    [
        "It begins at around 12 seconds and lasts until the 20-second mark.",
        "It begins 12 seconds in and finishes 8 seconds later.",
        "He opens it at the 12 second mark and is done by the 20 second mark.",
    ],
)
def test_an_interval_told_as_two_events(answer):
    assert judged(answer, "interval", [12, 20], duration=40.0)["verdict"] == "correct"


@pytest.mark.parametrize("answer", ["20 seconds before the end", "at 0:40"])
def test_times_as_parts_of_the_clip(answer):
    assert judged(f"Answer: {answer}", "time", 40.0, duration=60.0)["verdict"] == "correct"


HALL = {"question": "When does the choir sing?", "duration": 60.0}


@pytest.mark.parametrize(
    "kind, value, answer, ok",
    [
        ("time", 3, "1 the hall opens\n2 the organ plays\n3 the choir sings", False),
        ("time", 40, "The choir sings at 0:40 after it has bowed from 0:10 onwards.", True),
        ("time", 10, "The choir sings at 0:40 after it has bowed from 0:10 onwards.", False),
        ("time", 40, "The choir sings at about 0:40, right after the organ (0:20).", True),
        ("time", 20, "The choir sings at about 0:40, right after the organ (0:20).", False),
        ("time", 40, "At 0:40 (or perhaps at 0:20).", False),
        ("time", 20, "0:05 the hall opens. 0:20 the choir sings. 0:50 the hall closes.", True),
        ("interval", [0, 50], "From minute 0 to minute 0.8", True),
    ],
)
def test_times_of_timelines_and_asides(kind, value, answer, ok):
    assert (judged(answer, kind, value, **HALL)["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "question, value, answer, ok",
    [
        ("How many balls are on the table?", 18, "Rows: 3\nBalls a row: 6\nTherefore 3 x 6 = **18**", True),
        ("How many balls are on the table?", 6, "Rows: 3\nBalls a row: 6\nTherefore 3 x 6 = **18**", False),
        ("How often does it bark?", 6, "Twice at him, four times at her, which makes six.", True),
        ("What is the score?", 84, "Score: three judges with 8, times 3.5, gives 84", True),
        ("What is the heart rate?", 112, "It reads 112 at the end (SpO2 is 97).", True),
        ("How many balls?", 1, "The red one hits 3 balls.", False),
        ("How long in seconds?", 60, "the last one minute", True),
        ("How fast?", 100, "100 or so.", True),
        ("How many lanes?", 3, "There are three lanes: two for cars plus one for buses.", True),
        ("How many seconds?", 45, "0:06 to 0:51 -> 45 seconds", True),
        ("How long?", 45, "It is > 45", False),
    ],
)
def test_which_number_counts(question, value, answer, ok):
    assert (judged(answer, "number", value, question=question)["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "answer, question, ok",
    [
        ("[00:05] 0.25 0.4 0.4 0.8", "Where?", True),
        ('[{"bbox_2d": [320, 288, 512, 576]}]', "Where, in a frame of 1280x720 pixels?", True),
        ("(320, 288) to (512, 576)", "The frame is 1280 by 720. Where?", True),
        ('[{"bbox_2d": [320, 288, 512, 576]}]', "Where is the cyclist?", False),
    ],
)
def test_boxes_about_a_centre_or_in_pixels_of_the_question(answer, question, ok):
    result = judged(answer, "box", [0.25, 0.4, 0.4, 0.8], question=question)
    assert (result["verdict"] == "correct") == ok


DANCES = ["breakdancing", "backstroke", "reverse dive", "forward dive"]


@pytest.mark.parametrize(
    "value, answer, ok",
    [
        ("breakdancing", "He is break dancing.", True),
        ("backstroke", "back stroke", True),
        ("reverse dive", "It looks like a forward dive at first, which makes it a reverse dive.", True),
        ("reverse dive", "A reverse dive. I briefly considered a forward dive.", True),
        ("reverse dive", '{"options_considered": ["forward dive"], "final": "reverse dive"}', True),
        ("forward dive", '{"options_considered": ["forward dive"], "final": "reverse dive"}', False),
        ("forward dive", "forward dive? Final: reverse dive", False),
        ("reverse dive", "A reverse dive (a forward dive comes later).", True),
        ("reverse dive", "A reverse dive, but I can't decide.", False),
        ("reverse dive", "It isn't a forward dive. The class would be **reverse dive**.", True),
        ("reverse dive", "It would be a reverse dive if she turned.", False),
        ("reverse dive", "Candidates are a reverse dive and backstroke.", False),
        ("reverse dive", "A reverse dive? It is too dark to be certain.", False),
        ("reverse dive", "It could be a forward dive, but she turns: therefore a reverse dive.", True),
        ("reverse dive", "Not a forward dive - it is a reverse dive.", True),
        ("reverse dive", "From the twist I conclude that it is a reverse dive.", True),
        ("reverse dive", "It turns from a forward dive to a reverse dive.", True),
        ("forward dive", "It turns from a forward dive to a reverse dive.", False),
        ("reverse dive", "A reverse dive, often mistaken for a forward dive.", True),
        ("reverse dive", "I would classify this as a reverse dive.", True),
        ("reverse dive", "Either a forward or a reverse dive; it turns, so it is a reverse dive.", True),
    ],
)
def test_how_a_class_is_concluded(value, answer, ok):
    assert (judged(answer, "class", value, options=DANCES)["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "answer, ok",
    [
        ("Not the bouquet but her shoe.", True),
        ("Her shoe, not the bouquet.", True),
        ("Not her shoe but the bouquet.", False),
        ("The bouquet rather than her shoe.", False),
        ("The bouquet.", False),
    ],
)
def test_what_a_text_sets_against_is_not_what_it_says(answer, ok, embed):
    question = "What does the bride throw?"
    assert (judged(answer, "text", "her shoe", question=question, embed=embed)["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "question, answer, value, ok",
    [
        (
            "Under which cup is it at the end?",
            "First under the left cup, then the middle one.",
            "middle",
            True,
        ),
        (
            "Under which cup is it at the end?",
            "First under the left cup, then the middle one.",
            "left",
            False,
        ),
        ("Under which cup is it first?", "It starts under the left cup, later the middle one.", "left", True),
        ("Under which cup is it?", "Under the left cup, under the middle one.", "middle", False),
        ("Which side is it on?", "It comes in from the right.", "right", True),
        ("Which dive?", "5235B", "5253B", False),
    ],
)
def test_the_first_the_last_and_the_side(question, answer, value, ok, embed):
    options = ["left", "middle", "right"] if len(value) < 7 else ["from left to right", "from right to left"]
    options = ["5253B", "107B"] if value[0] == "5" else options
    result = judged(answer, "class", value, question=question, options=options, embed=embed)
    assert (result["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "question, answer, ok",
    [
        (
            "Does the man land on his feet at the end of the jump?",
            "They catch him. He doesn't land on his feet.",
            False,
        ),
        (
            "Is the toy fully assembled when the clip ends?",
            "It lacks a ladder, so it isn't fully assembled.",
            False,
        ),
        ("Is the lady the one who feeds the birds?", "The birds are fed by the lady.", True),
        ("Is the task finished?", "Not in this clip.", False),
    ],
)
def test_a_statement_of_what_is_asked_is_yes_or_no(question, answer, ok):
    assert judged(answer, "boolean", ok, question=question)["verdict"] == "correct"
    assert judged(answer, "boolean", not ok, question=question)["verdict"] == "wrong"


def test_a_description_is_no_refusal():
    answer = "It ends up behind the mug, so that we can't see it any more: running."
    assert judged(answer, "class", "running", options=ACTIONS)["verdict"] == "correct"
    answer = "I'm sorry, but I can't identify people. What I can say is that he is running."
    assert judged(answer, "class", "running", options=ACTIONS)["verdict"] == "correct"


def test_a_letter_may_be_a_person_and_may_come_last():
    options = ["Inflates the tube", "Puts the lever down", "Pries off the tire"]
    question = "What does C do after picking up the lever?"
    answer = "C picks up the lever and C puts the lever down."
    assert judged(answer, "choice", "B", question=question, options=options)["verdict"] == "correct"
    assert judged(answer, "choice", "C", question=question, options=options)["verdict"] != "correct"
    assert judged("B and C fail: A it is.", "choice", "A", options=options)["verdict"] == "correct"


def test_what_a_cook_adds_is_no_sum():
    answer = "The cook adds 3 eggs and 2 cups of flour."
    for value, verdict in ((2, "correct"), (3, "wrong")):
        assert judged(answer, "number", value, "How many cups of flour are used?")["verdict"] == verdict


def test_a_thing_of_the_question_is_not_what_was_asked():
    question = "Does the man open the door with the key?"
    assert judged("He drops the key on the floor.", "boolean", True, question)["verdict"] != "correct"
    assert judged("He does open it with the key.", "boolean", True, question)["verdict"] == "correct"


# Each in a way of its own that models have; several of them were once read wrongly
AS_MODELS_WRITE = table(
    [
        (
            "number",
            0,
            {"question": "How often does the bell ring?"},
            ["The door opens at 0:04 and shuts at 0:09; the bell never rings.", "Not a single time."],
            ["The bell rings once, at 0:04."],
        ),
        (
            "number",
            12,
            {"question": "How many beads does she thread?"},
            ["Answer: 12 in total (7 red ones and 5 blue ones)", "7 red and 5 blue: 12 altogether"],
            ["Answer: 7 in total (12 were on the table)"],
        ),
        (
            "number",
            88,
            {"question": "What speed in km/h does the display show?"},
            ["It climbs past 75 and reaches 88 km/h, at about 3,000 turns of the engine."],
            ["It reaches 75 km/h, with 88 turns of something."],
        ),
        (
            "number",
            2,
            {"question": "How many boats lie on the left side?"},
            ["Left side: 2 boats\nRight side: 6 boats", "Answer: a pair"],
            ["Left side: 6 boats\nRight side: 2 boats"],
        ),
        ("number", 0.5, {"question": "How many points are deducted?"}, ["Half a point."], ["One point."]),
        (
            "time",
            131.0,
            {"duration": 300.0, "question": "When does the bus arrive?"},
            [
                "\\boxed{2:10}",
                "At 0:12 she is still waiting; the bus arrives at 2:10.",
                "It arrives at 2 minutes and 10 seconds, out of a 300-second clip.",
            ],
            ["At 2:10 she is still waiting; the bus arrives at 4:40.", "\\boxed{10:10}"],
        ),
        (
            "time",
            18.5,
            {"duration": 20.0},
            [
                "Answer: two seconds before the clip ends",
                "Answer: two seconds before the end of this 20-second video",
                "Only at the very end of the clip.",
                "Answer: the nineteenth second",
            ],
            ["Answer: half a second into the clip", "Answer: at the beginning"],
        ),
        (
            "time",
            90.0,
            {"duration": 120.0},
            ["Answer: after a minute and a half", "Answer: at one and a half minutes"],
            ["Answer: after a minute", "Answer: after two minutes and a half"],
        ),
        (
            "interval",
            [20.0, 30.0],
            {"duration": 40.0, "question": "When does the clerk stamp the letter?"},
            [
                "from the 20th to the 31st second of the 40-second clip",
                "from the twentieth to the thirtieth second",
                "Answer: START 20 to END 29 seconds",
                "The stamping ends at 30 seconds; it had started at 21 seconds.",
                "He picks up the stamp at 0:20; the last letter is done by 0:30.",
                "He starts at 20 seconds and needs about 9 seconds.",
                "It starts at $t = 20\\,\\mathrm{s}$ and ends at $t \\approx 30\\ \\mathrm{s}$.",
                '{"segment": {"start": 20, "end": 30}}',
                "| event | from | to |\n|---|---|---|\n| reads | 0:00 | 0:19 |\n| stamps it | 0:20 | 0:30 |",
                "| time | action |\n|---|---|\n| 0:00-0:19 | reads |\n| 0:20-0:30 | stamps the letter |",
            ],
            [
                "Answer: the last quarter of the video",
                "From 20 to 30 seconds he writes; the letter is stamped from 31 to 38 seconds.",
                "Answer: from the first frame to 20 seconds",
            ],
        ),
        (
            "interval",
            [32.0, 40.0],
            {"duration": 40.0},
            ["From 32 s until the clip ends."],
            ["From the first frame to 8 seconds.", "Answer: the first fifth of the clip"],
        ),
        (
            "interval",
            [[10, 26], [94, 110]],
            {},
            ["There are two such moments:\n1. 0:10 - 0:25\n2. 1:34 - 1:50"],
            ["There is one such moment:\n1. 1:34 - 1:50"],
        ),
        (
            "box",
            [0.0, 0.4, 0.3, 0.8],
            {"question": "Where is the white van?"},
            [
                '[{"bbox_2d": [0.01, 0.4, 0.3, 0.8], "label": "white van"},'
                ' {"bbox_2d": [0.5, 0.4, 0.8, 0.8], "label": "black car"}]'
            ],
            [
                '[{"bbox_2d": [0.01, 0.4, 0.3, 0.8], "label": "black car"},'
                ' {"bbox_2d": [0.5, 0.4, 0.8, 0.8], "label": "white van"}]'
            ],
        ),
        (
            "boolean",
            False,
            {"question": "Is the cup moved from left to right?"},
            ["No. The cup is moved from the right to the left.", "Answer: it isn't", "It is not."],
            ["Answer: it is", "It cannot be decided.", "Yes. The cup is moved from the left to the right."],
        ),
        (
            "boolean",
            True,
            {"question": "Does the girl push the swing?"},
            ["It is the girl who pushes the swing.", "It does. Answer: yes"],
            ["No one is seen at the swing."],
        ),
        (
            "choice",
            "B",
            {"options": ["pull the rope", "push the cart", "climb the wall"]},
            [
                '{"A": "no, it stays on the ground", "B": "yes, from 3 s on", "C": "no"}',
                "| A pull the rope | no |\n| B push the cart | yes, up the hill |\n| C climb the wall | no |",
                "The only thing that he can do is push the cart.",
            ],
            ["It must be the last option.", '{"A": "yes", "B": "no, from 3 s on", "C": "no"}'],
        ),
        (
            "choice",
            "A",
            {"options": ["three", "two", "one"], "question": "How many cats are there?"},
            ["I count one tabby, a black one and a white one, so three cats in total.", "There are 3."],
            ["Of three cats only one is there: one cat."],
        ),
        (
            "class",
            "water skiing",
            {"options": ACTIONS},
            ["| class | seen? |\n|---|---|\n| riding a bike | no |\n| water skiing | yes |"],
            ["| class | seen? |\n|---|---|\n| riding a bike | yes |\n| water skiing | no |"],
        ),
        (
            "class",
            "clean and jerk",
            {"options": ["clean and jerk", "snatch"]},
            ["**Clean & jerk**"],
            ["Snatch"],
        ),
        ("class", "slow", {"options": ["slow", "fast"]}, ["It turns slowly."], ["It nearly stops."]),
        (
            "sequence",
            ["Back", "2.5 Soms.Pike", "Entry"],
            {"options": ["Back", "Forward", "2.5 Soms.Pike", "1.5 Soms.Pike", "2.5 Soms.Tuck", "Entry"]},
            [
                "backward, two-and-a-half piked somersaults, entry".replace("backward", "back"),
                "1. **Take-off:** back\n2. **First flight:** 2.5 somersaults, pike\n3. **Finish:** entry",
                "| 1 | back |\n| 2 | two and a half somersaults, piked |\n| 3 | entry |",
            ],
            [
                "back, two-and-a-half tucked somersaults, entry",
                "back, one and a half piked somersaults, entry",
            ],
        ),
        (
            "sequence",
            ["leap", "split jump", "wolf jump"],
            {},
            [
                "A leap into a split jump, and after a short pause a wolf jump.",
                "The correct order is leap, split jump, wolf jump.",
            ],
            ["A leap into a wolf jump, and after a short pause a split jump."],
        ),
    ]
)


@pytest.mark.parametrize("answer, ok, kind, value, settings", AS_MODELS_WRITE)
def test_as_models_write(answer, ok, kind, value, settings):
    test_words_decide(answer, ok, kind, value, settings)


def test_two_letters_or_a_doubt_are_no_choice():
    options = {"options": ["pull the rope", "push the cart", "climb the wall"]}
    for answer in ("Answer: (A) or (B)", "Answer: A. or B.", "A and B are right"):
        assert judged(answer, "choice", "A", **options)["verdict"] != "correct", answer
    for answer in ("So it's rowing, or perhaps canoeing.", "It is some kind of sport."):
        assert judged(answer, "class", "rowing", options=["rowing", "sawing"])["verdict"] != "correct", answer


def test_what_will_happen_is_about_to():
    answer, options = "He is about to open the door.", {"options": ["open the door", "close the door"]}
    assert judged(answer, "choice", "A", "What will he do next?", **options)["verdict"] == "correct"
    assert judged(answer, "choice", "A", "What did he do?", **options)["verdict"] != "correct"


def test_what_is_only_near_an_answer_is_none(embed):
    options = {"options": ["pull the rope", "push the cart", "climb the wall"]}
    for answer in ("That leaves A and B.", '{"A": "yes", "B": "yes"}', "If A is right, B is wrong."):
        assert judged(answer, "choice", "A", **options)["verdict"] != "correct", answer
    answer = "There is no clear view; at 0:04 the third car passes."
    assert judged(answer, "number", 0, "How many cars pass?")["verdict"] != "correct"
    answer = "The man enters at 3 s. The dog barks at 8 s."
    assert judged(answer, "interval", [3, 8], "When does the dog bark?", 20.0)["verdict"] != "correct"
    for said, label in (
        ("The man is not protecting the child.", "The man protects the child."),
        ("The child avoids the ball.", "The child does not avoid the ball."),
    ):
        assert judged(said, "text", label, embed=embed)["verdict"] == "wrong", said


@pytest.mark.parametrize(
    "value, options, answer, ok",
    [
        ("petting cat", ["petting cat", "bowling"], "Answer: petting a dog", False),
        ("catching fish", ["catching fish", "bowling"], "Answer: feeding birds", False),
        ("riding horse", ["riding horse", "bowling"], "Answer: riding a camel", False),
        ("washing dishes", ["washing dishes", "drying dishes"], "doing the dishes", True),
        ("mowing lawn", ["mowing lawn", "bowling"], "Answer: cutting the grass", True),
        ("opening bottle (not wine)", ["opening bottle (not wine)", "opening wine bottle"],
         "It is beer and not wine, so the class is opening bottle (not wine).", True),
        ("diving", ["Diving", "diving", "running"], "The person is diving.", True),
        ("ice_skating", ["ice_skating", "ice skating", "running"], "Answer: ice skating", True),
        ("cafe\u0301 visit", ["caf\u00e9 visit", "running"], "Answer: a caf\u00e9 visit", True),
    ],
)  # fmt: skip
def test_the_nearest_class_must_be_near(value, options, answer, ok, embed):
    found = judged(answer, "class", value, options=options, embed=embed)
    assert (found["verdict"] == "correct") == ok, found


@pytest.mark.parametrize(
    "letter, options, answer, ok",
    [
        ("A", ["cat", "dog"], "I see it. Answer: zebra", False),
        ("B", ["cat", "dog"], "Answer: horse", False),
        ("A", ["a car", "a bus"], "Answer: an automobile", True),
        ("B", ["upward", "downward"], "Not A: the ceiling gets further away.", True),
        ("B", ["upward", "downward", "left"], "Not A.", False),
        ("B", ["upward", "downward", "left"], "Neither A nor C.", True),
        ("C", ["faster", "slower", "constant"], "Neither A nor B can be right, and (C) is my answer.", True),
    ],
)
def test_an_option_is_near_or_left_over(letter, options, answer, ok, embed):
    found = judged(answer, "choice", letter, options=options, embed=embed)
    assert (found["verdict"] == "correct") == ok, found


FALLS = "When does the second runner fall?"


@pytest.mark.parametrize(
    "kind, value, question, answer, ok",
    [
        ("number", 8, "How long?", "Respuesta: 8,9", False),
        ("number", 0.75, "Which share?", "Answer: 0,75", True),
        ("number", 8.5, "Which score?", "La puntuaci\u00f3n es 8,5.", True),
        ("number", 63000, "How many?", "Answer: 63,000", True),
        ("interval", [0, 4], "When?", "Answer: 3,0 to 4,0 seconds", False),
        ("interval", [3.5, 7.5], "When?", "Respuesta: del segundo 3,5 al 7,5", True),
        ("interval", [2, 5], "When?", "Answer: 2,5", True),
        ("interval", [3, 5], "When?", "It starts at 3,5 seconds.", False),
        ("interval", [20, 50], "When?", "It starts at twenty seconds and ends at fifty seconds.", True),
        ("interval", [80, 100], "When?", "From one minute twenty to one minute forty.", True),
        ("time", 41, FALLS, "The first runner falls at 9 seconds. The second one falls at 41 seconds.", True),
        ("time", 41, FALLS, "The second runner falls at 9 seconds, the third one at 41 seconds.", False),
        ("number", 84.15, "Which score?", "Three times 25.5 and 3.3 more, we get 84.15.", True),
    ],
)
def test_decimal_commas_units_and_sums(kind, value, question, answer, ok):
    assert (judged(answer, kind, value, question, 120.0)["verdict"] == "correct") == ok


def test_headings_are_names_of_several_labels():
    labels = [{"name": name, "kind": "number", "value": v} for name, v in (("difficulty", 3), ("score", 63))]
    answer = "### Difficulty\n3.0\n\n### Score\nThree times 7.0, so 7.0 x 3 x 3.0 = 63.0"
    assert verify({"labels": labels, "answer": answer}, {})["verdict"] == "correct"
    labels[1]["value"] = 21
    assert verify({"labels": labels, "answer": answer}, {})["verdict"] == "wrong"


@pytest.mark.parametrize(
    "kind, value, answer, ok",
    [
        ("class", "cobra", "It looks like the **cobra** pose; a plank would keep the hips up.", True),
        ("class", "plank", "It looks like the **cobra** pose; a plank would keep the hips up.", False),
        ("class", "plank", "**Cobra:** hips low.\n**Plank:** hips up, as here, so it is a plank.", True),
        ("number", 17, "She does **seventeen** of them before her partner, who manages 12, rests.", True),
        ("number", 12, "She does **seventeen** of them before her partner, who manages 12, rests.", False),
        ("choice", "B", "The hips are low, which is **option B**; A keeps them up.", True),
        ("boolean", False, "Her knee is bent, so **no**, although a yes would be near.", True),
        ("class", "cobra", "It is the **cobra**, not the **plank**, that she holds.", True),
    ],
)
def test_one_value_in_bold_is_the_answer(kind, value, answer, ok):
    options = {"options": ["plank", "cobra"]} if kind in ("class", "choice") else {}
    assert (judged(answer, kind, value, "Which pose?", **options)["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "kind, value, answer",
    [
        ("class", "cobra", "This is not the **cobra** pose."),
        ("class", "cobra", "This is the **cobra** pose or a plank."),
        ("class", "cobra", "At first it looks like the **cobra**. It is a plank."),
        ("boolean", True, "The knee isn't **bent**."),
        ("boolean", True, "I do not think that it does."),
        ("boolean", True, "It is, however, not bent."),
        ("choice", "A", "A. plank\nB. cobra\nC. bridge"),
        ("box", [0.1, 0.1, 0.5, 0.5], "Answer: [0.3, 0.3, 0.9, 0.9] or [0.1, 0.1, 0.5, 0.5]"),
    ],
)
def test_what_is_doubted_is_asserted_by_no_layout(kind, value, answer):
    options = {"options": ["plank", "cobra", "bridge"]} if kind in ("class", "choice") else {}
    assert judged(answer, kind, value, "Is the knee bent?", **options)["verdict"] != "correct"


def test_names_that_sound_like_an_aside_are_read():
    assert judged('{"start_seconds": 3, "end_seconds": 9}', "interval", [3, 9])["verdict"] == "correct"
    labels = [
        {"name": name, "kind": "number", "value": value} for name, value in (("confidence", 0.6), ("n", 2))
    ]
    assert verify({"labels": labels, "answer": "Confidence: 0.6\nn: 2"}, {})["verdict"] == "correct"
    labels = [{"name": "note", "kind": "class", "value": "C", "options": ["C", "D"]}, labels[1]]
    assert (
        verify({"labels": labels, "answer": '{"n": 2, "note": "C", "reason": "D"}'}, {})["verdict"]
        == "correct"
    )
    options = {"options": ["Team A is eliminated", "Team B is eliminated"]}
    assert judged("Team A is eliminated.", "choice", "A", **options)["verdict"] == "correct"
    riddle = "According to the hint, the door opens."
    options = {"options": ["the door opens", "the door shuts"]}
    said = judged(riddle, "class", "the door opens", "What happens by the hint on the wall?", **options)
    assert said["verdict"] == "correct"


def test_steps_that_are_done_twice_are_no_second_thought():
    steps = ["squat", "jump", "rest"]
    answer = "squat, jump, rest, squat, jump, rest"
    for value, ok in ((2 * steps, True), (steps, False)):
        assert (judged(answer, "sequence", value, options=steps)["verdict"] == "correct") == ok


ORDERED = "| What | Order |\n|---|---|\n| toaster | 2 |\n| kettle | 1 |"
TICKED = "| What | Why | Seen? |\n|---|---|---|\n| kettle | cold | no |\n| oven | on | yes |"


@pytest.mark.parametrize(
    "kind, value, answer, ok",
    [
        ("sequence", ["kettle", "toaster"], ORDERED, True),
        ("sequence", ["toaster", "kettle"], ORDERED, False),
        ("class", "oven", TICKED, True),
        ("class", "kettle", TICKED, False),
        ("interval", [4, 9], "| query | t_start | t_end |\n|---|---|---|\n| opens it | 4.1s | 9.0s |", True),
    ],
)
def test_columns_of_a_table_order_and_decide(kind, value, answer, ok):
    options = {"options": ["kettle", "toaster", "oven"]} if kind != "interval" else {}
    assert (judged(answer, kind, value, "What?", duration=20.0, **options)["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "answer, ok",
    [
        ("First draft: B comes after A and C.\nSwim, run, cycle. Revised: swim, cycle, run.", True),
        ("Swim, cycle, run. No, wait: swim, run, cycle.", False),
        ("You gave run, swim, cycle. In the video: swim, cycle, run.", True),
        ("Swim, cycle, run, and then they swim.", False),
    ],
)
def test_what_is_said_over_again_counts_the_last_time(answer, ok):
    steps = ["swim", "cycle", "run"]
    assert (judged(answer, "sequence", steps, options=steps)["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "question, answer, value",
    [
        (
            "Is the driver using a phone?",
            "Both hands are on the wheel and there is no phone in the video.",
            False,
        ),
        ("Was the pipette tip changed?", "No tip replacement was observed.", False),
        ("Is anybody injured?", "As far as one can see, nobody is hurt.", False),
        ("Are they friends?", "Totally! They nap in a pile.", True),
        ("Does the lid fit?", "It doesn't, the lid is visibly too small.", False),
        ("Does the robot drop the box?", "Its grip loosens for a moment, but it does not.", False),
    ],
)
def test_what_is_absent_is_a_no(question, answer, value):
    for asked in (True, False):
        result = judged(answer, "boolean", asked, question)
        assert (result["verdict"] == "correct") == (asked == value), result["why"]


@pytest.mark.parametrize(
    "kind, value, answer, ok",
    [
        ("number", 350, '<weight unit="g">348</weight>', True),
        ("number", 350, '<weight unit="g">384</weight>', False),
        ("interval", [11, 17], "occlusion: 11s..16s\nobject: truck", True),
        ("time", 75, "| t (s) | event |\n|---|---|\n| 12 | plug in |\n| 74 | engine runs |", True),
        ("time", 12, "| t (s) | event |\n|---|---|\n| 12 | plug in |\n| 74 | engine runs |", False),
        ("number", 28, "- Count: 28\n- Confidence: 0.6", True),
        ("number", 0.6, "- Count: 28\n- Confidence: 0.6", False),
        ("boolean", True, "engine: unclear (out of view)", False),
        ("class", "red", '{"light": "red", "second_choice": "green"}', True),
        ("class", "green", '{"light": "red", "second_choice": "green"}', False),
    ],
)
def test_tags_ranges_columns_and_confidence(kind, value, answer, ok):
    options = {"options": ["red", "green"]} if kind == "class" else {}
    question = (
        "Which light, how heavy, when does the engine run?" if kind != "boolean" else "Is the engine on?"
    )
    assert (judged(answer, kind, value, question, duration=85.0, **options)["verdict"] == "correct") == ok


TOOLS = "The man loosens the soil with a hoe, while a rake leans on the shed."


@pytest.mark.parametrize(
    "question, answer, value",
    [
        ("Which tool loosens the soil?", TOOLS, "hoe"),
        ("Which tool leans on the shed?", TOOLS, "rake"),
        ("Which tool is it?", "Its teeth suggest a rake. Okay, it's a hoe.", "hoe"),
    ],
)
def test_of_several_classes_the_clause_that_is_asked_for(question, answer, value):
    for tool in ("hoe", "rake", "spade"):
        result = judged(answer, "class", tool, question, options=["hoe", "rake", "spade"])
        assert (result["verdict"] == "correct") == (tool == value), result["why"]


def test_a_name_may_stand_for_what_it_says_by_it():
    options = {"options": ["blows on it", "picks it", "paints it"]}
    answer = "The girl kneels, blowing on the dandelion."
    assert judged(answer, "choice", "A", **options)["verdict"] == "correct"
    assert judged(answer, "choice", "B", **options)["verdict"] != "correct"
    toys = ["ball", "duck", "car"]
    answer = "First the ball, then the duck, and last but not least the car!"
    assert judged(answer, "sequence", toys, options=toys)["verdict"] == "correct"


def test_options_that_are_out_leave_one(embed):
    options = {"options": ["a doll", "a drum", "a truck"], "embed": embed}
    answer = "There is a bulge, so C is out. It sounds hollow, so A is excluded."
    assert judged(answer, "choice", "B", **options)["verdict"] == "correct"
    assert judged(answer, "choice", "A", **options)["verdict"] != "correct"


def test_labels_counted_within_a_line():
    labels = [
        {"name": "ohm", "kind": "number", "value": 220},
        {"name": "colour", "kind": "class", "value": "green", "options": ["red", "green"]},
    ]
    answer = "(1) red-red-brown gives 220; (2) the LED is green."
    assert verify({"labels": labels, "answer": answer}, {})["verdict"] == "correct"
    labels[0]["value"] = 22
    assert verify({"labels": labels, "answer": answer}, {})["verdict"] == "wrong"


def test_a_hint_that_nobody_gave_is_not_learnt():
    answer = "As the hint says, it is the oven.\nAnswer: oven"
    assert judged(answer, "class", "oven", options=["oven", "kettle"])["verdict"] == "leaked"
    answer = "The label on the bottle says oil.\nAnswer: oil"
    assert judged(answer, "class", "oil", options=["oil", "wine"])["verdict"] == "correct"


def test_prose_is_no_timeline():
    answer = "The woman seems to enter the room at 0:03, by her shadow.\nShe is in fact first seen at 0:13."
    question = "When does the woman enter the room?"
    assert judged(answer, "time", 3.0, question, duration=60.0)["verdict"] == "wrong"
    assert judged(answer, "time", 13.0, question, duration=60.0)["verdict"] == "correct"


@pytest.mark.parametrize("before", ["Dog 1:", "1.", "At 3:", "Frame 12", "Box 2 of 2 is"])
def test_a_number_before_a_box_is_none_of_its_own(before):
    value = [0.05, 0.4, 0.5, 0.95]
    assert judged(f"Answer: {before} {value}", "box", value)["verdict"] == "correct"


DOG = ["wet the dog", "apply shampoo", "rinse the dog", "dry the dog"]
WASHING = ["wash the clothes", "hang the clothes", "fold the clothes"]


@pytest.mark.parametrize(
    "steps, answer, ok",
    [
        (["the dog barks", "the cat runs away"], "The dog barks and the cat runs away.", True),
        (["the dog barks", "the cat runs away"], "The cat barks and the dog runs away.", False),
        (["wash hands", "slice bread"], "He washes his hands and cuts the bread.", True),
        (["wash hands", "slice bread"], "He washes the dishes and cuts the bread.", False),
        (["wave the wand", "pull out a rabbit"], "1. Waves the wand\n2. Pulls out a bunny", True),
        (["wave the wand", "pull out a rabbit"], "1. Waves the wand\n2. Pulls out a dove", False),
        (DOG, "He wets the dog, applies shampoo, rinses it with the hose and dries it.", True),
        (DOG, "He wets the dog, applies shampoo, scolds it and dries it.", False),
        (WASHING, "The clothes are washed by hand, hung on a line and folded.", True),
        (WASHING, "The clothes are washed by hand, burnt in a stove and folded.", False),
        (["iron the shirt", "hang up the shirt"], "She hangs up the shirt after ironing it.", True),
        (["iron the shirt", "hang up the shirt"], "Before she irons the shirt, she hangs it up.", False),
        (
            ["peel the potato", "wash the potato"],
            "He peels the potato, rinses the knife and dries it.",
            False,
        ),
        (["kick off", "score a goal"], "They kick off. Barely a minute later a goal is scored.", True),
        (["kick off", "score a goal"], "kick off, score a goal: which came first can't be made out.", False),
    ],
)
def test_who_does_what_in_a_step_matters(steps, answer, ok, embed):
    assert (judged(answer, "sequence", steps, embed=embed)["verdict"] == "correct") == ok


LAPS = ["swim", "cycle", "run"]


@pytest.mark.parametrize(
    "answer, ok",
    [
        ("Running comes last. First is swimming, and in between: cycling.", True),
        ("She ends with running. Before that she cycles, and at the very beginning she swims.", True),
        ("Before running comes cycling, and before those swimming.", True),
        ("Running first, cycling, and swimming last.", False),
        ("She begins with cycling, having put on a suit, swims, and ends with running.", False),
        ("1. First discipline: swimming\n2. Second discipline: cycling\n3. Last discipline: running", True),
        ("The athlete swims. She then cycles and in the end runs.", True),
        ('[{"step": "cycle", "order": 2}, {"step": "swim", "order": 1}, {"step": "run", "order": 3}]', True),
        ("She swims, after which she cycles and runs.", True),
        ("She swims before she cycles, after which she runs.", True),
    ],
)
def test_words_for_the_first_and_the_last_order_steps(answer, ok):
    assert (judged(answer, "sequence", LAPS, options=[*LAPS, "row"])["verdict"] == "correct") == ok


CASE_OF_BULBS = ["take out the old bulb", "put in the new bulb", "switch on the lamp"]
LAB = ["put on gloves", "place the tube in the rack", "put back the gloves"]


@pytest.mark.parametrize(
    "steps, answer, ok",
    [
        (CASE_OF_BULBS, "He unscrews the old bulb, screws in a new one and then turns the lamp on.", True),
        (CASE_OF_BULBS, "He unscrews the old bulb, throws away the new one and turns the lamp on.", False),
        # the deed of another step is no thing of it
        (LAB, "She puts on gloves, puts the tube into the rack and puts the gloves back.", True),
        (LAB, "She puts on gloves, puts the gloves into the rack and puts the gloves back.", False),
        # what the step before says, by its own name, is not the step that is only like it
        (["heat the pan", "put the egg into the pan"], "The pan is heated. The egg goes into the pan.", True),
        # a word alone, of one step only, and what says the opposite
        (["grind the beans", "pull the shot", "pour the milk"], "Grind -> pull the shot -> pour", True),
        (["detach the roof", "detach the wheels"], "detach the roof, attach the wheels", False),
        # a heading is no step
        (["open the box", "close the box"], "To close the box, he does this:\nHe opens it.", False),
    ],
)
def test_things_of_steps(steps, answer, ok, embed):
    assert (judged(answer, "sequence", steps, embed=embed)["verdict"] == "correct") == ok


def test_steps_that_read_alike_are_each_a_step(embed):
    steps = ["Turn left", "go on", "turn left"]
    assert judged("He turns left, goes on and turns left.", "sequence", steps, embed=embed)["checks"]
    assert judged("So.\nAnswer: something else", "sequence", steps, embed=embed)["verdict"] != "correct"


def test_a_range_is_not_a_negative_number():
    result = judged("Answer: 1-100", "number", -100)
    assert result["verdict"] == "wrong" and result["checks"][0]["parsed"] == [1, 100]


def test_same_or_not_is_decided_by_its_negation():
    question = "Are the two objects the same?"
    assert judged("Answer: They are not the same.", "boolean", False, question)["verdict"] == "correct"
    assert judged("Answer: They are not the same.", "boolean", True, question)["verdict"] == "wrong"
    assert judged("Answer: They are the same.", "boolean", False, question)["verdict"] == "wrong"


@pytest.mark.parametrize(
    "answer",
    [
        "Answer: <3.2 seconds> to <7.0 seconds>",  # Qwen3-VL's marks
        "From <3.2 seconds> he jumps until <7.0 seconds>.",
        "Answer: Time 3.2s to Time 7.0s",  # VideoLLaMA3's
        "Frame from 00:03 to 00:07",  # SmolVLM's
    ],
)
def test_times_are_read_as_a_model_sees_its_frames_marked(answer):
    assert judged(answer, "interval", [3.2, 7.0], duration=20.0)["verdict"] == "correct"


@pytest.mark.parametrize("answer", ["At <3.2 seconds>.", "Answer: Time 3.2s:", "Time 3.2s: he jumps"])
def test_a_mark_is_a_time_to_its_last_digit(answer):
    found = judged(answer, "time", 3.2, duration=20.0)
    assert found["checks"][0]["parsed"] == 3.2


def test_boxes_are_corners_not_centres():
    assert iou([0.1, 0.1, 0.3, 0.3], [0.2, 0.1, 0.4, 0.3]) == pytest.approx(1 / 3)
    assert judged("Answer: [0.1, 0.1, 0.3, 0.3]", "box", [0.2, 0.1, 0.4, 0.3])["verdict"] == "wrong"


def test_boxes_may_have_whole_numbers():
    assert judged("Answer: [0, 0, 1, 1]", "box", [0, 0, 1, 1])["verdict"] == "correct"


def test_repetition_is_rejected():
    answer = "The man is running. " * 6 + "\nAnswer: running"
    assert judged(answer, "class", "running", options=ACTIONS)["verdict"] == "degenerate"


def test_thresholds_are_the_documented_ones():
    assert judged("Answer: 66", "number", 63)["verdict"] == "correct"
    assert judged("Answer: 67", "number", 63)["verdict"] == "wrong"
    assert judged("Answer: 67", "number", 63, tolerance=0.1)["verdict"] == "correct"
    # 0.5 is not over 0.5
    assert judged("Answer: 0 to 5 s", "interval", [0, 10], duration=20)["verdict"] == "wrong"
    assert judged("Answer: 4.1 s", "time", 3.2, duration=10)["verdict"] == "correct"
    assert judged("Answer: 4.3 s", "time", 3.2, duration=10)["verdict"] == "wrong"


@pytest.mark.parametrize(
    "a, b",
    [
        pair.split()
        for pair in (
            "jump jumping|wood woods|ride rode|run running|throw threw|cut cutting|carry carries"
            "|dance dancing|swim swam|ski skis|tie tying|clothes clothing"
        ).split("|")
    ],
)
def test_inflections_have_one_stem(a, b):
    assert stem(a) == stem(b)


@pytest.mark.parametrize(
    "a, b",
    [pair.split() for pair in "sing sit|wash watch|read red|bring bring2|walk wake|hop hope2".split("|")],
)
def test_other_words_have_other_stems(a, b):
    assert stem(a) != stem(b)


def test_all_words_of_a_label_somewhere_are_not_the_label():
    assert (
        judged(
            "The man rides past. A bike stands there.\nAnswer: running past a bike he was not riding",
            "class",
            "riding a bike",
            options=ACTIONS,
        )["verdict"]
        == "wrong"
    )


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_class_in_decomposed_letters_is_found_in_a_sentence(form):
    name = unicodedata.normalize(form, "\u00dcbung")
    record = {"labels": [{"name": "it", "kind": "class", "value": name}], "answer": "So it is an \u00dcbung."}
    assert verify(record, {"it": (name, "running")})["verdict"] == "correct"


def test_sequences_have_an_order():
    assert judged("Answer: red, blue", "sequence", ["blue", "red"], options=COLORS)["verdict"] == "wrong"


def test_one_interval_is_taken_not_the_last_pair_of_numbers_below_one():
    answer = "Answer: 0.2 to 0.5 (I am 0.9 sure, 0.95 at most)"
    checks = judged(answer, "interval", [0.2, 0.5], unit="fraction")["checks"]
    assert checks[0]["parsed"] == [0.2, 0.5]


# ---------------------------------------------------------------- answers that are not looked at


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "  \n",
        "!!!!",
        "?" * 500,
        "The man is running. " * 8,
        "running " * 30,
        "and then he and then he " * 12,
        "I'm sorry, but I cannot determine the answer.",
        "As an AI language model, I can't watch videos.",
        "Answer: unknown",
        "Answer: It is impossible to tell.",
        "What is the man doing?",
        "Answer: What is the man doing?",
        "There is not enough information.",
        "I'd need a clearer view of it.",
        "At white white white white 1 white white white white 4 white 5 white to 8 seconds",
    ],
)
def test_degenerate(answer):
    assert (
        judged(answer, "class", "running", "What is the man doing?", options=ACTIONS)["verdict"]
        == "degenerate"
    )


@pytest.mark.parametrize(
    "answer",
    [
        "Seconds: 0 red 1 red 2 blue 3 blue 4 blue 5 red 6 red 7 red.\nAnswer: running",
        "It is hard to see his face, but he is running.\nAnswer: running",
        "Frame 1: a man. Frame 2: a man. Frame 3: a man.\nAnswer: running",
        "running",
        "What is the man doing? He is running.",
        "Floating like that is impossible without water, so he is swimming? No, running.\nAnswer: running",
    ],
)
def test_not_degenerate(answer):
    assert (
        judged(answer, "class", "running", "What is the man doing?", options=ACTIONS)["verdict"] == "correct"
    )


@pytest.mark.parametrize(
    "reason",
    [
        "As stated, the man runs.",
        "The given answer is running, so he must run.",
        "Since we know the label is running, his legs move.",
        "We are told that the answer is running.",
        "According to the provided answer, he runs.",
        "The hint says running.",
        "Because the correct answer is running, we look for legs.",
        "The ground truth is running.",
        "As you mentioned, he runs.",
        "The correct action was provided: running.",
        "The correct label being running, legs move.",
        "The class provided in the answer is running.",
        "To justify the answer, look at his legs.",
        "The question already tells us the answer is running.",
    ],
)
def test_leaking_rationalizations(reason):
    assert (
        judged(f"{reason}\nAnswer: running", "class", "running", options=ACTIONS, origin="rationalized")[
            "verdict"
        ]
        == "leaked"
    )


@pytest.mark.parametrize(
    "reason",
    [
        "One can arrive at this conclusion by looking at his legs.",
        "As shown in the video, his legs move fast.",
        "Given that both feet leave the ground, he is fast.",
        "The label on his shirt reads 'Team'.",
        "Based on these observations, the pace is high.",
        "The question asks what the man is doing.",
    ],
)
def test_not_leaking(reason):
    assert (
        judged(f"{reason}\nAnswer: running", "class", "running", options=ACTIONS, origin="rationalized")[
            "verdict"
        ]
        == "correct"
    )


# ---------------------------------------------------------------- several labels, vocabularies, the interface

SCORES = [
    {"name": "score", "kind": "number", "value": 63},
    {"name": "difficulty", "kind": "number", "value": 3.2},
]


@pytest.mark.parametrize(
    "answer, ok",
    [
        ("score: 63; difficulty: 3.2", True),
        ("a score of 63 with difficulty 3.2", True),
        ("63 for the score and 3.2 for the difficulty", True),
        ("\n- Difficulty: 3.2\n- Score: 63/100", True),
        ("63, 3.2", True),
        ("score: 3.2; difficulty: 63", False),
        ("63", False),
        ("score: unknown; difficulty: 3.2", False),
        ("3.2 for the score and 63 for the difficulty", False),
    ],
)
def test_all_labels_must_hold(answer, ok):
    result = verify(
        {"id": "x", "question": "How was it?", "labels": SCORES, "answer": "Answer: " + answer},
        {},
        no_embedding,
    )
    assert (result["verdict"] == "correct") == ok and len(result["checks"]) == 2, result


DIVE = [
    {"name": "action_sequence", "kind": "sequence", "value": ["Inward", "2.5 Somersaults Pike", "Entry"]},
    {"name": "difficulty", "kind": "number", "value": 3.0},
    {"name": "score", "kind": "number", "value": 72.0},
]
WHERE = [
    {"name": "action", "kind": "class", "value": "boxing", "options": ["boxing", "running"]},
    {"name": "box", "kind": "box", "value": [0.1, 0.2, 0.5, 0.6]},
]
TWO_COUNTS = [
    {"name": "somersaults", "kind": "number", "value": 3},
    {"name": "difficulty", "kind": "number", "value": 3.0},
]
TWO_SCORES = [
    {"name": "execution score", "kind": "number", "value": 8.5},
    {"name": "score", "kind": "number", "value": 63},
]
PLATES = [
    {"name": "plates", "kind": "number", "value": 5},
    {"name": "all dry", "kind": "boolean", "value": True},
]
COOKING = [
    {"name": "steps", "kind": "sequence", "value": ["wash the rice", "put the lid on"]},
    {"name": "lids", "kind": "number", "value": 2},
]
RATED = [
    {"name": "difficulty", "kind": "number", "value": 3.4},
    {"name": "score", "kind": "number", "value": 86.7},
]
FALL = [
    {"name": "who", "kind": "class", "value": "boy", "options": ["boy", "girl"]},
    {"name": "why", "kind": "class", "value": "stone", "options": ["stone", "ice"]},
]
BOTH = [
    {"name": "helmet", "kind": "boolean", "value": True},
    {"name": "gloves", "kind": "boolean", "value": True},
]
CROSSING = [
    {"name": "car stops", "kind": "boolean", "value": False},
    {"name": "pedestrian crosses", "kind": "boolean", "value": True},
]
JUMP = [
    {"name": "distance", "kind": "number", "value": 8.1},
    {"name": "valid", "kind": "boolean", "value": True},
]
WHEN = [
    {"name": "event", "kind": "class", "value": "goal", "options": ["goal", "foul"]},
    {"name": "interval", "kind": "interval", "value": [3, 9]},
]


@pytest.mark.parametrize(
    "labels, answer, ok",
    [
        # by name: in a sentence, lines, bullets, a table, JSON, in any order, before or behind
        (
            DIVE,
            "Inward with 2.5 somersaults in pike position and entry. The difficulty is 3.0, the score 72.",
            True,
        ),
        (DIVE, "Score: 72\nDifficulty: 3.0\nSteps:\n1. Inward\n2. 2.5 somersaults pike\n3. Entry", True),
        (
            DIVE,
            "- **Score:** 72\n- **Difficulty:** 3.0\n- **Sequence:** Inward -> 2.5 Somersaults Pike -> Entry",
            True,
        ),
        (
            DIVE,
            "| item | value |\n|---|---|\n| sequence | Inward, 2.5 Somersaults Pike, Entry |\n"
            "| difficulty | 3.0 |\n| score | 72 |",
            True,
        ),
        (
            DIVE,
            '{"score": 72.0, "difficulty": 3.0, "sequence": ["Inward", "2.5 Somersaults Pike", "Entry"]}',
            True,
        ),
        (DIVE, "3.0 difficulty, 72 points, Inward - 2.5 Somersaults Pike - Entry", True),
        # without names: by kind, in order
        (DIVE, "Inward, 2.5 Somersaults Pike, Entry, 3.0, 72", True),
        (DIVE, "Inward, 2.5 Somersaults Pike, Entry, 72, 3.0", False),
        (DIVE, "Inward, 2.5 Somersaults Pike, Entry, 72", False),
        (DIVE, "sequence: Inward, 2.5 Somersaults Pike, Entry; difficulty: 72; score: 3.0", False),
        (DIVE, "sequence: Inward, 2.5 Somersaults Tuck, Entry; difficulty: 3.0; score: 72", False),
        # a name within a word, or within another name
        (WHERE, "action: boxing; box: [0.1, 0.2, 0.5, 0.6]", True),
        (WHERE, "He is boxing at [0.1, 0.2, 0.5, 0.6].", True),
        (TWO_SCORES, "execution score: 8.5; score: 63", True),
        (TWO_SCORES, "The score is 63 with an execution score of 8.5.", True),
        (TWO_SCORES, "execution score: 63; score: 8.5", False),
        (PLATES, "There are five plates and every one of them is dry.", True),
        (PLATES, "There are five plates and not every one of them is dry.", False),
        (PLATES, "There are five plates, all dry; this takes three minutes.", True),
        (COOKING, "Steps:\n1. Wash the rice\n2. Put a lid on it\nThree lids are used.", False),
        (RATED, "It is rated 3.4 in difficulty; the judges scored it 86.7.", True),
        (RATED, "It is rated 8.6; the judges scored it 34.", False),
        (FALL, "The boy falls because he hits a stone.", True),
        (FALL, "1. The boy\n2. A stone", True),
        (FALL, "1. A girl\n2. Ice", False),
        (PLATES, "plates: 5; all dry: yes, at least at the end", True),
        # one value never holds for two labels
        (TWO_COUNTS, "3", False),
        (TWO_COUNTS, "There are 3 somersaults.", False),
        (TWO_COUNTS, "The difficulty is 3.0.", False),
        (TWO_COUNTS, "3 somersaults, difficulty 3.0", True),
        (BOTH, "yes", False),
        (BOTH, "helmet: yes; gloves: yes", True),
        (BOTH, "helmet: yes; gloves: no", False),
        (WHEN, '{"event": "goal", "start": 3.0, "end": 9.0}', True),
        (WHEN, "The goal falls from 0:03 to 0:09.", True),
        (WHEN, "The foul happens from 0:03 to 0:09, and there is no goal.", False),
        # FineDiving's "Entry" as a verb; steps as objects with a count of their own
        (
            DIVE,
            "An inward dive: 2.5 somersaults in pike, then she enters the water. DD 3.0, 72 points.",
            True,
        ),
        (
            DIVE,
            '{"dd": 3.0, "score": 72, "phases": [{"idx": 1, "label": "inward"}, '
            '{"idx": 2, "label": "2.5 somersaults pike"}, {"idx": 3, "label": "entry"}]}',
            True,
        ),
        # what is yes or no is asked for by its name; the next name's sentence is not its own
        (CROSSING, "No, the car does not stop at the sign. Yes, the pedestrian crosses the street.", True),
        (CROSSING, "Yes, the car stops at the sign. The pedestrian crosses the street.", False),
        (JUMP, "The board shows 8.10 m and the judge raises the white flag, so it is valid.", True),
        (JUMP, "The board shows 8.10 m, but the red flag says that it is not valid.", False),
    ],
)
def test_each_label_is_asserted_by_its_own_words(labels, answer, ok):
    record = {
        "id": "x",
        "question": "What is seen?",
        "labels": labels,
        "answer": f"Answer: {answer}",
        "duration": 20,
    }
    result = verify(record, {}, lambda strings, adapted=False: np.zeros((len(strings), 1), np.float32))
    assert (result["verdict"] == "correct") == ok, result


SPORT = {"options": ["running", "walking"]}


@pytest.mark.parametrize(
    "answer, verdict",
    [
        ("<think>If he ran, the answer is running.</think>\nwalking", "correct"),
        ("If he ran, the answer is running.</think>\nwalking", "correct"),
        ("<thinking>Answer: running</thinking>Answer: walking", "correct"),
        ("\u25c1think\u25b7running?\u25c1/think\u25b7walking", "correct"),
        ("<|channel>thought\nrunning?<channel|>walking", "correct"),
        ("<|channel|>analysis<|message|>running?<|end|><|channel|>final<|message|>walking", "correct"),
        ("[THINK]running?[/THINK]walking", "correct"),
        ("<think>walking</think>\nrunning", "wrong"),
        ("<think>walking</think>", "degenerate"),
        ("<think>So the answer is walking, but", "unfinished"),
        ("<think>a</think>walking<think>b", "unfinished"),
    ],
)
def test_a_thought_is_not_the_answer(answer, verdict):
    assert judged(answer, "class", "walking", **SPORT)["verdict"] == verdict


def test_a_cut_off_answer_is_unfinished_and_a_leak_in_the_thought_counts():
    record = {
        "id": "x",
        "question": "What?",
        "labels": [{"name": "a", "kind": "class", "value": "walking", **SPORT}],
    }
    cut_off = {**record, "answer": "Answer: walking\nThe reason is that", "truncated": True}
    assert verify(cut_off, {}, no_embedding)["verdict"] == "unfinished"
    leaking = {
        **record,
        "origin": "rationalized",
        "answer": "<think>The given answer is walking.</think>walking",
    }
    assert verify(leaking, {}, no_embedding)["verdict"] == "leaked"
    kept_apart = {**leaking, "answer": "Answer: walking", "thought": "We are told the answer."}
    assert verify(kept_apart, {}, no_embedding)["verdict"] == "leaked"


@pytest.mark.parametrize(
    "kind, value, answer, ok",
    [
        ("interval", [[2, 5], [9, 12]], "Answer: 2 to 5 seconds and 9 to 12 seconds", True),
        ("interval", [[2, 5], [9, 12]], "Answer: from 2 to 5 s, and again from 9 to 12 s", True),
        ("interval", [[2, 5], [9, 12]], "Answer: 2 to 5 seconds", False),
        ("interval", [[2, 5], [9, 12]], "Answer: 2 to 12 seconds", True),
        ("interval", [3, 7], "\u7b54\u6848\uff1a\u4ece3\u79d2\u52307\u79d2", True),
        ("number", 3, "\u4e00\u5171\u67093\u4e2a\u4eba\u3002", True),
        ("box", [0.1, 0.2, 0.3, 0.9], '[{"bbox_2d": [100, 220, 310, 900], "label": "teacher"}]', False),
    ],
)
def test_lists_of_intervals_and_plain_signs_of_other_languages(kind, value, answer, ok):
    assert (judged(answer, kind, value, duration=30)["verdict"] == "correct") == ok


def test_a_box_is_read_in_the_coordinates_that_were_asked_for():
    label = {"name": "box", "kind": "box", "value": [0.1, 0.2, 0.3, 0.9]}
    record = {"id": "x", "question": "Where?", "labels": [label], "boxes": "1000"}
    record["answer"] = '```json\n[{"bbox_2d": [100, 220, 310, 900], "label": "teacher"}]\n```'
    assert verify(record, {}, no_embedding)["checks"][0]["parsed"] == [0.1, 0.22, 0.31, 0.9]


@pytest.mark.parametrize(
    "question, value, answer, ok",
    [
        ("How long is the board in cm?", 150, "Answer: 1.5 m", True),
        ("How long is the board in cm?", 150, "Answer: 150 seconds", False),
        ("How many seconds does it take?", 90, "Answer: 1.5 minutes", True),
        ("How fast is it in km/h?", 36, "Answer: 10 m/s", True),
        ("How many jumps are there?", 4, "Answer: 4 seconds", False),
    ],
)
def test_units_are_converted_or_refused(question, value, answer, ok):
    assert (judged(answer, "number", value, question)["verdict"] == "correct") == ok


@pytest.mark.parametrize(
    "kind, value, answer, score",
    [
        ("number", 50, "Answer: 49", 0.98),
        ("number", 50, "Answer: 25", 0.5),
        ("time", 3.0, "Answer: 4 s", 0.9),
        ("interval", [0, 10], "Answer: 0 to 5 s", 0.5),
        ("sequence", ["red", "blue", "green", "white"], "Answer: red, green, white", 0.75),
        ("class", "running", "Answer: running", 1.0),
        ("boolean", True, "Answer: no", 0.0),
    ],
)
def test_every_check_has_a_score(kind, value, answer, score):
    options = {"options": COLORS} if kind == "sequence" else {"options": ACTIONS} if kind == "class" else {}
    blind = lambda strings, adapted=False: np.zeros((len(strings), 1), np.float32)
    result = judged(answer, kind, value, duration=10, embed=blind, **options)
    assert result["checks"][0]["score"] == pytest.approx(score)


# ---------------------------------------------------------------- what the hint says verifies

NAMES = [
    "answer",
    "score",
    "execution score",
    "box",
    "action_sequence",
    "time",
    "The End",
    "x-1",
    "final answer",
    "3",
]
NASTY_WORDS = [
    "score a goal",
    "not running",
    "unknown",
    "answer: B",
    "yes or no",
    "a; b",
    "3.5",
    "D\u00e9j\u00e0 vu",
    "A.",
    "*",
    "red",
]


def random_label(draw, kind, name):
    """A label of a kind that 01 passes, with values that are hard to read."""
    words = lambda: draw.choice(NASTY_WORDS) + draw.choice(["", " again", " and again", ", then"])
    number = lambda: draw.choice([0, 1, -3, 2.5, 1e7, 0.00004, 63.0, 1 / 3, 12345.678])
    span = lambda: sorted(draw.sample([0, 1, 2.25, 3.1, 7.77, 30, 61.5], 2))
    label = {"name": name, "kind": kind}
    if kind == "class":
        options = list({words() for _ in range(5)})
        label |= {"value": options[0], **draw.choice([{}, {"options": options}])}
    elif kind in ("interval", "time"):
        label |= draw.choice([{}, {"unit": "fraction"}])
        part = 0.01 if label.get("unit") else 1
        pairs = [[v * part for v in span()] for _ in range(draw.choice([1, 1, 2]))]
        label["value"] = pairs[0][0] if kind == "time" else pairs if len(pairs) > 1 else pairs[0]
    elif kind == "box":
        x, y = (sorted(draw.sample([0, 0.1, 0.123456, 0.5, 0.9, 1], 2)) for _ in range(2))
        label["value"] = [x[0], y[0], x[1], y[1]]
    elif kind == "choice":
        options = [words() for _ in range(draw.randrange(2, 6))]
        label |= {"value": "ABCDEF"[draw.randrange(len(options))], "options": options}
    else:
        values = {"text": words, "number": number, "boolean": lambda: draw.random() < 0.5}
        values["sequence"] = lambda: [words() for _ in range(draw.randrange(1, 5))]
        label["value"] = values[kind]()
    return label


def test_what_the_hint_says_verifies_for_every_record_that_01_passes():
    draw, passed = random.Random(0), 0
    for kinds in [*product(KINDS, repeat=1), *product(KINDS, repeat=2)] * 12:
        names = draw.sample(NAMES, len(kinds))
        labels = [random_label(draw, kind, name) for kind, name in zip(kinds, names)]
        record = {"id": "x", "video": "v.mp4", "question": "What is it?", "labels": labels, "duration": 100}
        if record_problem(record):
            continue
        passed += 1
        for answer in (
            f"Answer: {label_text(labels)}",
            f"I looked closely.\n**Answer:** {label_text(labels)}.",
        ):
            result = verify({**record, "answer": answer}, {}, no_embedding)
            assert result["verdict"] == "correct", (labels, answer, result)
    assert passed > 900


@pytest.mark.parametrize("names", [["score", "Score"], ["score", 3], ["", "score"]])
def test_labels_have_names_of_their_own(names):
    labels = [{"name": name, "kind": "number", "value": 63} for name in names]
    record = {"id": "x", "video": "v.mp4", "question": "How was it?", "labels": labels}
    assert "name" in record_problem(record) and "expected" in record_problem(record)


def test_vocabulary_of_a_file_is_used_where_a_label_has_no_options():
    records = [
        {"labels": [{"name": "action", "kind": "class", "value": value}]}
        for value in ("skiing", "water skiing", "skiing")
    ]
    vocabulary = vocabularies(records)
    assert vocabulary == {"action": ("skiing", "water skiing")}
    record = {
        "id": "x",
        "question": "What?",
        "labels": records[0]["labels"],
        "answer": "Answer: water skiing",
    }
    assert verify(record, vocabulary, no_embedding)["verdict"] == "wrong"


def test_error_records_stay_errors():
    result = verify({"id": "x", "labels": SCORES, "error": "clip.mp4: cannot be read"}, {}, no_embedding)
    assert (
        result["verdict"] == "error"
        and result["why"] == "clip.mp4: cannot be read"
        and len(result["checks"]) == 2
    )


def test_why_of_a_wrong_number():
    assert judged("Answer: 3.5", "number", 4.0)["why"] == "said 3.5, label 4.0"


def test_attempt_names_the_texts_that_verify_embeds():
    seen = []

    def spy(strings, adapted=False):
        seen.extend((string, adapted) for string in strings)
        return np.eye(len(strings), dtype=np.float32)

    for kind, value, settings in (
        ("text", "a man rides a horse", {}),
        ("class", "skiing", {"options": ACTIONS}),
        ("sequence", ["open the door", "sit down"], {}),
    ):
        record = {
            "id": "x",
            "question": "What?",
            "labels": [{"name": "it", "kind": kind, "value": value, **settings}],
            "answer": "Answer: somebody does something unusual there",
        }
        seen.clear()
        verify(record, {}, spy)
        assert seen and set(seen) == set(attempt(record, {})[1])
    assert (
        attempt({"id": "x", "question": "What?", "labels": SCORES[:1], "answer": "Answer: 63"}, {})[1] == []
    )


def test_torch_is_not_imported_to_verify():
    record = {"id": 1, "question": "", "labels": SCORES[:1], "answer": "Answer: 63"}
    code = f"import sys, lib.verifier; lib.verifier.verify({record}, {{}}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_embedder_gives_unit_vectors_and_remembers(embed):
    vectors = embed(["riding a bike", "cycling", "riding a bike"])
    assert (
        vectors.shape == (3, 384)
        and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        and (vectors[0] == vectors[2]).all()
    )
    assert vectors[0] @ vectors[1] > 0.6 and np.allclose(embed(["cycling"])[0], vectors[1], atol=1e-5)


def test_the_adapter_keeps_apart_what_differs_in_a_word(embed):
    others = (
        ("The man opens the door.", "A guy pulls the door open.", "The man closes the door."),
        (
            "She pours milk into the bowl.",
            "Milk goes from the jug into her bowl.",
            "She spills the bowl of milk.",
        ),
        ("to keep the baby from falling", "So that the child does not fall.", "to make the baby fall asleep"),
    )
    leads = {}
    for adapted in (False, True):
        leads[adapted] = []
        for label, same, other in others:
            vectors = embed([label, same, other], adapted=adapted)
            leads[adapted].append(float(vectors[1] @ vectors[0] - vectors[2] @ vectors[0]))
    assert min(leads[True]) > 0 and all(a > b for a, b in zip(leads[True], leads[False])), leads


def test_another_encoder_has_no_adapter_and_a_changed_adapter_is_refused(embed, tmp_path, monkeypatch):
    other, text = Embedder(str(embedding.default_folder()), device="cpu"), ["The man opens the door."]
    assert np.allclose(other(text, adapted=True), embed(text), atol=1e-5)
    assert not np.allclose(embed(text, adapted=True), embed(text), atol=1e-2)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"changed")
    monkeypatch.setattr(embedding, "ADAPTER", tmp_path)
    with pytest.raises(StageError, match="adapter_model.safetensors: sha256 is"):
        Embedder(device="cpu")(text)


def test_final_answer_line_comes_first():
    assert final(clean("So it is 3.\n**Final Answer:** 4\nI hope this helps.")).texts == ("4",)
    assert final(clean("Answer: 3.\nWait, no, it is 4.")).texts != ("3.",)
    assert not final(clean("He runs. Thus he is fast. It rains.")).marked


@pytest.mark.parametrize(
    "said, written",
    [
        ("twenty-five", "25"),
        ("two point five", "2.5"),
        ("one hundred and five", "105"),
        ("twelve thousand five hundred", "12500"),
        ("no one", "no ones"),
        ("the one on the left", "the ones on the left"),
        ("a new one, the last one minute", "a new ones, the last 1 minute"),
    ],
)
def test_number_words(said, written):
    assert digits(said) == written


# ---------------------------------------------------------------- a judge, --try, the verdicts of 06

SENTENCE = {"name": "answer", "kind": "text", "value": "The man feeds the ducks."}
SAID = ["He throws bread to the birds.", "He eats bread.", "The man feeds the ducks."]


def answers_file(path, **more):
    """A file of three answers to a question with a text label."""
    rows = [
        {
            "id": f"q{n}",
            "video": "v.mp4",
            "question": "What is done?",
            "labels": [SENTENCE],
            "answer": f"Answer: {said}",
        }
        for n, said in enumerate(SAID)
    ]
    path.write_text(
        "".join(json.dumps({**row, "origin": "direct", "sample": 0, **more}) + "\n" for row in rows)
    )
    return path


def test_a_judge_decides_where_words_differ_and_is_read_again(tmp_path, monkeypatch):
    from lib.model import judge

    asked = []

    def ask_text(model, prompts, *how):
        asked.extend(prompts)
        yield from ((key, {"answer": "Yes." if "birds" in text else "No."}) for key, text in prompts)

    monkeypatch.setattr(judge, "ask_text", ask_text)
    spec = spec_from_file_location("verification", ROOT / "04_verify.py")
    verification = module_from_spec(spec)
    spec.loader.exec_module(verification)
    source, out, kept = (
        answers_file(tmp_path / "g.jsonl"),
        tmp_path / "v.jsonl",
        tmp_path / "v.judgements.jsonl",
    )

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["04", str(source), "-o", str(out), "--overwrite", *map(str, words)])
        verification.main()
        return [(row["verdict"], row["why"].split(";")[0]) for row in lines(out)]

    by_judge = [
        ("correct", "the judge says yes"),
        ("wrong", "the judge says no"),
        ("correct", "said word for word"),
    ]
    assert run("--judge", "some/judge") == by_judge
    assert len(asked) == 2 and all("The man feeds the ducks" in text for _, text in asked)
    assert run("--judgements", kept) == by_judge and len(asked) == 2
    source.write_text(source.read_text().replace("He eats bread.", "He eats cake."))
    with pytest.raises(StageError, match="another question or prediction"):
        run("--judgements", kept)


def test_06_writes_its_verdicts_beside_the_output(tmp_path):
    rows = lines(answers_file(tmp_path / "predictions.jsonl"))
    (tmp_path / "test.jsonl").write_text(
        "".join(
            json.dumps({k: v for k, v in row.items() if k not in ("answer", "origin", "sample")}) + "\n"
            for row in rows
        )
    )
    out = tmp_path / "new" / "eval.json"
    sh("06_eval.py", tmp_path / "test.jsonl", "--predictions", tmp_path / "predictions.jsonl", "-o", out)
    verdicts = lines(tmp_path / "new" / "eval.verdicts.jsonl")
    assert [row["id"] for row in verdicts] == ["q0", "q1", "q2"] and verdicts[2]["verdict"] == "correct"
    assert verdicts[2]["checks"][0]["score"] == 1.0 and json.loads(out.read_text())["all"]["count"] == 3


def test_try_reads_one_answer_aloud():
    record = {"labels": SCORES, "answer": "<think>hm</think>Score: 63\nDifficulty: 3.2"}
    said = sh("04_verify.py", "--try", json.dumps(record)).stdout
    assert "(not read)" in said and "verdict   correct" in said and "part  ' 63'" in said
    done = sh("04_verify.py", "--try", '{"labels": []}', check=False)
    assert done.returncode == 2 and "labels" in done.stderr and "Traceback" not in done.stderr
    assert done.returncode == 2 and "labels" in done.stderr and "Traceback" not in done.stderr
    for text in ("[" * 100_000, '{"labels": ' + "9" * 5000 + "}", '{"labels": [], "labels": []}'):
        done = sh("04_verify.py", "--try", text, check=False)
        assert done.returncode == 2 and "--try: " in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "flags",
    [
        ["--audit", "a.jsonl", "--judge", "x"],
        ["--audit", "a.jsonl", "--judgements", "x"],
        ["--audit", "a.jsonl", "--limit", "3"],
        ["b.jsonl", "--audit", "a.jsonl"],
        ["--try", "{}", "--audit", "a.jsonl"],
        ["--try", "{}", "-o", "v.jsonl"],
    ],
)
def test_what_nothing_obeys_is_refused(flags):
    done = sh("04_verify.py", *flags, check=False)
    assert done.returncode == 2 and "nothing obeys it" in done.stderr


CASE = {"id": "a", "question": "How many?", "labels": [{"name": "n", "kind": "number", "value": 3}]}


@pytest.mark.parametrize(
    "more, problem",
    [
        ({"human": None}, 'an audit file needs an "answer" and "human"'),
        ({"kind": None}, "kind is None"),
        ({"kind": ["x"]}, "kind is ['x']"),
        ({"kind": "all"}, "kind is 'all'"),
        ({"thought": 5}, "thought is 5"),
        ({"origin": "rationalised"}, "origin is 'rationalised', expected one of direct"),
    ],
)
def test_a_case_that_is_none_is_refused_with_its_line(more, problem, tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text("\ufeff" + json.dumps({**CASE, "answer": "3", "human": True, **more}) + "\n\n", "utf-8")
    done = sh("04_verify.py", "--audit", path, check=False)
    assert done.returncode == 1 and f"{path}:1: {problem}" in done.stderr


def test_shares_of_nothing_are_no_figures(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({**CASE, "answer": "Answer: 4", "human": False}))
    said = sh("04_verify.py", "--audit", path).stdout
    assert re.search(r"number +1 +- +- +1\.000", said) and "no two records to exchange labels" in said
    path.write_text("")
    assert "no cases" in sh("04_verify.py", "--audit", path, check=False).stderr


# ---------------------------------------------------------------- the audit


ROW = re.compile(r"[a-z]+ +\d+ ")
# One case of how many is looked at (all: make audit), and the accuracies below which something broke: a few
# points under those in lib/verifier/README.md
PARTS = [
    ("scored.jsonl", 8, {"all": 0.88, "kind": 0.78}),
    pytest.param("written.jsonl", 8, {"all": 0.9, "kind": 0.8}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("part, step, least", PARTS)
def test_audit(part, step, least, tmp_path):
    sample = tmp_path / part
    sample.write_text("".join((AUDIT / part).read_text().splitlines(keepends=True)[::step]))
    said = sh("04_verify.py", "--audit", sample).stdout
    rows = {line.split()[0]: [*map(float, line.split()[1:])] for line in said.splitlines() if ROW.match(line)}
    assert rows.keys() >= {*KINDS, "several", "thought", "all"}
    for kind, (_, _, _, accuracy, official, substring) in rows.items():
        assert accuracy >= least.get(kind, least["kind"]), (kind, accuracy)
        assert accuracy > max(official, substring)
    accepted, drawn = map(int, re.search(r"control: (\d+) of (\d+)", said).groups())
    assert drawn > 200 and accepted <= 0.01 * drawn, said


# ---------------------------------------------------------------- nasty strings

PIECES = [
    "Answer:",
    "answer is",
    "not ",
    "(",
    "[",
    "]",
    ")",
    "0.5,",
    "1:20 ",
    "2 to 5 seconds ",
    "or ",
    "and ",
    "before ",
    "after ",
    "riding ",
    "a bike ",
    "\n",
    "wait, no, ",
    "\\boxed{",
    "{",
    "<",
    "yes ",
    "one hundred ",
    "twenty ",
    "- ",
    ".",
    ",",
    ";",
    "1",
    "9",
    "%",
    "B. ",
    "x1=",
    "because ",
    "from ",
    "left ",
    "right ",
    "to ",
    " ",
    "\u2028",
    "\u00e9",
    "\ufdfa",
    "\u00bd",
    "\u0663",
    "\u00b2",
    "\x00",
    "\ud800",
    "'",
    "n't",
    "**",
    "__",
    "$",
    "how many ",
    "as stated ",
    "the answer ",
    "is ",
    "until ",
    "red ",
    "blue ",
]
FUZZED = [
    {"kind": "class", "value": "riding a bike", "options": ACTIONS + PUSHES},
    {"kind": "text", "value": "a man rides a horse"},
    {"kind": "sequence", "value": ["red", "blue"], "options": COLORS},
    {"kind": "sequence", "value": ["open the door", "sit down"]},
    {"kind": "interval", "value": [2, 5]},
    {"kind": "time", "value": 0.3, "unit": "fraction"},
    {"kind": "box", "value": [0, 0, 0.5, 0.5]},
    {"kind": "number", "value": 63},
    {"kind": "choice", "value": "B", "options": ["a cat", "a dog", "2"]},
    {"kind": "boolean", "value": True},
]


def nasty(draw):
    """A random string of one of eight unpleasant forms: any Unicode, one piece 50,000 times, nested brackets,
    long rows of numbers, ...
    """
    form, pick = draw.randrange(8), lambda: draw.choice(PIECES)
    if form == 0:
        return "".join(
            chr(draw.choice((draw.randrange(32, 127), draw.randrange(0x110000))))
            for _ in range(draw.randrange(200))
        )
    if form == 1:
        return pick() * draw.choice((10, 30, 300, 50_000))
    if form == 2:
        return "(" * draw.randrange(2000) + "".join(pick() for _ in range(9)) + ")" * draw.randrange(2000)
    if form == 3:
        return "".join(draw.choices("0123456789.,:-/%[]() ", k=draw.randrange(600)))
    if form == 4:
        return (pick() + pick()) * draw.randrange(1, 200)
    if form == 5:
        return "Answer: " + (pick() + pick() + pick()) * draw.randrange(1, 100)
    return ("Answer: " if form == 6 else "") + "".join(pick() for _ in range(draw.randrange(80)))


def processor_seconds():
    """What this processor takes for a fixed piece of work, some 4 ms on a slow one: the measure of "long"."""
    text, seconds = "so he is (perhaps) riding 2.5 bikes, or not; " * 1200, []
    for _ in range(5):
        began = time.process_time()
        Counter(re.findall(r"[a-z]+|\d+(?:\.\d+)?", text)).most_common(3)
        seconds.append(time.process_time() - began)
    return min(seconds)


@pytest.mark.parametrize("seed, count", [(0, 2_000), pytest.param(1, 20_000, marks=pytest.mark.slow)])
def test_no_string_raises_or_takes_long(seed, count):
    draw, slow = random.Random(seed), []
    limit = 12 * processor_seconds()
    vectors = lambda strings, adapted=False: np.full((len(strings), 4), 0.5, np.float32)
    for n in range(count):
        labels = [{"name": "it", **label} for label in draw.sample(FUZZED, 3 if n % 10 == 0 else 1)]
        record = {
            "id": n,
            "question": draw.choice(("Is the man riding a bike?", "How many cats?", "")),
            "labels": labels,
            "answer": nasty(draw),
            "origin": draw.choice(("direct", "rationalized")),
            "duration": draw.choice((None, 8)),
        }
        began = time.process_time()
        result = verify(record, {}, vectors)
        if time.process_time() - began > limit:
            # a second look, with the measure taken anew: a busy machine slows both
            seconds = []
            for _ in range(3):
                began = time.process_time()
                verify(record, {}, vectors)
                seconds.append(time.process_time() - began)
            if min(seconds) > 40 * processor_seconds():
                slow.append((labels[0]["kind"], record["answer"][:80]))
        assert result["verdict"] in ("correct", "wrong", "unparsed", "unfinished", "degenerate", "leaked")
        json.dumps(result, allow_nan=False)
    assert not slow


def test_a_file_without_all_questions_tells_classes_apart_by_a_vocabulary(tmp_path):
    def record(name, value, **more):
        label = {"name": "class", "kind": "class", "value": value}
        return {"id": name, "video": "v.mp4", "question": "What?", "labels": [label], **more}

    answer = {"answer": "Two animals.\nAnswer: a dog and a cat", "origin": "rationalized", "sample": 0}
    (tmp_path / "train.jsonl").write_bytes(line_of(record("a", "cat")) + line_of(record("b", "dog")))
    (tmp_path / "r.jsonl").write_bytes(line_of(record("b", "dog", **answer)))
    command = ["04_verify.py", tmp_path / "r.jsonl", "-o"]
    assert "--vocabulary" in sh(*command, tmp_path / "alone.jsonl").stdout
    sh(*command, tmp_path / "v.jsonl", "--vocabulary", tmp_path / "train.jsonl")
    (result,) = lines(tmp_path / "v.jsonl")
    assert result["verdict"] == "wrong" and result["why"] == "several: cat, dog"


def test_answers_are_kept_by_the_pass_rate_of_their_question(tmp_path):
    def answers(name, *texts, origin="direct"):
        label = {"name": "count", "kind": "number", "value": 3}
        asked = {"id": name, "video": "v.mp4", "question": "How many?", "labels": [label], "origin": origin}
        return [{**asked, "sample": n, "answer": f"Some.\nAnswer: {text}"} for n, text in enumerate(texts)]

    rows = answers("known", 3, "three") + answers("half", 3, 5) + answers("never", 5, 6)
    (tmp_path / "g.jsonl").write_bytes(b"".join(map(line_of, rows)))
    (tmp_path / "r.jsonl").write_bytes(b"".join(map(line_of, answers("never", 3, origin="rationalized"))))
    command = [
        "04_verify.py",
        tmp_path / "g.jsonl",
        tmp_path / "r.jsonl",
        "-o",
        tmp_path / "v.jsonl",
        "--overwrite",
    ]

    def kept(*more):
        sh(*command, *more)
        found = lines(tmp_path / "v.jsonl")
        rates = {record["id"]: record["pass_rate"] for record in found}
        assert rates == {"known": 1.0, "half": 0.5, "never": 0.0}
        return [(record["id"], record["sample"]) for record in found if record["keep"]]

    assert kept() == [("known", 0), ("known", 1), ("half", 0), ("never", 0)]
    assert kept("--keep-pass-rate", "0.1", "0.9") == [("half", 0)]
    assert "100% of the direct answers to its question are right" in lines(tmp_path / "v.jsonl")[0]["why"]
    assert sh(*command, "--keep-pass-rate", "0.9", "0.1", check=False).returncode == 2
    assert sh(*command, "--keep-pass-rate", "0.9", "0.1", check=False).returncode == 2
    # a file for each sample: the answers to a question stand apart
    for number in (0, 1):
        own = [row for row in rows if row["sample"] == number]
        (tmp_path / f"{'gh'[number]}.jsonl").write_bytes(b"".join(map(line_of, own)))
    command.insert(2, tmp_path / "h.jsonl")
    assert kept("--keep-pass-rate", "0.1", "0.9") == [("half", 0)]
