"""The README's picture: one record of a finished demo run on its way through a cycle, and accuracy cycle by
cycle.

    python -m lib.demo.picture runs/demo lib/demo/record.svg
"""

import base64
import json
import textwrap
from html import escape
from pathlib import Path

import cv2

from lib.command import checked_parser
from lib.files import write_atomically
from lib.process import run
from lib.prompts import label_text
from lib.records import StageError, read_jsonl, video_path
from lib.video import read_frames

WIDTH, SIDE, GAP = 880, 96, 8
STYLE = (
    "text { font: 14px ui-sans-serif, system-ui, sans-serif; fill: #24292f } "
    ".mono { font: 13px ui-monospace, monospace } .soft { fill: #57606a } "
    ".bad { fill: #b35900 } .good { fill: #116329 } .box { fill: #f6f8fa; stroke: #d0d7de }"
)


def find_record(path):
    """(rejected direct answer, kept explanation) of one question: the shortest pair of a verified file."""
    wrong, right = {}, {}
    for _, record in read_jsonl(path):
        if record["origin"] == "direct" and record["verdict"] == "wrong":
            wrong.setdefault(record["id"], record)
        elif (
            record["origin"] == "rationalized"
            and record["keep"]
            and record["labels"][0]["kind"] == "sequence"
        ):
            right.setdefault(record["id"], record)
    pairs = [(wrong[name], right[name]) for name in right if name in wrong]
    if not pairs:
        raise StageError(f"{path}: no question with a rejected direct answer and a kept explanation")
    return min(pairs, key=lambda pair: (len(pair[0]["answer"]) + len(pair[1]["answer"]), pair[0]["id"]))


def film(record, path, top):
    """The clip's eight frames side by side, each with its second."""
    frames, about = read_frames(video_path(record, path), 8)
    parts = []
    for number, (frame, index) in enumerate(zip(frames, about["frames_indices"])):
        picture = cv2.imencode(".jpg", frame[..., ::-1])[1]
        left = GAP + number * (SIDE + GAP) + 22
        data = base64.b64encode(picture).decode()
        parts.append(
            f'<image x="{left}" y="{top}" width="{SIDE}" height="{SIDE}" style="image-rendering: pixelated" '
            f'href="data:image/jpeg;base64,{data}"/>'
            f'<text class="soft" x="{left + SIDE / 2}" y="{top + SIDE + 18}" text-anchor="middle">'
            f"{index / about['fps']:.1f} s</text>"
        )
    return "".join(parts)


def box(top, title, text, verdict, style):
    """(a box of text with its verdict below, the y behind it)."""
    lines = [part for line in text.split("\n") for part in textwrap.wrap(line, 104)]
    height = 20 * len(lines) + 62
    rows = [f'<rect class="box" x="22" y="{top}" width="{WIDTH - 44}" height="{height}" rx="6"/>']
    rows.append(f'<text class="soft" x="36" y="{top + 24}">{escape(title)}</text>')
    for number, line in enumerate(lines):
        rows.append(f'<text class="mono" x="36" y="{top + 46 + 20 * number}">{escape(line)}</text>')
    rows.append(f'<text class="{style}" x="36" y="{top + height - 12}">{escape(verdict)}</text>')
    return "".join(rows), top + height + 12


def bars(folder, top):
    """Held-out accuracy of the base and after each cycle, as bars with their 95 % intervals."""
    parts = [f'<text class="soft" x="22" y="{top}">accuracy on held-out questions, 95 % interval</text>']
    for number, path in enumerate(sorted(folder.glob("cycle*/eval.json"))):
        share, y = json.loads(path.read_text())["all"], top + 14 + 26 * number
        low, value, high = (150 + 600 * share[key] for key in ("low", "accuracy", "high"))
        name = f"cycle {number}" if number else "base"
        parts.append(
            f'<text x="22" y="{y + 15}">{name}</text>'
            f'<rect x="150" y="{y + 2}" width="{value - 150:.0f}" height="16" fill="#54aeff"/>'
            f'<path d="M{low:.0f} {y + 10}H{high:.0f}" stroke="#24292f"/>'
            f'<text x="{high + 10:.0f}" y="{y + 15}">{100 * share["accuracy"]:.1f} %</text>'
        )
    return "".join(parts), top + 30 + 26 * len(parts)


def picture(folder):
    """The SVG of a finished demo run."""
    path = folder / "cycle1" / "verified.jsonl"
    wrong, right = find_record(path)
    label = escape(label_text(right["labels"]))
    parts = [f'<text x="22" y="28">{escape(right["question"])}</text>']
    parts.append(f'<text class="soft" x="{WIDTH - 22}" y="28" text-anchor="end">label: {label}</text>')
    parts.append(film(right, path, 44))
    blocks = [
        ("02: the model answers", wrong["answer"], f"04: not kept: {wrong['why']}", "bad"),
        ("03: told the label, it explains", right["answer"], f"04: kept: {right['why']}", "good"),
    ]
    top = 182
    for block in blocks:
        text, top = box(top, *block)
        parts.append(text)
    parts.append(
        f'<text x="22" y="{top + 14}">05: the base is fine-tuned on the question and this explanation, '
        "without the hint; then the next cycle.</text>"
    )
    chart, bottom = bars(folder, top + 52)
    body = "".join([*parts, chart])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" width="{WIDTH}">'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#ffffff"/>{body}</svg>\n'
    )


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("run", type=Path, help="folder of a demo run that is finished")
    parser.add_argument("output", type=Path, help="the picture, FILE.svg")
    args = parser.parse_args()
    if args.output.is_file() and not args.output.read_bytes().startswith(b"<svg"):
        raise StageError(f"{args.output}: exists, and is no picture; name another, or move it away", code=2)
    write_atomically(args.output, picture(args.run))
    print(f"{args.output}: written")


if __name__ == "__main__":
    run(main)
