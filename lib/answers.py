"""Ask a model: requests in, answered records out. What 02, 03 and 06 share.

Batches are planned over all requests before anything is skipped, and a batch is computed whole, in parts only where memory runs out: so the
arithmetic of an answer, and with it its text, is the same after a restart, and in any number of processes.
"""
import hashlib
import time

from lib.prompts import render, strip_placeholders
from lib.records import StageError, key_of, video_path
from lib.served import answer_served, is_served
from lib.stage import progress, world
from lib.video import VideoError, prefetch, read_frames, viewed


NO_MEMORY = "out of memory with this question alone: fewer --frames or --max-new-tokens, --load-in-4bit or --device-map auto need less"


def record_seed(*parts):
    """A 48-bit seed of this record alone, so that batch, order, shards and restarts do not change its draw."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def request(record, origin, sample, seed, cycle):
    """A question to put: (the record with the keys its answer will carry, how to ask it). Its draw depends on nothing but these arguments."""
    asked = {k: v for k, v in record.items() if k not in ("answer", "error", "tokens", "truncated")}
    return {**asked, "origin": origin, "sample": sample, "seed": record_seed(seed, cycle, record["id"], origin, sample)}, origin


def in_halves(compute, items, at_once):
    """(results of compute(part) for all parts of `items`, `at_once` long; how often memory ran out and a part was tried again in halves).

    The result of an item for which memory does not suffice alone is None.
    """
    import torch
    results, halvings = [], 0
    for i in range(0, len(items), at_once):
        part = items[i : i + at_once]
        try:
            results += compute(part)
            continue
        except torch.OutOfMemoryError:
            pass  # not here: until this block is left, the error holds on to the tensors of the failed part
        torch.cuda.empty_cache()
        if len(part) == 1:
            results.append(None)
            continue
        print(f"out of memory with {len(part)} answers at once: trying {(len(part) + 1) // 2}", flush=True)
        again, more = in_halves(compute, part, (len(part) + 1) // 2)
        results, halvings = results + again, halvings + 1 + more
    return results, halvings


def conclude(ask, prompt, batch, clips, answers):
    """Replace the final line of each answer by what the model concludes, greedily, from question, video and explanation without the hint."""
    told = [i for i in answers if "Answer:" in answers[i][0]]
    explanations = [answers[i][0].split("Answer:", 1)[0].rstrip() for i in told]  # up to the first answer stated: what follows may repeat the hint
    texts = [f"{prompt(batch[i][0], 'direct')} {explanation}\nAnswer:" for i, explanation in zip(told, explanations)]
    for i, explanation, said in zip(told, explanations, ask(texts, [clips[i] for i in told], [0] * len(told), max_new_tokens=64)):
        answers[i] = said and (f"{explanation}\nAnswer: {said[0]}", answers[i][1] + said[1], said[2])


def show_first(chat, processor, requests):
    """Print the first prompt exactly as the model will read it (rank 0)."""
    if world()[0] == 0 and requests:
        record, style = requests[0]
        print(f"first prompt ({len(requests)} in all):\n  " + chat(processor, render(record, style)).replace("\n", "\n  "), flush=True)


def answer(requests, args, output, temperature, what, top_p=1.0, conclude_unaided=False):
    """Answer every request whose key `output` lacks, and write it there; a video that fails costs its own records, each with the reason.

    Videos are relative to the output's folder (see rebase). Each process takes every WORLD-th batch, those with the longest prompts first:
    where memory does not suffice for a batch, that shows at once. How often it was halved for that is `out_of_memory` in the sidecar
    (of rank 0; every rank prints its own).
    """
    if is_served(args.model):
        if args.dtype != "auto" or args.device_map or args.load_in_4bit or args.feature_cache:
            raise StageError(f"--model {args.model}: --dtype, --device-map, --load-in-4bit and --feature-cache are the server's matter; leave them out", code=2)
        return answer_served(requests, args, output, temperature, what, top_p, conclude_unaided)
    import torch
    from lib.features import FeatureCache, encoding_of, row_of
    from lib.generate import generate, prepare
    from lib.model import chat, device_of, dtype_of, load, peak_memory
    (rank, processes), began = world(), time.time()
    clip_of = lambda record: (record["video"], record.get("start"), record.get("end"))
    clips = {}
    for asked in requests:
        clips.setdefault(clip_of(asked[0]), []).append(asked)  # what is asked about one clip shares its decoding and encoding
    longest = lambda batch: max(len(render(*asked)) for asked in batch)
    requests = [asked for group in sorted(clips.values(), key=longest, reverse=True) for asked in group]  # like lengths together: little is padded
    batches = [requests[i : i + args.batch_size] for i in range(0, len(requests), args.batch_size)][rank::processes]
    batches = [batch for batch in batches if any(key_of(record) not in output.done for record, _ in batch)]
    batches.sort(key=lambda batch: len(batch) * longest(batch), reverse=True)
    if not batches:
        return
    device = device_of()
    model, processor = load(args.model, device, dtype_of(args.dtype, device), args.device_map, args.load_in_4bit)
    at_once, output.about["out_of_memory"] = args.batch_size, 0
    places = sorted({str(place) for place in getattr(model, "hf_device_map", {"": device}).values()})
    print(f"model: {type(model).__name__}, {model.num_parameters() / 1e6:,.1f} M parameters, {'4 bit' if args.load_in_4bit else str(model.dtype)[6:]}, {model.config._attn_implementation} attention on {', '.join(places)}" + (f", rank {rank} of {processes}" if processes > 1 else ""), flush=True)
    show_first(chat, processor, requests)
    features = FeatureCache(args.feature_cache, model, processor, args.frames, args.view, args.seed) if args.feature_cache else None

    def prompt(record, style):
        return chat(processor, render(record, style))

    def look(clip, texts):
        """The clip's encoding, kept or new, for prompts `texts`; or why there is none."""
        if kept := features and features.load(clip, texts):
            return kept
        try:
            frames, meta = read_frames(clip[0], args.frames, *clip[1:], args.frame_cache)
        except VideoError as error:
            return str(error)
        encoding = encoding_of(processor, texts[0], (viewed(frames, args.view, args.seed), meta))
        if None not in [row_of(processor, encoding, text) for text in texts]:
            encoding["clip"] = None  # no prompt needs another encoding: batches that wait shall not hold frames
        return encoding

    def decode(batch):
        wanted, asked = [(video_path(record, output.path), record.get("start"), record.get("end")) for record, _ in batch], {}
        for clip, (record, style) in zip(wanted, batch):
            asked.setdefault(clip, []).extend(prompt(record, how) for how in [style, "direct"][: 1 + conclude_unaided])
        clips = {clip: look(clip, texts) for clip, texts in asked.items()}  # questions and samples on one clip share one decoding and encoding
        clips = [clips[clip] for clip in wanted]
        good = [i for i, clip in enumerate(clips) if not isinstance(clip, str)]
        return batch, wanted, clips, good, prepare(processor, [prompt(*batch[i]) for i in good], [clips[i] for i in good]) if good else None

    def ask(texts, clips, seeds, prepared=None, **how):
        """What `generate` says to each text, as many at once as memory allows; None where it does not allow one."""
        nonlocal at_once
        compute = lambda part: generate(model, processor, *([items[i] for i in part] for items in (texts, clips, seeds)), prepared=prepared if len(part) == len(texts) else None, **how)
        said, halvings = in_halves(compute, range(len(texts)), at_once)
        if halvings:  # halved once a batch at most: a single large clip must not slow down all that follow
            at_once, output.about["out_of_memory"] = (at_once + 1) // 2, output.about["out_of_memory"] + halvings
        return said

    speed = {"load_seconds": round(time.time() - began, 2), "seconds": 0.0, "answers": 0, "prompt_tokens": 0, "new_tokens": 0, "peak_memory_gib": None}
    began = time.time()
    for batch, wanted, clips, good, prepared in progress(prefetch(decode, batches, args.workers, ahead=2 * args.workers), len(batches), what):
        said = ask([prompt(*batch[i]) for i in good], [clips[i] for i in good], [batch[i][0]["seed"] for i in good], prepared, temperature=temperature, top_p=top_p, max_new_tokens=args.max_new_tokens)
        answers = {i: words for i, words in zip(good, said) if words}
        if conclude_unaided:
            conclude(ask, prompt, batch, clips, answers)
        if prepared:
            speed["prompt_tokens"] += sum(len(prepared["begin"][clip]) + len(rest) for clip, rest in zip(prepared["clip_of"], prepared["rest"] or [[]] * len(prepared["clip_of"])))
        speed["answers"], speed["new_tokens"] = speed["answers"] + len(answers), speed["new_tokens"] + sum(tokens for _, tokens, _ in answers.values())
        for clip, encoding in {clip: clips[i] for i, clip in enumerate(wanted) if features and i in good}.items():
            if "clip" in encoding and "made" in encoding:  # new, not from the cache
                features.add(clip, encoding)
        finished = []
        for i, (record, _) in enumerate(batch):
            if key_of(record) in output.done:
                continue
            if answers.get(i):
                text, tokens, ended = answers[i]
                finished.append({**record, "answer": strip_placeholders(text), "tokens": tokens, **({} if ended else {"truncated": True})})
            else:
                finished.append({**record, "error": clips[i] if isinstance(clips[i], str) else NO_MEMORY})
        output.write(*finished)
        output.check_budget(args.max_failures, len(requests))
    speed["seconds"], speed["peak_memory_gib"], output.about["speed"] = round(time.time() - began, 2), peak_memory(device), speed
    print(f"{speed['answers']} answers in {speed['seconds']:.1f} s, {speed['answers'] / speed['seconds']:.1f} answers/s, {speed['new_tokens'] / speed['seconds']:,.0f} new tokens/s, peak memory {speed['peak_memory_gib']} GiB" + f", rank {rank}" * (processes > 1), flush=True)


