"""make plan: what a run will cost, before it is spent: per stage its records, tokens, FLOPs, bytes to read, time on this device, and disk.

    python -m lib.plan RUN/data/train.jsonl --test RUN/data/test.jsonl --run RUN --model M --cycles 3 --generate="FLAGS of 02" --rationalize="FLAGS of 03" \\
        --verify="FLAGS of 04" --finetune="--model BASE FLAGS of 05" --evaluate="FLAGS of 06"

Counted: records, prompt tokens, files, parameters. Measured by a trial, the stages themselves on some records spread over the data, as few as fill whole
batches (at least --trial): visual and new tokens, seconds, bytes written, what is rejected and what is kept. It writes into a temporary folder only
(TMPDIR). FLOPs and memory are arithmetic (lib/costs.py). With --trial 0, or a model that this device cannot hold, no time is known.
"""
import argparse
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace as Facts

from lib.costs import bytes_of, device, duration, human, memory_of, processor_of, prompt_tokens, seen, sizes_of, spread, table, total, tower_flops, weights_memory
from lib.intervals import wilson
from lib.records import StageError, line_of, read_jsonl, read_records, rebase
from lib.served import is_served
from lib.stage import parser_of, run

ROOT = Path(__file__).resolve().parent.parent
STEPS = 8  # optimiser steps of 05's trial
COLUMNS = ("records", "answers", "visual", "text", "new", "flops", "read", "seconds", "disk")
TITLES = ("stage", "records", "answers", "visual tokens", "text tokens", "new tokens", "FLOPs", "to read", "time", "disk")


def flags_of(args):
    """What the stages' flags say, by stage; flags that cost nothing are for the stages to read."""
    flags = {}
    for stage, shared in (("generate", "sample"), ("rationalize", "sample"), ("evaluate", "generate"), ("finetune", "train"), ("verify", "")):
        parser = parser_of(None, "check", *["model"] * (stage != "verify"), shared)
        parser.prog = f"--{stage}"
        for name, kind, default in (("--lora-rank", int, 16), ("--epochs", int, 1), ("--steps", int, None), ("--accumulate", int, 1), ("--pairs", str, "both"),
                                    ("--mix", str, None), ("--embedder", str, None)):
            parser.add_argument(name, type=kind, default=default)  # the defaults are the stages' own
        for name in ("--full", "--checkpointing", "--conclude-unaided"):
            parser.add_argument(name, action="store_true")
        flags[stage], _ = parser.parse_known_args([*["--model", args.model or ""] * (stage != "verify"), *shlex.split(getattr(args, stage))])
    return flags


def stage(script, *words):
    """Seconds of a stage of the trial, as a process. Raises StageError with its last words where it fails."""
    began = time.time()
    done = subprocess.run([sys.executable, str(ROOT / script), *map(str, words)], text=True, capture_output=True)
    if done.returncode:
        said = "\n  ".join((done.stdout + done.stderr).strip().split("\n")[-3:])
        raise StageError(f"the trial of {script} ended with exit code {done.returncode}:\n  {said}\n  mend its flags or data; --trial 0 (make plan TRIAL=0) plans without a trial")
    return time.time() - began


def measured(path, wall):
    """What a stage of the trial shows: its seconds besides the answers, and of an answer its seconds, new tokens and bytes on disk."""
    speed, answers = json.loads(Path(f"{path}.meta.json").read_text()).get("speed", {}), [record for _, record in read_jsonl(path) if "answer" in record]
    if not answers:
        raise StageError(f"the trial answered nothing: {next(read_jsonl(path))[1].get('error')}")
    busy = min(wall, speed.get("seconds", wall))
    return Facts(fixed=wall - busy, each=busy / len(answers), new=sum(record.get("tokens", 0) for record in answers) / len(answers), size=os.path.getsize(path) / len(answers))


def verified(args, folder, flags):
    """04 on the trial's answers: (measured, [(rejected questions, of all), (direct answers kept, of all), (rationalized ones, of those to rejected questions)], its records)."""
    from lib.embed import Embedder
    from lib.filter import verify_all
    path, inputs = folder / "verified.jsonl", [path for path in (folder / "generated.jsonl", folder / "rationalized.jsonl") if path.exists()]
    wall, records = stage("04_verify.py", *inputs, "-o", path, *shlex.split(args.verify)), [record for _, record in read_jsonl(path)]
    times = [time.time()]
    for work in (lambda: Embedder(flags.embedder)(["to load it"]), lambda: list(verify_all(records, flags.embedder))):
        work()
        times.append(time.time())
    cost = measured(path, wall)
    cost.each = max(times[2] - 2 * times[1] + times[0], 0) / len(records)  # besides the embedder's loading, which more answers do not repeat
    cost.fixed = max(wall - cost.each * len(records), 0)
    solved = {record["id"] for record in records if record["origin"] == "direct" and record["verdict"] == "correct"} if "direct" in args.origins else set()
    asked = {record["id"] for record in records}
    groups = [[record["keep"] for record in records if record["origin"] == origin and not (origin == "rationalized" and record["id"] in solved)] for origin in ("direct", "rationalized")]
    return cost, [(len(asked - solved), len(asked)), *((sum(group), len(group)) for group in groups)], records


