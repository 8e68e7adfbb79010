"""What the engine asks the interpreter to do, after the events that decided it are committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..ir.events import Facts, PlannedFile, PlannedRemoval, RunStatus
from ..ir.expr import Expr
from ..ir.graph import NodeKey


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Give the value of a Compute instance."""

    key: NodeKey


@dataclass(frozen=True, slots=True)
class EvaluateFacts:
    """Give the facts of a Call instance for an attempt of it (from 1), the last of which used so much memory.

    `by` are the limits whose key it is to be given too: source and expression over the inputs of the call.
    """

    key: NodeKey
    attempt: int = 1
    peak_bytes: int = 0
    by: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class KeyNodes:
    """Give the keys of Call instances that run or wait, for a `by` that came to be in force meanwhile."""

    by: str
    expr: Expr
    keys: tuple[NodeKey, ...]


@dataclass(frozen=True, slots=True)
class Recall:
    """Look for an earlier result of a Call instance, whose values are all there."""

    key: NodeKey


@dataclass(frozen=True, slots=True)
class Measure:
    """Give the length of the list that a FanOut instance goes over."""

    key: NodeKey


@dataclass(frozen=True, slots=True)
class Gather:
    """Build the list that a FanOut instance gives."""

    key: NodeKey


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Begin an attempt of a Call instance, with these units of what it demands."""

    key: NodeKey
    epoch: int
    attempt: int
    serial: int
    facts: Facts
    units: tuple[tuple[str, tuple[int, ...]], ...] = ()
    granted: tuple[tuple[str, int], ...] = ()
    """As in AttemptStarted."""


@dataclass(frozen=True, slots=True)
class StopAttempt:
    """End an attempt that runs."""

    key: NodeKey
    serial: int
    why: Literal["timeout", "cancelled", "preempted"]


@dataclass(frozen=True, slots=True)
class FreezeAttempt:
    """Stop the processes of an attempt, to go on later."""

    key: NodeKey
    serial: int


@dataclass(frozen=True, slots=True)
class ThawAttempt:
    """Let a frozen attempt go on."""

    key: NodeKey
    serial: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Move the files of a committed plan to their places, remove what they replace. `redo`: a crash may have done some of it."""

    key: NodeKey
    epoch: int
    attempt: int
    files: tuple[PlannedFile, ...]
    removals: tuple[PlannedRemoval, ...] = ()
    redo: bool = False


@dataclass(frozen=True, slots=True)
class Discard:
    """Remove temporary files that nobody reads any more, those that are unchanged."""

    key: NodeKey
    removals: tuple[PlannedRemoval, ...]


@dataclass(frozen=True, slots=True)
class EndRun:
    """End the loop."""

    status: RunStatus


Ask: TypeAlias = Evaluate | EvaluateFacts | Recall | Measure | Gather
Effect: TypeAlias = (
    Ask | KeyNodes | StartAttempt | StopAttempt | FreezeAttempt | ThawAttempt | Publish | Discard | EndRun
)
