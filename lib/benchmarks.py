"""The benchmarks by their own rules: how each official scorer reads a reply, what a judge is asked, and the tables.

A rule takes what was said and the item (lib/items.py), and returns (what it reads there or None, whether that is right). Rules follow the official
code to the letter, quirks included, but for two things: where it guesses at random, and where it credits an empty reply, the reply is wrong (see NOTES).
"""
import ast
import os
import re
from collections import Counter, defaultdict

import numpy as np

from lib.filter import verify_all
from lib.intervals import share, spearman
from lib.items import contents, letter
from lib.records import StageError

NOTES = {
    "tempcompass": "official rules without a judge (its --disable_llm): what no rule matches is wrong; avg of the official table is the micro average",
    "nextqa": "letters and texts by the MMMU parser of lmms-eval, whose random guess for what it cannot read counts as wrong here; integers as the official eval_mc.py",
    "star": "parser of IG-VLM (direct_answer_eval.py); STAR papers report the mean over the four types",
    "mvbench": "check_ans of the official notebook, which credits an empty reply for every gold answer; it is wrong here",
    "videomme": "official extract_characters_regex, its missing commas included; the official denominator leaves out what it cannot read (answered_only)",
    "charades-sta": "extract_time of lmms-eval's eval_tvg.py; unread replies have IoU 0; the test's duplicate sentences count each",
    "qvhighlights": "R1 and mAP of the official standalone_eval; a query without predictions counts as IoU 0 and AP 0, officially it is refused or left out of the mAP",
    "open-qa": "without a judge only the normalised exact match; with one, yes/no and score by the Video-ChatGPT protocol",
    "fine-diving": "Spearman's rho and relative L2 (x100) over the replies in which a number could be read; within_tolerance counts all",
}


# ---------------------------------------------------------------- the official rules

def multi_choice(said, item):
    """TempCompass eval_multi-choice.py: the answer itself, a bare letter, a text that starts with "A." or "A)"; the words after the letter are not read."""
    said = said.replace("</s>", "").strip()
    if said == item["gold"] or said in ("A", "B", "C", "D") or said[:2] in ("A.", "B.", "C.", "D.", "A)", "B)", "C)", "D)"):
        return said[0], said == item["gold"] or said[0] == item["gold"][0]
    return None, False


def yes_no(said, item):
    """TempCompass eval_yes_no.py: what starts with "yes" or "no" in any case, so "not sure", "none" and "now" are no."""
    said = said.replace("</s>", "").strip().lower()
    read = "yes" if said.startswith("yes") else "no" if said.startswith("no") else None
    return read, read is not None and read == item["gold"]


def caption_matching(said, item):
    """TempCompass eval_caption_matching.py: an option's line, its caption (also after the first ") "), its name or its number; later kinds override earlier ones."""
    said, gold, hit = said.replace("</s>", "").strip(), item["gold"], None
    names, captions = [line.split(": ")[0] for line in item["lines"]], [line.split(": ")[1] for line in item["lines"]]
    numbers = [name.replace("Sentence ", "").replace("Option ", "").replace("Caption ", "") for name in names]
    for wanted in item["lines"]:
        hit = wanted if wanted == said else hit
    for wanted in captions:
        hit = wanted if wanted == said or ") " in said and wanted == said.split(") ")[1] else hit
    for wanted in names + numbers:
        hit = wanted if wanted in (said, said.replace(".", "")) else hit
    if hit is None:
        return None, False
    chosen = next(n for n, forms in enumerate(zip(item["lines"], captions, names, numbers)) if hit in forms)
    return letter(chosen), hit in (gold, gold.split(":")[0], gold.split(": ")[1], gold.split(": ")[0].split()[1])


def mmmu_choice(said, item):
    """NExT-QA as in lmms-eval (MMMU's parser): "(A)", else "A " anywhere, else "A."; in six words or more an option's text; of several the last."""
    for mark in ",.!?;:'":
        said = said.strip(mark)
    said, letters = f" {said} ", [letter(i) for i in range(len(item["options"]))]
    for form, place in (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} ")):  # found in one form, placed in another, as there
        if found := [l for l in letters if form.format(l) in said]:
            read = max(found, key=lambda l: said.rfind(place.format(l)))
            return read, read == item["gold"]
    low = said.lower()
    found = [l for l, option in zip(letters, item["options"]) if option.lower() in low] if len(said.split()) > 5 else []
    read = max(found, key=lambda l: low.rfind(item["options"][ord(l) - ord("A")].lower())) if found else None
    return read, read is not None and read == item["gold"]


