"""The layout of a project's state folder: its number, how an older one is brought to it, and who may change it when.

    .cascade/{version, lock, .gitignore, runs/, live/, blobs/, store/, temp/, claims/, trash/, *.db}

`version` holds the number. A folder without that file but with runs is of layout 1. Whoever writes into the folder
holds `lock` shared, from before its first write to its last; who changes what others may rely on holds it alone.
Everything is readable by its owner only. Verbs that only look import this: the standard library, and little of it.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress

from ..base.diagnostics import fail
from .live import live_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from ..base.diagnostics import CascadeError

LAYOUT = 2
VERSION_FILE = "version"
LOCK_FILE = "lock"
_WAIT_S = 30.0
_STEP_S = 0.02


class Migration:
    """A step from the layout before `to`. It may be begun again after it was cut off anywhere, and runs alone."""

    __slots__ = ("about", "apply", "to")

    def __init__(self, to: int, about: str, apply: Callable[[str], None]) -> None:
        self.to = to
        self.about = about
        self.apply = apply


def make_private(folder: str) -> None:
    """Take from a folder and all in it what the group and others may do there. Links are left alone. Raises OSError."""
    for at, folders, files in os.walk(folder, onerror=_raise):
        for path in (at, *(os.path.join(at, name) for name in (*folders, *files))):
            with suppress(FileNotFoundError):  # a live view may come and go
                mode = os.lstat(path).st_mode
                if not stat.S_ISLNK(mode) and mode & 0o077:
                    os.chmod(path, stat.S_IMODE(mode) & 0o700)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


MIGRATIONS = (Migration(2, "everything in it is its owner's alone", make_private),)
"""In order; the last one leads to LAYOUT. A layout that released code has left is never dropped from it."""


def layout_of(state: str | PathLike[str]) -> int | None:
    """The number of a state folder's layout; None where there is none yet. CSC731 where it says something else."""
    try:
        with open(os.path.join(state, VERSION_FILE), encoding="utf-8") as file:
            text = file.read(100).strip()
    except (FileNotFoundError, NotADirectoryError):
        return 1 if os.path.isdir(os.path.join(state, "runs")) else None
    except (OSError, UnicodeDecodeError) as error:
        raise _no_number(state, str(error)) from error
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10):
        raise _no_number(state, f"it says {text[:20]!r}")
    return int(text)


def check(state: str | PathLike[str], newest: int = LAYOUT) -> None:
    """That this version can read a state folder, of this layout or an older one; CSC730, CSC731 where not."""
    found = layout_of(state)
    if found is not None and found > newest:
        raise fail(
            "CSC730",
            f"the state folder `{os.fspath(state)}` has layout {found}, this version of Cascade knows up to {newest}",
            notes=("nothing in it was touched",),
            help="use the version of Cascade that wrote it, or a newer one; or move the folder away to begin anew",
        )


def prepare(state: str | PathLike[str], migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring a state folder to the newest layout; one that is not there yet is left to `found`.

    CSC730 where it is newer, CSC731 where a run of an earlier version lives in it, CSC732 where others have it. OSError.
    """
    newest = migrations[-1].to
    check(state, newest)
    before = layout_of(state)
    if before is None or before >= newest:
        return
    lock = _lock(state, fcntl.LOCK_EX)
    try:
        check(state, newest)
        now = layout_of(state) or newest
        for migration in migrations:
            if migration.to > now:
                live = live_in(os.fspath(state))
                if live:
                    raise fail(
                        "CSC731",
                        f"the state folder `{os.fspath(state)}` is of an earlier version of Cascade, and its run {live[0]} is live",
                        help="wait for its end; the next command then brings the folder to this version",
                    )
                migration.apply(os.fspath(state))
                _write_number(state, migration.to)
    finally:
        os.close(lock)


def found(state: str | PathLike[str]) -> None:
    """Make a state folder where there is none, of the newest layout. Raises OSError."""
    os.makedirs(state, 0o700, exist_ok=True)
    if layout_of(state) is None:
        _write(os.path.join(state, ".gitignore"), "*\n")
        _write_number(state, LAYOUT)


def hold(state: str | PathLike[str]) -> int:
    """The descriptor of a share of the state's lock, to be closed; CSC732 where somebody has it alone for long."""
    return _lock(state, fcntl.LOCK_SH)


def try_alone(state: str | PathLike[str]) -> int | None:
    """The lock for this process alone, None where somebody holds a share, or a run of an earlier version lives."""
    descriptor = _open_lock(state)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if live_in(os.fspath(state)):
        os.close(descriptor)
        return None
    return descriptor


def _open_lock(state: str | PathLike[str]) -> int:
    return os.open(os.path.join(state, LOCK_FILE), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)


def _lock(state: str | PathLike[str], how: int) -> int:
    descriptor = _open_lock(state)
    end = time.monotonic() + _WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            return descriptor
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                os.close(descriptor)
                from .faults import unlockable

                raise unlockable(state, error) from error
            if time.monotonic() > end:
                os.close(descriptor)
                raise fail(
                    "CSC732",
                    f"the state folder `{os.fspath(state)}` is held by another command of Cascade",
                    help="wait for the end of the `cascade clean` or `run` that is at it; `cascade ps` shows live runs",
                ) from None
            time.sleep(_STEP_S)


def _write_number(state: str | PathLike[str], number: int) -> None:
    _write(os.path.join(state, VERSION_FILE), f"{number}\n")


def _write(path: str, text: str) -> None:
    """A small file, as a whole and on disk."""
    beside = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(beside, path)


def _no_number(state: str | PathLike[str], why: str) -> CascadeError:
    return fail(
        "CSC731",
        f"`{os.path.join(state, VERSION_FILE)}` holds no number of a layout: {why}",
        help=f"the layout of this version of Cascade is {LAYOUT}; or move the folder away to begin anew",
    )
