"""The view of a run on a terminal: a picture at the bottom, failures and notes above it, to stay.

Redrawn only when a status arrives (some seven times a second at most), never by a thread of its own. It takes the size
of the terminal at every drawing, so that a resize needs no signal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from ..engine.status import FailureView, Status
from ..ir.events import AttemptLost, Event
from .feed import LOST_SHOWN, WANTS, Feed
from .frame import frame
from .groups import Failures
from .pace import Pace
from .paint import row
from .result import RunResult, closing_lines
from .screen import Screen, Size
from .words import change_text, stall_help, stall_title, waits_of

_EVERY_S = 0.15


class LiveView:
    """A consumer of a run's status and failures. Everything it says goes to `stream`, a terminal, and should be stderr."""

    status_every_s: float | None = _EVERY_S

    def __init__(self, stream: TextIO, *, folder: Path, verbose: bool = False, size: Size | None = None) -> None:
        self._screen = Screen(stream, size)
        self._pace = Pace()
        self._failures = Failures()
        self._feed = Feed(lambda line: self._screen.say([row(line)]), folder) if verbose else None
        self._lost = 0
        self.wants: tuple[type, ...] | None = WANTS if verbose else (AttemptLost,)

    def start(self, file: str, run: str) -> None:
        """A run of `file` begins."""
        if self._feed is not None:
            self._feed.start(file, run)

    def event(self, t_ns: int, event: Event, name: str) -> None:
        """Something of the kinds in `wants` happened to the node `name`."""
        if self._feed is not None:
            self._feed.event(t_ns, event, name)
        elif isinstance(event, AttemptLost) and event.why != "stopped":
            self._lost += 1
            if self._lost <= LOST_SHOWN:
                self._screen.say([row(f"lost: {name}: {event.why}; it is started again", "warn")])

    def status(self, status: Status) -> None:
        """Draw a picture of the run."""
        if self._feed is not None:
            self._feed.look()
        self._pace.look(status.now_ns, status.nodes)
        columns, lines = self._screen.size
        self._screen.draw(frame(status, self._pace, columns, lines))

    def failed(self, failure: FailureView) -> None:
        """A node failed for good: said above the view, to stay."""
        rows = self._failures.rows(failure)
        if rows:
            self._screen.say(rows)

    def stalled(self, status: Status) -> None:
        """Nothing runs and nothing can start: said once, the picture goes on to say why."""
        rows = [row(stall_title(status), "warn")]
        rows += [row(f"  {text}") for text in waits_of(status)]
        self._screen.say([*rows, (("  help: ", "good"), (stall_help(status), ""))])

    def changed(self, who: str, effect: str, because: str) -> None:
        """An operator has changed what is in force."""
        self._screen.say([row(change_text(who, effect, because), "accent")])

    def note(self, text: str) -> None:
        """Something to be said once."""
        self._screen.say([row(text, "warn")])

    def mute(self) -> None:
        """The terminal is gone: draw nothing any more."""
        self._screen.mute()

    def resumed(self) -> None:
        """The process was stopped (Ctrl-Z) and goes on: the shell has written below the picture."""
        self._screen.begin_anew()

    def finish(self, result: RunResult) -> None:
        """The run has ended: the view goes, what happened stays."""
        self._screen.draw([])
        first, *more = closing_lines(result)
        rows = [*self._failures.rest(), row(first, "good" if result.status == "done" else "bad")]
        self._screen.say([*rows, *(row(line) for line in more)])
        self._screen.close()

    def close(self) -> None:
        """Give the terminal back, also where the run ended with an error of its own."""
        self._screen.close()
