"""Killed, interrupted, crowded and damaged: the same command again must give what an undisturbed run gives,
or one clear error.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import LIMIT, ROOT, Fork, lines, ranks, sh, wait_for

from lib.tools.smoke import FLAGS


def answer_command(smoke, out, *more, script="02_generate.py"):
    source = smoke / "data/train.jsonl" if script.startswith("02") else smoke / "cycle1/generated.jsonl"
    return [
        sys.executable,
        script,
        str(source),
        "-o",
        str(out),
        "--model",
        str(smoke / "base"),
        "--max-new-tokens",
        "24",
        "--batch-size",
        "4",
        "--temperature",
        "0.7",
        *more,
    ]


def records_in(part):
    return part.read_bytes().count(b"\n") if part.exists() else 0


def start_and_stop(command, part, records, how=signal.SIGKILL):
    """Start a command, send it a signal once `part` holds that many records; returns the finished process."""
    process = Fork(command)
    wait_for(lambda: records_in(part) >= records, process)
    process.send_signal(how)
    return process.finish()


@pytest.mark.parametrize("script", ["02_generate.py", "03_rationalize.py"])
def test_killed_and_run_again_equals_undisturbed(smoke, tmp_path, script):
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    sh(*answer_command(smoke, whole, script=script))
    part, command = tmp_path / "torn.jsonl.part", answer_command(smoke, torn, script=script)
    for records in (1, 6, 11):
        killed = start_and_stop(command, part, records)
        assert killed.returncode == -signal.SIGKILL and not torn.exists()
        with open(part, "ab") as file:
            file.write(b'{"id": "torn in the mid')  # what a kill inside a write leaves behind
    done = sh(*command)
    assert "resuming: " in done.stdout
    assert (
        lines(torn) == lines(whole) and not part.exists() and not (tmp_path / "torn.jsonl.part.json").exists()
    )


def test_interrupted_says_how_to_go_on(smoke, tmp_path):
    # enough to do that it cannot end before the signal comes
    command = answer_command(smoke, tmp_path / "x.jsonl", "--samples", "16")
    done = start_and_stop(command, tmp_path / "x.jsonl.part", 4, signal.SIGINT)
    assert done.returncode == 130 and "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_interrupted_through_make(smoke, python, tmp_path):
    run = tmp_path / "run"
    for name in ("data", "base", "flags"):
        shutil.copytree(smoke / name, run / name)
    generate = "GENERATE=--samples 16 --temperature 0.7 --max-new-tokens 32 --batch-size 4"
    words = ["make", f"{run}/cycle1/generated.jsonl", *FLAGS, generate, f"RUN={run}", f"PY={python}"]
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    part = run / "cycle1/generated.jsonl.part"
    wait_for(lambda: records_in(part) >= 8, process)
    os.killpg(process.pid, signal.SIGINT)
    # make's own way to end, by its version
    assert process.wait(LIMIT) in (2, -signal.SIGINT, 130)
    assert not python.running  # make waits for what it has started
    assert part.exists() and not (run / "cycle1/generated.jsonl").exists()
    kept = part.read_bytes().count(b"\n")
    done = sh(*words)
    assert int(re.search(r"resuming: (\d+) of", done.stdout)[1]) >= min(kept, 8)
    assert len(lines(run / "cycle1/generated.jsonl")) == 16 * len(lines(run / "data/train.jsonl"))


def test_a_killed_finetune_goes_on_to_the_same_weights(smoke, kept, tmp_path):
    from safetensors.numpy import load_file

    command = [
        sys.executable,
        "05_finetune.py",
        str(kept),
        "--model",
        str(smoke / "base"),
        "--full",
        "--learning-rate",
        "5e-4",
        "--batch-size",
        "2",
        "--epochs",
        "4",
        "--save-every",
        "4",
    ]
    whole = tmp_path / "whole"
    sh(*command, "-o", whole)
    steps = json.loads((tmp_path / "whole.meta.json").read_text())["steps"]
    assert steps == 64
    torn, saved = tmp_path / "torn", tmp_path / "torn.part" / "state.pt"
    resumed = 0
    for _ in range(3):
        seen = saved.stat().st_mtime_ns if saved.exists() else 0
        process = Fork([*command, "-o", str(torn)])
        wait_for(lambda seen=seen: saved.exists() and saved.stat().st_mtime_ns > seen, process)
        process.send_signal(signal.SIGKILL)
        resumed += "resuming after step" in process.finish().stdout
        assert not torn.exists()
    sh(*command, "-o", torn)
    assert resumed == 2  # the second and the third attempt found the state of the one before
    a, b = (load_file(folder / "model.safetensors") for folder in (whole, torn))
    assert a.keys() == b.keys() and all((a[k] == b[k]).all() for k in a)
    assert (
        json.loads((tmp_path / "torn.meta.json").read_text())["losses"]
        == json.loads((tmp_path / "whole.meta.json").read_text())["losses"]
    )


def test_the_second_writer_is_turned_away(smoke, tmp_path):
    out = tmp_path / "x.jsonl"
    first = Fork(answer_command(smoke, out))
    # the lock is taken before settings are noted; the first is then held until the second has tried
    note = tmp_path / "x.jsonl.part.json"
    wait_for(lambda: note.exists() and note.stat().st_size, first)
    first.send_signal(signal.SIGSTOP)
    second = sh(*answer_command(smoke, out), check=False)
    assert second.returncode == 1 and "another process is writing it" in second.stderr
    first.send_signal(signal.SIGCONT)
    assert first.wait() == 0 and len(lines(out)) == len(lines(smoke / "data/train.jsonl"))


def test_other_settings_than_the_part_are_refused_and_both_are_shown(smoke, tmp_path):
    out, part = tmp_path / "x.jsonl", tmp_path / "x.jsonl.part"
    start_and_stop(answer_command(smoke, out), part, 4)
    before = part.read_bytes()
    other = answer_command(smoke, out)
    other[other.index("0.7")] = "0.9"
    done = sh(*other, check=False)
    assert (
        done.returncode == 1
        and "temperature: then 0.7, now 0.9" in done.stderr
        and part.read_bytes() == before
    )
    sh(*answer_command(smoke, out))
    done = sh(*other, check=False)
    assert (
        done.returncode == 1
        and "temperature: then 0.7, now 0.9" in done.stderr
        and "--overwrite" in done.stderr
    )
    sh(*other, "--overwrite")
    assert json.loads((tmp_path / "x.jsonl.meta.json").read_text())["settings"]["temperature"] == 0.9


def small_disk(folder):
    """Mount a 64 KiB disk there; skips where this user may not."""
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True
    ).returncode:
        pytest.skip("may not mount a small disk here (needs root)")


def test_a_full_disk_is_one_clear_error_and_loses_nothing(smoke, tmp_path):
    disk = tmp_path / "disk"
    small_disk(disk)
    try:
        out = disk / "x.jsonl"
        (disk / "ballast").write_bytes(b"x" * 52 * 1024)
        done = sh(*answer_command(smoke, out, "--samples", "2"), check=False)
        assert (
            done.returncode == 1
            and "No space left on device" in done.stderr
            and "free some space" in done.stderr
            and "Traceback" not in done.stderr
        )
        assert not out.exists() and (disk / "x.jsonl.part").exists()
        kept = (disk / "x.jsonl.part").read_bytes().count(b"\n")
        (disk / "ballast").unlink()
        done = sh(*answer_command(smoke, out, "--samples", "2"))
        assert (
            kept > 0
            and f"resuming: {kept} of" in done.stdout
            and len(lines(out)) == 2 * len(lines(smoke / "data/train.jsonl"))
        )
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_size_limit_is_a_clear_error_too(smoke, tmp_path):
    process = Fork(answer_command(smoke, tmp_path / "x.jsonl"))
    # long before it has loaded a model and writes; Python ignores the signal that comes with the error
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (6000, 6000))
    done = process.finish()
    assert done.returncode == 1 and "File too large" in done.stderr and "Traceback" not in done.stderr
    sh(*answer_command(smoke, tmp_path / "x.jsonl"))
    assert len(lines(tmp_path / "x.jsonl")) == len(lines(smoke / "data/train.jsonl"))


LABEL = '"labels": [{"name": "a", "kind": "%s", "value": %s}]'


@pytest.mark.parametrize(
    "damage,said",
    [
        (lambda b: b[:-40], "LAST: the last line has no line end"),
        (lambda b: b + b'{"id": \n', "NEXT: not JSON"),
        (lambda b: b + b.split(b"\n")[2] + b"\n", "NEXT: duplicate id .* first on line 3"),
        (lambda b: b + b"\xff\xfe\n", "NEXT: not JSON"),
        (
            lambda b: b + b'{"id": "x", "video": "v.mp4", "question": "q", "labels": []}\n',
            r"NEXT: labels is \[\]",
        ),
        (
            lambda b: (
                b
                + (
                    '{"id": "x", "video": "v.mp4", "question": "q", %s}\n' % (LABEL % ("clas", '"b"'))
                ).encode()
            ),
            "NEXT: label 'a': kind 'clas', expected one of class",
        ),
        (
            lambda b: (
                b
                + (
                    '{"id": "x", "video": "v.mp4", "question": "q", %s}\n' % (LABEL % ("interval", "[5, 2]"))
                ).encode()
            ),
            r"NEXT: label 'a': value \[5, 2\], expected \[start, end\]",
        ),
        (
            lambda b: (
                b
                + (
                    '{"id": "x", "video": "v.mp4", "question": "q", %s}\n'
                    % (LABEL % ("box", "[10, 10, 50, 50]"))
                ).encode()
            ),
            "NEXT: label 'a': value .* as fractions",
        ),
        (lambda b: b"", "train.jsonl: no records"),
    ],
)
def test_a_damaged_input_is_named_by_line_before_the_model_is_loaded(smoke, tmp_path, damage, said):
    bad, good = tmp_path / "train.jsonl", (smoke / "data/train.jsonl").read_bytes()
    bad.write_bytes(damage(good))
    count = good.count(b"\n")
    done = sh("02_generate.py", bad, "-o", tmp_path / "x.jsonl", "--model", smoke / "base", check=False)
    expected = said.replace("LAST", f"train.jsonl:{count}").replace("NEXT", f"train.jsonl:{count + 1}")
    assert done.returncode == 1 and re.search(expected, done.stderr) and "Traceback" not in done.stderr, (
        done.stderr
    )
    assert not (tmp_path / "x.jsonl").exists()


def test_unicode_line_separators_inside_an_answer_do_not_split_it(tmp_path):
    from lib.records import line_of, read_jsonl

    path = tmp_path / "x.jsonl"
    path.write_bytes(line_of({"answer": "a\u2028b\u0085c\nd\ud800"}))
    assert [r["answer"] for _, r in read_jsonl(path)] == ["a\u2028b\u0085c\nd\ud800"]


def test_a_bad_video_costs_one_record_and_too_many_end_the_stage(smoke, tmp_path):
    shutil.copytree(smoke / "data", tmp_path / "data")
    videos = sorted((tmp_path / "data/videos").glob("train*.mp4"))
    videos[0].write_bytes(b"")
    (videos[1]).write_bytes(videos[1].read_bytes()[:300])
    out = tmp_path / "x.jsonl"
    command = [
        "02_generate.py",
        tmp_path / "data/train.jsonl",
        "-o",
        out,
        "--model",
        smoke / "base",
        "--max-new-tokens",
        "24",
        "--batch-size",
        "8",
    ]
    done = sh(*command, check=False)
    assert (
        done.returncode == 1
        and "more than --max-failures 0.02 allows" in done.stderr
        and not out.exists()
        and (tmp_path / "x.jsonl.part").exists()
    )
    done = sh(*command, "--max-failures", "4")
    records, questions = lines(out), lines(smoke / "data/train.jsonl")
    failed = [r for r in records if "error" in r]
    spoilt = sum(q["video"].endswith((videos[0].name, videos[1].name)) for q in questions)
    assert len(records) == len(questions) and len(failed) == spoilt and f"{spoilt} failed" in done.stdout
    assert all(
        videos[int(r["video"].endswith(videos[1].name))].name in r["error"] and "answer" not in r
        for r in failed
    )
    sh("04_verify.py", out, "-o", tmp_path / "v.jsonl", "--max-failures", "4")
    assert sum(r["verdict"] == "error" for r in lines(tmp_path / "v.jsonl")) == spoilt


def finished(processes):
    """Wait for the processes of a launch; AssertionError with what they said where one failed."""
    for done in [process.finish() for process in processes]:
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("script", ["02_generate.py", "03_rationalize.py"])
def test_two_processes_give_the_records_of_one(smoke, tmp_path, script):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    sh(*answer_command(smoke, one, script=script))
    finished(ranks(answer_command(smoke, two, script=script)[1:]))
    assert (
        lines(two) == lines(one)
        and json.loads((tmp_path / "two.jsonl.meta.json").read_text())["processes"] == 2
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "one.jsonl",
        "one.jsonl.meta.json",
        "two.jsonl",
        "two.jsonl.meta.json",
    ]


def test_two_processes_train_as_one(smoke, kept, tmp_path):
    command = [
        "05_finetune.py",
        str(kept),
        "--model",
        str(smoke / "base"),
        "--full",
        "--learning-rate",
        "5e-4",
    ]
    sh(*command, "--batch-size", "4", "-o", tmp_path / "one")
    finished(ranks([*command, "--batch-size", "2", "-o", tmp_path / "two"]))
    one, two = (json.loads((tmp_path / f"{name}.meta.json").read_text())["losses"] for name in ("one", "two"))
    assert len(one) == len(two) and one == pytest.approx(two, rel=1e-3)


@pytest.mark.parametrize("limit, batch", [("1", "1"), ("5", "2")])
def test_a_process_without_rows_in_the_last_step_waits_for_the_others(smoke, kept, tmp_path, limit, batch):
    """One row alone, in the first step; the fifth of five, in the second."""
    command = ["05_finetune.py", str(kept), "--model", str(smoke / "base"), "--full", "--pairs", "reasoning"]
    command += ["--learning-rate", "5e-4", "--epochs", "2", "--limit", limit]
    sh(*command, "--batch-size", str(2 * int(batch)), "-o", tmp_path / "one")
    finished(ranks([*command, "--batch-size", batch, "-o", tmp_path / "two"]))
    one, two = (json.loads((tmp_path / f"{name}.meta.json").read_text()) for name in ("one", "two"))
    assert one["losses"] == pytest.approx(two["losses"], rel=1e-3) and one["speed"]["rows"] == 2 * int(limit)


def test_two_processes_evaluate_as_one(smoke, tmp_path):
    command = [
        "06_eval.py",
        str(smoke / "data/test.jsonl"),
        "--model",
        str(smoke / "base"),
        "--max-new-tokens",
        "48",
        "--batch-size",
        "4",
    ]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    sh(*command, "-o", tmp_path / "one/eval.json")
    finished(ranks([*command, "-o", tmp_path / "two/eval.json"]))
    assert lines(tmp_path / "one/predictions.jsonl") == lines(tmp_path / "two/predictions.jsonl")
    one, two = (json.loads((tmp_path / name / "eval.json").read_text()) for name in ("one", "two"))
    assert one["all"] == two["all"] and one["kinds"] == two["kinds"]


def test_a_video_lost_before_training_is_left_out_loudly_or_ends_it(smoke, kept, tmp_path):
    rows = lines(kept)
    rows[3]["video"] = str(tmp_path / "gone.mp4")
    kept.write_text("".join(json.dumps(r) + "\n" for r in rows))
    command = [
        "05_finetune.py",
        kept,
        "--model",
        smoke / "base",
        "--full",
        "--batch-size",
        "8",
        "--pairs",
        "reasoning",
        "-o",
        tmp_path / "model",
    ]
    done = sh(*command, check=False)
    assert (
        done.returncode == 1
        and "more than --max-failures 0.02" in done.stderr
        and not (tmp_path / "model").exists()
    )
    done = sh(*command, "--max-failures", "1")
    assert f"left out: {rows[3]['id']}: " in done.stdout and (tmp_path / "model/DONE").exists()


def test_nothing_kept_is_said_and_gives_the_base_unchanged(smoke, kept, tmp_path):
    from safetensors.numpy import load_file

    kept.write_text("".join(json.dumps({**r, "keep": False}) + "\n" for r in lines(kept)))
    done = sh("05_finetune.py", kept, "--model", smoke / "base", "-o", tmp_path / "model")
    assert "WARNING" in done.stdout and "unchanged" in done.stdout
    a, b = (load_file(folder / "model.safetensors") for folder in (smoke / "base", tmp_path / "model"))
    assert a.keys() == b.keys() and all((a[k] == b[k]).all() for k in a)


def test_a_frame_cache_changes_no_answer_and_serves_later_stages(smoke, tmp_path):
    """Frames are decoded once for 02 and 06; later ones come from the cache, as altered clips there show."""
    asked, cache = smoke / "data/train.jsonl", tmp_path / "frames"
    for name, more in (
        ("plain", []),
        ("cached", ["--frame-cache", f"{cache},1"]),
        ("again", ["--frame-cache", cache]),
    ):
        sh(*answer_command(smoke, tmp_path / f"{name}.jsonl", "--limit", "12", *more))
    rows = lines(tmp_path / "plain.jsonl")
    clips = {(row["video"], row.get("start"), row.get("end")) for row in rows}
    assert rows == lines(tmp_path / "cached.jsonl") == lines(tmp_path / "again.jsonl") and len(
        list(cache.glob("*.npz"))
    ) == len(clips)
    sh(
        "06_eval.py",
        asked,
        "-o",
        tmp_path / "eval.json",
        "--model",
        smoke / "base",
        "--max-new-tokens",
        "8",
        "--limit",
        "12",
        "--frame-cache",
        cache,
    )
    assert len(list(cache.glob("*.npz"))) == len(clips)
    for file in cache.glob("*.npz"):
        with np.load(file) as stored:
            frames, meta = stored["frames"], str(stored["meta"])
        np.savez(file, frames=255 - frames, meta=meta)
    sh(*answer_command(smoke, tmp_path / "altered.jsonl", "--limit", "12", "--frame-cache", cache))
    assert [row["answer"] for row in lines(tmp_path / "altered.jsonl")] != [row["answer"] for row in rows]
    refused = sh(*answer_command(smoke, tmp_path / "x.jsonl", "--frame-cache", f"{cache},0"), check=False)
    assert (
        refused.returncode == 2 and "DIR,GIB" in refused.stderr and not (tmp_path / "x.jsonl.part").exists()
    )
