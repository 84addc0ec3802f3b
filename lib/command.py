"""The command lines of all stages: the flags that several of them share, what is refused, what is shown."""

import argparse
import math
import os
import re
from pathlib import Path

from lib.labels import COORDINATES
from lib.model import is_served
from lib.model.frames import FRAMES, MAX_FRAMES, Sampling
from lib.model.server import server_of
from lib.parts import parts_of
from lib.process import called, world

VIEWS = ("video", "shuffled", "still", "blind")
# how a stage computes, which does not decide what its output holds
HOW = (
    "output overwrite trust_code shard merge batch_size workers device_map frame_cache feature_cache "
    "max_failures save_every report_to"
).split()

# the flags that several stages share, by the group that a stage asks for
FLAGS = {
    "model": {
        "--model": dict(
            required=True,
            help="folder or hub id of a video model of transformers, or http://host:port/v1#name of a server "
            "that speaks the OpenAI chat protocol (see lib/model/server.py)",
        ),
        "--frames": dict(type=int, help=f"frames per clip, evenly spread (default: {FRAMES})"),
        "--fps": dict(
            type=float,
            help="instead: frames for each second of a clip, evenly spread, at least one (two where the "
            "model takes frames in pairs)",
        ),
        "--max-frames": dict(type=int, help=f"with --fps: frames of a clip at most (default: {MAX_FRAMES})"),
        "--max-pixels": dict(
            type=int,
            help="pixels of one frame at most, as qwen-vl-utils and ms-swift count them: larger frames are "
            "scaled down, their aspect ratio kept; in place of the processor's own bounds, where it has a "
            "grid (Qwen-VL, VideoLLaMA3, GLM-V); a processor of one size is refused",
        ),
        "--min-pixels": dict(type=int, help="pixels of one frame at least: smaller frames are scaled up"),
        "--dtype": dict(
            default="auto",
            choices=("auto", "bfloat16", "float16", "float32"),
            help="auto: bfloat16 on a GPU that has it, else float32 (default: %(default)s)",
        ),
        "--device-map": dict(
            choices=("auto",),
            help="auto: spread the model over all GPUs (default: the whole model on one device)",
        ),
        "--load-in-4bit": dict(
            action="store_true", help="hold the weights in 4 bits; needs the package bitsandbytes"
        ),
        "--batch-size": dict(
            type=int,
            default=8,
            help="answers generated, rows trained or requests in flight at once, per process; "
            "halved when memory runs out (default: %(default)s)",
        ),
        "--workers": dict(
            type=int, default=2, help="threads that decode videos ahead of the model (default: %(default)s)"
        ),
        "--frame-cache": dict(
            metavar="DIR[,GIB]",
            help="folder that keeps decoded frames for later stages and cycles, at most 20 GiB or the "
            "GIB given; safe to delete (default: none)",
        ),
        "--feature-cache": dict(
            metavar="DIR[,GIB]",
            help="the same for what vision tower and projector made of clips "
            "(not with 05 --full, which trains the projector)",
        ),
    },
    "generate": {
        "--view": dict(
            choices=VIEWS,
            default="video",
            help="shuffled frames, still (the middle one alone, as an image model sees it), or blind (all "
            "grey): what is answered without seeing? (default: %(default)s)",
        ),
        "--boxes": dict(
            choices=("auto", *COORDINATES),
            help="coordinates in which boxes are asked for, hinted and read: fractions of the frame, 0 to "
            "1000, or pixels of the frame that the processor makes (default: auto, as the model's family "
            "was trained)",
        ),
        "--max-new-tokens": dict(
            type=int,
            default=1024,
            help="tokens per answer at most (default: %(default)s, as the paper's code)",
        ),
        "--max-thought-tokens": dict(
            type=int,
            help="tokens of a thought at most; then it is ended, and the answer has --max-new-tokens of its "
            "own (default: both share those)",
        ),
    },
    "think": {
        "--think": dict(
            choices=("yes", "no", "auto"),
            help="whether a thinking model is to think before it answers, where its chat template takes "
            "enable_thinking; auto: as the template does by itself (default: auto)",
        ),
    },
    "sample": {
        "--samples": dict(
            type=int, default=1, help="answers drawn per question (default: %(default)s, as the paper)"
        ),
        "--temperature": dict(
            type=float,
            default=0.2,
            help="of sampling; 0 is greedy (default: %(default)s, as the paper's code)",
        ),
        "--top-p": dict(
            type=float,
            default=1.0,
            help="sample from the most likely tokens of this total probability (default: %(default)s)",
        ),
        "--cycle": dict(
            type=int,
            default=1,
            help="number of the cycle, part of every record's seed (default: %(default)s)",
        ),
    },
    "shard": {
        "--shard": dict(
            metavar="I/N",
            help="one of N independent jobs, I from 0 to N-1 (a Slurm array): takes its share of the clips, "
            "waits for nobody; a job that is lost is started again; whoever finishes last merges",
        ),
        "--merge": dict(action="store_true", help="only merge what the shards have finished"),
    },
    "all": {
        "--trust-code": dict(
            action="store_true",
            help="take what was made with other prompts or code as it is; its sidecar then says so",
        ),
        "--seed": dict(type=int, default=0, help="seed of every random choice (default: %(default)s)"),
        "--limit": dict(type=int, help="use only the first N input records (default: all)"),
        "--max-failures": dict(
            type=float,
            default=0.02,
            help="failed records allowed: a share below 1, else a count; "
            "more end the stage with exit code 1 (default: %(default)s)",
        ),
    },
}


