"""In use or removed: a value or file of `.cascade` that is stored or touched at this instant is not removed at it.

Whoever stores or reuses an object does so under a shared lock on one file of the state; whoever removes objects looks
at the time of each, and removes it, under the same lock for himself alone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

SWEEP_FILE = "sweep"


@contextmanager
def shared(folder: Path) -> Generator[None]:
    """Around storing or touching objects in a folder of the state: none of them is removed meanwhile. Raises OSError."""
    with locked(folder.parent, fcntl.LOCK_SH):
        yield


@contextmanager
def locked(state: Path, how: int) -> Generator[None]:
    """The lock of the objects in a state folder."""
    descriptor = os.open(state / SWEEP_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def touch(path: Path) -> bool:
    """Say that an object is in use from now on; False where it is not there (any more)."""
    try:
        with shared(path.parent):
            os.utime(path)
    except OSError:
        return False
    return True
