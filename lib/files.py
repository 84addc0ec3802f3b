"""Small files that are there whole or not at all, and what of the user's an output must not replace."""

import json
import os

from lib.records import StageError


def write_atomically(path, text):
    """A small file, complete or not there at all."""
    if os.path.isdir(path):
        raise StageError(f"{path}: a folder, expected the name of a file")
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def read_json(path):
    """The object in a small JSON file, or {} where there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def refuse_to_replace(path, written, others, folder=False, how=" with -o"):
    """Raise StageError (exit code 2) where writing the output `path` would replace something of the user's:
    one of `others`, which the stage reads (an input, a model in use), or what no stage made. `written`: all
    files that writing it touches; `how` another place is named.
    """
    real = [os.path.realpath(each) for each in written]
    for other in filter(os.path.exists, map(str, others)):
        read = os.path.realpath(other)
        if read in real or folder and read.startswith(os.path.realpath(path) + os.sep):
            problem = f"{path}: would replace {other}, which this stage reads"
            raise StageError(f"{problem}; write elsewhere{how}", code=2)
    made_by_none = "exists, and no stage made it"
    sidecar = f"{path}.meta.json"
    if os.path.exists(path) and not is_ours(path, folder):
        problem = (
            f"{path}: {made_by_none} (no {'DONE in' if folder else 'sidecar of'} it); it is not replaced"
        )
    elif os.path.exists(sidecar) and "settings" not in read_json(sidecar):
        problem = f"{sidecar}: {made_by_none}"
    elif folder and os.path.isdir(f"{path}.part") and not os.path.exists(f"{path}.part.json"):
        problem = f"{path}.part: exists, and no stage began it"
    else:
        return
    raise StageError(f"{problem}: write elsewhere{how}, or move it away", code=2)


def is_ours(path, folder):
    """Whether what stands at a path is an output of a stage, or an empty folder."""
    if folder:
        held = os.listdir(path) if os.path.isdir(path) else ["no folder"]
        return not held or "DONE" in held
    return os.path.isfile(path) and "settings" in read_json(f"{path}.meta.json")
