"""What a finished checkpoint has of its base, unchanged: tokenizer, processor and template files, config, and
the precision and name of every tensor, those included that no class of transformers claims.

The library writes such files in the form of its own version, which an older one, or a server, may not read.
"""

import json
import re
import shutil
from collections import defaultdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lib.model.load import STORED

# files of tokenizers, processors (one writes seconds onto frames, in a font) and templates; also one folder
# down (additional_chat_templates, a second tokenizer)
COPIED = (
    "tokenizer*.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.tiktoken",
    "tekken.json",
    "*processor_config.json",
    "*.ttf",
    "*chat_template*",
    "*.jinja",
    "generation_config.json",
)
INDEX = "model.safetensors.index.json"


def copy_files(base, folder):
    """Copy the files beside the weights of the checkpoint `base`; its config too, where the weights of both
    are of one form.
    """
    inside = [path for path in base.iterdir() if path.is_dir() and not (path / "config.json").exists()]
    names = {
        path.relative_to(base) for form in COPIED for place in (base, *inside) for path in place.glob(form)
    }
    if "quantization_config" not in json.loads((base / "config.json").read_text()):
        names.add(Path("config.json"))
    for name in sorted(names):
        if (base / name).is_file():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(base / name, folder / name)
    if not (base / "generation_config.json").exists():
        (folder / "generation_config.json").unlink(missing_ok=True)  # an empty one, which we set


def tensors_of(folder):
    """{name: (file, its type in safetensors' words)} of all tensors of a checkpoint in safetensors files."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:  # reads its header
            found |= {name: (path, file.get_slice(name).get_dtype()) for name in file.keys()}
    return found


def read(found, names):
    """{name: tensor} of some of what tensors_of found."""
    by_file = defaultdict(list)
    for name in names:
        by_file[found[name][0]].append(name)
    read = {}
    for path, inside in by_file.items():
        with safe_open(path, "pt") as file:
            read |= {name: file.get_tensor(name) for name in inside}
    return read


def keep_tensors(base, folder, model):
    """Give the tensors saved in `folder` the types of the checkpoint `base`, and add those of its tensors
    that `model`, which was saved, does not claim. A quantized base has no such tensors.
    """
    before, saved = tensors_of(base), tensors_of(folder)
    if "quantization_config" in json.loads((base / "config.json").read_text()):
        return
    other = defaultdict(list)
    for name in saved.keys() & before.keys():
        types = before[name][1], saved[name][1]
        if types[0] != types[1] and set(types) <= STORED.keys():
            other[saved[name][0]].append(name)
    for path, names in other.items():
        tensors, originals = load_file(path), read(before, names)
        for name in names:
            original, now = originals[name], tensors[name]
            same = original.to(now.dtype).equal(now)  # not trained: no digit is lost
            tensors[name] = original if same else now.to(original.dtype)
        save_file(tensors, path, {"format": "pt"})
    lost = unclaimed(before.keys(), saved.keys(), model)
    if lost:
        add(folder, read(before, lost))


def unclaimed(before, saved, model):
    """Names of tensors of the base that were not saved because no part of `model` is one of them.

    Where the names of both agree: all that are missing, but for those tied to another. Else a missing one may
    have been saved under its new name: then those only that the model's class says it does not know.
    """
    missing = before - saved
    if saved <= before:
        return sorted(missing - set(model.all_tied_weights_keys))
    unknown = model._keys_to_ignore_on_load_unexpected or ()
    return sorted(name for name in missing if any(re.search(pattern, name) for pattern in unknown))


def add(folder, tensors):
    """Add tensors to a saved checkpoint, as a file of their own that its index names."""
    files = sorted(folder.glob("*.safetensors"))
    count = len(files) + 1
    for number, path in enumerate(files, 1):
        path.rename(folder / f"model-{number:05}-of-{count:05}.safetensors")
    save_file(tensors, folder / f"model-{count:05}-of-{count:05}.safetensors", {"format": "pt"})
    found = tensors_of(folder)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    index = {
        "metadata": {"total_size": size},
        "weight_map": {name: found[name][0].name for name in sorted(found)},
    }
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")
