"""Comparisons that say nothing: with a text that is no option of a choice, with none of what is never none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..ir.notation import literal_text
from ..ir.types import JSON, NONE, ChoiceType, NeverType, OptionalType, Type
from ..values.types import element_of, required
from . import ast
from .context import Context
from .differences import choice_of, meanings, one_of
from .literals import texts_of

if TYPE_CHECKING:
    from .expressions import Expressions


def check_comparison(typing: Expressions, expr: ast.Compare, types: Sequence[Type], at: Context) -> bool:
    """False, and reported, where a part of the comparison can never hold; warns of tests for none without a sense."""
    sound = True
    for number, operator in enumerate(expr.operators):
        left, right = expr.operands[number], expr.operands[number + 1]
        a, b = types[number], types[number + 1]
        if operator in ("==", "!="):
            sides = ((left, a, right), (right, b, left))
            for one, type_, other in sides:
                sound = _check_option(typing, choice_of(type_), one, other, at) and sound
                if isinstance(other, ast.NoneLit):
                    warn_never_none(typing, one, type_, f"it is always {'true' if operator == '!=' else 'false'}")
        elif operator in ("in", "not in"):
            if isinstance(right, ast.ListLit):
                for item in right.items:
                    sound = _check_option(typing, choice_of(a), left, item, at) and sound
            element = element_of(required(b))
            if element is not None:
                sound = _check_option(typing, choice_of(element), right, left, at, "never holds") and sound
    return sound


def _check_option(
    typing: Expressions, choice: ChoiceType | None, one: ast.Expr, other: ast.Expr, at: Context, says: str = "is never"
) -> bool:
    texts = texts_of(other, at)
    if choice is None or not texts or texts & set(choice.options):
        return True
    text = min(texts)
    typing.report.error(
        "CSC211",
        other.span,
        f"`{typing.source_text(one.span)}` {says} {literal_text(text)}",
        label=f"this is no option of {choice.name}" if choice.name else "this is no option of it",
        also=[(one.span, f"this is {choice}" if says == "is never" else f"its items are {choice}")],
        help=one_of(text, choice),
        notes=meanings(choice),
    )
    return False


def warn_never_none(typing: Expressions, expr: ast.Expr, type_: Type, what: str) -> None:
    """Warns where the type of a value leaves no room for none."""
    if isinstance(type_, OptionalType | NeverType) or type_ in (JSON, NONE):
        return
    text = typing.source_text(expr.span)
    typing.report.warn("CSCW200", expr.span, f"`{text}` is never none: {what}", label=f"this is {type_}")
