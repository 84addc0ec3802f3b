"""make plan: what a run will cost, before it is spent: per stage its tokens, FLOPs, bytes, time and disk.

    python -m lib.tools.plan RUN/data/train.jsonl --test RUN/data/test.jsonl --run RUN --model M --cycles 3 \\
        --generate="FLAGS of 02" --rationalize="FLAGS of 03" --verify="FLAGS of 04" \\
        --finetune="--model BASE FLAGS of 05" --evaluate="FLAGS of 06"

Counted: records, prompt tokens, files, parameters. Measured by a trial (lib/tools/trial.py), the stages
themselves on some records spread over the data, as few as fill whole batches (at least --trial): visual and
new tokens, seconds, bytes written, what is rejected and what is kept. It writes into a temporary folder only
(TMPDIR). FLOPs and memory are arithmetic (lib/tools/costs.py). With --trial 0, or a model that this device
cannot hold, no time is known.
"""

import argparse
import os
import shlex
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

from lib.command import parser_of, run
from lib.confidence import wilson
from lib.model import cache, is_served
from lib.records import StageError, read_jsonl, read_records
from lib.tools.costs import (
    bytes_of,
    clip_counts,
    context_problem,
    device,
    duration,
    feature_numbers,
    human,
    human_bytes,
    prompt_lengths,
    sizes_of,
    state_bytes,
    tower_flops,
    training_memory,
    weights_memory,
)
from lib.tools.plan_rows import table, total
from lib.tools.trial import trial

TITLES = {
    "records": "records",
    "answers": "answers",
    "visual": "visual tokens",
    "text": "text tokens",
    "new": "new tokens",
    "flops": "FLOPs",
    "read": "to read",
    "seconds": "time",
    "disk": "disk",
}
# of the stages that read clips
SCRIPTS = {
    "generate": "02_generate.py",
    "rationalize": "03_rationalize.py",
    "finetune": "05_finetune.py",
    "evaluate": "06_eval.py",
}
STAGES = ("generate", "rationalize", "verify", "finetune", "evaluate")


def flags_of(args):
    """What the stages' flags say, by stage; flags that cost nothing are for the stages to read."""
    flags, shared = {}, {"generate": "sample", "rationalize": "sample", "evaluate": "generate"}
    for stage in STAGES:
        model = [] if stage == "verify" else ["model"]
        parser = parser_of(None, "check", *model, shared.get(stage, ""))
        parser.prog = f"--{stage}"
        add = parser.add_argument
        # the defaults are the stages' own
        for name, default in (("--lora-rank", 16), ("--epochs", 1), ("--steps", None), ("--accumulate", 1)):
            add(name, type=int, default=default)
        add("--save-every", type=int, default=200)
        for name, default in (("--pairs", "both"), ("--mix", None), ("--embedder", None)):
            add(name, default=default)
        for name in ("--full", "--checkpointing", "--conclude-unaided"):
            add(name, action="store_true")
        words = shlex.split(getattr(args, stage))
        flags[stage], _ = parser.parse_known_args(["--model", args.model or "", *words] if model else words)
    return flags


def cell(column, value):
    if column == "seconds":
        return duration(value)
    if column in ("read", "disk"):
        return human_bytes(value)
    return human(value, "FLOP" if column == "flops" else "")


def show(rows, most, sums):
    """Print what a stage costs each time it runs, and the sums over the run.

    `most` are the rows where every question is asked again and every answer kept.
    """
    lines = [("stage", *TITLES.values())]
    for (name, times, row), (_, _, wide) in zip(rows, most):
        cells = [cell(column, row.get(column)) for column in TITLES]
        if wide["records"] > row["records"]:
            cells[0] = f"~{cells[0]} (at most {human(wide['records'])})"
        lines.append((f"{name} x {times}" if times > 1 else name, *cells))
    lines.append(("in all", "", "", *(cell(column, sums[column]) for column in list(TITLES)[2:])))
    widths = [max(map(len, column)) for column in zip(*lines)]
    for first, *cells in lines:
        print(first.ljust(widths[0]), *(c.rjust(width) for c, width in zip(cells, widths[1:])), sep="  ")


