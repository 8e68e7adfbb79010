"""How deeply a graph is nested, found without recursion: what walks a graph later may then recurse safely."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias, get_args

from .expr import Expr, Lit
from .graph import Graph, Region
from .types import Type

MAX_NESTING = 200
"""Of regions, of an expression, of a type, of a literal value: each by itself."""

_KINDS: dict[type, str] = {
    **dict.fromkeys(get_args(Region), "region"),
    **dict.fromkeys(get_args(Expr), "expression"),
    **dict.fromkeys(get_args(Type), "type"),
}
_Step: TypeAlias = tuple[Any, str, int]


def too_deep(graph: Graph) -> bool:
    """Whether anything in a graph is nested deeper than `MAX_NESTING`."""
    stack: list[_Step] = [(graph, "", 0)]
    while stack:
        at, kind, depth = stack.pop()
        if depth > MAX_NESTING:
            return True
        cls: type[object] = type(at)  # pyright: ignore[reportUnknownVariableType]
        own = _KINDS.get(cls, kind)
        nested = 0 if own != kind else depth
        if isinstance(at, Lit):
            stack.append((at.value, "value", 0))
        elif isinstance(at, (list, tuple)):
            deeper = nested + 1 if kind == "value" else nested
            parts: list[Any] = list(at)  # pyright: ignore[reportUnknownArgumentType]
            stack.extend((part, own, deeper) for part in parts)
        elif isinstance(at, dict):
            values: list[Any] = list(at.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
            stack.extend((part, own, nested + 1) for part in values)
        elif is_dataclass(at) and not isinstance(at, type):
            deeper = nested + 1 if cls in _KINDS else nested
            stack.extend((getattr(at, f.name), own, deeper) for f in fields(at))
    return False
