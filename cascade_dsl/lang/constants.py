"""Constant expressions that can have no value, told before anything runs: `1 // 0`, `xs[9]` of a literal, `2 ** 64`.

Only what is small and certain is looked at; nothing is replaced by its value, so that the graph says what the program says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.diagnostics import Span
from ..ir.expr import OPERATORS, Apply, Expr, Lit
from ..values.evaluate import Env, evaluate
from ..values.faults import EvalError
from ..values.operators import bounded
from ..values.typing import is_int, is_list, is_number

if TYPE_CHECKING:
    from .expressions import Expressions

_CHECKED = frozenset({"chunk", "int", "float", "split", "replace", "file", "dir", "min", "max", "round", "json", "zip"})
"""Functions that give a fault at once and hold no more than what they are given."""
_SURE = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
"""Operators that have a value for all operands of the types that they take."""


def has_value(typing: Expressions, applied: Apply, span: Span) -> bool:
    """False, and reported, where an operator or function has constant operands and no value for them."""
    fault = _fault(applied)
    if fault is None:
        return True
    typing.report.error("CSC213", span, fault)
    return False


def _is_zero(operand: Expr) -> bool:
    return isinstance(operand, Lit) and is_number(operand.value) and operand.value == 0


def _fault(applied: Apply) -> str | None:
    operands = [*applied.args, *(e for _, e in applied.named)]
    values: list[Any] = [o.value for o in operands if isinstance(o, Lit)]
    if applied.function in ("div", "floordiv", "mod") and _is_zero(operands[1]):
        return "division by zero"
    if len(values) != len(operands):
        return None
    if applied.function not in _CHECKED and (applied.function not in OPERATORS or applied.function in _SURE):
        return None
    try:
        if applied.function == "mul":
            for one, other in (values, values[::-1]):
                if is_int(other) and (isinstance(one, str) or is_list(one)):
                    bounded(len(one) * max(other, 0), "characters" if isinstance(one, str) else "elements")
                    return None
        evaluate(applied, Env())
    except EvalError as error:
        return str(error)
    return None
