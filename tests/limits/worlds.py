"""A ledger and its naive twin, driven together by numbers: every call on both, every answer compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import naive
from naive import NaiveLedger

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.expr import Var
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Identity, Layer, Limit, Resource, Scope, ScopeKind
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
BYS = ("", "", "host", "", "site", "host", "")
RATES = (7, 10, 60, 1000)
BURSTS = (None, 1, 4, 9)
KINDS = 20
"""Steps are numbered from 0 to one less."""


def keys_of(node: NodeKey) -> dict[str, str]:
    """The keys of a node, known or not."""
    return {"host": "abc"[node[1] % 3], "site": "xy"[node[1] % 5 % 2]}


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
        self.gathered = 0
        """How often that one was on tokens."""

    def call(self, name: str, *args: Any) -> None:
        """A call on the ledger, recorded."""
        getattr(self.ledger, name)(*args)
        self.calls.append((name, args))

    def set_word(self, layer: Layer, scope: Scope, amount: int, *, hard: bool = False, by: str = "") -> None:
        """Say a word on both."""
        expr = Var(by) if by else None
        self.say(Word(layer, Limit(scope=scope, amount=amount, hard=hard, by=expr, by_text=by)))

    def set_rate(
        self, layer: Layer, scope: Scope, amount: int, per_ns: int, burst: int | None, *, by: str = ""
    ) -> None:
        """Say a rate on both."""
        expr = Var(by) if by else None
        limit = Limit(scope=scope, amount=amount, kind="spend", per_ns=per_ns, burst=burst, by=expr, by_text=by)
        self.say(Word(layer, limit))

    def say(self, word: Word) -> None:
        """A word on both."""
        self.call("set_word", word)
        self.naive.set_word(word)

    def drop_word(self, layer: Layer, scope: Scope) -> None:
        """Take a word back on both."""
        self.call("drop_word", layer, scope)
        self.naive.drop_word(layer, scope)

    def at(self, now_ns: int) -> None:
        """Time goes on, on both."""
        self.call("at", now_ns)
        self.naive.now = now_ns

    def enqueue(
        self, shape: int, rank: tuple[int, ...], amounts: tuple[int, ...], known: tuple[str, ...] = ("host", "site")
    ) -> NodeKey:
        """A new node waits on both."""
        key = (shape, self.born)
        self.born += 1
        keys = {by: text for by, text in keys_of(key).items() if by in known}
        self.call("enqueue", key, shape, rank, amounts, keys)
        self.naive.enqueue(key, shape, rank, amounts, keys)
        return key

    def give_keys(self, most: int) -> None:
        """Keys that are wanted are given, on both; those that run are asked for first, the oldest that wait next."""
        wanted = self.ledger.unkeyed(most)
        nodes = [*self.naive.waiting.values(), *self.naive.holders.values()]
        if wanted is None:
            assert not any(self.naive.lacks(n) for n in self.naive.waiting.values())
            assert not any(self.naive.barred(n) for n in self.naive.waiting.values())
            return
        by, asked = wanted
        assert 0 < len(asked) <= most
        lacking = [n for n in nodes if by in self.naive.bys(n) and by not in n.keys]
        held = [i.scope for i in self.naive.terms() if i.by == by and i.kind == "hold"]
        holding = [n for n in lacking if n.since >= 0 and any(self.naive.demand(n, scope) for scope in held)]
        running = [n.key for n in sorted(holding, key=lambda n: n.since)]
        waiting = [n.key for n in sorted(lacking, key=lambda n: n.age) if n.since < 0]
        assert list(asked) == (running or waiting)[:most]
        keyed = [(node, keys_of(node)[by]) for node in asked]
        self.call("key", by, keyed)
        self.naive.key(by, keyed)

    def wait(self) -> None:
        """Time goes to where something starts by itself, by the wake-ups that the ledger asks for."""
        while self.start_one():
            pass
        first = self.naive.due()
        for _ in range(2 + 2 * len(self.naive.waiting)):
            due = self.ledger.due()
            assert due == self.ledger.due(), "asking changes the answer"
            if due is None:
                assert first is None, f"it sleeps for ever, and at {first} something could start"
                return
            assert due > self.naive.now, "a wake-up in the past is a busy loop"
            assert first is None or due <= first, f"it wakes at {due}, and at {first} something could start"
            self.at(due)
            if due == first:
                assert self.start_one(), "it wakes, and does not see what time has given"
                return
            assert self.ledger.choose() is None
        raise AssertionError("it polls")

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
        for pool in self.naive.demands(self.naive.holders[chosen]):
            assert self.naive.free(pool) >= 0
        return True

    def step(self, step: Step) -> None:
        """One step made of numbers: any numbers are a step."""
        kind, a, b, c = step
        reserved = self.naive.reserved()
        self.reservations += bool(reserved)
        self.gathered += any(pool[0].kind == "spend" for pool in reserved)
        waiting, running = list(self.naive.waiting), list(self.naive.holders)
        scope, layer = SCOPES[a % len(SCOPES)], LAYERS[b % len(LAYERS)]
        match kind:
            case 0 | 1 | 2:
                resources = SHAPES[a % len(SHAPES)][3]
                amounts = tuple(SIZES[c // unit % 6] for unit in (1, 6, 36)[: len(resources)])
                known = (("host", "site"), (), ("host", "site"), ("host",))[b // 16 % 4]
                self.enqueue(a % len(SHAPES), RANKS[b % len(RANKS)], amounts, known)
            case 3 | 4 if running:
                self.finish(running[a % len(running)])
            case 5:
                by = BYS[b // 3 % len(BYS)]
                self.set_word(layer, scope, c % 7, hard=layer == Layer.FILE and b % 2 == 0, by=by)
            case 15:
                by = BYS[b // 3 % len(BYS)]
                self.set_rate(layer, scope, c % 5, RATES[c // 5 % 4], BURSTS[c // 20 % 4], by=by)
            case 16:
                self.give_keys(1 + c % 9)
            case 17 | 18:
                self.at(self.naive.now + c % 64)
            case 19:
                self.wait()
            case 6:
                said = [key for key in self.naive.words if key[0] != Layer.MACHINE]
                lower, identity = said[a % len(said)] if said and b % 4 else (layer, Identity(scope))
                self.drop_word(lower, identity.scope)
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
                self.naive.drop_layer(layer)
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
        assert picture["waiting"] == {n.key: (n.shape, n.order, n.amounts, n.passes, n.keys) for n in nodes}
        nodes = self.naive.holders.values()
        assert picture["holders"] == {n.key: (n.shape, n.order, n.amounts, n.since, n.keys) for n in nodes}
        assert picture["claims"] == tuple(self.naive.claims)
        self.compare_views()
        eligible = [self.naive.eligible(n) or self.naive.lacks(n) for n in self.naive.waiting.values()]
        assert self.ledger.can_ever_start() == any(eligible)
        assert sum(count for _, _, count, _ in self.ledger.waits()) <= self.ledger.waiting()
        for node in self.naive.waiting.values():
            asked = self.naive.demands(node)
            refused = [p for p, amount in asked.items() if amount > self.naive.free(p)]
            assert bool(self.ledger.why(node.key)) >= (bool(refused) or self.naive.barred(node))

    def compare_views(self) -> None:
        """What is shown of pools is what they are."""
        naive, views = self.naive, {v.pool: v for v in self.ledger.pools()}
        limited = {str(i): i for i in naive.terms()} | {f"pause {s}": Identity(s) for s in naive.pauses}
        assert limited.keys() == {name for name, view in views.items() if view.capacity is not None}
        for name, identity in limited.items():
            view, is_pause = views[name], name.startswith("pause ")
            asking = [n for n in naive.waiting.values() if naive.demand(n, identity.scope)]
            assert view.waiting == len(asking)
            if not identity.by or is_pause:
                pool = identity, None, is_pause
                assert view.capacity is not None
                assert view.capacity == naive.capacity(pool)
                assert view.capacity - view.taken == naive.free(pool)
                assert view.tokens == (naive.free(pool) if identity.kind == "spend" and not is_pause else None)
                continue
            assert view.keys is not None
            running = [h for h in naive.holders.values() if naive.demand(h, identity.scope)]
            if identity.kind == "hold":
                assert view.holders == sum(identity.by in h.keys for h in running)
                assert view.keys.unkeyed_running == sum(identity.by not in h.keys for h in running)
            assert view.keys.unkeyed_waiting == sum(identity.by not in n.keys for n in asking)
            for shown in view.keys.shown:
                pool = identity, shown.key, False
                assert shown.capacity is not None
                assert shown.capacity == naive.capacity(pool)
                assert shown.capacity - shown.taken == naive.free(pool), shown.pool
                assert shown.waiting == sum(n.keys.get(identity.by) == shown.key for n in asking)


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
