"""Which part of a model 05 trains, by its flags: language model and projector (--full), or one of the two
stages of VIIT (section 4.2): what sees (--train vision), or what reads and writes (--train language); or both
at once, which the paper compares them with.

A part is trained whole, or by LoRA with --lora-rank; --projector adds the projector, of which the paper does
not say when it is trained. What no clip goes through, as the tower for images of Video-LLaVA, or the layers
behind the one whose output is taken, gets no gradient and is not called trained.
"""

from lib.records import StageError


def is_whole(args):
    """Whether weights themselves are trained, not a LoRA beside them."""
    return args.full or bool(args.train) and args.lora_rank is None


def trains_encoder(args):
    """Whether what becomes of a clip changes while it is trained, so that nothing made of one can be kept."""
    return args.full or args.projector or trains_vision(args)


def trains_vision(args):
    """Whether towers are trained."""
    return args.train in ("vision", "both")


def part_text(args):
    """What is trained, as the first line of 05 says it."""
    if not args.train:
        return "full" if args.full else "LoRA"
    part = {"both": "vision and language"}.get(args.train, args.train) + (
        " and projector" if args.projector else ""
    )
    return f"{part} whole" if is_whole(args) else f"LoRA on {part}"


def names_of(args, model, processor, frames):
    """Names of the parameters to train, or to put a LoRA on beside that of the language model. `frames`: of
    the clip that tells what clips go through.
    """
    from lib.model.layers import outside_towers, projectors, towers

    if args.full:
        return outside_towers(model)
    between = projectors(model) if args.projector else set()
    seeing = between | (towers(model) if trains_vision(args) else set())
    if trains_vision(args) and not seeing - between:
        raise StageError(f"{args.model}: {type(model).__name__} has no tower; expected --train language")
    seen = reached(model, processor, seeing, args.model, frames) if seeing else set()
    if args.train in ("language", "both") and is_whole(args):
        seen |= outside_towers(model) - projectors(model)
    return seen


def reached(model, processor, names, called, frames):
    """Those of the parameters `names` that the answer to a clip of so many frames depends on. Raises
    StageError for a model, `called` so, that cannot read the clip, or has no such parameters.
    """
    import torch

    from lib.model.features import encoding_of, moved, taken
    from lib.model.inputs import chat
    from lib.model.load import grey_clip, readable

    parts = {name: part for name, part in model.named_parameters() if name in names}
    for name, part in model.named_parameters():
        part.requires_grad_(name in parts)
    with readable(called, type(model).__name__, frames):
        inputs = taken(model, encoding_of(processor, chat(processor, "?"), grey_clip(frames))["inputs"])
        with torch.enable_grad():
            logits = model(**moved(inputs, model.device, model.dtype), use_cache=False).logits
            found = torch.autograd.grad(logits.float().sum(), list(parts.values()), allow_unused=True)
    seen = {name for name, gradient in zip(parts, found) if gradient is not None}
    if not seen:
        raise StageError(f"{called}: {type(model).__name__}: no part of it that sees clips is known")
    return seen


def frozen_dtype(args, dtype):
    """The precision in which --model is loaded to be trained: float32 for what is trained whole; what is
    frozen may lie in the `dtype` of the arithmetic only where it is stored so, else its bits would be lost.
    """
    import torch

    from lib.model.load import stored_dtype

    # then the language model is frozen, most of the weights
    half = args.train == "vision" and stored_dtype(args.model) == dtype
    return dtype if half or not is_whole(args) else torch.float32


def to_train(args, model, names, quiet=False):
    """The model with what names_of() named trainable, in float32, or with its LoRA; all else is frozen."""
    from lib.model.layers import projectors, towers
    from lib.training.lora import with_lora

    if not is_whole(args):
        return with_lora(model, args.lora_rank, quiet, names, language=args.train != "vision")
    # also what stays frozen beside it: layers behind those that are trained may be computed nevertheless, and
    # norms take no input of another type than theirs
    seeing = towers(model) | projectors(model) if args.train == "vision" else set()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in names)
        if name in names or name in seeing:
            parameter.data = parameter.data.float()
    return model
