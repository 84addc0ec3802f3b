"""Benchmarks by their own rules: every quirk of the official scorers, predictions in their own formats,
joins, paired tests, judges, published figures.
"""

import importlib.util
import json
import re
import sys
from collections import Counter

import pytest
from conftest import ROOT, SHARED, lines, sh
from test_video import coded_clip

from lib import benchmarks
from lib.benchmarks import labels, mvbench, nextqa, open_qa, read_items, star, videomme
from lib.benchmarks import tempcompass as compass
from lib.benchmarks.charades import spoken_times
from lib.benchmarks.predictions import reply_of
from lib.benchmarks.tables import score_choices
from lib.confidence import mcnemar, paired_gain, spearman
from lib.model import ask_text, judge
from lib.prompts import render
from lib.records import StageError
from lib.table import read_rows
from lib.tools import results

SPEC = importlib.util.spec_from_file_location("evaluation", ROOT / "06_eval.py")
evaluation = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(evaluation)

MC = "What is the man doing?\nA. dunking a ball\nB. dribbling a ball\nC. cooking"
CM = (
    "Which description is a more suitable match for the video?\n"
    "Option 1: The man is dribbling.\nOption 2: A man is dunking."
)


def evaluate(monkeypatch, *arguments):
    """eval.json of `06_eval.py ARGUMENTS -o OUT`, run in this process."""
    out = next(str(b) for a, b in zip(arguments, arguments[1:]) if a == "-o")
    monkeypatch.setattr(sys, "argv", ["06_eval.py", *map(str, arguments)])
    evaluation.main()
    return json.loads(open(out).read())


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def counts(table):
    return table["correct"], table["count"]


# ---------------------------------------------------------------- rules, by table


@pytest.mark.parametrize(
    "said,read,right",
    [
        ("B. dribbling a ball", "B", True),
        ("B", "B", True),
        (" B", "B", True),
        ("B</s>", "B", True),
        ("\nB.\n", "B", True),
        ("B) x", "B", True),
        ("B)", "B", True),
        ("A", "A", False),
        ("B. dunking a ball", "B", True),  # the words after the letter are not read
        ("B.A. x", "B", True),
        ("A.B. x", "A", False),
        ("D. none of them", "D", False),
        ("D", "D", False),
        *(
            (said, None, False)
            for said in (
                "(B)",
                "B:",
                "**B.**",
                "b",
                "b. dribbling",
                "dribbling a ball",
                "The best option is B.",
                "**C. cooking**",
                "E",
                "E. x",
                "B dribbling",
                ".",
                "AB",
            )
        ),
    ],
)
def test_tempcompass_multi_choice(said, read, right):
    assert compass.multi_choice(said, {"gold": "B. dribbling a ball"}) == (read, right)


@pytest.mark.parametrize(
    "said,read",
    [
        ("yes", "yes"),
        ("Yes, he is.", "yes"),
        (" YES", "yes"),
        ("yesterday", "yes"),
        ("no", "no"),
        ("No.", "no"),
        ("not sure", "no"),
        ("none", "no"),
        ("Now he is", "no"),
        ("nothing", "no"),
        ("North", "no"),
        ("</s>no", "no"),
        ("The answer is yes", None),
        ("**Yes**", None),
        ("true", None),
        ("n", None),
        ("'yes'", None),
    ],
)
def test_tempcompass_yes_no(said, read):
    for gold in ("yes", "no"):
        assert compass.yes_no(said, {"gold": gold}) == (read, read == gold)


@pytest.mark.parametrize(
    "said,read",
    [
        ("Option 2: A man is dunking.", "B"),
        ("A man is dunking.", "B"),
        ("2) A man is dunking.", "B"),
        ("Option 2) A man is dunking.", "B"),
        ("Option 2", "B"),
        ("Option 2.", "B"),
        ("2", "B"),
        ("2.", "B"),
        (" 2</s>", "B"),
        ("Option 1", "A"),
        ("1", "A"),
        ("The man is dribbling.", "A"),
        ("Option 1: The man is dribbling.", "A"),
        ("A man is dunking", None),
        ("option 2", None),
        ("Option 2:", None),
        ("B", None),
        ("(2)", None),
        ("Option 2: A man is dunking. It is clear.", None),
        ("Sentence 2", None),
        ("2: A man is dunking.", None),
    ],
)
def test_tempcompass_caption_matching(said, read):
    for gold in CM.split("\n")[1:]:
        assert compass.caption_matching(said, {"gold": gold, "lines": CM.split("\n")[1:]}) == (
            read,
            read is not None and {"A": "Option 1", "B": "Option 2"}[read] == gold[:8],
        )


@pytest.mark.parametrize("name", ["Sentence", "Caption"])
def test_tempcompass_caption_matching_of_the_other_templates(name):
    item = {"lines": [f"{name} A: one", f"{name} B: two"], "gold": f"{name} B: two"}
    assert [compass.caption_matching(said, item) for said in ("B", "B.", f"{name} B", "two", "A", "b")] == [
        ("B", True)
    ] * 4 + [("A", False), (None, False)]


@pytest.mark.parametrize(
    "reply,right",
    [
        ("Reasoning: he cooks\nAnswer: C. cooking", True),
        ("Answer: C", False),
        ("Answer: C. cooking or A. dunking", False),
        ("C. cooking", True),
        ("Answer: B. dribbling a ball", False),
        ("Answer: None of the choices are correct", False),
        ("Answer: B. x\nFinal Answer: C. cooking", False),
        ("Answer: A. x\nAnswer: C. cooking", True),
        ("", None),
    ],
)
def test_tempcompass_captioning(reply, right):
    assert compass.verdict({"choice": {"answer": "C. cooking"}}, reply) == (right, None)


@pytest.mark.parametrize(
    "reply,right",
    [
        ("Correct", True),
        ("Incorrect", False),
        ("Correct, not Incorrect", True),
        ("It is Correct.", True),
        ("It is Incorrect, not Correct", False),
        ("correct", None),
        ("yes", None),
    ],
)
def test_tempcompass_judge(reply, right):
    assert compass.verdict({}, reply)[0] is right


