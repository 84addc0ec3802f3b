"""When to stop: make cycle N=auto asks after each cycle whether accuracy on the dev split still grows.

    python -m lib.tools.plateau RUN CYCLE    # exit code 0: go on, 10: stop; RUN/best.json says which is best

The paper trains "until performance plateaus" and gives no rule. Here: stop at the first cycle whose paired
gain over the best cycle before it has a 95 % interval (bootstrap over dev videos) that reaches zero. The best
cycle is the most accurate on the dev split, the earlier one on ties.
"""

import json
import sys
from pathlib import Path

from lib.command import checked_parser
from lib.files import write_atomically
from lib.process import run
from lib.tools.results import cycle_number, evaluation_of, gain_of, right, with_interval


def decide(scores):
    """(go on, best cycle, gain of the last over the best before it) for cycles 0, 1, ... on one dev split.

    A score is {id: (video, right)}; of one cycle alone the gain is None.
    """
    accuracy = [sum(correct for _, correct in score.values()) / len(score) for score in scores]
    best = accuracy.index(max(accuracy))
    if len(scores) == 1:
        return True, best, None
    gain = gain_of(scores[accuracy.index(max(accuracy[:-1]))], scores[-1])
    return gain[1] > 0, best, gain


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("cycle", type=cycle_number, help="the last cycle that is finished")
    args = parser.parse_args()
    run, cycle = args.run, args.cycle
    folders = [run / f"cycle{i}" / "dev" for i in range(cycle + 1)]
    go_on, best, gain = decide([right(folder) for folder in folders])
    model = evaluation_of(folders[best])["settings"]["model"]
    found = {"cycle": best, "model": model, "decided_after": cycle}
    write_atomically(run / "best.json", json.dumps(found) + "\n")
    if gain:
        print(
            f"cycle {cycle}: dev accuracy {with_interval(gain, '+')} points over the best before it: "
            f"{'go on' if go_on else 'stop'}; best so far: cycle {best}",
            flush=True,
        )
    if not go_on:
        sys.exit(10)


if __name__ == "__main__":
    run(main)
