"""The base class of the tree's nodes: what a frozen, slotted, keyword-only dataclass is, at a twentieth of its start-up.

`dataclass` writes and compiles six methods for each class, 0.4 ms apiece; with eighty classes that is a tenth of the
time a small program may take. Nodes are compared by identity, so that they can key the side tables of a pass.
"""

from __future__ import annotations

from typing import Any, dataclass_transform

from ..base.diagnostics import Span


@dataclass_transform(eq_default=False, kw_only_default=True, frozen_default=True)
class NodeType(type):
    """Turns the annotations of a class into slots."""

    _fields: tuple[str, ...]
    _names: frozenset[str]
    _defaults: dict[str, Any]

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> NodeType:
        fields = tuple(namespace.get("__annotations__", ()))
        defaults = {field: namespace.pop(field) for field in fields if field in namespace}
        cls = super().__new__(mcs, name, bases, namespace | {"__slots__": fields})
        cls._fields, cls._names, cls._defaults = fields, frozenset(fields), defaults
        return cls


class Node(metaclass=NodeType):
    """A node of the tree."""

    def __init__(self, **values: Any) -> None:
        cls = type(self)
        put = object.__setattr__
        for field, default in cls._defaults.items():
            values.setdefault(field, default)
        if values.keys() != cls._names:
            odd, missing = sorted(values.keys() - cls._names), sorted(cls._names - values.keys())
            raise TypeError(
                f"{cls.__name__} has no field {', '.join(odd)}" if odd else f"it lacks {', '.join(missing)}"
            )
        for field, value in values.items():
            put(self, field, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} is read-only")

    def __repr__(self) -> str:
        span: Span = getattr(self, "span")  # noqa: B009 (each node declares its own)
        return f"<{type(self).__name__} {span.start}:{span.end}>"


def fields(node: Node) -> tuple[tuple[str, Any], ...]:
    """Name and value of each field, in the order of the class."""
    return tuple((name, getattr(node, name)) for name in type(node)._fields)
