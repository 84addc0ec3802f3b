"""A bounded folder of decoded frames, so that later cycles and epochs need not decode again. Safe to delete at any time, in whole or in part.

A clip is one .npz (not compressed; zip's checksums make damage known), named by a hash of the video's path, size and time of change, the frames
asked for, and the reader's version. The clips are used in turns, over and over: there the rule "the least recently used makes room" would throw
each away shortly before its next use. So when the folder is full, only what was not used for a day makes room, and beyond that nothing is added.
"""
import hashlib
import json
import os
import struct
import sys
import tempfile
import threading
import time
import zipfile
from collections import deque

import numpy as np

from lib.records import StageError

BOUND = 20  # GiB, where none is given
UNUSED = 24 * 3600  # seconds without use after which a clip makes room
SUFFIXES = (".frames.npz", ".frames.part")  # the only files counted or deleted here
_folders, _lock = {}, threading.Lock()


def _scan(folder):
    """{"bytes": of all clips in the folder, "added": since then, "unused": [(path, bytes)] oldest first}."""
    files = []
    for entry in os.scandir(folder):
        if entry.name.endswith(SUFFIXES):
            try:
                files.append((entry.stat().st_mtime, entry.path, entry.stat().st_size))
            except FileNotFoundError:  # deleted meanwhile
                pass
    unused = sorted(file for file in files if file[0] < time.time() - UNUSED)
    return {"bytes": sum(size for _, _, size in files), "added": 0, "unused": deque((path, size) for _, path, size in unused)}


def open_cache(cache):
    """(folder, bound in bytes) of "DIR" or "DIR,GIB"; at its first use in this process the folder is made, tried and scanned. Raises StageError."""
    folder, comma, bound = str(cache).rpartition(",")
    try:
        folder, bound = (folder, float(bound)) if comma else (bound, BOUND)
    except ValueError:
        folder, bound = str(cache), BOUND  # a comma in the folder's name
    if not folder or not bound > 0:
        raise StageError(f"frame cache {str(cache)!r}: expected DIR or DIR,GIB with more than 0 GiB", code=2)
    folder = os.path.abspath(folder)
    with _lock:
        if folder not in _folders:
            try:
                os.makedirs(folder, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
                _folders[folder] = _scan(folder)
            except OSError as error:
                raise StageError(f"frame cache {folder}: cannot be written ({error.strerror}); name a folder that can, or leave the cache out") from None
    return folder, int(bound * 2**30)


def clip_file(folder, path, *asked):
    """The file in which the frames of `path` as it is now are kept; `asked`: whatever else decides about the frames."""
    about = os.stat(path)
    key = hashlib.sha256(json.dumps([os.path.abspath(path), about.st_size, about.st_mtime_ns, *asked]).encode()).hexdigest()
    return os.path.join(folder, key[:40] + SUFFIXES[0])


def load(file):
    """(frames, metadata) as they were stored, or None where there is nothing that can be read whole."""
    try:
        with np.load(file) as stored:
            frames, meta = stored["frames"], json.loads(str(stored["meta"]))
        if time.time() - os.stat(file).st_mtime > UNUSED / 24:
            os.utime(file)
        return frames, meta
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, MemoryError, struct.error, zipfile.BadZipFile):  # all that zipfile and numpy say of damage
        return None


def _room(folder, bound, size):
    """Whether `size` more bytes fit, after clips that went unused made room."""
    state = _folders[folder]
    if state["added"] > bound / 20:  # other processes add as well
        state.update(_scan(folder))
    while state["bytes"] + size > bound and state["unused"]:
        path, unused = state["unused"].popleft()
        try:
            if os.stat(path).st_mtime < time.time() - UNUSED:
                os.remove(path)
                state["bytes"] -= unused
        except FileNotFoundError:
            state["bytes"] -= unused
    return state["bytes"] + size <= bound


def _stop(folder, why):
    _folders[folder]["stopped"] = True
    print(f"frame cache {folder}: {why}; nothing more is added by this process, what is there is used", file=sys.stderr, flush=True)


def add(folder, bound, file, frames, meta):
    """Store a clip, if it fits: whole or not at all."""
    size = frames.nbytes + 2000
    with _lock:
        state = _folders[folder]
        if state.get("stopped"):
            return
        if not _room(folder, bound, size):
            return _stop(folder, f"full ({bound / 2**30:g} GiB; to allow more: --frame-cache DIR,GIB)")
        state["bytes"] += size
        state["added"] += size
    part = f"{file[: -len(SUFFIXES[0])]}.{os.getpid()}-{threading.get_ident()}{SUFFIXES[1]}"
    try:
        os.makedirs(folder, exist_ok=True)
        with open(part, "wb") as target:
            np.savez(target, frames=frames, meta=json.dumps(meta))
        os.replace(part, file)
    except FileNotFoundError:  # the folder was deleted just now
        return
    except OSError as error:
        with _lock:
            if not state.get("stopped"):
                _stop(folder, f"cannot be written any more ({error.strerror})")
        if os.path.exists(part):
            os.remove(part)
