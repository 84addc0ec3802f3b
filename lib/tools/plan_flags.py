"""The command line of make plan."""

import os
import shlex

from lib.command import checked_parser, refuse_given
from lib.model import is_served
from lib.records import StageError
from lib.tools.roofline import EFFICIENCY
from lib.tools.stage_flags import STAGES as WORDS
from lib.tools.stage_flags import parse
from lib.tools.stand_in import FORM
from lib.tools.trial import ROOT

STAGES = tuple(WORDS)


def arguments(doc):
    """What the command line says. Bad usage ends it with exit code 2."""
    parser = checked_parser(doc)
    add = parser.add_argument
    add("input", help="questions to learn from: train.jsonl of 01_prepare.py")
    add("--test", required=True, help="held-out questions: test.jsonl of 01_prepare.py")
    add("--records", metavar="COUNT", help=f"plan for records that are not there yet: {FORM}")
    add("--run", default=".", help="folder of the run, on whose disk it must fit; nothing is written there")
    add("--model", required=True, help="folder, hub id or server that cycle 1 asks")
    for name in STAGES:
        text = f"all flags of that stage, as one word: --{name}='--seed 0 ...'"
        add(f"--{name}", type=str, default="", required=name == "finetune", metavar="FLAGS", help=text)
    add("--cycles", type=int, default=1, help="cycles of the run (default: %(default)s)")
    add("--trial", type=int, help="records to try at least; 0 for none (default: 10, with --device 0)")
    origins, views = ["direct", "rationalized"], ("blind", "shuffled")
    add("--origins", nargs="+", choices=origins, default=origins, help="what to learn from (default: both)")
    add("--views", nargs="*", choices=views, default=[], help="asked once as well (make: DROP)")
    add("--device", help="plan for cards that are not here: one of lib/tools/cards.py, or TFLOP/s,GB/s,GB")
    add("--gpus", type=int, help="so many of them (default: 1)")
    add("--price", type=float, help="of one for an hour (default: not known)")
    add("--efficiency", type=float, help=f"share of its figures that is reached (default: {EFFICIENCY})")
    text = "shares of questions rejected, and of direct and rationalized answers kept (default: a half each)"
    add("--shares", nargs=3, type=float, metavar="SHARE", help=text)
    args = parser.parse_args()
    args.trial = 10 if args.trial is None and not (args.device or args.records) else args.trial or 0
    check_usage(parser, args)
    check_stages(parser, args)
    return args


def check_stages(parser, args):
    """The same for flags that a stage would not take: it reads them itself."""
    for name, (script, *words) in WORDS.items():
        try:
            parse([str(ROOT / script), *words, *shlex.split(getattr(args, name))])
        except ValueError as error:  # of shlex, as of a quote that is left open
            parser.error(f"--{name}: {error}: {getattr(args, name)}")


def check_usage(parser, args):
    """Bad usage (exit code 2) for values that nothing can obey, and flags that nothing would."""
    if args.trial and (args.device or args.records):
        parser.error(
            "--trial tries records that are here on this device: leave it out, or --device and --records"
        )
    if not args.device:
        refuse_given(parser, args, ["gpus", "price", "efficiency", "shares"], "it goes with --device")
    for name, least in (("cycles", 1), ("trial", 0), ("gpus", 1), ("price", 0)):
        if (value := getattr(args, name)) is not None and value < least:
            parser.error(f"--{name} {value:g}: expected at least {least}")
    if args.efficiency is not None and not 0 < args.efficiency <= 1:
        parser.error(f"--efficiency {args.efficiency:g}: expected above 0 and at most 1")
    if args.shares and not all(0 <= share <= 1 for share in args.shares):
        parser.error("--shares: expected three shares from 0 to 1")


def check(args, model):
    """Raises StageError where there is nothing to plan with, or a `model` to train that cannot be."""
    for path in () if args.records else (args.input, args.test):
        if not os.path.exists(path) and os.path.isdir(os.path.join(args.run, "viit")):
            raise StageError(
                f"{path}: no such file: make plan is of cycles, and {args.run} holds make viit's work; what "
                "captions cost 02 --style caption --limit 100 says"
            )
        if not os.path.exists(path):
            raise StageError(
                f"{path}: no such file, so there is nothing to plan with; make {path}, or 01_prepare.py, "
                "writes it"
            )
    if is_served(model):
        raise StageError(
            f"--model {model}: a served model cannot be trained; name a folder or hub id in "
            "--finetune (make: BASE=...)",
            code=2,
        )
