"""make plan: what a run will cost, before it is spent: per stage its tokens, FLOPs, bytes, time and disk.

    python -m lib.tools.plan RUN/data/train.jsonl --test RUN/data/test.jsonl --run RUN --model M --cycles 3 \\
        --generate="FLAGS of 02" --rationalize="FLAGS of 03" --verify="FLAGS of 04" \\
        --finetune="--model BASE FLAGS of 05" --evaluate="FLAGS of 06"

Counted: records, prompt tokens, files, parameters. Measured by a trial (lib/tools/trial.py), the stages
themselves on some records spread over the data, as few as fill whole batches (at least --trial): visual and
new tokens, seconds, bytes written, what is rejected and what is kept. It writes into a temporary folder only
(TMPDIR). FLOPs and memory are arithmetic (lib/tools/costs.py). With --trial 0, or a model that this device
cannot hold, no time is known.

    python -m lib.tools.plan ... --device h100 --gpus 8 --price 2.5 [--records 650000,seconds=5.1]

For cards that are not here times and prices are arithmetic too (lib/tools/roofline.py). The model's folder
needs its config and processor files only; --records stands for data that are not there either.
"""

import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

from lib.command import frames_asked, parser_of
from lib.confidence import wilson
from lib.model import is_served
from lib.model.frames import fitted
from lib.process import run
from lib.records import StageError, read_jsonl, read_records
from lib.tools.costs import (
    bytes_of,
    clip_counts,
    context_problem,
    device,
    duration,
    fps_line,
    human,
    human_bytes,
    mean_clip,
    prompt_lengths,
    tower_flops,
    weights_memory,
)
from lib.tools.plan_flags import STAGES, arguments, check
from lib.tools.plan_memory import answering_memory, disk_of, memory_of
from lib.tools.plan_rows import ON_A_CARD, TITLES, most_records, show, table, total
from lib.tools.roofline import machine_of, premises, priced
from lib.tools.shapes import sizes_of
from lib.tools.stand_in import stand_in
from lib.tools.trial import trial

# of the stages that read clips
SCRIPTS = {
    "generate": "02_generate.py",
    "rationalize": "03_rationalize.py",
    "finetune": "05_finetune.py",
    "evaluate": "06_eval.py",
}


def flags_of(args):
    """What the stages' flags say, by stage; flags that cost nothing are for the stages to read."""
    flags, shared = {}, {"generate": "sample", "rationalize": "sample", "evaluate": "generate"}
    for stage in STAGES:
        model = [] if stage == "verify" else ["model"]
        parser = parser_of(None, "check", *model, shared.get(stage, ""))
        parser.prog = f"--{stage}"
        add = parser.add_argument
        # the defaults are the stages' own
        ranks = (("--lora-rank", None), ("--epochs", 1), ("--steps", None), ("--accumulate", 1))
        for name, default in ranks:
            add(name, type=int, default=default)
        add("--save-every", type=int, default=200)
        texts = (("--pairs", "both"), ("--embedder", None), ("--train", None), ("--self-train", None))
        for name, default in texts:
            add(name, default=default)
        add("--mix", nargs="+", action="extend", default=[])
        for name in ("--full", "--projector", "--checkpointing", "--conclude-unaided"):
            add(name, action="store_true")
        words = shlex.split(getattr(args, stage))
        flags[stage], _ = parser.parse_known_args(["--model", args.model or "", *words] if model else words)
        if flags[stage].lora_rank is None and not flags[stage].train:
            flags[stage].lora_rank = 16
        if getattr(flags[stage], "max_thought_tokens", None):  # beside the answer's
            flags[stage].max_new_tokens += flags[stage].max_thought_tokens
    return flags


def facts_of(args, flags, train, test):
    """What can be counted before anything runs, for the rows; prints how many questions there are."""
    from lib.model.processor import processor_of

    training, asking = flags["finetune"], flags["generate"]
    read, videos, missing, clips = zip(bytes_of(train, args.input), bytes_of(test, args.test))
    count = (len(train), len(test))
    if args.records:  # one record stands for all, a clip for each
        count, read, videos, clips = args.counts, None, args.counts, args.counts
    (base, stored), processor = sizes_of(training.model), processor_of(training.model)
    samplings = {stage: fitted(frames_asked(flags[stage]), processor, training.model) for stage in SCRIPTS}
    about = (processor, base, train, args.input)
    counts = {sampling: clip_counts(*about, sampling) for sampling in set(samplings.values())}
    generation = samplings["generate"]
    visual, patches, connected, frames = mean_clip(counts[generation], train, generation)
    prompts = dict(generate=(train, "direct"), rationalize=(train, "rationalized"), evaluate=(test, "direct"))
    lengths = {stage: prompt_lengths(processor, *prompt) for stage, prompt in prompts.items()}
    check_context(args, flags, lengths, {stage: counts[sampling] for stage, sampling in samplings.items()})
    print(
        f"{count[0]:,} questions on {videos[0]:,} videos, {count[1]:,} held-out ones on {videos[1]:,}"
        + (f"; {sum(missing):,} videos are MISSING" if sum(missing) else "")
    )
    return SimpleNamespace(
        flags=flags,
        count=count,
        clips=clips,
        read=read,
        base=base,
        model=None if is_served(args.model) else sizes_of(args.model)[0],
        visual=visual,
        connected=connected,
        frames=frames,
        clip=tower_flops(base, patches, connected, frames),
        patches=patches,
        checkpoint=base.total * stored,
        line=os.path.getsize(args.input) / len(train),
        trial={},
        answer=asking.max_new_tokens,
        text={stage: sum(each) / len(each) for stage, each in lengths.items()},
        mixed=sum(rows_in(path) for path in [*training.mix, *own_captions(training.self_train)]),
    )