def ig_vlm_choice(said, item):
    """STAR as in IG-VLM: the first character, overridden by "A:" or "A)" (after "answer is ", if said), tried in the order of letters; texts are compared."""
    read = said[0] if said[0] in "ABCDE" else None
    said = said[said.index("answer is"):] if "answer is " in said else said
    read = next((l for l in "ABCDE" if f"{l}:" in said or f"{l})" in said), read)
    if read is None or ord(read) - ord("A") >= len(item["options"]):
        return None, False
    return read, item["options"][ord(read) - ord("A")] == item["options"][ord(item["gold"]) - ord("A")]


def mvbench_choice(said, item):
    """MVBench check_ans: the first word of "(" and the reply's first line, without dots, lies in "(a)" or holds it; "", "(" and ")" lie in all and are none here."""
    said = ("(" + said.strip().split("\n")[0]).lower().split(" ")[0]
    if said.replace(".", "") in ("", "(", ")"):
        return None, False
    fits = [letter(i) for i in range(len(item["options"])) if said.replace(".", "") in f"({letter(i).lower()})" or f"({letter(i).lower()})" in said]
    right = item["gold"] in fits
    return item["gold"] if right else fits[0] if fits else None, right


def videomme_choice(said, item):
    """Video-MME extract_characters_regex: known openings removed, then the first of A, B, C, D anywhere ("Based on ... D" is B)."""
    for opening in ("The best answer is", "The correct answer is", "The answer is", "The answer", "The best option isThe correct option is", "Best answer:Best option:"):
        said = said.strip().replace(opening, "")
    match = re.search("[ABCD]", said)
    return (match[0], match[0] == item["gold"]) if match else (None, False)


RULES = {"multi-choice": multi_choice, "yes_no": yes_no, "caption_matching": caption_matching, "nextqa": mmmu_choice, "star": ig_vlm_choice, "mvbench": mvbench_choice,
         "videomme": videomme_choice}


def chosen(benchmark, task, item, reply):
    """(read, right) of a reply by the benchmark's rule; of an integer the option with that index."""
    if reply.state != "answered":
        return None, False
    if isinstance(reply.said, int) and "options" in item:
        return (letter(reply.said), letter(reply.said) == item["gold"]) if 0 <= reply.said < len(item["options"]) else (None, False)
    if not isinstance(reply.said, str):
        raise StageError(f"id {item['id']!r}: the prediction is {reply.said!r}, expected a text")
    return RULES[task or benchmark](reply.said, item)


def normalised(text):
    """For the exact match: lower case, without punctuation and articles."""
    return " ".join(w for w in re.sub(r"[^\w\s]", " ", text.replace("</s>", "").lower()).split() if w not in ("a", "an", "the"))


# ---------------------------------------------------------------- windows of time

def spoken_times(said):
    """lmms-eval extract_time: the first "a - b" ("to" is "-"), else the first numbers of the first two sentences that tell of a start or end."""
    said = said.lower().replace("a specific example is : 20.8 - 30.0 seconds", "").replace("to", "-")
    telling = [sentence for sentence in re.split(r"[!?\n]", said) if re.search("start|end|happen", sentence)]
    pairs = re.findall(r"(\d+\.*\d*)\s*-\s*(\d+\.*\d*)", said)
    if not pairs:
        first = [found[0] for sentence in telling if (found := re.findall(r"\b(\d+\.\d+\b|\b\d+)\b", sentence))]
        pairs = list(zip(first[::2], first[1::2]))
    try:
        return sorted(map(float, pairs[0])) if pairs else None
    except ValueError:  # "1..5", on which the official code ends
        return None


def hull_iou(a, b):
    """Overlap over hull of two windows, as the official scorers have it: the IoU wherever they overlap, and 0 elsewhere."""
    hull = max(a[1], b[1]) - min(a[0], b[0])
    return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / hull if hull > 0 else 0.0


