"""The client of the control socket: what `cascade limit`, `pause`, `ps` and the like speak through.

Standard library only, and little of it: the whole process is to cost hardly more than the start of Python.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress

from .address import dialable
from .protocol import ANSWER_MAX_BYTES, VERSION, must_know, refused, request_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..base.diagnostics import CascadeError
    from ..store.live import LiveRun

UNREACHABLE = frozenset({"CSC604", "CSC606"})
"""Codes of no such run, and of one that does not answer: exit code 4. Others are refusals: exit code 2."""
_PIECE_BYTES = 1 << 16


def ask(run: LiveRun, request: dict[str, Any], timeout_s: float = 10.0) -> dict[str, Any]:
    """The answer of a live run to `request`, which holds `verb` and its fields.

    Raises CascadeError: what the run refuses with; CSC601 where it speaks another version of the protocol; CSC606 where
    it does not answer in time, or not in this protocol.
    """
    deadline = time.monotonic() + timeout_s
    fields = dict(request)
    verb = fields.pop("verb")
    must = must_know(verb, fields)
    if must:
        fields["must"] = must
    number = os.getpid()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            with dialable(run.socket) as address:
                connection.connect(address)
            with suppress(BrokenPipeError):  # it would not listen: what it said when it closed is there to be read
                connection.sendall(request_line(number, verb, fields))
            line = _receive(connection, deadline)
    except TimeoutError:
        raise _silent(run, f"it said nothing for {timeout_s:g} s") from None
    except OSError as error:
        raise _silent(run, error.strerror or str(error)) from error
    try:
        answer = json.loads(line)
        if type(answer["v"]) is int and answer["v"] != VERSION:
            raise _other_version(run, answer)
        if answer["v"] != VERSION or answer["id"] not in (number, None):
            raise ValueError
        if answer["ok"] is not True:
            error = refused(answer)
        else:
            return answer
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _silent(run, "it speaks another protocol") from None
    raise error


def the_live_run(found: Sequence[LiveRun], wanted: str | None) -> LiveRun:
    """The one run that a verb means, of those that `find_live` found; `wanted` is from `--run` or CASCADE_RUN.

    Raises CascadeError: CSC604 where there is none, CSC605 where there are several.
    """
    if wanted is not None:
        found = [run for run in found if run.run == wanted]
    if len(found) == 1:
        return found[0]
    from ..base.diagnostics import fail

    if wanted is not None and not found:
        raise fail("CSC604", f"there is no live run `{wanted}`", help="`cascade ps` lists the live runs")
    if not found:
        raise fail("CSC604", "there is no live run", help="start one with `cascade run`")
    raise fail(
        "CSC605",
        f"there are {len(found)} live runs",
        notes=[f"{run.run}: {run.file or run.project}" for run in found],
        help="say which one is meant: --run ID",
    )


def _receive(connection: socket.socket, deadline: float) -> bytes:
    pieces: list[bytes] = []
    size_bytes = 0
    while size_bytes <= ANSWER_MAX_BYTES:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        piece = connection.recv(_PIECE_BYTES)
        if not piece:
            raise ConnectionError("it closed the connection")
        pieces.append(piece)
        if piece.endswith(b"\n"):
            return b"".join(pieces)
        size_bytes += len(piece)
    raise ConnectionError("its answer has no end")


def _other_version(run: LiveRun, answer: dict[str, Any]) -> CascadeError:
    from ..base.diagnostics import fail

    program = answer.get("cascade")
    known = isinstance(program, str) and 0 < len(program) <= 40 and program.isprintable()
    which = f"Cascade {program}" if known else "the version of Cascade that began it"
    message = f"the run {run.run} speaks version {answer['v']} of the control protocol, this program speaks {VERSION}"
    return fail("CSC601", message, help=f"steer it with {which}")


def _silent(run: LiveRun, why: str) -> CascadeError:
    from ..base.diagnostics import fail

    return fail(
        "CSC606",
        f"the run {run.run} does not answer: {why}",
        help="`cascade ps` shows whether it is still there; `cascade continue` goes on with a run that died",
    )
