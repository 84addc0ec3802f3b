"""make bench: what the stages cost, measured in one run on this machine; nothing here passes or fails, and only ratios travel between machines.

    python -m lib.bench                    # every part, as Markdown tables
    python -m lib.bench generate verify    # some parts: generate, decode, finetune, verify, processes, grow; gpu (on a GPU)

Models are random: a Video-LLaVA of 16 M parameters (of 33 M for processes), large enough that computing outweighs Python, or the demo's (1 M).
"""
import importlib.util
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from lib.bench_decode import bench_decode

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

VERIFIED = 100_000  # records of the verifier's part
FEW, MANY, BATCH = 16, 144, 8  # answers of the two runs; batches of both share out evenly
LARGER = dict(hidden_size=512, intermediate_size=1408, num_hidden_layers=10, num_attention_heads=8, num_key_value_heads=8)  # 33 M parameters: computing dominates
ACTIONS = ["riding a bike", "playing the guitar", "washing dishes", "chopping wood", "jumping rope", "water skiing", "skiing", "reading a book", "playing chess", "walking the dog"]


def answers(kind, count, seed=0):
    """`count` answered records of one kind, two thirds of them right, as 02 writes them: three sentences of reasoning and a final line."""
    rng = random.Random(f"{seed} {kind}")
    for i in range(count):
        if kind == "class":
            value, other = rng.sample(ACTIONS, 2)
            said = value if rng.random() < 2 / 3 else other
            reasons = f"A person stands outdoors at the beginning. After {i % 7} seconds the hands move quickly. What is seen is not {rng.choice(ACTIONS)}."
        elif kind == "number":
            value = round(rng.uniform(1, 100), 1)
            said = f"{value if rng.random() < 2 / 3 else 2 * value:g}"
            reasons = f"The dive has a difficulty of 3.2. Of 7 judges 5 counted. Scores of {rng.uniform(5, 9):.1f} and {rng.uniform(5, 9):.1f} were given out of 10."
        else:
            start = round(rng.uniform(0, 20), 1)
            value = [start, round(start + rng.uniform(2, 9), 1)]
            shift = 0 if rng.random() < 2 / 3 else 15
            said = f"from {value[0] + shift:g} to {value[1] + shift:g} seconds"
            reasons = f"The video has 8 frames and lasts 60 seconds. At 0:0{i % 10} 2 people come in. The door opens, and they sit down."
        yield {"id": f"{kind}{i}", "video": "v.mp4", "duration": 60.0, "question": "What can be seen?", "labels": [{"name": kind, "kind": kind, "value": value}],
               "origin": "direct", "sample": 0, "seed": i, "answer": f"{reasons}\nAnswer: {said}."}


