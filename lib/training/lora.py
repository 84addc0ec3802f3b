"""LoRA on whatever the linear layers of a model's language model are."""

import warnings

import torch
from peft import LoraConfig, get_peft_model

from lib.model.layers import language_model
from lib.process import world
from lib.records import StageError


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


def targets_among(model, names):
    """(names of linear layers, {name: shape} of other weights of more than one dimension) among the
    parameters called `names`.
    """
    modules, linear, others = dict(model.named_modules()), [], {}
    for name in sorted(names):
        module, _, part = name.rpartition(".")
        parameter = getattr(modules[module], part)
        if isinstance(modules[module], torch.nn.Linear):
            linear += [module] if part == "weight" else []
        elif parameter.ndim > 1:
            others[name] = tuple(parameter.shape)
    return linear, others


def with_lora(model, rank, quiet=False, names=(), language=True):
    """The model with new LoRA weights, alone trainable, on its language model (unless not `language`) and on
    the linear layers among the parameters `names`; at first zero in effect. What of these has none is
    printed (rank 0), unless `quiet`. Raises StageError where there is no linear layer.
    """
    linear, experts, others = targets_of(model) if language else ([], [], {})
    more, left = targets_among(model, names)
    linear, others = linear + more, others | left
    if not linear and not experts:
        raise StageError(f"{type(model).__name__}: no linear layer to put a LoRA on: leave out --lora-rank")
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules=linear,
        target_parameters=experts or None,
        task_type="CAUSAL_LM",
    )
    if others and not quiet and world()[0] == 0:
        kinds = sorted({".".join(name.rsplit(".", 2)[1:]) for name in others})
        where = "what is trained" if names else "the language model"
        print(f"LoRA leaves out {len(others)} weights of {where}: {', '.join(kinds)}", flush=True)
    with warnings.catch_warnings():
        # peft asks for an attribute that transformers has renamed
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, config)
