"""How large things are, before they have a place: boxes by their text, rows and groups by their boxes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from . import fonts
from .model import Area, Box, Diagram

TITLE, SMALL, HEADING = 13.0, 11.0, 17.0
"""Sizes of type, in pixels."""
PAD = 11.0
LEADING = 15.0
SHEET = 4.0
"""How far the sheets behind a fan-out stand out."""
BAR = 4.0
"""The height of the bar of states."""
GAP = 22.0
"""Between the cells of a row or group."""
_MOST, _LEAST = 210.0, 56.0


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels."""

    w: float
    h: float


@dataclass(frozen=True, slots=True)
class Rect:
    """A place: left, top, width, height; y goes down."""

    x: float
    y: float
    w: float
    h: float

    def holds(self, other: Rect, slack: float = 0.5) -> bool:
        """Whether the other lies inside."""
        return (
            self.x - slack <= other.x
            and self.y - slack <= other.y
            and other.x + other.w <= self.x + self.w + slack
            and other.y + other.h <= self.y + self.h + slack
        )


def box_size(box: Box) -> Size:
    """The size of a box by its text, within bounds."""
    room = max([fonts.width(box.title, TITLE, True), *(fonts.width(line, SMALL) for line in box.lines)])
    w = min(_MOST, max(_LEAST, room + 2 * PAD))
    h = 2 * PAD + TITLE + LEADING * len(box.lines) - 1
    if box.tally is not None:
        h += BAR
    if box.kind == "fan":
        return Size(_even(w + 2 * SHEET), _even(h + 2 * SHEET))
    if box.kind in ("param", "output", "pool"):
        w += 10
    return Size(_even(w), _even(h))


def _even(number: float) -> float:
    return 2.0 * ceil(number / 2)


def heading_width(area: Area) -> float:
    """The room that the title of an area takes."""
    return min(fonts.width(area.title, SMALL, True), 2 * _MOST) + 4


@dataclass(frozen=True, slots=True)
class Grid:
    """Boxes in rows inside a frame; of a chain every second row runs backwards, so that each step is beside the last."""

    size: Size
    cells: tuple[tuple[str, Rect], ...]
    """Relative to the frame."""


def grid(diagram: Diagram, area: Area) -> Grid:
    """The inside of a chain or a group."""
    boxes = [box for box in diagram.children(area.id) if isinstance(box, Box)]
    sizes = [box_size(box) for box in boxes]
    w, h = max(s.w for s in sizes), max(s.h for s in sizes)
    gap = GAP if area.kind == "chain" else GAP / 2
    columns = max(2, min(len(boxes), round(sqrt(len(boxes) * 1.6 * (h + gap) / (w + gap)))))
    top = PAD + LEADING + 4
    cells: list[tuple[str, Rect]] = []
    for at, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        row, column = divmod(at, columns)
        if area.kind == "chain" and row % 2:
            column = columns - 1 - column
        # Boxes of one width make columns; of a chain they are in the middle of their row.
        cells.append((box.id, Rect(PAD + column * (w + gap), top + row * (h + gap) + (h - size.h) / 2, w, size.h)))
    rows = ceil(len(boxes) / columns)
    wide = max(columns * (w + gap) - gap, heading_width(area)) + 2 * PAD
    return Grid(Size(_even(wide), _even(top + rows * (h + gap) - gap + PAD)), tuple(cells))
