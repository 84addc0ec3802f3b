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
csv: columns video,label (and id,question,start,end,split,source_video). jsonl: records as in the README.
captions: in place of labels, any file of lib/captions; without one, videos that nobody described. The other
datasets are read from their official files. --check validates and writes nothing; official annotations
can be checked alone, without any video.

Every video is opened and one frame decoded; what was found is remembered in memory.sqlite beside the output.
Bad records are listed, each with where it stands, what was found and what to do; they are left out, and more
of them than --max-failures allows end the stage with exit code 1. What an official file is known to get wrong
(intervals past the end, videos that are gone) is mended or dropped and counted by reason. Records are read
one by one, so memory stays small. The split puts no video on both sides: no file under two names, no copy, no
clips of one source, which official files name and data of your own may (column or key `source_video`).
"""

import hashlib
import os
import sqlite3
from collections import Counter
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np

from lib.command import settings_of
from lib.datasets import READERS, captions, own
from lib.datasets.questions import rewritten
from lib.datasets.split import Split, grouped, parted, side_of, splits_of
from lib.datasets.usage import CAPTIONS, OWN, parsed
from lib.datasets.videos import NO_VIDEO, fitted, located, probed
from lib.files import read_json, write_atomically
from lib.output import Output
from lib.process import progress, run
from lib.records import StageError, content_problem, line_of, record_problem

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
        problem = problem or content_problem(record, foreign=True)
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
        print(f"{missing} of {total} annotations have no video in {args.videos}{first}", flush=True)
    elif args.dataset not in OWN:
        print(f"{total} annotations; without --videos no video is looked for", flush=True)
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
        chunk = list(usable(args, chunk, first, tally))
        videos = {}
        if opens:
            paths = sorted({record["video"] for _, record, _ in chunk})
            videos = probed(paths, memory, args.workers)
        for where, record, note in chunk:
            record, mended, problem = fitted(record, videos[record["video"]] if opens else None)
            if problem:
                bad(tally, where, problem)
                continue
            for reason in filter(None, (note, mended)):
                count(tally, where, reason)
            tally["good"] += 1
            tally["kinds"].update(label["kind"] for label in record["labels"])
            if args.dataset == CAPTIONS:
                tally["captions"].update(captions=len(record["captions"]), bare=int(not record["captions"]))
            if any(map(in_other_letters, record["labels"])):
                count(tally, where, OTHER_LETTERS)
            yield record
            if tally["good"] == args.limit:
                return


def usable(args, chunk, first, tally):
    """Yields those of a chunk that are records with an id not in `first` yet, {hash of an id: where it first
    stands}, and with a path that can be written down. Captions come with one record an id."""
    for where, record, note in chunk:
        if record is None and note.startswith(captions.COUNTED) and args.dataset not in OWN:
            count(tally, where, note)
        elif record is None:
            bad(tally, where, note)
        elif (key := hash(record["id"])) in first:
            bad(tally, where, f"duplicate id {record['id']!r}, first at {first[key]}; ids must be unique")
        elif content_problem({"video": record["video"]}):
            bad(tally, where, f"the path {record['video']!r} is not UTF-8; rename the file or its folder")
        else:
            if args.dataset != CAPTIONS:
                first[key] = where
            yield where, record, note


OTHER_LETTERS = "labels in words beyond a to z (matched by their characters and by embedding alone)"


def in_other_letters(label):
    """Whether the words of a label are hardly English, of which alone the verifier knows inflections."""
    values = label["value"] if isinstance(label["value"], list) else [label["value"]]
    letters = (letter for value in values for letter in str(value) if letter.isalpha())
    return label["kind"] in ("class", "text", "sequence") and not all(map(str.isascii, letters))


def count(tally, where, reason):
    """Count a record that an official file's known defects cost or changed."""
    tally["notes"].setdefault(reason, [0, where])[0] += 1


