"""One path for every video model of transformers 5: load, render, generate, and rows to train on.

No branch by family: every clip has the same number of frames, frames come decoded (uint8) with their metadata, padding is on the left,
and prompts go through the processor's own chat template.
"""
import copy
import os
import resource
import sys
import threading

import numpy as np
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig, GenerationConfig, LogitsProcessor, StoppingCriteria
from transformers.cache_utils import DynamicLayer
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


class Halt(StoppingCriteria):
    """Stops a batch when half of its rows have ended, so that the others can go on as a smaller one."""

    def __init__(self, ends, prompt_length):
        self.ends, self.prompt_length = ends, prompt_length

    def __call__(self, input_ids, scores, **_):
        ended = torch.isin(input_ids[:, self.prompt_length:], torch.tensor(self.ends, device=input_ids.device)).any(1)
        return torch.full_like(ended, bool(2 * ended.sum() >= len(ended)))


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


def spliced(seen, lead, other):
    """Tokens of `other` with the visual tokens that `seen` has in place of the placeholder in `lead`: another text on the same clip.

    None where the two differ right behind the video: its last token might be merged with their words.
    """
    after, differs = common(lead[::-1], seen[::-1]), common(lead, other)
    return seen[: len(seen) - len(lead) + differs] + other[differs:] if differs > len(lead) - after else None


def prepare(processor, texts, clips):
    """What `generate` reads, on the CPU: every clip once with what its prompts begin with, every prompt's remaining tokens once, and whose rows they are.

    Returns {"inputs": of the clips, "rest": tokens each prompt has beyond them, or None where a clip has one prompt only, "clip_of": clip of each
    prompt, "prompt_of": prompt of each text}. Only the first prompt on a clip goes through the processor, as a rule; of the others the visual
    part is the same, so their tokens are spliced to it. Safe to call from several threads.
    """
    prompts, films = {}, {}
    prompt_of = [prompts.setdefault((text, id(clip)), len(prompts)) for text, clip in zip(texts, clips)]
    clip_of = [films.setdefault(film, len(films)) for _, film in prompts]
    words, first = [text for text, _ in prompts], [clip_of.index(film) for film in range(len(films))]
    whole = encode(processor, [words[i] for i in first], [clips[prompt_of.index(i)] for i in first])
    if len(films) == len(prompts):
        return {"inputs": whole, "rest": None, "clip_of": clip_of, "prompt_of": prompt_of}
    plain = [unexpanded(processor, text) for text in words]
    rest, kept = [None] * len(prompts), []
    for film, lead in enumerate(first):
        seen = whole["input_ids"][film][whole["attention_mask"][film].bool()].tolist()  # the first prompt, with its visual tokens
        mine, after = [i for i, of in enumerate(clip_of) if of == film], common(plain[lead][::-1], seen[::-1])  # after: tokens behind the visual ones
        tokens = {i: spliced(seen, plain[lead], plain[i]) or encode(processor, [words[i]], [clips[prompt_of.index(i)]])["input_ids"][0].tolist() for i in mine}
        kept.append(min(min(common(seen, tokens[i]), len(tokens[i]) - 1) for i in mine))
        if kept[-1] < len(seen) - after:  # the prompts differ before their video: each needs its own reading
            return {"inputs": encode(processor, words, [clips[prompt_of.index(i)] for i in range(len(words))]), "rest": None, "clip_of": list(range(len(prompts))), "prompt_of": prompt_of}
        for i in mine:
            rest[i] = tokens[i][kept[-1]:]
    shape, inputs = whole["input_ids"].shape, {}
    for key, value in whole.items():
        if getattr(value, "shape", None) == shape:  # one entry a token: the prompts' common beginning of it
            value = padded([row[mask.bool()].tolist()[:count] for row, mask, count in zip(value, whole["attention_mask"], kept)], processor.tokenizer.pad_token_id if key == "input_ids" else 0)
        inputs[key] = value
    return {"inputs": inputs, "rest": rest, "clip_of": clip_of, "prompt_of": prompt_of}


def lags_of(model, inputs):
    """{part of the model: (rows, 1) how far text positions lag behind token counts}: Qwen's families give the tokens of a video fewer positions than tokens.

    What they remember themselves (rope_deltas) goes by the largest position, which in a long video is not that of the last word.
    """
    lags, about = {}, {key: value for key, value in inputs.items() if key != "past_key_values" and not key.startswith("pixel")}
    for part in model.modules():
        if hasattr(part, "get_rope_index"):
            lags[part] = part.get_rope_index(**about)[0][0, :, -1:] + 1 - inputs["attention_mask"].sum(1, keepdim=True)
    return lags


class RoomyLayer(DynamicLayer):
    """Keys and values with room for some tokens to come; the library's own layer copies all of them for every new one."""
    room = None  # (keys, values), of which self.keys and self.values are the filled part

    def update(self, key_states, value_states, *_, **__):
        filled = self.keys.shape[-2]
        end = filled + key_states.shape[-2]
        if self.room is None or end > self.room[0].shape[-2]:
            self.room = [torch.cat([old, new, new.new_empty(*new.shape[:2], 128, new.shape[-1])], -2) for old, new in ((self.keys, key_states), (self.values, value_states))]
        else:
            self.room[0][:, :, filled:end], self.room[1][:, :, filled:end] = key_states, value_states
        self.keys, self.values = (part[:, :, :end] for part in self.room)
        return self.keys, self.values

    def batch_select_indices(self, indices):
        super().batch_select_indices(indices)
        self.room = None


