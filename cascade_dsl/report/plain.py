"""Diagnostics as text, in the manner of rustc: one sentence, the lines with the place underlined, why, and the mend.

Standard library only, and few of it: the thin client of the control verbs renders refusals with this. Columns are
counted as a terminal shows them: a tab goes to the next multiple of four, a wide character takes two cells, a
combining one none. A line wider than `width` is cut to the part around the span.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TextIO

from ..base.diagnostics import Diagnostic, Label
from .widths import TAB
from .widths import width as width_of

WIDTH = 120
WIDTH_MIN = 30
_CUT = "…"
_STYLE = {"error": "1;31", "warning": "1;33", "note": "1;36", "help": "1;32", "gutter": "1;34", "bold": "1"}


def wants_color(stream: TextIO) -> bool:
    """Whether colour may go to a stream: a terminal that is not dumb, and no NO_COLOR in the environment."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width(stream: TextIO) -> int:
    """How many cells a line may take: those of the terminal, or the usual where it is none."""
    if not stream.isatty():
        return WIDTH
    try:
        return max(WIDTH_MIN, min(os.get_terminal_size(stream.fileno()).columns, WIDTH))
    except (OSError, ValueError):
        return WIDTH


def render(diagnostic: Diagnostic, color: bool = False, width: int = WIDTH) -> str:
    """One diagnostic as lines of text, with no newline at the end."""
    paint = _paint if color else _plain
    head = f"{diagnostic.severity}[{diagnostic.code}]"
    out = [paint(diagnostic.severity, head) + paint("bold", ": " + _clean(diagnostic.message))]
    labels = _labels(diagnostic)
    gutter = max((len(str(label.line + max(len(label.source), 1) - 1)) for label in labels), default=1)
    bar = " " * gutter + " |"
    for number, group in enumerate(_by_file(labels)):
        at = next((label for label in group if label is diagnostic.primary), group[0])
        arrow = "-->" if number == 0 else ":::"
        out.append(f"{' ' * gutter}{paint('gutter', arrow)} {_clean(at.file)}:{at.line}:{at.column}")
        rows = _snippet(group, diagnostic, width - gutter - 3)
        if rows:
            out.append(paint("gutter", bar))
        for row in rows:
            if row.number is None:
                out.append(paint("gutter", "..."))
                continue
            mark = f"{row.number:>{gutter}} |" if row.number else bar
            text = paint(row.style, row.text) if row.style else row.text
            out.append(f"{paint('gutter', mark)} {text}".rstrip())
    remarks = [("note", note) for note in diagnostic.notes]
    if diagnostic.help:
        remarks.append(("help", diagnostic.help))
    if remarks and labels:
        out.append(paint("gutter", bar))
    for kind, text in remarks:
        lead = f"{' ' * gutter} = {kind}: " if labels else f"  {kind}: "
        first, *more = _clean(text).split("\n")
        painted = f"{' ' * gutter} {paint('gutter', '=')} " if labels else "  "
        out.append(painted + paint(kind, f"{kind}:") + " " + first)
        out.extend((" " * len(lead) + line).rstrip() for line in more)
    return "\n".join(out)


def render_all(
    diagnostics: Sequence[Diagnostic], color: bool = False, width: int = WIDTH, most: int | None = None
) -> str:
    """Several diagnostics, a blank line between them, and their count at the end where there is more than one.

    Of more than `most` the first are shown, errors before warnings, and how to see all is said.
    """
    shown = diagnostics
    if most is not None and len(diagnostics) > most:
        errors = [d for d in diagnostics if d.severity == "error"]
        shown = (errors + [d for d in diagnostics if d.severity != "error"])[:most]
    blocks = [render(diagnostic, color, width) for diagnostic in shown]
    if len(diagnostics) > 1:
        more = len(diagnostics) - len(shown)
        rest = f"and {more} more: `cascade check --format concise` shows all, one line for each\n" if more else ""
        blocks.append(rest + _count(diagnostics))
    return "\n\n".join(blocks)


def _count(diagnostics: Iterable[Diagnostic]) -> str:
    found = [d.severity for d in diagnostics]
    parts: list[str] = []
    for severity in ("error", "warning"):
        n = found.count(severity)
        if n:
            parts.append(f"{n} {severity}{'s' if n > 1 else ''}")
    return ", ".join(parts) or f"{len(found)} notes"


