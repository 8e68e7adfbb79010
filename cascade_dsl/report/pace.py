"""How fast a run goes, from what was seen of it; what is left, where that can be said honestly. Pure: time is given."""

from __future__ import annotations

from collections import deque

from ..base.quantity import NS_PER_S
from ..engine.status import NodeCounts
from .words import ended, show_seconds, total

_EVERY_NS = NS_PER_S
_WINDOW = 30
_SHOWN_FROM = 10
_LEFT_FROM = 20
_LEFT_AFTER_NS = 10 * NS_PER_S
_STEADY = 1.5


class Pace:
    """Looks once a second at most; keeps half a minute, and where it began."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=_WINDOW)
        self._first: tuple[int, int] | None = None

    def look(self, now_ns: int, nodes: NodeCounts) -> None:
        """The run has come so far."""
        at = (now_ns, ended(nodes) - nodes.skipped - nodes.cached)
        if self._first is None:
            self._first = at
        if not self._seen or now_ns - self._seen[-1][0] >= _EVERY_NS:
            self._seen.append(at)

    def _rate(self, since: tuple[int, int] | None) -> float:
        """Ends in a second since an instant."""
        if since is None or not self._seen:
            return 0.0
        last = self._seen[-1]
        return (last[1] - since[1]) * NS_PER_S / (last[0] - since[0]) if last[0] > since[0] else 0.0

    def rate(self) -> str:
        """`4.2/s`, `12/min`; empty where too little has happened to say."""
        if self._first is None or self._seen[-1][1] - self._first[1] < _SHOWN_FROM:
            return ""
        rate = self._rate(self._seen[0])
        if rate >= 10:
            return f"{rate:.0f}/s"
        if rate >= 1:
            return f"{rate:.1f}/s"
        return f"{rate * 60:.0f}/min" if rate * 60 >= 1 else ""

    def left(self, nodes: NodeCounts, is_even: bool) -> str:
        """`about 40s left`, where what is left is like what was done and goes at one pace; else empty."""
        if nodes.open_ended or not is_even or self._first is None:
            return ""
        first, last = self._first, self._seen[-1]
        if last[1] - first[1] < _LEFT_FROM or last[0] - first[0] < _LEFT_AFTER_NS:
            return ""
        recent, whole = self._rate(self._seen[0]), self._rate(first)
        if recent <= 0 or not 1 / _STEADY <= recent / whole <= _STEADY:
            return ""
        return f"about {_coarse((total(nodes) - ended(nodes)) / recent)} left"


def _coarse(seconds: float) -> str:
    """A guess does not pretend to know seconds."""
    if seconds < 10:
        return f"{max(1, round(seconds))}s"
    if seconds < 60:
        return f"{round(seconds / 5) * 5}s"
    if seconds < 3600:
        return f"{round(seconds / 60)}m"
    return show_seconds(round(seconds / 600) * 600)
