"""Signals that ask a run to end: the first drains, the second stops, the third kills.

A terminal sends Ctrl-C to the warden and the engine; `kill -INT` reaches the one that it names. The warden passes on what
it gets as a signal of another number, so that both are counted apart: what is asked for is the greater of the counts.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from .warden import PASSED_ON

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, PASSED_ON)


class Interrupts:
    """Counts; `ask` is called with the number of each step, from 1, as it is reached."""

    def __init__(self, ask: Callable[[int], None]) -> None:
        self._ask = ask
        self._own = 0
        self._passed_on = 0
        self._more = 0
        """Steps that a SIGTERM, which only one of the two gets, has added: it does not wait for what runs."""
        self.steps = 0

    def on(self, number: int) -> None:
        """SIGINT, SIGTERM, or an interrupt that the warden has passed on."""
        match number:
            case signal.SIGINT:
                self._own += 1
            case signal.SIGTERM:
                self._more += 1 if self.steps else 2
            case _:
                self._passed_on += 1
        wanted = max(self._own, self._passed_on) + self._more
        if wanted > self.steps:
            self.steps = wanted
            self._ask(wanted)
