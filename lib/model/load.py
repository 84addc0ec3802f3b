"""Loading a video model of transformers: one path for every family."""

import os
import resource
import sys
from collections import Counter
from contextlib import contextmanager
from math import prod

import numpy as np
import torch
import transformers
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForImageTextToText, BitsAndBytesConfig
from transformers.utils import is_bitsandbytes_available, logging

from lib.model.features import encoding_of, features_of
from lib.model.hub import folder_of, from_hub, why_not
from lib.model.inputs import chat
from lib.model.processor import needs_a_package, processor_of
from lib.process import world
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


STORED = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}  # in safetensors' words


def parts_of(config):
    """A model's config, that of its language model and those of its other parts."""
    others = [getattr(config, name, None) for name in config.sub_configs]
    return [config, config.get_text_config(), *filter(None, others)]


def config_of(path):
    """The configuration of a folder or hub id. Raises StageError where there is none."""
    try:
        return AutoConfig.from_pretrained(path, **from_hub(path))
    except (OSError, ValueError) as error:
        raise StageError(
            f"{path}: no model can be loaded from it: {why_not(path, error)}; expected the folder or hub id "
            "of a video model of transformers"
        ) from error


def stored_dtype(path):
    """The precision of a checkpoint (folder or hub id): that of its config, of its language model's config
    (where Qwen3-VL's stands), of any other part's, of most numbers in its safetensors files; else float32.
    Raises StageError as config_of.
    """
    for part in parts_of(config_of(path)):
        dtype = getattr(part, "dtype", None)
        if dtype is not None:
            return getattr(torch, dtype) if isinstance(dtype, str) else dtype
    numbers = Counter()
    for file in folder_of(path).glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:  # reads its header
            for tensor in map(tensors.get_slice, tensors.keys()):
                numbers[STORED.get(tensor.get_dtype())] += prod(tensor.get_shape())
    del numbers[None]  # integers, quantized weights
    return numbers.most_common(1)[0][0] if numbers else torch.float32


def peak_memory(device):
    """Most memory held so far, in GiB: of the GPU, or of this process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**30, 2)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)


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
    options = dict(dtype=dtype, device_map=device_map, **from_hub(path))
    if in_4bit:
        nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
        options.update(device_map=device_map or {"": device}, quantization_config=nf4)
    try:
        model = AutoModelForImageTextToText.from_pretrained(path, **options)
    except ImportError as error:
        raise needs_a_package(path, error) from error
    except ValueError as error:  # a class that has a processor of videos, but writes no text
        raise StageError(
            f"{path}: no model that writes text can be loaded from it: {why_not(path, error)}"
        ) from error
    if not options["device_map"]:
        model = model.to(device)
    return model.eval(), processor


def grey_clip(frames):
    """A clip (frames, metadata) of that many frames, a second each, to try a model with."""
    metadata = {
        "total_num_frames": frames,
        "fps": 1.0,
        "frames_indices": list(range(frames)),
        "duration": float(frames),
        "height": 64,
        "width": 80,
    }
    return np.full((frames, 64, 80, 3), 128, np.uint8), metadata


def check_reads(model, processor, name, frames):
    """Raises StageError where `model`, called `name`, cannot read a clip of that many frames: the library's
    own code of some families fails, which shall not surface after hours of decoding.
    """
    with readable(name, type(model).__name__, frames):
        features_of(model, encoding_of(processor, chat(processor, "?"), grey_clip(frames)))


@contextmanager
def readable(name, what, frames):
    """Raises StageError where the library's own code, `what` of the model `name`, fails at a clip of that
    many frames.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        pass  # batches find out how much fits
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
        raise StageError(
            f"{name}: {what} of transformers {transformers.__version__} cannot read a clip of {frames} "
            f"frames ({reason}); try other --frames, or a model of a family that lib/model/README.md lists "
            "as working"
        ) from error
