"""Sampling is what the flags say: a checkpoint's own generation_config gives end tokens, and nothing else."""

import json
import shutil

import numpy as np
import pytest
import torch
from conftest import lines, sh
from families import FAMILIES, build
from test_video import coded_clip
from transformers import GenerationConfig

from lib.model.generate import generate, prepare
from lib.model.inputs import chat
from lib.model.load import load
from lib.model.text import ask

FRAMES = np.random.default_rng(0).integers(0, 255, (4, 64, 80, 3), np.uint8)
ABOUT = dict(total_num_frames=24, fps=8.0, duration=3.0, frames_indices=[0, 6, 12, 18], height=64, width=80)
# what may be given to a model as its own; what is not named here is set to 3
VALUES = {
    "repetition_penalty": 5.0,
    "encoder_repetition_penalty": 5.0,
    "no_repeat_ngram_size": 1,
    "min_new_tokens": 2,
    "stop_strings": ["a", "e", " "],
    "use_cache": False,
    "do_sample": True,
    "temperature": 9.0,
    "guidance_scale": 3.0,
    "cache_implementation": "static",
    "suppress_tokens": list(range(20, 300)),
    "begin_suppress_tokens": list(range(20, 300)),
    "bad_words_ids": [[token] for token in range(20, 300)],
    "force_words_ids": [[20]],
    "sequence_bias": [[[30], 50.0]],
    "exponential_decay_length_penalty": [0, 9.0],
    "early_stopping": True,
    "watermarking_config": {"greenlist_ratio": 0.25, "bias": 9.0},
    "cache_config": {"backend": "quanto"},
    "low_memory": True,
    "max_time": 0.0,
    "of_another_library": 1,  # carried over like a field
}
OURS = ("eos_token_id", "pad_token_id", "bos_token_id", "_from_model_config", "transformers_version")


def texts_of(processor):
    return [chat(processor, text) for text in ("What?", "Where is it red, and why is it so?", "When?")]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_field_of_a_checkpoints_configuration_changes_a_token(family, tmp_path):
    build(family, tmp_path)
    model, processor = load(str(tmp_path), torch.device("cpu"), torch.float32)
    texts, clip = texts_of(processor), (FRAMES, ABOUT)
    batches = [(texts, [1, 2, 3]), (texts[1:2], [2])]
    prepared = [prepare(processor, batch, [clip] * len(batch)) for batch, _ in batches]

    def answers():
        return [
            generate(model, processor, rows, None, seeds, 1.0, 1.0, 4, prepared=ready)
            for (rows, seeds), ready in zip(batches, prepared)
        ]

    three, one = plain = answers()
    assert one == three[1:2]
    for name in [name for name in {**vars(GenerationConfig()), **VALUES} if name not in OURS]:
        own = GenerationConfig.from_dict(model.generation_config.to_dict())
        setattr(own, name, VALUES.get(name, 3))
        kept, model.generation_config = model.generation_config, own
        assert answers() == plain, name
        assert model.generation_config is own and getattr(own, name) == VALUES.get(name, 3)
        model.generation_config = kept


def test_end_tokens_are_the_checkpoints(tmp_path):
    build("qwen3_vl", tmp_path)
    model, processor = load(str(tmp_path), torch.device("cpu"), torch.float32)
    texts = texts_of(processor)
    every = list(range(len(processor.tokenizer)))
    assert all(
        not ended
        for _, _, ended, _ in generate(model, processor, texts, [(FRAMES, ABOUT)] * 3, [1, 2, 3], 1.0, 1.0, 4)
    )
    model.generation_config.eos_token_id = every
    ended = generate(model, processor, texts, [(FRAMES, ABOUT)] * 3, [1, 2, 3], 1.0, 1.0, 4)
    assert ended == [("", 1, True, True)] * 3


def test_a_wrapped_model_and_one_that_fails_have_their_own_configuration_back(tmp_path):
    from lib.training.lora import with_lora

    build("qwen3_vl", tmp_path)
    model, processor = load(str(tmp_path), torch.device("cpu"), torch.float32)
    asking = (processor, texts_of(processor), [(FRAMES, ABOUT)] * 3, [1, 2, 3], 1.0, 1.0, 4)
    plain = generate(model, *asking)
    own = model.generation_config
    own.repetition_penalty = 5.0
    wrapped = with_lora(model, 4).eval()
    assert generate(wrapped, *asking) == plain
    assert model.generation_config is own and wrapped.generation_config is own
    model.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))
    with pytest.raises(torch.OutOfMemoryError):
        generate(wrapped, *asking)
    assert model.generation_config is own and own.repetition_penalty == 5.0


@pytest.fixture(scope="module")
def penalised(tmp_path_factory):
    """A folder with questions, a checkpoint `plain` and the same with penalties of its own, `penalised`."""
    folder = tmp_path_factory.mktemp("penalised")
    build("qwen2_5_vl", folder / "plain")
    shutil.copytree(folder / "plain", folder / "penalised")
    file = folder / "penalised/generation_config.json"
    own = {**json.loads(file.read_text()), "repetition_penalty": 1.05, "no_repeat_ngram_size": 2}
    file.write_text(json.dumps(own))
    coded_clip(folder / "a.mp4", 30)
    label = {"name": "it", "kind": "class", "value": "red"}
    rows = [
        {"id": str(i), "video": "a.mp4", "question": f"{'Well, ' * i}what is it?", "labels": [label]}
        for i in range(3)
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_folder_with_penalties_answers_as_one_without_and_the_sidecar_says_so(penalised, tmp_path):
    outputs = []
    for name, batch in (("plain", 4), ("penalised", 4), ("penalised", 1)):
        outputs.append(tmp_path / f"{name}{batch}.jsonl")
        words = ["--samples", 2, "--temperature", 1, "--max-new-tokens", 24, "--batch-size", batch]
        sh(
            "02_generate.py",
            penalised / "train.jsonl",
            "-o",
            outputs[-1],
            "--model",
            penalised / name,
            *words,
        )
    plain, *others = ([(r["answer"], r["tokens"]) for r in lines(output)] for output in outputs)
    assert others == [plain, plain]
    used = json.loads((tmp_path / "penalised4.jsonl.meta.json").read_text())["sampling"]
    assert used["not_used"] == {"repetition_penalty": 1.05, "no_repeat_ngram_size": 2}
    assert (used["temperature"], used["top_p"], used["max_new_tokens"], used["context"]) == (1, 1, 24, 4096)
    assert used["eos_token_id"] and "neutral" in used["else"]


def test_a_trained_checkpoint_keeps_its_bases_configuration(penalised, tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.write_text(
        "".join(
            json.dumps(
                {
                    **row,
                    "video": str(penalised / "a.mp4"),
                    "origin": "direct",
                    "sample": 0,
                    "answer": "It is red.\nAnswer: red",
                    "keep": True,
                }
            )
            + "\n"
            for row in lines(penalised / "train.jsonl")
        )
    )
    sh("05_finetune.py", kept, "-o", tmp_path / "model", "--model", penalised / "penalised", "--steps", 1)
    base, tuned = (
        json.loads((folder / "generation_config.json").read_text())
        for folder in (penalised / "penalised", tmp_path / "model")
    )
    assert tuned == base


def test_a_judge_answers_without_its_checkpoints_penalties(penalised):
    prompts = [("a", "Is it red?"), ("b", "Is it a longer question than the other, which is short?")]
    plain, others = (
        list(ask(str(penalised / name), prompts, max_new_tokens=24)) for name in ("plain", "penalised")
    )
    assert others == plain and all(reply["answer"] for _, reply in plain)
