"""The write-ahead log of a journal that nobody writes: whether SQLite takes all of it.

SQLite reads a log up to the last commit before the first frame whose checksum does not fit, and drops the rest without a
word: the log of a killed engine may well end in half a commit. So one flipped bit in its middle would cost all turns
behind it. What a kill leaves and what damage leaves can be told apart by the frames behind the last one that was taken.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from struct import Struct, unpack
from typing import NamedTuple
from urllib.parse import quote

from .boot import boot_id
from .live import read_info

_HEADER = Struct(">8I")
"""Magic, format, page size, rounds through the file so far, two salts, two halves of a checksum. The first salt counts up."""
_FRAME = Struct(">6I")
"""Page, size of the database where it ends a commit, two salts, two halves of the checksum of all up to here."""
_MAGIC = 0x377F0682
"""The lowest bit says in which order of bytes the checksum was made: that of the machine that wrote it."""
_TAKEN_AT = 16
"""Where the index beside the log, in the order of the machine, says how many frames were taken."""

Sums = tuple[int, int]


class _Frame(NamedTuple):
    salts: tuple[int, int]
    sums: Sums
    fits: bool


def is_cut(journal: Path) -> bool:
    """Whether turns that were committed are lost to damage. Only of a journal that nobody writes; changes nothing.

    After a restart of the machine nothing can be said: what was not flushed may be missing anywhere.
    """
    log = Path(f"{journal}-wal")
    with suppress(OSError):
        if os.stat(log).st_size == 0 or was_restarted(journal.parent):
            return False
        taken = _taken(journal)
        if taken is not None:
            return _is_cut(log.read_bytes(), taken)
    return False


def was_restarted(folder: Path) -> bool:
    """Whether the machine was started again since the run in this folder was last begun or gone on with."""
    began = read_info(str(folder)).get("boot", "")
    return bool(began) and began != boot_id()


def _read_only(path: Path) -> sqlite3.Connection:
    """A connection that never moves the log into the database, not even when it is closed, and reads it by its index."""
    where = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode=ro"
    return sqlite3.connect(where, uri=True, isolation_level=None, timeout=5, check_same_thread=False)


def _taken(journal: Path) -> int | None:
    """How many frames of the log SQLite takes; None where it cannot read the journal, and will say so itself."""
    with closing(_read_only(journal)) as db:
        try:
            db.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError:
            return None
        with open(f"{journal}-shm", "rb") as index:
            (taken,) = unpack("=I", index.read(_TAKEN_AT + 4)[_TAKEN_AT:])
            return taken


def _is_cut(log: bytes, taken: int) -> bool:
    if len(log) < _HEADER.size:
        return False  # killed before the first write was through
    magic, _, page_bytes, rounds, salt1, salt2, one, two = _HEADER.unpack_from(log)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or _sums(log[:24], (0, 0), order) != (one, two):
        return True
    before: _Frame | None = None
    for frame in _frames(log, taken, page_bytes, (one, two), order):
        back = (salt1 - frame.salts[0]) & 0xFFFFFFFF
        if 0 < back <= rounds and frame.salts[1] != salt2:
            return False  # left of an earlier round through the file: the frame before it may be half written
        if frame.salts != (salt1, salt2) or (before is not None and not before.fits):
            return True
        before = frame
    return before is not None and not before.fits


def _frames(log: bytes, taken: int, page_bytes: int, first: Sums, order: str) -> Iterator[_Frame]:
    """The whole frames behind the first `taken`; each fits if those before it do and its checksum is right."""
    step = _FRAME.size + page_bytes
    at = _HEADER.size + taken * step
    before = _FRAME.unpack_from(log, at - step)[4:] if taken else first
    sums: Sums = (before[0], before[1])
    while at + step <= len(log):
        _, _, salt1, salt2, one, two = _FRAME.unpack_from(log, at)
        sums = _sums(log[at : at + 8] + log[at + _FRAME.size : at + step], sums, order)
        yield _Frame((salt1, salt2), (one, two), sums == (one, two))
        sums = (one, two)
        at += step


def _sums(data: bytes, start: Sums, order: str) -> Sums:
    """The checksum of the format: two Fibonacci-like sums over pairs of words."""
    one, two = start
    words = unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two
