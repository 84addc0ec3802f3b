"""Stage 05, instruction tuning (paper section 2, step 2f): the *base* model is fine-tuned on what was kept. Never the previous cycle's model.

    python 05_finetune.py C/verified.jsonl -o C/model --model BASE                      # LoRA on the language model, merged at the end
    python 05_finetune.py C/verified.jsonl -o C/model --model BASE --full --mix other.jsonl
    torchrun --nproc_per_node 8 05_finetune.py ...                                      # the same global batch, shared out

Every kept answer gives two rows, both without the hint: the reasoning prompt with the whole answer, and the short question with the short
answer (long rationales alone destroy short answering). Loss falls on the answer and its end token only; one row is printed with its trained
tokens in [brackets] before anything is spent. The vision tower stays frozen. Output: a folder that from_pretrained loads, DONE in it last.
"""
import math
import os
import re
import time
from pathlib import Path

import numpy as np

from lib.parse import clean, final
from lib.prompts import label_text, render, strip_placeholders
from lib.records import StageError, read_jsonl, read_records, video_path
from lib.stage import Output, announce, check_flags, parser_of, resolved, run, world

LANGUAGE = r".*(language_model|text_model)\..*\.(q|k|v|o|gate|up|down)_proj"  # "all-linear" would hit the vision tower too
TRAINED_IN_FULL = re.compile(r"(language_model|text_model|lm_head|projector|connector|merger)")  # the paper: language model and projector


def rows_of(path, pairs, limit):
    """The training rows of a verified file: (id, user turn, answer, (video, start, end)), in its order."""
    rows = []
    for record in read_records(path, answers=True, limit=limit):
        if not record.get("keep"):
            continue
        clip = (video_path(record, path), record.get("start"), record.get("end"))
        answer = strip_placeholders(record["answer"])
        if pairs in ("both", "reasoning"):
            rows.append((record["id"], render(record, "direct"), answer, clip))
        if pairs in ("both", "short"):
            conclusion = final(clean(answer), several=len(record["labels"]) > 1)
            short = conclusion.texts[0].strip() if conclusion.marked else ""
            rows.append((record["id"], render(record, "short"), short or label_text(record["labels"]), clip))
    return rows


def mixed_rows(path):
    """Rows of other instruction data: JSONL with `video`, `question`, `answer` (and optional `id`, `start`, `end`), asked as they stand."""
    rows = []
    for number, record in read_jsonl(path):
        problem = next((f"{key} is {record.get(key)!r}, expected words" for key in ("video", "question", "answer") if not (isinstance(record.get(key), str) and record[key].strip())), None)
        if problem:
            raise StageError(f"{path}:{number}: {problem}")
        rows.append((record.get("id", f"{path}:{number}"), strip_placeholders(record["question"]), strip_placeholders(record["answer"]), (video_path(record, path), record.get("start"), record.get("end"))))
    return rows


def bracketed(processor, text, tail):
    """The text with its trained tokens in [brackets]."""
    tokens = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    return processor.tokenizer.decode(tokens[:-tail]) + "[" + processor.tokenizer.decode(tokens[-tail:]) + "]"


def plan(lengths, batch, epochs, seed):
    """Row indices of every optimiser step: each epoch a fresh permutation, its last batch filled from its beginning.

    Within stretches of 16 steps rows of like length share a step, so that little is padded; the steps of a stretch are shuffled again.
    """
    steps = []
    for epoch in range(epochs):
        rng = np.random.default_rng([seed, epoch])
        order = np.resize(rng.permutation(len(lengths)), math.ceil(len(lengths) / batch) * batch)
        for stretch in np.split(order, range(16 * batch, len(order), 16 * batch)):
            grouped = sorted(stretch.tolist(), key=lambda i: lengths[i])
            together = [grouped[i : i + batch] for i in range(0, len(grouped), batch)]
            steps += [together[i] for i in rng.permutation(len(together))]
    return steps


