"""What 05 leaves is a checkpoint as its base is, in files, tensor names and types, and the adapter beside."""

import json
import shutil

import pytest
import torch
from families import build
from safetensors.torch import load_file, save_file
from test_families import finetune, kept, questions  # noqa: F401 (fixtures)

FILES = (
    "tokenizer_config.json",
    "tokenizer.json",
    "processor_config.json",
    "chat_template.jinja",
    "config.json",
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny Qwen3.5 as the hub has them: a part for decoding ahead that no class claims, weights of two
    types, and files in the words of transformers 4.
    """
    folder = tmp_path_factory.mktemp("hub") / "base"
    build("qwen3_5", folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["mtp.layers.0.weight"] = torch.arange(6.0).view(2, 3).bfloat16()
    tensors["strange.weight"] = torch.ones(3)
    name = next(name for name in tensors if name.endswith("A_log"))
    tensors[name] = tensors[name].float() + 1e-5  # lost in bfloat16
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    path = folder / "tokenizer_config.json"
    said = json.loads(path.read_text()) | {"additional_special_tokens": ["<|im_start|>"]}
    path.write_text(json.dumps(said, indent=8))
    for name in (
        "additional_chat_templates/tools.jinja",
        "Roboto-Regular.ttf",
        "checkpoint-8/tokenizer.json",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    (folder / "checkpoint-8/config.json").write_text("{}")  # another checkpoint: none of its files
    (folder / "generation_config.json").write_text('{"top_k": 20, "do_sample": false}')
    return folder


@pytest.fixture(scope="module")
def model(base, kept, tmp_path_factory):  # noqa: F811
    """The base after 05."""
    folder = tmp_path_factory.mktemp("run") / "model"
    assert finetune(base, kept, folder) == 0
    return folder


def merged(folder):
    return {
        name: tensor
        for path in sorted(folder.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def test_files_of_the_base_are_its_own_byte_for_byte(base, model):
    more = ("generation_config.json", "additional_chat_templates/tools.jinja", "Roboto-Regular.ttf")
    for name in (*FILES, *more):
        assert (model / name).read_bytes() == (base / name).read_bytes(), name
    assert not (model / "checkpoint-8").exists()


def test_every_tensor_has_the_name_and_the_type_of_the_base(base, model):
    before, after = merged(base), merged(model)
    assert {name: part.dtype for name, part in before.items()} == {n: part.dtype for n, part in after.items()}
    same = {name for name in before if before[name].equal(after[name])}
    assert {"mtp.layers.0.weight", "strange.weight"} <= same
    assert all(name in same for name in before if name.endswith("A_log"))
    assert all(name in same for name in before if "visual" in name)


def test_the_index_names_every_tensor_and_the_library_loads_the_merged_weights(base, model):
    from transformers import AutoModelForImageTextToText

    index = json.loads((model / "model.safetensors.index.json").read_text())["weight_map"]
    found = {name: path.name for path in model.glob("*.safetensors") for name in load_file(path)}
    assert index == found and set(found.values()) == {path.name for path in model.glob("*.safetensors")}
    loaded, loading = AutoModelForImageTextToText.from_pretrained(model, output_loading_info=True)
    assert not loading["missing_keys"] and set(loading["unexpected_keys"]) <= {"strange.weight"}
    parameters, saved = dict(loaded.named_parameters()), merged(model)
    assert parameters["model.language_model.layers.0.linear_attn.out_proj.weight"].equal(
        saved["model.language_model.layers.0.linear_attn.out_proj.weight"]
    )


def test_the_adapter_beside_the_base_is_the_merged_model(base, model):
    from peft import PeftModel
    from transformers import AutoModelForImageTextToText

    config = json.loads((model / "adapter/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base.resolve())
    loaded = AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32)
    adapted = dict(PeftModel.from_pretrained(loaded, model / "adapter").merge_and_unload().named_parameters())
    whole = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32)
    for name, part in whole.named_parameters():
        assert torch.allclose(part, adapted[name], atol=4e-3), name  # rounded to bfloat16
    assert not list(model.glob("adapter/*.md"))


def test_full_training_leaves_no_adapter(base, kept, tmp_path):  # noqa: F811
    assert finetune(base, kept, tmp_path / "model", "--full", "--lora-rank", "4") == 2
    from test_families import stage

    words = ["-o", tmp_path / "model", "--model", base, "--full", "--steps", "1", "--batch-size", "2"]
    assert stage("05_finetune.py", kept, *words) == 0
    assert not (tmp_path / "model/adapter").exists()
    assert {"mtp.layers.0.weight", "strange.weight"} <= merged(tmp_path / "model").keys()


def test_a_tied_output_layer_that_the_base_holds_too_is_not_kept_beside_the_trained_one(tmp_path):
    from transformers import AutoModelForImageTextToText

    from lib.training.base_files import keep_tensors

    build("qwen3_vl", tmp_path / "base")
    config = json.loads((tmp_path / "base/config.json").read_text())
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = True
    (tmp_path / "base/config.json").write_text(json.dumps(config))
    tensors = merged(tmp_path / "base")
    tensors["lm_head.weight"] = tensors["model.language_model.embed_tokens.weight"].clone()
    save_file(tensors, tmp_path / "base/model.safetensors", {"format": "pt"})
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "base")
    shutil.copytree(tmp_path / "base", tmp_path / "model")
    (tmp_path / "model/model.safetensors").unlink()
    model.save_pretrained(tmp_path / "model")
    keep_tensors(tmp_path / "base", tmp_path / "model", model)
    assert "lm_head.weight" not in merged(tmp_path / "model")


def test_of_a_hub_id_the_files_come_from_the_snapshot_in_the_cache(base, tmp_path, monkeypatch):
    from lib.model import hub
    from lib.training.base_files import copy_files

    snapshot = tmp_path / "models--Some--Model/snapshots/0123"
    snapshot.parent.mkdir(parents=True)
    shutil.copytree(base, snapshot)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda path, name: str(snapshot / name))
    assert hub.folder_of("Some/Model") == snapshot
    (tmp_path / "model").mkdir()
    copy_files(hub.folder_of("Some/Model"), tmp_path / "model")
    for name in FILES:
        assert (tmp_path / "model" / name).read_bytes() == (base / name).read_bytes()
    assert not list((tmp_path / "model").glob("*.safetensors"))
