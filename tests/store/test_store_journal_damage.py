"""A damaged journal gives the events that were written, or says what is wrong: never others, never a traceback.

What is damaged are real files: those of a journal that was closed, and those that a killed writer leaves.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir.events import Event
from cascade_dsl.store.boot import boot_id
from cascade_dsl.store.journal import Journal, JournalReader

WRITER = """
import os, signal, sys
from pathlib import Path
from cascade_dsl.ir.events import AttemptStarted, Computed, Expanded
from cascade_dsl.store.journal import AttemptRow, Journal

rounds, killed = int(sys.argv[2]), sys.argv[3] == "killed"
journal = Journal.create(Path(sys.argv[1]))
for n in range(60):
    events = [AttemptStarted(key=(1, n), epoch=0, attempt=1, serial=n), Computed(key=(2, n), value="v" * (7 * n))]
    rows = [AttemptRow(n, (1, n), f"t[{n}]", f"logs/{n}.log", n)]
    journal.commit(1000 + n, [*events, *(Expanded(region=(3, n, i), count=i) for i in range(n % 4))], rows)
    if n % 20 == 19 and n < 20 * rounds:
        journal._since_checkpoint = 1_000_000
        journal.sync()
if killed:
    os.kill(os.getpid(), signal.SIGKILL)
journal.close()
"""
ROUNDS = {"closed": 0, "killed": 0, "killed after checkpoints": 2}
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Hundreds of journals are opened here, and a disk would be asked to keep each."""
Kind = Literal["closed", "killed", "killed after checkpoints"]
Files = dict[str, bytes]
Outcome = list[tuple[int, int, Event]] | str


@pytest.fixture(scope="module")
def left() -> Iterator[dict[str, Files]]:
    """The files of each kind of journal."""
    base = Path(tempfile.mkdtemp())
    found: dict[str, Files] = {}
    for kind, rounds in ROUNDS.items():
        folder = base / kind
        folder.mkdir()
        ended = subprocess.run(
            [sys.executable, "-c", WRITER, folder / "journal.db", str(rounds), kind[:6]], check=False
        )
        assert ended.returncode in (0, -signal.SIGKILL)
        found[kind] = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(found["closed"]) == {"journal.db"}
    assert all(len(found[kind]["journal.db-wal"]) > 50_000 for kind in ROUNDS if kind != "closed")
    yield found
    shutil.rmtree(base)


def outcomes(files: Files, boot: str = "") -> tuple[Outcome, Outcome]:
    """What a reader finds, and whoever would go on with the run: events, or the code of a named error."""
    found: list[Outcome] = []
    for opener in (JournalReader, Journal.open):
        with tempfile.TemporaryDirectory(dir=FAST) as folder:
            for name, data in files.items():
                (Path(folder) / name).write_bytes(data)
            if boot:
                (Path(folder) / "run.json").write_text(f'{{"boot": "{boot}"}}')
            try:
                with opener(Path(folder) / "journal.db") as journal:
                    found.append(list(journal.events()))
            except CascadeError as error:
                (only,) = error.diagnostics
                assert only.code in ("CSC700", "CSC701", "CSC703"), only
                found.append(only.code)
    return found[0], found[1]


def whole(left: dict[str, Files], kind: Kind) -> Outcome:
    reader, opener = outcomes(left[kind])
    assert reader == opener
    assert len(reader) == 60 * 2 + 15 * (0 + 1 + 2 + 3)
    return reader


kinds = st.sampled_from(["closed", "killed", "killed after checkpoints"])


