"""The report of a small run whose answers are written here and judged by 04 and 06; its page in Chromium."""

import html
import json
import re
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from conftest import lines, sh

from lib.demo.world import clip_facts, look, write_clip
from lib.records import StageError
from lib.tools.report import MEGABYTES, build, embedded
from lib.tools.report_answers import grouped, marked
from lib.tools.results import columns

EVIL = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\"></script>"
    "<!-- \u2028 \U0001f600\nAnswer: 4"
)
BOX = {"name": "place", "kind": "box", "value": [0.1, 0.2, 0.5, 0.6]}
INTERVAL = {"name": "when", "kind": "interval", "value": [2.0, 6.0]}
CHOICE = {"name": "what", "kind": "choice", "value": "B", "options": ["a red ball", "a blue ball"]}
BLINKS = [{"name": "times", "kind": "number", "value": 2}, {"name": "first", "kind": "time", "value": 2.0}]
TURNS = [  # of every question its two direct answers, and its rationalized one where both fail
    (
        "turns",
        [{"name": "turns", "kind": "number", "value": 4}],
        ["It turns and turns.\nAnswer: 5", EVIL],
        [],
    ),
    ("place", [BOX], ["Answer: [0.1, 0.2, 0.5, 0.6]", "Answer: [0.6, 0.7, 0.9, 0.9]"], []),
    ("when", [INTERVAL], ["It is blue.\nAnswer: from 3 to 6 seconds", "Answer: 3 to 6 s"], []),
    ("what", [CHOICE], ["Answer: it is hard to tell", "Answer: A"], ["As the given answer says.\nAnswer: B"]),
    (
        "blinks",
        BLINKS,
        ["Answer: times: 2; first: 5 seconds", "Answer: times: 3"],
        ["It vanishes twice.\nAnswer: times: 2; first: 2 seconds"],
    ),
]


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def sidecar(path, seconds, **settings):
    meta = {
        "command": f"made {path.name}",
        "settings": settings,
        "inputs": {},
        "versions": {"python": "3.11"},
        "machine": "x86_64, 2 cores",
        "seconds": seconds,
        "processes": 1,
    }
    path.with_name(path.name + ".meta.json").write_text(json.dumps(meta))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A base and two cycles, 5 questions on each of 3 clips; one file is missing, cycle 2 not verified."""
    run = tmp_path_factory.mktemp("report") / "a <b>run"
    (run / "data/videos").mkdir(parents=True)
    rng, test, direct, told = np.random.default_rng(0), [], [], []
    for clip in range(3):
        if clip < 2:
            write_clip(run / f"data/videos/{clip}.mp4", clip_facts(rng, "target"), look(rng, "target"), rng)
        for name, labels, answers, explained in TURNS:
            record = {
                "id": f"{clip}#{name}" + "x" * 80 * (name == "what"),
                "video": f"../data/videos/{clip}.mp4",
                "question": f"What of {name}?",
                "labels": labels,
                "duration": 8.0,
            }
            test.append({**record, "video": f"videos/{clip}.mp4"})
            direct += [
                {**record, "origin": "direct", "sample": i, "seed": 1, "answer": answer}
                for i, answer in enumerate(answers)
            ]
            told += [
                {**record, "origin": "rationalized", "sample": 0, "seed": 1, "answer": answer}
                for answer in explained
            ]
    del direct[0]["answer"]
    direct[0]["error"] = "/data/videos/0.mp4: no such file"
    write(run / "data/test.jsonl", test)
    for cycle, seconds, samples in (("cycle1", 12.4, 2), ("cycle2", 9.6, 4)):
        write(run / cycle / "generated.jsonl", direct)
        sidecar(run / cycle / "generated.jsonl", seconds, samples=samples, temperature=0.5)
    write(run / "cycle1/rationalized.jsonl", told)
    sh(
        "04_verify.py",
        run / "cycle1/generated.jsonl",
        run / "cycle1/rationalized.jsonl",
        "-o",
        run / "cycle1/verified.jsonl",
        "--per-question",
        "1",
        "--max-failures",
        "1",
    )
    for cycle, sample in (("cycle0", 1), ("cycle1", 0)):
        write(
            run / cycle / "predictions.jsonl",
            [{"answer": "", **record} for record in direct if record["sample"] == sample],
        )
        sh(
            "06_eval.py",
            run / "data/test.jsonl",
            "-o",
            run / cycle / "eval.json",
            "--predictions",
            run / cycle / "predictions.jsonl",
        )
    return run


@pytest.fixture(scope="module")
def page(made):
    """report.html of the run, as the command writes it."""
    done = sh(sys.executable, "-m", "lib.tools.report", made)
    assert "66 of 66 answers, 3 clips" in done.stdout and "cycle 2: no verified.jsonl" in done.stdout
    return made / "report.html"


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def test_the_page_is_one_small_file_that_loads_nothing_and_runs_nothing_of_the_data(page):
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) < MEGABYTES * 1e6 < 5e6
    own = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.S)
    assert not re.search(
        r"""(?:src|href)\s*=\s*["']?(?:\w+:)?//|@import|url\(|fetch\(|XMLHttpRequest|"""
        r"innerHTML|insertAdjacentHTML|document\.write|\beval\(",
        own,
    )
    assert (
        "default-src 'none'" in text
        and text.count("<script") == 2
        and "<img src=x" not in text
        and "<b>run" not in text
    )
    assert (
        sum("".join(record["answer"]) == EVIL for record in data_of(text)["records"]) == 6
    )  # three trained on, three of the base; not a character is lost
    assert build(page.parent)[0] == text  # the same run, the same page
    assert (
        embedded("\ud800 é </script> <!--").isascii()
        and "<" not in embedded("\ud800 é </script> <!--")
        and json.loads(embedded("\ud800 é </script> <!--")) == "\ud800 é </script> <!--"
    )


