"""What a row of a captions file says, by the form of the file: of one's own, or of a dataset.

A dataset's function gets one row as the file has it and yields Rows, or Problems where its files are known to
have defects.
"""

import ast
import json
import re
from typing import NamedTuple

from lib.labels import is_number, is_text, is_time, is_words
from lib.prompts import PLACEHOLDER
from lib.records import StageError

VIDEO = "video|video_id|vid|VideoID|image_id"
CAPTION = "caption|captions|sentence|sentences|enCap|Description"
MORE = "id|start|end|split|source_video"  # what a row of one's own may have beside these two
EXPECTED = (
    "expected video and caption (or those of MSR-VTT, VATEX, MSVD, ActivityNet Captions, COCO, VideoCC, "
    "InternVid, Panda-70M or VidLN)"
)
INSTANT = 0.01  # seconds
YOUTUBE = re.compile(r"(?:[?&]v=|youtu\.be/|/embed/|/shorts/)([\w-]{11})")
CLOCK = re.compile(r"(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")  # 0:01:20.880, 01:20
LISTED = re.compile(r"\[\s*(?:['\"].*)?\]", re.DOTALL)  # of a cell that is a list: ["a dog", "it runs"]
CUT = re.compile(r"(.+)_(\d+(?:\.\d+)?)_(\d+(?:\.\d+)?)")  # 6H78U_11.1_19.6, QJ1zm_3tPYA_000010_000020


class Row(NamedTuple):
    """A clip, and what a row says of it."""

    video: str  # as the file names it
    captions: list | None  # None: the row has no place for one, so nobody was asked
    start: float | None = None
    end: float | None = None
    id: str | None = None
    split: str | None = None
    source: str | None = None  # the video that it and others were cut from
    names: tuple = ()  # that the clip may have as a file of its own
    whole: tuple | None = None  # (name, start, end): as a part of the whole video, where `video` names a clip
    file: str | None = None  # its path, where one of our records says it
    note: str | None = None  # "mended: ...", what was wrong with it
    ours: bool = False


class Problem(NamedTuple):
    """Why a row is no Row."""

    text: str
    reason: str  # the same in few words: of a published file problems are counted by it


def key_of(row):
    """The id of a row's clip: its own, or its video with its times."""
    if row.id is not None:
        return row.id
    if row.start is None and row.end is None:
        return row.video
    return f"{row.video}_{brief(row.start or 0)}_{'end' if row.end is None else brief(row.end)}"


def brief(time):
    """Seconds in as few letters as say them to the microsecond."""
    return f"{time:.6f}".rstrip("0").rstrip(".")


# ---------------------------------------------------------------- values


def first(row, names):
    """The value of the first of `names` ("a|b") that a row has, or None."""
    return next((row[name] for name in names.split("|") if row.get(name) not in (None, "")), None)


def seconds(row, key, where):
    """A time of a row, or None. Raises StageError where it is no number."""
    value = row.get(key)
    if value in (None, ""):
        return None
    found = time_of(value)
    if found is None:
        raise StageError(f"{where}: {key} is {value!r:.60}, expected seconds, a number of at least 0")
    return found


def time_of(value):
    """Seconds of a number or of a clock (H:MM:SS.mmm), or None."""
    if clock := isinstance(value, str) and CLOCK.fullmatch(value.strip()):
        return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if not isinstance(value, bool) and is_number(found) and found >= 0 else None


def times(start, end):
    """((start, end) in seconds, each may be None, or None; what is wrong with them as a Problem, or None)."""
    found = []
    for name, value in (("start", start), ("end", end)):
        found.append(None if value in (None, "") else time_of(value))
        if found[-1] is None and value not in (None, ""):
            text = f"{name} is {value!r:.60}, expected seconds, a number of at least 0"
            return None, Problem(text, "dropped: time not a number")
    if None not in found and found[1] <= found[0]:
        text = f"end {brief(found[1])} is not after start {brief(found[0])}"
        return None, Problem(text, "dropped: end <= start")
    return found, None


def captions_of(value):
    """(captions, Problem): a text, a list of them, or such a list as a text, each without doubled spaces; one
    of the two is None.
    """
    if isinstance(value, str) and LISTED.fullmatch(value.strip()):
        if (found := list_in(value.strip())) is None:
            text = f"captions {value!r:.120}, expected a text, or a list as JSON or Python writes it"
            return None, Problem(text, "dropped: caption is no list")
        value = found
    value = value if isinstance(value, list) else [value]
    if not all(map(is_text, value)):
        text = f"captions {value!r:.120}, expected texts that are not blank"
        return None, Problem(text, "dropped: blank caption")
    if not all(map(is_unicode, value)):
        text = f"captions {value!r:.120}: half a character, expected Unicode"
        return None, Problem(text, "dropped: half a character in a caption")
    return [" ".join(text.split()) for text in value], None


