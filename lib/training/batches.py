"""Rows as batches of tensors, decoded and encoded ahead of the step that needs them."""

import os
import shutil

from lib.command import frames_asked
from lib.model import cache
from lib.model.clips import frames_of
from lib.model.context import context_of
from lib.model.feature_cache import FeatureCache, encode_all
from lib.model.features import rows_to_train, takes_features
from lib.model.frames import fitted
from lib.model.inputs import chat, training_text, unexpanded
from lib.model.load import stored_dtype
from lib.process import world
from lib.records import StageError
from lib.training.checkpoint import FEATURES, state_bytes
from lib.training.parts import trains_encoder
from lib.training.sharding import TOO_LARGE
from lib.training.shares import steps_of
from lib.video import VideoError


def place_for_features(training, folder, clips):
    """DIR,GIB (cache.py) in `folder` for the features of that many clips, or None where its disk has no room
    for any; says so.

    They may take what cache.room allows beside the checkpoint and two states (one is written before the other
    goes); those already there count as free.
    """
    place = folder / FEATURES
    os.makedirs(place, exist_ok=True)
    there = cache.scan(place)["bytes"]
    checkpoint = training.model.num_parameters() * stored_dtype(training.args.model).itemsize
    free = shutil.disk_usage(place).free + there
    room = max(there, cache.room(free, checkpoint + 2 * state_bytes(training))) / 2**30
    beside = "half of what is free there beside checkpoint and states"
    if world()[0] == 0 and room:
        print(f"features of {clips} clips: at most {room:.2f} GiB in {place}, {beside}", flush=True)
    elif world()[0] == 0:
        print(f"no room for features in {place}: clips are encoded each time they are needed", flush=True)
    return f"{place},{room}" if room else None


