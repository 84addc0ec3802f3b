"""Say the figures of each cycle to a tracker: yields, kept answers, held-out accuracy by kind, gain.

    python -m lib.tools.follow runs/demo --report-to trackio      # make: REPORT_TO=trackio, after each cycle

The step is the number of the cycle. What was said stands in RUN/tracker.json: a cycle is said once, and where
figures that were said have changed since, all are said to a new run of the tracker.
"""

import json

from lib import trackers
from lib.command import checked_parser
from lib.files import read_json, write_atomically
from lib.process import run
from lib.records import StageError
from lib.tools.results import add_cycles, cycles_of, evaluation_of, gain_of, right, verified_of


def figures_of(folder, before):
    """{name: number} of a cycle; `before`: the verdicts (results.right) before any cycle, or None."""
    evaluation, verified = evaluation_of(folder), verified_of(folder)
    rows = {"all": evaluation["all"], **evaluation["kinds"]}
    figures = {f"accuracy/{kind}": row["accuracy"] for kind, row in rows.items()}
    if verified:
        for name, key in (("yield/direct", "solved_direct"), ("yield/rationalized", "solved_rationalized")):
            figures[name] = verified[key] / max(verified["questions"], 1)
        figures |= {f"kept/{origin}": count for origin, count in verified["kept"].items()}
    if before is not None and (verdicts := right(folder)).keys() == before.keys():
        figures["gain"] = gain_of(before, verdicts)[0]
    return figures


def follow(run, name, last=None):
    """Say to the tracker `name` what it has not been told of the cycles of `run`, up to cycle `last`. Raises
    StageError.
    """
    from accelerate import Accelerator

    folders = [folder for folder in cycles_of(run, last) if (folder / "eval.json").exists()]
    if not folders:
        raise StageError(f"{run}: no cycle with an eval.json yet; make cycle N=1 RUN={run}")
    first = folders[0].name == "cycle0"
    before = right(folders[0]) if first and len(folders) > 1 else None
    found = {folder.name: figures_of(folder, before if folder != folders[0] else None) for folder in folders}
    note, path = read_json(run / "tracker.json"), run / "cycles"
    known = note.get(name)
    if known is None or any(found.get(cycle, figures) != figures for cycle, figures in known["said"].items()):
        known = {"id": trackers.new_id(), "said": {}}
    left = [cycle for cycle in found if cycle not in known["said"]]
    if not left:
        return
    accelerator = Accelerator(cpu=True, **trackers.options(name, path))
    trackers.begin(accelerator, name, path, known["id"], {}, max(map(number_of, known["said"]), default=-1))
    for cycle in left:
        accelerator.log(found[cycle], number_of(cycle))
    trackers.end(accelerator)
    known["said"] |= {cycle: found[cycle] for cycle in left}
    write_atomically(run / "tracker.json", json.dumps({**note, name: known}, indent=1))


def number_of(cycle):
    """12 of "cycle12"."""
    return int(cycle.removeprefix("cycle"))


def main():
    parser = checked_parser(__doc__)
    add_cycles(parser)
    trackers.add_flag(parser)
    args = parser.parse_args()
    trackers.check_tracker(args.report_to)
    if args.report_to == "none":
        parser.error("--report-to: expected a tracker to say them to")
    follow(args.run, args.report_to, args.cycles)


if __name__ == "__main__":
    run(main)
