"""STAR (Wu et al., NeurIPS 2021): situated reasoning in four types of questions with four options."""

from lib.benchmarks.common import choice_of, fields, letter
from lib.table import read_rows

NOTE = "parser of IG-VLM (direct_answer_eval.py); STAR papers report the mean over the four types"
# IG-VLM's, without its words on image grids
PROMPT = (
    "Select correct option to answer the question.\nQuestion: {question} {listed} \n"
    "Select the correct answer from the options."
)


def load(path, task=None, meta=None):
    """Items of IG-VLM's CSV or of STAR's own JSON; the video's name holds the clip's times."""
    items = []
    for where, row in read_rows(path):
        if isinstance(row, dict) and "choices" in row:  # STAR_val.json
            id, video, question, answer = fields(where, row, "question_id", "video_id", "question", "answer")
            options = [choice["choice"] for choice in row["choices"]]
            video = f"{video}_{row['start']}_{row['end']}"
            index = options.index(answer) if answer in options else -1
        else:
            id, video, question, answer, index = fields(
                where, row, "question_id", "video_name", "question", "answer", "answer_number"
            )
            options = [row[f"a{i}"] for i in range(5) if row.get(f"a{i}")]
        listed = " ".join(f"{letter(i)}:{option}." for i, option in enumerate(options))
        prompt = PROMPT.format(question=question, listed=listed)
        groups = {"type": id.split("_")[0], "template": "_".join(id.split("_")[:2])}
        items.append(choice_of(where, id, video, question, options, index, prompt, groups, [answer, index]))
    return items


def rule(text, item):
    """As in IG-VLM: the first character, overridden by the first letter with "A:" or "A)" in the text.

    The text counts from "answer is " on, if it is there. The texts of the options are compared.
    """
    read = text[0] if text[0] in "ABCDE" else None
    text = text[text.index("answer is") :] if "answer is " in text else text
    read = next((name for name in "ABCDE" if f"{name}:" in text or f"{name})" in text), read)
    options = item["options"]
    if read is None or ord(read) - ord("A") >= len(options):
        return None, False
    return read, options[ord(read) - ord("A")] == options[ord(item["gold"]) - ord("A")]
