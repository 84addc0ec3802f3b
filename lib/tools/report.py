"""The report of a run: one page with charts, reasons of rejection, settings and a sample of answers.

    python -m lib.tools.report runs/demo          # writes runs/demo/report.html

The page opens from disk and loads nothing: frames are JPEG data URIs, script and style are inline. It is
lib/tools/report.html with one JSON object, gathered here, put into it. What a run lacks (an evaluation, a
stage, its videos) is said in the page.
"""

import hashlib
import json
import os
from collections import Counter, defaultdict
from heapq import nsmallest
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path

from lib.command import checked_parser
from lib.confidence import wilson
from lib.files import write_atomically
from lib.labels import answer_problem
from lib.process import run
from lib.records import StageError, read_jsonl, video_path
from lib.tools import viit
from lib.tools.report_answers import kinds_of, reason_of, row_of, strip_of
from lib.tools.results import (
    BEFORE,
    STAGES,
    add_cycles,
    beyond,
    columns,
    cycles_of,
    evaluation_of,
    load,
    verdicts_in,
    verified_of,
)
from lib.verifier import verify_all

MEGABYTES, RECORDS = 4.5, 1000  # of the page, and answers in its sample, at most
TITLE = b"<title>Run report</title>"  # by which a page is known to be one of ours
STRATUM = 100  # answers of one cycle, kind, verdict and origin that may be sampled
REASONS = 40  # rows in the table of rejections; what is rarer is summed up in its last row
VERDICTS = ("kept", "correct", "wrong", "unparsed", "unfinished", "degenerate", "leaked", "error")
YIELDS = {
    "answered (direct)": "solved_direct",
    "rationalized": "solved_rationalized",
    "neither": "solved_by_none",
}
NO_COUNTS = ("seconds", "command", "machine", "prompts", "script", "output_sha256")  # of a sidecar


def folders_of(run, last=None):
    """{title: folder} of a run: before any cycle, its cycles up to `last`, then whatever else was asked the
    held-out questions (the bound).
    """
    cycles, known = cycles_of(run, last), cycles_of(run)
    others = sorted(file.parent for file in run.glob("*/eval.json") if file.parent not in known)
    others = [folder for folder in others if "benchmark" not in load(folder / "eval.json")]
    titles = {folder: folder.name.replace("cycle", "cycle ") for folder in [*cycles, *others]}
    return {BEFORE if title == "cycle 0" else title: folder for folder, title in titles.items()}


def charts_of(shares):
    """Small multiples of (chart, title of a cycle, correct, count), each point with its Wilson interval."""
    charts = defaultdict(list)
    for chart, title, correct, count in shares:
        point = {"x": title, "count": count, "value": correct / max(count, 1)}
        joined = title == BEFORE or title.startswith("cycle ")
        charts[chart].append({**point, "interval": wilson(correct, count), "joined": joined})
    return [{"title": chart, "points": points} for chart, points in charts.items()]


def accuracies(folders):
    """Of every eval.json: whole questions, then labels by kind."""
    evaluations = {title: evaluation_of(folder) for title, folder in folders.items()}
    return [
        (kind, title, row["correct"], row["count"])
        for title, evaluation in evaluations.items()
        if evaluation
        for kind, row in {"all questions": evaluation["all"], **evaluation["kinds"]}.items()
    ]


def yields(folders):
    """Of every cycle, by 04's sidecar: questions answered, answered only when told the label, and neither."""
    cycles = [title for title in folders if title.startswith("cycle ")]
    sidecars = {title: verified_of(folders[title]) for title in cycles}
    return [
        (name, title, meta[key], meta["questions"])
        for title, meta in sidecars.items()
        if meta
        for name, key in YIELDS.items()
    ]


