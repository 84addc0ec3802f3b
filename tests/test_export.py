"""Rows for other trainers: clips cut to files, forms by their schemas, and what reads back."""

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import lines
from test_datasets import read
from test_video import coded_clip, encoded_clip, number_of

from lib.datasets.videos import find_video
from lib.prompts import render
from lib.records import StageError
from lib.tools import reward
from lib.tools.clips import clip_file, frame_files
from lib.tools.export import export, main
from lib.tools.export_forms import FORMS
from lib.video import VideoError, clip_frames, probe, read_frames


def numbers(path, start=None, end=None):
    """[(second, seconds shown, number drawn into the frame)] of a clip."""
    return [
        (round(second, 4), round(length, 4), number_of(picture))
        for second, length, picture in clip_frames(path, start, end)
    ]


def test_a_clip_is_cut_to_a_file_of_its_frames(tmp_path):
    path = coded_clip(tmp_path / "whole.mp4", 90)
    file = clip_file(path, 1.0, 2.5, tmp_path / "clips")
    assert file.startswith(str(tmp_path / "clips/")) and file.endswith(".mp4")
    assert [number for *_, number in numbers(file)] == [*range(30, 75)]
    assert numbers(file) == numbers(path, 1.0, 2.5) and probe(file)["duration"] == 1.5
    # what a model is shown of the clip is what it is shown of the file
    theirs, _ = read_frames(path, 8, 1.0, 2.5)
    ours, about = read_frames(file, 8)
    assert np.abs(theirs.astype(int) - ours).mean() < 4 and about["duration"] == 1.5
    before = [(entry.name, entry.stat().st_mtime_ns) for entry in (tmp_path / "clips").iterdir()]
    assert clip_file(path, 1.0, 2.5, tmp_path / "clips") == file  # made once
    assert [(entry.name, entry.stat().st_mtime_ns) for entry in (tmp_path / "clips").iterdir()] == before
    assert clip_file(path, 1.0, 2.0, tmp_path / "clips") != file
    assert clip_file(path, None, None, tmp_path / "clips") == str(path)


@pytest.mark.parametrize("name", ["varying.mp4", "varying.mkv", "long.avi"])
def test_frames_are_shown_as_long_as_in_the_video(tmp_path, name):
    # 2 s at 30 frames a second, 2 s at 5
    times = [*range(60), *range(60, 120, 6)]
    path = tmp_path / name
    if name == "long.avi":
        encoded_clip(path, "libx264", preset="veryfast", bf=3, g=12)
        times = [*range(90)]
    else:
        encoded_clip(path, "libx264", times=times, unit=Fraction(1, 30), preset="veryfast", bf=2)
    file = clip_file(path, 1.5, 3.0, tmp_path)
    wanted = [(max(time, 45), n) for n, time in enumerate(times) if 45 <= time < 90]
    ends = [time for time, _ in wanted[1:]] + [90]
    told = [(round((at - 45) / 30, 3), round((end - at) / 30, 3), n) for (at, n), end in zip(wanted, ends)]
    found = [(round(s, 3), round(d, 3), number_of(p)) for s, d, p in clip_frames(file)]
    assert [row[2] for row in found] == [row[2] for row in told]
    assert np.abs(np.array(found) - np.array(told)).max() < 0.002


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
def test_of_a_damaged_video_what_decodes_is_in_the_clip_once_and_in_its_time(tmp_path, name):
    path = encoded_clip(tmp_path / name, "libx264", preset="veryfast", bf=3, g=12)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    found = numbers(path, 0.5, 3.0)
    seen = [number for *_, number in found]
    assert seen == sorted(set(seen)) and seen[:20] == [*range(15, 35)] and seen[-1] < 85
    assert all(abs(second - (number - 15) / 30) < 0.001 for second, _, number in found)
    assert [number for *_, number in numbers(clip_file(path, 0.5, 3.0, tmp_path))] == seen


def test_odd_sides_and_damage_are_met(tmp_path):
    path = coded_clip(tmp_path / "odd.mp4", 40, side=66)
    file = clip_file(path, 0.5, 1.0, tmp_path)
    assert (probe(file)["width"], probe(file)["height"]) == (66, 66)
    with pytest.raises(VideoError, match="the clip starts at 9 s, the video ends at 1.33 s"):
        clip_file(path, 9, 10, tmp_path / "none")
    with pytest.raises(VideoError, match="gone.mp4: no such file"):
        clip_file(tmp_path / "gone.mp4", None, None, tmp_path)
    assert not list((tmp_path / "none").iterdir())


