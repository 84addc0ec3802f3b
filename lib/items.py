"""The files of the benchmarks: their questions as items, and predictions in the formats in which they are published, joined to them.

An item is one question: {"id", "video", "question", "prompt" (as the benchmark asks it), "gold", "labels" (for our verifier), "groups" (what it is
counted by), "place" and "texts" (by what a prediction without an id is found), "stated" (how prediction files write the gold), ...}.
What does not fit is a StageError that names file and key: unknown, duplicate and differing questions; a missing prediction is counted.
"""
import csv
import json
import os
import re
from collections import Counter, defaultdict
from typing import NamedTuple

from lib.prompts import strip_placeholders
from lib.records import StageError, read_records, video_path


# ---------------------------------------------------------------- files

def contents(path):
    """The bytes of a file that must be there."""
    if not os.path.isfile(path):
        raise StageError(f"{path}: no such file")
    with open(path, "rb") as file:
        return file.read()


def parsed_json(where, text):
    """A JSON value. Raises StageError where it is none, or names a key twice: json alone would keep the last one silently."""
    def unique(pairs):
        twice = [key for key, n in Counter(key for key, _ in pairs).items() if n > 1]
        if twice:
            raise StageError(f"{where}: duplicate key {twice[0]!r} in one object, expected each once; remove one of them")
        return dict(pairs)
    try:
        return json.loads(text, object_pairs_hook=unique)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StageError(f"{where}: not JSON ({error}); found {text[:60]!r}") from None


def read_json(path):
    return parsed_json(path, contents(path))


def one_a_line(path, text):
    """Whether a file is JSONL, whatever it is called: its first line is a JSON object with another one after it, or the name says so."""
    first, _, rest = text.strip().partition(b"\n")
    return str(path).endswith(".jsonl") or first.endswith(b"}") and rest.startswith(b"{")


def read_rows(path):
    """[(where, row)] of a CSV, JSONL or JSON file; of a JSON object the rows are its (key, value). A JSONL's last line may lack its line end."""
    text = contents(path)
    if str(path).endswith(".csv"):
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            return [(f"{path}:{reader.line_num}", row) for row in reader]
    if one_a_line(path, text):
        return [(f"{path}:{n}", parsed_json(f"{path}:{n}", line)) for n, line in enumerate(text.split(b"\n"), 1) if line.strip()]
    whole = read_json(path)
    if not isinstance(whole, (dict, list)):
        raise StageError(f"{path}: found a {type(whole).__name__}, expected a list or an object")
    return [(f"{path}: {key}", (key, value)) for key, value in whole.items()] if isinstance(whole, dict) else [(f"{path}[{i}]", row) for i, row in enumerate(whole)]


def fields(where, row, *names):
    """The named fields of a row of a question file, the first of several names that is there; StageError names the one that is missing."""
    if not isinstance(row, dict):
        raise StageError(f"{where}: found {type(row).__name__}, expected an object with {', '.join(names)}")
    found = []
    for name in names:
        key = next((n for n in name.split("|") if row.get(n) is not None), None)
        if key is None:
            raise StageError(f"{where}: no {name.replace('|', ' or ')}; is this the question file of that benchmark?")
        found.append(row[key])
    return found


def letter(index):
    return chr(ord("A") + index)


def stem(video):
    """A video's name without the suffix of a video or image file."""
    return re.sub(r"\.(?:mp4|mkv|webm|avi|mov|m4v|gif|jpg)$", "", str(video), flags=re.I)


def plain(text):
    """A text to compare by: single spaces, no <video>."""
    return " ".join(strip_placeholders(str(text)).split())


# ---------------------------------------------------------------- questions

def item_of(id, video, question, prompt, gold, label, groups, stated, place=(), **more):
    """An item; `label` is (kind, value, more keys) or None where our verifier has nothing to say."""
    labels = [{"name": "answer", "kind": label[0], "value": label[1], **label[2]}] if label else []
    return {"id": str(id), "video": str(video), "question": question, "prompt": prompt, "gold": gold, "labels": labels, "groups": groups,
            "stated": {plain(s) for s in stated}, "place": place or (stem(video),), "texts": {plain(question), plain(prompt)}, **more}


