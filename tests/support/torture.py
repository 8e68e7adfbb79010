"""A run of 300 nodes, killed with SIGKILL again and again at random, and gone on with until it is done.

    python tests/support/torture.py --kills 200 [--seed N]

Killed are the engine, the warden, both at once, and processes of tasks and workers. Held: no node whose finish stood in the
journal at a kill begins again after it; the outputs are those of an undisturbed run, byte for byte; in the end there is
no process of it, no lock, and no leftover.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from live_runs import LiveRun, Project, is_alive, wait_until

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir.events import AttemptFinished
from cascade_dsl.store.claims import Claims
from cascade_dsl.store.journal import JournalReader
from cascade_dsl.store.live import is_live

PROGRAM = Path(__file__).with_name("torture.csc")
NODES = 300
_VICTIMS = ("engine", "engine", "engine", "warden", "warden", "both", "both", "task")
_MANY = 50
"""So many kills want a run that is slow enough to take most of them."""
_LATEST_S = 0.9
"""A kill by the clock comes so soon after the start: it hits the start itself, recovery included."""


@dataclass
class Report:
    """What was done and what it cost."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter[str])
    rounds: int = 1
    starts: int = 0
    before_the_journal: int = 0
    """Kills before there was a run to go on with."""
    lines: int = 0
    undisturbed_lines: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        return (
            f"seed {self.seed}: {self.kills.total()} kills ({kinds}), {self.starts} starts, {self.rounds} rounds of {NODES} nodes, "
            f"{self.lines} bodies begun ({self.undisturbed_lines} in an undisturbed run), {self.seconds:.0f} s"
        )


def torture(base: Path, kills: int, seed: int) -> Report:
    """Kill so often, then let it end; AssertionError where something is not as it has to be."""
    begun = time.monotonic()
    report = Report(seed)
    chance = random.Random(seed)
    slow = kills > _MANY
    undisturbed = _Place(base / "undisturbed")
    done = undisturbed.project.cascade("run", PROGRAM.name, *undisturbed.params())
    assert done.code == 0, done
    report.undisturbed_lines = len(undisturbed.diary_lines())
    expected = done.out, undisturbed.published()
    undisturbed.project.close()
    place = _Place(base / "1", slow=slow)
    while True:
        _kill_on(place, chance, kills, report)
        place.check_end(expected)
        report.lines += len(place.diary_lines())
        place.project.close()
        if report.kills.total() >= kills:
            break
        report.rounds += 1
        place = _Place(base / str(report.rounds), slow=slow)
    report.seconds = time.monotonic() - begun
    return report


def _kill_on(place: _Place, chance: random.Random, kills: int, report: Report) -> None:
    """Kill until so many were killed or the run has got through before; then let it end."""
    project = place.project
    while True:
        run = place.start()
        report.starts += 1
        left = kills - report.kills.total()
        if left <= 0:
            assert run.warden.wait(300) == 0, run.finish()
            return
        victim = chance.choice(_VICTIMS)
        if not place.wait_for_the_instant(run, chance, left) or not place.kill(run, victim, chance):
            assert run.warden.wait(300) == 0, run.finish()
            return
        report.kills[victim] += 1
        if not project.runs() or not (place.run_folder() / "journal.db").exists():
            report.before_the_journal += 1
        place.note_finished()