def select(cache, rows, lags):
    """Repeat or drop rows of a cache, and of what parts of the model remember beside it."""
    for layer in cache.layers:
        if type(layer) is DynamicLayer:
            layer.__class__ = RoomyLayer
    cache.batch_select_indices(rows.cpu())  # a model over several devices has its cache on all of them
    for part in lags:
        part.rope_deltas = lags[part] = lags[part][rows]


def read(model, inputs, config):
    """(cache, logits of the next token (rows, vocabulary)) after reading `inputs`."""
    reading = copy.copy(config)
    reading.max_new_tokens, reading.output_logits = 1, True
    result = model.generate(**inputs, generation_config=reading)
    return result.past_key_values, result.logits[0].float()


def extended(inputs, rows, cache, tokens, mask):
    """Inputs that go on from `cache`: the rows `rows` of `inputs`, then `tokens` (rows, n), which count where `mask` is 1."""
    return {"input_ids": torch.cat([inputs["input_ids"][rows], tokens], 1), "attention_mask": torch.cat([inputs["attention_mask"][rows], mask], 1), "past_key_values": cache}


@torch.inference_mode()
def generate(model, processor, texts, clips, seeds, temperature=0.0, top_p=1.0, max_new_tokens=1024, prepared=None):
    """One answer per text (rendered by `chat`), sampled with the row's own seed; temperature 0 is greedy.

    A clip is encoded, and what its prompts begin with is read, once; each prompt is read once however many samples are drawn of it; rows that have
    ended leave the batch when they are half of it. `prepared`: what `prepare` made of the texts and clips, if that was done ahead.
    Returns a list of (answer without special tokens, number of new tokens, finished: whether it ended by itself).
    """
    prepared = prepared or prepare(processor, texts, clips)
    inputs = {k: v.to(model.device, model.dtype if torch.is_floating_point(v) else v.dtype) for k, v in prepared["inputs"].items()}
    tokenizer, own, rest = processor.tokenizer, model.generation_config, prepared["rest"]
    ends = {tokenizer.eos_token_id} | set(own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id])
    ends = sorted(e for e in ends if e is not None)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else ends[0]
    # a fresh configuration: a checkpoint's own sampling defaults (penalties, top-k) must not leak into ours
    config = GenerationConfig(max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=ends, pad_token_id=pad, bos_token_id=tokenizer.bos_token_id, return_dict_in_generate=True)
    place = lambda values: torch.as_tensor(values, device=model.device)
    if rest:  # several prompts on a clip: their common beginning first
        cache, _ = read(model, inputs, config)
        rows, tokens = place(prepared["clip_of"]), place(padded(rest, pad))
        select(cache, rows, {})
        longer = extended(inputs, rows, cache, tokens, place(padded([[1] * len(row) for row in rest], 0)))
        for part in (part for part in model.modules() if hasattr(part, "get_rope_index")):  # positions are computed again, from whole prompts
            part.rope_deltas = None
            longer.update({key: torch.cat([value[rows], torch.zeros_like(tokens)], 1) if value.shape == inputs["input_ids"].shape else value[rows]
                           for key, value in inputs.items() if key not in longer and not key.startswith("pixel")})
        inputs = longer
    prompt_length, rows, lags = inputs["input_ids"].shape[1], place(prepared["prompt_of"]), lags_of(model, inputs)
    sampler = SampleByRow(seeds, temperature, top_p, prompt_length, max_new_tokens, model.device) if temperature > 0 else None
    answers, waiting = [None] * len(texts), list(range(len(texts)))
    cache, logits = read(model, inputs, config)  # each prompt once; from that the first token of each of its samples
    select(cache, rows, lags)
    tokens = (sampler(inputs["input_ids"][rows], logits[rows]) if sampler else logits[rows]).argmax(-1, keepdim=True)
    inputs = extended(inputs, rows, cache, tokens, torch.ones_like(tokens))
    while waiting:
        config.max_new_tokens = max_new_tokens - (inputs["input_ids"].shape[1] - prompt_length)
        sequences, cache = inputs["input_ids"], None
        if config.max_new_tokens:
            result = model.generate(**inputs, generation_config=config, logits_processor=[sampler] * bool(sampler), stopping_criteria=[Halt(ends, prompt_length)])
            sequences, cache = result.sequences, result.past_key_values
        left = []
        for i, row in enumerate(sequences[:, prompt_length:].tolist()):
            end = next((j for j, token in enumerate(row) if token in ends), None)
            if end is None and len(row) < max_new_tokens:
                left.append(i)
            else:
                answers[waiting[i]] = (tokenizer.decode(row[:end], skip_special_tokens=True).strip(), len(row) if end is None else end + 1, end is not None)
        waiting = [waiting[i] for i in left]
        if left:
            keep, new = place(left), sequences[:, inputs["input_ids"].shape[1]:]
            select(cache, keep, lags)
            inputs = extended(inputs, keep, cache, new[keep], torch.ones_like(new[keep]))
            if sampler:
                sampler.uniforms = sampler.uniforms[keep]
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
