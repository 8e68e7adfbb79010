"""Looks several times a second at the memory of what runs, and tells of what uses more than it asked for.

One thread for all attempts of a run: to read `/proc` may wait for a process that hangs in the kernel, and the loop
must not. It looks every 100 ms, seldomer where a look at all of them costs more than a fiftieth of that time; it sleeps
while nothing runs. An attempt whose processes have a control group of their own is looked at through that.

Its processes are those below the first one, also in other groups and sessions, and those once seen there whose parent
has ended since. What left both its session and its parent before it was seen once is not found.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from . import procfs
from .cgroups import Cgroup
from .procfs import Memory

LOOK_EVERY_S = 0.1
_LOOK_SELDOM_S = 10.0
_SHARE = 50
"""Looks take one part in so many of the time at most, until they are as seldom as that."""
TOLERANCE = 20
"""A demand is a promise, kept up to a twentieth of it: then the attempt is ended."""
_WORTH_DIVIDING = 64 * 1024 * 1024
_WORTH_ASKING = 4 * 1024 * 1024
_GROWN = 16
"""What several processes share is counted again when their sum is a sixteenth larger than ever …"""
_DIVIDE_EVERY_S = 1.0
"""… and, where that sum is more than they may use, so often, or seldomer where that takes long."""


def bound_of(demand_bytes: int) -> int:
    """Above how many bytes an attempt is ended whose demand is so much."""
    return demand_bytes + demand_bytes // TOLERANCE


class Seen(NamedTuple):
    """What was seen of an attempt's memory."""

    peak: int
    """The most at one time."""
    mapped: int
    """The most that one of its processes had of mapped files."""
    looks: int


class Watch:
    """An attempt that is looked at. The monitor's thread writes what it has seen; `over` is called there, once."""

    __slots__ = (
        "_divide_at",
        "_over",
        "_sum_seen",
        "bound",
        "cgroup",
        "dividing_s",
        "known",
        "looks",
        "mapped",
        "over_bytes",
        "own_peak",
        "peak",
        "pid",
        "wanted",
    )

    def __init__(
        self, pid: int, bound: int | None, cgroup: Cgroup | None, own_peak: bool, over: Callable[[], None]
    ) -> None:
        self.pid = pid
        self.bound = bound
        self.cgroup = cgroup
        self.own_peak = own_peak
        """The kernel's peak of the first process is of this attempt alone."""
        self.wanted = True
        self.peak = 0
        self.mapped = 0
        self.looks = 0
        self.over_bytes = 0
        """What it used when it was found to use more than `bound`."""
        self.known: dict[int, int] = {}
        """Its processes but for the first: number → when it began."""
        self.dividing_s = 0.0
        """CPU time that went into counting what its processes share."""
        self._sum_seen = 0
        self._divide_at = 0.0
        self._over = over

    @property
    def seen(self) -> Seen:
        """What has been seen so far."""
        return Seen(self.peak, self.mapped, self.looks)

    def look(self) -> None:
        """Once, now."""
        used = self._now()
        if used is None or not self.wanted:  # its number may already be another's
            return
        self.looks += 1
        self.peak = max(self.peak, used)
        if self.bound is not None and used > self.bound and not self.over_bytes:
            self._divide_at = 0.0
            again = self._now()  # once may be a process that is just being started, in the memory of its parent
            if again is not None and again > self.bound and self.wanted:
                self.over_bytes = again
                self.peak = max(self.peak, again)
                self._over()

    def _now(self) -> int | None:
        total, processes = 0, 0
        for pid, memory in self._processes():
            if not self.wanted:
                return None
            processes += 1
            total += memory.own
            self.mapped = max(self.mapped, memory.mapped)
            if self.own_peak or pid != self.pid:
                self.peak = max(self.peak, memory.peak - self.mapped)
        if self.cgroup is not None:
            return self.cgroup.used()
        if not processes:
            return None
        if processes > 1 and total > _WORTH_DIVIDING:
            # Those that were forked from one share its memory until they write to it.
            return self._divided(total) if self._is_worth_dividing(total) else min(self.peak, total)
        return total

    def _is_worth_dividing(self, total: int) -> bool:
        has_grown = total > self._sum_seen + self._sum_seen // _GROWN
        is_too_much = self.bound is not None and total > self.bound and time.monotonic() >= self._divide_at
        if not (has_grown or is_too_much):
            return False
        self._sum_seen = max(self._sum_seen, total)
        return True

    def _divided(self, total: int) -> int:
        began = time.thread_time()
        parts = [procfs.shared_out(pid) for pid in (self.pid, *self.known)]
        took = time.thread_time() - began
        self.dividing_s += took
        self._divide_at = time.monotonic() + max(_DIVIDE_EVERY_S, _SHARE * took)
        known = [part for part in parts if part is not None]
        return min(total, sum(known)) if known else total

    def _processes(self) -> Iterator[tuple[int, Memory]]:
        found: set[int] = set()
        todo: list[tuple[int, int, Memory | None]] = [(self.pid, 0, None)]
        late = list(self.known.items())
        while todo or late:
            if not todo:
                pid, began = late.pop()
                if pid in found or procfs.started_at(pid) != began:
                    continue
                todo.append((pid, 0, None))
            pid, parent, parents = todo.pop()
            if pid in found:
                continue
            found.add(pid)
            memory = procfs.memory_of(pid)
            if pid != self.pid and pid not in self.known:
                began = procfs.started_at(pid)
                if began is not None:
                    self.known[pid] = began
            todo += [(child, pid, memory) for child in procfs.children_of(pid, memory.threads if memory else 0)]
            if memory is not None and not _is_in_memory_of(pid, memory, parent, parents):
                yield pid, memory
        for gone in self.known.keys() - found:
            del self.known[gone]


