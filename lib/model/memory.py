"""What a model remembers of what it has read: its cache, and how far its positions have come."""

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


def sees_no_padding(model):
    """Whether padding between what was read and what comes leaves no trace: attention to all tokens passes
    over it, but a recurrent state fades and a convolution reaches over it, a window is filled with it, and
    some models count it in their positions.
    """
    layers = DynamicCache(config=model.config).layers
    one = torch.ones((1, 1), dtype=torch.long, device=model.device)
    inputs = model.prepare_inputs_for_generation(one, position_ids=one, attention_mask=one)
    return inputs.get("position_ids") is not None and all(type(layer) is DynamicLayer for layer in layers)


def lags_of(model, inputs):
    """{part of the model: (rows, 1) how far text positions lag behind token counts}.

    Qwen's families give the tokens of a video fewer positions than tokens. What they remember themselves
    (rope_deltas) goes by the largest position, which in a long video is not that of the last word.
    """
    unused = ("past_key_values", "pixel", "mm_encoder")
    about = {key: value for key, value in inputs.items() if not key.startswith(unused)}
    lengths = inputs["attention_mask"].sum(1, keepdim=True)
    parts = [part for part in model.modules() if hasattr(part, "get_rope_index")]
    return {part: part.get_rope_index(**about)[0][0, :, -1:] + 1 - lengths for part in parts}


class RoomyLayer(DynamicLayer):
    """Keys and values with room for some tokens to come; the library's own layer copies all of them for every
    new one.
    """

    room = None  # (keys, values), of which self.keys and self.values are the filled part

    def update(self, key_states, value_states, *_, **__):
        filled = self.keys.shape[-2]
        end = filled + key_states.shape[-2]
        if self.room is None or end > self.room[0].shape[-2]:
            pairs = ((self.keys, key_states), (self.values, value_states))
            empty = key_states.shape[:2] + (128, key_states.shape[-1])
            self.room = [torch.cat([old, new, new.new_empty(empty)], -2) for old, new in pairs]
        else:
            self.room[0][:, :, filled:end], self.room[1][:, :, filled:end] = key_states, value_states
        self.keys, self.values = (part[:, :, :end] for part in self.room)
        return self.keys, self.values

    def reorder_cache(self, beam_idx):
        super().reorder_cache(beam_idx)
        self.room = None


def select(cache, rows, lags):
    """Repeat or drop rows of a cache, and of what parts of the model remember beside it."""
    for layer in cache.layers:
        if type(layer) is DynamicLayer:
            layer.__class__ = RoomyLayer
    cache.reorder_cache(rows.cpu())  # a model over several devices has its cache on all of them
    for part in lags:
        part.rope_deltas = lags[part] = lags[part][rows]
