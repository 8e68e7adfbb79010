"""Logs that keep their first and last 8 MB, whatever a body writes.

A body writes straight to its file, so nothing stands between it and the disk. While it runs, the middle of a log that
grew too long is given back to the file system as a hole; when it has ended the hole is closed up.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any, NoReturn

import trio

from .floods import KEPT_BYTES, NOTE_MAX, note_of

_BLOCK = 4096
_APPENDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_PUNCH_HOLE_KEEP_SIZE = 0x02 | 0x01


def open_log(path: str) -> int:
    """A descriptor that appends. The folders of logs, which somebody may have tidied away, are made again."""
    try:
        return os.open(path, _APPENDING, 0o600)
    except FileNotFoundError:
        folder = os.path.dirname(path)
        for each in (os.path.dirname(folder), folder):  # no deeper: where the run itself is gone, it stays so
            with suppress(FileExistsError):
                os.mkdir(each, 0o700)
        return os.open(path, _APPENDING, 0o600)


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


def to_hollow(path: str, done: int) -> int:
    """Up to where the middle of a log that is being written can be given back now; `done` where nothing is to be."""
    end = (size_of(path) - KEPT_BYTES) // _BLOCK * _BLOCK
    return end if end - max(done, KEPT_BYTES) >= KEPT_BYTES else done


def hollow(path: str, done: int, end: int) -> None:
    """Give the middle of a log back, where the file system can; else it is cut at its end only."""
    start = max(done, KEPT_BYTES)
    fd = os.open(path, os.O_WRONLY)
    try:
        _fallocate()(fd, _PUNCH_HOLE_KEEP_SIZE, start, end - start)
    finally:
        os.close(fd)


def close_up(path: str) -> None:
    """Make a flooded log its head, a line that says how much was left out, and its tail. In place: a straggler may hold it open."""
    with open(path, "r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        source = size - KEPT_BYTES
        if source - KEPT_BYTES < NOTE_MAX:
            return
        note = note_of(source - KEPT_BYTES)
        os.pwrite(file.fileno(), note, KEPT_BYTES)
        target = KEPT_BYTES + len(note)  # before `source`, so that copying forwards overwrites nothing unread
        while piece := os.pread(file.fileno(), 1 << 20, source):
            target += os.pwrite(file.fileno(), piece, target)
            source += len(piece)
        os.ftruncate(file.fileno(), target)


class Floods:
    """Work on logs that are too long, one after another in a thread: even to free a few hundred MB takes its time."""

    __slots__ = ("_due", "_wake")

    def __init__(self) -> None:
        self._due: deque[tuple[Callable[[], None], Callable[[], None]]] = deque()
        self._wake = trio.Event()

    def hollow(self, log: str, done: int) -> int:
        """Give back what can be of a log that is being written; gives the new `done`."""
        end = to_hollow(log, done)
        if end != done:
            self._add(partial(hollow, log, done, end), lambda: None)
        return end

    def close_up(self, log: str, then: Callable[[], None]) -> None:
        """Close up the log of an ended attempt, then call back in the trio thread."""
        self._add(partial(close_up, log), then)

    def _add(self, work: Callable[[], None], then: Callable[[], None]) -> None:
        self._due.append((work, then))
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
            work, then = self._due[0]
            with suppress(OSError):  # a log that cannot be shortened is no reason to fail what it tells of
                await trio.to_thread.run_sync(work)
            self._due.popleft()
            then()


@cache
def _fallocate() -> Any:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    function = getattr(libc, "fallocate64", None) or libc.fallocate  # musl has one name, with 64 bits
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return function
