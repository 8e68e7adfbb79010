"""The engine's clock: wall-anchored and monotonic, in nanoseconds UTC."""

from __future__ import annotations

import time


class Clock:
    """Reads the wall once; after that it only goes forward, with the monotonic clock."""

    __slots__ = ("_offset_ns",)

    def __init__(self, not_before_ns: int = 0) -> None:
        """`not_before_ns`: the last instant of a run that is taken over, so that its time never goes back."""
        self._offset_ns = max(time.time_ns(), not_before_ns) - time.monotonic_ns()

    def now_ns(self) -> int:
        """Now."""
        return time.monotonic_ns() + self._offset_ns
