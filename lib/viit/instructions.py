"""Written instructions (VIIT, section 4.2): a text model turns what people said of clips into questions with
their answers, of the order of things, of causes, and short ones.

    python -m lib.viit.instructions captions/train.jsonl -o instructions.jsonl --model Qwen/Qwen3-4B-Instruct
    python -m lib.viit.instructions captions/train.jsonl -o instructions.jsonl --kinds short --per-clip 3 \\
        --model http://host:8000/v1#name

Input: clips with captions or narratives, any file of lib/captions. Output: a row for every clip, kind and
number, {"id", "video", "question" (the user's turn), "answer", "kind", "captions", "keep"}, and `why` where
it is not kept (lib/viit/checks.py); rejected ones stay in the file, and 05 leaves them out. A reply that did
not come is an `error`, and is tried again when the same command runs again.
"""

import os
from collections import Counter

import numpy as np

from lib.captions import clips_of, fields_of, read_captions
from lib.command import announce, check_flags, parser_of, settings_of
from lib.model import ask_text, identity, is_served, record_seed
from lib.output import Output
from lib.parts import parts_of, records_in
from lib.process import run
from lib.prompts import INSTRUCT, INSTRUCTION_EXAMPLES, INSTRUCTION_KINDS, ONLY_ANSWER, PART
from lib.verifier.conclusion import sentences
from lib.viit.checks import problem_of, read_reply

LONGEST = 4000  # characters of a clip's captions that are shown
AGAIN = "the same question as another one of this clip"


def text_of(clip):
    """What people said of a clip, as one text."""
    return " ".join(caption if caption[-1:] in ".!?" else f"{caption}." for caption in clip.captions)[
        :LONGEST
    ]


def prompt_of(clip, kind, number, seed):
    """The prompt for the `number`-th question of a kind on a clip: two examples of three drawn by the seed,
    from the second number on a part of the text to ask about.
    """
    rng = np.random.default_rng(record_seed(seed, clip.id, kind, number))
    shown = [INSTRUCTION_EXAMPLES[kind][n] for n in rng.permutation(3)[:2]]
    examples = "\n\n".join(f"Sentences: {text}\nQuestion: {q}\nAnswer: {a}" for text, q, a in shown)
    text, part = text_of(clip), ""
    if number:
        every = list(sentences(text)) or [text]
        part = PART.format(sentence=every[(number - 1) % len(every)].strip())
    return INSTRUCT.format(kind=INSTRUCTION_KINDS[kind], examples=examples, text=text, part=part)


def row_of(clip, kind, number, place, folder):
    """What a row says before it is answered; `place`: (path, start, end) of the clip."""
    about = {"kind": kind, "captions": clip.captions}
    return {"id": f"{clip.id}#{kind}#{number}", **fields_of(place, folder), **about}


def judged(row, reply, text, earlier):
    """The row with its question and answer, kept or with the reason why not; `earlier`: (clip, question) of
    those that were written before.
    """
    if "error" in reply:
        return {**row, "error": reply["error"]}
    written = read_reply(reply["answer"], reply.get("truncated", False))
    why = problem_of(row["kind"], written, text)
    question, answer = written[:2] if written else ("", "")
    key = row["id"].rpartition("#")[0].rpartition("#")[0], question.lower()
    if not why and key in earlier:
        why = AGAIN
    earlier.add(key)
    turn = f"{question}\n{ONLY_ANSWER}" if row["kind"] == "short" and question else question
    row |= {"question": turn, "answer": answer, "keep": not why}
    return {**row, "why": why, "reply": reply["answer"]} if why else row


class Tally(Counter):
    """Rows by (kind, why they are not kept or None)."""

    def add(self, row):
        why = row.get("why")
        self[row["kind"], "no reply" if "error" in row else why and why.split(":")[0]] += 1

    def lines(self):
        """A line a kind, and the reasons."""
        for kind in dict.fromkeys(kind for kind, _ in self):
            all_of = sum(number for (name, _), number in self.items() if name == kind)
            yield f"{kind}: {self[kind, None]} of {all_of} kept"
        reasons = Counter()
        for (_, why), number in self.items():
            reasons[why] += number if why else 0
        yield from (f"  {number} not kept: {why}" for why, number in reasons.most_common() if why)


