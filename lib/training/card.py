"""The model card of a checkpoint, README.md in its folder: what it is, and of what and how it was made. What
held-out questions say of it is not known yet; `make push` adds it.
"""

import os
import re

from lib.command import in_force
from lib.files import read_json, write_atomically
from lib.provenance import versions

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
PAPER = "[Video-STaR](https://arxiv.org/abs/2407.06189)"
# settings that say where files lie, or what the card says otherwise
UNSAID = ("input", "model", "model_identity", "mix", "self_train")


def header_of(base):
    """The YAML that the hub reads; a base that is a folder here is none that it knows."""
    named = [f"base_model: {base}"] if HUB_ID.fullmatch(base) and not os.path.exists(base) else []
    about = ["pipeline_tag: video-text-to-text", "library_name: transformers", "tags:", "- video-star"]
    return "\n".join(["---", *named, *about, "---", ""])


def data_text(source, rows, mix):
    """What was trained on, by the sidecars of the verified file and of the answers beside it."""
    verified = read_json(f"{source}.meta.json")
    settings = read_json(os.path.join(os.path.dirname(source), "generated.jsonl.meta.json")).get(
        "settings", {}
    )
    cycle = f"Cycle {settings['cycle']}" if "cycle" in settings else "One cycle"
    text = f"{cycle} of {PAPER} self-training: {rows} training rows"
    if per_origin := verified.get("kept"):
        counts = ", ".join(f"{number} {origin}" for origin, number in per_origin.items())
        text += (
            f", of the answers to {verified['questions']} questions that assert the labels of their videos"
        )
        text += f" ({counts})"
    if digest := verified.get("output_sha256"):
        text += f"; sha256 of {os.path.basename(source)}: `{digest}`"
    return f"{text}.\n" + (f"Trained along with {', '.join(map(os.path.basename, mix))}.\n" if mix else "")


def table(rows):
    """Two columns of Markdown."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""])


def card_of(settings, rows, losses):
    """The card of a checkpoint trained with these settings on so many rows, as Markdown."""
    base, name = settings["model"], os.path.basename(settings["model"].rstrip("/"))
    shown = base if HUB_ID.fullmatch(base) and not os.path.exists(base) else name
    flags = {key: value for key, value in in_force(settings).items() if key not in UNSAID}
    along = [*(settings.get("mix") or ()), *filter(None, [settings.get("self_train")])]
    curve = f", loss {losses[0]:.3f} in the first and {losses[-1]:.3f} in the last" if losses else ""
    return "\n".join(
        [
            header_of(base),
            "# A video model that learnt from labels\n",
            data_text(settings["input"], rows, along),
            f"## Training\n\nFrom {shown}, {len(losses)} optimiser steps{curve}.\n",
            table([(key.replace("_", "-"), value) for key, value in flags.items()]),
            "Licence and limits are those of the base model. It may state untrue things with confidence: of "
            "the answers it was trained on, only what they finally say was held against labels.\n",
            "## Versions\n",
            table(versions().items()),
        ]
    )


def write_card(folder, settings, rows, losses):
    """README.md of a checkpoint's folder."""
    write_atomically(os.path.join(folder, "README.md"), card_of(settings, rows, losses))
