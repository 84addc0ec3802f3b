"""make plan: what is counted is exact, FLOPs are those PyTorch counts, and the plan leaves nothing behind."""

import re
import sys
from argparse import Namespace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import lines, sh
from families import FAMILIES, build
from test_families import TAKES_FEATURES

from lib.model.processor import processor_of
from lib.tools import cards, costs, plan, roofline, shapes, trial
from lib.tools.plan_rows import tuning

FRAMES = 8
CLIP = (
    np.random.default_rng(0).integers(0, 255, (FRAMES, 64, 80, 3), np.uint8),
    dict(
        total_num_frames=24, fps=8.0, duration=3.0, frames_indices=list(range(0, 24, 3)), height=64, width=80
    ),
)


def planned(monkeypatch, capsys, *words):
    """What `python -m lib.tools.plan words` prints, run in this process."""
    monkeypatch.setattr(sys, "argv", ["lib.tools.plan", *map(str, words)])
    plan.main()
    return capsys.readouterr().out


def cells(text):
    """{stage: its cells} of the printed table."""
    found = [re.split(r" {2,}", line) for line in text.split("\n")]
    return {row[0]: row[1:] for row in found if len(row) > 5 and row[0] != "stage"}


def words_of(smoke, model, *more, samples=2):
    return [
        smoke / "data/train.jsonl",
        "--test",
        smoke / "data/test.jsonl",
        "--run",
        smoke,
        "--model",
        model,
        f"--generate=--samples {samples} --temperature 0.7 --max-new-tokens 16 --batch-size 8",
        f"--rationalize=--samples {samples} --temperature 0.7 --max-new-tokens 16 --batch-size 8",
        f"--finetune=--model {model} --batch-size 4",
        "--evaluate=--max-new-tokens 16 --batch-size 8",
        *more,
    ]


@pytest.mark.parametrize("family", FAMILIES)
def test_flops_are_those_that_pytorch_counts(family, tmp_path):
    from torch.utils.flop_counter import FlopCounterMode

    from lib.model.inputs import chat, encode
    from lib.model.load import load

    build(family, tmp_path)
    model, processor = load(tmp_path, torch.device("cpu"), torch.float32)
    size, stored = shapes.sizes_of(tmp_path)
    assert size == shapes.sizes(model) and stored == 2  # of the config alone; these are stored in bfloat16
    assert size.total == sum(p.numel() for p in model.parameters())
    model.set_attn_implementation(
        "eager"
    )  # the counter knows no fused attention on a CPU; eager reads all positions, not the causal half
    inputs = encode(processor, [chat(processor, "What colour is it?")], [CLIP])
    counter = FlopCounterMode(display=False, depth=9)
    with counter, torch.no_grad():
        model(**inputs, use_cache=False, logits_to_keep=1)
    counted = {name: sum(flops.values()) for name, flops in counter.get_flop_counts().items()}
    head, language = (
        next(flops for name, flops in counted.items() if name.endswith(ends))
        for ends in (("lm_head",), ("model.language_model", "model.text_model"))
    )
    tokens = inputs["input_ids"].shape[1]
    patches = next(v.numel() for k, v in inputs.items() if k.startswith("pixel_values")) / size.patch
    close = 0.05 if size.attending == size.layers else 0.4  # in so small a model linear attention costs much
    assert costs.language_flops(size, tokens, tokens) == pytest.approx(language, rel=close)
    assert costs.tower_flops(
        size, patches, int(inputs["input_ids"][0].bincount().max()), FRAMES
    ) == pytest.approx(counted["Global"] - language - head, rel=0.2)


@pytest.mark.parametrize("family", ["qwen3_vl", "video_llava"])
def test_tokens_are_those_of_the_tokenizer(family, smoke, tmp_path):
    from lib.model.frames import Sampling
    from lib.model.inputs import chat, encode
    from lib.prompts import render
    from lib.records import video_path
    from lib.video import read_frames

    build(family, tmp_path)
    processor, path = processor_of(tmp_path), smoke / "data/train.jsonl"
    records = lines(path)[:6]
    processor.tokenizer.padding_side = "left"
    real = [
        encode(processor, [chat(processor, render(r, "direct"))], [read_frames(video_path(r, path), 8)])[
            "input_ids"
        ].shape[1]
        for r in records
    ]
    sampling = Sampling(8)
    found = costs.clip_counts(processor, shapes.sizes_of(tmp_path)[0], records, path, sampling)
    visual, _, connected, frames = costs.mean_clip(found, records, sampling)
    assert frames == 8
    assert costs.prompt_tokens(processor, records, "direct") + visual == pytest.approx(sum(real) / len(real))
    assert connected <= visual + 1 and costs.prompt_tokens(
        processor, records, "rationalized"
    ) > costs.prompt_tokens(processor, records, "direct")


