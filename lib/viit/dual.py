"""A dual encoder of videos and texts: CLIP or SigLIP of transformers, whose vision tower attends over the
patches of all frames at once (joint space-time attention; VIIT section 5.2).

Of the image model nothing changes but the embeddings: the patches of every frame get what their place in the
frame says, plus a vector of their time; class token, encoder, pooling and projection stay. So the weights of
an image model are a start, and with one frame and no time the outputs are the image model's own.

    model, processor = load("openai/clip-vit-base-patch16", frames=4)     # or a folder of ours
    model.get_image_features(pixel_values)                               # (clips, frames, 3, height, width)
"""

import math
import sys

import torch
from torch import nn
from transformers import AutoConfig, AutoProcessor, CLIPModel, SiglipModel
from transformers.models.clip.modeling_clip import CLIPVisionEmbeddings
from transformers.models.siglip.modeling_siglip import SiglipVisionEmbeddings
from transformers.utils import logging

from lib.command import checked_parser
from lib.model.hub import from_hub, why_not
from lib.process import run
from lib.records import StageError

MOST = math.log(100)  # of the learned scale of similarities, as CLIP bounds it
FRAMES = 4  # of a clip, as the paper
TIME = "vision_model.embeddings.temporal_embedding"
TIME_SPREAD = 0.02  # of the random vectors of time: all zero, a model would not know the order of its frames


class Times:
    """Embeddings of an image tower that take clips: (clips, frames, 3, height, width), or images as before.

    `leading`: tokens before the patches, the same for every frame, of which one copy stays.
    """

    leading = 0

    def __init__(self, config):
        super().__init__(config)
        self.temporal_embedding = nn.Parameter(torch.empty(config.num_frames, config.hidden_size))

    def forward(self, pixel_values, interpolate_pos_encoding=False):
        if pixel_values.ndim == 4:
            return super().forward(pixel_values, interpolate_pos_encoding)
        clips, frames = pixel_values.shape[:2]
        if frames > len(self.temporal_embedding):
            raise ValueError(f"{frames} frames, but the model was made for {len(self.temporal_embedding)}")
        tokens = super().forward(pixel_values.flatten(0, 1), interpolate_pos_encoding)
        tokens = tokens.unflatten(0, (clips, frames))
        patches = tokens[:, :, self.leading :] + self.temporal_embedding[:frames, None]
        return torch.cat([tokens[:, 0, : self.leading], patches.flatten(1, 2)], 1)


class ClipEmbeddings(Times, CLIPVisionEmbeddings):
    leading = 1  # the class token


class SiglipEmbeddings(Times, SiglipVisionEmbeddings):
    pass


class Dual:
    """A CLIPModel or SiglipModel whose images are clips; `num_frames` stands in its vision configuration."""

    embeddings = None

    def __init__(self, config):
        super().__init__(config)
        self.vision_model.embeddings = self.embeddings(config.vision_config)
        self.post_init()


class DualClip(Dual, CLIPModel):
    embeddings = ClipEmbeddings


class DualSiglip(Dual, SiglipModel):
    embeddings = SiglipEmbeddings


CLASSES = {"clip": DualClip, "siglip": DualSiglip}


def config_of(path):
    """(configuration, processor) of a folder or hub id. Raises StageError for another family."""
    try:
        config = AutoConfig.from_pretrained(path, **from_hub(path))
        processor = AutoProcessor.from_pretrained(path, **from_hub(path))
    except (OSError, ValueError) as error:
        raise StageError(f"{path}: no dual encoder can be loaded: {why_not(path, error)}") from None
    if config.model_type not in CLASSES:
        raise StageError(
            f"{path}: a {config.model_type} model; a dual encoder begins with one of "
            f"{' or '.join(CLASSES)}, e.g. openai/clip-vit-base-patch16"
        )
    return config, processor