def choice_of(where, id, video, question, options, index, prompt, groups, stated, **more):
    """A multiple-choice item with its gold option by `index` (as a number or in digits)."""
    index = int(index) if str(index).isdigit() else -1
    if not 0 <= index < len(options):
        raise StageError(f"{where}: the answer {stated[0]!r} is not among the options {options!r}")
    return item_of(id, video, question, prompt, letter(index), ("choice", letter(index), {"options": options}), groups, stated, options=options, **more)


SUFFIX = {"multi-choice": "\nPlease directly give the best option:", "yes_no": "\nPlease answer yes or no:",
          "caption_matching": "\nPlease directly give the best option:", "captioning": ""}  # TempCompass's run_video_llava/inference_dataset.py


def tempcompass(path, task, meta):
    """TempCompass: {video: {aspect: [{"question", "answer"}]}}; fine aspects from meta_info.json, captioning's choices from multi-choice.json beside it."""
    fine, (_, *beside) = read_json(meta) if meta else None, question_files(path, task)
    choices = {stem(video): aspects for video, aspects in read_json(beside[0]).items()} if beside else {}
    items = []
    for where, video, aspect, n, entry in nested(path):
        question, answer = fields(where, entry, "question", "answer")
        groups, lines = {"aspect": aspect}, question.split("\n")[1:]
        try:
            groups |= {"fine aspect": "order" if aspect == "order" else fine[video]["eval_dim"][aspect]["type"]} if meta else {}
            first = choices[video][aspect][0] if choices else {}
        except (KeyError, TypeError, IndexError):
            raise StageError(f"{where}: not in {' or '.join(filter(None, [meta, *beside]))}; use the files of one release of TempCompass") from None
        more, stated, label = {}, [answer], None
        if task == "multi-choice":
            options = [match[1] for line in lines if (match := re.match(r"[A-D][.)] ?(.+)", line))]
            label = ("choice", answer[0], {"options": options}) if answer[:1] in map(letter, range(len(options))) else None
        elif task == "yes_no":
            label = ("boolean", answer == "yes", {})
        elif task == "caption_matching":
            if not all(re.match(r"\S+ \S+: ", line) for line in [answer, *lines]):
                raise StageError(f"{where}: answer {answer!r} and options {lines!r}, expected each as 'Option 1: ...', 'Sentence A: ...' or 'Caption A: ...'")
            more["lines"] = lines
            label = ("choice", letter(lines.index(answer)), {"options": [line.split(": ")[1] for line in lines]}) if answer in lines else None
        else:
            more, stated = {"choice": first}, [answer, first["answer"]]
        items.append(item_of(f"{video}/{aspect}/{n}", video, question, question + SUFFIX[task], answer, label, groups, stated, place=(video, aspect), **more))
    return items


def question_files(path, task=None):
    """All files that make up a benchmark's questions: of MVBench those in the folder, of TempCompass's captioning the choices beside it too."""
    if os.path.isdir(path):
        return sorted(os.path.join(path, name) for name in os.listdir(path) if name.endswith(".json"))
    return [path] + ([os.path.join(os.path.dirname(path), "multi-choice.json")] if task == "captioning" else [])


def nested(path):
    """(where, video, aspect, n, entry) of a file in TempCompass's format; ids lose .jpg and .mp4 as in the official utils/eval_utils.py."""
    data = read_json(path)
    if not isinstance(data, dict):
        raise StageError(f"{path}: found a {type(data).__name__}, expected {{video id: {{aspect: [item, ...]}}}}")
    for raw, aspects in data.items():
        if not isinstance(aspects, dict) or not all(isinstance(entries, list) for entries in aspects.values()):
            raise StageError(f"{path}: {raw}: expected {{aspect: [item, ...]}}")
        video = raw.replace(".jpg", "").replace(".mp4", "")
        for aspect, entries in aspects.items():
            for n, entry in enumerate(entries):
                yield f"{path}: {raw}/{aspect}[{n}]", video, aspect, n, entry


