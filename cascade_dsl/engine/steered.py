"""What an operator's words change in the state. Called from `apply` alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.events import ScopePaused, ScopeResumed, WordDropped, WordSet
from .state import Paused, State


def _on_word_set(state: State, event: WordSet, _: int) -> None:
    state.ledger.set_word(event.word)


def _on_word_dropped(state: State, event: WordDropped, _: int) -> None:
    state.ledger.drop_word(event.layer, event.scope)


def _on_scope_paused(state: State, event: ScopePaused, t_ns: int) -> None:
    state.ledger.pause(event.scope)
    state.paused[str(event.scope)] = Paused(event.scope, event.who, event.because, t_ns, None, False)


def _on_scope_resumed(state: State, event: ScopeResumed, _: int) -> None:
    state.ledger.resume(event.scope)
    if event.scope is None:
        state.paused.clear()
    else:
        state.paused.pop(str(event.scope), None)


ON: dict[type, Callable[[State, Any, int], None]] = {
    WordSet: _on_word_set,
    WordDropped: _on_word_dropped,
    ScopePaused: _on_scope_paused,
    ScopeResumed: _on_scope_resumed,
}
