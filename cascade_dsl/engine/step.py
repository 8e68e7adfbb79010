"""`step`: the decisions. Inputs of a turn in, events out; each event is applied as it is emitted.

Within a turn a decision sees those before it. The order is: what the inputs say, then lists that have become known,
then admission until nothing more may start, then keys that are missing, then whether the run has ended. Time is an
argument; a timer is due when `next_due` says so and `TimeReached` comes. The same inputs at the same instants give the
same events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from heapq import heappop
from typing import Any

from ..base.quantity import NS_PER_MS
from ..ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptLost,
    AttemptStarted,
    AttemptStopping,
    BackoffEnded,
    Closed,
    Computed,
    ComputeFailed,
    Discarded,
    Event,
    Expanded,
    Extended,
    FactsKnown,
    Gathered,
    Gone,
    Missed,
    PublishPlanned,
    Recalled,
    Revived,
    RunContinued,
    RunEnded,
    RunStarted,
    RunStatus,
    Widened,
)
from ..ir.graph import FanOut, Graph, NodeKey, Requirement
from ..limits.ledger import Ledger
from .apply import apply
from .backoff import backoff_ns, is_among
from .changed import FAILURE
from .effects import Effect, Publish
from .ending import ON as ENDING
from .ending import end_what_is_over, timed
from .halting import at_rest, blocked, stand
from .inputs import (
    AttemptBroke,
    AttemptSucceeded,
    AttemptVanished,
    ContinueRequested,
    Evaluated,
    EvaluationFailed,
    FactsEvaluated,
    FilesPublished,
    GatherBuilt,
    Input,
    Measured,
    NothingRecalled,
    ResultRecalled,
    ResultsGone,
    RunRequested,
    StallAccepted,
    TimeReached,
)
from .keying import ON as ON_KEYS
from .keying import ask_for_keys
from .keys import is_keyed
from .patches import granted, shape
from .plan import Body, Site, plan, resources_of
from .progress import EngineFault
from .starving import tell_starved
from .state import Frame, State, Timer, is_in_backoff
from .steering import ON, after_failure
from .temporary import next_released, next_revival
from .turn import Turn


def new_state(graph: Graph, graphs: Mapping[str, Graph] | None = None) -> State:
    """The state of a run that has not begun; calls are given their shapes in the order of the graph.

    `graphs` are the other texts that its events speak of, by digest.
    """
    compiled = plan(graph)
    ledger = Ledger(resources_of(graph))
    for site in compiled.sites.values():
        shape(site, ledger)
    state = State(compiled, ledger)
    state.graphs.update(graphs or {})
    return state


def replay(graph: Graph, events: Iterable[tuple[int, Event]], graphs: Mapping[str, Graph] | None = None) -> State:
    """The state after (instant, event) pairs, and the effects that are still owed in `state.outbox`.

    Running attempts are not among these: `ContinueRequested` decides what becomes of them. Temporary files that were to
    go may be gone already.
    """
    state = new_state(graph, graphs)
    discards: dict[NodeKey, Effect] = {}
    for t_ns, event in events:
        apply(state, event, t_ns)
        if isinstance(event, Discarded):
            discards[event.key] = state.outbox[-1]
        elif isinstance(event, Revived):
            discards.pop(event.key, None)
        state.outbox.clear()
    state.outbox.extend(discards.values())
    state.outbox.extend(state.asked.values())
    return state


def step(state: State, inputs: Iterable[Input], now_ns: int, between: Callable[[], None] | None = None) -> list[Event]:
    """One turn: decide, apply, and give the events in order. Their effects are in `take_effects`.

    `between` looks at the state when the inputs have said what they say and nothing has started because of it.
    """
    turn = _Turn(state, now_ns)
    inputs = tuple(inputs)
    end_what_is_over(turn, inputs)
    for given in inputs:
        _ON[type(given)](turn, given)
    stand(turn)
    if between is not None:
        between()
    turn.settle()
    return turn.events


def take_effects(state: State) -> list[Effect]:
    """What is to be done now that the turn's events are committed; the second call gives nothing."""
    effects, state.outbox = state.outbox, []
    return effects


def next_due(state: State) -> int | None:
    """The instant of the next timer that still means something, or None."""
    while state.timers:
        if timer_means(state, state.timers[0]):
            break
        heappop(state.timers)
    instants = [timer[0] for timer in state.timers[:1]]
    by_itself = state.ledger.due()
    if by_itself is not None:
        instants.append(by_itself)
    return min(instants, default=None)


