"""What an operator asks for: inputs in, events out. What these change is in `steered`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ir.events import (
    BackoffEnded,
    Reloaded,
    Retried,
    WordDropped,
    WordSet,
)
from . import halting
from .ending import timed
from .inputs import (
    LimitGiven,
    LimitTaken,
    ReloadAsked,
    RetryAsked,
)
from .state import is_in_backoff
from .turn import Turn


def _on_limit_given(turn: Turn, given: LimitGiven) -> None:
    word = replace(given.word, who=given.who, since_ns=turn.now)
    turn.emit(WordSet(word=timed(word, turn.now), who=given.who))
    if given.preempt:
        halting.preempt(turn, given.word.limit.identity)


def _on_limit_taken(turn: Turn, given: LimitTaken) -> None:
    turn.emit(WordDropped(layer=given.layer, scope=given.scope, who=given.who))


def _on_retry_asked(turn: Turn, given: RetryAsked) -> None:
    state = turn.state
    if state.phase != "running":
        return
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
    RetryAsked: _on_retry_asked,
    ReloadAsked: _on_reload_asked,
    **halting.ON,
}
