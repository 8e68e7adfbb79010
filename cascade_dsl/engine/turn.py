"""A turn: to emit is to apply and to append, so that a decision sees those before it."""

from __future__ import annotations

from ..ir.events import Event
from .apply import apply
from .state import State


class Turn:
    """The events of one turn, at one instant."""

    __slots__ = ("events", "now", "state")

    def __init__(self, state: State, now: int) -> None:
        self.state = state
        self.now = now
        self.events: list[Event] = []
        state.ledger.at(now)

    def emit(self, event: Event) -> None:
        """It has happened."""
        apply(self.state, event, self.now)
        self.events.append(event)
