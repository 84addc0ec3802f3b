"""A dual encoder trained on captions of clips, a step of VIIT (section 5.2): CLIP's or SigLIP's weights as
the start, InfoNCE over each batch, the temperature learned.

    python -m lib.viit.train captions.jsonl -o dual --model openai/clip-vit-base-patch16 --videos clips
    torchrun --nproc_per_node 8 -m lib.viit.train ...          # the same batch, its clips shared out
    python 06_eval.py --benchmark retrieval --task own --questions held-out.jsonl --videos clips --model dual
    -o R/eval.json

Captions: any file of lib/captions. Of several of a clip each epoch sees one, drawn by --seed. Where two
clips of a batch are described in the same words, either is right for the other: captions of small worlds
repeat, and a loss that calls them wrong punishes right answers (ours; the paper does not speak of it).
Output: a folder that lib.viit.dual.load opens, DONE in it last; CLIPModel opens it as an image model. Killed,
it goes on from its last saved state.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.captions import read_captions
from lib.command import announce, check_flags, course_of, parser_of, settings_of
from lib.model import checkpoint_id
from lib.output import Output
from lib.process import progress, run, world
from lib.records import StageError
from lib.video import prefetch
from lib.viit.pairs import Pairs, of_all, videos_of

STATE = "state.pt"
LINE_EVERY = 30  # seconds between two lines of progress


@dataclass
class Training:
    """What a step needs."""

    args: object
    folder: Path
    model: object
    processor: object
    optimizers: list
    schedules: list
    device: object
    dtype: object  # of the arithmetic; weights are in float32

    def parts(self):
        parts = {"model": self.model}
        for number, (optimizer, schedule) in enumerate(zip(self.optimizers, self.schedules)):
            parts |= {f"optimizer{number}": optimizer, f"schedule{number}": schedule}
        return parts


def start(args, folder):
    """The Training of --model; in a launch of several processes they are joined here."""
    import torch

    from lib.model.load import device_of, dtype_of
    from lib.process import barrier
    from lib.viit.dual import load

    barrier()
    device = device_of()
    torch.manual_seed(args.seed)
    model, processor = load(args.model, args.frames, device)
    model.train()
    return Training(args, folder, model, processor, [], [], device, dtype_of(args.dtype, device))


def optimizers_of(training, steps):
    """(AdamW, of --optimizer muon beside Muon for the matrices; the schedule of each): a warm-up of 3 % of
    the steps, then a cosine to zero; vectors do not decay.
    """
    import torch

    warm_up, args = max(1, round(0.03 * steps)), training.args

    def share(step):
        return min(1, (step + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * step / max(steps, 1)))

    named, optimizers = dict(training.model.named_parameters()), []
    if args.optimizer == "muon":
        from lib.muon import Muon

        # tables are looked up, not multiplied with
        matrices = [name for name, p in named.items() if p.ndim == 2 and "embedding" not in name]
        optimizers.append(Muon([named.pop(name) for name in matrices], lr=3 * args.learning_rate))
    groups = [
        {"params": [p for p in named.values() if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in named.values() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizers.append(torch.optim.AdamW(groups, lr=args.learning_rate, betas=(0.9, 0.999)))
    return optimizers, [torch.optim.lr_scheduler.LambdaLR(each, share) for each in optimizers]


def resumed(training, steps, lost):
    """Losses up to the saved state that training goes on from, [] without one; what was lost until then goes
    into `lost`.
    """
    import torch

    path = training.folder / STATE
    if not path.exists():
        return []
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in training.parts().items():
        part.load_state_dict(state[name])
    if world()[0] == 0:
        print(f"resuming after step {len(state['losses'])} of {steps}", flush=True)
    lost.update(state["lost"])
    return state["losses"]


def gathered(features, there):
    """Features and marks of all processes, in their order, with the gradients of all."""
    if world()[1] == 1:
        return features, there
    import torch
    from torch.distributed.nn.functional import all_gather

    marks = [torch.empty_like(there) for _ in range(world()[1])]
    torch.distributed.all_gather(marks, there)
    return torch.cat(all_gather(features)), torch.cat(marks)


def loss_of(training, batch):
    """The loss of a step, the same on every process; None where fewer than two of its clips are there."""
    import torch

    from lib.viit.dual import clip_features, contrast, text_features, tokens_of

    (pixels, captions, there), device = batch, training.device
    with torch.autocast(device.type, training.dtype, enabled=training.dtype != torch.float32):
        clips = clip_features(training.model, pixels.to(device))
        texts = text_features(training.model, tokens_of(training.processor, captions).to(device))
    clips, marks = gathered(clips, torch.tensor(there, device=device))
    texts, _ = gathered(texts, torch.tensor(there, device=device))
    words = np.array([" ".join(caption.lower().split()) for share in of_all(captions) for caption in share])
    same = torch.tensor(words[:, None] == words[None], dtype=torch.float32, device=device)
    places = marks.nonzero().flatten()
    if len(places) < 2:
        return None
    return contrast(clips[places], texts[places], training.model.logit_scale, same[places][:, places])


def learn(training, loss):
    """A step of the optimizer. Every process has the gradient of the whole loss by its own clips alone, times
    the number of processes, which each computed it.
    """
    import torch

    loss.backward()
    if world()[1] > 1:
        for parameter in training.model.parameters():
            if parameter.grad is not None:
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= world()[1]
    torch.nn.utils.clip_grad_norm_(training.model.parameters(), 1.0)
    for optimizer in training.optimizers:
        optimizer.step()


def train(args, clips, folder):
    """Train, save into `folder`; returns (losses, {clip: why it is lost}, speed)."""
    from lib.model.load import peak_memory
    from lib.model.save import save

    training = start(args, folder)
    pairs = Pairs(args, clips, training.processor)
    count = len(pairs.steps)
    training.optimizers, training.schedules = optimizers_of(training, count)
    losses = resumed(training, count, pairs.lost)
    left, began = range(len(losses), count), time.time()
    last = began
    ahead = prefetch(pairs.read, left, args.workers, 2 * args.workers)
    for batch in progress(ahead, len(left), "dual encoder"):
        pairs.check()
        loss = loss_of(training, batch)
        if loss is not None:
            learn(training, loss)
        for schedule in training.schedules:
            schedule.step()
        training.model.zero_grad(set_to_none=True)
        losses.append(None if loss is None else round(loss.item(), 6))
        if loss is not None and not math.isfinite(losses[-1]):
            raise StageError(f"loss is {losses[-1]} at step {len(losses)}: lower --learning-rate")
        if world()[0] == 0 and len(losses) % args.save_every == 0:
            state = {name: part.state_dict() for name, part in training.parts().items()}
            save({**state, "losses": losses, "lost": dict(list(pairs.lost.items()))}, folder / STATE)
        if world()[0] == 0 and (time.time() - last > LINE_EVERY or len(losses) == count):
            last, scale = time.time(), training.model.logit_scale.exp().item()
            print(f"step {len(losses)}/{count}  loss {losses[-1]}  scale {scale:.1f}", flush=True)
    if world()[0] == 0:
        training.model.save_pretrained(folder)
        training.processor.save_pretrained(folder)
    speed = {"seconds": round(time.time() - began, 2), "peak_memory_gib": peak_memory(training.device)}
    return losses, pairs.lost, speed


# ---------------------------------------------------------------- all


def parsed():
    """The command line; bad usage ends with exit code 2."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("input", help="clips with captions: a file of lib/captions, or of 02 with captions as answers")
    add(
        "--model", required=True, help="folder or hub id of a CLIP or SigLIP, or a dual encoder to go on from"
    )
    add("--videos", metavar="DIR", help="folder of the videos, found by name (default: that of the file)")
    unseen = "clips that the dual encoder will be tested on: their videos are left out of the training"
    add("--unseen", metavar="FILE", help=unseen)
    add(
        "--frames",
        type=int,
        default=4,
        help="frames a clip, evenly spread (default: %(default)s, the paper's)",
    )
    precisions = ("auto", "bfloat16", "float16", "float32")
    add("--dtype", default="auto", choices=precisions, help="of the arithmetic; weights are in float32")
    add("--batch-size", type=int, default=64, help="clips a step, over all processes (default: %(default)s)")
    add("--epochs", type=int, help="passes over the clips (default: 20, the paper's)")
    add("--steps", type=int, help="that many steps instead")
    add("--learning-rate", type=float, default=1e-5, help="peak of the cosine (default: %(default)s; ours)")
    muon = "adamw, as the paper, or muon for matrices, at three times the rate: of small models from scratch"
    add("--optimizer", choices=("adamw", "muon"), default="adamw", help=muon)
    add("--save-every", type=int, default=200, help="steps between saved states (default: %(default)s)")
    add("--workers", type=int, default=2, help="threads that decode ahead (default: %(default)s)")
    add("--frame-cache", metavar="DIR[,GIB]", help="keeps decoded frames for later epochs (default: none)")
    args = parser.parse_args()
    check_flags(parser, args)
    if args.steps and args.epochs:
        parser.error("--epochs: --steps says how long to train: leave out one of the two")
    if args.epochs is None and not args.steps:
        args.epochs = 20
    if args.batch_size < 2:
        parser.error(f"--batch-size {args.batch_size}: expected at least 2, as pairs are told apart")
    return args