def bytes_of_number(flags, number):
    """Of the arithmetic of 05, on a device whose own choice is `number`."""
    return {"auto": number, "float32": 4}.get(flags.dtype, 2)


def disk_of(facts, rows, number, free):
    """(bytes that 05 takes of the disk while it trains, those of them that it cannot do without, lines about
    them): states and features, where `free` bytes are left beside all that the run writes.
    """
    flags, cost = facts.flags["finetune"], facts.trial.get("finetune")
    row = next(row for name, _, row in rows if name == "finetune")
    states = row["states"] * state_bytes(facts.base, flags.full, flags.lora_rank)
    numbers = feature_numbers(facts.base, facts.connected)
    clip = cost.size if cost and cost.size else numbers * bytes_of_number(flags, number)
    features, room = row["clips"] * clip, cache.room(free, states)
    lines = [
        f"disk of 05 while it trains: {row['states']} states {human_bytes(states)}, features of "
        f"{row['clips']:,.0f} clips {human_bytes(features)} ({human_bytes(clip)} each)"
    ]
    if features > room:
        lines.append(
            f"WARNING: {human_bytes(room)} are left for these features (half of what is free beside all "
            f"else): 05 keeps those of {room / features:.0%} of the clips, and encodes the others each time"
        )
    return states + min(features, room), states, lines


def memory_of(facts, name, held, number):
    """(lines on the memory of 05 by arithmetic, whether one row fits) on a device that holds `held` bytes."""
    flags = facts.flags["finetune"]
    number = bytes_of_number(flags, number)
    tokens = facts.visual + facts.text["generate"] + facts.answer
    how = (flags.full, flags.lora_rank, flags.load_in_4bit, flags.checkpointing, number)
    weights, optimiser, row = training_memory(facts.base, tokens, facts.answer, *how)
    batch, least = weights + optimiser + row * flags.batch_size, weights + optimiser + row
    method = "full" if flags.full else f"LoRA {flags.lora_rank}{' on 4 bit' if flags.load_in_4bit else ''}"
    lines = [
        f"memory of 05 ({method}): weights {human_bytes(weights)}, "
        f"gradients and Adam {human_bytes(optimiser)}, activations {human_bytes(row)} a row: "
        f"{human_bytes(batch)} with {flags.batch_size} rows, {human_bytes(least)} with one; "
        f"{name} has {human_bytes(held)}"
    ]
    fits = least <= held or bool(flags.device_map)
    if not fits:
        other = "LoRA instead of --full" if flags.full else "--load-in-4bit"
        lines.append(
            f"WARNING: 05 does not fit here even with one row at a time; {other}, --checkpointing or fewer "
            "--frames need less"
        )
    elif batch > held and not flags.device_map:
        lines.append(
            "note: 05 will halve its batch, and take longer; a smaller --batch-size with more --accumulate "
            "trains the same"
        )
    return lines, fits


