"""The split of stage 01: what shows one video stands on one side, whatever its files are called."""

import hashlib
import json
import os
import random
import shutil
import sqlite3

import pytest
from conftest import lines, sh
from test_video import coded_clip

from lib.datasets.groups import groups_of

SIDES = ("train", "test", "dev")


def clip(path):
    """A short clip of its own content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return coded_clip(path, 6)


def label(value="red"):
    return {"name": "it", "kind": "class", "value": value}


def records(names, **more):
    return [
        {"id": f"{n}", "video": str(name), "question": "What?", "labels": [label()], **more}
        for n, name in enumerate(names)
    ]


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prepare(dataset, annotations, out, *flags, check=True):
    annotations = annotations if isinstance(annotations, list) else [annotations]
    words = ["--dataset", dataset, "--annotations", *annotations, "-o", out]
    return sh("01_prepare.py", *words, *flags, check=check)


def sides(data):
    """{video as seen from the folder above the data: its sides}."""
    found = {}
    for side in SIDES:
        for record in lines(data / f"{side}.jsonl") if (data / f"{side}.jsonl").exists() else ():
            video = os.path.relpath(os.path.join(data, record["video"]), data.parent)
            found.setdefault(video, set()).add(side)
    return found


def assert_whole(found, source_of):
    """Every source stands on one side, and there is something on every side."""
    whole = {}
    for video, on in found.items():
        whole.setdefault(source_of(video), set()).update(on)
    assert all(len(on) == 1 for on in whole.values()), whole
    assert set().union(*whole.values()) == set(SIDES), whole


# with this seed every set of eight sources below has some on each side
THREE = ("--test-share", "0.4", "--dev-share", "0.5", "--seed", "1")


# ---------------------------------------------------------------- one file under two names


@pytest.mark.parametrize("kind", ["folder link", "file link", "hard link", "copy"])
def test_a_file_under_two_names_stands_on_one_side(kind, tmp_path):
    names = [f"clips/c{n}.mp4" for n in range(8)]
    for name in names:
        clip(tmp_path / name)
    if kind == "folder link":
        (tmp_path / "alias").symlink_to("clips")
        second = [f"alias/c{n}.mp4" for n in range(8)]
    else:
        make = {"file link": os.symlink, "hard link": os.link, "copy": shutil.copy}[kind]
        (tmp_path / "other").mkdir()
        second = [f"other/x{n}.mp4" for n in range(8)]
        for name, other in zip(names, second):
            make(tmp_path / name, tmp_path / other)
    path = jsonl(tmp_path / "mine.jsonl", records([*names, *second]))
    done = prepare("jsonl", path, tmp_path / "data", *THREE)
    found = sides(tmp_path / "data")
    assert len(found) == 16
    assert_whole(found, lambda video: video[-5])
    said = "8 a copy of another" if kind == "copy" else "8 under a second name"
    assert f"split by source video: 16 videos of 8 sources, {said}\n" in done.stdout


def test_clips_cut_from_one_file_stand_on_one_side(tmp_path):
    rows = ["video,label,start,end"]
    for n in range(8):
        clip(tmp_path / f"{n}.mp4")
        rows += [f"{n}.mp4,red,0,0.1", f"{n}.mp4,blue,0.1,0.2"]
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    prepare("csv", tmp_path / "mine.csv", tmp_path / "data", *THREE)
    assert_whole(sides(tmp_path / "data"), lambda video: video)


def test_copies_are_told_by_their_bytes_and_their_digests_remembered(tmp_path):
    same = b"a" * 200_000
    for name, content in (
        ("a", same),
        ("b", same),
        ("middle", same[:100_000] + b"b" + same[100_001:]),  # both ends as in a
        ("end", same[:-1] + b"b"),
        ("longer", same + b"a"),
        ("empty1", b""),
        ("empty2", b""),
    ):
        (tmp_path / name).write_bytes(content)
    names = ("a", "b", "middle", "end", "longer", "empty1", "empty2", "gone")
    videos, memory = {(str(tmp_path / name), None, None) for name in names}, sqlite3.connect(":memory:")
    a, b, middle = (str(tmp_path / name) for name in ("a", "b", "middle"))
    assert groups_of(videos, tmp_path, memory, 2) == ({a: a, b: a}, 0, 1)
    remembered = {os.fsdecode(video) for (video,) in memory.execute("SELECT video FROM digests")}
    assert remembered == {a, b, middle}  # the others are told apart without being read whole
    memory.execute("UPDATE digests SET digest = 'the same'")  # a memory that lies shows whether it is asked
    assert groups_of(videos, tmp_path, memory, 2) == ({a: a, b: a, middle: a}, 0, 2)
    os.utime(b, (1, 1))
    assert groups_of(videos, tmp_path, memory, 2) == ({a: a, middle: a}, 0, 1)


def test_what_others_link_is_one_group(tmp_path):
    for name in "abcd":
        (tmp_path / name).write_text("same" if name in "bc" else name)
    paths = {name: str(tmp_path / name) for name in "abcd"}
    (tmp_path / "e").symlink_to("d")
    videos = {
        (paths["a"], "s", None),
        (paths["b"], "s", None),
        (paths["c"], "t", None),
        (paths["d"], "t", None),
    }
    videos.add((str(tmp_path / "e"), None, None))
    groups, names, copies = groups_of(videos, tmp_path, sqlite3.connect(":memory:"), 2)
    assert set(groups.values()) == {paths["a"]} and len(groups) == 5 and (names, copies) == (1, 1)


# ---------------------------------------------------------------- clips of one source


def trimmed_star(root):
    """STAR's multiple-choice CSV with clips VIDEO_START_END, two of each video."""
    rows = ["video_name,question,question_id,a0,a1,a2,a3,answer"]
    for n in range(8):
        for start, end in ((1.0, 4.5), (3.0, 8.0)):
            clip(root / f"v/VID{n}_{start}_{end}.mp4")
            rows.append(f"VID{n}_{start}_{end},Which?,Interaction_T1_{n}{start},A.,B.,C.,D.,C.")
    (root / "STAR_val.csv").write_text("\n".join(rows) + "\n")
    return "star", root / "STAR_val.csv", lambda video: video.split("/")[-1].split("_")[0]