def list_in(text):
    """The list that a text holds, as JSON or Python writes it, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    # numpy writes no commas, and Python would join its texts to one
    return found if repr(found).replace(" ", "") == text.replace(" ", "") else None


def is_unicode(text):
    """Whether a text can be written as UTF-8: JSON can hold halves of characters, which cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def source_of(url):
    """The YouTube id of an address, or the address itself."""
    found = YOUTUBE.search(str(url))
    return found[1] if found else str(url)


def cut_row(source, start, end, text, **more):
    """The Row of a part of a YouTube video, or its Problem. Its own file may be named as Kinetics names
    them, or with its times as they are written.
    """
    bounds, problem = times(start, end)
    captions, blank = captions_of(text)
    if problem or blank:
        return problem or blank
    first_, last = bounds
    names = [f"{source}_{start}_{end}", f"{source}_{brief(first_ or 0)}_{brief(last or 0)}"]
    if first_ is not None and first_.is_integer() and last is not None and last.is_integer():
        names.append(f"{source}_{int(first_):06d}_{int(last):06d}")
    names = tuple(dict.fromkeys(names))
    return Row(source, captions, first_, last, source=source, names=names, **more)


def part_of(name):
    """(source, start, end) of a clip that is named by them, or None."""
    found = CUT.fullmatch(name)
    return found and (found[1], float(found[2]), float(found[3]))


# ---------------------------------------------------------------- of one's own


def own(row):
    """video, caption or captions, and what else README names; and all files that nothing else is known of."""
    video = first(row, VIDEO)
    if video is None:
        yield Problem(f"no video; {EXPECTED}", "dropped: no video")
        return
    captions, problem, note = None, None, None
    if any(name in row for name in CAPTION.split("|")):
        caption = first(row, CAPTION)
        blank = Problem(f"no caption; {EXPECTED}", "dropped: blank caption")
        captions, problem = (None, blank) if caption is None else captions_of(caption)
    elif not row.keys() <= {*VIDEO.split("|"), *MORE.split("|")}:
        names = f"no caption among {', '.join(map(str, row)):.120} ({CAPTION.replace('|', ', ')})"
        note = f"kept: a clip that nobody described? {names}"
    bounds, wrong = times(row.get("start"), row.get("end"))
    source = row.get("source_video")
    if problem := problem or wrong or name_problem(video, row.get("id"), source):
        yield problem
        return
    more = {key: str(row[key]) for key in ("id", "split") if row.get(key) not in (None, "")}
    source = None if source in (None, "") else str(source).strip()
    found = CUT.fullmatch(str(video)) if row.get("start") in (None, "") else None
    # as a part of the whole only with a point in its times: a_1_2 is a name as any other
    whole = part_of(found[0]) if found and "." in found[2] and "." in found[3] else None
    yield Row(str(video), captions, *bounds, source=source, whole=whole, note=note, **more)


def name_problem(video, id, source):
    """The Problem of names of which one is none, or None."""
    for key, name in (("video", video), ("id", id)):
        if not (name is None or isinstance(name, str) or is_number(name)):
            return Problem(f"{key} is {name!r:.60}, expected a name", f"dropped: {key} is no name")
    if not (source in (None, "") or is_words(source) or is_number(source)):
        text = f"source_video is {source!r:.60}, expected the name of the video it was cut from"
        return Problem(text, "dropped: source_video is no name")
    return None


# ---------------------------------------------------------------- datasets


def jsfusion(row):
    """MSR-VTT's 1k-A test: video_id, sentence."""
    captions, problem = captions_of(row["sentence"])
    yield problem or Row(str(row["video_id"]), captions)


def vatex(row):
    """{"videoID": "ID_000010_000020", "enCap": [...]}; the videos are such clips, or the whole."""
    video = str(row["videoID"])
    captions, problem = captions_of(row.get("enCap"))
    part = part_of(video)
    yield problem or Row(video, captions, source=part[0] if part else video, whole=part)


def msvd(row):
    """The corpus: VideoID, Start, End, Language, Description; of its languages English."""
    if row.get("Language", "English") != "English":
        return
    source = str(row["VideoID"])
    captions, problem = captions_of(row.get("Description"))
    bounds, wrong = times(row.get("Start"), row.get("End"))
    if problem or wrong:
        yield problem or wrong
        return
    video = f"{source}_{row.get('Start')}_{row.get('End')}"
    yield Row(video, captions, source=source, whole=(source, *bounds))


def videocc(row):
    """url, start, end, caption; times are microseconds."""
    numbers = [str(row[key]).strip() for key in ("start", "end")]
    found = f"start {numbers[0]!r:.60} and end {numbers[1]!r:.60}, expected microseconds as VideoCC has them"
    advice = "; name the column video instead of url where they are seconds"
    if not all(map(str.isdecimal, numbers)):
        yield Problem(found + advice, "dropped: time not a number")
        return
    start, end = (float(number) / 1e6 for number in numbers)
    if 0 < end - start < INSTANT:
        yield Problem(found + advice, "dropped: less than 0.01 s (are the times no microseconds?)")
        return
    yield cut_row(source_of(row["url"]), start, end, row["caption"])


