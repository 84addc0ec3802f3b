"""The report of a run: one self-contained page with its charts, its reasons of rejection, its settings and a browsable sample of its answers.

    python -m lib.report runs/demo          # writes runs/demo/report.html

The page opens from disk and loads nothing: frames are JPEG data URIs, script and style are inline. It is lib/report.html with one JSON object,
gathered here, put into it. What a run lacks (an evaluation, a stage, its videos) is said in the page.
"""
import argparse
import base64
import hashlib
import json
import os
import re
from collections import Counter, defaultdict
from heapq import nsmallest
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path

import cv2
import numpy as np

from lib import parse
from lib.filter import verify_all
from lib.intervals import wilson
from lib.prompts import label_text
from lib.records import StageError, read_jsonl, record_problem, video_path
from lib.results import STAGES, columns, load
from lib.stage import write_atomically
from lib.verify import share
from lib.video import VideoError, read_frames

MEGABYTES, RECORDS = 4.5, 1000  # of the page, and answers in its sample, at most
FRAMES, HEIGHT, QUALITY = 6, 96, 70  # of a clip's strip: frames, pixels, JPEG quality
STRATUM = 100  # answers of one cycle, kind, verdict and origin that may be sampled
REASONS = 40  # rows in the table of rejections; what is rarer is summed up in its last row
VERDICTS = ("kept", "correct", "wrong", "unparsed", "degenerate", "leaked", "error")


def folders_of(run):
    """{title: folder} of a run: the base and its cycles in order, then whatever else was evaluated (the bound)."""
    cycles = sorted((f for f in run.glob("cycle*") if f.name[5:].isdigit()), key=lambda f: int(f.name[5:]))
    others = sorted(f.parent for f in run.glob("*/eval.json") if f.parent not in cycles)
    return {"base" if f.name == "cycle0" else f.name.replace("cycle", "cycle "): f for f in [*cycles, *others]}


# ---------------------------------------------------------------- charts, settings, seconds

def charts_of(shares):
    """Small multiples of (chart, title of a cycle, correct, count): [{"title", "points"}], each point with its 95 % Wilson interval."""
    charts = defaultdict(list)
    for chart, title, correct, count in shares:
        charts[chart].append({"x": title, "count": count, "value": correct / max(count, 1), "interval": wilson(correct, count), "joined": title == "base" or title.startswith("cycle ")})
    return [{"title": chart, "points": points} for chart, points in charts.items()]


def accuracies(folders):
    """Of every eval.json: whole questions, then labels by kind."""
    evaluations = {title: load(folder / "eval.json") for title, folder in folders.items()}
    return [(kind, title, row["correct"], row["count"]) for title, e in evaluations.items() if e for kind, row in {"all questions": e["all"], **e["kinds"]}.items()]


def yields(folders):
    """Of every cycle, by the sidecar of stage 04: questions answered, those answered only when told the label, and neither."""
    sidecars = {title: load(folder / "verified.jsonl.meta.json") for title, folder in folders.items() if title.startswith("cycle ")}
    names = {"answered (direct)": "solved_direct", "rationalized": "solved_rationalized", "neither": "solved_by_none"}
    return [(name, title, meta[key], meta["questions"]) for title, meta in sidecars.items() if meta for name, key in names.items()]


def sidecars_of(run, folders):
    """(stage, title of its cycle, sidecar) of all that the run made; an eval.json says the same of itself, as stage "score"."""
    stages, found = {**{name: stage for stage, name in STAGES.items()}, "train.jsonl": "prepare"}, []
    for title, folder in [("before", run / "data"), ("before", run), *folders.items()]:
        names = {path: path.name.removesuffix(".meta.json") for path in sorted(folder.glob("*.meta.json"))}
        found += [(stages.get(name, name), title, load(path)) for path, name in names.items()]
        found += [("score", title, load(path)) for path in folder.glob("eval.json")]
    order = ["prepare", "base", *STAGES, "score"]
    return sorted(found, key=lambda made: order.index(made[0]) if made[0] in order else len(order))


def spread(values):
    """Rows [name, value, where] of {title: {name: value}}: one row where all agree, else one for each value and the titles that have it."""
    rows = []
    for name in dict.fromkeys(name for named in values.values() for name in named):
        found = defaultdict(list)
        for title, named in values.items():
            if name in named:
                value = "not set" if named[name] is None else named[name]
                found[value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)].append(title)
        rows += [[name, value, "" if len(found) == 1 else ", ".join(titles)] for value, titles in found.items()]
    return rows


