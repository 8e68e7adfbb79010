"""Databases that can be made anew from journals or files: opened alike, private, without waiting for the disk."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path


def open_index(path: Path, *, schema: int, tables: str) -> sqlite3.Connection:
    """An index, made by the script `tables`, which sets `user_version`, where it is new.

    Raises sqlite3.DatabaseError where the file is none, or of another version, and OSError.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
    try:
        db.execute("PRAGMA synchronous = OFF")  # it can be made anew
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, schema):
            raise sqlite3.DatabaseError("an index of another version")
        if version == 0:
            with suppress(sqlite3.OperationalError):  # another run has made them at this instant
                db.executescript(tables)
    except BaseException:
        db.close()
        raise
    return db
