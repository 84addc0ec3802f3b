"""Stage 02, answer generation (paper section 2.1): the current model answers every question with its reasoning.

    python 02_generate.py runs/demo/data/train.jsonl -o runs/demo/cycle1/generated.jsonl --model runs/demo/base
    torchrun --nproc_per_node 8 02_generate.py ...      # the same records, each process its share

The label is not shown. Each of the --samples draws of a question has its own seed, from (--seed, --cycle, id, sample), so that batch size,
order, number of processes and restarts do not change its random numbers. Output: one line per question and sample, the input record with
`answer`, `origin` "direct", `sample`, `seed`, `tokens` (and `truncated`), or with `error` where its video could not be read.
"""
from lib.records import key_of, read_records, rebase
from lib.stage import Output, announce, check_flags, parser_of, resolved, run, world


def main():
    parser = parser_of(__doc__, "model", "sample")
    parser.add_argument("input", help="questions with labels: train.jsonl of 01_prepare.py")
    args = parser.parse_args()
    check_flags(parser, args)

    settings = resolved(args)
    records = read_records(args.input, limit=args.limit)
    with Output(args.output, settings, [args.input], args.overwrite) as output:
        if output.complete:
            print(f"{args.output}: complete already ({len(records) * args.samples} answers); nothing to do")
            return
        announce(args, settings)
        from lib.answers import answer, request  # after the checks above: a wrong flag must not cost the seconds that torch takes to load
        requests = [request(rebase(record, args.input, args.output), "direct", sample, args.seed, args.cycle) for record in records for sample in range(args.samples)]
        if output.done:
            print(f"resuming: {len(output.done)} of {len(requests)} answers are done")
        answer(requests, args, output, args.temperature, "generate", args.top_p)
        output.finish([key_of(record) for record, _ in requests], args.max_failures)
    if world()[0] == 0:
        print(f"{args.output}: {len(requests)} answers to {len(records)} questions, {output.failed} failed")


if __name__ == "__main__":
    run(main)
