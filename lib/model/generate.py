"""Answers of a model to questions on clips: each clip encoded once, each prompt read once, each row with a
seed of its own.
"""

import copy
import json
from contextlib import contextmanager
from typing import NamedTuple

import torch
from transformers import GenerationConfig

from lib.model.budget import Budget
from lib.model.context import context_of
from lib.model.features import encoding_of, features_of, joined, moved, row_of
from lib.model.inputs import common, padded
from lib.model.memory import lags_of, sees_no_padding, select
from lib.model.sampling import Halt, SampleByRow
from lib.model.thinking import decoded, opened_by, tags_of


class Answer(NamedTuple):
    """What generate() gives for a prompt."""

    text: str  # without special tokens but a thought's tags
    tokens: int  # new ones
    ended: bool  # by itself, not by a limit
    thought_ended: bool = True  # likewise, where thoughts have a limit


def prepare(processor, texts, clips):
    """What `generate` reads, on the CPU: every clip once with what its prompts begin with, and every prompt's
    remaining tokens.

    `clips`: of every text its clip (frames, metadata), or what encoding_of made of it; of several texts on a
    clip the same object. Returns {"encodings": of the clips, "begin": tokens to read first of each, "rest":
    tokens each prompt has beyond them, or None where no clip has several prompts, "clip_of": encoding of each
    prompt, "prompt_of": prompt of each text}. Safe to call from several threads.
    """
    numbers, made, encodings, rows, clip_of = {}, {}, [], [], []
    prompt_of = [numbers.setdefault((text, id(clip)), len(numbers)) for text, clip in zip(texts, clips)]
    for number, (text, name) in enumerate(numbers):
        clip = clips[prompt_of.index(number)]
        if name not in made:
            made[name] = clip if isinstance(clip, dict) else encoding_of(processor, text, clip)
        encoding, row = made[name], row_of(processor, made[name], text)
        if row is None:  # it differs right behind the video, and needs an encoding of its own
            encoding = encoding_of(processor, text, encoding["clip"])
            row = row_of(processor, encoding, text)
        known = next((n for n, other in enumerate(encodings) if other is encoding), len(encodings))
        if known == len(encodings):
            encodings.append(encoding)
        rows.append(row)
        clip_of.append(known)
    begin, rest = rows, None
    if len(encodings) < len(rows):
        by_clip = [[row for row, n in zip(rows, clip_of) if n == clip] for clip in range(len(encodings))]
        begin = [shared_beginning(prompts) for prompts in by_clip]
        rest = [row[len(begin[clip]) :] for row, clip in zip(rows, clip_of)]
    return {"encodings": encodings, "begin": begin, "rest": rest, "clip_of": clip_of, "prompt_of": prompt_of}


def shared_beginning(rows):
    """The tokens that all rows begin with; of each at least one is left."""
    return rows[0][: min(min(common(rows[0], row), len(row) - 1) for row in rows)]


def without_sharing(prepared):
    """The same with every prompt read whole, for a model whose memory shows the padding between a common
    beginning and the rest.
    """
    if not prepared["rest"]:
        return prepared
    clips = prepared["clip_of"]
    return prepared | {
        "encodings": [prepared["encodings"][clip] for clip in clips],
        "begin": [prepared["begin"][clip] + rest for clip, rest in zip(clips, prepared["rest"])],
        "rest": None,
        "clip_of": list(range(len(clips))),
    }


def lengths_of(prepared):
    """[(tokens, visual ones among them)] of each prompt that was prepared."""
    lengths, rest = [], prepared["rest"] or [[]] * len(prepared["clip_of"])
    for clip, more in zip(prepared["clip_of"], rest):
        encoding = prepared["encodings"][clip]
        visual = encoding["inputs"]["input_ids"].shape[1] - len(encoding["plain"])
        lengths.append((len(prepared["begin"][clip]) + len(more), visual))
    return lengths


def read(model, inputs, config):
    """(cache, logits of the next token (rows, vocabulary)) after reading `inputs`."""
    reading = copy.copy(config)
    reading.max_new_tokens, reading.output_logits = 1, True
    result = model.generate(**inputs, generation_config=reading)
    return result.past_key_values, result.logits[0].float()