def facts_of(args, flags, train, test):
    """What can be counted before anything runs, for the rows; prints how many questions there are."""
    from lib.model.load import processor_of

    training, asking = flags["finetune"], flags["generate"]
    read, videos, missing, clips = zip(bytes_of(train, args.input), bytes_of(test, args.test))
    (base, stored), processor = sizes_of(training.model), processor_of(training.model)
    frames = {flags[stage].frames for stage in SCRIPTS}
    counts = {number: clip_counts(processor, base, train, args.input, number) for number in frames}
    visual, patches, connected = (sum(c) / len(c) for c in zip(*counts[asking.frames]))
    prompts = dict(generate=(train, "direct"), rationalize=(train, "rationalized"), evaluate=(test, "direct"))
    lengths = {stage: prompt_lengths(processor, *prompt) for stage, prompt in prompts.items()}
    check_context(args, flags, lengths, counts)
    print(
        f"{len(train):,} questions on {videos[0]:,} videos, {len(test):,} held-out ones on {videos[1]:,}"
        + (f"; {sum(missing):,} videos are MISSING" if sum(missing) else "")
    )
    return SimpleNamespace(
        flags=flags,
        count=(len(train), len(test)),
        clips=clips,
        read=read,
        base=base,
        model=None if is_served(args.model) else sizes_of(args.model)[0],
        visual=visual,
        connected=connected,
        clip=tower_flops(base, patches, connected, asking.frames),
        checkpoint=base.total * stored,
        line=os.path.getsize(args.input) / len(train),
        trial={},
        answer=asking.max_new_tokens,
        text={stage: sum(each) / len(each) for stage, each in lengths.items()},
        mixed=sum(1 for _ in read_jsonl(training.mix, foreign=True)) if training.mix else 0,
    )


def check_context(args, flags, lengths, counts):
    """Warn of prompts that exceed a model's context. Raises StageError where those of a stage all do.

    `lengths`: {stage: tokens of its prompts' texts}; `counts`: {frames: clip_counts with as many}.
    """
    origins = {"generate": "direct", "rationalize": "rationalized"}
    for stage, script in SCRIPTS.items():
        model = flags["finetune"].model if stage == "finetune" else args.model
        if is_served(model) or origins.get(stage, args.origins[0]) not in args.origins:
            continue
        texts = lengths.get(stage, lengths["generate"])  # 05 trains on the prompts of 02
        new = flags["generate" if stage == "finetune" else stage].max_new_tokens
        visual = [tokens for tokens, *_ in counts[flags[stage].frames]]
        problem, all_of_them = context_problem(model, texts, visual, new)
        if all_of_them:
            raise StageError(f"{script} with {model}: {problem}; so it is of all prompts tried")
        if problem:
            print(f"WARNING: {script} with {model} will leave out its longest prompts: {problem}")


def run_trial(args, facts, train, test, place):
    """(shares as of trial.verify, seconds it took, share of a core it had); its costs go into `facts`."""
    asking, (_, held, number) = facts.flags["generate"], place
    known = facts.model and not asking.device_map
    too_large = known and weights_memory(facts.model, number, asking.load_in_4bit) >= held
    if too_large or not args.trial:
        print(
            f"no trial{f': {args.model} does not fit here' if too_large else ''}, so no times: half of the "
            "questions taken to be rejected, half of the answers kept, --max-new-tokens written by each"
        )
        return [(1, 2)] * 3, 0, 1
    room = shutil.disk_usage(tempfile.gettempdir()).free > 1.5 * facts.checkpoint
    began = os.times()
    with_training = room and memory_of(facts, *place)[1]
    facts.trial, shares, count = trial(args, facts.flags, train, test, with_training)
    ended = os.times()
    facts.answer = facts.trial["generate"].new or facts.answer
    took = ended.elapsed - began.elapsed
    busy = ended.children_user + ended.children_system - began.children_user - began.children_system
    rejected, direct, rationalized = (f"{part} of {whole}" for part, whole in shares)
    print(
        f"the trial of {count} questions: {rejected} rejected, kept {direct} direct and {rationalized} "
        f"rationalized answers; {facts.answer:.0f} new tokens an answer; cycles are taken to be alike"
    )
    return shares, took, min(1, busy / took)


def free_bytes(folder):
    """On the disk of a folder that need not exist yet."""
    folder = Path(folder).absolute()
    return shutil.disk_usage(next(f for f in (folder, *folder.parents) if f.exists())).free


