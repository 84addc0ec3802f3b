"""Whether the stages of a cycle take their flags: make asks before the first of them, as a slip in those of
05 would else be told hours later.

    flags_generate="--samples 4" python -m lib.tools.stage_flags    # as make exports them to recipes
"""

import argparse
import os
import runpy
import shlex
import sys

WORDS = ["input", "-o", "output"]
STAGES = {
    "generate": ["02_generate.py", *WORDS, "--model", "model"],
    "rationalize": ["03_rationalize.py", *WORDS, "--model", "model"],
    "verify": ["04_verify.py", *WORDS],
    "finetune": ["05_finetune.py", *WORDS],
    "evaluate": ["06_eval.py", *WORDS, "--model", "model"],
}


class Parsed(BaseException):
    """Ends a stage where it would begin to work."""


def parse(words):
    """Start a stage and have it read its command line, no more. Bad usage ends with exit code 2."""
    read = argparse.ArgumentParser.parse_args

    def only_read(parser):
        read(parser)
        raise Parsed

    sys.argv, argparse.ArgumentParser.parse_args = words, only_read
    try:
        runpy.run_path(words[0], run_name="__main__")
    except Parsed:
        pass
    finally:
        argparse.ArgumentParser.parse_args = read


def main():
    for name, words in STAGES.items():
        if flags := os.environ.get(f"flags_{name}"):
            try:
                parse([*words, *shlex.split(flags)])
            except ValueError as error:  # of shlex, as of a quote that is left open
                sys.exit(f"{name.upper()}: {error}: {flags}")


if __name__ == "__main__":
    main()