def load(path, frames=None, device="cpu", dtype=torch.float32):
    """(model, processor) of a folder or hub id; `frames`: of a clip, where the weights are an image model's.

    Raises StageError for another family, and for another number of frames than the checkpoint was made for.
    """
    config, processor = config_of(path)
    own = getattr(config.vision_config, "num_frames", None)
    if own and frames and own != frames:
        raise StageError(f"{path}: made for {own} frames a clip, not {frames}: --frames {own}")
    config.vision_config.num_frames = own or frames or FRAMES
    options = {"config": config, "dtype": dtype, "output_loading_info": True, **from_hub(path)}
    if not sys.stderr.isatty():
        logging.disable_progress_bar()
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # its report on what is missing; what matters of it is said here
    model, about = CLASSES[config.model_type].from_pretrained(path, **options)
    logging.set_verbosity(level)
    missing = set(about["missing_keys"]) - {TIME}
    if missing:
        raise StageError(f"{path}: weights are missing: {', '.join(sorted(missing)[:5])}; download it again")
    if TIME in about["missing_keys"]:
        nn.init.normal_(model.get_parameter(TIME), std=TIME_SPREAD)
    return model.to(device), processor


def normalized(features):
    """Features of unit length, in float32."""
    return nn.functional.normalize(features.float(), dim=-1)


def clip_features(model, pixel_values):
    """(clips, width) of unit length, of pixels (clips, frames, 3, height, width)."""
    return normalized(model.get_image_features(pixel_values=pixel_values, return_dict=True).pooler_output)


def text_features(model, inputs):
    """(texts, width) of unit length, of a tokenizer's output."""
    return normalized(model.get_text_features(**inputs, return_dict=True).pooler_output)


def tokens_of(processor, texts):
    """A tokenizer's output for texts, cut off where the text tower ends; SigLIP's is padded to its end."""
    tokenizer = processor.tokenizer
    most = min(tokenizer.model_max_length, 77)
    padding = "max_length" if "siglip" in type(processor).__name__.lower() else True
    return tokenizer(list(texts), padding=padding, truncation=True, max_length=most, return_tensors="pt")


def pixels_of(processor, frames):
    """Pixels (frames, 3, height, width) of a clip's frames (frames, H, W, 3) uint8."""
    return processor.image_processor(list(frames), return_tensors="pt")["pixel_values"]


def contrast(clips, texts, logit_scale, same):
    """InfoNCE over a batch, both ways: features (n, width) of clips and texts, the logarithm of the scale,
    and `same` (n, n), whether two rows say the same: then either is right for the other.
    """
    logits = clips @ texts.T * logit_scale.clamp(max=MOST).exp()
    target = same / same.sum(1, keepdim=True)
    ways = (nn.functional.cross_entropy(way, target) for way in (logits, logits.T))
    return sum(ways) / 2


@torch.inference_mode()
def similarities(model, processor, clips, texts, batch=32, wordings=1):
    """(texts, clips) cosines as an array of float32. `clips`: an iterable of frames (frames, H, W, 3) uint8,
    or None for a clip that is lost: nothing is near to it (-1). Of every `wordings` texts that follow each
    other the mean is one.
    """
    model.eval()
    found, waiting, places, count = [], [], [], 0
    for count, frames in enumerate(clips, 1):
        if frames is not None:
            waiting.append(pixels_of(processor, frames))
            places.append(count - 1)
        if len(waiting) == batch:
            found.append(clip_features(model, torch.stack(waiting).to(model.device)))
            waiting = []
    if waiting:
        found.append(clip_features(model, torch.stack(waiting).to(model.device)))
    parts = (tokens_of(processor, texts[i : i + batch]).to(model.device) for i in range(0, len(texts), batch))
    words = torch.cat([text_features(model, part) for part in parts])
    words = normalized(words.unflatten(0, (-1, wordings)).mean(1))
    cosines = torch.full((len(words), count), -1.0)
    if found:
        cosines[:, places] = (words @ torch.cat(found).T).cpu()
    return cosines.numpy()


def main():
    """For make, before any work: whether a dual encoder can begin as the one that is named."""
    parser = checked_parser(main.__doc__)
    parser.add_argument("model", help="folder or hub id of a CLIP or SigLIP, or a dual encoder")
    config_of(parser.parse_args().model)


if __name__ == "__main__":
    run(main)