def arguments():
    parser = argparse.ArgumentParser(
        prog="lib.tools.plan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("input", help="questions to learn from: train.jsonl of 01_prepare.py")
    add("--test", required=True, help="held-out questions: test.jsonl of 01_prepare.py")
    add("--run", default=".", help="folder of the run, on whose disk it must fit; nothing is written there")
    add("--model", required=True, help="folder, hub id or server that cycle 1 asks")
    for name in STAGES:
        text = f"all flags of that stage, as one word: --{name}='--seed 0 ...'"
        add(f"--{name}", default="", required=name == "finetune", metavar="FLAGS", help=text)
    add("--cycles", type=int, default=1, help="cycles of the run (default: %(default)s)")
    add("--trial", type=int, default=10, help="records to try at least; 0 for none (default: %(default)s)")
    origins, views = ["direct", "rationalized"], ("blind", "shuffled")
    add("--origins", nargs="+", choices=origins, default=origins, help="what to learn from (default: both)")
    add("--views", nargs="*", choices=views, default=[], help="asked once as well (make: DROP)")
    args = parser.parse_args()
    if args.cycles < 1 or args.trial < 0:
        parser.error("expected --cycles of at least 1 and --trial of at least 0")
    return args


def check(args, model):
    """Raises StageError where there is nothing to plan with, or a `model` to train that cannot be."""
    for path in (args.input, args.test):
        if not os.path.exists(path):
            raise StageError(
                f"{path}: no such file, so there is nothing to plan with; make {path}, or 01_prepare.py, "
                "writes it"
            )
    if is_served(model):
        raise StageError(
            f"--model {model}: a served model cannot be trained; name a folder or hub id in "
            "--finetune (make: BASE=...)",
            code=2,
        )


def main():
    args = arguments()
    flags = flags_of(args)
    check(args, flags["finetune"].model)
    frames = flags["generate"].frames
    train = read_records(args.input, limit=flags["generate"].limit)
    test = read_records(args.test, limit=flags["evaluate"].limit)
    facts, place = facts_of(args, flags, train, test), device()
    parts = {"language model": "language", "head": "head", "connector": "connector", "vision tower": "tower"}
    counted = ", ".join(f"{name} {human(getattr(facts.base, part))}" for name, part in parts.items())
    print(
        f"model: {human(facts.base.total)} parameters ({counted}); {frames} frames are "
        f"{facts.visual:,.0f} visual tokens; on {place[0]}, one process"
    )
    shares, took, had = run_trial(args, facts, train, test, place)
    low, high = zip(*(wilson(*pair) for pair in shares))
    rows = table(facts, args, [part / max(whole, 1) for part, whole in shares])
    least, most = table(facts, args, low), table(facts, args, high)
    sums = {column: total(rows, column) for column in TITLES}
    show(rows, table(facts, args, [1, 1, 1]), sums)
    disk, free, spent = human_bytes(sums["disk"]), free_bytes(args.run), "time not known"
    more, states, lines = disk_of(facts, rows, place[2], free - sums["disk"])
    lines, peak = memory_of(facts, *place)[0] + lines, getattr(facts.trial.get("finetune"), "peak", None)
    if peak is not None and not place[0].startswith("CPU"):  # there it would be Python's and torch's own
        lines.append(f"measured in the trial of 05: {peak} GiB at its peak")
    if free < sums["disk"] + states:
        needed = human_bytes(sums["disk"] + states)
        lines.append(f"WARNING: {args.run} needs {needed}, and {human_bytes(free)} are free on its disk")
    print(*lines, sep="\n")
    if sums["seconds"] is not None:
        alone, busy = duration(had * total(least, "seconds")), duration(total(most, "seconds"))
        spent = (
            f"about {duration(sums['seconds'])} (between {alone} with the machine to itself "
            f"and {busy} as busy as in the trial)"
        )
    print(
        f"{args.cycles} cycle{'s' if args.cycles > 1 else ''}: {spent}, {disk} of disk "
        f"and {human_bytes(more)} while 05 trains ({human_bytes(free)} free)"
        + (f"; the trial took {duration(took)}" if facts.trial else "")
    )


if __name__ == "__main__":
    run(main)
