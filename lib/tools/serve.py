"""Serve a model for as long as a command needs it: start the server, wait for it, run the command, stop it.

    python -m lib.tools.serve --server 'vllm serve {model} --port {port}' --model MODEL --log server.log -- \\
        python 02_generate.py train.jsonl -o generated.jsonl --model {url}

In the server's command {model} is --model and {port} a free port; without {port} it is the one that --port in
it names, else 8000. In the other command {url} is http://127.0.0.1:PORT/v1#MODEL, behind which options may
stand ({url},video=jpeg: see lib/model/served.py).

Both run in groups of their own, and every process of these is gone when this one ends, however it ends: TERM,
and KILL after --grace seconds. A second process sees to that where this one is killed. Exit code: the
command's; 1 where the server ended before it, with the end of its log; 130 interrupted.

--server may also be the URL of a server that runs already, http://host:8000/v1: it is neither started nor
stopped, and is asked for --model by its name, or for its adapter (lib/tools/serve_at.py). So one server does
for all cycles.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from lib.command import checked_parser
from lib.model import is_served
from lib.model.server import server_of
from lib.process import run
from lib.records import StageError
from lib.tools.serve_at import asked_at

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def port_of(command):
    """The port of a server's command: a free one for {port}, else that of its --port, else 8000.

    Raises StageError where it is in use.
    """
    named = re.findall(r"--port[ =](\d+)", command)
    port = 0 if "{port}" in command else int(named[-1]) if named else 8000
    with socket.socket() as listener:
        # a port whose last server has just ended is free
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise StageError(
                f"port {port}: {error}; stop what listens there, or write --port {{port}} into the server's "
                "command for a free one"
            ) from None
        return listener.getsockname()[1]


def program_of(name):
    """The path of a server's program: beside this Python, else on PATH. Raises StageError."""
    path = shutil.which(name, path=os.path.dirname(sys.executable)) or shutil.which(name)
    if not path:
        raise StageError(
            f"{name}: no such command, neither beside {sys.executable} nor on PATH; name the server by its "
            "full path, e.g. /opt/vllm/bin/vllm",
            code=2,
        )
    return path


def answers(port):
    """Whether the server is ready: 200 at /health, or at /v1/models where it has no /health."""
    for path in ("/health", "/v1/models"):
        # not urlopen: a proxy of the environment must not be asked
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        if status != 404:
            return status == 200
    return False


def runs(group):
    """Whether any process of a group still runs. A zombie does not: some containers never collect them."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # macOS: not permitted where only zombies are left
        return False
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group:
                states.append(state)
    return not states or bool(set(states) - {"Z", "X"})


def stop(group, grace):
    """End every process of a group: TERM, and KILL to what is left after `grace` seconds."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
        deadline = time.time() + patience
        while runs(group) and time.time() < deadline:
            time.sleep(0.05)


def guard(grace):
    """Fork a process that stops the groups named to it once this one has ended; returns the pipe to it."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(reading)
        return writing
    os.setsid()  # what kills this process's group must not kill the guard
    os.close(writing)
    with open(reading) as groups:
        # once the pipe ends, with the other process: the command, then its server
        for group in reversed([int(line) for line in groups]):
            stop(group, grace)
    os._exit(0)


def start(command, pipe, **how):
    """Start a command in a group of its own, which the guard at the other end of `pipe` knows."""
    process = subprocess.Popen(command, start_new_session=True, **how)
    os.write(pipe, b"%d\n" % process.pid)
    return process


def tail(path, count=20):
    """The last lines of a log, indented."""
    return "".join(f"\n  | {line}" for line in Path(path).read_text(errors="replace").splitlines()[-count:])


def signals():
    """A list to which the number of each signal that would end this process is added from now on."""
    # a flag, not an exception: that would lose a process between its start and the note of its number
    caught = []
    for number in STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda number, _: caught.append(number))
    return caught


def start_command(args, url, pipe):
    """Start the command that needs the server."""
    words = [word.replace("{url}", url) for word in args.command]
    here = {
        name: ",".join(filter(None, (os.environ.get(name), "127.0.0.1"))) for name in ("no_proxy", "NO_PROXY")
    }
    return start(words, pipe, env={**os.environ, **here})


def beside_server(url, args):
    """The exit code of args.command, run beside a server that is not ours; nothing of it is left afterwards.

    Raises KeyboardInterrupt after a signal.
    """
    caught = signals()
    command = start_command(args, url, guard(args.grace))
    try:
        while not caught and command.poll() is None:
            time.sleep(0.1)
    finally:
        stop(command.pid, args.grace)
    if caught:
        raise KeyboardInterrupt
    return command.poll()


def with_server(server, port, url, args):
    """The exit code of args.command, run while the server answers; nothing of either is left afterwards.

    Raises KeyboardInterrupt after a signal, StageError where the server ended first.
    """
    caught = signals()
    pipe, began, command = guard(args.grace), time.time(), None
    reported = began
    with open(args.log, "ab") as log:
        server = start(server, pipe, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        while not caught and server.poll() is None and (command is None or command.poll() is None):
            if command is None and answers(port):
                print(f"server: ready after {time.time() - began:.0f} s at {url}", flush=True)
                command = start_command(args, url, pipe)
            elif command is None and time.time() - reported > 30:
                reported = time.time()
                print(f"server: not ready after {reported - began:.0f} s, see {args.log}", flush=True)
            time.sleep(0.1)
        codes = command and command.poll(), server.poll()
    finally:
        for process in (command, server):
            if process:
                stop(process.pid, args.grace)
    if caught:
        raise KeyboardInterrupt
    if codes[0] != 0 and codes[1] is not None:
        raise StageError(
            f"the server ended with exit code {codes[1]} "
            f"{'while it was needed' if command else 'before it was ready'}; "
            f"{args.log} ends with{tail(args.log)}"
        )
    return codes[0]


def main():
    parser = checked_parser(__doc__)
    add = parser.add_argument
    text = "command of an OpenAI-compatible server, with {model} and {port}; or the URL of one that runs"
    add("--server", required=True, help=text)
    add("--model", required=True, help="what {model} stands for: folder or hub id")
    add("--log", required=True, help="file that what the server prints is added to")
    add("--grace", type=float, default=5, help="seconds between TERM and KILL (default: %(default)s)")
    # its own words may be empty
    add("command", nargs="+", type=str, help="after --: the command that needs the server, with {url}")
    args = parser.parse_args()
    if is_served(args.server):
        server_of(f"{args.server.partition('#')[0]}#{args.model}")
        with asked_at(args.server, args.model) as url:
            code = beside_server(url, args)
        sys.exit(code if code >= 0 else 128 - code)
    try:
        program, *words = shlex.split(args.server)
    except ValueError as error:  # empty, or a quotation mark too few
        parser.error(f"--server {args.server!r}: expected a command: {error}")
    port = port_of(args.server)
    filled = [word.replace("{port}", str(port)).replace("{model}", args.model) for word in (program, *words)]
    server, url = [program_of(filled[0]), *filled[1:]], f"http://127.0.0.1:{port}/v1#{args.model}"
    server_of(url)  # a name it cannot carry is an error now, not after the server's start
    os.makedirs(os.path.dirname(os.path.abspath(args.log)), exist_ok=True)
    print(f"server: {shlex.join(server)}\nserver: its output goes to {args.log}", flush=True)
    code = with_server(server, port, url, args)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    run(main)
