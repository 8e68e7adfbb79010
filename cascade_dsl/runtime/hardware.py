"""What this machine lets us use: cores, memory, GPUs of NVIDIA. Control groups count: a container has what it was given.

Each function takes the folder under which `/proc`, `/sys` and `/dev` lie, so that a test can bring a machine of its own. A file
that is not there, or says nothing that can be read, says nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from ..base.quantity import MILLI

_ASK_BOUND_S = 2.0
_SMI_OF_WSL = "/usr/lib/wsl/lib"
"""Where Windows puts `nvidia-smi` for its Linux, on no PATH."""


# ---- cores and memory -----------------------------------------------------------------------------------------------


def cores_milli(affinity: int, root: str = "") -> int:
    """Thousandths of cores that we may use, of `affinity` whole ones; a quota of less than one core counts as one."""
    most = affinity * MILLI
    for group in _groups(root):
        quota = _cpu_quota(group)
        if quota is not None:
            most = min(most, max(MILLI, quota))
    return most


def memory_bytes(physical: int, root: str = "") -> int:
    """Bytes of memory that we may use, of those that are there."""
    most = physical
    for group in _groups(root):
        bound = _memory_bound(group)
        if bound is not None:
            most = min(most, bound)
    return most


def _cpu_quota(group: _Group) -> int | None:
    if group.version == 2:
        words = (_read(f"{group.folder}/cpu.max") or "").split()
    else:
        words = [
            *(_read(f"{group.folder}/cpu.cfs_quota_us") or "").split(),
            *(_read(f"{group.folder}/cpu.cfs_period_us") or "").split(),
        ]
    with suppress(ValueError):
        quota, period = map(int, words)  # `max` and -1 are no quota
        if quota > 0 and period > 0:
            return quota * MILLI // period
    return None


def _memory_bound(group: _Group) -> int | None:
    text = _read(f"{group.folder}/{'memory.max' if group.version == 2 else 'memory.limit_in_bytes'}")
    with suppress(ValueError):
        bound = int(text or "")
        if bound > 0:
            return bound
    return None


@dataclass(frozen=True, slots=True)
class _Group:
    """A control group that we are in: its folder, and which version of the files is in it."""

    version: int
    folder: str


def _groups(root: str) -> list[_Group]:
    """Our own groups and all above them: each may bound us."""
    own = _read(f"{root}/proc/self/cgroup") or ""
    mounts = _read(f"{root}/proc/self/mountinfo") or ""
    return [_Group(version, root + folder) for version, folder in groups_of(own, mounts)]


def groups_of(own: str, mounts: str) -> list[tuple[int, str]]:
    """(version, folder) of each control group that bounds us, from the texts of `/proc/self/cgroup` and `mountinfo`.

    A folder need not be there: a container without a namespace for groups is told the path that the host knows.
    """
    paths: dict[str, str] = {}
    for line in own.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            paths[controller] = path
    found: list[tuple[int, str]] = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or not kind:
            continue
        inner, mount = _unescaped(fields[3]), _unescaped(fields[4])
        if kind[0] == "cgroup2":
            found += [(2, folder) for folder in _upwards(paths.get("", "/"), inner, mount)]
        elif kind[0] == "cgroup":
            for controller in {"cpu", "memory"} & set(kind[-1].split(",")):
                found += [(1, folder) for folder in _upwards(paths.get(controller, "/"), inner, mount)]
    return list(dict.fromkeys(found))


def _upwards(path: str, inner: str, mount: str) -> list[str]:
    """The folders from a group up to the mount; `inner` is the part of the tree that is mounted there."""
    if inner != "/":
        inside = path == inner or path.startswith(inner + "/")
        path = path[len(inner) :] if inside else ""
    parts = [part for part in path.split("/") if part]
    if ".." in parts:  # it is outside of what we see
        parts = []
    mount = mount.rstrip("/")
    return ["/".join([mount, *parts[:count]]) for count in range(len(parts), -1, -1)]


def _unescaped(text: str) -> str:
    """A field of `mountinfo`, which writes white space in octal."""
    for octal in ("040", "011", "012"):
        text = text.replace(f"\\{octal}", chr(int(octal, 8)))
    return text.replace("\\134", "\\")


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return None


# ---- GPUs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs of this machine that we may use."""

    count: int
    names: tuple[str, ...] | None = None
    """What CUDA is told to call them, in order; None where the environment says nothing: by numbers from 0."""

    def visible(self, units: Sequence[int]) -> str:
        """`CUDA_VISIBLE_DEVICES` for a task that has these units.

        Where a limit says more than there are, units go round: the fifth of four is the first once more.
        """
        names = self.names if self.names is not None else tuple(map(str, range(self.count)))
        if names:
            return ",".join(dict.fromkeys(names[unit % len(names)] for unit in units))
        if self.names is not None:
            return ""
        return ",".join(map(str, units))  # we see none, and somebody who says that there are knows better


