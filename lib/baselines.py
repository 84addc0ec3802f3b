"""Answers that no model of the loop gave, as a verified file to train on: the paper's template baseline, and the demo's upper bound.

    python -m lib.baselines template runs/x/data/train.jsonl runs/x/template/verified.jsonl
    python -m lib.baselines template runs/x/data/train.jsonl runs/x/teacher/verified.jsonl --share 0.5 --add runs/x/teacher/answers.jsonl
    python -m lib.baselines truth runs/demo/data/train.jsonl runs/demo/bound/verified.jsonl

`template` (the paper's Video-LLaVA+): the labels put into simple sentences. `truth`: the true reasoning, which only the demo's renderer knows.
"""
import argparse
import hashlib
import os

from lib.prompts import label_text
from lib.questions import template_answer
from lib.records import StageError, line_of, read_jsonl, read_records, rebase
from lib.stage import run, write_atomically


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("template", "truth"))
    parser.add_argument("input", help="questions with labels: train.jsonl of 01_prepare.py")
    parser.add_argument("output", help="the verified file to write")
    parser.add_argument("--share", type=float, default=1.0, help="share of the questions to use, chosen by a hash of the id (default: all)")
    parser.add_argument("--add", metavar="FILE", help="a verified file whose kept answers are added")
    parser.add_argument("--seed", type=int, default=0, help="chooses the wording (default: %(default)s)")
    args = parser.parse_args()
    reasoning = {}
    if args.what == "truth":
        facts = os.path.join(os.path.dirname(args.input), "facts.jsonl")
        if not os.path.exists(facts):
            raise StageError(f"{facts}: no such file; only the demo knows the true reasoning")
        reasoning = {line["id"]: line["reasoning"] for _, line in read_jsonl(facts)}
    lines = []
    for record in read_records(args.input):
        if int.from_bytes(hashlib.sha256(record["id"].encode()).digest()[:4], "big") < args.share * 2**32:
            answer = f"{reasoning[record['id']]}\nAnswer: {label_text(record['labels'])}" if reasoning else template_answer(record, args.seed)
            lines.append({**rebase(record, args.input, args.output), "origin": args.what, "sample": 0, "answer": answer, "keep": True})
    made = len(lines)
    if args.add:
        lines += [rebase(record, args.add, args.output) for record in read_records(args.add, answers=True) if record["keep"]]
    os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)
    write_atomically(args.output, b"".join(map(line_of, lines)).decode("utf-8", "surrogatepass"))
    print(f"{args.output}: {made} {args.what} answers" + (f" and {len(lines) - made} of {args.add}" if args.add else ""))


if __name__ == "__main__":
    run(main)
