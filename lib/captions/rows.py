"""The rows of a captions file, one at a time: CSV and JSON lines are never held whole."""

import csv
import os
import re

from lib.captions.formats import (
    CAPTION,
    EXPECTED,
    FORMS,
    MORE,
    VIDEO,
    Problem,
    Row,
    activitynet,
    captions_of,
    form_of,
    own,
    source_of,
)
from lib.captions.videos import SUFFIXES
from lib.labels import is_number, is_text
from lib.records import StageError, video_path
from lib.table import one_a_line, parsed_json, read_csv, read_json, text_lines

OWN_COLUMNS = ("video", *CAPTION.split("|"), *MORE.split("|"))
VIDEOCC = ("url", "start", "end", "caption")


def rows_in(path):
    """Yields (where, Row or Problem) of a captions file of any form. Raises StageError where it is none, with
    the line.
    """
    for _, where, row in formed_rows(path):
        yield where, row


def formed_rows(path, paragraphs=False):
    """rows_in(), with the name of the file's form before: "own", "list" and "ours" are of one's own, others
    are published. `paragraphs`: of ActivityNet Captions all sentences of a video are one caption of it.
    """
    if not os.path.isfile(path):
        folder = os.path.isdir(path)
        raise StageError(f"{path}: {'a folder, expected a file of captions' if folder else 'no such file'}")
    kind = os.path.splitext(str(path))[1].lower()
    if kind == ".txt":
        yield from text_rows(path)
    elif kind == ".csv":
        yield from read_by_form(path, csv_rows(path))
    elif kind == ".jsonl" or one_a_line(path, head_of(path)):
        yield from read_by_form(path, json_lines(path))
    else:
        yield from json_rows(path, paragraphs)


def read_by_form(path, rows):
    """formed_rows() of rows (where, object or Problem); the first one tells the form of all."""
    form = None
    for where, row in rows:
        if isinstance(row, Problem):
            yield form or "own", where, row
            continue
        if not isinstance(row, dict):
            raise StageError(f"{where}: found {row!r:.60}; {EXPECTED}")
        if is_ours(row):
            yield from (("ours", where, row_read) for row_read in our_row(path, row))
            continue
        if form is None:
            form = form_of(row)
            refuse_videoless(where, form, row)
        keys, read = FORMS.get(form, (set(), own))
        if missing := sorted(keys - row.keys()):
            text = f"no {' and no '.join(missing)}, as the first row has"
            yield form, where, Problem(text, f"dropped: {text}")
            continue
        yield from ((form, where, row_read) for row_read in read(row))


def refuse_videoless(where, form, row):
    """Raise StageError for the first row of a file of one's own without a place for a video."""
    if form == "own" and not row.keys() & {*VIDEO.split("|")}:
        names = ", ".join(map(repr, row))
        commas = "; columns are separated by commas" if re.search(r"[;\t|]", names) else ""
        raise StageError(f"{where}: no video among {names:.120}{commas}; {EXPECTED}")


# ---------------------------------------------------------------- files


def text_rows(path):
    """A list of videos, a path a line, or MSVD's "id caption"."""
    form = None
    for number, line in enumerate(text_lines(path), 1):
        line = line.strip()
        if not line or line.startswith("#"):  # MSVD's file has a licence above
            continue
        video, _, caption = line.partition(" ")
        form = form or ("list" if not caption or line.lower().endswith(SUFFIXES) else "msvd")
        if form == "list":
            yield form, f"{path}:{number}", Row(line, None)
            continue
        captions, problem = captions_of(caption)
        yield form, f"{path}:{number}", problem or Row(video, captions, source=video.rsplit("_", 2)[0])


def csv_rows(path):
    """(where, row or Problem) of a CSV."""
    for where, row in headed_rows(path):
        yield where, Problem(row, "dropped: another number of fields") if isinstance(row, str) else row


