"""A run as it was or is, whole: its journal replayed. Nothing is started or written; a live run is shown up to now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ..base.diagnostics import CascadeError
from ..base.quantity import NS_PER_S
from ..engine.apply import apply
from ..engine.handles import handle, is_done
from ..engine.kept import KeptFrames
from ..engine.progress import EngineFault
from ..engine.state import At, Frame, State
from ..engine.status import FailureView, NodeCounts
from ..engine.step import new_state
from ..ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    Event,
    OnFailure,
    PublishPlanned,
    Recalled,
    RunStarted,
)
from ..ir.graph import Call, Graph, Json, NodeKey, Output, Param, walk
from ..ir.used import Used
from ..store.history import read_steadily
from ..store.journal import JournalReader
from ..store.runs import Project, Run
from .changes import TOLD, Change, ChangeLog
from .names import Names
from .picture import PICTURED, Picture, counts
from .sources import SourceLines
from .texts import Texts, texts_of
from .values import Values

_GONE = "(its stored value is gone)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """An attempt of a node. `end`: done, failed, lost, running, or interrupted, where its engine died."""

    attempt: int
    started_ns: int
    ended_ns: int | None
    end: str
    exit: int | None
    message: str
    log: str
    queued_ms: int = 0
    used: Used | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastNode:
    """An instance of a call that was started, cached, failed or skipped."""

    name: str
    task: str
    state: str
    attempts: tuple[PastAttempt, ...]
    recipe: str = ""
    """Of one that is cached: under what its result is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run, whole. Values that are gone stand as a sentence in brackets."""

    on_failure: OnFailure
    versions: dict[str, str]
    params: dict[str, Json]
    changes: tuple[Change, ...]
    counts: NodeCounts
    nodes: tuple[PastNode, ...]
    failures: tuple[FailureView, ...]
    outputs: dict[str, Json]
    graph: Graph


def show(project: Project, run: Run) -> Shown:
    """Replay a run; CascadeError where its journal or its graph cannot be read."""
    texts = texts_of(run)

    def read(run: Run, reader: JournalReader) -> Shown:
        try:
            return _Replay(project, run, texts, reader).shown()
        except EngineFault as error:
            raise reader.damaged(str(error)) from error

    return read_steadily(run, read)


def _by_number(node: str, key: NodeKey) -> str:
    """The name of an instance that never started, where the label of its element is not to be had."""
    return f"{node}[{','.join(map(str, key[1:]))}]" if key[1:] else node


def changes_of(run: Run) -> tuple[Change, ...]:
    """What was changed in a run while it was on, without the rest of it; CascadeError as `show`."""
    texts = texts_of(run)

    def read(_: Run, reader: JournalReader) -> tuple[Change, ...]:
        names = {row.key: row.name for row in reader.attempts()}
        sites = {node.id: node.name for node in walk(texts.first.nodes)}
        log = ChangeLog(texts.first, texts.later, lambda key: names.get(key) or _by_number(sites[key[0]], key))
        try:
            for row, t_ns, event in reader.rows_of(*TOLD):
                log.note(row, t_ns, event)
        except EngineFault as error:
            raise reader.damaged(str(error)) from error
        return log.changes

    return read_steadily(run, read)


@dataclass(slots=True)
class _Told:
    """What the journal tells of a node."""

    attempts: list[PastAttempt] = field(default_factory=list[PastAttempt])
    recalled: bool = False
    recipe: str = ""


class _Replay:
    def __init__(self, project: Project, run: Run, texts: Texts, reader: JournalReader) -> None:
        graph = self.graph = texts.first
        self.reader = reader
        self.live = run.is_live
        self.state: State = new_state(graph, texts.later)
        self.frames = self.state.frames = KeptFrames()
        self.values = Values(
            self.state, reader, project.blobs, folder=str(project.folder), environ=os.environ, now_s=0.0
        )
        self.names = Names(self.state, self.values)
        rows = reader.attempts()
        self.started = {row.key: row.name for row in rows}
        self.logs = {row.serial: row.log for row in rows}
        self.told: dict[NodeKey, _Told] = {}
        self.planned: dict[NodeKey, Used | None] = {}
        self.changes = ChangeLog(graph, texts.later, self.name)
        self.versions: dict[str, str] = {}
        self.picture = Picture(
            run=run.id, file=graph.file, name_of=self.name, pid_of=lambda serial: None, remains={},
            sources=SourceLines(graph, project.folder),
        )  # fmt: skip

    def shown(self) -> Shown:
        state = self.state
        for row, t_ns, event in self.reader.events():
            apply(state, event, t_ns)
            state.outbox.clear()
            self.note(t_ns, event)
            if isinstance(event, TOLD):
                self.changes.note(row, t_ns, event)
            if isinstance(event, PICTURED):
                self.picture.note(state, event)
        number = counts(state)
        state.frames = self.frames.whole()
        return Shown(
            on_failure=state.on_failure,
            versions=self.versions,
            params={n.name: self.value(n.id) for n in self.graph.nodes if isinstance(n, Param)},
            changes=self.changes.changes,
            counts=number,
            nodes=tuple(self.nodes()),
            failures=tuple(self.picture.failures),
            outputs={
                n.name: self.value(n.node)
                for n in self.graph.nodes
                if isinstance(n, Output) and is_done(state, n.id)
            },
            graph=self.graph,
        )  # fmt: skip

    def name(self, key: NodeKey) -> str:
        known = self.started.get(key)
        if known is not None:
            return known
        try:
            return self.names.of(key)
        except CascadeError:  # the list that gives it its label is gone
            return _by_number(self.state.plan.sites[key[0]].node.name, key)

    def value(self, node: int) -> Json:
        try:
            return self.values.get(handle(self.state, node, ()))
        except CascadeError:
            return _GONE

    def note(self, t_ns: int, event: Event) -> None:
        match event:
            case RunStarted():
                self.versions = dict(event.versions)
            case AttemptStarted():
                log = self.logs.get(event.serial, "")
                self.of(event.key).recalled = False
                self.of(event.key).attempts.append(
                    PastAttempt(attempt=event.attempt, started_ns=t_ns, ended_ns=None, end="running", exit=None,
                                message="", log=log, queued_ms=event.queued_ms)
                )  # fmt: skip
            case PublishPlanned():
                self.planned[event.key] = event.used
            case AttemptFinished():
                self.end(event.key, t_ns, "done", used=event.used)
            case AttemptFailed():
                self.end(event.key, t_ns, "failed", event.exit, event.message, event.used)
            case AttemptLost():
                self.end(event.key, t_ns, "lost", None, event.why, event.used)
            case Recalled():
                told = self.of(event.key)
                told.recalled, told.recipe = True, event.recipe
            case _:
                pass

    def of(self, key: NodeKey) -> _Told:
        return self.told.setdefault(key, _Told())

    def end(
        self, key: NodeKey, t_ns: int, end: str, exit: int | None = None, message: str = "", used: Used | None = None
    ) -> None:
        attempts = self.of(key).attempts
        planned = self.planned.pop(key, None)
        if attempts and attempts[-1].ended_ns is None:
            last = attempts[-1]
            attempts[-1] = replace(
                last, ended_ns=t_ns, end=end, exit=exit, message=message, used=planned if used is None else used
            )

    def nodes(self) -> Iterator[PastNode]:
        """Those that something is known of, in the order of the program."""
        keys = set(self.told)
        for frame in (self.state.root, *self.state.frames.values()):
            for pos, site in enumerate(frame.body.sites):
                if isinstance(site.node, Call):
                    keys.update(_in_state(frame, pos, (At.FAILED, At.SKIPPED, At.CANCELLED)))
        for key in sorted(keys):
            site = self.state.plan.sites[key[0]]
            if site.task is None:
                continue
            told = self.told.get(key, _Told())
            frame, index, pos = self.state.locate(key)
            state = _word(At(frame.states[pos][index]), told, self.live and self.state.status is None)
            attempts = [a if a.ended_ns is not None or self.live else _interrupted(a) for a in told.attempts]
            yield PastNode(
                name=self.name(key), task=site.task.name, state=state, attempts=tuple(attempts),
                recipe=told.recipe if state == "cached" else "",
            )  # fmt: skip


def round_s(ns: int) -> int:
    """Nanoseconds, of whole seconds."""
    return (ns + NS_PER_S // 2) // NS_PER_S * NS_PER_S


def _interrupted(attempt: PastAttempt) -> PastAttempt:
    return PastAttempt(
        attempt=attempt.attempt, started_ns=attempt.started_ns, ended_ns=None, end="interrupted", exit=None,
        message=attempt.message, log=attempt.log,
    )  # fmt: skip


def _in_state(frame: Frame, pos: int, wanted: tuple[At, ...]) -> Iterator[NodeKey]:
    states = frame.states[pos]
    for state in wanted:
        at = states.find(state)
        while at >= 0:
            yield frame.key(at, pos)
            at = states.find(state, at + 1)


def _word(at: At, told: _Told, going: bool) -> str:
    match at:
        case At.DONE:
            return "cached" if told.recalled else "done"
        case At.FAILED:
            return "failed"
        case At.SKIPPED:
            return "skipped"
        case At.DROPPED:
            return "dropped"
        case At.RUNNING:
            return "running" if going else "interrupted"
        case At.HELD:
            return "held"
        case At.CANCELLED:
            return "cancelled"
        case At.BACKOFF:
            return "retrying" if going else "not run"
        case At.COLD | At.WAITING | At.ASKED | At.READY | At.OPEN:
            return "waiting" if going else "not run"


def timed(attempt: PastAttempt, now_ns: int) -> int:
    """How long an attempt took, so far where it runs; 0 where nobody saw its end."""
    if attempt.ended_ns is not None:
        return max(0, attempt.ended_ns - attempt.started_ns)
    return max(0, now_ns - attempt.started_ns) if attempt.end == "running" else 0
