"""The table of a run: yields, truth, held-out accuracy and seconds, cycle by cycle.

python -m lib.tools.results runs/demo               # printed, and written to runs/demo/results.md
python -m lib.tools.results runs/demo --cycles 2    # make: N=2
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from lib.command import checked_parser
from lib.confidence import paired_gain
from lib.files import write_atomically
from lib.labels import answer_problem
from lib.process import run
from lib.records import StageError, placed_records, read_jsonl
from lib.verifier import verify_all

STAGES = {
    "generate": "generated.jsonl",
    "rationalize": "rationalized.jsonl",
    "verify": "verified.jsonl",
    "finetune": "model",
    "evaluate": "predictions.jsonl",
}
BEFORE, BOUND, GAIN = "before", "true reasoning (bound)", "gain, points"
NOTES = (
    "Accuracy in percent with its 95 % Wilson interval; gains are over the model before any cycle, paired, "
    "with a 95 % bootstrap interval over held-out videos; seconds include loading."
)
# what stands in a sidecar or an eval.json, where it does
SHAPES = dict.fromkeys(("settings", "inputs", "versions", "kept", "all", "kinds"), dict)
SHAPES |= dict.fromkeys(("seconds", "solved_direct", "solved_rationalized", "rows", "steps"), (int, float))
ROW = {"count", "correct", "accuracy", "low", "high"}  # of an eval.json
JUDGED = {"origin": str, "verdict": str, "why": str, "keep": bool, "checks": list}  # of a record, by 04
AGAIN = "remove the file, and make it again"


def load(path, *needed):
    """A sidecar or an eval.json, or None where there is none. Raises StageError for one that was cut off or
    edited: that is no object, lacks a key `needed`, or holds something else in one.
    """
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"not JSON ({error})") from None
    if not isinstance(found, dict):
        raise damaged(path, f"found a {type(found).__name__}, expected an object")
    if missing := [key for key in needed if key not in found]:
        raise damaged(path, f"expected {', '.join(missing)} in it")
    for key, kind in SHAPES.items():
        if key in found and not isinstance(found[key], kind):
            raise damaged(path, f"{key} is {found[key]!r:.60}")
    return found


def damaged(path, problem):
    """The StageError for a file that is not as its stage wrote it."""
    made = str(path).removesuffix(".meta.json")
    both = "it" if made == str(path) else f"it and {made}"
    return StageError(f"{path}: {problem}: it was cut off or edited; remove {both}, and make it again")


def evaluation_of(folder):
    """The eval.json of a folder, as 06 writes it of questions with labels; None where there is none."""
    path = folder / "eval.json"
    found = load(path, "all", "kinds", "settings")
    if found:
        rows = [found["all"], *found["kinds"].values()]
        if not isinstance(found.get("questions", {}), dict):
            raise damaged(path, f"questions is {found['questions']!r:.60}")
        if not all(isinstance(row, dict) and ROW <= row.keys() for row in rows):
            raise damaged(path, f"expected {', '.join(sorted(ROW))} in 'all' and of each kind")
    return found


def verified_of(folder):
    """What 04's sidecar counts in a cycle; None where there is none."""
    needed = "kept", "questions", *(f"solved_{by}" for by in ("direct", "rationalized", "by_none"))
    return load(folder / "verified.jsonl.meta.json", *needed)


def verdicts_in(path):
    """Yields the records of a verified.jsonl. Raises StageError with path:line for one that was edited."""
    for number, (_, _, record) in enumerate(placed_records(path, answers=True), 1):
        for key, kind in JUDGED.items():
            if not isinstance(record.get(key), kind):
                found = f"{key} is {record.get(key)!r:.60}, expected a {kind.__name__}"
                raise StageError(f"{path}:{number}: {found}: not a line of 04_verify.py; {AGAIN}")
        checks = [c for c in record["checks"] if isinstance(c, dict) and isinstance(c.get("why"), str)]
        if not all({"holds", "parsed"} <= c.keys() for c in checks) or len(checks) != len(record["labels"]):
            found = f"checks is {record['checks']!r:.60}, expected holds, parsed and why for each label"
            raise StageError(f"{path}:{number}: {found}: not a line of 04_verify.py; {AGAIN}")
        yield record


def cycles_of(run, last=None):
    """The folders cycle0, cycle1, ... of a run up to cycle `last`, in order."""
    numbers = sorted(int(f.name[5:]) for f in run.glob("cycle*") if f.name[5:].isdigit())
    return [run / f"cycle{n}" for n in numbers if last is None or n <= last]


