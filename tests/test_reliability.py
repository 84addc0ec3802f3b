"""Killed, interrupted, crowded and damaged: the same command again must give what an undisturbed run gives, or one clear error."""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from conftest import ROOT, lines, sh


def answer_command(smoke, out, *more, script="02_generate.py"):
    source = smoke / "data/train.jsonl" if script.startswith("02") else smoke / "cycle1/generated.jsonl"
    return [sys.executable, script, str(source), "-o", str(out), "--model", str(smoke / "base"), "--max-new-tokens", "40", "--batch-size", "4", "--temperature", "0.7", *more]


def start_and_stop(command, part, records, how=signal.SIGKILL):
    """Start a command, send it a signal once `part` holds that many records, return its exit code and what it said on stderr."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 120
    while process.poll() is None and time.time() < deadline:
        if part.exists() and part.read_bytes().count(b"\n") >= records:
            process.send_signal(how)
            break
        time.sleep(0.005)
    return process.wait(60), process.stderr.read()


@pytest.mark.parametrize("script", ["02_generate.py", "03_rationalize.py"])
def test_killed_and_run_again_equals_undisturbed(smoke, tmp_path, script):
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    sh(*answer_command(smoke, whole, script=script))
    part, command = tmp_path / "torn.jsonl.part", answer_command(smoke, torn, script=script)
    for records in (1, 6, 11):
        code, _ = start_and_stop(command, part, records)
        assert code == -signal.SIGKILL and not torn.exists()
        with open(part, "ab") as file:
            file.write(b'{"id": "torn in the mid')  # what a kill inside a write leaves behind
    done = sh(*command)
    assert "resuming: " in done.stdout
    assert lines(torn) == lines(whole) and not part.exists() and not (tmp_path / "torn.jsonl.part.json").exists()


def test_interrupted_says_how_to_go_on(smoke, tmp_path):
    command = answer_command(smoke, tmp_path / "x.jsonl", "--samples", "8")  # enough to do that it cannot end before the signal comes
    code, said = start_and_stop(command, tmp_path / "x.jsonl.part", 4, signal.SIGINT)
    assert code == 130 and "run the same command again" in said and "Traceback" not in said


def test_interrupted_through_make(smoke, tmp_path):
    run = tmp_path / "run"
    for name in ("data", "base", "flags"):
        shutil.copytree(smoke / name, run / name)
    words = ["make", "cycle", "N=1", f"RUN={run}", f"PY={sys.executable}", "PRETRAIN=--steps 60 --clips 10", "PREPARE=--clips 12", "GENERATE=--samples 8 --temperature 0.7 --max-new-tokens 48 --batch-size 4"]
    words += ["FINETUNE=--full --learning-rate 5e-4 --batch-size 16", "EVALUATE=--max-new-tokens 48 --batch-size 48", f"MODEL={run}/base"]
    words = ["make", f"{run}/cycle1/generated.jsonl", *words[2:]]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    part, deadline = run / "cycle1/generated.jsonl.part", time.time() + 120
    while process.poll() is None and time.time() < deadline and not (part.exists() and part.read_bytes().count(b"\n") >= 8):
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) in (2, -signal.SIGINT, 130)  # make's own way to end, by its version
    assert part.exists() and not (run / "cycle1/generated.jsonl").exists()
    kept = part.read_bytes().count(b"\n")
    done = sh(*words)
    assert int(re.search(r"resuming: (\d+) of", done.stdout)[1]) >= min(kept, 8)
    assert len(lines(run / "cycle1/generated.jsonl")) == 8 * len(lines(run / "data/train.jsonl"))


def test_a_killed_finetune_goes_on_to_the_same_weights(smoke, kept, tmp_path):
    from safetensors.numpy import load_file
    command = [sys.executable, "05_finetune.py", str(kept), "--model", str(smoke / "base"), "--full", "--learning-rate", "5e-4",
               "--batch-size", "2", "--epochs", "4", "--save-every", "4"]
    whole = tmp_path / "whole"
    sh(*command, "-o", whole)
    steps = json.loads((tmp_path / "whole.meta.json").read_text())["steps"]
    assert steps == 64
    torn, saved = tmp_path / "torn", tmp_path / "torn.part" / "state.pt"
    resumed = 0
    for attempt in range(3):
        process = subprocess.Popen([*command, "-o", str(torn)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        seen, deadline = saved.stat().st_mtime_ns if saved.exists() else 0, time.time() + 120
        while process.poll() is None and time.time() < deadline and not (saved.exists() and saved.stat().st_mtime_ns > seen):
            time.sleep(0.002)
        process.kill()
        resumed += "resuming after step" in process.communicate()[0]
        assert not torn.exists()
    sh(*command, "-o", torn)
    assert resumed == 2  # the second and the third attempt found the state of the one before
    a, b = (load_file(folder / "model.safetensors") for folder in (whole, torn))
    assert a.keys() == b.keys() and all((a[k] == b[k]).all() for k in a)
    assert json.loads((tmp_path / "torn.meta.json").read_text())["losses"] == json.loads((tmp_path / "whole.meta.json").read_text())["losses"]


def test_the_second_writer_is_turned_away(smoke, tmp_path):
    out = tmp_path / "x.jsonl"
    first = subprocess.Popen(answer_command(smoke, out), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "x.jsonl.part.json").exists():
        time.sleep(0.01)
    time.sleep(0.2)
    second = sh(*answer_command(smoke, out), check=False)
    assert second.returncode == 1 and "another process is writing it" in second.stderr
    assert first.wait(120) == 0 and len(lines(out)) == len(lines(smoke / "data/train.jsonl"))


def test_other_settings_than_the_part_are_refused_and_both_are_shown(smoke, tmp_path):
    out, part = tmp_path / "x.jsonl", tmp_path / "x.jsonl.part"
    start_and_stop(answer_command(smoke, out), part, 4)
    before = part.read_bytes()
    other = answer_command(smoke, out)
    other[other.index("0.7")] = "0.9"
    done = sh(*other, check=False)
    assert done.returncode == 1 and "temperature: then 0.7, now 0.9" in done.stderr and part.read_bytes() == before
    sh(*answer_command(smoke, out))
    done = sh(*other, check=False)
    assert done.returncode == 1 and "temperature: then 0.7, now 0.9" in done.stderr and "--overwrite" in done.stderr
    sh(*other, "--overwrite")
    assert json.loads((tmp_path / "x.jsonl.meta.json").read_text())["settings"]["temperature"] == 0.9


def small_disk(folder):
    """Mount a 64 KiB disk there; skips where this user may not."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("may not mount a small disk here (needs root)")


