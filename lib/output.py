"""An output that exists only when its stage finished, and is resumed until then.

An output X grows as X.part and is renamed when complete; X.part.json holds the settings it was begun with and
the lock. The processes of a launch, and independent jobs (--shard), each write a part of their own, and
whoever finishes last merges all in the order of the input (parts.py).
"""

import fcntl
import json
import os
import random
import shutil
import time
from pathlib import Path

from lib.files import read_json, refuse_to_replace, write_atomically
from lib.parts import WHOLE, finished_in, is_finished, merge, open_part, part_of, parts_of, side_files
from lib.process import barrier, world
from lib.provenance import CODE, content_of, differences, differing, identity_of, provenance, sha256
from lib.records import StageError, line_of

BEGAN = time.time()  # of this process: the seconds in a sidecar include the loading of torch and the model
# at most this much finished work is lost to a power cut; a killed process loses only its current batch
FSYNC_SECONDS = 10
BESIDE = ("finished", "missed")  # what stands beside a part until all is merged
PATIENCE = 20  # seconds that a shard waits for another one that writes down with what settings both began


class Output:
    """An output that exists only when its stage finished: a JSONL file, or with `folder` a folder that holds
    DONE.

    with Output(...) as out:
        if out.complete: ...      # made before, with these settings, inputs, prompts and code
        out.done                  # hashes of the keys of finished records; failed ones are tried again
        out.write(record)
        out.finish(keys)

    `settings` decide the content, `inputs` are files that do, `styles` those of the prompts it renders. What
    stands in `inputs` and `uses` is never replaced. `shard` (number, of how many): one of several independent
    jobs on the output. `trust`: what other prompts or code made is taken as it is, and the sidecar says so.
    `code`: the module whose code decides the content, where it is not the whole script. `scraps`: patterns of
    what a folder needs only until it is finished, and no longer than that.
    `resume=False`: a stage of seconds starts its part anew.
    """

    def __init__(
        self,
        path,
        settings,
        inputs,
        overwrite=False,
        folder=False,
        resume=True,
        styles=(),
        uses=(),
        shard=WHOLE,
        trust=False,
        code=None,
        scraps=(),
    ):
        self.path = str(path).rstrip("/") or "/"
        self.part, self.note = part_of(self.path), f"{self.path}.part.json"
        self.rank, self.world = world()
        self.shard, self.share = shard, (self.rank, self.world) if shard == WHOLE else shard
        self.folder, self.resume, self.overwrite, self.trust = folder, resume, overwrite, trust
        self.scraps, self.of_others = scraps, False
        beside = [self.path, self.part, self._own_part(), self.note, f"{self.path}.meta.json"]
        refuse_to_replace(self.path, beside, [*inputs, *uses], folder)
        self.about = provenance(settings, inputs, styles, code)
        self.content, self.trusted = content_of(self.about), {}
        self.done, self.failed, self.lasting, self.total, self.last_error = set(), 0, 0, 0, None
        self.complete, self.file, self.lock, self.resumed = False, None, None, 0

    def __enter__(self):
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        if self.rank == 0:
            self._acquire()
            if self.folder:
                self._go_on_ending()
        barrier()
        self.complete = self._is_complete()
        if self.complete:
            if self.rank == 0:
                self._confirm()
        elif self.folder:
            os.makedirs(self.part, exist_ok=True)
        else:
            self.file = open_part(self._own_part(), append=self.resume)
            self.done = finished_in(self._parts_to_read() if self.resume else [])
            barrier()  # every rank has read the parts of other launches before one merges
            self.synced = time.time()
        self.resumed = len(self.done)
        return self

    def __exit__(self, *_):
        if self.file:
            self.file.close()
            self.file = None
        if self.lock:
            if self.complete and not self.of_others and os.path.exists(self.note):
                os.unlink(self.note)
            self.lock.close()
            self.lock = None

    # ------------------------------------------------------------ what is there

    def _meta(self):
        return read_json(f"{self.path}.meta.json")

    def _is_complete(self, folder=None):
        """Whether all is there that the sidecar says; `folder`: there, and not yet at the path."""
        meta = self._meta()
        old = content_of(meta)
        if not old or self._others(old):
            return False
        if self.folder:
            done = Path(folder or self.path) / "DONE"
            text = done.read_text().strip() if done.is_file() else None
            return text is not None and text == meta.get("identity", text)
        return not self._changed(meta)

    def _changed(self, meta):
        """What is not as it was finished, of a file and of those beside it: ["x.jsonl is gone"]."""
        folder, found = os.path.dirname(self.path), []
        digests = {self.path: meta.get("output_sha256")}
        digests |= {os.path.join(folder, name): digest for name, digest in meta.get("beside", {}).items()}
        for path, digest in digests.items():
            if not os.path.isfile(path):
                found.append(f"{path} is gone")
            elif sha256(path) != digest:
                found.append(f"{path} was edited or cut off")
        return found

    def _others(self, old):
        """The names of what differs from the content `old`, code that is trusted aside: that is noted."""
        names = differing(old, self.content)
        if self.trust:
            self.trusted |= {name: [old[name], self.content[name]] for name in names if name.startswith(CODE)}
            names = [name for name in names if not name.startswith(CODE)]
        return names

    def _confirm(self):
        """For make: newer than its inputs, whose content is the same. Trusted code is noted as such."""
        if self.trusted:
            meta = self._meta()
            code = {"prompts": self.about["prompts"], "code": self.about["code"]}
            trusted = {**meta.get("trusted", {}), **self.trusted}
            write_atomically(
                f"{self.path}.meta.json", json.dumps({**meta, **code, "trusted": trusted}, indent=1)
            )
        os.utime(os.path.join(self.path, "DONE") if self.folder else self.path)

    # ------------------------------------------------------------ begin

    def _acquire(self):
        """Take the lock, for this job alone or beside other shards, and note with what settings it begins."""
        alone = self.shard == WHOLE
        deadline = time.time() + (0 if alone else PATIENCE)
        while True:
            lock = os.fdopen(os.open(self.note, os.O_RDWR | os.O_CREAT, 0o666), "r+")
            taken = self._take(lock, fcntl.LOCK_EX) or not alone and self._take(lock, fcntl.LOCK_SH)
            current = (
                os.path.exists(self.note) and os.fstat(lock.fileno()).st_ino == os.stat(self.note).st_ino
            )
            if taken and current and (taken == fcntl.LOCK_EX or os.fstat(lock.fileno()).st_size):
                break
            lock.close()  # another writer has just finished and removed the note, or is about to fill it
            if not taken and time.time() > deadline:
                raise StageError(
                    f"{self.path}: another process is writing it now; wait for it, or write elsewhere with -o"
                )
            time.sleep(0 if alone else random.uniform(0.05, 0.3))
        self.lock = lock
        self._begin(taken == fcntl.LOCK_EX)
        if not alone:
            fcntl.flock(lock, fcntl.LOCK_SH)

    def _take(self, lock, kind):
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            return kind
        except BlockingIOError:
            return None

    def _begin(self, may_write):
        """Compare with what the part was begun with, and note it. Raises StageError where it is something
        else.
        """
        begun = content_of(read_json(self.note)) or None
        if self._is_complete():
            self.of_others = begun is not None and bool(differing(begun, self.content))
            if may_write and not self.of_others:
                self._clear()
            return
        if os.path.exists(self.path) and not self.overwrite and not self._replaces_nothing():
            if begun is None:
                os.unlink(self.note)
            raise StageError(f"{self.path}: exists already, {self._what_it_is(content_of(self._meta()))}")
        there = self._has_begun()
        if self.resume and begun is None and there:
            raise StageError(
                f"{self.part}: with what settings it was begun is not known ({self.note} is gone); "
                f"remove {self.part}* to start anew"
            )
        # another shard may be at work, and have written nothing yet
        if self.resume and begun is not None and self._others(begun) and (there or not may_write):
            raise StageError(
                f"{self.part}: begun with other settings:\n{differences(begun, self.content)}\n  use those "
                f"settings to go on, or remove {self.part}* to start anew" + self._way_out(begun)
            )
        if may_write and begun != self.content:
            # begun with a model that there is not, say: nothing of it is gone on with
            for kind in ("", *BESIDE) if not there else ():
                for file in side_files(self.path, kind):
                    os.unlink(file)
            noted = {name: self.about[name] for name in ("settings", "inputs", "prompts", "code")}
            text = json.dumps(noted, indent=1).encode()
            # at once: the note of a part that holds something must not be lost to a kill
            os.pwrite(self.lock.fileno(), text, 0)
            os.ftruncate(self.lock.fileno(), len(text))

    def _has_begun(self):
        """Whether a part holds anything."""
        if self.folder:
            return os.path.isdir(self.part) and bool(os.listdir(self.part))
        return any(os.path.getsize(part) for part in parts_of(self.path))

    def _replaces_nothing(self):
        return self.folder and not os.listdir(self.path)

    def _what_it_is(self, old):
        """Why the output that is there is not this one, and what to do; `old`: the content of its sidecar."""
        if not self._others(old):
            changed = ["it is not whole"] if self.folder else self._changed(self._meta())
            return (
                f"and since it was finished {', '.join(changed)}; bring it back as it was, write elsewhere "
                "with -o, or make all of it anew with --overwrite"
            )
        return (
            f"made with other settings:\n{differences(old, self.content)}\n  write elsewhere with -o, or "
            "replace it with --overwrite" + self._way_out(old)
        )

    def _way_out(self, old):
        """What to do where only code differs."""
        if all(name.startswith(CODE) for name in differing(old, self.content)):
            return ", or take it as it is with --trust-code (make: TRUST=yes)"
        return ""

    def _own_part(self):
        return part_of(self.path, self.share)

    def _parts_to_read(self):
        """Its own part, and those of launches with other shares. What the other processes of this launch have
        finished is not this one's.
        """
        own, count = self._own_part(), self.share[1]
        return [part for part, (_, of) in parts_of(self.path).items() if part == own or of != count]

    # ------------------------------------------------------------ work

    def write(self, *records):
        """Append finished records; they survive the death of this process from here on."""
        for record in records:
            self.file.write(line_of(record))
            if "error" in record:
                self.failed, self.last_error = self.failed + 1, f"{record['id']}: {record['error']}"
                self.lasting += is_finished(record)
        self.file.flush()
        if time.time() - self.synced > FSYNC_SECONDS:
            os.fsync(self.file.fileno())
            self.synced = time.time()

    def check_budget(self, allowed, total):
        """Raise StageError when more records failed (in this process) than `allowed`: a share of `total`
        below 1, else a count.
        """
        most = allowed * total if allowed < 1 else allowed
        if self.failed > most:
            way_out = "mend the cause and run the same command again, or raise --max-failures"
            if self.lasting > most:  # the same draws would give the same answers
                way_out = (
                    "a bad answer is not asked for again: raise --max-failures (from 1 on it is a count), or "
                    f"remove {self.part}* and ask with other flags or another model"
                )
            last = f"; the last: {self.last_error}" if self.last_error else ""
            raise StageError(
                f"{self.failed} of {total} records failed, more than --max-failures {allowed:g} allows"
                f"{last}\n"
                f"  {self.part} keeps what is finished: {way_out}"
            )

    # ------------------------------------------------------------ finish

    def finish(self, keys=None, allowed=1.0, beside=(), **counts):
        """Complete the output: all parts merged in the order of `keys` (an iterable of all of them; None:
        this process's part as it is), sidecar, rename. Rank 0 alone writes; of several shards the last one.
        `beside`: (from, to) of other files that get their names with a part taken as it is.

        Raises StageError where a key is missing or more than `allowed` failed. `complete` says whether it is.
        """
        if not self.folder:
            self.file.flush()
            os.fsync(self.file.fileno())
        barrier()
        if self.rank == 0:
            if self.folder:
                self._replace_folder(counts)
            elif keys is None:
                digests = {os.path.basename(path): sha256(made) for made, path in beside}
                about = {"beside": digests} if digests else {}
                self._write_meta(output_sha256=sha256(self.part), **about, **counts)
                for made, path in [*beside, (self.part, self.path)]:
                    os.replace(made, path)
            elif self.shard == WHOLE or self._is_last():
                self._merge(keys, allowed, counts)
            else:
                return
            self.complete = True
        barrier()

    def _replace_folder(self, counts):
        """The sidecar first: with DONE all that is left to do can be done by another process."""
        identity = identity_of(self.content)
        self._write_meta(identity=identity, **counts)
        write_atomically(os.path.join(self.part, "DONE"), identity + "\n")
        self._move_folder()

    def _go_on_ending(self):
        """Of a folder: remove what a process left that was killed in writing, and rename what is complete."""
        for half in Path(self.part).glob(".tmp*"):
            half.unlink()
        if not self._is_complete() and self._is_complete(self.part):
            self._move_folder()

    def _move_folder(self):
        """Two renames: there is no moment at which a half checkpoint bears the name."""
        for scrap in [path for pattern in self.scraps for path in Path(self.part).glob(pattern)]:
            shutil.rmtree(scrap) if scrap.is_dir() else scrap.unlink()
        before = f"{self.part}.before"
        if os.path.isdir(self.path):
            shutil.rmtree(before, ignore_errors=True)
            os.rename(self.path, before)
        os.rename(self.part, self.path)
        shutil.rmtree(before, ignore_errors=True)

    def _is_last(self):
        """Whether all shards are finished and this one is alone, so that it may merge."""
        number, count = self.shard
        write_atomically(f"{part_of(self.path, self.shard)}.finished", "")
        left = [n for n in range(count) if not os.path.exists(f"{part_of(self.path, (n, count))}.finished")]
        if left:
            others = ", ".join(f"{n}/{count}" for n in left)
            print(f"{self.path}: shard {number}/{count} is finished; not yet: {others}", flush=True)
            return False
        if not self._take(self.lock, fcntl.LOCK_EX):
            print(f"{self.path}: shard {number}/{count} is finished; another one is at work", flush=True)
            return False
        return True

    def _merge(self, keys, allowed, counts):
        merged = f"{self.part}.merged"
        total, self.failed, self.lasting, missing, first = merge(list(parts_of(self.path)), keys, merged)
        if missing:
            os.unlink(merged)
            raise StageError(
                f"{self.part}: {missing} of {total + missing} records are missing, the first {first!r}; "
                "run the same command again; of shards, start those that are missing"
            )
        self.check_budget(allowed, total)
        about = {"records": total, "failed": self.failed, "resumed_records": self.resumed}
        self._write_meta(output_sha256=sha256(merged), **about, **counts)
        os.replace(merged, self.path)
        self.total = total
        self._clear()

    def _clear(self):
        """Remove what a complete output was made of."""
        for kind in ("", *BESIDE):
            for file in side_files(self.path, kind):
                os.unlink(file)
        if self.folder:
            shutil.rmtree(f"{self.part}.before", ignore_errors=True)

    def _write_meta(self, **counts):
        meta = {**self.about, "seconds": round(time.time() - BEGAN, 1), "processes": self.world, **counts}
        if self.trusted:
            meta["trusted"] = self.trusted
        write_atomically(f"{self.path}.meta.json", json.dumps(meta, indent=1))
