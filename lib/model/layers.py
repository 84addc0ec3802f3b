"""Which part of a model a weight belongs to: families name their parts as they like."""

import re

MERGERS = re.compile("projector|connector|merger")  # of some families they lie in the tower


def language_model(model):
    """(name, module) of the part of `model` that reads and writes tokens: its decoder, without the output
    layer.
    """
    language = model.get_decoder()
    return next((name, part) for name, part in model.named_modules() if part is language)


def projectors(model):
    """Names of the parameters that bring what a tower made to the language model: those of the parts beside
    both that are no models themselves, and of mergers inside a tower.
    """
    from transformers import PreTrainedModel

    language, base = model.get_decoder(), model.base_model
    towers = [part for part in base.children() if isinstance(part, PreTrainedModel) or part is language]
    other = {parameter for part in base.children() if part not in towers for parameter in part.parameters()}
    inside = {parameter for parameter in language.parameters()}
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter in other or MERGERS.search(name) and parameter not in inside
    }


def outside_towers(model):
    """Names of the parameters of language model, output layer and projector: what full training trains."""
    head = model.get_output_embeddings()
    outside = {*model.get_decoder().parameters(), *(head.parameters() if head is not None else ())}
    between = projectors(model)
    return {name for name, parameter in model.named_parameters() if parameter in outside or name in between}


def towers(model):
    """Names of the parameters that see frames: all but language model, output layer and projector."""
    outside = outside_towers(model)
    return {name for name, _ in model.named_parameters() if name not in outside}
