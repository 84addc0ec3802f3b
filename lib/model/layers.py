"""Where in a model its language model lies: families name it as they like."""


def language_model(model):
    """(name, module) of the part of `model` that reads and writes tokens: its decoder, without the output
    layer.
    """
    language = model.get_decoder()
    return next((name, part) for name, part in model.named_modules() if part is language)
