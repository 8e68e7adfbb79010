"""A terminal that understands what the view sends, and no more: what it does not know is a fault."""

from __future__ import annotations

import re
from io import StringIO


class Terminal(StringIO):
    """A terminal of `columns` × `lines` that understands what the screen sends: rows, the cursor up, erasing."""

    encoding = "utf-8"

    def __init__(self, columns: int, lines: int) -> None:
        super().__init__()
        self.columns, self.lines = columns, lines
        self.rows: list[str] = [""]
        self.at = 0
        self.sent = 0

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise OSError("no file")

    def write(self, s: str, /) -> int:
        self.sent += len(s)
        s = re.sub(r"\x1b\[[\d;]*m", "", s)
        for piece in re.findall(r"\x1b\[\d*[A-Za-z]|[^\x1b\n\r]+|[\n\r]", s):
            if piece == "\n":
                self.at += 1
                if self.at == len(self.rows):
                    self.rows.append("")
            elif piece == "\r":
                pass
            elif piece == "\x1b[J":
                del self.rows[self.at + 1 :]
                self.rows[self.at] = ""
            elif piece == "\x1b[K":
                self.rows[self.at] = self.line
            elif piece.endswith("A"):
                self.at -= int(piece[2:-1])
                assert self.at >= 0
            elif not piece.startswith("\x1b"):
                self.rows[self.at] = self.line = piece
            else:
                raise AssertionError(piece)
        return len(s)

    def resize(self, columns: int) -> None:
        """As terminals do that wrap rows anew: of those that are too long now."""
        wrapped = [r[i : i + columns] for r in self.rows for i in range(0, max(len(r), 1), columns)]
        self.at += len(wrapped) - len(self.rows)
        self.rows, self.columns = wrapped, columns
