"""The script of an attempt as it ran, once more: from the journal and the graph of its run, live or over. Nothing is started."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.apply import apply
from ..engine.plan import Site
from ..engine.step import new_state
from ..executors.protocol import CommandSpec
from ..ir.events import AttemptStarted
from ..ir.expr import Apply, Expr, children
from ..ir.graph import NodeKey, PythonBody, PythonFunction, ShellBody
from ..store.journal import JournalReader
from ..store.runs import Project, Run
from ..values.evaluate import evaluate
from ..values.functions import FUNCTIONS
from .bodies import Bodies
from .places import Place
from .refusals import CannotStart
from .scripts import chosen_shell, render
from .secrets import Held
from .texts import texts_of
from .values import Values

_OF_THE_RUN = ("CASCADE_RUN", "CASCADE_CPU", "CASCADE_MEM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An attempt of a command: what it runs, where, and with what in its environment."""

    task: str
    attempt: int
    argv: tuple[str, ...]
    """Of the shell, or of the program where `script` is None."""
    script: bytes | None
    cwd: str
    env: tuple[tuple[str, str], ...]
    """What the run and the task add to the environment."""
    secrets: tuple[tuple[str, str], ...]
    """Variables of it that hold secrets, and the names of these; they are not in `env`."""
    places: tuple[Place, ...]
    rereads: bool
    """Expressions of the body read files, the environment or the clock: they were read again, now."""


class NoScript(Exception):
    """The node runs no command; the message says what it does."""


def shown(project: Project, run: Run, key: NodeKey, serial: int) -> Shown:
    """The attempt that was the run's `serial`-th start. Raises NoScript, CannotStart, CascadeError."""
    texts = texts_of(run)
    state = new_state(texts.first, texts.later)
    names = tuple(sorted({name for text in (texts.first, *texts.later.values()) for name in text.secrets}))
    secrets = Held(names, dict.fromkeys(names, ""))
    environ = secrets.without({k: v for k, v in os.environ.items() if k not in _OF_THE_RUN})
    with JournalReader(run.journal) as reader:
        started: AttemptStarted | None = None
        for _, t_ns, event in reader.events():
            apply(state, event, t_ns)
            state.outbox.clear()
            if isinstance(event, AttemptStarted) and event.serial == serial:
                started = event
                break
        if started is None:
            raise NoScript("its start is not in the journal yet")
        site = state.plan.sites[key[0]]
        assert site.task is not None
        assert site.clauses is not None
        if isinstance(site.task.body, PythonBody | PythonFunction):
            raise NoScript("its body is python")
        folder = project.folder
        values = Values(state, reader, project.blobs, folder=str(folder), environ=environ, now_s=state.started_ns / 1e9)
        bodies = _Shown(
            state.plan,
            run=run.id,
            project=folder,
            scratch=run.scratch,
            logs=run.logs,
            environ=environ,
            secrets=secrets,
        )

        def value_of(expr: Expr, variables: Any) -> Any:
            return evaluate(expr, values.env(key[1:], variables))

        facts = state.running[key].facts
        prepared = bodies.prepare(
            site,
            key,
            started.epoch,
            started.attempt,
            serial,
            facts,
            value_of,
            started.units,
            started.granted,
        )
        work = prepared.spec.work
        assert isinstance(work, CommandSpec)
        own = dict(site.clauses.env)
        added = {k: v for k, v in prepared.spec.env.items() if environ.get(k) != v or k in own}
        for variable, _ in site.clauses.secrets:
            added.pop(variable, None)
        return Shown(
            task=site.task.name,
            attempt=started.attempt,
            argv=tuple(work.argv),
            script=bodies.script,
            cwd=prepared.spec.cwd,
            env=tuple(added.items()),
            secrets=site.clauses.secrets,
            places=prepared.places,
            rereads=_reads(bodies, site),
        )


class _Shown(Bodies):
    """Builds an attempt and leaves nothing behind."""

    script: bytes | None = None

    def _make(self, folder: Path) -> None:
        return None

    def _script(self, body: ShellBody, folder: Path, values: Sequence[Any]) -> tuple[str, ...]:
        shell = self.shell if body.shell is None else chosen_shell(body.shell)
        self.script = render(body, shell, values, self.environ)
        return shell.words


def _reads(bodies: Bodies, site: Site) -> bool:
    stack = bodies.expressions(site)
    while stack:
        at = stack.pop()
        if isinstance(at, Apply) and at.function in FUNCTIONS and FUNCTIONS[at.function].reads:
            return True
        stack.extend(children(at))
    return False


__all__ = ["CannotStart", "NoScript", "Shown", "shown"]
