"""The tree as text, for people and for tests: one S-expression a node, without places."""

from __future__ import annotations

import json
from typing import Any, cast

from ..base.diagnostics import Span
from . import ast
from .node import Node, fields

_SHORT = 100
_PLACES = frozenset({"span", "places", "text_span", "line_offsets", "header"})


def dump(module: ast.Module, *, spans: bool = False) -> str:
    """A tree as indented S-expressions: `(Class field=value …)`; fields that are empty are left out."""
    return _node(module, spans) + "\n"


def _node(root: Node, spans: bool) -> str:
    # an explicit stack: each node is printed when its children are
    done: dict[int, str] = {}
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if not ready:
            stack.append((node, True))
            for _, value in fields(node):
                stack.extend((child, False) for child in _children(value))
            continue
        name = type(node).__name__
        if spans:
            span = cast(Span, getattr(node, "span"))  # noqa: B009
            name += f"@{span.start}:{span.end}"
        parts = [f"{field}={_value(value, done)}" for field, value in fields(node) if _shown(field, value)]
        line = f"({' '.join([name, *parts])})"
        if len(line) > _SHORT or "\n" in line:
            line = f"({name}\n" + "\n".join(_indent(part) for part in parts) + ")"
        done[id(node)] = line
    return done[id(root)]


def _shown(field: str, value: Any) -> bool:
    if field in _PLACES or field.endswith("_span"):
        return False
    if field == "value":
        return value is not None
    return value is not None and value is not False and value != () and value != ""


def _children(value: Any) -> list[Node]:
    if isinstance(value, Node):
        return [value]
    if isinstance(value, tuple):
        return [item for item in cast(tuple[Any, ...], value) if isinstance(item, Node)]
    return []


def _value(value: Any, done: dict[int, str]) -> str:
    if isinstance(value, ast.Ident):
        return value.name
    if isinstance(value, Node):
        return done[id(value)]
    if isinstance(value, tuple):
        items = [_value(item, done) for item in cast(tuple[Any, ...], value)]
        line = f"[{' '.join(items)}]"
        if len(line) > _SHORT or "\n" in line:
            return "[\n" + "\n".join(_indent(item) for item in items) + "]"
        return line
    return json.dumps(value, ensure_ascii=False)


def _indent(text: str) -> str:
    return "  " + text.replace("\n", "\n  ")
