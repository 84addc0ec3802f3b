"""What of a verified file becomes rows: answers that were kept, pairs of a kept and a wrong one, answers with
whether they are right, or questions with all that the verifier needs to judge an answer.

A file is read twice, and of a record no more than its place in it is held in between.
"""

import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial

from lib.prompts import asked, render, strip_placeholders
from lib.records import StageError, placed_records, read_jsonl, video_path
from lib.tools.clips import clip_file, frame_files
from lib.verifier import split_thought, vocabularies
from lib.video import VideoError, prefetch

# what of a record, beside its question and labels, the verifier looks at
JUDGED_BY = ("duration", "boxes", "frame_size")


@dataclass
class Example:
    """A row before it takes a form; texts are without visual placeholders."""

    id: str  # one of its own
    number: int  # of the row, from 0
    record: dict
    prompt: str
    solution: str  # JSON
    answer: str = ""
    rejected: str = ""  # of a pair
    right: bool = True
    video: str = ""  # a file of the clip alone,
    frames: tuple = ()  # or pictures of it


class Source:
    """A file of records: of 04_verify.py, or, for questions alone, of any stage."""

    def __init__(self, path, what, thoughts):
        self.path, self.thoughts, self.cut_off, self.number = path, thoughts, 0, 0
        self.what, self.answered = what, what != "reward" or answered(path)
        self.vocabulary = vocabularies(record for _, _, record in self.placed())
        self.times = Counter()

    def placed(self):
        """(place, size, record) of every line, checked."""
        return placed_records(self.path, answers=self.answered)

    def whole(self):
        """The records whose answer was not cut off: behind it a trainer would put the end token."""
        self.cut_off = 0
        for place, size, record in self.placed():
            if record.get("truncated") and (record.get("keep") or record.get("verdict") == "wrong"):
                self.cut_off += 1
            else:
                yield place, size, record

    def example(self, record, prompt, **more):
        """An Example of a record; an id that comes again gets a number."""
        record, name = {**record, "video": video_path(record, self.path)}, record["id"]
        self.times[name] += 1
        again = f"~{self.times[name]}" if self.times[name] > 1 else ""
        self.number += 1
        return Example(f"{name}{again}", self.number - 1, record, prompt, self.solution_of(record), **more)

    def solution_of(self, record):
        """What the verifier needs to judge an answer to a record alone, as JSON: class labels bring the
        vocabulary of their file.
        """
        found = {"question": strip_placeholders(record["question"]).strip()}
        found |= {key: record[key] for key in JUDGED_BY if record.get(key) is not None}
        found["labels"] = [self.closed(label) for label in record["labels"]]
        return json.dumps(found, ensure_ascii=False)

    def closed(self, label):
        """A label with its own vocabulary."""
        names = self.vocabulary.get(label["name"]) if label["kind"] in ("class", "sequence") else None
        return label if label.get("options") or not names else {**label, "options": list(names)}

    def answer_of(self, record):
        """An answer as it is trained on, without its thought, or behind it."""
        split = split_thought(record["answer"])
        # half a character, which a model may write, stands in no file of UTF-8
        answer = strip_placeholders(split.answer).encode("utf-8", "replace").decode()
        thought = record.get("thought") or split.thought
        # a thought may bring its opening tag
        thought = strip_placeholders(split_thought(thought).thought or thought).strip()
        thought = thought.encode("utf-8", "replace").decode()
        if self.thoughts and thought:
            return f"<think>\n{thought}\n</think>\n\n{answer.lstrip()}"
        return answer.lstrip() if split.thought else answer


def answered(path):
    """Whether the first record of a file has an answer."""
    for _, record in read_jsonl(path):
        return isinstance(record, dict) and bool({"answer", "error"} & record.keys())
    return False


def kept(source):
    """Yields the answers that were kept, behind their bare question, as the paper trains."""
    for _, _, record in source.whole():
        if record.get("keep"):
            yield source.example(record, asked(record), answer=source.answer_of(record))


