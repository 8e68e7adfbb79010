"""Pools of a program as boxes: what limits it, and which calls need a share of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ...base.quantity import show_duration
from ...engine.plan import resources_of
from ...ir.expr import Expr, Lit, refs
from ...ir.graph import Clauses, Graph, TaskDef
from ...ir.notation import expr_text
from ...ir.requirement import Dimension, Limit, Scope
from ...limits.words import covers, show_amount
from ...values.typing import is_int
from .lengths import Lengths
from .model import Box, clean

Want = Literal["all", "limited", "none"]
"""Which pools are drawn: all that a call asks something of, those that a limit of the file names, or none."""

_MOST_EDGES, _MOST_EDGES_IN_ALL = 8, 10
"""A pool that more boxes need gets no edges but marks: so many dotted lines say nothing any more."""


@dataclass(frozen=True, slots=True)
class _User:
    id: str
    task: TaskDef
    clauses: Clauses
    flows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool: its box, (box, amount) for each that needs it, and the params that its own amount uses."""

    box: Box
    users: tuple[tuple[str, str], ...]
    params: tuple[int, ...]
    marks: bool = False
    """Those that need it get a mark, not a dotted edge."""


class Pools:
    """Collects who may need what."""

    def __init__(self, graph: Graph, lengths: Lengths) -> None:
        self._graph = graph
        self._lengths = lengths
        self._users: list[_User] = []
        self._dimensions: dict[str, Dimension] = {r.name: r.dimension for r in resources_of(graph)}
        self._names = {node.id: node.name for node in graph.nodes}

    def user(self, id_: str, task: TaskDef, clauses: Clauses, flows: tuple[str, ...]) -> None:
        """A box of calls of a task."""
        self._users.append(_User(id_, task, clauses, flows))

    def drawn(self, want: Want) -> list[Pool]:
        """The pools to draw, those of the file's limits first."""
        if want == "none":
            return []
        limits: dict[Scope, list[Limit]] = {}
        for limit in self._graph.limits:
            limits.setdefault(limit.scope, []).append(limit)
        if want == "all":
            for user in self._users:
                for requirement in user.clauses.requires:
                    limits.setdefault(Scope("resource", requirement.resource), [])
        pools = [self._pool(f"p{at}", scope, said) for at, (scope, said) in enumerate(limits.items())]
        left = sum(len(pool.users) for pool in pools)
        for at in sorted(range(len(pools)), key=lambda at: -len(pools[at].users)):
            if len(pools[at].users) <= _MOST_EDGES and left <= _MOST_EDGES_IN_ALL:
                break
            left -= len(pools[at].users)
            pools[at] = replace(pools[at], marks=True)
        return pools

    def _pool(self, id_: str, scope: Scope, limits: list[Limit]) -> Pool:
        users = [(user.id, self._amount(user, scope)) for user in self._users if self._needs(user, scope)]
        everywhere = len(users) == len(self._users) and len(users) > _MOST_EDGES_IN_ALL
        detail = ", ".join(self._limit(limit) for limit in limits) or "no limit"
        if scope.kind == "global" or everywhere:
            detail += ", every call"
            users = []
        box = Box(
            id=id_,
            kind="pool",
            title=clean(str(scope)),
            detail=clean(detail),
            doc=clean("; ".join(limit.because for limit in limits if limit.because)),
        )
        params = [
            param
            for limit in limits
            if limit.amount is not None and not isinstance(limit.amount, int)
            for param in refs(limit.amount)
        ]
        return Pool(box, tuple(users), tuple(params))

    def _needs(self, user: _User, scope: Scope) -> bool:
        asked = tuple(r.resource for r in user.clauses.requires if r.amount != Lit(0))
        return covers(scope, user.task.name, user.clauses.tags, user.flows, asked)

    def _amount(self, user: _User, scope: Scope) -> str:
        if scope.kind != "resource":
            return ""
        amount = next(r.amount for r in user.clauses.requires if r.resource == scope.pattern)
        dimension = self._dimensions.get(scope.pattern, "count")
        if not isinstance(amount, Lit):
            return "varies"
        shown = _shown(dimension, amount.value, program=True)
        return "" if dimension != "bytes" and shown == "1" else shown

    def _limit(self, limit: Limit) -> str:
        dimension = self._dimensions.get(limit.scope.pattern, "count") if limit.scope.kind == "resource" else "count"
        amount = limit.amount
        if amount is None:
            text = "no limit"
        elif isinstance(amount, int):
            text = f"≤ {_shown(dimension, amount)}"
        else:
            value = self._lengths.evaluated(amount)
            named = self._text(amount)
            text = f"≤ {named}" if value is None else f"≤ {named} = {_shown(dimension, value, program=True)}"
        if limit.per_ns is not None:
            text += f" each {show_duration(limit.per_ns)}"
        return f"{text} by {limit.by_text}" if limit.by_text else text

    def _text(self, expr: Expr) -> str:
        return expr_text(expr, lambda id_: self._names.get(id_, "?"))


def _shown(dimension: Dimension, amount: object, program: bool = False) -> str:
    """An amount for people; `program`: in the unit of programs, where cores are not in thousandths."""
    if not isinstance(amount, int | float) or isinstance(amount, bool):
        return str(amount)
    if program and dimension == "millicpu":
        return f"{amount:g}"
    return show_amount(dimension, amount) if is_int(amount) else f"{amount:g}"