def is_stalled(state: State) -> bool:
    """Nothing runs, nothing is awaited, nothing can start, no timer is due, and the run has not ended."""
    return (
        state.phase == "running"
        and not state.running
        and not state.asked
        and next_due(state) is None
        and state.ledger.unkeyed(1) is None
        and state.ledger.choose() is None
    )


def timer_means(state: State, timer: Timer) -> bool:
    due, _, key, epoch, attempt, what = timer
    if what == "backoff":
        there = state.epochs.get(key, 0), state.attempts.get(key)
        return there == (epoch, attempt) and is_in_backoff(state, key)
    running = state.running.get(key)
    return (
        running is not None
        and (running.epoch, running.attempt, running.deadline_ns) == (epoch, attempt, due)
        and running.stopping is None
        and running.plan is None
        and running.frozen_ns is None
    )


class _Turn(Turn):
    """The decisions of one turn."""

    __slots__ = ()

    # -- inputs ---------------------------------------------------------------------------------------------------

    def on_run_requested(self, given: RunRequested) -> None:
        if self.state.phase != "new":
            raise EngineFault("a run was started twice")
        self.emit(
            RunStarted(
                run=given.run,
                graph_digest=given.graph_digest,
                on_failure=given.on_failure,
                words=tuple(replace(timed(word, self.now), since_ns=self.now) for word in given.words),
                zone=given.zone,
                versions=given.versions,
                recalls=given.recalls,
                keeps_temp=given.keeps_temp,
                targets=given.targets,
            )
        )
        for bound in given.params:
            self.emit(bound)

    def on_continue_requested(self, given: ContinueRequested) -> None:
        state = self.state
        for running in list(state.running.values()):
            if running.plan is not None:
                planned = running.plan
                effect = Publish(
                    running.key, running.epoch, running.attempt, planned.files, planned.removals, redo=True
                )
                state.outbox.append(effect)
            else:
                self.emit(
                    AttemptLost(
                        key=running.key,
                        epoch=running.epoch,
                        attempt=running.attempt,
                        why="the engine died while it ran",
                    )
                )
        words = tuple(replace(timed(word, self.now), since_ns=self.now) for word in given.words)
        self.emit(RunContinued(words=words, keeps_temp=given.keeps_temp))

    def on_results_gone(self, given: ResultsGone) -> None:
        if given.keys:
            self.emit(Gone(keys=given.keys))

    def on_evaluated(self, given: Evaluated) -> None:
        if self._asked(given.key):
            self.emit(Computed(key=given.key, value=given.value, blob=given.blob, length=given.length, fact=given.fact))

    def on_facts_evaluated(self, given: FactsEvaluated) -> None:
        if self._asked(given.key):
            self.emit(FactsKnown(key=given.key, facts=given.facts))

    def on_result_recalled(self, given: ResultRecalled) -> None:
        if self._asked(given.key):
            self.emit(
                Recalled(
                    key=given.key,
                    recipe=given.recipe,
                    value=given.value,
                    blob=given.blob,
                    length=given.length,
                    temporary=given.temporary,
                    gone=given.gone,
                )
            )

    def on_nothing_recalled(self, given: NothingRecalled) -> None:
        if self._asked(given.key):
            self.emit(Missed(key=given.key))

    def on_measured(self, given: Measured) -> None:
        if self._asked(given.key):
            self.emit(Expanded(region=given.key, count=given.length))

    def on_gather_built(self, given: GatherBuilt) -> None:
        if self._asked(given.key):
            self.emit(Gathered(region=given.key, value=given.value, blob=given.blob, length=given.length))

    def on_evaluation_failed(self, given: EvaluationFailed) -> None:
        if self._asked(given.key):
            held = self.state.on_failure == "hold"
            self.emit(ComputeFailed(key=given.key, message=given.message, held=held))
            after_failure(self)

    def _asked(self, key: NodeKey) -> bool:
        """False after the end of the run, when an answer may still come; a fault where nothing was asked."""
        if key in self.state.asked:
            return self.state.phase != "ended"
        raise EngineFault(f"an answer for {key} came that nobody asked for")

    def on_attempt_succeeded(self, given: AttemptSucceeded) -> None:
        running = self.state.running.get(given.key)
        if running is None or (running.epoch, running.attempt) != (given.epoch, given.attempt) or running.plan:
            raise EngineFault(f"attempt {given.attempt} of {given.key} succeeded, but it was not running")
        if given.files or given.removals:
            self.emit(
                PublishPlanned(
                    key=given.key,
                    epoch=given.epoch,
                    attempt=given.attempt,
                    files=given.files,
                    value=given.value,
                    blob=given.blob,
                    length=given.length,
                    removals=given.removals,
                    recipe=given.recipe,
                    used=given.used,
                )
            )
        else:
            self.emit(
                AttemptFinished(
                    key=given.key,
                    epoch=given.epoch,
                    attempt=given.attempt,
                    value=given.value,
                    blob=given.blob,
                    length=given.length,
                    recipe=given.recipe,
                    used=given.used,
                )
            )

    def on_files_published(self, given: FilesPublished) -> None:
        self.emit(AttemptFinished(key=given.key, epoch=given.epoch, attempt=given.attempt, value=None))

    def on_attempt_broke(self, given: AttemptBroke) -> None:
        state = self.state
        running = state.running.get(given.key)
        if running is None or (running.epoch, running.attempt) != (given.epoch, given.attempt):
            raise EngineFault(f"attempt {given.attempt} of {given.key} failed, but it was not running")
        if running.stopping == "cancelled":
            # It did not fail: it was taken away, and `continue` runs it again.
            self._lose(given, "stopped")
            return
        if running.stopping == "preempted":
            self._lose(given, "stopped to make room")
            return
        reason, message, used = given.reason, given.message, given.used
        if used is None and running.plan is not None:
            used = running.plan.used
        if running.stopping is not None:
            reason = running.stopping
        retry_at = None
        if reason != "value" and given.attempt <= running.facts.retries:
            site = state.site_of(given.key)
            assert site.clauses is not None
            on = site.clauses.retry.on if site.clauses.retry is not None else ()
            if not on or is_among(on, reason, given.exit):
                retry_at = self.now + backoff_ns(state.run, given.key, given.attempt, running.facts)
        self.emit(
            AttemptFailed(
                key=given.key,
                epoch=given.epoch,
                attempt=given.attempt,
                reason=reason,
                exit=given.exit,
                message=message,
                retry_at_ns=retry_at,
                log=given.log,
                held=retry_at is None and state.on_failure == "hold",
                used=used,
            )
        )
        if retry_at is None:
            after_failure(self)

    def _lose(self, given: AttemptBroke, why: str) -> None:
        self.emit(AttemptLost(key=given.key, epoch=given.epoch, attempt=given.attempt, why=why, used=given.used))

    def on_attempt_vanished(self, given: AttemptVanished) -> None:
        self.emit(AttemptLost(key=given.key, epoch=given.epoch, attempt=given.attempt, why=given.why, used=given.used))

    def on_time_reached(self, given: TimeReached) -> None:
        state = self.state
        while state.timers and state.timers[0][0] <= self.now:
            timer = heappop(state.timers)
            if not timer_means(state, timer):
                continue
            _, _, key, epoch, attempt, what = timer
            if what == "deadline":
                self.emit(AttemptStopping(key=key, epoch=epoch, attempt=attempt, why="timeout"))
            else:
                self.emit(BackoffEnded(key=key))

    def on_stall_accepted(self, given: StallAccepted) -> None:
        if is_stalled(self.state):
            held = len(self.state.parked)
            cancelled = len(self.state.cancelled)
            self.emit(RunEnded(status="failed" if held else "stalled", held=held, cancelled=cancelled))

    # -- what follows ---------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Lists that have become known, admission, the end."""
        state = self.state
        self._release()  # before what follows starts: it may want the room
        while state.phase == "running":
            self._expand()
            while (revived := next_revival(state)) is not None:
                self.emit(revived)
            chosen = state.ledger.choose()
            if chosen is not None:
                self.emit(
                    AttemptStarted(
                        key=chosen,
                        epoch=state.epochs.get(chosen, 0),
                        attempt=state.attempts.get(chosen, 0) + 1,
                        serial=state.serial + 1,
                        queued_ms=(self.now - state.queued_ns[chosen]) // NS_PER_MS,
                        granted=self._granted(chosen) if state.patches else (),
                        units=state.ledger.units(chosen),
                    )
                )
            elif not self._widen() and not self._widen_at_rest():
                ask_for_keys(state)
                break
        tell_starved(self)
        self._release()
        status = self._ending()
        if status is not None:
            self.emit(RunEnded(status=status, held=len(state.parked), cancelled=len(state.cancelled)))

    def _granted(self, key: NodeKey) -> tuple[tuple[str, int], ...]:
        site = self.state.site_of(key)
        facts = site.facts if site.facts is not None else self.state.facts[key]
        return granted(site, facts.amounts)

    def _release(self) -> None:
        """Temporary files that nobody has to read any more go."""
        while self.state.phase != "ended" and (released := next_released(self.state)) is not None:
            self.emit(released)

    def _expand(self) -> None:
        state = self.state
        while state.to_expand or state.to_extend:
            if state.to_expand:
                key = state.to_expand[0]
                node = state.site_of(key).node
                assert isinstance(node, FanOut)
                over = state.plan.sites[node.source]
                self.emit(Expanded(region=key, count=state.lengths[(over.id, *key[1 : 1 + over.depth])]))
                continue
            key = next(iter(state.to_extend))
            del state.to_extend[key]
            frame = state.frames.get(key)
            if frame is None or frame.source is None or frame.closed:
                continue
            known = frame.source.out_known
            if known > frame.count:
                self.emit(Extended(region=key, start=frame.count, end=known))
            if frame.source.out_closed:
                self.emit(Closed(region=key, count=known))

    def _widen(self) -> bool:
        """Where a full window is blocked as a whole, make it wider: True where one was."""
        state = self.state
        for key in list(state.to_widen):
            frame = state.frames.get(key)
            if frame is None or not frame.has_cold:
                del state.to_widen[key]
            elif len(frame.hot) >= frame.window and self._is_blocked(frame) and self._others_could_start(frame.body):
                self.emit(Widened(region=key, window=frame.window * 2))
                return True
        return False

    def _widen_at_rest(self) -> bool:
        """Where all that is left waits for what is cancelled or held, lists go on with what does not: True where one does.

        Their windows are full of elements that wait for a call outside. Once all is done that can be, the run ends, or stalls.
        """
        state = self.state
        if not at_rest(state):
            return False
        for key, frame in state.frames.items():
            if frame.has_cold and any(waits is False for waits in frame.doomed.values()) and self._could_start(frame):
                self.emit(Widened(region=key, window=frame.window * 2))
                return True
        return False

    def _is_blocked(self, frame: Frame) -> bool:
        """Nothing in a window is under way; where elements have keys, nothing in it can start.

        Then others of its list may have a key of which none is there. It is looked for a few times, and on while that
        brings more to run: a list that is sorted by key is not worked off key by key, and one that is mixed stays cold.
        """
        state = self.state
        if not frame.active:
            return True
        waits = state.asked or state.keying is not None
        return frame.fruitless < _FRUITLESS and not waits and is_keyed(state, frame.body)

    def _could_start(self, frame: Frame) -> bool:
        """Whether an element begins with a call that has room and waits for nothing outside."""
        return any(
            self._has_room(site)
            for site in frame.body.entries
            if not any(frame.doomed.get(outer) is False for outer in site.outer)
        )

    def _others_could_start(self, body: Body) -> bool:
        """Whether there is room for a call that an element begins with.

        Where all elements ask for the same, those that are hot would have taken that room: then they are past that
        call and wait for something else. Where they differ, one that asks for the least might be among the cold.
        """
        return any(self._has_room(site) for site in body.entries)

    def _has_room(self, site: Site) -> bool:
        amounts = site.facts.amounts if site.facts is not None else _LEAST * len(_requires(site))
        return self.state.ledger.has_room(site.shape, amounts)

    def _ending(self) -> RunStatus | None:
        state = self.state
        if state.phase in ("new", "ended") or state.running:
            return None
        whole = not state.root.hot and not state.revived and not state.to_revive
        if state.phase == "running" and not whole:
            return "failed" if blocked(state) else None
        if whole and not state.failed:
            return "done"
        if state.phase != "running" and state.why != FAILURE:
            if state.phase == "cancelling":
                return "cancelled"
            if not whole:
                return "drained"
        return "failed"


