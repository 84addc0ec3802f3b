"""What every stage agrees on: records on disk, outputs that exist only when finished, resume, errors and exit codes.

An output X grows as X.part and is renamed when complete; X.part.json holds the settings it was begun with and the lock. Under torchrun
rank r > 0 writes X.part.r, and rank 0 merges by id, in the order of the input. Exit codes: 0 complete, 1 failed, 2 bad usage, 130 interrupted.
"""
import argparse
import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import sys
import time
from pathlib import Path

from lib.records import StageError, key_of, line_of, read_jsonl

VIEWS = ("video", "shuffled", "blind")

BEGAN = time.time()  # of this process: the seconds in a sidecar include the loading of torch and the model
# what an FSDP config of `accelerate launch` sets: 05 obeys with lib/shard.py; accelerate and transformers must not see it, which would each do their own part of it
SHARDED = os.environ.pop("ACCELERATE_USE_FSDP", "false").lower() == "true"
FSYNC_SECONDS = 10  # at most this much finished work is lost to a power cut; a killed process loses only its current batch


def run(main):
    """Call main() and turn what a user can cause into one clear message and the right exit code."""
    def interrupt(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupt)
    name = Path(sys.argv[0]).name
    try:
        main()
        leave()
    except StageError as error:
        print(f"{name}: error: {error}", file=sys.stderr, flush=True)
        sys.exit(error.code)
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; run the same command again to go on", file=sys.stderr, flush=True)
        sys.stderr.flush()
        os._exit(130)  # threads that still decode must not keep the process
    except BrokenPipeError:  # `... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EISDIR, errno.ENOENT, errno.ENOTDIR, errno.EPERM):
            raise
        advice = "free some space and run the same command again" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "check the path and its permissions"
        print(f"{name}: error: {error.filename or 'writing'}: {error.strerror}; nothing finished is lost: {advice}", file=sys.stderr, flush=True)
        sys.exit(1)


def parser_of(doc, *shared):
    """An argument parser with the flags that several stages share, named in `shared`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("-o", "--output", required="check" not in shared, help="what to write; it exists only when complete, X.part holds the work so far")
    add("--overwrite", action="store_true", help="replace a complete output that was made with other settings or inputs")
    if "model" in shared:
        add("--model", required=True, help="folder or hub id of a video model of transformers, or http://host:port/v1#name of a server that speaks the OpenAI chat protocol (see lib/served.py)")
        add("--frames", type=int, default=8, help="frames per clip, evenly spread (default: %(default)s)")
        add("--dtype", default="auto", choices=("auto", "bfloat16", "float16", "float32"), help="auto: bfloat16 on a GPU that has it, else float32 (default: %(default)s)")
        add("--device-map", choices=("auto",), help="auto: spread the model over all GPUs (default: the whole model on one device)")
        add("--load-in-4bit", action="store_true", help="hold the weights in 4 bits; needs the package bitsandbytes")
        add("--batch-size", type=int, default=8, help="answers generated, rows trained or requests in flight at once, per process; halved when memory runs out (default: %(default)s)")
        add("--workers", type=int, default=2, help="threads that decode videos ahead of the model (default: %(default)s)")
        add("--frame-cache", metavar="DIR[,GIB]", help="folder that keeps decoded frames for later stages and cycles, at most 20 GiB or the GIB given; safe to delete (default: none)")
        add("--feature-cache", metavar="DIR[,GIB]", help="the same for what vision tower and projector made of clips (not with 05 --full, which trains the projector)")
    if "generate" in shared or "sample" in shared:
        add("--view", choices=VIEWS, default="video", help="shuffled frames, or blind (all grey): what is answered without seeing? (default: %(default)s)")
        add("--max-new-tokens", type=int, default=1024, help="tokens per answer at most (default: %(default)s, as the paper's code)")
    if "sample" in shared:
        add("--samples", type=int, default=1, help="answers drawn per question (default: %(default)s, as the paper)")
        add("--temperature", type=float, default=0.2, help="of sampling; 0 is greedy (default: %(default)s, as the paper's code)")
        add("--top-p", type=float, default=1.0, help="sample from the most likely tokens of this total probability (default: %(default)s)")
        add("--cycle", type=int, default=1, help="number of the cycle, part of every record's seed (default: %(default)s)")
    add("--seed", type=int, default=0, help="seed of every random choice (default: %(default)s)")
    add("--limit", type=int, help="use only the first N input records (default: all)")
    add("--max-failures", type=float, default=0.02, help="failed records allowed: a share below 1, else a count; more end the stage with exit code 1 (default: %(default)s)")
    return parser


def sha256(path):
    """Hex digest of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def model_identity(model):
    """What tells one model from another: of our checkpoints the DONE file, of another folder names, sizes and times, else the hub id."""
    folder = Path(model)
    if not folder.is_dir():
        return model
    done = folder / "DONE"
    if done.exists() and done.read_text().strip():
        return done.read_text().strip()
    if folder.with_name(folder.name + ".part").exists() and not done.exists():
        raise StageError(f"{model}: this checkpoint is not finished (no DONE in it)")
    files = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(folder.iterdir()) if f.is_file()]
    return hashlib.sha256(repr(files).encode()).hexdigest()


