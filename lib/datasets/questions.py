"""The questions: a bank for every kind of label and some tasks, chosen by a hash of seed and id, and those
that a model writes.

A question is phrased so that the reply must contain the label: it says what is asked for and in which unit.
Python's hash() differs between processes, so sha256 draws.
"""

import hashlib
import re
from itertools import islice

from lib.prompts import WRITE, label_text, number_text, strip_placeholders
from lib.verifier import content, stem, words_in

CHUNK = 2048  # records in memory at once
# of the other kinds label and kind alone do not say what to ask for
WRITABLE = frozenset(("class", "number", "sequence", "text"))

SECONDS = "Give {what} in seconds from the beginning of the video."
PERCENT = "Give {what} in percent of the video's length."
# in which units, the form of the last line says (prompts.BOX_FORMS): that depends on the model
CORNERS = "Give the bounding box as [x1, y1, x2, y2], from the top left corner of the frame."


def with_form(stems, form):
    """Questions, each followed by the form of its answer."""
    return [f"{stem} {form}" for stem in stems]


WHEN = [
    "When does this happen: “{sentence}”?",
    "At which point of the video does one see this: “{sentence}”?",
    "Find the moment that fits “{sentence}”.",
    "Locate this in the video: “{sentence}”.",
    "“{sentence}” When in the video is that?",
    "The video contains this: “{sentence}”. When?",
]
FROM_TO = [
    "From when to when does this happen: “{sentence}”?",
    "During which part of the video does one see this: “{sentence}”?",
    "Find the segment that fits “{sentence}”.",
    "When does this begin and end: “{sentence}”?",
    "“{sentence}” Over which time span does that happen?",
    "Locate the whole of this event: “{sentence}”.",
]
QUESTIONS = {  # by kind, then by task
    "class": [
        "What is happening in the video?",
        "Which category does this video belong to?",
        "How would you classify what this video shows?",
        "What does this video show?",
        "Name what one sees in this video.",
        "In a few words, what is this a video of?",
    ],
    "text": [
        "What happens in this video? Answer in one sentence.",
        "Describe in one sentence what takes place here.",
        "Summarize this clip in a sentence.",
        "In one sentence, what is going on in the video?",
        "What does one see in this clip? Reply with one full sentence.",
        "Tell in a single sentence what this video shows.",
    ],
    "sequence": [
        "Which steps does the video show? List them in the order in which they happen.",
        "What happens first, and what after that? List every step in order of time.",
        "List the actions of this video from the first to the last.",
        "In which order do things happen here? Name each step, repeats included.",
        "Break the video down into its steps, in temporal order.",
        "Give the sequence of actions in this clip, earliest first.",
    ],
    "interval": with_form(FROM_TO, SECONDS.format(what="start and end")),
    "interval fraction": with_form(FROM_TO, PERCENT.format(what="start and end")),
    "time": with_form(WHEN, SECONDS.format(what="the time")),
    "time fraction": with_form(WHEN, PERCENT.format(what="the time")),
    "box": with_form(
        [
            "Where is the {object}?",
            "Locate the {object} in the frame.",
            "Which part of the frame does the {object} take up?",
            "Draw a box around the {object}.",
            "In which region does one see the {object}?",
            "Find the position of the {object}.",
        ],
        CORNERS,
    ),
    "number": [
        "What is the {name}? Give a number.",
        "Give the {name} as a number.",
        "Estimate the {name} from the video, as a number.",
        "How high is the {name}? Reply with a number.",
        "Judging by the video, which number is the {name}?",
        "State the {name} shown or implied by the video, as one number.",
    ],
    "choice": [
        "Which of the options fits the video?",
        "Choose the option that is right for this video.",
        "Which one of these is true of the video?",
        "Pick the option that describes the video best.",
        "What does the video show? Choose one option.",
        "Only one of the options agrees with the video. Which?",
    ],
    "boolean": [
        "Is this true of the video: “{statement}”? Answer yes or no.",
        "“{statement}” Does the video show that? Answer yes or no.",
        "Yes or no: “{statement}”",
        "Decide from the video, yes or no: “{statement}”",
        "Does the video agree with “{statement}”? Answer yes or no.",
        "Is “{statement}” right for this video? Answer yes or no.",
    ],
    "action": [
        "What is the person in the video doing?",
        "Which action is performed in this video?",
        "Name the action that this clip shows.",
        "What activity takes place in the video?",
        "What are the people here doing? Name the action.",
        "Which human action is this a video of?",
        "How would you call the activity in this clip?",
        "Identify the action in the video.",
    ],
    "dive": [
        "Which dive is this? Give its number: three or four digits and the letter of the position.",
        "Name the dive by its official number, digits and letter.",
        "What is the number of this dive in the tables of diving, with the letter of its position?",
        "Under which dive number, digits and position letter, would this dive be announced?",
        "Identify the dive: which official number and letter does it have?",
        "A judge needs the dive number (digits, then a letter). Which is it?",
    ],
    "score": [
        "How would the judges score this dive? Give the final score as a number.",
        "What score did this dive receive?",
        "Estimate the total score awarded for this dive, as a number.",
        "Rate this dive the way the judges did: what was its final score?",
        "Which score, as a number, fits the difficulty and execution of this dive?",
        "How many points did the athlete earn for this dive?",
    ],
    "dive steps": [
        "Which sub-actions does this dive consist of? List them in order, from take-off to entry.",
        "Break the dive down into its steps, in temporal order.",
        "List every phase of the dive from the first to the last.",
        "What does the diver do, step by step, until the water is reached?",
        "In which order does the athlete perform the parts of this dive? Name each.",
        "Describe the dive as a sequence of take-off, somersaults, twists and entry, each with its kind.",
    ],
    "answered": with_form(
        [
            "Someone asks “{question}” and the answer is “{answer}”. Which part of the video shows this?",
            "“{question}” “{answer}” From when to when does one see that?",
            "Find the segment of the video that answers “{question}” with “{answer}”.",
            "During which part of the video can one tell that “{answer}” answers “{question}”?",
            "Given that “{answer}” is the answer to “{question}”, where in the video does it happen?",
            "Which time span must one watch to answer “{question}” with “{answer}”?",
        ],
        SECONDS.format(what="start and end"),
    ),
    "box at": with_form(
        [
            "Where is the {object} {at:.2f} seconds into the video?",
            "At {at:.2f} seconds, where in the frame is the {object}?",
            "Locate the {object} as it is at {at:.2f} seconds.",
            "Draw a box around the {object} at the time {at:.2f} s.",
            "Which part of the frame does the {object} take up at {at:.2f} seconds?",
            "Look at second {at:.2f}: where is the {object}?",
        ],
        CORNERS,
    ),
    "moment": [
        "What happens {at:.1f} seconds into the video? Answer in one sentence.",
        "Describe in one sentence what is done at {at:.1f} seconds.",
        "At {at:.1f} seconds, what does one see? Reply with a sentence.",
        "Look at second {at:.1f}. What is going on there? Use one full sentence.",
        "Tell in a sentence what takes place at the time {at:.1f} s.",
        "In one sentence: what is the person doing {at:.1f} seconds in?",
    ],
    "commentary": [
        "An expert watches this performance of “{task}”. What would they remark at {at:.1f} seconds?",
        "The task is “{task}”. Comment like an expert on what is done at {at:.1f} seconds.",
        "What does a coach notice {at:.1f} seconds into this video of “{task}”?",
        "Assess the execution at {at:.1f} seconds; the task is “{task}”.",
        "“{task}”: how well is this done around {at:.1f} seconds, and why?",
        "Give expert commentary on the technique shown at {at:.1f} seconds. The task is “{task}”.",
    ],
    "good": [
        "The task is “{task}”. What is done well at {at:.1f} seconds?",
        "Name what the person does right {at:.1f} seconds into this video of “{task}”.",
        "What deserves praise at {at:.1f} seconds? The task is “{task}”.",
        "“{task}”: which part of the execution is good around {at:.1f} seconds?",
        "Give positive feedback on what happens at {at:.1f} seconds in “{task}”.",
        "A coach praises what is done at {at:.1f} seconds of “{task}”. What do they say?",
    ],
    "tips": [
        "The task is “{task}”. What should be improved in what is done at {at:.1f} seconds?",
        "Which advice would help the person {at:.1f} seconds into this video of “{task}”?",
        "Give a tip for improvement on what happens at {at:.1f} seconds. The task is “{task}”.",
        "“{task}”: what goes less than well around {at:.1f} seconds, and how can it be done better?",
        "How could the execution at {at:.1f} seconds of “{task}” be improved?",
        "A coach corrects what is done at {at:.1f} seconds of “{task}”. What do they advise?",
    ],
    "proficiency": [
        "How skilled is the person at “{task}”? Choose from: {options}.",
        "Which level of skill does this performance of “{task}” show: {options}?",
        "Rate the person who does “{task}” as one of {options}.",
        "Judging by this video of “{task}”, which of these is the person: {options}?",
        "“{task}”: which level of proficiency is this, out of {options}?",
        "Assess the proficiency shown in “{task}”. The levels are {options}.",
    ],
}


