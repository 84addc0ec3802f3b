"""Captions as answers: which answers are none, and what a thousand clips cost (VIIT, section 5.4).

Labelled by machine, a set of clips is as good as its worst captions are rare: one that is empty, was cut off,
goes round in circles or fills in no more than a form is a failure with its reason.
"""

import re
import time
from collections import Counter

from lib.prompts import CAPTION, strip_placeholders

# LaViLa's (Zhao et al., CVPR 2023), the nearest open recipe by the same first author: VIIT names none
DEFAULTS = {"temperature": 0.7, "top_p": 0.95, "max_new_tokens": 77}

# signs of scripts without spaces are words of their own
WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")
SENTENCES = re.compile(r"[.!?。！？\n]+")
# times in a row that a phrase of so many words may not be said
LOOPS = {1: 5, 2: 4, 3: 4} | dict.fromkeys(range(4, 13), 3)

FORM = re.compile(
    r"""
    \W* (?:
        (?:insert|add|write|your|the|a|an|video|image|short)?\s* (?:alt[- ]?text|caption|description|title)
            (?:\s+(?:goes\s+)?here)?                                       # [insert caption here], <alt-text>
      | (?:no|without)\s+(?:alt[- ]?text|caption|description)(?:\s+(?:available|provided))?
      | n/?a | none | null | nil | undefined | untitled | unknown | tbd | to-?do | lorem\s+ipsum.*
      | (?:image|video|photo|picture|clip|gif|untitled)\s*\d*
    ) \W*
    """,
    re.I | re.X,
)
REFUSAL = re.compile(
    r"""
    \W*(?: (?:i['’]?m|i\s+am|we\s+are)\s+(?:sorry|unable|not\s+able)
         | (?:sorry|unfortunately|apologies)\b.*\b(?:can(?:not|['’]?t)|unable)
         | (?:i|we)\s+(?:can(?:not|['’]?t|\s+not)|don['’]?t|do\s+not|won['’]?t)\s+
           (?:see|view|watch|process|access|describe|generate|provide|help|assist|identify|determine|have)
         | as\s+an?\s+(?:ai|artificial|language|large)\b
         | 抱歉|对不起|我无法|我不能 )
    """,
    re.I | re.X,
)


def caption_problem(text, cut_off=False):
    """Why an answer is no caption, or None."""
    words = WORDS.findall(strip_placeholders(text).lower())
    if not words:
        return "no words but placeholders" if text.strip() else "empty"
    if loops(words) or repeats(text):
        return "says the same over and over"
    if cut_off:
        return "cut off at the limit of tokens"
    if words == WORDS.findall(CAPTION.lower()):
        return "repeats the prompt"
    if FORM.fullmatch(strip_placeholders(text)):
        return "a form that is not filled in"
    if REFUSAL.match(text):
        return "a refusal"
    return None


def loops(words):
    """Whether a phrase of up to 12 words is said more often in a row than any caption would (LOOPS)."""
    for length, times in LOOPS.items():
        run = 0
        for one, other in zip(words, words[length:]):
            run = run + 1 if one == other else 0
            # a long phrase's last turn may lack its last word
            if run >= (times - 1) * length - (length > 3):
                return True
    return False


def repeats(text):
    """Whether a sentence of at least three words stands three times in a text."""
    sentences = (tuple(WORDS.findall(part.lower())) for part in SENTENCES.split(text))
    return max(Counter(words for words in sentences if len(words) > 2).values(), default=0) > 2


def checked(record):
    """An answered record; where its answer is no caption, with the reason as its `error`."""
    if "error" in record or not isinstance(record.get("answer"), str):
        return record
    problem = caption_problem(record["answer"], record.get("truncated", False))
    return {**record, "error": f"no caption: {problem}"} if problem else record


class Tally:
    """What captions of this process cost, and why some are none."""

    def __init__(self):
        self.began, self.captions, self.words, self.failures = time.time(), 0, 0, Counter()

    def add(self, records):
        for record in records:
            if "error" in record:
                self.failures[record["error"].split(": ")[-1] if "answer" in record else "no answer"] += 1
            else:
                self.captions += 1
                self.words += len(WORDS.findall(record["answer"]))

    def lines(self, report, samples, price):
        """Yields what is printed at the end: failures by reason, speed, and what a thousand clips take.

        `report`: the model's; `price`: of an hour of this process, or of a million prompt and new tokens.
        """
        failed = sum(self.failures.values())
        # a thousand clips load the model once, as these few did
        seconds = report.get("speed", {}).get("seconds") or time.time() - self.began
        clips = (self.captions + failed) / samples
        if not clips:
            return
        usage = report.get("served", {}).get("usage")
        if usage:
            tokens = usage["prompt_tokens"], usage["completion_tokens"]
        else:
            tokens = report["speed"]["prompt_tokens"], report["speed"]["new_tokens"]
        reasons = ", ".join(f"{number} {reason}" for reason, number in self.failures.most_common())
        yield (
            f"{self.captions:,} captions of {self.words / max(self.captions, 1):.1f} words, "
            f"{failed:,} failed{f' ({reasons})' if reasons else ''}, {clips / seconds:.1f} clips/s"
        )
        spent = [1000 * part / clips for part in (seconds, *tokens)]
        cost = ""
        if price:
            paid = sum(p * t / 1e6 for p, t in zip(price, spent[1:])) if usage else price[0] * spent[0] / 3600
            cost = f", {paid:,.2f} at {' and '.join(f'{p:g}' for p in price)}"
            cost += " a million tokens" if usage else " an hour"
        yield (
            f"a thousand clips: {spent[0]:,.1f} s of this process, {spent[1]:,.0f} prompt tokens, "
            f"{spent[2]:,.0f} new tokens{cost}"
        )