def main():
    parser = parser_of(__doc__, "model")
    parser.add_argument("input", help="verified answers: verified.jsonl of 04_verify.py")
    parser.add_argument("--full", action="store_true", help="train language model and projector whole instead of LoRA on the language model")
    parser.add_argument("--lora-rank", type=int, default=16, help="rank of LoRA, alpha is twice it (default: %(default)s)")
    parser.add_argument("--pairs", choices=("both", "reasoning", "short"), default="both", help="rows per kept answer (default: %(default)s)")
    parser.add_argument("--mix", metavar="FILE", help="other instruction data to train along: JSONL with video, question, answer")
    parser.add_argument("--epochs", type=int, default=1, help="passes over the rows (default: %(default)s, as the paper)")
    parser.add_argument("--learning-rate", type=float, help="peak of the cosine (default: 2e-5 with --full, as the paper; 2e-4 with LoRA)")
    parser.add_argument("--accumulate", type=int, default=1, help="batches per optimiser step (default: %(default)s; the paper trains 128 rows a step)")
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing: less memory, about a third more time")
    parser.add_argument("--save-every", type=int, default=200, help="optimiser steps between saved states, from which a killed run goes on (default: %(default)s)")
    args = parser.parse_args()
    check_flags(parser, args)
    if args.epochs < 1 or args.accumulate < 1 or args.lora_rank < 1 or args.save_every < 1:
        parser.error("expected --epochs, --accumulate, --lora-rank and --save-every of at least 1")
    if args.learning_rate is None:
        args.learning_rate = 2e-5 if args.full else 2e-4
    settings = resolved(args)
    settings["global_batch"] = args.batch_size * args.accumulate * world()[1]

    rows = rows_of(args.input, args.pairs, args.limit)
    if not rows and world()[0] == 0:
        print(f"WARNING: {args.input}: no answer was kept; its `why` fields say why, more --samples or a higher --temperature in 02_generate.py may help", flush=True)
    rows += mixed_rows(args.mix) if args.mix else []
    with Output(args.output, settings, [args.input] + [args.mix] * bool(args.mix), args.overwrite, folder=True) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(args, settings)
        losses = train(args, rows, Path(output.part))
        output.finish(rows=len(rows), steps=len(losses), losses=losses)
    if world()[0] == 0 and losses:
        print(f"{args.output}: {len(losses)} steps on {len(rows)} rows, loss {np.mean(losses[:5]):.3f} -> {np.mean(losses[-5:]):.3f}")


