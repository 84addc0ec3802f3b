"""Tensors written to a disk that may be full."""

import os
from pathlib import Path

import torch

from lib.process import refusal


def write(state, path, sync=False):
    """Write a tree of tensors to `path`; `sync`: onto the disk itself. Raises OSError where that refuses.

    torch is given an open file: told a path, it does not say what the system said.
    """
    try:
        with open(path, "wb") as file:
            torch.save(state, file)
            file.flush()
            if sync:  # a disk on a network may refuse only now
                os.fsync(file.fileno())
    except RuntimeError as error:
        raise refusal(error, path) or error from error


def save(state, path):
    """write(), whole or not at all; what was written of a failed one holds no disk."""
    part = Path(f"{path}.tmp")
    try:
        write(state, part, sync=True)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
