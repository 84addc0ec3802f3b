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
from lib.records import StageError


def ask(model, prompts, at_once=8, max_new_tokens=128, dtype="auto"):
    """Yields (key, {"answer"}) for (key, text) prompts put to a folder or hub id. Greedy, `at_once` in a
    batch.

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
    for start in range(0, len(prompts), at_once):
        batch = prompts[start : start + at_once]
        contents = [[{"type": "text", "text": text}] if multimodal else text for _, text in batch]
        turns = [[{"role": "user", "content": content}] for content in contents]
        texts = [
            processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True) for turn in turns
        ]
        # a template may print the BOS itself
        special = not (tokenizer.bos_token and texts[0].startswith(tokenizer.bos_token))
        inputs = tokenizer(
            texts, padding=True, padding_side="left", return_tensors="pt", add_special_tokens=special
        ).to(device)
        config = configuration(writer, tokenizer, max_new_tokens)
        with torch.inference_mode(), own_configuration_aside(writer):
            output = writer.generate(**inputs, generation_config=config).sequences
        new = output[:, inputs["input_ids"].shape[1] :]
        for (key, _), answer in zip(batch, tokenizer.batch_decode(new, skip_special_tokens=True)):
            yield key, {"answer": answer}
