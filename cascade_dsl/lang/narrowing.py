"""What a condition says about optional values: `x != none` makes `x` a value where it holds.

A fact is a path: a name, its fields and its constant items, `s.reads[0]`. Values never change, so that a fact holds for
everything that the condition decides about, and for nothing else.
"""

from __future__ import annotations

import json
from typing import NamedTuple, TypeAlias

from ..ir.types import OptionalType, Type
from . import ast

Facts: TypeAlias = frozenset[str]
"""Paths that are known not to be none."""

_NOTHING: Facts = frozenset()
_LITERALS = (ast.BoolLit, ast.IntLit, ast.FloatLit, ast.DurationLit, ast.SizeLit, ast.StringLit)


class Known(NamedTuple):
    """What is known where a condition holds, and where it does not."""

    true: Facts = _NOTHING
    false: Facts = _NOTHING


def path_of(expr: ast.Expr) -> str | None:
    """`x.note[0]` of a name with its fields and constant items, `x["k"]` being `x.k`; None of anything else."""
    parts: list[str] = []
    while True:
        match expr:
            case ast.Member():
                parts.append(f".{expr.name}")
                expr = expr.subject
            case ast.Index(index=ast.StringLit(text=str(key))):
                parts.append(f".{key}" if key.isidentifier() else f"[{json.dumps(key)}]")
                expr = expr.subject
            case ast.Index(index=ast.IntLit(value=number)):
                parts.append(f"[{number}]")
                expr = expr.subject
            case ast.Name():
                return expr.name + "".join(reversed(parts))
            case _:
                return None


def root_of(path: str) -> str:
    """The name that a path begins with."""
    return path.split(".", 1)[0].split("[", 1)[0]


def narrowed(expr: ast.Expr, type_: Type, facts: Facts) -> Type:
    """The type of an expression where some facts hold."""
    return type_.inner if isinstance(type_, OptionalType) and facts and path_of(expr) in facts else type_


def facts_of(condition: ast.Expr) -> Known:
    """What a condition says."""
    match condition:
        case ast.Compare():
            return _comparison(condition)
        case ast.Unary(operator="not"):
            known = facts_of(condition.operand)
            return Known(true=known.false, false=known.true)
        case ast.Binary(operator="and"):
            left, right = facts_of(condition.left), facts_of(condition.right)
            # where it does not hold either side may be why, and the right one is asked only where the left one holds
            return Known(true=left.true | right.true, false=left.false & (right.false | left.true))
        case ast.Binary(operator="or"):
            left, right = facts_of(condition.left), facts_of(condition.right)
            return Known(true=left.true & (right.true | left.false), false=left.false | right.false)
        case _:
            return Known()


def _comparison(condition: ast.Compare) -> Known:
    """`x != none` on either side, and `x == 3`, which is true of no none; of a chain what each of its parts says."""
    true: set[str] = set()
    false: Facts = _NOTHING
    for number, operator in enumerate(condition.operators):
        left, right = condition.operands[number], condition.operands[number + 1]
        for one, other in ((left, right), (right, left)):
            path = path_of(one)
            if path is None or operator not in ("==", "!="):
                continue
            if isinstance(other, ast.NoneLit) and operator == "!=":
                true.add(path)
            elif isinstance(other, ast.NoneLit) or (isinstance(other, _LITERALS) and operator == "!="):
                false = frozenset({path})
            elif isinstance(other, _LITERALS):
                true.add(path)
    return Known(true=frozenset(true), false=false if len(condition.operators) == 1 else _NOTHING)
