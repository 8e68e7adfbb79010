"""An executor at work, for tests that start attempts one by one and look at what came of them."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio

from cascade_dsl.executors.cgroups import Cgroups
from cascade_dsl.executors.monitor import Monitor, Watch
from cascade_dsl.executors.process import ProcessExecutor
from cascade_dsl.executors.protocol import AttemptExited, AttemptSpec, CommandSpec, Outcome, PythonSpec
from cascade_dsl.executors.python import PythonExecutor

ENV = {"PATH": os.environ["PATH"], "HOME": "/"}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what wakes nobody: files and processes of others."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.002)


class Recording(Monitor):
    """Keeps what it watches, for tests to ask what it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Watch] = []

    def watch(self, pid: int, **options: Any) -> Watch:
        watch = super().watch(pid, **options)
        self.all.append(watch)
        return watch


class Work:
    """Starts attempts in one folder and waits for their outcomes."""

    def __init__(self, folder: Path, cgroups: Cgroups | None = None) -> None:
        self.folder = folder
        self.outcomes: dict[str, Outcome] = {}
        self.count = 0
        self.monitor = Recording()
        self.commands = ProcessExecutor(self._deliver, self.monitor, cgroups)
        self.python = PythonExecutor(self._deliver, self.monitor)

    def _deliver(self, outcome: Outcome) -> None:
        assert outcome.id not in self.outcomes
        self.outcomes[outcome.id] = outcome

    def start(
        self,
        *argv: str,
        stdout: str | None = None,
        cwd: Path | None = None,
        env: dict[str, str] = ENV,
        mem: int | None = None,
    ) -> str:
        """Begin a command; gives its id."""
        path = None if stdout is None else str(self.folder / stdout)
        spec = self._spec(CommandSpec(argv=argv, stdout_path=path), cwd, env, mem)
        self.commands.start(spec)
        return spec.id

    def start_python(
        self,
        source: str | None = None,
        *,
        cwd: Path | None = None,
        env: dict[str, str] = ENV,
        mem: int | None = None,
        ends_worker: bool = False,
        **fields: Any,
    ) -> str:
        """Begin a call; gives its id."""
        fields.setdefault("outputs", {})
        result = str(self.folder / "results" / f"{self.count + 1}.json")
        spec = self._spec(PythonSpec(source=source, result_path=result, **fields), cwd, env, mem)
        self.python.start(replace(spec, ends_worker=ends_worker))
        return spec.id

    def _spec(
        self, work: CommandSpec | PythonSpec, cwd: Path | None, env: dict[str, str], mem: int | None
    ) -> AttemptSpec:
        self.count += 1
        log = str(self.folder / f"{self.count}.log")
        return AttemptSpec(
            id=str(self.count), work=work, cwd=str(cwd or self.folder), env=env, log_path=log, mem_bytes=mem
        )

    async def outcome(self, id: str) -> Outcome:
        """Wait for the outcome of an attempt."""
        await until(lambda: id in self.outcomes)
        return self.outcomes[id]

    async def exited(self, id: str) -> AttemptExited:
        """Wait for an attempt that ended by itself."""
        outcome = await self.outcome(id)
        assert isinstance(outcome, AttemptExited), outcome
        return outcome

    async def run(self, *argv: str, **options: Any) -> AttemptExited:
        """Run a command to its end."""
        return await self.exited(self.start(*argv, **options))

    async def call(self, source: str | None = None, **options: Any) -> AttemptExited:
        """Run a call to its end."""
        return await self.exited(self.start_python(source, **options))

    def log(self, id: str | None = None) -> str:
        """What an attempt, by default the last, wrote."""
        return (self.folder / f"{id or self.count}.log").read_text()

    async def seen(self, name: str) -> str:
        """Wait for a file in the folder that holds something; gives it."""
        path = str(self.folder / name)
        await until(lambda: os.path.exists(path) and os.path.getsize(path) > 0)
        return text_of(path)


Working: TypeAlias = Callable[[], AbstractAsyncContextManager[Work]]


@pytest.fixture
def working(tmp_path: Path) -> Working:
    """A context in which both executors serve."""

    @asynccontextmanager
    async def serving() -> AsyncGenerator[Work]:
        with trio.fail_after(90):
            async with trio.open_nursery() as nursery:
                work = Work(tmp_path)
                await nursery.start(work.commands.serve)
                await nursery.start(work.python.serve)
                yield work
                nursery.cancel_scope.cancel()

    return serving


def text_of(path: str | Path) -> str:
    """The text of a file."""
    return Path(path).read_text()


def state_of(pid: int) -> str:
    """The letter of a process in /proc, empty where it is gone."""
    try:
        return text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """There is such a process, and it has not ended."""
    return state_of(pid) not in ("", "Z", "X")


def on_disk(folder: Path) -> Path:
    """A folder whose files are on a disk: this one, else another; what is in memory is memory."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for maybe in (folder, Path("/var/tmp")):
        inside = [m for m in mounts if maybe.resolve().is_relative_to(m[1])]
        if max(inside, key=lambda m: len(m[1]))[2] not in ("tmpfs", "ramfs"):
            return maybe
    pytest.skip("every folder here is in memory")
