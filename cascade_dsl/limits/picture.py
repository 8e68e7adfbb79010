"""What the ledger shows of itself, as data and as acknowledgements. Reads, never writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from .pools import Pool
from .shapes import DemandClass, Waiter, asks
from .views import PoolView
from .words import show_amount

Wait: TypeAlias = tuple[str, str, int, str]
"""Task, pool, how many, and why they could not start even on an empty machine (empty where they could)."""


def pool_views(pools: Iterable[Pool]) -> tuple[PoolView, ...]:
    """Pools that are limited or demanded: resources, scopes, pauses, each by name."""
    shown = [pool for pool in pools if pool.capacity is not None or pool.shapes]
    shown.sort(key=lambda pool: (pool.pause, pool.scope.kind != "resource", pool.name))
    return tuple(
        PoolView(
            pool=pool.name,
            kind=pool.identity.kind,
            dimension=pool.dimension,
            capacity=pool.capacity,
            taken=pool.taken,
            holders=len(pool.holders),
            waiting=sum(len(cls.queue) for shape in pool.shapes for cls in shape.classes),
        )
        for pool in shown
    )


def refusing(waiter: Waiter, *, reserved: bool) -> tuple[str, ...]:
    """Names of the pools that have no room for a node; what is kept back for itself does not count against it."""
    amounts = waiter.amounts
    return tuple(
        pool.name
        for pool, column in waiter.cls.demands
        if asks(amounts, column) > (pool.free() if reserved else pool.room())
    )


def waits(classes: Iterable[DemandClass]) -> tuple[Wait, ...]:
    """Who waits for what. The nodes of a class are put down to the pool that refuses its first."""
    counts: dict[tuple[str, str, str], int] = {}
    for cls in classes:
        task = cls.shape.template.task
        starved = 0
        lead = cls.lead()
        for age, _, amounts in cls.queue:
            if age == lead:
                break
            starved += 1
            key = (task, *_starved_by(cls, amounts))
            counts[key] = counts.get(key, 0) + 1
        if lead is None:
            continue
        amounts = cls.queue.amounts(lead)
        for pool, column in cls.demands:
            if asks(amounts, column) > pool.room():
                key = (task, pool.name, "")
                counts[key] = counts.get(key, 0) + len(cls.queue) - starved
                break
    return tuple((task, pool, count, why) for (task, pool, why), count in sorted(counts.items()))


def _starved_by(cls: DemandClass, amounts: tuple[int, ...]) -> tuple[str, str]:
    """Pool and reason for a node that would not fit an empty machine; a pause or a scope's limit gives no reason."""
    for pool, column in cls.demands:
        need = asks(amounts, column)
        if pool.capacity is None or need <= pool.capacity:
            continue
        if pool.pause or pool.scope.kind != "resource":
            return pool.name, ""
        need_text, limit_text = show_amount(pool.dimension, need), show_amount(pool.dimension, pool.capacity)
        return pool.name, f"{cls.shape.template.task} needs {pool.name} {need_text}, the limit is {limit_text}"
    raise AssertionError("the node fits an empty machine")
