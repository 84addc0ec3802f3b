"""Clips as a model reads them, each encoded once: for all questions and samples of a batch, and kept on disk for all stages, rows and epochs.

An encoding is a dict of one clip: `text`, the rendered prompt it was made with; `plain`, its tokens with the video's placeholder; `inputs`, what the
processor made of both; and from features_of on, in place of the pixels, `made` and `deepstack`, what vision tower and projector made of them. Another text
on the same clip is spliced to it. Models take what was made from transformers 5.20 on (`mm_encoder_outputs`); older ones are given the pixels each time.
"""
import hashlib
import inspect
import os
import re
from collections.abc import Mapping
from types import SimpleNamespace

import torch
import transformers

from lib import clip_cache, video
from lib.model import chat, common, encode, padded, training_batch, training_text, unexpanded
from lib.records import StageError
from lib.stage import barrier, progress, world

VERSION = 1  # of what is kept


def moved(inputs, device, dtype=None):
    """Inputs of a batch, whose tensors may lie in lists and dicts, on `device`; those of floating point as `dtype`."""
    if torch.is_tensor(inputs):
        return inputs.to(device, dtype if torch.is_floating_point(inputs) else None)
    if isinstance(inputs, SimpleNamespace):
        return SimpleNamespace(**moved(vars(inputs), device, dtype))
    if isinstance(inputs, Mapping):
        return {key: moved(value, device, dtype) for key, value in inputs.items()}
    return [moved(value, device, dtype) for value in inputs] if isinstance(inputs, list) else inputs


def takes_features(model):
    """Whether the model can be given what its tower and projector made of a clip, instead of the clip."""
    return "mm_encoder_outputs" in inspect.signature(model.forward).parameters


def encoding_of(processor, text, clip):
    """A clip (frames, metadata) encoded with the rendered `text`. Safe to call from several threads."""
    return {"text": text, "plain": unexpanded(processor, text), "inputs": dict(encode(processor, [text], [clip])), "clip": clip}


def row_of(processor, encoding, text):
    """Tokens of a rendered text on an encoded clip, visual ones included; None where it differs from the encoding's right behind the video, with whose
    last token its words might be merged."""
    seen, lead = encoding["inputs"]["input_ids"][0].tolist(), encoding["plain"]
    if text == encoding["text"]:
        return seen
    other = unexpanded(processor, text)
    after, differs = common(lead[::-1], seen[::-1]), common(lead, other)
    return seen[: len(seen) - len(lead) + differs] + other[differs:] if differs > len(lead) - after else None


def features_of(model, encoding):
    """Run tower and projector over the clip of an encoding, once, and put what they made in place of its pixels, on the model's device."""
    if "made" in encoding or not takes_features(model):
        encoding.update(moved({key: encoding[key] for key in ("made", "deepstack") if key in encoding}, model.device))
        return
    inputs = moved(encoding["inputs"], model.device, model.dtype)
    for modality in ("video", "image"):  # families without videos of their own take frames as images
        encoder = getattr(model.base_model, f"get_{modality}_features", None)
        given = {key: value for key, value in inputs.items() if encoder and key in inspect.signature(encoder).parameters}
        if any(key.startswith("pixel") for key in given):
            break
    with torch.no_grad():
        made = encoder(**given, return_dict=True)
    plain = lambda part: part if torch.is_tensor(part) else [plain(each) for each in part] if part is not None else None
    encoding.update(modality=modality, made=plain(made.pooler_output), deepstack=plain(getattr(made, "deepstack_features", None)),
                    inputs={key: value for key, value in encoding["inputs"].items() if not key.startswith("pixel")})


def stacked(values):
    """Tensors behind one another in their first dimension; the others padded with zeros to the largest."""
    largest = [max(sizes) for sizes in zip(*(value.shape[1:] for value in values))]
    return torch.cat([torch.nn.functional.pad(value, [n for size, most in zip(value.shape[:0:-1], largest[::-1]) for n in (0, most - size)]) for value in values])


