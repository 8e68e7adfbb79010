"""What every executor promises, held against each of them with the same behaviours of a body."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
import trio.testing

from cascade_dsl.executors.fake import FakeExecutor
from cascade_dsl.executors.process import ProcessExecutor
from cascade_dsl.executors.protocol import (
    AttemptExited,
    AttemptSpec,
    CommandSpec,
    Executor,
    Outcome,
    PythonSpec,
    StartFailed,
)
from cascade_dsl.executors.python import PythonExecutor

SHELL = {
    "succeed": "exit 0",
    "fail": "exit 3",
    "hang": "touch ready; exec sleep 60",
    "stubborn": "trap '' TERM; touch ready; while :; do sleep 60; done",
    "crash": "kill -SEGV $$",
    "family": "sleep 60 & sleep 60 & touch ready; wait",
    "ticks": "touch ready; while [ ! -e go ]; do echo x >> ticks; sleep 0.005; done",
    "strays": "setsid sh -c 'while [ ! -e done ]; do echo x >> ticks; sleep 0.005; done' & touch ready; while [ ! -e go ]; do sleep 0.005; done",
    "farewell": "setsid sh -c 'while [ ! -e done ]; do sleep 0.005; done' & trap 'touch done; wait; exit 6' TERM; touch ready; while :; do sleep 0.005; done",
    "polite": "trap 'echo term > said; exit 5' TERM; touch ready; while :; do sleep 0.005; done",
}
PYTHON = {
    "succeed": "return None",
    "fail": "import sys\nsys.exit(3)",
    "hang": "import time\nopen('ready', 'w').close()\ntime.sleep(60)",
    "stubborn": "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nopen('ready', 'w').close()\ntime.sleep(60)",
    "ticks": "import os, time\nopen('ready', 'w').close()\nwhile not os.path.exists('go'):\n"
    "    print('x', file=open('ticks', 'a'))\n    time.sleep(0.005)",
    "strays": "import os, subprocess, time\n"
    "p = subprocess.Popen(['sh', '-c', 'while [ ! -e done ]; do echo x >> ticks; sleep 0.005; done'], start_new_session=True)\n"
    "open('ready', 'w').close()\nwhile not os.path.exists('go'):\n    time.sleep(0.005)\np.wait()",
    "farewell": "import os, signal, subprocess, sys, time\n"
    "p = subprocess.Popen(['sh', '-c', 'while [ ! -e done ]; do sleep 0.005; done'], start_new_session=True)\n"
    "def end(*_):\n    open('done', 'w').close()\n    p.wait()\n    sys.exit(6)\n"
    "signal.signal(15, end)\nopen('ready', 'w').close()\nwhile True:\n    time.sleep(0.005)",
    "polite": "import signal, sys, time\ndef end(*_):\n    print('term', file=open('said', 'w'), flush=True)\n    sys.exit(5)\n"
    "signal.signal(15, end)\nopen('ready', 'w').close()\nwhile True:\n    time.sleep(0.005)",
    "crash": "import ctypes\nctypes.string_at(0)",
    "family": "import subprocess\nsubprocess.Popen(['sleep', '60'])\nopen('ready', 'w').close()\nsubprocess.run(['sleep', '60'])",
}
FAKE: dict[str, Callable[[str], Outcome | None]] = {
    "succeed": lambda id: AttemptExited(id=id, code=0),
    "fail": lambda id: AttemptExited(id=id, code=3),
    "hang": lambda id: None,
    "stubborn": lambda id: None,
    "crash": lambda id: AttemptExited(id=id, signal=signal.SIGSEGV),
    "family": lambda id: None,
    "ticks": lambda id: None,
}


@dataclass
class Bench:
    """An executor at work, and what it delivered."""

    kind: str
    folder: Path
    executor: Executor
    outcomes: list[Outcome] = field(default_factory=list[Outcome])

    def spec(self, id: str, behaviour: str) -> AttemptSpec:
        cwd = self.folder / id
        cwd.mkdir()
        work = (
            PythonSpec(source=PYTHON[behaviour], outputs={}, result_path=str(cwd / "result.json"))
            if self.kind == "python"
            else CommandSpec(argv=("sh", "-c", SHELL[behaviour], behaviour))
        )
        env = {"PATH": os.environ["PATH"], "MARK": str(self.folder)}
        return AttemptSpec(id=id, work=work, cwd=str(cwd), env=env, log_path=str(self.folder / f"{id}.log"))

    def start(self, id: str, behaviour: str) -> None:
        self.executor.start(self.spec(id, behaviour))

    async def wait_ready(self, id: str) -> None:
        while self.kind != "fake" and not self._is_ready(id):  # noqa: ASYNC110 - a file wakes nobody
            await trio.sleep(0.002)

    def _is_ready(self, id: str) -> bool:
        return os.path.exists(f"{self.folder}/{id}/ready")

    async def wait_outcomes(self, count: int) -> list[Outcome]:
        while len(self.outcomes) < count:  # noqa: ASYNC110
            await trio.sleep(0.002)
        return self.outcomes

    def alive(self) -> list[int]:
        """Processes of this bench's attempts that have not ended."""
        found: list[int] = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                environ = Path(f"/proc/{name}/environ").read_bytes().split(b"\0")
                state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if f"MARK={self.folder}".encode() in environ and state not in "ZX":
                found.append(int(name))
        return found


