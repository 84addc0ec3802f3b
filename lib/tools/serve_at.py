"""A server that runs already, asked for one model after another: its own, and LoRA adapters loaded into it.

vLLM does that when it was started with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its
environment; it must be able to read the folder of the adapter, so it runs here or shares the disk.
"""

import json
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from lib.files import read_json
from lib.model.server import api_key, shown
from lib.records import StageError

HERE = ("127.0.0.1", "localhost", "::1")


def request(url, path, body=None):
    """What a server answers to GET, or to POST of a JSON body. Raises StageError."""
    headers = {"content-type": "application/json"}
    if api_key():
        headers["authorization"] = f"Bearer {api_key()}"
    data = None if body is None else json.dumps(body).encode()
    # a proxy of the environment must not be asked for this machine
    opener = build_opener(*([ProxyHandler({})] if urlsplit(url).hostname in HERE else []))
    try:
        with opener.open(Request(f"{url}/{path}", data, headers), timeout=600) as reply:
            return reply.read()
    except HTTPError as error:
        text = shown(error.read().decode(errors="replace"))
        raise StageError(f"{url}/{path}: HTTP {error.code}: {text}") from None
    except (URLError, OSError) as error:
        raise StageError(f"{url}/{path}: {shown(getattr(error, 'reason', error))}") from None


def served_models(url):
    """The models that a server answers for: {name: (folder or hub id, name of the model an adapter is for, or
    None)}. Raises StageError.
    """
    reply = request(url, "models")
    try:
        models = json.loads(reply)["data"]
        return {model["id"]: (model.get("root") or model["id"], model.get("parent")) for model in models}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StageError(f"{url}/models: expected a list of models, found {shown(reply)}") from None


def same_model(name, other):
    """Whether two names are of one model: equal hub ids, or one folder."""
    return name == other or os.path.abspath(name) == os.path.abspath(other)


@contextmanager
def asked_at(address, model):
    """The URL, with name, by which a running server is asked for `model` meanwhile: one that it serves, or a
    checkpoint of 05 with its adapter/, which is loaded under the checkpoint's path and unloaded at the end.

    Raises StageError where it has neither.
    """
    url = address.partition("#")[0].rstrip("/")
    known = served_models(url)
    whole = {name: root for name, (root, parent) in known.items() if parent is None}
    own = [name for name, root in whole.items() if same_model(name, model) or same_model(root, model)]
    if own:
        yield f"{url}#{own[0]}"
        return
    adapter = Path(model) / "adapter"
    check_adapter(adapter, url, model, [*whole, *whole.values()])
    if str(model) in known:  # of an earlier training, perhaps
        request(url, "unload_lora_adapter", {"lora_name": str(model)})
    try:
        request(url, "load_lora_adapter", {"lora_name": str(model), "lora_path": str(adapter.resolve())})
    except StageError as error:
        raise StageError(
            f"{error}\n  vLLM loads adapters if it was started with --enable-lora (--max-lora-rank above 16) "
            "and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment; or name a command instead of a "
            "URL: it then starts with each merged model"
        ) from None
    print(f"server: {adapter} is loaded at {url}", flush=True)
    try:
        yield f"{url}#{model}"
    finally:
        with suppress(StageError):  # only tidy: the work is done, or has said why not
            request(url, "unload_lora_adapter", {"lora_name": str(model)})


def check_adapter(adapter, url, model, served):
    """Raises StageError where there is no adapter, or one of another model than those `served`."""
    config = read_json(adapter / "adapter_config.json")
    if not config:
        raise StageError(
            f"{url}: it serves {', '.join(dict.fromkeys(served))}, not {model}, and there is no adapter in "
            f"{adapter} (05 --full makes none): name a command instead of a URL, which starts with each model"
        )
    base = str(config.get("base_model_name_or_path"))
    if not any(same_model(base, name) for name in served):
        names = ", ".join(dict.fromkeys(served))
        raise StageError(
            f"{adapter}: it was trained on {base}, and {url} serves {names}: start "
            "the server with the model that 05 trains (make: BASE)"
        )
