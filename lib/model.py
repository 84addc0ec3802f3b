"""One path for every video model of transformers 5: load, render, generate, and rows to train on.

No branch by family: every clip has the same number of frames, frames come decoded (uint8) with their metadata, padding is on the left,
and prompts go through the processor's own chat template.
"""
import copy
import os
import sys
import threading

import numpy as np
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig, GenerationConfig, LogitsProcessor
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


class SampleByRow(LogitsProcessor):
    """Makes greedy search sample: each row draws from its own stream of uniform numbers, by inverse cumulative distribution."""

    def __init__(self, seeds, temperature, top_p, prompt_length, steps, device):
        uniforms = np.stack([np.random.Generator(np.random.Philox(seed)).random(steps) for seed in seeds])
        self.uniforms = torch.tensor(uniforms, device=device)  # (rows, steps) float64
        self.temperature, self.top_p, self.prompt_length = temperature, top_p, prompt_length

    def __call__(self, input_ids, scores):
        step = input_ids.shape[1] - self.prompt_length
        probabilities, order = torch.sort(torch.softmax(scores.double() / self.temperature, -1), descending=True, stable=True)
        cumulative = probabilities.cumsum(-1)
        mass = torch.where(cumulative - probabilities < self.top_p, probabilities, 0).cumsum(-1)
        draw = self.uniforms[:, step : step + 1] * mass[:, -1:]
        chosen = order.gather(-1, torch.searchsorted(mass, draw, right=True).clamp_max(mass.shape[-1] - 1))
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen, 0.0)


def read_once(model, inputs, config, index, sampler):
    """Inputs for `generate` to go on from: each prompt is read once, its cache then repeated for the rows of `index`, and their first token drawn."""
    reading = copy.copy(config)
    reading.max_new_tokens, reading.output_logits, reading.return_dict_in_generate = 1, True, True
    read = model.generate(**inputs, generation_config=reading)
    index = torch.tensor(index, device=model.device)
    cache, prompt, logits = read.past_key_values, inputs["input_ids"][index], read.logits[0][index].float()
    cache.batch_select_indices(index)
    for draw in sampler:
        logits = draw(prompt, logits)
    for part in model.modules():  # Qwen's families keep how far text positions lag behind visual ones, a row each
        if getattr(part, "rope_deltas", None) is not None:
            part.rope_deltas = part.rope_deltas[index]
    mask = inputs["attention_mask"][index]
    return {"input_ids": torch.cat([prompt, logits.argmax(-1, keepdim=True)], 1), "attention_mask": torch.cat([mask, torch.ones_like(mask[:, :1])], 1), "past_key_values": cache}


@torch.inference_mode()
def generate(model, processor, texts, clips, seeds, temperature=0.0, top_p=1.0, max_new_tokens=1024):
    """One answer per text (rendered by `chat`), sampled with the row's own seed; temperature 0 is greedy.

    Returns a list of (answer without special tokens, number of new tokens, finished: whether it ended by itself).
    """
    rows = {}  # equal prompts (the samples of one question) are read once
    index = [rows.setdefault((text, id(clip)), len(rows)) for text, clip in zip(texts, clips)]
    first = [index.index(row) for row in range(len(rows))]
    inputs = encode(processor, [texts[i] for i in first], [clips[i] for i in first]).to(model.device)
    inputs = {k: v.to(model.dtype) if torch.is_floating_point(v) else v for k, v in inputs.items()}
    prompt_length = inputs["input_ids"].shape[1]
    tokenizer, own = processor.tokenizer, model.generation_config
    ends = {tokenizer.eos_token_id} | set(own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id])
    ends = sorted(e for e in ends if e is not None)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
    # a fresh configuration: a checkpoint's own sampling defaults (penalties, top-k) must not leak into ours
    config = GenerationConfig(max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=ends, pad_token_id=pad, bos_token_id=tokenizer.bos_token_id)
    sampler = [SampleByRow(seeds, temperature, top_p, prompt_length, max_new_tokens, model.device)] if temperature > 0 else []
    if len(first) < len(texts) and max_new_tokens > 1:
        inputs = read_once(model, inputs, config, index, sampler)
        config = copy.copy(config)
        config.max_new_tokens -= 1
    output = model.generate(**inputs, generation_config=config, logits_processor=sampler)[:, prompt_length:]
    answers = []
    for row in output.tolist():
        end = next((i for i, token in enumerate(row) if token in ends), None)
        answers.append((tokenizer.decode(row[:end], skip_special_tokens=True).strip(), len(row) if end is None else end + 1, end is not None))
    return answers


def training_text(processor, prompt, answer):
    """(full text, number of tokens to train on): the prompt as asked, then the answer and the end token.

    The template's own assistant turn is not used: in most families it has no end token or another spacing than the prompt. The tail is
    counted on text without its visual expansion, after the common prefix of prompt and full text (tokens may merge at the boundary).
    """
    tokenizer = processor.tokenizer
    full = prompt + ("" if prompt[-1].isspace() else " ") + answer.strip() + tokenizer.eos_token
    with ONE_AT_A_TIME:
        before, after = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, full))
    common = next((i for i, (a, b) in enumerate(zip(before, after)) if a != b), min(len(before), len(after)))
    return full, len(after) - common


def training_batch(processor, rows, clips):
    """Inputs and labels for rows of (prompt, answer) with their clips: labels are -100 everywhere but on the answer and its end token."""
    texts, tails = zip(*(training_text(processor, prompt, answer) for prompt, answer in rows))
    inputs = encode(processor, texts, clips)
    labels = torch.full_like(inputs["input_ids"], -100)
    for i, tail in enumerate(tails):  # rows are left-padded: every tail ends at the right edge
        labels[i, -tail:] = inputs["input_ids"][i, -tail:]
    inputs["labels"] = labels
    return inputs
