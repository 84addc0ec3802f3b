"""A served model: behind the same door as a local one, asked for many answers at once (server.py: how it is
named and reached).
"""

import asyncio
import base64
import mimetypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache
from pathlib import Path

from lib.model import explanation_of, identity
from lib.model.cache import open_cache
from lib.model.coordinates import answered
from lib.model.frames import FRAMES, sampling_of
from lib.model.questions import columns
from lib.model.requests import CONTINUE, as_they_come, complete, continues
from lib.model.server import BUDGET, Failure, Usage, limit_thoughts, server_of
from lib.model.thinking import THINK, reply_of
from lib.process import progress, world
from lib.prompts import ONLY_ANSWER
from lib.records import StageError
from lib.video import VideoError, viewed


def part_of(kind, url):
    """A part of a message, of the OpenAI chat protocol."""
    return {"type": kind, kind: {"url": url}}


def whole_file(video, clip):
    """The part of the user's turn that shows a whole file, as data or by its path. Raises VideoError."""
    path, start, end = clip
    if start or end is not None:
        raise VideoError(
            f"{path}: video={video} sends whole files, this record is a clip of {start or 0} to {end} s; "
            "use video=frames or video=jpeg"
        )
    if not os.path.isfile(path):
        raise VideoError(f"{path}: no such file")
    if video == "file":
        return part_of("video_url", Path(path).resolve().as_uri())
    content = base64.b64encode(Path(path).read_bytes()).decode()
    return part_of("video_url", f"data:{mimetypes.guess_type(path)[0] or 'video/mp4'};base64,{content}")


def content_of(video, sampling, clip, view="video", seed=0, frame_cache=None):
    """(parts of the user's turn that show the clip, fields to add to the request, [width, height] of a frame
    that is sent or None). Raises VideoError.
    """
    if video in ("data", "file"):
        return [whole_file(video, clip)], frames_of_server(sampling_of(sampling)), None
    import cv2

    from lib.model.clips import frames_of

    frames, about = frames_of(clip, sampling, frame_cache)
    pictures = [cv2.imencode(".jpg", frame[..., ::-1])[1] for frame in viewed(frames, view, seed)]
    size = [frames.shape[2], frames.shape[1]]
    jpegs = [base64.b64encode(picture).decode() for picture in pictures]
    if video == "frames":
        return [part_of("image_url", f"data:image/jpeg;base64,{jpeg}") for jpeg in jpegs], None, size
    times = {name: about[name] for name in ("fps", "frames_indices", "total_num_frames", "duration")}
    options = {"media_io_kwargs": {"video": {"num_frames": len(frames), **times}}}
    return [part_of("video_url", "data:video/jpeg;base64," + ",".join(jpegs))], options, size


def frames_of_server(sampling):
    """The fields of a request by which vLLM chooses frames of a whole file itself; None without --fps."""
    if sampling.fps is None:
        return None
    return {"media_io_kwargs": {"video": {"fps": sampling.fps, "num_frames": sampling.max_frames}}}


