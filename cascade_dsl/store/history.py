"""Runs of a project in short, from their journals: live, over, or dead. Reads only, and little; nothing is replayed."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from ..base.diagnostics import CascadeError
from .earlier import tasks_of
from .journal import JournalReader
from .reading import stamp
from .runs import Run

T = TypeVar("T")
PastStatus: TypeAlias = Literal[
    "done", "failed", "cancelled", "drained", "stalled", "running", "interrupted", "damaged", "unreadable"
]
"""As the run ended; `running`: an engine is at it; `interrupted`: its engine died; `damaged`: its journal cannot be read;
`unreadable`: another version of Cascade wrote it."""
_TRIES = 3
_ENDS = ("AttemptFinished", "AttemptFailed", "Recalled", "ComputeFailed")


class PastRun(NamedTuple):
    """A run in a line. `took_ns` is the time that an engine was at it, `last_ns` the instant of its newest event."""

    run: str
    file: str
    started_ns: int
    last_ns: int
    took_ns: int
    status: PastStatus
    done: int = 0
    cached: int = 0
    failed: int = 0
    why: str = ""
    """Of a journal that cannot be read."""

    @property
    def is_live(self) -> bool:
        """An engine is at it."""
        return self.status == "running"


def past_run(run: Run, now_ns: int | None = None) -> PastRun:
    """A run in a line, whatever has become of it; never fails."""
    info = run.info()
    live = run.is_live
    try:
        found = read_steadily(run, _read)
    except CascadeError as error:
        status = "unreadable" if any(d.code == "CSC703" for d in error.diagnostics) else "damaged"
        why = "; ".join(d.message for d in error.diagnostics)
        if any(d.code == "CSC700" for d in error.diagnostics):  # killed before it had one, or about to make it
            status, why = "running" if live else "interrupted", ""
        return PastRun(run.id, info.file, info.started_ns, info.started_ns, 0, status, why=why)
    if live and found.status == "interrupted":
        now = time.time_ns() if now_ns is None else now_ns
        found = found._replace(status="running", took_ns=found.took_ns + max(0, now - found.last_ns))
    return found._replace(file=info.file, started_ns=found.started_ns or info.started_ns)


def read_steadily(run: Run, read: Callable[[Run, JournalReader], T]) -> T:
    """What a function reads in a journal, read again where an engine came and changed what was being read."""
    for attempt in range(_TRIES):
        before = stamp(run.journal)
        try:
            with JournalReader(run.journal) as reader:
                return read(run, reader)
        except CascadeError:
            if attempt == _TRIES - 1 or stamp(run.journal) == before:
                raise
    raise AssertionError


def _read(run: Run, reader: JournalReader) -> PastRun:
    try:
        return _summary(run, reader.database)
    except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
        raise reader.damaged(str(error)) from error


def _summary(run: Run, db: sqlite3.Connection) -> PastRun:
    bounds = "SELECT t_ns, kind, payload FROM events ORDER BY seq {} LIMIT 1"
    first, last = db.execute(bounds.format("")).fetchone(), db.execute(bounds.format("DESC")).fetchone()
    if first is None:
        return PastRun(run.id, "", 0, 0, 0, "interrupted")
    status: PastStatus = json.loads(last[2])["status"] if last[1] == "RunEnded" else "interrupted"
    # While it was dead or stopped nobody was at it.
    gaps = db.execute(
        "SELECT sum(a.t_ns - b.t_ns) FROM events a JOIN events b ON b.seq = a.seq - 1 WHERE a.kind = 'RunContinued'"
    ).fetchone()[0]
    done, cached, failed = _counts(run, db)
    return PastRun(
        run.id, "", first[0], last[0], max(0, last[0] - first[0] - (gaps or 0)), status, done, cached, failed
    )


def _counts(run: Run, db: sqlite3.Connection) -> tuple[int, int, int]:
    """How many calls are done, cached and failed, by the last that is told of each."""
    marks = ",".join("?" * len(_ENDS))
    calls: dict[int, str] | None = None
    ends: dict[tuple[int, ...], str] = {}
    for kind, payload in db.execute(f"SELECT kind, payload FROM events WHERE kind IN ({marks}) ORDER BY seq", _ENDS):
        event: dict[str, Any] = json.loads(payload)
        key = tuple(event["key"])
        if kind == "AttemptFailed" and event["retry_at_ns"] is not None:
            continue
        if kind == "ComputeFailed":
            if calls is None:
                calls = tasks_of(run)
            if key[0] not in calls:
                continue
        ends[key] = kind
    states = list(ends.values())
    done, cached = states.count("AttemptFinished"), states.count("Recalled")
    return done, cached, len(states) - done - cached
