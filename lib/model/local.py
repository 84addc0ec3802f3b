"""A video model of transformers in this process: questions in, answered records out, batch by batch.

Batches are planned over all questions before any is skipped (questions.py), and a batch is computed whole, in
parts only where memory runs out: so the arithmetic of an answer, and with it its text, is the same after a
restart.
"""

import time
from functools import cached_property, partial
from typing import NamedTuple

from lib.model import explanation_of, identity
from lib.model.cache import open_cache
from lib.model.context import context_of, less_room, too_long
from lib.model.coordinates import answered, frame_size_of, no_pixels_of
from lib.model.frames import FRAMES, TRIED, fitted, sampling_of
from lib.model.halves import in_halves
from lib.model.questions import plan_batches
from lib.model.thinking import check_thinking, continued, opened_by, reply_of
from lib.process import progress, world
from lib.records import StageError, key_of
from lib.thoughts import OPENING, without_tags
from lib.video import VideoError, prefetch, viewed

NO_MEMORY = (
    "out of memory with this question alone: less of the video ({lower}) or --max-new-tokens, "
    "--load-in-4bit or --device-map auto need less"
)


class Batch(NamedTuple):
    """Questions with what was made of them ahead of the model, on the CPU."""

    questions: list
    clips: dict  # {clip: its encoding, or the VideoError that says why there is none}
    good: list  # those of the questions whose clip is encoded, and whose prompt fits into the context
    prepared: dict | None  # what generate.prepare made of the good ones
    unfit: dict  # {id of the question object: (tokens, why its prompt does not fit)}


