"""A ledger with short words for tests."""

from __future__ import annotations

from collections.abc import Mapping

from cascade_dsl.ir.events import Word
from cascade_dsl.ir.expr import Var
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.ir.requirement import Layer, Limit, Resource, Scope
from cascade_dsl.limits.ledger import NO_KEYS, Ledger
from cascade_dsl.limits.views import PoolView

CPU, MEM, DB = Scope("resource", "cpu"), Scope("resource", "mem"), Scope("resource", "db")
FETCH = Scope("task", "fetch")
EVERYTHING = Scope("global")
GB = 10**9
SECOND = 10**9
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


class Bench:
    """A ledger with short words for tests; nodes are numbered in the order in which they are queued."""

    def __init__(self) -> None:
        self.ledger = Ledger(
            (
                Resource(name="cpu", dimension="millicpu"),
                Resource(name="mem", dimension="bytes"),
                Resource(name="db", dimension="count"),
                Resource(name="net", dimension="count"),
            )
        )
        self.born = 0

    def limit(self, scope: Scope, amount: int, layer: Layer = Layer.LIVE, *, hard: bool = False) -> None:
        self.ledger.set_word(Word(layer, Limit(scope=scope, amount=amount, hard=hard)))

    def spend(
        self,
        scope: Scope,
        amount: int,
        per_ns: int = SECOND,
        burst: int | None = None,
        *,
        by: str = "",
        layer: Layer = Layer.LIVE,
    ) -> None:
        """A rate."""
        expr = Var(by) if by else None
        limit = Limit(scope=scope, amount=amount, kind="spend", per_ns=per_ns, burst=burst, by=expr, by_text=by)
        self.ledger.set_word(Word(layer, limit))

    def split(self, scope: Scope, amount: int | None, by: str, layer: Layer = Layer.LIVE) -> None:
        """A limit for each key; None takes it back."""
        self.ledger.set_word(Word(layer, Limit(scope=scope, amount=amount, by=Var(by), by_text=by)))

    def at(self, now_ns: int) -> list[NodeKey]:
        """Time goes on, and what then may start does."""
        self.ledger.at(now_ns)
        return self.turn()

    def queue(
        self,
        task: str = "fetch",
        *,
        keys: Mapping[str, str] = NO_KEYS,
        tags: tuple[str, ...] = (),
        flows: tuple[str, ...] = (),
        rank: tuple[int, ...] = (0,),
        **amounts: int,
    ) -> NodeKey:
        return self.queue_of(task, amounts, tags, flows, rank, keys)

    def queue_of(
        self,
        task: str,
        amounts: dict[str, int],
        tags: tuple[str, ...] = (),
        flows: tuple[str, ...] = (),
        rank: tuple[int, ...] = (0,),
        keys: Mapping[str, str] = NO_KEYS,
    ) -> NodeKey:
        shape = self.ledger.add_shape(task=task, tags=tags, flows=flows, resources=tuple(amounts))
        self.born += 1
        self.ledger.enqueue((self.born,), shape, rank, tuple(amounts.values()), keys)
        return (self.born,)

    def turn(self) -> list[NodeKey]:
        """Start all that may start."""
        out: list[NodeKey] = []
        while (node := self.ledger.choose()) is not None:
            self.ledger.start(node)
            out.append(node)
        self.ledger.check()
        return out

    def finish(self, *nodes: NodeKey) -> list[NodeKey]:
        for node in nodes:
            self.ledger.finish(node)
        return self.turn()

    def pool(self, name: str) -> PoolView:
        return next(view for view in self.ledger.pools() if view.pool == name)

    def change(self, scope: Scope | None, call: str, *args: object) -> str:
        """The text that answers a change."""
        before = self.ledger.capacities(scope)
        getattr(self.ledger, call)(*args)
        said = next((arg.limit for arg in args if isinstance(arg, Word)), None)
        return self.ledger.effect(scope, before, said).text
