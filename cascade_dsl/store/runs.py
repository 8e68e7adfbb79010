"""The state of a project, `.cascade` beside its program, and the folder of each run in it.

    .cascade/runs/ID/{journal.db, graph.json, graph-2.json, …, run.json, control.sock, lock, logs/, scratch/}

All of it is readable by its owner only; `layout` tells of the folders beside `runs`. `run.json` is for people and for `ps`; the truth about a run is its journal.
"""

from __future__ import annotations

import calendar
import fcntl
import json
import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..base.diagnostics import CascadeError, fail
from ..ir.events import RunEnded, RunStatus
from . import layout
from .blobs import Blobs
from .boot import boot_id
from .faults import unlockable, unusable
from .flush import flush_file, flush_folders
from .journal import JournalReader
from .live import INFO_FILE, LOCK_FILE, SOCKET_FILE, STATE_FOLDER, announce, is_live, read_info, withdraw

_ID = re.compile(r"\d{8}-\d{6}-[0-9a-z]{3}")
_TEXT = re.compile(r"graph-\d+\.json")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_STEPS = len(_DIGITS) ** 3
_LOCK_TRIES = 100
_CONTINUABLE: tuple[RunStatus, ...] = ("cancelled", "drained", "stalled")


class RunInfo(NamedTuple):
    """What `run.json` says. `state` is `running`, or how the run ended as far as its engine could still say, or `dead`: a
    later run has found it so and cleared what it left behind."""

    run: str
    file: str
    pid: int
    warden: int | None
    started_ns: int
    state: str
    boot: str = ""
    """Which start of the machine its engine was of."""


