"""CPU of engine, ledger, journal and interpreter together, for each task. Target: under 200 µs.

    python benchmarks/overhead.py [--tasks 5000] [--reps 3] [--base FOLDER]

Each figure is a slope: the CPU of all threads of a process (`process_time`) that compiles and runs the same program
with TASKS + 500 tasks, less the same with 500, divided by TASKS, so that start-up, compiler and the end of the run fall
out. A fresh process for each run. What is excluded:

- *faked*: the shipped FakeExecutor answers at once, so that there is no spawn and no child. Preparing the attempt
  (arguments, script, paths, environment), the turn, the transaction, the publishing are all in it. The time of the
  script that plays the task (it writes the output file) is measured on the thread and subtracted.
- *real*: real processes by the real executor; the spawn call (`Group(...)`: fork, exec and pidfd) is measured on the thread
  and subtracted, the children's CPU is not in `process_time`. What is left has the executor's own work in it: opening
  the log, the pidfd's wake-up, reaping.

Three tasks: *effect* has no output, *value* gives a value, *file* publishes a file of 5 bytes (scratch, fsync, digest, plan,
rename).
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from sidebyside import clean_environment, load

FEW = 500
JOBS = 4
BODIES = {
    "effect": ("", 'sh "true"'),
    "value": ("-> int", 'sh "echo {{x}}"'),
    "file": ('-> o: file = "out/{{x}}.txt"', 'sh "echo {{x}} > {{o}}"'),
}
_excluded_ns = 0


def program(kind: str) -> str:
    """A fan-out over a range."""
    output, body = BODIES[kind]
    return f"param n: int\ntask t(x: int) {output} {{\n  requires cpu = 0\n  {body}\n}}\n" + (
        "for x in range(n) { t(x) }\n" if not output else "r = [t(x) for x in range(n)]\n"
    )


def child(kind: str, executor: str, tasks: int, base: Path, profile: str) -> None:
    """One run in this process; prints CPU seconds and what is to be subtracted."""
    import faked

    from cascade_dsl.executors import process
    from cascade_dsl.executors.protocol import AttemptSpec, CommandSpec, Outcome

    def excluded(work: Any, *args: Any, **kwargs: Any) -> Any:
        global _excluded_ns
        began = time.thread_time_ns()
        try:
            return work(*args, **kwargs)
        finally:
            _excluded_ns += time.thread_time_ns() - began

    def write(spec: AttemptSpec) -> None:
        assert isinstance(spec.work, CommandSpec)
        if spec.work.stdout_path is not None:
            Path(spec.work.stdout_path).write_text("12345\n")
        elif kind == "file":
            words = shlex.split(spec.work.argv[-1])
            [assigned] = [word for word in words if "/scratch/" in word]  # NAME=PATH;
            Path(assigned.partition("=")[2].rstrip(";")).write_text("1234\n")

    def script(spec: AttemptSpec) -> Outcome:
        excluded(write, spec)
        return faked.succeed(spec)

    if executor == "faked":
        faked.install(script)
    else:
        group = process.Group

        def spawn(*args: Any, **kwargs: Any) -> Any:
            return excluded(group, *args, **kwargs)

        process.Group = spawn  # pyright: ignore[reportAttributeAccessIssue] - a function in the place of a class
    folder = Path(tempfile.mkdtemp(dir=base))
    if profile:
        import cProfile

        with cProfile.Profile() as profiler:
            faked.play(program(kind), folder, {"n": tasks}, JOBS)
        profiler.dump_stats(profile)
    else:
        faked.play(program(kind), folder, {"n": tasks}, JOBS)
    print(json.dumps([time.process_time(), _excluded_ns / 1e9]))


def measured(kind: str, executor: str, tasks: int, base: str) -> tuple[float, float]:
    """A fresh process's (CPU, to be subtracted)."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", f"{kind}:{executor}", "--tasks", str(tasks), "--base", base],
        env=clean_environment(Path(base)),
        stdout=subprocess.PIPE,
        check=True,
    )
    cpu, excluded = json.loads(done.stdout.splitlines()[-1])
    return cpu, excluded


def report(tasks: int, reps: int, base: str) -> None:
    """Measure and print."""
    slopes: dict[tuple[str, str], list[float]] = {}
    spawns: dict[tuple[str, str], list[float]] = {}
    for _ in range(reps):
        for kind in BODIES:
            for executor in ("faked", "real"):
                few, few_excluded = measured(kind, executor, FEW, base)
                many, many_excluded = measured(kind, executor, tasks + FEW, base)
                excluded = many_excluded - few_excluded
                slopes.setdefault((kind, executor), []).append((many - few - excluded) / tasks * 1e6)
                spawns.setdefault((kind, executor), []).append(excluded / tasks * 1e6)
    print(load())
    print(f"{'task':8} {'executor':8} {'µs/task':>8} {'min':>6} {'max':>6}  excluded µs/task")
    for (kind, executor), rows in slopes.items():
        apart = median(spawns[kind, executor])
        print(f"{kind:8} {executor:8} {median(rows):8.0f} {min(rows):6.0f} {max(rows):6.0f}  {apart:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=5000)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--child", default="", help="KIND:EXECUTOR, one run in this process")
    parser.add_argument("--profile", default="", help="with --child: write a cProfile of the run there")
    parser.add_argument("--base", help="where the work is done, default the folder for temporary files")
    given = parser.parse_args()
    if given.child:
        kind, _, executor = given.child.partition(":")
        child(kind, executor, given.tasks, given.base, given.profile)
        return
    with tempfile.TemporaryDirectory(prefix="cascade-bench-", dir=given.base) as base:
        report(given.tasks, given.reps, base)


if __name__ == "__main__":
    main()
