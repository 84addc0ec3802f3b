"""Forty answers of thinking models, whole and cut off, and answers wrapped in JSON, tags and boxes, each with
the verdicts that are right. They were written before the rules that they test, and no rule was made for one.
"""

GAIT, SPORTS = {"options": ["running", "walking", "jumping"]}, {"options": ["cricket", "baseball"]}
ANIMALS, CUP = {"options": ["dog", "bear"]}, {"options": ["picking up", "putting down"]}
ABCD = {"options": ["he leaves", "he waves", "he stays", "he falls"]}
SEEN = ("correct",)
NOT_KEPT = ("wrong", "unparsed", "degenerate", "unfinished")
CUT_OFF = ("unfinished",)

# (kind of label, value, its other keys, answer and what stands beside it in the record, right verdicts)
THINKING = [
    (
        "class",
        "jumping",
        GAIT,
        "<think>\nThe man first looks like he is running, since both feet leave the ground.\nLooking again "
        "he only jumps over a puddle.\n</think>\n\nThe man is jumping over a puddle.\nAnswer: jumping",
        SEEN,
    ),
    (
        "class",
        "running",
        GAIT,
        "<think>\nThe man first looks like he is running, since both feet leave the ground.\nLooking again "
        "he only jumps over a puddle.\n</think>\n\nThe man is jumping over a puddle.\nAnswer: jumping",
        NOT_KEPT,
    ),
    (
        "number",
        4,
        {},
        "Let me count: 1, 2, 3 ... the answer could be 3. Frame 6 shows another. So 4.\n</think>\n\nThere "
        "are 4 cups on the table.",
        SEEN,
    ),
    (
        "number",
        3,
        {},
        "Let me count: 1, 2, 3 ... the answer could be 3. Frame 6 shows another. So 4.\n</think>\n\nThere "
        "are 4 cups on the table.",
        NOT_KEPT,
    ),
    (
        "interval",
        [3, 9],
        {},
        "\u25c1think\u25b7The door opens around 0:02? At frame 3 it is open.\u25c1/think\u25b7The door is "
        "open from 3.0 to 8.5 seconds.\n\nAnswer: 3 to 8.5 seconds",
        SEEN,
    ),
    (
        "choice",
        "C",
        ABCD,
        "<think>Option A says he leaves. Answer: A? No, he stays.</think>\n\n**C**",
        SEEN,
    ),
    (
        "boolean",
        True,
        {},
        "<|channel>thought\nIs the light red? No. It turns green at the end, so it is yes.<channel|>Yes, the "
        "light turns green.",
        SEEN,
    ),
    ("boolean", True, {}, "<think>Yes, it surely does.</think>No.", NOT_KEPT),
    (
        "class",
        "dog",
        ANIMALS,
        "<think>a bear</think>Hmm.<think>No, it is a dog</think>Answer: dog",
        SEEN,
    ),
    ("class", "bear", ANIMALS, {"thought": "It is big. Answer: bear", "answer": "Answer: dog"}, NOT_KEPT),
    (
        "class",
        "cricket",
        SPORTS,
        "<reasoning>He holds a bat, as in baseball, but it is flat.</reasoning><answer>cricket</answer>",
        SEEN,
    ),
    (
        "sequence",
        ["red", "blue"],
        {"options": ["red", "blue", "yellow"]},
        "<think>First red, then yellow, then blue? No yellow is not there.</think>\nAnswer: red, then blue",
        SEEN,
    ),
    ("time", 12, {}, "<thought>around 40 s maybe</thought>It happens at 0:12.", SEEN),
    (
        "choice",
        "B",
        ABCD,
        {"thought": "A, C and D are wrong.\nHe waves at the end.", "answer": "The answer is (B)."},
        SEEN,
    ),
]
CUT = [
    (
        "class",
        "picking up",
        CUP,
        {
            "answer": "<think>\nThe man takes the cup, so the answer is picking up",
            "truncated": True,
        },
        CUT_OFF,
    ),
    ("class", "picking up", CUP, "<think>\nThe man takes the cup, so the answer is picking up", CUT_OFF),
    ("class", "picking up", CUP, {"thought": "Picking up?", "answer": "", "truncated": True}, CUT_OFF),
    ("class", "picking up", CUP, {"thought": "Answer: picking up", "answer": ""}, CUT_OFF),
    ("class", "picking up", CUP, {"answer": "Answer: picking up", "truncated": True}, CUT_OFF),
    ("class", "picking up", CUP, "He is picking up a cup and then <think>wait", CUT_OFF),
    ("choice", "B", ABCD, "[THINK]It could be B", CUT_OFF),
    ("choice", "B", ABCD, "<|channel|>analysis<|message|>The person waves, so answer B.", CUT_OFF),
    ("interval", [3, 9], {}, {"answer": "The answer is between 3 s and 9 s", "truncated": True}, CUT_OFF),
    (
        "class",
        "walking",
        GAIT,
        {"answer": "<think>short</think>\n\nThe person is walking", "truncated": True},
        CUT_OFF,
    ),
]
WRAPPED = [
    ("choice", "B", ABCD, '```json\n{"answer": "B"}\n```', SEEN),
    ("class", "picking up", CUP, "<answer> picking up </answer>", SEEN),
    ("interval", [3, 9], {}, '<think>a box?</think><answer>{"start": 3, "end": 9}</answer>', SEEN),
    ("class", "walking", GAIT, "> **Final Answer:** `walking`", SEEN),
    ("class", "walking", GAIT, '{"thought": "He may be running", "answer": "walking"}', SEEN),
    ("class", "walking", GAIT, "<response><final>walking</final></response>", SEEN),
    ("class", "walking", GAIT, "| question | answer |\n|---|---|\n| What does he do? | walking |", SEEN),
    ("class", "walking", GAIT, "<answer>walking</answer> or <answer>running</answer>", NOT_KEPT),
    ("class", "walking", GAIT, "Answer: <walking>", SEEN),
]
BOXED = [
    ("number", 63, {}, "The score is computed as 3 x 21 = 63.\n\\boxed{63}", SEEN),
    ("choice", "B", ABCD, "$\\boxed{\\text{B}}$", SEEN),
    ("interval", [3, 9], {}, "Therefore the final answer is $\\boxed{[3, 9]}$ seconds.", SEEN),
    ("choice", "C", ABCD, "\\boxed{A} is wrong, since he stays. \\boxed{C}", SEEN),
    ("number", 12, {}, "<think>\\boxed{12}</think>\\boxed{14}", NOT_KEPT),
    ("number", 0.75, {}, "\\boxed{\\frac{3}{4}}", SEEN),
    ("class", "walking", GAIT, "\\boxed{\\text{walking, not running}}", SEEN),
]
CASES = THINKING + CUT + WRAPPED + BOXED
QUESTIONS = {"number": "How many are there?", "boolean": "Does the light turn green?", "time": "When is it?"}


def record_of(kind, value, more, answer):
    """The record of a case, as 04 reads it."""
    label = {"name": "it", "kind": kind, "value": value, **more}
    beside = answer if isinstance(answer, dict) else {"answer": answer}
    question = QUESTIONS.get(kind, "What happens?")
    return {"id": "x", "question": question, "labels": [label], "duration": 60.0, **beside}
