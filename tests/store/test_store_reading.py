"""Who looks at a journal leaves no trace, whatever state it is in, and sees all that is committed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cascade_dsl.ir.events import DrainBegan
from cascade_dsl.store.journal import Journal, JournalReader
from cascade_dsl.store.reading import open_to_read, stamp


def picture(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.iterdir())
    }


def written(path: Path, count: int = 3) -> Journal:
    journal = Journal.create(path)
    for at in range(count):
        journal.commit(at, [DrainBegan(why=str(at))])
    return journal


def over(folder: Path) -> None:
    written(folder / "journal.db").close()


def stray(folder: Path) -> None:
    """A reader of an earlier version leaves an empty log and an index."""
    over(folder)
    (folder / "journal.db-wal").touch()
    (folder / "journal.db-shm").write_bytes(bytes(32768))


KILLED = """
import os, signal, sys
from pathlib import Path
from cascade_dsl.ir.events import DrainBegan
from cascade_dsl.store.journal import Journal
journal = Journal.create(Path(sys.argv[1]))
for at in range(3):
    journal.commit(at, [DrainBegan(why=str(at))])
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder / "journal.db")])
    assert done.returncode == -signal.SIGKILL
    assert (folder / "journal.db-wal").stat().st_size


@pytest.mark.parametrize("make", [over, stray, killed])
def test_reading_leaves_no_trace(make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "run %23?#"
    folder.mkdir()
    make(folder)
    before = picture(folder)
    for _ in range(2):
        with JournalReader(folder / "journal.db") as reader:
            assert [event for _, _, event in reader.events()] == [DrainBegan(why=str(n)) for n in range(3)]
        assert picture(folder) == before


@pytest.mark.parametrize("make", [over, killed])
def test_what_cannot_be_written_can_be_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    make(folder)
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)
    code = (
        "import ctypes, os, sys\nfrom pathlib import Path\n"
        "for capability in (1, 2): ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)\n"
        "if sys.argv[2:]: os.execv(sys.executable, [sys.executable, '-c', sys.argv[2], sys.argv[1]])\n"
    )
    inner = (
        "import sys\nfrom pathlib import Path\nfrom cascade_dsl.store.journal import JournalReader\n"
        "folder = Path(sys.argv[1])\n"
        "try:\n    (folder / 'x').touch()\nexcept PermissionError:\n    pass\nelse:\n    sys.exit('it can be written')\n"
        "print(len(list(JournalReader(folder / 'journal.db').events())))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder), inner], capture_output=True, text=True)
    folder.chmod(0o700)
    assert (done.stdout, done.stderr, done.returncode) == ("3\n", "", 0)


def test_a_live_journal_is_read_as_it_grows_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = written(path)
    count = (
        "import sys\nfrom pathlib import Path\nfrom cascade_dsl.store.journal import JournalReader\n"
        "print(len(list(JournalReader(Path(sys.argv[1])).events())))\n"
    )

    def seen() -> str:
        return subprocess.run([sys.executable, "-c", count, str(path)], capture_output=True, text=True).stdout

    before = picture(tmp_path)
    assert seen() == "3\n"
    assert picture(tmp_path) == before
    mark = stamp(path)
    journal.commit(9, [DrainBegan(why="more")])
    assert stamp(path) != mark
    assert seen() == "4\n"
    journal.close()
    assert seen() == "4\n"
    assert [p.name for p in tmp_path.iterdir()] == ["journal.db"]


def test_a_copy_without_its_index_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    killed(tmp_path / "a")
    (tmp_path / "a" / "journal.db-shm").unlink()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with closing(open_to_read(tmp_path / "b" / "journal.db")) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (3,)


def test_the_stamp_of_what_is_not_there(tmp_path: Path) -> None:
    assert stamp(tmp_path / "x") == (0, 0, 0, 0)
    assert os.listdir(tmp_path) == []
