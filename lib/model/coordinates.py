"""In which coordinates a model is asked for boxes, as its family was trained to say them."""

from lib.files import read_json
from lib.model.frames import fixed_size
from lib.process import world
from lib.prompts import BOX_FORMS
from lib.records import StageError, video_path

# by model_type; the others are asked for fractions of the frame
OF_FAMILIES = {
    "qwen2_vl": "1000",  # arXiv 2409.12191, 2.1: "normalized within [0, 1000)"
    "qwen2_5_vl": "pixels",  # of the frame behind the processor: QwenLM/Qwen3-VL issues 676 and 866
    "qwen3_vl": "1000",  # QwenLM/Qwen3-VL issues 1486 and 1741
    "qwen3_vl_moe": "1000",
    "qwen3_5": "1000",
    "qwen3_5_moe": "1000",
    "internvl": "1000",  # its prompts' <box>[[x1, y1, x2, y2]]</box>, normalized to 0 to 1000
    "glm4v": "1000",  # zai-org/glm-skills, glmv-grounding: "range 0-1000"
    "glm4v_moe": "1000",
    "glm46v": "1000",
}


class Coordinates:
    """Asks a model for boxes in the coordinates `asked`: a key of prompts.BOX_FORMS, or "auto" for those of
    its family. They are decided, and printed, when the first record with a box comes.
    """

    def __init__(self, model, choice=None):
        self.model, self.choice, self.system = model, choice or "auto", None

    def of(self, record, source=None):
        """The record as it is to be asked, with `boxes` where it has a box label. `source`: the file that it
        stands in, where the label is to be hinted: with `frame_size` too, where it is said in pixels.

        Raises StageError (exit code 2) for pixels that this model does not have.
        """
        if not has_box(record):
            return record
        if self.system is None:
            self.system = self._decide()
        question = {key: value for key, value in record.items() if key != "frame_size"} | {
            "boxes": self.system
        }
        if self.system == "pixels" and source:
            size = record.get("frame_size") if record.get("boxes") == "pixels" else None
            clip = (video_path(record, source), record.get("start"), record.get("end"))
            question["frame_size"] = size or self.model.frame_size(clip)
        return question

    def _decide(self):
        system, why = self._own() if self.choice == "auto" else (self.choice, "")
        if world()[0] == 0:
            print(f"boxes: {BOX_FORMS[system]}{why}", flush=True)
        reason = self.model.no_pixels() if system == "pixels" else None
        if reason:
            raise StageError(f"--boxes pixels: {reason}; use --boxes fraction or 1000", code=2)
        return system

    def _own(self):
        """(the model's own coordinates, why): those that we trained it on, else those of its family."""
        trained = read_json(f"{self.model.identity['model'].rstrip('/')}.meta.json").get("boxes")
        if trained in BOX_FORMS:
            return trained, ", as this model was trained"
        family = self.model.family()
        if family is None:
            return "fraction", "; a server does not say its family: see --boxes"
        return OF_FAMILIES.get(family, "fraction"), f", as {family} says them"


def has_box(record):
    """Whether a label of a record is a box."""
    return any(label["kind"] == "box" for label in record["labels"])


def no_pixels_of(processor, name):
    """Why boxes cannot be said in pixels of the frames that a processor makes, or None."""
    of_video = processor.video_processor
    if getattr(of_video, "do_center_crop", False):
        return f"the processor of {name} cuts off the edges of a frame, which its pixels do not cover"
    if "video_grid_thw" not in of_video.model_input_names and fixed_size(processor) is None:
        return f"the processor of {name} ({type(processor).__name__}) does not say the size of its frames"
    return None


def other_size(record, size):
    """Why an answer to a record cannot be in the pixels in which its label was hinted, or None; `size`:
    [width, height] of the frames that it was asked about.
    """
    hinted = record.get("frame_size") if record.get("boxes") == "pixels" else None
    if hinted is None or hinted == size:
        return None
    return (
        f"the label was hinted in pixels of a {hinted[0]}x{hinted[1]} frame, but the model sees "
        f"{size[0]}x{size[1]}: give 02 and 03 the same flags for frames and pixels"
    )


def answered(record, result, size):
    """A record with the fields of what was said on it, and the `size` of the frame, [width, height], where
    its boxes are in pixels of that.
    """
    if problem := other_size(record, size):
        return {**record, "error": problem}
    return {**record, **result, **({"frame_size": size} if record.get("boxes") == "pixels" else {})}


def frame_size_of(processor, inputs):
    """[width, height] of the frames that a processor made of the clip of these inputs."""
    if "video_grid_thw" not in inputs:
        return list(fixed_size(processor))
    patch = processor.video_processor.patch_size
    _, height, width = inputs["video_grid_thw"][0].tolist()
    return [width * patch, height * patch]