@asynccontextmanager
async def bench(kind: str, folder: Path, *, stubborn: bool = False) -> AsyncGenerator[Bench]:
    outcomes: list[Outcome] = []

    def script(spec: AttemptSpec) -> Outcome | None:
        assert isinstance(spec.work, CommandSpec)
        return FAKE[spec.work.argv[-1]](spec.id)

    match kind:
        case "process":
            executor: Executor = ProcessExecutor(outcomes.append)
        case "python":
            executor = PythonExecutor(outcomes.append)
        case _:
            executor = FakeExecutor(outcomes.append, script, obeys_term=not stubborn)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(executor.serve)
            made = Bench(kind, folder, executor, outcomes)
            yield made
            nursery.cancel_scope.cancel()
    assert made.alive() == []


pytestmark = pytest.mark.trio
every = pytest.mark.parametrize("kind", ["process", "python", "fake"])
real = pytest.mark.parametrize("kind", ["process", "python"])


def told(outcome: Outcome) -> tuple[str, int | None, int | None]:
    assert isinstance(outcome, AttemptExited)
    return outcome.id, outcome.code, outcome.signal


@every
@pytest.mark.parametrize(
    ("behaviour", "code", "number"), [("succeed", 0, None), ("fail", 3, None), ("crash", None, signal.SIGSEGV)]
)
async def test_how_it_ended_is_told(
    kind: str, tmp_path: Path, behaviour: str, code: int | None, number: int | None
) -> None:
    async with bench(kind, tmp_path) as it:
        it.start("a", behaviour)
        assert [told(o) for o in await it.wait_outcomes(1)] == [("a", code, number)]


