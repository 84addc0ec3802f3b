"""The rows of make plan: what a stage costs, by arithmetic (lib/tools/costs.py) and by its trial."""

import math

from lib.tools.costs import (
    duration,
    human,
    human_bytes,
    language_flops,
    trained_parts,
    training_flops,
    trains_encoder,
)

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
ON_A_CARD = {"hours": "GPU-hours", "price": "cost"}  # columns of a machine that is not here


def asking(facts, name, records, share=1.0):
    """A row of the table: `records` questions put to the model, with `share` of their videos."""
    flags, size, cost = facts.flags[name], facts.model, facts.trial.get(name)
    held_out = name == "evaluate"
    answers = records * getattr(flags, "samples", 1)
    new = cost.new if cost and cost.new else flags.max_new_tokens
    row = dict(
        records=records,
        answers=answers,
        new=answers * new,
        read=facts.read and facts.read[held_out] * share,
        seconds=cost and cost.fixed + cost.each * answers,
        disk=answers * (cost.size if cost else facts.line + 4 * new),
    )
    if not size:
        return row
    # what is asked about one clip shares its encoding and the reading of its tokens
    text, clips, visual = facts.text[name], facts.clips[held_out] * share, facts.visual
    reading = clips * language_flops(size, visual, visual / 2)
    of_a_question = language_flops(size, text, visual + text / 2) + 2 * size.head
    of_an_answer = language_flops(size, new, visual + text + new / 2) + 2 * size.head * new
    row |= dict(visual=clips * visual, text=records * text, writing=answers * of_an_answer, stage=name)
    row["flops"] = clips * facts.clip + reading + records * of_a_question + row["writing"]
    if flags.conclude_unaided:  # clip, question and explanation are read again for the last line
        row["flops"] += reading + answers * language_flops(size, text + new, visual + (text + new) / 2)
    return row


def tuning(facts, count):
    """The row of 05 for `count` answers: `answers` counts rows as often as they are trained on."""
    flags, cost = facts.flags["finetune"], facts.trial.get("finetune")
    of_an_answer = 2 if flags.pairs == "both" else 1
    answer = facts.answer / of_an_answer  # of a pair one is a few words
    rows = count * of_an_answer + facts.mixed
    batch = flags.batch_size * flags.accumulate
    passed, steps = 0, 0
    if rows > 0:  # the last step of an epoch has the rows that are left over
        each = math.ceil(rows / batch)
        steps = flags.steps or each * flags.epochs
        passed = steps // each * rows + steps % each * batch
    again = trains_encoder(flags)
    encoded = 0 if again else min(facts.clips[0], passed)  # LoRA leaves the tower as it is: once
    text = facts.text["generate"]
    tokens, clip = facts.visual + text + answer, facts.clip if again else 0
    return dict(
        records=rows,
        answers=passed,
        visual=passed * facts.visual,
        text=passed * text,
        new=passed * answer,
        flops=facts.clip * encoded + passed * training_flops(facts.base, clip, tokens, answer, flags),
        read=facts.read and facts.read[0] * min(passed, 1),
        seconds=cost and cost.fixed + cost.each * passed + cost.clip * encoded,
        disk=facts.checkpoint,
        # kept on the disk while it trains
        states=min(2, (steps - 1) // flags.save_every + (not trained_parts(flags)[2])) if steps else 0,
        clips=encoded if passed > encoded and not flags.feature_cache else 0,
    )


def table(facts, args, shares):
    """[(stage, times in the run, row)] if such `shares` are rejected, and kept of both kinds of answers."""
    direct, rationalized = (origin in args.origins for origin in ("direct", "rationalized"))
    rejected = shares[0] if direct else 1
    generate = asking(facts, "generate", facts.count[0])
    rationalize = asking(facts, "rationalize", facts.count[0] * rejected, rejected)
    evaluate = asking(facts, "evaluate", facts.count[1])
    sources = [("generate", generate, shares[1])] if direct else []
    sources += [("rationalize", rationalize, shares[2])] if rationalized else []
    answers, cost = sum(row["answers"] for _, row, _ in sources), facts.trial.get("verify")
    verify = dict(
        records=facts.count[0],
        answers=answers,
        seconds=cost and cost.fixed + cost.each * answers,
        disk=answers * cost.size if cost else sum(row["disk"] for _, row, _ in sources) * 1.3,
    )
    finetune = tuning(facts, sum(row["answers"] * share for _, row, share in sources))
    each_cycle = [*((name, row) for name, row, _ in sources), ("verify", verify), ("finetune", finetune)]
    return [
        ("evaluate the base", 1, evaluate),
        *((f"02 on {view} clips", 1, generate) for view in args.views),
        *((name, args.cycles, row) for name, row in [*each_cycle, ("evaluate", evaluate)]),
    ]


def most_records(facts, args):
    """{stage: records at most}: a question is rejected, and rationalized, or its direct answers are kept."""
    most = {}
    for shares in ((1, 0, 1), (0, 1, 0)):
        for name, _, row in table(facts, args, shares):
            most[name] = max(most.get(name, 0), row["records"])
    return most


def total(rows, column):
    """Of a column over the run; None where that of a stage is not known."""
    values = [(times, row.get(column, 0)) for _, times, row in rows]
    return None if any(value is None for _, value in values) else sum(t * value for t, value in values)


def cell(column, value):
    """A figure as it is shown in a column."""
    if column == "seconds":
        return duration(value)
    if column in ("read", "disk"):
        return "-" if value is None else human_bytes(value)
    if column in ON_A_CARD:
        return "-" if value is None else f"{value:,.{1 if value < 9.95 else 0}f}"
    return human(value, "FLOP" if column == "flops" else "")


def show(rows, most, sums):
    """Print what a stage costs each time it runs, and the sums over the run.

    `most`: {stage: records at most}.
    """
    titles = {**TITLES, **{key: title for key, title in ON_A_CARD.items() if key in sums}}
    lines = [("stage", *titles.values())]
    for name, times, row in rows:
        cells = [cell(column, row.get(column)) for column in titles]
        if most[name] > row["records"]:
            cells[0] = f"~{cells[0]} (at most {human(most[name])})"
        lines.append((f"{name} x {times}" if times > 1 else name, *cells))
    lines.append(("in all", "", "", *(cell(column, sums[column]) for column in list(titles)[2:])))
    widths = [max(map(len, column)) for column in zip(*lines)]
    for first, *cells in lines:
        print(first.ljust(widths[0]), *(c.rjust(width) for c, width in zip(cells, widths[1:])), sep="  ")
