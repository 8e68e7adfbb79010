"""One epoll for all processes of an executor: no task, thread or signal handler for each.

Trio waits for the epoll itself; callbacks run in the trio thread, in `once`. Timers share the wait.
"""

from __future__ import annotations

import math
import select
from collections.abc import Callable
from heapq import heappop, heappush
from typing import NoReturn

import trio

_EVENTS_A_TURN = 256


class Reactor:
    """Callbacks for readable descriptors and for instants of trio's clock."""

    __slots__ = ("_epoll", "_handlers", "_scope", "_timer_count", "_timers")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_count = 0
        self._scope: trio.CancelScope | None = None

    def watch(self, fd: int, on_readable: Callable[[], None]) -> None:
        """Call back whenever `fd` is readable or hung up, until `unwatch`."""
        self._handlers[fd] = on_readable
        self._epoll.register(fd, select.EPOLLIN)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor, before it is closed."""
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def at(self, when: float, callback: Callable[[], None]) -> None:
        """Call back once at an instant of trio's clock. A timer cannot be taken back: its callback looks whether it is still wanted."""
        self._timer_count += 1
        heappush(self._timers, (when, self._timer_count, callback))
        if self._scope is not None and when < self._scope.deadline:
            self._scope.deadline = when

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back in the next turn."""
        self.at(-math.inf, callback)

    async def once(self) -> None:
        """Wait until something is due and call back for all of it."""
        deadline = self._timers[0][0] if self._timers else math.inf
        with trio.CancelScope(deadline=deadline) as scope:
            self._scope = scope
            try:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
            finally:
                self._scope = None
        for fd, _ in self._epoll.poll(0, _EVENTS_A_TURN):
            handler = self._handlers.get(fd)
            if handler is not None:  # an earlier callback of this turn may have dropped it
                handler()
        if self._timers:
            self._run_due(trio.current_time())

    async def run(self) -> NoReturn:
        """Turn until cancelled."""
        while True:
            await self.once()

    def close(self) -> None:
        """Give the epoll back."""
        self._epoll.close()

    def _run_due(self, now: float) -> None:
        due: list[Callable[[], None]] = []
        while self._timers and self._timers[0][0] <= now:
            due.append(heappop(self._timers)[2])
        for callback in due:
            callback()