def sidecars_of(run, folders):
    """(stage, title of its cycle, sidecar) of all that was made; an eval.json is one, of stage "score"."""
    stages, found = {**{name: stage for stage, name in STAGES.items()}, "train.jsonl": "prepare"}, []
    for title, folder in [(BEFORE, run / "data"), (BEFORE, run), *folders.items()]:
        for path in sorted(folder.glob("*.meta.json")):
            name = path.name.removesuffix(".meta.json")
            found.append((stages.get(name, name), title, load(path)))
        found += [("score", title, load(path)) for path in folder.glob("eval.json")]
    order = ["prepare", "base", *STAGES, "score"]
    return sorted(found, key=lambda made: order.index(made[0]) if made[0] in order else len(order))


def spread(values):
    """Rows [name, value, where] of {title: {name: value}}: one where all agree, else one for each value."""
    rows = []
    for name in dict.fromkeys(name for named in values.values() for name in named):
        found = defaultdict(list)
        for title, named in values.items():
            if name in named:
                value = "not set" if named[name] is None else named[name]
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                found[text].append(title)
        for text, titles in found.items():
            rows.append([name, text, "" if len(found) == 1 else ", ".join(titles)])
    return rows


def settings_of(made):
    """Per stage the rows of its settings and counts, and the rows of the versions of all, by the sidecars."""
    stages, versions = defaultdict(dict), {}
    for stage, title, meta in made:
        simple = {key: value for key, value in meta.items() if isinstance(value, (int, float, str))}
        stages[stage][title] = {
            **meta.get("settings", {}),
            **{key: value for key, value in simple.items() if key not in NO_COUNTS},
            "command": meta.get("command"),
            "script sha256": meta.get("script"),
            "prompts sha256": meta.get("prompts"),
            **{f"sha256 of {path}": digest for path, digest in meta.get("inputs", {}).items()},
        }
        machine = meta.get("machine", "not recorded")
        versions[f"{stage} ({title})"] = {**meta.get("versions", {}), "machine": machine}
    return {stage: spread(values) for stage, values in stages.items()}, spread(versions)


def seconds_of(made, titles):
    """The table of seconds: a row per stage, a column per cycle, and sums."""
    cells = {(stage, title): round(meta["seconds"]) for stage, title, meta in made if "seconds" in meta}
    stages = dict.fromkeys(stage for stage, _ in cells)
    titles = [title for title in titles if any(title == other for _, other in cells)]
    rows = [[stage, *(cells.get((stage, title), "") for title in titles)] for stage in stages]
    rows.append(["all", *(sum(cells.get((stage, title), 0) for stage in stages) for title in titles)])
    sums = [[*row, sum(seconds for seconds in row[1:] if seconds)] for row in rows]
    return {"head": ["stage", *titles, "sum"], "rows": sums if cells else []}


def training_answers(title, folder, notes):
    """Yields (title, path, record) of the answers of stage 04."""
    path = folder / "verified.jsonl"
    if not path.exists():
        notes.append(f"{title}: no verified.jsonl, so none of its training answers are here")
        return
    if not (folder / "rationalized.jsonl").exists():
        notes.append(f"{title}: no rationalized.jsonl, so direct answers only")
    for record in verdicts_in(path):
        yield title, path, record


def held_out_answers(title, folder, notes):
    """Yields (title, path, record) of the held-out answers, scored again as stage 06 did."""
    path, evaluation = folder / "predictions.jsonl", evaluation_of(folder)
    if evaluation is None:
        notes.append(f"{title}: no eval.json, so no held-out accuracy")
        return
    if not path.exists():
        notes.append(f"{title}: no {path.name}, so no held-out answers to look at")
        return
    records = [record for _, record in read_jsonl(path)]
    if any(map(answer_problem, records)):
        notes.append(f"{title}: {path.name} holds no questions with labels, so its answers are not shown")
        return
    results = verify_all(records, evaluation.get("settings", {}).get("embedder"))
    for record, result in zip(records, results):
        yield title, path, {**record, **result, "origin": "held-out"}


