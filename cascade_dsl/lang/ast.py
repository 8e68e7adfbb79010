"""The tree of a `.csc` file: what was written, with its places, before any name has a meaning.

Every node has a `span` of character offsets in its source. Sugar that has no meaning of its own (parentheses, trailing
commas, `;`) is gone; everything else stands as it was written. Unions are closed: a pass matches on the class and ends
in `assert_never`.
"""

from __future__ import annotations

from typing import TypeAlias

from ..base.diagnostics import Span
from .ast_types import *  # noqa: F403
from .ast_types import Ident, TypeExpr
from .ast_values import *  # noqa: F403
from .ast_values import Arg, Body, Clause, Expr, LimitSentence, Statement, StringLit
from .node import Node

# ---- tests ------------------------------------------------------------------------------------------------------


class MockStatement(Node):
    """`mock task(inputs) = value takes d`, `mock task fails exit N times K`; both may be given."""

    task: Expr
    """A `Name` or a `Member`."""
    inputs: tuple[Ident, ...]
    value: Expr | None
    takes: Expr | None
    fails: bool
    exit: Expr | None
    times: Expr | None
    span: Span


class LetStatement(Node):
    name: Ident
    value: Expr
    span: Span


class ExpectStatement(Node):
    value: Expr
    span: Span


TestStatement: TypeAlias = MockStatement | LetStatement | ExpectStatement


# ---- declarations -----------------------------------------------------------------------------------------------


class UseDecl(Node):
    """`use std.http`, `use "lib/qc.csc" (k = 3) as qc`."""

    source: StringLit | None
    """A path, or None where `module` is given."""
    module: str
    """`std.http`, or the empty text."""
    source_span: Span
    args: tuple[Arg, ...]
    alias: Ident | None
    doc: str
    span: Span


class ParamDecl(Node):
    """`param name: TYPE = default`."""

    name: Ident
    type: TypeExpr
    default: Expr | None
    doc: str
    span: Span


class SecretDecl(Node):
    name: Ident
    doc: str
    span: Span


class TypeDecl(Node):
    name: Ident
    type: TypeExpr
    doc: str
    span: Span


class LimitStatement(Node):
    """`limit …` at the top level; its sentence has a scope."""

    sentence: LimitSentence
    doc: str
    span: Span


class InputDecl(Node):
    """An input of a task or a flow."""

    name: Ident
    type: TypeExpr
    default: Expr | None
    doc: str
    span: Span


class OutputDecl(Node):
    """`TYPE`, `name: TYPE`, `name: file = "path"`, each with `temp` before the type."""

    name: Ident | None
    type: TypeExpr
    temp: bool
    path: Expr | None
    doc: str
    span: Span


class TaskDecl(Node):
    """A task. Its span covers the whole, `header` the line up to its `{`."""

    name: Ident
    inputs: tuple[InputDecl, ...]
    outputs: tuple[OutputDecl, ...]
    grouped: bool
    """The outputs stand in parentheses and are read as fields."""
    clauses: tuple[Clause, ...]
    bodies: tuple[Body, ...]
    """As many as were written; that there is exactly one is for the checker."""
    torn: bool
    """A clause or body of it could not be read, and is missing."""
    doc: str
    header: Span
    span: Span


class FlowDecl(Node):
    name: Ident
    inputs: tuple[InputDecl, ...]
    result: TypeExpr | None
    body: tuple[Statement, ...]
    doc: str
    header: Span
    span: Span


class FinallyDecl(Node):
    body: tuple[Statement, ...]
    span: Span


class TestDecl(Node):
    title: StringLit
    body: tuple[TestStatement, ...]
    doc: str
    span: Span


Declaration: TypeAlias = (
    UseDecl | ParamDecl | SecretDecl | TypeDecl | LimitStatement | TaskDecl | FlowDecl | FinallyDecl | TestDecl
)


class Module(Node):
    """A file: declarations and statements in the order in which they stand."""

    items: tuple[Declaration | Statement, ...]
    doc: str
    span: Span