@pytest.mark.parametrize(
    "reply,result",
    [
        ("{'pred': 'yes', 'score': 4.8}", (True, 4)),
        ("{'pred': 'No', 'score': 2}", (False, 2)),
        ("{'pred': 'maybe', 'score': 2}", (None, 2)),
        ("{'pred': 'yes', 'score': '4'}", (True, 4)),
        ("{'pred': 'yes'}", (None, None)),
        ("yes, 5", (None, None)),
        ("```{'pred': 'yes', 'score': 5}```", (None, None)),
        ("[" * 5000, (None, None)),
        ("{'pred': 1, 'score': 5}", (None, None)),
    ],
)
def test_video_chatgpt_protocol(reply, result):
    assert open_qa.verdict({}, reply) == result


@pytest.mark.parametrize(
    "said,read",
    [
        ("B", "B"),
        ("(C)", "C"),
        ("The answer is D.", "D"),
        ("I think (A) is wrong, (E) right", "E"),
        ("A man runs", "A"),
        ("Both B and C here", "C"),
        ("I am sure that he will hit with sticks", "D"),
        ("hit with sticks", None),
        ("", None),
        ("e", None),
    ],
)
def test_nextqa_never_guesses(said, read):
    item = {
        "options": [
            "roll the handle",
            "tap their feet",
            "strum the string",
            "hit with sticks",
            "pat with hand",
        ],
        "gold": "D",
    }
    assert nextqa.rule(said, item) == (read, read == "D")


@pytest.mark.parametrize(
    "said,read",
    [
        ("C", "C"),
        ("C. The clothes.", "C"),
        ("the answer is C) The clothes", "C"),
        ("A: no. The answer is B: it", "B"),
        ("Because", "B"),
        ("first A) then B)", "A"),
        (" C", None),
        ("E", None),
        ("?", None),
    ],
)
def test_star_by_ig_vlm(said, read):
    assert star.rule(said, {"options": ["a", "b", "c", "d"], "gold": "C"}) == (
        read,
        read == "C",
    )


@pytest.mark.parametrize(
    "said,right",
    [
        ("A", True),
        ("A) x", True),
        ("(A) x", True),
        ("A. x", True),
        ("a", True),
        ("(A)\n(B)", True),
        ("B", False),
        ("The A", False),
        ("(", False),
        (")", False),
        (".", False),
        ("...", False),
    ],
)
def test_mvbench_credits_no_empty_reply(said, right):
    assert mvbench.rule(said, {"options": ["x", "y", "z"], "gold": "A"})[1] is right


@pytest.mark.parametrize(
    "said,read",
    [
        ("D", "D"),
        ("Based on the video, the answer is D.", "B"),
        ("Best option: C", "B"),
        ("Actually C", "A"),
        ("(c)", None),
        ("The best answer is: C", "C"),
        ("The answer is B", "B"),
        ("nothing", None),
    ],
)
def test_videomme_as_its_script_has_it(said, read):
    assert videomme.rule(said, {"gold": "D"}) == (read, read == "D")


@pytest.mark.parametrize(
    "said,window",
    [
        ("The event happens in the 24.3 - 30.4 seconds.", [24.3, 30.4]),
        ("from 3 to 5", [3, 5]),
        ("9 - 4", [4, 9]),
        ("It starts at 3 s!\nIt ends at 8 s", [3, 8]),
        ("It starts at 3 and ends at 8", None),
        ("A specific example is : 20.8 - 30.0 seconds", None),
        ("never", None),
        ("1..5 - 3", None),
    ],
)
def test_charades_times(said, window):
    assert spoken_times(said) == window


# ---------------------------------------------------------------- TempCompass, whole

QUESTIONS = {
    "v1": {
        "action": [
            {"question": MC, "answer": "A. dunking a ball"},
            {"question": MC.replace("doing", "doing now"), "answer": "B. dribbling a ball"},
        ],
        "order": [{"question": "What is first?\nA. one\nB. two", "answer": "A. one"}],
    },
    "v2_reverse": {
        "action": [{"question": MC, "answer": "C. cooking"}, {"question": MC, "answer": "C. cooking"}]
    },
}
META = {
    "v1": {"eval_dim": {"action": {"type": "fine-grained action"}, "order": {"event1": "x"}}},
    "v2_reverse": {"eval_dim": {"action": {"type": "coarse-grained action"}, "order": None}},
}


def predicted(*said, key="prediction"):
    """QUESTIONS in the official format of predictions, with what was said; `...` leaves an item out."""
    said, result = iter(said), {}
    for video, aspects in QUESTIONS.items():
        for aspect, items in aspects.items():
            result.setdefault(video, {})[aspect] = [
                {**item, key: s} for item in items if (s := next(said)) is not ...
            ]
    return result


@pytest.fixture
def tempcompass(tmp_path, monkeypatch):
    write(tmp_path / "multi-choice.json", QUESTIONS), write(tmp_path / "meta.json", META)

    def run(predictions, *more, task="multi-choice", name="p.json"):
        path = write(tmp_path / name, predictions)
        return evaluate(
            monkeypatch,
            "--benchmark",
            "tempcompass",
            "--task",
            task,
            "--questions",
            tmp_path / f"{task}.json",
            "--meta",
            tmp_path / "meta.json",
            "--predictions",
            path,
            "-o",
            tmp_path / "eval.json",
            *more,
        )

    return run


def test_tempcompass_counts_by_aspect_and_fine_aspect(tempcompass):
    result = tempcompass(predicted("A", " B. dunking</s>", None, "**C. cooking**", "  "))
    official = result["official"]
    assert result["predictions"] == {"answered": 3, "missing": 0, "null": 1, "empty": 1, "failed": 0}
    assert (
        counts(official) == (2, 5)
        and official["percent"] == 40.0
        and (official["matched"], official["unmatched"]) == (2, 3)
    )
    assert {name: counts(row) for name, row in official["by"]["aspect"].items()} == {
        "action": (2, 4),
        "order": (0, 1),
    }
    assert {name: counts(row) for name, row in official["by"]["fine aspect"].items()} == {
        "fine-grained action": (2, 2),
        "order": (0, 1),
        "coarse-grained action": (0, 2),
    }
    assert (
        official["macro"] == {"aspect": 25.0, "fine aspect": 33.3}
        and official["answers"] == {"A": 1, "B": 1}
        and official["gold"] == {"A": 2, "B": 1, "C": 2}
    )
    assert counts(result["robust"]) == (3, 5)  # our verifier reads the markdown
    assert official["low"] < 0.4 < official["high"]


