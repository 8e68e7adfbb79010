"""The tree of types as they are written, and of names."""

from __future__ import annotations

from typing import TypeAlias

from ..base.diagnostics import Span
from .node import Node


class Ident(Node):
    """A name where it is declared, or a word that names something which is no value."""

    name: str
    span: Span


class NamedType(Node):
    """`str`, `file`, `Sample`, `qc.Sample`: a scalar or a declared name."""

    name: str
    span: Span


class ListType(Node):
    """`list[T]`."""

    item: TypeExpr
    span: Span


class DictType(Node):
    """`dict[T]`."""

    value: TypeExpr
    span: Span


class TypeField(Node):
    """`key: T` of a record type."""

    key: str
    key_span: Span
    type: TypeExpr
    span: Span


class RecordType(Node):
    """`{id: str, reads: list[file]}`."""

    fields: tuple[TypeField, ...]
    span: Span


class OptionalType(Node):
    """`T?`."""

    inner: TypeExpr
    span: Span


class ChoiceType(Node):
    """`"fast" | "safe"`; a single string is a choice of one."""

    options: tuple[str, ...]
    span: Span


TypeExpr: TypeAlias = NamedType | ListType | DictType | RecordType | OptionalType | ChoiceType
