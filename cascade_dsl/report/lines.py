"""Progress as plain lines on stderr, where that is no terminal. Quiet: failures, notes and the last line."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from ..base.quantity import NS_PER_S
from ..engine.status import FailureView, Status
from ..ir.events import AttemptFailed, AttemptFinished, AttemptLost, AttemptStarted, Event
from .result import RunResult, last_line
from .words import failure_lines, printable, show_seconds, waits_of


class Lines:
    """A consumer of a run's events. `verbose` adds every start, retry and end, and what a task printed when it ends."""

    wants_status = False

    def __init__(self, stream: TextIO, *, folder: Path, verbose: bool = False) -> None:
        self._stream: TextIO | None = stream
        self._folder = folder
        self._run = ""
        self._serials: dict[tuple[int, ...], int] = {}
        self.wants: tuple[type, ...] | None = (
            (AttemptStarted, AttemptFinished, AttemptFailed, AttemptLost) if verbose else ()
        )

    def start(self, file: str, run: str) -> None:
        """A run of `file` begins."""
        self._run = run
        if self.wants:
            self._say(f"run {run} of {file}")

    def event(self, t_ns: int, event: Event, name: str) -> None:
        """Something of the kinds in `wants` happened to the node `name`."""
        match event:
            case AttemptStarted():
                self._serials[event.key] = event.serial
                again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
                self._say(f"start  {name}{again}")
            case AttemptFinished():
                self._output(event.key, name)
                self._say(f"done   {name}")
            case AttemptFailed(retry_at_ns=int() as retry_at_ns):
                self._output(event.key, name)
                self._say(f"retry  {name} in {show_seconds((retry_at_ns - t_ns) / NS_PER_S)}: {event.message}")
            case AttemptFailed():
                self._serials.pop(event.key, None)
            case AttemptLost():
                self._serials.pop(event.key, None)
                self._say(f"lost   {name}: {event.why}")
            case _:
                pass

    def status(self, status: Status) -> None:
        """A picture of the run, which lines have no use for."""

    def failed(self, failure: FailureView) -> None:
        """A node failed for good."""
        for line in failure_lines(failure):
            self._say(line)

    def stalled(self, status: Status) -> None:
        """Nothing runs and nothing can start."""
        self._say("stalled: nothing runs and nothing can start")
        for wait in waits_of(status):
            self._say(f"  {wait}")

    def note(self, text: str) -> None:
        """Something to be said once."""
        self._say(text)

    def mute(self) -> None:
        """The terminal is gone: say nothing any more."""
        self._stream = None

    def finish(self, result: RunResult) -> None:
        """The run has ended."""
        self._say(last_line(result))

    def _output(self, key: tuple[int, ...], name: str) -> None:
        serial = self._serials.pop(key, None)
        if serial is None:
            return
        log = self._folder / ".cascade" / "runs" / self._run / "logs" / f"{serial // 1000:03}" / f"{serial}.log"
        try:
            text = log.read_bytes().decode("utf-8", "replace")
        except OSError:
            return
        for line in text.rstrip("\n").split("\n") if text else ():
            self._say(f"{name} | {printable(line)}".rstrip())

    def _say(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None  # nobody reads: the run goes on
