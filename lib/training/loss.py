"""The loss of a batch: of the answers alone, or of preferences between two."""

from contextlib import nullcontext

import torch

from lib.model.features import moved


def likelihood(training, model, inputs, labels):
    """Log-probability of each row's answer, (rows,)."""
    device, dtype = training.accelerator.device.type, training.dtype
    tail = int((labels != -100).sum(1).max())  # rows are left-padded: no logits are needed but the last
    with torch.autocast(device, dtype, enabled=dtype != torch.float32):
        logits = model(**inputs, use_cache=False, logits_to_keep=tail + 1).logits
    logits = logits[:, -tail - 1 : -1].flatten(0, 1).float()  # VideoLLaMA3 computes all nevertheless
    targets = labels[:, -tail:]
    loss = torch.nn.functional.cross_entropy(logits, targets.flatten(), ignore_index=-100, reduction="none")
    return -loss.view(targets.shape).sum(1)


def loss_of(training, inputs, labels, tokens, count):
    """A batch's part of the loss of its step, which has `tokens` trained tokens and `count` rows: all tokens
    weigh the same.

    With --preferences DPO's: -log sigmoid(beta (log-ratio of the kept answer - that of the wrong one)), both
    against the model as it was.
    """
    now = likelihood(training, training.model, inputs, labels)
    if not training.args.preferences:
        return -now.sum() / tokens
    with torch.no_grad(), nullcontext() if training.reference else training.model.disable_adapter():
        before = likelihood(training, training.reference or training.model, inputs, labels)
    chosen, rejected = (now - before).view(-1, 2).unbind(1)
    return -torch.nn.functional.logsigmoid(training.args.preferences * (chosen - rejected)).sum() / count


def backward(training, batches, tokens, count):
    """Add the gradients of these batches; returns the sum of their losses, on this process."""
    total = 0.0
    for inputs in batches:
        inputs = moved(inputs, training.accelerator.device)
        labels = inputs.pop("labels")
        loss = loss_of(training, inputs, labels, tokens, count)
        loss.backward()
        total += loss.detach()
    return total