def run_id(now_ns: int) -> str:
    """A name that sorts by time, in UTC: `20261123-215501-k3f`, the last part being the fraction of the second."""
    second, rest = divmod(now_ns, 1_000_000_000)
    part = rest * _STEPS // 1_000_000_000
    fraction = "".join(_DIGITS[part // 36**place % 36] for place in (2, 1, 0))
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(second)) + "-" + fraction


def instant_of(id: str) -> int:
    """The least instant that gives this id."""
    second = calendar.timegm(time.strptime(id[:15], "%Y%m%d-%H%M%S"))
    part = int(id[16:], 36)
    return second * 1_000_000_000 + -(-part * 1_000_000_000 // _STEPS)


class Run:
    """The folder of one run."""

    __slots__ = ("_hold", "_lock", "folder", "id", "was_continued")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self._lock = -1
        self._hold = -1
        self.was_continued = False
        """An engine of this process goes on with it: it had one before."""

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    @property
    def graph(self) -> Path:
        return self.folder / "graph.json"

    def text(self, number: int) -> Path:
        """The graph of the `number`-th text that the run has had: 1 is the one that it began with."""
        return self.graph if number == 1 else self.folder / f"graph-{number}.json"

    def later_texts(self) -> list[Path]:
        """Those that it took while it was on, or was about to take, oldest first."""
        found = [name for name in os.listdir(self.folder) if _TEXT.fullmatch(name)]
        return [self.folder / name for name in sorted(found, key=lambda name: int(name[6:-5]))]

    @property
    def socket(self) -> Path:
        return self.folder / SOCKET_FILE

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def is_live(self) -> bool:
        """Whether an engine, also of this process, holds the run."""
        return is_live(self.folder)

    def take(self, hold: int | None = None) -> None:
        """Become the engine of this run until `release` or the end of the process; CSC707 where another one is.

        `hold`: a share of the state's lock that the caller has taken, and gives away. CSC706 where the folder cannot be
        written, CSC708 where the run was removed, CSC742 where there are no locks.
        """
        self._hold = layout.hold(self.folder.parent.parent) if hold is None else hold
        try:
            self._lock = self._locked()
        except BaseException:
            self._let_go()
            raise

    def _locked(self) -> int:
        try:
            descriptor = os.open(self.folder / LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise self._removed() from None
        except OSError as error:
            raise unusable(self.folder, error) from error
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # Who only looks whether the run is live holds the lock for an instant.
                time.sleep(0.005)
            except OSError as error:
                os.close(descriptor)
                raise unlockable(self.folder, error) from error
            else:
                if _is_at(descriptor, self.folder / LOCK_FILE):
                    return descriptor
                os.close(descriptor)
                raise self._removed()
        os.close(descriptor)
        raise fail(
            "CSC707",
            f"the run {self.id} is live: another process has it",
            help="`cascade ps` shows it; wait for its end, or steer it with `cascade limit`, `pause` and the like",
        )

    def _removed(self) -> CascadeError:
        return fail(
            "CSC708",
            f"the run {self.id} was removed",
            help="`cascade history` shows the runs that are there; start a new one with `cascade run FILE`",
        )

    def _let_go(self) -> None:
        hold, self._hold = self._hold, -1
        if hold >= 0:
            os.close(hold)

    def announce(self) -> None:
        """Let control verbs find the run; it has been taken, and its `run.json` is written."""
        assert self._lock >= 0
        announce(str(self.folder))

    def release(self) -> None:
        """End being its engine: the run is no longer found, and another process may take it."""
        if self._lock < 0:
            return
        withdraw(str(self.folder))
        descriptor, self._lock = self._lock, -1
        os.close(descriptor)
        self._let_go()

    def info(self) -> RunInfo:
        """What `run.json` says; what it does not say is empty."""
        said = read_info(str(self.folder))
        return RunInfo(
            run=self.id,
            file=said.get("file", ""),
            pid=said.get("pid", 0),
            warden=said.get("warden"),
            started_ns=said.get("started_ns", 0),
            state=said.get("state", ""),
            boot=said.get("boot", ""),
        )

    def write_info(self, info: RunInfo) -> None:
        """Replace `run.json` as a whole; CSC706 where the disk refuses."""
        temporary = self.folder / f".{INFO_FILE}.{os.getpid()}"
        try:
            with open(temporary, "w", encoding="utf-8", opener=_private) as file:
                json.dump(info._asdict(), file)
            os.rename(temporary, self.folder / INFO_FILE)
        except OSError as error:
            raise unusable(self.folder, error) from error

    def write_graph(self, text: str, number: int = 1) -> None:
        """Keep a graph that is run; one that the run takes later is on disk before this returns. CSC706 where the disk refuses."""
        try:
            with open(self.text(number), "w", encoding="utf-8", opener=_private) as file:
                file.write(text)
                if number > 1:
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as error:
            raise unusable(self.folder, error) from error

    def flush(self) -> None:
        """Carry to disk what a journal is worth nothing without: the graph, and the entries of all folders down to it."""
        flush_file(self.graph)
        flush_file(self.folder / INFO_FILE)
        runs = self.folder.parent
        flush_folders(map(os.fspath, (self.folder, runs, runs.parent, runs.parent.parent)))

    def ended(self) -> RunStatus | None:
        """How the run ended, by its journal; None where it did not, or lives. Raises CSC700, CSC701, CSC703."""
        with JournalReader(self.journal) as reader:
            last = reader.last()
        return last.status if isinstance(last, RunEnded) else None

    def clear_scratch(self) -> None:
        """Drop what attempts left behind."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        with suppress(OSError):  # the folder of the run was removed
            self.scratch.mkdir(mode=0o700, exist_ok=True)


class Project:
    """The state of the project in a folder."""

    __slots__ = ("folder", "state")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / STATE_FOLDER

    @property
    def blobs(self) -> Blobs:
        """The large values of all runs."""
        return Blobs(self.state / "blobs")

    @property
    def store(self) -> Path:
        """Where outputs are kept that the program gives no path."""
        return self.state / "store"

    @property
    def claims(self) -> Path:
        """Where live runs say which paths they publish."""
        return self.state / "claims"

    def prepare(self) -> None:
        """Bring the state, where there is one, to the newest layout. CSC706, CSC730, CSC731, CSC732."""
        try:
            layout.prepare(self.state)
        except OSError as error:
            raise unusable(self.state, error) from error

    def create(self, *, file: str, pid: int, warden: int | None, now_ns: int) -> Run:
        """A new run, taken by this process and not yet announced; CSC706 where the disk refuses, else as `prepare`."""
        runs = self.state / "runs"
        self.prepare()
        try:
            layout.found(self.state)
            hold = layout.hold(self.state)
            try:
                runs.mkdir(mode=0o700, exist_ok=True)
                self.store.mkdir(mode=0o700, exist_ok=True)
                run = self._new_folder(runs, now_ns)
                run.logs.mkdir(mode=0o700)
                run.scratch.mkdir(mode=0o700)
            except BaseException:
                os.close(hold)
                raise
            run.take(hold)
        except OSError as error:
            raise unusable(self.state, error) from error
        info = RunInfo(run.id, file=file, pid=pid, warden=warden, started_ns=now_ns, state="running", boot=boot_id())
        run.write_info(info)
        return run

    def _new_folder(self, runs: Path, now_ns: int) -> Run:
        """Ids go up, also where the clock was set back: the newest run is the last by name."""
        newest = next(iter(self.runs()), None)
        if newest is not None:
            now_ns = max(now_ns, instant_of(newest.id))
        while True:
            folder = runs / run_id(now_ns)
            try:
                folder.mkdir(mode=0o700)
                return Run(folder)
            except FileExistsError:
                now_ns += 1_000_000_000 // _STEPS + 1

    def runs(self) -> list[Run]:
        """Every run of the project, newest first."""
        try:
            names = os.listdir(self.state / "runs")
        except OSError:
            return []
        return [Run(self.state / "runs" / name) for name in sorted(names, reverse=True) if _ID.fullmatch(name)]

    def run(self, name: str) -> Run:
        """The run of that id, or whose id alone ends so; CSC708 where there is none."""
        runs = self.runs()
        found = [run for run in runs if run.id == name] or [run for run in runs if name and run.id.endswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise fail(
                "CSC708",
                f"several runs end in `{name}`",
                help=f"write one in full: {', '.join(run.id for run in found[:3])}",
            )
        raise fail(
            "CSC708",
            f"there is no run `{name}` in `{self.folder}`",
            help=f"the newest run is {runs[0].id}" if runs else "no program was run in this folder yet",
        )

    def continuable(self) -> list[Run]:
        """The runs that died, were drained, cancelled or stalled, newest first."""
        return [run for run in self.runs() if _can_continue(run)]


def _can_continue(run: Run) -> bool:
    if not run.journal.exists() or run.is_live:
        return False
    try:
        with JournalReader(run.journal) as reader:
            last = reader.last()
    except CascadeError:
        return False
    if not isinstance(last, RunEnded):
        return last is not None
    return can_go_on(last)


def can_go_on(last: RunEnded) -> bool:
    """Whether a run that ended so has something left that can be done in it."""
    return last.status in _CONTINUABLE or (last.status == "failed" and last.held + last.cancelled > 0)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an opened file still has its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
