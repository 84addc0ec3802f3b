"""Retrieval of videos by text and of texts by video: R@1, R@5, R@10 and the median rank, of similarities or
ranks that a dual encoder gave.

A query's rank is 1, and one for every wrong candidate with a higher similarity, and half for every wrong one
with the same: equal similarities neither help nor harm, and in half precision they are common. Where several
candidates are right (a video has many captions) the best one counts.
"""

import os
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from lib.benchmarks.tables import counted
from lib.captions import read_captions
from lib.confidence import bounds, mcnemar, paired_gain
from lib.files import write_atomically
from lib.labels import is_number
from lib.records import StageError, line_of, read_jsonl

NOTE = "rank = 1 + wrong candidates with a higher similarity + half of those with the same; no dual softmax"
DEPTHS = 1, 5, 10
DIRECTIONS = "text to video", "video to text"
# of each set: what is a query, and how many there are where all videos are at hand
SETS = {
    "msrvtt-1ka": ("one", "the one caption of each of 1,000 videos (MSRVTT_JSFUSION_test.csv)"),
    "vatex": ("all", "all English captions of the 1,500 videos of HGR's half of the validation set"),
    "msvd": ("all", "every caption of the 670 test videos"),
    "activitynet-paragraph": ("paragraph", "all sentences of a video of val_1 as one query, the whole video"),
    "own": ("all", "every caption of a clip; clips described in the same words are right for each other"),
}
TASKS = tuple(SETS)


class Gallery(NamedTuple):
    """Queries and candidates of a set."""

    videos: list  # ids of the clips, in the order of the file
    clips: list  # of each {"video", "start", "end"}, as the file names it
    texts: list  # the queries in words
    video_of: np.ndarray  # of every text the number of its video
    wordings: int = 1  # texts that together are one query
    same_words: bool = False  # a video that another one's caption describes word for word is right for it too

    def right(self):
        """(texts, videos): whether a video is right for a text."""
        right = self.video_of[:, None] == np.arange(len(self.videos))
        if self.same_words:
            words = [" ".join(text.lower().split()) for text in self.texts]
            _, number = np.unique(words, return_inverse=True)
            matches = np.zeros((number.max() + 1, len(self.videos)), bool)
            matches[number, self.video_of] = True
            right = matches[number]
        return right


def load(path, task):
    """The Gallery of a captions file; `task`: one of SETS. Raises StageError where the set asks otherwise."""
    clips, how = read_captions(path), SETS[task][0]
    if how == "paragraph":
        sentences = {}
        for clip in sorted(clips, key=lambda clip: clip.start or 0):
            sentences.setdefault(clip.video, []).extend(clip.captions)
        videos = list(dict.fromkeys(clip.video for clip in clips))
        texts = [" ".join(sentences[video]) for video in videos]
        whole = [{"video": video, "start": None, "end": None} for video in videos]
        return Gallery(videos, whole, texts, np.arange(len(videos)))
    several = next((clip for clip in clips if len(clip.captions) > 1), None)
    if how == "one" and several:
        raise StageError(
            f"{several.where}: {len(several.captions)} captions of {several.id!r}, expected one a video, "
            "as MSRVTT_JSFUSION_test.csv has them; for all captions: --task own"
        )
    texts = [caption for clip in clips for caption in clip.captions]
    numbers = [n for n, clip in enumerate(clips) for _ in clip.captions]
    places = [clip.place for clip in clips]
    return Gallery([clip.id for clip in clips], places, texts, np.array(numbers), same_words=task == "own")


# ---------------------------------------------------------------- ranks


def ranks_of(similarities, right):
    """(rank of every row, how many wrong candidates tied with its best right one), as arrays.

    `similarities` (rows, candidates), the higher the nearer; `right` the same, whether a candidate is right.
    """
    best = np.where(right, similarities, -np.inf).max(1, keepdims=True)
    higher = (~right & (similarities > best)).sum(1)
    tied = (~right & (similarities == best)).sum(1)
    return 1 + higher + tied / 2, tied


