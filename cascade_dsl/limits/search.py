"""The search for the next node to start: caches only, nothing here is logical state. The algorithm is in the package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any

from ..ir.graph import NodeKey
from .pools import FLOOR, Clock, Pool, Sleepers
from .shapes import DemandClass, Waiter, asks

_NEVER = 1 << 100
"""Later than any instant."""


class Search:
    """Which classes may have a node that fits, and which sleep on what, and until when."""

    __slots__ = (
        "_aged",
        "_clock",
        "_dirty",
        "_dozing",
        "_dues",
        "_dues_limit",
        "_limit",
        "_number",
        "_owners",
        "_ready",
        "_stirred",
        "looks",
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: list[Any] = []
        """Heap of (rank, age, number, stamp, class or sleepers): a lower bound of the order of its first that fits."""
        self._limit = FLOOR
        """The length at which `_ready` is swept of void entries."""
        self._dirty: dict[Pool, None] = {}
        """Pools that may have gained room since the last look."""
        self._dozing: list[tuple[int, DemandClass]] = []
        """Classes in `_ready` under an order beyond their head's: a lower bound only until some pool gains room."""
        self._aged = False
        """Time has gone on since the last look."""
        self._stirred: dict[Pool, None] = {}
        """Spend pools whose level, sleepers or reservation have changed since their instants were written down."""
        self._dues: list[Any] = []
        """Heap of (instant, number, stamp, pool, class or waiter): when time alone may let something start."""
        self._dues_limit = FLOOR
        self._owners: list[Any] = []
        """Heap of (rank, age, number, node) with a reservation, all that fit among them."""
        self._number = 0
        self.looks = 0
        """Classes and sleepers looked at, for tests of cost."""

    def gained(self, pool: Pool) -> None:
        """The pool may have room that it had not."""
        self._dirty[pool] = None

    def lost(self, pool: Pool, classes: Iterable[DemandClass]) -> None:
        """These classes demand a pool no more: nodes that come earlier in order may fit."""
        for cls in classes:
            if cls.sleeps_on(pool):
                self.rouse(cls)
        self._aged = True

    def rouse_timed(self, classes: Iterable[DemandClass]) -> None:
        """Time gives these classes nothing any more: the engine is not to be woken for them."""
        for cls in classes:
            if cls.waits_for_time:
                self.rouse(cls)

    def stir(self, pool: Pool) -> None:
        """Of a spend pool something has changed: the instants at which time gives room may be others."""
        self._stirred[pool] = None

    def rouse(self, cls: DemandClass) -> None:
        """The class may have a node that fits."""
        cls.stamp += 1
        cls.sleepers = None
        cls.joint = False
        self._push(self._ready, cls, cls.queue.head_age(), cls)
        if len(self._ready) > self._limit:
            self._ready = [entry for entry in self._ready if entry[3] == entry[4].stamp]
            heapify(self._ready)
            self._limit = max(FLOOR, 2 * len(self._ready))

    # ---- time -------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """The clock has gone on: what time was to wake by now is awake."""
        now = self._clock.now
        self._aged = True
        self._write_dues()
        dues = self._dues
        while dues and dues[0][0] <= now:
            _, _, stamp, item = heappop(dues)
            if stamp != _due_stamp(item):
                continue
            if isinstance(item, DemandClass):
                self.rouse(item)
                continue
            item.due_ns = None
            if isinstance(item, Pool):
                self.gained(item)
            else:
                self.admit(item)

    def due(self) -> int | None:
        """The next instant at which time alone may let a node start; to be asked after `choose` has found none."""
        while True:
            self._write_dues()
            dues = self._dues
            while dues and dues[0][2] != _due_stamp(dues[0][3]):
                heappop(dues)
            if not dues:
                return None
            instant, *_, item = dues[0]
            if not isinstance(item, Pool) or self._instant(item) == instant:
                return instant
            self.stir(item)  # those that slept on it have gone

    def _write_dues(self) -> None:
        while self._stirred:
            pool, _ = self._stirred.popitem()
            instant = self._instant(pool)
            if instant is not None and instant <= self._clock.now:
                instant = None
                self.gained(pool)
            if instant != pool.due_ns:
                pool.due_ns = instant
                self._write_due(instant, pool)

    def _instant(self, pool: Pool) -> int | None:
        """When the pool covers the least need of those that sleep on it."""
        need = self._least_need(pool)
        return None if need is None else pool.covered(need + pool.reserved)

    def _least_need(self, pool: Pool) -> int | None:
        """The least need of those that sleep on the pool alone."""
        while pool.asleep:
            need = pool.asleep[0]
            sleepers = pool.sleepers[need]
            heap = sleepers.heap
            while heap and heap[0][3] != heap[0][4].stamp:
                heappop(heap)
            if heap:
                return need
            heappop(pool.asleep)
            del pool.sleepers[need]
            sleepers.stamp = -1
        return None

    def _time_owner(self, waiter: Waiter) -> None:
        """Write down when a node with a reservation will have the tokens that it lacks."""
        instant: int | None = 0
        if waiter.cls.barred:
            instant = None
        else:
            amounts = waiter.amounts
            for pool, column in waiter.cls.demands:
                covered = pool.covered(asks(amounts, column))
                instant = None if covered is None else max(instant, covered)
                if instant is None:
                    break
        if instant is not None and instant <= self._clock.now:
            instant = None
        if instant != waiter.due_ns:
            waiter.due_ns = instant
            self._write_due(instant, waiter)

    def _write_due(self, instant: int | None, item: Pool | Waiter) -> None:
        if instant is None:
            return
        heappush(self._dues, (instant, self._next(), instant, item))
        self._sweep_dues()

    def _sweep_dues(self) -> None:
        if len(self._dues) > self._dues_limit:
            self._dues = [entry for entry in self._dues if entry[2] == _due_stamp(entry[3])]
            heapify(self._dues)
            self._dues_limit = max(FLOOR, 2 * len(self._dues))

    # ---- choice -----------------------------------------------------------------------------------------------

    def admit(self, waiter: Waiter) -> None:
        """A node with a reservation may fit: it is measured against what is truly free."""
        if waiter.fits():
            heappush(self._owners, (*waiter.order, self._next(), waiter))
        else:
            self._time_owner(waiter)

    def _first_owner(self) -> Waiter | None:
        owners = self._owners
        while owners:
            waiter: Waiter = owners[0][3]
            if waiter.is_reserved and waiter.fits():
                return waiter
            heappop(owners)
            if waiter.is_reserved:
                self._time_owner(waiter)
        return None

    def choose(self) -> NodeKey | None:
        """The first node in order that fits."""
        self._wake()
        best = self._first_owner() if self._owners else None
        ready = self._ready
        while ready:
            rank, age, _, stamp, item = ready[0]
            if stamp != item.stamp:
                heappop(ready)
                continue
            if best is not None and best.order <= (rank, age):
                break
            self.looks += 1
            if isinstance(item, Sleepers):
                cls = self._sleeper(item)
                if cls is None:
                    heappop(ready)
                    continue
                head = cls.queue.head_age()
                if (cls.rank, head) != (rank, age):
                    heapreplace(ready, (cls.rank, head, self._next(), stamp, item))
                    continue
            else:
                cls = item
            found = self._first_fit(cls)
            if found is None:
                continue
            if found == age:
                return cls.queue.node(found)
            if isinstance(item, DemandClass):
                heappop(ready)
            cls.stamp += 1
            cls.sleepers = None
            self._push(ready, cls, found, cls)
            self._dozing.append((cls.stamp, cls))
        return None if best is None else best.cls.queue.node(best.age)

    def _wake(self) -> None:
        if not self._dirty and not self._aged:
            return
        for pool in self._dirty:
            room, asleep = pool.room(), pool.asleep
            while asleep and asleep[0] <= room:
                sleepers = pool.sleepers[heappop(asleep)]
                sleepers.awake = True
                self._push_sleepers(sleepers)
            if pool.joint:
                for stamp, cls in pool.joint:
                    if cls.stamp == stamp:
                        self.rouse(cls)
                pool.joint.clear()
            if pool.spends:
                self.stir(pool)
            if pool.owner is not None:
                self.admit(pool.owner)
        self._dirty.clear()
        self._aged = False
        for stamp, cls in self._dozing:
            if cls.stamp == stamp:
                self.rouse(cls)
        self._dozing.clear()

    def _sleeper(self, sleepers: Sleepers) -> DemandClass | None:
        """The first class of sleepers that are awake. None: they are none, and gone, or sleep again."""
        heap = sleepers.heap
        while heap:
            rank, age, _, stamp, cls = heap[0]
            if stamp != cls.stamp:
                heappop(heap)
                continue
            head = cls.queue.head_age()
            if head != age:
                heapreplace(heap, (rank, head, self._next(), stamp, cls))
                continue
            if sleepers.need > sleepers.pool.room():
                sleepers.awake = False
                heappush(sleepers.pool.asleep, sleepers.need)
                if sleepers.pool.spends:
                    self.stir(sleepers.pool)
                return None
            return cls
        del sleepers.pool.sleepers[sleepers.need]
        sleepers.stamp = -1
        return None

    def _first_fit(self, cls: DemandClass) -> int | None:
        """The age of the first node of the class that fits. None: none does, and the class was put to sleep."""
        if cls.barred:
            self._lay_down(cls)
            return None
        queue = cls.queue
        bounds: list[tuple[int, int]] = []
        spent: Pool | None = None
        last = need_of_spent = 0
        for pool, column in cls.demands:
            if pool.capacity is None:
                continue
            room, need = pool.room(), queue.least(column)
            if need > room:
                if not pool.spends:
                    self._sleep(cls, pool, need)
                    return None
                covered = pool.covered(need + pool.reserved)
                instant = _NEVER if covered is None else covered
                if spent is None or instant > last:
                    spent, last, need_of_spent = pool, instant, need
            elif queue.varies(column):
                bounds.append((column, room))
        if spent is not None:
            self._sleep(cls, spent, need_of_spent)
            return None
        found = queue.first(bounds)
        if found is None:
            self._sleep_jointly(cls)
        return found

    def _lay_down(self, cls: DemandClass) -> None:
        cls.stamp += 1
        cls.sleepers = None
        cls.joint = False

    def _sleep(self, cls: DemandClass, pool: Pool, need: int) -> None:
        sleepers = pool.sleepers.get(need)
        if sleepers is None:
            sleepers = pool.sleepers[need] = Sleepers(pool, need)
            heappush(pool.asleep, need)
        self._lay_down(cls)
        cls.sleepers = sleepers
        self._push(sleepers.heap, cls, cls.queue.head_age(), cls)
        if len(sleepers.heap) > sleepers.limit:
            sleepers.sweep()
        if sleepers.awake:
            self._push_sleepers(sleepers)
        elif pool.spends:
            self.stir(pool)

    def _sleep_jointly(self, cls: DemandClass) -> None:
        self._lay_down(cls)
        cls.joint = True
        bounds: list[tuple[int, int]] = []
        times: list[tuple[int, Callable[[int], int | None]]] = []
        for pool, column in cls.demands:
            if pool.capacity is not None and cls.queue.varies(column):
                pool.joint.append((cls.stamp, cls))
                if len(pool.joint) > pool.joint_limit:
                    pool.sweep_joint()
                if pool.spends:
                    times.append((column, _covered_beside(pool)))
                else:
                    bounds.append((column, pool.room()))
        if times:
            instant = cls.queue.earliest(bounds, times)
            if instant is not None:
                heappush(self._dues, (instant, self._next(), cls.stamp, cls))
                self._sweep_dues()

    def _push_sleepers(self, sleepers: Sleepers) -> None:
        rank, age, *_ = sleepers.heap[0]
        sleepers.stamp += 1
        heappush(self._ready, (rank, age, self._next(), sleepers.stamp, sleepers))

    def _push(self, heap: list[Any], cls: DemandClass, age: int, item: DemandClass) -> None:
        heappush(heap, (cls.rank, age, self._next(), item.stamp, item))

    def _next(self) -> int:
        self._number += 1
        return self._number


def _due_stamp(item: Pool | DemandClass | Waiter) -> int | None:
    return item.stamp if isinstance(item, DemandClass) else item.due_ns


def _covered_beside(pool: Pool) -> Callable[[int], int | None]:
    """When so much is there beside what is kept back."""
    return lambda amount: pool.covered(amount + pool.reserved)
