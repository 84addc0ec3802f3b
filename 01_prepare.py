"""Stage 01, data: labelled videos of any kind become questions whose answers must contain the labels.

    python 01_prepare.py --dataset demo -o runs/demo/data
    python 01_prepare.py --dataset folder --videos clips/ -o data
    python 01_prepare.py --dataset csv --annotations labels.csv --videos clips/ -o data
    python 01_prepare.py --dataset jsonl --annotations mine.jsonl --videos clips/ --check
    python 01_prepare.py --dataset charades-sta --annotations charades_sta_test.txt --videos Charades/ -o data
    python 01_prepare.py --dataset nextqa --annotations val.csv --check
    python 01_prepare.py --dataset captions --annotations captions.csv --videos clips/ -o data
    python 01_prepare.py --dataset captions --videos clips/ -o data --test-share 0

folder: a class per sub-folder (clips/diving/0412.mp4: "diving"), or per file name (clips/wave.mp4: "wave").
csv: columns video,label (and id,question,kind,options,start,end,split,source_video). jsonl: records as in
the README.
captions: in place of labels, any file of lib/captions; without one, videos that nobody described. The other
datasets are read from their official files. --check validates records and split and writes nothing;
official annotations can be checked alone, without any video.

Every video is opened and one frame decoded; what was found is remembered in memory.sqlite beside the output.
Bad records are listed, each with where it stands, what was found and what to do; they are left out, and more
of them than --max-failures allows end the stage with exit code 1. What an official file is known to get wrong
(intervals past the end, videos that are gone) is mended or dropped and counted by reason. Records are read
one by one, so memory stays small. The split puts no video on both sides: no file under two names, no copy, no
clips of one source, which official files name and data of your own may (column or key `source_video`).
"""

import hashlib
import os
from collections import Counter
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np

from lib.command import settings_of
from lib.datasets import READERS, captions, own
from lib.datasets.common import several
from lib.datasets.questions import rewritten
from lib.datasets.split import Split, grouped, parted, side_of, splits_of
from lib.datasets.tally import (
    OTHER_LETTERS,
    bad,
    count,
    good,
    in_other_letters,
    new_tally,
    refuse_sides,
    report,
)
from lib.datasets.usage import CAPTIONS, OWN, parsed
from lib.datasets.videos import NO_VIDEO, fitted, located, probed, remembering
from lib.files import read_json, write_atomically
from lib.labels import content_problem, record_problem
from lib.output import Output
from lib.process import progress, run
from lib.records import StageError, line_of

CHUNK = 2048  # records in memory at once


# ---------------------------------------------------------------- read annotations


def annotated(args):
    """Yields (where, record with its video's path, note) of every annotation; where record is None the note
    says why there is none."""
    if args.dataset in OWN:
        return own_records(args)
    if args.dataset == CAPTIONS:
        return captions.read(args.annotations, args.videos, args.paragraphs)
    read = READERS[args.dataset]
    rows = (row for path in args.annotations for row in read(path, args.seed, args.durations))
    return located(rows, args.videos) if args.videos else rows


def own_records(args):
    """annotated() of the demo and of data of one's own."""
    root = ""
    if args.dataset == "demo":
        found = rendered(args)
    elif args.dataset == "folder":
        found = own.folder(args.videos, args.question)
    else:
        path = args.annotations[0]
        root = args.videos or os.path.dirname(path)
        found = own.table(path, args.question) if args.dataset == "csv" else own.lines(path)
    for where, record in found:
        problem = record if isinstance(record, str) else record_problem(record)
        problem = problem or content_problem(record, foreign=True) or own.path_problem(record["video"])
        if not problem and record.get("split") not in (None, "train", "test"):
            problem = f"split {record['split']!r:.60}, expected train or test"
        if problem:
            yield where, None, problem
        else:
            video = os.path.abspath(os.path.join(root, record["video"]))
            yield where, {**record, "video": video}, None


