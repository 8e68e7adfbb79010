"""The last pass over the nodes: clauses of `with`, captures, and ids in pre-order.

Reads the nodes as they were made and the lowered tasks; gives both anew where anything changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from ..ir.expr import Apply, Choose, Clause, Comprehension, Expr, Field, ListOf, Lit, Logic, RecordOf, Ref, Text, Var
from ..ir.graph import (
    Branch,
    CachePolicy,
    Call,
    Clauses,
    Compute,
    ExecBody,
    FanOut,
    Finally,
    Flow,
    Item,
    Node,
    Output,
    Param,
    Repeat,
    ShellBody,
    TaskDef,
    Try,
    walk,
)
from ..ir.requirement import Limit
from ..ir.text import bound_items
from ..ir.verify import captures


def moved_ids(nodes: tuple[Node, ...]) -> dict[int, int]:
    """Old id → new id in pre-order; empty where they are in pre-order already."""
    new: dict[int, int] = {}
    for node in walk(nodes):
        new[node.id] = len(new) + 1
        for item in bound_items(node):
            new[item.id] = len(new) + 1
    return {} if all(a == b for a, b in new.items()) else new


class Finisher:
    """Rewrites references by a table of ids; an empty table leaves expressions as they are."""

    def __init__(self, ids: Mapping[int, int], changed: Mapping[int, Clauses]) -> None:
        self.ids = ids
        self.changed = changed

    def id(self, old: int) -> int:
        """The new id of a node."""
        return self.ids.get(old, old)

    def many(self, old: tuple[int, ...]) -> tuple[int, ...]:
        """The new ids of some nodes."""
        return tuple(map(self.id, old)) if self.ids else old

    def expr(self, expr: Expr) -> Expr:
        """The expression with its references moved."""
        if not self.ids:
            return expr
        match expr:
            case Lit() | Var():
                return expr
            case Ref(node):
                return Ref(self.id(node))
            case Text(parts):
                return Text(tuple(p if isinstance(p, str) else self.expr(p) for p in parts))
            case ListOf(items):
                return ListOf(tuple(map(self.expr, items)))
            case RecordOf(fields):
                return RecordOf(tuple((k, self.expr(e)) for k, e in fields))
            case Apply(function, args, named):
                return Apply(function, tuple(map(self.expr, args)), tuple((k, self.expr(e)) for k, e in named))
            case Field(subject, name):
                return Field(self.expr(subject), name)
            case Logic(operator, left, right):
                return Logic(operator, self.expr(left), self.expr(right))
            case Choose(condition, then, otherwise):
                return Choose(self.expr(condition), self.expr(then), self.expr(otherwise))
            case Comprehension(clauses, element, key):
                steps = tuple(Clause(c.names, self.expr(c.source), self._maybe(c.condition)) for c in clauses)
                return Comprehension(steps, self.expr(element), self._maybe(key))

    def _maybe(self, expr: Expr | None) -> Expr | None:
        return None if expr is None else self.expr(expr)

    # ---- nodes ----

    def nodes(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        """Nodes of a body with new ids, their clauses and captures."""
        return tuple(map(self.node, nodes))

    def node(self, node: Node) -> Node:
        """One node with new ids, its clauses and captures."""
        match node:
            case Compute():
                if not self.ids:
                    return node
                return replace(node, id=self.id(node.id), expr=self.expr(node.expr), after=self.many(node.after))
            case Call():
                clauses = self.changed.get(node.id)
                if not self.ids and clauses is None:
                    return node
                args = tuple((k, self.expr(e)) for k, e in node.args)
                clauses = None if clauses is None else self.clauses(clauses)
                return replace(node, id=self.id(node.id), args=args, after=self.many(node.after), clauses=clauses)
            case FanOut():
                moved = replace(
                    node,
                    id=self.id(node.id),
                    source=self.id(node.source),
                    items=tuple(replace(i, id=self.id(i.id)) for i in node.items),
                    body=self.nodes(node.body),
                    result=None if node.result is None else self.id(node.result),
                    condition=None if node.condition is None else self.id(node.condition),
                    after=self.many(node.after),
                )
                return replace(moved, captures=captures(moved))
            case Output():
                return replace(node, id=self.id(node.id), node=self.id(node.node))
            case Param():
                return replace(node, id=self.id(node.id)) if self.ids else node
            case Item() | Flow() | Branch() | Try() | Repeat() | Finally():
                raise AssertionError(f"{type(node).__name__} is not made by the compiler yet")
            case _:
                assert_never(node)

    # ---- tasks ----

    def task(self, task: TaskDef) -> TaskDef:
        """A task with its references moved."""
        if not self.ids:
            return task
        body = task.body
        if isinstance(body, ShellBody):
            body = replace(body, values=tuple(replace(v, expr=self.expr(v.expr)) for v in body.values))
        elif isinstance(body, ExecBody):
            body = ExecBody(words=tuple(map(self.expr, body.words)))
        else:
            body = replace(body, values=tuple(replace(v, expr=self.expr(v.expr)) for v in body.values))
        return replace(
            task,
            inputs=tuple(replace(i, default=self._maybe(i.default)) for i in task.inputs),
            outputs=tuple(replace(o, path=self._maybe(o.path)) for o in task.outputs),
            clauses=self.clauses(task.clauses),
            body=body,
        )

    def clauses(self, clauses: Clauses) -> Clauses:
        """Clauses with their references moved."""
        if not self.ids:
            return clauses
        retry, cache = clauses.retry, clauses.cache
        if retry is not None:
            retry = replace(
                retry,
                count=self.expr(retry.count),
                backoff_min=self.expr(retry.backoff_min),
                backoff_max=self.expr(retry.backoff_max),
            )
        return replace(
            clauses,
            requires=tuple(replace(r, amount=self.expr(r.amount)) for r in clauses.requires),
            retry=retry,
            timeout=self._maybe(clauses.timeout),
            env=tuple((k, self.expr(e)) for k, e in clauses.env),
            priority=self._maybe(clauses.priority),
            workdir=self._maybe(clauses.workdir),
            cache=CachePolicy(mode=cache.mode, ttl=self._maybe(cache.ttl), by=self._maybe(cache.by)),
        )

    def limit(self, limit: Limit) -> Limit:
        """A limit with its references moved."""
        if not self.ids:
            return limit
        amount, burst = (v if v is None or isinstance(v, int) else self.expr(v) for v in (limit.amount, limit.burst))
        return replace(limit, amount=amount, burst=burst)