def test_tempcompass_formats_say_the_same(tempcompass):
    said = ("A", "C", "A. one", "(C)", "C")
    first = tempcompass(predicted(*said))["official"]
    assert counts(first) == (3, 5)
    suffixed = {
        f"{video}.mp4": {
            aspect: [
                {**item, "question": item["question"] + "\nPlease directly give the best option: "}
                for item in reversed(items)
            ]
            for aspect, items in aspects.items()
        }
        for video, aspects in reversed(predicted(*said, key="response").items())
    }
    suffixed["v2_reverse.mp4"][
        "action"
    ].reverse()  # two items with one question: these alone keep their order
    evaluated = {
        video: {
            aspect: [
                {
                    "question": item["question"],
                    "gt-answer": item["answer"],
                    "video-llm-prediction": item["prediction"],
                    "match_success": True,
                    "rating": 1,
                }
                for item in items
            ]
            for aspect, items in aspects.items()
        }
        for video, aspects in predicted(*said).items()
    }
    ours = "".join(
        json.dumps({"id": f"{v}/{a}/{n}", "answer": i["prediction"]}) + "\n"
        for v, d in predicted(*said).items()
        for a, items in d.items()
        for n, i in enumerate(items)
    )
    for predictions, name in (
        (suffixed, "p.json"),
        (evaluated, "p.json"),
        (ours, "p.jsonl"),
        (ours.rstrip(), "other.predictions"),
    ):
        assert tempcompass(predictions, name=name)["official"] == first


def test_tempcompass_missing_is_counted_and_everything_else_refused(tempcompass):
    assert tempcompass(predicted("A", ..., ..., ..., "C"))["predictions"]["missing"] == 3
    with pytest.raises(StageError, match="p.json: no predictions in it"):
        tempcompass({})
    good = predicted("A", "B", "A", "C", "C")
    for change, words in (
        (lambda p: p.update(v9=p["v1"]), ["v9", "not among the questions"]),
        (lambda p: p["v1"].update(speed=p["v1"]["order"]), ["v1/speed", "not among the questions"]),
        (lambda p: p["v1"]["order"].append(p["v1"]["order"][0]), ["v1/order[1]", "second answer"]),
        (lambda p: p.update({"v1.mp4": p["v1"]}), ["v1.mp4/action[0]", "second answer"]),
        (
            lambda p: p["v1"]["order"][0].update(question="What is last?\nA. one\nB. two"),
            ["v1/order[0]", "question differs"],
        ),
        (lambda p: p["v1"]["order"][0].update(prediction={"a": 1}), ["v1/order[0]", "expected a text"]),
        (lambda p: p["v1"]["order"][0].update(prediction=2.5), ["v1/order/0", "expected a text"]),
        (lambda p: p["v1"]["order"].append(3), ["v1/order[1]", "found 3, expected an object with question"]),
    ):
        broken = json.loads(json.dumps(good))
        change(broken)
        with pytest.raises(StageError) as error:
            tempcompass(broken)
        assert all(word in str(error.value) for word in words), error.value
    with pytest.raises(StageError, match="duplicate key 'v1'"):
        tempcompass('{"v1": {"action": []}, "v1": {"action": []}}')
    with pytest.raises(StageError, match="no row holds a reply"):
        tempcompass(
            {"v1": {"order": QUESTIONS["v1"]["order"]}}
        )  # questions are not predictions, and their gold answers no replies


@pytest.mark.parametrize(
    "row,words",
    [
        ({"id": "v1/action/7", "answer": "A"}, "not among the questions"),
        ({"id": "v1/action/0", "answer": "A"}, "second answer"),
        ({"id": "v1/order/0", "question": "Another?", "prediction": "A"}, "question differs"),
    ],
)
def test_our_own_predictions_are_joined_by_id(tempcompass, row, words):
    with pytest.raises(StageError, match=words) as error:
        tempcompass(json.dumps({"id": "v1/action/0", "answer": "A"}) + "\n" + json.dumps(row), name="p.jsonl")
    assert "p.jsonl:2" in str(error.value)


def test_another_gold_answer_in_the_predictions_decides_nothing(tempcompass, capsys):
    predictions = predicted("A", "B", "A", "C", "C")
    predictions["v1"]["action"][0].update(answer="B. dribbling a ball", prediction="B")
    result = tempcompass(predictions)
    assert (
        counts(result["official"]) == (4, 5)
        and result["predictions"]["gold_differs"] == 1
        and "v1/action[0]" in capsys.readouterr().out
    )


def test_tempcompass_yes_no_and_caption_matching(tmp_path, tempcompass):
    yes = {
        "v1": {
            "action": [
                {"question": "Is he dunking?", "answer": "yes"},
                {"question": "Is he cooking?", "answer": "no"},
                {"question": "Is he running?", "answer": "no"},
            ]
        }
    }
    write(tmp_path / "yes_no.json", yes)
    result = tempcompass(
        {
            "v1": {
                "action": [
                    {**i, "prediction": s}
                    for i, s in zip(yes["v1"]["action"], (" Yes", "not sure", "It is no."))
                ]
            }
        },
        task="yes_no",
    )
    assert (
        counts(result["official"]) == (2, 3)
        and result["official"]["answers"] == {"no": 1, "yes": 1}
        and result["official"]["gold"] == {"no": 2, "yes": 1}
    )
    match = {
        "v1": {
            "action": [
                {"question": CM, "answer": CM.split("\n")[2]},
                {
                    "question": CM.replace("Option 1", "Caption A").replace("Option 2", "Caption B"),
                    "answer": "Caption A: The man is dribbling.",
                },
            ]
        }
    }
    write(tmp_path / "caption_matching.json", match)
    result = tempcompass(
        {
            "v1": {
                "action": [
                    {**i, "prediction": s}
                    for i, s in zip(match["v1"]["action"], ("Option 2.", "The answer is Caption A"))
                ]
            }
        },
        task="caption_matching",
    )
    assert counts(result["official"]) == (1, 2) and counts(result["robust"]) == (2, 2)


