"""The LoRA adapter with which the sentences of text labels are embedded (lib/verifier/adapter): the packaged
MiniLM, taught on labels and answers to bring near what says the same and to keep apart what does not.

    python -m lib.audit.adapter tests/audit/texts.jsonl -o runs/adapter

Some 25 minutes on two cores. To use it, put the folder in place of lib/verifier/adapter, and what is printed
into embedding.py and meaning.py beside it.
"""

import hashlib
import json
import random
from pathlib import Path
from typing import NamedTuple

from sklearn.linear_model import LogisticRegression

from lib.audit.audit import read_cases
from lib.command import checked_parser
from lib.process import progress, run
from lib.records import StageError
from lib.verifier import verify
from lib.verifier.embedding import Embedder, default_folder, in_context
from lib.verifier.meaning import sentence_of, signs_of
from lib.verifier.verdicts import Notes

EPOCHS, BATCH, RANK, RATE, SEED = 5, 24, 4, 1e-3, 0
LAYERS = "query key value attention.output.dense intermediate.dense output.dense".split()


class Pair(NamedTuple):
    """A label and what an answer finally says."""

    question: str
    label: str
    statement: str
    true: bool  # whether they say the same


def pairs_of(paths):
    """The Pairs of the text cases of audit files, without those that words decide. Raises StageError where
    there are none.
    """
    pairs = []
    for path in map(Path, paths):
        for case in read_cases(path):
            kinds, result = [label["kind"] for label in case["labels"]], verify(case, {}, Notes())
            statement = result["checks"][0]["parsed"]
            if kinds == ["text"] and statement and "word for word" not in result["why"]:
                pairs.append(Pair(case["question"], case["labels"][0]["value"], statement, case["human"]))
    if not pairs:
        raise StageError(
            f"{', '.join(paths)}: no case has a text as its one label; expected some to train with"
        )
    return pairs


def batches_of(pairs, seed):
    """Batches of pairs of like lengths, in random order."""
    rng = random.Random(seed)
    order = sorted(pairs, key=lambda pair: len(pair.statement) + 30 * rng.random())
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
        sides = ([in_context(text, pair.question) for text in pair[1:3]] for pair in batch)
        a, b = (model(model.preprocess([*texts]))["sentence_embedding"] for texts in zip(*sides))
        logits = line[0] * functional.cosine_similarity(a, b) + line[1]
        truths = torch.tensor([float(pair.true) for pair in batch])
        loss = functional.binary_cross_entropy_with_logits(logits, truths)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(own, 1.0)
        optimizer.step()
        schedule.step()
    return line.tolist()


def plain_weights(pairs, embedder):
    """What an encoder without an adapter weighs, by logistic regression; meaning.PLAIN."""
    vectors = embedder([in_context(text, pair.question) for pair in pairs for text in pair[1:3]])
    signs = [
        signs_of(float(a @ b), sentence_of(pair.statement), sentence_of(pair.label))[0][:2]
        for a, b, pair in zip(vectors[::2], vectors[1::2], pairs)
    ]
    fitted = LogisticRegression(C=10).fit(signs, [pair.true for pair in pairs])
    return *fitted.coef_[0], *fitted.intercept_


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("paths", nargs="+", help="audit files, such as tests/audit/texts.jsonl")
    parser.add_argument("-o", "--output", required=True, type=Path, help="the adapter's folder")
    args = parser.parse_args()
    if args.output.exists():
        raise StageError(f"{args.output}: exists, and nothing is replaced; expected the name of a new folder")
    import torch
    from peft import LoraConfig
    from safetensors.torch import save_file

    pairs, embedder = pairs_of(args.paths), Embedder(str(default_folder()), device="cpu")
    plain = plain_weights(pairs, embedder)
    torch.manual_seed(SEED)
    shape = {"r": RANK, "lora_alpha": 2 * RANK, "target_modules": LAYERS}
    embedder.model.add_adapter(LoraConfig(**shape, lora_dropout=0.05))
    slope, shift = train(embedder.model, pairs)
    args.output.mkdir(parents=True)
    # as short as every version of peft reads it
    config = json.dumps({"peft_type": "LORA", **shape, "inference_mode": True}, indent=1)
    (args.output / "adapter_config.json").write_text(config + "\n")
    file = args.output / "adapter_model.safetensors"
    state = embedder.model.get_adapter_state_dict()
    save_file({name: tensor.half().contiguous() for name, tensor in state.items()}, file)
    print(f"{file}: from {len(pairs)} pairs; its sha256 is {hashlib.sha256(file.read_bytes()).hexdigest()}")
    print(
        f"ADAPTED: {slope:.2f} of the cosine, {shift:.2f} of 1; PLAIN: {', '.join(f'{w:.1f}' for w in plain)}"
    )


if __name__ == "__main__":
    run(main)
