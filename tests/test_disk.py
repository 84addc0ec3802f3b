"""A disk that is short or full: features keep to their share of it, and each writer gives one clear error
after which the same command goes on.
"""

import errno
import json
import os
import resource
import sqlite3
import subprocess

import pytest
import torch
from conftest import Fork, sh
from families import build
from test_families import TAKES_FEATURES, base, finetune, generate, kept, questions

from lib.process import refusal

__all__ = ["base", "kept", "questions"]  # fixtures
FEATURES = pytest.mark.skipif(not TAKES_FEATURES, reason="transformers 5.20 or newer is needed")


def meta_of(output):
    return json.loads(output.with_name(f"{output.name}.meta.json").read_text())


def full_disk(file):
    """Raise what torch.save raises on a full disk."""
    try:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534") from error


@pytest.fixture
def disk(tmp_path):
    """A function that gives a disk of so many KiB; skips where this user may not mount one."""
    mounted = []

    def mount(kibibytes):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("may not mount a small disk here (needs root)")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@FEATURES
def test_features_keep_to_their_room_and_the_other_clips_give_the_same_losses(
    base, kept, tmp_path, monkeypatch, capsys
):
    assert finetune(base, kept, tmp_path / "all") == 0
    every = meta_of(tmp_path / "all")
    assert every["speed"]["clips_encoded_once"] == 3
    rooms = {"some": every["speed"]["bytes_of_features"] // 2 + 10_000, "none": 0}
    for name, room in rooms.items():
        capsys.readouterr()
        monkeypatch.setattr("lib.model.cache.room", lambda free, needed, room=room: room)
        assert finetune(base, kept, tmp_path / name) == 0
        found, said = meta_of(tmp_path / name), capsys.readouterr().out
        assert found["losses"] == pytest.approx(every["losses"], abs=1e-5)
        assert found["speed"]["clips_encoded_once"] == (1 if room else 0)
        assert ("features of 1 of 3 clips kept" if room else "no room for features in ") in said
        assert found["speed"]["bytes_of_features"] <= room


def test_room_is_half_of_what_is_free_beside_other_work_and_bounded():
    from lib.model.cache import MOST, RESERVE, room

    gib = 2**30
    assert room(101 * gib, 20 * gib) == (101 * gib - 20 * gib - RESERVE) // 2 == 40 * gib
    assert room(10**15, 0) == MOST and room(5 * gib, 20 * gib) == room(RESERVE, 0) == 0


@FEATURES
def test_features_make_room_for_a_state_and_training_goes_on(base, kept, tmp_path, monkeypatch, capsys):
    real, features = torch.save, tmp_path / "made.part/features"
    assert finetune(base, kept, tmp_path / "plain") == 0

    def save(state, file):
        if str(getattr(file, "name", file)).endswith("state.pt.tmp") and features.exists():
            full_disk(file)
        real(state, file)

    monkeypatch.setattr(torch, "save", save)
    assert finetune(base, kept, tmp_path / "made", "--save-every", "2") == 0
    said = capsys.readouterr().out
    assert said.count("the disk is full: features removed") == 1
    plain, made = meta_of(tmp_path / "plain"), meta_of(tmp_path / "made")
    assert made["losses"] == pytest.approx(plain["losses"], abs=1e-5)


@FEATURES
def test_a_feature_cache_on_a_full_disk_costs_no_answer(base, questions, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch, "save", lambda state, file: full_disk(file))
    cache = ["--feature-cache", tmp_path / "cache"]
    assert generate(base, questions, tmp_path / "out.jsonl", *cache) == 0
    assert "cannot be written any more (No space left on device)" in capsys.readouterr().err
    assert not list((tmp_path / "cache").iterdir())


def test_a_full_disk_ends_training_in_one_line_and_the_same_command_goes_on(
    base, kept, tmp_path, disk, capsys
):
    """First no state can be written, then no checkpoint: what was trained by then is not trained again."""
    assert finetune(base, kept, tmp_path / "plain") == 0
    losses, place = meta_of(tmp_path / "plain")["losses"], disk(1200)
    free, ballast = 2**10 * 1200, place / "ballast"
    for left, written in ((40, False), (300, True)):
        capsys.readouterr()
        ballast.write_bytes(bytes(free - left * 2**10))
        assert finetune(base, kept, place / "model", "--save-every", "3") == 1
        said = capsys.readouterr()
        assert said.err.strip().split("\n")[-1] == (
            f"05_finetune.py: error: {place}/model.part: No space left on device; nothing finished is lost: "
            "free some space and run the same command again"
        )
        assert "Traceback" not in said.err and "Error" not in said.err
        names = {path.name for path in (place / "model.part").rglob("*")}
        assert ("state.pt" in names) == written and not {"state.pt.tmp", "model.safetensors"} & names
    ballast.unlink()
    assert finetune(base, kept, place / "model", "--save-every", "3") == 0
    assert "resuming after step 8 of 8" in capsys.readouterr().out
    assert meta_of(place / "model")["losses"] == losses and (place / "model/DONE").exists()


@pytest.mark.parametrize("how", [["--lora-rank", "4", "--save-every", "1"], ["--full"]])
def test_a_limit_on_file_size_ends_training_in_one_line(base, kept, tmp_path, how):
    """The first writes a state by torch, the second a checkpoint by safetensors."""
    words = ["05_finetune.py", kept, "-o", tmp_path / "model", "--model", base, "--batch-size", "5", *how]
    process = Fork(["python", *words])
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (30_000, 30_000))
    done = process.finish()
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{tmp_path}/model.part: File too large; nothing finished is lost: free some" in done.stderr
    assert not {path.suffix for path in (tmp_path / "model.part").iterdir()} & {".tmp", ".pt", ".safetensors"}
    sh(*words)
    assert (tmp_path / "model/DONE").exists()


