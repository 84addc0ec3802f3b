"""A server for as long as it is needed: waited for, stopped whatever happens, used by make for a model."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from conftest import ROOT, lines, sh
from test_served import needs_serve

from lib.model.server import served_identity
from lib.tools.smoke import FLAGS as SMOKE

LIMIT = 600  # seconds until a test that hangs fails; no machine is that busy, and nothing is asserted on time

# a server with a process of its own, as vLLM has; both are noted in `pids`
FAKE = """
import http.server, os, signal, subprocess, sys, time
port, *options = sys.argv[1:]
if "stubborn" in options:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its child inherits that
child = subprocess.Popen(["sleep", "3600"])
open("pids", "a").write(f"{os.getpid()} {child.pid} ")
print("loading the weights", flush=True)
if "die" in options:
    sys.exit("no memory for the weights")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        unhealthy = self.path == "/health" and "unhealthy" in options
        self.send_response(404 if unhealthy else 503 if "slow" in options else 200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""
# a command with a process of its own; what it was told is noted in `told`
WORK = """
import os, subprocess, sys, time
told, *does = sys.argv[1:]
child = subprocess.Popen(["sleep", "3600"])
open("told", "w").write(told)
open("pids", "a").write(f"{os.getpid()} {child.pid} ")
exec(" ".join(does))
"""


def serving(folder, *options, does="", port="{port}", url="{url}", grace=5):
    """Start lib.serve in `folder` with the fake server and a command that does something."""
    for name, text in (("fake.py", FAKE), ("work.py", WORK)):
        (folder / name).write_text(text)
    server = shlex.join([sys.executable, "fake.py", port, *options]) + " --name '{model}'"
    command = [
        sys.executable,
        "-m",
        "lib.tools.serve",
        "--server",
        server,
        "--model",
        "tiny one",
        "--log",
        "logs/server.log",
        "--grace",
        str(grace),
        "--",
        sys.executable,
        "work.py",
        url,
        does,
    ]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def noted(folder, count):
    """The numbers of the processes, as soon as `count` are noted."""
    deadline = time.time() + LIMIT
    while time.time() < deadline:
        pids = (folder / "pids").read_text().split() if (folder / "pids").exists() else []
        if len(pids) >= count:
            return pids
        time.sleep(0.02)
    raise AssertionError(f"{count} processes expected, {pids} started")


def living(pids):
    """Those of these processes that still run."""
    command = ["ps", "-o", "pid=,stat=,args=", "-p", ",".join(pids)]
    shown = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [line for line in shown if line.split()[1][0] != "Z"]


def left(pids):
    """Those of these processes that do not end; what was killed is waited for: it may not go at once."""
    deadline = time.time() + LIMIT
    while living(pids) and time.time() < deadline:
        time.sleep(0.05)
    return living(pids)


def named(text):
    """As `left`, the command lines that hold a text."""
    deadline = time.time() + LIMIT
    while text in (shown := sh("ps", "-eo", "args").stdout) and time.time() < deadline:
        time.sleep(0.05)
    return [line for line in shown.splitlines() if text in line]


@pytest.mark.parametrize("code,options", [(0, ()), (7, ("unhealthy",))])
def test_a_server_is_there_while_the_command_runs_and_its_exit_code_is_passed_on(tmp_path, code, options):
    does = f"import urllib.request as u; u.urlopen(told.split('/v1#')[0] + '/v1/models'); sys.exit({code})"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/server.log").write_text("of another hour\n")
    process = serving(tmp_path, *options, does=does, url="{url},video=jpeg")
    out, err = process.communicate(timeout=LIMIT)
    assert (tmp_path / "logs/server.log").read_text().startswith("of another hour\n")
    assert process.returncode == code and "ready after" in out and not left(noted(tmp_path, 4)), err
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1#tiny one,video=jpeg", (tmp_path / "told").read_text())
    assert "--name 'tiny one'" in out and "loading the weights" in (tmp_path / "logs/server.log").read_text()


def test_a_server_that_dies_ends_the_work_with_what_it_said(tmp_path):
    process = serving(tmp_path, "die")
    out, err = process.communicate(timeout=LIMIT)
    assert (
        process.returncode == 1
        and "before it was ready" in err
        and "| no memory for the weights" in err
        and "Traceback" not in err
    )
    assert not (tmp_path / "told").exists() and not left(noted(tmp_path, 2))
    (tmp_path / "pids").unlink()
    process = serving(tmp_path, does="time.sleep(3600)")
    os.kill(int(noted(tmp_path, 4)[0]), signal.SIGKILL)
    out, err = process.communicate(timeout=LIMIT)
    assert (
        process.returncode == 1 and "exit code -9 while it was needed" in err and not left(noted(tmp_path, 4))
    )


def test_a_server_that_does_not_heed_is_killed(tmp_path):
    process = serving(tmp_path, "stubborn", grace=0.5)
    process.communicate(timeout=LIMIT)
    assert process.returncode == 0 and not left(noted(tmp_path, 4))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("options,processes", [((), 4), (("slow",), 2)])
def test_nothing_is_left_behind_however_it_is_stopped(tmp_path, how, options, processes):
    process = serving(tmp_path, *options, does="time.sleep(3600)")
    pids = noted(tmp_path, processes)
    assert len(living(pids)) == processes
    process.send_signal(how)
    out, err = process.communicate(timeout=LIMIT)  # up to the end of the guard too, which holds this pipe
    assert process.returncode == (-how if how == signal.SIGKILL else 130) and not left(pids), err
    assert how == signal.SIGKILL or "interrupted; run the same command again" in err


def test_what_cannot_work_is_refused_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = serving(tmp_path, port=f"--port={port}")
        out, err = process.communicate(timeout=LIMIT)
    assert (
        process.returncode == 1
        and f"port {port}: " in err
        and "already in use" in err
        and "{port}" in err
        and not (tmp_path / "pids").exists()
    )
    for server, model, why in (
        ("no-such-server {model}", "tiny", "no such command"),
        (f"{sys.executable} {{port}}", "a,b", "expected http://host:port/v1#name"),
        ("vllm 'serve", "tiny", "expected a command"),
    ):
        done = sh(
            sys.executable,
            "-m",
            "lib.tools.serve",
            "--server",
            server,
            "--model",
            model,
            "--log",
            tmp_path / "log",
            "--",
            "true",
            check=False,
        )
        assert done.returncode == 2 and why in done.stderr and not (tmp_path / "log").exists()


def test_a_folder_is_known_by_its_content_not_by_the_port(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "DONE").write_text("one\n")
    at = lambda host, name=folder: served_identity(f"http://{host}/v1#{name}")
    one, shared = at("127.0.0.1:8000"), at("h:8000")
    assert one == at("localhost:9000") == at("127.0.0.1:9000") and shared != at("h:9000") and shared != one
    assert at("127.0.0.1:1", "org/name") == at("127.0.0.1:2", "org/name") != at(
        "127.0.0.1:1", "org/other"
    ) and at("h:1", "org/name") != at("h:2", "org/name")
    assert at("127.0.0.1:1", "judge") != at(
        "127.0.0.1:2", "judge"
    )  # an invented name does not say which model it is
    (folder / "DONE").write_text("two\n")
    assert at("127.0.0.1:8000") != one and at("h:8000") != shared  # trained again at the same path


class Loads(BaseHTTPRequestHandler):
    """A server of `org/base` that loads adapters as vLLM does, and notes what it is told."""

    log_message = lambda *_: None

    def reply(self, code, body):
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        models = [{"id": "base", "root": "org/base", "parent": None}]
        models += [{"id": name, "root": path, "parent": "base"} for name, path in self.server.loaded.items()]
        self.reply(200, {"data": models})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.told.append((self.path.rsplit("/", 1)[1], body, self.headers["authorization"]))
        if not self.server.takes:
            return self.reply(404, {"detail": "Not Found"})
        if self.path == "/v1/load_lora_adapter":
            self.server.loaded[body["lora_name"]] = body["lora_path"]
        else:
            del self.server.loaded[body["lora_name"]]
        self.reply(200, "done")


@pytest.fixture
def running():
    """Starts a server that loads adapters, or refuses to (`takes`)."""
    started = []

    def start(takes=True):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Loads)
        server.takes, server.told, server.loaded = takes, [], {}
        server.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown(), server.server_close()