def settings_of(made):
    """Per stage the rows of its settings and counts, and the rows of the versions of all: what the sidecars say."""
    stages, versions = defaultdict(dict), {}
    for stage, title, meta in made:
        counts = {k: v for k, v in meta.items() if isinstance(v, (int, float, str)) and k not in ("seconds", "command", "machine", "prompts", "script", "output_sha256")}
        stages[stage][title] = {**meta.get("settings", {}), **counts, "command": meta.get("command"), "script sha256": meta.get("script"), "prompts sha256": meta.get("prompts"),
                                **{f"sha256 of {path}": digest for path, digest in meta.get("inputs", {}).items()}}
        versions[f"{stage} ({title})"] = {**meta.get("versions", {}), "machine": meta.get("machine", "not recorded")}
    return {stage: spread(values) for stage, values in stages.items()}, spread(versions)


def seconds_of(made, titles):
    """The table of seconds: a row per stage, a column per cycle, and sums."""
    cells = {(stage, title): round(meta["seconds"]) for stage, title, meta in made if "seconds" in meta}
    stages, titles = list(dict.fromkeys(stage for stage, _ in cells)), [title for title in titles if any(title == other for _, other in cells)]
    rows = [[stage, *(cells.get((stage, title), "") for title in titles)] for stage in stages]
    rows.append(["all", *(sum(cells.get((stage, title), 0) for stage in stages) for title in titles)])
    return {"head": ["stage", *titles, "sum"], "rows": [[*row, sum(s for s in row[1:] if s)] for row in rows] if cells else []}


# ---------------------------------------------------------------- answers: reasons, marks, frames

def grouped(why):
    """A reason without its particulars, so that like reasons are counted together: 'said 3.5, label 4.0' -> 'said another value than the label'."""
    why = re.sub(r"^said .*, label .*", "said another value than the label", why, flags=re.S)
    why = re.sub(r"^(several\b[^:]*): .*", r"\1", why, flags=re.S)
    why = re.sub(r"^.+ is (denied|hedged)$", r"names it, but \1", why, flags=re.S)
    why = re.sub(r"^[^:\n]*[/\\][^:\n]*(?=: )", "file", why)
    why = re.sub(r"\[[^\]]*\]", "[…]", why)
    return re.sub(r"-?\d+(?:[.,]\d+)*", "#", why).lower()


def reason_of(record):
    """The grouped reasons of the labels that do not hold, each once; of a right answer that is not kept, why not."""
    if record["verdict"] == "correct":
        return "not kept: " + grouped(record["why"].rpartition("; not kept: ")[2]) if not record.get("keep", True) else ""
    return "; ".join(dict.fromkeys(grouped(check["why"]) for check in record["checks"] if not check["holds"]))


def wordings(label, value):
    """Regular expressions that find a parsed value of words in a text, one for each of its parts."""
    phrase = lambda words: r"[\W_]+(?:(?:an?|the) )?".join(re.findall(r"[^\W_]+", words))
    if label["kind"] == "boolean":
        return ["yes|true" if value else "no|not|false"]
    if label["kind"] == "choice":
        return [rf"(?-i:{value})(?=[.):\]]|\s*(?:\n|$))|{phrase(label['options'][ord(value) - ord('A')]) or value}"]
    return [phrase(words) for words in (value if isinstance(value, list) else [value])]


def said(text, label, value):
    """Spans of a text that say a parsed value, in figures or word for word; [] where it is said in another way."""
    wanted = value if isinstance(value, list) else [value]
    if label["kind"] in ("number", "time", "interval", "box"):
        figures = parse.numbers(text)
        same = lambda figure, v: abs(figure.value / (100 if figure.percent and abs(v) <= 1 else 1) - v) < 1e-6 * max(1, abs(v))
        return next(([(figures[i].start, figures[i + len(wanted) - 1].end)] for i in range(len(figures) - len(wanted) + 1) if all(map(same, figures[i:], wanted))), [])
    spans, at = [], 0
    for wording in wordings(label, value):
        found = re.compile(rf"(?<![^\W_])(?:{wording})(?![^\W_])", re.I).search(text, at) if wording else None
        if not found:
            return []
        spans.append(found.span())
        at = found.end()
    return spans


def marked(answer, labels, checks):
    """(pieces, found): the answer cut so that every second piece is a value that was parsed, and per label whether it was found.

    Looked for in the texts that decide (lib/parse.py), where these stand in the answer word for word; else behind the last answer marker.
    """
    final = parse.final(parse.clean(answer), len(labels) > 1 or labels[0]["kind"] == "sequence")
    start = max((marker.end() for marker in parse.MARKER.finditer(answer)), default=0)
    spans, found = [], []
    for label, check, part in zip(labels, checks, share(final.texts[0], labels) if len(labels) > 1 else [None]):
        here = []
        for text in ((part,) if part else (*final.texts, answer[start:])) if check["parsed"] is not None else ():
            at = [start + m.start() for m in re.finditer(rf"(?<!\w){re.escape(text)}(?!\w)", answer[start:])]
            here = [(at[0 if start else -1] + a, at[0 if start else -1] + b) for a, b in said(text, label, check["parsed"])] if at else []
            if here:
                break
        spans += here
        found.append(bool(here))
    pieces, at = [], 0
    for a, b in sorted(spans):
        if a >= at:
            pieces += [answer[at:a], answer[a:b]]
            at = b
    return [*pieces, answer[at:]], found


