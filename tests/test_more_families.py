"""The other families of transformers that read videos, once each through 02, 05 and 06 on a clip; what cannot
work is one error, before any work. The ten of test_families.py are tried more closely.
"""

import json
import math

import pytest
from conftest import ROOT, lines
from families import FAMILIES, build
from more_families import BY_PLACE, MORE, PACKAGES, REASONS, table
from test_families import TAKES_FEATURES, finetune, generate, kept, questions, stage  # noqa: F401 (fixtures)

WORKING = [family for family in MORE if family not in REASONS]
OF_TODAY = pytest.mark.skipif(
    not TAKES_FEATURES, reason="an older transformers has other families and errors"
)
FIRST = ("qwen3_5_moe", "gemma4")  # a mixture of experts; windows, and a processor that knows sounds too


def merged(folder):
    """{name: tensor} of a checkpoint."""
    from safetensors.torch import load_file

    return {name: part for path in folder.glob("*.safetensors") for name, part in load_file(path).items()}


@pytest.fixture(scope="module")
def two(questions, kept):  # noqa: F811
    """Files of the first two questions, of different lengths on one clip, and of their kept answers."""
    paths = []
    for path in (questions, kept):
        paths.append(path.with_name(f"two_{path.name}"))
        paths[-1].write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    return paths


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=() if name in FIRST else pytest.mark.slow) for name in WORKING]
)
def test_a_family_goes_through_generate_finetune_and_evaluate(family, two, tmp_path):
    from transformers import AutoModelForImageTextToText

    from lib.training.lora import targets_of

    for package in PACKAGES.get(family, ()):
        pytest.importorskip(package)
    (asked, answered), few = two, ["--frames", "4", "--max-new-tokens", "6"]
    build(family, tmp_path / "base")
    for size in ("4", "1"):
        assert generate(tmp_path / "base", asked, tmp_path / size, "--batch-size", size, *few) == 0
    answers = [(r["id"], r["sample"], r["answer"], r["tokens"]) for r in lines(tmp_path / "4")]
    assert len(answers) == 4 and len({answer for _, _, answer, _ in answers}) > 1
    if family not in BY_PLACE:
        assert [r["answer"] for r in lines(tmp_path / "1")] == [answer for _, _, answer, _ in answers]
    assert finetune(tmp_path / "base", answered, tmp_path / "model", "--frames", "4") == 0
    losses = json.loads((tmp_path / "model.meta.json").read_text())["losses"]
    assert len(losses) == 4 and all(map(math.isfinite, losses)) and losses[-1] < losses[0]
    words = ["--model", tmp_path / "model", *few]
    assert stage("06_eval.py", asked, "-o", tmp_path / "eval.json", *words) == 0
    # the language model alone has changed, wholly, and all has the base's names and types
    before, after = merged(tmp_path / "base"), merged(tmp_path / "model")
    assert {name: part.dtype for name, part in before.items()} == {n: part.dtype for n, part in after.items()}
    changed = [name for name in before if not before[name].equal(after[name])]
    assert changed and not [name for name in changed if any(part in name for part in ("vis", "lm_head"))]
    model, loading = AutoModelForImageTextToText.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not any(loading.values()), loading
    base, now = (
        AutoModelForImageTextToText.from_pretrained(tmp_path / "base").state_dict(),
        model.state_dict(),
    )
    linear, experts, _ = targets_of(model)
    wanted = {*(f"{name}.weight" for name in linear), *experts}
    learned = {name for name in base if not base[name].equal(now[name])}
    # what chooses tokens has no gradient, and what the last layer makes of a clip nobody reads
    assert learned <= wanted and all("indexer" in n or "vision_moe" in n for n in wanted - learned)


@OF_TODAY
@pytest.mark.parametrize("family", REASONS)
def test_what_cannot_work_is_one_error_before_any_work(family, two, tmp_path, capsys):
    build(family, tmp_path / "base")
    if family == "instructblipvideo":  # its checkpoints have no template, which alone would be an error
        (tmp_path / "base/chat_template.jinja").write_text("{{ messages[0]['content'][1]['text'] }}")
    for script, source in (("02_generate.py", two[0]), ("05_finetune.py", two[1])):
        assert stage(script, source, "-o", tmp_path / script[:2], "--model", tmp_path / "base") == 1
        said = capsys.readouterr().err
        assert f"{script}: error: {tmp_path / 'base'}: " in said and "Traceback" not in said
        parts = ("no video processor", "takes no videos beside a prompt", "cannot read a clip of 8 frames")
        assert any(part in said for part in parts), said


@OF_TODAY
def test_the_table_in_the_readme_is_what_the_command_prints():
    assert table() in (ROOT / "lib/model/README.md").read_text()
    assert "not tried" not in table() and table().count("| works") >= 25


@pytest.mark.parametrize("frames", ["1", "3"])
def test_one_frame_and_an_odd_number_of_frames_work(two, tmp_path, frames):
    """Qwen's processors merge frames in pairs; Qwen3-VL's refuses a single one."""
    build("qwen3_vl", tmp_path / "base")
    asked, answered = two
    assert generate(tmp_path / "base", asked, tmp_path / "out.jsonl", "--frames", frames) == 0
    assert all("answer" in r for r in lines(tmp_path / "out.jsonl"))
    assert finetune(tmp_path / "base", answered, tmp_path / "model", "--frames", frames) == 0


def test_a_frame_that_is_repeated_keeps_its_time():
    import numpy as np

    from lib.model.inputs import filled

    class Processor:
        class video_processor:
            temporal_patch_size = 2

    frames = np.zeros((1, 2, 2, 3), np.uint8)
    more, metadata = filled(Processor, (frames, {"frames_indices": [12], "fps": 4.0}))
    assert more.shape == (2, 2, 2, 3) and metadata == {"frames_indices": [12, 12], "fps": 4.0}
    assert filled(Processor, (more, metadata))[0] is more


def test_a_package_that_a_family_needs_is_named(two, tmp_path, monkeypatch, capsys):
    from lib.model import load as module

    build("qwen3_vl", tmp_path / "base")

    def refuse(*_, **__):
        raise ImportError("\nTimmWrapperModel requires the timm library.\n`pip install timm`\n")

    monkeypatch.setattr(module.AutoModelForImageTextToText, "from_pretrained", refuse)
    assert generate(tmp_path / "base", two[0], tmp_path / "out.jsonl") == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / 'base'}: TimmWrapperModel requires the timm library. `pip install timm`" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "family, part",
    [
        ("qwen2_5_vl", "model.visual.merger"),
        ("video_llava", "model.multi_modal_projector"),
        ("gemma4", "model.embed_vision"),
        ("ernie4_5_vl_moe", "model.resampler_model"),
    ],
)
def test_full_training_trains_language_model_and_projector_whatever_their_names(family, part):
    from lib.model.layers import outside_towers

    model, _ = {**FAMILIES, **MORE}[family][0]()
    trained, head = outside_towers(model), {"lm_head.weight"}
    between = {name for name, _ in model.named_parameters() if name.startswith(f"{part}.")}
    language = {name for name, _ in model.named_parameters() if name.startswith("model.language_model.")}
    assert between and language and trained - head == between | language


def test_a_class_that_writes_no_text_is_an_error(two, tmp_path, capsys):
    build("qwen3_vl", tmp_path / "base")
    (tmp_path / "base/config.json").write_text('{"model_type": "videomae"}')
    assert generate(tmp_path / "base", two[0], tmp_path / "out.jsonl") == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / 'base'}: no model that writes text can be loaded from it" in said
    assert "Traceback" not in said
