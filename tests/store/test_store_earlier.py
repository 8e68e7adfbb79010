"""The index of what earlier runs published: which result counts, and what of a plan that was cut off."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from cascade_dsl.ir.events import AttemptFinished, Event, PlannedFile, PlannedRemoval, PublishPlanned
from cascade_dsl.ir.graph import NodeKey
from cascade_dsl.store.earlier import Earlier, paths_of
from cascade_dsl.store.journal import AttemptRow, Journal
from cascade_dsl.store.runs import Project

A: NodeKey = (1,)
B: NodeKey = (2, 0)
NAMES: dict[NodeKey, str] = {A: "a", B: "b[x]"}


def planned(key: NodeKey, folder: Path, *names: str, gone: tuple[str, ...] = (), attempt: int = 1) -> PublishPlanned:
    files = [PlannedFile(scratch="s", final=str(folder / n), size=1, digest=n, inode=0) for n in names]
    removals = [PlannedRemoval(path=str(folder / n), size=1, digest=n) for n in gone]
    return PublishPlanned(key=key, epoch=0, attempt=attempt, files=tuple(files), value="1", removals=tuple(removals))


def finished(key: NodeKey, attempt: int = 1) -> AttemptFinished:
    return AttemptFinished(key=key, epoch=0, attempt=attempt, value=None)


class History:
    """A project with runs whose journals hold what is said here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = Project(folder)
        self.now_ns = 1_000_000_000

    def run(self, *events: Event, file: str = "p.csc", end: bool = True) -> str:
        self.now_ns += 1_000_000_000
        run = self.project.create(file=file, pid=1, warden=None, now_ns=self.now_ns)
        run.write_graph(
            json.dumps({"cascade_graph": 1, "graph": {"nodes": [{"_": "Call", "id": 1, "task": "t"}, {"body": [{"_": "Call", "id": 2, "task": "u"}]}]}})
        )  # fmt: skip
        with Journal.create(run.journal) as journal:
            rows = [AttemptRow(n, key, name, "log", 1) for n, (key, name) in enumerate(NAMES.items(), 1)]
            for number, event in enumerate(events):
                journal.commit(self.now_ns + number, [event], rows if number == 0 else ())
        run.release()
        return run.id

    def more(self, run: str, *events: Event) -> None:
        with Journal.open(self.project.run(run).journal) as journal:
            assert list(journal.events())
            for number, event in enumerate(events):
                journal.commit(self.now_ns + 500 + number, [event])

    def of(self, key: NodeKey, task: str, *, file: str = "p.csc", run: str = "now") -> list[str]:
        earlier = Earlier(self.project, run, file, {})
        try:
            return sorted(Path(one.path).name for one in earlier.of(key, NAMES[key], task))
        finally:
            earlier.close()


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


def test_the_newest_result_of_the_same_node_counts(history: History) -> None:
    assert history.of(A, "t") == []
    history.run(planned(A, history.folder, "x", "y"), finished(A), planned(B, history.folder, "z"), finished(B))
    history.run(planned(A, history.folder, "x"), finished(A))
    history.run(planned(A, history.folder, "q"), finished(A), file="q.csc")
    assert history.of(A, "t") == ["x"]
    assert history.of(B, "u") == ["z"]
    assert history.of(B, "other") == []
    assert history.of(A, "t", file="q.csc") == ["q"]


def test_what_was_not_removed_still_belongs_to_the_node(history: History) -> None:
    run = history.run(planned(A, history.folder, "x", gone=("y", "z")))
    assert history.of(A, "t") == ["x", "y", "z"]
    history.more(run, finished(A))  # continued after the index had been made
    assert history.of(A, "t") == ["x"]
    history.run(planned(A, history.folder, "w", gone=("x",)), finished(A))
    assert history.of(A, "t") == ["w"]


def test_a_run_knows_its_own_plans_by_what_it_is_given(history: History) -> None:
    run = history.run(planned(A, history.folder, "x"))
    assert history.of(A, "t", run=run) == []
    own = {A: paths_of(planned(A, history.folder, "x", gone=("y",)), history.folder)}
    earlier = Earlier(history.project, run, "p.csc", own)
    assert earlier.may_have("t")
    assert sorted(Path(one.path).name for one in earlier.of(A, "a", "t")) == ["x", "y"]
    assert (earlier.may_have("t"), earlier.may_have("u")) == (True, False)
    earlier.close()


def test_a_project_without_a_past_is_known_to_have_none(history: History) -> None:
    run = history.run(planned(A, history.folder, "x"))
    earlier = Earlier(history.project, run, "p.csc", {})
    assert not earlier.is_possible
    assert not earlier.may_have("t")
    assert not (history.project.state / "published.db").exists()


def test_what_is_in_the_store_and_elsewhere_is_not_told(history: History) -> None:
    history.run(planned(A, history.folder / ".cascade" / "store", "k"), planned(B, history.folder.parent, "outside"))
    assert history.of(A, "t") == []
    assert history.of(B, "u") == []


@pytest.mark.parametrize("damage", ["text", "version", "journal", "graph"])
def test_damage_costs_nothing_but_what_is_damaged(history: History, damage: str) -> None:
    first = history.run(planned(A, history.folder, "x"), finished(A))
    history.run(planned(B, history.folder, "z"), finished(B))
    index = history.project.state / "published.db"
    match damage:
        case "text":
            index.write_text("no database at all, not even nearly")
        case "version":
            db = sqlite3.connect(index)
            db.execute("PRAGMA user_version = 99")
            db.close()
        case "journal":
            history.project.run(first).journal.write_bytes(b"garbage" * 1000)
        case _:
            history.project.run(first).graph.write_text("{")
    lost = damage in ("journal", "graph")
    assert history.of(A, "t") == ([] if lost else ["x"])
    assert history.of(B, "u") == ["z"]
