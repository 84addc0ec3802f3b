"""What a run costs, by counting and arithmetic: tokens of prompts and clips, bytes of videos, a model's parameters, FLOPs and memory. No weights are loaded.

Below, what a stage costs by these and by what a trial of it showed (lib/plan.py). FLOPs count two per multiply-add (Kaplan et al., arXiv
2001.08361, section 2.1): a part reads n tokens in 2 x parameters x n, its attention in 4 x layers x width x n x (positions seen: half of n where
causal, a frame's patches in the tower).
"""
import math
import os
import re
from types import SimpleNamespace as Facts

from lib.prompts import render
from lib.records import StageError, video_path
from lib.video import VideoError, probe, read_frames

PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "4090": 165e12, "A6000": 155e12, "3090": 71e12}  # dense bfloat16 FLOP/s, data sheets
BANDWIDTH = {"H200": 4.8e12, "H100": 3.35e12, "A100": 2.04e12, "L40S": 0.864e12, "4090": 1.008e12, "A6000": 0.768e12, "3090": 0.936e12}  # of memory, bytes a second
TOKENISED, CLIPS = 5000, 10  # prompts tokenised and clips looked at, at most, spread over all


def human(value, unit="", step=1000):
    """2345678 -> '2.3 M'; with `unit` 'FLOP' or 'iB' (step 1024) that unit; None is '-'."""
    if value is None or (not unit and value < 10_000):
        return "-" if value is None else f"{value:,.0f}"
    power = min(int(math.log(value, step)), 6) if value >= 1 else 0
    number = value / step**power
    return f"{number:.{int(number < 9.95 and power > 0)}f} {('B' if unit == 'iB' else unit) if not power else ' kMGTPE'[power].replace('k', 'K' if step == 1024 else 'k') + unit}"


def duration(seconds):
    """95 -> '1 min 35 s'; None is '-'."""
    if seconds is None or seconds < 59.5:
        return "-" if seconds is None else f"{seconds:.0f} s"
    minutes, whole = round(seconds / 60), round(seconds)
    return f"{whole // 60} min {whole % 60:02} s" if whole < 600 else f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def spread(items, count):
    """`count` of `items`, evenly spread over them; all where there are fewer."""
    return [items[int((i + 0.5) * len(items) / count)] for i in range(count)] if count < len(items) else items


def bytes_of(records, path):
    """(bytes of the distinct clips of a file's records: files whole, of a cut file the share that is shown; number of files; of these not there; clips)."""
    videos, total, missing = {}, 0, 0
    for record in records:
        videos.setdefault(video_path(record, path), set()).add((record.get("start") or 0, record.get("end")))
    for video, clips in videos.items():
        share, missing = 1, missing + (not os.path.isfile(video))
        if os.path.isfile(video) and (0, None) not in clips:
            try:
                length = probe(video)["duration"]
                share = sum(min(length if end is None else end, length) - start for start, end in clips) / length
            except VideoError:
                pass  # whole, then; what is wrong with it the stages say
        total += os.path.getsize(video) * min(max(share, 0), 1) if os.path.isfile(video) else 0
    return total, len(videos), missing, sum(map(len, videos.values()))


def processor_of(path):
    """The processor of a folder or hub id. Raises StageError where it is none of a video model; lib.model.load says more."""
    from transformers import AutoProcessor
    try:
        processor = AutoProcessor.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise StageError(f"{path}: no processor can be loaded from it: {str(error).splitlines()[0]}; expected the folder or hub id of a video model of transformers") from error
    if getattr(processor, "video_processor", None) is None or not processor.chat_template:
        raise StageError(f"{path}: {type(processor).__name__} has no video processor or no chat template; choose a video model, e.g. Qwen/Qwen3-VL-2B-Instruct")
    return processor


def prompt_tokens(processor, records, style):
    """Mean tokens of the prompts without their clip (its placeholder is one of them), of TOKENISED records at most."""
    from lib.model import chat
    texts = [chat(processor, render(record, style)) for record in spread(records, TOKENISED)]
    bos = processor.tokenizer.bos_token
    return sum(map(len, processor.tokenizer(texts, add_special_tokens=not (bos and texts[0].startswith(bos)))["input_ids"])) / len(texts)


