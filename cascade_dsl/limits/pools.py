"""Pools and who sleeps on them: hot, mutable parts of the ledger. One owner: the ledger; nobody else writes them."""

from __future__ import annotations

from heapq import heapify
from typing import TYPE_CHECKING, Any

from ..ir.graph import NodeKey
from ..ir.requirement import Dimension, Identity, Scope
from .queue import INFINITE
from .tokens import Tokens
from .words import Terms

if TYPE_CHECKING:
    from .shapes import DemandClass, Shape, Waiter

FLOOR = 64
"""Heaps are swept of void entries when they have doubled, and not below this."""


class Clock:
    """The instant of whatever is asked or changed next."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0


class Pool:
    """A hold pool: of a resource, of a scope with a limit, of one key of such a limit, or of a pause (capacity 0)."""

    __slots__ = (
        "_name",
        "_taken",
        "asleep",
        "capacity",
        "claims",
        "classes",
        "dimension",
        "due_ns",
        "fronts",
        "fronts_limit",
        "holders",
        "identity",
        "joint",
        "joint_limit",
        "key",
        "owner",
        "pause",
        "reserved",
        "shapes",
        "sleepers",
    )

    def __init__(
        self, identity: Identity, dimension: Dimension, *, pause: bool = False, key: str | None = None
    ) -> None:
        self.identity = identity
        self.dimension: Dimension = dimension
        self.pause = pause
        self.key = key
        self._name: str | None = None
        """The value of the `by` expression whose pool it is."""
        self.capacity: int | None = 0 if pause else None
        """The most that one node may ask of it on an empty machine; None where nothing limits it."""
        self.holders: dict[NodeKey, int] = {}
        """Running nodes with what they hold: the only record of use. Nobody holds a spend pool."""
        self._taken: int | None = 0
        """The sum over `holders`, None after a change."""
        self.reserved = 0
        """What is kept back for the node that has this pool reserved."""
        self.owner: Waiter | None = None
        """That node."""
        self.claims: list[tuple[int, Waiter]] = []
        """(number, node) of those that have been passed too often, demand it and would fit an empty machine; oldest first."""
        self.shapes: dict[Shape, int] = {}
        """Shapes that demand it → column. Pools of one keyed limit share it."""
        self.classes: dict[DemandClass, None] = {}
        """Classes that demand it, of a pool with a key; of others they are those of its shapes."""
        self.sleepers: dict[int, Sleepers] = {}
        """Classes that sleep on it, by the least amount on it that any of their nodes asks."""
        self.asleep: list[int] = []
        """Heap of the needs of sleepers that are not awake."""
        self.joint: list[tuple[int, DemandClass]] = []
        """Classes that several pools refuse together: (stamp, class)."""
        self.joint_limit = FLOOR
        self.fronts: list[Any] = []
        """Heap of (rank, age, number, stamp, class): where the first that demands it is found."""
        self.fronts_limit = FLOOR
        self.due_ns: int | None = None
        """The instant at which time is to wake its sleepers, as the search has it written down."""

    spends = False
    """Whether tokens are spent at each start, and time brings them back."""

    @property
    def scope(self) -> Scope:
        """Whose pool it is."""
        return self.identity.scope

    @property
    def name(self) -> str:
        """`task:fetch`, `task:fetch by host = oslo`, or `pause task:fetch`."""
        if self._name is None:
            plain = str(self.identity) if self.key is None else f"{self.identity} = {self.key}"
            self._name = f"pause {self.scope}" if self.pause else plain
        return self._name

    @property
    def taken(self) -> int:
        """What the holders hold together."""
        taken = self._taken
        if taken is None:
            taken = self._taken = sum(self.holders.values())
        return taken

    def say(self, terms: Terms | None) -> None:
        """Other terms are in force."""
        self.capacity = None if terms is None else terms.amount

    def begin(self, node: NodeKey, amount: int) -> None:
        """A node starts."""
        self.hold(node, amount)

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
        capacity, taken = self.capacity, self._taken
        if capacity is None:
            return INFINITE
        return capacity - (self.taken if taken is None else taken)

    def room(self) -> int:
        """What a node without a reservation may take."""
        return self.free() - self.reserved

    def covered(self, amount: int) -> int | None:
        """The first instant from now at which time alone leaves so much free; None: time gives nothing."""
        return None if amount > self.free() else 0

    def snapshot(self) -> object:
        """Its logical state, comparable."""
        return self.capacity, dict(self.holders)

    def sweep_fronts(self) -> None:
        """Drop the void entries of `fronts`."""
        self.fronts = [entry for entry in self.fronts if entry[3] == entry[4].front_stamp]
        heapify(self.fronts)
        self.fronts_limit = max(FLOOR, 2 * len(self.fronts))

    def sweep_joint(self) -> None:
        """Drop the void entries of `joint`."""
        self.joint = [entry for entry in self.joint if entry[0] == entry[1].stamp]
        self.joint_limit = max(FLOOR, 2 * len(self.joint))


class SpendPool(Pool):
    """A spend pool: tokens that a start takes for good and that time brings back."""

    __slots__ = ("_clock", "debts", "tokens")

    spends = True

    def __init__(
        self, identity: Identity, dimension: Dimension, terms: Terms, clock: Clock, *, key: str | None = None
    ) -> None:
        super().__init__(identity, dimension, key=key)
        self._clock = clock
        self.tokens = Tokens(*rate(terms, dimension), clock.now)
        self.capacity = self.tokens.capacity
        self.debts: dict[NodeKey, int] = {}
        """First waiting nodes of this pool → what those that passed them have taken from it meanwhile."""

    def say(self, terms: Terms | None) -> None:
        """Another rate: what is left is carried over."""
        assert terms is not None, "a spend pool is there only while a word is"
        self.tokens.change(*rate(terms, self.dimension), self._clock.now)
        self.capacity = self.tokens.capacity

    def begin(self, node: NodeKey, amount: int) -> None:
        """A node starts: its tokens go."""
        self.tokens.take(amount, self._clock.now)

    @property
    def taken(self) -> int:
        """What is spent and not yet back."""
        assert self.capacity is not None
        return self.capacity - self.free()

    def free(self) -> int:
        """Tokens that are there now."""
        return self.tokens.at(self._clock.now)

    def covered(self, amount: int) -> int | None:
        """The first instant from now at which so many tokens are there."""
        return self.tokens.covered(amount, self._clock.now)

    def snapshot(self) -> object:
        """Its logical state, comparable, the same whenever it is looked at."""
        return self.tokens.snapshot(), dict(self.debts)

    def wait_ns(self, instant: int) -> int:
        """How long it is from now to an instant."""
        return instant - self._clock.now

    def full_at(self) -> int | None:
        """The first instant from now at which it is as good as a new one."""
        return self.tokens.full_at(self._clock.now)


def rate(terms: Terms, dimension: Dimension) -> tuple[int, int, int]:
    """Amount, each so many nanoseconds, burst: of which the default is one whole unit."""
    assert terms.per_ns is not None, "a rate has a time"
    unit = 1000 if dimension == "millicpu" else 1
    return terms.amount, terms.per_ns, unit if terms.burst is None else terms.burst


class Sleepers:
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
