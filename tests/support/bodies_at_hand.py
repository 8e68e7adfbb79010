"""Runs in this process: the real engine, interpreter, cache and disk, with a fake executor whose bodies give a digest of all
that they see. So a thousand runs take a minute, and whatever changes for a body changes what it gives.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from cascade_dsl import api
from cascade_dsl.api.params import ParamValue, bind_params
from cascade_dsl.engine.status import FailureView, Status
from cascade_dsl.executors.fake import FakeExecutor
from cascade_dsl.executors.protocol import AttemptExited, AttemptSpec, CommandSpec, Deliver, Outcome, PythonSpec
from cascade_dsl.ir.events import AttemptStarted, Event, Recalled
from cascade_dsl.ir.graph import Graph
from cascade_dsl.runtime.forecast import Forecast, Foreseen

_PATH = re.compile(r"/[\w./+:=@-]+")
_SERIAL = re.compile(r"/\.cascade/runs/[\w-]+/scratch/\d+")
_ENV = ("THREADS", "MODE")
"""Variables of the environment that bodies look at."""


def _digest(*texts: object) -> str:
    state = blake2b(digest_size=6)
    for text in texts:
        state.update(repr(text).encode())
    return state.hexdigest()


def _look(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def play(spec: AttemptSpec) -> Outcome:
    """The script of the fake: a digest of the text, the inputs, the files in them and the environment, written where
    outputs go and given back as the result.
    """
    env = [spec.env.get(name) for name in _ENV]
    match spec.work:
        case CommandSpec(argv=argv, stdout_path=stdout):
            text = argv[-1]
            paths = sorted(set(_PATH.findall(text)))
            outputs = [path for path in paths if _SERIAL.search(path)]
            given = _digest(_SERIAL.sub("", text), [_look(p) for p in paths if p not in outputs], env)
            for path in outputs:
                Path(path).write_text(given)
            if stdout is not None:
                Path(stdout).write_text(given)
            return AttemptExited(id=spec.id, code=0)
        case PythonSpec():
            inputs: dict[str, Any] = json.loads(spec.work.inputs)
            extras: dict[str, Any] = {
                k: v for k, v in json.loads(spec.work.extras).items() if k not in ("attempt", "need")
            }
            code = spec.work.source or _look(spec.work.path or "")
            files = [_look(v) for v in inputs.values() if isinstance(v, str) and v.startswith("/")]
            given = _digest(code, spec.work.function, inputs, extras, files, env)
            for path in spec.work.outputs.values():
                Path(path).write_text(given)
            result: Any = given
            if code.startswith("return ["):  # a list whose length is not known before
                result = [int(given[at : at + 4], 16) for at in range(1 + int(given[-1], 16) % 3)]
            return AttemptExited(id=spec.id, code=0, result=json.dumps(result))


@contextmanager
def at_hand() -> Generator[None]:
    """Within it, runs of this process start no processes."""

    def make(deliver: Deliver, *_: object, **__: object) -> FakeExecutor:
        return FakeExecutor(deliver, play)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cascade_dsl.runtime.attempts.ProcessExecutor", make)
        patch.setattr("cascade_dsl.runtime.attempts.PythonExecutor", make)
        yield


class Recorder:
    """A reporter that keeps the names of what was started and of what was recalled."""

    def __init__(self) -> None:
        self.wants: tuple[type, ...] | None = (AttemptStarted, Recalled)
        self.status_every_s: float | None = None
        self.started: list[str] = []
        self.recalled: list[str] = []
        self.notes: list[str] = []

    def event(self, t_ns: int, event: Event, name: str) -> None:
        (self.started if isinstance(event, AttemptStarted) else self.recalled).append(name)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def start(self, file: str, run: str) -> None: ...
    def status(self, status: Status) -> None: ...
    def failed(self, failure: FailureView) -> None:
        self.notes.append(failure.message)

    def stalled(self, status: Status) -> None: ...
    def changed(self, who: str, effect: str, because: str) -> None: ...
    def mute(self) -> None: ...
    def resumed(self) -> None: ...


class Workflow:
    """A program in a folder, run and foreseen in this process."""

    def __init__(self, folder: Path, file: str = "p.csc") -> None:
        self.folder = folder
        self.file = file

    def write(self, name: str, text: str) -> None:
        """A file of the project, replaced as an editor does."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        os.replace(new, path)

    def _bound(self, params: dict[str, Any]) -> tuple[Graph, dict[str, Any]]:
        graph = api.load_graph(self.folder / self.file)
        given = {name: ParamValue(value, self.folder) for name, value in params.items()}
        return graph, bind_params(graph, given, self.folder, self.folder)

    def run(
        self,
        options: api.RunOptions | None = None,
        explain: Callable[[Foreseen], None] | None = None,
        **params: Any,
    ) -> Recorder:
        """Run to the end; it must end well."""
        graph, bound = self._bound(params)
        recorder = Recorder()
        result = api.run(
            graph,
            folder=self.folder,
            params=bound,
            options=options or api.RunOptions(),
            reporter=recorder,
            explain=explain,
        )
        assert result.status == "done", recorder.notes
        return recorder

    def foresee(self, options: api.RunOptions | None = None, **params: Any) -> Forecast:
        """What it would do now."""
        graph, bound = self._bound(params)
        return api.foresee(graph, folder=self.folder, params=bound, options=options or api.RunOptions())


def names_of(found: Forecast, fate: str) -> set[str]:
    """The names of the instances that have a fate."""
    return {each.name for row in found.rows for each in row.instances if each.fate == fate}
