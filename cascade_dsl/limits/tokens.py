"""A token bucket in exact integers, read lazily: looking at it at instants in between changes nothing.

The level stands in parts of a token so small that a nanosecond at any rate it has had adds a whole number of them.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

MAX_SCALE = 1 << 200
"""Beyond it a change of rate rounds what is left down, to under a part of a token that no clock can see."""


class Tokens:
    """`amount` tokens each `per_ns`, at most `burst` of them; new ones are full."""

    __slots__ = ("_at", "_level", "_rate", "_scale", "amount", "burst", "per_ns")

    def __init__(self, amount: int, per_ns: int, burst: int, now: int) -> None:
        self.amount = amount
        self.per_ns = per_ns
        self.burst = burst
        self._scale = per_ns
        """Parts in a token."""
        self._rate = amount
        """Parts that a nanosecond adds."""
        self._level = burst * per_ns
        """Parts at `_at`; it may lie above the burst after that was lowered, and counts only up to it."""
        self._at = now

    @property
    def capacity(self) -> int:
        """The most that may ever be taken at once."""
        return self.burst if self.amount else 0

    def _parts(self, now: int) -> int:
        return min(self.burst * self._scale, self._level + self._rate * (now - self._at))

    def at(self, now: int) -> int:
        """Whole tokens that may be taken; none at a rate of 0."""
        return self._parts(now) // self._scale if self.amount else 0

    def take(self, tokens: int, now: int) -> None:
        """Tokens go; they must be there."""
        self._level = self._parts(now) - tokens * self._scale
        self._at = now

    def covered(self, tokens: int, now: int) -> int | None:
        """The first instant from now at which so many are there if nobody takes any; None: never."""
        if tokens > self.capacity:
            return None
        lacking = tokens * self._scale - self._parts(now)
        return now if lacking <= 0 else now - (-lacking // self._rate)

    def full_at(self, now: int) -> int | None:
        """The first instant from now at which it is as good as new; None: never."""
        lacking = self.burst * self._scale - self._parts(now)
        if lacking <= 0:
            return now
        return now - (-lacking // self._rate) if self._rate else None

    def change(self, amount: int, per_ns: int, burst: int, now: int) -> None:
        """Another rate from now on; what is left is carried over exactly, a lower burst caps it when time goes on."""
        if now > self._at:
            self._level = self._parts(now)
            self._at = now
        scale = lcm(self._scale, per_ns)
        if scale > MAX_SCALE:
            scale = per_ns
        self._level = self._level * scale // self._scale
        self._scale = scale
        self._rate = amount * (scale // per_ns)
        self.amount, self.per_ns, self.burst = amount, per_ns, burst

    def snapshot(self) -> object:
        """Comparable: what is left and when that was, whatever the parts."""
        return self.amount, self.per_ns, self.burst, Fraction(self._level, self._scale), self._at
