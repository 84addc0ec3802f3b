"""One door to a model that answers questions on videos: open_model(). Behind it a checkpoint, a model in
memory and a server are the same.

    model = open_model("Qwen/Qwen3-VL-2B-Instruct", frames=8)      # or a folder, a URL (see served.py), a
    model object
    questions = [question_on(record, render(record, "direct"), path) for record in records]
    for answers in model.answers(questions, temperature=0.2):      # lists of records, as they are finished
        ...

Nothing heavy is imported before it is used: a wrong flag shall not cost the seconds that torch takes to load.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from lib.records import StageError, video_path
from lib.thoughts import split_thought

# keys of an answer, which a record to be asked about does not bring along
ANSWERED = ("answer", "error", "thought", "tokens", "truncated", "thought_truncated")


class Question(NamedTuple):
    """What a model is asked about one clip."""

    record: dict  # the answer is added to it; its "seed" is that of the draw
    prompt: str  # the user's turn
    clip: tuple  # (path of the video, start, end), in seconds; None: the whole file
    conclude: str | None = (
        None  # a prompt: the final line is drawn again, greedily, from it and the explanation
    )


def record_seed(*parts):
    """A 48-bit seed of this record alone, so that batch, order and restarts do not change its draw."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def question_on(record, prompt, path, origin="direct", sample=0, seed=0, cycle=0, conclude=None):
    """The Question `prompt` on a record's video. `path`: the JSONL from whose folder the video
    is named.

    What is drawn as its answer depends on (seed, cycle, id, origin, sample) and on nothing else.
    """
    new = {k: v for k, v in record.items() if k not in ANSWERED}
    new |= {
        "origin": origin,
        "sample": sample,
        "seed": record_seed(seed, cycle, record["id"], origin, sample),
    }
    clip = (video_path(record, path), record.get("start"), record.get("end"))
    return Question(new, prompt, clip, conclude)


def explanation_of(text, opened=False):
    """A text up to the first final line that its answer states, or None without one: what follows may repeat
    a hint. `opened`: the prompt began a thought, which ends in the text.
    """
    answer = split_thought(text, opened).answer
    explanation, marker, _ = answer.partition("Answer:")
    return (text[: len(text) - len(answer)] + explanation).rstrip() if marker else None


def is_served(model):
    """Whether `model` names a server, not a folder, a hub id or a model in memory."""
    return isinstance(model, str) and model.lower().startswith(("http://", "https://"))


def checkpoint_id(model):
    """What tells one checkpoint from another: of ours the DONE file, of another folder names, sizes and
    times, else the hub id.

    Raises StageError for a checkpoint of ours that is not finished.
    """
    folder = Path(model)
    if not folder.is_dir():
        return str(model)
    done = folder / "DONE"
    if done.exists() and done.read_text().strip():
        return done.read_text().strip()
    if os.path.exists(f"{os.path.abspath(folder)}.part") and not done.exists():  # the folder may be "."
        raise StageError(f"{model}: this checkpoint is not finished (no DONE in it)")
    files = [
        (f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(folder.iterdir()) if f.is_file()
    ]
    return hashlib.sha256(repr(files).encode()).hexdigest()


def identity(model):
    """The settings of a stage that say which model it uses, so that another is noticed when the stage
    resumes.
    """
    if is_served(model):
        from lib.model.server import served_identity

        return {"model": served_identity(model)}  # another time-out or number of retries is the same model
    if not isinstance(model, (str, Path)):
        return {"model": type(model).__name__, "model_identity": "in memory"}
    return {"model": str(model), "model_identity": checkpoint_id(model)}


def open_model(model, processor=None, **options):
    """The model to ask: a folder, a hub id, a server's URL, or a model object with its `processor`. Loaded at
    the first question.

    `options`: those of local.Local, in terms of which a server's differ little. Raises StageError for a URL,
    or a cache folder, that cannot be used.
    """
    if is_served(model):
        from lib.model.served import Served

        return Served(model, **options)
    from lib.model.local import Local

    return Local(model, processor, **options)


def ask_text(model, prompts, at_once=8, max_new_tokens=128, seed=0, dtype="auto", usage=None):
    """Put (key, text) prompts, without video, to a model: a judge, or a writer of questions. Greedy.

    `model`: a server, or a folder or hub id of a video or text model of transformers. Yields (key, {"answer"}
    or {"error"}) in any order; what a server says it cost is counted in `usage` (server.Usage). Raises
    StageError for a model that cannot chat, and for a server that answers nothing any more.
    """
    if is_served(model):
        from lib.model.served import ask

        how = {"in_flight": at_once, "max_tokens": max_new_tokens, "seed": seed, "usage": usage}
        yield from ask(model, prompts, **how)
    else:
        from lib.model.text import ask

        yield from ask(model, prompts, at_once, max_new_tokens, dtype)