def test_a_full_disk_is_one_clear_error_and_loses_nothing(smoke, tmp_path):
    disk = tmp_path / "disk"
    small_disk(disk)
    try:
        out = disk / "x.jsonl"
        (disk / "ballast").write_bytes(b"x" * 52 * 1024)
        done = sh(*answer_command(smoke, out, "--samples", "2"), check=False)
        assert done.returncode == 1 and "No space left on device" in done.stderr and "free some space" in done.stderr and "Traceback" not in done.stderr
        assert not out.exists() and (disk / "x.jsonl.part").exists()
        kept = (disk / "x.jsonl.part").read_bytes().count(b"\n")
        (disk / "ballast").unlink()
        done = sh(*answer_command(smoke, out, "--samples", "2"))
        assert kept > 0 and f"resuming: {kept} of" in done.stdout and len(lines(out)) == 2 * len(lines(smoke / "data/train.jsonl"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_size_limit_is_a_clear_error_too(smoke, tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
    done = sh(*answer_command(smoke, tmp_path / "x.jsonl"), check=False, preexec_fn=limit)
    assert done.returncode == 1 and "File too large" in done.stderr and "Traceback" not in done.stderr
    sh(*answer_command(smoke, tmp_path / "x.jsonl"))
    assert len(lines(tmp_path / "x.jsonl")) == len(lines(smoke / "data/train.jsonl"))


LABEL = '"labels": [{"name": "a", "kind": "%s", "value": %s}]'


@pytest.mark.parametrize("damage,said", [
    (lambda b: b[:-40], "LAST: the last line has no line end"),
    (lambda b: b + b'{"id": \n', "NEXT: not JSON"),
    (lambda b: b + b.split(b"\n")[2] + b"\n", "NEXT: duplicate id .* first on line 3"),
    (lambda b: b + b"\xff\xfe\n", "NEXT: not JSON"),
    (lambda b: b + b'{"id": "x", "video": "v.mp4", "question": "q", "labels": []}\n', r"NEXT: labels is \[\]"),
    (lambda b: b + ('{"id": "x", "video": "v.mp4", "question": "q", %s}\n' % (LABEL % ("clas", '"b"'))).encode(), "NEXT: label 'a': kind 'clas', expected one of class"),
    (lambda b: b + ('{"id": "x", "video": "v.mp4", "question": "q", %s}\n' % (LABEL % ("interval", "[5, 2]"))).encode(), r"NEXT: label 'a': value \[5, 2\], expected \[start, end\]"),
    (lambda b: b + ('{"id": "x", "video": "v.mp4", "question": "q", %s}\n' % (LABEL % ("box", "[10, 10, 50, 50]"))).encode(), "NEXT: label 'a': value .* as fractions"),
    (lambda b: b"", "train.jsonl: no records"),
])
def test_a_damaged_input_is_named_by_line_before_the_model_is_loaded(smoke, tmp_path, damage, said):
    bad, good = tmp_path / "train.jsonl", (smoke / "data/train.jsonl").read_bytes()
    bad.write_bytes(damage(good))
    count = good.count(b"\n")
    done = sh("02_generate.py", bad, "-o", tmp_path / "x.jsonl", "--model", smoke / "base", check=False)
    expected = said.replace("LAST", f"train.jsonl:{count}").replace("NEXT", f"train.jsonl:{count + 1}")
    assert done.returncode == 1 and re.search(expected, done.stderr) and "Traceback" not in done.stderr, done.stderr
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
    command = ["02_generate.py", tmp_path / "data/train.jsonl", "-o", out, "--model", smoke / "base", "--max-new-tokens", "24", "--batch-size", "8"]
    done = sh(*command, check=False)
    assert done.returncode == 1 and "more than --max-failures 0.02 allows" in done.stderr and not out.exists() and (tmp_path / "x.jsonl.part").exists()
    done = sh(*command, "--max-failures", "4")
    records, questions = lines(out), lines(smoke / "data/train.jsonl")
    failed = [r for r in records if "error" in r]
    spoilt = sum(q["video"].endswith((videos[0].name, videos[1].name)) for q in questions)
    assert len(records) == len(questions) and len(failed) == spoilt and f"{spoilt} failed" in done.stdout
    assert all(videos[int(r["video"].endswith(videos[1].name))].name in r["error"] and "answer" not in r for r in failed)
    sh("04_verify.py", out, "-o", tmp_path / "v.jsonl", "--max-failures", "4")
    assert sum(r["verdict"] == "error" for r in lines(tmp_path / "v.jsonl")) == spoilt


@pytest.mark.parametrize("script", ["02_generate.py", "03_rationalize.py"])
def test_two_processes_give_the_records_of_one(smoke, tmp_path, script):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    sh(*answer_command(smoke, one, script=script))
    launched = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29613", *answer_command(smoke, two, script=script)[1:]]
    sh(*launched)
    assert lines(two) == lines(one) and json.loads((tmp_path / "two.jsonl.meta.json").read_text())["processes"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.jsonl", "one.jsonl.meta.json", "two.jsonl", "two.jsonl.meta.json"]


def test_two_processes_train_as_one(smoke, kept, tmp_path):
    command = ["05_finetune.py", str(kept), "--model", str(smoke / "base"), "--full", "--learning-rate", "5e-4"]
    sh(*command, "--batch-size", "4", "-o", tmp_path / "one")
    sh(sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29614", *command, "--batch-size", "2", "-o", str(tmp_path / "two"))
    one, two = (json.loads((tmp_path / f"{name}.meta.json").read_text())["losses"] for name in ("one", "two"))
    assert len(one) == len(two) and one == pytest.approx(two, rel=1e-3)


def test_two_processes_evaluate_as_one(smoke, tmp_path):
    command = ["06_eval.py", str(smoke / "data/test.jsonl"), "--model", str(smoke / "base"), "--max-new-tokens", "48", "--batch-size", "4"]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    sh(*command, "-o", tmp_path / "one/eval.json")
    sh(sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29615", *command, "-o", str(tmp_path / "two/eval.json"))
    assert lines(tmp_path / "one/predictions.jsonl") == lines(tmp_path / "two/predictions.jsonl")
    one, two = (json.loads((tmp_path / name / "eval.json").read_text()) for name in ("one", "two"))
    assert one["all"] == two["all"] and one["kinds"] == two["kinds"]


def test_a_video_lost_before_training_is_left_out_loudly_or_ends_it(smoke, kept, tmp_path):
    rows = lines(kept)
    rows[3]["video"] = str(tmp_path / "gone.mp4")
    kept.write_text("".join(json.dumps(r) + "\n" for r in rows))
    command = ["05_finetune.py", kept, "--model", smoke / "base", "--full", "--batch-size", "8", "--pairs", "reasoning", "-o", tmp_path / "model"]
    done = sh(*command, check=False)
    assert done.returncode == 1 and "more than --max-failures 0.02" in done.stderr and not (tmp_path / "model").exists()
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
    """Frames are decoded once for 02 and 06; what comes from the cache is read from it, as one altered clip there shows."""
    asked, cache = smoke / "data/train.jsonl", tmp_path / "frames"
    for name, more in (("plain", []), ("cached", ["--frame-cache", f"{cache},1"]), ("again", ["--frame-cache", cache])):
        sh(*answer_command(smoke, tmp_path / f"{name}.jsonl", "--limit", "12", *more))
    rows = lines(tmp_path / "plain.jsonl")
    clips = {(row["video"], row.get("start"), row.get("end")) for row in rows}
    assert rows == lines(tmp_path / "cached.jsonl") == lines(tmp_path / "again.jsonl") and len(list(cache.glob("*.npz"))) == len(clips)
    sh("06_eval.py", asked, "-o", tmp_path / "eval.json", "--model", smoke / "base", "--max-new-tokens", "8", "--limit", "12", "--frame-cache", cache)
    assert len(list(cache.glob("*.npz"))) == len(clips)
    for file in cache.glob("*.npz"):
        with np.load(file) as stored:
            frames, meta = stored["frames"], str(stored["meta"])
        np.savez(file, frames=255 - frames, meta=meta)
    sh(*answer_command(smoke, tmp_path / "altered.jsonl", "--limit", "12", "--frame-cache", cache))
    assert [row["answer"] for row in lines(tmp_path / "altered.jsonl")] != [row["answer"] for row in rows]
    refused = sh(*answer_command(smoke, tmp_path / "x.jsonl", "--frame-cache", f"{cache},0"), check=False)
    assert refused.returncode == 2 and "DIR,GIB" in refused.stderr and not (tmp_path / "x.jsonl.part").exists()
