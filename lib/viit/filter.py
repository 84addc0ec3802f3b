"""Captions kept by how well they agree with their clips, as a dual encoder sees it (ours: the paper filters
nothing).

    python -m lib.viit.filter captioned.jsonl --model dual -o filtered.jsonl --drop 0.1    # the lowest tenth
    python -m lib.viit.filter captioned.jsonl --model dual -o filtered.jsonl --best 1      # one of each clip

Input: clips with captions, any file of lib/captions. Output: a row for every caption, {"id", "video",
"answer", "sample", "agreement", "keep"}, with `why` where it is not kept: what trains on captions (05,
lib.viit.train) leaves those out. `agreement` is the cosine of clip and caption.
"""

import os
from itertools import islice

import numpy as np

from lib.captions import clips_of, fields_of, read_captions
from lib.command import announce, check_flags, parser_of, settings_of
from lib.model import checkpoint_id
from lib.model.clips import frames_of
from lib.output import Output
from lib.process import progress, run
from lib.prompts import CAPTION
from lib.records import StageError
from lib.video import VideoError, prefetch

AT_ONCE = 32  # clips


def agreements(args, clips, places):
    """[cosines of a clip's captions, or the VideoError of a clip that cannot be read], in their order."""
    import torch

    from lib.model.load import device_of, dtype_of
    from lib.viit.dual import clip_features, load, pixels_of, text_features, tokens_of

    device = device_of()
    model, processor = load(args.model, device=device, dtype=dtype_of(args.dtype, device))
    model.eval()
    count = model.config.vision_config.num_frames

    def read(place):
        try:
            return pixels_of(processor, frames_of(place, count, args.frame_cache)[0])
        except VideoError as error:
            return error

    found = prefetch(read, places, args.workers, 2 * AT_ONCE)
    pairs = zip(clips, progress(found, len(clips), "agreement"))
    while chunk := list(islice(pairs, AT_ONCE)):
        good = [(clip, pixels) for clip, pixels in chunk if not isinstance(pixels, VideoError)]
        with torch.inference_mode():
            if good:
                seen = clip_features(model, torch.stack([pixels for _, pixels in good]).to(device))
        for clip, pixels in chunk:
            if isinstance(pixels, VideoError):
                yield pixels
                continue
            with torch.inference_mode():
                words = text_features(model, tokens_of(processor, clip.captions).to(device))
                number = next(n for n, (other, _) in enumerate(good) if other is clip)
                yield (words @ seen[number]).cpu().numpy()


def verdicts(cosines, drop=0.0, least=None, best=None):
    """{(clip, caption): why it is not kept} of lists of cosines by clip, None for a clip that is lost."""
    values = np.concatenate([np.zeros(0), *(found for found in cosines if found is not None)])
    floor = np.quantile(values, drop) if drop and len(values) else -np.inf
    why = {}
    for clip, found in enumerate(cosines):
        if found is None:
            continue
        rank = np.argsort(np.argsort(-found, kind="stable"), kind="stable")
        for number, cosine in enumerate(found):
            if best is not None and rank[number] >= best:
                why[clip, number] = f"not among the {best} that agree most with their clip"
            elif cosine < floor:
                why[clip, number] = f"agreement in the lowest {drop:.0%}, below {floor:.3f}"
            elif least is not None and cosine < least:
                why[clip, number] = f"agreement below {least:g}"
    return why


def row_of(clip, place, folder, number):
    """The row of a clip's caption, as 02 writes answers."""
    row = {"id": clip.id, **fields_of(place, folder)}
    question = {"question": CAPTION, "labels": [], "captions": [], "origin": "caption", "sample": number}
    return {**row, **question, "answer": clip.captions[number]}


def parsed():
    """The command line; bad usage ends with exit code 2."""
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("input", help="clips with captions: answers of 02 --style caption, or a file of lib/captions")
    add("--model", required=True, help="dual encoder: a folder of lib.viit.train, a CLIP or a SigLIP")
    add("--videos", metavar="DIR", help="folder of the clips, where the input is no file of ours")
    add("--drop", type=float, default=0.0, help="share of the captions that agree least to leave out")
    add("--least", type=float, help="cosine that a caption must have")
    add("--best", type=int, help="captions of a clip to keep: those that agree most")
    add("--dtype", default="auto", choices=("auto", "bfloat16", "float16", "float32"), help="of the model")
    add("--workers", type=int, default=2, help="threads that decode ahead (default: %(default)s)")
    add("--frame-cache", metavar="DIR[,GIB]", help="keeps decoded frames (default: none)")
    args = parser.parse_args()
    check_flags(parser, args)
    if not args.drop and args.least is None and args.best is None:
        parser.error("expected --drop, --least or --best: without any nothing is filtered")
    if not 0 <= args.drop < 1:
        parser.error(f"--drop {args.drop:g}: expected at least 0 and below 1")
    return args


def main():
    args = parsed()
    clips = read_captions(args.input)[: args.limit]
    places = clips_of([clip.place for clip in clips], args.videos or os.path.dirname(args.input) or ".")
    settings = {**settings_of(args), "model_identity": checkpoint_id(args.model)}
    about = {"uses": [args.model], "trust": args.trust_code, "resume": False}
    with Output(args.output, settings, [args.input], args.overwrite, **about) as output:
        if output.complete:
            print(f"{args.output}: complete already; nothing to do")
            return
        announce(settings)
        cosines, lost = [], {}
        for clip, found in zip(clips, agreements(args, clips, places)):
            cosines.append(None if isinstance(found, VideoError) else found)
            if isinstance(found, VideoError):
                lost[clip.id] = str(found)
                check(lost, len(clips), args.max_failures)
        why, folder = verdicts(cosines, args.drop, args.least, args.best), os.path.dirname(output.path) or "."
        count = 0
        for place, clip in enumerate(clips):
            for number in range(len(clip.captions) if cosines[place] is not None else 0):
                row = row_of(clip, places[place], os.path.abspath(folder), number)
                reason = why.get((place, number))
                row |= {"agreement": round(float(cosines[place][number]), 4), "keep": not reason}
                output.write({**row, "why": reason} if reason else row)
                count += 1
        output.finish(captions=count, kept=count - len(why), lost=lost)
    print(f"{args.output}: {count - len(why)} of {count} captions kept, {len(lost)} clips lost")


def check(lost, count, allowed):
    """Raise StageError where more clips are lost than --max-failures allows."""
    if len(lost) > (allowed * count if allowed < 1 else allowed):
        id, reason = next(iter(lost.items()))
        raise StageError(
            f"{len(lost)} of {count} clips cannot be read, more than --max-failures {allowed:g} allows; "
            f"the first: {id}: {reason}"
        )


if __name__ == "__main__":
    run(main)
