"""What an attempt ran, as one line to read: of a script the line that failed. Pure.

Which line failed is known only where the shell said so itself (`bash: line 3: …`); else the first stands for all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..engine.status import Ran
from .cells import cut, printable

_MOST = 320
_SAID = re.compile(r"^\S*(?:sh|bash|\.sh)?: (?:line )?(\d+): ")


class Shown(NamedTuple):
    """One line of what ran. `line` is its place in the file, 0 where that is not known."""

    text: str
    line: int = 0
    is_whole: bool = True
    """It is all that ran, or the line that failed."""


def command_line(ran: Ran, log: Sequence[str] = ()) -> Shown:
    """The line to show; `log` is the end of what the attempt wrote."""
    if ran.kind != "sh":
        return Shown(cut(printable(ran.text.replace("\n", " ")), _MOST), ran.line)
    body = ran.text.split("\n")
    failing = _failing(log, len(body))
    at = 0 if failing is None else failing - 1
    known = failing is not None and 0 <= at < len(body) and body[at].strip() != ""
    if not known:
        at = next((i for i, text in enumerate(body) if _says_something(text)), 0)
    while at > 0 and body[at - 1].endswith("\\"):
        at -= 1
    first = at
    text = body[at].strip() if body else ""
    while text.endswith("\\") and at + 1 < len(body):
        at += 1
        text = text[:-1].rstrip() + " " + body[at].strip()
    whole = known or not any(_says_something(other) for other in body[at + 1 :])
    shown = cut(printable(text), _MOST)
    return Shown(shown, ran.line + first if ran.line else 0, whole)


def _says_something(line: str) -> bool:
    return line.strip() != "" and not line.lstrip().startswith("#")


def _failing(log: Sequence[str], most: int) -> int | None:
    """The number of the line of which the shell complained last, counted from 1."""
    for line in reversed(log):
        match = _SAID.match(line)
        if match is not None and 0 < int(match[1]) <= most:
            return int(match[1])
    return None
