"""What this machine has: the ground layer of the requirement IR."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from ..ir.events import Word
from ..ir.requirement import Layer, Limit, Scope

RUNNING_MAX = 1000
"""More tasks than this never run at once on one machine."""
_DESCRIPTORS_PER_TASK = 4
_DESCRIPTORS_KEPT = 64


def machine_words() -> tuple[Word, ...]:
    """The machine layer: cores in thousandths, memory in bytes, no gpu, and how many tasks descriptors and processes allow."""
    return tuple(
        Word(Layer.MACHINE, Limit(scope=scope, amount=amount))
        for scope, amount in (
            (Scope("resource", "cpu"), _cores_milli()),
            (Scope("resource", "mem"), _memory_bytes()),
            (Scope("resource", "gpu"), 0),
            (Scope("global"), _most_running()),
        )
    )


def _cores_milli() -> int:
    cores = len(os.sched_getaffinity(0)) * 1000
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1000, int(quota) * 1000 // int(period)))
    except (OSError, ValueError):
        pass
    return cores


def _memory_bytes() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        most = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if most != "max":
            memory = min(memory, int(most))
    except (OSError, ValueError):
        pass
    return memory


def _most_running() -> int:
    most = RUNNING_MAX
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if descriptors != resource.RLIM_INFINITY:
        most = min(most, (descriptors - _DESCRIPTORS_KEPT) // _DESCRIPTORS_PER_TASK)
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if processes != resource.RLIM_INFINITY:
        most = min(most, processes // 4)
    return max(1, most)
