"""Stage 01: the user's own labels, good and bad, become records or reasons."""

import argparse
import json
import os
import re
import runpy
import shutil
import sqlite3
import sys
import unicodedata
from collections import Counter

import pytest
from conftest import ROOT, lines, sh
from test_video import coded_clip

from lib.benchmarks.labels import join_answers
from lib.datasets import READERS, own
from lib.datasets.videos import fitted, located
from lib.labels import WRITTEN, record_problem
from lib.model import question_on
from lib.prompts import label_text
from lib.records import StageError
from lib.training.rows import rows_of


@pytest.fixture
def videos(tmp_path):
    """A folder of twelve clips of 2 s in three classes, one with an apostrophe and a comma in its name."""
    for name in ("high jump", "long jump", "it's, like, walking"):
        (tmp_path / "clips" / name).mkdir(parents=True)
        for n in range(4):
            coded_clip(
                tmp_path / "clips" / name / f"-{n}.mp4", 60
            )  # ids that begin with a dash are real: Kinetics has hundreds
    return tmp_path / "clips"


def test_a_class_per_folder(videos, tmp_path):
    done = sh("01_prepare.py", "--dataset", "folder", "--videos", videos, "-o", tmp_path / "data")
    train, test = lines(tmp_path / "data/train.jsonl"), lines(tmp_path / "data/test.jsonl")
    assert (
        len(train) + len(test) == 12
        and f"{len(train)} questions on {len(train)} videos to train" in done.stdout
    )
    assert {r["labels"][0]["value"] for r in train + test} == {
        "high jump",
        "long jump",
        "it's, like, walking",
    }
    assert all(r["duration"] == 2.0 and r["question"] for r in train + test)
    again = sh("01_prepare.py", "--dataset", "folder", "--videos", videos, "-o", tmp_path / "data")
    assert "complete already" in again.stdout
    coded_clip(videos / "high jump" / "new.mp4", 60)
    changed = sh(
        "01_prepare.py", "--dataset", "folder", "--videos", videos, "-o", tmp_path / "data", check=False
    )
    assert changed.returncode == 1 and "made with other settings" in changed.stderr


def test_the_label_in_the_file_name(tmp_path):
    for name in ("asl__thanks.mp4", "wave_01.mp4", "wave_02.mp4", "pick-up-3.mp4", "007.mp4"):
        (tmp_path / "v").mkdir(exist_ok=True)
        coded_clip(tmp_path / "v" / name, 20)
    sh(
        "01_prepare.py",
        "--dataset",
        "folder",
        "--videos",
        tmp_path / "v",
        "-o",
        tmp_path / "data",
        "--test-share",
        "0.5",
    )
    found = {
        r["id"]: r["labels"][0]["value"]
        for name in ("train", "test")
        for r in lines(tmp_path / f"data/{name}.jsonl")
    }
    assert found == {
        "asl__thanks": "thanks",
        "wave_01": "wave",
        "wave_02": "wave",
        "pick-up-3": "pick-up",
        "007": "007",
    }


