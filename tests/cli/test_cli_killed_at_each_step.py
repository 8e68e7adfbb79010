"""A whole run, killed before each change of a file or folder that it makes, or on a disk that is full from there on.

Held: before the plan of a node is in the journal its outputs are the old ones, all of them; in the end all are the new ones;
no body runs again whose finish was in the journal; nothing is left over.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from killing import begin, go_on, play

from cascade_dsl.api import load_graph
from cascade_dsl.base.diagnostics import CascadeError
from cascade_dsl.ir.events import AttemptFinished, Event, PublishPlanned
from cascade_dsl.store.journal import Journal, JournalReader
from cascade_dsl.store.runs import Project

PROGRAM = '''\
param n: int
param diary: str

task make(n: int, diary: str) -> (a: file = "out/a", deep: file = "deep/{{n}}/er/b", d: dir = "d", parts: list[file] = "parts/*", kept: file, size: int) {
  in scratch
  sh """
    echo make >> {{diary}}
    echo a{{n}} > {{a}}
    echo b{{n}} > {{deep}}
    mkdir -p {{d}}/in
    echo d{{n}} > {{d}}/in/x
    echo d{{n}} > {{d}}/only-{{n}}
    mkdir parts
    echo p{{n}} > parts/{{n}}
    echo q{{n}} > parts/q
    echo k{{n}} > {{kept}}
    echo {{n}} > {{size}}
  """
}

task read(a: file, d: dir, kept: file, diary: str) -> text: file = "text" {
  sh "echo read >> {{diary}}; cat {{a}} {{d}}/in/x {{kept}} > {{text}}"
}

made = make(n, diary)
output text = read(made.a, made.d, made.kept, diary)
output size = made.size
'''
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def tree(folder: Path) -> dict[str, str]:
    """What the program has published, and what hidden names lie beside it."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(folder / ".cascade") and path.name != "p.csc"
    }


def expected(n: int) -> dict[str, str]:
    return {
        "out/a": f"a{n}\n",
        f"deep/{n}/er/b": f"b{n}\n",
        "d/in/x": f"d{n}\n",
        f"d/only-{n}": f"d{n}\n",
        f"parts/{n}": f"p{n}\n",
        "parts/q": f"q{n}\n",
        "text": f"a{n}\nd{n}\nk{n}\n",
    }


