"""When to stop: `make cycle N=auto` asks after each cycle whether accuracy on the dev split still grows beyond its interval.

    python -m lib.plateau RUN CYCLE      # exit code 0: go on, 10: stop; RUN/best.json says which cycle to use

The paper trains "until performance plateaus" and gives no rule. Here: stop at the first cycle whose paired gain over the best cycle before it has
a 95 % interval (bootstrap over dev videos) that reaches zero. The best cycle is the most accurate on the dev split, the earlier one on ties.
"""
import json
import sys
from pathlib import Path

from lib.intervals import paired_gain
from lib.results import load, right
from lib.stage import write_atomically


def decide(scores):
    """(go on, best cycle, gain of the last over the best before it) for scores [{id: (video, right)}] of cycles 0, 1, ... on one dev split."""
    accuracy = [sum(ok for _, ok in cycle.values()) / len(cycle) for cycle in scores]
    if len(scores) == 1:
        return True, 0, None
    before = scores[max(range(len(scores) - 1), key=lambda i: (accuracy[i], -i))]
    gain = paired_gain([before[k][1] for k in before], [scores[-1][k][1] for k in before], [before[k][0] for k in before])
    return gain[1] > 0, max(range(len(scores)), key=lambda i: (accuracy[i], -i)), gain


def main():
    run, cycle = Path(sys.argv[1]), int(sys.argv[2])
    folders = [run / f"cycle{i}" / "dev" for i in range(cycle + 1)]
    go_on, best, gain = decide([right(folder, load(folder / "eval.json")) for folder in folders])
    write_atomically(run / "best.json", json.dumps({"cycle": best, "model": load(folders[best] / "eval.json")["settings"]["model"], "decided_after": cycle}) + "\n")
    if gain:
        print("cycle {}: dev accuracy {:+.1f} [{:+.1f}, {:+.1f}] points over the best before it: {}; best so far: cycle {}".format(
            cycle, *(100 * g for g in gain), "go on" if go_on else "stop", best), flush=True)
    if not go_on:
        sys.exit(10)


if __name__ == "__main__":
    from lib.stage import run as guarded
    guarded(main)