def _labels(diagnostic: Diagnostic) -> list[Label]:
    first = () if diagnostic.primary is None else (diagnostic.primary,)
    return [*first, *diagnostic.secondary]


def _by_file(labels: list[Label]) -> list[list[Label]]:
    groups: dict[str, list[Label]] = {}
    for label in labels:
        groups.setdefault(label.file, []).append(label)
    return list(groups.values())


# ---- the lines of one file --------------------------------------------------------------------------------------


class _Row(NamedTuple):
    """A line of a snippet: number 0 for an underline, None for the dots that stand for lines left out."""

    number: int | None
    text: str = ""
    style: str = ""


class _Mark(NamedTuple):
    """An underline on one line: cells from `start` to `end`."""

    start: int
    end: int
    sign: str
    style: str
    message: str


def _snippet(labels: list[Label], diagnostic: Diagnostic, width: int) -> list[_Row]:
    texts: dict[int, str] = {}
    marks: dict[int, list[_Mark]] = {}
    unfinished: set[int] = set()
    for label in labels:
        primary = label is diagnostic.primary
        sign, style = ("^", diagnostic.severity) if primary else ("-", "gutter")
        source = label.source
        if label.end_column == 1 and len(source) == label.end_line - label.line + 1 > 1:
            source = source[:-1]  # the span ends with the newline before that line
        last = label.line + len(source) - 1
        if last < label.end_line and len(source) == len(label.source) > 0:
            unfinished.add(last)
        for number, text in enumerate(source, label.line):
            texts[number] = text
            mark = _mark(label, number, text, sign, style, _clean(label.message) if number == last else "")
            if mark is not None:
                marks.setdefault(number, []).append(mark)
    rows: list[_Row] = []
    before: int | None = None
    for number in sorted(texts):
        if before is not None and number > before + 1 and before not in unfinished:
            rows.append(_Row(None))
        before = number
        here = sorted(marks.get(number, ()), key=lambda m: (m.start, m.end))
        cells, shift = _window(_cells(texts[number]), here, width)
        rows.append(_Row(number, cells))
        for mark in here:
            start, end = mark.start - shift, min(max(mark.end - shift, mark.start - shift + 1), width + 1)
            line = " " * start + mark.sign * max(end - start, 1)
            rows.append(_Row(0, f"{line} {mark.message}".rstrip() if mark.message else line, mark.style))
        if number in unfinished:
            rows.append(_Row(None))
    return rows


def _mark(label: Label, number: int, text: str, sign: str, style: str, message: str) -> _Mark | None:
    """The underline of a label on one of its lines; None where it covers nothing of it."""
    lead = len(text) - len(text.lstrip())
    start = label.column - 1 if number == label.line else lead
    end = label.end_column - 1 if number == label.end_line else len(text)
    if start > len(text) or (number > label.line and end <= start):
        return None
    return _Mark(width_of(text[:start]), width_of(text[: max(end, start)]), sign, style, message)


def _window(text: str, marks: list[_Mark], width: int) -> tuple[str, int]:
    """The part of a line that fits, and by how many cells the underlines move left for it."""
    if width_of(text) <= width:
        return text, 0
    start = min((m.start for m in marks), default=0)
    end = min(max((m.end for m in marks), default=0), start + width)
    slack = max(width - (end - start) - 2, 0)
    low = max(0, min(start - slack // 2, start - 1))
    if low <= 1:
        low = 0
    kept, at, low_cells = [""], 0, 0
    room = width - 1 - (1 if low else 0)
    for char in text:
        size = width_of(char)
        if at < low:
            at += size
            low_cells = at
            continue
        if at + size - low_cells > room:
            kept.append(_CUT)
            break
        kept.append(char)
        at += size
    shown = "".join(kept)
    return (_CUT + shown, low_cells - 1) if low else (shown, 0)


# ---- cells ------------------------------------------------------------------------------------------------------


def _cells(text: str) -> str:
    """A line as it may be printed: tabs as blanks, no character that would steer the terminal."""
    if "\t" in text:
        out: list[str] = []
        at = 0
        for char in text:
            if char == "\t":
                blanks = TAB - at % TAB
                out.append(" " * blanks)
                at += blanks
            else:
                out.append(char)
                at += width_of(char)
        text = "".join(out)
    return _clean(text)


def _clean(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _plain(style: str, text: str) -> str:
    return text


def _paint(style: str, text: str) -> str:
    return f"\x1b[{_STYLE[style]}m{text}\x1b[0m"