def test_tempcompass_against_other_predictions(tmp_path, tempcompass):
    write(tmp_path / "other.json", predicted("A", "C", "B", "A", None))
    result = tempcompass(predicted("A", "B", "A", "C", "C"), "--against", tmp_path / "other.json")["against"]
    assert (
        result["mcnemar"] == {"only_this": 4, "only_other": 0, "p": 0.125}
        and result["gain"] == 80.0
        and counts(result["official"]) == (1, 5)
    )


# ---------------------------------------------------------------- judges


def test_captions_are_judged_and_scored_again_from_disk(tmp_path, tempcompass, monkeypatch, capsys):
    """The gold answer is that of the first multiple-choice question of the same video and aspect."""
    captions = {
        "v1": {
            "action": [
                {"question": "Information A: x\nGenerated Caption:", "answer": "B. whatever"},
                {"question": "Information B: y\nGenerated Caption:", "answer": "A. x"},
            ]
        },
        "v2_reverse": {"action": [{"question": "Generated Caption:", "answer": "A. x"}]},
    }
    write(tmp_path / "captioning.json", captions)
    said = {
        video: {
            aspect: [{**item, "prediction": s} for item, s in zip(items, ("A man dunks.", None))]
            for aspect, items in aspects.items()
        }
        for video, aspects in captions.items()
    }
    asked = []

    def ask_text(model, prompts, *how):
        asked.extend(prompts)
        yield from ((key, {"answer": "Reasoning: he dunks\nAnswer: A. dunking a ball"}) for key, _ in prompts)

    monkeypatch.setattr(judge, "ask_text", ask_text)
    assert tempcompass(said, task="captioning")["official"] is None
    assert "captioning: no rule reads these answers; --judge MODEL, or" in capsys.readouterr().out
    first = tempcompass(said, "--judge", "some/judge", task="captioning")
    assert (
        [key for key, _ in asked] == ["v1/action/0", "v2_reverse/action/0"]
        and MC in asked[0][1]
        and "A man dunks." in asked[0][1]
    )
    assert (
        counts(first["judged"]) == (1, 3)
        and first["judged"]["judge"] == "some/judge"
        and first["judged"]["by"]["fine aspect"]["fine-grained action"]["correct"] == 1
    )
    kept = lines(tmp_path / "judgements.jsonl")
    assert [k["reply"] for k in kept] == ["Reasoning: he dunks\nAnswer: A. dunking a ball"] * 2 and {
        k["judge"] for k in kept
    } == {"some/judge"}
    again = tempcompass(said, "--judgements", tmp_path / "judgements.jsonl", task="captioning")
    assert again["judged"] == first["judged"] and len(asked) == 2
    said["v1"]["action"][0]["prediction"] = "A man cooks."
    with pytest.raises(StageError, match="another question or prediction"):
        tempcompass(said, "--judgements", tmp_path / "judgements.jsonl", task="captioning")
    evaluated = {
        "v1": {
            "action": [
                {
                    "chatgpt-answer": "A. dunking a ball",
                    "video-llm-prediction": "x",
                    "gt-answer": "A. dunking a ball",
                    "rating": 1,
                },
                {
                    "chatgpt-answer": None,
                    "video-llm-prediction": "y",
                    "gt-answer": "A. dunking a ball",
                    "rating": -1,
                },
            ]
        }
    }
    stored = tempcompass(evaluated, task="captioning")["judged"]
    assert counts(stored) == (1, 3) and stored["unjudged"] == 1
    write(tmp_path / "prompt_templates.py", 'caption_evaluation_prompt = """\nThe official words."""\n')
    assert compass.official_template(tmp_path / "captioning.json", "captioning") == "\nThe official words."


def test_a_judge_sees_only_what_no_rule_reads(tempcompass, monkeypatch):
    monkeypatch.setattr(
        judge,
        "ask_text",
        lambda model, prompts, *how: [
            (key, {"answer": "Correct" if "v1" in key else "hm"}) for key, _ in prompts
        ],
    )
    result = tempcompass(predicted("A", "The second, dribbling", None, "cooking", "C"), "--judge", "j")
    assert (
        counts(result["official"]) == (2, 5)
        and counts(result["judged"]) == (3, 5)
        and [result["judged"][k] for k in ("asked", "unparsable", "unjudged")] == [2, 1, 0]
    )


OPEN = [
    {"question": "who runs?", "video_name": "a", "answer": "man"},
    {"question": "where?", "video_name": "a", "answer": "park"},
    {"question": "who runs?", "video_name": "b", "answer": "two dogs"},
]


def test_open_qa_with_and_without_a_judge(tmp_path, monkeypatch):
    questions = write(tmp_path / "msvd_qa.json", OPEN)
    csv = "\n,video_id,answer,question,video_name,question_id,question_type\n" + "".join(
        f"{i},9,{q['answer']},{q['question']},{q['video_name']},q{i},0\n" for i, q in enumerate(OPEN)
    )
    assert [i["id"] for i in read_items("open-qa", questions)] == ["a#0", "a#1", "b#0"]
    assert [(i["id"], i["gold"]) for i in read_items("open-qa", write(tmp_path / "q.csv", csv[1:]))] == [
        ("q0", "man"),
        ("q1", "park"),
        ("q2", "two dogs"),
    ]
    replies = [
        {"video_name": "b", "prompt": "who runs?", "text": "Two dogs.", "answer": "two dogs"},
        {"video_name": "a", "prompt": "who runs?", "text": "A man</s>", "answer": "man"},
        {"video_name": "a", "prompt": "where?", "text": "on the street", "answer": "park"},
    ]
    path = write(tmp_path / "p.jsonl", "\n".join(map(json.dumps, replies)))
    arguments = [
        "--benchmark",
        "open-qa",
        "--questions",
        questions,
        "--predictions",
        path,
        "-o",
        tmp_path / "eval.json",
    ]
    assert counts(evaluate(monkeypatch, *arguments)["exact"]) == (2, 3)
    verdicts = {
        "a#0": "{'pred': 'yes', 'score': 4.8}",
        "a#1": "{'pred': 'no', 'score': 1}",
        "b#0": "I would say yes",
    }
    monkeypatch.setattr(
        judge,
        "ask_text",
        lambda model, prompts, *how: [(key, {"answer": verdicts[key]}) for key, _ in prompts],
    )
    judged = evaluate(monkeypatch, *arguments, "--judge", "j")["judged"]
    assert (
        counts(judged) == (1, 3)
        and counts(judged["answered_only"]) == (1, 2)
        and judged["unparsable"] == 1
        and judged["mean_score"] == 2.5
    )
    assert [line["reply"] for line in lines(tmp_path / "judgements.jsonl")] == [
        verdicts[k] for k in ("a#0", "a#1", "b#0")
    ]


