"""The journal of a run: every event, in SQLite, one transaction for a turn of the engine.

A row is chained to the row before it by a short hash, so that a journal that ends at a commit is a valid prefix of
the run and any other damage is named. With synchronous NORMAL a commit reaches the operating system, so that it
survives the death of the engine; `sync` carries it to the disk, so that it survives the loss of power.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from ..base.diagnostics import CascadeError, fail
from ..ir.events import EVENT_SCHEMA, AttemptFinished, Event, PublishPlanned
from ..ir.graph import NodeKey
from .eventcodec import UnreadableEvent, decode, encode
from .live import is_live
from .reading import open_to_read
from .wal import is_cut

JOURNAL_SCHEMA = 1
_APPLICATION_ID = 0x43534331
_CHECKPOINT_COMMITS = 2000
"""Commits between two checkpoints: each is about three pages of the write-ahead log."""
_ROWS_AT_ONCE = 500

_TABLES = """
CREATE TABLE events(
  seq INTEGER PRIMARY KEY, t_ns INTEGER NOT NULL, kind TEXT NOT NULL,
  schema INTEGER NOT NULL, payload TEXT NOT NULL, chain BLOB NOT NULL);
CREATE TABLE attempts(
  serial INTEGER PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, log TEXT NOT NULL, started_ns INTEGER NOT NULL);
