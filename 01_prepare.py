"""Stage 01, data: labelled videos of any kind become questions whose answers must contain the labels.

    python 01_prepare.py --dataset demo -o runs/demo/data
    python 01_prepare.py --dataset folder --videos clips/ -o data                    # clips/diving/0412.mp4: class "diving"; clips/wave.mp4: "wave"
    python 01_prepare.py --dataset csv --annotations labels.csv --videos clips/ -o data        # columns video,label (and id,question,start,end,split)
    python 01_prepare.py --dataset jsonl --annotations mine.jsonl --videos clips/ -o data      # records as in the README
    python 01_prepare.py --dataset jsonl --annotations mine.jsonl --videos clips/ --check      # validate only, write nothing
    python 01_prepare.py --dataset charades-sta --annotations charades_sta_train.txt charades_sta_test.txt --videos Charades/ -o data    # official files
    python 01_prepare.py --dataset nextqa --annotations val.csv --check                        # official annotations alone: no video is opened

Every video is opened and one frame decoded; what was found is remembered in memory.sqlite beside the output. Bad records are listed, each with
where it stands, what was found and what to do; they are left out, and more of them than --max-failures allows end the stage with exit code 1.
What an official file is known to get wrong (intervals past the end, videos that are gone) is mended or dropped and counted by reason. Records are
read one by one, so memory stays small. The split puts no video on both sides.
"""
import csv
import hashlib
import json
import os
import sqlite3
from collections import Counter
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np

from lib import datasets
from lib.questions import rewritten
from lib.records import StageError, line_of, read_jsonl, record_problem
from lib.stage import Output, check_flags, parser_of, progress, resolved, run, write_atomically
from lib.video import VideoError, prefetch, probe

CHUNK = 2048  # records in memory at once
NO_VIDEO = "dropped: video not found"
CLASS_QUESTION = "What is happening in the video?"


def from_folder(args):
    """Yields (where, record): a class per sub-folder, or for videos that lie directly in --videos one label per file name.

    In a file name the label is what follows the last "__" ("asl__thanks.mkv": thanks), without a trailing number ("wave_03.mp4": wave).
    """
    root = Path(args.videos)
    files = sorted(p for p in root.rglob("*") if p.is_file() and not p.name.startswith("."))
    videos = [p for p in files if p.suffix.lower() in datasets.VIDEO_ENDINGS]
    if not videos:
        raise StageError(f"{root}: no video among {len(files)} files; expected endings {' '.join(sorted(datasets.VIDEO_ENDINGS))}")
    for path in videos:
        inside = path.relative_to(root)
        label = inside.parts[0] if len(inside.parts) > 1 else path.stem.split("__")[-1].rstrip("0123456789").rstrip("_- ") or path.stem
        yield str(path), {"id": str(inside.with_suffix("")), "video": str(path), "question": args.question or CLASS_QUESTION,
                          "labels": [{"name": "class", "kind": "class", "value": label.replace("_", " ").strip()}]}


def from_csv(args):
    """Yields (where, record or problem) of a CSV with columns video and label; optional id, question, start, end, split, kind (default class)."""
    path = args.annotations[0]
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not reader.fieldnames or not {"video", "label"} <= set(reader.fieldnames):
            raise StageError(f"{path}:1: columns {reader.fieldnames}, expected at least video,label")
        for row in reader:
            where, kind = f"{path}:{reader.line_num}", (row.get("kind") or "class").strip()
            text = (row["label"] or "").strip()
            try:
                value = text if kind in ("class", "text", "choice") else json.loads(text.lower() if kind == "boolean" else text)
            except json.JSONDecodeError:
                yield where, f"label {text!r} of kind {kind}: expected JSON, e.g. 3.5, [1, 4.2], true or [\"first\", \"then\"]"
                continue
            record = {"id": (row.get("id") or "").strip() or f"{Path(row['video'] or '').with_suffix('')}#{reader.line_num}", "video": (row["video"] or "").strip(),
                      "question": (row.get("question") or "").strip() or args.question or (CLASS_QUESTION if kind == "class" else ""), "labels": [{"name": kind, "kind": kind, "value": value}]}
            try:
                record.update({key: float(row[key]) for key in ("start", "end") if (row.get(key) or "").strip()})
            except ValueError:
                yield where, f"start {row.get('start')!r}, end {row.get('end')!r}: expected seconds"
                continue
            yield where, {**record, **({"split": row["split"].strip()} if (row.get("split") or "").strip() else {})}


def from_jsonl(args):
    """Yields (where, record) of a JSONL file of records; `split` ("train" or "test") is optional."""
    for number, record in read_jsonl(args.annotations[0]):
        yield f"{args.annotations[0]}:{number}", record


