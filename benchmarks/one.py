"""A program of one task: wall time of the whole process, beside make, ninja and doit; where it goes; a control verb.

    python benchmarks/one.py [--reps 11] [--doit PATH]

The phases are those of a run whose `api.compile_file` and `api.run` are timed from inside, and in each the share that is
spent in import statements. A live run answers the control verb. Target: `cascade run` within 0.25 s.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import out
from sidebyside import Peer, Times, available, cascade, clean_environment, load, measure, table, timed

PHASES = ("python starts", "command line, fork", "compile", "settle params", "run", "end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=11)
    parser.add_argument("--doit", default="doit", help="where doit is installed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cascade-bench-") as base:
        python = Peer(name="python -c pass", command=(sys.executable, "-c", "pass"))
        peers = [*out.peers(1, given.doit), python]
        print(table(measure(available(peers), reps=given.reps, base=Path(base)), against="make"))
        print()
        print_phases(Path(base), given.reps)
        print()
        print(table(control(Path(base), given.reps), against="python -c pass"))
    print(load())


# ---- phases -----------------------------------------------------------------------------------------------------


def print_phases(base: Path, reps: int) -> None:
    """Medians of each phase and of the imports in it."""
    took: list[list[float]] = [[] for _ in PHASES]
    imports: list[list[float]] = [[] for _ in PHASES]
    script = Path(__file__).with_name("phases.py")
    for rep in range(reps):
        folder = base / f"phases-{rep}"
        folder.mkdir()
        out.cascade_program(folder, 1)
        marks = folder / "marks.json"
        began = time.perf_counter()  # CLOCK_MONOTONIC: the same clock in every process
        timed((sys.executable, str(script), str(marks), "out.csc"), folder, clean_environment(base))
        ended = time.perf_counter()
        out.verify(folder, 1)
        rows: list[tuple[float, float]] = json.loads(marks.read_text())
        edges = [(began, 0.0), *rows, (ended, rows[-1][1])]
        for at, ((t0, i0), (t1, i1)) in enumerate(itertools.pairwise(edges)):
            took[at].append((t1 - t0) * 1e3)
            imports[at].append((i1 - i0) * 1e3)
    print(f"{'phase':20} {'ms':>6}  of it imports")
    for name, wall, inside in zip(PHASES, took, imports, strict=True):
        print(f"{name:20} {median(wall):6.1f}  {median(inside):.1f}")


# ---- a control verb ---------------------------------------------------------------------------------------------


def control(base: Path, reps: int) -> dict[str, Times]:
    """`cascade limit` and `cascade ps` to a live run, beside Python that does nothing."""
    live = base / "live"
    live.mkdir()
    (live / "live.csc").write_text('task t(i: int) {\n  sh "sleep 1000"\n}\nfor i in range(100) { t(i) }\n')
    environ = clean_environment(base)
    run = subprocess.Popen(
        (cascade(), "run", "live.csc", "-v"), cwd=live, env=environ, stderr=subprocess.PIPE, text=True
    )
    assert run.stderr is not None
    try:
        while not run.stderr.readline().startswith("start"):
            assert run.poll() is None, "the live run has ended"
        commands = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "cascade limit": (cascade(), "limit", "task:t", "3"),
            "cascade ps": (cascade(), "ps"),
        }
        times = {name: Times() for name in commands}
        for _ in range(reps):
            for name, command in commands.items():
                wall, cpu = timed(command, live, environ)
                times[name].wall_s.append(wall)
                times[name].cpu_s.append(cpu)
        return times
    finally:
        run.terminate()  # the warden passes it on, and ends when all is dead
        run.wait(30)
        run.stderr.close()


if __name__ == "__main__":
    main()
