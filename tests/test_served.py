"""A served model: the requests that go out, what is retried, who is blamed, and that no answer is lost; last,
a real `transformers serve`.
"""

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from conftest import LIMIT, Fork, free_port, lines, sh, wait_for
from test_video import coded_clip, number_of

from lib.model.frames import Sampling
from lib.model.served import ask, content_of
from lib.model.server import Server, served_identity, server_of
from lib.records import StageError
from lib.video import VideoError

KEY = "sk-a-key-to-be-seen-by-the-server-only"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_message = lambda *_: None

    def do_GET(self):
        content = self.server.fake.interface.encode()
        self.send_response(200 if content else 404)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self):
        fake, body = self.server.fake, json.loads(self.rfile.read(int(self.headers["content-length"])))
        with fake.lock:
            fake.asked.append((body, self.headers, time.time()))
            fake.now += 1
            fake.most, nth = max(fake.most, fake.now), len(fake.asked)
        status, headers, reply = fake.reply(body, nth)
        with fake.lock:
            fake.now -= 1
        if status is None:  # hang up without an answer
            self.close_connection = True
            return
        content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(content)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class Fake:
    """An OpenAI server of this test's making.

    `reply(body, nth)` gives (status, headers, reply); status None hangs up.
    """

    interface = ""  # what it tells of itself under /openapi.json

    def __init__(self, reply, port=0):
        self.reply, self.asked, self.lock, self.now, self.most = reply, [], threading.Lock(), 0, 0
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.fake, self.server.daemon_threads = self, True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self):
        self.server.shutdown(), self.server.server_close()


