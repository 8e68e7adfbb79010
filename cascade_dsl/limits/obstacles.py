"""What the ledger tells of single nodes and of words: what a waiting node asks for, what refuses it, who says so. Reads, never writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import TypeAlias

from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity, Scope
from .keyed import Family
from .pools import Pool, SpendPool
from .shapes import DemandClass, Holder, Template, Waiter, asks
from .words import Said, Words

HOLDERS_SHOWN = 5
"""Of more the oldest are named: they are likely to end first."""
Starving: TypeAlias = tuple[str, Identity, int, int]
"""Task, pool, the least need that is too much, and what there is."""


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
    amount: int | None = None
    """Of a rate: so many tokens come each `per_ns`; `capacity` is its burst, `free` the tokens that are there."""
    per_ns: int | None = None
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
    """The expressions by which pools are split whose value is not known yet, for it or for what runs."""

    @property
    def refusing(self) -> tuple[Demand, ...]:
        """The demands that do not fit now."""
        return tuple(demand for demand in self.demands if demand.refuses)


class Told:
    """The ledger as people ask about it, at the instant of now."""

    __slots__ = ("_declared", "_families", "_holders", "_pools", "_templates", "_waiting", "_words")

    def __init__(
        self,
        pools: Mapping[Identity, Pool],
        families: Mapping[Identity, Family],
        declared: frozenset[Identity],
        words: Words,
        templates: Iterable[Template],
        waiting: Mapping[NodeKey, Waiter],
        holders: Mapping[NodeKey, Holder],
    ) -> None:
        self._pools = pools
        self._families = families
        self._declared = declared
        self._words = words
        self._templates = templates
        self._waiting = waiting
        self._holders = holders

    # ---- words ------------------------------------------------------------------------------------------------

    def said(self, identity: Identity) -> tuple[Said, ...]:
        """Every word about an identity, that of the highest layer first, and whether it counts now."""
        return self._words.said(identity)

    def subjects(self) -> tuple[tuple[Identity, Dimension], ...]:
        """All that is a resource or that a word is about, in force or not."""
        found = dict.fromkeys([*(i for i in self._pools if i in self._declared), *self._words.all_identities()])
        return tuple((identity, self.dimension(identity.scope)) for identity in found)

    def applies(self, scope: Scope) -> bool:
        """Whether a call of the program is in the scope, or demands the resource."""
        return any(template.in_scope(scope) for template in self._templates)

    def dimension(self, scope: Scope) -> Dimension:
        """What is counted there."""
        pool = self._pools.get(Identity(scope))
        return "count" if pool is None else pool.dimension

    def lacks_keys(self, identity: Identity) -> bool:
        """Whether something holds of a limit with keys whose key is not known yet."""
        family = self._families.get(identity)
        return family is not None and bool(family.lacking)

    # ---- nodes ------------------------------------------------------------------------------------------------

    def starving(self) -> tuple[Starving, ...]:
        """Who needs more of a resource than it has: a limit of 0 on a scope and a pause starve nobody, they wait."""
        found: dict[tuple[str, Identity], tuple[int, int]] = {}
        for shape in (shape for template in self._templates for shape in template.variants.values()):
            plain = [demand for demand in shape.demands if _may_starve(demand[0])]
            keyed = any(family.scope.kind == "resource" for family, _ in shape.families)
            if not plain and not keyed:
                continue  # its classes may be as many as there are keys
            for cls in shape.classes:
                for pool, column in (*plain, *(d for d in cls.keyed if _may_starve(d[0]))) if keyed else plain:
                    assert pool.capacity is not None
                    need = _too_much(cls, column, pool.capacity)
                    if need is None:
                        continue
                    key = shape.template.task, pool.identity
                    if key not in found or need < found[key][0]:
                        found[key] = need, pool.capacity
        rows = ((task, identity, need, most) for (task, identity), (need, most) in found.items())
        return tuple(sorted(rows, key=lambda row: (row[0], str(row[1]))))

    def standing(self, node: NodeKey) -> Standing:
        """What a waiting node asks for, what refuses it, and how it stands in the order; KeyError where it does not wait."""
        waiter = self._waiting[node]
        cls, amounts = waiter.cls, waiter.amounts
        unkeyed = dict.fromkeys([*cls.lacks, *(family.by for family, _ in cls.shape.families if family.lacking)])
        return Standing(
            demands=tuple(self._demand(waiter, pool, asks(amounts, column)) for pool, column in cls.demands),
            passes=waiter.passes,
            is_reserved=waiter.is_reserved,
            unkeyed=tuple(unkeyed),
        )

    def _demand(self, waiter: Waiter, pool: Pool, need: int) -> Demand:
        tokens = pool.tokens if isinstance(pool, SpendPool) else None
        limited = pool.capacity is not None
        kept = 0 if waiter.is_reserved or not limited else pool.reserved
        refuses = limited and need > pool.free() - kept
        owner = pool.owner if kept and refuses else None
        holders = nsmallest(HOLDERS_SHOWN, pool.holders, key=lambda key: self._holders[key].since) if refuses else ()
        return Demand(
            pool=pool.name,
            identity=pool.identity,
            dimension=pool.dimension,
            need=need,
            free=pool.free() if limited else None,
            capacity=pool.capacity,
            is_pause=pool.pause,
            refuses=refuses,
            is_starved=pool.capacity is not None and need > pool.capacity,
            kept=kept,
            kept_for=None if owner is None else owner.cls.queue.node(owner.age),
            kept_passes=0 if owner is None else owner.passes,
            ahead=_ahead(waiter, pool) if refuses else 0,
            holders=tuple((key, pool.holders[key]) for key in holders),
            holders_total=len(pool.holders),
            amount=None if tokens is None else tokens.amount,
            per_ns=None if tokens is None else tokens.per_ns,
            due_ns=pool.covered(need) if tokens is not None else None,
            key=pool.key,
        )

    def _classes(self) -> Iterator[DemandClass]:
        for template in self._templates:
            for shape in template.variants.values():
                yield from shape.classes


def _may_starve(pool: Pool) -> bool:
    return not pool.pause and pool.capacity is not None and pool.scope.kind == "resource"


def _too_much(cls: DemandClass, column: int, most: int) -> int | None:
    """The least that a node of a class needs and that is more than there is."""
    least = cls.queue.least(column)
    if least > most:
        return least
    if cls.queue.most(column) <= most:
        return None
    return min((amounts[column] for _, _, amounts in cls.queue if amounts[column] > most), default=None)


def _ahead(waiter: Waiter, pool: Pool) -> int:
    """How many of those that ask for the pool come before a node in order."""
    rank, age = waiter.order
    found = 0
    for cls in pool.classes if pool.key is not None else [cls for shape in pool.shapes for cls in shape.classes]:
        if cls.rank < rank:
            found += len(cls.queue)
        elif cls.rank == rank:
            found += cls.queue.older(age)
    return found
