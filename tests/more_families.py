"""Tiny random models of the other families of transformers that read videos (see families.py). Their table,
for lib/model/README.md: PYTHONPATH=. python tests/more_families.py
"""

import transformers
from families import (
    DEEP,
    FAMILIES,
    ID,
    LLAMA,
    MARKED,
    PAD_IDS,
    PADS,
    PIXELS,
    QWEN,
    SIDE,
    SQUARE,
    TOWER,
    VICUNA,
    VISUAL,
    WIDTH,
    chatml,
    tokenizer,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as MODELS


class Library:
    """transformers, of which an older one has fewer classes: None in place of those."""

    def __getattr__(self, name):
        return getattr(transformers, name, None)


t = Library()

LARGE = dict(size={"shortest_edge": 64 * 64, "longest_edge": 64 * 64 * 8})  # where patches have 16 pixels
LAYERS = dict(  # of a language model, in the words of most
    hidden_size=WIDTH,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    max_position_embeddings=4096,
)
EXPERTS = dict(moe_intermediate_size=16, num_experts_per_tok=2)
MROPE = dict(rope_type="default", rope_theta=1e6, mrope_section=[2, 1, 1])
DELTA = dict(  # Qwen3.5's language model
    LAYERS,
    head_dim=16,
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
SEEN = dict(DEEP, out_hidden_size=WIDTH, intermediate_size=64, num_position_embeddings=16)


def words(tokens, **more):
    """A language model's configuration as a dict, for the tokenizer."""
    ids = dict(
        pad_token_id=tokens.pad_token_id, bos_token_id=tokens.bos_token_id, eos_token_id=tokens.eos_token_id
    )
    return dict(LAYERS, vocab_size=len(tokens), **ids) | more


def qwen3_processor(tokens, kind=t.Qwen3VLProcessor, video=t.Qwen3VLVideoProcessor):
    return kind(t.Qwen2VLImageProcessor(**LARGE, patch_size=16), tokens, video(**LARGE))


def ids_of(processor):
    """Ids of the special tokens that a processor knows."""
    kinds = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return {kind: getattr(processor, kind) for kind in kinds}


def like_qwen3(name, text, vision=SEEN, processor=qwen3_processor, more=()):
    """A family that differs from Qwen3-VL in its model alone."""

    def make():
        tokens = tokenizer(QWEN, {} if more else PADS, more)
        config = getattr(t, name + "Config")(
            text_config=words(tokens, **text), vision_config=vision, **ids_of(processor(tokens))
        )
        return getattr(t, name + "ForConditionalGeneration")(config), processor(tokens)

    return make


def like_qwen2(name, text, vision, processor, template_ids=None, images=t.Qwen2VLImageProcessor):
    """A family with Qwen2-VL's image and video processors."""

    def make():
        tokens = tokenizer(QWEN, PADS)
        config = getattr(t, name)(text_config=words(tokens, **text), vision_config=vision, **PAD_IDS)
        kind = name.removesuffix("Config") + "ForConditionalGeneration"
        return getattr(t, kind)(config), processor(
            images(**PIXELS), tokens, t.Qwen2VLVideoProcessor(**PIXELS)
        )

    return make


GLM = [
    "<|image|>",
    "<|video|>",
    "<|begin_of_image|>",
    "<|end_of_image|>",
    "<|begin_of_video|>",
    "<|end_of_video|>",
]


def like_glm(
    name,
    model,
    processor,
    images,
    videos,
    text=None,
    size=PIXELS,
):
    def make():
        tokens = tokenizer(QWEN, dict(image_token=GLM[0], video_token=GLM[1]), GLM)
        ids = dict(
            zip(
                (
                    "image_token_id",
                    "video_token_id",
                    "image_start_token_id",
                    "image_end_token_id",
                    "video_start_token_id",
                    "video_end_token_id",
                ),
                tokens.convert_tokens_to_ids(GLM),
            )
        )
        config = getattr(t, name + "Config")(
            text_config=words(tokens, **(text or dict(rope_parameters=MROPE))),
            vision_config=dict(DEEP, out_hidden_size=WIDTH, intermediate_size=64, image_size=56),
            **ids,
        )
        return getattr(t, model + "ForConditionalGeneration")(config), processor(
            images(**size), tokens, videos(**size)
        )

    return make


def ernie4_5_vl_moe():
    names = ["<|IMAGE_START|>", "<|IMAGE_END|>", "<|VIDEO_START|>", "<|VIDEO_END|>"]
    parts = ("image_start", "image_end", "video_start", "video_end")
    marks = dict(zip((f"{part}_token" for part in parts), names))
    tokens = tokenizer(QWEN, {**PADS, **marks}, names)
    ids = {f"{key}_id": tokens.convert_tokens_to_ids(token) for key, token in marks.items()}
    config = t.Ernie4_5_VLMoeConfig(
        text_config=words(
            tokens,
            moe_intermediate_size=[16, 8],
            moe_k=2,
            moe_num_experts=4,
            moe_num_shared_experts=1,
            mlp_layer_types=["dense", "sparse"],
            rope_parameters=dict(rope_type="default", rope_theta=5e5, mrope_section=[1, 1, 2]),
        ),
        vision_config=dict(DEEP, intermediate_size=64),
        **PAD_IDS,
        **ids,
    )
    return t.Ernie4_5_VLMoeForConditionalGeneration(config), t.Ernie4_5_VLMoeProcessor(
        t.Ernie4_5_VLMoeImageProcessor(**PIXELS),
        tokens,
        t.Ernie4_5_VLMoeVideoProcessor(**PIXELS, draw_on_frames=False),
    )


GEMMA = ["<|image|>", "<|video|>", "<|image>", "<image|>", "<|audio|>", "<|audio>", "<audio|>"]


def gemma_tokens():
    names = ("image_token", "video_token", "boi_token", "eoi_token", "audio_token", "boa_token", "eoa_token")
    tokens = tokenizer(LLAMA, {n: x for n, x in zip(names, GEMMA) if n != "video_token"}, GEMMA)
    return tokens, {
        ("eoa_token_index" if n == "eoa_token" else n + "_id"): tokens.convert_tokens_to_ids(x)
        for n, x in zip(names, GEMMA)
    }


def gemma4():
    tokens, ids = gemma_tokens()
    text = words(
        tokens,
        num_hidden_layers=3,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        sliding_window=64,
        vocab_size_per_layer_input=len(tokens),
        hidden_size_per_layer_input=8,
        global_head_dim=16,
        num_kv_shared_layers=0,
    )
    vision = dict(
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=8,
        position_embedding_size=64,
    )
    config = t.Gemma4Config(text_config=text, vision_config=vision, audio_config=None, **ids)
    return t.Gemma4ForConditionalGeneration(config), t.Gemma4Processor(
        t.Gemma4AudioFeatureExtractor(), t.Gemma4ImageProcessor(), tokens, t.Gemma4VideoProcessor()
    )


def gemma4_unified():
    tokens, ids = gemma_tokens()
    text = words(
        tokens, layer_types=["sliding_attention", "full_attention"], sliding_window=64, global_head_dim=16
    )
    config = t.Gemma4UnifiedConfig(
        text_config=text,
        vision_config=dict(mm_embed_dim=WIDTH, output_proj_dims=WIDTH),
        audio_config=None,
        **ids,
    )
    return t.Gemma4UnifiedForConditionalGeneration(config), t.Gemma4UnifiedProcessor(
        t.Gemma4UnifiedAudioFeatureExtractor(),
        t.Gemma4UnifiedImageProcessor(),
        tokens,
        t.Gemma4UnifiedVideoProcessor(),
    )


def molmo2():
    names = [
        "<|image|>",
        "<|video|>",
        "<im_patch>",
        "<im_col>",
        "<im_start>",
        "<low_res_im_start>",
        "<frame_start>",
        "<im_end>",
        "<frame_end>",
        "<im_low>",
    ]
    tokens = tokenizer(QWEN, dict(image_token=names[0], video_token=names[1]), names)
    ids = dict(
        zip(
            (
                "image_patch_id",
                "image_start_token_id",
                "low_res_image_start_token_id",
                "image_end_token_id",
                "frame_start_token_id",
                "frame_end_token_id",
            ),
            tokens.convert_tokens_to_ids(
                ["<im_patch>", "<im_start>", "<low_res_im_start>", "<im_end>", "<frame_start>", "<frame_end>"]
            ),
        )
    )
    vision = dict(TOWER, num_key_value_heads=4, head_dim=8, image_size=[84, 84], num_position_embeddings=36)
    adapter = dict(
        vision_feature_layer=[1, 0],
        hidden_size=WIDTH,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=8,
        intermediate_size=64,
        text_hidden_size=WIDTH,
    )
    config = t.Molmo2Config(
        text_config=words(tokens, additional_vocab_size=8, rope_scaling_layers=None),
        vision_config=vision,
        adapter_config=adapter,
        **ids,
    )
    square = dict(size={"height": 84, "width": 84})
    return t.Molmo2ForConditionalGeneration(config), t.Molmo2Processor(
        t.Molmo2ImageProcessor(**square), t.Molmo2VideoProcessor(**square), tokens
    )


def like_minicpm(name, old):
    def make():
        names = dict(
            image_start_token="<image>",
            image_end_token="</image>",
            slice_start_token="<slice>",
            slice_end_token="</slice>",
            image_id_start_token="<image_id>",
            image_id_end_token="</image_id>",
        )
        tokens = tokenizer(QWEN, {**PADS, **names}, [x for x in names.values() if x not in ID])
        vision = dict(
            hidden_size=WIDTH,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=56,
            patch_size=14,
            insert_layer_id=1,
        )
        config = getattr(t, name + "Config")(
            text_config=dict(words(tokens, **DELTA), model_type="qwen3_5_text"),
            vision_config=vision,
            insert_layer_id=1,
            image_size=56,
            patch_size=14,
            **PAD_IDS,
        )
        how = dict(scale_resolution=112, patch_size=14)
        return getattr(t, name + "ForConditionalGeneration")(config), getattr(t, name + "Processor")(
            getattr(t, old + "ImageProcessor")(**how), getattr(t, old + "VideoProcessor")(**how), tokens
        )

    return make


LATENT = dict(  # DeepSeek's attention and experts
    EXPERTS,
    num_key_value_heads=4,
    n_routed_experts=4,
    n_shared_experts=1,
    n_group=1,
    topk_group=1,
    kv_lora_rank=8,
    q_lora_rank=8,
    qk_rope_head_dim=4,
    qk_nope_head_dim=4,
    v_head_dim=8,
    first_k_dense_replace=1,
)


def kimi_k25():
    names = [
        "<|media_pad|>",
        "<|kimi_k25_video_placeholder|>",
        "<|media_begin|>",
        "<|media_content|>",
        "<|media_end|>",
    ]
    tokens = tokenizer(QWEN, {}, names)
    ids = dict(
        zip(
            ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"),
            tokens.convert_tokens_to_ids([names[0], names[1], names[2], names[4]]),
        )
    )
    vision = dict(
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        pos_emb_height=4,
        pos_emb_width=4,
    )
    text = words(tokens, **{**LATENT, "head_dim": 4}, model_type="deepseek_v3")
    config = t.Kimi_K25Config(text_config=text, vision_config=vision, projection_hidden_size=WIDTH, **ids)
    return t.Kimi_K25ForConditionalGeneration(config), t.Kimi_K25Processor(
        t.Kimi_K25ImageProcessor(max_patches=16), tokens, t.Kimi_K25VideoProcessor(max_patches=64)
    )


def minimax_m3_vl():
    names = ["]<]image[>[", "]<]video[>[", "]<]start of image[>[", "]<]end of image[>["]
    tokens = tokenizer(QWEN, {}, names)
    image, video = tokens.convert_tokens_to_ids(names[:2])
    text = words(
        tokens,
        num_local_experts=4,
        num_experts_per_tok=2,
        intermediate_size=16,
        dense_intermediate_size=64,
        shared_intermediate_size=16,
        rotary_dim=4,
        mlp_layer_types=["dense", "sparse"],
        layer_types=["full_attention"] * 2,
    )
    vision = dict(
        hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=56
    )
    config = t.MiniMaxM3VLConfig(
        text_config=text,
        vision_config=vision,
        projector_hidden_size=WIDTH,
        merged_hidden_size=4 * WIDTH,
        image_token_index=image,
        video_token_index=video,
    )
    return t.MiniMaxM3SparseForConditionalGeneration(config), t.MiniMaxM3VLProcessor(
        t.MiniMaxM3VLImageProcessor(**PIXELS),
        tokens,
        t.MiniMaxM3VLVideoProcessor(min_pixels=56 * 56, max_pixels=56 * 56),
    )


def like_muse(name, text, **parts):
    names = [
        "<|patch|>",
        "<|video|>",
        "<|image_start|>",
        "<|image_end|>",
        "<|vid_frame_separator|>",
        "<|vid_start|>",
        "<|vid_end|>",
        "<|audio|>",
        "<|soft_audio_start|>",
        "<|soft_audio_end|>",
    ]

    def make():
        tokens = tokenizer(QWEN, {}, names)
        image, video, audio = tokens.convert_tokens_to_ids([names[0], names[1], names[7]])
        vision = dict(
            hidden_size=WIDTH,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            pos_emb_height=4,
            pos_emb_width=4,
            layer_types=["window_attention", "full_attention"],
        )
        words_ = words(
            tokens,
            sliding_window=64,
            layer_types=["sliding_attention", "full_attention"],
            layer_rope_theta=[1e4, 0],
            **text,
        )
        more = {"audio_token_id": audio} if parts else {}
        config = getattr(t, name + "Config")(
            text_config=words_,
            vision_config=vision,
            out_hidden_size=4 * WIDTH,
            projector_hidden_size=WIDTH,
            image_token_id=image,
            video_token_id=video,
            **more,
            **parts,
        )
        made = [t.MuseGlimmerImageProcessor(), t.MuseGlimmerVideoProcessor(max_video_frame_tokens=16), tokens]
        if parts:
            made.append(t.MuseSparkFeatureExtractor())
        return getattr(t, name + "ForConditionalGeneration")(config), getattr(t, name + "Processor")(*made)

    return make


def dots3_note():
    names = ["<|imgpad|>", "<|audio_comp_pad|>"]
    tokens = tokenizer(QWEN, {}, names)
    image, audio, video = tokens.convert_tokens_to_ids([*names, "<|video_pad|>"])
    vision = dict(
        hidden_size=WIDTH,
        intermediate_size=64,
        moe_intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        mlp_layer_types=["dense", "dense"],
        adapter_in_dim=WIDTH,
        adapter_out_dim=WIDTH,
        num_local_experts=4,
        num_experts_per_tok=2,
    )
    sound = dict(
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        downsample_hidden_size=8,
        adapter_input_size=WIDTH,
        adapter_out_dim=WIDTH,
    )
    config = t.Dots3NoteConfig(
        text_config=words(tokens, **LATENT),
        vision_config=vision,
        audio_config=sound,
        image_token_id=image,
        audio_token_id=audio,
        video_token_id=video,
    )
    return t.Dots3NoteForConditionalGeneration(config), t.Dots3NoteProcessor(
        t.Qwen2VLImageProcessor(**PIXELS),
        tokens,
        t.Qwen3VLVideoProcessor(**PIXELS, patch_size=14, temporal_patch_size=1),
        t.Dots3NoteFeatureExtractor(),
    )


def perception_lm():
    tokens = tokenizer(LLAMA, VISUAL)
    vision = t.TimmWrapperConfig(
        architecture="vit_pe_core_tiny_patch16_384",
        do_pooling=False,
        model_args=dict(
            embed_dim=WIDTH, depth=2, num_heads=4, img_size=[SIDE, SIDE], patch_size=14, global_pool=""
        ),
    )
    config = t.PerceptionLMConfig(
        vision_config=vision,
        text_config=dict(words(tokens), model_type="llama"),
        vision_use_cls_token=True,
        projector_pooling_ratio=2,
        image_token_id=ID["<image>"],
        video_token_id=ID["<video>"],
    )
    return t.PerceptionLMForConditionalGeneration(config), t.PerceptionLMProcessor(
        t.PerceptionLMVideoProcessor(**SQUARE),
        t.PerceptionLMImageProcessor(tile_size=SIDE),
        tokens,
        patch_size=14,
        pooling_ratio=2,
    )


def nemotron_h_omni():
    names = ["<so_embedding>", "<so_start>", "<so_end>"]
    tokens = tokenizer(QWEN, dict(image_token="<image>", video_token="<video>"), names)
    text = words(
        tokens,
        layers_block_type=["linear_attention", "moe", "full_attention", "mlp"],
        ssm_state_size=8,
        mamba_num_heads=4,
        mamba_head_dim=8,
        n_groups=2,
        n_routed_experts=4,
        moe_shared_expert_intermediate_size=16,
        **EXPERTS,
    )
    vision = dict(
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=64,
        max_img_size=128,
        video_temporal_patch_size=2,
    )
    config = t.NemotronH_Omni_Reasoning_V3_Config(
        text_config=text,
        vision_config=vision,
        audio_config=None,
        vision_hidden_size=WIDTH,
        projector_hidden_size=WIDTH,
        image_token_id=ID["<image>"],
        video_token_id=ID["<video>"],
    )
    return t.NemotronH_Omni_Reasoning_V3(config), t.NemotronH_Omni_Reasoning_V3Processor(
        t.NemotronH_Omni_Reasoning_V3ImageProcessor(),
        t.NemotronH_Omni_Reasoning_V3VideoProcessor(
            video_target_num_patches=16, norm_mean=[0.5] * 3, norm_std=[0.5] * 3
        ),
        tokens,
        t.ParakeetFeatureExtractor(),
    )


def instructblipvideo():
    tokens = tokenizer(LLAMA, VISUAL)
    small = dict(hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
    config = t.InstructBlipVideoConfig(
        vision_config=dict(small, image_size=SIDE),
        qformer_config=dict(small, vocab_size=len(tokens), encoder_hidden_size=WIDTH),
        text_config=dict(words(tokens), model_type="llama"),
        num_query_tokens=2,
        video_token_index=ID["<video>"],
    )
    return t.InstructBlipVideoForConditionalGeneration(config), t.InstructBlipVideoProcessor(
        t.InstructBlipVideoVideoProcessor(**SQUARE), tokens, tokens, num_query_tokens=2
    )


def instructblip():
    tokens = tokenizer(LLAMA, VISUAL)
    small = dict(hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
    config = t.InstructBlipConfig(
        vision_config=dict(small, image_size=SIDE),
        qformer_config=dict(small, vocab_size=len(tokens), encoder_hidden_size=WIDTH),
        text_config=dict(words(tokens), model_type="llama"),
        num_query_tokens=2,
        image_token_index=ID["<image>"],
    )
    return t.InstructBlipForConditionalGeneration(config), t.InstructBlipProcessor(
        t.BlipImageProcessor(**SQUARE), tokens, tokens, num_query_tokens=2
    )


DEEPSTACK = dict(SEEN, deepstack_visual_indexes=[0, 1])
INTERLEAVED = dict(rope_parameters=dict(MROPE, mrope_interleaved=True))
MORE = {
    "qwen3_vl_moe": (
        like_qwen3("Qwen3VLMoe", dict(INTERLEAVED, **EXPERTS, num_experts=4), DEEPSTACK),
        chatml(MARKED),
    ),
    "qwen3_5_moe": (
        like_qwen3("Qwen3_5Moe", dict(DELTA, **EXPERTS, num_experts=4, shared_expert_intermediate_size=16)),
        chatml(MARKED),
    ),
    "qwen4_exp": (
        like_qwen3(
            "Qwen4Exp",
            dict(
                DELTA,
                **EXPERTS,
                layer_types=["linear_attention", "indexed_attention"],
                num_experts=4,
                shared_expert_intermediate_size=16,
                hc_count=2,
                hc_lowrank=8,
                indexer_n_heads=2,
                indexer_kv_heads=1,
                indexer_head_dim=8,
                indexer_budget=64,
                indexer_compress_ratio=4,
            ),
        ),
        chatml(MARKED),
    ),
    "cosmos3_omni": (like_qwen3("Cosmos3Omni", INTERLEAVED, DEEPSTACK), chatml(MARKED)),
    "cohere_compass": (
        like_qwen3(
            "CohereCompass",
            dict(
                sliding_window=64,
                layer_types=["sliding_attention", "full_attention"],
                rope_parameters={
                    kind: dict(MROPE, mrope_interleaved=True)
                    for kind in ("sliding_attention", "full_attention")
                },
            ),
            DEEPSTACK,
            lambda tokens: qwen3_processor(tokens, t.CohereCompassProcessor, t.CohereCompassVideoProcessor),
            ["<|VISION_START|>", "<|IMAGE_PAD|>", "<|VIDEO_PAD|>", "<|VISION_END|>"],
        ),
        chatml("<|VISION_START|><|VIDEO_PAD|><|VISION_END|>"),
    ),
    "cosmos3_edge": (
        like_qwen3(
            "Cosmos3Edge",
            dict(rope_parameters=MROPE),
            dict(
                hidden_size=WIDTH,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_patches=16,
            ),
            lambda tokens: t.Cosmos3EdgeProcessor(
                t.Cosmos3EdgeImageProcessor(**LARGE), tokens, t.Cosmos3EdgeVideoProcessor(**LARGE)
            ),
        ),
        chatml(MARKED),
    ),
    "exaone4_5": (
        like_qwen2(
            "Exaone4_5_Config",
            dict(
                model_type="exaone4_5_text",
                sliding_window=64,
                layer_types=["sliding_attention", "full_attention"],
            ),
            dict(
                DEEP,
                out_hidden_size=WIDTH,
                intermediate_size=64,
                fullatt_block_indexes=[1],
                num_key_value_heads=2,
            ),
            t.Exaone4_5_Processor,
        ),
        chatml(MARKED),
    ),
    "hyperclovax_vision_v2": (
        like_qwen2(
            "HyperCLOVAXVisionV2Config",
            dict(model_type="hyperclovax"),
            dict(
                DEEP,
                out_hidden_size=WIDTH,
                intermediate_size=64,
                fullatt_block_indexes=[1],
                model_type="qwen2_5_vl_vision",
            ),
            t.HyperCLOVAXVisionV2Processor,
        ),
        chatml(MARKED),
    ),
    "glm4v": (
        like_glm("Glm4v", "Glm4v", t.Glm4vProcessor, t.Glm4vImageProcessor, t.Glm4vVideoProcessor),
        chatml("<|begin_of_video|><|video|><|end_of_video|>"),
    ),
    "glm46v": (
        like_glm("Glm46V", "Glm46V", t.Glm46VProcessor, t.Glm46VImageProcessor, t.Glm46VVideoProcessor),
        chatml("<|begin_of_video|><|video|><|end_of_video|>"),
    ),
    "glmga": (
        like_glm("Glmga", "Glm46V", t.Glm46VProcessor, t.GlmgaImageProcessor, t.GlmgaVideoProcessor),
        chatml("<|begin_of_video|><|video|><|end_of_video|>"),
    ),
    "ernie4_5_vl_moe": (ernie4_5_vl_moe, chatml("<|VIDEO_START|><|video_pad|><|VIDEO_END|>")),
    "gemma4": (gemma4, chatml("<|video|>")),
    "gemma4_unified": (gemma4_unified, chatml("<|video|>")),
    "molmo2": (molmo2, chatml("<|video|>")),
    "minicpmv4_6": (like_minicpm("MiniCPMV4_6", "MiniCPMV4_6"), chatml("<|video_pad|>")),
    "minicpmv4_7": (like_minicpm("MiniCPMV4_7", "MiniCPMV4_6"), chatml("<|video_pad|>")),
    "minicpm_ocr": (like_minicpm("MiniCPMOcr", "MiniCPMOcr"), chatml("<|video_pad|>")),
    "lfm3_vl": (
        like_qwen3(
            "Lfm3Vl",
            dict(
                num_hidden_layers=3,
                layer_types=["conv", "sliding_attention", "full_attention"],
                sliding_window=64,
            ),
            dict(
                hidden_size=WIDTH,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                layer_types=["conv", "full_attention"],
            ),
            lambda tokens: qwen3_processor(tokens, t.Lfm3VlProcessor),
        ),
        chatml(MARKED),
    ),
    "kimi_k25": (kimi_k25, chatml("<|kimi_k25_video_placeholder|>")),
    "minimax_m3_vl": (minimax_m3_vl, chatml("]<]video[>[")),
    "muse_glimmer": (like_muse("MuseGlimmer", {}), chatml("<|video|>")),
    "muse_spark": (
        like_muse(
            "MuseSpark",
            dict(
                moe_intermediate_size=16,
                moe_hidden_size=WIDTH,
                num_local_experts=4,
                num_experts_per_tok=2,
                mlp_layer_types=["dense", "sparse"],
            ),
            audio_config=dict(
                patch_sizes=[16, 6, 5, 4],
                hidden_sizes=[8, 8, 8, 8],
                depths=[1, 1, 1, 1],
                out_hidden_size=WIDTH,
            ),
        ),
        chatml("<|video|>"),
    ),
    "dots3_note": (dots3_note, chatml("<|video_pad|>")),
    "glm5_next": (
        like_glm(
            "Glm5Next",
            "Glm5Next",
            t.Glm5NextProcessor,
            t.Glm5NextImageProcessor,
            t.Glm5NextVideoProcessor,
            dict(
                LATENT,
                qk_rope_head_dim=0,
                qk_nope_head_dim=8,
                layer_types=["linear_attention", "indexed_attention"],
                mlp_layer_types=["dense", "sparse"],
                index_topk=64,
                index_head_dim=8,
                index_n_heads=2,
                linear_head_dim=8,
                linear_num_heads=4,
                hc_mult=2,
            ),
            dict(max_image_tokens=16),
        ),
        chatml("<|begin_of_video|><|video|><|end_of_video|>"),
    ),
    "perception_lm": (perception_lm, VICUNA),
    "nemotron_h_omni": (nemotron_h_omni, chatml("<video>")),
    "instructblip": (instructblip, VICUNA),
    "instructblipvideo": (instructblipvideo, VICUNA),
}
MORE = {family: entry for family, entry in MORE.items() if family in MODELS}
PACKAGES = {"perception_lm": ("timm",)}  # beside requirements.txt
# their attention looks at blocks of tokens, which are cut by place, padding included
BY_PLACE = ("qwen4_exp", "glm5_next", "minimax_m3_vl")
REASONS = {  # what does not work, and what the error says; tested
    "instructblip": "reads images: this model has no video processor",
    "instructblipvideo": "its processor takes no videos beside a prompt, and four frames as images",
    "kimi_k25": "transformers 5.23 cannot read a clip: it splits by frames what it has merged over them",
    "nemotron_h_omni": "transformers 5.23 cannot read a clip whose seconds are known, nor several at once",
}


def table():
    """Every family of transformers that has a processor of videos and writes text, as a table in Markdown."""
    from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING_NAMES as PROCESSORS

    lines = ["| family | |", "| --- | --- |"]
    for family in sorted(MODELS.keys() & PROCESSORS.keys()):
        said = "works" if family in {**FAMILIES, **MORE} else "not tried"
        if family in PACKAGES:
            said = f"works, with {' '.join(PACKAGES[family])} installed"
        if family in BY_PLACE:
            said = "works; attends to blocks of tokens, so that answers may depend on the batch"
        lines.append(f"| {family} | {REASONS.get(family, said)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
