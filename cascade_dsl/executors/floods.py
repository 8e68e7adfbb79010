"""How much of a log is kept, and the line that stands for the rest. The standard library alone: readers of logs import this."""

from __future__ import annotations

import re

KEPT_BYTES = 8 * 1024 * 1024
"""Kept of the head, and as much of the tail."""
NOTE_MAX = 200
_NOTE = re.compile(rb"\n\[\xe2\x80\xa6 (\d+) bytes left out here \xe2\x80\xa6\]\n")


def note_of(left_out_bytes: int) -> bytes:
    """The line, with the newlines around it."""
    return f"\n[… {left_out_bytes} bytes left out here …]\n".encode()


def read_note(data: bytes) -> tuple[int, int] | None:
    """What a note at the beginning of some bytes says, and its length; None where none stands there."""
    found = _NOTE.match(data)
    return None if found is None else (int(found[1]), found.end())
