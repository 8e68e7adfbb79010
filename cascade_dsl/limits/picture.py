"""What the ledger shows of itself, as data and as acknowledgements. Reads, never writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from heapq import nsmallest
from operator import itemgetter
from typing import TypeAlias

from ..ir.requirement import Scope
from .keyed import Family
from .pools import Pool, SpendPool
from .shapes import DemandClass, Waiter, asks
from .views import Impossible, KeysView, PoolView
from .words import show_amount

Wait: TypeAlias = tuple[str, str, int, str]
"""Task, pool, how many, and why they could not start even on an empty machine (empty where they could)."""


KEYS_SHOWN = 10
"""Of the pools of a `by`, which may be thousands, a view names so many."""


def pool_views(pools: Iterable[Pool], families: Iterable[Family]) -> tuple[PoolView, ...]:
    """Pools that are limited or demanded: resources, scopes, pauses, each by name; those of a `by` as one."""
    shown = [(_pool_order(pool), _pool_view(pool)) for pool in pools if pool.capacity is not None or pool.shapes]
    shown += [(_pool_order(family), _family_view(family)) for family in families]
    return tuple(view for _, view in sorted(shown, key=itemgetter(0)))


def _pool_order(pool: Pool | Family) -> tuple[bool, bool, str]:
    return pool.pause, pool.scope.kind != "resource", pool.name


def _pool_view(pool: Pool) -> PoolView:
    tokens = pool.tokens if isinstance(pool, SpendPool) else None
    classes = pool.classes if pool.key is not None else [cls for shape in pool.shapes for cls in shape.classes]
    return PoolView(
        pool=pool.name,
        kind=pool.identity.kind,
        dimension=pool.dimension,
        capacity=pool.capacity,
        taken=pool.taken,
        holders=len(pool.holders),
        waiting=sum(len(cls.queue) for cls in classes),
        amount=None if tokens is None else tokens.amount,
        per_ns=None if tokens is None else tokens.per_ns,
        burst=None if tokens is None else tokens.burst,
        tokens=None if tokens is None else pool.free(),
        by=pool.identity.by,
        key=pool.key,
    )


def _family_view(family: Family) -> PoolView:
    views = [_pool_view(pool) for pool in family.pools.values()]
    shown = nsmallest(KEYS_SHOWN, views, key=lambda view: (-view.waiting, -view.taken, view.key))
    new = _pool_view(family.fresh(""))
    unkeyed = sum(len(cls.queue) for cls in family.keyless)
    return replace(
        new,
        pool=family.name,
        taken=sum(view.taken for view in views),
        holders=sum(view.holders for view in views),
        waiting=sum(view.waiting for view in views) + unkeyed,
        tokens=None,
        key=None,
        keys=KeysView(
            total=len(views),
            unkeyed_running=len(family.lacking),
            unkeyed_waiting=unkeyed,
            shown=tuple(shown),
        ),
    )


def impossible(needs: Mapping[str, int], limits: Iterable[Pool | Family]) -> tuple[Impossible, ...]:
    """Demands on resources that none of these limits could meet on an empty machine."""
    return tuple(
        Impossible(resource=name, need=need, capacity=limit.capacity, kind=limit.identity.kind, by=limit.identity.by)
        for name, need in needs.items()
        for limit in sorted(limits, key=lambda limit: limit.name)
        if limit.scope == Scope("resource", name) and limit.capacity is not None and need > limit.capacity
    )


def refusing(waiter: Waiter, *, reserved: bool) -> tuple[str, ...]:
    """Names of the pools that have no room for a node; what is kept back for itself does not count against it.

    A limit with `by` whose keys are awaited, its own or of who runs, refuses it too.
    """
    amounts, cls = waiter.amounts, waiter.cls
    refused = [
        pool.name for pool, column in cls.demands if asks(amounts, column) > (pool.free() if reserved else pool.room())
    ]
    return (*refused, *_awaited(cls))


def waits(classes: Iterable[DemandClass]) -> tuple[Wait, ...]:
    """Who waits for what. The nodes of a class are put down to the pool that refuses its first."""
    counts: dict[tuple[str, str, str], int] = {}
    for cls in classes:
        task = cls.shape.template.task
        starved = 0
        if cls.barred:
            key = (task, _awaited(cls)[0], "")
            counts[key] = counts.get(key, 0) + len(cls.queue)
            continue
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
                key = (task, _group(pool), "")
                counts[key] = counts.get(key, 0) + len(cls.queue) - starved
                break
    return tuple((task, pool, count, why) for (task, pool, why), count in sorted(counts.items()))


def _group(pool: Pool) -> str:
    """The pool, or all of its `by`: there may be thousands of keys."""
    return pool.name if pool.key is None else str(pool.identity)


def _awaited(cls: DemandClass) -> list[str]:
    """The limits with a `by` whose keys are not known, of the class or of who runs."""
    return [family.name for family, _ in cls.shape.families if family.by in cls.lacks or family.lacking]


def _starved_by(cls: DemandClass, amounts: tuple[int, ...]) -> tuple[str, str]:
    """Pool and reason for a node that would not fit an empty machine; a pause or a scope's limit gives no reason."""
    for pool, column in cls.demands:
        need = asks(amounts, column)
        if pool.capacity is None or need <= pool.capacity:
            continue
        if pool.pause or pool.scope.kind != "resource":
            return _group(pool), ""
        need_text, limit_text = show_amount(pool.dimension, need), show_amount(pool.dimension, pool.capacity)
        task, name = cls.shape.template.task, pool.scope.pattern
        if not pool.spends:
            return _group(pool), f"{task} needs {name} {need_text}, the limit is {limit_text}"
        if not pool.capacity:
            return _group(pool), f"{task} needs {name} {need_text}, the rate is 0"
        return _group(pool), f"{task} needs {name} {need_text} at once, the burst is {limit_text}"
    raise AssertionError("the node fits an empty machine")