class Local:
    """A folder, a hub id, or a model in memory with its processor, loaded at the first question.

    frames: a number per clip, evenly spread, or a Sampling (frames.py); dtype, device_map, load_in_4bit: see
    load.load; batch_size: answers generated at once, halved where memory runs out; workers: threads that
    decode ahead; frame_cache, feature_cache: "DIR" or "DIR,GIB" (see cache.py); view: "video", "shuffled",
    "still" or "blind", drawn from `seed`; think: "yes" or "no", whether the chat template is to ask for a
    thought; max_thought_tokens: those that it may have, beside the answer's own.
    """

    def __init__(
        self,
        model,
        processor=None,
        frames=FRAMES,
        dtype="auto",
        device_map=None,
        load_in_4bit=False,
        batch_size=8,
        workers=2,
        frame_cache=None,
        feature_cache=None,
        view="video",
        seed=0,
        think=None,
        max_thought_tokens=None,
    ):
        for folder in filter(None, (frame_cache, feature_cache)):
            open_cache(folder)  # one that cannot be written is bad usage, before any work
        check_thinking(model, think, max_thought_tokens, processor)
        self.identity, self.report = identity(model), {}
        self.model, self.processor, self.features = model, processor, None
        self.sampling, self.view, self.seed = sampling_of(frames), view, seed
        self.think, self.max_thought_tokens = think, max_thought_tokens
        self.dtype, self.device_map, self.load_in_4bit = dtype, device_map, load_in_4bit
        self.batch_size, self.at_once, self.workers = batch_size, batch_size, workers
        self.frame_cache, self.feature_cache = frame_cache, feature_cache
        if self.sampling.bounded:  # what the processor cannot obey is bad usage, before any work
            self.sampling = fitted(self.sampling, self._frame_processor, self.identity["model"])

    def answers(self, questions, done=(), temperature=0.0, top_p=1.0, max_new_tokens=1024, what="answer"):
        """Yields the finished records of each batch, those whose key's hash is in `done` left out: a list of
        dicts. `questions`: a list, or a questions.Questions.

        Each has "answer", "tokens", "thought" where the model wrote one, and "truncated" where the limit
        ended it or the thought did not end; or "error" where its video cannot be read, or its prompt exceeds
        the model's context: it costs its own records. `report` holds what answers were drawn by, how fast it
        was, and how often a batch was halved. Raises StageError where no prompt fits.
        """
        began = time.time()
        batches = plan_batches(questions, self.batch_size, done, self.sampling)
        if not batches:
            return
        sampling = {"temperature": temperature, "top_p": top_p, "max_new_tokens": max_new_tokens}
        sampling["max_thought_tokens"] = self.max_thought_tokens
        self._load(sampling)
        self._show(questions)
        speed = {
            "load_seconds": round(time.time() - began, 2),
            "answers": 0,
            "prompt_tokens": 0,
            "new_tokens": 0,
        }
        began = time.time()
        read = partial(self._read, max_new_tokens=max_new_tokens)
        questions_of_batches = ([questions[n] for n in batch] for batch in batches)
        read_ahead = prefetch(read, questions_of_batches, self.workers, ahead=2 * self.workers)
        for number, batch in enumerate(progress(read_ahead, len(batches), what)):
            if number == 0:
                self._check_context(batch, questions, batches, read, done, max_new_tokens)
            answers = self._answer(batch, sampling)
            self._keep_features(batch)
            self._count(speed, batch, answers)
            yield [
                self._record(question, answers, batch)
                for question in batch.questions
                if hash(key_of(question.record)) not in done
            ]
        self._finish(speed, time.time() - began)

    def _load(self, sampling):
        """Load the model, if it is not in memory yet, and say what it is."""
        from lib.model.feature_cache import FeatureCache
        from lib.model.generate import sampling_of
        from lib.model.load import check_reads, device_of, dtype_of, load

        device = device_of()
        if self.processor is None:
            dtype = dtype_of(self.dtype, device)
            self.model, self.processor = load(self.model, device, dtype, self.device_map, self.load_in_4bit)
        self.sampling = fitted(self.sampling, self.processor, self.identity["model"])
        frames = self.sampling.count(TRIED)
        check_reads(self.model, self.processor, self.identity["model"], frames)
        self.opened = opened_by(self._chat("")) is not None
        if self.feature_cache:
            self.features = FeatureCache(
                self.feature_cache, self.model, self.processor, self.sampling, self.view, self.seed
            )
        model, (rank, processes) = self.model, world()
        self.context = context_of(model.config)
        self.report["sampling"] = sampling_of(model, self.processor.tokenizer, **sampling)
        places = getattr(model, "hf_device_map", {"": model.device}).values()
        precision = "4 bit" if self.load_in_4bit else str(model.dtype).removeprefix("torch.")
        print(
            f"model: {type(model).__name__}, {model.num_parameters() / 1e6:,.1f} M parameters, {precision}, "
            f"{model.config._attn_implementation} attention on {', '.join(sorted(set(map(str, places))))}"
            + (f", rank {rank} of {processes}" if processes > 1 else ""),
            flush=True,
        )

    def _chat(self, prompt):
        from lib.model.inputs import chat

        return chat(self.processor, prompt, self.think)

    def _show(self, questions):
        """Print the first prompt exactly as the model will read it (rank 0)."""
        if world()[0] == 0:
            first = self._chat(questions[0].prompt).replace("\n", "\n  ")
            print(f"first prompt ({len(questions)} in all):\n  {first}", flush=True)

    def _read(self, questions, max_new_tokens):
        """The Batch of these questions, with their clips decoded and encoded. Runs in threads, ahead."""
        texts = {}  # of each clip the prompts that it will be read with
        for question in questions:
            prompts = [question.prompt, *([question.conclude] if question.conclude else [])]
            texts.setdefault(question.clip, []).extend(map(self._chat, prompts))
        clips = {clip: self._encode(clip, prompts) for clip, prompts in texts.items()}
        good = [question for question in questions if not isinstance(clips[question.clip], VideoError)]
        prepared = self._prepare(good, clips)
        unfit = self._unfit(good, prepared, max_new_tokens)
        if unfit:
            good = [question for question in good if id(question) not in unfit]
            prepared = self._prepare(good, clips)
        return Batch(questions, clips, good, prepared, unfit)

    def _prepare(self, questions, clips):
        from lib.model.generate import prepare

        prompts = [self._chat(question.prompt) for question in questions]
        of_each = [clips[question.clip] for question in questions]
        return prepare(self.processor, prompts, of_each) if questions else None

    def _unfit(self, questions, prepared, max_new_tokens):
        """{id of the question object: (tokens, why its prompt does not fit)} of those prepared that exceed
        the model's context.
        """
        from lib.model.generate import lengths_of

        unfit, lengths = {}, lengths_of(prepared) if prepared else []
        for question, number in zip(questions, prepared["prompt_of"] if prepared else []):
            reason = too_long(*lengths[number], max_new_tokens, self.context, self.sampling.lower())
            if reason:
                unfit[id(question)] = (lengths[number][0], reason)
        return unfit

    def _check_context(self, first, questions, batches, read, done, max_new_tokens):
        """Say where answers find less room than --max-new-tokens. Raises StageError where no prompt of the
        first batch fits into the model's context, nor one of three others, and nothing is answered yet.
        """
        from lib.model.generate import lengths_of

        others = (batches[len(batches) * third // 3 - 1] for third in (1, 2, 3))
        others = ([questions[n] for n in batch] for batch in others)
        if first.unfit and not (first.good or done or any(read(batch).good for batch in others)):
            name = self.identity["model"]
            raise StageError(f"{name}: no prompt tried fits: {max(first.unfit.values())[1]}")
        longest = max(lengths_of(first.prepared))[0] if first.prepared else 0
        note = less_room(longest, max_new_tokens, self.context)
        if note and world()[0] == 0:
            print(note, flush=True)

    def _encode(self, clip, texts):
        """The encoding of a clip, kept or new, that the rendered prompts `texts` can share; or the
        VideoError.
        """
        from lib.model.clips import frames_of
        from lib.model.features import encoding_of, row_of

        if self.features:
            features = self.features.load(clip, texts)
            if features:
                return features
        try:
            frames, metadata = frames_of(clip, self.sampling, self.frame_cache)
        except VideoError as error:
            return error
        encoding = encoding_of(self.processor, texts[0], (viewed(frames, self.view, self.seed), metadata))
        if None not in [row_of(self.processor, encoding, text) for text in texts]:
            encoding["clip"] = (
                None  # no prompt needs another encoding: batches that wait shall not hold frames
            )
        return encoding

    def _answer(self, batch, sampling):
        """{id of the question object: its generate.Answer}; nothing of those that memory does not allow."""
        seeds = [question.record["seed"] for question in batch.good]
        texts = [self._chat(question.prompt) for question in batch.good]
        clips = [batch.clips[question.clip] for question in batch.good]
        made = self._generate(texts, clips, seeds, batch.prepared, **sampling)
        answers = {id(question): answer for question, answer in zip(batch.good, made) if answer}
        self._conclude(batch, answers)
        return answers

    def _conclude(self, batch, answers):
        """Replace the final line of answers to questions with `conclude` by what the model says of the
        explanation alone.
        """
        from lib.model.generate import prepare

        explained = [
            q
            for q in batch.good
            if q.conclude and id(q) in answers and self._explanation(answers[id(q)]) is not None
        ]
        if not explained:
            return
        explanations = [self._explanation(answers[id(question)]) for question in explained]
        texts = [self._to_conclude(q, text) for q, text in zip(explained, explanations)]
        clips = [batch.clips[question.clip] for question in explained]
        prepared = prepare(self.processor, texts, clips)
        unfit = self._unfit(explained, prepared, 1)
        if unfit:
            batch.unfit.update(unfit)
            left = {name: answer for name, answer in answers.items() if name not in unfit}
            answers.clear()
            answers.update(left)
            return self._conclude(batch, answers)
        lines = self._generate(texts, clips, [0] * len(texts), prepared, max_new_tokens=64)
        for question, explanation, line in zip(explained, explanations, lines):
            before = answers.pop(id(question))
            if line:
                text = f"{explanation}\nAnswer: {without_tags(line.text)}"
                answers[id(question)] = before._replace(
                    text=text, tokens=before.tokens + line.tokens, ended=line.ended
                )

    def _explanation(self, answer):
        return explanation_of(answer[0], self.opened)

    def _to_conclude(self, question, explanation):
        """The rendered prompt that a final line is to follow: the question, thought and explanation."""
        whole = OPENING + explanation if self.opened else explanation
        return continued(self.processor, self._chat(question.conclude), whole) + "\nAnswer:"

    def _generate(self, texts, clips, seeds, prepared=None, **sampling):
        """generate.generate, as many at once as memory allows; None where it does not allow one."""
        from lib.model import generate
        from lib.model.features import alike

        def compute(part):
            whole = prepared if len(part) == len(texts) else None
            inputs = ([values[i] for i in part] for values in (texts, clips, seeds))
            return generate.generate(self.model, self.processor, *inputs, prepared=whole, **sampling)

        answers, halvings = [None] * len(texts), 0
        for group in alike(self.model, self.processor, clips):
            made, more = in_halves(compute, group, self.at_once)
            halvings += more
            for number, answer in zip(group, made):
                answers[number] = answer
        if halvings:  # halved once a batch at most: a single large clip must not slow down all that follow
            self.at_once = (self.at_once + 1) // 2
        self.report["out_of_memory"] = self.report.get("out_of_memory", 0) + halvings
        return answers

    def _keep_features(self, batch):
        """Add to the feature cache what is new in this batch."""
        for question in {q.clip: q for q in batch.good if self.features}.values():
            encoding = batch.clips[question.clip]
            if "clip" in encoding and "made" in encoding:  # not from the cache
                self.features.add(question.clip, encoding)

    def _count(self, speed, batch, answers):
        from lib.model.generate import lengths_of

        if batch.prepared:
            speed["prompt_tokens"] += sum(tokens for tokens, _ in lengths_of(batch.prepared))
        speed["answers"] += len(answers)
        speed["new_tokens"] += sum(answer.tokens for answer in answers.values())

    def _finish(self, speed, seconds):
        from lib.model.load import peak_memory

        speed.update(seconds=round(seconds, 2), peak_memory_gib=peak_memory(self.model.device))
        self.report["speed"] = speed
        print(
            f"{speed['answers']} answers in {seconds:.1f} s, {speed['answers'] / seconds:.1f} answers/s, "
            f"{speed['new_tokens'] / seconds:,.0f} new tokens/s, peak memory {speed['peak_memory_gib']} GiB"
            + (f", rank {world()[0]}" if world()[1] > 1 else ""),
            flush=True,
        )

    def _record(self, question, answers, batch):
        """The question's record with its answer, or with the reason why there is none."""
        if id(question) in answers:
            return self._answered(question.record, answers[id(question)], batch.clips[question.clip])
        clip = batch.clips[question.clip]
        if isinstance(clip, VideoError):
            return {**question.record, "error": str(clip)}
        memory = NO_MEMORY.format(lower=f"lower {self.sampling.lower()}")
        _, reason = batch.unfit.get(id(question), (None, memory))
        return {**question.record, "error": reason}

    def _answered(self, record, answer, encoding):
        """A record with its answer on the clip of an encoding."""
        text, tokens, ended, thought_ended = answer
        reply = reply_of(text, ended, self.opened, thought_ended=thought_ended)
        in_pixels = record.get("boxes") == "pixels"
        size = frame_size_of(self.processor, encoding["inputs"]) if in_pixels else None
        return answered(record, {**reply, "tokens": tokens}, size)

    def family(self):
        """What the model's family is called in its configuration, e.g. qwen3_vl."""
        from lib.model.load import config_of

        return (config_of(self.model) if self.processor is None else self.model.config).model_type

    def no_pixels(self):
        """Why boxes cannot be said in pixels of the frames that the processor makes, or None."""
        return no_pixels_of(self._frame_processor, self.identity["model"])

    @cached_property
    def _frame_processor(self):
        """The processor, which is there before the model is loaded."""
        from lib.model.processor import processor_of

        return self.processor or processor_of(self.model)

    def frame_size(self, clip):
        """[width, height] of the frames that the processor makes of a clip; None where it cannot be read."""
        from lib.model.clips import frames_of
        from lib.model.inputs import chat, encode

        processor = self._frame_processor
        try:
            made = frames_of(clip, fitted(self.sampling, processor, self.identity["model"]), self.frame_cache)
        except VideoError:
            return None
        return frame_size_of(processor, encode(processor, [chat(processor, "")], [made]))