def test_csv_of_several_kinds_with_its_split(videos, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(
        "video,label,kind,question,id,start,end,split\n"
        '"it\'s, like, walking/-0.mp4","walking, slowly",class,,a,0.5,1.5,train\n'
        'high jump/-1.mp4,"[0.2, 1.1]",interval,When does it jump?,b,,,train\n'
        "high jump/-2.mp4,7.5,number,What score?,c,,,test\n"
        "high jump/-3.mp4,TRUE,boolean,Is it high?,d,,,test\n"
    )
    sh(
        "01_prepare.py",
        "--dataset",
        "csv",
        "--annotations",
        table,
        "--videos",
        videos,
        "-o",
        tmp_path / "data",
    )
    train, test = lines(tmp_path / "data/train.jsonl"), lines(tmp_path / "data/test.jsonl")
    assert [r["id"] for r in train] == ["a", "b"] and [r["id"] for r in test] == ["c", "d"]
    assert train[0]["labels"][0]["value"] == "walking, slowly" and (
        train[0]["start"],
        train[0]["end"],
        train[0]["duration"],
    ) == (0.5, 1.5, 1.0)
    assert (
        train[1]["labels"] == [{"name": "interval", "kind": "interval", "value": [0.2, 1.1]}]
        and test[1]["labels"][0]["value"] is True
    )


def test_every_bad_record_is_listed_with_its_place_and_left_out(videos, tmp_path):
    (videos / "empty.mp4").write_bytes(b"")
    good = {
        "id": "ok",
        "video": "high jump/-0.mp4",
        "question": "What?",
        "labels": [{"name": "a", "kind": "class", "value": "jump"}],
    }
    bad = [
        ({}, ":2: id is None"),
        ({**good, "id": "2", "video": "nowhere.mp4"}, ":3: .*nowhere.mp4: no such file"),
        ({**good, "id": "3", "video": "empty.mp4"}, ":4: .*empty.mp4: the file is empty"),
        (
            {**good, "id": "4", "labels": [{"name": "a", "kind": "time", "value": 9.0}]},
            ":5: .*lies after the clip's end",
        ),
        (good, ":6: duplicate id 'ok', first at"),
        ({**good, "id": "5", "start": 30.0}, ":7: .*the clip starts at 30"),
        (
            {
                **good,
                "id": "6",
                "labels": [{"name": "a", "kind": "choice", "value": "E", "options": ["x", "y"]}],
            },
            ":8: .*a letter from A to B",
        ),
        ({**good, "id": "7", "split": "val"}, ":9: split 'val', expected train or test"),
    ]
    path = tmp_path / "mine.jsonl"
    path.write_text(
        "".join(
            json.dumps(r) + "\n"
            for r in [good, *(r for r, _ in bad), {**good, "id": "ok2", "video": "high jump/-1.mp4"}]
        )
    )
    command = ["01_prepare.py", "--dataset", "jsonl", "--annotations", path, "--videos", videos]
    done = sh(*command, "--check", check=False)
    assert done.returncode == 1 and "8 of 10 records are bad, more than --max-failures" in done.stderr
    import re

    for _, said in bad:
        assert re.search("bad: .*mine.jsonl" + said, done.stdout), (said, done.stdout)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clips", "mine.jsonl"]  # --check wrote nothing
    done = sh(*command, "--check", "--max-failures", "8")
    assert "2 good records, 8 bad" in done.stdout


def test_no_video_stands_on_both_sides(videos, tmp_path):
    rows = [
        {
            "id": f"{n}-{q}",
            "video": f"{c}/-{n}.mp4",
            "question": "What?",
            "labels": [{"name": "a", "kind": "class", "value": c}],
        }
        for c in ("high jump", "long jump")
        for n in range(4)
        for q in range(6)
    ]
    rows = [{**r, "id": f"{r['video']} {r['id']}"} for r in rows]
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    sh(
        "01_prepare.py",
        "--dataset",
        "jsonl",
        "--annotations",
        path,
        "--videos",
        videos,
        "-o",
        tmp_path / "data",
        "--test-share",
        "0.4",
    )
    train, test = ({r["video"] for r in lines(tmp_path / f"data/{name}.jsonl")} for name in ("train", "test"))
    assert train and test and not train & test
    path.write_text(
        "".join(json.dumps({**r, "split": "train" if i % 2 else "test"}) + "\n" for i, r in enumerate(rows))
    )
    done = sh(
        "01_prepare.py",
        "--dataset",
        "jsonl",
        "--annotations",
        path,
        "--videos",
        videos,
        "-o",
        tmp_path / "other",
        check=False,
    )
    assert (
        done.returncode == 1
        and "records in both splits" in done.stderr
        and not (tmp_path / "other/train.jsonl").exists()
    )


def test_bad_usage_ends_with_2(tmp_path):
    for words in (
        ["--dataset", "csv", "-o", "x"],
        ["--dataset", "folder", "-o", "x"],
        ["--dataset", "folder", "--videos", "x"],
        ["--dataset", "nothing", "-o", "x"],
        ["--dataset", "demo", "-o", "x", "--limit", "0"],
    ):
        done = sh("01_prepare.py", *words, check=False)
        assert done.returncode == 2 and "usage:" in done.stderr


def kinetics(path, rows):
    path.write_text(
        "label,youtube_id,time_start,time_end,split\n"
        + "".join(f'"{label}",{youtube},{start},{start + 10},train\n' for label, youtube, start in rows)
    )
    return path


def test_an_official_file_with_its_videos(tmp_path):
    (tmp_path / "v/high jump").mkdir(parents=True)
    rows = [
        ("high jump", "-abc", 3),
        ("long jump", "b", 0),
        ("high jump", "gone", 5),
        ("long jump", "gone2", 5),
    ]
    coded_clip(tmp_path / "v/high jump/-abc_000003_000013.mp4", 60)  # the clip, cut already
    coded_clip(tmp_path / "v/b.mp4", 400)  # the whole video: cut by start and end
    command = [
        "01_prepare.py",
        "--dataset",
        "kinetics",
        "--annotations",
        kinetics(tmp_path / "train.csv", rows),
        "--videos",
        tmp_path / "v",
        "--test-share",
        "0.5",
    ]
    for seed in range(9):  # until the two videos fall on two sides
        done = sh(*command, "-o", tmp_path / f"data{seed}", "--seed", seed, check=False)
        if done.returncode == 0:
            break
    assert (
        done.stdout.startswith(f"2 of 4 annotations have no video in {tmp_path / 'v'}")
        and "dropped: video not found: 2, the first at" in done.stdout
    )
    found = {
        r["labels"][0]["value"]: r
        for name in ("train", "test")
        for r in lines(tmp_path / f"data{seed}/{name}.jsonl")
    }
    assert "start" not in found["high jump"] and found["high jump"]["duration"] == 2.0
    assert (found["long jump"]["start"], found["long jump"]["end"], found["long jump"]["duration"]) == (
        0,
        10,
        10.0,
    )
    assert json.loads((tmp_path / f"data{seed}/train.jsonl.meta.json").read_text())["notes"] == {
        "dropped: video not found": 2
    }
    alone = sh(*command[:5], "--check")
    assert (
        "4 annotations; without --videos" in alone.stdout
        and "4 good records, 0 bad; labels: 4 class" in alone.stdout
    )


def test_what_probing_found_is_remembered_until_the_video_changes(videos, tmp_path):
    import os
    import sqlite3

    sh("01_prepare.py", "--dataset", "folder", "--videos", videos, "-o", tmp_path / "data")
    with sqlite3.connect(
        tmp_path / "data/memory.sqlite"
    ) as memory:  # a memory that lies shows whether it is asked
        memory.execute("UPDATE probes SET found = json_set(found, '$.duration', 1.5)")
    again = lambda: sh(
        "01_prepare.py",
        "--dataset",
        "folder",
        "--videos",
        videos,
        "-o",
        tmp_path / "data",
        "--overwrite",
        "--question",
        f"What? {os.urandom(4).hex()}",
    )
    again()
    assert {r["duration"] for name in ("train", "test") for r in lines(tmp_path / f"data/{name}.jsonl")} == {
        1.5
    }
    for path in videos.rglob("*.mp4"):
        os.utime(path, (1, 1))
    again()
    assert {r["duration"] for name in ("train", "test") for r in lines(tmp_path / f"data/{name}.jsonl")} == {
        2.0
    }


def test_a_dev_split_is_taken_from_the_training_videos(videos, tmp_path):
    done = sh(
        "01_prepare.py",
        "--dataset",
        "folder",
        "--videos",
        videos,
        "-o",
        tmp_path / "data",
        "--test-share",
        "0.3",
        "--dev-share",
        "0.4",
    )
    sides = {
        name: {r["video"] for r in lines(tmp_path / f"data/{name}.jsonl")}
        for name in ("train", "test", "dev")
    }
    assert (
        all(sides.values())
        and sum(map(len, sides.values())) == 12 == len(set().union(*sides.values()))
        and f"{len(sides['dev'])} to choose the cycle by" in done.stdout
    )
    sh(
        "01_prepare.py",
        "--dataset",
        "folder",
        "--videos",
        videos,
        "-o",
        tmp_path / "without",
        "--test-share",
        "0.3",
    )
    assert {r["video"] for r in lines(tmp_path / "without/test.jsonl")} == sides["test"]
    # without its share it goes, as its records now stand in train.jsonl; a file of the user's stays
    (tmp_path / "without/dev.jsonl").write_text("mine")
    for out in ("data", "without"):
        words = [
            "--dataset",
            "folder",
            "--videos",
            videos,
            "-o",
            tmp_path / out,
            "--overwrite",
            "--seed",
            "1",
        ]
        sh("01_prepare.py", *words)
    assert not (tmp_path / "data/dev.jsonl").exists() and (tmp_path / "without/dev.jsonl").exists()


def test_boxes_in_pixels_become_fractions_and_late_ends_are_clamped():
    import runpy

    fitted = runpy.run_path("01_prepare.py")["fitted"]
    video = {"duration": 10.0, "width": 200, "height": 100}
    record = {
        "id": "a",
        "video": "v.mp4",
        "question": "Where?",
        "labels": [{"name": "box", "kind": "box", "value": [20.0, 10.0, 210.0, 50.0], "unit": "pixels"}],
    }
    good, note, problem = fitted(record, video)
    assert (
        good["labels"] == [{"name": "box", "kind": "box", "value": [0.1, 0.1, 1.0, 0.5]}]
        and note == "clamped: box beyond the frame"
        and problem is None
    )
    record["labels"] = [{"name": "when", "kind": "interval", "value": [8.0, 12.5]}]
    good, note, problem = fitted(record, video)
    assert (
        good["labels"][0]["value"] == [8.0, 10.0]
        and note == "clamped: interval ends after the video"
        and problem is None
    )
    record["labels"] = [{"name": "when", "kind": "interval", "value": [80, 90], "unit": "fraction"}]
    # 1.4 - 1.1 is a little less than 0.3, and a listed time may be rounded up
    for kind, value, kept in (("time", 0.3, 0.3), ("time", 0.309, 0.3), ("interval", [0.1, 0.3], [0.1, 0.3])):
        record["labels"] = [{"name": "when", "kind": kind, "value": value}]
        good, note, problem = fitted({**record, "start": 1.1, "end": 1.4}, video)
        assert (good["labels"][0]["value"], note, problem) == (kept, None, None)
    record["labels"] = [{"name": "when", "kind": "time", "value": 0.32}]
    assert "0.32 lies after the clip's end (0.3 s)" in fitted({**record, "start": 1.1, "end": 1.4}, video)[2]
    assert "no frame is shown" in fitted({**record, "start": 2.5669, "end": 2.567}, video)[2]
    assert fitted(
        {**record, "labels": [{"name": "when", "kind": "interval", "value": [0.8, 0.9], "unit": "fraction"}]},
        video,
    )[1:] == (None, None)


# ---------------------------------------------------------------- files as users and programs write them

GOOD = {
    "id": "a",
    "video": "a.mp4",
    "question": "What?",
    "labels": [{"name": "it", "kind": "class", "value": "x"}],
}


def checked(dataset, path, *words):
    """What --check says of one annotations file, whose records may all be bad."""
    return sh(
        *("01_prepare.py", "--dataset", dataset, "--annotations", path, "--check", "--max-failures", "99"),
        *words,
        check=False,
    )


@pytest.fixture
def clip(tmp_path):
    """One clip of 2 s, a.mp4."""
    coded_clip(tmp_path / "a.mp4", 60)
    return tmp_path / "a.mp4"


@pytest.mark.parametrize(
    "label, said",
    [
        (
            {"kind": "choice", "value": "A", "options": [1, 2, 3]},
            r"options \[1, 2, 3\], expected a list of texts",
        ),
        ({"kind": "choice", "value": "A", "options": "abc"}, "options 'abc', expected a list of texts"),
        ({"kind": "choice", "value": "A", "options": None}, "needs options, a list of 2 to 26 texts"),
        ({"kind": "choice", "value": "A", "options": ["x", " "]}, "expected a list of texts"),
        ({"kind": "choice", "value": "A", "options": ["x", "y", "x"]}, "'x' stands twice"),
        ({"kind": "class", "value": "x", "options": ["x", 3]}, "expected a list of texts"),
        ({"kind": "class", "value": "x", "options": ["y", "z"]}, "not among its options"),
        ({"kind": "class", "value": "x", "aliases": [2]}, r"aliases \[2\], expected a list of texts"),
        ({"kind": "class", "value": "x", "aliases": "puppy"}, "aliases 'puppy', expected a list of texts"),
        ({"kind": "class", "value": "..."}, "value '...', expected words"),
        ({"kind": "class", "value": "half \ud83d"}, "not Unicode"),
        (
            {"kind": "number", "value": 3, "tolerance": "5%"},
            "tolerance '5%', expected a number of at least 0 and below 1,",
        ),
        ({"kind": "number", "value": 3, "tolerance": 5}, "tolerance 5, expected .* such as 0.05 for 5 %"),
        ({"kind": "class", "value": "x", "tolerance": 0.1}, "a class takes none"),
        ({"kind": "number", "value": 3, "unit": "m"}, "unit 'm': a number takes none"),
        ({"kind": "number", "value": 10**400}, "expected a number, below 1e.15"),
        ({"kind": "text", "value": "x", "tolerance": 0}, "expected a number above 0 and below 1,"),
        ({"kind": "number", "value": float("nan")}, "expected a number"),
        ({"kind": "time", "value": -1.0}, "expected a number of at least 0"),
        ({"kind": "time", "value": 30, "unit": "fraction"}, "parts of the clip, from 0 to 1"),
        ({"kind": "interval", "value": [10, 50], "unit": "fraction"}, "parts of the clip, from 0 to 1"),
        ({"kind": "interval", "value": [0, 1], "unit": "frames"}, "expected seconds or fraction"),
        ({"kind": "interval", "value": [0.5, float("inf")]}, "expected .start, end."),
        ({"kind": "class", "value": "x", "name": 3}, "name 3, expected words"),
    ],
)
def test_a_label_is_checked_whole(label, said):
    assert re.search(said, record_problem({**GOOD, "labels": [{"name": "it", **label}]}))


@pytest.mark.parametrize(
    "keys, said",
    [
        ({"end": float("inf")}, "expected seconds"),
        ({"start": "1"}, "expected seconds"),
        ({"start": True, "end": 2}, "expected seconds"),
        ({"duration": "2 s"}, "duration '2 s', expected seconds"),
        ({"duration": 0}, "duration 0, expected seconds above 0"),
        ({"note": {"weight": float("nan")}}, "NaN"),
        ({"note": "\udce9"}, "not Unicode"),
        ({"boxes": [[0, 1]]}, "give yours another name"),
        ({"judgements": {"it": True}}, "give yours another name"),
    ],
)
def test_a_record_is_checked_whole(keys, said):
    assert re.search(said, record_problem({**GOOD, **keys}))


def test_null_is_as_if_the_key_were_not_there(clip, tmp_path):
    nulls = dict.fromkeys(("options", "aliases", "unit", "tolerance"))
    values = {"class": "x", "number": 3, "time": 1, "interval": [0, 1], "box": [0, 0, 1, 1], "text": "x y"}
    labels = [{"name": kind, "kind": kind, "value": value, **nulls} for kind, value in values.items()]
    empty = dict.fromkeys(("start", "end", "duration", "split", "boxes", "truncated", "judgements"))
    record = {**GOOD, "labels": labels, **empty}
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(record) + "\n")
    assert "1 good record, 0 bad" in checked("jsonl", path).stdout
    answered = {**record, "answer": f"So it is this.\n{label_text(labels)}", "origin": None, "sample": None}
    (tmp_path / "g.jsonl").write_text(json.dumps(answered) + "\n")
    sh("04_verify.py", tmp_path / "g.jsonl", "-o", tmp_path / "v.jsonl")
    assert lines(tmp_path / "v.jsonl")[0]["verdict"] == "correct"


