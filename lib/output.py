"""An output that exists only when its stage finished, and is resumed until then.

An output X grows as X.part and is renamed when complete; X.part.json holds the settings it was begun with and
the lock. Under torchrun rank r > 0 writes X.part.r, and rank 0 merges by id, in the order of the input.
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path

from lib import prompts
from lib.command import barrier, world
from lib.records import StageError, key_of, line_of, read_jsonl

BEGAN = time.time()  # of this process: the seconds in a sidecar include the loading of torch and the model
# at most this much finished work is lost to a power cut; a killed process loses only its current batch
FSYNC_SECONDS = 10


def sha256(path):
    """Hex digest of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def provenance(settings, inputs):
    """What the sidecar says beside the counts: command, settings, hashes, versions, machine."""
    return {
        "command": " ".join(sys.argv),
        "settings": settings,
        "inputs": {str(p): sha256(p) for p in inputs},
        "prompts": sha256(prompts.__file__),
        "script": sha256(sys.argv[0]) if os.path.isfile(sys.argv[0]) else None,
        "versions": {"python": platform.python_version(), **versions()},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def versions():
    """{name: version} of the packages that decide what comes out, of those that are installed."""
    installed = {}
    for name in ("torch", "transformers", "accelerate", "peft", "av", "opencv-python", "numpy"):
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return installed


def content_of(meta):
    """What decides an output's content: settings and hashes of the inputs, flat."""
    inputs = {f"input {path}": digest for path, digest in meta.get("inputs", {}).items()}
    return {**meta.get("settings", {}), **inputs}


def differences(old, new):
    """Of two such dicts what differs, a line each."""
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    return "\n".join(f"  {name}: then {old.get(name)!r}, now {new.get(name)!r}" for name in names)


def write_atomically(path, text):
    """A small file, complete or not there at all."""
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


class Output:
    """An output that exists only when its stage finished: a JSONL file, or with `folder` a folder that holds
    DONE.

    with Output(...) as out:
        if out.complete: ...           # made before with these settings and inputs: nothing to do
        out.done                       # finished records by key; those with an error are tried again
        out.write(record); out.finish(keys)

    `resume=False`: a stage of seconds starts its part anew and keeps nothing in memory.
    """

    def __init__(self, path, settings, inputs, overwrite=False, folder=False, resume=True):
        self.path, self.part, self.note = str(path), f"{path}.part", f"{path}.part.json"
        self.rank, self.world = world()
        self.folder, self.resume, self.overwrite = folder, resume, overwrite
        self.about = provenance(settings, inputs)
        self.content = content_of(self.about)
        self.identity = hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()
        self.done, self.failed, self.complete, self.file, self.lock = {}, 0, False, None, None

    def __enter__(self):
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        if self.rank == 0:
            self._acquire()
        barrier()
        self.complete = self._is_complete()
        if self.complete:
            if self.rank == 0:  # for make: newer than its inputs, whose content is the same
                os.utime(os.path.join(self.path, "DONE") if self.folder else self.path)
        elif self.folder:
            os.makedirs(self.part, exist_ok=True)
        else:
            for part in self._parts() if self.resume else []:
                self._read_part(part)
            barrier()  # every rank has read every part before one appends
            self.file, self.synced = open(self._own_part(), "ab" if self.resume else "wb"), time.time()
        self.resumed = len(self.done)
        return self

    def __exit__(self, *_):
        if self.file:
            self.file.close()
            self.file = None
        if self.lock:
            if self.complete:
                os.unlink(self.note)
            self.lock.close()

    def _own_part(self):
        return self.part if self.rank == 0 else f"{self.part}.{self.rank}"

    def _parts(self):
        others = sorted(
            p
            for p in map(str, Path(self.part).parent.glob(Path(self.part).name + ".*"))
            if p.rsplit(".", 1)[1].isdigit()
        )
        return [p for p in [self.part, *others] if os.path.exists(p)]

    def _acquire(self):
        while True:
            lock = open(self.note, "a+")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StageError(
                    f"{self.path}: another process is writing it now; wait for it, or write elsewhere with -o"
                ) from None
            if os.path.exists(self.note) and os.fstat(lock.fileno()).st_ino == os.stat(self.note).st_ino:
                break
            lock.close()  # the other writer has just finished and removed the note
        self.lock = lock
        lock.seek(0)
        text = lock.read()
        begun = json.loads(text) if text.strip() else None
        if self._is_complete():
            return
        if os.path.exists(self.path) and not self.overwrite:
            if begun is None:
                os.unlink(self.note)
            raise StageError(
                f"{self.path}: exists already, made with other settings:\n"
                f"{differences(content_of(self._meta()), self.content)}\n  write elsewhere with -o, or "
                "replace "
                "it with --overwrite"
            )
        if self.resume and begun not in (None, self.content) and self._parts():
            raise StageError(
                f"{self.part}: begun with other settings:\n{differences(begun, self.content)}\n  use those "
                f"settings to go on, or remove {self.part}* to start anew"
            )
        lock.seek(0), lock.truncate()
        lock.write(json.dumps(self.content, indent=1))
        lock.flush()

    def _meta(self):
        try:
            with open(f"{self.path}.meta.json", encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def _is_complete(self):
        if self.folder:
            done = Path(self.path) / "DONE"
            return done.exists() and done.read_text().strip() == self.identity
        meta = self._meta()
        return (
            os.path.isfile(self.path)
            and content_of(meta) == self.content
            and meta.get("output_sha256") == sha256(self.path)
        )

    def _read_part(self, part):
        with open(part, "rb+") as file:
            good = 0
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break  # a torn last line: the process died while writing it
                try:
                    record = json.loads(line)
                except (UnicodeDecodeError, json.JSONDecodeError):
                    raise StageError(
                        f"{part}:{number}: not JSON; found {line[:60]!r}; remove this line and run the same "
                        "command again"
                    ) from None
                good += len(line)
                if "error" not in record:
                    self.done[key_of(record)] = record
            number = 0 if part == self.part else int(part.rsplit(".", 1)[1])
            if number % self.world == self.rank:  # its own, and those of a launch with more processes
                file.truncate(good)

    def write(self, *records):
        """Append finished records; they survive the death of this process from here on."""
        for record in records:
            self.file.write(line_of(record))
            self.failed += "error" in record
            if self.resume:
                self.done[key_of(record)] = record
        self.file.flush()
        if time.time() - self.synced > FSYNC_SECONDS:
            os.fsync(self.file.fileno())
            self.synced = time.time()

    def check_budget(self, allowed, total):
        """Raise StageError when more records failed (in this process) than `allowed`: a share of `total`
        below 1, else a count.
        """
        if self.failed > (allowed * total if allowed < 1 else allowed):
            last = next((r for r in reversed(self.done.values()) if "error" in r), None)
            raise StageError(
                f"{self.failed} of {total} records failed, more than --max-failures {allowed:g} allows"
                + (f"; the last: {last['id']}: {last['error']}" if last else "")
                + (
                    f"\n  {self.part} keeps what is finished: mend the cause and run the same command again, "
                    "or raise --max-failures"
                )
            )

    def finish(self, keys=None, allowed=1.0, **counts):
        """Complete the output: all parts merged in the order of `keys` (None: this process's part as it is),
        sidecar, rename. Rank 0 alone writes.

        Raises StageError where a key is missing or more than `allowed` failed.
        """
        if not self.folder:
            self.file.flush()
            os.fsync(self.file.fileno())
        barrier()
        if self.rank == 0:
            if self.folder:
                write_atomically(os.path.join(self.part, "DONE"), self.identity + "\n")
                self._write_meta(None, **counts)
                if os.path.isdir(
                    self.path
                ):  # replaced: two renames, no moment at which a half checkpoint bears the name
                    shutil.rmtree(f"{self.path}.old", ignore_errors=True)
                    os.rename(self.path, f"{self.path}.old")
                os.rename(self.part, self.path)
                shutil.rmtree(f"{self.path}.old", ignore_errors=True)
            elif keys is None:
                self._write_meta(sha256(self.part), **counts)
                os.replace(self.part, self.path)
            else:
                self._merge(keys, allowed, counts)
            self.complete = True
        barrier()

    def _merge(self, keys, allowed, counts):
        for part in self._parts():  # what other ranks finished meanwhile; an answer beats an error
            for _, record in read_jsonl(part):
                if "error" not in record or key_of(record) not in self.done:
                    self.done[key_of(record)] = record
        missing = [key for key in keys if key not in self.done]
        if missing:
            raise StageError(
                f"{self.part}: {len(missing)} of {len(keys)} records are missing, the first {missing[0]!r}; "
                "run the same command again"
            )
        self.failed = sum("error" in self.done[key] for key in keys)
        self.check_budget(allowed, len(keys))
        merged = f"{self.path}.merged"
        with open(merged, "wb") as file:
            file.writelines(line_of(self.done[key]) for key in keys)
            file.flush()
            os.fsync(file.fileno())
        self._write_meta(
            sha256(merged), records=len(keys), failed=self.failed, resumed_records=self.resumed, **counts
        )
        os.replace(merged, self.path)
        for part in self._parts():
            os.unlink(part)

    def _write_meta(self, digest, **counts):
        meta = {
            **self.about,
            "output_sha256": digest,
            "seconds": round(time.time() - BEGAN, 1),
            "processes": self.world,
            **counts,
        }
        write_atomically(f"{self.path}.meta.json", json.dumps(meta, indent=1))