def bad(tally, where, problem):
    """Print and count a bad record."""
    tally["bad"] += 1
    print(f"bad: {problem}" if problem.startswith(where) else f"bad: {where}: {problem}", flush=True)


def report(args, tally):
    """Print what there is by label kind and what was dropped or mended by reason; raise StageError beyond
    --max-failures."""
    for reason, (times, where) in sorted(tally["notes"].items()):
        print(f"{reason}: {times}, the first at {where}")
    if tally["questions"]:
        print("questions: " + ", ".join(f"{n} {what}" for what, n in tally["questions"].most_common()))
    kinds = "labels: " + ", ".join(f"{n} {kind}" for kind, n in tally["kinds"].most_common())
    if args.dataset == CAPTIONS:
        kinds = f"{tally['captions']['captions']} captions, {tally['captions']['bare']} clips without one"
    print(f"{tally['good']} good records, {tally['bad']} bad; {kinds}")
    total = tally["good"] + tally["bad"]
    if not tally["good"]:
        raise StageError("no record is usable: see the lines above")
    if tally["bad"] > (args.max_failures * total if args.max_failures < 1 else args.max_failures):
        raise StageError(
            f"{tally['bad']} of {total} records are bad, more than --max-failures {args.max_failures:g} "
            "allows: mend them, or raise it to leave them out"
        )


# ---------------------------------------------------------------- split and write


def split_of(args):
    """The Split that the flags ask for. The folder that videos are named from is the dataset's: wherever that
    lies, its split is the same.
    """
    root = args.videos or os.path.dirname((args.annotations or [os.path.join(args.output, "")])[0]) or "."
    return Split(root, args.seed, args.test_share, args.dev_share)


def write(args, records, groups, splits, output, apart):
    """Write each record to its side: train to `output`, the others to parts beside it. Returns (number of
    records by side, {video: side}, {group: two of its videos} of groups that stand on two sides)."""
    here, counts, sides, firsts, both = os.path.abspath(args.output), Counter(), {}, {}, {}
    split = split_of(args)
    # a source of one's own is the user's key, as any other is
    left_out = ("split",) if args.dataset in (*OWN, CAPTIONS) else ("split", "source_video")
    with ExitStack() as files:
        parts = {side: files.enter_context(open(f"{args.output}/{side}.jsonl.part", "wb")) for side in apart}
        for record in records:
            video = record["video"]
            group, inside = groups.get(video, video), os.path.relpath(video, here)
            side = side_of(record, split, group, splits)
            counts[side] += 1
            for other in (video, firsts.setdefault(group, video)):
                if sides.setdefault(other, side) != side:
                    both.setdefault(group, (other, video))
            line = {k: v for k, v in record.items() if k not in left_out}
            line["video"] = video if inside.startswith("..") else inside
            if side == "train":
                output.write(line)
            else:
                parts[side].write(line_of(line))
    return counts, sides, both


def settings(args):
    """What decides the output beside the annotation files."""
    found = settings_of(args, leave_out=("check",))
    # there is no annotation file to tell a changed folder by
    if args.dataset == "folder" or not args.annotations and args.dataset == CAPTIONS:
        files = [(path, os.path.getsize(path)) for path in own.videos_of(args.videos)]
        found["files"] = hashlib.sha256(repr(files).encode()).hexdigest()
    return found


def refuse_beside(args, target, apart, inputs):
    """Raise StageError where test.jsonl or dev.jsonl is an input, or was not made by this stage."""
    made = read_json(f"{target}.meta.json")
    for side in apart:
        path = f"{args.output}/{side}.jsonl"
        of_input = any(os.path.exists(path) and os.path.samefile(path, other) for other in inputs)
        if of_input or os.path.exists(path) and not made.get(side):
            problem = "is an input" if of_input else "exists, and was not made by this stage"
            raise StageError(f"{path}: {problem}; it is not replaced: write elsewhere with -o", code=2)


