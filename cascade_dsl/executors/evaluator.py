"""Evaluation of expressions outside the interpreter's process: those that read files, or may be slow, or may not end.

A request is JSON text {"expr", "vars", "refs": {node id: value}, "folder", "now"}, an answer {"ok": value} or
{"error": sentence, "place": of the part without a value, or null}. A worker that does not answer in time, or dies, is replaced; only the request that it was at gets
an error for it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

import trio

from .groups import Group

_PROGRAM = str(Path(__file__).with_name("evaluation.py"))
_LENGTH_BYTES = 8
_START_S = 60.0


_Trouble: TypeAlias = Literal["late", "gone"]


class _Hangup(Exception):
    """The worker is gone."""


class _Worker:
    __slots__ = ("_buffer", "_group", "_stream", "is_new")

    def __init__(self, environ: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        null = os.open(os.devnull, os.O_RDWR)
        try:
            argv = (sys.executable, "-P", _PROGRAM, str(theirs.fileno()))
            fds = (theirs.fileno(),)
            self._group = Group(argv, cwd="/", env=environ, stdin=null, stdout=null, stderr=null, pass_fds=fds)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(null)
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        self._buffer = bytearray()
        self.is_new = True

    async def send(self, requests: Sequence[str]) -> None:
        """Send all; returns early when the worker is gone, which the receiving side will notice."""
        with suppress(trio.BrokenResourceError):
            for request in requests:
                text = request.encode()
                await self._stream.send_all(len(text).to_bytes(_LENGTH_BYTES, "big") + text)

    async def receive(self) -> str:
        """The next answer. Raises _Hangup."""
        length = int.from_bytes(await self._take(_LENGTH_BYTES), "big")
        return (await self._take(length)).decode()

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            try:
                piece = await self._stream.receive_some(1 << 20)
            except trio.BrokenResourceError:
                raise _Hangup from None
            if not piece:
                raise _Hangup
            self._buffer += piece
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def kill(self) -> str:
        """End it, wait for that, and say how it had ended. What was killed is gone in a moment."""
        self._group.send(signal.SIGKILL)
        self._stream.socket.close()
        code, number = self._group.reap()
        return f"by {signal.Signals(number).name}" if number is not None else f"with exit code {code}"


class EvaluationPool:
    """Up to `size` workers, started as they are needed. To be closed by its owner, or served in a nursery."""

    def __init__(self, deadline_s: float = 60.0, *, size: int = 2, environ: Mapping[str, str] | None = None) -> None:
        """`environ` is what the workers see, and what `env()` answers from; by default that of this process."""
        self._deadline_s = deadline_s
        self._environ = os.environ if environ is None else environ
        self._places = trio.CapacityLimiter(size)
        self._idle: list[_Worker] = []

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live until cancelled, then close."""
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            self.close()

    def close(self) -> None:
        """Kill all workers. Evaluations under way must have been cancelled before."""
        while self._idle:
            self._idle.pop().kill()

    async def evaluate(self, batch: Sequence[str]) -> list[str]:
        """The answers to a batch of requests, in order. Waits for a free worker."""
        answers: list[str] = []
        async with self._places:
            while len(answers) < len(batch):
                try:
                    worker = self._idle.pop() if self._idle else _Worker(self._environ)
                except OSError as error:
                    answers.append(_error(f"the expression could not be evaluated: no worker starts: {error.strerror}"))
                    continue
                await self._converse(worker, batch[len(answers) :], answers)
        return answers

    async def _converse(self, worker: _Worker, requests: Sequence[str], answers: list[str]) -> None:
        """Add answers until all requests have one, or one of them has ended the worker."""
        before = len(answers)
        trouble: _Trouble | None = None
        fit = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(worker.send, requests)
                trouble = await self._receive(worker, len(requests), answers)
                nursery.cancel_scope.cancel()
            fit = trouble is None
        finally:
            how = "" if fit else worker.kill()
        if fit:
            worker.is_new = False
            self._idle.append(worker)
        elif trouble == "late":
            answers.append(_error(f"the evaluation took longer than {self._deadline_s:g} s"))
        elif worker.is_new or len(answers) > before:  # else it had died while idle: a new one is asked
            answers.append(_error(f"the evaluation was ended {how}"))

    async def _receive(self, worker: _Worker, count: int, answers: list[str]) -> _Trouble | None:
        try:
            if worker.is_new:
                with trio.move_on_after(_START_S) as scope:  # what it loads is no part of a request's time
                    await worker.receive()
                if scope.cancelled_caught:
                    return "gone"
            for _ in range(count):
                with trio.move_on_after(self._deadline_s) as scope:
                    answers.append(await worker.receive())
                if scope.cancelled_caught:
                    return "late"
        except _Hangup:
            return "gone"
        return None


def _error(message: str) -> str:
    return json.dumps({"error": message})
