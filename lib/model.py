"""One path for every video model of transformers 5: load, render, encode, and rows to train on (lib/generate.py: answers).

No branch by family: every clip has the same number of frames, frames come decoded (uint8) with their metadata, padding is on the left,
and prompts go through the processor's own chat template.
"""
import os
import resource
import sys
import threading

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig
from transformers.utils import is_bitsandbytes_available, logging
from transformers.video_utils import VideoMetadata

from lib.records import StageError
from lib.stage import world

if not sys.stderr.isatty():
    logging.disable_progress_bar()  # thousands of characters in a log file


ONE_AT_A_TIME = threading.RLock()  # a fast tokenizer keeps its padding as state: two threads inside one spoil each other's batches


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


def load(path, device, dtype, device_map=None, in_4bit=False):
    """(model in eval mode, processor) of a folder or hub id, on `device`, or with `device_map` "auto" spread over all GPUs.

    `in_4bit` holds its linear layers as NF4 and computes in `dtype`. Raises StageError where the model cannot chat about videos.
    """
    if device_map and world()[1] > 1:
        raise StageError(f"--device-map {device_map} spreads one model over all GPUs, which {world()[1]} processes cannot share: start one process, or leave it out")
    if in_4bit and not is_bitsandbytes_available():
        raise StageError("--load-in-4bit needs the package bitsandbytes, which is not installed: pip install bitsandbytes, or leave it out")
    try:
        processor = AutoProcessor.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise StageError(f"{path}: no processor can be loaded from it: {str(error).splitlines()[0]}; expected the folder or hub id of a video model of transformers") from error
    if getattr(processor, "video_processor", None) is None:
        raise StageError(f"{path}: this model has no video processor ({type(processor).__name__}); choose a video model, e.g. Qwen/Qwen3-VL-2B-Instruct")
    if not processor.chat_template:
        raise StageError(f"{path}: this model has no chat template; add a chat_template.jinja to its folder, or choose an instruction-tuned checkpoint")
    processor.tokenizer.padding_side = "left"
    how = dict(dtype=dtype, device_map=device_map)
    if in_4bit:
        how = dict(dtype=dtype, device_map=device_map or {"": device}, quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype))
    model = AutoModelForImageTextToText.from_pretrained(path, **how)
    return (model if how["device_map"] else model.to(device)).eval(), processor


def chat(processor, text):
    """The prompt, as text, up to where the assistant begins: one video, then `text`."""
    turn = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": text}]}]
    unasked = {"do_sample_frames": False}  # of no effect on text; without any, SmolVLM's processor warns about its own in some versions
    return processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True, processor_kwargs=unasked)


def encode(processor, texts, clips):
    """Left-padded inputs for rendered `texts` with one clip (frames, metadata) each; tensors on the CPU. Safe to call from several threads."""
    tokenizer = processor.tokenizer
    # Qwen's processors leave this undecided, and warn: decided as their reference, qwen-vl-utils, does
    undecided = {"cap_pixels_per_frame": True} if getattr(processor.video_processor, "cap_pixels_per_frame", False) is None else {}
    with ONE_AT_A_TIME:
        return processor(
            text=list(texts), videos=[[frames] for frames, _ in clips], padding=True, return_tensors="pt", do_sample_frames=False, **undecided,
            video_metadata=[VideoMetadata(**meta) for _, meta in clips],
            add_special_tokens=not (tokenizer.bos_token and texts[0].startswith(tokenizer.bos_token)))  # a template may print the BOS itself


def padded(rows, value):
    """Lists of different lengths as one left-padded tensor."""
    longest = max(map(len, rows))
    return torch.tensor([[value] * (longest - len(row)) + row for row in rows])


def common(a, b):
    """Length of the longest common prefix of two lists."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def unexpanded(processor, text):
    """Tokens of a rendered text whose video is its placeholder still."""
    tokenizer = processor.tokenizer
    with ONE_AT_A_TIME:
        return tokenizer(text, add_special_tokens=not (tokenizer.bos_token and text.startswith(tokenizer.bos_token)))["input_ids"]


def training_text(processor, prompt, answer):
    """(full text, number of tokens to train on): the prompt as asked, then the answer and the end token.

    The template's own assistant turn is not used: in most families it has no end token or another spacing than the prompt. The tail is
    counted on text without its visual expansion, after the common prefix of prompt and full text (tokens may merge at the boundary).
    """
    tokenizer = processor.tokenizer
    full = prompt + ("" if prompt[-1].isspace() else " ") + answer.strip() + tokenizer.eos_token
    with ONE_AT_A_TIME:
        before, after = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, full))
    return full, len(after) - common(before, after)


def training_batch(processor, rows, clips):
    """Inputs and labels for rows of (prompt, answer) with their clips: labels are -100 everywhere but on the answer and its end token."""
    texts, tails = zip(*(training_text(processor, prompt, answer) for prompt, answer in rows))
    inputs = encode(processor, texts, clips)
    labels = torch.full_like(inputs["input_ids"], -100)
    for i, tail in enumerate(tails):  # rows are left-padded: every tail ends at the right edge
        labels[i, -tail:] = inputs["input_ids"][i, -tail:]
    inputs["labels"] = labels
    return inputs