def beside(server, model, *command, check=True):
    """Run a command beside a running server, asked for a model."""
    words = ("-m", "lib.tools.serve", "--server", server.url, "--model", model, "--log", "none", "--")
    environment = {**os.environ, "VIDEO_STAR_API_KEY": "a-key", "http_proxy": "http://127.0.0.1:9"}
    return sh(sys.executable, *words, *command, check=check, env=environment)


def adapted(folder, base="org/base"):
    """A checkpoint with an adapter, as far as a server is told of it."""
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter/adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    return folder


def test_a_running_server_is_asked_for_its_own_model_and_for_adapters(running, tmp_path):
    server, model, note = running(), adapted(tmp_path / "cycle1/model"), tmp_path / "note"
    ask = [sys.executable, "-c", "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')", note]
    beside(server, "org/base", *ask, "{url},video=jpeg")
    assert server.told == []  # nothing to load
    server.loaded[str(model)] = "an earlier training"
    beside(server, model, *ask, "{url}")
    name, path = {"lora_name": str(model)}, {"lora_path": str(model / "adapter")}
    assert [told[:2] for told in server.told] == [
        ("unload_lora_adapter", name),
        ("load_lora_adapter", name | path),
        ("unload_lora_adapter", name),
    ]
    assert note.read_text().split() == [f"{server.url}#base,video=jpeg", f"{server.url}#{model}"]
    assert not server.loaded and {told[2] for told in server.told} == {"Bearer a-key"}
    failed = beside(server, model, sys.executable, "-c", "raise SystemExit(7)", check=False)
    assert failed.returncode == 7 and not server.loaded


