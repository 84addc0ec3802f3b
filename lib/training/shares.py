"""Rows of several kinds in every step by their shares (`--shares`, `--self-train`)."""

import math
import zlib
from collections import Counter

import numpy as np

from lib.records import StageError
from lib.training.rows import plan_steps

SELF, OTHERS = "self", None  # the kind of --self-train; all other kinds as one


def shares_of(kinds, shares=None, self_share=None):
    """{kind: its share of a step, which sum to 1} by the weights `shares`, {kind: weight} or None, and the
    share of the kind `self`, if it is there; None where every epoch shall take every row once.

    Without weights all but `self` are one kind, OTHERS. Raises StageError where weights and kinds differ.
    """
    counts = Counter(kinds)
    own = {SELF: self_share} if SELF in counts and self_share and len(counts) > 1 else {}
    if not shares:
        return {**own, OTHERS: 1 - self_share} if own else None
    if shares.keys() != counts.keys() - own.keys():
        there = ", ".join(f"{kind} {number:,}" for kind, number in sorted(counts.items())) or "none"
        beside = "; of self --self-train FILE,SHARE says it" if own else ""
        raise StageError(
            f"--shares has weights for {', '.join(sorted(shares))}, but the kinds of rows are: {there}; "
            f"expected a weight for each of them and for no other{beside}"
        )
    rest = (1 - sum(own.values())) / sum(shares.values())
    return {**own, **{kind: weight * rest for kind, weight in shares.items()}}


def in_turn(weights):
    """Yields kinds without end: after each, every kind has come less than once more or less often than its
    weight (they sum to 1) says. Tijdeman, The chairman assignment problem, 1980.
    """
    if len(weights) == 1:
        yield from iter(lambda: next(iter(weights)), 0)
    given, least, number = dict.fromkeys(weights, 0), 1 / (2 * len(weights) - 2), 0
    while True:
        number += 1
        due = {kind: weight * number - given[kind] for kind, weight in weights.items()}
        ready = [kind for kind in weights if due[kind] >= least - 1e-9]
        # whose turn would be late first
        kind = min(ready, key=lambda kind: round((1 - least - due[kind]) / weights[kind], 9))
        given[kind] += 1
        yield kind


def kinds_in_turn(weights):
    """in_turn() where `self` is held to its share before the others are to theirs: then a step of n rows has
    at least one of it, if its share of n is one.
    """
    rest = {kind: weight for kind, weight in weights.items() if kind != SELF}
    if len(rest) in (0, len(weights)):
        yield from in_turn(weights)
    whole = sum(rest.values())
    others = in_turn({kind: weight / whole for kind, weight in rest.items()})
    for kind in in_turn({SELF: weights[SELF], OTHERS: whole}):
        yield kind if kind == SELF else next(others)


def endless(rows, seed, kind):
    """Yields the numbers of a kind's rows without end: permutation after permutation."""
    passes = 0
    while True:
        rng = np.random.default_rng([seed, zlib.crc32(str(kind).encode()), passes])
        yield from rng.permutation(rows).tolist()
        passes += 1


def steps_of(data, lengths, size, args):
    """Row numbers of every step of `size` rows: as plan_steps(), or by the shares of `data`, then for as many
    steps. Raises StageError where not every step can have a row of `self`.
    """
    if not data.weights:
        return plan_steps(lengths, size, args.epochs, args.seed, args.steps)
    if data.weights.get(SELF, 1) * size < 1:
        raise StageError(
            f"--self-train: the share {data.weights[SELF]:g} of steps of {size} rows is less than a row: "
            "a larger --batch-size or --accumulate, or a larger share"
        )
    pools = {kind: [] for kind in data.weights}
    for number, row in enumerate(data.rows):
        pools[row.kind if row.kind in pools else OTHERS].append(number)
    drawn = {kind: endless(rows, args.seed, kind) for kind, rows in pools.items()}
    kinds = kinds_in_turn(data.weights)
    count = args.steps or args.epochs * math.ceil(len(data.rows) / size)
    taken = [[next(drawn[next(kinds)]) for _ in range(size)] for _ in range(count)]
    # rows of like length stand together, so that little is padded
    return [sorted(step, key=lengths.__getitem__) for step in taken]


def shares_lines(batches):
    """What the shares of a Batches come to, a line a kind."""
    rows, taken, lines = batches.rows, Counter(), []
    for step in batches.steps:
        taken.update(rows[number].kind for number in step)
    for kind, count in sorted(Counter(row.kind for row in rows).items()):
        share, times = taken[kind] / max(sum(taken.values()), 1), taken[kind] / count
        lines.append(f"  {kind}: {count:,} rows, {share:.1%} of the steps, each {times:.2f} times")
    return lines