def test_frames_are_written_as_the_stages_show_them(tmp_path):
    import cv2

    path = coded_clip(tmp_path / "whole.mp4", 90)
    files = frame_files(path, 1.0, 2.0, 5, tmp_path / "frames")
    theirs, _ = read_frames(path, 5, 1.0, 2.0)
    ours = [cv2.imread(file)[..., ::-1] for file in files]
    assert (
        [number_of(frame) for frame in ours] == [number_of(frame) for frame in theirs] == [33, 39, 45, 51, 57]
    )


# ---------------------------------------------------------------- rows

OPTIONS = ['to "play"', "to eat "]
LABELS = [
    [{"name": "answer", "kind": "choice", "value": "B", "options": OPTIONS}],
    [{"name": "interval", "kind": "interval", "value": [0.5, 1.0]}],
    [{"name": "score", "kind": "number", "value": 63.0}, {"name": "high", "kind": "number", "value": 3.2}],
    [{"name": "action", "kind": "class", "value": "running"}],
]
QUESTIONS = ["Why is\nhe \u00e9 here?", "When? <video>", "Which score?", "What does he do?"]
ANSWERS = [
    "Because of it.\nAnswer: B",
    "<think>At one half.</think>\nAnswer: 0.5 to 1 seconds",
    "Answer: score: 63; high: 3.2",
    "Answer: running",
]


@pytest.fixture
def verified(tmp_path):
    """A verified file of four questions: the first has two kept answers, the last a wrong one too."""
    coded_clip(tmp_path / "clips.mp4", 90)
    (tmp_path / "cycle1").mkdir()
    rows = []
    for n, (question, labels, answer) in enumerate(zip(QUESTIONS, LABELS, ANSWERS)):
        row = {"id": f"clip{n}#x", "video": "../clips.mp4", "question": question, "labels": labels}
        row |= {"answer": answer, "keep": True, "verdict": "correct", "origin": "direct", "sample": 0}
        rows.append(row | ({"start": 0.5, "end": 2.0, "duration": 1.5} if n == 1 else {"duration": 3.0}))
    rows.append({**rows[0], "sample": 1, "answer": "Answer: B. to eat"})
    rows.append({**rows[3], "sample": 1, "answer": "Answer: walking", "keep": False, "verdict": "wrong"})
    walking = [{"name": "action", "kind": "class", "value": "walking"}]
    rows.append({**rows[3], "id": "left out", "labels": walking, "keep": False, "verdict": "unparsed"})
    path = tmp_path / "cycle1/verified.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(path):
    return json.loads(path.read_text()) if path.suffix == ".json" else lines(path)


KEPT = [0, 1, 2, 3, 0]  # the questions of what is kept
THOUGHTLESS = [answer.removeprefix("<think>At one half.</think>\n") for answer in ANSWERS] + [
    "Answer: B. to eat"
]


@pytest.mark.parametrize("form", [form for form in FORMS if "kept" in FORMS[form] and form != "trl"])
@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_what_is_exported_reads_back_the_same(verified, tmp_path, form, ending):
    out = tmp_path / f"out/rows.{ending}"
    rows = export(verified, str(out), form)
    assert rows.count == 5 and not list(tmp_path.rglob("*.tmp*"))
    records, notes = read("conversations", out)
    assert not notes and [r["id"] for r in records] == [*(f"clip{n}#x" for n in range(4)), "clip0#x~2"]
    assert [r["answer"] for r in records] == THOUGHTLESS
    for record, n in zip(records, KEPT):
        assert record["question"] == QUESTIONS[n].removesuffix(" <video>")
        closed = {"options": ["running", "walking"]} if n == 3 else {}
        assert record["labels"] == [{**label, **closed} for label in LABELS[n]]
    # a whole video as it is, a clip as a file of its own
    videos = [find_video({}, record["video"]) for record in records]
    assert videos[0] == (str(tmp_path / "clips.mp4"), None, None)
    assert Path(videos[1][0]).parent == out.parent / "clips" and probe(videos[1][0])["duration"] == 1.5


def texts(row, key):
    return [turn["content"] for turn in row[key]]


