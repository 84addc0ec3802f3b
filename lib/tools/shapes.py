"""Parameters and shapes of a video model, from its config alone: what costs.py computes with."""

import re
from types import SimpleNamespace

from lib.model.layers import language_model, projectors

# of a config, as families call them: experts in all, and those that a token goes through
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
CHOSEN = ("num_experts_per_tok", "moe_k", "top_k_experts", "moe_topk")


def parts_of(model):
    """A function that says to which part of a model the parameter of a name belongs: "language", "connector",
    "tower", or "idle": one of Video-LLaVA's two towers, and what hears.
    """
    language, between = language_model(model)[0], projectors(model)
    two_towers = any("video_tower" in name for name, _ in model.named_parameters())

    def part_of(name):
        if name.startswith(f"{language}."):
            return "language"
        if name in between:
            return "connector"
        return "idle" if "audio" in name or two_towers and "image_tower" in name else "tower"

    return part_of


def routed_share(config):
    """The share of its experts that a token goes through; 1 where there are none."""
    text = config.get_text_config(decoder=True)
    number, chosen = (
        next((value for name in names if isinstance(value := getattr(text, name, None), int) and value), None)
        for names in (EXPERTS, CHOSEN)
    )
    return min(chosen / number, 1.0) if number and chosen else 1.0


def patch_shape(weight):
    """(width, numbers of a patch, frames in it) of what reads patches: a convolution, or a matrix."""
    return weight.shape[0], weight[0].numel(), weight.shape[2] if weight.ndim == 5 else 1


def sizes(model):
    """Parameters and shapes of a video model (a real one, or on the meta device), by part."""
    import torch

    embedding, head = model.get_input_embeddings().weight, head_of(model).weight
    part_of, parts = parts_of(model), dict.fromkeys(("language", "connector", "tower", "idle"), 0)
    for name, parameter in model.named_parameters():
        if parameter is not embedding and parameter is not head:
            parts[part_of(name)] += parameter.numel()
    linear, adapted, cached, reading, layers = [], [], [], {}, dict.fromkeys(parts, 0)
    sides = dict.fromkeys(parts, 0)  # of a rank of LoRA
    for name, module in model.named_modules():
        part = part_of(f"{name}.weight")
        weight = getattr(module, "weight", None)
        if isinstance(module, torch.nn.Linear) and weight is not head:
            linear.append(weight)
            sides[part] += sum(weight.shape)
            if part == "language":
                adapted.append(weight)
                if re.search(r"\.[kv]_proj$", name):
                    cached.append(module.out_features)
        elif isinstance(module, torch.nn.ModuleList):
            layers[part] = max(layers[part], len(module))
        if weight is not head and (getattr(weight, "ndim", 0) >= 4 or isinstance(module, torch.nn.Linear)):
            reading.setdefault(part, weight)
    config, width, stacks = model.config, embedding.shape[1], experts_of(model.get_decoder())
    routed, experts = routed_share(config), sum(stack.numel() for stack in stacks)
    tower_width, numbers, patch_frames = patch_shape(reading.get("tower", reading.get("connector")))
    kinds = getattr(config.get_text_config(decoder=True), "layer_types", None) or ()
    # of a rank: a LoRA has a matrix on each side of what it adapts
    lora = sum(sum(weight.shape) for weight in adapted)
    lora += sum(stack.shape[0] * sum(stack.shape[1:]) for stack in stacks)
    return SimpleNamespace(
        **parts,
        head=head.numel(),
        total=model.num_parameters(),
        trained=parts["language"] + parts["connector"] + head.numel() + own(embedding, head),  # 05 --full
        experts=experts,
        routed=routed,
        active=parts["language"] - experts * (1 - routed),
        linear=sum(weight.numel() for weight in linear),
        lora=lora,
        tower_lora=sides["tower"],
        connector_lora=sides["connector"],
        layers=layers["language"],
        attending=layers["language"] - sum("attention" not in kind or "linear" in kind for kind in kinds),
        width=width,
        cached=sum(cached) or 2 * layers["language"] * width,  # numbers that a token leaves in the cache
        inner=max((max(weight.shape) for weight in adapted), default=4 * width),
        vocabulary=head.shape[0],
        embedding=width,
        deepstack=len(getattr(config.vision_config, "deepstack_visual_indexes", None) or ()),
        tower_layers=layers["tower"],
        tower_width=tower_width,
        patch=numbers,
        patch_frames=patch_frames,
    )


def experts_of(decoder):
    """The parameters that hold the layers of experts, (experts, in, out)."""
    import torch

    modules = [module for module in decoder.modules() if not isinstance(module, torch.nn.Conv1d)]
    return [part for module in modules for part in module.parameters(recurse=False) if part.ndim == 3]


def head_of(model):
    """The layer that gives a model's logits."""
    head = model.get_output_embeddings()
    return head or next(part for name, part in model.named_modules() if name.endswith("lm_head"))


def own(embedding, head):
    """Numbers of the embedding, where it is not the head as well."""
    return 0 if embedding is head else embedding.numel()


def sizes_of(path):
    """(sizes, bytes of a stored parameter) of a folder or hub id, from its config alone."""
    import torch
    from transformers import AutoModelForImageTextToText

    from lib.model.load import config_of, stored_dtype

    config = config_of(path)
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(config)
    return sizes(model), stored_dtype(path).itemsize
