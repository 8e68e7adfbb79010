"""Lines of the program as it was compiled, for messages at run time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from ..base.diagnostics import Label
from ..ir.graph import Graph

_LINE_MOST = 300
_LINES_SEARCHED = 20


class SourceLines:
    """Reads the file of a graph when a line of it is asked for; one that has changed since shows nothing."""

    def __init__(self, graph: Graph, folder: Path) -> None:
        self._folder = folder
        self.renew(graph)

    def renew(self, graph: Graph) -> None:
        """From now on the lines of another text."""
        self.file = graph.file
        self._path = self._folder / graph.file
        self._digest = next((s.digest for s in graph.sources if s.path == graph.file), None)
        self._lines: Sequence[str] | None = None

    def text(self, line: int) -> str:
        """A line (from 1) without its indent; empty where it is not known."""
        return self.whole(line).strip()

    def whole(self, line: int) -> str:
        """A line (from 1) as it stands; empty where it is not known."""
        if self._lines is None:
            self._lines = self._read()
        return self._lines[line - 1][:_LINE_MOST].rstrip() if 0 < line <= len(self._lines) else ""

    def label(self, line: int, word: str, message: str = "") -> Label | None:
        """A label for the first place of `word` from a line on, else for that line; None where the graph knows no line.

        What stands in a graph is a line, not a span: a call that goes over several lines has its word below.
        """
        if line < 1:
            return None
        wanted = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        lines = range(line, line + _LINES_SEARCHED)
        found, match = next(((n, m) for n in lines if (m := wanted.search(self.whole(n)))), (line, None))
        text = self.whole(found)
        start, end = match.span() if match else (len(text) - len(text.lstrip()), len(text))
        return Label(
            file=self.file,
            line=found,
            column=start + 1,
            end_line=found,
            end_column=max(end, start) + 1,
            message=message,
            source=(text,) if text else (),
        )

    def _read(self) -> Sequence[str]:
        if self._digest is None:
            return ()
        try:
            data = self._path.read_bytes()
        except OSError:
            return ()
        if blake2b(data, digest_size=16).hexdigest() != self._digest:
            return ()
        return data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
