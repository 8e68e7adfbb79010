"""A run at one instant, for people and for `ps`: what the runtime hands to renderers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..limits.views import PoolView

if TYPE_CHECKING:
    from ..ir.used import Used


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningView:
    """An attempt that runs. `since_ns` is the instant of its start on the engine's clock (UTC nanoseconds)."""

    name: str
    task: str
    attempt: int
    since_ns: int
    pid: int | None = None
    frozen: bool = False
    """It stands still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What an attempt ran, for people."""

    kind: Literal["sh", "exec", "python"]
    text: str
    """Of `sh` the script with its values put in, of `exec` the command with its words quoted, of `python` what was called."""
    line: int = 0
    """Where its first line stands in the file, from 1; 0 where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureView:
    """A node that failed for good. Lines count from 1, 0 where the graph says none."""

    name: str
    task: str
    exit: int | None
    """Exit code, or minus the signal's number."""
    attempts: int
    message: str
    log: str
    reason: str = "exit"
    """A `FailureReason` of the event, or `value` for an expression."""
    allowed: int = 1
    """How many attempts it may have had."""
    file: str = ""
    line: int = 0
    """Where the call, or the expression, stands."""
    source: str = ""
    """The text of that line."""
    task_line: int = 0
    ran: Ran | None = None
    skipped: int = 0
    """How many calls are skipped because of it, as far as they are known now."""
    skipped_names: tuple[str, ...] = ()
    """The first of them."""
    held: bool = False
    """It is parked: what needs it waits, and is counted in `skipped` all the same."""
    out_of_memory: bool = False
    """The kernel killed something for want of memory while it ran."""
    used: Used | None = None
    """What the last attempt used."""
    mem_line: int = 0
    """Where its task demands `mem`, of one that was ended because it used more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryView:
    """A node that is tried again at `due_ns` on the engine's clock."""

    name: str
    task: str
    attempt: int
    """The attempt that failed."""
    allowed: int
    due_ns: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """What an operator said that is in force: a limit (`amount` in base units), a pause, or that the run is to drain."""

    kind: Literal["limit", "pause", "drain"]
    scope: str
    amount: int | None = None
    who: str = ""
    because: str = ""
    until_ns: int | None = None
    """When a pause ends by itself, on the engine's clock."""
    freezes: bool = False
    """What runs stands still while the pause lasts."""


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
    """What an operator cancelled; after the end of a run also what never ran."""
    stopped: int = 0
    """Of these, what an operator cancelled one by one or by scope."""
    held: int = 0
    """Parked; after the end of a run too."""
    frozen: int = 0
    """How many of what runs stand still."""
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
    """`running`, `draining`, `cancelling`, `stalled`, `held` (the same, where something is parked), `ended`."""
    held: tuple[FailureView, ...] = ()
    """The first of those that are parked."""
    held_total: int = 0
    retries: tuple[RetryView, ...] = ()
    """Those that are due next; `nodes.backoff` counts all."""
    changes: tuple[ChangeView, ...] = ()
    is_even: bool = False
    """All that is left are items of one list: what is left takes about as long as what was done."""