def nextqa(path, task, meta):
    """NExT-QA's multiple-choice CSV; id video_qid as its prediction files have it; TP counts as TN, as in its eval_mc.py."""
    items = []
    for where, row in read_rows(path):
        video, question, qid, kind, answer, *options = fields(where, row, "video", "question", "qid", "type", "answer", "a0", "a1", "a2", "a3", "a4")
        groups = {"group": {"C": "causal", "T": "temporal", "D": "descriptive"}.get(kind[0], kind), "type": "TN" if kind == "TP" else kind}
        options = [option.strip() for option in options]
        listed = "\n".join(f"{letter(i)}. {option}" for i, option in enumerate(options))
        prompt = f"{question.strip()}\n{listed}\nAnswer with the option's letter from the given choices directly."
        items.append(choice_of(where, f"{video}_{qid}", video, question, options, answer, prompt, groups, [answer]))
    return items


def star(path, task, meta):
    """STAR's questions as IG-VLM's CSV, or STAR's own JSON; the video's name holds the clip's times. The prompt is IG-VLM's, without its words on image grids."""
    items = []
    for where, row in read_rows(path):
        if isinstance(row, dict) and "choices" in row:  # STAR_val.json
            id, video, question, answer = fields(where, row, "question_id", "video_id", "question", "answer")
            options, video = [c["choice"] for c in row["choices"]], f"{video}_{row['start']}_{row['end']}"
            index = options.index(answer) if answer in options else -1
        else:
            id, video, question, answer, index = fields(where, row, "question_id", "video_name", "question", "answer", "answer_number")
            options = [row[f"a{i}"] for i in range(5) if row.get(f"a{i}")]
        listed = " ".join(f"{letter(i)}:{option}." for i, option in enumerate(options))
        prompt = f"Select correct option to answer the question.\nQuestion: {question} {listed} \nSelect the correct answer from the options."
        groups = {"type": id.split("_")[0], "template": "_".join(id.split("_")[:2])}
        items.append(choice_of(where, id, video, question, options, index, prompt, groups, [answer, index]))
    return items


MVBENCH = ("Carefully watch the video and pay attention to the cause and sequence of events, the detail and movement of objects, and the action and pose of persons. "
           "Based on your observations, select the best option that accurately addresses the question.\n")


def mvbench(path, task, meta):
    """MVBench: one JSON file of a task, or the folder of all; id task/number, since its files have none."""
    items = []
    for file in question_files(path):
        name = os.path.basename(file).removesuffix(".json")
        for n, (where, row) in enumerate(read_rows(file)):
            video, question, options, answer = fields(where, row, "video", "question", "candidates", "answer")
            index = options.index(answer) if answer in options else -1
            asked = f"Question: {question}\nOptions:\n" + "\n".join(f"({letter(i)}) {o}" for i, o in enumerate(options))
            clip = {"start": row["start"], "end": row["end"]} if row.get("end") is not None else {}
            items.append(choice_of(where, f"{name}/{n}", video, question, options, index, f"{MVBENCH}{asked}\nOnly give the best option.",
                                   {"task": name.replace("_", " ")}, [answer, f"({letter(index)}) {answer}"], **clip))
    return items


def videomme(path, task, meta):
    """Video-MME: the official JSON (videos with their questions), or one question a row as on the hub."""
    items = []
    for where, row in read_rows(path):
        video, duration, domain, part = fields(where, row, "videoID|video_id", "duration|duration_category", "domain|video_category",
                                               "sub_category|video_sub_category|video_subcategory")
        for n, asked in enumerate(row.get("questions", [row])):
            id, kind, question, options, answer = fields(f"{where} question {n}", asked, "question_id", "task_type", "question", "options|choices", "answer")
            prompt = ("Select the best answer to the following multiple-choice question based on the video. Respond with only the letter (A, B, C, or D) "
                      "of the correct option.\n" + "\n".join([question, *options]) + "\nThe best answer is:")
            items.append(choice_of(where, id, video, question, [re.sub(r"^[A-D]\. ", "", o) for o in options], "ABCD".find(answer), prompt,
                                   {"duration": duration, "domain": domain, "sub category": part, "task": kind}, [answer]))
    return items


