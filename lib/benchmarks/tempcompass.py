"""TempCompass (Liu et al., ACL Findings 2024): five aspects of time, asked in four tasks."""

import ast
import os
import re

from lib.benchmarks.common import fields, item_of, letter, shown, stem, without_end
from lib.benchmarks.predictions import common_rows, gold_apart
from lib.benchmarks.tables import score_choices
from lib.records import StageError
from lib.table import contents, read_json, read_rows

NOTE = (
    "official rules without a judge (its --disable_llm): what no rule matches is wrong; avg of the "
    "official table is the micro average"
)
META = True  # meta_info.json, which has the fine aspects
DECIMALS = 1  # of its tables
# what each task appends to its question in run_video_llava/inference_dataset.py
TASKS = {
    "multi-choice": "\nPlease directly give the best option:",
    "yes_no": "\nPlease answer yes or no:",
    "caption_matching": "\nPlease directly give the best option:",
    "captioning": "",
}

OTHER_TASK = "; is this the question file of another --task?"

# ---------------------------------------------------------------- questions


def question_files(path, task=None):
    """The questions, and of captioning the choices beside them too."""
    beside = os.path.join(os.path.dirname(path), "multi-choice.json")
    return [path, beside] if task == "captioning" else [path]


def nested(path):
    """(where, video, aspect, n, entry) of {video: {aspect: [entry]}}.

    Videos lose .jpg and .mp4 as in its utils/eval_utils.py.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise StageError(f"{path}: found {shown(data)}, expected {{video id: {{aspect: [item, ...]}}}}")
    for raw, aspects in data.items():
        if not isinstance(aspects, dict) or not all(
            isinstance(entries, list) for entries in aspects.values()
        ):
            raise StageError(f"{path}: {raw}: expected {{aspect: [item, ...]}}")
        video = raw.replace(".jpg", "").replace(".mp4", "")
        for aspect, entries in aspects.items():
            for n, entry in enumerate(entries):
                yield f"{path}: {raw}/{aspect}[{n}]", video, aspect, n, entry


def load(path, task, meta=None):
    """Items of {video: {aspect: [{"question", "answer"}]}}.

    Fine aspects come from `meta`, captioning's choices from the multi-choice.json beside it: the first of the
    same video and aspect.
    """
    fine, (_, *beside) = read_json(meta) if meta else None, question_files(path, task)
    choices = {stem(video): aspects for video, aspects in read_json(beside[0]).items()} if beside else {}
    items = []
    for where, video, aspect, n, entry in nested(path):
        question, answer = fields(where, entry, "question", "answer")
        if not (isinstance(question, str) and isinstance(answer, str)):
            raise StageError(f"{where}: found {shown(entry)}, expected question and answer as texts")
        groups, more, stated = {"aspect": aspect}, {"task": task}, [answer]
        try:
            if meta:
                groups["fine aspect"] = (
                    "order" if aspect == "order" else fine[video]["eval_dim"][aspect]["type"]
                )
            if task == "captioning":
                more |= {"choice": choices[video][aspect][0], "free": True}
                stated.append(more["choice"]["answer"])
        except (KeyError, TypeError, IndexError):
            raise StageError(
                f"{where}: not in {' or '.join(filter(None, [meta, *beside]))}; "
                "use the files of one release of TempCompass"
            ) from None
        if task == "caption_matching":
            more["lines"] = question.split("\n")[1:]
        label, prompt = label_of(where, task, question, answer), question + TASKS[task]
        id, place = f"{video}/{aspect}/{n}", (video, aspect)
        items.append(item_of(id, video, question, prompt, answer, label, groups, stated, place, **more))
    return items


def label_of(where, task, question, answer):
    """The label of a question for our verifier, as item_of takes it.

    None where the options are not in a list, and of captioning.
    """
    lines = question.split("\n")[1:]
    if task == "multi-choice":
        options = [match[1] for line in lines if (match := re.match(r"[A-D][.)] ?(.+)", line))]
        if not re.match(r"[A-D]\b", answer):
            raise StageError(f"{where}: answer {answer!r:.60}, expected as 'A. ...'{OTHER_TASK}")
        listed = answer[:1] in map(letter, range(len(options)))
        return ("choice", answer[0], {"options": options}) if listed else None
    if task == "yes_no":
        if answer not in ("yes", "no"):
            raise StageError(f"{where}: answer {answer!r:.60}, expected yes or no{OTHER_TASK}")
        return "boolean", answer == "yes", {}
    if task == "captioning":
        return None
    if not all(re.match(r"\S+ \S+: ", line) for line in [answer, *lines]):
        raise StageError(
            f"{where}: answer {answer!r} and options {lines!r}, "
            f"expected each as 'Option 1: ...', 'Sentence A: ...' or 'Caption A: ...'{OTHER_TASK}"
        )
    if answer not in lines:
        return None
    return "choice", letter(lines.index(answer)), {"options": [line.split(": ")[1] for line in lines]}


def prediction_rows(path):
    """Rows of a predictions file: nested as the questions are, or one of the common formats."""
    rows = read_rows(path)
    if not rows or not isinstance(rows[0][1], tuple):
        for where, place, row in common_rows(path):
            if "aspect" in row:
                place = (stem(row.get("video", row.get("video_name", ""))), str(row["aspect"]))
            yield where, place, row
        return
    for where, video, aspect, _, entry in nested(path):
        if not isinstance(entry, dict):
            raise StageError(
                f"{where}: found {shown(entry)}, expected an object with question and prediction"
            )
        yield where, (stem(video), aspect), gold_apart(entry)


# ---------------------------------------------------------------- the rules


def multi_choice(text, item):
    """eval_multi-choice.py: the answer itself, a bare letter, or a text that starts with "A." or "A)".

    The words after the letter are not read.
    """
    text, gold = without_end(text), item["gold"]
    if text == gold or re.fullmatch("[ABCD]", text) or re.match("[ABCD][.)]", text):
        return text[0], text == gold or text[0] == gold[0]
    return None, False


def yes_no(text, item):
    """eval_yes_no.py: what starts with "yes" or "no" in any case, so "not sure", "none" and "now" are no."""
    text = without_end(text).lower()
    read = next((word for word in ("yes", "no") if text.startswith(word)), None)
    return read, read is not None and read == item["gold"]


def caption_matching(text, item):
    """eval_caption_matching.py: an option's line, caption (also after the first ") "), name or number.

    Later kinds override earlier ones.
    """
    text, gold, hit = without_end(text), item["gold"], None
    names = [line.split(": ")[0] for line in item["lines"]]
    captions = [line.split(": ")[1] for line in item["lines"]]
    numbers = [re.sub("Sentence |Option |Caption ", "", name) for name in names]
    for line in item["lines"]:
        hit = line if line == text else hit
    for caption in captions:
        hit = caption if caption == text or ") " in text and caption == text.split(") ")[1] else hit
    for name in names + numbers:
        hit = name if name in (text, text.replace(".", "")) else hit
    if hit is None:
        return None, False
    chosen = next(n for n, forms in enumerate(zip(item["lines"], captions, names, numbers)) if hit in forms)
    golds = gold, gold.split(":")[0], gold.split(": ")[1], gold.split(": ")[0].split()[1]
    return letter(chosen), hit in golds


RULES = {"multi-choice": multi_choice, "yes_no": yes_no, "caption_matching": caption_matching}


def rule(text, item):
    return RULES[item["task"]](text, item)


def as_letters(text, item):
    """A reply in the words of our verifier.

    Caption matching's options are called "Option 1", "Sentence A", "Caption B".
    """
    if "lines" not in item:
        return text
    return re.sub(
        r"\b(?:[Oo]ption|[Ss]entence|[Cc]aption) ([12AB])\b|^\s*([12])(?=\W*$)",
        lambda match: {"1": "A", "2": "B"}.get(match[1] or match[2], match[1]),
        text,
    )


def score(items, replies, embedder):
    """(tables, right or wrong of every item); captioning has none without a judge."""
    if items[0].get("free"):
        return {"official": None, "robust": None}, None
    return score_choices(rule, items, replies, embedder, DECIMALS, as_letters)


# ---------------------------------------------------------------- the judge

# Its own wording is read from its prompt_templates.py, where that lies beside or above the questions;
# else these ask for the same reply
SAME = (
    "You are given a question, its correct answer, and what a model answered. Decide whether the model's "
    "answer is correct. Reply with one word: Correct or Incorrect.\n"
)
CAPTIONED = (
    "You are given the description of a video and a multiple-choice question about that video. Answer the "
    "question from the description alone. If it does not tell, or no choice fits, the answer is: None of "
    "the choices are correct\nReply in two lines:\nReasoning: why\nAnswer: the letter and words of the "
    "choice, as in 'B. cooking'\n"
)
HEADINGS = {
    "multi-choice": "Multi-Choice Question",
    "yes_no": "Yes/No Question",
    "caption_matching": "Caption Matching Question",
}
TEMPLATES = {
    "multi-choice": "multi_choice_evaluation_prompt",
    "yes_no": "yes_no_evaluation_prompt",
    "caption_matching": "caption_matching_evaluation_prompt",
    "captioning": "caption_evaluation_prompt",
}


def official_template(questions, task):
    """Its judge prompt for a task, of a prompt_templates.py beside or above the questions, or None."""
    folder = os.path.dirname(os.path.abspath(questions))
    for path in (
        os.path.join(folder, "prompt_templates.py"),
        os.path.join(folder, "..", "prompt_templates.py"),
    ):
        for node in ast.parse(contents(path)).body if os.path.isfile(path) else []:  # read, not run
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and ast.unparse(node.targets[0]) == TEMPLATES[task]
            ):
                return node.value.value
    return None


def judge_wording(questions, task):
    """(what a judge is told before the question and the reply, whose words these are)."""
    template = official_template(questions, task)
    if template:
        return template, "prompt_templates.py of TempCompass"
    return CAPTIONED if task == "captioning" else SAME, "our words for TempCompass"


def judge_prompt(item, text, wording):
    """What a judge is asked about one reply."""
    if item["task"] == "captioning":
        return f"{wording}\nVideo Description:{text}\nMulti-Choice Question:\n{item['choice']['question']}\n"
    return (
        f"{wording}\n{HEADINGS[item['task']]}:\n{item['question']}\n"
        f"Ground-Truth Answer: {item['gold']}\nModel Prediction: {text}"
    )


def verdict(item, reply):
    """(right, or None where the judge's reply cannot be read; None, for there are no points)."""
    if "choice" in item:
        return captioned_right(item["choice"]["answer"], reply), None
    # llm_output_to_rating
    if "Correct" not in reply and "Incorrect" not in reply:
        return None, None
    return reply.startswith("Correct") or "Incorrect" not in reply, None


def captioned_right(gold, reply):
    """eval_captioning.py: the last line with "Answer" names one option, up to ". " the gold letter.

    None of an empty reply.
    """
    if not reply:
        return None
    lines = [line for line in reply.split("\n") if "Answer" in line]
    answer = lines[-1].strip().replace("Answer:", "").strip() if lines else reply
    one_option = sum(answer.count(f"{name}.") for name in "ABCD") == 1
    return answer.split(". ")[0] == gold.split(". ")[0] and one_option
