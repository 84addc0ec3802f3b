"""make smoke: two cycles on a few clips, to see that everything runs here. The commands are those of
`make cycle`, started as forks of one process that has imported torch and transformers (warm.py).

    python -m lib.tools.smoke runs/smoke
"""

import re
import shlex
import subprocess
import sys

from lib.command import checked_parser
from lib.tools import warm

FLAGS = [
    "N=2",
    "PRETRAIN=--steps 20 --clips 4",
    "PREPARE=--clips 12",
    "GENERATE=--samples 2 --temperature 0.7 --max-new-tokens 32 --batch-size 48",
    "FINETUNE=--full --learning-rate 5e-4 --batch-size 16",
    "EVALUATE=--max-new-tokens 32 --batch-size 48",
]
NOTE = re.compile(r"> (\S+/flags/\w+)$", re.M)


def make(*words):
    """What make prints. Exits with its exit code where it fails."""
    done = subprocess.run(["make", "--no-print-directory", *words], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def commands(*words):
    """What `make *words` would run, line by line."""
    # notes of flags are make's own matter: it gives what they hold to its recipes alone
    notes = NOTE.findall(make("-n", *words))
    if notes:
        make("-s", *notes, *(word for word in words if "=" in word))
    return make("-n", *words).splitlines()


def start(command, python):
    """Run a command; returns its exit code."""
    words = shlex.split(command)
    if words[0] == python and (words[1] == "-m" or words[1].endswith(".py")):
        return warm.run(words[1:])
    return subprocess.run(["bash", "-euo", "pipefail", "-c", command]).returncode


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("run", help="folder of the run, e.g. runs/smoke")
    args, python = parser.parse_args(), sys.orig_argv[0]
    for command in commands("cycle", *FLAGS, f"RUN={args.run}", f"PY={python}"):
        print(command, flush=True)
        if code := start(command, python):
            sys.exit(code)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