# ---------------------------------------------------------------- the others, on small files


def test_mvbench_by_task(tmp_path, monkeypatch):
    (tmp_path / "json").mkdir()
    for task in ("action_count", "scene_transition"):
        write(
            tmp_path / f"json/{task}.json",
            [
                {
                    "video": f"{task}.mp4",
                    "question": "How many?",
                    "candidates": ["3", "2", "4"],
                    "answer": a,
                    "start": 1.0,
                    "end": 2.0,
                }
                for a in ("2", "4")
            ],
        )
    items = read_items("mvbench", tmp_path / "json")
    assert [i["id"] for i in items] == [
        "action_count/0",
        "action_count/1",
        "scene_transition/0",
        "scene_transition/1",
    ] and items[0]["end"] == 2.0
    assert items[0]["prompt"].endswith(
        "Question: How many?\nOptions:\n(A) 3\n(B) 2\n(C) 4\nOnly give the best option."
    )
    path = write(
        tmp_path / "p.jsonl",
        "".join(
            json.dumps({"id": i["id"], "prediction": s}) + "\n"
            for i, s in zip(items, ("B", "", "(B) 2", "C) 4"))
        ),
    )
    official = evaluate(
        monkeypatch,
        "--benchmark",
        "mvbench",
        "--questions",
        tmp_path / "json",
        "--predictions",
        path,
        "-o",
        tmp_path / "e.json",
    )["official"]
    assert {name: counts(row) for name, row in official["by"]["task"].items()} == {
        "action count": (1, 2),
        "scene transition": (2, 2),
    }


def test_videomme_in_its_template(tmp_path, monkeypatch):
    asked = lambda id, answer, response: {
        "question_id": id,
        "task_type": "Counting Problem",
        "question": "How many?",
        "options": ["A. 1.", "B. 2.", "C. 3.", "D. 4."],
        "answer": answer,
        "response": response,
    }
    video = lambda id, *questions: {
        "video_id": id,
        "duration": "short",
        "domain": "Knowledge",
        "sub_category": "Law",
        "questions": list(questions),
    }
    path = write(
        tmp_path / "v.json",
        [
            video("001", asked("001-1", "C", "C"), asked("001-2", "B", "Based on the video, D")),
            video("002", asked("002-1", "A", "42"), asked("002-2", "D", None)),
        ],
    )
    official = evaluate(
        monkeypatch,
        "--benchmark",
        "videomme",
        "--questions",
        path,
        "--predictions",
        path,
        "-o",
        tmp_path / "e.json",
    )["official"]
    assert (
        counts(official) == (2, 4)
        and counts(official["answered_only"]) == (2, 2)
        and counts(official["by"]["duration"]["short"]) == (2, 4)
    )


def test_fine_diving_scores(tmp_path, monkeypatch):
    dives = [
        {
            "id": f"d{n}",
            "video": "x.mp4",
            "question": "What is the score?",
            "labels": [
                {"name": "difficulty", "kind": "number", "value": 3.0},
                {"name": "score", "kind": "number", "value": v},
            ][n < 4 :],
        }
        for n, v in enumerate((50.0, 60.0, 70.0, 100.0))
    ] + [
        {
            "id": "d4",
            "video": "x.mp4",
            "question": "Which dive?",
            "labels": [{"name": "dive", "kind": "class", "value": "pike"}],
        }
    ]
    questions = write(tmp_path / "d.jsonl", "".join(json.dumps(d) + "\n" for d in dives))
    path = write(
        tmp_path / "p.jsonl",
        "".join(
            json.dumps({"id": f"d{n}", "answer": a}) + "\n"
            for n, a in enumerate(("Answer: 51", "Answer: 75", "It gets 70.", "no idea"))
        ),
    )
    result = evaluate(
        monkeypatch,
        "--benchmark",
        "fine-diving",
        "--questions",
        questions,
        "--predictions",
        path,
        "-o",
        tmp_path / "e.json",
    )
    official = result["official"]
    assert (
        result["n"] == 4
        and official["matched"] == 3
        and official["spearman"] == 0.5
        and counts(official["by"]["tolerance"]["within tolerance"]) == (2, 4)
    )
    assert official["relative_l2"] == pytest.approx(100 * ((1 / 50) ** 2 + (15 / 50) ** 2) / 3, abs=1e-3)


@pytest.fixture
def two_dives(tmp_path):
    """(items, path for their predictions) of two dives of 50 and 60 points."""
    dives = [
        {
            "id": f"d{n}",
            "video": "x.mp4",
            "question": "What score?",
            "labels": [{"name": "score", "kind": "number", "value": value}],
        }
        for n, value in enumerate((50.0, 60.0))
    ]
    questions = write(tmp_path / "d.jsonl", "".join(json.dumps(dive) + "\n" for dive in dives))
    return benchmarks.read_items("fine-diving", questions), tmp_path / "p.jsonl"


@pytest.mark.parametrize(
    "prediction, said",
    [
        ([[1, 2, None]], "expected a text, a number"),
        (["a"], "expected a text, a number"),
        ([[1, 2], 3], "expected a text, a number"),
        (float("nan"), "expected a text, a number"),
        (float("inf"), "expected a text, a number"),
        (1e300, "expected a text, a number"),
        (True, "expected a text, a number"),
        ({"score": 3}, "expected a text, a number"),
        ([[1, 2], [3, 4]], "id 'd1': the prediction is .*expected a number or a text"),
        ([1, 2, 3], "id 'd1': the prediction is .*expected a number or a text"),
    ],
)
def test_a_prediction_of_another_shape_names_its_line(two_dives, prediction, said):
    items, path = two_dives
    write(path, f'{{"id": "d0", "prediction": 50}}\n{json.dumps({"id": "d1", "prediction": prediction})}\n')
    with pytest.raises(StageError, match=f"^{re.escape(str(path))}:2: .*{said}"):
        benchmarks.score("fine-diving", items, benchmarks.read_replies("fine-diving", path, items)[0])


