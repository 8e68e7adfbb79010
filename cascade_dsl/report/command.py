"""What an attempt ran, as one line to read: of a script the line that failed, its values put in. Pure.

Which line failed is known only where the shell said so itself (`bash: line 3: …`); else the first stands for all.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from ..engine.status import Ran
from .cells import cut, printable

_MOST = 320
_VALUE_MOST = 160
_SAID = re.compile(r"^\S*(?:sh|bash|\.sh)?: (?:line )?(\d+): ")
_NAME = re.compile(r"([A-Za-z_]\w*)=")
_REFERENCE = re.compile(r'"\$\{?([A-Za-z_]\w*)(?:\[@\])?\}?"|\$\{([A-Za-z_]\w*)(?:\[@\])?\}|\$([A-Za-z_]\w*)')


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
    lines = ran.text.split("\n")
    values = _values("\n".join(lines[: ran.prelude])) if ran.prelude else {}
    body = lines[ran.prelude :]
    failing = _failing(log, len(lines))
    at = 0 if failing is None else failing - 1 - ran.prelude
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
    shown = cut(printable(_with_values(text, values)), _MOST)
    return Shown(shown, ran.line + first if ran.line else 0, whole)


def _says_something(line: str) -> bool:
    return line.strip() != "" and not line.lstrip().startswith("#")


def _failing(log: Sequence[str], most: int) -> int | None:
    """The number of the line of which the shell complained last, counted in the whole script."""
    for line in reversed(log):
        match = _SAID.match(line)
        if match is not None and 0 < int(match[1]) <= most:
            return int(match[1])
    return None


def _values(prelude: str) -> dict[str, list[str]]:
    """The variables that a prelude of plain assignments sets: `a='x y'`, `b=(1 '2 3')`."""
    found: dict[str, list[str]] = {}
    at = 0
    while (match := _NAME.match(prelude, at)) is not None:
        at = match.end()
        many = prelude.startswith("(", at)
        end = _end_of_value(prelude, at)
        text = prelude[at:end]
        try:
            found[match[1]] = shlex.split(text[1:-1] if many else text)
        except ValueError:
            return found
        at = end
        while at < len(prelude) and prelude[at] in ";\n ":
            at += 1
    return found


def _end_of_value(text: str, at: int) -> int:
    """Where a value ends: at the `;` or newline that stands in no quotes and no brackets."""
    quote, depth = "", 0
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\" and quote == '"':
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "\\":
            at += 1
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char in ";\n" and depth == 0:
            return at
        at += 1
    return at


def _with_values(text: str, values: dict[str, list[str]]) -> str:
    def put(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[3]
        if name not in values:
            return match[0]
        shown = [cut(value, _VALUE_MOST) for value in values[name]]
        return " ".join(shlex.quote(value) for value in shown) if match[1] else " ".join(shown)

    return _REFERENCE.sub(put, text)
