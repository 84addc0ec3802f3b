"""Muon (Jordan et al., 2024) for matrices, in float32.

torch.optim.Muon orthogonalises in bfloat16, which a CPU without such instructions computes in software: there
it took 1.0 s of a step's 1.45 s, this takes 0.06 s.
"""

import math

import torch


def orthogonal(update):
    """(rows, columns) with the singular vectors of `update` and singular values near 1: five Newton-Schulz
    iterations.
    """
    wide = update.T if update.shape[0] > update.shape[1] else update
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(5):
        gram = wide @ wide.T
        wide = 3.4445 * wide + (-4.775 * gram + 2.0315 * gram @ gram) @ wide
    return wide.T if update.shape[0] > update.shape[1] else wide


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; the step is as large as AdamW's (0.2 sqrt of the longer side)."""

    def __init__(self, matrices, lr, momentum=0.95):
        super().__init__(matrices, dict(lr=lr, momentum=momentum))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                if not self.state[matrix]:
                    self.state[matrix]["momentum"] = torch.zeros_like(matrix)
                mean = self.state[matrix]["momentum"].lerp_(matrix.grad, 1 - group["momentum"])
                update = orthogonal(matrix.grad.lerp(mean, group["momentum"]))
                matrix.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(matrix.shape)))
