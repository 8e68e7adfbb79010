"""A program of one task: wall time of the whole process, beside make, ninja and doit; where it goes; a control verb.

    python benchmarks/one.py [--reps 11] [--doit PATH]

The phases are those of a run whose `api.compile_file` and `api.run` are timed from inside, and in each the share that is
spent in import statements. A live run answers the control verb. Target: `cascade run` within 0.25 s.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import out
from control import control
from sidebyside import Peer, available, clean_environment, load, measure, table, timed

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


if __name__ == "__main__":
    main()
