"""NExT-QA, open answers (Xiao et al., CVPR 2021): a few words each, scored by WUPS."""

from lib.benchmarks.common import fields, item_of, not_expected
from lib.benchmarks.nextqa import GROUPS
from lib.benchmarks.predictions import common_rows
from lib.benchmarks.tables import mean_of, means_by_group
from lib.benchmarks.wups import content_words, tagger, wups
from lib.records import StageError
from lib.table import read_json, read_rows

NOTE = (
    "WUPS of the official eval_oe.py as NLTK 3.5 has it, by which the published figures were made; "
    "counting and yes/no by equality"
)
META = True  # further references: its add_reference_answer_test.json
PROMPT = "{}\nAnswer the question with a few words only."
TAGGED = "perceptron tagger of NLTK"
UNTAGGED = (
    "none: the kind of a word is guessed, and the figures are up to 0.3 from the official ones; for those, "
    "once: python -m nltk.downloader averaged_perceptron_tagger_eng"
)
# its stopwords.txt: NLTK's for English without those that tell a place, an amount or a denial
STOPWORDS = frozenset(
    """
    i me my myself we our ours ourselves you you're you've you'll you'd your yours yourself yourselves he
    him his himself she she's her hers herself it it's its itself they them their theirs themselves what
    which who whom this that that'll these those am is are was were be been being have has had having do
    does did doing a an the and but if or because as until while to from of at for with about into through
    during again further then here there when where why how all any each most other some such only own so
    than too very s t can will just don don't should should've now d ll m o re ve y ain aren aren't couldn
    couldn't didn didn't doesn doesn't hadn hadn't hasn hasn't haven haven't isn isn't ma mightn mightn't
    mustn mustn't needn needn't shan shan't shouldn shouldn't wasn wasn't weren weren't won won't wouldn
    wouldn't
    """.split()
)


def load(path, task=None, meta=None):
    """Items of its CSV; id video_qid. `meta`: {video: {qid: a second reference}}; the better one counts."""
    items, further = [], references(meta) if meta else {}
    for where, row in read_rows(path):
        video, question, answer, qid, kind = fields(where, row, "video", "question", "answer", "qid", "type")
        kind = "TN" if kind == "TP" else kind
        groups = {"group": GROUPS.get(kind[0], kind), "type": kind}
        id, prompt = f"{video}_{qid}", PROMPT.format(question.strip())
        gold = [str(answer), *further.get(id, [])]
        label = ("text", str(answer), {})
        items.append(item_of(id, video, question, prompt, gold, label, groups, gold, kind=kind))
    return items


def references(path):
    """{id: [further reference]} of a file {video: {qid: answer}}."""
    found = {}
    for where, place, row in nested_rows(path):
        if place is None or not isinstance(row, str):
            raise StageError(f"{where}: found {row!r:.60}, expected {{video: {{qid: answer}}}}")
        found[place] = [row]
    return found


def nested_rows(path):
    """(where, "video_qid", answer) of {video: {qid: answer}}; (where, None, value) of what is no object."""
    whole = read_json(path)
    for video, answers in whole.items() if isinstance(whole, dict) else [("", whole)]:
        if not isinstance(answers, dict):
            yield f"{path}: {video}", None, answers
            continue
        for qid, answer in answers.items():
            yield f"{path}: {video}: {qid}", f"{video}_{qid}", answer


def prediction_rows(path):
    """Rows of a predictions file, which may be the official {video: {qid: answer}}."""
    if str(path).endswith(".json"):
        whole = read_json(path)
        answers = list(whole.values()) if isinstance(whole, dict) else []
        if answers and all(isinstance(a, dict) and all(map(str.isdigit, a)) for a in answers):
            for where, id, answer in nested_rows(path):
                yield where, None, {"id": id, "prediction": answer}
            return
    yield from common_rows(path)


def wups_of(item, reply, threshold):
    """WUPS of a reply, 0 to 1; of several references the better counts. Raises StageError for no text."""
    if reply.state != "answered":
        return 0.0
    if not isinstance(reply.value, str):
        raise not_expected(reply, item, "a text")
    answer = content_words(reply.value, STOPWORDS)
    golds = [content_words(gold, STOPWORDS) for gold in item["gold"]]
    if item["kind"] in ("DC", "DB"):
        return float(answer in golds)
    return max(wups(answer, gold, threshold) for gold in golds)


def score(items, replies, embedder):
    """(tables, WUPS of every item): means in percent, over all, the three groups and the types."""
    scores = [wups_of(item, replies[item["id"]], 0.0) for item in items]
    strict = [wups_of(item, replies[item["id"]], 0.9) for item in items]
    answered = sum(replies[item["id"]].state == "answered" for item in items)
    table = {
        "count": len(items),
        "matched": answered,
        "unmatched": len(items) - answered,
        "means": {"WUPS": mean_of(items, scores), **means_by_group("WUPS", items, scores)},
        "by": {},
        "tagger": TAGGED if tagger() else UNTAGGED,
    }
    table["means"]["WUPS@0.9"] = mean_of(items, strict)
    if not tagger():
        print(f"part-of-speech tagger: {UNTAGGED}", flush=True)
    return {"official": table, "robust": None}, scores
