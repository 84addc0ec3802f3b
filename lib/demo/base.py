"""The demo's base model: a tiny Video-LLaVA (tiny.py), trained from scratch on the source world (world.py).

    python -m lib.demo.base -o runs/demo/base --seed 0 --steps 500
    python -m lib.demo.base -o runs/demo/viit/base --captions       # learns to caption too

Saved as any checkpoint is: the stages load it exactly as they would load a 7B model. Fresh clips are rendered
for every step by a thread, so nothing is seen twice. A killed run goes on from its last hundredth step. A
base that did not learn to read its clips is an error. All arithmetic is in float32: on a CPU without bfloat16
instructions bfloat16 is ten to ninety times slower.
"""

import math
import time
from pathlib import Path

import numpy as np

from lib.command import check_flags, checked_parser
from lib.demo import captions, world
from lib.output import Output
from lib.process import run
from lib.prompts import CAPTION, label_text, render
from lib.records import StageError
from lib.verifier import verify
from lib.video import prefetch, viewed


def sampled(facts, style, rng, frames):
    """(frames, metadata) of a clip as lib.video would read them from its file."""
    total = world.SECONDS * world.FPS
    every = total // frames
    indices = [k * every + every // 2 for k in range(frames)]
    pictures = np.stack([world.frame(facts, style, i, rng) for i in indices])
    side = dict(height=world.SIDE, width=world.SIDE)
    return pictures, dict(
        total_num_frames=total, fps=world.FPS, frames_indices=indices, duration=world.SECONDS, **side
    )


def examples(seed, index, frames, captions=False):
    """What is trained on of one clip of the source world: (user's turn, answer, (frames, metadata)) of each
    of its questions; with `captions` a caption and half of its questions.
    """
    rng = np.random.default_rng([seed, index])
    facts, style = world.clip_facts(rng, "source"), world.look(rng, "source")
    clip, rows = sampled(facts, style, rng, frames), []
    if captions:
        rows.append(captioned(facts, clip, rng))
    for _, question, labels, reasoning in world.questions(facts):
        if captions and rng.random() < 0.5:
            continue
        form = ("direct", "rationalized", "short")[int(np.searchsorted([0.65, 0.9], rng.random()))]
        answer = label_text(labels)
        if form != "short":
            answer = f"{reasoning}\nAnswer: {answer}"
        rows.append((render({"question": question, "labels": labels}, form), answer, clip))
    return rows


def captioned(facts, clip, rng):
    """The row of a clip's caption; of one in eight that of its middle frame alone, so that stills are not
    foreign to the model.
    """
    if rng.random() < 1 / 8:
        frames, about = clip
        return CAPTION, captions.still_caption(facts), (viewed(frames, "still", 0), about)
    return CAPTION, captions.caption(facts), clip


def build(folder, seed, captions=False):
    """Write the random model with which training begins into `folder`; its tokenizer knows the words of 300
    source clips.
    """
    from lib.demo import tiny

    texts = [
        text
        for i in range(300)
        for turn, answer, _ in examples(seed, i, tiny.FRAMES, captions)
        for text in (turn, answer)
    ]
    tiny.build(folder, seed, texts)


def optimizers_of(model, learning_rate, steps):
    """Muon for the matrices, AdamW for the rest (some 1.8 times fewer steps than AdamW alone), and the
    schedule of each.
    """
    import torch

    from lib.muon import Muon

    named = list(model.named_parameters())
    outer = ("embed", "lm_head")
    matrices = [p for name, p in named if p.ndim == 2 and not any(part in name for part in outer)]
    chosen = set(map(id, matrices))
    others = [p for _, p in named if id(p) not in chosen]
    optimizers = [
        Muon(matrices, lr=3 * learning_rate),
        torch.optim.AdamW(others, lr=learning_rate, weight_decay=0.01, betas=(0.9, 0.98)),
    ]

    def rate(step):
        cosine = 0.5 * (1 + math.cos(math.pi * min(1, step / steps)))
        return min(1, (step + 1) / 50) * (0.02 + 0.98 * cosine)

    return optimizers, [torch.optim.lr_scheduler.LambdaLR(optimizer, rate) for optimizer in optimizers]


def loss_of(model, inputs):
    """Mean cross-entropy of the answers' tokens; logits of the answers alone, since rows are left-padded."""
    import torch

    labels = inputs.pop("labels")
    tail = int((labels != -100).sum(1).max())
    logits = model(**inputs, logits_to_keep=tail + 1).logits[:, :-1]
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels[:, -tail:].flatten(), ignore_index=-100
    )