def both_directions(similarities, gallery):
    """{direction: (ranks, ties)} of similarities (texts, videos)."""
    right = gallery.right()
    return dict(zip(DIRECTIONS, (ranks_of(similarities, right), ranks_of(similarities.T, right.T))))


def table_of(ranks, ties):
    """The table of one direction: recall with its 95 % Wilson interval, median and mean rank, ties."""
    recall = {f"R@{depth}": counted(int((ranks <= depth).sum()), len(ranks)) for depth in DEPTHS}
    median, mean = float(np.median(ranks)), round(float(np.mean(ranks)), 2)
    return {**recall, "median_rank": median, "mean_rank": mean, "queries_with_ties": int((ties > 0).sum())}


def gain(before, after, clusters):
    """The paired difference of R@1 in points, with its 95 % bootstrap interval over videos, and McNemar's
    test.
    """
    hits = [(np.asarray(ranks) <= 1).astype(int) for ranks in (before, after)]
    points = [round(100 * value, 2) for value in paired_gain(*hits, clusters)]
    return dict(zip(("gain", "low", "high"), points)) | {"p": mcnemar(*hits)["p"]}


# ---------------------------------------------------------------- files


def arrays_of(path):
    """The array of a .npy file, or {name: array} of an .npz. Raises StageError for any other file."""
    if not os.path.isfile(path):
        raise StageError(f"{path}: {'a folder, expected a file' if os.path.isdir(path) else 'no such file'}")
    try:
        found = np.load(path, allow_pickle=False)
        return found if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error):
        raise StageError(
            f"{path}: no array of numbers in NumPy's format, expected similarities as numpy.save (.npy) or "
            "numpy.savez (.npz) writes them, or a ranks.jsonl"
        ) from None


def read_values(path, videos, count, what):
    """Similarities (`count` of `what`, videos) of a .npy file in the order of the questions, or of an .npz
    with `similarities` and, where their order is another, `videos` (ids). Raises StageError.
    """
    found = arrays_of(path)
    named = found if isinstance(found, dict) else {}
    values = found if isinstance(found, np.ndarray) else named.get("similarities")
    if values is None or values.shape != (count, len(videos)):
        it = f"an array of shape {values.shape}" if values is not None else f"arrays {sorted(named)}"
        raise StageError(
            f"{path}: found {it}, expected similarities of {count} {what} and {len(videos)} videos"
        )
    if values.dtype.kind not in "fiu":
        raise StageError(f"{path}: an array of {values.dtype}, expected similarities as real numbers")
    if not np.isfinite(values).all():
        raise StageError(f"{path}: similarities that are no numbers (NaN or infinite)")
    if "videos" in named:
        place = {str(id): n for n, id in enumerate(np.ravel(named["videos"]))}
        if sorted(place) != sorted(videos):
            raise StageError(f"{path}: its videos are not those of the questions")
        values = values[:, [place[id] for id in videos]]
    return values


def rows_of(ranks, ties, gallery):
    """The lines of ranks.jsonl: a query each, whose rank can be scored again without similarities."""
    for direction in DIRECTIONS:
        ids = [f"{gallery.videos[v]}#{n}" for n, v in enumerate(gallery.video_of)]
        names = ids if direction == DIRECTIONS[0] else gallery.videos
        for name, rank, tied in zip(names, ranks[direction], ties[direction], strict=True):
            yield {"id": name, "direction": direction, "rank": float(rank), "ties": int(tied)}


