"""NExT-QA: choice, or text for its open-ended variant."""

from pathlib import Path

from lib.datasets.common import beside, load, need, record, rows, split_of, whole
from lib.records import StageError

OPTIONS = [f"a{number}" for number in range(5)]


def read(path, seed, durations=None):
    """CSV: choice, or text for the open-ended variant without a0 to a4. Videos: ID, or in VidOR's folders by
    map_vid_vidorID.json beside it."""
    folders = beside(path, "map_vid_vidorID.json")
    mapping = load(folders) if folders else {}
    for where, row in rows(path, "video", "question", "answer", "qid", "type"):
        video, question, answer = row["video"], row["question"].strip(), row["answer"].strip()
        options = [row[name] for name in OPTIONS if name in row]
        if len(options) not in (0, len(OPTIONS)):
            raise StageError(
                f"{path}:1: columns {list(row)}, expected {', '.join(OPTIONS)}, or none for open answers"
            )
        if not answer:
            yield where, None, "dropped: answer missing"
            continue
        if options and answer not in [*"01234"]:
            yield where, None, "dropped: answer is none of the options"
            continue
        kind, value = ("choice", "ABCDE"[int(answer)]) if options else ("text", answer)
        (inside,) = need(folders, mapping, **{video: str | None})
        id, stems = f"{video}#{Path(path).stem}-{row['qid']}", whole(inside or video, video)
        if not question.endswith(("?", ".")):
            question += "?"
        more = {**split_of(path), "source_video": video, "type": row["type"]}
        yield where, record(id, stems, question, "answer", kind, value, options, **more), None
