"""Instants for people, in the local time of who reads: `14:22`, `in 17m00s`. Standard library only: the control verbs use it."""

from __future__ import annotations

import time

from ..base.quantity import NS_PER_S
from .words import show_seconds

_SOON_NS = 120 * NS_PER_S


def clock(at_ns: int, now_ns: int) -> str:
    """`14:22`; with seconds where it is near, with the date where it is another day."""
    at, today = time.localtime(at_ns // NS_PER_S), time.localtime(now_ns // NS_PER_S)
    shown = time.strftime("%H:%M:%S" if abs(at_ns - now_ns) < _SOON_NS else "%H:%M", at)
    return shown if at[:3] == today[:3] else f"{time.strftime('%Y-%m-%d', at)} {shown}"


def left(at_ns: int, now_ns: int) -> str:
    """`in 17m00s`, `now` where it is past."""
    return "now" if at_ns <= now_ns else f"in {show_seconds((at_ns - now_ns) / NS_PER_S)}"


def ago(since_ns: int, now_ns: int) -> str:
    """`3m00s ago`."""
    return f"{show_seconds(max(0, now_ns - since_ns) / NS_PER_S)} ago"


def until(at_ns: int, now_ns: int) -> str:
    """`until 14:22 (in 17m00s)`."""
    return f"until {clock(at_ns, now_ns)} ({left(at_ns, now_ns)})"