def gpus(environ: Mapping[str, str], root: str = "", ask: Callable[[], int] | None = None) -> Gpus:
    """The GPUs of NVIDIA that a process with this environment may use.

    `ask` runs `nvidia-smi`. That takes its time, so it is asked only where a driver is and no device is to be seen.
    """
    found = _devices(root)
    if not found and _has_driver(root):
        found = (_ask_smi if ask is None else ask)()
    given = environ.get("NVIDIA_VISIBLE_DEVICES", "").strip()
    if given in ("none", "void"):
        found = 0
    elif given not in ("", "all"):
        found = min(found, sum(1 for word in given.split(",") if word.strip()))
    if "CUDA_VISIBLE_DEVICES" not in environ:
        return Gpus(found)
    names = visible_names(environ["CUDA_VISIBLE_DEVICES"], found)
    return Gpus(min(found, len(names)), names)


def visible_names(text: str, found: int) -> tuple[str, ...]:
    """The devices in a value of `CUDA_VISIBLE_DEVICES`; as CUDA does, what follows one that cannot be is not looked at.

    `found` is how many there are, 0 where that is not known.
    """
    names: list[str] = []
    for word in map(str.strip, text.split(",")):
        if word.isascii() and word.isdigit():
            if found and int(word) >= found:
                break
        elif not word.startswith(("GPU-", "MIG-")):
            break
        names.append(word)
    return tuple(dict.fromkeys(names))


def _devices(root: str) -> int:
    """How many devices `/dev` holds: in a container those that it was given, and no others."""
    try:
        names = os.listdir(f"{root}/dev")
    except OSError:
        return 0
    return sum(1 for name in names if name.startswith("nvidia") and name[6:].isdigit())


def _has_driver(root: str) -> bool:
    """Whether `nvidia-smi` could know of devices: it makes them where they are not there before their first use."""
    if os.path.exists(f"{root}/dev/dxg"):  # Linux on Windows
        return True
    with suppress(OSError):
        return bool(os.listdir(f"{root}/proc/driver/nvidia/gpus"))
    return False


@cache
def _ask_smi() -> int:
    program = shutil.which("nvidia-smi") or shutil.which("nvidia-smi", path=_SMI_OF_WSL)
    return 0 if program is None else ask_smi(program, _ASK_BOUND_S)


def ask_smi(program: str, bound_s: float) -> int:
    """How many GPUs `nvidia-smi -L` lists; 0 where it fails, or does not answer in time."""
    try:
        child = subprocess.Popen(
            [program, "-L"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return 0
    try:
        said, _ = child.communicate(timeout=bound_s)
    except subprocess.TimeoutExpired:
        child.kill()
        with suppress(subprocess.TimeoutExpired):  # one that hangs in the driver does not die: it is left alone
            child.communicate(timeout=bound_s)
        return 0
    return listed(said.decode("utf-8", "replace")) if child.returncode == 0 else 0


def listed(text: str) -> int:
    """How many GPUs stand in what `nvidia-smi -L` prints; parts of one (MIG) are no others."""
    return sum(1 for line in text.splitlines() if line.startswith("GPU "))