def learnt(args):
    """The clips to learn from. Raises StageError where they are too few."""
    clips, left_out = read_captions(args.input), 0
    if args.unseen:
        unseen = set(videos_of(read_captions(args.unseen), args.videos, args.unseen))
        videos = videos_of(clips, args.videos, args.input)
        seen = [clip for clip, video in zip(clips, videos) if video not in unseen]
        clips, left_out = seen, len(clips) - len(seen)
    if left_out and world()[0] == 0:
        print(f"clips left out, of videos that are in {args.unseen}: {left_out}", flush=True)
    if len(clips[: args.limit]) < 2:
        more = f" of videos that are not in {args.unseen}" if left_out else ""
        raise StageError(f"{args.input}: {len(clips)} clips with captions{more}; contrast needs at least two")
    return clips[: args.limit]


def main():
    args = parsed()
    clips = learnt(args)
    # how many wrong captions a clip is held against is no matter of how it is computed
    unasked = () if args.unseen else ("unseen",)
    settings = {
        **settings_of(args, unasked),
        "batch": args.batch_size,
        "model_identity": checkpoint_id(args.model),
    }
    about = {"uses": [args.model], "trust": args.trust_code, "scraps": (f"{STATE}*",)}
    inputs = [args.input, *filter(None, [args.unseen])]
    with Output(args.output, settings, inputs, args.overwrite, folder=True, **about) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(settings)
        losses, lost, speed = train(args, clips, Path(output.part))
        output.finish(clips=len(clips), lost=lost, steps=len(losses), losses=losses, speed=speed)
    if world()[0] == 0:
        finite = [loss for loss in losses if loss is not None]
        text = f"{len(losses)} steps on {len(clips)} clips, {len(lost)} lost{course_of(finite)}"
        print(f"{args.output}: {text}")


if __name__ == "__main__":
    run(main)