def internvid(row):
    """YoutubeID, Start_timestamp and End_timestamp ("HH:MM:SS.mmm"), Caption."""
    yield cut_row(str(row["YoutubeID"]), row["Start_timestamp"], row["End_timestamp"], row["Caption"])


def panda(row):
    """url, and of its clips lists of timestamp (["H:MM:SS.mmm", ..]) and caption, as Python writes them."""
    lists = []
    for key in ("timestamp", "caption"):
        try:
            lists.append(ast.literal_eval(row[key]) if isinstance(row[key], str) else row[key])
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            text = f"{key} is {row[key]!r:.60}, expected a list as Python writes it"
            yield Problem(text, f"dropped: {key} is no list")
            return
    pairs, captions = lists
    if not (isinstance(pairs, list) and isinstance(captions, list) and len(pairs) == len(captions)):
        text = f"timestamp {pairs!r:.60} and caption {captions!r:.60}, expected lists of one length"
        yield Problem(text, "dropped: timestamps and captions differ in number")
        return
    source = source_of(row["url"])
    for pair, caption in zip(pairs, captions):
        if isinstance(pair, (list, tuple)) and len(pair) == 2:
            yield cut_row(source, *pair, caption)
        else:
            yield Problem(f"timestamp {pair!r:.60}, expected [start, end]", "dropped: time not a number")


def vidln(row):
    """Video Localized Narratives: of every actor a narrative, here one text as VIIT writes it: "<Man> A man
    walks .. <Dog one> .. <Background> ..". Its videos lie in folders named as their datasets, or anywhere.
    """
    narrations, narratives = [], row["actor_narratives"]
    for each in narratives if isinstance(narratives, list) else [narratives]:
        name, text = (
            (each.get(key) for key in ("actor_name", "caption")) if isinstance(each, dict) else (0, 0)
        )
        if not (is_words(name) and isinstance(text, str)):
            text = f"found {each!r:.60}, expected actor_name and caption of each actor"
            yield Problem(text, "dropped: an actor without name or caption")
            return
        if text.strip():
            actor = f"<{name.strip()[:1].upper()}{name.strip()[1:]}>"
            # an actor's name that a tokenizer would read as a video's place
            actor = PLACEHOLDER.sub(f"<The {name.strip()}>", actor)
            narrations.append(f"{actor} {text}")
    captions, problem = captions_of(" ".join(narrations))
    video = str(row["video_id"])
    part = part_of(video)
    names = (f"{row['dataset_id']}/{video}",) if row.get("dataset_id") else ()
    yield problem or Row(video, captions, source=part[0] if part else video, names=names, whole=part)


def activitynet(video, entry, where, paragraph=False):
    """Yields the Rows of a video of ActivityNet Captions: one a sentence, or one of all as a `paragraph`."""
    sentences, source = sentences_of(where, entry), video.removeprefix("v_")
    if paragraph:
        sentences = sorted(sentences, key=lambda each: each[0][0])
        captions, problem = captions_of([sentence for _, sentence, _ in sentences])
        yield problem or Row(video, [" ".join(captions)], source=source, whole=(source, None, None))
        return
    for (start, end), sentence, note in sentences:
        captions, problem = captions_of(sentence)
        whole = source, start, end
        yield problem or Row(video, captions, start, end, source=source, whole=whole, note=note)


def sentences_of(where, entry):
    """[((start, end), sentence, note)] of a video of ActivityNet Captions, whose official files have some
    times the wrong way round, or one instant in place of two: there the picture of that instant is meant.
    """
    pairs, sentences = (
        (entry.get("timestamps"), entry.get("sentences")) if isinstance(entry, dict) else (0, 0)
    )
    if not (isinstance(pairs, list) and isinstance(sentences, list) and len(pairs) == len(sentences)):
        raise StageError(f"{where}: found {entry!r:.60}; {EXPECTED}")
    if wrong := [pair for pair in pairs if not is_pair(pair)]:
        raise StageError(f"{where}: the times {wrong[0]!r:.60}, expected [start, end] in seconds")
    found = []
    for pair, sentence in zip(pairs, sentences):
        start, end = sorted(pair)
        note = None if pair[1] > pair[0] else "mended: start after end, or the same"
        found.append(((start, end if end > start else start + INSTANT), sentence, note))
    return found


def is_pair(value):
    """Whether a value is two times in seconds."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_time, value))


# of each form: the columns or keys that tell it, and what reads a row
FORMS = {
    "panda-70m": ({"url", "timestamp", "caption"}, panda),
    "internvid": ({"YoutubeID", "Start_timestamp", "End_timestamp", "Caption"}, internvid),
    "videocc": ({"url", "start", "end", "caption"}, videocc),
    "vidln": ({"video_id", "actor_narratives"}, vidln),
    "vatex": ({"videoID", "enCap"}, vatex),
    "msvd": ({"VideoID", "Start", "End", "Description"}, msvd),
    "msrvtt-1ka": ({"vid_key", "video_id", "sentence"}, jsfusion),
}


def form_of(row):
    """The name of a row's form, one of FORMS or "own"."""
    return next((name for name, (keys, _) in FORMS.items() if keys <= row.keys()), "own")
