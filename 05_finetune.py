"""Stage 05, instruction tuning (paper section 2, step 2f): the *base* model is fine-tuned on what was kept. Never the previous cycle's model.

    python 05_finetune.py C/verified.jsonl -o C/model --model BASE                      # LoRA on the language model, merged at the end
    python 05_finetune.py C/verified.jsonl -o C/model --model BASE --full --mix other.jsonl
    python 05_finetune.py C/verified.jsonl -o P/model --model C/model --preferences 0.1 # DPO (Rafailov et al., 2023) after the last cycle, ours
    torchrun --nproc_per_node 8 05_finetune.py ...                                      # the same global batch, shared out

Every kept answer gives two rows, both without the hint: the reasoning prompt with the whole answer, and the short question with the short
answer (long rationales alone destroy short answering). Loss falls on the answer and its end token only; one row is printed with its trained
tokens in [brackets] before anything is spent. The vision tower stays frozen. Output: a folder that from_pretrained loads, DONE in it last.
"""
import copy
import math
import os
import re
import shutil
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from lib.parse import clean, final
from lib.prompts import label_text, render, strip_placeholders
from lib.records import StageError, read_jsonl, read_records, video_path
from lib.served import is_served
from lib.stage import SHARDED, Output, announce, check_flags, parser_of, resolved, run, world

LANGUAGE = r".*(language_model|text_model)\..*\.(q|k|v|o|gate|up|down)_proj"  # "all-linear" would hit the vision tower too
TRAINED_IN_FULL = re.compile(r"(language_model|text_model|lm_head|projector|connector|merger)")  # the paper: language model and projector


def rows_of(path, pairs, limit):
    """The training rows of a verified file: (id, user turn, (answer,), (video, start, end)), in its order."""
    rows = []
    for record in read_records(path, answers=True, limit=limit):
        if not record.get("keep"):
            continue
        clip = (video_path(record, path), record.get("start"), record.get("end"))
        answer = strip_placeholders(record["answer"])
        if pairs in ("both", "reasoning"):
            rows.append((record["id"], render(record, "direct"), (answer,), clip))
        if pairs in ("both", "short"):
            conclusion = final(clean(answer), several=len(record["labels"]) > 1)
            short = conclusion.texts[0].strip() if conclusion.marked else ""
            rows.append((record["id"], render(record, "short"), (short or label_text(record["labels"]),), clip))
    return rows


def preference_rows(path, limit):
    """As rows_of, with two answers a row: the n-th kept one and the n-th that asserts another label, of every question that has both."""
    questions = {}
    for record in read_records(path, answers=True, limit=limit):
        sides = questions.setdefault(record["id"], (record, [], []))
        if record.get("keep") or record.get("verdict") == "wrong":
            sides[1 if record.get("keep") else 2].append(strip_placeholders(record["answer"]))
    return [(name, render(record, "direct"), answers, (video_path(record, path), record.get("start"), record.get("end")))
            for name, (record, kept, wrong) in questions.items() for answers in zip(kept, wrong)]


def mixed_rows(path):
    """Rows of other instruction data: JSONL with `video`, `question`, `answer` (and optional `id`, `start`, `end`), asked as they stand."""
    rows = []
    for number, record in read_jsonl(path):
        problem = next((f"{key} is {record.get(key)!r}, expected words" for key in ("video", "question", "answer") if not (isinstance(record.get(key), str) and record[key].strip())), None)
        if problem:
            raise StageError(f"{path}:{number}: {problem}")
        rows.append((record.get("id", f"{path}:{number}"), strip_placeholders(record["question"]), (strip_placeholders(record["answer"]),), (video_path(record, path), record.get("start"), record.get("end"))))
    return rows


def bracketed(processor, text, tail):
    """The text with its trained tokens in [brackets]."""
    tokens = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    return processor.tokenizer.decode(tokens[:-tail]) + "[" + processor.tokenizer.decode(tokens[-tail:]) + "]"


