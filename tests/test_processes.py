"""Several processes: a killed one costs nothing finished, two nodes are as one, and weights shared out
(FSDP) train as whole ones.

Two processes on a CPU talk through gloo where GPUs use NCCL. Where a launch has several things to check this
file is itself what it starts: `torchrun tests/test_processes.py commands.json` runs stages one after the
other in the same processes, whose imports cost more than all steps.
"""

import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import LIMIT, ROOT, free_port, lines, ranks, sh, wait_for
from families import build
from test_families import questions

__all__ = ["questions"]  # a fixture

pytestmark = pytest.mark.slow
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
TWO = [*TORCHRUN, "--standalone", "--nproc_per_node", "2"]


def main_of(script, *words):
    """Run a stage in this process, which may be one of several; raises what the stage raises."""
    sys.argv = [str(ROOT / script), *map(str, words)]
    environment = dict(os.environ)
    try:
        runpy.run_path(sys.argv[0], run_name="stage")["main"]()
    finally:
        os.environ.update(environment)  # 05 takes the wish for FSDP out of it


def several(launch, folder, commands, **environment):
    """Start processes that run these commands one after the other; returns the Popen."""
    path = folder / "commands.json"
    path.write_text(json.dumps([[str(word) for word in words] for words in commands]))
    return subprocess.Popen(
        [*launch, __file__, str(path)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(process):
    """What a started command printed. Raises AssertionError with it where it failed."""
    said = process.communicate(timeout=LIMIT)[0]
    assert process.returncode == 0, said[-5000:]
    return said


def fsdp_launch(folder):
    """accelerate's launch of two processes by the fsdp.yaml of its README."""
    config = folder / "fsdp.yaml"
    config.write_text(
        re.search(r"```yaml\n# fsdp.yaml\n(.*?)```", (ROOT / "lib/training/README.md").read_text(), re.S)[1]
    )
    return [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--config_file",
        str(config),
        "--num_processes",
        "2",
        "--main_process_port",
        str(free_port()),
    ]


def ranks_of(launcher):
    """{rank: process id} of a launcher's processes."""
    found = {}
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        found.update({int(entry[5:]): int(child) for entry in environment if entry.startswith(b"RANK=")})
    return found


# answers


def generate_words(smoke, folder):
    return [
        "02_generate.py",
        str(smoke / "data/train.jsonl"),
        "-o",
        str(folder / "generated.jsonl"),
        "--model",
        str(smoke / "base"),
        "--samples",
        "8",
        "--temperature",
        "0.7",
        "--max-new-tokens",
        "40",
        "--batch-size",
        "4",
    ]


@pytest.fixture(scope="module")
def undisturbed(smoke, tmp_path_factory):
    """The bytes that one process writes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    sh(*generate_words(smoke, folder))
    return (folder / "generated.jsonl").read_bytes()


def halfway(folder):
    parts = [folder / f"generated.jsonl.part.{rank}of2" for rank in (0, 1)]
    return lambda: all(part.exists() and part.read_bytes().count(b"\n") >= 8 for part in parts)


def test_a_rank_killed_under_torchrun_costs_nothing_finished(smoke, undisturbed, tmp_path, tmp_path_factory):
    two, one = (
        tmp_path,
        tmp_path_factory.mktemp("fewer"),
    )  # of one depth, as records name their videos from where they lie
    process = subprocess.Popen(
        [*TWO, *generate_words(smoke, two)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(halfway(two), process)
    started = ranks_of(process.pid)
    os.kill(started[1], signal.SIGKILL)
    process.communicate(timeout=LIMIT)
    assert process.returncode == 1 and not any(Path(f"/proc/{rank}").exists() for rank in started.values())
    assert sorted(p.name for p in two.iterdir()) == [
        f"generated.jsonl.part{end}" for end in (".0of2", ".1of2", ".json")
    ]
    parts = [two / f"generated.jsonl.part.{rank}of2" for rank in (0, 1)]
    whole = set(undisturbed.splitlines(True))
    kept = [[line for line in part.read_bytes().splitlines(True) if line.endswith(b"\n")] for part in parts]
    assert all(len(part) >= 8 for part in kept) and set(sum(kept, [])) <= whole
    parts[1].write_bytes(
        b"".join(kept[1]) + b'{"id": "torn in the mid'
    )  # what a kill inside a write leaves behind
    shutil.copytree(two, one, dirs_exist_ok=True)
    for folder, launch in (
        (two, fsdp_launch(tmp_path_factory.mktemp("config"))),
        (one, [sys.executable]),
    ):  # with as many processes, started by a config meant for 05, and with fewer
        done = sh(*launch, *generate_words(smoke, folder))
        resumed = map(int, re.findall(r"resuming: (\d+) of", done.stdout))  # each process says its own
        assert sum(resumed) == len(sum(kept, []))
        assert (folder / "generated.jsonl").read_bytes() == undisturbed
        assert sorted(p.name for p in folder.iterdir()) == ["generated.jsonl", "generated.jsonl.meta.json"]


def test_a_rank_that_dies_without_a_launcher_ends_the_others_and_more_processes_go_on(
    smoke, undisturbed, tmp_path
):
    first, second = ranks(generate_words(smoke, tmp_path))  # as srun may start them, one by one
    wait_for(halfway(tmp_path), first)
    second.send_signal(signal.SIGKILL)
    done = first.finish()
    assert (
        second.wait() == -signal.SIGKILL
        and done.returncode == 1
        and "another process of this launch has ended" in done.stderr
        and "Traceback" not in done.stderr
    )
    assert not (tmp_path / "generated.jsonl").exists()
    three = [process.finish() for process in ranks(generate_words(smoke, tmp_path), 3)]
    assert [done.returncode for done in three] == [0, 0, 0], three
    assert any("resuming: " in done.stdout for done in three)
    assert (tmp_path / "generated.jsonl").read_bytes() == undisturbed


def test_two_nodes_are_as_one(smoke, kept, undisturbed, tmp_path):
    finetune = [
        "05_finetune.py",
        kept,
        "--model",
        smoke / "base",
        "--full",
        "--learning-rate",
        "5e-4",
        "--steps",
        "6",
    ]
    nodes, meeting = [], f"localhost:{free_port()}"
    for node in "01":
        (tmp_path / node).mkdir()
        launch = [
            *TORCHRUN,
            "--nnodes",
            "2",
            "--node_rank",
            node,
            "--nproc_per_node",
            "1",
            "--rdzv_backend",
            "c10d",
            "--rdzv_endpoint",
            meeting,
            "--rdzv_id",
            "nodes",
            "--local_addr",
            "localhost",
        ]
        nodes.append(
            several(
                launch,
                tmp_path / node,
                [generate_words(smoke, tmp_path), [*finetune, "--batch-size", "2", "-o", tmp_path / "two"]],
            )
        )
    for node in nodes:
        finished(node)
    assert (tmp_path / "generated.jsonl").read_bytes() == undisturbed and json.loads(
        (tmp_path / "generated.jsonl.meta.json").read_text()
    )["processes"] == 2
    main_of(*finetune, "--batch-size", "4", "-o", tmp_path / "one")
    assert_trained_alike(tmp_path / "one", tmp_path / "two", smoke / "base")


# weights shared out


def assert_trained_alike(one, other, base):
    """Two checkpoints of the same losses and weights.

    Losses agree to 1e-4, and weights, in float32 (16 bits would round to either neighbour), to a twentieth of
    how far training moved them, both as distances over all weights.
    """
    from safetensors.torch import load_file

    first, second = (json.loads(Path(f"{folder}.meta.json").read_text())["losses"] for folder in (one, other))
    assert len(first) == len(second) > 2 and first == pytest.approx(second, rel=1e-4, abs=1e-4), (one, other)
    a, b, before = (load_file(folder / "model.safetensors") for folder in (one, other, base))
    assert a.keys() == b.keys() == before.keys()
    assert sorted(p.name for p in one.iterdir()) == sorted(p.name for p in other.iterdir())
    moved = apart = 0.0
    for name, weight in a.items():
        assert weight.dtype == b[name].dtype == torch.float32
        moved += float((weight - before[name]).double().square().sum())
        apart += float((weight - b[name]).double().square().sum())
    assert moved > 1e-4 and apart <= 0.05**2 * moved, (one, other, apart**0.5, moved**0.5)


@pytest.fixture(scope="module")
def judged(questions):
    """A verified file with a kept and a wrong answer to each of the five questions, by hand: a random
    model's are rubbish.
    """
    path, answers = (
        questions.with_name("judged.jsonl"),
        (("It moves, and I see it well.\nAnswer: it is this", "right"), ("Answer: a dog", "wrong")),
    )
    path.write_text(
        "".join(
            json.dumps(
                {
                    **record,
                    "origin": "direct",
                    "sample": sample,
                    "answer": answer,
                    "verdict": verdict,
                    "keep": verdict == "right",
                }
            )
            + "\n"
            for record in lines(questions)
            for sample, (answer, verdict) in enumerate(answers)
        )
    )
    return path


def test_weights_shared_out_train_as_whole_ones(judged, tmp_path, monkeypatch):
    lost = judged.with_name("lost.jsonl")
    lost.write_text(
        "".join(
            json.dumps({**record, "video": "gone.mp4"} if record["id"] == "q1" else record) + "\n"
            for record in lines(judged)
        )
    )
    shared = ["--frames", "2", "--epochs", "2"]
    lora, full = (
        [*shared, "--lora-rank", "4", "--learning-rate", "1e-2"],
        [*shared, "--full", "--learning-rate", "1e-3", "--checkpointing"],
    )
    part = [*shared, "--learning-rate", "1e-3"]
    base = {family: tmp_path / family for family in ("video_llava", "qwen3_vl")}
    runs = {"killed": ("qwen3_vl", judged, [*lora, "--save-every", "1"])}  # name: base, answers, flags
    for family in base:
        build(family, base[family], dtype=torch.float32)
        runs.update(
            {
                f"{family} lora": (family, judged, lora),
                f"{family} full": (family, judged, full),
            }
        )
    # towers differ most between the families; what else 05 does is tried on one of them
    llava, qwen = base
    runs |= {
        f"{llava} vision": (llava, judged, [*part, "--train", "vision", "--projector"]),
        f"{qwen} vision": (qwen, judged, [*part, "--train", "vision", "--projector"]),
        f"{llava} language": (llava, judged, [*part, "--train", "language"]),
        f"{qwen} vision lora": (qwen, judged, [*lora, "--train", "vision"]),
        f"{llava} preferences": (llava, judged, [*full, "--preferences", "0.1", "--epochs", "4"]),
        f"{qwen} lora preferences": (qwen, judged, [*lora, "--preferences", "0.1", "--epochs", "4"]),
    }
    runs["lost"] = ("video_llava", lost, [*lora, "--max-failures", "4"])
    command = lambda name, place, batch, accumulate: [
        "05_finetune.py",
        runs[name][1],
        "-o",
        tmp_path / place / name,
        "--model",
        base[runs[name][0]],
        *runs[name][2],
        "--batch-size",
        str(batch),
        "--accumulate",
        str(accumulate),
    ]

    process = subprocess.Popen(
        [*fsdp_launch(tmp_path), *map(str, command("killed", "shared", 1, 2))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    saved = tmp_path / "shared/killed.part/state.pt"
    wait_for(saved.exists, process)
    os.kill(ranks_of(process.pid)[1], signal.SIGKILL)
    assert process.wait(LIMIT) == 1 and not (tmp_path / "shared/killed").exists()
    process.stdout.close()
    shutil.copytree(tmp_path / "shared", tmp_path / "resumed whole")

    def stop(old, new, replace=os.replace):
        replace(old, new)
        if str(new).endswith("state.pt"):
            raise InterruptedError

    (tmp_path / "resumed shared").mkdir()
    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(os, "replace", stop)
        main_of(*command("killed", "resumed shared", 4, 1))

    said = finished(
        several(
            TWO,
            tmp_path,
            [*(command(name, "shared", 1, 2) for name in runs), command("killed", "resumed shared", 1, 2)],
            ACCELERATE_USE_FSDP="true",
        )
    )
    assert said.count("resuming after step") == 2 and "left out: q1: " in said
    for name in runs:
        main_of(*command(name, "whole", 4, 1))
        assert_trained_alike(tmp_path / "whole" / name, tmp_path / "shared" / name, base[runs[name][0]])
    main_of(*command("killed", "resumed whole", 4, 1))
    for place in ("resumed whole", "resumed shared"):
        assert_trained_alike(tmp_path / "whole/killed", tmp_path / place / "killed", base["qwen3_vl"])
    refused = sh(
        *command("killed", "refused", 1, 2),
        "--load-in-4bit",
        check=False,
        env={**os.environ, "ACCELERATE_USE_FSDP": "true"},
    )
    assert refused.returncode == 2 and "--load-in-4bit" in refused.stderr


if __name__ == "__main__":
    from lib.process import run

    run(lambda: [main_of(*words) for words in json.loads(Path(sys.argv[1]).read_text())])
