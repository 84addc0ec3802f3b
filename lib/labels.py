"""Label kinds, and what is wrong with a label, a record or an answer. Nothing here raises or reads a file."""

import json

LARGEST = 1e15  # numbers and seconds; the verifier reads no longer ones


def is_number(value):
    """Whether a value is a finite number below LARGEST, and no boolean."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST < value < LARGEST


def is_text(value):
    """Whether a value is a text that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def is_words(value):
    """Whether a value is a text with at least one letter or digit, so that an answer can say it."""
    return isinstance(value, str) and any(map(str.isalnum, value))


def is_time(value):
    """Whether a value is a number of seconds, or a part of the clip."""
    return is_number(value) and value >= 0


def is_interval(value):
    """Whether a value is [start, end] with 0 <= start < end, or a list of at least one such pair."""
    if isinstance(value, list) and value and all(isinstance(pair, list) for pair in value):
        return all(pair and not isinstance(pair[0], list) and is_interval(pair) for pair in value)
    pair = isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
    return pair and 0 <= value[0] < value[1]


def is_box(value):
    """Whether a value is [x1, y1, x2, y2] as fractions of the frame, with an area."""
    if not (isinstance(value, list) and len(value) == 4 and all(map(is_number, value))):
        return False
    return 0 <= value[0] < value[2] <= 1 and 0 <= value[1] < value[3] <= 1


def is_sequence(value):
    """Whether a value is a list of at least one text."""
    return isinstance(value, list) and bool(value) and all(map(is_words, value))


# of every kind: the check of its value, and what that expects
KINDS = {
    "class": (is_words, "expected words"),
    "text": (is_words, "expected words"),
    "sequence": (is_sequence, "expected a list of words"),
    "interval": (is_interval, "expected [start, end] with 0 <= start < end, or a list of them"),
    "time": (is_time, "expected a number of at least 0"),
    "box": (is_box, "expected [x1, y1, x2, y2] as fractions with 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1"),
    "number": (is_number, f"expected a number, below {LARGEST:g} in size"),
    "choice": (is_text, "expected a letter"),
    "boolean": (lambda value: isinstance(value, bool), "expected true or false"),
}
# of every optional key: the kinds that take it; elsewhere nothing would obey it
TAKE = {
    "options": ("class", "sequence", "choice"),
    "aliases": ("class",),
    "unit": ("interval", "time", "box"),
    "tolerance": ("text", "interval", "time", "box", "number"),
}


def key_problem(label, key):
    """What is wrong with an optional key that a label has, or None."""
    kind, given = label["kind"], label[key]
    if kind not in TAKE[key]:
        return f"{key} {given!r:.60}: a {kind} takes none, only {', '.join(TAKE[key])}"
    if key in ("options", "aliases"):
        check = is_text if kind == "choice" else is_words
        if not (isinstance(given, list) and all(map(check, given))):
            return f'{key} {given!r:.120}, expected a list of texts (a number as "3")'
    elif key == "unit":
        units = ("fraction",) if kind == "box" else ("seconds", "fraction")
        if given not in units:
            return f"unit {given!r:.60}, expected {' or '.join(units)}"
    # an exact number or time is asked for by 0
    elif not (is_number(given) and 0 <= given < 1 and (given or kind in ("time", "number"))):
        least = "of at least 0" if kind in ("time", "number") else "above 0"
        return f"tolerance {given!r:.60}, expected a number {least} and below 1, such as 0.05 for 5 %"
    return None


def choice_problem(label):
    """What is wrong with the options of a choice, or with its letter, or None."""
    options, value = label.get("options"), label["value"]
    if options is None or not 2 <= len(options) <= 26:
        return "a choice needs options, a list of 2 to 26 texts"
    if not (isinstance(value, str) and len(value) == 1 and 0 <= ord(value) - ord("A") < len(options)):
        return f"value {value!r:.60}, expected a letter from A to {chr(ord('A') + len(options) - 1)}"
    right = options[ord(value) - ord("A")]
    if options.count(right) > 1:
        return f"the right option {right!r:.60} stands twice, expected different ones"
    return None


def value_problem(label):
    """What is wrong with the value of a label whose optional keys are as they must be, or None."""
    kind, value = label["kind"], label["value"]
    if kind == "choice":
        return choice_problem(label)
    check, expected = KINDS[kind]
    if not check(value):
        return f"value {value!r:.120}, {expected}"
    if kind in ("interval", "time") and label.get("unit") == "fraction":
        pairs = value if isinstance(value, list) and isinstance(value[0], list) else [value]
        if max(pair[1] if isinstance(pair, list) else pair for pair in pairs) > 1:
            return f"value {value!r:.120}, expected parts of the clip, from 0 to 1, as the unit is fraction"
    if kind == "class" and label.get("options") and value not in label["options"]:
        return f"value {value!r:.120} is not among its options"
    return None


def label_problem(label):
    """What is wrong with a label, or None."""
    if not isinstance(label, dict) or not {"name", "kind", "value"} <= label.keys():
        return f"label {label!r:.120}: expected an object with name, kind and value"
    name, kind = label["name"], label["kind"]
    if not is_words(name):
        return f"label {label!r:.120}: name {name!r:.60}, expected words"
    if not isinstance(kind, str) or kind not in KINDS:
        return f"label {name!r}: kind {kind!r:.60}, expected one of {', '.join(KINDS)}"
    given = [key for key in TAKE if label.get(key) is not None]  # null is as if it were not there
    problem = next(filter(None, (key_problem(label, key) for key in given)), None) or value_problem(label)
    return problem and f"label {name!r}: {problem}"


