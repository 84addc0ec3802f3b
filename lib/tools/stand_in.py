"""Records that stand for those that are not there yet, for make plan: one clip and one question for all."""

import json
from pathlib import Path

from lib.records import StageError

OPTIONS = {"test": int, "seconds": float, "size": str, "words": int}
FORM = "COUNT[,test=COUNT][,seconds=SECONDS][,size=WIDTHxHEIGHT][,words=WORDS]"
RATE = 8  # frames a second of the clip
QUESTION = "What does the person in this video do, and how can one tell?".split()


def stand_in(text, folder):
    """Write a clip, train.jsonl and test.jsonl of one record each into `folder`; returns (questions, held-out
    ones) that they stand for. `text`: FORM; without more a fifth as many are held out, a clip has 10 s of
    640x360 pixels, a question 12 words.

    Raises StageError (exit code 2) for another form.
    """
    count, *options = text.split(",")
    try:
        count = int(count)
        given = {
            name: OPTIONS[name](value) for name, _, value in (option.partition("=") for option in options)
        }
        width, height = (int(side) for side in given.get("size", "640x360").split("x"))
        seconds, words, test = (
            given.get("seconds", 10.0),
            given.get("words", 12),
            given.get("test", count // 5),
        )
        if min(count, test + 1, width, height, words) < 1 or not 0 < seconds <= 24 * 3600:
            raise ValueError(text)
    except (ValueError, KeyError):
        raise StageError(
            f"--records {text}: expected {FORM}, e.g. 650000,seconds=5.1,size=340x256", code=2
        ) from None
    write_clip(Path(folder) / "clip.mp4", seconds, width, height)
    label = {"name": "action", "kind": "class", "value": "playing the violin"}
    question = " ".join(QUESTION[number % len(QUESTION)] for number in range(words))
    record = {
        "id": "stand-in",
        "video": "clip.mp4",
        "duration": seconds,
        "question": question,
        "labels": [label],
    }
    for name in ("train.jsonl", "test.jsonl"):
        (Path(folder) / name).write_text(json.dumps(record) + "\n")
    return count, test


def write_clip(path, seconds, width, height):
    """A grey clip."""
    import cv2
    import numpy as np

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, (width, height))
    for _ in range(max(1, round(seconds * RATE))):
        writer.write(np.full((height, width, 3), 128, np.uint8))
    writer.release()
