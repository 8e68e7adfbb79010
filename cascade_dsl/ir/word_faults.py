"""What the parts of one word have against each other: a graph from outside may hold any."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.quantity import INT_MAX
from .requirement import FOR_MAX_NS, SCOPE_MAX, Limit, Window

_DAY_MINUTES = 24 * 60


def limit_faults(limit: Limit) -> Iterator[str]:
    """What the parts of one word have against each other."""
    if isinstance(limit.amount, int) and not 0 <= limit.amount <= INT_MAX:
        yield "is negative" if limit.amount < 0 else "is too large"
    if (limit.kind == "spend") != (limit.per_ns is not None):
        yield "is a rate without a time, or a time without a rate"
    if limit.per_ns is not None and not 0 < limit.per_ns <= INT_MAX:
        yield f"is a rate over {limit.per_ns} ns"
    if limit.kind == "spend" and limit.amount is not None and limit.burst is None:
        yield "is a rate without a burst"
    if limit.kind == "hold" and limit.burst is not None:
        yield "has a burst and is no rate"
    if isinstance(limit.burst, int) and not 1 <= limit.burst <= INT_MAX:
        yield f"has a burst of {limit.burst}"
    if (limit.by is not None) != bool(limit.by_text):
        yield "is split by something that has no text, or the reverse"
    if limit.for_ns is not None and not 0 < limit.for_ns <= FOR_MAX_NS:
        yield f"holds for {limit.for_ns} ns"
    if limit.until_minute is not None and not 0 <= limit.until_minute < _DAY_MINUTES:
        yield f"ends at minute {limit.until_minute} of a day"
    if limit.until_ns is not None:
        yield "ends at an instant, which no file says"
    if limit.for_ns is not None and limit.until_minute is not None:
        yield "ends at two times"
    if limit.window is not None:
        yield from _window_faults(limit.window)
    timed = not limit.is_plain or limit.by is not None or limit.hard or limit.kind == "spend"
    if limit.amount is None and timed:
        yield "is none, and says more than that"
    if len(limit.scope.pattern) > SCOPE_MAX or (limit.scope.kind == "global") == bool(limit.scope.pattern):
        yield "names no scope"


def _window_faults(window: Window) -> Iterator[str]:
    for minute in (window.start_minute, window.end_minute):
        if not 0 <= minute < _DAY_MINUTES:
            yield f"has a window with minute {minute} of a day"
    if list(window.days) != sorted(set(window.days)) or any(not 0 <= day <= 6 for day in window.days):
        yield "has a window whose days are no days of a week, in their order"