def from_demo(args):
    """Render the demo's target world into --output/videos; yields (where, record). What is true of each clip goes to facts.jsonl, apart."""
    from lib import demo_world as world
    folder, facts_of = Path(args.output) / "videos", []
    folder.mkdir(parents=True, exist_ok=True)
    splits = ["train"] * args.clips + ["test"] * (args.clips // 2)
    for number, split in enumerate(progress(splits, len(splits), "render")):
        rng = np.random.default_rng([args.seed, 2, number])
        facts, name = world.clip_facts(rng, "target"), f"{split}{number:05d}"
        world.write_clip(folder / f"{name}.tmp.mp4", facts, world.look(rng, "target"), rng)
        os.replace(folder / f"{name}.tmp.mp4", folder / f"{name}.mp4")
        for question, text, labels, reasoning in world.questions(facts):
            record = {"id": f"{name}#{question}", "video": str(folder / f"{name}.mp4"), "question": text, "labels": labels, "split": split}
            facts_of.append({"id": record["id"], "facts": facts, "reasoning": reasoning})
            yield str(folder / f"{name}.mp4"), record
    write_atomically(Path(args.output) / "facts.jsonl", b"".join(map(line_of, facts_of)).decode())


OWN = {"demo": from_demo, "folder": from_folder, "csv": from_csv, "jsonl": from_jsonl}  # of these every bad record is an error; official files are as they are


def annotated(args):
    """Yields (where, record with its video's path, note) of every annotation; where record is None the note says why there is none."""
    if args.dataset in OWN:
        root = "" if args.dataset in ("demo", "folder") else args.videos or os.path.dirname(args.annotations[0])
        for where, record in OWN[args.dataset](args):
            problem = record if isinstance(record, str) else record_problem(record)
            yield (where, None, problem) if problem else (where, {**record, "video": os.path.abspath(os.path.join(root, record["video"]))}, None)
        return
    index = datasets.index_videos(args.videos) if args.videos else None
    for path in args.annotations:
        for where, record, note in datasets.READERS[args.dataset](path, args.seed, args.durations):
            if record is None or index is None:
                yield where, record, note
            elif found := datasets.find_video(index, record["video"]):
                cut = {key: value for key, value in zip(("start", "end"), found[1:]) if value is not None}
                yield where, {**{k: v for k, v in record.items() if k not in ("start", "end")}, "video": os.path.abspath(found[0]), **cut}, note
            else:
                yield where, None, NO_VIDEO


def opened(paths, memory, workers):
    """{path: what lib.video.probe finds, or why the video cannot be used}; `memory` (SQLite) remembers it by path, size and time of change."""
    stamps = {path: f"{stat.st_size} {stat.st_mtime_ns}" for path in paths if os.path.exists(path) and (stat := os.stat(path))}
    rows = {path: memory.execute("SELECT found FROM probes WHERE video = ? AND stamp = ?", (path, stamps.get(path))).fetchone() for path in paths}
    found = {path: json.loads(row[0]) for path, row in rows.items() if row}

    def look(path):
        try:
            return probe(path)
        except VideoError as error:
            return str(error)
    unknown = [path for path in paths if path not in found]
    fresh = dict(zip(unknown, prefetch(look, unknown, workers, ahead=4 * workers)))
    memory.executemany("INSERT OR REPLACE INTO probes VALUES (?, ?, ?)", [(path, stamps[path], json.dumps(fresh[path])) for path in unknown if path in stamps])
    memory.commit()
    return found | fresh


def fitted(record, video):
    """(record with `duration`, note, problem): clip and labels against what the video really is. Boxes in pixels become fractions."""
    start, end = record.get("start") or 0.0, min(record["end"] if record.get("end") is not None else video["duration"], video["duration"])
    if start >= video["duration"]:
        return None, None, f"{record['video']}: the clip starts at {start} s, the video ends at {video['duration']} s; mend start and end"
    labels, note = [], None
    for label in record["labels"]:
        value = label["value"]
        if label["kind"] in ("interval", "time") and label.get("unit") != "fraction":
            if (value[0] if label["kind"] == "interval" else value) > end - start:
                return None, None, f"{record['video']}: label {label['name']!r} {value} lies after the clip's end ({end - start:g} s); times count from the clip's start"
            if label["kind"] == "interval" and value[1] > end - start > value[0]:
                label, note = {**label, "value": [value[0], round(end - start, 3)]}, "clamped: interval ends after the video"
        if label.get("unit") == "pixels":
            corners = [v / s for v, s in zip(value, (video["width"], video["height"]) * 2)]
            inside = [min(max(v, 0.0), 1.0) for v in corners]
            label, note = {**{k: v for k, v in label.items() if k != "unit"}, "value": inside}, note if inside == corners else "clamped: box beyond the frame"
        labels.append(label)
    record = {**record, "labels": labels, "duration": round(end - start, 3)}
    return record, note, record_problem(record)


def checked(args, total, tally, memory):
    """Yields every good record. The others are printed as "bad: place: reason", those of an official file counted by reason; all in `tally`."""
    def note(where, reason):
        tally["notes"].setdefault(reason, [0, where])[0] += 1

    def bad(where, problem):
        tally["bad"] += 1
        print(f"bad: {problem}" if problem.startswith(where) else f"bad: {where}: {problem}", flush=True)
    memory.execute("CREATE TABLE IF NOT EXISTS probes (video TEXT PRIMARY KEY, stamp TEXT, found TEXT)")
    looking, ids = args.dataset in OWN or args.videos, set()
    rows = progress(annotated(args), total, "check records")
    while chunk := list(islice(rows, CHUNK)):
        usable = []
        for where, record, reason in chunk:
            if record is None:
                (bad if args.dataset in OWN else note)(where, reason)
            elif record["id"] in ids:
                bad(where, f"duplicate id {record['id']!r}, first at {next(at for at, other, _ in annotated(args) if other and other['id'] == record['id'])}; ids must be unique")
            elif record.get("split") not in (None, "train", "test"):
                bad(where, f"split {record['split']!r}, expected train or test")
            else:
                ids.add(record["id"])
                usable.append((where, record, reason))
        videos = opened(sorted({record["video"] for _, record, _ in usable}), memory, args.workers) if looking else {}
        for where, record, reason in usable:
            video, mended, problem = videos.get(record["video"]) if looking else None, None, None
            if isinstance(video, str):
                problem = video
            elif looking:
                record, mended, problem = fitted(record, video)
            elif not any(label.get("unit") == "pixels" for label in record["labels"]):
                problem = record_problem({**record, "video": "not opened"})
            if problem:
                bad(where, problem)
                continue
            for said in filter(None, (reason, mended)):
                note(where, said)
            tally["good"] += 1
            tally["kinds"].update(label["kind"] for label in record["labels"])
            yield record
            if tally["good"] == args.limit:
                return


def survey(args):
    """A first pass over the annotations alone: (how many, whether their split is to be used). Missing videos are the first thing printed."""
    if args.dataset == "demo":
        return 0, True
    total, missing, example, splits = 0, 0, "", set()
    for where, record, reason in annotated(args):
        total += 1
        if reason == NO_VIDEO:
            missing, example = missing + 1, example or where
        if record:
            splits.add(record.get("split"))
    if args.dataset not in OWN:
        print(f"{missing} of {total} annotations have no video in {args.videos}" + (f", the first at {example}" if missing else "") if args.videos else f"{total} annotations; without --videos no video is looked for", flush=True)
    if len(splits) == 1 and splits != {None}:
        print(f"every record is of the split {splits.pop()!r}: --test-share {args.test_share:g} of the videos is held out instead", flush=True)
        return total, False
    return total, True


def split_of(record, args, own_split):
    """train, test or dev: as the record says, else by a hash of its video, so that all questions on a video fall on one side; dev is taken from train."""
    root = args.videos or os.path.dirname((args.annotations or [os.path.join(args.output, "")])[0])  # wherever the dataset lies, its split is the same
    draws = np.frombuffer(hashlib.sha256(f"{args.seed} {os.path.relpath(record['video'], root or '.')}".encode()).digest()[:16], ">u8") / 2**64
    side = record["split"] if record.get("split") and own_split else "test" if draws[0] < args.test_share else "train"
    return "dev" if side == "train" and draws[1] < args.dev_share else side


def report(args, tally):
    """Print what there is by label kind and what was dropped or mended by reason; raise StageError beyond --max-failures."""
    for reason, (count, where) in sorted(tally["notes"].items()):
        print(f"{reason}: {count}, the first at {where}")
    if tally["questions"]:
        print("questions: " + ", ".join(f"{n} {what}" for what, n in tally["questions"].most_common()))
    print(f"{tally['good']} good records, {tally['bad']} bad; labels: " + ", ".join(f"{n} {kind}" for kind, n in tally["kinds"].most_common()))
    total = tally["good"] + tally["bad"]
    if not tally["good"]:
        raise StageError("no record is usable: see the lines above")
    if tally["bad"] > (args.max_failures * total if args.max_failures < 1 else args.max_failures):
        raise StageError(f"{tally['bad']} of {total} records are bad, more than --max-failures {args.max_failures:g} allows: mend them, or raise it to leave them out")


def main():
    parser = parser_of(__doc__, "check")
    parser.add_argument("--dataset", choices=[*OWN, *datasets.READERS], required=True, help="where labels come from: the demo, data of your own, or a dataset's official files")
    parser.add_argument("--videos", metavar="DIR", help="folder of the videos (csv, jsonl: default the annotations' folder)")
    parser.add_argument("--annotations", metavar="PATH", nargs="+", help="the labels: one file for csv and jsonl, the official files or folders for a dataset")
    parser.add_argument("--durations", metavar="FILE", help="charades-sta: JSON with the videos' durations")
    parser.add_argument("--question", help=f"question to ask where the data has none (class labels: {CLASS_QUESTION!r})")
    parser.add_argument("--questions-from", metavar="MODEL", help="have a model write the questions from task and label, as the paper does: folder, hub id, or http://host:port/v1#name")
    parser.add_argument("--test-share", type=float, default=0.2, help="share of videos held out where the data has no split (default: %(default)s)")
    parser.add_argument("--dev-share", type=float, default=0.0, help="share of the training videos set apart in dev.jsonl, for choosing when to stop (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=900, help="demo: training clips to render, and half as many test clips (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="threads that open videos (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="validate and report; write nothing")
    args = parser.parse_args()
    check_flags(parser, args)
    if args.dataset not in ("demo", "folder") and not args.annotations:
        parser.error(f"--dataset {args.dataset} needs --annotations")
    if args.dataset in ("csv", "jsonl") and len(args.annotations) > 1:
        parser.error(f"--dataset {args.dataset} takes one annotations file, got {len(args.annotations)}")
    if args.dataset == "folder" and not args.videos or not args.check and args.dataset in datasets.READERS and not args.videos:
        parser.error(f"--dataset {args.dataset} needs --videos DIR")
    if not args.check and not args.output or args.check and args.dataset == "demo":
        parser.error("expected -o FOLDER (or --check, for data of your own)")
    for flag, share in (("--test-share", args.test_share), ("--dev-share", args.dev_share)):
        if not 0 <= share < 1:
            parser.error(f"{flag} {share}: expected at least 0 and below 1")

    memory = sqlite3.connect(":memory:")
    tally = {"questions": Counter(), "good": 0, "bad": 0, "kinds": Counter(), "notes": {}}
    if args.check:
        total, _ = survey(args)
        for _ in checked(args, total, tally, memory):
            pass
        report(args, tally)
        return
    target, apart = os.path.join(args.output, "train.jsonl"), ["test", "dev"][: 2 if args.dev_share else 1]
    settings = resolved(args, leave_out=("check",))
    if args.dataset == "folder":  # there is no annotation file to tell a changed dataset by
        settings["files"] = hashlib.sha256(repr(sorted((str(p), p.stat().st_size) for p in Path(args.videos).rglob("*"))).encode()).hexdigest()
    with Output(target, settings, [path for path in args.annotations or [] if os.path.isfile(path)], args.overwrite, resume=False) as output:
        if output.complete:
            print(f"{target}: complete already; nothing to do")
            return
        memory = sqlite3.connect(os.path.join(args.output, "memory.sqlite"))
        total, own_split = survey(args)
        here, counts, sides, both = os.path.abspath(args.output), Counter(), {}, []
        with ExitStack() as files:
            parts = {side: files.enter_context(open(os.path.join(args.output, f"{side}.jsonl.part"), "wb")) for side in apart}
            records = checked(args, total, tally, memory)
            for record in rewritten(records, args.questions_from, memory, tally) if args.questions_from else records:
                side, inside = split_of(record, args, own_split), os.path.relpath(record["video"], here)
                counts[side] += 1
                if sides.setdefault(record["video"], side) != side:
                    both.append(record["video"])
                line = {**{k: v for k, v in record.items() if k != "split"}, "video": record["video"] if inside.startswith("..") else inside}
                output.write(line) if side == "train" else parts[side].write(line_of(line))
        report(args, tally)
        if both:
            raise StageError(f"{min(both)} and {len(set(both)) - 1} more videos have records in both splits; a video must stand on one side: mend the split column")
        for side in ("train", *apart):
            if not counts[side]:
                raise StageError(f"no {'training' if side == 'train' else side} records among {tally['good']}; use more videos, another --test-share, or another --seed")
        for side in apart:  # first: train.jsonl means all is there
            os.replace(os.path.join(args.output, f"{side}.jsonl.part"), os.path.join(args.output, f"{side}.jsonl"))
        output.finish(**counts, bad=tally["bad"], notes={reason: count for reason, (count, _) in tally["notes"].items()})
    videos = Counter(sides.values())
    print(f"{target}: {counts['train']} questions on {videos['train']} videos to train, {counts['test']} on {videos['test']} to test" + (f", {counts['dev']} on {videos['dev']} to choose the cycle by" if apart[1:] else ""))


if __name__ == "__main__":
    run(main)
