"""The control socket of a run: a Unix socket in the run's folder, for its owner only.

Nothing that a client does touches the run but through `handle`. A connection has one request at a time in work, and its
next line is read only after its answer was taken; after a burst it is read at a fixed pace, so that a client that sends
a million lines slows only itself.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import trio

from ..base.diagnostics import CascadeError, Diagnostic, fail
from .address import dialable
from .protocol import LINE_MAX_BYTES, Unreadable, answer_line, read_request, refusal_line

CONNECTIONS_MAX = 64
IDLE_S = 60.0
"""How long a connection may take for its next line."""
WRITE_S = 5.0
"""How long a client may take to read an answer."""
BURST = 200
PACE_S = 0.01
"""After `BURST` requests a connection is read once in this time."""
_BACKLOG = 64
_PIECE_BYTES = 16 * 1024

Handle = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""From a request, its verb and fields checked, to the fields of its answer; a CascadeError is the answer's refusal."""


async def serve_control(
    path: Path, handle: Handle, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer requests on a socket at `path` until cancelled, then remove it; started once it listens.

    The caller holds the run's lock, so that a socket which is there is a dead run's and is replaced. CSC608 where it
    cannot be opened.
    """
    listener = _listen(path)
    server = _Server(handle)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(
                trio.serve_listeners, server.serve, [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
            )
            task_status.started()
    finally:
        listener.close()
        with suppress(OSError):
            os.unlink(path)


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)
        # On Linux the file takes the mode of the socket: it is private from the first instant.
        os.fchmod(listener.fileno(), 0o600)
        with dialable(str(path)) as address:
            listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise fail(
            "CSC608",
            f"the control socket `{path}` cannot be opened: {error.strerror or error}",
            help="put the project's folder on a local disk that you may write",
        ) from error
    return listener


class _Server:
    """What the connections of one run share."""

    __slots__ = ("_handle", "_open")

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._open = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection, to its end; never raises on anything that a client does."""
        async with _closing(stream):
            if not _may_speak(_peer(stream)):
                return
            if self._open >= CONNECTIONS_MAX:
                full = Unreadable(None, "CSC607", f"the run has {CONNECTIONS_MAX} control connections already")
                await _send(stream, refusal_line(None, full.diagnostics))
                return
            self._open += 1
            try:
                await self._converse(stream)
            finally:
                self._open -= 1

    async def _converse(self, stream: trio.SocketStream) -> None:
        waiting = bytearray()
        served = 0
        while True:
            try:
                line = await _next_line(stream, waiting)
            except Unreadable as error:
                await _send(stream, refusal_line(None, error.diagnostics))
                return
            if line is None or not await _send(stream, await self._answer(line)):
                return
            served += 1
            if served > BURST:
                await trio.sleep(PACE_S)

    async def _answer(self, line: bytes) -> bytes:
        try:
            request = read_request(line)
        except Unreadable as error:
            return refusal_line(error.number, error.diagnostics)
        number = request["id"]
        try:
            return answer_line(number, await self._handle(request))
        except CascadeError as error:
            return refusal_line(number, error.diagnostics)
        except Exception as error:
            # A fault of ours in answering must not end the run: the client sees it, with what we know of it.
            return refusal_line(number, (_own_fault(request["verb"], error),))


def _own_fault(verb: str, error: Exception) -> Diagnostic:
    return Diagnostic(
        code="CSC900",
        message=f"`{verb}` could not be answered: {type(error).__name__}: {error}",
        help="the run goes on; please report this with the message above",
    )


async def _next_line(stream: trio.SocketStream, waiting: bytearray) -> bytes | None:
    """The next line without its newline; None at the end, after too long a wait, or where the client is gone.

    Half a line before the end is dropped. Raises Unreadable for a line that is too long.
    """
    searched = 0
    with trio.move_on_after(IDLE_S):
        while True:
            end = waiting.find(b"\n", searched)
            if end > LINE_MAX_BYTES or (end < 0 and len(waiting) > LINE_MAX_BYTES):
                raise Unreadable(None, "CSC603", f"a request is longer than {LINE_MAX_BYTES} bytes")
            if end >= 0:
                line = bytes(waiting[:end])
                del waiting[: end + 1]
                await trio.lowlevel.checkpoint()
                return line
            searched = len(waiting)
            try:
                piece = await stream.receive_some(_PIECE_BYTES)
            except trio.BrokenResourceError:
                return None
            if not piece:
                return None
            waiting += piece
    return None


async def _send(stream: trio.SocketStream, line: bytes) -> bool:
    """Whether the client took the answer."""
    with trio.move_on_after(WRITE_S, shield=True):  # also the answer to what has just ended the run
        try:
            await stream.send_all(line)
        except trio.BrokenResourceError:
            return False
        return True
    return False


@asynccontextmanager
async def _closing(stream: trio.SocketStream) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await trio.aclose_forcefully(stream)


def _peer(stream: trio.SocketStream) -> int:
    """The user who connected."""
    credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    assert isinstance(credentials, bytes)
    return struct.unpack("3i", credentials)[1]


def _may_speak(uid: int) -> bool:
    return uid in (os.geteuid(), 0)