def times_problem(record):
    """What is wrong with start, end and duration of a record, or None."""
    start, end, length = record.get("start"), record.get("end"), record.get("duration")
    first, last = 0 if start is None else start, LARGEST if end is None else end
    if not (is_time(first) and (end is None or is_time(last)) and first < last):
        return f"start {start!r:.60} and end {end!r:.60}, expected seconds with 0 <= start < end"
    if not (length is None or is_time(length) and length > 0):
        return f"duration {length!r:.60}, expected seconds above 0"
    return None


UNLABELLED = "01_prepare.py --dataset captions: for 02 --style caption, 05 and lib.viit alone"
# of an answer: to the question, to the question with its label, of a clip that is to be described, or of no
# model (lib.tools.baselines)
ORIGINS = ("direct", "rationalized", "caption", "template", "truth")
# what stages write and read as theirs
WRITTEN = (
    *("answer", "thought", "error", "tokens", "truncated", "thought_truncated", "origin", "sample", "seed"),
    *("checks", "verdict", "pass_rate", "keep", "why"),
)
OURS = {
    "boxes": str,
    "frame_size": list,
    "truncated": bool,
    "thought_truncated": bool,
    "judgements": (),
}
COORDINATES = ("fraction", "1000", "pixels")  # of boxes


def content_problem(record, plain=False, foreign=False):
    """What of a record cannot stand in a file of JSON in UTF-8, or would be taken for a stage's, or None.
    `plain`: its line shows that its content is JSON in UTF-8; `foreign`: no stage wrote it.
    """
    for key in WRITTEN if foreign else ():
        if record.get(key) is not None:
            return f"{key} is {record[key]!r:.60}: stages use that key; give yours another name"
    for key, kind in OURS.items():
        if record.get(key) is not None and not isinstance(record[key], kind):
            return f"{key} is {record[key]!r:.60}: stages use that key; give yours another name"
    if problem := coordinates_problem(record):
        return problem
    if plain:
        return None
    try:
        given = {key: value for key, value in record.items() if key not in WRITTEN}
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        near = error.object[max(0, error.start - 30) : error.end + 10]
        return f"{near!r} is not Unicode (half a character, or a file name that is not UTF-8: rename it)"
    except (ValueError, RecursionError) as error:
        return f"NaN, an infinity or a value too deep ({error}), expected finite numbers"
    return None


def coordinates_problem(record):
    """What is wrong with the coordinates in which boxes of a record are answered, or None."""
    system, size = record.get("boxes"), record.get("frame_size")
    if system is not None and system not in COORDINATES:
        return f"boxes is {system!r:.60}, expected one of {', '.join(COORDINATES)}"
    if size is not None and not (len(size) == 2 and all(is_number(side) and side > 0 for side in size)):
        return f"frame_size is {size!r:.60}, expected [width, height] in pixels"
    return None


def record_problem(record, plain=False, unlabelled=False):
    """What is wrong with a record, or None: then no stage raises for it. `plain`: as content_problem();
    `unlabelled`: clips with captions in place of labels, none or several, are records too.
    """
    if not isinstance(record, dict):
        return f"found {type(record).__name__}, expected an object"
    for key in ("id", "video", "question"):
        if not is_text(record.get(key)):
            return f"{key} is {record.get(key)!r:.60}, expected words"
    labels, captions = record.get("labels"), record.get("captions")
    if labels == [] and isinstance(captions, list):
        if not unlabelled:
            return f"a clip without labels, of {UNLABELLED}"
        if not all(map(is_text, captions)):
            return f"captions is {captions!r:.120}, expected a list of texts that are not blank"
        return times_problem(record) or content_problem(record, plain)
    if not (isinstance(labels, list) and labels):
        return f"labels is {labels!r:.60}, expected a list of at least one label"
    problem = times_problem(record) or next(filter(None, map(label_problem, labels)), None)
    if problem or (problem := content_problem(record, plain)):
        return problem
    if len(labels) == 1:
        return None
    names = [" ".join(label["name"].lower().replace("_", " ").split()) for label in labels]
    # an answer says each label by its name, and a judge's replies are kept by it
    if len(set(names)) < len(names):
        return f"labels: names {names}, expected a different one for each label"
    return None


def answer_problem(record, plain=False, unlabelled=False):
    """What is wrong with a record of 02, 03 or 04, or None."""
    problem = record_problem(record, plain, unlabelled)
    if problem or not {"answer", "error"} & record.keys():
        return problem or "neither answer nor error: not a file of 02_generate.py or 03_rationalize.py"
    for key, kind in {"answer": str, "thought": str, "origin": str, "sample": int}.items():
        if not isinstance(record.get(key), (kind, type(None))):
            return f"{key} is {record[key]!r:.60}, expected {'a number' if kind is int else 'a text'}"
    if record.get("origin") not in (None, *ORIGINS):
        return f"origin is {record['origin']!r:.60}, expected one of {', '.join(ORIGINS)}"
    if record.get("keep") and record.get("answer") is None:
        return "keep is set, but there is no answer to keep"
    return None
