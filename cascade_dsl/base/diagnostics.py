"""Diagnostics: one model for everything that can be wrong, from a stray byte to a stalled run.

A diagnostic carries the text of the lines it points at, so that it can be rendered, stored or sent over a
socket without the source at hand. Renderers live in `report`; this module only builds and serialises.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]

_LINES_SHOWN = 4
_LINE_LENGTH_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of character offsets in one source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of the other."""
        return Span(self.start, other.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A place in a file. Lines and columns count from 1; the end column is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    message: str = ""
    source: tuple[str, ...] = ()
    """The lines from `line` on, at most four of them, for the renderer."""


class Source:
    """A source text with its display path, able to turn offsets into places."""

    __slots__ = ("_starts", "path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts: list[int] | None = None

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character offset."""
        if self._starts is None:
            starts = [0]
            find = self.text.find
            at = find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = find("\n", at + 1)
            self._starts = starts
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line_text(self, line: int) -> str:
        """The text of a line (from 1) without its newline, cut where it is very long."""
        assert self._starts is not None
        start = self._starts[line - 1]
        end = self._starts[line] - 1 if line < len(self._starts) else len(self.text)
        return self.text[start : min(end, start + _LINE_LENGTH_SHOWN)].rstrip("\r")

    def label(self, span: Span, message: str = "") -> Label:
        """A label for a span, with the text of its lines."""
        line, column = self.place(span.start)
        end_line, end_column = self.place(max(span.start, span.end))
        last = min(end_line, line + _LINES_SHOWN - 1)
        return Label(
            file=self.path,
            line=line,
            column=column,
            end_line=end_line,
            end_column=end_column,
            message=message,
            source=tuple(self.line_text(n) for n in range(line, last + 1)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding. `message` is one terse sentence that reads well alone, without a full stop."""

    code: str
    message: str
    severity: Severity = "error"
    primary: Label | None = None
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The documented machine form; keys may be added, none changes its meaning."""
        at = self.primary
        out: dict[str, Any] = {"code": self.code, "severity": self.severity, "message": self.message}
        if at is not None:
            out |= _label_json(at)
        out["notes"] = list(self.notes)
        out["help"] = self.help
        if self.secondary:
            out["secondary"] = [_label_json(label) for label in self.secondary]
        return out

    @staticmethod
    def from_json(data: dict[str, Any]) -> Diagnostic:
        """The inverse of `to_json`."""
        return Diagnostic(
            code=data["code"],
            message=data["message"],
            severity=data["severity"],
            primary=_label_from(data) if "file" in data else None,
            secondary=tuple(_label_from(item) for item in data.get("secondary", ())),
            notes=tuple(data.get("notes", ())),
            help=data.get("help"),
        )


def _label_json(label: Label) -> dict[str, Any]:
    out: dict[str, Any] = {
        "file": label.file,
        "line": label.line,
        "column": label.column,
        "end_line": label.end_line,
        "end_column": label.end_column,
        "source": list(label.source),
    }
    if label.message:
        out["label"] = label.message
    return out


def _label_from(data: dict[str, Any]) -> Label:
    return Label(
        file=data["file"],
        line=data["line"],
        column=data["column"],
        end_line=data["end_line"],
        end_column=data["end_column"],
        message=data.get("label", ""),
        source=tuple(data.get("source", ())),
    )


class CascadeError(Exception):
    """What a user did, or met: carries one or more diagnostics. Anything else that is raised is our fault."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = (
            (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        )
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in self.diagnostics))


def fail(code: str, message: str, *, help: str | None = None, notes: Sequence[str] = ()) -> CascadeError:
    """An error without a place in a source, ready to raise."""
    return CascadeError(Diagnostic(code=code, message=message, help=help, notes=tuple(notes)))


@dataclass(slots=True)
class Findings:
    """Collects diagnostics of a pass; errors are raised together, in the order of the file."""

    found: list[Diagnostic] = field(default_factory=list[Diagnostic])
    errors: list[Diagnostic] = field(default_factory=list[Diagnostic])
    """The findings that forbid going on."""
    _seen: set[tuple[str, str, Label | None]] = field(default_factory=set[tuple[str, str, Label | None]])

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep one finding; the same finding at the same place is kept once."""
        key = (diagnostic.code, diagnostic.message, diagnostic.primary)
        if key in self._seen:
            return
        self._seen.add(key)
        self.found.append(diagnostic)
        if diagnostic.severity == "error":
            self.errors.append(diagnostic)

    def count_error(self) -> None:
        """One error more, which is not kept: there are enough to read, and those who compare counts still see it."""
        self.errors.append(self.errors[-1])

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All findings by file and place."""
        return tuple(
            sorted(
                self.found,
                key=lambda d: (
                    (d.primary.file, d.primary.line, d.primary.column) if d.primary else ("", 0, 0),
                    d.code,
                ),
            )
        )
