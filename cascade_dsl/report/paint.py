"""Rows of styled text: cut to a width, and as bytes for a terminal. Pure; knows no screen.

Styles have names of what they mean. Without colour nothing is painted, and nothing is said by colour alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, TextIO, TypeAlias

from .cells import CUT, cut, width

Style = Literal["", "bold", "dim", "good", "bad", "warn", "accent"]
Piece: TypeAlias = tuple[str, Style]
Row: TypeAlias = tuple[Piece, ...]

_CODES: dict[str, str] = {"bold": "1", "dim": "2", "good": "32", "bad": "1;31", "warn": "33", "accent": "36"}
_ASCII = str.maketrans({"…": "~", "→": "->", "━": "=", "─": "-", "╸": "=", "·": "-", "—": "-", "“": '"', "”": '"'})


def row(text: str, style: Style = "") -> Row:
    """A row of one piece."""
    return ((text, style),)


def text_of(pieces: Row) -> str:
    """A row without its styles."""
    return "".join(text for text, _ in pieces)


def fit(pieces: Row, most: int) -> Row:
    """A row of at most so many cells."""
    out: list[Piece] = []
    room = most
    for at, (text, style) in enumerate(pieces):
        size = width(text)
        rest_follows = any(t for t, _ in pieces[at + 1 :])
        if size < room or (size == room and not rest_follows):
            out.append((text, style))
            room -= size
            continue
        out.append((cut(text, room) if size > room else cut(text + CUT, room), style))
        break
    return tuple(out)


def painted(pieces: Row, color: bool) -> str:
    """A row as text with the codes of its styles."""
    if not color:
        return text_of(pieces)
    return "".join(f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and text else text for text, style in pieces)


def wants_color(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether colour may go to a stream: a terminal that is not dumb, and no NO_COLOR in the environment."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream takes more than ASCII."""
    return (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").startswith("utf")


def in_ascii(text: str) -> str:
    """The signs that reports use, for a terminal that has none of them."""
    return text.translate(_ASCII)
