"""Literals: texts, lists and records. What is wanted where they stand guides them: a text to an option of a choice, a
record to the fields that it may leave out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.diagnostics import Span
from ..ir.expr import Expr, ListOf, Lit, RecordOf, Text
from ..ir.types import JSON, NEVER, STR, ChoiceType, DictType, ListType, OptionalType, RecordType, Type
from ..values.types import assignable, common, element_of, required
from . import ast
from .context import Context, Typed, wrong
from .differences import field_faults
from .symbols import Value

if TYPE_CHECKING:
    from .expressions import Expressions


# ---- texts ------------------------------------------------------------------------------------------------------


def string(typing: Expressions, expr: ast.StringLit, at: Context, want: Type | None) -> Typed:
    """`"…"`: an option where a choice is wanted, whether it has it or not, else text."""
    text = expr.text
    if text is not None:
        option = want is not None and isinstance(required(want), ChoiceType)
        return Typed(Lit(text), ChoiceType((text,)) if option else STR)
    parts: list[str | Expr] = []
    sound = constant = True
    for part in expr.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        found = typing.infer(part, at)
        sound = sound and found.type is not None
        constant = constant and found.constant
        parts.append(found.expr)
    return Typed(Text(tuple(parts)), STR if sound else None, constant)


def texts_of(expr: ast.Expr, at: Context) -> frozenset[str]:
    """The texts that an expression may be, where these are known: of literals, names of such, `… if … else …` and `??`."""
    match expr:
        case ast.StringLit(text=str(text)):
            return frozenset({text})
        case ast.Name():
            symbol = at.scope.find(expr.name)
            return symbol.texts if isinstance(symbol, Value) else frozenset()
        case ast.Ternary():
            sides = texts_of(expr.then, at), texts_of(expr.otherwise, at)
        case ast.Binary(operator="??"):
            sides = texts_of(expr.left, at), texts_of(expr.right, at)
        case _:
            return frozenset()
    return sides[0] | sides[1] if all(sides) else frozenset()


def with_options(expr: ast.Expr, found: Typed, other: Type | None) -> Typed:
    """A text literal beside a choice that has it is an option of that choice."""
    choice = None if other is None else required(other)
    if not isinstance(choice, ChoiceType) or not isinstance(expr, ast.StringLit) or found.type != STR:
        return found
    return Typed(found.expr, ChoiceType((expr.text,)), found.constant) if expr.text in choice.options else found


# ---- lists ------------------------------------------------------------------------------------------------------


def list_of(typing: Expressions, expr: ast.ListLit, at: Context, want: Type | None) -> Typed:
    """`[…]`: items of one type, or each of the type that is wanted."""
    inner = element_of(required(want)) if want is not None else None
    items = [typing.infer(i, at, inner) for i in expr.items]
    exprs = tuple(i.expr for i in items)
    constant = all(i.constant for i in items)
    joined: Expr = (
        Lit([i.value for i in exprs if isinstance(i, Lit)]) if all(isinstance(i, Lit) for i in exprs) else ListOf(exprs)
    )
    if any(i.type is None for i in items):
        return wrong()
    choice = next((i.type for i in items if i.type is not None and isinstance(required(i.type), ChoiceType)), None)
    type_: Type = NEVER
    for node, found in zip(expr.items, items, strict=True):
        item = with_options(node, found, choice)
        assert item.type is not None
        both = common(type_, item.type)
        if both is None and inner is not None and inner != JSON and assignable(inner, item.type):
            both = inner
        if both is None:
            if inner == JSON:
                return Typed(joined, ListType(JSON), constant)
            for odd, other in zip(expr.items, items, strict=True) if inner is not None else ():
                if inner is not None and other.type is not None and not assignable(inner, other.type):
                    typing.mismatch(odd, inner, other.type, at, "an item of this list")
                    return wrong()
            first = next(n for n, i in zip(expr.items, items, strict=True) if i.type == items[0].type)
            typing.report.error(
                "CSC210",
                node.span,
                f"the items of a list have one type, found {type_} and {item.type}",
                label=f"this is {item.type}",
                also=[(first.span, f"this is {items[0].type}")],
                notes=field_faults(type_, item.type),
            )
            return wrong()
        type_ = both
    return Typed(joined, ListType(type_), constant)


def item_at_fault(expr: ast.Expr, want: Type) -> tuple[ast.Expr, Type, Type] | None:
    """The item of a list literal that is a text and no option of the choice that is wanted, with both types."""
    inner = element_of(required(want))
    choice = None if inner is None else required(inner)
    if inner is None or not isinstance(choice, ChoiceType) or not isinstance(expr, ast.ListLit):
        return None
    for item in expr.items:
        if isinstance(item, ast.StringLit) and item.text is not None and item.text not in choice.options:
            return item, inner, ChoiceType((item.text,))
    return None


# ---- records ----------------------------------------------------------------------------------------------------


def record_of(typing: Expressions, expr: ast.RecordLit, at: Context, want: Type | None) -> Typed:
    """`{…}`; an optional field of the record that is wanted may be left out, and is none then."""
    wanted = required(want) if want is not None else None
    fields: dict[str, tuple[Expr, Type]] = {}
    places: dict[str, Span] = {}
    sound = constant = True
    for field in expr.fields:
        inner: Type | None = None
        if isinstance(wanted, RecordType):
            inner = wanted.get(field.key)
        elif isinstance(wanted, DictType):
            inner = wanted.value
        elif wanted == JSON:
            inner = JSON
        found = typing.infer(field.value, at, inner)
        if field.key in places:
            also = [(places[field.key], "first here")]
            typing.report.error("CSC104", field.key_span, f"the key `{field.key}` comes twice", also=also)
            sound = False
            continue
        places[field.key] = field.key_span
        constant = constant and found.constant
        if found.type is None:
            sound = False
        else:
            fields[field.key] = (found.expr, found.type)
    if not sound:
        return wrong()
    if isinstance(wanted, RecordType) and all(wanted.get(key) is not None for key in fields):
        left_out = [(key, type_) for key, type_ in wanted.fields if key not in fields]
        if all(isinstance(type_, OptionalType) for _, type_ in left_out):
            fields.update((key, (Lit(None), type_)) for key, type_ in left_out)
    record = RecordOf(tuple((k, e) for k, (e, _) in fields.items()))
    return Typed(record, RecordType(tuple((k, t) for k, (_, t) in fields.items())), constant)
