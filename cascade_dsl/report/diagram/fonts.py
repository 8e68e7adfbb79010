"""How wide text is: the advance widths of Helvetica and what is made to its measure (Arial, Liberation Sans, Arimo).

A picture carries no font and cannot ask for one, so text is measured by a table; each line says its length in the
picture too (`textLength`), so that another font is squeezed into the same room.
"""

from __future__ import annotations

from unicodedata import combining, east_asian_width

FAMILY = "Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif"

_REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)  # fmt: skip
_OTHERS = {"×": 584, "…": 1000, "·": 278, "≤": 549, "≥": 549, "–": 556, "→": 1000, "◇": 604}


def width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in pixels, at a size in pixels."""
    table = _BOLD if bold else _REGULAR
    return sum(_advance(char, table) for char in text) * size / 1000


def _advance(char: str, table: tuple[int, ...]) -> int:
    code = ord(char)
    if 32 <= code < 127:
        return table[code - 32]
    if char in _OTHERS:
        return _OTHERS[char]
    if combining(char):
        return 0
    # What the table does not know is taken for wide: better some room too much than text over the edge.
    return 1000 if east_asian_width(char) in "WF" else 722


def fitted(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, or its beginning with an ellipsis, in so much room."""
    if width(text, size, bold) <= room:
        return text
    used, kept = width("…", size, bold), 0
    for char in text:
        used += width(char, size, bold)
        if used > room:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def broken(text: str, room: float, size: float, most: int) -> list[str]:
    """The text in at most so many lines of so much room, the last one shortened where it does not fit."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most - 1:
        count = 1
        while count < len(words) and width(" ".join(words[: count + 1]), size) <= room:
            count += 1
        lines.append(fitted(" ".join(words[:count]), room, size))
        words = words[count:]
    return [*lines, fitted(" ".join(words), room, size)] if words else lines
