"""make compare: one table of base, baselines, ablations and the loop over several seeds.

    python -m lib.tools.compare runs/compare seed0 seed1 seed2

Printed, and written to RUN/compare.md. Per arm: held-out accuracy as mean and range over the seeds; its
paired gain over the model before any cycle, all seeds together, with a 95 % bootstrap interval over held-out
videos; what it learned from and what it cost, as means over the seeds.
"""

import numpy as np

from lib.command import checked_parser
from lib.files import write_atomically
from lib.process import run
from lib.records import StageError
from lib.tools.results import (
    GAIN,
    add_cycles,
    cycles_of,
    evaluation_of,
    gain_of,
    load,
    markdown,
    right,
    with_interval,
)

BEFORE = "before any cycle"
# the folder of an arm in a seed's run; behind a star the last evaluated cycle
ARMS = {
    BEFORE: "cycle0",
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
    "Held-out accuracy in percent. Gains are over the model before any cycle, paired by question, over all "
    "seeds together, with a 95 % bootstrap interval over held-out videos."
)


def folder_of(run, where, last=None):
    """The folder of an arm, as ARMS names it; of a loop the cycle up to cycle `last`."""
    if not where.endswith("*"):
        return run / where
    run = run / where[:-1]
    return next((f for f in reversed(cycles_of(run, last)) if (f / "eval.json").exists()), run / "cycle1")


def cost(folder, last):
    """Seconds of all stages that led to an arm's model, from the sidecars: of a loop all its cycles."""
    # these two stand on the whole loop
    last = folder_of(folder.parent, "*", last) if folder.name in ("final", "preferences") else folder
    count = int(last.name[5:]) if last.name.startswith("cycle") else 0
    cycles = dict.fromkeys([*(folder.parent / f"cycle{i}" for i in range(1, count + 1)), folder])
    outputs = ("generated.jsonl", "rationalized.jsonl", "verified.jsonl", "model")
    sidecars = [load(cycle / f"{name}.meta.json", "seconds") for cycle in cycles for name in outputs]
    return sum(meta["seconds"] for meta in sidecars if meta)


def all_seeds(scores):
    """The scores of several seeds as one: a question and a video of another seed are others."""
    return {
        (seed, name): (f"{seed} {video}", correct)
        for seed, score in enumerate(scores)
        for name, (video, correct) in score.items()
    }


def row(name, folders, before, last):
    """The cells of one arm over the seeds that have it; `before`: their scores before any cycle."""
    accuracy = 100 * np.array([evaluation_of(folder)["all"]["accuracy"] for folder in folders])
    scores = [right(folder) for folder in folders]
    cells = {
        "seeds": f"{len(folders)}",
        "accuracy, mean": f"{accuracy.mean():.1f}",
        "lowest to highest": f"{accuracy.min():.1f} to {accuracy.max():.1f}",
    }
    if name != BEFORE:
        gain = gain_of(all_seeds(before), all_seeds(scores))
        cells[GAIN] = with_interval(gain, "+")
        models = [load(folder / "model.meta.json", "rows", "steps") for folder in folders]
        for key in ("rows", "steps"):
            cells[f"training {key}"] = f"{np.mean([model[key] for model in models]):.0f}"
        cells["seconds"] = f"{np.mean([cost(folder, last) for folder in folders]):.0f}"
    return cells


def main():
    parser = checked_parser(__doc__)
    add_cycles(parser, "folder that holds the runs of the seeds")
    parser.add_argument("seeds", nargs="+", help="folders in it, a run each")
    args = parser.parse_args()
    run, seeds, last = args.run, list(dict.fromkeys(args.seeds)), args.cycles
    finished = [seed for seed in seeds if (run / seed / "cycle0" / "eval.json").exists()]
    if not finished:
        raise StageError(
            f"{run}: nothing finished before any cycle of {', '.join(seeds)}; make compare RUN={run}"
        )
    if left := [seed for seed in seeds if seed not in finished]:
        print(f"not finished, and left out: {', '.join(left)}")
    before = {seed: right(run / seed / "cycle0") for seed in finished}
    # loops of your own: make cycle RUN=RUN/seed0/NAME DATA=...
    others = {f.parent.name for seed in before for f in (run / seed).glob("*/cycle1")}
    others -= {where.removesuffix("/*") for where in ARMS.values()}
    table = {}
    for name, where in [*ARMS.items(), *((f"loop in {name}/", f"{name}/*") for name in sorted(others))]:
        folders = {seed: folder_of(run / seed, where, last) for seed in before}
        # of a loop under way the model before it alone may be evaluated
        needed = ("eval.json",) if name == BEFORE else ("eval.json", "model.meta.json")
        having = [s for s, folder in folders.items() if all((folder / file).exists() for file in needed)]
        if having:
            table[name] = row(
                name, [folders[seed] for seed in having], [before[seed] for seed in having], last
            )
    columns = dict.fromkeys(column for cells in table.values() for column in cells)
    by_column = {column: {name: table[name].get(column, "") for name in table} for column in columns}
    text = markdown(by_column, list(table)) + f"\n\n{NOTES}\n"
    write_atomically(run / "compare.md", text)
    print("\n" + text, end="")


if __name__ == "__main__":
    run(main)