def test_counts_are_those_of_the_files(page, made):
    data, verified = data_of(page.read_text(encoding="utf-8")), lines(made / "cycle1/verified.jsonl")
    counts = {
        (title, origin): dict(zip(data["names"], numbers)) for title, origin, _, numbers in data["verdicts"]
    }
    assert counts["cycle 1", "direct"] == {
        "kept": 9,
        "correct": 3,
        "wrong": 14,
        "unparsed": 0,
        "unfinished": 0,
        "degenerate": 3,
        "leaked": 0,
        "error": 1,
    }
    assert counts["cycle 1", "rationalized"] == {
        "kept": 3,
        "correct": 0,
        "wrong": 0,
        "unparsed": 0,
        "unfinished": 0,
        "degenerate": 0,
        "leaked": 3,
        "error": 0,
    }
    assert set(counts) == {
        ("cycle 1", "direct"),
        ("cycle 1", "rationalized"),
        ("before", "held-out"),
        ("cycle 1", "held-out"),
    }
    rejected = {(row[0], row[2]): row for row in data["rejections"]["rows"]}
    assert sum(row[1] for row in rejected.values()) == sum(not record["keep"] for record in verified) == 24
    column = {name: i for i, name in enumerate(data["rejections"]["head"])}
    for (verdict, reason), row in rejected.items():
        assert (
            row[1]
            == row[column["direct"]] + row[column["rationalized"]]
            == row[column["cycle 1"]]
            == sum(row[column["rationalized"] + 1 :])
        ), (verdict, reason)
    assert rejected["correct", "not kept: enough others of this question are"][column["interval"]] == 3
    assert (
        rejected["error", "file: no such file"][1] == 1
        and sum(row[1] for (verdict, _), row in rejected.items() if verdict == "leaked") == 3
    )
    charts = {chart["title"]: chart["points"] for chart in data["accuracy"]}
    for title, folder in (("before", "cycle0"), ("cycle 1", "cycle1")):
        evaluation = json.loads((made / folder / "eval.json").read_text())
        for kind, row in {"all questions": evaluation["all"], **evaluation["kinds"]}.items():
            shown = next(point for point in charts[kind] if point["x"] == title)
            assert shown["count"] == row["count"] and [
                round(v, 4) for v in (shown["value"], *shown["interval"])
            ] == [row["accuracy"], row["low"], row["high"]]
    assert [(c["title"], round(15 * c["points"][0]["value"])) for c in data["yields"]] == [
        ("answered (direct)", 9),
        ("rationalized", 3),
        ("neither", 3),
    ]
    seconds = {row[0]: dict(zip(data["seconds"]["head"][1:], row[1:])) for row in data["seconds"]["rows"]}
    assert seconds["generate"] == {"cycle 1": 12, "cycle 2": 10, "sum": 22}
    assert ["samples", "2", "cycle 1"] in data["settings"]["generate"] and ["temperature", "0.5", ""] in data[
        "settings"
    ]["generate"]


