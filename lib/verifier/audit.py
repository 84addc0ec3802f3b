"""The verifier judged against human verdicts: 04_verify.py --audit."""

import random
from collections import Counter, defaultdict

from lib.prompts import label_text
from lib.records import StageError, read_jsonl, record_problem
from lib.verifier import verify_all


def read_cases(path):
    """The cases of an audit file: records with an `answer` and `human`, whether it asserts the labels. Raises
    StageError.
    """
    cases = []
    for number, case in read_jsonl(path):
        problem = record_problem({"video": "none needed", **case} if isinstance(case, dict) else case)
        if problem is None and not (
            isinstance(case.get("answer"), str) and isinstance(case.get("human"), bool)
        ):
            problem = 'an audit file needs an "answer" and "human": true or false on every line'
        if problem:
            raise StageError(f"{path}:{number}: {problem}")
        cases.append({"origin": "direct", **case})
    return cases


def shape_of(case):
    """The kinds and units of a case's labels."""
    return tuple((label["kind"], label.get("unit")) for label in case["labels"])


def values_of(case):
    """The gold values of a case's labels."""
    return [label["value"] for label in case["labels"]]


def with_wrong_labels(cases, embedder, seed):
    """Every right answer with the labels of another record of its kinds: the control, of which nothing should
    pass.

    A label that holds for the gold label itself (63 for 62) is not a wrong one.
    """
    rng, shapes, pairs = random.Random(seed), defaultdict(list), []
    for case in cases:
        shapes[shape_of(case)].append(case)
    for case in cases:
        gold = [label["value"] for label in case["labels"]]
        others = [
            other for other in shapes[shape_of(case)] if [label["value"] for label in other["labels"]] != gold
        ]
        if case["human"] and others:
            pairs.append((case, rng.choice(others)["labels"]))
    gold = [
        {**case, "answer": f"Answer: {label_text(case['labels'])}", "labels": labels}
        for case, labels in pairs
    ]
    return [
        {**case, "labels": labels}
        for (case, labels), result in zip(pairs, verify_all(gold, embedder))
        if result["verdict"] != "correct"
    ]


def print_table(table):
    """Precision, recall and F1 of each kind, from counts of (accepted, right by human verdict)."""
    print(f"{'kind':10} {'n':>5} {'precision':>9} {'recall':>7} {'F1':>6}")
    for kind, count in sorted(table.items(), key=lambda item: (item[0] == "all", item[0])):
        both = count[True, True]
        precision = both / max(both + count[True, False], 1)
        recall = both / max(both + count[False, True], 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        print(f"{kind:10} {count.total():5} {precision:9.3f} {recall:7.3f} {f1:6.3f}")


def print_case(title, case, result):
    """A case on which verifier and human differ, in two lines."""
    print(f"{title}: {case['id']}: human {case['human']}, verdict {result['verdict']} ({result['why']})")
    print(f"    labels {values_of(case)}  answer {case['answer'][-160:]!r}")


def audit(path, embedder, seed):
    """Print how the verifier agrees with human verdicts, by kind, the wrong-label control, and every
    disagreement.
    """
    cases = read_cases(path)
    table, disagreements = defaultdict(Counter), []
    for case, result in zip(cases, verify_all(cases, embedder)):
        accepted = result["verdict"] == "correct"
        for kind in (case.get("kind", case["labels"][0]["kind"]), "all"):
            table[kind][accepted, case["human"]] += 1
        if accepted != case["human"]:
            disagreements.append((case, result))
    print_table(table)
    control = with_wrong_labels(cases, embedder, seed)
    checked = zip(control, verify_all(control, embedder))
    passed = [(case, result) for case, result in checked if result["verdict"] == "correct"]
    print(
        f"wrong-label control: {len(passed)} of {len(control)} right answers pass with another record's "
        "labels "
        f"({100 * len(passed) / max(len(control), 1):.1f} %)"
    )
    for case, result in disagreements:
        print_case("disagreements", case, result)
    for case, result in passed:
        print_case("passed with a wrong label", case, result)