def measured(command, **environment):
    """(seconds, peak GiB) of a finished command. Raises CalledProcessError with what it printed."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, command)], env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise subprocess.CalledProcessError(os.waitstatus_to_exitcode(status), command, said)
    return time.perf_counter() - began, usage.ru_maxrss / 2**20


def bench_verify(folder):
    """04 on answers of the kinds that need no embedding: records per second by kind, and how time and memory grow with their number."""
    print(f"\n04_verify.py, {VERIFIED:,} records a kind, one process\n\n| kind | records | seconds | records/s | peak GiB |\n|---|---|---|---|---|")
    for kinds, count in [(["class"], VERIFIED), (["number"], VERIFIED), (["interval"], VERIFIED), *((["class", "number", "interval"], n) for n in (1_000, 10_000, VERIFIED))]:
        path = folder / "generated.jsonl"
        with open(path, "w", encoding="utf-8") as file:
            for kind in kinds:
                file.writelines(json.dumps(record) + "\n" for record in answers(kind, count // len(kinds)))
        seconds, peak = measured(["04_verify.py", path, "-o", folder / "verified.jsonl", "--overwrite"])
        print(f"| {', '.join(kinds)} | {count:,} | {seconds:.1f} | {count / seconds:,.0f} | {peak:.2f} |", flush=True)


def questions_of(folder, count):
    """A file of `count` demo questions, some four on a clip. Beyond those of 200 clips, the clips come again under other names."""
    measured(["01_prepare.py", "--dataset", "demo", "-o", folder / "data", "--clips", min(200, count // 2 + 4), "--overwrite"])
    records = [json.loads(line) for line in (folder / "data/train.jsonl").read_text().splitlines()]
    path, rows = folder / "data/questions.jsonl", []
    for number, record in zip(range(count), itertools.cycle(records)):
        turn, video = number // len(records), Path(record["video"])
        name = video.with_stem(f"{video.stem}-{turn}")
        if not (path.parent / name).exists():
            os.link(path.parent / video, path.parent / name)
        rows.append(json.dumps({**record, "id": f"{record['id']}-{number}", "video": str(name)}) + "\n")
    path.write_text("".join(rows))
    return path


def larger_model(folder, vision=dict(hidden_size=192, intermediate_size=512, num_hidden_layers=4), side=96, dtype="float32",
                 text=dict(hidden_size=384, intermediate_size=1024, num_hidden_layers=8, num_attention_heads=6, num_key_value_heads=6, head_dim=64)):
    """Write the demo's tiny Video-LLaVA, and as `large` one of the same class with these sizes on frames of `side` pixels (16 M parameters); both random."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
    from lib.demo_base import build
    build(folder / "tiny", 0)
    config, processor = AutoConfig.from_pretrained(folder / "tiny"), AutoProcessor.from_pretrained(folder / "tiny")
    for part, values in ((config.vision_config, {**vision, "image_size": side}), (config.text_config, text)):
        for name, value in values.items():
            setattr(part, name, value)
    config.image_seq_length = (side // config.vision_config.patch_size) ** 2 + 1
    config.video_seq_length, config.dtype = 8 * config.image_seq_length, dtype
    processor.patch_size = config.vision_config.patch_size
    for part in (processor.image_processor, processor.video_processor):
        part.size, part.crop_size = {"shortest_edge": side}, {"height": side, "width": side}
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        AutoModelForImageTextToText.from_config(config, dtype=getattr(torch, dtype)).save_pretrained(folder / "large")
    torch.cuda.empty_cache()  # the stages are other processes, and need the room
    processor.save_pretrained(folder / "large")
    return folder / "large"


def kept_of(questions):
    """A verified file with one kept answer to every question."""
    path, answer = questions.with_name("kept.jsonl"), "A shape is seen that moves from one side to the other.\nAnswer: it is red."
    path.write_text("".join(json.dumps({**json.loads(line), "origin": "direct", "sample": 0, "keep": True, "answer": answer}) + "\n" for line in questions.read_text().splitlines()))
    return path


def speed_of(path):
    """What a stage wrote about its speed beside its output."""
    return json.loads(Path(f"{path}.meta.json").read_text())["speed"]


def one_at_a_time(model, questions, asks, samples, new_tokens):
    """Seconds an answer takes where each question and sample is decoded, encoded and asked alone, with transformers as it comes."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.video_utils import VideoMetadata
    from lib.model import chat
    from lib.prompts import render
    from lib.video import read_frames
    processor, model = AutoProcessor.from_pretrained(model), AutoModelForImageTextToText.from_pretrained(model).eval()
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    records = [json.loads(line) for line in questions.read_text().splitlines()][: asks // samples]
    began = time.perf_counter()
    for record in records:
        for _ in range(samples):
            frames, meta = read_frames(questions.parent / record["video"], 8, record.get("start"), record.get("end"))
            inputs = processor(text=[chat(processor, render(record, "direct"))], videos=[[frames]], video_metadata=[VideoMetadata(**meta)], do_sample_frames=False, return_tensors="pt").to(model.device)
            model.generate(**inputs, do_sample=True, temperature=0.7, max_new_tokens=new_tokens)
    return (time.perf_counter() - began) / (len(records) * samples)


def bench_generate(folder):
    """02 at several samples a question against the same model asked one question and one sample at a time."""
    model, questions = larger_model(folder), questions_of(folder, 16)
    print("\n02_generate.py, 16 questions on 4 clips, 32 new tokens, a random Video-LLaVA of 16 M parameters\n\n| samples | one at a time, answers/s | 02, answers/s | ratio |\n|---|---|---|---|")
    for samples in (1, 8):
        alone = 1 / one_at_a_time(model, questions, 32, samples, 32)
        measured(["02_generate.py", questions, "-o", folder / f"k{samples}.jsonl", "--model", model, "--samples", samples, "--temperature", "0.7", "--max-new-tokens", "32", "--batch-size", "64"])
        speed = speed_of(folder / f"k{samples}.jsonl")
        ours = speed["answers"] / speed["seconds"]
        print(f"| {samples} | {alone:.1f} | {ours:.1f} | {ours / alone:.1f} |", flush=True)


def trl_tokens_per_second(model, kept, steps, batch):
    """Tokens a second of TRL's SFTTrainer with LoRA of the same rank on the same rows in the same order of batches, made by our collator; None without TRL."""
    if importlib.util.find_spec("trl") is None:
        return None
    import torch
    from datasets import Dataset
    from datasets.table import InMemoryTable
    from peft import LoraConfig
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer
    finetune = importlib.import_module("05_finetune")
    from lib.model import chat, load, training_batch
    from lib.video import read_frames
    warnings.simplefilter("ignore", FutureWarning)  # of names that TRL uses
    base, processor = load(str(model), torch.device("cuda" if torch.cuda.is_available() else "cpu"), torch.float32)
    rows, tokens = finetune.rows_of(kept, "both", None), []

    def collate(items):
        mine = [rows[item["row"]] for item in items]
        batch = training_batch(processor, [(chat(processor, turn), answers[0]) for _, turn, answers, _ in mine], [read_frames(clip[0], 8, *clip[1:]) for *_, clip in mine])
        tokens.append(int(batch["attention_mask"].sum()))
        return batch
    with tempfile.TemporaryDirectory() as output:
        config = SFTConfig(output_dir=output, max_steps=steps, per_device_train_batch_size=batch, learning_rate=2e-4, report_to=[], save_strategy="no", logging_strategy="no", remove_unused_columns=False,
                           gradient_checkpointing=False, bf16=torch.cuda.is_available(), use_cpu=not torch.cuda.is_available(), dataset_kwargs={"skip_prepare_dataset": True}, disable_tqdm=True, max_length=None)
        trainer = SFTTrainer(base, config, train_dataset=Dataset(InMemoryTable.from_pydict({"row": list(range(len(rows)))}), fingerprint="rows"), data_collator=collate, processing_class=processor,
                             peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=finetune.LANGUAGE, task_type="CAUSAL_LM"))
        trainer.remove_callback(PrinterCallback)
        began = time.perf_counter()
        trainer.train()
    return sum(tokens) / (time.perf_counter() - began)


