"""The interpreter: a thin shell around `step`. Inbox → step → commit → perform.

What happens outside comes as inputs; a turn takes all that are there, commits its events in one transaction and only
then performs their effects. When the transaction fails nothing is performed and the run stops with a clear error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from signal import SIGINT, Signals
from typing import Any, Protocol

import trio

from ..base.diagnostics import CascadeError
from ..base.quantity import NS_PER_S, show_duration
from ..engine.effects import EndRun, Evaluate, EvaluateFacts, Gather, Measure, Publish, StartAttempt, StopAttempt
from ..engine.inputs import (
    AttemptBroke,
    AttemptSucceeded,
    AttemptVanished,
    FilesPublished,
    Input,
    StallAccepted,
    TimeReached,
)
from ..engine.state import State
from ..engine.status import FailureView, Status
from ..engine.step import is_stalled, next_due, step, take_effects
from ..executors.process import ProcessExecutor
from ..executors.protocol import AttemptExited, AttemptLost, CommandSpec, Executor, Outcome, StartFailed
from ..executors.python import PythonExecutor
from ..ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Computed,
    ComputeFailed,
    Event,
    FailureReason,
    Gathered,
    ParamBound,
    PublishPlanned,
)
from ..ir.graph import NodeKey
from ..store.blobs import Blobs
from ..store.claims import Claims
from ..store.journal import AttemptRow, Journal
from ..store.publish import perform, redo
from .bodies import Bodies, CannotStart, Prepared, ValueOf
from .clock import Clock
from .destinations import Destinations
from .disk import Disk
from .evaluating import Evaluator
from .names import Names
from .picture import Picture
from .results import BadResult, Results, read_results
from .values import INLINE_BYTES, Values

_SYNC_EVERY_S = 1.0
_STATUS_EVERY_S = 0.15
_CLAIM_EVERY_S = 0.2
_INTERRUPT_IS_KNOWN_AFTER_S = 0.5
_VALUED = (AttemptFinished, Computed, Gathered, ParamBound, PublishPlanned)


class Reporter(Protocol):
    """What is told of a run as it goes; a pure consumer."""

    wants: tuple[type, ...] | None
    """The events that it is told of; None: all."""
    wants_status: bool
    """A view that is redrawn: it is given the status several times a second."""

    def start(self, file: str, run: str) -> None: ...
    def event(self, t_ns: int, event: Event, name: str) -> None: ...
    def status(self, status: Status) -> None: ...
    def failed(self, failure: FailureView) -> None: ...
    def stalled(self, status: Status) -> None: ...
    def note(self, text: str) -> None: ...
    def mute(self) -> None: ...


@dataclass(slots=True, eq=False)
class Order:
    """An operator's word, and who waits for what it did."""

    given: Input
    before: Callable[[], Any]
    effect: Callable[[Any], dict[str, Any]]
    done: trio.Event
    answer: dict[str, Any] | None = None