def value_text(label, value):
    """A value of the label's kind as an answer would say it; of a range, both ends; of nothing, nothing."""
    ends = value if isinstance(value, list) and label["kind"] in ("number", "time") else [value]
    return " to ".join(label_text([{**label, "value": end}]) for end in ends if end is not None)


def row_of(title, record):
    """An answer as the page needs it."""
    labels, answer = record["labels"], record.get("answer")
    pieces, found = marked(parse.cut(answer), labels, record["checks"]) if isinstance(answer, str) else ([], [False] * len(labels))
    shown = [{"name": label["name"], "kind": label["kind"], "unit": label.get("unit", "seconds"), "value": label["value"], "text": value_text(label, label["value"]),
              "parsed": check["parsed"], "read": value_text(label, check["parsed"]), "found": here, "holds": check["holds"], "why": check["why"]}
             for label, check, here in zip(labels, record["checks"], found)]
    return {"cycle": title, **{key: record.get(key) for key in ("id", "origin", "sample", "verdict", "keep", "question", "why")}, "kind": kinds_of(record), "reason": reason_of(record), "labels": shown,
            "options": next((label["options"] for label in labels if label["kind"] == "choice"), []), "answer": pieces, "cut": len(answer or "") > len("".join(pieces))}


def kinds_of(record):
    return " + ".join(dict.fromkeys(label["kind"] for label in record["labels"]))