def bench_finetune(folder):
    """05 with LoRA against TRL's SFTTrainer on the same rows."""
    model, questions, steps, batch = larger_model(folder), questions_of(folder, 32), 24, 8
    kept = kept_of(questions)
    print(f"\n05_finetune.py, LoRA, 64 rows, {steps} steps of {batch}, a random Video-LLaVA of 16 M parameters\n\n| | tokens/s | ratio |\n|---|---|---|")
    theirs = trl_tokens_per_second(model, kept, steps, batch)
    measured(["05_finetune.py", kept, "-o", folder / "model", "--model", model, "--steps", steps, "--batch-size", batch])
    speed = speed_of(folder / "model")
    ours = speed["tokens"] / (speed["seconds"] + speed["encode_seconds"])
    print(f"| 05, its encoding of the clips included | {ours:,.0f} | {f'{ours / theirs:.2f}' if theirs else '-'} |\n| TRL's SFTTrainer | {f'{theirs:,.0f} | 1 |' if theirs else 'not installed | - |'}", flush=True)


def bench_grow(folder):
    """How the time and memory of 02 grow with the number of records, on the demo's tiny model."""
    model = larger_model(folder).with_name("tiny")
    print("\n02_generate.py, the demo's model, random, 8 new tokens\n\n| records | seconds, without loading | ms a record | peak GiB |\n|---|---|---|---|")
    for count in (100, 1_000, 10_000):
        questions = questions_of(folder, count)
        measured(["02_generate.py", questions, "-o", folder / "out.jsonl", "--model", model, "--max-new-tokens", "8", "--batch-size", "64", "--overwrite"])
        speed = speed_of(folder / "out.jsonl")
        print(f"| {count:,} | {speed['seconds']:.1f} | {1000 * speed['seconds'] / count:.1f} | {speed['peak_memory_gib']} |", flush=True)


def bench_processes(folder):
    """02 with a random Video-LLaVA of 33 M parameters in one and in two processes of one thread each: answers per second, and their ratio to one."""
    from lib import demo_base
    demo_base.TEXT.update(LARGER)
    demo_base.build(folder / "model", seed=0)
    measured(["01_prepare.py", "--dataset", "demo", "-o", folder / "data", "--clips", str(MANY)])
    print(f"\n02_generate.py in processes of one thread each, {MANY - FEW} answers, start-up excluded ({os.cpu_count()} cores)\n\n| processes | answers/s | ratio |\n|---|---|---|")
    alone = None
    for processes in (1, 2):
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", processes] if processes > 1 else []
        seconds = [measured([*launch, "02_generate.py", folder / "data/train.jsonl", "-o", folder / f"{processes}-{count}.jsonl", "--model", folder / "model", "--limit", count,
                             "--batch-size", BATCH, "--workers", "1", "--max-new-tokens", "32", "--temperature", "1"], OMP_NUM_THREADS="1")[0] for count in (FEW, MANY)]
        speed = (MANY - FEW) / (seconds[1] - seconds[0])
        alone = alone or speed
        print(f"| {processes} | {speed:.2f} | {speed / alone:.2f} |", flush=True)


