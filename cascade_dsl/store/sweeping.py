"""Values and files of `.cascade` that nobody refers to any more: which they are, and how they go while runs are on.

What a journal that is left or the result cache names stays; every digest in a journal counts, whatever it is the digest of,
and so does every digest in a value that stays. While no run is live all else goes. Else only what was not touched for an
hour goes: a run may have stored it and be about to commit the event that names it. Who stores what is there already
touches it (`touching`).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..base.diagnostics import CascadeError
from .cache import Entry
from .journal import JournalReader
from .results import Unreadable, digests_of
from .runs import Project, Run
from .touching import locked

GRACE_S = 3600.0
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_BYTES = re.compile(rb"[0-9a-f]{64}")
_PIECE_BYTES = 1 << 20


class Object(NamedTuple):
    """A value (`blobs`) or an output without a path (`store`), a file or a folder."""

    path: Path
    size_bytes: int


def in_use(project: Project, runs: Iterable[Run], entries: Iterable[Entry]) -> set[str]:
    """Digests that these runs and results name, in journals, in values, and in the values that those name; Unreadable."""
    found: set[str] = set()
    for text in digests_of(entries):
        found.update(_DIGEST.findall(text))
    for run in runs:
        try:
            with JournalReader(run.journal) as reader:
                for (payload,) in reader.database.execute("SELECT payload FROM events"):
                    found.update(_DIGEST.findall(payload))
        except CascadeError as error:
            if any(d.code == "CSC700" for d in error.diagnostics):  # it was killed before it had one
                continue
            raise Unreadable(f"the journal of the run {run.id} cannot be read") from error
        except sqlite3.DatabaseError as error:
            raise Unreadable(f"the journal of the run {run.id} cannot be read") from error
    todo = list(found)
    while todo:
        for digest in _in_blob(project.blobs.path(todo.pop())):
            if digest not in found:
                found.add(digest)
                todo.append(digest)
    return found


def _in_blob(path: Path) -> set[str]:
    found: set[str] = set()
    with suppress(OSError), open(path, "rb") as file:
        rest = b""
        while piece := file.read(_PIECE_BYTES):
            text = rest + piece
            found.update(digest.decode() for digest in _DIGEST_BYTES.findall(text))
            rest = text[-63:]
    return found


def unused(
    project: Project, used: set[str], *, alone: bool, grace_s: float = GRACE_S, within: set[str] | None = None
) -> list[Object]:
    """The objects that may go now, of those whose digests are `within`; `alone`: no run is live that may be about to name one."""
    found: list[Object] = []
    for folder in (project.state / "blobs", project.store):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            path = folder / name
            digest = name[:64] if _DIGEST.match(name) else ""
            if (digest in used) if within is None else (digest in used or digest not in within):
                continue
            if alone or _age_s(path) >= grace_s:
                found.append(Object(path, size_of(path)))
    return found


def remove(object: Object, *, alone: bool, grace_s: float = GRACE_S) -> bool:
    """Remove an object, unless somebody has touched it meanwhile; False where it stays. Raises OSError."""
    path = object.path
    trash = path.parent.parent / "trash"
    with locked(path.parent.parent, fcntl.LOCK_EX):
        if not alone and _age_s(path) < grace_s:
            return False
        try:
            is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
            if not is_folder:
                os.unlink(path)
                return True
            trash.mkdir(mode=0o700, exist_ok=True)
            aside = trash / f"{path.name}.{os.urandom(4).hex()}"
            os.rename(path, aside)  # in one step: no crash leaves half of it under its name
        except FileNotFoundError:
            return False
    shutil.rmtree(aside, ignore_errors=True)
    return True


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files below a folder; what goes away meanwhile counts nothing."""
    total = 0
    stack = [os.fspath(path)]
    while stack:
        at = stack.pop()
        with suppress(OSError):
            found = os.lstat(at)
            if stat.S_ISDIR(found.st_mode):
                with os.scandir(at) as listing:
                    stack.extend(entry.path for entry in listing)
            else:
                total += found.st_size
    return total


def _age_s(path: Path) -> float:
    """Since it was stored, moved here or touched. No program can set this time to another one."""
    try:
        return time.time() - os.lstat(path).st_ctime
    except OSError:
        return 0.0