def answers_of(folders, notes):
    """Yields (title, path, record) of every answer with its verdict: trained on first, then held-out."""
    for title, folder in folders.items():
        if title.startswith("cycle "):
            yield from training_answers(title, folder, notes)
    for title, folder in folders.items():
        yield from held_out_answers(title, folder, notes)


def digest(*parts):
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def survey(answers, seed):
    """{(title, origin): verdicts counted}, {(verdict, reason): answers counted}, the order of sampling.

    Reasons are counted by cycle, origin and kind. The order goes round the strata (cycle, kind, verdict,
    origin). Within each the clips come in one random order, the same for all, so that a clip is seen in
    several cycles and its frames are needed once.
    """
    verdicts, reasons, strata = defaultdict(Counter), defaultdict(Counter), defaultdict(list)
    for title, path, record in answers:
        verdict, origin, kinds = record["verdict"], record["origin"], kinds_of(record)
        trains = verdict == "correct" and record.get("keep")
        verdicts[title, origin]["kept" if trains else verdict] += 1
        if origin != "held-out" and not trains:
            reasons[verdict, reason_of(record)].update([title, origin, kinds, "all"])
        clip = os.path.normpath(video_path(record, path)), record.get("start"), record.get("end")
        place = digest(seed, os.path.basename(clip[0]), *clip[1:])
        stratum = strata[title, kinds, verdict, origin]
        stratum.append((place, digest(seed, record["id"], record.get("sample", 0)), clip, title, record))
        if len(stratum) > 10 * STRATUM:
            stratum[:] = nsmallest(STRATUM, stratum, key=itemgetter(0, 1))
    ordered = [nsmallest(STRATUM, stratum, key=itemgetter(0, 1)) for _, stratum in sorted(strata.items())]
    return verdicts, reasons, [entry[2:] for turn in zip_longest(*ordered) for entry in turn if entry]


def rejections(reasons, titles):
    """The table of rejections, the most frequent first: answers in all, then by cycle, origin and kind."""
    others = {key for counts in reasons.values() for key in counts}
    kinds = others - {"all", "direct", "rationalized", *titles}
    by = [*titles, "direct", "rationalized", *sorted(kinds)]
    rows = [
        [verdict, counts["all"], reason, *(counts[name] for name in by)]
        for (verdict, reason), counts in reasons.items()
    ]
    rows.sort(key=lambda row: (-row[1], row))
    if rest := [list(column) for column in zip(*rows[REASONS:])]:
        rows = [*rows[:REASONS], ["", sum(rest[1]), f"{len(rest[0])} rarer reasons", *map(sum, rest[3:])]]
    return {"head": ["verdict", "answers", "reason", *by], "rows": rows}


def results_of(run, last, notes):
    """The table of lib/tools/results.py, its fullest column's rows first."""
    table = {}
    try:
        table = columns(run, last)
    except StageError as error:
        if cycles_of(run):  # a run of captions alone has none
            notes.append(f"no table of results: {error}")
    names = dict.fromkeys(name for cells in sorted(table.values(), key=len, reverse=True) for name in cells)
    rows = [[name, *(cells.get(name, "") for cells in table.values())] for name in names]
    return {"head": ["", *table], "rows": rows}


def viit_of(run):
    """What stands in RUN/viit as charts, tables and clips with their captions; None without any."""
    folder = run / "viit"
    found = charts_of(viit.charts(folder))
    if not found:
        return None
    clips = [{"clip": strip_of(clip), "captions": captions} for clip, captions in viit.examples(folder)]
    return {"charts": found, "tables": viit.grids(folder), "clips": clips}


def embedded(value):
    """JSON that may stand inside a script element whatever its texts are: without "<", and in ASCII."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def page_of(data):
    """The page; not by string.Template, whose $ is the script's own."""
    template = (Path(__file__).parent / "report.html").read_text(encoding="utf-8")
    return template.replace("{{data}}", embedded(data))


