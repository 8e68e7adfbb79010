"""What names mean: symbols, scopes, and the findings of the passes that come after the parser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from ..base.diagnostics import Diagnostic, Findings, Severity, Source, Span
from ..base.suggest import did_you_mean
from ..ir.expr import Expr, Lit
from ..ir.types import Type
from . import ast
from .faults import SHOWN_MAX

Kind = Literal["param", "binding", "item", "variable", "input", "output", "attempt", "need", "last"]


class Value:
    """A name for a value. `type` None: something is wrong with it that has been reported already."""

    __slots__ = ("constant", "expr", "kind", "name", "node", "span", "texts", "type")

    def __init__(
        self,
        *,
        name: str,
        kind: Kind,
        span: Span,
        expr: Expr | None = None,
        type_: Type | None = None,
        node: int | None = None,
        constant: bool = False,
        texts: frozenset[str] = frozenset(),
    ) -> None:
        self.name = name
        self.kind: Kind = kind
        self.span = span
        self.expr: Expr = Lit(None) if expr is None else expr
        self.type = type_
        self.node = node
        """The node of the graph that it stands for, where it is one."""
        self.constant = constant
        """It depends on no result of a task: tasks may use it."""
        self.texts = texts
        """The texts that it may be, where these are known: what a choice may be made of."""


class Task:
    """A declared task; inputs and result are typed before anything is lowered."""

    __slots__ = ("decl", "inputs", "name", "result", "span")

    def __init__(
        self, decl: ast.TaskDecl, inputs: tuple[tuple[ast.InputDecl, Type | None], ...], result: Type | None
    ) -> None:
        self.name = decl.name.name
        self.span = decl.name.span
        self.decl = decl
        self.inputs = inputs
        self.result = result


class Secret:
    """A declared secret: a name without a value that an expression could use."""

    __slots__ = ("name", "span")

    def __init__(self, name: str, span: Span) -> None:
        self.name = name
        self.span = span


class Refused:
    """A name whose declaration is not built yet, or is wrong: its uses are not reported again."""

    __slots__ = ("name", "span")

    def __init__(self, name: str, span: Span) -> None:
        self.name = name
        self.span = span


Symbol: TypeAlias = Value | Task | Secret | Refused


class Scope:
    """Names and what they mean, inner before outer."""

    __slots__ = ("names", "parent")

    def __init__(self, parent: Scope | None = None, symbols: Iterable[Symbol] = ()) -> None:
        self.parent = parent
        self.names: dict[str, Symbol] = {s.name: s for s in symbols}

    def find(self, name: str) -> Symbol | None:
        """What a name means here."""
        at: Scope | None = self
        while at is not None:
            found = at.names.get(name)
            if found is not None:
                return found
            at = at.parent
        return None

    def known(self) -> list[str]:
        """All names that mean something here, inner first."""
        out: list[str] = []
        at: Scope | None = self
        while at is not None:
            out += at.names
            at = at.parent
        return out


_FLOOD = 100


class Report:
    """Where passes put what they find; knows the source, so that a place is a span."""

    __slots__ = ("findings", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.findings = Findings()

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        also: Sequence[tuple[Span, str]] = (),
        help: str | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """One error at a place; `also` are other places with what they say. Of a flood the first SHOWN_MAX are kept."""
        if len(self.findings.errors) >= SHOWN_MAX:
            self.findings.count_error()
        else:
            self._add("error", code, span, message, label, also, help, notes)

    def warn(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        also: Sequence[tuple[Span, str]] = (),
        help: str | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """One warning: what is legal but suspect. Its code has a name in WARNINGS, by which its line can be spared it."""
        self._add("warning", code, span, message, label, also, help, notes)

    def _add(
        self,
        severity: Severity,
        code: str,
        span: Span,
        message: str,
        label: str,
        also: Sequence[tuple[Span, str]],
        help: str | None,
        notes: Sequence[str],
    ) -> None:
        self.findings.add(
            Diagnostic(
                code=code,
                message=message,
                severity=severity,
                primary=self.source.label(span, label),
                secondary=tuple(self.source.label(s, text) for s, text in also),
                notes=tuple(notes),
                help=help,
            )
        )

    @property
    def flooded(self) -> bool:
        """So much is wrong that nobody reads it all: the nearest of thousands of names is looked for no more."""
        return len(self.findings.errors) > _FLOOD

    def unbuilt(self, span: Span, what: str, help: str | None = None) -> None:
        """A construct of the language that is parsed, but not built yet."""
        self.error("CSC490", span, f"{what} is not built yet", help=help)

    def unknown(self, span: Span, what: str, name: str, known: Iterable[str], code: str = "CSC101") -> None:
        """A name that means nothing, with the nearest that does."""
        self.error(code, span, f"there is no {what} `{name}`", help=did_you_mean(name, known))