"""
_INSERT_EVENT = "INSERT INTO events VALUES(?,?,?,?,?,?)"
_INSERT_ATTEMPT = "INSERT OR REPLACE INTO attempts VALUES(?,?,?,?,?)"


class AttemptRow(NamedTuple):
    """Where the log of an attempt lies and whose it is: what `cascade log` looks up. Not an event."""

    serial: int
    key: NodeKey
    name: str
    log: str
    started_ns: int


class StoredValue(NamedTuple):
    """The value that an event holds: JSON text, or the digest of the blob that holds it; both None: there is none."""

    value: str | None
    blob: str | None


def _link(chain: bytes, seq: int, t_ns: int, kind: str, schema: int, payload: str) -> bytes:
    return blake2b(
        b"%b%d %d %b %d %b" % (chain, seq, t_ns, kind.encode(), schema, payload.encode("utf-8", "surrogatepass")),
        digest_size=8,
    ).digest()


class Journal:
    """The journal of the run that this process leads: one writer, the one thread that opened it."""

    __slots__ = ("_chain", "_db", "_next_seq", "_place", "_since_checkpoint", "_wal", "path")

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        """Not for callers: use `create` or `open`."""
        self.path = path
        self._db = db
        self._next_seq = 1
        self._chain = b""
        self._since_checkpoint = 0
        self._wal = -1
        self._place = (0, 0)

    @classmethod
    def create(cls, path: Path) -> Journal:
        """A new, empty journal, readable by its owner only; CSC700 where that cannot be, as when a file is there."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise fail(
                "CSC700",
                f"the journal `{path}` cannot be created: {_reason(error)}",
                help="check that the project's folder is writable and its disk not full",
            ) from error
        db = _connect(path)
        try:
            _tune(path, db)
            db.executescript(
                f"BEGIN; {_TABLES} PRAGMA application_id = {_APPLICATION_ID};"
                f"PRAGMA user_version = {JOURNAL_SCHEMA}; COMMIT;"
            )
            journal = cls(path, db)
            journal._hold(os.O_RDWR)
            return journal
        except (sqlite3.Error, OSError) as error:
            db.close()
            raise _unwritable(path, error) from error

    @classmethod
    def open(cls, path: Path) -> Journal:
        """The journal of a run to go on with. Nothing may be committed before `events` has been read to its end."""
        db = _open_existing(path, _connect, is_written=False)
        try:
            _tune(path, db)
            journal = cls(path, db)
            journal._next_seq = 0
            # An empty transaction makes SQLite recover what a killed engine left and create the write-ahead log.
            db.execute("BEGIN IMMEDIATE")
            db.execute("COMMIT")
            journal._hold(os.O_RDWR | os.O_CREAT)
            return journal
        except (sqlite3.OperationalError, OSError) as error:
            db.close()
            raise _unwritable(path, error) from error
        except sqlite3.DatabaseError as error:
            db.close()
            raise _damaged(path, str(error)) from error
        except CascadeError:
            db.close()
            raise

    def _hold(self, flags: int) -> None:
        self._wal = os.open(f"{self.path}-wal", flags | os.O_CLOEXEC, 0o600)
        found = os.fstat(self._wal)
        self._place = found.st_dev, found.st_ino

    @property
    def next_seq(self) -> int:
        """The number that the next committed event gets; counts from 1."""
        assert self._next_seq, "an opened journal is read before it is written"
        return self._next_seq

    def events(self) -> Iterator[tuple[int, int, Event]]:
        """(seq, t_ns, event) of every row in order; CSC701 at the first that is damaged, CSC703 at one of another version."""
        seq, chain = 0, b""
        for row in _verified(self.path, self._db):
            seq, chain, t_ns, event = row
            yield seq, t_ns, event
        self._next_seq = seq + 1
        self._chain = chain

    def commit(self, t_ns: int, events: Sequence[Event], attempts: Sequence[AttemptRow] = ()) -> None:
        """Store what one turn decided, as a whole or, with CSC702, not at all."""
        seq, chain = self.next_seq, self._chain
        rows: list[tuple[int, int, str, int, str, bytes]] = []
        for event in events:
            kind, payload = encode(event)
            chain = _link(chain, seq, t_ns, kind, EVENT_SCHEMA, payload)
            rows.append((seq, t_ns, kind, EVENT_SCHEMA, payload, chain))
            seq += 1
        db = self._db
        self._check_place()
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(_INSERT_EVENT, rows)
            if attempts:
                db.executemany(
                    _INSERT_ATTEMPT, [(a.serial, key_text(a.key), a.name, a.log, a.started_ns) for a in attempts]
                )
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise _unwritable(self.path, error) from error
        self._next_seq, self._chain = seq, chain
        self._since_checkpoint += 1

    def _check_place(self) -> None:
        """What is written to a file that is no longer at its path is lost, and SQLite does not say so."""
        try:
            found = os.stat(f"{self.path}-wal")
            if (found.st_dev, found.st_ino) == self._place:
                return
            what = "another file took its place"
        except OSError as error:
            what = error.strerror or str(error)
        raise fail(
            "CSC741",
            f"the journal `{self.path}` was removed or replaced while the run was live: {what}",
            notes=("the run was stopped; output files that it has published stay where they are",),
            help="leave `.cascade` alone while a run is live; run the file again",
        )

    def sync(self) -> None:
        """Carry all that was committed before to the disk. Blocks: call it in a thread, one call at a time.

        Once in a while it also moves the write-ahead log into the database, on a connection of its own, so that the
        log does not grow with the run and the engine's thread never pays for it.
        """
        try:
            self._check_place()
            os.fsync(self._wal)
            if self._since_checkpoint >= _CHECKPOINT_COMMITS:
                self._since_checkpoint = 0
                db = _connect(self.path)
                try:
                    db.execute("PRAGMA synchronous = NORMAL")
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                finally:
                    db.close()
        except (OSError, sqlite3.Error) as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Move the write-ahead log into the database, on disk, and close. A second call does nothing."""
        if self._wal < 0:
            return
        try:
            self._check_place()
            os.fsync(self._wal)
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except (OSError, sqlite3.Error) as error:
            raise _unwritable(self.path, error) from error
        finally:
            os.close(self._wal)
            self._wal = -1
            self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.close()
        except CascadeError:
            if error is None:  # else the reason why it ends is the better news
                raise


class JournalReader:
    """Reads a journal, also of a run that is live, and changes nothing. From any thread, one call at a time."""

    __slots__ = ("_db", "path")

    def __init__(self, path: Path, *, own: bool = False) -> None:
        """CSC700 where there is no journal, CSC701 where it is damaged, CSC703 where a newer version wrote it.

        `own`: this process writes it too.
        """
        self.path = path
        self._db = _open_existing(path, _connect if own else open_to_read, is_written=own or is_live(path.parent))
        self._db.execute("PRAGMA query_only = 1")

    def events(self) -> Iterator[tuple[int, int, Event]]:
        """As `Journal.events`, of what is committed now."""
        for seq, _, t_ns, event in _verified(self.path, self._db):
            yield seq, t_ns, event

    def last(self) -> Event | None:
        """The newest event, its chain not verified; None where there is none."""
        try:
            row = self._db.execute("SELECT seq, kind, schema, payload FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error
        return None if row is None else _decoded(self.path, *row)

    def value(self, seq: int) -> StoredValue:
        """The value in a row; KeyError where there is no such row."""
        return self.values((seq,))[seq]

    def values(self, seqs: Iterable[int]) -> dict[int, StoredValue]:
        """The values in many rows, by their numbers; a row that is not there is left out."""
        wanted = list(seqs)
        found: dict[int, StoredValue] = {}
        for start in range(0, len(wanted), _ROWS_AT_ONCE):
            some = wanted[start : start + _ROWS_AT_ONCE]
            marks = ",".join("?" * len(some))
            try:
                rows = self._db.execute(
                    f"SELECT seq, kind, schema, payload FROM events WHERE seq IN ({marks})", some
                ).fetchall()
            except sqlite3.DatabaseError as error:
                raise _damaged(self.path, str(error)) from error
            for row in rows:
                event = _decoded(self.path, *row)
                found[row[0]] = StoredValue(getattr(event, "value", None), getattr(event, "blob", None))
        return found

    def plans(self, after: int) -> Iterator[tuple[int, int, PublishPlanned | AttemptFinished]]:
        """(seq, t_ns, event) of what was published after row `after`, and of the ends of plans with removals, in order.

        Their chain is not verified.
        """
        statement = (
            "SELECT seq, t_ns, kind, schema, payload FROM events "
            "WHERE kind IN ('PublishPlanned', 'AttemptFinished') AND seq > ? ORDER BY seq"
        )
        removing = 0
        try:
            cursor = self._db.execute(statement, (after,))
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                for seq, t_ns, kind, schema, payload in rows:
                    if kind == "AttemptFinished" and not removing:
                        continue
                    event = _decoded(self.path, seq, kind, schema, payload)
                    assert isinstance(event, PublishPlanned | AttemptFinished)
                    removing += isinstance(event, PublishPlanned) and bool(event.removals)
                    yield seq, t_ns, event
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error

    def results(self) -> Iterator[tuple[int, int, PublishPlanned | AttemptFinished]]:
        """(seq, t_ns, event) of every plan and every finish, in order. Their chain is not verified."""
        statement = (
            "SELECT seq, t_ns, kind, schema, payload FROM events "
            "WHERE kind IN ('PublishPlanned', 'AttemptFinished') ORDER BY seq"
        )
        try:
            cursor = self._db.execute(statement)
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                for seq, t_ns, kind, schema, payload in rows:
                    event = _decoded(self.path, seq, kind, schema, payload)
                    assert isinstance(event, PublishPlanned | AttemptFinished)
                    yield seq, t_ns, event
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error

    def of_classes(self, *classes: type[Event]) -> Iterator[tuple[int, Event]]:
        """(t_ns, event) of the events of some classes, in order. Their chain is not verified."""
        return ((t_ns, event) for _, t_ns, event in self.rows_of(*classes))

    def rows_of(self, *classes: type[Event]) -> Iterator[tuple[int, int, Event]]:
        """The same with the number of each row before them."""
        marks = ",".join("?" * len(classes))
        statement = f"SELECT seq, t_ns, kind, schema, payload FROM events WHERE kind IN ({marks}) ORDER BY seq"
        try:
            cursor = self._db.execute(statement, [cls.__name__ for cls in classes])
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                for seq, t_ns, kind, schema, payload in rows:
                    yield seq, t_ns, _decoded(self.path, seq, kind, schema, payload)
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error

    def attempts(self) -> list[AttemptRow]:
        """Every attempt that was started, oldest first."""
        try:
            rows = self._db.execute(
                "SELECT serial, key, name, log, started_ns FROM attempts ORDER BY serial"
            ).fetchall()
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error
        try:
            return [AttemptRow(row[0], key_of(row[1]), str(row[2]), str(row[3]), int(row[4])) for row in rows]
        except (AttributeError, TypeError, ValueError) as error:
            raise _damaged(self.path, "an attempt is not what was written", str(error)) from error

    @property
    def database(self) -> sqlite3.Connection:
        """For what is asked of a journal in the large; the events stay rows, their chain is not verified."""
        return self._db

    def damaged(self, what: str) -> CascadeError:
        """CSC701 for what a caller found in `database`."""
        return _damaged(self.path, what)

    def newest_attempt(self, names: Iterable[str]) -> NodeKey | None:
        """The instance that was started last under one of these names."""
        wanted = list(names)
        marks = ",".join("?" * len(wanted))
        try:
            row = self._db.execute(
                f"SELECT key FROM attempts WHERE name IN ({marks}) ORDER BY serial DESC LIMIT 1", wanted
            ).fetchone()
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error
        return None if row is None else key_of(row[0])

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def key_text(key: NodeKey) -> str:
    """A node's key as it stands in the table of attempts: `5.0.12`."""
    return ".".join(map(str, key))


