"""A server that speaks the OpenAI chat protocol, asked through huggingface_hub's client.

    --model http://localhost:8000/v1#Qwen/Qwen3-VL-8B-Instruct          vLLM, SGLang, transformers serve, ...
    --model http://localhost:8000/v1#Qwen/Qwen3-VL-8B-Instruct,video=jpeg,timeout=120
    --model https://generativelanguage.googleapis.com/v1beta/openai#gemini-2.5-pro,seed=no

Behind the name, after commas:
    video=frames    the frames as images; any server that reads images takes them (default)
    video=jpeg      the same frames as one video, with their times: vLLM
    video=data      the whole file as a video; the server chooses its frames: --frames does not apply, --fps
                    and --max-frames go to it as vLLM's media_io_kwargs
    video=file      the same by its path, for a server that shares the disk (vLLM: --allowed-local-media-path)
    timeout=600     seconds that one answer may take
    retries=7       further tries of a request, 1, 2, 4, ... 60 seconds apart, or as long as the server
                    asks for, for twice the time-out at most
    seed=no         for a server that refuses seeds (Gemini)
    continue=auto   --conclude-unaided continues the explanation, as with a local model, where the server can:
                    two small requests find out; yes: it must; no: the last line comes in a second turn

Whether the same seed draws the same answer again is the server's matter. `transformers serve` samples only
where the model's generation_config.json says do_sample; else every sample is its greedy answer, whatever
--temperature says.

An API key is read from VIDEO_STAR_API_KEY, else OPENAI_API_KEY, and is written nowhere. --batch-size is the
number of requests in flight.
"""

import email.utils
import os
import time
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from lib.model import checkpoint_id
from lib.records import StageError


class Server(NamedTuple):
    """Where a served model is, and how it is asked: the options of the module's docstring."""

    url: str
    name: str
    video: str = "frames"
    timeout: float = 600.0
    retries: int = 7
    seed: bool = True
    continues: str = "auto"


PASSING = (408, 409, 429, 502, 503, 504, 529)  # of a busy server or its proxy, whatever it was asked


class Failure(Exception):
    """A request that got no answer: why, whether a later try may get one, seconds to wait before it, and the
    HTTP status where there was one.
    """

    def __init__(self, why, again=False, wait=0.0, status=None):
        super().__init__(why)
        self.why, self.again, self.wait, self.status = why, again, wait, status

    def may_be_of_the_request(self):
        """Whether the server itself failed at what it was asked, and may answer others."""
        return self.status is not None and self.status >= 500 and self.status not in PASSING


@dataclass(eq=False)
class Usage:
    """What a server has answered, and the tokens it says it took; `unknown`: replies that do not say."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unknown: int = 0

    def add(self, usage):
        """Count a reply with its `usage`, of which servers leave out what they like."""
        counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
        self.requests += 1
        self.unknown += None in counts
        self.prompt_tokens += counts[0] or 0
        self.completion_tokens += counts[1] or 0

    def __str__(self):
        unknown = f", unknown of {self.unknown:,} of them" if self.unknown else ""
        return (
            f"{self.requests:,} requests answered, {self.prompt_tokens:,} prompt tokens and "
            f"{self.completion_tokens:,} completion tokens by the server's count{unknown}"
        )


@dataclass(eq=False)
class Client:
    """The hub's client for a server, and what came of it."""

    hub: object
    usage: Usage
    told: set  # statuses of failures that were said already


class Reply(NamedTuple):
    """A server's answer to one request."""

    text: str
    tokens: int | None
    ended: bool  # by itself, not by the token limit
    model: str  # the id that the server reports
    prompt_tokens: int | None = None
    thought: str = ""  # what its reasoning parser took off


BUDGET = "thinking_token_budget"  # vLLM's field of a request
OPTIONS = {
    "video": {video: video for video in ("frames", "jpeg", "data", "file")}.__getitem__,
    "timeout": float,
    "retries": int,
    "seed": {"yes": True, "no": False}.__getitem__,
    "continue": {word: word for word in ("auto", "yes", "no")}.__getitem__,
}
FIELDS = {"continue": "continues"}  # of Server, where an option's name is a word of Python


def server_of(model, flag="--model"):
    """The Server that the URL of a flag names.

    Raises StageError (exit code 2) for one that holds a password, has no name, or an unknown option.
    """
    address, _, rest = model.partition("#")
    if "@" in address or "?" in address or "#" in rest:  # not shown: it may hold a secret
        raise StageError(
            f"{flag}: expected http://host:port/v1#name without user, password or query; put the key into "
            "the environment as VIDEO_STAR_API_KEY",
            code=2,
        )
    name, *options = rest.split(",")
    try:
        pairs = [option.partition("=") for option in options]
        given = {FIELDS.get(option, option): OPTIONS[option](value) for option, _, value in pairs}
        server = Server(address.rstrip("/"), name, **given)
        place = urlsplit(address)
        if name and place.hostname and place.port != 0 and server.timeout > 0 and server.retries >= 0:
            return server
    except (KeyError, ValueError):
        pass
    raise StageError(
        f"{flag} {model}: expected http://host:port/v1#name, the name as the server knows it, "
        "and behind it any of\n"
        "  ,video=frames|jpeg|data|file  ,timeout=SECONDS  ,retries=COUNT  ,seed=yes|no  "
        ",continue=auto|yes|no",
        code=2,
    )