def draw(*parts):
    """A number in [0, 1) that depends on nothing but `parts`: the same in every process, on every machine."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big") / 2**48


def ask(kind, seed, id, **fields):
    """A question for a kind of label or a task (a key of QUESTIONS), about `fields`; `unit="fraction"` asks
    for percent instead of seconds."""
    bank = QUESTIONS[kind + " fraction" if fields.get("unit") == "fraction" else kind]
    return bank[int(draw(seed, id) * len(bank))].format(**fields)


# ---------------------------------------------------------------- questions that a model writes


def rewritten(records, model, memory, tally):
    """Yields records with questions written by `model` from task and label, where a question can be written
    so and is fit; else with their own.

    Equal labels are asked about once; `memory` (SQLite) keeps what was written. Counted in `tally` by
    outcome. The prompt is lib.prompts.WRITE.
    """
    memory.execute(
        "CREATE TABLE IF NOT EXISTS questions "
        "(model TEXT, prompt TEXT, question TEXT, PRIMARY KEY (model, prompt))"
    )
    while chunk := list(islice(records, CHUNK)):
        prompts = [prompt_for(record) for record in chunk]
        questions = written(dict.fromkeys(filter(None, prompts)), model, memory)
        for record, prompt in zip(chunk, prompts):
            question, problem = questions.get(prompt, ""), "its kind needs its own"
            if prompt:
                problem = unfit(question, record["labels"])
            tally["questions"][f"kept, {problem}" if problem else "written"] += 1
            yield record if problem else {**record, "question": question}


def prompt_for(record):
    """The prompt that has a question written on a record, or None where none can be."""
    labels = record["labels"]
    if not all(label["kind"] in WRITABLE for label in labels):
        return None
    return WRITE.format(label=label_text(labels), task=" and ".join(label["name"] for label in labels))


def written(prompts, model, memory):
    """{prompt: question}, from `memory` or else from the model; "" where it fails, to be asked again."""
    from lib.model import ask_text

    query, questions = "SELECT question FROM questions WHERE model = ? AND prompt = ?", {}
    for prompt in prompts:
        if row := memory.execute(query, (model, prompt)).fetchone():
            questions[prompt] = row[0]
    unknown = [(prompt, prompt) for prompt in prompts if prompt not in questions]
    for prompt, reply in ask_text(model, unknown) if unknown else ():
        questions[prompt] = strip_placeholders(reply.get("answer", "")).strip().strip('"')
        if "answer" in reply:
            row = (model, prompt, questions[prompt])
            memory.execute("INSERT OR REPLACE INTO questions VALUES (?, ?, ?)", row)
    memory.commit()
    return questions


def unfit(question, labels):
    """Why a question that a model wrote cannot be asked, or None: it is none, or it gives a label away (all
    its words or its number are in it)."""
    words = words_in(question.lower())
    if not question.endswith("?") or "\n" in question or not 3 <= len(words) <= 40:
        return "no single question"
    stems = {stem(word) for word in words}
    if any(given_away(label, question, stems) for label in labels):
        return "gives the label away"
    return None


def given_away(label, question, stems):
    """Whether a question, of words with these `stems`, holds the label."""
    if label["kind"] == "number":
        return number_text(label["value"]) in re.findall(r"\d+(?:\.\d+)?", question)
    names = label["value"] if label["kind"] == "sequence" else [label["value"], *(label.get("aliases") or ())]
    return any(set(content(words_in(name.lower()))) <= stems for name in names)
