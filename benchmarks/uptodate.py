"""10 000 tasks that are up to date: cascade beside doit, make and ninja; and a project of 10 000 files, hashed once.

    python benchmarks/uptodate.py [--tasks 10000] [--reps 5] [--doit PATH] [--base FOLDER]

Each task copies a file of its own to an output of its own. What is there is adopted once, by `cascade run --touch`, `doit
reset-dep` and the like; then the whole process is timed with nothing to do, in turn. Targets: under 0.8 s for 10 000, and not slower than doit in the same session.
Below it: how many files are read, and how long that takes, when a project is looked at for the first and for the second time.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from sidebyside import Peer, Times, available, cascade, clean_environment, load, table, timed

from cascade_dsl.store.hashes import Hashes


def files(folder: Path, tasks: int) -> None:
    """What every peer reads and has made; older than a second, as files of a project are."""
    for name in ("in", "out"):
        (folder / name).mkdir()
        for i in range(tasks):
            (folder / name / f"{i}.txt").write_text(f"{i}\n")


def cascade_program(folder: Path, tasks: int) -> None:
    (folder / "up.csc").write_text(
        'task copy(src: file, i: int) -> dst: file = "out/{{i}}.txt" {\n'
        '  sh "cp {{src}} {{dst}}"\n'
        "}\n"
        f'made = [copy(file("in/{{{{i}}}}.txt"), i) for i in range({tasks})]\n'
    )


def doit(folder: Path, tasks: int) -> None:
    (folder / "dodo.py").write_text(
        "DOIT_CONFIG = {'verbosity': 0, 'reporter': 'zero'}\n"
        "def task_t():\n"
        f"    for i in range({tasks}):\n"
        "        yield dict(name=str(i), actions=[f'cp in/{i}.txt out/{i}.txt'], file_dep=[f'in/{i}.txt'],\n"
        "                   targets=[f'out/{i}.txt'])\n"
    )


def make(folder: Path, tasks: int) -> None:
    rules = "".join(f"out/{i}.txt: in/{i}.txt\n\tcp in/{i}.txt out/{i}.txt\n" for i in range(tasks))
    (folder / "Makefile").write_text(f"all: {' '.join(f'out/{i}.txt' for i in range(tasks))}\n{rules}")


def ninja(folder: Path, tasks: int) -> None:
    builds = "".join(f"build out/{i}.txt: r in/{i}.txt\n" for i in range(tasks))
    (folder / "build.ninja").write_text("rule r\n command = cp $in $out\n" + builds)


def nothing(_: Path) -> None: ...


def peers(doit_command: str) -> list[tuple[Peer, tuple[str, ...]]]:
    """Each peer, and the command that makes all once."""
    run = (cascade(), "run", "up.csc")
    rows = (
        ("cascade", run, (*run, "--touch"), cascade_program),
        ("doit", (doit_command,), (doit_command, "reset-dep"), doit),
        ("make", ("make", "-s", "-r"), ("make", "-s", "-r"), make),
        ("ninja", ("ninja", "--quiet"), ("ninja", "--quiet"), ninja),
    )
    return [
        (Peer(name=name, command=command, prepare=prepare, verify=nothing), first)
        for name, command, first, prepare in rows
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--doit", default="doit", help="where doit is installed")
    parser.add_argument("--base", help="where the work is done, default the folder for temporary files")
    given = parser.parse_args()
    every = peers(given.doit)
    there = {peer.name for peer in available([peer for peer, _ in every])}
    with tempfile.TemporaryDirectory(prefix="cascade-bench-", dir=given.base) as base:
        times = up_to_date([row for row in every if row[0].name in there], given.tasks, given.reps, Path(base))
        print(table(times, against="doit" if "doit" in there else "cascade", tasks=given.tasks))
        print()
        print_hashing(Path(base), given.tasks)
    print(load())


def up_to_date(rows: list[tuple[Peer, tuple[str, ...]]], tasks: int, reps: int, base: Path) -> dict[str, Times]:
    """Each peer in a folder of its own, made once; then the peers in turn."""
    times: dict[str, Times] = {}
    folders: dict[str, Path] = {}
    for peer, first in rows:
        folder = folders[peer.name] = base / peer.name
        folder.mkdir()
        files(folder, tasks)
        peer.prepare(folder, tasks)
        subprocess.run(first, cwd=folder, env=clean_environment(base), check=True, capture_output=True)
        subprocess.run(peer.command, cwd=folder, env=clean_environment(base), check=True, capture_output=True)
        times[peer.name] = Times()
    for _ in range(reps):
        for peer, _ in rows:
            wall, cpu = timed(peer.command, folders[peer.name], clean_environment(base))
            times[peer.name].wall_s.append(wall)
            times[peer.name].cpu_s.append(cpu)
    return times


def print_hashing(base: Path, count: int) -> None:
    """A folder of many files, looked at by one run after the other."""
    folder = base / "hashing"
    state = folder / ".cascade"
    (folder / "in").mkdir(parents=True)
    state.mkdir()
    for i in range(count):
        (folder / "in" / f"{i}.txt").write_text(f"{i}\n" * 100)
    time.sleep(0.05)  # what was written a moment ago is not remembered
    for which in ("first", "second"):
        hashes = Hashes(folder, state)
        began = time.perf_counter()
        hashes.content(str(folder / "in"))
        hashes.close()
        took = time.perf_counter() - began
        print(f"{which} look at {count} files: {hashes.hashed} hashed, {took * 1000:.0f} ms")


if __name__ == "__main__":
    main()
