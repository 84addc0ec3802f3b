"""The command line of 01: its flags, and which of them go together."""

import os

from lib.command import check_flags, parser_of, refuse_given
from lib.datasets import READERS, own

# of these every bad record is an error; official files are as they are
OWN = ("demo", "folder", "csv", "jsonl")
CAPTIONS = "captions"  # files of both sorts


def parsed(doc):
    """The command line of 01, whose docstring is `doc`; bad usage ends with exit code 2."""
    parser = parser_of(doc, "check")
    add = parser.add_argument
    source = "where labels come from: the demo, data of your own, or a dataset's official files"
    add("--dataset", choices=[*OWN, CAPTIONS, *READERS], required=True, help=source)
    folder = "folder of the videos (csv, jsonl, captions: default the annotations' folder)"
    add("--videos", metavar="DIR", help=folder)
    labels = (
        "the labels: one file for csv and jsonl, the official files or folders for a dataset; captions: "
        "files of captions, or lists of videos"
    )
    add("--annotations", metavar="PATH", nargs="+", help=labels)
    add("--durations", metavar="FILE", help="charades-sta: JSON with the videos' durations")
    question = f"question to ask where the data has none (class labels: {own.CLASS_QUESTION!r})"
    add("--question", help=question)
    writer = (
        "have a model write the questions from task and label, as the paper does: "
        "folder, hub id, or http://host:port/v1#name"
    )
    add("--questions-from", metavar="MODEL", help=writer)
    share = (
        "share of videos held out where the data has no split (default: %(default)s; captions: 0 for no "
        "test.jsonl)"
    )
    add("--test-share", type=float, default=0.2, help=share)
    share = (
        "share of the training videos set apart in dev.jsonl, for choosing when to stop "
        "(default: %(default)s)"
    )
    add("--dev-share", type=float, default=0.0, help=share)
    clips = "demo: training clips to render, and half as many test clips (default: %(default)s)"
    add("--clips", type=int, default=900, help=clips)
    paragraphs = (
        "captions, of ActivityNet: all sentences of a video as one caption of the whole "
        "(default: a clip a sentence)"
    )
    add("--paragraphs", action="store_true", help=paragraphs)
    add("--workers", type=int, default=2, help="threads that open videos (default: %(default)s)")
    add("--check", action="store_true", help="validate and report; write nothing")
    args = parser.parse_args()
    check_flags(parser, args)
    check_usage(parser, args)
    return args


def check_usage(parser, args):
    """Bad usage for flags that do not go together."""
    if args.dataset not in ("demo", "folder", CAPTIONS) and not args.annotations:
        parser.error(f"--dataset {args.dataset} needs --annotations")
    if args.dataset == CAPTIONS:
        if not args.annotations and not args.videos:
            parser.error(
                "--dataset captions needs --annotations, or --videos DIR of clips that nobody described"
            )
        refuse_given(parser, args, ["question", "questions_from"], "a caption is asked for in one way")
        if not args.annotations:
            refuse_given(parser, args, ["paragraphs"], "there is no file of ActivityNet Captions")
        if not args.videos and not args.check:
            args.videos = os.path.dirname(args.annotations[0]) or "."
    if args.dataset in ("csv", "jsonl") and len(args.annotations) > 1:
        parser.error(f"--dataset {args.dataset} takes one annotations file, got {len(args.annotations)}")
    opened = args.dataset == "folder" or args.dataset in READERS and not args.check
    if opened and not args.videos:
        parser.error(f"--dataset {args.dataset} needs --videos DIR")
    if args.check and args.dataset == "demo":
        parser.error("--check: the demo makes its own data; expected -o FOLDER")
    if not args.check and not args.output:
        parser.error("expected -o FOLDER (or --check, which writes nothing)")
    if args.dataset != "charades-sta":
        refuse_given(parser, args, ["durations"], "it is for --dataset charades-sta")
    if args.dataset != CAPTIONS:
        refuse_given(parser, args, ["paragraphs"], "it is for --dataset captions")
    if args.dataset == "folder":
        reason = "the folder has the labels; a file of labels is for csv, jsonl and captions"
        refuse_given(parser, args, ["annotations"], reason)
    if args.dataset != "demo":
        refuse_given(parser, args, ["clips"], "it is for --dataset demo")
    if args.clips < 2:
        parser.error(f"--clips {args.clips}: expected at least 2, as half as many are held out")
    if args.dataset == "demo":
        named = ["videos", "annotations", "question", "test_share"]
        refuse_given(parser, args, named, "the demo makes its own")
    elif args.dataset not in ("folder", "csv", CAPTIONS):
        refuse_given(parser, args, ["question"], f"{args.dataset} has its own questions")
    for flag, share in (("--test-share", args.test_share), ("--dev-share", args.dev_share)):
        if not 0 <= share < 1:
            parser.error(f"{flag} {share}: expected at least 0 and below 1")
    if args.videos and not os.path.isdir(args.videos):
        found = "a file" if os.path.exists(args.videos) else "nothing"
        parser.error(f"--videos {args.videos}: expected a folder of videos, found {found}")