class Served:
    """The model of a server; the options are Local's, those apart that are the server's matter: StageError
    (exit code 2).
    """

    def __init__(
        self,
        model,
        frames=FRAMES,
        dtype="auto",
        device_map=None,
        load_in_4bit=False,
        batch_size=8,
        workers=2,
        frame_cache=None,
        feature_cache=None,
        view="video",
        seed=0,
        think=None,
        max_thought_tokens=None,
    ):
        self.server, self.identity, self.report = server_of(model), identity(model), {}
        if dtype != "auto" or device_map or load_in_4bit or feature_cache:
            raise StageError(
                f"--model {model}: --dtype, --device-map, --load-in-4bit and --feature-cache are the "
                "server's matter; leave them out",
                code=2,
            )
        if view != "video" and self.server.video in ("data", "file"):
            raise StageError(
                f"--view {view} changes frames, video={self.server.video} sends whole files; "
                "use video=frames or video=jpeg",
                code=2,
            )
        self.sampling = sampling_of(frames)
        if self.sampling.bounded and self.server.video in ("data", "file"):
            raise StageError(
                f"--max-pixels and --min-pixels scale frames, video={self.server.video} sends whole files; "
                "use video=frames or video=jpeg, or tell the server",
                code=2,
            )
        if self.server.video == "jpeg":  # where the server's model takes frames in pairs
            self.sampling = self.sampling._replace(together=2)
        if frame_cache:
            open_cache(frame_cache)
        self.view, self.seed, self.frame_cache = view, seed, frame_cache
        self.in_flight, self.workers = batch_size, workers
        self.max_thought_tokens = max_thought_tokens
        # vLLM, SGLang and `transformers serve` hand this to the chat template
        self.extra = {"chat_template_kwargs": {"enable_thinking": THINK[think]}} if think in THINK else {}

    def answers(self, questions, done=(), temperature=0.0, top_p=1.0, max_new_tokens=1024, what="answer"):
        """As Local.answers, each record in a list of its own, in any order, as its answer comes.

        What concerns one record (its video, a refusal) becomes its "error". A server that answers nothing any
        more is a StageError.
        """
        keys, _, _ = columns(questions)
        left = [number for number, key in enumerate(keys.tolist()) if key not in done]
        if not left:
            return
        server, questions_left = self.server, (questions[number] for number in left)
        if self.max_thought_tokens:
            limit_thoughts(server)
            self.extra[BUDGET] = self.max_thought_tokens
            max_new_tokens += self.max_thought_tokens  # a server counts both
        if world()[0] == 0:
            first = questions[0].prompt.replace("\n", "\n  ")
            print(
                f"model: {server.name} at {server.url}, {self.in_flight} requests in flight, "
                f"video={server.video}\nfirst prompt ({len(questions)} in all):\n  [video] {first}",
                flush=True,
            )
        usage = Usage()
        self.report["served"] = {"url": server.url, "name": server.name, "reported": [], "usage": vars(usage)}
        decoders = ThreadPoolExecutor(self.workers)

        @lru_cache(maxsize=self.in_flight)
        def content(clip):  # a future: questions and samples on one clip share one decoding
            work = (content_of, server.video, self.sampling, clip, self.view, self.seed, self.frame_cache)
            return asyncio.get_running_loop().run_in_executor(decoders, *work)

        @lru_cache(maxsize=1)
        def can_continue(client):  # a future: found out once, when the first answer is to be concluded
            return asyncio.ensure_future(continues(client, server))

        async def answer(client, question):
            sampling = (question.record["seed"], temperature, top_p, max_new_tokens)
            return await self._answer(client, question, content, can_continue, sampling)

        try:
            with closing(as_they_come(server, answer, questions_left, self.in_flight, usage)) as finished:
                for record in progress(finished, len(left), what):
                    yield [record]
        finally:
            decoders.shutdown(wait=False, cancel_futures=True)
            print(f"served: {usage}", flush=True)

    async def _answer(self, client, question, content, can_continue, sampling):
        """The question's record with its answer, or with the reason why there is none."""
        try:
            parts, extra, size = await content(question.clip)
            extra = {**(extra or {}), **self.extra} or None
            messages = [user_turn(parts, question.prompt)]
            reply = await complete(client, self.server, messages, *sampling, extra)
            said = said_by(reply)
            if question.conclude and (explanation := explanation_of(said["answer"])) is not None:
                goes_on = self.report["served"]["continued"] = await can_continue(client)
                asking = (client, parts, question, sampling, extra)
                reply, said = await self._concluded(*asking, said, explanation, goes_on)
        except (VideoError, Failure) as error:
            return {**question.record, "error": error.args[0]}
        if reply.model not in self.report["served"]["reported"]:
            self.report["served"]["reported"].append(reply.model)
        return answered(question.record, said, size)

    async def _concluded(self, client, parts, question, sampling, extra, said, explanation, goes_on):
        """(the reply, the answer's fields) with its final line drawn again from question and explanation."""
        thought = {"thought": said["thought"]} if "thought" in said else {}
        messages = concluding(parts, question.conclude, explanation or said.get("thought", ""), goes_on)
        # a model that thinks does so before a line in a turn of its own
        room = 64 if goes_on or not thought else 64 + sampling[-1]
        extra = {**(extra or {}), **CONTINUE} if goes_on else extra
        reply = await complete(client, self.server, messages, sampling[0], 0.0, 1.0, room, extra)
        line = said_by(reply)
        if goes_on and not line["answer"]:  # a reasoning parser takes for a thought what has no closing tag
            line["answer"] = line.pop("thought", "")
        answer = f"{explanation}\nAnswer: {line['answer']}".strip()
        tokens = None if None in (said["tokens"], reply.tokens) else said["tokens"] + reply.tokens
        return reply, {**line, "answer": answer, "tokens": tokens, **thought}

    def family(self):
        """What the model's family is called: not known."""
        return None

    def no_pixels(self):
        """Why boxes cannot be said in pixels of the frames that are sent, or None."""
        if self.server.video in ("data", "file"):
            return (
                f"video={self.server.video} sends whole files; only the server knows the size of its frames"
            )
        return None

    def frame_size(self, clip):
        """[width, height] of the frames that are sent of a clip; None where it cannot be read."""
        try:
            _, _, size = content_of(self.server.video, self.sampling, clip, frame_cache=self.frame_cache)
        except VideoError:
            return None
        return size


def said_by(reply):
    """A Reply as the fields of a record: {"answer", "tokens"}, "thought" and "truncated" where they are."""
    return {**reply_of(reply.text, reply.ended, reasoning=reply.thought), "tokens": reply.tokens}


def user_turn(parts, prompt):
    """The user's turn: a clip's parts, then the prompt."""
    return {"role": "user", "content": [*parts, {"type": "text", "text": prompt}]}


def concluding(parts, prompt, explanation, goes_on):
    """The messages that ask for a final line alone: where the server `goes_on` with a turn the explanation is
    its beginning, as on the local path; elsewhere the line is asked for in a second turn.
    """
    if goes_on:
        beginning = f"{explanation}\nAnswer:".lstrip()
        return [user_turn(parts, prompt), {"role": "assistant", "content": beginning}]
    if not explanation:
        return [user_turn(parts, f"{prompt}\n{ONLY_ANSWER}")]
    second = {"role": "user", "content": ONLY_ANSWER}
    return [user_turn(parts, prompt), {"role": "assistant", "content": explanation}, second]


def ask(model, prompts, in_flight=8, temperature=0.0, max_tokens=1024, seed=0, top_p=1.0, usage=None):
    """Put (key, text) prompts to a served model, without video: a judge, or a writer of questions.

    Yields (key, {"answer", "tokens"}, "thought" and "truncated" where they are, or {"error"}) as they come,
    in any order; what they cost is counted in `usage`. Raises StageError as `complete`.
    """
    server = server_of(model)

    async def answer(client, prompt):
        key, text = prompt
        try:
            messages = [{"role": "user", "content": text}]
            reply = await complete(client, server, messages, seed, temperature, top_p, max_tokens)
        except Failure as error:
            return key, {"error": error.args[0]}
        return key, said_by(reply)

    yield from as_they_come(server, answer, prompts, in_flight, usage)