GROUNDING = ("Please find the visual event described by a sentence in the video, determining its starting and ending times. The format should be: "
             "'The event happens in the start time - end time'. For example, The event 'person turn a light on' happens in the 24.3 - 30.4 seonds. "
             "Now I will give you the textual sentence: {}. Please return its start time and end time.")  # lmms-eval's, its spelling included


def charades(path, task, meta):
    """Charades-STA: "video start end##sentence" a line; id video#n, so that no two lines collapse; durations from --meta, where given."""
    durations, seen, items = read_json(meta) if meta else {}, Counter(), []
    for number, line in enumerate(contents(path).decode(errors="replace").split("\n"), 1):
        match = re.fullmatch(r"(\S+) ([\d.]+) ([\d.]+)##(.+)", line.strip())
        if match is None and line.strip():
            raise StageError(f"{path}:{number}: found {line[:60]!r}, expected 'video start end##sentence'")
        if match:
            video, window, sentence = match[1], [float(match[2]), float(match[3])], match[4].strip()
            duration = {"duration": float(*fields(f"{meta}: {video}", durations[video], "duration"))} if video in durations else {}
            items.append(item_of(f"{video}#{seen[video]}", video, sentence, GROUNDING.format(sentence.rstrip(".")), [window], ("interval", window, {}), {}, [],
                                 place=(video, *window), **duration))
            seen[video] += 1
    return items


def qvhighlights(path, task, meta):
    """QVHighlights' JSONL; a query may have several windows. It has no prompt for chat models: Charades-STA's is asked."""
    items = []
    for where, row in read_rows(path):
        qid, video, query, windows, duration = fields(where, row, "qid", "vid", "query", "relevant_windows", "duration")
        if not windows:
            raise StageError(f"{where}: no relevant_windows; the test split without them cannot be scored here")
        items.append(item_of(qid, video, query, GROUNDING.format(query.rstrip(".")), windows, ("interval", windows[0], {}), {}, [], duration=duration))
    return items


def open_qa(path, task, meta):
    """MSVD-QA, MSRVTT-QA, TGIF-QA, ActivityNet-QA: Chat-UniVi's JSON or IG-VLM's CSV; the bare question is asked, as by Video-LLaVA."""
    items, seen = [], Counter()
    for where, row in read_rows(path):
        video, question, answer = fields(where, row, "video_name|video", "question", "answer")
        groups = {"type": row["question_type"]} if row.get("question_type") else {}
        id = row.get("question_id") or f"{stem(video)}#{seen[stem(video)]}"
        items.append(item_of(id, video, question, question, str(answer), ("text", str(answer), {}), groups, [answer]))
        seen[stem(video)] += 1
    return items


def fine_diving(path, task, meta):
    """Dives as records of 01_prepare.py; scored are those with a number label (of several the one whose name holds "score")."""
    items = []
    for record in read_records(path):
        numbers = [label for label in record["labels"] if label["kind"] == "number"]
        label = next((l for l in numbers if "score" in l["name"]), numbers[0] if numbers else None)
        item = item_of(record["id"], record["video"], record["question"], record["question"], label and float(label["value"]), None, {}, [])
        where = {"file": os.path.abspath(video_path(record, path)), **{key: record[key] for key in ("start", "end", "duration") if key in record}}
        items.append({**item, "labels": record["labels"], "which": record["labels"].index(label) if label else None, **where})
    if all(item["which"] is None for item in items):
        raise StageError(f"{path}: no record has a number label, expected the scores of dives")
    return items


LOADERS = {"tempcompass": tempcompass, "nextqa": nextqa, "star": star, "mvbench": mvbench, "videomme": videomme, "charades-sta": charades, "qvhighlights": qvhighlights,
           "open-qa": open_qa, "fine-diving": fine_diving}


def read_items(benchmark, path, task=None, meta=None):
    """The items of a benchmark's question file. Raises StageError for another format, or an id that stands twice."""
    items = LOADERS[benchmark](path, task, meta)
    twice = [id for id, n in Counter(item["id"] for item in items).items() if n > 1]
    if twice or not items:
        raise StageError(f"{path}: duplicate id {twice[0]!r}, ids must be unique" if twice else f"{path}: no questions")
    return items


# ---------------------------------------------------------------- predictions

