"""Runs a script as `python SCRIPT ...` would, and kills it just before it comes to a line: for kills.py.

    python tests/die_at.py '{"note": FILE}' 02_generate.py ...  # notes how often it came to which line
    python tests/die_at.py '{"line": "lib/output.py:99", "times": 3}' ...  # SIGKILL before the third time

The lines are those of what writes to disk: the script itself and WRITERS, their functions, not what an import
runs.
"""

import json
import os
import runpy
import signal
import sys
from collections import Counter

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WRITERS = ("lib/output.py", "lib/parts.py", "lib/training/checkpoint.py", "lib/model/save.py")


def tracer(names, plan, counts):
    """A function for sys.settrace that counts in `counts` the lines of these files; kills at the planned."""

    def line(frame, event, _):
        if event == "line":
            place = f"{names[frame.f_code.co_filename]}:{frame.f_lineno}"
            counts[place] += 1
            if place == plan.get("line") and counts[place] == plan["times"]:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame, *_):
        code = frame.f_code
        return line if code.co_filename in names and not code.co_name.startswith("<") else None

    return call


def main():
    plan, words, counts = json.loads(sys.argv[1]), sys.argv[2:], Counter()
    module = words[0] == "-m"
    script = words[1].replace(".", "/") + ".py" if module else words[0]
    names = {os.path.join(ROOT, name): name for name in (*WRITERS, script)} | {script: script}
    sys.argv, sys.path[0] = words[module:], ROOT
    try:
        sys.settrace(tracer(names, plan, counts))
        if module:
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(script, run_name="__main__")
    finally:
        sys.settrace(None)
        if "note" in plan:
            with open(plan["note"], "w") as file:
                json.dump(counts, file)


if __name__ == "__main__":
    main()
