"""Run Python scripts as processes of their own that share their imports: torch and transformers take longer
to import than a stage on a few clips takes to run.

    code = run(["02_generate.py", "--help"])                   # as `python 02_generate.py --help`
    code = run(["-m", "lib.tools.results", "runs/demo"])

The standard library's fork server imports the packages once, and each script starts as a fork of it. Nothing
of lib/ is among them, and nothing is computed before a fork: a script starts as in a new interpreter.
What is read when the interpreter or a package starts (OMP_NUM_THREADS, HF_HUB_OFFLINE) is the server's.
"""

import atexit
import functools
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import Connection

# what the stages import, with the model of the demo
PACKAGES = "accelerate av av.subtitles.stream cv2 peft sentence_transformers torchvision".split()
PACKAGES += ["huggingface_hub.inference._generated._async_client"]
PACKAGES += [
    f"transformers.{module}"
    for module in (
        "generation.utils",
        "models.auto.modeling_auto",
        "models.auto.processing_auto",
        "models.bert.modeling_bert",
        "models.clip.image_processing_clip",
        "models.clip.modeling_clip",
        "models.llama.modeling_llama",
        "models.video_llava.image_processing_video_llava",
        "models.video_llava.modeling_video_llava",
        "models.video_llava.processing_video_llava",
        "models.video_llava.video_processing_video_llava",
    )
]


@functools.cache
def _server():
    """(multiprocessing context of the fork server, sys.path of a new interpreter without its first place)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PACKAGES)
    fresh = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.path[1:]))"]
    return context, json.loads(subprocess.run(fresh, capture_output=True, check=True).stdout)


def start(argv, cwd=None, env=None, stdout=None, stderr=None):
    """Start `python *argv` (a script, or -m and a module, with its arguments); returns its
    multiprocessing.Process, which has pid, join() and exitcode.

    `stdout`, `stderr`: open files, else this process's.
    """
    context, path = _server()
    streams = [stdout or 1, stderr or 2]
    numbers = [stream if isinstance(stream, int) else stream.fileno() for stream in streams]
    # a Connection is what multiprocessing hands over as an open file
    pipes = [Connection(os.dup(number)) for number in numbers]
    words, environment = [str(word) for word in argv], dict(os.environ if env is None else env)
    place = os.path.abspath(cwd or os.getcwd())
    process = context.Process(target=_main, args=(words, place, environment, path, *pipes))
    sys.stdout.flush()
    process.start()
    for pipe in pipes:
        pipe.close()
    return process


def run(argv, cwd=None, env=None, stdout=None, stderr=None, timeout=None):
    """As start(), to its end; returns the exit code. After `timeout` seconds subprocess.TimeoutExpired."""
    process = start(argv, cwd, env, stdout, stderr)
    try:
        process.join(timeout)
        if process.exitcode is None:
            raise subprocess.TimeoutExpired(argv, timeout)
        return process.exitcode
    except KeyboardInterrupt:  # a terminal interrupts both
        process.join(10)
        raise
    finally:
        process.kill()
        process.join()


def _main(argv, cwd, environment, path, *pipes):
    """What `python *argv` does, in a fork of the server; multiprocessing reports an exception, as code 1."""
    for number, pipe in enumerate(pipes, 1):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    # this module was imported to get here; the script may lie beside another lib/
    for name in [name for name in sys.modules if name.split(".")[0] == "lib"]:
        del sys.modules[name]
    sys.modules["__main__"] = type(sys)("__main__")
    try:
        if argv[0] == "-m":
            sys.argv, sys.path = argv[1:], [cwd, *path]
            runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path = argv, [os.path.dirname(os.path.abspath(argv[0])), *path]
            runpy.run_path(argv[0], run_name="__main__")
    except KeyboardInterrupt:  # as the interpreter ends of it
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
