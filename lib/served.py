"""A served model: --model http://host:port/v1#name asks a server that speaks the OpenAI chat protocol, through huggingface_hub's client.

    --model http://localhost:8000/v1#Qwen/Qwen3-VL-8B-Instruct                                    vLLM, SGLang, transformers serve, ...
    --model http://localhost:8000/v1#Qwen/Qwen3-VL-8B-Instruct,video=jpeg,timeout=120
    --model https://generativelanguage.googleapis.com/v1beta/openai#gemini-2.5-pro,seed=no

Behind the name, after commas:
    video=frames    the --frames frames as images; any server that reads images takes them (default)
    video=jpeg      the same frames as one video, with their times: vLLM
    video=data      the whole file as a video; the server chooses its frames, --frames does not apply
    video=file      the same by its path, for a server that shares the disk (vLLM: --allowed-local-media-path)
    timeout=600     seconds that one answer may take
    retries=7       further tries of a request, 1, 2, 4, ... 60 seconds apart, or as long as the server asks for, for twice the time-out at most
    seed=no         for a server that refuses seeds (Gemini)

Whether the same seed draws the same answer again is the server's matter. `transformers serve` samples only where the model's
generation_config.json says do_sample; else every sample is its greedy answer, whatever --temperature says.

An API key is read from VIDEO_STAR_API_KEY, else OPENAI_API_KEY, and is written nowhere. --batch-size is the number of requests in flight.
"""
import asyncio
import base64
import email.utils
import mimetypes
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from lib.prompts import ONLY_ANSWER, render, strip_placeholders
from lib.records import StageError, key_of, video_path
from lib.stage import model_identity, progress, world


class Server(NamedTuple):
    url: str
    name: str
    video: str = "frames"
    timeout: float = 600.0
    retries: int = 7
    seed: bool = True


class Failure(Exception):
    """A request that got no answer: (why, whether a later try may get one, seconds to wait before it)."""


def is_served(model):
    """Whether --model names a server, not a folder or a hub id."""
    return model.lower().startswith(("http://", "https://"))


def server_of(model):
    """The Server that a --model URL names. Raises StageError (exit code 2) for one that holds a password, has no name, or an unknown option."""
    address, _, rest = model.partition("#")
    if "@" in address or "?" in address or "#" in rest:  # not shown: it may hold a secret
        raise StageError("--model: expected http://host:port/v1#name without user, password or query; put the key into the environment as VIDEO_STAR_API_KEY", code=2)
    name, *options = rest.split(",")
    videos, answers = {video: video for video in ("frames", "jpeg", "data", "file")}, {"yes": True, "no": False}
    read = {"video": videos.__getitem__, "timeout": float, "retries": int, "seed": answers.__getitem__}
    try:
        server = Server(address.rstrip("/"), name, **{option: read[option](value) for option, _, value in (text.partition("=") for text in options)})
        if name and urlsplit(address).hostname and urlsplit(address).port != 0 and server.timeout > 0 and server.retries >= 0:
            return server
    except (KeyError, ValueError):
        pass
    raise StageError(f"--model {model}: expected http://host:port/v1#name, the name as the server knows it, and behind it any of\n"
                     "  ,video=frames|jpeg|data|file  ,timeout=SECONDS  ,retries=COUNT  ,seed=yes|no", code=2)


def served_identity(model):
    """What tells one served model from another when a stage resumes: URL, name, of a folder its content, and the options that decide the answers.

    On this machine a folder or a hub id (it has a slash) says which model it is, whatever the port; another name may be anything, and so may a server elsewhere.
    """
    server = server_of(model)
    content = f"@{model_identity(server.name)[:16]}" if os.path.isdir(server.name) else ""
    here = urlsplit(server.url).hostname in ("127.0.0.1", "localhost", "::1") and (content or "/" in server.name)
    return f"{'' if here else server.url}#{server.name}{content},video={server.video},seed={'yes' if server.seed else 'no'}"


def api_key():
    """The key of the environment, or None. Raises StageError (exit code 2), without showing it, for one that no header can carry."""
    key = os.environ.get("VIDEO_STAR_API_KEY", os.environ.get("OPENAI_API_KEY", "")).strip()
    if not (key.isascii() and key.isprintable()):
        raise StageError("the API key in VIDEO_STAR_API_KEY or OPENAI_API_KEY holds characters that no HTTP header can carry", code=2)
    return key or None


