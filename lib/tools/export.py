"""What was kept, as rows that other tools train on, and that 01_prepare.py reads back.

    python -m lib.tools.export runs/mine/cycle3/verified.jsonl kept.json       # LLaVA's conversations
    python -m lib.tools.export runs/mine/cycle3/verified.jsonl pairs.jsonl --to swift --what preferences
    python -m lib.tools.export runs/mine/data/train.jsonl questions.parquet --to verl --what reward

A clip with start and end is cut to a video of its own, in the folder `clips` beside the rows (TRL, which
takes no video: pictures, in `frames`), so that nothing is trained on more than the clip; a whole video is
named by its absolute path. The ending of the file says how it is written: .json a list, .jsonl lines,
.parquet.
"""

import json
import os
import re
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from lib.command import check_flags, checked_parser, refuse_given
from lib.files import read_json, refuse_to_replace, write_atomically
from lib.process import run
from lib.provenance import provenance, sha256
from lib.records import StageError
from lib.tools.export_forms import FORMS, FRAMES, dataset_info

ENDINGS = (".json", ".jsonl", ".parquet")
CHUNK = 1000  # rows of a Parquet file made at once
WHAT = dict.fromkeys(what for takes in FORMS.values() for what in takes)

# ---------------------------------------------------------------- files


def refuse_missing(path):
    """Raise StageError (exit code 2) where a file of a cycle is not there, with why that may be."""
    if path.exists():
        return
    why = "expected what 04 wrote"
    if re.fullmatch(r"cycle\d+|model", path.parent.name):
        why = "the cycle is not finished; make cycle finishes it, N= names another one"
    if path.parent.name == "cycle0":
        why = "cycle 0 is the model before any cycle, which learnt from nothing (N=auto: no cycle was better)"
    raise StageError(f"{path}: no such file: {why}", code=2)


def write_list(rows, file):
    """Rows as a JSON list, one a line."""
    for number, row in enumerate(rows):
        file.write(",\n" if number else "[\n")
        json.dump(row, file, ensure_ascii=False)
    file.write("\n]\n")