_LEAST = (1,)
_FRUITLESS = 3
"""So many times in a row a window with keys is doubled, though no more runs than before."""


def _requires(site: Site) -> tuple[Requirement, ...]:
    assert site.clauses is not None
    return site.clauses.requires


_ON: dict[type, Callable[[_Turn, Any], None]] = {
    RunRequested: _Turn.on_run_requested,
    ContinueRequested: _Turn.on_continue_requested,
    ResultsGone: _Turn.on_results_gone,
    Evaluated: _Turn.on_evaluated,
    FactsEvaluated: _Turn.on_facts_evaluated,
    ResultRecalled: _Turn.on_result_recalled,
    NothingRecalled: _Turn.on_nothing_recalled,
    Measured: _Turn.on_measured,
    GatherBuilt: _Turn.on_gather_built,
    EvaluationFailed: _Turn.on_evaluation_failed,
    AttemptSucceeded: _Turn.on_attempt_succeeded,
    AttemptBroke: _Turn.on_attempt_broke,
    AttemptVanished: _Turn.on_attempt_vanished,
    FilesPublished: _Turn.on_files_published,
    TimeReached: _Turn.on_time_reached,
    StallAccepted: _Turn.on_stall_accepted,
    **ENDING,
    **ON,
    **ON_KEYS,
}
