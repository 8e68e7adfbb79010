"""What a waiting node asks for, demand by demand, and what refuses it. Reads the ledger, never writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import nsmallest

from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity
from .pools import Holder, Pool, Waiter, asks

HOLDERS_SHOWN = 5
"""Of more the oldest are named: they are likely to end first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a waiting node asks of a pool, amounts in base units; `free` and `capacity` None where it is unlimited."""

    pool: str
    identity: Identity
    dimension: Dimension
    need: int
    free: int | None
    capacity: int | None
    is_pause: bool = False
    refuses: bool = False
    """It has no room for the node now."""
    is_starved: bool = False
    """It has not even on an empty machine, whatever ends."""
    kept: int = 0
    """What of `free` is kept back for a node that has been passed too often, and is not this one."""
    kept_for: NodeKey | None = None
    kept_passes: int = 0
    """How often that one was passed."""
    ahead: int = 0
    """How many that wait and ask for the same pool come first in order; only where it refuses."""
    holders: tuple[tuple[NodeKey, int], ...] = ()
    """The oldest of those that hold a share, with it; only where it refuses."""
    holders_total: int = 0
    per_ns: int | None = None
    """Of a rate: `capacity` is its burst, `free` the tokens that are there."""
    amount: int | None = None
    """Of a rate: how many tokens come each `per_ns`."""
    due_ns: int | None = None
    """Of a rate: when the tokens are there, if nobody else takes them."""
    key: str | None = None
    """Of a pool for each value of an expression: the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A waiting node among the others: its demands, pauses first, and how it stands in the order."""

    demands: tuple[Demand, ...]
    passes: int
    """How many later ones have started on what it lacks."""
    is_reserved: bool
    """What it needs is kept back for it."""
    unkeyed: tuple[str, ...] = ()
    """The expressions by which pools are split whose value is not known for it yet."""

    @property
    def refusing(self) -> tuple[Demand, ...]:
        """The demands that do not fit now."""
        return tuple(demand for demand in self.demands if demand.refuses)


def standing(
    node: NodeKey, waiter: Waiter, holders: Mapping[NodeKey, Holder], reserved: Mapping[NodeKey, Waiter]
) -> Standing:
    """How a waiting node stands; `holders` are those that run, `reserved` those for whom pools are kept."""
    amounts = waiter.amounts
    own = node in reserved
    demands = tuple(
        _demand(node, waiter, pool, asks(amounts, column), holders, reserved, own=own)
        for pool, column in waiter.cls.shape.demands
    )
    return Standing(demands=demands, passes=waiter.passes, is_reserved=own)


def _demand(
    node: NodeKey,
    waiter: Waiter,
    pool: Pool,
    need: int,
    holders: Mapping[NodeKey, Holder],
    reserved: Mapping[NodeKey, Waiter],
    *,
    own: bool,
) -> Demand:
    if pool.capacity is None:
        return Demand(
            pool=pool.name, identity=pool.identity, dimension=pool.dimension, need=need, free=None, capacity=None
        )
    free = pool.free()
    kept = 0 if own else pool.reserved
    refuses = need > free - kept
    keeper = None
    if kept and refuses:
        keeper = next((key for key, w in reserved.items() if w.cls.shape in pool.shapes), None)
    oldest = nsmallest(HOLDERS_SHOWN, pool.holders, key=lambda key: holders[key].since) if refuses else []
    return Demand(
        pool=pool.name,
        identity=pool.identity,
        dimension=pool.dimension,
        need=need,
        free=free,
        capacity=pool.capacity,
        is_pause=pool.pause,
        refuses=refuses,
        is_starved=need > pool.capacity,
        kept=kept,
        kept_for=keeper,
        kept_passes=reserved[keeper].passes if keeper is not None else 0,
        ahead=_ahead(waiter, pool) if refuses else 0,
        holders=tuple((key, pool.holders[key]) for key in oldest),
        holders_total=len(pool.holders),
    )


def _ahead(waiter: Waiter, pool: Pool) -> int:
    """How many of those that ask for the pool come before a node in order."""
    rank, age = waiter.order
    found = 0
    for shape in pool.shapes:
        for cls in shape.classes.values():
            if cls.rank < rank:
                found += len(cls.queue)
            elif cls.rank == rank:
                found += cls.queue.older(age)
    return found
