"""Which side of the split a video falls on: never on both, whatever names it has (groups.py)."""

import hashlib
import os
from typing import NamedTuple

from lib.datasets.common import several
from lib.datasets.groups import groups_of, link_of

SHOWN = 20  # pairs of videos that stand on two sides are named one by one, these many


class Split(NamedTuple):
    """How videos without a split of their own are shared out."""

    root: str  # the folder that videos are named from
    seed: int
    test_share: float
    dev_share: float  # of those to train on


def grouped(videos, root, memory, workers):
    """{video: the one that stands for its group} of those that are not alone, said in a line; arguments as of
    groups_of().
    """
    groups, names, copies = groups_of(videos, root, memory, workers)
    count = len({video for video, *_ in videos})
    sources = count - len(groups) + len(set(groups.values()))
    line = f"split by source video: {several(count, 'video')} of {several(sources, 'source')}"
    line += f", {names} under a second name" if names else ""
    line += f", {copies} a copy of another" if copies else ""
    if videos:
        print(line, flush=True)
    return groups


def splits_of(videos, groups):
    """{group: its split} of those groups of which some records name a split and others do not."""
    without = {groups.get(video, video) for video, _, split in videos if not split}
    named = ((groups.get(video, video), split) for video, _, split in videos if split)
    # of a group on both sides the rest is not trained on: test comes last
    return dict(sorted((pair for pair in named if pair[0] in without), reverse=True))


def side_of(record, split, group, splits):
    """train, test or dev: as the record or another of its group says, else by a hash of the video that stands
    for the group, so that all questions on it fall on one side; dev is taken from train. `splits`: as
    splits_of() has it, None where no record's split is to be used.
    """
    inside = os.path.relpath(group, split.root)
    digest = hashlib.sha256(f"{split.seed} {inside}".encode("utf-8", "surrogatepass")).digest()
    test_draw, dev_draw = (int.from_bytes(digest[n : n + 8], "big") / 2**64 for n in (0, 8))
    side = None if splits is None else record.get("split") or splits.get(group)
    if not side:
        side = "test" if test_draw < split.test_share else "train"
    return "dev" if side == "train" and dev_draw < split.dev_share else side


def parted(both, videos, memory, workers):
    """Yields in words the groups {group: two of its videos} that stand on two sides, the first SHOWN."""
    for one, other in sorted(both.values())[:SHOWN]:
        why = "" if one == other else f" and {other} ({link_of(one, other, videos, memory, workers)})"
        yield f"{one}{why}"
