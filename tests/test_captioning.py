"""02 --style caption: clips with or without labels are captioned, and what is no caption is a failure."""

import json

import pytest
from conftest import lines, sh
from families import FAMILIES, build
from test_served import Fake, asked_text, says
from test_video import coded_clip

from lib.captions import read_captions
from lib.model.captioning import Tally, caption_problem, checked
from lib.parts import finished_in, merge
from lib.prompts import CAPTION

GOOD = (
    "A man in a red shirt throws a ball to a dog on the beach.",
    "a dog",
    "Knock, knock, knock: a child at a door.",
    "The pendulum swings left, right, left, right, then stops.",
    "They walk step by step by step up the stairs, again and again and again.",
    "A very, very, very big wave breaks.",
    "Video of a man fixing a bicycle",
    "A woman can't open the jar and I'm sorry for her.",
    "The caption on the screen reads: no signal.",
    "一个男人把球扔给一只狗。",
    "Ein Hund läuft. Ein Mann steht.",
    "A person types N/A into a form.",
    "Image 3 is taken from the wall by a thief.",
    "A parrot says hello, hello, hello, hello to a cat.",
)
BAD = {
    "": "empty",
    " \n ": "empty",
    "...": "no words",
    "<video>": "no words",
    "<|vision_start|><|image_pad|><|vision_end|>": "no words",
    "a man a man a man a man a man a man": "over and over",
    "the the the the the the": "over and over",
    "A car drives down the road, and a car drives down the road, and a car drives down the road,": (
        "over and over"
    ),
    "A dog runs fast. A cat sleeps. A dog runs fast. A bird flies. A dog runs fast.": "over and over",
    "他在跑他在跑他在跑他在跑": "over and over",
    CAPTION: "prompt",
    "generate the alt text": "prompt",
    "[caption]": "form",
    "<insert caption here>": "form",
    "Alt-text:": "form",
    "[INSERT DESCRIPTION HERE]": "form",
    "N/A": "form",
    "none.": "form",
    "No caption available": "form",
    "video": "form",
    "untitled": "form",
    "I'm sorry, but I can't help with that.": "refusal",
    "I cannot see the video.": "refusal",
    "As an AI language model, I do not watch videos.": "refusal",
    "Sorry, I am unable to describe this.": "refusal",
    "Unfortunately the video cannot be viewed.": "refusal",
    "我无法观看视频。": "refusal",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_caption_is_one(text):
    assert caption_problem(text) is None
    assert "cut off" in caption_problem(text, cut_off=True)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_caption_is_said(text):
    assert BAD[text] in caption_problem(text)


def test_an_answer_that_is_no_caption_is_failed_and_not_tried_again(tmp_path):
    record = {"id": "a", "origin": "caption", "sample": 0, "answer": "the the the the the the"}
    bad = checked(record)
    assert bad["answer"] == record["answer"] and "over and over" in bad["error"]
    assert checked({**record, "answer": "a dog runs"}) == {**record, "answer": "a dog runs"}
    unread = {"id": "b", "origin": "caption", "sample": 0, "error": "b.mp4: no such file"}
    assert checked(unread) == unread
    part = tmp_path / "x.part"
    part.write_text("".join(json.dumps(row) + "\n" for row in (unread, bad)))
    assert finished_in([part]) == {hash(("a", "caption", 0))}
    # a video that was unreadable at first, and is then captioned badly: the answer counts, as a failure
    later = tmp_path / "x.part.0of2"
    later.write_text(json.dumps({**bad, "id": "b"}) + "\n")
    keys = [("a", "caption", 0), ("b", "caption", 0)]
    assert merge([part, later], keys, tmp_path / "x") == (2, 2, 2, 0, None)
    assert all("answer" in row for row in lines(tmp_path / "x"))


def test_cost_of_a_thousand_clips():
    tally = Tally()
    tally.add([{"answer": "a red dog"}, {"answer": "", "error": "no caption: empty"}] * 10)
    tally.add([{"error": "x.mp4: no such file"}] * 2)
    tally.began -= 22
    speed = {"speed": {"prompt_tokens": 2200, "new_tokens": 440}}
    first, second = tally.lines(speed, 2, [3.6])
    assert "10 captions of 3.0 words, 12 failed (10 empty, 2 no answer), 0.5 clips/s" in first
    assert (
        "2,000.0 s of this process, 200,000 prompt tokens, 40,000 new tokens, 2.00 at 3.6 an hour" in second
    )
    served = {"served": {"usage": {"prompt_tokens": 2200, "completion_tokens": 440}}}
    assert "0.60 at 1 and 10 a million tokens" in list(tally.lines(served, 2, [1, 10]))[1]
    assert list(Tally().lines({}, 1, None)) == []
    speed["speed"]["seconds"] = 1.1  # without the loading of the model
    assert "20.0 clips/s" in next(tally.lines(speed, 1, None))
    assert "a thousand clips: 50.0 s" in list(tally.lines(speed, 1, None))[1]


def stage(command, code=0):
    """A finished stage, whose exit code must be `code`."""
    done = sh(*command.split(), check=not code)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    build("qwen2_vl", folder)
    return str(folder)


@pytest.fixture
def listed(tmp_path):
    """A file of six clips, one of them without its video, as 01 --dataset captions writes it."""
    (tmp_path / "videos").mkdir()
    rows = []
    for n in range(6):
        if n < 5:
            coded_clip(tmp_path / "videos" / f"{n}.mp4", 8 + n)
        said = [["a clip"], []][n % 2]
        clip = {"id": f"clip{n}", "video": f"videos/{n}.mp4", "question": CAPTION, "labels": []}
        rows.append({**clip, "captions": said})
    path = tmp_path / "clips.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_clips_are_captioned(tmp_path, listed, model):
    out = tmp_path / "out" / "captions.jsonl"
    how = f"--model {model} --style caption --samples 3 --frames 4 --max-new-tokens 12 --seed 4"
    # a random model ends no caption, so that all are failures: with reasons, and allowed here
    printed = stage(f"02_generate.py {listed} -o {out} {how} --max-failures 99 --price 2").stdout
    rows = lines(out)
    assert len(rows) == 18 and [row["sample"] for row in rows[:3]] == [0, 1, 2]
    assert all(row["origin"] == "caption" for row in rows)
    assert [row["error"] for row in rows[-3:]] == [rows[-1]["error"]] * 3 and "5.mp4" in rows[-1]["error"]
    for row in rows[:-3]:
        problem = caption_problem(row["answer"], row.get("truncated", False))
        assert row.get("error") == (problem and f"no caption: {problem}")
    assert "Generate the alt-text:" in printed and "a thousand clips" in printed and "an hour" in printed
    settings = json.loads((tmp_path / "out" / "captions.jsonl.meta.json").read_text())["settings"]
    assert (settings["style"], settings["temperature"], settings["top_p"]) == ("caption", 0.7, 0.95)
    # good ones are read as captions of their clips, from wherever the file lies
    good = {row["id"] for row in rows if "error" not in row}
    if good:
        clips = read_captions(out)
        assert {clip.id for clip in clips} == good
        assert all(clip.file.endswith(".mp4") and clip.captions for clip in clips)
    again = stage(f"02_generate.py {listed} -o {out} {how} --max-failures 99")
    assert "complete already" in again.stdout


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_captions(tmp_path, listed, family):
    build(family, tmp_path / "model")
    out, how = tmp_path / "out.jsonl", "--style caption --samples 2 --max-new-tokens 6 --max-failures 99"
    stage(f"02_generate.py {listed} -o {out} --model {tmp_path / 'model'} --frames 4 {how}")
    rows = lines(out)
    # all but the two on the video that is not there are answered, though a random model ends few of them
    assert [(row["id"], row["sample"]) for row in rows] == [(f"clip{n}", s) for n in range(6) for s in (0, 1)]
    assert ["answer" in row for row in rows] == [True] * 10 + [False] * 2


def test_shards_of_captions_are_one_file(tmp_path, listed, model):
    how = f"--model {model} --style caption --frames 4 --max-new-tokens 8 --max-failures 99"
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    stage(f"02_generate.py {listed} -o {whole} {how}")
    for shard in range(2):
        stage(f"02_generate.py {listed} -o {parts} {how} --shard {shard}/2")
    assert [row["answer"] for row in lines(parts)[:5]] == [row["answer"] for row in lines(whole)[:5]]


def test_a_server_captions_and_its_tokens_are_paid_for(tmp_path, listed):
    server = Fake(lambda body, nth: says("I'm sorry, I can't." if nth == 1 else "A red square moves."))
    out = tmp_path / "captions.jsonl"
    how = "--style caption --samples 2 --frames 4 --max-failures 9 --batch-size 1 --price 1 10"
    printed = stage(f"02_generate.py {listed} -o {out} --model {server.url}#tiny {how}").stdout
    rows = lines(out)
    assert sum(row.get("answer") == "A red square moves." for row in rows) == 9
    assert sum("a refusal" in row.get("error", "") for row in rows) == 1
    body = server.asked[0][0]
    assert asked_text(body) == CAPTION and (body["temperature"], body["top_p"]) == (0.7, 0.95)
    assert body["max_tokens"] == 77 and "3 failed (2 no answer, 1 a refusal)" in printed
    # ten replies on six clips, of 20 and 9 tokens each
    assert "33,333 prompt tokens, 15,000 new tokens, 0.18 at 1 and 10 a million tokens" in printed
    assert [clip.captions for clip in read_captions(out)].count(["A red square moves."] * 2) == 4
    server.stop()


def test_failed_captions_end_the_stage(tmp_path, listed, model):
    out = tmp_path / "captions.jsonl"
    failed = stage(
        f"02_generate.py {listed} -o {out} --model {model} --style caption --max-new-tokens 4", code=1
    )
    assert "more than --max-failures 0.02" in failed.stderr
    assert not out.exists()


def test_captions_that_failed_are_not_said_to_be_tried_again(tmp_path, listed, model):
    clips = tmp_path / "five.jsonl"
    clips.write_text("".join(listed.read_text().splitlines(True)[:5]))
    command = f"02_generate.py {clips} -o {tmp_path}/captions.jsonl --model {model} --style caption"
    for _ in range(2):
        failed = stage(f"{command} --temperature 0 --max-new-tokens 2 --frames 4", code=1).stderr
        assert "is not asked for again" in failed and "captions.jsonl.part* and ask with other" in failed
        assert "run the same command" not in failed


def test_what_reads_questions_refuses_clips_without_labels(tmp_path, listed, model):
    for script in ("02_generate.py", "03_rationalize.py", "06_eval.py"):
        refused = stage(f"{script} {listed} -o {tmp_path / 'x.json'} --model {model}", code=1)
        assert f"{listed}:1: a clip without labels" in refused.stderr


def test_labelled_clips_are_captioned_and_verified(tmp_path, listed, model):
    """The verifier as a filter: captions that assert the clip's label are kept."""
    label = {"name": "what", "kind": "class", "value": "dog", "options": ["dog", "cat"]}
    said = ["A dog runs.", "A cat sits.", "the the the the the the the"]
    rows = [
        {**row, "labels": [label], "answer": text, "origin": "caption", "sample": 0}
        for row, text in zip(lines(listed), said)
    ]
    path, kept = tmp_path / "captions.jsonl", tmp_path / "kept.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in map(checked, rows)))
    printed = stage(f"04_verify.py {path} -o {kept} --max-failures 99").stdout
    assert f"{kept}: 1 answers kept" in printed
    assert [clip.captions for clip in read_captions(kept)] == [["A dog runs."]]


@pytest.mark.parametrize(
    "flags, found",
    [
        ("--style caption --price 2 3", "--price"),
        ("--price 2", "--price"),
        ("--style caption --samples 2 --temperature 0", "--samples"),
        ("--style other", "invalid choice"),
    ],
)
def test_flags_that_nothing_obeys_are_refused(tmp_path, listed, model, flags, found):
    refused = stage(f"02_generate.py {listed} -o {tmp_path / 'x.jsonl'} --model {model} {flags}", code=2)
    assert found in refused.stderr
