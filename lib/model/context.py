"""A model's context: how many tokens, prompt and answer together, it can tell the places of. Beyond them
models go on without a word, and what they say and learn there is rubbish.
"""

ROOM = 64  # new tokens that a prompt must leave, where more are asked for: a last line and a little before it


def context_of(config):
    """The context of a model with this configuration, in tokens; None where it names no limit."""
    text = config.get_text_config(decoder=True)
    limit = getattr(text, "max_position_embeddings", None)
    if not limit or limit < 1:
        return None
    scaling = getattr(text, "rope_parameters", None) or {}
    if scaling.get("rope_type") in ("linear", "dynamic", "yarn"):
        # some checkpoints name the length before the scaling, others that after it
        before = scaling.get("original_max_position_embeddings") or limit
        limit = max(limit, int(before * (scaling.get("factor") or 1)))
    return limit


def too_long(tokens, visual, new, limit, lower="--frames"):
    """Why a prompt of `tokens`, `visual` ones among them, does not fit into a context of `limit` together
    with an answer of at most `new` tokens; None where it does. An answer may find less room than `new`.
    `lower`: the flags that make it shorter.
    """
    room = None if limit is None else limit - tokens
    if room is None or room >= min(new, ROOM):
        return None
    fewer = f" or --max-new-tokens to {room} at most" if room > 0 else ""
    return (
        f"the prompt has {tokens:,} tokens, {visual:,} of them visual, and the answer up to {new:,} new "
        f"ones, but the model's context is {limit:,} tokens: lower {lower}{fewer}"
    )


def less_room(tokens, new, limit):
    """What to say where a prompt of `tokens` fits, but leaves less than `new` tokens; else None."""
    if limit is None or tokens + new <= limit:
        return None
    return (
        f"note: after a prompt of {tokens:,} tokens the model's context of {limit:,} has room for "
        f"{limit - tokens:,}, not for --max-new-tokens {new:,}: an answer is cut off where the context ends"
    )
