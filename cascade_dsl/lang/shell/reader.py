"""The state of a scan, and what every part of it uses."""

from __future__ import annotations

from .frames import Frame
from .places import MARK, Dialect, Place, Stands, lost
from .words import Word


class Reader:
    """A text, where in it the scan is, the constructs that are open, and the places so far."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self.text = text
        self.dialect: Dialect = dialect
        self.at: int = 0
        self.places: list[Place] = []
        self.stack: list[Frame] = [Frame("script", 0, None)]
        self.pending: int = 0
        """Here-documents that have been begun and whose lines have not come yet, at all depths."""
        self.counted: set[str] = set()
        self.named: set[str] = set()
        """Variables whose values are read as the names of variables."""
        self.subscripts: list[tuple[str, str]] = []
        """(array, variable in its subscript)"""
        self.defined = ""
        """The function whose body comes next."""

    # ---- what all use ----

    def push(self, frame: Frame) -> None:
        """A construct opens."""
        if self.defined:
            frame.function, self.defined = self.defined, ""
        self.stack.append(frame)

    def only_bash(self, what: str, mend: str) -> None:
        """What stands here is read so by bash alone."""
        if self.dialect == "posix":
            raise lost(f"{what} is read by bash, and otherwise by another sh", self.at, mend)

    def crossed(self, start: int, end: int) -> None:
        """No here-document waits for a newline that this piece holds: shells differ about where it begins."""
        if self.pending and self.text.find("\n", start, end) >= 0:
            raise lost("a here-document is begun before a newline inside quotes or brackets", start)

    def record(self, where: Stands, refused: str = "") -> int:
        """A place, here."""
        frame = self.stack[-1]
        index = len(self.places)
        self.places.append(Place(index, self.at, where, frame.refuse or refused, frame.arithmetic))
        return index

    def skip_marks(self, start: int, end: int, refused: str, where: Stands = "word") -> None:
        """All places of a piece get one answer."""
        found = self.text.find(MARK, start, end)
        while found >= 0:
            self.at = found
            self.record(where, refused)
            found = self.text.find(MARK, found + 1, end)

    def own(self, frame: Frame) -> Word:
        """The word that is being read, begun if there is none."""
        if frame.word is None:
            frame.word = Word(self.at)
        return frame.word

    def comment(self) -> None:
        """From `#` to the end of the line."""
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        found = self.text.find(MARK, self.at, end)
        while found >= 0:
            self.places.append(Place(len(self.places), found, "comment", "", False))
            found = self.text.find(MARK, found + 1, end)
        self.at = end

    def continuation(self) -> None:
        """A backslash before a newline joins the lines."""
        before, after = self.text[self.at - 1 : self.at], self.text[self.at + 2 : self.at + 3]
        if before and before in "<>&|;($" and after and after in "<>&|;(-{[":
            raise lost("an operator is split by a backslash at the end of its line", self.at)
        self.crossed(self.at, self.at + 2)
        self.at += 2

    def not_split(self, after: int) -> None:
        """No backslash and newline stand after an operator that may go on behind them."""
        if self.text.startswith("\\\n", after) and self.text[after + 2 : after + 3] in tuple("<>&|;(-\\"):
            raise lost("an operator is split by a backslash at the end of its line", after)

    # ---- what the parts of the scanner ask of each other ----

    def dollar(self, frame: Frame, word: Word | None, *, quoted: bool) -> None:
        """What begins with `$`."""
        raise NotImplementedError

    def backquotes(self, word: Word | None) -> None:
        """A substitution in backquotes."""
        raise NotImplementedError

    def open_double(self, frame: Frame, word: Word | None) -> None:
        """`"`."""
        raise NotImplementedError
