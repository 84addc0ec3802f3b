"""One answer read aloud: 04_verify.py --try '{"labels": [...], "answer": "..."}'."""

from lib.labels import answer_problem, record_problem
from lib.records import StageError
from lib.table import parsed_json
from lib.thoughts import said_in
from lib.verifier import Embedder, clean, final, parts_of, verify, vocabularies

USUAL = {"id": "tried", "video": "none needed", "question": "What happens?", "origin": "direct"}


def try_one(text, embedder):
    """Print what the verifier reads in the record that `text` is in JSON, and why it decides as it does.
    Raises StageError (exit code 2) for what is no record with an answer.
    """
    try:
        given = parsed_json("--try", text)
    except StageError as error:
        raise StageError(error, code=2) from None
    record = {**USUAL, **given} if isinstance(given, dict) else given
    problem = record_problem(record)
    if problem is None and not {"answer", "error"} & record.keys():
        problem = 'no answer, expected {"labels": [...], "answer": "..."}'
    problem = problem or answer_problem(record)
    if problem is None and not isinstance(record.get("answer"), str):
        problem = f"answer is {record.get('answer')!r}, expected a text"
    if problem:
        raise StageError(f"--try: {problem}", code=2)
    thought, answer = said_in(record)
    labels, vocabulary = record["labels"], vocabularies([record])
    conclusion = final(
        clean(answer, [label["name"] for label in labels]), len(labels) > 1 or labels[0]["kind"] == "sequence"
    )
    if thought:
        print(f"thought   {' '.join(thought.split())[:200]!r} (not read)")
    print(f"read      {conclusion.texts[0]!r}" + (" (answer line)" if conclusion.marked else ""))
    parts = (
        [None] if len(labels) == 1 else parts_of(conclusion.texts[-1], labels, vocabulary, record["question"])
    )
    result = verify(record, vocabulary, Embedder(embedder))
    for label, part, check in zip(labels, parts, result["checks"]):
        print(f"{label['name']} ({label['kind']}), label {label['value']!r}")
        if len(labels) > 1:
            print(f"    part  {part!r}")
        holds = "holds" if check["holds"] else "does not hold"
        print(f"    said  {check['parsed']!r}: {holds}, score {check['score']} ({check['why']})")
    print(f"verdict   {result['verdict']}: {result['why']}")
