"""Stage 05, instruction tuning (paper section 2, step 2f): the *base* model is fine-tuned on what was kept,
never the previous cycle's model.

    python 05_finetune.py C/verified.jsonl -o C/model --model BASE      # LoRA, merged at the end
    python 05_finetune.py C/verified.jsonl -o C/model --model BASE --full --mix other.jsonl
    python 05_finetune.py C/verified.jsonl -o P/model --model C/model --preferences 0.1      # DPO, ours
    python 05_finetune.py captions.jsonl -o V/vision --model BASE --train vision
    python 05_finetune.py instructions.jsonl -o V/model --model V/vision --train language \\
        --mix captions.jsonl --shares temporal=1 causal=1 short=1 caption=3
    torchrun --nproc_per_node 8 05_finetune.py ...                      # the same global batch, shared out

Every kept answer gives two rows, both without the hint: the reasoning prompt with the whole answer, and the
short question with the short answer (long rationales alone destroy short answering). Loss falls on the answer
and its end token only; one row is printed with its trained tokens in [brackets] before anything is spent. The
vision tower stays frozen, unless --train vision asks for it alone: the first stage of VIIT, on clips with
captions, before --train language (lib/viit/README.md). Output: a folder that from_pretrained loads, DONE in
it last. DPO: Rafailov et al., 2023.
"""

import copy
import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from lib import trackers
from lib.command import announce, course_of, frames_asked, settings_of
from lib.files import read_json, write_atomically
from lib.model import identity
from lib.model.frames import TRIED, fitted
from lib.output import Output
from lib.process import progress, run, world
from lib.records import StageError
from lib.training.card import write_card
from lib.training.mix import data_of
from lib.training.parts import frozen_dtype, is_whole, names_of, to_train
from lib.training.usage import check_usage, flags, set_defaults
from lib.video import prefetch

TRACKER = "tracker.json"  # the tracker's run
# flags that are no settings where they are not given
NEEDED_BY_FEW = ("train", "projector", "shares", "self_train", "self_share")
# what training needs in its folder until the checkpoint is complete
SCRAPS = ("state.pt*", "features", TRACKER)


@dataclass
class Training:
    """The model as it is trained, and what a step needs beside it."""

    args: object
    accelerator: object
    dtype: object  # of the arithmetic
    sharded: bool  # FSDP: the weights are shared out over the processes
    model: object = None  # with LoRA wrapped by peft
    base: object = None  # the same without its wrapper: its tower encodes clips
    processor: object = None
    reference: object = None  # of DPO with --full: the model as it was
    names: set = field(default_factory=set)  # of the base's parameters: lib/training/parts.py
    trained: dict = field(default_factory=dict)  # {name: parameter}


def load_to_train(args, accelerator, fsdp):
    """The Training of --model: what is trained is in float32 and computed in the dtype; a frozen base may lie
    in the dtype.
    """
    import torch

    from lib.model.load import check_reads, dtype_of, load
    from lib.training.sharding import shard

    dtype = dtype_of(args.dtype, accelerator.device)
    training = Training(args, accelerator, dtype, sharded=fsdp and accelerator.num_processes > 1)
    place = torch.device("cpu") if training.sharded else accelerator.device
    weights, frames = frozen_dtype(args, dtype), frames_asked(args).count(TRIED)
    model, training.processor = load(args.model, place, weights, args.device_map, args.load_in_4bit)
    training.base = model
    check_reads(model, training.processor, args.model, frames)
    training.names = names_of(args, model, training.processor, frames)
    torch.manual_seed(args.seed)
    model = to_train(args, model, training.names)
    model.train()
    if args.preferences and is_whole(args):  # with LoRA the reference is the same model without its adapter
        training.reference = copy.deepcopy(model).requires_grad_(False)
    if training.sharded:
        shard(model, accelerator.device)
        if training.reference:
            shard(training.reference, accelerator.device)
    if args.checkpointing:
        # the second name is the older one
        enable = (
            getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        )
        enable({"use_reentrant": False})
    training.model = model
    training.trained = {name: part for name, part in model.named_parameters() if part.requires_grad}
    return training


