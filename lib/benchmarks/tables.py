"""From what was read in the replies to tables: counts with their intervals, in all and by group."""

from collections import Counter, defaultdict

import numpy as np

from lib.benchmarks.common import reading
from lib.confidence import bounds, paired_gain, share
from lib.verifier import verify_all

# of a question whose options are not in a list
UNREAD = {"checks": [{"parsed": None}], "verdict": "unparsed"}


def counted(correct, count, decimals=2):
    """A share, and its percentage rounded as the official tables print it."""
    return {**share(correct, count), "percent": round(correct * 100 / count, decimals) if count else 0.0}


def of_groups(items, right, decimals):
    """{"by": {grouping: {name: share with percent}}, "macro": {grouping: mean of its percentages}}."""
    counts = defaultdict(lambda: defaultdict(list))
    for item, r in zip(items, right, strict=True):
        for grouping, name in item["groups"].items():
            counts[grouping][name].append(r)
    by, macro = {}, {}
    for grouping, names in counts.items():
        by[grouping] = {name: counted(sum(values), len(values), decimals) for name, values in names.items()}
        mean = np.mean([100 * sum(values) / len(values) for values in names.values()])
        macro[grouping] = round(float(mean), decimals)
    return {"by": by, "macro": macro}


def summary(items, results, decimals=2):
    """The table of (read, right) results: micro, macro and by group, what was read, how often each answer."""
    right = [bool(r) for _, r in results]
    read = [value for value, _ in results if value is not None]
    golds = Counter(yes_or_no(label["value"]) for item in items for label in item["labels"])
    return {
        **counted(sum(right), len(items), decimals),
        "matched": len(read),
        "unmatched": len(items) - len(read),
        "answered_only": counted(sum(right), len(read), decimals),
        "answers": dict(sorted(Counter(read).items())),
        "gold": dict(sorted(golds.items())),
        **of_groups(items, right, decimals),
    }


def yes_or_no(value):
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def mean_of(items, scores):
    """The mean of scores from 0 to 1, in percent, with its 95 % bootstrap interval over videos."""
    mean, low, high = paired_gain([0] * len(scores), scores, [item["video"] for item in items])
    values = {"mean": mean, "low": low, "high": high}
    return {"count": len(scores), **{name: round(100 * value, 2) for name, value in values.items()}}


def means_by_group(name, items, scores):
    """{"NAME, group: causal": mean_of() of its items} for every group of every grouping."""
    groups = defaultdict(list)
    for item, value in zip(items, scores, strict=True):
        for grouping, group in item["groups"].items():
            groups[f"{name}, {grouping}: {group}"].append((item, value))
    return {line: mean_of(*zip(*pairs)) for line, pairs in groups.items()}


# ---------------------------------------------------------------- our verifier on the same replies


def verified(items, replies, embedder, reword=None):
    """The verifier's results, or None where a reply is no text: indices and windows need no parser.

    `reword(text, item)`: a reply in words that the verifier knows.
    """
    if any(reply.state == "answered" and not isinstance(reply.value, str) for reply in replies.values()):
        return None
    records = []
    for item in items:
        reply = replies[item["id"]]
        text = reply.value.replace("</s>", "") if reply.state == "answered" else ""
        if item["labels"]:
            record = {key: item[key] for key in ("id", "question", "labels", "duration") if key in item}
            answer = reword(text, item) if reword else text
            records.append({**record, **reply.about, "answer": answer, "origin": "direct"})
    results = verify_all(records, embedder)
    return [next(results) if item["labels"] else UNREAD for item in items]


def verifier_readings(results):
    """(read, right) of the verifier's results on items with one label."""
    return [(yes_or_no(result["checks"][0]["parsed"]), result["verdict"] == "correct") for result in results]


def score_choices(rule, items, replies, embedder, decimals=2, reword=None):
    """({"official": table by `rule`, "robust": by our verifier or None}, right or wrong by `rule`)."""
    results = [reading(rule, item, replies[item["id"]]) for item in items]
    robust = verified(items, replies, embedder, reword)
    tables = {
        "official": summary(items, results, decimals),
        "robust": robust and summary(items, verifier_readings(robust), decimals),
    }
    return tables, [right for _, right in results]


# ---------------------------------------------------------------- print


def rows_of(tables):
    """{line: {name of the table: cell}}: all questions, each group and each macro average."""
    rows = defaultdict(dict)
    for name, table in tables.items():
        if "correct" in table:
            rows["all (micro)"][name] = table
        for grouping, mean in table.get("macro", {}).items():
            rows[f"macro over {grouping}"][name] = mean
        for grouping, groups in table["by"].items():
            for group, row in groups.items():
                rows[f"{grouping}: {group}"][name] = row
        for line, row in table.get("means", {}).items():
            rows[line][name] = row
        for key in ("mean_iou", "spearman", "relative_l2", "mean_score"):
            if key in table:
                rows[key.replace("_", " ")][name] = table[key]
        for length, values in (table.get("mAP") or {}).items():
            rows[f"mAP: {length}"][name] = values["average"]
    return rows


def cell_text(row):
    if isinstance(row, dict) and "mean" in row:
        return f"{row['mean']:12.2f} [{row['low']:5.1f}, {row['high']:5.1f}]"
    if isinstance(row, dict):
        low, high = bounds(row)
        return f"{row['correct']:5} {row['percent']:6.2f} [{low:5.1f}, {high:5.1f}]"
    return "" if row is None else str(row)


def show(tables):
    """Print tables side by side, then of each how much it could read."""
    tables = {name: table for name, table in tables.items() if table}
    if not tables:  # of captioning without a judge
        return
    print(f"{'':34} {'n':>5}  " + "  ".join(f"{name:>29}" for name in tables))
    for line, cells in rows_of(tables).items():
        count = next((row["count"] for row in cells.values() if isinstance(row, dict)), "")
        print(f"{line:34} {count:>5}  " + "  ".join(f"{cell_text(cells.get(name)):>29}" for name in tables))
    for name, table in tables.items():
        text = f"{name}: {table['matched']} read, {table['unmatched']} not"
        if table.get("gold"):
            text += f"; answers {table['answers']}, gold {table['gold']}"
        if "judge" in table:
            text += f"; {table['asked']} judged by {table['judge']}, {table['unparsable']} unparsable"
            text += f", {table['unjudged']} unjudged"
        print(text)
