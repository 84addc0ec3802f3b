"""Shared by all tests: scripts run as a user runs them, and one small finished run of the loop."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"  # real clips and annotation files, where there are any
LIMIT = 600  # seconds that bound a hang, however slow the machine
# What else the forks of tests find imported: the verifier, which reads a table of 80,000 words when it is
# imported, and its packages. A fork imports what is of lib/ anew, but the table stays with its package.
ALSO_WARM = ["lib.verifier", "sqlite3", "transformers.models.bert.tokenization_bert"]
ALSO_WARM += ["peft.utils.transformers_weight_conversion"]
sys.path.insert(0, str(ROOT))
os.environ["HF_HUB_OFFLINE"] = "1"
# so small models gain nothing from a second thread, and wait long for it where another program has the core
os.environ.setdefault("OMP_NUM_THREADS", "1")
# a shell may start background jobs with these ignored, and what tests start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
# under `make test` the options of that make must not reach the ones started here
os.environ.pop("MAKEFLAGS", None)


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: what `make test` leaves out and `make test-slow` runs")


# multiprocessing looks for ended processes when it starts another: two threads must not look at once
LOOKING = threading.Lock()


class Fork:
    """A Python command started by lib/tools/warm.py, a process of its own; as subprocess.Popen, with text."""

    def __init__(self, command, env=None):
        from lib.tools import warm

        warm.PACKAGES += [name for name in ALSO_WARM if name not in warm.PACKAGES]
        self.args = [str(word) for word in command]
        self.stdout, self.stderr = (tempfile.TemporaryFile("w+") for _ in range(2))
        with LOOKING:
            self.process = warm.start(self.args[1:], ROOT, env, self.stdout, self.stderr)
        self.pid = self.process.pid

    def poll(self):
        return self.process.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait(self):
        """The exit code; killed after LIMIT seconds."""
        self.process.join(LIMIT)
        if self.poll() is None:
            self.process.kill()
            raise subprocess.TimeoutExpired(self.args, LIMIT)
        return self.poll()

    def finish(self):
        """The finished process with its text."""
        code, files = self.wait(), (self.stdout, self.stderr)
        for file in files:
            file.seek(0)
        return subprocess.CompletedProcess(self.args, code, *(file.read() for file in files))


# What make is given as PY: asks for a fork in the repository, passes signals on to it, and ends as it ends.
# Where it is killed the fork is killed too, as its end of the connection is closed.
ASK = """#!{python} -IS
import json, os, signal, socket, sys
numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    socket.send_fds(connection, [b"."], [1, 2])
    connection.sendall(json.dumps([sys.argv[1:], dict(os.environ)]).encode() + b"\\n")
    answers = connection.makefile()
    pid = int(answers.readline())
    for number in numbers:
        signal.signal(number, lambda number, frame: os.kill(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class Python:
    """A program that runs scripts as Python does, as forks of a process that has imported torch: for PY=."""

    def __init__(self, folder):
        self.path, self.running = folder / "python", {}  # {connection: what start() gave for it}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "socket"))
        self.listener.listen()
        self.path.write_text(ASK.format(python=sys.executable, address=str(folder / "socket")))
        self.path.chmod(0o755)
        threading.Thread(target=self.serve, daemon=True).start()

    def __str__(self):
        return str(self.path)

    def serve(self):
        """Start what is asked for, and say how it ended; one thread for all."""
        while True:
            sentinels = [fork.process.sentinel for fork, _ in self.running.values()]
            for ready in wait([self.listener, *self.running, *sentinels]):
                if ready is self.listener:
                    connection = ready.accept()[0]
                    with suppress(OSError, ValueError):  # whoever asks may be killed before it has asked
                        self.running[connection] = self.start(connection)
                        connection.sendall(b"%d\n" % self.running[connection][0].pid)
                elif ready in self.running:  # whoever asked has ended
                    self.running[ready][0].process.kill()
            for connection, (fork, streams) in [*self.running.items()]:
                with LOOKING:
                    ended = fork.poll() is not None
                if ended:
                    done = fork.finish()
                    with suppress(OSError):
                        for stream, text in zip(streams, (done.stdout, done.stderr)):
                            with open(stream, "w") as file:
                                file.write(text)
                        connection.sendall(b"%d\n" % done.returncode)
                    connection.close()
                    del self.running[connection]

    def start(self, connection):
        """(the process that a connection asks for, where what it says is to be written)."""
        _, streams, _, _ = socket.recv_fds(connection, 1, 2)
        with connection.makefile("rb") as file:
            words, environment = json.loads(file.readline())
        return Fork([sys.executable, *words], environment), streams

    def settled(self):
        """Wait until none of the processes runs; whether none does after LIMIT seconds."""
        deadline = time.time() + LIMIT
        while self.running and time.time() < deadline:
            time.sleep(0.005)
        return not self.running


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The Python that make is given as PY, whose scripts need not import torch again."""
    return Python(tmp_path_factory.mktemp("python"))


def sh(*command, check=True, fresh=False, **options):
    """Run a command in the repository; returns the finished process with its text.

    Scripts, and modules of lib/, run under this Python, as forks of a process that has imported torch;
    `fresh`: in an interpreter of their own.
    """
    command = [str(c) for c in command]
    if command[0].endswith(".py"):
        command = [sys.executable, *command]
    python, name, *_ = [*command, ""]
    ours = name.endswith(".py") or name == "-m" and command[2].startswith("lib.")
    if python == sys.executable and ours and not fresh and not options.keys() - {"env"}:
        done = Fork(command, **options).finish()
    else:
        done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=LIMIT, **options)
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
    return done


def wait_for(condition, process):
    """Wait until condition() holds; AssertionError where the process ends before, or after LIMIT seconds."""
    deadline = time.time() + LIMIT
    while not condition():
        assert process.poll() is None and time.time() < deadline, "ended before, or too slow"
        time.sleep(0.005)


def free_port():
    """A port of this machine that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ranks(command, processes=2):
    """A command started as the `processes` processes of a launch, as srun does it: list of Fork."""
    launch = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port())}
    environments = ({**os.environ, **launch, "RANK": str(n), "LOCAL_RANK": str(n)} for n in range(processes))
    return [Fork([sys.executable, *command], environment) for environment in environments]


def made(*words):
    """What `make *words` prints, each of its commands run by sh()."""
    from lib.tools.smoke import commands

    ran = ((command, sh(*shlex.split(command))) for command in commands(*words, f"PY={sys.executable}"))
    return "".join(f"{command}\n{done.stdout}" for command, done in ran)


def lines(path):
    """The records of a JSONL file."""
    return [json.loads(line) for line in Path(path).read_bytes().split(b"\n") if line]


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The folder of a finished `make smoke`."""
    from lib.tools.smoke import FLAGS

    run = tmp_path_factory.mktemp("smoke") / "run"
    made("cycle", *FLAGS, f"RUN={run}")
    return run


@pytest.fixture
def kept(smoke, tmp_path):
    """A verified file of sixteen kept answers: the smoke's first, whatever they say, as all may be wrong."""
    rows = [r for r in lines(smoke / "cycle1/generated.jsonl") if r["sample"] == 0][:16]
    for record in rows:
        record.pop("truncated", None)
        record.update(
            video=str((smoke / "cycle1" / record["video"]).resolve()),
            keep=True,
            answer=record["answer"] or "It is red.",
        )
    path = tmp_path / "kept.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture(scope="session")
def clips():
    """The folder of real clips; skips where the checkout has none beside it."""
    if not (SHARED / "videos").is_dir():
        pytest.skip(f"no real clips at {SHARED / 'videos'}")
    return SHARED / "videos"
