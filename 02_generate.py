"""Stage 02, answer generation (paper section 2.1): ask the current model every question, with a request for
step-by-step reasoning.

    python 02_generate.py runs/demo/data/train.jsonl -o runs/demo/cycle1/generated.jsonl --model
    runs/demo/base

Output: the input records with `answer`, `origin` "direct", `sample`, `seed`, `tokens` (and `truncated` where
the token limit ended it), or `error` where the video could not be read. Records keep the order of the input,
their samples together. The label is not used.
"""

from lib.command import announce, check_flags, model_options, parser_of, run, settings_of, world
from lib.model import open_model, question_on
from lib.output import Output
from lib.prompts import render
from lib.records import key_of, read_records, rebase


def questions_of(records, args):
    """What to ask: every record's question, --samples times, each draw with a seed of its own."""
    questions = []
    for record in records:
        record = rebase(record, args.input, args.output)
        prompt = render(record, "direct")
        for sample in range(args.samples):
            question = question_on(record, prompt, args.output, "direct", sample, args.seed, args.cycle)
            questions.append(question)
    return questions


def main():
    parser = parser_of(__doc__, "model", "sample")
    parser.add_argument("input", help="questions with labels: train.jsonl of 01_prepare.py")
    args = parser.parse_args()
    check_flags(parser, args)

    model = open_model(args.model, **model_options(args))  # loaded at the first question
    settings = {**settings_of(args), **model.identity}
    records = read_records(args.input, limit=args.limit)
    with Output(args.output, settings, [args.input], args.overwrite) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(settings)
        questions = questions_of(records, args)
        if output.done:
            print(f"resuming: {len(output.done)} of {len(questions)} answers are done")
        sampling = {
            "temperature": args.temperature,
            "top_p": args.top_p,
            "max_new_tokens": args.max_new_tokens,
        }
        for answers in model.answers(questions, output.done, **sampling, what="generate"):
            output.write(*answers)
            output.check_budget(args.max_failures, len(questions))
        output.finish([key_of(question.record) for question in questions], args.max_failures, **model.report)
    if world()[0] == 0:
        print(f"{args.output}: {len(questions)} answers to {len(records)} questions, {output.failed} failed")


if __name__ == "__main__":
    run(main)
