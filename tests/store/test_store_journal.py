"""The journal on a real file: whole turns or nothing, also under kill -9; damage is named."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cascade_dsl.base.diagnostics import CascadeError, Diagnostic
from cascade_dsl.ir.events import AttemptFinished, BackoffEnded, Computed, Event, Expanded, Gathered, RunEnded
from cascade_dsl.store.journal import AttemptRow, Journal, JournalReader, StoredValue, key_of, key_text

NEW_RUN = "start a new run with `cascade run`"
OTHER_VERSION = "use the version of Cascade that wrote it, or start a new run"


def turn(number: int) -> list[Event]:
    """A turn of a size that its number gives, so that half a turn can be told."""
    return [Expanded(region=(number, i), count=number) for i in range(1 + number % 5)]


def read(path: Path) -> list[tuple[int, int, Event]]:
    with JournalReader(path) as reader:
        return list(reader.events())


def refused(path: Path) -> Diagnostic:
    with pytest.raises(CascadeError) as caught:
        read(path)
    (found,) = caught.value.diagnostics
    return found


def written(path: Path, turns: int = 4) -> Path:
    with Journal.create(path) as journal:
        for number in range(turns):
            journal.commit(100 + number, turn(number))
    return path


def alter(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def test_turns_are_numbered_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        assert journal.next_seq == 1
        journal.commit(10, turn(1))
        assert journal.next_seq == 3
        journal.commit(11, [RunEnded(status="done")])
        assert journal.next_seq == 4
        journal.commit(12, [])
        assert journal.next_seq == 4
    expected = [
        (1, 10, Expanded(region=(1, 0), count=1)),
        (2, 10, Expanded(region=(1, 1), count=1)),
        (3, 11, RunEnded(status="done")),
    ]
    assert read(path) == expected
    with Journal.open(path) as again:
        assert list(again.events()) == expected
        assert again.next_seq == 4
        again.commit(13, [BackoffEnded(key=(9,))])
    assert read(path) == [*expected, (4, 13, BackoffEnded(key=(9,)))]


def test_only_the_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    old = os.umask(0)
    try:
        with Journal.create(path) as journal:
            journal.commit(1, turn(1))
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    finally:
        os.umask(old)
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600, "journal.db-shm": 0o600}
    assert [p.name for p in tmp_path.iterdir()] == ["journal.db"]


def test_a_journal_is_not_created_over_another(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db")
    with pytest.raises(CascadeError) as caught:
        Journal.create(path)
    assert caught.value.diagnostics == (
        Diagnostic(
            code="CSC700",
            message=f"the journal `{path}` cannot be created: File exists",
            help="check that the project's folder is writable and its disk not full",
        ),
    )
    assert len(read(path)) == 1 + 2 + 3 + 4


def test_an_opened_journal_is_read_before_it_is_written(tmp_path: Path) -> None:
    with Journal.open(written(tmp_path / "journal.db")) as journal:
        with pytest.raises(AssertionError, match="an opened journal is read before it is written"):
            journal.commit(1, turn(1))


def test_a_commit_on_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.commit(1, turn(2))
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages}")
        large = [Computed(key=(n,), value="x" * 3000) for n in range(50)]
        with pytest.raises(CascadeError) as caught:
            journal.commit(2, large, [AttemptRow(7, (1,), "a", "a.log", 2)])
        assert caught.value.diagnostics == (
            Diagnostic(
                code="CSC702",
                message=f"the journal `{path}` cannot be written: database or disk is full",
                help="make room on the disk, then go on with `cascade continue`",
            ),
        )
        assert journal.next_seq == 4
        assert [event for _, _, event in read(path)] == turn(2)
        with JournalReader(path) as reader:
            assert reader.attempts() == []
        journal._db.execute(f"PRAGMA max_page_count = {pages + 1000}")
        journal.commit(3, large)
    assert [event for _, _, event in read(path)] == [*turn(2), *large]


def test_a_number_that_is_taken_fails_the_commit_as_a_whole(tmp_path: Path) -> None:
    """A second writer, which the lock of the run forbids, would be noticed, not mixed in."""
    path = tmp_path / "journal.db"
    with Journal.create(path) as first, Journal.open(path) as second:
        assert list(second.events()) == []
        second.commit(1, turn(1))
        with pytest.raises(CascadeError) as caught:
            first.commit(1, turn(3))
        assert caught.value.diagnostics[0].message == (
            f"the journal `{path}` cannot be written: UNIQUE constraint failed: events.seq"
        )
    assert [event for _, _, event in read(path)] == turn(1)


def test_values_by_row(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        journal.commit(
            1,
            [
                AttemptFinished(key=(1,), epoch=0, attempt=1, value='{"a":1}'),
                Gathered(region=(2,), value=None, blob="abc", length=3),
                BackoffEnded(key=(3,)),
            ],
        )
        journal.commit(2, [Computed(key=(4, n), value=str(n)) for n in range(1200)])
        with JournalReader(path) as reader:
            assert reader.value(1) == StoredValue('{"a":1}', None)
            assert reader.value(2) == StoredValue(None, "abc")
            assert reader.value(3) == StoredValue(None, None)
            with pytest.raises(KeyError):
                reader.value(5000)
            values = reader.values(range(1203, 3, -1))
            assert values == {seq: StoredValue(str(seq - 4), None) for seq in range(4, 1204)}
            journal.commit(3, [Computed(key=(5,), value="late")])
            assert reader.value(1204) == StoredValue("late", None)


def test_a_reader_works_in_another_thread_while_turns_are_committed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    seen: list[StoredValue] = []
    with Journal.create(path) as journal, JournalReader(path) as reader:

        def look(seq: int) -> None:
            seen.append(reader.value(seq))

        for number in range(1, 50):
            journal.commit(number, [Computed(key=(number,), value=str(number))])
            thread = threading.Thread(target=look, args=(number,))
            thread.start()
            thread.join()
    assert seen == [StoredValue(str(n), None) for n in range(1, 50)]


def test_attempts_are_kept_beside_the_events(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first = AttemptRow(1, (4, 0), "pages[oslo]", "logs/1.log", 55)
    second = AttemptRow(2, (4, 1), "pages[rome]", "logs/2.log", 56)
    with Journal.create(path) as journal:
        journal.commit(1, [], [second])
        journal.commit(2, turn(0), [first])
        assert journal.next_seq == 2
    with JournalReader(path) as reader:
        assert reader.attempts() == [first, second]
    assert key_of(key_text((5, 0, 12))) == (5, 0, 12)


def test_last_is_the_newest_event(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal, JournalReader(path) as reader:
        assert reader.last() is None
        journal.commit(1, [*turn(2), RunEnded(status="drained")])
        assert reader.last() == RunEnded(status="drained")


def test_sync_and_checkpoint_keep_every_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade_dsl.store.journal._CHECKPOINT_COMMITS", 10)
    path = tmp_path / "journal.db"
    with Journal.create(path) as journal:
        for number in range(40):
            journal.commit(number, turn(number))
            if number % 15 == 0:
                thread = threading.Thread(target=journal.sync)
                thread.start()
                thread.join()
        # The log was moved into the database: the file alone holds the turns before the last checkpoint.
        copy = tmp_path / "copy.db"
        copy.write_bytes(path.read_bytes())
        assert len(read(copy)) >= sum(len(turn(n)) for n in range(15))
    assert [event for _, _, event in read(path)] == [e for n in range(40) for e in turn(n)]
    journal.close()


@pytest.mark.parametrize(
    ("statement", "message", "notes"),
    [
        (
            "UPDATE events SET payload = replace(payload, '\"count\":2', '\"count\":3') WHERE seq = 5",
            "event 5 is not what was written",
            ("its checksum does not fit",),
        ),
        ("UPDATE events SET t_ns = 7 WHERE seq = 2", "event 2 is not what was written", ("its checksum does not fit",)),
        (
            "UPDATE events SET kind = 'Closed' WHERE seq = 3",
            "event 3 is not what was written",
            ("its checksum does not fit",),
        ),
        (
            "UPDATE events SET chain = x'00' WHERE seq = 10",
            "event 10 is not what was written",
            ("its checksum does not fit",),
        ),
        (
            "UPDATE events SET payload = x'ff00' WHERE seq = 4",
            "event 4 is not what was written",
            ("'bytes' object has no attribute 'encode'",),
        ),
        ("DELETE FROM events WHERE seq = 1", "event 1 is missing", ("the next one is 2",)),
        ("DELETE FROM events WHERE seq BETWEEN 4 AND 6", "event 4 is missing", ("the next one is 7",)),
        ("DROP TABLE events", "event 1 cannot be read", ("no such table: events",)),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, statement: str, message: str, notes: tuple[str, ...]) -> None:
    path = written(tmp_path / "journal.db")
    alter(path, statement)
    expected = Diagnostic(
        code="CSC701", message=f"the journal `{path}` is damaged: {message}", notes=notes, help=NEW_RUN
    )
    assert refused(path) == expected
    with Journal.open(path) as journal:
        with pytest.raises(CascadeError) as caught:
            list(journal.events())
    assert caught.value.diagnostics == (expected,)


def test_a_row_moved_from_another_place_is_noticed(tmp_path: Path) -> None:
    """Each row is a good one; only the chain tells that they do not follow each other."""
    path = written(tmp_path / "journal.db")
    alter(
        path,
        "DELETE FROM events WHERE seq = 3",
        "UPDATE events SET seq = seq - 1 WHERE seq > 3",
    )
    assert refused(path).message == f"the journal `{path}` is damaged: event 3 is not what was written"


def test_rows_up_to_any_commit_are_a_valid_prefix(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db", 6)
    whole = read(path)
    ends = [sum(len(turn(n)) for n in range(k)) for k in range(6, -1, -1)]
    for end in ends:
        alter(path, f"DELETE FROM events WHERE seq > {end}")
        assert read(path) == whole[:end]
        with Journal.open(path) as journal:
            assert list(journal.events()) == whole[:end]
            assert journal.next_seq == end + 1


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database " * 500)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def scrambled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncated, "database disk image is malformed"),
        (garbage, "file is not a database"),
        (emptied, "it has no tables"),
        (scrambled, "event 1 cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    path = written(tmp_path / "journal.db", 60)
    damage(path)
    found = refused(path)
    assert (found.code, found.message) == ("CSC701", f"the journal `{path}` is damaged: {message}")


def test_another_database_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    alter(path, "CREATE TABLE events(seq)")
    assert refused(path) == Diagnostic(
        code="CSC701", message=f"the journal `{path}` is damaged: it is not a journal of Cascade", help=NEW_RUN
    )


def test_a_journal_of_the_future_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "journal.db")
    alter(path, "PRAGMA user_version = 2")
    assert refused(path) == Diagnostic(
        code="CSC703",
        message=f"the journal `{path}` has format 2, this version of Cascade reads up to 1",
        help=OTHER_VERSION,
    )


def test_an_event_of_the_future_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    monkeypatch.setattr("cascade_dsl.store.journal.EVENT_SCHEMA", 2)
    written(path)
    monkeypatch.undo()
    assert refused(path) == Diagnostic(
        code="CSC703",
        message=(
            f"event 1 of the journal `{path}` was written by another version of Cascade: "
            "schema 2 is not 1, the one that this version reads"
        ),
        help=OTHER_VERSION,
    )


def test_no_journal_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert refused(path) == Diagnostic(
        code="CSC700",
        message=f"there is no journal `{path}`",
        help="`cascade history` lists the runs of a project",
    )


COMMITTING = """
import sys
from pathlib import Path
from cascade_dsl.store.journal import AttemptRow, Journal
from test_store_journal import turn

