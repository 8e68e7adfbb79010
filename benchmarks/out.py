"""5000 shell tasks that write a file each, 4 at once: cascade beside ninja, make and doit.

    python benchmarks/out.py [--tasks 5000] [--reps 5] [--doit PATH] [--base FOLDER]

The shell work is the same text for all, `echo I > out/I.txt`. Cascade's default shell is bash, the peers' /bin/sh (dash
on Debian), which starts faster: the row "cascade, sh" is the same program with `shell "sh -eu"`.
Target: within 1.5 × ninja, ahead of doit.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

from sidebyside import Peer, available, cascade, load, measure, table

JOBS = 4


def command(i: int) -> str:
    return f"echo {i} > out/{i}.txt"


def ninja(folder: Path, tasks: int) -> None:
    builds = "".join(f"build out/{i}.txt: r\n c = {command(i)}\n" for i in range(tasks))
    (folder / "build.ninja").write_text("rule r\n command = $c\n" + builds)


def make(folder: Path, tasks: int) -> None:
    (folder / "out").mkdir()
    rules = "".join(f"out/{i}.txt:\n\t{command(i)}\n" for i in range(tasks))
    (folder / "Makefile").write_text(f"all: {' '.join(f'out/{i}.txt' for i in range(tasks))}\n{rules}")


def doit(folder: Path, tasks: int) -> None:
    (folder / "out").mkdir()
    (folder / "dodo.py").write_text(
        "from doit.tools import run_once\n"
        "DOIT_CONFIG = {'verbosity': 0, 'reporter': 'zero'}\n"
        "def task_t():\n"
        f"    for i in range({tasks}):\n"
        "        yield dict(name=str(i), actions=[f'echo {i} > out/{i}.txt'], targets=[f'out/{i}.txt'],\n"
        "                   uptodate=[run_once])\n"
    )


def cascade_program(folder: Path, tasks: int, shell: str = "") -> None:
    (folder / "out.csc").write_text(
        'task t(i: int) -> o: file = "out/{{i}}.txt" {\n'
        f"  requires cpu = 0\n  {shell}\n"
        '  sh "echo {{i}} > {{o}}"\n'
        "}\n"
        f"r = [t(i) for i in range({tasks})]\n"
    )


def verify(folder: Path, tasks: int) -> None:
    written = {path.name: path.read_text() for path in (folder / "out").iterdir()}
    assert written == {f"{i}.txt": f"{i}\n" for i in range(tasks)}, f"{len(written)} of {tasks} files"


def peers(tasks: int, doit_command: str) -> list[Peer]:
    check = partial(verify, tasks=tasks)
    run = (cascade(), "run", "out.csc", "-j", str(JOBS))
    return [
        Peer(
            name="ninja", command=("ninja", f"-j{JOBS}", "--quiet"), prepare=partial(ninja, tasks=tasks), verify=check
        ),
        Peer(name="cascade", command=run, prepare=partial(cascade_program, tasks=tasks), verify=check),
        Peer(
            name="cascade, sh",
            command=run,
            prepare=partial(cascade_program, tasks=tasks, shell='shell "sh -eu"'),
            verify=check,
        ),
        Peer(name="doit", command=(doit_command, "-n", str(JOBS)), prepare=partial(doit, tasks=tasks), verify=check),
        Peer(name="make", command=("make", f"-j{JOBS}", "-s", "-r"), prepare=partial(make, tasks=tasks), verify=check),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--doit", default="doit", help="where doit is installed")
    parser.add_argument("--base", help="where the work is done, default the folder for temporary files")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cascade-bench-", dir=given.base) as base:
        times = measure(available(peers(given.tasks, given.doit)), reps=given.reps, base=Path(base))
    print(load())
    print(table(times, against="ninja", tasks=given.tasks))


if __name__ == "__main__":
    main()
