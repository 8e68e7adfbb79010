"""What the nodes of earlier runs published: an index over the journals of a project, `.cascade/published.db`.

A result is known by the program's file, the node's name and its task; the newest counts. The index holds nothing that the
journals do not: it is brought up to date when it is first asked, and made anew where it cannot be read. Whoever
removes a file by what it says compares the digest first, so that an index that is behind or gone costs a file that stays.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from ..base.diagnostics import CascadeError
from ..ir.events import PlannedRemoval, PublishPlanned
from ..ir.graph import NodeKey
from .indexes import open_index
from .journal import JournalReader
from .live import STATE_FOLDER
from .runs import Project, Run

_FILE = "published.db"
_SCHEMA = 1
_TABLES = f"""
BEGIN;
CREATE TABLE runs(run TEXT PRIMARY KEY, stamp TEXT NOT NULL, seq INTEGER NOT NULL);
CREATE TABLE results(
  file TEXT NOT NULL, node TEXT NOT NULL, task TEXT NOT NULL, t_ns INTEGER NOT NULL, paths TEXT NOT NULL,
  PRIMARY KEY(file, node, task)) WITHOUT ROWID;
PRAGMA user_version = {_SCHEMA};
COMMIT;
"""
_PUT = (
    "INSERT INTO results VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET t_ns = excluded.t_ns, paths = excluded.paths "
    "WHERE excluded.t_ns >= t_ns"
)


def paths_of(plan: PublishPlanned, project: Path, *, finished: bool = False) -> tuple[PlannedRemoval, ...]:
    """What a plan published in the project, and, where it was not carried out to its end, what it was about to remove."""
    state = os.path.join(project, STATE_FOLDER) + os.sep
    published = (PlannedRemoval(path=f.final, size=f.size, digest=f.digest) for f in plan.files)
    removals = () if finished else plan.removals
    return tuple(one for one in (*published, *removals) if not one.path.startswith(state))


class Earlier:
    """The earlier results of the nodes of one run. From any thread; every method but `may_have` blocks on the disk."""

    def __init__(self, project: Project, run: str, file: str, own: Mapping[NodeKey, Sequence[PlannedRemoval]]) -> None:
        """`own`: what this run itself published before it was continued, which its index does not have."""
        self._project = project
        self._run = run
        self._file = file
        self._own = own
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        alone = all(each.id == run for each in project.runs())
        self._tasks: frozenset[str] | None = frozenset[str]() if alone and not own else None

    @property
    def is_possible(self) -> bool:
        """False where it is known that no node has an earlier result."""
        return self._tasks is None or bool(self._tasks)

    def may_have(self, task: str) -> bool:
        """Whether a node of a task may have an earlier result with files; True where that is not known yet."""
        return self._tasks is None or task in self._tasks

    def of(self, key: NodeKey, node: str, task: str) -> tuple[PlannedRemoval, ...]:
        """The files of the newest result of a node, and of those that this run planned for it and lost."""
        own = tuple(self._own.get(key, ()))
        with self._lock:
            if self._tasks is None:
                self._open()
            if self._db is None:
                return own
            try:
                row = self._db.execute(
                    "SELECT paths FROM results WHERE file = ? AND node = ? AND task = ?", (self._file, node, task)
                ).fetchone()
            except sqlite3.Error:
                return own
        if row is None:
            return own
        found = {one.path: one for one in self._read(row[0])} | {one.path: one for one in own}
        return tuple(found.values())

    def close(self) -> None:
        """Let the index go."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _read(self, text: str) -> list[PlannedRemoval]:
        rows: list[list[Any]] = json.loads(text)
        folder = os.path.normpath(self._project.folder)
        return [
            PlannedRemoval(path=os.path.join(folder, path), size=size, digest=digest) for path, size, digest in rows
        ]

    # -- the index --

    def _open(self) -> None:
        path = self._project.state / _FILE
        for _ in range(2):
            try:
                self._db = open_index(path, schema=_SCHEMA, tables=_TABLES)
                self._update(self._db)
                tasks = self._db.execute("SELECT DISTINCT task FROM results WHERE file = ?", (self._file,)).fetchall()
                self._tasks = frozenset(task for (task,) in tasks) | self._own_tasks()
                return
            except (
                sqlite3.OperationalError,
                OSError,
            ):  # another run holds it, or the disk is full: then nothing is known
                break
            except sqlite3.DatabaseError:
                self._discard()
                with suppress(OSError):
                    os.unlink(path)
        self._discard()
        self._tasks = self._own_tasks()

    def _own_tasks(self) -> frozenset[str]:
        """Tasks of which this run itself published something."""
        if not self._own:
            return frozenset()
        tasks = tasks_of(self._project.run(self._run))
        return frozenset(tasks.get(key[0], "") for key in self._own)

    def _discard(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _update(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        known = {run: (stamp, seq) for run, stamp, seq in db.execute("SELECT run, stamp, seq FROM runs")}
        for run in reversed(self._project.runs()):
            if run.id == self._run:
                continue
            stamp = _stamp(run)
            before, seq = known.get(run.id, ("", 0))
            if stamp != before:
                with suppress(CascadeError, OSError, ValueError):  # a journal that cannot be read tells of nothing
                    seq = self._add(db, run, seq)
                db.execute("INSERT OR REPLACE INTO runs VALUES(?,?,?)", (run.id, stamp, seq))
        db.execute("COMMIT")

    def _add(self, db: sqlite3.Connection, run: Run, after: int) -> int:
        """Take in what a run published after a row; the row from which it is to be read again.

        That is before a plan that was not carried out to its end: what it was about to remove still belongs to its node.
        """
        open_plans: dict[NodeKey, tuple[int, int, PublishPlanned]] = {}
        with JournalReader(run.journal) as journal:
            add: _Adding | None = None
            for seq, t_ns, event in journal.plans(after):
                add = add or _Adding(db, run, journal, self._project.folder)
                if isinstance(event, PublishPlanned):
                    add(t_ns, event, finished=False)
                    if event.removals:
                        open_plans[event.key] = seq, t_ns, event
                elif event.key in open_plans:
                    _, planned_ns, plan = open_plans.pop(event.key)
                    add(planned_ns, plan, finished=True)
                after = seq
        return min((seq - 1 for seq, _, _ in open_plans.values()), default=after)


class _Adding:
    """Puts the plans of a run into the index; names and tasks are read only where there is a plan."""

    def __init__(self, db: sqlite3.Connection, run: Run, journal: JournalReader, project: Path) -> None:
        self._db = db
        self._project = project
        self._file = run.info().file
        self._names = {row.key: row.name for row in journal.attempts()}
        self._tasks = tasks_of(run)

    def __call__(self, t_ns: int, plan: PublishPlanned, *, finished: bool) -> None:
        folder = os.path.normpath(self._project) + os.sep
        paths = [
            (one.path.removeprefix(folder), one.size, one.digest)
            for one in paths_of(plan, self._project, finished=finished)
            if one.path.startswith(folder)
        ]
        node, task = self._names.get(plan.key), self._tasks.get(plan.key[0])
        if node is not None and task is not None:
            self._db.execute(_PUT, (self._file, node, task, t_ns, json.dumps(paths)))


def _stamp(run: Run) -> str:
    """What changes with every commit to a journal."""
    found: list[str] = []
    for path in (run.journal, Path(f"{run.journal}-wal")):
        try:
            at = os.stat(path)
        except OSError:
            found.append("-")
        else:
            found.append(f"{at.st_size}.{at.st_mtime_ns}")
    return " ".join(found)


def tasks_of(run: Run) -> dict[int, str]:
    """The task of each call of a run's graph, whatever version wrote it."""
    with closing(open(run.graph, encoding="utf-8")) as file:
        stack: list[Any] = [json.load(file)]
    tasks: dict[int, str] = {}
    while stack:
        at = stack.pop()
        if isinstance(at, list):
            stack.extend(at)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(at, dict):
            if at.get("_") == "Call":  # pyright: ignore[reportUnknownMemberType]
                tasks[at["id"]] = at["task"]
            stack.extend(at.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return tasks
