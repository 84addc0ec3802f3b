"""Something-Something v2: the template as a class, and the sentence."""

from lib.datasets.common import beside, items, load, need, record, split_of, whole
from lib.datasets.questions import ask


def read(path, seed, durations=None):
    """train.json, validation.json: class (the template without brackets, one of labels.json where that is
    beside it) and text."""
    names = beside(path, "labels.json")
    names = load(names) if names else {}
    for where, item in items(path):
        id, text, template = need(where, item, id=str | int, label=str, template=str)
        name, video = template.replace("[", "").replace("]", ""), whole(str(id))
        more = {**split_of(path), "source_video": str(id)}
        if names and name not in names:
            yield where, None, "dropped: template not in labels.json"
        else:
            question = ask("action", seed, id)
            yield where, record(f"{id}#class", video, question, "action", "class", name, **more), None
        question = ask("text", seed, id)
        yield where, record(f"{id}#text", video, question, "sentence", "text", text, **more), None
