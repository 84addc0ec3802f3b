"""Video-MME (Fu et al., CVPR 2025): multiple choice over short, medium and long videos."""

import re

from lib.benchmarks.common import choice_of, fields
from lib.benchmarks.predictions import common_rows, gold_apart
from lib.records import StageError
from lib.table import read_rows

NOTE = (
    "official extract_characters_regex, its missing commas included; the official denominator leaves out "
    "what it cannot read (answered_only)"
)
PROMPT = (
    "Select the best answer to the following multiple-choice question based on the video. Respond with "
    "only the letter (A, B, C, or D) of the correct option.\n{asked}\nThe best answer is:"
)
OPENINGS = (  # two commas are missing in the official list
    "The best answer is",
    "The correct answer is",
    "The answer is",
    "The answer",
    "The best option isThe correct option is",
    "Best answer:Best option:",
)


def load(path, task=None, meta=None):
    """Items of the official JSON (videos with their questions), or of one question a row as on the hub."""
    items = []
    for where, row in read_rows(path):
        video, duration, domain, part = fields(
            where,
            row,
            "videoID|video_id",
            "duration|duration_category",
            "domain|video_category",
            "sub_category|video_sub_category|video_subcategory",
        )
        for n, item in enumerate(row.get("questions", [row])):
            names = "question_id", "task_type", "question", "options|choices", "answer"
            id, kind, question, options, answer = fields(f"{where} question {n}", item, *names)
            prompt = PROMPT.format(asked="\n".join([question, *options]))
            texts = [re.sub(r"^[A-D]\. ", "", option) for option in options]
            groups = {"duration": duration, "domain": domain, "sub category": part, "task": kind}
            index = "ABCD".find(answer)
            items.append(choice_of(where, id, video, question, texts, index, prompt, groups, [answer]))
    return items


def rule(text, item):
    """As in extract_characters_regex: known openings removed, then the first of A, B, C, D anywhere.

    So "Based on the video, D" is B.
    """
    for opening in OPENINGS:
        text = text.strip().replace(opening, "")
    match = re.search("[ABCD]", text)
    return (match[0], match[0] == item["gold"]) if match else (None, False)


def prediction_rows(path):
    """Rows of a predictions file; the official template holds the questions of a video in one row."""
    for where, place, row in common_rows(path):
        if "questions" not in row:
            yield where, place, row
            continue
        if not (isinstance(row["questions"], list) and all(isinstance(q, dict) for q in row["questions"])):
            raise StageError(f"{where}: questions is {row['questions']!r:.60}, expected a list of objects")
        for n, question in enumerate(row["questions"]):
            yield f"{where} question {n}", None, gold_apart(question)
