"""What was kept, as conversations that other tools train on, and that 01_prepare.py reads back.

python -m lib.tools.export runs/mine/cycle3/verified.jsonl kept.json
"""

import argparse
import json
import os
from collections import Counter
from pathlib import Path

from lib.command import run
from lib.prompts import strip_placeholders
from lib.records import StageError, answer_problem, read_jsonl, rebase


def export(records, path):
    """Write the kept ones of verified records (lines of 04_verify.py) as a JSON list of conversations, whole
    or not at all; returns how many.

    Videos stay as the records have them, absolute or relative to `path`. An id that comes again (another
    answer) gets a number.
    """
    ids = Counter()
    Path(path).absolute().parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        for record in records:
            if not record.get("keep"):
                continue
            item = json.dumps(conversation(record, ids[record["id"]]), ensure_ascii=False)
            file.write((",\n" if ids else "[\n") + item)
            ids[record["id"]] += 1
        file.write("\n]\n")
        file.flush()
        os.fsync(file.fileno())
    if not ids:
        os.unlink(f"{path}.tmp")
        raise StageError(
            f'{path}: nothing to export: no record says "keep": true; '
            "expected a verified.jsonl of 04_verify.py"
        )
    os.replace(f"{path}.tmp", path)
    return ids.total()


def conversation(record, times):
    """A record as a conversation; its id came `times` before."""
    question = strip_placeholders(record["question"]).strip() + options_text(record["labels"])
    return {
        "id": f"{record['id']}~{times + 1}" if times else record["id"],
        "video": record["video"],
        **{key: record[key] for key in ("start", "end") if record.get(key) is not None},
        "conversations": [
            {"from": "human", "value": f"<video>\n{question}"},
            {"from": "gpt", "value": record["answer"]},
        ],
        "labels": record["labels"],
    }


def options_text(labels):
    """The options of a choice, as they follow its question."""
    return "".join(
        f"\n{chr(65 + i)}. {option}"
        for label in labels
        if label["kind"] == "choice"
        for i, option in enumerate(label["options"])
    )


def answers_of(path, output):
    """Yields the records of a verified file as they stand beside `output`."""
    for number, record in read_jsonl(path):
        if problem := answer_problem(record):
            raise StageError(f"{path}:{number}: {problem}")
        yield rebase(record, path, output)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verified", help="lines of 04_verify.py")
    parser.add_argument("output", help="JSON file to write")
    args = parser.parse_args()
    count = export(answers_of(args.verified, args.output), args.output)
    print(f"{args.output}: {count} conversations")


if __name__ == "__main__":
    run(main)
