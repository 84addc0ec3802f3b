"""The demo's base model: a tiny Video-LLaVA of the real class, trained from scratch on the source world of demo_world.

    python -m lib.demo_base -o runs/demo/base --seed 0 --steps 800

Saved as any checkpoint is: the stages load it exactly as they would load a 7B model. Fresh clips are rendered for every step by a thread,
so nothing is seen twice. A killed run goes on from its last hundredth step. A base that did not learn to read its clips is an error.
"""
import argparse
import math
import os
import re
import time
from pathlib import Path
import numpy as np

from lib import demo_world as world
from lib.prompts import EXPLAIN, label_text, render
from lib.records import StageError
from lib.stage import Output, run
from lib.video import prefetch

# CLIP-style tower: one 32-pixel frame is 4 patches and the class token, 8 frames are 40 tokens
VISION = dict(hidden_size=96, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=16, projection_dim=64)
TEXT = dict(hidden_size=128, intermediate_size=352, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=1024)
FRAMES = 8
# eight images in a row are written as one video is, for a server that is sent its frames
CHAT = "{% for m in messages %}{{ m['role'].upper() + ': ' }}{% for c in m['content'] if c['type'] == 'video' %}<video>\n{% endfor %}{% for c in m['content'] if c['type'] == 'image' %}<image>{{ '\n' if loop.last }}{% endfor %}{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }} {% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"


def sampled(facts, style, rng):
    """(frames, metadata) of a clip as lib.video would read them from its file."""
    every = world.SECONDS * world.FPS // FRAMES
    indices = [k * every + every // 2 for k in range(FRAMES)]
    frames = np.stack([world.frame(facts, style, i, rng) for i in indices])
    return frames, dict(total_num_frames=world.SECONDS * world.FPS, fps=world.FPS, frames_indices=indices, duration=world.SECONDS, height=world.SIDE, width=world.SIDE)


def example(seed, index):
    """The training examples of one clip of the source world: [(user turn, answer, (frames, metadata)), ...], one for each of its questions."""
    rng = np.random.default_rng([seed, index])
    facts, style = world.clip_facts(rng, "source"), world.look(rng, "source")
    clip, rows = sampled(facts, style, rng), []
    for _, question, labels, reasoning in world.questions(facts):
        how = ("direct", "rationalized", "short")[int(np.searchsorted([0.65, 0.9], rng.random()))]
        answer = label_text(labels) if how == "short" else f"{reasoning}\nAnswer: {label_text(labels)}"
        rows.append((render({"question": question, "labels": labels}, how), answer, clip))
    return rows


def build(folder, seed):
    """Write a random tiny Video-LLaVA with its processor and a byte-level tokenizer into `folder`."""
    import torch
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import (CLIPImageProcessor, CLIPVisionConfig, LlamaConfig, PreTrainedTokenizerFast, VideoLlavaConfig,
                              VideoLlavaForConditionalGeneration, VideoLlavaProcessor)
    from transformers.models.video_llava.video_processing_video_llava import VideoLlavaVideoProcessor

    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(" ?[0-9]"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokens.decoder = decoders.ByteLevel()
    specials = ["<pad>", "<s>", "</s>", "<image>", "<video>"]
    phrases = ["USER:", " ASSISTANT:", "Question:", "Answer:", EXPLAIN, "Give only the answer."]  # of every prompt: one token each
    texts = [part for i in range(300) for turn, answer, _ in example(seed, i) for part in (re.sub("|".join(map(re.escape, phrases)), "", turn), answer)]
    tokens.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=480, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", bos_token="<s>", eos_token="</s>", padding_side="left",
                                        extra_special_tokens={"image_token": "<image>", "video_token": "<video>"})
    tokenizer.add_tokens([AddedToken(phrase, special=False, normalized=False) for phrase in phrases])
    size = dict(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_mean=[0.3] * 3, image_std=[0.25] * 3)
    processor = VideoLlavaProcessor(image_processor=CLIPImageProcessor(**size), video_processor=VideoLlavaVideoProcessor(**size), tokenizer=tokenizer,
                                    patch_size=16, vision_feature_select_strategy="full", chat_template=CHAT)
    config = VideoLlavaConfig(vision_config=CLIPVisionConfig(**VISION), image_token_index=3, video_token_index=4, vision_feature_layer=-1, vision_feature_select_strategy="full",
                              text_config=LlamaConfig(vocab_size=len(tokenizer), pad_token_id=0, bos_token_id=1, eos_token_id=2, **TEXT),
                              image_seq_length=5, video_seq_length=5 * FRAMES)
    torch.manual_seed(seed)
    model = VideoLlavaForConditionalGeneration(config)
    for name, parameter in model.named_parameters():  # the library's initialisation is for large models: this small it learns the text prior only
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.5 if "position_embedding" in name or "class_embedding" in name else 0.08)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def train(args, folder):
    """Train in `folder`, going on from its last saved state, to the same result; returns (mean loss of the last 50 steps, model, processor)."""
    import torch
    from lib.model import chat, device_of, load, training_batch
    device = device_of()
    build(folder, args.seed)
    model, processor = load(folder, device, torch.float32)
    model.set_attn_implementation("eager")  # faster than fused attention for sequences this short
    model.train()
    # Muon for the matrices, AdamW for the rest: about 1.8 times fewer steps to the same loss than AdamW alone
    is_matrix = lambda name, p: p.ndim == 2 and "embed" not in name and "lm_head" not in name
    matrices, others = ([p for name, p in model.named_parameters() if is_matrix(name, p) == wanted] for wanted in (True, False))
    optimizers = [torch.optim.Muon(matrices, lr=3 * args.learning_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
                  torch.optim.AdamW(others, lr=args.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))]
    rate = lambda step: min(1, (step + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1, step / args.steps))))
    parts = [model, *optimizers, *(torch.optim.lr_scheduler.LambdaLR(optimizer, rate) for optimizer in optimizers)]
    losses, saved = [], folder / "state.pt"
    if saved.exists():
        *states, losses = torch.load(saved, weights_only=True)
        for part, state in zip(parts, states):
            part.load_state_dict(state)
        print(f"resuming after step {len(losses)}", flush=True)
    tower = sum(p.numel() for p in model.model.image_tower.parameters())  # the image tower is not trained: it becomes the video tower's copy
    print(f"base: Video-LLaVA, {sum(p.numel() for p in model.parameters()) - tower:,} parameters, {args.steps} steps of {args.clips} fresh source clips, {device}", flush=True)

    def batch(step):
        clips = range(step * args.clips, (step + 1) * args.clips)
        rows = [row for clip in clips for row in example(args.seed, 1_000_000 + clip)]
        return training_batch(processor, [(chat(processor, turn), answer) for turn, answer, _ in rows], [clip for *_, clip in rows])

    began = time.time()
    for inputs in prefetch(batch, range(len(losses), args.steps), workers=1, ahead=4):
        with torch.autocast(device.type, torch.bfloat16):
            # logits of the answers alone: rows are left-padded, so these are the last positions
            labels = inputs.pop("labels")
            kept = int((labels != -100).sum(1).max())
            logits = model(**inputs.to(device), logits_to_keep=kept + 1).logits[:, :-1]
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), labels[:, -kept:].flatten().to(device), ignore_index=-100)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in parts[1:]:
            part.step()
        model.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if len(losses) % 100 == 0:
            print(f"step {len(losses):5d}/{args.steps}  loss {np.mean(losses[-50:]):.3f}  {time.time() - began:.0f} s", flush=True)
            torch.save([*(part.state_dict() for part in parts), losses], f"{saved}.tmp")
            os.replace(f"{saved}.tmp", saved)
    model.set_attn_implementation("sdpa")
    model.model.image_tower.load_state_dict(model.model.video_tower.state_dict())  # frames sent to a server as images are then seen as a video's are
    model.generation_config.do_sample = True  # else `transformers serve` answers greedily, whatever the temperature
    model.save_pretrained(folder)
    for left in folder.glob("state.pt*"):
        left.unlink()
    return float(np.mean(losses[-50:])), model.eval(), processor