def joined(processor, encodings, rows):
    """A batch of one encoding and one row of tokens (row_of) for each of its rows: left-padded inputs of a model."""
    lead = encodings[0]
    inputs = {"input_ids": padded(rows, processor.tokenizer.pad_token_id), "attention_mask": padded([[1] * len(row) for row in rows], 0)}
    for key, value in lead["inputs"].items():
        if key not in inputs:
            values = [encoding["inputs"][key] for encoding in encodings]
            of_tokens = value.shape == lead["inputs"]["input_ids"].shape  # words after the video are of type 0
            inputs[key] = padded([(value[0].tolist() + [0] * len(row))[: len(row)] for value, row in zip(values, rows)], 0) if of_tokens else stacked(values)
    if "made" in lead:
        made = [encoding["made"] for encoding in encodings]
        made = torch.cat(made) if torch.is_tensor(made[0]) else [part for one in made for part in one]
        layers = lead["deepstack"] and [[part for one in encodings for part in one["deepstack"][layer]] for layer in range(len(lead["deepstack"]))]
        inputs["mm_encoder_outputs"] = {lead["modality"]: SimpleNamespace(pooler_output=made, deepstack_features=layers)}
    return inputs


class FeatureCache:
    """Encodings with what one model's tower and projector made of their clips, in a bounded folder ("DIR" or "DIR,GIB", see lib/clip_cache.py).

    Raises StageError for a model that cannot be given them.
    """

    def __init__(self, cache, model, processor, frames, view="video", seed=0):
        if not takes_features(model):
            raise StageError(f"--feature-cache needs transformers 5.20 or newer, this is {transformers.__version__}: update it, or leave the flag out", code=2)
        self.folder, self.bound = clip_cache.open_cache(cache)
        digest = hashlib.sha256(f"{processor.to_json_string()} {getattr(model.config, 'vision_feature_layer', None)} {transformers.__version__}".encode())
        for name, weight in [*model.named_parameters(), *model.named_buffers()]:
            if not re.search(r"\b(language_model|text_model|lm_head)\b", name):  # the rest is tower and projector
                digest.update(name.encode() + weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        self.about = [digest.hexdigest(), frames, view, seed if view == "shuffled" else None, video.VERSION, VERSION]
        self.processor = processor

    def file(self, clip):
        return clip_cache.clip_file(self.folder, clip_cache.FEATURES, *clip, *self.about)

    def load(self, clip, texts=()):
        """The encoding kept of a clip (path, start, end), or None; also None if one of the rendered `texts` cannot be spliced to it."""
        if not os.path.isfile(clip[0]):
            return None
        found = clip_cache.load(self.file(clip), lambda path: torch.load(path, weights_only=True))
        if found and (unexpanded(self.processor, found["text"]) != found["plain"] or None in [row_of(self.processor, found, text) for text in texts]):
            return None  # of another tokenizer
        return found

    def add(self, clip, encoding):
        kept = moved({key: value for key, value in encoding.items() if key != "clip"}, "cpu")
        sizes = [tensor.nbytes for tensor in torch.utils._pytree.tree_leaves(kept) if torch.is_tensor(tensor)]
        clip_cache.add(self.folder, self.bound, self.file(clip), sum(sizes) + 10_000, lambda path: torch.save(kept, path))


def keep_features(model, processor, turns, args, cache):
    """Run tower and projector once over every clip that `cache` lacks, each process its share. `turns`: {clip (path, start, end): a user's turn about it}."""
    mine = [clip for clip in list(turns)[world()[0] :: world()[1]] if cache.load(clip) is None]

    def encoded(clip):
        try:
            return clip, encoding_of(processor, chat(processor, turns[clip]), look(clip, None, args))
        except video.VideoError:  # 05 says why when a row needs it
            return clip, None
    for clip, encoding in progress(video.prefetch(encoded, mine, args.workers, ahead=2 * args.workers), len(mine), "encode"):
        if encoding:
            features_of(model, encoding)
            cache.add(clip, encoding)
    barrier()


def look(clip, cache, args):
    """The encoding that a FeatureCache, if any, has of a clip (path, start, end), else its frames and metadata. Raises VideoError."""
    return cache and cache.load(clip) or video.read_frames(clip[0], args.frames, *clip[1:], args.frame_cache)


def batch_of(processor, rows, seen, args):
    """Inputs and labels for rows of (prompt, answer, clip); `seen`: {clip: what `look` returned}, decoded again where an encoding cannot serve them."""
    texts, tails = zip(*(training_text(processor, prompt, answer) for prompt, answer, _ in rows))
    seen = [seen[clip] for *_, clip in rows]
    tokens = [row_of(processor, one, text) if isinstance(one, dict) else None for one, text in zip(seen, texts)]
    if None in tokens:
        return training_batch(processor, [row[:2] for row in rows], [look(clip, None, args) if isinstance(one, dict) else one for (*_, clip), one in zip(rows, seen)])
    inputs = joined(processor, seen, tokens)
    inputs["labels"] = torch.tensor([[-100] * (inputs["input_ids"].shape[1] - tail) + row[-tail:] for tail, row in zip(tails, tokens)])
    return inputs