def seen(processor, size, records, path, frames):
    """(visual tokens, patches in the tower, tokens of the connector) of a clip, the mean of some: what the processor adds to the text, markers and times
    included; of that, the token that stands for what the connector gives is the most frequent."""
    from lib.model import chat, encode
    found = []
    for record in spread(records, CLIPS):
        try:
            clip = read_frames(video_path(record, path), frames, record.get("start"), record.get("end"))
        except VideoError:
            continue
        inputs = encode(processor, [chat(processor, render(record, "direct"))], [clip])
        pixels = next(value.numel() for key, value in inputs.items() if key.startswith("pixel_values"))
        found.append((inputs["input_ids"].shape[1] - prompt_tokens(processor, [record], "direct"), pixels / size.patch, int(inputs["input_ids"][0].bincount().max())))
    if not found:
        raise StageError(f"{path}: not one of the videos tried can be read, the first {video_path(records[0], path)}; put them where the file says, or prepare it again")
    return [sum(values) / len(found) for values in zip(*found)]


def sizes(model):
    """Parameters and shapes of a video model (a real one, or on the meta device), by part: language model, head, connector, tower."""
    import torch
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    parts, names = dict.fromkeys(("language", "connector", "tower", "idle"), 0), [name for name, _ in model.named_parameters()]
    part_of = lambda name: ("language" if re.search(r"\b(language_model|text_model)\.", name) else "connector" if re.search("projector|connector|merger", name)
                            else "idle" if "image_tower" in name and any("video_tower" in other for other in names) else "tower")
    for name, parameter in model.named_parameters():
        if parameter is not embedding and parameter is not head:
            parts[part_of(name)] += parameter.numel()
    linear = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear) and module.weight is not head}
    adapted = [module for name, module in linear.items() if part_of(name) == "language" and re.search(r"\.(q|k|v|o|gate|up|down)_proj$", name)]  # as 05's LANGUAGE
    patch = next(module.weight for name, module in model.named_modules() if "Conv" in type(module).__name__ and part_of(name) == "tower")
    stacks = [(part_of(name), len(module)) for name, module in model.named_modules() if isinstance(module, torch.nn.ModuleList)]
    layers = {part: max(count for other, count in stacks if other == part) for part in ("language", "tower")}
    widths = [min(module.weight.shape) for module in adapted]
    return Facts(**parts, head=head.numel(), total=model.num_parameters(), trained=parts["language"] + parts["connector"] + head.numel() + embedding.numel() * (embedding is not head),
                 linear=sum(module.weight.numel() for module in linear.values()), lora=sum(sum(module.weight.shape) for module in adapted), layers=layers["language"],
                 width=max(widths), inner=max(max(module.weight.shape) for module in adapted), vocabulary=head.shape[0],
                 tower_layers=layers["tower"], tower_width=patch.shape[0], patch=patch[0].numel(), patch_frames=patch.shape[2] if patch.ndim == 5 else 1)