def plan(lengths, batch, epochs, seed, most=None):
    """Row indices of every optimiser step: each epoch a fresh permutation, its last batch filled from its beginning. `most`: that many steps instead.

    Within stretches of 16 steps rows of like length share a step, so that little is padded; the steps of a stretch are shuffled again.
    """
    steps = []
    for epoch in range(math.ceil(most * batch / len(lengths)) if most and lengths else epochs):
        rng = np.random.default_rng([seed, epoch])
        order = np.resize(rng.permutation(len(lengths)), math.ceil(len(lengths) / batch) * batch)
        for stretch in np.split(order, range(16 * batch, len(order), 16 * batch)):
            grouped = sorted(stretch.tolist(), key=lambda i: lengths[i])
            together = [grouped[i : i + batch] for i in range(0, len(grouped), batch)]
            steps += [together[i] for i in rng.permutation(len(together))]
    return steps[:most]


def main():
    parser = parser_of(__doc__, "model")
    parser.add_argument("input", help="verified answers: verified.jsonl of 04_verify.py")
    parser.add_argument("--full", action="store_true", help="train language model and projector whole instead of LoRA on the language model")
    parser.add_argument("--lora-rank", type=int, default=16, help="rank of LoRA, alpha is twice it (default: %(default)s)")
    parser.add_argument("--pairs", choices=("both", "reasoning", "short"), default="both", help="rows per kept answer (default: %(default)s)")
    parser.add_argument("--preferences", type=float, metavar="BETA", help="instead raise kept answers above wrong ones to the same questions, by DPO with this beta; --model is the model to start from")
    parser.add_argument("--mix", metavar="FILE", help="other instruction data to train along: JSONL with video, question, answer")
    parser.add_argument("--epochs", type=int, default=1, help="passes over the rows (default: %(default)s, as the paper)")
    parser.add_argument("--steps", type=int, help="optimiser steps instead of whole epochs, to compare data of different size at an equal budget")
    parser.add_argument("--learning-rate", type=float, help="peak of the cosine (default: 2e-5 with --full, as the paper; 2e-4 with LoRA)")
    parser.add_argument("--accumulate", type=int, default=1, help="batches per optimiser step (default: %(default)s; the paper trains 128 rows a step)")
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing: less memory, about a third more time")
    parser.add_argument("--save-every", type=int, default=200, help="optimiser steps between saved states, from which a killed run goes on (default: %(default)s)")
    args = parser.parse_args()
    check_flags(parser, args)
    if is_served(args.model):
        parser.error(f"--model {args.model}: a served model cannot be trained; name a folder or hub id (make: BASE=...)")
    if args.full and args.load_in_4bit:
        parser.error("--full trains the weights themselves, which --load-in-4bit rounds: leave out one of the two")
    if SHARDED and args.load_in_4bit:
        parser.error("--load-in-4bit rounds the weights, which FSDP shares out as they are: leave out one of the two")
    if args.preferences is not None and (args.mix or args.preferences <= 0):
        parser.error("--preferences: expected a beta above 0, and no --mix, which has no wrong answers")
    if args.epochs < 1 or args.accumulate < 1 or args.lora_rank < 1 or args.save_every < 1:
        parser.error("expected --epochs, --accumulate, --lora-rank and --save-every of at least 1")
    if args.learning_rate is None:
        args.learning_rate = 2e-5 if args.full else 2e-4
    settings = resolved(args, leave_out=("accumulate", "checkpointing"))  # as the batch size, they change the memory needed and not the result
    settings["global_batch"] = args.batch_size * args.accumulate * world()[1]

    rows = preference_rows(args.input, args.limit) if args.preferences else rows_of(args.input, args.pairs, args.limit)
    if not rows and world()[0] == 0:
        print(f"WARNING: {args.input}: no answer was kept{' beside a wrong one' * bool(args.preferences)}; its `why` fields say why, more --samples or a higher --temperature in 02_generate.py may help", flush=True)
    rows += mixed_rows(args.mix) if args.mix else []
    with Output(args.output, settings, [args.input] + [args.mix] * bool(args.mix), args.overwrite, folder=True) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(args, settings)
        losses, halvings, speed = train(args, rows, Path(output.part))
        output.finish(rows=len(rows), steps=len(losses), losses=losses, out_of_memory=halvings, speed=speed)
    if world()[0] == 0 and losses:
        print(f"{args.output}: {len(losses)} steps on {len(rows)} rows, loss {np.mean(losses[:5]):.3f} -> {np.mean(losses[-5:]):.3f}")


