"""What the ledger shows of itself: plain data for status, `ps` and acknowledgements."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.requirement import Dimension, PoolKind


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
    before: tuple[tuple[str, int | None], ...]
    after: tuple[tuple[str, int | None], ...]
    running: int
    waiting: int
    text: str
    """`task:fetch 10 → 3: 7 running, drains to 3`."""
