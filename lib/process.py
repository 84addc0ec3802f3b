"""What the processes of all stages share: one clear end of a command, refusals of the disk, progress, and the
processes of one launch.

Exit codes: 0 complete, 1 failed, 2 bad usage, 130 interrupted.
"""

import errno
import os
import re
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

from lib.records import StageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (errno.EACCES, errno.EROFS, errno.EISDIR, errno.ENOENT, errno.ENOTDIR, errno.EPERM, errno.EEXIST)


def run(main):
    """Call main() and turn what a user can cause into one clear message and the right exit code."""

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    # a file name that the terminal has no letters for must not end a stage
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    name = called()
    try:
        main()
        leave()
    except StageError as error:
        print(f"{name}: error: {error}", file=sys.stderr, flush=True)
        leave(error.code)
        sys.exit(error.code)
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; run the same command again to go on", file=sys.stderr, flush=True)
        sys.stderr.flush()
        os._exit(130)  # threads that still decode must not keep the process
    except BrokenPipeError:  # `... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # of a full disk each library raises one of its own
        refused = refusal(error)
        if refused is None:
            raise
        advice = "check the path and its permissions"
        if refused.errno in FULL:
            advice = "free some space and run the same command again"
        where = refused.filename or "writing"
        print(
            f"{name}: error: {where}: {refused.strerror}; nothing finished is lost: {advice}", file=sys.stderr
        )
        leave(1)
        sys.exit(1)


def called():
    """What this command is called: "02_generate.py", "python -m lib.tools.plan"."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    named = module and module.name.startswith("lib.")
    return f"python -m {module.name}" if named else Path(sys.argv[0]).name


def refusal(error, path=None):
    """The OSError, one of FULL or REFUSED and of `path` if given, with which the system refused what a
    library wrote; None where the error comes of something else.

    torch raises a RuntimeError while it handles the OSError; safetensors and tokenizers write its number into
    their own errors' text ("... (os error 28)"); sqlite knows its own words only.
    """
    match = re.search(r"\(os error (\d+)\)", str(error))
    number = error.errno if isinstance(error, OSError) else int(match[1]) if match else None
    if number is None and "database or disk is full" in str(error):
        number = errno.ENOSPC
    cause = error.__context__
    while number is None and cause is not None:
        number = cause.errno if isinstance(cause, OSError) and cause.errno in FULL else None
        cause = cause.__context__
    if number not in FULL + REFUSED:
        return None
    return OSError(number, os.strerror(number), getattr(error, "filename", None) or path and str(path))


def progress(items, total, what):
    """Iterate with a progress bar on a terminal, else with one plain line every 30 s (rank 0)."""
    if world()[0]:
        yield from items
        return
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=what, smoothing=0.05)
        return
    began = last = time.time()
    for count, item in enumerate(items, 1):
        yield item
        if time.time() - last > 30:
            last = time.time()
            left = (last - began) / count * (total - count)
            print(f"{what}: {count}/{total}, {last - began:.0f} s, about {left:.0f} s left", flush=True)


def world():
    """(rank, number of processes) of a torchrun or accelerate launch; (0, 1) alone."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def barrier():
    """Wait until every process of the launch is here. Raises StageError where one has ended instead."""
    if world()[1] == 1:
        return
    import torch
    import torch.distributed as distributed

    if not distributed.is_initialized():
        backend = "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
            backend = "cpu:gloo,cuda:nccl"
        # one rank may work for hours longer than another
        distributed.init_process_group(backend, timeout=timedelta(days=10))
    try:
        # on the CPU: gloo sees at once that a process has ended; a barrier on GPUs would wait for the ten
        # days
        distributed.all_reduce(torch.zeros(1))
    except RuntimeError as error:
        raise StageError(
            "another process of this launch has ended, and said why if it could "
            f"({str(error).splitlines()[0]}); the same command again goes on from what is finished"
        ) from None


def leave(code=0):
    """End this process of a launch of several at once, without Python's own end: there a thread of gloo that
    still holds a tensor is aborted, and with it the launch (pytorch/pytorch#179291). Does nothing in a
    process alone.
    """
    if world()[1] == 1:
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
