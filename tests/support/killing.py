"""An engine in a forked process that dies, or whose disk is full, from its n-th change of a file or folder on.

A change is a call of the functions in `os` that change files or folders or bring them to disk, the opening of a file to write
it, an exchange of two folders, or a commit to the journal. The threads of the engine count together.
"""

from __future__ import annotations

import builtins
import errno
import io
import itertools
import json
import os
import signal
import sqlite3
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple

from cascade_dsl import api
from cascade_dsl.api.options import RunOptions
from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir.graph import Graph
from cascade_dsl.report.lines import Lines
from cascade_dsl.store import exchange
from cascade_dsl.store.journal import Journal

_SHRINKING = ("unlink", "rmdir", "truncate", "ftruncate")
"""What a full disk still does."""
_CHANGES = ("rename", "replace", "mkdir", "symlink", "link", "write", "fsync", "chmod", *_SHRINKING)

Fate = Literal["killed", "full"]


class Outcome(NamedTuple):
    """How it went: `killed`, the status of the run, or `refused` with codes and messages; and the changes that were made."""

    how: str
    said: str
    changes: list[str]


def play(work: Callable[[], str], base: Path, fate: Fate = "killed", at: int | None = None) -> Outcome:
    """Do `work`, which gives a status, in a forked process that meets its fate at change `at` (from 0), if at all.

    `base` is a folder for what it tells. AssertionError where `work` raised anything but a CascadeError.
    """
    trace, said = base / "trace", base / "said"
    trace.write_text("")
    said.write_text('["", ""]')
    child = os.fork()
    if child == 0:
        tell = os.open(said, os.O_WRONLY | os.O_TRUNC)
        write = os.write
        found = ["broken", ""]
        try:
            os.setsid()
            _arm(fate, at, trace)
            found = [work(), ""]
        except CascadeError as error:
            found = ["refused", "\n".join(f"{d.code}: {d.message}" for d in error.diagnostics)]
        except BaseException:
            found = ["broken", traceback.format_exc()]
        finally:
            write(tell, json.dumps(found).encode())
            os._exit(0)
    _, status = os.waitpid(child, 0)
    changes = trace.read_text().splitlines()
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return Outcome("killed", "", changes)
    how, text = json.loads(said.read_text())
    assert how != "broken", text
    return Outcome(how, text, changes)


def _arm(fate: Fate, at: int | None, trace: Path) -> None:
    count, lock = itertools.count(), Lock()
    out = os.open(trace, os.O_WRONLY | os.O_APPEND)
    write, kill, me = os.write, os.kill, os.getpid()

    def is_due(name: str, shown: str) -> bool:
        """Count a change; whether the disk is full."""
        with lock:
            number = next(count)
            is_due = at is not None and number >= at and os.getpid() == me
            if is_due and fate == "killed":
                kill(me, signal.SIGKILL)
            write(out, f"{name} {shown}\n".encode())
        return is_due and name not in _SHRINKING

    def watched(name: str, function: Callable[..., Any], counts: Callable[..., bool] = _always) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            if os.getpid() == me and counts(*args, **named):
                shown = next((str(a) for a in args if isinstance(a, str | Path)), "")
                if is_due(name, shown):
                    if name == "commit":
                        full = sqlite3.OperationalError("database or disk is full")
                        from cascade_dsl.store import journal

                        raise journal._unwritable(args[0].path, full)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), shown)
            return function(*args, **named)

        return call

    for name in _CHANGES:
        setattr(os, name, watched(name, getattr(os, name)))
    exchange.exchange = watched("exchange", exchange.exchange)
    Journal.commit = watched("commit", Journal.commit)
    if fate == "full":
        os.open = watched("open", os.open, _creates)
        opens = watched("open", builtins.open, _writes)
        builtins.open = io.open = opens


def _always(*_: Any, **__: Any) -> bool:
    return True


def _creates(_: Any, flags: int, *__: Any, **___: Any) -> bool:
    return bool(flags & os.O_CREAT)


def _writes(file: Any, mode: str = "r", *_: Any, **__: Any) -> bool:
    return isinstance(file, str | os.PathLike) and "r" not in mode


def begin(graph: Graph, folder: Path, **params: Any) -> str:
    """A run, in this process; its status."""
    reporter = Lines(io.StringIO(), folder=folder)
    return api.run(graph, folder=folder, params=params, options=RunOptions(no_wait=True), reporter=reporter).status


def go_on(folder: Path) -> str:
    """`continue`, in this process; the status in the end."""
    reporter = Lines(io.StringIO(), folder=folder)
    return api.continue_run(folder, None, options=RunOptions(no_wait=True), reporter=reporter).status
