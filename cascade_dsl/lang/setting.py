"""What `cascade priority` and `cascade set` are told: `task:align 5`, `task:align mem=16GB cpu=2`, in base units.

Amounts are read by the rule of the limit sentence and checked by the same unit checks; a fault has its place in the text.
"""

from __future__ import annotations

import re
from typing import assert_never

from ..base.diagnostics import CascadeError, Source, Span
from ..base.quantity import INT_MAX
from ..base.suggest import did_you_mean
from ..ir.graph import Graph
from ..ir.requirement import Dimension, Scope
from . import ast
from .faults import Faults
from .parse import parse_from
from .sentence import Known, plain_amount, resolve_scope

_WORD = re.compile(r"\S+")
_ASSIGNMENT = re.compile(r"([^\s=]+)\s*=\s*([^\s=]+)(?=\s|$)")
_WHOLE = re.compile(r"[+-]?\d+")


class _Piece(Faults):
    """Faults of a piece of a text, told with their place in the whole."""

    __slots__ = ("at", "whole")

    def __init__(self, whole: Faults, span: Span, text: str) -> None:
        super().__init__(Source(whole.source.path, text))
        self.whole, self.at = whole, span.start

    def add(
        self, code: str, message: str, span: Span, help: str | None = None, *, why: tuple[Span, str] | None = None
    ) -> None:
        super().add(code, message, span, help, why=why)
        moved = None if why is None else (_moved(why[0], self.at), why[1])
        self.whole.add(code, message, _moved(span, self.at), help, why=moved)


def _moved(span: Span, by: int) -> Span:
    return Span(span.start + by, span.end + by)


def parse_priority(text: str, graph: Graph) -> tuple[Scope, int | None]:
    """Scope and priority, None for `none`; CascadeError with places in `<priority>`."""
    faults = Faults(Source("<priority>", text))
    words = [Span(*word.span()) for word in _WORD.finditer(text)]
    if len(words) != 2:
        at = Span(words[2].start, len(text)) if len(words) > 2 else Span(len(text), len(text))
        faults.add("CSC651", "a scope and a priority are wanted", at, "write `cascade priority task:fetch 5`")
        raise CascadeError(faults.findings.sorted())
    scope = _scope(faults, words[0], Known.of_graph(graph))
    said = text[words[1].start : words[1].end]
    if said != "none" and (_WHOLE.fullmatch(said) is None or len(said) > 20 or abs(int(said)) > INT_MAX):
        help = "a priority is a whole number, such as `5` or `-3`: the higher goes first; `none` takes it back"
        faults.add("CSC651", f"`{said}` is no priority", words[1], help)
    if scope is None or faults.findings.errors:
        raise CascadeError(faults.findings.sorted())
    return scope, None if said == "none" else int(said)


def parse_demands(text: str, graph: Graph) -> tuple[Scope, tuple[tuple[str, int | None], ...]]:
    """Scope and amounts by resource, None for `none`; CascadeError with places in `<set>`."""
    faults = Faults(Source("<set>", text))
    known = Known.of_graph(graph)
    first = _WORD.search(text)
    found: dict[str, int | None] = {}
    scope: Scope | None = None
    end = 0
    if first is not None and "=" not in first[0]:
        scope = _scope(faults, Span(*first.span()), known)
        end = first.end()
    elif first is not None:
        faults.add(
            "CSC652",
            "a scope is wanted before what is set",
            Span(*first.span()),
            "write `cascade set task:NAME mem=16GB`",
        )
    for match in _ASSIGNMENT.finditer(text, end):
        _stray(faults, text, end, match.start())
        end = match.end()
        amount = _amount(faults, match, known)
        name = match[1]
        if name in found:
            faults.add("CSC652", f"`{name}` is set twice", Span(*match.span(1)), "leave one of them out")
        found[name] = amount
    _stray(faults, text, end, len(text))
    if not found and not faults.findings.errors:
        faults.add(
            "CSC652",
            "nothing is set",
            Span(len(text), len(text)),
            "write what and how much: `cascade set task:NAME mem=16GB`",
        )
    if scope is None or faults.findings.errors:
        raise CascadeError(faults.findings.sorted())
    return scope, tuple(found.items())


def _scope(faults: Faults, span: Span, known: Known) -> Scope | None:
    piece = _Piece(faults, span, faults.source.text[span.start : span.end])
    written = parse_from(piece, "scope_text")
    return None if written is None or piece.findings.errors else resolve_scope(written, known, piece)


def _stray(faults: Faults, text: str, start: int, end: int) -> None:
    stray = _WORD.search(text, start, end)
    if stray is not None:
        span = Span(stray.start(), len(text[:end].rstrip()))
        said = text[span.start : span.end]
        faults.add("CSC652", f"`{said}` sets nothing", span, "write a resource and how much it is: `mem=16GB`")


def _amount(faults: Faults, match: re.Match[str], known: Known) -> int | None:
    name, said = match[1], match[2]
    dimension = known.resources.get(name)
    if dimension is None:
        near = did_you_mean(name, known.resources)
        shown = ", ".join(f"`{resource}`" for resource in sorted(known.resources))
        faults.add(
            "CSC302", f"no resource matches `{name}`", Span(*match.span(1)), near or f"the resources are {shown}"
        )
        return None
    return _read(_Piece(faults, Span(match.start(1), match.end()), f"{name} {said}"), match, dimension)


def _read(piece: _Piece, match: re.Match[str], dimension: Dimension) -> int | None:
    name, said = match[1], match[2]
    piece.at = match.start(2) - len(name) - 1
    sentence = parse_from(piece, "limit_text")
    if sentence is None or piece.findings.errors:
        return None
    place = Span(len(name) + 1, len(name) + 1 + len(said))
    match sentence.amount:
        case ast.NoneAmount():
            return None
        case ast.NumberAmount(value=literal):
            return plain_amount(literal, dimension, Scope("resource", name), piece)
        case ast.RateAmount():
            piece.add(
                "CSC652", f"`{said}` is a rate: a demand is an amount", place, "limit a rate with `cascade limit`"
            )
        case ast.ExprAmount():
            if said.startswith("-"):
                piece.add("CSC303", "an amount cannot be negative", place, "0 demands nothing, `none` takes it back")
            else:
                piece.add(
                    "CSC308",
                    "an amount from outside the file is a plain number",
                    place,
                    "write a number, a size or `none`",
                )
        case _:
            assert_never(sentence.amount)
    return None


def check_form(verb: str, text: str) -> None:
    """Raise where a text cannot be meant so, whatever the program: no run is there to say so."""
    anything = Graph(name="", file="", tasks=(), resources=(), limits=(), nodes=())
    try:
        if verb == "priority":
            parse_priority(text, anything)
        else:
            parse_demands(text, anything)
    except CascadeError as error:
        of_form = [d for d in error.diagnostics if d.code != "CSC302"]
        if of_form:
            raise CascadeError(of_form) from None
