"""Clips as a model reads them, each encoded once for all questions, samples and rows on it.

An encoding is a dict of one clip: `text`, the rendered prompt it was made with; `plain`, its tokens with the
video's placeholder; `inputs`, what the processor made of both; and from features_of on, in place of the
pixels, `made` and `deepstack`, what vision tower and projector made of them. Another text on the same clip is
spliced to it. Models take what was made from transformers 5.20 on (`mm_encoder_outputs`); older ones are
given the pixels each time.
"""

import inspect
from collections.abc import Mapping
from types import SimpleNamespace

import torch

from lib.model.inputs import common, encode, padded, training_text, unexpanded


def moved(inputs, device, dtype=None):
    """Inputs of a batch, whose tensors may lie in lists and dicts, on `device`; those of floating point as
    `dtype`.
    """
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


def taken(model, inputs):
    """Those of a processor's outputs that the model takes: some processors write more, e.g. token types."""
    model = model.get_base_model() if hasattr(model, "get_base_model") else model  # peft's takes anything
    names = {*inspect.signature(model.forward).parameters}
    names |= {*inspect.signature(model.prepare_inputs_for_generation).parameters}
    return {key: value for key, value in inputs.items() if key in names}


def encoding_of(processor, text, clip):
    """A clip (frames, metadata) encoded with the rendered `text`. Safe to call from several threads."""
    inputs = dict(encode(processor, [text], [clip]))
    return {"text": text, "plain": unexpanded(processor, text), "inputs": inputs, "clip": clip}


def row_of(processor, encoding, text):
    """Tokens of a rendered text on an encoded clip, visual ones included.

    None where it differs from the encoding's own right behind the video, with whose last token its words
    might be merged.
    """
    whole, lead = encoding["inputs"]["input_ids"][0].tolist(), encoding["plain"]
    if text == encoding["text"]:
        return whole
    other = unexpanded(processor, text)
    after, differs = common(lead[::-1], whole[::-1]), common(lead, other)
    if differs <= len(lead) - after:
        return None
    return whole[: len(whole) - len(lead) + differs] + other[differs:]


def features_of(model, encoding):
    """Run tower and projector over the clip of an encoding, once; what they made takes the place of its
    pixels, on the device.
    """
    encoding["inputs"] = taken(model, encoding["inputs"])
    if "made" in encoding or not takes_features(model):
        stored = {key: encoding[key] for key in ("made", "deepstack") if key in encoding}
        encoding.update(moved(stored, model.device))
        return
    inputs = moved(encoding["inputs"], model.device, model.dtype)
    modality = "video" if "pixel_values_videos" in inputs else "image"
    # families without an encoder of videos take frames as images
    encoder = (
        getattr(model.base_model, f"get_{modality}_features", None) or model.base_model.get_image_features
    )
    names = inspect.signature(encoder).parameters
    arguments = {key: value for key, value in inputs.items() if key in names}
    if not any(key.startswith("pixel") for key in arguments):
        arguments["pixel_values"] = inputs["pixel_values_videos"]
    with torch.no_grad():
        made = encoder(**arguments, return_dict=True)
    encoding.update(
        modality=modality,
        made=listed(made.pooler_output),
        deepstack=listed(getattr(made, "deepstack_features", None)),
        inputs={key: value for key, value in encoding["inputs"].items() if not key.startswith("pixel")},
    )


def listed(part):
    """A tensor as it is, None, or a list of such in place of any sequence."""
    return part if part is None or torch.is_tensor(part) else [listed(each) for each in part]


def alike(model, processor, encodings):
    """Numbers of encodings in lists of such as one batch can hold: all, but where pixels go into the model
    and its family stacks them, those with pixels of one shape.
    """
    if takes_features(model) or "video_grid_thw" in processor.video_processor.model_input_names:
        return [list(range(len(encodings)))]
    groups = {}
    for number, encoding in enumerate(encodings):
        pixels = {key: value for key, value in encoding["inputs"].items() if key.startswith("pixel")}
        shape = tuple(tuple(getattr(value, "shape", ())) for value in pixels.values())
        groups.setdefault(shape, []).append(number)
    return list(groups.values())


def stacked(values):
    """Tensors behind one another in their first dimension; the others padded with zeros to the largest."""
    largest = [max(sizes) for sizes in zip(*(value.shape[1:] for value in values))]
    filled = []
    for value in values:
        missing = [
            most - size for size, most in zip(value.shape[:0:-1], largest[::-1])
        ]  # last dimension first
        filled.append(torch.nn.functional.pad(value, [n for count in missing for n in (0, count)]))
    return torch.cat(filled)


def joined(processor, encodings, rows):
    """Left-padded inputs of a model for a batch of one encoding and one row of tokens (row_of) each."""
    lead = encodings[0]
    inputs = {
        "input_ids": padded(rows, processor.tokenizer.pad_token_id),
        "attention_mask": padded([[1] * len(row) for row in rows], 0),
    }
    for key, value in lead["inputs"].items():
        if key in inputs:
            continue
        values = [encoding["inputs"][key] for encoding in encodings]
        # one a token; words after the video are of type 0
        if value.shape == lead["inputs"]["input_ids"].shape:
            longer = [(types[0].tolist() + [0] * len(row))[: len(row)] for types, row in zip(values, rows)]
            inputs[key] = padded(longer, 0)
        else:
            inputs[key] = stacked(values)
    if "made" in lead:
        inputs["mm_encoder_outputs"] = {lead["modality"]: encoder_outputs(encodings)}
    return inputs


def encoder_outputs(encodings):
    """What tower and projector made of several clips, as the model's own encoder would return it."""
    made = [encoding["made"] for encoding in encodings]
    if torch.is_tensor(
        made[0]
    ):  # of clips of different lengths the tokens stand behind one another, as of one
        alike = len({each.shape[1:] for each in made}) == 1
        made = torch.cat(made, 0 if alike else 1)
    else:
        made = [part for one in made for part in one]
    layers = encodings[0]["deepstack"]
    if layers:
        layers = [[part for one in encodings for part in one["deepstack"][n]] for n in range(len(layers))]
    return SimpleNamespace(pooler_output=made, deepstack_features=layers)


def rows_to_train(processor, rows, clips, decode):
    """Inputs and labels for rows of (prompt, answer, clip): labels are -100 but on the answer and its end.

    `clips`: {clip: its encoding, or (frames, metadata)}; where an encoding cannot serve a row, all are
    decoded: `decode(clip)`. Each is then encoded alone: processors join clips of different lengths wrongly,
    or not at all.
    """
    texts, tails = zip(*(training_text(processor, prompt, answer) for prompt, answer, _ in rows))
    of_rows = [clips[clip] for *_, clip in rows]
    encoded = [isinstance(clip, dict) for clip in of_rows]
    tokens = [row_of(processor, clip, text) if e else None for clip, text, e in zip(of_rows, texts, encoded)]
    if None in tokens:
        frames = [decode(clip) if e else of_row for (*_, clip), of_row, e in zip(rows, of_rows, encoded)]
        of_rows = [encoding_of(processor, text, clip) for text, clip in zip(texts, frames)]
        tokens = [encoding["inputs"]["input_ids"][0].tolist() for encoding in of_rows]
    inputs = joined(processor, of_rows, tokens)
    longest = inputs["input_ids"].shape[1]
    inputs["labels"] = torch.tensor(
        [[-100] * (longest - tail) + row[-tail:] for tail, row in zip(tails, tokens)]
    )
    return inputs
