"""What a run costs, by counting and arithmetic: tokens, bytes, parameters, FLOPs, memory; without weights.

FLOPs count two per multiply-add (Kaplan et al., arXiv 2001.08361, section 2.1): a part reads n tokens in
2 x parameters x n, its attention in 4 x layers x width x n x (positions seen: half of n where causal, a
frame's patches in the tower). torch's FlopCounterMode cannot count them on the meta device: of nine
families tested none runs there whole, the language model alone in two; a test compares on real weights.
"""

import math
import os

from lib.model.frames import FRAMES
from lib.prompts import render
from lib.records import StageError, video_path
from lib.video import VideoError, probe

TOKENISED, CLIPS = 5000, 10  # prompts tokenised and clips looked at, at most, spread over all


def human(value, unit="", step=1000):
    """2345678 -> '2.3 M'; with `unit` 'FLOP' or 'iB' (step 1024) that unit; None is '-'."""
    if value is None or (not unit and value < 10_000):
        return "-" if value is None else f"{value:,.0f}"
    power = min(int(math.log(value, step)), 6) if value >= 1 else 0
    number = value / step**power
    if not power:
        return f"{number:.0f} {'B' if unit == 'iB' else unit}"
    prefix = ("K" if step == 1024 else "k", *"MGTPE")[power - 1]
    return f"{number:.{1 if number < 9.95 else 0}f} {prefix}{unit}"


def human_bytes(value):
    return human(value, "iB", 1024)


def duration(seconds):
    """95 -> '1 min 35 s'; None is '-'."""
    if seconds is None or seconds < 59.5:
        return "-" if seconds is None else f"{seconds:.0f} s"
    minutes, whole = round(seconds / 60), round(seconds)
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def spread(items, count):
    """`count` of `items`, evenly spread over them; all where there are fewer."""
    return [items[int((i + 0.5) * len(items) / count)] for i in range(count)] if count < len(items) else items


def part_shown(video, clips):
    """The share of a file that its clips (start, end) show; the whole of one that cannot be read."""
    if (0, None) in clips:
        return 1
    try:
        length = probe(video)["duration"]
    except VideoError:
        return 1  # what is wrong with it the stages say
    seconds = sum(min(length if end is None else end, length) - start for start, end in clips)
    return min(max(seconds / length, 0), 1)


def bytes_of(records, path):
    """(bytes to read, videos, missing ones, clips) of records; of a cut video the share shown."""
    videos = {}
    for record in records:
        clip = (record.get("start") or 0, record.get("end"))
        videos.setdefault(video_path(record, path), set()).add(clip)
    there = {video: clips for video, clips in videos.items() if os.path.isfile(video)}
    total = sum(os.path.getsize(video) * part_shown(video, clips) for video, clips in there.items())
    return total, len(videos), len(videos) - len(there), sum(map(len, videos.values()))


def prompt_lengths(processor, records, style):
    """Tokens of the prompts without their clip (its placeholder is one), of TOKENISED at most."""
    from lib.model.inputs import chat, unexpanded

    texts = [chat(processor, render(record, style)) for record in spread(records, TOKENISED)]
    return [len(unexpanded(processor, text)) for text in texts]


def prompt_tokens(processor, records, style):
    """The mean of prompt_lengths."""
    lengths = prompt_lengths(processor, records, style)
    return sum(lengths) / len(lengths)


def mean_clip(found, records, sampling):
    """[visual tokens, patches in the tower, tokens behind the connector, frames] of a clip on average: of
    those that clip_counts found, and as many times more as the clips of all records have more frames.
    """
    means = [sum(values) / len(found) for values in zip(*found)]
    counts = frame_counts(records, sampling)
    more = sum(counts) / len(counts) / means[-1] if counts else 1
    return [more * mean for mean in means]


def frame_counts(records, sampling):
    """How many frames a Sampling takes of the clips whose duration is known."""
    return [sampling.count(record["duration"]) for record in records if record.get("duration")]


def fps_line(records, sampling, mean):
    """What --fps costs, as a line to add; nothing without it. `mean`: frames of a clip."""
    counts = frame_counts(records, sampling)
    if not sampling.fps or not counts:
        return ""
    return (
        f"\n--fps {sampling.fps:g}: {min(counts)} to {max(counts)} frames a clip (at most --max-frames "
        f"{sampling.max_frames}): {mean / FRAMES:.1f} times the visual tokens of --frames {FRAMES}"
    )


def clip_counts(processor, size, records, path, sampling):
    """[(visual tokens, patches in the tower, tokens behind the connector, frames)] of some clips, with --fps
    the longest one among them.

    Visual tokens are what the processor adds to the text, markers and times included; of these the token
    that stands for what the connector gives is the most frequent. Raises StageError without a clip to read.
    """
    from lib.model.clips import frames_of
    from lib.model.inputs import chat, encode
    from lib.model.load import readable

    name = type(processor).__name__
    found, longest = [], max(records, key=lambda record: record.get("duration") or 0)
    for record in [*spread(records, CLIPS), *([longest] if sampling.fps else [])]:
        try:
            video = video_path(record, path), record.get("start"), record.get("end")
            clip = frames_of(video, sampling)
        except VideoError:
            continue
        with readable(name, "the processor", len(clip[0])):
            inputs = encode(processor, [chat(processor, render(record, "direct"))], [clip])
        pixels = next(value.numel() for key, value in inputs.items() if key.startswith("pixel_values"))
        visual = inputs["input_ids"].shape[1] - prompt_tokens(processor, [record], "direct")
        behind = int(inputs["input_ids"][0].bincount().max())
        found.append((visual, pixels / size.patch, behind, len(clip[0])))
    if not found:
        raise StageError(
            f"{path}: not one of the videos tried can be read, the first {video_path(records[0], path)}; "
            "put them where the file says, or prepare it again"
        )
    return found


