"""A run that starts nothing: the decisions of the real one, taken by the same code, with what would run left undone.

Reads a graph that has passed `preflight`, params and the cache; gives what each call would do. `step` decides, the evaluator
evaluates, the recaller looks for earlier results; values stay in memory, so that nothing is written into the project.

An attempt that would start is noted and breaks at once, under `--on-failure continue`: what needs its result is skipped by the
engine, and is told to *depend* on it, since whether that runs is known only when the result is. No limit is in force: how long
a call would wait is no part of what is asked, and a rate would have to be waited for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import trio

from ..engine.effects import (
    Discard,
    Effect,
    EndRun,
    Evaluate,
    EvaluateFacts,
    FreezeAttempt,
    Gather,
    KeyNodes,
    Measure,
    Publish,
    Recall,
    StartAttempt,
    StopAttempt,
    ThawAttempt,
)
from ..engine.inputs import AttemptBroke, Input, RunRequested
from ..engine.state import Frame
from ..engine.step import new_state, step, take_effects
from ..ir.events import ComputeFailed, Event, ParamBound, Recalled
from ..ir.graph import Graph, NodeKey, Param
from ..store.blobs import Blobs, digest_of
from ..store.cache import Cache
from ..store.hashes import Hashes
from ..store.journal import StoredValue
from ..store.reasons import NeededAgain, Reason
from ..store.runs import Project
from .bodies import Bodies
from .destinations import Destinations
from .evaluating import Evaluator
from .explaining import Explainer
from .faults import first_of
from .forecast import Forecast, forecast
from .names import Names
from .publishing import Taken
from .recalling import Judge, Recalling, RecallTerms
from .recipes import Recipes
from .refusals import CannotStart
from .results import store_value
from .values import Values

_NO_RUN = "dry"


class Rows:
    """The values of a journal that is kept in memory."""

    def __init__(self) -> None:
        self._rows: dict[int, StoredValue] = {}

    def add(self, row: int, value: str | None, blob: str | None) -> None:
        """Keep what a row holds."""
        self._rows[row] = StoredValue(value, blob)

    def value(self, seq: int) -> StoredValue:
        """As `JournalReader.value`."""
        return self._rows[seq]

    def values(self, seqs: Iterable[int]) -> dict[int, StoredValue]:
        """As `JournalReader.values`."""
        return {seq: self._rows[seq] for seq in seqs if seq in self._rows}


class HeldBlobs(Blobs):
    """The blobs of a project to be read, and beside them new ones that are kept in memory."""

    __slots__ = ("_held",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._held: dict[str, bytes] = {}

    def put(self, data: bytes | str) -> str:
        """Keep a value for as long as this object lives."""
        content = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        digest = digest_of(content)
        self._held[digest] = content
        return digest

    def get(self, digest: str) -> bytes:
        """What was kept, or as in `Blobs`."""
        held = self._held.get(digest)
        return super().get(digest) if held is None else held


class _KeptFrames(dict[NodeKey, Frame]):
    """Frames, of which those that the engine lets go are still there when all is over."""

    def __init__(self) -> None:
        super().__init__()
        self.gone: dict[NodeKey, Frame] = {}

    def pop(self, key: NodeKey, default: Any = None) -> Any:
        """Remove a frame, and remember it."""
        frame = super().pop(key, None)
        if frame is not None:
            self.gone[key] = frame
        return default if frame is None else frame


class _Paths:
    """Who publishes what, of results that stand. Another live run is not asked: a dry run waits for nobody."""

    def __init__(self, project: Path, names: Names) -> None:
        self._project = project
        self._destinations = Destinations(str(project), {})
        self._names = names

    def take_recalled(self, key: NodeKey, finals: list[str], inputs: tuple[str, ...]) -> None:
        """As `Publishing.take_recalled`. Raises Taken."""
        for final in finals:
            holder = self._destinations.take(final, key)
            if holder is not None:
                shown = os.path.relpath(final, self._project)
                raise Taken(f"it would publish {shown}, which {self._names.of(holder)} publishes too")

    def is_free(self, key: NodeKey, path: str) -> bool:
        """As `Publishing.is_free`."""
        return self._destinations.other(path, key) is None


class DryShell:
    """Drives `step` to the end of a run in which nothing is started. Used once."""

    def __init__(self, graph: Graph, params: Mapping[str, Any], *, folder: Path, recall: RecallTerms) -> None:
        project = Project(folder)
        environ = dict(os.environ)
        now_s = time.time()
        self._recalls = not recall.force_all
        self.state = new_state(graph)
        self._frames = _KeptFrames()
        self.state.frames = self._frames
        self._rows = Rows()
        self._blobs = HeldBlobs(project.blobs.folder)
        self._values = Values(self.state, self._rows, self._blobs, folder=str(folder), environ=environ, now_s=now_s)
        self.names = Names(self.state, self._values)
        nowhere = project.state / "runs" / _NO_RUN
        self._bodies = Bodies(
            self.state.plan, run=_NO_RUN, project=folder, scratch=nowhere, logs=nowhere, environ=environ
        )
        self._evaluator = Evaluator(
            self.state,
            self._values,
            self._bodies,
            self._blobs,
            folder=str(folder),
            now_s=now_s,
            answer=self._tell,
            note=_ignore,
        )
        self._hashes = Hashes(folder, project.state, paranoid=recall.paranoid)
        self._cache = Cache(project, reads_only=True)
        judge = Judge(self._cache, self._hashes, self._blobs, folder, paranoid=recall.paranoid)
        self._explainer = Explainer(self.state, judge, self.names, file=graph.file, now_ns=time.time_ns)
        self._recalling = Recalling(
            state=self.state,
            evaluator=self._evaluator,
            recipes=Recipes(self.state.plan, self._bodies, self._hashes, folder),
            judge=judge,
            names=self.names,
            publishing=_Paths(folder, self.names),
            project=folder,
            run=_NO_RUN,
            file=graph.file,
            plans={},
            terms=recall,
            now_ns=time.time_ns,
            gone={},
            tell=self._tell,
            note=_ignore,
            fail=self._fail,
            decided=self._explainer.decided,
            keeps=False,
        )
        self._has_state = project.state.is_dir()
        self._params = tuple(self._bound(node, params) for node in graph.nodes if isinstance(node, Param))
        self._inbox: list[Input] = []
        self._bell = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._fault: BaseException | None = None
        self._ended = False
        self.started: dict[NodeKey, tuple[Reason, ...]] = {}
        """What would run, in the order in which it would start, and why."""
        self.recalled: dict[NodeKey, tuple[Reason, ...]] = {}
        """What has an earlier result, and which."""
        self.failed: dict[NodeKey, str] = {}
        """What has no value, and why not: expressions, and calls whose inputs or amounts have none."""

    def _bound(self, node: Param, params: Mapping[str, Any]) -> ParamBound:
        stored = store_value(params[node.name], self._blobs)
        return ParamBound(node=node.id, value=stored.value, blob=stored.blob, length=stored.length)

    async def play(self) -> None:
        """Until all is decided."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._evaluator.serve)
            await nursery.start(self._recalling.serve)
            request = RunRequested(
                run=_NO_RUN,
                graph_digest="",
                on_failure="continue",
                words=(),
                params=self._params,
                recalls=self._recalls,
            )
            self._turn([request])
            while not self._ended:
                await self._bell.wait()
                self._bell = trio.Event()
                given, self._inbox = self._inbox, []
                if self._fault is not None:
                    raise self._fault
                self._turn(given)
            nursery.cancel_scope.cancel()
        for key, frame in self._frames.gone.items():
            self._frames.setdefault(key, frame)

    def close(self) -> None:
        """Let go of what is open; contents that were hashed are remembered where the project has a state folder."""
        self._cache.close()
        if self._has_state:
            self._hashes.close()

    def _fail(self, fault: BaseException) -> None:
        self._fault = fault
        self._bell.set()

    def _tell(self, given: Input) -> None:
        self._inbox.append(given)
        self._bell.set()

    def _turn(self, given: list[Input]) -> None:
        first = self.state.seq + 1
        for row, event in enumerate(step(self.state, given, 0), first):
            self._note(row, event)
        for effect in take_effects(self.state):
            self._perform(effect)

    def _note(self, row: int, event: Event) -> None:
        if isinstance(event, ComputeFailed):
            self.failed[event.key] = event.message
        else:
            if isinstance(event, Recalled):
                self.recalled[event.key] = self._explainer.of(event.key)
            value, blob = getattr(event, "value", None), getattr(event, "blob", None)
            if value is not None or blob is not None:
                self._rows.add(row, value, blob)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case StartAttempt():
                self._leave_undone(effect)
            case Recall():
                self._recalling.ask(effect)
            case Evaluate() | EvaluateFacts() | Measure() | Gather():
                self._evaluator.ask(effect)
            case EndRun():
                self._ended = True
            case Discard():
                pass  # what would go once it has been read
            case StopAttempt() | FreezeAttempt() | ThawAttempt() | Publish() | KeyNodes():  # nobody steers a forecast
                raise AssertionError(effect)

    def _leave_undone(self, effect: StartAttempt) -> None:
        """Note an attempt that would start; its inputs must have values that fit, as when it is prepared."""
        key = effect.key
        site, path = self.state.plan.sites[key[0]], key[1:]
        slow = self._evaluator.may_be_slow(site)
        if slow and any(self._evaluator.is_slow(e, path) for e in self._bodies.expressions(site)):
            assert self._nursery is not None
            self._nursery.start_soon(self._leave_undone_slowly, effect)
            return
        try:
            self._bodies.arguments(site, self._evaluator.value_of(path))
        except CannotStart as error:
            self._fails(effect, str(error))
        else:
            self._would_run(effect)

    async def _leave_undone_slowly(self, effect: StartAttempt) -> None:
        site = self.state.plan.sites[effect.key[0]]
        try:
            await self._evaluator.slowly(effect.key[1:], partial(self._bodies.arguments, site))
        except CannotStart as error:
            self._fails(effect, str(error))
        else:
            self._would_run(effect)

    def _would_run(self, effect: StartAttempt) -> None:
        again = effect.key in self.recalled
        self.started[effect.key] = (NeededAgain(),) if again else self._explainer.of(effect.key)
        self._break(effect, "it would run")

    def _fails(self, effect: StartAttempt, message: str) -> None:
        self.failed[effect.key] = message
        self._break(effect, message)

    def _break(self, effect: StartAttempt, message: str) -> None:
        self._tell(
            AttemptBroke(
                key=effect.key, epoch=effect.epoch, attempt=effect.attempt, reason="value", exit=None, message=message
            )
        )


def foresee(graph: Graph, params: Mapping[str, Any], *, folder: Path, recall: RecallTerms) -> Forecast:
    """What every call of a program would do if it were run now; starts a loop, and must own the main thread."""

    async def main() -> DryShell:
        shell = DryShell(graph, params, folder=folder, recall=recall)
        try:
            await shell.play()
        finally:
            shell.close()
        return shell

    try:
        shell = trio.run(main)
    except BaseExceptionGroup as group:
        raise first_of(group) from group
    return forecast(shell.state, shell.started, shell.failed, shell.recalled, shell.names.of)


def _ignore(_: str) -> None:
    return None