def _is_in_memory_of(pid: int, memory: Memory, parent: int, parents: Memory | None) -> bool:
    """A process that its parent has just begun to start runs in the parent's memory, which counts once."""
    if parents is None or memory.own < _WORTH_ASKING or abs(memory.own - parents.own) > parents.own // 8:
        return False
    same = procfs.share_memory(pid, parent)
    return memory == parents if same is None else same


class Monitor:
    """Looks at all watches, in a thread that starts with the first of them."""

    def __init__(self) -> None:
        self._watches: dict[Watch, None] = {}
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def watch(
        self,
        pid: int,
        *,
        bound: int | None = None,
        cgroup: Cgroup | None = None,
        own_peak: bool = True,
        over: Callable[[], None] = lambda: None,
    ) -> Watch:
        """Look at a process and all below it until `end`; `over` is called in the monitor's thread."""
        watch = Watch(pid, bound, cgroup, own_peak, over)
        self._watches[watch] = None
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="memory of tasks", daemon=True)
            self._thread.start()
        elif not self._wake.is_set():
            self._wake.set()
        return watch

    def end(self, watch: Watch) -> Seen:
        """What was seen; before the process is reaped, so that its number is still its own."""
        watch.wanted = False
        self._watches.pop(watch, None)
        return watch.seen

    def close(self) -> None:
        """Let the thread end, without waiting for it."""
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        every = LOOK_EVERY_S
        while not self._closed:
            if not self._watches:
                self._wake.clear()
                if not self._watches and not self._closed:
                    self._wake.wait()
            time.sleep(every)
            began, dividing = time.thread_time(), 0.0
            for watch in list(self._watches):
                if watch.wanted:
                    before = watch.dividing_s
                    watch.look()
                    dividing += watch.dividing_s - before
            took = time.thread_time() - began - dividing
            every = min(max(LOOK_EVERY_S, _SHARE * took), _LOOK_SELDOM_S)


def kill(watch: Watch) -> None:
    """KILL to those processes of an attempt that left its group; the group itself is its executor's."""
    for pid, began in list(watch.known.items()):
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if procfs.started_at(pid) == began:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
        except OSError:
            pass
        finally:
            os.close(fd)
