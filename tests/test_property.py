"""Whatever 01 passes runs to the end: records of every kind with nasty values, through every stage that needs
no model."""

import csv
import functools
import io
import json
import random
import sys
from math import inf, nan

import numpy as np
import pytest
from conftest import lines, sh
from test_video import coded_clip

from lib import verifier
from lib.benchmarks import labels as scoring
from lib.datasets import own
from lib.datasets.videos import fitted
from lib.labels import KINDS, record_problem
from lib.prompts import STYLES, label_text, render
from lib.records import StageError, line_of
from lib.tools.report_answers import row_of

COUNT = 2000
WORDS = ["red", "Moving left", "2.5 Somersaults Pike", "A", "yes", "open the door", "cat", "3", "a or b"]
TEXTS = [
    *WORDS,
    "走る",
    "бежать быстро",
    "न दौड़ना",
    "İstanbul ẞ",
    "e\u0301 ﬁ ² ½ ١٢ Ⅷ",
    "😀",
    "\u202ertl",
    "the a",
]
TEXTS += [
    "",
    " ",
    "...",
    "-",
    "()",
    "(x",
    "[x",
    "a\\b\\1",
    "%s {0} {label}",
    "<video>",
    "<|im_end|> x",
    "a/b/c/d",
]
TEXTS += ["\x00\x07", "nul\x00", "line\nbreak", "tab\tx", "\ud83d", "x\udce9", "x" * 3000, "word " * 60]
TEXTS += ["Answer: 3", "not running", "it", "unknown", "x: y; z: 3", '{"a": 1}', "| a | b |", "\\boxed{3}"]
NUMBERS = [0, 1, -1, 3, 2.5, 0.3, 63.0, -0.0, 1e-320, 1e14, 1e16, 10**400, inf, -inf, nan]
OTHERS = [
    None,
    True,
    3,
    2.0,
    "",
    "5%",
    [],
    {},
    ["train"],
    [None],
    [[1]],
    {"a": nan},
    nan,
    inf,
    "seconds",
    "fraction",
]


def any_of(draw, usual, odd, share=0.1):
    """One of the usual values, or now and then an odd one."""
    return draw.choice(odd if draw.random() < share else usual)


def text(draw):
    return any_of(draw, WORDS, TEXTS, 0.4)


def number(draw):
    return any_of(draw, [0, 1, 2.5, 7, 63.0, 0.3], NUMBERS)


def value_of(draw, kind):
    """A value that a label of this kind may have, or nearly."""
    pair = lambda: [draw.choice([0, 0.1, 1, 2.5]), number(draw)]
    if kind == "sequence":
        return [text(draw) for _ in range(draw.randrange(1, 4))]
    if kind == "interval":
        return pair() if draw.random() < 0.6 else [pair() for _ in range(draw.randrange(1, 3))]
    if kind == "box":
        return [0.1, 0.2, draw.choice([0.5, 1, 1.5]), any_of(draw, [0.9, 1], NUMBERS, 0.3)]
    if kind == "choice":
        return draw.choice("ABC")
    if kind == "boolean":
        return draw.random() < 0.5
    return number(draw) if kind in ("time", "number") else text(draw)


def label_of(draw, name):
    """A label of any kind, with optional keys that it takes and some that it does not."""
    kind = draw.choice([*KINDS])
    label = {"name": name, "kind": kind, "value": value_of(draw, kind)}
    texts = list(dict.fromkeys(text(draw) for _ in range(4)))
    if kind == "choice":
        label["options"] = [*texts, "x", "y"]
    if kind in ("class", "sequence") and draw.random() < 0.5:
        label["options"] = [*texts, *(label["value"] if kind == "sequence" else [label["value"]])]
    if kind == "class" and draw.random() < 0.3:
        label["aliases"] = texts
    if kind in ("interval", "time") and draw.random() < 0.3:
        label["unit"] = draw.choice(["seconds", "fraction", None])
    if kind in ("interval", "time", "box", "number", "text") and draw.random() < 0.3:
        label["tolerance"] = any_of(draw, [0.2, 0.5, None], [0, 1, -1, "5%", nan, True])
    if draw.random() < 0.15:
        label[draw.choice(["name", "kind", "value", "options", "aliases", "unit", "tolerance"])] = (
            draw.choice(OTHERS)
        )
    return label


def record_of(draw, number):
    """A record as a user might write it, good or bad."""
    names = draw.sample(
        ["score", "action", "start_time", "the box", "x", "C++", "動作", "s"], draw.choice([1, 1, 2, 3])
    )
    record = {"id": f"{number}", "video": "v.mp4", "question": any_of(draw, WORDS, TEXTS, 0.3)}
    record["labels"] = [label_of(draw, name) for name in names]
    if draw.random() < 0.3:
        record |= {"start": any_of(draw, [0, 1.5], NUMBERS), "end": any_of(draw, [2, 9.5], NUMBERS)}
    if draw.random() < 0.5:
        record["duration"] = any_of(draw, [0.5, 10, 100.0], NUMBERS)
    if draw.random() < 0.12:
        keys = "id video question labels start end duration split boxes judgements truncated note".split()
        record[draw.choice(keys)] = draw.choice(OTHERS)
    return record


