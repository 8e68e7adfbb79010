"""What the builders of rules share: the text, doc comments, faults, and the registry of builders by rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from ..base.diagnostics import Span
from .faults import Faults
from .lexer import Lexer

F = TypeVar("F", bound=Callable[..., Any])

BUILDERS: dict[str, Callable[..., Any]] = {}
"""Rule (or alias) of the grammar → what makes its value: called with the builder, the span, and a value for each part."""

NESTING: set[str] = set()
"""Rules whose values count as a level of nesting."""

_DOC_AFTER = re.compile(r"[ \t]*[,;{]?[ \t]*##(?!#)[ \t]?([^\n]*)")
_DOC_LINE = re.compile(r"[ \t]*##(?!#)[ \t]?([^\n]*)")
_DOC_OF_FILE = re.compile(r"(?:[ \t]*(?:#(?!#)[^\n]*)?\n)*+((?:[ \t]*##(?!#)[^\n]*(?:\n|\Z))++)(?=[ \t]*(?:\n|\Z))")


def builds(*names: str, nests: bool = False) -> Callable[[F], F]:
    """Register a function as the builder of rules, by default of the rule of its own name."""

    def register(function: F) -> F:
        for name in names or (function.__name__,):
            BUILDERS[name] = function
            if nests:
                NESTING.add(name)
        return function

    return register


class Builder:
    """The text that is being parsed, for the builders."""

    __slots__ = ("faults", "lexer", "text")

    def __init__(self, text: str, lexer: Lexer, faults: Faults) -> None:
        self.text, self.lexer, self.faults = text, lexer, faults

    def doc(self, span: Span, end: int | None = None) -> str:
        """The doc comments that belong to a declaration: right above it, and after it (or after `end`) on its line."""
        text = self.text
        lines: list[str] = []
        line = text.rfind("\n", 0, span.start) + 1
        if not text[line : span.start].strip():
            while line:
                above = text.rfind("\n", 0, line - 1) + 1
                match = _DOC_LINE.match(text, above)
                if match is None or text.index("#", above) not in self.lexer.comments:
                    break
                lines.append(match[1].rstrip())
                line = above
        lines.reverse()
        beside = _DOC_AFTER.match(text, span.end if end is None else end)
        if beside is not None:
            lines.append(beside[1].rstrip())
        return "\n".join(lines)

    def doc_of_file(self) -> str:
        """The opening doc comment, where a blank line follows it."""
        match = _DOC_OF_FILE.match(self.text)
        if match is None:
            return ""
        return "\n".join(line.strip().removeprefix("##").removeprefix(" ").rstrip() for line in match[1].splitlines())
