"""A bounded folder of what was made of clips (frames, features), so that later cycles and epochs need not do
it again. Safe to delete at any time, in whole or in part.

A clip is one file, named by a hash of the video's path, size and time of change, and of all else that decides
about its content. The clips are used in turns, over and over: there the rule "the least recently used makes
room" would throw each away shortly before its next use. So when the folder is full, only what was not used
for a day makes room, and beyond that nothing is added.
"""

import hashlib
import json
import math
import os
import pickle
import struct
import sys
import tempfile
import threading
import time
import zipfile
from collections import deque

from lib.process import refusal
from lib.records import StageError

BOUND = 20  # GiB, where none is given
# of a disk that others need too: bytes taken at most, and bytes always left
MOST, RESERVE = 200 * 2**30, 2**30
UNUSED = 24 * 3600  # seconds without use after which a clip makes room
FRAMES, FEATURES, PART = SUFFIXES = (
    ".frames.npz",
    ".features.pt",
    ".clip.part",
)  # the only files counted or deleted here
_folders, _lock = {}, threading.Lock()


def scan(folder):
    """{"bytes": of all clips in the folder, "added": since then, "unused": [(path, bytes)] oldest first}."""
    files = []
    for entry in os.scandir(folder):
        if entry.name.endswith(SUFFIXES):
            try:
                files.append((entry.stat().st_mtime, entry.path, entry.stat().st_size))
            except FileNotFoundError:  # deleted meanwhile
                pass
    unused = sorted(file for file in files if file[0] < time.time() - UNUSED)
    return {
        "bytes": sum(size for _, _, size in files),
        "added": 0,
        "unused": deque((path, size) for _, path, size in unused),
    }


def open_cache(cache):
    """(folder, bound in bytes) of "DIR" or "DIR,GIB"; at its first use in this process the folder is made,
    tried and scanned. Raises StageError.
    """
    folder, comma, bound = str(cache).rpartition(",")
    try:
        folder, bound = (folder, float(bound)) if comma else (bound, BOUND)
    except ValueError:
        bound = 0
    if not folder or not 0 < bound * 2**30 < math.inf:
        expected = "expected DIR or DIR,GIB with more than 0 GiB (GIB is needed where DIR has a comma)"
        raise StageError(f"cache {str(cache)!r}: {expected}", code=2)
    folder = os.path.abspath(folder)
    with _lock:
        if folder not in _folders:
            try:
                os.makedirs(folder, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
                _folders[folder] = scan(folder)
            except OSError as error:
                raise StageError(
                    f"cache {folder}: cannot be written ({error.strerror}); name a folder that can, or leave "
                    "the cache out"
                ) from None
    return folder, int(bound * 2**30)


def room(free, needed):
    """Bytes for a cache on a disk with `free` bytes, of which other work needs some: half of what is left."""
    return int(max(0, min(MOST, (free - needed - RESERVE) / 2)))


def clip_file(folder, suffix, path, *request):
    """The file in which something about `path` as it is now is kept; `request`: what else decides it."""
    about = os.stat(path)
    key = hashlib.sha256(
        json.dumps([os.path.abspath(path), about.st_size, about.st_mtime_ns, *request]).encode()
    ).hexdigest()
    return os.path.join(folder, key[:40] + suffix)


def load(file, read):
    """read(file), or None where there is nothing that can be read whole."""
    try:
        found = read(file)
        if time.time() - os.stat(file).st_mtime > UNUSED / 24:
            os.utime(file)
        return found
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        RuntimeError,
        MemoryError,
        struct.error,
        zipfile.BadZipFile,
        pickle.UnpicklingError,
    ):  # all that zipfile, numpy and torch say of damage
        return None


def _room(folder, bound, size):
    """Whether `size` more bytes fit, after clips that went unused made room."""
    state = _folders[folder]
    if state["added"] > bound / 20:  # other processes add as well
        state.update(scan(folder))
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
    print(
        f"cache {folder}: {why}; nothing more is added by this process, what is there is used",
        file=sys.stderr,
        flush=True,
    )


def add(folder, bound, file, size, write):
    """Make `file` by write(path), if its `size` in bytes fits: whole or not at all. Returns whether more may
    be added.
    """
    with _lock:
        state = _folders[folder]
        if not state.get("stopped") and not _room(folder, bound, size):
            _stop(folder, f"full ({bound / 2**30:g} GiB; to allow more: DIR,GIB)")
        if state.get("stopped"):
            return False
        state["bytes"] += size
        state["added"] += size
    part = f"{file}.{os.getpid()}-{threading.get_ident()}{PART}"
    try:
        os.makedirs(folder, exist_ok=True)
        write(part)
        os.replace(part, file)
    except FileNotFoundError:  # the folder was deleted just now
        pass
    except Exception as error:  # of a full disk each library raises one of its own
        refused = refusal(error)
        if refused is None:
            raise
        with _lock:
            if not state.get("stopped"):
                _stop(folder, f"cannot be written any more ({refused.strerror})")
        if os.path.exists(part):
            os.remove(part)
    return not state.get("stopped")
