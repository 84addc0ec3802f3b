"""The processor of a model: what makes tokens and pixels of a prompt and its clip."""

import inspect

from transformers import AutoProcessor

from lib.model.hub import from_hub, why_not
from lib.records import StageError


def needs_a_package(path, error):
    """The StageError for a model part of which comes from a package that is not installed."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return StageError(f"{path}: {' '.join(lines)}")


def processor_of(path):
    """The processor of a folder or hub id. Raises StageError for what cannot chat about videos."""
    try:
        processor = AutoProcessor.from_pretrained(path, **from_hub(path))
    except ImportError as error:
        raise needs_a_package(path, error) from error
    except (OSError, ValueError) as error:
        raise StageError(
            f"{path}: no processor can be loaded from it: {why_not(path, error)}; expected the "
            "folder or hub id of a video model of transformers"
        ) from error
    if getattr(processor, "video_processor", None) is None:
        raise StageError(
            f"{path}: this model has no video processor ({type(processor).__name__}); "
            "choose a video model, e.g. Qwen/Qwen3-VL-2B-Instruct"
        )
    if "videos" not in inspect.signature(processor.__call__).parameters:
        raise StageError(
            f"{path}: {type(processor).__name__} takes no videos beside a prompt; choose another model, "
            "e.g. Qwen/Qwen3-VL-2B-Instruct"
        )
    if not processor.chat_template:
        raise StageError(
            f"{path}: this model has no chat template; add a chat_template.jinja to its folder, "
            "or choose an instruction-tuned checkpoint"
        )
    processor.tokenizer.padding_side = "left"
    return processor
