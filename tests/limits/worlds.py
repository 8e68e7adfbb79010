"""A ledger and its naive twin, driven together by numbers: every call on both, every answer compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import naive
from naive import NaiveLedger

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer, Limit, Resource, Scope, ScopeKind
from cascade_dsl.limits import passing
from cascade_dsl.limits.ledger import Ledger

RESOURCES = (
    Resource(name="cpu", dimension="millicpu"),
    Resource(name="mem", dimension="bytes"),
    Resource(name="db", dimension="count"),
)
SHAPES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("fetch", ("net",), (), ("cpu",)),
    ("align", (), ("train",), ("cpu", "mem")),
    ("store", ("net", "disk"), (), ("db",)),
    ("fit", ("gpu",), ("train", "outer"), ("mem", "cpu", "db")),
    ("note", (), (), ()),
    ("fetch", ("net",), ("outer",), ("cpu", "mem")),
)
SCOPES = tuple(
    Scope(cast(ScopeKind, kind), pattern)
    for kind, pattern in (
        ("resource", "cpu"),
        ("resource", "mem"),
        ("resource", "db"),
        ("global", ""),
        ("task", "fetch"),
        ("task", "f*"),
        ("task", "FETCH"),
        ("tag", "net"),
        ("tag", "?isk"),
        ("flow", "train"),
        ("flow", "*"),
    )
)
LAYERS = (Layer.MACHINE, Layer.FILE, Layer.LIVE)
RANKS: tuple[tuple[int, ...], ...] = ((0, 1, 0), (0, 0, 0), (-1, 1, 0), (0, 1, -3))
SIZES = (1, 0, 2, 1, 3, 4)

Call = tuple[str, tuple[Any, ...]]
Step = tuple[int, int, int, int]


def fresh_ledger() -> Ledger:
    """A ledger with the shapes and resources of this module."""
    ledger = Ledger(RESOURCES)
    for task, tags, flows, resources in SHAPES:
        ledger.add_shape(task=task, tags=tags, flows=flows, resources=resources)
    return ledger


def replay(calls: Sequence[Call]) -> Ledger:
    """A new ledger on which the calls were made, and nothing was asked."""
    ledger = fresh_ledger()
    for name, args in calls:
        getattr(ledger, name)(*args)
    return ledger


class World:
    """Both ledgers, and the calls that were made."""

    def __init__(self) -> None:
        self.ledger = fresh_ledger()
        self.naive = NaiveLedger()
        self.naive.shapes = list(SHAPES)
        self.calls: list[Call] = []
        self.born = 0
        self.started: list[NodeKey] = []
        self.reservations = 0
        """How often a step began with one."""

    def call(self, name: str, *args: Any) -> None:
        """A call on the ledger, recorded."""
        getattr(self.ledger, name)(*args)
        self.calls.append((name, args))

    def set_word(self, layer: Layer, scope: Scope, amount: int, *, hard: bool = False) -> None:
        """Say a word on both."""
        word = Word(layer, Limit(scope=scope, amount=amount, hard=hard))
        self.call("set_word", word)
        self.naive.set_word(word)

    def drop_word(self, layer: Layer, scope: Scope) -> None:
        """Take a word back on both."""
        self.call("drop_word", layer, scope)
        self.naive.drop_word(layer, scope)

    def enqueue(self, shape: int, rank: tuple[int, ...], amounts: tuple[int, ...]) -> NodeKey:
        """A new node waits on both."""
        key = (shape, self.born)
        self.born += 1
        self.call("enqueue", key, shape, rank, amounts)
        self.naive.enqueue(key, shape, rank, amounts)
        return key

    def finish(self, key: NodeKey) -> None:
        """A node finishes on both."""
        self.call("finish", key)
        self.naive.finish(key)

    def start_one(self) -> bool:
        """Both choose the same node, and start it; it holds nothing that is over its capacity."""
        chosen = self.ledger.choose()
        assert chosen == self.naive.choose()
        assert chosen == self.ledger.choose(), "asking changes the answer"
        if chosen is None:
            return False
        assert self.ledger.why(chosen) == ()
        self.call("start", chosen)
        self.naive.start(chosen)
        self.started.append(chosen)
        free = self.naive.free()
        assert all(free[pool] >= 0 for pool in self.naive.demands(self.naive.holders[chosen]))
        return True

    def step(self, step: Step) -> None:
        """One step made of numbers: any numbers are a step."""
        kind, a, b, c = step
        self.reservations += bool(self.naive.reserved())
        waiting, running = list(self.naive.waiting), list(self.naive.holders)
        scope, layer = SCOPES[a % len(SCOPES)], LAYERS[b % len(LAYERS)]
        match kind:
            case 0 | 1 | 2:
                resources = SHAPES[a % len(SHAPES)][3]
                amounts = tuple(SIZES[c // unit % 6] for unit in (1, 6, 36)[: len(resources)])
                self.enqueue(a % len(SHAPES), RANKS[b % len(RANKS)], amounts)
            case 3 | 4 if running:
                self.finish(running[a % len(running)])
            case 5:
                self.set_word(layer, scope, c % 7, hard=layer == Layer.FILE and b % 2 == 0)
            case 6:
                said = [key for key in self.naive.words if key[0] != Layer.MACHINE]
                self.drop_word(*(said[a % len(said)] if said and b % 4 else (layer, scope)))
            case 7:
                self.call("pause", scope)
                self.naive.pauses.add(scope)
            case 8:
                paused = sorted(self.naive.pauses, key=str)
                lifted = None if c % 8 == 0 else paused[a % len(paused)] if paused else scope
                self.call("resume", lifted)
                self.naive.pauses -= {lifted} if lifted is not None else set(self.naive.pauses)
            case 9 if waiting:
                key = waiting[a % len(waiting)]
                self.call("withdraw", key)
                self.naive.withdraw(key)
            case 10 if c % 9 == 0:
                self.call("drop_layer", layer)
                self.naive.words = {k: w for k, w in self.naive.words.items() if k[0] != layer}
            case 11:
                self.start_one()
            case _:
                while self.start_one():
                    pass

    def compare(self) -> None:
        """The logical state of both is the same, and the ledger's own checks hold."""
        self.ledger.check()
        picture = cast(dict[str, Any], self.ledger.snapshot())
        nodes = self.naive.waiting.values()
        assert picture["waiting"] == {n.key: (n.shape, n.order, n.amounts, n.passes, {}) for n in nodes}
        nodes = self.naive.holders.values()
        assert picture["holders"] == {n.key: (n.shape, n.order, n.amounts, n.since, {}) for n in nodes}
        assert picture["claims"] == tuple(self.naive.claims)
        capacities = {v.pool: v.capacity for v in self.ledger.pools() if v.capacity is not None}
        assert capacities == {pool: capacity for pool, (_, capacity) in self.naive.capacities().items()}
        views = {v.pool: v for v in self.ledger.pools()}
        for pool, free in self.naive.free().items():
            capacity = views[pool].capacity
            assert capacity is not None
            assert capacity - views[pool].taken == free
            assert views[pool].waiting == sum(pool in self.naive.demands(n) for n in self.naive.waiting.values())
        assert self.ledger.can_ever_start() == any(map(self.naive.eligible, self.naive.waiting.values()))
        assert sum(count for _, _, count, _ in self.ledger.waits()) <= self.ledger.waiting()


def run(steps: Sequence[Step], patience: int, after: Callable[[World], None] | None = None, *, every: int = 1) -> World:
    """A world after the steps, compared whole after every so many; reservations come after `patience` passes."""
    before = passing.PATIENCE, naive.PATIENCE
    passing.PATIENCE = naive.PATIENCE = patience
    try:
        world = World()
        for scope in SCOPES[:3]:
            world.set_word(Layer.MACHINE, scope, 4)
        for number, step in enumerate(steps):
            world.step(step)
            if number % every == 0:
                world.compare()
        if after is not None:
            after(world)
        return world
    finally:
        passing.PATIENCE, naive.PATIENCE = before
