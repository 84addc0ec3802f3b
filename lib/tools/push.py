"""What a cycle made, on the hub: the model, its card with what held-out questions say of it, the answers it
was trained on, and its adapter where there is one.

    python -m lib.tools.push runs/mine runs/mine/cycle3 --hub me/my-model      # make push RUN=... HUB=...

One commit to one repository, private unless --public. Videos stay where they are: the rows (form `messages`)
name them by their files' names, with the seconds of a clip. The token is that of `hf auth login`, or
HF_TOKEN.
"""

import json
import os
import re
import tempfile
from pathlib import Path

from lib.command import checked_parser
from lib.confidence import bounds
from lib.files import read_json
from lib.process import run
from lib.records import StageError
from lib.tools.export import refuse_missing
from lib.tools.results import evaluation_of

ROWS, EVALUATION = "video-star/kept.jsonl", "video-star/eval.json"
NAME = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")
NOT_SENT = ("DONE", "README.md")  # of a checkpoint: its card is sent with more in it, peft's names a path


def refuse_unfinished(cycle):
    """Raise StageError (exit code 2) where the model of a cycle, its rows or its accuracy are not there."""
    for name in ("verified.jsonl", "model/DONE", "eval.json"):
        refuse_missing(cycle / name)
    made, judged = (cycle / "model/DONE").read_text().strip(), evaluation_of(cycle)
    if judged["settings"].get("model_identity") != made:
        raise StageError(
            f"{cycle / 'eval.json'}: is of another model than {cycle / 'model'}; make it again", code=2
        )


# ---------------------------------------------------------------- what is sent


def accuracy_text(run, cycle):
    """The held-out accuracy of a cycle's model, beside that of the model before any cycle, as Markdown."""
    columns = {"this model": evaluation_of(cycle)}
    before = evaluation_of(run / "cycle0") or {}
    if before.get("inputs") and set(before["inputs"].values()) == set(
        columns["this model"]["inputs"].values()
    ):
        columns = {"before any cycle": before, **columns}
    kinds = {kind: row["count"] for kind, row in columns["this model"]["kinds"].items()}
    kinds["all"] = columns["this model"]["all"]["count"]
    lines = [
        f"## Accuracy on {kinds['all']} held-out questions\n",
        f"| | {' | '.join(columns)} |",
        "|---|" + "---|" * len(columns),
    ]
    for kind, count in kinds.items():
        found = [{**each["kinds"], "all": each["all"]}.get(kind) for each in columns.values()]
        cells = " | ".join(
            "{:.1f} [{:.1f}, {:.1f}]".format(100 * row["accuracy"], *bounds(row)) if row else ""
            for row in found
        )
        lines.append(f"| {kind} (n = {count}) | {cells} |")
    return "\n".join(
        [*lines, "\nIn percent, with 95 % Wilson intervals; an answer is right if it asserts its label.\n"]
    )


def card_of(run, cycle):
    """The card in a cycle's model folder with its accuracy."""
    card = cycle / "model/README.md"
    if not card.exists():
        raise StageError(
            f"{card}: no model card: the model was made before 05 wrote one; make it again", code=2
        )
    return f"{card.read_text(encoding='utf-8').rstrip()}\n\n{accuracy_text(run, cycle)}"


def evaluation_text(cycle):
    """eval.json without the paths of this machine."""
    found = evaluation_of(cycle)
    return json.dumps(
        {k: found[k] for k in ("questions", "all", "kinds", "verdicts") if k in found}, indent=1
    )


