"""A model asked without video, by transformers' own generate: a judge, or a writer of questions."""

import torch
from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
)

from lib.model.generate import configuration, own_configuration_aside
from lib.model.hub import from_hub, why_not
from lib.model.load import device_of, dtype_of
from lib.model.thinking import decoded, opened_by, reply_of
from lib.records import StageError


def ask(model, prompts, at_once=8, max_new_tokens=128, dtype="auto"):
    """Yields (key, {"answer"}) for (key, text) prompts put to a folder or hub id, with the "thought" of a
    model that always thinks and "truncated" where it was cut off. Greedy, `at_once` in a batch.

    Raises StageError for a model without a chat template.
    """
    device = device_of()
    options = from_hub(model)
    try:
        processor = AutoProcessor.from_pretrained(model, **options)
    except (OSError, ValueError) as error:
        why = why_not(model, error)
        raise StageError(
            f"{model}: no tokenizer can be loaded from it: {why}; expected a text model"
        ) from error
    if not processor.chat_template:
        raise StageError(f"{model}: this model has no chat template; choose an instruction-tuned model")
    tokenizer = getattr(processor, "tokenizer", processor)
    multimodal = type(AutoConfig.from_pretrained(model, **options)) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    kind = AutoModelForImageTextToText if multimodal else AutoModelForCausalLM
    writer = kind.from_pretrained(model, dtype=dtype_of(dtype, device), **options).to(device).eval()
    # what is asked is short: a thought would use up its tokens
    # a template that does not take the word makes a processor warn of it each time
    unthinking = {"enable_thinking": False} if "enable_thinking" in str(processor.chat_template) else {}
    for start in range(0, len(prompts), at_once):
        batch = prompts[start : start + at_once]
        contents = [[{"type": "text", "text": text}] if multimodal else text for _, text in batch]
        turns = [[{"role": "user", "content": content}] for content in contents]
        how = {"tokenize": False, "add_generation_prompt": True, **unthinking}
        texts = [processor.apply_chat_template(turn, **how) for turn in turns]
        # a template may print the BOS itself
        special = not (tokenizer.bos_token and texts[0].startswith(tokenizer.bos_token))
        inputs = tokenizer(
            texts, padding=True, padding_side="left", return_tensors="pt", add_special_tokens=special
        ).to(device)
        config = configuration(writer, tokenizer, max_new_tokens)
        with torch.inference_mode(), own_configuration_aside(writer):
            output = writer.generate(**inputs, generation_config=config).sequences
        new = output[:, inputs["input_ids"].shape[1] :]
        for (key, _), text, row in zip(batch, texts, new.tolist()):
            ends = [i for i, token in enumerate(row) if token in config.eos_token_id]
            reply = decoded(tokenizer, row[: ends[0]] if ends else row)
            yield key, reply_of(reply, bool(ends), opened_by(text) is not None)