def write(args, output, clips, places):
    """Ask for what is not there yet, and write each row as its reply comes; returns the Tally."""
    rows, texts, prompts, tally = {}, {}, [], Tally()
    folder = os.path.dirname(os.path.abspath(args.output))
    earlier = set()
    for part in parts_of(args.output):
        for _, row in records_in(part):
            if "question" in row:
                question = row["question"].removesuffix(f"\n{ONLY_ANSWER}").lower()
                earlier.add((row["id"].rpartition("#")[0].rpartition("#")[0], question))
                tally.add(row)
    for clip, place in zip(clips, places):
        for kind, number in units(args):
            row = row_of(clip, kind, number, place, folder)
            if hash((row["id"], "", 0)) not in output.done:
                rows[row["id"]], texts[row["id"]] = row, text_of(clip)
                prompts.append((row["id"], prompt_of(clip, kind, number, args.seed)))
    if prompts:
        print(f"first prompt ({len(prompts)} in all):\n  {prompts[0][1]}".replace("\n", "\n  "), flush=True)
    how = (args.batch_size, args.max_new_tokens, args.seed, args.dtype)
    for key, reply in ask_text(args.model, prompts, *how):
        row = judged(rows[key], reply, texts[key], earlier)
        tally.add(row)
        output.write(row)
        output.check_budget(args.max_failures, len(prompts))
    return tally


def units(args):
    """(kind, number) of the questions on a clip."""
    return [(kind, number) for kind in args.kinds for number in range(args.per_clip)]


def parsed():
    """The command line; bad usage ends with exit code 2."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("input", help="clips with captions: train.jsonl of 01 --dataset captions, or a file of lib/captions")
    add("--model", required=True, help="text model: folder, hub id, or http://host:port/v1#name of a server")
    add("--videos", metavar="DIR", help="folder of the clips, where the input is no file of ours")
    kinds = list(INSTRUCTION_KINDS)
    add("--kinds", nargs="+", choices=kinds, default=kinds, help="of questions (default: all three)")
    add("--per-clip", type=int, default=1, help="questions of each kind on a clip (default: %(default)s)")
    add("--batch-size", type=int, default=8, help="questions written at once (default: %(default)s)")
    add("--max-new-tokens", type=int, default=128, help="tokens of a reply at most (default: %(default)s)")
    add(
        "--dtype", default="auto", choices=("auto", "bfloat16", "float16", "float32"), help="of a local model"
    )
    args = parser.parse_args()
    check_flags(parser, args)
    if args.per_clip < 1:
        parser.error(f"--per-clip {args.per_clip}: expected at least 1")
    if is_served(args.model) and args.dtype != "auto":
        parser.error("--dtype is the server's matter; leave it out")
    args.kinds = [kind for kind in kinds if kind in args.kinds]
    return args


def main():
    args = parsed()
    clips = read_captions(args.input)[: args.limit]
    folder = args.videos or os.path.dirname(args.input) or "."
    settings = {**settings_of(args), **identity(args.model)}
    with Output(args.output, settings, [args.input], args.overwrite, trust=args.trust_code) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(settings)
        if output.done:
            print(f"resuming: {len(output.done)} of {len(clips) * len(units(args))} are written")
        tally = write(args, output, clips, clips_of([clip.place for clip in clips], folder))
        keys = ((f"{clip.id}#{kind}#{n}", "", 0) for clip in clips for kind, n in units(args))
        reasons = {f"{kind}: {why or 'kept'}": number for (kind, why), number in tally.items()}
        output.finish(keys, args.max_failures, reasons=reasons)
    total = sum(number for (_, why), number in tally.items() if not why)
    print(*tally.lines(), sep="\n")
    print(f"{args.output}: {total} instructions kept, on {len(clips)} clips")


if __name__ == "__main__":
    run(main)