def test_counts_are_exact_and_flags_are_obeyed(smoke, tmp_path, monkeypatch, capsys):
    build("qwen3_vl", tmp_path)
    questions, held_out = len(lines(smoke / "data/train.jsonl")), len(lines(smoke / "data/test.jsonl"))
    two, four = (
        cells(
            planned(
                monkeypatch, capsys, *words_of(smoke, tmp_path, "--trial", "0", "--cycles", "3", samples=n)
            )
        )
        for n in (2, 4)
    )
    assert two["generate x 3"][:2] == [str(questions), str(2 * questions)] and four["generate x 3"][:2] == [
        str(questions),
        str(4 * questions),
    ]
    assert two["evaluate the base"][:2] == two["evaluate x 3"][:2] == [str(held_out)] * 2
    assert two["verify x 3"][1] == str(
        2 * questions + questions
    )  # half taken to be rejected, two samples of each
    assert two["rationalize x 3"][0].endswith(f"(at most {questions})") and two["generate x 3"][7] == "-"
    # a question has kept direct answers or rationalized ones, two rows each
    assert two["finetune x 3"][0].endswith(f"(at most {2 * 2 * questions})")
    alone = cells(
        planned(monkeypatch, capsys, *words_of(smoke, tmp_path, "--trial", "0", "--origins", "rationalized"))
    )
    assert "generate" not in alone and alone["rationalize"][:2] == [str(questions), str(2 * questions)]


@pytest.fixture
def forks(monkeypatch):
    """The stages of a trial are started as forks of a process that has imported torch."""
    run = lambda command, text, capture_output: sh(*command, check=False)
    monkeypatch.setattr(trial, "subprocess", SimpleNamespace(run=run))


def test_a_trial_gives_times_and_leaves_nothing(smoke, tmp_path, monkeypatch, capsys, forks):
    state = lambda: {path: path.stat().st_mtime_ns for path in smoke.rglob("*")}
    before = state()
    monkeypatch.setattr(plan.tempfile, "tempdir", str(tmp_path))
    said = planned(
        monkeypatch,
        capsys,
        *words_of(smoke, smoke / "base", "--cycles", "2"),
        "--trial",
        "4",
        "--verify=--per-question 1",
    )
    assert state() == before and not list(tmp_path.iterdir())
    found = cells(said)
    assert (
        all(re.search(r"\d+ s|\d+ min", row[7]) for stage, row in found.items() if stage != "in all")
        and len(found) == 7
    )
    assert re.search(
        r"2 cycles: about \d+ .*\(between \d+ .* and \d+ .*\), .*iB of disk .*; the trial took \d+", said
    )
    assert re.search(
        r"the trial of 4 questions: \d of 4 rejected, kept \d of 8 direct", said
    )  # one batch of eight answers


def test_a_failing_trial_says_why(smoke, monkeypatch, capsys, tmp_path, forks):
    monkeypatch.setattr(plan.tempfile, "tempdir", str(tmp_path))
    words = [
        str(word).replace("--samples 2", "--samples 2 --top-p 3") for word in words_of(smoke, smoke / "base")
    ]
    with pytest.raises(
        plan.StageError, match=r"02_generate.py ended with exit code 2(.|\n)*--top-p(.|\n)*--trial 0"
    ):
        planned(monkeypatch, capsys, *words)
    assert not list(tmp_path.iterdir())


def seven_billion():
    import transformers as t

    config = t.VideoLlavaConfig(
        vision_config=t.CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            patch_size=14,
            image_size=224,
        ),
        text_config=t.LlamaConfig(vocab_size=32064),
    )
    with torch.device("meta"):
        return shapes.sizes(t.VideoLlavaForConditionalGeneration(config))