def batch_of(processor, seed, clips, captions=False):
    """Inputs and labels of all questions on these clips of the source world, by their numbers."""
    from lib.demo.tiny import FRAMES
    from lib.model.inputs import chat, training_batch

    rows = [row for clip in clips for row in examples(seed, 1_000_000 + clip, FRAMES, captions)]
    prompts = [(chat(processor, turn), answer) for turn, answer, _ in rows]
    return training_batch(processor, prompts, [clip for *_, clip in rows])


def load_state(path, parts):
    """Go on from a saved state of model, optimizers and schedules, if there is one; returns the losses up to
    it.
    """
    import torch

    if not path.exists():
        return []
    *states, losses = torch.load(path, weights_only=True)
    for part, state in zip(parts, states):
        part.load_state_dict(state)
    print(f"resuming after step {len(losses)}", flush=True)
    return losses


def train(args, folder):
    """Train in `folder`, going on from its last saved state, to the same result.

    Returns (mean loss of the last 50 steps, model, processor).
    """
    import torch

    from lib.model.load import device_of, load
    from lib.model.save import save

    device, saved = device_of(), folder / "state.pt"
    build(folder, args.seed, args.captions)
    model, processor = load(folder, device, torch.float32)
    model.set_attn_implementation("eager")  # faster than fused attention for sequences this short
    model.train()
    optimizers, schedules = optimizers_of(model, args.learning_rate, args.steps)
    parts = [model, *optimizers, *schedules]
    losses = load_state(saved, parts)
    # the image tower is not trained: it becomes the video tower's copy
    number = sum(p.numel() for name, p in model.named_parameters() if "image_tower" not in name)
    size = f"{number:,} parameters, {args.steps} steps of {args.clips} fresh source clips"
    print(f"base: Video-LLaVA, {size}, {device}", flush=True)

    def read(step):
        return batch_of(
            processor, args.seed, range(step * args.clips, (step + 1) * args.clips), args.captions
        )

    began = time.time()
    for inputs in prefetch(read, range(len(losses), args.steps), workers=1, ahead=4):
        loss = loss_of(model, inputs.to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in [*optimizers, *schedules]:
            part.step()
        model.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if len(losses) % 100 == 0:
            mean, seconds = np.mean(losses[-50:]), time.time() - began
            print(f"step {len(losses):5d}/{args.steps}  loss {mean:.3f}  {seconds:.0f} s", flush=True)
            save([*(part.state_dict() for part in parts), losses], saved)
    finish(model, folder)
    return float(np.mean(losses[-50:])), model.eval(), processor


def finish(model, folder):
    """Save the trained model as any checkpoint is."""
    model.set_attn_implementation("sdpa")
    # frames sent to a server as images are then seen as a video's are
    model.model.image_tower.load_state_dict(model.model.video_tower.state_dict())
    # else `transformers serve` answers greedily, whatever the temperature
    model.generation_config.do_sample = True
    model.save_pretrained(folder)


def source_accuracy(model, processor, seed, clips=60):
    """(right, number) of questions on fresh clips of the source world, greedily, by the verifier."""
    from lib.demo.tiny import FRAMES
    from lib.model.generate import generate
    from lib.model.inputs import chat

    records, shown = [], []
    for clip in range(clips):
        rng = np.random.default_rng([seed, 3, clip])
        facts, style = world.clip_facts(rng, "source"), world.look(rng, "source")
        frames = sampled(facts, style, rng, FRAMES)
        for _, question, labels, _ in world.questions(facts):
            about = {"id": str(clip), "origin": "direct", "duration": float(world.SECONDS)}
            records.append({**about, "question": question, "labels": labels})
            shown.append(frames)
    prompts = [chat(processor, render(record, "direct")) for record in records]
    answers = generate(model, processor, prompts, shown, [0] * len(prompts), max_new_tokens=80)
    results = [verify({**record, "answer": text}, {}) for record, (text, *_) in zip(records, answers)]
    return sum(result["verdict"] == "correct" for result in results), len(results)


def caption_truth(model, processor, seed, world_name="source", clips=100):
    """Share of true captions on fresh clips, greedily."""
    from lib.demo.tiny import FRAMES
    from lib.model.generate import generate
    from lib.model.inputs import chat

    shown, facts = [], []
    for clip in range(clips):
        rng = np.random.default_rng([seed, 5, clip])
        facts.append(world.clip_facts(rng, world_name))
        shown.append(sampled(facts[-1], world.look(rng, world_name), rng, FRAMES))
    prompts = [chat(processor, CAPTION)] * clips
    replies = generate(model, processor, prompts, shown, [0] * clips, max_new_tokens=32)
    return float(np.mean([captions.is_true_caption(text, f) for (text, *_), f in zip(replies, facts)]))


def main():
    parser = checked_parser(__doc__)
    add = parser.add_argument
    add("-o", "--output", required=True, help="folder of the base model; it is complete when it holds DONE")
    add("--overwrite", action="store_true", help="replace a base that was made with other settings")
    add("--trust-code", action="store_true", help="take a base that other code made as it is")
    add("--seed", type=int, default=0, help="seed of initialisation and clips (default: %(default)s)")
    add("--steps", type=int, default=500, help="training steps (default: %(default)s)")
    add(
        "--clips",
        type=int,
        default=18,
        help="fresh clips a step (default: %(default)s)",
    )
    add("--learning-rate", type=float, default=2e-3, help="peak of the cosine (default: %(default)s)")
    add("--captions", action="store_true", help="train on captions too, with half as many questions (VIIT)")
    args = parser.parse_args()
    check_flags(parser, args)
    if args.clips < 1:
        parser.error(f"--clips {args.clips}: expected at least 1")
    left_out = ("output", "overwrite", "trust_code", *([] if args.captions else ["captions"]))
    settings = {k: v for k, v in vars(args).items() if k not in left_out}
    styles = ["direct", "short", *(["caption"] if args.captions else [])]
    about = {"styles": styles, "trust": args.trust_code, "scraps": ["state.pt*"]}
    with Output(args.output, settings, [], args.overwrite, folder=True, **about) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        loss, model, processor = train(args, Path(output.part))
        right, number = source_accuracy(model, processor, args.seed)
        print(
            f"{args.output}: loss {loss:.3f}; on fresh clips of its own source world {right} of {number} "
            "questions "
            f"right ({100 * right / number:.0f} %)",
            flush=True,
        )
        counts = {"loss": round(loss, 4), "source_right": right, "source_asked": number}
        learnt = right / number
        if args.captions:  # it sees half as many questions: captions are what it is for
            learnt = counts["captions_true"] = caption_truth(model, processor, args.seed)
            print(f"captions of fresh clips of its own world: {100 * learnt:.0f} % true", flush=True)
        # a briefly trained one is for trying out the mechanics
        if args.steps >= 300 and learnt < 0.6:
            raise StageError(
                f"the base did not learn to read its clips ({100 * learnt:.0f} % right, expected over 60 %): "
                f"another --seed or more --steps; remove {args.output}.part to start anew"
            )
        output.finish(**counts)


if __name__ == "__main__":
    run(main)