def filled(args, counts, tally, sources, apart):
    """Those of `apart` that have records. Raises StageError where a side that was asked for has none;
    captions need no test side.
    """
    needed = ["train", *apart]
    if args.dataset == CAPTIONS and not args.test_share and not counts["test"]:
        needed.remove("test")
        print(f"no {args.output}/test.jsonl: --test-share 0 holds nothing out")
        for path in (f"{args.output}/test.jsonl.part", f"{args.output}/test.jsonl"):
            Path(path).unlink(missing_ok=True)
    for side in needed:
        if not counts[side]:
            raise StageError(
                f"no {'training' if side == 'train' else side} records among {tally['good']}, "
                f"of {sources} source videos; use more videos, another --test-share"
                f"{' (0: no test.jsonl)' * (args.dataset == CAPTIONS)}, or another --seed"
            )
    return needed[1:]


def prepare(args, tally):
    """Write the checked records of each side; train.jsonl comes last, and means that all is there."""
    target, apart = os.path.join(args.output, "train.jsonl"), ["test", "dev"] if args.dev_share else ["test"]
    inputs = [path for path in args.annotations or [] if os.path.isfile(path)]
    refuse_beside(args, target, apart, inputs)
    with Output(
        target, settings(args), inputs, args.overwrite, resume=False, trust=args.trust_code
    ) as output:
        if output.complete:
            print(f"{target}: complete already; nothing to do")
            return
        memory = sqlite3.connect(os.path.join(args.output, "memory.sqlite"))
        total, own_split, videos = survey(args)
        groups = grouped(videos, split_of(args).root, memory, args.workers)
        splits = splits_of(videos, groups) if own_split else None
        videos = {entry for entry in videos if entry[0] in groups}  # so that memory stays small
        records = checked(args, total, tally, memory)
        if args.questions_from:
            records = rewritten(records, args.questions_from, memory, tally)
        counts, sides, both = write(args, records, groups, splits, output, apart)
        pair = parted(both, videos, memory, args.workers)
        published = is_published(args)
        if pair and published:  # a published split stays as it is: others have tested by it
            tally["notes"]["kept: source video in both splits, as published"] = [len(both), pair]
        report(args, tally)
        if pair and not published:
            raise StageError(
                f"{pair}, and {len(both) - 1} more source videos, have records in both splits; "
                "a video must stand on one side: mend the split column"
            )
        sources = len({groups.get(video, video) for video in sides})
        apart = filled(args, counts, tally, sources, apart)
        beside = [(f"{args.output}/{side}.jsonl.part", f"{args.output}/{side}.jsonl") for side in apart]
        notes = {reason: times for reason, (times, _) in tally["notes"].items()}
        output.finish(beside=beside, **counts, bad=tally["bad"], notes=notes)
    videos = Counter(sides.values())
    dev = f", {counts['dev']} on {videos['dev']} to choose the cycle by" if args.dev_share else ""
    what = "clips" if args.dataset == CAPTIONS else "questions"
    print(
        f"{target}: {counts['train']} {what} on {videos['train']} videos to train, "
        f"{counts['test']} on {videos['test']} to test{dev}"
    )


def is_published(args):
    """Whether the annotations, or some of them, are a dataset's."""
    if args.dataset == CAPTIONS:
        return bool(captions.forms_of(args.annotations) - set(captions.OWN))
    return args.dataset not in OWN


def check(args, tally):
    """Validate and report; write nothing."""
    total, *_ = survey(args)
    for _ in checked(args, total, tally, sqlite3.connect(":memory:")):
        pass
    report(args, tally)


def main():
    args = parsed(__doc__)
    tally = {
        "questions": Counter(),
        "good": 0,
        "bad": 0,
        "kinds": Counter(),
        "captions": Counter(),
        "notes": {},
    }
    if args.check:
        check(args, tally)
    else:
        prepare(args, tally)


if __name__ == "__main__":
    run(main)
