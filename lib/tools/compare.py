"""make compare: one table of base, baselines, ablations and the loop over several seeds.

    python -m lib.tools.compare runs/compare seed0 seed1 seed2

Printed, and written to RUN/compare.md. Per arm: held-out accuracy as mean and range over the seeds; its
paired gain over the base, all seeds together, with a 95 % bootstrap interval over held-out videos; what it
learned from and what it cost, as means over the seeds.
"""

import sys
from pathlib import Path

import numpy as np

from lib.files import write_atomically
from lib.process import run
from lib.records import StageError
from lib.tools.results import cycles_of, gain_of, load, markdown, right, with_interval

# the folder of an arm in a seed's run; behind a star the last evaluated cycle
ARMS = {
    "base": "cycle0",
    "template baseline": "template",
    "teacher baseline": "teacher",
    "rationalized only": "rationalized-only/*",
    "direct only": "direct-only/*",
    "full loop": "*",
    "full loop, one answer a question": "one-sample/*",
    "full loop, two answers a question": "two-samples/*",
    "final (direct answers of the last cycle)": "final",
    "full loop, then preferences (DPO)": "preferences",
    "true reasoning (bound)": "bound",
}
NOTES = (
    "Held-out accuracy in percent. Gains are paired by question, over all seeds together, with a 95 % "
    "bootstrap interval over held-out videos."
)


def folder_of(run, where):
    """The folder of an arm, as ARMS names it."""
    if not where.endswith("*"):
        return run / where
    run = run / where[:-1]
    return next((f for f in reversed(cycles_of(run)) if (f / "eval.json").exists()), run / "cycle1")


def cost(folder):
    """Seconds of all stages that led to an arm's model, from the sidecars: of a loop all its cycles."""
    # these two stand on the whole loop
    last = folder_of(folder.parent, "*") if folder.name in ("final", "preferences") else folder
    count = int(last.name[5:]) if last.name.startswith("cycle") else 0
    cycles = dict.fromkeys([*(folder.parent / f"cycle{i}" for i in range(1, count + 1)), folder])
    outputs = ("generated.jsonl", "rationalized.jsonl", "verified.jsonl", "model")
    sidecars = [load(cycle / f"{name}.meta.json") for cycle in cycles for name in outputs]
    return sum(meta["seconds"] for meta in sidecars if meta)


def all_seeds(scores):
    """The scores of several seeds as one: a question and a video of another seed are others."""
    return {
        (seed, name): (f"{seed} {video}", correct)
        for seed, score in enumerate(scores)
        for name, (video, correct) in score.items()
    }


def row(name, folders, bases):
    """The cells of one arm over the seeds that have it."""
    accuracy = 100 * np.array([load(folder / "eval.json")["all"]["accuracy"] for folder in folders])
    scores = [right(folder) for folder in folders]
    cells = {
        "seeds": f"{len(folders)}",
        "accuracy, mean": f"{accuracy.mean():.1f}",
        "lowest to highest": f"{accuracy.min():.1f} to {accuracy.max():.1f}",
    }
    if name != "base":
        gain = gain_of(all_seeds(bases), all_seeds(scores))
        cells["gain over the base, points"] = with_interval(gain, "+")
        models = [load(folder / "model.meta.json") for folder in folders]
        for key in ("rows", "steps"):
            cells[f"training {key}"] = f"{np.mean([model[key] for model in models]):.0f}"
        cells["seconds"] = f"{np.mean([cost(folder) for folder in folders]):.0f}"
    return cells


def main():
    run, seeds = Path(sys.argv[1]), sys.argv[2:]
    finished = [seed for seed in seeds if (run / seed / "cycle0" / "eval.json").exists()]
    if not finished:
        raise StageError(f"{run}: no finished base of {', '.join(seeds)}; make compare RUN={run}")
    bases = {seed: right(run / seed / "cycle0") for seed in finished}
    # loops of your own: make cycle RUN=RUN/seed0/NAME DATA=...
    others = {f.parent.name for seed in bases for f in (run / seed).glob("*/cycle1")}
    others -= {where.removesuffix("/*") for where in ARMS.values()}
    table = {}
    for name, where in [*ARMS.items(), *((f"loop in {name}/", f"{name}/*") for name in sorted(others))]:
        folders = {seed: folder_of(run / seed, where) for seed in bases}
        # of a loop under way the base alone may be evaluated
        needed = ("eval.json",) if name == "base" else ("eval.json", "model.meta.json")
        having = [s for s, folder in folders.items() if all((folder / file).exists() for file in needed)]
        if having:
            table[name] = row(name, [folders[seed] for seed in having], [bases[seed] for seed in having])
    columns = dict.fromkeys(column for cells in table.values() for column in cells)
    by_column = {column: {name: table[name].get(column, "") for name in table} for column in columns}
    text = markdown(by_column, list(table)) + f"\n\n{NOTES}\n"
    write_atomically(run / "compare.md", text)
    print("\n" + text, end="")


if __name__ == "__main__":
    run(main)
