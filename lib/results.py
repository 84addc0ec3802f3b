"""The table of a run: yields, truth, held-out accuracy and seconds, cycle by cycle. Printed, and written to RUN/results.md.

    python -m lib.results runs/demo
"""
import json
import sys
from collections import Counter
from pathlib import Path

from lib.intervals import paired_gain
from lib.records import StageError, read_jsonl

STAGES = {"generate": "generated.jsonl", "rationalize": "rationalized.jsonl", "verify": "verified.jsonl", "finetune": "model", "evaluate": "predictions.jsonl"}


def load(path):
    """A JSON file, or None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def truth(run, folder):
    """Of the kept answers of a cycle, {origin: (true, kept)}, by the renderer's facts; None for data that has none."""
    facts = run / "data" / "facts.jsonl"
    if not facts.exists() or not (folder / "verified.jsonl").exists():
        return None
    from lib.demo_world import is_true
    known = {line["id"]: line["facts"] for _, line in read_jsonl(facts)}
    true, kept = Counter(), Counter()
    for _, record in read_jsonl(folder / "verified.jsonl"):
        if record["keep"] and record["id"] in known:
            kept[record["origin"]] += 1
            true[record["origin"]] += is_true(record["answer"], known[record["id"]])
    return {origin: (true[origin], kept[origin]) for origin in kept}


def right(folder, evaluation):
    """(videos, correct) of a cycle's held-out questions, scored again from its predictions, by id."""
    from lib.filter import verify_all
    predictions = {record["id"]: record for _, record in read_jsonl(folder / "predictions.jsonl")}
    records = sorted(predictions.values(), key=lambda record: record["id"])
    verdicts = [result["verdict"] == "correct" for result in verify_all(records, evaluation["settings"].get("embedder"))]
    if sum(verdicts) != evaluation["all"]["correct"]:
        raise StageError(f"{folder}/eval.json says {evaluation['all']['correct']} right, its predictions.jsonl {sum(verdicts)}: remove eval.json and make it again")
    return {record["id"]: (record["video"].rsplit("/", 1)[-1], ok) for record, ok in zip(records, verdicts)}


def columns(run):
    """The columns of the table, base first: {title: {row: cell}}."""
    folders = sorted((f for f in run.glob("cycle*") if f.name[5:].isdigit() and (f / "eval.json").exists()), key=lambda f: int(f.name[5:]))
    folders += [f for f in [run / "bound"] if (f / "eval.json").exists()]
    if not folders:
        raise StageError(f"{run}: no cycle with an eval.json yet; make cycle N=1 RUN={run}")
    table, base = {}, None
    for folder in folders:
        cells, evaluation = {}, load(folder / "eval.json")
        counts, shares = load(folder / "verified.jsonl.meta.json"), truth(run, folder)
        if counts and folder.name != "bound":
            share = lambda n: f"{n} = {100 * n / counts['questions']:.1f} %"
            cells["questions answered (direct yield)"] = share(counts["solved_direct"])
            cells["questions rationalized (rationalized yield)"] = share(counts["solved_rationalized"])
            cells["answers kept"] = "{} ({} direct, {} rationalized)".format(sum(counts["kept"].values()), counts["kept"].get("direct", 0), counts["kept"].get("rationalized", 0))
            for origin in ("direct", "rationalized"):
                if shares and origin in shares:
                    cells[f"kept {origin} answers whose stated facts are true"] = "{:.1f} %".format(100 * shares[origin][0] / shares[origin][1])
            if shares is not None:
                cells["kept answers whose stated facts are true"] = "{:.1f} %".format(100 * sum(t for t, _ in shares.values()) / sum(k for _, k in shares.values())) if shares else "none kept"
        for kind, row in [*evaluation["kinds"].items(), ("all", evaluation["all"])]:
            cells[f"held-out accuracy, {kind} (n = {row['count']})"] = "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * row[k] for k in ("accuracy", "low", "high")))
        scored = right(folder, evaluation)
        if base is None:
            base = scored
        elif scored.keys() == base.keys():
            gain = paired_gain([base[k][1] for k in base], [scored[k][1] for k in base], [base[k][0] for k in base])
            cells["gain over the base, points"] = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * g for g in gain))
        for stage, name in STAGES.items():
            meta = load(folder / f"{name}.meta.json")
            if meta:
                cells[f"seconds, {stage}"] = f"{meta['seconds']:.0f}"
        title = {"cycle0": "base", "bound": "true reasoning (bound)"}.get(folder.name, folder.name.replace("cycle", "cycle "))
        table[title] = cells
    return table


def rows_of(table):
    """The names of a table's rows, in the order to read them."""
    order = ("questions", "answers kept", "kept", "held-out", "gain", "seconds")
    return sorted(dict.fromkeys(row for cells in table.values() for row in cells), key=lambda row: next(i for i, start in enumerate(order) if row.startswith(start)))


def markdown(table, rows):
    """A table {column: {row: cell}} as Markdown that is also readable in a terminal."""
    grid = [["", *table], *([row, *(cells.get(row, "") for cells in table.values())] for row in rows)]
    widths = [max(len(line[i]) for line in grid) for i in range(len(grid[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in grid]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def main():
    run = Path(sys.argv[1])
    table = columns(run)
    last = list(table)[-1] if "true reasoning (bound)" not in table else list(table)[-2]
    text = markdown(table, rows_of(table)) + "\n\nAccuracy in percent with its 95 % Wilson interval; gains are paired, with a 95 % bootstrap interval over held-out videos; seconds include loading.\n"
    if "gain over the base, points" in table[last]:
        text += f"{last} against the base: {table[last]['gain over the base, points']} points.\n"
    source = load(run / "base.meta.json")
    if source and "source_asked" in source:
        text += f"The base on its own source world: {100 * source['source_right'] / source['source_asked']:.0f} % of {source['source_asked']} questions; trained in {source['seconds']:.0f} seconds.\n"
    from lib.stage import write_atomically
    write_atomically(run / "results.md", text)
    print("\n" + text, end="")


if __name__ == "__main__":
    from lib.stage import run as guarded
    guarded(main)