HUB = dict(vision=dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14), side=224, dtype="bfloat16",
           text=dict(vocab_size=32064, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32, head_dim=128))  # Video-LLaVA-7B


def bench_gpu(folder, sizes=HUB, batches=(1, 8, 32)):
    """A random model of hub size on this GPU: new tokens a second against reading all weights and the cache once per token, and finetuning as MFU."""
    import torch
    from lib.costs import BANDWIDTH, known, sizes_of
    model, questions = larger_model(folder, **sizes), questions_of(folder, max(batches))
    size, number = sizes_of(model)
    bandwidth = known(BANDWIDTH, torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu"))
    print(f"\n02_generate.py, a random Video-LLaVA of {size.total / 1e9:.1f} G parameters, 128 new tokens a question, those of a second after the first 16\n\n| answers at once | new tokens/s | ms a step | share of the memory bandwidth | peak GiB |\n|---|---|---|---|---|")
    for batch in batches:
        took = []
        for new in (16, 144):
            output = folder / f"{batch}-{new}.jsonl"
            measured(["02_generate.py", questions, "-o", output, "--model", model, "--limit", batch, "--batch-size", batch, "--max-new-tokens", new, "--temperature", "1"])
            took.append(speed_of(output))
        step = (took[1]["seconds"] - took[0]["seconds"]) / 128
        read = number * (size.language + size.head + 2 * size.layers * size.width * (took[1]["prompt_tokens"] + 80 * batch))  # weights; keys and values so far
        print(f"| {batch} | {batch / step:,.0f} | {1000 * step:.1f} | {f'{read / bandwidth / step:.2f}' if bandwidth else '-'} | {took[1]['peak_memory_gib']} |", flush=True)
    kept = kept_of(questions)
    print(f"\n05_finetune.py, LoRA, 12 steps\n\n| rows at once | | tokens/s | MFU | peak GiB |\n|---|---|---|---|---|")
    for batch, more in ((1, []), (4, []), (8, ["--checkpointing"])):
        measured(["05_finetune.py", kept, "-o", folder / "model", "--overwrite", "--model", model, "--steps", 12, "--batch-size", batch, *more])
        speed = speed_of(folder / "model")
        print(f"| {batch} | {' '.join(more)} | {speed['tokens'] / speed['seconds']:,.0f} | {speed['mfu'] or '-'} | {speed['peak_memory_gib']} |", flush=True)


PARTS = {"generate": bench_generate, "decode": bench_decode, "finetune": bench_finetune, "verify": bench_verify, "processes": bench_processes, "grow": bench_grow, "gpu": bench_gpu}


def about():
    """Machine, versions and commit, on one line: what a figure is worth without them is nothing."""
    import importlib.metadata as metadata
    import torch
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip() or "no commit"
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine()) if os.path.exists("/proc/cpuinfo") else platform.machine()
    return (f"{torch.cuda.get_device_name() if torch.cuda.is_available() else f'{os.cpu_count()} cores of {processor}'}, threads {os.environ.get('OMP_NUM_THREADS', 'default')}, Python {platform.python_version()}, "
            + ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "peft", "av", "torchcodec", "decord", "opencv-python", "trl") if importlib.util.find_spec(name.replace("opencv-python", "cv2"))) + f", commit {commit}")


def main():
    from lib.stage import StageError
    import torch
    wanted = sys.argv[1:] or list(PARTS)[: None if torch.cuda.is_available() else -1]
    if set(wanted) - PARTS.keys():
        raise StageError(f"no such part: {', '.join(sorted(set(wanted) - PARTS.keys()))}; expected some of {', '.join(PARTS)}", code=2)
    print(about(), flush=True)
    for name in wanted:  # each in a process of its own: what one has loaded must not count as the memory of the next
        if subprocess.run([sys.executable, "-c", f"from lib.bench import part; part({name!r})"]).returncode:
            raise StageError(f"{name}: see above")


def part(name):
    with tempfile.TemporaryDirectory() as folder:
        PARTS[name](Path(folder))


if __name__ == "__main__":
    from lib.stage import run
    run(main)
