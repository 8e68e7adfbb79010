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
    amount: int | None = None
    """Of a rate: so many tokens come each `per_ns`. `capacity` is then the burst, 0 at a rate of 0."""
    per_ns: int | None = None
    burst: int | None = None
    tokens: int | None = None
    """Of a rate: what may be taken now; `taken` is what is spent and not yet back."""
    by: str = ""
    """The expression that gives the keys, of a pool for each key."""
    key: str | None = None
    """Of one of those pools: its key."""
    keys: KeysView | None = None
    """Of all pools of a `by` together: then `taken`, `holders` and `waiting` are totals, `capacity` is each key's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysView:
    """The pools of a `by`: how many there are, and those that most nodes wait for."""

    total: int
    unkeyed_running: int
    """Running nodes whose key is not known yet: until it is, nothing starts."""
    unkeyed_waiting: int
    """Waiting nodes whose key is not known yet."""
    shown: tuple[PoolView, ...]
    """At most `KEYS_SHOWN`: the most waited for, then the most taken, then by key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """A demand on a resource that would not fit an empty machine, amounts in base units."""

    resource: str
    need: int
    capacity: int
    """Of a rate its burst, 0 at a rate of 0."""
    kind: PoolKind
    by: str = ""


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
