"""Demands of memory that hold, and what attempts used, by the real program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from live_runs import Done, Project
from syrupy.assertion import SnapshotAssertion

from cascade_dsl.ir.events import AttemptFailed, AttemptFinished, AttemptStarted, PublishPlanned
from cascade_dsl.runtime.memory import MemoryDemands

BIG = """\
task big(n: int) -> size {
  requires cpu = 1, mem = 60MB
  retry TIMES
  python \"\"\"
    import time
    x = bytearray(b"1") * n
    time.sleep(0 if n < 100_000_000 else 600)
    return len(x)
  \"\"\"
}
task shell() {
  requires mem = 50MB
  sh "python3 -c 'import time; x = bytearray(200_000_000); time.sleep(600)' || true; sleep 600"
}
"""
_SIZE = re.compile(r"\d+(\.\d+)?(MB|MiB|GB)")


def shown(project: Project, done: Done) -> str:
    """Without the sizes that a machine measured: those of demands have the file's own numbers."""
    text = re.sub(r"used \S+ of memory", "used SIZE of memory", project.shown(done.err))
    return re.sub(r"`requires mem = \S+`", "`requires mem = SIZE`", text)


def test_a_failure_says_what_was_used_and_what_to_ask_for(project: Project, snapshot: SnapshotAssertion) -> None:
    tasks, said, failed = BIG.replace("retry TIMES", ""), "", list[AttemptFailed]()
    for name, rest in (("p.csc", "a = big(150_000_000)\noutput r = a\n"), ("q.csc", "shell()\n")):
        project.write(name, tasks + rest)
        done = project.cascade("run", name)
        assert done.code == 1
        said += shown(project, done)
        failed += [event for _, event in project.of(AttemptFailed)]
    assert said == snapshot
    assert [(f.reason, f.exit) for f in failed] == [("signal", -9)] * 2
    for one, demand in zip(failed, (60, 50), strict=True):
        assert one.used is not None
        assert one.used.peak_bytes > demand * 1_050_000


@pytest.mark.parametrize(("on", "attempts"), [("killed", 3), ("7", 1), ("timeout", 1)])
def test_it_is_retried_as_what_was_killed(project: Project, on: str, attempts: int) -> None:
    project.write(
        "p.csc", BIG.replace("TIMES", f"2 backoff 10ms..10ms on {on}") + "a = big(150_000_000)\noutput r = a\n"
    )
    done = project.cascade("run", "p.csc")
    assert done.code == 1, done.err
    assert len(project.of(AttemptFailed)) == attempts


def test_demands_may_be_left_to_the_scheduler(project: Project) -> None:
    program = BIG.replace("retry TIMES", "").replace("600)", "0.3)") + "a = big(150_000_000)\noutput r = a\n"
    project.write("p.csc", program)
    done = project.cascade("run", "p.csc", "--no-enforce-mem", "-v")
    assert (done.code, done.out) == (0, "r = 150000000\n"), done.err
    assert "memory: tasks are not held to what they demand\n" in done.err
    assert project.cascade("run", "p.csc", "--force").code == 1


def test_how_demands_are_held_is_said_where_much_is_said(project: Project) -> None:
    project.write("p.csc", BIG.replace("retry TIMES", "") + "a = big(10)\noutput r = a\n")
    said = project.cascade("run", "p.csc", "-v").err
    assert re.search(r"^memory: (tasks are looked at some times a second|the kernel holds tasks)", said, re.MULTILINE)
    assert "memory:" not in project.cascade("run", "p.csc").err
    project.write("q.csc", 'task t() { sh "true" }\nt()\n')
    assert "memory:" not in project.cascade("run", "q.csc", "-v").err


def test_every_end_in_the_journal_says_what_was_used(project: Project) -> None:
    project.write(
        "p.csc",
        'task f() -> o: file = "out/f" { sh "head -c 3000000 /dev/zero > {{o}}" }\n'
        'task v() -> int { sh "echo 1" }\n'
        'task p() -> int { python "return sum(range(10**6))" }\n'
        'task bad() { sh "head -c 2000000 /dev/zero | cat >/dev/null; exit 3" }\n'
        "output a = f()\noutput b = v()\noutput c = p()\nbad()\n",
    )
    assert project.cascade("run", "p.csc", "-k").code == 1
    planned = [event for _, event in project.of(PublishPlanned)]
    assert len(planned) == 1
    used = [*(e.used for e in planned), *(e.used for _, e in project.of(AttemptFailed))]
    ends = [event for _, event in project.of(AttemptFinished)]
    assert sum(e.used is None for e in ends) == 1  # of the file: it stands in its plan
    used += [e.used for e in ends if e.used is not None]
    assert len(used) == 4
    assert all(u is not None and u.peak_bytes > 0 and u.peak_from for u in used)
    assert used[0] is not None
    assert 3_000_000 <= used[0].written_bytes < 3_100_000
    assert used[1] is not None
    assert used[1].read_bytes >= 4_000_000  # by both ends of the pipe
    assert all(event.queued_ms >= 0 for _, event in project.of(AttemptStarted))


def test_a_program_without_demands_looks_for_no_groups(tmp_path: Path) -> None:
    from cascade_dsl.base.diagnostics import Source
    from cascade_dsl.lang.compile import compile_source

    graph = compile_source(Source("p.csc", 'task t() { sh "true" }\nt()\n'), folder=tmp_path).graph
    assert graph is not None
    memory = MemoryDemands(graph, enforce=True, warden=None)
    said: list[str] = []
    memory.tell(said.append)
    assert (memory.groups, said) == (None, [])
    memory.close()
