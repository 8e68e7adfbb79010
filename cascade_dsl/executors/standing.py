"""What of an attempt stands still: its process group, and what of it left that group.

SIGSTOP cannot be caught, and the kernel starts no child for a process that has a signal to take. So the group is
stopped first, then what is found below it, again until nothing new is found: what was just being started is found at the
next look. A process is known by its number and when it began, so that a signal never reaches another one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from . import procfs
from .groups import Group

_LOOKS = 20
"""More often something below has started others only where that does nothing else."""


class Standing:
    """A group that stands still, from here on until `go_on`."""

    __slots__ = ("_group", "_strays")

    def __init__(self, group: Group, seen: Mapping[int, int]) -> None:
        """`seen`: processes of the attempt that were seen below the first one before, with when they began."""
        self._group = group
        self._strays: dict[int, int] = {}
        group.stand()
        for _ in range(_LOOKS):
            found = {pid: began for pid, began in self._below(seen).items() if pid not in self._strays}
            if not found:
                return
            for pid, began in found.items():
                _signal(pid, began, signal.SIGSTOP)
            self._strays |= found

    def _below(self, seen: Mapping[int, int]) -> dict[int, int]:
        """What is below the leader, or was once, and is in another group."""
        leader = self._group.pid
        found: dict[int, int] = {}
        todo = [leader, *(pid for pid, began in list(seen.items()) if procfs.started_at(pid) == began)]
        known: set[int] = set()
        while todo:
            pid = todo.pop()
            if pid in known:
                continue
            known.add(pid)
            todo += procfs.children_of(pid)
            began = procfs.started_at(pid)
            if began is not None and _group_of(pid) not in (leader, None):
                found[pid] = began
        return found

    def go_on(self) -> None:
        """All of it, the strays first: the group may wait for them."""
        self.release()
        self._group.go_on()

    def release(self) -> None:
        """Only what is in other groups, where the group itself ends."""
        for pid, began in self._strays.items():
            _signal(pid, began, signal.SIGCONT)
        self._strays.clear()


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _signal(pid: int, began: int, number: int) -> None:
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if procfs.started_at(pid) == began:
            signal.pidfd_send_signal(fd, number)
    except OSError:
        pass
    finally:
        os.close(fd)
