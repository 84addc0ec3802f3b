"""What is trained on: the rows of a verified file and of instructions, and which of them each optimiser step
takes (lib/training/mix.py: of several kinds of files, by shares).

An answer that was cut off (`truncated`) is no row, kept, wrong or mixed in: behind it stands the end token,
and a model would learn to stop in the middle.
"""

import math
from itertools import islice
from typing import NamedTuple

import numpy as np

from lib.labels import is_text, times_problem
from lib.process import world
from lib.prompts import frame_of, label_text, render, strip_placeholders
from lib.records import StageError, read_jsonl, read_records, video_path
from lib.thoughts import said_in, with_thought
from lib.verifier import clean, final


class Row(NamedTuple):
    """What one loss is taken of."""

    id: str
    turn: str  # the user's
    answers: tuple  # one, or of preferences the better and the worse
    clip: tuple  # clip_of()
    kind: str  # what --shares calls it


def clip_of(record, path):
    """(path of the video, start, end) of a record of the file `path`."""
    return video_path(record, path), record.get("start"), record.get("end")


def left_out(path, number, why):
    """Say (rank 0) that so many records of a file are not trained on, and why."""
    if number and world()[0] == 0:
        print(f"{path}: {number} {why}: not trained on", flush=True)


def whole(path, records):
    """Those of a file's records whose answer was not cut off; prints how many were (rank 0)."""
    found = [record for record in records if not record.get("truncated")]
    left_out(path, len(records) - len(found), "answers were cut off (truncated)")
    return found


def judged_records(path, limit):
    """The records of a verified file. Raises StageError for one that nobody judged: it was not verified."""
    records = read_records(path, answers=True, limit=limit)
    for number, record in enumerate(records, 1):
        if not {"keep", "verdict"} & record.keys():
            raise StageError(f"{path}:{number}: no `keep`: not a file of 04_verify.py; run that on it first")
    return records


def rows_of(path, pairs, limit):
    """The training rows of a verified file, in its order: of kind reasoning and short."""
    rows = []
    records = whole(path, [record for record in judged_records(path, limit) if record.get("keep")])
    cut_short = sum(map(bool, (record.get("thought_truncated") for record in records)))
    if cut_short and world()[0] == 0:
        print(f"{path}: {cut_short} thoughts were cut short: without a row with reasoning", flush=True)
    for record in records:
        clip, (thought, answer) = clip_of(record, path), said_in(record)
        # behind a thought that was cut short a model would learn to end its own in the middle
        if pairs in ("both", "reasoning") and not record.get("thought_truncated"):
            turn, reply = render(record, "direct"), written(thought, answer)
            rows.append(Row(record["id"], turn, (reply,), clip, "reasoning"))
        if pairs in ("both", "short"):
            conclusion = final(clean(strip_placeholders(answer)), several=len(record["labels"]) > 1)
            short = conclusion.texts[0].strip() if conclusion.marked else ""
            short = short or label_text(record["labels"], frame_of(record))
            turn, reply = render(record, "short"), written(thought and " ", short)
            rows.append(Row(record["id"], turn, (reply,), clip, "short"))
    return rows


def written(thought, answer):
    """An answer as a row holds it: its thought, if it has one, in tags before it; without placeholders. A
    blank thought is one that says nothing.
    """
    answer = strip_placeholders(answer)
    return with_thought(strip_placeholders(thought), answer) if thought else answer


def preference_rows(path, limit):
    """As rows_of, with two answers a row: the n-th kept one and the n-th that asserts another label, of every
    question that has both.
    """
    questions, records = {}, judged_records(path, limit)
    judged = [record for record in records if record.get("keep") or record.get("verdict") == "wrong"]
    judged = [record for record in judged if not record.get("thought_truncated")]
    for record in whole(path, judged):
        _, chosen, rejected = questions.setdefault(record["id"], (record, [], []))
        if record.get("keep"):
            chosen.append(written(*said_in(record)))
        else:
            rejected.append(written(*said_in(record)))
    return [
        Row(name, render(record, "direct"), answers, clip_of(record, path), "preference")
        for name, (record, chosen, rejected) in questions.items()
        for answers in zip(chosen, rejected)
    ]


def mixed_rows(path, limit=None):
    """Rows of other instruction data (of the first `limit`): JSONL with `video`, `question`, `answer` (and
    `id`, `start`, `end`, `kind`), asked as they stand; those with `keep` false, or `error`, are left out.
    """
    records, judged_out = [], 0
    for number, record in islice(read_jsonl(path, foreign=True), limit):
        problem = times_problem(record) if isinstance(record, dict) else f"found {record!r:.60}, no object"
        if problem:
            raise StageError(f"{path}:{number}: {problem}")
        if record.get("keep") is False or "error" in record:
            judged_out += 1
            continue
        for key in ("video", "question", "answer"):
            if not is_text(record.get(key)):
                raise StageError(f"{path}:{number}: {key} is {record.get(key)!r:.60}, expected words")
        kind = record.get("kind")
        if not (kind is None or is_text(kind)):
            raise StageError(f"{path}:{number}: kind is {kind!r:.60}, expected a word such as temporal")
        records.append({"id": f"{path}:{number}", **record})
    left_out(path, judged_out, "instructions were not kept, or failed")
    rows = []
    for record in whole(path, records):
        turn, reply = strip_placeholders(record["question"]), written(*said_in(record))
        rows.append(Row(record["id"], turn, (reply,), clip_of(record, path), record.get("kind") or "mixed"))
    return rows


def plan_steps(lengths, batch, epochs, seed, most=None):
    """Row indices of every optimiser step: each epoch a fresh permutation, whose last step has the rows that
    are left over, none twice.

    `most`: that many steps instead, of as many epochs as they need. Within stretches of 16 steps rows of like
    length share a step, so that little is padded; the steps of a stretch are shuffled again.
    """
    steps = []
    even = len(lengths) // batch * batch  # rows in steps of a whole batch
    if most:
        epochs = math.ceil(most / math.ceil(len(lengths) / batch)) if lengths else 0
    for epoch in range(epochs):
        rng = np.random.default_rng([seed, epoch])
        order = rng.permutation(len(lengths))
        for stretch in np.split(order[:even], range(16 * batch, even, 16 * batch)):
            grouped = sorted(stretch.tolist(), key=lambda i: lengths[i])
            together = [grouped[i : i + batch] for i in range(0, len(grouped), batch)]
            steps += [together[i] for i in rng.permutation(len(together))]
        if even < len(order):
            steps.append(sorted(order[even:].tolist(), key=lambda i: lengths[i]))
    return steps[:most]
