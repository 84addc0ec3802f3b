"""Clips with captions, and clips that nobody described, as records without labels: for 02 --style caption, 05
and lib.viit.

All rows of a clip become one record. A file is read twice: first a hash is kept of every clip, to know which
stand in several places of it; those alone are collected, all others pass row by row. So memory grows with
what must be collected, not with the captions.
"""

import os
from array import array
from functools import lru_cache
from itertools import groupby, islice

import numpy as np

from lib.captions import Row, formed_rows, key_of, stem
from lib.datasets.common import SPLITS, split_of
from lib.datasets.own import ending_of, videos_and_others
from lib.datasets.videos import NO_VIDEO, SEVERAL, find_video, index_videos, rivals
from lib.prompts import CAPTION
from lib.records import StageError

# notes that are counted: nothing of the clip is lost, or what a published file is known to lose
KEPT = ("mended: ", "left out: ", "kept: ")
COUNTED = ("dropped: ", "not asked: ", *KEPT)
LOST = "no video at "
# forms of which every bad row is an error; what is published is as it is
OWN = ("own", "list", "ours")
TWICE = "left out: a caption that its clip has already"
OTHER_SPLIT = "kept: a clip in two splits, in the one that came first"


def read(paths, root, paragraphs=False):
    """Yields (where, record, note) as all readers do; a note about one's own file says what is wrong with a
    row. A record's video is a path below the folder `root`, or where that is None the name that the file has.

    `paths`: annotation files; none: every video below `root` is a clip that nobody described. `paragraphs`:
    as of formed_rows().
    """
    if paragraphs and "activitynet" not in forms_of(paths):
        raise StageError("--paragraphs: none of the files is one of ActivityNet Captions; leave it out", 2)
    for form, where, row, captions, note in clips_in(paths, paragraphs) if paths else unlabelled(root):
        if captions is None:
            yield where, None, note
            continue
        if row.note:
            yield where, None, row.note
        place = (row.video, row.start, row.end) if root is None else found(row, root)
        if place is None:
            yield where, None, missing(row, root, form)
            continue
        video, start, end = place
        record = {"id": key_of(row), "video": video, "question": CAPTION, "labels": [], "captions": captions}
        more = {"start": start, "end": end, "split": row.split, "source_video": row.source}
        record |= {key: value for key, value in more.items() if value is not None}
        yield where, record, None


def forms_of(paths):
    """The forms of annotation files, by the first row of each."""
    return {form for path in paths or () for form, *_ in islice(formed_rows(path), 1)}


# ---------------------------------------------------------------- rows to clips


def unlabelled(root):
    """clips_in() of a folder: all videos in it and below."""
    videos, others = videos_and_others(root)
    for path in videos:
        yield "list", path, Row(os.path.relpath(path, root), None), [], None
    for path in others:
        yield "list", path, None, None, f"left out: other files ({ending_of(path)})"


def checked_rows(paths, paragraphs):
    """Yields (form, where, Row or None, note) of annotation files; a row that is none has its reason."""
    for path in paths:
        captioned, split, empty = None, split_of(path).get("split"), True
        for form, where, row in formed_rows(path, paragraphs):
            empty = False
            if not isinstance(row, Row):
                yield form, where, None, row.text if form in OWN else row.reason
                continue
            row, problem = with_split(row, split, form)
            # a key with a typing error must not make a file of captions one without
            if form in ("own", "list"):
                has_captions = row.captions is not None
                captioned = has_captions if captioned is None else captioned
                if captioned != has_captions:
                    problem = f"{'no' if captioned else 'a'} caption, other than the first row"
            yield form, where, None if problem else row, problem
        if empty:
            raise StageError(f"{path}: no clips")


def with_split(row, of_file, form):
    """(row with its split as train, test or None; what is wrong with it). A dataset names it in many words,
    or in its file's name.
    """
    if form in OWN:
        named = None if row.split in (None, "train", "test") else row.split
        return row, named and f"split {named!r:.60}, expected train or test"
    return row._replace(split=SPLITS.get(str(row.split).lower(), of_file)), None


