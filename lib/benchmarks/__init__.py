"""The benchmarks by their own rules: a module each, and this door to them.

A new benchmark is a module and a line in BENCHMARKS. The module has
  NOTE                        what its rule is, as eval.json has it
  load(path, task, meta)      the items of its question file (see common.py)
  rule(text, item)            of a choice: (what the official scorer reads or None, whether it is right)
  score(items, replies, embedder)    or this in place of `rule`, with what `score` below returns
  evaluate(args, predictions)        or this in place of all of them, with what eval.json shall hold
and where it has them
  TASKS, META, OWN_VIDEOS     its --task names; that --meta is for it; that its questions name videos by path
  DECIMALS                    of the percentages in its official tables, where not 2
  question_files(path, task)  where its questions are in several files
  prediction_rows(path)       where its predictions have a format of their own (see predictions.py)
  judge_wording(questions, task), judge_prompt(item, text, wording), verdict(item, reply), POINTS
                              where a judge decides what no rule reads (see open_qa.py)
Rules follow the official code to the letter, quirks included, but for two things: where it guesses at random,
and where it credits an empty reply, the reply is wrong.
"""

from collections import Counter

from lib.benchmarks import (
    captions,
    charades,
    fine_diving,
    mvbench,
    nextqa,
    nextqa_oe,
    open_qa,
    qvhighlights,
    retrieval,
    star,
    tempcompass,
    videomme,
    zero_shot,
)
from lib.benchmarks.common import reading, without_end
from lib.benchmarks.predictions import common_rows, join_replies, states
from lib.benchmarks.tables import score_choices, show, summary
from lib.benchmarks.videos import check_there, records_to_ask
from lib.captions import clips_of
from lib.confidence import mcnemar, paired_gain
from lib.records import StageError

__all__ = ["BENCHMARKS", "check_there", "clips_of", "records_to_ask", "show", "states"]

BENCHMARKS = {
    "tempcompass": tempcompass,
    "nextqa": nextqa,
    "nextqa-oe": nextqa_oe,
    "star": star,
    "mvbench": mvbench,
    "videomme": videomme,
    "charades-sta": charades,
    "qvhighlights": qvhighlights,
    "open-qa": open_qa,
    "fine-diving": fine_diving,
    "caption": captions,
    "retrieval": retrieval,
    "zero-shot-class": zero_shot,
}


def names_with(attribute):
    """The benchmarks that have an optional part: "TASKS", "verdict", ..."""
    return [name for name, module in BENCHMARKS.items() if hasattr(module, attribute)]


def tasks():
    """All --task names."""
    return [task for name in names_with("TASKS") for task in BENCHMARKS[name].TASKS]


def question_files(benchmark, path, task=None):
    """All files that make up a benchmark's questions."""
    module = BENCHMARKS[benchmark]
    return module.question_files(path, task) if hasattr(module, "question_files") else [path]


def read_items(benchmark, path, task=None, meta=None):
    """The items of a benchmark's question file. Raises StageError for another format or a second id."""
    items = BENCHMARKS[benchmark].load(path, task, meta)
    if not items:
        raise StageError(f"{path}: no questions")
    twice = next((id for id, n in Counter(item["id"] for item in items).items() if n > 1), None)
    if twice is not None:
        raise StageError(f"{path}: duplicate id {twice!r}, ids must be unique")
    return items


def scored_items(items, limit=None):
    """The items that count: of the first `limit` those with something to score."""
    return [item for item in items[:limit] if item["gold"] is not None]


def read_replies(benchmark, path, items):
    """See predictions.join_replies; the file may be in our format or in the benchmark's own."""
    rows = getattr(BENCHMARKS[benchmark], "prediction_rows", common_rows)
    return join_replies(path, items, rows(path))


def score(benchmark, items, replies, embedder=None):
    """({"official": table, "robust": table, ...}, score of every item); a table is None where there is none.

    A score is right or wrong, or an IoU; None in place of all where only a judge can tell.
    """
    module = BENCHMARKS[benchmark]
    if hasattr(module, "score"):
        return module.score(items, replies, embedder)
    return score_choices(module.rule, items, replies, embedder, decimals_of(module))


def decimals_of(module):
    return getattr(module, "DECIMALS", 2)


def paired_test(ours, other, items):
    """Our gain in points, its bootstrap interval over videos, and of right and wrong McNemar's exact test."""
    gain, low, high = (round(100 * v, 2) for v in paired_gain(other, ours, [item["video"] for item in items]))
    result = {"count": len(items), "gain": gain, "low": low, "high": high}
    if set(ours) | set(other) <= {0, 1}:
        test = mcnemar(other, ours)
        names = {"only_this": "only_after", "only_other": "only_before", "p": "p"}
        result["mcnemar"] = {name: test[key] for name, key in names.items()}
    return result


# ---------------------------------------------------------------- judges


def to_judge(benchmark, items, replies):
    """The items a judge must see: the answered ones in whose reply no rule reads anything."""
    answered = [item for item in items if replies[item["id"]].state == "answered"]
    rule = getattr(BENCHMARKS[benchmark], "rule", None)
    return [item for item in answered if reading(rule, item, replies[item["id"]])[0] is None]


def judge_prompts(benchmark, questions, task, items, replies):
    """({id: what a judge is asked}, whose words these are)."""
    module = BENCHMARKS[benchmark]
    wording, whose = module.judge_wording(questions, task)
    prompts = {}
    for item in to_judge(benchmark, items, replies):
        text = without_end(str(replies[item["id"]].value))
        prompts[item["id"]] = module.judge_prompt(item, text, wording)
    return prompts, whose


def judged(benchmark, items, replies, judgements):
    """(table, right per item) with a judge's raw replies {id: text or None} where the rules ask for one.

    `unparsable` and `unjudged` replies are wrong and counted; `answered_only` leaves them out, as the
    Video-ChatGPT protocol does.
    """
    module = BENCHMARKS[benchmark]
    rule, open_ids = (
        getattr(module, "rule", None),
        {item["id"] for item in to_judge(benchmark, items, replies)},
    )
    results, points, unjudged, unparsable = [], [], 0, 0
    for item in items:
        if item["id"] not in open_ids:
            results.append(reading(rule, item, replies[item["id"]]))
            continue
        judgement = judgements.get(item["id"])
        right, given = (None, None) if judgement is None else module.verdict(item, judgement)
        unjudged += judgement is None
        unparsable += judgement is not None and right is None
        results.append((None if right is None else "yes" if right else "no", bool(right)))
        points += [] if given is None else [given]
    table = summary(items, results, decimals_of(module))
    del table["gold"]
    table |= {"asked": len(open_ids), "unparsable": unparsable, "unjudged": unjudged}
    if getattr(module, "POINTS", False):
        mean = round(sum(points) / len(points), 4) if points else None
        table |= {"mean_score": mean, "scores": len(points)}
    return table, [right for _, right in results]
