"""Databases of the state, opened to be looked at: nothing beside them is made, changed or removed, also not where a run
is live, was killed, or its folder cannot be written. The standard library alone.
"""

from __future__ import annotations

import os
import re
import sqlite3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike


def open_to_read(path: str | PathLike[str]) -> sqlite3.Connection:
    """A connection to a database in WAL mode; the first statement raises sqlite3.Error where that is none.

    Without a write-ahead log nobody writes and the file is taken as it is; SQLite would make a log and its index else. With
    one, the index of whoever writes is only read; where that process is dead, SQLite makes one in memory.
    """
    text = os.fspath(path)
    if not _size(f"{text}-wal"):
        how = "immutable=1"
    elif os.path.exists(f"{text}-shm"):
        how = "mode=ro&readonly_shm=1"
    else:
        how = "mode=ro"
    return _open(text, how)


def open_locked(path: str | PathLike[str]) -> sqlite3.Connection:
    """A connection to a database without a write-ahead log, that waits for whoever is writing; else as `open_to_read`."""
    return _open(os.fspath(path), "mode=ro")


def _open(text: str, how: str) -> sqlite3.Connection:
    quoted = re.sub(r"[?#%]", lambda found: f"%{ord(found[0]):02X}", text)
    return sqlite3.connect(f"file:{quoted}?{how}", uri=True, isolation_level=None, timeout=5, check_same_thread=False)


def stamp(path: str | PathLike[str]) -> tuple[int, ...]:
    """What changes whenever something is written to a database: a connection that is older may not see it."""
    text = os.fspath(path)
    return (*_sizes(text), *_sizes(f"{text}-wal"))


def _size(path: str) -> int:
    return _sizes(path)[0]


def _sizes(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns
