"""The verifier judged against human verdicts, beside the paper's rules and plain substring matching."""

import random
from collections import Counter, defaultdict

from lib.audit.baselines import official, substring
from lib.labels import answer_problem, is_text, record_problem
from lib.prompts import frame_of, label_text
from lib.records import StageError, read_jsonl
from lib.verifier import Embedder, verify_all


def read_cases(path):
    """The cases of an audit file: records with an `answer` and `human`, whether it asserts the labels. Raises
    StageError.
    """
    cases = []
    for number, case in read_jsonl(path, foreign=True):
        if problem := case_problem(case):
            raise StageError(f"{path}:{number}: {problem}")
        cases.append({**case, "origin": case.get("origin") or "direct"})
    if not cases:
        raise StageError(f"{path}: no cases; expected one JSON object a line")
    return cases


def case_problem(case):
    """What is wrong with a case of an audit file, or None."""
    if problem := record_problem({"video": "none needed", **case} if isinstance(case, dict) else case):
        return problem
    if not (isinstance(case.get("answer"), str) and isinstance(case.get("human"), bool)):
        return 'an audit file needs an "answer" and "human": true or false on every line'
    if not is_text(case.get("kind", "none")) or case.get("kind") == "all":
        return f"kind is {case['kind']!r:.60}, expected the word under which the case is counted, not all"
    return answer_problem({"video": "none needed", **case})


def kind_of(case):
    """Under which line of the table a case is counted."""
    own = "several" if len(case["labels"]) > 1 else case["labels"][0]["kind"]
    return case.get("kind", own)


# ---------------------------------------------------------------- the wrong-label control


def shape_of(case):
    """The kinds and units of a case's labels."""
    return tuple((label["kind"], label.get("unit")) for label in case["labels"])


def values_of(case):
    """The gold values of a case's labels."""
    return [label["value"] for label in case["labels"]]


def said(case):
    """A case's labels as an answer would say them."""
    return label_text(case["labels"], frame_of(case))


def with_wrong_labels(cases, embedder, seed):
    """Every right answer with the labels of another record of its kinds: the control, of which nothing should
    pass.

    A label that holds for the gold label itself (63 for 62) is not a wrong one.
    """
    rng, shapes, pairs = random.Random(seed), defaultdict(list), []
    for case in cases:
        shapes[shape_of(case)].append(case)
    for case in cases:
        others = [other for other in shapes[shape_of(case)] if values_of(other) != values_of(case)]
        if case["human"] and others:
            pairs.append((case, rng.choice(others)["labels"]))
    gold = [
        {**case, "answer": f"Answer: {said(case)}", "labels": labels, "truncated": False}
        for case, labels in pairs
    ]
    return [
        {**case, "labels": labels}
        for (case, labels), result in zip(pairs, verify_all(gold, embedder))
        if result["verdict"] != "correct"
    ]


# ---------------------------------------------------------------- the tables


def print_table(path, table):
    """Of each kind: precision, recall and accuracy of the verifier, and the accuracies of the baselines."""
    print(f"\n{path}")
    names = f"{'precision':>9} {'recall':>7} {'accuracy':>8} {'official':>8} {'substring':>9}"
    print(f"{'kind':10} {'n':>5} {names}")
    for kind, count in sorted(table.items(), key=lambda item: (item[0] == "all", item[0])):
        accepted = count["accepted"]
        both, n = accepted[True, True], accepted.total()
        said, meant = both + accepted[True, False], both + accepted[False, True]
        # of nothing accepted, and of no right answer, there is no share
        shares = [f"{both / of:.3f}" if of else "-" for of in (said, meant)]
        rates = [count[name] / n for name in ("right", "official", "substring")]
        others = "".join(f"{rate:{width}.3f}" for rate, width in zip(rates, (9, 9, 10)))
        print(f"{kind:10} {n:5} {shares[0]:>9} {shares[1]:>7}{others}")


def count_up(cases, results, embed):
    """{kind: counts of verdicts, and how often verifier and baselines agree with the human verdict}."""
    table = defaultdict(lambda: {"accepted": Counter(), "right": 0, "official": 0, "substring": 0})
    for case, result in zip(cases, results):
        accepted, human = result["verdict"] == "correct", case["human"]
        verdicts = {"right": accepted, "official": official(case, embed), "substring": substring(case)}
        for kind in (kind_of(case), "all"):
            table[kind]["accepted"][accepted, human] += 1
            for name, verdict in verdicts.items():
                table[kind][name] += verdict == human
    return table


# An id's head up to its last "-" names the set that a case was written for; smaller sets are not told
LEAST_OF_A_SET = 50


def print_sets(cases, results):
    """The accuracy on each set of cases, by the heads of their ids ("q-017"), if there are several."""
    sets = defaultdict(list)
    for case, result in zip(cases, results):
        head = str(case.get("id", "")).rpartition("-")[0]
        sets[head].append((result["verdict"] == "correct") == case["human"])
    cells = [
        f"{head} {sum(r) / len(r):.3f} ({len(r)})" for head, r in sets.items() if len(r) >= LEAST_OF_A_SET
    ]
    if len(cells) > 1:
        print(f"by set: {', '.join(cells)}")


def audit(paths, embedder, seed, show_cases):
    """Print how the verifier agrees with the human verdicts of each file, by kind, and the wrong-label
    control; with `show_cases` every disagreement too, which those who write rules must not see of a file that
    is only scored.
    """
    embed = Embedder(embedder)
    for path in paths:
        cases = read_cases(path)
        results = list(verify_all(cases, embedder))
        print_table(path, count_up(cases, results, embed))
        print_sets(cases, results)
        control = with_wrong_labels(cases, embedder, seed)
        passed = [
            (case, result)
            for case, result in zip(control, verify_all(control, embedder))
            if result["verdict"] == "correct"
        ]
        share = (
            f"{100 * len(passed) / len(control):.1f} %" if control else "no two records to exchange labels"
        )
        print(
            f"wrong-label control: {len(passed)} of {len(control)} right answers pass with another record's "
            f"labels ({share})"
        )
        if show_cases:
            differ = [(c, r) for c, r in zip(cases, results) if (r["verdict"] == "correct") != c["human"]]
            print_cases("disagreement", differ)
            print_cases("passed with a wrong label", passed)


def print_cases(title, cases):
    """Cases on which verifier and human differ, two lines each."""
    for case, result in cases:
        print(f"{title}: {case['id']}: human {case['human']}, verdict {result['verdict']} ({result['why']})")
        print(f"    labels {values_of(case)}  answer {case['answer'][-160:]!r}")
