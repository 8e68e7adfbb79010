"""Residual expressions: what is left of the program's expressions for run time. Names are resolved, sugar is gone.

Values are JSON. The evaluator is in `values.evaluate`; operators and functions are rows of one table there,
operators under the names listed in `OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

OPERATORS: dict[str, str] = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "neg": "-", "not": "not", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "in": "in", "not_in": "not in", "index": "[]", "slice": "[:]",
}  # fmt: skip
"""Names of `Apply.function` that are operators. `slice` takes (subject, low or none, high or none)."""


@dataclass(frozen=True, slots=True)
class Lit:
    """A JSON value that stands in the program. It must be treated as immutable."""

    value: Any


@dataclass(frozen=True, slots=True)
class Ref:
    """The value of a node of the graph, by template id; in a region body, of this item's instance of it."""

    node: int


@dataclass(frozen=True, slots=True)
class Var:
    """A name bound around this expression: a task's input or output, `attempt`, `need`, a comprehension's variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """String interpolation: literal pieces and expressions, shown as text."""

    parts: tuple[str | Expr, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list literal."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class RecordOf:
    """A record literal, keys as they stand."""

    fields: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function with strict arguments; `named` only where the table's signature has such names."""

    function: str
    args: tuple[Expr, ...]
    named: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """`x.name` of a record, dict or json."""

    subject: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Logic:
    """Short-circuit `and`, `or`, `coalesce` (`??`) of two."""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Choose:
    """`then if condition else otherwise`; only the chosen side is evaluated."""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Clause:
    """`for names in source if condition`; several names unpack each item, a list of that length."""

    names: tuple[str, ...]
    source: Expr
    condition: Expr | None = None


@dataclass(frozen=True, slots=True)
class Comprehension:
    """`[element for …]`, or `{key: element for …}` where `key` is given; free of task calls."""

    clauses: tuple[Clause, ...]
    element: Expr
    key: Expr | None = None


Expr: TypeAlias = Lit | Ref | Var | Text | ListOf | RecordOf | Apply | Field | Logic | Choose | Comprehension


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of an expression, in order."""
    match expr:
        case Lit() | Ref() | Var():
            return ()
        case Text(parts):
            return tuple(p for p in parts if not isinstance(p, str))
        case ListOf(items):
            return items
        case RecordOf(fields):
            return tuple(e for _, e in fields)
        case Apply(_, args, named):
            return args + tuple(e for _, e in named)
        case Field(subject, _):
            return (subject,)
        case Logic(_, left, right):
            return (left, right)
        case Choose(condition, then, otherwise):
            return (condition, then, otherwise)
        case Comprehension(clauses, element, key):
            out: list[Expr] = []
            for clause in clauses:
                out.append(clause.source)
                if clause.condition is not None:
                    out.append(clause.condition)
            if key is not None:
                out.append(key)
            out.append(element)
            return tuple(out)


def parts(expr: Expr) -> Iterator[Expr]:
    """An expression and everything in it, each before its own parts, in order."""
    stack: list[Expr] = [expr]
    while stack:
        at = stack.pop()
        yield at
        stack.extend(reversed(children(at)))


def place_in(expr: Expr, part: Expr) -> int | None:
    """The place of a part, this very object, among `parts(expr)`; None where it is not in it."""
    return next((place for place, one in enumerate(parts(expr)) if one is part), None)


def refs(expr: Expr) -> tuple[int, ...]:
    """The template ids that an expression uses, each once, in order of appearance."""
    seen: dict[int, None] = {}
    stack: list[Expr] = [expr]
    while stack:
        at = stack.pop()
        if isinstance(at, Ref):
            seen[at.node] = None
        else:
            stack.extend(reversed(children(at)))
    return tuple(seen)
