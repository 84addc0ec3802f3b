"""Rows as batches of tensors, decoded and encoded ahead of the step that needs them."""

from lib.model.clips import frames_of
from lib.model.feature_cache import FeatureCache, encode_all
from lib.model.features import rows_to_train, takes_features
from lib.model.inputs import chat, training_text
from lib.records import StageError
from lib.training.rows import plan_steps
from lib.training.sharding import TOO_LARGE
from lib.video import VideoError


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
        self.prompts = {clip: turn for _, turn, _, clip in rows}
        self.features, self.example, self.lost = None, None, {}

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

    def encode(self, folder):
        """Encode clips that are needed more than once ahead of training: LoRA leaves tower and projector as
        they are.
        """
        training, args = self.training, self.training.args
        again = takes_features(training.base) and sum(map(len, self.steps)) > len(self.prompts)
        if args.full or not (args.feature_cache or again):
            return
        cache = args.feature_cache or f"{folder}/features,1e6"
        self.features = FeatureCache(cache, training.base.eval(), training.processor, args.frames)
        encode_all(training.base, training.processor, self.prompts, self.features, self._decode, args.workers)
        training.model.train()

    def _decode(self, clip):
        return frames_of(clip, self.training.args.frames, self.training.args.frame_cache)

    def of_step(self, step):
        """(this process's batches of a step, [(id, reason)] of its rows whose video cannot be read)."""
        accelerator, processor = self.training.accelerator, self.training.processor
        mine = self.steps[step][accelerator.process_index :: accelerator.num_processes]
        clips, failed = {}, []
        for name, _, _, clip in (self.rows[i] for i in mine):
            try:
                if clip not in clips:
                    clips[clip] = self.features and self.features.load(clip) or self._decode(clip)
            except VideoError as error:
                failed.append((name, str(error)))
        rows = [self.rows[i] for i in mine if self.rows[i][3] in clips]
        batches = []
        for start in range(0, len(rows), self.at_once):
            part = [
                (chat(processor, turn), answer, clip)
                for _, turn, answers, clip in rows[start : start + self.at_once]
                for answer in answers
            ]
            batches.append(rows_to_train(processor, part, clips, self._decode))
        return batches, failed

    def leave_out(self, failed, batches):
        """Count and name rows that cannot be trained on. Raises StageError for more than --max-failures."""
        for name, reason in failed:
            if name not in self.lost:
                self.lost[name] = reason
                print(f"left out: {name}: {reason}", flush=True)
        allowed = self.training.args.max_failures
        if len(self.lost) > (allowed * len(self.rows) if allowed < 1 else allowed) or not (
            batches or self.example
        ):
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
