"""Tiny random models of ten video families, each of its real class with its real processor, as a
checkpoint.

    build("qwen3_vl", folder)      # AutoProcessor and AutoModelForImageTextToText load it as the hub's

Chat templates are those of the hub's checkpoints, as far as one user turn goes. One byte-level tokenizer
serves all; each family names its own special tokens in it. Weights are stored in bfloat16, as the hub's are.
"""

from functools import partial

import torch
import transformers as t
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

from lib.prompts import EXPLAIN

SPECIALS = [
    "<pad>",
    "<s>",
    "</s>",
    "<image>",
    "<video>",
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<fake_token_around_image>",
    "<global-img>",
    "<end_of_utterance>",
    "<img>",
    "</img>",
    "<IMG_CONTEXT>",
]
ID = {token: i for i, token in enumerate(SPECIALS)}
LLAMA = dict(pad_token="<pad>", bos_token="<s>", eos_token="</s>")
QWEN = dict(pad_token="<|endoftext|>", eos_token="<|im_end|>")
VISUAL = dict(image_token="<image>", video_token="<video>")
PADS = dict(image_token="<|image_pad|>", video_token="<|video_pad|>")
INDEX = dict(image_token_index=ID["<image>"], video_token_index=ID["<video>"])
PAD_IDS = dict(image_token_id=ID["<|image_pad|>"], video_token_id=ID["<|video_pad|>"])
MARK_IDS = dict(vision_start_token_id=ID["<|vision_start|>"], vision_end_token_id=ID["<|vision_end|>"])

THOUGHT = ["<think>", "</think>"]  # tokens of Qwen's thinking models, and no special ones

