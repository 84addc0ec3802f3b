"""The coordinates of the boxes that are trained on, and whether their pixels are those that are seen."""

from itertools import islice

from lib.model.clips import frames_of
from lib.model.coordinates import frame_size_of, has_box, other_size
from lib.model.inputs import chat, encode
from lib.process import world
from lib.records import StageError, read_jsonl
from lib.training.rows import clip_of
from lib.video import VideoError

LOOKED_AT = 1000  # records of the file; one of them tells, as all were asked with the same flags


def trained_boxes(path):
    """The coordinates of the boxes in answers of the file `path` that are to be trained on; None without
    boxes, and where they are several, of which it warns.
    """
    found = {
        record.get("boxes") or "fraction"
        for _, record in read_jsonl(path)
        if record.get("keep") and has_box(record)
    }
    if len(found) > 1 and world()[0] == 0:
        print(
            f"WARNING: {path}: boxes in {' and in '.join(sorted(found))}: a model learns one of them; give "
            "all that is trained on the same --boxes",
            flush=True,
        )
    return found.pop() if len(found) == 1 else None


def check_pixels(path, processor, sampling, frame_cache=None):
    """Raises StageError (exit code 2) where answers of the file `path` that are to be trained on say boxes in
    pixels of a frame of another size than the processor makes of the frames of `sampling`.
    """
    for _, record in islice(read_jsonl(path), LOOKED_AT):
        if not record.get("keep") or record.get("boxes") != "pixels":
            continue
        try:
            clip = frames_of(clip_of(record, path), sampling, frame_cache)
        except VideoError:
            continue  # whoever needs it says why
        size = frame_size_of(processor, encode(processor, [chat(processor, "")], [clip]))
        if other_size(record, size):
            width, height = record["frame_size"]
            raise StageError(
                f"{path}: {record['id']}: its box is in pixels of a {width}x{height} frame, but here the "
                f"model sees {size[0]}x{size[1]}: give 05 the flags for frames and pixels that 02 had, or 02 "
                "--boxes 1000",
                code=2,
            )
        return