def ask_text(model, prompts, at_once=8, max_new_tokens=128, seed=0, dtype="auto"):
    """Put (key, text) prompts, without video, to a model: a judge, or a writer of questions. Greedy; yields (key, {"answer"} or {"error"}) in any order.

    `model`: a server (see lib/served.py), or a folder or hub id of a video or text model of transformers. Raises StageError for one that cannot chat.
    """
    if is_served(model):
        from lib.served import ask
        yield from ask(model, prompts, in_flight=at_once, max_tokens=max_new_tokens, seed=seed)
        return
    import torch
    from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor
    from lib.model import device_of, dtype_of
    seeing, device = type(AutoConfig.from_pretrained(model)) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, device_of()
    processor = AutoProcessor.from_pretrained(model)
    tokenizer = getattr(processor, "tokenizer", processor)
    if not processor.chat_template:
        raise StageError(f"{model}: this model has no chat template; choose an instruction-tuned model")
    writer = (AutoModelForImageTextToText if seeing else AutoModelForCausalLM).from_pretrained(model, dtype=dtype_of(dtype, device)).to(device).eval()
    for batch in (prompts[i : i + at_once] for i in range(0, len(prompts), at_once)):
        turns = [[{"role": "user", "content": [{"type": "text", "text": text}] if seeing else text}] for _, text in batch]
        texts = [processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True) for turn in turns]
        specials = not (tokenizer.bos_token and texts[0].startswith(tokenizer.bos_token))  # a template may print the BOS itself
        inputs = tokenizer(texts, padding=True, padding_side="left", return_tensors="pt", add_special_tokens=specials).to(device)
        with torch.inference_mode():
            output = writer.generate(**inputs, do_sample=False, max_new_tokens=max_new_tokens)[:, inputs["input_ids"].shape[1]:]
        yield from ((key, {"answer": text}) for (key, _), text in zip(batch, tokenizer.batch_decode(output, skip_special_tokens=True)))
