"""What a piece of text that could not be parsed would have said: the names that it declares, the words that it uses.

Guesses on the safe side: a name that is taken for declared is only not reported as unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ..base.diagnostics import Span
from .ast_types import Ident

_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LEADING = re.compile(
    r"[ \t]*(?:[A-Za-z_]\w*[ \t]*,[ \t]*)*[A-Za-z_]\w*[ \t]*(?::[^=\n]*)?:?=(?!=)", re.ASCII | re.MULTILINE
)
_AFTER_WORD = re.compile(r"[ \t]*([A-Za-z_]\w*)[ \t]+([A-Za-z_]\w*)((?:-\w+)*)", re.ASCII | re.MULTILINE)
_USED = re.compile(r"[ \t]*use\b[^\n]*?([A-Za-z_]\w*)(?:\.csc)?[\"' \t]*(?:#[^\n]*)?$", re.MULTILINE | re.ASCII)
_NO_DECLARATION = frozenset(
    {"limit", "return", "if", "else", "for", "while", "output", "in", "retry", "cache", "tag", "sh"}
)


class Broken:
    """A piece that was given up, from `span.start` to `span.end`."""

    __slots__ = ("names", "span", "text")

    def __init__(self, text: str, span: Span) -> None:
        self.span = span
        self.text = text[span.start : span.end]
        self.names = tuple(_names(self.text, span.start))
        """What it may declare."""

    @property
    def words(self) -> set[str]:
        """Every word in it: what it may use."""
        return set(_WORD.findall(self.text))


def repeated_words(text: str) -> set[str]:
    """The words that stand in a text more than once: one of them may declare what another uses."""
    return {word for word, count in Counter(_WORD.findall(text)).items() if count > 1}


def _names(text: str, at: int) -> Iterator[Ident]:
    line = 0
    while line < len(text):
        end = text.find("\n", line)
        end = len(text) if end < 0 else end
        bound = _LEADING.match(text, line, end)
        if bound is not None:
            names = text[line : bound.end()].split(":", 1)[0].rstrip("=")
            for word in _WORD.finditer(names):
                yield _ident(word[0], at + line + word.start())
        declared = _AFTER_WORD.match(text, line, end)
        if declared is not None and declared[1] not in _NO_DECLARATION:
            yield _ident(declared[2], at + declared.start(2))
            if declared[3]:  # `check-links` was meant as `check_links`
                yield _ident(f"{declared[2]}{declared[3].replace('-', '_')}", at + declared.start(2))
        used = _USED.match(text, line, end)
        if used is not None:
            yield _ident(used[1], at + used.start(1))
        line = end + 1


def _ident(name: str, at: int) -> Ident:
    return Ident(name=name, span=Span(at, at + len(name)))
