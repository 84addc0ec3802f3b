"""Intervals for the numbers we print: Wilson for one share, paired bootstrap for the difference of two."""
import numpy as np


def wilson(correct, count, z=1.96):
    """95 % Wilson score interval of a share, as (low, high); (0, 1) of nothing."""
    if not count:
        return 0.0, 1.0
    p, z2 = correct / count, z * z
    centre, half = p + z2 / (2 * count), z * (p * (1 - p) / count + z2 / (4 * count * count)) ** 0.5
    return max(0.0, (centre - half) / (1 + z2 / count)), min(1.0, (centre + half) / (1 + z2 / count))


def paired_gain(before, after, clusters, draws=10_000, seed=0):
    """(gain, low, high) of mean(after) - mean(before) over the same questions, 95 % by bootstrap over `clusters`.

    Questions on one video are not independent of each other, so whole videos are drawn.
    """
    difference = np.asarray(after, float) - np.asarray(before, float)
    _, member = np.unique(clusters, return_inverse=True)
    sums, sizes = np.bincount(member, difference), np.bincount(member)
    picks = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))
    means = sums[picks].sum(1) / sizes[picks].sum(1)
    return float(difference.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