def key_of(text: str) -> NodeKey:
    """The inverse of `key_text`."""
    return tuple(map(int, text.split(".")))


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)


def _tune(path: Path, db: sqlite3.Connection) -> None:
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise fail(
            "CSC700",
            f"the file system of `{path.parent}` cannot hold a journal: it has no shared memory",
            help="put the project's folder on a local disk",
        )
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")


def _open_existing(
    path: Path, connect: Callable[[Path], sqlite3.Connection], *, is_written: bool
) -> sqlite3.Connection:
    """`is_written`: somebody may be writing it at this instant, so that its log is not looked at."""
    if not path.is_file():
        raise fail("CSC700", f"there is no journal `{path}`", help="`cascade history` lists the runs of a project")
    if not is_written and is_cut(path):
        raise _damaged(
            path, "turns that were committed are lost", f"`{path.name}-wal` beside it is not what was written"
        )
    db = connect(path)
    try:
        application, schema = _header(path, db)
    except sqlite3.DatabaseError as error:
        db.close()
        raise _damaged(path, str(error)) from error
    except CascadeError:
        db.close()
        raise
    if application != _APPLICATION_ID:
        db.close()
        raise _damaged(path, "it is not a journal of Cascade")
    if schema > JOURNAL_SCHEMA:
        db.close()
        raise fail(
            "CSC703",
            f"the journal `{path}` has format {schema}, this version of Cascade reads up to {JOURNAL_SCHEMA}",
            help="use the version of Cascade that wrote it, or start a new run",
        )
    return db


