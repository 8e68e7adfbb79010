"""What ends by itself: words, pauses, windows that turn, a clock that was set. Inputs in, events out.

Nothing in the ledger ends silently. A turn whose instant has passed an end first emits the event that says so
(`end_what_is_over`), before it hears its inputs; so does the turn in which a run is continued, so that what ended while
the engine was dead is over before anything starts. Whatever else ends by itself is a case there and in `Ledger.endings`.

Ends are instants of the wall, told in the time of the engine's clock, which never jumps. When the wall clock does,
`ClockStepped` moves the ends; this comes before anything is found to be over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, assert_never

from ..ir.events import ClockStepped, ScopeResumed, WindowTurned, Word, WordExpired
from ..limits.views import PauseEnding, WordEnding
from .inputs import ContinueRequested, Input, WallStepped, WindowEdge
from .turn import Turn


def end_what_is_over(turn: Turn, inputs: Iterable[Input]) -> None:
    """The clock is set right, and what is over is said to be over."""
    phase = turn.state.phase
    if phase == "new" or (phase == "ended" and not any(isinstance(given, ContinueRequested) for given in inputs)):
        return
    for given in inputs:
        if isinstance(given, WallStepped):
            turn.emit(ClockStepped(by_ns=given.by_ns))
    for ending in turn.state.ledger.endings():
        match ending:
            case WordEnding(layer=layer, identity=identity, until_ns=until_ns):
                turn.emit(WordExpired(layer=layer, identity=identity, until_ns=until_ns))
            case PauseEnding(scope=scope):
                turn.emit(ScopeResumed(scope=scope, expired=True))
            case _:
                assert_never(ending)


def timed(word: Word, since_ns: int) -> Word:
    """The word with the instant at which it ends, where it says how long it holds from `since_ns` on."""
    limit = word.limit
    if limit.for_ns is None or limit.until_ns is not None:
        return word
    return replace(word, limit=replace(limit, until_ns=since_ns + limit.for_ns))


def _on_window_edge(turn: Turn, given: WindowEdge) -> None:
    if turn.state.ledger.words.edge(given.window) != (given.is_open, given.until_ns):
        turn.emit(WindowTurned(hours=given.window, is_open=given.is_open, until_ns=given.until_ns))


def _on_wall_stepped(turn: Turn, given: WallStepped) -> None:
    """Heard before all else."""


ON: dict[type, Callable[[Turn, Any], None]] = {
    WindowEdge: _on_window_edge,
    WallStepped: _on_wall_stepped,
}
