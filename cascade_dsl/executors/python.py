"""Python bodies, in warm worker processes.

The pool has no size of its own: a call takes an idle worker or starts one, so there are as many as the engine admits at
once. Each worker leads a session of its own; to stop a call is to end its worker. The dialogue is told in `worker.py`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from ..ir.used import Used
from .groups import Group, reap_orphans, start_failed
from .logs import Floods, is_flooded, open_log
from .masked import Masks, Pipe
from .monitor import Monitor, Seen, Watch, bound_of, kill
from .protocol import AttemptExited, AttemptLost, AttemptSpec, Deliver, Outcome, PythonSpec, StartFailed
from .reactor import Reactor
from .standing import Standing

IDLE_S = 30.0
_TICK_S = 0.25
_STRAGGLER_S = 0.001
_STRAGGLER_TRIES = 50
_DEATH_BOUND_S = 10.0
_PACKET_MAX = 60_000
"""A longer request travels as a memory file; see REQUEST_BYTES_MAX of the worker."""
_ANSWER_MAX = 65536
_REST_SHARE = 2
"""A call that asked for an amount of memory gets no worker of which earlier calls left more than half of that."""
_BEFORE_THE_FIRST_CALL = ("PYTHON", "LD_", "CUDA_VISIBLE_DEVICES")
"""Variables that a process reads once: calls that differ in them share no worker."""
_PROGRAM = str(Path(__file__).with_name("worker.py"))


class _Worker:
    __slots__ = ("call", "doomed", "env", "group", "idle_since", "key", "rest_bytes", "single", "socket", "spent")

    def __init__(self, group: Group, control: socket.socket, key: tuple[str, ...], env: dict[str, str]) -> None:
        self.group = group
        self.socket = control
        self.key = key
        self.env = env
        """Its environment between calls."""
        self.call: _Call | None = None
        self.doomed = False
        """It was told to end, or will be killed: no more calls."""
        self.single = False
        """It ends after the call that it has."""
        self.idle_since = 0.0
        self.rest_bytes = 0
        """What it had allocated after its last call."""
        self.spent = Used()
        """Of all its calls that ended so far."""


class _Call:
    __slots__ = ("began", "hollowed", "id", "log", "outcome", "pipes", "standing", "stood_s", "watch", "worker")

    def __init__(self, id: str, log: str, worker: _Worker, pipes: list[Pipe]) -> None:
        self.id = id
        self.log = log
        self.worker = worker
        self.pipes = pipes
        """Of a body that knows secrets: that of its log."""
        self.began = time.monotonic()
        self.hollowed = 0
        self.standing: Standing | None = None
        self.stood_s = worker.group.stood_s
        """How long the worker had stood before: calls of other attempts."""
        self.watch: Watch | None = None
        self.outcome: Outcome | None = None
        """Known, but not delivered before the worker is dead."""


class PythonExecutor:
    """Runs `PythonSpec`s."""

    def __init__(self, deliver: Deliver, monitor: Monitor | None = None) -> None:
        self._deliver = deliver
        self._monitor = monitor
        self._token: trio.lowlevel.TrioToken | None = None
        self._reactor = Reactor()
        self._floods = Floods()
        self._masks = Masks()
        self._calls: dict[str, _Call] = {}
        self._workers: set[_Worker] = set()
        self._idle: dict[tuple[str, ...], list[_Worker]] = {}
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._ticking = False

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; then kill all workers, wait until they are dead, and deliver the outcomes."""
        self._token = trio.lowlevel.current_trio_token()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._floods.serve)
                task_status.started()
                await self._reactor.run()
        finally:
            for worker in self._workers:
                worker.doomed = True
                worker.group.send(signal.SIGKILL)
            with trio.move_on_after(_DEATH_BOUND_S, shield=True):
                while self._workers:
                    await self._reactor.once()
            with trio.CancelScope(shield=True):
                await self._floods.drain()
            for call in list(self._calls.values()):
                self._end(call, AttemptLost(id=call.id, reason="its worker was killed and did not die"))
            self._masks.close()
            self._reactor.close()
            os.close(self._null)

    def start(self, spec: AttemptSpec) -> None:
        """Begin a call; blocks at most for the spawn of a worker."""
        assert isinstance(spec.work, PythonSpec)
        assert spec.id not in self._calls
        pipes: list[Pipe] = []
        ends: list[int] = []
        try:
            if spec.masks is not None:
                log = open_log(spec.log_path)
                try:
                    pipes, ends = self._masks.through(spec.masks, (log,))
                finally:
                    os.close(log)
            worker = self._hand_over(spec, spec.work, ends)
        except (OSError, ValueError) as error:
            failed = start_failed(spec, sys.executable, error)
            self._reactor.soon(lambda: self._deliver(failed))
            return
        finally:
            for fd in ends:
                os.close(fd)
        call = _Call(spec.id, spec.log_path, worker, pipes)
        if self._monitor is not None:
            self._watch(self._monitor, call, spec)
        worker.call = call
        self._calls[spec.id] = call
        self._start_ticking()

    def stop(self, id: str, grace_s: float) -> None:
        """TERM to the worker's group, KILL after the grace, at once where it is 0."""
        call = self._calls.get(id)
        if call is None or call.outcome is not None:
            return
        call.worker.doomed = True
        if grace_s <= 0:
            call.worker.group.send(signal.SIGKILL)
            return
        call.worker.group.send(signal.SIGTERM)
        self._go_on(call)
        call.worker.group.send(signal.SIGCONT)
        self._reactor.at(trio.current_time() + grace_s, lambda: self._kill(call))

    def freeze(self, id: str) -> None:
        """Stop the worker, and what the call started, until `thaw` or `stop`."""
        call = self._calls.get(id)
        if call is not None and call.outcome is None and call.standing is None and not call.worker.doomed:
            call.standing = Standing(call.worker.group, {} if call.watch is None else call.watch.known)

    def thaw(self, id: str) -> None:
        """Let the call go on."""
        call = self._calls.get(id)
        if call is not None and call.outcome is None:
            self._go_on(call)

    def _go_on(self, call: _Call) -> None:
        standing, call.standing = call.standing, None
        if standing is not None:
            standing.go_on()

    def pid(self, id: str) -> int | None:
        """The worker that runs the call."""
        call = self._calls.get(id)
        return call.worker.group.pid if call is not None and call.outcome is None else None

    def _watch(self, monitor: Monitor, call: _Call, spec: AttemptSpec) -> None:
        bound = None if spec.mem_bytes is None else bound_of(spec.mem_bytes)
        token = self._token
        assert token is not None

        def over() -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._on_over, call)

        # The kernel's peak of a worker may be that of a call before; the worker says at the end what this one's was.
        call.watch = monitor.watch(call.worker.group.pid, bound=bound, own_peak=False, over=over)

    def _on_over(self, call: _Call) -> None:
        """It uses more memory than it asked for: the worker ends, and what it started."""
        if self._calls.get(call.id) is call and call.outcome is None and call.watch is not None:
            call.worker.doomed = True
            self._kill(call)
            kill(call.watch)

    # ---- workers

    def _hand_over(self, spec: AttemptSpec, work: PythonSpec, log: list[int]) -> _Worker:
        """Give a call to an idle worker or to a new one. Raises OSError or ValueError where there is neither.

        A worker that has seen secrets takes no calls that are not given the same: modules may remember them. It is told
        them with each call, so that its own environment, which anything of the user may read, never has them.
        """
        secret = {variable for variable, _ in spec.secrets}
        plain = {k: v for k, v in spec.env.items() if k not in secret} if secret else spec.env
        key = tuple(f"{k}={v}" for k, v in sorted(plain.items()) if k.startswith(_BEFORE_THE_FIRST_CALL))
        key += tuple(f"secret {variable}={name}" for variable, name in sorted(spec.secrets))
        idle = self._idle.get(key, [])
        most = None if spec.mem_bytes is None else spec.mem_bytes // _REST_SHARE
        # One that is doomed has died while idle: its socket is closed, its end is yet to be noticed.
        for worker in reversed([w for w in idle if not w.doomed and (most is None or w.rest_bytes <= most)]):
            idle.remove(worker)
            try:
                self._send(worker, spec, work, log)
            except ConnectionError:  # it died while idle, which will be noticed soon
                continue
            worker.single = spec.ends_worker
            return worker
        worker = self._spawn(spec, key, plain)
        self._send(worker, spec, work, log)
        worker.single = spec.ends_worker
        return worker

    def _spawn(self, spec: AttemptSpec, key: tuple[str, ...], env: dict[str, str]) -> _Worker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log = -1
        try:
            log = open_log(spec.log_path)  # for what the interpreter says when it cannot even start
            argv = (sys.executable, "-P", _PROGRAM, str(theirs.fileno()))
            fds = (theirs.fileno(),)
            group = Group(argv, cwd="/", env=env, stdin=self._null, stdout=log, stderr=log, pass_fds=fds)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            if log >= 0:
                os.close(log)
        ours.setblocking(False)
        worker = _Worker(group, ours, key, env)
        self._workers.add(worker)
        self._reactor.watch(ours.fileno(), lambda: self._on_readable(worker))
        self._reactor.watch(group.pidfd, lambda: self._on_ended(worker))
        return worker

    def _send(self, worker: _Worker, spec: AttemptSpec, work: PythonSpec, log: list[int]) -> None:
        """`log`: a descriptor that the call writes to in place of its log, or none."""
        env, base = spec.env, worker.env
        request = {
            "cwd": spec.cwd,
            "log": None if log else spec.log_path,
            "set": {} if env is base else {k: v for k, v in env.items() if base.get(k) != v},
            "unset": [] if env is base else [k for k in base if k not in env],
            "spec": {
                "source": work.source,
                "path": work.path,
                "module": work.module,
                "function": work.function,
                "file": work.file,
                "line": work.line,
                "folder": work.folder or (os.path.dirname(work.path) if work.path else spec.cwd),
                "inputs": work.inputs,
                "outputs": work.outputs,
                "extras": work.extras,
                "result_path": work.result_path,
            },
        }
        packet = json.dumps(request).encode()
        if len(packet) <= _PACKET_MAX:
            if log:
                socket.send_fds(worker.socket, [packet], log)
            else:
                worker.socket.send(packet)
            return
        with open(os.memfd_create("cascade-call"), "wb") as memory:
            memory.write(packet)
            memory.flush()
            socket.send_fds(worker.socket, [b"m"], [memory.fileno(), *log])

    def _on_readable(self, worker: _Worker) -> None:
        try:
            packet = worker.socket.recv(_ANSWER_MAX)
        except (BlockingIOError, ConnectionError):
            return
        if not packet:  # it is about to end, or the body closed the line: without it the worker is of no use
            self._reactor.unwatch(worker.socket.fileno())
            worker.socket.close()
            worker.doomed = True
            return
        call = worker.call
        if call is None or call.outcome is not None:
            return
        self._go_on(call)  # it had answered before it was frozen: the next call is not to find a worker that stands
        answer: dict[str, Any] = json.loads(packet)
        outcome = self._measured(call, _outcome(call.id, answer), answer)
        if answer["reusable"] and not worker.doomed and not worker.single:
            self._rest(worker)
            self._finish(call, outcome)
        else:
            call.outcome = outcome
            worker.doomed = True
            worker.group.send(signal.SIGKILL)

    def _rest(self, worker: _Worker) -> None:
        worker.call = None
        worker.idle_since = trio.current_time()
        self._idle.setdefault(worker.key, []).append(worker)
        self._start_ticking()

    def _on_ended(self, worker: _Worker) -> None:
        if worker.socket.fileno() >= 0 and worker.call is not None and worker.call.outcome is None:
            self._on_readable(worker)  # the answer may have come just before the end
        if worker.socket.fileno() >= 0:
            self._reactor.unwatch(worker.socket.fileno())
            worker.socket.close()
        self._reactor.unwatch(worker.group.pidfd)
        call = worker.call
        if call is not None and call.standing is not None:
            call.standing.release()
            call.standing = None
        seen = None if call is None or call.outcome is not None else self._unwatch(call)
        code, number = worker.group.reap()
        idle = self._idle.get(worker.key, [])
        if worker in idle:
            idle.remove(worker)
        if call is not None and call.outcome is None:
            message = "the body ended its process before it returned" if number is None else ""
            over = 0 if call.watch is None else call.watch.over_bytes
            used = self._used_at_death(call, seen)
            call.outcome = AttemptExited(
                id=call.id, code=code, signal=number, used=used, over_bytes=over, message=message
            )
        self._await_stragglers(worker, _STRAGGLER_TRIES)

    def _await_stragglers(self, worker: _Worker, tries: int) -> None:
        if not worker.group.is_empty() and tries:
            self._reactor.at(trio.current_time() + _STRAGGLER_S, lambda: self._await_stragglers(worker, tries - 1))
            return
        self._workers.discard(worker)
        call = worker.call
        if call is not None:
            assert call.outcome is not None
            self._finish(call, call.outcome)

    # ---- what calls used

    def _unwatch(self, call: _Call) -> Seen | None:
        return None if call.watch is None or self._monitor is None else self._monitor.end(call.watch)

    def _measured(self, call: _Call, outcome: Outcome, answer: dict[str, Any]) -> Outcome:
        """The outcome of a call that has returned, with what the worker says of it and what was seen."""
        seen = self._unwatch(call)
        cpu_ms, read_bytes, written_bytes, own, child = answer["used"]
        worker = call.worker
        worker.rest_bytes = answer["rest"]
        if not isinstance(outcome, AttemptExited):
            return outcome
        spent = worker.spent
        looks = 0 if seen is None else seen.looks
        largest = max(own, child - seen.mapped if seen is not None and child else child)
        used = Used(
            cpu_ms=cpu_ms,
            peak_bytes=max(largest, seen.peak if seen is not None else 0),
            read_bytes=read_bytes,
            written_bytes=written_bytes,
            wall_ms=_ms_of(call),
            peak_from="sampled" if looks else "process" if own else "",
        )
        worker.spent = Used(
            spent.cpu_ms + cpu_ms,
            max(spent.peak_bytes, used.peak_bytes),
            spent.read_bytes + read_bytes,
            spent.written_bytes + written_bytes,
        )
        return replace(outcome, used=used)

    def _used_at_death(self, call: _Call, seen: Seen | None) -> Used:
        """Of a call that ended its worker: what that used in its life, less what its calls before had."""
        life, spent = call.worker.group.used(seen), call.worker.spent
        peak, peak_from = life.peak_bytes, life.peak_from
        if spent.peak_bytes and peak <= spent.peak_bytes + (seen.mapped if seen is not None else 0):
            peak, peak_from = (seen.peak, "sampled") if seen is not None and seen.looks else (peak, "atmost")
        return Used(
            max(0, life.cpu_ms - spent.cpu_ms),
            peak,
            max(0, life.read_bytes - spent.read_bytes),
            max(0, life.written_bytes - spent.written_bytes),
            _ms_of(call),
            peak_from,
        )

    # ---- calls

    def _kill(self, call: _Call) -> None:
        if self._calls.get(call.id) is call and call.outcome is None:
            call.worker.group.send(signal.SIGKILL)

    def _finish(self, call: _Call, outcome: Outcome) -> None:
        call.outcome = outcome
        if call.pipes:
            self._masks.drain(call.pipes, lambda: self._reactor.soon(lambda: self._settle(call, outcome)))
        else:
            self._settle(call, outcome)

    def _settle(self, call: _Call, outcome: Outcome) -> None:
        if is_flooded(call.log):
            self._floods.close_up(call.log, lambda: self._end(call, outcome))
        else:
            self._end(call, outcome)

    def _end(self, call: _Call, outcome: Outcome) -> None:
        del self._calls[call.id]
        self._deliver(outcome)

    # ---- from time to time

    def _start_ticking(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._reactor.at(trio.current_time() + _TICK_S, self._on_tick)

    def _on_tick(self) -> None:
        reap_orphans()
        for call in self._calls.values():
            if call.outcome is None:
                call.hollowed = self._floods.hollow(call.log, call.hollowed)
        before = trio.current_time() - IDLE_S
        for idle in self._idle.values():
            for worker in [w for w in idle if w.idle_since <= before]:
                idle.remove(worker)
                worker.doomed = True
                worker.socket.shutdown(socket.SHUT_RDWR)
        self._ticking = bool(self._workers)
        if self._ticking:
            self._reactor.at(trio.current_time() + _TICK_S, self._on_tick)


def _outcome(id: str, answer: dict[str, Any]) -> Outcome:
    if "failed" in answer:
        return StartFailed(id=id, message=answer["failed"])
    return AttemptExited(
        id=id,
        code=answer["code"],
        result=answer.get("result"),
        result_file=answer.get("result_file", False),
        message=answer.get("message", ""),
        place=answer.get("place", ""),
    )


def _ms_of(call: _Call) -> int:
    """How long a call has taken, without the time that it stood."""
    return round((time.monotonic() - call.began - (call.worker.group.stood_s - call.stood_s)) * 1000)
