"""Events: the only thing that changes the engine's state, and what the journal holds.

An event is committed before its effects are performed; recovery is a loop over `apply`. Instances are `NodeKey`s. A value of up to 4 KiB of JSON
stands in its event (`value`), a larger one is a blob (`blob`); `length` is of lists. The engine looks at `length` and `fact` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from .graph import NodeKey
from .steering_events import (
    CancelBegan,
    ClockStepped,
    DemandSet,
    DrainBegan,
    DrainEnded,
    Keyed,
    NodeCancelled,
    NoLongerStarved,
    PrioritySet,
    Reloaded,
    ScopeCancelled,
    ScopePaused,
    ScopeResumed,
    ScopeRetried,
    Starved,
    Undone,
    WindowTurned,
    Word,
    WordDropped,
    WordExpired,
    WordSet,
)
from .used import Used

EVENT_SCHEMA = 1

OnFailure = Literal["finish", "continue", "cancel", "hold"]
"""`hold`: what failed is parked until somebody retries it. Added later."""
FailureReason = Literal["exit", "signal", "timeout", "result", "value", "start", "lost", "cancelled"]
"""`exit`: a code other than 0; `signal`: killed; `result`: outputs missing or of the wrong type; `value`: an argument or amount could not be evaluated; `start`: the process could not be started; `cancelled`: stopped on request."""
RunStatus = Literal["done", "failed", "cancelled", "drained", "stalled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run has begun, under these terms."""

    run: str
    graph_digest: str
    on_failure: OnFailure
    words: tuple[Word, ...]
    """Machine, file and command-line layers; amounts are integers."""
    zone: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    recalls: bool = False
    """Calls ask for an earlier result before they are queued. Added later; a row that lacks it asked for none."""
    keeps_temp: bool = False
    """Temporary files are not removed. Added later."""
    targets: tuple[str, ...] = ()
    """The names that were asked for, where the graph is a part of its program. Added later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContinued:
    """A new engine took the run over. Attempts that had begun and not ended are lost; `words` is the machine layer of now."""

    words: tuple[Word, ...]
    keeps_temp: bool = False
    """From now on temporary files are not removed. Added later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamBound:
    """A param has its value."""

    node: int
    value: str | None
    blob: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """A FanOut over a closed list has `count` elements."""

    region: NodeKey
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """Elements `start` to `end` (exclusive) of a FanOut over a stream have become known."""

    region: NodeKey
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """No more elements will come to a FanOut over a stream: it has `count`."""

    region: NodeKey
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Widened:
    """All hot elements of a FanOut are blocked and others might start: more of them become hot."""

    region: NodeKey
    window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The list that a FanOut gives has been built outside the engine."""

    region: NodeKey
    value: str | None
    blob: str | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A Compute node's value; `fact` where it is a bool that the engine must know (a condition)."""

    key: NodeKey
    value: str | None
    blob: str | None = None
    length: int | None = None
    fact: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputeFailed:
    """A Compute node, a gather, or the facts of a call could not be evaluated."""

    key: NodeKey
    message: str
    held: bool = False
    """As in AttemptFailed. Added later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the engine must know of a call before it is queued. Amounts in base units, in the order of `requires`."""

    amounts: tuple[int, ...] = ()
    retries: int = 0
    backoff_min_ns: int = 0
    backoff_max_ns: int = 0
    timeout_ns: int | None = None
    priority: int = 0
    keys: tuple[tuple[str, str], ...] = ()
    """(`by` of a limit, key): which of its pools the instance belongs to. Added later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsKnown:
    """What a Call instance demands is known."""

    key: NodeKey
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRemoval:
    """A file or folder that goes: absolute, removed if it is unchanged."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """An earlier result of the same recipe stands, checked: the call is done without an attempt."""

    key: NodeKey
    recipe: str
    value: str | None
    blob: str | None = None
    length: int | None = None
    temporary: tuple[PlannedRemoval, ...] = ()
    """Temporary files of it that stand there, to be removed when they have been read. Added later."""
    gone: bool = False
    """Temporary files of it have been removed: it runs when somebody has to read them. Added later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """There is no earlier result that the call could have: it runs."""

    key: NodeKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """An attempt of a Call instance has begun."""

    key: NodeKey
    epoch: int
    attempt: int
    """From 1, lost attempts not counted."""
    serial: int
    """Counts every start of the run: the name of the attempt's log and scratch folder."""
    queued_ms: int = 0
    """How long it had been ready: all that it waits for was there, it stood in the queue. Added later."""
    granted: tuple[tuple[str, int], ...] = ()
    """All that it demands, in base units, where an operator has set any of that. Added later, as what follows."""
    units: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Resource → which of its units the attempt has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStopping:
    """The attempt was asked to end; its outcome is still to come."""

    key: NodeKey
    epoch: int
    attempt: int
    why: Literal["timeout", "cancelled", "preempted"]
    """`preempted`: a limit was lowered below what is taken, and room was to be made; it is queued again. Added later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFrozen:
    """A pause that freezes covers what runs: its processes are stopped, its timeout stands still."""

    key: NodeKey
    epoch: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptThawed:
    """No pause that freezes covers it any more: it goes on, its timeout later by the time that it stood."""

    key: NodeKey
    epoch: int
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A scratch path that goes to a final path: both absolute. `inode` and `digest` let recovery recognise it.

    The two are one path where the body wrote the file in place: it is there already.
    """

    scratch: str
    final: str
    size: int
    digest: str
    inode: int
    temporary: str = ""
    """The temporary output that it belongs to; empty: it stays. Added later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPlanned:
    """The body succeeded and its outputs are on disk; they are renamed, and what they replace removed, after this is committed."""

    key: NodeKey
    epoch: int
    attempt: int
    files: tuple[PlannedFile, ...]
    value: str | None
    blob: str | None = None
    length: int | None = None
    removals: tuple[PlannedRemoval, ...] = ()  # added later
    recipe: str = ""
    """Under what the result is kept for later runs; empty: it is not. Added later, as what follows."""
    used: Used | None = None  # as in the other events that end an attempt; None: not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished:
    """After `PublishPlanned` of the same attempt `value`, `blob`, `recipe` and `used` are empty: they stand there."""

    key: NodeKey
    epoch: int
    attempt: int
    value: str | None
    blob: str | None = None
    length: int | None = None
    recipe: str = ""
    """As in PublishPlanned."""
    used: Used | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """An attempt has failed."""

    key: NodeKey
    epoch: int
    attempt: int
    reason: FailureReason
    exit: int | None
    """Exit code, or minus the signal's number."""
    message: str
    retry_at_ns: int | None
    """When it goes back into the queue; None: it failed for good."""
    log: str = ""
    held: bool = False
    """It failed for good and is parked: it has not ended, and what needs it waits. Added later."""
    used: Used | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLost:
    """Nobody saw how it ended, or it was stopped on request: run again, no retry used up."""

    key: NodeKey
    epoch: int
    attempt: int
    why: str
    used: Used | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """Everybody who reads the temporary files of a finished call has ended: `removals` go. Performed again after a crash."""

    key: NodeKey
    removals: tuple[PlannedRemoval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Files of finished calls were removed or changed by somebody else. Calls that nobody needs do not run again."""

    keys: tuple[NodeKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revived:
    """The files of a finished call are gone and needed: it runs again, under `epoch`; who reads them waits for it."""

    key: NodeKey
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffEnded:
    """What waited for its next attempt may start."""

    key: NodeKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """What was parked or cancelled goes on: a new epoch, its attempts counted from 1 again."""

    key: NodeKey
    who: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """A run has ended."""

    status: RunStatus
    held: int = 0
    """How many are parked: with any, the run can be gone on with, also where it failed. Added later."""
    cancelled: int = 0
    """How many an operator cancelled one by one or by scope: the same. Added later."""


Event: TypeAlias = (
    RunStarted
    | RunContinued
    | ParamBound
    | WordSet
    | WordDropped
    | WordExpired
    | WindowTurned
    | ClockStepped
    | ScopePaused
    | ScopeResumed
    | PrioritySet
    | DemandSet
    | Undone
    | Expanded
    | Extended
    | Closed
    | Widened
    | Gathered
    | Computed
    | ComputeFailed
    | FactsKnown
    | Keyed
    | Recalled
    | Missed
    | AttemptStarted
    | AttemptStopping
    | AttemptFrozen
    | AttemptThawed
    | PublishPlanned
    | AttemptFinished
    | AttemptFailed
    | AttemptLost
    | Discarded
    | Gone
    | Revived
    | BackoffEnded
    | Retried
    | Reloaded
    | Starved
    | NoLongerStarved
    | DrainBegan
    | DrainEnded
    | CancelBegan
    | NodeCancelled
    | ScopeCancelled
    | ScopeRetried
    | RunEnded
)