@functools.cache
def vector(string):
    """A unit vector that depends on the text alone."""
    found = np.random.default_rng(list(string.encode())).normal(size=8)
    return (found / np.linalg.norm(found)).astype(np.float32)


def embed(strings, adapted=False):
    """Stands for the sentence embedder."""
    return np.array([vector(string) for string in strings]).reshape(-1, 8)


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    """What 01 passes of COUNT records, as it reads them and as it writes them for a clip of 10 s."""
    draw, path = random.Random(0), tmp_path_factory.mktemp("property") / "mine.jsonl"
    path.write_text("".join(json.dumps(record_of(draw, number)) + "\n" for number in range(COUNT)))
    read = [record for _, record in own.lines(path) if record_problem(record) is None]
    video = {"duration": 10.0, "width": 200, "height": 100}
    made = [record for record, _, problem in (fitted(r, video) for r in read) if problem is None]
    assert COUNT / 5 < len(made) <= len(read) < COUNT * 4 / 5
    assert {label["kind"] for record in made for label in record["labels"]} == set(KINDS)
    given = {record["id"]: record["labels"] for record in read}
    mended = [record for record in made if record["labels"] != given[record["id"]]]
    assert mended
    return read + [{**record, "id": f"{record['id']}, mended"} for record in mended]


def answers_to(record):
    """A handful of answers: the labels said, nonsense, nothing."""
    nonsense = (
        '{"score": [1, {"x": null}]} From 2 to 5 s, 50%; [0.1, 0.2, 0.3, 0.4]; B. red, then \ud83d, yes, ½.'
    )
    return [f"Answer: {label_text(record['labels'])}", nonsense, ""]


def test_what_01_passes_is_json_in_utf8(passed):
    for record in passed:
        json.loads(line_of(record).decode(), parse_constant=pytest.fail)


def test_what_01_passes_can_be_asked_verified_scored_and_shown(passed, monkeypatch):
    monkeypatch.setattr(verifier.verdicts, "Embedder", lambda *_: embed)
    every = []
    for record in passed:
        for style in STYLES:
            render(record, style)
        every += [{**record, "answer": answer, "origin": "direct"} for answer in answers_to(record)]
    summary, results = scoring.score(every, None)
    rows = [row_of("cycle 1", {**record, **result, "keep": True}) for record, result in zip(every, results)]
    json.dumps([summary, rows], allow_nan=False)
    right = sum(result["verdict"] == "correct" for result in results[:: len(answers_to(passed[0]))])
    assert right > 0.9 * len(passed)


def test_what_01_passes_runs_through_04_06_report_and_export(passed, tmp_path):
    run = tmp_path / "run"
    (run / "cycle1").mkdir(parents=True)
    answered = [
        {**record, "origin": "direct", "sample": 0, "answer": answers_to(record)[0] if at % 3 else ""}
        for at, record in enumerate(passed)
    ]
    for name, records in (("test", passed), ("cycle1/generated", answered), ("cycle1/predictions", answered)):
        (run / f"{name}.jsonl").write_bytes(b"".join(map(line_of, records)))
    verified = run / "cycle1/verified.jsonl"
    sh("04_verify.py", run / "cycle1/generated.jsonl", "-o", verified, fresh=True)
    evaluated = ["-o", run / "cycle1/eval.json", "--predictions", run / "cycle1/predictions.jsonl"]
    sh("06_eval.py", run / "test.jsonl", *evaluated, fresh=True)
    json.loads((run / "cycle1/eval.json").read_text(), parse_constant=pytest.fail)
    sh(sys.executable, "-m", "lib.tools.report", run, fresh=True)
    coded_clip(run / "cycle1/v.mp4", 12, fps=1)  # a clip beyond its end costs that row alone
    words = [verified, run / "kept.json", "--max-failures", "0.5"]
    sh(sys.executable, "-m", "lib.tools.export", *words, fresh=True)
    assert len(lines(verified)) == len(passed)
    assert len(json.loads((run / "kept.json").read_text())) > len(passed) / 2


def test_a_csv_of_nasty_cells_gives_records_or_reasons(tmp_path):
    draw, path, found = random.Random(1), tmp_path / "labels.csv", []
    for _ in range(60):
        columns = ["video", "label", *draw.sample(own.OPTIONAL, 4)]
        cells = [*TEXTS, *map(str, NUMBERS), *KINDS, "[1, 2]", "[1e999, 2]", "[" * 3000, "/", "..", "1_0"]
        text = io.StringIO()
        rows = [[draw.choice(cells) for _ in range(draw.randrange(1, 8))] for _ in range(20)]
        csv.writer(text).writerows([columns, *rows])
        raw = text.getvalue().encode("utf-8", "surrogatepass")
        path.write_bytes(
            raw
            if draw.random() < 0.3
            else raw.replace(b"\0", b"").replace(b"\xed\xa0\xbd", b"").replace(b"\xed\xb3\xa9", b"")
        )
        try:
            found += [r if isinstance(r, str) else record_problem(r) for _, r in own.table(path)]
        except StageError as error:
            assert str(error).startswith(f"{path}:")
    assert any(problem is None for problem in found) and any(found)
