"""Amounts of a limit sentence: plain ones, rates and bursts, in base units and exact. What is none is reported."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import assert_never

from ..base.diagnostics import Span
from ..base.quantity import INT_MAX, MILLI, exact
from ..base.suggest import nearest
from ..ir import expr as ir
from ..ir.requirement import Dimension, Scope
from ..ir.sentences import RATE_UNITS_NS
from . import ast
from .faults import LONG_UNITS, Faults
from .mends import number_with_unit

LowerAmount = Callable[[ast.Expr, Dimension], "ir.Expr | None"]
"""Lowers an amount that is an expression of a file, and reports its own errors; None where there was one."""
Literal = ast.IntLit | ast.FloatLit | ast.SizeLit


def plain_amount(literal: Literal, dimension: Dimension, scope: Scope, faults: Faults) -> int | None:
    """A literal in base units; None where it was refused."""
    value = _base_units(literal, dimension, scope, faults)
    if value is None:
        return None
    if dimension != "millicpu" and value.denominator != 1:
        whole = max(1, int(value))
        faults.add("CSC304", f"`{scope}` counts in whole units", literal.span, f"write `{whole}` or `{whole + 1}`")
        return None
    units = ceil(value)
    if units > INT_MAX:
        faults.add("CSC305", "this amount is too large", literal.span, f"the largest is {_largest(dimension)}")
        return None
    return units


def rate(amount: ast.RateAmount, dimension: Dimension, scope: Scope, faults: Faults) -> tuple[int, int] | None:
    """A rate as a whole amount each so many nanoseconds: `0.5/s` is 1 each 2 s. None where it was refused."""
    value = _base_units(amount.value, dimension, scope, faults)
    if value is None:
        return None
    if value.numerator > INT_MAX or value.denominator * amount.per_ns > INT_MAX:
        faults.add("CSC305", "this amount is too large", amount.span, f"the largest is {_largest(dimension)}")
        return None
    return value.numerator, amount.per_ns * value.denominator


def burst(
    value: ast.Expr, dimension: Dimension, scope: Scope, faults: Faults, lower: LowerAmount | None
) -> int | ir.Expr | None:
    """How much of a rate may go at once, at least 1; None where it was refused."""
    if not isinstance(value, Literal):
        return amount_of_expression(value, dimension, scope, faults, lower)
    found = plain_amount(value, dimension, scope, faults)
    if found == 0:
        faults.add("CSC323", "a burst is at least 1", value.span, "`0/s` lets nothing start; leave `burst` out for 1")
        return None
    return found


def amount_of_expression(
    expression: ast.Expr, dimension: Dimension, scope: Scope, faults: Faults, lower: LowerAmount | None
) -> ir.Expr | None:
    """What is no plain number: an expression of a file, or a fault."""
    if _is_negative(expression):
        help = "0 lets nothing start, `none` takes the limit back"
        faults.add("CSC303", "an amount cannot be negative", expression.span, help)
        return None
    inner = expression
    while isinstance(inner, ast.Unary) and inner.operator == "-":
        inner = inner.operand
    if isinstance(inner, ast.DurationLit):
        faults.add("CSC308", "a duration is no amount", expression.span, "write a number, or how long: `3 for 10m`")
        return None
    if lower is not None:
        return lower(expression, dimension)
    if not reported_as_rate(expression, faults):
        faults.add(
            "CSC308",
            "an amount from outside the file is a plain number",
            expression.span,
            "write a number, a size or `none`",
        )
    return None


def reported_as_rate(expression: ast.Expr, faults: Faults) -> bool:
    """`10/sec`, `10 / s` and the like: meant as a rate, and reported so."""
    if not isinstance(expression, ast.Binary) or expression.operator != "/":
        return False
    number, unit = expression.left, expression.right
    if not isinstance(number, Literal) or not isinstance(unit, ast.Name):
        return False
    text = faults.source.text
    amount = text[number.span.start : number.span.end]
    if unit.name in RATE_UNITS_NS:
        faults.add("CSC324", "a rate is written without spaces", expression.span, f"write `{amount}/{unit.name}`")
        return True
    close = LONG_UNITS.get(unit.name.lower().rstrip("s")) or next(iter(nearest(unit.name, RATE_UNITS_NS)), None)
    known = close in RATE_UNITS_NS
    help = (
        f"did you mean `{amount}/{close}`?" if known else f"rates are per {', '.join(f'`{u}`' for u in RATE_UNITS_NS)}"
    )
    faults.add("CSC324", f"`/{unit.name}` is no unit of a rate", Span(unit.span.start, unit.span.end), help)
    return True


def _is_negative(expression: ast.Expr) -> bool:
    """`-3`, `-3GB`, `-1/s`."""
    inner = expression
    if isinstance(inner, ast.Binary) and inner.operator == "/" and isinstance(inner.right, ast.Name):
        if inner.right.name not in RATE_UNITS_NS:
            return False
        inner = inner.left
    negative = False
    while isinstance(inner, ast.Unary) and inner.operator == "-":
        inner, negative = inner.operand, True
    return negative and isinstance(inner, Literal | ast.DurationLit)


def _base_units(literal: Literal, dimension: Dimension, scope: Scope, faults: Faults) -> Fraction | None:
    text = faults.source.text[literal.span.start : literal.span.end]
    match literal:
        case ast.SizeLit(size=size):
            if dimension == "bytes":
                return Fraction(size)
            faults.add("CSC307", f"`{scope}` is counted, `{text}` is a size", literal.span, "write a plain number")
            return None
        case ast.IntLit(value=number) | ast.FloatLit(value=number):
            if dimension == "bytes" and number:
                mend = number_with_unit(text)
                faults.add("CSC306", f"`{scope}` is measured in bytes, `{text}` has no unit", literal.span, mend)
                return None
            return exact(number) * (MILLI if dimension == "millicpu" else 1)


def _largest(dimension: Dimension) -> str:
    match dimension:
        case "bytes":
            return "9223PB"
        case "millicpu":
            return str(INT_MAX // MILLI)
        case "count":
            return str(INT_MAX)
        case _:
            assert_never(dimension)