def test_what_cannot_be_read_or_hashed_is_a_bad_record(clip, tmp_path):
    path = tmp_path / "mine.jsonl"
    bad = [
        {**GOOD, "id": "b", "split": ["train"]},
        {**GOOD, "id": ["c"]},
        [GOOD],
        "",
        "a text",
        {**GOOD, "id": "d", "end": 1e999},
        {**GOOD, "id": "e", "why": 1e999},
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in [GOOD, *bad]))
    done = checked("jsonl", path)
    assert "1 good record, 7 bad" in done.stdout, done.stdout + done.stderr
    assert "2: split ['train'], expected train or test" in done.stdout


def test_several_intervals_are_fitted_to_the_clip():
    label = {"name": "when", "kind": "interval", "value": [[0.5, 1], [1.5, 9]]}
    video = {"duration": 2.0, "width": 8, "height": 8}
    good, note, problem = fitted({**GOOD, "labels": [label]}, video)
    assert (good["labels"][0]["value"], problem) == ([[0.5, 1], [1.5, 2.0]], None) and "clamped" in note
    assert (
        "lies after the clip's end"
        in fitted({**GOOD, "labels": [{**label, "value": [[0, 1], [2, 3]]}]}, video)[2]
    )


def test_a_comma_without_quotes_is_a_bad_row(clip, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        'video,label\na.mp4,"opening a door, then closing it"\na.mp4,opening a door, then closing it\n'
    )
    done = checked("csv", path)
    assert (
        "1 good record, 1 bad" in done.stdout
        and f"{path}:3: 3 fields, expected 2 (video, label)" in done.stdout
    )
    assert "in quotes" in done.stdout
    # as Excel writes it, with empty columns behind; and as pandas does, with the rows' numbers before
    path.write_text("video,label,,\na.mp4,opening a door, then closing it,\na.mp4,x,,\n")
    assert "1 good record, 1 bad" in checked("csv", path).stdout
    path.write_text("video,label,question\na.mp4,x\n")
    assert f"{path}:2: 2 fields, expected 3 (video, label, question)" in checked("csv", path).stdout
    path.write_text(",video,label\n0,a.mp4,x\n")
    assert "1 good record, 0 bad" in checked("csv", path).stdout


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("header", ["video,label", " Video ,LABEL", "ID,Label,Video"])
def test_csv_of_spreadsheets(tmp_path, encoding, header):
    path = tmp_path / "labels.csv"
    row = "n1,fermé,a.mp4" if header.startswith("ID") else "a.mp4,fermé"
    path.write_bytes(f"{header}\r\n{row}\r\n".encode(encoding))
    found = list(own.table(path))
    assert (found[0][1]["labels"][0]["value"], found[0][1]["video"]) == ("fermé", "a.mp4")