def sample(order, budget):
    """(strips of clips, rows of answers), as many of those in `order` as are embedded in `budget` bytes."""
    clips, rows, known = [], [], {}
    for clip, title, record in order:
        new = clip not in known
        strip = strip_of(clip) if new else None
        row = {**row_of(title, record), "clip": known.get(clip, len(clips))}
        budget -= len(embedded(row)) + 1 + (len(embedded(strip)) + 1 if new else 0)
        if budget < 0:
            break
        if new:
            known[clip] = len(clips)
            clips.append(strip)
        rows.append(row)
    return clips, rows


def build(run, seed=0, most=RECORDS, megabytes=MEGABYTES, last=None):
    """The page of a run, up to cycle `last`, and what it holds, as (HTML, data).

    Raises StageError where the run has no cycle or the page cannot be so small.
    """
    folders, notes, captions = folders_of(run, last), beyond(run, last), viit_of(run)
    if not folders and not captions:
        raise StageError(f"{run}: no folder cycle0, cycle1, ... in it; make cycle N=1 RUN={run}")
    made = sidecars_of(run, folders)
    verdicts, reasons, order = survey(answers_of(folders, notes), seed)
    results, (settings, versions) = results_of(run, last, notes), settings_of(made)
    data = {
        "run": run.resolve().name,
        "seed": seed,
        "notes": notes,
        "accuracy": charts_of(accuracies(folders)),
        "yields": charts_of(yields(folders)),
        "viit": captions,
        "seconds": seconds_of(made, dict.fromkeys([BEFORE, *folders])),
        "results": results,
        "verdicts": [
            [title, origin, counts.total(), [counts[v] for v in VERDICTS]]
            for (title, origin), counts in verdicts.items()
        ],
        "names": VERDICTS,
        "rejections": rejections(reasons, [title for title, origin in verdicts if origin == "direct"]),
        "settings": settings,
        "versions": versions,
    }
    budget = megabytes * 1e6 - len(page_of(data).encode()) - 200
    data["clips"], data["records"] = clips, _ = sample(order[:most], budget)
    problems = [strip["problem"] for strip in clips if "problem" in strip]
    if problems:
        missing = f"{len(problems)} of {len(clips)} clips of the sample show no frames"
        data["notes"] = [*notes, f"{missing}; the first: {problems[0]}"]
    html = page_of(data)
    if len(html.encode()) > megabytes * 1e6:
        raise StageError(
            f"{run}: the page without any answer has {len(html) / 1e6:.2f} MB, more than --megabytes "
            f"{megabytes:g}; raise it"
        )
    return html, data


def main():
    parser = checked_parser(__doc__)
    add = parser.add_argument
    add_cycles(parser)
    add("-o", "--output", type=Path, help="the page (default: RUN/report.html)")
    add("--records", type=int, default=RECORDS, help="answers in its sample at most (default: %(default)s)")
    add("--megabytes", type=float, default=MEGABYTES, help="its size at most (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the sample (default: %(default)s)")
    args = parser.parse_args()
    if args.records < 0:
        parser.error(f"--records {args.records}: expected at least 0")
    if args.megabytes <= 0:
        parser.error(f"--megabytes {args.megabytes:g}: expected above 0")
    output = args.output or args.run / "report.html"
    if output.is_file() and TITLE not in output.read_bytes()[:1000]:
        raise StageError(f"{output}: exists, and is no report; name another, or move it away", code=2)
    html, data = build(args.run, args.seed, args.records, args.megabytes, args.cycles)
    write_atomically(output, html)
    answers = sum(row[2] for row in data["verdicts"])
    sampled = f"{len(data['records'])} of {answers} answers, {len(data['clips'])} clips"
    print(
        f"{output}: {len(html.encode()) / 1e6:.2f} MB, "
        + (sampled if answers or not data["viit"] else "of make viit alone: there are no cycles")
        + "".join(f"\n  {note}" for note in data["notes"])
    )


if __name__ == "__main__":
    run(main)
