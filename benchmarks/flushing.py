"""What bringing outputs to disk costs: the files themselves, and the folders that they are renamed into.

    python benchmarks/flushing.py [--files 300] [--folder DIR]

Per published file: writing it, its flush (before the plan is committed), the rename, and the flush of its folder (before the
finish is committed) for each file alone, for 16 at once, and for all at once. A run flushes as many at once as are
published while one flush is on its way.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from cascade_dsl.store.flush import flush_folders
from cascade_dsl.store.publish import Produced, perform, plan


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--folder", default=None, help="on the file system that is to be measured")
    given = parser.parse_args()
    print(f"{given.files} files of 100 bytes, microseconds for each")
    for together in (1, 16, given.files):
        with tempfile.TemporaryDirectory(dir=given.folder) as base:
            times = measure(Path(base), given.files, together)
        shown = "  ".join(f"{name} {seconds / given.files * 1e6:7.0f}" for name, seconds in times.items())
        print(f"{together:5} at once:  {shown}")


def measure(base: Path, files: int, together: int) -> dict[str, float]:
    """Seconds of each step, over all files."""
    times = {"write": 0.0, "flush file": 0.0, "rename": 0.0, "flush folder": 0.0}

    def timed(name: str, began: float) -> float:
        now = time.perf_counter()
        times[name] += now - began
        return now

    for start in range(0, files, together):
        numbers = range(start, min(start + together, files))
        at = time.perf_counter()
        for n in numbers:
            (base / f"s{n}").write_bytes(b"x" * 100)
        at = timed("write", at)
        planned = [plan([Produced(base / f"s{n}", base / "out" / f"{n}")], base / "store") for n in numbers]
        at = timed("flush file", at)
        changed = [folder for one in planned for folder in perform(one, base=base)]
        at = timed("rename", at)
        flush_folders(changed)
        timed("flush folder", at)
    return times


if __name__ == "__main__":
    main()
