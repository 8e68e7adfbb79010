"""What a machine lets us use, read from machines made of files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cascade_dsl.runtime.hardware import (
    Gpus,
    ask_smi,
    cores_milli,
    gpus,
    groups_of,
    listed,
    memory_bytes,
    visible_names,
)

GIB = 1 << 30
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "37 31 0:34 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
)


def machine(root: Path, **files: str) -> str:
    """A machine of files; in their names `__` is a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def group(root: Path, folder: str, **files: str) -> None:
    """A control group."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / folder / name.replace("_", ".", 1)).write_text(text + "\n")


def version_2(root: Path, own: str) -> str:
    return machine(root, proc__self__cgroup=f"0::{own}\n", proc__self__mountinfo=V2)


# ---- control groups


def test_a_machine_without_control_groups_has_what_is_there(tmp_path: Path) -> None:
    assert cores_milli(8, str(tmp_path)) == 8000
    assert memory_bytes(64 * GIB, str(tmp_path)) == 64 * GIB


def test_our_own_group_and_all_above_it_bound_us(tmp_path: Path) -> None:
    root = version_2(tmp_path, "/user.slice/user-1000.slice/app.scope")
    group(tmp_path, "sys/fs/cgroup/user.slice/user-1000.slice/app.scope", cpu_max="max 100000", memory_max="max")
    assert (cores_milli(8, root), memory_bytes(64 * GIB, root)) == (8000, 64 * GIB)
    group(tmp_path, "sys/fs/cgroup/user.slice", cpu_max="450000 100000", memory_max=str(16 * GIB))
    assert (cores_milli(8, root), memory_bytes(64 * GIB, root)) == (4500, 16 * GIB)
    group(
        tmp_path, "sys/fs/cgroup/user.slice/user-1000.slice/app.scope", cpu_max="150000 50000", memory_max="1073741824"
    )
    assert (cores_milli(8, root), memory_bytes(64 * GIB, root)) == (3000, GIB)
    assert (cores_milli(2, root), memory_bytes(GIB // 2, root)) == (2000, GIB // 2), "there is no more than there is"


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    root = version_2(tmp_path, "/")
    group(tmp_path, "sys/fs/cgroup", cpu_max="200000 100000", memory_max=str(GIB))
    assert (cores_milli(8, root), memory_bytes(64 * GIB, root)) == (2000, GIB)


def test_a_container_may_be_told_the_path_that_the_host_knows(tmp_path: Path) -> None:
    root = version_2(tmp_path, "/docker/4f1c")  # there is no such folder here
    group(tmp_path, "sys/fs/cgroup", cpu_max="200000 100000", memory_max=str(GIB))
    assert (cores_milli(8, root), memory_bytes(64 * GIB, root)) == (2000, GIB)


def test_less_than_a_core_counts_as_one(tmp_path: Path) -> None:
    root = version_2(tmp_path, "/")
    group(tmp_path, "sys/fs/cgroup", cpu_max="20000 100000")
    assert cores_milli(8, root) == 1000


@pytest.mark.parametrize("text", ["", "max", "-1 100000", "100000 0", "many 100000", "1 2 3"])
def test_a_quota_that_says_nothing_bounds_nothing(tmp_path: Path, text: str) -> None:
    root = version_2(tmp_path, "/")
    group(tmp_path, "sys/fs/cgroup", cpu_max=text, memory_max=text)
    assert (cores_milli(8, root), memory_bytes(64 * GIB, root)) == (8000, 64 * GIB)


def test_version_1_has_a_tree_for_each_kind(tmp_path: Path) -> None:
    own = "5:cpuacct,cpu:/batch/job\n4:memory:/batch\n1:name=systemd:/init\n0::/\n"
    root = machine(tmp_path, proc__self__cgroup=own, proc__self__mountinfo=V1)
    tree = "sys/fs/cgroup/cpu,cpuacct/batch"
    group(tmp_path, f"{tree}/job", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000")
    group(tmp_path, tree, cpu_cfs_quota_us="250000", cpu_cfs_period_us="100000")
    group(tmp_path, "sys/fs/cgroup/memory", memory_limit_in_bytes="9223372036854771712")
    group(tmp_path, "sys/fs/cgroup/memory/batch", memory_limit_in_bytes=str(2 * GIB))
    assert (cores_milli(8, root), memory_bytes(64 * GIB, root)) == (2500, 2 * GIB)


def test_groups_are_found_where_they_are_mounted() -> None:
    assert groups_of("0::/a/b\n", V2) == [
        (2, "/sys/fs/cgroup/a/b"),
        (2, "/sys/fs/cgroup/a"),
        (2, "/sys/fs/cgroup"),
    ]
    part = "30 23 0:26 /docker/4f1c /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
    assert groups_of("0::/docker/4f1c/init\n", part) == [(2, "/sys/fs/cgroup/init"), (2, "/sys/fs/cgroup")]
    assert groups_of("0::/docker/4f1cff\n", part) == [(2, "/sys/fs/cgroup")], "not below what is mounted"
    assert groups_of("0::/../other\n", V2) == [(2, "/sys/fs/cgroup")]
    spaced = r"30 23 0:26 / /mnt/my\040groups rw - cgroup2 cgroup2 rw" + "\n"
    assert groups_of("0::/a\n", spaced) == [(2, "/mnt/my groups/a"), (2, "/mnt/my groups")]
    assert groups_of("3:cpu:/x\n2:memory:/y\n", V1) == [
        (1, "/sys/fs/cgroup/cpu,cpuacct/x"),
        (1, "/sys/fs/cgroup/cpu,cpuacct"),
        (1, "/sys/fs/cgroup/memory/y"),
        (1, "/sys/fs/cgroup/memory"),
    ]
    assert groups_of("", "") == []
    assert groups_of("nonsense", "nonsense\n1 2 3 - cgroup2\n") == []


# ---- GPUs


def never() -> int:
    raise AssertionError("nvidia-smi was asked")


def with_devices(root: Path, *numbers: int) -> str:
    for name in ("null", "nvidiactl", "nvidia-uvm", "nvidia-caps", *(f"nvidia{n}" for n in numbers)):
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev" / name).touch()
    return str(root)


def test_a_machine_without_gpus_is_not_asked_for_them(tmp_path: Path) -> None:
    assert gpus({}, str(tmp_path), never) == Gpus(0)
    assert gpus({"CUDA_VISIBLE_DEVICES": "0"}, str(tmp_path), never) == Gpus(0, ("0",))
    machine(tmp_path, dev__null="", dev__nvram="", proc__driver__rtc="")
    assert gpus({}, str(tmp_path), never) == Gpus(0)


def test_devices_are_counted_and_their_companions_are_not(tmp_path: Path) -> None:
    assert gpus({}, with_devices(tmp_path, 0, 1, 10), never) == Gpus(3)


def test_a_container_has_the_devices_that_it_was_given(tmp_path: Path) -> None:
    machine(tmp_path, **{f"proc__driver__nvidia__gpus__{n}__information": "" for n in "abcd"})
    assert gpus({}, with_devices(tmp_path, 2, 3), never) == Gpus(2), "the driver knows four"


def test_nvidia_smi_is_asked_where_a_driver_shows_no_device(tmp_path: Path) -> None:
    machine(tmp_path / "bare", proc__driver__nvidia__gpus__a__information="")
    assert gpus({}, str(tmp_path / "bare"), lambda: 2) == Gpus(2)
    machine(tmp_path / "windows", dev__dxg="")
    assert gpus({}, str(tmp_path / "windows"), lambda: 1) == Gpus(1)


@pytest.mark.parametrize(
    ("said", "count"), [("", 4), ("all", 4), ("none", 0), ("void", 0), ("0,2", 2), ("GPU-a,GPU-b,GPU-c", 3), ("9,", 1)]
)
def test_the_container_runtime_says_how_many_of_them(tmp_path: Path, said: str, count: int) -> None:
    assert gpus({"NVIDIA_VISIBLE_DEVICES": said}, with_devices(tmp_path, 0, 1, 2, 3), never) == Gpus(count)


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("2,5", ("2", "5")),
        (" 2 , 5 ", ("2", "5")),
        ("GPU-8a5c,MIG-1f,GPU-03", ("GPU-8a5c", "MIG-1f", "GPU-03")),
        ("1,1,0", ("1", "0")),
        ("1,-1,0", ("1",)),
        ("0,,1", ("0",)),
        ("0,x,1", ("0",)),
        ("0,9,1", ("0",)),
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),
        ("²", ()),
    ],
)
def test_what_the_environment_lets_us_see_is_all_there_is(tmp_path: Path, said: str, names: tuple[str, ...]) -> None:
    root = with_devices(tmp_path, *range(8))
    assert gpus({"CUDA_VISIBLE_DEVICES": said}, root, never) == Gpus(len(names), names)
    assert visible_names(said, 8) == names


def test_names_are_taken_as_they_are_where_nothing_is_known_of_devices() -> None:
    assert visible_names("2,5,900", 0) == ("2", "5", "900")


@pytest.mark.parametrize(
    ("known", "units", "visible"),
    [
        (Gpus(4), (0, 3), "0,3"),
        (Gpus(2, ("2", "5")), (0,), "2"),
        (Gpus(2, ("2", "5")), (0, 1), "2,5"),
        (Gpus(2, ("GPU-a", "GPU-b")), (1,), "GPU-b"),
        (Gpus(0, ("2", "5")), (1,), "5"),  # somebody who says that there are knows better
        (Gpus(0), (0, 3), "0,3"),
        (Gpus(0, ()), (0,), ""),
        (Gpus(2), (2,), "0"),  # a limit of more than there are: they go round
        (Gpus(2), (1, 2, 3), "1,0"),
        (Gpus(2, ("2", "5")), (3,), "5"),
    ],
)
def test_units_are_told_to_cuda_by_the_names_of_the_machine(known: Gpus, units: tuple[int, ...], visible: str) -> None:
    assert known.visible(units) == visible


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


LISTED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c-d268-c3f3-1b07-005d5ae1dc3f)
  MIG 3g.20gb     Device  0: (UUID: MIG-42f413f1-1111-5b27-9b6c-7a2f9a3e0a11)
  MIG 3g.20gb     Device  1: (UUID: MIG-1d3f7b67-2222-5b27-9b6c-7a2f9a3e0a11)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-a1b2c3d4-d268-c3f3-1b07-005d5ae1dc3f)
"""


def test_what_nvidia_smi_lists_is_counted(tmp_path: Path) -> None:
    assert listed(LISTED) == 2
    assert listed("No devices were found\n") == 0
    assert ask_smi(program(tmp_path / "smi", f'test "$1" = -L && cat <<END\n{LISTED}END\n'), 20) == 2
    assert ask_smi(program(tmp_path / "broken", f"cat <<END\n{LISTED}END\nexit 9\n"), 20) == 0
    assert ask_smi(str(tmp_path / "nowhere"), 20) == 0


def test_nvidia_smi_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    assert ask_smi(program(tmp_path / "smi", f"exec cat {tmp_path}/gate\n"), 0.05) == 0
