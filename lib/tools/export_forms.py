"""The forms of rows that trainers read: of each the rows it takes, how they are written, and to what file.

No row has a column that a trainer would take for something else: ms-swift makes messages of `answer`,
`question`, `text` and others where no `messages` stand. `solution` is one JSON text, since Arrow has one type
a column.
"""


def user(example):
    """The user's turn; the video stands before the question."""
    return {"role": "user", "content": f"<video>{example.prompt}"}


def assistant(text):
    """The model's turn."""
    return {"role": "assistant", "content": text}


def messages(example, text, **more):
    """ms-swift, verl's SFT, and others that read the OpenAI form."""
    turns = [user(example), assistant(text)]
    return {
        "id": example.id,
        "messages": turns,
        "videos": [example.video],
        "solution": example.solution,
        **more,
    }


def llava(example):
    """LLaVA, LLaVA-NeXT, qwen-vl-finetune."""
    turns = [("human", f"<video>\n{example.prompt}"), ("gpt", example.answer)]
    return {
        "id": example.id,
        "video": example.video,
        "conversations": [{"from": speaker, "value": value} for speaker, value in turns],
        "solution": example.solution,
    }


def sharegpt(example, *answers, **more):
    """LlamaFactory."""
    turns = [("human", f"<video>{example.prompt}"), *(("gpt", answer) for answer in answers)]
    return {
        "id": example.id,
        "conversations": [{"from": speaker, "value": value} for speaker, value in turns],
        "videos": [example.video],
        "solution": example.solution,
        **more,
    }


def ranked(example):
    """A pair for LlamaFactory."""
    chosen, rejected = ({"from": "gpt", "value": text} for text in (example.answer, example.rejected))
    return sharegpt(example, chosen=chosen, rejected=rejected)


def trl(example, **more):
    """TRL, which takes no video: its frames as images, which it puts before the question."""
    prompt = [{"role": "user", "content": example.prompt}]
    return {
        "id": example.id,
        "prompt": prompt,
        "images": list(example.frames),
        "solution": example.solution,
        **more,
    }


def verl(example):
    """verl's RL: what a reward is told of a row are data_source, ground_truth and extra_info."""
    return {
        "data_source": "video-star",
        "prompt": [user(example)],
        "videos": [{"video": f"file://{example.video}"}],
        "ability": "video",
        "reward_model": {"style": "rule", "ground_truth": example.solution},
        "extra_info": {"index": example.number, "id": example.id, "split": "train"},
    }


def easyr1(example):
    """EasyR1."""
    return {
        "id": example.id,
        "prompt": user(example)["content"],
        "videos": [example.video],
        "answer": example.solution,
    }


# of each form: what it takes, the first by default, and the row of it
FORMS = {
    "llava": {"kept": llava},
    "messages": {"kept": lambda example: messages(example, example.answer)},
    "swift": {
        "kept": lambda example: messages(example, example.answer),
        "preferences": lambda example: messages(example, example.answer, rejected_response=example.rejected),
        "kto": lambda example: messages(example, example.answer, label=example.right),
        # `swift sample` takes the last turn for the gold; GRPO takes it off and reads `solution`
        "reward": lambda example: messages(example, example.solution),
    },
    "llamafactory": {
        "kept": lambda example: sharegpt(example, example.answer),
        "preferences": ranked,
        "kto": lambda example: sharegpt(example, example.answer, label=example.right),
    },
    "trl": {
        "kept": lambda example: trl(example, completion=[assistant(example.answer)]),
        "preferences": lambda example: trl(
            example, chosen=[assistant(example.answer)], rejected=[assistant(example.rejected)]
        ),
        "kto": lambda example: trl(example, completion=[assistant(example.answer)], label=example.right),
        "reward": trl,
    },
    "verl": {"reward": verl, "kept": lambda example: messages(example, example.answer)},
    "easyr1": {"reward": easyr1},
}
FRAMES = ("trl",)  # forms of pictures in place of a video


def dataset_info(what, file):
    """The entry of LlamaFactory's dataset_info.json for a file of rows."""
    columns = {"messages": "conversations", "videos": "videos"}
    if what == "preferences":
        columns |= {"chosen": "chosen", "rejected": "rejected"}
    elif what == "kto":
        columns["kto_tag"] = "label"
    ranking = {"ranking": True} if what == "preferences" else {}
    return {"file_name": file, "formatting": "sharegpt", **ranking, "columns": columns}