def rendered(args):
    """Render the demo's target world into --output/videos; yields (where, record). What is true of each clip
    goes to facts.jsonl, apart."""
    from lib.demo import world

    folder, facts_of = Path(args.output) / "videos", []
    folder.mkdir(parents=True, exist_ok=True)
    splits = ["train"] * args.clips + ["test"] * (args.clips // 2)
    for number, split in enumerate(progress(splits, len(splits), "render")):
        rng = np.random.default_rng([args.seed, 2, number])
        facts, name = world.clip_facts(rng, "target"), f"{split}{number:05d}"
        video, part = str(folder / f"{name}.mp4"), folder / f"{name}.tmp.mp4"
        world.write_clip(part, facts, world.look(rng, "target"), rng)
        os.replace(part, video)
        for key, question, labels, reasoning in world.questions(facts):
            id = f"{name}#{key}"
            facts_of.append({"id": id, "facts": facts, "reasoning": reasoning})
            yield video, {"id": id, "video": video, "question": question, "labels": labels, "split": split}
    write_atomically(Path(args.output) / "facts.jsonl", b"".join(map(line_of, facts_of)).decode())


def survey(args):
    """A first pass over the annotations alone: (how many, whether their split is to be used, {(video, source,
    split)}). Missing videos are the first thing printed."""
    if args.dataset == "demo":
        return 0, True, set()
    if args.dataset == "folder":
        print(own.understood(args.videos), flush=True)
    if args.dataset == "csv" and (line := own.unread(args.annotations[0])):
        print(line, flush=True)
    total, missing, example, splits, videos = 0, 0, "", set(), set()
    for where, record, note in annotated(args):
        total += not (note and note.startswith(captions.KEPT))
        if note == NO_VIDEO or note and note.startswith(captions.LOST):
            missing, example = missing + 1, example or where
        if record:
            splits.add(record.get("split"))
        if record and isinstance(record["video"], str) and (args.dataset in OWN or args.videos):
            source = record.get("source_video")
            source = None if source in (None, "") else str(source).strip()
            videos.add((record["video"], source, record.get("split")))
    if args.dataset not in OWN and args.videos:
        first = f", the first at {example}" if missing else ""
        have = f"{several(total, 'annotation')} {'has' if total == 1 else 'have'}"
        print(f"{missing} of {have} no video in {args.videos}{first}", flush=True)
    elif args.dataset not in OWN:
        print(f"{several(total, 'annotation')}; without --videos no video is looked for", flush=True)
    one_sided = len(splits) == 1 and splits != {None}
    if one_sided:
        print(
            f"every record is of the split {splits.pop()!r}: "
            f"--test-share {args.test_share:g} of the videos is held out instead",
            flush=True,
        )
    return total, not one_sided, videos


# ---------------------------------------------------------------- check videos


def checked(args, total, tally, memory):
    """Yields every good record. The others are printed as "bad: place: reason", those of an official file
    counted by reason; all in `tally`."""
    opens, first = args.dataset in OWN or args.videos, {}
    rows = progress(annotated(args), total, "check records")
    while chunk := list(islice(rows, CHUNK)):
        chunk = [(*row, problem_of(args, row, first)) for row in chunk]
        videos = {}
        if opens:
            paths = sorted({record["video"] for _, record, _, problem in chunk if record and not problem})
            videos = probed(paths, memory, args.workers)
        for where, record, note, problem in chunk:
            mended = None
            if record and not problem:
                record, mended, problem = fitted(record, videos[record["video"]] if opens else None)
            if problem:
                bad(tally, where, problem)
                continue
            for reason in filter(None, (note, mended)):
                count(tally, where, reason)
            if record is None:
                continue
            good(tally, record, args.dataset == CAPTIONS)
            if any(map(in_other_letters, record["labels"])):
                count(tally, where, OTHER_LETTERS)
            yield record
            if tally["good"] == args.limit:
                return


def problem_of(args, row, first):
    """What is wrong with one of annotated() before its video is opened, or None. `first`: {hash of an id:
    where it first stands}; captions come with one record an id."""
    where, record, note = row
    if record is None:
        return None if note.startswith(captions.COUNTED) and args.dataset not in OWN else note
    if (key := hash(record["id"])) in first:
        return f"duplicate id {record['id']!r}, first at {first[key]}; ids must be unique"
    if content_problem({"video": record["video"]}):
        return f"the path {record['video']!r} is not UTF-8; rename the file or its folder"
    if args.dataset != CAPTIONS:
        first[key] = where
    return None


# ---------------------------------------------------------------- split and write


def split_of(args):
    """The Split that the flags ask for. The folder that videos are named from is the dataset's: wherever that
    lies, its split is the same.
    """
    root = args.videos or os.path.dirname((args.annotations or [os.path.join(args.output, "")])[0]) or "."
    return Split(root, args.seed, args.test_share, args.dev_share)


def shared_out(args, tally, memory):
    """Yields (side, record) of every good record, and reports when all are read. Raises StageError then where
    too many were bad, where one source video has records on two sides, or where a side has none."""
    split, firsts, both = split_of(args), {}, {}
    total, own_split, videos = survey(args)
    groups = grouped(videos, split.root, memory, args.workers)
    splits = splits_of(videos, groups) if own_split else None
    videos = {entry for entry in videos if entry[0] in groups}  # so that memory stays small
    records = checked(args, total, tally, memory)
    if args.questions_from and not args.check:
        records = rewritten(records, args.questions_from, memory, tally)
    for record in records:
        video = record["video"]
        group = groups.get(video, video)
        side = side_of(record, split, group, splits)
        tally["sides"][side] += 1
        for other in (video, firsts.setdefault(group, video)):
            if tally["videos"].setdefault(other, side) != side:
                both.setdefault(group, (other, video))
        yield side, record
    pairs = parted(both, videos, memory, args.workers)
    if both and is_published(args):  # a published split stays as it is: others have tested by it
        tally["notes"]["kept: source video in both splits, as published"] = [len(both), next(pairs)]
        both = {}
    for pair in pairs if both else ():
        print(f"in both splits: {pair}", flush=True)
    report(args, tally)
    refuse_sides(args, tally, len(both), len({groups.get(video, video) for video in tally["videos"]}))


def as_in(path, folder):
    """How a file in a folder names a path: from there where it lies below, else whole."""
    inside = os.path.relpath(path, folder)
    return os.path.abspath(path) if inside.startswith("..") else inside


def settings(args):
    """What decides the output beside the annotation files."""
    found = settings_of(args, leave_out=("check",))
    if args.dataset == "demo":
        return found
    # named as the lines name what lies in it, however the user did
    root = split_of(args).root
    found["videos"] = as_in(root, args.output)
    if args.annotations:  # folders of them too; files are known by their content
        folders = {path: as_in(path, args.output) for path in args.annotations if os.path.isdir(path)}
        found["annotations"] = [folders.get(path, path) for path in args.annotations]
    # there is no annotation file to tell a changed folder by
    if args.dataset == "folder" or not args.annotations:
        files = [(os.path.relpath(path, root), os.path.getsize(path)) for path in own.videos_of(root)]
        found["files"] = hashlib.sha256(repr(files).encode()).hexdigest()
    return found


def refuse_beside(args, made, apart, inputs):
    """Raise StageError where test.jsonl or dev.jsonl is an input, or was not `made` by this stage."""
    for side in apart:
        path = f"{args.output}/{side}.jsonl"
        of_input = any(os.path.exists(path) and os.path.samefile(path, other) for other in inputs)
        if of_input or os.path.exists(path) and not made.get(side):
            problem = "is an input" if of_input else "exists, and was not made by this stage"
            raise StageError(f"{path}: {problem}; it is not replaced: write elsewhere with -o", code=2)


def write(args, tally, output, apart):
    """Write each record to its side: train to `output`, the others to parts beside it. Returns (part, path)
    of those of `apart` that have records."""
    # a source of one's own is the user's key, as any other is
    left_out = ("split",) if args.dataset in (*OWN, CAPTIONS) else ("split", "source_video")
    beside = {side: (f"{args.output}/{side}.jsonl.part", f"{args.output}/{side}.jsonl") for side in apart}
    with (
        ExitStack() as files,
        remembering(os.path.join(args.output, "memory.sqlite")) as memory,
    ):
        parts = {side: files.enter_context(open(part, "wb")) for side, (part, _) in beside.items()}
        for side, record in shared_out(args, tally, memory):
            line = {k: v for k, v in record.items() if k not in left_out}
            line["video"] = as_in(record["video"], args.output)
            if side == "train":
                output.write(line)
            else:
                parts[side].write(line_of(line))
    # of captions that hold nothing out
    if not tally["sides"]["test"]:
        print(f"no {args.output}/test.jsonl: --test-share 0 holds nothing out")
        for path in beside.pop("test"):
            Path(path).unlink(missing_ok=True)
    return list(beside.values())


def prepare(args, tally):
    """Write the checked records of each side; train.jsonl comes last, and means that all is there."""
    target, apart = os.path.join(args.output, "train.jsonl"), ["test", "dev"] if args.dev_share else ["test"]
    made = read_json(f"{target}.meta.json")
    # its records are shared out anew: left there, they would stand in train.jsonl too
    left_over = ["dev"] if made.get("dev") and not args.dev_share else []
    inputs = [path for path in [*(args.annotations or []), args.durations] if path and os.path.isfile(path)]
    refuse_beside(args, made, [*apart, *left_over], inputs)
    with Output(
        target, settings(args), inputs, args.overwrite, resume=False, trust=args.trust_code
    ) as output:
        if output.complete:
            print(f"{target}: complete already; nothing to do")
            return
        beside = write(args, tally, output, apart)
        for side in left_over:
            Path(args.output, f"{side}.jsonl").unlink(missing_ok=True)
            print(f"no {args.output}/{side}.jsonl any more: without --dev-share nothing is set apart")
        notes = {reason: times for reason, (times, _) in tally["notes"].items()}
        output.finish(beside=beside, **tally["sides"], bad=tally["bad"], notes=notes)
    counts, videos = tally["sides"], Counter(tally["videos"].values())
    dev = f", {counts['dev']} on {videos['dev']} to choose the cycle by" if args.dev_share else ""
    what = several(counts["train"], "clip" if args.dataset == CAPTIONS else "question")
    print(
        f"{target}: {what} on {several(videos['train'], 'video')} to train, "
        f"{counts['test']} on {videos['test']} to test{dev}"
    )


def is_published(args):
    """Whether the annotations, or some of them, are a dataset's."""
    if args.dataset == CAPTIONS:
        return bool(captions.forms_of(args.annotations) - set(captions.OWN))
    return args.dataset not in OWN


def check(args, tally):
    """Validate and report; write nothing."""
    with remembering(":memory:") as memory:
        if args.dataset in OWN or args.videos:
            for _ in shared_out(args, tally, memory):
                pass
        else:  # which videos are one cannot be told without them
            total, *_ = survey(args)
            for _ in checked(args, total, tally, memory):
                pass
            report(args, tally)


def main():
    args, tally = parsed(__doc__), new_tally()
    if args.check:
        check(args, tally)
    else:
        prepare(args, tally)


if __name__ == "__main__":
    run(main)
