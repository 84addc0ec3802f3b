"""The table of VIIT: what captions of each source are worth, and what the models that wrote them can do.

    python -m lib.tools.viit runs/demo          # reads runs/demo/viit, writes results.md there

Of each source of captions: how many of them are true (every fact they state is so: of the demo alone, whose
renderer knows), how long and how many different ones they are, and how a dual encoder trained on them finds
held-out clips by text. Of each model: its answers to held-out questions, with their reasoning and short.
"""

from collections import defaultdict
from functools import cache
from itertools import islice
from pathlib import Path

from lib.captions import read_captions
from lib.command import checked_parser
from lib.confidence import wilson
from lib.files import write_atomically
from lib.process import run
from lib.records import StageError, read_jsonl, video_path
from lib.tools.results import load, markdown, with_interval

# of each source its captions and its dual encoder, in the order of the table
SOURCES = {
    "alt-text": "alt-text: half of it another clip's",
    "still": "base, shown the middle frame",
    "base": "base",
    "vision": "after vision",
    "vision-only": "vision alone, as long",
    "samples": "the same, 4 captions a clip",
    "model": "after vision, then language",
    "true": "true captions (bound)",
}
MODELS = {
    "base": "base",
    "vision": "after vision",
    "model": "vision, then language",
    "no-short": "the same without short answers",
    "vision-only": "vision alone",
    "language-only": "language alone",
    "both": "both at once",
    "language-then-vision": "language, then vision",
}
STYLES = "direct", "short"
DEPTHS = "R@1", "R@5", "R@10"
NOTES = (
    "Shares in percent, with 95 % Wilson intervals. R@k: a held-out clip is among the first k that its "
    "caption finds; a caption is true where every fact it states is so; one that failed is not."
)


@cache
def facts_of(folder):
    """{file name of a clip: what the renderer knows of it}; {} where no demo rendered the clips."""
    path = folder / "clips" / "facts.jsonl"
    return {Path(row["video"]).name: row["facts"] for _, row in read_jsonl(path)} if path.exists() else {}


@cache
def captions_of(folder, source):
    """[(file name of a clip, caption or None for one that failed)] of a source; None where it has none."""
    own = folder / "clips" / f"{source}.jsonl"
    if own.exists():
        return [(Path(clip.video).name, text) for clip in read_captions(own) for text in clip.captions]
    path = folder / "captioned" / f"{source}.jsonl"
    if not path.exists():
        return None
    rows = (row for _, row in read_jsonl(path))
    return [(Path(row["video"]).name, None if "error" in row else row["answer"]) for row in rows]


def truths(folder, source):
    """[(file name of a clip, whether its caption is true)]; None where nobody knows."""
    from lib.demo.captions import is_true_caption

    facts, captions = facts_of(folder), captions_of(folder, source)
    if not facts or captions is None:
        return None
    return [(clip, text is not None and is_true_caption(text, facts[clip])) for clip, text in captions]


def ranks(folder, source):
    """{query: rank} of the dual encoder of a source, text to video; None where there is none."""
    path = folder / "retrieval" / source / "ranks.jsonl"
    if not path.exists():
        return None
    rows = (row for _, row in read_jsonl(path))
    return {row["id"]: row["rank"] for row in rows if row["direction"] == "text to video"}


def answers(folder, model, style):
    """{question: (its video, right)} of a model; None where it was not asked."""
    where = folder / "answers" / model / style
    if not (where / "eval.json").exists():
        return None
    videos = {row["id"]: row["video"] for _, row in read_jsonl(where / "predictions.jsonl")}
    rows = (row for _, row in read_jsonl(where / "eval.verdicts.jsonl"))
    return {row["id"]: (Path(videos[row["id"]]).name, row["verdict"] == "correct") for row in rows}


def share(values):
    """A share of true values as a cell: "66.0 [59.2, 72.2]"."""
    values = list(values)
    low, high = wilson(sum(values), len(values))
    return with_interval([sum(values) / len(values), low, high]) if values else ""


