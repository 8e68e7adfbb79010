"""Logs that keep their first and last 8 MB, whatever a body writes.

A body writes straight to its file, so nothing stands between it and the disk. While it runs, the middle of a log that
grew too long is given back to the file system as a hole; when it has ended the hole is closed up.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

import trio

KEPT_BYTES = 8 * 1024 * 1024
"""Kept of the head, and as much of the tail."""
_BLOCK = 4096
_NOTE_MAX = 200
_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01


def open_log(path: str) -> int:
    """A descriptor that appends."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def open_value(path: str) -> int:
    """A descriptor for a new, empty file that takes a value."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)


def size_of(path: str) -> int:
    """Bytes from start to end of a file, holes included; 0 where it is gone."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def is_flooded(path: str) -> bool:
    """The log is longer than what is kept of it."""
    return size_of(path) > 2 * KEPT_BYTES + _BLOCK


def hollow(path: str, done: int) -> int:
    """Give back the middle of a log that is being written. `done` is up to where earlier calls did; gives the new value."""
    end = (size_of(path) - KEPT_BYTES) // _BLOCK * _BLOCK
    start = max(done, KEPT_BYTES)
    if end - start < KEPT_BYTES:
        return done
    try:
        fd = os.open(path, os.O_WRONLY)
    except OSError:
        return done
    try:
        return end if _punch(fd, start, end - start) else done
    finally:
        os.close(fd)


def close_up(path: str) -> None:
    """Make a flooded log its head, a line that says how much was left out, and its tail. In place: a straggler may hold it open."""
    with open(path, "r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        source = size - KEPT_BYTES
        if source - KEPT_BYTES < _NOTE_MAX:
            return
        note = f"\n[… {source - KEPT_BYTES} bytes left out here …]\n".encode()
        os.pwrite(file.fileno(), note, KEPT_BYTES)
        target = KEPT_BYTES + len(note)  # before `source`, so that copying forwards overwrites nothing unread
        while piece := os.pread(file.fileno(), 1 << 20, source):
            target += os.pwrite(file.fileno(), piece, target)
            source += len(piece)
        os.ftruncate(file.fileno(), target)


class Floods:
    """Flooded logs of ended attempts, closed up one by one in a thread before their outcomes go out."""

    __slots__ = ("_due", "_wake")

    def __init__(self) -> None:
        self._due: deque[tuple[str, Callable[[], None]]] = deque()
        self._wake = trio.Event()

    def add(self, log: str, then: Callable[[], None]) -> None:
        """Close `log` up, then call back in the trio thread."""
        self._due.append((log, then))
        self._wake.set()

    async def serve(self) -> NoReturn:
        """Work until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            await self.drain()

    async def drain(self) -> None:
        """Do what is due."""
        while self._due:
            log, then = self._due[0]
            with suppress(OSError):  # a log that cannot be shortened is no reason to fail what it tells of
                await trio.to_thread.run_sync(close_up, log)
            self._due.popleft()
            then()


def _punch(fd: int, start: int, length: int) -> bool:
    """False where the file system cannot: the log is then cut only at its end."""
    return bool(_fallocate()(fd, _PUNCH_HOLE_KEEP_SIZE, start, length) == 0)


@cache
def _fallocate() -> Any:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    function = getattr(libc, "fallocate64", None) or libc.fallocate  # musl has one name, with 64 bits
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function
