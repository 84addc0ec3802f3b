"""Which videos belong together: the names of one file, its copies, and what was cut from one source. A split
must not part them.
"""

import hashlib
import os
import stat

import numpy as np

from lib.process import progress
from lib.provenance import sha256
from lib.video import prefetch

END = 1 << 16  # bytes at a file's start, and at its end: few files of one size share both, and are read whole


def groups_of(videos, root, memory, workers):
    """({path: the path that stands for its group}, number of second names, number of copies), without the
    paths that stand alone.

    `videos`: {(path, source or None, split)}. For a group stands the path that is least as seen from `root`:
    the same in any order of rows, and wherever the dataset lies. `memory` (SQLite) remembers digests by path,
    size and time of change; `workers` threads read.
    """
    paths = sorted({path for path, *_ in videos}, key=lambda path: os.path.relpath(path, root))
    files, sizes, alike, links = {}, {}, {}, []
    for path in paths:
        about = file_of(path)
        if about is None:
            continue
        # links, symbolic or hard, have the inode of their file
        one = files.setdefault((about.st_dev, about.st_ino), path)
        if one != path:
            links.append((one, path))
        elif about.st_size and (first := sizes.setdefault(about.st_size, path)) != path:
            alike.setdefault(about.st_size, [first]).append(path)
    names = len(links)
    links += copies_of(list(alike.values()), memory, workers)
    copies, sources = len(links) - names, {}
    for path, source, _ in videos:
        if source is not None and (one := sources.setdefault(source, path)) != path:
            links.append((one, path))
    return joined(links, paths), names, copies


def file_of(path):
    """What os.stat says of a file that can be read, or None: probing says why."""
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return None
    return about if stat.S_ISREG(about.st_mode) else None


def joined(links, paths):
    """{path: the first of `paths` in its group} of all paths that `links`, pairs of them, join directly or
    through others."""
    if not links:
        return {}
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    linked = {path for pair in links for path in pair}
    linked = [path for path in paths if path in linked]
    number = {path: n for n, path in enumerate(linked)}
    pairs = np.array([[number[path] for path in pair] for pair in links])
    table = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(linked), len(linked)))
    _, group = connected_components(table, directed=False)
    _, first = np.unique(group, return_index=True)
    return {path: linked[first[n]] for path, n in zip(linked, group)}


# ---------------------------------------------------------------- content


def copies_of(alike, memory, workers):
    """Pairs of paths whose files hold the same bytes; `alike`: lists of different files of one size."""
    for look in (ends, digests):
        paths, finer = [path for same in alike for path in same], {}
        found = look(paths, memory, workers)
        for n, same in enumerate(alike):
            for path in same:
                finer.setdefault((n, found[path]), []).append(path)
        alike = [same for (_, value), same in finer.items() if value and len(same) > 1]
    return [(same[0], path) for same in alike for path in same[1:]]


def ends(paths, memory, workers):
    """{path: digest of the file's first and last bytes, None where it cannot be read}."""
    found = prefetch(end_digest, paths, workers, ahead=4 * workers)
    return dict(progress(zip(paths, found), len(paths), "compare files of one size"))


def digests(paths, memory, workers):
    """{path: digest of the file, None where it cannot be read}."""
    memory.execute("CREATE TABLE IF NOT EXISTS digests (video BLOB PRIMARY KEY, stamp TEXT, digest TEXT)")
    stats = {path: file_of(path) for path in paths}
    keys = {path: (os.fsencode(path), f"{s.st_size} {s.st_mtime_ns}") for path, s in stats.items() if s}
    query, known = "SELECT digest FROM digests WHERE video = ? AND stamp = ?", {}
    for path, key in keys.items():
        if row := memory.execute(query, key).fetchone():
            known[path] = row[0]
    unknown = [path for path in paths if path not in known]
    found = prefetch(whole_digest, unknown, workers, ahead=4 * workers)
    fresh = dict(progress(zip(unknown, found), len(unknown), "compare files"))
    memory.executemany(
        "INSERT OR REPLACE INTO digests VALUES (?, ?, ?)",
        [(*keys[path], digest) for path, digest in fresh.items() if digest and path in keys],
    )
    memory.commit()
    return known | fresh


def end_digest(path):
    try:
        with open(path, "rb") as file:
            start = file.read(END)
            file.seek(max(0, os.path.getsize(path) - END))
            return hashlib.sha256(start + file.read(END)).digest()
    except OSError:  # probing says why
        return None


def whole_digest(path):
    try:
        return sha256(path)
    except OSError:
        return None


# ---------------------------------------------------------------- why


def link_of(one, other, videos, memory, workers):
    """Why two videos of one group belong together, in words."""
    if os.path.samefile(one, other):
        return "two names of one file"
    shared = {source for path, source, _ in videos if path == one and source is not None}
    shared &= {source for path, source, _ in videos if path == other}
    if shared:
        return f"both of source {min(shared)!r}"
    if len(set(digests([one, other], memory, workers).values())) == 1:
        return "the same content"
    return "the same by way of other videos: names of one file, copies, or of one source"
