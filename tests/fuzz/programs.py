"""Fuzzes the compiler: `python tests/fuzz/programs.py --seconds 600 [--seed N] [--jobs 2] [--save FOLDER]`.

Each worker process checks mutants by their numbers and says which it is at. A worker that dies, or says nothing for long,
is a finding as an exception is. What is found is saved, whole and made small. Exit 1 where anything was found.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from checks import Broken, check
from mutants import Mutants, corpus

CPU_S = 2.0
SILENT_S = 60.0
MEMORY_BYTES = 500_000_000
_SAVED_MAX = 20


class Slow(BaseException):
    """More than its time of the processor. No `except Exception` may take it for something else."""


@contextlib.contextmanager
def timed() -> Generator[Callable[[], object]]:
    """Raises `Slow` in a part that takes more than two seconds of the processor; what it yields begins the next part."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Slow

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        yield lambda: signal.setitimer(signal.ITIMER_PROF, CPU_S)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fault_of(data: bytes, scratch: Path, twice: bool = False) -> tuple[str, str]:
    """(what is wrong, in one line that is the same for the same fault; the whole story), empty where nothing is."""
    try:
        with timed() as part:
            check(data, scratch, twice, part)
    except Slow as slow:
        frames = [f for f in traceback.extract_tb(slow.__traceback__) if "cascade_dsl" in f.filename]
        where = frames[-1].name if frames else "the check"
        return f"slow: more than {CPU_S} s of the processor, in {where}", traceback.format_exc()
    except Broken as broken:
        return f"broken: {_kind(str(broken))}", str(broken)
    except BaseException as raised:
        if isinstance(raised, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(raised.__traceback__)[-1]
        return f"{type(raised).__name__} at {Path(last.filename).name}:{last.lineno}", traceback.format_exc()
    return "", ""


def _kind(text: str) -> str:
    return "".join(c for c in text.split(":")[0] if not c.isdigit())


def smaller(data: bytes, kind: str, fails: Callable[[bytes], str], seconds: float = 60.0) -> bytes:
    """A part of the input that fails in the same way, by taking pieces away for a while."""
    end = time.monotonic() + seconds
    for by_line in (True, False):
        parts = data.splitlines(keepends=True) if by_line else [data[i : i + 1] for i in range(len(data))]
        size = max(1, len(parts) // 2)
        while size:
            at = 0
            while at < len(parts) and time.monotonic() < end:
                rest = parts[:at] + parts[at + size :]
                if fails(b"".join(rest)) == kind:
                    parts = rest
                else:
                    at += size
            size //= 2
        data = b"".join(parts)
    return data


# ---- a worker ----


def work(seed: int, first: int, step: int, out: TextIO) -> None:
    """Checks mutants for ever; a line of JSON before and after each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    mutants = Mutants(corpus(), seed)

    def say(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    with tempfile.TemporaryDirectory() as folder:
        number = first
        while True:
            data = mutants.bytes(number)
            say(at=number)
            try:
                with timed() as part:
                    done = check(data, Path(folder), number % 5 == 0, part)
            except KeyboardInterrupt:
                return
            except BaseException:
                kind, story = fault_of(data, Path(folder), twice=number % 5 == 0)
                say(done=number, kind=kind or "only once: it did not come again", story=story)
            else:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                say(done=number, codes=done.codes, compiled=done.compiled, seconds=done.seconds, peak=peak)
            number += step


class Worker:
    """One process and what it said last."""

    def __init__(self, seed: int, first: int, step: int) -> None:
        self.step = step
        self.at = first
        command = [sys.executable, __file__, "--worker", str(seed), str(first), str(step)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.heard = time.monotonic()
        self.rest = b""
        self.ended = False

    def read(self) -> list[dict[str, Any]]:
        """What it has said since."""
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        self.heard = time.monotonic()
        self.ended = not data
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def stop(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Tally:
    """What was found in all."""

    def __init__(self, save: Path) -> None:
        self.save = save
        self.programs = self.compiled = 0
        self.codes: collections.Counter[str] = collections.Counter()
        self.slowest = (0.0, 0)
        self.peak = 0
        self.faults: dict[str, list[int]] = {}

    def take(self, said: dict[str, Any]) -> None:
        """One program that was checked."""
        self.programs += 1
        if "kind" in said:
            self.faults.setdefault(said["kind"], []).append(said["done"])
            if len(self.faults[said["kind"]]) == 1:
                print(f"FOUND {said['kind']} in mutant {said['done']}\n{said.get('story', '')}", flush=True)
            return
        self.compiled += said["compiled"]
        self.codes.update(set(said["codes"]))
        self.slowest = max(self.slowest, (said["seconds"], said["done"]))
        self.peak = max(self.peak, said["peak"])

    def report(self) -> str:
        """The figures, one a line."""
        lines = [
            f"{self.programs} programs, {self.compiled} of them compile, {len(self.codes)} codes",
            f"slowest {self.slowest[0]:.2f} s of the processor (mutant {self.slowest[1]})",
            f"peak memory {self.peak / 1e6:.0f} MB",
            "programs by code: " + ", ".join(f"{c} {n}" for c, n in sorted(self.codes.items())),
        ]
        lines += [f"{len(numbers)} × {kind}: mutants {numbers[:5]}" for kind, numbers in self.faults.items()]
        lines.append("nothing found" if not self.faults else f"{len(self.faults)} kinds of faults")
        return "\n".join(lines)


def fuzz(seconds: float, seed: int, jobs: int, save: Path, enough: int | None = None) -> Tally:
    """Runs workers for so long, or until so many programs have been checked."""
    tally = Tally(save)
    workers = {n: Worker(seed, n, jobs) for n in range(jobs)}
    selector = selectors.DefaultSelector()
    for n, worker in workers.items():
        assert worker.process.stdout is not None
        selector.register(worker.process.stdout, selectors.EVENT_READ, n)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end and (enough is None or tally.programs < enough):
            for key, _ in selector.select(1.0):
                worker = workers[key.data]
                said = worker.read()
                for one in said:
                    if "at" in one:
                        worker.at = one["at"]
                    else:
                        tally.take(one)
                if not said and worker.ended:
                    code = worker.process.wait()
                    _again(selector, workers, key.data, seed, tally, f"died: exit {code}")
            for n, worker in list(workers.items()):
                if time.monotonic() - worker.heard > SILENT_S:
                    worker.stop()
                    _again(selector, workers, n, seed, tally, f"hung: nothing for {SILENT_S} s")
    finally:
        for worker in workers.values():
            worker.stop()
    return tally


def _again(
    selector: selectors.BaseSelector, workers: dict[int, Worker], n: int, seed: int, tally: Tally, kind: str
) -> None:
    old = workers[n]
    assert old.process.stdout is not None
    selector.unregister(old.process.stdout)
    old.process.stdout.close()
    tally.take({"done": old.at, "kind": kind})
    new = workers[n] = Worker(seed, old.at + old.step, old.step)
    assert new.process.stdout is not None
    selector.register(new.process.stdout, selectors.EVENT_READ, n)


def keep(tally: Tally, seed: int) -> None:
    """Writes the first input of each fault, whole and made small where it fails here too."""
    tally.save.mkdir(parents=True, exist_ok=True)
    mutants = Mutants(corpus(), seed)
    for number, (kind, numbers) in enumerate(list(tally.faults.items())[:_SAVED_MAX]):
        data = mutants.bytes(numbers[0])
        path = tally.save / f"{number:02}-{numbers[0]}.csc"
        path.write_bytes(data)
        if kind.startswith(("died", "hung", "slow", "MemoryError")):
            print(f"saved {path}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            small = smaller(data, kind, lambda d, at=Path(folder): fault_of(d, at, twice=True)[0])
        path.with_suffix(".small.csc").write_bytes(small)
        print(f"saved {path} and {len(small)} bytes of it that fail alike:\n{small.decode('utf-8', 'replace')}")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--save", type=Path, default=Path(tempfile.gettempdir()) / "cascade-fuzz")
    parser.add_argument("--one", type=int, help="check one mutant, here")
    parser.add_argument("--worker", nargs=3, type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        seed, first, step = given.worker
        work(seed, first, step, sys.stdout)
        return 0
    if given.one is not None:
        data = Mutants(corpus(), given.seed).bytes(given.one)
        with tempfile.TemporaryDirectory() as folder:
            kind, story = fault_of(data, Path(folder), twice=True)
        print(data.decode("utf-8", "replace") if len(data) < 5000 else f"{len(data)} bytes")
        print(kind, story, sep="\n")
        return int(bool(kind))
    tally = fuzz(given.seconds, given.seed, given.jobs, given.save)
    if tally.faults:
        keep(tally, given.seed)
    print(tally.report())
    return int(bool(tally.faults))


if __name__ == "__main__":
    sys.exit(main())