def test_what_a_running_server_cannot_serve_is_said_before_the_command(running, tmp_path):
    server, old = running(), running(takes=False)
    (tmp_path / "full").mkdir()
    for at, model, why in (
        (server, tmp_path / "full", "serves base, org/base, not .*full, and there is no adapter"),
        (server, adapted(tmp_path / "other", "org/another"), "trained on org/another, and .* serves base"),
        (old, adapted(tmp_path / "one"), "HTTP 404(.|\n)*--enable-lora"),
        (SimpleNamespace(url="http://127.0.0.1:9/v1"), "org/base", "models: .*refused"),
    ):
        done = beside(at, model, "touch", tmp_path / "ran", check=False)
        assert done.returncode == 1 and re.search(why, done.stderr) and "Traceback" not in done.stderr, done
    assert not (tmp_path / "ran").exists() and not server.told


def test_make_says_which_server_it_would_start(tmp_path):
    server = """/opt/a/vllm serve {model} --limit '{"image": 8}' --port {port}"""
    words = [
        "make",
        "-n",
        "cycle",
        "N=2",
        f"RUN={tmp_path / 'run'}",
        "PY=python",
        "LAUNCH=torchrun",
        f"SERVE={server}",
    ]
    for origins, stages in (
        ("direct rationalized", ["02", "03"]),
        ("direct", ["02"]),
        ("rationalized", ["03"]),
    ):
        said = sh(*words, f"ORIGINS={origins}", "SERVED=video=jpeg").stdout
        commands = [shlex.split(line) for line in said.splitlines() if "lib.tools.serve" in line]
        assert [c[c.index("--model") + 1] for c in commands] == [
            str(tmp_path / "run/base"),
            str(tmp_path / "run/cycle1/model"),
        ]
        assert all(
            c[c.index("--server") + 1] == server
            and re.findall(r"python (0\d)_\w+\.py .*?--model {url},video=jpeg ", c[-1]) == stages
            for c in commands
        )
        assert (
            "torchrun 05_finetune" in said and "torchrun 02" not in said and not (tmp_path / "run").exists()
        )
    passed_on = [
        shlex.split(line)
        for line in sh("make", "-n", "cycle", *SMOKE, *words[4:]).stdout.splitlines()
        if "lib.tools.serve" in line
    ]
    assert len(passed_on) == 2 and all(c[c.index("--server") + 1] == server for c in passed_on)


@pytest.mark.slow
@needs_serve
def test_a_cycle_by_a_real_server_interrupted_twice(smoke, python, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(smoke, run, ignore=shutil.ignore_patterns("cycle*", "results*"))
    words = [
        "make",
        "cycle",
        "N=1",
        f"RUN={run}",
        f"PY={python}",
        *(flag for flag in SMOKE if flag.startswith(("PRETRAIN", "PREPARE"))),  # so that its base serves
        "GENERATE=--samples 2 --temperature 0.7 --max-new-tokens 48 --batch-size 4",
        "FINETUNE=--full --learning-rate 5e-4 --batch-size 16",
        "EVALUATE=--max-new-tokens 48 --batch-size 48",
        "SERVE=transformers serve {model} --device cpu --port {port}",
    ]
    generated, rationalized = run / "cycle1/generated.jsonl", run / "cycle1/rationalized.jsonl"
    for part in (
        generated.with_name("generated.jsonl.part"),
        rationalized.with_name("rationalized.jsonl.part"),
    ):
        process = subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and not (part.exists() and part.read_bytes().count(b"\n") >= 3):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C
        assert process.wait(LIMIT) in (2, -signal.SIGINT, 130) and not named(str(run))
        assert not python.running
        assert len(lines(part)) >= 3 and not part.with_suffix("").exists()
    answers = generated.read_bytes()  # kept when the stage after it was interrupted
    done = sh(*words)
    assert (
        "generated.jsonl: complete already" in done.stdout
        and re.search(r"resuming: [1-9]\d* of \d+ answers", done.stdout)
        and not named(str(run))
    )
    assert generated.read_bytes() == answers and all(
        "answer" in record for record in lines(generated) + lines(rationalized)
    )
    assert json.loads((run / "cycle1/generated.jsonl.meta.json").read_text())["served"]["name"] == str(
        run / "base"
    )
    assert (run / "results.md").exists() and "Nothing to be done" in sh(words[0], "-n", *words[1:]).stdout
