"""Control groups of Linux, version 2: one for each attempt that asked for an amount of memory, where we may make them.

The kernel then holds the bound at every instant, over all processes of the attempt, those in sessions of their own and
without a parent too. Files that were read or written do not count against it: the kernel drops them first.

A group can be made beside our own where a user's or a service's manager has given us that part of the tree, below our
own where we are alone in it (`Delegate=yes`, a container with a writable tree), or below the root. Everywhere else
`find` says why not.
"""

from __future__ import annotations

import os
from contextlib import suppress

from . import procfs

_NAME = "cascade"
_MOVES_MAX = 20


class NoCgroups(Exception):
    """No control group can be made; the text says why."""


class Cgroup:
    """The control group of one attempt."""

    __slots__ = ("folder",)

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def enter(self, pid: int) -> bool:
        """Move a process into the group, with what it has started meanwhile; False where that cannot be."""
        todo = [pid]
        try:
            for _ in range(_MOVES_MAX):
                for each in todo:
                    _write(f"{self.folder}/cgroup.procs", str(each))
                todo = [child for child in _below(pid) if child not in self._members()]
                if not todo:
                    return True
        except OSError:
            return pid in self._members()
        return True

    def _members(self) -> set[int]:
        text = _read(f"{self.folder}/cgroup.procs") or ""
        return {int(word) for word in text.split()}

    def used(self) -> int | None:
        """What its processes allocated and share now, in bytes, without the files that they read or mapped."""
        fields = _fields(_read(f"{self.folder}/memory.stat"))
        return fields["anon"] + fields.get("shmem", 0) if "anon" in fields else None

    def peak(self) -> int | None:
        """The most that the group ever had, files included: what it used itself was no more than that."""
        text = _read(f"{self.folder}/memory.peak")
        return int(text) if text else None

    def cpu_ms(self) -> int | None:
        """User and system time of all that ever was in the group."""
        usec = _fields(_read(f"{self.folder}/cpu.stat")).get("usage_usec")
        return None if usec is None else usec // 1000

    def was_bound(self) -> bool:
        """The kernel has killed in the group because its bound was reached."""
        return _fields(_read(f"{self.folder}/memory.events")).get("oom_kill", 0) > 0

    def kill(self) -> None:
        """KILL to everything in the group."""
        with suppress(OSError):
            _write(f"{self.folder}/cgroup.kill", "1")

    def remove(self) -> bool:
        """Give the group back; False while something in it is still alive."""
        try:
            os.rmdir(self.folder)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True


class Cgroups:
    """Makes the groups of one engine, in the folder `base`."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._left: list[Cgroup] = []

    def make(self, name: str, bound: int) -> Cgroup | None:
        """A new group that may use `bound` bytes, and nothing of the swap space; None where the kernel refuses."""
        folder = f"{self.base}/{_NAME}-{os.getpid()}-{name}"
        try:
            os.mkdir(folder)
        except OSError:
            return None
        group = Cgroup(folder)
        try:
            _write(f"{folder}/memory.max", str(bound))
            with suppress(OSError):  # without swap there is no such file
                _write(f"{folder}/memory.swap.max", "0")
            _write(f"{folder}/memory.oom.group", "1")
        except OSError:
            group.remove()
            return None
        return group

    def give_back(self, group: Cgroup) -> None:
        """The attempt has ended; what it left behind in the group keeps it until it has ended too."""
        self._left = [each for each in (*self._left, group) if not each.remove()]

    def close(self) -> None:
        """Give back what can be given back."""
        self._left = [each for each in self._left if not each.remove()]


def find(warden: int | None = None, *, mounts: str = "/proc/self/mountinfo", own: str = "/proc/self/cgroup") -> Cgroups:
    """Where groups with a bound of memory can be made; raises NoCgroups. `warden` is a process that moves with us."""
    folder, root = _own_folder(mounts, own)
    above = os.path.dirname(folder)
    refused = "its part of the tree is not ours to change"
    if _hands_on(folder) and (cgroups := _tried(folder)) is not None:
        return cgroups
    if folder != root and _hands_on(above) and os.access(f"{above}/cgroup.procs", os.W_OK):
        cgroups = _tried(above)
        if cgroups is not None:
            return cgroups
    if "memory" not in (_read(f"{folder}/cgroup.controllers") or "").split():
        refused = "memory is not counted in this part of the tree"
    elif os.access(f"{folder}/cgroup.subtree_control", os.W_OK):
        cgroups = _moved(folder, warden)
        if cgroups is not None:
            return cgroups
        refused = "other processes share this part of the tree"
    raise NoCgroups(refused)


def _own_folder(mounts: str, own: str) -> tuple[str, str]:
    """Our group's folder, and where the tree is mounted."""
    name = next((line[3:] for line in (_read(own) or "").splitlines() if line.startswith("0::")), None)
    for line in (_read(mounts) or "").splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if after.startswith("cgroup2 ") and len(fields) > 4 and name is not None:
            inner, root = fields[3], fields[4]
            inside = name.removeprefix(inner.rstrip("/")) if name.startswith(inner) else name
            folder = f"{root}/{inside.strip('/')}".rstrip("/")
            if os.path.isdir(folder):
                return folder, root
    raise NoCgroups("control groups of version 2 are not mounted")


def _hands_on(folder: str) -> bool:
    return "memory" in (_read(f"{folder}/cgroup.subtree_control") or "").split() and os.access(folder, os.W_OK)


def _tried(base: str) -> Cgroups | None:
    """The maker of groups in a folder if it can make one; what dead engines left there is removed."""
    for name in os.listdir(base):
        words = name.split("-")
        if len(words) == 3 and words[0] == _NAME and words[1].isdigit() and not os.path.exists(f"/proc/{words[1]}"):
            Cgroup(f"{base}/{name}").remove()
    cgroups = Cgroups(base)
    trial = cgroups.make("try", 1 << 30)
    if trial is None:
        return None
    trial.remove()
    return cgroups


def _moved(folder: str, warden: int | None) -> Cgroups | None:
    """Groups below our own: the kernel wants no process beside them, so we move into one ourselves, if we are alone."""
    ours = {os.getpid(), *([warden] if warden else [])}
    try:
        if {int(word) for word in (_read(f"{folder}/cgroup.procs") or "").split()} - ours:
            return None
        engine = f"{folder}/{_NAME}-{os.getpid()}-engine"
        os.mkdir(engine)
        for pid in ours:
            _write(f"{engine}/cgroup.procs", str(pid))
        _write(f"{folder}/cgroup.subtree_control", "+memory")
    except OSError:
        return None
    return _tried(folder)


def _below(pid: int) -> list[int]:
    found: list[int] = []
    todo = [pid]
    while todo:
        children = procfs.children_of(todo.pop())
        found += children
        todo += children
    return found


def _fields(text: str | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in (text or "").splitlines():
        name, _, number = line.partition(" ")
        if number.strip().isdigit():
            found[name] = int(number)
    return found


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return None


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
