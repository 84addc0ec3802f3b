"""NExT-QA, multiple choice (Xiao et al., CVPR 2021): questions of three groups, with five options."""

import re
from operator import itemgetter

from lib.benchmarks.common import choice_of, fields, letter
from lib.benchmarks.predictions import common_rows, reply_key
from lib.table import read_rows

NOTE = (
    "letters and texts by the MMMU parser of lmms-eval, whose random guess for what it cannot read counts "
    "as wrong here; integers as the official eval_mc.py"
)
WHOLE = re.compile(r"\s*-?\d{1,9}(\.0*)?\s*")
GROUPS = {"C": "causal", "T": "temporal", "D": "descriptive"}


def load(path, task=None, meta=None):
    """Items of its CSV; id video_qid as in its prediction files; TP counts as TN, as in its eval_mc.py."""
    items = []
    for where, row in read_rows(path):
        video, question, qid, kind, answer, *options = fields(
            where, row, "video", "question", "qid", "type", "answer", "a0", "a1", "a2", "a3", "a4"
        )
        groups = {"group": GROUPS.get(kind[0], kind), "type": "TN" if kind == "TP" else kind}
        options = [option.strip() for option in options]
        listed = "\n".join(f"{letter(i)}. {option}" for i, option in enumerate(options))
        prompt = (
            f"{question.strip()}\n{listed}\nAnswer with the option's letter from the given choices directly."
        )
        id = f"{video}_{qid}"
        items.append(choice_of(where, id, video, question, options, answer, prompt, groups, [answer]))
    return items


def rule(text, item):
    """As in lmms-eval: "(A)", else "A ", else "A." anywhere, else, in six words or more, an option's text.

    Of several it is the last.
    """
    for mark in ",.!?;:'":
        text = text.strip(mark)
    text = f" {text} "
    letters = [letter(i) for i in range(len(item["options"]))]
    # found in one form, placed in another, as there
    for form, place in (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} ")):
        found = [(text.rfind(place.format(name)), name) for name in letters if form.format(name) in text]
        if found:
            return last(found, item)
    if len(text.split()) <= 5:
        return None, False
    low = text.lower()
    options = [(option.lower(), name) for option, name in zip(item["options"], letters)]
    return last([(low.rfind(option), name) for option, name in options if option in low], item)


def last(found, item):
    """(letter, whether it is the gold one) of the last of [(place, letter)], of equal places the first."""
    if not found:
        return None, False
    read = max(found, key=itemgetter(0))[1]
    return read, read == item["gold"]


def prediction_rows(path):
    """Rows of a predictions file; where one has a video and a qid these are its id. Where all predictions are
    whole numbers they are indices, as in the official file, which are texts in CSV and floats of pandas.
    """
    rows = list(common_rows(path))
    keys = [reply_key(row) for _, _, row in rows]
    found = [row[key] for key, (_, _, row) in zip(keys, rows) if key and row[key] not in (None, "")]
    # what a model answered is what it said
    indices = all(WHOLE.fullmatch(str(v)) for v in found) and not any("origin" in row for _, _, row in rows)
    for key, (where, place, row) in zip(keys, rows):
        if "qid" in row and "video" in row:
            row = {"id": f"{row['video']}_{row['qid']}", **row}
        if indices and key and row[key] not in (None, ""):
            row = {**row, key: int(float(row[key]))}
        yield where, place, row