def gradients(training, data, step, batches, failed, optimizer):
    """The gradients of a step, over all processes; returns (its loss on this process, times memory ran out).

    A batch too large for memory is halved, and accumulated to the same step. accelerate's
    find_executable_batch_size would start training anew, and in several processes leave the others waiting.
    """
    import torch

    from lib.training.loss import backward
    from lib.training.sharding import missing

    tokens, count = sum(data.tails[i] for i in data.steps[step]), len(data.steps[step])
    halvings = 0
    while True:
        if data.too_large(batches):
            batches, failed = data.of_step(step)  # made before memory ran out
        data.leave_out(failed)
        data.example = batches[0] if batches else data.example
        try:
            # in place of rows lost, or left to others in a short step, gradients of zero: processes go
            # through shared layers equally often, on which they agree before the first pass
            spare = 0 if batches else 1
            if training.sharded:
                spare = missing(len(batches), training.accelerator.device)
            total = backward(training, batches, tokens, count)
            backward(training, [data.spare()] * spare if spare else [], math.inf, math.inf)
            break
        except torch.OutOfMemoryError:
            optimizer.zero_grad(set_to_none=True)  # of the batches before, or of half a backward pass
        # not in the block above: until it is left, the error holds on to the tensors of the failed batch
        data.halve(batches, step)
        torch.cuda.empty_cache()
        halvings += 1
    if training.accelerator.num_processes > 1 and not training.sharded:
        # not by DistributedDataParallel, whose reduction in backward() would wait for a process out of memory
        for parameter in training.trained.values():
            if parameter.grad is None:  # what chooses experts or tokens by their order has none
                parameter.grad = torch.zeros_like(parameter)
            torch.distributed.all_reduce(parameter.grad)
    return total, halvings


def optimizer_of(training, steps):
    """(AdamW, its schedule): a warm-up of 3 % of the steps, then a cosine to zero."""
    import torch

    warm_up = max(1, round(0.03 * steps))

    def share(step):
        return min(1, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / max(steps, 1)))

    optimizer = torch.optim.AdamW(training.trained.values(), lr=training.args.learning_rate, weight_decay=0.0)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)


def logged(accelerator, step, loss, tokens, rate, seconds):
    """The loss of a step over all processes, of this one's `loss` and `tokens`; said to the tracker, if there
    is one. Raises StageError for one that is no number.
    """
    import torch

    sums = torch.tensor([float(loss), tokens], device=accelerator.device)
    loss, tokens = accelerator.reduce(sums, "sum").tolist()
    loss = round(loss, 6)
    accelerator.log({"loss": loss, "learning_rate": rate, "tokens_per_second": tokens / seconds}, step)
    if not math.isfinite(loss):
        raise StageError(f"loss is {loss} at step {step}: lower --learning-rate, or use --dtype float32")
    return loss


def finetune(training, data, folder, optimizer, schedule, losses):
    """Train the steps after those of `losses`, to the same result as in one go; states are saved in `folder`.
    Returns (loss of every step, halvings, speed).
    """
    import torch

    from lib.model.load import peak_memory
    from lib.training.checkpoint import save_state

    accelerator, args = training.accelerator, training.args
    left, halvings, tokens = range(len(losses), len(data.steps)), 0, 0
    began = last = before = time.time()
    read_ahead = prefetch(data.of_step, left, args.workers, ahead=2 * args.workers)
    for batches, failed in progress(read_ahead, len(left), "finetune"):
        total, again = gradients(training, data, len(losses), batches, failed, optimizer)
        halvings += again
        torch.nn.utils.clip_grad_norm_(training.trained.values(), 1.0)
        rate, read = schedule.get_last_lr()[0], sum(int(inputs["attention_mask"].sum()) for inputs in batches)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        tokens += read
        losses.append(logged(accelerator, len(losses) + 1, total, read, rate, time.time() - before))
        before = time.time()
        due = len(losses) % args.save_every == 0
        if len(losses) == len(data.steps):  # LoRA's is small: a checkpoint without room costs no training
            due = not is_whole(args)
        if due:
            save_state(training, folder / "state.pt", optimizer, schedule, losses)
        if accelerator.is_main_process and (time.time() - last > 30 or len(losses) in (1, len(data.steps))):
            last = time.time()
            print(
                f"step {len(losses)}/{len(data.steps)}  loss {losses[-1]:.3f}  {last - began:.0f} s",
                flush=True,
            )
    counts = torch.tensor([tokens, halvings], device=accelerator.device)
    tokens, halvings = accelerator.reduce(counts, "sum").tolist()  # waits for everyone
    speed = {"steps": len(left), "rows": sum(len(data.steps[step]) for step in left)}
    speed |= {"tokens": tokens, "seconds": round(time.time() - began, 2)}
    speed["peak_memory_gib"] = peak_memory(accelerator.device)
    return losses, halvings, speed


