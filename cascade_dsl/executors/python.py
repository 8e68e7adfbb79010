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
from pathlib import Path
from typing import Any

import trio

from .groups import Group, reap_orphans, start_failed
from .logs import Floods, is_flooded, open_log
from .masked import Masks, Pipe
from .protocol import AttemptExited, AttemptLost, AttemptSpec, Deliver, Outcome, PythonSpec, StartFailed, Usage
from .reactor import Reactor

IDLE_S = 30.0
_TICK_S = 0.25
_STRAGGLER_S = 0.001
_STRAGGLER_TRIES = 50
_DEATH_BOUND_S = 10.0
_PACKET_MAX = 60_000
"""A longer request travels as a memory file; see REQUEST_BYTES_MAX of the worker."""
_ANSWER_MAX = 65536
_PROGRAM = str(Path(__file__).with_name("worker.py"))


class _Worker:
    __slots__ = ("call", "doomed", "env", "group", "idle_since", "key", "socket")

    def __init__(self, group: Group, control: socket.socket, key: tuple[str, ...], env: dict[str, str]) -> None:
        self.group = group
        self.socket = control
        self.key = key
        self.env = env
        """Its environment between calls."""
        self.call: _Call | None = None
        self.doomed = False
        """It was told to end, or will be killed: no more calls."""
        self.idle_since = 0.0


class _Call:
    __slots__ = ("hollowed", "id", "log", "outcome", "pipes", "worker")

    def __init__(self, id: str, log: str, worker: _Worker, pipes: list[Pipe]) -> None:
        self.id = id
        self.log = log
        self.worker = worker
        self.pipes = pipes
        """Of a body that knows secrets: that of its log."""
        self.hollowed = 0
        self.outcome: Outcome | None = None
        """Known, but not delivered before the worker is dead."""


class PythonExecutor:
    """Runs `PythonSpec`s."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
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
        call.worker.group.send(signal.SIGCONT)
        self._reactor.at(trio.current_time() + grace_s, lambda: self._kill(call))

    def pid(self, id: str) -> int | None:
        """The worker that runs the call."""
        call = self._calls.get(id)
        return call.worker.group.pid if call is not None and call.outcome is None else None

    # ---- workers

    def _hand_over(self, spec: AttemptSpec, work: PythonSpec, log: list[int]) -> _Worker:
        """Give a call to an idle worker or to a new one. Raises OSError or ValueError where there is neither.

        A worker that has seen secrets takes no calls that are not given the same: modules may remember them. It is told
        them with each call, so that its own environment, which anything of the user may read, never has them.
        """
        secret = {variable for variable, _ in spec.secrets}
        plain = {k: v for k, v in spec.env.items() if k not in secret} if secret else spec.env
        key = tuple(f"{k}={v}" for k, v in sorted(plain.items()) if k.startswith(("PYTHON", "LD_")))
        key += tuple(f"secret {variable}={name}" for variable, name in sorted(spec.secrets))
        idle = self._idle.get(key, [])
        while idle:
            worker = idle.pop()
            try:
                self._send(worker, spec, work, log)
            except ConnectionError:  # it died while idle, which will be noticed soon
                continue
            return worker
        worker = self._spawn(spec, key, plain)
        self._send(worker, spec, work, log)
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
        answer: dict[str, Any] = json.loads(packet)
        outcome = _outcome(call.id, answer)
        if answer["reusable"] and not worker.doomed:
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
        code, number, usage = worker.group.reap()
        idle = self._idle.get(worker.key, [])
        if worker in idle:
            idle.remove(worker)
        call = worker.call
        if call is not None and call.outcome is None:
            message = "the body ended its process before it returned" if number is None else ""
            call.outcome = AttemptExited(id=call.id, code=code, signal=number, usage=usage, message=message)
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
    user_s, sys_s, maxrss_kb = answer["usage"]
    return AttemptExited(
        id=id,
        code=answer["code"],
        usage=Usage(user_s=user_s, sys_s=sys_s, maxrss_kb=maxrss_kb),
        result=answer.get("result"),
        result_file=answer.get("result_file", False),
        message=answer.get("message", ""),
        place=answer.get("place", ""),
    )