def test_every_record_has_its_frames_or_the_reason_why_not(page):
    data = data_of(page.read_text(encoding="utf-8"))
    for record in data["records"]:
        clip = data["clips"][record["clip"]]
        assert (
            ("no such file" in clip["problem"])
            if record["id"].startswith("2#")
            else clip["src"].startswith("data:image/jpeg;base64,/9j/") and len(clip["seconds"]) == 6
        )
    assert any("show no frames" in note and "2.mp4" in note for note in data["notes"])


def test_a_box_is_marked_in_the_coordinates_of_its_record():
    label = {"name": "b", "kind": "box", "value": [0.1, 0.2, 0.3, 0.9]}
    said = "Answer: [100, 220, 310, 900]"
    for frame, found in (((1000.0, 1000.0), True), ((1.0, 1.0), False), (None, False)):
        pieces = marked(said, [label], [{"parsed": [0.1, 0.22, 0.31, 0.9]}], frame)[0]
        assert ("100, 220, 310, 900" in pieces[1::2]) == found


@pytest.mark.parametrize(
    "answer, labels, parsed, expected",
    [
        ("From 1 to 5 it is red.\nAnswer: 3 to 6 seconds", [INTERVAL], [[3.0, 6.0]], ["3 to 6"]),
        ("Answer: [0.1, 0.2, 0.5, 0.6]", [BOX], [BOX["value"]], ["0.1, 0.2, 0.5, 0.6"]),
        ("Answer: times: 2; first: 2 seconds", BLINKS, [2.0, 2.0], ["2", "2"]),  # each in its own part
        ("Answer: twice", BLINKS[:1], [2.0], []),  # said in another way: nothing is marked
        ("A ball, I think.\n**Answer:** B. *a blue ball*", [CHOICE], ["B"], ["B"]),
        ("A toy.\nAnswer: a blue  ball", [CHOICE], ["B"], ["a blue  ball"]),
        (
            "It goes \U0001f600 left, not right.\nAnswer: Moving-left!",
            [{"name": "m", "kind": "class", "value": "moving left"}],
            ["moving left"],
            ["Moving-left"],
        ),
        (
            "**Answer:** She is playing the guitar.",
            [{"name": "a", "kind": "class", "value": "playing guitar"}],
            ["playing guitar"],
            ["playing the guitar"],
        ),
        (
            "Answer: red, then blue",
            [{"name": "o", "kind": "sequence", "value": ["red", "blue"]}],
            [["red", "blue"]],
            ["red", "blue"],
        ),
        ("Is it? Answer: Yes.", [{"name": "b", "kind": "boolean", "value": False}], [True], ["Yes"]),
        ("Answer: 7", BLINKS[:1], [None], []),
    ],
)
def test_what_was_read_is_marked_where_the_answer_says_it(answer, labels, parsed, expected):
    pieces, found = marked(answer, labels, [{"parsed": value} for value in parsed])
    assert "".join(pieces) == answer and pieces[1::2] == expected and found == [bool(expected)] * len(labels)