def with_lora(model, rank):
    """The model with new LoRA weights, alone trainable, on its language model; zero in effect until trained."""
    from peft import LoraConfig, get_peft_model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks for an attribute that transformers has renamed
        return get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=LANGUAGE, task_type="CAUSAL_LM"))


def train(args, rows, folder):
    """Fine-tune and save into `folder`; returns (loss of every step, how often memory ran out and the batch was halved, speed).

    Goes on from the last saved state there, to the same result. Halved batches are accumulated to the same steps.
    """
    import torch
    from accelerate import Accelerator
    from transformers import AutoConfig
    from lib.costs import sizes, utilisation
    from lib.features import FeatureCache, batch_of, keep_features, look, moved, takes_features
    from lib.model import chat, dtype_of, load, peak_memory, training_text
    from lib.shard import TOO_LARGE, gathered, missing, scattered, shard
    from lib.stage import progress
    from lib.video import VideoError, prefetch
    start = time.time()
    accelerator = Accelerator(cpu=not torch.cuda.is_available())  # without cpu=True, CPU processes would not know of each other
    device, chief = accelerator.device, accelerator.is_main_process
    dtype, sharded = dtype_of(args.dtype, device), SHARDED and accelerator.num_processes > 1
    # what is trained is held in float32 and computed in `dtype`; a frozen base may lie in `dtype`
    model, processor = load(args.model, torch.device("cpu") if sharded else device, torch.float32 if args.full else dtype, args.device_map, args.load_in_4bit)
    whole, size, loaded = model, sizes(model), time.time()
    torch.manual_seed(args.seed)
    if args.full:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(bool(TRAINED_IN_FULL.search(name)))
    else:
        model = with_lora(model, args.lora_rank)
    model.train()
    reference = None  # of DPO: the model as it is now; with LoRA it is the same one without its adapter
    if args.preferences and args.full:
        reference = copy.deepcopy(model).requires_grad_(False)
    for part in (model, reference) if sharded else ():
        if part:
            shard(part, device)
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if args.checkpointing:
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable  # the older name
        enable({"use_reentrant": False})

    tails, lengths = [], []
    for name, turn, answers, _ in rows:  # all before the first step: an example with nothing to train on must not surface in the night
        texts = [training_text(processor, chat(processor, turn), answer) for answer in answers]
        for answer, (_, tail) in zip(answers, texts):
            if not answer.strip() or tail < 2:  # the end token alone is no answer
                raise StageError(f"{args.input}: {name}: no token to train on (answer {answer!r}); an answer needs words")
        tails.append(texts[0][1])
        lengths.append(max(len(processor.tokenizer(text, add_special_tokens=False)["input_ids"]) for text, _ in texts))
    if not rows:  # the honest result of learning from nothing
        print(f"{args.output}: 0 steps: this checkpoint is {args.model}, unchanged", flush=True)
    steps = plan(lengths, args.batch_size * args.accumulate * accelerator.num_processes, args.epochs, args.seed, args.steps)
    if chief:
        print(f"{'LoRA' if not args.full else 'full'}: {sum(p.numel() for p in trained.values()):,} of {model.num_parameters():,} parameters trained, "
              f"{len(rows)} rows, {len(steps)} steps of {args.batch_size * args.accumulate * accelerator.num_processes}, {str(dtype)[6:]} on {device}, {accelerator.num_processes} process(es)")
    if chief and rows:
        print("trained tokens in [brackets]:\n  " + bracketed(processor, *training_text(processor, chat(processor, rows[0][1]), rows[0][2][0])).replace("\n", "\n  "), flush=True)

    optimizer = torch.optim.AdamW(trained.values(), lr=args.learning_rate, weight_decay=0.0)
    warm = max(1, round(0.03 * len(steps)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / max(len(steps), 1))))
    saved, losses = folder / "state.pt", []
    if saved.exists():
        state = torch.load(saved, map_location="cpu" if sharded else device, weights_only=True)
        if sharded:
            state = scattered(state, trained)
        model.load_state_dict(state["trained"], strict=False)
        optimizer.load_state_dict(state["optimizer"]), schedule.load_state_dict(state["schedule"])
        losses = state["losses"]
        if chief:
            print(f"resuming after step {len(losses)} of {len(steps)}")
    at_once, halvings, answers_a_row = args.batch_size, 0, 2 if args.preferences else 1
    kept, turns = None, {clip: turn for _, turn, _, clip in rows}
    if not args.full and (args.feature_cache or takes_features(whole) and sum(map(len, steps)) > len(turns)):  # LoRA leaves tower and projector as they are; clips needed more than once
        kept = FeatureCache(args.feature_cache or f"{folder}/features,1e6", whole.eval(), processor, args.frames)
        keep_features(whole, processor, turns, args, kept)
        model.train()

    def collate(step):  # this process's rows of a step, as its batches
        mine = steps[step][accelerator.process_index :: accelerator.num_processes]
        clips, failed = {}, []
        for i in mine:
            clip = rows[i][3]
            try:
                clips[clip] = clips.get(clip) or look(clip, kept, args)
            except VideoError as error:
                failed.append((rows[i][0], str(error)))
        mine = [i for i in mine if rows[i][3] in clips]
        parts = [mine[i : i + at_once] for i in range(0, len(mine), at_once)]
        asked = [[(chat(processor, rows[i][1]), answer, rows[i][3]) for i in part for answer in rows[i][2]] for part in parts]
        return [batch_of(processor, part, clips, args) for part in asked], failed

    def likelihood(model, inputs, labels):  # log-probability of each row's answer
        kept = int((labels != -100).sum(1).max())  # rows are left-padded: no logits are needed but the last `kept`
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            logits = model(**inputs, use_cache=False, logits_to_keep=kept + 1).logits[:, -kept - 1 : -1]  # VideoLLaMA3 computes all nevertheless
        return -torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels[:, -kept:].flatten(), ignore_index=-100, reduction="none").view(len(labels), kept).sum(1)

    def loss_of(inputs, labels, tokens, count):
        said = likelihood(model, inputs, labels)
        if not args.preferences:
            return -said.sum() / tokens
        with torch.no_grad(), nullcontext() if reference else model.disable_adapter():
            before = likelihood(reference or model, inputs, labels)
        kept, wrong = (said - before).view(-1, 2).unbind(1)
        return -torch.nn.functional.logsigmoid(args.preferences * (kept - wrong)).sum() / count

    def backward(batches, tokens, count):  # adds the gradients of a step's batches; its loss, on this process
        total = 0.0
        for inputs in batches:
            inputs = moved(inputs, device)
            loss = loss_of({key: value for key, value in inputs.items() if key != "labels"}, inputs["labels"], tokens, count)
            loss.backward()
            total += loss.detach()
        return total

    began, said, lost, example, speed = time.time(), time.time(), {}, None, {"load_seconds": round(loaded - start, 2), "encode_seconds": round(time.time() - loaded, 2), "steps": len(steps) - len(losses), "tokens": 0, "clips_encoded_once": len(turns) if kept else 0}
    for batches, failed in progress(prefetch(collate, range(len(losses), len(steps)), args.workers, ahead=2 * args.workers), len(steps) - len(losses), "finetune"):
        tokens = sum(tails[i] for i in steps[len(losses)])  # of the whole step, on all processes: every answer token weighs the same
        while True:
            if any(len(inputs["input_ids"]) > at_once * answers_a_row for inputs in batches):  # made before memory ran out
                batches, failed = collate(len(losses))
            for name, reason in failed:
                if name not in lost:
                    lost[name] = reason
                    print(f"left out: {name}: {reason}", flush=True)
            if len(lost) > (args.max_failures * len(rows) if args.max_failures < 1 else args.max_failures) or not (batches or example):
                raise StageError(f"{len(lost)} of {len(rows)} rows cannot be trained on: their videos, readable when they were answered, are not now (see above); more than --max-failures {args.max_failures:g} allows: put them back")
            try:
                example = copy.copy(batches[0]) if batches else example
                spare = [copy.copy(example) for _ in range(missing(len(batches), device) if sharded else not batches)]
                total = backward(batches, tokens, len(steps[len(losses)]))
                backward(spare, math.inf, math.inf)  # in place of lost rows: gradients of zero
                break
            except torch.OutOfMemoryError:
                if sharded:
                    raise StageError(f"step {len(losses) + 1}: {TOO_LARGE}") from None
                optimizer.zero_grad(set_to_none=True)  # of the batches before, or of half a backward pass
            largest = max(len(inputs["input_ids"]) for inputs in batches) // answers_a_row
            if largest == 1:
                raise StageError(f"out of memory with one row at a time (step {len(losses) + 1}): --checkpointing, fewer --frames, --load-in-4bit or --device-map auto need less; the same command goes on from the last saved state")
            torch.cuda.empty_cache()
            at_once, halvings = (largest + 1) // 2, halvings + 1
            print(f"out of memory with {largest} rows at once: trying {at_once}, accumulated to the same steps", flush=True)
        if accelerator.num_processes > 1 and not sharded:  # not by DistributedDataParallel, whose reduction inside backward() a process out of memory would leave hanging
            for parameter in trained.values():
                torch.distributed.all_reduce(parameter.grad)
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimizer.step(), schedule.step(), optimizer.zero_grad(set_to_none=True)
        speed["tokens"] += sum(int(inputs["attention_mask"].sum()) for inputs in batches)
        losses.append(round(float(accelerator.reduce(torch.as_tensor(total, device=device), "sum")), 6))
        if not math.isfinite(losses[-1]):
            raise StageError(f"loss is {losses[-1]} at step {len(losses)}: lower --learning-rate, or use --dtype float32")
        if len(losses) % args.save_every == 0 and len(losses) < len(steps):
            state = gathered({"trained": {name: p.detach() for name, p in trained.items()}, "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict(), "losses": losses})
            if chief:
                torch.save(state, f"{saved}.tmp")
                os.replace(f"{saved}.tmp", saved)
        if chief and (time.time() - said > 30 or len(losses) in (1, len(steps))):
            said = time.time()
            print(f"step {len(losses)}/{len(steps)}  loss {losses[-1]:.3f}  {said - began:.0f} s", flush=True)

    speed.update(tokens=int(accelerator.reduce(torch.tensor(speed["tokens"], device=device), "sum")), seconds=round(time.time() - began, 2), peak_memory_gib=peak_memory(device))
    if chief and losses:
        speed.update(utilisation(size, speed["tokens"] / speed["seconds"] / accelerator.num_processes, sum(tails) / max(sum(lengths), 1), args.full, args.lora_rank, device))
        print(f"{speed['tokens'] / speed['seconds']:,.0f} tokens/s, {speed['tflops']:.2f} TFLOP/s a device" + (f", MFU {100 * speed['mfu']:.0f} %" if speed["mfu"] else "") + f", peak memory {speed['peak_memory_gib']} GiB"
              + f", {len(turns)} clips encoded once in {speed['encode_seconds']:.0f} s" * bool(kept), flush=True)
    halvings = int(accelerator.reduce(torch.tensor(halvings, device=device), "sum"))  # waits for everyone
    trained = gathered({name: parameter.detach() for name, parameter in trained.items()})
    if chief:
        model.eval()
        if args.load_in_4bit or sharded:  # into the weights as they are, not as rounded, and whole
            model = load(args.model, torch.device("cpu"), torch.float32 if args.full else dtype)[0]
            model = model if args.full else with_lora(model, args.lora_rank)
            model.load_state_dict({name: parameter.cpu() for name, parameter in trained.items()}, strict=False)
        merged = model if args.full else model.merge_and_unload()
        merged.to(AutoConfig.from_pretrained(args.model).dtype or torch.float32).save_pretrained(folder)  # in the base's own precision
        processor.save_pretrained(folder)
        for left in folder.glob("state.pt*"):
            left.unlink()
        shutil.rmtree(folder / "features", ignore_errors=True)
    return losses, halvings, speed


if __name__ == "__main__":
    run(main)
