"""Following a run in TensorBoard, Weights & Biases or Trackio, through accelerate's trackers.

What is followed has a run of its own in the tracker, in a project called as the run's folder; whoever says it
keeps the id in a file beside the work, so that a restart goes on in the same one. TensorBoard's files lie in
RUN/tensorboard.
"""

import importlib.util
import uuid
from pathlib import Path

from lib.records import StageError

# of each tracker the packages of which it needs one
PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX"), "wandb": ("wandb",), "trackio": ("trackio",)}
TRACKERS = ("none", *PACKAGES)


def add_flag(parser):
    """Add --report-to."""
    text = "follow it there; keys and servers are the tracker's own matter (default: %(default)s)"
    parser.add_argument("--report-to", choices=TRACKERS, default="none", help=text)


def check_tracker(name):
    """Raises StageError (exit code 2) for a tracker that is not known, or whose package is not there."""
    if name not in TRACKERS:
        raise StageError(f"--report-to {name}: expected one of {', '.join(TRACKERS)}", code=2)
    packages = PACKAGES.get(name)
    if packages and not any(map(importlib.util.find_spec, packages)):
        raise StageError(
            f"--report-to {name}: the package {packages[0]} is not installed; pip install {packages[0]}, or "
            "leave it out",
            code=2,
        )


def place_of(path):
    """(folder of the run that an output belongs to, its name in there): the nearest folder above that make
    runs in, else the one it lies in.
    """
    path = Path(path).absolute()
    run = next((folder for folder in path.parents if (folder / "run.mk").exists()), path.parent)
    return run, "-".join(path.relative_to(run).parts)


def options(name, path):
    """What accelerate's Accelerator is to be told in order to follow the output `path`."""
    return {} if name == "none" else {"log_with": name, "project_dir": str(place_of(path)[0] / name)}


def new_id():
    """The id of a run that the tracker does not know yet."""
    return uuid.uuid4().hex[:8]


def begin(accelerator, name, path, id, settings, done=0):
    """Begin, or go on with, the tracker's run `id` about the output `path`, after `done` steps. Raises
    StageError where accelerate does not see the tracker's package.
    """
    if name == "none":
        return
    if not accelerator.log_with:  # it would say so in a debug message, and follow nothing
        raise StageError(
            f"--report-to {name}: accelerate finds no working package {name}; install it anew", code=2
        )
    run, about = place_of(path)
    title = f"{about}-{id}"
    if name == "tensorboard":  # its project is a folder; what a killed process wrote beyond `done` goes
        project, how = title, {"purge_step": done + 1}
    else:
        project, how = run.name, {"name": title, "resume": "allow"}
    if name == "wandb":
        run.mkdir(parents=True, exist_ok=True)
        how |= {"id": title, "dir": str(run)}
    plain = {key: value for key, value in settings.items() if isinstance(value, (bool, int, float, str))}
    accelerator.init_trackers(project, None if done else plain, {name: how})


def end(accelerator):
    """Close what was begun. Not accelerate's end_training, which would part from the other processes too."""
    for tracker in accelerator.trackers:
        tracker.finish()


def main():
    """For make: print why the tracker that is named cannot be used; nothing where it can."""
    from lib.command import checked_parser

    parser = checked_parser(main.__doc__)
    parser.add_argument("tracker", help=f"one of {', '.join(TRACKERS)}")
    try:
        check_tracker(parser.parse_args().tracker)
    except StageError as error:
        print(error)


if __name__ == "__main__":
    main()
