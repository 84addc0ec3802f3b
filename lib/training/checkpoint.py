"""What training leaves on disk: a state to go on from, and the finished checkpoint.

Not accelerate's save_state: it writes the whole base model each time, for LoRA a hundred times what was
trained, and file by file, so that a kill in between leaves a state of two steps.
"""

import shutil
from pathlib import Path

import torch

from lib.model.generate import own_configuration_aside
from lib.model.hub import folder_of
from lib.model.load import load, parts_of, stored_dtype
from lib.model.save import save
from lib.process import FULL, refusal
from lib.training.base_files import copy_files, keep_tensors
from lib.training.parts import frozen_dtype, is_whole, to_train
from lib.training.sharding import gathered, scattered

ADAPTER = "adapter"  # folder in the checkpoint
FEATURES = "features"  # folder beside the state: what clips were encoded to, for this run alone


def state_bytes(training):
    """Size of a saved state: what is trained and two moments of each, in float32."""
    return 12 * sum(parameter.numel() for parameter in training.trained.values())


def with_room(write, folder):
    """write() into `folder`; where its disk is full, once more after the features kept there made room: they
    are only a cache. Raises OSError where the system refuses.
    """
    features = folder / FEATURES
    for last in (not features.is_dir(), True):
        try:
            return write()
        except Exception as error:  # of a full disk each library raises one of its own
            refused = refusal(error, folder)
            if refused is None:
                raise
            if last or refused.errno not in FULL:
                raise refused from error
        shutil.rmtree(features, ignore_errors=True)
        print(f"{folder}: the disk is full: features removed; clips are encoded when needed", flush=True)


def save_state(training, path, optimizer, schedule, losses):
    """What training goes on from, in one file that is there as a whole or not at all."""
    state = {
        "trained": {name: parameter.detach() for name, parameter in training.trained.items()},
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "losses": losses,
    }
    state = gathered(state)
    if training.accelerator.is_main_process:
        with_room(lambda: save(state, path), path.parent)


def load_state(training, path, optimizer, schedule, steps):
    """Go on from a saved state, if there is one; returns the losses up to it."""
    if not path.exists():
        return []
    device = training.accelerator.device
    place = "cpu" if training.sharded or device.type == "cpu" else device  # torch.load knows no "cpu:0"
    state = torch.load(path, map_location=place, weights_only=True)
    if training.sharded:
        state = scattered(state, training.trained)
    training.model.load_state_dict(state["trained"], strict=False)
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    if training.accelerator.is_main_process:
        print(f"resuming after step {len(state['losses'])} of {steps}")
    return state["losses"]


def save_adapter(model, base, folder):
    """The trained LoRA alone, as peft and servers load it beside `base`, a folder or hub id."""
    model.peft_config["default"].base_model_name_or_path = (
        str(Path(base).resolve()) if Path(base).is_dir() else str(base)
    )
    # else the library asks the hub whether the base has other embeddings
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # an empty form


def save_merged(model, base, folder):
    """The weights of `model` with the precision, names and other files of `base`, a folder or hub id."""
    for half in folder.glob("*.safetensors"):  # of an attempt that was killed, or found no room
        half.unlink()
    with own_configuration_aside(model):  # the library refuses to save some that stand on the hub
        model.save_pretrained(folder)
    keep_tensors(folder_of(base), folder, model)
    copy_files(folder_of(base), folder)


def save_model(training, folder):
    """The checkpoint, in the base's own precision, LoRA merged into the weights as they are, not as 4 bits
    round them; the LoRA itself in its folder ADAPTER. Raises OSError where the system refuses.
    """
    args, model = training.args, training.model
    trained = gathered({name: parameter.detach() for name, parameter in training.trained.items()})
    if not training.accelerator.is_main_process:
        return
    model.eval()
    if args.load_in_4bit or training.sharded:
        model, _ = load(args.model, torch.device("cpu"), frozen_dtype(args, training.dtype))
        model = to_train(args, model, training.names, quiet=True)
        model.load_state_dict({name: part.cpu() for name, part in trained.items()}, strict=False)
    try:
        if not is_whole(args):
            with_room(lambda: save_adapter(model, args.model, folder / ADAPTER), folder)
            model = model.merge_and_unload()
        dtype = stored_dtype(args.model)
        model.to(dtype)
        for part in parts_of(model.config):  # loading has set all to what training lay in
            part.dtype = dtype
        with_room(lambda: save_merged(model, args.model, folder), folder)
    except OSError:
        for half in folder.rglob("*.safetensors"):  # it would hold the disk in vain
            half.unlink()
        raise
