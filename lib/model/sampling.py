"""How the next token of each row is drawn, and when a batch stops."""

import numpy as np
import torch
from transformers import LogitsProcessor, StoppingCriteria


class Halt(StoppingCriteria):
    """Stops a batch when half of its rows have ended, so that the others can go on as a smaller one."""

    def __init__(self, ends, prompt_length):
        self.ends, self.prompt_length = ends, prompt_length

    def __call__(self, input_ids, scores, **_):
        ends = torch.tensor(self.ends, device=input_ids.device)
        ended = torch.isin(input_ids[:, self.prompt_length :], ends).any(1)
        return torch.full_like(ended, bool(2 * ended.sum() >= len(ended)))


class SampleByRow(LogitsProcessor):
    """Makes greedy search sample: each row draws from its own stream of uniform numbers, by inverse
    cumulative distribution.
    """

    def __init__(self, seeds, temperature, top_p, prompt_length, steps, device):
        uniforms = np.stack([np.random.Generator(np.random.Philox(seed)).random(steps) for seed in seeds])
        self.uniforms = torch.tensor(uniforms, device=device)  # (rows, steps) float64
        self.temperature, self.top_p, self.prompt_length = temperature, top_p, prompt_length

    def __call__(self, input_ids, scores):
        step = input_ids.shape[1] - self.prompt_length
        probabilities = torch.softmax(scores.double() / self.temperature, -1)
        probabilities, order = torch.sort(probabilities, descending=True, stable=True)
        before = probabilities.cumsum(-1) - probabilities
        mass = torch.where(before < self.top_p, probabilities, 0).cumsum(-1)
        draw = self.uniforms[:, step : step + 1] * mass[:, -1:]
        place = torch.searchsorted(mass, draw, right=True).clamp_max(mass.shape[-1] - 1)
        return torch.full_like(scores, -torch.inf).scatter(-1, order.gather(-1, place), 0.0)

    def keep(self, rows):
        """Go on with these rows of the batch."""
        self.uniforms = self.uniforms[rows]
