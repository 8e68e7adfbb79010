"""`--verbose`: every start, retry and end, and what tasks print, as it comes. Where the lines go is the caller's matter."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..base.quantity import NS_PER_S
from ..ir.events import AttemptFailed, AttemptFinished, AttemptLost, AttemptStarted, Event
from .cells import printable
from .words import show_seconds

WANTS: tuple[type, ...] = (AttemptStarted, AttemptFinished, AttemptFailed, AttemptLost)
LOST_SHOWN = 5
"""Without `--verbose`: so many attempts that were lost get a line; they are started again, so that more say no more."""
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


class Feed:
    """Turns events into lines for `say`."""

    def __init__(self, say: Callable[[str], None], folder: Path) -> None:
        self._say = say
        self._folder = folder
        self._run = ""
        self._tails: dict[tuple[int, ...], _Tail] = {}

    def start(self, file: str, run: str) -> None:
        """A run of `file` begins."""
        self._run = run
        self._say(f"run {run} of {file}")

    def event(self, t_ns: int, event: Event, name: str) -> None:
        """Something of the kinds in `WANTS` happened to the node `name`."""
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
                self._say(
                    f"retry  {name} in {show_seconds((retry_at_ns - t_ns) / NS_PER_S)}: {printable(event.message)}"
                )
            case AttemptFailed():
                self._tails.pop(event.key, None)
            case AttemptLost():
                self._tails.pop(event.key, None)
                self._say(f"lost   {name}: {printable(event.why)}")
            case _:
                pass

    def look(self) -> None:
        """A moment has passed: show what running tasks have printed meanwhile."""
        for tail in self._tails.values():
            self._show(tail, _BYTES_AT_ONCE)

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
