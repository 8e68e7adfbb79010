"""What an operator's words change in the state. Called from `apply` alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.events import ClockStepped, DemandSet, PrioritySet, Undone, WindowTurned, WordDropped, WordExpired, WordSet
from . import halted
from .patches import on_set
from .state import State
from .undoing import on_clock_stepped, on_undone


def _on_word_set(state: State, event: WordSet, _: int) -> None:
    state.ledger.set_word(event.word)


def _on_word_dropped(state: State, event: WordDropped, _: int) -> None:
    state.ledger.drop_word(event.layer, event.scope)


def _on_word_expired(state: State, event: WordExpired, _: int) -> None:
    state.ledger.expire(event.layer, event.identity, event.until_ns)


def _on_window_turned(state: State, event: WindowTurned, _: int) -> None:
    state.ledger.turn_window(event.hours, event.is_open, event.until_ns)


def _on_clock_stepped(state: State, event: ClockStepped, _: int) -> None:
    state.wall_ahead_ns += event.by_ns
    state.ledger.shift_ends(-event.by_ns)
    on_clock_stepped(state, -event.by_ns)


ON: dict[type, Callable[[State, Any, int], None]] = {
    WordSet: _on_word_set,
    WordDropped: _on_word_dropped,
    PrioritySet: on_set,
    DemandSet: on_set,
    Undone: on_undone,
    WordExpired: _on_word_expired,
    WindowTurned: _on_window_turned,
    ClockStepped: _on_clock_stepped,
    **halted.ON,
}