def source_accuracy(model, processor, seed, clips=60):
    """(right, asked) on fresh clips of the source world, greedily, by the verifier."""
    from lib.generate import generate
    from lib.model import chat
    from lib.verify import verify
    asked = []
    for clip in range(clips):
        rng = np.random.default_rng([seed, 3, clip])
        facts, style = world.clip_facts(rng, "source"), world.look(rng, "source")
        frames, meta = sampled(facts, style, rng)
        asked += [({"id": f"{clip}", "question": question, "labels": labels, "duration": float(world.SECONDS), "origin": "direct"}, (frames, meta)) for _, question, labels, _ in world.questions(facts)]
    answers = generate(model, processor, [chat(processor, render(record, "direct")) for record, _ in asked], [clip for _, clip in asked], [0] * len(asked), max_new_tokens=80)
    return sum(verify({**record, "answer": answer}, {})["verdict"] == "correct" for (record, _), (answer, _, _) in zip(asked, answers)), len(asked)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", required=True, help="folder of the base model; it is complete when it holds DONE")
    parser.add_argument("--overwrite", action="store_true", help="replace a base that was made with other settings")
    parser.add_argument("--seed", type=int, default=0, help="seed of the initialisation and of the clips (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=800, help="training steps (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=18, help="fresh clips a step, each with its one or two questions (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="peak of the cosine (default: %(default)s)")
    args = parser.parse_args()
    with Output(args.output, {k: v for k, v in vars(args).items() if k not in ("output", "overwrite")}, [], args.overwrite, folder=True) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        loss, model, processor = train(args, Path(output.part))
        right, asked = source_accuracy(model, processor, args.seed)
        print(f"{args.output}: loss {loss:.3f}; on fresh clips of its own source world {right} of {asked} questions right ({100 * right / asked:.0f} %)", flush=True)
        if args.steps >= 300 and right < 0.6 * asked:  # a briefly trained one is for trying out the mechanics
            raise StageError(f"the base did not learn to read its clips ({right} of {asked} right, expected over 60 %): another --seed or more --steps; remove {args.output}.part to start anew")
        output.finish(loss=round(loss, 4), source_right=right, source_asked=asked)


if __name__ == "__main__":
    run(main)
