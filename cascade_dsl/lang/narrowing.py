"""What a condition says about optional values: `x != none` makes `x` a value where it holds."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from . import ast

Facts: TypeAlias = frozenset[str]
"""Paths, `x` or `x.note`, that are known not to be none."""

_NOTHING: Facts = frozenset()


class Known(NamedTuple):
    """What is known where a condition holds, and where it does not."""

    true: Facts = _NOTHING
    false: Facts = _NOTHING


def path_of(expr: ast.Expr) -> str | None:
    """`x.note` of a name and its fields, None of anything else."""
    names: list[str] = []
    while isinstance(expr, ast.Member):
        names.append(expr.name)
        expr = expr.subject
    return ".".join([expr.name, *reversed(names)]) if isinstance(expr, ast.Name) else None


def facts_of(condition: ast.Expr) -> Known:
    """What a condition says."""
    match condition:
        case ast.Compare(operands=(left, right), operators=(("==" | "!=") as operator,)):
            for one, other in ((left, right), (right, left)):
                path = path_of(one)
                if isinstance(other, ast.NoneLit) and path is not None:
                    facts = frozenset({path})
                    return Known(true=facts) if operator == "!=" else Known(false=facts)
            return Known()
        case ast.Unary(operator="not"):
            known = facts_of(condition.operand)
            return Known(true=known.false, false=known.true)
        case ast.Binary(operator="and"):
            return Known(true=facts_of(condition.left).true | facts_of(condition.right).true)
        case ast.Binary(operator="or"):
            return Known(false=facts_of(condition.left).false | facts_of(condition.right).false)
        case _:
            return Known()
