"""What a change would do: found out by a copy of this process, which makes it and is gone.

The copy shares all memory until it writes, so that it costs the same whatever the size of the run, and runs the code that the
change itself would run: what is foreseen is what would be answered now. Nothing of it reaches this process but the answer.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import trio

from ..base.diagnostics import CascadeError, Diagnostic, fail

_BOUND_S = 5.0
_PIECE_BYTES = 1 << 16
_rehearsing: ContextVar[bool] = ContextVar("rehearsing", default=False)


@contextmanager
def rehearsing() -> Generator[None]:
    """What is ordered within is not done: it is answered with what it would do."""
    token = _rehearsing.set(True)
    try:
        yield
    finally:
        _rehearsing.reset(token)


def is_rehearsing() -> bool:
    """Whether this task only asks what would be."""
    return _rehearsing.get()


async def rehearse(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` answers, or its CascadeError, with all that it changes left in the copy; CSC653 where that has no end."""
    reader, writer = os.pipe()
    try:
        with warnings.catch_warnings():
            # Other threads may hold locks that the copy then waits for in vain; it needs none of theirs, and has a bound.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            _be_the_copy(make, writer)
    finally:
        os.close(writer)
    try:
        said = b""
        with trio.move_on_after(_BOUND_S) as bound:
            said = await _read(reader)
    finally:
        os.close(reader)
        _end(pid)
    if bound.cancelled_caught or not said:
        raise fail("CSC653", "what this would do could not be found out", help="try again, or make the change")
    told: dict[str, Any] = json.loads(said)
    if "refused" in told:
        raise CascadeError([Diagnostic.from_json(item) for item in told["refused"]])
    return told["answer"]


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _be_the_copy(make: Callable[[], dict[str, Any]], writer: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        gc.disable()
        try:
            told: dict[str, Any] = {"answer": make()}
        except CascadeError as error:
            told = {"refused": [diagnostic.to_json() for diagnostic in error.diagnostics]}
        left = memoryview(json.dumps(told).encode())
        while left:
            left = left[os.write(writer, left) :]
    finally:
        os._exit(0)


async def _read(reader: int) -> bytes:
    os.set_blocking(reader, False)
    pieces: list[bytes] = []
    while True:
        await trio.lowlevel.wait_readable(reader)
        piece = os.read(reader, _PIECE_BYTES)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
