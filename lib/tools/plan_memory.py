"""What make plan says of memory, and of the disk that 05 needs while it trains: arithmetic (costs.py)."""

from lib.command import frames_asked
from lib.model import cache
from lib.tools.costs import (
    feature_numbers,
    human_bytes,
    state_bytes,
    trained_parts,
    training_memory,
    weights_memory,
)


def bytes_of_number(flags, number):
    """Of the arithmetic of 05, on a device whose own choice is `number`."""
    return {"auto": number, "float32": 4}.get(flags.dtype, 2)


def disk_of(facts, rows, number, free):
    """(bytes that 05 takes of the disk while it trains, those of them that it cannot do without, lines about
    them): states and features, where `free` bytes are left beside all that the run writes.
    """
    flags, cost = facts.flags["finetune"], facts.trial.get("finetune")
    row = next(row for name, _, row in rows if name == "finetune")
    states = row["states"] * state_bytes(facts.base, flags)
    numbers = feature_numbers(facts.base, facts.connected)
    clip = cost.size if cost and cost.size else numbers * bytes_of_number(flags, number)
    features, room = row["clips"] * clip, cache.room(free, states)
    lines = [
        f"disk of 05 while it trains: {row['states']} state{'s' * (row['states'] != 1)}, "
        f"{human_bytes(states)}; features of {row['clips']:,.0f} clips, {human_bytes(features)} "
        f"({human_bytes(clip)} each)"
    ]
    if features > room:
        lines.append(
            f"WARNING: {human_bytes(room)} are left for these features (half of what is free beside all "
            f"else): 05 keeps those of {room / features:.0%} of the clips, and encodes the others each time"
        )
    return states + min(features, room), states, lines


def memory_of(facts, name, held, number, cards=1):
    """(lines on the memory of 05 by arithmetic, whether one row fits) on a device that holds `held` bytes, of
    which there are so many `cards`.
    """
    flags = facts.flags["finetune"]
    number = bytes_of_number(flags, number)
    tokens = facts.visual + facts.text["generate"] + facts.answer
    about = (facts.base, tokens, facts.answer, flags, number)
    weights, optimiser, row = training_memory(*about, patches=facts.patches)
    whole = trained_parts(flags)[2]
    batch, least = weights + optimiser + row * flags.batch_size, weights + optimiser + row
    method = (
        f"{flags.train or 'full'}{'' if flags.full else ' whole'}" if whole else f"LoRA {flags.lora_rank}"
    )
    method += " on 4 bit" if flags.load_in_4bit else ""
    lines = [
        f"memory of 05 ({method}): weights {human_bytes(weights)}, "
        f"gradients and Adam {human_bytes(optimiser)}, activations {human_bytes(row)} a row: "
        f"{human_bytes(batch)} with {flags.batch_size} rows, {human_bytes(least)} with one; "
        f"{'each of ' if cards > 1 else ''}{name} has {human_bytes(held)}"
    ]
    fits = least <= held or bool(flags.device_map)
    if not fits:
        other = "LoRA instead of whole weights (--lora-rank)" if whole else "--load-in-4bit"
        other = "LoRA instead of --full" if flags.full else other
        lines.append(
            f"WARNING: 05 does not fit here even with one row at a time; {other}, --checkpointing or lower "
            f"{frames_asked(flags).lower()} need less"
        )
        shared = (weights + optimiser) / cards + row
        if cards > 1 and not flags.load_in_4bit:
            lines.append(
                f"with FSDP (lib/training), all but activations shared out over {cards} cards: "
                f"{human_bytes(shared)} with one row, {'which fits' if shared <= held else 'still too much'}"
            )
    elif batch > held and not flags.device_map:
        lines.append(
            "note: 05 will halve its batch, and take longer; a smaller --batch-size with more --accumulate "
            "trains the same"
        )
    return lines, fits


def answering_memory(facts, name, held, number):
    """(lines on the memory of 02 and 03, whether one answer fits) on a device as memory_of's."""
    if facts.model is None:
        return [], True
    size, flags = facts.model, facts.flags["generate"]
    weights = weights_memory(size, number, flags.load_in_4bit)
    tokens = facts.visual + facts.text["rationalize"] + facts.answer
    answer = number * size.cached * tokens
    batch, least = weights + answer * flags.batch_size, weights + answer
    lines = [
        f"memory of 02 and 03: weights {human_bytes(weights)}, keys and values {human_bytes(answer)} an "
        f"answer: {human_bytes(batch)} with {flags.batch_size} at once; each of {name} has "
        f"{human_bytes(held)}"
    ]
    fits = least <= held or bool(flags.device_map)
    if not fits:
        lines.append("WARNING: 02 does not fit here; --load-in-4bit or --device-map auto need less")
    elif batch > held and not flags.device_map:
        lines.append(
            "note: 02 will halve its batch, and take longer; a smaller --batch-size answers the same"
        )
    return lines, fits
