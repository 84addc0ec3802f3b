"""Stage 01, data: labelled videos of any kind become questions whose answers must contain the labels.

    python 01_prepare.py --dataset demo -o runs/demo/data
    python 01_prepare.py --dataset folder --videos clips/ -o data                    # clips/diving/0412.mp4: class "diving"; clips/wave.mp4: "wave"
    python 01_prepare.py --dataset csv --annotations labels.csv --videos clips/ -o data        # columns video,label (and id,question,start,end,split)
    python 01_prepare.py --dataset jsonl --annotations mine.jsonl --videos clips/ -o data      # records as in the README
    python 01_prepare.py --dataset jsonl --annotations mine.jsonl --videos clips/ --check      # validate only, write nothing

Every video is opened and one frame decoded. Bad records are listed, each with where it stands, what was found and what to do; they are left
out, and more of them than --max-failures allows end the stage with exit code 1. The split puts no video on both sides.
"""
import csv
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

from lib.records import StageError, line_of, read_jsonl, record_problem
from lib.stage import Output, check_flags, parser_of, progress, resolved, run, write_atomically
from lib.video import VideoError, prefetch, probe

VIDEO_ENDINGS = {".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".gif"}
CLASS_QUESTION = "What is happening in the video?"


def from_folder(args):
    """Yields (where, record): a class per sub-folder, or for videos that lie directly in --videos one label per file name.

    In a file name the label is what follows the last "__" ("asl__thanks.mkv": thanks), without a trailing number ("wave_03.mp4": wave).
    """
    root = Path(args.videos)
    files = sorted(p for p in root.rglob("*") if p.is_file() and not p.name.startswith("."))
    videos = [p for p in files if p.suffix.lower() in VIDEO_ENDINGS]
    if not videos:
        raise StageError(f"{root}: no video among {len(files)} files; expected endings {' '.join(sorted(VIDEO_ENDINGS))}")
    for path in videos:
        inside = path.relative_to(root)
        label = inside.parts[0] if len(inside.parts) > 1 else path.stem.split("__")[-1].rstrip("0123456789").rstrip("_- ") or path.stem
        yield str(path), {"id": str(inside.with_suffix("")), "video": str(path), "question": args.question or CLASS_QUESTION,
                          "labels": [{"name": "class", "kind": "class", "value": label.replace("_", " ").strip()}]}


def from_csv(args):
    """Yields (where, record or problem) of a CSV with columns video and label; optional id, question, start, end, split, kind (default class)."""
    with open(args.annotations, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not reader.fieldnames or not {"video", "label"} <= set(reader.fieldnames):
            raise StageError(f"{args.annotations}:1: columns {reader.fieldnames}, expected at least video,label")
        for row in reader:
            where, kind = f"{args.annotations}:{reader.line_num}", (row.get("kind") or "class").strip()
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
    for number, record in read_jsonl(args.annotations):
        yield f"{args.annotations}:{number}", record


def from_demo(args):
    """Render the demo's target world into --output/videos; yields (where, record). What is true of each clip goes to facts.jsonl, apart."""
    import numpy as np
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


READERS = {"demo": from_demo, "folder": from_folder, "csv": from_csv, "jsonl": from_jsonl}


def checked(args):
    """(good records with `duration`, problems): every record against the contract, every video opened once and one frame decoded."""
    rows, problems, seen = [], [], {}
    for where, record in READERS[args.dataset](args):
        problem = record if isinstance(record, str) else record_problem(record)
        if problem is None and record["id"] in seen:
            problem = f"duplicate id {record['id']!r}, first at {seen[record['id']]}; ids must be unique"
        if problem is None and record.get("split") not in (None, "train", "test"):
            problem = f"split {record['split']!r}, expected train or test"
        if problem:
            problems.append((where, problem))
            continue
        seen[record["id"]] = where
        root = args.videos or (os.path.dirname(args.annotations) if args.annotations else "")
        path = record["video"] if args.dataset in ("demo", "folder") else os.path.join(root, record["video"])
        rows.append((where, {**record, "video": os.path.abspath(path)}))
        if args.limit and len(rows) >= args.limit:
            break

    def opened(path):
        try:
            return probe(path)
        except VideoError as error:
            return str(error)
    paths = sorted({record["video"] for _, record in rows})
    probes = dict(zip(paths, progress(prefetch(opened, paths, args.workers, ahead=4 * args.workers), len(paths), "open videos")))
    good = []
    for where, record in rows:
        found = probes[record["video"]]
        if isinstance(found, str):
            problems.append((where, found))
            continue
        start, end = record.get("start") or 0.0, min(record["end"], found["duration"]) if record.get("end") is not None else found["duration"]
        late = [label for label in record["labels"] if label["kind"] in ("interval", "time") and label.get("unit") != "fraction"
                and (label["value"][0] if label["kind"] == "interval" else label["value"]) > end - start]
        if start >= found["duration"]:
            problems.append((where, f"{record['video']}: the clip starts at {start} s, the video ends at {found['duration']} s; mend start and end"))
        elif late:
            problems.append((where, f"{record['video']}: label {late[0]['name']!r} {late[0]['value']} lies after the clip's end ({end - start:g} s); times count from the clip's start"))
        else:
            good.append({**record, "duration": round(end - start, 3)})
    return good, problems


def split_of(record, args):
    """train or test: as the record says, else by a hash of its video, so that all questions on a video fall on one side."""
    if record.get("split"):
        return record["split"]
    draw = int.from_bytes(hashlib.sha256(f"{args.seed} {record['video']}".encode()).digest()[:8], "big") / 2**64
    return "test" if draw < args.test_share else "train"


def main():
    parser = parser_of(__doc__, "check")
    parser.add_argument("--dataset", choices=READERS, required=True, help="where labels come from")
    parser.add_argument("--videos", metavar="DIR", help="folder of the videos (csv, jsonl: default the annotations' folder)")
    parser.add_argument("--annotations", metavar="FILE", help="the labels, for csv and jsonl")
    parser.add_argument("--question", help=f"question to ask where the data has none (class labels: {CLASS_QUESTION!r})")
    parser.add_argument("--test-share", type=float, default=0.2, help="share of videos held out where the data has no split (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=900, help="demo: training clips to render, and half as many test clips (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="threads that open videos (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="validate and report; write nothing")
    args = parser.parse_args()
    check_flags(parser, args)
    if args.dataset in ("csv", "jsonl") and not args.annotations:
        parser.error(f"--dataset {args.dataset} needs --annotations FILE")
    if args.dataset == "folder" and not args.videos:
        parser.error("--dataset folder needs --videos DIR")
    if not args.check and not args.output or args.check and args.dataset == "demo":
        parser.error("expected -o FOLDER (or --check, for data of your own)")
    if not 0 <= args.test_share < 1:
        parser.error(f"--test-share {args.test_share}: expected at least 0 and below 1")

    if args.check:
        report(*checked(args), args)
        return
    target = os.path.join(args.output, "train.jsonl")
    settings = resolved(args, leave_out=("check",))
    if args.dataset == "folder":  # there is no annotation file to tell a changed dataset by
        settings["files"] = hashlib.sha256(repr(sorted((str(p), p.stat().st_size) for p in Path(args.videos).rglob("*"))).encode()).hexdigest()
    with Output(target, settings, [args.annotations] * bool(args.annotations), args.overwrite, resume=False) as output:
        if output.complete:
            print(f"{target}: complete already; nothing to do")
            return
        good, problems = checked(args)
        report(good, problems, args)
        here, sides = os.path.abspath(args.output), {"train": [], "test": []}
        for record in good:
            side = split_of(record, args)
            inside = os.path.relpath(record["video"], here)
            sides[side].append({**{k: v for k, v in record.items() if k != "split"}, "video": record["video"] if inside.startswith("..") else inside})
        videos = {side: {record["video"] for record in records} for side, records in sides.items()}
        both = videos["train"] & videos["test"]
        if both:
            raise StageError(f"{min(both)} and {len(both) - 1} more videos have records in both splits; a video must stand on one side: mend the split column")
        for side, name in (("train", "training"), ("test", "test")):
            if not sides[side]:
                raise StageError(f"no {name} records among {len(good)}; use more videos, another --test-share, or another --seed")
        write_atomically(os.path.join(args.output, "test.jsonl"), b"".join(map(line_of, sides["test"])).decode())  # first: train.jsonl means all is there
        output.write(*sides["train"])
        output.finish(train=len(sides["train"]), test=len(sides["test"]), bad=len(problems))
    print(f"{target}: {len(sides['train'])} questions on {len(videos['train'])} videos to train, {len(sides['test'])} on {len(videos['test'])} to test")


def report(good, problems, args):
    """Print every bad record and what there is by label kind; raise StageError beyond --max-failures."""
    for where, problem in problems:
        print(f"bad: {problem}" if problem.startswith(where) else f"bad: {where}: {problem}", flush=True)
    kinds = Counter(label["kind"] for record in good for label in record["labels"])
    print(f"{len(good)} good records, {len(problems)} bad; labels: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()))
    total = len(good) + len(problems)
    if not good:
        raise StageError("no record is usable: see the lines above")
    if len(problems) > (args.max_failures * total if args.max_failures < 1 else args.max_failures):
        raise StageError(f"{len(problems)} of {total} records are bad, more than --max-failures {args.max_failures:g} allows: mend them, or raise it to leave them out")


if __name__ == "__main__":
    run(main)
