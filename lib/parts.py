"""The parts in which a JSONL output grows: one file for each share of the work, appended to by one process,
read by key, and merged in the order of the questions. What is held of a record is the hash of its key and its
place.
"""

import fcntl
import glob
import json
import os
import re
from pathlib import Path

from lib.records import StageError, key_of

# a share of the work is (number, of how many)
WHOLE = (0, 1)
PLACE = 48  # bits of a place in a file; above them stands the number of the part


def part_of(path, share=WHOLE):
    """The part of the output `path` for a share of the work."""
    return f"{path}.part" if share == WHOLE else f"{path}.part.{share[0]}of{share[1]}"


def parts_of(path):
    """{part: share} of all parts of the output `path` that are there."""
    return side_files(path, "")


def side_files(path, kind):
    """{file: share} of what stands beside the parts of `path` as X.part.KIND or X.part.0of2.KIND."""
    name, ending, found = re.escape(Path(path).name), f"\\.{kind}" if kind else "", {}
    for file in sorted(Path(path).parent.glob(f"{glob.escape(Path(path).name)}.part*")):
        match = re.fullmatch(rf"{name}\.part(?:\.(\d+)of(\d+))?{ending}", file.name)
        if match and file.is_file():
            found[str(file)] = (int(match[1]), int(match[2])) if match[1] else WHOLE
    return found


def records_in(part):
    """Yields (place, record) of every whole line of a part. A torn last line, left where a process died in
    writing it, is none. Raises StageError for a line that is not JSON.
    """
    place = 0
    with open(part, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                key_of(record)
            except (UnicodeDecodeError, json.JSONDecodeError, TypeError, KeyError, AttributeError):
                raise StageError(
                    f"{part}:{number}: not a record; found {line[:60]!r}; remove this line and run the same "
                    "command again"
                ) from None
            yield place, record
            place += len(line)


def open_part(part, append):
    """A part to write to, locked for this process, without a torn last line. Raises StageError where another
    process writes it.
    """
    file = open(part, "a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StageError(f"{part}: another process is writing it now; wait for it") from None
    file.truncate(end_of_lines(file) if append else 0)
    return file


def end_of_lines(file):
    """Where the last whole line of a file ends, in bytes."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(end - (1 << 20), 0)
        file.seek(begin)
        newline = file.read(end - begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


def is_finished(record):
    """Whether a record is not to be tried again: it has no error, or one that lies in the answer itself,
    which the same draw would give again.
    """
    return "error" not in record or "answer" in record


def finished_in(parts):
    """The hashes of the keys of all finished records in these parts."""
    return {hash(key_of(record)) for part in parts for _, record in records_in(part) if is_finished(record)}


def merge(parts, keys, target):
    """Write the records of all parts to the file `target` in the order of `keys`, of which an answer beats an
    error; returns (how many, how many of them with an error, how many of those are not tried again, how many
    keys have no record, the first of these).
    """
    places, failed, open_keys = {}, set(), set()
    for number, part in enumerate(parts):
        for place, record in records_in(part):
            key = hash(key_of(record))
            if key not in places or key in open_keys and is_finished(record):
                places[key] = number << PLACE | place
                (failed.add if "error" in record else failed.discard)(key)
                (open_keys.discard if is_finished(record) else open_keys.add)(key)
    count, errors, lasting, missing, first = 0, 0, 0, 0, None
    files = [open(part, "rb") for part in parts]
    try:
        with open(target, "wb") as merged:
            for key in keys:
                found = places.get(hash(key))
                if found is None:
                    missing, first = missing + 1, first or key
                    continue
                file = files[found >> PLACE]
                file.seek(found & (1 << PLACE) - 1)
                merged.write(file.readline())
                count += 1
                if hash(key) in failed:
                    errors, lasting = errors + 1, lasting + (hash(key) not in open_keys)
            merged.flush()
            os.fsync(merged.fileno())
    finally:
        for file in files:
            file.close()
    return count, errors, lasting, missing, first