def test_numbers_and_texts_of_one_file_are_both_read(two_dives):
    items, path = two_dives
    write(path, '{"id": "d0", "prediction": [49, 52]}\n{"id": "d1", "prediction": "Answer: 60"}')
    tables, right = benchmarks.score(
        "fine-diving", items, benchmarks.read_replies("fine-diving", path, items)[0]
    )
    assert right == [True, True] and tables["official"]["matched"] == 2


def test_a_choice_that_is_no_text_and_answers_of_other_types_name_their_line(tmp_path, two_dives):
    options = dict(zip(("a0", "a1", "a2", "a3", "a4"), "vwxyz"))
    row = {"video": "1", "question": "what?", "qid": "0", "type": "CW", "answer": "0", **options}
    questions = write(tmp_path / "q.jsonl", json.dumps(row) + "\n")
    items, path = benchmarks.read_items("nextqa", questions), tmp_path / "n.jsonl"
    write(path, '{"id": "1_0", "prediction": 2.5}\n')
    with pytest.raises(StageError, match=f"^{re.escape(str(path))}:1: id '1_0': .*2.5, expected a text"):
        benchmarks.score("nextqa", items, benchmarks.read_replies("nextqa", path, items)[0])
    for line, said in (
        ('{"id": "d0", "answer": 63}', ":1: id 'd0': the answer is 63, expected a text"),
        ('{"id": ["d0"], "answer": "63"}', r":1: id \['d0'\] is not among the questions"),
    ):
        write(two_dives[1], line)
        with pytest.raises(StageError, match=f"^{re.escape(str(two_dives[1]))}{said}"):
            labels.join_answers(two_dives[1], [{"id": "d0"}])


@pytest.mark.parametrize(
    "about, verdict",
    [({}, "correct"), ({"truncated": True}, "unfinished"), ({"thought": "Once more. " * 60}, "degenerate")],
)
def test_cut_off_answers_and_degenerate_thoughts_are_not_right(tmp_path, monkeypatch, about, verdict):
    """06 scores as 04 and the table of results do, which would refuse one another's counts otherwise; so do
    the verifier's tables of a benchmark, while its official rule knows no such thing.
    """
    label = {"name": "it is", "kind": "boolean", "value": True}
    record = {"id": "q", "video": "v.mp4", "question": "Is it?", "labels": [label]}
    answer = {**record, "origin": "direct", "sample": 0, "answer": "Answer: yes", **about}
    questions = write(tmp_path / "q.jsonl", json.dumps({**record, "truncated": False}) + "\n")
    path, out = write(tmp_path / "predictions.jsonl", json.dumps(answer) + "\n"), tmp_path / "eval.json"
    found = evaluate(monkeypatch, questions, "-o", out, "--predictions", path)
    assert found["verdicts"] == {verdict: 1} and found["all"]["correct"] == (verdict == "correct")
    assert list(results.right(tmp_path).values()) == [("v.mp4", verdict == "correct")]

    item = {**record, "labels": [label], "gold": "yes", "groups": {}}
    replies = {"q": reply_of("p", {"id": "q", "prediction": "yes", **about})}
    tables, _ = score_choices(lambda text, item: (text, text == item["gold"]), [item], replies, None)
    assert (tables["official"]["correct"], tables["robust"]["correct"]) == (1, verdict == "correct")


def test_what_is_said_of_an_answer_is_of_its_kind(tmp_path):
    for about, said in (({"truncated": "no"}, "truncated is 'no'"), ({"thought": 3}, "thought is 3, expec")):
        path = write(tmp_path / "p.jsonl", json.dumps({"id": "q", "answer": "x", **about}) + "\n")
        with pytest.raises(StageError, match=f"p.jsonl:1: id 'q': {said}"):
            labels.join_answers(path, [{"id": "q"}])


@pytest.fixture
def three(tmp_path, monkeypatch):
    """run(name, content of a predictions file) for three questions of NExT-QA, whose answers are 0, 2, 4."""
    rows = ["video,question,qid,type,answer,a0,a1,a2,a3,a4"]
    rows += [f"v,what is {n} doing,{n},CW,{2 * n},a,b,c,d,e" for n in range(3)]
    questions = write(tmp_path / "q.csv", "\n".join(rows) + "\n")

    def run(name, content, *more):
        path = write(tmp_path / name, content)
        arguments = ["--benchmark", "nextqa", "--questions", questions, "--predictions", path]
        return evaluate(monkeypatch, *arguments, *more, "-o", tmp_path / "eval.json")

    return run


def test_indices_are_read_as_csv_and_pandas_write_them(three):
    for name, content in (
        ("p.json", {"v_0": 0, "v_1": 2, "v_2": 4}),
        ("p.json", {"v_0": "0", "v_1": "2", "v_2": "4"}),
        ("p.json", {"v_0": 0.0, "v_1": 2.0, "v_2": 4.0}),
        ("p.csv", "video,qid,prediction\nv,0,0\nv,1,2\nv,2,4\n"),
        ("p.csv", "ID,Prediction\nv_0,0.0\nv_1,2.0\nv_2,4.0\n"),
        ("p.csv", "id,answer\nv_0,0\nv_1,2\nv_2,4\n"),
    ):
        assert three(name, content)["official"]["correct"] == 3, content
    assert three("p.csv", "id,prediction\nv_0,0\nv_1,\nv_2,4\n")["official"]["correct"] == 2
    mixed = three("p.json", {"v_0": "0", "v_1": "c", "v_2": "E"})["official"]  # then a number is a word
    assert (mixed["correct"], mixed["matched"]) == (1, 1)
    said = "".join(
        json.dumps({"id": f"v_{n}", "origin": "direct", "answer": f"{n}"}) + "\n" for n in range(3)
    )
    assert three("p.jsonl", said)["official"]["matched"] == 0  # so it is in what a model said


