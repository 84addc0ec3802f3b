"""Our own records: answers joined to them by id, and scored by the verifier, by label kind."""

import json
from collections import Counter, defaultdict

import numpy as np

from lib.confidence import bounds, share
from lib.files import write_atomically
from lib.labels import content_problem
from lib.records import StageError, line_of, read_jsonl
from lib.verifier import iou, verify_all, with_judgements

# what is said of an answer: a question's keys by these names say nothing about it
OF_ANSWERS = ("truncated", "thought", "boxes", "frame_size")


def state_of(line):
    """What a line of predictions, or None, holds for its question."""
    if line is None:
        return "missing"
    if "error" in line:
        return "failed"
    answer = line.get("answer", line.get("prediction"))
    return "answered" if isinstance(answer, str) and answer.strip() else "empty"


def join_answers(path, records):
    """(the records with the answers of a predictions file, how many are "answered", "missing", ...)."""
    answers, known = {}, {record["id"] for record in records}
    for number, line in read_jsonl(path, foreign=True):
        if not isinstance(line, dict) or "id" not in line:
            raise StageError(
                f'{path}:{number}: found {line!r:.60}, expected {{"id": ..., "answer": ...}} a line'
            )
        name = line["id"]
        if not isinstance(name, str) or name not in known:
            raise StageError(
                f"{path}:{number}: id {name!r} is not among the questions; "
                "are these predictions of another file?"
            )
        if name in answers:
            raise StageError(f"{path}:{number}: second answer to id {name!r}; one answer per question")
        answer = line.get("answer", line.get("prediction"))
        if not isinstance(answer, (str, type(None))):
            raise StageError(f"{path}:{number}: id {name!r}: the answer is {answer!r:.120}, expected a text")
        if problem := problem_of(about_answer(line)):
            raise StageError(f"{path}:{number}: id {name!r}: {problem}")
        answers[name] = line
    if not answers:
        raise StageError(f"{path}: no predictions in it")
    counts, answered = dict.fromkeys(("answered", "missing", "empty", "failed"), 0), []
    for record in records:
        line = answers.get(record["id"])
        state = state_of(line)
        answer = line.get("answer", line.get("prediction")) if state == "answered" else ""
        counts[state] += 1
        question = {key: value for key, value in record.items() if key not in OF_ANSWERS}
        answered.append({**question, **about_answer(line or {}), "answer": answer, "origin": "direct"})
    return answered, counts


def about_answer(line):
    """What a line of predictions says of its answer, as stage 04 reads it: that it was cut off, its thought,
    and the coordinates of its boxes.
    """
    return {key: line[key] for key in OF_ANSWERS if line.get(key) is not None}


def problem_of(about):
    """What is wrong with such things said of an answer, or None."""
    thought = about.get("thought", "")
    if not isinstance(thought, str):
        return f"thought is {thought!r:.60}, expected a text"
    return content_problem(about, plain=True)


def measures(records, results):
    """{kind: {"holds": [...], "parsed": [...], "iou": [...], "error": [...]}} of all labels."""
    kinds = defaultdict(lambda: {"holds": [], "parsed": [], "iou": [], "error": []})
    for record, result in zip(records, results):
        for label, check in zip(record["labels"], result["checks"]):
            kind, parsed = kinds[label["kind"]], check["parsed"]
            kind["holds"].append(
                check["holds"] and result["verdict"] not in ("degenerate", "leaked", "unfinished")
            )
            kind["parsed"].append(parsed is not None)
            if label["kind"] in ("interval", "box"):
                kind["iou"].append(iou(parsed, label["value"]) if parsed is not None else 0.0)
            elif label["kind"] in ("number", "time") and parsed is not None:
                middle = float(np.mean(parsed))  # of a range
                kind["error"].append(abs(middle - label["value"]))
    return kinds


def are_verdicts(path):
    """Whether a file holds what write_verdicts writes, by its first line."""
    with open(path, "rb") as file:
        line = file.readline()
    try:
        first = json.loads(line or b"{}")
    except ValueError:
        return False
    return not line or isinstance(first, dict) and {"id", "verdict"} <= first.keys()


def write_verdicts(path, records, results):
    """The verdict on every question, a line each: {"id", "verdict", "why", "checks"}."""
    lines = (
        line_of({"id": record["id"], **{key: result[key] for key in ("verdict", "why", "checks")}})
        for record, result in zip(records, results)
    )
    write_atomically(path, b"".join(lines).decode("utf-8", "surrogatepass"))


def score(records, embedder, replies=None):
    """(accuracy of whole questions and of labels by kind, with IoU, absolute error and parse rate; the
    verifier's results). `replies`: a judge's, on text labels.
    """
    judged = records if replies is None else [with_judgements(record, replies) for record in records]
    results, by_kind = list(verify_all(judged, embedder)), {}
    for kind, values in sorted(measures(records, results).items()):
        by_kind[kind] = share(sum(values["holds"]), len(values["holds"]))
        means = {"parse_rate": "parsed", "mean_iou": "iou", "mean_absolute_error": "error"}
        by_kind[kind] |= {n: round(float(np.mean(values[v])), 4) for n, v in means.items() if values[v]}
    verdicts = Counter(result["verdict"] for result in results)
    return {
        "all": share(verdicts["correct"], len(records)),
        "macro_accuracy": round(float(np.mean([row["accuracy"] for row in by_kind.values()])), 4),
        "kinds": by_kind,
        "verdicts": {verdict: verdicts[verdict] for verdict in sorted(verdicts) if verdicts[verdict]},
    }, results


def show(summary):
    """Print the table by label kind."""
    print(f"{'kind':10} {'n':>6} {'correct':>8} {'accuracy':>9}  {'95 % interval':16} {'parsed':>7}  other")
    for kind, row in [*summary["kinds"].items(), ("all", summary["all"])]:
        names = [name for name in ("mean_iou", "mean_absolute_error") if name in row]
        low, high = bounds(row)
        print(
            f"{kind:10} {row['count']:6} {row['correct']:8} {100 * row['accuracy']:8.1f}%  "
            f"[{low:5.1f}, {high:5.1f}]   {row.get('parse_rate', ''):>7}  "
            + ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in names)
        )
