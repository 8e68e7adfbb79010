"""Source → tree: a text, its tree, and all that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError, Diagnostic, Source, Span, fail
from ..base.suggest import did_you_mean
from . import ast
from .broken import Broken
from .faults import Faults
from .recovery import RecoveringParser


class Parsed:
    """What came of a text: its tree, of which the pieces in `broken` are missing; None where there is none."""

    __slots__ = ("broken", "comments", "diagnostics", "module")

    def __init__(
        self,
        module: ast.Module | None,
        diagnostics: tuple[Diagnostic, ...],
        broken: tuple[Broken, ...],
        comments: dict[int, int],
    ) -> None:
        self.module, self.diagnostics, self.broken = module, diagnostics, broken
        self.comments = comments
        """Start → end of each comment, as offsets."""


def parse_source(source: Source) -> Parsed:
    """The tree of a file and all that is wrong with it, in the order of the file. Raises nothing, whatever the text."""
    faults = Faults(source)
    nul = _nul(faults)
    parser = RecoveringParser(faults, "module")
    module: ast.Module | None = None if nul else parser.run()
    if module is not None and not module.items and not faults.findings.found:
        faults.add("CSC014", f"{source.path} holds no program", Span(0, 0), "write a task and a call of it")
        module = None
    if faults.fatal:
        module = None
    return Parsed(module, faults.findings.sorted(), tuple(parser.broken), parser.lexer.comments)


def parse_from(faults: Faults, start: str) -> Any:
    """What a start rule makes of a text; with findings in `faults` it is None or not to be used."""
    return None if _nul(faults) else RecoveringParser(faults, start).run()


def _nul(faults: Faults) -> bool:
    nul = faults.source.text.find("\0")
    if nul >= 0:
        faults.add("CSC013", "the text holds a NUL byte", Span(nul, nul + 1), "a program is plain text")
    return nul >= 0


def read_source(path: Path, shown: str | None = None) -> Source:
    """The text of a file, ends of line as `\\n`; raises CascadeError where it is missing, no file or no text."""
    name = shown if shown is not None else str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        near: list[str] = []
        if path.parent.is_dir():
            near = [entry.name for entry in path.parent.iterdir() if entry.suffix == ".csc"]
        raise fail("CSC010", f"there is no file {name}", help=did_you_mean(path.name, near)) from None
    except IsADirectoryError:
        raise fail("CSC011", f"{name} is a folder, not a program", help="name a `.csc` file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise fail("CSC011", f"{name} cannot be read: {reason}") from None
    return source_of(data, name)


def source_of(data: bytes, name: str) -> Source:
    """The text that bytes are; raises CascadeError where they are none."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = len(data[: error.start].decode("utf-8-sig").replace("\r\n", "\n"))
        readable = Source(name, data.decode("utf-8-sig", "replace").replace("\r\n", "\n"))
        raise CascadeError(
            Diagnostic(
                code="CSC012",
                message=f"{name} is not UTF-8: byte {data[error.start]:#04x}",
                primary=readable.label(Span(at, at + 1)),
                help=_encoding(data),
            )
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise fail("CSC013", f"{name} holds a NUL byte on line {line}", help="a program is plain text")
    return Source(name, text.replace("\r\n", "\n"))


def _encoding(data: bytes) -> str:
    """How a file that is not UTF-8 was probably saved, and what to do about it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "it looks like UTF-16; save it as UTF-8"
    return "it looks like Latin-1 or Windows-1252; save it as UTF-8"
