"""Stage 01: the user's own labels, good and bad, become records or reasons."""

import json

import pytest
from conftest import lines, sh
from test_video import coded_clip


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
    assert fitted(
        {**record, "labels": [{"name": "when", "kind": "interval", "value": [0.8, 0.9], "unit": "fraction"}]},
        video,
    )[1:] == (None, None)
