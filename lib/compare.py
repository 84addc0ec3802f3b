"""One table of base, baselines, ablations and the loop over several seeds: `make compare`. Printed, and written to RUN/compare.md.

    python -m lib.compare runs/compare seed0 seed1 seed2

Per arm: held-out accuracy as mean and range over the seeds; its paired gain over the base, all seeds together, with a 95 % bootstrap interval
over held-out videos; what it learned from and what it cost, as means over the seeds.
"""
import sys
from pathlib import Path

import numpy as np

from lib.intervals import paired_gain
from lib.records import StageError
from lib.results import load, markdown, right
from lib.stage import write_atomically


def last_cycle(run):
    """The folder of a run's last evaluated cycle."""
    folders = [f for f in run.glob("cycle*") if f.name[5:].isdigit() and (f / "eval.json").exists()]
    return max(folders, key=lambda f: int(f.name[5:]), default=run / "cycle1")


ARMS = {"base": lambda run: run / "cycle0", "template baseline": lambda run: run / "template", "teacher baseline": lambda run: run / "teacher",
        "rationalized only": lambda run: last_cycle(run / "rationalized-only"), "direct only": lambda run: last_cycle(run / "direct-only"),
        "full loop": last_cycle, "final (direct answers of the last cycle)": lambda run: run / "final", "full loop, then preferences (DPO)": lambda run: run / "preferences", "true reasoning (bound)": lambda run: run / "bound"}


def cost(folder):
    """Seconds of all stages that led to an arm's model, from the sidecars: of a loop all its cycles."""
    last = last_cycle(folder.parent) if folder.name in ("final", "preferences") else folder  # these stand on the whole loop
    cycles = [folder.parent / f"cycle{i}" for i in range(1, int(last.name[5:]) + 1)] if last.name.startswith("cycle") else []
    cycles += [folder] * (folder not in cycles)
    return sum(meta["seconds"] for cycle in cycles for name in ("generated.jsonl", "rationalized.jsonl", "verified.jsonl", "model") if (meta := load(cycle / f"{name}.meta.json")))


def row(name, folders, bases):
    """The cells of one arm over the seeds that have it."""
    evaluations = [load(folder / "eval.json") for folder in folders]
    scores = [right(folder, evaluation) for folder, evaluation in zip(folders, evaluations)]
    accuracy = 100 * np.array([evaluation["all"]["accuracy"] for evaluation in evaluations])
    cells = {"seeds": f"{len(folders)}", "accuracy, mean": f"{accuracy.mean():.1f}", "lowest to highest": f"{accuracy.min():.1f} to {accuracy.max():.1f}"}
    if name != "base":
        before, after, videos = zip(*[(base[key][1], ok, f"{seed} {video}") for seed, (base, score) in enumerate(zip(bases, scores)) for key, (video, ok) in score.items()])
        cells["gain over the base, points"] = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * g for g in paired_gain(before, after, videos)))
        models = [load(folder / "model.meta.json") for folder in folders]
        cells["training rows"], cells["training steps"] = (f"{np.mean([model[key] for model in models]):.0f}" for key in ("rows", "steps"))
        cells["seconds"] = f"{np.mean([cost(folder) for folder in folders]):.0f}"
    return cells


def main():
    run, seeds = Path(sys.argv[1]), sys.argv[2:]
    table = {}
    bases = {seed: right(run / seed / "cycle0", load(run / seed / "cycle0" / "eval.json")) for seed in seeds if (run / seed / "cycle0" / "eval.json").exists()}
    if not bases:
        raise StageError(f"{run}: no finished base of {', '.join(seeds)}; make compare RUN={run}")
    others = {f.parent.name for seed in bases for f in (run / seed).glob("*/cycle1")} - {"direct-only", "rationalized-only"}  # loops of your own: make cycle RUN=RUN/seed0/NAME DATA=...
    for name, folder_of in [*ARMS.items(), *((f"loop in {name}/", lambda seed, name=name: last_cycle(seed / name)) for name in sorted(others))]:
        having = [seed for seed in bases if (folder_of(run / seed) / "eval.json").exists()]
        if having:
            table[name] = row(name, [folder_of(run / seed) for seed in having], [bases[seed] for seed in having])
    columns = list(dict.fromkeys(cell for cells in table.values() for cell in cells))
    text = markdown({column: {name: cells.get(column, "") for name, cells in table.items()} for column in columns}, list(table))
    text += "\n\nHeld-out accuracy in percent. Gains are paired by question, over all seeds together, with a 95 % bootstrap interval over held-out videos.\n"
    write_atomically(run / "compare.md", text)
    print("\n" + text, end="")


if __name__ == "__main__":
    from lib.stage import run as guarded
    guarded(main)