def context_problem(path, lengths, visual, new, lower):
    """(why the longest of some prompts exceeds the context of a model, folder or hub id, together with an
    answer of `new` tokens, or None; whether all do). `lengths`: of their texts; `visual`: of some clips;
    `lower`: the flags that make them shorter.
    """
    from lib.model.context import context_of, too_long
    from lib.model.load import config_of

    limit = context_of(config_of(path))
    least, most = (
        too_long(int(end(visual) + end(lengths)), int(end(visual)), new, limit, lower) for end in (min, max)
    )
    return most, least is not None


def language_flops(size, tokens, positions):
    """Of the language model without its head, for `tokens` that attend to `positions` on average. Of experts
    each token goes through its own; what linear attention adds to its projections, at real sizes about a
    hundredth, is left out.
    """
    return 2 * size.active * tokens + 4 * size.attending * size.width * tokens * positions


def tower_flops(size, patches, connected, frames):
    """Of tower and connector for a clip: `patches` in the tower, `connected` tokens behind the connector."""
    of_a_frame = patches / max(frames / size.patch_frames, 1)
    attention = 4 * size.tower_layers * size.tower_width * patches * of_a_frame
    return 2 * size.tower * patches + 2 * size.connector * connected + attention


VISION = "vision", "both"  # values of --train with which towers are trained


def trained_parts(flags):
    """(part that --train names or None, whether the projector is trained, whether weights themselves are, and
    not a LoRA) by 05's flags.
    """
    part, projector = getattr(flags, "train", None), getattr(flags, "projector", False)
    return part, flags.full or projector, flags.full or bool(part) and flags.lora_rank is None


def trains_encoder(flags):
    """Whether 05 cannot keep what tower and projector make of a clip."""
    part, projector, _ = trained_parts(flags)
    return part in VISION or projector


def trained_numbers(size, flags):
    """How many numbers 05 trains."""
    part, projector, whole = trained_parts(flags)
    if not whole:
        adapted = (part in VISION) * size.tower_lora + (part != "vision") * size.lora
        return flags.lora_rank * (adapted + projector * size.connector_lora)
    trained = (part in VISION) * size.tower + (part != "vision") * (size.trained - size.connector)
    return trained + projector * size.connector


def training_flops(size, clip, tokens, answer, flags):
    """Of a row of `tokens`, `answer` of them with a loss, whose clip costs `clip`; `flags` are 05's."""
    forward = language_flops(size, tokens, tokens / 2) + 2 * size.head * answer
    part, _, whole = trained_parts(flags)
    passes = (3 if whole and part != "vision" else 2) + flags.checkpointing
    backward = clip * (2 if whole else 1) if part in VISION else 0  # through the tower
    adapted = 6 * flags.lora_rank * size.lora * tokens if not whole and part != "vision" else 0
    return clip + backward + forward * passes + adapted


def weights_memory(size, number, in_4bit):
    """Bytes of the weights, `number` each; `in_4bit`: linear ones as NF4, a float32 scale for 64."""
    if not in_4bit:
        return number * size.total
    return number * (size.total - size.linear) + size.linear * (0.5 + 4 / 64)


def weights_read(size, number, in_4bit, tokens=1):
    """Bytes of weights that so many `tokens` need at once: those of language model and head; of the experts
    the share that chance makes them meet.
    """
    met = 1 - (1 - size.routed) ** tokens
    language = size.language - size.experts * (1 - met)
    return (0.5 + 4 / 64 if in_4bit else number) * language + number * size.head


def training_memory(size, tokens, answer, flags, number, patches=0):
    """(weights, gradients and Adam, activations of a row) of 05 in bytes, computed in `number` bytes each.

    What is trained lies in float32, with gradient and two moments. Activations are an estimate: for its
    backward pass a layer keeps 14 numbers of its width and 4 of its inner width a token (SDPA, gated MLP),
    with --checkpointing its input and one layer's all; logits thrice in float32. Of --train vision the tower
    keeps as much of its `patches`.
    """
    (part, _, whole), trained = trained_parts(flags), trained_numbers(size, flags)
    weights = weights_memory(size, 4 if whole and part != "vision" else number, flags.load_in_4bit)
    if whole and part == "vision":  # what is trained lies in float32
        weights += (4 - number) * trained
    if whole and number < 4:
        weights += number * trained  # autocast keeps one of each weight
    activations = tokens * kept_numbers(size.layers, size.width, size.inner, flags.checkpointing)
    if part in VISION:
        shape = (size.tower_layers, size.tower_width, 4 * size.tower_width)
        activations += patches * kept_numbers(*shape, flags.checkpointing)
    return weights, (12 if whole else 16) * trained, activations * number + 12 * answer * size.vocabulary


def kept_numbers(layers, width, inner, checkpointing):
    """Numbers that layers keep of a token for their backward pass."""
    layer = 14 * width + 4 * inner
    return layers * width + layer if checkpointing else layers * layer


def feature_numbers(size, connected):
    """Numbers that 05 keeps of a clip of `connected` tokens: what the connector gives, at each depth."""
    return connected * size.embedding * (1 + size.deepstack)


def state_bytes(size, flags):
    """Of a state that 05 goes on from: what is trained and two moments of each, in float32."""
    return 12 * trained_numbers(size, flags)


def device():
    """(name, memory in bytes, bytes of a number computed in) of where the stages will run."""
    import torch

    from lib.model.load import device_of, dtype_of

    place = device_of()
    if place.type == "cuda":
        about = torch.cuda.get_device_properties(place)
        return about.name, about.total_memory, dtype_of("auto", place).itemsize
    return f"the CPU ({os.cpu_count()} cores)", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), 4