def test_memory_of_seven_billion_parameters():
    size, gb = seven_billion(), 1e9
    assert 6.4e9 < size.language < 6.6e9 and 7.2e9 < size.total < 7.5e9

    def memory(rows, in_4bit, **how):
        flags = Namespace(**{"lora_rank": 16, "load_in_4bit": in_4bit, "full": False, **how})
        parts = costs.training_memory(size, 2300, 150, flags, 2, patches=8 * 256)
        return parts[0] + parts[1] + parts[2] * rows

    small = memory(1, full=False, in_4bit=True, checkpointing=False)
    assert 10 * gb < small < 24 * gb < memory(1, full=False, in_4bit=False, checkpointing=False)
    assert (
        memory(8, full=False, in_4bit=True, checkpointing=True)
        < 24 * gb
        < memory(8, full=False, in_4bit=True, checkpointing=False)
    )
    assert memory(1, full=True, in_4bit=False, checkpointing=True) > 80 * gb
    part = dict(in_4bit=False, checkpointing=True, lora_rank=None)
    # of the tower alone gradients and moments are needed; frozen, the language model lies in two bytes
    assert 14 * gb < memory(1, train="vision", **part) < 24 * gb < memory(1, train="language", **part)
    assert costs.trained_numbers(size, Namespace(full=False, lora_rank=None, train="vision")) == size.tower


def test_warnings_where_it_does_not_fit(smoke, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plan, "device", lambda: ("a small card", 1000, 2))
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    said = planned(monkeypatch, capsys, *words_of(smoke, smoke / "base"))
    assert (
        "WARNING: 05 does not fit" in said
        and "free on its disk" in said
        and "no trial: " in said
        and "time not known" in said
    )


@pytest.mark.skipif(not TAKES_FEATURES, reason="transformers 5.20 or newer is needed")
@pytest.mark.parametrize("family", ["video_llava", "qwen3_vl"])
def test_bytes_of_features_are_those_that_are_kept(family, tmp_path):
    from lib.model.features import encoding_of, features_of
    from lib.model.inputs import chat
    from lib.model.load import load

    build(family, tmp_path)
    model, processor = load(tmp_path, torch.device("cpu"), torch.float32)
    encoding = encoding_of(processor, chat(processor, "What colour is it?"), CLIP)
    connected = int(encoding["inputs"]["input_ids"][0].bincount().max())
    features_of(model, encoding)
    kept = torch.utils._pytree.tree_leaves([encoding["made"], encoding["deepstack"]])
    numbers = sum(part.numel() for part in kept if torch.is_tensor(part))
    assert costs.feature_numbers(shapes.sizes(model), connected) == pytest.approx(numbers, rel=0.05)


