"""Programs, with or without a shell, as processes of this machine.

Each attempt leads a session of its own. When the leader has ended, the rest of its group is killed, also after
success, and the outcome is delivered once the group is empty. What left the group (a daemon with a session of its own)
ends with the run, by the warden.
"""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from dataclasses import replace

import trio

from .cgroups import Cgroup, Cgroups
from .groups import Group, reap_orphans, start_failed
from .logs import Floods, is_flooded, open_log, open_value, size_of
from .masked import Masks, Pipe
from .monitor import Monitor, Watch, bound_of, kill
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
from .standing import Standing

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
    __slots__ = (
        "cgroup",
        "group",
        "hollowed",
        "id",
        "log",
        "message",
        "outcome",
        "pipes",
        "standing",
        "stdout",
        "stopping",
        "watch",
    )

    def __init__(self, id: str, group: Group, log: str, stdout: str | None, pipes: list[Pipe]) -> None:
        self.id = id
        self.group = group
        self.log = log
        self.stdout = stdout
        self.pipes = pipes
        """Of a body that knows secrets: of its standard output, and of its log."""
        self.hollowed = 0
        self.standing: Standing | None = None
        self.stopping = False
        self.message = ""
        self.watch: Watch | None = None
        self.cgroup: Cgroup | None = None
        self.outcome: AttemptExited | None = None
        """Set once the leader is reaped."""


class ProcessExecutor:
    """Runs `CommandSpec`s."""

    def __init__(self, deliver: Deliver, monitor: Monitor | None = None, cgroups: Cgroups | None = None) -> None:
        self._deliver = deliver
        self._monitor = monitor
        """Without it nobody looks at the memory of what runs, and no demand is enforced."""
        self._cgroups = cgroups
        """Where given, what asked for an amount of memory gets a control group."""
        self._token: trio.lowlevel.TrioToken | None = None
        self._reactor = Reactor()
        self._running: dict[str, _Attempt] = {}
        self._floods = Floods()
        self._masks = Masks()
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._ticking = False

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; then kill what still runs, wait until it is dead, and deliver its outcomes."""
        self._token = trio.lowlevel.current_trio_token()
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
        if self._monitor is not None:
            self._watch(self._monitor, attempt, spec)
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
        attempt.stopping = True
        if grace_s <= 0:
            attempt.group.send(signal.SIGKILL)
            return
        attempt.group.send(signal.SIGTERM)
        self._go_on(attempt)
        attempt.group.send(signal.SIGCONT)  # one that is stopped could not obey
        self._reactor.at(trio.current_time() + grace_s, lambda: self._kill(attempt))

    def freeze(self, id: str) -> None:
        """Stop its processes until `thaw` or `stop`."""
        attempt = self._running.get(id)
        if attempt is not None and attempt.outcome is None and attempt.standing is None and not attempt.stopping:
            attempt.standing = Standing(attempt.group, {} if attempt.watch is None else attempt.watch.known)

    def thaw(self, id: str) -> None:
        """Let it go on."""
        attempt = self._running.get(id)
        if attempt is not None and attempt.outcome is None:
            self._go_on(attempt)

    def _go_on(self, attempt: _Attempt) -> None:
        standing, attempt.standing = attempt.standing, None
        if standing is not None:
            standing.go_on()

    def pid(self, id: str) -> int | None:
        """The leader's process id while it runs."""
        attempt = self._running.get(id)
        return attempt.group.pid if attempt is not None and attempt.outcome is None else None

    def _watch(self, monitor: Monitor, attempt: _Attempt, spec: AttemptSpec) -> None:
        bound = None if spec.mem_bytes is None else bound_of(spec.mem_bytes)
        if bound is not None and self._cgroups is not None:
            cgroup = self._cgroups.make(spec.id, bound)
            if cgroup is not None and cgroup.enter(attempt.group.pid):
                attempt.cgroup = cgroup
        token = self._token
        assert token is not None

        def over() -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._on_over, attempt)

        attempt.watch = monitor.watch(attempt.group.pid, bound=bound, cgroup=attempt.cgroup, over=over)

    def _on_over(self, attempt: _Attempt) -> None:
        """It uses more memory than it asked for: all of it is ended, what left its group too."""
        if attempt.outcome is None and attempt.watch is not None:
            self._kill(attempt)
            kill(attempt.watch)
            if attempt.cgroup is not None:
                attempt.cgroup.kill()

    def _kill(self, attempt: _Attempt) -> None:
        if attempt.outcome is None:
            attempt.group.send(signal.SIGKILL)

    def _on_leader_ended(self, attempt: _Attempt) -> None:
        self._reactor.unwatch(attempt.group.pidfd)
        if attempt.watch is not None and self._monitor is not None:
            self._monitor.end(attempt.watch)
        if attempt.standing is not None:
            attempt.standing.release()  # somebody else has killed it
            attempt.standing = None
        code, number = attempt.group.reap()
        message = attempt.message
        if attempt.stdout is not None and size_of(attempt.stdout) > VALUE_BYTES_MAX:
            message = _TOO_LARGE
            os.truncate(attempt.stdout, 0)
        attempt.outcome = AttemptExited(id=attempt.id, code=code, signal=number, message=message)
        self._await_stragglers(attempt, _STRAGGLER_TRIES)

    def _await_stragglers(self, attempt: _Attempt, tries: int) -> None:
        """What was killed with the group may still be writing; it is seldom there, and gone within a millisecond."""
        outcome = attempt.outcome
        assert outcome is not None
        if attempt.group.is_empty() or tries == 0:
            outcome = self._measured(attempt, outcome)
            if attempt.pipes:
                self._masks.drain(
                    attempt.pipes, lambda: self._reactor.soon(lambda: self._settle_masked(attempt, outcome))
                )
            else:
                self._settle(attempt, outcome)
            return
        self._reactor.at(trio.current_time() + _STRAGGLER_S, lambda: self._await_stragglers(attempt, tries - 1))

    def _settle_masked(self, attempt: _Attempt, outcome: AttemptExited) -> None:
        """A value that had a secret in it, or could not be kept whole, is none."""
        pipe = attempt.pipes[0]
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

    def _measured(self, attempt: _Attempt, outcome: AttemptExited) -> AttemptExited:
        watch, cgroup = attempt.watch, attempt.cgroup
        used = attempt.group.used(None if watch is None else watch.seen)
        over = 0 if watch is None else watch.over_bytes
        if cgroup is not None and self._cgroups is not None:
            peak, cpu_ms = cgroup.peak(), cgroup.cpu_ms()
            if peak is not None and peak < used.peak_bytes:
                used = replace(used, peak_bytes=peak)
            if cpu_ms is not None and cpu_ms > used.cpu_ms:
                used = replace(used, cpu_ms=cpu_ms)
            if cgroup.was_bound() and watch is not None and watch.bound is not None:
                over = over or watch.bound
                used = replace(used, peak_bytes=max(used.peak_bytes, watch.bound), peak_from="sampled")
            self._cgroups.give_back(cgroup)
        if over and outcome.code == 0:
            over = 0  # it had ended well before the signal came
        return replace(outcome, used=used, over_bytes=over)

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
