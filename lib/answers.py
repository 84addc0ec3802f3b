"""Ask a model: requests in, answered records out. What 02, 03 and 06 share.

Batches are planned over all requests before anything is skipped, and a batch is computed whole: so the arithmetic of an answer, and with it
its text, is the same after a restart, and in any number of processes.
"""
import hashlib

from lib.prompts import render, strip_placeholders
from lib.records import key_of, video_path
from lib.stage import progress, world
from lib.video import VideoError, prefetch, read_frames


def record_seed(*parts):
    """A 48-bit seed of this record alone, so that batch, order, shards and restarts do not change its draw."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def request(record, origin, sample, seed, cycle):
    """A question to put: (the record with the keys its answer will carry, how to ask it). Its draw depends on nothing but these arguments."""
    asked = {k: v for k, v in record.items() if k not in ("answer", "error", "tokens", "truncated")}
    return {**asked, "origin": origin, "sample": sample, "seed": record_seed(seed, cycle, record["id"], origin, sample)}, origin


def conclude(model, processor, batch, clips, answers):
    """Replace the final line of each answer by what the model concludes, greedily, from question, video and explanation without the hint."""
    from lib.model import chat, generate
    told = [i for i in answers if "Answer:" in answers[i][0]]
    explanations = [answers[i][0].split("Answer:", 1)[0].rstrip() for i in told]  # up to the first answer stated: what follows may repeat the hint
    texts = [f"{chat(processor, render(batch[i][0], 'direct'))} {explanation}\nAnswer:" for i, explanation in zip(told, explanations)]
    for i, explanation, (line, tokens, ended) in zip(told, explanations, generate(model, processor, texts, [clips[i] for i in told], [0] * len(told), max_new_tokens=64) if told else []):
        answers[i] = f"{explanation}\nAnswer: {line}", answers[i][1] + tokens, ended


def show_first(chat, processor, requests):
    """Print the first prompt exactly as the model will read it (rank 0)."""
    if world()[0] == 0 and requests:
        record, style = requests[0]
        print(f"first prompt ({len(requests)} in all):\n  " + chat(processor, render(record, style)).replace("\n", "\n  "), flush=True)


def answer(requests, args, output, temperature, what, top_p=1.0, conclude_unaided=False):
    """Answer every request whose key `output` lacks, and write it there; a video that fails costs its own records, each with the reason.

    Videos are relative to the output's folder (see rebase). Each process takes every WORLD-th batch.
    """
    import torch
    from lib.model import chat, device_of, dtype_of, generate, load
    rank, processes = world()
    batches = [requests[i : i + args.batch_size] for i in range(0, len(requests), args.batch_size)][rank::processes]
    batches = [batch for batch in batches if any(key_of(record) not in output.done for record, _ in batch)]
    if not batches:
        return
    device = device_of()
    model, processor = load(args.model, device, dtype_of(args.dtype, device))
    print(f"model: {type(model).__name__}, {sum(p.numel() for p in model.parameters()) / 1e6:,.1f} M parameters, {str(model.dtype)[6:]} on {device}" + (f", rank {rank} of {processes}" if processes > 1 else ""), flush=True)
    show_first(chat, processor, requests)

    def decode(batch):
        wanted = [(video_path(record, output.path), record.get("start"), record.get("end")) for record, _ in batch]
        clips = {}  # questions and samples on one clip share one decode
        for clip in wanted:
            if clip not in clips:
                try:
                    clips[clip] = read_frames(clip[0], args.frames, *clip[1:])
                except VideoError as error:
                    clips[clip] = str(error)
        return batch, [clips[clip] for clip in wanted]

    for batch, clips in progress(prefetch(decode, batches, args.workers, ahead=2 * args.workers), len(batches), what):
        good = [i for i, clip in enumerate(clips) if not isinstance(clip, str)]
        answers = dict(zip(good, generate(
            model, processor, [chat(processor, render(*batch[i])) for i in good], [clips[i] for i in good], [batch[i][0]["seed"] for i in good],
            temperature, top_p, args.max_new_tokens) if good else []))
        if conclude_unaided:
            conclude(model, processor, batch, clips, answers)
        finished = []
        for i, (record, _) in enumerate(batch):
            if key_of(record) in output.done:
                continue
            if i in answers:
                text, tokens, ended = answers[i]
                finished.append({**record, "answer": strip_placeholders(text), "tokens": tokens, **({} if ended else {"truncated": True})})
            else:
                finished.append({**record, "error": clips[i]})
        output.write(*finished)
        output.check_budget(args.max_failures, len(requests))
    if device.type == "cuda":
        print(f"peak GPU memory {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB", flush=True)
