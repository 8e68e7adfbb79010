"""Pools, shapes and classes: the hot, mutable parts of the ledger. One owner: the ledger; nobody else writes them."""

from __future__ import annotations

from heapq import heapify
from typing import Any, NamedTuple, TypeAlias

from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity, Scope
from .queue import INFINITE, NodeQueue
from .words import covers

Rank: TypeAlias = tuple[int, ...]
Order: TypeAlias = tuple[Rank, int]
"""Rank, then age: smaller starts first."""

FLOOR = 64
"""Heaps are swept of void entries when they have doubled, and not below this."""


class Pool:
    """A hold pool: of a resource, of a scope with a limit, or of a pause (capacity 0)."""

    __slots__ = (
        "_taken",
        "asleep",
        "buckets",
        "capacity",
        "dimension",
        "fronts",
        "fronts_limit",
        "holders",
        "identity",
        "joint",
        "joint_limit",
        "pause",
        "reserved",
        "shapes",
    )

    def __init__(self, identity: Identity, dimension: Dimension, *, pause: bool = False) -> None:
        self.identity = identity
        self.dimension: Dimension = dimension
        self.pause = pause
        self.capacity: int | None = 0 if pause else None
        self.holders: dict[NodeKey, int] = {}
        """Running nodes with what they hold: the only record of use."""
        self._taken: int | None = 0
        """The sum over `holders`, None after a change."""
        self.reserved = 0
        """What is kept back for the node that has this pool reserved."""
        self.shapes: dict[Shape, int] = {}
        """Shapes that demand it → column."""
        self.buckets: dict[int, Bucket] = {}
        """Classes that sleep on it, by the least amount on it that any of their nodes asks."""
        self.asleep: list[int] = []
        """Heap of the needs of buckets that are not awake."""
        self.joint: list[tuple[int, DemandClass]] = []
        """Classes that several pools refuse together: (stamp, class)."""
        self.joint_limit = FLOOR
        self.fronts: list[Any] = []
        """Heap of (rank, age, number, stamp, class): where the first that demands it is found."""
        self.fronts_limit = FLOOR

    @property
    def scope(self) -> Scope:
        """Whose pool it is."""
        return self.identity.scope

    @property
    def name(self) -> str:
        """`task:fetch`, or `pause task:fetch`."""
        return f"pause {self.scope}" if self.pause else str(self.identity)

    @property
    def taken(self) -> int:
        """What the holders hold together."""
        if self._taken is None:
            self._taken = sum(self.holders.values())
        return self._taken

    def hold(self, node: NodeKey, amount: int) -> None:
        """A node begins to hold."""
        self.holders[node] = amount
        self._taken = None

    def release(self, node: NodeKey) -> None:
        """A node holds no more."""
        del self.holders[node]
        self._taken = None

    def free(self) -> int:
        """Capacity less what is taken; below 0 after the capacity was lowered."""
        return INFINITE if self.capacity is None else self.capacity - self.taken

    def room(self) -> int:
        """What a node without a reservation may take."""
        return INFINITE if self.capacity is None else self.capacity - self.taken - self.reserved

    def sweep_fronts(self) -> None:
        """Drop the void entries of `fronts`."""
        self.fronts = [entry for entry in self.fronts if entry[3] == entry[4].front_stamp]
        heapify(self.fronts)
        self.fronts_limit = max(FLOOR, 2 * len(self.fronts))

    def sweep_joint(self) -> None:
        """Drop the void entries of `joint`."""
        self.joint = [entry for entry in self.joint if entry[0] == entry[1].stamp]
        self.joint_limit = max(FLOOR, 2 * len(self.joint))


class Bucket:
    """Classes that sleep on one pool with the same need, the first in order on top of a heap."""

    __slots__ = ("awake", "heap", "limit", "need", "pool", "stamp")

    def __init__(self, pool: Pool, need: int) -> None:
        self.pool = pool
        self.need = need
        self.awake = False
        self.stamp = 0
        self.limit = FLOOR
        self.heap: list[Any] = []
        """(rank, age, number, stamp, class); the age is at most that of the class's head."""

    def sweep(self) -> None:
        """Drop the void entries of the heap."""
        self.heap = [entry for entry in self.heap if entry[3] == entry[4].stamp]
        heapify(self.heap)
        self.limit = max(FLOOR, 2 * len(self.heap))


class Template:
    """What a call template asks for, whatever the amounts."""

    __slots__ = ("flows", "id", "resources", "tags", "task", "variants")

    def __init__(
        self, number: int, task: str, tags: tuple[str, ...], flows: tuple[str, ...], resources: tuple[str, ...]
    ) -> None:
        self.id = number
        self.task = task
        self.tags = tags
        self.flows = flows
        self.resources = resources
        self.variants: dict[tuple[bool, ...], Shape] = {}
        """By which amounts are not zero."""

    def in_scope(self, scope: Scope) -> bool:
        """Whether its nodes are in the scope, or demand the resource."""
        return covers(scope, self.task, self.tags, self.flows, self.resources)


