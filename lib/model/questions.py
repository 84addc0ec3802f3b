"""Many questions, held as places in the file they come from: some 40 bytes each, however long their records
are.
"""

import json
import os
from array import array

import numpy as np

from lib.records import key_of


class Clips:
    """Shares clips out among `share` (number, of how many) in the order in which they first appear, so that
    all questions on a clip fall to one process, and every process gets as many clips.
    """

    def __init__(self, share):
        self.share, self.numbers = share, {}

    def has(self, record):
        """Whether the record's clip is of this share."""
        number, count = self.share
        if count == 1:
            return True
        return self.numbers.setdefault(clip_hash(record), len(self.numbers)) % count == number


def clip_hash(record):
    """What tells the clip of a record from the others of its file."""
    return hash((record["video"], record.get("start"), record.get("end")))


def asked_length(record):
    """Length of what a record asks, in characters: by it batches are made, all else in their prompts is
    alike.
    """
    options = (label["options"] for label in record["labels"] if label["kind"] == "choice")
    return len(record["question"]) + sum(len(option) for each in options for option in each)


FRAME = 400  # characters that weigh as much as a frame: some hundred tokens


def shown_length(record, sampling):
    """What a record's clip adds to that where clips have different numbers of frames, in characters."""
    if sampling is None or sampling.fps is None:
        return 0
    return FRAME * sampling.count(record.get("duration") or 0)


class Questions:
    """A sequence of questions on records of the JSONL file `path`, `samples` of each: made by
    ask(record, sample) whenever one is needed, to the `origin` of answers. `sampling`: which frames of their
    clips will be shown (frames.py).
    """

    def __init__(self, path, ask, origin, samples=1, sampling=None):
        self.file, self.ask, self.origin, self.samples = open(path, "rb"), ask, origin, samples
        self.sampling = sampling
        self.places, self.sizes = array("q"), array("q")
        self.keys, self.clips, self.lengths = array("q"), array("q"), array("q")  # of every question

    def add(self, place, size, record):
        """Add the questions on the record whose line stands at `place`, `size` bytes long."""
        self.places.append(place)
        self.sizes.append(size)
        clip, length = clip_hash(record), asked_length(record) + shown_length(record, self.sampling)
        for sample in range(self.samples):
            self.keys.append(hash((record["id"], self.origin, sample)))
            self.clips.append(clip)
            self.lengths.append(length)

    def __len__(self):
        return len(self.keys)

    def __getitem__(self, index):
        number, sample = divmod(int(index), self.samples)
        # pread: several threads may ask at once
        line = os.pread(self.file.fileno(), self.sizes[number], self.places[number])
        return self.ask(json.loads(line), sample)


def columns(questions, sampling=None):
    """(hash of the key, hash of the clip, length of the prompt) of all questions, as arrays of int64.
    `sampling`: of a list of questions, as Questions have their own.
    """
    if isinstance(questions, Questions):
        held = (questions.keys, questions.clips, questions.lengths)
        return tuple(np.frombuffer(column, np.int64) for column in held)
    keys = [hash(key_of(question.record)) for question in questions]
    clips = [hash(question.clip) for question in questions]
    lengths = [len(question.prompt) + shown_length(question.record, sampling) for question in questions]
    return tuple(np.array(column, np.int64) for column in (keys, clips, lengths))


def plan_batches(questions, size, done=(), sampling=None):
    """Arrays of the numbers of `size` questions, the largest batch first: where memory does not suffice, that
    shows at once. Those about one clip share its decoding; like lengths go together, so that little is
    padded.

    Batches are planned over all questions, then those left out whose questions are all in `done` (hashes of
    keys): so the arithmetic of an answer is the same after a restart.
    """
    keys, clips, lengths = columns(questions, sampling)
    if not len(keys):
        return []
    _, first, group = np.unique(clips, return_index=True, return_inverse=True)
    longest = np.zeros(len(first), np.int64)
    np.maximum.at(longest, group, lengths)
    order = np.lexsort((first[group], -longest[group]))  # stable: as they came within a clip
    starts = np.arange(0, len(order), size)
    left = np.fromiter((key not in done for key in keys.tolist()), bool, len(keys))
    needed = np.add.reduceat(left[order], starts) > 0
    counts = np.diff([*starts, len(order)])
    costs = np.maximum.reduceat(lengths[order], starts) * counts
    largest = np.argsort(-costs, kind="stable")
    return [order[starts[n] : starts[n] + counts[n]] for n in largest if needed[n]]