def headed_rows(path):
    """read_csv() of a file with a header; VideoCC's has none, or one in its own words."""
    try:
        fields = next(csv.reader(text_lines(path)), [])
    except csv.Error:  # which reading it tells with its line
        fields = []
    words = [field.strip().lower() for field in fields]
    if len(fields) == 4 and all(field.strip().isdecimal() for field in fields[1:3]):
        return read_csv(path, (), names=VIDEOCC)
    if len(fields) == 4 and "url" in words[0] and all(map(str.__contains__, words[1:], VIDEOCC[1:])):
        return read_csv(path, (), names=VIDEOCC, skip=1)
    return read_csv(path, (), OWN_COLUMNS if "video" in words else ())


def head_of(path):
    """The first line of a file, and how the second begins."""
    with open(path, "rb") as file:
        return file.readline() + file.read(16)


def json_lines(path):
    """(where, value) of JSON lines; the last may lack its line end."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield f"{path}:{number}", parsed_json(f"{path}:{number}", line)


def json_rows(path, paragraphs):
    """formed_rows() of a JSON file that is one object or one list: it is read whole."""
    whole = read_json(path)
    if isinstance(whole, list):
        yield from read_by_form(path, ((f"{path}[{n}]", row) for n, row in enumerate(whole)))
    elif not isinstance(whole, dict):
        raise StageError(f"{path}: found a {type(whole).__name__}, expected a list or an object")
    elif {"videos", "sentences"} <= whole.keys():
        yield from msrvtt(path, whole)
    elif {"images", "annotations"} <= whole.keys():
        images = listed(path, whole, "images")
        names = {id_in(where, image, "id"): image.get("file_name") for where, image in images}
        for where, row in listed(path, whole, "annotations"):
            image = id_in(where, row, "image_id")
            found = own({"video": names.get(image) or image, "caption": row.get("caption")})
            yield from (("coco", where, own_row) for own_row in found)
    else:
        for video, entry in whole.items():
            where = f"{path}: {video}"
            yield from (
                ("activitynet", where, own_row) for own_row in activitynet(video, entry, where, paragraphs)
            )


def msrvtt(path, whole):
    """MSR-VTT's JSON: videos with their split and address, and sentences."""
    about = {}
    for where, video in listed(path, whole, "videos"):
        source = source_of(video["url"]) if video.get("url") else None
        about[id_in(where, video, "video_id")] = {"split": video.get("split"), "source_video": source}
    for where, row in listed(path, whole, "sentences"):
        video = id_in(where, row, "video_id")
        found = own({"video": video, "caption": row.get("caption"), **about.get(video, {})})
        yield from (("msrvtt", where, own_row) for own_row in found)


def id_in(where, row, key):
    """The id of a video or image that a row names, None where it names none. Raises StageError for what is no
    id.
    """
    value = row.get(key)
    if not (value is None or isinstance(value, str) or is_number(value)):
        raise StageError(f"{where}: {key} is {value!r:.60}, expected a text or a number")
    return value


def listed(path, parts, key):
    """Yields (where, object) of a list of objects in a file. Raises StageError for anything else."""
    rows = parts[key] if isinstance(parts[key], list) else [parts[key]]
    for n, row in enumerate(rows):
        if not isinstance(row, dict):
            raise StageError(f"{path}: {key}[{n}]: found {row!r:.60}, expected an object")
        yield f"{path}: {key}[{n}]", row


# ---------------------------------------------------------------- ours


def is_ours(row):
    """Whether a row is a record of our stages: its video is named from the folder of its file."""
    return isinstance(row.get("labels"), list) and "question" in row


def our_row(path, row):
    """The Row of a record of ours: a caption that failed (`error`), or that was not kept (`keep` false), is
    none; a clip that nobody described yet has none either.
    """
    if not is_text(row.get("video")):
        return
    captions = row.get("captions") or []
    if {"answer", "error"} & row.keys():
        captions = [] if "error" in row or row.get("keep") is False else [row.get("answer")]
    plain = {key: row[key] for key in (*VIDEO.split("|"), *MORE.split("|")) if key in row}
    for found in own({**plain, "captions": captions} if captions else plain):
        if isinstance(found, Row):
            found = found._replace(file=video_path(row, path), ours=True)
        yield found