WIDTH, SIDE = 32, 28  # of every hidden state; pixels of a frame where its size is fixed: 2 x 2 patches of 14
TOWER = dict(
    hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, patch_size=14
)
FIXED = dict(**TOWER, image_size=SIDE)
DEEP = dict(depth=2, num_heads=4, hidden_size=WIDTH)  # the same tower in Qwen's words
CROP = dict(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
SQUARE = dict(size={"height": SIDE, "width": SIDE})
PIXELS = dict(
    size={"shortest_edge": 56 * 56, "longest_edge": 56 * 56 * 8}
)  # bounds where the aspect ratio is kept


def tokenizer(special, visual, more=()):
    """The byte-level tokenizer, with `more` special tokens; with LLAMA a bos_token begins every text."""
    tokens = Tokenizer(models.BPE())
    tokens.pre_tokenizer, tokens.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    tokens.train_from_iterator(
        [EXPLAIN, "USER: ASSISTANT: Question: Answer: What colour is the shape and where does it move?"],
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=[*SPECIALS, *more],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    if special is LLAMA:
        tokens.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", ID["<s>"])]
        )
    return t.PreTrainedTokenizerFast(tokenizer_object=tokens, extra_special_tokens=visual, **special)


def text(kind, tokens, **more):
    """A two-layer language model's configuration of the class `kind`, for the tokenizer."""
    return kind(
        vocab_size=len(tokens),
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        pad_token_id=tokens.pad_token_id,
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        **more,
    )


def llava():  # no video family: for the error
    tokens = tokenizer(LLAMA, VISUAL)
    config = t.LlavaConfig(
        vision_config=t.CLIPVisionConfig(**FIXED),
        text_config=text(t.LlamaConfig, tokens),
        image_token_index=ID["<image>"],
        image_seq_length=4,
    )
    return t.LlavaForConditionalGeneration(config), t.LlavaProcessor(
        t.CLIPImageProcessor(**CROP), tokens, patch_size=14, vision_feature_select_strategy="default"
    )


def video_llava():
    tokens = tokenizer(LLAMA, VISUAL)
    config = t.VideoLlavaConfig(
        vision_config=t.CLIPVisionConfig(**FIXED),
        text_config=text(t.LlamaConfig, tokens),
        image_seq_length=4,
        video_seq_length=40,
        **INDEX,
    )
    return t.VideoLlavaForConditionalGeneration(config), t.VideoLlavaProcessor(
        t.CLIPImageProcessor(**CROP), t.VideoLlavaVideoProcessor(**CROP), tokens, patch_size=14
    )


def llava_next_video():
    tokens, grid = tokenizer(LLAMA, VISUAL), dict(image_grid_pinpoints=[[SIDE, SIDE]])
    config = t.LlavaNextVideoConfig(
        vision_config=t.CLIPVisionConfig(**FIXED), text_config=text(t.LlamaConfig, tokens), **grid, **INDEX
    )
    return t.LlavaNextVideoForConditionalGeneration(config), t.LlavaNextVideoProcessor(
        t.LlavaNextVideoVideoProcessor(**CROP),
        t.LlavaNextImageProcessor(**CROP, **grid),
        tokens,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )


def llava_onevision():
    tokens, grid = tokenizer(QWEN, VISUAL), dict(image_grid_pinpoints=[[SIDE, SIDE]])
    config = t.LlavaOnevisionConfig(
        vision_config=t.SiglipVisionConfig(**FIXED, vision_use_head=False),
        text_config=text(t.Qwen2Config, tokens),
        **grid,
        **INDEX,
    )
    return t.LlavaOnevisionForConditionalGeneration(config), t.LlavaOnevisionProcessor(
        t.LlavaOnevisionImageProcessor(**SQUARE, **grid),
        tokens,
        t.LlavaOnevisionVideoProcessor(**SQUARE),
        num_image_tokens=4,
        vision_feature_select_strategy="full",
    )


def qwen2_vl():
    tokens = tokenizer(QWEN, PADS)
    words = text(
        t.Qwen2VLTextConfig,
        tokens,
        rope_parameters=dict(rope_type="default", rope_theta=1e6, mrope_section=[1, 1, 2]),
    )
    config = t.Qwen2VLConfig(
        vision_config=dict(DEEP, embed_dim=WIDTH, mlp_ratio=2),
        text_config=words.to_dict(),
        **PAD_IDS,
        **MARK_IDS,
    )
    return t.Qwen2VLForConditionalGeneration(config), t.Qwen2VLProcessor(
        t.Qwen2VLImageProcessor(**PIXELS), tokens, t.Qwen2VLVideoProcessor(**PIXELS)
    )


def qwen2_5_vl():
    tokens = tokenizer(QWEN, PADS)
    words = text(
        t.Qwen2_5_VLTextConfig,
        tokens,
        rope_parameters=dict(rope_type="default", rope_theta=1e6, mrope_section=[1, 1, 2]),
    )
    config = t.Qwen2_5_VLConfig(
        vision_config=dict(DEEP, out_hidden_size=WIDTH, intermediate_size=64, fullatt_block_indexes=[1]),
        text_config=words.to_dict(),
        **PAD_IDS,
        **MARK_IDS,
    )
    return t.Qwen2_5_VLForConditionalGeneration(config), t.Qwen2_5_VLProcessor(
        t.Qwen2VLImageProcessor(**PIXELS), tokens, t.Qwen2VLVideoProcessor(**PIXELS)
    )


def qwen3_vl(thinking=False):
    tokens, pixels = tokenizer(QWEN, PADS), dict(size={"shortest_edge": 64 * 64, "longest_edge": 64 * 64 * 8})
    if thinking:
        tokens.add_tokens(THOUGHT)
    words = text(
        t.Qwen3VLTextConfig,
        tokens,
        head_dim=8,
        rope_parameters=dict(
            rope_type="default", rope_theta=5e6, mrope_section=[2, 1, 1], mrope_interleaved=True
        ),
    )
    vision = dict(
        DEEP,
        out_hidden_size=WIDTH,
        intermediate_size=64,
        deepstack_visual_indexes=[0, 1],
        num_position_embeddings=16,
    )
    config = t.Qwen3VLConfig(vision_config=vision, text_config=words.to_dict(), **PAD_IDS, **MARK_IDS)
    return t.Qwen3VLForConditionalGeneration(config), t.Qwen3VLProcessor(
        t.Qwen2VLImageProcessor(**pixels, patch_size=16), tokens, t.Qwen3VLVideoProcessor(**pixels)
    )


def qwen3_5(thinking=False):
    tokens, pixels = tokenizer(QWEN, PADS), dict(size={"shortest_edge": 64 * 64, "longest_edge": 64 * 64 * 8})
    if thinking:
        tokens.add_tokens(THOUGHT)
    words = text(
        t.Qwen3_5TextConfig,
        tokens,
        head_dim=16,  # a quarter of it is turned: 4 numbers, or 2 places of time, height and width together
        layer_types=["linear_attention", "full_attention"],
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        rope_parameters=dict(
            rope_type="default",
            rope_theta=5e6,
            mrope_section=[1, 1, 0],
            mrope_interleaved=True,
            partial_rotary_factor=0.25,
        ),
    )
    vision = dict(DEEP, out_hidden_size=WIDTH, intermediate_size=64, num_position_embeddings=16)
    config = t.Qwen3_5Config(vision_config=vision, text_config=words.to_dict(), **PAD_IDS, **MARK_IDS)
    return t.Qwen3_5ForConditionalGeneration(config), t.Qwen3VLProcessor(
        t.Qwen2VLImageProcessor(**pixels, patch_size=16), tokens, t.Qwen3VLVideoProcessor(**pixels)
    )


def smolvlm():
    tokens, sizes = (
        tokenizer(
            dict(pad_token="<|im_end|>", bos_token="<|im_start|>", eos_token="<end_of_utterance>"), VISUAL
        ),
        dict(size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}),
    )
    config = t.SmolVLMConfig(
        vision_config=FIXED,
        text_config=text(t.LlamaConfig, tokens),
        image_token_id=ID["<image>"],
        scale_factor=2,
        pad_token_id=tokens.pad_token_id,
    )
    return t.SmolVLMForConditionalGeneration(config), t.SmolVLMProcessor(
        t.SmolVLMImageProcessor(**sizes),
        tokens,
        SmolVLMVideoProcessor(**sizes, num_frames=64, fps=1),
        image_seq_len=1,
    )