@pytest.fixture
def fake():
    started = []

    def start(reply, **options):
        started.append(Fake(reply, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def says(text="It is red all along.\nAnswer: red", reason="stop", tokens=9):
    return (
        200,
        {},
        {
            "model": "tiny@main",
            "choices": [
                {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
            ],
            "usage": {"prompt_tokens": 20, "completion_tokens": tokens},
        },
    )


def picture(jpeg):
    return cv2.imdecode(np.frombuffer(base64.b64decode(jpeg, validate=True), np.uint8), cv2.IMREAD_COLOR_RGB)


def asked_text(body):
    """The text of a request's first turn."""
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """A file of twelve questions on one clip of 300 frames at 30 a second; q11 is on its seconds 2 to 6."""
    folder = tmp_path_factory.mktemp("questions")
    coded_clip(folder / "clip.mp4", 300)
    labels = [{"name": "colour", "kind": "class", "value": "red", "options": ["red", "blue"]}]
    rows = [
        {
            "id": f"q{i}",
            "video": "clip.mp4",
            "duration": 10.0,
            "question": f"What colour is number {i}?",
            "labels": labels,
        }
        for i in range(12)
    ]
    rows[11].update(start=2.0, end=6.0)
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def generate(questions, out, model, *more, script="02_generate.py", check=True, **environment):
    clean = {k: v for k, v in os.environ.items() if k not in ("VIDEO_STAR_API_KEY", "OPENAI_API_KEY")}
    return sh(
        script,
        questions,
        "-o",
        out,
        "--model",
        model,
        "--batch-size",
        "4",
        *more,
        check=check,
        env={**clean, **environment},
    )


def test_addresses():
    assert server_of("http://h:8000/v1/#org/name@main") == Server("http://h:8000/v1", "org/name@main")
    assert server_of("https://h/v1#n,video=jpeg,timeout=2.5,retries=0,seed=no") == Server(
        "https://h/v1", "n", "jpeg", 2.5, 0, False
    )
    assert (
        served_identity("http://h/v1#n,timeout=5,retries=1")
        == served_identity("http://h/v1#n")
        != served_identity("http://h/v1#n,video=jpeg")
    )
    for secret in (
        "http://me:hunter2@h/v1#n",
        "http://hunter2@h/v1#n",
        "https://h/v1?key=hunter2#n",
        "http://me:hun#ter2@h/v1#n",
        "http://me:pa/hunter2@h/v1#n",
    ):
        with pytest.raises(StageError, match="VIDEO_STAR_API_KEY") as error:
            server_of(secret)
        assert error.value.code == 2 and "ter2" not in str(error.value)
    options = (
        "video=gif",
        "timeout=0",
        "timeout=nan",
        "retries=-1",
        "retries=some",
        "colour=red",
        "continue=perhaps",
        "",
    )
    for wrong in (
        "http://h/v1",
        "http://h/v1#",
        "http://h:x/v1#n",
        "http://#n",
        *(f"http://h/v1#n,{option}" for option in options),
    ):
        with pytest.raises(StageError, match="expected http://host:port/v1#name") as error:
            server_of(wrong)
        assert error.value.code == 2


def test_a_request_shows_the_frames_and_asks_as_the_local_path_does(fake, questions, tmp_path):
    server = fake(
        lambda body, nth: says(
            "<video> It is red.\nAnswer: red", *(("length", 48) if "number 3" in asked_text(body) else ())
        )
    )
    flags = ["--frames", "4", "--temperature", "0.7", "--top-p", "0.9", "--max-new-tokens", "48"]
    done = generate(
        questions,
        tmp_path / "out.jsonl",
        f"{server.url}#org/tiny",
        *flags,
        VIDEO_STAR_API_KEY=KEY,
        OPENAI_API_KEY="another",
    )
    rows = lines(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == [f"q{i}" for i in range(12)] and all(
        row["answer"] == " It is red.\nAnswer: red" for row in rows
    )
    assert (
        [row["id"] for row in rows if "truncated" in row] == ["q3"]
        and rows[3]["tokens"] == 48
        and rows[4]["tokens"] == 9
    )
    sent = {asked_text(body).split("number ")[1].split("?")[0]: body for body, _, _ in server.asked}
    for number, centres in (
        ("0", [37, 112, 187, 262]),
        ("11", [75, 105, 135, 165]),
    ):  # the frames of lib.video, the cut as well
        *frames, text = sent[number]["messages"][0]["content"]
        assert [
            number_of(picture(part["image_url"]["url"].removeprefix("data:image/jpeg;base64,")))
            for part in frames
        ] == centres
        assert text["text"] == (
            f"Question: What colour is number {number}?\nCan you explain step-by-step how one can arrive at "
            "this conclusion? End with a line 'Answer: COLOUR'."
        )
        sampling = {
            "temperature": 0.7,
            "top_p": 0.9,
            "max_tokens": 48,
            "seed": rows[int(number)]["seed"] % 2**31,
        }
        assert {k: v for k, v in sent[number].items() if k != "messages"} == {
            "model": "org/tiny",
            "stream": False,
            **sampling,
        }
    assert {headers["authorization"] for _, headers, _ in server.asked} == {f"Bearer {KEY}"}
    meta = json.loads((tmp_path / "out.jsonl.meta.json").read_text())
    usage = {"requests": 12, "prompt_tokens": 240, "completion_tokens": 147, "unknown": 0}
    assert (
        meta["served"] == {"url": server.url, "name": "org/tiny", "reported": ["tiny@main"], "usage": usage}
        and "What colour is number 0?" in done.stdout
        and "served: 12 requests answered, 240 prompt tokens and 147 completion tokens" in done.stdout
    )
    again = generate(questions, tmp_path / "out.jsonl", f"{server.url}#org/tiny,timeout=9", *flags)
    assert "nothing to do" in again.stdout and len(server.asked) == 12


def test_other_forms_of_a_video(tmp_path):
    path = coded_clip(tmp_path / "a clip.mp4", 60)
    (part,), extra, size = content_of("jpeg", 3, (str(path), 1.0, None))
    assert size == [64, 64]
    kind, jpegs = part["video_url"]["url"].split(";base64,")
    assert kind == "data:video/jpeg" and [number_of(picture(jpeg)) for jpeg in jpegs.split(",")] == [
        35,
        45,
        55,
    ]
    assert extra == {
        "media_io_kwargs": {
            "video": {
                "num_frames": 3,
                "fps": 30.0,
                "frames_indices": [5, 15, 25],
                "total_num_frames": 30,
                "duration": 1.0,
            }
        }
    }
    (part,), extra, _ = content_of("data", 3, (str(path), None, None))
    assert (
        base64.b64decode(part["video_url"]["url"].removeprefix("data:video/mp4;base64,")) == path.read_bytes()
        and extra is None
    )
    assert content_of("file", 3, (str(path), None, None)) == (
        [{"type": "video_url", "video_url": {"url": f"file://{str(path).replace(' ', '%20')}"}}],
        None,
        None,
    )
    # --fps: the frames are chosen here, or by the server
    asked = Sampling(None, 2.0, 3, max_pixels=300)
    parts, extra, size = content_of("frames", asked, (str(path), None, None))
    assert len(parts) == 3 and size == [17, 17] and extra is None
    assert picture(parts[0]["image_url"]["url"].partition(",")[2]).shape == (17, 17, 3)
    _, extra, _ = content_of("file", Sampling(None, 2.0, 3), (str(path), None, None))
    assert extra == {"media_io_kwargs": {"video": {"fps": 2.0, "num_frames": 3}}}
    for video, name, end, why in (
        ("data", path, 1.0, "whole files"),
        ("file", path, 1.0, "whole files"),
        ("file", "none.mp4", None, "no such file"),
        ("frames", "none.mp4", None, "no such file"),
    ):
        with pytest.raises(VideoError, match=why):
            content_of(video, 3, (str(name), None, end))


def test_pixels_for_a_server_are_those_of_the_frames_it_is_sent(fake, tmp_path):
    """Asked, hinted and kept; frames as --fps and --max-pixels choose them."""
    coded_clip(tmp_path / "clip.mp4", 90)
    box = {"name": "it", "kind": "box", "value": [0.25, 0.5, 0.75, 1]}
    row = {"id": "x", "video": "clip.mp4", "duration": 3.0, "question": "Where?", "labels": [box]}
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    server = fake(lambda body, nth: says("Answer: [0, 0, 9, 9]"))
    flags = ["--fps", "1", "--max-pixels", "1024", "--boxes", "pixels"]
    for script, source in (("02_generate.py", "train"), ("03_rationalize.py", "02_generate")):
        out = tmp_path / f"{script[:-3]}.jsonl"
        generate(tmp_path / f"{source}.jsonl", out, f"{server.url}#org/tiny", *flags, script=script)
        (row,) = lines(out)
        assert (row["boxes"], row["frame_size"]) == ("pixels", [32, 32])
    asked, hinted = (body["messages"][0]["content"] for body, *_ in server.asked)
    assert len(asked) == 4 and "in pixels of the frame'" in asked[-1]["text"]
    assert "Answer: [8, 16, 24, 32].\n" in hinted[-1]["text"]
    assert picture(asked[0]["image_url"]["url"].partition(",")[2]).shape == (32, 32, 3)


def test_passing_troubles_are_retried_and_waits_are_obeyed(fake, questions, tmp_path):
    in_two_seconds = lambda: formatdate(time.time() + 2, usegmt=True)  # whole seconds: from 1 to 2 from now
    troubles = [
        lambda: (500, {}, {"error": "x"}),
        lambda: (429, {"retry-after": "1"}, {}),
        lambda: (503, {"retry-after": in_two_seconds()}, b"<html>busy</html>"),
        lambda: (None, {}, b""),
        lambda: (200, {}, b"<html>a proxy</html>"),
    ]
    tries = {}

    def reply(body, nth):
        number = int(asked_text(body).split("number ")[1].split("?")[0])
        tries.setdefault(number, []).append(time.time())
        return troubles[number]() if number < len(troubles) and len(tries[number]) == 1 else says()

    server = fake(reply)
    generate(questions, tmp_path / "out.jsonl", f"{server.url}#tiny,retries=1")
    assert all(row["answer"].endswith("Answer: red") for row in lines(tmp_path / "out.jsonl")) and len(
        server.asked
    ) == 12 + len(troubles)
    waited = {number: times[1] - times[0] for number, times in tries.items() if len(times) > 1}
    # waits end late on a busy machine, and never early
    assert set(waited) == set(range(5)) and waited[0] > 0.4 and waited[1] > 1.4 and waited[2] > 1.2


def test_waits_grow_and_end(fake):
    server = fake(lambda body, nth: (503, {}, {"error": "loading"}))
    with pytest.raises(StageError, match="503.*loading"):
        list(ask(f"{server.url}#tiny,retries=2", [("k", "why?")]))
    times = [when for _, _, when in server.asked]
    # three tries, then whether it is the question's fault
    assert len(times) == 4 and times[1] - times[0] > 0.4 and times[2] - times[1] > 0.9
    far = fake(lambda body, nth: (429, {"retry-after": "86400"}, {"error": "quota of the day"}))
    with pytest.raises(StageError, match="quota of the day"):  # not a day of silence
        list(ask(f"{far.url}#tiny", [("k", "why?")]))
    assert len(far.asked) == 2


@pytest.mark.parametrize(
    "trouble,retries,why",
    [
        (
            (400, {}, [{"error": {"code": 400, "message": "this clip is too long"}}]),
            1,
            "HTTP 400.*this clip is too long",
        ),  # a list, as Gemini's
        (
            (500, {}, {"detail": "cannot decode"}),
            7,
            "HTTP 500.*cannot decode",
        ),  # others are answered: 2 tries do
        (None, 0, "no answer within 5 s"),
    ],
)
def test_what_concerns_one_record_is_its_error(fake, questions, tmp_path, trouble, retries, why):
    over = threading.Event()

    def reply(body, nth):
        if "number 5" not in asked_text(body):
            return says()
        if trouble is None:
            over.wait(LIMIT)
        return trouble or says()

    server, out = fake(reply), tmp_path / "out.jsonl"
    model = f"{server.url}#tiny,retries={retries},timeout={5 if trouble is None else LIMIT}"
    done = generate(questions, out, model, "--max-failures", "1", check=False)
    rows = lines(out)
    assert (
        done.returncode == 0
        and "1 failed" in done.stdout
        and [row["id"] for row in rows if "error" in row] == ["q5"]
        and re.search(why, rows[5]["error"])
    )
    asked = [asked_text(body) for body, _, _ in server.asked]
    assert asked.count("Say yes.") <= 1 and sum("number 5" in text for text in asked) == 1 + (retries > 1)
    stopped = generate(questions, tmp_path / "strict.jsonl", model, check=False)
    over.set()
    assert stopped.returncode == 1 and "--max-failures" in stopped.stderr
    assert not (tmp_path / "strict.jsonl").exists()


def test_a_server_that_lives_and_refuses_all_ends_the_stage(fake, questions, tmp_path):
    template = fake(lambda body, nth: (500, {}, {"error": "the chat template knows no images"}))
    with pytest.raises(StageError, match="refuses every request: HTTP 500: .*no images"):
        list(ask(f"{template.url}#tiny,retries=1", [("k", "why?")]))
    why = "Per-request media_io_kwargs are disabled by default because they may ..."
    vllm = fake(lambda body, nth: (400, {}, {"error": {"message": why}}))
    done = generate(questions, tmp_path / "out.jsonl", f"{vllm.url}#tiny,video=jpeg", check=False)
    assert done.returncode == 1 and "--trust-request-mm-kwargs" in done.stderr and why in done.stderr
    assert lines(tmp_path / "out.jsonl.part") == [] and len(vllm.asked) <= 8


def test_a_server_that_goes_away_costs_nothing_that_was_answered(fake, questions, tmp_path):
    gone = threading.Event()

    def reply(body, nth):
        if nth > 5:
            gone.set()
        return (None, {}, b"") if gone.is_set() else says(f"Reply {nth}.\nAnswer: red")

    server, out = fake(reply), tmp_path / "out.jsonl"
    done = generate(questions, out, f"{server.url}#tiny,retries=1", check=False)
    assert (
        done.returncode == 1
        and server.url in done.stderr
        and "everything answered is kept" in done.stderr
        and "Traceback" not in done.stderr
    )
    first = lines(f"{out}.part")
    assert (
        not out.exists() and len(first) == 5 and all("answer" in row for row in first)
    )  # no record bears the server's fault
    server.stop()
    assert (
        generate(questions, out, f"{server.url}#tiny,retries=0", check=False).returncode == 1
        and len(lines(f"{out}.part")) == 5
    )  # nobody listens
    back = fake(lambda body, nth: says("Back.\nAnswer: red"), port=server.port)
    again = generate(questions, out, f"{back.url}#tiny")
    rows = lines(out)
    assert (
        "5 of 12 answers are done" in again.stdout
        and [row["id"] for row in rows] == [f"q{i}" for i in range(12)]
        and len(back.asked) == 7
    )
    assert {row["id"]: row["answer"] for row in first}.items() <= {
        row["id"]: row["answer"] for row in rows
    }.items()


@pytest.mark.parametrize(
    "code,reason", [(401, f"Incorrect API key provided: {KEY}"), (404, "no model of this name")]
)
def test_what_concerns_every_record_ends_the_stage_and_the_key_is_never_shown(
    fake, questions, tmp_path, code, reason
):
    server = fake(lambda body, nth: (code, {}, {"error": {"message": reason}}))
    done = generate(questions, tmp_path / "out.jsonl", f"{server.url}#tiny", check=False, OPENAI_API_KEY=KEY)
    assert (
        done.returncode == 1
        and f"HTTP {code}" in done.stderr
        and server.asked[0][1]["authorization"] == f"Bearer {KEY}"
        and len(server.asked) <= 8
    )
    assert KEY not in done.stdout + done.stderr and not any(
        KEY.encode() in path.read_bytes() for path in tmp_path.iterdir()
    )
    assert lines(tmp_path / "out.jsonl.part") == []


def test_a_key_that_fits_no_header_or_stands_in_the_address_is_refused_unseen(questions, tmp_path):
    for model, key in (
        ("http://127.0.0.1:9/v1#tiny", f"{KEY}\nx"),
        (f"http://user:{KEY}@127.0.0.1:9/v1#tiny", ""),
    ):
        done = generate(questions, tmp_path / "out.jsonl", model, check=False, VIDEO_STAR_API_KEY=key)
        assert (
            done.returncode == 2
            and "VIDEO_STAR_API_KEY" in done.stderr
            and KEY not in done.stdout + done.stderr
        )
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.iterdir())


def test_a_reply_in_parts_is_read_and_one_of_another_kind_is_an_error(fake):
    text = {"type": "text", "text": "yes"}
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, text]
    contents = {
        "text": [text],
        "thought": parts,
        "null": None,
        "number": 5,
        "list": [5],
        "deep": [{**text, "text": {}}],
    }
    server = fake(lambda body, nth: says(contents.get(asked_text(body), "yes")))
    found = dict(ask(f"{server.url}#judge", [(name, name) for name in contents]))
    assert found["text"] == {"answer": "yes", "tokens": 9}
    assert found["thought"] == {"answer": "yes", "tokens": 9, "thought": "Hm."}
    assert found["null"]["answer"] == ""
    for name in ("number", "list", "deep"):
        assert "expected a text or a list of parts" in found[name]["error"]


def test_a_page_in_place_of_a_reply_says_so_before_the_waits(fake, capsys):
    server = fake(lambda body, nth: (200, {}, b"<html>log in</html>"))
    with pytest.raises(
        StageError, match="does not answer: found '<html>log in</html>' at http.*an OpenAI serv"
    ):
        list(ask(f"{server.url}#tiny,retries=2", [("k", "why?")]))
    said = capsys.readouterr().out
    assert said.count("trying again, 2 times at most") == 1 and "<html>log in</html>" in said


def test_a_judges_address_is_checked_before_any_work(tmp_path):
    (tmp_path / "t.jsonl").write_text("{}\n")
    for command in (["04_verify.py", "t.jsonl"], ["06_eval.py", "t.jsonl", "--predictions", "t.jsonl"]):
        words = [tmp_path / word if word == "t.jsonl" else word for word in command]
        done = sh(*words, "-o", tmp_path / "o", "--judge", "http://h:1/v1", check=False)
        assert done.returncode == 2 and "--judge http://h:1/v1: expected http://" in done.stderr, done.stderr


def test_replies_of_a_judge_that_decide_nothing_are_counted(fake, tmp_path):
    """04 and 06: the answers are read as without a judge, and who asked one is told."""
    label = {"name": "what", "kind": "text", "value": "she signs again"}
    record = {"video": "v.mp4", "question": "What does she do?", "labels": [label]}
    rows = [{**record, "id": f"t{n}", "origin": "direct", "sample": 0} for n in range(3)]
    answers = ["a woman repeats it", "they sing", "the man shows it"]
    path, asked = tmp_path / "g.jsonl", tmp_path / "t.jsonl"
    asked.write_text("".join(json.dumps({**record, "id": f"t{n}"}) + "\n" for n in range(3)))
    path.write_text("".join(json.dumps({**r, "answer": a}) + "\n" for r, a in zip(rows, answers)))
    replies = {"repeats": "Yes.", "sing": "It is perhaps so.", "man": "yes and no"}
    server = fake(lambda body, nth: says(next(r for k, r in replies.items() if k in asked_text(body))))
    flags = ["--judge", f"{server.url}#judge"]
    counted = {"asked": 3, "unparsable": 2, "unjudged": 0}
    done = sh("04_verify.py", path, "-o", tmp_path / "v.jsonl", *flags)
    assert "judge: of 3 replies 2 say neither yes nor no, 0 are missing" in done.stdout
    assert json.loads((tmp_path / "v.jsonl.meta.json").read_text())["judge"] == counted
    done = sh("06_eval.py", asked, "--predictions", path, "-o", tmp_path / "e.json", *flags)
    assert "judge: of 3 replies 2 say neither yes nor no, 0 are missing" in done.stdout
    assert json.loads((tmp_path / "e.json").read_text())["judge"] == counted


def test_without_a_key_none_is_sent_not_even_the_hubs(fake, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_hub")
    (
        monkeypatch.delenv("VIDEO_STAR_API_KEY", raising=False),
        monkeypatch.delenv("OPENAI_API_KEY", raising=False),
    )
    server = fake(lambda body, nth: says("yes"))
    assert list(ask(f"{server.url}#judge", [("a", "Is it?")])) == [("a", {"answer": "yes", "tokens": 9})]
    assert server.asked[0][1]["authorization"] is None


def test_asking_text_in_flight_by_key_and_as_they_come(fake):
    full, all_asked = threading.Event(), threading.Event()

    def reply(body, nth):
        text = asked_text(body)
        if nth >= 6:
            full.set()
        if nth == 30:
            all_asked.set()
        (all_asked if text == "slow" else full).wait(LIMIT)
        return (
            (422, {}, {"detail": "too long"})
            if text == "bad"
            else says(f"{text}!", "length" if text == "cut" else "stop")
        )

    server = fake(reply)
    prompts = [(0, "slow"), (1, "bad"), (2, "cut"), *((i, f"p{i}") for i in range(3, 30))]
    replies = list(ask(f"{server.url}#judge,seed=no", iter(prompts), in_flight=6, max_tokens=5))
    found = dict(replies)
    assert len(replies) == 30 and replies[0][0] != 0 and server.most == 6
    assert (
        found[0]["answer"] == "slow!"
        and found[2] == {"answer": "cut!", "tokens": 9, "truncated": True}
        and found[29]["answer"] == "p29!"
    )
    assert "too long" in found[1]["error"]
    assert all(
        "seed" not in body and body["temperature"] == 0 and body["max_tokens"] == 5
        for body, _, _ in server.asked
    )


def as_a_template_would(body):
    """A reply, and how long its prompt is: a turn that is not gone on with is closed, and another opened."""
    goes_on = body.get("continue_final_message") and body.get("add_generation_prompt") is False
    told = "\nAnswer: red." in asked_text(body)
    status, headers, reply = says("The square is red.\nAnswer: red, as I was told" if told else "red")
    reply["usage"]["prompt_tokens"] = 100 + len(body["messages"]) + (0 if goes_on else 4)
    return status, headers, reply


def rationalized(questions, tmp_path, server, options=""):
    """The requests about clips that 03 --conclude-unaided makes, and its sidecar; its answers are checked."""
    wrong = {"origin": "direct", "sample": 0, "seed": 1, "answer": "It is blue.\nAnswer: blue"}
    rows = [{**row, **wrong} for row in lines(questions)[:2]]
    path = questions.with_name("generated.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("--conclude-unaided", "--overwrite")
    out = tmp_path / "out.jsonl"
    generate(path, out, f"{server.url}#tiny{options}", *words, script="03_rationalize.py")
    assert {row["answer"] for row in lines(out)} == {"The square is red.\nAnswer: red"}
    bodies = [body for body, _, _ in server.asked if "number" in asked_text(body)]
    assert len(bodies) == 4
    for body in bodies:
        told, turns = "\nAnswer: red." in asked_text(body), body["messages"]
        assert told == (len(turns) == 1) and len(turns[0]["content"]) == 9
        assert told or (body["temperature"] == 0 and body["max_tokens"] == 64)
    return bodies, json.loads((tmp_path / "out.jsonl.meta.json").read_text())["served"]


@pytest.mark.parametrize(
    "continued,reply,options",
    [
        (True, as_a_template_would, ""),
        (True, as_a_template_would, ",continue=yes"),
        (False, as_a_template_would, ",continue=no"),
        # ignores the wish: its prompts are equally long; refuses it; does not count
        (False, lambda body: as_a_template_would({"messages": body["messages"]}), ""),
        (
            False,
            lambda body: (
                (422, {}, {"detail": "unexpected field"})
                if "continue_final_message" in body
                else as_a_template_would(body)
            ),
            "",
        ),
    ],
)
def test_concluding_unaided_hides_the_label(fake, questions, tmp_path, continued, reply, options):
    server = fake(lambda body, nth: reply(body))
    bodies, served = rationalized(questions, tmp_path, server, options)
    assert served["continued"] is continued
    for turns in (body["messages"] for body in bodies if len(body["messages"]) > 1):
        if continued:
            assert turns[1:] == [{"role": "assistant", "content": "The square is red.\nAnswer:"}]
        else:
            assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
            assert [turn["content"] for turn in turns[1:]] == ["The square is red.", "Give only the answer."]


def test_a_server_that_must_continue_and_does_not_ends_the_stage(fake, questions, tmp_path):
    server = fake(lambda body, nth: as_a_template_would({"messages": body["messages"]}))
    words, script = ("--conclude-unaided", "--limit", "1"), "03_rationalize.py"
    model, out = f"{server.url}#tiny,continue=yes", tmp_path / "out.jsonl"
    done = generate(questions, out, model, *words, script=script, check=False)
    assert done.returncode == 2 and ",continue=yes" in done.stderr and "106 tokens" in done.stderr


needs_serve = pytest.mark.skipif(
    not all(map(find_spec, ("fastapi", "uvicorn", "openai"))),
    reason="transformers serve needs its packages: pip install 'transformers[serving]'",
)
CHAT = (
    "{% for m in messages %}{{ m['role'].upper() }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'text' %}{{ c['text'] }} {% else %}<{{ c['type'] }}>\n{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder of a random tiny Video-LLaVA whose chat template knows images."""
    from lib.demo.base import build

    folder = tmp_path_factory.mktemp("tiny")
    build(folder, 0)
    (folder / "chat_template.jinja").write_text(CHAT)
    return folder


def healthy(port):
    try:
        return urlopen(f"http://127.0.0.1:{port}/health", timeout=LIMIT).status == 200
    except OSError:
        return False


@pytest.fixture
def serve(tiny):
    """Starts `transformers serve` on the tiny model at a port; returns its process once it is ready."""
    started = []

    def start(port):
        command = [
            sys.executable,
            "-m",
            "transformers.cli.transformers",
            "serve",
            str(tiny),
            "--device",
            "cpu",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        wait_for(lambda: healthy(port), process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.slow
@needs_serve
def test_a_real_server_killed_in_the_middle_and_started_again(serve, tiny, questions, tmp_path):
    port = free_port()
    server, model = serve(port), f"http://127.0.0.1:{port}/v1#{tiny}"
    flags, out = (
        ["--samples", "3", "--temperature", "0.7", "--max-new-tokens", "48"],
        tmp_path / "generated.jsonl",
    )
    command = [
        sys.executable,
        "02_generate.py",
        str(questions),
        "-o",
        str(out),
        "--model",
        f"{model},retries=0",
        "--batch-size",
        "4",
        *flags,
    ]
    stage = Fork(command)
    part = tmp_path / "generated.jsonl.part"
    wait_for(lambda: part.exists() and part.read_bytes().count(b"\n") >= 5, stage)
    server.kill()
    server.wait()
    done, first = stage.finish(), lines(part)
    assert done.returncode == 1
    said = done.stderr
    assert (
        f"127.0.0.1:{port}" in said
        and "everything answered is kept" in said
        and 5 <= len(first) < 36
        and all("answer" in row for row in first)
    )
    serve(port)
    again = generate(questions, out, model, *flags)
    rows = lines(out)
    assert f"{len(first)} of 36 answers are done" in again.stdout
    assert [(row["id"], row["sample"]) for row in rows] == [
        (f"q{i}", sample) for i in range(12) for sample in range(3)
    ]
    assert all(row["answer"] and 0 < row["tokens"] <= 48 for row in rows) and not part.exists()
    assert {(row["id"], row["sample"], row["answer"]) for row in first} <= {
        (row["id"], row["sample"], row["answer"]) for row in rows
    }
    assert json.loads((tmp_path / "generated.jsonl.meta.json").read_text())["served"]["reported"] == [
        f"{tiny}@main"
    ]

    generate(
        out,
        tmp_path / "rationalized.jsonl",
        model,
        "--max-new-tokens",
        "32",
        "--conclude-unaided",
        script="03_rationalize.py",
    )
    told = lines(tmp_path / "rationalized.jsonl")
    assert {row["id"] for row in told} == {f"q{i}" for i in range(12)} and all(
        row["origin"] == "rationalized" and "answer" in row for row in told
    )
    assert dict(ask(model, [("judge", "Is a tomato red?")], max_tokens=8))["judge"]["tokens"] <= 8
    wrong = generate(
        questions,
        tmp_path / "wrong.jsonl",
        f"http://127.0.0.1:{port}/v1#no/such-folder,retries=0",
        check=False,
    )
    assert (
        wrong.returncode == 1
        and "no/such-folder" in wrong.stderr
        and lines(tmp_path / "wrong.jsonl.part") == []
    )


def test_what_only_the_server_can_decide_is_refused(tmp_path):
    coded_clip(tmp_path / "v.mp4", 20)
    (tmp_path / "train.jsonl").write_text(
        json.dumps(
            {
                "id": "a",
                "video": "v.mp4",
                "question": "What?",
                "labels": [{"name": "it", "kind": "class", "value": "red"}],
            }
        )
        + "\n"
    )
    done = sh(
        "02_generate.py",
        tmp_path / "train.jsonl",
        "-o",
        tmp_path / "out.jsonl",
        "--model",
        "http://127.0.0.1:9/v1#m",
        "--load-in-4bit",
        check=False,
    )
    assert done.returncode == 2 and "are the server's matter" in done.stderr
