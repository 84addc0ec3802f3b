"""Times and prices of a run on cards that are not here, by roofline: arithmetic, not measured.

Reading (clips, prompts, training rows) takes its FLOPs at a share of the card's peak. Writing answers takes
their FLOPs, or the bytes they move at the same share of the card's bandwidth, whichever takes longer: a step
of a batch reads the language model's weights once, and the keys and values of every answer so far. All cards
work side by side, one process each. Not counted: decoding of videos, loading, waiting for one another, 04.
"""

from typing import NamedTuple

from lib.tools.cards import Card, card_of
from lib.tools.costs import weights_read

EFFICIENCY = 0.4  # of peak FLOP/s and of bandwidth that a program reaches, unless --efficiency says so


class Machine(NamedTuple):
    """`count` cards at `price` an hour each (None: not known), of which `efficiency` is reached."""

    card: Card
    count: int
    price: float | None
    efficiency: float

    def place(self):
        """What plan calls a place: (name, bytes of memory of a card, bytes of a number computed in)."""
        return f"{self.count} x {self.card.name}", self.card.memory, 2


def machine_of(args):
    """The Machine that --device and its companions name, or None. Raises StageError for an unknown card."""
    if not args.device:
        return None
    return Machine(card_of(args.device), args.gpus or 1, args.price, args.efficiency or EFFICIENCY)


def seconds_of(row, facts, machine):
    """Seconds of a row of the table; None where its FLOPs are not known, those of a served model."""
    card, share = machine.card, machine.efficiency * machine.count
    if "flops" not in row:
        return None
    if "writing" not in row:
        return row["flops"] / (card.flops * share)
    size, flags, new = facts.model, facts.flags[row["stage"]], row["new"]
    seen = facts.visual + facts.text[row["stage"]] + new / max(row["answers"], 1) / 2
    weights = weights_read(size, 2, flags.load_in_4bit, flags.batch_size)
    moved = new / flags.batch_size * weights + new * seen * 2 * size.cached
    writing = max(row["writing"] / card.flops, moved / card.bandwidth)
    return ((row["flops"] - row["writing"]) / card.flops + writing) / share


def priced(rows, facts, machine):
    """The rows with seconds, GPU-hours and price on the machine; 04, which needs no card, takes none."""
    for name, _, row in rows:
        row["seconds"] = 0 if name == "verify" else seconds_of(row, facts, machine)
        row["hours"] = None if row["seconds"] is None else row["seconds"] * machine.count / 3600
        row["price"] = None if None in (row["hours"], machine.price) else row["hours"] * machine.price
    return rows


def premises(machine, shares):
    """What the figures rest on, for people."""
    card, (rejected, direct, rationalized) = machine.card, (f"{share:.0%}" for share in shares)
    return (
        f"arithmetic, nothing is measured: each {card.name} at {machine.efficiency:.0%} (--efficiency) of "
        f"{card.flops / 1e12:,.0f} TFLOP/s and {card.bandwidth / 1e9:,.0f} GB/s, one process a card;\n"
        f"{rejected} of the questions taken to be rejected, {direct} of the direct and {rationalized} of the "
        "rationalized answers kept (--shares), --max-new-tokens written by each;\n"
        "not counted: decoding of videos, loading, 01 and 04, which need no card"
    )
