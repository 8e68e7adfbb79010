"""What an attempt ran, kept until it is known whether its failure is for good, and whether memory was short meanwhile."""

from __future__ import annotations

import shlex
from pathlib import Path

from ..engine.status import Ran
from ..executors.protocol import CommandSpec
from ..ir.graph import ExecBody, PythonBody, PythonFunction, ShellBody
from .bodies import Prepared
from .scripts import readable

_CGROUPS = Path("/sys/fs/cgroup")
_VMSTAT = Path("/proc/vmstat")


def ran_of(prepared: Prepared) -> Ran:
    """What an attempt ran, for people."""
    body, work = prepared.task.body, prepared.spec.work
    match body:
        case ShellBody():
            return Ran(kind="sh", text=readable(body, prepared.values), line=body.line)
        case ExecBody():
            assert isinstance(work, CommandSpec)
            return Ran(kind="exec", text=shlex.join(work.argv))
        case PythonFunction():
            return Ran(kind="python", text=f"{body.path or body.module}:{body.function}")
        case PythonBody():
            return Ran(kind="python", text="", line=body.line)


class OutOfMemory:
    """The kernel's count of what it killed for want of memory, in this control group, else on the machine."""

    def __init__(self, cgroups: Path = _CGROUPS, vmstat: Path = _VMSTAT, own: Path = Path("/proc/self/cgroup")) -> None:
        self._source = next(
            (p for p in (_events_of(own, cgroups), vmstat) if p is not None and _count(p) is not None), None
        )
        self._seen = self._now()

    def happened(self) -> bool:
        """The count has grown since this was asked last."""
        before, self._seen = self._seen, self._now()
        return self._seen > before

    def _now(self) -> int:
        return (_count(self._source) or 0) if self._source is not None else 0


def _events_of(own: Path, cgroups: Path) -> Path | None:
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    name = next((line[3:] for line in lines if line.startswith("0::")), None)
    return None if name is None else cgroups / name.lstrip("/") / "memory.events"


def _count(path: Path) -> int | None:
    try:
        text = path.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill" and number.strip().isdigit():
            return int(number)
    return None