def test_the_rows_of_each_form_are_what_its_trainer_reads(verified, tmp_path):
    def made(form, what, name="rows.jsonl"):
        export(
            verified, str(tmp_path / f"{form}-{what}-{name}"), form, what, frames=4 if form == "trl" else None
        )
        return rows_of(tmp_path / f"{form}-{what}-{name}")

    video, question = str(tmp_path / "clips.mp4"), QUESTIONS[0] + '\nA. to "play"\nB. to eat '
    first = made("llava", "kept")[0]
    assert first["video"] == video and first["conversations"][0]["value"] == f"<video>\n{question}"
    for form in ("messages", "swift", "verl"):
        row = made(form, "kept")[0]
        assert texts(row, "messages") == [f"<video>{question}", ANSWERS[0]] and row["videos"] == [video]
    asked = [render({"question": q, "labels": labels}, "direct") for q, labels in zip(QUESTIONS, LABELS)]
    pair, wrong = f"<video>{asked[3]}", "Answer: walking"
    [row] = made("swift", "preferences")
    assert texts(row, "messages") == [pair, ANSWERS[3]] and row["rejected_response"] == wrong
    assert [row["label"] for row in made("swift", "kto")] == [True] * 5 + [False]
    rows = made("swift", "reward")
    assert len(rows) == 5 and texts(rows[3], "messages") == [pair, rows[3]["solution"]]
    [row] = made("llamafactory", "preferences")
    assert row["conversations"] == [{"from": "human", "value": pair}] and row["videos"] == [video]
    assert row["chosen"]["value"] == ANSWERS[3] and row["rejected"] == {"from": "gpt", "value": wrong}
    assert [row["label"] for row in made("llamafactory", "kto")] == [True] * 5 + [False]
    [row] = made("trl", "preferences")
    assert (
        texts(row, "prompt") == [asked[3]] and texts(row, "rejected") == [wrong] and len(row["images"]) == 4
    )
    assert texts(made("trl", "kept")[2], "completion") == [ANSWERS[2]]
    row = made("trl", "reward")[1]
    assert set(row) == {"id", "prompt", "images", "solution"} and Path(row["images"][3]).is_file()
    row = made("verl", "reward")[3]
    assert texts(row, "prompt") == [pair] and row["videos"] == [{"video": f"file://{video}"}]
    assert row["data_source"] == "video-star" and row["extra_info"]["index"] == 3
    row = made("easyr1", "reward", "rows.json")[3]
    assert row["prompt"] == pair and row["videos"] == [video]
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert info["llamafactory-preferences-rows"] == {
        "file_name": "llamafactory-preferences-rows.jsonl",
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {
            "messages": "conversations",
            "videos": "videos",
            "chosen": "chosen",
            "rejected": "rejected",
        },
    }
    assert info["llamafactory-kto-rows"]["columns"]["kto_tag"] == "label"


def test_a_cycle_that_is_not_there_is_told_what_to_do(tmp_path, monkeypatch):
    for cycle, said in (
        ("cycle2", "is not finished; make cycle finishes it, N="),
        ("cycle0", "N=auto: no cycle"),
    ):
        path = tmp_path / cycle / "verified.jsonl"
        monkeypatch.setattr(sys, "argv", ["export.py", str(path), str(tmp_path / "rows.json")])
        with pytest.raises(StageError, match=f"{path}: no such file: .*{said}"):
            main()
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["swift", "trl", "verl", "easyr1"])
def test_a_solution_carries_all_the_verifier_needs(verified, tmp_path, form):
    export(verified, str(tmp_path / "rows.jsonl"), form, "reward", frames=2 if form == "trl" else None)
    rows = lines(tmp_path / "rows.jsonl")
    solutions = [
        row.get("solution") or row.get("answer") or row["reward_model"]["ground_truth"] for row in rows
    ]
    for solution, answer in zip(solutions, ANSWERS):
        assert reward.score(answer, solution)["score"] == 1
    # another class of the same file, and none of it
    assert reward.score("Answer: walking", solutions[3])["verdict"] == "wrong"
    assert reward.score("He is running or walking.", solutions[3])["score"] == 0
    assert json.loads(solutions[1])["duration"] == 1.5
    if form != "trl":  # which has pictures alone
        records, notes = read("conversations", tmp_path / "rows.jsonl")
        assert not notes and [r["question"] for r in records] == [
            *(question.removesuffix(" <video>") for question in QUESTIONS),
            QUESTIONS[3],
        ]
        assert not any("answer" in record for record in records)


def test_questions_without_answers_become_rows_for_a_reward(verified, tmp_path):
    train = tmp_path / "cycle1/train.jsonl"
    keys = ("id", "video", "question", "labels")
    records = [{key: row[key] for key in keys} for row in lines(verified)[:4]]
    train.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert export(train, str(tmp_path / "rows.json"), "easyr1", "reward").count == 4
    with pytest.raises(StageError, match="train.jsonl:1: neither answer nor error"):
        export(train, str(tmp_path / "other.json"))
    assert not (tmp_path / "other.json").exists()


def test_thoughts_stand_before_answers_where_asked(verified, tmp_path):
    rows = lines(verified)
    rows[2]["thought"] = "<think>\nI see 63.\n"
    rows[3]["answer"] += " \ud83d"  # half a character
    verified.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for thoughts in (False, True):
        export(verified, str(tmp_path / "rows.jsonl"), "swift", "kept", thoughts)
        told = [texts(row, "messages")[1] for row in lines(tmp_path / "rows.jsonl")]
        before = ["<think>\nAt one half.\n</think>\n\n", "<think>\nI see 63.\n</think>\n\n"]
        assert told[1:3] == [b * thoughts + t for b, t in zip(before, THOUGHTLESS[1:3])]
        assert told[0] == ANSWERS[0] and told[3] == "Answer: running ?"


