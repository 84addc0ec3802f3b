"""VSTaR-1M and other conversations about videos: a record per question and answer."""

import json
import os
import re
from pathlib import Path

from lib.datasets.common import items, number, record
from lib.labels import label_problem
from lib.prompts import asked, options_of, strip_placeholders

ROLES = {"human": "user", "gpt": "assistant"}  # ShareGPT's names
ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def read(path, seed, durations=None):
    """A list or lines of one object a conversation: {"video", "conversations": [{"from": "human", "value"},
    {"from": "gpt", "value"}, ...]} (LLaVA), the same with "videos" (ShareGPT), or {"videos", "messages":
    [{"role", "content"}]}; "prompt" in place of "messages" (verl, EasyR1); or Video-R1's {"path", "problem",
    "options", "problem_type", "solution"}. The answer is `answer` and the text label. What lib.tools.export
    wrote comes back with its own question and labels.
    """
    for n, (where, item) in enumerate(items(path)):
        for found, note in video_r1(path, n, item) if "problem" in item else records_of(path, n, item):
            yield where, found, note


def records_of(path, n, item):
    """Yields (record, note) of one conversation."""
    video, turns, own = video_of(item), turns_of(item), solution_of(item)
    labels = own.get("labels") or item.get("labels") or []
    if video is None or not isinstance(labels, list) or any(map(label_problem, labels)):
        yield None, "dropped: no video, several, or malformed labels"
        return
    if labels and len(turns) == 1:  # a question alone
        turns = [*turns, ("assistant", "")]
    if not turns or len(turns) % 2:
        yield None, "dropped: turns not in pairs"
        return
    given = [item.get("start"), item.get("end")]
    times = [number(time) for time in given]
    if [time is None for time in given] != [time is None for time in times]:
        yield None, "dropped: time not a number"
        return
    labels = labels if len(turns) == 2 else []
    if item.get("label") is False and not labels:  # of KTO
        yield None, "dropped: a wrong answer"
        return
    for turn, pair in enumerate(zip(turns[::2], turns[1::2])):
        id = f"{item.get('id', Path(path).stem)}#{n}.{turn}"
        yield pair_of(item, id, candidates(path, video, *times), pair, labels, own)


def pair_of(item, id, clip, pair, labels, own):
    """(record, note) of a question and its answer; labels that came with them are the record's."""
    (human, question), (model, answer) = pair
    question = question.strip()
    answerable = bool(answer.strip()) or bool(labels)
    if (human, model) != ("user", "assistant") or not question or not answerable:
        return None, "dropped: not a question and its answer"
    if not labels:
        return record(id, clip, question, "answer", "text", answer.strip(), answer=answer), None
    bare = question.removesuffix(asked({"question": "", "labels": labels}).rstrip())
    found = {"id": str(item.get("id", id)), "video": clip, "question": own.get("question") or bare}
    found["labels"] = labels
    # of a question alone, and of a row for a reward, the last turn is none
    right = item.get("label") is not False and answer.strip() and solution_of({"solution": answer}) == {}
    return {**found, "answer": answer} if right else found, None


def video_of(item):
    """The video of a conversation, or None without one, or where there are several or frames of it."""
    video = item.get("video")
    videos = item.get("videos") if video is None else [video]
    if not isinstance(videos, list) or len(videos) != 1:
        return None
    video = videos[0].get("video") if isinstance(videos[0], dict) else videos[0]
    return video.removeprefix("file://") if isinstance(video, str) and video else None


def candidates(path, video, start=None, end=None):
    """The places where the video of an annotation file may be, best first."""
    inside = os.path.splitext(os.path.normpath(video))[0].lstrip("./")
    absolute = os.path.abspath(os.path.join(os.path.dirname(path), video))
    return [(stem, start, end) for stem in (absolute, inside, os.path.basename(inside))]


def turns_of(item):
    """[(role, text)] of the turns of a conversation, an instruction at its head left out; [] where it is
    none.
    """
    turns = item.get("conversations") or item.get("messages") or item.get("prompt")
    if isinstance(turns, str):
        turns = [{"role": "user", "content": turns}]
    found = [said(turn) for turn in turns] if isinstance(turns, list) else []
    return found[1:] if found and found[0][0] == "system" else found


def said(turn):
    """(role, text) of a turn; the text is "" where there is none."""
    if not isinstance(turn, dict):
        return None, ""
    role, value = turn.get("from", turn.get("role")), turn.get("value", turn.get("content"))
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict)]
        value = "".join(part for part in parts if isinstance(part, str))
    role = role if isinstance(role, str) else None
    return ROLES.get(role, role), strip_placeholders(value) if isinstance(value, str) else ""


def solution_of(item):
    """The record that an export put into a row, or {}."""
    rule = item.get("reward_model")
    text = item.get("solution") or item.get("answer") or isinstance(rule, dict) and rule.get("ground_truth")
    try:
        found = json.loads(text) if isinstance(text, str) and text.startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found.get("labels"), list) else {}


# ---------------------------------------------------------------- Video-R1


def video_r1(path, n, item):
    """Yields (record, note) of a row of Video-R1's list."""
    video, question, kind = item.get("path") or video_of(item), item.get("problem"), item.get("problem_type")
    if item.get("data_type", "video") != "video" or not isinstance(video, str):
        yield None, "dropped: no video, several, or malformed labels"
        return
    solution = item.get("solution")
    tagged = ANSWER.search(solution) if isinstance(solution, str) else None
    answer = (tagged[1] if tagged else solution if isinstance(solution, str) else "").strip()
    question = strip_placeholders(question).strip() if isinstance(question, str) else ""
    if not question or not answer:
        yield None, "dropped: not a question and its answer"
        return
    label = label_of(answer, kind, item.get("options"))
    if label is None or label_problem(label):
        yield None, "dropped: the answer is none of its options, or no number"
        return
    id = f"{item.get('problem_id', Path(path).stem)}#{n}"
    yield {"id": id, "video": candidates(path, video), "question": question, "labels": [label]}, None


def label_of(answer, kind, options):
    """The label of an answer of Video-R1, or None where it is not of its kind."""
    if kind == "multiple choice":
        label = {"name": "answer", "kind": "choice", "value": "A", "options": options}
        if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
            return None
        names = options_of(label)
        lead = re.match(r"\(?([A-Z])(?:[.):]|$)", answer)
        value = chr(ord("A") + names.index(answer)) if answer in names else lead and lead[1]
        return {**label, "value": value, "options": names} if value else None
    if kind in ("numerical", "regression"):
        value = number(answer.replace(",", ""))
        return None if value is None else {"name": "answer", "kind": "number", "value": value}
    return {"name": "answer", "kind": "text", "value": answer}