def cross_iou(window, windows):
    """IoU of one window with several, as an array."""
    window, windows = np.asarray(window, float), np.asarray(windows, float)
    shared = np.clip(np.minimum(window[1], windows[:, 1]) - np.maximum(window[0], windows[:, 0]), 0, None)
    union = window[1] - window[0] + windows[:, 1] - windows[:, 0] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union != 0)


def windows_of(item, reply):
    """The predicted windows [[start, end, score?], ...] of a reply, best first: given, or the one that a text tells; none of an unread reply."""
    if reply.state != "answered":
        return []
    if isinstance(reply.said, str):
        window = spoken_times(reply.said)
        return [window] if window else []
    windows = reply.said if isinstance(reply.said, list) and isinstance(reply.said[0], list) else [reply.said]
    if not all(isinstance(w, list) and len(w) >= 2 and all(isinstance(t, (int, float)) for t in w) for w in windows):
        raise StageError(f"id {item['id']!r}: the prediction is {reply.said!r}, expected [start, end] or a list of [start, end, score]")
    return windows


def first_iou(windows, golds):
    """R1's IoU: the first window with that of the gold windows it overlaps most (QVHighlights compute_mr_r1)."""
    return hull_iou(windows[0][:2], golds[int(np.argmax(cross_iou(windows[0][:2], golds)))]) if windows else 0.0


THRESHOLDS = [float(f"{t:.2f}") for t in np.linspace(0.5, 0.95, 10)]


def average_precision(windows, golds):
    """AP at each of THRESHOLDS of a query's first ten windows, by falling score (QVHighlights compute_mr_ap, which is ActivityNet's, interpolated)."""
    windows = sorted(windows[:10], key=lambda w: -w[2])
    hits, taken = np.zeros((len(THRESHOLDS), len(windows))), [set() for _ in THRESHOLDS]
    for n, window in enumerate(windows):
        overlaps = cross_iou(window[:2], golds)
        for t, threshold in enumerate(THRESHOLDS):
            best = next((g for g in overlaps.argsort()[::-1] if overlaps[g] < threshold or g not in taken[t]), None)
            if best is not None and overlaps[best] >= threshold:
                hits[t, n] = 1
                taken[t].add(best)
    found = hits.cumsum(1)
    recall, precision = found / len(golds), found / np.arange(1, len(windows) + 1)
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    return (np.diff(recall, prepend=0) * precision).sum(1)


def mean_average_precision(predicted, items):
    """Percent, by length of the gold windows as officially: {"full": {"average", "0.5", ...}, "short", "middle", "long"}; None for windows without scores."""
    if any(len(w) < 3 for windows in predicted for w in windows):
        return None
    table = {}
    for name, low, high in (("full", -1, float("inf")), ("short", 0, 10), ("middle", 10, 30), ("long", 30, 150)):
        golds = [[w for w in item["gold"] if low < w[1] - w[0] <= high] for item in items]
        rows = np.array([average_precision(w, g) if w else np.zeros(len(THRESHOLDS)) for w, g in zip(predicted, golds) if g])
        if len(rows):
            at = rows.mean(0)
            table[name] = {"queries": len(rows), **{k: round(100 * float(v), 2) for k, v in [("average", at.mean()), *zip(map(str, THRESHOLDS), at)]}}
    return table


# ---------------------------------------------------------------- judges

PROTOCOL = (  # of Video-ChatGPT, as Video-LLaVA's eval_video_qa.py asks it (Apache-2.0), its system message first
    "You are an intelligent chatbot designed for evaluating the correctness of generative outputs for question-answer pairs. Your task is to compare the "
    "predicted answer with the correct answer and determine if they match meaningfully. Here's how you can accomplish the task:------##INSTRUCTIONS: "
    "- Focus on the meaningful match between the predicted answer and the correct answer.\n- Consider synonyms or paraphrases as valid matches.\n"
    "- Evaluate the correctness of the prediction compared to the answer.\n\nPlease evaluate the following video-based question-answer pair:\n\n"
    "Question: {question}\nCorrect Answer: {gold}\nPredicted Answer: {said}\n\nProvide your evaluation only as a yes/no and score where the score is an integer "
    "value between 0 and 5, with 5 indicating the highest meaningful match. Please generate the response in the form of a Python dictionary string with keys "
    "'pred' and 'score', where value of 'pred' is  a string of 'yes' or 'no' and value of 'score' is in INTEGER, not STRING.DO NOT PROVIDE ANY OTHER OUTPUT TEXT "
    "OR EXPLANATION. Only provide the Python dictionary string. For example, your response should look like this: {{'pred': 'yes', 'score': 4.8}}.")