@pytest.mark.parametrize(
    "name, content, said",
    [
        (
            "p.json",
            {"v_0": 7},
            "p.json: v_0: the prediction is 7, expected an index from 0 to 4, as of its 5",
        ),
        ("p.json", {"v_0": 0.5}, "p.json: v_0: the prediction is 0.5, expected a text or the index of an op"),
        ("p.csv", "id,prediction\nv_0,-1\n", "p.csv:2: id 'v_0': the prediction is -1, expected an index"),
        (
            "p.jsonl",
            '{"id": "v_0", "question": "what is 0 doing", "answer": "A"}\n',
            "p.jsonl:1: no row holds a reply: found id, question, answer, expected .* rename it prediction",
        ),
        (
            "p.csv",
            "id;prediction\nv_0;1\n",
            "p.csv:2: found id;prediction, expected id, .* have commas between",
        ),
        (
            "p.csv",
            "name,reply\nv_0,1\n",
            "p.csv:2: found name, reply, expected id, question_id, qid or video",
        ),
        ("p.json", ["A"], r"p.json\[0\]: found 'A', expected an object"),
        ("p.jsonl", "", "p.jsonl: no predictions in it"),
    ],
)
def test_predictions_of_another_form_say_what_was_found(three, name, content, said):
    with pytest.raises(StageError, match=said):
        three(name, content)


def test_questions_of_another_kind_say_what_was_found(tmp_path):
    with pytest.raises(StageError, match="q.json: v_0: found 'A', expected an object with video, question"):
        read_items("nextqa", write(tmp_path / "q.json", {"v_0": "A"}))
    for task, answer in (("multi-choice", "no"), ("yes_no", "A. dunking a ball"), ("caption_matching", "no")):
        path = write(tmp_path / "q.json", {"v": {"action": [{"question": MC, "answer": answer}]}})
        with pytest.raises(StageError, match=rf"q.json: v/action\[0\]: answer '{answer}'.*another --task"):
            read_items("tempcompass", path, task)


def test_an_empty_file_of_predictions_is_no_zero(tmp_path, three):
    with pytest.raises(StageError, match="p.jsonl: no predictions in it"):
        labels.join_answers(write(tmp_path / "p.jsonl", ""), [{"id": "q"}])
    (tmp_path / "other.jsonl").write_text("")
    with pytest.raises(StageError, match="other.jsonl: no predictions in it"):
        three("p.json", {"v_0": 0}, "--against", tmp_path / "other.jsonl")


def test_the_other_predictions_are_counted_and_the_test_is_said_in_words(tmp_path, three, capsys):
    write(tmp_path / "other.jsonl", '{"id": "v_0", "prediction": "A"}\n')
    found = three("p.json", {"v_0": 0, "v_1": 2, "v_2": 0}, "--against", tmp_path / "other.jsonl")["against"]
    assert found["states"] == {"answered": 1, "missing": 2, "null": 0, "empty": 0, "failed": 0}
    said = capsys.readouterr().out
    assert "on 3 questions; right only here 1, only there 0, p 1; its answers: 1 answered, 2 missing" in said
    assert "eval.json: nextqa, 3 questions: 3 answered\n" in said


def test_an_interval_is_rounded_once(three, capsys):
    three("p.json", {"v_0": 0, "v_1": 0}, "--limit", 2)
    assert "[  9.5,  90.5]" in capsys.readouterr().out  # 9.453


@pytest.mark.parametrize("raw", [b"id,prediction\n1_0,ferm\xe9\n", b"id,prediction\n1_0,a, b\n", b""])
def test_predictions_in_csv_are_read_whole_or_not_at_all(tmp_path, raw):
    path = tmp_path / "p.csv"
    path.write_bytes(raw)
    with pytest.raises(StageError, match=f"^{re.escape(str(path))}:[12]: "):
        read_rows(path)


def test_wrong_usage_is_named():
    for arguments, word in (
        (["--benchmark", "nextqa", "--predictions", "p"], "--questions"),
        (["--benchmark", "tempcompass", "--questions", "q", "--predictions", "p"], "--task"),
        (["x.jsonl", "--predictions", "p", "--against", "j"], "--benchmark"),
        (["--benchmark", "star", "--questions", "q", "--predictions", "p", "--judge", "j"], "--judge"),
        (["--benchmark", "star", "--questions", "q", "--model", "m"], "--videos"),
    ):
        done = sh("06_eval.py", *arguments, "-o", "o", check=False)
        assert done.returncode == 2 and word in done.stderr, done.stderr