def word(text):
    """A word of the command line. An empty one, as of a shell variable that is not set, is bad usage."""
    if not text.strip():
        raise argparse.ArgumentTypeError(
            "is empty, as of a variable that is not set; give it a value, or leave it out"
        )
    return text


def number(text):
    """A finite number of the command line: nan is neither below nor above a bound, and JSON has no inf."""
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text}: expected a finite number")
    return value


def checked_parser(doc):
    """An argument parser to which empty words and numbers that are not finite are bad usage, whatever is
    added to it.
    """
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog=called(), description=doc, formatter_class=shape)
    parser.register("type", None, word)
    parser.register("type", float, number)
    parser.register("type", Path, lambda text: Path(word(text)))
    return parser


def parser_of(doc, *groups):
    """A checked_parser with -o, --overwrite and the flags of these groups of FLAGS; "check": -o may be left
    out.
    """
    parser = checked_parser(doc)
    parser.add_argument(
        "-o",
        "--output",
        required="check" not in groups,
        type=lambda path: word(path).rstrip("/") or "/",  # a folder is the same with a slash behind it
        help="what to write; it exists only when complete, X.part holds the work so far",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a complete output that was made with other settings or inputs",
    )
    if "sample" in groups:
        groups = (*groups, "generate")
    if "generate" in groups:
        groups = (*groups, "think")
    for group in (*groups, "all"):
        for flag, options in FLAGS.get(group, {}).items():
            parser.add_argument(flag, **options)
    return parser


def model_options(args):
    """Those of the flags that say how a model is opened, as the keyword arguments of lib.model.open_model."""
    names = (
        "dtype device_map load_in_4bit batch_size workers frame_cache feature_cache view seed "
        "think max_thought_tokens".split()
    )
    options = {name: getattr(args, name) for name in names if hasattr(args, name)}
    return {"frames": frames_asked(args), **options}


def frames_asked(args):
    """The Sampling of frames that the flags ask for."""
    return Sampling(
        None if args.fps else args.frames or FRAMES,
        args.fps,
        args.max_frames or MAX_FRAMES,
        args.max_pixels,
        args.min_pixels,
    )


LEAST = {
    "frames": 1,
    "max_frames": 1,
    "max_pixels": 1,
    "min_pixels": 1,
    "batch_size": 1,
    "workers": 1,
    "samples": 1,
    "limit": 1,
    "max_new_tokens": 1,
    "max_thought_tokens": 1,
    "steps": 1,
    "epochs": 1,
    "accumulate": 1,
    "lora_rank": 1,
    "save_every": 1,
    "per_question": 1,
    "best": 1,
}
LEAST |= {"temperature": 0, "max_failures": 0, "learning_rate": 0, "seed": 0, "cycle": 0}


def refuse_given(parser, args, names, reason):
    """Bad usage (exit code 2) for a flag among `names` that was given, where nothing would obey it."""
    for name in names:
        if getattr(args, name) != parser.get_default(name):
            parser.error(f"--{name.replace('_', '-')}: {reason}; leave it out")


