"""The real `cascade` in a folder of its own: start it, steer it, look at it, kill it; nothing of it outlives the test.

What a test waits for is a condition on files, processes or the journal, with a bound that only a hang reaches.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir.events import AttemptStarted, Event
from cascade_dsl.store.journal import AttemptRow, JournalReader

COMMAND = (sys.executable, "-m", "cascade_dsl")
BOUND_S = 20.0

E = TypeVar("E", bound=Event)

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-z]{3}")
_LOG = re.compile(r"\.cascade/runs/RUN/logs/\d+/\d+\.log")
_TIME = re.compile(r"\b(?:\d+\.\d|\d+)s\b")


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll; AssertionError with `what` where it does not come true."""
    end = time.monotonic() + BOUND_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """There is such a process and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


class LiveRun:
    """A `cascade run` or `continue` that was started: its process is the warden."""

    def __init__(self, project: Project, args: tuple[str, ...], prefix: Path) -> None:
        self._out = prefix.with_suffix(".out")
        self._err = prefix.with_suffix(".err")
        with open(self._out, "w") as out, open(self._err, "w") as err:
            self.warden = subprocess.Popen(
                [*COMMAND, *args], cwd=project.folder, env=project.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip

    @property
    def err(self) -> str:
        """What it has said on stderr so far."""
        return self._err.read_text()

    def interrupt(self) -> None:
        """Ctrl-C: SIGINT to the foreground process group."""
        os.killpg(self.warden.pid, signal.SIGINT)

    def finish(self) -> Done:
        """Wait for its end."""
        code = self.warden.wait(BOUND_S)
        return Done(code, self._out.read_text(), self._err.read_text())


class Project:
    """A folder with programs, and the runs that the test starts there. `shown` normalises what differs between runs."""

    def __init__(self, folder: Path, registry: Path, **env: str) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CASCADE_", "XDG_"))}
        own = {"XDG_RUNTIME_DIR": str(registry), "TMPDIR": str(registry), "COLUMNS": "100", "USER": "tester"}
        self.env = {**kept, **own, **env}  # so that runs of others on this machine are not seen
        self._started: list[LiveRun] = []

    def write(self, name: str, text: str) -> Path:
        """A file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def fifos(self, names: Iterable[object], folder: str = "gate") -> None:
        """Gates: a body that reads one waits until `open_gate`."""
        (self.folder / folder).mkdir(exist_ok=True)
        for name in names:
            os.mkfifo(self.folder / folder / str(name))

    def open_gate(self, name: object, folder: str = "gate") -> None:
        """Let the body that reads this gate go on, once it reads."""
        opened: list[int] = []

        def has_reader() -> bool:
            with suppress(OSError):
                opened.append(os.open(self.folder / folder / str(name), os.O_WRONLY | os.O_NONBLOCK))
            return bool(opened)

        self.wait(has_reader, f"a reader of the gate {name}")
        os.close(opened[0])

    def open_gates(self, folder: str = "gate") -> None:
        """Let all go on that read a gate, now or later."""
        for gate in sorted((self.folder / folder).iterdir()):
            if gate.is_fifo():
                writer = os.open(gate, os.O_RDWR)  # never blocks; who waits for a writer is woken and reads to the end
                gate.with_name("open").touch()
                gate.with_name("open").rename(gate)
                os.close(writer)

    def lines(self, name: str) -> list[str]:
        """The lines of a file so far; none where it is not there."""
        try:
            return (self.folder / name).read_text().splitlines()
        except FileNotFoundError:
            return []

    def wait_for(self, name: str, count: int = 1) -> None:
        """Until a file has so many lines."""
        self.wait(lambda: len(self.lines(name)) >= count, f"{count} lines in {name}")

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """As `wait_until`; fails at once where the newest command that was started has ended without it."""

        def is_so() -> bool:
            run = self._started[-1] if self._started else None  # a test may have its own way to start one
            over = run is not None and run.warden.poll() is not None
            if condition():
                return True
            assert run is None or not over, f"ended before {what}: {run.finish()}"
            return False

        wait_until(is_so, what)

    # -- the program ----------------------------------------------------------------------------------------------

    def cascade(self, *args: str, env: dict[str, str] | None = None) -> Done:
        """Run a command to its end."""
        done = subprocess.run(
            [*COMMAND, *args], cwd=self.folder, env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=BOUND_S,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str) -> LiveRun:
        """Start a command that goes on beside the test."""
        run = LiveRun(self, args, self.folder / f"started-{len(self._started)}")
        self._started.append(run)
        return run

    def ps(self) -> dict[str, Any]:
        """What `ps --json` says of the only live run."""
        (only,) = self.cascade("ps", "--json").json["runs"]
        return only

    def wait_live(self, count: int = 1) -> list[dict[str, Any]]:
        """Until so many runs answer; what `ps --json` says of them, newest first."""
        found: list[dict[str, Any]] = []

        def answer() -> bool:
            done = self.cascade("ps", "--json")
            found[:] = done.json["runs"] if done.code == 0 else []
            return len(found) == count

        self.wait(answer, f"{count} live runs")
        return found

    def wait_running(self, count: int) -> None:
        """Until `ps` shows so many running tasks."""
        self.wait(lambda: self.ps()["nodes"]["running"] == count, f"{count} running tasks")

    def finish(self) -> Done:
        """Wait for the end of the newest command that was started."""
        return self._started[-1].finish()

    def shown(self, text: str) -> str:
        """A text without what differs from run to run: ids, times, the folder."""
        text = text.replace(str(self.folder), "HERE")
        return _LOG.sub("LOG", _TIME.sub("TIMEs", _RUN_ID.sub("RUN", text)))

    # -- the journal ----------------------------------------------------------------------------------------------

    def runs(self) -> list[str]:
        """Ids of all runs, oldest first."""
        folder = self.folder / ".cascade" / "runs"
        return sorted(os.listdir(folder)) if folder.is_dir() else []

    def events(self, run: str | None = None) -> list[tuple[int, Event]]:
        """The journal of a run, (instant of the turn, event), of the newest where none is named; empty before there is one."""
        return [(t_ns, event) for _, t_ns, event in self._read(run, lambda reader: list(reader.events()))]

    def names(self, run: str | None = None) -> dict[tuple[int, ...], str]:
        """Name by key, of every node that was started."""
        rows: list[AttemptRow] = self._read(run, lambda reader: reader.attempts())
        return {row.key: row.name for row in rows}

    def _read(self, run: str | None, read: Callable[[JournalReader], list[Any]]) -> list[Any]:
        runs = self.runs()
        if run is None and not runs:
            return []
        with suppress(CascadeError), JournalReader(self._run_folder(run or runs[-1]) / "journal.db") as reader:
            return read(reader)
        return []  # in the instant before it has its tables

    def _run_folder(self, run: str) -> Path:
        return self.folder / ".cascade" / "runs" / run

    def of(self, kind: type[E], run: str | None = None) -> list[tuple[int, E]]:
        """The events of one kind, each with the instant of its turn."""
        return [(t_ns, event) for t_ns, event in self.events(run) if isinstance(event, kind)]

    def started(self, run: str | None = None) -> Counter[str]:
        """How many attempts of each node were started."""
        started, names = self.of(AttemptStarted, run), self.names(run)
        return Counter(names[event.key] for _, event in started)

    def wait_started(self, count: int) -> None:
        """Until so many attempts of the newest run were started."""
        self.wait(lambda: len(self.of(AttemptStarted)) >= count, f"{count} started attempts")

    # -- processes ------------------------------------------------------------------------------------------------

    def alive(self) -> list[int]:
        """Processes that carry the marker of a run of this project."""
        markers = {f"CASCADE_RUN={run}".encode() for run in self.runs()}
        found: list[int] = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                environ = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                if not markers.isdisjoint(environ) and is_alive(int(name)):
                    found.append(int(name))
        return found

    def close(self) -> None:
        """Kill whatever is left."""
        for run in self._started:
            with suppress(ProcessLookupError):
                os.killpg(run.warden.pid, signal.SIGKILL)
            run.warden.wait()
        wait_until(lambda: not self._kill_left(), "the end of what is left")

    def _kill_left(self) -> bool:
        left = self.alive()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(left)
