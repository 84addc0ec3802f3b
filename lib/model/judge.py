"""A judge: prompts put to a model, its replies kept in a file and read again without it."""

from lib.model import ask_text
from lib.model.server import Usage
from lib.output import Output
from lib.process import progress, world
from lib.records import StageError, read_jsonl


def ask_judge(judge, prompts, path, inputs, settings, overwrite=False, max_failures=0.02, tokens=128):
    """Put `prompts` {id: text} to a judge (folder, hub id or server) and keep its replies in the file `path`
    as they come: {"id", "origin", "sample", "judge", "prompt", "reply" or "error"} a line. `settings`: seed,
    limit, dtype and batch_size.
    """
    about = {"judge": judge, **{key: settings.get(key) for key in ("seed", "limit", "dtype")}}
    with Output(path, about, inputs, overwrite, trust=settings.get("trust_code", False)) as output:
        if output.complete:
            return
        keys = {id: (id, "judge", 0) for id in prompts}
        left = [(id, text) for id, text in prompts.items() if hash(keys[id]) not in output.done]
        left = left[world()[0] :: world()[1]]
        at_once, dtype, usage = settings.get("batch_size") or 8, about["dtype"] or "auto", Usage()
        ask = ask_text(judge, left, at_once, tokens, about["seed"], dtype, usage)
        for id, reply in progress(ask, len(left), "judge") if left else ():
            row = {"id": id, "origin": "judge", "sample": 0, "judge": judge, "prompt": prompts[id]}
            row |= reply_or_reason(reply, tokens)
            output.write(row)
            output.check_budget(max_failures, len(prompts))
        served = {}
        if usage.requests:
            print(f"judge: {usage}", flush=True)
            served = {"served": {"usage": vars(usage)}}
        output.finish(list(keys.values()), max_failures, **served)


def reply_or_reason(reply, tokens):
    """{"reply"} or {"error"} of what a judge was given `tokens` for: a thought alone decides nothing."""
    if reply.get("truncated") and not reply["answer"].strip():
        return {"error": f"{tokens} tokens of thought and no reply: choose a judge that does not think"}
    return {"reply": reply["answer"]} if "answer" in reply else {"error": reply["error"]}


def read_judgements(path, prompts):
    """({id: raw reply}, who judged) of a file of judgements.

    Raises StageError where one is of another question or prediction than now, unknown, or there twice.
    """
    replies, judges = {}, set()
    for number, line in read_jsonl(path):
        id = line.get("id") if isinstance(line, dict) else None
        known = isinstance(id, str) and id in prompts
        if not known or id in replies:
            problem = "there twice" if known else "not among the replies to judge"
            raise StageError(
                f"{path}:{number}: id {id!r} is {problem}; are these judgements of other predictions?"
            )
        if line.get("prompt", prompts[id]) != prompts[id]:
            raise StageError(
                f"{path}:{number}: the judgement of {id!r} is of another question or prediction; "
                "judge anew with --judge"
            )
        replies[id] = line.get("reply")
        if not isinstance(replies[id], (str, type(None))):
            raise StageError(f"{path}:{number}: reply is {replies[id]!r:.120}, expected a text or null")
        judges.add(str(line.get("judge", "unnamed")))
    return replies, ", ".join(sorted(judges))


def judgements(prompts, args, inputs, default, decided):
    """({id: raw reply} of --judge, asked and kept in `default`, or of --judgements, read again; how many are
    of no use). `decided(reply)`: what a reply says, or None.
    """
    path = args.judgements or default
    if args.judge:
        ask_judge(args.judge, prompts, path, inputs, vars(args), args.overwrite, args.max_failures)
    replies, _ = read_judgements(path, prompts)
    unjudged = sum(replies.get(id) is None for id in prompts)
    unparsable = sum(reply is not None and decided(reply) is None for reply in replies.values())
    if unparsable or unjudged:
        print(
            f"judge: of {len(prompts)} replies {unparsable} say neither yes nor no, {unjudged} are missing; "
            "these answers are read as without a judge",
            flush=True,
        )
    return replies, {"asked": len(prompts), "unparsable": unparsable, "unjudged": unjudged}
