"""Progress as plain lines on stderr, where that is no terminal: failures, notes, a line now and then, the last line.

A short run says nothing but its end. The first line of a longer one names the run; they come ever more rarely, at least
every five minutes, so that who reads the log of a build sees it live, and are few whatever the size of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ..base.quantity import NS_PER_S
from ..engine.status import FailureView, Status
from ..ir.events import AttemptLost, Event
from .feed import LOST_SHOWN, WANTS, Feed
from .groups import Failures
from .paint import Row, in_ascii, is_unicode, text_of
from .result import RunResult, closing_lines
from .words import (
    change_text,
    changes,
    elapsed,
    next_text,
    pool_rows,
    progress,
    stall_help,
    stall_title,
    starved,
    waits_of,
)

_LOOK_EVERY_S = 5.0
_VERBOSE_EVERY_S = 0.15
_AT_S = (10, 30, 60)
"""The first lines that say how far it is; then each minute, after ten minutes every five."""


class Lines:
    """A consumer of a run's events. `verbose` adds every start, retry and end, and what tasks print, as it comes."""

    def __init__(self, stream: TextIO, *, folder: Path, verbose: bool = False) -> None:
        self._stream: TextIO | None = stream
        self._ascii = not is_unicode(stream)
        self._failures = Failures()
        self._feed = Feed(self._say, folder) if verbose else None
        self._run = self._file = ""
        self._due_s = float(_AT_S[0])
        self._lost = 0
        self.status_every_s: float | None = _VERBOSE_EVERY_S if verbose else _LOOK_EVERY_S
        self.wants: tuple[type, ...] | None = WANTS if verbose else (AttemptLost,)

    def start(self, file: str, run: str) -> None:
        """A run of `file` begins."""
        self._run, self._file = run, file
        if self._feed is not None:
            self._feed.start(file, run)

    def event(self, t_ns: int, event: Event, name: str) -> None:
        """Something of the kinds in `wants` happened to the node `name`."""
        if self._feed is not None:
            self._feed.event(t_ns, event, name)
        elif isinstance(event, AttemptLost) and event.why != "stopped":
            self._lost += 1
            if self._lost <= LOST_SHOWN:
                self._say(f"lost: {name}: {event.why}; it is started again")

    def status(self, status: Status) -> None:
        """A moment has passed."""
        if self._feed is not None:
            self._feed.look()
        since_s = (status.now_ns - status.started_ns) / NS_PER_S
        if since_s < self._due_s:
            return
        if self._due_s == _AT_S[0] and self._feed is None:
            self._say(f"run {self._run} of {self._file}")
        self._due_s = _next(since_s)
        self._say(heartbeat(status))

    def failed(self, failure: FailureView) -> None:
        """A node failed for good."""
        self._rows(self._failures.rows(failure))

    def stalled(self, status: Status) -> None:
        """Nothing runs and nothing can start."""
        self._say(stall_title(status))
        for wait in waits_of(status):
            self._say(f"  {wait}")
        self._say(f"  help: {stall_help(status)}")

    def changed(self, who: str, effect: str, because: str) -> None:
        """An operator has changed what is in force."""
        self._say(change_text(who, effect, because))

    def note(self, text: str) -> None:
        """Something to be said once."""
        self._say(text)

    def mute(self) -> None:
        """The terminal is gone: say nothing any more."""
        self._stream = None

    def resumed(self) -> None:
        """The process goes on: lines need nothing for it."""

    def finish(self, result: RunResult) -> None:
        """The run has ended."""
        self._rows(self._failures.rest())
        for line in closing_lines(result):
            self._say(line)

    def _rows(self, rows: Sequence[Row]) -> None:
        for each in rows:
            self._say(text_of(each))

    def _say(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write((in_ascii(line) if self._ascii else line) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None  # nobody reads: the run goes on


def _next(since_s: float) -> float:
    """When the next line is due."""
    for at in _AT_S:
        if since_s < at:
            return at
    every = 60 if since_s < 600 else 300
    return (since_s // every + 1) * every


def heartbeat(status: Status) -> str:
    """`1m00s: 12/47+ done, 3 running; task:fetch 3 of 3, 28 fetch waiting; longest pages[oslo] 45s`."""
    parts = [f"{elapsed(status.started_ns, status.now_ns)}: {progress(status.nodes)}"]
    parts += [f"{pool} {use}, {who} waiting" for pool, use, who in pool_rows(status) if who][:2]
    parts += [*next_text(status), *starved(status), *changes(status)][:3]
    if status.running:
        longest = status.running[0]
        parts.append(f"longest {longest.name} {elapsed(longest.since_ns, status.now_ns)}")
    return "; ".join(parts)
