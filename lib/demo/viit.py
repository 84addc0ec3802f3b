"""The demo's clips for VIIT: all of the target world, and files of them as a user has them.

python -m lib.demo.viit -o runs/demo/viit/clips --seed 0

captioned/  captions.jsonl       clips with a short caption each, which the towers are trained on
narrated/   narratives.jsonl     others with a longer text
            instructions.jsonl   questions on these, written by a template, as lib.viit.instructions writes
unlabelled/                      clips to be captioned
            true.jsonl           their true captions, the bound
            alt-text.jsonl       the same, of half of the clips another one's, as captions from the web are
            labelled.jsonl       questions on these with labels, one a clip (`make viit-star`)
gallery/    gallery.jsonl        held-out clips with different captions, to be found by them
test/       test.jsonl           held-out clips with questions and labels
            facts.jsonl          what is true of each; no stage reads it but the table
"""

import os
from pathlib import Path

import numpy as np

from lib.command import check_flags, checked_parser
from lib.demo import captions, world
from lib.files import write_atomically
from lib.output import Output
from lib.process import progress, run
from lib.records import line_of

NUMBERS = {"captioned": 450, "narrated": 150, "unlabelled": 2000, "gallery": 200, "test": 200}
STREAM = 20  # of seeds: the base's clips and the cycles' are of others


def clips_of(part, count, seed):
    """Yields (name, facts, style, rng) of the clips of a part; in the gallery all captions are different."""
    seen, number = set(), 0
    stream = STREAM + list(NUMBERS).index(part)
    while count:
        rng = np.random.default_rng([seed, stream, number])
        number += 1
        facts = world.clip_facts(rng, "target")
        caption = captions.caption(facts)
        if part == "gallery" and caption in seen:
            continue
        seen.add(caption)
        yield f"{part}{number - 1:05d}", facts, world.look(rng, "target"), rng
        count -= 1


def rendered(folder, part, count, seed):
    """[{"id", "video", "facts", "caption"}] of a part, its clips rendered into `folder`; those that are there
    stay.
    """
    os.makedirs(folder / part, exist_ok=True)
    rows = []
    for name, facts, style, rng in progress(clips_of(part, count, seed), count, f"render {part}"):
        path, half = folder / part / f"{name}.mp4", folder / f"{name}.tmp.mp4"
        if not path.exists():
            world.write_clip(half, facts, style, rng)
            os.replace(half, path)
        about = {"id": name, "video": f"{part}/{name}.mp4"}
        rows.append({**about, "facts": facts, "caption": captions.caption(facts)})
    return rows


def described(rows, text_of):
    """Rows of a captions file."""
    return [{"id": row["id"], "video": row["video"], "caption": text_of(row)} for row in rows]


def alt_text(rows, seed):
    """Captions as they come from the web: of half of the clips that of another one."""
    rng = np.random.default_rng([seed, STREAM - 1])
    wrong = rng.permutation(len(rows))[: len(rows) // 2]
    of_clip = {int(a): int(b) for a, b in zip(wrong, np.roll(wrong, 1))}
    captions = [rows[of_clip.get(n, n)]["caption"] for n in range(len(rows))]
    return [{**row, "caption": text} for row, text in zip(rows, captions)]


def instructed(rows):
    """The rows of instructions.jsonl on narrated clips."""
    for row in rows:
        for number, (kind, turn, answer) in enumerate(captions.instructions(row["facts"])):
            about = {"id": f"{row['id']}#{kind}#{number // 2}", "video": row["video"]}
            yield {**about, "question": turn, "answer": answer, "kind": kind, "keep": True}


def questioned(rows, first=False):
    """Records with labels: every question on the clips, or the first label of the first one alone."""
    for row in rows:
        for key, question, labels, _ in world.questions(row["facts"])[: 1 if first else None]:
            labels = labels[:1] if first else labels
            about = {"id": f"{row['id']}#{key}", "video": row["video"], "duration": float(world.SECONDS)}
            yield {**about, "question": question, "labels": labels}


def make(folder, seed, numbers):
    """Render all parts into `folder` and write their files."""
    rows = {part: rendered(folder, part, count, seed) for part, count in numbers.items()}

    def write(name, lines):
        write_atomically(folder / name, b"".join(map(line_of, lines)).decode())

    write("captions.jsonl", described(rows["captioned"], lambda row: row["caption"]))
    write("narratives.jsonl", described(rows["narrated"], lambda row: captions.narrative(row["facts"])))
    write("instructions.jsonl", instructed(rows["narrated"]))
    write("true.jsonl", described(rows["unlabelled"], lambda row: row["caption"]))
    write("alt-text.jsonl", described(alt_text(rows["unlabelled"], seed), lambda row: row["caption"]))
    write("labelled.jsonl", questioned(rows["unlabelled"], first=True))
    write("gallery.jsonl", described(rows["gallery"], lambda row: row["caption"]))
    write("test.jsonl", questioned(rows["test"]))
    write("facts.jsonl", (row for part in rows.values() for row in part))


def main():
    parser = checked_parser(__doc__)
    add = parser.add_argument
    add("-o", "--output", required=True, help="folder to write; it is complete when it holds DONE")
    add("--overwrite", action="store_true", help="replace one that was made with other settings")
    add("--trust-code", action="store_true", help="take what other code made as it is")
    add("--seed", type=int, default=0, help="seed of all clips (default: %(default)s)")
    for part, number in NUMBERS.items():
        add(f"--{part}", type=int, default=number, help="clips (default: %(default)s)")
    args = parser.parse_args()
    check_flags(parser, args)
    numbers = {part: getattr(args, part) for part in NUMBERS}
    if min(numbers.values()) < 1:
        parser.error("expected at least one clip of each part")
    if args.gallery > 500:
        parser.error(f"--gallery {args.gallery}: there are some 580 different captions; expected at most 500")
    settings = {"seed": args.seed, **numbers}
    with Output(args.output, settings, [], args.overwrite, folder=True, trust=args.trust_code) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        make(Path(output.part), args.seed, numbers)
        output.finish(**numbers)
    print(f"{args.output}: " + ", ".join(f"{count} clips {part}" for part, count in numbers.items()))


if __name__ == "__main__":
    run(main)
