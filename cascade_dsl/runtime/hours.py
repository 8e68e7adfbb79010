"""Local time: when a window is open and until when, and which instant a time of the day means. Pure, but for reading zones.

A window is open while the local clock shows a time in it. So an hour that comes twice is in it twice, one that is left
out in spring is never in it, and a window that begins in such an hour opens when the clock jumps over its beginning. A
window past midnight belongs to the day on which it begins. `until TIME` is the next instant at which the clock shows
that time, or jumps over it.

Zones are asked for nothing but their offset at an instant; where it changes is found by halving. All is whole
nanoseconds, UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from io import BytesIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..base.quantity import NS_PER_S
from ..ir.requirement import Window

_MINUTE_NS = 60 * NS_PER_S
_DAY_NS = 24 * 60 * _MINUTE_NS
_THURSDAY = 3
"""The day of the week on which the count of instants begins."""
_AHEAD_NS = 16 * _DAY_NS
"""A window turns within a week, or two where a change of the clock swallows it; else it never does."""
_LOOK_NS = 6 * 60 * _MINUTE_NS

Offset = Callable[[int], int]
"""How far local time is ahead of UTC at an instant, in nanoseconds."""


# ---- zones --------------------------------------------------------------------------------------------------------


def offset_of(text: str) -> Offset | None:
    """The zone that a text names: `Europe/Berlin`, a file, `+0100`, or a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`."""
    zone = _fixed(text) or _named(text) or _ruled(text)
    if zone is None:
        return None

    def offset(t_ns: int) -> int:
        there = datetime.fromtimestamp(t_ns // NS_PER_S, zone).utcoffset()
        assert there is not None
        return (there.days * 86400 + there.seconds) * NS_PER_S

    return offset


def _fixed(text: str) -> tzinfo | None:
    if text in ("", "UTC"):
        return UTC
    found = re.fullmatch(r"([+-])(\d\d)(\d\d)", text)
    if found is None:
        return None
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-ahead if found[1] == "-" else ahead)


def _named(text: str) -> tzinfo | None:
    try:
        if text.startswith("/"):
            with open(text, "rb") as file:
                return ZoneInfo.from_file(file)
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _ruled(text: str) -> tzinfo | None:
    """A rule as POSIX has them, by way of a file of zones that holds nothing but it."""
    head = b"TZif2" + bytes(15)
    count = b"".join(number.to_bytes(4, "big") for number in (0, 0, 0, 0, 1, 4))
    body = bytes(6) + b"UTC\0"
    try:
        return ZoneInfo.from_file(BytesIO(head + count + body + head + count + body + b"\n" + text.encode() + b"\n"))
    except (ValueError, UnicodeError):
        return None


# ---- windows ------------------------------------------------------------------------------------------------------


def is_open(window: Window, t_ns: int, offset: Offset) -> bool:
    """Whether the local clock shows a time in the window."""
    day, in_day = divmod(t_ns + offset(t_ns), _DAY_NS)
    start, end = window.start_minute * _MINUTE_NS, window.end_minute * _MINUTE_NS
    if start < end:
        return start <= in_day < end and _is_on(window, day)
    return (in_day >= start and _is_on(window, day)) or (in_day < end and _is_on(window, day - 1))


def _is_on(window: Window, day: int) -> bool:
    return not window.days or (day + _THURSDAY) % 7 in window.days


def edge(window: Window, t_ns: int, offset: Offset) -> tuple[bool, int | None]:
    """Whether the window is open, and the instant at which that changes; None: it never does."""
    now = is_open(window, t_ns, offset)
    for start_ns, end_ns, ahead in _stretches(t_ns, offset):
        turns = [start_ns]
        for day in range((start_ns + ahead) // _DAY_NS, (end_ns + ahead) // _DAY_NS + 1):
            for minute in (window.start_minute, window.end_minute):
                turns.append(day * _DAY_NS + minute * _MINUTE_NS - ahead)
        for turn in sorted(turns):
            if t_ns < turn and start_ns <= turn < end_ns and is_open(window, turn, offset) != now:
                return now, turn
    return now, None


def next_time(minute: int, t_ns: int, offset: Offset) -> int:
    """The next instant, after this one, at which the clock shows that minute of the day, or jumps over it."""
    before: int | None = None
    for start_ns, end_ns, ahead in _stretches(t_ns, offset):
        if before is not None and before < ahead and _shows(minute, start_ns + before, start_ns + ahead) is not None:
            return start_ns
        shown = _shows(minute, max(start_ns, t_ns + 1) + ahead, end_ns + ahead)
        if shown is not None:
            return shown - ahead
        before = ahead
    raise AssertionError("every day has such a time")


def _shows(minute: int, start: int, end: int) -> int | None:
    """The first local time from `start` on and before `end` that is that minute of a day."""
    in_day = minute * _MINUTE_NS % _DAY_NS
    found = start + (in_day - start) % _DAY_NS
    return found if found < end else None


def _stretches(t_ns: int, offset: Offset) -> Iterator[tuple[int, int, int]]:
    """Stretches of one offset from an instant on: (start, end, offset)."""
    start, at, last = t_ns, t_ns, t_ns + _AHEAD_NS
    ahead = offset(t_ns)
    while at < last:
        then = min(last, at + _LOOK_NS)
        if offset(then) != ahead:
            then = _change(at, then, offset)
            yield start, then, ahead
            start, ahead = then, offset(then)
        at = then
    yield start, last, ahead


def _change(low: int, high: int, offset: Offset) -> int:
    """The second at which the offset changes between two instants: the first at which it is another than at `low`."""
    before = offset(low)
    below, above = low // NS_PER_S, -(-high // NS_PER_S)
    while above - below > 1:
        middle = (below + above) // 2
        if offset(middle * NS_PER_S) == before:
            below = middle
        else:
            above = middle
    return above * NS_PER_S
