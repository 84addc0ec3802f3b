"""make bench, finetuning: the speed of TRL's SFTTrainer, where it is installed, on the rows of 05."""

import importlib.util
import json
import tempfile
import time
import warnings
from functools import partial

from lib.prompts import render
from lib.tools.bench_inputs import KEPT, SHORT
from lib.video import read_frames

# the linear layers of a language model without experts or linear attention, as 05 finds them
ADAPTED = r".*(language_model|text_model)\..*\.(q|k|v|o|gate|up|down)_proj"
PLAIN = {  # no data preparation, checkpoints and reports
    "dataset_kwargs": {"skip_prepare_dataset": True},
    "max_length": None,
    "remove_unused_columns": False,
    "gradient_checkpointing": False,
    "report_to": [],
    "save_strategy": "no",
    "logging_strategy": "no",
    "disable_tqdm": True,
}


def collate(processor, rows, lengths, items):
    """A batch of TRL's by our collator; the number of its tokens is appended to `lengths`."""
    from lib.model.inputs import chat, training_batch

    texts, clips = [], []
    for record, style in (rows[item["row"]] for item in items):
        texts.append((chat(processor, render(record, style)), KEPT if style == "direct" else SHORT))
        clips.append(read_frames(record["video"], 8, record.get("start"), record.get("end")))
    batch = training_batch(processor, texts, clips)
    lengths.append(int(batch["attention_mask"].sum()))
    return batch


def rows_of(path):
    """(record, style of its prompt): the two rows that 05 makes of every answer of a verified file."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    records = [{**record, "video": str(path.parent / record["video"])} for record in records]
    return [(record, style) for record in records for style in ("direct", "short")]


def trl_tokens_per_second(model, path, steps, batch):
    """Tokens a second with LoRA of 05's rank on the rows of a verified file; None without TRL."""
    if importlib.util.find_spec("trl") is None:
        return None
    import torch
    from datasets import Dataset
    from datasets.table import InMemoryTable
    from peft import LoraConfig
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    from lib.model.load import load

    warnings.simplefilter("ignore", FutureWarning)  # of names that TRL uses
    gpu, rows, lengths = torch.cuda.is_available(), rows_of(path), []
    base, processor = load(str(model), torch.device("cuda" if gpu else "cpu"), torch.float32)
    table = InMemoryTable.from_pydict({"row": list(range(len(rows)))})
    with tempfile.TemporaryDirectory() as output:
        config = SFTConfig(
            output_dir=output,
            max_steps=steps,
            per_device_train_batch_size=batch,
            learning_rate=2e-4,
            bf16=gpu,
            use_cpu=not gpu,
            **PLAIN,
        )
        trainer = SFTTrainer(
            base,
            config,
            train_dataset=Dataset(table, fingerprint="rows"),
            data_collator=partial(collate, processor, rows, lengths),
            processing_class=processor,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=ADAPTED, task_type="CAUSAL_LM"),
        )
        trainer.remove_callback(PrinterCallback)
        began = time.perf_counter()
        trainer.train()
    return sum(lengths) / (time.perf_counter() - began)