def moma(root):
    """MOMA-LRG, two activities of each raw video, with a sub-activity each."""
    entries = []
    for n in range(16):
        scene = {"time": 5, "actors": [{"class_name": "player", "bbox": [1, 1, 20, 20]}], "objects": []}
        part = {"id": f"s{n}", "class_name": "passing", "start_time": 2, "end_time": 9}
        part["higher_order_interactions"] = [scene]
        activity = {"id": f"a{n}", "start_time": 1, "end_time": 10, "sub_activities": [part]}
        size = {"width": 64, "height": 64, "duration": 20}
        entries.append({"file_name": f"raw{n // 2}.mp4", "activity": activity, **size})
        for folder, name in (("activity", f"a{n}"), ("sub_activity", f"s{n}")):
            (root / "v" / folder).mkdir(parents=True, exist_ok=True)
            coded_clip(root / "v" / folder / f"{name}.mp4", 20, fps=2)
    path = root / "anns.json"
    path.write_text(json.dumps(entries))
    return "moma", path, lambda video: int(video.split("/")[-1][1:-4]) // 2


def kinetics_rows(split, ids, starts=(12, 40)):
    rows = [f"waving,{id},{start},{start + 10},{split}" for id in ids for start in starts]
    return "\n".join(["label,youtube_id,time_start,time_end,split", *rows]) + "\n"


def kinetics(root):
    ids = [f"-_id_{n}" for n in range(8)]
    for id in ids:
        for start in (12, 40):
            clip(root / f"v/waving/{id}_{start:06d}_{start + 10:06d}.mp4")
    (root / "train.csv").write_text(kinetics_rows("train", ids))
    return "kinetics", root / "train.csv", lambda video: video.split("/")[-1][:6]


def egoexo(root):
    """Ego-Exo4D, two annotators who name another camera of each take."""
    entries = []
    for n in range(16):
        views = {"exo": f"takes/take{n // 2}/frame_aligned_videos/cam{n % 2}.mp4"}
        clip(root / "v" / views["exo"].removeprefix("takes/"))
        entry = {"take_uid": f"u{n // 2}", "scenario_name": "cooking", "proficiency_score": "Novice"}
        entries.append({**entry, "video_paths": views})
    path = root / "proficiency_demonstrator_train.json"
    path.write_text(json.dumps(entries))
    return "egoexo4d", path, lambda video: video.split("/")[-3]


@pytest.mark.parametrize("dataset", [trimmed_star, moma, kinetics, egoexo], ids=lambda made: made.__name__)
def test_clips_of_one_source_stand_on_one_side(dataset, tmp_path):
    name, path, source_of = dataset(tmp_path)
    done = prepare(name, path, tmp_path / "data", "--videos", tmp_path / "v", *THREE)
    found = sides(tmp_path / "data")
    assert len(found) in (16, 32)
    assert_whole(found, source_of)
    assert f"split by source video: {len(found)} videos of 8 sources\n" in done.stdout
    assert not any("source_video" in r for side in SIDES for r in lines(tmp_path / f"data/{side}.jsonl"))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_own_data_names_its_sources(form, tmp_path):
    names = [f"clip{n}.mp4" for n in range(16)]
    for name in names:
        clip(tmp_path / name)
    path = tmp_path / f"mine.{form}"
    rows = [{**row, "source_video": n % 8} for n, row in enumerate(records(names))]
    if form == "csv":
        path.write_text(
            "video,label,source_video\n" + "".join(f"{r['video']},red, {r['source_video']}\n" for r in rows)
        )
    else:
        jsonl(path, rows)
    done = prepare(form, path, tmp_path / "data", *THREE)
    assert_whole(sides(tmp_path / "data"), lambda video: int(video[4:-4]) % 8)
    assert "split by source video: 16 videos of 8 sources\n" in done.stdout
    assert all(str(r["source_video"]) in "01234567" for r in lines(tmp_path / "data/train.jsonl"))


def test_a_source_that_is_no_name_is_a_bad_record(tmp_path):
    clip(tmp_path / "a.mp4")
    rows = [{**row, "id": f"{n}"} for n, row in enumerate(records(["a.mp4"] * 5))]
    for row, source in zip(rows, (["a"], {"of": "a"}, True, None, "")):
        row["source_video"] = source
    done = sh(
        *("01_prepare.py", "--dataset", "jsonl", "--annotations", jsonl(tmp_path / "mine.jsonl", rows)),
        *("--check", "--max-failures", "3"),
    )
    assert "2 good records, 3 bad" in done.stdout
    for line, found in ((1, r"['a']"), (2, r"{'of': 'a'}"), (3, "True")):
        assert f"bad: {tmp_path}/mine.jsonl:{line}: source_video is {found}, expected the name" in done.stdout


# ---------------------------------------------------------------- the draw


def drawn(inside):
    """The side of a video that stands alone, with seed 0 and 0.3 held out."""
    draw = int.from_bytes(hashlib.sha256(f"0 {inside}".encode()).digest()[:8], "big") / 2**64
    return "test" if draw < 0.3 else "train"


def test_a_video_alone_keeps_its_side_and_a_group_that_of_its_least_name(tmp_path):
    alone = [f"clips/c{n}.mp4" for n in range(10)]
    for name in alone:
        clip(tmp_path / name)
    prepare("jsonl", jsonl(tmp_path / "a.jsonl", records(alone)), tmp_path / "before", "--test-share", "0.3")
    before = sides(tmp_path / "before")
    assert before == {name: {drawn(name)} for name in alone}
    # written down: a split that exists does not move
    assert {name for name, side in before.items() if side == {"test"}} == {"clips/c8.mp4"}
    shutil.copytree(tmp_path / "clips", tmp_path / "later")
    both = [*alone, *(f"later/c{n}.mp4" for n in range(10))]
    prepare("jsonl", jsonl(tmp_path / "b.jsonl", records(both)), tmp_path / "after", "--test-share", "0.3")
    assert sides(tmp_path / "after") == {name: {drawn(f"clips/{name[-6:]}")} for name in both}


def test_the_split_depends_neither_on_the_order_of_rows_nor_on_the_place(tmp_path):
    found = []
    for place in ("here", "some/where/else"):
        root = tmp_path / place
        for n in range(6):
            clip(root / f"clips/c{n}.mp4")
            (root / f"clips/a{5 - n}.mp4").symlink_to(f"c{n}.mp4")
            clip(root / f"clips/of{n}.mp4")
        rows = [
            {**row, "source_video": row["video"][-5]} if "of" in row["video"] or "/c" in row["video"] else row
            for row in records(sorted(f"clips/{path.name}" for path in (root / "clips").iterdir()))
        ]
        random.Random(place).shuffle(rows)
        prepare("jsonl", jsonl(root / "mine.jsonl", rows), root / "data", *THREE)
        found.append(sides(root / "data"))
    assert found[0] == found[1] and len(found[0]) == 18


# ---------------------------------------------------------------- a split that the data brings


@pytest.mark.parametrize("kind", ["link", "copy", "source_video"])
def test_an_own_split_that_parts_one_video_is_an_error_that_names_both(kind, tmp_path):
    for name in ("a.mp4", "b.mp4", "x.mp4"):
        clip(tmp_path / name)
    if kind != "source_video":
        (tmp_path / "x.mp4").unlink()
        {"link": os.symlink, "copy": shutil.copy}[kind](tmp_path / "a.mp4", tmp_path / "x.mp4")
    rows = records(["a.mp4", "b.mp4", "x.mp4"])
    for row, split in zip(rows, ("train", "train", "test")):
        row |= {"split": split} | (
            {"source_video": "tape 3"} if kind == "source_video" and row["video"] != "b.mp4" else {}
        )
    done = prepare("jsonl", jsonl(tmp_path / "mine.jsonl", rows), tmp_path / "data", check=False)
    why = {
        "link": "two names of one file",
        "copy": "the same content",
        "source_video": "both of source 'tape 3'",
    }
    assert done.returncode == 1 and not (tmp_path / "data/train.jsonl").exists()
    assert f"in both splits: {tmp_path}/a.mp4 and {tmp_path}/x.mp4 ({why[kind]})\n" in done.stdout
    assert (
        "1 source video has records in both splits (above);" in done.stderr
        and "mend the split column" in done.stderr
    )


