"""make bench: what the stages cost, measure in one run on this machine; nothing here passes or fails.

    python -m lib.tools.bench                    # every part, as Markdown tables
    python -m lib.tools.bench generate verify    # some parts: see PARTS; gpu needs a GPU

Only ratios travel between machines. Models are random: a Video-LLaVA of 16 M parameters (of 33 M for
processes), large enough that computing outweighs Python, or the demo's (1 M).
"""

import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib.command import checked_parser
from lib.process import run
from lib.prompts import render
from lib.records import StageError
from lib.tools.bench_decode import bench_decode
from lib.tools.bench_inputs import (
    HUB,
    LARGE,
    MEDIUM,
    answers,
    heading,
    measure,
    questions_of,
    random_model,
    row,
    speed_of,
    verified_file,
)
from lib.tools.bench_plan import bench_plan
from lib.tools.bench_trl import trl_tokens_per_second
from lib.tools.cards import card_called
from lib.video import read_frames

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

VERIFIED = 100_000  # records of the verifier's part
FEW, MANY, BATCH = 16, 144, 8  # answers of the two runs; batches of both share out evenly
STEPS, ROWS = 24, 8  # of the finetuning part: optimiser steps, and rows in each
PACKAGES = "torch transformers peft av torchcodec decord opencv-python trl".split()