def client_of(server, in_flight):
    """The hub's client for this server. Only asynchronous clients are touched: the hub's own traffic keeps its settings."""
    import httpx2
    from huggingface_hub import AsyncInferenceClient, set_async_client_factory

    async def raise_for_status(response):  # before the hub reads it, which fails on the lists that Gemini sends as errors
        if not response.is_success:
            await response.aread()
            response.raise_for_status()

    # the hub's default session refuses every host when HF_HUB_OFFLINE is set, and opens 100 connections at most
    set_async_client_factory(lambda: httpx2.AsyncClient(event_hooks={"response": [raise_for_status]}, limits=httpx2.Limits(max_keepalive_connections=in_flight)))
    key = api_key()
    return AsyncInferenceClient(
        base_url=f"{server.url}/chat/completions", timeout=httpx2.Timeout(server.timeout, connect=min(30.0, server.timeout), pool=None),
        api_key=key or "none", headers=None if key else {"authorization": None})  # None: without a key of ours the hub would send its own token to any server


def seconds_of(retry_after):
    """A Retry-After header, seconds or a date, as seconds from now; 0 where there is none."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0


def said(text):
    """The beginning of what a server or a library said, on one line, without the key."""
    text = " ".join(str(text).split())
    return (text.replace(api_key(), "***") if api_key() else text)[:300]


async def try_once(client, server, messages, sampling):
    """(answer, tokens or None, whether it ended by itself, the model id the server reports). Raises Failure."""
    import httpx2
    from huggingface_hub import InferenceTimeoutError
    try:
        reply = await client.chat_completion(messages, model=server.name, **sampling)
    except httpx2.HTTPStatusError as error:
        code = error.response.status_code
        raise Failure(f"HTTP {code}: {said(error.response.text)}", code in (408, 409, 429) or code >= 500, seconds_of(error.response.headers.get("retry-after", ""))) from None
    except InferenceTimeoutError:
        raise Failure(f"no answer within {server.timeout:g} s", True, 0.0) from None
    except (httpx2.TransportError, ValueError) as error:  # ValueError: not JSON, say the page of a proxy
        raise Failure(f"{type(error).__name__}: {said(error)}", True, 0.0) from None
    if not (reply.choices and reply.choices[0].message):
        raise Failure(f"a reply without an answer: {said(dict(reply))}", True, 0.0)
    choice = reply.choices[0]
    if choice.finish_reason == "content_filter":
        raise Failure("the server's content filter withheld the answer", False, 0.0)
    return (choice.message.content or "").strip(), reply.usage and reply.usage.completion_tokens, choice.finish_reason != "length", reply.model


async def complete(client, server, messages, seed, temperature, top_p, max_tokens, extra=None):
    """As try_once, with retries. Raises Failure where this request alone fails, StageError where the server answers no other either."""
    sampling = dict(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed % 2**31 if server.seed else None)  # 31 bits: what every server takes
    began = time.time()
    for attempt in range(server.retries + 1):
        try:
            return await try_once(client, server, messages, {**sampling, "extra_body": extra})
        except Failure as error:
            failure, (why, again, wait) = error, error.args
        if not again or attempt == server.retries or time.time() - began + wait > 2 * server.timeout:
            break
        await asyncio.sleep(wait + min(60, 2**attempt) * random.uniform(0.5, 1.5))
    try:  # whose fault was it? the same request without its content
        await try_once(client, server, [{"role": "user", "content": "Say yes."}], sampling)
    except Failure as error:
        raise StageError(f"{server.url}: the model {server.name!r} does not answer: {why}" + (f"; then {error.args[0]}" if error.args[0] != why else "")
                         + "\n  everything answered is kept: run the same command again when it does; a key is read from VIDEO_STAR_API_KEY or OPENAI_API_KEY") from None
    raise Failure(why) from failure


def as_they_come(server, function, items, in_flight):
    """Yields the results of the coroutine function(client, item) as they come, `in_flight` at a time; when closed it cancels what is under way."""
    client, loop, pending, items = client_of(server, in_flight), asyncio.new_event_loop(), set(), iter(items)

    async def stop():
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await client.close()

    try:
        while True:
            pending |= {loop.create_task(function(client, item)) for item in islice(items, in_flight - len(pending))}
            if not pending:
                return
            done, pending = loop.run_until_complete(asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED))
            for task in sorted(done, key=lambda task: task.exception() is not None):  # what is answered before what ends the stage
                yield task.result()
    finally:
        loop.run_until_complete(stop())
        loop.close()


def content_of(video, count, path, start, end, view="video", seed=0, cache=None):
    """(parts of the user's turn that show the clip, fields to add to the request). Raises VideoError."""
    import cv2
    from lib.video import VideoError, read_frames, viewed
    part = lambda kind, url: {"type": kind, kind: {"url": url}}
    if video in ("data", "file"):
        if start or end is not None:
            raise VideoError(f"{path}: video={video} sends whole files, this record is a clip of {start or 0} to {end} s; use video=frames or video=jpeg")
        if not os.path.isfile(path):
            raise VideoError(f"{path}: no such file")
        if video == "file":
            return [part("video_url", Path(path).resolve().as_uri())], None
        return [part("video_url", f"data:{mimetypes.guess_type(path)[0] or 'video/mp4'};base64,{base64.b64encode(Path(path).read_bytes()).decode()}")], None
    frames, about = read_frames(path, count, start, end, cache)
    frames = viewed(frames, view, seed)
    jpegs = [base64.b64encode(cv2.imencode(".jpg", frame[..., ::-1])[1]).decode() for frame in frames]
    if video == "frames":
        return [part("image_url", f"data:image/jpeg;base64,{jpeg}") for jpeg in jpegs], None
    times = {name: about[name] for name in ("fps", "frames_indices", "total_num_frames", "duration")}
    return [part("video_url", "data:video/jpeg;base64," + ",".join(jpegs))], {"media_io_kwargs": {"video": {"num_frames": count, **times}}}


def answer_served(requests, args, output, temperature, what, top_p=1.0, conclude_unaided=False):
    """As lib.answers.answer, by a server: each record is written when its answer comes, in any order.

    What concerns one record (its video, a refusal) becomes its `error`. A server that answers nothing any more is a StageError.
    """
    from lib.video import VideoError
    server, (rank, processes) = server_of(args.model), world()
    if args.view != "video" and server.video in ("data", "file"):
        raise StageError(f"--view {args.view} changes frames, video={server.video} sends whole files; use video=frames or video=jpeg", code=2)
    wanted = [(record, style) for record, style in requests[rank::processes] if key_of(record) not in output.done]
    if not wanted:
        return
    if rank == 0:
        print(f"model: {server.name} at {server.url}, {args.batch_size} requests in flight, video={server.video}\n"
              f"first prompt ({len(requests)} in all):\n  [video] " + render(*requests[0]).replace("\n", "\n  "), flush=True)
    reported = output.about.setdefault("served", {"url": server.url, "name": server.name, "reported": []})["reported"]
    decoders = ThreadPoolExecutor(args.workers)

    @lru_cache(maxsize=args.batch_size)
    def decoded(*clip):  # a future: questions and samples on one clip share one decode
        return asyncio.get_running_loop().run_in_executor(decoders, content_of, server.video, args.frames, *clip, args.view, args.seed, args.frame_cache)

    async def put(client, request):
        record, style = request
        try:
            content, extra = await decoded(video_path(record, output.path), record.get("start"), record.get("end"))
            user = lambda style: {"role": "user", "content": [*content, {"type": "text", "text": render(record, style)}]}
            text, tokens, ended, name = await complete(client, server, [user(style)], record["seed"], temperature, top_p, args.max_new_tokens, extra)
            if conclude_unaided and "Answer:" in text:  # as lib.answers.conclude; a second turn, since few servers continue a turn of the assistant
                explanation = text.split("Answer:", 1)[0].rstrip()
                turns = [user("direct"), {"role": "assistant", "content": explanation}, {"role": "user", "content": ONLY_ANSWER}] if explanation else [user("short")]
                line, more, ended, name = await complete(client, server, turns, record["seed"], 0.0, 1.0, 64, extra)
                text, tokens = f"{explanation}\nAnswer: {line}", None if None in (tokens, more) else tokens + more
        except (VideoError, Failure) as error:
            return {**record, "error": error.args[0]}
        if name not in reported:
            reported.append(name)
        return {**record, "answer": strip_placeholders(text), "tokens": tokens, **({} if ended else {"truncated": True})}

    try:
        with closing(as_they_come(server, put, wanted, args.batch_size)) as finished:
            for record in progress(finished, len(wanted), what):
                output.write(record)
                output.check_budget(args.max_failures, len(requests))
    finally:
        decoders.shutdown(wait=False, cancel_futures=True)


def ask(model, prompts, in_flight=8, temperature=0.0, max_tokens=1024, seed=0, top_p=1.0):
    """Put (key, text) prompts to a served model, without video: a judge, or a writer of questions.

    Yields (key, {"answer", "tokens"} and "truncated", or {"error"}) as they come, in any order. Raises StageError as `complete`.
    """
    server = server_of(model)

    async def put(client, prompt):
        key, text = prompt
        try:
            answer, tokens, ended, _ = await complete(client, server, [{"role": "user", "content": text}], seed, temperature, top_p, max_tokens)
        except Failure as error:
            return key, {"error": error.args[0]}
        return key, {"answer": answer, "tokens": tokens, **({} if ended else {"truncated": True})}

    yield from as_they_come(server, put, prompts, in_flight)
