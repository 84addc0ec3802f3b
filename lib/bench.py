"""make bench: what the stages cost, measured in one run on this machine; nothing here passes or fails, and only ratios travel between machines.

    python -m lib.bench            # every part, as Markdown tables
    python -m lib.bench verify     # one part
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VERIFIED = 100_000  # records of the verifier's part
ACTIONS = ["riding a bike", "playing the guitar", "washing dishes", "chopping wood", "jumping rope", "water skiing", "skiing", "reading a book", "playing chess", "walking the dog"]


def answers(kind, count, seed=0):
    """`count` answered records of one kind, two thirds of them right, as 02 writes them: three sentences of reasoning and a final line."""
    rng = random.Random(f"{seed} {kind}")
    for i in range(count):
        if kind == "class":
            value, other = rng.sample(ACTIONS, 2)
            said = value if rng.random() < 2 / 3 else other
            reasons = f"A person stands outdoors at the beginning. After {i % 7} seconds the hands move quickly. What is seen is not {rng.choice(ACTIONS)}."
        elif kind == "number":
            value = round(rng.uniform(1, 100), 1)
            said = f"{value if rng.random() < 2 / 3 else 2 * value:g}"
            reasons = f"The dive has a difficulty of 3.2. Of 7 judges 5 counted. Scores of {rng.uniform(5, 9):.1f} and {rng.uniform(5, 9):.1f} were given out of 10."
        else:
            start = round(rng.uniform(0, 20), 1)
            value = [start, round(start + rng.uniform(2, 9), 1)]
            shift = 0 if rng.random() < 2 / 3 else 15
            said = f"from {value[0] + shift:g} to {value[1] + shift:g} seconds"
            reasons = f"The video has 8 frames and lasts 60 seconds. At 0:0{i % 10} 2 people come in. The door opens, and they sit down."
        yield {"id": f"{kind}{i}", "video": "v.mp4", "duration": 60.0, "question": "What can be seen?", "labels": [{"name": kind, "kind": kind, "value": value}],
               "origin": "direct", "sample": 0, "seed": i, "answer": f"{reasons}\nAnswer: {said}."}


def measured(command):
    """(seconds, peak GiB) of a finished command. Raises CalledProcessError with what it printed."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command, said)
    return time.perf_counter() - began, usage.ru_maxrss / 2**20


def bench_verify(folder):
    """04 on answers of the kinds that need no embedding: records per second by kind, and how time and memory grow with their number."""
    print(f"\n04_verify.py, {VERIFIED:,} records a kind, one process\n\n| kind | records | seconds | records/s | peak GiB |\n|---|---|---|---|---|")
    for kinds, count in [(["class"], VERIFIED), (["number"], VERIFIED), (["interval"], VERIFIED), *((["class", "number", "interval"], n) for n in (1_000, 10_000, VERIFIED))]:
        path = folder / "generated.jsonl"
        with open(path, "w", encoding="utf-8") as file:
            for kind in kinds:
                file.writelines(json.dumps(record) + "\n" for record in answers(kind, count // len(kinds)))
        seconds, peak = measured(["04_verify.py", path, "-o", folder / "verified.jsonl", "--overwrite"])
        print(f"| {', '.join(kinds)} | {count:,} | {seconds:.1f} | {count / seconds:,.0f} | {peak:.2f} |", flush=True)


PARTS = {"verify": bench_verify}


def main():
    from lib.stage import StageError
    wanted = sys.argv[1:] or list(PARTS)
    if set(wanted) - PARTS.keys():
        raise StageError(f"no such part: {', '.join(sorted(set(wanted) - PARTS.keys()))}; expected some of {', '.join(PARTS)}", code=2)
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder))


if __name__ == "__main__":
    from lib.stage import run
    run(main)
