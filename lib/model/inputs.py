"""Prompts and clips as a model reads them, and rows as it is trained on them: one path for every family.

No branch by family: clips of different numbers of frames are encoded one by one (features.py joins them),
frames come decoded (uint8) with their metadata, padding is on the left, and prompts go through the
processor's own chat template.
"""

import threading

import numpy as np
import torch
from transformers.video_utils import VideoMetadata

from lib.model.thinking import continued, template_options

# a fast tokenizer keeps its padding as state: two threads inside one spoil each other's batches
ONE_AT_A_TIME = threading.RLock()


def chat(processor, text, think=None):
    """The prompt, as text, up to where the assistant begins: one video, then `text`. `think`: whether the
    template is to ask for a thought, "yes" or "no"; None: as it does by itself.
    """
    turn = [{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": text}]}]
    # of no effect on text; without it SmolVLM's processor warns about its own frame sampling in some versions
    unused = {"do_sample_frames": False}
    return processor.apply_chat_template(
        turn,
        tokenize=False,
        add_generation_prompt=True,
        processor_kwargs=unused,
        **template_options(processor, think),
    )


def adds_special_tokens(tokenizer, text):
    """Whether the tokenizer shall add its own special tokens to a rendered text: a template may print the BOS
    itself.
    """
    return not (tokenizer.bos_token and text.startswith(tokenizer.bos_token))


def filled(processor, clip):
    """A clip (frames, metadata) whose last frame is repeated until they are as many as the processor merges
    into one; most do so themselves, some refuse.
    """
    frames, metadata = clip
    missing = (getattr(processor.video_processor, "temporal_patch_size", None) or 1) - len(frames)
    if missing <= 0:
        return clip
    indices = [*metadata["frames_indices"], *[metadata["frames_indices"][-1]] * missing]
    return np.concatenate([frames, *[frames[-1:]] * missing]), {**metadata, "frames_indices": indices}


def undecided(processor):
    """What Qwen's processors leave undecided, and warn of: as their reference, qwen-vl-utils, has it."""
    cap = getattr(processor.video_processor, "cap_pixels_per_frame", False)
    return {"cap_pixels_per_frame": True} if cap is None else {}


def encode(processor, texts, clips):
    """Left-padded inputs for rendered `texts` with one clip (frames, metadata) each, all of as many frames;
    tensors on the CPU. Frames that are `sized` (clips.py) stay as they are. Safe in threads.
    """
    clips = [filled(processor, clip) for clip in clips]
    options = undecided(processor)
    if (getattr(processor, "videos_kwargs", None) or {}).get("do_resize") is False:
        options["do_resize"] = processor.video_processor.do_resize  # it expects frames of the right size
    if "mm_token_type_ids" in processor.model_input_names:  # some leave them out unless asked
        options["return_mm_token_type_ids"] = True
    if all(metadata.get("sized") for _, metadata in clips):
        options["do_resize"] = False
    about = [{key: value for key, value in metadata.items() if key != "sized"} for _, metadata in clips]
    with ONE_AT_A_TIME:
        inputs = processor(
            text=list(texts),
            videos=[[frames] for frames, _ in clips],
            video_metadata=[VideoMetadata(**metadata) for metadata in about],
            return_metadata=True,  # without it some find no seconds to write beside the frames
            do_sample_frames=False,
            padding=True,
            return_tensors="pt",
            add_special_tokens=adds_special_tokens(processor.tokenizer, texts[0]),
            **options,
        )
    inputs.pop("video_metadata", None)
    return inputs


def padded(rows, value):
    """Lists of different lengths as one left-padded tensor (rows, longest)."""
    longest = max(map(len, rows))
    return torch.tensor([[value] * (longest - len(row)) + row for row in rows])


def common(a, b):
    """Length of the longest common prefix of two lists."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def unexpanded(processor, text):
    """Tokens of a rendered text whose video is its placeholder still."""
    tokenizer = processor.tokenizer
    with ONE_AT_A_TIME:
        return tokenizer(text, add_special_tokens=adds_special_tokens(tokenizer, text))["input_ids"]


def training_text(processor, prompt, answer):
    """(full text, number of tokens to train on): the prompt as asked, then the answer, with its thought in
    the form that the prompt asks for (thinking.continued), and the end token.

    The template's own assistant turn is not used: in most families it has no end token or another spacing
    than the prompt. The tail is counted on text without its visual expansion, after the common prefix of
    prompt and full text (tokens may merge at the boundary).
    """
    tokenizer = processor.tokenizer
    full = continued(processor, prompt, answer) + tokenizer.eos_token
    with ONE_AT_A_TIME:
        before, after = (tokenizer(t, add_special_tokens=False)["input_ids"] for t in (prompt, full))
    return full, len(after) - common(before, after)


def training_batch(processor, rows, clips):
    """Inputs and labels for rows of (prompt, answer) with their clips: labels are -100 but on the answer and
    its end token.
    """
    texts, tails = zip(*(training_text(processor, prompt, answer) for prompt, answer in rows))
    inputs = encode(processor, texts, clips)
    labels = torch.full_like(inputs["input_ids"], -100)
    for i, tail in enumerate(tails):  # rows are left-padded: every tail ends at the right edge
        labels[i, -tail:] = inputs["input_ids"][i, -tail:]
    inputs["labels"] = labels
    return inputs
