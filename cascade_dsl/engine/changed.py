"""What operators have changed in a run, with what was before: data, kept by `undoing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..ir.events import (
    CancelBegan,
    DemandSet,
    DrainBegan,
    PrioritySet,
    Reloaded,
    Retried,
    ScopePaused,
    ScopeResumed,
    Word,
    WordDropped,
    WordSet,
)
from ..ir.requirement import Scope

ByOperator: TypeAlias = (
    WordSet
    | WordDropped
    | ScopePaused
    | ScopeResumed
    | PrioritySet
    | DemandSet
    | DrainBegan
    | CancelBegan
    | Retried
    | Reloaded
)


@dataclass(frozen=True, slots=True)
class WordsBefore:
    """What the operator had said about the scope."""

    scope: Scope
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class PausesBefore:
    """The scopes that were paused, and why."""

    paused: tuple[tuple[Scope, str], ...]


@dataclass(frozen=True, slots=True)
class PatchesBefore:
    """Every patch, the newest last."""

    patches: tuple[tuple[tuple[Scope, str], int], ...]


@dataclass(frozen=True, slots=True)
class GoingBefore:
    """The run was going on; so many calls had failed for good."""

    failed: int


Before: TypeAlias = WordsBefore | PausesBefore | PatchesBefore | GoingBefore


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `before` None: it cannot be taken back."""

    row: int
    t_ns: int
    event: ByOperator
    before: Before | None
    count: int = 1
    """Of retries: how many nodes in one turn."""