def sizes_of(path):
    """(sizes, bytes of a stored parameter) of a folder or hub id, from its config alone."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText
    config = AutoConfig.from_pretrained(path)
    with torch.device("meta"):
        return sizes(AutoModelForImageTextToText.from_config(config)), (config.dtype or torch.float32).itemsize


def language_flops(size, tokens, seen):
    """Of the language model without its head, reading `tokens`, each of which attends to `seen` positions on average."""
    return 2 * size.language * tokens + 4 * size.layers * size.width * tokens * seen


def tower_flops(size, patches, connected, frames):
    """Of tower and connector for one clip of `frames` frames: `patches` in the tower, `connected` tokens behind the connector."""
    return 2 * size.tower * patches + 2 * size.connector * connected + 4 * size.tower_layers * size.tower_width * patches * patches / max(frames / size.patch_frames, 1)


def training_flops(size, clip, tokens, answer, full, rank, checkpointing):
    """Of one row of `tokens` (visual, prompt, answer); `clip` is what tower_flops says of its clip, `answer` the tokens with a loss."""
    forward = language_flops(size, tokens, tokens / 2) + 2 * size.head * answer
    return clip + forward * ((3 if full else 2) + checkpointing) + (0 if full else 6 * rank * size.lora * tokens)


def known(table, device):
    """What a table says of a GPU (the torch device), None of others."""
    import torch
    return next((value for name, value in table.items() if name in torch.cuda.get_device_name(device)), None) if device.type == "cuda" else None


def utilisation(size, rate, answer, full, rank, device):
    """{"tflops", "mfu"} of training at `rate` tokens a second on one device, `answer` of them with a loss; the tower and attention are left out.

    MFU is the share of the device's PEAK, None where that is not known (PaLM, arXiv 2204.02311, appendix B).
    """
    flops = training_flops(size, 0, 1, answer, full, rank, False) * rate
    peak = known(PEAK, device)
    return {"tflops": round(flops / 1e12, 3), "mfu": peak and round(flops / peak, 4)}


def weights_memory(size, number, in_4bit):
    """Bytes of the weights in `number` bytes each; `in_4bit`: linear layers as NF4, half a byte and a float32 scale for 64 of them."""
    return number * (size.total - in_4bit * size.linear) + in_4bit * size.linear * (0.5 + 4 / 64)


def training_memory(size, tokens, answer, full, rank, in_4bit, checkpointing, number):
    """(weights, gradients and Adam, activations of a row of `tokens`) of 05 in bytes, computed in `number` bytes each.

    What is trained lies in float32, with gradient and two moments. Activations are an estimate: for its backward pass a layer keeps 14 numbers of its
    width and 4 of its inner width a token (SDPA, gated MLP), with --checkpointing its input and one layer's all; logits thrice in float32.
    """
    trained = size.trained if full else rank * size.lora
    layer = (14 * size.width + 4 * size.inner) * number
    kept = size.layers * size.width * number + layer if checkpointing else size.layers * layer
    copies = number * size.trained if full and number < 4 else 0  # autocast keeps one of each weight
    return weights_memory(size, 4 if full else number, in_4bit) + copies, trained * (12 if full else 16), tokens * kept + 12 * answer * size.vocabulary


def device():
    """(name, memory in bytes, bytes of a number computed in) of where the stages will run."""
    import torch
    from lib.model import device_of, dtype_of
    place = device_of()
    if place.type == "cuda":
        about = torch.cuda.get_device_properties(place)
        return about.name, about.total_memory, dtype_of("auto", place).itemsize
    return f"CPU, {os.cpu_count()} cores", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), 4


def memory_of(size, tokens, answer, flags, name, held, number):
    """(lines on the memory of 05 by arithmetic, whether one row fits, to which it halves its batch where it must); `tokens` of a row, `answer` of these trained."""
    number = number if flags.dtype == "auto" else 4 if flags.dtype == "float32" else 2
    weights, optimiser, row = training_memory(size, tokens, answer, flags.full, flags.lora_rank, flags.load_in_4bit, flags.checkpointing, number)
    batch, least = weights + optimiser + row * flags.batch_size, weights + optimiser + row
    how = "full" if flags.full else f"LoRA {flags.lora_rank}{' on 4 bit' * flags.load_in_4bit}"
    lines = [f"memory of 05 ({how}): weights {human(weights, 'iB', 1024)}, gradients and Adam {human(optimiser, 'iB', 1024)}, activations {human(row, 'iB', 1024)} a row: "
             f"{human(batch, 'iB', 1024)} with {flags.batch_size} rows, {human(least, 'iB', 1024)} with one; {name} has {human(held, 'iB', 1024)}"]
    if least > held and not flags.device_map:
        lines.append(f"WARNING: 05 does not fit here even with one row at a time; {'LoRA instead of --full' if flags.full else '--load-in-4bit'}, --checkpointing or fewer --frames need less")
    elif batch > held and not flags.device_map:
        lines.append("note: 05 will halve its batch, and take longer; a smaller --batch-size with more --accumulate trains the same")
    return lines, least <= held or bool(flags.device_map)


def asking(facts, name, records, share=1.0):
    """A row of the table: `records` questions put to the model, with `share` of their videos."""
    flags, size, found, answers = facts.flags[name], facts.asked, facts.trial.get(name), records * getattr(facts.flags[name], "samples", 1)
    new = found.new if found and found.new else flags.max_new_tokens
    row = dict(records=records, answers=answers, new=answers * new, read=facts.read[name == "evaluate"] * share,
               seconds=found and found.fixed + found.each * answers, disk=answers * (found.size if found else facts.line + 4 * new))
    if size:
        text, clips = facts.text[name], facts.clips[name == "evaluate"] * share  # what is asked about one clip shares its encoding and the reading of its tokens
        prompt = facts.visual + text
        row |= dict(visual=clips * facts.visual, text=records * text)
        row["flops"] = clips * (facts.clip + language_flops(size, facts.visual, facts.visual / 2)) + records * (language_flops(size, text, facts.visual + text / 2) + 2 * size.head) \
            + answers * (language_flops(size, new, prompt + new / 2) + 2 * size.head * new)
        if flags.conclude_unaided:  # clip, question and explanation are read again for the last line
            row["flops"] += clips * language_flops(size, facts.visual, facts.visual / 2) + answers * language_flops(size, text + new, facts.visual + (text + new) / 2)
    return row


def tuning(facts, kept):
    """The row of 05 for `kept` answers: `answers` counts rows as often as they are trained on."""
    flags, found = facts.flags["finetune"], facts.trial.get("finetune")
    answer = facts.answer / (1 + (flags.pairs == "both"))  # of a pair one is a few words
    rows = kept * (1 + (flags.pairs == "both")) + facts.mixed
    batch = flags.batch_size * flags.accumulate
    passed = (flags.steps or math.ceil(rows / batch) * flags.epochs) * batch * (rows > 0)
    encoded = facts.clip * min(facts.clips[0], passed) if not flags.full else 0  # LoRA leaves the tower as it is: once
    flops = encoded + passed * training_flops(facts.based, facts.clip * flags.full, facts.visual + facts.text["generate"] + answer, answer, flags.full, flags.lora_rank, flags.checkpointing)
    return dict(records=rows, answers=passed, visual=passed * facts.visual, text=passed * facts.text["generate"], new=passed * answer, flops=flops,
                read=facts.read[0] * min(passed, 1), seconds=found and found.fixed + found.each * passed + (0 if flags.full else found.clip * min(facts.clips[0], passed)), disk=facts.checkpoint)


def table(facts, args, shares):
    """[(stage, times in the run, row)] if such `shares` are rejected, and kept of direct and rationalized answers."""
    direct, told = "direct" in args.origins, "rationalized" in args.origins
    generate = asking(facts, "generate", facts.count[0])
    rejected = shares[0] if direct else 1
    rationalize = asking(facts, "rationalize", facts.count[0] * rejected, rejected)
    evaluate, asked = asking(facts, "evaluate", facts.count[1]), [row for row, wanted in ((generate, direct), (rationalize, told)) if wanted]
    answers, found = sum(row["answers"] for row in asked), facts.trial.get("verify")
    verify = dict(records=facts.count[0], answers=answers, seconds=found and found.fixed + found.each * answers, disk=answers * found.size if found else sum(row["disk"] for row in asked) * 1.3)
    finetune = tuning(facts, direct * generate["answers"] * shares[1] + told * rationalize["answers"] * shares[2])
    return [("evaluate the base", 1, evaluate), *((f"02 on {view} clips", 1, generate) for view in args.views), *[("generate", args.cycles, generate)] * direct,
            *[("rationalize", args.cycles, rationalize)] * told, ("verify", args.cycles, verify), ("finetune", args.cycles, finetune), ("evaluate", args.cycles, evaluate)]


def total(rows, column):
    """Of a column over the run; None where that of a stage is not known."""
    values = [row.get(column, 0) for _, _, row in rows]
    return None if None in values else sum(times * value for (_, times, _), value in zip(rows, values))