def beyond(run, last):
    """What to say of cycles that the run holds beyond cycle `last`, as a list of texts."""
    later = [title_of(folder) for folder in cycles_of(run) if folder not in cycles_of(run, last)]
    if not later:
        return []
    shown = f"make: N={later[-1].split()[-1]} shows it"
    return [f"{', '.join(later)}: beyond cycle {last}, not shown; maybe made with other flags ({shown})"]


def title_of(folder):
    return {"cycle0": BEFORE, "bound": BOUND}.get(folder.name, folder.name.replace("cycle", "cycle "))


def with_interval(shares, sign=""):
    """(share, low, high) in percent, or with sign "+" as points of gain."""
    value, low, high = (f"{100 * share:{sign}.1f}" for share in shares)
    return f"{value} [{low}, {high}]"


def right(folder):
    """{id: (video, correct)} of a cycle's held-out questions, scored again from its predictions."""
    evaluation = evaluation_of(folder)
    path, predictions = folder / "predictions.jsonl", {}
    for number, record in read_jsonl(path, foreign=True):
        if problem := answer_problem(record):
            raise StageError(f"{path}:{number}: {problem}; expected answers of 06_eval.py --model")
        predictions[record["id"]] = record
    records = [predictions[name] for name in sorted(predictions)]
    results = verify_all(records, evaluation["settings"].get("embedder"))
    verdicts = [result["verdict"] == "correct" for result in results]
    total = evaluation["all"]["count"] - evaluation.get("questions", {}).get("missing", 0)
    if (len(verdicts), sum(verdicts)) != (total, evaluation["all"]["correct"]):
        raise StageError(
            f"{folder}/eval.json says {evaluation['all']['correct']} of {total} right, its predictions.jsonl "
            f"{sum(verdicts)} of {len(verdicts)}: remove eval.json and make it again"
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
    for record in verdicts_in(folder / "verified.jsonl"):
        if record["keep"] and record["id"] in known:
            total[record["origin"]] += 1
            true[record["origin"]] += is_true(record["answer"], known[record["id"]])
    return {origin: (true[origin], total[origin]) for origin in total}


def yields(run, folder):
    """The cells of what a cycle's questions gave."""
    counts = verified_of(folder)
    if not counts or folder.name == "bound":
        return {}
    cells, by_origin, shares = {}, counts["kept"], truth(run, folder)
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


def columns(run, last=None):
    """The columns of the table, up to cycle `last`: {title: {row: cell}}."""
    folders = [f for f in [*cycles_of(run, last), run / "bound"] if (f / "eval.json").exists()]
    if not folders:
        raise StageError(f"{run}: no cycle with an eval.json yet; make cycle N=1 RUN={run}")
    table, before = {}, None
    for folder in folders:
        cells, evaluation = yields(run, folder), evaluation_of(folder)
        for kind, row in [*evaluation["kinds"].items(), ("all", evaluation["all"])]:
            shares = [row[key] for key in ("accuracy", "low", "high")]
            cells[f"held-out accuracy, {kind} (n = {row['count']})"] = with_interval(shares)
        score = right(folder)
        if folder.name == "cycle0":
            before = score
        elif before and score.keys() == before.keys():
            cells[GAIN] = with_interval(gain_of(before, score), "+")
        for stage, name in STAGES.items():
            if meta := load(folder / f"{name}.meta.json", "seconds"):
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


def cycle_number(text):
    """The number of a cycle, of the command line."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: expected the number of a cycle")
    return int(text)


def add_cycles(parser, run="folder of the run, e.g. runs/demo"):
    """Add the flags run and --cycles."""
    parser.add_argument("run", type=Path, help=run)
    parser.add_argument(
        "--cycles", type=cycle_number, help="the last cycle to look at (make: N; default: all)"
    )


def main():
    parser = checked_parser(__doc__)
    add_cycles(parser)
    args = parser.parse_args()
    run = args.run
    captions = run / "viit" / "results.md"  # the table of make viit
    if captions.exists():
        print("\n" + captions.read_text(), end="")
        if not any((folder / "eval.json").exists() for folder in cycles_of(run)):
            return
    table = columns(run, args.cycles)
    last = [title for title in table if title != BOUND][-1]
    text = markdown(table, rows_of(table)) + f"\n\n{NOTES}\n"
    if GAIN in table[last]:
        text += f"{last} against the model before any cycle: {table[last][GAIN]} points.\n"
    text += "".join(f"{note}.\n" for note in beyond(run, args.cycles))
    source = load(run / "base.meta.json", "seconds")
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
