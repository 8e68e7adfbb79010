"""What this machine has: the ground layer of the requirement IR."""

from __future__ import annotations

import os
import resource

from ..ir.events import Word
from ..ir.requirement import Layer, Limit, Scope
from .hardware import cores_milli, gpus, memory_bytes

RUNNING_MAX = 1000
"""More tasks than this never run at once on one machine."""
_DESCRIPTORS_PER_TASK = 4
_DESCRIPTORS_KEPT = 64


def machine_words() -> tuple[Word, ...]:
    """The machine layer: cores in thousandths, memory in bytes, GPUs of NVIDIA, and how many tasks descriptors and processes allow."""
    return tuple(
        Word(Layer.MACHINE, Limit(scope=scope, amount=amount))
        for scope, amount in (
            (Scope("resource", "cpu"), cores_milli(len(os.sched_getaffinity(0)))),
            (Scope("resource", "mem"), memory_bytes(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))),
            (Scope("resource", "gpu"), gpus(os.environ).count),
            (Scope("global"), _most_running()),
        )
    )


def _most_running() -> int:
    most = RUNNING_MAX
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if descriptors != resource.RLIM_INFINITY:
        most = min(most, (descriptors - _DESCRIPTORS_KEPT) // _DESCRIPTORS_PER_TASK)
    processes = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if processes != resource.RLIM_INFINITY:
        most = min(most, processes // 4)
    return max(1, most)
