"""Which of a resource's units each running node has: `requires gpu = 2` under `limit gpu 4` is numbers 0 and 3, say.

The units of a resource with a hold limit of n are the numbers below n. A start takes the lowest that nobody has; an end gives them
back. So two nodes never have one number, and a node never has one that was not below the capacity when it started: where the capacity is
lowered, who runs keeps what it has, and the next take from what is below. There is always enough: what fits takes no
more than the capacity less what is taken, and nobody has more numbers than it takes.

Only plain hold limits hand out numbers: those of a pool that is split by keys would be the same under two keys. A
capacity over `UNITS_MAX` hands out none: it counts work, not things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ..ir.graph import NodeKey
from ..ir.requirement import Identity, Scope
from .faults import LedgerFault
from .pools import Pool
from .shapes import Waiter

UNITS_MAX = 1024
"""A resource with a greater capacity hands out no units."""

_NEVER = frozenset({"cpu", "mem"})
"""Resources that are no counts in any program: most tasks ask for no others."""

Given: TypeAlias = tuple[tuple[str, tuple[int, ...]], ...]
"""Resource → numbers in ascending order, in the order of the demands."""


class Units:
    """Who has which units. One owner: the ledger."""

    __slots__ = ("_had", "_taken")

    def __init__(self) -> None:
        self._had: dict[NodeKey, Given] = {}
        self._taken: dict[str, int] = {}
        """Resource → the numbers that nodes have, as the bits of an integer."""

    def wanted(self, waiter: Waiter, pools: Mapping[Identity, Pool]) -> Given:
        """What a node that waits would get now."""
        given: Given = ()
        for name, column in waiter.cls.shape.columns.items():
            if name in _NEVER:
                continue
            pool = pools[Identity(Scope("resource", name))]
            if pool.dimension == "count" and pool.capacity is not None:
                numbers = self.lowest(name, waiter.amounts[column], pool.capacity)
                if numbers:
                    given += ((name, numbers),)
        return given

    def lowest(self, resource: str, count: int, capacity: int) -> tuple[int, ...]:
        """The lowest numbers below the capacity that nobody has; none where the capacity hands out none."""
        if capacity > UNITS_MAX or not count:
            return ()
        had = self._taken.get(resource, 0)
        numbers: list[int] = []
        for _ in range(count):
            lowest = ~had & (had + 1)
            had |= lowest
            numbers.append(lowest.bit_length() - 1)
        if numbers[-1] >= capacity:
            raise LedgerFault(f"{count} of {resource} fit into {capacity}, and there are not so many free units")
        return tuple(numbers)

    def take(self, node: NodeKey, given: Given) -> None:
        """A node starts with these."""
        for resource, numbers in given:
            bits = _bits(numbers)
            had = self._taken.get(resource, 0)
            if had & bits:
                twice = ", ".join(str(n) for n in numbers if had >> n & 1)
                raise LedgerFault(f"node {node} starts with {resource} {twice}, which another node has")
            self._taken[resource] = had | bits
        self._had[node] = given

    def give_back(self, node: NodeKey) -> None:
        """A node has ended."""
        for resource, numbers in self._had.pop(node, ()):
            self._taken[resource] &= ~_bits(numbers)

    def of(self, node: NodeKey) -> Given:
        """What a running node has."""
        return self._had.get(node, ())

    def snapshot(self) -> Mapping[NodeKey, Given]:
        """Comparable; what is derived is left out."""
        return dict(self._had)

    def check(self, running: Iterable[NodeKey]) -> None:
        """AssertionError where a number is had twice, or by somebody who does not run."""
        assert self._had.keys() <= set(running), "units of a node that does not run"
        seen: dict[str, list[int]] = {}
        for given in self._had.values():
            for resource, numbers in given:
                seen.setdefault(resource, []).extend(numbers)
        assert all(len(numbers) == len(set(numbers)) for numbers in seen.values()), f"a unit is had twice: {seen}"
        bits = {resource: had for resource, had in self._taken.items() if had}
        assert bits == {resource: _bits(numbers) for resource, numbers in seen.items()}, (
            "the bits differ from the units"
        )


def _bits(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits
