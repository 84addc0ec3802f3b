"""Intervals and paired tests for the numbers we print: Wilson for one share, McNemar and the paired bootstrap
for the difference of two.
"""

from math import comb

import numpy as np


def wilson(correct, count, z=1.96):
    """95 % Wilson score interval of a share, as (low, high); (0, 1) of nothing."""
    if not count:
        return 0.0, 1.0
    p, z2 = correct / count, z * z
    centre, half = p + z2 / (2 * count), z * (p * (1 - p) / count + z2 / (4 * count * count)) ** 0.5
    return max(0.0, (centre - half) / (1 + z2 / count)), min(1.0, (centre + half) / (1 + z2 / count))


def share(correct, count):
    """An accuracy as it stands in eval.json: counts, share and its 95 % Wilson interval."""
    low, high = wilson(correct, count)
    return {
        "correct": correct,
        "count": count,
        "accuracy": round(correct / max(count, 1), 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def bounds(share):
    """The interval of a share() in percent, from its counts: rounded bounds must not be rounded again."""
    return tuple(100 * bound for bound in wilson(share["correct"], share["count"]))


def paired_gain(before, after, clusters, draws=10_000, seed=0):
    """(gain, low, high) of mean(after) - mean(before) over the same questions, 95 % by bootstrap over
    `clusters`.

    Questions on one video are not independent of each other, so whole videos are drawn.
    """
    difference = np.asarray(after, float) - np.asarray(before, float)
    _, member = np.unique(clusters, return_inverse=True)
    sums, sizes = np.bincount(member, difference), np.bincount(member)
    rng, means = np.random.default_rng(seed), np.empty(draws)
    for start in range(
        0, draws, 500
    ):  # a few hundred draws at once: thousands of videos times ten thousand draws would not fit in memory
        picks = rng.integers(len(sums), size=(min(500, draws - start), len(sums)))
        means[start : start + len(picks)] = sums[picks].sum(1) / sizes[picks].sum(1)
    return float(difference.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def mcnemar(before, after):
    """McNemar's exact test over the same questions, each right or wrong: {"only_before", "only_after", "p"},
    two-sided binomial on the discordant pairs.
    """
    only_before = sum(bool(b) and not a for b, a in zip(before, after, strict=True))
    only_after = sum(bool(a) and not b for b, a in zip(before, after, strict=True))
    discordant = only_before + only_after
    tail = sum(comb(discordant, k) for k in range(min(only_before, only_after) + 1))
    return {"only_before": only_before, "only_after": only_after, "p": min(1.0, 2 * tail / 2**discordant)}


def spearman(a, b):
    """Spearman's rank correlation, ties at their mean rank; None where it is not defined (fewer than two
    values, or all of one side equal).
    """
    ranks = []
    for values in (a, b):
        _, where, counts = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[where])
    if len(ranks[0]) < 2 or any(np.ptp(r) == 0 for r in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])