# TempCompass's own wording is read from its prompt_templates.py, where it lies beside or above the questions; else these ask for the same reply
SAME = ("You are given a question, its correct answer, and what a model answered. Decide whether the model's answer is correct. "
        "Reply with one word: Correct or Incorrect.\n")
CAPTIONED = ("You are given the description of a video and a multiple-choice question about that video. Answer the question from the description alone. "
             "If it does not tell, or no choice fits, the answer is: None of the choices are correct\nReply in two lines:\nReasoning: why\n"
             "Answer: the letter and words of the choice, as in 'B. cooking'\n")
TEMPLATES = {"multi-choice": ("multi_choice_evaluation_prompt", "Multi-Choice Question"), "yes_no": ("yes_no_evaluation_prompt", "Yes/No Question"),
             "caption_matching": ("caption_matching_evaluation_prompt", "Caption Matching Question"), "captioning": ("caption_evaluation_prompt", None)}


def official_template(questions, task):
    """TempCompass's own judge prompt for a task, from prompt_templates.py in the questions' folder or the one above; None where there is none."""
    folder = os.path.dirname(os.path.abspath(questions))
    for path in (os.path.join(folder, "prompt_templates.py"), os.path.join(folder, "..", "prompt_templates.py")):
        if os.path.isfile(path):
            for node in ast.parse(contents(path)).body:  # read, not run
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and ast.unparse(node.targets[0]) == TEMPLATES[task][0]:
                    return node.value.value
    return None


def judge_prompt(benchmark, task, item, said, template=None):
    """What a judge is asked about one reply."""
    said = str(said).replace("</s>", "").strip()
    if benchmark == "open-qa":
        return PROTOCOL.format(question=item["question"], gold=item["gold"], said=said)
    if task == "captioning":
        return f"{template or CAPTIONED}\nVideo Description:{said}\nMulti-Choice Question:\n{item['choice']['question']}\n"
    return f"{template or SAME}\n{TEMPLATES[task][1]}:\n{item['question']}\nGround-Truth Answer: {item['gold']}\nModel Prediction: {said}"


def verdict(benchmark, task, item, reply):
    """(right or None where the judge's reply cannot be read, score 0 to 5 or None), by the parser of the benchmark's own scorer."""
    if benchmark == "open-qa":  # Video-ChatGPT: a Python dictionary; 4.8 is 4
        try:
            said = ast.literal_eval(reply.strip())
            score, pred = int(said["score"]), said["pred"].lower()
        except (ValueError, SyntaxError, TypeError, KeyError, AttributeError, MemoryError, RecursionError, OverflowError):
            return None, None
        return True if "yes" in pred else False if "no" in pred else None, score
    if task == "captioning":  # eval_captioning.py: the last line with "Answer"; its text up to ". " is the gold letter, and it names one option only
        answers = [line.strip().replace("Answer:", "").strip() for line in reply.split("\n") if "Answer" in line]
        answer, gold = answers[-1] if answers else reply, item["choice"]["answer"]
        right = answer.split(". ")[0] == gold.split(". ")[0] and sum(answer.count(f"{l}.") for l in "ABCD") == 1
        return right if reply else None, None
    if "Correct" not in reply and "Incorrect" not in reply:
        return None, None
    return reply.startswith("Correct") or not reply.startswith("Incorrect") and "Incorrect" not in reply, None  # llm_output_to_rating


# ---------------------------------------------------------------- from results to tables

def of_groups(items, right, decimals):
    """{"by": {grouping: {name: share with percent}}, "macro": {grouping: mean of its names' accuracies in percent}}."""
    by, counts = {}, defaultdict(lambda: defaultdict(list))
    for item, r in zip(items, right, strict=True):
        for grouping, name in item["groups"].items():
            counts[grouping][name].append(r)
    for grouping, names in counts.items():
        by[grouping] = {name: counted(sum(values), len(values), decimals) for name, values in names.items()}
    return {"by": by, "macro": {grouping: round(float(np.mean([100 * sum(v) / len(v) for v in names.values()])), decimals) for grouping, names in counts.items()}}


