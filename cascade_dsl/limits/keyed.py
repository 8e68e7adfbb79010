"""Keyed pools: a limit with `by` is a family of pools, one for each key that somebody holds, waits for or has spent of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity, Scope
from .pools import Clock, Pool, SpendPool, rate
from .words import Terms

if TYPE_CHECKING:
    from .shapes import DemandClass, Shape


class Family:
    """The pools of one limit with `by`."""

    __slots__ = ("_clock", "dimension", "identity", "keyless", "lacking", "pools", "shapes", "terms")

    def __init__(self, identity: Identity, dimension: Dimension, terms: Terms, clock: Clock) -> None:
        self.identity = identity
        self.dimension: Dimension = dimension
        self.terms = terms
        self._clock = clock
        self.pools: dict[str, Pool] = {}
        self.shapes: dict[Shape, int] = {}
        """Shapes in its scope → column."""
        self.lacking: dict[NodeKey, None] = {}
        """Running nodes that would hold one of its pools, and whose key is not known: until it is, nothing starts."""

        self.keyless: dict[DemandClass, None] = {}
        """Classes in its scope whose key is not known."""

    @property
    def scope(self) -> Scope:
        """Whose pools they are."""
        return self.identity.scope

    @property
    def name(self) -> str:
        """`task:fetch by host`."""
        return str(self.identity)

    pause = False
    """No pause is by key."""

    @property
    def by(self) -> str:
        """The source of the expression that gives the keys."""
        return self.identity.by

    @property
    def spends(self) -> bool:
        """Whether they are token buckets."""
        return self.identity.kind == "spend"

    @property
    def capacity(self) -> int:
        """The most that one node may ask, of whichever key."""
        if not self.spends:
            return self.terms.amount
        amount, _, burst = rate(self.terms, self.dimension)
        return burst if amount else 0

    def fresh(self, key: str) -> Pool:
        """A pool as it is when its key is new, not kept."""
        if self.spends:
            return SpendPool(self.identity, self.dimension, self.terms, self._clock, key=key)
        pool = Pool(self.identity, self.dimension, key=key)
        pool.say(self.terms)
        return pool

    def pool(self, key: str) -> Pool:
        """The pool of a key, made where there is none."""
        pool = self.pools.get(key)
        if pool is None:
            pool = self.pools[key] = self.fresh(key)
            pool.shapes = self.shapes
        return pool

    def say(self, terms: Terms) -> None:
        """Other terms are in force."""
        self.terms = terms
        for pool in self.pools.values():
            pool.say(terms)

    def drop_idle(self, pool: Pool) -> bool:
        """Forget a pool that differs in nothing from a new one; False: it must stay for now."""
        if pool.holders or pool.classes:
            return False
        if isinstance(pool, SpendPool) and pool.full_at() != self._clock.now:
            return False
        assert pool.key is not None
        if self.pools.get(pool.key) is pool:
            del self.pools[pool.key]
        return True

    def snapshot(self) -> object:
        """Its logical state, comparable."""
        return {key: pool.snapshot() for key, pool in self.pools.items()}, frozenset(self.lacking)
