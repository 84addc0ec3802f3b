"""A judge's verdicts on text labels: what it is to be asked, and what its replies decide."""

import json
import re

from lib.prompts import JUDGE, strip_placeholders
from lib.records import key_of
from lib.verifier.verdicts import Notes, verify, vocabularies

YES_OR_NO = re.compile(r"\b(yes|no)\b", re.I)


def judge_prompts(records, vocabulary=None):
    """{id: prompt} of every text label of `records` that an answer does not say word for word; the id names
    record, origin, sample and label.
    """
    records = list(records) if vocabulary is None else records
    vocabulary = vocabularies(records) if vocabulary is None else vocabulary
    prompts = {}
    for record in records:
        checks = verify(record, vocabulary, Notes())["checks"]
        for label, check in zip(record["labels"], checks):
            if (
                label["kind"] == "text"
                and check["parsed"] is not None
                and not check["why"].startswith("said")
            ):
                texts = {
                    "question": record.get("question", ""),
                    "label": label["value"],
                    "answer": check["parsed"],
                }
                texts = {name: strip_placeholders(text).strip() for name, text in texts.items()}
                prompts[judgement_id(record, label)] = JUDGE.format(**texts)
    return prompts


def judgement_id(record, label):
    """By what a judgement is known."""
    return json.dumps([*key_of(record), label["name"]], ensure_ascii=False)


def with_judgements(record, replies):
    """A record with what the judge replied on its labels, as `verify` reads it."""
    own = {label["name"]: decided(replies.get(judgement_id(record, label))) for label in record["labels"]}
    return {**record, "judgements": own}


def decided(reply):
    """True, False, or None where a reply says neither yes nor no."""
    signs = YES_OR_NO.findall(reply or "")
    return signs[0].lower() == "yes" if signs and len({s.lower() for s in signs}) == 1 else None
