"""Pauses that freeze and end by themselves, drains, cancels and who gives way: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from live_runs import LiveRun, Project, is_alive, wait_until

from cascade_dsl.ir.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptFrozen,
    AttemptLost,
    AttemptStarted,
    AttemptThawed,
    CancelBegan,
    DrainBegan,
    NodeCancelled,
    RunEnded,
    ScopeCancelled,
    ScopePaused,
    ScopeResumed,
    ScopeRetried,
)
from cascade_dsl.ir.requirement import Scope

PROGRAM = """\
task tick(i: int) -> int {
  requires cpu = 0.01
  TIMEOUT
  sh "while [ ! -e go-{{i}} ]; do echo x >> ticks-{{i}}; sleep 0.01; done; echo 1"
}
task add(ones: list[int]) -> int { sh "echo {{len(ones)}}" }

got = [tick(i) for i in range(4)]
output sum = add(got)
"""
PYTHON = """\
task tick(i: int) -> int {
  python \"\"\"
    import os, time
    while not os.path.exists(f"go-{i}"):
        with open(f"ticks-{i}", "a") as file:
            print("x", file=file)
        time.sleep(0.01)
    return 1
  \"\"\"
}
got = [tick(i) for i in range(2)]
output sum = got
"""


def begin(project: Project, *more: str, program: str = PROGRAM, timeout: str = "", count: int = 4) -> LiveRun:
    project.write("p.csc", program.replace("TIMEOUT", timeout))
    run = project.start("run", "p.csc", *more)
    for i in range(count):
        project.wait_for(f"ticks-{i}", 2)
    return run


def said(project: Project, *words: str) -> str:
    done = project.cascade(*words)
    assert (done.code, done.err) == (0, "")
    return done.out.rstrip("\n")


def let_go(project: Project, *which: int) -> None:
    for i in which or range(4):
        (project.folder / f"go-{i}").touch()


def pids(project: Project) -> list[int]:
    return [row["pid"] for row in project.ps()["running"]]


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def wait_standing(project: Project) -> None:
    project.wait(lambda: all(state_of(pid) in "TD" for pid in pids(project)), "bodies that stand")


def stands_still(project: Project, count: int = 4) -> None:
    """Nothing is written while other processes come and go."""
    wait_standing(project)
    before = [len(project.lines(f"ticks-{i}")) for i in range(count)]
    for _ in range(2):
        project.cascade("ps")
    assert [len(project.lines(f"ticks-{i}")) for i in range(count)] == before


def goes_on(project: Project, i: int = 0) -> None:
    before = len(project.lines(f"ticks-{i}"))
    project.wait(lambda: len(project.lines(f"ticks-{i}")) > before, "progress")


@pytest.mark.parametrize(("program", "count"), [(PROGRAM, 4), (PYTHON, 2)], ids=["sh", "python"])
def test_what_is_frozen_stands_still_and_goes_on(project: Project, program: str, count: int) -> None:
    run = begin(project, program=program, count=count)
    assert said(project, "pause", "task:tick", "--freeze", "--because", "the disk is full") == (
        f"task:tick paused: {count} frozen, 0 waiting"
    )
    stands_still(project, count)
    ps = project.ps()
    assert (ps["nodes"]["running"], ps["nodes"]["frozen"], ps["paused"]) == (count, count, ["task:tick"])
    assert "  frozen task:tick by tester: the disk is full\n" in said(project, "ps") + "\n"
    assert said(project, "resume", "task:tick", "--because", "mended") == (
        f"task:tick resumed: {count} running, 0 waiting; {count} thawed"
    )
    for i in range(count):
        goes_on(project, i)
    let_go(project)
    assert run.finish().code == 0
    assert [e for _, e in project.of(ScopePaused)] == [
        ScopePaused(scope=Scope("task", "tick"), who="tester", because="the disk is full", freezes=True)
    ]
    assert [e.because for _, e in project.of(ScopeResumed)] == ["mended"]
    assert (len(project.of(AttemptFrozen)), len(project.of(AttemptThawed))) == (count, count)
    assert set(project.started().values()) == {1}


def test_a_timeout_stands_still_while_its_task_is_frozen(project: Project) -> None:
    run = begin(project, timeout="timeout 10s")
    said(project, "pause", "--freeze", "--for", "11s")
    stands_still(project)
    project.wait(lambda: project.of(AttemptThawed), "the end of the pause")
    assert project.of(AttemptFailed) == []
    ((_, resumed),) = project.of(ScopeResumed)
    assert resumed == ScopeResumed(scope=Scope("global"), expired=True)
    let_go(project)
    done = run.finish()
    assert (done.code, done.out) == (0, "sum = 4\n")


def test_a_pause_of_which_another_still_freezes(project: Project) -> None:
    begin(project)
    said(project, "pause", "--freeze")
    assert said(project, "pause", "task:tick", "--freeze", "--for", "1h") == (
        "task:tick paused for 1h: 4 frozen, 0 waiting"
    )
    assert said(project, "resume", "global") == (
        "global resumed: 4 running, 0 waiting, its limit of 1000 stands; 4 frozen by the pause of task:tick"
    )
    stands_still(project)
    assert said(project, "pause", "task:tick") == "task:tick stays paused: 4 running go on, 0 waiting"
    goes_on(project)
    assert said(project, "resume", "task:add") == "task:add was not paused: 0 running, 0 waiting"
    answer = project.cascade("pause", "task:add", "--until", "08:00", "--json").json
    (run,) = project.runs()
    assert answer.pop("until") > 0
    assert answer == {
        "run": run,
        "scope": "task:add",
        "applied": True,
        "before": {},
        "after": {"pause": 0},
        "running": 0,
        "waiting": 0,
        "effect": "task:add paused until 08:00: 0 running go on, 0 waiting",
        "frozen": 0,
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--for", "soon"), "`--for` takes a duration, not `soon`\n  help: write `--for 20m`\n"),
        (("--until", "25:00"), "`--until` takes a time of the day, not `25:00`\n  help: write `--until 08:00`\n"),
        (
            ("--until", "08:00", "--for", "1m"),
            "a pause has `--for` or `--until`, not both\n  help: leave one of them out\n",
        ),
    ],
)
def test_a_time_that_is_none_is_refused(project: Project, words: tuple[str, ...], message: str) -> None:
    begin(project)
    done = project.cascade("pause", *words)
    assert (done.code, done.out, done.err) == (2, "", f"error[CSC646]: {message}")
    assert project.of(ScopePaused) == []


def test_ctrl_c_twice_ends_a_frozen_run_and_nothing_is_left(project: Project) -> None:
    run = begin(project)
    said(project, "pause", "--freeze")
    wait_standing(project)
    run.interrupt()
    project.wait(lambda: "4 of what runs is frozen and ends only after `cascade resume`" in run.err, "the note")
    run.interrupt()
    assert run.finish().code == 130
    assert [e.why for _, e in project.of(AttemptLost)] == ["stopped"] * 4
    assert project.alive() == []


STRAYS = """\
task tick(i: int) -> int {
  requires cpu = 0.01
  sh "setsid sh -c 'while [ ! -e go-{{i}} ]; do echo x >> ticks-{{i}}; sleep 0.01; done' & wait; echo 1"
}
got = [tick(i) for i in range(2)]
output sum = got
"""


@pytest.mark.parametrize("who", ["engine", "warden"])
def test_kill_9_of_a_frozen_run_leaves_none_of_what_left_its_group(project: Project, who: str) -> None:
    run = begin(project, program=STRAYS, count=2)
    said(project, "pause", "--freeze")
    stands_still(project, 2)
    ps = project.ps()
    os.kill(ps["pid"] if who == "engine" else ps["warden"], signal.SIGKILL)
    assert run.finish().code != 0
    wait_until(lambda: project.alive() == [], "the end of all processes")


@pytest.mark.parametrize("who", ["engine", "warden"])
def test_kill_9_of_a_frozen_run_leaves_nothing_and_continue_runs_it_again(project: Project, who: str) -> None:
    run = begin(project)
    said(project, "pause", "task:tick", "--freeze", "--because", "lunch")
    wait_standing(project)
    ps, bodies = project.ps(), pids(project)
    os.kill(ps["pid"] if who == "engine" else ps["warden"], signal.SIGKILL)
    assert run.finish().code != 0
    wait_until(lambda: project.alive() == [], "the end of all processes")
    assert not any(is_alive(pid) for pid in bodies)
    let_go(project)
    again = project.start("continue")
    project.wait(lambda: project.of(AttemptLost), "the run to go on")
    assert project.ps()["nodes"]["ready"] == 4
    assert "paused" in said(project, "ps") or "frozen" in said(project, "ps")
    said(project, "resume")
    done = again.finish()
    assert (done.code, done.out) == (0, "sum = 4\n")


def test_drain_ends_the_run_when_what_runs_is_done_and_continue_goes_on(project: Project) -> None:
    run = begin(project)
    assert said(project, "drain", "--because", "maintenance") == (
        "drains: 4 running end, 1 not started stay for `cascade continue`"
    )
    assert said(project, "drain") == "the run drains already: an operator asked for it"
    ps = project.ps()
    assert ps["phase"] == "draining"
    assert "  draining by tester: maintenance\n" in said(project, "ps") + "\n"
    let_go(project)
    done = run.finish()
    assert done.code == 130
    assert project.shown(done.err).endswith("stopped: 4 tasks done, 1 not run in TIMEs; `cascade continue` goes on\n")
    assert [(e.who, e.because) for _, e in project.of(DrainBegan)] == [("tester", "maintenance")]
    assert "  tester: drain, because maintenance\n" in _without_times(said(project, "show"))
    again = project.cascade("continue")
    assert (again.code, again.out) == (0, "sum = 4\n")
    assert set(project.started().values()) == {1}


def _without_times(text: str) -> str:
    return "\n".join(line[:2] + line[12:] if line[4:5] == ":" else line for line in text.splitlines()) + "\n"


def test_drain_of_a_run_in_which_nothing_runs_is_answered(project: Project) -> None:
    run = begin(project)
    said(project, "limit", "task:add", "0")
    let_go(project)
    project.wait(lambda: len(project.of(AttemptFinished)) == 4, "four that are done")
    assert said(project, "drain") == "nothing runs: the run ends; `cascade continue` goes on with it"
    assert run.finish().code == 130


def test_drain_of_a_frozen_run_says_that_it_waits(project: Project) -> None:
    run = begin(project)
    said(project, "pause", "--freeze")
    assert said(project, "drain") == (
        "drains: 4 running end, 1 not started stay for `cascade continue`; "
        "4 frozen: the run cannot end before `cascade resume`"
    )
    let_go(project)
    assert said(project, "resume") == "resumed: global; 4 thawed"
    assert run.finish().code == 130


def test_cancel_stops_what_runs_and_the_run_ends(project: Project) -> None:
    run = begin(project)
    said(project, "pause", "--freeze")
    assert said(project, "cancel", "--because", "wrong input") == (
        "cancelled: 4 running are stopped, 1 not run; `cascade continue` goes on with the run"
    )
    assert run.finish().code == 130
    assert [(e.who, e.because) for _, e in project.of(CancelBegan)] == [("tester", "wrong input")]
    assert project.alive() == []


def test_a_cancelled_node_is_stopped_and_runs_again_when_the_run_is_gone_on_with(project: Project) -> None:
    run = begin(project, "--json")
    assert said(project, "cancel", "got.2", "--because", "it hangs") == "got[2] cancelled: it is stopped"
    project.wait(lambda: project.of(AttemptLost), "its end")
    let_go(project, 0, 1, 3)
    done = run.finish()
    assert done.code == 1
    assert (done.json["status"], done.json["failures"]) == ("failed", [])
    assert done.json["nodes"] == {"done": 3, "cached": 0, "failed": 0, "skipped": 1, "cancelled": 1, "held": 0}
    assert project.shown(done.err).endswith(
        "incomplete: 3 tasks done, 1 cancelled, 1 skipped in TIMEs; `cascade continue` runs what was cancelled\n"
    )
    assert [(e.who, e.because) for _, e in project.of(NodeCancelled)] == [("tester", "it hangs")]
    assert [(e.status, e.cancelled) for _, e in project.of(RunEnded)] == [("failed", 1)]
    assert "  got[2]  tick  cancelled" in said(project, "show")
    let_go(project)
    again = project.cascade("continue")
    assert (again.code, again.out) == (0, "sum = 4\n")
    assert project.started() == {"got[0]": 1, "got[1]": 1, "got[2]": 2, "got[3]": 1, "sum": 1}


def test_a_cancelled_scope_and_a_retry_of_one_of_it(project: Project) -> None:
    run = begin(project)
    said(project, "limit", "task:tick", "2", "--preempt")
    project.wait(lambda: len(project.of(AttemptLost)) == 2, "two that gave way")
    assert said(project, "cancel", "got.3") == "got[3] cancelled: it will not start"
    assert said(project, "cancel", "sum") == "sum cancelled: it will not start"
    assert said(project, "retry", "got.3") == "retry got[3]"
    let_go(project)
    done = run.finish()
    assert done.code == 1
    assert project.shown(done.err).endswith(
        "incomplete: 4 tasks done, 1 cancelled in TIMEs; `cascade continue` runs what was cancelled\n"
    )


def test_a_cancelled_scope_is_answered_and_ends_the_run_where_nothing_else_is_left(project: Project) -> None:
    run = begin(project)
    said(project, "limit", "task:tick", "0")
    assert said(project, "cancel", "task:tick", "--because", "enough") == (
        "task:tick cancelled: 4 stopped, 0 waiting do not start, nor does what comes later"
    )
    assert run.finish().code == 1
    assert [(e.scope, e.because) for _, e in project.of(ScopeCancelled)] == [(Scope("task", "tick"), "enough")]
    assert project.alive() == []


def test_a_scope_that_was_cancelled_is_retried(project: Project) -> None:
    run = begin(project)
    assert project.cascade("retry", "task:tick").err == (
        "error[CSC620]: nothing in `task:tick` is held, cancelled or in backoff\n"
        "  help: this run is one with `--on-failure finish`; with `hold` what fails is held until it is retried\n"
    )
    said(project, "cancel", "task:add", "--because", "not yet")
    assert project.cascade("cancel", "task:add").err == (
        "error[CSC644]: `task:add` is cancelled already\n  help: `cascade retry task:add` takes that back\n"
    )
    said(project, "cancel", "sum")
    let_go(project, 0)
    project.wait(lambda: len(project.of(AttemptFinished)) == 1, "one that is done")
    assert project.cascade("undo").err.splitlines()[1] == "  help: `cascade retry sum` runs it after all"
    assert said(project, "retry", "task:add", "--dry-run") == "retry task:add: sum; task:add is cancelled no more"
    assert said(project, "retry", "task:add") == "retry task:add: sum; task:add is cancelled no more"
    assert [e for _, e in project.of(ScopeRetried)] == [ScopeRetried(scope=Scope("task", "add"), who="tester")]
    said(project, "cancel", "task:add")
    assert project.cascade("undo").err.splitlines()[1] == "  help: `cascade retry task:add` runs it after all"
    assert said(project, "retry", "all") == "retry all: task:add is cancelled no more"
    log = [line[10:] for line in said(project, "log").splitlines()]
    let_go(project)
    done = run.finish()
    assert (done.code, done.out) == (0, "sum = 4\n")
    assert log == [
        "tester: cancel task:add, because not yet",
        "tester: cancel sum",
        "tester: retry task:add",
        "tester: cancel task:add",
        "tester: retry task:add",
    ]


BOTH = """\
task tick() { requires db
  sh "while [ ! -e go-0 ]; do echo x >> ticks-0; sleep 0.01; done" }
