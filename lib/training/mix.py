"""The files that 05 trains on, of whatever kind, as rows; and which rows of each kind every step takes.

    verified answers     of 04: those kept, as reasoning and as short answers       kinds reasoning, short
    clips with captions  of 01 --dataset captions: a row a caption                  kind caption
    captions of 02       of 02 --style caption, but for those that failed           kind caption, or self
    instructions         of lib.viit.instructions, but for those not kept           the kinds they say
    other instructions   JSONL with video, question, answer                         kind mixed, or theirs

What a file is, its first record tells, and the others must be the same.
"""

from typing import NamedTuple

from lib.prompts import CAPTION, strip_placeholders
from lib.records import StageError, read_jsonl, read_records
from lib.training.rows import Row, clip_of, left_out, mixed_rows, preference_rows, rows_of, whole
from lib.training.shares import SELF, shares_of

EXPECTED = (
    "expected answers of 04_verify.py, clips with captions (01_prepare.py --dataset captions), answers of "
    "02_generate.py --style caption, or instructions with video, question and answer"
)


class Data(NamedTuple):
    """What is trained on."""

    rows: list  # of Row
    forms: dict  # {path: form_of() its records}
    weights: dict | None  # shares_of() the kinds
    first: int  # rows of the input

    @property
    def verified(self):
        """Paths of verified answers."""
        return [path for path, form in self.forms.items() if form == "verified"]


def form_of(record, judged=False):
    """What a record is: of "verified" answers, of clips with "captions", "captioned" by 02, or one of
    "instructions"; None for others. `judged`: answers to labelled questions are verified ones.
    """
    if not isinstance(record, dict):
        return None
    answered = bool({"answer", "error"} & record.keys())
    labels = record.get("labels")
    if isinstance(labels, list) and answered and record.get("origin") == "caption":
        return "captioned"
    if labels and answered and (judged or {"keep", "verdict"} & record.keys()):
        return "verified"
    if isinstance(labels, list) and isinstance(record.get("captions"), list) and not answered:
        return "captions"
    written = {"video", "question"} <= record.keys() and {"answer", "error"} & record.keys()
    return "instructions" if written or {"video", "kind", "error"} <= record.keys() else None


def form_in(path, judged=False):
    """form_of() the first record of a file. Raises StageError for anything else."""
    for number, record in read_jsonl(path, foreign=True):
        if form := form_of(record, judged):
            return form
        what = f"the keys {', '.join(sorted(record))}" if isinstance(record, dict) else repr(record)
        raise StageError(f"{path}:{number}: found {what:.200}; {EXPECTED}")
    raise StageError(f"{path}: no records; {EXPECTED}")


def caption_rows(path, limit=None):
    """A row for each caption of a file of clips with captions."""
    records = alike(path, "captions", read_records(path, limit=limit, unlabelled=True))
    left_out(path, sum(not record["captions"] for record in records), "clips without a caption")
    return [
        Row(record["id"], CAPTION, (strip_placeholders(caption),), clip_of(record, path), "caption")
        for record in records
        for caption in record["captions"]
    ]


def captioned_rows(path, limit=None, kind="caption"):
    """A row for each caption that 02 wrote, but for those that failed, or were not kept."""
    read = read_records(path, answers=True, limit=limit, unlabelled=True)
    records = alike(path, "captioned", read)
    good = [r for r in records if "error" not in r and r.get("keep") is not False]
    left_out(path, len(records) - len(good), "captions failed or were not kept")
    return [
        Row(record["id"], CAPTION, (strip_placeholders(record["answer"]),), clip_of(record, path), kind)
        for record in whole(path, good)
    ]


def alike(path, form, records):
    """The records of a file, all of one form. Raises StageError with path:line where one is not."""
    for number, record in enumerate(records, 1):
        if form_of(record) != form:
            raise StageError(
                f"{path}:{number}: {record['id']}: found a record of another kind than the first, which is "
                f"of {form}: one kind a file"
            )
    return records


def rows_in(path, form, pairs, limit=None):
    """The rows of a file of that form."""
    if form == "verified":
        return rows_of(path, pairs, limit)
    return {"captions": caption_rows, "captioned": captioned_rows, "instructions": mixed_rows}[form](
        path, limit
    )


def self_rows(path):
    """The rows of --self-train. Raises StageError where they are not captions that 02 wrote."""
    if (form := form_in(path)) != "captioned":
        raise StageError(
            f"{path}: found {form}; --self-train expects answers of 02_generate.py --style caption"
        )
    rows = captioned_rows(path, kind=SELF)
    if not rows:
        raise StageError(f"{path}: no caption to train on: leave out --self-train")
    return rows


def without(rows, shares):
    """(the rows but for those of kinds with the weight 0, the other weights or None). Raises StageError for a
    kind that no row is of.
    """
    zero = {kind for kind, weight in (shares or {}).items() if not weight}
    if unknown := zero - {row.kind for row in rows}:
        there = ", ".join(sorted({row.kind for row in rows}))
        raise StageError(f"--shares {min(unknown)}=0: the kinds of rows are: {there}")
    left = {kind: weight for kind, weight in (shares or {}).items() if weight}
    return [row for row in rows if row.kind not in zero], left or None


def data_of(args):
    """The Data of the input, --mix and --self-train. Raises StageError (exit code 2) for flags that mean
    nothing for it.
    """
    forms = {args.input: form_in(args.input, judged=True)}
    forms |= {path: form_in(path) for path in args.mix or ()}
    for flag, given, needed in (
        ("--preferences", args.preferences, forms[args.input] == "verified"),
        ("--pairs", args.pairs, "verified" in forms.values()),
    ):
        if given and not needed:
            message = f"{flag} is for answers of 04_verify.py, but {args.input} has {forms[args.input]}"
            raise StageError(f"{message}: leave it out", code=2)
    if args.preferences:
        rows = preference_rows(args.input, args.limit)
        return Data(rows, forms, None, len(rows))
    rows = rows_in(args.input, forms[args.input], args.pairs or "both", args.limit)
    first = len(rows)
    for path in args.mix or ():
        rows += rows_in(path, forms[path], args.pairs or "both")
    rows += self_rows(args.self_train) if args.self_train else []
    rows, shares = without(rows, args.shares)
    weights = shares_of([row.kind for row in rows], shares, args.self_share)
    return Data(rows, forms, weights, first)
