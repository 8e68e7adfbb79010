"""Progress as plain lines on stderr, where that is no terminal. Quiet: failures, notes and the last line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from ..base.quantity import NS_PER_S
from ..engine.status import FailureView, Status
from ..ir.events import AttemptFailed, AttemptFinished, AttemptLost, AttemptStarted, Event
from .result import RunResult, last_line
from .words import failure_lines, printable, show_seconds, waits_of

_BYTES_AT_ONCE = 64 * 1024
_BYTES_AT_END = 1024 * 1024
"""What a task prints faster than this is in its log only: nobody can read it, and the run must not wait for it."""


class _Tail:
    """The log of a running attempt, as far as it was shown."""

    __slots__ = ("name", "offset", "path", "rest")

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self.offset = 0
        self.rest = b""


class Lines:
    """A consumer of a run's events. `verbose` adds every start, retry and end, and what tasks print, as it comes."""

    def __init__(self, stream: TextIO, *, folder: Path, verbose: bool = False) -> None:
        self._stream: TextIO | None = stream
        self._folder = folder
        self._run = ""
        self._tails: dict[tuple[int, ...], _Tail] = {}
        self.wants_status = verbose
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
                self._tails[event.key] = _Tail(name, self._log(event.serial))
                again = f" (attempt {event.attempt})" if event.attempt > 1 else ""
                self._say(f"start  {name}{again}")
            case AttemptFinished():
                self._output(event.key)
                self._say(f"done   {name}")
            case AttemptFailed(retry_at_ns=int() as retry_at_ns):
                self._output(event.key)
                self._say(f"retry  {name} in {show_seconds((retry_at_ns - t_ns) / NS_PER_S)}: {event.message}")
            case AttemptFailed():
                self._tails.pop(event.key, None)
            case AttemptLost():
                self._tails.pop(event.key, None)
                self._say(f"lost   {name}: {event.why}")
            case _:
                pass

    def status(self, status: Status) -> None:
        """A moment has passed: show what running tasks have printed meanwhile."""
        for tail in self._tails.values():
            self._show(tail, _BYTES_AT_ONCE)

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

    def _log(self, serial: int) -> Path:
        return self._folder / ".cascade" / "runs" / self._run / "logs" / f"{serial // 1000:03}" / f"{serial}.log"

    def _output(self, key: tuple[int, ...]) -> None:
        """What an attempt that has ended printed since it was last looked at."""
        tail = self._tails.pop(key, None)
        if tail is None:
            return
        self._show(tail, _BYTES_AT_END)
        if tail.rest:
            self._line(tail, tail.rest)

    def _show(self, tail: _Tail, most: int) -> None:
        try:
            with open(tail.path, "rb") as log:
                log.seek(tail.offset)
                data = log.read(most)
                left = os.fstat(log.fileno()).st_size - tail.offset - len(data)
        except OSError:
            return
        tail.offset += len(data)
        *lines, tail.rest = (tail.rest + data).split(b"\n")
        for line in lines:
            self._line(tail, line)
        if left > 0 and most == _BYTES_AT_END:
            self._say(f"{tail.name} | … {left} bytes more in {tail.path}")

    def _line(self, tail: _Tail, line: bytes) -> None:
        self._say(f"{tail.name} | {printable(line.decode('utf-8', 'replace'))}".rstrip())

    def _say(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None  # nobody reads: the run goes on