limit db 1
db = tick()
param n: int = 3
"""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("db",),
            "error[CSC643]: `db` is a resource and a node of this program\n"
            "  help: say which one: `cascade cancel db --as node`, or `--as scope` for all that demand it\n",
        ),
        (
            ("tick",),
            "error[CSC621]: nothing in this run is called `tick`\n"
            "  help: `cascade cancel task:tick` cancels all of the task\n",
        ),
        (("task:tock",), None),
        (
            ("task:tick", "--as", "node"),
            "error[CSC621]: nothing in this run is called `task:tick`\n  help: that is a scope: leave `--as node` out\n",
        ),
        (("n",), "error[CSC644]: `n` is no task: there is nothing to cancel\n  help: name a node that runs\n"),
    ],
)
def test_what_cannot_be_meant_is_refused(project: Project, words: tuple[str, ...], message: str | None) -> None:
    begin(project, program=BOTH, count=1)
    done = project.cascade("cancel", *words)
    assert (done.code, done.out) == (2, "")
    if message is not None:
        assert done.err == message
    else:
        assert "CSC302" in done.err
    assert project.of(NodeCancelled) == []
    assert said(project, "cancel", "db", "--as", "node") == "db cancelled: it is stopped"


def test_what_gives_way_is_queued_again_and_no_attempt_is_counted(project: Project) -> None:
    run = begin(project)
    (id_,) = project.runs()
    assert json.loads(said(project, "limit", "task:tick", "1", "--preempt", "--json")) == {
        "run": id_,
        "scope": "task:tick",
        "applied": True,
        "before": {},
        "after": {"hold": 1},
        "running": 4,
        "waiting": 0,
        "effect": "task:tick no limit → 1: 4 running, drains to 1; 3 stopped and queued again",
        "preempted": 3,
    }
    project.wait(lambda: len(project.of(AttemptLost)) == 3, "three that gave way")
    assert [e.why for _, e in project.of(AttemptLost)] == ["stopped to make room"] * 3
    assert said(project, "limit", "task:tick", "1", "--preempt").endswith("; nothing is stopped")
    assert project.started() == {f"got[{i}]": 1 for i in range(4)}
    let_go(project)
    assert run.finish().code == 0
    assert {e.attempt for _, e in project.of(AttemptStarted)} == {1}


IN_PLACE = """\
task make(i: int) -> made: list[file] = "made/{{i}}-*" {   # allow: written-in-place
  requires cpu = 0.01
  sh "mkdir -p made; echo new > made/{{i}}-new; echo x >> ticks-{{i}}; echo x >> ticks-{{i}}; cat go-{{i}}"
}
got = [make(i) for i in range(2)]
output files = got
"""


def test_what_gives_way_leaves_nothing_that_it_newly_made(project: Project) -> None:
    project.fifos(["go-0", "go-1"], folder=".")
    project.write("made/1-old", "old")
    begin(project, program=IN_PLACE, count=2)
    assert sorted(os.listdir(project.folder / "made")) == ["0-new", "1-new", "1-old"]
    said(project, "limit", "task:make", "1", "--preempt")
    project.wait(lambda: project.of(AttemptLost), "one that gave way")
    assert sorted(os.listdir(project.folder / "made")) == ["0-new", "1-old"]
    said(project, "cancel")