path = Path(sys.argv[1])
journal = Journal.open(path) if path.exists() else Journal.create(path)
number = len({event.count for _, _, event in journal.events()})
while True:
    journal.commit(number, turn(number), [AttemptRow(number, (number,), "n", "l", number)])
    print(number, flush=True)
    number += 1
    if number % 50 == 0:
        journal.sync()
"""


def whole_turns(path: Path) -> int:
    """How many turns a journal holds; fails where one is not whole."""
    events: Sequence[Event] = [event for _, _, event in read(path)]
    number = 0
    while events:
        expected = turn(number)
        assert events[: len(expected)] == expected
        events = events[len(expected) :]
        number += 1
    return number


def test_kill_9_in_the_middle_of_commits_leaves_whole_turns(tmp_path: Path) -> None:
    """Eight engines, one after the other, each killed while it commits: nothing acknowledged is lost, no turn is halved."""
    path = tmp_path / "journal.db"
    acknowledged = -1
    for generation in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", COMMITTING, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        )
        assert child.stdout is not None
        for line in child.stdout:
            acknowledged = int(line)
            if acknowledged >= 37 * (generation + 1):
                child.send_signal(signal.SIGKILL)
                break
        rest = child.stdout.read().splitlines()
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
        # The last line may be cut: the kill falls anywhere.
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
        assert whole_turns(path) >= acknowledged + 1
    with JournalReader(path) as reader:
        assert [row.serial for row in reader.attempts()] == list(range(whole_turns(path)))