def extended(inputs, rows, cache, tokens, mask):
    """Inputs that go on from `cache`: the rows `rows` of `inputs`, then `tokens` (rows, n), which count where
    `mask` is 1.
    """
    return {
        "input_ids": torch.cat([inputs["input_ids"][rows], tokens], 1),
        "attention_mask": torch.cat([inputs["attention_mask"][rows], mask], 1),
        "past_key_values": cache,
    }


def configuration(model, tokenizer, max_new_tokens):
    """A fresh configuration, greedy, that has of the checkpoint's own its end tokens and nothing else."""
    own = model.generation_config.eos_token_id
    ends = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None}
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=sorted(ends),
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(ends),
        bos_token_id=tokenizer.bos_token_id,
        return_dict_in_generate=True,
    )


@contextmanager
def own_configuration_aside(model):
    """Meanwhile the model's generation_config is an empty one: the library fills from it whatever ours leaves
    open (penalties, beams, stop strings, caches). Afterwards the model, and what is saved of it, has its own.
    """
    owners = [part for part in model.modules() if vars(part).get("generation_config") is not None]
    own = [part.generation_config for part in owners]  # of a wrapped model it is the part inside
    try:
        for part in owners:
            part.generation_config = GenerationConfig()
        yield
    finally:
        for part, configuration in zip(owners, own):
            part.generation_config = configuration


def sampling_of(model, tokenizer, temperature, top_p, max_new_tokens, max_thought_tokens=None):
    """What generate() draws by, for a sidecar; of the checkpoint's own configuration what is not used."""
    own = json.loads(model.generation_config.to_json_string(ignore_metadata=True))
    neutral = ("eos_token_id", "pad_token_id", "bos_token_id", "use_cache" if own.get("use_cache") else None)
    return {
        "temperature": temperature,
        "top_p": top_p if temperature > 0 else 1.0,
        "max_new_tokens": max_new_tokens,
        **({"max_thought_tokens": max_thought_tokens} if max_thought_tokens else {}),
        "context": context_of(model.config),
        "eos_token_id": configuration(model, tokenizer, max_new_tokens).eos_token_id,
        "else": "neutral: one beam, no top-k, penalties, or tokens that are banned, forced or biased",
        "not_used": {key: value for key, value in own.items() if value and key not in neutral},
    }


def whole_prompts(model, inputs, prepared, config):
    """Inputs of all prompts, from those of what the prompts on each clip begin with, which are read here."""
    cache, _ = read(model, inputs, config)
    rows = torch.as_tensor(prepared["clip_of"], device=model.device)
    tokens = padded(prepared["rest"], config.pad_token_id).to(model.device)
    mask = padded([[1] * len(row) for row in prepared["rest"]], 0).to(model.device)
    select(cache, rows, {})
    longer = extended(inputs, rows, cache, tokens, mask)
    for part in model.modules():
        if hasattr(part, "get_rope_index"):  # positions are computed again, from whole prompts
            part.rope_deltas = None
            for key, value in inputs.items():
                if key not in longer and not key.startswith(("pixel", "mm_encoder")):
                    longer[key] = value[rows]
                    if value.shape == inputs["input_ids"].shape:  # one a token
                        longer[key] = torch.cat([value[rows], torch.zeros_like(tokens)], 1)
    return longer


def budget_of(processor, texts, max_thought_tokens, max_new_tokens, config):
    """The Budget of the answers to rendered prompts, all of one template."""
    opened = opened_by(texts[0])
    how = (opened or tags_of(processor), opened, max_thought_tokens, max_new_tokens)
    return Budget(processor.tokenizer, *how, config.eos_token_id[0], len(texts))


