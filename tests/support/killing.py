"""An engine in a forked process that kills itself, as by SIGKILL, right before its n-th change of a file or folder.

A change is a call of the functions in `os` that change files or folders or bring them to disk, an exchange of two folders,
or a commit to the journal. The threads of the engine count together.
"""

from __future__ import annotations

import itertools
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from cascade_dsl import api
from cascade_dsl.api.options import RunOptions
from cascade_dsl.ir.graph import Graph
from cascade_dsl.report.lines import Lines
from cascade_dsl.store import exchange
from cascade_dsl.store.journal import Journal

CHANGES = (
    *("rename", "replace", "unlink", "rmdir", "mkdir", "symlink", "link"),
    *("write", "fsync", "chmod", "truncate", "ftruncate"),
)

Trace = list[str]


def run_killed(work: Callable[[], object], before: int | None, trace: Path) -> bool:
    """Do `work` in a forked process that dies right before change `before` (from 0); whether it died so.

    `trace` gets a line for each change that it made. RuntimeError where `work` raised.
    """
    trace.write_text("")
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.setsid()
            _arm(before, trace)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    if os.WEXITSTATUS(status):
        raise RuntimeError(f"it ended with {os.WEXITSTATUS(status)}: see what it wrote to stderr")
    return False


def _arm(before: int | None, trace: Path) -> None:
    count, lock = itertools.count(), Lock()
    out = os.open(trace, os.O_WRONLY | os.O_APPEND)
    write, kill, me = os.write, os.kill, os.getpid()

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            if os.getpid() == me:  # not in a child that has been forked and not yet replaced
                with lock:
                    if next(count) == before:
                        kill(me, signal.SIGKILL)
                    shown = next((str(a) for a in args if isinstance(a, str | os.PathLike)), "")
                    write(out, f"{name} {shown}\n".encode())
            return function(*args, **named)

        return call

    for name in CHANGES:
        setattr(os, name, watched(name, getattr(os, name)))
    exchange.exchange = watched("exchange", exchange.exchange)
    Journal.commit = watched("commit", Journal.commit)


def begin(graph: Graph, folder: Path, **params: Any) -> str:
    """A run, in this process; its status."""
    with open(os.devnull, "w") as nowhere:
        reporter = Lines(nowhere, folder=folder)
        return api.run(graph, folder=folder, params=params, options=RunOptions(no_wait=True), reporter=reporter).status


def go_on(folder: Path) -> str:
    """`continue`, in this process; the status in the end."""
    with open(os.devnull, "w") as nowhere:
        reporter = Lines(nowhere, folder=folder)
        return api.continue_run(folder, None, options=RunOptions(no_wait=True), reporter=reporter).status
