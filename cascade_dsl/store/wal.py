"""The write-ahead log of a journal that nobody writes: whether SQLite takes all of it.

SQLite reads a log up to the last commit before the first frame whose checksum does not fit, and drops the rest without a
word: the log of a killed engine may well end in half a commit. So one flipped bit in its middle would cost all turns
behind it. What a kill leaves and what damage leaves can be told apart by the frames behind the last one that was taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct, unpack
from typing import NamedTuple

from .boot import boot_id
from .live import read_info

_HEADER = Struct(">8I")
"""Magic, format, page size, rounds through the file so far, two salts, two halves of a checksum. The first salt counts up."""
_FRAME = Struct(">6I")
"""Page, size of the database where it ends a commit, two salts, two halves of the checksum of all up to here."""
_MAGIC = 0x377F0682
"""The lowest bit says in which order of bytes the checksum was made: that of the machine that wrote it."""

Sums = tuple[int, int]


class _Frame(NamedTuple):
    salts: tuple[int, int]
    commits: bool
    fits: bool


def is_cut(journal: Path) -> bool:
    """Whether turns that were committed are lost to damage. Only of a journal that nobody writes; changes nothing.

    After a restart of the machine nothing can be said: what was not flushed may be missing anywhere.
    """
    log = Path(f"{journal}-wal")
    with suppress(OSError):
        if os.stat(log).st_size and not was_restarted(journal.parent):
            return _is_cut(log.read_bytes())
    return False


def was_restarted(folder: Path) -> bool:
    """Whether the machine was started again since the run in this folder was last begun or gone on with."""
    began = read_info(str(folder)).get("boot", "")
    return bool(began) and began != boot_id()


def _is_cut(log: bytes) -> bool:
    if len(log) < _HEADER.size:
        return False  # killed before the first write was through
    magic, _, page_bytes, rounds, salt1, salt2, one, two = _HEADER.unpack_from(log)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or _sums(log[:24], (0, 0), order) != (one, two):
        return True
    behind: list[_Frame] = []
    is_taken = True
    for frame in _frames(log, page_bytes, (one, two), order):
        is_taken = is_taken and frame.fits and frame.salts == (salt1, salt2)
        behind.append(frame)
        if is_taken and frame.commits:
            behind.clear()
    before: _Frame | None = None
    for frame in behind:
        back = (salt1 - frame.salts[0]) & 0xFFFFFFFF
        if 0 < back <= rounds and frame.salts[1] != salt2:
            return False  # left of an earlier round through the file: the frame before it may be half written
        if frame.salts != (salt1, salt2) or (before is not None and not before.fits):
            return True
        before = frame
    return before is not None and not before.fits


def _frames(log: bytes, page_bytes: int, sums: Sums, order: str) -> Iterator[_Frame]:
    """The whole frames; each fits if its checksum is that of itself and all before it."""
    step = _FRAME.size + page_bytes
    for at in range(_HEADER.size, len(log) - step + 1, step):
        _, pages, salt1, salt2, one, two = _FRAME.unpack_from(log, at)
        sums = _sums(log[at : at + 8] + log[at + _FRAME.size : at + step], sums, order)
        yield _Frame((salt1, salt2), pages > 0, sums == (one, two))
        sums = (one, two)


def _sums(data: bytes, start: Sums, order: str) -> Sums:
    """The checksum of the format: two Fibonacci-like sums over pairs of words."""
    one, two = start
    words = unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two
