"""What the ledger shows of itself: plain data for status, `ps` and acknowledgements."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.requirement import Dimension, Identity, Layer, PoolKind, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """A pool as it stands. Amounts in base units of `dimension`; `capacity` None is unlimited."""

    pool: str
    """The scope (`task:fetch`, `mem`, `global`), or `pause SCOPE` for a pause."""
    kind: PoolKind
    dimension: Dimension
    capacity: int | None
    taken: int
    holders: int
    """How many running nodes hold a share."""
    waiting: int
    """How many queued nodes demand it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a change of a limit did: the acknowledgement. `before` and `after` are effective capacities by kind."""

    scope: str
    before: tuple[tuple[str, int | str], ...]
    after: tuple[tuple[str, int | str], ...]
    running: int
    waiting: int
    text: str
    """`task:fetch 10 → 3: 7 running, drains to 3`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordEnding:
    """A word whose time is over."""

    layer: Layer
    identity: Identity
    until_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseEnding:
    """A pause whose time is over."""

    scope: Scope
    until_ns: int
