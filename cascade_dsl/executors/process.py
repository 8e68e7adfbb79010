"""Programs, with or without a shell, as processes of this machine.

Each attempt leads a session of its own. When the leader has ended, the rest of its group is killed, also after
success, and the outcome is delivered once the group is empty. What left the group (a daemon with a session of its own)
ends with the run, by the warden.
"""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace

import trio

from .groups import Group, reap_orphans, start_failed
from .logs import Floods, is_flooded, open_log, open_value, size_of
from .masked import Masks, Pipe
from .protocol import (
    TELLS_SECRET,
    VALUE_BYTES_MAX,
    AttemptExited,
    AttemptLost,
    AttemptSpec,
    CommandSpec,
    Deliver,
    Outcome,
)
from .reactor import Reactor

_TICK_S = 0.25
"""How often the files of what runs are looked at."""
_STRAGGLER_S = 0.001
_STRAGGLER_TRIES = 50
_DEATH_BOUND_S = 10.0
"""How long the end of `serve` waits for killed processes; beyond it they hang in the kernel."""
_TOO_LARGE = (
    f"the value on standard output is larger than {VALUE_BYTES_MAX // 1024 // 1024} MiB; write it to a file output"
)


class _Attempt:
    __slots__ = ("group", "hollowed", "id", "log", "message", "outcome", "pipes", "stdout")

    def __init__(self, id: str, group: Group, log: str, stdout: str | None, pipes: list[Pipe]) -> None:
        self.id = id
        self.group = group
        self.log = log
        self.stdout = stdout
        self.pipes = pipes
        """Of a body that knows secrets: of its standard output, and of its log."""
        self.hollowed = 0
        self.message = ""
        self.outcome: AttemptExited | None = None
        """Set once the leader is reaped."""


class ProcessExecutor:
    """Runs `CommandSpec`s."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._reactor = Reactor()
        self._running: dict[str, _Attempt] = {}
        self._floods = Floods()
        self._masks = Masks()
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._ticking = False

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; then kill what still runs, wait until it is dead, and deliver its outcomes."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._floods.serve)
                task_status.started()
                await self._reactor.run()
        finally:
            for attempt in self._running.values():
                self._kill(attempt)
            with trio.move_on_after(_DEATH_BOUND_S, shield=True):
                while self._running:
                    await self._reactor.once()
            with trio.CancelScope(shield=True):
                await self._floods.drain()
            for attempt in list(self._running.values()):
                self._end(attempt, AttemptLost(id=attempt.id, reason="it was killed and did not die"))
            self._masks.close()
            self._reactor.close()
            os.close(self._null)

    def start(self, spec: AttemptSpec) -> None:
        """Begin an attempt; blocks for the spawn alone."""
        work = spec.work
        assert isinstance(work, CommandSpec)
        assert spec.id not in self._running
        log = stdout = -1
        pipes: list[Pipe] = []
        ends: list[int] = []
        try:
            log = open_log(spec.log_path)
            stdout = log if work.stdout_path is None else open_value(work.stdout_path)
            if not work.argv:
                raise OSError(errno.ENOENT, "no command")
            if spec.masks is not None:
                pipes, ends = self._masks.through(spec.masks, (stdout, log))
            out, err = ends or (stdout, log)
            group = Group(work.argv, cwd=spec.cwd, env=spec.env, stdin=self._null, stdout=out, stderr=err)
        except (OSError, ValueError) as error:
            failed = start_failed(spec, work.argv[0] if work.argv else "", error)
            self._reactor.soon(lambda: self._deliver(failed))
            return
        finally:
            for fd in {log, stdout, *ends} - {-1}:
                os.close(fd)
        attempt = _Attempt(spec.id, group, spec.log_path, work.stdout_path, pipes)
        self._running[spec.id] = attempt
        self._reactor.watch(group.pidfd, lambda: self._on_leader_ended(attempt))
        if not self._ticking:
            self._ticking = True
            self._reactor.at(trio.current_time() + _TICK_S, self._on_tick)

    def stop(self, id: str, grace_s: float) -> None:
        """TERM to the group, KILL after the grace, at once where it is 0."""
        attempt = self._running.get(id)
        if attempt is None or attempt.outcome is not None:
            return
        if grace_s <= 0:
            attempt.group.send(signal.SIGKILL)
            return
        attempt.group.send(signal.SIGTERM)
        attempt.group.send(signal.SIGCONT)  # one that is stopped could not obey
        self._reactor.at(trio.current_time() + grace_s, lambda: self._kill(attempt))

    def pid(self, id: str) -> int | None:
        """The leader's process id while it runs."""
        attempt = self._running.get(id)
        return attempt.group.pid if attempt is not None and attempt.outcome is None else None

    def _kill(self, attempt: _Attempt) -> None:
        if attempt.outcome is None:
            attempt.group.send(signal.SIGKILL)

    def _on_leader_ended(self, attempt: _Attempt) -> None:
        self._reactor.unwatch(attempt.group.pidfd)
        code, number, usage = attempt.group.reap()
        message = attempt.message
        if attempt.stdout is not None and size_of(attempt.stdout) > VALUE_BYTES_MAX:
            message = _TOO_LARGE
            os.truncate(attempt.stdout, 0)
        attempt.outcome = AttemptExited(id=attempt.id, code=code, signal=number, usage=usage, message=message)
        self._await_stragglers(attempt, _STRAGGLER_TRIES)

    def _await_stragglers(self, attempt: _Attempt, tries: int) -> None:
        """What was killed with the group may still be writing; it is seldom there, and gone within a millisecond."""
        outcome = attempt.outcome
        assert outcome is not None
        if attempt.group.is_empty() or tries == 0:
            if attempt.pipes:
                self._masks.drain(attempt.pipes, lambda: self._reactor.soon(lambda: self._settle_masked(attempt)))
            else:
                self._settle(attempt, outcome)
            return
        self._reactor.at(trio.current_time() + _STRAGGLER_S, lambda: self._await_stragglers(attempt, tries - 1))

    def _settle_masked(self, attempt: _Attempt) -> None:
        """A value that had a secret in it, or could not be kept whole, is none."""
        outcome, pipe = attempt.outcome, attempt.pipes[0]
        assert outcome is not None
        if attempt.stdout is not None and outcome.code == 0 and not outcome.message:
            if pipe.seen:
                outcome = replace(outcome, message=TELLS_SECRET.format(what="its standard output", name=min(pipe.seen)))
            elif pipe.fault:
                outcome = replace(outcome, message=f"its standard output could not be kept: {pipe.fault}")
        self._settle(attempt, outcome)

    def _settle(self, attempt: _Attempt, outcome: Outcome) -> None:
        if is_flooded(attempt.log):
            self._floods.close_up(attempt.log, lambda: self._end(attempt, outcome))
        else:
            self._end(attempt, outcome)

    def _end(self, attempt: _Attempt, outcome: Outcome) -> None:
        del self._running[attempt.id]
        self._deliver(outcome)

    def _on_tick(self) -> None:
        reap_orphans()
        for attempt in self._running.values():
            if attempt.outcome is not None:
                continue
            attempt.hollowed = self._floods.hollow(attempt.log, attempt.hollowed)
            if attempt.stdout is not None and size_of(attempt.stdout) > VALUE_BYTES_MAX:
                attempt.message = _TOO_LARGE
                attempt.group.send(signal.SIGKILL)
        self._ticking = bool(self._running)
        if self._ticking:
            self._reactor.at(trio.current_time() + _TICK_S, self._on_tick)
