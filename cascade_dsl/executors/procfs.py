"""What Linux tells of a process in `/proc`: its memory, its children, what it read and wrote. Nothing here waits for a disk.

A process that has gone, or is somebody else's, gives None or nothing: to measure is never an error.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ctypes

_KB = 1024
_READ_MAX = 16384
_KCMP = {"x86_64": 312, "aarch64": 272, "riscv64": 272, "ppc64le": 354, "s390x": 343}
"""The number of the system call `kcmp`, by machine."""
_KCMP_VM = 1


class Memory(NamedTuple):
    """Of one process, in bytes. `own` is what it allocated and shares with others, `mapped` the files that it mapped."""

    own: int
    mapped: int
    peak: int
    """The most of both together since it began its program, or since `forget_peak`."""
    threads: int


class Moved(NamedTuple):
    """What a process, and the children that it waited for, asked of files, pipes and sockets."""

    read_bytes: int
    written_bytes: int


def memory_of(pid: int) -> Memory | None:
    """The memory of a process now; None where it is gone or only waits to be reaped."""
    text = _read(f"/proc/{pid}/status")
    if text is None or b"\nVmHWM:" not in text:
        return None
    own = _field(text, b"\nRssAnon:") + _field(text, b"\nRssShmem:")
    return Memory(
        own=own * _KB,
        mapped=_field(text, b"\nRssFile:") * _KB,
        peak=_field(text, b"\nVmHWM:") * _KB,
        threads=_field(text, b"\nThreads:"),
    )


def shared_out(pid: int) -> int | None:
    """A process's own memory, what it shares with others divided by their number. Costs 30 ms for each GB: not for every look."""
    text = _read(f"/proc/{pid}/smaps_rollup")
    if text is None or b"\nPss_Anon:" not in text:
        return None
    return (_field(text, b"\nPss_Anon:") + _field(text, b"\nPss_Shmem:")) * _KB


def share_memory(pid: int, other: int) -> bool | None:
    """Two processes run in one memory, as a new one does in that of its parent until it begins a program of its own.

    None where the system cannot say.
    """
    number = _KCMP.get(os.uname().machine)
    if number is None:
        return None
    answer = _libc().syscall(number, pid, other, _KCMP_VM, 0, 0)
    return None if answer < 0 else answer == 0


@cache
def _libc() -> ctypes.CDLL:
    import ctypes

    return ctypes.CDLL(None)


def children_of(pid: int, threads: int = 0) -> list[int]:
    """Processes that a process started and that still are its own. With one thread there is one list to read."""
    if threads == 1:
        return _children(f"/proc/{pid}/task/{pid}/children")
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [child for task in tasks for child in _children(f"/proc/{pid}/task/{task}/children")]


def started_at(pid: int) -> int | None:
    """When a process began, in ticks since the machine did: with its number it names one process only."""
    text = _read(f"/proc/{pid}/stat")
    if text is None:
        return None
    try:
        return int(text[text.rindex(b")") + 2 :].split(b" ", 20)[19])
    except (ValueError, IndexError):
        return None


def session_of(pid: int) -> int:
    """The session that a process belongs to; 0 where it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def moved(pid: int) -> Moved | None:
    """What a process read and wrote, also of one that waits to be reaped; None where the system does not say."""
    text = _read(f"/proc/{pid}/io")
    if text is None or not text.startswith(b"rchar:"):
        return None
    return Moved(_field(b"\n" + text, b"\nrchar:"), _field(text, b"\nwchar:"))


def _field(text: bytes, name: bytes) -> int:
    at = text.find(name)
    if at < 0:
        return 0
    at += len(name)
    return int(text[at : text.index(b"\n", at)].split(None, 1)[0])


def _children(path: str) -> list[int]:
    text = _read(path)
    return [] if not text else [int(word) for word in text.split()]


def _read(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(fd, _READ_MAX)
        if len(text) < _READ_MAX:
            return text
        while more := os.read(fd, _READ_MAX):
            text += more
        return text
    except OSError:  # it ended between the two
        return None
    finally:
        os.close(fd)
