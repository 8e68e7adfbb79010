"""`cascade suggest`, over journals that say what was measured: tables, edits, documents, refusals. It changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from live_runs import Project as Folder
from syrupy.assertion import SnapshotAssertion

from cascade_dsl import api
from cascade_dsl.ir.codec import graph_to_json
from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    Event,
    Facts,
    FactsKnown,
    PlannedFile,
    PublishPlanned,
    RunEnded,
    RunStarted,
)
from cascade_dsl.ir.graph import Call, walk
from cascade_dsl.ir.used import PeakFrom, Used, over_message
from cascade_dsl.lang.compile import compile_source
from cascade_dsl.store.journal import Journal
from cascade_dsl.store.runs import Project

MB, GB = 10**6, 10**9
SECOND = 1_000

PROGRAM = """\
# the tasks of a small laboratory
task align(n: int) -> int {
  requires cpu = 4, mem = 4GB
  sh "echo {{n}}"
}
task sort(n: int) -> int {
  # as much as it is given
  requires mem = 2 * n * 1MB
  sh "echo {{n}}"
}
task merge(n: int) -> int { sh "echo {{n}}" }
task plot(n: int) -> int {

  retry 2
  sh "echo {{n}}"
}
task fine(n: int) -> int { requires mem = 1GB, cpu = 2; sh "echo {{n}}" }
task rank(n: int) -> int {
  requires mem = n * 1MB + 1GB
  sh "echo {{n}}"
}
a = align(1)
s = sort(1000)
m = merge(3)
p = plot(4)
f = fine(5)
r = rank(6)
output o = [a, s, m, p, f, r]
"""


class Told:
    """Journals of runs of one program; each attempt is (binding, demands of a varying task, what it used, a message)."""

    def __init__(self, folder: Folder, program: str = PROGRAM, name: str = "lab.csc") -> None:
        self.folder = folder
        self.name = name
        folder.write(name, program)
        self.graph = api.load_graph(folder.folder / name)
        self.count = 0

    def run(self, *attempts: tuple[str, Sequence[int] | None, Used | None, str]) -> str:
        """A run in which these attempts ended; its id."""
        self.count += 1
        now = 1_700_000_000_000_000_000 + self.count * 10**12
        keys = {node.name: (node.id,) for node in walk(self.graph.nodes) if isinstance(node, Call)}
        run = Project(self.folder.folder).create(file=self.name, pid=1, warden=None, now_ns=now)
        run.write_graph(json.dumps(graph_to_json(self.graph)))
        events: list[Event] = [RunStarted(run=run.id, graph_digest="", on_failure="finish", words=())]
        for serial, (node, amounts, used, message) in enumerate(attempts, 1):
            key = keys[node]
            if amounts is not None:
                events.append(FactsKnown(key=key, facts=Facts(amounts=tuple(amounts))))
            events.append(AttemptStarted(key=key, epoch=0, attempt=1, serial=serial, queued_ms=5))
            if message:
                events.append(AttemptFailed(key=key, epoch=0, attempt=1, reason="signal", exit=-9, message=message,
                                            retry_at_ns=None, used=used))  # fmt: skip
            elif serial % 2:
                file = PlannedFile(scratch="/s", final="/f", size=1, digest="d", inode=1)
                events.append(PublishPlanned(key=key, epoch=0, attempt=1, files=(file,), value="1", used=used))
                events.append(AttemptFinished(key=key, epoch=0, attempt=1, value=None))
            else:
                events.append(AttemptFinished(key=key, epoch=0, attempt=1, value="1", used=used))
        events.append(RunEnded(status="done"))
        with Journal.create(run.journal) as journal:
            journal.commit(now, events)
        run.release()
        return run.id

    def suggest(self, *args: str) -> str:
        """What is printed, errors behind it."""
        done = self.folder.cascade("suggest", *args)
        return self.folder.shown(f"{done.out}--- exit {done.code}\n{done.err}")


def used(peak: int, cpu: float = 1.0, seconds: int = 10, peak_from: PeakFrom = "sampled") -> Used:
    return Used(int(cpu * seconds * SECOND), peak, 1, 1, seconds * SECOND, peak_from)


def rows(*amounts: int) -> list[int]:
    """Amounts in the order of the demands: the resource that is written, then the cpu that is not."""
    return list(amounts)


@pytest.fixture
def told(project: Folder) -> Told:
    return Told(project)


def lab(told: Told) -> None:
    for factor in (1.0, 0.9, 1.1):
        told.run(
            ("a", None, used(int(900 * MB * factor), cpu=1.4), ""),
            ("s", _demands(told, "sort", 2000 * MB), used(int(400 * MB * factor)), ""),
            ("m", None, used(int(2600 * MB * factor), cpu=2.7), ""),
            ("p", None, used(38 * MB, peak_from="atmost", seconds=0), ""),
            ("f", None, used(int(800 * MB * factor), cpu=1.9), ""),
            ("r", _demands(told, "rank", 1006 * MB), used(int(1050 * MB * factor)), ""),
        )


def _demands(told: Told, task: str, mem: int) -> list[int]:
    clauses = next(t.clauses for t in told.graph.tasks if t.name == task)
    return [mem if r.resource == "mem" else 1000 for r in clauses.requires]


def test_what_is_said_of_many_tasks(told: Told, snapshot: SnapshotAssertion) -> None:
    lab(told)
    before = {p: p.read_bytes() for p in told.folder.folder.rglob("*") if p.is_file()}
    assert told.suggest() == snapshot
    after = {p: p.read_bytes() for p in told.folder.folder.rglob("*") if p.is_file()}
    assert {p: b for p, b in after.items() if ".cascade" not in p.parts} == {
        p: b for p, b in before.items() if ".cascade" not in p.parts
    }


def test_the_document(told: Told, snapshot: SnapshotAssertion) -> None:
    lab(told)
    done = told.folder.cascade("suggest", "sort", "--json")
    assert done.code == 0
    assert told.folder.shown(json.dumps(done.json, indent=1)) == snapshot


def test_each_edit_makes_a_program_that_compiles(told: Told) -> None:
    lab(told)
    rows = told.folder.cascade("suggest", "--json").json["tasks"]
    assert sum(bool(row["edits"]) for row in rows) == 4
    for row in rows:
        lines = PROGRAM.split("\n")
        for edit in reversed(row["edits"]):
            at = edit["line"] - 1
            assert lines[at : at + len(edit["before"])] == edit["before"]
            lines[at : at + len(edit["before"])] = edit["after"]
        from cascade_dsl.base.diagnostics import Source

        assert compile_source(Source("lab.csc", "\n".join(lines)), folder=Path()).graph is not None


def test_who_was_ended_is_to_ask_for_more(told: Told, snapshot: SnapshotAssertion) -> None:
    over = used(4300 * MB)
    told.run(("a", None, over, over_message(4300 * MB, 4 * GB)), ("f", None, used(400 * MB), "exit 1"))
    assert told.suggest("align") == snapshot


def test_an_expression_that_gave_too_little(told: Told, snapshot: SnapshotAssertion) -> None:
    told.run(
        ("s", _demands(told, "sort", 200 * MB), used(310 * MB), ""),
        ("r", _demands(told, "rank", 1100 * MB), used(1200 * MB), over_message(1200 * MB, 1100 * MB)),
    )
    assert told.suggest() == snapshot


def test_a_seldom_seen_task_is_not_to_ask_for_less(told: Told) -> None:
    told.run(("a", None, used(100 * MB, cpu=1), ""))
    told.run(("a", None, used(100 * MB, cpu=1), ""))
    assert "nothing to change" in told.suggest("align")
    told.run(("a", None, used(100 * MB, cpu=1), ""))
    assert "+   requires cpu = 1, mem = 120MB" in told.suggest("align")


def test_runs_that_are_looked_at(told: Told) -> None:
    first = told.run(("a", None, used(3900 * MB), ""))
    for _ in range(20):
        told.run(("a", None, used(100 * MB), ""))
    assert "100MB" in told.suggest("align")
    assert "3900MB" not in told.suggest("align")
    assert "3.9GB" in told.suggest("align", "--all")
    assert "3.9GB" in told.suggest("align", "--run", first)


def test_a_program_that_has_changed_since(told: Told, snapshot: SnapshotAssertion) -> None:
    lab(told)
    told.folder.write("lab.csc", PROGRAM.replace("4GB", "400MB").replace("2 * n * 1MB", "3 * n * 1MB"))
    changed = told.suggest()
    told.folder.write("lab.csc", PROGRAM + "oops oops\n")
    broken = told.suggest("align")
    (told.folder.folder / "lab.csc").unlink()
    assert f"{changed}\n=====\n{broken}\n=====\n{told.suggest('align')}" == snapshot


def test_nothing_was_measured(project: Folder, snapshot: SnapshotAssertion) -> None:
    empty = project.shown(project.cascade("suggest").err)
    told = Told(project)
    told.run()
    nothing = told.suggest()
    told.run(("a", None, used(100 * MB), ""), ("m", None, None, ""))
    assert f"{empty}\n{nothing}\n{told.suggest('algin')}\n{told.suggest('merge')}" == snapshot


def test_two_programs_of_one_folder(project: Folder, snapshot: SnapshotAssertion) -> None:
    Told(project).run(("a", None, used(5 * GB), ""))
    other = Told(project, 'task align() -> int { sh "echo 1" }\nx = align()\noutput y = x\n', "other.csc")
    other.count = 5
    other.run(("x", None, used(3 * GB), ""))
    assert other.suggest() == snapshot


def test_a_damaged_run_is_passed_over(told: Told) -> None:
    told.run(("a", None, used(5 * GB), ""))
    bad = told.run(("a", None, used(6 * GB), ""))
    (told.folder.folder / ".cascade" / "runs" / bad / "journal.db").write_bytes(b"no database")
    said = told.suggest("align")
    assert "mem = 6GB" in said
    assert "note: the run RUN is left out: the journal" in said