@pytest.mark.parametrize(
    "raw, said",
    [
        (
            "video,label\na.mp4,ferm\xe9\n".encode("latin-1"),
            ":2: byte 0xe9 .* is not UTF-8; save it as UTF-8 .Excel",
        ),
        ("video,label\na.mp4,x\n".encode("utf-16-le"), ":1: a NUL byte"),
        (b"\xff\xfevideo", "not a text in utf-16"),
        (b"", ":1: an empty file, expected video, label"),
        (b"video,label\n", "a header without rows"),
        (
            b"video;label\na.mp4;x\n",
            ":1: columns .'video;label'., expected video, label, with commas between",
        ),
        (b"video,label,Label\na.mp4,x,y\n", ":1: column 'label' stands twice"),
        (b'video,label\na.mp4,"x\na.mp4,y\n', ":2: not CSV .unexpected end of data"),
    ],
)
def test_a_csv_that_is_none_is_one_clear_error(tmp_path, raw, said):
    path = tmp_path / "labels.csv"
    path.write_bytes(raw)
    with pytest.raises(StageError, match=f"^{re.escape(str(path))}.*{said}"):
        list(own.table(path))
    with pytest.raises(StageError, match=f"^{re.escape(str(path))}:.*"):
        list(READERS["kinetics"](str(path), 0))


