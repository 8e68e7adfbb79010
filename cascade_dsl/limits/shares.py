"""Who holds what of hold pools, and who would have to go. Reads, never writes."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from ..ir.graph import NodeKey
from .pools import Pool
from .shapes import Holder


def held(pools: Iterable[Pool], holders: Mapping[NodeKey, Holder]) -> tuple[tuple[NodeKey, int], ...]:
    """Nodes with their shares of all these pools, the longest running first."""
    found = [share for pool in pools for share in pool.holders.items()]
    return tuple(sorted(found, key=lambda share: holders[share[0]].since))


def over(pools: Iterable[Pool], holders: Mapping[NodeKey, Holder], leaving: Container[NodeKey]) -> tuple[NodeKey, ...]:
    """The youngest whose going brings each pool within its capacity, youngest first; `leaving` count as gone."""
    found: list[NodeKey] = []
    for pool in pools:
        if pool.capacity is None:
            continue
        excess = -pool.free() - sum(amount for node, amount in pool.holders.items() if node in leaving)
        for node in sorted(pool.holders, key=lambda node: -holders[node].since):
            if excess <= 0:
                break
            if node not in leaving:
                excess -= pool.holders[node]
                found.append(node)
    return tuple(sorted(found, key=lambda node: -holders[node].since))
