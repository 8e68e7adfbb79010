"""Text as a terminal shows it: its width in cells, cut and padded to a width, without what would steer the terminal."""

from __future__ import annotations

import re

from .widths import TAB, width

CUT = "…"
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])")
"""Colours, moves of the cursor, titles: a log that was written for a terminal is full of them."""


def cut(text: str, most: int) -> str:
    """A text of at most so many cells, `…` at its end where something is left out."""
    if width(text) <= most:
        return text
    if most <= 1:
        return CUT[: max(most, 0)]
    kept: list[str] = []
    room = most - 1
    for char in text:
        room -= width(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + CUT


def cut_middle(name: str, most: int) -> str:
    """A name cut in its middle: the end of it tells the instances of a fan-out apart."""
    if width(name) <= most:
        return name
    if most < 4:
        return cut(name, most)
    tail: list[str] = []
    room = most // 2
    for char in reversed(name):
        room -= width(char)
        if room < 0:
            break
        tail.append(char)
    end = "".join(reversed(tail))
    return cut(name, most - width(end)) + end


def pad(text: str, cells: int, right: bool = False) -> str:
    """A text with blanks up to a width; at its left where `right`."""
    blanks = " " * max(0, cells - width(text))
    return blanks + text if right else text + blanks


def printable(text: str) -> str:
    """A line without what would steer a terminal; one that was overwritten in place shows its last state."""
    text = text.rstrip("\r").rpartition("\r")[2]
    if "\x1b" in text:
        text = _ESCAPES.sub("", text)
    if "\b" in text:
        text = _overstruck(text)
    text = text.expandtabs(TAB)
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def _overstruck(text: str) -> str:
    out: list[str] = []
    for char in text:
        if char != "\b":
            out.append(char)
        elif out:
            out.pop()
    return "".join(out)