def resolved(args, leave_out=()):
    """The settings that decide the output's content, as a dict; how it is computed (batches, threads) is left out."""
    how = {"output", "overwrite", "batch_size", "workers", "device_map", "frame_cache", "feature_cache", "max_failures", "save_every", *leave_out}
    settings = {k: v for k, v in sorted(vars(args).items()) if k not in how}
    from lib.served import is_served, served_identity
    if is_served(settings.get("model") or ""):
        settings["model"] = served_identity(settings["model"])  # another time-out or number of retries is the same model
    elif settings.get("model"):
        settings["model_identity"] = model_identity(settings["model"])
    return settings


def provenance(settings, inputs):
    """What the sidecar says beside the counts: command, settings, hashes of inputs, prompts and script, versions, machine."""
    import importlib.metadata as metadata
    from lib import prompts
    versions = {name: metadata.version(name) for name in ("torch", "transformers", "accelerate", "peft", "av", "opencv-python", "numpy") if _installed(metadata, name)}
    return {"command": " ".join(sys.argv), "settings": settings, "inputs": {str(p): sha256(p) for p in inputs},
            "prompts": sha256(prompts.__file__), "script": sha256(sys.argv[0]) if os.path.isfile(sys.argv[0]) else None,
            "versions": {"python": platform.python_version(), **versions}, "machine": f"{platform.machine()}, {os.cpu_count()} cores"}


def _installed(metadata, name):
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def _wanted(meta):
    """What decides an output's content: settings and hashes of the inputs, flat."""
    return {**meta.get("settings", {}), **{f"input {path}": digest for path, digest in meta.get("inputs", {}).items()}}


def _differences(old, new):
    return "\n".join(f"  {k}: then {old.get(k)!r}, now {new.get(k)!r}" for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k))


