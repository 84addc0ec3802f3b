"""The trial of make plan: the stages themselves, as processes, on some records in a temporary folder."""

import argparse
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from lib.model import is_served
from lib.records import StageError, line_of, read_jsonl, rebase
from lib.tools.costs import spread
from lib.verifier import Embedder, verify_all

ROOT = Path(__file__).resolve().parents[2]
STEPS = 8  # optimiser steps of 05's trial
NO_LIMIT = ("--max-failures", 10**9)


def stage(script, *words):
    """Seconds of a stage of the trial, as a process. Raises StageError with its last words where it fails."""
    began = time.time()
    command = [sys.executable, str(ROOT / script), *map(str, words)]
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode:
        last = "\n  ".join((done.stdout + done.stderr).strip().split("\n")[-3:])
        raise StageError(
            f"the trial of {script} ended with exit code {done.returncode}:\n  {last}\n"
            "  mend its flags or data; --trial 0 (make plan TRIAL=0) plans without a trial"
        )
    return time.time() - began


def speed_of(path):
    """What a stage wrote about its speed beside its output."""
    return json.loads(Path(f"{path}.meta.json").read_text()).get("speed", {})


def cost_of(path, wall):
    """Of a stage that took `wall` seconds: those besides the answers; of an answer seconds, tokens, bytes."""
    answers = [record for _, record in read_jsonl(path) if "answer" in record]
    if not answers:
        raise StageError(f"the trial answered nothing: {next(read_jsonl(path))[1].get('error')}")
    busy = min(wall, speed_of(path).get("seconds", wall))
    return SimpleNamespace(
        fixed=wall - busy,
        each=busy / len(answers),
        new=sum(record.get("tokens", 0) for record in answers) / len(answers),
        size=os.path.getsize(path) / len(answers),
    )


def write_some(folder, name, source, records, least, samples, batch):
    """Write at least `least` of a file's records, as many as fill whole batches: their rate is the run's."""
    records = spread(records, math.ceil(math.ceil(least * samples / batch) * batch / samples))
    lines = [line_of(rebase(record, source, folder / name)) for record in records]
    (folder / name).write_bytes(b"".join(lines))
    return len(records)


def ask(args, folder):
    """{stage: cost} of 02, 03 and 06."""
    stages = {
        "generate": ("02_generate.py", "train.jsonl", "generated.jsonl"),
        "rationalize": ("03_rationalize.py", "train.jsonl", "rationalized.jsonl"),
        "evaluate": ("06_eval.py", "test.jsonl", "eval.json"),
    }
    names = ["generate"] if "direct" in args.origins else []
    names += ["rationalize"] if "rationalized" in args.origins else []
    names.append("evaluate")
    costs = {}
    # what a server is asked costs: once is enough
    for name in names[:1] if is_served(args.model) else names:
        script, source, output = stages[name]
        words = ["-o", folder / output, "--model", args.model, *shlex.split(getattr(args, name)), *NO_LIMIT]
        wall = stage(script, folder / source, *words)
        costs[name] = cost_of(folder / output.replace("eval.json", "predictions.jsonl"), wall)
    return {name: costs.get(name, costs[names[0]]) for name in stages}


def verify(args, folder, flags):
    """04 on the trial's answers: (cost, shares, its records), each share as (part, of how many).

    Shares: of the questions those rejected, of the direct answers those kept, of the rationalized answers to
    rejected questions those kept.
    """
    path = folder / "verified.jsonl"
    inputs = [folder / name for name in ("generated.jsonl", "rationalized.jsonl") if (folder / name).exists()]
    wall = stage("04_verify.py", *inputs, "-o", path, *shlex.split(args.verify))
    records = [record for _, record in read_jsonl(path)]
    times = [time.time()]
    Embedder(flags.embedder)(["to load it"])
    times.append(time.time())
    list(verify_all(records, flags.embedder))
    times.append(time.time())
    cost = cost_of(path, wall)
    # besides the embedder's loading, which more answers do not repeat
    cost.each = max(times[2] - 2 * times[1] + times[0], 0) / len(records)
    cost.fixed = max(wall - cost.each * len(records), 0)
    direct = [record for record in records if record["origin"] == "direct"]
    solved = {record["id"] for record in direct if record["verdict"] == "correct"}
    rationalized = [r["keep"] for r in records if r["origin"] == "rationalized" and r["id"] not in solved]
    questions = {record["id"] for record in records}
    keeps = [record["keep"] for record in direct]
    shares = [
        (len(questions - solved), len(questions)),
        (sum(keeps), len(keeps)),
        (sum(rationalized), len(rationalized)),
    ]
    return cost, shares, records


def finetune(args, folder, records, flags):
    """05 on every answer, as if all were kept: seconds besides the rows, of a row and of a clip; peak GiB;
    bytes of a clip's features. `flags`: what its flags say.
    """
    answers = [record for record in records if "answer" in record]
    marks = {"keep": True, "truncated": False}
    rows = [{**record, **marks, "answer": record["answer"].strip() or "none"} for record in answers]
    (folder / "kept.jsonl").write_bytes(b"".join(map(line_of, rows)))
    words = shlex.split(args.finetune)
    if flags.steps is None:  # 05 takes one of the two
        passes = argparse.ArgumentParser(add_help=False)
        passes.add_argument("--epochs")
        words = passes.parse_known_args(words)[1]
    words += ["--accumulate", 1, "--steps", STEPS, "--report-to", "none", *NO_LIMIT]
    wall = stage("05_finetune.py", folder / "kept.jsonl", "-o", folder / "model", *words)
    speed = speed_of(folder / "model")
    clips = speed["clips_encoded_once"]
    return SimpleNamespace(
        fixed=wall - speed["seconds"] - (speed["encode_seconds"] if clips else 0),
        each=speed["seconds"] / speed["rows"],
        peak=speed.get("peak_memory_gib"),
        clip=speed["encode_seconds"] / clips if clips else 0,
        size=speed["bytes_of_features"] / clips if clips else 0,
    )


def trial(args, flags, train, test, with_training):
    """What the stages cost and yield on some records: ({stage: cost}, shares of `verify`, count)."""
    asks, evaluates = flags["generate"], flags["evaluate"]
    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        folder = Path(folder)
        count = write_some(
            folder, "train.jsonl", args.input, train, args.trial, asks.samples, asks.batch_size
        )
        write_some(folder, "test.jsonl", args.test, test, args.trial, 1, evaluates.batch_size)
        costs = ask(args, folder)
        costs["verify"], shares, records = verify(args, folder, flags["verify"])
        if with_training:
            costs["finetune"] = finetune(args, folder, records, flags["finetune"])
    return costs, shares, count
