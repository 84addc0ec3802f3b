"""A tiny Video-LLaVA of the real class, random, with its processor and a byte-level tokenizer: what the
demo's base begins as.
"""

import re

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    VideoLlavaConfig,
    VideoLlavaForConditionalGeneration,
    VideoLlavaProcessor,
)
from transformers.models.video_llava.video_processing_video_llava import VideoLlavaVideoProcessor

from lib.prompts import EXPLAIN, ONLY_ANSWER

FRAMES = 8
# CLIP-style tower: one 32-pixel frame is 4 patches and the class token, 8 frames are 40 tokens
VISION = dict(
    hidden_size=96,
    intermediate_size=256,
    num_hidden_layers=2,
    num_attention_heads=4,
    image_size=32,
    patch_size=16,
    projection_dim=64,
)
TEXT = dict(
    hidden_size=128,
    intermediate_size=352,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=1024,
)
PIXELS = dict(
    size={"shortest_edge": 32},
    crop_size={"height": 32, "width": 32},
    image_mean=[0.3] * 3,
    image_std=[0.25] * 3,
)
# eight images in a row are written as one video is, for a server that is sent its frames
CHAT = (
    "{% for m in messages %}{{ m['role'].upper() + ': ' }}"
    "{% for c in m['content'] if c['type'] == 'video' %}<video>\n{% endfor %}"
    "{% for c in m['content'] if c['type'] == 'image' %}<image>{{ '\n' if loop.last }}{% endfor %}"
    "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }} {% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
SPECIALS = ["<pad>", "<s>", "</s>", "<image>", "<video>"]
# of every prompt: one token each
PHRASES = ["USER:", " ASSISTANT:", "Question:", "Answer:"]
# how the last line of a prompt begins, which asks for the form of the answer: that line is one token too
ASKING = (EXPLAIN.split("{form}")[0], ONLY_ANSWER)


def tokenizer_of(texts):
    """A byte-level BPE tokenizer of single digits, which can write any label, trained on `texts`."""
    questions = {line for text in texts for line in text.split("\n") if line.startswith(ASKING)}
    wordings = [*PHRASES, *sorted(questions)]
    phrases = re.compile("|".join(map(re.escape, wordings)))
    tokens = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(" ?[0-9]"), "isolated")
    tokens.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokens.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=480,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokens.train_from_iterator((phrases.sub("", text) for text in texts), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="left",
        extra_special_tokens={"image_token": "<image>", "video_token": "<video>"},
    )
    tokenizer.add_tokens([AddedToken(phrase, special=False, normalized=False) for phrase in wordings])
    return tokenizer


def build(folder, seed, texts):
    """Write the model, its processor and a tokenizer of `texts` into `folder`."""
    tokenizer = tokenizer_of(texts)
    processor = VideoLlavaProcessor(
        image_processor=CLIPImageProcessor(**PIXELS),
        video_processor=VideoLlavaVideoProcessor(**PIXELS),
        tokenizer=tokenizer,
        patch_size=16,
        vision_feature_select_strategy="full",
        chat_template=CHAT,
    )
    language = LlamaConfig(vocab_size=len(tokenizer), pad_token_id=0, bos_token_id=1, eos_token_id=2, **TEXT)
    config = VideoLlavaConfig(
        vision_config=CLIPVisionConfig(**VISION),
        text_config=language,
        image_token_index=SPECIALS.index("<image>"),
        video_token_index=SPECIALS.index("<video>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=5,
        video_seq_length=5 * FRAMES,
    )
    torch.manual_seed(seed)
    model = VideoLlavaForConditionalGeneration(config)
    for name, parameter in model.named_parameters():
        # the library's initialisation is for large models: this small it learns the text prior only
        if parameter.ndim >= 2:
            embedding = "position_embedding" in name or "class_embedding" in name
            torch.nn.init.normal_(parameter, std=0.5 if embedding else 0.08)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
