"""What an operator asks for: inputs in, events out. What these change is in `steered`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ir.events import (
    BackoffEnded,
    DemandSet,
    DrainBegan,
    PrioritySet,
    Reloaded,
    Retried,
    ScopeRetried,
    Undone,
    WordDropped,
    WordSet,
)
from . import halting
from .changed import FAILURE, GoingBefore
from .ending import timed
from .halting import cancel
from .inputs import (
    DemandGiven,
    LimitGiven,
    LimitTaken,
    PriorityGiven,
    ReloadAsked,
    RetryAsked,
    UndoAsked,
)
from .state import is_in_backoff
from .turn import Turn
from .undoing import newest


def _on_limit_given(turn: Turn, given: LimitGiven) -> None:
    word = replace(given.word, who=given.who, since_ns=turn.now)
    turn.emit(WordSet(word=timed(word, turn.now), who=given.who))
    if given.preempt:
        halting.preempt(turn, given.word.limit.identity)


def _on_limit_taken(turn: Turn, given: LimitTaken) -> None:
    turn.emit(WordDropped(layer=given.layer, scope=given.scope, who=given.who))


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
    failed = len(state.failed) > state.failed_before
    turn.emit(Undone(row=change.row, who=given.who))
    if isinstance(change.before, GoingBefore) and failed:
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
    for scope in given.scopes:
        if scope in state.condemned_scopes:
            turn.emit(ScopeRetried(scope=scope, who=given.who))
    for key in given.keys:
        if key in state.parked or key in state.condemned or key in state.cancelled:
            turn.emit(Retried(key=key, who=given.who))
        elif is_in_backoff(state, key):
            turn.emit(BackoffEnded(key=key))


def _on_reload_asked(turn: Turn, given: ReloadAsked) -> None:
    state = turn.state
    if state.phase == "ended":
        return
    state.graphs[given.graph_digest] = given.graph
    words = [replace(timed(word, state.started_ns), since_ns=turn.now) for word in given.words]
    kept = tuple(word for word in words if word.limit.until_ns is None or word.limit.until_ns > turn.now)
    turn.emit(Reloaded(graph_digest=given.graph_digest, number=given.number, words=kept, who=given.who))


ON: dict[type, Callable[[Turn, Any], None]] = {
    LimitGiven: _on_limit_given,
    LimitTaken: _on_limit_taken,
    PriorityGiven: _on_priority_given,
    DemandGiven: _on_demand_given,
    UndoAsked: _on_undo_asked,
    RetryAsked: _on_retry_asked,
    ReloadAsked: _on_reload_asked,
    **halting.ON,
}