@every
async def test_no_outcome_from_inside_start_or_stop(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        it.start("a", "succeed")
        it.start("b", "hang")
        it.executor.stop("b", 0)
        assert it.outcomes == []
        assert {told(o) for o in await it.wait_outcomes(2)} == {("a", 0, None), ("b", None, signal.SIGKILL)}


@every
async def test_stop_is_term_first(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        it.start("a", "hang")
        await it.wait_ready("a")
        it.executor.stop("a", 30)
        assert [told(o) for o in await it.wait_outcomes(1)] == [("a", None, signal.SIGTERM)]


@every
async def test_what_ignores_term_is_killed_after_the_grace(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, stubborn=True) as it:
        it.start("a", "stubborn")
        await it.wait_ready("a")
        it.executor.stop("a", 0.05)
        assert [told(o) for o in await it.wait_outcomes(1)] == [("a", None, signal.SIGKILL)]


@every
async def test_stop_twice_gives_one_outcome(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, stubborn=True) as it:
        it.start("a", "stubborn")
        await it.wait_ready("a")
        it.executor.stop("a", 30)
        it.executor.stop("a", 0)
        it.executor.stop("a", 0)
        it.start("b", "succeed")
        assert {told(o) for o in await it.wait_outcomes(2)} == {("a", None, signal.SIGKILL), ("b", 0, None)}


@every
async def test_stop_of_what_does_not_run_is_ignored(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        it.executor.stop("nobody", 0)
        it.start("a", "succeed")
        await it.wait_outcomes(1)
        it.executor.stop("a", 0)
        it.executor.stop("a", 1)
        it.start("b", "fail")
        assert [told(o) for o in await it.wait_outcomes(2)] == [("a", 0, None), ("b", 3, None)]


@every
async def test_many_at_once_each_get_exactly_one(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        names = [f"n{i}" for i in range(24)]
        for name in names:
            it.start(name, "fail" if name.endswith("3") else "succeed")
        outcomes = await it.wait_outcomes(len(names))
        assert sorted(told(o) for o in outcomes) == sorted((n, 3 if n.endswith("3") else 0, None) for n in names)


@every
async def test_an_id_may_be_used_again_once_it_has_ended(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        spec = it.spec("a", "fail")
        it.executor.start(spec)
        await it.wait_outcomes(1)
        it.executor.start(spec)
        assert [told(o) for o in await it.wait_outcomes(2)] == [("a", 3, None), ("a", 3, None)]


@every
async def test_cancelled_it_kills_and_delivers(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, stubborn=True) as it:
        for name, behaviour in (("a", "hang"), ("b", "stubborn"), ("c", "family")):
            it.start(name, behaviour)
            await it.wait_ready(name)
    assert sorted(told(o) for o in it.outcomes) == [(name, None, signal.SIGKILL) for name in "abc"]


@real
async def test_at_the_outcome_nothing_of_the_group_is_left(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        it.start("a", "family")
        await it.wait_ready("a")
        it.executor.stop("a", 30)
        await it.wait_outcomes(1)
        assert it.alive() == []


@real
async def test_a_missing_folder_is_a_failed_start(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        spec = it.spec("a", "succeed")
        os.rmdir(spec.cwd)
        it.executor.start(spec)
        message = f"the working directory {spec.cwd} does not exist"
        assert await it.wait_outcomes(1) == [StartFailed(id="a", message=message)]


@real
async def test_a_log_that_cannot_be_written_is_a_failed_start(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        (tmp_path / "a.log").mkdir()
        it.start("a", "succeed")
        (outcome,) = await it.wait_outcomes(1)
        assert outcome == StartFailed(id="a", message=f"cannot write the log {tmp_path / 'a.log'}: Is a directory")


@real
async def test_the_pid_is_known_while_it_runs(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        it.start("a", "hang")
        await it.wait_ready("a")
        assert it.executor.pid("a") in it.alive()
        it.executor.stop("a", 0)
        await it.wait_outcomes(1)
        assert it.executor.pid("a") is None


# ---- standing still ---------------------------------------------------------------------------------------------


def stands(it: Bench) -> bool:
    """All that lives of the attempts is stopped (T), or waits for a child that is, which it has just begun to start (D)."""
    states: set[str] = set()
    for pid in it.alive():
        states.add(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])
    return "T" in states <= {"T", "D"}


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - a process wakes nobody
        await trio.sleep(0.002)


def ticks(it: Bench, id: str) -> int:
    path = it.folder / id / "ticks"
    return len(path.read_text()) if path.exists() else 0


@real
@pytest.mark.parametrize("behaviour", ["ticks", "strays"])
async def test_what_is_frozen_makes_no_progress_and_goes_on_when_thawed(
    kind: str, tmp_path: Path, behaviour: str
) -> None:
    async with bench(kind, tmp_path) as it:
        it.start("a", behaviour)
        await it.wait_ready("a")
        await until(lambda: ticks(it, "a") > 3)
        it.executor.freeze("a")
        it.executor.freeze("a")
        await until(lambda: stands(it))
        before = ticks(it, "a")
        await trio.sleep(0.1)
        assert (ticks(it, "a"), it.outcomes) == (before, [])
        it.executor.thaw("a")
        it.executor.thaw("a")
        await until(lambda: ticks(it, "a") > before)
        for name in ("done", "go"):
            (it.folder / "a" / name).touch()
        await until(lambda: it.alive() == [] or kind == "python")
        (outcome,) = await it.wait_outcomes(1)
        assert told(outcome) == ("a", 0, None)
        assert isinstance(outcome, AttemptExited)


@real
async def test_the_time_that_it_stood_is_no_time_that_it_took(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    ahead = 0.0
    real_time = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real_time() + ahead)
    async with bench(kind, tmp_path) as it:
        it.start("a", "ticks")
        await it.wait_ready("a")
        it.executor.freeze("a")
        ahead = 1000.0
        it.executor.thaw("a")
        (it.folder / "a" / "go").touch()
        (outcome,) = await it.wait_outcomes(1)
        assert isinstance(outcome, AttemptExited)
        assert outcome.used.wall_ms < 900_000


@real
async def test_what_is_stopped_while_it_is_frozen_sees_the_signal(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        it.start("a", "polite")
        await it.wait_ready("a")
        it.executor.freeze("a")
        await until(lambda: stands(it))
        it.executor.stop("a", 30)
        it.executor.freeze("a")
        assert [told(o) for o in await it.wait_outcomes(1)] == [("a", 5, None)]
        assert (it.folder / "a" / "said").read_text() == "term\n"


@real
async def test_what_left_the_group_goes_on_too_when_it_is_stopped(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        it.start("a", "farewell")
        await it.wait_ready("a")
        it.executor.freeze("a")
        await until(lambda: stands(it))
        it.executor.stop("a", 10)
        assert [told(o) for o in await it.wait_outcomes(1)] == [("a", 6, None)], "it waits for its child"


@every
async def test_frozen_it_can_be_killed(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, stubborn=True) as it:
        it.start("a", "stubborn")
        await it.wait_ready("a")
        it.executor.freeze("a")
        it.executor.stop("a", 0)
        assert [told(o) for o in await it.wait_outcomes(1)] == [("a", None, signal.SIGKILL)]


@every
async def test_cancelled_it_kills_what_is_frozen_too(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path, stubborn=True) as it:
        it.start("a", "hang")
        await it.wait_ready("a")
        it.executor.freeze("a")
    assert [told(o) for o in it.outcomes] == [("a", None, signal.SIGKILL)]


@every
async def test_to_freeze_or_thaw_what_does_not_run_is_ignored(kind: str, tmp_path: Path) -> None:
    async with bench(kind, tmp_path) as it:
        it.executor.freeze("nobody")
        it.executor.thaw("nobody")
        it.start("a", "succeed")
        await it.wait_outcomes(1)
        it.executor.freeze("a")
        it.executor.thaw("a")
        it.start("b", "fail")
        assert [told(o) for o in await it.wait_outcomes(2)] == [("a", 0, None), ("b", 3, None)]


async def test_a_worker_that_was_frozen_takes_the_next_call(tmp_path: Path) -> None:
    async with bench("python", tmp_path) as it:
        for id in ("a", "b", "c"):
            it.start(id, "ticks")
            await it.wait_ready(id)
            (it.folder / id / "go").touch()
            it.executor.freeze(id)  # before its answer, after it, or while it is under way
            await trio.sleep(0.02)
            it.executor.thaw(id)
            await it.wait_outcomes("abc".index(id) + 1)
        assert [told(o)[1] for o in it.outcomes] == [0, 0, 0]


async def test_the_fake_tells_no_end_of_what_stands_still(tmp_path: Path) -> None:
    async with bench("fake", tmp_path) as it:
        assert isinstance(it.executor, FakeExecutor)
        it.start("a", "hang")
        it.executor.freeze("a")
        it.executor.finish(AttemptExited(id="a", code=0))
        await trio.testing.wait_all_tasks_blocked()
        assert it.outcomes == []
        it.executor.thaw("a")
        assert [told(o) for o in await it.wait_outcomes(1)] == [("a", 0, None)]
