"""What training leaves on disk: a state to go on from, and the finished checkpoint.

Not accelerate's save_state: it writes the whole base model each time, for LoRA a hundred times what was
trained, and file by file, so that a kill in between leaves a state of two steps.
"""

import os
import shutil
import warnings

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig

from lib.model.load import load
from lib.training.sharding import gathered, scattered

# "all-linear" would hit the vision tower too
LANGUAGE = r".*(language_model|text_model)\..*\.(q|k|v|o|gate|up|down)_proj"


def with_lora(model, rank):
    """The model with new LoRA weights, alone trainable, on its language model; at first zero in effect."""
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LANGUAGE, task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        # peft asks for an attribute that transformers has renamed
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, config)


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
        torch.save(state, f"{path}.tmp")
        os.replace(f"{path}.tmp", path)


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


def save_model(training, folder):
    """The checkpoint, in the base's own precision, LoRA merged into the weights as they are, not as 4 bits
    round them.
    """
    args, model = training.args, training.model
    trained = gathered({name: parameter.detach() for name, parameter in training.trained.items()})
    if not training.accelerator.is_main_process:
        return
    model.eval()
    if args.load_in_4bit or training.sharded:
        weights = torch.float32 if args.full else training.dtype
        model, _ = load(args.model, torch.device("cpu"), weights)
        model = model if args.full else with_lora(model, args.lora_rank)
        model.load_state_dict({name: part.cpu() for name, part in trained.items()}, strict=False)
    merged = model if args.full else model.merge_and_unload()
    merged.to(AutoConfig.from_pretrained(args.model).dtype or torch.float32).save_pretrained(folder)
    training.processor.save_pretrained(folder)
    for state in folder.glob("state.pt*"):
        state.unlink()
    shutil.rmtree(folder / "features", ignore_errors=True)