def write_atomically(path, text):
    """A small file, complete or not there at all."""
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def world():
    """(rank, number of processes) of a torchrun or accelerate launch; (0, 1) alone."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def barrier():
    """Wait until every process of the launch is here. Raises StageError where one has ended instead."""
    if world()[1] > 1:
        import datetime
        import torch
        import torch.distributed as distributed
        if not distributed.is_initialized():
            on_gpu = torch.cuda.is_available()
            if on_gpu:
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
            distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=datetime.timedelta(days=10))  # one rank may work for hours longer than another
        try:
            distributed.all_reduce(torch.zeros(1))  # on the CPU: gloo sees at once that a process has ended; a barrier on GPUs would wait for the ten days
        except RuntimeError as error:
            raise StageError(f"another process of this launch has ended, and said why if it could ({str(error).splitlines()[0]}); the same command again goes on from what is finished") from None


def leave():
    """Part from the other processes; one that ends while still connected may be aborted (pytorch/pytorch#179291)."""
    if world()[1] > 1:
        import torch.distributed as distributed
        if distributed.is_initialized():
            distributed.destroy_process_group()


def check_flags(parser, args):
    """Bad usage (exit code 2) for values no stage can obey, before any work."""
    for name, least in (("frames", 1), ("batch_size", 1), ("workers", 1), ("samples", 1), ("limit", 1), ("temperature", 0), ("max_failures", 0), ("max_new_tokens", 1), ("steps", 1)):
        if getattr(args, name, None) is not None and getattr(args, name) < least:
            parser.error(f"--{name.replace('_', '-')} {getattr(args, name)}: expected at least {least}")
    if not 0 < getattr(args, "top_p", 1) <= 1:
        parser.error(f"--top-p {args.top_p}: expected above 0 and at most 1")
    if getattr(args, "samples", 1) > 1 and args.temperature == 0:
        parser.error("--samples above 1 with --temperature 0 would draw the same answer every time; set a temperature")
    for cache in (getattr(args, "frame_cache", None), getattr(args, "feature_cache", None)):
        if cache:
            from lib.clip_cache import open_cache
            open_cache(cache)


class Output:
    """An output that exists only when its stage finished: a JSONL file, or with `folder` a checkpoint folder that is done when it holds DONE.

    with Output(...) as out:
        if out.complete: ...           # made before with these settings and inputs: nothing to do
        out.done                       # finished records by key; those with an error are not among them and are tried again
        out.write(record); out.finish(keys)

    `resume=False`: a stage of seconds starts its part anew and keeps nothing in memory.
    """

    def __init__(self, path, settings, inputs, overwrite=False, folder=False, resume=True):
        self.path, self.part, self.note = str(path), f"{path}.part", f"{path}.part.json"
        self.rank, self.world = world()
        self.folder, self.resume, self.overwrite = folder, resume, overwrite
        self.about = provenance(settings, inputs)
        self.wanted = _wanted(self.about)
        self.identity = hashlib.sha256(json.dumps(self.wanted, sort_keys=True).encode()).hexdigest()
        self.done, self.failed, self.complete, self.file, self.lock = {}, 0, False, None, None

    def __enter__(self):
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        if self.rank == 0:
            self._acquire()
        barrier()
        self.complete = self._is_complete()
        if self.complete:
            if self.rank == 0:
                os.utime(os.path.join(self.path, "DONE") if self.folder else self.path)  # for make: newer than its inputs, whose content is the same
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
        others = sorted(p for p in map(str, Path(self.part).parent.glob(Path(self.part).name + ".*")) if p.rsplit(".", 1)[1].isdigit())
        return [p for p in [self.part, *others] if os.path.exists(p)]

    def _acquire(self):
        while True:
            lock = open(self.note, "a+")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StageError(f"{self.path}: another process is writing it now; wait for it, or write elsewhere with -o") from None
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
            raise StageError(f"{self.path}: exists already, made with other settings:\n{_differences(_wanted(self._meta()), self.wanted)}\n  write elsewhere with -o, or replace it with --overwrite")
        if self.resume and begun not in (None, self.wanted) and self._parts():
            raise StageError(f"{self.part}: begun with other settings:\n{_differences(begun, self.wanted)}\n  use those settings to go on, or remove {self.part}* to start anew")
        lock.seek(0), lock.truncate()
        lock.write(json.dumps(self.wanted, indent=1))
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
        return os.path.isfile(self.path) and _wanted(meta) == self.wanted and meta.get("output_sha256") == sha256(self.path)

    def _read_part(self, part):
        with open(part, "rb+") as file:
            good = 0
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break  # a torn last line: the process died while writing it
                try:
                    record = json.loads(line)
                except (UnicodeDecodeError, json.JSONDecodeError):
                    raise StageError(f"{part}:{number}: not JSON; found {line[:60]!r}; remove this line and run the same command again") from None
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
        """Raise StageError when more records failed (in this process) than `allowed`: a share of `total` below 1, else a count."""
        if self.failed > (allowed * total if allowed < 1 else allowed):
            last = next((r for r in reversed(self.done.values()) if "error" in r), None)
            raise StageError(f"{self.failed} of {total} records failed, more than --max-failures {allowed:g} allows" + (f"; the last: {last['id']}: {last['error']}" if last else "")
                             + f"\n  {self.part} keeps what is finished: mend the cause and run the same command again, or raise --max-failures")

    def finish(self, keys=None, allowed=1.0, **counts):
        """Complete the output: all parts merged in the order of `keys` (None: this process's part as it is), sidecar, rename. Rank 0 alone writes.

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
                if os.path.isdir(self.path):  # replaced: two renames, no moment at which a half checkpoint bears the name
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
            raise StageError(f"{self.part}: {len(missing)} of {len(keys)} records are missing, the first {missing[0]!r}; run the same command again")
        self.failed = sum("error" in self.done[key] for key in keys)
        self.check_budget(allowed, len(keys))
        merged = f"{self.path}.merged"
        with open(merged, "wb") as file:
            file.writelines(line_of(self.done[key]) for key in keys)
            file.flush()
            os.fsync(file.fileno())
        self._write_meta(sha256(merged), records=len(keys), failed=self.failed, resumed_records=self.resumed, **counts)
        os.replace(merged, self.path)
        for part in self._parts():
            os.unlink(part)

    def _write_meta(self, digest, **counts):
        meta = {**self.about, "output_sha256": digest, "seconds": round(time.time() - BEGAN, 1), "processes": self.world, **counts}
        write_atomically(f"{self.path}.meta.json", json.dumps(meta, indent=1))


def announce(args, settings):
    """Print the resolved settings, as one block, before any work (rank 0)."""
    if world()[0] == 0:
        print(f"{Path(sys.argv[0]).name}: " + ", ".join(f"{k.replace('_', '-')} {v}" for k, v in settings.items() if v not in (None, False) and k != "model_identity"), flush=True)


def progress(items, total, what):
    """Iterate with a progress bar on a terminal, else with one plain line every 30 s (rank 0)."""
    if world()[0]:
        yield from items
        return
    if sys.stderr.isatty():
        from tqdm import tqdm
        yield from tqdm(items, total=total, desc=what, smoothing=0.05)
        return
    began = said = time.time()
    for count, item in enumerate(items, 1):
        yield item
        if time.time() - said > 30:
            said = time.time()
            left = (said - began) / count * (total - count)
            print(f"{what}: {count}/{total}, {said - began:.0f} s, about {left:.0f} s left", flush=True)