class Interpreter:
    """One run, in one process."""

    def __init__(
        self,
        *,
        state: State,
        journal: Journal,
        values: Values,
        names: Names,
        bodies: Bodies,
        blobs: Blobs,
        clock: Clock,
        project: Path,
        store: Path,
        reporter: Reporter,
        run: str,
        file: str,
        published: dict[str, NodeKey],
        claims: Claims,
        no_wait: bool,
        grace_s: float,
        now_s: float,
    ) -> None:
        self.state = state
        self._journal = journal
        self._values = values
        self._names = names
        self._bodies = bodies
        self._blobs = blobs
        self._clock = clock
        self._project = project
        self._store = store
        self._reporter = reporter
        self.run_id = run
        self.picture = Picture(run=run, file=file, name_of=names.of, pid_of=self.pid)
        self._no_wait = no_wait
        self._grace_s = grace_s
        self._inbox: list[Input] = []
        self._orders: list[Order] = []
        self._bell = trio.Event()
        self._prepared: dict[str, Prepared] = {}
        self._on: dict[str, Executor] = {}
        self._destinations = Destinations(str(project), published)
        self._claims = claims
        self._evaluator = Evaluator(state, values, bodies, blobs, folder=str(project), now_s=now_s, answer=self._tell)
        self._commands: Executor = ProcessExecutor(self._on_outcome)
        self._python: Executor = PythonExecutor(self._on_outcome)
        self._disk = Disk()
        self._stalled = False
        self.interrupted = trio.Event()
        """A signal has asked the run to end."""
        self.kept: list[Path] = []
        """Scratch folders that failed attempts worked in, left for the user to look at."""
        self._fault: BaseException | None = None

    async def run(
        self,
        first: Sequence[Input],
        serve_beside: Sequence[Callable[..., Any]],
    ) -> None:
        """Until the run has ended. `serve_beside` are tasks that live as long: each is started with a `task_status`."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._commands.serve)
            await nursery.start(self._python.serve)
            for serve in serve_beside:
                await nursery.start(serve)
            nursery.start_soon(self._evaluator.serve)
            nursery.start_soon(self._keep_synced)
            if self._reporter.wants_status:
                nursery.start_soon(self._show_status)
            try:
                async with trio.open_nursery() as slow:
                    await self._turns(list(first), slow)
                    slow.cancel_scope.cancel()
            finally:
                self._disk.close()
            nursery.cancel_scope.cancel()

    # -- inputs ---------------------------------------------------------------------------------------------------

    def _tell(self, given: Input) -> None:
        self._inbox.append(given)
        self._bell.set()

    def tell(self, given: Input) -> None:
        """Something happened outside."""
        self._tell(given)

    async def order(
        self, given: Input, before: Callable[[], Any], effect: Callable[[Any], dict[str, Any]]
    ) -> dict[str, Any]:
        """An operator's word: a turn of its own; the answer is `effect(before())`, made when it is committed."""
        order = Order(given, before, effect, trio.Event())
        self._orders.append(order)
        self._bell.set()
        await order.done.wait()
        assert order.answer is not None
        return order.answer

    def kill(self) -> None:
        """KILL to all that runs, at once."""
        for id_, executor in list(self._on.items()):
            executor.stop(id_, 0)

    def status(self) -> Status:
        """The run now."""
        return self.picture.status(self.state, self._clock.now_ns())

    def pid(self, serial: int) -> int | None:
        """The process that runs the attempt of that serial number."""
        executor = self._on.get(str(serial))
        return None if executor is None else executor.pid(str(serial))

    # -- turns ----------------------------------------------------------------------------------------------------

    async def _turns(self, inputs: list[Input], slow: trio.Nursery) -> None:
        state = self.state
        self._slow = slow
        while True:
            self._turn(inputs)
            while self._orders and state.phase != "ended":
                order = self._orders.pop(0)
                before = order.before()
                self._turn([order.given])
                order.answer = order.effect(before)
                order.done.set()
            if state.phase == "ended":
                return
            inputs = await self._next_inputs()

    async def _next_inputs(self) -> list[Input]:
        due = next_due(self.state)
        if not self._inbox and not self._orders:
            self._look_for_stall()
        if not self._inbox and not self._orders:
            if due is None:
                await self._bell.wait()
            else:
                with trio.move_on_after(max(0.0, (due - self._clock.now_ns()) / NS_PER_S)):
                    await self._bell.wait()
        else:
            await trio.lowlevel.checkpoint()
        self._bell = trio.Event()
        inputs, self._inbox = self._inbox, []
        if due is not None and due <= self._clock.now_ns():
            inputs.append(TimeReached())
        if self._fault is not None:
            raise self._fault
        return inputs

    def _look_for_stall(self) -> None:
        stalled = is_stalled(self.state)
        if stalled and not self._stalled:
            self._reporter.stalled(self.status())
            if self._no_wait:
                self._tell(StallAccepted())
        self._stalled = stalled

    def _turn(self, inputs: list[Input]) -> None:
        now_ns = self._clock.now_ns()
        first = self.state.seq + 1
        events = step(self.state, inputs, now_ns)
        if events:
            self._commit(now_ns, first, events)
        for effect in take_effects(self.state):
            self._perform(effect)

    def _commit(self, now_ns: int, first: int, events: list[Event]) -> None:
        attempts: list[AttemptRow] = []
        for row, event in enumerate(events, first):
            if isinstance(event, _VALUED):
                self._values.remember(row, event.value, event.blob)
            elif isinstance(event, AttemptStarted):
                log = self._bodies.log_path(event.serial)
                attempts.append(AttemptRow(event.serial, event.key, self._names.of(event.key), log, now_ns))
        self._journal.commit(now_ns, events, attempts)
        event_of, wanted = self._reporter.event, self._reporter.wants
        for event in events:
            if isinstance(event, AttemptFailed | ComputeFailed):
                failure = self.picture.note(self.state, event)
                if failure is not None:
                    self._reporter.failed(failure)
            if wanted is None or isinstance(event, wanted):
                key: NodeKey | None = getattr(event, "key", None)
                event_of(now_ns, event, "" if key is None else self._names.of(key))

    # -- effects --------------------------------------------------------------------------------------------------

    def _perform(self, effect: Any) -> None:
        match effect:
            case StartAttempt():
                self._start(effect)
            case StopAttempt(serial=serial):
                executor = self._on.get(str(serial))
                if executor is not None:
                    executor.stop(str(serial), self._grace_s)
            case Publish():
                self._publish(effect)
            case Evaluate() | EvaluateFacts() | Measure() | Gather():
                self._evaluator.ask(effect)
            case EndRun():
                pass
            case _:
                raise AssertionError(effect)

    def _start(self, effect: StartAttempt) -> None:
        site = self.state.plan.sites[effect.key[0]]
        path = effect.key[1:]
        if self._evaluator.may_be_slow(site) and any(
            self._evaluator.is_slow(e, path) for e in self._bodies.expressions(site)
        ):
            self._slow.start_soon(self._start_slowly, effect)
            return
        self._launch(effect, partial(self._prepare, effect, self._evaluator.value_of(path)))

    async def _start_slowly(self, effect: StartAttempt) -> None:
        try:
            prepared = await self._evaluator.slowly(effect.key[1:], partial(self._prepare, effect))
        except CannotStart as error:
            self._break(effect.key, effect.epoch, effect.attempt, "value", None, str(error), "")
            return
        self._launch(effect, lambda: prepared)

    def _prepare(self, effect: StartAttempt, value_of: ValueOf) -> Prepared:
        site = self.state.plan.sites[effect.key[0]]
        return self._bodies.prepare(
            site, effect.key, effect.epoch, effect.attempt, effect.serial, effect.facts, value_of
        )

    def _launch(self, effect: StartAttempt, prepare: Callable[[], Prepared]) -> None:
        try:
            prepared = prepare()
            refused = self._claim(prepared)
        except CannotStart as error:
            self._break(effect.key, effect.epoch, effect.attempt, "value", None, str(error), "")
            return
        if refused:
            self._slow.start_soon(self._await_claim, effect, prepared, refused)
        else:
            self._begin(effect, prepared)

    def _begin(self, effect: StartAttempt, prepared: Prepared) -> None:
        id_ = prepared.spec.id
        self._prepared[id_] = prepared
        executor = self._commands if isinstance(prepared.spec.work, CommandSpec) else self._python
        self._on[id_] = executor
        executor.start(prepared.spec)
        if self._is_stopping(effect.key):
            executor.stop(id_, self._grace_s)

    def _is_stopping(self, key: NodeKey) -> bool:
        running = self.state.running.get(key)
        return running is not None and running.stopping is not None

    def _claim(self, prepared: Prepared) -> tuple[str, ...]:
        """Two instances must not publish one path (CannotStart), nor two live runs: the paths that another run has."""
        finals = [place.final for place in prepared.places if place.final is not None]
        for final in finals:
            holder = self._destinations.take(str(final), prepared.key)
            if holder is not None:
                shown = final.relative_to(self._project)
                raise CannotStart(f"it would publish {shown}, which {self._names.of(holder)} publishes too")
        return self._claims.take([str(final) for final in finals]) if finals else ()

    async def _await_claim(self, effect: StartAttempt, prepared: Prepared, refused: tuple[str, ...]) -> None:
        """Another live run publishes the path now: wait until it has ended."""
        shown = Path(refused[0]).relative_to(self._project)
        self._reporter.note(f"{self._names.of(effect.key)} waits: another live run publishes {shown}")
        while refused:
            await trio.sleep(_CLAIM_EVERY_S)
            if self._is_stopping(effect.key):
                message = f"stopped while it waited for {shown}"
                self._break(effect.key, effect.epoch, effect.attempt, "cancelled", None, message, "")
                return
            refused = self._claim(prepared)
        self._begin(effect, prepared)

    # -- outcomes -------------------------------------------------------------------------------------------------

    def _on_outcome(self, outcome: Outcome) -> None:
        prepared = self._prepared.pop(outcome.id)
        del self._on[outcome.id]
        key, epoch, attempt = prepared.key, prepared.epoch, prepared.attempt
        log = prepared.spec.log_path
        match outcome:
            case StartFailed():
                self._break(key, epoch, attempt, "start", None, outcome.message, log)
            case AttemptLost():
                self._tell(AttemptVanished(key=key, epoch=epoch, attempt=attempt, why=outcome.reason))
            case AttemptExited(code=0, message=""):
                if prepared.task.outputs:
                    self._read_results(prepared, outcome)
                else:
                    self._tell(AttemptSucceeded(key=key, epoch=epoch, attempt=attempt, value="null"))
                    self._tidy(prepared)
                return
            case AttemptExited() if outcome.signal == SIGINT and not self._is_stopping(key):
                self._slow.start_soon(self._after_interrupt, prepared, outcome)
                return
            case AttemptExited():
                self._on_bad_end(prepared, outcome)
        if Path(prepared.spec.cwd).is_relative_to(prepared.folder):
            self.kept.append(prepared.folder)
        else:
            self._tidy(prepared)

    def _read_results(self, prepared: Prepared, outcome: AttemptExited) -> None:
        """A short value here, it has just been written; files and what is long in a thread."""
        read = partial(read_results, prepared, outcome, self._project, self._store, self._blobs)
        if prepared.places or outcome.result_file or not _is_short(prepared.stdout_path):
            self._disk.submit(read, partial(self._on_results, prepared))
            return
        try:
            results: Results | BadResult = read()
        except BadResult as error:
            results = error
        self._on_results(prepared, results)

    def _on_bad_end(self, prepared: Prepared, outcome: AttemptExited) -> None:
        reason: FailureReason = "exit" if outcome.code is not None else "signal"
        code = outcome.code if outcome.code is not None else -(outcome.signal or 0)
        message = outcome.message or self._sentence(prepared, outcome)
        log = prepared.spec.log_path
        self._break(prepared.key, prepared.epoch, prepared.attempt, reason, code, message, log)

    async def _after_interrupt(self, prepared: Prepared, outcome: AttemptExited) -> None:
        """A Ctrl-C meant for the run may reach a child that has only just been forked: then it did not fail."""
        with trio.move_on_after(_INTERRUPT_IS_KNOWN_AFTER_S):
            await self.interrupted.wait()
        if self.interrupted.is_set():
            self._tell(AttemptVanished(key=prepared.key, epoch=prepared.epoch, attempt=prepared.attempt, why="stopped"))
        else:
            self._on_bad_end(prepared, outcome)
        self._tidy(prepared)

    def _sentence(self, prepared: Prepared, outcome: AttemptExited) -> str:
        running = self.state.running.get(prepared.key)
        if running is not None and running.stopping == "timeout":
            return f"took longer than its timeout of {show_duration(running.facts.timeout_ns or 0)}"
        if running is not None and running.stopping == "cancelled":
            return "stopped"
        if outcome.signal is not None:
            return f"killed by {Signals(outcome.signal).name}"
        return f"exit {outcome.code}"

    def _on_results(self, prepared: Prepared, results: Results | Exception) -> None:
        key, epoch, attempt = prepared.key, prepared.epoch, prepared.attempt
        if isinstance(results, BadResult):
            self._break(key, epoch, attempt, "result", 0, str(results), prepared.spec.log_path)
        elif isinstance(results, Exception):
            self._fail(results)
        else:
            stored = results.stored
            self._tell(
                AttemptSucceeded(
                    key=key,
                    epoch=epoch,
                    attempt=attempt,
                    value=stored.value,
                    blob=stored.blob,
                    length=stored.length,
                    files=results.files,
                )
            )
        self._tidy(prepared)

    def _tidy(self, prepared: Prepared) -> None:
        """Remove what the attempt left in the scratch folder, but for what it publishes."""
        if prepared.stdout_path is not None:
            with suppress(OSError):
                os.unlink(prepared.stdout_path)
        if os.path.isdir(prepared.folder):
            self._disk.submit(partial(shutil.rmtree, prepared.folder, ignore_errors=True), _ignore)

    def _publish(self, effect: Publish) -> None:
        """Into free places at once, a rename each; what may take long, removing what is there, in a thread."""
        if effect.redo or any(os.path.lexists(file.final) for file in effect.files):
            self._disk.submit(partial(_published, effect), partial(self._on_published, effect))
            return
        try:
            result: bool | Exception = _published(effect)
        except (CascadeError, OSError) as error:
            result = error
        self._on_published(effect, result)

    def _on_published(self, effect: Publish, result: bool | Exception) -> None:
        if result is True:
            self._tell(FilesPublished(key=effect.key, epoch=effect.epoch, attempt=effect.attempt))
        elif result is False:
            why = "its results were not all there after a crash"
            self._tell(AttemptVanished(key=effect.key, epoch=effect.epoch, attempt=effect.attempt, why=why))
        elif isinstance(result, CascadeError | OSError):
            message = f"its results could not be published: {result}"
            self._break(effect.key, effect.epoch, effect.attempt, "result", None, message, "")
        else:
            self._fail(result)

    def _break(
        self, key: NodeKey, epoch: int, attempt: int, reason: FailureReason, code: int | None, message: str, log: str
    ) -> None:
        self._tell(
            AttemptBroke(key=key, epoch=epoch, attempt=attempt, reason=reason, exit=code, message=message, log=log)
        )

    def _fail(self, fault: BaseException) -> None:
        self._fault = fault
        self._bell.set()

    # -- beside ---------------------------------------------------------------------------------------------------

    async def _keep_synced(self) -> None:
        while True:
            await trio.sleep(_SYNC_EVERY_S)
            await trio.to_thread.run_sync(self._journal.sync)

    async def _show_status(self) -> None:
        while True:
            self._reporter.status(self.status())
            await trio.sleep(_STATUS_EVERY_S)


def _published(effect: Publish) -> bool:
    if effect.redo:
        return redo(effect.files)
    perform(effect.files)
    return True


def _is_short(path: str | None) -> bool:
    """A result that stands in its event."""
    try:
        return path is None or os.stat(path).st_size <= INLINE_BYTES
    except OSError:
        return False


def _ignore(_: Any) -> None:
    return None
