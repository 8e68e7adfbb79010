"""How long the lists of a program are, as far as that is known before it runs: from constants, and from given params."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...ir.expr import Apply, Expr, Lit, Ref, refs
from ...ir.graph import Compute, FanOut, Graph, Json, Node, Param, walk
from ...values.evaluate import Env, evaluate
from ...values.faults import EvalError
from ...values.typing import is_int, is_list
from ...values.weight import needs_worker


@dataclass(frozen=True, slots=True)
class Length:
    """So many items; `exact` False where a filter may drop some."""

    items: int
    exact: bool = True


class Lengths:
    """Answers for the nodes of one graph. `given` are lengths of params that somebody knows better than the default."""

    def __init__(self, graph: Graph, given: Mapping[int, int] | None = None) -> None:
        self._nodes: dict[int, Node] = {node.id: node for node in walk(graph.nodes)}
        self._given = given or {}
        self._values: dict[int, Json] = {}
        self._unknown: set[int] = set()

    def of(self, id_: int) -> Length | None:
        """The length of the list that a node gives; None where it is known only when the program runs."""
        node, factor, exact = self._nodes.get(id_), 1, True
        while True:
            if node is None:
                return None
            if node.id in self._given:
                return Length(self._given[node.id] * factor, exact)
            if not isinstance(node, FanOut):
                break
            exact = exact and node.condition is None
            if node.flatten:
                inner = self._nodes.get(-1 if node.result is None else node.result)
                if not isinstance(inner, FanOut):
                    return None
                each = self.of(inner.id)
                if each is None:
                    return None
                factor, exact = factor * each.items, exact and each.exact
            node = self._nodes.get(node.source)
        found = self._range(node)
        if found is not None:
            return Length(found * factor, exact)
        value = self.value(node.id)
        return Length(len(value) * factor, exact) if is_list(value) else None

    def value(self, id_: int) -> Json:
        """The value of a constant, or of a param by its default; None where it has none yet."""
        stack = [id_]
        while stack:
            at = stack[-1]
            expr = None if at in self._values or at in self._unknown else self._expr(at)
            if expr is None:
                self._unknown.add(at)
                stack.pop()
                continue
            used = refs(expr)
            if any(one in self._unknown and one not in self._values for one in used):
                self._unknown.add(at)
                stack.pop()
                continue
            missing = [one for one in used if one not in self._values]
            if any(one in stack for one in missing):
                self._unknown.add(at)
                stack.pop()
                continue
            if missing:
                stack += missing
                continue
            stack.pop()
            value = self.evaluated(expr)
            if value is None:
                self._unknown.add(at)
            else:
                self._values[at] = value
        return self._values.get(id_)

    def evaluated(self, expr: Expr) -> Json:
        """The value of an expression over constants and params; None where it is not known, or is too much work."""
        for id_ in refs(expr):
            if id_ not in self._values and self.value(id_) is None:
                return None
        held = [self._values[id_] for id_ in refs(expr)]
        if needs_worker(expr, sum(len(value) if is_list(value) else 1 for value in held)):
            return None
        try:
            return evaluate(expr, Env(ref=self._values.__getitem__))
        except EvalError:
            return None

    def _expr(self, id_: int) -> Expr | None:
        node = self._nodes.get(id_)
        match node:
            case Param():
                return None if id_ in self._given else node.default
            case Compute():
                return None if node.reads else node.expr
            case _:
                return None

    def _range(self, node: Node) -> int | None:
        """`range(1000000)` without making it."""
        if not (isinstance(node, Compute) and isinstance(node.expr, Apply) and node.expr.function == "range"):
            return None
        args = [arg.value if isinstance(arg, Lit) else self._of_ref(arg) for arg in node.expr.args]
        if node.expr.named or not args or not all(is_int(arg) for arg in args) or (len(args) == 3 and args[2] == 0):
            return None
        return len(range(*args))

    def _of_ref(self, expr: Expr) -> Json:
        return self.value(expr.node) if isinstance(expr, Ref) else None