def train(args, data, folder, fsdp=False):
    """Load, encode, train and save into `folder`; returns (loss of every step, halvings for want of memory,
    speed).
    """
    import torch
    from accelerate import Accelerator

    from lib.training.batches import Batches
    from lib.training.boxes import check_pixels
    from lib.training.checkpoint import load_state, save_model
    from lib.training.shown import show

    start = time.time()
    # without cpu=True, CPU processes would not know of each other
    follow = (args.report_to, args.output)
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), **trackers.options(*follow))
    training = load_to_train(args, accelerator, fsdp)
    loaded = time.time()
    batches = Batches(training, data)
    for path in data.verified:
        check_pixels(path, training.processor, batches.sampling, args.frame_cache)
    if not data.rows:  # the honest result of learning from nothing
        print(f"{args.output}: 0 steps: this checkpoint is {args.model}, unchanged", flush=True)
    if accelerator.is_main_process:
        show(training, batches)
    optimizer, schedule = optimizer_of(training, len(batches.steps))
    losses = load_state(training, folder / "state.pt", optimizer, schedule, len(batches.steps))
    resumed = time.time()
    batches.encode(folder, len(losses))
    encoded = time.time()
    if accelerator.is_main_process and args.report_to != "none":
        id = read_json(folder / TRACKER).get("id") or trackers.new_id()
        write_atomically(folder / TRACKER, json.dumps({"id": id}))
        trackers.begin(accelerator, *follow, id, vars(args), len(losses))
    losses, halvings, speed = finetune(training, batches, folder, optimizer, schedule, losses)
    trackers.end(accelerator)
    speed.update(
        load_seconds=round(loaded - start, 2),
        encode_seconds=round(encoded - resumed, 2),
        clips_encoded_once=len(batches.encoded),
        bytes_of_features=sum(batches.encoded),
        parameters=training.model.num_parameters(),
        trainable=sum(parameter.numel() for parameter in training.trained.values()),
        trained_share=round(batches.trained_share, 4),
    )
    if accelerator.is_main_process and speed["steps"]:
        print(
            f"{speed['tokens'] / speed['seconds']:,.0f} tokens/s, peak memory {speed['peak_memory_gib']} GiB"
            + (
                f", {len(batches.encoded)} clips encoded once in {encoded - resumed:.0f} s"
                if batches.encoded
                else ""
            ),
            flush=True,
        )
    save_model(training, folder)
    return losses, halvings, speed


def main():
    # what an FSDP config of `accelerate launch` sets: lib/model/sharding.py obeys it, and says why accelerate
    # does not
    fsdp = os.environ.pop("ACCELERATE_USE_FSDP", "false").lower() == "true"
    parser = flags(__doc__)
    args = parser.parse_args()
    check_usage(parser, args, fsdp)
    set_defaults(args)
    if frames_asked(args).bounded:  # what the processor cannot obey is bad usage, before any work
        from lib.model.processor import processor_of

        fitted(frames_asked(args), processor_of(args.model), args.model)
    # as the batch size, these two change the memory needed and not the result
    unasked = [name for name in NEEDED_BY_FEW if not getattr(args, name)]
    settings = settings_of(args, leave_out=("accumulate", "checkpointing", *unasked)) | identity(args.model)
    settings["global_batch"] = args.batch_size * args.accumulate * world()[1]

    data = data_of(args)
    if data.verified and not args.preferences:
        settings["pairs"] = args.pairs or "both"
    if not data.first and data.verified[:1] == [args.input] and world()[0] == 0:
        beside = " beside a wrong one" if args.preferences else ""
        print(
            f"WARNING: {args.input}: no answer was kept{beside}; its `why` fields say why, more --samples or "
            "a "
            "higher --temperature in 02_generate.py may help",
            flush=True,
        )
    inputs = [args.input, *(args.mix or ()), *filter(None, [args.self_train])]
    about = {"styles": ["direct", "short"], "uses": [args.model], "trust": args.trust_code}
    with Output(args.output, settings, inputs, args.overwrite, folder=True, scraps=SCRAPS, **about) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(settings)
        losses, halvings, speed = train(args, data, Path(output.part), fsdp)
        if world()[0] == 0:
            write_card(output.part, settings, len(data.rows), losses)
        from lib.training.boxes import trained_boxes  # loads torch, which --help shall not

        counts = {"rows": len(data.rows), "steps": len(losses), "losses": losses, "out_of_memory": halvings}
        boxes = trained_boxes(args.input) if args.input in data.verified else None
        output.finish(**counts, boxes=boxes, speed=speed)
    if world()[0] == 0 and losses:
        print(f"{args.output}: {len(losses)} steps on {len(data.rows)} rows{course_of(losses)}")


if __name__ == "__main__":
    run(main)
