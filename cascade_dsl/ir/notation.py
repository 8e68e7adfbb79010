"""Expressions in the notation of the language, with the fewest parentheses that keep their meaning."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, assert_never

from .expr import (
    OPERATORS,
    Apply,
    Choose,
    Clause,
    Comprehension,
    Expr,
    Field,
    ListOf,
    Lit,
    Logic,
    RecordOf,
    Ref,
    Text,
    Var,
)

_CHOOSE, _OR, _AND, _NOT, _COMPARE, _COALESCE, _ADD, _MUL, _NEG, _POW, _ATOM = range(11)
_LEVELS = {
    "add": _ADD, "sub": _ADD, "mul": _MUL, "div": _MUL, "floordiv": _MUL, "mod": _MUL, "pow": _POW,
    "eq": _COMPARE, "ne": _COMPARE, "lt": _COMPARE, "le": _COMPARE, "gt": _COMPARE, "ge": _COMPARE,
    "in": _COMPARE, "not_in": _COMPARE,
}  # fmt: skip
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"'}
_LOGIC = {"or": ("or", _OR), "and": ("and", _AND), "coalesce": ("??", _COALESCE)}


def expr_text(expr: Expr, ref: Callable[[int], str] = lambda node: f"@{node}") -> str:
    """An expression on one line; `ref` gives the text of a reference to a node."""
    return _show(expr, _CHOOSE, ref)


def literal_text(value: Any) -> str:
    """A JSON value as the language writes it; braces that would open an expression are escaped."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + _escaped(value) + '"'
        case list():
            return "[" + ", ".join(literal_text(item) for item in value) + "]"  # pyright: ignore[reportUnknownVariableType]
        case dict():
            return "{" + ", ".join(f"{key_text(k)}: {literal_text(v)}" for k, v in value.items()) + "}"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case _:
            return json.dumps(value)


def key_text(key: str) -> str:
    """A key of a record: bare where it is a name."""
    return key if key.isidentifier() else '"' + _escaped(key) + '"'


def _escaped(text: str) -> str:
    shown = "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text)
    return shown.replace("{{", "\\{{")


def _show(expr: Expr, level: int, ref: Callable[[int], str]) -> str:
    text, own = _form(expr, ref)
    return f"({text})" if own < level else text


def _form(expr: Expr, ref: Callable[[int], str]) -> tuple[str, int]:
    """The text of an expression and how tightly it binds."""
    match expr:
        case Lit(value):
            negative = isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0
            return literal_text(value), _NEG if negative else _ATOM
        case Ref(node):
            return ref(node), _ATOM
        case Var(name):
            return name, _ATOM
        case Text(parts):
            shown = (_escaped(p) if isinstance(p, str) else "{{" + _show(p, _CHOOSE, ref) + "}}" for p in parts)
            return '"' + "".join(shown) + '"', _ATOM
        case ListOf(items):
            return "[" + ", ".join(_show(item, _CHOOSE, ref) for item in items) + "]", _ATOM
        case RecordOf(pairs):
            return "{" + ", ".join(f"{key_text(k)}: {_show(e, _CHOOSE, ref)}" for k, e in pairs) + "}", _ATOM
        case Apply():
            return _apply(expr, ref)
        case Field(subject, name):
            return f"{_show(subject, _ATOM, ref)}.{key_text(name)}", _ATOM
        case Logic(operator, left, right):
            sign, level = _LOGIC.get(operator, (operator, _OR))
            return f"{_show(left, level, ref)} {sign} {_show(right, level + 1, ref)}", level
        case Choose(condition, then, otherwise):
            parts = (_show(then, _OR, ref), _show(condition, _OR, ref), _show(otherwise, _CHOOSE, ref))
            return "{} if {} else {}".format(*parts), _CHOOSE
        case Comprehension(clauses, element, key):
            head = _show(element, _CHOOSE, ref)
            tail = " ".join(_clause(clause, ref) for clause in clauses)
            if key is None:
                return f"[{head} {tail}]", _ATOM
            return "{" + f"{_show(key, _OR, ref)}: {head} {tail}" + "}", _ATOM
        case _:
            assert_never(expr)


def _clause(clause: Clause, ref: Callable[[int], str]) -> str:
    text = f"for {', '.join(clause.names)} in {_show(clause.source, _OR, ref)}"
    return text if clause.condition is None else f"{text} if {_show(clause.condition, _OR, ref)}"


def _apply(expr: Apply, ref: Callable[[int], str]) -> tuple[str, int]:
    name, args = expr.function, expr.args
    level = _LEVELS.get(name)
    if level is not None and len(args) == 2 and not expr.named:
        right_assoc = name == "pow"
        left = _show(args[0], level + 1 if right_assoc or level == _COMPARE else level, ref)
        right = _show(args[1], level if right_assoc else level + 1, ref)
        return f"{left} {OPERATORS[name]} {right}", level
    match name, args:
        case "neg", (subject,):
            return f"-{_show(subject, _NEG, ref)}", _NEG
        case "not", (subject,):
            return f"not {_show(subject, _NOT, ref)}", _NOT
        case "index", (subject, at):
            return f"{_show(subject, _ATOM, ref)}[{_show(at, _CHOOSE, ref)}]", _ATOM
        case "slice", (subject, low, high):
            ends = ("" if end == Lit(None) else _show(end, _CHOOSE, ref) for end in (low, high))
            return f"{_show(subject, _ATOM, ref)}[{':'.join(ends)}]", _ATOM
        case _:
            given = [_show(a, _CHOOSE, ref) for a in args]
            given += [f"{k} = {_show(e, _CHOOSE, ref)}" for k, e in expr.named]
            return f"{name}({', '.join(given)})", _ATOM
