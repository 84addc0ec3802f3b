"""Open questions: MSVD-QA, MSRVTT-QA, TGIF-QA and ActivityNet-QA, as Video-ChatGPT has them judged."""

import ast
import re
from collections import Counter

from lib.benchmarks.common import fields, item_of, stem
from lib.benchmarks.tables import summary
from lib.table import read_rows

NOTE = (
    "without a judge only the normalised exact match; "
    "with one, yes/no and score by the Video-ChatGPT protocol"
)
POINTS = True  # its judge gives some
# of Video-ChatGPT, as Video-LLaVA's eval_video_qa.py asks it (Apache-2.0), its system message first
PROTOCOL = (
    "You are an intelligent chatbot designed for evaluating the correctness of generative outputs for "
    "question-answer pairs. Your task is to compare the predicted answer with the correct answer and "
    "determine if they match meaningfully. Here's how you can accomplish the task:------##INSTRUCTIONS: - "
    "Focus on the meaningful match between the predicted answer and the correct answer.\n- Consider "
    "synonyms or paraphrases as valid matches.\n- Evaluate the correctness of the prediction compared to "
    "the answer.\n\nPlease evaluate the following video-based question-answer pair:\n\nQuestion: {question}\n"
    "Correct Answer: {gold}\nPredicted Answer: {text}\n\nProvide your evaluation only as a yes/no and "
    "score where the score is an integer value between 0 and 5, with 5 indicating the highest meaningful "
    "match. Please generate the response in the form of a Python dictionary string with keys 'pred' and "
    "'score', where value of 'pred' is  a string of 'yes' or 'no' and value of 'score' is in INTEGER, not "
    "STRING.DO NOT PROVIDE ANY OTHER OUTPUT TEXT OR EXPLANATION. Only provide the Python dictionary "
    "string. For example, your response should look like this: {{'pred': 'yes', 'score': 4.8}}."
)
UNREADABLE = (
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    AttributeError,
    MemoryError,
    RecursionError,
    OverflowError,
)


def load(path, task=None, meta=None):
    """Items of Chat-UniVi's JSON or IG-VLM's CSV; the bare question is asked, as by Video-LLaVA."""
    items, seen = [], Counter()
    for where, row in read_rows(path):
        video, question, answer = fields(where, row, "video_name|video", "question", "answer")
        name, gold = stem(video), str(answer)
        groups = {"type": row["question_type"]} if row.get("question_type") else {}
        id, label = row.get("question_id") or f"{name}#{seen[name]}", ("text", gold, {})
        items.append(item_of(id, video, question, question, gold, label, groups, [answer], free=True))
        seen[name] += 1
    return items


def normalised(text):
    """For the exact match: lower case, without punctuation and articles."""
    words = re.sub(r"[^\w\s]", " ", text.replace("</s>", "").lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def score(items, replies, embedder):
    """(tables, right or wrong of every item) by the normalised exact match; the protocol needs a judge."""
    results = []
    for item in items:
        reply = replies[item["id"]]
        text = normalised(str(reply.value)) if reply.state == "answered" else None
        results.append((text, text is not None and text == normalised(item["gold"])))
    table = summary(items, results)
    exact = {k: v for k, v in table.items() if k not in ("answers", "gold", "answered_only")}
    return {"official": None, "robust": None, "exact": exact}, [right for _, right in results]


def judge_wording(questions, task):
    return PROTOCOL, "Video-ChatGPT protocol"


def judge_prompt(item, text, wording):
    return wording.format(question=item["question"], gold=item["gold"], text=text)


def verdict(item, reply):
    """(right, or None where the judge's reply cannot be read; its points from 0 to 5, or None).

    The reply is a Python dictionary; 4.8 is 4.
    """
    try:
        judgement = ast.literal_eval(reply.strip())
        points, pred = int(judgement["score"]), judgement["pred"].lower()
    except UNREADABLE:
        return None, None
    if "yes" in pred:
        return True, points
    return False if "no" in pred else None, points