class Batches:
    """The rows as batches of tensors, step by step. `at_once` rows are computed together; memory may halve
    it.
    """

    def __init__(self, training, data):
        args, processes = training.args, training.accelerator.num_processes
        self.training, self.rows, self.at_once = training, data.rows, args.batch_size
        self.context = context_of(training.base.config)
        self.sampling = fitted(frames_asked(args), training.processor, args.model)
        self.tails, self.lengths = self._tokens()
        self.trained_share = sum(self.tails) / max(sum(self.lengths), 1)
        self.size = args.batch_size * args.accumulate * processes  # rows a step, over all processes
        self.weights, self.steps = data.weights, steps_of(data, self.lengths, self.size, args)
        self.features, self.encoded, self.example, self.lost = None, [], None, {}

    def _tokens(self):
        """(trained tokens, all tokens) of every row, before the first step: a row without any must not
        surface in the night.
        """
        tails, lengths, processor = [], [], self.training.processor
        for name, turn, answers, *_ in self.rows:
            texts = [
                training_text(processor, chat(processor, turn, self.training.args.think), answer)
                for answer in answers
            ]
            for answer, (_, tail) in zip(answers, texts):
                if not answer.strip() or tail < 2:  # the end token alone is no answer
                    raise StageError(
                        f"{self.training.args.input}: {name}: no token to train on (answer {answer!r}); "
                        "an answer needs words"
                    )
            encoded = processor.tokenizer([text for text, _ in texts], add_special_tokens=False)["input_ids"]
            tails.append(texts[0][1])
            lengths.append(max(map(len, encoded)))
        return tails, lengths

    def encode(self, folder, done):
        """Encode clips that the steps after the first `done` need more than once ahead of them: LoRA leaves
        tower and projector as they are, and so does --train language. What finds no room on the disk is
        encoded whenever it is needed. Raises StageError before that for rows that exceed the model's context.
        """
        training, args = self.training, self.training.args
        left = [self.rows[i] for step in self.steps[done:] for i in step]
        prompts = {row.clip: row.turn for row in left}
        again = takes_features(training.base) and len(left) > len(prompts)
        place = None
        if not trains_encoder(args) and (args.feature_cache or again):
            place = args.feature_cache or place_for_features(training, folder, len(prompts))
        if place:
            self.features = FeatureCache(place, training.base.eval(), training.processor, self.sampling)
        self._check_context()  # before the tower runs
        if not place:
            return
        encode_all(training.base, training.processor, prompts, self.features, self._decode, args.workers)
        training.model.train()
        if world()[0] == 0:
            self.encoded = [size for size in map(self.features.size, prompts) if size]
            if len(self.encoded) < len(prompts):
                note = f"features of {len(self.encoded)} of {len(prompts)} clips kept"
                print(f"{note}; the others are encoded each time: slower, the same losses", flush=True)

    def _check_context(self):
        """Before the first step leave out the longest rows, as far as they exceed the model's context.
        Raises StageError for more than --max-failures.
        """
        long = {}
        for i in sorted(range(len(self.rows)), key=lambda i: -self.lengths[i]) if self.context else []:
            clip = self.rows[i].clip
            try:
                _, failed = self._batch([self.rows[i]], {clip: self._clip(clip)})
            except VideoError:
                continue  # whoever needs it says why
            if not failed:
                break  # of_step finds those that are longer by their video alone
            long.setdefault(*failed[0])
            if self._too_many(len(long)):
                longest, reason = next(iter(long.items()))
                raise StageError(
                    f"{self.training.args.input}: {longest}: {reason}; at least {len(long)} of "
                    f"{len(self.rows)} rows are too long, more than --max-failures "
                    f"{self.training.args.max_failures:g} allows to leave out"
                )
        if long:
            self.leave_out(long.items())

    def _too_many(self, lost):
        """Whether --max-failures does not allow to lose that many rows."""
        allowed = self.training.args.max_failures
        return lost > (allowed * len(self.rows) if allowed < 1 else allowed)

    def _clip(self, clip):
        """What is kept of a clip's encoding, or its frames and metadata. Raises VideoError."""
        return self.features and self.features.load(clip) or self._decode(clip)

    def _decode(self, clip):
        return frames_of(clip, self.sampling, self.training.args.frame_cache)

    def of_step(self, step):
        """(this process's batches of a step, [(id, reason)] of its rows whose video cannot be read, or that
        exceed the model's context).
        """
        accelerator = self.training.accelerator
        return self._batches(self.steps[step][accelerator.process_index :: accelerator.num_processes])

    def _batches(self, indices):
        """of_step() of these rows."""
        clips, failed = {}, []
        for name, _, _, clip, _ in (self.rows[i] for i in indices):
            try:
                if clip not in clips:
                    clips[clip] = self._clip(clip)
            except VideoError as error:
                failed.append((name, str(error)))
        rows = [self.rows[i] for i in indices if self.rows[i].clip in clips]
        batches, groups = [], {}
        for row in rows:
            groups.setdefault(self._kind(clips[row.clip]), []).append(row)
        for _, alike in sorted(groups.items()):
            size = 1 if self._packs() and isinstance(clips[alike[0].clip], tuple) else self.at_once
            for start in range(0, len(alike), size):
                batch, long = self._batch(alike[start : start + size], clips)
                batches += [batch] if batch else []
                failed += long
        return batches, failed

    def _packs(self):
        """Whether the family packs the patches of all clips into one row, which cannot be joined from those
        of each: MiniCPM-V.
        """
        names = self.training.processor.video_processor.model_input_names
        return any(name.startswith("target_sizes") for name in names)

    def _kind(self, clip):
        """What the clips of a batch have in common: one without features would have all of them encoded
        again, and pixels of different numbers of frames stack in few families.
        """
        if isinstance(clip, dict):
            return (0, 0)
        concatenates = "video_grid_thw" in self.training.processor.video_processor.model_input_names
        return (1, 0 if concatenates else len(clip[0]))

    def spare(self):
        """A batch to take the gradients of times zero, for a process without rows in a step: one that it had
        before, else of the first row that can be trained on. Raises StageError where none can.
        """
        for i in range(len(self.rows)):
            if self.example is None:
                self.example = next(iter(self._batches([i])[0]), None)
        if self.example is None:
            raise StageError(f"{self.training.args.input}: not one of the rows can be trained on")
        return self.example

    def _batch(self, rows, clips):
        """(tensors of the rows that fit into the model's context, or None; [(id, reason)] of the others)."""
        processor = self.training.processor
        part = [
            (chat(processor, turn, self.training.args.think), answer, clip)
            for _, turn, answers, clip, _ in rows
            for answer in answers
        ]
        inputs = rows_to_train(processor, part, clips, self._decode)
        tokens = inputs["attention_mask"].sum(1).view(len(rows), -1).amax(1).tolist()  # of the longer answer
        reasons = [self._too_long(row, count) for row, count in zip(rows, tokens)]
        if not any(reasons):
            return inputs, []
        fitting = [row for row, reason in zip(rows, reasons) if not reason]
        failed = [(row.id, reason) for row, reason in zip(rows, reasons) if reason]
        return (self._batch(fitting, clips)[0] if fitting else None), failed

    def _too_long(self, row, tokens):
        """Why a row of `tokens` exceeds the model's context, or None."""
        if self.context is None or tokens <= self.context:
            return None
        processor = self.training.processor
        prompt = chat(processor, row.turn, self.training.args.think)
        texts = [training_text(processor, prompt, answer)[0] for answer in row.answers]
        visual = tokens - max(len(unexpanded(processor, text)) for text in texts)
        return (
            f"the row has {tokens:,} tokens, {visual:,} of them visual, but the model's context is "
            f"{self.context:,} tokens: lower {self.sampling.lower()}"
        )

    def leave_out(self, failed):
        """Count and name rows that cannot be trained on. Raises StageError for more than --max-failures."""
        for name, reason in failed:
            if name not in self.lost:
                self.lost[name] = reason
                print(f"left out: {name}: {reason}", flush=True)
        if self._too_many(len(self.lost)):
            raise StageError(
                f"{len(self.lost)} of {len(self.rows)} rows cannot be trained on (see above), more than "
                f"--max-failures {self.training.args.max_failures:g} allows: put videos back that could be "
                f"read when they were answered; lower {self.sampling.lower()} where rows exceed the model's "
                "context"
            )

    def rows_in(self, batches):
        """Rows of the largest of these batches."""
        answers = 2 if self.training.args.preferences else 1
        return max((len(inputs["input_ids"]) // answers for inputs in batches), default=0)

    def too_large(self, batches):
        """Whether a batch has more rows than memory allows at once."""
        return self.rows_in(batches) > self.at_once

    def halve(self, batches, step):
        """Compute half as many rows at once, after memory ran out. Raises StageError where it cannot help."""
        if self.training.sharded:
            raise StageError(f"step {step + 1}: {TOO_LARGE}")
        largest = self.rows_in(batches)
        if largest == 1:
            raise StageError(
                f"out of memory with one row at a time (step {step + 1}): --checkpointing, lower "
                f"{self.sampling.lower()}, --load-in-4bit or --device-map auto need less; the same command "
                "goes on from the last saved state"
            )
        self.at_once = (largest + 1) // 2
        print(
            f"out of memory with {largest} rows at once: trying {self.at_once}, accumulated to the same "
            "steps",
            flush=True,
        )
