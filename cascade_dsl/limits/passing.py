"""Passing and reservations: no node waits for ever behind smaller ones. The rules are in the package."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from heapq import heapify, heappop, heappush, heapreplace

from ..ir.graph import NodeKey
from .pools import FLOOR, Pool, SpendPool
from .shapes import Demand, DemandClass, Holder, Waiter, asks

PATIENCE = 64
"""So many later nodes may pass one before it claims its pools."""


class Passing:
    """Fronts of pools, and claims. Passes stand in the waiters, reservations in waiters and pools."""

    __slots__ = ("_number", "claims")

    def __init__(self) -> None:
        self.claims: dict[NodeKey, Waiter] = {}
        """Nodes that have been passed often enough, the oldest claim first."""
        self._number = 0

    def refront(self, cls: DemandClass) -> None:
        """The class has a new lead, or its lead may be another: capacities have changed."""
        cls.forget_lead()
        cls.front_stamp += 1
        age = cls.queue.head_age()
        for pool, _ in cls.demands:
            if pool.capacity is not None:
                self._number += 1
                heappush(pool.fronts, (cls.rank, age, self._number, cls.front_stamp, cls))
                if len(pool.fronts) > pool.fronts_limit:
                    pool.sweep_fronts()

    def reorder(self, pool: Pool, classes: Iterable[DemandClass]) -> None:
        """The pool is new to these classes, is gone from them, or has another capacity.

        Where a class keeps its place the other pools need not hear of it: its lead is the first of its nodes, or none.
        """
        regarded: list[DemandClass] = []
        for cls in classes:
            if cls.keeps_place:
                cls.forget_lead()
            else:
                self.refront(cls)
            regarded.append(cls)
        pool.fronts = []
        if pool.capacity is not None:
            for cls in regarded:
                self._number += 1
                pool.fronts.append((cls.rank, cls.queue.head_age(), self._number, cls.front_stamp, cls))
            heapify(pool.fronts)
        pool.fronts_limit = max(FLOOR, 2 * len(pool.fronts))

    def front(self, pool: Pool) -> tuple[DemandClass, int] | None:
        """Class and age of the first in order of the waiting nodes that demand the pool and would fit an empty machine."""
        heap = pool.fronts
        while heap:
            rank, age, _, stamp, cls = heap[0]
            if stamp != cls.front_stamp:
                heappop(heap)
                continue
            lead = cls.lead()
            if lead is None:
                heappop(heap)
            elif lead != age:
                self._number += 1
                heapreplace(heap, (rank, lead, self._number, stamp, cls))
            else:
                return cls, lead
        return None

    def overtaken(self, waiter: Waiter) -> dict[NodeKey, list[Pool]]:
        """Nodes before this one in order that are the front of a pool which it is about to take from."""
        found: dict[NodeKey, list[Pool]] = {}
        for pool, _ in waiter.cls.demands:
            if pool.capacity is not None:
                front = self.front(pool)
                if front is not None and front[1] != waiter.age:
                    found.setdefault(front[0].queue.node(front[1]), []).append(pool)
        return found

    def owe(self, waiter: Waiter, overtaken: dict[NodeKey, list[Pool]]) -> None:
        """What the start of this one takes from spend pools it owes to those that it overtakes there."""
        for node, pools in overtaken.items():
            for pool in pools:
                if isinstance(pool, SpendPool):
                    amount = asks(waiter.amounts, waiter.cls.column(pool))
                    pool.debts[node] = pool.debts.get(node, 0) + amount

    def count(self, node: NodeKey, waiter: Waiter, pools: list[Pool], holders: dict[NodeKey, Holder]) -> bool:
        """Count a pass if the start that has just been made on these pools keeps the node waiting. True: a new claim."""
        if waiter.passes >= PATIENCE:
            return False
        cls, amounts = waiter.cls, waiter.amounts
        if not any(asks(amounts, cls.column(pool)) > pool.free() for pool in pools):
            return False
        for pool, column in sorted(cls.demands, key=_holder_count):
            need = asks(amounts, column)
            if need <= pool.free():
                continue
            if isinstance(pool, SpendPool):
                if pool.free() + pool.debts.get(node, 0) < need:
                    return False
                continue
            assert pool.capacity is not None
            others = sum(held for key, held in pool.holders.items() if not _has_passed(holders[key], waiter))
            if others + need > pool.capacity:
                return False
        waiter.passes += 1
        if waiter.passes < PATIENCE:
            return False
        self._number += 1
        waiter.claim = self._number
        self.claims[node] = waiter
        return True

    def unclaim(self, node: NodeKey) -> None:
        """A node with a claim waits no more: to be revised."""
        self.claims.pop(node).claim = None

    def revise(self, waiter: Waiter) -> tuple[list[Pool], list[Waiter]]:
        """Derive anew what a claim is on, and which reservations follow: a claim is one where it is the oldest on all its pools.

        Gives the pools of which less is kept back than before, and the nodes that have a reservation now and had none.
        """
        wanted: list[Demand] = []
        if waiter.claim is not None and waiter.eligible():
            wanted = [demand for demand in waiter.cls.demands if demand[0].capacity is not None]
        if wanted == waiter.claimed:
            return [], []
        touched = {pool: None for pool, _ in (*waiter.claimed, *wanted)}
        concerned = {waiter: None} | {other: None for pool in touched for _, other in pool.claims[:1]}
        released = {pool: pool.reserved for pool in touched if pool.reserved}
        if waiter.is_reserved:
            _release(waiter)
            concerned[waiter] = None
        for pool, _ in waiter.claimed:
            pool.claims = [entry for entry in pool.claims if entry[1] is not waiter]
        waiter.claimed = wanted
        for pool, _ in wanted:
            assert waiter.claim is not None
            insort(pool.claims, (waiter.claim, waiter), key=_number)
        concerned |= {other: None for pool in touched for _, other in pool.claims[:1]}
        fresh: list[Waiter] = []
        for other in sorted(concerned, key=lambda w: -1 if w.claim is None else w.claim):
            first = bool(other.claimed) and all(pool.claims[0][1] is other for pool, _ in other.claimed)
            if other.is_reserved and not first:
                released |= {pool: pool.reserved for pool, _ in other.claimed}
                _release(other)
        for other in concerned:
            if other.claimed and not other.is_reserved and all(p.claims[0][1] is other for p, _ in other.claimed):
                other.is_reserved = True
                amounts = other.amounts
                for pool, column in other.claimed:
                    pool.reserved = asks(amounts, column)
                    pool.owner = other
                fresh.append(other)
        return [pool for pool, kept in released.items() if pool.reserved < kept], fresh


def _release(waiter: Waiter) -> None:
    waiter.is_reserved = False
    waiter.due_ns = None
    for pool, _ in waiter.claimed:
        pool.reserved = 0
        pool.owner = None


def _number(entry: tuple[int, Waiter]) -> int:
    return entry[0]


def _has_passed(holder: Holder, waiter: Waiter) -> bool:
    return holder.since > waiter.age and holder.order > waiter.order


def _holder_count(demand: tuple[Pool, int]) -> int:
    return len(demand[0].holders)