@pytest.mark.parametrize("text", ["{}\n\n", "{}", "\ufeff{}\r\n", "\n{}\n \n\n"])
def test_a_users_jsonl_may_have_blank_lines_a_mark_and_no_last_line_end(tmp_path, text):
    path, answers = tmp_path / "mine.jsonl", tmp_path / "answers.jsonl"
    path.write_text(text.replace("{}", json.dumps(GOOD)), encoding="utf-8", newline="")
    assert [record for _, record in own.lines(path)] == [GOOD]
    answers.write_text(text.replace("{}", '{"id": "a", "answer": "Answer: x"}'), encoding="utf-8", newline="")
    assert join_answers(answers, [GOOD])[1]["answered"] == 1


def test_keys_that_stages_write_are_not_the_users(clip, tmp_path):
    path, good = tmp_path / "mine.jsonl", {**GOOD, "video": str(clip)}
    path.write_text("".join(json.dumps({**good, "id": key, key: "3"}) + "\n" for key in WRITTEN))
    done = sh("01_prepare.py", "--dataset", "jsonl", "--annotations", path, "--check", check=False)
    for number, key in enumerate(WRITTEN, 1):
        problem = f"{key} is '3': stages use that key; give yours another name"
        assert f"bad: {path}:{number}: {problem}" in done.stdout, key


def test_a_key_that_stands_twice_is_a_bad_record(clip, tmp_path):
    path = tmp_path / "mine.jsonl"
    line = json.dumps({**GOOD, "video": str(clip)})
    path.write_text(line[:-1] + ', "id": "other"}\n' + line + "\n")
    done = sh("01_prepare.py", "--dataset", "jsonl", "--annotations", path, "--check", check=False)
    assert f"{path}:1: duplicate key 'id' in one object" in done.stdout
    assert "1 good record, 1 bad" in done.stdout


def test_keys_of_the_user_are_not_taken_for_an_answers(tmp_path):
    path, record = tmp_path / "test.jsonl", {**GOOD, "thought": 5, "truncated": True, "tokens": "few"}
    path.write_text(json.dumps(record) + "\n")
    assert record_problem(record) is None
    answer = {**question_on(record, "?", path).record, "answer": "So it is.\nAnswer: x"}
    (tmp_path / "answers.jsonl").write_text(json.dumps(answer) + "\n")
    sh("04_verify.py", tmp_path / "answers.jsonl", "-o", tmp_path / "v.jsonl")
    assert lines(tmp_path / "v.jsonl")[0]["keep"]
    sh("06_eval.py", path, "-o", tmp_path / "eval.json", "--predictions", tmp_path / "answers.jsonl")
    assert json.loads((tmp_path / "eval.json").read_text())["all"]["correct"] == 1


def test_what_is_kept_has_an_answer(tmp_path):
    for keys in ({"error": "no video"}, {"answer": None}):
        path = tmp_path / "verified.jsonl"
        path.write_text(json.dumps({**GOOD, "keep": True, **keys}) + "\n")
        with pytest.raises(StageError, match="verified.jsonl:1: keep is set, but there is no answer"):
            rows_of(path, "both", None)
        done = sh(sys.executable, "-m", "lib.tools.export", path, tmp_path / "kept.json", check=False)
        assert done.returncode == 1 and "verified.jsonl:1: keep is set" in done.stderr


@pytest.mark.parametrize("text", ['[{"id": "a", "answer": "x"}]', '{"a": "x"}', '"a"'])
def test_predictions_of_another_form_are_told_the_form(tmp_path, text):
    (tmp_path / "answers.json").write_text(text)
    with pytest.raises(StageError, match="answers.json:1: found .*, expected .*id.*answer.* a line"):
        join_answers(tmp_path / "answers.json", [GOOD])


