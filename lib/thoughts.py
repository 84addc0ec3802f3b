"""Thoughts: what a thinking model wrote before it answered. It is never the answer.

The tags of Qwen, DeepSeek and GLM (<think>), Kimi (◁think▷), Gemma (<|channel>thought), gpt-oss
(<|channel|>analysis), Magistral ([THINK]), Cohere (<|START_THINKING|>), of a terminal ("Thinking..."), and of
prompts that ask for <thinking> or <reasoning>; a closing tag stands alone where the chat template opened the
block.
"""

import re
from typing import NamedTuple

WORD = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|analysis|scratchpad|reflection|rationale|deliberation)"
TAG = re.compile(
    rf"""
    # "<think>", "</seed:think>", "<|begin_of_thought|>", "<|END_THINKING|>", "[/THINK]"
    (?:<\|?|\[|\u25c1)(?P<slash>/?)[ ]?(?P<before>(?:\w+[:_]){{0,2}}){WORD}
    (?P<behind>_(?:start|end|begin))?[ ]?(?:\|?>|\]|\u25b7)
    # "<|channel|>analysis<|message|>", "<|channel>thought ... <channel|>"
    | <\|?channel\|?>[ ]?(?P<channel>thought|analysis|commentary|final)\b(?:<\|message\|>)?
    | (?P<gemma><channel\|>)
    # what is left of the channels where a tokenizer drops its special tokens; a terminal's frame
    | \A(?P<bare>analysis)(?=[A-Z]) | \b(?P<left>assistantfinal)(?=\W|[A-Z])
    | \A[ ]?(?P<dots>Thinking\.\.\.)\n | (?P<done>\.\.\.done[ ]thinking\.)
    """,
    re.IGNORECASE | re.VERBOSE,
)


class Split(NamedTuple):
    thought: str
    answer: str  # what follows the last closing tag
    open: bool  # a thought was begun and never ended


def closes(tag):
    """Whether a tag ends a thought."""
    named = f"{tag['before'] or ''}{tag['behind'] or ''}".lower()
    ended = tag["slash"] or "end" in named or tag["gemma"] or tag["left"] or tag["done"]
    return bool(ended or (tag["channel"] or "").lower() == "final")


def split_thought(text, opened=False):
    """A text as its thought, its answer, and whether the thought never ended. `opened`: the prompt before it
    had begun a thought already.
    """
    text = OPENING + text if opened else text
    tags = (
        [*TAG.finditer(text)] if any(mark in text for mark in "<[\u25c1.") or text[:8] == "analysis" else []
    )
    ends = [tag for tag in tags if closes(tag)]
    at = ends[-1].end() if ends else 0
    thought, answer = text[: ends[-1].start()] if ends else "", text[at:]
    begin = next((tag for tag in tags if tag.start() >= at and not closes(tag)), None)
    if begin:
        return Split(thought + text[begin.end() :], text[at : begin.start()], True)
    return Split(thought, answer, False)


# as a text holds a thought where no template says otherwise
OPENING, CLOSING = "<think>", "</think>"


def without_tags(text):
    """A text without the tags of thoughts in it, stripped."""
    return TAG.sub("", text).strip()


def with_thought(thought, answer):
    """A thought and an answer as one text, which split_thought takes apart again."""
    return f"{OPENING}\n{without_tags(thought)}\n{CLOSING}\n\n{answer}"


def said_in(record):
    """(thought, answer) of a record with an answer, whether or not they are kept apart in it."""
    split = split_thought(record["answer"])
    thoughts = (record.get("thought") or "", split.thought)
    return "\n".join(filter(None, map(without_tags, thoughts))), split.answer