@given(kinds, st.sampled_from(["journal.db", "journal.db-wal"]), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
@example("killed", "journal.db-wal", 0.1, 2)
@example("killed", "journal.db-wal", 0.9999, 2)
@settings(max_examples=200)
def test_a_flipped_bit_changes_nothing_or_is_named(
    left: dict[str, Files], kind: Kind, name: str, where: float, bit: int
) -> None:
    name = name if name in left[kind] else "journal.db"
    data = bytearray(left[kind][name])
    data[int(where * len(data))] ^= 1 << bit
    for found in outcomes(left[kind] | {name: bytes(data)}):
        assert isinstance(found, str) or found == whole(left, kind)


@given(
    kinds,
    st.sampled_from(["journal.db", "journal.db-wal"]),
    st.integers(0, 2000),
    st.integers(0, 2000),
    st.sampled_from(["zero", "copy", "swap"]),
    st.sampled_from([512, 4096]),
)
@settings(max_examples=100)
def test_sectors_that_are_lost_or_misplaced_change_nothing_or_are_named(
    left: dict[str, Files], kind: Kind, name: str, one: int, other: int, how: str, size: int
) -> None:
    name = name if name in left[kind] else "journal.db"
    data = bytearray(left[kind][name])
    one, other = (at % (len(data) // size) * size for at in (one, other))
    first, second = data[one : one + size], data[other : other + size]
    data[one : one + size] = bytes(size) if how == "zero" else second
    if how == "swap":
        data[other : other + size] = first
    for found in outcomes(left[kind] | {name: bytes(data)}):
        assert isinstance(found, str) or found == whole(left, kind)


@given(kinds, st.sampled_from(["journal.db", "journal.db-wal"]), st.floats(0, 1))
@settings(max_examples=60)
def test_a_truncated_journal_is_named_or_ends_at_a_commit(
    left: dict[str, Files], kind: Kind, name: str, where: float
) -> None:
    name = name if name in left[kind] else "journal.db"
    data = left[kind][name]
    events = whole(left, kind)
    for found in outcomes(left[kind] | {name: data[: int(where * len(data))]}):
        if isinstance(found, str):
            continue
        assert found == events[: len(found)]
        after = events[len(found) : len(found) + 1]
        assert not found or not after or found[-1][1] != after[0][1], "half a turn"


@pytest.mark.parametrize("kind", ["killed", "killed after checkpoints"])
def test_a_log_whose_end_was_not_flushed_is_a_shorter_journal_after_a_restart_of_the_machine(
    left: dict[str, Files], kind: Kind
) -> None:
    data = bytearray(left[kind]["journal.db-wal"])
    data[40_000:45_000] = bytes(5000)
    damaged = left[kind] | {"journal.db-wal": bytes(data)}
    assert outcomes(damaged, boot_id()) == ("CSC701", "CSC701")
    events = whole(left, kind)
    for found in outcomes(damaged, "before"):
        assert 0 < len(found) < len(events)
        assert found == events[: len(found)]


def test_a_write_that_a_kill_cut_off_is_no_damage(left: dict[str, Files]) -> None:
    """In the middle of a frame, between two of a commit, and over what an earlier round through the log left."""
    for kind in ("killed", "killed after checkpoints"):
        files, events = left[kind], whole(left, kind)
        log = files["journal.db-wal"]
        for cut in (len(log) - 1, len(log) - 4096, len(log) - 4120, len(log) - 4121):
            for found in outcomes(files | {"journal.db-wal": log[:cut]}):
                assert not isinstance(found, str)
                assert found == events[: len(found)]


ROWS = [
    ("UPDATE events SET payload = '{}' WHERE seq = 9", "is not what was written"),
    ("UPDATE events SET t_ns = t_ns + 1 WHERE seq = 9", "is not what was written"),
    ("UPDATE events SET payload = x'00ff' WHERE seq = 9", "is not what was written"),
    ("UPDATE events SET kind = 5 WHERE seq = 9", "is not what was written"),
    ("DELETE FROM events WHERE seq = 9", "event 9 is missing"),
    ("DELETE FROM events WHERE seq < 9", "event 1 is missing"),
    ("UPDATE events SET seq = 9999 WHERE seq = 9", "event 9 is missing"),
    (
        "UPDATE events SET seq = CASE seq WHEN 9 THEN -10 ELSE -9 END WHERE seq IN (9, 10);"
        "UPDATE events SET seq = -seq WHERE seq < 0",
        "event 9 is not what was written",
    ),
    ("INSERT INTO events SELECT 999 + seq, t_ns, kind, schema, payload, chain FROM events WHERE seq = 9", "is missing"),
    (
        "INSERT INTO events SELECT (SELECT max(seq) + 1 FROM events), t_ns, kind, schema, payload, chain "
        "FROM events WHERE seq = 9",
        "is not what was written",
    ),
]


@pytest.mark.parametrize(("statements", "said"), ROWS)
def test_rows_that_are_changed_removed_moved_or_doubled_are_named(
    left: dict[str, Files], statements: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(left["closed"]["journal.db"])
    db = sqlite3.connect(path)
    db.executescript(statements)
    db.close()
    for opener in (JournalReader, Journal.open):
        with pytest.raises(CascadeError) as caught, opener(path) as journal:
            list(journal.events())
        (only,) = caught.value.diagnostics
        assert only.code == "CSC701"
        assert said in only.message


def test_attempts_that_are_not_what_was_written_are_named(left: dict[str, Files], tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(left["closed"]["journal.db"])
    db = sqlite3.connect(path)
    db.execute("UPDATE attempts SET key = '1.x' WHERE serial = 3")
    db.commit()
    db.close()
    with JournalReader(path) as reader, pytest.raises(CascadeError, match="an attempt is not what was written"):
        reader.attempts()
