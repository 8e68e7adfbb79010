"""What an operator asks for: inputs in, events out. What these change is in `steered`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ir.events import (
    AttemptStopping,
    BackoffEnded,
    CancelBegan,
    DemandSet,
    DrainBegan,
    PrioritySet,
    Reloaded,
    Retried,
    ScopePaused,
    ScopeResumed,
    Undone,
    WordDropped,
    WordSet,
)
from .changed import GoingBefore
from .inputs import (
    CancelAsked,
    DemandGiven,
    DrainAsked,
    LimitGiven,
    LimitTaken,
    PauseAsked,
    PriorityGiven,
    ReloadAsked,
    ResumeAsked,
    RetryAsked,
    UndoAsked,
)
from .state import is_in_backoff
from .turn import Turn
from .undoing import FAILURE, newest


def _on_limit_given(turn: Turn, given: LimitGiven) -> None:
    turn.emit(WordSet(word=replace(given.word, who=given.who, since_ns=turn.now), who=given.who))


def _on_limit_taken(turn: Turn, given: LimitTaken) -> None:
    turn.emit(WordDropped(layer=given.layer, scope=given.scope, who=given.who))


def _on_pause_asked(turn: Turn, given: PauseAsked) -> None:
    turn.emit(ScopePaused(scope=given.scope, who=given.who, because=given.because))


def _on_resume_asked(turn: Turn, given: ResumeAsked) -> None:
    turn.emit(ScopeResumed(scope=given.scope, who=given.who))


def _on_priority_given(turn: Turn, given: PriorityGiven) -> None:
    turn.emit(PrioritySet(scope=given.scope, priority=given.priority, who=given.who, because=given.because))


def _on_demand_given(turn: Turn, given: DemandGiven) -> None:
    turn.emit(DemandSet(scope=given.scope, amounts=given.amounts, who=given.who, because=given.because))


def _on_undo_asked(turn: Turn, given: UndoAsked) -> None:
    """Whoever asks has looked whether the newest change can be taken back."""
    state = turn.state
    change = newest(state)
    if change is None or change.before is None or state.phase == "ended":
        return
    turn.emit(Undone(row=change.row, who=given.who))
    if isinstance(change.before, GoingBefore) and len(state.failed) > change.before.failed:
        after_failure(turn)  # it would have ended without the drain, too


def after_failure(turn: Turn) -> None:
    """What the run's policy makes of a call that has failed for good."""
    state = turn.state
    if state.phase != "running" or state.on_failure in ("continue", "hold"):
        return
    if state.on_failure == "cancel":
        cancel(turn, FAILURE)
    else:
        turn.emit(DrainBegan(why=FAILURE))


def _on_retry_asked(turn: Turn, given: RetryAsked) -> None:
    state = turn.state
    if state.phase != "running":
        return
    for key in given.keys:
        if key in state.parked:
            turn.emit(Retried(key=key, who=given.who))
        elif is_in_backoff(state, key):
            turn.emit(BackoffEnded(key=key))


def _on_reload_asked(turn: Turn, given: ReloadAsked) -> None:
    state = turn.state
    if state.phase == "ended":
        return
    state.graphs[given.graph_digest] = given.graph
    turn.emit(Reloaded(graph_digest=given.graph_digest, number=given.number, words=given.words, who=given.who))


def _on_drain_asked(turn: Turn, given: DrainAsked) -> None:
    if turn.state.phase == "running":
        turn.emit(DrainBegan(why=given.why))


def _on_cancel_asked(turn: Turn, given: CancelAsked) -> None:
    if turn.state.phase in ("running", "draining"):
        cancel(turn, given.why)


def cancel(turn: Turn, why: str) -> None:
    """What runs is stopped, nothing new starts."""
    turn.emit(CancelBegan(why=why))
    for running in list(turn.state.running.values()):
        if running.stopping is None and running.plan is None:
            turn.emit(AttemptStopping(key=running.key, epoch=running.epoch, attempt=running.attempt, why="cancelled"))


ON: dict[type, Callable[[Turn, Any], None]] = {
    LimitGiven: _on_limit_given,
    LimitTaken: _on_limit_taken,
    PauseAsked: _on_pause_asked,
    ResumeAsked: _on_resume_asked,
    PriorityGiven: _on_priority_given,
    DemandGiven: _on_demand_given,
    UndoAsked: _on_undo_asked,
    RetryAsked: _on_retry_asked,
    ReloadAsked: _on_reload_asked,
    DrainAsked: _on_drain_asked,
    CancelAsked: _on_cancel_asked,
}
