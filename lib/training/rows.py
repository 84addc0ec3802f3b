"""What is trained on: the rows of a verified file, and which of them each optimiser step takes."""

import math

import numpy as np

from lib.prompts import label_text, render, strip_placeholders
from lib.records import StageError, read_jsonl, read_records, video_path
from lib.verifier import clean, final


def clip_of(record, path):
    """(path of the video, start, end) of a record of the file `path`."""
    return video_path(record, path), record.get("start"), record.get("end")


def rows_of(path, pairs, limit):
    """The training rows of a verified file: (id, user's turn, (answer,), clip), in its order."""
    rows = []
    for record in read_records(path, answers=True, limit=limit):
        if not record.get("keep"):
            continue
        clip, answer = clip_of(record, path), strip_placeholders(record["answer"])
        if pairs in ("both", "reasoning"):
            rows.append((record["id"], render(record, "direct"), (answer,), clip))
        if pairs in ("both", "short"):
            conclusion = final(clean(answer), several=len(record["labels"]) > 1)
            short = conclusion.texts[0].strip() if conclusion.marked else ""
            rows.append(
                (record["id"], render(record, "short"), (short or label_text(record["labels"]),), clip)
            )
    return rows


def preference_rows(path, limit):
    """As rows_of, with two answers a row: the n-th kept one and the n-th that asserts another label, of every
    question that
    has both."""
    questions = {}
    for record in read_records(path, answers=True, limit=limit):
        _, chosen, rejected = questions.setdefault(record["id"], (record, [], []))
        if record.get("keep"):
            chosen.append(strip_placeholders(record["answer"]))
        elif record.get("verdict") == "wrong":
            rejected.append(strip_placeholders(record["answer"]))
    return [
        (name, render(record, "direct"), answers, clip_of(record, path))
        for name, (record, chosen, rejected) in questions.items()
        for answers in zip(chosen, rejected)
    ]


def mixed_rows(path):
    """Rows of other instruction data: JSONL with `video`, `question`, `answer` (and `id`, `start`, `end`),
    asked as they stand.
    """
    rows = []
    for number, record in read_jsonl(path):
        for key in ("video", "question", "answer"):
            if not (isinstance(record.get(key), str) and record[key].strip()):
                raise StageError(f"{path}:{number}: {key} is {record.get(key)!r}, expected words")
        question, answer = strip_placeholders(record["question"]), strip_placeholders(record["answer"])
        rows.append((record.get("id", f"{path}:{number}"), question, (answer,), clip_of(record, path)))
    return rows


def plan_steps(lengths, batch, epochs, seed, most=None):
    """Row indices of every optimiser step: each epoch a fresh permutation, its last batch filled from its
    beginning.

    `most`: that many steps instead. Within stretches of 16 steps rows of like length share a step, so that
    little is padded; the steps of a stretch are shuffled again.
    """
    steps = []
    if most and lengths:
        epochs = math.ceil(most * batch / len(lengths))
    for epoch in range(epochs):
        rng = np.random.default_rng([seed, epoch])
        order = np.resize(rng.permutation(len(lengths)), math.ceil(len(lengths) / batch) * batch)
        for stretch in np.split(order, range(16 * batch, len(order), 16 * batch)):
            grouped = sorted(stretch.tolist(), key=lambda i: lengths[i])
            together = [grouped[i : i + batch] for i in range(0, len(grouped), batch)]
            steps += [together[i] for i in rng.permutation(len(together))]
    return steps[:most]
