"""Answers that no model of the loop gave, as a verified file to train on: template baseline and upper bound.

    python -m lib.tools.baselines template runs/x/data/train.jsonl runs/x/template/verified.jsonl
    python -m lib.tools.baselines template runs/x/data/train.jsonl runs/x/teacher/verified.jsonl \\
        --share 0.5 --add runs/x/teacher/answers.jsonl
    python -m lib.tools.baselines truth runs/demo/data/train.jsonl runs/demo/bound/verified.jsonl

`template` (the paper's Video-LLaVA+): the labels put into simple sentences. `truth`: the true reasoning,
which only the demo's renderer knows.
"""

import hashlib
import os

from lib.command import checked_parser
from lib.files import write_atomically
from lib.process import run
from lib.prompts import label_text
from lib.records import StageError, line_of, read_jsonl, read_records, rebase
from lib.tools.template import template_answer

BASELINES = ("template", "truth")  # origins of its answers


def chosen(record, share):
    """Whether a record is among a share of all, by a hash of its id."""
    return int.from_bytes(hashlib.sha256(record["id"].encode()).digest()[:4], "big") < share * 2**32


def reasoning_of(path):
    """{id: the true reasoning} of a demo's questions. Raises StageError for other data."""
    facts = os.path.join(os.path.dirname(path), "facts.jsonl")
    if not os.path.exists(facts):
        raise StageError(f"{facts}: no such file; only the demo knows the true reasoning")
    return {line["id"]: line["reasoning"] for _, line in read_jsonl(facts)}


def refuse_others(output, inputs):
    """Raise StageError where the output would replace an input, or a file that is none of this module's."""
    same = [path for path in inputs if path and os.path.realpath(path) == os.path.realpath(output)]
    if same:
        raise StageError(f"{output}: would replace {same[0]}, which is read; name another output", code=2)
    if os.path.isfile(output):
        _, first = next(read_jsonl(output, lenient=True), (0, None))
        if not (isinstance(first, dict) and first.get("origin") in BASELINES):
            problem = f"{output}: exists, and does not begin with an answer of this tool"
            raise StageError(f"{problem}; name another, or move it away", code=2)


def main():
    parser = checked_parser(__doc__)
    add = parser.add_argument
    add("what", choices=BASELINES)
    add("input", help="questions with labels: train.jsonl of 01_prepare.py")
    add("output", help="the verified file to write")
    add("--share", type=float, default=1.0, help="share of the questions to use (default: all)")
    add("--add", metavar="FILE", help="a verified file whose kept answers are added")
    add("--seed", type=int, default=0, help="chooses the wording (default: %(default)s)")
    args = parser.parse_args()
    if not 0 < args.share <= 1:
        parser.error(f"--share {args.share:g}: expected above 0 and at most 1")
    refuse_others(args.output, [args.input, args.add])
    reasoning = reasoning_of(args.input) if args.what == "truth" else {}
    records, judged = [], {"origin": args.what, "sample": 0}
    for record in read_records(args.input):
        if not chosen(record, args.share):
            continue
        if reasoning:
            answer = f"{reasoning[record['id']]}\nAnswer: {label_text(record['labels'])}"
        else:
            answer = template_answer(record, args.seed)
        record = rebase(record, args.input, args.output)
        records.append({**record, **judged, "answer": answer, "keep": True})
    made = len(records)
    if not made:
        raise StageError(f"{args.input}: --share {args.share:g} takes none of its questions; raise it")
    if args.add:
        added = read_records(args.add, answers=True)
        if not any("keep" in record for record in added):
            raise StageError(f"{args.add}: no `keep` in it, expected a file of 04_verify.py")
        records += [rebase(record, args.add, args.output) for record in added if record.get("keep")]
    os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)
    text = b"".join(map(line_of, records)).decode("utf-8", "surrogatepass")
    write_atomically(args.output, text)
    others = f" and {len(records) - made} of {args.add}" if args.add else ""
    print(f"{args.output}: {made} {args.what} answers{others}")


if __name__ == "__main__":
    run(main)
