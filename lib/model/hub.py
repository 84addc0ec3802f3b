"""Folders and hub ids where there may be no network."""

import os
import socket
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.constants import ENDPOINT
from huggingface_hub.utils import HFValidationError, validate_repo_id

from lib.records import StageError

SECONDS_TO_REACH_THE_HUB = 5


@lru_cache
def hub_is_reachable():
    """Whether the hub answers at all. Without a network the library tries for minutes."""
    if os.environ.get("HF_HUB_OFFLINE") or getproxies():  # the library knows, or a proxy does
        return True
    place = urlsplit(ENDPOINT)
    try:
        address = (place.hostname, place.port or (80 if place.scheme == "http" else 443))
        socket.create_connection(address, SECONDS_TO_REACH_THE_HUB).close()
    except OSError:
        return False
    return True


def from_hub(path):
    """Options of from_pretrained for a folder or hub id: where the hub cannot be reached, its cache alone is
    read.
    """
    return {} if os.path.isdir(path) or hub_is_reachable() else {"local_files_only": True}


def folder_of(path):
    """The folder of a folder or hub id that was loaded: of the latter its snapshot in the hub's cache. Raises
    StageError where it is gone.
    """
    if os.path.isdir(path):
        return Path(path)
    config = try_to_load_from_cache(str(path), "config.json")
    if not isinstance(config, str):
        raise StageError(f"{path}: not in the hub's cache any more; the same command loads it again")
    return Path(config).parent


def why_not(path, error):
    """In a line, why a library could not load a folder or hub id."""
    if os.path.exists(os.path.join(path, "adapter_config.json")):
        around = os.path.dirname(os.path.abspath(path))
        merged = os.path.exists(os.path.join(around, "config.json"))
        return f"a LoRA adapter alone; name the merged checkpoint{f', {around}' if merged else ''}"
    reason = str(error).splitlines()[0].rstrip(".")
    if os.path.isdir(path):
        return reason
    try:
        validate_repo_id(str(path))
    except HFValidationError:
        return "no such folder, and it has not the form OWNER/NAME of a hub id"
    if from_hub(path):
        return f"no such folder, not in the hub's cache, and {ENDPOINT} cannot be reached"
    return f"no such folder, and of the hub: {reason}"
