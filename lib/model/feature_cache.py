"""What one model's tower and projector made of clips, kept in a bounded folder for all stages, rows, epochs
and cycles.
"""

import hashlib
import os
import re

import torch
import transformers

from lib.model import cache, clips
from lib.model.features import encoding_of, features_of, moved, row_of, takes_features
from lib.model.frames import sampling_of
from lib.model.inputs import chat, unexpanded
from lib.model.save import write
from lib.process import barrier, progress, world
from lib.records import StageError
from lib.video import VideoError, prefetch

VERSION = 1  # of what is kept
# the other weights are tower and projector
OF_LANGUAGE = re.compile(r"\b(language_model|text_model|lm_head)\b")


class FeatureCache:
    """Encodings (features.py) of clips in "DIR" or "DIR,GIB" (cache.py), of the frames of a Sampling. Raises
    StageError for a model that cannot be given them.
    """

    def __init__(self, folder, model, processor, sampling, view="video", seed=0):
        if not takes_features(model):
            raise StageError(
                f"--feature-cache needs transformers 5.20 or newer, this is {transformers.__version__}: "
                "update it, or leave the flag out",
                code=2,
            )
        self.folder, self.bound = cache.open_cache(folder)
        self.processor = processor
        drawn = seed if view == "shuffled" else None
        frames = sampling_of(sampling).key()
        self.about = [encoder_digest(model, processor), frames, view, drawn, clips.VERSION, VERSION]

    def file(self, clip):
        """The file of a clip (path, start, end), whether it is there or not."""
        return cache.clip_file(self.folder, cache.FEATURES, *clip, *self.about)

    def load(self, clip, texts=()):
        """The encoding kept of a clip, or None; also None where one of the rendered `texts` cannot be spliced
        to it.
        """
        if not os.path.isfile(clip[0]):
            return None
        encoding = cache.load(self.file(clip), lambda path: torch.load(path, weights_only=True))
        if encoding is None or unexpanded(self.processor, encoding["text"]) != encoding["plain"]:
            return None  # not there, or of another tokenizer
        return None if None in [row_of(self.processor, encoding, text) for text in texts] else encoding

    def size(self, clip):
        """Bytes of what is kept of a clip; 0 where nothing is."""
        file = self.file(clip) if os.path.isfile(clip[0]) else ""
        return os.path.getsize(file) if os.path.isfile(file) else 0

    def add(self, clip, encoding):
        """Keep the encoding of a clip, if there is room; returns whether there may be more."""
        rest = moved({key: value for key, value in encoding.items() if key != "clip"}, "cpu")
        tensors = filter(torch.is_tensor, torch.utils._pytree.tree_leaves(rest))
        size = sum(tensor.nbytes for tensor in tensors) + 10_000
        return cache.add(self.folder, self.bound, self.file(clip), size, lambda path: write(rest, path))


def encoder_digest(model, processor):
    """A hash of all that decides what becomes of frames: processor, tower and projector, library."""
    layer = getattr(model.config, "vision_feature_layer", None)
    digest = hashlib.sha256(f"{processor.to_json_string()} {layer} {transformers.__version__}".encode())
    for name, weight in [*model.named_parameters(), *model.named_buffers()]:
        if not OF_LANGUAGE.search(name):
            content = weight.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
            digest.update(name.encode() + content)
    return digest.hexdigest()


def encode_all(model, processor, prompts, features, decode, workers):
    """Run tower and projector once over every clip that the FeatureCache `features` lacks, each process its
    share.

    `prompts`: {clip (path, start, end): a user's turn about it}; `decode(clip)`: its frames and metadata. A
    clip that cannot be decoded is passed over: whoever needs it says why. Ends where there is no more room.
    """
    mine = [clip for clip in list(prompts)[world()[0] :: world()[1]] if features.load(clip) is None]

    def encoded(clip):
        try:
            return clip, encoding_of(processor, chat(processor, prompts[clip]), decode(clip))
        except VideoError:
            return clip, None

    for clip, encoding in progress(prefetch(encoded, mine, workers, ahead=2 * workers), len(mine), "encode"):
        if encoding:
            features_of(model, encoding)
            if not features.add(clip, encoding):
                break
    barrier()