def of_source(folder, source):
    """The cells of a source of captions."""
    captions, true = captions_of(folder, source), truths(folder, source)
    found, cells = ranks(folder, source), {}
    if true is not None:
        cells["captions true"] = share(ok for _, ok in true)
    if captions is not None:
        good = [text for _, text in captions if text is not None]
        cells["captions"] = f"{len(good):,}"
        cells["failed"] = f"{len(captions) - len(good)}" if len(captions) > len(good) else ""
        cells["words"] = f"{sum(len(text.split()) for text in good) / max(len(good), 1):.1f}"
        cells["different"] = f"{len(set(good)):,}"
    if found:
        for name in DEPTHS:
            hits = [rank <= int(name[2:]) for rank in found.values()]
            cells[name] = share(hits) if name == "R@1" else f"{100 * sum(hits) / len(hits):.1f}"
    return cells


def of_model(folder, model):
    """The cells of a model: true captions, answers right with their reasoning and short."""
    true, cells = truths(folder, model), {}
    if true is not None:
        cells["captions true"] = share(ok for _, ok in true)
    for style, name in zip(STYLES, ("with reasoning", "short")):
        found = answers(folder, model, style)
        if found is not None:
            cells[f"answers right, {name}"] = share(right for _, right in found.values())
    return cells


def table_of(cells_of, folder, names):
    """The table {column: {row: cell}} of those of `names` of which there is anything."""
    rows = {title: cells_of(folder, name) for name, title in names.items()}
    rows = {title: cells for title, cells in rows.items() if cells}
    table = defaultdict(dict)
    for title, cells in rows.items():
        for column, cell in cells.items():
            table[column][title] = cell
    return {column: cells for column, cells in table.items() if any(cells.values())}, list(rows)


def tables(folder):
    """Markdown of both tables. Raises StageError where there is nothing yet."""
    found = [table_of(of_source, folder, SOURCES), table_of(of_model, folder, MODELS)]
    texts = [markdown(*each) for each in found if each[1]]
    if not texts:
        raise StageError(f"{folder}: no captions and no retrieval yet; make viit RUN={folder.parent}")
    return "\n\n".join(texts)


def charts(folder):
    """(chart, title, right, count) of everything in the tables, for the report's plots."""
    for name, title in SOURCES.items():
        found = ranks(folder, name)
        if found:
            yield "R@1 by source of captions", title, sum(r <= 1 for r in found.values()), len(found)
    for name, title in SOURCES.items():
        true = truths(folder, name)
        if true is not None:
            yield "true captions by source", title, sum(ok for _, ok in true), len(true)
    for style in STYLES:
        for name, title in MODELS.items():
            found = answers(folder, name, style)
            if found is not None:
                yield f"answers right, {style}", title, sum(ok for _, ok in found.values()), len(found)


def grids(folder):
    """Both tables as {"head", "rows"}, for the report."""
    found = [table_of(of_source, folder, SOURCES), table_of(of_model, folder, MODELS)]
    return [
        {
            "head": ["", *table],
            "rows": [[row, *(cells.get(row, "") for cells in table.values())] for row in rows],
        }
        for table, rows in found
        if rows
    ]


def examples(folder, most=6):
    """[((path, start, end) of a clip, [[source, caption, whether it is true or None], ...])] of clips that
    most sources describe.
    """
    captions = defaultdict(list)
    for source, title in SOURCES.items():
        true = dict(truths(folder, source) or ())
        for clip, text in dict(captions_of(folder, source) or ()).items():
            captions[clip].append([title, "no caption" if text is None else text, true.get(clip)])
    paths = {}
    for path in sorted((folder / "captioned").glob("*.jsonl")):
        for _, row in islice(read_jsonl(path), 200):
            place = video_path(row, path), row.get("start"), row.get("end")
            paths.setdefault(Path(row["video"]).name, place)
    order = sorted(paths, key=lambda clip: -len(captions[clip]))  # stable: as they came
    return [(paths[clip], captions[clip]) for clip in order[:most]]


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("run", type=Path, help="the folder of a run")
    folder = parser.parse_args().run / "viit"
    text = f"{tables(folder)}\n\n{NOTES}\n"
    base = load(folder / "base.meta.json")
    if base and "captions_true" in base:
        text += (
            f"The base on its own source world: {100 * base['captions_true']:.0f} % of its captions true.\n"
        )
    write_atomically(folder / "results.md", text)
    print("\n" + text, end="")


if __name__ == "__main__":
    run(main)