class Shape:
    """A template with the resources of which its nodes ask more than nothing: all its nodes demand the same pools."""

    __slots__ = ("classes", "columns", "demands", "template")

    def __init__(self, template: Template, columns: dict[str, int]) -> None:
        self.template = template
        self.columns = columns
        """Resource → place of its amount, only where the amount is more than 0."""
        self.demands: list[tuple[Pool, int]] = []
        """Pool and column, −1 for a demand of 1."""
        self.classes: dict[Rank, DemandClass] = {}

    def column(self, scope: Scope) -> int | None:
        """The column that a pool of this scope reads; None where the shape does not demand it."""
        if scope.kind == "resource":
            return self.columns.get(scope.pattern)
        return -1 if self.template.in_scope(scope) else None

    def attach(self, pool: Pool) -> bool:
        """Demand a pool where the shape is in its scope."""
        column = self.column(pool.scope)
        if column is None:
            return False
        self.demands.append((pool, column))
        self.demands.sort(key=_demand_order)
        pool.shapes[self] = column
        return True

    def detach(self, pool: Pool) -> None:
        """Demand a pool no more."""
        self.demands = [d for d in self.demands if d[0] is not pool]
        del pool.shapes[self]


def _demand_order(demand: tuple[Pool, int]) -> tuple[bool, bool, int, str]:
    pool, column = demand
    return (not pool.pause, pool.scope.kind == "resource", column, pool.name)


class DemandClass:
    """The waiting nodes of one shape and one rank. Never empty while the ledger knows it."""

    __slots__ = ("_lead", "_lead_known", "bucket", "front_stamp", "joint", "queue", "rank", "shape", "stamp")

    def __init__(self, shape: Shape, rank: Rank, amounts: tuple[int, ...]) -> None:
        self.shape = shape
        self.rank = rank
        self.queue = NodeQueue(amounts)
        self.stamp = 0
        """Raised whenever it moves between ready, a bucket and joint sleep: older heap entries are void. −1: gone."""
        self.front_stamp = 0
        """The same for the entries in `Pool.fronts`."""
        self.bucket: Bucket | None = None
        self.joint = False
        self._lead: int | None = None
        self._lead_known = False

    def lead(self) -> int | None:
        """The age of the first node that would fit an empty machine; None where all are starved or paused."""
        if not self._lead_known:
            self._lead = self._find_lead()
            self._lead_known = True
        return self._lead

    def _find_lead(self) -> int | None:
        queue = self.queue
        bounds: list[tuple[int, int]] = []
        for pool, column in self.shape.demands:
            capacity = pool.capacity
            if capacity is None:
                continue
            if queue.least(column) > capacity:
                return None
            if queue.varies(column):
                bounds.append((column, capacity))
        return queue.first(bounds)

    def forget_lead(self) -> None:
        """Capacities have changed, or the lead has left."""
        self._lead_known = False

    def joined(self, age: int, amounts: tuple[int, ...]) -> bool:
        """A node was appended. True where it leads a class that had no lead."""
        if not self._lead_known or self._lead is not None:
            return False
        if any(p.capacity is not None and asks(amounts, c) > p.capacity for p, c in self.shape.demands):
            return False
        self._lead = age
        return True

    def left(self, age: int) -> None:
        """A node was removed."""
        if self._lead == age:
            self._lead_known = False


class Place(NamedTuple):
    """Where a node stood in the queue: its age, and how often it had been passed."""

    age: int
    passes: int = 0


class Waiter:
    """A waiting node: its class and age, and how often it has been passed."""

    __slots__ = ("age", "cls", "passes")

    def __init__(self, cls: DemandClass, age: int, passes: int = 0) -> None:
        self.cls = cls
        self.age = age
        self.passes = passes

    @property
    def order(self) -> Order:
        """Its place in the order of starts."""
        return self.cls.rank, self.age

    @property
    def amounts(self) -> tuple[int, ...]:
        """What it asks for."""
        return self.cls.queue.amounts(self.age)

    def fits(self) -> bool:
        """Whether each of its pools has free what it asks, whatever is kept back."""
        amounts = self.amounts
        return all(asks(amounts, column) <= pool.free() for pool, column in self.cls.shape.demands)

    def eligible(self) -> bool:
        """Whether it would fit an empty machine under the capacities of now."""
        amounts = self.amounts
        return all(p.capacity is None or asks(amounts, c) <= p.capacity for p, c in self.cls.shape.demands)


class Holder:
    """A running node: what it holds, the order it had, and when it started by the ledger's own count."""

    __slots__ = ("amounts", "order", "shape", "since")

    def __init__(self, shape: Shape, amounts: tuple[int, ...], order: Order, since: int) -> None:
        self.shape = shape
        self.amounts = amounts
        self.order = order
        self.since = since


def asks(amounts: tuple[int, ...], column: int) -> int:
    """The demand that amounts make in a column."""
    return 1 if column < 0 else amounts[column]
