"""What an attempt used, as its events tell it: small integers, so that an event stays small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