@torch.inference_mode()
def generate(
    model,
    processor,
    texts,
    clips,
    seeds,
    temperature=0.0,
    top_p=1.0,
    max_new_tokens=1024,
    prepared=None,
    max_thought_tokens=None,
):
    """One answer per text (rendered by `chat`), sampled with the row's own seed; temperature 0 is greedy.

    A clip is encoded, and what its prompts begin with is read, once; each prompt is read once however many
    samples are drawn of it; rows that have ended leave the batch when they are half of it. An answer ends
    where the model's context does. `prepared`: what `prepare` made of texts and clips ahead. Returns a list
    of (answer without special tokens, number of new tokens, whether it ended by itself).
    """
    prepared = prepared or prepare(processor, texts, clips)
    if not sees_no_padding(model):
        prepared = without_sharing(prepared)
    for encoding in prepared["encodings"]:
        features_of(model, encoding)
    inputs = moved(joined(processor, prepared["encodings"], prepared["begin"]), model.device, model.dtype)
    config, budget = configuration(model, processor.tokenizer, max_new_tokens), None
    if max_thought_tokens:
        budget = budget_of(processor, texts, max_thought_tokens, max_new_tokens, config)
        max_new_tokens = budget.most
    limit, lengths = context_of(model.config), lengths_of(prepared)
    rooms = [max_new_tokens if limit is None else limit - lengths[n][0] for n in prepared["prompt_of"]]
    most = [max(1, min(room, max_new_tokens)) for room in rooms]
    with own_configuration_aside(model):
        if prepared["rest"]:  # several prompts on a clip: their common beginning first
            inputs = whole_prompts(model, inputs, prepared, config)
        rows, lags = torch.as_tensor(prepared["prompt_of"], device=model.device), lags_of(model, inputs)
        processors, prompt_length = [], inputs["input_ids"].shape[1]
        if temperature > 0:
            how = (temperature, top_p, prompt_length, max_new_tokens, model.device)
            processors = [SampleByRow(seeds, *how)]
        if budget:
            processors += [budget.behind(prompt_length)]
        # each prompt once; from that the first token of each of its samples
        cache, logits = read(model, inputs, config)
        select(cache, rows, lags)
        scores = logits[rows]
        for change in processors:
            scores = change(inputs["input_ids"][rows], scores)
        tokens = scores.argmax(-1, keepdim=True)
        inputs = extended(inputs, rows, cache, tokens, torch.ones_like(tokens))
        return write(model, processor.tokenizer, inputs, lags, prompt_length, config, most, processors)


def write(model, tokenizer, inputs, lags, prompt_length, config, most, processors):
    """The Answers of generate(), from inputs that hold the prompts and the first token of each answer, which
    may have `most` tokens; `processors` change the scores of the next.
    """
    ends = config.eos_token_id
    answers, waiting = [None] * len(inputs["input_ids"]), list(range(len(inputs["input_ids"])))
    budget = next((part for part in processors if isinstance(part, Budget)), None)
    while waiting:
        before = inputs["input_ids"].shape[1]
        sequences, cache = inputs["input_ids"], inputs["past_key_values"]
        config.max_new_tokens = min(most[i] for i in waiting) - (before - prompt_length)
        if config.max_new_tokens:
            halt = [Halt(ends, prompt_length)]
            result = model.generate(
                **inputs, generation_config=config, logits_processor=processors, stopping_criteria=halt
            )
            sequences, cache = result.sequences, result.past_key_values
        left = []
        for i, row in enumerate(sequences[:, prompt_length:].tolist()):
            end = next((j for j, token in enumerate(row) if token in ends), None)
            if end is None and len(row) < most[waiting[i]]:
                left.append(i)
                continue
            length = len(row) if end is None else end
            within, whole = budget.of(i, length) if budget else (True, True)
            ended = end is not None
            text = decoded(tokenizer, row[:end])
            answers[waiting[i]] = Answer(text, length + ended, ended and within, whole)
        waiting = [waiting[i] for i in left]
        if left:
            keep, new = torch.as_tensor(left, device=model.device), sequences[:, before:]
            select(cache, keep, lags)
            inputs = extended(inputs, keep, cache, new[keep], torch.ones_like(new[keep]))
            for part in processors:
                part.keep(keep)
    return answers
