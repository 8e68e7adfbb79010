"""Who may do what with outputs: those that are kept in the state are read-only and their owner's, published ones are not."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_KEPT_MODES = (0o400, 0o500)


def make_read_only(path: Path) -> None:
    """For the owner alone. Folders stay writable, so that `.cascade` can be deleted. Raises OSError."""
    if path.is_dir():
        for folder, _, names in os.walk(path):
            os.chmod(folder, 0o700)
            for name in names:
                inner = os.path.join(folder, name)
                if not os.path.islink(inner):
                    os.chmod(inner, stat.S_IMODE(os.stat(inner).st_mode) & 0o500)
    else:
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) & 0o500)


def open_copy(path: Path, digest: str, store: Path) -> None:
    """Give a file that `cp` made of a kept one, mode and all, the mode that a new file has. Raises OSError.

    The mode was ours, and no wish of who wrote the body; a file of any other content or mode stays what it is.
    """
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if mode in _KEPT_MODES and any(name.startswith(digest) for name in _listed(store)):
        os.chmod(path, (0o777 if mode & 0o100 else 0o666) & ~_mask())


def _listed(folder: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return os.listdir(folder)
    return []


def _mask() -> int:
    """The mask of this process, which cannot be asked for without setting it, but for this file."""
    with suppress(OSError, ValueError), open("/proc/self/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o077
