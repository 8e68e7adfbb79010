"""Programs side by side: runs interleaved (A B A B …), each in a new folder and a clean environment, its output verified.

A figure is a median; what is quoted is its ratio to a peer of the same session, for a machine has moods. Nothing is
deleted before the end: ext4 gives an inode that was freed a moment ago no new file, and to look past thousands of
those makes the creation of a file up to 50 times as dear for the next half minute.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A program that does the work in a folder of its own. `prepare` writes what it reads; `verify` raises if it lies."""

    name: str
    command: Sequence[str]
    prepare: Callable[[Path], None] = lambda folder: None
    verify: Callable[[Path], None] = lambda folder: None


@dataclass(slots=True)
class Times:
    """What was measured of one peer, a number for each run. CPU is that of the program and all that it waited for."""

    wall_s: list[float] = field(default_factory=list[float])
    cpu_s: list[float] = field(default_factory=list[float])

    @property
    def wall(self) -> float:
        return median(self.wall_s)

    @property
    def cpu(self) -> float:
        return median(self.cpu_s)


def clean_environment(home: Path) -> dict[str, str]:
    """What every peer gets: nothing of the caller's but the way to programs, so that bytecode is kept and found."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
    }


def measure(peers: Sequence[Peer], *, reps: int, base: Path) -> dict[str, Times]:
    """Run each peer `reps` times in turn, after one run that is not counted; each run in a folder of its own."""
    times = {peer.name: Times() for peer in peers}
    home = base / "home"
    home.mkdir(exist_ok=True)
    for rep in range(reps + 1):
        for peer in peers:
            folder = base / f"{peer.name.replace(' ', '-')}-{rep}"
            folder.mkdir()
            peer.prepare(folder)
            wall, cpu = timed(peer.command, folder, clean_environment(home))
            peer.verify(folder)
            if rep:
                times[peer.name].wall_s.append(wall)
                times[peer.name].cpu_s.append(cpu)
    return times


def timed(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command, its waited-for descendants included; SystemExit with its stderr if it fails."""
    log = folder.parent / "stderr"
    with open(log, "wb") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {process.returncode}\n{log.read_text(errors='replace')[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime


def table(times: Mapping[str, Times], *, against: str, tasks: int = 1) -> str:
    """Medians, spread and the ratio to one of the peers."""
    unit = times[against].wall
    rows = [f"{'':28} {'wall s':>8} {'min':>8} {'max':>8} {'cpu s':>8} {'ms/task':>8}  × {against}"]
    rows += [
        f"{name:28} {t.wall:8.3f} {min(t.wall_s):8.3f} {max(t.wall_s):8.3f} {t.cpu:8.3f} "
        f"{t.wall / tasks * 1e3:8.3f}  {t.wall / unit:.2f}"
        for name, t in times.items()
    ]
    return "\n".join(rows)


def available(peers: Sequence[Peer]) -> list[Peer]:
    """Those whose program is here; what is missing is said."""
    here: list[Peer] = []
    for peer in peers:
        if shutil.which(peer.command[0], path=clean_environment(Path("/"))["PATH"]):
            here.append(peer)
        else:
            print(f"{peer.name}: not here, left out ({peer.command[0]})")
    return here


def load() -> str:
    """How busy the machine is, to be printed beside every figure."""
    one, five, _ = os.getloadavg()
    return f"load {one:.1f} {five:.1f} on {os.cpu_count()} cores, Python {sys.version.split()[0]}"


def cascade() -> str:
    """The installed command that stands beside this Python."""
    return str(Path(sys.executable).parent / "cascade")
