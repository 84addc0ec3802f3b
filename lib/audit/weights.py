"""What each sign weighs by which lib/verifier/texts.py knows that a sentence says what a label says: fitted
to the text cases of audit files by logistic regression.

    python -m lib.audit.weights tests/audit/written.jsonl
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from lib.audit.audit import read_cases
from lib.process import run
from lib.verifier import Embedder, verify
from lib.verifier.texts import Signs, signs_of

# How often the sentence that decides is chosen again by the weights fitted before
ROUNDS = 3


def fitted(cases, truths):
    """(weights, bias) fitted to cases, each a (sentences, signs) array, of which the likeliest sentence
    decides.
    """
    weights, bias = np.array(Signs(1, 1, 0, 0, 0, 0)), 0.0
    for _ in range(ROUNDS):
        deciding = [signs[np.argmax(signs @ weights)] for signs in cases]
        model = LogisticRegression(C=10, max_iter=1000).fit(deciding, truths)
        weights, bias = model.coef_[0], model.intercept_[0]
    return weights, bias


def right(weights, bias, cases, truths):
    """The share of cases judged as their human verdicts."""
    return np.mean([(np.max(signs @ weights) + bias >= 0) == truth for signs, truth in zip(cases, truths)])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", help="audit files, such as tests/audit/written.jsonl")
    embed, cases, truths = Embedder(), [], []
    for case in (case for path in parser.parse_args().paths for case in read_cases(path)):
        if [label["kind"] for label in case["labels"]] != ["text"]:
            continue
        statement = verify(case, {}, embed)["checks"][0]["parsed"]
        if statement:
            of_sentences = signs_of(statement, case["labels"][0]["value"], case["question"], embed)
            cases.append(np.array([signs for signs, _ in of_sentences], float))
            truths.append(case["human"])
    truths, shares = np.array(truths), []
    for train, test in StratifiedKFold(10, shuffle=True, random_state=0).split(truths, truths):
        model = fitted([cases[i] for i in train], truths[train])
        shares.append(right(*model, [cases[i] for i in test], truths[test]))
    weights, bias = fitted(cases, truths)
    print(f"{len(cases)} cases; {np.mean(shares):.3f} right of those left out, in ten parts")
    print(f"WEIGHTS, BIAS = Signs({', '.join(f'{w:.1f}' for w in weights)}), {bias:.1f}")


if __name__ == "__main__":
    run(main)
