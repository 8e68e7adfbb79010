"""The wall clock and local time, for one run: what the engine is told of windows, of times of the day, of a clock that was set.

The engine's clock never jumps, whatever is done to the clock of the machine. Instants of the wall (the turns of windows,
`until`) are told to it in its own time: less what the wall is ahead. A wall that steps by more than a second (it was
set, the machine slept) is noticed on the next turn, and at most `CHECK_S` later where something waits for the wall.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.quantity import NS_PER_S
from ..engine.inputs import (
    ContinueRequested,
    Input,
    LimitGiven,
    PauseAsked,
    ReloadAsked,
    RunRequested,
    TimeReached,
    WallStepped,
    WindowEdge,
)
from ..engine.state import State
from ..ir.events import Word
from ..ir.requirement import Window
from .clock import Clock

if TYPE_CHECKING:
    from .hours import Offset

CHECK_S = 5.0
"""So often is the wall looked at while something waits for it."""
_STEP_NS = NS_PER_S
_MACHINE = Path("/etc/localtime")


def zone_text(environ: Mapping[str, str]) -> str:
    """What the journal keeps of the zone in which a run tells the time: `TZ`, or else the machine's, by its name where it has one."""
    said = environ.get("TZ", "").removeprefix(":")
    if said:
        return said
    if not _MACHINE.exists():
        return "UTC"
    _, found, name = os.path.realpath(_MACHINE).partition("/zoneinfo/")
    return name if found else str(_MACHINE)


class Wall:
    """Local time of one run."""

    def __init__(self, clock: Clock, zone: str, note: Callable[[str], None], *, ahead_ns: int = 0) -> None:
        """`ahead_ns`: how far the wall was known to be ahead when the run was last seen."""
        self.zone = zone
        self._clock = clock
        self._note = note
        self._ahead_ns = ahead_ns
        self._offset: Offset | None = None

    def has_stepped(self) -> bool:
        """Whether the wall is elsewhere than was last known."""
        return abs(self._clock.ahead_ns() - self._ahead_ns) > _STEP_NS

    def heard(self, inputs: Sequence[Input], state: State, now_ns: int) -> list[Input]:
        """The inputs of a turn with what the clock on the wall says to them: ends of words, turns of windows, a step of itself."""
        stepped = self.has_stepped()
        if not stepped and _HEARD.isdisjoint(map(type, inputs)):
            return list(inputs)
        words = [word for given in inputs for word in words_of(given)]
        out: list[Input] = []
        if stepped:
            ahead_ns = self._clock.ahead_ns()
            out.append(WallStepped(by_ns=ahead_ns - self._ahead_ns))
            self._ahead_ns = ahead_ns
        out += [self._settled(given, state, now_ns) for given in inputs]
        if stepped or words or any(isinstance(given, _ASKING) for given in inputs):
            out += self._edges(state, words, now_ns, stepped)
        return out

    def settled(self, word: Word, since_ns: int) -> Word:
        """The word with the instant at which it ends, where it says a time of the day: the next such after `since_ns`."""
        limit = word.limit
        if limit.until_minute is None or limit.until_ns is not None:
            return word
        return replace(word, limit=replace(limit, until_ns=self._instant(limit.until_minute, since_ns)))

    def _instant(self, minute: int, since_ns: int) -> int:
        from .hours import next_time

        return next_time(minute, since_ns + self._ahead_ns, self._local()) - self._ahead_ns

    def _settled(self, given: Input, state: State, now_ns: int) -> Input:
        match given:
            case RunRequested(words=words) if _says_a_time(words):
                return replace(given, words=tuple(self.settled(word, now_ns) for word in words))
            case ReloadAsked(words=words) if _says_a_time(words):
                # as `for` in a file: a time that is over does not come again because the file is read again
                return replace(given, words=tuple(self.settled(word, state.started_ns) for word in words))
            case LimitGiven(word=word):
                return replace(given, word=self.settled(word, now_ns))
            case PauseAsked(until_minute=int(minute)):
                return replace(given, until_ns=self._instant(minute, now_ns))
            case _:
                return given

    def _edges(self, state: State, words: Iterable[Word], now_ns: int, stepped: bool) -> list[Input]:
        ledger = state.ledger
        spoken = (word.limit.window for word in words)
        out: list[Input] = []
        for window in dict.fromkeys((*ledger.words.windows(), *(window for window in spoken if window is not None))):
            known = ledger.words.edge(window)
            if stepped or known is None or (known[1] is not None and known[1] <= now_ns):
                out.append(self.edge(window, now_ns))
        return out

    def edge(self, window: Window, now_ns: int) -> WindowEdge:
        """Whether a window is open, and until when."""
        from .hours import edge

        is_open, until_ns = edge(window, now_ns + self._ahead_ns, self._local())
        until_ns = None if until_ns is None else until_ns - self._ahead_ns
        return WindowEdge(window=window, is_open=is_open, until_ns=until_ns)

    def _local(self) -> Offset:
        if self._offset is None:
            from .hours import offset_of

            self._offset = offset_of(self.zone)
            if self._offset is None:
                self._note(f"the time zone `{self.zone}` is not known here: times of the day are taken as UTC")
                self._offset = _no_offset
        return self._offset


_ASKING = (RunRequested, ContinueRequested, ReloadAsked, TimeReached)
"""Inputs with which a window may turn, or come to be known, whatever else they say."""
_HEARD = frozenset({*_ASKING, LimitGiven, PauseAsked})
"""Inputs to which the clock on the wall may have something to say: most turns have none of them."""


def words_of(given: Input) -> tuple[Word, ...]:
    """The words that an input brings."""
    match given:
        case RunRequested(words=words) | ContinueRequested(words=words) | ReloadAsked(words=words):
            return words
        case LimitGiven(word=word):
            return (word,)
        case _:
            return ()


def _says_a_time(words: Iterable[Word]) -> bool:
    return any(word.limit.until_minute is not None for word in words)


def _no_offset(_: int) -> int:
    return 0
