"""Peak memory at 100 000 instances above that at 1000: a list that a task gives, a filter, two stages. Target: under 40 MB.

    python benchmarks/memory.py [--items 100000] [--reps 3] [--jobs 64]

Each run is a fresh process that compiles and runs the program with the real runtime and its journal on a disk; the
shipped FakeExecutor stands for the processes. Peak memory is `VmHWM` of that process. The filter keeps nine items of ten,
so that 100 000 items make 100 000 answers of the filter and 180 000 attempts.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from sidebyside import clean_environment, load

FEW = 1000
PROGRAM = """
param n: int
task numbers(n: int) -> list[int] { python "return list(range(n))" }
task first(x: int) -> int {
  requires cpu = 0
  python "return x"
}
task second(x: int) -> int {
  requires cpu = 0
  python "return x"
}
xs = [first(x) for x in numbers(n) if x % 10 != 0]
ys = [second(x) for x in xs]
output count = len(ys)
"""


def child(items: int, jobs: int) -> None:
    """One run; prints its peak in KiB."""
    import faked

    faked.install()
    with tempfile.TemporaryDirectory(prefix="cascade-bench-") as folder:
        result = faked.play(PROGRAM, Path(folder), {"n": items}, jobs)
    assert result.outputs == {"count": items - items // 10}, result.outputs
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    print(peak[1])


def measured(items: int, jobs: int) -> float:
    """Peak MB of a fresh process."""
    command = (sys.executable, __file__, "--child", "--items", str(items), "--jobs", str(jobs))
    environ = clean_environment(Path(tempfile.gettempdir()))
    done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)
    return int(done.stdout) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=64)
    parser.add_argument("--child", action="store_true", help="one run in this process")
    given = parser.parse_args()
    if given.child:
        child(given.items, given.jobs)
        return
    few, many = ([measured(items, given.jobs) for _ in range(given.reps)] for items in (FEW, given.items))
    print(f"{FEW:8} items: {median(few):7.1f} MB")
    print(f"{given.items:8} items: {median(many):7.1f} MB, {median(many) - median(few):.1f} MB above")
    print(load())


if __name__ == "__main__":
    main()