def counted(correct, count, decimals):
    """A share, and its percentage rounded as the official tables print it."""
    return {**share(correct, count), "percent": round(correct * 100 / count, decimals) if count else 0.0}


def summary(items, results, decimals=2):
    """The table of (read, right) results: micro, macro and by group, what was read and what not, and how often each answer was given."""
    right, read = [bool(r) for _, r in results], [said for said, _ in results if said is not None]
    golds = Counter(yes_or_no(label["value"]) for item in items for label in item["labels"])
    return {**counted(sum(right), len(items), decimals), "matched": len(read), "unmatched": len(items) - len(read),
            "answered_only": counted(sum(right), len(read), decimals), "answers": dict(sorted(Counter(read).items())), "gold": dict(sorted(golds.items())),
            **of_groups(items, right, decimals)}


def yes_or_no(value):
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def window_summary(items, predicted, thresholds):
    """(table, IoU per item): recall of the first window at each threshold, mean IoU."""
    ious = [first_iou(windows, item["gold"]) for item, windows in zip(items, predicted, strict=True)]
    recall = {f"R1@{t:g}": counted(sum(iou >= t for iou in ious), len(ious), 2) for t in thresholds}
    matched = sum(bool(windows) for windows in predicted)
    return {"count": len(items), "matched": matched, "unmatched": len(items) - matched, "by": {"recall": recall}, "mean_iou": round(100 * float(np.mean(ious)), 2)}, ious


def number_summary(items, values, tolerances):
    """(table, right per item) of predicted scores.

    Rank correlation and relative L2 (x100, errors as parts of the gold's range) where a number was read; within tolerance counts all.
    """
    golds = [item["gold"] for item in items]
    pairs = [(v, g) for v, g in zip(values, golds) if v is not None]
    span = max(golds) - min(golds)
    right = [v is not None and abs(v - g) <= t * abs(g) + 1e-9 for v, g, t in zip(values, golds, tolerances)]
    rho = spearman(*zip(*pairs)) if len(pairs) > 1 else None
    squared = [((v - g) / span) ** 2 for v, g in pairs] if span else []
    return {"count": len(items), "matched": len(pairs), "unmatched": len(items) - len(pairs), "spearman": None if rho is None else round(rho, 4),
            "relative_l2": round(100 * float(np.mean(squared)), 4) if squared else None,
            "by": {"tolerance": {"within tolerance": counted(sum(right), len(items), 2)}}}, right


def verified(items, replies, embedder):
    """lib.verify's results for the replies, or None where they are no texts: indices and windows need no parser."""
    if any(reply.state == "answered" and not isinstance(reply.said, str) for reply in replies.values()):
        return None
    records = []
    for item in items:
        reply = replies[item["id"]]
        said = reply.said.replace("</s>", "") if reply.state == "answered" else ""
        if "lines" in item:  # this task's options are called "Option 1", "Sentence A", "Caption B"
            said = re.sub(r"\b(?:[Oo]ption|[Ss]entence|[Cc]aption) ([12AB])\b|^\s*([12])(?=\W*$)", lambda m: {"1": "A", "2": "B"}.get(m[1] or m[2], m[1]), said)
        if item["labels"]:
            record = {key: item[key] for key in ("id", "question", "labels", "duration") if key in item}
            records.append({**record, "answer": said, "origin": "direct"})
    results = verify_all(records, embedder)
    return [next(results) if item["labels"] else UNREAD for item in items]


UNREAD = {"checks": [{"parsed": None}], "verdict": "unparsed"}  # of a question whose options are not in a list


def told(results):
    """(read, right) of lib.verify's results on items with one label."""
    return [(yes_or_no(result["checks"][0]["parsed"]), result["verdict"] == "correct") for result in results]


