"""The log of an attempt, printed as it grows, also where its middle is given back while it is written."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

from ..executors.floods import KEPT_BYTES, NOTE_MAX, note_of, read_note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_PIECE_BYTES = 1 << 16


class Tail:
    """One log. A log that is not there yet is empty; it is opened once and stays open while it is read."""

    __slots__ = ("_at", "_file", "_out", "path")

    def __init__(self, path: str, out: BinaryIO) -> None:
        self.path = path
        self._out = out
        self._file = -1
        self._at = 0

    @property
    def is_open(self) -> bool:
        """The log has been there."""
        return self._file >= 0

    def pump(self) -> bool:
        """Print what has come; False where that is nothing. Raises OSError where the log cannot be read."""
        if self._file < 0:
            with suppress(FileNotFoundError):
                self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            if self._file < 0:
                return False
        size = os.fstat(self._file).st_size
        if size < self._at:
            self._at = self._after_cut()
        begun = self._at
        while self._at < size and self._step(size):
            pass
        if self._at == begun:
            return False
        self._out.flush()
        return True

    def _step(self, size: int) -> bool:
        """A piece, or the note that stands for a hole."""
        data = self._seek(os.SEEK_DATA, size)
        if data > self._at:
            self._out.write(note_of(data - self._at))
            self._at = data
            return True
        end = min(self._seek(os.SEEK_HOLE, size), self._at + _PIECE_BYTES)
        piece = os.pread(self._file, end - self._at, self._at)
        self._out.write(piece)
        self._at += len(piece)
        return bool(piece)

    def _seek(self, what: int, size: int) -> int:
        try:
            return min(os.lseek(self._file, self._at, what), size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a hole up to the end
                return size
            return self._at if what == os.SEEK_DATA else size  # a file system that tells of none

    def _after_cut(self) -> int:
        """Where a place in the log is now that its middle has been closed up."""
        found = read_note(os.pread(self._file, NOTE_MAX, KEPT_BYTES))
        if found is None:
            return 0 if self._at <= KEPT_BYTES else os.fstat(self._file).st_size
        left_out, length = found
        if self._at <= KEPT_BYTES:
            return self._at
        return max(self._at - left_out, KEPT_BYTES) + (length if self._at >= KEPT_BYTES + left_out else 0)

    def close(self) -> None:
        """Let the file go."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
