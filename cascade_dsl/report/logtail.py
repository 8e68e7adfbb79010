"""The end of a task's log, for people: its last lines, cleaned and cut sensibly."""

from __future__ import annotations

import os

from .cells import cut, printable

LINES = 10
LINE_CELLS = 400
"""A longer line says no more by its end: it is in the log."""
_BYTES = 16_384


def log_tail(path: str, lines: int = LINES) -> list[str]:
    """The last lines of a log, blank ones left out; none where it cannot be read."""
    try:
        with open(path, "rb") as log:
            log.seek(0, os.SEEK_END)
            start = max(0, log.tell() - _BYTES)
            log.seek(start)
            data = log.read()
    except OSError:
        return []
    found = data.decode("utf-8", "replace").split("\n")
    if start and len(found) > 1:
        found = found[1:]
    shown: list[str] = []
    for line in reversed(found):
        clean = cut(printable(line).rstrip(), LINE_CELLS)
        if clean.strip():
            shown.append(clean)
            if len(shown) == lines:
                break
    shown.reverse()
    return shown