def internvl():
    tokens = tokenizer(
        QWEN,
        dict(
            video_token="<video>",
            start_image_token="<img>",
            end_image_token="</img>",
            context_image_token="<IMG_CONTEXT>",
        ),
    )
    config = t.InternVLConfig(
        vision_config=FIXED,
        text_config=text(t.Qwen2Config, tokens),
        image_token_id=ID["<IMG_CONTEXT>"],
        image_seq_length=1,
        tie_word_embeddings=False,
    )
    return t.InternVLForConditionalGeneration(config), t.InternVLProcessor(
        t.GotOcr2ImageProcessor(**SQUARE), tokens, t.InternVLVideoProcessor(**SQUARE), image_seq_length=1
    )


def video_llama_3():
    tokens = tokenizer(QWEN, PADS)
    config = t.VideoLlama3Config(vision_config=TOWER, text_config=text(t.Qwen2Config, tokens), **PAD_IDS)
    return t.VideoLlama3ForConditionalGeneration(config), t.VideoLlama3Processor(
        t.VideoLlama3ImageProcessor(**PIXELS), tokens, t.VideoLlama3VideoProcessor(**PIXELS)
    )


def template(before, visual, after, end):
    """A chat template: of each message what stands before it, its clips as `visual`, its text, what stands
    after it; then what the assistant begins with.
    """
    clips = "{% for c in m['content'] if c['type'] != 'text' %}" + visual + "{% endfor %}" if visual else ""
    words = "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] }}{% endfor %}"
    return (
        "{% for m in messages %}"
        + before
        + clips
        + words
        + after
        + "{% endfor %}{% if add_generation_prompt %}{{ '"
        + end
        + "' }}{% endif %}"
    )


def chatml(visual, system=""):
    """Qwen's and InternVL's template."""
    return system + template(
        "{{ '<|im_start|>' + m['role'] + '\n' }}", visual, "{{ '<|im_end|>\n' }}", "<|im_start|>assistant\n"
    )


# Qwen3.5's template begins a thought, or with enable_thinking off prints an empty one
THINKS = (
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}"
    "{% else %}{{ '<think>\n' }}{% endif %}"
)


def thinking(chat):
    """The same template of a thinking model."""
    end = "{% endif %}"
    assert chat.endswith(end)
    return chat.removesuffix(end) + THINKS + end


HELPFUL = "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}"
MARKED = "<|vision_start|><|video_pad|><|vision_end|>"
VICUNA = template("{{ m['role'].upper() }}: ", "{{ '<video>\n' }}", " ", "ASSISTANT:")
FAMILIES = {  # name: (model and processor, chat template)
    "video_llava": (video_llava, VICUNA),
    "llava_next_video": (llava_next_video, VICUNA),
    "llava_onevision": (
        llava_onevision,
        template(
            "<|im_start|>{{ m['role'] }} ", "{{ '<video>\n' }}", "<|im_end|>", "<|im_start|>assistant\n"
        ),
    ),
    "qwen2_vl": (qwen2_vl, chatml(MARKED, HELPFUL)),
    "qwen2_5_vl": (qwen2_5_vl, chatml(MARKED, HELPFUL)),
    "qwen3_vl": (qwen3_vl, chatml(MARKED)),
    "qwen3_5": (qwen3_5, chatml(MARKED)),
    "smolvlm": (
        smolvlm,
        "<|im_start|>"
        + template("{{ m['role'] | capitalize }}: ", "", "{{ '<end_of_utterance>\n' }}", "Assistant:"),
    ),  # knows no videos: the processor swaps it for its own
    "internvl": (internvl, chatml("{{ '<video>\n' }}")),
    "video_llama_3": (video_llama_3, chatml("<|video_pad|>")),
}


# families whose templates begin a thought
THINKING = {
    f"{make.__name__}_thinking": (partial(make, thinking=True), thinking(chatml(MARKED)))
    for make in (qwen3_vl, qwen3_5)
}


def build(family, folder, seed=0, dtype=torch.bfloat16):
    """Write the family's tiny random model and its processor into `folder`, a checkpoint as any other;
    "llava" gives one that knows images only, those of THINKING write "</think>" more often than other words.
    """
    torch.manual_seed(seed)
    from more_families import MORE

    make, chat = {**FAMILIES, **MORE, **THINKING, "llava": (llava, VICUNA)}[family]
    model, processor = make()
    # the library's initialisation would make this small a model all but blind
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.2)
    if family in THINKING:
        with torch.no_grad():
            end = processor.tokenizer.convert_tokens_to_ids(THOUGHT[1])
            model.get_output_embeddings().weight[end] *= 3
    model.to(dtype).save_pretrained(folder)
    processor.chat_template = chat
    processor.save_pretrained(folder)
