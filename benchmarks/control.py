"""Verbs that steer a live run: wall time of the whole process, beside Python that does nothing.

    python benchmarks/control.py [--reps 21]

A run of a hundred sleeping tasks answers. Target: `cascade limit` within 60 ms on a machine where `python -c pass` takes 9; on
another machine the ratio tells. What the process imports is counted too: it is nearly all of the difference.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from sidebyside import Times, cascade, clean_environment, load, table, timed

EVERYTHING = (
    "10/s",
    "--burst",
    "20",
    "--by",
    "i % 4",
    "--for",
    "10m",
    "--from",
    "00:00",
    "--to",
    "00:00",
    "--because",
    "they asked",
)
_COUNT = (
    "import sys\nbefore = set(sys.modules)\nimport cascade_dsl.cli.main, cascade_dsl.cli.steer\n"
    "print(len(set(sys.modules) - before))"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=21)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cascade-bench-") as base:
        times = control(Path(base), given.reps)
        print(table(times, against="python -c pass"))
        least = {name: min(t.wall_s) for name, t in times.items()}
        ratio = least["cascade limit"] / least["python -c pass"]
        print(f"\nleast of each: cascade limit {ratio:.2f} × python -c pass; {ratio * 9:.0f} ms where that takes 9")
    counted = subprocess.run((sys.executable, "-c", _COUNT), capture_output=True, text=True, check=True)
    print(f"modules that it imports beside those of Python itself: {counted.stdout.strip()}")
    print(load())


def control(base: Path, reps: int) -> dict[str, Times]:
    """Control verbs to a live run, beside Python that does nothing, in turn."""
    live = base / "live"
    live.mkdir()
    (live / "live.csc").write_text('task t(i: int) {\n  sh "sleep 1000"\n}\nfor i in range(100) { t(i) }\n')
    environ = clean_environment(base)
    run = subprocess.Popen(
        (cascade(), "run", "live.csc", "-v"), cwd=live, env=environ, stderr=subprocess.PIPE, text=True
    )
    assert run.stderr is not None
    try:
        name = run.stderr.readline().split()[1]  # said outright: where ours is slow to answer, no other run is meant
        while not run.stderr.readline().startswith("start"):
            assert run.poll() is None, "the live run has ended"
        which = ("--run", name)
        commands = {
            "python -c pass": (sys.executable, "-c", "pass"),
            "cascade limit": (cascade(), "limit", "task:t", "3", *which),
            "cascade limit, every option": (cascade(), "limit", "task:t", *EVERYTHING, *which),
            "cascade unlimit": (cascade(), "unlimit", "task:t", *which),
            "cascade pause": (cascade(), "pause", "task:t", *which),
            "cascade resume": (cascade(), "resume", "task:t", *which),
            "cascade ps": (cascade(), "ps", *which),
        }
        times = {name: Times() for name in commands}
        for rep in range(reps + 1):
            for name, command in commands.items():
                wall, cpu = timed(command, live, environ)
                if rep:
                    times[name].wall_s.append(wall)
                    times[name].cpu_s.append(cpu)
        return times
    finally:
        run.terminate()  # the warden passes it on, and ends when all is dead
        run.wait(30)
        run.stderr.close()


if __name__ == "__main__":
    main()