def newest_events(folder: Path, after: int) -> list[Event]:
    """The journal of the newest run, where there are more runs than `after`."""
    runs = Project(folder).runs()
    if len(runs) <= after or not runs[0].journal.exists():
        return []
    with suppress(CascadeError), JournalReader(runs[0].journal) as reader:
        return [event for _, _, event in reader.events()]
    return []


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose disk answers at once."""
    base = Path(tempfile.mkdtemp(dir=FAST))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(base))
    yield base
    shutil.rmtree(base)


class World:
    """A project in which the program has run with n = 1, and is to run with n = 2; it can be had again as it was."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.folder, self._old, self.diary = place / "p", place / "old", place / "diary"
        self.folder.mkdir()
        (self.folder / "p.csc").write_text(PROGRAM)
        self._graph = load_graph(self.folder / "p.csc")
        assert play(self.start(1), place).how == "done"
        assert tree(self.folder) == expected(1)
        shutil.copytree(self.folder, self._old, symlinks=True)

    def start(self, n: int = 2) -> Callable[[], str]:
        return partial(begin, self._graph, self.folder, n=n, diary=str(self.diary))

    def go_on(self) -> str:
        return go_on(self.folder)

    def again(self) -> None:
        """As it was before n = 2."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._old, self.folder, symlinks=True)
        self.diary.write_text("")

    def bodies(self) -> list[str]:
        return self.diary.read_text().splitlines()

    def counted(self, kind: type[Event]) -> int:
        return sum(isinstance(event, kind) for event in newest_events(self.folder, 1))


@pytest.fixture
def world(place: Path) -> World:
    return World(place)


@pytest.mark.timeout(300)
def test_killed_before_each_change_and_again_while_it_recovers(world: World) -> None:
    changes = play(world.start(), world.place).changes
    assert tree(world.folder) == expected(2)
    assert {line.split(" ")[0] for line in changes} >= {"commit", "rename", "exchange", "unlink", "fsync", "mkdir"}
    died, redone = 0, 0
    for at in range(len(changes)):
        world.again()
        if play(world.start(), world.place, at=at).how != "killed":
            continue  # threads have gone another way, with fewer changes
        died += 1
        finished, planned = world.counted(AttemptFinished), world.counted(PublishPlanned)
        redone += planned > finished
        if not planned:
            assert tree(world.folder) == expected(1), changes[at]
        began, begun = bool(newest_events(world.folder, 1)), len(world.bodies())
        if began and at % 3 == 0:
            play(world.go_on, world.place, at=at * 7 % 60)
        killed_after_its_end = bool(newest_events(world.folder, 1)) and Project(world.folder).continuable() == []
        if not killed_after_its_end:
            assert play(world.go_on if began else world.start(), world.place).how == "done", changes[at]
        assert tree(world.folder) == expected(2), changes[at]
        bodies = world.bodies()[begun:]
        assert bodies.count("make") <= (0 if finished else 2), changes[at]
        assert bodies.count("read") <= (0 if finished > 1 else 2), changes[at]
        run = Project(world.folder).runs()[0]
        if killed_after_its_end:
            assert play(world.start(), world.place).how == "done", "the next run clears what it left"
        assert [p.name for p in run.scratch.iterdir()] == [], changes[at]
    assert died >= 60
    assert redone >= 10


@pytest.mark.timeout(300)
def test_on_a_disk_that_is_full_from_any_change_on(world: World) -> None:
    """A sentence with a code or a failed node, the earlier outputs as they were, and all of it once there is room."""
    changes = play(world.start(), world.place, "full").changes
    said: dict[str, str] = {}
    for at, change in enumerate(changes):
        if change.split(" ")[0] in ("unlink", "rmdir") or change == changes[at - 1]:
            continue  # as full as at the next, or as at the last
        world.again()
        found = play(world.start(), world.place, "full", at)
        finished = world.counted(AttemptFinished)
        if not world.counted(PublishPlanned):
            assert tree(world.folder) == expected(1), changes[at]
        if found.how == "done":
            assert tree(world.folder) == expected(2), changes[at]
            continue
        if found.how == "refused":
            said.setdefault(found.said.split(":")[0], found.said)
        begun = len(world.bodies())
        # A node that failed for want of room ended the run: that is run again; what was stopped is gone on with.
        can_go_on = any(run.id == Project(world.folder).runs()[0].id for run in Project(world.folder).continuable())
        again = play(world.go_on if can_go_on else world.start(), world.place)
        assert again.how == "done", (changes[at], found, again)
        assert tree(world.folder) == expected(2), changes[at]
        if can_go_on:
            assert world.bodies()[begun:].count("make") <= (0 if finished else 1), changes[at]
    assert set(said) >= {"CSC700", "CSC702", "CSC706", "CSC740"}, said
    assert not set(said) & {"CSC900"}


def test_from_every_commit_of_a_real_journal_the_run_completes(world: World) -> None:
    """The files are those of the end: what a plan names stands at its place already, and more than the journal knows."""
    assert play(world.start(), world.place).how == "done"
    ended = world.place / "ended"
    shutil.copytree(world.folder, ended, symlinks=True)
    with JournalReader(Project(world.folder).runs()[0].journal) as reader:
        rows, attempts = list(reader.events()), reader.attempts()
    instants = sorted({t_ns for _, t_ns, _ in rows})
    assert len(instants) >= 6
    ran = 0
    for number, last in enumerate(instants[:-1]):
        shutil.rmtree(world.folder)
        shutil.copytree(ended, world.folder, symlinks=True)
        world.diary.write_text("")
        run = Project(world.folder).runs()[0]
        run.journal.unlink()
        if number % 2:  # without what is only an index over journals, too
            for index in (world.folder / ".cascade").glob("*.db*"):
                index.unlink()
        with Journal.create(run.journal) as journal:
            for instant in instants[: number + 1]:
                some = [event for _, t_ns, event in rows if t_ns == instant]
                journal.commit(instant, some, [row for row in attempts if row.started_ns == instant])
        finished = sum(isinstance(event, AttemptFinished) for _, t_ns, event in rows if t_ns <= last)
        assert play(world.go_on, world.place).how == "done", number
        assert tree(world.folder) == expected(2), number
        ran += len(world.bodies())
        assert world.bodies() in ([], ["make", "read"][finished:]), number
    assert ran >= 4
