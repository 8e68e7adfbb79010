"""Claims: two live runs of one project do not publish the same path at once.

A claim is a lock on one byte, at an offset that is a hash of the path, in one of a few files that all runs of the
project share: a run may claim any number of paths with few descriptors, and its claims end with it, however it ends.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from .faults import unlockable, unusable

_FILES = 64
"""The kernel keeps the locks of a file in a list: more files, shorter lists."""
_OFFSET_MASK = (1 << 62) - 1


class Claims:
    """The claims of one run, in the project's folder of claims."""

    __slots__ = ("_files", "_held", "folder")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[int, int] = {}
        self._held: set[str] = set()

    def take(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Claim all these absolute paths, or none: the paths that another live run has are given back.

        A path that this run has already is claimed once. CSC706 where the folder cannot be written.
        """
        held = self._held
        wanted = [path for path in dict.fromkeys(paths) if path not in held]
        taken: list[str] = []
        refused: list[str] = []
        for path in wanted:
            (taken if self._lock(path, fcntl.F_WRLCK) else refused).append(path)
        if refused:
            for path in taken:
                self._lock(path, fcntl.F_UNLCK)
        else:
            self._held.update(taken)
        return tuple(refused)

    def release(self, paths: Iterable[str]) -> None:
        """Give claims up; a path that is not claimed does not matter."""
        for path in paths:
            if path in self._held:
                self._held.remove(path)
                self._lock(path, fcntl.F_UNLCK)

    def close(self) -> None:
        """Give all claims up."""
        self._held.clear()
        while self._files:
            os.close(self._files.popitem()[1])

    def _lock(self, path: str, kind: int) -> bool:
        number = int.from_bytes(blake2b(os.fsencode(path), digest_size=8).digest(), "big")
        # struct flock: type, whence, start, length, pid. Locks of an open file description, not of the process, so
        # that closing another descriptor of the file, anywhere in the process, does not drop them.
        request = struct.pack("hhqqi4x", kind, os.SEEK_SET, (number // _FILES) & _OFFSET_MASK, 1, 0)
        try:
            fcntl.fcntl(self._file(number % _FILES), fcntl.F_OFD_SETLK, request)
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            raise unlockable(self.folder, error) from error
        return True

    def _file(self, which: int) -> int:
        descriptor = self._files.get(which)
        if descriptor is None:
            try:
                with suppress(FileExistsError):
                    self.folder.mkdir(mode=0o700)
                flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
                descriptor = os.open(self.folder / f"{which:02x}", flags, 0o600)
            except OSError as error:
                raise unusable(self.folder, error) from error
            self._files[which] = descriptor
        return descriptor
