"""The command line of 05: its flags, which of them go together, and what they are where not given."""

import math
from argparse import ArgumentTypeError

from lib import trackers
from lib.command import check_flags, parser_of
from lib.model import is_served
from lib.model.cache import open_cache
from lib.model.thinking import check_thinking
from lib.training.parts import is_whole, trains_encoder


def weight_of(word):
    """(kind, weight) of a word of --shares."""
    kind, _, weight = word.rpartition("=")
    try:
        if kind and 0 <= float(weight) < math.inf:
            return kind, float(weight)
    except ValueError:
        pass
    raise ArgumentTypeError(f"{word}: expected KIND=WEIGHT with a weight of at least 0, e.g. short=1")


def flags(doc):
    """The parser of 05, whose docstring is `doc`."""
    parser = parser_of(doc, "model", "think")
    add = parser.add_argument
    add("input", help="verified answers of 04_verify.py; or any file that --mix takes")
    add(
        "--full",
        action="store_true",
        help="train language model and projector whole instead of LoRA on the former",
    )
    add(
        "--train",
        choices=("vision", "language", "both"),
        help="train this part alone, as a stage of VIIT, or both at once; whole, by LoRA with --lora-rank",
    )
    add("--projector", action="store_true", help="with --train: the projector between the two as well")
    add("--lora-rank", type=int, help="rank of LoRA, alpha is twice it (default: 16; whole with --train)")
    add(
        "--pairs",
        choices=("both", "reasoning", "short"),
        help="rows per kept answer (default: both)",
    )
    add(
        "--preferences",
        type=float,
        metavar="BETA",
        help="instead raise kept answers above wrong ones to the same questions, by DPO with this beta; "
        "--model is the model to start from",
    )
    add(
        "--mix",
        metavar="FILE",
        nargs="+",
        action="extend",
        help="other data to train along: JSONL with video, question, answer, and kind; clips with captions; "
        "captions of 02; verified answers",
    )
    add(
        "--shares",
        metavar="KIND=WEIGHT",
        nargs="+",
        type=weight_of,
        help="rows of each kind in every step by these weights: reasoning, short, caption, mixed, and those "
        "that instructions say; 0 leaves a kind out (default: every row once an epoch)",
    )
    add(
        "--self-train",
        metavar="FILE[,SHARE]",
        help="captions of the model itself, by 02 --style caption, in every step (their share: 0.5)",
    )
    add("--epochs", type=int, help="passes over the rows (default: 1, as the paper)")
    add(
        "--steps",
        type=int,
        help="optimiser steps instead of whole epochs: data of different size at equal budget",
    )
    add(
        "--learning-rate",
        type=float,
        help="peak of the cosine (default: 2e-5 with --full, as the paper; 2e-4 with LoRA)",
    )
    add(
        "--accumulate",
        type=int,
        default=1,
        help="batches per optimiser step (default: %(default)s; the paper trains 128 rows a step)",
    )
    add(
        "--checkpointing",
        action="store_true",
        help="gradient checkpointing: less memory, about a third more time",
    )
    add(
        "--save-every",
        type=int,
        default=200,
        help="optimiser steps between saved states, from which a killed run goes on (default: %(default)s)",
    )
    trackers.add_flag(parser)
    return parser


def check_usage(parser, args, fsdp):
    """Bad usage (exit code 2) for flags that do not go together, before any work."""
    check_flags(parser, args)
    trackers.check_tracker(args.report_to)
    if is_served(args.model):
        parser.error(
            (
                f"--model {args.model}: a served model cannot be trained; name a folder or hub id (make: "
                "BASE=...)"
            )
        )
    if args.full and args.load_in_4bit:
        parser.error(
            "--full trains the weights themselves, which --load-in-4bit rounds: leave out one of the two"
        )
    if fsdp and args.load_in_4bit:
        parser.error(
            "--load-in-4bit rounds the weights, which FSDP shares out as they are: leave out one of the two"
        )
    if args.load_in_4bit and (args.train and args.lora_rank is None or trains_encoder(args)):
        parser.error("--load-in-4bit rounds what --train trains; it goes with --train language --lora-rank")
    along = args.mix or args.self_train or args.shares
    if args.preferences is not None and (along or args.preferences <= 0):
        parser.error(
            "--preferences: expected a beta above 0, and no --mix, --shares or --self-train, which have no "
            "wrong answers"
        )
    check_shares(parser, args)
    encoder = "--full trains the projector" if args.full else "tower or projector are trained"
    for flag, ignored, reason in (
        ("--train", args.full and args.train, "--full trains language model and projector"),
        ("--projector", args.projector and not args.train, "it goes with --train; --full has it"),
        ("--feature-cache", trains_encoder(args) and args.feature_cache, encoder),
        ("--lora-rank", args.full and args.lora_rank is not None, "--full trains without LoRA"),
        ("--epochs", args.steps and args.epochs is not None, "--steps says how long to train"),
        ("--pairs", args.preferences and args.pairs, "--preferences trains on whole answers"),
    ):
        if ignored:
            parser.error(f"{flag}: {reason}: leave out one of the two")
    for folder in filter(None, (args.frame_cache, args.feature_cache)):
        open_cache(folder)
    check_thinking(args.model, args.think)


def file_and_share(word):
    """(file, share) of --self-train; a file's name may hold a comma."""
    if word is None:
        return None, None
    path, comma, share = word.rpartition(",")
    try:
        return (path, float(share)) if comma else (word, 0.5)
    except ValueError:
        return word, 0.5


def check_shares(parser, args):
    """Bad usage (exit code 2) for shares that nothing can obey, or nothing would."""
    kinds = [kind for kind, _ in args.shares or ()]
    if len(set(kinds)) < len(kinds):
        parser.error(f"--shares {' '.join(kinds)}: expected each kind once")
    args.self_train, args.self_share = file_and_share(args.self_train)
    if args.self_train == "":
        parser.error("--self-train: names no file, expected FILE or FILE,SHARE")
    if args.self_share is not None and not 0 < args.self_share < 1:
        parser.error(f"--self-train: the share {args.self_share:g}, expected above 0 and below 1")
    if args.self_train and "self" in kinds:
        parser.error("--shares self=: --self-train FILE,SHARE says how much of a step that is; leave it out")
    files = [args.input, *(args.mix or ()), *filter(None, [args.self_train])]
    if twice := [path for path in files if files.count(path) > 1]:
        parser.error(f"{twice[0]}: named twice; --shares weighs kinds of rows")


def set_defaults(args):
    """What a flag is that was not given and has a meaning beside the others; it stays None without one."""
    if args.learning_rate is None:
        args.learning_rate = 2e-5 if is_whole(args) else 2e-4
    if args.lora_rank is None and not args.full and not args.train:
        args.lora_rank = 16
    args.shares = dict(args.shares) if args.shares else None
    if args.epochs is None and not args.steps:
        args.epochs = 1
