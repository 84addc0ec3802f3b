"""What the benchmarks share: their files as rows, a question as an item, what a rule reads in a reply.

An item is one question: {"id", "video", "question", "prompt" (as the benchmark asks it), "gold" (None: not to
be scored), "labels" (for our verifier), "groups" (what it is counted by), "place" and "texts" (by what a
prediction without an id is found), "stated" (how prediction files write the gold), ...}; "free": True where
no rule reads a reply, only a judge.
"""

import json
import os
import re
from collections import Counter

from lib.prompts import strip_placeholders
from lib.records import StageError
from lib.table import read_csv

# ---------------------------------------------------------------- files


def contents(path):
    """The bytes of a file that must be there."""
    if not os.path.isfile(path):
        raise StageError(f"{path}: no such file")
    with open(path, "rb") as file:
        return file.read()


def parsed_json(where, text):
    """A JSON value.

    Raises StageError where it is none, or names a key twice: json alone would keep the last one silently.
    """

    def unique(pairs):
        twice = [key for key, n in Counter(key for key, _ in pairs).items() if n > 1]
        if twice:
            raise StageError(
                f"{where}: duplicate key {twice[0]!r} in one object, expected each once; remove one of them"
            )
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise StageError(f"{where}: not JSON ({error}); found {text[:60]!r}") from None


def read_json(path):
    return parsed_json(path, contents(path))


def one_a_line(path, text):
    """Whether a file is JSONL: by its name, or as one JSON object is on the first line and more follow."""
    first, _, rest = text.strip().partition(b"\n")
    return str(path).endswith(".jsonl") or first.endswith(b"}") and rest.startswith(b"{")


def read_rows(path):
    """[(where, row)] of a CSV, JSONL or JSON file; of a JSON object the rows are its (key, value).

    A JSONL's last line may lack its line end.
    """
    text = contents(path)
    if str(path).endswith(".csv"):
        rows = list(read_csv(path, ()))
        if wrong := next(((where, row) for where, row in rows if isinstance(row, str)), None):
            raise StageError(": ".join(wrong))
        return rows
    if one_a_line(path, text):
        return [
            (f"{path}:{n}", parsed_json(f"{path}:{n}", line))
            for n, line in enumerate(text.split(b"\n"), 1)
            if line.strip()
        ]
    whole = read_json(path)
    if isinstance(whole, dict):
        return [(f"{path}: {key}", (key, value)) for key, value in whole.items()]
    if isinstance(whole, list):
        return [(f"{path}[{i}]", row) for i, row in enumerate(whole)]
    raise StageError(f"{path}: found a {type(whole).__name__}, expected a list or an object")


def fields(where, row, *names):
    """The named fields of a row of a question file; "a|b" is the first of these that is there.

    Raises StageError with the name of one that is missing.
    """
    if not isinstance(row, dict):
        raise StageError(f"{where}: found {type(row).__name__}, expected an object with {', '.join(names)}")
    found = []
    for name in names:
        key = next((n for n in name.split("|") if row.get(n) is not None), None)
        if key is None:
            raise StageError(
                f"{where}: no {name.replace('|', ' or ')}; is this the question file of that benchmark?"
            )
        found.append(row[key])
    return found


# ---------------------------------------------------------------- items


def letter(index):
    return chr(ord("A") + index)


def stem(video):
    """A video's name without the suffix of a video or image file."""
    return re.sub(r"\.(?:mp4|mkv|webm|avi|mov|m4v|gif|jpg)$", "", str(video), flags=re.I)


def plain(text):
    """A text to compare by: single spaces, no <video>."""
    return " ".join(strip_placeholders(str(text)).split())


def item_of(id, video, question, prompt, gold, label, groups, stated, place=(), **more):
    """An item; `label` is (kind, value, more keys) or None where our verifier has nothing to say."""
    labels = [{"name": "answer", "kind": label[0], "value": label[1], **label[2]}] if label else []
    return {
        "id": str(id),
        "video": str(video),
        "question": question,
        "prompt": prompt,
        "gold": gold,
        "labels": labels,
        "groups": groups,
        "stated": {plain(s) for s in stated},
        "place": place or (stem(video),),
        "texts": {plain(question), plain(prompt)},
        **more,
    }


def choice_of(where, id, video, question, options, index, prompt, groups, stated, **more):
    """A multiple-choice item with its gold option by `index` (as a number or in digits)."""
    index = int(index) if str(index).isdigit() else -1
    if not 0 <= index < len(options):
        raise StageError(f"{where}: the answer {stated[0]!r} is not among the options {options!r}")
    gold = letter(index)
    label = ("choice", gold, {"options": options})
    return item_of(id, video, question, prompt, gold, label, groups, stated, options=options, **more)


# ---------------------------------------------------------------- replies


def without_end(text):
    """A reply without the end token that some prediction files keep, and spaces around it."""
    return text.replace("</s>", "").strip()


def reading(rule, item, reply):
    """(what a rule reads in a reply or None, whether that is right); an integer is the index of an option."""
    if reply.state != "answered" or item.get("free"):
        return None, False
    if isinstance(reply.value, int) and "options" in item:
        if not 0 <= reply.value < len(item["options"]):
            return None, False
        return letter(reply.value), letter(reply.value) == item["gold"]
    if not isinstance(reply.value, str):
        raise StageError(
            f"{reply.where}: id {item['id']!r}: the prediction is {reply.value!r:.120}, expected a text"
        )
    return rule(reply.value, item)
