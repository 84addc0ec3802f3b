"""Stage 02, answer generation (paper section 2.1): ask the current model every question, with a request for
step-by-step reasoning.

    python 02_generate.py runs/demo/data/train.jsonl -o runs/demo/cycle1/generated.jsonl --model
    runs/demo/base

    python 02_generate.py ... --shard 3/8     # one of eight independent jobs; whoever finishes last merges
    python 02_generate.py clips/train.jsonl -o captions.jsonl --model M --style caption --samples 4

Output: the input records with `answer`, `origin` "direct", `sample`, `seed`, `tokens` (and `truncated` where
the token limit ended it), or `error` where the video could not be read. Records keep the order of the input,
their samples together. The label is not used. Where it is a box, `boxes` says in which coordinates the answer
was asked for, and `frame_size` of which frame, if they are pixels.

--style caption asks for a caption instead, of clips with labels or without (01 --dataset captions): origin
"caption", drawn as LaViLa does unless told otherwise. An answer that is no caption (empty, cut off, the same
over and over, a form, a refusal) has `error` with the reason beside it: failed, and not tried again.
"""

from functools import partial

from lib.command import announce, check_flags, frames_asked, model_options, parser_of, settings_of, shard_of
from lib.model import is_served, open_model, question_on
from lib.model.captioning import DEFAULTS, Tally, checked
from lib.model.coordinates import Coordinates
from lib.model.questions import Clips, Questions
from lib.output import Output
from lib.process import run, world
from lib.prompts import render
from lib.records import placed_records, rebase


def questions_of(args, model, share):
    """(what this process is to ask: each record's question on its share of the clips, --samples times, every
    draw with a seed of its own; number of records in all).
    """

    def ask(record, sample):
        record, draw = boxes.of(rebase(record, args.input, args.output)), (sample, args.seed, args.cycle)
        return question_on(record, render(record, args.style), args.output, args.style, *draw)

    clips, boxes, count = Clips(share), Coordinates(model, args.boxes), 0
    questions = Questions(args.input, ask, args.style, args.samples, frames_asked(args))
    for place, size, record in records_of(args):
        count += 1
        boxes.of(record)
        if clips.has(record):
            questions.add(place, size, record)
    return questions, count


def records_of(args):
    """placed_records() of the input."""
    return placed_records(args.input, limit=args.limit, unlabelled=args.style == "caption")


def keys_of(args):
    """The keys of all answers, in the order of the input."""
    for _, _, record in records_of(args):
        yield from ((record["id"], args.style, sample) for sample in range(args.samples))


def parsed():
    """The command line; bad usage ends with exit code 2."""
    parser = parser_of(__doc__, "model", "sample", "shard")
    add = parser.add_argument
    add("input", help="questions with labels, or clips to caption: train.jsonl of 01_prepare.py")
    add(
        "--style",
        choices=("direct", "caption"),
        default="direct",
        help="what is asked for: an answer with its reasoning, or a caption (then by default "
        + ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in DEFAULTS.items())
        + ", as LaViLa; default: %(default)s)",
    )
    price = (
        "of an hour of this process, or of a million prompt and new tokens of a server: what captions cost"
    )
    add("--price", type=float, nargs="+", help=price)
    if parser.parse_args().style == "caption":
        parser.set_defaults(**DEFAULTS)
    args = parser.parse_args()
    check_flags(parser, args)
    if args.price and args.style == "direct":
        parser.error("--price: it is for --style caption; make plan counts the cost of a cycle")
    if args.price and (len(args.price) != 1 + is_served(args.model) or min(args.price) < 0):
        parser.error(
            f"--price {args.price}: expected one of an hour; of a server two, of prompt and new tokens"
        )
    return args


def main():
    args = parsed()
    captions, tally = args.style == "caption", Tally()
    model = open_model(args.model, **model_options(args))  # loaded at the first question
    form = {"style": args.style} if captions else {}
    settings = {**settings_of(args, leave_out=("style", "price")), **form, **model.identity}
    about = {"styles": [args.style], "uses": [args.model], "shard": shard_of(args), "trust": args.trust_code}
    with Output(args.output, settings, [args.input], args.overwrite, **about) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(settings)
        questions, count = questions_of(args, model, output.share)
        if output.done:
            print(f"resuming: {len(output.done)} of {len(questions)} answers are done")
        sampling = {
            "temperature": args.temperature,
            "top_p": args.top_p,
            "max_new_tokens": args.max_new_tokens,
        }
        ask = partial(model.answers, questions, output.done, **sampling)
        for answers in [] if args.merge else ask(what="caption" if captions else "generate"):
            answers = list(map(checked, answers)) if captions else answers
            tally.add(answers)
            output.write(*answers)
            output.check_budget(args.max_failures, len(questions))
        if captions:
            for line in tally.lines(model.report, args.samples, args.price):
                print(line, flush=True)
        output.finish(keys_of(args), args.max_failures, **model.report)
    if world()[0] == 0 and output.complete:
        print(f"{args.output}: {count * args.samples} answers to {count} questions, {output.failed} failed")


if __name__ == "__main__":
    run(main)
