"""Builders of expressions, types and strings."""

from __future__ import annotations

import math
from typing import Any, cast

from ..base.diagnostics import Span
from ..base.quantity import INT_MAX, parse_duration_ns, parse_size, show_duration
from . import ast
from .builder import Builder, builds
from .habits import key_mend, type_mend
from .lexer import Token
from .strings import parted, whole_string

_DIGITS_MAX = 40
RATE_UNITS_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}


@builds()
def ident(b: Builder, span: Span, name: Token) -> ast.Ident:
    return ast.Ident(name=name.text, span=span)


@builds()
def name(b: Builder, span: Span, token: Token) -> ast.Name:
    return ast.Name(name=token.text, span=span)


def unknown(span: Span) -> ast.Name:
    """What stands for a value that could not be read: it is of any type, and nothing is reported of it again."""
    return ast.Name(name="", span=span)


# ---- literals


@builds()
def none_lit(b: Builder, span: Span) -> ast.NoneLit:
    return ast.NoneLit(span=span)


@builds()
def true_lit(b: Builder, span: Span) -> ast.BoolLit:
    return ast.BoolLit(value=True, span=span)


@builds()
def false_lit(b: Builder, span: Span) -> ast.BoolLit:
    return ast.BoolLit(value=False, span=span)


@builds()
def int_lit(b: Builder, span: Span, token: Token) -> ast.IntLit | ast.Name:
    if not token.text:
        return unknown(span)
    return ast.IntLit(value=_whole(b, span, token.text), span=span)


@builds()
def float_lit(b: Builder, span: Span, token: Token) -> ast.FloatLit:
    value = float(token.text)
    if not math.isfinite(value):
        _too_large(b, span, "1.7e308")
        value = 0.0
    return ast.FloatLit(value=value, span=span)


