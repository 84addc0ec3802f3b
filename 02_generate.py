"""Stage 02, answer generation (paper section 2.1): ask the current model every question, with a request for
step-by-step reasoning.

    python 02_generate.py runs/demo/data/train.jsonl -o runs/demo/cycle1/generated.jsonl --model
    runs/demo/base

    python 02_generate.py ... --shard 3/8     # one of eight independent jobs; whoever finishes last merges

Output: the input records with `answer`, `origin` "direct", `sample`, `seed`, `tokens` (and `truncated` where
the token limit ended it), or `error` where the video could not be read. Records keep the order of the input,
their samples together. The label is not used. Where it is a box, `boxes` says in which coordinates the answer
was asked for, and `frame_size` of which frame, if they are pixels.
"""

from lib.command import (
    announce,
    check_flags,
    frames_asked,
    model_options,
    parser_of,
    run,
    settings_of,
    shard_of,
    world,
)
from lib.model import open_model, question_on
from lib.model.coordinates import Coordinates
from lib.model.questions import Clips, Questions
from lib.output import Output
from lib.prompts import render
from lib.records import placed_records, rebase


def questions_of(args, model, share):
    """(what this process is to ask: each record's question on its share of the clips, --samples times, every
    draw with a seed of its own; number of records in all).
    """

    def ask(record, sample):
        record, draw = boxes.of(rebase(record, args.input, args.output)), (sample, args.seed, args.cycle)
        return question_on(record, render(record, "direct"), args.output, "direct", *draw)

    clips, boxes, count = Clips(share), Coordinates(model, args.boxes), 0
    questions = Questions(args.input, ask, "direct", args.samples, frames_asked(args))
    for place, size, record in placed_records(args.input, limit=args.limit):
        count += 1
        boxes.of(record)
        if clips.has(record):
            questions.add(place, size, record)
    return questions, count


def keys_of(args):
    """The keys of all answers, in the order of the input."""
    for _, _, record in placed_records(args.input, limit=args.limit):
        yield from ((record["id"], "direct", sample) for sample in range(args.samples))


def main():
    parser = parser_of(__doc__, "model", "sample", "shard")
    parser.add_argument("input", help="questions with labels: train.jsonl of 01_prepare.py")
    args = parser.parse_args()
    check_flags(parser, args)

    model = open_model(args.model, **model_options(args))  # loaded at the first question
    settings = {**settings_of(args), **model.identity}
    about = {"styles": ["direct"], "uses": [args.model], "shard": shard_of(args), "trust": args.trust_code}
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
        for answers in (
            [] if args.merge else model.answers(questions, output.done, **sampling, what="generate")
        ):
            output.write(*answers)
            output.check_budget(args.max_failures, len(questions))
        output.finish(keys_of(args), args.max_failures, **model.report)
    if world()[0] == 0 and output.complete:
        print(f"{args.output}: {count * args.samples} answers to {count} questions, {output.failed} failed")


if __name__ == "__main__":
    run(main)
