"""Contents of files, hashed once: `.cascade/hashes.db` remembers a digest by all that changes when a file is written.

A digest is good as long as size, mtime, ctime and inode are what they were when it was made. A file that was written
within the file system's tick of its hashing is not remembered: a second write in the same tick would leave no mark. A folder
is described by the files in it, each of which is remembered; the digests are those of `publish`, but that of a folder with links
that lead out of it, of which what they lead to counts where it is an input. Losing the file costs
hashing again. From any thread; blocks on the disk.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from .blobs import DIGEST_BYTES
from .indexes import open_index
from .publish import digest_file

_FILE = "hashes.db"
_SCHEMA = 1
_TABLES = f"""
BEGIN;
CREATE TABLE hashes(
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = {_SCHEMA};
COMMIT;
"""
_TICK_NS = 20_000_000
"""File systems stamp with a clock that goes on every 4 to 10 ms."""
_COARSE_TICK_NS = 2_100_000_000
"""Some stamp in whole seconds, or in steps of two."""
_ROWS_AT_ONCE = 500
_FLUSH_ROWS = 2000
_AGAIN = 3


class Content(NamedTuple):
    """What a file or folder holds. `stamps`: of each file that was looked at, what would change with it."""

    digest: str
    size: int
    stamps: tuple[tuple[str, tuple[int, ...]], ...]


class _Links:
    """The links that are followed out of one folder: each target once, and none that holds what counts already."""

    def __init__(self, folder: str) -> None:
        self._counted = [os.path.join(os.path.realpath(folder), "")]

    def out_of(self, link: str) -> str | None:
        """What a link leads to, where that does not count anyway; from then on it does."""
        target = os.path.realpath(link)
        inside = os.path.join(target, "")
        if any(inside.startswith(one) or one.startswith(inside) for one in self._counted) or not os.path.exists(target):
            return None
        self._counted.append(inside)
        return target


class Hashes:
    """The digests of one project's files. Made without touching the disk; `close` keeps what was learned."""

    def __init__(self, project: Path, state: Path, *, paranoid: bool = False) -> None:
        """`paranoid`: what is remembered is not believed."""
        self._prefix = os.path.join(os.path.normpath(project), "")
        self._state = state
        self._paranoid = paranoid
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._is_open = False
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}
        self._absent: set[str] = set()
        self._new: dict[str, tuple[tuple[int, ...], str]] = {}
        self.hashed = 0
        """Files that were read, for tests and benchmarks."""

    def content(self, path: str) -> Content:
        """The content of a file or folder at an absolute path, links followed, those in a folder too. Raises OSError."""
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            if stat.S_ISDIR(found.st_mode):
                return self._folder(path, _Links(path))
            raise OSError(errno.EINVAL, "it is neither a file nor a folder")
        mark = mark_of(found)
        return Content(self._file(path, mark), found.st_size, ((path, mark),))

    def published(self, path: str) -> str | None:
        """The digest of what stands at a path where an output was published, None where that is no file or folder."""
        try:
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode):
                return self._file(path, mark_of(found))
            return self._folder(path).digest if stat.S_ISDIR(found.st_mode) else None
        except OSError:
            return None

    def learn(self, path: str, digest: str, *, since_ns: int) -> None:
        """A file that this run hashed before it moved it to `path`; `since_ns` is an instant before it was hashed.

        Only the move has changed it since: what would be written in the tick of the move would have a newer mtime.
        """
        try:
            found = os.lstat(path)
        except OSError:
            return
        if stat.S_ISREG(found.st_mode) and found.st_mtime_ns + _tick(found.st_mtime_ns) < since_ns:
            with self._lock:
                self._remember(path, mark_of(found), digest)

    def prefetch(self, paths: Iterable[str]) -> None:
        """Read what is remembered of many files at once."""
        with self._lock:
            self._open()
            if self._db is None:
                return
            known, absent = self._known, self._absent
            names = {self._name(p): p for p in paths if p not in known and p not in absent}
            wanted = list(names)
            for start in range(0, len(wanted), _ROWS_AT_ONCE):
                some = wanted[start : start + _ROWS_AT_ONCE]
                marks = ",".join("?" * len(some))
                try:
                    rows = self._db.execute(
                        f"SELECT path, size, mtime_ns, ctime_ns, inode, digest FROM hashes WHERE path IN ({marks})",
                        some,
                    ).fetchall()
                except sqlite3.Error:
                    break
                for name, size, mtime, ctime, inode, digest in rows:
                    known[names.pop(name)] = ((size, mtime, ctime, inode), digest)
            absent.update(names.values())

    def flush(self) -> None:
        """Write down what was learned; where that cannot be, it is learned again."""
        with self._lock:
            new, self._new = self._new, {}
            if not new:
                return
            self._open()
            if self._db is None:
                return
            rows = [(self._name(path), *mark, digest) for path, (mark, digest) in new.items()]
            with suppress(sqlite3.Error):
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    self._db.executemany("INSERT OR REPLACE INTO hashes VALUES(?,?,?,?,?,?)", rows)
                    self._db.execute("COMMIT")
                except sqlite3.Error:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Flush, and let the file go, for good."""
        with self._lock:
            self.flush()
            if self._db is not None:
                self._db.close()
            self._db, self._is_open = None, True

    # -- one file -------------------------------------------------------------------------------------------------

    def _file(self, path: str, mark: tuple[int, ...]) -> str:
        if not self._paranoid:
            known = self._known.get(path)
            if known is None and path not in self._absent:
                self.prefetch((path,))
                known = self._known.get(path)
            if known is not None and known[0] == mark:
                return known[1]
        digest = ""
        for _ in range(_AGAIN):
            begun_ns = time.time_ns()
            digest = digest_file(path)
            self.hashed += 1
            after = mark_of(os.stat(path))
            if after == mark:
                newest = max(mark[1], mark[2])
                if newest + _tick(newest) < begun_ns:
                    with self._lock:
                        self._remember(path, mark, digest)
                break
            mark = after  # it was written while it was read
        return digest

    def _folder(self, path: str, links: _Links | None = None) -> Content:
        """The digest that `publish` gives a folder, of remembered files; with `links`, also of what they lead to."""
        files: list[tuple[str, str, os.stat_result]] = []
        others: list[tuple[str, str, str]] = []
        order: list[list[tuple[str, int, int]]] = []
        total = 0
        stamps: list[tuple[str, tuple[int, ...]]] = []
        stack = [(path, "")]
        while stack:
            at, inside = stack.pop()
            stamps.append((at, mark_of(os.stat(at))))
            with os.scandir(at) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
            rows: list[tuple[str, int, int]] = []
            for entry in entries:
                name = f"{inside}/{entry.name}"
                if entry.is_symlink():
                    rows.append(("l", len(others), 0))
                    others.append((name, "l", os.readlink(entry.path)))
                    target = None if links is None else links.out_of(entry.path)
                    if target is not None:
                        beyond = self._beyond(target, links)
                        rows.append(("t", len(others), 0))
                        others.append((name, "t", beyond.digest))
                        stamps += beyond.stamps
                        total += beyond.size
                elif entry.is_dir():
                    rows.append(("d", len(others), 0))
                    others.append((name, "d", ""))
                    stack.append((entry.path, name))
                elif entry.is_file():
                    rows.append(("f", len(files), 0))
                    files.append((name, entry.path, entry.stat()))
                else:
                    raise OSError(errno.EINVAL, f"`{name[1:]}` in it is neither a file nor a folder")
            order.append(rows)
        self.prefetch(file for _, file, _ in files)
        state = blake2b(digest_size=DIGEST_BYTES)
        for rows in order:
            for kind, at, _ in rows:
                if kind == "f":
                    name, file, found = files[at]
                    mark = mark_of(found)
                    content = self._file(file, mark)
                    total += found.st_size
                    stamps.append((file, mark))
                    kind = "x" if found.st_mode & stat.S_IXUSR else "f"
                else:
                    name, kind, content = others[at]
                state.update(b"%b\0%b\0%b\0" % (os.fsencode(name), kind.encode(), os.fsencode(content)))
        return Content(state.hexdigest(), total, tuple(stamps))

    def _beyond(self, target: str, links: _Links | None) -> Content:
        """What a link out of a folder leads to; a socket or a device counts by its name alone."""
        found = os.stat(target)
        if stat.S_ISDIR(found.st_mode):
            return self._folder(target, links)
        return self.content(target) if stat.S_ISREG(found.st_mode) else Content("", 0, ())

    # -- the file of digests --------------------------------------------------------------------------------------

    def _remember(self, path: str, mark: tuple[int, ...], digest: str) -> None:
        self._known[path] = self._new[path] = (mark, digest)
        self._absent.discard(path)
        if len(self._new) >= _FLUSH_ROWS:
            self.flush()

    def _name(self, path: str) -> str:
        """Below the project relative to it: a project that is moved keeps what is known."""
        name = path.removeprefix(self._prefix)
        return name if name.isascii() or _is_text(name) else repr(name)

    def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        path = self._state / _FILE
        for _ in range(2):
            try:
                self._db = open_index(path, schema=_SCHEMA, tables=_TABLES)
                return
            except (sqlite3.OperationalError, OSError):  # another run holds it, or the disk is full: nothing is known
                return
            except sqlite3.DatabaseError:
                for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                    with suppress(OSError):
                        os.unlink(name)


def mark_of(found: os.stat_result) -> tuple[int, int, int, int]:
    """What changes when a file is written, whoever sets its time."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def is_marked(path: str, mark: tuple[int, ...]) -> bool:
    """Whether a path is what it was when `Content.stamps` named it so. Raises nothing."""
    try:
        return mark_of(os.stat(path)) == mark
    except OSError:
        return False


def _tick(at_ns: int) -> int:
    return _COARSE_TICK_NS if at_ns % 1_000_000_000 == 0 else _TICK_NS


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # a name that is no UTF-8
        return False
    return True