class Reply(NamedTuple):
    """What a predictions file holds for an item: the text, index, number or windows `said`, or why there is none; `judged`: an official judge's words."""
    said: object
    state: str  # answered, missing (no line), null, empty, failed (an error instead of an answer)
    judged: str | None = None


# in this order: TempCompass takes "response" where "prediction" is not there
SAID = ("prediction", "response", "pred", "pred_relevant_windows", "text", "video-llm-prediction")


def prediction_rows(path, benchmark):
    """(where, row) of a predictions file in our format (JSONL with id and answer) or the benchmark's own; a gold "answer" in it becomes "gt-answer"."""
    own = lambda row: {"gt-answer" if key == "answer" else key: value for key, value in row.items()}
    rows = read_rows(path)
    if benchmark == "tempcompass" and rows and isinstance(rows[0][1], tuple):
        for where, video, aspect, _, entry in nested(path):
            if not isinstance(entry, dict):
                raise StageError(f"{where}: found {type(entry).__name__}, expected an object with question and prediction")
            yield where, {**own(entry), "video": video, "aspect": aspect}
        return
    for where, row in rows:
        if isinstance(row, tuple):  # {id: prediction} or {id: {"prediction", "answer": gold}}
            row = {"id": row[0], **(own(row[1]) if isinstance(row[1], dict) else {"prediction": row[1]})}
        if not isinstance(row, dict):
            raise StageError(f"{where}: found {type(row).__name__}, expected an object")
        if benchmark == "videomme" and "questions" in row:
            yield from ((f"{where} question {n}", own(asked)) for n, asked in enumerate(row["questions"]))
        elif benchmark == "charades-sta" and str(row.get("id", "")).count(">>>") == 2:  # lmms-eval's "video>>>sentence>>>[start, end]"
            video, sentence, window = row["id"].split(">>>")
            yield where, {**row, "id": None, "video": video, "question": sentence, "window": re.findall(r"[\d.]+", window)}
        else:
            if benchmark == "nextqa" and "qid" in row and "video" in row:
                row = {"id": f"{row['video']}_{row['qid']}", **row}
            yield where, row


def reply_of(where, row):
    """The Reply of a row. Raises StageError for a type that no reply has."""
    key = next((k for k in SAID if k in row), None)
    if key is None and "answer" in row and ("origin" in row or "question" not in row):
        key = "answer"  # our own format; beside a question alone it might be the gold answer
    if key is None:
        return Reply(None, "failed" if "error" in row else "missing")
    said, judged = row[key], row.get("chatgpt-response", row.get("chatgpt-answer"))
    if isinstance(said, bool) or not (said is None or isinstance(said, (str, int, float, list))):
        raise StageError(f"{where}: {key} is {said!r}, expected a text, a number, a list of times or null")
    nothing = said == [] or isinstance(said, str) and not said.replace("</s>", "").strip()
    return Reply(said, "null" if said is None else "empty" if nothing else "answered", judged)


APPENDED = re.compile(r" (?:please|best option|answer|only give|select|respond|give)\b.{0,100}", re.I)


def asks(text, question):
    """Whether a predictions file's question is this one, as it is or with a prompt appended."""
    return text == question or text.startswith(question) and APPENDED.fullmatch(text[len(question):]) is not None


def find_item(where, row, by_id, by_text, taken):
    """The item that a row answers: by id, else by place (video, aspect) and question text, of equal ones the next in order.

    Raises StageError for one that is not there, or not the same question.
    """
    id = None if "aspect" in row else next((row[k] for k in ("id", "question_id", "qid") if row.get(k) is not None), None)
    text = plain(row.get("question", row.get("prompt", "")))
    if id is not None:
        item = by_id.get(str(id))
        if item is None:
            raise StageError(f"{where}: id {id!r} is not among the questions; are these predictions of another file?")
        if "question" in row and not any(asks(text, question) for question in item["texts"]):
            raise StageError(f"{where}: question differs for id {id!r}: found {text!r}, expected {plain(item['question'])!r}")
        return item
    place = stem(row.get("video", row.get("video_name", "")))
    place = (place, row["aspect"]) if "aspect" in row else (place, *map(float, row["window"])) if "window" in row else (place,)
    if place not in by_text:
        raise StageError(f"{where}: {'/'.join(map(str, place))!r} is not among the questions; are these predictions of another file?")
    found = by_text[place].get(text) or next((items for question, items in by_text[place].items() if asks(text, question)), None)
    if found is None and "question" not in row and "chatgpt-answer" in row:  # TempCompass's evaluated captions: all of one place have the same gold
        found = list({item["id"]: item for items in by_text[place].values() for item in items}.values())
    if found is None:
        raise StageError(f"{where}: question differs: {text!r} is none of the questions on {'/'.join(map(str, place))!r}; "
                         "use the question file these predictions were made with")
    return next((item for item in found if item["id"] not in taken), found[-1])


