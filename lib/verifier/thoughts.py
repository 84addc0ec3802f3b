"""Thoughts: what a thinking model wrote before it answered. It is never the answer.

The tags of Qwen, DeepSeek and GLM (<think>), Kimi (◁think▷), Gemma (<|channel>thought), gpt-oss
(<|channel|>analysis), Magistral ([THINK]) and of prompts that ask for <thinking> or <reasoning>; a closing
tag stands alone where the chat template opened the block.
"""

import re
from typing import NamedTuple

NAME = r"(?:begin_of_|end_of_|seed:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|analysis|scratchpad)"
OPENING = re.compile(
    rf"<\|?{NAME}\|?>|\[think\]|\u25c1think\u25b7"
    # "<|channel|>analysis<|message|>", and what is left of it where a tokenizer drops its special tokens
    r"|<\|?channel\|?> ?(?:thought|analysis|commentary)\b(?:<\|message\|>)?|\Aanalysis(?=[A-Z])",
    re.IGNORECASE,
)
CLOSING = re.compile(
    rf"</\|?{NAME}\|?>|<\|/?{NAME.replace('begin_of_|', '')}\|>|\[/think\]|\u25c1/think\u25b7"
    r"|<\|?channel\|?> ?final\b(?:<\|message\|>)?|<channel\|>|\bassistantfinal(?=\W|[A-Z])",
    re.IGNORECASE,
)


class Split(NamedTuple):
    thought: str
    answer: str  # what follows the last closing tag
    open: bool  # a thought was begun and never ended


def split_thought(text):
    """A text as its thought, its answer, and whether the thought never ended."""
    if not any(mark in text for mark in "<[\u25c1") and not text.startswith("analysis"):
        return Split("", text, False)
    ends = [m for m in CLOSING.finditer(text) if not m[0].startswith("<|begin")]
    end = ends[-1] if ends else None
    thought, answer = (text[: end.start()], text[end.end() :]) if end else ("", text)
    begin = OPENING.search(answer)
    if begin:
        return Split(thought + answer[begin.end() :], answer[: begin.start()], True)
    return Split(thought, answer, False)