def bench_verify(folder):
    """04 on kinds that need no embedding: records a second by kind, and how time and memory grow."""
    heading(
        f"04_verify.py, {VERIFIED:,} records a kind, one process",
        " kind | records | seconds | records/s | peak GiB ",
    )
    kinds, path = ["class", "number", "interval"], folder / "generated.jsonl"
    parts = [([kind], VERIFIED) for kind in kinds] + [(kinds, count) for count in (1_000, 10_000, VERIFIED)]
    for some, count in parts:
        with open(path, "w", encoding="utf-8") as file:
            for kind in some:
                file.writelines(json.dumps(record) + "\n" for record in answers(kind, count // len(some)))
        seconds, peak = measure("04_verify.py", path, "--overwrite -o", folder / "verified.jsonl")
        row(", ".join(some), f"{count:,}", f"{seconds:.1f}", f"{count / seconds:,.0f}", f"{peak:.2f}")


def one_at_a_time(path, questions, asks, samples, new_tokens):
    """Seconds of an answer where each question and sample is asked alone, with transformers as it comes."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.video_utils import VideoMetadata

    from lib.model.inputs import chat

    processor, model = AutoProcessor.from_pretrained(path), AutoModelForImageTextToText.from_pretrained(path)
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    records = [json.loads(line) for line in questions.read_text().splitlines()][: asks // samples]
    began = time.perf_counter()
    for record in [record for record in records for _ in range(samples)]:
        video, start, end = questions.parent / record["video"], record.get("start"), record.get("end")
        frames, meta = read_frames(video, 8, start, end)
        inputs = processor(
            text=[chat(processor, render(record, "direct"))],
            videos=[[frames]],
            video_metadata=[VideoMetadata(**meta)],
            do_sample_frames=False,
            return_tensors="pt",
        ).to(model.device)
        model.generate(**inputs, do_sample=True, temperature=0.7, max_new_tokens=new_tokens)
    return (time.perf_counter() - began) / (len(records) * samples)


def bench_generate(folder):
    """02 at several samples a question against the same model asked one question and one sample at a time."""
    model, questions = random_model(folder, **MEDIUM), questions_of(folder, 16)
    heading(
        "02_generate.py, 16 questions on 4 clips, 32 new tokens, a random Video-LLaVA of 16 M parameters",
        " samples | one at a time, answers/s | 02, answers/s | ratio ",
    )
    for samples in (1, 8):
        alone, output = 1 / one_at_a_time(model, questions, 32, samples, 32), folder / f"k{samples}.jsonl"
        flags = f"--samples {samples} --temperature 0.7 --max-new-tokens 32 --batch-size 64"
        measure("02_generate.py", questions, "-o", output, "--model", model, flags)
        speed = speed_of(output)
        ours = speed["answers"] / speed["seconds"]
        row(samples, f"{alone:.1f}", f"{ours:.1f}", f"{ours / alone:.1f}")


def bench_finetune(folder):
    """05 with LoRA against TRL's SFTTrainer on the same rows."""
    model, path = random_model(folder, **MEDIUM), verified_file(questions_of(folder, 32))
    heading(
        f"05_finetune.py, LoRA, 64 rows, {STEPS} steps of {ROWS}, a random Video-LLaVA of 16 M parameters",
        " | tokens/s | ratio ",
    )
    theirs, output = trl_tokens_per_second(model, path, STEPS, ROWS), folder / "model"
    measure("05_finetune.py", path, "-o", output, "--model", model, f"--steps {STEPS} --batch-size {ROWS}")
    speed = speed_of(output)
    ours = speed["tokens"] / (speed["seconds"] + speed["encode_seconds"])
    row("05, its encoding of the clips included", f"{ours:,.0f}", f"{ours / theirs:.2f}" if theirs else "-")
    row("TRL's SFTTrainer", *((f"{theirs:,.0f}", 1) if theirs else ("not installed", "-")))


def bench_grow(folder):
    """How the time and memory of 02 grow with the number of records, on the demo's tiny model."""
    model, output = random_model(folder, **MEDIUM).with_name("tiny"), folder / "out.jsonl"
    heading(
        "02_generate.py, the demo's model, random, 8 new tokens",
        " records | seconds, without loading | ms a record | peak GiB ",
    )
    for count in (100, 1_000, 10_000):
        flags = "--max-new-tokens 8 --batch-size 64 --overwrite --model"
        measure("02_generate.py", questions_of(folder, count), "-o", output, flags, model)
        seconds, peak = (speed_of(output)[key] for key in ("seconds", "peak_memory_gib"))
        row(f"{count:,}", f"{seconds:.1f}", f"{1000 * seconds / count:.1f}", peak)


def bench_processes(folder):
    """02 in one and in two processes of one thread each: answers a second, and their ratio to one."""
    model, data = random_model(folder, **LARGE), folder / "data"
    measure("01_prepare.py --dataset demo -o", data, f"--clips {MANY}")
    heading(
        f"02_generate.py in processes of one thread each, {MANY - FEW} answers, start-up excluded "
        f"({os.cpu_count()} cores)",
        " processes | answers/s | ratio ",
    )
    speeds, flags = [], f"--batch-size {BATCH} --workers 1 --max-new-tokens 32 --temperature 1 --model"
    for processes in (1, 2):
        seconds = []
        for count in (FEW, MANY):
            launch = (
                f"-m torch.distributed.run --standalone --nproc_per_node {processes}" if processes > 1 else ""
            )
            output = folder / f"{processes}-{count}.jsonl"
            words = (data / "train.jsonl", f"--limit {count} -o", output, flags, model)
            seconds.append(measure(launch, "02_generate.py", *words, OMP_NUM_THREADS="1")[0])
        speeds.append((MANY - FEW) / (seconds[1] - seconds[0]))
        row(processes, f"{speeds[-1]:.2f}", f"{speeds[-1] / speeds[0]:.2f}")


def gpu_generate(folder, model, questions, batches, bandwidth):
    """New tokens a second against reading all weights, and keys and values so far, once per token."""
    from lib.tools.shapes import sizes_of

    size, number = sizes_of(model)
    heading(
        f"02_generate.py, a random Video-LLaVA of {size.total / 1e9:.1f} G parameters, 128 new tokens a "
        "question, those of a second after the first 16",
        " answers at once | new tokens/s | ms a step | share of the memory bandwidth | peak GiB ",
    )
    for batch in batches:
        speeds = []
        for new in (16, 144):
            output = folder / f"{batch}-{new}.jsonl"
            flags = f"--limit {batch} --batch-size {batch} --max-new-tokens {new} --temperature 1 --model"
            measure("02_generate.py", questions, "-o", output, flags, model)
            speeds.append(speed_of(output))
        step = (speeds[1]["seconds"] - speeds[0]["seconds"]) / 128
        cached = speeds[1]["prompt_tokens"] + 80 * batch
        read = number * (size.language + size.head + size.cached * cached)
        share = f"{read / bandwidth / step:.2f}" if bandwidth else "-"
        row(batch, f"{batch / step:,.0f}", f"{1000 * step:.1f}", share, speeds[1]["peak_memory_gib"])


def gpu_finetune(folder, model, path, peak):
    """Tokens a second of 05, and its MFU (PaLM, arXiv 2204.02311, appendix B): the share of the peak FLOP/s.

    Counted are the language model forward and backward, and the LoRA; not tower, attention and head.
    """
    from lib.tools.shapes import sizes_of

    size, output = sizes_of(model)[0], folder / "model"
    heading("05_finetune.py, LoRA, 12 steps", " rows at once | | tokens/s | MFU | peak GiB ")
    for batch, more in ((1, ""), (4, ""), (8, "--checkpointing")):
        flags = f"--overwrite --steps 12 --batch-size {batch} {more} --model"
        measure("05_finetune.py", path, "-o", output, flags, model)
        speed = speed_of(output)
        rate = speed["tokens"] / speed["seconds"]
        flops = (4 * size.language + 6 * 16 * size.lora) * rate
        row(batch, more, f"{rate:,.0f}", round(flops / peak, 4) if peak else "-", speed["peak_memory_gib"])


def bench_gpu(folder, sizes=HUB, batches=(1, 8, 32)):
    """A random model of hub size on this GPU: generating and finetuning, against what the GPU could do."""
    import torch

    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    card = card_called(name)
    peak, bandwidth = (card.flops, card.bandwidth) if card else (None, None)
    model, questions = random_model(folder, **sizes), questions_of(folder, max(batches))
    gpu_generate(folder, model, questions, batches, bandwidth)
    gpu_finetune(folder, model, verified_file(questions), peak)


PARTS = {
    "generate": bench_generate,
    "decode": bench_decode,
    "finetune": bench_finetune,
    "verify": bench_verify,
    "processes": bench_processes,
    "grow": bench_grow,
    "plan": bench_plan,
    "gpu": bench_gpu,
}


def processor_name():
    if not os.path.exists("/proc/cpuinfo"):
        return platform.machine()
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else platform.machine()


def about():
    """Machine, versions and commit, on one line: what a figure is worth without them is nothing."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    installed = [p for p in PACKAGES if importlib.util.find_spec(p.replace("opencv-python", "cv2"))]
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in installed)
    return (
        f"{gpu or f'{os.cpu_count()} cores of {processor_name()}'}, "
        f"threads {os.environ.get('OMP_NUM_THREADS', 'default')}, Python {platform.python_version()}, "
        f"{versions}, commit {commit or 'no commit'}"
    )


def part(name):
    with tempfile.TemporaryDirectory() as folder:
        PARTS[name](Path(folder))


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)} (default: all that run here)")
    parts = parser.parse_args().parts
    if unknown := sorted(set(parts) - PARTS.keys()):
        parser.error(f"no such part: {', '.join(unknown)}; expected some of {', '.join(PARTS)}")
    import torch

    names = parts or list(PARTS)[: None if torch.cuda.is_available() else -1]
    print(about(), flush=True)
    # each in a process of its own: what one has loaded must not count as the memory of the next
    for name in names:
        call = f"from lib.tools.bench import part; part({name!r})"
        if subprocess.run([sys.executable, "-c", call]).returncode:
            raise StageError(f"{name}: see above")


if __name__ == "__main__":
    run(main)
