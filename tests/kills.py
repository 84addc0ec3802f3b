"""Kills every stage of a small run again and again, and looks whether a record is lost, doubled or wrong.

    python tests/kills.py runs/kills --kills 1000 --seed 0
    python tests/kills.py runs/kills --kills 50 --only "^05"  # jobs by name

Not a test that pytest collects: 1,000 kills take about an hour of two slow cores. RUN/whole is an undisturbed
`make smoke`. In RUN/killed each command of it is started, SIGKILLed, started again ..., as many times as its
share of --kills; what a start finishes is compared with RUN/whole, removed, and begun anew. 02 and 03 are
killed as two --shard jobs too, and 02 as the two processes of a launch. 05 trains on 23 answers marked as
kept, as a base of 20 steps gives none. A kill falls at a random time (of what the undisturbed command takes),
or just after a random change on disk, or just before a random line of what writes there (die_at.py).

After each kill: whatever has its final name is whole and as in RUN/whole, with its sidecar; the whole lines
of a part are those of the undisturbed run, each key once; what was finished before is there still (01 and 04,
of seconds, begin anew); the saved state of 05 is readable, its losses those of the undisturbed run, no step
fewer. When finished: JSONL, videos and checkpoints have the same bytes, eval.json and sidecars the same
figures, and nothing is left beside them. "refused": a start that did not go on. Exit code 1 where any of
these is found.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lib.tools import smoke  # noqa: E402

# conftest (with pytest) and torch are imported where they are used: each process started imports this again
FLAGS = [re.sub("--batch-size 48", "--batch-size 6", flag) for flag in smoke.FLAGS]
FLAGS = [re.sub("--batch-size 16", "--batch-size 8 --save-every 1", flag) for flag in FLAGS]
# what two runs may differ in: where they lie, how long they took, in how many goes
ABOUT = "command settings inputs code versions machine seconds speed resumed_records processes".split()
# the hash of settings with their paths; of the last go, which may have found all answered
ABOUT += ["identity", "sampling", "out_of_memory"]
PART = re.compile(r"(.*)\.part(\.\d+of\d+)?")
FAULTS = ("lost", "doubled", "wrong", "refused", "left")


@dataclass
class Job:
    """Commands that run at the same time and make one output."""

    name: str
    commands: list  # words after `python`, of each process
    environments: list
    resumes: bool = True
    shards: bool = False
    seconds: float = 0.0  # undisturbed
    lines: dict = field(default_factory=dict)  # {place: times} that it comes to
    changes: int = 1  # on disk
    makes: set = field(default_factory=set)  # files, from the run's folder
    tally: Counter = field(default_factory=Counter)


# ---------------------------------------------------------------- the commands


def plain(run):
    """The commands of smoke in the folder `run`: strings for a shell, and Jobs."""
    for command in smoke.commands("cycle", *FLAGS, f"RUN={run}", f"PY={sys.executable}"):
        words = shlex.split(command)
        if words[0] != sys.executable:
            yield command
        elif "lib.tools.results" not in words:
            words = [re.sub("verified.jsonl", "kept.jsonl", w) if "05_" in words[1] else w for w in words[1:]]
            output = words[words.index("-o") + 1]
            script = "base" if words[0] == "-m" else words[0][:2]
            cycle = re.search(r"cycle\d", output)
            name = f"{script} {cycle[0]}" if cycle else script
            yield Job(name, [words], [{}], script not in ("01", "04"))


def variants(job):
    """The same work as independent jobs and as processes of one launch, for those stages that take it."""
    words, script = job.commands[0], job.name[:2]
    if script in ("02", "03"):
        shards = [[*words, "--shard", f"{n}/2"] for n in range(2)]
        yield Job(f"{job.name}, 2 shards", shards, [{}, {}], shards=True)
    if script == "02" and job.name.endswith("1"):
        ranks = [{"WORLD_SIZE": "2", "RANK": str(n), "LOCAL_RANK": str(n)} for n in range(2)]
        yield Job(f"{job.name}, 2 processes", [words, words], ranks)


def keep_some(run):
    """Beside each verified.jsonl that is there, kept.jsonl: its first answers to each question, marked."""
    for path in Path(run).glob("cycle*/verified.jsonl"):
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        rows = [r for r in rows if r["origin"] == "direct" and r["sample"] == 0]
        rows = [{k: v for k, v in r.items() if k != "truncated"} for r in rows]
        marked = ({**r, "keep": True, "answer": r["answer"] or "It is red."} for r in rows)
        path.with_name("kept.jsonl").write_text("".join(json.dumps(r) + "\n" for r in marked))


def start(job, victim=0, plan=None):
    """The job's processes; the victim runs under die_at.py where there is a plan for it."""
    from conftest import Fork, free_port

    port, forks = str(free_port()), []
    for number, (words, more) in enumerate(zip(job.commands, job.environments)):
        traced = ["tests/die_at.py", json.dumps(plan)] if plan and number == victim else []
        environment = {**os.environ, **more, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
        forks.append(Fork([sys.executable, *traced, *words], environment if more else None))
    return forks


# ---------------------------------------------------------------- what lies there


def files_in(run):
    return {os.path.join(place, name) for place, _, names in os.walk(run) for name in names}


def state_of(folder):
    """Names, sizes and times of what is in a folder: what a change shows in."""
    found = set()
    for path in files_in(folder):
        try:
            about = os.stat(path)
        except FileNotFoundError:
            continue
        found.add((path, about.st_ino, about.st_size, about.st_mtime_ns))
    return found


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def figures(path):
    """A result or sidecar without what two runs may differ in."""
    found = json.loads(Path(path).read_text())
    return {k: v for k, v in found.items() if k not in ABOUT and k != "output_sha256"}


def key_of(line):
    record = json.loads(line)
    return record["id"], record.get("origin", ""), record.get("sample", 0)


def lines_of(path):
    """{key: whole line} of a JSONL file or part, and how many keys stand there twice without an error."""
    found, twice = {}, 0
    for line in Path(path).read_bytes().split(b"\n")[:-1]:
        key = key_of(line)
        twice += key in found
        if "error" not in json.loads(line):
            found[key] = line
    return found, twice


class Watch:
    """What a job has done so far in RUN/killed, against RUN/whole; faults go to its tally and `said`."""

    def __init__(self, job, whole, killed, said):
        self.job, self.whole, self.killed, self.said = job, whole, killed, said
        self.before, self.kept, self.steps = files_in(killed), {}, {}
        self.moment = "undisturbed"

    def fault(self, kind, number, what):
        if number:
            self.job.tally[kind] += int(number)
            self.said.append(f"{self.job.name}: {kind} {int(number)}: {what} (killed {self.moment})")
            print(f"  {self.said[-1]}", flush=True)

    def reset(self):
        """Remove what the job has made."""
        for path in files_in(self.killed) - self.before:
            os.unlink(path)
        for place, folders, names in os.walk(self.killed, topdown=False):
            if not folders and not names or not os.listdir(place):
                os.rmdir(place)
        for path in self.before:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        self.kept, self.steps = {}, {}

    def check(self, finished=False):
        """Compare what lies there; `finished`: all of it has to."""
        new = {os.path.relpath(path, self.killed) for path in files_in(self.killed) - self.before}
        parts = {}
        for name in sorted(new):
            if name in self.job.makes:
                self.compare(name, finished)
            elif ".part/" not in name and (match := PART.fullmatch(name)):
                parts.setdefault(match[1], []).append(name)
        for name in parts.keys() | {n for n in self.job.makes if f"{n}.meta.json" in self.job.makes}:
            if name.endswith(".jsonl"):
                self.records(name, parts.get(name, []))
        if finished:
            for name in sorted(self.job.makes - new):
                self.fault("lost", 1, f"{name} is not there")
            left = sorted(new - self.job.makes)
            self.fault("left", len(left), f"beside the finished output: {', '.join(left)[:300]}")
        else:
            for name in {n.partition(".part/")[0] for n in new if ".part/" in n} | set(self.steps):
                self.training(name)

    def compare(self, name, finished):
        """A file of a final name with that of the undisturbed run, and with its own sidecar."""
        ours, theirs = self.killed / name, self.whole / name
        if name.endswith((".meta.json", "eval.json")):
            if finished or name.endswith("eval.json"):
                same = figures(ours) == figures(theirs)
                self.fault("wrong", not same, f"{name}: other figures")
        elif name.endswith(".sqlite") or name.endswith("/DONE"):
            pass  # what was seen of videos, with their times; the hash of settings, with their paths
        elif ours.read_bytes() != theirs.read_bytes():
            if name.endswith(".jsonl") and "verdicts" not in name and "facts" not in name:
                here, twice = lines_of(ours)
                there, _ = lines_of(theirs)
                self.fault("lost", len(there.keys() - here.keys()), f"{name}, of its final name")
                self.fault("doubled", twice, name)
                wrong = [key for key, line in here.items() if there.get(key) != line]
                self.fault("wrong", len(wrong), f"{name}: {wrong[:3]}")
                self.fault("wrong", here == there, f"{name}: another order")
            else:
                self.fault("wrong", 1, f"{name}: other bytes")
        self.sidecar(name)

    def sidecar(self, name):
        """Whether an output is what its sidecar says."""
        ours, folder = self.killed / name, name.endswith("/DONE")
        sidecar = f"{name.removesuffix('/DONE')}.meta.json"
        if sidecar in self.job.makes:
            held = json.loads((self.killed / sidecar).read_text()) if (self.killed / sidecar).exists() else {}
            is_so = ours.read_text().strip() if folder else sha256(ours)
            right = held.get("identity" if folder else "output_sha256") == is_so
            self.fault("wrong", not right, f"{name}: not what its sidecar says")

    def records(self, name, parts):
        """The finished records of a JSONL output: in it, or in its parts until it is there."""
        there, _ = lines_of(self.whole / name)
        now = {}
        for path in [name] if (self.killed / name).exists() else parts:
            here, twice = lines_of(self.killed / path)
            self.fault("doubled", twice + len(here.keys() & now.keys()), path)
            wrong = [key for key, line in here.items() if there.get(key) != line]
            self.fault("wrong", len(wrong), f"{path}: {wrong[:3]}")
            now |= here
        if self.job.resumes:
            gone = self.kept.get(name, set()) - now.keys()
            self.fault("lost", len(gone), f"{name}: finished before, and gone: {sorted(gone)[:3]}")
        self.kept[name] = set(now)

    def training(self, name):
        """The saved state of a training: readable, as far as before at least, of the undisturbed losses."""
        state, steps = self.killed / f"{name}.part/state.pt", 0
        if (self.killed / name / "DONE").exists():
            return
        if state.exists():
            import torch

            saved = torch.load(state, weights_only=True)
            losses = saved["losses"] if isinstance(saved, dict) else saved[-1]
            expected = json.loads((self.whole / f"{name}.meta.json").read_text())["losses"]
            self.fault("wrong", losses != expected[: len(losses)], f"{state}: losses of another training")
            steps = len(losses)
        self.fault("lost", max(self.steps.get(name, 0) - steps, 0), f"{name}: trained steps, now {steps}")
        self.steps[name] = steps


# ---------------------------------------------------------------- kill


def undisturbed(job, watch):
    """Run the job to its end; returns whether all of its processes said so."""
    forks = start(job)
    for fork in forks:
        done = fork.finish()
        if done.returncode:
            watch.fault("refused", 1, f"exit code {done.returncode}: {done.stderr.strip()[-400:]}")
    return all(fork.poll() == 0 for fork in forks)


def survey(job, watch, folder):
    """Run the job undisturbed in RUN/killed: what it makes, which lines it comes to, how often the disk
    changes, how long it takes. The result has to be that of RUN/whole.
    """
    note = folder / "lines.json"
    forks, seen, before = start(job, 0, {"note": str(note)}), 0, None
    while any(fork.poll() is None for fork in forks):
        now = state_of(watch.killed)
        seen, before = seen + (now != before), now
        time.sleep(0.002)
    for fork in forks:
        done = fork.finish()
        if done.returncode:
            sys.exit(f"{job.name}: ended with {done.returncode} undisturbed\n{done.stderr}")
    complete(job, watch)
    job.lines, job.changes = json.loads(note.read_text()), max(seen, 1)
    job.makes = {os.path.relpath(path, watch.killed) for path in files_in(watch.killed) - watch.before}
    watch.check(finished=True)
    watch.reset()
    began = time.time()
    undisturbed(job, watch)
    job.seconds = time.time() - began
    complete(job, watch)
    watch.check(finished=True)
    watch.reset()


def complete(job, watch):
    """Shards that all ended with 0 may have left the merge to each other: start one again, and count that."""
    output = job.commands[0][job.commands[0].index("-o") + 1]
    for _ in range(3):
        if os.path.exists(output) or not job.shards:
            return
        job.tally["unmerged"] += 1
        undisturbed(job, watch)


def draw(job, rng):
    """(what is said of the moment, seconds, changes on disk, plan of die_at.py): one of the last three."""
    kind = rng.random()
    if kind < 0.45:
        seconds = rng.uniform(0, 1.05 * job.seconds)
        return f"after {seconds:.2f} s", seconds, None, None
    if kind < 0.65:
        change = rng.randint(1, job.changes)
        return f"after change {change} on disk", None, change, None
    line = rng.choice(sorted(job.lines))
    times = rng.randint(1, job.lines[line]) if rng.random() < 0.5 else 1
    return f"before {line}, time {times}", None, None, {"line": line, "times": times}


def attempt(job, watch, rng):
    """Start the job once and kill it; returns (whether a kill met it, whether all ended by themselves)."""
    watch.moment, seconds, change, plan = draw(job, rng)
    victim, others_live = rng.randrange(len(job.commands)), job.shards and rng.random() < 0.5
    began, seen, before = time.time(), 0, state_of(watch.killed)
    forks = start(job, victim, plan)
    while forks[victim].poll() is None:
        if change:
            now = state_of(watch.killed)
            seen, before = seen + (now != before), now
        if seconds and time.time() - began > seconds or change and seen >= change:
            kill(forks[victim])
            forks[victim].wait()
        time.sleep(0.001)
    met = forks[victim].poll() == -9
    for fork in forks:
        if met and not others_live:
            kill(fork)
        done = fork.finish()
        # of one launch, the others may fail as they lose one
        allowed = (0, -9) if job.shards or not met else (0, 1, -9, -6)
        if done.returncode not in allowed:
            watch.fault("refused", 1, f"exit code {done.returncode}: {done.stderr.strip()[-600:]}")
            return met, None
    return met, all(fork.poll() == 0 for fork in forks)


def kill(fork):
    if fork.poll() is None:
        try:
            fork.send_signal(9)
        except ProcessLookupError:
            pass  # it has just ended


def hammer(job, watch, kills, rng):
    """Kill the job so many times; its output is finished and there at the end."""
    began = time.time()
    while job.tally["kills"] < kills:
        met, ended = attempt(job, watch, rng)
        job.tally["attempts"] += 1
        job.tally["kills"] += met
        if job.tally["attempts"] % 20 == 0:
            print(f"  {job.name}: {job.tally['kills']} kills, {time.time() - began:.0f} s", flush=True)
        if ended is None:  # refused: go on from nothing
            watch.reset()
            continue
        watch.check()
        if ended and not met:
            complete(job, watch)
            watch.check(finished=True)
            job.tally["finished"] += 1
            watch.reset()
    if not undisturbed(job, watch):
        watch.reset()
        undisturbed(job, watch)
    complete(job, watch)
    watch.check(finished=True)
    job.tally["finished"] += 1
    job.tally["seconds"] = round(time.time() - began)


# ---------------------------------------------------------------- all


def whole_run(folder):
    """RUN/whole; returns {name of a job: seconds}."""
    seconds = {}
    start(Job("", [["01_prepare.py", "--help"]], [{}]))[0].finish()  # imports for all that follow
    for step in plain(folder):
        if isinstance(step, str):
            subprocess.run(["bash", "-euo", "pipefail", "-c", step], check=True)
            continue
        keep_some(folder)
        began = time.time()
        done = start(step)[0].finish()
        if done.returncode:
            sys.exit(f"{step.name}: {done.stderr}")
        seconds[step.name] = time.time() - began
    return seconds


def row(name, tally):
    columns = [tally[key] for key in ("kills", "attempts", "finished", *FAULTS, "seconds")]
    return f"| {name:<22} |" + "".join(f" {value:>8} |" for value in columns)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder, which is made anew")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="jobs whose name matches this regular expression")
    args = parser.parse_args()
    shutil.rmtree(args.run, ignore_errors=True)
    folder, said, jobs, began = args.run.resolve(), [], [], time.time()
    os.chdir(ROOT)
    seconds = whole_run(folder / "whole")
    print(f"undisturbed: {sum(seconds.values()):.0f} s", flush=True)
    try:
        killed_run(folder, args, seconds, jobs, said)
    except KeyboardInterrupt:
        print("interrupted: what there is so far")
    show(jobs, said, time.time() - began)
    sys.exit(any(job.tally[fault] for job in jobs for fault in FAULTS))


def killed_run(folder, args, seconds, jobs, said):
    """RUN/killed, with the kills shared out so that all jobs take about as long; the Jobs go to `jobs`."""
    whole, killed, rng = folder / "whole", folder / "killed", random.Random(args.seed)
    steps = list(plain(killed))
    named = [
        (job.name, step.name) for step in steps if isinstance(step, Job) for job in (*variants(step), step)
    ]
    shares = {name: 1 / (seconds[of] + 0.3) for name, of in named if re.search(args.only, name)}
    for step in steps:
        keep_some(killed)
        if isinstance(step, str):
            subprocess.run(["bash", "-euo", "pipefail", "-c", step], check=True)
            continue
        for job in (*variants(step), step):
            watch = Watch(job, whole, killed, said)
            if job.name in shares:
                left = args.kills - sum(other.tally["kills"] for other in jobs)
                kills = round(left * shares[job.name] / sum(shares.values()))
                del shares[job.name]
                survey(job, watch, folder)
                jobs.append(job)
                hammer(job, watch, kills, rng)
                print(row(job.name, job.tally), flush=True)
            elif job is step:
                undisturbed(job, watch)
            if job is not step:
                watch.reset()


def show(jobs, said, seconds):
    heads = ("kills", "attempts", "finished", *FAULTS, "seconds")
    print(f"\n| {'stage':<22} |" + "".join(f" {head:>8} |" for head in heads))
    print("|---|" + "---|" * len(heads))
    total = Counter()
    for job in jobs:
        print(row(job.name, job.tally))
        total.update(job.tally)
    total["seconds"] = round(seconds)
    print(row("all", total))
    print(f"{total['unmerged']} times all shards ended and one had to be started again to merge")
    print(*said, sep="\n")


if __name__ == "__main__":
    main()
