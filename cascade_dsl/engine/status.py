"""A run at one instant, for people and for `ps`: what the runtime hands to renderers."""

from __future__ import annotations

from dataclasses import dataclass

from ..limits.views import PoolView


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningView:
    """An attempt that runs. `since_ns` is the instant of its start on the engine's clock (UTC nanoseconds)."""

    name: str
    task: str
    attempt: int
    since_ns: int
    pid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """A node that failed for good."""

    name: str
    task: str
    exit: int | None
    attempts: int
    message: str
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitView:
    """Nodes of one task that wait for one pool: `12 fetch wait for task:fetch (3 of 3 taken)`."""

    task: str
    pool: str
    count: int
    starved: str = ""
    """Where they could not start even on an empty machine: `align needs mem 64GB, the limit is 32GB`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCounts:
    """Call instances by state; a dynamic fan-out adds to `waiting` as it becomes known."""

    waiting: int = 0
    ready: int = 0
    running: int = 0
    backoff: int = 0
    done: int = 0
    cached: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    open_ended: bool = False
    """More instances may still become known: a total is not yet one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything a view needs. `running` holds at most the 50 that run longest; `running_total` counts all."""

    run: str
    file: str
    now_ns: int
    started_ns: int
    nodes: NodeCounts
    running: tuple[RunningView, ...]
    running_total: int
    pools: tuple[PoolView, ...]
    waits: tuple[WaitView, ...]
    paused: tuple[str, ...]
    failures: tuple[FailureView, ...]
    phase: str
    """`running`, `draining`, `cancelling`, `stalled`, `ended`."""