def test_what_was_cut_off_is_no_row(verified, tmp_path):
    rows = lines(verified)
    rows[0]["truncated"] = True
    verified.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = export(verified, str(tmp_path / "rows.jsonl"))
    assert rows.count == 4 and rows.source.cut_off == 1


def test_nothing_of_others_is_replaced(verified, tmp_path):
    mine = tmp_path / "mine.json"
    mine.write_text("[]")
    before = sorted(tmp_path.rglob("*"))
    for path, said in ((mine, "no stage made it"), (verified, "would replace")):
        with pytest.raises(StageError, match=said) as error:
            export(verified, str(path))
        assert error.value.code == 2
    info = tmp_path / "dataset_info.json"
    entry = {"rows": {"file_name": "rows_of_mine.json"}, "other": {"script_url": "x"}}
    for text in ("[", json.dumps(entry)):
        info.write_text(text)
        with pytest.raises(StageError, match="dataset_info.json: ") as error:
            export(verified, str(tmp_path / "rows.json"), "llamafactory")
        assert error.value.code == 2
    assert sorted(tmp_path.rglob("*")) == sorted([*before, info]) and mine.read_text() == "[]"
    export(verified, str(tmp_path / "more.json"), "llamafactory")
    export(verified, str(tmp_path / "more.json"), "llamafactory", "kto")  # what we made is made again
    assert list(json.loads(info.read_text())) == ["rows", "other", "more"]
    assert json.loads(info.read_text())["more"]["columns"]["kto_tag"]


def test_a_video_that_is_gone_costs_its_rows(verified, tmp_path, monkeypatch, capsys):
    rows = lines(verified)
    rows[1]["video"] = "gone.mp4"
    verified.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["export.py", str(verified), str(tmp_path / "rows.jsonl")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(StageError, match="1 of 5 rows have no video.*gone.mp4: no such file"):
        main()
    assert not list(tmp_path.glob("rows*"))
    monkeypatch.setattr(sys, "argv", [*words, "--max-failures", "1"])
    main()
    said = capsys.readouterr().out
    assert "4 rows, kept for llava; 1 rows left out" in said and "gone.mp4: no such file" in said
    assert len(lines(tmp_path / "rows.jsonl")) == 4


@pytest.mark.parametrize(
    "words, said",
    [
        (["--to", "llava", "--what", "kto"], "--to llava takes kept; swift, llamafactory, trl take it"),
        (["--to", "easyr1", "--what", "kept"], "--to easyr1 takes reward"),
        (["--frames", "4"], "--frames: --to llava names the video itself"),
        (["--to", "trl", "--frames", "0"], "--frames 0: expected at least 1"),
        (["--to", "verl", "--thoughts"], "--thoughts: --what reward has no answers"),
        (["--to", "axolotl"], "invalid choice"),
    ],
)
def test_bad_usage_is_said_before_any_work(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.setattr(sys, "argv", ["export.py", "none.jsonl", str(tmp_path / "rows.json"), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and said in capsys.readouterr().err


def test_parquet_is_written_where_it_can_be(verified, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["x", str(verified), str(tmp_path / "rows.parquet"), "--to", "verl"])
    main()
    said = capsys.readouterr().out
    try:
        from pyarrow.parquet import read_table
    except ImportError:
        assert "pyarrow is not installed" in said and len(rows_of(tmp_path / "rows.json")) == 5
        return
    rows = read_table(tmp_path / "rows.parquet").to_pylist()
    assert len(rows) == 5 and rows[0]["reward_model"]["style"] == "rule"


@pytest.mark.parametrize("form, what", [(form, what) for form in FORMS for what in FORMS[form]])
def test_datasets_opens_the_rows_of_every_form(verified, tmp_path, form, what):
    datasets = pytest.importorskip("datasets")
    out = str(tmp_path / "rows.jsonl")
    count = export(verified, out, form, what, frames=2 if form == "trl" else None).count
    found = datasets.load_dataset("json", data_files=out, split="train", cache_dir=str(tmp_path / "cache"))
    assert len(found) == count and found.to_list() == lines(Path(out))


def test_nothing_to_export_is_said(verified, tmp_path):
    rows = [{**row, "keep": False, "verdict": "unparsed"} for row in lines(verified)]
    verified.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for what, form in (("kept", "llava"), ("kto", "swift"), ("preferences", "swift")):
        with pytest.raises(StageError, match="nothing to export: no "):
            export(verified, str(tmp_path / "none.json"), form, what)
    with pytest.raises(StageError, match="no.jsonl: no such file"):
        export(tmp_path / "no.jsonl", str(tmp_path / "none.json"))
    assert not list(tmp_path.glob("none*"))
