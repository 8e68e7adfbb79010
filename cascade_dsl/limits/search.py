"""The search for the next node to start: caches only, nothing here is logical state. The algorithm is in `ledger`."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any

from ..ir.graph import NodeKey
from .pools import FLOOR, Bucket, DemandClass, Pool, Waiter


class Search:
    """Which classes may have a node that fits, and which sleep on what."""

    __slots__ = ("_dirty", "_dozing", "_limit", "_number", "_ready", "looks")

    def __init__(self) -> None:
        self._ready: list[Any] = []
        """Heap of (rank, age, number, stamp, class or bucket): a lower bound of the order of its first that fits."""
        self._limit = FLOOR
        """The length at which `_ready` is swept of void entries."""
        self._dirty: dict[Pool, None] = {}
        """Pools that may have gained room since the last look."""
        self._dozing: list[tuple[int, DemandClass]] = []
        """Classes in `_ready` under an order beyond their head's: a lower bound only until some pool gains room."""
        self._number = 0
        self.looks = 0
        """Classes and buckets looked at, for tests of cost."""

    def gained(self, pool: Pool) -> None:
        """The pool may have room that it had not."""
        self._dirty[pool] = None

    def rouse(self, cls: DemandClass) -> None:
        """The class may have a node that fits."""
        cls.stamp += 1
        cls.bucket = None
        cls.joint = False
        self._push(self._ready, cls, cls.queue.head_age(), cls)
        if len(self._ready) > self._limit:
            self._ready = [entry for entry in self._ready if entry[3] == entry[4].stamp]
            heapify(self._ready)
            self._limit = max(FLOOR, 2 * len(self._ready))

    def choose(self, reserved: Iterable[Waiter]) -> NodeKey | None:
        """The first node in order that fits; those with a reservation are measured against what is truly free."""
        self._wake()
        best: Waiter | None = None
        for waiter in reserved:
            if (best is None or waiter.order < best.order) and waiter.fits():
                best = waiter
        ready = self._ready
        while ready:
            rank, age, _, stamp, item = ready[0]
            if stamp != item.stamp:
                heappop(ready)
                continue
            if best is not None and best.order <= (rank, age):
                break
            self.looks += 1
            if isinstance(item, Bucket):
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
            cls.bucket = None
            self._push(ready, cls, found, cls)
            self._dozing.append((cls.stamp, cls))
        return None if best is None else best.cls.queue.node(best.age)

    def _wake(self) -> None:
        if not self._dirty:
            return
        for pool in self._dirty:
            room, asleep = pool.room(), pool.asleep
            while asleep and asleep[0] <= room:
                bucket = pool.buckets[heappop(asleep)]
                bucket.awake = True
                self._push_bucket(bucket)
            if pool.joint:
                for stamp, cls in pool.joint:
                    if cls.stamp == stamp:
                        self.rouse(cls)
                pool.joint.clear()
        self._dirty.clear()
        for stamp, cls in self._dozing:
            if cls.stamp == stamp:
                self.rouse(cls)
        self._dozing.clear()

    def _sleeper(self, bucket: Bucket) -> DemandClass | None:
        """The first class of an awake bucket. None: the bucket is empty, and gone, or sleeps again."""
        heap = bucket.heap
        while heap:
            rank, age, _, stamp, cls = heap[0]
            if stamp != cls.stamp:
                heappop(heap)
                continue
            head = cls.queue.head_age()
            if head != age:
                heapreplace(heap, (rank, head, self._next(), stamp, cls))
                continue
            if bucket.need > bucket.pool.room():
                bucket.awake = False
                heappush(bucket.pool.asleep, bucket.need)
                return None
            return cls
        del bucket.pool.buckets[bucket.need]
        bucket.stamp = -1
        return None

    def _first_fit(self, cls: DemandClass) -> int | None:
        """The age of the first node of the class that fits. None: none does, and the class was put to sleep."""
        queue = cls.queue
        bounds: list[tuple[int, int]] = []
        for pool, column in cls.shape.demands:
            if pool.capacity is None:
                continue
            room, need = pool.room(), queue.least(column)
            if need > room:
                self._sleep(cls, pool, need)
                return None
            if queue.varies(column):
                bounds.append((column, room))
        found = queue.first(bounds)
        if found is None:
            self._sleep_jointly(cls)
        return found

    def _sleep(self, cls: DemandClass, pool: Pool, need: int) -> None:
        bucket = pool.buckets.get(need)
        if bucket is None:
            bucket = pool.buckets[need] = Bucket(pool, need)
            heappush(pool.asleep, need)
        cls.stamp += 1
        cls.bucket = bucket
        cls.joint = False
        self._push(bucket.heap, cls, cls.queue.head_age(), cls)
        if len(bucket.heap) > bucket.limit:
            bucket.sweep()
        if bucket.awake:
            self._push_bucket(bucket)

    def _sleep_jointly(self, cls: DemandClass) -> None:
        cls.stamp += 1
        cls.bucket = None
        cls.joint = True
        for pool, column in cls.shape.demands:
            if pool.capacity is not None and cls.queue.varies(column):
                pool.joint.append((cls.stamp, cls))
                if len(pool.joint) > pool.joint_limit:
                    pool.sweep_joint()

    def _push_bucket(self, bucket: Bucket) -> None:
        rank, age, *_ = bucket.heap[0]
        bucket.stamp += 1
        heappush(self._ready, (rank, age, self._next(), bucket.stamp, bucket))

    def _push(self, heap: list[Any], cls: DemandClass, age: int, item: DemandClass) -> None:
        heappush(heap, (cls.rank, age, self._next(), item.stamp, item))

    def _next(self) -> int:
        self._number += 1
        return self._number
