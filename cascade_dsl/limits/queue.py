"""Nodes of one class in the order of their age, with the first that fits in O(log n).

Ages, keys and amounts stand in parallel lists that only grow at the end; what leaves is marked dead, and dead places
are squeezed out when the lists are full or mostly dead. Where every node asks for the same amounts (the usual case)
that is all. A column of amounts that varies gets a tree of minima over the places: an inner node carries the least
amount of the live nodes below it, a dead place infinity. The first node within given bounds is found by descent: exact,
O(log n) for one column; for more, subtrees are cut where any column's minimum is above its bound.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush

from ..ir.graph import NodeKey

INFINITE = 1 << 80
"""More than any amount or capacity."""
_SPARSE = 32
"""So many dead places are borne before a squeeze is worth its while."""


class NodeQueue:
    """A queue of (age, node, amounts). Column −1 is the demand of 1 that a scope puts on each node."""

    __slots__ = ("_ages", "_columns", "_dead", "_first", "_most", "_nodes", "_row", "_rows", "_size", "steps")

    def __init__(self, amounts: tuple[int, ...]) -> None:
        self._ages: list[int] = []
        self._nodes: list[NodeKey | None] = []
        self._row = amounts
        self._rows: list[tuple[int, ...]] | None = None
        """Amounts by place, once they differ."""
        self._columns: dict[int, list[int]] = {}
        """Column that varies → its tree of `2 * _size` minima, the root at 1."""
        self._most: dict[int, int] = {}
        """Column that varies → no node asks for more."""
        self._size = 0
        """Leaves of the trees; 0 where there are none."""
        self._first = 0
        """No place before this one is alive."""
        self._dead = 0
        self.steps = 0
        """Tree nodes looked at, for tests of cost."""

    def __len__(self) -> int:
        return len(self._ages) - self._dead

    def append(self, age: int, node: NodeKey, amounts: tuple[int, ...]) -> None:
        """Add a node; ages must rise."""
        place = len(self._ages)
        if self._rows is None and amounts != self._row:
            self._rows = [self._row] * place
        if self._rows is not None:
            self._rows.append(amounts)
        self._ages.append(age)
        self._nodes.append(node)
        if self._rows is None:
            return
        fresh = [
            c for c, (a, b) in enumerate(zip(amounts, self._row, strict=True)) if a != b and c not in self._columns
        ]
        if fresh or place >= self._size:
            for column in fresh:
                self._columns[column] = []
            self._squeeze()
        else:
            for column, tree in self._columns.items():
                amount = amounts[column]
                self._put(tree, place, amount)
                if amount > self._most[column]:
                    self._most[column] = amount

    def remove(self, age: int) -> None:
        """Take the node of this age out."""
        place = self._place(age)
        self._nodes[place] = None
        self._dead += 1
        for tree in self._columns.values():
            self._put(tree, place, INFINITE)
        nodes = self._nodes
        if place == self._first:
            while place < len(nodes) and nodes[place] is None:
                place += 1
            self._first = place
        if self._dead > _SPARSE and self._dead * 2 > len(nodes):
            self._squeeze()

    def older(self, age: int) -> int:
        """How many are older than an age, which need not be there."""
        place = self._place(age)
        return max(0, place - self._first - self._nodes[self._first : place].count(None))

    def head_age(self) -> int:
        """The age of the oldest node; the queue must not be empty."""
        return self._ages[self._first]

    def last_age(self) -> int:
        """The greatest age that has stood in it since it was last squeezed; −1 where it is empty."""
        return self._ages[-1] if self._ages else -1

    def node(self, age: int) -> NodeKey:
        """The node of this age."""
        found = self._nodes[self._place(age)]
        assert found is not None
        return found

    def amounts(self, age: int) -> tuple[int, ...]:
        """What the node of this age asks for."""
        return self._row if self._rows is None else self._rows[self._place(age)]

    @property
    def varied(self) -> bool:
        """Whether nodes may differ in what they ask for."""
        return self._rows is not None

    def varies(self, column: int) -> bool:
        """Whether nodes may differ in this column."""
        return column in self._columns

    def least(self, column: int) -> int:
        """The least amount in a column; the queue must not be empty."""
        if column < 0:
            return 1
        tree = self._columns.get(column)
        return self._row[column] if tree is None else tree[1]

    def most(self, column: int) -> int:
        """No node asks for more in a column; perhaps one that has left did."""
        if column < 0:
            return 1
        return self._most[column] if column in self._columns else self._row[column]

    def first(self, bounds: Sequence[tuple[int, int]]) -> int | None:
        """The age of the first node with at most `bound` in each (column, bound) of columns that vary, or None."""
        if not bounds:
            return self._ages[self._first]
        pairs = [(self._columns[column], bound) for column, bound in bounds]
        leaves, stack = self._size, [1]
        while stack:
            at = stack.pop()
            self.steps += 1
            if any(tree[at] > bound for tree, bound in pairs):
                continue
            if at >= leaves:
                return self._ages[at - leaves]
            stack.append(2 * at + 1)
            stack.append(2 * at)
        return None

    def earliest(
        self, bounds: Sequence[tuple[int, int]], times: Sequence[tuple[int, Callable[[int], int | None]]]
    ) -> int | None:
        """The first instant at which time alone makes a node fit: within each bound, and covered in each column of `times`.

        A node's instant is the latest of its columns; a lesser amount is never covered later. None: no node ever.
        """
        fixed = [(self._columns[column], bound) for column, bound in bounds]
        timed = [(self._columns[column], covered) for column, covered in times]
        heap: list[tuple[int, int]] = []

        def offer(at: int) -> None:
            self.steps += 1
            if any(tree[at] > bound for tree, bound in fixed):
                return
            latest = 0
            for tree, covered in timed:
                instant = covered(tree[at])
                if instant is None:
                    return
                latest = max(latest, instant)
            heappush(heap, (latest, at))

        offer(1)
        while heap:
            latest, at = heappop(heap)
            if at >= self._size:
                return latest
            offer(2 * at)
            offer(2 * at + 1)
        return None

    def __iter__(self) -> Iterator[tuple[int, NodeKey, tuple[int, ...]]]:
        nodes = self._nodes
        for place in range(self._first, len(nodes)):
            node = nodes[place]
            if node is not None:
                yield self._ages[place], node, self._row if self._rows is None else self._rows[place]

    def _place(self, age: int) -> int:
        return bisect_left(self._ages, age, self._first)

    def _put(self, tree: list[int], place: int, amount: int) -> None:
        at = place + self._size
        tree[at] = amount
        at >>= 1
        while at:
            left, right = tree[2 * at], tree[2 * at + 1]
            least = left if left < right else right
            if tree[at] == least:
                return
            tree[at] = least
            at >>= 1

    def _squeeze(self) -> None:
        """Leave only live places, and build the trees anew with room to grow."""
        if self._dead == self._first:  # they went in the order of their age: what is alive stands together
            live = range(self._first, len(self._nodes))
            del self._ages[: self._first]
            del self._nodes[: self._first]
        else:
            live = [place for place, node in enumerate(self._nodes) if node is not None]
            self._ages = [self._ages[place] for place in live]
            self._nodes = [self._nodes[place] for place in live]
        self._first = self._dead = 0
        if self._rows is None:
            return
        self._rows = rows = [self._rows[place] for place in live]
        self._size = size = 1 << max(3, (2 * len(live)).bit_length())
        for column in self._columns:
            tree = [INFINITE] * size + [row[column] for row in rows]
            tree += [INFINITE] * (2 * size - len(tree))
            for at in range(size - 1, 0, -1):
                left, right = tree[2 * at], tree[2 * at + 1]
                tree[at] = left if left < right else right
            self._columns[column] = tree
            self._most[column] = max((row[column] for row in rows), default=0)
