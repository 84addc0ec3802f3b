"""01 --dataset captions: clips with captions, or without any, from one's own files and those of datasets."""

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import SHARED, lines, sh
from test_datasets import mutilated
from test_video import coded_clip

from lib.captions import read_captions
from lib.datasets.captions import read
from lib.labels import record_problem
from lib.prompts import CAPTION, strip_placeholders
from lib.records import StageError

ANNOTATIONS = SHARED / "annotations"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A clip of two seconds."""
    return coded_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 60)


@pytest.fixture
def videos(tmp_path, clip):
    """A function that puts clips below videos/, of different bytes; returns that folder."""

    def put(*names):
        for name in names:
            path = tmp_path / "videos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip, path)
            with open(path, "ab") as file:  # a box that players skip
                file.write((8 + len(str(path))).to_bytes(4, "big") + b"free" + str(path).encode())
        return tmp_path / "videos"

    return put


def prepare(output, *words, check=True):
    return sh("01_prepare.py", "--dataset", "captions", "-o", output, *words, check=check)


def prepared(output, *words):
    """{id: record} of train.jsonl, all of them, and what was printed."""
    done = prepare(output, *words, "--test-share", 0)
    rows = lines(output / "train.jsonl")
    for row in rows:
        assert row["labels"] == [] and row["question"] == CAPTION
        assert record_problem(row, unlabelled=True) is None
        assert "a clip without labels" in record_problem(row)
    assert len({row["id"] for row in rows}) == len(rows)
    return {row["id"]: row for row in rows}, done.stdout


def named(row):
    """(name of the file, start, end) of a record."""
    return Path(row["video"]).name, row.get("start"), row.get("end")


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# ---------------------------------------------------------------- of one's own


def test_a_csv_of_ones_own_makes_one_record_a_clip(tmp_path, videos):
    folder = videos("a.mp4", "sub/b.mp4", "c.mp4")
    (tmp_path / "captions.csv").write_text(
        "Video,Caption,start,end,id\n"
        'a.mp4,"A dog, red, runs.",,,\n'
        "sub/b.mp4,It jumps.,0:00:00.5,1.5,jump\n"
        "a.mp4,A  dog\truns.,,,\n"
        "c,Found by its name.,,,\n"
        "a.mp4,A dog runs.,,,\n"
    )
    rows, said = prepared(tmp_path / "data", "--annotations", tmp_path / "captions.csv", "--videos", folder)
    assert rows["a.mp4"]["captions"] == ["A dog, red, runs.", "A dog runs."]
    assert named(rows["jump"]) == ("b.mp4", 0.5, 1.5) and rows["jump"]["duration"] == 1.0
    assert named(rows["c"]) == ("c.mp4", None, None)
    assert "left out: a caption that its clip has already: 1, the first at" in said and ":6" in said
    assert "3 good records, 0 bad; 4 captions, 0 clips without one" in said
    assert "no " in said and not (tmp_path / "data" / "test.jsonl").exists()


@pytest.mark.parametrize(
    "columns,cell",
    [
        ("video,captions", '["a dog", "it\'s 1, 2"]'),
        ("Video,Captions", """['a dog', "it's 1, 2"]"""),
        ("VIDEO,Sentence", '["a dog","it\'s 1, 2"]'),
        ("video,description", '["a dog", "it\'s 1, 2"]'),
    ],
)
def test_a_list_in_a_cell_is_as_many_captions_under_any_known_column(tmp_path, columns, cell):
    table(tmp_path / "c.csv", dict(zip(columns.split(","), ("a.mp4", cell))))
    (record,) = [record for _, record, _ in read([tmp_path / "c.csv"], None)]
    assert record["captions"] == ["a dog", "it's 1, 2"]


@pytest.mark.parametrize("caption", ["[laughter] he sits", "he says [so]", "[]"])
def test_other_brackets_are_a_caption(tmp_path, caption):
    table(tmp_path / "c.csv", {"video": "a.mp4", "caption": caption})
    (record,) = [record for _, record, _ in read([tmp_path / "c.csv"], None)]
    assert record["captions"] == ([] if caption == "[]" else [caption])


def test_columns_of_which_none_is_a_caption_are_named(tmp_path):
    words = ["--dataset", "captions", "--check", "--annotations"]
    for rows, columns in (
        ([{"video": "a.mp4", "text": "x"}] * 2, "video, text"),
        ([{"video": "a.mp4"}], None),
    ):
        table(tmp_path / "c.csv", *({**row, "start": n, "end": n + 1} for n, row in enumerate(rows)))
        done = sh("01_prepare.py", *words, tmp_path / "c.csv")
        said = f"nobody described? no caption among {columns}, start, end (caption, captions, sentence"
        assert (said in done.stdout) == bool(columns) == ("?" in done.stdout)
        assert not columns or f": 2, the first at {tmp_path / 'c.csv'}:2" in done.stdout


def test_jsonl_with_lists_obeys_its_split_and_keeps_a_source_on_one_side(tmp_path, videos):
    names = [f"{n}.mp4" for n in range(12)]
    folder = videos(*names)
    rows = [{"video": name, "captions": [f"number {name}", "a clip"]} for name in names]
    rows = [{**row, "source_video": n // 3} for n, row in enumerate(rows)]
    path = jsonl(tmp_path / "c.jsonl", *rows)
    prepare(tmp_path / "one", "--annotations", path, "--videos", folder, "--test-share", 0.5)
    train, test = (lines(tmp_path / f"one/{side}.jsonl") for side in ("train", "test"))
    assert len(train) + len(test) == 12
    assert not {r["source_video"] for r in train} & {r["source_video"] for r in test}
    rows = [{**row, "split": "test" if n < 3 else "train"} for n, row in enumerate(rows)]
    path = jsonl(tmp_path / "split.jsonl", *rows)
    prepare(tmp_path / "two", "--annotations", path, "--videos", folder, "--test-share", 0)
    assert [r["id"] for r in lines(tmp_path / "two/test.jsonl")] == ["0.mp4", "1.mp4", "2.mp4"]
    rows[0]["split"] = "train"
    path = jsonl(tmp_path / "parted.jsonl", *rows)
    done = prepare(tmp_path / "three", "--annotations", path, "--videos", folder, check=False)
    assert done.returncode == 1 and "1 source video has records in both splits" in done.stderr


def test_rows_of_a_clip_that_stand_apart_are_collected(tmp_path):
    rows = [{"video": name, "caption": f"{name}{n}"} for n in range(3) for name in "abc"]
    rows += [
        {"video": "d", "caption": "d0"},
        {"video": "d", "caption": "d1"},
        {"video": "d", "caption": "d0"},
    ]
    first, second = jsonl(tmp_path / "1.jsonl", *rows), jsonl(tmp_path / "2.jsonl", *rows[-2:], *rows[:2])
    found = list(read([first, second], None))
    clips = {record["id"]: record["captions"] for _, record, _ in found if record}
    assert clips == {name: [f"{name}{n}" for n in range(3)] for name in "abc"} | {"d": ["d0", "d1"]}
    assert sum(note is not None for *_, note in found) == 5


def test_clips_that_nobody_described(tmp_path, videos, clip):
    folder = videos("a.mp4", "sub/b.mkv", "sub/deep/c d.mp4")
    rows, said = prepared(tmp_path / "folder", "--videos", folder)
    assert set(rows) == {"a.mp4", "sub/b.mkv", "sub/deep/c d.mp4"}
    assert all(row["captions"] == [] for row in rows.values())
    assert "0 captions, 3 clips without one" in said and "left out" not in said
    (folder / "sub/old.FLV").write_bytes(b"")
    (folder / "a.flv").write_bytes(b"")
    _, said = prepared(tmp_path / "others", "--videos", folder)
    assert f"left out: other files (.flv): 2, the first at {folder / 'a.flv'}" in said
    (folder / "sub/old.FLV").unlink()
    (folder / "a.flv").unlink()
    (tmp_path / "list.txt").write_text(f"# mine\nsub/deep/c d.mp4\n\n{clip}\na.mp4\na.mp4\n")
    rows, _ = prepared(tmp_path / "list", "--annotations", tmp_path / "list.txt", "--videos", folder)
    assert [named(row)[0] for row in rows.values()] == ["c d.mp4", "clip.mp4", "a.mp4"]
    (tmp_path / "cut.csv").write_text("video,start,end\na.mp4,0,1\na.mp4,1,2\n")
    rows, _ = prepared(tmp_path / "csv", "--annotations", tmp_path / "cut.csv", "--videos", folder)
    assert [named(row) for row in rows.values()] == [("a.mp4", 0, 1), ("a.mp4", 1, 2)]
    # a list beside the videos needs no folder
    (folder / "l.txt").write_text("a.mp4\n")
    rows, _ = prepared(tmp_path / "beside", "--annotations", folder / "l.txt")
    assert named(rows["a.mp4"])[0] == "a.mp4"


def test_a_changed_folder_is_prepared_anew_and_a_test_file_of_others_stays(tmp_path, videos):
    folder = videos(*(f"{n}.mp4" for n in range(6)))
    words = ["--videos", folder, "--test-share", 0.5]
    prepare(tmp_path / "data", *words)
    assert (tmp_path / "data/test.jsonl").exists()
    videos("more.mp4")
    done = prepare(tmp_path / "data", *words, check=False)
    assert done.returncode == 1 and "made with other settings" in done.stderr
    prepare(tmp_path / "data", "--videos", folder, "--test-share", 0, "--overwrite")
    assert len(lines(tmp_path / "data/train.jsonl")) == 7 and not (tmp_path / "data/test.jsonl").exists()
    assert not list((tmp_path / "data").glob("*.part"))
    (tmp_path / "data/test.jsonl").write_text("mine\n")
    done = prepare(tmp_path / "data", *words, "--overwrite", check=False)
    assert done.returncode == 2 and "was not made by this stage" in done.stderr
    assert (tmp_path / "data/test.jsonl").read_text() == "mine\n"


def test_what_02_wrote_is_read_back(tmp_path, videos):
    folder = videos("a.mp4", "b.mp4")
    base = {"question": CAPTION, "labels": [], "captions": [], "origin": "caption"}
    rows = [
        {"id": "a", "video": "videos/a.mp4", "answer": "A dog runs.", "sample": 0, **base},
        {"id": "a", "video": "videos/a.mp4", "answer": "A dog.", "sample": 1, **base},
        {"id": "b", "video": "videos/b.mp4", "answer": "", "error": "no caption: empty", **base},
    ]
    path = jsonl(tmp_path / "generated.jsonl", *rows)
    found, _ = prepared(tmp_path / "elsewhere" / "data", "--annotations", path)
    assert found["a"]["captions"] == ["A dog runs.", "A dog."] and found["b"]["captions"] == []
    assert found["a"]["video"] == str(folder / "a.mp4")


# ---------------------------------------------------------------- of datasets


PANDA = {
    "videoID": "-2yHu5qgTzM",
    "url": "https://www.youtube.com/watch?v=-2yHu5qgTzM",
    "timestamp": "[['0:00:00.500', '0:00:01.983'], ['0:00:01.000', '0:02:34.320']]",
    "caption": "[\"A neuron's shape.\", 'A woman is standing.']",
    "matching_score": "[0.45, 0.49]",
}


def table(path, *rows, header=True):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        if header:
            writer.writeheader()
        writer.writerows(rows)


def official(path, form):
    """Write a small file as a dataset has it."""
    cc = {"url": "abcdefghijk", "start": 500000, "end": 1500000, "caption": "a dog, red"}
    cc2 = {"url": "https://www.youtube.com/watch?v=lmnopqrstuv", "start": 0, "end": 1000000, "caption": "b"}
    intern = {"YoutubeID": "abcdefghijk", "Start_timestamp": "00:00:00.500", "End_timestamp": "00:00:01.500"}
    intern |= {"Caption": "a dog", "Aesthetic_Score": 4.2, "UMT_Score": 0.4}
    actors = [("Man", "A man walks."), ("dog one", "A dog sits. "), ("background", "There is grass.")]
    narratives = [{"actor_name": name, "caption": text} for name, text in actors]
    vidln = {"dataset_id": "oops_train", "video_id": "Best Fails (2019) v1.2 _ X9", "vidln_id": 3}
    if form.startswith("videocc"):
        table(path, cc, cc2, header=form == "videocc")
        if form == "videocc-words":
            words = "Video URL,Start timestamp (microseconds),End timestamp(microseconds),Caption\n"
            path.write_text(words + path.read_text())
    elif form == "internvid":
        jsonl(path, intern)
    elif form == "panda":
        table(path, PANDA)
    elif form == "vidln":
        jsonl(path, {**vidln, "actor_narratives": narratives})
    elif form == "vatex":
        path.write_text(
            json.dumps([{"videoID": "abcdefghijk_000000_000001", "enCap": ["a", "b"], "chCap": []}])
        )
    elif form == "msvd":
        row = {"VideoID": "abcdefghijk", "Start": "0", "End": "1", "WorkerID": "1", "Source": "clean"}
        row |= {"AnnotationTime": "2", "Language": "English", "Description": "a dog"}
        table(path, row, {**row, "Language": "German", "Description": "Hund"}, {**row, "Description": "it"})
    elif form == "msvd-lines":
        path.write_text("# a licence\nabcdefghijk_0_1 a dog runs\nabcdefghijk_0_1 a dog\n")
    elif form == "msrvtt":
        about = {"video_id": "video7", "split": "validate", "url": PANDA["url"], "id": 7}
        sentences = [{"video_id": "video7", "sen_id": n, "caption": text} for n, text in enumerate("aba")]
        path.write_text(json.dumps({"info": {}, "videos": [about], "sentences": sentences}))
    elif form == "1ka":
        row = {"key": "ret0", "vid_key": "msr7", "video_id": "video7", "sentence": "a dog"}
        table(path, row)
    elif form == "activitynet":
        times, said = [[0.1, 1.0], [1.5, 0.5]], ["A dog runs.", "  It stops."]
        entry = {"duration": 2.0, "timestamps": times, "sentences": said}
        path.write_text(json.dumps({"v_abcdefghijk": entry}))


VIDLN = "<Man> A man walks. <Dog one> A dog sits. <Background> There is grass."


@pytest.mark.parametrize(
    "form,name,files,expected",
    [
        (
            "videocc",
            "cc.csv",
            ["abcdefghijk.mp4", "lmnopqrstuv.webm"],
            [("abcdefghijk.mp4", 0.5, 1.5, ["a dog, red"]), ("lmnopqrstuv.webm", 0, 1, ["b"])],
        ),
        (
            "videocc-bare",
            "cc.csv",
            ["abcdefghijk_0.5_1.5.mp4", "lmnopqrstuv_000000_000001.mp4", "abcdefghijk.mp4"],
            [
                ("abcdefghijk_0.5_1.5.mp4", None, None, ["a dog, red"]),
                ("lmnopqrstuv_000000_000001.mp4", None, None, ["b"]),
            ],
        ),
        ("videocc-words", "cc.csv", ["abcdefghijk.mp4"], [("abcdefghijk.mp4", 0.5, 1.5, ["a dog, red"])]),
        (
            "internvid",
            "i.jsonl",
            ["abcdefghijk_00:00:00.500_00:00:01.500.mp4"],
            [("abcdefghijk_00:00:00.500_00:00:01.500.mp4", None, None, ["a dog"])],
        ),
        ("internvid", "i.jsonl", ["x/abcdefghijk.mp4"], [("abcdefghijk.mp4", 0.5, 1.5, ["a dog"])]),
        (
            "panda",
            "p.csv",
            ["-2yHu5qgTzM.mp4"],
            [
                ("-2yHu5qgTzM.mp4", 0.5, 1.983, ["A neuron's shape."]),
                ("-2yHu5qgTzM.mp4", 1.0, 154.32, ["A woman is standing."]),
            ],
        ),
        (
            "vidln",
            "oops.jsonl",
            ["oops_train/Best Fails (2019) v1.2 _ X9.mp4", "z/Best Fails (2019) v1.2 _ X9.mp4"],
            [("Best Fails (2019) v1.2 _ X9.mp4", None, None, [VIDLN])],
        ),
        (
            "vatex",
            "v.json",
            ["abcdefghijk_000000_000001.mp4"],
            [("abcdefghijk_000000_000001.mp4", None, None, ["a", "b"])],
        ),
        ("vatex", "v.json", ["abcdefghijk.mp4"], [("abcdefghijk.mp4", 0, 1, ["a", "b"])]),
        ("msvd", "m.csv", ["abcdefghijk_0_1.avi"], [("abcdefghijk_0_1.avi", None, None, ["a dog", "it"])]),
        ("msvd", "m.csv", ["abcdefghijk.mp4"], [("abcdefghijk.mp4", 0, 1, ["a dog", "it"])]),
        (
            "msvd-lines",
            "annotations.txt",
            ["abcdefghijk_0_1.avi"],
            [("abcdefghijk_0_1.avi", None, None, ["a dog runs", "a dog"])],
        ),
        ("msrvtt", "m.json", ["video7.mp4"], [("video7.mp4", None, None, ["a", "b"])]),
        ("1ka", "MSRVTT_JSFUSION_test.csv", ["video7.mp4"], [("video7.mp4", None, None, ["a dog"])]),
        (
            "activitynet",
            "val_1.json",
            ["v_abcdefghijk.mkv"],
            [
                ("v_abcdefghijk.mkv", 0.1, 1.0, ["A dog runs."]),
                ("v_abcdefghijk.mkv", 0.5, 1.5, ["It stops."]),
            ],
        ),
    ],
)
def test_official_files_find_their_clips(tmp_path, videos, clip, form, name, files, expected):
    path = tmp_path / name
    official(path, form)
    # ffmpeg writes no Matroska here by its name alone: the content decides
    folder = videos(*files)
    rows, said = prepared(tmp_path / "data", "--annotations", path, "--videos", folder)
    assert [(*named(row), row["captions"]) for row in rows.values()] == expected
    assert ("dropped: video not found: 1" in said) == (form == "videocc-words")
    # 06 and lib.viit see the same captions under the same names
    if form != "videocc-words":
        seen = {c.id: list(dict.fromkeys(c.captions)) for c in read_captions(path)}
        assert seen == {id: row["captions"] for id, row in rows.items()}


def test_paragraphs_and_mended_times_of_activitynet(tmp_path, videos):
    official(tmp_path / "val_1.json", "activitynet")
    words = ["--annotations", tmp_path / "val_1.json", "--videos", videos("abcdefghijk.mp4")]
    _, said = prepared(tmp_path / "data", *words)
    assert "mended: start after end, or the same: 1, the first at" in said
    rows, _ = prepared(tmp_path / "whole", *words, "--paragraphs")
    assert [(id, row["captions"]) for id, row in rows.items()] == [
        ("v_abcdefghijk", ["A dog runs. It stops."])
    ]
    official(tmp_path / "m.json", "msrvtt")
    words = ["--annotations", tmp_path / "m.json", "--check", "--paragraphs"]
    done = sh("01_prepare.py", "--dataset", "captions", *words, check=False)
    assert done.returncode == 2 and "--paragraphs: none of the files" in done.stderr


def test_a_split_in_the_datas_words_or_in_the_files_name_is_obeyed(tmp_path, videos):
    official(tmp_path / "m.json", "msrvtt")
    official(tmp_path / "oops_train.jsonl", "vidln")
    folder = videos("video7.mp4", "Best Fails (2019) v1.2 _ X9.mp4")
    files = [tmp_path / "m.json", tmp_path / "oops_train.jsonl"]
    prepare(tmp_path / "data", "--annotations", *files, "--videos", folder)
    assert [row["id"] for row in lines(tmp_path / "data/test.jsonl")] == ["video7"]
    assert len(lines(tmp_path / "data/train.jsonl")) == 1


def test_real_narratives_and_real_sentences():
    path = ANNOTATIONS / "vidln_oops_train_sample.jsonl"
    if not path.exists():
        pytest.skip("no real annotations")
    found = [record for _, record, _ in read([path], None)]
    assert [record["id"][:8] for record in found] == ["Carnival", "Slo Mo S", "26 Bad F"]
    text = found[0]["captions"][0]
    assert text.startswith("<Man> A man wearing a clown costume is walking to the left, holding a cake")
    assert [text.count(f"<{name}>") for name in ("Boy one", "Boy two", "Girl", "Background")] == [1] * 4
    assert strip_placeholders(text) == text
    path = ANNOTATIONS / "activitynet_captions_slice.json"
    found = list(read([path], None))
    counted = [note for _, record, note in found if record is None]
    assert sum(len(record["captions"]) for _, record, _ in found if record) == 1693 - sum(
        note.startswith("left out") for note in counted
    )
    whole = [record for _, record, _ in read([path], None, paragraphs=True) if record]
    assert len(whole) == len(json.loads(path.read_text()))


def test_an_actor_named_as_a_placeholder_keeps_its_sentence(tmp_path):
    narratives = [
        {"actor_name": "video camera", "caption": "It turns."},
        {"actor_name": "Man", "caption": ""},
    ]
    path = jsonl(tmp_path / "v.jsonl", {"video_id": "x", "actor_narratives": narratives})
    (record,) = [record for _, record, _ in read([path], None)]
    assert record["captions"] == ["<The video camera> It turns."]
    assert strip_placeholders(record["captions"][0]) == record["captions"][0]


def test_a_cell_longer_than_pythons_own_limit_is_read(tmp_path):
    count = 4000
    times = [[f"0:{n // 60:02d}:{n % 60:02d}.000", f"0:{n // 60:02d}:{n % 60:02d}.900"] for n in range(count)]
    row = {
        **PANDA,
        "timestamp": str([t for t in times]),
        "caption": str([f"number {n} {'x' * 50}" for n in range(count)]),
    }
    table(tmp_path / "p.csv", row)
    assert sum(record is not None for _, record, _ in read([tmp_path / "p.csv"], None)) == count


# ---------------------------------------------------------------- bad input


OWN_PROBLEMS = [
    ({"caption": "x"}, "no video; expected video and caption"),
    ({"video": "a.mp4"}, "no caption, other than the first row"),
    ({"video": "a.mp4", "caption": None}, "no caption; expected"),
    ({"video": "a.mp4", "caption": " "}, "expected texts that are not blank"),
    ({"video": "a.mp4", "captions": ["x", 3]}, "expected texts that are not blank"),
    ({"video": "a.mp4", "caption": "x", "start": "soon"}, "start is 'soon', expected seconds"),
    ({"video": "a.mp4", "caption": "x", "start": True}, "start is True, expected seconds"),
    ({"video": "a.mp4", "caption": "x", "start": -1}, "start is -1, expected seconds"),
    ({"video": "a.mp4", "caption": "x", "start": 2, "end": 1}, "end 1 is not after start 2"),
    ({"video": "a.mp4", "caption": "x", "start": 50, "end": 60}, "starts at 50"),
    ({"video": "a.mp4", "caption": "x", "split": "dev"}, "split 'dev', expected train or test"),
    ({"video": "a.mp4", "caption": "x", "source_video": [1]}, "source_video is"),
    ({"video": ["a.mp4"], "caption": "x"}, "video is .*, expected a name"),
    ({"video": "a.mp4", "caption": "x", "id": ["a"]}, "id is .*, expected a name"),
    ({"video": "a.mp4", "caption": "['x' 'y']"}, "expected a text, or a list as JSON or Python"),
    ({"video": "a.mp4", "caption": "x", "start": 10**400}, "start is 1000*, expected seconds"),
    ({"video": "c.mp4", "caption": "x"}, "video 'c.mp4': 2 files .*/1/c.mp4 and .*/2/c.mp4; name one by"),
    ({"video": "b.mp4", "caption": "x", "id": "first"}, "id 'first' is another clip, first at"),
    ({"video": "gone.mp4", "caption": "x"}, "no video at .*gone.mp4"),
    ({"video": "broken.mp4", "caption": "x"}, "broken.mp4"),
    ({"video": "a.mp4", "caption": "half \ud800"}, "half a character"),
]


def test_every_bad_row_of_ones_own_is_named_with_its_line(tmp_path, videos):
    folder = videos("a.mp4", "b.mp4", "1/c.mp4", "2/c.mp4")
    (folder / "broken.mp4").write_bytes(b"no video")
    rows = [{"video": "a.mp4", "caption": "x", "id": "first"}, *(row for row, _ in OWN_PROBLEMS)]
    path = jsonl(tmp_path / "c.jsonl", *rows)
    words = ["--annotations", path, "--videos", folder, "--test-share", 0]
    done = prepare(tmp_path / "data", *words, check=False)
    assert done.returncode == 1 and "more than --max-failures" in done.stderr
    bad = [line for line in done.stdout.split("\n") if line.startswith("bad: ")]
    assert len(bad) == len(OWN_PROBLEMS), done.stdout
    for number, (_, said) in enumerate(OWN_PROBLEMS, 2):
        (line,) = [line for line in bad if f"{path}:{number}: " in line]
        assert re.search(said, line), line
    assert not (tmp_path / "data/train.jsonl").exists()
    prepared(tmp_path / "data", *words[:-2], "--max-failures", len(OWN_PROBLEMS))


@pytest.mark.parametrize(
    "name,content,said",
    [
        ("c.csv", "video,caption\na.mp4,x,y\n", "c.csv:2: 3 fields, expected 2"),
        ("c.csv", 'video,caption\na.mp4,"x\n', "c.csv:2: not CSV"),
        ("c.csv", "", "c.csv:1: an empty file"),
        ("c.csv", "video,caption\n", "c.csv: a header without rows"),
        ("c.csv", "name,text\na,x\n", "c.csv:2: no video among 'name', 'text'; expected video and caption"),
        (
            "c.csv",
            "Video;Caption\na;x\nb;y\n",
            "c.csv:2: no video among 'Video;Caption'; columns are separated by commas",
        ),
        ("c.jsonl", '{"file": "a.mp4", "text": "x"}\n', "c.jsonl:1: no video among 'file', 'text'"),
        ("c.jsonl", '{"video": "a.mp4", "caption": "x"}\n{"video"\n', "c.jsonl:2: not JSON"),
        ("c.jsonl", '{"video": "a.mp4", "video": "b", "caption": "x"}\n', "c.jsonl:1: duplicate key 'video'"),
        ("c.jsonl", "[1]\n", "c.jsonl:1: found [1]"),
        ("c.jsonl", "", "c.jsonl: no clips"),
        ("c.json", "3", "c.json: found a int, expected a list or an object"),
        ("c.json", '["a"]', "c.json[0]: found 'a'"),
        ("c.json", '{"v_a": {"timestamps": [[1]], "sentences": ["x"]}}', "c.json: v_a: the times [1]"),
        ("c.json", '{"v_a": ["x"]}', "c.json: v_a: found ['x']; expected video and caption"),
        ("c.txt", "# nothing\n", "c.txt: no clips"),
        ("c.txt", b"a\xff.mp4\n", "c.txt:1: byte 0xff"),
        ("gone.csv", None, "gone.csv: no such file"),
        ("c.txt", "a.mp4\nb.mp4 says something\n", "c.txt:2: no video at"),
    ],
)
def test_a_file_that_is_none_is_one_error(tmp_path, videos, name, content, said):
    path, folder = tmp_path / name, videos("a.mp4")
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = prepare(tmp_path / "data", "--annotations", path, "--videos", folder, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{tmp_path}/{said}" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "name,value,said",
    [
        (
            "m.json",
            {"videos": [{"video_id": ["v"]}], "sentences": []},
            r"m.json: videos\[0\]: video_id is \['v'\]",
        ),
        (
            "m.json",
            {"videos": [], "sentences": [{"video_id": {}}]},
            r"m.json: sentences\[0\]: video_id is {}",
        ),
        ("c.json", {"images": [{"id": {}}], "annotations": []}, r"c.json: images\[0\]: id is {}"),
        (
            "c.json",
            {"images": [], "annotations": [{"image_id": [1]}]},
            r"annotations\[0\]: image_id is \[1\]",
        ),
    ],
)
def test_an_id_of_another_type_is_refused(tmp_path, name, value, said):
    (tmp_path / name).write_text(json.dumps(value))
    with pytest.raises(StageError, match=f"{said}, expected a text or a number"):
        list(read([tmp_path / name], None))


@pytest.mark.parametrize("form", ["msrvtt", "vatex", "activitynet", "internvid", "vidln", "coco", "own"])
def test_a_value_of_another_type_is_no_traceback(tmp_path, form):
    path = tmp_path / "c.json"
    official(path, form)
    coco = {"images": [{"id": 1, "file_name": "a.mp4"}], "annotations": [{"image_id": 1, "caption": "x"}]}
    own = {"video": "a.mp4", "captions": ["x"], "start": 0, "end": 1, "id": "a", "source_video": "s"}
    good = json.loads(path.read_text()) if path.exists() else {"coco": coco, "own": own}[form]
    good = [good] if form in ("internvid", "vidln", "own") else good
    for value in [good, *mutilated(good)]:
        path.write_text(json.dumps(value))
        for reader in (lambda: list(read([path], None)), lambda: read_captions(path)):
            try:
                assert reader() or value is not good
            except StageError as error:
                assert str(path) in str(error) and value is not good


def test_defects_of_published_files_are_counted(tmp_path):
    panda = [
        PANDA,
        {**PANDA, "timestamp": "[['0:00:01', '0:00:02']]"},
        {**PANDA, "caption": "[broken"},
        {**PANDA, "timestamp": "[[1, 2], 3]", "caption": "['', 'x']"},
        {**PANDA, "timestamp": "[['0:00:09', '0:00:02'], ['x', 'y']]", "caption": "['a', 'b']"},
    ]
    table(tmp_path / "p.csv", *panda)
    notes = [note for _, record, note in read([tmp_path / "p.csv"], None) if record is None]
    assert notes == [
        "dropped: timestamps and captions differ in number",
        "dropped: caption is no list",
        "dropped: blank caption",
        "dropped: time not a number",
        "dropped: end <= start",
        "dropped: time not a number",
    ]
    (tmp_path / "cc.csv").write_text("abcdefghijk,10,20,x\nabcdefghijk,1.5,20,x\nabcdefghijk,0,2000000, \n")
    notes = [note for _, _, note in read([tmp_path / "cc.csv"], None)]
    assert notes == [
        "dropped: less than 0.01 s (are the times no microseconds?)",
        "dropped: time not a number",
        "dropped: blank caption",
    ]
    jsonl(tmp_path / "v.jsonl", {"video_id": "x", "actor_narratives": [{"caption": "a"}]}, {"video_id": "y"})
    notes = [note for _, _, note in read([tmp_path / "v.jsonl"], None)]
    assert notes == [
        "dropped: an actor without name or caption",
        "dropped: no actor_narratives, as the first row has",
    ]
    with pytest.raises(StageError, match=r"cc.csv:1: start '10' and end '20', expected microseconds"):
        read_captions(tmp_path / "cc.csv")


@pytest.mark.parametrize(
    "words,said",
    [
        ([], "needs --annotations, or --videos DIR"),
        (["--videos", "v", "--question", "What?"], "--question: a caption is asked for in one way"),
        (["--videos", "v", "--questions-from", "m"], "--questions-from: a caption is asked for in one way"),
        (["--videos", "v", "--durations", "d"], "--durations: it is for"),
        (["--videos", "v", "--clips", "3"], "--clips: it is for"),
        (["--videos", "v", "--paragraphs"], "--paragraphs: there is no file of ActivityNet"),
    ],
)
def test_flags_that_nothing_would_obey_are_refused(tmp_path, words, said):
    (tmp_path / "v").mkdir()
    words = [tmp_path / word if word == "v" else word for word in words]
    done = prepare(tmp_path / "data", *words, check=False)
    assert done.returncode == 2 and said in done.stderr


def test_other_datasets_refuse_records_without_labels_and_paragraphs(tmp_path, videos):
    record = {"id": "a", "video": "a.mp4", "question": CAPTION, "labels": [], "captions": ["x"]}
    path = jsonl(tmp_path / "c.jsonl", record)
    words = ["--annotations", path, "--videos", videos("a.mp4"), "--check"]
    done = sh("01_prepare.py", "--dataset", "jsonl", *words, check=False)
    assert done.returncode == 1 and f"{path}:1: a clip without labels" in done.stdout
    done = sh("01_prepare.py", "--dataset", "jsonl", *words, "--paragraphs", check=False)
    assert done.returncode == 2 and "--paragraphs: it is for --dataset captions" in done.stderr
