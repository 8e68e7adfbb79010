"""Control groups: where they can be made, and what the kernel does in them where this machine lets us make some."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from executors_work import Work, is_alive, on_disk, until

from cascade_dsl.executors.cgroups import Cgroups, NoCgroups, find
from cascade_dsl.executors.monitor import bound_of

MB = 1_000_000
BIG = "import time; x = bytearray(b'1') * 150_000_000; time.sleep(600)"


def tree(
    tmp_path: Path, own: str = "/user/run", controllers: str = "cpu memory", hands_on: str = ""
) -> tuple[str, str]:
    """Files like the kernel's; a folder made there has none of them, so that nothing can be made in earnest."""
    root = tmp_path / "cgroup"
    folder = root / own.strip("/")
    folder.mkdir(parents=True)
    for at in {folder, folder.parent}:
        (at / "cgroup.controllers").write_text(controllers)
        (at / "cgroup.subtree_control").write_text(hands_on)
        (at / "cgroup.procs").write_text("1\n")
    mounts, named = tmp_path / "mounts", tmp_path / "own"
    mounts.write_text(
        f"24 30 0:22 / /proc rw - proc proc rw\n35 24 0:30 / {root} rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
    )
    named.write_text(f"1:name=systemd:/\n0::{own}\n")
    return str(mounts), str(named)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"controllers": "cpu"}, "memory is not counted in this part of the tree"),
        ({}, "other processes share this part of the tree"),
        ({"hands_on": "memory"}, "other processes share this part of the tree"),
    ],
)
def test_why_no_group_can_be_made(tmp_path: Path, said: dict[str, str], why: str) -> None:
    mounts, own = tree(tmp_path, **said)
    with pytest.raises(NoCgroups, match=why):
        find(mounts=mounts, own=own)


def test_a_machine_without_groups_of_version_2(tmp_path: Path) -> None:
    with pytest.raises(NoCgroups, match="control groups of version 2 are not mounted"):
        find(mounts=str(tmp_path / "none"), own="/proc/self/cgroup")
    (tmp_path / "own").write_text("4:memory:/x\n")
    with pytest.raises(NoCgroups, match="control groups of version 2 are not mounted"):
        find(own=str(tmp_path / "own"))


def test_nothing_of_a_try_is_left(tmp_path: Path) -> None:
    mounts, own = tree(tmp_path, hands_on="memory")
    with pytest.raises(NoCgroups):
        find(mounts=mounts, own=own)
    assert not [p for p in (tmp_path / "cgroup").rglob("*") if p.name.startswith("cascade-") and p.name.endswith("try")]


# ---- in earnest -------------------------------------------------------------------------------------------------


@pytest.fixture
def cgroups() -> Iterator[Cgroups | None]:
    """Those of this machine. None where it has none: then the monitor has to keep the same promises."""
    try:
        found = find(os.getppid())
    except NoCgroups:
        yield None
        return
    yield found
    found.close()
    assert not [name for name in os.listdir(found.base) if name.startswith(f"cascade-{os.getpid()}-") and "engine" not in name]  # fmt: skip


@pytest.mark.trio
async def test_a_tree_is_held_to_its_demand(cgroups: Cgroups | None, tmp_path: Path) -> None:
    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            work = Work(tmp_path, cgroups)
            await nursery.start(work.commands.serve)
            if cgroups is not None:
                work.monitor.close()  # the kernel alone
            pid = f"import os; open('pid', 'w').write(str(os.getpid())); {BIG}"
            id = work.start("sh", "-c", f"setsid {sys.executable} -c '{pid.replace(chr(39), chr(34))}' & wait; sleep 600", mem=60 * MB)  # fmt: skip
            ended = await work.exited(id)
            assert ended.signal == 9
            bound = bound_of(60 * MB)
            assert ended.over_bytes == bound if cgroups is not None else ended.over_bytes > bound
            await until(lambda: not is_alive(int((tmp_path / "pid").read_text())))
            nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_files_do_not_count_against_it(cgroups: Cgroups | None, tmp_path: Path) -> None:
    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            work = Work(tmp_path, cgroups)
            await nursery.start(work.commands.serve)
            big = on_disk(tmp_path) / f"big-{os.getpid()}"
            script = f"dd if=/dev/zero of={big} bs=1M count=120 2>/dev/null; cat {big} > /dev/null; rm {big}"
            ended = await work.run("sh", "-c", script, mem=60 * MB)
            assert (ended.code, ended.over_bytes) == (0, 0)
            if cgroups is not None:  # else a peak below that of this process is not known: Linux hides it
                assert ended.used.peak_bytes <= bound_of(60 * MB)
            assert ended.used.cpu_ms > 0
            nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_what_was_bound_is_told_from_what_was_not(cgroups: Cgroups | None, tmp_path: Path) -> None:
    with trio.fail_after(90):
        async with trio.open_nursery() as nursery:
            work = Work(tmp_path, cgroups)
            await nursery.start(work.commands.serve)
            killed = await work.run("sh", "-c", "kill -9 $$", mem=60 * MB)
            assert (killed.signal, killed.over_bytes) == (9, 0)
            nursery.cancel_scope.cancel()
