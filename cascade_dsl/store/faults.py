"""The refusals that every file of this room may meet."""

from __future__ import annotations

import errno
from os import PathLike, fspath
from pathlib import Path

from ..base.diagnostics import CascadeError, fail

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL)


def unusable(folder: Path, error: OSError) -> CascadeError:
    """CSC706: a folder of the state cannot be written."""
    return fail(
        "CSC706",
        f"`{folder}` cannot be written: {error.strerror}",
        help="check that the project's folder is writable and its disk not full",
    )


def unlockable(path: str | PathLike[str], error: OSError) -> CascadeError:
    """CSC742: the file system has no locks, by which runs know of each other; else as `unusable`."""
    if error.errno not in _NO_LOCKS:
        return unusable(Path(path), error)
    return fail(
        "CSC742",
        f"the file system of `{fspath(path)}` has no locks: {error.strerror}",
        notes=("by its lock a run is known to be live, and two runs do not publish one path at once",),
        help="put the project's folder on a local disk, or mount the network file system with locks",
    )
