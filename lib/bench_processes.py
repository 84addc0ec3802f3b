"""make bench, the part about processes: how many more answers a second do two give than one? Start-up is left out: only differences of two runs count.

    python -m lib.bench_processes
"""
import os
import tempfile
from pathlib import Path

from lib.bench import measured

FEW, MANY, BATCH = 16, 144, 8  # answers of the two runs; batches of both share out evenly
LARGER = dict(hidden_size=512, intermediate_size=1408, num_hidden_layers=10, num_attention_heads=8, num_key_value_heads=8)  # 33 M parameters: computing dominates


def bench_processes(folder):
    """02 with a random Video-LLaVA of 33 M parameters in one and in two processes of one thread each: answers per second, and their ratio to one."""
    from lib import demo_base
    demo_base.TEXT.update(LARGER)
    demo_base.build(folder / "model", seed=0)
    measured(["01_prepare.py", "--dataset", "demo", "-o", folder / "data", "--clips", str(MANY)])
    os.environ["OMP_NUM_THREADS"] = "1"
    print(f"\n02_generate.py in processes of one thread each, {MANY - FEW} answers, start-up excluded ({os.cpu_count()} cores)\n\n| processes | answers/s | ratio |\n|---|---|---|")
    alone = None
    for processes in (1, 2):
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", processes] if processes > 1 else []
        seconds = [measured([*launch, "02_generate.py", folder / "data/train.jsonl", "-o", folder / f"{processes}-{count}.jsonl", "--model", folder / "model", "--limit", count,
                             "--batch-size", BATCH, "--workers", "1", "--max-new-tokens", "32", "--temperature", "1"])[0] for count in (FEW, MANY)]
        speed = (MANY - FEW) / (seconds[1] - seconds[0])
        alone = alone or speed
        print(f"| {processes} | {speed:.2f} | {speed / alone:.2f} |", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        bench_processes(Path(scratch))
