"""What the benchmarks share: their files as rows, a question as an item, what a rule reads in a reply.

An item is one question: {"id", "video", "question", "prompt" (as the benchmark asks it), "gold" (None: not to
be scored), "labels" (for our verifier), "groups" (what it is counted by), "place" and "texts" (by what a
prediction without an id is found), "stated" (how prediction files write the gold), ...}; "free": True where
no rule reads a reply, only a judge.
"""

from lib.captions import stem
from lib.prompts import strip_placeholders
from lib.records import StageError


def fields(where, row, *names):
    """The named fields of a row of a question file; "a|b" is the first of these that is there.

    Raises StageError with the name of one that is missing.
    """
    if not isinstance(row, dict):
        raise StageError(f"{where}: found {shown(row)}, expected an object with {', '.join(names)}")
    found = []
    for name in names:
        key = next((n for n in name.split("|") if row.get(n) is not None), None)
        if key is None:
            raise StageError(
                f"{where}: no {name.replace('|', ' or ')}; is this the question file of that benchmark?"
            )
        found.append(row[key])
    return found


def shown(row):
    """A row as a message has it; of an object's (key, value) the place names the key already."""
    value = row[1] if isinstance(row, tuple) else row
    return f"{value!r:.60}"


# ---------------------------------------------------------------- items


def letter(index):
    return chr(ord("A") + index)


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


def not_expected(reply, item, expected):
    """The StageError for a prediction that is none; a place in an object names the id already."""
    named = str(reply.where).endswith(f": {item['id']}")
    place = reply.where if named else f"{reply.where}: id {item['id']!r}"
    return StageError(f"{place}: the prediction is {reply.value!r:.120}, expected {expected}")


def reading(rule, item, reply):
    """(what a rule reads in a reply or None, whether that is right); an integer is the index of an option."""
    if reply.state != "answered" or item.get("free"):
        return None, False
    options = item.get("options")
    if isinstance(reply.value, int) and options:
        if not 0 <= reply.value < len(options):
            expected = f"an index from 0 to {len(options) - 1}, as of its {len(options)} options, or null"
            raise not_expected(reply, item, expected)
        return letter(reply.value), letter(reply.value) == item["gold"]
    if not isinstance(reply.value, str):
        index = " or the index of an option, an integer" if options else ""
        raise not_expected(reply, item, f"a text{index}")
    return rule(reply.value, item)
