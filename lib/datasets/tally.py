"""What 01 says of the records: the bad ones one by one, the others counted by kind and by what was mended."""

from collections import Counter

from lib.datasets.common import several
from lib.datasets.split import SHOWN
from lib.datasets.usage import CAPTIONS
from lib.records import StageError

OTHER_LETTERS = "labels in words beyond a to z (matched by their characters and by embedding alone)"
LONGEST = 1000  # characters of a line that is printed


def new_tally():
    counters = {name: Counter() for name in ("questions", "kinds", "captions", "sides")}
    return {"good": 0, "bad": 0, "notes": {}, "videos": {}, **counters}


def count(tally, where, reason):
    """Count a record that an official file's known defects cost or changed."""
    tally["notes"].setdefault(reason, [0, where])[0] += 1


def bad(tally, where, problem):
    """Print and count a bad record."""
    tally["bad"] += 1
    line = f"bad: {problem}" if problem.startswith(where) else f"bad: {where}: {problem}"
    if len(line) > LONGEST:  # a path may be long: what is wrong with it stands last
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
    print(line, flush=True)


def good(tally, record, captions=False):
    """Count a good record by its labels, or with `captions` by its captions."""
    tally["good"] += 1
    tally["kinds"].update(label["kind"] for label in record["labels"])
    if captions:
        tally["captions"].update(captions=len(record["captions"]), bare=int(not record["captions"]))


def in_other_letters(label):
    """Whether the words of a label are hardly English, of which alone the verifier knows inflections."""
    values = label["value"] if isinstance(label["value"], list) else [label["value"]]
    letters = (letter for value in values for letter in str(value) if letter.isalpha())
    return label["kind"] in ("class", "text", "sequence") and not all(map(str.isascii, letters))


def report(args, tally):
    """Print what there is by label kind and what was dropped or mended by reason; raise StageError beyond
    --max-failures."""
    for reason, (times, where) in sorted(tally["notes"].items()):
        print(f"{reason}: {times}, the first at {where}")
    if tally["questions"]:
        print("questions: " + ", ".join(f"{n} {what}" for what, n in tally["questions"].most_common()))
    kinds = "labels: " + (", ".join(f"{n} {kind}" for kind, n in tally["kinds"].most_common()) or "none")
    if args.dataset == CAPTIONS:
        found = tally["captions"]
        kinds = f"{several(found['captions'], 'caption')}, {several(found['bare'], 'clip')} without one"
    print(f"{several(tally['good'], 'good record')}, {tally['bad']} bad; {kinds}")
    total = tally["good"] + tally["bad"]
    if not tally["good"]:
        raise StageError("no record is usable: see the lines above")
    if tally["bad"] > (args.max_failures * total if args.max_failures < 1 else args.max_failures):
        raise StageError(
            f"{tally['bad']} of {total} records are bad, more than --max-failures {args.max_failures:g} "
            "allows: mend them, or raise it to leave them out"
        )


def refuse_sides(args, tally, both, sources):
    """Raise StageError where a source video has records on two sides (`both`: of how many that is so), or
    where a side that was asked for has none; captions need no test side. With --check, where the flags of
    the split may be yet to come, an empty side is said alone.
    """
    if both:
        remedy = (
            "move or delete all but one of its files" if args.dataset == "folder" else "mend the split column"
        )
        raise StageError(
            f"{several(both, 'source video has', 'source videos have')} records in both splits "
            f"(above{f': the first {SHOWN}' if both > SHOWN else ''}); "
            f"a video must stand on one side: {remedy}"
        )
    for side in ("train", "test", "dev") if args.dev_share else ("train", "test"):
        if tally["sides"][side] or side == "test" and args.dataset == CAPTIONS and not args.test_share:
            continue
        cut = tally["good"] == args.limit
        remedy = "raise --clips" if args.dataset == "demo" else "use more videos, another --test-share"
        if cut:
            remedy = f"raise --limit {args.limit} or leave it out, another --test-share"
        problem = (
            f"no {'training' if side == 'train' else side} records among {'the first ' * cut}"
            f"{tally['good']}, of {several(sources, 'source video')}; {remedy}"
            f"{' (0: no test.jsonl)' * (args.dataset == CAPTIONS)}, or another --seed"
        )
        if not args.check:
            raise StageError(problem)
        print(f"without --check this would end so: {problem}")