def read_replies(path, items, benchmark):
    """({id: Reply} for all items, those without a line as "missing"; where the file states another gold answer than the questions, which alone decide).

    Raises StageError for an unknown, duplicate or differing question.
    """
    by_id, by_text = {item["id"]: item for item in items}, defaultdict(lambda: defaultdict(list))
    for item in items:
        for text in item["texts"]:
            by_text[item["place"]][text].append(item)
    replies, differing = {}, []
    for where, row in prediction_rows(path, benchmark):
        item = find_item(where, row, by_id, by_text, replies)
        if item["id"] in replies:
            raise StageError(f"{where}: second answer to {item['id']!r}; one answer per question")
        replies[item["id"]] = reply_of(where, row)
        gold = row.get("gt-answer", row.get("answer") if any(k in row for k in SAID) else None)
        if gold is not None and item["stated"] and plain(gold) not in item["stated"]:
            differing.append(where)
    if replies and all(reply.state == "missing" for reply in replies.values()):
        raise StageError(f"{path}: no row holds a reply, expected one of {', '.join(SAID)}, or id and answer")
    return {item["id"]: replies.get(item["id"], Reply(None, "missing")) for item in items}, differing


def states(items, replies):
    """How many items were answered, and how many not for which reason."""
    found = Counter(replies[item["id"]].state for item in items)
    return {state: found[state] for state in ("answered", "missing", "null", "empty", "failed")}


# ---------------------------------------------------------------- videos

SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".gif")


def find_videos(folder):
    """{name without suffix: [path, ...]} of the videos in a folder and below, by file name and by path. Raises StageError where there is none."""
    found = defaultdict(list)
    for root, _, names in os.walk(folder, followlinks=True):
        for name in sorted(n for n in names if n.lower().endswith(SUFFIXES)):
            for key in {stem(name), stem(os.path.relpath(os.path.join(root, name), folder))}:
                found[key].append(os.path.abspath(os.path.join(root, name)))
    if not found:
        raise StageError(f"{folder}: no videos in it or below, expected files such as NAME.mp4, NAME as the question file has it")
    return found


def record_of(item, found, folder, predictions):
    """An item as a record to ask: its own prompt, and its video by name, or (video_start_end) as a clip of the whole video.

    A video that is not there fails when it is read.
    """
    name, bounds = stem(item["video"]), (item.get("start"), item.get("end"))
    clip = re.fullmatch(r"(.+)_(\d+\.\d+)_(\d+\.\d+)", name)
    tries = [(name, *bounds), (os.path.basename(name), *bounds), (f"v_{name}", *bounds), *([(clip[1], float(clip[2]), float(clip[3]))] if clip else [])]
    for key, start, end in [] if "file" in item else tries:
        if len(found.get(key, [])) > 1:
            raise StageError(f"{folder}: several files for the video {item['video']!r}: {found[key][0]} and {found[key][1]}; leave one")
        if key in found:
            path = found[key][0]
            break
    else:
        path, (start, end) = item.get("file", os.path.join(os.path.abspath(folder or ""), f"{name}.mp4")), bounds
    times = {key: value for key, value in (("start", start), ("end", end)) if value is not None}
    labels = item["labels"] or [{"name": "answer", "kind": "text", "value": str(item["gold"])}]
    return {"id": item["id"], "video": os.path.relpath(path, os.path.dirname(os.path.abspath(predictions))), "question": item["prompt"], "labels": labels, **times}
