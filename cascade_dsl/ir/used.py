"""What an attempt used, as its events tell it: small integers, so that an event stays small."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..base.quantity import parse_size, show_size

PeakFrom = Literal["", "sampled", "process", "atmost"]
"""How `Used.peak_bytes` is known. `sampled`: its processes were added up several times a second, and the kernel's own
peak of the largest of them; a shorter burst of several may have been higher. `process`: it ended before it was looked
at, the kernel's peak of its largest process. `atmost`: the same where that is no more than the process that started it
had, with whose peak Linux lets a new one begin: it used that or less. Empty: not known."""


@dataclass(frozen=True, slots=True)
class Used:
    """What the processes of an attempt used together: those that it waited for, and those that it left behind."""

    cpu_ms: int = 0
    """User and system time."""
    peak_bytes: int = 0
    """The most memory of its own at one time: what it allocated and shares, not the files that it mapped or read."""
    read_bytes: int = 0
    written_bytes: int = 0
    """What it asked of files, pipes and sockets, whether or not a disk was touched for it."""
    wall_ms: int = 0
    """From the start of its process, or of the call in a worker, to its end."""
    peak_from: PeakFrom = ""


_OVER = re.compile(r"used (\S+) of memory, its demand is `mem = (\S+)`")


def over_message(used_bytes: int, demand_bytes: int) -> str:
    """Of an attempt that was ended because it used more memory than it asked for."""
    return f"used {show_used(used_bytes)} of memory, its demand is `mem = {show_size(demand_bytes)}`"


def show_used(size_bytes: int) -> str:
    """A measured size as people read it: a whole number of binary units would be by chance."""
    return show_size(size_bytes if size_bytes < 1000 else size_bytes // 1000 * 1000)


def over_of(message: str) -> tuple[int, int] | None:
    """What such an attempt used and asked for, in bytes as they are shown; None: the message is of another."""
    found = _OVER.match(message)
    used, demand = (parse_size(found[1]), parse_size(found[2])) if found is not None else (None, None)
    return None if used is None or demand is None else (used, demand)


def to_ask_for(peak_bytes: int) -> int:
    """What to ask for where so much was used: a fifth more, as a round amount from a megabyte on."""
    return rounded_up(peak_bytes + peak_bytes // 5)


def to_ask_for_after(used_bytes: int, demand_bytes: int) -> int:
    """What to ask for after an attempt was ended at so much: what it would have used is not known, so half as much again."""
    return rounded_up(max(used_bytes, demand_bytes) * 3 // 2)


def rounded_up(size_bytes: int) -> int:
    """Up to two digits, at least a megabyte."""
    step = max(10**6, 10 ** (len(str(size_bytes)) - 2))
    return max(1, -(-size_bytes // step)) * step