def strip_of(clip):
    """Frames of a clip side by side as one JPEG data URI, with their size and seconds, or the problem why there are none."""
    try:
        frames, meta = read_frames(clip[0], FRAMES, *clip[1:])
    except VideoError as error:
        return {"problem": str(error)}
    height = min(HEIGHT, frames.shape[1])
    width = max(1, round(frames.shape[2] * height / frames.shape[1]))
    small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)[..., ::-1] for frame in frames]
    _, jpeg = cv2.imencode(".jpg", np.hstack(small), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return {"src": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode(), "width": width, "height": height,
            "seconds": [round(i / meta["fps"], 2) for i in meta["frames_indices"]], "duration": round(meta["duration"], 3)}


# ---------------------------------------------------------------- the sample

def judged(folders, notes):
    """Yields (title, path, record) of every answer with its verdict: those of stage 04, then the held-out ones, scored again as stage 06 did."""
    for title, folder in folders.items():
        if title.startswith("cycle ") and not (folder / "verified.jsonl").exists():
            notes.append(f"{title}: no verified.jsonl, so none of its training answers are here")
        elif title.startswith("cycle "):
            if not (folder / "rationalized.jsonl").exists():
                notes.append(f"{title}: no rationalized.jsonl, so direct answers only")
            yield from ((title, folder / "verified.jsonl", record) for _, record in read_jsonl(folder / "verified.jsonl"))
    for title, folder in folders.items():
        path, evaluation = folder / "predictions.jsonl", load(folder / "eval.json")
        if evaluation is None or not path.exists():
            notes.append(f"{title}: no {'eval.json' if evaluation is None else path.name}, so no held-out " + ("accuracy" if evaluation is None else "answers to look at"))
            continue
        records = [record for _, record in read_jsonl(path)]
        if any(map(record_problem, records)):
            notes.append(f"{title}: {path.name} holds no questions with labels, so its answers are not shown")
            continue
        for record, result in zip(records, verify_all(records, evaluation.get("settings", {}).get("embedder"))):
            yield title, path, {**record, **result, "origin": "held-out"}


def survey(answers, seed):
    """{(title, origin): verdicts counted}, {(verdict, reason): answers counted by cycle, origin and kind}, and the order in which to sample answers.

    That order goes round the strata (cycle, kind, verdict, origin). Within each the clips come in one random order, the same for all, so that a
    clip is seen in several cycles and its frames are needed once.
    """
    digest = lambda *parts: hashlib.sha256(repr((seed, *parts)).encode()).hexdigest()
    verdicts, reasons, strata = defaultdict(Counter), defaultdict(Counter), defaultdict(list)
    for title, path, record in answers:
        kept = record["verdict"] == "correct" and record.get("keep")
        verdicts[title, record["origin"]]["kept" if kept else record["verdict"]] += 1
        if record["origin"] != "held-out" and not kept:
            reasons[record["verdict"], reason_of(record)].update([title, record["origin"], kinds_of(record), "all"])
        clip = os.path.normpath(video_path(record, path)), record.get("start"), record.get("end")
        stratum = strata[title, kinds_of(record), record["verdict"], record["origin"]]
        stratum.append((digest(os.path.basename(clip[0]), *clip[1:]), digest(record["id"], record.get("sample", 0)), clip, title, record))
        if len(stratum) > 10 * STRATUM:
            stratum[:] = nsmallest(STRATUM, stratum, key=itemgetter(0, 1))
    ordered = [nsmallest(STRATUM, stratum, key=itemgetter(0, 1)) for _, stratum in sorted(strata.items())]
    return verdicts, reasons, [entry[2:] for turn in zip_longest(*ordered) for entry in turn if entry]


def rejections(reasons, titles):
    """The table of rejections, the most frequent reason first: answers in all, then by cycle, by origin and by kind."""
    kinds = {key for counts in reasons.values() for key in counts} - {"all", "direct", "rationalized", *titles}
    by = [*titles, "direct", "rationalized", *sorted(kinds)]
    rows = sorted(([verdict, counts["all"], reason, *(counts[name] for name in by)] for (verdict, reason), counts in reasons.items()), key=lambda row: (-row[1], row))
    if rest := [list(column) for column in zip(*rows[REASONS:])]:
        rows = [*rows[:REASONS], ["", sum(rest[1]), f"{len(rest[0])} rarer reasons", *map(sum, rest[3:])]]
    return {"head": ["verdict", "answers", "reason", *by], "rows": rows}


def embedded(value):
    """JSON that may stand inside a script element whatever its texts are: without "<", and in ASCII."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def build(run, seed=0, most=RECORDS, megabytes=MEGABYTES):
    """The page of a run and what it holds, as (HTML, data). Raises StageError where the run has no cycle or the page cannot be so small."""
    folders, notes = folders_of(run), []
    if not folders:
        raise StageError(f"{run}: no folder cycle0, cycle1, ... in it; make cycle N=1 RUN={run}")
    made = sidecars_of(run, folders)
    verdicts, reasons, order = survey(judged(folders, notes), seed)
    try:
        table = columns(run)
    except StageError as error:
        table = {}
        notes.append(f"no table of results: {error}")
    names = dict.fromkeys(name for cells in sorted(table.values(), key=len, reverse=True) for name in cells)
    settings, versions = settings_of(made)
    data = {"run": run.resolve().name, "seed": seed, "notes": notes, "accuracy": charts_of(accuracies(folders)), "yields": charts_of(yields(folders)), "seconds": seconds_of(made, ["before", *folders]),
            "results": {"head": ["", *table], "rows": [[name, *(cells.get(name, "") for cells in table.values())] for name in names]},
            "verdicts": [[title, origin, counts.total(), [counts[v] for v in VERDICTS]] for (title, origin), counts in verdicts.items()], "names": VERDICTS,
            "rejections": rejections(reasons, [title for title, origin in verdicts if origin == "direct"]), "settings": settings, "versions": versions}
    template = (Path(__file__).parent / "report.html").read_text(encoding="utf-8")
    page = lambda: template.replace("{{data}}", embedded(data))
    data["clips"], data["records"] = clips, rows = [], []
    budget, known = megabytes * 1e6 - len(page().encode()) - 200, {}
    for clip, title, record in order[:most]:
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
    problems = [strip["problem"] for strip in clips if "problem" in strip]
    if problems:
        data["notes"] = [*notes, f"{len(problems)} of {len(clips)} clips of the sample show no frames; the first: {problems[0]}"]
    html = page()
    if len(html.encode()) > megabytes * 1e6:
        raise StageError(f"{run}: the page without any answer has {len(html) / 1e6:.2f} MB, more than --megabytes {megabytes:g}; raise it")
    return html, data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of the run, e.g. runs/demo")
    parser.add_argument("-o", "--output", type=Path, help="the page (default: RUN/report.html)")
    parser.add_argument("--records", type=int, default=RECORDS, help="answers in its sample at most (default: %(default)s)")
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help="its size at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default: %(default)s)")
    args = parser.parse_args()
    if args.records < 0 or args.megabytes <= 0:
        parser.error("expected --records of at least 0 and --megabytes above 0")
    html, data = build(args.run, args.seed, args.records, args.megabytes)
    output = args.output or args.run / "report.html"
    write_atomically(output, html)
    print(f"{output}: {len(html.encode()) / 1e6:.2f} MB, {len(data['records'])} of {sum(row[2] for row in data['verdicts'])} answers, {len(data['clips'])} clips" + "".join(f"\n  {note}" for note in data["notes"]))


if __name__ == "__main__":
    from lib.stage import run as guarded
    guarded(main)
