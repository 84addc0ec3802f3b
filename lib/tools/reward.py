"""The verifier as a reward for reinforcement learning, in the forms in which trainers call theirs.

    TRL       trl grpo --reward_funcs lib.tools.reward.video_star ...
    ms-swift  swift rlhf --external_plugins lib/tools/reward.py --reward_funcs video_star ...
              swift sample --external_plugins lib/tools/reward.py --orm_model video_star_sample ...
    verl      reward.custom_reward_function.path=lib/tools/reward.py ...name=compute_score
    EasyR1    worker.reward.reward_function=lib/tools/reward.py:easyr1
    OpenRLHF  --remote_rm_url lib/tools/reward.py --label_key solution

The rows come from `python -m lib.tools.export --what reward`: their `solution` (verl: ground_truth, EasyR1:
answer) is one JSON text with all that the verifier needs. The file may be loaded by its path, from any
folder, or by its name; it keeps nothing between calls, may be called from several threads, can be pickled,
and never takes a GPU.
"""

import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REWARD_NAME, REWARD_TYPE = "video_star", "batch"  # EasyR1 reads these two


def open_hall():
    """Let `lib` of this repository be imported, whatever loaded this file. Raises ImportError where another
    package has that name.
    """
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))  # behind all others: it hides nobody's package
    found = sys.modules.get("lib") or find_spec("lib")
    places = getattr(found, "__path__", None) or getattr(found, "submodule_search_locations", None)
    if str(ROOT / "lib") not in [str(Path(place).resolve()) for place in places or ()]:
        other = next(iter(places or ()), getattr(found, "__file__", None) or getattr(found, "origin", None))
        raise ImportError(
            f"{__file__} needs the package lib of {ROOT}, but in this process lib is {other}: "
            "start elsewhere, take that one off PYTHONPATH, or rename it"
        )


open_hall()


# ---------------------------------------------------------------- the score


def solution_of(solution):
    """The record that a `solution` holds. Raises ValueError for anything else."""
    from lib.labels import label_problem

    try:
        record = json.loads(solution) if isinstance(solution, str) else solution
    except ValueError:
        record = None
    labels = record.get("labels") if isinstance(record, dict) else None
    problem = None if isinstance(labels, list) and labels else "no labels in it"
    problem = problem or next(filter(None, map(label_problem, labels)), None)
    if problem:
        raise ValueError(
            f"solution {solution!r:.120}: {problem}; expected the JSON text that lib.tools.export writes "
            "with --what reward"
        )
    return record


def score(text, solution):
    """{"score", "holds", "verdict", "why"} of a model's text, a thought before its answer included.

    The score, in [0, 1], is the product of the labels' own: IoU, 1 - relative error, likelihood of a text,
    share of steps in order, or 0 and 1. In a product every label that is said better counts, and one that is
    not said makes it 0; a minimum would see the worst label alone. It is 0 where nothing is asserted: a
    refusal, a list, a hedge, a thought that never ended. Raises ValueError for a solution of another form.
    """
    open_hall()
    from lib.verifier import verify
    from lib.verifier.embedding import ON_CPU

    result = verify({**solution_of(solution), "answer": text}, {}, ON_CPU)
    total = math.prod(check["score"] for check in result["checks"])
    holds = result["verdict"] == "correct"
    return {"score": round(total, 4), "holds": holds, "verdict": result["verdict"], "why": result["why"]}


def text_of(completion):
    """The text of a completion: a text, or messages whose last one holds it, as a text or in parts."""
    if isinstance(completion, str):
        return completion
    content = completion[-1].get("content") if completion else None
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content)
    return content or ""


# ---------------------------------------------------------------- the forms


def video_star(completions, solution=None, log_extra=None, log_metric=None, **columns):
    """TRL: a score for every completion; None, which skips a row, where it has no solution of ours (a row of
    another data set beside it).
    """
    results = []
    for completion, target in zip(completions, solution or [None] * len(completions)):
        try:
            results.append(score(text_of(completion), target))
        except ValueError:
            results.append(None)
    known = [result for result in results if result]
    if log_extra:
        log_extra("why", [result["why"] if result else "no solution" for result in results])
    if log_metric and known:
        log_metric("holds", sum(result["holds"] for result in known) / len(known))
    return [result and result["score"] for result in results]


def compute_score(data_source=None, solution_str=None, ground_truth=None, extra_info=None, **more):
    """verl: the score, and as "acc" whether all labels hold."""
    result = score(solution_str or "", ground_truth)
    return {"score": result["score"], "acc": float(result["holds"])}


def easyr1(reward_inputs, **more):
    """EasyR1: of every {"response", "ground_truth"} the score, whether all labels hold, and whether the
    response asserts anything.
    """
    results = [score(each["response"], each["ground_truth"]) for each in reward_inputs]
    return [
        {
            "overall": result["score"],
            "accuracy": float(result["holds"]),
            "format": float(result["verdict"] in ("correct", "wrong")),
        }
        for result in results
    ]


def reward_func(queries, prompts, labels, **more):
    """OpenRLHF: queries are prompts with their responses, labels the solutions. Raises ValueError where a
    query does not hold its prompt.
    """
    import torch

    results = []
    for query, prompt, solution in zip(queries, prompts, labels):
        before, found, response = query.partition(prompt)
        if not found:
            raise ValueError(f"query {query!r:.120} does not hold its prompt {prompt!r:.120}")
        results.append(score(response, solution))
    scores = torch.tensor([result["score"] for result in results], dtype=torch.float32)
    holds = torch.tensor([float(result["holds"]) for result in results])
    return {"rewards": scores, "scores": scores, "extra_logs": {"holds": holds}}


if "swift" in sys.modules:  # it has loaded this file as a plugin
    from swift.rewards import ORM, orms
else:
    ORM, orms = object, {}


class VideoStar(ORM):
    """ms-swift's GRPO: completions are texts, `solution` a column."""

    def __init__(self, args=None, **more):
        if ORM is not object:
            super().__init__(args, **more)

    def __call__(self, completions, solution, **columns):
        return [score(text_of(text), target)["score"] for text, target in zip(completions, solution)]


class VideoStarSample(VideoStar):
    """ms-swift's `swift sample`: the answer is a request's last turn; the rows' own last turns, which hold
    the solutions, come as `ground_truths`.
    """

    def __call__(self, infer_requests, request_config=None, ground_truths=None, **more):
        turns = [each["messages"] if isinstance(each, dict) else each.messages for each in infer_requests]
        return super().__call__(turns, ground_truths)


orms.update(video_star=VideoStar, video_star_sample=VideoStarSample)
