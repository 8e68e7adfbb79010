"""Carrying the entries of folders to the disk: a rename that is not there after a power loss did not happen."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

_NOT_HERE = (errno.EINVAL, errno.ENOTSUP, errno.EROFS, errno.EBADF)
"""What file systems say that bring folders to disk by themselves, or not at all."""


def flush_folders(folders: Iterable[str]) -> None:
    """Each folder once; one that is gone needs none. Raises OSError where the disk fails."""
    for folder in dict.fromkeys(folders):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
        finally:
            os.close(descriptor)


def flush_file(path: str | os.PathLike[str]) -> None:
    """The content of a file; one that is gone needs it no more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
