"""The table of a run: yields, truth, held-out accuracy and seconds, cycle by cycle.

python -m lib.tools.results runs/demo    # printed, and written to runs/demo/results.md
"""

import json
import sys
from collections import Counter
from pathlib import Path

from lib.confidence import paired_gain
from lib.files import write_atomically
from lib.process import run
from lib.records import StageError, read_jsonl, record_problem
from lib.verifier import verify_all

STAGES = {
    "generate": "generated.jsonl",
    "rationalize": "rationalized.jsonl",
    "verify": "verified.jsonl",
    "finetune": "model",
    "evaluate": "predictions.jsonl",
}
BOUND, GAIN = "true reasoning (bound)", "gain over the base, points"
NOTES = (
    "Accuracy in percent with its 95 % Wilson interval; gains are paired, with a 95 % bootstrap interval "
    "over held-out videos; seconds include loading."
)


def load(path):
    """A JSON file, or None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def cycles_of(run):
    """The folders cycle0, cycle1, ... of a run, in order."""
    return sorted((f for f in run.glob("cycle*") if f.name[5:].isdigit()), key=lambda f: int(f.name[5:]))


def title_of(folder):
    return {"cycle0": "base", "bound": BOUND}.get(folder.name, folder.name.replace("cycle", "cycle "))


def with_interval(shares, sign=""):
    """(share, low, high) in percent, or with sign "+" as points of gain."""
    value, low, high = (f"{100 * share:{sign}.1f}" for share in shares)
    return f"{value} [{low}, {high}]"


def right(folder):
    """{id: (video, correct)} of a cycle's held-out questions, score again from its predictions."""
    evaluation = load(folder / "eval.json")
    path, predictions = folder / "predictions.jsonl", {}
    for number, record in read_jsonl(path, foreign=True):
        if problem := record_problem(record):
            raise StageError(f"{path}:{number}: {problem}; expected answers of 06_eval.py --model")
        predictions[record["id"]] = record
    records = [predictions[name] for name in sorted(predictions)]
    results = verify_all(records, evaluation["settings"].get("embedder"))
    verdicts = [result["verdict"] == "correct" for result in results]
    if sum(verdicts) != evaluation["all"]["correct"]:
        raise StageError(
            f"{folder}/eval.json says {evaluation['all']['correct']} right, its predictions.jsonl "
            f"{sum(verdicts)}: remove eval.json and make it again"
        )
    return {record["id"]: (record["video"].rsplit("/", 1)[-1], ok) for record, ok in zip(records, verdicts)}


def gain_of(before, after):
    """paired_gain between two scores as `right` gives them, over the questions of the second."""
    pairs = [(before[name][1], correct, video) for name, (video, correct) in after.items()]
    return paired_gain(*zip(*pairs))


def truth(run, folder):
    """{origin: (true, kept)} of a cycle's kept answers, by the renderer's facts; None for data without."""
    facts = run / "data" / "facts.jsonl"
    if not facts.exists() or not (folder / "verified.jsonl").exists():
        return None
    from lib.demo.world import is_true

    known = {line["id"]: line["facts"] for _, line in read_jsonl(facts)}
    true, total = Counter(), Counter()
    for _, record in read_jsonl(folder / "verified.jsonl"):
        if record["keep"] and record["id"] in known:
            total[record["origin"]] += 1
            true[record["origin"]] += is_true(record["answer"], known[record["id"]])
    return {origin: (true[origin], total[origin]) for origin in total}


def yields(run, folder):
    """The cells of what a cycle's questions gave."""
    counts, shares = load(folder / "verified.jsonl.meta.json"), truth(run, folder)
    if not counts or folder.name == "bound":
        return {}
    cells, by_origin = {}, counts["kept"]
    for name, key in (
        ("answered (direct", "solved_direct"),
        ("rationalized (rationalized", "solved_rationalized"),
    ):
        share = 100 * counts[key] / counts["questions"]
        cells[f"questions {name} yield)"] = f"{counts[key]} = {share:.1f} %"
    direct, rationalized = by_origin.get("direct", 0), by_origin.get("rationalized", 0)
    cells["answers kept"] = f"{sum(by_origin.values())} ({direct} direct, {rationalized} rationalized)"
    if shares is None:
        return cells
    rows = {f"{origin} answers": shares[origin] for origin in ("direct", "rationalized") if origin in shares}
    rows["answers"] = [sum(column) for column in zip(*shares.values())]
    for name, share in rows.items():
        cell = f"{100 * share[0] / share[1]:.1f} %" if share else "none kept"
        cells[f"kept {name} whose stated facts are true"] = cell
    return cells


def columns(run):
    """The columns of the table, base first: {title: {row: cell}}."""
    folders = [folder for folder in [*cycles_of(run), run / "bound"] if (folder / "eval.json").exists()]
    if not folders:
        raise StageError(f"{run}: no cycle with an eval.json yet; make cycle N=1 RUN={run}")
    table, base = {}, None
    for folder in folders:
        cells, evaluation = yields(run, folder), load(folder / "eval.json")
        for kind, row in [*evaluation["kinds"].items(), ("all", evaluation["all"])]:
            shares = [row[key] for key in ("accuracy", "low", "high")]
            cells[f"held-out accuracy, {kind} (n = {row['count']})"] = with_interval(shares)
        score = right(folder)
        if base is None:
            base = score
        elif score.keys() == base.keys():
            cells[GAIN] = with_interval(gain_of(base, score), "+")
        for stage, name in STAGES.items():
            if meta := load(folder / f"{name}.meta.json"):
                cells[f"seconds, {stage}"] = f"{meta['seconds']:.0f}"
        table[title_of(folder)] = cells
    return table


def rows_of(table):
    """The names of a table's rows, in the order to read them."""
    order = ("questions", "answers kept", "kept", "held-out", "gain", "seconds")
    names = dict.fromkeys(row for cells in table.values() for row in cells)
    return sorted(names, key=lambda row: next(i for i, start in enumerate(order) if row.startswith(start)))


def markdown(table, rows):
    """A table {column: {row: cell}} as Markdown that is also readable in a terminal."""
    grid = [["", *table], *([row, *(cells.get(row, "") for cells in table.values())] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*grid)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in grid]
    first, *others = (f"| {line} |" for line in lines)
    return "\n".join([first, "|" + "|".join("-" * (width + 2) for width in widths) + "|", *others])


def main():
    run = Path(sys.argv[1])
    captions = run / "viit" / "results.md"  # the table of make viit
    if captions.exists():
        print("\n" + captions.read_text(), end="")
        if not any((folder / "eval.json").exists() for folder in cycles_of(run)):
            return
    table = columns(run)
    last = [title for title in table if title != BOUND][-1]
    text = markdown(table, rows_of(table)) + f"\n\n{NOTES}\n"
    if GAIN in table[last]:
        text += f"{last} against the base: {table[last][GAIN]} points.\n"
    source = load(run / "base.meta.json")
    if source and "source_asked" in source:
        share = 100 * source["source_right"] / source["source_asked"]
        text += (
            f"The base on its own source world: {share:.0f} % of {source['source_asked']} questions; "
            f"trained in {source['seconds']:.0f} seconds.\n"
        )
    write_atomically(run / "results.md", text)
    print("\n" + text, end="")


if __name__ == "__main__":
    run(main)
