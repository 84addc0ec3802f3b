"""What a frozen vision tower and projector make of clips, made once and kept: 05 with LoRA trains on it instead of the clips, for every row and epoch.

Needs models that can be given it, which those of transformers are from 5.20 on (`mm_encoder_outputs`).
"""
import inspect
import os
from collections.abc import Mapping
from types import SimpleNamespace

import torch

from lib.model import chat, encode, padded, spliced, training_batch, training_text, unexpanded
from lib.stage import barrier, progress, world
from lib.video import VideoError, prefetch, read_frames


def moved(inputs, device):
    """Inputs of a batch, whose tensors may lie in lists and dicts, on `device`."""
    if torch.is_tensor(inputs):
        return inputs.to(device)
    if isinstance(inputs, SimpleNamespace):
        return SimpleNamespace(**moved(vars(inputs), device))
    if isinstance(inputs, Mapping):
        return {key: moved(value, device) for key, value in inputs.items()}
    return [moved(value, device) for value in inputs] if isinstance(inputs, list) else inputs


def takes_features(model):
    """Whether the model can be given what its vision tower and projector made of a clip, instead of the clip (transformers from 5.20 on)."""
    return "mm_encoder_outputs" in inspect.signature(model.forward).parameters


@torch.no_grad()
def features_of(model, processor, text, clip_inputs):
    """What tower and projector make of one clip, encoded with the rendered `text`, to be kept instead of it: plain dict of tensors and lists, on the CPU.

    `clip_inputs`: `encode` of that one text and clip. The dict serves every text on the clip (see features_batch).
    """
    inputs = {k: v.to(model.device, model.dtype if torch.is_floating_point(v) else v.dtype) for k, v in clip_inputs.items()}
    for modality in ("video", "image"):  # families without videos of their own take frames as images
        encoder = getattr(model.base_model, f"get_{modality}_features", None)
        given = {key: value for key, value in inputs.items() if encoder and key in inspect.signature(encoder).parameters}
        if any(key.startswith("pixel") for key in given):
            made = encoder(**given, return_dict=True)
            break
    cpu = lambda part: part.cpu() if torch.is_tensor(part) else [cpu(each) for each in part] if part is not None else None
    return {"modality": modality, "made": cpu(made.pooler_output), "deepstack": cpu(getattr(made, "deepstack_features", None)), "text": text,
            "inputs": {key: value for key, value in clip_inputs.items() if not key.startswith("pixel")}}


def features_batch(processor, rows, kept):
    """As training_batch, for clips of which features_of has `kept` what the model made; None where a text cannot be put to what was kept."""
    texts, tails = zip(*(training_text(processor, prompt, answer) for prompt, answer in rows))
    tokens = [spliced(one["inputs"]["input_ids"][0].tolist(), unexpanded(processor, one["text"]), unexpanded(processor, text)) for one, text in zip(kept, texts)]
    if None in tokens:
        return None
    inputs = {"input_ids": padded(tokens, processor.tokenizer.pad_token_id), "attention_mask": padded([[1] * len(row) for row in tokens], 0)}
    for key, value in kept[0]["inputs"].items():
        if key not in inputs:
            values = [one["inputs"][key] for one in kept]
            of_tokens = value.shape == kept[0]["inputs"]["input_ids"].shape  # words after the video are of type 0
            inputs[key] = padded([(value[0].tolist() + [0] * len(row))[: len(row)] for value, row in zip(values, tokens)], 0) if of_tokens else torch.cat(values)
    made = [one["made"] for one in kept]
    made = torch.cat(made) if torch.is_tensor(made[0]) else [part for one in made for part in one]
    layers = kept[0]["deepstack"] and [[part for one in kept for part in one["deepstack"][layer]] for layer in range(len(kept[0]["deepstack"]))]
    inputs["mm_encoder_outputs"] = {kept[0]["modality"]: SimpleNamespace(pooler_output=made, deepstack_features=layers)}
    inputs["labels"] = torch.tensor([[-100] * (inputs["input_ids"].shape[1] - tail) + row[-tail:] for tail, row in zip(tails, tokens)])
    return inputs


def keep_features(model, processor, turns, args, folder):
    """Run tower and projector once over every clip, each process its share; {clip: file with what they made of it}.

    `turns`: {clip (path, start, end): a user's turn about it}. A clip that cannot be read has no file.
    """
    texts = {clip: chat(processor, turn) for clip, turn in turns.items()}
    files = {clip: folder / "features" / f"{number}.pt" for number, clip in enumerate(texts)}
    (folder / "features").mkdir(exist_ok=True)
    mine = [clip for clip in list(files)[world()[0] :: world()[1]] if not files[clip].exists()]

    def look(clip):
        try:
            return clip, encode(processor, [texts[clip]], [read_frames(clip[0], args.frames, *clip[1:], args.frame_cache)])
        except VideoError:
            return clip, None
    for clip, inputs in progress(prefetch(look, mine, args.workers, ahead=2 * args.workers), len(mine), "encode"):
        if inputs is not None:
            torch.save(features_of(model, processor, texts[clip], inputs), f"{files[clip]}.tmp")
            os.replace(f"{files[clip]}.tmp", files[clip])
    barrier()
    return files


def look(clip, kept, args):
    """What was `kept` of a clip (path, start, end) in a file, else its frames. Raises VideoError."""
    if clip in kept and kept[clip].exists():
        return torch.load(kept[clip], weights_only=True)
    return read_frames(clip[0], args.frames, *clip[1:], args.frame_cache)


def batch_of(processor, rows, seen, args):
    """Inputs and labels for rows of (prompt, answer, clip); `seen`: {clip: what `look` returned}, decoded again where what was kept cannot serve them."""
    asked = [(prompt, answer) for prompt, answer, _ in rows]
    ready = features_batch(processor, asked, [seen[clip] for *_, clip in rows]) if all(isinstance(seen[clip], dict) for *_, clip in rows) else None
    if ready is None:
        ready = training_batch(processor, asked, [look(clip, {}, args) if isinstance(seen[clip], dict) else seen[clip] for *_, clip in rows])
    return ready
