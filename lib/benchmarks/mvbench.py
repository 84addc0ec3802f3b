"""MVBench (Li et al., CVPR 2024): twenty tasks of temporal understanding, multiple choice."""

import os

from lib.benchmarks.common import choice_of, fields, letter
from lib.table import read_rows

NOTE = (
    "check_ans of the official notebook, which credits an empty reply for every gold answer; it is wrong here"
)
PROMPT = (
    "Carefully watch the video and pay attention to the cause and sequence of events, the detail and "
    "movement of objects, and the action and pose of persons. Based on your observations, select the best "
    "option that accurately addresses the question.\nQuestion: {question}\nOptions:\n{listed}\nOnly give "
    "the best option."
)


def question_files(path, task=None):
    """One JSON file of a task, or those in the folder of all."""
    if not os.path.isdir(path):
        return [path]
    return sorted(os.path.join(path, name) for name in os.listdir(path) if name.endswith(".json"))


def load(path, task=None, meta=None):
    """Items with id task/number, since its files have none."""
    items = []
    for file in question_files(path):
        name = os.path.basename(file).removesuffix(".json")
        for n, (where, row) in enumerate(read_rows(file)):
            video, question, options, answer = fields(where, row, "video", "question", "candidates", "answer")
            index = options.index(answer) if answer in options else -1
            listed = "\n".join(f"({letter(i)}) {option}" for i, option in enumerate(options))
            prompt = PROMPT.format(question=question, listed=listed)
            groups, stated = {"task": name.replace("_", " ")}, [answer, f"({letter(index)}) {answer}"]
            clip = {"start": row["start"], "end": row["end"]} if row.get("end") is not None else {}
            items.append(
                choice_of(
                    where, f"{name}/{n}", video, question, options, index, prompt, groups, stated, **clip
                )
            )
    return items


def rule(text, item):
    """As in check_ans: the first word of "(" and the first line, without dots, is in "(a)" or holds it.

    "", "(" and ")" are in all and are none here.
    """
    text = ("(" + text.strip().split("\n")[0]).lower().split(" ")[0]
    bare = text.replace(".", "")
    if bare in ("", "(", ")"):
        return None, False
    forms = {letter(i): f"({letter(i).lower()})" for i in range(len(item["options"]))}
    fits = [name for name, form in forms.items() if bare in form or form in text]
    if item["gold"] in fits:
        return item["gold"], True
    return fits[0] if fits else None, False
