"""The LoRA adapter with which the sentences of text labels are embedded (lib/verifier/adapter): the packaged
MiniLM, taught on labels and answers to bring near what says the same and to keep apart what does not.

    python -m lib.audit.adapter tests/audit/texts.jsonl tests/audit/written.jsonl -o lib/verifier/adapter

Twenty minutes on two cores. What it prints is noted in lib/verifier/embedding.py and texts.py.
"""

import argparse
import hashlib
import json
import random
from pathlib import Path

from lib.audit.audit import read_cases
from lib.process import progress, run
from lib.verifier import verify
from lib.verifier.embedding import Embedder, default_folder, in_context
from lib.verifier.verdicts import Notes

EPOCHS, BATCH, RANK, RATE, SEED = 5, 24, 4, 1e-3, 0
LAYERS = "query key value attention.output.dense intermediate.dense output.dense".split()
# Ordinary answers count twice: the others were written to be hard
ORDINARY = "written.jsonl"


def pairs_of(paths):
    """[(label in the context of its question, answer in the same, whether it says the label, its weight)] of
    the text cases of audit files, without those that words decide.
    """
    pairs = []
    for path in map(Path, paths):
        for case in read_cases(path):
            kinds, result = [label["kind"] for label in case["labels"]], verify(case, {}, Notes())
            said = result["checks"][0]["parsed"]
            if kinds == ["text"] and said and "word for word" not in result["why"]:
                texts = [in_context(text, case["question"]) for text in (case["labels"][0]["value"], said)]
                pairs.append((*texts, float(case["human"]), 1.0 + (path.name == ORDINARY)))
    return pairs


def batches_of(pairs, seed):
    """Batches of pairs of like lengths, in random order."""
    rng = random.Random(seed)
    order = sorted(pairs, key=lambda pair: len(pair[1]) + 30 * rng.random())
    batches = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    rng.shuffle(batches)
    return batches


def train(model, pairs):
    """Teach the LoRA layers of a SentenceTransformer that the cosine of a pair, times a slope and shifted, is
    the logit of its truth; returns slope and shift.
    """
    import torch
    from torch.nn import functional

    line = torch.nn.Parameter(torch.tensor([12.0, -9.5]))
    own = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW([{"params": own, "lr": RATE}, {"params": [line], "lr": 0.02}])
    steps = [batch for epoch in range(EPOCHS) for batch in batches_of(pairs, SEED + epoch)]

    def share(step):
        return min(1, (step + 1) / 30) * max(0.02, 1 - step / len(steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    model.train()
    for batch in progress(steps, len(steps), "adapter"):
        labels, answers, truths, weights = zip(*batch)
        a, b = (model(model.preprocess([*texts]))["sentence_embedding"] for texts in (labels, answers))
        logits = line[0] * functional.cosine_similarity(a, b) + line[1]
        targets = (torch.tensor(values) for values in (truths, weights))
        loss = functional.binary_cross_entropy_with_logits(logits, *targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(own, 1.0)
        optimizer.step()
        schedule.step()
    return line.tolist()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", help="audit files, such as tests/audit/texts.jsonl")
    parser.add_argument("-o", "--output", required=True, type=Path, help="the adapter's folder")
    args = parser.parse_args()
    import torch
    from peft import LoraConfig
    from safetensors.torch import save_file

    pairs, embedder = pairs_of(args.paths), Embedder(str(default_folder()), device="cpu")
    embedder.load()
    torch.manual_seed(SEED)
    shape = {"r": RANK, "lora_alpha": 2 * RANK, "target_modules": LAYERS}
    embedder.model.add_adapter(LoraConfig(**shape, lora_dropout=0.05))
    slope, shift = train(embedder.model, pairs)
    args.output.mkdir(parents=True, exist_ok=True)
    # as short as every version of peft reads it
    config = json.dumps({"peft_type": "LORA", **shape, "inference_mode": True}, indent=1)
    (args.output / "adapter_config.json").write_text(config + "\n")
    file = args.output / "adapter_model.safetensors"
    state = embedder.model.get_adapter_state_dict()
    save_file({name: tensor.half().contiguous() for name, tensor in state.items()}, file)
    print(f"{file}: from {len(pairs)} pairs; SLOPE, SHIFT = {slope:.2f}, {shift:.2f}")
    print(f"ADAPTER_SHA256 = {hashlib.sha256(file.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    run(main)
