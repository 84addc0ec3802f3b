"""Loading a video model of transformers: one path for every family."""

import os
import resource
import sys

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig
from transformers.utils import is_bitsandbytes_available, logging

from lib.command import world
from lib.records import StageError


def device_of(name=None):
    """The device to use: the one named, else this process's GPU, else the CPU."""
    if name:
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")


def dtype_of(name, device):
    """'auto': bfloat16 on a GPU that has it, float32 elsewhere; or any torch type by name."""
    if name != "auto":
        return getattr(torch, name)
    return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32


def peak_memory(device):
    """Most memory held so far, in GiB: of the GPU, or of this process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**30, 2)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


def processor_of(path):
    """The processor of a folder or hub id. Raises StageError for what cannot chat about videos."""
    try:
        processor = AutoProcessor.from_pretrained(path)
    except (OSError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise StageError(
            f"{path}: no processor can be loaded from it: {why}; expected the folder or hub id of a video "
            "model of transformers"
        ) from error
    if getattr(processor, "video_processor", None) is None:
        raise StageError(
            f"{path}: this model has no video processor ({type(processor).__name__}); "
            "choose a video model, e.g. Qwen/Qwen3-VL-2B-Instruct"
        )
    if not processor.chat_template:
        raise StageError(
            f"{path}: this model has no chat template; add a chat_template.jinja to its folder, "
            "or choose an instruction-tuned checkpoint"
        )
    processor.tokenizer.padding_side = "left"
    return processor


def load(path, device, dtype, device_map=None, in_4bit=False):
    """(model in eval mode, processor) of a folder or hub id, on `device`, or with `device_map` "auto" over
    all GPUs.

    `in_4bit` holds its linear layers as NF4 and computes in `dtype`. Raises StageError where that cannot be.
    """
    if device_map and world()[1] > 1:
        raise StageError(
            f"--device-map {device_map} spreads one model over all GPUs, which {world()[1]} processes cannot "
            "share: "
            "start one process, or leave it out"
        )
    if in_4bit and not is_bitsandbytes_available():
        raise StageError(
            "--load-in-4bit needs the package bitsandbytes, which is not installed: pip install "
            "bitsandbytes, or leave it out"
        )
    if not sys.stderr.isatty():
        logging.disable_progress_bar()  # thousands of characters in a log file
    processor = processor_of(path)
    options = dict(dtype=dtype, device_map=device_map)
    if in_4bit:
        nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
        options.update(device_map=device_map or {"": device}, quantization_config=nf4)
    model = AutoModelForImageTextToText.from_pretrained(path, **options)
    if not options["device_map"]:
        model = model.to(device)
    return model.eval(), processor
