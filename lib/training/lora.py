"""LoRA on whatever the linear layers of a model's language model are."""

import warnings

import torch
from peft import LoraConfig, get_peft_model

from lib.command import world
from lib.model.layers import language_model


def targets_of(model):
    """(names of all linear layers, names of parameters that hold those of experts, {name: shape} of other
    weights of more than one dimension) in the language model of `model`.

    The first two get a LoRA. Mixtures of experts of transformers hold the layers of their experts as
    one parameter (experts, in, out).
    """
    prefix, language = language_model(model)
    linear, experts, others = [], [], {}
    embeddings = model.get_input_embeddings()
    for name, module in language.named_modules(prefix=prefix):
        if isinstance(module, torch.nn.Linear):
            linear.append(name)
            continue
        for part, parameter in module.named_parameters(recurse=False):
            if parameter.ndim == 3 and not isinstance(module, torch.nn.Conv1d):
                experts.append(f"{name}.{part}")
            elif parameter.ndim > 1 and module is not embeddings:
                others[f"{name}.{part}"] = tuple(parameter.shape)
    return linear, experts, others


def with_lora(model, rank, quiet=False):
    """The model with new LoRA weights, alone trainable, on its language model; at first zero in effect. What
    of its weights has none is printed (rank 0), unless `quiet`.
    """
    linear, experts, others = targets_of(model)
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=linear,
        target_parameters=experts or None,
        task_type="CAUSAL_LM",
    )
    if others and not quiet and world()[0] == 0:
        kinds = sorted({".".join(name.rsplit(".", 2)[1:]) for name in others})
        print(f"LoRA leaves out {len(others)} weights of the language model: {', '.join(kinds)}", flush=True)
    with warnings.catch_warnings():
        # peft asks for an attribute that transformers has renamed
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, config)