def trial(args, flags, train, test, train_too):
    """What the stages cost and yield on some records: ({stage: measured}, shares as of `verified`, records tried, {file: its mean answer in tokens})."""
    def some(name, source, records, samples, batch):  # whole batches: their rate is the run's
        records = spread(records, math.ceil(math.ceil(args.trial * samples / batch) * batch / samples))
        (folder / name).write_bytes(b"".join(line_of(rebase(record, source, folder / name)) for record in records))
        return len(records)
    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        folder, found, ask = Path(folder), {}, ["--model", args.model]
        tried = some("train.jsonl", args.input, train, flags["generate"].samples, flags["generate"].batch_size)
        some("test.jsonl", args.test, test, 1, flags["evaluate"].batch_size)
        asked = [("generate", "02_generate.py", "train", "generated.jsonl")] * ("direct" in args.origins)
        asked += [("rationalize", "03_rationalize.py", "train", "rationalized.jsonl")] * ("rationalized" in args.origins)
        asked.append(("evaluate", "06_eval.py", "test", "eval.json"))
        for name, script, source, output in asked[: 1 if is_served(args.model) else 3]:  # what a server is asked costs: once is enough
            wall = stage(script, folder / f"{source}.jsonl", "-o", folder / output, *ask, *shlex.split(getattr(args, name)), "--max-failures", 10**9)
            found[name] = measured(folder / output.replace("eval.json", "predictions.jsonl"), wall)
        found = {name: found.get(name, found[asked[0][0]]) for name in ("generate", "rationalize", "evaluate")}
        found["verify"], shares, records = verified(args, folder, flags["verify"])
        if train_too:  # on every answer, as if all were kept: only the time is wanted
            answers = [{**record, "keep": True, "answer": record["answer"] if record["answer"].strip() else "none"} for record in records if "answer" in record]
            (folder / "kept.jsonl").write_bytes(b"".join(map(line_of, answers)))
            wall = stage("05_finetune.py", folder / "kept.jsonl", "-o", folder / "model", *shlex.split(args.finetune), "--accumulate", 1, "--steps", STEPS, "--max-failures", 10**9)
            speed = json.loads((folder / "model.meta.json").read_text())["speed"]
            found["finetune"] = Facts(fixed=wall - speed["seconds"] - speed["encode_seconds"] * bool(speed["clips_encoded_once"]), each=speed["seconds"] / STEPS / flags["finetune"].batch_size, peak=speed.get("peak_memory_gib"),
                                      clip=speed["encode_seconds"] / speed["clips_encoded_once"] if speed["clips_encoded_once"] else 0)
    return found, shares, tried


