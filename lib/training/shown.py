"""What 05 shows before anything is spent: what is trained, and rows with their trained tokens."""

from lib.model.inputs import chat, training_text
from lib.model.thinking import leaves_out, opened_by
from lib.thoughts import split_thought, without_tags
from lib.training.parts import part_text
from lib.training.shares import shares_lines


def show(training, batches):
    """Print what will be trained, and one row with its trained tokens in [brackets]."""
    args, processes = training.args, training.accelerator.num_processes
    number = sum(parameter.numel() for parameter in training.trained.values())
    left = 0 if batches.weights else len(batches.rows) % batches.size
    last = f" ({left} in the last of an epoch)" if left else ""
    print(
        f"{part_text(args)}: {number:,} of {training.model.num_parameters():,} parameters "
        "trained, "
        f"{len(batches.rows)} rows, {len(batches.steps)} steps of {batches.size}{last}, "
        f"{str(training.dtype).removeprefix('torch.')} on {training.accelerator.device}, {processes} "
        "process(es)"
    )
    for line in shares_lines(batches) if batches.weights else []:
        print(line)
    processor, prompt = training.processor, chat(training.processor, "", args.think)
    texts = (answer for row in batches.rows for answer in row.answers)
    thoughts = sum(bool(without_tags(split_thought(text).thought)) for text in texts)
    if thoughts and leaves_out(processor, prompt):
        print(f"{thoughts} thoughts are left out: the prompt of {args.model} asks for none")
    # of a thinking model the short row too, which must end its thought
    shown = 2 if opened_by(prompt) else 1
    for row in batches.rows[:shown]:
        text, tail = training_text(processor, chat(processor, row.turn, args.think), row.answers[0])
        tokens = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        decode = processor.tokenizer.decode
        text = f"{decode(tokens[:-tail])}[{decode(tokens[-tail:])}]".replace("\n", "\n  ")
        print(f"trained tokens in [brackets]:\n  {text}", flush=True)
