"""The engine's clock: wall-anchored and monotonic, in nanoseconds UTC."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Reads the wall once; after that it only goes forward, with the monotonic clock."""

    __slots__ = ("_offset_ns", "_steady", "_wall")

    def __init__(
        self,
        not_before_ns: int = 0,
        *,
        wall: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`not_before_ns`: the last instant of a run that is taken over, so that its time never goes back."""
        self._wall = wall
        self._steady = steady
        self._offset_ns = max(wall(), not_before_ns) - steady()

    def now_ns(self) -> int:
        """Now."""
        return self._steady() + self._offset_ns

    def ahead_ns(self) -> int:
        """How far the wall clock is ahead of this one: it was set, or the machine slept."""
        return self._wall() - self.now_ns()