def test_a_record_without_a_split_goes_where_its_video_is(tmp_path):
    rows = []
    for n in range(8):
        clip(tmp_path / f"c{n}.mp4")
        (tmp_path / f"x{n}.mp4").symlink_to(f"c{n}.mp4")
        rows += records([f"c{n}.mp4", f"x{n}.mp4"])
        rows[-1]["split"] = "test" if n % 2 else "train"
    rows = [{**row, "id": f"{n}"} for n, row in enumerate(rows)]
    prepare("jsonl", jsonl(tmp_path / "mine.jsonl", rows), tmp_path / "data")
    wanted = {f"{c}{n}.mp4": {"test" if n % 2 else "train"} for n in range(8) for c in "cx"}
    assert sides(tmp_path / "data") == wanted


def test_a_published_split_stays_and_what_it_parts_is_counted(tmp_path):
    name, train, _ = kinetics(tmp_path)
    train.write_text(kinetics_rows("train", [f"-_id_{n}" for n in range(8)], [12]))
    val = tmp_path / "val.csv"
    val.write_text(kinetics_rows("val", [f"-_id_{n}" for n in range(3)], [40]))
    done = prepare(name, [train, val], tmp_path / "data", "--videos", tmp_path / "v")
    assert "kept: source video in both splits, as published: 3, the first at" in done.stdout
    assert "(both of source '-_id_0')" in done.stdout
    assert [len(lines(tmp_path / f"data/{side}.jsonl")) for side in ("train", "test")] == [8, 3]
    notes = json.loads((tmp_path / "data/train.jsonl.meta.json").read_text())["notes"]
    assert notes == {"kept: source video in both splits, as published": 3}


def test_sources_of_one_name_leave_nothing_to_test_and_say_so(tmp_path):
    for name in "abc":
        clip(tmp_path / f"{name}.mp4")
    rows = records(["a.mp4", "b.mp4", "c.mp4"], source_video="webvid")
    done = prepare("jsonl", jsonl(tmp_path / "mine.jsonl", rows), tmp_path / "data", check=False)
    assert done.returncode == 1 and "records among 3, of 1 source video;" in done.stderr


# ---------------------------------------------------------------- what is said of it before, and what to do


def test_a_check_is_of_the_split_too(tmp_path):
    names = [f"{n}.mp4" for n in range(4)]
    for name in names:
        clip(tmp_path / name)
    rows = [
        {**row, "split": split, "source_video": source}
        for row, split, source in zip(records(names), ("train", "test", "train", "test"), "aabb")
    ]
    words = ["--dataset", "jsonl", "--annotations", jsonl(tmp_path / "mine.jsonl", rows), "--check"]
    done = sh("01_prepare.py", *words, check=False)
    assert done.returncode == 1 and "2 source videos have records in both splits" in done.stderr
    assert [f"(both of source '{source}')" in done.stdout for source in "ab"] == [True, True]
    # an empty side may yet be filled by other flags
    jsonl(tmp_path / "mine.jsonl", records(names[:1]))
    assert "without --check this would end so: no test records among 1" in sh("01_prepare.py", *words).stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [*names, "mine.jsonl"]


def test_a_limit_that_cuts_a_side_off_is_named(tmp_path):
    names = [f"{n}.mp4" for n in range(3)]
    for name in names:
        clip(tmp_path / name)
    rows = [{**row, "split": split} for row, split in zip(records(names), ("train", "train", "test"))]
    path = jsonl(tmp_path / "mine.jsonl", rows)
    done = prepare("jsonl", path, tmp_path / "data", "--limit", "2", check=False)
    assert "no test records among the first 2, " in done.stderr and "raise --limit 2" in done.stderr


def test_of_folders_files_are_to_be_moved(tmp_path):
    for place in ("train/a/1.mp4", "test/a/2.mp4"):
        clip(tmp_path / "v" / place)
    shutil.copy(tmp_path / "v/train/a/1.mp4", tmp_path / "v/test/a/copy.mp4")
    done = sh("01_prepare.py", "--dataset", "folder", "--videos", tmp_path / "v", "--check", check=False)
    assert "move or delete all but one of its files" in done.stderr and "(the same content)" in done.stdout