def served_identity(model):
    """What tells one served model from another when a stage resumes: URL, name, of a folder its content, and
    options.

    On this machine a folder or a hub id (it has a slash) says which model it is, whatever the port; another
    name may be anything, and so may a server elsewhere.
    """
    server = server_of(model)
    content = f"@{checkpoint_id(server.name)[:16]}" if os.path.isdir(server.name) else ""
    local = urlsplit(server.url).hostname in ("127.0.0.1", "localhost", "::1")
    url = "" if local and (content or "/" in server.name) else server.url
    continues = "" if server.continues == "auto" else f",continue={server.continues}"
    return (
        f"{url}#{server.name}{content},video={server.video},seed={'yes' if server.seed else 'no'}{continues}"
    )


def api_key():
    """The key of the environment, or None. Raises StageError (exit code 2), without showing it, for an
    impossible one.
    """
    key = os.environ.get("VIDEO_STAR_API_KEY", os.environ.get("OPENAI_API_KEY", "")).strip()
    if not (key.isascii() and key.isprintable()):
        raise StageError(
            "the API key in VIDEO_STAR_API_KEY or OPENAI_API_KEY holds characters that no HTTP "
            "header can carry",
            code=2,
        )
    return key or None


async def check_response(response):
    """Fail before the hub's client reads an error, which it cannot where Gemini sends a list, or what is no
    reply at all, say the page of a proxy.
    """
    await response.aread()
    response.raise_for_status()
    if not response.content.lstrip().startswith(b"{"):
        found = f"found {shown(response.text)[:120]!r} at {response.url}"
        raise Failure(f"{found}, expected JSON: is this the address of an OpenAI server (.../v1)?", True)


def client_of(server, in_flight, usage):
    """The Client for this server, which counts into `usage`. Only asynchronous clients are touched: the hub's
    own traffic keeps its settings.
    """
    import httpx2
    from huggingface_hub import AsyncInferenceClient, set_async_client_factory

    def session():
        limits = httpx2.Limits(max_keepalive_connections=in_flight)
        return httpx2.AsyncClient(event_hooks={"response": [check_response]}, limits=limits)

    # the hub's default session refuses every host when HF_HUB_OFFLINE is set, and opens 100 connections at
    # most
    set_async_client_factory(session)
    key = api_key()
    hub = AsyncInferenceClient(
        base_url=f"{server.url}/chat/completions",
        timeout=httpx2.Timeout(server.timeout, connect=min(30.0, server.timeout), pool=None),
        api_key=key or "none",
        # None: without a key of ours the hub would send its own token to any server
        headers=None if key else {"authorization": None},
    )
    return Client(hub, usage, set())


def limit_thoughts(server):
    """Raise StageError (exit code 2) where a server's description of its interface does not name BUDGET: most
    ignore, without a word, what they do not know.
    """
    import httpx2

    place = urlsplit(server.url)
    try:
        reply = httpx2.get(f"{place.scheme}://{place.netloc}/openapi.json", timeout=min(60.0, server.timeout))
        known = reply.is_success and BUDGET in reply.text
    except httpx2.HTTPError:
        known = False
    if not known:
        raise StageError(
            f"--max-thought-tokens: {server.url} does not say (/openapi.json) that it takes {BUDGET}, as "
            "vLLM does with --reasoning-parser; leave it out and raise --max-new-tokens, which is for both",
            code=2,
        )


def seconds_of(retry_after):
    """A Retry-After header, seconds or a date, as seconds from now; 0 where there is none."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0


def shown(text):
    """The beginning of what a server or a library reports, on one line, without the key."""
    text = " ".join(str(text).split())
    return (text.replace(api_key(), "***") if api_key() else text)[:300]


def said_in_parts(content, kind="text"):
    """The text of a message's content, or of its parts of a `kind`, as some servers send it: Mistral's "text"
    and "thinking", which holds parts again. Raises Failure for anything else.
    """
    if content is None or isinstance(content, str):
        return (content or "").strip() if kind == "text" else ""
    if not (isinstance(content, list) and all(isinstance(part, dict) for part in content)):
        raise Failure(f"content is {shown(content)!r}, expected a text or a list of parts")
    found = [part.get(kind) for part in content if part.get("type") == kind]
    return "".join(said_in_parts(part) for part in found).strip()


async def try_once(client, server, messages, sampling):
    """The Reply to one request. Raises Failure."""
    import httpx2
    from huggingface_hub import InferenceTimeoutError

    try:
        reply = await client.hub.chat_completion(messages, model=server.name, **sampling)
    except httpx2.HTTPStatusError as error:
        code, wait = error.response.status_code, error.response.headers.get("retry-after", "")
        again, why = code in PASSING or code >= 500, f"HTTP {code}: {shown(error.response.text)}"
        raise Failure(why, again, seconds_of(wait), code) from None
    except InferenceTimeoutError:
        raise Failure(f"no answer within {server.timeout:g} s", True, 0.0) from None
    except (httpx2.TransportError, ValueError) as error:  # ValueError: JSON that is cut off
        raise Failure(f"{type(error).__name__}: {shown(error)}", True, 0.0) from None
    if not (reply.choices and reply.choices[0].message):
        raise Failure(f"a reply without an answer: {shown(dict(reply))}", True, 0.0)
    choice = reply.choices[0]
    if choice.finish_reason == "content_filter":
        raise Failure("the server's content filter withheld the answer", False, 0.0)
    text = said_in_parts(choice.message.content)
    thought = said_in_parts(choice.message.get("reasoning") or choice.message.get("reasoning_content"))
    thought = thought or said_in_parts(choice.message.content, "thinking")
    client.usage.add(reply.usage)
    read, tokens = (getattr(reply.usage, name, None) for name in ("prompt_tokens", "completion_tokens"))
    return Reply(text, tokens, choice.finish_reason != "length", reply.model, read, thought)
