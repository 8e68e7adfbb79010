"""Comprehensions that stay expressions, and the names of every `for`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..ir.expr import Clause, Comprehension, Expr, Var
from ..ir.types import INT, JSON, NEVER, STR, DictType, ListType, OptionalType, RecordType, TupleType, Type
from ..values.types import element_of, required
from . import ast
from .context import Context, Typed, inner_calls, without, wrong
from .narrowing import facts_of
from .symbols import Scope, Value

if TYPE_CHECKING:
    from .expressions import Expressions


def comprehension(typing: Expressions, expr: ast.ListComp | ast.DictComp, at: Context, want: Type | None) -> Typed:
    if at.nodes is not None and inner_calls(expr, at.scope, at.nodes):
        if isinstance(expr, ast.ListComp):
            return at.nodes.fan_out(expr, at)
        typing.report.unbuilt(expr.span, "a call of a task in a `{k: v for …}`", "make a list, then the dict from it")
        return wrong()
    clauses: list[Clause] = []
    sound = constant = True
    inner = at
    for clause in expr.clauses:
        source, types = loop(typing, clause.names, clause.source, inner)
        sound = sound and types is not None
        constant = constant and source.constant
        scope = Scope(inner.scope)
        for ident, type_ in zip(clause.names, types or [None] * len(clause.names), strict=True):
            scope.names[ident.name] = Value(
                name=ident.name,
                kind="variable",
                span=ident.span,
                expr=Var(ident.name),
                type_=type_,
                constant=source.constant,
            )
        inner = inner.but(scope=scope, facts=without(inner.facts, clause.names))
        condition: Expr | None = None
        if clause.condition is not None:
            test = typing.condition(clause.condition, inner, "the `if` of a comprehension")
            sound, constant = sound and test.type is not None, constant and test.constant
            condition = test.expr
            inner = inner.but(facts=inner.facts | facts_of(clause.condition).true)
        clauses.append(Clause(tuple(n.name for n in clause.names), source.expr, condition))
    if isinstance(expr, ast.ListComp):
        wanted = element_of(required(want)) if want is not None else None
        element = typing.infer(expr.element, inner, wanted)
        if element.type is None or not sound:
            return wrong()
        found = Comprehension(tuple(clauses), element.expr)
        return Typed(found, ListType(element.type), constant and element.constant)
    key = typing.check(expr.key, STR, inner, "a key")
    value = typing.infer(expr.value, inner)
    if key.type is None or value.type is None or not sound:
        return wrong()
    found = Comprehension(tuple(clauses), value.expr, key.expr)
    return Typed(found, DictType(value.type), constant and value.constant and key.constant)


def loop(
    typing: Expressions, names: Sequence[ast.Ident], source: ast.Expr, at: Context
) -> tuple[Typed, list[Type] | None]:
    """The source of a `for` and the type of each of its names, None where something is wrong."""
    found = typing.infer(source, at)
    seen: dict[str, ast.Ident] = {}
    for ident in names:
        if ident.name in seen:
            also = [(seen[ident.name].span, "first here")]
            typing.report.error("CSC104", ident.span, f"`{ident.name}` is bound twice", also=also)
            return found, None
        seen[ident.name] = ident
    if found.type is None:
        return found, None
    item = element_of(found.type)
    if item is None:
        if typing.gives_nothing(found, source.span, at):
            return found, None
        help = None
        if isinstance(found.type, OptionalType):
            help = f"it may be none: say what then, `{typing.source_text(source.span)} ?? []`"
        elif isinstance(found.type, DictType | RecordType):
            text = typing.source_text(source.span)
            help = f"loop over `{'keys' if len(names) == 1 else 'items'}({text})`"
        elif found.type == INT:
            help = f"loop over `range({typing.source_text(source.span)})`"
        code = "CSC208" if isinstance(found.type, OptionalType) else "CSC201"
        typing.report.error(code, source.span, f"`for` wants a list, found {found.type}", help=help)
        return found, None
    if len(names) == 1:
        return found, [item]
    if item in (JSON, NEVER):
        same: list[Type] = [item] * len(names)
        return found, same
    if isinstance(item, TupleType):
        if len(item.items) == len(names):
            return found, list(item.items)
        count = len(item.items)
    elif isinstance(item, ListType):
        return found, [item.item] * len(names)
    else:
        count = 1
    typing.report.error(
        "CSC209",
        names[0].span.to(names[-1].span),
        f"{len(names)} names for {count} value{'s' if count > 1 else ''} in each item",
        label=f"each item is {item}",
        help="`zip`, `enumerate` and `items` give several values" if count == 1 else None,
    )
    return found, None