def write_lines(rows, file):
    """Rows as JSON lines."""
    for row in rows:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_parquet(rows, path):
    """Rows as Parquet, a chunk of them in memory."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    rows, writer = iter(rows), None
    while chunk := list(islice(rows, CHUNK)):
        table = pyarrow.Table.from_pylist(chunk, schema=writer and writer.schema)
        writer = writer or ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def write(rows, path, allowed):
    """The rows as a file that is there whole or not at all. Raises StageError."""
    part = f"{path}.tmp"
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with ExitStack() as undone:
        undone.callback(Path(part).unlink, missing_ok=True)
        if path.endswith(".parquet"):
            write_parquet(rows, part)
        else:
            with open(part, "w", encoding="utf-8") as file:
                (write_lines if path.endswith(".jsonl") else write_list)(rows, file)
        rows.check(allowed)
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        digest = sha256(part)
        undone.pop_all()  # it is whole, and waits for its name
    return digest


def entry_of(path, what):
    """(path of the dataset_info.json beside a file of rows, what shall stand in it). Raises StageError where
    another entry has its name.
    """
    folder, file = os.path.split(os.path.abspath(path))
    place, name = os.path.join(folder, "dataset_info.json"), os.path.splitext(file)[0]
    there, entry = read_json(place), dataset_info(what, file)
    if os.path.exists(place) and not there:
        raise StageError(f"{place}: no JSON object: LlamaFactory could not read it; mend it", code=2)
    if there.get(name, {}).get("file_name", file) != file:
        raise StageError(f"{place}: {name} is another file's entry there; name the rows otherwise", code=2)
    return place, {**there, name: entry}


def export(source, path, form="llava", what="kept", thoughts=False, frames=None, workers=2, allowed=0.02):
    """Write what a file of records holds as rows to `path`; returns the Rows. Raises StageError."""
    from lib.tools.export_rows import Rows, Source

    refuse_to_replace(path, [path, f"{path}.tmp", f"{path}.meta.json"], [source], how="")
    info = entry_of(path, what) if form == "llamafactory" else None
    request = {"to": form, "what": what, "thoughts": thoughts, "frames": frames}
    rows = Rows(Source(source, what, thoughts), FORMS[form][what], os.path.dirname(path), frames, workers)
    about = provenance(request, [source], ["direct"])
    digest = write(rows, path, allowed)
    counts = {"rows": rows.count, "left_out": len(rows.left_out), "output_sha256": digest}
    write_atomically(f"{path}.meta.json", json.dumps({**about, **counts}, indent=1))
    os.replace(f"{path}.tmp", path)
    if info:
        write_atomically(info[0], json.dumps(info[1], indent=2, ensure_ascii=False) + "\n")
    return rows


# ---------------------------------------------------------------- command


def flags():
    """The parser of this tool."""
    parser = checked_parser(__doc__)
    add = parser.add_argument
    add("verified", help="lines of 04_verify.py; with --what reward of any stage, train.jsonl too")
    add("output", help="file to write: .json, .jsonl or .parquet (needs pyarrow)")
    add("--to", choices=FORMS, default="llava", help="whose rows (default: %(default)s)")
    add(
        "--what",
        choices=WHAT,
        help="kept answers; preferences, a kept beside a wrong one (DPO); kto, answers with whether they are "
        "right; reward, questions with the solution that lib/tools/reward.py judges by (default: kept, or "
        "reward for verl and easyr1)",
    )
    add("--thoughts", action="store_true", help="put <think>...</think> before an answer that has a thought")
    add("--frames", type=int, help="trl: pictures per clip, evenly spread (default: 8)")
    add("--workers", type=int, default=2, help="threads that cut clips (default: %(default)s)")
    add(
        "--max-failures",
        type=float,
        default=0.02,
        help="rows allowed to be left out for want of their video: a share below 1, else a count; "
        "more end with exit code 1 (default: %(default)s)",
    )
    return parser


def check_usage(parser, args):
    """Bad usage (exit code 2) before any work; sets what was left out, and a file that can be written."""
    args.what = args.what or next(iter(FORMS[args.to]))
    if args.what not in FORMS[args.to]:
        takers = ", ".join(form for form, takes in FORMS.items() if args.what in takes)
        parser.error(
            f"--what {args.what}: --to {args.to} takes {', '.join(FORMS[args.to])}; {takers} take it"
        )
    if args.to not in FRAMES:
        refuse_given(parser, args, ["frames"], f"--to {args.to} names the video itself")
    elif args.frames is None:
        args.frames = 8
    if args.what == "reward":
        refuse_given(parser, args, ["thoughts"], "--what reward has no answers")
    check_flags(parser, args)
    stem, ending = os.path.splitext(args.output)
    if ending not in ENDINGS:
        parser.error(f"{args.output}: expected a name that ends in {', '.join(ENDINGS)}")
    if ending == ".parquet" and not find_spec("pyarrow"):
        args.output = f"{stem}.json"
        print(f"pyarrow is not installed: {args.output} is written instead, which verl reads too", flush=True)


def main():
    parser = flags()
    args = parser.parse_args()
    check_usage(parser, args)
    refuse_missing(Path(args.verified))
    request = args.to, args.what, args.thoughts, args.frames, args.workers, args.max_failures
    rows = export(args.verified, args.output, *request)
    for reason in rows.left_out[:5]:
        print(f"left out: {reason}")
    notes = [f"{len(rows.left_out)} rows left out for want of their video"] if rows.left_out else []
    if rows.source.cut_off:
        notes.append(f"{rows.source.cut_off} answers that were cut off left out")
    print("; ".join([f"{args.output}: {rows.count} rows, {args.what} for {args.to}", *notes]))


if __name__ == "__main__":
    run(main)