def own_captions(word):
    """[the file of --self-train FILE[,SHARE]], or []."""
    return [re.sub(r",[\d.]+$", "", word)] if word else []


def rows_in(path):
    """Rows that 05 makes of a file of --mix, where it leaves none out: of captions as many as there are."""
    rows = (row for _, row in read_jsonl(path, foreign=True) if isinstance(row, dict))
    return sum(len(row.get("captions") or [0]) if "answer" not in row else 1 for row in rows)


def check_context(args, flags, lengths, counts):
    """Warn of prompts that exceed a model's context. Raises StageError where those of a stage all do.

    `lengths`: {stage: tokens of its prompts' texts}; `counts`: {stage: clip_counts of its clips}.
    """
    origins = {"generate": "direct", "rationalize": "rationalized"}
    for stage, script in SCRIPTS.items():
        model = flags["finetune"].model if stage == "finetune" else args.model
        if is_served(model) or origins.get(stage, args.origins[0]) not in args.origins:
            continue
        texts = lengths.get(stage, lengths["generate"])  # 05 trains on the prompts of 02
        new = flags["generate" if stage == "finetune" else stage].max_new_tokens
        visual = [tokens for tokens, *_ in counts[stage]]
        lower = frames_asked(flags[stage]).lower()
        problem, all_of_them = context_problem(model, texts, visual, new, lower)
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
    busy = sum(getattr(ended, name) - getattr(began, name) for name in ("children_user", "children_system"))
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


def main():
    args = arguments(__doc__)
    flags, machine = flags_of(args), machine_of(args)
    check(args, flags["finetune"].model)
    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        if args.records:
            args.counts = stand_in(args.records, folder)
            args.input, args.test = (os.path.join(folder, name) for name in ("train.jsonl", "test.jsonl"))
        train = read_records(args.input, limit=flags["generate"].limit)
        test = read_records(args.test, limit=flags["evaluate"].limit)
        facts, place = facts_of(args, flags, train, test), machine.place() if machine else device()
        parts = {
            "language model": "language",
            "head": "head",
            "connector": "connector",
            "vision tower": "tower",
        }
        counted = ", ".join(f"{name} {human(getattr(facts.base, part))}" for name, part in parts.items())
        print(
            f"model: {human(facts.base.total)} parameters ({counted}); {facts.frames:.3g} frames are "
            f"{facts.visual:,.0f} visual tokens; on {place[0]}, one process{' a card' if machine else ''}"
            + fps_line(train, frames_asked(flags["generate"]), facts.frames)
        )
        if machine:
            elsewhere(args, facts, machine, args.shares or [0.5] * 3)
        else:
            here(args, facts, place, *run_trial(args, facts, train, test, place))


def elsewhere(args, facts, machine, shares):
    """Print the plan for a machine that is not here, of such `shares` as of `table`."""
    print(premises(machine, shares))
    rows = priced(table(facts, args, shares), facts, machine)
    sums = {column: total(rows, column) for column in [*TITLES, *ON_A_CARD]}
    show(rows, most_records(facts, args), sums)
    more, _, lines = disk_of(facts, rows, 2, float("inf"))
    place = machine.place()
    print(*answering_memory(facts, *place)[0], *memory_of(facts, *place, machine.count)[0], *lines, sep="\n")
    price = "" if sums["price"] is None else f", {sums['price']:,.0f} at {machine.price:g} an hour"
    hours = "time not known" if sums["hours"] is None else f"{sums['hours']:,.1f} GPU-hours"
    print(
        f"{cycles_text(args.cycles)}: about {duration(sums['seconds'])} on {place[0]}, {hours}{price}; "
        f"{human_bytes(sums['disk'])} of disk and {human_bytes(more)} while 05 trains"
    )


def cycles_text(count):
    return f"{count} cycle{'s' if count > 1 else ''}"


def here(args, facts, place, shares, took, had):
    """Print the plan for this machine, of what the trial found (run_trial)."""
    low, high = zip(*(wilson(*pair) for pair in shares))
    rows = table(facts, args, [part / max(whole, 1) for part, whole in shares])
    least, most = table(facts, args, low), table(facts, args, high)
    sums = {column: total(rows, column) for column in TITLES}
    show(rows, most_records(facts, args), sums)
    disk, free, spent = human_bytes(sums["disk"]), free_bytes(args.run), "time not known"
    more, states, lines = disk_of(facts, rows, place[2], free - sums["disk"])
    lines, peak = memory_of(facts, *place)[0] + lines, getattr(facts.trial.get("finetune"), "peak", None)
    if peak is not None and not "CPU" not in place[0]:  # there it would be Python's and torch's own
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
        f"{cycles_text(args.cycles)}: {spent}, {disk} of disk "
        f"and {human_bytes(more)} while 05 trains ({human_bytes(free)} free)"
        + (f"; the trial took {duration(took)}" if facts.trial else "")
    )


if __name__ == "__main__":
    run(main)
