"""An executor without processes, for tests and simulation. It keeps the protocol's promises and passes its suite."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import trio

from .protocol import AttemptExited, AttemptSpec, Deliver, Outcome

Script: TypeAlias = Callable[[AttemptSpec], Outcome | None]


def succeed(spec: AttemptSpec) -> Outcome:
    """The script in which every attempt exits with 0 at once."""
    return AttemptExited(id=spec.id, code=0)


class FakeExecutor:
    """Answers by a script: an outcome is delivered in the next turn; None keeps the attempt running until `finish`."""

    def __init__(self, deliver: Deliver, script: Script = succeed, *, obeys_term: bool = True) -> None:
        self._deliver = deliver
        self._script = script
        self._obeys_term = obeys_term
        self._due: deque[Outcome] = deque()
        self._wake = trio.Event()
        self._kill_at: dict[str, float] = {}
        self._held_back: dict[str, Outcome] = {}
        self.frozen: set[str] = set()
        """Those that stand still: how they end is not told before they go on."""
        self.running: dict[str, AttemptSpec] = {}
        """Begun, and no outcome delivered yet."""
        self.started: list[AttemptSpec] = []
        self.stopped: list[tuple[str, float]] = []
        """(id, grace) of each call of `stop`, as they came."""

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver what is due until cancelled; then end what still runs as killed."""
        task_status.started()
        try:
            while True:
                with trio.move_on_at(min(self._kill_at.values(), default=trio.current_time() + 86400)):
                    await self._wake.wait()
                self._wake = trio.Event()
                now = trio.current_time()
                for id in [id for id, when in self._kill_at.items() if when <= now]:
                    self._settle(AttemptExited(id=id, signal=signal.SIGKILL))
                self._deliver_due()
        finally:
            self.frozen.clear()
            for id in self.running:
                self._settle(AttemptExited(id=id, signal=signal.SIGKILL))
            self._deliver_due()

    def start(self, spec: AttemptSpec) -> None:
        """Begin an attempt as the script says."""
        assert spec.id not in self.running
        self.started.append(spec)
        self.running[spec.id] = spec
        outcome = self._script(spec)
        if outcome is not None:
            self._settle(outcome)

    def stop(self, id: str, grace_s: float) -> None:
        """End an attempt by TERM at once, or by KILL after the grace where it does not obey."""
        self.stopped.append((id, grace_s))
        if id not in self.running:
            return
        self.thaw(id)
        if grace_s <= 0:
            self._settle(AttemptExited(id=id, signal=signal.SIGKILL))
        elif self._obeys_term:
            self._settle(AttemptExited(id=id, signal=signal.SIGTERM))
        else:
            self._kill_at.setdefault(id, trio.current_time() + grace_s)
            self._wake.set()

    def freeze(self, id: str) -> None:
        """Let an attempt stand still."""
        if id in self.running and id not in self._kill_at:
            self.frozen.add(id)

    def thaw(self, id: str) -> None:
        """Let it go on; an end that came meanwhile is told."""
        self.frozen.discard(id)
        outcome = self._held_back.pop(id, None)
        if outcome is not None:
            self._settle(outcome)

    def pid(self, id: str) -> int | None:
        """There is no process."""
        return None

    def finish(self, outcome: Outcome) -> None:
        """End an attempt that the script left running."""
        assert outcome.id in self.running
        self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        self._due.append(outcome)
        self._wake.set()

    def _deliver_due(self) -> None:
        while self._due:
            outcome = self._due.popleft()
            if outcome.id in self.frozen:
                self._held_back[outcome.id] = outcome
                continue
            self._kill_at.pop(outcome.id, None)
            if (
                self.running.pop(outcome.id, None) is not None
            ):  # else a second end of the same attempt: the first counts
                self._deliver(outcome)