def kto(source):
    """Yields answers that were kept, and those that assert another label, behind the prompt that asked."""
    for _, _, record in source.whole():
        if record.get("keep") or record.get("verdict") == "wrong":
            right = bool(record.get("keep"))
            yield source.example(
                record, render(record, "direct"), answer=source.answer_of(record), right=right
            )


def preferences(source):
    """Yields of every question the n-th kept answer with the n-th that asserts another label, where they
    differ.
    """
    questions = {}
    for place, size, record in source.whole():
        chosen, rejected = questions.setdefault(record["id"], ([], []))
        if record.get("keep"):
            chosen.append((place, size))
        elif record.get("verdict") == "wrong":
            rejected.append((place, size))
    with open(source.path, "rb") as file:
        for pair in (pair for places in questions.values() for pair in zip(*places)):
            better, worse = (record_at(file, *place) for place in pair)
            answers = source.answer_of(better), source.answer_of(worse)
            if answers[0] != answers[1]:
                prompt = render(better, "direct")
                yield source.example(better, prompt, answer=answers[0], rejected=answers[1])


def record_at(file, place, size):
    """The record of a line."""
    file.seek(place)
    return json.loads(file.read(size).decode("utf-8", "surrogatepass"))


def reward(source):
    """Yields every question once, with the prompt that asks for its answer in the form the verifier reads."""
    for _, _, record in source.placed():
        if not source.times[record["id"]]:
            yield source.example(record, render(record, "direct"))


WHAT = {"kept": kept, "preferences": preferences, "kto": kto, "reward": reward}
NONE = {
    "kept": 'no record says "keep": true; expected a verified.jsonl of 04_verify.py',
    "preferences": "no question has both a kept answer and a wrong one",
    "kto": 'no record says "keep": true, or has the verdict wrong; expected a verified.jsonl of 04_verify.py',
    "reward": "no records",
}


def examples(source):
    """Yields the Examples of a file. Raises StageError where there are none."""
    yield from WHAT[source.what](source)
    if not source.number:
        raise StageError(f"{source.path}: nothing to export: {NONE[source.what]}")


# ---------------------------------------------------------------- with their clips


def with_video(example, folder, frames):
    """An Example with its clip as a file in `folder`, or `frames` pictures of it; else why there is none."""
    record = example.record
    clip = record["video"], record.get("start"), record.get("end")
    try:
        if frames:
            example.frames = frame_files(*clip, frames, os.path.join(folder, "frames"))
        else:
            example.video = clip_file(*clip, os.path.join(folder, "clips"))
    except VideoError as error:
        return error
    return example


class Rows:
    """The rows that `make` makes of a source's Examples: an iterable that counts them, and why others had to
    be left out. Clips go to `folder`.
    """

    def __init__(self, source, make, folder, frames=None, workers=2):
        self.source, self.make, self.folder = source, make, folder
        self.frames, self.workers, self.count, self.left_out = frames, workers, 0, []

    def __iter__(self):
        cut = partial(with_video, folder=self.folder, frames=self.frames)
        ready = prefetch(cut, examples(self.source), self.workers)
        last = began = time.time()
        for example in ready:
            if time.time() - last > 30:
                last = time.time()
                print(f"export: {self.count} rows, {last - began:.0f} s", flush=True)
            if isinstance(example, VideoError):
                self.left_out.append(str(example))
            else:
                self.count += 1
                yield self.make(example)

    def check(self, allowed):
        """Raise StageError where more rows than `allowed` were left out: a share below 1, else a count."""
        total, missed = self.count + len(self.left_out), len(self.left_out)
        if missed > (allowed * total if allowed < 1 else allowed) or not self.count:
            raise StageError(
                f"{missed} of {total} rows have no video, more than --max-failures {allowed:g} allows; the "
                f"last: {self.left_out[-1]}"
            )