def test_one_class_name_in_two_spellings_of_unicode_is_one_class(tmp_path):
    for n, form in enumerate(("NFC", "NFD")):
        (tmp_path / unicodedata.normalize(form, "\u00fcben")).mkdir()
        coded_clip(tmp_path / unicodedata.normalize(form, "\u00fcben") / f"{n}.mp4", 20)
    values = [record["labels"][0]["value"] for _, record in own.folder(tmp_path)]
    assert values == ["\u00fcben", "\u00fcben"]


def test_the_empty_rows_of_a_spreadsheet_are_no_records(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("video,label,\r\n,,\r\na.mp4,x,\r\n , ,\r\n,,\r\n", newline="")
    assert [where.rpartition(":")[2] for where, _ in own.table(path)] == ["3"]
    path.write_text("video,label\n,\n")
    with pytest.raises(StageError, match="a header without rows"):
        list(own.table(path))


@pytest.mark.parametrize(
    "keys, reason",
    [
        ({"conversations": "ab"}, "dropped: turns not in pairs"),
        ({"conversations": ["a", "b"]}, "dropped: not a question and its answer"),
        ({"conversations": [{"from": "human", "value": "?"}, {"from": "gpt"}]}, "dropped: not a question"),
        ({"conversations": [{"from": "human", "value": 5}, {"from": "gpt", "value": 5}]}, "dropped: not a q"),
        ({"labels": 5}, "dropped: no video, several, or malformed labels"),
        ({"start": "soon"}, "dropped: time not a number"),
        ({"end": [1]}, "dropped: time not a number"),
        ({"start": "0.5", "end": "1"}, None),
        ({"id": ["a"], "labels": [{"name": "it", "kind": "class", "value": "x"}]}, None),
    ],
)
def test_odd_conversations_cost_themselves_alone(clip, tmp_path, keys, reason):
    turns = [{"from": "human", "value": "<video>\nWhat?"}, {"from": "gpt", "value": "A dog runs."}]
    good = {"id": 1, "video": GOOD["video"], "conversations": turns}
    path = tmp_path / "talk.json"
    path.write_text(json.dumps([{**good, **keys}, good]))
    found = list(READERS["conversations"](str(path), 0))
    assert len(found) == 2 and found[1][1] is not None
    _, record, note = found[0]
    assert (record is None and note.startswith(reason)) if reason else isinstance(record["id"], str)
    times = [time for _, *times in (record or {"video": []})["video"] for time in times]
    assert all(time is None or isinstance(time, float) for time in times)


def test_what_06_writes_may_go_to_a_new_folder(tmp_path):
    (tmp_path / "test.jsonl").write_text(json.dumps(GOOD) + "\n")
    (tmp_path / "answers.jsonl").write_text('{"id": "a", "answer": "Answer: x"}')
    out = tmp_path / "new/folder/eval.json"
    sh("06_eval.py", tmp_path / "test.jsonl", "-o", out, "--predictions", tmp_path / "answers.jsonl")
    assert json.loads(out.read_text())["all"]["correct"] == 1


@pytest.mark.parametrize(
    "raw, said",
    [
        (b'{"id": "a", "video', ":1: not JSON"),
        (b"", ": no records"),
        (b"[" * 99999, ":1: not JSON"),
        (b'{"n": ' + b"1" * 5000 + b"}", ":1: not JSON"),
    ],
)
def test_a_torn_or_empty_jsonl_is_one_clear_error(tmp_path, raw, said):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(raw)
    done = checked("jsonl", path)
    assert f"{path}{said}" in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_folders_named_as_splits_are_splits(tmp_path):
    for place in ("train/diving", "train/high_jump", "val/diving", "Test/diving/day2", "train/.thumbs"):
        (tmp_path / "v" / place).mkdir(parents=True)
        coded_clip(tmp_path / "v" / place / f"{place.replace('/', '-')}.mp4", 20)
    done = sh("01_prepare.py", "--dataset", "folder", "--videos", tmp_path / "v", "-o", tmp_path / "data")
    assert "Test is the test split; train is the train split; val is the test split; 2 classes" in done.stdout
    values = {
        name: sorted(r["labels"][0]["value"] for r in lines(tmp_path / f"data/{name}.jsonl"))
        for name in ("train", "test")
    }
    assert values == {"train": ["diving", "high jump"], "test": ["diving", "diving"]}
    # a class may be called train, where others stand beside it
    (tmp_path / "v/bus").mkdir()
    coded_clip(tmp_path / "v/bus/b.mp4", 20)
    found = [record for _, record in own.folder(tmp_path / "v")]
    assert {r["labels"][0]["value"] for r in found} == {"train", "val", "Test", "bus"}
    assert not any("split" in r for r in found) and "train, val: classes, not splits" in own.understood(
        tmp_path / "v"
    )


def test_linked_class_folders_are_followed_and_hidden_ones_are_not(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "v/.thumbs/deep").mkdir(parents=True)
    (tmp_path / "v/walk").mkdir()
    for place in ("elsewhere/a.mp4", "v/.thumbs/deep/no.mp4", "v/walk/b.mp4", "v/walk/.no.mp4"):
        coded_clip(tmp_path / place, 20)
    (tmp_path / "v/run").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "v/walk")
    (tmp_path / "v/walk/again").symlink_to(tmp_path / "elsewhere")  # round and round
    (tmp_path / "v/walk/gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "v/itself").symlink_to("itself")
    found = {record["id"]: record["labels"][0]["value"] for _, record in own.folder(tmp_path / "v")}
    assert found == {"run/a": "run", "run/back/b": "run", "walk/b": "walk", "walk/again/a": "walk"}
    data = ["01_prepare.py", "--dataset", "folder", "--videos", tmp_path / "v", "-o", tmp_path / "data"]
    sh(*data, "--test-share", "0.5", "--seed", "1", check=False)
    coded_clip(tmp_path / "elsewhere/new.mp4", 20)
    done = sh(*data, "--test-share", "0.5", "--seed", "1", check=False)
    assert "complete already" not in done.stdout


def test_a_file_name_that_is_not_utf8_is_a_bad_record(tmp_path):
    for name in (b"good", b"caf\xe9", "\u8d70".encode()):
        (tmp_path / "v").mkdir(exist_ok=True)
        coded_clip(tmp_path / "v/x.mp4", 20)
        os.rename(tmp_path / "v/x.mp4", os.fsencode(tmp_path / "v/") + b"/" + name + b".mp4")
    done = sh(
        *(
            "01_prepare.py",
            "--dataset",
            "folder",
            "--videos",
            tmp_path / "v",
            "--check",
            "--max-failures",
            "9",
        ),
        fresh=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (
        "2 good records, 1 bad" in done.stdout and r"caf\udce9" in done.stdout and "rename it" in done.stdout
    )


def test_repeated_ids_are_found_in_one_reading(clip, tmp_path, monkeypatch):
    path, count, reads, read = tmp_path / "mine.jsonl", 8000, [], own.lines
    path.write_text("".join(json.dumps({**GOOD, "id": f"{n // 2}"}) + "\n" for n in range(count)))
    monkeypatch.setattr(own, "lines", lambda *words: reads.append(words) or read(*words))
    args = {"dataset": "jsonl", "annotations": [str(path)], "videos": None, "limit": None, "workers": 1}
    tally = {"good": 0, "bad": 0, "kinds": Counter(), "notes": {}}
    memory = sqlite3.connect(":memory:")
    checked = runpy.run_path("01_prepare.py")["checked"](argparse.Namespace(**args), count, tally, memory)
    assert [record["id"] for record in checked] == [f"{n}" for n in range(count // 2)]
    assert tally["bad"] == count // 2 and len(reads) == 1


# ---------------------------------------------------------------- what the user is told


def as_line(**keys):
    return json.dumps({**GOOD, **keys}) + "\n"


LABELLED = "video,label,kind,question,options\n"
TOLD = [
    # a line that is none costs itself alone, and a file that is another thing is named as that
    ("m.jsonl", as_line() + '{"id": "b" "video"}\n' + as_line(id="c", video=""), "m.jsonl:2: not JSON", 2),
    ("m.jsonl", as_line() + '{"id": "b" "video"}\n' + as_line(id="c", video=""), "m.jsonl:3: video is ''", 2),
    ("m.jsonl", '{"id", \n' + as_line(), "m.jsonl:1: not JSON", 1),
    (
        "m.jsonl",
        as_line().encode() + b'{"id": "caf\xe9"}\n',
        "m.jsonl:2: not JSON .*; save the file as UTF-8",
        1,
    ),
    ("m.jsonl", as_line() + f"[{as_line().strip()}]\n", "m.jsonl:2: found a list, .* jq -c '.\\[\\]' IN", 1),
    (
        "m.json",
        json.dumps([GOOD], indent=1),
        "m.json:1: JSON over several lines, .* jq -c '.\\[\\]' IN",
        None,
    ),
    ("m.json", json.dumps(GOOD, indent=1), "m.json:1: JSON over several lines, .* jq -c '.' IN", None),
    ("m.jsonl", as_line().encode("utf-16"), "m.jsonl:1: UTF-16, expected UTF-8: iconv", None),
    ("m.jsonl", None, "m.jsonl: a folder, expected a file", None),
    ("m.csv", 'video,label\na.mp4,"x"y\na.mp4,x\n', "m.csv:2: not CSV .*; quote a text", 1),
    ("m.csv", 'video,label\na.mp4,"x\na.mp4,"y"\n', "m.csv:2: not CSV .*; quote a text", None),
    # columns
    ("m.csv", LABELLED + 'a.mp4,A,choice,Which?,"[""x"",""y""]"\n', "labels: 1 choice", 0),
    ("m.csv", LABELLED + 'a.mp4,x,class,,"[""x"",""y""]"\n', "labels: 1 class", 0),
    # the kind is looked at before what it asks for
    ("m.csv", LABELLED + "a.mp4,x,klass,,\n", "m.csv:2: kind 'klass', expected one of class, text", 1),
    ("m.jsonl", as_line(video="https://x.org/a.mp4"), "'https://x.org/a.mp4' is a URL; download it", 1),
    ("m.jsonl", as_line(video="~/a.mp4"), "video '~/a.mp4': ~ is not read here; write the path whole", 1),
    (
        "m.csv",
        LABELLED + 'a.mp4,A,choice,Which?,"x, y"\n',
        "m.csv:2: options 'x, y': expected a JSON list",
        1,
    ),
    (
        "m.csv",
        "video,label,kind\na.mp4,3,number\n",
        "m.csv:2: no question .* column question, or --question",
        1,
    ),
    (
        "m.csv",
        "video,label,start_time,\na.mp4,x,1,\n",
        "m.csv: columns not used: start_time; known are video",
        0,
    ),
    (
        "m.csv",
        "video,label,start,end\na.mp4,x,0,390\n",
        "clamped: clip ends after the video: 1, the first at",
        0,
    ),
    (
        "m.csv",
        "video,label,start,end\na.mp4,x,0,2.005\n",
        "1 good record, 0 bad; labels: 1 class\nwithout",
        0,
    ),
]


@pytest.mark.parametrize("name, text, said, bad", TOLD)
def test_a_file_of_ones_own_is_told_what_is_wrong_with_it(clip, tmp_path, name, text, said, bad):
    """`bad`: how many records are, None where the whole file is no good."""
    path = tmp_path / name
    if text is None:
        path.mkdir()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = checked("csv" if name.endswith("csv") else "jsonl", path)
    assert re.search(said, done.stdout + done.stderr), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert bad is None and done.returncode == 1 or f", {bad} bad;" in done.stdout, done.stdout


def test_a_table_by_another_name_is_told_the_names(tmp_path):
    (tmp_path / "c.tsv").write_text("video\tcaption\na.mp4\tx\n")
    done = checked("captions", tmp_path / "c.tsv")
    assert "c.tsv: not JSON" in done.stderr and "known by the name .csv (with commas)" in done.stderr


def test_bad_records_are_told_in_order_and_none_at_length(tmp_path):
    path, long = tmp_path / "m.jsonl", "x" * 5000
    path.write_text(as_line() + as_line(id="b", split="dev") + as_line(id="c", video=long))
    told = [line for line in checked("jsonl", path).stdout.splitlines() if line.startswith("bad: ")]
    assert [re.search(r"m.jsonl:(\d)", line)[1] for line in told] == ["1", "2", "3"]
    assert max(map(len, told)) < 1010 and told[2].endswith("no such file")


@pytest.mark.parametrize(
    "words, said",
    [
        (["--dataset", "folder", "--videos", ".", "--annotations", "m.csv"], "--annotations: the folder has"),
        (
            ["--dataset", "folder", "--videos", ".", "--max-failures", "nan"],
            "--max-failures: nan: expected a finite",
        ),
        (["--dataset", "demo"], "--check: the demo makes its own data; expected -o FOLDER"),
        (["--dataset", "demo", "-o", "d", "--clips", "1"], "--clips 1: expected at least 2"),
        # told once, not once a row
        *(
            (
                [
                    "--dataset",
                    dataset,
                    "--videos",
                    "nix",
                    *(["--annotations", "m"] if dataset != "folder" else ()),
                ],
                "--videos nix: expected a folder of videos, found nothing",
            )
            for dataset in ("folder", "csv", "jsonl", "nextqa", "captions")
        ),
    ],
)
def test_flags_that_nothing_would_obey_are_refused(words, said):
    done = sh("01_prepare.py", *words, *([] if "-o" in words else ["--check"]), check=False)
    assert done.returncode == 2 and said in done.stderr


def test_several_videos_of_one_name_are_not_called_missing(tmp_path):
    for place in ("a/x.mp4", "b/x.mp4"):
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).touch()
    rows = [("f:1", {"video": [(name, None, None)]}, None) for name in ("x", "a/x", "y")]
    notes = [note for *_, note in located(rows, tmp_path)]
    assert "several videos of its name" in notes[0] and notes[1:] == [None, "dropped: video not found"]


# ---------------------------------------------------------------- the same command again


@pytest.fixture
def split_in_two(tmp_path):
    """Two clips and their labels with a split; the function runs 01 on them."""
    for name in ("a.mp4", "b.mp4"):
        coded_clip(tmp_path / name, 20)
    path = tmp_path / "m.jsonl"
    path.write_text(as_line(split="train") + as_line(id="b", video="b.mp4", split="test"))

    def prepare(*words, check=True):
        data = ["01_prepare.py", "--dataset", "jsonl", "--annotations", path, "-o", tmp_path / "data"]
        return sh(*data, *words, check=check)

    prepare()
    return prepare


@pytest.mark.parametrize("end", ["is gone", "was edited or cut off"])
def test_a_test_file_that_is_gone_or_was_changed_is_not_complete(split_in_two, tmp_path, end):
    test = tmp_path / "data/test.jsonl"
    before = test.read_bytes()
    test.unlink() if end == "is gone" else test.write_bytes(before + b"{}\n")
    done = split_in_two(check=False)
    assert done.returncode == 1 and f"{test} {end}; bring it back as it was" in done.stderr
    split_in_two("--overwrite")
    assert test.read_bytes() == before and "complete already" in split_in_two().stdout


def test_one_folder_in_several_spellings_is_one(split_in_two, tmp_path):
    for videos in (tmp_path, f"{tmp_path}/", f"{tmp_path}/data/..", os.path.relpath(tmp_path, ROOT)):
        assert "complete already" in split_in_two("--videos", videos).stdout, videos
    shutil.copytree(tmp_path, tmp_path / "elsewhere")
    done = split_in_two("--videos", tmp_path / "elsewhere", check=False)
    assert "made with other settings" in done.stderr and "/elsewhere'" in done.stderr


@pytest.mark.parametrize("kind", ["no database", "torn", "folder"])
def test_a_memory_that_cannot_be_used_is_named(split_in_two, tmp_path, kind):
    memory = tmp_path / "data/memory.sqlite"
    whole = memory.read_bytes()
    memory.unlink()
    if kind == "folder":
        memory.mkdir()
    else:
        memory.write_bytes(b"not a database at all" if kind == "no database" else whole[: len(whole) // 2])
    done = split_in_two("--overwrite", "--seed", "1", check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{memory}: " in done.stderr and "remove it, and run the same command again" in done.stderr