def score_numbers(items, replies, embedder):
    """Of fine-diving: numbers as given, or read from texts by our verifier."""
    results = verified(items, replies, embedder)
    said = [r["checks"][i["which"]]["parsed"] for i, r in zip(items, results)] if results else [replies[i["id"]].said for i in items]
    values = [float(np.mean(value)) if isinstance(value, (int, float, list)) and value != [] else None for value in said]  # of a range said, its middle
    table, right = number_summary(items, values, [item["labels"][item["which"]].get("tolerance", 0.05) for item in items])
    return {"official": table, "robust": None}, right


def score_windows(benchmark, items, replies, embedder):
    """Of charades-sta and qvhighlights: windows as given, or told by texts."""
    thresholds = THRESHOLDS if benchmark == "qvhighlights" else (0.3, 0.5, 0.7)
    predicted = [windows_of(item, replies[item["id"]]) for item in items]
    table, ious = window_summary(items, predicted, thresholds)
    if benchmark == "qvhighlights":
        table["mAP"] = mean_average_precision(predicted, items)
    results, robust = verified(items, replies, embedder), None
    if results:
        robust, _ = window_summary(items, [[list(said)] if said else [] for said, _ in told(results)], thresholds)
    return {"official": table, "robust": robust}, ious


def score_free_text(items, replies):
    """Of open-qa: the normalised exact match; what the protocol says needs a judge."""
    said = [normalised(str(replies[item["id"]].said)) if replies[item["id"]].state == "answered" else None for item in items]
    right = [s is not None and s == normalised(item["gold"]) for s, item in zip(said, items)]
    table = summary(items, list(zip(said, right)))
    return {"official": None, "robust": None, "exact": {k: v for k, v in table.items() if k not in ("answers", "gold", "answered_only")}}, right


def score(benchmark, task, items, replies, embedder=None):
    """({"official": table, "robust": table, ...: None where there is none}, the official score of every item for a paired test: right or wrong, or IoU)."""
    if benchmark == "fine-diving":
        return score_numbers(items, replies, embedder)
    if benchmark in ("charades-sta", "qvhighlights"):
        return score_windows(benchmark, items, replies, embedder)
    if benchmark == "open-qa":
        return score_free_text(items, replies)
    if task == "captioning":  # has no rule without a judge
        return {"official": None, "robust": None}, None
    decimals = 1 if benchmark == "tempcompass" else 2
    results, robust = [chosen(benchmark, task, item, replies[item["id"]]) for item in items], verified(items, replies, embedder)
    return {"official": summary(items, results, decimals), "robust": robust and summary(items, told(robust), decimals)}, [right for _, right in results]


def to_judge(benchmark, task, items, replies):
    """The items a judge must see: every answered one of open-qa and captioning; of TempCompass's other tasks those that no rule matches."""
    answered = [item for item in items if replies[item["id"]].state == "answered"]
    if benchmark == "open-qa" or task == "captioning":
        return answered
    return [item for item in answered if chosen(benchmark, task, item, replies[item["id"]])[0] is None]


def judged(benchmark, task, items, replies, said):
    """(table, right per item) with a judge's raw replies {id: text or None} where the rules ask for one.

    `unparsable` and `unjudged` replies are wrong and counted; `answered_only` leaves them out, as the Video-ChatGPT protocol does.
    """
    asked, results, scores = {item["id"] for item in to_judge(benchmark, task, items, replies)}, [], []
    for item in items:
        if item["id"] in asked:
            right, points = verdict(benchmark, task, item, said[item["id"]]) if said.get(item["id"]) is not None else (None, None)
            results.append((None if right is None else "yes" if right else "no", bool(right)))
            scores += [points] if points is not None else []
        elif benchmark == "open-qa" or task == "captioning":
            results.append((None, False))
        else:
            results.append(chosen(benchmark, task, item, replies[item["id"]]))
    unjudged = sum(said.get(id) is None for id in asked)
    unread = sum(r[0] is None for i, r in zip(items, results) if i["id"] in asked) - unjudged
    table = summary(items, results, 1 if benchmark == "tempcompass" else 2) | {"asked": len(asked), "unparsable": unread, "unjudged": unjudged}
    if benchmark == "open-qa":
        table |= {"mean_score": round(sum(scores) / len(scores), 4) if scores else None, "scores": len(scores)}
    return {k: v for k, v in table.items() if k != "gold"}, [right for _, right in results]
