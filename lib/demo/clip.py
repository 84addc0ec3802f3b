"""A tiny CLIP of the real class, random, with its processor: what the demo's dual encoders begin as.

python -m lib.demo.clip -o runs/demo/viit/clip --seed 0
"""

import sys
from pathlib import Path

from lib.command import check_flags, checked_parser
from lib.demo.captions import COLORS, DOWN, TIMES
from lib.output import Output
from lib.process import run

# the end is no token 2: with that id CLIP's text tower falls into a rule of old, and reads where the largest
# id stands
SPECIALS = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
FRAMES = 8
SIZE = dict(hidden_size=96, intermediate_size=256, num_hidden_layers=3, num_attention_heads=4)
SIDE, PATCH, WIDTH = 32, 16, 64
OTHER_WORDS = (
    "a an at along the shape moving growing shrinking turning from to blinking left right up down".split()
)


def tokenizer():
    """A tokenizer of the words of captions, which ends every text with </s>."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = dict.fromkeys([*OTHER_WORDS, *COLORS, *DOWN, *" ".join(TIMES).split()])
    vocabulary = {word: number for number, word in enumerate([*SPECIALS.values(), *words])}
    tokens = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokens.normalizer, tokens.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    ends = [(name, vocabulary[name]) for name in ("<s>", "</s>")]
    tokens.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return PreTrainedTokenizerFast(tokenizer_object=tokens, model_max_length=32, **SPECIALS)


def build(folder, seed):
    """Write the random model and its processor into `folder`."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor
    from transformers.utils import logging

    if not sys.stderr.isatty():
        logging.disable_progress_bar()

    tokens = tokenizer()
    ids = {f"{name}_id": tokens.convert_tokens_to_ids(word) for name, word in SPECIALS.items()}
    ids.pop("unk_token_id")
    text = {**SIZE, "vocab_size": len(tokens), "max_position_embeddings": 32, **ids}
    vision = {**SIZE, "image_size": SIDE, "patch_size": PATCH, "num_frames": FRAMES}
    torch.manual_seed(seed)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH))
    for name, parameter in model.named_parameters():
        # the library's initialisation is for large models, as in tiny.py
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.5 if "position_embedding" in name else 0.08)
    size = {"height": SIDE, "width": SIDE}
    pixels = dict(size=size, crop_size=size, image_mean=[0.3] * 3, image_std=[0.25] * 3)
    model.save_pretrained(folder)
    CLIPProcessor(CLIPImageProcessor(**pixels), tokens).save_pretrained(folder)


def main():
    parser = checked_parser(__doc__)
    add = parser.add_argument
    add("-o", "--output", required=True, help="folder of the model; it is complete when it holds DONE")
    add("--overwrite", action="store_true", help="replace one that was made with other settings")
    add("--trust-code", action="store_true", help="take one that other code made as it is")
    add("--seed", type=int, default=0, help="seed of the initialisation (default: %(default)s)")
    args = parser.parse_args()
    check_flags(parser, args)
    about = {"trust": args.trust_code, "folder": True}
    with Output(args.output, {"seed": args.seed}, [], args.overwrite, **about) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        build(Path(output.part), args.seed)
        output.finish()
    print(f"{args.output}: a tiny random CLIP of {FRAMES} frames")


if __name__ == "__main__":
    run(main)