def clips_in(paths, paragraphs):
    """Yields (form, where, Row, captions, note) of every clip of annotation files, and with captions None of
    every row that is none.
    """
    scattered, gathered = scattered_in(tuple(paths), paragraphs), {}
    for key, rows in groupby(checked_rows(paths, paragraphs), of_clip):
        if key is None:
            yield from ((form, where, None, None, problem) for form, where, _, problem in rows)
        elif hash(key) in scattered:
            clips = gathered.setdefault(key, [])
            for form, where, row, _ in rows:
                yield from kept_one(clips, form, where, row)
        else:
            clips = []
            for form, where, row, _ in rows:
                yield from kept_one(clips, form, where, row)
            yield whole(clips)
    yield from map(whole, gathered.values())


def of_clip(found):
    """What identifies the clip of one of checked_rows(); None for a row that is none."""
    return None if found[2] is None else key_of(found[2])


@lru_cache(1)
def scattered_in(paths, paragraphs):
    """The hashes of clips that stand in several places, other rows between them."""
    hashes = array("q")
    for key, _ in groupby(checked_rows(paths, paragraphs), of_clip):
        if key is not None:
            hashes.append(hash(key))
    hashes = np.sort(np.frombuffer(hashes, np.int64)) if hashes else np.zeros(0, np.int64)
    return frozenset(hashes[1:][hashes[1:] == hashes[:-1]].tolist())


def kept_one(clips, form, where, row):
    """Add a row to those of its clip (form, where, Row, captions); yields what clips_in() does where it is
    another clip, or says nothing new.
    """
    if not clips:
        clips.append((form, where, row, []))
    _, first_where, first, captions = clips[0]
    if (first.video, first.start, first.end) != (row.video, row.start, row.end):
        complaint = f"id {key_of(row)!r} is another clip, first at {first_where}; ids are of clips"
        yield form, where, None, None, complaint if form in OWN else "dropped: an id that another clip has"
        return
    if (first.split, first.source) != (row.split, row.source):
        if form in OWN:
            complaint = (
                f"split {row.split!r} and source_video {row.source!r} differ from those at {first_where}"
            )
            yield form, where, None, None, complaint
            return
        if first.split != row.split:
            yield form, where, None, None, OTHER_SPLIT
    for caption in row.captions or ():
        if caption in captions:
            yield form, where, None, None, TWICE
        else:
            captions.append(caption)


def whole(clips):
    """What clips_in() yields for a clip with all its captions."""
    form, where, row, captions = clips[0]
    return form, where, row, captions, None


# ---------------------------------------------------------------- their videos


@lru_cache(1)
def index_of(root):
    """index_videos() of a folder, once; only where a video is not at the path that its row names."""
    return index_videos(root)


def found(row, root):
    """(path, start, end) of a row's video, or None: at the path that it names, under a name of its own as a
    clip, as the video, or as a part of the whole.
    """
    path = row.file or os.path.join(root, row.video)
    if os.path.isfile(path):
        return os.path.abspath(path), row.start, row.end
    if row.file:
        return None
    place = find_video(index_of(root), candidates(row))
    return place and (os.path.abspath(place[0]), *place[1:])


def candidates(row):
    """What find_video() looks for."""
    places = [(name, None, None) for name in row.names]
    for name, start, end in filter(None, [(stem(row.video), row.start, row.end), row.whole]):
        places += [(name, start, end), (f"v_{name}", start, end)]
    return places


def missing(row, root, form):
    """The note of a row whose video is not there, or which of several it may be."""
    several = [] if row.file else rivals(index_of(root), candidates(row))
    if form not in OWN:
        return SEVERAL if several else NO_VIDEO
    if row.file:
        return f"{LOST}{row.file}"
    if several:
        return (
            f"video {row.video!r}: {len(several)} files have that name, {several[0]} and {several[1]}; "
            f"name one by its path below {root}"
        )
    return f"{LOST}{os.path.join(root, row.video)}, nor one of its name below {root}"