def test_features_and_states_are_counted_and_a_short_disk_is_said(smoke, monkeypatch, capsys):
    clips = {(r["video"], r.get("start"), r.get("end")) for r in lines(smoke / "data/train.jsonl")}
    for free, warned in ((2**50, False), (2**30 + 2**22, True)):
        monkeypatch.setattr(plan.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        said = planned(monkeypatch, capsys, *words_of(smoke, smoke / "base", "--trial", "0"))
        assert re.search(rf"while it trains: 1 state, .*iB; features of {len(clips)} clips, .*iB", said)
        assert ("are left for these features" in said) == warned
        assert re.search(r"of disk and .*iB while 05 trains \(", said)
    full = [
        str(w).replace("--batch-size 4", "--batch-size 4 --full") for w in words_of(smoke, smoke / "base")
    ]
    said = planned(monkeypatch, capsys, *full, "--trial", "0")
    assert "features of 0 clips, 0 B" in said


def test_the_rows_of_short_last_steps_are_counted_once():
    def passed(kept, **words):
        flags = dict(pairs="both", batch_size=8, accumulate=2, epochs=1, steps=None, full=True)
        more = dict(save_every=200, checkpointing=False, feature_cache=None)
        flags = Namespace(**{**flags, **more, **words})
        facts = SimpleNamespace(flags={"finetune": flags}, trial={}, answer=10, mixed=0, clips=(5,), visual=1)
        vars(facts).update(text={"generate": 1}, base=seven_billion(), clip=0, read=(1,), checkpoint=1)
        return tuning(facts, kept)["answers"]

    assert passed(17) == 34 and passed(17, epochs=3) == 102 and passed(0) == passed(0, steps=9) == 0
    assert passed(17, steps=5) == 34 + 2 * 16 and passed(1, steps=4) == 8


def test_what_cannot_be_planned_says_what_to_do(smoke, tmp_path):
    words = ["--test", smoke / "data/test.jsonl", "--model", smoke / "base", "--run", tmp_path]
    words = [tmp_path / "data/train.jsonl", *words, f"--finetune=--model {smoke / 'base'}"]
    gone = sh(sys.executable, "-m", "lib.tools.plan", *words, check=False)
    assert gone.returncode == 1 and "no such file" in gone.stderr and "01_prepare.py" in gone.stderr


def test_bytes_are_of_distinct_files_and_of_the_clips_share(smoke):
    path = smoke / "data/train.jsonl"
    first = lines(path)[0]
    size, length = (path.parent / first["video"]).stat().st_size, first["duration"]
    assert costs.bytes_of([first, {**first, "id": "again"}], path) == (size, 1, 0, 1)
    assert costs.bytes_of([{**first, "start": 0, "end": length / 2}], path)[0] == pytest.approx(
        size / 2, rel=0.1
    )
    assert costs.bytes_of([{**first, "video": "gone.mp4"}], path) == (0, 1, 1, 1)


def test_defaults_are_those_of_the_stages(smoke):
    said = " ".join(sh("05_finetune.py", "--help").stdout.split())
    flags = plan.flags_of(
        Namespace(
            model="m", **dict.fromkeys(("generate", "rationalize", "verify", "finetune", "evaluate"), "")
        )
    )["finetune"]
    for name, text in (
        ("lora_rank", "twice it"),
        ("pairs", "rows per kept answer"),
        ("epochs", "passes over the rows"),
        ("accumulate", "batches per optimiser step"),
    ):
        assert re.search(rf"{text} \(default: {getattr(flags, name)}\b", said)
    assert all(flag in said for flag in ("--full", "--checkpointing", "--steps", "--mix"))


@pytest.mark.parametrize("family", ["gemma4", "qwen3_5_moe", "molmo2"])
def test_other_families_are_planned_without_weights(family, smoke, tmp_path, monkeypatch, capsys):
    build(family, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    said = planned(monkeypatch, capsys, *words_of(smoke, tmp_path), *ELSEWHERE)
    assert re.search(r"1 cycle: about .* GPU-hours", said)


def test_a_token_goes_through_its_own_experts(tmp_path):
    build("qwen3_vl_moe", tmp_path)
    size, _ = shapes.sizes_of(tmp_path)
    read = [costs.weights_read(size, 2, False, tokens) for tokens in (1, 4, 1000)]
    assert size.routed == 0.5 and size.active == size.language - size.experts / 2 > 0
    assert read[0] == 2 * (size.active + size.head) < read[1] < read[2] == 2 * (size.language + size.head)


ELSEWHERE = ("--device", "H100", "--gpus", "8", "--price", "2.5")


def test_a_machine_that_is_not_here_without_weights_or_data(smoke, tmp_path, monkeypatch, capsys):
    build("qwen3_vl", tmp_path / "model")
    (tmp_path / "model/model.safetensors").unlink()
    about = "600000,test=1000,seconds=2,size=80x64,words=9"
    words = [tmp_path / "none", *words_of(smoke, tmp_path / "model")[1:], "--records", about]
    state = lambda: sorted(tmp_path.rglob("*"))
    before = state()
    monkeypatch.setattr(plan.tempfile, "tempdir", str(tmp_path))
    said = planned(monkeypatch, capsys, *words, *ELSEWHERE)
    found, total = cells(said), re.search(r"about .* on 8 x h100, ([\d,.]+) GPU-hours, (\d+) at 2.5", said)
    assert state() == before and "arithmetic, nothing is measured" in said and "40% (--efficiency)" in said
    assert found["generate"][:2] == ["600 k", "1.2 M"] and found["evaluate"][0] == "1,000"
    assert float(total[2]) == pytest.approx(2.5 * float(total[1]), rel=0.1, abs=1)
    assert "each of 8 x h100 has 75 GiB" in said and found["generate"][6] == "-"  # bytes to read: not known
    held_out = planned(monkeypatch, capsys, *words_of(smoke, tmp_path / "model"), *ELSEWHERE)
    assert cells(held_out)["generate"][0] == str(len(lines(smoke / "data/train.jsonl")))


def test_times_are_those_of_the_roofline():
    size = SimpleNamespace(language=7e9, head=1e8, experts=0, routed=1, cached=2 * 32 * 4096)
    flags = {"generate": SimpleNamespace(batch_size=8, load_in_4bit=False)}
    facts = SimpleNamespace(model=size, flags=flags, visual=2000, text={"generate": 50})
    row = dict(answers=800, new=80_000, flops=3e16, writing=1e16, stage="generate")
    one = roofline.Machine(roofline.card_of("a100"), 1, 1.0, 0.5)
    # 10,000 steps of 14.2 GB of weights, and of each token 2 bytes of 2,100 keys and values before it
    moved = 10_000 * 14.2e9 + 80_000 * 2100 * 2 * size.cached
    seconds = 2e16 / 156e12 + moved / 1.02e12
    assert roofline.seconds_of(row, facts, one) == pytest.approx(seconds)
    assert roofline.seconds_of(row, facts, one._replace(count=8)) == pytest.approx(seconds / 8)
    quick = {**row, "new": 80, "writing": 1e12}  # of few tokens reading is all
    assert roofline.seconds_of(quick, facts, one) == pytest.approx(3e16 / 156e12, rel=0.01)
    assert roofline.seconds_of({"flops": 1e15}, facts, one) == pytest.approx(1e15 / 156e12)
    table = roofline.priced([("verify", 1, {}), ("generate", 1, row)], facts, one._replace(count=4))
    assert table[0][2]["seconds"] == 0 and table[1][2]["hours"] == pytest.approx(seconds / 3600)
    assert table[1][2]["price"] == table[1][2]["hours"]


@pytest.mark.parametrize(
    "words,why",
    [
        (("--device", "h9000"), "no such card is known; expected one of b200, h200"),
        (("--device", "312,2040"), "no such card is known"),
        (("--price", "2"), "it goes with --device"),
        (("--device", "h100", "--trial", "5"), "--trial tries records that are here"),
        (("--device", "h100", "--gpus", "0"), "expected at least 1"),
        (("--device", "h100", "--efficiency", "40"), "at most 1"),
        (("--device", "h100", "--shares", "1", "2", "0"), "three shares from 0 to 1"),
        (("--device", ""), "argument --device: is empty"),
        (("--device", "h100", "--price", "nan"), "nan: expected a finite number"),
        (("--generate=--frmaes 64",), "02_generate.py: error: unrecognized arguments: --frmaes 64"),
        (("--verify=--per-question x",), "04_verify.py: error: argument --per-question: invalid int"),
        (("--evaluate=--view 'still",), "--evaluate: No closing quotation"),
        (("--records", "many"), r"expected COUNT\[,test=COUNT\]"),
        (("--records", "5,colour=red"), r"expected COUNT\[,test=COUNT\]"),
    ],
)
def test_plans_of_nothing_are_refused(smoke, monkeypatch, capsys, words, why):
    with pytest.raises((SystemExit, plan.StageError)) as error:
        planned(monkeypatch, capsys, *words_of(smoke, smoke / "base"), *words)
    assert re.search(why, capsys.readouterr().err + str(error.value))
    assert getattr(error.value, "code", 2) == 2


def test_cards_are_known_by_what_they_are_called():
    for name, card in (
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA A10", "a10"),
        ("NVIDIA RTX A6000", "a6000"),
        ("NVIDIA GeForce RTX 4090", "4090"),
        ("NVIDIA TITAN RTX", "titan-rtx"),
        ("NVIDIA L40S", "l40s"),
        ("Tesla T4", "t4"),
    ):
        assert cards.card_called(name).name == card == cards.card_of(card.upper().replace("-", " ")).name
    assert cards.card_called("NVIDIA Something 100") is None and cards.card_of("RTX 4090").name == "4090"
    assert cards.card_of("10,20,30")[1:] == (10e12, 20e9, 30e9)


def test_make_passes_the_cards_on(tmp_path):
    words = ["DATASET=jsonl", "MODEL=org/m", "DEVICE=rtx 4090", "GPUS=2", "PRICE=0.4", "RECORDS=9,words=3"]
    said = sh("make", "-n", "plan", f"RUN={tmp_path}", *words, f"PY={sys.executable}").stdout
    assert "--device 'rtx 4090' --gpus 2 --price 0.4" in said and "--records 9,words=3" in said
    assert "--trial" not in said


def test_numbers_are_for_people():
    assert (
        [costs.human(v) for v in (0, 950, 1_234_567, None)] == ["0", "950", "1.2 M", "-"]
        and costs.human(3.4e15, "FLOP") == "3.4 PFLOP"
        and costs.human(14 * 2**30, "iB", 1024) == "14 GiB"
    )
    assert [costs.duration(v) for v in (5, 95, 119.7, 599.8, 7800, None)] == [
        "5 s",
        "1 min 35 s",
        "2 min 00 s",
        "10 min",
        "2 h 10 min",
        "-",
    ]
