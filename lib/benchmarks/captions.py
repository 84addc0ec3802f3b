"""Captions of clips against references: CIDEr-D, BLEU and ROUGE-L as pycocoevalcap has them, without Java."""

import numpy as np

from lib.benchmarks.caption_scores import bleu, cider, rouge_l, words_of
from lib.benchmarks.common import item_of, not_expected
from lib.benchmarks.predictions import common_rows
from lib.benchmarks.tables import mean_of
from lib.captions import read_captions
from lib.prompts import CAPTION

NOTE = (
    "CIDEr-D, BLEU and ROUGE-L of pycocoevalcap, NLTK's Treebank tokenizer in place of Stanford's; "
    "METEOR and SPICE, which are Java, are not computed"
)


def load(path, task=None, meta=None):
    """Items of a captions file (see lib/captions): a clip each, its captions the references."""
    return [
        item_of(
            clip.id,
            clip.video,
            CAPTION,
            CAPTION,
            clip.captions,
            ("text", clip.captions[0], {}),
            {},
            [],
            place=(clip.id,),
            start=clip.start,
            end=clip.end,
        )
        for clip in read_captions(path)
    ]


def prediction_rows(path):
    """Rows of a predictions file; COCO's results name the clip image_id and say caption."""
    for where, place, row in common_rows(path):
        if "caption" in row and "prediction" not in row:
            row = {"id": row.get("id", row.get("image_id", row.get("video"))), "prediction": row["caption"]}
        yield where, place, row


def caption_of(item, reply):
    """The words of a reply; () where there is none. Raises StageError for what is no text."""
    if reply.state != "answered":
        return ()
    if not isinstance(reply.value, str):
        raise not_expected(reply, item, "a text")
    return words_of(reply.value)


def score(items, replies, embedder):
    """(tables, CIDEr-D of every clip). BLEU is of the whole set, the others are means over clips; all times
    100.
    """
    captions = [caption_of(item, replies[item["id"]]) for item in items]
    references = [[words_of(text) for text in item["gold"]] for item in items]
    scores = cider(captions, references)
    rouge = [rouge_l(words, each) for words, each in zip(captions, references)]
    answered = sum(replies[item["id"]].state == "answered" for item in items)
    blues = {f"BLEU-{n}": round(100 * value, 2) for n, value in enumerate(bleu(captions, references), 1)}
    table = {
        "count": len(items),
        "matched": answered,
        "unmatched": len(items) - answered,
        "means": {"CIDEr": mean_of(items, scores), "ROUGE-L": mean_of(items, rouge), **blues},
        "by": {},
        "references": sum(map(len, references)),
        "document_frequency": f"of the references of these {len(items)} clips",
        "words": round(float(np.mean([len(words) for words in captions])), 2),
        "distinct": len(set(captions)),
    }
    return {"official": table, "robust": None}, scores