def test_a_demo_clip_that_finds_no_room_is_an_error(disk, tmp_path):
    import numpy as np

    from lib.demo.world import clip_facts, look, write_clip

    place, rng = disk(64), np.random.default_rng(0)
    (place / "ballast").write_bytes(bytes(64 * 2**10))
    with pytest.raises(OSError) as refused:
        write_clip(place / "clip.mp4", clip_facts(rng, "target"), look(rng, "target"), rng)
    assert refused.value.errno == errno.ENOSPC
    write_clip(tmp_path / "clip.mp4", clip_facts(rng, "target"), look(rng, "target"), rng)


@pytest.mark.parametrize(
    "error, number",
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded", "x"), errno.EDQUOT),
        (Exception("No space left on device (os error 28)"), errno.ENOSPC),  # tokenizers
        (RuntimeError("Error while serializing: I/O error: File too large (os error 27)"), errno.EFBIG),
        (sqlite3.OperationalError("database or disk is full"), errno.ENOSPC),
        (RuntimeError("CUDA error: an illegal memory access"), None),
        (OSError(errno.EIO, "Input/output error"), None),
        (ValueError("28"), None),
    ],
)
def test_a_full_disk_is_known_in_the_words_of_every_library(error, number):
    found = refusal(error)
    assert (found and found.errno) == number


def test_a_full_disk_below_another_error_is_known_and_a_missing_file_there_is_not():
    for below, number in ((errno.ENOSPC, errno.ENOSPC), (errno.ENOENT, None)):
        try:
            try:
                raise OSError(below, os.strerror(below))
            except OSError as cause:
                raise RuntimeError("unexpected pos 576 vs 534") from cause
        except RuntimeError as error:
            found = refusal(error, "state.pt")
        assert (found and found.errno) == number and (found is None or found.filename == "state.pt")


@pytest.mark.parametrize("named", ["text_config", "nowhere"])
def test_a_checkpoint_is_saved_in_the_precision_of_its_base_wherever_that_is_named(kept, tmp_path, named):
    """As the hub's Qwen3-VL: bfloat16 weights, and a config that says so for its language model alone."""
    from safetensors import safe_open
    from transformers import AutoModelForImageTextToText

    build("qwen3_vl", tmp_path / "base")
    path = tmp_path / "base/config.json"
    config = json.loads(path.read_text())
    for part in (config, config["text_config"], config["vision_config"]):
        part.pop("dtype", None)
    if named == "text_config":
        config["text_config"]["dtype"] = "bfloat16"
    path.write_text(json.dumps(config))
    assert finetune(tmp_path / "base", kept, tmp_path / "model") == 0
    with safe_open(tmp_path / "model/model.safetensors", "pt") as tensors:
        assert {tensors.get_slice(name).get_dtype() for name in tensors.keys()} == {"BF16"}
    assert (tmp_path / "model/config.json").read_bytes() == path.read_bytes()
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "model")
    assert {part.dtype for part in model.parameters()} == {torch.bfloat16}


def test_a_base_of_float32_stays_so(tmp_path):
    from lib.model.load import stored_dtype

    build("internvl", tmp_path, dtype=torch.float32)
    path = tmp_path / "config.json"
    assert stored_dtype(tmp_path) == torch.float32
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "dtype"}))
    assert stored_dtype(tmp_path) == torch.float32