class _Place:
    """A project to be killed in, with what lies outside of it: the diary and the markers."""

    def __init__(self, base: Path, *, slow: bool = False) -> None:
        self._slow = slow
        folder, registry = base / "project", base / "runtime"
        self.base = base
        self.diary = base / "diary"
        self.markers = base / "markers"
        for each in (folder, registry, self.markers):
            each.mkdir(parents=True)
        registry.chmod(0o700)
        self.diary.touch()
        self.project = Project(folder, registry)
        shutil.copy(PROGRAM, folder / PROGRAM.name)
        self.finished: dict[str, int] = {}
        """By name of a node: how many lines the diary had when its finish was seen in the journal."""

    def params(self) -> tuple[str, ...]:
        return ("--diary", str(self.diary), "--markers", str(self.markers))

    def start(self) -> LiveRun:
        """`run` where nothing is to be gone on with, else `continue`; fails where that is refused."""
        if self.project.runs() and self.can_continue():
            return self.project.start("continue")
        options = ("--jobs", "2", "--pause", "0.1") if self._slow else ()
        return self.project.start("run", PROGRAM.name, *options, *self.params())

    def can_continue(self) -> bool:
        return bool(self._read_journal()[0])

    def run_folder(self) -> Path:
        return self.project.folder / ".cascade" / "runs" / self.project.runs()[-1]

    def diary_lines(self) -> list[str]:
        return self.diary.read_text().splitlines()

    def wait_for_the_instant(self, run: LiveRun, chance: random.Random, left: int) -> bool:
        """Until it is to be killed; False where it has ended by itself."""
        if chance.random() < 0.4:
            end = time.monotonic() + chance.random() * _LATEST_S
            while time.monotonic() < end and run.warden.poll() is None:
                time.sleep(0.002)
            return run.warden.poll() is None
        ahead = max(1, 2 * (NODES - len(self.finished)) // (left + 1))
        wanted = len(self.diary_lines()) + chance.randint(1, ahead)
        while run.warden.poll() is None:
            if len(self.diary_lines()) >= wanted:
                time.sleep(chance.random() * 0.03)
                return run.warden.poll() is None
            time.sleep(0.002)
        return False

    def kill(self, run: LiveRun, victim: str, chance: random.Random) -> bool:
        """Kill, and wait for the end of the run; False where there was nobody to kill any more.

        Of a task only a process is killed, then the engine a little later: the run itself goes on after the first.
        """
        warden = run.warden.pid
        wait_until(lambda: _children(warden) or run.warden.poll() is not None, "the engine")
        engine = next(iter(_children(warden)), None)
        if victim == "task":
            some = [pid for pid in self.project.alive() if pid not in (warden, engine)]
            if some:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(some), signal.SIGKILL)
                time.sleep(chance.random() * 0.1)
        killed = False
        if victim == "both" and engine is not None:
            for pid in (warden, engine):  # stopped first, so that neither acts on the other's death
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
        for pid in (warden, engine) if victim == "both" else (warden,) if victim == "warden" else (engine,):
            if pid is not None and is_alive(pid):
                os.kill(pid, signal.SIGKILL)
                killed = True
        if not killed:
            return False
        run.warden.wait(60)
        wait_until(lambda: engine is None or not is_alive(engine), "the end of the engine")
        if victim != "both":
            wait_until(lambda: not self.project.alive(), "the end of all processes of the run")
        return True

    def note_finished(self) -> None:
        """Read the journal as the killed left it, and remember what had finished."""
        finished, names = self._read_journal()
        lines = len(self.diary_lines())
        for key in finished:
            self.finished.setdefault(names[key], lines)

    def _read_journal(self) -> tuple[list[tuple[int, ...]], dict[tuple[int, ...], str]]:
        """What has finished, with an entry for the beginning of the run; and names. Of a copy: looking changes nothing."""
        if not self.project.runs() or not (self.run_folder() / "journal.db").exists():
            return [], {}
        copy = self.base / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in self.run_folder().glob("journal.db*"):
            shutil.copy(file, copy)
        names: dict[tuple[int, ...], str] = {(): "the run"}
        try:
            with JournalReader(copy / "journal.db") as reader:
                events = [event for _, _, event in reader.events()]
                names.update((row.key, row.name) for row in reader.attempts())
        except CascadeError as error:
            if "it has no tables" not in str(error):  # killed in the instant between its creation and its tables
                raise
            return [], {}
        began = [()] if events else []
        return began + [event.key for event in events if isinstance(event, AttemptFinished)], names

    def published(self) -> dict[str, bytes]:
        """Every file of `out` and its bytes."""
        out = self.project.folder / "out"
        return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}

    def check_end(self, expected: tuple[str, dict[str, bytes]]) -> None:
        """It is done, nothing was done twice, and nothing is left of it."""
        project = self.project
        done = project.finish()
        assert (done.code, done.out) == (0, expected[0]), done
        assert self.published() == expected[1]
        kept = done.out.splitlines()[-1].removeprefix("kept = ")
        assert (project.folder / kept).read_text() == "kept\n"
        self.note_finished()
        lines = self.diary_lines()
        again = {
            name: line
            for name, seen in self.finished.items()
            for line in lines[seen:]
            if line.rpartition(" ")[0] == name
        }
        assert again == {}, "began again although its finish was in the journal"
        finished, names = self._read_journal()
        assert Counter(names[key] for key in finished if key).most_common(1)[0][1] == 1
        assert project.alive() == []
        state = project.folder / ".cascade"
        assert not any(is_live(run) for run in (state / "runs").iterdir())
        assert os.listdir(state / "live") == os.listdir(self.base / "runtime" / "cascade") == []
        assert Claims(state / "claims").take(str(path) for path in (project.folder / "out").rglob("*")) == ()
        left = [
            p for run in (state / "runs").iterdir() for p in (run / "scratch").iterdir() if self.run_folder() == run
        ]
        left += [p for p in project.folder.rglob("*") if p.name.endswith((".tmp", ".cascade-old"))]
        left += list(project.folder.rglob(".cascade-*"))
        assert left == []


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    base = Path(tempfile.mkdtemp(prefix="cascade-torture-"))
    try:
        report = torture(base, given.kills, given.seed)
    except BaseException:
        print(f"failed with seed {given.seed}; what is left is in {base}", file=sys.stderr)
        raise
    shutil.rmtree(base)
    print(report)


if __name__ == "__main__":
    main()
