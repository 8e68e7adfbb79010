"""The interpreter: a thin shell around `step`. Inbox → step → commit → perform.

What happens outside comes as inputs; a turn takes all that are there, commits its events in one transaction and only
then performs their effects. When the transaction fails nothing is performed and the run stops with a clear error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import trio

from ..base.diagnostics import CascadeError
from ..base.quantity import NS_PER_S
from ..engine.effects import (
    Discard,
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
from ..engine.inputs import (
    CancelAsked,
    DemandGiven,
    DrainAsked,
    DrainEndAsked,
    Input,
    LimitGiven,
    LimitTaken,
    NodesCancelAsked,
    PauseAsked,
    PriorityGiven,
    ReloadAsked,
    ResumeAsked,
    RetryAsked,
    ScopeCancelAsked,
    StallAccepted,
    TimeReached,
    UndoAsked,
)
from ..engine.state import State
from ..engine.status import FailureView, Status
from ..engine.step import is_stalled, next_due, step, take_effects
from ..ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    Computed,
    Event,
    Gathered,
    NoLongerStarved,
    ParamBound,
    PublishPlanned,
    Recalled,
    Reloaded,
    Starved,
)
from ..ir.graph import NodeKey
from ..store.blobs import Blobs
from ..store.journal import AttemptRow, Journal
from .attempts import Attempts
from .bodies import Bodies
from .clock import Clock
from .discarding import NOTED, Discarding
from .evaluating import Evaluator
from .memory import MemoryDemands
from .names import Names
from .picture import PICTURED, Picture
from .publishing import Publishing
from .recalling import Judge, Recalling, RecallTerms
from .recipes import Recipes
from .rehearsal import is_rehearsing, rehearse
from .saying import starved_text
from .sources import SourceLines
from .values import Values
from .wall import CHECK_S, Wall

if TYPE_CHECKING:
    from .explaining import Explainer

_SYNC_EVERY_S = 1.0
_VIEW_SHARE = 20
_VALUED = (AttemptFinished, Computed, Gathered, ParamBound, PublishPlanned, Recalled)
_KEPT = (AttemptFinished, PublishPlanned, AttemptFailed, AttemptLost)


class Reporter(Protocol):
    """What is told of a run as it goes; a pure consumer."""

    wants: tuple[type, ...] | None
    """The events that it is told of; None: all."""
    status_every_s: float | None
    """How often it is given the status; None: never. A view that is redrawn wants it several times a second."""

    def start(self, file: str, run: str) -> None: ...
    def event(self, t_ns: int, event: Event, name: str) -> None: ...
    def status(self, status: Status) -> None: ...
    def failed(self, failure: FailureView) -> None: ...
    def stalled(self, status: Status) -> None: ...
    def changed(self, who: str, effect: str, because: str) -> None: ...
    def note(self, text: str) -> None: ...
    def mute(self) -> None: ...
    def resumed(self) -> None: ...


Halting: TypeAlias = (
    PauseAsked | ResumeAsked | DrainAsked | DrainEndAsked | CancelAsked | NodesCancelAsked | ScopeCancelAsked
)
Changing: TypeAlias = PriorityGiven | DemandGiven | UndoAsked
Steering: TypeAlias = LimitGiven | LimitTaken | Halting | Changing | RetryAsked | ReloadAsked


@dataclass(slots=True, eq=False)
class Order:
    """An operator's words, one turn, and who waits for what they did."""

    given: tuple[Steering, ...]
    before: Callable[[], Any]
    effect: Callable[[Any], dict[str, Any]]
    done: trio.Event
    answer: dict[str, Any] | None = None
    refusal: CascadeError | None = None


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
        wall: Wall,
        project: Path,
        store: Path,
        reporter: Reporter,
        run: str,
        file: str,
        sources: SourceLines,
        publishing: Publishing,
        recipes: Recipes,
        judge: Judge,
        plans: dict[NodeKey, PublishPlanned],
        recall: RecallTerms,
        explainer: Explainer | None,
        memory: MemoryDemands,
        no_wait: bool,
        grace_s: float,
        now_s: float,
    ) -> None:
        self.state = state
        self._journal = journal
        self._values = values
        self._names = names
        self._bodies = bodies
        self._clock = clock
        self._wall = wall
        self._reporter = reporter
        self.run_id = run
        self._no_wait = no_wait
        self._inbox: list[Input] = []
        self._orders: list[Order] = []
        self._bell = trio.Event()
        self._evaluator = Evaluator(
            state, values, bodies, blobs, folder=str(project), now_s=now_s, answer=self._tell, note=reporter.note
        )
        self.discarding = Discarding(state=state, names=names, note=reporter.note)
        bodies.is_free = publishing.is_free
        self.recalling = Recalling(
            state=state,
            evaluator=self._evaluator,
            recipes=recipes,
            judge=judge,
            names=names,
            publishing=publishing,
            project=project,
            run=run,
            file=file,
            plans=plans,
            terms=recall,
            now_ns=clock.now_ns,
            gone=self.discarding.gone,
            tell=self._tell,
            note=reporter.note,
            fail=self._fail,
            decided=None if explainer is None else explainer.decided,
        )
        self._explainer = explainer
        self.attempts = Attempts(
            state=state,
            evaluator=self._evaluator,
            bodies=bodies,
            names=names,
            blobs=blobs,
            project=project,
            store=store,
            publishing=publishing,
            recalling=self.recalling,
            values=values,
            grace_s=grace_s,
            memory=memory,
            tell=self._tell,
            note=reporter.note,
            fail=self._fail,
        )
        self.picture = Picture(
            run=run,
            file=file,
            name_of=names.of,
            pid_of=self.attempts.pid,
            remains=self.attempts.remains,
            sources=sources,
            memory=memory.how,
        )
        self._sources = sources
        self._publishing = publishing
        self._stalled = False
        self._fault: BaseException | None = None

    async def run(
        self,
        first: Sequence[Input],
        serve_beside: Sequence[Callable[..., Any]],
    ) -> None:
        """Until the run has ended. `serve_beside` are tasks that live as long: each is started with a `task_status`."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.attempts.serve)
            for serve in serve_beside:
                await nursery.start(serve)
            nursery.start_soon(self._evaluator.serve)
            await nursery.start(self.recalling.serve)
            nursery.start_soon(self._keep_synced)
            if self._reporter.status_every_s is not None:
                nursery.start_soon(self._show_status, self._reporter.status_every_s)
            await self._turns(list(first))
            await self.discarding.finish()
            nursery.cancel_scope.cancel()

    # -- inputs ---------------------------------------------------------------------------------------------------

    def _tell(self, given: Input) -> None:
        self._inbox.append(given)
        self._bell.set()

    def tell(self, given: Input) -> None:
        """Something happened outside."""
        self._tell(given)

    async def order(
        self,
        given: Steering | Sequence[Steering],
        before: Callable[[], Any],
        effect: Callable[[Any], dict[str, Any]],
    ) -> dict[str, Any]:
        """An operator's words: a turn of their own. The answer is `effect(before())`, given when the turn is committed.

        `before` looks at the state just before the turn, and may refuse by a CascadeError: then nothing has changed.
        `effect` looks at it when the words are in force and nothing has started because of them. The `effect` of the answer is
        said on the terminal of the run, or its `said` where it has one.
        """
        order = Order(tuple(given) if isinstance(given, Sequence) else (given,), before, effect, trio.Event())
        if is_rehearsing():
            return await rehearse(lambda: self._foresee(order))
        self._orders.append(order)
        self._bell.set()
        await order.done.wait()
        if order.refusal is not None:
            raise order.refusal
        assert order.answer is not None
        return order.answer

    def status(self) -> Status:
        """The run now."""
        return self.picture.status(self.state, self._clock.now_ns())

    # -- turns ----------------------------------------------------------------------------------------------------

    async def _turns(self, inputs: list[Input]) -> None:
        state = self.state
        while True:
            self._turn(inputs)
            while self._orders and state.phase != "ended":
                order = self._orders.pop(0)
                if not self._carry_out(order):
                    continue
                assert order.answer is not None
                said = order.answer.get("said", order.answer["effect"])
                self._reporter.changed(order.given[0].who, said, _reason(order.given[0]))
            if state.phase == "ended":
                return
            inputs = await self._next_inputs()

    def _foresee(self, order: Order) -> dict[str, Any]:
        """What `_carry_out` would answer. Spoils the state: for a copy of this process."""
        now_ns = self._clock.now_ns()
        due = next_due(self.state)
        if due is not None and due <= now_ns:
            step(self.state, [TimeReached()], now_ns)
        before = order.before()
        answers: list[dict[str, Any]] = []
        step(self.state, order.given, now_ns, lambda: answers.append(order.effect(before)))
        return answers[0]

    def _carry_out(self, order: Order) -> bool:
        """True when the words of an order are in force, False where they were refused."""
        due = next_due(self.state)
        if due is not None and due <= self._clock.now_ns():
            self._turn([TimeReached()])  # what ends by itself has ended before
        try:
            before = order.before()
        except CascadeError as refusal:
            order.refusal = refusal
            order.done.set()
            return False
        answers: list[dict[str, Any]] = []
        self._turn(order.given, lambda: answers.append(order.effect(before)))
        order.answer = answers[0]
        order.done.set()
        return True

    async def _next_inputs(self) -> list[Input]:
        due = next_due(self.state)
        if not self._inbox and not self._orders:
            self._look_for_stall()
        if not self._inbox and not self._orders:
            await self._sleep(due)
        else:
            await trio.lowlevel.checkpoint()
        self._bell = trio.Event()
        inputs, self._inbox = self._inbox, []
        if (due is not None and due <= self._clock.now_ns()) or self._wall.has_stepped():
            inputs.append(TimeReached())
        if self._fault is not None:
            raise self._fault
        return inputs

    async def _sleep(self, due: int | None) -> None:
        """Until somebody rings, `due` has come, or the clock on the wall, for which something waits, was set."""
        most_s = CHECK_S if self.state.ledger.wall_due() is not None else math.inf
        while not self._bell.is_set() and not (due is not None and due <= self._clock.now_ns()):
            if due is None and most_s == math.inf:
                await self._bell.wait()
                return
            left_s = math.inf if due is None else max(0.0, (due - self._clock.now_ns()) / NS_PER_S)
            with trio.move_on_after(min(left_s, most_s)):
                await self._bell.wait()
            if most_s < math.inf and self._wall.has_stepped():
                return

    def _look_for_stall(self) -> None:
        stalled = is_stalled(self.state)
        if stalled and not self._stalled:
            self._reporter.stalled(self.status())
            if self._no_wait:
                self._tell(StallAccepted())
        self._stalled = stalled

    def _turn(self, inputs: Sequence[Input], between: Callable[[], None] | None = None) -> None:
        now_ns = self._clock.now_ns()
        first = self.state.seq + 1
        events = step(self.state, self._wall.heard(inputs, self.state, now_ns), now_ns, between)
        if events:
            self._commit(now_ns, first, events)
        for effect in take_effects(self.state):
            self._perform(effect)

    def _commit(self, now_ns: int, first: int, events: list[Event]) -> None:
        attempts: list[AttemptRow] = []
        for row, event in enumerate(events, first):
            if isinstance(event, _VALUED):
                self._values.remember(row, event.value, event.blob)
            elif isinstance(event, Reloaded):
                later = events[row - first + 1 :]
                self._renew({e.key for e in later if isinstance(e, AttemptStarted)})
            elif isinstance(event, AttemptStarted):
                log = self._bodies.log_path(event.serial)
                attempts.append(AttemptRow(event.serial, event.key, self._names.of(event.key), log, now_ns))
        self._journal.commit(now_ns, events, attempts)
        self._say(now_ns, events)

    def _say(self, now_ns: int, events: list[Event]) -> None:
        """Tell everybody of events that are committed."""
        event_of, wanted = self._reporter.event, self._reporter.wants
        for event in events:
            if isinstance(event, _KEPT):
                self.recalling.note(now_ns, event)
            if isinstance(event, NOTED):
                self.discarding.note(event)
            if self._explainer is not None:
                self._explainer.note(event)
            if isinstance(event, PICTURED):
                failure = self.picture.note(self.state, event)
                if failure is not None:
                    self._reporter.failed(failure)
            if isinstance(event, (Starved, NoLongerStarved)):
                self._reporter.note(starved_text(event, self.state))
            if wanted is None or isinstance(event, wanted):
                key: NodeKey | None = getattr(event, "key", None)
                event_of(now_ns, event, "" if key is None else self._names.of(key))
        self.discarding.tell()

    def _renew(self, fresh: set[NodeKey]) -> None:
        """The run is of another text, under which `fresh` have started already."""
        graph = self.state.plan.graph
        self._evaluator.renew()
        self._bodies.renew()
        self._sources.renew(graph)
        self._publishing.renew(graph)
        self.recalling.renew(fresh)

    # -- effects --------------------------------------------------------------------------------------------------

    def _perform(self, effect: Any) -> None:
        match effect:
            case StartAttempt():
                self.attempts.start(effect)
            case StopAttempt(serial=serial):
                self.attempts.stop(serial)
            case FreezeAttempt(serial=serial):
                self.attempts.freeze(serial)
            case ThawAttempt(serial=serial):
                self.attempts.thaw(serial)
            case Publish():
                self.attempts.publish(effect)
            case Evaluate() | EvaluateFacts() | KeyNodes() | Measure() | Gather():
                self._evaluator.ask(effect)
            case Recall():
                self.recalling.ask(effect)
            case Discard():
                self.discarding.perform(effect)
            case EndRun():
                pass
            case _:
                raise AssertionError(effect)

    def _fail(self, fault: BaseException) -> None:
        self._fault = fault
        self._bell.set()

    # -- beside ---------------------------------------------------------------------------------------------------

    async def _keep_synced(self) -> None:
        while True:
            await trio.sleep(_SYNC_EVERY_S)
            await trio.to_thread.run_sync(self._journal.sync)

    async def _show_status(self, every_s: float) -> None:
        """A run that is hard to draw is drawn less often: the view takes a twentieth of the time at most."""
        while True:
            begun = trio.current_time()
            self._reporter.status(self.status())
            await trio.sleep(max(every_s, _VIEW_SHARE * (trio.current_time() - begun)))


def _reason(given: Steering) -> str:
    match given:
        case LimitGiven():
            return given.word.limit.because
        case LimitTaken() | RetryAsked() | ReloadAsked() | DrainEndAsked() | UndoAsked():
            return ""
        case _:
            return given.because
