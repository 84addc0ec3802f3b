"""Cards by their data sheets: for plans of machines that are not here, and shares of a peak in make bench."""

import re
from typing import NamedTuple

from lib.records import StageError


class Card(NamedTuple):
    """A GPU: dense FLOP/s in bfloat16 (float16 where it has none), bytes of memory a second, bytes."""

    name: str
    flops: float
    bandwidth: float
    memory: float


# of the names that a card is sold under, NVIDIA's SXM form where there is one
CARDS = {
    name: Card(name, flops * 1e12, bandwidth * 1e9, memory * 1e9)
    for name, flops, bandwidth, memory in (
        ("b200", 2250, 8000, 180),
        ("h200", 989, 4800, 141),
        ("h100", 989, 3350, 80),
        ("mi300x", 1307, 5300, 192),
        ("a100", 312, 2040, 80),
        ("l40s", 362, 864, 48),
        ("l4", 121, 300, 24),
        ("a10", 125, 600, 24),
        ("a6000", 155, 768, 48),
        ("5090", 209, 1792, 32),
        ("4090", 165, 1008, 24),
        ("3090", 71, 936, 24),
        ("v100", 125, 900, 32),
        ("titan-rtx", 130, 672, 24),
        ("t4", 65, 320, 16),
    )
}


def card_of(text):
    """The Card that a user names: of CARDS ("H100", "RTX 4090"), or TFLOP/s,GB/s,GB of another one.

    Raises StageError (exit code 2) for one that is neither.
    """
    name = re.sub(r"[\s_]+", "-", text.strip().lower())
    for known in (name, name.removeprefix("rtx-")):
        if known in CARDS:
            return CARDS[known]
    try:
        figures = [float(figure) for figure in name.split(",")]
        if len(figures) == 3 and all(0 < figure < float("inf") for figure in figures):
            tera, *giga = figures
            return Card(f"a card of {text}", tera * 1e12, *(figure * 1e9 for figure in giga))
    except ValueError:
        pass
    raise StageError(
        f"--device {text}: no such card is known; expected one of {', '.join(CARDS)}, or its "
        "TFLOP/s, GB/s and GB, e.g. 312,2040,80",
        code=2,
    )


def card_called(name):
    """The Card whose name stands in what torch calls a GPU ("NVIDIA H100 80GB HBM3"), or None."""
    called = re.sub(r"\s+", "-", name.lower())
    return next((card for part, card in CARDS.items() if re.search(rf"(^|-){part}(-|$)", called)), None)
