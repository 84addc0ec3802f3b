"""What 02 and 03 cost beside the model: planning over many questions, going on with most of them done,
merging. The records are made, and a stub that answers at once stands in place of the model.

    python -m lib.tools.bench plan                  # 100,000 and 1,000,000 questions
    python -m lib.tools.bench_plan 02 10000000      # ten million questions to 02: 25 GB of disk
"""

import json
import resource
import runpy
import sys
import tempfile
import time
from pathlib import Path

from lib import model
from lib.command import checked_parser
from lib.model.questions import plan_batches
from lib.records import key_of
from lib.tools.bench_inputs import heading, measure, row

COUNTS = (100_000, 1_000_000)
DONE = 0.99  # of the answers, when the first run ends
ANSWER = "The person walks to the edge of the board and jumps. " * 11 + "\nAnswer: action 7"


class Stub:
    """In place of a model: answers all at once with ANSWER. It notes when it was asked, and ends the process
    once `most` answers are written.
    """

    def __init__(self, most, note):
        self.identity, self.report, self.most, self.note = {"model": "stub"}, {}, most, note

    def answers(self, questions, done=(), **_):
        batches = plan_batches(questions, 64, done)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        self.note.write_text(json.dumps({"planned": time.time(), "peak": peak}))
        written = 0
        for batch in batches:
            records = [questions[n].record for n in batch]
            yield [{**r, "answer": ANSWER, "tokens": 160} for r in records if hash(key_of(r)) not in done]
            written += len(records)
            if written >= self.most:
                raise KeyboardInterrupt


def stage(most, note, script, *words):
    """Run a stage in this process with a Stub for a model."""
    model.open_model = lambda *_, **__: Stub(float(most), Path(note))
    sys.argv = [script, *words]
    runpy.run_path(script, run_name="__main__")


def made(path, count):
    """A file of `count` questions, two on a clip."""
    label = {"name": "class", "kind": "class"}
    question = "What is happening in the video, and how does it end?"
    with open(path, "w", encoding="utf-8") as file:
        for n in range(count):
            record = {"id": f"clip-{n // 2:08d}#{n % 2}", "video": f"clips/{n // 2:08d}.mp4", "start": 0.0}
            record |= {"end": 10.0, "duration": 10.0, "question": question}
            record["labels"] = [{**label, "value": f"action {n % 400}"}]
            file.write(json.dumps(record) + "\n")
    return path


def run(most, folder, script, source, output):
    """(seconds until all was planned, peak GiB then, seconds in all, peak GiB) of a stage with a Stub."""
    note, words = folder / "note.json", ("--model stub -o", output)
    began, call = time.time(), "-m lib.tools.bench_plan stage"
    seconds, peak = measure(call, str(most), note, script, source, *words, codes=(0, 130))
    planned = json.loads(note.read_text())
    return planned["planned"] - began, planned["peak"], seconds, peak


def bench_plan(folder, counts=COUNTS, stages=("02", "03")):
    """02 over many questions, stopped when most are answered, and again; 03 on its answers."""
    heading(
        "02_generate.py and 03_rationalize.py without a model: until all is planned, and with the merge",
        " stage | questions | planned, s | peak GiB | planned again with 99 % done, s | peak GiB "
        "| the rest and the merge, s | peak GiB ",
    )
    for count in counts:
        source = made(folder / "questions.jsonl", count)
        for stage, script in (("02", "02_generate.py"), ("03", "03_rationalize.py")):
            if stage in stages:
                output = folder / f"{stage}-{count}.jsonl"
                first = run(DONE * count, folder, script, source, output)
                again = run("inf", folder, script, source, output)
                cells = [f"{first[0]:.0f}", f"{first[1]:.2f}", f"{again[0]:.0f}", f"{again[1]:.2f}"]
                row(stage, f"{count:,}", *cells, f"{again[2] - again[0]:.0f}", f"{again[3]:.2f}")
                source = output


def main():
    if sys.argv[1:2] == ["stage"]:  # a process of run() above
        stage(*sys.argv[2:])
        return
    parser = checked_parser(__doc__)
    both = "02,03"
    parser.add_argument("stages", nargs="?", choices=("02", "03", both), default=both)
    parser.add_argument("counts", nargs="*", type=int, help="of questions (default: 100000 and 1000000)")
    args = parser.parse_args()
    if min(args.counts, default=1) < 1:
        parser.error(f"{min(args.counts)} questions: expected at least 1")
    with tempfile.TemporaryDirectory() as place:
        bench_plan(Path(place), args.counts or COUNTS, args.stages.split(","))


if __name__ == "__main__":
    main()
