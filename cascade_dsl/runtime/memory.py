"""How a run holds its tasks to what they demand of `mem`, and who looks at what they use.

Where control groups can be made the kernel holds commands to it at every instant. Elsewhere, and for calls in python
workers, a monitor does, some times a second. Only tasks that demand `mem` are held to anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..executors.cgroups import Cgroups, NoCgroups, find
from ..executors.monitor import Monitor
from ..executors.protocol import AttemptSpec
from ..ir.graph import Graph


class MemoryDemands:
    """What holds the demands of one run. `enforce` off: they are for the scheduler alone; what is used is measured still."""

    def __init__(self, graph: Graph, *, enforce: bool, warden: int | None) -> None:
        self.monitor = Monitor()
        self.groups: Cgroups | None = None
        """Where commands run that demand memory, if groups can be made."""
        self._enforce = enforce
        self._why_not = ""
        self._any = any(r.resource == "mem" for task in graph.tasks for r in task.clauses.requires)
        if self._any and enforce:
            try:
                self.groups = find(warden)
            except NoCgroups as reason:
                self._why_not = str(reason)

    def held(self, spec: AttemptSpec) -> AttemptSpec:
        """An attempt as it is to be started."""
        return spec if self._enforce or spec.mem_bytes is None else replace(spec, mem_bytes=None)

    @property
    def how(self) -> str:
        """How demands of memory are held; empty where there are none."""
        if not self._any:
            return ""
        if not self._enforce:
            return "tasks are not held to what they demand"
        if self.groups is not None:
            return f"the kernel holds tasks to what they demand, by control groups in {self.groups.base}"
        return f"tasks are looked at some times a second and held to what they demand ({self._why_not})"

    def tell(self, note: Callable[[str], None]) -> None:
        """Say how demands of memory are held, where there are any."""
        if self._any:
            note(f"memory: {self.how}")

    def close(self) -> None:
        """The run has ended."""
        self.monitor.close()
        if self.groups is not None:
            self.groups.close()
