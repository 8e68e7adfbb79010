"""Results by what they were made from: `.cascade/cache.db`, an index over the journals of a project.

A result is found by the digest of its recipe; the newest counts. The index holds nothing of a result that its journal does not:
runs write it as they go, and what a run that died did not write is taken from its journal by the next one. It is made
anew where it cannot be read. Recipes are written down when they are made, before the body runs, so that they can be
compared later: the parts that all instances of a call share once, in a row of their own.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from ..base.diagnostics import CascadeError
from ..ir.events import PlannedFile, PublishPlanned
from .earlier import tasks_of
from .indexes import open_index
from .journal import JournalReader
from .live import STATE_FOLDER
from .reading import open_locked
from .recipes import Part, Recipe
from .runs import Project, Run

CACHE_FILE = "cache.db"
CACHE_SCHEMA = 1
_TABLES = f"""
BEGIN;
CREATE TABLE runs(run TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE bundles(id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, parts TEXT NOT NULL);
CREATE TABLE recipes(recipe TEXT PRIMARY KEY, bundle INTEGER NOT NULL, parts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE results(
  id INTEGER PRIMARY KEY, recipe TEXT NOT NULL, t_ns INTEGER NOT NULL, used_ns INTEGER NOT NULL, run TEXT NOT NULL,
  file TEXT NOT NULL, node TEXT NOT NULL, task TEXT NOT NULL,
  value TEXT, blob TEXT, length INTEGER, files TEXT NOT NULL,
  UNIQUE(recipe, file, node, task));
CREATE INDEX results_of_node ON results(file, node, task, t_ns);
PRAGMA user_version = {CACHE_SCHEMA};
COMMIT;
"""
_PUT = (
    "INSERT INTO results(recipe, t_ns, used_ns, run, file, node, task, value, blob, length, files) "
    "VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(recipe, file, node, task) DO UPDATE SET t_ns = excluded.t_ns, "
    "used_ns = excluded.used_ns, run = excluded.run, value = excluded.value, blob = excluded.blob, "
    "length = excluded.length, files = excluded.files WHERE excluded.t_ns >= t_ns"
)
_COLUMNS = "recipe, t_ns, run, file, node, task, value, blob, length, files, used_ns, id"
_NEWEST = (
    "(SELECT n.id FROM results AS n WHERE n.file = r.file AND n.node = r.node AND n.task = r.task "
    "ORDER BY n.t_ns DESC, n.id DESC LIMIT 1)"
)
_FILES = _COLUMNS.split(", ").index("files")
_ROWS_AT_ONCE = 500
_loads = json.JSONDecoder().decode
_DAY_NS = 86_400_000_000_000


class KeptFile(NamedTuple):
    """A file or folder of a result: its path as the project knows it, relative to it or absolute, and what it held."""

    path: str
    size: int
    digest: str
    temporary: str = ""
    """The temporary output that it belongs to: the result stands without it."""


class Entry(NamedTuple):
    """A result that is kept. `t_ns` is when it was made, `used_ns` about when it was last wanted.

    Its fields stand as `_COLUMNS` does: of a run with nothing to do, each call makes one from a row.
    """

    recipe: str
    t_ns: int
    run: str
    file: str
    """The program, as its run knows it."""
    node: str
    task: str
    value: str | None
    blob: str | None = None
    length: int | None = None
    files: tuple[KeptFile, ...] = ()
    used_ns: int = 0
    id: int = 0
    """The row of the index."""
    newest: int = 0
    """The row of the newest result of the same node, where it was found by its recipe."""
    twins: tuple[Entry, ...] = ()
    """Older results of the same recipe, of other nodes."""


class Kept(NamedTuple):
    """A recipe to be written down: the digest of the whole, the parts that are shared, and the rest."""

    recipe: str
    bundle: str
    """A digest of the shared parts."""
    shared: tuple[Part, ...]
    own: tuple[Part, ...]


class Cache:
    """The results of a project. From any thread; every method blocks on the disk, none raises for a bad index."""

    def __init__(self, project: Project, run: str = "", *, reads_only: bool = False) -> None:
        """`run`: the one that asks, whose own journal is not read; `reads_only`: nothing is written to the disk."""
        self._reads_only = reads_only
        self._project = project
        self._run = run
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._is_open = False
        self._bundles: dict[str, int] = {}

    # -- looking up -----------------------------------------------------------------------------------------------

    def find(self, recipes: Iterable[str]) -> dict[str, Entry]:
        """The newest result of each recipe that has one."""
        found: dict[str, Entry] = {}
        older: dict[str, list[Entry]] = {}
        with self._lock:
            db = self._opened()
            if db is None:
                return found
            wanted = list(dict.fromkeys(recipes))
            for start in range(0, len(wanted), _ROWS_AT_ONCE):
                some = wanted[start : start + _ROWS_AT_ONCE]
                marks = ",".join("?" * len(some))
                with suppress(sqlite3.Error):
                    for row in db.execute(
                        f"SELECT {_COLUMNS}, {_NEWEST} FROM results AS r WHERE recipe IN ({marks})", some
                    ):
                        entry = _entry(row)
                        known = found.get(entry.recipe)
                        if known is None:
                            found[entry.recipe] = entry
                            continue
                        if entry.t_ns >= known.t_ns:
                            found[entry.recipe], entry = entry, known
                        older.setdefault(entry.recipe, []).append(entry)
        for recipe, twins in older.items():
            found[recipe] = found[recipe]._replace(twins=tuple(twins))
        return found

    def nearest(self, file: str, node: str, task: str) -> Entry | None:
        """The newest result of a node, whatever it was made from: what a later one is compared with."""
        with self._lock:
            db = self._opened()
            if db is None:
                return None
            with suppress(sqlite3.Error):
                row = db.execute(
                    f"SELECT {_COLUMNS}, 0 FROM results WHERE file = ? AND node = ? AND task = ? "
                    "ORDER BY t_ns DESC, id DESC LIMIT 1",
                    (file, node, task),
                ).fetchone()
                return None if row is None else _entry(row)
        return None

    def recipe(self, digest: str) -> Recipe | None:
        """The parts of a recipe; None where they were never written down, as when its run was killed at that moment."""
        with self._lock:
            db = self._opened()
            if db is None:
                return None
            with suppress(sqlite3.Error, ValueError):
                row = db.execute(
                    "SELECT b.parts, r.parts FROM recipes r JOIN bundles b ON b.id = r.bundle WHERE r.recipe = ?",
                    (digest,),
                ).fetchone()
                if row is not None:
                    return Recipe((*_parts(row[0]), *_parts(row[1])), digest)
        return None

    def entries(self) -> list[Entry]:
        """Every result, newest first."""
        with self._lock:
            db = self._opened()
            if db is None:
                return []
            try:
                return entries_in(db)
            except sqlite3.Error:
                return []

    # -- keeping --------------------------------------------------------------------------------------------------

    def keep(self, recipes: Sequence[Kept] = (), entries: Sequence[Entry] = (), used: Sequence[Entry] = ()) -> None:
        """Write recipes and results down, and that results were wanted (`used_ns` says when) where that is news."""
        stale = [(e.used_ns, e.id) for e in used if e.id]
        if not (recipes or entries or stale):
            return
        with self._lock:
            db = self._opened()
            if db is None:
                return
            with suppress(sqlite3.Error):
                _in_one(db, lambda: self._keep(db, recipes, entries, stale))

    def _keep(
        self, db: sqlite3.Connection, recipes: Sequence[Kept], entries: Sequence[Entry], stale: list[tuple[int, int]]
    ) -> None:
        for kept in recipes:
            bundle = self._bundles.get(kept.bundle)
            if bundle is None:
                db.execute(
                    "INSERT OR IGNORE INTO bundles(digest, parts) VALUES(?,?)", (kept.bundle, _text(kept.shared))
                )
                row = db.execute("SELECT id FROM bundles WHERE digest = ?", (kept.bundle,)).fetchone()
                bundle = self._bundles[kept.bundle] = row[0]
            db.execute("INSERT OR REPLACE INTO recipes VALUES(?,?,?)", (kept.recipe, bundle, _text(kept.own)))
        db.executemany(_PUT, [_row(entry) for entry in entries])
        if stale:
            db.executemany("UPDATE results SET used_ns = ? WHERE id = ?", stale)

    def end_run(self, unused: Iterable[str] = ()) -> None:
        """All that the run's journal says of results has been kept: nobody need read it for them.

        `unused`: recipes that were written down and came to nothing.
        """
        self._mark("INSERT OR IGNORE INTO runs VALUES(?)")
        wanted = list(unused)
        with self._lock:
            db = self._opened() if wanted else None
            if db is not None:
                with suppress(sqlite3.Error):
                    _in_one(db, lambda: _forget(db, wanted))

    def begin_run(self) -> None:
        """A run goes on: what it had finished is taken in, and until it ends its journal may know more than the index."""
        self._mark("DELETE FROM runs WHERE run = ?")
        with suppress(CascadeError, OSError, ValueError):
            self.keep(entries=entries_of(self._project.run(self._run), self._project.folder))

    def _mark(self, statement: str) -> None:
        with self._lock:
            db = self._opened()
            if db is not None:
                with suppress(sqlite3.Error):
                    db.execute(statement, (self._run,))

    def remove(self, ids: Iterable[int]) -> None:
        """Forget results, and the recipes that nothing has any more."""
        with self._lock:
            db = self._opened()
            if db is None:
                return
            gone = list(ids)
            with suppress(sqlite3.Error):
                _in_one(db, lambda: _remove(db, gone))
            self._bundles.clear()

    def close(self) -> None:
        """Let the index go, for good."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db, self._is_open = None, True

    # -- the index ------------------------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection | None:
        if self._is_open:
            return self._db
        self._is_open = True
        path = self._project.state / CACHE_FILE
        if self._reads_only:
            self._db = self._read_only(path)
            return self._db
        for _ in range(2):
            db: sqlite3.Connection | None = None
            try:
                db = open_index(path, schema=CACHE_SCHEMA, tables=_TABLES)
                self._update(db)
                self._db = db
                break
            except (sqlite3.OperationalError, OSError):  # another run holds it, or the disk is full: nothing is known
                if db is not None:
                    db.close()
                break
            except sqlite3.DatabaseError:
                if db is not None:
                    db.close()
                for name in (path, Path(f"{path}-journal"), Path(f"{path}-wal"), Path(f"{path}-shm")):
                    with suppress(OSError):
                        os.unlink(name)
        return self._db

    def _read_only(self, path: Path) -> sqlite3.Connection | None:
        """The index as it stands; in memory where there is none yet, or where what a run that died finished is missing."""
        db: sqlite3.Connection | None = None
        try:
            with suppress(sqlite3.Error, OSError):
                db = _opened_to_read(path)
                if db is not None and not self._dead(db):
                    return db
            memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            if db is not None:
                db.backup(memory)
            else:
                memory.executescript(_TABLES)
            self._update(memory)
        except (sqlite3.Error, OSError):
            if db is not None:
                db.close()
            return None
        if db is not None:
            db.close()
        return memory

    def _dead(self, db: sqlite3.Connection) -> list[Run]:
        """Runs whose journals may know of results that the index does not have."""
        known = {run for (run,) in db.execute("SELECT run FROM runs")}
        return [
            run
            for run in reversed(self._project.runs())
            if run.id not in known and run.id != self._run and not run.is_live
        ]

    def _update(self, db: sqlite3.Connection) -> None:
        """Take in what runs that died have finished and could not write."""
        dead = self._dead(db)
        if not dead:
            return

        def add() -> None:
            for run in dead:
                with suppress(CascadeError, OSError, ValueError):  # a journal that cannot be read tells of nothing
                    db.executemany(_PUT, [_row(entry) for entry in entries_of(run, self._project.folder)])
                db.execute("INSERT OR IGNORE INTO runs VALUES(?)", (run.id,))

        _in_one(db, add)


def entries_in(db: sqlite3.Connection) -> list[Entry]:
    """Every result in an index, newest first. Raises sqlite3.Error."""
    return [_entry(row) for row in db.execute(f"SELECT {_COLUMNS}, 0 FROM results ORDER BY t_ns DESC, id")]


def entries_of(run: Run, project: Path) -> list[Entry]:
    """What a run finished and may be kept, by its journal."""
    found: list[Entry] = []
    plans: dict[Any, PublishPlanned] = {}
    with JournalReader(run.journal) as journal:
        names: dict[Any, str] | None = None
        tasks: dict[int, str] = {}
        file = ""
        for _, t_ns, event in journal.results():
            if isinstance(event, PublishPlanned):
                plans[event.key] = event
                continue
            plan = plans.pop(event.key, None)
            made = event if plan is None or plan.attempt != event.attempt or plan.epoch != event.epoch else plan
            if not made.recipe:
                continue
            if names is None:
                names = {row.key: row.name for row in journal.attempts()}
                tasks, file = tasks_of(run), run.info().file
            files = made.files if isinstance(made, PublishPlanned) else ()
            home = _home(files, run.id) or project
            node, task = names.get(event.key), tasks.get(event.key[0])
            if node is not None and task is not None:
                found.append(
                    entry_of(made, files, t_ns=t_ns, run=run.id, file=file, node=node, task=task, project=home)
                )
    return found


def _home(files: Sequence[PlannedFile], run: str) -> Path | None:
    """Where the project was when a plan was made, by a scratch path in it: it may have been moved since."""
    mark = f"{os.sep}{STATE_FOLDER}{os.sep}runs{os.sep}{run}{os.sep}"
    for file in files:
        home, found, _ = file.scratch.partition(mark)
        if found:
            return Path(home)
    return None


def entry_of(
    made: Any, files: Sequence[PlannedFile], *, t_ns: int, run: str, file: str, node: str, task: str, project: Path
) -> Entry:
    """The entry of a finished attempt: `made` is the event that holds its value and its recipe."""
    return Entry(
        recipe=made.recipe,
        t_ns=t_ns,
        run=run,
        file=file,
        node=node,
        task=task,
        value=made.value,
        blob=made.blob,
        length=made.length,
        files=tuple(KeptFile(_inside(f.final, project), f.size, f.digest, f.temporary) for f in files),
        used_ns=t_ns,
    )


def is_stored(path: str) -> bool:
    """A kept file lies in the store, and is not published."""
    return path.startswith(f"{STATE_FOLDER}{os.sep}")


def bundle_of(parts: Sequence[Part]) -> str:
    """A digest of parts as they are written down, shown texts and all."""
    return blake2b(_text(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def is_old_use(entry: Entry, now_ns: int) -> bool:
    """When it was last wanted is to be written again: once a day is enough to know what may go."""
    return now_ns - entry.used_ns > _DAY_NS


def _inside(path: str, project: Path) -> str:
    return path.removeprefix(os.path.join(os.path.normpath(project), ""))


def _row(entry: Entry) -> tuple[Any, ...]:
    return (
        entry.recipe,
        entry.t_ns,
        entry.used_ns or entry.t_ns,
        entry.run,
        entry.file,
        entry.node,
        entry.task,
        entry.value,
        entry.blob,
        entry.length,
        json.dumps(entry.files, separators=(",", ":")) if entry.files else "",
    )


def _entry(row: Sequence[Any]) -> Entry:
    """A row of `_COLUMNS` and `_NEWEST`, or 0 where that is not asked."""
    text = row[_FILES]
    files = tuple([KeptFile(*one) for one in _loads(text)]) if text else ()
    return Entry._make((*row[:_FILES], files, *row[_FILES + 1 :], ()))


def _text(parts: Sequence[Part]) -> str:
    return json.dumps([[p.kind, p.name, p.digest, p.shown] for p in parts], separators=(",", ":"))


def _parts(text: str) -> tuple[Part, ...]:
    return tuple(Part(*row) for row in json.loads(text))


def _remove(db: sqlite3.Connection, ids: list[int]) -> None:
    recipes: set[str] = set()
    for id_ in ids:
        recipes.update(r for (r,) in db.execute("SELECT recipe FROM results WHERE id = ?", (id_,)))
        db.execute("DELETE FROM results WHERE id = ?", (id_,))
    _forget(db, recipes)


def _forget(db: sqlite3.Connection, recipes: Iterable[str]) -> None:
    """Drop recipes that no result has. Those of attempts that run now, in another run, are not among them."""
    unused = "DELETE FROM recipes WHERE recipe = ? AND recipe NOT IN (SELECT recipe FROM results)"
    db.executemany(unused, [(recipe,) for recipe in recipes])
    db.execute("DELETE FROM bundles WHERE id NOT IN (SELECT bundle FROM recipes)")


def _in_one(db: sqlite3.Connection, work: Callable[[], None]) -> None:
    """One transaction, whole or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        work()
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _opened_to_read(path: Path) -> sqlite3.Connection | None:
    """None where there is no index, or one of another version."""
    if not path.exists():
        return None
    db = open_locked(path)
    if db.execute("PRAGMA user_version").fetchone()[0] == CACHE_SCHEMA:
        return db
    db.close()
    return None
