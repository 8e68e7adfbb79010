"""What operators have changed in a run, with what was before: data, kept by `undoing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..ir.events import (
    CancelBegan,
    DemandSet,
    DrainBegan,
    DrainEnded,
    NodeCancelled,
    PrioritySet,
    Reloaded,
    Retried,
    ScopeCancelled,
    ScopePaused,
    ScopeResumed,
    ScopeRetried,
    Word,
    WordDropped,
    WordSet,
)
from ..ir.requirement import Scope

FAILURE = "a task failed"
"""Why a run drains or is cancelled by its own policy, and not by an operator."""
OPERATOR = "an operator asked for it"
"""Why it does by `cascade drain` and `cascade cancel`."""

ByOperator: TypeAlias = (
    WordSet
    | WordDropped
    | ScopePaused
    | ScopeResumed
    | PrioritySet
    | DemandSet
    | DrainBegan
    | DrainEnded
    | CancelBegan
    | NodeCancelled
    | ScopeCancelled
    | ScopeRetried
    | Retried
    | Reloaded
)


@dataclass(frozen=True, slots=True)
class WordsBefore:
    """What the operator had said about the scope."""

    scope: Scope
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class PauseBefore:
    """A pause that was in force."""

    scope: Scope
    who: str
    because: str
    since_ns: int
    freezes: bool
    until_ns: int | None


@dataclass(frozen=True, slots=True)
class PausesBefore:
    """All pauses that were in force."""

    pauses: tuple[PauseBefore, ...]


@dataclass(frozen=True, slots=True)
class PatchesBefore:
    """Every patch, the newest last."""

    patches: tuple[tuple[tuple[Scope, str], int], ...]


@dataclass(frozen=True, slots=True)
class GoingBefore:
    """The run was going on."""


@dataclass(frozen=True, slots=True)
class DrainingBefore:
    """An operator let the run drain."""

    failed: int
    """How many calls had failed when that began."""


Before: TypeAlias = WordsBefore | PausesBefore | PatchesBefore | GoingBefore | DrainingBefore


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `before` None: it cannot be taken back."""

    row: int
    t_ns: int
    event: ByOperator
    before: Before | None
    count: int = 1
    """Of retries and cancelled nodes: how many in one turn."""
