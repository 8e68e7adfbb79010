"""How wide text is on a terminal. Loads nothing for plain text: the control verbs show their errors by it."""

from __future__ import annotations

TAB = 4
"""Cells from one stop of the tabulator to the next."""


def width(text: str) -> int:
    """How many cells a text takes: a wide character two, a combining one none."""
    if text.isascii() and "\t" not in text:
        return len(text)
    from unicodedata import combining, east_asian_width

    total = 0
    for char in text:
        if char == "\t":
            total += TAB - total % TAB
        elif not combining(char) and char not in "\u200b\u200d\ufe0e\ufe0f":
            total += 2 if east_asian_width(char) in "WF" else 1
    return total
