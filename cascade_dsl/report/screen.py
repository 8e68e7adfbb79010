"""A block of rows at the bottom of a terminal that is drawn over and over, and text above it that stays.

Its own few escape codes and nothing to be put back: the cursor is never hidden, no mode is set, no thread draws. So a run that
is killed at any instant leaves a terminal as it was, with the last picture on it. Rows are shorter than the terminal
is wide, and the cursor rests at the beginning of the row below the block.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from .cells import width
from .paint import Row, fit, in_ascii, is_unicode, painted, text_of, wants_color

_WAITING_MOST = 2000
"""Rows that are kept for a terminal that takes nothing (Ctrl-S); beyond it the oldest go."""
Size = Callable[[], tuple[int, int]]


class Screen:
    """Draws on `stream`, a terminal. A terminal that takes nothing now is not waited for: the picture is left out."""

    def __init__(self, stream: TextIO, size: Size | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self._stream: TextIO | None = stream
        self._size = size if size is not None else lambda: _terminal_size(stream)
        self._color = wants_color(stream, environ)
        self._ascii = not is_unicode(stream)
        self._drawn: list[int] = []
        """Width of each row of the block that stands there."""
        self._block: list[Row] = []
        self._waiting: deque[Row] = deque(maxlen=_WAITING_MOST)
        self._columns = 0

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the terminal now."""
        return self._size()

    def draw(self, block: Sequence[Row]) -> None:
        """Show a block in place of the one that stands there."""
        columns, _ = self._size()
        if list(block) == self._block and self._drawn and columns == self._columns and not self._waiting:
            return
        self._block = list(block)
        self._paint()

    def say(self, rows: Sequence[Row]) -> None:
        """Rows to stay, above the block."""
        self._waiting.extend(rows)
        self._paint()

    def begin_anew(self) -> None:
        """Somebody else has written meanwhile: leave what stands there, and draw below it."""
        self._drawn = []

    def mute(self) -> None:
        """The terminal is gone: write nothing any more."""
        self._stream = None

    def close(self) -> None:
        """Take the block away; what was to be said is said, however long the terminal takes."""
        self._block = []
        self._paint(wait=True)

    def _paint(self, wait: bool = False) -> None:
        stream = self._stream
        if stream is None or not (wait or _takes_more(stream)):
            return
        columns, _ = self._size()
        pieces = [self._home(columns)]
        for each in self._waiting:
            pieces.append(f"{self._text(each)}\x1b[K\n")
        self._waiting.clear()
        rows = [fit(each, max(columns - 1, 1)) for each in self._block]
        pieces += [f"{self._text(each)}\x1b[K\n" for each in rows]
        pieces.append("\x1b[J")
        self._drawn = [width(text_of(each)) for each in rows]
        self._columns = columns
        try:
            stream.write("".join(pieces))
            stream.flush()
        except (OSError, ValueError):
            self._stream = None  # nobody reads: the run goes on

    def _home(self, columns: int) -> str:
        """To the first row of the block. In a terminal that has become narrower its rows have been wrapped."""
        if not self._drawn:
            return "\r"
        if columns == self._columns:
            return f"\r\x1b[{len(self._drawn)}A"
        up = sum(max(1, -(-cells // max(columns, 1))) for cells in self._drawn)
        return f"\r\x1b[{up}A\x1b[J"

    def _text(self, each: Row) -> str:
        text = painted(each, self._color)
        return in_ascii(text) if self._ascii else text


def _terminal_size(stream: TextIO) -> tuple[int, int]:
    """Of the terminal itself, else as the environment has it."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns = lines = 0
    return columns or _number("COLUMNS", 80), lines or _number("LINES", 24)


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and int(text[:6]) > 0 else otherwise


def _takes_more(stream: TextIO) -> bool:
    """Whether a write would go through now; a stream that cannot be asked is written to."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLOUT)
        return bool(poll.poll(0))
    except (OSError, ValueError):
        return True
