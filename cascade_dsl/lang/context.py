"""Where an expression stands, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..ir.expr import Expr, Lit
from ..ir.types import Type
from . import ast
from .narrowing import Facts, root_of
from .symbols import Refused, Scope, Task


class Typed:
    """An expression with its type. `type` None: it is wrong, and that has been reported."""

    __slots__ = ("constant", "expr", "type")

    def __init__(self, expr: Expr, type_: Type | None, constant: bool = True) -> None:
        self.expr = expr
        self.type = type_
        self.constant = constant
        """It depends on no result of a task."""


def wrong() -> Typed:
    """What stands for an expression that has been reported."""
    return Typed(Lit(None), None)


class NodeMaker(Protocol):
    """Makes the nodes of calls that stand in an expression."""

    def holds_calls(self, expr: ast.Expr, scope: Scope) -> bool:
        """The expression calls a task, so that it makes nodes."""
        ...

    def call(self, call: ast.Call, at: Context) -> Typed:
        """The value of a call's node."""
        ...

    def gives_nothing(self, node: int) -> Task | None:
        """The task of a call, or of each call of a fan-out, that has no result; None of any other node."""
        ...

    def fan_out(self, expr: ast.ListComp, at: Context) -> Typed:
        """The list of a comprehension whose element or filter makes nodes."""
        ...


class Context:
    """Where an expression stands. Never changed; `but` gives another one."""

    __slots__ = ("facts", "forbids_tasks", "in_body", "name", "nodes", "only_constants", "scope")

    def __init__(
        self,
        scope: Scope,
        *,
        nodes: NodeMaker | None = None,
        name: str = "",
        facts: Facts = frozenset(),
        forbids_tasks: str = "",
        only_constants: str = "",
        in_body: bool = False,
    ) -> None:
        self.scope = scope
        self.nodes = nodes
        self.name = name
        self.facts = facts
        """Optional values that are known not to be none here."""
        self.forbids_tasks = forbids_tasks
        """Where it stands, for the message that no task may be called here."""
        self.only_constants = only_constants
        """What it belongs to, if it may use no result of a task."""
        self.in_body = in_body
        """What it gives goes to a process: files are absolute paths."""

    def but(self, *, scope: Scope | None = None, facts: Facts | None = None, name: str | None = None) -> Context:
        """The same place with something else in it."""
        return Context(
            self.scope if scope is None else scope,
            nodes=self.nodes,
            name=self.name if name is None else name,
            facts=self.facts if facts is None else facts,
            forbids_tasks=self.forbids_tasks,
            only_constants=self.only_constants,
            in_body=self.in_body,
        )


def without(facts: Facts, names: Sequence[ast.Ident]) -> Facts:
    """The facts that are not about names that these hide."""
    hidden = {n.name for n in names}
    return frozenset(f for f in facts if root_of(f) not in hidden)


def inner_calls(expr: ast.ListComp | ast.DictComp, scope: Scope, nodes: NodeMaker) -> bool:
    """Something that is evaluated for each item makes nodes; the source of the first clause is not."""
    for number, clause in enumerate(expr.clauses):
        if number and nodes.holds_calls(clause.source, scope):
            return True
        scope = Scope(scope, [Refused(n.name, n.span) for n in clause.names])
        if clause.condition is not None and nodes.holds_calls(clause.condition, scope):
            return True
    results = (expr.element,) if isinstance(expr, ast.ListComp) else (expr.key, expr.value)
    return any(nodes.holds_calls(r, scope) for r in results)