def test_statistics():
    assert (
        mcnemar([1, 1, 0, 0, 0], [0, 1, 1, 1, 1]) == {"only_before": 1, "only_after": 3, "p": 0.625}
        and mcnemar([1], [1])["p"] == 1.0
    )
    assert (
        spearman([1, 2, 3], [2, 4, 9]) == pytest.approx(1)
        and spearman([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832980505138)
        and spearman([1, 1], [1, 2]) is None
    )
    gain, low, high = paired_gain([0, 0, 1, 1] * 50, [1, 0, 1, 1] * 50, list(range(100)) * 2)
    assert gain == 0.25 and 0.15 < low < 0.25 < high < 0.35


# ---------------------------------------------------------------- a model's answers to a benchmark's prompts


def test_a_model_is_asked_the_bare_official_prompt_and_goes_on_where_it_ended(tmp_path, monkeypatch, capsys):
    from lib.demo import base as demo_base

    demo_base.build(tmp_path / "base", 0)
    (tmp_path / "videos/deep").mkdir(parents=True)
    for name in ("v1", "deep/v2_reverse"):
        coded_clip(tmp_path / f"videos/{name}.mp4", 20)
    write(tmp_path / "multi-choice.json", QUESTIONS)
    arguments = [
        "--benchmark",
        "tempcompass",
        "--task",
        "multi-choice",
        "--questions",
        tmp_path / "multi-choice.json",
        "-o",
        tmp_path / "out/eval.json",
        "--batch-size",
        "5",
    ]
    asked = [
        *arguments,
        "--videos",
        tmp_path / "videos",
        "--model",
        tmp_path / "base",
        "--max-new-tokens",
        "4",
    ]
    (tmp_path / "videos/v1.mp4").rename(tmp_path / "v1.mp4")
    lost = "videos: the videos of 3 of 5 questions are not there, the first 'v1', in it or below"
    with pytest.raises(StageError, match=f"{lost}; more than --max-failures 0.02 allows"):
        evaluate(monkeypatch, *asked)
    assert "first prompt" not in capsys.readouterr().out  # no model was loaded
    partly = [tmp_path / "partly/eval.json" if word == tmp_path / "out/eval.json" else word for word in asked]
    assert evaluate(monkeypatch, *partly, "--max-failures", 3)["predictions"]["failed"] == 3
    assert f"{lost}; these fail\n" in capsys.readouterr().out
    (tmp_path / "v1.mp4").rename(tmp_path / "videos/v1.mp4")
    first = evaluate(monkeypatch, *asked)
    rows = lines(tmp_path / "out/predictions.jsonl")
    assert [r["id"] for r in rows] == [
        "v1/action/0",
        "v1/action/1",
        "v1/order/0",
        "v2_reverse/action/0",
        "v2_reverse/action/1",
    ] and not any("error" in r for r in rows)
    assert (
        render(rows[0], "bare") == MC + "\nPlease directly give the best option:"
        and "first prompt (5 in all)" in capsys.readouterr().out
    )
    assert first["predictions"]["missing"] == 0 and sum(first["predictions"].values()) == 5
    for file in (tmp_path / "out").iterdir():  # a killed run: the part holds two answers
        file.unlink()
    monkeypatch.setattr(
        evaluation.Output, "finish", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        evaluate(monkeypatch, *asked)
    monkeypatch.undo()
    part = tmp_path / "out/predictions.jsonl.part"
    part.write_bytes(b"".join(part.read_bytes().splitlines(True)[:2]))
    second = evaluate(monkeypatch, *asked)
    assert (
        lines(tmp_path / "out/predictions.jsonl") == rows
        and second["official"] == first["official"]
        and "resuming: 2 of 5" in capsys.readouterr().out
    )
    again = evaluate(
        monkeypatch,
        *arguments[:-4],
        "--predictions",
        tmp_path / "out/predictions.jsonl",
        "-o",
        tmp_path / "again.json",
    )
    assert again["official"] == first["official"]
    # and the same model, without video, as a judge that says nothing of use
    replies = list(
        ask_text(
            str(tmp_path / "base"),
            [("a", "Is it red?"), ("b", "Is it a longer question than the other?")],
            at_once=2,
        )
    )
    assert [key for key, _ in replies] == ["a", "b"] and all(
        isinstance(reply["answer"], str) for _, reply in replies
    )


# ---------------------------------------------------------------- real predictions with published figures


def real(name):
    path = SHARED / "annotations" / name
    if not path.exists():
        pytest.skip(f"no real annotations at {path}")
    return path


def test_nextqa_published(tmp_path, monkeypatch):
    official = evaluate(
        monkeypatch,
        "--benchmark",
        "nextqa",
        "--questions",
        real("nextqa_val.csv"),
        "--predictions",
        real("nextqa_val_hga_predictions.json"),
        "-o",
        tmp_path / "e.json",
    )["official"]
    assert counts(official) == (2485, 4996)
    assert {name: counts(row) for name, row in official["by"]["group"].items()} == {
        "causal": (1206, 2607),
        "temporal": (818, 1612),
        "descriptive": (461, 777),
    }


def test_qvhighlights_published(tmp_path, monkeypatch):
    predictions = real("qvhighlights_val_sample_predictions.jsonl")
    arguments = [
        "--benchmark",
        "qvhighlights",
        "--questions",
        real("qvhighlights_val.jsonl"),
        "-o",
        tmp_path / "e.json",
        "--predictions",
    ]
    official = evaluate(monkeypatch, *arguments, predictions)["official"]
    assert [row["percent"] for row in official["by"]["recall"].values()] == [
        53.94,
        48.97,
        46.06,
        39.42,
        34.84,
        30.71,
        24.97,
        18.9,
        13.35,
        7.23,
    ]
    assert [official["mAP"]["full"][k] for k in ("average", "0.5", "0.75")] == [
        32.2,
        54.96,
        31.01,
    ]  # as the official algorithm, run apart from ours, gives
    rows = lines(predictions)
    rows[0]["pred_relevant_windows"], rows[1]["pred_relevant_windows"] = [], None
    broken = evaluate(
        monkeypatch,
        *arguments,
        write(tmp_path / "p.jsonl", "\n".join(map(json.dumps, rows[:-1]))),
        "--against",
        predictions,
    )  # no line end at the end, as its own tools write
    assert (
        broken["predictions"] == {"answered": 1547, "missing": 1, "null": 1, "empty": 1, "failed": 0}
        and broken["official"]["count"] == 1550
    )
    assert broken["against"]["gain"] <= 0 and "mcnemar" not in broken["against"]


def test_star_and_charades_with_perfect_and_shuffled_predictions(tmp_path, monkeypatch):
    items = read_items("star", real("star_val_mc.csv"))
    rows = [{"question_id": i["id"], "pred": f"{i['gold']}: because"} for i in items[::-1]]
    result = evaluate(
        monkeypatch,
        "--benchmark",
        "star",
        "--questions",
        real("star_val_mc.csv"),
        "--predictions",
        write(tmp_path / "s.jsonl", "\n".join(map(json.dumps, rows))),
        "-o",
        tmp_path / "e.json",
    )
    assert counts(result["official"]) == (7098, 7098) and {
        k: v["count"] for k, v in result["official"]["by"]["type"].items()
    } == {"Sequence": 3586, "Interaction": 2398, "Prediction": 624, "Feasibility": 490}
    assert result["official"]["macro"]["type"] == 100.0 and result["robust"]["correct"] > 7000
    items = read_items("charades-sta", real("charades_sta_test.txt"), meta=real("charades_durations.json"))
    assert len(items) == 3720 and Counter(i["video"] for i in items).most_common(1)[0][1] > 2
    keyed = {
        f"{i['video']}.mp4>>>{i['question']}>>>{i['gold'][0]}": (
            f"It happens in the {i['gold'][0][0]} - {i['gold'][0][1]} seconds."
        )
        for i in items[:100]
    }
    arguments = [
        "--benchmark",
        "charades-sta",
        "--questions",
        real("charades_sta_test.txt"),
        "--meta",
        real("charades_durations.json"),
        "-o",
        tmp_path / "c.json",
        "--predictions",
    ]
    result = evaluate(monkeypatch, *arguments, write(tmp_path / "c.predictions", keyed))
    assert [counts(row) for row in result["official"]["by"]["recall"].values()] == [
        (100, 3720)
    ] * 3 and result["predictions"]["missing"] == 3620
    assert result["robust"]["by"]["recall"]["R1@0.7"]["correct"] == 100
