"""VIIT on the demo: captions are true by construction and read again strictly, the clips are made once, a
dual encoder begins as a tiny CLIP that reads them, and the tables count what lies on disk.
"""

import json
import signal
import sys
from collections import Counter

import numpy as np
import pytest
from conftest import Fork, lines, sh, wait_for

from lib.captions import read_captions
from lib.demo import captions, world
from lib.demo.viit import NUMBERS, alt_text, clips_of
from lib.prompts import CAPTION
from lib.records import placed_records
from lib.tools import viit, viit_compare
from lib.verifier import verify

SMALL = "--captioned 4 --narrated 3 --unlabelled 6 --gallery 5 --test 3".split()


def facts_of(count, part="unlabelled", seed=3):
    return [facts for _, facts, *_ in clips_of(part, count, seed)]


def test_captions_of_the_renderer_are_true_and_those_of_others_seldom():
    facts = facts_of(2000)
    said = [captions.caption(each) for each in facts]
    assert all(map(captions.is_true_caption, said, facts))
    assert len(set(said)) > 400
    foreign = [captions.is_true_caption(text, each) for text, each in zip(said, facts[1:])]
    assert np.mean(foreign) < 0.02


def caption_and_facts(event):
    facts = next(each for each in facts_of(200) if each["event"] == event)
    return captions.caption(facts), facts


def exchanged(text, words):
    """Every text that says another one of `words` where `text` says one."""
    for word in words:
        parts = f" {text} ".split(f" {word} ")
        for n in range(1, len(parts)):
            head, tail = (f" {word} ".join(some) for some in (parts[:n], parts[n:]))
            yield from (f"{head} {other} {tail}".strip() for other in words if other != word)


def test_one_wrong_word_makes_a_caption_false():
    sides = [*captions.ACROSS, "top", "bottom"]
    lists = [list(world.COLORS), list(world.MOTIONS), list(captions.TIMES), sides]
    wrong = Counter()
    for facts in facts_of(1000):
        for words in lists:
            for text in exchanged(captions.caption(facts), words):
                assert not captions.is_true_caption(text, facts), (text, facts)
                wrong[facts["event"]] += 1
    assert set(wrong) == {"motion", "change", "blink"} and min(wrong.values()) > 2000


@pytest.mark.parametrize("event", ["motion", "change", "blink"])
def test_a_caption_may_say_less_but_must_say_what_happens(event):
    text, facts = caption_and_facts(event)
    place = text.rindex(" at the" if " at the" in text else " along the")
    assert captions.is_true_caption(text[:place], facts) and captions.is_true_caption(text + ".", facts)
    for nothing in ("", "a shape", f"a {captions.color_of(facts)} shape", text + " and a dog", text * 2):
        assert not captions.is_true_caption(nothing, facts)
    assert not captions.is_true_caption(captions.still_caption(facts), facts)