def check_flags(parser, args):
    """Bad usage (exit code 2) for values no stage can obey, before any work."""
    for name, least in LEAST.items():
        value = getattr(args, name, None)
        if value is not None and not value >= least:  # nan is neither
            parser.error(f"--{name.replace('_', '-')} {value}: expected at least {least}")
    if getattr(args, "learning_rate", None) == 0:
        parser.error("--learning-rate 0: expected above 0, as nothing would be learnt")
    if getattr(args, "seed", 0) >= 2**63:
        parser.error(f"--seed {args.seed}: expected below 2**63, as torch counts")
    if getattr(args, "model", None) and hasattr(args, "fps"):
        check_frames(parser, args)
    if is_served(getattr(args, "judge", None)):
        server_of(args.judge, "--judge")
    if not 0 < getattr(args, "top_p", 1) <= 1:
        parser.error(f"--top-p {args.top_p}: expected above 0 and at most 1")
    if getattr(args, "temperature", 1) == 0:
        refuse_given(parser, args, ["top_p"], "with --temperature 0 the likeliest token is taken")
    if getattr(args, "think", None) == "auto":
        args.think = None
    if getattr(args, "merge", False):
        check_merge(parser, args)
    if getattr(args, "shard", None) and world()[1] > 1:
        parser.error("--shard makes independent jobs of one process each: expected no launch of several")
    if getattr(args, "shard", None) and not re.fullmatch(r"\d+/[1-9]\d*", args.shard):
        parser.error(f"--shard {args.shard}: expected I/N, e.g. 0/8 to 7/8")
    if getattr(args, "shard", None) and shard_of(args)[0] >= shard_of(args)[1]:
        parser.error(f"--shard {args.shard}: expected I from 0 to N-1, so 0/{shard_of(args)[1]} is the first")
    if getattr(args, "samples", 1) > 1 and args.temperature == 0:
        parser.error(
            "--samples above 1 with --temperature 0 would draw the same answer every time; set a temperature"
        )


def check_merge(parser, args):
    """The same for --merge, which answers nothing itself."""
    if args.shard:
        parser.error("--merge is for all shards: expected no --shard with it")
    if not os.path.exists(args.output) and not parts_of(args.output):
        parser.error(f"--merge: no part of {args.output} is there; expected shards: --shard 0/N begins one")


def check_frames(parser, args):
    """The same for the flags that say which frames a model sees; sets what --frames or --max-frames is where
    it was not given.
    """
    if args.fps is not None and not 0 < args.fps <= 1000:
        parser.error(f"--fps {args.fps:g}: expected above 0 and at most 1000 frames a second")
    if args.fps is not None and args.frames is not None:
        parser.error("--fps says how many frames a clip has, and so does --frames: leave out one of the two")
    if args.fps is None and args.max_frames is not None:
        parser.error("--max-frames is for --fps; --frames alone says how many frames a clip has")
    if None not in (args.max_pixels, args.min_pixels) and args.min_pixels > args.max_pixels:
        parser.error(f"--min-pixels {args.min_pixels}: expected at most --max-pixels {args.max_pixels}")
    if args.fps is None:
        args.frames = args.frames or FRAMES
    else:
        args.max_frames = args.max_frames or MAX_FRAMES


def shard_of(args):
    """(number, of how many) of --shard; (0, 1) without it."""
    number, _, count = (args.shard or "0/1").partition("/")
    return int(number), int(count)


def settings_of(args, leave_out=()):
    """The flags that decide the output's content, as a dict: not how it is computed (batches, threads)."""
    return {k: v for k, v in sorted(vars(args).items()) if k not in HOW and k not in leave_out}


def announce(settings):
    """Print the resolved settings, as one block, before any work (rank 0)."""
    if world()[0] == 0:
        shown = {k: v for k, v in in_force(settings).items() if k != "model_identity"}
        block = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in shown.items())
        print(f"{called()}: {block}", flush=True)


def in_force(settings):
    """Those of the settings that say something: 0 does, although it equals False."""
    return {name: value for name, value in settings.items() if value is not None and value is not False}


def course_of(losses):
    """How the loss went, for the last line of a training: means of its first and of its last steps, five at
    most, and no step in both.
    """
    if len(losses) < 2:
        return "".join(f", loss {loss:.3f}" for loss in losses)
    count = min(5, len(losses) // 2)
    return f", loss {sum(losses[:count]) / count:.3f} -> {sum(losses[-count:]) / count:.3f}"