def read_ranks(path, gallery):
    """{direction: (ranks, ties)} of a ranks.jsonl. Raises StageError for one of other queries."""
    expected = [(row["direction"], row["id"]) for row in rows_of(*empty(gallery), gallery)]
    found = {}
    for number, row in read_jsonl(path):
        said = row if isinstance(row, dict) else {}
        key = str(said.get("direction")), str(said.get("id"))
        values = said.get("rank"), said.get("ties", 0)
        if key in found or not (all(map(is_number, values)) and values[0] >= 1):
            raise StageError(f"{path}:{number}: {row!r:.120}, expected a rank of at least 1, each query once")
        found[key] = values
    missing = next((key for key in expected if key not in found), None)
    if missing or len(found) > len(expected):
        raise StageError(
            f"{path}: not the ranks of these captions: {missing or 'queries that they have not'}"
        )
    values = {d: np.array([found[key] for key in expected if key[0] == d]) for d in DIRECTIONS}
    return {d: (array[:, 0], array[:, 1]) for d, array in values.items()}


def empty(gallery):
    """Ranks and ties of nothing, in the form of rows_of()."""
    sizes = dict(zip(DIRECTIONS, (len(gallery.texts), len(gallery.videos))))
    return ({d: np.ones(n) for d, n in sizes.items()}, {d: np.zeros(n) for d, n in sizes.items()})


def read_result(path, gallery):
    """{direction: (ranks, ties)} of similarities (.npy, .npz) or of ranks kept (.jsonl)."""
    if str(path).endswith(".jsonl"):
        return read_ranks(path, gallery)
    values = read_values(path, gallery.videos, len(gallery.texts), "texts")
    return both_directions(values, gallery)


# ---------------------------------------------------------------- all


def evaluate(args, path):
    """eval.json's tables for the similarities or ranks of `path`; ranks.jsonl is kept beside the output."""
    gallery = load(args.questions, args.task)
    found = read_result(path, gallery)
    result = {direction: table_of(*found[direction]) for direction in DIRECTIONS}
    counts = {"texts": len(gallery.texts), "videos": len(gallery.videos), "set": SETS[args.task][1]}
    if args.against:
        other = read_result(args.against, gallery)
        clusters = dict(zip(DIRECTIONS, (gallery.video_of, np.arange(len(gallery.videos)))))
        tests = {d: gain(other[d][0], found[d][0], clusters[d]) for d in DIRECTIONS}
        result["against"] = {"predictions": args.against, **tests}
    parts = ({d: found[d][n] for d in DIRECTIONS} for n in (0, 1))
    keep_ranks(args, path, rows_of(*parts, gallery))
    show(result, counts)
    return {"counts": counts, **result}


def keep_ranks(args, path, rows):
    """Write ranks.jsonl beside the output, unless they were read there. Raises StageError (exit code 2) where
    it would replace the ranks of another evaluation in that folder.
    """
    ranks_path = os.path.join(os.path.dirname(args.output), "ranks.jsonl")
    text = b"".join(map(line_of, rows)).decode()
    there = os.path.exists(ranks_path)
    if there and os.path.samefile(ranks_path, path):
        return
    if there and not (args.overwrite or os.path.exists(args.output)):
        with open(ranks_path, encoding="utf-8", newline="") as file:
            if file.read() != text:
                raise StageError(
                    f"{ranks_path}: exists already, of another evaluation in this folder; write elsewhere "
                    "with -o, or replace it with --overwrite",
                    code=2,
                )
    write_atomically(ranks_path, text)


def show(result, counts):
    """Print both directions, and the paired test."""
    print(f"{counts['texts']} texts, {counts['videos']} videos: {counts['set']}")
    for direction in DIRECTIONS:
        table = result[direction]
        cells = [f"R@{d} {table[f'R@{d}']['percent']:.2f} {interval(table[f'R@{d}'])}" for d in DEPTHS]
        ties = f"{table['queries_with_ties']} queries with ties"
        print(f"{direction}: {', '.join(cells)}, median rank {table['median_rank']:g}; {ties}")
        if "against" in result:
            test = result["against"][direction]
            bounds = f"[{test['low']:+.2f}, {test['high']:+.2f}]"
            print(f"  R@1 against {result['against']['predictions']}: {test['gain']:+.2f} {bounds}")


def interval(row):
    low, high = bounds(row)
    return f"[{low:.1f}, {high:.1f}]"