def train(args, rows, folder):
    """Fine-tune and save into `folder`; returns the loss of every step. Goes on from the last saved state there, to the same result."""
    import torch
    from accelerate import Accelerator
    from transformers import AutoConfig
    from lib.model import chat, dtype_of, load, training_batch, training_text
    from lib.stage import progress
    from lib.video import VideoError, prefetch, read_frames
    accelerator = Accelerator(cpu=not torch.cuda.is_available())  # without cpu=True, CPU processes would not know of each other
    device, chief = accelerator.device, accelerator.is_main_process
    dtype = dtype_of(args.dtype, device)
    # what is trained is held in float32 and computed in `dtype`; a frozen base may lie in `dtype`
    model, processor = load(args.model, device, torch.float32 if args.full else dtype)
    torch.manual_seed(args.seed)
    if args.full:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(bool(TRAINED_IN_FULL.search(name)))
    else:
        from peft import LoraConfig, get_peft_model
        model = get_peft_model(model, LoraConfig(r=args.lora_rank, lora_alpha=2 * args.lora_rank, target_modules=LANGUAGE, task_type="CAUSAL_LM"))
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if args.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()

    tails, lengths = [], []
    for name, turn, answer, _ in rows:  # all before the first step: an example with nothing to train on must not surface in the night
        text, tail = training_text(processor, chat(processor, turn), answer)
        if not answer.strip() or tail < 2:  # the end token alone is no answer
            raise StageError(f"{args.input}: {name}: no token to train on (answer {answer!r}); an answer needs words")
        tails.append(tail)
        lengths.append(len(processor.tokenizer(text, add_special_tokens=False)["input_ids"]))
    if not rows:  # the honest result of learning from nothing
        print(f"{args.output}: 0 steps: this checkpoint is {args.model}, unchanged", flush=True)
    steps = plan(lengths, args.batch_size * args.accumulate * accelerator.num_processes, args.epochs, args.seed)
    if chief:
        print(f"{'LoRA' if not args.full else 'full'}: {sum(p.numel() for p in trained.values()):,} of {sum(p.numel() for p in model.parameters()):,} parameters trained, "
              f"{len(rows)} rows, {len(steps)} steps of {args.batch_size * args.accumulate * accelerator.num_processes}, {str(dtype)[6:]} on {device}, {accelerator.num_processes} process(es)")
    if chief and rows:
        print("trained tokens in [brackets]:\n  " + bracketed(processor, *training_text(processor, chat(processor, rows[0][1]), rows[0][2])).replace("\n", "\n  "), flush=True)

    optimizer = torch.optim.AdamW(trained.values(), lr=args.learning_rate, weight_decay=0.0)
    warm = max(1, round(0.03 * len(steps)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / max(len(steps), 1))))
    saved, losses = folder / "state.pt", []
    if saved.exists():
        state = torch.load(saved, map_location=device, weights_only=True)
        model.load_state_dict(state["trained"], strict=False)
        optimizer.load_state_dict(state["optimizer"]), schedule.load_state_dict(state["schedule"])
        losses = state["losses"]
        if chief:
            print(f"resuming after step {len(losses)} of {len(steps)}")
    engine = torch.nn.parallel.DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None) if accelerator.num_processes > 1 else model

    def collate(step):  # this process's rows of a step, as its micro-batches
        mine = steps[step][accelerator.process_index :: accelerator.num_processes]
        clips, failed = {}, []
        for i in mine:
            clip = rows[i][3]
            try:
                clips[clip] = clips.get(clip) or read_frames(clip[0], args.frames, *clip[1:])
            except VideoError as error:
                failed.append((rows[i][0], str(error)))
        mine = [i for i in mine if rows[i][3] in clips]
        micro = [mine[i : i + args.batch_size] for i in range(0, len(mine), args.batch_size)]
        return [training_batch(processor, [(chat(processor, rows[i][1]), rows[i][2]) for i in part], [clips[rows[i][3]] for i in part]) for part in micro], failed

    began, said, lost = time.time(), time.time(), {}
    for batches, failed in progress(prefetch(collate, range(len(losses), len(steps)), args.workers, ahead=2 * args.workers), len(steps) - len(losses), "finetune"):
        for name, reason in failed:
            if name not in lost:
                lost[name] = reason
                print(f"left out: {name}: {reason}", flush=True)
        if len(lost) > (args.max_failures * len(rows) if args.max_failures < 1 else args.max_failures) or not batches:
            raise StageError(f"{len(lost)} of {len(rows)} rows cannot be trained on: their videos, readable when they were answered, are not now (see above); more than --max-failures {args.max_failures:g} allows: put them back")
        tokens = sum(tails[i] for i in steps[len(losses)])  # of the whole step, on all processes: every answer token weighs the same
        total = 0.0
        for number, inputs in enumerate(batches):
            engine.require_backward_grad_sync = number + 1 == len(batches)
            labels = inputs.pop("labels").to(device)
            kept = int((labels != -100).sum(1).max())  # rows are left-padded: no logits are needed but the last `kept`
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                logits = engine(**inputs.to(device), logits_to_keep=kept + 1).logits[:, :-1]
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels[:, -kept:].flatten(), ignore_index=-100, reduction="sum") / tokens
            (loss * accelerator.num_processes).backward()  # DDP averages gradients; the sum over processes is wanted
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimizer.step(), schedule.step(), optimizer.zero_grad(set_to_none=True)
        losses.append(round(float(accelerator.reduce(torch.as_tensor(total, device=device), "sum")), 6))
        if not math.isfinite(losses[-1]):
            raise StageError(f"loss is {losses[-1]} at step {len(losses)}: lower --learning-rate, or use --dtype float32")
        if chief and (len(losses) % args.save_every == 0 and len(losses) < len(steps)):
            torch.save({"trained": {name: p.detach() for name, p in trained.items()}, "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "losses": losses}, f"{saved}.tmp")
            os.replace(f"{saved}.tmp", saved)
        if chief and (time.time() - said > 30 or len(losses) in (1, len(steps))):
            said = time.time()
            print(f"step {len(losses)}/{len(steps)}  loss {losses[-1]:.3f}  {said - began:.0f} s", flush=True)

    accelerator.wait_for_everyone()
    if chief:
        model.eval()
        merged = model if args.full else model.merge_and_unload()
        merged.to(AutoConfig.from_pretrained(args.model).dtype or torch.float32).save_pretrained(folder)  # in the base's own precision
        processor.save_pretrained(folder)
        for left in folder.glob("state.pt*"):
            left.unlink()
    return losses


if __name__ == "__main__":
    run(main)
