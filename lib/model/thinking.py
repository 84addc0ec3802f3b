"""Thinking models: how their template is asked for a thought, what they write as thought and answer, and
both in the form that the template will ask for.

A template may begin the thought itself (Qwen3-VL-Thinking: the prompt ends in "<think>"), print an empty one
(Qwen3.5 with enable_thinking off), or leave it to the model to begin one.
"""

import re
from typing import NamedTuple

from lib.prompts import strip_placeholders
from lib.records import StageError
from lib.thoughts import TAG, split_thought, without_tags

THINK = {"yes": True, "no": False}  # of --think; anything else leaves it to the template


class Tags(NamedTuple):
    """What a template writes before and behind a thought."""

    opening: str
    closing: str


# as the templates of Qwen, GLM and DeepSeek, Gemma, Kimi, Magistral, Seed and Cohere have them
TAGS = (
    Tags("<think>\n", "\n</think>\n\n"),
    Tags("<|channel>thought\n", "\n<channel|>"),
    Tags("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    Tags("[THINK]", "[/THINK]"),
    Tags("<seed:think>", "</seed:think>"),
    Tags("<|START_THINKING|>", "<|END_THINKING|>"),
    Tags("<thinking>\n", "\n</thinking>\n\n"),
    Tags("<thought>\n", "\n</thought>\n\n"),
)


def template_options(processor, think, name="the model"):
    """What a chat template is given so that the model thinks or does not. Raises StageError (exit code 2)
    where --think says so and the template cannot be told.
    """
    if think not in THINK:
        return {}
    if not re.search(r"\benable_thinking\b", str(processor.chat_template)):
        raise StageError(
            f"--think {think}: the chat template of {name} takes no enable_thinking, so whether it thinks "
            "cannot be asked for; expected --think auto, or another model",
            code=2,
        )
    return {"enable_thinking": THINK[think]}


def check_thinking(model, think=None, max_thought_tokens=None, processor=None):
    """Raise StageError (exit code 2) where the template of a folder or hub id, or of a `processor`, cannot be
    told --think, or knows no thought that --max-thought-tokens could limit.
    """
    if think not in THINK and not max_thought_tokens:
        return
    if processor is None:
        from lib.model.processor import processor_of  # some seconds

        processor = processor_of(model)
    template_options(processor, think, model)
    if max_thought_tokens and (think == "no" or tags_of(processor) is None):
        reason = "--think no asks for no thought" if think == "no" else f"{model} knows no tags of a thought"
        raise StageError(f"--max-thought-tokens: {reason}: leave it out", code=2)


def opened_by(prompt):
    """The Tags of the thought that a rendered prompt has begun at its end, or None."""
    end = prompt.rstrip()
    return next((tags for tags in TAGS if end.endswith(tags.opening.strip())), None)


def closed_by(prompt):
    """Whether a rendered prompt ends in a whole thought, so that the answer itself comes next."""
    end = prompt.rstrip()
    return any(end.endswith(tags.closing.strip()) for tags in TAGS)


def tags_of(processor):
    """The Tags that a processor's template or tokenizer knows, or None."""
    known = f"{processor.chat_template} {' '.join(processor.tokenizer.get_added_vocab())}"
    return next((tags for tags in TAGS if tags.closing.strip() in known), None)


# ---------------------------------------------------------------- what a model wrote


def decoded(tokenizer, tokens):
    """New tokens as text: with the tags of thoughts, also where they are special tokens, and without all
    other special tokens.
    """
    plain = tokenizer.decode(tokens, skip_special_tokens=True).strip()
    if not set(tokenizer.all_special_ids) & set(tokens):
        return plain
    whole = tokenizer.decode(tokens, skip_special_tokens=False)
    tags = [*TAG.finditer(whole)]
    if len(tags) == len(TAG.findall(plain)):
        return plain
    pieces, at = [], 0
    for begin, end in [*(tag.span() for tag in tags), (len(whole), len(whole))]:
        between = whole[at:begin]
        for token in tokenizer.all_special_tokens:
            between = between.replace(token, "")
        pieces += [between, whole[begin:end]]
        at = end
    return "".join(pieces).strip()


def reply_of(text, ended, opened=False, reasoning=None, thought_ended=True):
    """{"answer", "thought", "truncated", "thought_truncated"} of what a model wrote, the last three where
    there is a thought, or something was cut off: the thought in tags of `text`, or as the server's own field
    `reasoning`. An answer whose thought did not end counts as truncated, as one that the token limit ended.
    """
    split = split_thought(text, opened)
    thoughts = map(strip_placeholders, map(without_tags, (reasoning or "", split.thought)))
    thought, answer = "\n".join(filter(None, thoughts)), strip_placeholders(split.answer)
    # the lines between a thought and its answer are neither's
    fields = {"answer": answer if split.answer == text else without_tags(answer)}
    if thought:
        fields["thought"] = thought
    if split.open or not ended:
        fields["truncated"] = True
    if not thought_ended:
        fields["thought_truncated"] = True
    return fields


# ---------------------------------------------------------------- what stands behind a prompt


def leaves_out(processor, prompt):
    """Whether a thought behind this rendered prompt is left out: the prompt has ended an empty one, or
    neither template nor tokenizer know tags of thoughts.
    """
    return not opened_by(prompt) and (closed_by(prompt) or tags_of(processor) is None)


def continued(processor, prompt, text):
    """A rendered prompt with `text` behind it in the form in which it was asked for: a thought, in whatever
    tags it is there, in the template's own, and one pair of them. Where the prompt begins a thought an answer
    without one gets an empty thought; where nothing knows tags, or the prompt ends one, the thought is left
    out.
    """
    split, tags = split_thought(text), opened_by(prompt)
    answer, thought = without_tags(split.answer), without_tags(split.thought)
    if tags:
        begun = prompt if prompt[-1].isspace() or not tags.opening[-1].isspace() else prompt + "\n"
        return begun + thought + tags.closing + answer
    space = "" if prompt[-1].isspace() else " "
    written = TAG.search(text) and not closed_by(prompt)
    tags = tags_of(processor) if written else None
    return prompt + space + (f"{tags.opening}{thought}{tags.closing}{answer}" if tags else answer)
