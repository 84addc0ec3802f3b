"""Readers of official annotation files, on real files where they may be had and on schema-true synthetic ones
with the known defects elsewhere.
"""

import hashlib
import io
import json
import os
import pickle
import struct
import sys
import tracemalloc
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from conftest import SHARED, sh

from lib.datasets import READERS, own
from lib.datasets.common import items
from lib.datasets.egoexo import PROFICIENCY
from lib.datasets.pickles import unpickle
from lib.datasets.questions import QUESTIONS, ask, draw
from lib.datasets.videos import NO_VIDEO, SEVERAL, find_video, fitted, index_videos, located
from lib.labels import record_problem
from lib.prompts import render
from lib.records import StageError
from lib.tools.template import ANSWERS, template_answer
from lib.verifier import verify, vocabularies


def read(name, path, **options):
    """(records, notes): what a reader yields, with the promises that all readers keep checked."""
    records, notes, ids = [], Counter(), set()
    for where, record, note in READERS[name](str(path), 0, **options):
        assert where.startswith(str(path)) and (record or note), (where, note)
        assert note is None or note.split(":")[0] in ("clamped", "not clamped") + ("dropped", "not asked") * (
            record is None
        ), note
        notes.update([note] * bool(note))
        if record is None:
            continue
        assert record["id"] not in ids, f"{record['id']} stands twice"
        ids.add(record["id"])
        assert record["video"] and all(
            isinstance(stem, str) and (start is None) == (end is None) for stem, start, end in record["video"]
        ), record["video"]
        assert record.get("split") in (None, "train", "test")
        assert name == "conversations" or record["source_video"], "its source is not said"
        if not any(label.get("unit") == "pixels" for label in record["labels"]):
            assert record_problem({**record, "video": "a clip"}) is None, record
        records.append(record)
    assert [r for _, r, _ in READERS[name](str(path), 0, **options) if r] == records  # the same again
    return records, notes


def by_kind(records):
    return Counter(record["labels"][0]["kind"] for record in records)


def gold(records):
    """{id: value of its label}."""
    return {record["id"]: record["labels"][0]["value"] for record in records}


