"""Operators, `if … else …` and `??`: what they give of which types, and what to do where they give nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base.diagnostics import Span
from ..ir.expr import Apply, Choose, Expr, Lit, Logic
from ..ir.types import BOOL, DURATION, FLOAT, INT, NONE, OptionalType, Type
from ..values.operators import operator_type, rounds_to_size
from ..values.types import assignable, common, required
from . import ast, mends
from .comparisons import check_comparison, warn_never_none
from .constants import has_value
from .context import Context, Typed, wrong
from .differences import field_faults, meanings
from .literals import with_options
from .narrowing import facts_of

if TYPE_CHECKING:
    from .expressions import Expressions

_NAMES = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "pow"}
_COMPARISONS = {
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "in": "in",
    "not in": "not_in",
}


def unary(typing: Expressions, expr: ast.Unary, at: Context) -> Typed:
    if expr.operator == "not":
        found = typing.condition(expr.operand, at, "`not`")
        return Typed(Apply("not", (found.expr,)), None if found.type is None else BOOL, found.constant)
    found = typing.infer(expr.operand, at)
    if found.type is None:
        return found
    if isinstance(found.expr, Lit) and found.type in (INT, FLOAT):
        return Typed(Lit(-found.expr.value), found.type)
    type_ = operator_type("neg", (found.type,))
    if type_ is None:
        _refuse_operator(typing, "-", expr.span, [(expr.operand, found.type)])
        return wrong()
    return Typed(Apply("neg", (found.expr,)), type_, found.constant)


def _refuse_operator(typing: Expressions, symbol: str, span: Span, operands: Sequence[tuple[ast.Expr, Type]]) -> None:
    types = [t for _, t in operands]
    may_be_none = symbol not in ("==", "!=") and any(isinstance(t, OptionalType) for t in types)
    typing.report.error(
        "CSC208" if may_be_none else "CSC202",
        span,
        f"`{symbol}` does not take {' and '.join(map(str, types))}",
        also=[(e.span, f"this is {t}") for e, t in operands],
        help=_operator_mend(typing, symbol, operands),
        notes=meanings(*types),
    )


def _operator_mend(typing: Expressions, symbol: str, operands: Sequence[tuple[ast.Expr, Type]]) -> str | None:
    for expr, type_ in operands:
        if isinstance(type_, OptionalType) and symbol not in ("==", "!="):
            text = typing.source_text(expr.span)
            short = text if len(text) <= 40 and "\n" not in text else "…"
            return f"it may be none: say what then, `{short} ?? …`" if short == "…" else _say_what_then(short)
    types = [t for _, t in operands]
    help = mends.operator(typing, symbol, list(operands))
    if help is not None:
        return help
    names = {str(t) for t in types}
    if names & {"duration", "size"} and names & {"int", "float"} and symbol in ("+", "-", "<", "<=", ">", ">=", "=="):
        return "give the number a unit, such as `5s` or `10MB`"
    if symbol in ("==", "!=") and names & {"file", "dir"}:
        return 'compare its path, `"{{…}}"`'
    return None


def _say_what_then(text: str) -> str:
    return f"`{text}` may be none: say what then, `{text} ?? …`"


def apply(
    typing: Expressions, name: str, symbol: str, span: Span, operands: Sequence[tuple[ast.Expr, Typed]], at: Context
) -> Typed:
    types: list[Type] = []
    for _, found in operands:
        if found.type is None:
            return wrong()
        types.append(found.type)
    type_ = operator_type(name, tuple(types))
    if type_ is None:
        if any(typing.gives_nothing(found, e.span, at) for e, found in operands):
            return wrong()
        _refuse_operator(typing, symbol, span, [(e, t) for (e, _), t in zip(operands, types, strict=True)])
        return wrong()
    made = Apply(name, tuple(found.expr for _, found in operands))
    if not has_value(typing, made, span):
        return wrong()
    applied: Expr = made
    if rounds_to_size(name, tuple(types)):
        applied = Apply("round_up", (applied,))
    if name == "floordiv" and types[0] == DURATION and type_ == INT:
        applied = Apply("int", (applied,))  # seconds may be a float, how often they fit is none
    return Typed(applied, type_, all(found.constant for _, found in operands))


def binary(typing: Expressions, expr: ast.Binary, at: Context, want: Type | None) -> Typed:
    if expr.operator in ("and", "or"):
        return _logic(typing, expr, at)
    if expr.operator == "??":
        return _coalesce(typing, expr, at, want)
    left, right = typing.infer(expr.left, at), typing.infer(expr.right, at)
    operands = [(expr.left, left), (expr.right, right)]
    return apply(typing, _NAMES[expr.operator], expr.operator, expr.operator_span, operands, at)


def _refuse_conditional_calls(typing: Expressions, expr: ast.Expr, at: Context, what: str) -> bool:
    if at.nodes is not None and at.nodes.holds_calls(expr, at.scope):
        typing.report.unbuilt(expr.span, f"a call of a task {what}", "bind the call to a name of its own, outside")
        return True
    return False


def _logic(typing: Expressions, expr: ast.Binary, at: Context) -> Typed:
    left = typing.condition(expr.left, at, f"`{expr.operator}`")
    if _refuse_conditional_calls(typing, expr.right, at, f"after `{expr.operator}`"):
        return wrong()
    known = facts_of(expr.left)
    inner = at.but(facts=at.facts | (known.true if expr.operator == "and" else known.false))
    right = typing.condition(expr.right, inner, f"`{expr.operator}`")
    type_ = BOOL if left.type is not None and right.type is not None else None
    return Typed(Logic(expr.operator, left.expr, right.expr), type_, left.constant and right.constant)


def _coalesce(typing: Expressions, expr: ast.Binary, at: Context, want: Type | None) -> Typed:
    left = typing.infer(expr.left, at, want)
    if _refuse_conditional_calls(typing, expr.right, at, "after `??`"):
        return wrong()
    right = typing.infer(expr.right, at, want if want is not None or left.type is None else required(left.type))
    if left.type is None or right.type is None:
        return wrong()
    left = with_options(expr.left, left, right.type)
    assert left.type is not None
    warn_never_none(typing, expr.left, left.type, "what follows `??` is never used")
    logic = Logic("coalesce", left.expr, right.expr)
    constant = left.constant and right.constant
    if left.type == NONE:
        return Typed(logic, right.type, constant)
    type_ = common(required(left.type), right.type)
    if type_ is None:
        _refuse_operator(typing, "??", expr.operator_span, [(expr.left, left.type), (expr.right, right.type)])
        return wrong()
    return Typed(logic, type_, constant)


def compare(typing: Expressions, expr: ast.Compare, at: Context) -> Typed:
    found = [typing.infer(o, at) for o in expr.operands]
    if any(f.type is None for f in found) or not check_comparison(typing, expr, [f.type for f in found if f.type], at):
        return wrong()
    parts: list[Typed] = []
    for i, operator in enumerate(expr.operators):
        span = expr.operands[i].span.to(expr.operands[i + 1].span)
        pair = [(expr.operands[i], found[i]), (expr.operands[i + 1], found[i + 1])]
        one = apply(typing, _COMPARISONS[operator], operator, span, pair, at)
        if one.type is None:
            return wrong()
        parts.append(one)
    return Typed(_all(parts), BOOL, all(p.constant for p in parts))


def _all(parts: Sequence[Typed]) -> Expr:
    """That all hold: a tree that a long chain does not make deep."""
    if len(parts) == 1:
        return parts[0].expr
    half = (len(parts) + 1) // 2
    return Logic("and", _all(parts[:half]), _all(parts[half:]))


def ternary(typing: Expressions, expr: ast.Ternary, at: Context, want: Type | None) -> Typed:
    for side in (expr.then, expr.otherwise):
        if _refuse_conditional_calls(typing, side, at, "in `… if … else …`"):
            return wrong()
    condition = typing.condition(expr.condition, at, "`if`")
    known = facts_of(expr.condition)
    then = typing.infer(expr.then, at.but(facts=at.facts | known.true), want)
    otherwise = typing.infer(expr.otherwise, at.but(facts=at.facts | known.false), want)
    then, otherwise = with_options(expr.then, then, otherwise.type), with_options(expr.otherwise, otherwise, then.type)
    if condition.type is None or then.type is None or otherwise.type is None:
        return wrong()
    type_ = common(then.type, otherwise.type)
    if type_ is None and want is not None and assignable(want, then.type) and assignable(want, otherwise.type):
        type_ = want
    if type_ is None:
        typing.report.error(
            "CSC210",
            expr.span,
            f"both sides of `if … else` have one type, found {then.type} and {otherwise.type}",
            also=[(expr.then.span, f"this is {then.type}"), (expr.otherwise.span, f"this is {otherwise.type}")],
            notes=field_faults(then.type, otherwise.type),
        )
        return wrong()
    constant = condition.constant and then.constant and otherwise.constant
    return Typed(Choose(condition.expr, then.expr, otherwise.expr), type_, constant)