def show(rows, wide, sums):
    """Print the table: what a stage costs each time it runs, and the sums over the run; `wide` are the rows if the most questions are asked again and the most answers kept."""
    units, cells = {"flops": ("FLOP", 1000), "read": ("iB", 1024), "disk": ("iB", 1024)}, [TITLES]
    for (name, times, row), (_, _, most) in zip(rows, wide):
        shown = [duration(row.get(column)) if column == "seconds" else human(row.get(column), *units.get(column, ())) for column in COLUMNS]
        shown[0] = f"~{shown[0]} (at most {human(most['records'])})" if most["records"] > row["records"] else shown[0]
        cells.append((f"{name} x {times}" if times > 1 else name, *shown))
    cells.append(("in all", "", "", *(duration(sums[column]) if column == "seconds" else human(sums[column], *units.get(column, ())) for column in COLUMNS[2:])))
    widths = [max(map(len, column)) for column in zip(*cells)]
    for line in cells:
        print("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]))


def main():
    parser = argparse.ArgumentParser(prog="lib.plan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("input", help="questions to learn from: train.jsonl of 01_prepare.py")
    add("--test", required=True, help="held-out questions: test.jsonl of 01_prepare.py")
    add("--run", default=".", help="folder of the run, on whose disk it must fit; nothing is written there")
    add("--model", required=True, help="folder, hub id or server that cycle 1 asks")
    for name in ("generate", "rationalize", "verify", "finetune", "evaluate"):
        add(f"--{name}", default="", required=name == "finetune", metavar="FLAGS", help=f"all flags of that stage, as one word: --{name}='--seed 0 ...'")
    add("--cycles", type=int, default=1, help="cycles of the run (default: %(default)s)")
    add("--trial", type=int, default=10, help="records to try at least; 0 for none (default: %(default)s)")
    add("--origins", nargs="+", choices=("direct", "rationalized"), default=["direct", "rationalized"], help="answers to learn from (default: both)")
    add("--views", nargs="*", choices=("blind", "shuffled"), default=[], help="views that the model is asked once as well (make: DROP)")
    args = parser.parse_args()
    if args.cycles < 1 or args.trial < 0:
        parser.error("expected --cycles of at least 1 and --trial of at least 0")
    flags = flags_of(args)
    tuned, asks, base = flags["finetune"], flags["generate"], flags["finetune"].model
    for path in (args.input, args.test):
        if not os.path.exists(path):
            raise StageError(f"{path}: no such file, so there is nothing to plan with; make {path}, or 01_prepare.py, writes it")
    if is_served(base):
        raise StageError(f"--model {base}: a served model cannot be trained; name a folder or hub id in --finetune (make: BASE=...)", code=2)
    train, test = read_records(args.input, limit=asks.limit), read_records(args.test, limit=flags["evaluate"].limit)
    (read, videos, missing, clips), (read_test, videos_test, missing_test, clips_test) = bytes_of(train, args.input), bytes_of(test, args.test)
    (based, stored), processor, (name, held, number) = sizes_of(base), processor_of(base), device()
    visual, patches, connected = seen(processor, based, train, args.input, asks.frames)
    facts = Facts(flags=flags, count=(len(train), len(test)), clips=(clips, clips_test), read=(read, read_test), based=based,
                  asked=None if is_served(args.model) else sizes_of(args.model)[0], visual=visual,
                  clip=tower_flops(based, patches, connected, asks.frames), checkpoint=based.total * stored,
                  line=os.path.getsize(args.input) / len(train), trial={}, answer=asks.max_new_tokens,
                  text={stage: prompt_tokens(processor, records, style) for stage, records, style in (("generate", train, "direct"), ("rationalize", train, "rationalized"), ("evaluate", test, "direct"))},
                  mixed=sum(1 for _ in read_jsonl(tuned.mix)) if tuned.mix else 0)
    memory = lambda: memory_of(based, visual + facts.text["generate"] + facts.answer, facts.answer, tuned, name, held, number)
    print(f"{len(train):,} questions on {videos:,} videos, {len(test):,} held-out ones on {videos_test:,}" + f"; {missing + missing_test:,} videos are MISSING" * bool(missing + missing_test))
    print(f"model: {human(based.total)} parameters (language model {human(based.language)}, head {human(based.head)}, "
          f"connector {human(based.connector)}, vision tower {human(based.tower)}); {asks.frames} frames are {visual:,.0f} visual tokens; on {name}, one process")
    holds = asks.device_map or not facts.asked or weights_memory(facts.asked, number, asks.load_in_4bit) < held
    shares, began = [(1, 2)] * 3, os.times()
    if args.trial and holds:
        room = shutil.disk_usage(tempfile.gettempdir()).free > 1.5 * facts.checkpoint
        facts.trial, shares, tried = trial(args, flags, train, test, room and memory()[1])
        facts.answer = facts.trial["generate"].new or facts.answer
    ended = os.times()
    took = ended.elapsed - began.elapsed
    had = min(1, (ended.children_user + ended.children_system - began.children_user - began.children_system) / took) if facts.trial else 1  # the share of a core: less where others had it
    likely = [part / max(whole, 1) for part, whole in shares]
    low, high = zip(*(wilson(*pair) for pair in shares))
    rows, least, most = (table(facts, args, values) for values in (likely, low, high))
    if facts.trial:
        print("the trial of {} questions: {} rejected, kept {} direct and {} rationalized answers; {:.0f} new tokens an answer; cycles are taken to be alike"
              .format(tried, *(f"{part} of {whole}" for part, whole in shares), facts.answer))
    else:
        print(f"no trial{'' if holds else ': ' + args.model + ' does not fit here'}, so no times: "
              "half of the questions taken to be rejected, half of the answers kept, --max-new-tokens written by each")
    sums = {column: total(rows, column) for column in COLUMNS}
    show(rows, table(facts, args, [1, 1, 1]), sums)
    lines, peak = memory()[0], getattr(facts.trial.get("finetune"), "peak", None)
    lines += [f"measured in the trial of 05: {peak} GiB at its peak"] * (peak is not None and name[:3] != "CPU")  # there it would be Python's and torch's own
    free = shutil.disk_usage(next(folder for folder in (Path(args.run).absolute(), *Path(args.run).absolute().parents) if folder.exists())).free
    if free < sums["disk"]:
        lines.append(f"WARNING: {args.run} needs {human(sums['disk'], 'iB', 1024)}, and {human(free, 'iB', 1024)} are free on its disk")
    print(*lines, sep="\n")
    spent = "time not known" if sums["seconds"] is None else \
        f"about {duration(sums['seconds'])} (between {duration(had * total(least, 'seconds'))} with the machine to itself " \
        f"and {duration(total(most, 'seconds'))} as busy as in the trial)"
    print(f"{args.cycles} cycle{'s' * (args.cycles > 1)}: {spent}, {human(sums['disk'], 'iB', 1024)} of disk ({human(free, 'iB', 1024)} free)" + f"; the trial took {duration(took)}" * bool(facts.trial))


if __name__ == "__main__":
    run(main)
