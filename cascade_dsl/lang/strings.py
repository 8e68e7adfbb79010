"""What the inside of a string means: escapes, and the indent of strings that span lines.

Between the quotes of `"…"` stand the escapes below. Of a tripled string go the first newline, the indent common to its
lines and a last line of blanks; a backslash there is itself but before `{{` and the quotes. `'…'` is raw.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from os.path import commonprefix

from ..base.diagnostics import Span
from . import ast
from .faults import Faults

_ESCAPE = re.compile(r"\\(?:\{\{|u\{([0-9a-fA-F]*)\}|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"'}
_ESCAPES_OF_TRIPLE = re.compile(r'\\(\{\{|""")')
_PLACE = "\0"
"""Stands for a `{{ }}` while the text around it is put in order; no source holds it."""


def quote_of(text: str) -> str:
    """The quotes that a string token begins with."""
    return text[0] * 3 if text.startswith(text[0] * 3) and len(text) >= 6 else text[0]


def whole_string(faults: Faults, raw: str, at: int) -> str:
    """The text of a string without places, given with its quotes, from offset `at`."""
    quote = quote_of(raw)
    return inside(faults, quote, raw[len(quote) : -len(quote)], at + len(quote))


def inside(faults: Faults, quote: str, text: str, at: int) -> str:
    """The meaning of what stands between quotes; places may stand in it as NUL."""
    if len(quote) == 3:
        text = "\n".join(line for line, _ in dedent(text))
        return _ESCAPES_OF_TRIPLE.sub(r"\1", text) if quote == '"""' else text
    return _unescape(faults, text, at) if quote == '"' else text


def parted(
    faults: Faults, quote: str, at: int, parts: Iterable[tuple[str, int] | ast.Expr]
) -> tuple[str | ast.Expr, ...]:
    """The parts of a string with places: raw pieces, each with its offset, become what they mean; empty ones go."""
    expressions: list[ast.Expr] = []
    pieces: list[str] = []
    for part in parts:
        if isinstance(part, tuple):
            raw, offset = part
            pieces.append(_unescape(faults, raw, offset) if quote == '"' else raw)
        else:
            pieces.append(_PLACE)
            expressions.append(part)
    text = "".join(pieces)
    if len(quote) == 3:
        text = inside(faults, quote, text, at)
    out: list[str | ast.Expr] = []
    for i, piece in enumerate(text.split(_PLACE)):
        if i:
            out.append(expressions[i - 1])
        if piece:
            out.append(piece)
    return tuple(out)


def code(faults: Faults, raw: str, at: int) -> tuple[str, tuple[int, ...]]:
    """The text of a `python` body, given with its quotes, and the offset in the source of each of its lines."""
    quote = quote_of(raw)
    at += len(quote)
    content = raw[len(quote) : -len(quote)]
    if len(quote) == 3:
        lines = dedent(content)
        text = "\n".join(line for line, _ in lines)
        return text.replace('\\"""', '"""') if quote == '"""' else text, tuple(at + offset for _, offset in lines)
    text = _unescape(faults, content, at) if quote == '"' else content
    return text, tuple(at for _ in text.split("\n"))


def dedent(text: str) -> list[tuple[str, int]]:
    """The lines of a tripled string as they are meant, each with its offset in `text`."""
    lines: list[tuple[str, int]] = []
    at = 0
    for line in text.split("\n"):
        lines.append((line, at))
        at += len(line) + 1
    first: list[tuple[str, int]] = []
    if len(lines) > 1:
        if lines[0][0].strip():
            first = lines[:1]  # text beside the opening quotes has no indent of its own
        lines = lines[1:]
    else:
        return lines
    indents = [line[: len(line) - len(line.lstrip(" \t"))] for line, _ in lines if line.strip()]
    indent = len(commonprefix(indents))  # noqa: RUF071 (of characters is what is meant)
    out = first + [(line[indent:], offset + min(indent, len(line))) for line, offset in lines]
    if not lines[-1][0].strip():
        out[-1] = ("", lines[-1][1])
    return out


def _unescape(faults: Faults, text: str, at: int) -> str:
    if "\\" not in text:
        return text

    def meaning(match: re.Match[str]) -> str:
        span = Span(at + match.start(), at + match.end())
        if match[1] is not None:
            number = int(match[1] or "0", 16)
            if 0 < number < 0xD800 or 0xDFFF < number <= 0x10FFFF:
                return chr(number)
            faults.add(
                "CSC005", f"`{match[0]}` is no character", span, "write the number of a character, such as `\\u{e9}`"
            )
            return ""
        if match[2] is None:
            return "{{"
        if match[2] not in _ESCAPES:
            faults.add(
                "CSC005",
                f"unknown escape `{match[0]}`",
                span,
                'escapes are `\\n`, `\\t`, `\\\\`, `\\"`, `\\u{…}` and `\\{{`; for a backslash itself write `\\\\`',
            )
        return _ESCAPES.get(match[2], "")

    return _ESCAPE.sub(meaning, text)
