"""Files of clips with captions, of one's own or of a dataset, as clips: read by 01 (to train on, to caption
anew), by lib.viit and by 06 (to score captions and retrieval).

    JSONL, CSV    video, caption (or captions, a list); optional id, start, end, split, source_video
    list          a text file of videos, a path a line: clips that nobody described
    MSR-VTT       its JSON of videos and sentences, or MSRVTT_JSFUSION_test.csv (1k-A)
    VATEX         its JSON list of videoID and enCap
    MSVD          lines "id caption", or its video corpus CSV
    ActivityNet   its JSON of timestamps and sentences
    COCO          images and annotations
    VideoCC       CSV of URL, start and end in microseconds, caption; with a header or without
    InternVid     JSONL or CSV of YoutubeID, Start_timestamp, End_timestamp, Caption
    Panda-70M     CSV of a video a row: url, lists of timestamp and caption
    VidLN         JSONL of Video Localized Narratives: what each actor of a video does
    ours          records of 01 --dataset captions; captions that 02 wrote, but for those that failed, and
                  those that another step did not keep

rows.py reads a file row by row, formats.py knows the datasets, videos.py finds the videos.
"""

from typing import NamedTuple

from lib.captions.formats import CAPTION, EXPECTED, VIDEO, Row, first, key_of, seconds
from lib.captions.rows import formed_rows, rows_in
from lib.captions.videos import SUFFIXES, clip_of, clips_of, fields_of, find_videos, stem
from lib.records import StageError

__all__ = [
    "CAPTION",
    "EXPECTED",
    "SUFFIXES",
    "VIDEO",
    "Clip",
    "Row",
    "clip_of",
    "clips_of",
    "fields_of",
    "find_videos",
    "first",
    "formed_rows",
    "key_of",
    "read_captions",
    "rows_in",
    "seconds",
    "stem",
]


class Clip(NamedTuple):
    """A clip and what is said of it."""

    where: str  # "path:line" or "path[n]" of the first caption
    id: str
    video: str  # as the file names it
    captions: list
    start: float | None = None
    end: float | None = None
    split: str | None = None
    file: str | None = None  # its path, where one of our records says it

    @property
    def place(self):
        """What clips_of() finds its video by."""
        ours = {"file": self.file} if self.file else {}
        return {"video": self.video, "start": self.start, "end": self.end, **ours}


def read_captions(path):
    """The Clips of a file, in its order, all captions of a clip together. Raises StageError with the line."""
    clips = {}
    for where, row in rows_in(path):
        if not isinstance(row, Row):
            raise StageError(f"{where}: {row.text}")
        if row.ours and not row.captions:
            continue
        if not row.captions:
            raise StageError(f"{where}: no caption; {EXPECTED}")
        key = key_of(row)
        known = clips.get(key)
        if known is None:
            clip = Clip(where, key, row.video, list(row.captions), row.start, row.end, row.split, row.file)
            clips[key] = clip
        elif (known.video, known.start, known.end) != (row.video, row.start, row.end):
            raise StageError(f"{where}: id {key!r} is another clip, first at {known.where}; ids are of clips")
        else:
            known.captions.extend(row.captions)
    if not clips:
        raise StageError(f"{path}: no captions")
    return list(clips.values())