def _header(path: Path, db: sqlite3.Connection) -> tuple[int, int]:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    schema = db.execute("PRAGMA user_version").fetchone()[0]
    # A journal is empty for the instant between its creation and its tables, and after a kill in that instant.
    if schema == 0 and application == 0 and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise _damaged(path, "it has no tables")
    return application, schema


def _verified(path: Path, db: sqlite3.Connection) -> Iterator[tuple[int, bytes, int, Event]]:
    chain, expected = b"", 1
    try:
        cursor = db.execute("SELECT seq, t_ns, kind, schema, payload, chain FROM events ORDER BY seq")
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            for seq, t_ns, kind, schema, payload, stored in rows:
                if seq != expected:
                    raise _damaged(path, f"event {expected} is missing", f"the next one is {seq}")
                try:
                    chain = _link(chain, seq, t_ns, kind, schema, payload)
                except (TypeError, AttributeError) as error:
                    raise _damaged(path, f"event {seq} is not what was written", str(error)) from error
                if chain != stored:
                    raise _damaged(path, f"event {seq} is not what was written", "its checksum does not fit")
                yield seq, chain, t_ns, _decoded(path, seq, kind, schema, payload)
                expected += 1
    except sqlite3.DatabaseError as error:
        raise _damaged(path, f"event {expected} cannot be read", str(error)) from error


def _decoded(path: Path, seq: int, kind: str, schema: int, payload: str) -> Event:
    try:
        return decode(kind, schema, payload)
    except UnreadableEvent as error:
        raise fail(
            "CSC703",
            f"event {seq} of the journal `{path}` was written by another version of Cascade: {error}",
            help="use the version of Cascade that wrote it, or start a new run",
        ) from error


def _damaged(path: Path, what: str, *notes: str) -> CascadeError:
    return fail(
        "CSC701",
        f"the journal `{path}` is damaged: {what}",
        notes=notes,
        help="start a new run with `cascade run`",
    )


def _unwritable(path: Path, error: Exception) -> CascadeError:
    return fail(
        "CSC702",
        f"the journal `{path}` cannot be written: {_reason(error)}",
        help="make room on the disk, then go on with `cascade continue`",
    )


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
