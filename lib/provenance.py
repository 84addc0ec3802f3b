"""What an output was made of and with: settings, inputs, prompts, code, versions, machine. The first four
decide its content, so an output made with others is not taken for finished.
"""

import ast
import hashlib
import json
import os
import platform
import re
import sys
from functools import lru_cache
from importlib import metadata
from importlib.util import decode_source
from pathlib import Path

from lib import prompts

ROOT = Path(__file__).resolve().parent.parent
# how a stage computes and keeps, not what: these modules decide nothing of a content
HOW = (
    "lib/command.py",
    "lib/process.py",
    "lib/output.py",
    "lib/parts.py",
    "lib/files.py",
    "lib/provenance.py",
    "lib/model/cache.py",
    "lib/training/card.py",
)
PROMPTS = "lib/prompts.py"  # known by what it renders: an edited hint is nothing to a stage without hints
CODE = ("prompts", "code ")  # what of a content is code


def sha256(path):
    """Hex digest of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def provenance(settings, inputs, styles=(), code=None):
    """What the sidecar says beside the counts. `styles`: of the prompts that the stage renders; `code`: the
    module that decides the content, where it is not the script.
    """
    script = ROOT / code if code else Path(sys.argv[0])
    return {
        "command": " ".join(sys.argv),
        "settings": settings,
        "inputs": {str(p): sha256(p) for p in inputs},
        "prompts": prompts_digest(tuple(styles)),
        "code": code_of(script) if script.suffix == ".py" and script.is_file() else {},
        "versions": {"python": platform.python_version(), **versions()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def content_of(meta):
    """What decides an output's content: settings, hashes of inputs, prompts and code, flat. Where inputs and
    model lie decides nothing: a run may be moved, and a path written in another way.
    """
    if meta and "settings" not in meta:  # the note of a part begun before code was noted was flat
        named = {name: value for name, value in meta.items() if name.startswith("input ")}
        settings = {name: value for name, value in meta.items() if name not in named}
        meta = {"settings": settings, "inputs": {name[6:]: value for name, value in named.items()}}
    inputs = meta.get("inputs", {})
    content = {k: v for k, v in meta.get("settings", {}).items() if not names_inputs(v, inputs)}
    if "model_identity" in content:
        content.pop("model", None)
    for path, digest in inputs.items():
        name = f"input {os.path.basename(path)}"
        content[name if name not in content else f"{name} ({len(content)})"] = digest
    code = {f"code {path}": digest for path, digest in meta.get("code", {}).items()}
    # before the code was noted, the digest was that of the whole file of prompts
    rendered = {"prompts": meta["prompts"]} if code and "prompts" in meta else {}
    return {**content, **code, **rendered}


def names_inputs(value, inputs):
    """Whether the value of a setting is a path, or are paths, among the inputs."""
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(each, str) and each in inputs for each in values)


def differing(old, new):
    """The names of what differs in two contents. Code that one of them does not know of is no difference: it
    was not noted then, or is not run any more.
    """
    known = [name for name in old.keys() & new.keys() if name.startswith(CODE)]
    others = [name for name in old.keys() | new.keys() if not name.startswith(CODE)]
    return sorted(name for name in [*known, *others] if old.get(name) != new.get(name))


def differences(old, new):
    """Of two contents what differs, a line each."""
    return "\n".join(
        f"  {name}: then {old.get(name)!r}, now {new.get(name)!r}" for name in differing(old, new)
    )


def identity_of(content):
    """The hash of a content, which a finished folder holds in DONE."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def versions():
    """{name: version} of the packages that decide what comes out, of those that are installed."""
    installed = {}
    for name in ("torch", "transformers", "accelerate", "peft", "av", "opencv-python", "numpy"):
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return installed


# ---------------------------------------------------------------- code


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
IMPORT = re.compile(
    r"""^\s* (?: from \s+ (?P<package>lib[\w.]*) \s+ import \s+ (?: \( (?P<several>[^)]*) \) | (?P<names>.*) )
              | import \s+ (?P<module>lib[\w.]*) )""",
    re.MULTILINE | re.VERBOSE,
)


@lru_cache
def code_of(script):
    """{path from the project's root: digest} of a script and of all modules of lib/ that it may import, by
    what they do: comments, docstrings and layout do not count.
    """
    digests, left = {}, [Path(script).resolve()]
    while left:
        path = left.pop()
        # a script may be copied elsewhere
        name = os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else path.name
        if name in digests or name in HOW:
            continue
        source = decode_source(path.read_bytes())  # as Python reads it: with a mark, or in another encoding
        if name != PROMPTS:
            digests[name] = digest_of(source)
        left += imported(source)
    return dict(sorted(digests.items()))


def imported(source):
    """The files of lib/ that a module imports, wherever it does."""
    for match in IMPORT.finditer(source):
        package = match["package"] or match["module"]
        names = re.findall(r"\w+", match["several"] or (match["names"] or "").partition("#")[0])
        for name in [package, *(f"{package}.{name}" for name in names)]:
            path = ROOT / name.replace(".", "/")
            yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())


def digest_of(source):
    """The hash of what a source says to Python: the same in any version of Python, unlike its bytecode."""
    return hashlib.sha256("\0".join(meaning(ast.parse(source))).encode()).hexdigest()[:16]


def meaning(tree):
    """Yields the syntax tree as words, without docstrings, places and what is empty."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            yield "["
            stack += reversed(node)
        elif isinstance(node, ast.AST):
            yield type(node).__name__
            for name, value in ast.iter_fields(node):
                if name == "body" and isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False):
                    value = value[1:]
                if value not in (None, []) and name not in ("kind", "type_comment"):
                    stack += [value, name]
        else:
            yield repr(node)


# ---------------------------------------------------------------- prompts

BOX = [{"name": "where", "kind": "box", "value": [0.1, 0.2, 0.3, 0.4]}]
EXAMPLES = [
    [{"name": "action", "kind": "class", "value": "moving left"}],
    [{"name": "what", "kind": "text", "value": "A man dives."}],
    [{"name": "steps", "kind": "sequence", "value": ["turn", "dive"]}],
    [{"name": "when", "kind": "interval", "value": [1.0, 2.5]}],
    [{"name": "when", "kind": "interval", "value": [[0.1, 0.25], [0.5, 1.0]], "unit": "fraction"}],
    [{"name": "at", "kind": "time", "value": 3.25}],
    BOX,
    [{"name": "which", "kind": "choice", "value": "B", "options": ["A. cat", "B. dog"]}],
    [
        {"name": "dive_score", "kind": "number", "value": 63.0},
        {"name": "left", "kind": "boolean", "value": True},
    ],
]
BOXES = [
    {"labels": BOX, "boxes": "1000"},
    {"labels": BOX, "boxes": "pixels", "frame_size": [644, 476]},
]


@lru_cache
def prompts_digest(styles):
    """The hash of what prompts of these styles say, on a record of each kind."""
    question = "What is shown? <video>"
    rendered = [prompts.label_text(labels) for labels in EXAMPLES]
    rendered.append(prompts.strip_placeholders("a <video> <|im_end|> <|vision_start|> <IMG_CONTEXT> b"))
    for style in styles:
        rendered += [prompts.render({"question": question, "labels": labels}, style) for labels in EXAMPLES]
        rendered += [prompts.render({"question": question, **box}, style) for box in BOXES]
    return hashlib.sha256(repr(rendered).encode()).hexdigest()