def saved(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def real(name):
    path = SHARED / "annotations" / name
    if not path.is_file():
        pytest.skip(f"no real annotation file at {path}")
    return path


# ---------------------------------------------------------------- real files


def test_star_multiple_choice_as_published():
    records, notes = read("star", real("star_val_mc.csv"))
    choices = [r for r in records if r["labels"][0]["kind"] == "choice"]
    assert Counter(r["type"] for r in choices) == {
        "Sequence": 3586,
        "Interaction": 2398,
        "Prediction": 624,
        "Feasibility": 490,
    }
    assert len(choices) == 7098
    assert not notes
    first = choices[0]
    assert (
        first["id"] == "6H78U#Interaction_T1_13"
        and first["question"] == "Which object was tidied up by the person?"
        and first["split"] == "test"
    )
    assert first["labels"] == [
        {
            "name": "answer",
            "kind": "choice",
            "value": "C",
            "options": ["The closet/cabinet.", "The blanket.", "The clothes.", "The table."],
        }
    ]
    assert first["video"] == [("6H78U_11.1_19.6", None, None), ("6H78U", 11.1, 19.6)]
    texts = [r["labels"][0]["value"] for r in records if r["id"].endswith("#text")]
    assert "Put down the blanket." in texts and not {"The clothes.", "Opened.", "Put down."} & set(texts)
    intervals = {r["id"]: r for r in records if r["labels"][0]["kind"] == "interval"}
    assert len(intervals) == 3586 + 2398 and intervals["6H78U#Interaction_T1_13#interval"]["video"] == [
        ("6H78U", None, None)
    ]
    assert intervals["6H78U#Interaction_T1_13#interval"]["labels"][0]["value"] == [11.1, 19.6]


def test_nextqa_as_published():
    records, notes = read("nextqa", real("nextqa_val.csv"))
    assert len(records) == 4996 and by_kind(records) == {"choice": 4996} and not notes
    assert Counter(r["type"][0] for r in records) == {"C": 2607, "T": 1612, "D": 777}
    assert records[0] == {
        "id": "4010069381#nextqa_val-6",
        "video": [("4010069381", None, None)],
        "question": "how do the two man play the instrument?",
        "split": "test",
        "source_video": "4010069381",
        "type": "CH",
        "labels": [
            {
                "name": "answer",
                "kind": "choice",
                "value": "A",
                "options": [
                    "roll the handle",
                    "tap their feet",
                    "strum the string",
                    "hit with sticks",
                    "pat with hand",
                ],
            }
        ],
    }


def test_charades_sta_as_published_is_clamped_to_its_durations(tmp_path):
    path, durations = real("charades_sta_test.txt"), real("charades_durations.json")
    records, notes = read("charades-sta", path)
    assert len(records) == 3720 and notes == {"clamped: interval ends after the video": 561}
    listed = json.loads(durations.read_text())
    assert all(r["labels"][0]["value"][1] <= listed[r["video"][0][0]]["duration"] + 0.0101 for r in records)
    assert "person turn a light on" in records[0]["question"] and records[0]["labels"][0]["value"] == [
        24.3,
        30.4,
    ]
    alone = tmp_path / "charades_sta_test.txt"
    alone.write_bytes(path.read_bytes())
    assert read("charades-sta", alone)[1] == {}  # no durations, nothing to clamp to
    assert read("charades-sta", alone, durations=str(durations))[1] == notes
    some = saved(tmp_path / "some.json", dict(islice(listed.items(), 1000)))
    assert any(
        note.startswith("not clamped: no duration") for note in read("charades-sta", alone, durations=some)[1]
    )
    with pytest.raises(StageError, match="others.json: durations of other videos"):
        read("charades-sta", alone, durations=saved(tmp_path / "others.json", {"v_x": {"duration": 9}}))


def test_activitynet_captions_real_defects_are_all_found():
    path = real("activitynet_captions_slice.json")
    reversed_, late, sequences, good = set(), {}, set(), 0
    for video, entry in json.loads(path.read_text()).items():  # in plain loops, apart from the reader
        for n, (start, end) in enumerate(entry["timestamps"]):
            if end <= start:
                reversed_.add(f"{video}-{n}")
                continue
            good += 1
            if end > entry["duration"] + 0.01:
                late[f"{video}#{path.stem}-{n}#interval"] = [start, entry["duration"]]
        order = sorted(range(len(entry["timestamps"])), key=lambda n: entry["timestamps"][n])
        shared = [
            entry["timestamps"][a][1] - entry["timestamps"][b][0]
            > 0.25 * min(entry["timestamps"][n][1] - entry["timestamps"][n][0] for n in (a, b))
            for a, b in zip(order, order[1:])
        ]
        if len(order) > 1 and not any(shared) and not any(end <= start for start, end in entry["timestamps"]):
            sequences.add(video)
    records, notes = read("activitynet", path)
    assert (
        len(reversed_) == notes["dropped: end <= start"] == 4
        and len(late) == notes["clamped: interval ends after the video"] == 12
    )
    assert (
        by_kind(records) == {"interval": good, "text": good, "sequence": len(sequences)}
        and len(sequences) == 267
    )
    assert {id: value for id, value in gold(records).items() if id in late} == late
    assert {r["video"][0][0] for r in records if r["labels"][0]["kind"] == "sequence"} == sequences
    assert all(
        v == v.strip() for r in records if r["labels"][0]["kind"] == "text" for v in [r["labels"][0]["value"]]
    )


@pytest.mark.parametrize("name", ["kinetics-400_val_50.csv", "kinetics-600_val_50.csv"])
def test_kinetics_slices(name):
    records, notes = read("kinetics", real(name))
    assert (
        len(records) == 50
        and by_kind(records) == {"class": 50}
        and not notes
        and {r["split"] for r in records} == {"test"}
    )
    assert {"air drumming"} <= set(gold(records).values()) and any(r["id"].startswith("-") for r in records)
    first = next(r for r in records if r["id"] == "--nQbRBEz2s_000104_000114")
    assert first["video"] == [
        ("air drumming/--nQbRBEz2s_000104_000114", None, None),
        ("--nQbRBEz2s_000104_000114", None, None),
        ("--nQbRBEz2s", 104.0, 114.0),
    ]


# ---------------------------------------------------------------- Kinetics, files

KINETICS = "label,youtube_id,time_start,time_end,split\n"


def test_kinetics_quotes_commas_and_defects(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(
        KINETICS + '"throwing ball (not baseball or American football)",-a_b,1,11,train\n'
        '"wiping, ""slowly""",--cd,100000,100010,validate\n'
        "testifying,eeeeeeeeeee,9,9,train\ntestifying,,1,2,train\n,fffffffffff,1,2,train\n"
        "testifying,ggggggggggg,x,2,train\n"
    )
    records, notes = read("kinetics", path)
    assert gold(records) == {
        "-a_b_000001_000011": "throwing ball (not baseball or American football)",
        "--cd_100000_100010": 'wiping, "slowly"',
    }
    assert [r["split"] for r in records] == ["train", "test"]
    assert notes == {
        "dropped: end <= start": 1,
        "dropped: video id missing": 1,
        "dropped: label missing": 1,
        "dropped: time not a number": 1,
    }
    for text, said in (
        (
            "youtube_id,time_start,time_end,split\na,1,2,test\n",
            r"test.csv:1: columns .*youtube_id.*expected label",
        ),
        (KINETICS + "a,b,1,2,nowhere\n", ":2: split 'nowhere'"),
        (KINETICS + "a,b,1,2,val\na,b,1", ":3: 3 fields, expected 5"),
        (KINETICS + "a,b\xff".encode("latin1").decode("latin1"), "byte 0xff .* is not UTF-8"),
    ):
        bad = tmp_path / "test.csv"
        bad.write_bytes(text.encode("latin1"))
        with pytest.raises(StageError, match=said):
            list(READERS["kinetics"](str(bad), 0))


def peak_of(reader, path):
    tracemalloc.start()
    count = sum(record is not None for _, record, _ in reader(str(path), 0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return count, peak


def test_readers_stream(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(
        KINETICS
        + "".join(
            f'"some activity number {n % 700}",{n:011},{n % 300},{n % 300 + 10},train\n'
            for n in range(50_000)
        )
    )
    count, peak = peak_of(READERS["kinetics"], path)
    assert count == 50_000 and peak < 400_000 < path.stat().st_size / 5, peak
    path = tmp_path / "vstar.json"
    path.write_text(
        json.dumps(
            [
                {
                    "id": n,
                    "video": f"{n}.mp4",
                    "conversations": [
                        {"from": "human", "value": "<video>\nWhat is it?"},
                        {"from": "gpt", "value": f"It is {n}. " * 30},
                    ],
                }
                for n in range(4_000)
            ]
        )
    )
    count, peak = peak_of(READERS["conversations"], path)
    assert count == 4_000 and peak < 800_000 < path.stat().st_size / 2, peak


def test_items_of_lists_and_lines(tmp_path):
    path, big = tmp_path / "a.json", {"text": 'x [,] \\" { \u00e9' * 20_000}
    for text in (
        json.dumps([{"a": 1}, big, {"b": [2]}], indent=1),
        "".join(json.dumps(v) + "\n" for v in ({"a": 1}, big, {"b": [2]})),
        json.dumps([{"a": 1}, big, {"b": [2]}]),
    ):
        path.write_text(text)
        assert [item for _, item in items(path)] == [{"a": 1}, big, {"b": [2]}]
    path.write_text('[\n{"a": 1},\n{"a":\n 2},\n\n{"a": 3}]\n')
    assert [where for where, _ in items(path)] == [f"{path}:{n}" for n in (2, 3, 6)]
    for text, said in (
        ('[{"a": 1},\n{"a": ', ":2: not JSON, or cut off"),
        ('[{"a": 1}', ":1: not JSON, or cut off"),
        ("[1, 2]", ":1: found 1"),
        ("{]", ":1: not JSON"),
        ('[{"a": %s}]' % ("9" * 5000), ":1: not JSON.* digits"),
        ('{"a": ' * 100_000, ":1: not JSON.* recursion"),
        ("", None),
        ("[]", None),
    ):
        path.write_text(text)
        if said is None:
            assert list(items(path)) == []
            continue
        with pytest.raises(StageError, match=said):
            list(items(path))


def test_videos_are_found_by_the_end_of_their_path(tmp_path):
    for name in (
        "val/air drumming/-a_000001_000011.mp4",
        "extra/air drumming/-b.webm",
        "extra/deep/-b.webm",
        "extra/-c.mp4",
        "extra/-c.webm",
        "raw/x.mp4",
        "activity/x.mkv",
        "top.MP4",
        "deep/top.mp4",
        "notes.txt",
        ".hidden.mp4",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    index, at = index_videos(tmp_path), lambda name: (str(tmp_path / name), None, None)
    assert sum(map(len, index.values())) == 8 and "notes" not in index and ".hidden" not in index
    assert find_video(index, [("air drumming/-a_000001_000011", None, None), ("-a", 1.0, 11.0)]) == at(
        "val/air drumming/-a_000001_000011.mp4"
    )
    assert (
        find_video(index, [("drumming/-a_000001_000011", None, None), ("-a", 1.0, 11.0)]) is None
    )  # whole folder names only
    assert find_video(index, [("missing/-c", None, None), ("-c", 3.0, 4.5)]) == (
        str(tmp_path / "extra/-c.mp4"),
        3.0,
        4.5,
    )
    assert find_video(index, [("-b", None, None)]) is None and find_video(
        index, [("deep/-b", None, None)]
    ) == at("extra/deep/-b.webm")  # two as deep: neither
    assert (
        find_video(index, [("activity/x", None, None)])
        == find_video(index_videos(tmp_path / "activity"), [("activity/x", None, None)])
        == at("activity/x.mkv")
    )
    assert find_video(index, [("top", None, None)]) == at("top.MP4")
    assert (
        find_video({}, [(str(tmp_path / "raw/x.mp4"), None, None)]) == at("raw/x.mp4")
        and find_video(index, [(str(tmp_path / "raw/y.mp4"), None, None)]) is None
    )


def test_videos_of_one_name_and_files_of_other_endings_are_told(tmp_path):
    names = ["a/x.mkv", "b/x.mkv", "b/y.mp4", "b/z.flv", "c.FLV", "notes"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    rows = [(stem, {"video": [(stem, None, None)]}, None) for stem in ("x", "a/x", "y", "z")]
    notes = [note for *_, note in located(rows, tmp_path)]
    assert notes == [SEVERAL, None, None, NO_VIDEO]
    said = "2 classes, a folder each; 3 files left out: 2 .flv, 1 no ending"
    assert own.understood(tmp_path) == f"{tmp_path}: {said}"
    for name in names[3:]:
        (tmp_path / name).unlink()
    assert own.understood(tmp_path) == f"{tmp_path}: 2 classes, a folder each"


# ---------------------------------------------------------------- STAR with situations


def test_star_situations(tmp_path):
    box = [98.48, 176.53, 244.68, 269.99]
    frame = lambda actions, labels=("o006",), boxes=(box,): {
        "rel_pairs": [["o000", "o006"]],
        "rel_labels": ["r002"],
        "actions": list(actions),
        "bbox": list(boxes),
        "bbox_labels": list(labels),
    }
    question = {
        "question_id": "Sequence_T1_13",
        "video_id": "6H78U",
        "start": 10.0,
        "end": 20.0,
        "question": "What happened after the person held the food?",
        "answer": "Took the towel.",
        "question_program": [{"function": "Filter_Actions_with_Verb", "value_input": ["tidy"]}],
        "choices": [
            {"choice_id": i, "choice": c, "choice_program": []}
            for i, c in (
                (1, "Ate the food."),
                (0, "Took the towel."),
                (2, "Put down the box."),
                (3, "Opened the door."),
            )
        ],
        # frames 201 to 400 are seconds 10 to 20 at 20 per second; a026 is lower than a051 but later, a003 is
        # before the clip, a009 after it
        "situations": {
            "000100": frame(["a003"]),
            "000301": frame(["a026", "a051"], ["o006", "o006"], [box, box]),
            "000241": frame(["a051"], ["o006", "o002"], [box, None]),
            "000501": frame(["a009"]),
        },
    }
    unordered = {
        **question,
        "question_id": "Prediction_T1_2",
        "situations": {"000241": frame(["a051", "a026"], ["o002"], [None])},
    }
    wrong = {**question, "question_id": "Interaction_T1_1", "answer": "The sky."}
    path = saved(tmp_path / "STAR_val.json", [question, unordered, wrong])
    records, notes = read("star", path)
    assert by_kind(records) == {"choice": 2, "text": 2, "interval": 1}
    assert notes == {
        "not asked: box and sequence, frame rate (STAR_classes/video_fps) or class lists missing": 2,
        "dropped: answer is none of the options": 1,
    }
    classes = tmp_path / "STAR_classes"
    classes.mkdir()
    (classes / "action_classes.txt").write_text(
        "a003 throw clothes somewhere\na009 hold a book\na026 hold a towel\na051 eat some food\n"
    )
    (classes / "object_classes.txt").write_text("o000 person\no002 picture\no006 closet/cabinet\n")
    (classes / "video_fps").write_bytes(pickle.dumps({"6H78U.mp4": 20.0}, 3))
    records, notes = read("star", path)
    assert by_kind(records) == {"choice": 2, "text": 2, "interval": 1, "box": 1, "sequence": 1}
    assert notes == {
        "dropped: answer is none of the options": 1,
        "not asked: box, none in the clip": 1,
        "not asked: sequence, the actions do not begin one after the other": 1,
    }
    found = {r["id"]: r for r in records}
    assert (
        found["6H78U#Sequence_T1_13"]["labels"][0]["value"] == "A"
        and found["6H78U#Sequence_T1_13"]["labels"][0]["options"][1] == "Ate the food."
    )
    assert found["6H78U#Sequence_T1_13#sequence"]["labels"][0]["value"] == ["eat some food", "hold a towel"]
    spot = found["6H78U#Sequence_T1_13#box"]
    assert spot["labels"] == [{"name": "box", "kind": "box", "value": box, "unit": "pixels"}] and spot[
        "video"
    ][1] == ("6H78U", 10.0, 20.0)
    assert (
        "closet/cabinet" in spot["question"] and "2.00" in spot["question"]
    )  # frame 241 is second 12, 2 seconds into the clip
    with pytest.raises(StageError, match="STAR_test.json:1: choices, answer not among"):
        list(
            READERS["star"](
                str(
                    saved(
                        tmp_path / "STAR_test.json",
                        [{k: v for k, v in question.items() if k not in ("answer", "choices")}],
                    )
                ),
                0,
            )
        )


# ---------------------------------------------------------------- FineDiving


class Python2Pickler(pickle._Pickler):
    """Writes text as Python 2 did: as byte strings."""

    dispatch = dict(pickle._Pickler.dispatch)

    def byte_string(self, value):
        data = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = byte_string


def python2(value):
    file = io.BytesIO()
    Python2Pickler(file, 2).dump(value)
    return file.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def dive(frames, types, score=88.0):
    labels = np.repeat([step for step, _ in frames], [count for _, count in frames])
    return {
        "action_type": "407c",
        "dive_score": score,
        "difficulty": 3.2,
        "steps_transit_frames": np.flatnonzero(np.diff(labels)),
        "frames_labels": labels,
        "sub-action_types": {np.int64(key): name for key, name in types.items()},
    }


# sorted ids would swap twists and somersaults of the second; in the third a step comes again; 22 in the last
# is a name of the table only
DIVES = {
    ("01", 1): dive([(4, 30), (25, 40), (36, 33)], {4: "Inward", 25: "3.5 Soms.Tuck", 36: "Entry"}),
    ("01", 3): dive(
        [(2, 20), (31, 9), (12, 30), (36, 8)],
        {2: "Back", 12: "2.5 Soms.Pike", 31: "1.5 Twists", 36: "Entry"},
        np.float64(0.0),
    ),
    ("FINADivingWorldCup2021_Men3m_final_r1", 8): dive(
        [(1, 9), (11, 20), (30, 9), (11, 20), (36, 5)],
        {1: "Forward", 11: "1.5 Soms.Pike", 30: "1 Twist", 36: "Entry"},
    ),
    ("02", 0): dive([(3, 9), (22, 20)], {3: "Reverse", 23: "3 Soms.Pike"}, float("nan")),
}


@pytest.mark.parametrize("dumped", [python2, pickle.dumps], ids=["python 2", "python 3"])
def test_finediving_steps_stand_in_the_order_of_time(tmp_path, dumped):
    for name, value in (
        ("Annotations/FineDiving_fine-grained_annotation.pkl", DIVES),
        ("train_test_split/train_split.pkl", [("01", 1), ("02", 0)]),
        ("train_test_split/test_split.pkl", [("01", 3)]),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(dumped(value))
    assert (
        b"numpy.core.multiarray"
        in (tmp_path / "Annotations/FineDiving_fine-grained_annotation.pkl").read_bytes()
    ) == (dumped is python2)
    records, notes = read("finediving", tmp_path)
    assert by_kind(records) == {"class": 4, "number": 3, "sequence": 3} and notes == {
        "dropped: score not a number": 1,
        "dropped: a step without a name": 1,
    }
    found = gold(records)
    assert found["01_1#dive"] == "407c" and found["01_1#score"] == 88.0 and found["01_3#score"] == 0.0
    assert found["01_1#steps"] == ["Inward", "3.5 Soms.Tuck", "Entry"] and found["01_3#steps"] == [
        "Back",
        "1.5 Twists",
        "2.5 Soms.Pike",
        "Entry",
    ]
    assert found["FINADivingWorldCup2021_Men3m_final_r1_8#steps"] == [
        "Forward",
        "1.5 Soms.Pike",
        "1 Twist",
        "1.5 Soms.Pike",
        "Entry",
    ]
    assert [r.get("split") for r in records if r["id"].endswith("#dive")] == ["train", "test", None, "train"]
    assert (
        records[0]["video"] == [("01/1", None, None), ("01_1", None, None)]
        and type(json.loads(json.dumps(records[1]))) is dict
    )
    (tmp_path / "Annotations/Sub_action_Types_Table.pkl").write_bytes(
        dumped({22: "3 Soms.Pike", 4: "another name"})
    )
    assert gold(read("finediving", tmp_path)[0])["02_0#steps"] == ["Reverse", "3 Soms.Pike"]
    with pytest.raises(
        StageError, match="no FineDiving_fine-grained_annotation.pkl among test_split.pkl, train_split.pkl"
    ):
        list(READERS["finediving"](str(tmp_path / "train_test_split"), 0))


class Evil:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    path, mark = tmp_path / "FineDiving_fine-grained_annotation.pkl", tmp_path / "ran"
    for function, args, named in (
        (os.system, (f"touch {mark}",), "asks for posix.system"),
        (eval, (f"open({str(mark)!r}, 'w')",), "asks for .*builtin.*eval"),
        (np.save, (str(mark), [1]), "asks for numpy.*save"),
        (getattr, ("a", "upper"), "asks for .*getattr"),
        (Counter, (), "asks for collections.Counter"),
        (np.dtype, ("O",), "holds an array of objects"),
    ):
        for protocol in (0, 2, 4):
            path.write_bytes(pickle.dumps({("01", 1): Evil(function, *args)}, protocol))
            with pytest.raises(StageError, match=f"refused: it {named}"):
                list(READERS["finediving"](str(tmp_path), 0))
            assert not mark.exists()
    for rest in (
        b"",
        b"not a pickle",
        pickle.dumps(DIVES)[:200],
        b"cnumpy.core.multiarray\n_reconstruct\n(lR.",
        pickle.dumps(np.array([{}, print], dtype=object)[:1]),
    ):
        path.write_bytes(rest)
        with pytest.raises(StageError, match="refused"):
            unpickle(path)


# ------------------------------------------------- Charades-STA, ActivityNet, NExT-QA, Something-Something


def test_charades_sta_defects(tmp_path):
    path = tmp_path / "charades_sta_train.txt"
    path.write_text(
        "AAAAA 1.0 5.0##a person sits.\n\nBBBBB 9.0 5.0##a person stands.\nCCCCC 11.0 12.0##late.\n"
        "DDDDD 1.0##no end.\nEEEEE 1.0 2.0##\nAAAAA 2.0 99.0##a person {runs} on."
    )
    saved(
        tmp_path / "charades.json",
        {
            "AAAAA": {"subset": "training", "duration": 10.0, "actions": [[149, 16.0, 22.2]]},
            "CCCCC": {"duration": 11.0},
        },
    )
    records, notes = read("charades-sta", path)
    assert gold(records) == {
        "AAAAA#charades_sta_train-1": [1.0, 5.0],
        "AAAAA#charades_sta_train-7": [2.0, 10.0],
    }
    assert {r["split"] for r in records} == {"train"}
    assert "{runs}" in records[1]["question"]
    assert notes == {
        "dropped: end <= start": 1,
        "dropped: starts outside the video": 1,
        "dropped: not 'ID START END##sentence'": 2,
        "clamped: interval ends after the video": 1,
    }
    with pytest.raises(StageError, match="durations.json: AAAAA: duration not among length"):
        list(
            READERS["charades-sta"](
                str(path), 0, durations=str(saved(tmp_path / "durations.json", {"AAAAA": {"length": 3}}))
            )
        )


def test_activitynet_sequence_and_defects(tmp_path):
    entry = lambda times, sentences, duration=60.0: {
        "duration": duration,
        "timestamps": times,
        "sentences": sentences,
    }
    path = saved(
        tmp_path / "val_1.json",
        {
            "v_ok": entry([[30, 61.0], [0, 29.5]], ["  He leaves.", " He comes."]),
            "v_overlap": entry([[0, 60], [5, 20]], ["All of it.", "A part."]),
            "v_one": entry([[0, 5]], ["Once."]),
            "v_bad": entry([[5, 5], [9, 8], [70, 80], [1, 2]], ["a.", "b.", "c.", "  "]),
            "v_short": entry([[0, 1]], ["a.", "b."]),
        },
    )
    records, notes = read("activitynet", path)
    found = {r["id"]: r for r in records}
    assert found["v_ok#val_1-sequence"]["labels"][0]["value"] == ["He comes.", "He leaves."] and {
        r["split"] for r in records
    } == {"test"}
    assert found["v_ok#val_1-0#text"]["video"] == [("v_ok", 30.0, 60.0), ("ok", 30.0, 60.0)] and found[
        "v_ok#val_1-0#interval"
    ]["labels"][0]["value"] == [30.0, 60.0]
    assert by_kind(records) == {"interval": 5, "text": 5, "sequence": 1}
    assert notes == {
        "clamped: interval ends after the video": 1,
        "dropped: end <= start": 2,
        "dropped: starts outside the video": 1,
        "dropped: no words": 1,
        "dropped: timestamps and sentences differ in number": 1,
        "not asked: sequence, sentences overlap": 1,
        "not asked: sequence, fewer than two sentences or one dropped": 2,
    }


def test_nextqa_open_ended_and_folders_of_vidor(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(
        'video,frame_count,width,height,question,answer,qid,type\n2909445186,100,640,480,"why, then, did he '
        'wave",to greet,3,CW\n2909445186,100,640,480,what is it,,4,DO\n'
    )
    saved(tmp_path / "map_vid_vidorID.json", {"2909445186": "0101/2909445186"})
    records, notes = read("nextqa", path)
    assert records == [
        {
            "id": "2909445186#train-3",
            "video": [("0101/2909445186", None, None), ("2909445186", None, None)],
            "question": "why, then, did he wave?",
            "split": "train",
            "source_video": "2909445186",
            "type": "CW",
            "labels": [{"name": "answer", "kind": "text", "value": "to greet"}],
        }
    ]
    assert notes == {"dropped: answer missing": 1}
    path.write_text(
        "video,question,answer,qid,type,a0,a1,a2,a3,a4\n1,what,12,0,DO,a,b,c,d,e\n1,what,4,1,DO,a,b,c,d,e\n"
    )
    records, notes = read("nextqa", path)
    assert gold(records) == {"1#train-1": "E"} and notes == {"dropped: answer is none of the options": 1}
    path.write_text("video,question,answer,qid,type,a0,a1,a2,a3\n1,what,2,0,DO,a,b,c,d\n")
    with pytest.raises(StageError, match="train.csv:1: columns .*, expected a0, a1, a2, a3, a4, or none"):
        read("nextqa", path)

    (tmp_path / "map_vid_vidorID.json").write_text('{"1":\n "2"')
    with pytest.raises(StageError, match="map_vid_vidorID.json:2: not JSON, or cut off .*download it again"):
        read("nextqa", path)


def test_something_something(tmp_path):
    path = saved(
        tmp_path / "validation.json",
        [
            {
                "id": "45",
                "label": "putting wood onto cable",
                "template": "Putting [something] onto [something]",
                "placeholders": ["wood", "cable"],
            },
            {"id": "7", "label": "eating soup", "template": "Eating [something]", "placeholders": ["soup"]},
        ],
    )
    records, notes = read("ssv2", path)
    assert gold(records) == {
        "45#class": "Putting something onto something",
        "45#text": "putting wood onto cable",
        "7#class": "Eating something",
        "7#text": "eating soup",
    }
    assert not notes
    assert (
        records[0]["video"] == [("45", None, None)]
        and "options" not in records[0]["labels"][0]
        and records[0]["split"] == "test"
    )
    saved(
        tmp_path / "labels.json",
        {"Approaching something with your camera": "0", "Putting something onto something": "1"},
    )
    records, notes = read("ssv2", path)
    assert records[0]["labels"][0]["value"] == "Putting something onto something"
    assert notes == {"dropped: template not in labels.json": 1}
    with pytest.raises(StageError, match="test.json:1: label, template not among id"):
        list(READERS["ssv2"](str(saved(tmp_path / "test.json", [{"id": "3"}])), 0))


# ---------------------------------------------------------------- MOMA-LRG


def entity(id, name, *box):
    return {"id": id, "class_name": name, "bbox": list(box)}


def test_moma_steps_boxes_and_intervals(tmp_path):
    scene = lambda time, actors, objects=(): {
        "id": f"scene{time}",
        "time": time,
        "actors": actors,
        "objects": list(objects),
        "relationships": [{"class_name": "[src] holding [trg]", "source_id": "A", "target_id": "1"}],
        "attributes": [],
        "transitive_actions": [],
        "intransitive_actions": [],
    }
    part = lambda id, name, start, end, *scenes: {
        "id": id,
        "class_name": name,
        "start_time": start,
        "end_time": end,
        "higher_order_interactions": list(scenes),
    }
    player = entity("A", "player", 100, 50, 200, 400)
    parts = [
        part("s3", "passing", 40.0, 50.0, scene(45.0, [entity("A", "player", -20, 50, 200, 700)])),
        part("s1", "passing", 12.0, 20.0, scene(14.0, [player, entity("B", "unsure", 0, 0, 9, 9)])),
        part(
            "s2",
            "shooting",
            20.0,
            30.0,
            scene(25.0, [player, entity("B", "player", 0, 0, 9, 9)], [entity("1", "ball", 320, 240, 64, 48)]),
        ),
        part("s4", "celebrating", 90.0, 101.0),
        part("s6", "resting", 70.0, 75.0, scene(71.0, [entity("A", "player", 700, 10, 20, 20)])),
    ]
    activity = {
        "id": "act1",
        "class_name": "basketball game",
        "start_time": 10.0,
        "end_time": 100.0,
        "sub_activities": parts,
    }
    broken = {
        "id": "act3",
        "class_name": "game",
        "start_time": 0.0,
        "end_time": 9.0,
        "sub_activities": [part("s7", "leaving", 6.0, 6.0), part("s8", "unsure", 1.0, 2.0)],
    }
    path = saved(
        tmp_path / "anns/anns.json",
        [
            {
                "file_name": "-yt_id.mp4",
                "num_frames": 3000,
                "width": 640,
                "height": 480,
                "duration": 120.0,
                "activity": activity,
            },
            {
                "file_name": "b.mp4",
                "num_frames": 30,
                "width": 640,
                "height": 480,
                "duration": 9.0,
                "activity": {**activity, "id": "act2"},
            },
            {
                "file_name": "c.mp4",
                "num_frames": 30,
                "width": 640,
                "height": 480,
                "duration": 9.0,
                "activity": broken,
            },
        ],
    )
    saved(tmp_path / "anns/splits/standard.json", {"train": ["act2"], "val": ["act1"], "test": []})
    records, notes = read("moma", path)
    found = {r["id"]: r for r in records}
    assert found["act1#sequence"]["labels"][0]["value"] == [
        "passing",
        "shooting",
        "passing",
        "resting",
        "celebrating",
    ]
    assert found["act1#sequence"]["video"] == [
        ("activity_fr/act1", None, None),
        ("activity/act1", None, None),
        ("raw/-yt_id", 10.0, 100.0),
    ]
    assert {r["split"] for r in records} == {"test"}
    assert (
        found["s2#interval"]["labels"][0]["value"] == [10.0, 20.0]
        and found["s4#interval"]["labels"][0]["value"] == [80.0, 90.0]
        and "s1#interval" not in found
    )
    assert found["s1#box"]["labels"][0]["value"] == [100 / 640, 50 / 480, 300 / 640, 450 / 480]
    assert "player" in found["s1#box"]["question"]
    assert "2.00" in found["s1#box"]["question"]
    assert (
        found["s2#box"]["labels"][0]["value"] == [0.5, 0.5, 0.6, 0.6]
        and "ball" in found["s2#box"]["question"]
    )  # there are two players
    assert found["s2#box"]["video"] == [
        ("sub_activity_fr/s2", None, None),
        ("sub_activity/s2", None, None),
        ("raw/-yt_id", 20.0, 30.0),
    ]
    assert found["s3#box"]["labels"][0]["value"] == [0.0, 50 / 480, 180 / 640, 1.0]
    assert notes == {
        "not asked: interval of what happens more than once": 2,
        "not asked: box, none alone of its class": 1,
        "dropped: end <= start": 1,
        "dropped: class unsure": 1,
        "dropped: box without area": 1,
        "clamped: interval ends after the video": 1,
        "clamped: box beyond the frame": 1,
        "dropped: starts outside the video": 1,
        "not asked: sequence, fewer than two steps, or one unsure or dropped": 1,
    }


# ---------------------------------------------------------------- Ego-Exo4D

TAKE = {
    "take_uid": "u1",
    "take_name": "cmu_bike15_4",
    "root_dir": "takes/cmu_bike15_4",
    "duration_sec": 120.0,
    "best_exo": "cam02",
    "frame_aligned_videos": {
        "aria01": {"rgb": {"relative_path": "frame_aligned_videos/aria01_214-1.mp4"}},
        "cam01": {"0": {"relative_path": "frame_aligned_videos/cam01.mp4"}},
        "cam02": {"0": {"relative_path": "frame_aligned_videos/cam02.mp4"}},
    },
}
PATHS = {
    "ego": "takes/cmu_bike15_4/frame_aligned_videos/aria01_214-1.mp4",
    "exo1": "takes/cmu_bike15_4/frame_aligned_videos/cam01.mp4",
    "exo2": "takes/cmu_bike15_4/frame_aligned_videos/cam02.mp4",
}


@pytest.fixture
def ego(tmp_path):
    """An annotations folder of Ego-Exo4D, takes.json one folder up."""
    saved(tmp_path / "takes.json", [TAKE])
    said = {"subject": "C", "ego_visible": True, "best_exo": {"cam_id": "cam02"}, "unsure": False}
    descriptions = [
        {**said, "text": "C touches the screw with his right hand.", "timestamp": 18.48},
        {**said, "text": "C hands O the wrench.", "timestamp": 119.9, "ego_visible": False},
        {**said, "text": "C jumps.", "timestamp": 5, "unsure": True},
        {**said, "text": "C leaves.", "timestamp": 130.0},
        {**said, "text": "C hides.", "timestamp": 3.0, "ego_visible": False, "best_exo": None},
    ]
    saved(
        tmp_path / "annotations/atomic_descriptions_train.json",
        {
            "annotations": {
                "u1": [
                    {
                        "annotation_uid": "a1",
                        "annotator_id": "x",
                        "rejected": False,
                        "descriptions": descriptions,
                    },
                    {
                        "annotation_uid": "a2",
                        "annotator_id": "y",
                        "rejected": True,
                        "descriptions": descriptions[:1],
                    },
                ],
                "u2": [
                    {
                        "annotation_uid": "a3",
                        "annotator_id": "x",
                        "rejected": False,
                        "descriptions": descriptions[:1],
                    }
                ],
            }
        },
    )
    comment = {
        "recording": "4.webm",
        "video_time": 27.833885,
        "text": " Our mechanic holds the tube well. ",
        "duration_approx": 12.766,
        "error": False,
    }
    said = {
        "take_name": "cmu_bike15_4",
        "take_uid": "u1",
        "task_id": 4004,
        "task_name": "Fix a Flat Tire",
        "commentary": "cmu_bike15_4/qfbn5o",
    }
    saved(
        tmp_path / "annotations/expert_commentary_train.json",
        {
            "ds": "231015",
            "annotations": {"u1": [{**said, "commentary_data": [comment, {**comment, "error": True}]}]},
        },
    )
    proficiency = {
        "task_id": 4004,
        "task_name": "Fix a Flat Tire",
        "scenario_name": "Bike Repair",
        "take_uid": "u1",
        "video_paths": PATHS,
    }
    good = [
        {
            "video_time": 60.18,
            "list": "['the tube isn\\'t pinched ', 'both hands are used']",
            "expert_uid": "e",
            "video_name": "v",
        }
    ]
    tips = [
        {"video_time": 80.0, "list": ["Use a tire lever."], "expert_uid": "e"},
        {"video_time": 90.0, "list": "Slow down.", "expert_uid": "e"},
    ]
    saved(
        tmp_path / "annotations/proficiency_demonstration_train.json",
        {"annotations": [{**proficiency, "good_executions": good, "tips_for_improvement": tips}]},
    )
    saved(
        tmp_path / "annotations/proficiency_demonstrator_train.json",
        {
            "annotations": [
                {**proficiency, "proficiency_score": "Late Expert"},
                {**proficiency, "proficiency_score": "Master"},
            ]
        },
    )
    saved(
        tmp_path / "annotations/keystep_train.json", {"annotations": {"u1": {"segments": []}}, "taxonomy": {}}
    )
    return tmp_path / "annotations"


def test_egoexo4d_folder(ego):
    records, notes = read("egoexo4d", ego)
    assert by_kind(records) == {"time": 2, "text": 2 + 1 + 3, "class": 1} and {
        r["split"] for r in records
    } == {"train"}
    assert notes == {
        "dropped: rejected or unsure": 2,
        "dropped: moment outside the take": 1,
        "dropped: no camera shows it": 1,
        "dropped: take or its duration not in takes.json": 1,
        "dropped: marked as an error": 1,
        "dropped: no such level of proficiency": 1,
        "dropped: an annotation of another kind": 1,
    }
    found = {r["id"]: r for r in records}
    time, text = (
        found["u1#atomic_descriptions_train-0.0#time"],
        found["u1#atomic_descriptions_train-0.0#text"],
    )
    stem, start, end = time["video"][0]
    assert stem == "cmu_bike15_4/frame_aligned_videos/aria01_214-1"
    assert time["video"][1][0] == "cmu_bike15_4/frame_aligned_videos/downscaled/448/aria01_214-1"
    assert time["video"][2][0].endswith("cam02")
    assert (
        abs(start + time["labels"][0]["value"] - 18.48) < 0.002
        and 0 <= start < end <= 120.0
        and abs(end - start - 16) < 1e-9
    )
    assert (
        text["labels"][0]["value"] == "The camera wearer touches the screw with his right hand."
        and text["video"] == time["video"]
    )
    late = found["u1#atomic_descriptions_train-0.1#text"]
    assert late["labels"][0]["value"] == "The camera wearer hands someone else the wrench."
    assert late["video"][0] == ("cmu_bike15_4/frame_aligned_videos/cam02", 104.0, 120.0)
    assert len(late["video"]) == 2
    values = gold(records)
    assert values["u1#expert_commentary_train-0.0"] == "Our mechanic holds the tube well."
    assert "Fix a Flat Tire" in found["u1#expert_commentary_train-0.0"]["question"]
    assert (
        values["u1#proficiency_demonstration_train-0.good_executions.0"]
        == "the tube isn't pinched. both hands are used."
    )
    assert values["u1#proficiency_demonstration_train-0.tips_for_improvement.0"] == "Use a tire lever."
    assert values["u1#proficiency_demonstration_train-0.tips_for_improvement.1"] == "Slow down."
    level = found["u1#proficiency_demonstrator_train-0"]
    assert level["labels"][0] == {
        "name": "proficiency",
        "kind": "class",
        "value": "Late Expert",
        "options": PROFICIENCY,
    }
    assert all(option in level["question"] for option in PROFICIENCY)
    assert [stem for stem, _, _ in level["video"]][::2] == [
        f"cmu_bike15_4/frame_aligned_videos/{camera}" for camera in ("cam02", "cam01", "aria01_214-1")
    ]


def test_egoexo4d_single_file_and_no_takes(ego):
    records, notes = read("egoexo4d", ego / "expert_commentary_train.json")
    assert len(records) == 1 and notes == {"dropped: marked as an error": 1}
    (ego.parent / "takes.json").unlink()
    records, notes = read("egoexo4d", ego / "proficiency_demonstration_train.json")
    assert not records and notes == {"dropped: take or its duration not in takes.json": 3}
    assert (
        len(read("egoexo4d", ego / "proficiency_demonstrator_train.json")[0]) == 1
    )  # a whole take needs no duration


def test_egoexo4d_says_where_an_annotation_of_another_kind_stands(tmp_path):
    path, keystep = tmp_path / "a.json", {"segments": []}
    for value, where in (
        ({"v_a": EVENTS}, path),
        ([keystep], f"{path}: annotations[0]"),
        ({"annotations": {"u1": keystep}}, f"{path}: u1"),
        ({"annotations": [{"take_uid": "u1", **keystep}]}, f"{path}: u1"),
    ):
        found = list(READERS["egoexo4d"](str(saved(path, value)), 0))
        assert found == [(str(where), None, "dropped: an annotation of another kind")]


# ---------------------------------------------------------------- conversations


def test_conversations_of_others(tmp_path):
    turn = lambda who, value: {"from": who, "value": value}
    rows = [
        {
            "id": 7,
            "video": "k700/abc.mp4",
            "conversations": [
                turn("human", "<video>\nWhat is it?"),
                turn("gpt", "A dog."),
                turn("human", "And then?"),
                turn("gpt", "It barks.<|im_end|>"),
            ],
        },
        {
            "id": 7,
            "video": "k700/abc.mp4",
            "conversations": [turn("human", "Where?\n<video>"), turn("gpt", "Here.")],
        },
        {"id": 8, "image": "a.jpg", "conversations": [turn("human", "<image>\nWhat?"), turn("gpt", "x")]},
        {"id": 9, "video": "v.mp4", "conversations": [turn("human", "What?")]},
        {"id": 10, "video": "v.mp4", "conversations": [turn("gpt", "What?"), turn("human", "x")]},
        {
            "id": 11,
            "video": "v.mp4",
            "labels": [{"kind": "class"}],
            "conversations": [turn("human", "What?"), turn("gpt", "x")],
        },
    ]
    as_list, as_lines = saved(tmp_path / "list.json", rows), tmp_path / "lines.jsonl"
    as_lines.write_text("\n".join(map(json.dumps, rows)))
    for path in (as_list, as_lines):
        records, notes = read("conversations", path)
        assert [(r["id"], r["question"], r["answer"], r["labels"][0]["value"]) for r in records] == [
            ("7#0.0", "What is it?", "A dog.", "A dog."),
            ("7#0.1", "And then?", "It barks.", "It barks."),
            ("7#1.0", "Where?", "Here.", "Here."),
        ]
        assert notes == {
            "dropped: no video, several, or malformed labels": 2,
            "dropped: turns not in pairs": 1,
            "dropped: not a question and its answer": 1,
        }
        assert records[0]["video"] == [
            (str(tmp_path / "k700/abc.mp4"), None, None),
            ("k700/abc", None, None),
            ("abc", None, None),
        ]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/abc.mp4").write_bytes(b"")
    assert find_video(index_videos(tmp_path / "elsewhere"), records[0]["video"]) == (
        str(tmp_path / "elsewhere/abc.mp4"),
        None,
        None,
    )


def read_rows(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read("conversations", path)


def test_conversations_are_read_in_the_forms_of_other_trainers(tmp_path):
    turns = [{"from": "human", "value": "<video>\nWhy?"}, {"from": "gpt", "value": "So."}]
    chat = [{"role": "user", "content": "<video>Why?"}, {"role": "assistant", "content": "So."}]
    parts = [{"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]} for turn in chat]
    system = {"role": "system", "content": "You see videos."}
    good = [
        {"videos": ["v/a.mp4"], "conversations": turns},
        {"videos": ["v/a.mp4"], "messages": chat},
        {"videos": [{"video": "file:///v/a.mp4"}], "messages": [system, *parts]},
        {"videos": ["v/a.mp4"], "messages": chat, "rejected_response": "No."},
    ]
    records, notes = read_rows(tmp_path / "rows.jsonl", *good)
    assert not notes and [(r["question"], r["answer"]) for r in records] == [("Why?", "So.")] * 4
    assert records[2]["video"][0][0] == "/v/a.mp4" and records[0]["video"][1][0] == "v/a"
    bad = [
        {"videos": ["a.mp4", "b.mp4"], "messages": chat},
        {"videos": [["0.jpg", "1.jpg"]], "messages": chat},
        {"videos": ["a.mp4"], "messages": chat, "label": False},
        {"videos": ["a.mp4"], "messages": chat[:1]},
        {"videos": ["a.mp4"], "messages": [None, 3]},
        {"videos": ["a.mp4"], "prompt": "Why?", "answer": "So."},
    ]
    records, notes = read_rows(tmp_path / "bad.jsonl", *bad)
    assert not records and notes == {
        "dropped: no video, several, or malformed labels": 2,
        "dropped: a wrong answer": 1,
        "dropped: turns not in pairs": 2,
        "dropped: not a question and its answer": 1,
    }


def test_video_r1_is_read_with_and_without_letters(tmp_path):
    def row(kind, answer, options=(), **more):
        about = {"problem_id": 7, "data_type": "video", "path": "./a/b.mp4", "options": list(options)}
        about |= {"problem": "What?", "problem_type": kind}
        return {**about, "solution": f"<answer>{answer}</answer>", **more}

    lettered, plain = ["A. cat", "B. dog"], ["cat", "dog"]
    good = [
        row("multiple choice", "B", lettered),
        row("multiple choice", "B", plain),
        row("multiple choice", "(B)", ["(A) cat", "(B) dog"]),
        row("multiple choice", "dog", lettered),
        row("numerical", "1,234.5"),
        row("free-form", "A cat runs."),
        row("OCR", "EXIT", solution="EXIT"),
    ]
    records, notes = read_rows(tmp_path / "rows.jsonl", *good)
    assert not notes
    choice = {"name": "answer", "kind": "choice", "value": "B", "options": plain}
    assert [r["labels"] for r in records[:4]] == [[choice]] * 4
    assert render(records[0], "direct").startswith("Question: What?\nA. cat\nB. dog\nCan you")
    assert [r["labels"][0]["value"] for r in records[4:]] == [1234.5, "A cat runs.", "EXIT"]
    assert records[0]["id"] == "7#0" and records[0]["video"][1] == ("a/b", None, None)
    bad = [
        row("multiple choice", "C", lettered),
        row("numerical", "many"),
        row("free-form", ""),
        row("free-form", "x", data_type="image"),
    ]
    records, notes = read_rows(tmp_path / "bad.jsonl", *bad)
    assert not records and sum(notes.values()) == 4
    assert notes["dropped: the answer is none of its options, or no number"] == 2


# ---------------------------------------------------------------- values of another type

SITUATION = {"actions": ["a026"], "bbox_labels": ["o006", "o002"], "bbox": [[1, 2, 30, 40], None]}
STAR = {"question_id": "Sequence_T1_13", "video_id": "6H78U", "start": 0.0, "end": 9.0}
STAR |= {"question": "What happened?", "answer": "Took the towel.", "situations": {"000021": SITUATION}}
STAR["situations"] |= {"000041": {**SITUATION, "actions": ["a051"]}}
STAR["choices"] = [{"choice_id": 0, "choice": "Ate."}, {"choice_id": 1, "choice": "Took the towel."}]
SCENE = {"time": 3.0, "actors": [entity("A", "cook", 1, 2, 30, 40)], "objects": []}
PART = {"id": "s1", "class_name": "cut", "start_time": 2.0, "end_time": 4.0}
PART["higher_order_interactions"] = [SCENE]
ACTIVITY = {"id": "act", "start_time": 1.0, "end_time": 9.0}
ACTIVITY["sub_activities"] = [PART, {**PART, "id": "s2", "class_name": "stir", "start_time": 3.0}]
MOMA = {"file_name": "a.mp4", "width": 100, "height": 80, "duration": 10.0, "activity": ACTIVITY}
SPOKEN = {"timestamp": 5.0, "text": "C jumps.", "best_exo": {"cam_id": "cam02"}, "ego_visible": True}
SKILL = {"take_uid": "u1", "task_name": "Fix it", "video_paths": PATHS, "proficiency_score": "Novice"}
MOMENT = {"video_time": 5.0, "list": "['Good.']"}
SHOWN = {"task_name": "Fix it", "video_paths": PATHS, "good_executions": [MOMENT]}
COMMENT = {"task_name": "Fix it", "commentary_data": [{"video_time": 5.0, "text": "Good."}]}
EVENTS = {"duration": 9.0, "timestamps": [[0, 4], [5, 8]], "sentences": ["He sits.", "He goes."]}
CHAT = {"video": "a.mp4", "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "x"}]}

# by reader: its annotations, and the files beside them
TYPED = {
    "activitynet": {"val_1.json": {"v_a": EVENTS}},
    "ssv2": {"a.json": [{"id": "1", "label": "holding it", "template": "Holding [it]"}], "labels.json": {}},
    "star": {
        "STAR_val.json": [STAR],
        "action_classes.txt": "a026 hold a towel\na051 eat some food\n",
        "object_classes.txt": "o002 picture\no006 closet\n",
        "video_fps": {"6H78U.mp4": 20.0},
    },
    "moma": {"anns.json": [MOMA], "splits/standard.json": {"train": ["act"]}},
    "egoexo4d": {
        "a.json": {"annotations": {"u1": [{"descriptions": [SPOKEN]}, COMMENT, SHOWN]}},
        "takes.json": [TAKE],
    },
    "egoexo4d by list": {"a.json": {"annotations": [SKILL]}},
    "nextqa": {
        "a.csv": "video,question,answer,qid,type\n1,what is it,it,3,CW\n",
        "map_vid_vidorID.json": {"1": "0101/1"},
    },
    "charades-sta": {"a.txt": "A 1.0 5.0##he sits.\n", "charades.json": {"A": {"duration": 9.0}}},
    "conversations": {"a.json": [CHAT, {**CHAT, "id": 1, "start": 0, "end": 2, "answer": '{"labels": []}'}]},
    "finediving": {
        "FineDiving_fine-grained_annotation.pkl": {
            ("01", 1): dive([(4, 3), (36, 3)], {4: "In", 36: "Entry"})
        },
        "train_split.pkl": [("01", 1)],
        "Sub_action_Types_Table.pkl": {4: "In"},
    },
}
HUGE = 10**400  # an integer that no float holds
WRONG = (None, True, 0, -1.5, HUGE, float("nan"), "x", "", [], ["x", 1], {}, {"x": None}, [[]], "[" * 9999)


@pytest.mark.parametrize(
    "name,value,said",
    [
        (
            "activitynet",
            {"v_a": {**EVENTS, "duration": "9"}},
            ": v_a: duration is '9', expected a number; mend",
        ),
        (
            "activitynet",
            {"v_a": {**EVENTS, "sentences": ["x", 5]}},
            r": v_a: sentences\[1\] is 5, expected a text",
        ),
        (
            "activitynet",
            {"version": 1, "v_a": EVENTS},
            ": version: found 1, expected an object with duration",
        ),
        ("ssv2", [{"id": 1, "label": "x", "template": None}], ":1: template is None, expected a text"),
        ("star", [{**STAR, "choices": {"A": "b"}}], ":1: choices is {'A': 'b'}, expected a list"),
        (
            "moma",
            [{**MOMA, "activity": {**ACTIVITY, "sub_activities": [{}]}}],
            ":1: sub.*: id, .* among no keys",
        ),
        ("moma", [{**MOMA, "width": float("nan")}], ":1: width is nan, expected a number"),
        (
            "egoexo4d",
            {"annotations": {"u1": [{"proficiency_score": "Novice"}]}},
            ": u1: scenario_name not among",
        ),
    ],
)
def test_a_value_of_another_type_is_named_with_its_place(tmp_path, name, value, said):
    with pytest.raises(StageError, match=f"a.json{said}"):
        list(READERS[name](str(saved(tmp_path / "a.json", value)), 0))


def mutilated(value):
    """Yields a value with each of its parts, itself first, replaced by others and left out."""
    yield from WRONG
    if isinstance(value, dict):
        for key in value:
            rest = {other: part for other, part in value.items() if other != key}
            yield from (rest, *({**rest, key: part} for part in mutilated(value[key])))
    elif isinstance(value, list):
        for n, part in enumerate(value):
            rest = [value[:n], value[n + 1 :]]
            yield from (sum(rest, []), *([*rest[0], other, *rest[1]] for other in mutilated(part)))


def put(path, value):
    """Write a value into a file of text, of JSON, or a pickle."""
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps(value))
    elif path.suffix in (".txt", ".csv"):
        path.write_text(value)
    else:
        path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize("name", TYPED)
def test_a_value_of_another_type_ends_in_a_refusal(tmp_path, name):
    files, reader = TYPED[name], READERS[name.split()[0]]
    path, about = str(tmp_path / next(iter(files))), {"duration": 9.0, "width": 100, "height": 100}

    def good():
        """The number of records that 01 would write; StageError where it refuses the file."""
        problems = []
        for _, record, _ in reader(path, 0):
            if record:
                find_video({}, record["video"])
                problems.append(fitted({**record, "video": "a clip"}, about)[2])
        return problems.count(None)

    for file, value in files.items():
        put(tmp_path / file, value)
    assert good()
    for file, value in files.items():
        for other in mutilated(value) if not isinstance(value, str) else ():
            put(tmp_path / file, other)
            try:
                good()
            except StageError as error:
                assert str(tmp_path / file) in str(error), error
        put(tmp_path / file, value)


# ---------------------------------------------------------------- questions and template answers

FIELDS = {
    "sentence": "a person {sits} down",
    "object": "red ball",
    "name": "score",
    "statement": "it rains",
    "question": "What is it?",
    "answer": "A ball.",
    "at": 2.5,
    "task": "Fix a tire",
    "options": "Novice, Late Expert",
}


def test_the_bank_of_questions():
    kinds = {"class", "text", "sequence", "interval", "time", "box", "number", "choice", "boolean"}
    assert kinds <= QUESTIONS.keys() and kinds == ANSWERS.keys()
    for task, bank in QUESTIONS.items():
        assert 6 <= len(set(bank)) == len(bank) <= 10, task
        unit, kind = (
            ("fraction", task.removesuffix(" fraction")) if task.endswith("fraction") else ("seconds", task)
        )
        asked = {ask(kind, 0, n, unit=unit, **FIELDS) for n in range(200)}
        assert len(asked) == len(bank) and not any("{" in text.replace("{sits}", "") for text in asked), task
        for words, tasks in (
            (("seconds",), ("interval", "time", "answered")),
            (("percent",), ("interval fraction", "time fraction")),
            (("[x1, y1, x2, y2]",), ("box", "box at")),
            (("Late Expert",), ("proficiency",)),
            (("Fix a tire", "2.5"), ("good", "tips", "commentary")),
        ):
            assert task not in tasks or all(word in text for text in asked for word in words), (task, words)


def test_questions_depend_on_seed_and_id_alone():
    assert draw(0, "a") == int.from_bytes(hashlib.sha256(b"(0, 'a')").digest()[:6], "big") / 2**48
    here = [ask("class", 3, n) for n in range(40)]
    code = "from lib.datasets.questions import ask; print([ask('class', 3, n) for n in range(40)])"
    for seed in ("1", "2"):
        assert sh(
            sys.executable, "-c", code, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout.strip() == repr(here)
    assert here != [ask("class", 4, n) for n in range(40)] and max(Counter(here).values()) < 20


LABELS = [
    ("class", "punching person (boxing)", {}),
    ("class", "407c", {"name": "dive"}),
    ("class", "Late Expert", {"name": "proficiency", "options": PROFICIENCY}),
    ("class", "Putting something onto something", {"name": "action"}),
    ("text", "The girl dances around the room while the camera captures her movements.", {}),
    ("text", "Put down the towel.", {}),
    ("sequence", ["Back", "1.5 Twists", "2.5 Soms.Pike", "Entry"], {}),
    ("sequence", ["passing the ball", "shooting", "passing the ball"], {}),
    ("sequence", ["A man stands in a room.", "He lifts a barbell, slowly.", "He drops it and smiles."], {}),
    ("interval", [1.25, 4.2], {}),
    ("interval", [0.2, 0.45], {"unit": "fraction"}),
    ("time", 3.7, {}),
    ("time", 0.37, {"unit": "fraction"}),
    ("box", [0.1, 0.2004, 0.35, 1.0], {}),
    ("number", 88.25, {"name": "score"}),
    ("number", 0.0, {"name": "score"}),
    ("choice", "C", {"options": ["The closet/cabinet.", "The blanket.", "The clothes.", "The table."]}),
    ("boolean", True, {}),
    ("boolean", False, {}),
]


def test_template_answers_pass_the_verifier():
    cases = [[{"name": kind, "kind": kind, "value": value, **more}] for kind, value, more in LABELS]
    cases += [
        cases[14] + [{"name": "difficulty", "kind": "number", "value": 3.2}],
        cases[6] + cases[14],
        [{"name": "colour", "kind": "class", "value": "red"}, *cases[9]],
    ]
    vocabulary = vocabularies({"labels": labels} for labels in cases)
    assert {label["kind"] for labels in cases for label in labels} == ANSWERS.keys()
    for n, labels in enumerate(cases):
        answers = {template_answer({"id": str(n), "labels": labels}, seed) for seed in range(30)}
        assert len(answers) == (len(ANSWERS[labels[0]["kind"]]) if len(labels) == 1 else 1), answers
        for answer in answers:
            result = verify(
                {
                    "id": str(n),
                    "question": "What does one see?",
                    "labels": labels,
                    "duration": 60.0,
                    "answer": answer,
                },
                vocabulary,
            )
            assert result["verdict"] == "correct", (answer, result["why"])


def test_every_reader_is_tried_here():
    assert READERS.keys() == {
        "kinetics",
        "star",
        "finediving",
        "charades-sta",
        "activitynet",
        "nextqa",
        "ssv2",
        "moma",
        "egoexo4d",
        "conversations",
    }
    assert all(callable(reader) and reader.__doc__ for reader in READERS.values())
