"""Pipes between bodies that know secrets and the files to which they write: what comes through is masked.

One thread serves them all, so that neither a body that floods its log nor a slow disk holds up the loop. A body whose
reader is behind waits in its write, as at any pipe. Bodies without secrets write straight to their files.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from .masking import Secrets

_PIECE = 65536
_PIPE_BYTES = 1 << 20
"""More than a pipe holds: what is in one when its body has ended is read in so many bytes."""
_JOIN_S = 5.0


class Pipe:
    """The reading end of one. `seen` and `fault` are to be looked at once it has been drained."""

    __slots__ = ("_file", "_is_value", "_stream", "done", "fault", "fd")

    def __init__(self, fd: int, file: int, secrets: Secrets, *, is_value: bool) -> None:
        from .masking import Stream

        self.fd = fd
        self._file = file
        self._is_value = is_value
        """What is no secret must come through byte for byte: nothing is masked for having perhaps been cut off."""
        self._stream = Stream(secrets)
        self.done = False
        """Nobody writes to it any more."""
        self.fault = ""
        """Why something that came through could not be written."""

    @property
    def seen(self) -> set[str]:
        """Names of the secrets that were masked."""
        return self._stream.seen

    def read(self) -> bool:
        """Take what is there; False where that is nothing."""
        try:
            data = os.read(self.fd, _PIECE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        try:
            out = self._stream.feed(data) if data else self._rest()
        except Exception as error:  # a fault of ours: better to lose what a body wrote than to tell it, or to hang
            out = f"[{len(data)} bytes could not be masked: {type(error).__name__}]\n".encode()
            self.fault = self.fault or "it could not be masked"
        self._write(out)
        self.done = not data
        return not self.done

    def close(self) -> None:
        """Write what is held and give everything back."""
        if not self.done:
            self._write(self._rest())
        os.close(self.fd)
        os.close(self._file)

    def _rest(self) -> bytes:
        return self._stream.end(None) if self._is_value else self._stream.end()

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self.fault = self.fault or (error.strerror or str(error))


class Masks:
    """The pipes of one executor; to be used from one trio thread, and closed by it."""

    def __init__(self) -> None:
        self._orders: deque[Callable[[], None]] = deque()
        self._open: dict[int, Pipe] = {}
        """Belongs to the thread, as what follows."""
        self._epoll: select.epoll | None = None
        self._bell = -1
        self._thread: threading.Thread | None = None
        self._ended = False

    def through(self, secrets: Secrets, files: Sequence[int]) -> tuple[list[Pipe], list[int]]:
        """For each file a descriptor that a body writes to in its place; equal ones get one pipe. The caller closes them.

        The last is the log; another one takes a value.
        """
        pipes: dict[int, tuple[Pipe, int]] = {}
        for file in files:
            if file not in pipes:
                theirs, ours = os.pipe2(os.O_CLOEXEC)
                os.set_blocking(theirs, False)
                pipes[file] = Pipe(theirs, os.dup(file), secrets, is_value=file != files[-1]), ours
        for pipe, _ in pipes.values():
            self._order(lambda pipe=pipe: self._watch(pipe))
        return [pipes[file][0] for file in files], [pipes[file][1] for file in files]

    def drain(self, pipes: Sequence[Pipe], then: Callable[[], None]) -> None:
        """Bring to their files what bodies that have ended wrote; then call back in the trio thread.

        A pipe that a process of the body still holds, in a session of its own, goes on; what it holds back, it keeps.
        """
        token = trio.lowlevel.current_trio_token()

        def work() -> None:
            for pipe in dict.fromkeys(pipes):
                left = _PIPE_BYTES
                while pipe.fd in self._open and left > 0 and pipe.read():
                    left -= _PIECE
                self._look(pipe)
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(then)

        self._order(work)

    def close(self) -> None:
        """End the thread; what was still held is written."""
        thread = self._thread
        if thread is None:
            return
        self._order(self._end)
        thread.join(_JOIN_S)

    def _order(self, work: Callable[[], None]) -> None:
        if self._thread is None:
            self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._epoll = select.epoll()
            self._epoll.register(self._bell, select.EPOLLIN)
            self._thread = threading.Thread(target=self._serve, name="cascade-masks", daemon=True)
            self._thread.start()
        self._orders.append(work)
        os.eventfd_write(self._bell, 1)

    # ---- in the thread

    def _serve(self) -> None:
        assert self._epoll is not None
        while not self._ended:
            for fd, _ in self._epoll.poll():
                if fd != self._bell:
                    pipe = self._open.get(fd)
                    if pipe is not None:
                        pipe.read()
                        self._look(pipe)
                    continue
                os.eventfd_read(self._bell)
                while self._orders:
                    self._orders.popleft()()
        self._epoll.close()
        os.close(self._bell)

    def _watch(self, pipe: Pipe) -> None:
        assert self._epoll is not None
        self._open[pipe.fd] = pipe
        self._epoll.register(pipe.fd, select.EPOLLIN)

    def _look(self, pipe: Pipe) -> None:
        """Give a pipe back that has come to its end."""
        if pipe.done and self._open.get(pipe.fd) is pipe:
            assert self._epoll is not None
            del self._open[pipe.fd]
            self._epoll.unregister(pipe.fd)
            pipe.close()

    def _end(self) -> None:
        for pipe in self._open.values():
            pipe.close()
        self._open.clear()
        self._ended = True