def write_rows(verified, path):
    """The kept answers of a verified file as lines of the form `messages`; returns how many."""
    from lib.tools.export_forms import messages
    from lib.tools.export_rows import Source, examples

    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for example in examples(Source(verified, "kept", thoughts=False)):
            example.video = os.path.basename(example.record["video"])
            times = {key: time for key in ("start", "end") if (time := example.record.get(key)) is not None}
            row = messages(example, example.answer, **times)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def files_of(cycle):
    """{name on the hub: file, or content} of a cycle's checkpoint, its adapter in it."""
    folder, found = cycle / "model", {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.name not in NOT_SENT:
            found[file.relative_to(folder).as_posix()] = str(file)
    if (config := folder / "adapter/adapter_config.json").exists():
        about = read_json(config)
        base = str(about.get("base_model_name_or_path") or "")
        if os.path.exists(base):  # a folder here is none of the hub's
            about["base_model_name_or_path"] = os.path.basename(base.rstrip("/"))
        found["adapter/adapter_config.json"] = json.dumps(about, indent=1).encode()
    return found


# ---------------------------------------------------------------- the hub


def on_the_hub(name, call, *words, **options):
    """What a call of the hub's API returns. Raises StageError where the hub refuses, or cannot be reached."""
    from httpx2 import HTTPError, TransportError
    from huggingface_hub.errors import LocalTokenNotFoundError

    try:
        return call(*words, **options)
    except LocalTokenNotFoundError:
        raise StageError("no token of the hub: hf auth login, or set HF_TOKEN", code=2) from None
    except (HTTPError, OSError) as error:
        refuses = "cannot be reached" if isinstance(error, (TransportError, ConnectionError)) else "refuses"
        raise StageError(
            f"{name}: the hub {refuses}: {(str(error).splitlines() or [repr(error)])[0]}"
        ) from None


def full_name(api, name):
    """The name of a repository with that of its owner, by default the token's."""
    user = on_the_hub(name, api.whoami)["name"]
    return name if "/" in name else f"{user}/{name}"


def open_repository(api, name, public):
    """Have a repository to write to. Raises StageError for one that is not to be written to."""
    if on_the_hub(name, api.repo_exists, name):
        refuse_others(api, name, public)
    else:
        on_the_hub(name, api.create_repo, name, private=not public)


def refuse_others(api, name, public):
    """Raise StageError (exit code 2) for a repository that holds something else, or that all may see."""
    if not public and not on_the_hub(name, api.repo_info, name).private:
        raise StageError(f"{name}: is there already, and public: PUBLIC=yes, or name another HUB", code=2)
    held = set(on_the_hub(name, api.list_repo_files, name)) - {".gitattributes"}
    if held and ROWS not in held:
        problem = f"{name}: is there already, and holds what make push did not send ({min(held)})"
        raise StageError(f"{problem}; name another HUB", code=2)


def push(run, cycle, name, public, api):
    """Send what a cycle made to the repository `name`. Raises StageError."""
    from huggingface_hub import CommitOperationAdd

    refuse_unfinished(cycle)
    with tempfile.TemporaryDirectory() as folder:
        count = write_rows(cycle / "verified.jsonl", f"{folder}/kept.jsonl")
        sent = {"README.md": card_of(run, cycle).encode(), EVALUATION: evaluation_text(cycle).encode()}
        sent |= {ROWS: f"{folder}/kept.jsonl", **files_of(cycle)}
        sizes = {
            place: len(what) if isinstance(what, bytes) else os.path.getsize(what)
            for place, what in sent.items()
        }
        name, kind = full_name(api, name), "public" if public else "private"
        print(f"{cycle}, {count} kept answers, goes to the {kind} repository {name} of {api.endpoint}:")
        for place, size in sizes.items():
            print(f"  {place}  {size / 1e6:,.1f} MB")
        open_repository(api, name, public)
        operations = [CommitOperationAdd(place, what) for place, what in sent.items()]
        message = f"{cycle.name} of Video-STaR"
        made = on_the_hub(name, api.create_commit, name, operations, commit_message=message)
    print(f"sent: {made.commit_url}")


def main():
    parser = checked_parser(__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("cycle", type=Path, help="folder of the cycle")
    parser.add_argument("--hub", help="name of the repository, e.g. me/my-model")
    parser.add_argument("--public", action="store_true", help="for all to see (default: private)")
    args = parser.parse_args()
    if not args.hub or not NAME.fullmatch(args.hub):
        parser.error(f"--hub {args.hub}: expected the name of a repository (make push HUB=me/my-model)")
    refuse_unfinished(args.cycle)
    from huggingface_hub import HfApi

    push(args.run, args.cycle, args.hub, args.public, HfApi())


if __name__ == "__main__":
    run(main)