@builds()
def duration_lit(b: Builder, span: Span, token: Token) -> ast.DurationLit:
    ns = parse_duration_ns(token.text) if len(token.text) <= _DIGITS_MAX else INT_MAX + 1
    if ns is None or ns > INT_MAX:
        _too_large(b, span, show_duration(INT_MAX // 86400_000_000_000 * 86400_000_000_000))
        ns = 0
    return ast.DurationLit(ns=ns, span=span)


@builds()
def size_lit(b: Builder, span: Span, token: Token) -> ast.SizeLit:
    return ast.SizeLit(size=_bytes(b, span, token.text), span=span)


def amount_of(b: Builder, span: Span, text: str) -> ast.IntLit | ast.FloatLit | ast.SizeLit:
    """The number or size that a text such as `10`, `2.5` or `10MB` says."""
    if text[-1] == "B":
        return ast.SizeLit(size=_bytes(b, span, text), span=span)
    if "." in text:
        return ast.FloatLit(value=float(text), span=span)
    return ast.IntLit(value=_whole(b, span, text), span=span)


def _whole(b: Builder, span: Span, text: str) -> int:
    # one more than the largest is let pass, for the sake of the smallest, which is written -9223372036854775808
    if len(text) > _DIGITS_MAX or int(text) > INT_MAX + 1:
        _too_large(b, span, str(INT_MAX))
        return 0
    return int(text)


def _bytes(b: Builder, span: Span, text: str) -> int:
    size = parse_size(text) if len(text) <= _DIGITS_MAX else INT_MAX + 1
    if size is None or size > INT_MAX:
        _too_large(b, span, "9223PB")
        return 0
    return size


def _too_large(b: Builder, span: Span, largest: str) -> None:
    b.faults.add("CSC008", "this number is too large", span, f"the largest is {largest}")


# ---- strings


@builds()
def string(b: Builder, span: Span, token: Token) -> ast.StringLit:
    if token.start in b.faults.places:
        return ast.StringLit(parts=(unknown(span),), span=span)
    text = whole_string(b.faults, token.text, token.start)
    return ast.StringLit(parts=(text,) if text else (), span=span)


class Place:
    """A `{{ }}` of a string, with its braces."""

    __slots__ = ("span", "value")

    def __init__(self, value: ast.Expr, span: Span) -> None:
        self.value, self.span = value, span


@builds()
def place(b: Builder, span: Span, value: ast.Expr) -> Place:
    return Place(value, span)


@builds(nests=True)
def parted_string(b: Builder, span: Span, *parts: Token | Place) -> ast.StringLit:
    quote = '"""' if b.text.startswith('"""', span.start) else '"'
    pieces = [(part.text, part.start) if isinstance(part, Token) else part.value for part in parts]
    return ast.StringLit(
        parts=parted(b.faults, quote, span.start + len(quote), pieces),
        span=span,
        places=tuple(part.span for part in parts if isinstance(part, Place)),
    )


def plain_text(b: Builder, lit: ast.StringLit, what: str) -> str:
    """The text of a string in which no `{{ }}` may stand."""
    text = lit.text
    if text is None and lit.places:
        b.faults.add("CSC019", f"`{{{{` cannot stand in {what}", lit.places[0], "write the text itself")
    return text or ""


# ---- lists and records


@builds(nests=True)
def list_lit(b: Builder, span: Span, *items: ast.Expr) -> ast.ListLit:
    return ast.ListLit(items=items, span=span)


@builds()
def for_clause(
    b: Builder, span: Span, names: tuple[ast.Ident, ...], source: ast.Expr, condition: ast.Expr | None
) -> ast.ForClause:
    return ast.ForClause(names=names, source=source, condition=condition, span=span)


@builds(nests=True)
def list_comp(b: Builder, span: Span, element: ast.Expr, *clauses: ast.ForClause) -> ast.ListComp:
    return ast.ListComp(element=element, clauses=clauses, span=span)


@builds()
def record_entry(b: Builder, span: Span, key: ast.Expr, value: ast.Expr) -> tuple[ast.Expr, ast.Expr, Span]:
    return key, value, span


@builds(nests=True)
def record_lit(b: Builder, span: Span, *entries: tuple[ast.Expr, ast.Expr, Span]) -> ast.RecordLit | ast.Name:
    fields: list[ast.RecordField] = []
    sound = True
    for key, value, at in entries:
        text = ""
        match key:
            case ast.Name():
                text = key.name
            case ast.StringLit():
                text = plain_text(b, key, "the key of a record")
            case _:
                b.faults.add(
                    "CSC022",
                    "a key of a record is a name or a string",
                    key.span,
                    key_mend(b.text[key.span.start : key.span.end]),
                )
                sound = False
        fields.append(ast.RecordField(key=text, key_span=key.span, value=value, span=at))
    return ast.RecordLit(fields=tuple(fields), span=span) if sound else unknown(span)


@builds(nests=True)
def dict_comp(b: Builder, span: Span, entry: tuple[ast.Expr, ast.Expr, Span], *clauses: ast.ForClause) -> ast.DictComp:
    return ast.DictComp(key=entry[0], value=entry[1], clauses=clauses, span=span)


# ---- operators


@builds("or", "and", "coalesce", "sum", "product", "power", nests=True)
def binary(b: Builder, span: Span, left: ast.Expr, operator: Token, right: ast.Expr) -> ast.Binary:
    return ast.Binary(
        operator=cast(ast.BinaryOperator, operator.text), left=left, right=right, operator_span=operator.span, span=span
    )


@builds("not", nests=True)
def negation(b: Builder, span: Span, operand: ast.Expr) -> ast.Unary:
    return ast.Unary(operator="not", operand=operand, span=span)


@builds(nests=True)
def unary(b: Builder, span: Span, operand: ast.Expr) -> ast.Unary:
    return ast.Unary(operator="-", operand=operand, span=span)


@builds()
def compare_operator(b: Builder, span: Span, *words: Token) -> str:
    return " ".join(word.text for word in words)


@builds(nests=True)
def compare(b: Builder, span: Span, *parts: Any) -> ast.Compare:
    return ast.Compare(operands=parts[::2], operators=parts[1::2], span=span)


@builds(nests=True)
def ternary(b: Builder, span: Span, then: ast.Expr, condition: ast.Expr, otherwise: ast.Expr) -> ast.Ternary:
    return ast.Ternary(then=then, condition=condition, otherwise=otherwise, span=span)


@builds("try", nests=True)
def try_(b: Builder, span: Span, operand: ast.Expr, otherwise: ast.Expr) -> ast.Try:
    return ast.Try(operand=operand, otherwise=otherwise, span=span)


@builds(nests=True)
def repeat(
    b: Builder,
    span: Span,
    variable: ast.Ident,
    initial: ast.Expr,
    condition: ast.Expr,
    maximum: ast.Expr,
    ok: Token | None,
    every: ast.Expr | None,
    body: tuple[ast.Statement, ...],
) -> ast.Repeat:
    return ast.Repeat(
        variable=variable,
        initial=initial,
        condition=condition,
        maximum=maximum,
        maximum_ok=ok is not None,
        every=every,
        body=body,
        span=span,
    )


# ---- what follows a value


@builds(nests=True)
def member(b: Builder, span: Span, subject: ast.Expr, field: Token) -> ast.Member:
    return ast.Member(subject=subject, name=field.text, name_span=field.span, span=span)


@builds(nests=True)
def index(b: Builder, span: Span, subject: ast.Expr, at: ast.Expr) -> ast.Index:
    return ast.Index(subject=subject, index=at, span=span)


@builds("slice", nests=True)
def slice_(b: Builder, span: Span, subject: ast.Expr, low: ast.Expr | None, high: ast.Expr | None) -> ast.Slice:
    return ast.Slice(subject=subject, low=low, high=high, span=span)


@builds()
def arg(b: Builder, span: Span, name: ast.Ident | None, value: ast.Expr) -> ast.Arg:
    return ast.Arg(name=name, value=value, span=span)


@builds("args", "clauses", "names", "inputs", "mock_inputs", "more_after", "retry_causes")
def several(b: Builder, span: Span, *items: Any) -> tuple[Any, ...]:
    return items


@builds("test_statements", "block")
def statements(b: Builder, span: Span, *items: Any) -> tuple[Any, ...]:
    return tuple(item for item in items if item is not None)


@builds(nests=True)
def call(b: Builder, span: Span, function: ast.Expr, args: tuple[ast.Arg, ...]) -> ast.Call:
    return ast.Call(function=function, args=args, span=span)


class Modifier:
    """`after …` or `with { … }` behind a call; the one that it is not is None."""

    __slots__ = ("after", "clauses", "span")

    def __init__(self, after: tuple[ast.Expr, ...] | None, clauses: tuple[ast.Clause, ...] | None, span: Span) -> None:
        self.after, self.clauses, self.span = after, clauses, span


@builds()
def after_modifier(b: Builder, span: Span, *targets: ast.Expr) -> Modifier:
    return Modifier(targets, None, span)


@builds()
def with_modifier(b: Builder, span: Span, clauses: tuple[ast.Clause | None, ...]) -> Modifier:
    return Modifier(None, tuple(clause for clause in clauses if clause is not None), span)


@builds()
def modified_call(b: Builder, span: Span, call: ast.Call, *modifiers: Modifier) -> ast.Call:
    after: tuple[ast.Expr, ...] | None = None
    clauses: tuple[ast.Clause, ...] | None = None
    for modifier in modifiers:
        if modifier.after is not None:
            if after is not None:
                _twice(b, "after", modifier.span, "write `after (a, b)`")
            after = modifier.after
        else:
            if clauses is not None:
                _twice(b, "with", modifier.span, "write one `with { }`")
            clauses = modifier.clauses
    return ast.Call(function=call.function, args=call.args, span=span, after=after or (), clauses=clauses)


def _twice(b: Builder, word: str, span: Span, mend: str) -> None:
    b.faults.add("CSC017", f"`{word}` is given twice", Span(span.start, span.start + len(word)), mend)


# ---- types


@builds()
def named_type(b: Builder, span: Span, *parts: Token) -> ast.NamedType:
    return ast.NamedType(name=".".join(part.text for part in parts), span=span)


@builds(nests=True)
def list_type(b: Builder, span: Span, kind: Token, item: ast.TypeExpr) -> ast.TypeExpr:
    if kind.text == "dict":
        return ast.DictType(value=item, span=span)
    if kind.text != "list":
        b.faults.add(
            "CSC023",
            f"`{kind.text}` takes no type in brackets",
            span,
            type_mend(kind.text, b.text[item.span.start : item.span.end]),
        )
        return ast.NamedType(name="", span=span)
    return ast.ListType(item=item, span=span)


@builds(nests=True)
def optional_type(b: Builder, span: Span, inner: ast.TypeExpr) -> ast.OptionalType:
    return ast.OptionalType(inner=inner, span=span)


@builds()
def type_field(b: Builder, span: Span, key: ast.Ident | ast.StringLit, type: ast.TypeExpr) -> ast.TypeField:
    text = key.name if isinstance(key, ast.Ident) else plain_text(b, key, "the key of a record")
    return ast.TypeField(key=text, key_span=key.span, type=type, span=span)


@builds(nests=True)
def record_type(b: Builder, span: Span, *fields: ast.TypeField) -> ast.RecordType:
    return ast.RecordType(fields=fields, span=span)


@builds()
def choice_type(b: Builder, span: Span, *options: ast.StringLit) -> ast.ChoiceType:
    return ast.ChoiceType(options=tuple(plain_text(b, option, "a choice") for option in options), span=span)
