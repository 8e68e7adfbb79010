"""Shapes and classes: who demands which pools. Hot and mutable; one owner: the ledger; nobody else writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from ..ir.requirement import Scope
from .keyed import Family
from .pools import Pool, Sleepers
from .queue import NodeQueue
from .words import covers

Rank: TypeAlias = tuple[int, ...]
Order: TypeAlias = tuple[Rank, int]
"""Rank, then age: smaller starts first."""
Label: TypeAlias = tuple[Rank, tuple[tuple[str, str], ...]]
"""Rank, and (by, key) for each `by` in force for the shape whose key is known."""
Demand: TypeAlias = tuple[Pool, int]
"""Pool and column, −1 for a demand of 1."""


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
    """A template with the resources of which its nodes ask more than nothing: all its nodes demand the same pools, or pools of the same families."""

    __slots__ = ("bys", "classes", "columns", "demands", "families", "open", "template")

    def __init__(self, template: Template, columns: dict[str, int]) -> None:
        self.template = template
        self.columns = columns
        """Resource → place of its amount, only where the amount is more than 0."""
        self.demands: list[Demand] = []
        """Pools without a key: another list after each change, by which its classes see that theirs is void."""
        self.families: list[tuple[Family, int]] = []
        self.bys: tuple[str, ...] = ()
        """The texts of `by` in force for it."""
        self.classes: dict[DemandClass, None] = {}
        self.open: dict[Label, list[DemandClass]] = {}
        """Classes by what is common to their nodes: more than one where nodes came with other ages."""

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
        self.demands = sorted([*self.demands, (pool, column)], key=_demand_order)
        pool.shapes[self] = column
        return True

    def detach(self, pool: Pool) -> None:
        """Demand a pool no more."""
        self.demands = [d for d in self.demands if d[0] is not pool]
        del pool.shapes[self]

    def join(self, family: Family) -> bool:
        """Demand pools of a family where the shape is in its scope."""
        column = self.column(family.scope)
        if column is None:
            return False
        self.families.append((family, column))
        self.families.sort(key=lambda entry: str(entry[0].identity))
        family.shapes[self] = column
        self._name_bys()
        return True

    def part(self, family: Family) -> None:
        """Demand pools of a family no more."""
        self.families = [entry for entry in self.families if entry[0] is not family]
        del family.shapes[self]
        self._name_bys()

    def _name_bys(self) -> None:
        self.bys = tuple(sorted({family.by for family, _ in self.families}))
        self.open = {}
        for cls in self.classes:
            cls.keys = {by: key for by, key in cls.keys.items() if by in self.bys}
            self.open.setdefault(cls.label, []).append(cls)
        self._resolve_all()

    def _resolve_all(self) -> None:
        for cls in self.classes:
            cls.resolve()

    def class_for(self, rank: Rank, keys: Mapping[str, str], age: int, amounts: tuple[int, ...]) -> DemandClass:
        """The class that a node of this age may join at its end; a new one is empty."""
        known = {by: keys[by] for by in self.bys if by in keys} if self.bys else {}
        label = (rank, tuple(known.items()))
        found = self.open.get(label)
        if found is None:
            found = self.open[label] = []
        for cls in found:
            if cls.queue.last_age() < age:
                return cls
        cls = DemandClass(self, rank, known, amounts)
        found.append(cls)
        self.classes[cls] = None
        cls.resolve()
        return cls

    def drop(self, cls: DemandClass) -> None:
        """Forget a class that is empty."""
        cls.stamp = cls.front_stamp = -1
        del self.classes[cls]
        found = self.open[cls.label]
        found.remove(cls)
        if not found:
            del self.open[cls.label]
        for pool, _ in cls.keyed:
            del pool.classes[cls]
        for family, _ in self.families:
            family.keyless.pop(cls, None)


def _demand_order(demand: Demand) -> tuple[bool, bool, int, str]:
    pool, column = demand
    return (not pool.pause, pool.scope.kind == "resource", column, pool.name)


class DemandClass:
    """The waiting nodes of one shape, one rank and the same keys. Never empty while the ledger knows it."""

    __slots__ = (
        "_base",
        "_demands",
        "_lead",
        "_lead_known",
        "front_stamp",
        "joint",
        "keyed",
        "keys",
        "lacks",
        "queue",
        "rank",
        "shape",
        "sleepers",
        "stamp",
    )

    def __init__(self, shape: Shape, rank: Rank, keys: dict[str, str], amounts: tuple[int, ...]) -> None:
        self.shape = shape
        self.rank = rank
        self.keys = keys
        """By text → key, of those in force for the shape, in the order of `Shape.bys`."""
        self._demands: list[Demand] = []
        self._base: list[Demand] | None = None
        """The demands of the shape of which `_demands` is made."""
        self.keyed: list[Demand] = []
        """Those of `demands` that have a key."""
        self.lacks: tuple[str, ...] = ()
        """By texts whose keys are not known: then none of its nodes may start."""
        self.queue = NodeQueue(amounts)
        self.stamp = 0
        """Raised whenever it moves between ready, one pool's sleepers and joint sleep: older heap entries are void. −1: gone."""
        self.front_stamp = 0
        """The same for the entries in `Pool.fronts`."""
        self.sleepers: Sleepers | None = None
        self.joint = False
        self._lead: int | None = None
        self._lead_known = False

    @property
    def label(self) -> Label:
        """What is common to its nodes."""
        return self.rank, tuple(self.keys.items())

    @property
    def barred(self) -> bool:
        """Keys are awaited: its own, or of running nodes that hold what it demands."""
        if self.lacks:
            return True
        for family, _ in self.shape.families:  # noqa: SIM110 - asked at every look
            if family.lacking:
                return True
        return False

    def resolve(self) -> None:
        """Find the pools that its keys name; those that it demands no more may be idle."""
        for pool, _ in self.keyed:
            pool.classes.pop(self, None)
        shape = self.shape
        self.keyed = []
        for family, column in shape.families:
            key = self.keys.get(family.by)
            if key is None:
                family.keyless[self] = None
            else:
                family.keyless.pop(self, None)
                self.keyed.append((family.pool(key), column))
        for pool, _ in self.keyed:
            pool.classes[self] = None
        self.lacks = tuple([by for by in shape.bys if by not in self.keys])
        self._base = None
        self.forget_lead()

    @property
    def demands(self) -> list[Demand]:
        """All that its nodes demand: put together when it is first wanted, so that a new pool of the shape costs little."""
        base = self.shape.demands
        if self._base is not base:
            self._base = base
            self._demands = sorted([*base, *self.keyed], key=_demand_order) if self.keyed else base
        return self._demands

    def column(self, pool: Pool) -> int:
        """The column that a pool which it demands reads."""
        return pool.shapes[self.shape]

    def lead(self) -> int | None:
        """The age of the first node that would fit an empty machine; None where all are starved, paused or without a key."""
        if not self._lead_known:
            self._lead = self._find_lead()
            self._lead_known = True
        return self._lead

    def _find_lead(self) -> int | None:
        if self.lacks:
            return None
        queue = self.queue
        bounds: list[tuple[int, int]] = []
        for pool, column in self.demands:
            capacity = pool.capacity
            if capacity is None:
                continue
            if queue.least(column) > capacity:
                return None
            if queue.varies(column):
                bounds.append((column, capacity))
        return queue.first(bounds)

    @property
    def keeps_place(self) -> bool:
        """Whether the fronts of its pools know of it, under an age no greater than that of its lead, whatever capacities become."""
        return not self.queue.varied and not (self._lead_known and self._lead is None)

    @property
    def waits_for_time(self) -> bool:
        """Whether time alone might wake it."""
        return self.joint or (self.sleepers is not None and self.sleepers.pool.spends)

    def sleeps_on(self, pool: Pool) -> bool:
        """Whether it might start if the pool were not there."""
        return self.joint or (self.sleepers is not None and self.sleepers.pool is pool)

    def forget_lead(self) -> None:
        """Capacities have changed, or the lead has left."""
        self._lead_known = False

    def joined(self, age: int, amounts: tuple[int, ...]) -> bool:
        """A node was appended. True where it leads a class that had no lead."""
        if not self._lead_known or self._lead is not None or self.lacks:
            return False
        if any(p.capacity is not None and asks(amounts, c) > p.capacity for p, c in self.demands):
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

    __slots__ = ("age", "claim", "claimed", "cls", "due_ns", "is_reserved", "passes")

    def __init__(self, cls: DemandClass, age: int, passes: int = 0) -> None:
        self.cls = cls
        self.age = age
        self.passes = passes
        self.claim: int | None = None
        """The number of its claim, once it has been passed often enough."""
        self.claimed: list[Demand] = []
        """What its claim is on: nothing while it would not fit an empty machine."""
        self.is_reserved = False
        """Its claim is a reservation: what it demands is kept back for it."""
        self.due_ns: int | None = None
        """Of one with a reservation: the instant at which it has its tokens, as the search has it written down."""

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
        return not self.cls.barred and all(asks(amounts, column) <= pool.free() for pool, column in self.cls.demands)

    def eligible(self) -> bool:
        """Whether it would fit an empty machine under the capacities of now."""
        amounts = self.amounts
        return not self.cls.lacks and all(
            p.capacity is None or asks(amounts, c) <= p.capacity for p, c in self.cls.demands
        )


class Holder:
    """A running node: what it holds, the order it had, and when it started by the ledger's own count."""

    __slots__ = ("amounts", "keys", "order", "shape", "since")

    def __init__(self, shape: Shape, amounts: tuple[int, ...], order: Order, since: int, keys: dict[str, str]) -> None:
        self.shape = shape
        self.amounts = amounts
        self.order = order
        self.since = since
        self.keys = keys
        """By text → key, of those in force for the shape."""

    def pools(self) -> list[Demand]:
        """The hold pools of which it has a share."""
        held = [demand for demand in self.shape.demands if not demand[0].spends]
        for family, column in self.shape.families:
            key = self.keys.get(family.by)
            if key is not None and not family.spends:
                held.append((family.pool(key), column))
        return held


def classes_of(shapes: Iterable[Shape]) -> Iterator[DemandClass]:
    """The classes of shapes, shape by shape."""
    for shape in shapes:
        yield from shape.classes


def asks(amounts: tuple[int, ...], column: int) -> int:
    """The demand that amounts make in a column."""
    return 1 if column < 0 else amounts[column]