def test_the_mark_is_in_the_conclusion_and_not_where_the_value_came_up_before():
    for before, after in (
        ("It has 4 sides and turns 5 times. So it is ", " in all."),
        ("It has 4 sides.\nThe answer is 5? No.\nAnswer: ", "."),
    ):
        assert marked(f"{before}4{after}", BLINKS[:1], [{"parsed": 4.0}]) == ([before, "4", after], [True])


@pytest.mark.parametrize(
    "why, group",
    [
        ("said 3.5, label 4.0", "said another value than the label"),
        ("said [2.0, 8.0], label [4.0, 6.0] (IoU 0.33)", "said another value than the label"),
        ("cosine 0.41", "cosine #"),
        ("several: red, blue", "several"),
        ("several options: A, B", "several options"),
        ("running is denied", "names it, but denied"),
        (
            "box [0.1, 0.2, 3.0, 4.0] is outside the frame (fractions from 0 to 1)",
            "box […] is outside the frame (fractions from # to #)",
        ),
        ("/data/a b/7.mp4: no such file", "file: no such file"),
    ],
)
def test_like_reasons_are_grouped(why, group):
    assert grouped(why) == group


def test_what_a_run_lacks_is_said(made, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(
        made / "cycle1",
        run / "cycle1",
        ignore=shutil.ignore_patterns("eval.json", "predictions*", "rationalized*", "generated*"),
    )
    _, data = build(run)  # one cycle; no data, no base, no evaluation, no videos
    assert (
        len(data["records"]) == 36
        and all("problem" in clip for clip in data["clips"])
        and data["accuracy"] == []
        and data["results"]["rows"] == []
    )
    for said in (
        "cycle 1: no eval.json",
        "cycle 1: no rationalized.jsonl",
        "no table of results",
        "3 of 3 clips",
    ):
        assert any(said in note for note in data["notes"]), said
    # answers of another tool, scored by 06 --predictions, name no labels
    shutil.copy(made / "cycle1/eval.json", run / "cycle1")
    (run / "cycle1/predictions.jsonl").write_text('{"id": "a", "answer": "x"}\n')
    assert any("predictions.jsonl:1: video is None" in note for note in build(run)[1]["notes"])
    (tmp_path / "empty").mkdir()
    refused = sh(sys.executable, "-m", "lib.tools.report", tmp_path / "empty", check=False)
    assert (
        refused.returncode == 1
        and "no folder cycle0" in refused.stderr
        and not (tmp_path / "empty/report.html").exists()
    )


@pytest.mark.parametrize(
    "name, content, found",
    [
        ("eval.json", "", "not JSON"),
        ("eval.json", '{"all": {"cou', "not JSON"),
        ("eval.json", "{}", "expected all, kinds, settings in it"),
        ("eval.json", '{"all": {"count": 3}, "kinds": {}, "settings": {}}', "expected accuracy, correct"),
        ("eval.json", '{"all": {}, "kinds": [], "settings": {}}', "kinds is \\[\\]"),
        ("verified.jsonl.meta.json", "", "not JSON(.|\n)*remove it and \\S+cycle1/verified.jsonl,"),
        ("verified.jsonl.meta.json", '{"kept": {}}', "expected questions, solved_direct"),
        ("generated.jsonl.meta.json", "[]", "found a list"),
        ("generated.jsonl.meta.json", '{"seconds": "long"}', "seconds is 'long'"),
        ("verified.jsonl", {"labels": "red"}, "jsonl:1: labels is 'red'"),
        ("verified.jsonl", {"labels": [3, {}]}, "jsonl:1: label 3"),
        ("verified.jsonl", {"checks": []}, "jsonl:1: checks is"),
        ("verified.jsonl", {"checks": [{"why": 3}]}, "jsonl:1: checks is"),
        ("verified.jsonl", {"verdict": None}, "jsonl:1: verdict is None, expected a str"),
    ],
)
def test_what_was_cut_off_or_edited_is_named(made, tmp_path, name, content, found):
    for cycle in ("cycle0", "cycle1"):
        shutil.copytree(made / cycle, tmp_path / cycle)
    path = tmp_path / "cycle1" / name
    if isinstance(content, dict):
        first, *others = lines(path)
        write(path, [{**first, **content}, *others])
    else:
        path.write_text(content)
        with pytest.raises(StageError, match=f"{name}: {found}"):
            columns(tmp_path)
    with pytest.raises(StageError, match=found):
        build(tmp_path)


@pytest.mark.parametrize("right", [False, True])
def test_predictions_that_lost_a_row_give_no_table(made, tmp_path, right):
    for cycle in ("cycle0", "cycle1"):
        shutil.copytree(made / cycle, tmp_path / cycle)
    verdicts = {row["id"]: row["verdict"] == "correct" for row in lines(made / "cycle1/eval.verdicts.jsonl")}
    rows = lines(made / "cycle1/predictions.jsonl")
    rows.remove(next(row for row in rows if verdicts[row["id"]] == right))
    write(tmp_path / "cycle1/predictions.jsonl", rows)
    with pytest.raises(StageError, match="of 15 right, its predictions.jsonl .* of 14: remove eval.json"):
        columns(tmp_path)
    assert any("no table of results" in note for note in build(tmp_path)[1]["notes"])


def test_cycles_beyond_the_last_are_not_shown_and_that_is_said(made, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made, run)
    shutil.copytree(run / "cycle1", run / "cycle3")
    words = ["-m", "lib.tools.results", run]
    assert "cycle 3 against the model before any cycle" in sh(sys.executable, *words).stdout
    said = sh(sys.executable, *words, "--cycles", "1").stdout
    assert "| before" in said and "cycle 1 against the model before any cycle" in said
    assert "cycle 2, cycle 3: beyond cycle 1, not shown" in said and "| cycle 3" not in said
    assert (run / "results.md").read_text() == said.lstrip("\n")
    data = build(run, last=1)[1]
    assert data["notes"][0].startswith("cycle 2, cycle 3: beyond cycle 1")
    assert {row["cycle"] for row in data["records"]} == {"before", "cycle 1"}


def test_the_score_of_a_benchmark_in_a_run_is_no_arm_of_it(made, tmp_path):
    shutil.copytree(made / "cycle1", tmp_path / "cycle1")
    (tmp_path / "mvbench").mkdir()
    (tmp_path / "mvbench/eval.json").write_text('{"benchmark": "mvbench", "n": 3}')
    assert {row["cycle"] for row in build(tmp_path)[1]["records"]} == {"cycle 1"}


def test_the_budget_is_kept_and_the_sample_is_stratified(made):
    empty, data = build(made, most=0)
    full, _ = build(made)
    size = (len(empty) + len(full)) / 2e6
    text, data = build(made, megabytes=size)
    assert len(text.encode()) <= size * 1e6 and 0 < len(data["records"]) < 66
    with pytest.raises(StageError, match="raise it"):
        build(made, megabytes=0.001)
    _, data = build(made, most=24)
    strata = Counter((r["cycle"], r["kind"], r["verdict"], r["origin"]) for r in data["records"])
    assert (
        len(data["records"]) == 24
        and max(strata.values()) - min(strata.values()) <= 1
        and len(data["clips"]) < 3
    )


# ---------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """browse(address, flag, ...) -> (the page after its scripts ran, its console), by headless Chromium."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no chromium here (Debian: apt-get install chromium)")

    def load(address, *flags):
        profile = tmp_path_factory.mktemp("profile")
        done = subprocess.run(
            [
                program,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={profile}",
                "--enable-logging=stderr",
                "--virtual-time-budget=5000",
                "--dump-dom",
                *flags,
                address,
            ],
            capture_output=True,
            text=True,
            timeout=600,
        )
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return load


def cards(dom):
    """The texts of the answers shown."""
    return [
        html.unescape(re.sub(r"<[^>]+>", "", card))
        for card in re.findall(r"<article>.*?</article>", dom, re.S)
    ]


def test_in_a_browser_it_draws_itself_without_an_error_and_takes_its_filters_from_the_address(
    browse, page, tmp_path
):
    broken = tmp_path / "broken.html"
    broken.write_text("<script>nothing.here()</script>")
    assert browse(broken.as_uri())[1]  # an error would be seen
    dom, console = browse(page.as_uri())
    assert (
        console == []
        and len(cards(dom)) == 20
        and "Page 1 of 4" in dom
        and "<title>a &lt;b&gt;run · run report" in dom
    )
    assert dom.count("<svg") == dom.count("<polyline") == 6 + 3  # all questions and five kinds; three yields
    dom, console = browse(page.as_uri() + "#kind=number&verdict=correct&origin=direct")
    assert console == [] and len(cards(dom)) == 3 and "3 of 66 answers in the sample" in dom
    for card in cards(dom):
        assert (
            card.startswith("correct")
            and "<script>document.title = 'owned'</script>" in card
            and "✓ holds" in card
        )
    assert dom.count("<mark>4</mark>") == 3 and "<title>a &lt;b&gt;run" in dom and '<img src="x"' not in dom
    dom, console = browse(page.as_uri() + "#cycle=cycle+1&text=GIVEN+answer&page=9")
    assert console == [] and len(cards(dom)) == 3 and all("leaked" in card for card in cards(dom))


def test_in_a_browser_the_controls_filter_and_page(browse, page, tmp_path):
    driven = tmp_path / "driven.html"
    act = """<script>
      const change = (name, value) => {
        form.elements[name].value = value;
        form.elements[name].dispatchEvent(new Event(name === "text" ? "input" : "change"));
      };
      const said = [], steps = [
        () => change("verdict", "wrong"),
        () => change("origin", "direct"),
        () => change("text", "#place"),
        () => form.reset(),
        () => [...document.querySelectorAll("button")].find(b => b.textContent.startsWith("Next")).click(),
        () => document.querySelector("nav a").click(),
        () => document.querySelector("#rejected td a").click()];
      const next = () => {
        said.push(status.textContent + " | " + location.hash);
        if (steps.length) { steps.shift()(); setTimeout(next, 50); }
        else document.body.dataset.said = JSON.stringify(said);
      };
      next();
    </script>"""
    driven.write_text(page.read_text(encoding="utf-8").replace("</body>", act + "</body>"), encoding="utf-8")
    dom, console = browse(driven.as_uri())
    said = json.loads(html.unescape(re.search(r'data-said="(.*?)"', dom)[1]))
    wrong = sum(row[3][2] for row in data_of(page.read_text(encoding="utf-8"))["verdicts"])
    assert console == []
    assert said[:5] == [
        "66 of 66 answers in the sample, page 1 of 4 | ",
        f"{wrong} of 66 answers in the sample, page 1 of 2 | #verdict=wrong",
        "14 of 66 answers in the sample | #verdict=wrong&origin=direct",
        "3 of 66 answers in the sample | #verdict=wrong&origin=direct&text=%23place",
        "66 of 66 answers in the sample, page 1 of 4 | #all=1",
    ]
    assert said[5] == "66 of 66 answers in the sample, page 2 of 4 | #page=2"
    assert (
        said[6] == "66 of 66 answers in the sample, page 2 of 4 | #accuracy"
    )  # a link to a section leaves the answers as they are
    assert said[7].endswith("#verdict=wrong&text=said+another+value+than+the+label")


@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_the_page_never_scrolls_sideways(browse, page, tmp_path, width):
    frame = tmp_path / "frame.html"
    frame.write_text(f"""<iframe width="{width}" height="800" src="{page.as_uri()}#text=%23what"></iframe>
      <script>onload = () => {{
        const page = document.querySelector("iframe").contentDocument.documentElement;
        const cards = page.querySelectorAll("article").length;
        document.body.dataset.seen = page.clientWidth + " " + page.scrollWidth + " " + cards;
      }}</script>""")
    dom, _ = browse(frame.as_uri(), "--allow-file-access-from-files")
    visible, wide, shown = map(int, re.search(r'data-seen="(\d+) (\d+) (\d+)"', dom).groups())
    assert width - 20 <= visible <= width and wide == visible and shown == 15
