"""make viit-compare: the claims of VIIT over several seeds, each with a test that can fail.

    python -m lib.tools.viit_compare runs/viit seed0 seed1 seed2

Reads RUN/SEED/viit of every seed, prints and writes RUN/viit.md: means over the seeds, then every claim with
its paired difference, all seeds together, and its 95 % bootstrap interval over clips (of another seed they
are others). A claim is shown where the interval lies on its side of zero. The seeds differ in everything:
base, clips, order of training.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.command import checked_parser
from lib.confidence import paired_gain, spearman
from lib.files import write_atomically
from lib.process import run
from lib.records import StageError
from lib.tools.compare import folder_of
from lib.tools.results import markdown, right
from lib.tools.viit import MODELS, SOURCES, STYLES, answers, captions_of, facts_of, ranks, truths

FEW = 666, 200  # clips of the fractions: a third and a tenth of 2,000


class Claim(NamedTuple):
    """A claim: `after` is above `before`, by a measure of one source or model."""

    text: str
    measure: str
    after: str
    before: str
    note: str = ""


# the paper's, in the order of viit.md's table; "what the paper has" is the note
CLAIMS = (
    Claim(
        "captions of the adapted model train a better dual encoder than the base's", "R@1", "model", "base"
    ),
    Claim("... than noisy alt-text", "R@1", "model", "alt-text"),
    Claim("... at a third of the clips than alt-text at all", "R@1", f"model@{FEW[0]}", "alt-text"),
    Claim("... at a tenth of the clips than alt-text at all", "R@1", f"model@{FEW[1]}", "alt-text"),
    Claim("true captions are the bound", "R@1", "true", "model"),
    Claim("language after vision trains a better dual encoder", "R@1", "model", "vision-only", "paper: +0.7"),
    Claim("video beats frames: clips found of the right event", "event", "vision-only", "still"),
    Claim("... by more than clips found of the right colours", "event - colour", "vision-only", "still"),
    Claim("several captions a clip help", "R@1", "samples", "vision-only", "paper: +1.9"),
    *(
        Claim(f"vision, then language beats {MODELS[other]}: {what}", measure, "model", other)
        for other in ("vision-only", "language-only", "language-then-vision")
        for measure, what in (("true", "true captions"), ("direct", "answers"), ("short", "short answers"))
    ),
    *(
        Claim(f"(no bar) vision, then language against both at once: {what}", measure, "model", "both")
        for measure, what in (("true", "true captions"), ("direct", "answers"), ("short", "short answers"))
    ),
    Claim("short questions in stage 2 keep short answers alive", "short", "model", "no-short"),
    Claim("vision alone loses answers", "direct", "base", "vision-only", "paper: 23.2 to 1.2 WUPS"),
    # where both papers meet (make viit-star): measured, nobody claims it
    Claim("cycles from the adapted model end above cycles from the base", "cycle", "from-viit", "from-base"),
    *(
        Claim(
            f"captions of the {model} kept by labels beat all of them, as many",
            "R@1",
            f"kept-{name}",
            f"all-{name}",
        )
        for name, model in (("base", "base"), ("model", "adapted model"))
    ),
    *(
        Claim(f"rationales of the cycles in stage 2 help: {what}", measure, "with-rationales", "model")
        for measure, what in (("direct", "answers"), ("short", "short answers"))
    ),
)


def found_of(folder, source, of):
    """{query: whether the clip that its caption finds first has what the caption says}: `of` "event" its
    event with motion, order or times, "colour" its colours.
    """
    from lib.demo.captions import same_colours, same_event

    path = folder / "retrieval" / source / "similarities.npz"
    if not path.exists():
        return None
    ranks, facts = np.load(path, allow_pickle=False), facts_of(folder)
    same = same_event if of == "event" else same_colours
    names = [f"{name}.mp4" if not str(name).endswith(".mp4") else str(name) for name in ranks["videos"]]
    names = [Path(name).name for name in names]
    first = ranks["similarities"].argmax(1)
    return {
        f"{video}#{n}": same(facts[names[n]], facts[names[top]])
        for n, (video, top) in enumerate(zip(ranks["videos"], first))
    }


def measured(folder, measure, name):
    """{what is compared: (its clip, value)} of a source or model of one seed; None where it has none."""
    if measure == "R@1":
        found = ranks(folder, name)
        return found and {query: (query, rank <= 1) for query, rank in found.items()}
    if measure == "true":
        found = truths(folder, name)
        return found and {clip: (clip, ok) for clip, ok in found}
    if measure in STYLES:
        return answers(folder, name, measure)
    if measure == "cycle":
        last = folder_of(folder.parent / f"cycles-{name}", "*")
        return right(last) if (last / "eval.json").exists() else None
    event = found_of(folder, name, "event")
    if measure == "event" or event is None:
        return event and {query: (query, ok) for query, ok in event.items()}
    colour = found_of(folder, name, "colour")
    return {query: (query, int(event[query]) - int(colour[query])) for query in event}


def difference(folders, claim):
    """(gain, low, high, how many, gains by seed or None) of a claim in points, over what both sides have;
    None without any.
    """
    before, after, clusters, gains = [], [], [], []
    for seed, folder in enumerate(folders):
        sides = [measured(folder, claim.measure, name) for name in (claim.before, claim.after)]
        if not all(sides):
            gains.append(None)
            continue
        keys = [key for key in sides[0] if key in sides[1]]
        values = [[float(side[key][1]) for key in keys] for side in sides]
        before, after = before + values[0], after + values[1]
        clusters += [f"{seed} {sides[0][key][0]}" for key in keys]
        gains.append(100 * (np.mean(values[1]) - np.mean(values[0])))
    if not before:
        return None
    gain, low, high = (100 * value for value in paired_gain(before, after, clusters))
    return gain, low, high, len(before), gains


def claims_table(folders):
    """The table of all claims: {column: {row: cell}} and its rows."""
    table = {name: {} for name in ("difference, points", "by seed", "n", "", "note")}
    rows = []
    for claim in CLAIMS:
        found = difference(folders, claim)
        if found is None:
            continue
        gain, low, high, count, gains = found
        rows.append(claim.text)
        table["difference, points"][claim.text] = f"{gain:+.1f} [{low:+.1f}, {high:+.1f}]"
        table["by seed"][claim.text] = ", ".join("-" if g is None else f"{g:+.1f}" for g in gains)
        table["n"][claim.text] = f"{count}"
        table[""][claim.text] = "shown" if low > 0 else "the opposite" if high < 0 else "not shown"
        table["note"][claim.text] = claim.note
    return table, rows


def means_table(folders, names, columns):
    """Means over the seeds: {column: {row: cell}} and its rows; `columns`: {title: measure}."""
    table, rows = {column: {} for column in columns}, []
    for name, title in names.items():
        cells = {}
        for column, measure in columns.items():
            found = [measured(folder, measure, name) for folder in folders]
            shares = [100 * np.mean([ok for _, ok in each.values()]) if each else None for each in found]
            there = [share for share in shares if share is not None]
            if there:
                each = ", ".join("-" if share is None else f"{share:.1f}" for share in shares)
                cells[column] = f"{np.mean(there):.1f} ({each})"
        if cells:
            rows.append(title)
            for column, cell in cells.items():
                table[column][title] = cell
    return table, rows


def in_order(folders):
    """Spearman's correlation of true captions and R@1 over the sources, for each seed, as a line."""
    found = []
    for folder in folders:
        sides = []
        for source in SOURCES:
            true, rank = measured(folder, "true", source), measured(folder, "R@1", source)
            if true and rank:
                sides.append([np.mean([ok for _, ok in side.values()]) for side in (true, rank)])
        found.append(spearman(*zip(*sides)) if len(sides) > 2 else None)
    values = ", ".join("not defined" if each is None else f"{each:.2f}" for each in found)
    return f"Truth and R@1 order the sources alike: Spearman {values} by seed."


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("run", type=Path, help="the folder that holds the runs of the seeds")
    parser.add_argument("seeds", nargs="+", help="their folders in it")
    args = parser.parse_args()
    run, seeds = args.run, list(dict.fromkeys(args.seeds))
    if left := [seed for seed in seeds if not captions_of(run / seed / "viit", "model")]:
        print(f"not finished, and left out: {', '.join(left)}")
    folders = [run / seed / "viit" for seed in seeds if captions_of(run / seed / "viit", "model")]
    if not folders:
        raise StageError(f"{run}: no finished {' or '.join(seeds)}; make viit-compare RUN={run}")
    sources = {
        f"{name}@{few}": f"{SOURCES[name]}, {few} clips" for name in ("alt-text", "model") for few in FEW
    }
    parts = [
        means_table(folders, {**SOURCES, **sources}, {"captions true": "true", "R@1": "R@1"}),
        means_table(
            folders, MODELS, {"captions true": "true", "answers": "direct", "short answers": "short"}
        ),
        claims_table(folders),
    ]
    text = "\n\n".join(markdown(*part) for part in parts if part[1])
    text += (
        f"\n\n{in_order(folders)}\nMeans over {len(folders)} seeds in percent, by seed in brackets; "
        "differences are paired, all seeds together, with 95 % bootstrap intervals over clips.\n"
    )
    write_atomically(run / "viit.md", text)
    print("\n" + text, end="")


if __name__ == "__main__":
    run(main)
