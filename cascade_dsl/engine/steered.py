"""What an operator's words change in the state. Called from `apply` alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir.events import WordDropped, WordSet
from . import halted
from .state import State


def _on_word_set(state: State, event: WordSet, _: int) -> None:
    state.ledger.set_word(event.word)


def _on_word_dropped(state: State, event: WordDropped, _: int) -> None:
    state.ledger.drop_word(event.layer, event.scope)


ON: dict[type, Callable[[State, Any, int], None]] = {
    WordSet: _on_word_set,
    WordDropped: _on_word_dropped,
    **halted.ON,
}
