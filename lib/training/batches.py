"""Rows as batches of tensors, decoded and encoded ahead of the step that needs them."""

import os
import shutil

from lib.command import world
from lib.model import cache
from lib.model.clips import frames_of
from lib.model.feature_cache import FeatureCache, encode_all
from lib.model.features import rows_to_train, takes_features
from lib.model.inputs import chat, training_text
from lib.model.load import stored_dtype
from lib.records import StageError
from lib.training.checkpoint import FEATURES, state_bytes
from lib.training.rows import plan_steps
from lib.training.sharding import TOO_LARGE
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

    def __init__(self, training, rows):
        args, processes = training.args, training.accelerator.num_processes
        self.training, self.rows, self.at_once = training, rows, args.batch_size
        self.tails, lengths = self._tokens()
        self.trained_share = sum(self.tails) / max(sum(lengths), 1)
        self.size = args.batch_size * args.accumulate * processes  # rows a step, over all processes
        self.steps = plan_steps(lengths, self.size, args.epochs, args.seed, args.steps)
        self.features, self.encoded, self.example, self.lost = None, [], None, {}

    def _tokens(self):
        """(trained tokens, all tokens) of every row, before the first step: a row without any must not
        surface in the night.
        """
        tails, lengths, processor = [], [], self.training.processor
        for name, turn, answers, _ in self.rows:
            texts = [training_text(processor, chat(processor, turn), answer) for answer in answers]
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
        tower and projector as they are. What finds no room on the disk is encoded whenever it is needed.
        """
        training, args = self.training, self.training.args
        left = [self.rows[i] for step in self.steps[done:] for i in step]
        prompts = {clip: turn for _, turn, _, clip in left}
        again = takes_features(training.base) and len(left) > len(prompts)
        if args.full or not (args.feature_cache or again):
            return
        place = args.feature_cache or place_for_features(training, folder, len(prompts))
        if not place:
            return
        self.features = FeatureCache(place, training.base.eval(), training.processor, args.frames)
        encode_all(training.base, training.processor, prompts, self.features, self._decode, args.workers)
        training.model.train()
        if world()[0] == 0:
            self.encoded = [size for size in map(self.features.size, prompts) if size]
            if len(self.encoded) < len(prompts):
                kept = f"features of {len(self.encoded)} of {len(prompts)} clips kept"
                print(f"{kept}; the others are encoded each time: slower, the same losses", flush=True)

    def _decode(self, clip):
        return frames_of(clip, self.training.args.frames, self.training.args.frame_cache)

    def of_step(self, step):
        """(this process's batches of a step, [(id, reason)] of its rows whose video cannot be read)."""
        accelerator = self.training.accelerator
        return self._batches(self.steps[step][accelerator.process_index :: accelerator.num_processes])

    def _batches(self, indices):
        """of_step() of these rows."""
        processor, clips, failed = self.training.processor, {}, []
        for name, _, _, clip in (self.rows[i] for i in indices):
            try:
                if clip not in clips:
                    clips[clip] = self.features and self.features.load(clip) or self._decode(clip)
            except VideoError as error:
                failed.append((name, str(error)))
        rows = [self.rows[i] for i in indices if self.rows[i][3] in clips]
        batches = []
        # one clip without features among them would have all clips of a batch encoded again
        for kept in (True, False):
            alike = [row for row in rows if isinstance(clips[row[3]], dict) == kept]
            for start in range(0, len(alike), self.at_once):
                part = [
                    (chat(processor, turn), answer, clip)
                    for _, turn, answers, clip in alike[start : start + self.at_once]
                    for answer in answers
                ]
                batches.append(rows_to_train(processor, part, clips, self._decode))
        return batches, failed

    def spare(self):
        """A batch to take the gradients of times zero, for a process without rows in a step: one that it had
        before, else of the first row whose video can be read. Raises StageError where none can.
        """
        for i in range(len(self.rows)):
            if self.example is None:
                self.example = next(iter(self._batches([i])[0]), None)
        if self.example is None:
            raise StageError(f"{self.training.args.input}: not one of the rows' videos can be read")
        return self.example

    def leave_out(self, failed):
        """Count and name rows that cannot be trained on. Raises StageError for more than --max-failures."""
        for name, reason in failed:
            if name not in self.lost:
                self.lost[name] = reason
                print(f"left out: {name}: {reason}", flush=True)
        allowed = self.training.args.max_failures
        if len(self.lost) > (allowed * len(self.rows) if allowed < 1 else allowed):
            raise StageError(
                f"{len(self.lost)} of {len(self.rows)} rows cannot be trained on: their videos, readable "
                "when they "
                f"were answered, are not now (see above); more than --max-failures {allowed:g} allows: put "
                "them back"
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
                f"out of memory with one row at a time (step {step + 1}): --checkpointing, fewer --frames, "
                "--load-in-4bit or --device-map auto need less; the same command goes on from the last saved "
                "state"
            )
        self.at_once = (largest + 1) // 2
        print(
            f"out of memory with {largest} rows at once: trying {self.at_once}, accumulated to the same "
            "steps",
            flush=True,
        )
