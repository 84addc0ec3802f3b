"""What make bench measures with: answers, questions on clips, random models, and the clock for a stage."""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ACTIONS = (
    "riding a bike, playing the guitar, washing dishes, chopping wood, jumping rope, water skiing, skiing, "
    "reading a book, playing chess, walking the dog"
).split(", ")
KEPT = "A shape is seen that moves from one side to the other.\nAnswer: it is red."
SHORT = "it is red"


def measure(*words, codes=(0,), **environment):
    """(seconds, peak GiB) of a command of this Python: a path is one word, a text as many as it has.

    Raises CalledProcessError, with what it printed, where it ends with none of the exit `codes`.
    """
    command = [sys.executable]
    for word in words:
        command += word.split() if isinstance(word, str) else [str(word)]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in codes:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command, printed)
    return time.perf_counter() - began, usage.ru_maxrss / 2**20


def speed_of(path):
    """What a stage wrote about its speed beside its output."""
    return json.loads(Path(f"{path}.meta.json").read_text())["speed"]


def heading(title, columns):
    """The title and the first lines of a Markdown table of `columns`, separated by "|"."""
    print(f"\n{title}\n\n|{columns}|\n" + "|---" * len(columns.split("|")) + "|")


def row(*cells):
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def answer_of(kind, i, rng):
    """(a label's value, an answer with three sentences of reasoning); two thirds of the answers are right."""
    right = rng.random() < 2 / 3
    if kind == "class":
        value, other, third = rng.sample(ACTIONS, 3)
        final = value if right else other
        reasons = (
            f"A person stands outdoors at the beginning. After {i % 7} seconds the hands move quickly. "
            f"What is seen is not {third}."
        )
    elif kind == "number":
        value = round(rng.uniform(1, 100), 1)
        final = f"{value if right else 2 * value:g}"
        reasons = (
            f"The dive has a difficulty of 3.2. Of 7 judges 5 counted. Scores of {rng.uniform(5, 9):.1f} and "
            f"{rng.uniform(5, 9):.1f} were given out of 10."
        )
    else:
        start = round(rng.uniform(0, 20), 1)
        value, shift = [start, round(start + rng.uniform(2, 9), 1)], 0 if right else 15
        final = f"from {value[0] + shift:g} to {value[1] + shift:g} seconds"
        reasons = (
            f"The video has 8 frames and lasts 60 seconds. At 0:0{i % 10} 2 people come in. The door opens, "
            "and they sit down."
        )
    return value, f"{reasons}\nAnswer: {final}."


def answers(kind, count):
    """`count` answered records of one kind, as 02 writes them."""
    rng = random.Random(kind)
    for i in range(count):
        value, answer = answer_of(kind, i, rng)
        yield {
            "id": f"{kind}{i}",
            "video": "v.mp4",
            "duration": 60.0,
            "question": "What can be seen?",
            "labels": [{"name": kind, "kind": kind, "value": value}],
            "origin": "direct",
            "sample": 0,
            "seed": i,
            "answer": answer,
        }


def questions_of(folder, count):
    """A file of `count` demo questions, some four on a clip; more than 200 clips are links to these."""
    clips = min(200, count // 2 + 4)
    measure("01_prepare.py --dataset demo --overwrite -o", folder / "data", f"--clips {clips}")
    records = [json.loads(line) for line in (folder / "data/train.jsonl").read_text().splitlines()]
    path, lines = folder / "data/questions.jsonl", []
    for number, record in zip(range(count), itertools.cycle(records)):
        video = Path(record["video"])
        name = video.with_stem(f"{video.stem}-{number // len(records)}")
        if not (path.parent / name).exists():
            os.link(path.parent / video, path.parent / name)
        lines.append(json.dumps({**record, "id": f"{record['id']}-{number}", "video": str(name)}) + "\n")
    path.write_text("".join(lines))
    return path


def verified_file(questions):
    """A verified file with one kept answer to every question."""
    path, judged = questions.with_name("kept.jsonl"), dict(origin="direct", sample=0, keep=True, answer=KEPT)
    records = [{**json.loads(line), **judged} for line in questions.read_text().splitlines()]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def shape(width, inner, layers, heads, **more):
    """Sizes of a language model or vision tower, in the words of its configuration."""
    return dict(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        **more,
    )


def text_shape(width, inner, layers, heads, **more):
    return shape(width, inner, layers, heads, num_key_value_heads=heads, head_dim=width // heads, **more)


TINY = shape(96, 256, 2, 4)  # the demo's tower, on frames of 32 pixels
MEDIUM = dict(vision=shape(192, 512, 4, 4), side=96, text=text_shape(384, 1024, 8, 6))  # 16 M parameters
LARGE = dict(vision=TINY, side=32, text=text_shape(512, 1408, 10, 8))  # 33 M
HUB = dict(  # Video-LLaVA-7B
    vision=shape(1024, 4096, 24, 16, patch_size=14),
    side=224,
    text=text_shape(4096, 11008, 32, 32, vocab_size=32064),
    dtype="bfloat16",
)


def random_model(folder, vision, side, text, dtype="float32"):
    """Write the demo's tiny Video-LLaVA, and as `large` one of these sizes on `side` pixels; both random."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    from lib.demo.base import build

    build(folder / "tiny", 0)
    config = AutoConfig.from_pretrained(folder / "tiny")
    processor = AutoProcessor.from_pretrained(folder / "tiny")
    for part, values in ((config.vision_config, {**vision, "image_size": side}), (config.text_config, text)):
        for name, value in values.items():
            setattr(part, name, value)
    config.image_seq_length = (side // config.vision_config.patch_size) ** 2 + 1
    config.video_seq_length, config.dtype = 8 * config.image_seq_length, dtype
    processor.patch_size = config.vision_config.patch_size
    for part in (processor.image_processor, processor.video_processor):
        part.size, part.crop_size = {"shortest_edge": side}, {"height": side, "width": side}
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = AutoModelForImageTextToText.from_config(config, dtype=getattr(torch, dtype))
    model.save_pretrained(folder / "large")
    processor.save_pretrained(folder / "large")
    del model
    torch.cuda.empty_cache()  # the stages are other processes, and need the room
    return folder / "large"