def test_instructions_say_the_labels():
    for facts in facts_of(60):
        rows = captions.instructions(facts)
        assert [kind for kind, *_ in rows] == ["temporal", "short"] * (len(rows) // 2)
        for (_, question, labels, _), pair in zip(
            world.questions(facts), zip(rows[::2], rows[1::2]), strict=True
        ):
            for _, turn, answer in pair:
                record = {"question": question, "labels": labels, "duration": 8.0, "origin": "direct"}
                assert verify({**record, "answer": answer}, {})["verdict"] == "correct", (turn, answer)


def test_half_of_the_alt_text_is_another_clips():
    rows = [{"id": str(n), "caption": str(n)} for n in range(100)]
    said = [row["caption"] for row in alt_text(rows, 0)]
    assert sum(text != row["id"] for text, row in zip(said, rows)) == 50 and sorted(said) == sorted(
        row["id"] for row in rows
    )


def test_same_colours_and_same_event():
    for one in facts_of(50):
        assert captions.same_colours(one, one) and captions.same_event(one, one)
    change = {"event": "change", "seconds": ["red"] * 4 + ["blue"] * 4, "colors": ["red", "blue"]}
    back = {"event": "change", "seconds": ["blue"] * 4 + ["red"] * 4, "colors": ["blue", "red"]}
    assert captions.same_colours(change, back) and not captions.same_event(change, back)


@pytest.mark.parametrize(
    "text, true",
    [
        ("a red shape moving left along the top", True),
        ("a shape moving left", True),
        ("a red shape moving left at the top", True),
        ("a blue shape moving left", False),
        ("a red shape moving right along the top", False),
        ("a red shape moving left along the left", False),
        ("a red shape at the top", False),
        ("a red circle moving left along the top", False),
        ("no red shape moving left along the top", False),
        ("a shape turning from red to blue at the top", False),
        ("a red shape blinking once at the top", False),
        ("a red shape moving left along the top and a blue one", False),
    ],
)
def test_all_that_a_caption_states_is_held_against_the_clip(text, true):
    facts = {"event": "motion", "seconds": ["red"] * 8, "motion": "moving left"}
    assert captions.is_true_caption(text, {**facts, "first": [8, 2, 1], "last": [2, 2, 1]}) is true


def test_no_draw_is_of_two_parts_nor_of_the_base():
    looks = Counter()
    for part in NUMBERS:
        looks.update(style["noise"] for _, _, style, _ in clips_of(part, 200, 5))
    for number in range(200):
        rng = np.random.default_rng([5, 1_000_000 + number])
        world.clip_facts(rng, "target")
        looks[world.look(rng, "target")["noise"]] += 1
    assert len(looks) == 200 * (len(NUMBERS) + 1)
    said = [captions.caption(facts) for facts in facts_of(200, "gallery")]
    assert len(set(said)) == 200


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "viit" / "clips"
    sh(sys.executable, "-m", "lib.demo.viit", "-o", folder, *SMALL)
    return folder


def test_the_folder_holds_clips_and_files_of_them(clips):
    counts = dict(captioned=4, narrated=3, unlabelled=6, gallery=5, test=3)
    for part, count in counts.items():
        assert len(list((clips / part).glob("*.mp4"))) == count
    facts = {row["video"]: row["facts"] for row in lines(clips / "facts.jsonl")}
    assert len(facts) == sum(counts.values())
    for name in ("captions", "true", "gallery"):
        for row in lines(clips / f"{name}.jsonl"):
            assert captions.is_true_caption(row["caption"], facts[row["video"]])
    gallery = [row["caption"] for row in lines(clips / "gallery.jsonl")]
    assert len(set(gallery)) == 5
    assert {row["kind"] for row in lines(clips / "instructions.jsonl")} == {"temporal", "short"}
    assert len(lines(clips / "labelled.jsonl")) == 6
    assert "complete already" in sh(sys.executable, "-m", "lib.demo.viit", "-o", clips, *SMALL).stdout


def test_killed_and_started_again_the_clips_are_the_same(clips, tmp_path):
    other = tmp_path / "clips"
    command = [sys.executable, "-m", "lib.demo.viit", "-o", str(other), *SMALL]
    job = Fork(command)
    wait_for(lambda: len(list(tmp_path.glob("clips.part/*/*.mp4"))) > 5, job)
    job.send_signal(signal.SIGKILL)
    job.finish()
    sh(*command)
    for path in clips.rglob("*"):
        if path.suffix in (".mp4", ".jsonl"):
            assert path.read_bytes() == (other / path.relative_to(clips)).read_bytes(), path.name


def test_stages_read_the_files_of_the_folder(clips, tmp_path):
    facts = {row["id"]: row for row in lines(clips / "facts.jsonl")}
    parts = {"captions": "captioned", "narratives": "narrated", "true": "unlabelled", "gallery": "gallery"}
    for name, part in parts.items():
        read = read_captions(str(clips / f"{name}.jsonl"))
        assert [c.video for c in read] == [r["video"] for r in facts.values() if r["video"].startswith(part)]
    asked = {record["video"] for *_, record in placed_records(str(clips / "test.jsonl"))}
    assert asked == {row["video"] for row in facts.values() if row["video"].startswith("test/")}
    rows = lines(clips / "instructions.jsonl")
    assert len({row["id"] for row in rows}) == len(rows) and all(row["keep"] for row in rows)
    assert {row["video"] for row in rows} == {row["video"] for row in lines(clips / "narratives.jsonl")}


@pytest.mark.parametrize(
    "more, code, said",
    [
        (("--gallery", 5000), 2, "expected at most 500"),
        (("--narrated", 0), 2, "expected at least one clip of each part"),
        (("--seed", 6), 1, "seed: then 0, now 6"),
    ],
)
def test_wrong_usage_of_the_folder_is_named(clips, more, code, said):
    refused = sh(sys.executable, "-m", "lib.demo.viit", "-o", clips, *SMALL, *more, check=False)
    assert refused.returncode == code and said in refused.stderr and "Traceback" not in refused.stderr


# ---------------------------------------------------------------- models


@pytest.mark.parametrize(
    "words, said",
    [
        (["base", "--steps", "0"], "--steps 0: expected at least 1"),
        (["base", "--clips", "-3"], "--clips -3: expected at least 1"),
        (["base", "--learning-rate", "nan"], "nan: expected a finite number"),
        (["viit", "--seed", "-1"], "--seed -1: expected at least 0"),
        (["clip", "--seed", "-1"], "--seed -1: expected at least 0"),
    ],
)
def test_numbers_that_the_demo_cannot_obey_are_refused_before_any_work(words, said, tmp_path):
    command = [sys.executable, "-m", f"lib.demo.{words[0]}", "-o", tmp_path / "x", *words[1:]]
    ended = sh(*command, check=False)
    assert ended.returncode == 2 and said in ended.stderr and not list(tmp_path.iterdir())


def test_a_base_learns_captions_and_without_them_is_as_before():
    from lib.demo.base import examples

    plain = examples(0, 5, 8)
    rows = [row for index in range(40) for row in examples(0, index, 8, True)]
    turns = [turn for turn, *_ in rows]
    assert CAPTION not in [turn for turn, *_ in plain]
    assert turns.count(CAPTION) == 40 and 20 < len(rows) - 40 < 60
    stills = [
        (answer, frames) for _, answer, (frames, _) in rows if all((frames == frames[0]).all(axis=(1, 2, 3)))
    ]
    assert stills and all(captions.stated(answer) is None for answer, _ in stills)


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "clip"
    sh(sys.executable, "-m", "lib.demo.clip", "-o", folder, "--seed", 3)
    return folder


def test_the_tiny_clip_reads_every_word_and_ends_every_caption(tiny_clip):
    import torch

    from lib.viit.dual import load, tokens_of

    model, processor = load(str(tiny_clip), 8, torch.device("cpu"))
    tokens = tokens_of(processor, [captions.caption(facts) for facts in facts_of(1000)])["input_ids"]
    config = model.config.text_config
    assert not (tokens == processor.tokenizer.unk_token_id).any()
    assert config.eos_token_id != 2 and (tokens == config.eos_token_id).any(1).all()
    assert len({tuple(row) for row in tokens.tolist()}) > 300


def test_a_dual_encoder_by_muon_goes_on_after_a_kill_and_is_searched(tiny_clip, clips, tmp_path):
    command = [sys.executable, "-m", "lib.viit.train", clips / "true.jsonl", "--model", tiny_clip]
    command += "--frames 8 --batch-size 4 --optimizer muon --learning-rate 2e-3 --save-every 2".split()
    command += ["--steps", 20]
    sh(*command, "-o", tmp_path / "whole")
    killed = Fork([*command, "-o", tmp_path / "half"])
    wait_for((tmp_path / "half.part" / "state.pt").exists, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert "resuming after step" in sh(*command, "-o", tmp_path / "half").stdout
    whole, half = (json.loads((tmp_path / f"{name}.meta.json").read_text()) for name in ("whole", "half"))
    assert whole["losses"] == half["losses"] and whole["lost"] == {}
    assert np.mean(whole["losses"][-3:]) < np.mean(whole["losses"][:3])
    found = ["--benchmark", "retrieval", "--task", "own", "--questions", clips / "gallery.jsonl"]
    sh("06_eval.py", *found, "--videos", clips, "--model", tmp_path / "whole", "-o", tmp_path / "e.json")
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["text to video"]["R@10"]["count"] == 5


# ---------------------------------------------------------------- tables


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def fake_run(clips, run, right):
    """A finished viit folder: of its six clips `right` have true captions of the model, none of the base."""
    folder = run / "viit"
    folder.mkdir(parents=True)
    (folder / "clips").symlink_to(clips)
    said = {row["video"]: row["caption"] for row in lines(clips / "true.jsonl")}
    for source, many in (("base", 0), ("model", right)):
        rows = []
        for number, (video, text) in enumerate(said.items()):
            row = {"id": str(number), "video": f"../clips/{video}", "question": CAPTION, "labels": []}
            row |= {"captions": [], "origin": "caption", "sample": 0}
            row["answer"] = text if number < many else "a shape of no colour"
            if number == 5:
                row |= {"answer": "the the the the the", "error": "no caption: says the same over and over"}
            rows.append(row)
        write(folder / "captioned" / f"{source}.jsonl", rows)
        ranks = [
            {"id": f"gallery{n}#0", "direction": "text to video", "rank": 1.0 if n < many else 4.0, "ties": 0}
            for n in range(5)
        ]
        write(folder / "retrieval" / source / "ranks.jsonl", ranks)
        where = folder / "answers" / source / "short"
        asked = lines(clips / "test.jsonl")
        write(where / "predictions.jsonl", asked)
        verdict = "correct" if many else "wrong"
        write(where / "eval.verdicts.jsonl", [{"id": row["id"], "verdict": verdict} for row in asked])
        (where / "eval.json").write_text("{}")
    return folder


def test_the_table_counts_what_is_there(clips, tmp_path):
    folder = fake_run(clips, tmp_path, 4)
    printed = sh(sys.executable, "-m", "lib.tools.viit", tmp_path).stdout
    model = viit.of_source(folder, "model")
    assert model["captions true"].startswith("66.7 [") and model["R@1"].startswith("80.0 [")
    assert (model["captions"], model["failed"], model["R@5"]) == ("5", "1", "100.0")
    assert viit.of_source(folder, "base")["captions true"].startswith("0.0 [")
    assert viit.of_model(folder, "model")["answers right, short"].startswith("100.0 [")
    assert "66.7 [" in printed and (folder / "results.md").read_text().strip() in printed
    titles = [title for title, *_ in viit.charts(folder)]
    assert titles.count("R@1 by source of captions") == 2
    page = tmp_path / "report.html"
    assert "of make viit alone" in sh(sys.executable, "-m", "lib.tools.report", tmp_path).stdout
    assert "R@1 by source of captions" in page.read_text()
    (folder / "retrieval/base/ranks.jsonl").write_text("")  # cut off before its first line
    sh(sys.executable, "-m", "lib.tools.viit", tmp_path)
    assert [title for title, *_ in viit.charts(folder)].count("R@1 by source of captions") == 1


def test_claims_are_shown_or_not(clips, tmp_path):
    for seed in (0, 1):
        fake_run(clips, tmp_path / f"seed{seed}", 4 + seed)
    printed = sh(sys.executable, "-m", "lib.tools.viit_compare", tmp_path, "seed0", "seed1", "seed2").stdout
    claim = viit_compare.CLAIMS[0]
    found = viit_compare.difference([tmp_path / "seed0" / "viit", tmp_path / "seed1" / "viit"], claim)
    assert found[0] == pytest.approx(90) and found[1] > 0 and found[3] == 10
    assert found[4] == pytest.approx([80, 100])
    row = next(line for line in printed.splitlines() if claim.text in line)
    assert "+90.0 [" in row and "| shown" in row
    # what has no data is no row
    assert "alt-text at all" not in printed
    refused = sh(sys.executable, "-m", "lib.tools.viit_compare", tmp_path, "seed7", check=False)
    assert refused.returncode == 1 and "make viit-compare" in refused.stderr


def test_a_run_without_captions_has_no_table(tmp_path):
    refused = sh(sys.executable, "-m", "lib.tools.viit", tmp_path, check=False)
    assert refused.returncode == 1 and "make viit" in refused.stderr
