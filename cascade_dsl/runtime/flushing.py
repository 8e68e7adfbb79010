"""Folders whose entries have changed are brought to disk before what changed them is called done; many at once.

While one flush is on its way all that comes in waits for the next: a thousand files that go to one folder at once cost a
few flushes, not a thousand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from ..store.flush import flush_folders
from .disk import Disk

Then = Callable[[Exception | None], None]


class Flushing:
    """From the trio thread."""

    def __init__(self) -> None:
        self._waiting: list[tuple[list[str], Then]] = []
        self._is_busy = False

    def flush(self, folders: Iterable[str], disk: Disk, then: Then) -> None:
        """Have folders brought to disk; then `then`, with the error where the disk fails."""
        self._waiting.append((list(folders), then))
        if not self._is_busy:
            self._go(disk)

    def _go(self, disk: Disk) -> None:
        batch, self._waiting = self._waiting, []
        self._is_busy = True
        folders = [folder for some, _ in batch for folder in some]
        disk.submit(partial(flush_folders, folders), partial(self._on_done, batch, disk))

    def _on_done(self, batch: list[tuple[list[str], Then]], disk: Disk, result: Exception | None) -> None:
        self._is_busy = False
        for _, then in batch:
            then(result)
        if self._waiting and not self._is_busy:
            self._go(disk)
