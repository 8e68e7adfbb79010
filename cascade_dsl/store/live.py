"""Which runs are live, and where: what a verb like `cascade limit` asks first.

A run is live while its engine holds the lock on the file `lock` in the run's folder. Live runs are found through
links, in `.cascade/live` of their project and in a registry of the user, so that the past of a project costs nothing.
To look for runs writes nothing: a dead link is removed by the next run that is announced beside it, under the lock of
the run that it names, so that an engine that takes that run over is not lost.

Every control verb imports this module: it must stay without pathlib, typing, dataclasses and sqlite3.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from typing import Any

STATE_FOLDER = ".cascade"
LOCK_FILE = "lock"
INFO_FILE = "run.json"
SOCKET_FILE = "control.sock"
_LINKS = "live"


class LiveRun:
    """A run whose engine is alive. `warden` is None where the run has none, `started_ns` is an instant in UTC."""

    __slots__ = ("file", "folder", "pid", "run", "started_ns", "warden")

    def __init__(self, *, run: str, folder: str, file: str, pid: int, warden: int | None, started_ns: int) -> None:
        self.run = run
        self.folder = folder
        self.file = file
        self.pid = pid
        self.warden = warden
        self.started_ns = started_ns

    @property
    def project(self) -> str:
        """The folder of the program that runs."""
        return os.path.dirname(os.path.dirname(os.path.dirname(self.folder)))

    @property
    def socket(self) -> str:
        """Where the run listens."""
        return os.path.join(self.folder, SOCKET_FILE)

    def __repr__(self) -> str:
        return f"LiveRun({self.run!r}, {self.folder!r})"


def find_live(start: str | PathLike[str], *, run: str | None = None, everywhere: bool = False) -> list[LiveRun]:
    """The live runs that are meant at `start`, newest first.

    Those of the projects that `start` and its parents are; where there are none, those in the user's registry. With
    `everywhere` both, each once; with `run` the one of that name, wherever it is.
    """
    found: dict[str, LiveRun] = {}
    here = os.path.abspath(start)
    while True:
        _collect(os.path.join(here, STATE_FOLDER, _LINKS), found)
        parent = os.path.dirname(here)
        if parent == here:
            break
        here = parent
    if not found or everywhere or run is not None:
        registry = registry_folder()
        if registry is not None:
            _collect(registry, found)
    runs = sorted(found.values(), key=lambda each: each.run, reverse=True)
    return runs if run is None else [each for each in runs if each.run == run]


def registry_folder(*, create: bool = False) -> str | None:
    """The user's folder of links to live runs; None where there is none, or none that is this user's alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    candidates = [os.path.join(runtime, "cascade")] if runtime and os.path.isabs(runtime) else []
    temporary = os.environ.get("TMPDIR") or "/tmp"
    candidates.append(os.path.join(temporary, f"cascade-{os.getuid()}"))
    for folder in candidates:
        if create:
            try:
                os.mkdir(folder, 0o700)
            except FileExistsError:
                pass
            except OSError:
                continue
        if _is_private(folder):
            return folder
    return None


def is_live(folder: str | PathLike[str]) -> bool:
    """Whether an engine holds the lock of the run in this folder."""
    probe = _probe(os.path.join(folder, LOCK_FILE))
    if probe is None:
        return False
    descriptor, held = probe
    os.close(descriptor)
    return held


def announce(folder: str) -> None:
    """Make the run in this folder, whose lock the caller holds, known to `find_live`.

    Never fails: a run that others do not find is still a good run.
    """
    name = os.path.basename(folder)
    links = os.path.join(os.path.dirname(os.path.dirname(folder)), _LINKS)
    with suppress(OSError):
        os.makedirs(links, 0o700, exist_ok=True)
        _prune(links)
        _link(folder, os.path.join(links, name))
    registry = registry_folder(create=True)
    if registry is not None:
        _prune(registry)
        with suppress(OSError):
            _link(folder, os.path.join(registry, _registry_name(folder)))


def withdraw(folder: str) -> None:
    """Undo `announce`; the caller still holds the lock."""
    name = os.path.basename(folder)
    links = os.path.join(os.path.dirname(os.path.dirname(folder)), _LINKS)
    _unlink(os.path.join(links, name))
    registry = registry_folder()
    if registry is not None:
        _unlink(os.path.join(registry, _registry_name(folder)))


def _registry_name(folder: str) -> str:
    """Two projects may have runs of one name: a sum of the path tells them apart."""
    from zlib import crc32

    return f"{os.path.basename(folder)}.{crc32(os.fsencode(folder)):08x}"


def _link(target: str, link: str) -> None:
    try:
        os.symlink(target, link)
    except FileExistsError:
        # Left by an engine that died, or a project that was moved: ours is the lock, so ours is the name.
        os.unlink(link)
        os.symlink(target, link)


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _is_private(folder: str) -> bool:
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _collect(links: str, found: dict[str, LiveRun]) -> None:
    for link in _listed(links):
        with suppress(OSError):
            folder = os.path.realpath(link, strict=True)
            if folder not in found and is_live(folder):
                found[folder] = _read(folder)


def live_in(state: str) -> list[str]:
    """The names of the runs that are live in a state folder, also those that others do not find."""
    runs = os.path.join(state, "runs")
    try:
        names = os.listdir(runs)
    except OSError:
        return []
    return [name for name in sorted(names) if is_live(os.path.join(runs, name))]


def _prune(links: str) -> None:
    """Remove the links of runs that are dead or gone."""
    for link in _listed(links):
        try:
            probe = _probe(os.path.join(os.path.realpath(link, strict=True), LOCK_FILE))
        except OSError:
            probe = None
        if probe is None:
            _unlink(link)
            continue
        descriptor, held = probe
        if not held:
            _unlink(link)
        os.close(descriptor)


def _listed(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if os.path.islink(path):
            yield path


def _probe(lock: str) -> tuple[int, bool] | None:
    """The opened lock file and whether an engine holds it; None where there is none.

    While the descriptor is open and no engine held the lock, none can take it.
    """
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return descriptor, True
    return descriptor, False


def read_info(folder: str) -> dict[str, Any]:
    """What `run.json` of a run's folder says; nothing where it cannot be read."""
    said: dict[str, Any] | None = None
    with suppress(OSError, ValueError), open(os.path.join(folder, INFO_FILE), encoding="utf-8") as file:
        said = json.load(file)
    return said if isinstance(said, dict) else {}


def _read(folder: str) -> LiveRun:
    info = read_info(folder)
    return LiveRun(
        run=os.path.basename(folder),
        folder=folder,
        file=info.get("file", ""),
        pid=info.get("pid", 0),
        warden=info.get("warden"),
        started_ns=info.get("started_ns", 0),
    )
