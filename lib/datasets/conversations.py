"""VSTaR-1M and other LLaVA-style conversations: a record per question and answer."""

import os
from pathlib import Path

from lib.datasets.common import items, number, record
from lib.prompts import strip_placeholders
from lib.records import label_problem


def read(path, seed, durations=None):
    """A list or lines of {"id", "video", "conversations": [{"from": "human", "value"}, {"from": "gpt",
    "value"}, ...]}: the answer is `answer` and the text label. What lib.tools.export wrote comes back with
    its own labels."""
    for n, (where, item) in enumerate(items(path)):
        for found, note in records_of(path, n, item):
            yield where, found, note


def records_of(path, n, item):
    """Yields (record, note) of one conversation."""
    video, turns, labels = item.get("video"), item.get("conversations"), item.get("labels") or []
    if not isinstance(video, str) or not isinstance(labels, list) or any(map(label_problem, labels)):
        yield None, "dropped: no video, several, or malformed labels"
        return
    if not isinstance(turns, list) or not turns or len(turns) % 2:
        yield None, "dropped: turns not in pairs"
        return
    given = [item.get("start"), item.get("end")]
    times = [number(time) for time in given]
    if [time is None for time in given] != [time is None for time in times]:
        yield None, "dropped: time not a number"
        return
    inside = os.path.splitext(os.path.normpath(video))[0].lstrip("./")
    absolute = os.path.abspath(os.path.join(os.path.dirname(path), video))
    stems = (absolute, inside, os.path.basename(inside))
    clip = [(stem, *times) for stem in stems]
    for turn, (human, gpt) in enumerate(zip(turns[::2], turns[1::2])):
        question, answer = said(human, "human", "user").strip(), said(gpt, "gpt", "assistant")
        if not question or not answer.strip():
            yield None, "dropped: not a question and its answer"
            continue
        id = f"{item.get('id', Path(path).stem)}#{n}.{turn}"
        found = record(id, clip, question, "answer", "text", answer.strip(), answer=answer)
        if labels and len(turns) == 2:
            question = question.removesuffix(options_text(labels).rstrip())
            found.update(id=str(item.get("id", id)), question=question, labels=labels)
        yield found, None


def said(turn, *speakers):
    """What a turn says, "" where it is none or another speaker's."""
    value = turn.get("value") if isinstance(turn, dict) and turn.get("from") in speakers else None
    return strip_placeholders(value) if isinstance(value, str) else ""


def options_text(labels):
    """The options of a choice, as they follow its question."""
    return "".join(
        f"\n{chr(65 + i)}. {option}"
        for label in labels
        if label["kind"] == "choice"
        for i, option in enumerate(label["options"])
    )
